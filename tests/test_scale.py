"""Tests of robust scales and tuning constants."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skrobust._scale import SIGMA_PER_MAD, median, tuning_constant, weighted_median

# c at which the loss is 85, 95 and 99 % efficient at the normal, computed with mpmath
# from E[psi']**2 / E[psi**2]; alpha=0 is 2.3849 / sqrt(2), alpha=-inf 2.9846 / sqrt(2),
# the constants of Cauchy's and Welsch's loss in the literature.
TUNING = {
    1.0: (0.509004, 1.287099, 2.730638),
    0.5: (0.817129, 1.551691, 2.931299),
    0.0: (0.971385, 1.686412, 3.033659),
    -1.0: (1.128173, 1.823762, 3.137701),
    -2.0: (1.208033, 1.893709, 3.190449),
    -4.0: (1.289166, 1.964689, 3.243743),
    -8.0: (1.355155, 2.022328, 3.286807),
    -np.inf: (1.456260, 2.110457, 3.352195),
}


@pytest.mark.parametrize(("alpha", "constants"), TUNING.items())
def test_tuning_constants_are_the_known_ones(alpha, constants):
    found = [tuning_constant(alpha, e) for e in (0.85, 0.95, 0.99)]
    assert_allclose(found, constants, atol=6e-7)


@pytest.mark.parametrize("alpha", [-np.inf, -2.0, 0.0, 1.0, 1.5, 3.0, 10.0, np.inf])
def test_tuning_constant_grows_with_efficiency(alpha):
    found = [tuning_constant(alpha, e) for e in (0.9, 0.95, 0.99, 0.999)]
    assert np.all(np.diff(found) >= 0)
    assert found[-1] > found[0]


def test_tuning_constant_has_a_floor_and_no_meaning_at_least_squares():
    assert tuning_constant(1.9, 0.5) == 0.1
    assert tuning_constant(2.0, 0.5) == tuning_constant(2.0, 0.99) == 1.0


def sweep_over(values, weights=None, blocks=7):
    """Return a sweep over blocks of values, as `median` takes it."""
    parts = np.array_split(np.arange(len(values)), blocks)

    def sweep(visit):
        seen = [
            visit(values[i], None if weights is None else weights[i]) for i in parts
        ]
        return tuple(sum(part[1:], part[0]) for part in zip(*seen, strict=True))

    return sweep


@pytest.mark.parametrize("n", [1, 2, 7, 1000, 1001])
@pytest.mark.parametrize("guess", [None, 0.69, 0.5, 1e-9, 1e9])
def test_median_in_blocks_is_that_of_numpy_whatever_the_guess(n, guess):
    values = np.random.default_rng(n).exponential(size=n)
    assert median(sweep_over(values), n / 2, guess) == np.median(values)


@pytest.mark.parametrize("guess", [None, 0.69, 3.0])
@pytest.mark.parametrize("rounding", [0, 1, 12])
def test_weight_counts_rows_in_the_median(guess, rounding):
    rng = np.random.default_rng(0)
    values = rng.exponential(size=400).round(rounding)
    weights = rng.integers(0, 4, 400).astype(float)
    repeated = np.median(np.repeat(values, weights.astype(int)))
    assert median(sweep_over(values, weights), weights.sum() / 2, guess) == repeated
    assert weighted_median(values, weights) == repeated
    assert weighted_median(-values, weights / 3) == -repeated


def test_guess_keeps_few_values():
    values = np.random.default_rng(0).exponential(size=10_000)
    kept = []

    def sweep(visit):
        result = visit(values, None)
        kept.append(len(result[1][0]))
        return result

    median(sweep, len(values) / 2, guess=0.7)
    assert len(kept) == 1
    assert kept[0] < 1000


def test_scale_is_consistent_at_the_normal():
    values = np.abs(np.random.default_rng(0).normal(scale=3.0, size=200_001))
    scale = SIGMA_PER_MAD * median(sweep_over(values), len(values) / 2)
    assert scale == pytest.approx(3.0, rel=0.01)
