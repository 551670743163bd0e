"""Tests of the linear regressor."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV

from skrobust import AdaptiveLossRegressor, _starts, loss
from skrobust._objective import MeanLoss
from skrobust._rows import LinearModel, Rows
from skrobust.loss import General

COEF = np.array([1.0, -2.0, 3.0])
ALPHAS = [2.0, 1.5, 1.0, 0.5, 0.0, -2.0, -9.0, -np.inf, 4.0]
ROBUST = [a for a in ALPHAS if a < 2]


@pytest.fixture
def plane():
    """Return 300 samples of a plane, noise 0.1, of which 15 % are 20 too high."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = X @ COEF + 5 + rng.normal(scale=0.1, size=300)
    y[rng.choice(300, 45, replace=False)] += 20
    return X, y


def mean_loss(model, X, y, weights=None):
    """Return the objective that a fitted model minimises, as its docstring has it."""
    rho = model.c_**2 * loss.rho(y - model.predict(X), model.alpha_, model.c_)
    return np.average(rho, weights=weights) + model.l2 / 2 * model.coef_ @ model.coef_


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("c", ["auto", 0.3])
@pytest.mark.parametrize("l2", [0.0, 0.05])
def test_gradient_vanishes_at_the_fit(plane, alpha, c, l2):
    X, y = plane
    if alpha == 4 and c != "auto":
        c = 3.0
    weights = np.random.default_rng(1).uniform(0, 2, len(y))
    model = AdaptiveLossRegressor(alpha, c, l2=l2).fit(X, y, weights)
    residuals = y - model.predict(X)
    psi = model.c_ * loss.psi(residuals, alpha, model.c_) * weights / weights.sum()
    penalty = l2 * model.coef_ / model.c_
    steep = max(1.0, psi @ psi)  # of alpha=4, far from the scale
    assert_allclose(X.T @ psi - penalty, 0, atol=3e-8 * steep)
    assert psi.sum() == pytest.approx(0, abs=3e-8 * steep)


@pytest.mark.parametrize("alpha", ROBUST)
def test_no_nearby_point_is_lower(plane, alpha):
    X, y = plane
    model = AdaptiveLossRegressor(alpha).fit(X, y)
    lowest = mean_loss(model, X, y)
    for step in np.vstack([np.eye(4), -np.eye(4)]) * model.c_ * 1e-3:
        other = pickle.loads(pickle.dumps(model))
        other.coef_, other.intercept_ = (
            model.coef_ + step[:3],
            model.intercept_ + step[3],
        )
        assert mean_loss(other, X, y) > lowest


@pytest.mark.parametrize("alpha", ROBUST[1:])
def test_outliers_do_not_move_the_fit(plane, alpha):
    model = AdaptiveLossRegressor(alpha).fit(*plane)
    assert_allclose(model.coef_, COEF, atol=0.06)
    assert model.scale_ == pytest.approx(0.1, rel=0.3)
    outlying = plane[1] - plane[0] @ COEF > 15
    assert model.weights_[outlying].max() < model.weights_[~outlying].min()


@pytest.mark.parametrize("alpha", [0.0, -2.0, -np.inf])
def test_rejected_outliers_cost_nothing_but_their_number(plane, alpha):
    X, y = plane
    inlying = y - X @ COEF < 15
    all_rows = AdaptiveLossRegressor(alpha, c=0.2).fit(X, y)
    good_rows = AdaptiveLossRegressor(alpha, c=0.2).fit(X[inlying], y[inlying])
    assert_allclose(all_rows.coef_, good_rows.coef_, atol=2e-3)


def test_smaller_alpha_walks_down_to_the_inliers_from_a_start_that_is_off():
    rng = np.random.default_rng(0)
    x = np.linspace(0, 1, 200)
    y = x + rng.normal(scale=0.05, size=200)
    y[x > 0.8] = 10  # a fifth of the rows, all on one side
    model = AdaptiveLossRegressor(-np.inf, c=0.2).fit(x[:, None], y)
    assert model.coef_[0] == pytest.approx(1, abs=0.1)
    assert abs(LinearRegression().fit(x[:, None], y).coef_[0]) > 5


