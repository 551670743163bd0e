"""Tests of the weights by bucket."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import compute_sample_weight

from skrobust import BucketWeighter, TargetBuckets

RNG = np.random.default_rng(0)
Y = np.r_[RNG.normal(scale=8, size=400), RNG.uniform(-80, 80, size=30)]
WIDE = TargetBuckets(5, 40, symmetric=True)
WEIGHTERS = [
    BucketWeighter(),
    BucketWeighter(WIDE),
    BucketWeighter(WIDE, power=0.5),
    BucketWeighter(WIDE, power=0),
    BucketWeighter(WIDE, power=2, max_weight=3),
    BucketWeighter(WIDE, max_weight=1.5),
    BucketWeighter(WIDE, max_weight=1),
    BucketWeighter([-20, 20], power=1e4, max_weight=5),
    BucketWeighter(25, power=1.5),
]
SAMPLE_WEIGHTS = {
    "equal": None,
    "integer": RNG.integers(0, 4, len(Y)),
    "tiny": 1e-9 * RNG.exponential(size=len(Y)),
}

every_weighter = pytest.mark.parametrize("weighter", WEIGHTERS, ids=repr)


@pytest.mark.parametrize("buckets", [10, WIDE, [-20, 0, 20]], ids=repr)
def test_power_one_is_balanced(buckets):
    weighter = BucketWeighter(buckets).fit(Y)
    balanced = compute_sample_weight("balanced", weighter.buckets_.assign(Y))
    assert_allclose(weighter.transform(Y), balanced, rtol=1e-12)


@pytest.mark.parametrize("power", [0, 0.5, 1, 3])
def test_weight_is_a_power_of_the_count(power):
    weights = BucketWeighter([10], power=power).fit_transform([1, 2, 3, 4, 20])
    assert_allclose(weights[4] / weights[0], 4.0**power)


@every_weighter
@pytest.mark.parametrize("s", SAMPLE_WEIGHTS.values(), ids=SAMPLE_WEIGHTS)
def test_weighted_mean_is_one(weighter, s):
    weights = clone(weighter).fit_transform(Y, s)
    assert weights.shape == Y.shape
    assert weights.min() > 0
    assert np.average(weights, weights=s) == pytest.approx(1, rel=1e-13)


@every_weighter
def test_integer_weights_are_repeated_rows(weighter):
    s = SAMPLE_WEIGHTS["integer"]
    weighted = clone(weighter).fit(Y, s)
    repeated = clone(weighter).fit(np.repeat(Y, s))
    assert_allclose(weighted.transform(Y), repeated.transform(Y), rtol=1e-13)


@every_weighter
def test_fit_transform_is_fit_and_transform(weighter):
    fitted = clone(weighter).fit(Y)
    assert_array_equal(fitted.transform(Y), clone(weighter).fit_transform(Y))
    assert_array_equal(fitted.transform(list(Y[:3])), fitted.transform(Y)[:3])
    assert_array_equal(fitted.transform(pd.Series(Y)), fitted.transform(Y))


@pytest.mark.parametrize("power", [0.5, 1, 2, 6])
@pytest.mark.parametrize("cap", [1.0, 1.0001, 1.2, 2.0, 5.0, 100.0])
def test_cap_is_water_filling(power, cap):
    free = BucketWeighter(WIDE, power=power).fit_transform(Y)
    capped = BucketWeighter(WIDE, power=power, max_weight=cap).fit_transform(Y)
    assert capped.max() <= cap
    most = cap / free.min()
    t = brentq(
        lambda t: np.minimum(t * free, cap).mean() - 1, 0.5, 2 * most, xtol=1e-15
    )
    assert_allclose(capped, np.minimum(t * free, cap), rtol=1e-9)


def test_cap_keeps_the_mean_wherever_it_cuts():
    for cap in np.geomspace(1, 30, 200):
        weights = BucketWeighter(WIDE, max_weight=cap).fit_transform(Y)
        assert weights.mean() == pytest.approx(1, rel=1e-12)
        assert weights.max() <= cap


def test_cap_above_the_largest_weight_changes_nothing():
    free = BucketWeighter(WIDE).fit(Y)
    capped = BucketWeighter(WIDE, max_weight=free.weights_.max()).fit(Y)
    assert_allclose(capped.weights_, free.weights_, rtol=1e-12)


@pytest.mark.parametrize(
    ("unseen", "expected"),
    [
        # The buckets < 0, [0, 10), [10, 20), [20, 30), [30, 40) and >= 40 hold
        # 0, 6, 0, 3, 0 and 0 targets.
        ("nearest", [0.75, 0.75, 1.5, 1.5, 1.5, 1.5]),
        ("max", [1.5, 0.75, 1.5, 1.5, 1.5, 1.5]),
        ("one", [1, 0.75, 1, 1.5, 1, 1]),
        (0.0, [0, 0.75, 0, 1.5, 0, 0]),
        (7, [7, 0.75, 7, 1.5, 7, 7]),
    ],
)
def test_unseen_buckets(unseen, expected):
    weighter = BucketWeighter([0, 10, 20, 30, 40], unseen=unseen)
    weighter.fit([1, 2, 3, 4, 5, 6, 21, 22, 23])
    assert_allclose(weighter.transform([-5, 5, 15, 25, 35, 45]), expected)


def test_nearest_bucket_is_the_nearer_one():
    weighter = BucketWeighter(TargetBuckets(1, 7, symmetric=True)).fit([0, 0, 5.5])
    assert_allclose(weighter.weights_, [0.75] * 3 + [1.5] * 5)


def test_unseen_raises_if_asked():
    weighter = BucketWeighter([0, 10], unseen="raise").fit([-1, 1, 2])
    assert_allclose(weighter.transform([-7, 7]), [1.5, 0.75])
    with pytest.raises(ValueError, match=r"buckets \['>= 10'\].*unseen=\"raise\""):
        weighter.transform([1, 11])


def test_a_message_names_a_few_of_many_unknown_buckets():
    weighter = BucketWeighter(TargetBuckets(1, 1000), unseen="raise").fit([1.5])
    with pytest.raises(ValueError, match=r"'\[5, 6\)'\] and 94 more, which held"):
        weighter.transform(np.arange(100))


def test_float32_targets_are_counted_in_their_decimal_buckets():
    y = [0.1, 0.2, 0.3, 0.7, 0.7, 0.9]
    weighter = BucketWeighter(TargetBuckets(0.1, 1, symmetric=True))
    expected = weighter.fit_transform(y)
    assert_array_equal(weighter.fit_transform(np.array(y, np.float32)), expected)
    assert_array_equal(weighter.transform(np.array(y, np.float32)), expected)


@pytest.mark.parametrize("unseen", ["nearest", "raise"])
def test_a_bucket_of_zero_weight_is_not_there(unseen):
    weighter = BucketWeighter([0, 10], unseen=unseen)
    weights = weighter.fit_transform([-1, 1, 2, 11], sample_weight=[1, 1, 1, 0])
    absent = 0.75 if unseen == "nearest" else 0
    assert_allclose(weights, [1.5, 0.75, 0.75, absent])
    assert_array_equal(weighter.buckets_.counts_, [1, 2, 0])


@every_weighter
@pytest.mark.parametrize("y", [[3.0], [3, 3, 3], [-0.0, 0.0]])
def test_weights_of_a_constant_target_are_one(weighter, y):
    assert_array_equal(clone(weighter).fit_transform(y), 1)


def test_parameters_are_left_alone():
    buckets = TargetBuckets(n_buckets=3)
    weighter = BucketWeighter(buckets).fit(Y)
    assert weighter.buckets is buckets
    assert not buckets.is_fixed
    assert weighter.buckets_.is_fixed


def test_quantile_buckets_warn_that_nothing_is_rare():
    weighter = BucketWeighter(TargetBuckets(n_buckets=5, strategy="quantile"))
    with pytest.warns(
        UserWarning, match=r'strategy="quantile".*nothing counts as rare'
    ):
        weighter.fit(Y)
    weighter.fit([0] * 90 + [1] * 10 + [2] * 20)  # spikes are not equally filled
    assert weighter.weights_.max() == pytest.approx(2)


def test_transform_needs_fit():
    with pytest.raises(NotFittedError, match="BucketWeighter instance is not fitted"):
        BucketWeighter().transform(Y)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"power": -1}, r"'power' parameter.*\[0\.0, inf\).*Got -1"),
        ({"power": np.inf}, r"'power' parameter.*Got inf"),
        ({"max_weight": 0.9}, r"'max_weight' parameter.*\[1\.0, inf\).*Got 0\.9"),
        ({"unseen": "median"}, r"'unseen' parameter.*'nearest'.*Got 'median'"),
        ({"unseen": -1}, r"'unseen' parameter.*Got -1"),
        ({"buckets": "auto"}, "buckets must be an int.*got 'auto'"),
        ({"buckets": 0}, "'n_buckets' parameter.*Got 0"),
        ({"buckets": 10**8}, "n_buckets is at most 100000; got n_buckets=100000000"),
        ({"buckets": ["a"]}, r"edges must be finite.*got \['a'\]"),
        ({"buckets": [5, 1]}, "edges must be.*strictly increasing"),
        ({"buckets": TargetBuckets(limit=4)}, "width and limit belong together"),
    ],
)
def test_bad_parameters_are_named(params, message):
    with pytest.raises(ValueError, match=message):
        BucketWeighter(**params).fit(Y)


@pytest.mark.parametrize(
    ("y", "sample_weight", "message"),
    [
        ([1, np.nan], None, "Input y contains NaN"),
        ([[1, 2], [3, 4]], None, "should be a 1d array"),
        ([1, 2], [0, 0], "sample_weight is zero for every sample"),
        ([1, 2], [1e308, 1e308], "sample_weight must have a finite sum"),
        ([1, 2], [1, -1], "sample_weight must not be negative"),
        ([1, 2], [1, np.nan], "Input sample_weight contains NaN"),
    ],
)
def test_bad_targets_and_weights_are_named(y, sample_weight, message):
    with pytest.raises(ValueError, match=message):
        BucketWeighter().fit(y, sample_weight)
