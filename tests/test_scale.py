"""Tests of weighted medians and the scale that they give."""

import numpy as np
import pytest

from skrobust._scale import SIGMA_PER_MAD, median, weighted_median


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