@pytest.mark.parametrize("c", ["auto", 0.1, 7.0])
@pytest.mark.parametrize("l2", [0.0, 0.1])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_alpha_two_is_ridge_whatever_c(plane, c, l2, fit_intercept):
    X, y = plane
    options = {"fit_intercept": fit_intercept}
    ours = AdaptiveLossRegressor(2, c, l2=l2, **options).fit(X, y)
    ridge = Ridge(alpha=l2 * len(y), solver="cholesky", **options).fit(X, y)
    assert_allclose(ours.coef_, ridge.coef_, rtol=1e-9)
    assert ours.intercept_ == pytest.approx(ridge.intercept_, rel=1e-9)


@pytest.mark.parametrize(("name", "alpha"), loss.ALPHAS.items())
def test_names_are_their_alphas(plane, name, alpha):
    named, given = (AdaptiveLossRegressor(a).fit(*plane) for a in (name, alpha))
    assert_allclose(named.coef_, given.coef_, rtol=1e-9)
    assert named.alpha_ == alpha


@pytest.mark.parametrize("alpha", [1.0, 0.0, -2.0])
def test_weights_are_those_of_reweighted_least_squares(plane, alpha):
    X, y = plane
    model = AdaptiveLossRegressor(alpha).fit(X, y)
    again = LinearRegression().fit(X, y, sample_weight=model.weights_)
    assert_allclose(again.coef_, model.coef_, rtol=1e-7)
    assert 0 <= model.weights_.min() <= model.weights_.max() <= 1


def test_weights_above_two_are_at_most_one(plane):
    weights = AdaptiveLossRegressor(5.0).fit(*plane).weights_
    assert weights.max() == 1
    assert weights.min() >= 0


@pytest.mark.parametrize("alpha", [1.0, -2.0])
def test_efficiency_sets_c(plane, alpha):
    low, high = (AdaptiveLossRegressor(alpha, efficiency=e) for e in (0.85, 0.95))
    ratio = high.fit(*plane).c_ / low.fit(*plane).c_
    assert ratio == pytest.approx(
        {1.0: 1.287099 / 0.509004, -2.0: 1.893709 / 1.208033}[alpha]
    )
    assert high.scale_ == pytest.approx(low.scale_, rel=1e-9)
    assert high.c_ / high.scale_ == pytest.approx(
        {1.0: 1.287099, -2.0: 1.893709}[alpha]
    )


@pytest.mark.parametrize("alpha", [2.0, 1.0, 0.0, -np.inf])
@pytest.mark.parametrize("c", ["auto", 0.3])
def test_integer_weights_are_repeated_rows(plane, alpha, c):
    X, y = plane
    counts = np.random.default_rng(3).integers(0, 4, len(y))
    weighted = AdaptiveLossRegressor(alpha, c).fit(X, y, sample_weight=counts)
    repeated = AdaptiveLossRegressor(alpha, c)
    repeated.fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-9)
    assert weighted.scale_ == pytest.approx(repeated.scale_, rel=1e-9)
    assert_allclose(np.repeat(weighted.weights_, counts), repeated.weights_, atol=1e-9)


@pytest.mark.parametrize("alpha", [2.0, 1.0, -2.0])
@pytest.mark.parametrize(
    ("unit_y", "unit_X"),
    [(1e12, 1), (1e-12, 1), (1, 1e12), (1e12, 1e-12), (1e-12, 1e12)],
)
def test_units_do_not_matter(plane, alpha, unit_y, unit_X):
    X, y = plane
    here = AdaptiveLossRegressor(alpha).fit(X, y)
    there = AdaptiveLossRegressor(alpha).fit(X * unit_X, y * unit_y)
    assert_allclose(there.coef_ * unit_X / unit_y, here.coef_, rtol=1e-9)
    assert there.c_ / unit_y == pytest.approx(here.c_, rel=1e-9)
    assert_allclose(there.weights_, here.weights_, atol=1e-9)


