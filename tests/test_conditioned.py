"""Tests of the loss that depends on the target."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GridSearchCV

from skrobust import AdaptiveLossRegressor, TargetBuckets, loss
from skrobust.conditioned import BucketConditioned, TargetConditioned

Y = np.array([0.0, -3.0, 19.999, -19.999, 20.0, -20.0, 21.0, -1e300])


def test_the_value_switches_at_the_threshold():
    assert_array_equal(TargetConditioned(20)(Y), [1, 1, 1, 1, 2, 2, 2, 2])
    assert_array_equal(
        TargetConditioned(20, -np.inf, 0.3)(Y), [-np.inf] * 4 + [0.3] * 4
    )
    assert TargetConditioned(20)([1, 30]).dtype == np.float64


@pytest.mark.parametrize("name", loss.ALPHAS)
def test_values_have_the_names_of_the_losses(name):
    named = TargetConditioned(20, below=name, above="cauchy")
    assert_array_equal(named([0.0, 20.0]), [loss.ALPHAS[name], 0.0])


@pytest.mark.parametrize(("below", "above"), [(1.0, 2.0), (1.7, -3.1), (0.1, 0.3)])
@pytest.mark.parametrize("unit", [1.0, 1e-12, 1e12])
def test_a_smooth_value_goes_from_one_to_the_other(below, above, unit):
    smooth = TargetConditioned(20 * unit, below, above, smoothing=10 * unit)
    y = np.linspace(15, 25, 101) * unit
    values = smooth(y)
    assert_array_equal(smooth(-y), values)
    assert values[50] == pytest.approx((below + above) / 2, rel=1e-12)
    # odd about the threshold, monotone, and level at both ends
    assert_allclose(values + values[::-1], below + above, rtol=1e-12)
    assert np.all(np.diff(values) * np.sign(above - below) > 0)
    steps = np.abs(np.diff(values))
    assert max(steps[0], steps[-1]) < 0.03 * steps[50]
    # t = 1/4: t**2 (3 - 2 t) = 5/32
    assert_allclose(values[25], below + (above - below) * 5 / 32, rtol=1e-12)
    outside = smooth(np.array([0, 3, 14.999, -25.001, 1e4]) * unit)
    assert_array_equal(outside, [below] * 3 + [above] * 2)


def test_hardly_any_smoothing_is_a_jump():
    y = np.random.default_rng(0).uniform(-40, 40, 1000)
    for smoothing in (1e-12, 5e-324):
        smooth = TargetConditioned(20, smoothing=smoothing)
        assert_array_equal(smooth(y), TargetConditioned(20)(y))


def test_targets_in_float32_are_compared_in_float32():
    y = np.array([0.1, 0.7], np.float32)
    for threshold in (0.7, np.float64(0.7)):
        assert_array_equal(TargetConditioned(threshold)(y), [1, 2])


def test_the_loss_is_linear_below_and_quadratic_above():
    alpha = TargetConditioned(20)(np.array([5.0, 50.0]))
    ratio = loss.rho(2e6, alpha) / loss.rho(1e6, alpha)
    assert_allclose(ratio, [2, 4], rtol=1e-5)
    small = loss.rho(1e-4, alpha)
    assert_allclose(small, small[0], rtol=1e-7)


class Host(BaseEstimator):
    def __init__(self, alpha=1.0):
        self.alpha = alpha


def test_it_is_a_value_that_searches_can_set_in_a_copy():
    one = TargetConditioned(20, "cauchy", smoothing=5)
    host = clone(Host(one)).set_params(alpha__threshold=30, alpha__smoothing=0)
    assert host.alpha is not one
    assert repr(one) == "TargetConditioned(below='cauchy', smoothing=5, threshold=20)"
    assert_array_equal(host.alpha([25.0, 30.0]), [0, 2])
    assert_array_equal(pickle.loads(pickle.dumps(one))(Y), one(Y))
    before = one.get_params()
    one(Y)
    assert vars(one) == before
    assert "TargetConditioned" in Host(one)._repr_html_()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"threshold": 0}, "'threshold' parameter of TargetConditioned must be .* 0"),
        ({"threshold": -20.0}, r"'threshold' parameter .* \(0.0, inf\)\. Got -20.0"),
        ({"threshold": np.nan}, "'threshold' parameter .* Got nan"),
        ({"threshold": "20"}, "'threshold' parameter .* Got '20'"),
        ({"smoothing": -1}, r"'smoothing' parameter .* \[0.0, inf\)\. Got -1"),
        ({"smoothing": np.nan}, "'smoothing' parameter .* Got nan"),
        ({"smoothing": 40.1}, r"smoothing must be .* 2 \* threshold.*=40.1 .*=20\."),
        ({"threshold": np.inf}, "'threshold' parameter .* Got inf"),
        ({"smoothing": np.inf}, "'smoothing' parameter .* Got inf"),
        ({"below": "huber"}, "below must be a number .*'cauchy'.* Got 'huber'"),
        ({"above": np.nan}, "above must be a number from -inf to inf .* Got nan"),
        ({"above": [1.0]}, "'above' parameter of TargetConditioned must be"),
        (
            {"below": "welsch", "smoothing": 5},
            "below and above must be finite with smoothing.* Got 'welsch' and 2.0",
        ),
    ],
)
def test_a_bad_parameter_is_refused_when_it_is_used(parameters, message):
    conditioned = TargetConditioned(**{"threshold": 20, **parameters})
    with pytest.raises(ValueError, match=message):
        conditioned(Y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1.0, np.nan], "Input y contains NaN"),
        ([1.0, np.inf], "Input y contains infinity"),
        (np.ones((3, 2)), r"y should be a 1d array, got an array of shape \(3, 2\)"),
        ([], "Found array with 0 sample"),
    ],
)
def test_targets_that_are_no_finite_vector_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        TargetConditioned(20)(y)


WIDE = TargetBuckets(width=10, limit=20, symmetric=True)


def test_every_bucket_has_its_value():
    by_edges = BucketConditioned([-3.0, 20.0], [-np.inf, "cauchy", 2])
    assert_array_equal(by_edges(Y), [0, 0, 0, -np.inf, 2, -np.inf, 2, -np.inf])
    assert_array_equal(BucketConditioned(WIDE, [1, 5, 9])(Y), [1, 1, 5, 5, 9, 9, 9, 9])
    assert_array_equal(BucketConditioned([], ["l2"])(Y), np.full(8, 2.0))
    assert by_edges([1, 30]).dtype == np.float64


@pytest.mark.parametrize(
    "values", [[0.5, 1.0, 2.0], (0.5, 1, 2), np.array([0.5, 1, 2])]
)
def test_values_come_in_any_sequence(values):
    assert_array_equal(BucketConditioned([0, 1], values)([-1, 0, 1]), [0.5, 1.0, 2.0])


def test_two_buckets_are_a_threshold():
    y = np.random.default_rng(0).uniform(-40, 40, 1000)
    buckets = TargetBuckets(edges=[20], symmetric=True)
    by_bucket = BucketConditioned(buckets, ["welsch", 1.5])
    assert_array_equal(by_bucket(y), TargetConditioned(20, "welsch", 1.5)(y))


def test_fitted_buckets_stay_in_copies():
    buckets = TargetBuckets(n_buckets=4, strategy="quantile").fit(np.arange(100.0))
    host = Host(BucketConditioned(buckets, [0.0, 0.5, 1.0, 2.0]))
    for copy in (clone(host), pickle.loads(pickle.dumps(host))):
        assert copy.alpha is not host.alpha
        assert copy.alpha.buckets is not buckets
        assert_array_equal(copy.alpha([0.0, 25.0, 50.0, 99.0]), [0.0, 0.5, 1.0, 2.0])


def test_a_search_sets_what_is_inside():
    host = clone(Host(BucketConditioned(WIDE, [1, 1, 2])))
    host.set_params(alpha__values=[0, 1, 2], alpha__buckets__limit=40)
    assert_array_equal(WIDE.edges_, [10, 20])
    with pytest.raises(ValueError, match=r"each of the 5 buckets, .*\[30, 40\), >= 40"):
        host.alpha(Y)


def test_the_linear_fit_takes_it_as_alpha_and_as_c():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = X @ [10.0, 5.0] + rng.standard_t(3, size=200)
    alpha = BucketConditioned(TargetBuckets(edges=[10], symmetric=True), [1.0, 2.0])
    model = AdaptiveLossRegressor(alpha, c=BucketConditioned([0], [1, 3])).fit(X, y)
    assert_array_equal(model.alpha_, TargetConditioned(10)(y))
    assert_array_equal(model.c_, np.where(y < 0, 1, 3))
    same = AdaptiveLossRegressor(alpha, c=1.0).fit(X, y)
    expected = AdaptiveLossRegressor(TargetConditioned(10), c=1.0).fit(X, y)
    assert_allclose(same.coef_, expected.coef_, rtol=1e-9)
    grid = {"alpha__values": [[1.0, 1.0], [1.0, 2.0]], "alpha__buckets__edges": [[5]]}
    search = GridSearchCV(AdaptiveLossRegressor(alpha, c=1.0), grid, cv=3).fit(X, y)
    assert search.best_params_["alpha__buckets__edges"] == [5]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"values": [1.0]},
            r"each of the 2 buckets, < 10, >= 10\. Got \[1.0",
        ),
        ({"values": [[1.0, 2.0]]}, "values must have one value for each of the 2"),
        ({"values": 1.0}, "'values' parameter of BucketConditioned .*Got 1.0"),
        ({"values": ["huber", 1.0]}, "values must be a number .* Got 'huber'"),
        ({"values": [np.nan, 1.0]}, "values must be a number .* Got nan"),
        ({"buckets": 2}, "'buckets' parameter of BucketConditioned .*Got 2"),
        ({"buckets": [2, 1]}, "edges must be finite, strictly increasing"),
        ({"buckets": TargetBuckets(n_buckets=2)}, "buckets must be fixed.*or fit them"),
    ],
)
def test_a_bad_parameter_of_buckets_is_refused_when_it_is_used(parameters, message):
    conditioned = BucketConditioned(**{"buckets": [10], "values": [1, 2], **parameters})
    with pytest.raises(ValueError, match=message):
        conditioned(Y)


@pytest.mark.parametrize("y", [[1.0, np.nan], np.ones((3, 2)), []], ids=str)
def test_buckets_of_no_finite_vector_are_refused(y):
    with pytest.raises(ValueError, match=r"NaN|1d array|0 sample"):
        BucketConditioned([10], [1, 2])(y)
