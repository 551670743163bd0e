"""Tests of the conformal intervals: the sets are those of the definition, and cover."""

from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrobust import BucketWeighter, TargetBuckets, TargetWeightedRegressor
from skrobust.conformal import BucketConformalRegressor
from skrobust.datasets import make_imbalanced_angles

FEW = "ignore:.*too few for a coverage:UserWarning"
WIDE = TargetBuckets(width=20, limit=40, symmetric=True)


class Same(RegressorMixin, BaseEstimator):
    """Predict the first feature, and remember the rows that it was fitted to."""

    def fit(self, X, y):
        self.X_, self.y_ = np.asarray(X), np.asarray(y)
        return self

    def predict(self, X):
        return np.asarray(X)[:, 0]


SAME = FrozenEstimator(Same().fit([[0.0]], [0.0]))


def calibrated(y, errors, buckets, coverage=0.9, regressor=SAME):
    """Return the fit whose calibration rows have these targets and errors."""
    X = (np.asarray(y, float) + errors)[:, None]
    return BucketConformalRegressor(regressor, buckets, coverage=coverage).fit(X, y)


def column(*values):
    return np.array(values, float)[:, None]


def test_hand_worked_example():
    # In < 10 the scores 1 2 3: the ceil(4 / 2) = 2nd. In >= 10 4 9: ceil(3 / 2) = 2nd.
    model = calibrated([0, 1, 2, 10, 20], [1, -2, 3, 4, -9], [10], coverage=0.5)
    assert_array_equal(model.quantiles_, [2, 9])
    X = column(0, 8, 12, 1, 30)
    intervals = [[-2, 2], [6, 17], [10, 21], [-1, 10], [21, 39]]
    assert_array_equal(model.predict_interval(X), intervals)
    sets = [piece.tolist() for piece in model.predict_set(X)]
    # 8 + 9 and 8 - 2 meet at 10. From 12, 10 itself is not below 10. From 1, 10 is
    # just near enough.
    assert sets == [[[-2, 2]], [[6, 17]], [[10, 21]], [[-1, 3], [10, 10]], [[21, 39]]]
    asked = [model.contains(X, np.full(5, y)) for y in (9.9, 10, 3)]
    assert_array_equal(asked[0], [False, True, False, False, False])
    assert_array_equal(asked[1], [False, True, True, True, False])
    assert_array_equal(asked[2], [False, False, False, True, False])


def test_hand_worked_example_on_two_sides():
    buckets = TargetBuckets(edges=[10], symmetric=True)
    # |y| < 10: 1 2 3, so 2. |y| >= 10, on either side: 4 12 30, so 12.
    y, errors = [0, -1, 2, 10, -20, 50], [1, -2, 3, 4, 12, -30]
    model = calibrated(y, errors, buckets, coverage=0.5)
    assert_array_equal(model.quantiles_, [2, 12])
    sets = [piece.tolist() for piece in model.predict_set(column(0, 5, -5, -2, 9, -12))]
    assert sets == [
        [[-12, -10], [-2, 2], [10, 12]],
        [[3, 7], [10, 17]],
        [[-17, -10], [-7, -3]],
        [[-14, -10], [-4, 0], [10, 10]],
        [[7, 21]],
        [[-24, -10]],  # -10 is in the outer bucket, so not -10 from within
    ]
    hulls = model.predict_interval(column(0, -2))
    assert_array_equal(hulls, [[-12, 12], [-14, 10]])


BUCKETS = {
    "one": TargetBuckets(edges=[]),
    "edges": TargetBuckets(edges=[-3, 0.5, 4]),
    "two-sided": TargetBuckets(width=2, limit=6),
    "symmetric": TargetBuckets(width=2, limit=6, symmetric=True),
    "centred": TargetBuckets(edges=[1.5, 4], symmetric=True, center=3.0),
    "one edge": TargetBuckets(edges=[2], symmetric=True),
}


