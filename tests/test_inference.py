"""Tests of standard errors, tables and intervals."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.stats import norm, t

from skrobust import _rows, fit_general_dist, general_dist, loss
from skrobust._inference import (
    ScaleEstimate,
    covariance,
    exact_covariance,
    prediction_interval,
    shape_errors,
    standard_errors,
    summary_frame,
)
from skrobust._objective import Likelihood, MeanLoss
from skrobust._profile import Axis
from skrobust._rows import LinearModel, Rows
from skrobust._scale import MScale
from skrobust._search import RobustScale
from skrobust._solvers import minimise
from skrobust.loss import General
from skrobust.tuning import breakdown_constant, tuning_constant

LMROB = json.loads((Path(__file__).parent / "data" / "lmrob.json").read_text("utf-8"))
WITH_VCOV = [name for name, data in LMROB["data"].items() if "vcov" in data["welsch"]]
FAMILIES = {"bisquare": loss.bisquare, "welsch": General(-np.inf)}
INTERCEPT = LinearModel(True)


def minimum(objective, start=None, tol=1e-12):
    """Return where the mean loss is least, near a start."""
    if start is None:
        start = np.zeros(objective.rows.X.shape[1] + objective.model.intercept)
    return minimise(objective, start, tol=tol, max_iter=500).params


def data(n=60, p=3, seed=0):
    """Return X and y with a few outliers."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    y = X @ np.arange(1.0, p + 1) + 2 + rng.normal(size=n)
    y[: n // 12] += 8
    return X, y


def objective(X, y, family=None, c=1.5, l2=0.0, model=INTERCEPT, **rows):
    """Return the mean loss of a family, by default alpha = 1."""
    return MeanLoss(Rows(X, y, **rows), model, family or General(1.0), c, l2)


def mm_estimate(X, y, kind="bisquare", weights=None, l2=0.0, tol=1e-12):
    """Return an MM-estimate that starts from least squares, and its S-estimate."""
    family, rows = FAMILIES[kind], Rows(X, y, weights)
    c0 = breakdown_constant("bisquare" if kind == "bisquare" else -np.inf)
    c = tuning_constant("bisquare" if kind == "bisquare" else -np.inf)
    start = minimum(MeanLoss(rows, INTERCEPT, General(2.0), 1.0))
    scale = MScale(family, c0, 0.5 * (rows.total - len(start)), weights)
    robust = RobustScale(rows, INTERCEPT, scale)
    found = minimise(robust, start, tol=tol, max_iter=500).params
    sigma = robust.at(found)
    mean = MeanLoss(rows, INTERCEPT, family, c * sigma, l2)
    return (
        mean,
        minimum(mean, found, tol),
        ScaleEstimate(found, family, c0 * sigma, 0.5),
    )


@pytest.mark.parametrize("kind", FAMILIES)
@pytest.mark.parametrize("name", WITH_VCOV)
def test_covariance_is_that_of_lmrob(name, kind):
    found, constants = LMROB["data"][name][kind], LMROB["constants"][kind]
    X, y = (np.array(LMROB["data"][name][key], dtype=float) for key in "Xy")
    # In units and from a centre of their own, as fits have them.
    rows = Rows(X, y, shift=X.mean(axis=0).round(), centre=np.median(y), unit=4.0)
    params, first = (
        INTERCEPT.shifted(np.array(coef[1:]), coef[0], rows)
        for coef in (found["coef"], found["S_coef"])
    )
    sigma, family = found["scale"] / rows.unit, FAMILIES[kind]
    ours = covariance(
        MeanLoss(rows, INTERCEPT, family, constants["M"] * sigma),
        params,
        ScaleEstimate(first, family, constants["S"] * sigma, 0.5),
    )
    theirs = np.roll(found["vcov"], (-1, -1), (0, 1))
    errors = np.sqrt(np.diagonal(theirs))
    assert_allclose(ours.standard_errors, errors, rtol=1e-9)
    assert_allclose(ours.matrix / np.outer(errors, errors), _correlation(theirs), 1e-8)
    assert ours.freedom == len(y) - len(params)


def _correlation(matrix):
    """Return a matrix in units of its standard errors."""
    errors = np.sqrt(np.diagonal(matrix))
    return matrix / np.outer(errors, errors)


def jackknife(fit, n, step=1e-4):
    """Return the sum of squares of what a bit of weight on each row does to a fit."""
    moves = []
    for row in range(n):
        ends = []
        for sign in (1, -1):
            weights = np.ones(n)
            weights[row] += sign * step
            ends.append(fit(weights))
        moves.append((ends[0] - ends[1]) / (2 * step))
    return np.transpose(moves) @ moves


@pytest.mark.parametrize("l2", [0.0, 0.3])
@pytest.mark.parametrize(
    "family", [General(1.0), General(-2.0), General(2.0), loss.bisquare]
)
def test_covariance_is_the_infinitesimal_jackknife(family, l2):
    X, y = data(n=40)
    c = 6.0 if family is loss.bisquare else 2.0
    mean = objective(X, y, family, c, l2)
    start = minimum(objective(X, y))
    best = minimum(mean, start)

    def fit(weights):
        rows = replace(mean.rows, weights=weights)
        return minimum(replace(mean, rows=rows), best)

    found = covariance(mean, best)
    expected = jackknife(fit, 40) * (40 / found.freedom) ** 2
    assert_allclose(found.matrix, expected, rtol=1e-5, atol=1e-7)
    if l2:
        assert 36 < found.freedom < 40
    else:
        assert found.freedom == 36


@pytest.mark.parametrize(
    ("n", "seed", "l2", "indefinite"),
    [(40, 0, 0.0, False), (40, 0, 0.3, False), (8, 25, 0.0, True), (8, 83, 0.0, True)],
)
def test_covariance_with_a_scale_is_the_jackknife_of_both_steps(
    n, seed, l2, indefinite
):
    X, y = data(n, seed=seed)
    mean, best, first = mm_estimate(X, y, l2=l2)
    residuals = y - X @ first.params[:3] - first.params[3]
    c0 = breakdown_constant("bisquare")

    def fit(weights, stretch=1.0):
        scale = MScale(loss.bisquare, c0, 0.5 * (weights.sum() - 4), weights)
        c = mean.c * stretch * scale(residuals) * c0 / first.c
        rows = replace(mean.rows, weights=weights)
        return minimum(replace(mean, rows=rows, c=c), best)

    ends = [fit(np.ones(n), np.exp(step)) for step in (1e-4, -1e-4)]
    fall = residuals @ loss.bisquare.psi(residuals, first.c) * 6
    by_chi = (ends[0] - ends[1]) / 2e-4 / fall
    # The variance of n chi in the limit is less than about b by 2 b**2 p.
    limit = jackknife(fit, n) - 4 / 2 * np.outer(by_chi, by_chi)
    assert (np.linalg.eigvalsh(limit)[0] < 0) == indefinite
    expected = jackknife(fit, n) if indefinite else limit
    found = covariance(mean, best, first).matrix
    assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("first", [False, True])
def test_weight_is_how_often_a_row_counts(first):
    X, y = data()
    counts = np.arange(60) % 3
    mean, best, start = mm_estimate(X, y, weights=counts.astype(float))
    many = np.repeat(np.arange(60), counts)
    repeated = replace(mean, rows=Rows(X[many], y[many]))
    start = start if first else None
    found, expected = (covariance(m, best, start) for m in (mean, repeated))
    assert_allclose(found.matrix, expected.matrix, rtol=1e-9)
    assert (found.total, found.freedom) == (60, 56)


@pytest.mark.parametrize("kind", FAMILIES)
def test_covariance_moves_with_the_units(kind):
    X, y = data()
    mean, best, first = mm_estimate(X, y, kind)
    expected = covariance(mean, best, first)
    turn = np.array([[2.0, 1, 0], [0, 1, 0], [0, 5, 1e4]])
    shift, unit = np.array([1e6, 0, -30.0]), 2.0**-20
    # Features X A + shift and 3 y, as a fit reads them.
    rows = Rows(X @ turn + shift, 3 * y, shift=shift + 0.5, centre=7.0, unit=unit)
    there = np.append(3 * np.linalg.solve(turn, best[:3]), 0.0)
    there[3] = 3 * best[3] - shift @ there[:3]
    params = INTERCEPT.shifted(there[:3], there[3], rows)
    start = np.append(3 * np.linalg.solve(turn, first.params[:3]), 0.0)
    start[3] = 3 * first.params[3] - shift @ start[:3]
    start = INTERCEPT.shifted(start[:3], start[3], rows)
    found = covariance(
        MeanLoss(rows, INTERCEPT, mean.family, 3 * mean.c / unit),
        params,
        first._replace(params=start, c=3 * first.c / unit),
    )
    move = np.eye(4)
    move[:3, :3] = 3 * np.linalg.inv(turn)
    move[3] = [*(-shift @ move[:3, :3]), 3.0]
    want = move @ expected.root
    assert_allclose(_correlation(found.matrix), _correlation(want @ want.T), rtol=1e-6)
    errors = np.linalg.norm(want, axis=1)
    assert_allclose(found.standard_errors, errors, rtol=1e-8)
    # Errors of predictions keep their digits although columns are far from zero.
    new = Rows(rows.X, np.empty(0))
    old = standard_errors(Rows(X, np.empty(0)), expected)
    assert_allclose(standard_errors(new, found), 3 * old, rtol=1e-7)


@pytest.mark.parametrize("unit", [1e-150, 1e150])
def test_units_as_small_and_large_as_floats_are_no_problem(unit):
    X, y = data()
    mean, best, first = mm_estimate(X, y)
    far = replace(mean, rows=Rows(X, y * unit), c=mean.c * unit)
    there = first._replace(params=first.params * unit, c=first.c * unit)
    found = covariance(far, best * unit, there).standard_errors / unit
    assert_allclose(found, covariance(mean, best, first).standard_errors, rtol=1e-9)


def test_factor_of_the_features_makes_no_difference():
    X, y = data()
    mean, best, first = mm_estimate(X, y)
    factor = np.linalg.qr(X @ np.diag([1.0, 100, 1e-5]))[1] + np.eye(3)
    rows = replace(mean.rows, factor=factor)

    def there(params):
        return np.append(factor @ params[:3], params[3])

    found = covariance(
        replace(mean, rows=rows),
        there(best),
        first._replace(params=there(first.params)),
    )
    assert_allclose(found.matrix, covariance(mean, best, first).matrix, rtol=1e-9)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("convert", [np.asfortranarray, sparse.csr_array])
def test_storage_blocks_and_threads_make_no_difference(convert, intercept, monkeypatch):
    X, y = data(200)
    model = LinearModel(intercept)
    mean = objective(X, y, General(-2.0), model=model, weights=np.arange(200) % 4.0)
    best = minimum(mean)
    first = ScaleEstimate(best + 0.1, loss.bisquare, 2.0, 0.5)
    expected = covariance(mean, best, first)
    new = standard_errors(Rows(X, np.empty(0)), expected)
    monkeypatch.setattr(_rows, "BLOCK_BYTES", 1)
    monkeypatch.setattr(_rows, "SMALLEST_BLOCK", 17)
    stored = replace(mean, rows=replace(mean.rows, X=convert(X), threads=2))
    found = covariance(stored, best, first)
    assert found.intercept == intercept
    assert_allclose(found.matrix, expected.matrix, rtol=1e-10)
    blocks = standard_errors(Rows(convert(X), np.empty(0), threads=2), found)
    assert_allclose(blocks, new, rtol=1e-10)
    z = np.column_stack([X, np.ones(200)])[:, : 3 + intercept]
    variances = np.einsum("ij,jk,ik->i", z, expected.matrix, z)
    assert_allclose(new, np.sqrt(variances), rtol=1e-10)


def test_alpha_and_c_may_differ_by_row():
    X, y = data()
    alpha, c = np.where(y > 0, 1.0, 2.0), np.linspace(1, 3, 60)
    mean = objective(X, y, General(alpha), c)
    best = minimum(mean)
    r = y - X @ best[:3] - best[3]
    z = np.column_stack([X, np.ones(60)])
    psi = c**2 * loss.psi(r, alpha, c)
    bread = np.linalg.inv(z.T @ (z * (c**2 * loss.curvature(r, alpha, c))[:, None]))
    expected = bread @ (z.T @ (z * psi[:, None] ** 2)) @ bread * (60 / 56) ** 2
    assert_allclose(covariance(mean, best).matrix, expected, rtol=1e-9)


def test_what_rows_do_not_determine_has_no_standard_error():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 3, 60)
    slope = rng.normal(size=60)
    y = slope + group + rng.normal(size=60)
    full = np.column_stack([slope, np.eye(3)[group], np.full(60, 7.0) * (group > 5)])
    fewer = full[:, :3]
    small = objective(fewer, y)
    at_small = minimum(small)
    large = objective(full, y)
    found = covariance(large, minimum(large))
    expected = covariance(small, at_small)
    assert found.determined.tolist() == [True, False, False, False, False, False]
    assert found.freedom == expected.freedom == 56
    assert_allclose(found.standard_errors[0], expected.standard_errors[0], rtol=1e-6)
    assert np.isnan(found.standard_errors[1:]).all()
    assert np.isnan(found.matrix).sum() == 35
    # What is predicted for the groups that were there is determined, ...
    new = full[:5].copy()
    same = standard_errors(Rows(fewer[:5], np.empty(0)), expected)
    assert_allclose(standard_errors(Rows(new, np.empty(0)), found), same, rtol=1e-6)
    # ... for one that was not, or for two at once, it is not.
    new[0, 1:4] = 0
    new[1, 1:4] = 1
    new[2, 4] = 1
    infinite = np.isinf(standard_errors(Rows(new, np.empty(0)), found))
    assert infinite.tolist() == [True, True, True, False, False]


