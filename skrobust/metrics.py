"""The error by bucket of the true target.

A mean over all rows is a mean over the common ones. These functions take the error in
every bucket of ``y_true`` first, and then, if asked, one number over the buckets, each
of which counts the same however few rows it has. The error is
``y_pred - y_true``, so that a positive bias predicts too much.
"""

import warnings
from copy import deepcopy
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils.metadata_routing import MetadataRequest
from sklearn.utils.validation import check_consistent_length

from skrobust._sample_weight import check_weights
from skrobust.buckets import as_buckets, check_target, name_buckets

__all__ = ["bucket_error", "bucket_report", "make_bucket_scorer"]

METRICS = ("mae", "mse", "rmse", "medae", "bias")
AVERAGES = ("macro", "worst", None)
EMPTY = ("ignore", "nan", "raise")


def bucket_error(
    y_true,
    y_pred,
    *,
    buckets,
    metric="mae",
    average="macro",
    sample_weight=None,
    empty="ignore",
):
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
    metric : {"mae", "mse", "rmse", "medae", "bias"}, default="mae"
        Error within a bucket: mean absolute, mean squared, its root, median absolute,
        or mean error.
    average : {"macro", "worst"} or None, default="macro"
        "macro": the mean over the buckets, each counting the same; for "rmse" the
        root of the macro "mse", not the mean of roots. "worst": the largest error;
        for "bias" the one farthest from 0, with its sign. None: one error per bucket.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each sample within its bucket, not negative, not all zero.
    empty : {"ignore", "nan", "raise"}, default="ignore"
        What a bucket without a row does: "ignore" leaves it out of the average, which
        then is an average over other buckets than elsewhere; "nan" makes the average
        NaN; "raise" is an error. With ``average=None`` it is NaN unless "raise".

    Returns
    -------
    error : float or ndarray of shape (n_buckets,)
        The error, in the units of the target, squared for "mse".

    See Also
    --------
    bucket_report : All of these errors by bucket, with counts.
    make_bucket_scorer : The same as a scorer for GridSearchCV.

    Notes
    -----
    The macro MAE is ``mean_absolute_error(y_true, y_pred, sample_weight=1 / n)`` with
    `n` the count of each row's bucket [1]_.

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
    """
    _check_option("metric", metric, METRICS)
    _check_option("average", average, AVERAGES)
    _check_option("empty", empty, EMPTY)
    rows, buckets = _rows_by_bucket(y_true, y_pred, buckets, sample_weight)
    return _summary(rows, buckets, metric, average, empty)


def bucket_report(y_true, y_pred, *, buckets, sample_weight=None):
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
        Weight of each sample, not negative, not all zero.

    Returns
    -------
    report : pandas.DataFrame
        A row per bucket, empty ones included, labelled as in
        ``TargetBuckets.labels_``. Columns: "n", the sum of weights (the count without
        weights); "share" of the whole; "mae", "rmse", "medae" and "bias", as in
        `bucket_error`, NaN in an empty bucket.

    Raises
    ------
    ImportError
        Where pandas is not installed.

    See Also
    --------
    bucket_error : One of these errors, or its average over buckets.

    Examples
    --------
    >>> from skrobust import bucket_report
    >>> bucket_report([1, 2, 3, 4, 50], [1, 2, 3, 6, 40], buckets=[10, 40])
              n  share   mae  rmse  medae  bias
    bucket
    < 10      4    0.8   0.5   1.0    0.0   0.5
    [10, 40)  0    0.0   NaN   NaN    NaN   NaN
    >= 40     1    0.2  10.0  10.0   10.0 -10.0
    """
    pd = _pandas()
    rows, buckets = _rows_by_bucket(y_true, y_pred, buckets, sample_weight)
    columns = {"n": rows.counts, "share": rows.counts / rows.counts.sum()}
    for metric in ("mae", "rmse", "medae", "bias"):
        columns[metric] = _ERRORS[metric](*rows)
    return pd.DataFrame(columns, index=pd.Index(buckets.labels_, name="bucket"))