@pytest.mark.filterwarnings(FEW)
@pytest.mark.parametrize("name", BUCKETS)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_sets_are_those_of_the_definition(name, seed, coverage):
    rng = np.random.default_rng(seed)
    buckets = BUCKETS[name]
    y = np.round(rng.normal(scale=4, size=60) * 4) / 4  # ties, and targets on edges
    errors = np.round(rng.normal(scale=1 + abs(y) / 3) * 4) / 4
    model = calibrated(y, errors, buckets, coverage)
    y_pred = np.arange(-40, 41) / 4
    grid = np.arange(-200, 201) / 8
    X, distance = y_pred[:, None], np.abs(grid - y_pred[:, None])
    truth = distance <= model.quantiles_[buckets.assign(grid)]
    tables = [model.contains(X, np.full(len(X), value)) for value in grid]
    assert_array_equal(np.transpose(tables), truth)

    hulls = np.clip(model.predict_interval(X), grid[0], grid[-1])
    for inside, hull, pieces in zip(truth, hulls, model.predict_set(X), strict=True):
        assert (pieces[:, 0] <= pieces[:, 1]).all()
        assert (pieces[1:, 0] > pieces[:-1, 1]).all()  # apart, and increasing
        low, high = pieces.T[:, :, None]
        # All ends are on the grid: closed pieces hold the set, open ones nothing else.
        assert ((low <= grid) & (grid <= high)).any(axis=0)[inside].all()
        assert inside[((low < grid) & (grid < high)).any(axis=0)].all()
        # An end is in the set, or the limit of what is.
        nearest = [np.abs(grid[inside] - end).min() for end in (*hull, *pieces.ravel())]
        ends = np.isfinite(np.r_[hull, pieces.ravel()])
        assert (np.array(nearest)[ends] <= 1 / 8).all()
        assert_array_equal(hull, np.clip([pieces[0, 0], pieces[-1, 1]], -25, 25))


@pytest.mark.filterwarnings(FEW)
@pytest.mark.parametrize("n", [0, 1, 2, 8, 9, 10, 19, 20, 39])
@pytest.mark.parametrize("coverage", [0.1, 0.5, 0.55, 0.7, 0.9, 0.95])
def test_quantile_is_that_of_the_definition(n, coverage):
    scores = np.random.default_rng(n).permutation(np.arange(1.0, n + 1))
    signs = np.where(np.arange(n) % 2, 1, -1)
    y = np.r_[np.full(n, 100.0), np.zeros(50)]
    model = calibrated(y, np.r_[signs * scores, np.ones(50)], [50], coverage)
    wanted = (n + 1) * Fraction(str(coverage))
    enough = [r for r in sorted(scores) if np.sum(scores <= r) >= wanted]
    assert model.quantiles_[1] == (enough[0] if enough else np.inf)
    a = 1 - Fraction(str(coverage))
    assert np.isinf(model.quantiles_[1]) == (n < 1 / a - 1)
    assert_array_equal(model.scores_[1], np.sort(scores))


@pytest.mark.filterwarnings(FEW)
def test_coverage_is_exact_for_finite_samples():
    # With n continuous scores the k-th smallest covers k / (n + 1) in the mean: here
    # ceil(20 * 0.9) / 20 = 0.9 and ceil(13 * 0.9) / 13 = 12 / 13. Errors of the rare
    # are 50 times larger, and the regressor is wrong everywhere.
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(1000):
        rare = np.repeat([False, True, False, True], [19, 12, 50, 50])
        y = np.where(rare, 5.0, 0.0) + rng.uniform(size=131)
        errors = 1 + rng.normal(size=131) * np.where(rare, 50, 1)
        model = calibrated(y[:31], errors[:31], [5])
        inside = model.contains((y + errors)[31:, None], y[31:])
        covered.append([inside[:50].mean(), inside[50:].mean()])
    mean, error = np.mean(covered, axis=0), np.std(covered, axis=0) / np.sqrt(1000)
    assert (np.abs(mean - [0.9, 12 / 13]) < 3 * error).all()
    assert (error < 0.004).all()


