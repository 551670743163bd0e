"""Splits that give every fold its share of every bucket of the target."""

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold
from sklearn.utils import check_random_state

from skrobust.buckets import as_buckets, check_target

__all__ = ["BucketKFold"]


class BucketKFold(StratifiedKFold):
    """K-fold cross-validation, stratified by bucket of a continuous target.

    The rows are sorted by bucket and dealt to the folds in turn. So the folds differ
    by at most one row, in all and in every bucket, and a bucket with fewer rows than
    folds is in as many folds as it has rows.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    buckets : int, array-like of shape (n_edges,) or TargetBuckets, default=10
        Number of equal-width buckets, inner edges, or the buckets themselves. Those
        that are not fixed are cut from the `y` that `split` is given.
    shuffle : bool, default=False
        Whether to shuffle the rows of a bucket before they are dealt. Otherwise they
        are dealt in the order of their targets, so that folds agree within a bucket
        too, whatever the order of the rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffle. Pass an int for the same folds at every call.

    See Also
    --------
    make_bucket_scorer : The score that these folds are for.

    Notes
    -----
    Unshuffled folds by buckets of `y` itself are even for any edges at once, as the
    rows are then dealt in the order of `y`; `buckets` matters with ``shuffle=True``
    and to symmetric buckets.

    Rows that depend on their neighbours, as in time series, need folds that keep
    them together; this one spreads them.

    Examples
    --------
    >>> import numpy as np
    >>> from skrobust import BucketKFold
    >>> y = np.array([1, 50, 2, 3, 4, 60, 5, 6])
    >>> for train, test in BucketKFold(2, buckets=[10, 40]).split(y, y):
    ...     print(y[test])
    [ 1 50  3  5]
    [ 2  4 60  6]
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
        """
        if y is None:
            raise ValueError(
                "BucketKFold splits by bucket of the target, but y is None. Pass y to "
                "split."
            )
        yield from super().split(X, check_target(y), groups)

    def _iter_test_masks(self, X=None, y=None, groups=None):
        """Yield the test rows of each fold as a mask."""
        buckets = as_buckets(self.buckets)
        if not buckets.is_fixed:
            buckets = clone(buckets).fit(y)
        assigned = buckets.assign(y)
        if self.shuffle:
            rng = check_random_state(self.random_state)
            order = np.lexsort((rng.permutation(len(y)), assigned))
            folds = rng.permutation(self.n_splits)
        else:
            order, folds = np.lexsort((y, assigned)), np.arange(self.n_splits)
        fold = np.empty(len(y), int)
        fold[order] = folds[np.arange(len(y)) % self.n_splits]
        for k in range(self.n_splits):
            yield fold == k