@pytest.mark.parametrize("alpha", [2.0, 1.0, -2.0])
def test_fit_is_equivariant(plane, alpha):
    X, y = plane
    here = AdaptiveLossRegressor(alpha).fit(X, y)
    A = np.random.default_rng(1).normal(size=(3, 3))
    turned = AdaptiveLossRegressor(alpha).fit(X @ A, y)
    assert_allclose(A @ turned.coef_, here.coef_, rtol=1e-9)
    tilted = AdaptiveLossRegressor(alpha).fit(X, y + X @ [100.0, 0, -7])
    assert_allclose(tilted.coef_ - [100, 0, -7], here.coef_, rtol=1e-9)
    order = np.random.default_rng(2).permutation(len(y))
    shuffled = AdaptiveLossRegressor(alpha).fit(X[order], y[order])
    assert_allclose(shuffled.coef_, here.coef_, rtol=1e-9)
    assert_allclose(shuffled.weights_, here.weights_[order], atol=1e-9)


def test_columns_far_from_zero_lose_no_digits(plane):
    X, y = plane
    here = AdaptiveLossRegressor().fit(X, y)
    far = AdaptiveLossRegressor().fit(X + 1e6, y + 1e6)
    assert_allclose(far.coef_, here.coef_, rtol=1e-8)
    assert_allclose(far.predict(X + 1e6) - 1e6, here.predict(X), atol=1e-7)


def test_millisecond_timestamps_are_a_feature():
    minutes = np.arange(2000.0)
    y = 3 + 0.01 * minutes + np.random.default_rng(0).normal(scale=0.1, size=2000)
    y[::10] += 9
    stamps = (1.7e12 + 6e4 * minutes)[:, None]
    model = AdaptiveLossRegressor("cauchy").fit(stamps, y)
    assert model.coef_[0] * 6e4 == pytest.approx(0.01, rel=1e-3)
    assert np.median(np.abs(model.predict(stamps) - y)) < 0.1


@pytest.mark.parametrize("size", [1e3, 1e12, 1e30, -1e300])
@pytest.mark.parametrize("alpha", [1.0, 0.0, -2.0])
@pytest.mark.parametrize("c", ["auto", 0.2])
def test_size_of_an_outlier_does_not_matter(plane, size, alpha, c):
    X, y = plane
    y[:30] = size
    assert_allclose(AdaptiveLossRegressor(alpha, c).fit(X, y).coef_, COEF, atol=0.2)


@pytest.mark.parametrize(
    "convert",
    [
        np.asfortranarray,
        sparse.csr_array,
        sparse.csc_matrix,
        sparse.coo_array,
        pd.DataFrame,
        lambda X: pl.DataFrame(X, schema=["a", "b", "c"]),
        lambda X: X.tolist(),
        lambda X: np.repeat(X, 2, axis=0)[::2],
    ],
)
def test_containers_give_the_same_fit(plane, convert):
    X, y = plane
    converted = convert(X)
    model = AdaptiveLossRegressor(0).fit(converted, y.tolist())
    expected = AdaptiveLossRegressor(0).fit(X, y)
    assert_allclose(model.coef_, expected.coef_, rtol=1e-9)
    assert_allclose(model.predict(converted), expected.predict(X), rtol=1e-9)


def test_names_of_columns_are_kept_and_checked(plane):
    frame = pd.DataFrame(plane[0], columns=["speed", "height", "angle"])
    model = AdaptiveLossRegressor().fit(frame, pd.Series(plane[1]))
    assert list(model.feature_names_in_) == ["speed", "height", "angle"]
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"speed": "pace"}))


def test_float32_is_not_upcast(plane):
    X, y = plane[0].astype(np.float32), plane[1]
    model = AdaptiveLossRegressor().fit(X, y)
    assert_allclose(model.coef_, AdaptiveLossRegressor().fit(X.astype(float), y).coef_)
    assert_allclose(model.predict(X), model.predict(X.astype(float)), rtol=1e-14)


def test_arguments_are_left_as_they_were(plane):
    arrays = [*plane, np.ones(len(plane[1]))]
    before = [a.copy() for a in arrays]
    for a in arrays:
        a.flags.writeable = False
    AdaptiveLossRegressor(-2).fit(*arrays)
    for a, b in zip(arrays, before, strict=True):
        assert_array_equal(a, b)


