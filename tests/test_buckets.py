"""Tests of the buckets of the target."""

import pickle
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skrobust import TargetBuckets
from skrobust.buckets import BLOCK, as_buckets

DEGREES = {"width": 5, "limit": 40, "symmetric": True}
FIXED = {
    "symmetric": TargetBuckets(5, 40, symmetric=True),
    "signed": TargetBuckets(5, 40),
    "uneven": TargetBuckets(7, 40, symmetric=True),
    "tenths": TargetBuckets(0.1, 0.8, symmetric=True),
    "edges": TargetBuckets(edges=[-3.5, 0, 12]),
    "one edge": TargetBuckets(edges=[20], symmetric=True),
    "about 90": TargetBuckets(5, 40, center=90),
    "about -7.3": TargetBuckets(0.1, 3, symmetric=True, center=-7.3),
    "edges about 10": TargetBuckets(edges=[0.7, 12], symmetric=True, center=10),
}
FROM_DATA = {
    "default": TargetBuckets(),
    "uniform": TargetBuckets(n_buckets=4),
    "uniform symmetric": TargetBuckets(n_buckets=4, symmetric=True),
    "quantile": TargetBuckets(n_buckets=4, strategy="quantile"),
    "quantile symmetric": TargetBuckets(
        n_buckets=7, strategy="quantile", symmetric=True
    ),
    "unique": TargetBuckets(strategy="unique"),
    "unique symmetric": TargetBuckets(n_buckets=6, strategy="unique", symmetric=True),
    "uniform about 3": TargetBuckets(n_buckets=4, symmetric=True, center=3),
    "quantile about -9.9": TargetBuckets(
        n_buckets=4, strategy="quantile", symmetric=True, center=-9.9
    ),
    "unique about 0.3": TargetBuckets(
        n_buckets=9, strategy="unique", symmetric=True, center=0.3
    ),
}
MERGED = {
    "width merged": TargetBuckets(5, 80, min_count=3),
    "width merged symmetric": TargetBuckets(**DEGREES, min_count=2.5),
    "uniform merged": TargetBuckets(n_buckets=20, min_count=4),
    "about 30 merged": TargetBuckets(1, 50, symmetric=True, center=30, min_count=2),
}
ALL = FIXED | FROM_DATA | MERGED
Y = np.random.default_rng(0).normal(scale=15, size=200).round(1)


def table(instances):
    return pytest.mark.parametrize(
        "buckets", [clone(b) for b in instances.values()], ids=instances
    )


@pytest.mark.parametrize(
    ("params", "edges"),
    [
        ({"width": 5, "limit": 20, "symmetric": True}, [5, 10, 15, 20]),
        ({"width": 5, "limit": 10}, [-10, -5, 0, 5, 10]),
        ({"width": 7, "limit": 20, "symmetric": True}, [6, 13, 20]),
        ({"width": 7, "limit": 20}, [-20, -13, -6, 0, 6, 13, 20]),
        ({"width": 5, "limit": 3, "symmetric": True}, [3]),
        ({"width": 0.1, "limit": 0.4, "symmetric": True}, [0.1, 0.2, 0.3, 0.4]),
        ({"width": 0.3, "limit": 0.8, "symmetric": True}, [0.2, 0.5, 0.8]),
        ({"width": 2e-4, "limit": 8e-4, "symmetric": True}, [2e-4, 4e-4, 6e-4, 8e-4]),
        ({"width": 1 / 3, "limit": 1.0, "symmetric": True}, [1 / 3, 2 / 3, 1]),
        ({"width": np.float32(5), "limit": np.int64(10)}, [-10, -5, 0, 5, 10]),
        ({"width": 5, "limit": 10, "center": 90}, [80, 85, 90, 95, 100]),
        ({"width": 0.1, "limit": 0.2, "center": 0.1}, [-0.1, 0, 0.1, 0.2, 0.3]),
        ({"width": 0.2, "limit": 0.3, "center": -7.3}, [-7.6, -7.4, -7.3, -7.2, -7]),
        ({**DEGREES, "limit": 10, "center": 1e6}, [5, 10]),
        ({"edges": (1, 2.5)}, [1, 2.5]),
        ({"edges": np.array([-0.0])}, [0.0]),
        ({"edges": []}, []),
        ({"edges": np.array([]), "symmetric": True}, []),
    ],
)
def test_parameters_fix_the_edges_to_the_last_bit(params, edges):
    buckets = TargetBuckets(**params)
    assert_array_equal(buckets.edges_, edges)
    assert buckets.is_fixed
    assert buckets.n_buckets_ == len(edges) + 1
    check_is_fitted(buckets)


