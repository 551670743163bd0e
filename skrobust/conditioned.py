"""A loss that depends on the target: its shape, or its scale, as a function of y."""

import math
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from skrobust._compat import Interval
from skrobust.buckets import check_target
from skrobust.tuning import as_alpha

__all__ = ["TargetConditioned"]


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
