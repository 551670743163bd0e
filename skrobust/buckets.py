"""Buckets of the target: which stretch of its range a target falls in.

One idea, used by weights, splits, scores and reports alike, so that they all mean the
same rows. Buckets are half open, ``[a, b)``: a target on an edge belongs to the bucket
that begins there. The two outermost buckets are open: every finite target has a bucket.
"""

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_array, check_is_fitted

from skrobust._compat import Interval, StrOptions
from skrobust._sample_weight import check_weights

__all__ = ["TargetBuckets", "as_buckets"]

Float = NDArray[np.float64]
Int = NDArray[np.intp]
Target = NDArray[np.floating[Any]]  # of any precision, which decides where edges lie

BLOCK = 1 << 15  # rows per pass: their targets and buckets stay in the L2 cache
MOST_EDGES = 100_000  # more are a slip in a unit, and would take minutes


class TargetBuckets(BaseEstimator):
    """Divide the range of a target into buckets.

    Say where the buckets lie in one of three ways: `width` and `limit`, own `edges`,
    or `n_buckets` that follow the data. The first two are fixed: they need no `fit`,
    and a score by them means the same on every fold.

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
        Number of buckets cut from the targets that `fit` sees, at most 100,000. 10 if
        nothing else is given.
    strategy : {"uniform", "quantile"}, default="uniform"
        How `n_buckets` are cut: "uniform" into equal widths, "quantile" into equal
        weighted counts. Equal targets share a bucket, so that a target with few
        values gets fewer buckets.
    symmetric : bool, default=False
        Whether to divide ``abs(y)`` rather than ``y``. With `width` and `limit`,
        False mirrors the edges about 0, which is an edge too, and there is an
        outermost bucket on either side.

    Attributes
    ----------
    edges_ : ndarray of shape (n_edges,)
        Inner edges, increasing; of ``abs(y)`` if `symmetric`.
    n_buckets_ : int
        Number of buckets, the two open ones included.
    labels_ : list of str
        Names of the buckets, such as "[0, 5)" or ">= 40".
    counts_ : ndarray of shape (n_buckets,)
        Sum of the weights of the targets that `fit` saw, by bucket.

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
    0.7 begins the bucket [0.7, 0.8) in any.

    A fitted ``TargetBuckets`` keeps its edges in scores, reports and splits. A weighter
    is an estimator, which fits a clone to the targets of its own fold: to pin the
    edges there, pass ``edges=fitted.edges_``.

    Examples
    --------
    >>> from skrobust import TargetBuckets
    >>> wide = TargetBuckets(width=10, limit=40, symmetric=True)
    >>> wide.labels_
    ['[0, 10)', '[10, 20)', '[20, 30)', '[30, 40)', '>= 40']
    >>> wide.assign([-3.0, 9.9, 10.0, -40.0, 500.0])
    array([0, 0, 1, 4, 4])
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "width": [Interval(Real, 0, None, closed="neither"), None],
        "limit": [Interval(Real, 0, None, closed="neither"), None],
        "edges": ["array-like", None],
        "n_buckets": [Interval(Integral, 1, None, closed="left"), None],
        "strategy": [StrOptions({"uniform", "quantile"})],
        "symmetric": ["boolean"],
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
    ) -> None:
        self.width = width
        self.limit = limit
        self.edges = edges
        self.n_buckets = n_buckets
        self.strategy = strategy
        self.symmetric = symmetric

    def fit(self, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Find the edges, unless the parameters fix them, and count the targets.

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
        if edges is None:
            edges = self._data_edges(values.astype(np.float64, copy=False), s)
        self._edges = edges
        buckets = self._assign(values)
        counts = np.zeros(self.n_buckets_)
        for rows in _blocks(len(values)):
            part = None if s is None else s[rows]
            counts += np.bincount(buckets[rows], part, minlength=len(counts))
        self.counts_ = counts
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
        return self._assign(check_target(y))

    @property
    def is_fixed(self) -> bool:
        """Whether the edges are known: by the parameters, or since `fit`."""
        return self._given_edges() is not None or hasattr(self, "_edges")

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
        return [first, *inner, f">= {texts[-1]}"]

    def __sklearn_is_fitted__(self) -> bool:
        try:
            return self.is_fixed
        except ValueError:  # bad parameters, which `fit` and `assign` complain of
            return False

    def _known_edges(self) -> Float:
        """Return the edges that the parameters fix, or that `fit` found."""
        edges = self._given_edges()
        if edges is None:
            check_is_fitted(self)
            edges = self._edges
        return edges

    def _given_edges(self) -> Float | None:
        """Return the edges that the parameters fix, None if the data decide."""
        self._validate_params()
        ways = [
            self.width is not None or self.limit is not None,
            self.edges is not None,
            self.n_buckets is not None,
        ]
        if sum(ways) > 1:
            raise ValueError(
                "Give one of width with limit, edges, or n_buckets; got "
                f"width={self.width}, limit={self.limit}, edges={self.edges!r}, "
                f"n_buckets={self.n_buckets}. Leave the others at None."
            )
        if self.edges is not None:
            return _own_edges(self.edges, self.symmetric)
        if self.width is None and self.limit is None:
            return None
        if self.width is None or self.limit is None:
            raise ValueError(
                "width and limit belong together: the buckets are width wide up to "
                f"limit; got width={self.width}, limit={self.limit}. Give both, or "
                "n_buckets to let the data decide."
            )
        return _width_edges(self.width, self.limit, self.symmetric)

    def _data_edges(self, y: Float, s: Float | None) -> Float:
        """Return the edges that cut the targets as `strategy` says."""
        n = 10 if self.n_buckets is None else int(self.n_buckets)
        if n > MOST_EDGES:
            raise ValueError(
                f"n_buckets is at most {MOST_EDGES}; got n_buckets={n}. Take fewer: "
                "buckets beyond the number of targets hold none."
            )
        if s is not None and not s.all():
            y, s = y[s > 0], s[s > 0]
        if self.symmetric:
            y = np.abs(y)
        low, high = y.min(), y.max()
        if self.strategy == "quantile":
            edges = _quantile_edges(y, s, n)
        else:
            # Halves, so that high - low cannot overflow; powers of two are exact.
            edges = 2 * np.linspace(low / 2, high / 2, n + 1)[1:-1]
        # An edge at the lowest target would leave nothing below it.
        return np.unique(edges[(low < edges) & (edges <= high)])

    def _assign(self, y: Target) -> Int:
        """Return the bucket of each finite target."""
        with np.errstate(over="ignore"):  # an edge that float16 has not is an infinity
            edges = self._known_edges().astype(y.dtype)
        buckets = np.empty(len(y), np.intp)
        for rows in _blocks(len(y)):
            values = np.abs(y[rows]) if self.symmetric else y[rows]
            buckets[rows] = np.searchsorted(edges, values, side="right")
        return buckets


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


def _own_edges(edges: ArrayLike, symmetric: bool) -> Float:
    """Return the edges of the user as a vector that is finite and increasing."""
    wrong = ValueError(
        f"edges must be finite, strictly increasing numbers; got {edges!r}. Give a "
        "list or array of inner edges only: the outermost buckets are open."
    )
    try:
        inner = np.asarray(edges, dtype=np.float64) + 0.0  # -0.0 becomes 0.0
    except (TypeError, ValueError) as error:
        raise wrong from error
    if inner.ndim != 1 or not np.isfinite(inner).all() or (np.diff(inner) <= 0).any():
        raise wrong
    if symmetric and (inner <= 0).any():
        raise ValueError(
            "With symmetric=True edges divide abs(y), so they must be positive; got "
            f"{edges!r}. The first bucket begins at 0 by itself."
        )
    return inner


def _width_edges(width: float, limit: float, symmetric: bool) -> Float:
    """Return the edges of buckets `width` wide between 0 and `limit`."""
    ratio = limit / width
    if ratio > MOST_EDGES:
        raise ValueError(
            f"limit / width is the number of buckets, at most {MOST_EDGES}; got "
            f"limit={limit}, width={width}. Give both in the units of the target."
        )
    n = round(ratio)
    step, end = Decimal(repr(float(width))), Decimal(repr(float(limit)))
    if n and abs(ratio - n) <= 1e-9 * n:
        # Up from 0, so that width=1/3 meets 1/3 and 2/3.
        steps = [k * step for k in range(1, n)] + [end]
    else:
        steps = [end - k * step for k in range(int(ratio), -1, -1)]
    edges = np.array([float(edge) for edge in steps])
    return edges if symmetric else np.concatenate([-edges[::-1], [0.0], edges])


def _quantile_edges(y: Float, s: Float | None, n: int) -> Float:
    """Return the targets below which k / n of the weight lies, k = 1 ... n - 1."""
    parts = np.arange(1, n)
    if s is None:
        return np.asarray(np.sort(y)[parts * len(y) // n])
    order = np.argsort(y, kind="stable")
    below = np.cumsum(s[order])
    # A part that the weights meet up to rounding counts as met: an edge must not
    # depend on whether weights are 1 or 0.1.
    wanted = parts / n * below[-1] * (1 + 1e-12)
    return np.asarray(y[order[np.searchsorted(below, wanted, side="right")]])


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