@pytest.mark.parametrize("inner", ["plain", "weighted"])
def test_every_bucket_is_covered_where_plain_conformal_fails(inner):
    regressor = make_pipeline(StandardScaler(), Ridge())
    if inner == "weighted":
        regressor = TargetWeightedRegressor(regressor, BucketWeighter(WIDE, power=0.5))
    by_bucket, plain = [], []
    for seed in range(60):
        X, y = make_imbalanced_angles(2400, random_state=seed)
        assigned = WIDE.assign(y[1200:])
        for buckets, found in ((WIDE, by_bucket), ([], plain)):
            model = BucketConformalRegressor(
                regressor, buckets, calibration_size=0.5, random_state=seed
            ).fit(X[:1200], y[:1200])
            inside = model.contains(X[1200:], y[1200:])
            found.append(np.bincount(assigned, inside) / np.bincount(assigned))
    error = np.std(by_bucket, axis=0) / np.sqrt(60)
    assert (np.mean(by_bucket, axis=0) > 0.9 - 3 * error).all()
    assert (error < 0.015).all()
    assert np.mean(plain, axis=0)[2] < 0.8


def test_prediction_is_always_in_its_set():
    X, y = make_imbalanced_angles(1500, random_state=1)
    model = BucketConformalRegressor(buckets=WIDE, random_state=0).fit(X, y)
    assert model.contains(X, model.predict(X)).all()


def test_an_edge_belongs_to_the_bucket_that_begins_there():
    buckets = TargetBuckets(edges=[40], symmetric=True)
    y = np.r_[np.zeros(9), np.full(9, 60.0)]
    model = calibrated(y, np.r_[np.full(9, 1.0), np.full(9, 5.0)], buckets)
    assert_array_equal(model.quantiles_, [1, 5])
    X = column(36, 36, -36, -36, 38)
    asked = model.contains(X, [40.0, 39.999, -40.0, -39.999, 39.5])
    assert_array_equal(asked, [True, False, True, False, False])


def test_rows_are_drawn_from_every_bucket():
    y = np.repeat([0.0, 30.0, 50.0, 70.0, 90.0], [400, 40, 12, 2, 1])
    X = np.arange(455.0)[:, None]
    buckets = [20, 40, 60, 80]
    with pytest.warns(UserWarning, match="too few for a coverage"):
        model = BucketConformalRegressor(Same(), buckets, random_state=0).fit(X, y)
    fitted = np.bincount(TargetBuckets(edges=buckets).assign(model.regressor_.y_))
    # A quarter of 400 and 40; of 12, half, as it has no 9 to spare; the single row
    # is fitted.
    assert_array_equal([len(s) for s in model.scores_], [100, 10, 6, 1, 0])
    assert_array_equal(fitted, [300, 30, 6, 1, 1])
    assert (np.diff(model.regressor_.X_[:, 0]) > 0).all()  # in the order given


@pytest.mark.filterwarnings(FEW)
@pytest.mark.parametrize(("size", "expected"), [(0.5, 200), (50, 50), (399, 399)])
def test_size_of_the_calibration_set(size, expected):
    X, y = make_imbalanced_angles(400, random_state=0)
    model = BucketConformalRegressor(Same(), [], calibration_size=size).fit(X, y)
    assert len(model.scores_[0]) == expected
    assert len(model.regressor_.y_) == 400 - expected


def test_rare_bucket_gives_what_a_finite_interval_needs():
    y = np.repeat([0.0, 50.0], [400, 40])
    options = {"buckets": [20], "calibration_size": 0.1, "random_state": 0}
    for coverage, expected in ((0.5, 4), (0.9, 9), (0.95, 19)):
        model = BucketConformalRegressor(Same(), coverage=coverage, **options)
        model.fit(y[:, None] + np.arange(440)[:, None], y)
        assert len(model.scores_[1]) == expected
        assert np.isfinite(model.quantiles_).all()


