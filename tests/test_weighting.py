"""Tests of the weights by bucket."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import convolve1d, gaussian_filter1d
from scipy.optimize import brentq
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import compute_sample_weight

from skrobust import BucketWeighter, TargetBuckets

pytestmark = pytest.mark.filterwarnings("ignore:The weights leave an effective")

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
    BucketWeighter(WIDE, beta=0.9),
    BucketWeighter(WIDE, beta="auto", power=0.7),
    BucketWeighter(WIDE, smoothing=6.0),
    BucketWeighter([-20, -3, 5, 20, 21], smoothing=6.0, power=2),
    BucketWeighter([3], smoothing=6.0),
    BucketWeighter(WIDE, smoothing="dir", max_ratio=7),
    BucketWeighter(WIDE, smoothing=("dir", 3, 1), power=0.5),
    BucketWeighter(WIDE, target=np.arange(1, 10), min_effective=0.3),
    BucketWeighter(WIDE, smoothing=6, beta=0.99, target="uniform", max_ratio=4),
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


@pytest.mark.parametrize("n_rows", [5, 430])
@pytest.mark.parametrize("beta", [0.0, 0.3, 0.99, 1 - 1e-9])
def test_effective_number_of_samples(n_rows, beta):
    weighter = BucketWeighter(WIDE, beta=beta)
    weights = weighter.fit_transform(Y[-n_rows:])
    counts = weighter.buckets_.counts_
    # Cui et al. (2019): the sum of the first n powers of beta, summed here.
    effective = np.array([sum(beta**k for k in range(int(n))) for n in counts])
    expected = 1 / effective[weighter.buckets_.assign(Y[-n_rows:])]
    assert_allclose(weights, expected / expected.mean(), rtol=1e-12)


def test_effective_number_runs_from_no_weights_to_inverse_ones():
    assert_array_equal(BucketWeighter(WIDE, beta=0).fit_transform(Y), 1)
    inverse = BucketWeighter(WIDE).fit_transform(Y)
    assert_allclose(BucketWeighter(WIDE, beta=1).fit_transform(Y), inverse)
    almost = BucketWeighter(WIDE, beta=1 - 1e-13).fit_transform(Y)
    assert_allclose(almost, inverse, rtol=1e-9)
    auto = BucketWeighter(WIDE, beta="auto").fit_transform(Y)
    assert_allclose(
        auto, BucketWeighter(WIDE, beta=1 - 1 / len(Y)).fit_transform(Y), rtol=1e-12
    )


@pytest.mark.parametrize("bandwidth", [0.1, 3.0, 12.0, 200.0])
@pytest.mark.parametrize("power", [0.5, 1])
@pytest.mark.parametrize("symmetric", [False, True])
def test_smoothing_is_a_reflecting_gaussian(bandwidth, power, symmetric):
    buckets = TargetBuckets(5, 40, symmetric=symmetric)
    weighter = BucketWeighter(buckets, power=power, smoothing=bandwidth).fit(Y)
    counts = weighter.buckets_.counts_
    shared = gaussian_filter1d(counts, bandwidth / 5, mode="reflect", truncate=30)
    expected = np.maximum(shared, 1) ** -power
    expected *= counts.sum() / (counts @ expected)
    seen = counts > 0
    assert_allclose(weighter.weights_[seen], expected[seen], rtol=1e-9)


def test_smoothing_has_the_units_of_the_target():
    weights = BucketWeighter(WIDE, smoothing=6.0).fit_transform(Y)
    for unit in [1e-6, 1e6]:
        buckets = TargetBuckets(5 * unit, 40 * unit, symmetric=True)
        scaled = BucketWeighter(buckets, smoothing=6 * unit).fit_transform(Y * unit)
        assert_allclose(scaled, weights, rtol=1e-9)


def test_smoothing_knows_how_wide_buckets_are():
    # An even density stays even, however its range is divided.
    y = np.arange(0.05, 120, 0.1)
    edges = [10, 20, 50, 52, 60, 90]  # as if the open ones were 10 and 30 wide
    smoothed = BucketWeighter(edges, smoothing=8.0).fit(y)
    assert_allclose(smoothed.weights_, BucketWeighter(edges).fit(y).weights_)


@pytest.mark.parametrize("bandwidth", [1e-300, 1e-16, 1e-9, 0.1])
def test_smoothing_by_less_than_a_bucket_shares_nothing(bandwidth):
    buckets = TargetBuckets(5, 40, center=1000)
    plain = BucketWeighter(buckets).fit_transform(Y + 1000)
    smoothed = BucketWeighter(buckets, smoothing=bandwidth).fit_transform(Y + 1000)
    assert_allclose(smoothed, plain)


def test_smoothing_of_two_open_buckets_takes_their_width_from_the_targets():
    y = [0.0] * 30 + [4.0] * 10
    shared = gaussian_filter1d([30.0, 10.0], 1.0, mode="reflect", truncate=30)
    weights = BucketWeighter([2], smoothing=2.0).fit(y).weights_
    assert weights[1] / weights[0] == pytest.approx(shared[0] / shared[1])
    s = [1.0] * 40 + [0.0]  # a row that is not there has no width
    again = BucketWeighter([2], smoothing=2.0).fit([*y, 1e6], s)
    assert_allclose(again.weights_, weights)


def test_smoothed_counts_are_one_row_at_least():
    weighter = BucketWeighter(TargetBuckets(1, 9, symmetric=True), smoothing=3.0)
    weights = weighter.fit_transform([0.5, 8.5])
    assert_allclose(weights, 1)


def lds(labels, power, size=5, sigma=2.0, n_labels=121):
    """Return the weights that the code of Yang et al. (2021) gives to labels.

    The recipe of `_prepare_weights` and `get_lds_kernel_window` in that code, in words:
    count by whole label, the last one open; take roots, or clip to [5, 1000]; convolve
    with a Gaussian of an impulse over its largest value; scale 1 over that to mean 1.
    Clipped counts stay integers there, and so does their convolution.
    """
    labels = np.minimum(np.asarray(labels, int), n_labels - 1)
    value = np.array([np.sum(labels == label) for label in range(n_labels)], int)
    value = np.sqrt(value) if power == 0.5 else np.clip(value, 5, 1000)
    half = (size - 1) // 2
    window = gaussian_filter1d([0.0] * half + [1.0] + [0.0] * half, sigma=sigma)
    smoothed = convolve1d(value, weights=window / max(window), mode="constant")
    weights = 1 / smoothed[labels]
    return weights * len(weights) / weights.sum()


@pytest.mark.parametrize("power", [0.5, 1])
@pytest.mark.parametrize("window", [(5, 2.0), (5, 2), (9, 1.0), (1, 2.0)])
def test_label_distribution_smoothing_of_its_authors(power, window):
    rng = np.random.default_rng(3)
    ages = np.r_[rng.gamma(9, 4, size=60_000), rng.uniform(0, 140, 300)]  # up to 2,000
    buckets = TargetBuckets(edges=range(1, 121))  # ages 0 to 120, the last one open
    weighter = BucketWeighter(buckets, power=power, smoothing=("dir", *window))
    expected = lds(ages, power, *window)
    assert weighter.fit_transform(ages).max() > 5
    assert_allclose(weighter.fit_transform(ages), expected, rtol=1e-12)
    if window == (5, 2.0):
        short = BucketWeighter(buckets, power=power, smoothing="dir")
        assert_allclose(short.fit_transform(ages), expected, rtol=1e-12)
    s = rng.integers(0, 3, len(ages))
    weighted = weighter.fit(ages, s).transform(np.repeat(ages, s))
    assert_allclose(weighted, lds(np.repeat(ages, s), power, *window), rtol=1e-12)


def test_the_window_of_label_distribution_smoothing():
    # The Gaussian exp(-k**2 / 8), cut at 4 deviations and of sum 1, with its tails
    # mirrored into five places: 0 1 2 3 4 4 3 2 1 0 0 1 ...
    k = np.arange(-8, 9)
    g = np.exp(-(k**2) / 8)
    places = np.array([0, 1, 2, 3, 4, 4, 3, 2, 1, 0])[(k + 2) % 10]
    window = np.bincount(places, g)
    window /= window.max()
    weighter = BucketWeighter(range(1, 9), power=0.5, smoothing="dir")
    weighter.fit([2.5] * 4 + [3.5] * 9)
    smoothed = [2 + 3 * window[1], 2 * window[1] + 3]
    ratio = weighter.weights_[2] / weighter.weights_[3]
    assert ratio == pytest.approx(smoothed[1] / smoothed[0], rel=1e-14)


def test_label_distribution_smoothing_without_power_weighs_nothing():
    weights = BucketWeighter(WIDE, smoothing="dir", power=0).fit_transform(Y)
    assert_array_equal(weights, 1)


@pytest.mark.parametrize("power", [0, 0.5, 1, 2])
def test_target_mix(power):
    y = [1] * 60 + [11] * 30 + [21] * 10
    mix = np.array([2.0, 5.0, 3.0])
    weighter = BucketWeighter([10, 20], target=mix, power=power).fit(y)
    expected = (mix / weighter.buckets_.counts_) ** power
    expected *= 100 / (weighter.buckets_.counts_ @ expected)
    assert_allclose(weighter.weights_, expected, rtol=1e-12)
    if power == 1:
        assert_allclose(weighter.weights_ * [60, 30, 10], [20, 50, 30])


def test_target_mix_is_in_any_unit_and_uniform_by_default():
    plain = BucketWeighter(WIDE).fit_transform(Y)
    for target in ["uniform", [3] * 9, np.full(9, 1e-300), pd.Series([1e300] * 9)]:
        weights = BucketWeighter(WIDE, target=target).fit_transform(Y)
        assert_allclose(weights, plain, rtol=1e-12)


def test_target_mix_of_empty_buckets_is_left_out():
    y = [1] * 60 + [21] * 40
    weights = BucketWeighter([10, 20, 30], target=[3, 1, 1, 9]).fit(y).weights_
    assert_allclose(weights[[0, 2]] * [60, 40], [75, 25])


def test_a_bucket_may_be_worth_nothing():
    y = [1] * 60 + [11] * 30 + [21] * 10
    weighter = BucketWeighter([10, 20], target=[0, 1, 1]).fit(y)
    assert_allclose(weighter.weights_ * [60, 30, 10], [0, 50, 50])
    with pytest.raises(
        ValueError, match=r"strength 0.*Give target a positive value where there are"
    ):
        BucketWeighter([10, 20, 30], target=[0, 0, 0, 1]).fit(y)


@pytest.mark.parametrize("ratio", [1, 1.5, 4, 1e6])
@pytest.mark.parametrize("cap", [None, 1.3])
def test_ratio_of_weights_is_limited(ratio, cap):
    free = BucketWeighter(WIDE).fit_transform(Y)
    weights = BucketWeighter(WIDE, max_ratio=ratio, max_weight=cap).fit_transform(Y)
    assert weights.mean() == pytest.approx(1, rel=1e-12)
    assert weights.max() / weights.min() <= ratio * (1 + 1e-12)
    if cap is None:
        raised = np.maximum(free, free.max() / ratio)
        assert_allclose(weights, raised / raised.mean(), rtol=1e-12)
    else:
        assert weights.max() <= cap


def test_tiny_sample_weights_count_rows_where_counts_matter():
    # Weights with a mean below 1 only compare rows; at or above they count them.
    narrow = TargetBuckets(2, 70, symmetric=True)
    for params in [{"smoothing": 6.0}, {"beta": 0.9}, {"smoothing": "dir"}]:
        weighter = BucketWeighter(narrow, **params)
        expected = weighter.fit_transform(Y)
        tiny = weighter.fit_transform(Y, np.full(len(Y), 1e-9))
        assert_allclose(tiny, expected, rtol=1e-9)
        doubled = weighter.fit_transform(Y, np.full(len(Y), 2.0))
        assert abs(doubled / expected - 1).max() > 1e-3


# Several outputs together


JOINT = np.array([[1, 1], [1, 1], [1, 1], [1, 11], [1, 11], [11, 1], [21, 21]])


def test_joint_weights_are_balanced_over_combinations():
    weighter = BucketWeighter([10, 20], multioutput="joint")
    weights = weighter.fit_transform(JOINT)
    cells = ["aa", "aa", "aa", "ab", "ab", "ba", "cc"]
    assert_allclose(weights, compute_sample_weight("balanced", cells), rtol=1e-12)
    assert_array_equal(weighter.transform(JOINT), weights)
    assert_array_equal(weighter.cells_, [[0, 0], [0, 1], [1, 0], [2, 2]])
    assert_allclose(weighter.weights_, [7 / 12, 7 / 8, 7 / 4, 7 / 4])
    assert [b.counts_.tolist() for b in weighter.buckets_] == [[5, 1, 1], [4, 2, 1]]


@pytest.mark.parametrize(
    ("unseen", "expected"),
    [
        ("nearest", [7 / 4, 7 / 4]),
        ("max", [7 / 4] * 2),
        ("one", [1, 1]),
        (3.5, [3.5] * 2),
    ],
)
def test_unseen_combinations(unseen, expected):
    # (1, 1) is a step from (0, 1) and (1, 0), the heavier; (2, 1) from (2, 2).
    weighter = BucketWeighter([10, 20], multioutput="joint", unseen=unseen).fit(JOINT)
    assert_allclose(weighter.transform([[11, 11], [21, 11]]), expected)
    assert_allclose(weighter.transform([[1, 12], [11, 11]]), [7 / 8, expected[0]])


def test_unseen_combinations_raise_if_asked():
    weighter = BucketWeighter([10, 20], multioutput="joint", unseen="raise").fit(JOINT)
    assert_allclose(weighter.transform([[1, 1]]), 7 / 12)
    with pytest.raises(
        ValueError, match=r"buckets \['\[10, 20\) and >= 20'\], which held no target"
    ):
        weighter.transform([[1, 1], [11, 21]])


@pytest.mark.parametrize("unseen", ["nearest", "raise"])
def test_integer_weights_are_repeated_rows_of_several_outputs(unseen):
    s = [2, 0, 1, 3, 1, 0, 1]
    weighter = BucketWeighter([10, 20], multioutput="joint", unseen=unseen)
    weights = weighter.fit_transform(JOINT, s)
    repeated = clone(weighter).fit(np.repeat(JOINT, s, axis=0))
    assert_allclose(weights[[0, 3, 6]], repeated.transform(JOINT[[0, 3, 6]]))
    assert_array_equal(weighter.cells_, [[0, 0], [0, 1], [2, 2]])
    assert weights[5] == (0 if unseen == "raise" else weights[0])


@pytest.mark.parametrize("params", [{"max_weight": 1.2}, {"min_effective": 0.9}])
def test_joint_weights_keep_cap_and_rows(params):
    weighter = BucketWeighter([10, 20], multioutput="joint", **params)
    weights = weighter.fit_transform(JOINT)
    assert weights.mean() == pytest.approx(1, rel=1e-12)
    assert weights.max() <= params.get("max_weight", 9)
    assert weighter.effective_size_ >= 7 * params.get("min_effective", 0) - 1e-12


def test_joint_of_one_output_is_that_output():
    joint = BucketWeighter(WIDE, multioutput="joint").fit_transform(Y[:, None])
    assert_array_equal(joint, BucketWeighter(WIDE).fit_transform(Y))


@pytest.mark.parametrize("params", [{"smoothing": 3.0}, {"target": [1, 1, 1]}])
def test_joint_weights_have_no_smoothing_and_no_target(params):
    weighter = BucketWeighter([10, 20], multioutput="joint", **params)
    with pytest.raises(ValueError, match=r'multioutput="joint" weighs combin.*at None'):
        weighter.fit(JOINT)


def test_too_many_combinations_are_an_error():
    weighter = BucketWeighter(TargetBuckets(1, 40_000), multioutput="joint")
    with pytest.raises(ValueError, match=r"409\d+ combinations of buckets.*Take fewer"):
        weighter.fit(RNG.normal(size=(5, 4)))


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
        ({"beta": 1.1}, r"'beta' parameter.*\[0\.0, 1\.0\].*Got 1\.1"),
        ({"beta": "most"}, r"'beta' parameter.*'auto'.*Got 'most'"),
        ({"max_ratio": 0.5}, r"'max_ratio' parameter.*\[1\.0, inf\).*Got 0\.5"),
        ({"smoothing": 0}, r"'smoothing' parameter.*\(0\.0, inf\).*Got 0"),
        ({"smoothing": "lds"}, r"'smoothing' parameter.*'dir'.*Got 'lds'"),
        ({"smoothing": ("dir", 4, 2)}, r"an odd int.*got smoothing=\('dir', 4, 2\)"),
        ({"smoothing": ("dir", 5)}, r"an odd int.*got smoothing=\('dir', 5\)"),
        ({"smoothing": ("lds", 5, 2)}, r"an odd int.*got smoothing=\('lds', 5, 2\)"),
        ({"smoothing": ("dir", 5, 0)}, "a positive number.*Give a bandwidth"),
        ({"smoothing": ("dir", 5, np.inf)}, "a positive number.*Give a bandwidth"),
        ({"smoothing": "dir", "power": 0.7}, r"power 0\.5 or 1.*'power': 0\.7"),
        ({"smoothing": "dir", "beta": 0.7}, r"without beta and target.*'beta': 0\.7"),
        ({"smoothing": "dir", "target": "uniform"}, "without beta and target; got"),
        ({"target": "mix"}, r"'target' parameter.*'uniform'.*Got 'mix'"),
        ({"target": [1, 2, 3]}, r"each of the 10 buckets.*got target=\[1, 2, 3\]"),
        ({"target": [1] * 9 + [-1]}, r"each of the 10 buckets.*not negative; got"),
        ({"target": [1] * 9 + [np.nan]}, r"a finite number for each of the 10 buckets"),
        ({"target": [[1] * 10]}, r"a finite number for each of the 10 buckets"),
        ({"target": ["a"] * 10}, r"a finite number for each of the 10 buckets"),
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
