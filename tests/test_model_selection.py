"""Tests of the splits by bucket."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score

from skrobust import BucketKFold, TargetBuckets

RNG = np.random.default_rng(0)
WIDE = TargetBuckets(10, 40, symmetric=True)
TARGETS = {
    "rare": np.r_[RNG.normal(scale=8, size=200), RNG.uniform(-80, 80, size=13)],
    "sorted": np.sort(RNG.normal(scale=15, size=101)),
    "one far": np.r_[np.zeros(20), 100],
    "all alone": 30.0 * np.arange(-5, 6),
    "constant": np.full(11, 3.0),
    "rounded": RNG.integers(-50, 50, size=90),
}
SPLITS = [
    BucketKFold(),
    BucketKFold(2, buckets=[-20, 20]),
    BucketKFold(7, buckets=WIDE),
    BucketKFold(4, buckets=WIDE, shuffle=True, random_state=0),
    BucketKFold(3, buckets=TargetBuckets(n_buckets=5, strategy="quantile")),
]

every_target = pytest.mark.parametrize("y", TARGETS.values(), ids=TARGETS)
every_split = pytest.mark.parametrize("cv", SPLITS, ids=repr)


def fold_of(cv, y):
    """Return the number of the fold that each row is tested in."""
    fold = np.full(len(y), -1)
    for k, (train, test) in enumerate(cv.split(np.zeros((len(y), 1)), y)):
        assert_array_equal(np.sort(np.r_[train, test]), np.arange(len(y)))
        assert np.all(fold[test] == -1)
        fold[test] = k
    assert np.all(fold >= 0)
    return fold


@every_target
@every_split
def test_folds_are_even_in_all_and_in_every_bucket(cv, y):
    buckets = TargetBuckets(n_buckets=10) if cv.buckets == 10 else cv.buckets
    buckets = TargetBuckets(edges=buckets) if isinstance(buckets, list) else buckets
    fold, ids = fold_of(cv, y), clone(buckets).fit_assign(y)
    assert np.ptp(np.bincount(fold, minlength=cv.n_splits)) <= 1
    for b in np.unique(ids):
        assert np.ptp(np.bincount(fold[ids == b], minlength=cv.n_splits)) <= 1


@every_target
def test_order_of_the_rows_does_not_matter(y):
    order = RNG.permutation(len(y))
    cv = BucketKFold(4, buckets=WIDE)
    fold, permuted = fold_of(cv, y), fold_of(cv, y[order])
    for k in range(4):
        assert_array_equal(np.sort(y[fold == k]), np.sort(y[order][permuted == k]))


def test_folds_share_every_stretch_of_a_bucket():
    y = np.sort(RNG.exponential(size=100))
    fold = fold_of(BucketKFold(5, buckets=[1000]), y)
    for start in range(0, 100, 5):
        assert set(fold[start : start + 5]) == set(range(5))


@pytest.mark.parametrize(
    ("draw", "most"),
    [
        (lambda rng: 1e6 + rng.normal(size=1000), 0.01),
        (lambda rng: rng.exponential(size=998), 0.01),
        (lambda rng: rng.laplace(size=1003), 0.03),
    ],
)
@pytest.mark.parametrize("buckets", [WIDE, TargetBuckets(1, 4, symmetric=True), 10])
def test_means_of_the_folds_agree(draw, most, buckets):
    spreads, largest = [], []
    for seed in range(20):
        y = draw(np.random.default_rng(seed))
        fold = fold_of(BucketKFold(5, buckets=buckets), y)
        means = [y[fold == k].mean() for k in range(5)]
        assert np.ptp([y[fold == k].std() for k in range(5)]) < 0.2 * y.std()
        spreads.append(np.ptp(means) / y.std())
        largest.append(np.argmax(means))
    assert np.mean(spreads) < most
    assert len(set(largest)) > 2  # no fold is the one with the large targets


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("shuffle", [False, True])
def test_folds_are_even_whatever_the_counts(seed, shuffle):
    rng = np.random.default_rng(seed)
    n_splits = int(rng.integers(2, 8))
    y = rng.standard_t(2, size=rng.integers(n_splits, 60)).round(1)
    buckets = TargetBuckets(n_buckets=int(rng.integers(1, 20))).fit(y)
    fold = fold_of(
        BucketKFold(
            n_splits,
            buckets=buckets,
            shuffle=shuffle,
            random_state=seed if shuffle else None,
        ),
        y,
    )
    for rows in (y == y, *(buckets.assign(y) == b for b in range(buckets.n_buckets_))):
        assert np.ptp(np.bincount(fold[rows], minlength=n_splits)) <= 1


def test_the_largest_targets_do_not_overflow():
    y = 1e308 * np.array([1.7, 1.6, -1.6, -1.7])
    fold = fold_of(BucketKFold(2, buckets=[0]), y)
    assert_array_equal(fold, [1, 0, 1, 0])


def test_shuffle_follows_the_seed():
    y = TARGETS["rare"]
    folds = [
        fold_of(BucketKFold(buckets=WIDE, shuffle=True, random_state=seed), y)
        for seed in (0, 0, 1)
    ]
    assert_array_equal(folds[0], folds[1])
    assert np.any(folds[0] != folds[2])


def test_a_lone_row_is_shuffled_too():
    y = TARGETS["one far"]
    far = {
        fold_of(BucketKFold(buckets=[50], shuffle=True, random_state=seed), y)[-1]
        for seed in range(30)
    }
    assert far == set(range(5))


def test_fitted_buckets_keep_their_edges():
    y = TARGETS["rare"]
    buckets = TargetBuckets(n_buckets=4, symmetric=True)
    fitted = TargetBuckets(n_buckets=4, symmetric=True).fit([0, 1])
    edges = TargetBuckets(edges=fitted.edges_, symmetric=True)
    fold = fold_of(BucketKFold(buckets=fitted), y)
    assert_array_equal(fold, fold_of(BucketKFold(buckets=edges), y))
    assert np.any(fold != fold_of(BucketKFold(buckets=buckets), y))


def test_serves_as_cv_everywhere():
    y = TARGETS["rare"]
    X, cv = pd.DataFrame({"x": y + 1}), BucketKFold(3, buckets=WIDE)
    assert cv.get_n_splits() == 3
    scores = cross_val_score(Ridge(), X, pd.Series(y), cv=cv)
    assert scores.min() > 0.99
    assert cross_val_predict(Ridge(), X, y, cv=cv).shape == y.shape
    search = GridSearchCV(Ridge(), {"alpha": [1, 1e9]}, cv=cv).fit(X, y)
    assert search.best_params_ == {"alpha": 1}
    assert search.n_splits_ == 3


def test_repr_says_what_it_is():
    assert repr(BucketKFold(3, buckets=[5])) == (
        "BucketKFold(buckets=[5], n_splits=3, random_state=None, shuffle=False)"
    )


def test_groups_are_ignored_with_a_warning():
    with pytest.warns(UserWarning, match="groups parameter is ignored by BucketKFold"):
        next(BucketKFold(2).split([[0]] * 4, [1, 2, 3, 4], groups=[0, 0, 1, 1]))


@pytest.mark.parametrize(
    ("params", "y", "message"),
    [
        ({"n_splits": 1}, [1, 2], r"n_splits=2 or more, got n_splits=1"),
        ({"n_splits": 3}, [1, 2], r"n_splits=3 greater.*n_samples=2"),
        ({"random_state": 0}, [1, 2], r"random_state has no effect since shuffle"),
        ({"n_splits": 2}, None, r"y is None\. Pass y to split"),
        ({"n_splits": 2}, [1, np.nan], r"Input y contains NaN"),
        ({"n_splits": 2}, [[1, 2], [3, 4]], r"should be a 1d array"),
        ({"n_splits": 2, "buckets": [2, 1]}, [1, 2], r"edges must be.*increasing"),
        ({"n_splits": 2, "buckets": "ten"}, [1, 2], r"buckets must be an int"),
    ],
)
def test_bad_arguments_are_named(params, y, message):
    with pytest.raises(ValueError, match=message):
        list(BucketKFold(**params).split([[0], [0]], y))
