"""Prediction intervals that cover rare targets as often as common ones."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from copy import deepcopy
from fractions import Fraction
from itertools import pairwise
from math import ceil
from numbers import Integral, Real
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state, indexable
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skrobust._around import AroundRegressor
from skrobust._bucket_edges import Target, mirror
from skrobust._compat import HasMethods, Interval, safe_indexing
from skrobust._readings import check_coverage
from skrobust.buckets import TargetBuckets, as_buckets, check_target, name_buckets

__all__ = ["BucketConformalRegressor"]

Float = NDArray[np.float64]
Int = NDArray[np.intp]
Mask = NDArray[np.bool_]


class BucketConformalRegressor(AroundRegressor):
    """Prediction intervals with the same coverage in every bucket of the true target.

    Split conformal prediction covers 90 % of all targets, and that may be 95 % of the
    common and 40 % of the rare ones. Here part of the rows is held out of the fit, and
    in every bucket apart the errors on them say how far off a prediction may be::

        q_b  = the ceil((n_b + 1) * coverage)-th smallest abs(y - y_pred) in bucket b
        C(x) = every y with abs(y - y_pred(x)) <= q_b for the bucket b that y is in

    Of the targets of each bucket, ``C(x)`` holds a share of at least `coverage`,
    whatever the regressor and however wrong it is [1]_ [2]_.

    Parameters
    ----------
    regressor : estimator, default=None
        What predicts, such as a TargetWeightedRegressor. It is cloned, and fitted to
        the rows that do not calibrate. A ``FrozenEstimator`` is left as it is, and all
        rows calibrate: they must be others than it was fitted to. None is
        LinearRegression().
    buckets : int, array-like of shape (n_edges,) or TargetBuckets, default=10
        Number of equal-width buckets, inner edges, or the buckets themselves. Those
        that follow the data are cut from the rows that the regressor is fitted to. Of
        a number, those with too few rows to be calibrated are merged inwards.
        ``buckets=[]`` is a single bucket: plain split conformal prediction.
    coverage : float, default=0.9
        Share of the targets of every bucket to cover, between 0 and 1.
    calibration_size : float or int, default=0.25
        Share of the rows, or their number, to hold out for calibration. See Notes.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw of these rows. Pass an int for the same ones at every call.

    Attributes
    ----------
    regressor_ : estimator
        The fitted regressor.
    buckets_ : TargetBuckets
        The buckets.
    scores_ : list of n_buckets ndarrays of shape (n_calibration_rows,)
        Absolute errors of the calibration rows of each bucket, increasing.
    quantiles_ : ndarray of shape (n_buckets,)
        ``q_b``, in the unit of the target: how far from its prediction a target of
        that bucket may lie. Infinite where the bucket has too few rows.
    n_features_in_ : int
        Number of features seen in `fit`, as `regressor_` has it.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if `regressor_` has them.

    See Also
    --------
    TargetWeightedRegressor : A regressor that serves rare targets better.
    TargetBuckets : The buckets; ``min_count`` merges those with too few rows.
    AdaptiveLossRegressor.predict_interval : Intervals of a model of the errors.

    Notes
    -----
    The coverage is exact for finite samples, and the only assumption is that
    calibration rows and new rows of a bucket are drawn alike. It is a mean over draws
    of the calibration rows; with n of them in a bucket, the coverage of one draw has a
    standard deviation of about ``sqrt(coverage * (1 - coverage) / n)``.

    Nothing is free. Where errors are larger for rare targets, a prediction between the
    rare and the common must allow for both, and the sets grow. A set always holds the
    prediction, and may be of several pieces: the common targets near by, and rare ones
    farther off. :meth:`predict_interval` gives its hull, :meth:`predict_set` the
    pieces, and :meth:`contains` says of a target whether it is in.

    A bucket with n_b calibration rows, ``n_b < 1 / (1 - coverage) - 1``, says nothing
    of so rare an error: its ``q_b`` is infinite, and every set holds the whole bucket.
    A warning names such buckets. At 0.9 nine rows are needed, at 0.95 nineteen.

    Fixed buckets (edges, width and limit, or a fitted ``TargetBuckets``) also stratify
    the draw. Every bucket then gives its share, `calibration_size`, but no fewer than
    a finite ``q_b`` needs where these are at most half of its rows, and one at least
    if it has two rows. Buckets that follow the data cannot, as edges that had seen the
    calibration rows would void the coverage: rows are then drawn at random. A search
    or cross-validation clones this estimator, and a clone of a fitted
    ``TargetBuckets`` is not fitted: pin its edges by
    ``TargetBuckets(edges=fitted.edges_)``.

    There is no `sample_weight`: the coverage is one of rows that are drawn alike, and
    a weighted row is not. Fit a weighted regressor apart and pass it frozen, or let a
    TargetWeightedRegressor make the weights.

    References
    ----------
    .. [1] V. Vovk, D. Lindsay, I. Nouretdinov, A. Gammerman, "Mondrian Confidence
           Machine", On-line Compression Modelling Project, working paper 4, 2003.
           http://www.alrw.net/old/04.pdf
    .. [2] A. N. Angelopoulos, S. Bates, "Conformal Prediction: A Gentle Introduction",
           Foundations and Trends in Machine Learning 16, 2023.
           https://arxiv.org/abs/2107.07511

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skrobust import BucketConformalRegressor, TargetBuckets
    >>> from skrobust.datasets import make_imbalanced_angles
    >>> wide = TargetBuckets(width=20, limit=40, symmetric=True)
    >>> X, y = make_imbalanced_angles(4000, random_state=0)
    >>> model = BucketConformalRegressor(Ridge(), wide, random_state=0).fit(X, y)
    >>> model.quantiles_.round(1)  # for |y| in [0, 20), [20, 40), and beyond
    array([10.5, 14. , 24.1])
    >>> model.predict_interval(X[1:4]).round(1)
    array([[-29.2,  -4.7],
           [ 18.4,  53. ],
           [-42.3,  -7.7]])
    >>> model.predict_set(X[3:4])[0].round(1)
    array([[-42.3, -40. ],
           [-32.2,  -7.7]])
    """

    _parameter_constraints: dict[str, Any] = {
        "regressor": [HasMethods(["fit", "predict"]), None],
        "buckets": "no_validation",  # as_buckets and TargetBuckets say what is wrong
        "coverage": [Interval(Real, 0, 1, closed="neither")],
        "calibration_size": [
            Interval(Real, 0, 1, closed="neither"),
            Interval(Integral, 1, None, closed="left"),
        ],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        regressor: Any = None,
        buckets: Any = 10,
        *,
        coverage: float = 0.9,
        calibration_size: float = 0.25,
        random_state: Any = None,
    ) -> None:
        self.regressor = regressor
        self.buckets = buckets
        self.coverage = coverage
        self.calibration_size = calibration_size
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Fit the regressor to part of the rows, and calibrate it on the others.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features, passed on as they are.
        y : array-like of shape (n_samples,)
            Targets.

        Returns
        -------
        self : BucketConformalRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter is out of its range, there are fewer than two rows,
            `calibration_size` leaves none to fit, or the regressor is frozen and the
            buckets are not fixed.

        Warns
        -----
        UserWarning
            If buckets have too few calibration rows for `coverage`.
        """
        self._validate_params()
        X, targets = indexable(X, check_target(self._check_y(y)))
        given = as_buckets(self.buckets)
        regressor = clone(self._regressor())
        if isinstance(regressor, FrozenEstimator):
            _check_fixed(given)
            buckets, held_out = deepcopy(given), np.arange(len(targets))
            regressor.fit(X, targets)  # does nothing but say if it is not fitted
        else:
            rows, held_out = self._split(given, targets)
            buckets = deepcopy(given)
            if not given.is_fixed:
                buckets = self._cut(given, targets[rows], len(held_out))
            regressor.fit(safe_indexing(X, rows), targets[rows])
        X, targets = safe_indexing(X, held_out), targets[held_out]
        scores = np.abs(_predict(regressor, X) - targets)
        self._learn(regressor, buckets, _by_bucket(scores, buckets, targets))
        return self

    def predict(self, X: Any) -> Any:
        """Predict the target.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            Predicted target, as `regressor_` has it.
        """
        check_is_fitted(self, "regressor_")
        return self.regressor_.predict(X)

    def predict_interval(self, X: Any, coverage: float | None = None) -> Float:
        """Predict the interval from the lowest to the highest target of the set.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        coverage : float, default=None
            Share of the targets of every bucket to cover, between 0 and 1; that of
            `fit` by default. The fit is the same for all.

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Lower and upper end, in the unit of `y`, infinite where the set has no end.
            They hold the set, and what may lie between its pieces.

        Raises
        ------
        ValueError
            If `coverage` is not between 0 and 1.

        Warns
        -----
        UserWarning
            If `coverage` is given and buckets have too few calibration rows for it.
        """
        centre, quantiles = self._centre(X, coverage)
        low, high = np.full((2, len(centre)), np.nan)
        for start, stop, there in _parts(centre, quantiles, self.buckets_):
            low = np.where(there, np.fmin(low, start), low)
            high = np.where(there, np.fmax(high, stop), high)
        return np.column_stack([low, high])

    def predict_set(self, X: Any, coverage: float | None = None) -> list[Float]:
        """Predict the set of targets, piece by piece.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        coverage : float, default=None
            Share of the targets of every bucket to cover, as in `predict_interval`.

        Returns
        -------
        list of n_samples ndarrays of shape (n_pieces, 2)
            Lower and upper ends of the pieces, increasing, in the unit of `y`. Pieces
            that meet at an edge are one. An end on an edge may be the limit of the
            piece and not in it: :meth:`contains` is exact.

        Raises
        ------
        ValueError
            If `coverage` is not between 0 and 1.

        Warns
        -----
        UserWarning
            If `coverage` is given and buckets have too few calibration rows for it.
        """
        centre, quantiles = self._centre(X, coverage)
        sets: list[list[list[float]]] = [[] for _ in centre]
        for start, stop, there in _parts(centre, quantiles, self.buckets_):
            for i in np.flatnonzero(there):
                if sets[i] and sets[i][-1][1] == start[i]:
                    sets[i][-1][1] = stop[i]
                else:
                    sets[i].append([start[i], stop[i]])
        return [np.array(pieces) for pieces in sets]

    def contains(self, X: Any, y: ArrayLike, coverage: float | None = None) -> Mask:
        """Return whether targets are in the sets that are predicted for their rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,)
            Targets.
        coverage : float, default=None
            Share of the targets of every bucket to cover, as in `predict_interval`.

        Returns
        -------
        ndarray of shape (n_samples,) of bool
            True where ``abs(y - y_pred) <= q_b`` for the bucket b of `y`.

        Raises
        ------
        ValueError
            If `coverage` is not between 0 and 1, or `y` is not finite.

        Warns
        -----
        UserWarning
            If `coverage` is given and buckets have too few calibration rows for it.
        """
        centre, quantiles = self._centre(X, coverage)
        targets = check_target(y)
        check_consistent_length(centre, targets)
        allowed = quantiles[self.buckets_.assign(targets)]
        within: Mask = np.abs(centre - targets) <= allowed
        return within

    def _split(self, buckets: TargetBuckets, y: Any) -> tuple[Int, Int]:
        """Return the rows to fit and those to calibrate, drawn bucket by bucket.

        How many a bucket gives depends on its count alone, so that within it the rows
        that calibrate are a draw like any other. Buckets that are not fixed would have
        to see the targets first: then all rows are one.
        """
        n, size = len(y), self.calibration_size
        if n < 2:
            raise ValueError(
                "BucketConformalRegressor needs a row to fit and one to calibrate; "
                f"got n_samples={n}. Give more rows, or a FrozenEstimator."
            )
        if size >= n:
            raise ValueError(
                "calibration_size must be smaller than the number of rows, or none is "
                f"left to fit; got {size} for {n} rows. Give a share, such as 0.25."
            )
        assigned = buckets.assign(y) if buckets.is_fixed else np.zeros(n, np.intp)
        counts = np.bincount(assigned)
        least = np.minimum(_rows_needed(self.coverage), counts // 2)
        share = size if size < 1 else size / n
        wanted = np.clip(np.rint(share * counts), least, np.maximum(counts - 1, 0))
        drawn = check_random_state(self.random_state).permutation(n)
        drawn = drawn[np.argsort(assigned[drawn], kind="stable")]
        place = np.arange(n) - (np.cumsum(counts) - counts)[assigned[drawn]]
        held_out = place < wanted[assigned[drawn]]
        return np.sort(drawn[~held_out]), np.sort(drawn[held_out])

    def _cut(self, given: TargetBuckets, y: Target, n_held_out: int) -> TargetBuckets:
        """Return the buckets cut from the targets of the rows to fit.

        Of a number of buckets only ones that can be calibrated: with twice the rows
        that a quantile needs, for the luck of the draw.
        """
        buckets: TargetBuckets = clone(given)
        if isinstance(self.buckets, Integral):
            needed = 2 * _rows_needed(self.coverage) * len(y) / n_held_out
            buckets.set_params(min_count=min(needed, float(len(y))))
        return buckets.fit(y)

    def _learn(
        self, regressor: Any, buckets: TargetBuckets, scores: list[Float]
    ) -> None:
        """Keep what a fit found, and warn of buckets that found too little."""
        quantiles = _quantiles(scores, self.coverage, buckets.labels_)
        self.regressor_, self.buckets_ = regressor, buckets
        self.scores_, self.quantiles_ = scores, quantiles

    def _centre(self, X: Any, coverage: float | None) -> tuple[Float, Float]:
        """Return the predictions, and how far from them the targets of a bucket lie."""
        check_is_fitted(self, "regressor_")
        quantiles = self.quantiles_
        if coverage is not None:
            check_coverage(coverage)
            quantiles = _quantiles(self.scores_, coverage, self.buckets_.labels_)
        return _predict(self.regressor_, X), quantiles


class _Stretch(NamedTuple):
    """A stretch of the line that lies in one bucket, and which ends belong to it."""

    low: float
    high: float
    has_low: bool
    has_high: bool
    bucket: int


def _stretches(buckets: TargetBuckets) -> Iterator[_Stretch]:
    """Yield the stretches of all buckets, increasing: two a bucket where symmetric."""
    edges, last = buckets.edges_, buckets.n_buckets_ - 1
    if not buckets.symmetric:
        ends = [-np.inf, *edges, np.inf]
        for b, (low, high) in enumerate(pairwise(ends)):
            yield _Stretch(low, high, True, False, b)
        return
    below, _, above = mirror(edges, buckets.center)
    ends = [-np.inf, *below, *above, np.inf]
    for i, (low, high) in enumerate(pairwise(ends), start=-last):
        yield _Stretch(low, high, i > 0, i < 0, abs(i))


def _parts(
    centre: Float, quantiles: Float, buckets: TargetBuckets
) -> Iterator[tuple[Float, Float, Mask]]:
    """Yield, stretch by stretch, the ends of what the sets hold of it, and if any."""
    for low, high, has_low, has_high, bucket in _stretches(buckets):
        start = np.maximum(centre - quantiles[bucket], low)
        stop = np.minimum(centre + quantiles[bucket], high)
        point = (has_low | (start > low)) & (has_high | (stop < high))
        yield start, stop, (start < stop) | ((start == stop) & point)


def _by_bucket(scores: Float, buckets: TargetBuckets, y: Any) -> list[Float]:
    """Return the scores of each bucket, increasing."""
    assigned = buckets.assign(y)
    ends = np.cumsum(np.bincount(assigned, minlength=buckets.n_buckets_))
    return np.split(scores[np.lexsort((scores, assigned))], ends[:-1])


def _exact(coverage: float) -> Fraction:
    """Return a coverage as it is written, so that 20 * 0.55 is 11."""
    return Fraction(repr(float(coverage)))


def _rows_needed(coverage: float) -> int:
    """Return how many calibration rows of a bucket give a finite quantile."""
    return ceil(_exact(coverage) / (1 - _exact(coverage)))


def _quantiles(scores: list[Float], coverage: float, labels: list[str]) -> Float:
    """Return the conformal quantile of each bucket, and warn where it is infinite."""
    quantiles = np.full(len(scores), np.inf)
    for b, sorted_scores in enumerate(scores):
        rank = ceil((len(sorted_scores) + 1) * _exact(coverage))
        if rank <= len(sorted_scores):
            quantiles[b] = sorted_scores[rank - 1]
    if np.isinf(quantiles).any():
        warnings.warn(
            f"Buckets {name_buckets(labels, np.flatnonzero(np.isinf(quantiles)))} have "
            f"fewer than {_rows_needed(coverage)} calibration rows, too few for a "
            f"coverage of {coverage}: every set holds the whole of them, and every "
            "interval reaches to their ends; predict_set leaves out what lies between. "
            "Give more rows, wider buckets, a min_count in TargetBuckets, a larger "
            "calibration_size, or a lower coverage.",
            UserWarning,
            stacklevel=4,
        )
    return quantiles


def _predict(regressor: Any, X: Any) -> Float:
    """Return the predictions of a regressor as a finite vector."""
    return check_target(regressor.predict(X), "y_pred").astype(np.float64, copy=False)


def _check_fixed(buckets: TargetBuckets) -> None:
    """Raise unless the buckets are known without the rows that calibrate."""
    if not buckets.is_fixed:
        raise ValueError(
            "buckets must be fixed where the regressor is a FrozenEstimator: all rows "
            "calibrate, and edges that had seen them would void the coverage. Got "
            f"{buckets!r}. Give inner edges, TargetBuckets(width=..., limit=...), or "
            "fit them to the rows of the regressor: "
            "TargetBuckets(n_buckets=...).fit(y_train)."
        )
