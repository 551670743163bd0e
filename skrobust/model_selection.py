"""Splits that give either side, or every fold, its share of every bucket of the target.

All stand on scikit-learn's stratified splitters, and unlike those take rare buckets as
they come: a bucket of a single row is no error and no warning.
"""

import warnings
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import (
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
)
from sklearn.utils import check_array, check_random_state, indexable
from sklearn.utils.validation import check_consistent_length, column_or_1d

from skrobust._compat import safe_indexing
from skrobust._dealing import deal_groups, deal_rows, draw_rows, shares_of
from skrobust.buckets import as_buckets, check_target

__all__ = [
    "BucketGroupKFold",
    "BucketKFold",
    "BucketShuffleSplit",
    "RepeatedBucketKFold",
    "bucket_train_test_split",
]


class BucketKFold(StratifiedKFold):
    """K-fold cross-validation, stratified by bucket of a continuous target.

    The rows of each bucket are dealt to the folds in turn. So the folds differ by at
    most one row, in all and in every bucket, and a bucket with fewer rows than folds
    is in as many folds as it has rows.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    buckets : int, array-like of shape (n_edges,) or TargetBuckets, default=10
        Number of equal-width buckets, inner edges, or the buckets themselves. Those
        that are not fixed are cut from the `y` that `split` is given.
    shuffle : bool, default=False
        Whether to shuffle the rows of a bucket before they are dealt. Otherwise they
        are dealt by their targets, whatever the order of the rows, so that every
        stretch of a bucket is in all folds and their means and spreads agree.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffle. Pass an int for the same folds at every call.

    See Also
    --------
    RepeatedBucketKFold : The shuffled folds, several times.
    BucketGroupKFold : Folds that keep groups of rows together.
    BucketShuffleSplit : Random splits of any size.
    make_bucket_scorer : The score that these folds are for.

    Notes
    -----
    Give it the buckets that the score is by: folds are even in these and no others.

    Unshuffled, the rows of a bucket are dealt in hands, each of as many neighbours as
    there are folds. The hands farthest from the mean target come first, and the
    farthest target of a hand goes to the fold that has got the least on that side.

    Rows that depend on their neighbours, as in time series, need folds that keep
    them together; this one spreads them.

    Examples
    --------
    >>> import numpy as np
    >>> from skrobust import BucketKFold
    >>> y = np.array([1, 50, 2, 3, 4, 60, 5, 6])
    >>> for train, test in BucketKFold(2, buckets=[10, 40]).split(y, y):
    ...     print(y[test])
    [ 1 50  4  5]
    [ 2  3 60  6]
    """

    def __init__(self, n_splits=5, *, buckets=10, shuffle=False, random_state=None):
        super().__init__(n_splits=n_splits, shuffle=shuffle, random_state=random_state)
        self.buckets = buckets

    def split(self, X, y=None, groups=None):
        """Generate indices to split data into training and test set.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, of which only the number of rows counts.
        y : array-like of shape (n_samples,)
            Targets.
        groups : object, default=None
            Ignored, with a warning: rows of a group are not kept together.

        Yields
        ------
        train : ndarray of int
            Training rows of that split.
        test : ndarray of int
            Test rows of that split.

        Raises
        ------
        ValueError
            If `y` is None, not finite or not one column, or has fewer rows than there
            are folds; or if the buckets cannot be.
        """
        yield from super().split(X, _check_y(y, self), groups)

    def _iter_test_masks(self, X=None, y=None, groups=None):
        """Yield the test rows of each fold as a mask."""
        assigned = _assign(self.buckets, y)
        if self.shuffle:
            rng = check_random_state(self.random_state)
            order = np.lexsort((rng.permutation(len(y)), assigned))
            folds = rng.permutation(self.n_splits)[np.arange(len(y)) % self.n_splits]
        else:
            order = np.lexsort((y, assigned))
            folds = deal_rows(
                y[order].astype(float), np.bincount(assigned), self.n_splits
            )
        fold = np.empty(len(y), int)
        fold[order] = folds
        for k in range(self.n_splits):
            yield fold == k