@pytest.mark.parametrize("alpha", [1.0, -2.0])
@pytest.mark.parametrize("c", ["auto", 0.3])
@pytest.mark.parametrize("weighted", [False, True])
def test_fit_by_way_of_a_sample_is_that_of_all_rows(monkeypatch, alpha, c, weighted):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5000, 3))
    y = X @ COEF + rng.standard_t(3, size=5000) / 10
    weights = rng.uniform(0, 2, 5000) if weighted else None
    whole = AdaptiveLossRegressor(alpha, c).fit(X, y, weights)
    monkeypatch.setattr(_starts, "SAMPLE_ROWS", 500)
    rows = Rows(X, y)
    assert len(_starts.sample(rows)) == 500
    by_sample = AdaptiveLossRegressor(alpha, c).fit(X, y, weights)
    rtol = 1e-7 if c != "auto" else 1e-4  # the scale is found to 1e-3 of itself
    assert_allclose(by_sample.coef_, whole.coef_, rtol=rtol)
    assert by_sample.scale_ == pytest.approx(whole.scale_, rel=1e-3)


def test_rows_that_the_sample_does_not_see_have_their_say(monkeypatch):
    monkeypatch.setattr(_starts, "SAMPLE_ROWS", 100)
    X = np.zeros((2000, 2))
    X[:, 0] = np.random.default_rng(0).normal(size=2000)
    X[7, 1] = 1e-9  # the only row of its level, in an awkward unit
    y = X[:, 0] + 1e9 * X[:, 1] + np.random.default_rng(1).normal(size=2000) / 10
    model = AdaptiveLossRegressor(c=1.0).fit(X, y)
    assert model.predict(X[[7]])[0] == pytest.approx(y[7], abs=1e-6)


def test_more_columns_than_a_matrix_is_formed_for():
    rng = np.random.default_rng(0)
    X = sparse.csr_array(
        rng.normal(size=(2500, 1600)) * (rng.random((2500, 1600)) < 0.01)
    )
    y = X @ rng.normal(size=1600) + rng.normal(scale=0.1, size=2500)
    model = AdaptiveLossRegressor(1.0, c=0.2, l2=1e-3, max_iter=500).fit(X, y)
    psi = 0.2 * loss.psi(y - model.predict(X), 1, 0.2) / 2500
    assert_allclose(X.T @ psi, 1e-3 * model.coef_ / 0.2, atol=1e-8)


def test_collinear_and_constant_columns_have_an_answer(plane):
    X, y = plane
    awkward = np.column_stack([X, X[:, 0], np.full(len(y), 4.0), np.zeros(len(y))])
    model = AdaptiveLossRegressor().fit(awkward, y)
    assert_allclose(
        model.predict(awkward), AdaptiveLossRegressor().fit(X, y).predict(X)
    )
    assert_array_equal(model.coef_[4:], 0)
    assert model.coef_[0] == pytest.approx(model.coef_[3])


@pytest.mark.filterwarnings("ignore:A high-breakdown start needs")
@pytest.mark.filterwarnings("ignore:To learn alpha and c")
@pytest.mark.parametrize("alpha", [2.0, 1.0, -2.0, "adaptive"])
def test_fewer_rows_than_columns(alpha):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 50)), rng.normal(size=20)
    free = AdaptiveLossRegressor(alpha).fit(X, y)
    assert_allclose(free.predict(X), y, atol=1e-9)
    assert free.scale_ == 0
    assert AdaptiveLossRegressor(alpha, c=1.0, l2=0.1).fit(X, y).score(X, y) < 1


def test_constant_target(plane):
    model = AdaptiveLossRegressor().fit(plane[0], np.full(300, 7.0))
    assert_array_equal(model.coef_, 0)
    assert (model.intercept_, model.scale_, model.c_) == (7, 0, 0)
    assert_array_equal(model.weights_, 1)


def test_one_row_and_one_column():
    with pytest.warns(UserWarning, match="Got 1 rows for 1 coefficients.*Leave out"):
        model = AdaptiveLossRegressor().fit([[2.0]], [3.0])
    assert model.alpha_ == 1
    assert_array_equal(model.predict([[2.0], [9.0]]), [3, 3])