@pytest.mark.parametrize(
    ("params", "y", "expected"),
    [
        (DEGREES, [40, -40, 39.999, 1e9], [8, 8, 7, 8]),
        (DEGREES, [0, -0.0, 5, -5, 4.9], [0, 0, 1, 1, 0]),
        ({"width": 5, "limit": 5}, [-5.1, -5, -0.1, -0.0, 0, 5], [0, 1, 1, 2, 2, 3]),
        ({"width": 0.1, "limit": 0.8, "symmetric": True}, [0.3, 0.7, -0.6], [3, 7, 6]),
        ({"edges": [0]}, [-0.0, 0, -5e-324], [1, 1, 0]),
        ({"edges": [1, 2]}, [1, 2, 3], [1, 2, 2]),
        (
            {**DEGREES, "center": 90},
            [90, 94.9, 95, 85, 85.1, 50, -1e9],
            [0, 0, 1, 1, 0, 8, 8],
        ),
        (
            {"width": 0.1, "limit": 0.8, "symmetric": True, "center": 10},
            [10.7, 9.3, 10.3, 9.7, 10.69, 9.31, 10.1, 9.9],
            [7, 7, 3, 3, 6, 6, 1, 1],
        ),
        (
            {"edges": [0.3], "symmetric": True, "center": -0.1},
            [0.2, -0.4, 0.19],
            [1, 1, 0],
        ),
    ],
)
def test_a_target_on_an_edge_is_in_the_bucket_that_begins_there(params, y, expected):
    assert_array_equal(TargetBuckets(**params).assign(y), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize(
    "params",
    [
        {"width": 0.1, "limit": 1, "symmetric": True},
        {"width": 0.1, "limit": 1},
        {"edges": [-0.3, 0.1, 0.2, 0.7, 0.9]},
        {"edges": [-1e300, 0.7, 1e300]},
        {"edges": [0.1, 1e300], "symmetric": True, "center": 0.2},
        {"width": 0.1, "limit": 1, "symmetric": True, "center": 0.3},
    ],
)
def test_a_decimal_edge_is_the_same_in_any_precision(dtype, params):
    y = np.array([0.1, -0.2, 0.3, -0.3, 0.6, 0.7, -0.7, 0.9, 0.95, 1])
    buckets = TargetBuckets(**params)
    expected = buckets.assign(y)
    assert_array_equal(buckets.assign(y.astype(dtype)), expected)
    assert_array_equal(buckets.fit_assign(y.astype(dtype)), expected)
    counts = np.bincount(expected, minlength=buckets.n_buckets_)
    assert_array_equal(buckets.counts_, counts)


@table({name: b for name, b in ALL.items() if not (b.symmetric and b.center)})
def test_assign_is_digitize(buckets):
    edges = buckets.fit(Y).edges_
    y = np.random.default_rng(1).normal(scale=20, size=BLOCK + 7)
    y = np.r_[y, Y, edges, np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf)]
    values = np.abs(y) if buckets.symmetric else y
    assert_array_equal(buckets.assign(y), np.digitize(values, edges))


@table({name: b for name, b in ALL.items() if b.symmetric and b.center})
def test_assign_about_a_center_is_digitize_of_written_distances(buckets):
    edges = buckets.fit(Y).edges_
    center = Decimal(repr(float(buckets.center)))
    y = np.random.default_rng(1).normal(scale=20, size=BLOCK + 7).round(1)
    distance = [float(abs(Decimal(repr(v)) - center)) for v in y.tolist()]
    assert_array_equal(buckets.assign(y), np.digitize(distance, edges))


