"""From the errors of rows to errors by bucket, and from these to one number."""

from collections.abc import Callable, Sequence
from inspect import Parameter, signature
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from skrobust._errors import SLACK, ErrorsByBucket, check_rows
from skrobust.buckets import TargetBuckets, as_buckets, name_buckets

__all__ = ["Float", "Metric", "Summary", "by_bucket", "error_by_bucket"]

Float = NDArray[np.float64]
Metric = str | Callable[..., float]

METRICS = ("mae", "mse", "rmse", "medae", "bias")
AVERAGES = ("macro", "worst", None)
EMPTY = ("ignore", "nan", "raise")


class Summary:
    """How to get from errors by bucket to what is asked for.

    It checks the options, and is called with errors and their buckets.
    """

    def __init__(
        self,
        metric: Metric = "mae",
        average: str | ArrayLike | None = "macro",
        empty: str = "ignore",
        min_count: float | None = None,
    ) -> None:
        if not callable(metric):
            check_option("metric", metric, METRICS, " Or give a callable.")
        if isinstance(average, str) or np.ndim(average) == 0:  # type: ignore[arg-type]
            remedy = " Or give how much each bucket counts."
            check_option("average", average, AVERAGES, remedy)
        check_option("empty", empty, EMPTY)
        _check_min_count(min_count, isinstance(average, str) and average == "worst")
        self.metric = metric
        self.average = average
        self.empty = empty
        self.min_count = min_count

    def __call__(self, errors: ErrorsByBucket, buckets: TargetBuckets) -> Any:
        """Return the error in every bucket, or one number over them."""
        self.check_empty(errors, buckets)
        error = error_by_bucket(errors, self.metric)
        return self.over_buckets(error, errors.counts)

    def check_empty(
        self, errors: ErrorsByBucket, buckets: TargetBuckets
    ) -> NDArray[np.bool_]:
        """Return which buckets hold no row, or raise for them if asked."""
        missing = self.missing(errors.counts)
        if self.empty == "raise" and missing.any():
            names = name_buckets(buckets.labels_, np.flatnonzero(missing))
            raise ValueError(
                f'Buckets {names} hold no row, and empty="raise". Take wider buckets, '
                "stratify the split (BucketKFold), or choose another empty."
            )
        return missing

    def over_buckets(self, error: Float, counts: Float) -> Any:
        """Return one number over the buckets, or the errors themselves if asked."""
        if self.average is None:
            return error
        if self.empty == "nan" and self.missing(counts).any():
            return np.nan
        share = self.shares(len(error)) * (counts > 0)
        kept = (share > 0) & self._enough(counts)
        if not kept.any():
            raise ValueError(self._nothing_left(counts))
        error, share = error[kept], share[kept]
        if isinstance(self.average, str) and self.average == "worst":
            return float(error[np.argmax(np.abs(error))])
        share = np.ldexp(share, -np.frexp(share.max())[1])  # whose sum is finite
        if isinstance(self.metric, str) and self.metric == "rmse":
            unit = error.max() or 1.0
            return float(unit * np.sqrt(share @ (error / unit) ** 2 / share.sum()))
        return float(share @ error / share.sum())

    def missing(self, counts: Float) -> NDArray[np.bool_]:
        """Return which buckets hold no row, of those that count."""
        missing: NDArray[np.bool_] = (counts == 0) & (self.shares(len(counts)) > 0)
        return missing

    def _enough(self, counts: Float) -> NDArray[np.bool_]:
        """Return which buckets may be the worst, by the rows that they hold."""
        least = 0.0 if self.min_count is None else self.min_count
        enough: NDArray[np.bool_] = counts >= least * (1 - SLACK)
        return enough

    def shares(self, n_buckets: int) -> Float:
        """Return how much each bucket counts."""
        if self.average is None or isinstance(self.average, str):
            return np.ones(n_buckets)
        try:
            share = np.asarray(self.average, dtype=np.float64)
        except (TypeError, ValueError):
            share = np.empty(0)
        good = share.shape == (n_buckets,) and np.isfinite(share).all()
        if not good or (share < 0).any() or not share.any():
            raise ValueError(
                f"average must be one of {list(AVERAGES)}, or hold how much each of "
                f"the {n_buckets} buckets counts: finite, not negative, not all zero; "
                f"got {self.average!r}. Give one number a bucket, as in labels_."
            )
        return share

    def _nothing_left(self, counts: Float) -> str:
        """Return what to say where no bucket is left to average over."""
        if not self._enough(counts).any():
            return (
                f"No bucket holds min_count={self.min_count} rows; got at most "
                f"{counts.max():g}. Lower min_count, or take wider buckets."
            )
        return (
            f"average={self.average!r} counts only buckets without a row. Take wider "
            "buckets, or stratify the split (BucketKFold)."
        )


