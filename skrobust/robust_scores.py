"""Errors of predictions that outliers in the test rows do not decide.

Between robust models a mean of squares, and R² with it, chooses by the outliers: those
of a test fold are large whatever the model, and a model that gives way to them lowers
its score most.
"""

from numbers import Real

import numpy as np
from sklearn.utils.validation import check_array, check_consistent_length

from skrobust._sample_weight import check_weights
from skrobust._scale import SIGMA_PER_MAD, MScale, weighted_median
from skrobust.loss import bisquare
from skrobust.tuning import breakdown_constant

__all__ = ["m_scale_error", "tau_scale_error", "trimmed_mean_squared_error"]

BEND = 3.0  # medians-made-sigmas beyond which a squared error no longer grows
# E[min(z**2, 9)] of a standard normal z: 9 - 8 * P(|z| <= 3) - 6 * norm.pdf(3).
BENT_SQUARE = 0.9950072780344535


def trimmed_mean_squared_error(
    y_true,
    y_pred,
    *,
    trim=0.25,
    sample_weight=None,
    multioutput="uniform_average",
):
    """Return the mean of the squared errors without the largest ones.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True targets.
    y_pred : array-like of the shape of y_true
        Predicted targets.
    trim : float, default=0.25
        Share of the rows that are left out, those with the largest errors, at least 0
        and less than 1. It should be no less than the share of outliers.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each sample, not negative, not all zero: k means the row k times.
    multioutput : {"raw_values", "uniform_average"} or array-like of shape \
            (n_outputs,), default="uniform_average"
        Errors of several outputs: one each, their mean, or their mean with these
        weights. Each output leaves out rows of its own.

    Returns
    -------
    error : float or ndarray of shape (n_outputs,)
        The error, in squared units of the target.

    Raises
    ------
    ValueError
        If `trim` or a weight is outside its domain; if inputs are empty, hold NaN or
        infinity, or do not have the same shape.

    See Also
    --------
    m_scale_error, tau_scale_error : Limit large errors, and need no share.

    Notes
    -----
    A row at the edge counts in part, so that exactly the share `trim` of the weight is
    left out. Ronchetti, Field and Blanchard [1]_ choose robust models by such errors.

    References
    ----------
    .. [1] E. Ronchetti, C. Field, W. Blanchard, "Robust Linear Model Selection by
           Cross-Validation", JASA 92, 1997, 1017-1023.
           https://doi.org/10.1080/01621459.1997.10474057

    Examples
    --------
    >>> from skrobust import trimmed_mean_squared_error
    >>> y_true, y_pred = [1, 2, 3, 4, 500], [2, 2, 3, 4, 5]
    >>> trimmed_mean_squared_error(y_true, y_pred, trim=0.2)
    0.25

    As a score for a search:

    >>> from sklearn.metrics import make_scorer
    >>> scorer = make_scorer(trimmed_mean_squared_error, greater_is_better=False)
    """
    if not isinstance(trim, Real) or not 0 <= float(trim) < 1:
        raise ValueError(
            f"trim must be a share of at least 0 and less than 1. Got {trim!r}. Give "
            "the largest share of outliers to expect."
        )
    errors, weights = _errors(y_true, y_pred, sample_weight)
    with np.errstate(over="ignore"):  # of an outlier, which may be left out
        squares = np.square(errors)
    return _average([_lower_mean(e, weights, trim) for e in squares.T], multioutput)


def m_scale_error(y_true, y_pred, *, sample_weight=None, multioutput="uniform_average"):
    """Return the M-scale of the errors, which nearly half of them cannot spoil.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True targets.
    y_pred : array-like of the shape of y_true
        Predicted targets.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each sample, not negative, not all zero: k means the row k times.
    multioutput : {"raw_values", "uniform_average"} or array-like of shape \
            (n_outputs,), default="uniform_average"
        Errors of several outputs: one each, their mean, or their mean with these
        weights.

    Returns
    -------
    error : float or ndarray of shape (n_outputs,)
        The error, in units of the target: of normal errors around 0 the standard
        deviation. 0 if half of the predictions or more are exact.

    Raises
    ------
    ValueError
        If a weight is outside its domain; if inputs are empty, hold NaN or infinity, or
        do not have the same shape.

    See Also
    --------
    tau_scale_error : A little more precise, less robust.
    AdaptiveLossRegressorCV : Scores by this one unless told otherwise.

    Notes
    -----
    It is the ``s`` at which the mean of the bisquare loss of ``errors / s`` is half of
    its largest value: what an S-estimator minimises on the training rows [1]_. Errors
    are not centred, since a biased prediction is a poor one.

    References
    ----------
    .. [1] P. J. Rousseeuw, V. J. Yohai, "Robust Regression by Means of S-Estimators",
           Lecture Notes in Statistics 26, 1984, 256-272.
           https://doi.org/10.1007/978-1-4615-7821-5_15

    Examples
    --------
    >>> from skrobust import m_scale_error
    >>> m_scale_error([1, 2, 3, 4, 5, 600], [2, 1, 4, 3, 6, 7])
    1.63...
    """
    errors, weights = _errors(y_true, y_pred, sample_weight)
    total = len(errors) if weights is None else weights.sum()
    c = breakdown_constant("bisquare")
    scale = MScale(bisquare, c, total / 2, weights)
    columns = np.ascontiguousarray(errors.T)
    return _average([scale(column) for column in columns], multioutput)