@table(ALL)
def test_counts_are_those_of_the_buckets(buckets):
    assigned = buckets.fit_assign(Y)
    assert_array_equal(assigned, buckets.assign(Y))
    assert_array_equal(
        buckets.counts_, np.bincount(assigned, minlength=buckets.n_buckets_)
    )
    assert len(buckets.labels_) == buckets.n_buckets_ == len(set(buckets.labels_))


@table(ALL)
def test_integer_weights_are_repeated_rows(buckets):
    s = np.random.default_rng(2).integers(0, 4, len(Y))
    s[np.argmax(Y)] = 0  # the range must not know a row that is not there
    weighted, repeated = clone(buckets).fit(Y, s), buckets.fit(np.repeat(Y, s))
    assert_array_equal(weighted.edges_, repeated.edges_)
    assert_array_equal(weighted.counts_, repeated.counts_)


@pytest.mark.parametrize("n_buckets", range(2, 11))
@table(FROM_DATA)
def test_the_unit_of_the_weights_does_not_move_the_edges(buckets, n_buckets):
    y = np.arange(10) - 3
    buckets.set_params(n_buckets=n_buckets)
    edges = clone(buckets).fit(y).edges_
    assert_array_equal(buckets.fit(y, np.full(10, 0.1)).edges_, edges)


def test_uniform_buckets_have_equal_widths():
    buckets = TargetBuckets(n_buckets=5).fit([0, 1, 1, 10])
    assert_array_equal(buckets.edges_, [2, 4, 6, 8])
    assert_array_equal(buckets.counts_, [3, 0, 0, 0, 1])


@pytest.mark.parametrize("n_buckets", [2, 3, 7, 29, 100])
def test_quantile_buckets_have_equal_counts(n_buckets):
    y = np.random.default_rng(3).permutation(100)
    buckets = TargetBuckets(n_buckets=n_buckets, strategy="quantile").fit(y)
    assert buckets.n_buckets_ == n_buckets
    assert np.ptp(buckets.counts_) <= 1


@pytest.mark.parametrize(
    ("n_buckets", "spikes", "edges", "counts"),
    [
        (4, {0: 90, 1: 5, 2: 5}, [1], [90, 10]),  # at the lower end
        (4, {-2: 5, -1: 5, 0: 90}, [0], [10, 90]),  # at the upper end
        (4, {0: 60, 1: 20, 2: 20}, [1], [60, 40]),
        (
            10,
            {-2: 15, -1: 15, 0: 40, 1: 15, 2: 15},
            [-1, 0, 1, 2],
            [15, 15, 40, 15, 15],
        ),
        (2, {0: 99, 1: 1}, [1], [99, 1]),
        (2, {0: 1, 1: 99}, [1], [1, 99]),
        (3, {0: 1, 1: 98, 2: 1}, [1, 2], [1, 98, 1]),
        (2, {0: 20, 1: 60, 2: 20}, [1], [20, 80]),  # halfway: the lower end
        (2, {0: 21, 1: 60, 2: 19}, [1], [21, 79]),
        (2, {0: 19, 1: 60, 2: 21}, [2], [79, 21]),
        (100_000, {0: 3, 5: 1}, [5], [3, 1]),
    ],
)
@pytest.mark.parametrize("kind", ["rows", "weights", "small weights", "float32"])
def test_quantile_buckets_of_a_spiky_target(kind, n_buckets, spikes, edges, counts):
    values, n = list(spikes), np.array(list(spikes.values()))
    buckets = TargetBuckets(n_buckets=n_buckets, strategy="quantile")
    if kind == "weights":
        buckets.fit(values, n)
    elif kind == "small weights":
        buckets.fit(np.repeat(values, n), np.full(n.sum(), 0.1))
        counts = 0.1 * np.array(counts)
    else:
        rows = np.random.default_rng(0).permutation(np.repeat(values, n))
        buckets.fit(rows.astype(np.float32) if kind == "float32" else rows)
    assert_array_equal(buckets.edges_, edges)
    assert_allclose(buckets.counts_, counts)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("strategy", ["quantile", "unique"])
