"""Tests of the search for the regression with the smallest robust scale."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import comb

from skrobust import _rows, loss
from skrobust._concentration import Sample
from skrobust._rows import LinearModel, Rows
from skrobust._scale import MScale
from skrobust._search import RobustScale, SFit, preferred, search
from skrobust._solvers import minimise
from skrobust._subsets import central_halves, fits_through, random_subsets
from skrobust.datasets import make_outlier_regression

LMROB = json.loads((Path(__file__).parent / "data" / "lmrob.json").read_text("utf-8"))
FAMILIES = {"bisquare": loss.bisquare, "welsch": loss.General(-np.inf)}
BREAKDOWN_C = {"bisquare": 1.5476449809322645, "welsch": 1 / np.sqrt(3)}
HARD = {
    "categorical": {"n_features": 6, "contamination": 0.2, "n_samples": 120},
    "leverage_cluster": {"contamination": 0.4, "slope": 20.0},
    "leverage_point": {"contamination": 0.1, "slope": 1.0},
    "mixed": {"contamination": 0.4},
    "normal": {"n_samples": 40, "n_features": 6},
    "vertical": {"contamination": 0.4},
}


def problem(design, seed=0, **options):
    """Return X with a column of ones, y, and which rows are clean."""
    X, y, info = make_outlier_regression(
        design, random_state=seed, return_info=True, **{**HARD[design], **options}
    )
    return np.column_stack([X, np.ones(len(X))]), y, ~info.outlier


def found(X, y, weights=None, *, seed=0, kind="bisquare", intercept=True, **options):
    return search(
        X,
        y,
        weights,
        family=FAMILIES[kind],
        c=BREAKDOWN_C[kind],
        intercept=intercept,
        rng=np.random.default_rng(seed),
        **options,
    )


def scale_at(params, X, y, weights=None, kind="bisquare", l2=0.0, breakdown=0.5):
    """Return the robust scale of a fit, as an objective and as a number."""
    total = len(y) if weights is None else weights.sum()
    excess = breakdown * (total - np.linalg.matrix_rank(X))
    m_scale = MScale(FAMILIES[kind], BREAKDOWN_C[kind], excess, weights)
    objective = RobustScale(Rows(X[:, :-1], y, weights), LinearModel(True), m_scale, l2)
    return objective, m_scale(y - X @ params)


@pytest.mark.parametrize("kind", FAMILIES)
@pytest.mark.parametrize("name", LMROB["data"])
@pytest.mark.parametrize("seed", range(3))
def test_classical_data_have_the_minimum_of_lmrob(name, kind, seed):
    data = LMROB["data"][name]
    X, y = np.array(data["X"], float), np.array(data["y"], float)
    fits = search(
        np.column_stack([X, np.ones(len(X))]),
        y,
        family=FAMILIES[kind],
        c=LMROB["constants"][kind]["S"],
        intercept=True,
        rng=np.random.default_rng(seed),
    )
    best, reference = fits[0], data[kind]["scale"]
    assert best.scale == pytest.approx(reference, rel=2e-9)
    if reference:
        coef = np.r_[best.params[-1], best.params[:-1]]
        assert_allclose(coef, data[kind]["S_coef"], rtol=1e-7)
    assert preferred(fits) is best


@pytest.mark.parametrize("design", HARD)
@pytest.mark.parametrize("kind", FAMILIES)
def test_seed_makes_no_difference(design, kind):
    X, y, _ = problem(design)
    fits = [found(X, y, seed=seed, kind=kind) for seed in range(4)]
    for other in fits[1:]:
        assert other[0].scale == pytest.approx(fits[0][0].scale, rel=1e-12)
        assert_allclose(other[0].params, fits[0][0].params, rtol=1e-6, atol=1e-7)
        assert_allclose(preferred(other).params, preferred(fits[0]).params, atol=1e-6)


def test_no_subset_leads_lower():
    rng = np.random.default_rng(3)
    X = np.column_stack([rng.normal(size=(10, 2)), np.ones(10)])
    y = X @ [1.0, 2.0, 3.0] + rng.standard_t(1, 10)
    fits = found(X, y)
    values = []
    for rows in combinations(range(10), 3):
        start = np.linalg.lstsq(X[list(rows)], y[list(rows)])[0]
        objective, _ = scale_at(start, X, y)
        values.append(minimise(objective, start, tol=1e-6, max_iter=100).value)
    assert fits[0].scale == pytest.approx(np.exp(min(values)), rel=1e-10)


@pytest.mark.parametrize("kind", FAMILIES)
@pytest.mark.parametrize("l2", [0.0, 0.05])
def test_every_fit_is_a_minimum(kind, l2):
    X, y, _ = problem("leverage_point", contamination=0.2, slope=2.0)
    fits = found(X, y, kind=kind, l2=l2)
    assert len(fits) > 1 or l2  # with a penalty the others may vanish
    for fit in fits:
        objective, scale = scale_at(fit.params, X, y, kind=kind, l2=l2)
        assert fit.scale == pytest.approx(scale, rel=1e-13)
        solution = minimise(objective, fit.params, tol=1e-7, max_iter=0)
        assert solution.converged
    values = [fit.scale**2 + l2 * fit.params[:-1] @ fit.params[:-1] for fit in fits]
    assert values == sorted(values)


@pytest.mark.parametrize("n_features", [5, 10])
@pytest.mark.parametrize("contamination", [0.2, 0.3, 0.4])
def test_cluster_of_leverage_points_does_not_break_the_fit(n_features, contamination):
    for seed in range(5):
        X, y, _ = problem(
            "leverage_cluster",
            seed,
            n_features=n_features,
            contamination=contamination,
        )
        fits = found(X, y, seed=seed)
        for fit in (fits[0], preferred(fits)):
            assert np.square(fit.params[:-1]).sum() < 1.0  # 400 where it breaks


@pytest.mark.parametrize("contamination", [0.1, 0.2])
@pytest.mark.parametrize("slope", [1.0, 2.0])
def test_preferred_fit_does_not_lean_to_leverage_points(contamination, slope):
    errors = []
    for seed in range(5):
        X, y, _ = problem(
            "leverage_point", seed, contamination=contamination, slope=slope
        )
        fit = preferred(found(X, y, seed=seed))
        errors.append(np.square(fit.params[:-1]).sum())
    assert np.mean(errors) < 0.5 * slope**2  # slope**2 where it leans


def test_preferred_fit_is_the_best_one_unless_another_is_clearly_better_inside():
    best, near, far = (SFit(np.zeros(1), *at) for at in [(1, 2), (1.1, 1.95), (2, 1)])
    assert preferred([best]) is best
    assert preferred([best, near]) is best
    assert preferred([best, near, far]) is far
    unknown = SFit(np.zeros(1), 1.0)
    assert preferred([unknown, unknown._replace(scale=2.0)]) is unknown


def test_weight_is_how_often_a_row_counts():
    rng = np.random.default_rng(1)
    X, y, _ = problem("vertical", contamination=0.3)
    weights = rng.integers(0, 4, len(y)).astype(float)
    rows = np.repeat(np.arange(len(y)), weights.astype(int))
    y[weights == 0] = 1e300  # a row that is not there
    weighted, repeated = found(X, y, weights), found(X[rows], y[rows], seed=1)
    assert weighted[0].scale == pytest.approx(repeated[0].scale, rel=1e-12)
    assert weighted[0].inner == pytest.approx(repeated[0].inner, rel=1e-7)
    assert_allclose(weighted[0].params, repeated[0].params, atol=1e-7)


@pytest.mark.parametrize("unit", [1e-200, 1e-12, 1e12, 1e200])
def test_unit_of_y_is_that_of_the_fit(unit):
    X, y, _ = problem("vertical")
    one, other = found(X, y)[0], found(X, unit * y)[0]
    assert other.scale / unit == pytest.approx(one.scale, rel=1e-13)
    assert other.inner / unit == pytest.approx(one.inner, rel=1e-9)
    assert_allclose(other.params / unit, one.params, atol=1e-9)


def test_fit_is_equivariant():
    rng = np.random.default_rng(2)
    X, y, _ = problem("mixed", contamination=0.3)
    expected = found(X, y)[0]
    mix = np.eye(X.shape[1])
    units = np.geomspace(1e-6, 1e6, 5)
    mix[:-1, :-1] = rng.normal(size=(5, 5)) * units
    mix[-1, :-1] = 100.0 * units  # columns that are shifted
    moved = y + X @ np.arange(6.0)
    order = rng.permutation(len(y))
    fit = found((X @ mix)[order], moved[order], seed=5)[0]
    assert fit.scale == pytest.approx(expected.scale, rel=1e-9)
    assert_allclose(mix @ fit.params, expected.params + np.arange(6.0), rtol=1e-6)


@pytest.mark.parametrize("intercept", [True, False])
def test_dependent_columns_change_no_residual(intercept):
    X, y, _ = problem("vertical")
    one = found(X, y, intercept=intercept)[0]
    twice = np.column_stack([X[:, 0], np.full(len(y), 3.0), X])
    other = found(twice, y, intercept=intercept)[0]
    assert other.scale == pytest.approx(one.scale, rel=1e-12)
    assert_allclose(twice @ other.params, X @ one.params, atol=1e-6)
    assert other.params[0] == pytest.approx(other.params[2])  # shared, the shortest


def test_fit_through_most_rows_is_exact():
    rng = np.random.default_rng(0)
    X, _, _ = problem("normal", n_samples=100)
    y = X @ np.arange(1.0, 8.0)
    y[:40] += 1e3 * rng.normal(size=40)
    (fit,) = found(X, y)
    assert fit.scale == 0.0
    assert_allclose(fit.params, np.arange(1.0, 8.0), rtol=1e-12)
    # Rows that are nearly, but not exactly, on a plane are not on one.
    y[40:] += 1e-6 * rng.normal(size=60)
    assert 1e-7 < found(X, y)[0].scale < 1e-5


@pytest.mark.parametrize("value", [0.0, 7.0, 1e-30])
def test_one_distinct_target_is_an_exact_fit(value):
    X, y, _ = problem("normal")
    (fit,) = found(X, np.full(len(y), value))
    assert fit.scale == 0.0
    assert_allclose(X @ fit.params, value)


def test_far_rows_leave_the_digits_of_the_others_alone():
    X, y, _ = problem("vertical", coef=np.full(5, 3.0))
    expected = found(X, y)[0]
    outlier = int(np.argmax(np.abs(y - X @ expected.params)))
    X[outlier, :-1] = 1e15 * np.arange(1.0, 6.0)
    assert found(X, y)[0].scale == pytest.approx(expected.scale, rel=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
def test_many_rows_are_searched_in_parts(weighted):
    X, y, clean = problem(
        "leverage_cluster", n_samples=6000, n_features=4, contamination=0.3
    )
    weights = np.random.default_rng(0).uniform(0.5, 2, 6000) if weighted else None
    start = np.linalg.lstsq(X[clean], y[clean])[0]
    objective, _ = scale_at(start, X, y, weights)
    expected = minimise(objective, start, tol=1e-9, max_iter=100)
    best = found(X, y, weights)[0]
    assert best.scale == pytest.approx(np.exp(expected.value), rel=1e-12)
    assert_allclose(best.params, expected.params, atol=1e-7)


def test_many_columns_are_searched():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(1500, 60)), np.ones(1500)])
    y = X @ np.linspace(-1, 1, 61) + rng.normal(size=1500)
    y[:300] += 100.0
    best = found(X, y)[0]
    assert np.abs(best.params - np.linspace(-1, 1, 61)).max() < 0.3


def test_penalty_shrinks_the_coefficients_and_not_the_intercept():
    X, y, _ = problem("vertical", intercept=50.0, coef=np.full(5, 3.0))
    free, small, large = (found(X, y, l2=l2)[0] for l2 in (0.0, 0.1, 1e6))
    assert np.linalg.norm(small.params[:-1]) < np.linalg.norm(free.params[:-1])
    assert_allclose(large.params[:-1], 0.0, atol=1e-3)
    assert large.params[-1] == pytest.approx(50.0, abs=10.0)


@pytest.mark.parametrize("kind", FAMILIES)
@pytest.mark.parametrize("l2", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
def test_gradient_of_the_scale_is_that_of_its_value(kind, l2, weighted):
    X, y, _ = problem("vertical")
    weights = np.random.default_rng(0).uniform(0, 2, len(y)) if weighted else None
    params = np.linspace(-0.5, 0.5, 6)
    objective, _ = scale_at(params, X, y, weights, kind, l2)
    value, gradient = objective.evaluate(params)
    for i, step in enumerate(1e-6 * np.eye(6)):
        ahead, behind = (objective.evaluate(params + s)[0] for s in (step, -step))
        assert gradient[i] == pytest.approx((ahead - behind) / 2e-6, rel=1e-6, abs=1e-8)
    again, slope, metric, resolution = objective.expand(params)
    assert again == pytest.approx(value, rel=1e-14)
    assert_allclose(slope, gradient, atol=1e-13)
    assert np.linalg.eigvalsh(metric).min() > 0
    assert 0 < resolution < 1e-10


def test_metric_of_the_scale_is_its_hessian_where_the_loss_bends_up():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(60, 2)), np.ones(60)])
    y = X @ [1.0, 2.0, 3.0] + rng.uniform(-1, 1, 60)
    # With so few rows to be rejected, none is.
    objective, _ = scale_at(np.zeros(3), X, y, breakdown=0.05)
    params = minimise(objective, np.zeros(3), tol=1e-12, max_iter=100).params
    metric = objective.expand(params)[2]
    u = (y - X @ params) / objective.scale(y - X @ params)
    c = BREAKDOWN_C["bisquare"]
    floor = 0.1 * loss.bisquare.weight(u, c) / c**2
    assert (loss.bisquare.curvature(u, c) > floor).all()
    step = 1e-5 * np.eye(3)
    hessian = [
        (objective.evaluate(params + s)[1] - objective.evaluate(params - s)[1]) / 2e-5
        for s in step
    ]
    assert_allclose(metric, hessian, rtol=1e-6, atol=1e-8)


def test_blocks_and_threads_change_rounding_only(monkeypatch):
    X, y, _ = problem("vertical", n_samples=4000)
    params = np.linspace(-0.5, 0.5, 6)
    whole, _ = scale_at(params, X, y)
    expected = whole.expand(params)
    monkeypatch.setattr(_rows, "SMALLEST_BLOCK", 100)
    monkeypatch.setattr(_rows, "BLOCK_BYTES", 1)
    rows = Rows(X[:, :-1], y, threads=2)
    parts = RobustScale(rows, LinearModel(True), whole.scale).expand(params)
    for part, all_at_once in zip(parts, expected, strict=True):
        assert_allclose(part, all_at_once, rtol=1e-12, atol=1e-13)


def test_scale_of_an_exact_fit_has_no_logarithm():
    X, _, _ = problem("normal")
    params = np.arange(7.0)
    objective, _ = scale_at(params, X, X @ params)
    assert objective.at(params) == 0.0


@pytest.mark.parametrize("newton", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("l2", [0.0, 0.1, 30.0])
def test_steps_of_candidates_end_at_a_minimum(newton, weighted, l2):
    X, y, _ = problem("vertical", contamination=0.2)
    weights = np.random.default_rng(0).uniform(0.2, 3, len(y)) if weighted else None
    objective, _ = scale_at(np.zeros(6), X, y, weights, l2=l2)
    penalty = np.diag([l2] * 5 + [0.0])
    sample = Sample(X, y, objective.scale, penalty if l2 else None)
    end = minimise(objective, np.zeros(6), tol=1e-10, max_iter=100).params
    steps = sample.concentrate(sample.assess(np.zeros((1, 6))), 60, newton)
    assert_allclose(steps.params[0], end, atol=1e-6)
    assert steps.scales[0] == pytest.approx(objective.at(end), rel=1e-6)


@pytest.mark.parametrize(("n", "size", "count"), [(7, 3, 100), (50, 4, 500)])
def test_subsets_have_distinct_rows_and_use_all_alike(n, size, count):
    subsets = random_subsets(n, size, count, np.random.default_rng(0), None)
    few = comb(n, size) <= count
    assert len(subsets) == (comb(n, size) if few else count)
    assert all(len(set(rows)) == size for rows in subsets.tolist())
    used = np.bincount(subsets.ravel(), minlength=n)
    assert used.min() > 0.7 * used.mean()
    if few:
        assert len({tuple(rows) for rows in subsets.tolist()}) == len(subsets)


def test_subsets_prefer_heavy_rows():
    weights = np.r_[np.full(20, 1.0), np.full(20, 4.0)]
    subsets = random_subsets(40, 3, 5000, np.random.default_rng(0), weights)
    used = np.bincount(subsets.ravel(), minlength=40)
    assert used[20:].sum() / used[:20].sum() == pytest.approx(3.9, abs=0.3)


def test_dependent_rows_of_a_subset_are_replaced():
    rng = np.random.default_rng(0)
    level = np.r_[np.zeros(30, int), np.ones(28, int), 2, 2]
    X = np.column_stack([level == 1, level == 2, rng.normal(size=60), np.ones(60)])
    X, y = X.astype(float), rng.normal(size=60)
    subsets = np.array([[0, 1, 2, 3], [0, 0, 0, 0], [30, 31, 32, 33], [0, 30, 58, 59]])
    fits = fits_through(X, y, subsets, rng)
    on_fit = np.abs(y - fits @ X.T) < 1e-9
    assert (on_fit.sum(axis=1) == 4).all()
    for rows, passed in zip(subsets, on_fit, strict=True):
        assert passed[rows[0]]  # what is independent stays
        assert np.linalg.matrix_rank(X[passed]) == 4


def test_rows_that_span_too_little_have_the_shortest_fit():
    X = np.ones((5, 2))
    y = np.arange(5.0)
    fits = fits_through(X, y, np.array([[3, 1], [2, 4]]), np.random.default_rng(0))
    assert_allclose(fits, [[1.5, 1.5], [1.0, 1.0]])


@pytest.mark.parametrize("n_features", [2, 5, 10])
@pytest.mark.parametrize("contamination", [0.2, 0.45])
def test_tight_cluster_is_far_from_the_central_half(n_features, contamination):
    X, _, clean = problem(
        "leverage_cluster",
        n_samples=200,
        n_features=n_features,
        contamination=contamination,
    )
    halves, near = central_halves(X[:, :-1], steps=3)
    assert (halves.sum(axis=1) >= 100).all()
    assert not near[~clean].any()
    assert near[clean].mean() > 0.8
    assert not halves[0][~clean].any()


def test_constant_columns_do_not_tell_rows_apart():
    X, _, _ = problem("normal", n_samples=100)
    rare = (np.arange(100) < 3).astype(float)
    with_constant = np.column_stack([X, rare])
    near = central_halves(with_constant, steps=3)[1]
    assert np.array_equal(near, central_halves(X[:, :-1], steps=3)[1]) or near[:3].any()


def test_rows_that_are_mostly_at_the_centre_leave_the_others_their_say():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3)) * (rng.random((200, 1)) < 0.4)
    y = X @ [1.0, 2, 3] + rng.normal(scale=0.1, size=200)
    best = found(X, y, intercept=False)[0]
    assert_allclose(best.params, [1, 2, 3], atol=0.1)


@pytest.mark.parametrize("seed", [1003, 1006, 1028, 1045])
def test_vertical_outliers_decide_nothing_about_the_preferred_fit(seed):
    X, y, clean = problem("vertical", seed, contamination=0.45)
    fits = found(X, y)
    assert preferred(fits) is fits[0]
    assert np.abs(y - X @ fits[0].params)[clean].max() < 5