@pytest.mark.parametrize("alpha", [-2, 1.0, "adaptive"])
def test_exact_fit_of_all_rows_is_exact(plane, alpha):
    X = plane[0]
    model = AdaptiveLossRegressor(alpha).fit(X, X @ COEF + 5)
    assert_allclose([*model.coef_, model.intercept_], [*COEF, 5], rtol=1e-14)
    assert model.scale_ == 0
    assert_array_equal(model.weights_, 1)


def test_exact_fit_of_most_rows_is_exact_and_said(plane):
    X = plane[0]
    y = X @ COEF + 5
    y[:90] += np.random.default_rng(0).normal(scale=9, size=90)
    with pytest.warns(UserWarning, match=r"the other 90 rows have no say.*Give c a"):
        model = AdaptiveLossRegressor(0).fit(X, y)
    assert_allclose([*model.coef_, model.intercept_], [*COEF, 5], rtol=1e-12)
    assert_array_equal(model.weights_, np.arange(300) >= 90)
    AdaptiveLossRegressor(0, c=1.0).fit(X, y)  # does not warn


def test_rows_of_weight_zero_may_be_anything(plane):
    X, y = plane
    y[:200] = 1e30
    weights = np.repeat([0.0, 1.0], [200, 100])
    model = AdaptiveLossRegressor(-2).fit(X, y, weights)
    rest = AdaptiveLossRegressor(-2).fit(X[200:], y[200:])
    assert_allclose(model.coef_, rest.coef_, rtol=1e-9)
    assert model.scale_ == pytest.approx(rest.scale_)


def test_too_few_iterations_warn_where_fit_is_called(plane):
    message = r"after 1 iterations.*above tol=1\.0e-12\. Raise max_iter"
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        model = AdaptiveLossRegressor(max_iter=1, tol=1e-12).fit(*plane)
    assert caught[0].filename == __file__
    assert model.n_iter_ == 1


def test_least_squares_of_huge_numbers_is_as_good_as_rounding_allows(plane):
    X, y = plane
    y[:30] = 1e13
    model = AdaptiveLossRegressor(2, c=1.0).fit(X, y)
    assert_allclose(model.coef_, LinearRegression().fit(X, y).coef_, rtol=1e-9)


@pytest.mark.parametrize("alpha", [50.0, np.inf])
def test_loss_that_overflows_is_an_error(plane, alpha):
    with pytest.raises(ValueError, match=r"overflows at c=1e-08.*Raise c, lower alpha"):
        AdaptiveLossRegressor(alpha, c=1e-8).fit(*plane)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alpha": np.nan}, "'alpha' parameter.*Got nan"),
        ({"alpha": "tukey"}, "'alpha' parameter.*'cauchy'.*Got 'tukey'"),
        ({"c": 0}, r"'c' parameter.*\(0\.0, inf\).*Got 0"),
        ({"c": -1.0}, r"'c' parameter.*Got -1\.0"),
        ({"c": np.inf}, r"'c' parameter.*Got inf"),
        ({"c": "mad"}, "'c' parameter.*'auto'.*Got 'mad'"),
        ({"efficiency": 1.0}, r"'efficiency' parameter.*Got 1\.0"),
        ({"l2": -1e-9}, "'l2' parameter.*Got -1e-09"),
        ({"tol": 0.0}, r"'tol' parameter.*Got 0\.0"),
        ({"max_iter": 0}, "'max_iter' parameter.*Got 0"),
    ],
)
def test_parameter_outside_its_domain_is_named(plane, parameters, message):
    with pytest.raises(ValueError, match=message):
        AdaptiveLossRegressor(**parameters).fit(*plane)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (-1.0, r"sample_weight must not be negative; got -1\.0 for sample 3"),
        (np.nan, "sample_weight contains NaN"),
        (np.inf, "sample_weight contains infinity"),
    ],
)
def test_bad_weight_is_an_error(plane, weight, message):
    weights = np.ones(300)
    weights[3] = weight
    with pytest.raises(ValueError, match=message):
        AdaptiveLossRegressor().fit(*plane, weights)


