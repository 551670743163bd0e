"""Sample weights from how rare a target is.

A weighter has ``fit(y, sample_weight=None)`` and ``transform(y)``. Weighted by the
`sample_weight` of `fit`, the weights of the fitted targets have mean exactly 1, so that
a learner's own penalties and minimum counts keep their meaning.
"""

import warnings
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from skrobust._compat import Interval, StrOptions
from skrobust.buckets import as_buckets, name_buckets

__all__ = ["BucketWeighter"]


class BucketWeighter(BaseEstimator):
    """Weigh a target by how rare its bucket is.

    With ``n_b`` the weighted count of bucket b and ``N`` the sum of all::

        w_b = n_b ** -power * N / sum(n_c ** (1 - power) for every bucket c)

    Power 1 gives every bucket that holds a target the same total weight and equals
    scikit-learn's "balanced"; 0 gives weights of 1; 0.5 is often the better bargain.

    Parameters
    ----------
    buckets : int, array-like of shape (n_edges,) or TargetBuckets, default=10
        Number of buckets of equal width, inner edges, or the buckets themselves,
        which are cloned and fitted.
    power : float, default=1.0
        How much the rare count, not negative: 0 not at all, 1 inversely to their
        count.
    max_weight : float, default=None
        Largest weight of a fitted bucket, at least 1, the mean weight. What the cap
        takes from the rarest is spread over the others in proportion. None for no
        cap.
    unseen : {"nearest", "max", "one", "raise"} or float, default="nearest"
        Weight of a target whose bucket held none in `fit`: that of the nearest bucket
        that did (the heavier of two), the largest, 1, an error, or the number given.

    Attributes
    ----------
    buckets_ : TargetBuckets
        The fitted buckets: edges, labels and weighted counts.
    weights_ : ndarray of shape (n_buckets,)
        Weight of each bucket; NaN where ``unseen="raise"`` would raise.

    See Also
    --------
    TargetWeightedRegressor : Makes the weights inside every training fold.
    TargetBuckets : Where the buckets lie.

    Notes
    -----
    Rarity is that of the buckets, not of the density: with one open outermost bucket,
    all targets beyond its edge together weigh as much as any other bucket. If that
    is not what an error there costs, move the edge, or search over `power` and
    `max_weight` with a score that states the cost, such as `make_bucket_scorer`.

    The cap scales the weights that it leaves alone until the mean is 1 again
    (water-filling); to clip once and rescale would break the cap.

    References
    ----------
    .. [1] M. Steininger et al., "Density-based weighting for imbalanced regression",
           Machine Learning 110, 2021. https://doi.org/10.1007/s10994-021-06023-5

    Examples
    --------
    >>> from skrobust import BucketWeighter
    >>> y = [1, 2, 3, 4, 5, 6, 12, 13, 45]
    >>> weighter = BucketWeighter([10, 40]).fit(y)
    >>> weighter.transform([7, 20, 80])
    array([0.5, 1.5, 3. ])
    >>> BucketWeighter([10, 40], max_weight=2).fit(y).transform([7, 20, 80]).round(3)
    array([0.583, 1.75 , 2.   ])
    """

    _parameter_constraints: dict = {
        "buckets": "no_validation",  # as_buckets and TargetBuckets say what is wrong
        "power": [Interval(Real, 0, None, closed="left")],
        "max_weight": [Interval(Real, 1, None, closed="left"), None],
        "unseen": [
            StrOptions({"nearest", "max", "one", "raise"}),
            Interval(Real, 0, None, closed="left"),
        ],
    }

    def __init__(self, buckets=10, *, power=1.0, max_weight=None, unseen="nearest"):
        self.buckets = buckets
        self.power = power
        self.max_weight = max_weight
        self.unseen = unseen

    def fit(self, y, sample_weight=None):
        """Count the targets by bucket and weigh the buckets.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Training targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each target, not negative and not all zero. Weight k means the
            target k times.

        Returns
        -------
        self : BucketWeighter
            The fitted weighter.
        """
        self._fit(y, sample_weight)
        return self

    def transform(self, y):
        """Return the weight of each target.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Targets.

        Returns
        -------
        weights : ndarray of shape (n_samples,)
            Weights, 1 in the weighted mean over the targets that `fit` saw.
        """
        check_is_fitted(self)
        assigned = self.buckets_.assign(y)
        weights = self.weights_[assigned]
        if np.isnan(self.weights_).any() and np.isnan(weights).any():
            unknown = np.unique(assigned[np.isnan(weights)])
            names = name_buckets(self.buckets_.labels_, unknown)
            raise ValueError(
                f"Targets lie in buckets {names}, which held no target in fit, and "
                'unseen="raise". Choose another unseen, or wider buckets.'
            )
        return weights

    def fit_transform(self, y, sample_weight=None):
        """Fit to the targets and return their weights, at the price of one.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Training targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each target, as in `fit`. The weights returned do not contain
            it.

        Returns
        -------
        weights : ndarray of shape (n_samples,)
            Weights, 1 in the weighted mean.
        """
        assigned = self._fit(y, sample_weight)
        # Only a target of weight 0, which is not there, can lie in an empty bucket.
        return np.nan_to_num(self.weights_)[assigned]

    def _fit(self, y, sample_weight):
        """Fit, and return the bucket of each target."""
        self._validate_params()
        self.buckets_ = clone(as_buckets(self.buckets))
        assigned = self.buckets_.fit_assign(y, sample_weight)
        counts = self.buckets_.counts_
        seen = counts > 0
        weights = np.full(len(counts), np.nan)
        weights[seen] = _inverse_power(counts[seen], self.power)
        if self.max_weight is not None:
            weights[seen] = _cap(weights[seen], counts[seen], self.max_weight)
        self.weights_ = _fill_unseen(weights, self.unseen)
        if self.buckets_.strategy == "quantile":
            self._warn_if_level(weights[seen])
        return assigned

    def _warn_if_level(self, weights):
        """Warn that weights by equally filled buckets weigh nothing."""
        if self.power and len(weights) > 1 and np.ptp(weights) < 0.1:
            warnings.warn(
                'TargetBuckets(strategy="quantile") fills all buckets equally, so all '
                "weights are close to 1 and nothing counts as rare. Use "
                'strategy="uniform", width and limit, or edges.',
                UserWarning,
                stacklevel=4,
            )