def test_draw_follows_the_seed():
    X, y = make_imbalanced_angles(400, random_state=0)
    fitted = [
        BucketConformalRegressor(Same(), [0], random_state=seed).fit(X, y).regressor_.y_
        for seed in (0, 0, 1)
    ]
    assert_array_equal(fitted[0], fitted[1])
    assert not np.array_equal(fitted[0], fitted[2])


@pytest.mark.filterwarnings(FEW)
@pytest.mark.parametrize("buckets", [5, TargetBuckets(n_buckets=4, symmetric=True)])
@pytest.mark.parametrize("seed", [1, 2])
def test_buckets_that_follow_the_data_see_the_fitted_rows_alone(buckets, seed):
    X, y = make_imbalanced_angles(400, random_state=0)
    model = BucketConformalRegressor(Same(), buckets, random_state=seed).fit(X, y)
    if isinstance(buckets, int):
        buckets = model.buckets_  # with a min_count
    expected = clone(buckets).fit(model.regressor_.y_).edges_
    assert_array_equal(model.buckets_.edges_, expected)
    assert not np.array_equal(clone(buckets).fit(y).edges_, expected)
    assert sum(map(len, model.scores_)) == 100


def test_fitted_buckets_keep_their_edges():
    X, y = make_imbalanced_angles(400, random_state=0)
    fitted = TargetBuckets(n_buckets=3, strategy="quantile").fit(y)
    model = BucketConformalRegressor(buckets=fitted, random_state=0).fit(X, y)
    assert_array_equal(model.buckets_.edges_, fitted.edges_)
    assert model.buckets_ is not fitted


def test_merged_buckets_are_bounded():
    X, y = make_imbalanced_angles(1000, random_state=0)
    options = {"width": 10, "limit": 70, "symmetric": True}
    with pytest.warns(UserWarning, match=r">= 70'\] have fewer than 9"):
        BucketConformalRegressor(buckets=TargetBuckets(**options), random_state=0).fit(
            X, y
        )
    merged = TargetBuckets(**options, min_count=50)
    model = BucketConformalRegressor(buckets=merged, random_state=0).fit(X, y)
    assert np.isfinite(model.predict_interval(X)).all()


def test_frozen_regressor_is_left_alone_and_all_rows_calibrate():
    X, y = make_imbalanced_angles(900, random_state=0)
    inner = Ridge().fit(X[:300], y[:300])
    before = inner.coef_.copy()
    model = BucketConformalRegressor(FrozenEstimator(inner), WIDE).fit(X[300:], y[300:])
    assert_array_equal(inner.coef_, before)
    assert_array_equal(model.predict(X), inner.predict(X))
    assert sum(map(len, model.scores_)) == 600
    scores = np.abs(inner.predict(X[300:]) - y[300:])
    assert_array_equal(np.sort(np.concatenate(model.scores_)), np.sort(scores))


def test_frozen_regressor_needs_fixed_buckets():
    message = r"buckets must be fixed where .*FrozenEstimator.*Got TargetBuckets\(n_b"
    with pytest.raises(ValueError, match=message):
        BucketConformalRegressor(SAME).fit(column(*range(30)), np.arange(30.0))


def test_frozen_regressor_has_to_be_fitted():
    model = BucketConformalRegressor(FrozenEstimator(Ridge()), [])
    with pytest.raises(NotFittedError, match="Ridge instance is not fitted"):
        model.fit(column(*range(30)), np.arange(30.0))


def test_bucket_with_too_few_rows_is_taken_whole():
    y = np.r_[np.zeros(20), np.full(8, 50.0)]
    message = r"Buckets \['\[10, 40\)', '>= 40'\] have fewer than 9 calibration rows"
    with pytest.warns(UserWarning, match=message) as caught:
        model = calibrated(y, np.ones(28), [10, 40])
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert_array_equal(model.quantiles_, [1, np.inf, np.inf])
    assert_array_equal(
        model.predict_interval(column(0, 70)), [[-1, np.inf]] + [[10, np.inf]]
    )
    assert model.predict_set(column(0))[0].tolist() == [[-1, 1], [10, np.inf]]
    assert model.contains(column(0, 0, 0), [1, 2, 1e300]).tolist() == [
        True,
        False,
        True,
    ]


