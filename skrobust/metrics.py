"""The error by bucket of the true target.

A mean over all rows is a mean over the common ones. These functions take the error in
every bucket of ``y_true`` first, and then, if asked, one number over the buckets, each
of which counts the same however few rows it has. The error is
``y_pred - y_true``, so that a positive bias predicts too much.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skrobust._bucket_summary import (
    Metric,
    Summary,
    by_bucket,
    error_by_bucket,
)
from skrobust._errors import ErrorsByBucket, Rows, center
from skrobust.buckets import TargetBuckets

__all__ = ["balanced_r2", "bucket_error", "bucket_report", "shot_report"]


def bucket_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    buckets: int | ArrayLike | TargetBuckets,
    metric: Metric = "mae",
    average: str | ArrayLike | None = "macro",
    sample_weight: ArrayLike | None = None,
    empty: str = "ignore",
    min_count: float | None = None,
    period: float | None = None,
) -> Any:
    """Return the error by bucket of the true target, or one number over the buckets.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True targets. They alone decide the buckets.
    y_pred : array-like of shape (n_samples,)
        Predicted targets.
    buckets : int, array-like of shape (n_edges,) or TargetBuckets
        Number of equal-width buckets over the range of `y_true`, inner edges, or the
        buckets themselves. To compare errors on different rows give fixed ones:
        edges, width and limit, or a fitted TargetBuckets.
    metric : {"mae", "mse", "rmse", "medae", "bias"} or callable, default="mae"
        Error within a bucket: mean absolute, mean squared, its root, median absolute,
        or mean error. A callable gets the rows of one bucket, as ``metric(y_true,
        y_pred)``, and returns a number that is 0 for perfect predictions. Weights it
        gets as ``sample_weight=``, and must take if there are any; rows of weight 0
        are left out.
    average : {"macro", "worst"}, None or array-like of shape (n_buckets,), \
            default="macro"
        "macro": the mean over the buckets, each counting the same; for "rmse" the
        root of the macro "mse", not the mean of roots. "worst": the largest error;
        for "bias" and a callable the one farthest from 0, with its sign. None: one
        error per bucket. An array: the mean over buckets that count as it says, such
        as their share where the model will be used, or what an error costs there;
        not negative, not all zero, only ratios matter. For "rmse" the root of the
        mean of "mse".
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each sample within its bucket, not negative, not all zero.
    empty : {"ignore", "nan", "raise"}, default="ignore"
        What a bucket without a row does: "ignore" leaves it out of the average, which
        then is an average over other buckets than elsewhere; "nan" makes the average
        NaN; "raise" is an error. With ``average=None`` it is NaN unless "raise". A
        bucket that `average` counts as 0 does nothing.
    min_count : float, default=None
        Sum of weights, or count, that a bucket needs to be the "worst", so that one
        odd row cannot decide. Only for ``average="worst"``; None asks for nothing.
    period : float, default=None
        Where the target is an angle that starts again, the full turn in its units,
        positive: 360 for degrees. Errors are then those of the shorter way round,
        from ``-period / 2`` up to ``period / 2``: 359 and 1 are 2 apart. Buckets are
        those of `y_true` as it is written.

    Returns
    -------
    error : float or ndarray of shape (n_buckets,)
        The error, in the units of the target, squared for "mse".

    Raises
    ------
    ValueError
        If a parameter or a weight is outside its domain; if no bucket is left to
        average over, or one is empty and ``empty="raise"``; if weights are given and
        the callable does not take them; if targets are empty, hold NaN or infinity,
        or are not vectors of one length.

    See Also
    --------
    bucket_report : All of these errors by bucket, with counts.
    make_bucket_scorer : The same as a scorer for GridSearchCV.

    Notes
    -----
    With `n` the weighted count of each row's bucket, the macro MAE is
    ``mean_absolute_error(y_true, y_pred, sample_weight=sample_weight / n)``: the
    bMAE of [1]_ where the buckets are its bins.

    A callable gets predictions moved by whole periods, next to the true target.

    References
    ----------
    .. [1] J. Ren et al., "Balanced MSE for Imbalanced Visual Regression", CVPR 2022.
           https://arxiv.org/abs/2203.16427

    Examples
    --------
    >>> from skrobust import bucket_error
    >>> y_true, y_pred = [1, 2, 3, 4, 50], [1, 2, 3, 4, 40]
    >>> bucket_error(y_true, y_pred, buckets=[10, 40], average=None)
    array([ 0., nan, 10.])
    >>> bucket_error(y_true, y_pred, buckets=[10, 40])
    5.0

    Where an error of a wide angle costs three times as much:

    >>> bucket_error(y_true, y_pred, buckets=[10, 40], average=[1, 1, 3])
    7.5

    The share of errors beyond 5, and an angle on the circle:

    >>> def beyond(y_true, y_pred):
    ...     return np.mean(np.abs(y_pred - y_true) > 5)
    >>> import numpy as np
    >>> bucket_error(y_true, y_pred, buckets=[40], metric=beyond, average=None)
    array([0., 1.])
    >>> bucket_error([1, 359], [359, 358], buckets=[180], period=360)
    1.5
    """
    summary = Summary(metric, average, empty, min_count)
    errors, used = by_bucket(y_true, y_pred, buckets, sample_weight, period)
    return summary(errors, used)


def bucket_report(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    buckets: int | ArrayLike | TargetBuckets,
    sample_weight: ArrayLike | None = None,
    tolerance: float | None = None,
    period: float | None = None,
) -> Any:
    """Return a table of the errors by bucket of the true target.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True targets. They alone decide the buckets.
    y_pred : array-like of shape (n_samples,)
        Predicted targets.
    buckets : int, array-like of shape (n_edges,) or TargetBuckets
        The buckets, as in `bucket_error`.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each sample, not negative, not all zero: k means the row k times.
    tolerance : float, default=None
        Error that is good enough, not negative, in the units of the target. With it
        there is a column "within".
    period : float, default=None
        The full turn, where the target is an angle that starts again, as in
        `bucket_error`.

    Returns
    -------
    report : pandas.DataFrame
        A row per bucket, empty ones included, labelled as in
        ``TargetBuckets.labels_``. Its columns, all but the first two NaN in an empty
        bucket:

        - "n": the sum of weights, the count without weights;
        - "share": of the whole;
        - "mae": mean absolute error;
        - "se": standard error of "mae", ``std(abs(e), ddof=1) / sqrt(n)``, NaN for
          a single row;
        - "rmse": root mean squared error;
        - "medae", "p90": median, and 90 % quantile, of absolute errors;
        - "bias": mean error, positive where too much is predicted;
        - "outward": mean of the error times the sign of the true target, negative
          where predictions are drawn towards 0;
        - "within": share of the absolute errors that are at most `tolerance`.

    Raises
    ------
    ImportError
        Where pandas is not installed.
    ValueError
        If an argument is outside its domain, as in `bucket_error`.

    See Also
    --------
    bucket_error : One of these errors, or its average over buckets.
    shot_report : The same table by how many training rows a bucket had.

    Notes
    -----
    "se" and "p90" are those of rows repeated as often as they weigh, "p90" by linear
    interpolation as in :func:`numpy.quantile`. Weights that are smaller than 1 in the
    mean, rows of weight 0 aside, say only how rows compare: there, they are divided by
    their mean.

    Examples
    --------
    >>> from skrobust import bucket_report
    >>> y_true, y_pred = [1, 2, 3, 4, 50], [1, 2, 3, 6, 40]
    >>> report = bucket_report(y_true, y_pred, buckets=[10, 40], tolerance=1)
    >>> report[["n", "share", "mae", "se", "rmse", "within"]]
              n  share   mae   se  rmse  within
    bucket
    < 10      4    0.8   0.5  0.5   1.0    0.75
    [10, 40)  0    0.0   NaN  NaN   NaN     NaN
    >= 40     1    0.2  10.0  NaN  10.0    0.00
    >>> report[["medae", "p90", "bias", "outward"]]
              medae   p90  bias  outward
    bucket
    < 10        0.0   1.4   0.5      0.5
    [10, 40)    NaN   NaN   NaN      NaN
    >= 40      10.0  10.0 -10.0    -10.0
    """
    _check_tolerance(tolerance)
    pd = _pandas("bucket_report")
    errors, used = by_bucket(y_true, y_pred, buckets, sample_weight, period)
    index = pd.Index(used.labels_, name="bucket")
    return pd.DataFrame(_columns(errors, tolerance), index=index)


def shot_report(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    buckets: TargetBuckets,
    many: Any = 100,
    few: Any = 20,
    sample_weight: ArrayLike | None = None,
    tolerance: float | None = None,
    period: float | None = None,
) -> Any:
    """Return a table of the errors by how many training rows a target's bucket had.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True targets, of test rows.
    y_pred : array-like of shape (n_samples,)
        Predicted targets.
    buckets : TargetBuckets
        Buckets fitted to the training targets, whose counts decide.
    many : float, default=100
        A bucket has "many" training rows if it has more than this.
    few : float, default=20
        It has "few" if it has fewer than this, none among them; `few` is not negative
        and at most `many`. What is left is "medium".
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each sample, not negative, not all zero: k means the row k times.
    tolerance : float, default=None
        Error that is good enough, as in `bucket_report`.
    period : float, default=None
        The full turn, where the target is an angle that starts again, as in
        `bucket_error`.

    Returns
    -------
    report : pandas.DataFrame
        Rows "many", "medium" and "few", with the columns of `bucket_report`.

    Raises
    ------
    ImportError
        Where pandas is not installed.
    ValueError
        If `buckets` have not counted training targets, `few` and `many` do not fit,
        or an argument is outside its domain, as in `bucket_report`.

    See Also
    --------
    bucket_report : A row per bucket.

    Notes
    -----
    The thresholds are those of [1]_, whose buckets are one year of age wide. In each
    of the three, rows count the same, not buckets.

    References
    ----------
    .. [1] Y. Yang et al., "Delving into Deep Imbalanced Regression", ICML 2021.
           https://arxiv.org/abs/2102.09554

    Examples
    --------
    >>> import numpy as np
    >>> from skrobust import TargetBuckets, shot_report
    >>> y_train = np.repeat([5, 15, 25], [200, 50, 3])
    >>> buckets = TargetBuckets(edges=[10, 20]).fit(y_train)
    >>> report = shot_report([4, 6, 12, 27], [4, 7, 10, 20], buckets=buckets)
    >>> report[["n", "mae"]]
            n  mae
    shot
    many    2  0.5
    medium  1  2.0
    few     1  7.0
    """
    _check_tolerance(tolerance)
    numbers = isinstance(many, Real) and isinstance(few, Real)
    if not numbers or not 0 <= float(few) <= float(many):
        raise ValueError(
            "few and many are counts of training rows, 0 <= few <= many; got "
            f"few={few!r}, many={many!r}. Those of the literature are 20 and 100."
        )
    counts = getattr(buckets, "counts_", None)
    if not isinstance(buckets, TargetBuckets) or counts is None:
        raise ValueError(
            "buckets must be a TargetBuckets fitted to the training targets, whose "
            f"counts decide; got {buckets!r}. Call its fit(y_train) first."
        )
    pd = _pandas("shot_report")
    errors, _ = by_bucket(y_true, y_pred, buckets, sample_weight, period)
    shot = np.where(counts > many, 0, np.where(counts < few, 2, 1))
    by_shot = ErrorsByBucket(errors.rows, shot[errors.bucket], 3)
    index = pd.Index(["many", "medium", "few"], name="shot")
    return pd.DataFrame(_columns(by_shot, tolerance), index=index)


def balanced_r2(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    buckets: int | ArrayLike | TargetBuckets,
    sample_weight: ArrayLike | None = None,
    empty: str = "ignore",
    period: float | None = None,
) -> float:
    """Return R² where every bucket of the true target counts the same.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True targets. They alone decide the buckets.
    y_pred : array-like of shape (n_samples,)
        Predicted targets.
    buckets : int, array-like of shape (n_edges,) or TargetBuckets
        The buckets, as in `bucket_error`.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each sample within its bucket, not negative, not all zero.
    empty : {"ignore", "nan", "raise"}, default="ignore"
        What a bucket without a row does, as in `bucket_error`.
    period : float, default=None
        The full turn, where the target is an angle that starts again, as in
        `bucket_error`.

    Returns
    -------
    score : float
        At most 1, for perfect predictions. 0 is as good as the best constant, the
        mean over the buckets of the mean within each. As in scikit-learn, where all
        true targets are equal it is 1 if they are met and 0 if not.

    Raises
    ------
    ValueError
        If an argument is outside its domain, as in `bucket_error`.

    See Also
    --------
    bucket_error : The macro "mse" that it is made of.
    sklearn.metrics.r2_score : Where every row counts the same.

    Notes
    -----
    ``1 - a / b`` with a the macro MSE of `y_pred` and b that of the constant. On a
    circle the constant is the point of the least macro MSE.

    Examples
    --------
    >>> from sklearn.metrics import r2_score
    >>> from skrobust import balanced_r2
    >>> y_true, y_pred = [0, 2, 0, 2, 50], [0, 2, 0, 2, 11]
    >>> print(f"{r2_score(y_true, y_pred):.2f}")
    0.21
    >>> print(f"{balanced_r2(y_true, y_pred, buckets=[10]):.2f}")
    -0.27
    """
    summary = Summary("rmse", "macro", empty)
    errors, used = by_bucket(y_true, y_pred, buckets, sample_weight, period)
    error, rows = summary(errors, used), errors.rows
    n = errors.counts
    level = np.divide(n[n > 0].min(), n, where=n > 0, out=np.zeros(len(n)))
    level = level[errors.bucket]
    share = level if rows.weight is None else level * rows.weight
    constant = np.broadcast_to(center(rows.y_true, share, rows.period), len(rows))
    about = Rows(rows.y_true, constant, rows.weight, rows.period)
    around = ErrorsByBucket(about, errors.bucket, errors.n_buckets)
    spread = Summary("rmse", "macro", "ignore")(around, used)
    if spread == 0:
        return float(error == 0)
    return 1 - float(error / spread) ** 2


def _check_tolerance(tolerance: Any) -> None:
    """Raise unless `tolerance` is None or an error that could be."""
    number = isinstance(tolerance, Real) and not isinstance(tolerance, bool)
    if tolerance is not None and not (number and 0 <= float(tolerance) < np.inf):
        raise ValueError(
            "tolerance must be a finite error, not negative, in the units of the "
            f"target; got {tolerance!r}. None leaves the column out."
        )


def _pandas(function: str) -> Any:
    """Return pandas, or say what needs it."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            f"{function} gives a DataFrame and needs pandas, which is not installed. "
            "Run 'pip install pandas', or take bucket_error(..., average=None)."
        ) from error
    return pandas


def _columns(errors: ErrorsByBucket, tolerance: float | None) -> dict[str, Any]:
    """Return the columns of a report."""
    counts = errors.counts
    columns = {
        "n": counts,
        "share": counts / counts.sum(),
        "mae": errors.absolute_mean,
        "se": errors.standard_error,
        "rmse": errors.root_mean_square,
        "medae": errors.absolute_median(),
        "p90": errors.absolute_quantile(0.9),
        "bias": error_by_bucket(errors, "bias"),
        "outward": errors.mean_by_sign(),
    }
    if tolerance is not None:
        columns["within"] = errors.mean(lambda e, spread: np.abs(e) <= tolerance)
    return columns