class RepeatedBucketKFold(RepeatedStratifiedKFold):
    """Shuffled `BucketKFold`, several times with other folds.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    n_repeats : int, default=10
        Number of times that the rows are dealt to folds anew, at least 1.
    buckets : int, array-like of shape (n_edges,) or TargetBuckets, default=10
        The buckets, as in `BucketKFold`.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffles. Pass an int for the same folds at every call.

    See Also
    --------
    BucketKFold : The folds of one repeat.

    Notes
    -----
    A rare bucket has few rows in any one fold, so that its error is a matter of luck:
    the mean over repeats depends on it less.

    Examples
    --------
    >>> import numpy as np
    >>> from skrobust import RepeatedBucketKFold
    >>> y = np.array([1, 50, 2, 3, 4, 60, 5, 6])
    >>> cv = RepeatedBucketKFold(2, n_repeats=2, buckets=[10, 40], random_state=0)
    >>> for train, test in cv.split(y, y):
    ...     print(y[test])
    [ 1  2 60  6]
    [50  3  4  5]
    [ 1 50  2  4]
    [ 3 60  5  6]
    """

    def __init__(self, n_splits=5, *, n_repeats=10, buckets=10, random_state=None):
        super().__init__(
            n_splits=n_splits, n_repeats=n_repeats, random_state=random_state
        )
        self.n_splits = n_splits
        self.buckets = buckets

    def split(self, X, y=None, groups=None):
        """Generate indices to split data into training and test set.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, of which only the number of rows counts.
        y : array-like of shape (n_samples,)
            Targets.
        groups : object, default=None
            Ignored, with a warning: rows of a group are not kept together.

        Yields
        ------
        train : ndarray of int
            Training rows of that split.
        test : ndarray of int
            Test rows of that split.

        Raises
        ------
        ValueError
            As in ``BucketKFold.split``.
        """
        _warn_of_groups(groups, self)
        y = _check_y(y, self)
        rng = check_random_state(self.random_state)
        for _ in range(self.n_repeats):
            folds = BucketKFold(
                self.n_splits, buckets=self.buckets, shuffle=True, random_state=rng
            )
            yield from folds.split(X, y)

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of splits, folds times repeats.

        Parameters
        ----------
        X : object, default=None
            Ignored.
        y : object, default=None
            Ignored.
        groups : object, default=None
            Ignored.

        Returns
        -------
        n_splits : int
            Number of splits.
        """
        return self.n_splits * self.n_repeats


class BucketShuffleSplit(StratifiedShuffleSplit):
    """Random splits, stratified by bucket of a continuous target.

    A bucket of two rows or more is on both sides, where the sizes allow it, and larger
    ones in proportion. A bucket of a single row is on either side as chance has it,
    and neighbouring buckets balance one another: any run of buckets has its share of
    the test rows, but for one row and what the rule above asks for.

    Parameters
    ----------
    n_splits : int, default=10
        Number of splits, at least 1.
    buckets : int, array-like of shape (n_edges,) or TargetBuckets, default=10
        Number of equal-width buckets, inner edges, or the buckets themselves. Those
        that are not fixed are cut from the `y` that `split` is given.
    test_size : float or int, default=None
        Share of the rows, in (0, 1), or number of rows in the test set. None: what
        `train_size` leaves, or 0.1.
    train_size : float or int, default=None
        Share of the rows, in (0, 1), or number of rows in the training set. None:
        what `test_size` leaves.
    random_state : int, RandomState instance or None, default=None
        Seed of the splits. Pass an int for the same splits at every call.

    See Also
    --------
    bucket_train_test_split : One split, of arrays.
    BucketKFold : Every row is in the test set once.

    Notes
    -----
    scikit-learn's StratifiedShuffleSplit raises where a class has one member.

    Examples
    --------
    >>> import numpy as np
    >>> from skrobust import BucketShuffleSplit
    >>> y = np.array([1, 50, 2, 3, 4, 60, 5, 6])
    >>> cv = BucketShuffleSplit(3, buckets=[10, 40], test_size=0.5, random_state=0)
    >>> for train, test in cv.split(y, y):
    ...     print(np.sort(y[test]))
    [ 2  4  5 50]
    [ 3  5  6 60]
    [ 3  4  6 60]
    """

    def __init__(
        self,
        n_splits=10,
        *,
        buckets=10,
        test_size=None,
        train_size=None,
        random_state=None,
    ):
        super().__init__(
            n_splits=n_splits,
            test_size=test_size,
            train_size=train_size,
            random_state=random_state,
        )
        self.buckets = buckets

    def split(self, X, y=None, groups=None):
        """Generate indices to split data into training and test set.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, of which only the number of rows counts.
        y : array-like of shape (n_samples,)
            Targets.
        groups : object, default=None
            Ignored, with a warning: rows of a group are not kept together.

        Yields
        ------
        train : ndarray of int
            Training rows of that split, in random order.
        test : ndarray of int
            Test rows of that split, in random order.

        Raises
        ------
        ValueError
            If `y` is None, not finite or not one column, the buckets cannot be, or
            the sizes leave a side without rows.
        """
        _warn_of_groups(groups, self)
        y = _check_y(y, self)
        check_consistent_length(X, y)
        if not isinstance(self.n_splits, Integral) or self.n_splits < 1:
            raise ValueError(
                f"n_splits must be a positive int; got {self.n_splits!r}. Give the "
                "number of times to split."
            )
        whole = ShuffleSplit(  # checks the sizes, and says what they come to
            1, test_size=self.test_size, train_size=self.train_size, random_state=0
        )
        n_train, n_test = (len(rows) for rows in next(whole.split(y)))
        assigned = _assign(self.buckets, y)
        rng = check_random_state(self.random_state)
        for _ in range(self.n_splits):
            yield draw_rows(assigned, n_train, n_test, rng)


class BucketGroupKFold(StratifiedGroupKFold):
    """K-fold cross-validation that keeps groups together and spreads buckets evenly.

    All rows of a group, such as the pictures of one person, are in the same fold. As
    far as the groups allow, every fold has its share of every bucket and of the rows.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2 and at most the number of groups.
    buckets : int, array-like of shape (n_edges,) or TargetBuckets, default=10
        The buckets, as in `BucketKFold`.
    shuffle : bool, default=False
        Whether to deal groups of about the same weight in random order. Otherwise
        the folds depend on nothing but groups and targets, whatever the order of the
        rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffle. Pass an int for the same folds at every call.

    See Also
    --------
    BucketKFold : Folds of single rows.

    Notes
    -----
    With ``F`` the share of a bucket, or of all rows, that a fold has got, groups are
    dealt to make the sum of ``F ** 2`` small: the group with the largest shares first,
    each to the fold where it adds least. Then groups move, and up to some thousands of
    groups are swapped in pairs, as long as that lowers the sum. A bucket of two rows
    counts as much as one of a thousand, so rare buckets are spread first.
    scikit-learn's StratifiedGroupKFold, which this stands on, raises or warns where a
    class has fewer members than there are folds.

    Examples
    --------
    >>> import numpy as np
    >>> from skrobust import BucketGroupKFold
    >>> y = np.array([1, 50, 2, 3, 4, 60, 5, 6])
    >>> groups = np.array(list("aabbccdd"))
    >>> cv = BucketGroupKFold(2, buckets=[10, 40])
    >>> for train, test in cv.split(y, y, groups):
    ...     print(y[test], groups[test])
    [ 1 50  2  3] ['a' 'a' 'b' 'b']
    [ 4 60  5  6] ['c' 'c' 'd' 'd']
    """

    def __init__(self, n_splits=5, *, buckets=10, shuffle=False, random_state=None):
        super().__init__(n_splits=n_splits, shuffle=shuffle, random_state=random_state)
        self.buckets = buckets

    def split(self, X, y=None, groups=None):
        """Generate indices to split data into training and test set.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, of which only the number of rows counts.
        y : array-like of shape (n_samples,)
            Targets.
        groups : array-like of shape (n_samples,)
            Group of each row, numbers or texts.

        Yields
        ------
        train : ndarray of int
            Training rows of that split.
        test : ndarray of int
            Test rows of that split.

        Raises
        ------
        ValueError
            If `y` is None, not finite or not one column; if `groups` is None or has
            fewer groups than there are folds; or if the buckets cannot be.
        """
        if groups is None:
            raise ValueError(
                "BucketGroupKFold keeps groups together, but groups is None. Pass "
                "groups, one a row, or split by BucketKFold."
            )
        yield from super().split(X, _check_y(y, self), groups)

    def _iter_test_masks(self, X=None, y=None, groups=None):
        """Yield the test rows of each fold as a mask."""
        groups = check_array(groups, input_name="groups", ensure_2d=False, dtype=None)
        names, group = np.unique(column_or_1d(groups), return_inverse=True)
        if self.n_splits > len(names):
            raise ValueError(
                f"n_splits is at most the number of groups, {len(names)}; got "
                f"n_splits={self.n_splits}. Take fewer folds, or finer groups."
            )
        rng = check_random_state(self.random_state) if self.shuffle else None
        shares = shares_of(group, _assign(self.buckets, y))
        fold = deal_groups(shares, self.n_splits, rng)[group]
        for k in range(self.n_splits):
            yield fold == k


def bucket_train_test_split(
    *arrays, y=None, buckets=10, test_size=None, train_size=None, random_state=None
):
    """Split arrays into training and test rows, stratified by bucket of the target.

    As scikit-learn's train_test_split, with buckets of the target for `stratify`. Rare
    buckets are no error: a bucket of two rows or more is on both sides, where the
    sizes allow it.

    Parameters
    ----------
    *arrays : sequence of indexables of the same length
        What to split: X, the targets, and what else belongs to the rows, such as
        weights. Lists, arrays, sparse matrices, and frames and series of pandas or
        polars come back as what they are.
    y : array-like of shape (n_samples,), default=None
        Targets to stratify by. None: the second array, as in ``(X, y)``, or the only
        one.
    buckets : int, array-like of shape (n_edges,) or TargetBuckets, default=10
        Number of equal-width buckets, inner edges, or the buckets themselves. Those
        that are not fixed are cut from the targets.
    test_size : float or int, default=None
        Share of the rows, in (0, 1), or number of rows in the test set. None: what
        `train_size` leaves, or 0.25.
    train_size : float or int, default=None
        Share of the rows, in (0, 1), or number of rows in the training set. None:
        what `test_size` leaves.
    random_state : int, RandomState instance or None, default=None
        Seed of the split. Pass an int for the same split at every call.

    Returns
    -------
    parts : list, length=2 * len(arrays)
        Training and test rows of every array.

    Raises
    ------
    ValueError
        If there is no array, lengths differ, the targets are not finite or not one
        column, the buckets cannot be, or the sizes leave a side without rows.

    See Also
    --------
    BucketShuffleSplit : Several such splits, for cross-validation.
    BucketKFold : Folds with an equal share of every bucket.

    Examples
    --------
    >>> import numpy as np
    >>> from skrobust import TargetBuckets, bucket_train_test_split
    >>> wide = TargetBuckets(width=10, limit=40, symmetric=True)
    >>> y = np.array([1, -50, 2, 3, -4, 60, 5, 6])
    >>> X = y[:, np.newaxis] / 10
    >>> X_train, X_test, y_train, y_test = bucket_train_test_split(
    ...     X, y, buckets=wide, random_state=0
    ... )
    >>> y_test
    array([-50,   5])
    """
    if not arrays:
        raise ValueError("bucket_train_test_split needs at least one array to split.")
    arrays = indexable(*arrays)
    if y is None:
        y = arrays[min(1, len(arrays) - 1)]
    if test_size is None and train_size is None:
        test_size = 0.25
    cv = BucketShuffleSplit(
        1,
        buckets=buckets,
        test_size=test_size,
        train_size=train_size,
        random_state=random_state,
    )
    sides = next(cv.split(arrays[0], y))
    return [safe_indexing(array, rows) for array in arrays for rows in sides]


def _check_y(y, splitter):
    """Return the targets to split by as a finite vector."""
    if y is None:
        name = type(splitter).__name__
        raise ValueError(
            f"{name} splits by bucket of the target, but y is None. Pass y to split."
        )
    shape = np.shape(y)
    if len(shape) == 2 and shape[1] > 1:
        raise ValueError(
            f"y should be a 1d array, got an array of shape {shape} instead: buckets "
            "are of one target. Split by one of the columns, or by a number made of "
            "them; as cv=, pass list(cv.split(X, that))."
        )
    return check_target(y)


def _assign(buckets, y):
    """Return the bucket of each target, cut from them unless it is fixed."""
    buckets = as_buckets(buckets)
    return buckets.assign(y) if buckets.is_fixed else clone(buckets).fit_assign(y)


def _warn_of_groups(groups, splitter):
    """Warn that groups are not kept together."""
    if groups is not None:
        name = type(splitter).__name__
        warnings.warn(
            f"The groups parameter is ignored by {name}. BucketGroupKFold keeps groups "
            "together.",
            UserWarning,
            stacklevel=3,
        )