@pytest.mark.parametrize("method", ["predict_interval", "predict_set"])
def test_another_coverage_needs_no_other_fit(method):
    X, y = make_imbalanced_angles(900, random_state=0)
    options = {"regressor": SAME, "buckets": WIDE}
    model = BucketConformalRegressor(**options).fit(X, y)
    other = BucketConformalRegressor(**options, coverage=0.6).fit(X, y)
    ours = getattr(model, method)(X[:50], coverage=0.6)
    for set_, expected in zip(ours, getattr(other, method)(X[:50]), strict=True):
        assert_array_equal(set_, expected)
    assert_array_equal(model.contains(X, y, 0.6), other.contains(X, y))
    with pytest.warns(UserWarning, match=r"fewer than 999 .*coverage of 0\.999") as w:
        getattr(model, method)(X[:5], coverage=0.999)
    assert [one.filename for one in w] == [__file__]


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_intervals_have_the_unit_of_the_target(unit):
    X, y = make_imbalanced_angles(1500, random_state=0)
    model = BucketConformalRegressor(buckets=[-20, 20], random_state=0)
    there = clone(model).set_params(buckets=[-20 * unit, 20 * unit])
    expected = unit * model.fit(X, y).predict_interval(X)
    ours = there.fit(X, unit * y).predict_interval(X)
    assert_allclose(ours, expected, atol=1e-9 * unit)


def as_frame(X):
    return pd.DataFrame(X, columns=list("abcde"))


@pytest.mark.parametrize(
    ("convert_X", "convert_y"),
    [
        (np.ndarray.tolist, np.ndarray.tolist),
        (as_frame, pd.Series),
        (lambda X: pl.DataFrame(X, schema=list("abcde")), pl.Series),
        (sparse.coo_array, np.asarray),
    ],
    ids=["list", "pandas", "polars", "sparse"],
)
def test_containers_are_alike(convert_X, convert_y):
    X, y = make_imbalanced_angles(1500, random_state=0)
    model = BucketConformalRegressor(Ridge(tol=1e-12), WIDE, random_state=0)
    expected = clone(model).fit(X, y).predict_interval(X)
    model.fit(convert_X(X), convert_y(y))
    if not sparse.issparse(convert_X(X)):
        assert_allclose(model.predict_interval(convert_X(X)), expected, rtol=1e-9)
        assert model.contains(convert_X(X), convert_y(y)).dtype == bool
    else:
        ours = model.predict_interval(sparse.csr_array(X))
        assert_allclose(ours, expected, atol=1e-9)
    if convert_X is as_frame:
        assert list(model.feature_names_in_) == list("abcde")
    assert model.n_features_in_ == 5


def test_single_precision_and_integers():
    X, y = make_imbalanced_angles(1500, random_state=0)
    model = BucketConformalRegressor(Ridge(), WIDE, random_state=0).fit(X, y)
    single = clone(model).fit(X.astype(np.float32), y.astype(np.float32))
    ours, expected = single.predict_interval(X), model.predict_interval(X)
    assert ours.dtype == np.float64
    assert_allclose(ours, expected, atol=1e-3)
    whole = np.rint(y).astype(int)
    assert_array_equal(
        clone(model).fit(X, whole).quantiles_,
        clone(model).fit(X, whole.astype(float)).quantiles_,
    )


def test_search_reaches_the_regressor_inside():
    X, y = make_imbalanced_angles(1500, random_state=0)
    model = BucketConformalRegressor(Ridge(), WIDE, random_state=0)
    search = GridSearchCV(model, {"regressor__alpha": [1e-3, 1e9]}, cv=3).fit(X, y)
    assert search.best_params_ == {"regressor__alpha": 1e-3}
    assert np.isfinite(search.best_estimator_.predict_interval(X)).all()


