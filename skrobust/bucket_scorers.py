"""Scorers made of the error by bucket, for searches and cross-validation."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.metadata_routing import MetadataRequest

from skrobust._bucket_summary import (
    Metric,
    Summary,
    by_bucket,
    check_option,
    error_by_bucket,
)
from skrobust._errors import ErrorsByBucket, check_period
from skrobust.buckets import TargetBuckets, as_buckets, name_buckets

__all__ = ["make_bucket_multi_scorer", "make_bucket_scorer"]


def make_bucket_scorer(
    metric: Metric = "mae",
    *,
    buckets: ArrayLike | TargetBuckets,
    average: str | ArrayLike | None = "macro",
    empty: str = "ignore",
    min_count: float | None = None,
    period: float | None = None,
) -> BucketScorer:
    """Return a scorer that is minus the error by bucket, so that greater is better.

    Parameters
    ----------
    metric : {"mae", "mse", "rmse", "medae", "bias"} or callable, default="mae"
        Error within a bucket, as in `bucket_error`, 0 for perfect predictions. The
        score is minus its magnitude. A callable must be one that pickles if the
        search runs in several processes.
    buckets : array-like of shape (n_edges,) or TargetBuckets
        Fixed buckets: inner edges, width and limit, or a fitted TargetBuckets. A
        score must not derive them from the rows that it is given, or every fold
        would mean something else.
    average : {"macro", "worst"} or array-like of shape (n_buckets,), default="macro"
        One number over the buckets, as in `bucket_error`; an array says how much
        each bucket counts.
    empty : {"ignore", "nan", "raise"}, default="ignore"
        What a bucket without a row does, as in `bucket_error`. "ignore" also warns,
        once of a bucket: the score of a fold without its rare rows looks better than
        that of others. "raise" needs ``error_score="raise"`` too, or scikit-learn
        scores such a fold NaN.
    min_count : float, default=None
        Rows that a bucket needs to be the "worst", as in `bucket_error`.
    period : float, default=None
        The full turn, where the target is an angle that starts again, as in
        `bucket_error`.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y, sample_weight=None)``, for ``scoring=`` anywhere in
        scikit-learn. With metadata routing enabled,
        ``scorer.set_score_request(sample_weight=True)`` asks for weights.

    Raises
    ------
    ValueError
        If the buckets are not fixed, or another argument is outside its domain.

    See Also
    --------
    bucket_error : The error itself.
    make_bucket_multi_scorer : Several scores, and those of each bucket, at once.
    BucketKFold : Folds in which every bucket has its share.

    Notes
    -----
    Scores are unweighted unless asked: weights that a TargetWeightedRegressor makes
    never reach them. A `sample_weight` given to the ``fit`` of a search does, from
    scikit-learn 1.7 on, as it reaches every scorer that takes weights.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> from skrobust import make_bucket_scorer
    >>> scorer = make_bucket_scorer("mae", buckets=[40])
    >>> X, y = [[0], [0], [0], [0]], [0, 0, 0, 60]
    >>> scorer(DummyRegressor().fit(X, y), X, y)
    -30.0
    """
    if average is None:
        raise ValueError(
            "average must be one of ['macro', 'worst'], or hold how much each bucket "
            "counts, as a score is one number; got None. For a score of each bucket "
            "take make_bucket_multi_scorer."
        )
    summary = Summary(metric, deepcopy(average), empty, min_count)
    return BucketScorer(_fixed(buckets), summary, check_period(period))


def make_bucket_multi_scorer(
    *,
    buckets: ArrayLike | TargetBuckets,
    metrics: Sequence[Metric] | Mapping[str, Metric] = ("mae",),
    averages: Sequence[str | None] = ("macro", "worst", "mean", None),
    empty: str = "ignore",
    min_count: float | None = None,
    period: float | None = None,
) -> BucketMultiScorer:
    """Return a scorer that gives several errors by bucket from one prediction.

    Parameters
    ----------
    buckets : array-like of shape (n_edges,) or TargetBuckets
        Fixed buckets, as in `make_bucket_scorer`.
    metrics : sequence of {"mae", "mse", "rmse", "medae", "bias"} or callable, or \
            mapping from a name to one, default=("mae",)
        Errors within a bucket, as in `bucket_error`. A callable goes by its
        ``__name__``, or by the name that a mapping gives it.
    averages : sequence of {"macro", "worst", "mean", None}, \
            default=("macro", "worst", "mean", None)
        Which numbers to give of each: "macro" and "worst" over the buckets, as in
        `bucket_error`; "mean" over all rows, as if there were no buckets; None one
        for each bucket.
    empty : {"ignore", "nan", "raise"}, default="ignore"
        What a bucket without a row does, as in `make_bucket_scorer`. Its own score is
        NaN. With "raise" also pass ``error_score="raise"`` to what scores:
        scikit-learn cannot put one number in the place of several.
    min_count : float, default=None
        Rows that a bucket needs to be the "worst", as in `bucket_error`.
    period : float, default=None
        The full turn, where the target is an angle that starts again, as in
        `bucket_error`.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y, sample_weight=None)`` gives a dict of floats, minus
        the magnitudes of the errors: "neg_mae_macro", "neg_mae_worst",
        "neg_mae_mean", and for each bucket one like "neg_mae [0, 10)", by its name in
        ``TargetBuckets.labels_``. For ``scoring=`` of cross_validate, and of a search
        whose `refit` is one of these names or False.

    Raises
    ------
    ValueError
        If the buckets are not fixed, two metrics have one name, or another argument
        is outside its domain.

    See Also
    --------
    make_bucket_scorer : One score.
    bucket_report : The errors of one set of rows.

    Notes
    -----
    Where a fold has an empty bucket, a search warns that some scores are non-finite,
    and its mean over the folds is NaN for that bucket: split by BucketKFold. Weights
    reach it as they reach the scorer of `make_bucket_scorer`.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import cross_validate
    >>> from skrobust import BucketKFold, TargetBuckets, make_bucket_multi_scorer
    >>> from skrobust.datasets import make_imbalanced_angles
    >>> X, y = make_imbalanced_angles(1000, random_state=0)
    >>> wide = TargetBuckets(edges=[20, 40], symmetric=True)
    >>> scores = cross_validate(
    ...     Ridge(),
    ...     X,
    ...     y,
    ...     scoring=make_bucket_multi_scorer(buckets=wide),
    ...     cv=BucketKFold(5, buckets=wide),
    ... )
    >>> for name in scores:
    ...     if name.startswith("test"):
    ...         print(f"{name:22} {scores[name].mean():5.1f}")
    test_neg_mae_macro     -10.8
    test_neg_mae_worst     -20.6
    test_neg_mae_mean       -5.3
    test_neg_mae [0, 20)    -4.8
    test_neg_mae [20, 40)   -6.9
    test_neg_mae >= 40     -20.6
    """
    return BucketMultiScorer(
        _fixed(buckets),
        _named_metrics(metrics),
        _checked_averages(averages),
        empty,
        min_count,
        check_period(period),
    )


class _Scorer:
    """What scorers by bucket share: they can be pickled, and may ask for weights."""

    maker = "make_bucket_scorer"

    def __init__(
        self,
        buckets: TargetBuckets,
        empty: str,
        min_count: float | None,
        period: float | None,
    ) -> None:
        self.buckets = buckets
        self.empty = empty
        self.min_count = min_count
        self.period = period
        self._warned_of = np.zeros(buckets.n_buckets_, dtype=bool)
        self._request = MetadataRequest(owner=f"{self.maker}(...)")
        self.set_score_request(sample_weight=None)

    def set_score_request(self, *, sample_weight: bool | str | None) -> Self:
        """Ask metadata routing for `sample_weight`: True, False, None or an alias."""
        self._request.score.add_request(param="sample_weight", alias=sample_weight)
        return self

    def get_metadata_routing(self) -> MetadataRequest:
        """Return what the scorer asks of metadata routing."""
        return self._request

    def _accept_sample_weight(self) -> bool:
        # scikit-learn asks scorers in a dict so while metadata routing is off.
        return True

    def _errors(
        self, estimator: Any, X: Any, y: ArrayLike, sample_weight: ArrayLike | None
    ) -> ErrorsByBucket:
        """Return the errors of the estimator's predictions for `X`."""
        y_pred = estimator.predict(X)
        return by_bucket(y, y_pred, self.buckets, sample_weight, self.period)[0]

    def _warn_of(self, missing: NDArray[np.bool_]) -> None:
        """Warn of buckets without a row, unless told what to do about them.

        Once of a bucket: a search would say it of each setting and each fold.
        """
        if self.empty != "ignore" or not (missing & ~self._warned_of).any():
            return
        self._warned_of |= missing
        names = name_buckets(self.buckets.labels_, np.flatnonzero(missing))
        warnings.warn(
            f"Buckets {names} hold no row and are left out of the score, so that it "
            "cannot be compared with that of a fold where they do. Take wider buckets, "
            'split by BucketKFold, or pass empty="raise" or "nan".',
            UserWarning,
            stacklevel=3,
        )

    def _options(self) -> str:
        """Return the options that are not those of every scorer, as they are passed."""
        options = {"min_count": self.min_count, "period": self.period}
        given = (f", {k}={v!r}" for k, v in options.items() if v is not None)
        return f", empty={self.empty!r}{''.join(given)}"