def test_weights_that_leave_no_row_are_an_error(plane):
    with pytest.raises(ValueError, match="sample_weight is zero for every sample"):
        AdaptiveLossRegressor().fit(*plane, np.zeros(300))
    with pytest.raises(ValueError, match=r"sample_weight\.shape"):
        AdaptiveLossRegressor().fit(*plane, np.ones(299))


@pytest.mark.parametrize("place", ["X", "y"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_value_that_is_no_number_is_an_error(plane, place, value):
    X, y = plane
    if place == "X":
        X[5, 1] = value
    else:
        y[5] = value
    with pytest.raises(ValueError, match=f"[Ii]nput {place} contains"):
        AdaptiveLossRegressor().fit(X, y)


def test_failed_fit_leaves_nothing_half_fitted(plane):
    X, y = plane
    model = AdaptiveLossRegressor()
    with pytest.raises(ValueError, match="negative"):
        model.fit(X, y, -np.ones(300))
    with pytest.raises(NotFittedError):
        model.predict(X)
    model.fit(X, y)
    state = vars(model).copy()
    with pytest.raises(ValueError, match="negative"):
        model.fit(X[:, :2], y, -np.ones(300))
    assert vars(model) == state
    model.predict(X)


def test_search_over_alpha_and_c(plane):
    search = GridSearchCV(
        AdaptiveLossRegressor(),
        {"alpha": [2, "pseudo_huber", "welsch"], "c": ["auto", 0.3]},
        scoring="neg_median_absolute_error",
        cv=3,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.fit(*plane)
    assert search.best_params_["alpha"] != 2


def test_loss_and_model_meet_in_the_objective_only(plane):
    X, y = plane
    model = AdaptiveLossRegressor(1.0, c=0.5, l2=0.1).fit(X, y)
    objective = MeanLoss(Rows(X, y), LinearModel(True), General(1.0), 0.5, 0.1)
    value, gradient = objective.evaluate(np.append(model.coef_, model.intercept_))
    assert value * 0.25 == pytest.approx(mean_loss(model, X, y))
    assert_allclose(gradient, 0, atol=1e-7)


@pytest.mark.parametrize("alpha", [1.0, -2.0])
def test_zeros_in_the_sample_are_not_zeros_in_all_rows(alpha):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30_000, 2))
    y = np.where(rng.random(30_000) < 0.497, 0, np.exp(X[:, 0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert AdaptiveLossRegressor(alpha).fit(X, y).scale_ > 0.05


def test_few_rows_with_a_weight_among_many_without():
    rng = np.random.default_rng(0)
    X, y, weights = (
        rng.normal(size=(20_000, 2)),
        rng.normal(size=20_000),
        np.zeros(20_000),
    )
    few = rng.choice(20_000, 24, replace=False)
    weights[few] = 1
    model = AdaptiveLossRegressor().fit(X, y, weights)
    assert_allclose(model.coef_, AdaptiveLossRegressor().fit(X[few], y[few]).coef_)


@pytest.mark.parametrize("alpha", [2.0, 1.0, -2.0])
@pytest.mark.parametrize("c", ["auto", 1.0])
@pytest.mark.filterwarnings("ignore:More than half of the rows")
def test_rare_rows_that_X_explains_are_no_outliers(alpha, c):
    rng = np.random.default_rng(0)
    d, x = (rng.random(1000) < 0.2) * 1.0, rng.normal(size=1000)
    y = d * (5 + x) + np.where(rng.random(1000) < 0.6, 0.1 + 0.2 - 0.3, 0)
    # What is left of y is rounding, 80 % of it of 0: not every seed sees the rest.
    model = AdaptiveLossRegressor(alpha, c, random_state=0).fit(np.c_[d, d * x], y)
    assert_allclose(model.coef_, [5, 1], atol=1e-8)  # tol, in units of c


@pytest.mark.filterwarnings("ignore:A high-breakdown start needs")
@pytest.mark.parametrize(("n", "p"), [(30, 16), (60, 35), (200, 130)])
def test_noise_with_many_columns_is_not_an_exact_fit(n, p):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n, p)), rng.normal(size=n)
    assert AdaptiveLossRegressor(-2).fit(X, y).scale_ == pytest.approx(1, abs=0.4)


def test_alpha_two_is_least_squares_where_most_targets_are_alike():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2))
    y = (rng.random(500) < 0.2) * 1.0
    model = AdaptiveLossRegressor("l2").fit(X, y)
    assert_allclose(model.coef_, LinearRegression().fit(X, y).coef_, rtol=1e-9)