def test_no_bucket_of_a_spiky_target_is_empty(seed, strategy):
    rng = np.random.default_rng(seed)
    spikes = rng.choice([0, 1, -5, 0.1, 7.3], size=rng.integers(1, 60))
    y = np.r_[spikes, rng.normal(scale=3, size=rng.integers(0, 20)).round(seed % 3)]
    buckets = TargetBuckets(
        n_buckets=int(rng.integers(1, 15)),
        strategy=strategy,
        symmetric=bool(rng.integers(2)),
    )
    if buckets.symmetric:
        buckets.set_params(center=rng.choice([0, 0.3, -1.1, 100]))
    dtype = [np.float64, np.float32, np.float16][seed % 3]
    buckets.fit(y.astype(dtype), rng.integers(1, 4, len(y)) if seed % 2 else None)
    assert np.all(np.diff(buckets.edges_) > 0)
    assert np.all(buckets.counts_ > 0)
    assert buckets.n_buckets_ <= buckets.n_buckets
    distances = np.abs(y - buckets.center).round(6) if buckets.symmetric else y
    distinct = len(np.unique(distances))
    assert buckets.n_buckets_ >= min(2, distinct, buckets.n_buckets)
    if strategy == "unique" and dtype == np.float64:
        assert buckets.n_buckets_ == min(distinct, buckets.n_buckets)


def test_one_bucket_for_each_distinct_target():
    y = np.random.default_rng(0).integers(-20, 20, size=300) / 10
    values, ids, counts = np.unique(y, return_inverse=True, return_counts=True)
    buckets = TargetBuckets(strategy="unique")
    assert_array_equal(buckets.fit_assign(y), ids)
    assert_array_equal(buckets.counts_, counts)
    unseen = np.linspace(-5, 5, 997)
    nearest = np.argmin(np.abs(unseen[:, None] - values), axis=1)
    assert_array_equal(buckets.assign(unseen), nearest)


@pytest.mark.parametrize("n_buckets", [2, 3, 7, 23, 30])
def test_unique_buckets_have_equal_numbers_of_distinct_targets(n_buckets):
    y = np.repeat(np.arange(23), np.arange(23) ** 2 + 1)
    buckets = TargetBuckets(n_buckets=n_buckets, strategy="unique").fit(y)
    distinct = np.bincount(buckets.assign(np.arange(23)))
    assert len(distinct) == min(n_buckets, 23)
    assert np.ptp(distinct) <= 1


def test_unique_buckets_of_a_wholly_spiky_target():
    buckets = TargetBuckets(strategy="unique").fit([0] * 90 + [1, 2] * 5)
    assert buckets.labels_ == ["< 0.5", "[0.5, 1.5)", ">= 1.5"]
    assert_array_equal(buckets.counts_, [90, 5, 5])
    assert_array_equal(buckets.assign([0.5, 0.49, 7]), [1, 0, 2])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_neighbouring_floats_are_distinct_targets(dtype):
    y = np.array([1, np.nextafter(dtype(1), dtype(2)), 0, -1e-7], dtype)
    _, ids = np.unique(y, return_inverse=True)
    assert_array_equal(TargetBuckets(strategy="unique").fit_assign(y), ids)


def test_targets_that_are_equally_far_as_written_share_a_bucket():
    # In floats 0.7 - 0.3 < 0.3 - -0.1, by one unit in the last place.
    y = [0.7] * 50 + [-0.1] * 50 + [2.0] * 50
    for strategy in ("quantile", "unique"):
        buckets = TargetBuckets(
            n_buckets=2, strategy=strategy, symmetric=True, center=0.3
        )
        assert_array_equal(buckets.fit(y).counts_, [100, 50])