class BucketScorer(_Scorer):
    """Minus the magnitude of an error by bucket."""

    def __init__(
        self, buckets: TargetBuckets, summary: Summary, period: float | None
    ) -> None:
        super().__init__(buckets, summary.empty, summary.min_count, period)
        self.summary = summary
        summary.shares(buckets.n_buckets_)  # which raises if they do not fit

    def __call__(
        self,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Return the score of the estimator's predictions for `X`."""
        errors = self._errors(estimator, X, y, sample_weight)
        self._warn_of(self.summary.missing(errors.counts))
        return -abs(float(self.summary(errors, self.buckets)))

    def __repr__(self) -> str:
        metric, average = _name(self.summary.metric), self.summary.average
        return (
            f"{self.maker}({metric!r}, buckets={self.buckets!r}, "
            f"average={average!r}{self._options()})"
        )


class BucketMultiScorer(_Scorer):
    """Minus the magnitudes of several errors by bucket, as a dict."""

    maker = "make_bucket_multi_scorer"

    def __init__(
        self,
        buckets: TargetBuckets,
        metrics: dict[str, Metric],
        averages: tuple[str | None, ...],
        empty: str,
        min_count: float | None,
        period: float | None,
    ) -> None:
        super().__init__(buckets, empty, min_count, period)
        self.metrics = metrics
        self.averages = averages
        self._over_buckets = {
            (name, average): self._summary(metric, average)
            for name, metric in metrics.items()
            for average in averages
            if average in ("macro", "worst")
        }
        # Which raises if they are wrong.
        Summary("mae", "worst" if "worst" in averages else None, empty, min_count)

    def __call__(
        self,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> dict[str, float]:
        """Return the scores of the estimator's predictions for `X`, by name."""
        errors = self._errors(estimator, X, y, sample_weight)
        missing = Summary(empty=self.empty).check_empty(errors, self.buckets)
        if self._over_buckets:
            self._warn_of(missing)
        scores: dict[str, float] = {}
        for name, metric in self.metrics.items():
            scores |= dict(self._scores(errors, name, metric))
        return {f"neg_{name}": -abs(error) for name, error in scores.items()}

    def __repr__(self) -> str:
        return (
            f"{self.maker}(buckets={self.buckets!r}, metrics={list(self.metrics)}, "
            f"averages={list(self.averages)}{self._options()})"
        )

    def _summary(self, metric: Metric, average: str | None) -> Summary:
        """Return how errors by bucket become one number."""
        min_count = self.min_count if average == "worst" else None
        return Summary(metric, average, self.empty, min_count)

    def _scores(
        self, errors: ErrorsByBucket, name: str, metric: Metric
    ) -> Iterator[tuple[str, float]]:
        """Yield the errors by one metric, with their names."""
        found = error_by_bucket(errors, metric)
        for average in self.averages:
            if average is None:
                for label, error in zip(self.buckets.labels_, found, strict=True):
                    yield f"{name} {label}", float(error)
            elif average == "mean":
                overall = error_by_bucket(ErrorsByBucket.in_one(errors.rows), metric)
                yield f"{name}_mean", float(overall[0])
            else:
                summary = self._over_buckets[name, average]
                error = summary.over_buckets(found, errors.counts)
                yield f"{name}_{average}", error


def _fixed(buckets: ArrayLike | TargetBuckets) -> TargetBuckets:
    """Return a copy of buckets that do not follow the data."""
    fixed = as_buckets(buckets)
    if not fixed.is_fixed:
        raise ValueError(
            "The buckets of a scorer must be fixed, or every fold would be scored by "
            f"its own; got {buckets!r}, which follow the data. Give inner edges, "
            "TargetBuckets(width=..., limit=...), or fit them first: "
            "TargetBuckets(n_buckets=...).fit(y)."
        )
    return deepcopy(fixed)


def _name(metric: Metric) -> str:
    """Return the name of a metric."""
    return metric if isinstance(metric, str) else getattr(metric, "__name__", "")


def _named_metrics(
    metrics: Sequence[Metric] | Mapping[str, Metric],
) -> dict[str, Metric]:
    """Return the metrics by name."""
    if isinstance(metrics, Mapping):
        named = dict(metrics)
    elif isinstance(metrics, str) or not isinstance(metrics, Sequence):
        raise ValueError(
            "metrics must be a sequence of names or callables, or a mapping to them; "
            f'got {metrics!r}. Write ("mae",) for one.'
        )
    else:
        named = {_name(metric): metric for metric in metrics}
    if not named or len(named) < len(metrics) or not all(named):
        raise ValueError(
            "metrics must hold one or more, each of a name of its own; got "
            f'{metrics!r}. Give callables without a name as {{"name": function}}.'
        )
    for metric in named.values():
        Summary(metric)
    return named


def _checked_averages(averages: Sequence[str | None]) -> tuple[str | None, ...]:
    """Return the averages, each of them one that has a name."""
    options = ("macro", "worst", "mean", None)
    if isinstance(averages, str) or not isinstance(averages, Sequence) or not averages:
        raise ValueError(
            f"averages must be a sequence of {list(options)}; got {averages!r}. Write "
            '("macro",) for one.'
        )
    for average in averages:
        check_option("averages", average, options)
    return tuple(averages)
