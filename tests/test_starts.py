"""Tests of the starts: units, samples, the robust first fit, exact fits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skrobust import _starts
from skrobust._objective import MeanLoss
from skrobust._rows import LinearModel, Rows
from skrobust._solvers import minimise
from skrobust._starts import (
    first_fit,
    in_own_units,
    path,
    sample,
    scale,
    start_of,
    tame,
)
from skrobust.loss import General

LINE = LinearModel(True)


def noisy(n, p, seed=0):
    """Return rows of pure normal noise."""
    rng = np.random.default_rng(seed)
    return Rows(rng.normal(size=(n, p)), rng.normal(size=n))


def robust(rows, l2=0.0):
    """Return the first fit of rows as they are."""
    return first_fit(rows, LINE, l2, start_of(rows, LINE, l2))


def test_sample_is_small_repeatable_and_of_rows_that_count():
    rows = noisy(50_000, 2)
    assert len(np.unique(sample(rows))) == 4000
    assert_array_equal(sample(rows), sample(rows))
    weights = np.zeros(50_000)
    weights[::2] = 1
    assert weights[sample(Rows(rows.X, rows.y, weights))].all()
    weights[1000:] = 0  # so few count that they may all be taken
    few = Rows(rows.X, rows.y, weights)
    assert sample(few) is None


@pytest.mark.parametrize("unit", [1e-300, 1e-12, 1.0, 1e12, 1e300])
def test_typical_y_is_one_in_its_own_units(unit):
    y = unit * (7 + np.random.default_rng(0).normal(size=500))
    y[:50] = 7 * unit + 1e6 * unit
    rows = Rows(np.ones((500, 1)), y)
    rows, _ = in_own_units(rows, rows, LINE)
    _, own = rows.block(slice(None))
    assert 0.5 <= np.median(np.abs(own)) <= 2
    assert_array_equal(own * rows.unit, y - rows.centre)  # no digit is lost


def test_columns_far_from_zero_lose_their_mean_and_others_do_not():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3)) * [1, 1, 10] + [5, 1e4, 2000]
    rows = Rows(X, rng.normal(size=500))
    shift = in_own_units(rows, rows, LINE)[0].shift
    assert_allclose(shift, [0, X[:, 1].mean(), X[:, 2].mean()])
    assert in_own_units(rows, rows, LinearModel(False))[0].shift is None
    few = Rows(X[:3], rows.y[:3])
    assert_allclose(in_own_units(few, few, LINE)[0].shift, X[:3].mean(axis=0))


def test_tamed_rows_are_as_far_from_the_fit_as_they_may_be():
    rows = noisy(100, 2)
    rows.y[:3] = [1e30, -1e30, 40.0]
    params = np.array([1.0, 2.0, 3.0])
    tamed = tame(rows, LINE, params, 50.0)
    residuals = tamed.residuals(slice(None), LINE, params)
    assert_allclose(residuals[:2], [50, -50], rtol=1e-9)
    assert_array_equal(tamed.y[2:], rows.y[2:])
    assert tame(rows, LINE, params, 1e31) is rows


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [
        (2.0, [2]),
        (1.0, [1]),
        (1.5, [1.5]),
        (0.5, [1, 0.5]),
        (-2.0, [1, 0, -2]),
        (-np.inf, [1, 0, -2, -6, -14, -30, -np.inf]),
        (5.0, [3, 4, 5]),
        (np.inf, [3, 4, 6, 10, 18, 34, np.inf]),
    ],
)
def test_path_doubles_the_distance_from_two(alpha, expected):
    assert path(alpha) == expected


@pytest.mark.parametrize(("n", "p"), [(50, 5), (50, 10), (100, 30), (60, 35)])
def test_scale_is_consistent_however_many_coefficients(n, p):
    scales = [robust(noisy(n, p, seed)).scale for seed in range(40)]
    assert np.mean(scales) == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize(
    "weigh",
    [
        lambda rng, n: np.full(n, 1000.0),
        lambda rng, n: np.full(n, 0.001),
        lambda rng, n: rng.exponential(size=n),
        lambda rng, n: 1000 * rng.lognormal(sigma=1.5, size=n),
    ],
)
def test_scale_is_consistent_whatever_the_weights(weigh):
    scales = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rows = noisy(40, 12, seed)
        first = robust(Rows(rows.X, rows.y, weigh(rng, 40)))
        assert first.settled
        scales.append(first.scale)
    assert np.mean(scales) == pytest.approx(1, abs=0.25)
    assert min(scales) > 0


def test_rows_repeated_often_have_the_scale_of_the_rows():
    rows = noisy(40, 12)
    repeated = Rows(np.repeat(rows.X, 50, axis=0), np.repeat(rows.y, 50))
    assert robust(repeated).scale == pytest.approx(robust(rows).scale, rel=1e-6)


def test_scale_does_not_depend_on_the_size_of_the_outliers():
    scales = []
    for size in (1e3, 1e6, 1e12, 1.7e308):
        rows = noisy(300, 3)
        rows.y[:15] = size
        scales.append(robust(rows).scale)
    assert_allclose(scales, scales[0], rtol=1e-4)


@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_scale_is_that_of_the_fit_that_it_scales(l2):
    rows = noisy(400, 4)
    first = robust(rows, l2)
    assert first.settled
    assert first.rank == 5
    c, penalty = 0.2 * first.scale, 0.15 * l2
    again = minimise(
        MeanLoss(rows, LINE, General(1.0), c, penalty),
        first.params,
        tol=1e-8,
        max_iter=99,
    )
    found = scale(
        rows,
        lambda block: rows.residuals(block, LINE, again.params),
        spent=0 if l2 else 5,
    )
    assert found == pytest.approx(first.scale, rel=2e-3)


def test_penalty_shrinks_the_first_fit_as_it_does_least_squares():
    rows = noisy(5000, 3)
    y = rows.X @ [1.0, 2, 3] + rows.y
    rows = Rows(rows.X, y)
    shrunk = robust(rows, l2=1.0).params[:3]
    assert_allclose(shrunk, [0.5, 1, 1.5], atol=0.25)


def test_scale_settles_with_as_many_columns_as_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 60))
    first = robust(Rows(X, X @ rng.normal(size=60) + rng.normal(size=60)), l2=0.01)
    assert first.settled
    assert 0 < first.scale < 5


@pytest.mark.parametrize("share", [0.45, 0.49, 0.55, 0.7])
@pytest.mark.parametrize("n", [300, 20_000])
def test_scale_is_zero_only_where_more_than_half_the_rows_are_exact(share, n):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 2))
    y = X @ [1.0, 2.0]
    wrong = np.arange(n) >= share * n
    y[wrong] += rng.normal(scale=5, size=wrong.sum())
    first = robust(Rows(X, y))
    if share < 0.5:
        assert first.scale > 1e-3
        assert first.exact is None
    else:
        assert first.scale == 0
        assert_array_equal(first.exact, ~wrong)
        assert_allclose(first.params, [1, 2, 0], atol=1e-14)


def test_rounds_that_run_out_are_told(monkeypatch):
    monkeypatch.setattr(_starts, "MAX_ROUNDS", 1)
    rows = noisy(300, 2)
    rows.y[:100] += 30
    assert not robust(rows).settled
