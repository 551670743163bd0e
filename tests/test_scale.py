"""Tests of weighted medians and of robust scales."""

import numpy as np
import pytest
from scipy.optimize import brentq

from skrobust._scale import SIGMA_PER_MAD, MScale, median, weighted_median
from skrobust.loss import General, bisquare


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


S_LOSSES = {
    "bisquare": (bisquare, 1.5476449809322645),
    "welsch": (General(-np.inf), 0.5773502691896258),
    "geman_mcclure": (General(-2.0), 0.3060),
}
UNITS = [1e-300, 1e-12, 1.0, 1e12, 1e300]


def m_scale_of(name, excess, weights=None):
    family, c = S_LOSSES[name]
    return MScale(family, c, excess, weights)


def surplus(scale, m_scale, residuals):
    """Return how much the sum of the losses at a scale is above what it should be."""
    rho = m_scale.family.evaluate(residuals / scale, m_scale.c, 0)[0]
    weights = 1 if m_scale.weights is None else m_scale.weights
    return np.sum(weights * rho) / m_scale.family.supremum - m_scale.excess


@pytest.mark.parametrize("name", S_LOSSES)
@pytest.mark.parametrize("n", [5, 50, 100_003])
@pytest.mark.parametrize("guess", [None, 1e-6, 1e6])
def test_m_scale_solves_its_equation(name, n, guess):
    residuals = np.random.default_rng(n).standard_t(2, n)
    m_scale = m_scale_of(name, (n - 2) / 2)
    scale = m_scale(residuals, guess)
    root = brentq(surplus, scale / 2, scale * 2, (m_scale, residuals), xtol=1e-14)
    assert scale == pytest.approx(root, rel=1e-13)


@pytest.mark.parametrize("name", S_LOSSES)
@pytest.mark.parametrize("unit", UNITS)
def test_m_scale_has_the_unit_of_the_residuals(name, unit):
    residuals = np.random.default_rng(1).standard_t(1, 31)
    m_scale = m_scale_of(name, 15.0)
    assert m_scale(unit * residuals) / unit == pytest.approx(
        m_scale(residuals), rel=1e-14
    )


@pytest.mark.parametrize("name", S_LOSSES)
def test_weight_counts_rows_in_the_m_scale(name):
    rng = np.random.default_rng(0)
    residuals = rng.standard_t(2, 400)
    weights = rng.integers(0, 4, 400).astype(float)
    repeated = np.repeat(residuals, weights.astype(int))
    excess = 0.5 * (weights.sum() - 3)
    expected = m_scale_of(name, excess)(repeated)
    assert m_scale_of(name, excess, weights)(residuals) == pytest.approx(
        expected, rel=1e-14
    )
    third = m_scale_of(name, excess / 3, weights / 3)(residuals)
    assert third == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("weights", [None, np.ones(10)])
@pytest.mark.parametrize("guess", [None, 1.0])
def test_m_scale_of_mostly_zeros_is_zero(weights, guess):
    residuals = np.r_[np.zeros(6), 1.0, 2.0, -3.0, 1e30]
    assert m_scale_of("bisquare", 4.0, weights)(residuals, guess) == 0.0
    assert m_scale_of("bisquare", 10.0, weights)(residuals, guess) == 0.0
    # One more row that is off its fit leaves no room.
    assert m_scale_of("bisquare", 3.9, weights)(residuals, guess) > 0.0


@pytest.mark.parametrize("name", S_LOSSES)
@pytest.mark.parametrize("guess", [None, 1.0])
def test_m_scale_withstands_infinite_residuals(name, guess):
    residuals = np.random.default_rng(0).normal(size=100)
    clean = m_scale_of(name, 50.0)(residuals, guess)
    residuals[:40] = np.tile([np.inf, -np.inf, 1e300, -1e200], 10)
    assert clean < m_scale_of(name, 50.0)(residuals, guess) < 10 * clean
    residuals[40:80] = np.inf
    assert m_scale_of(name, 50.0)(residuals, guess) == np.inf


@pytest.mark.parametrize("name", S_LOSSES)
@pytest.mark.parametrize("weights", [None, np.arange(1.0, 51.0)])
def test_improved_scales_approach_the_exact_ones(name, weights):
    residuals = np.random.default_rng(0).standard_t(2, (7, 50))
    excess = 0.5 * (50 if weights is None else weights.sum()) - 2
    m_scale = m_scale_of(name, excess, weights)
    exact = np.array([m_scale(row) for row in residuals])
    scales = 1.3 * exact
    for tolerance in (0.2, 0.05, 1e-3, 1e-6):
        scales = m_scale.improved(residuals, scales)
        np.testing.assert_allclose(scales, exact, rtol=tolerance)


@pytest.mark.parametrize("weights", [None, np.array([1.0, 2.0, 0.5, 1.0, 1.5])])
def test_size_exceeded_is_a_quantile(weights):
    sizes = np.array([[5.0, 1.0, 4.0, 3.0, 2.0], [0.0, 0.0, 0.0, 0.0, 7.0]])
    found = MScale(bisquare, 1.5, 1.6, weights).sizes_exceeded(sizes)
    # From the largest on, the weights are 1, 1, 1 or 1, 0.5, 1, and 1 or 1.5, 1.
    assert found.tolist() == ([4.0, 0.0] if weights is None else [3.0, 0.0])


def test_rounding_of_weights_exceeds_nothing():
    weights = np.full(10, 0.1)
    assert weights[:3].sum() > 0.3  # by one unit in the last place
    residuals = np.r_[1.0, 2.0, 3.0, np.zeros(7)]
    m_scale = m_scale_of("bisquare", 0.3, weights)
    assert m_scale(residuals) == 0.0
    assert m_scale.sizes_exceeded(residuals) == 0.0