def test_default_regressor_is_linear():
    X, y = make_imbalanced_angles(1500, random_state=0)
    model = BucketConformalRegressor(buckets=WIDE).fit(X, y)
    assert type(model.regressor_) is LinearRegression
    assert model.regressor is None


def test_weights_have_no_place():
    X, y = make_imbalanced_angles(60, random_state=0)
    with pytest.raises(TypeError, match="sample_weight"):
        BucketConformalRegressor().fit(X, y, sample_weight=np.ones(60))


def test_failed_fit_leaves_the_old_one():
    X, y = make_imbalanced_angles(1500, random_state=0)
    model = BucketConformalRegressor(Ridge(), WIDE, random_state=0).fit(X, y)
    before = dict(vars(model))
    X[:, 0] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        model.fit(X, y)
    assert vars(model) == before


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"coverage": 1}, "'coverage' parameter .* Got 1 "),
        ({"coverage": "a"}, "'coverage' parameter .* Got 'a' "),
        ({"calibration_size": 0.0}, r"'calibration_size' parameter .* Got 0\.0 "),
        ({"calibration_size": 1.0}, r"'calibration_size' parameter .* Got 1\.0 "),
        ({"calibration_size": 40}, "must be smaller than .* rows.* got 40 for 40 rows"),
        ({"regressor": "ridge"}, "'regressor' parameter .* Got 'ridge' "),
        ({"buckets": 3.5}, r"buckets must be an int .* got 3\.5"),
        ({"buckets": [2, 1]}, r"edges must be finite, strictly increasing.*\[2, 1\]"),
        ({"random_state": "a"}, "'random_state' parameter .* Got 'a' "),
    ],
)
def test_bad_parameters_are_named(params, message):
    X, y = make_imbalanced_angles(40, random_state=0)
    model = BucketConformalRegressor(**params)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert not hasattr(model, "regressor_")


@pytest.mark.parametrize("coverage", [0, 1, -0.1, np.nan, "a"])
def test_bad_coverage_is_named(coverage):
    X, y = make_imbalanced_angles(1500, random_state=0)
    model = BucketConformalRegressor(buckets=WIDE, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="coverage must be a probability"):
        model.predict_interval(X, coverage=coverage)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (column(1), [1], "a row to fit and one to calibrate; got n_samples=1"),
        (column(1, 2), [1, np.nan], "y contains NaN"),
        (column(1, 2, 3), [1, 2], "inconsistent numbers of samples"),
        (column(1, 2), None, "requires y to be passed, but the target y is None"),
        (column(1, 2), np.ones((2, 2)), "y should be a 1d array"),
    ],
)
def test_bad_data_are_named(X, y, message):
    with pytest.raises(ValueError, match=message):
        BucketConformalRegressor(buckets=[]).fit(X, y)


def test_predictions_have_to_be_finite():
    class Lost(Same):
        def predict(self, X):
            return np.full(len(X), np.nan)

    with pytest.raises(ValueError, match="y_pred contains NaN"):
        BucketConformalRegressor(Lost(), []).fit(column(*range(30)), np.arange(30.0))


@pytest.mark.parametrize("method", ["predict", "predict_interval", "predict_set"])
def test_has_to_be_fitted(method):
    with pytest.raises(NotFittedError, match="BucketConformalRegressor instance"):
        getattr(BucketConformalRegressor(), method)([[1.0]])


@pytest.mark.parametrize("size", [0.25, 0.6, 400])
@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_buckets_by_number_are_merged_until_they_can_be_calibrated(size, coverage):
    X, y = make_imbalanced_angles(1500, random_state=3)
    model = BucketConformalRegressor(
        Ridge(), coverage=coverage, calibration_size=size, random_state=0
    ).fit(X, y)
    assert 2 <= model.buckets_.n_buckets_ < 10
    assert np.isfinite(model.quantiles_).all()
    assert np.isfinite(model.predict_interval(X)).all()