def test_constant_column_leaves_its_coefficient_and_the_intercept_open():
    X, y = data()
    X = np.column_stack([X, np.full(60, 5.0)])
    mean = objective(X, y, shift=np.array([0, 0, 0, 5.0]))
    found = covariance(mean, minimum(mean))
    assert found.determined.tolist() == [True, True, True, False, False]
    assert np.isfinite(standard_errors(Rows(X[:3], np.empty(0)), found)).all()


def test_column_of_rejected_rows_has_no_standard_error():
    X, y = data()
    X[:, 2] = np.arange(60) < 3
    y[:3] += 1000
    mean = objective(X, y, loss.bisquare, 5.0)
    best = minimum(objective(X[3:], y[3:]), np.zeros(4))
    best = minimum(mean, best)
    assert abs(best[2]) < 1
    found = covariance(mean, best)
    assert found.determined.tolist() == [True, True, False, True]


def test_where_the_loss_bends_down_there_is_no_standard_error():
    X, y = data()
    mean = objective(X, y, General(-np.inf), 1.0, model=LinearModel(False))
    hill = np.full(3, 9.0)
    assert loss.curvature(y - X @ hill, -np.inf).sum() < 0
    found = covariance(mean, hill)
    assert np.isnan(found.standard_errors).all()


def test_fit_with_a_penalty_determines_everything():
    X, y = data(20, 30)
    mean = objective(X, y, l2=0.1)
    found = covariance(mean, minimum(mean))
    assert 0 < found.freedom < 20
    assert np.isfinite(found.standard_errors).all()
    assert np.isfinite(standard_errors(Rows(X + 1, np.empty(0)), found)).all()