def test_a_bucket_that_rounding_of_distances_empties_is_merged():
    # At 100 half precision has steps of 1/16: distances are 1, 1, 2 and 0 to a digit,
    # but none is below 0.5, halfway between 0 and 1.
    y = np.array([99, 100.9375, 101.75, 100.5], np.float16)
    buckets = TargetBuckets(
        n_buckets=19, strategy="quantile", symmetric=True, center=100
    )
    assert_array_equal(buckets.fit_assign(y), [0, 0, 1, 0])
    assert_array_equal(buckets.merged_, [0, 0, 1])
    assert_array_equal(buckets.counts_, [3, 1])


def test_too_many_distinct_targets():
    y = np.arange(100_001)
    with pytest.raises(ValueError, match=r"at most 100000; got 100001 of them. Give n"):
        TargetBuckets(strategy="unique").fit(y)
    assert TargetBuckets(n_buckets=7, strategy="unique").fit(y).n_buckets_ == 7


@pytest.mark.parametrize(
    ("counts", "min_count", "merged"),
    [
        # signed: the fullest is the one of 9
        ([1, 2, 9, 4, 1], 1, [0, 1, 2, 3, 4]),
        ([1, 2, 9, 4, 1], 2, [0, 0, 1, 2, 2]),
        ([1, 2, 9, 4, 1], 3, [0, 0, 1, 2, 2]),
        ([1, 2, 9, 4, 1], 4, [0, 0, 0, 1, 1]),
        ([1, 2, 9, 4, 1], 6, [0, 0, 0, 0, 0]),
        ([0, 3, 0, 9, 0, 0, 2], 1, [0, 0, 1, 1, 1, 1, 2]),
        ([2, 1, 9], 2, [0, 1, 1]),  # 1 goes inward, not to the outer neighbour
        ([3, 3, 4, 3, 3], 5, [0, 0, 0, 1, 1]),  # the fullest is too small itself
        ([3, 4, 5, 3, 3], 6, [0, 0, 1, 1, 1]),
        ([5], 5, [0]),
    ],
)
def test_merging_goes_from_both_ends_to_the_fullest(counts, min_count, merged):
    y, edges = np.arange(len(counts)), np.arange(1, len(counts))
    buckets = TargetBuckets(edges=edges, min_count=min_count)
    assigned = buckets.fit_assign(y, counts)
    assert_array_equal(buckets.merged_, merged)
    assert_array_equal(assigned, merged)
    assert_array_equal(buckets.counts_, np.bincount(merged, counts))
    assert_array_equal(buckets.edges_, edges[np.diff(merged) > 0])


@pytest.mark.parametrize(
    ("counts", "min_count", "merged"),
    [
        ([1, 2, 9, 4, 1], 2, [0, 0, 1, 2, 2]),
        ([9, 4, 1, 0, 1], 2, [0, 1, 2, 2, 2]),
        ([9, 4, 1, 0, 1], 3, [0, 1, 1, 1, 1]),
        ([1, 9, 1], 2, [0, 0, 0]),
        ([1, 9, 2], 2, [0, 0, 1]),
    ],
)
def test_merging_of_distances_goes_from_the_outside_to_the_first(
    counts, min_count, merged
):
    y, edges = -0.5 - np.arange(len(counts)), np.arange(1, len(counts))
    buckets = TargetBuckets(edges=edges, min_count=min_count, symmetric=True)
    assert_array_equal(buckets.fit_assign(y, counts), merged)
    assert_array_equal(buckets.merged_, merged)