def tau_scale_error(
    y_true, y_pred, *, sample_weight=None, multioutput="uniform_average"
):
    """Return the tau-scale of the errors, near their root mean square but for outliers.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True targets.
    y_pred : array-like of the shape of y_true
        Predicted targets.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each sample, not negative, not all zero: k means the row k times.
    multioutput : {"raw_values", "uniform_average"} or array-like of shape \
            (n_outputs,), default="uniform_average"
        Errors of several outputs: one each, their mean, or their mean with these
        weights.

    Returns
    -------
    error : float or ndarray of shape (n_outputs,)
        The error, in units of the target: of normal errors around 0 the standard
        deviation. 0 if more than half of the predictions are exact.

    Raises
    ------
    ValueError
        If a weight is outside its domain; if inputs are empty, hold NaN or infinity, or
        do not have the same shape.

    See Also
    --------
    m_scale_error : More robust, a little less precise.
    trimmed_mean_squared_error : Leaves out a given share of the rows.
    sklearn.metrics.median_absolute_error : As robust, but less precise.

    Notes
    -----
    With ``s = 1.4826 * median(abs(errors))`` it is the root of the mean of
    ``minimum(errors**2, (3 * s)**2)``, divided by what that is of standard normal
    errors: the tau-scale of Maronna and Zamar [1]_. Errors are not centred, since a
    biased prediction is a poor one. Nearly half of the rows may be outliers.

    References
    ----------
    .. [1] R. A. Maronna, R. H. Zamar, "Robust Estimates of Location and Dispersion for
           High-Dimensional Datasets", Technometrics 44, 2002, 307-317.
           https://doi.org/10.1198/004017002188618509

    Examples
    --------
    >>> from skrobust import tau_scale_error
    >>> tau_scale_error([1, 2, 3, 4, 5, 600], [2, 1, 4, 3, 6, 7])
    2.03...
    """
    errors, weights = _errors(y_true, y_pred, sample_weight)
    return _average([_tau_scale(e, weights) for e in np.abs(errors).T], multioutput)


def _errors(y_true, y_pred, sample_weight):
    """Return the errors as columns, and the weights of the rows, if any."""
    y_true, y_pred = (
        check_array(y, ensure_2d=False, dtype=np.float64, input_name=name)
        for name, y in (("y_true", y_true), ("y_pred", y_pred))
    )
    check_consistent_length(y_true, y_pred)
    y_true, y_pred = y_true.reshape(len(y_true), -1), y_pred.reshape(len(y_pred), -1)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            "y_true and y_pred must have as many outputs. Got "
            f"{y_true.shape[1]} and {y_pred.shape[1]}."
        )
    return y_pred - y_true, check_weights(sample_weight, len(y_true))


def _lower_mean(values, weights, trim):
    """Return the mean of the values without a share of them, the largest."""
    if weights is None:
        weights = np.ones_like(values)
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    kept = (1 - trim) * reached[-1]
    share = np.minimum(reached, kept) - np.minimum(reached - weights[order], kept)
    counted = share > 0  # an infinite square that does not count is not there
    return float(values[order][counted] @ share[counted] / share.sum())


def _tau_scale(sizes, weights):
    """Return the tau-scale of errors of given sizes."""
    if weights is None:
        weights = np.ones_like(sizes)
    s = SIGMA_PER_MAD * weighted_median(sizes, weights)
    if s == 0:
        return 0.0
    with np.errstate(over="ignore"):
        squares = np.square(np.minimum(sizes / s, BEND))
    return float(s * np.sqrt(squares @ weights / weights.sum() / BENT_SQUARE))


def _average(errors, multioutput):
    """Return the errors of the outputs, or one number over them."""
    if isinstance(multioutput, str):
        if multioutput == "raw_values":
            return np.array(errors)
        if multioutput != "uniform_average":
            raise ValueError(
                "multioutput must be 'raw_values', 'uniform_average' or a weight for "
                f"each output. Got {multioutput!r}."
            )
        return float(np.mean(errors))
    shares = np.asarray(multioutput, dtype=np.float64)
    if shares.shape != (len(errors),) or not (shares >= 0).all() or not shares.any():
        raise ValueError(
            "multioutput must hold a weight for each output, not negative and not all "
            f"zero. Got {multioutput!r} for {len(errors)} outputs."
        )
    return float(np.average(errors, weights=shares))