def test_weights_that_are_no_counts_leave_no_degrees_of_freedom():
    X, y = data()
    mean = objective(X, y, weights=np.full(60, 1 / 60))
    found = covariance(mean, minimum(mean))
    assert found.freedom == pytest.approx(-3)
    assert np.isnan(found.standard_errors).all()
    frame = summary_frame(np.ones(3), 1.0, found)
    assert frame[["std_err", "p", "low", "high"]].isna().all(axis=None)
    for alpha in (None, 1.0):
        ends = prediction_interval(
            np.ones(2), np.ones(2), found, scale=1.0, alpha=alpha
        )
        assert np.isnan(ends).all()


def test_exact_fit_has_no_error_where_it_determines():
    X, y = data()
    X[:, 2] = np.arange(60) < 10
    fitted = np.arange(60) >= 10
    weights = np.where(np.arange(60) == 10, 0.0, 2.0)
    X[10, 2] = 1.0  # in a row that is fitted, but not there
    rows = Rows(X, y, weights)
    found = exact_covariance(rows, INTERCEPT, fitted)
    assert found.determined.tolist() == [True, True, False, True]
    assert found.standard_errors[found.determined].tolist() == [0, 0, 0]
    assert found.freedom == 115
    frame = summary_frame(np.array([2.0, 0.0, 0.0]), 1.0, found)
    assert frame.loc["x0"].tolist() == [2.0, 0.0, np.inf, 0.0, 2.0, 2.0]
    assert frame.loc["x1"].isna().tolist() == [False, False, True, True, False, False]
    assert frame.loc["x2"].isna().tolist() == [False, *[True] * 5]