@pytest.mark.parametrize("seed", range(40))
def test_every_bucket_holds_min_count_and_no_end_is_merged_too_far(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 9, size=rng.integers(2, 25)) * 0.1
    counts[0] = 0.1
    least = rng.uniform(0.1, counts.sum())
    buckets = TargetBuckets(
        edges=np.arange(1, len(counts)), min_count=least, symmetric=bool(seed % 2)
    ).fit(np.arange(len(counts)), counts)
    merged, held = buckets.merged_, buckets.counts_
    assert np.all(np.diff(merged) >= 0)
    assert_array_equal(np.unique(merged), np.arange(len(held)))
    assert np.all(held >= least * (1 - 1e-9))
    inmost = merged[0 if buckets.symmetric else np.argmax(counts)]
    for b in set(range(len(held))) - {inmost}:
        inner = np.flatnonzero(merged == b)[0 if b > inmost else -1]
        assert held[b] - counts[inner] < least  # without its inner end it is too few


def test_min_count_counts_weights_to_rounding():
    buckets = TargetBuckets(edges=[10], min_count=1)
    buckets.fit(
        [1] * 10 + [20] * 10, np.full(20, 0.1)
    )  # which sum to 0.9999999999999999
    assert_array_equal(buckets.merged_, [0, 1])


def test_too_few_targets_for_min_count():
    buckets = TargetBuckets(5, 40, min_count=5)
    with pytest.warns(UserWarning, match=r"weigh 3, less than min_count=5, so that"):
        buckets.fit([1.0, 2, 30])
    assert buckets.labels_ == ["all"]
    assert_array_equal(buckets.merged_, np.zeros(18))


@table(FIXED | FROM_DATA)
def test_nothing_is_merged_without_min_count(buckets):
    buckets.fit(Y)
    assert_array_equal(buckets.merged_, np.arange(buckets.n_buckets_))


@table(MERGED)
def test_a_new_fit_merges_from_the_start(buckets):
    y = np.random.default_rng(3).normal(scale=40, size=500)
    expected = clone(buckets).fit(y)
    buckets.fit(Y).fit(y)
    assert_array_equal(buckets.edges_, expected.edges_)
    assert len(buckets.merged_) == len(expected.merged_)


@table(FROM_DATA)
@pytest.mark.parametrize("y", [[3.0], [0.1] * 5, [-1e300] * 2])
def test_a_constant_target_has_one_bucket(buckets, y):
    buckets.fit(y)
    assert buckets.labels_ == ["all"]
    assert_array_equal(buckets.counts_, [len(y)])
    assert_array_equal(buckets.assign([-1, 0, 1]), 0)


def test_the_whole_range_of_floats_has_finite_edges():
    edges = TargetBuckets(n_buckets=4).fit([-1.7e308, 1.7e308]).edges_
    assert_allclose(edges, [-8.5e307, 0, 8.5e307])


def test_edges_of_a_constant_target_can_be_pinned():
    edges = TargetBuckets().fit([3.0, 3.0]).edges_
    pinned = TargetBuckets(edges=edges)
    assert pinned.is_fixed
    assert pinned.labels_ == as_buckets([]).labels_ == ["all"]
    assert_array_equal(pinned.fit_assign([1, 2, 3]), 0)


@table(FROM_DATA | MERGED)
def test_buckets_from_data_need_fit(buckets):
    assert not buckets.is_fixed
    with pytest.raises(NotFittedError, match="TargetBuckets instance is not fitted"):
        buckets.assign(Y)
    assert buckets.fit(Y).is_fixed