def make_bucket_scorer(metric="mae", *, buckets, average="macro", empty="ignore"):
    """Return a scorer that is minus the error by bucket, so that greater is better.

    Parameters
    ----------
    metric : {"mae", "mse", "rmse", "medae", "bias"}, default="mae"
        Error within a bucket, as in `bucket_error`. The score is minus its magnitude.
    buckets : array-like of shape (n_edges,) or TargetBuckets
        Fixed buckets: inner edges, width and limit, or a fitted TargetBuckets. A
        score must not derive them from the rows that it is given, or every fold
        would mean something else.
    average : {"macro", "worst"}, default="macro"
        One number over the buckets, as in `bucket_error`.
    empty : {"ignore", "nan", "raise"}, default="ignore"
        What a bucket without a row does, as in `bucket_error`. "ignore" also warns:
        the score of a fold without its rare rows looks better than that of others.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y, sample_weight=None)``, for ``scoring=`` anywhere in
        scikit-learn. With metadata routing enabled,
        ``scorer.set_score_request(sample_weight=True)`` asks for weights.

    See Also
    --------
    bucket_error : The error itself.
    BucketKFold : Folds in which every bucket has its share.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> from skrobust import make_bucket_scorer
    >>> scorer = make_bucket_scorer("mae", buckets=[40])
    >>> X, y = [[0], [0], [0], [0]], [0, 0, 0, 60]
    >>> scorer(DummyRegressor().fit(X, y), X, y)
    -30.0
    """
    _check_option("metric", metric, METRICS)
    _check_option("average", average, AVERAGES[:-1])
    _check_option("empty", empty, EMPTY)
    fixed = as_buckets(buckets)
    if not fixed.is_fixed:
        raise ValueError(
            "The buckets of a scorer must be fixed, or every fold would be scored by "
            f"its own; got {buckets!r}, which follow the data. Give inner edges, "
            "TargetBuckets(width=..., limit=...), or fit them first: "
            "TargetBuckets(n_buckets=...).fit(y)."
        )
    return _BucketScorer(metric, deepcopy(fixed), average, empty)


class _BucketScorer:
    """Minus the magnitude of an error by bucket, as a picklable callable."""

    def __init__(self, metric, buckets, average, empty):
        self.metric = metric
        self.buckets = buckets
        self.average = average
        self.empty = empty
        self._request = MetadataRequest(owner="make_bucket_scorer(...)")
        self.set_score_request(sample_weight=None)

    def __call__(self, estimator, X, y, sample_weight=None):
        """Return the score of the estimator's predictions for `X`."""
        y_pred = estimator.predict(X)
        rows, buckets = _rows_by_bucket(y, y_pred, self.buckets, sample_weight)
        if self.empty == "ignore" and not rows.counts.all():
            warnings.warn(
                f"Buckets {_empty_buckets(rows, buckets)} hold no row and are left out "
                "of the score, so that it cannot be compared with that of a fold where "
                "they do. Take wider buckets, split by BucketKFold, or pass "
                'empty="raise" or "nan".',
                UserWarning,
                stacklevel=2,
            )
        return -abs(_summary(rows, buckets, self.metric, self.average, self.empty))

    def __repr__(self):
        return (
            f"make_bucket_scorer({self.metric!r}, buckets={self.buckets!r}, "
            f"average={self.average!r}, empty={self.empty!r})"
        )

    def set_score_request(self, *, sample_weight):
        """Ask metadata routing for `sample_weight`: True, False, None or an alias."""
        self._request.score.add_request(param="sample_weight", alias=sample_weight)
        return self

    def get_metadata_routing(self):
        """Return what the scorer asks of metadata routing."""
        return self._request

    def _accept_sample_weight(self):
        # scikit-learn asks scorers in a dict so while metadata routing is off.
        return True


def _check_option(name, value, options):
    """Raise unless the value of a parameter is one of its options."""
    if not (value is None or isinstance(value, str)) or value not in options:
        raise ValueError(f"{name} must be one of {list(options)}; got {value!r}.")


