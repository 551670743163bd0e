"""Splits that give every fold its share of every bucket of the target."""

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold
from sklearn.utils import check_random_state

from skrobust.buckets import as_buckets, check_target

__all__ = ["BucketKFold"]


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
            folds = rng.permutation(self.n_splits)[np.arange(len(y)) % self.n_splits]
        else:
            order = np.lexsort((y, assigned))
            folds = _deal(y[order].astype(float), np.bincount(assigned), self.n_splits)
        fold = np.empty(len(y), int)
        fold[order] = folds
        for k in range(self.n_splits):
            yield fold == k


def _deal(y, counts, n_splits):
    """Return a fold for each target, such that means and spreads of the folds agree.

    The targets are sorted within their buckets, which hold `counts` of them, one
    after the other. The middle hand of a bucket may be short: it goes to the folds
    with the fewest rows so far, so that folds stay within one row of each other.
    """
    z = y / max(np.abs(y).max(), np.finfo(float).tiny)  # so that no sum overflows
    z -= z.mean()
    starts = _hands(counts, n_splits)
    stops = [*starts[1:], len(y)]
    farthest = np.maximum.reduceat(np.abs(z), starts)
    fold, rows = np.empty(len(y), int), np.zeros(n_splits)
    above, below = np.zeros((2, n_splits))  # sums of the hands on either side
    for h in np.argsort(-farthest, kind="stable"):
        hand = z[starts[h] : stops[h]]
        sums = above if hand.sum() > 0 else below
        takers = np.argsort(-sums, kind="stable")
        if len(hand) < n_splits:
            few = np.lexsort((np.abs(sums), rows))[: len(hand)]
            takers = takers[np.isin(takers, few)]
            rows[few] += 1
        fold[starts[h] : stops[h]] = takers
        sums[takers] += hand
    return fold


def _hands(counts, n_splits):
    """Return where the hands begin: `n_splits` neighbours, a short hand in the middle.

    At an end of its bucket a short hand would leave some folds without the largest.
    """
    starts, begin = [], 0
    for count in counts[counts > 0]:
        end, (full, short) = begin + count, divmod(count, n_splits)
        middle = begin + full // 2 * n_splits
        starts += [*range(begin, middle, n_splits), *([middle] if short else [])]
        starts += range(middle + short, end, n_splits)
        begin = end
    return starts