@pytest.mark.parametrize(
    ("params", "labels"),
    [
        (DEGREES | {"width": 20}, ["[0, 20)", "[20, 40)", ">= 40"]),
        ({"edges": [-2.5, 1234567.5]}, ["< -2.5", "[-2.5, 1234567.5)", ">= 1234567.5"]),
        (
            {"width": 2e-4, "limit": 2e-4},
            ["< -0.0002", "[-0.0002, 0)", "[0, 0.0002)", ">= 0.0002"],
        ),
        ({"edges": [-0.0, 5]}, ["< 0", "[0, 5)", ">= 5"]),
        (
            {"edges": [1, 1.0000000000001, 1.0000000000002]},
            [
                "< 1.0",
                "[1.0, 1.0000000000001)",
                "[1.0000000000001, 1.0000000000002)",
                ">= 1.0000000000002",
            ],
        ),
        ({"n_buckets": 3}, ["< 3.33", "[3.33, 6.67)", ">= 6.67"]),
        (
            {"width": 2.5, "limit": 5, "symmetric": True, "center": 10},
            ["|y - 10| in [0, 2.5)", "|y - 10| in [2.5, 5)", "|y - 10| >= 5"],
        ),
        (
            {"edges": [3], "symmetric": True, "center": -0.5},
            ["|y + 0.5| in [0, 3)", "|y + 0.5| >= 3"],
        ),
        ({"edges": [], "symmetric": True, "center": 3}, ["all"]),
        (
            {"width": 5, "limit": 5, "center": 90},
            ["< 85", "[85, 90)", "[90, 95)", ">= 95"],
        ),
        ({"width": 2, "limit": 6, "min_count": 1}, ["< 6", ">= 6"]),
    ],
)
def test_labels_say_where_a_bucket_begins_and_ends(params, labels):
    assert TargetBuckets(**params).fit([0, 10]).labels_ == labels


def test_labels_of_near_edges_differ():
    labels = TargetBuckets(n_buckets=3).fit([1000.0, 1000.3]).labels_
    assert labels == ["< 1000.1", "[1000.1, 1000.2)", ">= 1000.2"]


@table(ALL)
def test_buckets_are_an_estimator(buckets):
    fitted = pickle.loads(pickle.dumps(clone(buckets).fit(Y)))
    assert_array_equal(fitted.assign(Y), buckets.fit(Y).assign(Y))
    assert repr(buckets).startswith("TargetBuckets(")


@pytest.mark.parametrize(
    "kind",
    [list, np.float32, pd.Series, pl.Series, lambda y: np.array(y)[:, None]],
    ids=["list", "float32", "pandas", "polars", "column"],
)
@table(ALL)
def test_kind_of_the_target_does_not_matter(buckets, kind):
    y = [-40.0, 0.5, 3.0, 40.0]
    assert_array_equal(clone(buckets).fit_assign(kind(y)), buckets.fit_assign(y))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"width": 0, "limit": 1}, r"'width' parameter.*\(0\.0, inf\).*Got 0"),
        ({"width": -5, "limit": 1}, r"'width' parameter.*Got -5"),
        ({"width": np.nan, "limit": 1}, r"'width' parameter.*Got nan"),
        ({"width": 1, "limit": np.inf}, r"'limit' parameter.*Got inf"),
        ({"width": 1, "limit": -1}, r"'limit' parameter.*Got -1"),
        ({"limit": 40}, r"width and limit belong together.*width=None, limit=40"),
        ({"width": 5}, r"width and limit belong together.*width=5, limit=None"),
        ({"width": 1e-9, "limit": 1}, r"limit / width.*at most 100000.*width=1e-09"),
        ({"edges": [3, 2]}, r"edges must be.*strictly increasing.*\[3, 2\]"),
        ({"edges": [2, 2]}, r"edges must be.*strictly increasing.*\[2, 2\]"),
        ({"edges": [0, np.nan]}, r"edges must be finite.*nan"),
        ({"edges": [0, np.inf]}, r"edges must be finite.*inner edges only"),
        ({"edges": ["a"]}, r"edges must be finite.*\['a'\]"),
        ({"edges": {1, 2}}, r"edges must be finite.*\{1, 2\}.*a list or array"),
        ({"edges": [[1], [2, 3]]}, r"edges must be finite.*\[\[1\], \[2, 3\]\]"),
        ({"edges": [[1, 2]]}, r"edges must be.*\[\[1, 2\]\]"),
        ({"edges": [0, 5], "symmetric": True}, r"symmetric=True.*positive.*\[0, 5\]"),
        ({"n_buckets": 0}, r"'n_buckets' parameter.*Got 0"),
        ({"n_buckets": 10**8}, r"n_buckets is at most 100000; got n_buckets=10+"),
        ({"n_buckets": 2.5}, r"'n_buckets' parameter.*Got 2\.5"),
        ({"strategy": "kmeans"}, r"'strategy' parameter.*Got 'kmeans'"),
        ({"min_count": 0}, r"'min_count' parameter.*\(0\.0, inf\).*Got 0"),
        ({"min_count": -1}, r"'min_count' parameter.*Got -1"),
        ({"min_count": "5"}, r"'min_count' parameter.*Got '5'"),
        ({**DEGREES, "center": np.nan}, r"'center' parameter.*Got nan"),
        ({**DEGREES, "center": np.inf}, r"'center' parameter.*Got inf"),
        ({**DEGREES, "center": None}, r"'center' parameter.*Got None"),
        ({"center": 10}, r"center mirrors.*got center=10 where it would do nothing"),
        ({"n_buckets": 3, "center": 1}, r"got center=1 where.*set symmetric=True"),
        ({"edges": [1], "center": -1.5}, r"got center=-1\.5 where it would do nothing"),
        ({"width": 1, "limit": 5, "center": 1e17}, r"center=1e\+17 round to the same"),
        ({**DEGREES, "center": 1e17}, r"center=1e\+17 round to the same number"),
        ({"edges": [1], "n_buckets": 3}, r"one of width with limit, edges, or n_buck"),
        ({"width": 1, "limit": 3, "edges": [1]}, r"one of width with limit.*width=1"),
    ],
)
def test_buckets_that_cannot_be(params, message):
    with pytest.raises(ValueError, match=message):
        TargetBuckets(**params).fit([1.0, 2.0])