def test_many_features_have_no_covariance():
    X = sparse.csr_array(np.eye(30, 1501))
    mean = objective(X, np.arange(30.0), l2=1.0)
    params = np.zeros(1502)
    assert covariance(mean, params) is None
    assert exact_covariance(mean.rows, INTERCEPT, np.ones(30, bool)) is None
    message = r"for at most 1500 features\. Got 1501\. Fit fewer"
    with pytest.raises(ValueError, match=message):
        summary_frame(params[:-1], 0.0, None)
    with pytest.raises(ValueError, match=message):
        standard_errors(mean.rows, None)


def shapes(shape, scale, weights, bounds=(0.0, np.inf), unit=1.0, **given):
    """Return the errors of a learnt alpha and c, where they are not given."""
    n = len(weights)
    rows = Rows(np.zeros((n, 1)), np.zeros(n), weights, unit=unit)
    learnt = {"alpha": None, "c": None, **given}
    objective = Likelihood(rows, LinearModel(False), axis=Axis(*bounds), **learnt)
    params = objective.start(np.zeros(1), shape, scale / unit)
    return shape_errors(objective, params)


def test_errors_of_alpha_and_c_are_those_of_the_fit_without_features():
    r = np.random.default_rng(0).standard_t(4, size=300)
    weights = np.arange(300) % 3.0
    fit = fit_general_dist(r, sample_weight=weights)
    found = shapes(fit.alpha, fit.c, weights, unit=0.25)
    assert_allclose(found["alpha"], (fit.alpha, fit.alpha_se), rtol=1e-12)
    assert_allclose(found["c"], (fit.c, fit.c_se), rtol=1e-12)
    fit = fit_general_dist(r, alpha=1.0, sample_weight=weights)
    found = shapes(1.0, fit.c, weights, alpha=1.0)
    assert list(found) == ["c"]
    assert_allclose(found["c"], (fit.c, fit.c_se), rtol=1e-12)
    fit = fit_general_dist(r, c=2.0, sample_weight=weights)
    found = shapes(fit.alpha, 2.0, weights, c=2.0)
    assert list(found) == ["alpha"]
    assert_allclose(found["alpha"], (fit.alpha, fit.alpha_se), rtol=1e-12)