def _inverse_power(counts, power):
    """Return weights in proportion to ``counts ** -power``, weighted mean 1."""
    # Relative to the rarest nothing overflows; the floor keeps sums above zero.
    rarity = np.maximum((counts.min() / counts) ** power, 1e-200)
    return rarity * (counts.sum() / (counts @ rarity))


def _cap(weights, counts, most):
    """Return ``minimum(t * weights, most)`` with the t that makes the mean 1."""
    order = np.argsort(-weights)
    w, n = weights[order], counts[order]
    # If all the rarer ones take `most`, the rest share what is left by this t.
    rarer, rest = np.cumsum(n) - n, np.cumsum((n * w)[::-1])[::-1]
    t = (n.sum() - most * rarer) / rest
    fits = t * w <= most * (1 + 1e-12)
    fits[-1] = True  # up to rounding, as the cap is at least the mean
    return np.minimum(t[np.argmax(fits)] * weights, most)


def _fill_unseen(weights, unseen):
    """Return the weights, NaN in a bucket without targets filled as `unseen` says."""
    empty = np.isnan(weights)
    if unseen == "raise" or not empty.any():
        return weights
    if unseen == "nearest":
        return _fill_nearest(weights, empty)
    fill = {"max": np.nanmax(weights), "one": 1.0}.get(unseen, unseen)
    return np.where(empty, fill, weights)


def _fill_nearest(weights, empty):
    """Return the weights, an empty bucket's that of the nearest one that is not."""
    seen, bucket = np.flatnonzero(~empty), np.arange(len(weights))
    after = np.searchsorted(seen, bucket)
    right = seen[np.minimum(after, len(seen) - 1)]
    left = np.where(empty, seen[np.maximum(after - 1, 0)], right)
    nearer = np.abs(bucket - left) - np.abs(bucket - right)
    tied = np.maximum(weights[left], weights[right])
    return np.select([nearer < 0, nearer > 0], [weights[left], weights[right]], tied)