@pytest.mark.parametrize(
    "params",
    [
        {"width": 5},
        {"edges": [2, 1]},
        {"n_buckets": 0},
        {"edges": ["a"]},
        {"center": 10},
    ],
)
def test_buckets_that_cannot_be_can_be_looked_at(params):
    buckets = TargetBuckets(**params)
    assert "TargetBuckets" in buckets._repr_html_()
    assert not hasattr(buckets, "edges_")
    with pytest.raises(NotFittedError, match="is not fitted"):
        check_is_fitted(buckets)
    with pytest.raises(ValueError, match=next(iter(params))):
        buckets.assign([1.0])


@pytest.mark.parametrize(
    ("y", "sample_weight", "message"),
    [
        (None, None, "y is None.*Give one target a row"),
        ([1, np.nan], None, "Input y contains NaN"),
        ([1, np.inf], None, "Input y contains infinity"),
        ([], None, "0 sample"),
        ([[1, 2], [3, 4]], None, "should be a 1d array"),
        (["a"], None, "could not convert string to float"),
        ([1, 2], [0, 0], "sample_weight is zero for every sample"),
        ([1, 2], [1e308, 1e308], "sample_weight must have a finite sum; got.*inf"),
        ([1, 2], [1, -1], "sample_weight must not be negative"),
        ([1, 2], [1, np.nan], "Input sample_weight contains NaN"),
        ([1, 2], [1], r"sample_weight\.shape == \(1,\), expected \(2,\)"),
    ],
)
@table(
    {
        "fixed": FIXED["edges"],
        "from data": FROM_DATA["default"],
        "merged": MERGED["width merged"],
    }
)
def test_bad_targets_and_weights_are_named(buckets, y, sample_weight, message):
    with pytest.raises(ValueError, match=message):
        buckets.fit(y, sample_weight)


def test_every_way_to_say_buckets():
    own = TargetBuckets(5, 40)
    assert as_buckets(own) is own
    assert as_buckets(np.int64(7)).n_buckets == 7
    assert_array_equal(as_buckets((1, 2)).edges_, [1, 2])
    assert_array_equal(as_buckets(pd.Series([1, 2])).edges_, [1, 2])


@pytest.mark.parametrize("buckets", [None, True, 5.0, "five", TargetBuckets])
def test_what_is_no_buckets(buckets):
    with pytest.raises(ValueError, match=r"buckets must be an int .*a sequence.*got"):
        as_buckets(buckets)
