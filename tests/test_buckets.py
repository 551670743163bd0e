"""Tests of the buckets of the target."""

import pickle

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

FIXED = {
    "symmetric": TargetBuckets(5, 40, symmetric=True),
    "signed": TargetBuckets(5, 40),
    "uneven": TargetBuckets(7, 40, symmetric=True),
    "tenths": TargetBuckets(0.1, 0.8, symmetric=True),
    "edges": TargetBuckets(edges=[-3.5, 0, 12]),
    "one edge": TargetBuckets(edges=[20], symmetric=True),
}
FROM_DATA = {
    "default": TargetBuckets(),
    "uniform": TargetBuckets(n_buckets=4),
    "uniform symmetric": TargetBuckets(n_buckets=4, symmetric=True),
    "quantile": TargetBuckets(n_buckets=4, strategy="quantile"),
    "quantile symmetric": TargetBuckets(
        n_buckets=7, strategy="quantile", symmetric=True
    ),
}
ALL = FIXED | FROM_DATA
DEGREES = {"width": 5, "limit": 40, "symmetric": True}
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


@table(ALL)
def test_assign_is_digitize(buckets):
    edges = buckets.fit(Y).edges_
    y = np.random.default_rng(1).normal(scale=20, size=BLOCK + 7)
    y = np.r_[y, Y, edges, np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf)]
    values = np.abs(y) if buckets.symmetric else y
    assert_array_equal(buckets.assign(y), np.digitize(values, edges))


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


def test_quantile_buckets_of_a_spiky_target_collapse():
    buckets = TargetBuckets(n_buckets=4, strategy="quantile").fit([0] * 90 + [1, 2] * 5)
    assert_array_equal(buckets.edges_, [])
    buckets = TargetBuckets(n_buckets=4, strategy="quantile").fit(
        [0] * 60 + [1, 2] * 20
    )
    assert_array_equal(buckets.edges_, [1])
    assert_array_equal(buckets.counts_, [60, 40])


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


@table(FROM_DATA)
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
        ({"edges": [1], "n_buckets": 3}, r"one of width with limit, edges, or n_buck"),
        ({"width": 1, "limit": 3, "edges": [1]}, r"one of width with limit.*width=1"),
    ],
)
def test_buckets_that_cannot_be(params, message):
    with pytest.raises(ValueError, match=message):
        TargetBuckets(**params).fit([1.0, 2.0])


@pytest.mark.parametrize(
    "params", [{"width": 5}, {"edges": [2, 1]}, {"n_buckets": 0}, {"edges": ["a"]}]
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
@table({"fixed": FIXED["edges"], "from data": FROM_DATA["default"]})
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