def by_bucket(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    buckets: int | ArrayLike | TargetBuckets,
    sample_weight: ArrayLike | None = None,
    period: float | None = None,
) -> tuple[ErrorsByBucket, TargetBuckets]:
    """Return the errors of all rows with their buckets, and these, fitted."""
    rows = check_rows(y_true, y_pred, sample_weight, period)
    used = as_buckets(buckets)
    if not used.is_fixed:
        used = clone(used).fit(rows.y_true, rows.weight)
    return ErrorsByBucket(rows, used.assign(rows.y_true), used.n_buckets_), used


def error_by_bucket(errors: ErrorsByBucket, metric: Metric) -> Float:
    """Return the error in every bucket, NaN where there is no row."""
    if isinstance(metric, str):
        return _ERRORS[metric](errors)
    return errors.apply(_OfOneBucket(metric, errors.rows.weight is not None))


class _OfOneBucket:
    """A metric of the user, given the weights that it takes, and its answer checked."""

    def __init__(self, metric: Callable[..., float], weighted: bool) -> None:
        self.metric = metric
        takes, needs = _takes_weights(metric)
        if weighted and not takes:
            raise ValueError(
                "sample_weight is given, so metric must take it; got "
                f"{metric!r}, which has no parameter sample_weight. Add one, or leave "
                "sample_weight out."
            )
        self.passes_weights = weighted or needs

    def __call__(self, y_true: Float, y_pred: Float, weights: Float | None) -> float:
        options = {"sample_weight": weights} if self.passes_weights else {}
        found = self.metric(y_true, y_pred, **options)
        if np.ndim(found) or not isinstance(np.asarray(found).item(), Real):
            raise ValueError(
                "metric must return one number for the rows of a bucket; got "
                f"{found!r} from {self.metric!r}. Return a float."
            )
        return float(found)


def _takes_weights(metric: Callable[..., float]) -> tuple[bool, bool]:
    """Return whether a callable takes `sample_weight`, and whether it has to get it."""
    try:
        parameters = signature(metric).parameters
    except ValueError:  # of a function in C that does not say
        return False, False
    named = parameters.get("sample_weight")
    if named is None:
        kinds = {p.kind for p in parameters.values()}
        return Parameter.VAR_KEYWORD in kinds, False
    return True, named.default is Parameter.empty


def check_option(name: str, value: Any, options: Sequence[Any], more: str = "") -> None:
    """Raise unless the value of a parameter is one of its options."""
    if not (value is None or isinstance(value, str)) or value not in options:
        raise ValueError(f"{name} must be one of {list(options)}; got {value!r}.{more}")


def _check_min_count(min_count: Any, is_worst: bool) -> None:
    """Raise unless `min_count` is None, or a count where it has a meaning."""
    if min_count is None:
        return
    number = isinstance(min_count, Real) and not isinstance(min_count, bool)
    if not number or not 0 < min_count < np.inf:
        raise ValueError(
            f"min_count must be a positive, finite number of rows; got {min_count!r}. "
            "None asks for nothing."
        )
    if not is_worst:
        raise ValueError(
            'min_count says which bucket may be the worst, so it needs average="worst";'
            f" got min_count={min_count!r}. Leave it out."
        )


_ERRORS: dict[str, Callable[[ErrorsByBucket], Float]] = {
    "mae": lambda errors: errors.absolute_mean,
    "mse": lambda errors: errors.mean(lambda e, spread: e**2),
    "rmse": lambda errors: errors.root_mean_square,
    "medae": lambda errors: errors.absolute_median(),
    "bias": lambda errors: errors.mean(lambda e, spread: e),
}