@pytest.mark.parametrize(
    ("alpha", "bounds"), [(2.0, (0.0, 3.0)), (0.5, (0.5, 2.0)), (1.5, (0.0, 1.5))]
)
def test_alpha_on_a_bound_or_at_2_has_no_error_and_c_that_of_a_given_alpha(
    alpha, bounds
):
    found = shapes(alpha, 3.0, np.ones(50), bounds)
    assert found["alpha"][0] == alpha
    assert np.isnan(found["alpha"][1])
    assert_allclose(
        found["c"], shapes(alpha, 3.0, np.ones(50), alpha=alpha)["c"], rtol=1e-12
    )
    assert np.isfinite(found["c"]).all()


def test_information_about_c_is_the_sum_of_that_of_all_alphas():
    alpha, weights = np.repeat([1.0, 2.0, 0.0], 10), np.repeat([1.0, 2.0, 0.0], 10)
    _, error = shapes(alpha, 3.0, weights, alpha=alpha)["c"]
    one, two = (
        shapes(a, 3.0, np.ones(n), alpha=a)["c"][1] for a, n in ((1.0, 10), (2.0, 20))
    )
    assert error == pytest.approx((one**-2 + two**-2) ** -0.5, rel=1e-12)


def test_summary_has_tests_and_intervals():
    X, y = data()
    mean = objective(X, y)
    best = minimum(mean)
    found = covariance(mean, best)
    shape = {"alpha": (1.9, 0.2), "c": (2.0, 0.5)}
    frame = summary_frame(
        best[:3], best[3], found, names=["a", "b", "d"], shape=shape, coverage=0.9
    )
    assert frame.index.tolist() == ["intercept", "a", "b", "d", "alpha", "c"]
    assert frame.columns.tolist() == ["coef", "std_err", "t", "p", "low", "high"]
    value, error, ratio, p, low, high = frame.loc["b"]
    assert (value, error) == (best[1], found.standard_errors[1])
    assert ratio == value / error
    assert p == pytest.approx(2 * t.sf(abs(ratio), 56))
    assert t.cdf((high - value) / error, 56) == pytest.approx(0.95)
    assert value - low == pytest.approx(high - value)
    assert frame.loc["intercept", "coef"] == best[3]
    assert frame.loc["intercept", "std_err"] == found.standard_errors[3]
    assert frame.loc[["alpha", "c"], ["t", "p"]].isna().all(axis=None)
    z = norm.ppf(0.95)
    assert_allclose(frame.loc["c", ["low", "high"]], 2 * np.exp([-z / 4, z / 4]))
    assert_allclose(frame.loc["alpha", ["low", "high"]], [1.9 - 0.2 * z, 1.9 + 0.2 * z])
    bounded = summary_frame(best[:3], 0, found, shape=shape, alpha_bounds=(1.8, 2.0))
    assert bounded.loc["alpha", ["low", "high"]].tolist() == [1.8, 2.0]


