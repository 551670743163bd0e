"""Errors that count by how relevant a target is, or by how far out it lies.

No buckets are needed: the relevance phi, in [0, 1], or a threshold, says what an error
of a target costs. The error is ``y_pred - y_true``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils.validation import check_array

from skrobust._errors import Rows, center, check_positive, check_rows

__all__ = ["geometric_mean_error", "sera", "sera_curve", "target_conditioned_error"]

Float = NDArray[np.float64]
LEAST = 1e-3  # error that counts as none, in standard deviations of the target


def sera(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    relevance: Any,
    normalize: bool = False,
    sample_weight: ArrayLike | None = None,
    period: float | None = None,
) -> float:
    """Return the squared error-relevance area: squared errors times relevance.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True targets. They alone decide the relevance.
    y_pred : array-like of shape (n_samples,)
        Predicted targets.
    relevance : RelevanceWeighter or array-like of shape (n_samples,)
        What says how relevant a target is, by its method ``relevance(y)``: fitted to
        the training targets, or with control points of your own. Or the relevance phi
        of each row, in [0, 1].
    normalize : bool, default=False
        Whether to divide by the sum of the relevance: the weighted mean of squared
        errors, which does not grow with the number of rows.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each sample, not negative, not all zero: k means the row k times.
    period : float, default=None
        The full turn, where the target is an angle that starts again, as in
        `bucket_error`.

    Returns
    -------
    error : float
        The error, in squared units of the target. NaN, with a warning, if normalized
        where no row has any relevance.

    Raises
    ------
    ValueError
        If a relevance is outside [0, 1] or there is not one a row; if a weight or
        `period` is outside its domain; if targets are empty, hold NaN or infinity, or
        are not vectors of one length.

    See Also
    --------
    sera_curve : The curve, the area under which it is.
    RelevanceWeighter : The relevance, and weights to fit by.

    Notes
    -----
    [1]_ defines it as the area under the sum of the squared errors of rows with a
    relevance of at least t, for t from 0 to 1, and integrates numerically. Every row
    is in that sum until t is its phi, so that the area is just
    ``sum(phi * (y_pred - y_true) ** 2)``. To minimise it is least squares weighted by
    phi: ``RelevanceWeighter(floor=0)``.

    A search over folds does better with `normalize`: a fold with more relevant rows
    is not worse for it.

    References
    ----------
    .. [1] R. P. Ribeiro, N. Moniz, "Imbalanced regression and extreme value
           prediction", Machine Learning 109, 2020, 1803-1835.
           https://doi.org/10.1007/s10994-020-05900-9

    Examples
    --------
    >>> from skrobust import RelevanceWeighter, sera
    >>> wide = RelevanceWeighter([[10, 0], [40, 1]])
    >>> wide.relevance([5, 25, 60])
    array([0. , 0.5, 1. ])
    >>> sera([5, 25, 60], [3, 20, 50], relevance=wide)
    112.5
    >>> sera([5, 25, 60], [3, 20, 50], relevance=wide, normalize=True)
    75.0

    As a score for a search:

    >>> from sklearn.metrics import make_scorer
    >>> scorer = make_scorer(
    ...     sera, greater_is_better=False, relevance=wide, normalize=True
    ... )
    """
    _check_bool("normalize", normalize)
    rows = check_rows(y_true, y_pred, sample_weight, period)
    phi = _phi(relevance, rows)
    error = rows.total(lambda e, block: phi(block) * e * e)
    return error / (_relevance_total(rows, phi) if normalize else rows.unit)


def sera_curve(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    relevance: Any,
    normalize: bool = False,
    sample_weight: ArrayLike | None = None,
    period: float | None = None,
) -> tuple[Float, Float]:
    """Return the squared errors of rows above each threshold of relevance.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True targets. They alone decide the relevance.
    y_pred : array-like of shape (n_samples,)
        Predicted targets.
    relevance : RelevanceWeighter or array-like of shape (n_samples,)
        The relevance of the targets, as in `sera`.
    normalize : bool, default=False
        Whether to divide by the sum of the relevance, as in `sera`.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each sample, not negative, not all zero: k means the row k times.
    period : float, default=None
        The full turn, where the target is an angle that starts again, as in
        `bucket_error`.

    Returns
    -------
    thresholds : ndarray of shape (n_thresholds,)
        Every relevance that a row has, with 0 and 1, increasing.
    errors : ndarray of shape (n_thresholds,)
        Sum of the squared errors of rows with a relevance of at least the threshold.
        It is that up to the threshold, from the one before.

    Raises
    ------
    ValueError
        If an argument is outside its domain, as in `sera`.

    See Also
    --------
    sera : The area under the curve.

    Notes
    -----
    The curve is a staircase, and its area exactly `sera`:
    ``sum(diff(thresholds) * errors[1:])``. To draw it, use matplotlib's
    ``step(thresholds, errors, where="pre")``.

    Examples
    --------
    >>> from skrobust import sera_curve
    >>> thresholds, errors = sera_curve([1, 2, 3], [0, 0, 0], relevance=[0, 0.5, 0.9])
    >>> thresholds
    array([0. , 0.5, 0.9, 1. ])
    >>> errors
    array([14., 13.,  9.,  0.])
    """
    _check_bool("normalize", normalize)
    rows = check_rows(y_true, y_pred, sample_weight, period)
    phi = _phi(relevance, rows)
    phis, squares = phi(slice(None)), _weighted_squares(rows)
    if rows.weight is not None and not rows.weight.all():
        phis, squares = phis[rows.weight > 0], squares[rows.weight > 0]
    order = np.argsort(phis)
    phis, squares = phis[order], squares[order]
    # From the most relevant down; equal ones share the sum of them all.
    sums = np.cumsum(squares[::-1], out=squares[::-1])[::-1]
    first = np.flatnonzero(np.append(True, phis[1:] > phis[:-1]))
    thresholds, errors = phis[first], sums[first]
    if thresholds[0] > 0:
        thresholds, errors = np.r_[0.0, thresholds], np.r_[errors[0], errors]
    if thresholds[-1] < 1:
        thresholds, errors = np.r_[thresholds, 1.0], np.r_[errors, 0.0]
    total = _relevance_total(rows, phi) if normalize else rows.unit
    return thresholds, errors / total


def geometric_mean_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    eps: float | None = None,
    sample_weight: ArrayLike | None = None,
    period: float | None = None,
) -> float:
    """Return the geometric mean of the absolute errors.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True targets.
    y_pred : array-like of shape (n_samples,)
        Predicted targets.
    eps : float, default=None
        Absolute error below which one counts as this large, positive, in the units of
        the target: one perfect prediction would make the mean 0. None is a thousandth
        of the standard deviation of `y_true`, which must then not be constant. To
        compare errors on different rows give a number.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each sample, not negative, not all zero: k means the row k times.
    period : float, default=None
        The full turn, where the target is an angle that starts again, as in
        `bucket_error`.

    Returns
    -------
    error : float
        ``exp(mean(log(maximum(abs(y_pred - y_true), eps))))``, in the units of the
        target, never 0.

    Raises
    ------
    ValueError
        If `eps` is not positive, or None where all true targets are equal; if a weight
        or `period` is outside its domain; if targets are empty, hold NaN or infinity,
        or are not vectors of one length.

    See Also
    --------
    bucket_error : Takes it as `metric`, by bucket.

    Notes
    -----
    The GM of [1]_. It asks for all errors to be small in proportion, so that a rare
    large error costs little: read it beside "rmse" or "p90", never alone.

    References
    ----------
    .. [1] Y. Yang et al., "Delving into Deep Imbalanced Regression", ICML 2021.
           https://arxiv.org/abs/2102.09554

    Examples
    --------
    >>> from skrobust import bucket_error, geometric_mean_error
    >>> print(f"{geometric_mean_error([0, 0, 50, 50], [1, 4, 50, 50], eps=0.25):.2f}")
    0.71

    By bucket, with one `eps` for all of them:

    >>> from functools import partial
    >>> metric = partial(geometric_mean_error, eps=0.25)
    >>> bucket_error(
    ...     [0, 0, 50, 50], [1, 4, 50, 50], buckets=[40], metric=metric, average=None
    ... ).round(12)
    array([2.  , 0.25])
    """
    rows = check_rows(y_true, y_pred, sample_weight, period)
    if eps is None:
        least = LEAST * _standard_deviation(rows)
        if least == 0:
            raise ValueError(
                "eps=None is a thousandth of the standard deviation of y_true, whose "
                f"targets are all equal; got eps={eps}. Give eps, the error that is as "
                "good as none, in the units of the target."
            )
    else:
        least = check_positive("eps", eps, "the error that is as good as none")
    return float(np.exp(rows.mean(lambda e, _: np.log(np.maximum(np.abs(e), least)))))


def target_conditioned_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    threshold: float,
    delta: float = 1.0,
    smoothing: float = 0.0,
    sample_weight: ArrayLike | None = None,
    period: float | None = None,
) -> float:
    """Return the mean error that is absolute for near targets, squared for far ones.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True targets. They, not the errors, decide how an error counts.
    y_pred : array-like of shape (n_samples,)
        Predicted targets.
    threshold : float
        The ``abs(y_true)`` from which an error counts squared, positive and finite, in
        the units of the target.
    delta : float, default=1.0
        Error at which both count the same, positive, in the units of the target.
    smoothing : float, default=0.0
        How far below and above `threshold` one kind goes over into the other, in the
        units of the target, from 0 to `threshold`. 0 is a jump.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each sample, not negative, not all zero: k means the row k times.
    period : float, default=None
        The full turn, where the target is an angle that starts again, as in
        `bucket_error`.

    Returns
    -------
    error : float
        The mean of ``abs(e)`` where ``abs(y_true) < threshold`` and of ``e**2 / delta``
        elsewhere, in the units of the target.

    Raises
    ------
    ValueError
        If a parameter or a weight is outside its domain; if targets are empty, hold
        NaN or infinity, or are not vectors of one length.

    See Also
    --------
    TargetConditioned : A loss of this kind, to fit by.

    Notes
    -----
    It is not the reversed Huber loss, which switches on the error. What minimises it
    is neither mean nor median: given X, where near and far targets are both possible,
    it leans outwards.

    With `smoothing` h, the squared part has the share ``t**2 * (3 - 2 * t)``, with
    ``t = (abs(y_true) - threshold + h) / (2 * h)`` clipped to [0, 1]. The `smoothing`
    of TargetConditioned is the whole width, 2 h.

    Examples
    --------
    >>> from skrobust import target_conditioned_error
    >>> target_conditioned_error([5, 40], [15, 50], threshold=20)
    55.0
    >>> target_conditioned_error([5, 40], [15, 50], threshold=20, delta=10)
    10.0
    """
    near = check_positive("threshold", threshold, "the target that counts as far")
    unit = check_positive("delta", delta, "the error at which both count the same")
    half = _check_smoothing(smoothing, near)
    rows = check_rows(y_true, y_pred, sample_weight, period)

    def loss(e: Float, block: slice) -> Float:
        size = np.abs(rows.y_true[block])
        if half:
            t = np.clip((size.astype(float) - near) / (2 * half) + 0.5, 0, 1)
            far = t * t * (3 - 2 * t)
        else:
            far = (size >= near).astype(float)
        a = np.abs(e)
        ratio = np.divide(a, unit, where=far > 0, out=np.ones_like(a))
        return a * (1 - far + far * ratio)

    return rows.mean(loss)


def _phi(relevance: Any, rows: Rows) -> Callable[[slice], Float]:
    """Return what gives the relevance of some rows."""
    method = getattr(relevance, "relevance", None)
    if callable(method):
        return lambda block: _checked_phi(method(rows.y_true[block]))
    if relevance is None or isinstance(relevance, str) or callable(relevance):
        raise ValueError(
            "relevance must be a fitted RelevanceWeighter or hold one number a row; "
            f"got {relevance!r}. Give RelevanceWeighter().fit(y_train), or the numbers "
            "that a function makes of y_true."
        )
    phi = check_array(
        relevance, ensure_2d=False, dtype=np.float64, input_name="relevance"
    )
    if phi.shape != (len(rows),):
        raise ValueError(
            "relevance must be a fitted RelevanceWeighter or hold one number a row; "
            f"got shape {phi.shape} for {len(rows)} rows. In cross-validation give the "
            "RelevanceWeighter: a fold holds other rows."
        )
    _checked_phi(phi)
    return lambda block: phi[block]


def _checked_phi(phi: Float) -> Float:
    """Return the relevance, which must be in [0, 1]."""
    if not (phi.min() >= 0 and phi.max() <= 1):
        raise ValueError(
            f"relevance must be in [0, 1]; got values from {phi.min()} to {phi.max()}. "
            "Divide by the largest, or use a RelevanceWeighter."
        )
    return phi


def _weighted_squares(rows: Rows) -> Float:
    """Return the squared error of each row, in weights times `unit`."""
    squares, s = rows.take(slice(None))
    np.square(squares, out=squares)
    if s is not None:
        squares *= s
    return squares


def _relevance_total(rows: Rows, phi: Callable[[slice], Float]) -> float:
    """Return the total of the relevance, NaN with a warning where there is none."""
    total = rows.total(lambda e, block: phi(block))
    if total > 0:
        return total
    warnings.warn(
        "No row has any relevance, so an error per relevance is undefined and NaN. "
        "Split by BucketKFold, so that every fold has relevant rows, or pass "
        "normalize=False.",
        UndefinedMetricWarning,
        stacklevel=3,
    )
    return np.nan


def _standard_deviation(rows: Rows) -> float:
    """Return the standard deviation of the true targets, on the circle if asked."""
    y, s, period = rows.y_true, rows.weight, rows.period
    mean = np.broadcast_to(center(y, s, period), y.shape)
    return Rows(y, mean, s, period).root_mean_square()


def _check_smoothing(smoothing: Any, threshold: float) -> float:
    """Return the smoothing as a float, from 0 to the threshold."""
    number = isinstance(smoothing, Real) and not isinstance(smoothing, bool)
    if not number or not 0 <= float(smoothing) <= threshold:
        raise ValueError(
            f"smoothing must be at least 0 and at most threshold={threshold}, or no "
            f"target is near; got {smoothing!r}. Lower smoothing."
        )
    return float(smoothing)


def _check_bool(name: str, value: Any) -> None:
    """Raise unless the value of a parameter is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be True or False; got {value!r}.")