def _pandas():
    """Return pandas, or say what needs it."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "bucket_report gives a DataFrame and needs pandas, which is not installed. "
            "Run 'pip install pandas', or take bucket_error(..., average=None)."
        ) from error
    return pandas


class _Rows(NamedTuple):
    """Rows to average by bucket, and the weight that every bucket holds."""

    error: np.ndarray
    bucket: np.ndarray
    weight: np.ndarray | None
    counts: np.ndarray


def _rows_by_bucket(y_true, y_pred, buckets, sample_weight):
    """Return the errors of all rows, and the fitted buckets."""
    y_true, y_pred = check_target(y_true, "y_true"), check_target(y_pred, "y_pred")
    check_consistent_length(y_true, y_pred)
    s = check_weights(sample_weight, len(y_true))
    buckets = as_buckets(buckets)
    if not buckets.is_fixed:
        buckets = clone(buckets).fit(y_true, s)
    e, assigned = np.subtract(y_pred, y_true, dtype=float), buckets.assign(y_true)
    counts = np.bincount(assigned, s, minlength=buckets.n_buckets_)
    return _Rows(e, assigned, s, counts), buckets


def _empty_buckets(rows, buckets):
    """Return the names of the buckets without a row."""
    return name_buckets(buckets.labels_, np.flatnonzero(rows.counts == 0))


def _summary(rows, buckets, metric, average, empty):
    """Return the error in every bucket, or one number over them."""
    if empty == "raise" and not rows.counts.all():
        raise ValueError(
            f"Buckets {_empty_buckets(rows, buckets)} hold no row, and "
            'empty="raise". Take wider buckets, stratify the split (BucketKFold), or '
            "choose another empty."
        )
    error = _ERRORS[metric](*rows)
    if average is None:
        return error
    if empty == "nan" and not rows.counts.all():
        return np.nan
    error = error[rows.counts > 0]
    if average == "worst":
        return float(error[np.argmax(np.abs(error))])
    if metric == "rmse":
        one = np.zeros(len(error), int)
        return float(_root_mean_square(error, one, None, np.array([len(error)]))[0])
    return float(error.mean())


def _mean(e, assigned, s, counts):
    """Return the weighted mean error in every bucket, NaN where there is no row."""
    total = np.bincount(assigned, e if s is None else s * e, minlength=len(counts))
    return np.divide(total, counts, where=counts > 0, out=np.full(len(counts), np.nan))


def _median(e, assigned, s, counts):
    """Return the weighted median error in every bucket, NaN where there is no row.

    Half the weight lies on either side; where a stretch does that, its middle.
    """
    order = np.lexsort((e, assigned))
    e, s = e[order], np.ones(len(e)) if s is None else s[order]
    ends = np.cumsum(np.bincount(assigned, minlength=len(counts)))
    median = np.full(len(counts), np.nan)
    for b in np.flatnonzero(counts):
        rows = slice(ends[b - 1] if b else 0, ends[b])
        below = np.cumsum(s[rows])
        # What meets half the weight up to rounding meets it.
        half = below[-1] / 2 * np.array([1 - 1e-12, 1 + 1e-12])
        low, high = np.searchsorted(below, half)
        median[b] = (e[rows][low] + e[rows][min(high, len(below) - 1)]) / 2
    return median


def _root_mean_square(e, assigned, s, counts):
    """Return the root mean squared error in every bucket, NaN where there is no row."""
    if s is not None:
        e = np.where(s > 0, e, 0)
    largest = np.zeros(len(counts))
    np.maximum.at(largest, assigned, np.abs(e))
    # In units of a power of 2 near the largest, no square overflows or vanishes.
    unit = np.frexp(largest)[1] - 1
    mean = _mean(np.ldexp(e, -unit[assigned]) ** 2, assigned, s, counts)
    return np.ldexp(np.sqrt(mean), unit)


_ERRORS = {
    "mae": lambda e, *rows: _mean(np.abs(e), *rows),
    "mse": lambda e, *rows: _mean(e**2, *rows),
    "rmse": _root_mean_square,
    "medae": lambda e, *rows: _median(np.abs(e), *rows),
    "bias": _mean,
}