@pytest.mark.parametrize(("alpha", "value"), [(4.0, 50.0), (2.0, 1e200), (np.inf, 1e3)])
def test_rows_of_weight_zero_do_not_overflow(plane, alpha, value):
    X, y = plane
    weights = np.ones(300)
    weights[:3] = 0
    rest = AdaptiveLossRegressor(alpha).fit(X[3:], y[3:])
    y[:3] = value
    model = AdaptiveLossRegressor(alpha).fit(X, y, weights)
    assert_allclose(model.coef_, rest.coef_, rtol=1e-9)
    assert_allclose(model.weights_[3:], rest.weights_, rtol=1e-6)


def test_exact_fit_with_more_columns_than_a_matrix_is_formed_for():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 1600)), rng.normal(size=100)
    model = AdaptiveLossRegressor(1.0).fit(X, y)
    assert_array_equal(model.weights_, 1)
    assert_allclose(model.predict(X), y, atol=1e-10)


def test_rows_left_out_of_an_exact_fit_are_counted_and_told_to_the_caller(plane):
    X = plane[0]
    y = X @ COEF
    y[:90] += 7.0
    weights = np.ones(300)
    weights[:50] = 0
    with pytest.warns(UserWarning, match="the other 40 rows") as caught:
        AdaptiveLossRegressor().fit(X, y, weights)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("apart", [1e-3, 1e-7, 1e-10])
@pytest.mark.parametrize("alpha", [2.0, 1.0, -2.0, "adaptive"])
def test_nearly_collinear_columns_are_told_apart(alpha, apart):
    rng = np.random.default_rng(0)
    a, z = rng.normal(size=(2, 300))
    X, y = np.c_[a, a + apart * z], a + z + rng.normal(scale=0.1, size=300)
    alone = AdaptiveLossRegressor(alpha).fit(np.c_[a, z], y)
    model = AdaptiveLossRegressor(alpha).fit(X, y)
    step = 1e-15 / apart  # in z, by rounding
    assert model.coef_[1] * apart == pytest.approx(alone.coef_[1], rel=1e-7 + step)
    assert model.coef_.sum() == pytest.approx(alone.coef_[0], rel=1e-7 + step)


def test_scale_that_does_not_settle_warns_where_fit_is_called(plane, monkeypatch):
    monkeypatch.setattr(_starts, "MAX_ROUNDS", 1)
    with pytest.warns(ConvergenceWarning, match="did not settle.*Give c") as caught:
        AdaptiveLossRegressor(1.0).fit(*plane)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("unit", [1e-300, 1e-200, 1e200])
def test_target_in_an_extreme_unit(plane, unit):
    X, y = plane
    model = AdaptiveLossRegressor().fit(X, y * unit)
    assert_allclose(model.coef_ / unit, AdaptiveLossRegressor().fit(X, y).coef_)


def test_float32_features_are_predicted_in_float64():
    X = (1.6e6 + np.arange(50.0)[:, None]).astype(np.float32)
    y = 3 * X.ravel().astype(float) + np.tile([0.1, -0.1], 25)
    assert_allclose(AdaptiveLossRegressor().fit(X, y).predict(X), y, atol=0.2)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.nan, "sample_weight contains NaN"),
        (np.inf, "sample_weight contains infinity"),
        (np.full(300, 1e307), "sample_weight must have a finite sum"),
    ],
)
def test_weights_without_a_finite_sum_are_an_error(plane, weight, message):
    with pytest.raises(ValueError, match=message):
        AdaptiveLossRegressor().fit(*plane, weight)
