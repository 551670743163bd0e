"""A loss that depends on the target: its shape, or its scale, as a function of y."""

from __future__ import annotations

import math
from copy import deepcopy
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from skrobust._compat import Interval
from skrobust.buckets import TargetBuckets, as_buckets, check_target
from skrobust.tuning import as_alpha

__all__ = ["BucketConditioned", "TargetConditioned"]


class TargetConditioned(BaseEstimator):
    """One value for targets near 0, another for those far from it.

    As the `alpha` of an estimator it says, for every row by its own target, how an
    error counts. The story behind it: a sensor measures angles, most of them small. At
    40 degrees an error of 10 is a disaster, which should count squared; under 20 it is
    more often a wrong label, which should count linearly. So alpha is 1 below 20
    degrees and 2 above::

        AdaptiveLossRegressor(alpha=TargetConditioned(20))

    Parameters
    ----------
    threshold : float
        The ``abs(y)`` from which `above` holds, positive and finite, in the units of
        the target.
    below : float or str, default=1.0
        Value where ``abs(y) < threshold``: an alpha from -inf to inf or its name in
        ``loss.ALPHAS``, or a positive c.
    above : float or str, default=2.0
        Value where ``abs(y) >= threshold``, of the same kinds.
    smoothing : float, default=0.0
        Width in ``abs(y)`` over which `below` goes over into `above`, in the units of
        the target: from ``threshold - smoothing / 2`` to ``threshold + smoothing / 2``,
        half-way at `threshold`. At most ``2 * threshold``. 0 is a jump.

    See Also
    --------
    AdaptiveLossRegressor : Takes it as `alpha`, or as `c`.
    ReweightedRegressor : So does this, for any regressor.
    BucketConditioned : A value for each of several buckets.
    loss.rho : The loss by alpha and c.
    BucketWeighter : Weights from how rare a target is, the other way to make rare ones
        count.

    Notes
    -----
    It switches on the target, not on the residual: the true value of a row decides
    how its error counts, however large that is. Only fitting needs targets; a
    prediction is that of any linear model. An alpha of 1 or more, on both sides, leaves
    the problem convex.

    The same `c` on both sides makes them alike for errors within `c`, which count as
    ``(r / c)**2 / 2``. A large error, of ``k c``, then counts about ``k / 2`` times as
    much above the threshold as below it: the smaller `c`, the dearer a far target. What
    such a fit aims at is neither mean nor median of y given X; where near and far
    targets are both possible, it leans outwards.

    Between the two values a smooth one is ``below + (above - below) * t**2 (3 - 2 t)``,
    t going from 0 to 1; both must be finite. With `smoothing`, no target changes
    its loss abruptly because of noise in its last digit.

    A search finds the parameters under names like ``alpha__threshold``. Targets in
    float32 are compared in float32.

    Examples
    --------
    >>> from skrobust import loss
    >>> from skrobust.conditioned import TargetConditioned
    >>> alpha = TargetConditioned(20)
    >>> alpha([3.0, -19.9, 20.0, -60.0])
    array([1., 1., 2., 2.])

    An error of 10 degrees, for a small angle and for a large one:

    >>> loss.rho(10.0, alpha([3.0, -60.0]), c=1.0).round(2)
    array([ 9.05, 50.  ])

    Smoothly, over 10 degrees:

    >>> TargetConditioned(20, smoothing=10)([15.0, 17.5, 20.0, 22.5, 25.0])
    array([1.     , 1.15625, 1.5    , 1.84375, 2.     ])
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "threshold": [Interval(Real, 0, None, closed="neither")],
        "below": [Real, str],
        "above": [Real, str],
        "smoothing": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        threshold: float,
        below: float | str = 1.0,
        above: float | str = 2.0,
        *,
        smoothing: float = 0.0,
    ) -> None:
        self.threshold = threshold
        self.below = below
        self.above = above
        self.smoothing = smoothing

    def __call__(self, y: ArrayLike) -> NDArray[np.float64]:
        """Return the value for each target.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Targets, finite.

        Returns
        -------
        ndarray of shape (n_samples,)
            `below`, `above` or, within the smooth stretch, what is between.

        Raises
        ------
        ValueError
            If a parameter is out of its range, `below` or `above` is infinite
            with `smoothing`, or `y` is not a vector of finite numbers.
        """
        below, above = self._ends()
        size = np.abs(check_target(y))
        threshold = float(self.threshold)  # of no kind that would widen y
        if self.smoothing == 0:
            return np.where(size >= threshold, above, below)
        past = size.astype(np.float64) - threshold
        width = float(self.smoothing)
        past = np.clip(past, -width, width) / width  # which cannot overflow
        t = np.clip(past + 0.5, 0.0, 1.0)
        values = below + (above - below) * (t * t * (3 - 2 * t))
        return np.where(t == 1, above, values)  # to the last bit

    def _ends(self) -> tuple[float, float]:
        """Return the two values, all parameters being valid."""
        self._validate_params()
        below, above = as_alpha(self.below, "below"), as_alpha(self.above, "above")
        if self.smoothing > 2 * self.threshold:
            raise ValueError(
                "smoothing must be at most 2 * threshold, or no target is near enough "
                f"to 0 for `below`. Got smoothing={self.smoothing!r} and threshold="
                f"{self.threshold!r}. Lower smoothing."
            )
        if self.smoothing and not (math.isfinite(below) and math.isfinite(above)):
            raise ValueError(
                "below and above must be finite with smoothing: nothing is half-way "
                f"to infinity. Got {self.below!r} and {self.above!r}. Take a number "
                "such as -8 for -inf, or smoothing=0."
            )
        return below, above


class BucketConditioned(BaseEstimator):
    """One value for the targets of each bucket.

    As the `alpha` or the `c` of an estimator it says, for every row by the bucket of
    its own target, how an error counts. With a larger `c` for targets whose noise is
    larger, or an alpha of 2 where no target is wrong::

        ReweightedRegressor(forest, alpha=BucketConditioned([10, 40], [0, 1, 2]))

    Parameters
    ----------
    buckets : array-like of shape (n_edges,) or TargetBuckets
        Inner edges, or buckets that are fixed: by `width` and `limit`, by `edges`, or
        because they are fitted.
    values : array-like of shape (n_buckets,)
        Value for each bucket, in their order: an alpha from -inf to inf or its name in
        ``loss.ALPHAS``, or a positive c in the units of the target.

    See Also
    --------
    TargetConditioned : Two values, with a smooth passage if wanted.
    TargetBuckets : The buckets; ``labels_`` says which is which.
    AdaptiveLossRegressor : Takes it as `alpha`, or as `c`.
    ReweightedRegressor : So does this, for any regressor.

    Notes
    -----
    It looks at the target, not at the residual, and is needed to fit only. Buckets that
    were fitted stay as they are in copies too: ``clone`` keeps them, so that in a
    search every fold has the same ones. A search finds parameters under names like
    ``alpha__values`` and ``c__buckets__width``.

    Examples
    --------
    >>> from skrobust import BucketConditioned, TargetBuckets
    >>> alpha = BucketConditioned([10, 40], ["cauchy", 1.0, "l2"])
    >>> alpha([3.0, 10.0, 39.9, 75.0])
    array([0., 1., 1., 2.])

    A scale of 2 degrees up to 20 degrees either way, of 5 beyond:

    >>> wide = TargetBuckets(width=20, limit=20, symmetric=True)
    >>> BucketConditioned(wide, [2, 5])([-19.0, -20.0, 0.0, 60.0])
    array([2., 5., 2., 5.])
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "buckets": ["array-like", TargetBuckets],
        "values": ["array-like"],
    }

    def __init__(self, buckets: ArrayLike | TargetBuckets, values: ArrayLike) -> None:
        self.buckets = buckets
        self.values = values

    def __call__(self, y: ArrayLike) -> NDArray[np.float64]:
        """Return the value for each target.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Targets, finite.

        Returns
        -------
        ndarray of shape (n_samples,)
            The one of `values` that belongs to its bucket.

        Raises
        ------
        ValueError
            If `buckets` are not fixed, there is not one of `values` for each of them,
            one is neither a number nor the name of a loss, or `y` is not a vector of
            finite numbers.
        """
        self._validate_params()
        buckets = as_buckets(self.buckets)
        if not buckets.is_fixed:
            raise ValueError(
                "buckets must be fixed, or they would be others in each fold, and "
                f"values stand for others. Got {self.buckets!r}. Give width and limit, "
                "or edges, or fit them."
            )
        given, n = np.asarray(self.values, dtype=object), buckets.n_buckets_
        if given.shape != (n,):
            raise ValueError(
                f"values must have one value for each of the {n} buckets, "
                f"{', '.join(buckets.labels_)}. Got {self.values!r}."
            )
        values = np.array([as_alpha(value, "values") for value in given])
        chosen: NDArray[np.float64] = values[buckets.assign(y)]
        return chosen

    def __sklearn_clone__(self) -> Self:
        return type(self)(deepcopy(self.buckets), deepcopy(self.values))
