"""Buckets of the target: which stretch of its range a target falls in.

One idea, used by weights, splits, scores and reports alike, so that they all mean the
same rows. Buckets are half open, ``[a, b)``: a target on an edge belongs to the bucket
that begins there. The two outermost buckets are open: every finite target has a bucket.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_array, check_is_fitted

from skrobust._bucket_edges import (
    MOST_EDGES,
    Float,
    Int,
    Target,
    distance,
    merge_inward,
    mirror,
    own_edges,
    quantile_edges,
    uniform_edges,
    unique_edges,
    width_edges,
)
from skrobust._compat import Interval, StrOptions
from skrobust._sample_weight import check_weights

__all__ = ["TargetBuckets", "as_buckets"]


BLOCK = 1 << 15  # rows per pass: their targets and buckets stay in the L2 cache
FEW = 40  # entries that are compared, not searched for


class TargetBuckets(BaseEstimator):
    """Divide the range of a target into buckets.

    Say where the buckets lie in one of three ways: `width` and `limit`, own `edges`,
    or `n_buckets` that follow the data. The first two are fixed: they need no `fit`,
    and a score by them means the same on every fold. With `min_count` all need `fit`.

    Parameters
    ----------
    width : float, default=None
        Width of the buckets between 0 and `limit`, in the units of the target.
    limit : float, default=None
        Where the outermost bucket begins, positive. If it is no multiple of `width`,
        the bucket next to 0 is the short one.
    edges : array-like of shape (n_edges,), default=None
        Inner edges, finite and increasing: one fewer than there are buckets, so that
        none of them means a single bucket.
    n_buckets : int, default=None
        Number of buckets cut from the targets that `fit` sees, at most 100,000. If
        nothing else is given 10, or with "unique" one for each distinct target.
    strategy : {"uniform", "quantile", "unique"}, default="uniform"
        How `n_buckets` are cut: "uniform" into equal widths, "quantile" into equal
        weighted counts, "unique" into equal numbers of distinct targets. Equal
        targets always share a bucket, so that a target with few values gets fewer
        buckets than asked for, none of them empty unless "uniform".
    symmetric : bool, default=False
        Whether to divide ``abs(y - center)`` rather than `y`. With `width` and
        `limit`, False mirrors the edges about `center`, which is an edge too, and
        there is an outermost bucket on either side.
    center : float, default=0.0
        Target from which buckets are counted, finite. It has a meaning with `width`
        and `limit`, or with `symmetric`; anywhere else it must be 0.
    min_count : float, default=None
        Sum of weights, a count of rows without weights, that every bucket holds at
        least, positive. `fit` merges what holds less with its inward neighbour: from
        either end towards the fullest bucket, if `symmetric` from the outside to the
        first. None merges nothing.

    Attributes
    ----------
    edges_ : ndarray of shape (n_edges,)
        Inner edges, increasing; of ``abs(y - center)`` if `symmetric`.
    n_buckets_ : int
        Number of buckets, the two open ones included.
    labels_ : list of str
        Names of the buckets, such as "[0, 5)" or ">= 40", and "|y - 10| >= 40"
        with `symmetric` and a `center`.
    counts_ : ndarray of shape (n_buckets,)
        Sum of the weights of the targets that `fit` saw, by bucket.
    merged_ : ndarray of shape (n_buckets_before,) of int
        For every bucket before `min_count` merged them, the bucket that it went to.
        Set by `fit`.

    See Also
    --------
    BucketWeighter : Weights from how rare a bucket is.
    bucket_error : The error by bucket.
    BucketKFold : Folds with an equal share of every bucket.

    Notes
    -----
    Width edges are multiples of the width as it is written, worked out in decimals: the
    third edge of ``width=0.1`` is 0.3, not 0.30000000000000004. Targets in float32 or
    float16 are compared with the edges in that precision, so that a target written
    0.7 begins the bucket [0.7, 0.8) in any. So are edges about a `center`: with
    ``center=10``, the targets 9.7 and 10.3 both begin the bucket at 0.3.

    "quantile" puts an edge at the target below which k / n of the weight lies. A
    target that alone outweighs a bucket's share, such as the zeros of an amount that
    is mostly zero, is cut off at its nearer end: two distinct targets are never all
    in one bucket. "unique" puts its edges halfway between two targets, so that one
    that `fit` did not see is in the bucket of the nearest that it saw.

    A fitted ``TargetBuckets`` keeps its edges in scores, reports and splits. A weighter
    is an estimator, which fits a clone to the targets of its own fold: to pin the
    edges there, pass ``edges=fitted.edges_``, with the same `symmetric` and `center`.

    Examples
    --------
    >>> from skrobust import TargetBuckets
    >>> wide = TargetBuckets(width=10, limit=40, symmetric=True)
    >>> wide.labels_
    ['[0, 10)', '[10, 20)', '[20, 30)', '[30, 40)', '>= 40']
    >>> wide.assign([-3.0, 9.9, 10.0, -40.0, 500.0])
    array([0, 0, 1, 4, 4])

    Buckets with few targets can be merged, from the outside in:

    >>> few = TargetBuckets(width=10, limit=40, symmetric=True, min_count=2)
    >>> few.fit([1, 2, 3, -12, 15, 28, 33, -50]).labels_
    ['[0, 10)', '[10, 30)', '>= 30']
    >>> few.merged_
    array([0, 1, 1, 2, 2])
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "width": [Interval(Real, 0, None, closed="neither"), None],
        "limit": [Interval(Real, 0, None, closed="neither"), None],
        "edges": ["array-like", None],
        "n_buckets": [Interval(Integral, 1, None, closed="left"), None],
        "strategy": [StrOptions({"uniform", "quantile", "unique"})],
        "symmetric": ["boolean"],
        "center": [Interval(Real, None, None, closed="neither")],
        "min_count": [Interval(Real, 0, None, closed="neither"), None],
    }

    def __init__(
        self,
        width: float | None = None,
        limit: float | None = None,
        *,
        edges: ArrayLike | None = None,
        n_buckets: int | None = None,
        strategy: str = "uniform",
        symmetric: bool = False,
        center: float = 0.0,
        min_count: float | None = None,
    ) -> None:
        self.width = width
        self.limit = limit
        self.edges = edges
        self.n_buckets = n_buckets
        self.strategy = strategy
        self.symmetric = symmetric
        self.center = center
        self.min_count = min_count

    def fit(self, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Find the edges, unless the parameters fix them, count the targets, and merge.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each target, not negative and not all zero. Weight k means the
            target k times: counts and quantiles are weighted.

        Returns
        -------
        self : TargetBuckets
            The fitted buckets.
        """
        self.fit_assign(y, sample_weight)
        return self

    def fit_assign(self, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Int:
        """Fit to the targets and return their buckets, at the price of one.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each target, as in `fit`.

        Returns
        -------
        buckets : ndarray of shape (n_samples,) of int
            Bucket of each target, from 0.
        """
        values = check_target(y)
        s = check_weights(sample_weight, len(values))
        edges = self._given_edges()
        from_data = edges is None
        if edges is None:
            edges = self._data_edges(values, s)
        buckets = self._place(values, edges)
        counts = np.zeros(len(edges) + 1)
        for rows in _blocks(len(values)):
            part = None if s is None else s[rows]
            counts += np.bincount(buckets[rows], part, minlength=len(counts))
        merged = self._merge(counts, from_data)
        if merged[-1] < len(edges):
            edges = edges[np.diff(merged) > 0]
            counts = np.bincount(merged, counts).astype(np.float64)
            for rows in _blocks(len(buckets)):
                buckets[rows] = merged[buckets[rows]]
        self._edges, self.counts_, self.merged_ = edges, counts, merged
        return buckets

    def assign(self, y: ArrayLike) -> Int:
        """Return the bucket of each target.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Targets.

        Returns
        -------
        buckets : ndarray of shape (n_samples,) of int
            Bucket of each target, from 0, a place in ``labels_``.
        """
        return self._place(check_target(y), self._known_edges())

    @property
    def is_fixed(self) -> bool:
        """Whether the edges are known: by the parameters, or since `fit`."""
        by_parameters = self._given_edges() is not None and self.min_count is None
        return by_parameters or hasattr(self, "_edges")

    @property
    def edges_(self) -> Float:
        """Inner edges, increasing."""
        try:
            return self._known_edges()
        except NotFittedError:
            raise
        except ValueError as error:  # an AttributeError too, for hasattr
            raise NotFittedError(str(error)) from error

    @property
    def n_buckets_(self) -> int:
        """Number of buckets."""
        return len(self.edges_) + 1

    @property
    def labels_(self) -> list[str]:
        """Names of the buckets."""
        exact = self._given_edges() is not None
        texts = _format(self.edges_, exact)
        if not texts:
            return ["all"]
        first = f"[0, {texts[0]})" if self.symmetric else f"< {texts[0]}"
        inner = [f"[{a}, {b})" for a, b in pairwise(texts)]
        if not (self.symmetric and self.center):
            return [first, *inner, f">= {texts[-1]}"]
        sign = "-" if self.center > 0 else "+"
        distance = f"|y {sign} {_format(np.abs([self.center]), True)[0]}|"
        within = [f"{distance} in {label}" for label in [first, *inner]]
        return [*within, f"{distance} >= {texts[-1]}"]

    def __sklearn_is_fitted__(self) -> bool:
        try:
            return self.is_fixed
        except ValueError:  # bad parameters, which `fit` and `assign` complain of
            return False

    def _known_edges(self) -> Float:
        """Return the edges that the parameters fix, or that `fit` found."""
        edges = self._given_edges()
        if edges is None or self.min_count is not None:
            check_is_fitted(self)
            edges = self._edges
        return edges

    def _given_edges(self) -> Float | None:
        """Return the edges that the parameters give, None if the data decide."""
        self._validate_params()
        self._check_ways()
        if self.edges is not None:
            edges = own_edges(self.edges, self.symmetric)
        elif self.width is not None and self.limit is not None:
            edges = width_edges(self.width, self.limit)
            if not self.symmetric:
                edges = np.concatenate(mirror(edges, self.center))
        else:
            return None
        self._check_resolved(edges)
        return edges

    def _check_ways(self) -> None:
        """Raise unless the parameters say in one way where the buckets lie."""
        by_width = self.width is not None or self.limit is not None
        if by_width + (self.edges is not None) + (self.n_buckets is not None) > 1:
            raise ValueError(
                "Give one of width with limit, edges, or n_buckets; got "
                f"width={self.width}, limit={self.limit}, edges={self.edges!r}, "
                f"n_buckets={self.n_buckets}. Leave the others at None."
            )
        if by_width and (self.width is None or self.limit is None):
            raise ValueError(
                "width and limit belong together: the buckets are width wide up to "
                f"limit; got width={self.width}, limit={self.limit}. Give both, or "
                "n_buckets to let the data decide."
            )
        if self.center and not self.symmetric and not by_width:
            raise ValueError(
                "center mirrors width and limit, or with symmetric=True counts buckets "
                f"by abs(y - center); got center={self.center} where it would do "
                "nothing. Leave it at 0, or set symmetric=True."
            )

    def _check_resolved(self, edges: Float) -> None:
        """Raise if edges about the center round to the same number."""
        if not self.center:
            return
        apart = np.concatenate(mirror(edges, self.center)) if self.symmetric else edges
        if (np.diff(apart) <= 0).any():
            raise ValueError(
                f"Edges about center={self.center} round to the same number: buckets "
                "are too narrow so far from 0. Subtract the center from the targets, "
                "and leave center at 0."
            )

    def _data_edges(self, y: Target, s: Float | None) -> Float:
        """Return the edges that cut the targets as `strategy` says."""
        n = self.n_buckets
        if n is not None and n > MOST_EDGES:
            raise ValueError(
                f"n_buckets is at most {MOST_EDGES}; got n_buckets={n}. Take fewer: "
                "buckets beyond the number of targets hold none."
            )
        if s is not None and not s.all():
            y, s = y[s > 0], s[s > 0]
        if self.symmetric:
            y = distance(y, self.center)
        if self.strategy == "unique":
            return unique_edges(y, n)
        n = 10 if n is None else n
        if self.strategy == "uniform":
            return uniform_edges(y, n)
        # A distance is rounded: an edge between two is safe from that.
        return quantile_edges(y, s, n, halfway=bool(self.symmetric and self.center))

    def _place(self, y: Target, edges: Float) -> Int:
        """Return the bucket of each finite target."""
        symmetric, mirrored = self.symmetric, bool(self.symmetric and self.center)
        with np.errstate(over="ignore"):  # an edge that float16 has not is an infinity
            if mirrored:
                below, _, above = mirror(edges, self.center)
                # At a lower edge the outer bucket begins: it is the closed end.
                ends = np.nextafter(below.astype(y.dtype), np.inf)
                table = np.concatenate([ends, above.astype(y.dtype)])
            else:
                table = edges.astype(y.dtype)
        buckets = np.empty(len(y), np.intp)
        for rows in _blocks(len(y)):
            values = np.abs(y[rows]) if symmetric and not mirrored else y[rows]
            place = _entries_reached(table, values)
            buckets[rows] = np.abs(place - len(edges)) if mirrored else place
        return buckets

    def _merge(self, counts: Float, from_data: bool) -> Int:
        """Return the bucket that each one goes to, so that all hold `min_count`."""
        least, held = self.min_count, counts.sum()
        if least is None:
            if counts.all() or not from_data or self.strategy == "uniform":
                return np.arange(len(counts))
            least = counts[counts > 0].min()  # a rounded distance left one empty
        elif held < least * (1 - 1e-9):
            warnings.warn(
                f"All targets together weigh {held:g}, less than min_count={least}, "
                "so that there is a single bucket. Lower min_count, or pass weights "
                "that count rows.",
                UserWarning,
                stacklevel=4,
            )
        inmost = 0 if self.symmetric else int(counts.argmax())
        return merge_inward(counts, float(least), inmost)


def _entries_reached(table: Target, values: Target) -> Int:
    """Return how many entries of an increasing table each value reaches."""
    if len(table) > FEW:
        return np.searchsorted(table, values, side="right")
    # Comparing with all of a few is several times as fast as a search.
    reached = np.zeros(len(values), np.uint8)
    for entry in table:
        reached += values >= entry
    return reached.astype(np.intp)


def as_buckets(buckets: Any) -> TargetBuckets:
    """Return what a `buckets` argument means as a `TargetBuckets`.

    Parameters
    ----------
    buckets : int, array-like of shape (n_edges,) or TargetBuckets
        Number of buckets of equal width, inner edges, or the buckets themselves.

    Returns
    -------
    buckets : TargetBuckets
        The argument itself if it is one.
    """
    if isinstance(buckets, TargetBuckets):
        return buckets
    if isinstance(buckets, Integral) and buckets is not True and buckets is not False:
        return TargetBuckets(n_buckets=int(buckets))
    if np.ndim(buckets) == 0:
        raise ValueError(
            "buckets must be an int (number of equal-width buckets), a sequence of "
            f"inner edges, or a TargetBuckets; got {buckets!r}."
        )
    return TargetBuckets(edges=buckets)


def _blocks(n: int) -> Iterator[slice]:
    """Yield slices that cover `n` rows in order."""
    for start in range(0, n, BLOCK):
        yield slice(start, start + BLOCK)


def check_target(y: ArrayLike, name: str = "y") -> Target:
    """Return the targets as a finite vector, of float64 unless of fewer bits."""
    if y is None:  # which would be taken for a NaN
        raise ValueError(f"{name} is None. Give one target a row.")
    dtypes = [np.float64, np.float32, np.float16]
    values = check_array(y, ensure_2d=False, dtype=dtypes, input_name=name)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(
            f"{name} should be a 1d array, got an array of shape {values.shape} "
            "instead. Give one target a row."
        )
    return np.asarray(values)


def name_buckets(labels: list[str], chosen: NDArray[Any]) -> str:
    """Return the labels of the chosen buckets as a text, five of them at most."""
    more = f" and {len(chosen) - 5} more" if len(chosen) > 5 else ""
    return f"{[labels[b] for b in chosen[:5]]}{more}"


def _format(edges: Float, exact: bool) -> list[str]:
    """Return short texts of the edges that tell them apart."""
    if exact:
        texts = [f"{edge:.12g}" for edge in edges]
        if len(set(texts)) < len(texts):
            texts = [repr(float(edge)) for edge in edges]
        return texts
    gap = np.diff(edges).min() if len(edges) > 1 else np.abs(edges).max(initial=0)
    for digits in range(3, 18):
        texts = [f"{edge:.{digits}g}" for edge in edges]
        if np.all(np.abs(edges - np.array(texts, float)) <= 1e-2 * gap):
            break
    return texts