def test_summary_without_an_intercept_has_no_row_for_it():
    X, y = data()
    mean = objective(X, y, model=LinearModel(False))
    best = minimum(mean)
    frame = summary_frame(best, None, covariance(mean, best))
    assert frame.index.tolist() == ["x0", "x1", "x2"]


def test_summary_without_pandas_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"summary gives a DataFrame.*pip install"):
        summary_frame(np.ones(2), 0.0, None)


def test_prediction_interval_has_the_quantiles_of_both_errors():
    X, y = data()
    mean = objective(X, y)
    found = covariance(mean, minimum(mean))
    ends = prediction_interval(
        np.array([1.0, 2.0]), np.array([3.0, np.inf]), found, scale=4.0, coverage=0.9
    )
    half = 5 * t.ppf(0.95, 56)
    assert_allclose(ends, [[1 - half, 1 + half], [-np.inf, np.inf]])
    ends = prediction_interval(
        np.zeros(1), np.zeros(1), found, scale=2.0, alpha=0.5, coverage=0.8
    )
    c = 2 * np.sqrt(60 / 56)
    assert_allclose(general_dist.cdf(ends, 0.5, scale=c), [[0.1, 0.9]])


def huber(X, y):
    """Return a fit by Huber's loss and its covariance."""
    mean = objective(X, y, loss.huber, 1.345)
    best = minimum(mean, tol=1e-8)
    return best, covariance(mean, best), 1.0


def bisquare(X, y):
    """Return an MM-estimate and its covariance."""
    mean, best, first = mm_estimate(X, y, tol=1e-6)
    return best, covariance(mean, best, first), mean.c / tuning_constant("bisquare")


@pytest.mark.parametrize("fit", [huber, bisquare])
@pytest.mark.parametrize("contamination", [0, 10])
def test_intervals_cover(fit, contamination):
    # Of 1000 slopes, whose share has a standard error of 0.007.
    rng = np.random.default_rng(0)
    covered, targets = [], []
    for _ in range(200):
        X, y = rng.normal(size=(100, 5)), rng.normal(size=100)
        y[:contamination] += 4
        best, found, scale = fit(X, y)
        frame = summary_frame(best[:5], best[5], found)
        covered.append((frame["low"] <= 0) & (frame["high"] >= 0))
        new = Rows(rng.normal(size=(20, 5)), np.empty(0))
        ends = prediction_interval(
            new.X @ best[:5] + best[5],
            standard_errors(new, found),
            found,
            scale=scale,
            coverage=0.95,
        )
        targets.append(norm.cdf(ends[:, 1]) - norm.cdf(ends[:, 0]))
    share = np.mean(covered, axis=0)[1:].mean()
    assert (0.90 if contamination else 0.93) < share < (1 if contamination else 0.97)
    assert np.mean(targets) > 0.93
