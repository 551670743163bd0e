"""Tests of the splits by bucket."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array, csr_matrix, issparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedGroupKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    train_test_split,
)

from skrobust import (
    BucketGroupKFold,
    BucketKFold,
    BucketShuffleSplit,
    RepeatedBucketKFold,
    TargetBuckets,
    bucket_train_test_split,
)

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
    BucketKFold(5, buckets=TargetBuckets(5, 80, min_count=5)),
    BucketKFold(4, buckets=TargetBuckets(n_buckets=8, strategy="unique")),
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


EVERYWHERE = {
    "folds": (BucketKFold(3, buckets=WIDE), 3),
    "repeats": (RepeatedBucketKFold(3, n_repeats=2, buckets=WIDE, random_state=0), 6),
    "draws": (BucketShuffleSplit(4, buckets=WIDE, random_state=0), 4),
    "groups": (BucketGroupKFold(3, buckets=WIDE), 3),
}
everywhere = pytest.mark.parametrize(
    ("cv", "n_splits"), EVERYWHERE.values(), ids=EVERYWHERE
)


@everywhere
@pytest.mark.parametrize("routing", [False, True])
def test_serves_as_cv_everywhere(cv, n_splits, routing):
    y = TARGETS["rare"]
    X, grouped = pd.DataFrame({"x": y + 1}), isinstance(cv, BucketGroupKFold)
    groups = np.arange(len(y)) // 3
    given = {"groups": groups} if grouped else {}
    assert cv.get_n_splits(X, y, groups) == cv.get_n_splits() == n_splits
    with config_context(enable_metadata_routing=routing):
        params = {"params": given} if routing else given
        scores = cross_val_score(Ridge(), X, pd.Series(y), cv=cv, **params)
        search = GridSearchCV(Ridge(), {"alpha": [1, 1e9]}, cv=cv).fit(X, y, **given)
        results = cross_validate(
            Ridge(), X, y, cv=cv, return_indices=True, scoring="r2", **params
        )
    assert len(scores) == search.n_splits_ == n_splits
    assert scores.min() > 0.99
    assert search.best_params_ == {"alpha": 1}
    assert_array_equal(results["test_score"], scores)
    if grouped:
        for sides in zip(*results["indices"].values(), strict=True):
            assert not set(groups[sides[0]]) & set(groups[sides[1]])
    if isinstance(cv, BucketKFold):
        assert cross_val_predict(Ridge(), X, y, cv=cv).shape == y.shape


@pytest.mark.parametrize(
    "kind",
    [list, np.float32, pd.Series, pl.Series, lambda y: y[:, None]],
    ids=["list", "float32", "pandas", "polars", "column"],
)
@everywhere
def test_kind_of_the_target_does_not_matter(cv, n_splits, kind):
    y = TARGETS["rounded"].astype(float)
    groups = np.arange(len(y)) // 2 if isinstance(cv, BucketGroupKFold) else None
    splits = zip(cv.split(y, y, groups), cv.split(y, kind(y), groups), strict=True)
    for expected, sides in splits:
        assert_array_equal(sides[0], expected[0])
        assert_array_equal(sides[1], expected[1])


@pytest.mark.parametrize(
    ("cv", "text"),
    [
        (
            BucketKFold(3, buckets=[5]),
            "BucketKFold(buckets=[5], n_splits=3, random_state=None, shuffle=False)",
        ),
        (
            RepeatedBucketKFold(3, random_state=1),
            "RepeatedBucketKFold(buckets=10, n_repeats=10, n_splits=3, random_state=1)",
        ),
        (
            BucketShuffleSplit(test_size=0.2),
            "BucketShuffleSplit(buckets=10, n_splits=10, random_state=None, "
            "test_size=0.2,\n          train_size=None)",
        ),
        (
            BucketGroupKFold(),
            "BucketGroupKFold(buckets=10, n_splits=5, random_state=None, "
            "shuffle=False)",
        ),
    ],
)
def test_repr_says_what_it_is(cv, text):
    assert repr(cv) == text


@pytest.mark.parametrize(
    "cv", [BucketKFold(2), RepeatedBucketKFold(2), BucketShuffleSplit(2)], ids=repr
)
def test_groups_are_ignored_with_a_warning(cv):
    name = type(cv).__name__
    with pytest.warns(UserWarning, match=f"parameter is ignored by {name}") as caught:
        list(cv.split([[0]] * 4, [1, 2, 3, 4], groups=[0, 0, 1, 1]))
    assert len(caught) == 1


def test_every_repeat_is_a_bucket_k_fold_of_its_own():
    y = TARGETS["rare"]
    cv = RepeatedBucketKFold(5, n_repeats=3, buckets=WIDE, random_state=0)
    splits, repeats, ids = list(cv.split(y, y)), [], WIDE.assign(y)
    assert len(splits) == 15
    for r in range(3):
        fold = np.full(len(y), -1)
        for k, (train, test) in enumerate(splits[5 * r : 5 * r + 5]):
            assert len(train) + len(test) == len(y)
            fold[test] = k
        assert np.all(fold >= 0)
        for b in range(WIDE.n_buckets_):
            assert np.ptp(np.bincount(fold[ids == b], minlength=5)) <= 1
        repeats.append(fold)
    assert np.any(repeats[0] != repeats[1])
    assert np.any(repeats[1] != repeats[2])


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: BucketKFold(buckets=WIDE, shuffle=True, random_state=seed),
        lambda seed: RepeatedBucketKFold(n_repeats=2, buckets=WIDE, random_state=seed),
        lambda seed: BucketShuffleSplit(3, buckets=WIDE, random_state=seed),
        lambda seed: BucketGroupKFold(buckets=WIDE, shuffle=True, random_state=seed),
    ],
    ids=["folds", "repeats", "draws", "groups"],
)
def test_an_int_is_the_same_splits_at_every_call(make):
    y = TARGETS["rare"]
    groups = np.arange(len(y)) // 2 if "Group" in repr(make(0)) else None

    def tests(cv):
        return [test.tolist() for _, test in cv.split(y, y, groups)]

    cv = make(0)
    assert tests(cv) == tests(cv) == tests(make(0))
    assert tests(cv) != tests(make(1))
    moving = make(np.random.RandomState(0))
    assert tests(moving) != tests(moving)


def sides(cv, y):
    """Return the training and test rows of every split, checked to be disjoint."""
    for train, test in cv.split(np.zeros((len(y), 1)), y):
        assert len(set(train) | set(test)) == len(train) + len(test)
        yield train, test


@every_target
@pytest.mark.parametrize("test_size", [0.1, 0.25, 0.5, 0.9, 5])
@pytest.mark.parametrize("train_size", [None, 4])
def test_a_bucket_of_two_rows_is_on_both_sides(y, test_size, train_size):
    cv = BucketShuffleSplit(
        20, buckets=WIDE, test_size=test_size, train_size=train_size, random_state=0
    )
    if isinstance(test_size, float) and train_size and len(y) * test_size > len(y) - 4:
        with pytest.raises(ValueError, match="sum of train_size and test_size"):
            next(sides(cv, y))
        return
    ids = WIDE.assign(y)
    counts = np.bincount(ids)
    several = np.flatnonzero(counts > 1)
    for train, test in sides(cv, y):
        n_test = test_size if test_size == 5 else int(np.ceil(len(y) * test_size))
        assert len(test) == n_test
        assert len(train) == (train_size or len(y) - n_test)
        for side in (train, test):
            if len(side) >= len(several):
                assert set(several) <= set(ids[side])


@pytest.mark.parametrize("seed", range(40))
def test_draws_are_in_proportion_and_neighbours_make_up_for_one_another(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 12, size=rng.integers(1, 30))
    counts[0] = 20
    ids = np.repeat(np.arange(len(counts)), counts)
    n_test = int(rng.integers(np.sum(counts > 1), len(ids) - np.sum(counts > 1) + 1))
    cv = BucketShuffleSplit(
        10, buckets=np.arange(len(counts) - 1) + 0.5, test_size=n_test, random_state=0
    )
    share = counts * n_test / len(ids)
    bound = (share >= 1) & (counts - share >= 1) | (counts == 1) | (counts == 0)
    for _, test in sides(cv, ids):
        drawn = np.bincount(ids[test], minlength=len(counts))
        assert np.all((drawn > 0)[counts > 1] & (drawn < counts)[counts > 1])
        if bound.all():  # otherwise the rule of two rows has changed the shares
            runs = np.cumsum(drawn - share)
            assert np.ptp(np.r_[0, runs]) < 1 + 1e-9


def test_chance_is_fair_to_lone_rows():
    y = 30.0 * np.arange(12)  # a bucket each
    cv = BucketShuffleSplit(4000, buckets=y[1:], test_size=0.25, random_state=0)
    drawn = np.zeros(12)
    for train, test in sides(cv, y):
        assert np.all(np.diff(np.sort(y[test])) > 30)  # no two neighbours of the three
        assert len(train) == 9
        drawn[test] += 1
    # 4000 draws with probability 1/4: the standard error is 27.
    assert_allclose(drawn, 1000, atol=4 * 27)


def test_rows_within_a_bucket_are_drawn_with_equal_chances_and_in_random_order():
    y = np.r_[np.zeros(9), 50, 50, 50]
    cv = BucketShuffleSplit(3000, buckets=[10], test_size=4, random_state=0)
    drawn, first, lasting = np.zeros((3, 12))
    for train, test in sides(cv, y):
        drawn[test] += 1
        first[test[0]] += 1
        lasting[train[-1]] += 1
    assert_allclose(drawn, 1000, atol=4 * 26)
    assert_allclose(first, 250, atol=4 * 15.2)
    assert_allclose(lasting, 250, atol=4 * 15.2)


def test_a_share_may_be_left_out_of_both_sides():
    y = np.r_[np.zeros(80), np.full(20, 50.0)]
    cv = BucketShuffleSplit(
        5, buckets=[10], train_size=0.3, test_size=0.2, random_state=0
    )
    for train, test in sides(cv, y):
        assert_array_equal(np.bincount(y[train].astype(int) // 50), [24, 6])
        assert_array_equal(np.bincount(y[test].astype(int) // 50), [16, 4])


def test_sizes_default_to_those_of_scikit_learn():
    y = np.arange(200.0)
    train, test = next(BucketShuffleSplit(random_state=0).split(y, y))
    assert (len(train), len(test)) == (180, 20)
    parts = bucket_train_test_split(y, random_state=0)
    assert [len(part) for part in parts] == [150, 50]
    parts = bucket_train_test_split(y, train_size=0.6, random_state=0)
    assert [len(part) for part in parts] == [120, 80]


KINDS = {
    "list": (lambda X: X.tolist(), list),
    "ndarray": (np.asarray, np.ndarray),
    "pandas": (lambda X: pd.DataFrame(X, columns=["a", "b"]), pd.DataFrame),
    "polars": (lambda X: pl.DataFrame(X, schema=["a", "b"]), pl.DataFrame),
    "csr": (csr_matrix, None),
    "coo": (lambda X: csr_array(X).tocoo(), None),
}
TARGET_KINDS = [list, np.float32, pd.Series, pl.Series]


@pytest.mark.parametrize(("kind", "type_"), KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("target", TARGET_KINDS)
def test_arrays_come_back_as_what_they_are(kind, type_, target):
    y = TARGETS["rare"].round(2)
    X = np.c_[y, np.arange(len(y))]
    given = {"buckets": WIDE, "test_size": 0.3, "random_state": 0}
    X_train, X_test, y_train, y_test, rows_train, rows_test = bucket_train_test_split(
        kind(X), target(y), np.arange(len(y)), **given
    )
    _, test = next(BucketShuffleSplit(1, **given).split(X, y))
    assert_array_equal(rows_test, test)
    for part, rows in ((X_train, rows_train), (X_test, rows_test)):
        assert isinstance(part, type_) if type_ else issparse(part)
        dense = part.toarray() if issparse(part) else np.array(part)
        assert_array_equal(dense, X[rows])
    assert isinstance(y_test, list if target is list else type(target([])))
    assert_allclose(np.array(y_train), y[rows_train], rtol=1e-6)
    assert_allclose(np.array(y_test), y[rows_test], rtol=1e-6)


def test_pandas_keeps_its_index():
    y = pd.Series(TARGETS["rare"], index=np.arange(1000, 1000 + len(TARGETS["rare"])))
    X = y.to_frame()
    X_train, X_test, y_train, y_test = bucket_train_test_split(X, y, buckets=WIDE)
    assert_array_equal(X_train.index, y_train.index)
    assert_array_equal(X_test.index, y_test.index)
    assert set(y_train.index) | set(y_test.index) == set(y.index)


def test_the_second_array_is_the_target_unless_y_says_otherwise():
    y = TARGETS["rare"]
    X, weights = np.zeros((len(y), 2)), RNG.uniform(size=len(y))
    given = {"buckets": WIDE, "random_state": 3}
    expected = bucket_train_test_split(X, y, **given)[3]
    assert_array_equal(bucket_train_test_split(X, y, weights, **given)[3], expected)
    assert_array_equal(bucket_train_test_split(y, **given)[1], expected)
    assert_array_equal(
        bucket_train_test_split(weights, X, y, y=y, **given)[5], expected
    )
    assert len(bucket_train_test_split(X, y=y, **given)) == 2
    assert np.any(bucket_train_test_split(X, weights, y, **given)[5] != expected)


def test_lone_rows_that_stop_scikit_learn_are_split():
    y = np.r_[RNG.normal(scale=5, size=50), 33, 70]
    ids = WIDE.assign(y)
    assert np.bincount(ids)[3:].tolist() == [1, 1]
    with pytest.raises(ValueError, match=r"least populated class.* only 1 member"):
        train_test_split(y, stratify=ids)
    tests = [
        bucket_train_test_split(y, buckets=WIDE, random_state=s)[1] for s in range(20)
    ]
    assert {len(test) for test in tests} == {13}
    assert {np.sum(test > 30) for test in tests} == {0, 1}


GROUPS = {
    "many small": lambda rng: rng.integers(0, 150, size=600),
    "few large": lambda rng: rng.integers(0, 12, size=600),
    "uneven": lambda rng: np.minimum(rng.geometric(0.03, size=600), 90),
    "texts": lambda rng: rng.integers(0, 40, size=600).astype(str),
}


def grouped_target(rng, groups):
    """Return targets that depend on the group, with rare wide ones."""
    centers = rng.normal(scale=6, size=len(np.unique(groups)))
    y = centers[np.unique(groups, return_inverse=True)[1]] + rng.normal(size=600)
    return np.where(rng.uniform(size=600) < 0.03, rng.uniform(-80, 80, size=600), y)


def group_folds(cv, y, groups):
    """Return the fold of each row, checked to keep groups together."""
    fold = np.full(len(y), -1)
    for k, (train, test) in enumerate(cv.split(np.zeros(len(y)), y, groups)):
        assert not set(groups[train]) & set(groups[test])
        assert_array_equal(np.sort(np.r_[train, test]), np.arange(len(y)))
        assert len(test)
        fold[test] = k
    assert np.all(fold >= 0)
    return fold


def unevenness(fold, ids, n_splits):
    """Return the mean variance over folds of their shares of every bucket."""
    counts = np.zeros((n_splits, ids.max() + 1))
    np.add.at(counts, (fold, ids), 1)
    counts = counts[:, counts.sum(axis=0) > 0]
    return np.var(counts / counts.sum(axis=0), axis=0).mean()


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("draw", GROUPS.values(), ids=GROUPS)
def test_groups_are_kept_and_buckets_spread_better_than_by_scikit_learn(draw, shuffle):
    ours, peers, sizes = [], [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        groups = draw(rng)
        y = grouped_target(rng, groups)
        ids = WIDE.assign(y)
        cv = BucketGroupKFold(
            4, buckets=WIDE, shuffle=shuffle, random_state=0 if shuffle else None
        )
        fold = group_folds(cv, y, groups)
        ours.append(unevenness(fold, ids, 4))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of buckets with fewer rows than folds
            peer = group_folds_of_peer(ids, groups)
        peers.append(unevenness(peer, ids, 4))
        sizes.append((np.ptp(np.bincount(fold)), np.ptp(np.bincount(peer))))
    assert np.mean(ours) <= np.mean(peers)
    assert np.mean(sizes, axis=0)[0] <= np.mean(sizes, axis=0)[1] + 1


def group_folds_of_peer(ids, groups):
    fold = np.empty(len(ids), int)
    for k, (_, test) in enumerate(StratifiedGroupKFold(4).split(ids, ids, groups)):
        fold[test] = k
    return fold


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("draw", GROUPS.values(), ids=GROUPS)
def test_no_group_would_do_better_elsewhere(draw, shuffle):
    rng, signed = np.random.default_rng(5), TargetBuckets(10, 40)
    groups = np.unique(draw(rng), return_inverse=True)[1]
    y = grouped_target(rng, groups)
    cv = BucketGroupKFold(
        4, buckets=signed, shuffle=shuffle, random_state=0 if shuffle else None
    )
    fold, ids = group_folds(cv, y, groups), signed.assign(y)
    # Shares of every bucket, and of all rows, by group.
    shares = np.zeros((groups.max() + 1, signed.n_buckets_ + 1))
    np.add.at(shares, (groups, ids), 1)
    shares[:, -1] = shares.sum(axis=1)
    shares /= np.maximum(shares.sum(axis=0), 1)
    of_group = np.array([fold[groups == g][0] for g in range(len(shares))])

    def cost(of_group):
        return sum((shares[of_group == k].sum(axis=0) ** 2).sum() for k in range(4))

    least = cost(of_group)
    for g in range(len(shares)):
        for k in range(4):
            moved = of_group.copy()
            moved[g] = k
            assert cost(moved) >= least - 1e-9
    for g in range(len(shares)):
        for h in range(g):
            swapped = of_group.copy()
            swapped[[g, h]] = swapped[[h, g]]
            assert cost(swapped) >= least - 1e-9


def test_groups_of_one_row_are_spread_as_rows():
    y = TARGETS["rare"]
    fold = group_folds(BucketGroupKFold(5, buckets=WIDE), y, np.arange(len(y)))
    ids = WIDE.assign(y)
    assert np.ptp(np.bincount(fold)) <= 2
    for b in np.unique(ids):
        assert np.ptp(np.bincount(fold[ids == b], minlength=5)) <= 1


def test_rare_groups_go_to_different_folds():
    groups = np.repeat(np.arange(40), 5)
    y = np.zeros(200)
    y[[0, 50, 51, 110, 120]] = 60  # in groups 0, 10, 22 and 24
    fold = group_folds(BucketGroupKFold(5, buckets=WIDE), y, groups)
    assert len(set(fold[y == 60])) == 4
    assert_array_equal(np.bincount(fold), 40)


def test_order_of_the_rows_does_not_matter_to_groups():
    rng = np.random.default_rng(0)
    groups = GROUPS["uneven"](rng)
    y, order = grouped_target(rng, groups), rng.permutation(600)
    cv = BucketGroupKFold(5, buckets=WIDE)
    fold = group_folds(cv, y, groups)
    assert_array_equal(group_folds(cv, y[order], groups[order]), fold[order])


def test_shuffled_groups_come_to_every_fold():
    y, groups = np.r_[np.zeros(30), 60], np.r_[np.repeat(np.arange(10), 3), 99]
    last = {
        group_folds(
            BucketGroupKFold(5, buckets=WIDE, shuffle=True, random_state=seed),
            y,
            groups,
        )[-1]
        for seed in range(40)
    }
    assert last == set(range(5))


@pytest.mark.parametrize(
    ("params", "y", "message"),
    [
        ({"n_splits": 1}, [1, 2], r"n_splits=2 or more, got n_splits=1"),
        ({"n_splits": 3}, [1, 2], r"n_splits=3 greater.*n_samples=2"),
        ({"random_state": 0}, [1, 2], r"random_state has no effect since shuffle"),
    ],
)
def test_bad_folds_are_named(params, y, message):
    with pytest.raises(ValueError, match=message):
        list(BucketKFold(**params).split([[0], [0]], y))


@pytest.mark.parametrize(
    ("buckets", "y", "message"),
    [
        (10, [1, np.nan], r"Input y contains NaN"),
        (10, [[1, 2], [3, 4]], r"should be a 1d array.*\(2, 2\).*are of one target"),
        (10, pd.DataFrame({"a": [1, 2], "b": [3, 4]}), r"are of one target.*a number"),
        ([2, 1], [1, 2], r"edges must be.*increasing"),
        ("ten", [1, 2], r"buckets must be an int"),
        (10, [1, 2, 3], r"inconsistent numbers of samples: \[2, 3"),
    ],
)
@pytest.mark.parametrize(
    "split",
    [
        lambda b, X, y: next(BucketKFold(2, buckets=b).split(X, y)),
        lambda b, X, y: next(RepeatedBucketKFold(2, buckets=b).split(X, y)),
        lambda b, X, y: next(BucketShuffleSplit(buckets=b).split(X, y)),
        lambda b, X, y: next(BucketGroupKFold(2, buckets=b).split(X, y, [0, 1])),
        lambda b, X, y: bucket_train_test_split(X, y=y, buckets=b),
    ],
    ids=["folds", "repeats", "draws", "groups", "train_test"],
)
def test_bad_arguments_are_named(split, buckets, y, message):
    with pytest.raises(ValueError, match=message):
        split(buckets, [[0], [0]], y)


@everywhere
def test_a_split_without_targets(cv, n_splits):
    message = rf"{type(cv).__name__} splits by bucket.*y is None\. Pass y to split"
    with pytest.raises(ValueError, match=message):
        next(cv.split([[0]] * 4, groups=[0, 1, 2, 3] if "Group" in repr(cv) else None))


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (None, r"groups is None\. Pass groups, one a row, or split by BucketKFold"),
        ([0, 0, 0, 0], r"number of groups, 1; got n_splits=2\. Take fewer folds"),
        ([0, 1, 2], r"inconsistent numbers of samples: \[4, 4, 3\]"),
        ([0, 1, 2, np.nan], r"Input groups contains NaN"),
        ([[0, 1]] * 4, r"should be a 1d array"),
    ],
)
def test_bad_groups_are_named(groups, message):
    with pytest.raises(ValueError, match=message):
        next(BucketGroupKFold(2).split([[0]] * 4, [1, 2, 3, 4], groups))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"test_size": 4}, r"test_size=4 should be either positive and smaller"),
        ({"test_size": 1.5}, r"test_size=1\.5 should be either positive"),
        ({"test_size": 0.0}, r"test_size=0\.0 should be"),
        ({"test_size": 3, "train_size": 2}, r"sum of train_size and test_size = 5"),
        ({"test_size": 0.999}, r"resulting train set will be empty"),
        ({"n_splits": 0}, r"n_splits must be a positive int; got 0"),
    ],
)
def test_bad_sizes_are_named(params, message):
    with pytest.raises(ValueError, match=message):
        list(BucketShuffleSplit(**params).split([[0]] * 4, [1, 2, 3, 4]))


def test_nothing_to_split():
    with pytest.raises(ValueError, match="at least one array"):
        bucket_train_test_split(y=[1, 2])
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[2, 3\]"):
        bucket_train_test_split([1, 2], [1, 2, 3])
