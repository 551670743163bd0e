"""The rows of a data set, read in blocks, and the linear model of them.

A block stays in cache between the product that makes the prediction and the product
that pulls the loss back to the parameters, so that one evaluation of an objective reads
X once and copies none of it; where X must be shifted or made float64, that happens
block by block. Blocks are spread over as many threads as the BLAS may use at that
moment, and inside a block the BLAS keeps to one. Several objectives on the same X can
be evaluated in one pass: see `Rows.sums` and `skrobust._passes`.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from itertools import pairwise
from threading import Lock, local
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import solve_triangular

from skrobust._compat import threadpool_controller

__all__ = ["LinearModel", "Outcome", "Rows", "Sums", "Visit", "one_blas_thread"]

Array = NDArray[Any]
Sums = tuple[Any, ...]
Visit = Callable[[slice], Sums]
Outcome = Sums | Exception

BLOCK_BYTES = 1 << 21  # of X: stays in cache, and is worth the calls on it
SMALLEST_BLOCK = 512  # rows below which the calls cost more than their arithmetic
BLOCKS_PER_THREAD = 4  # fewer do not pay for starting the thread
FEW_COLUMNS = 64  # up to which the BLAS scales short rows faster than NumPy
DENSE_METRIC = 1500  # parameters up to which a p x p matrix is formed


class _BlasHold:
    """How many fits hold the BLAS to one thread at this moment, and what it had."""

    lock = Lock()
    fits = 0
    limits: Any = None


@contextmanager
def one_blas_thread() -> Iterator[int]:
    """Hold the BLAS to one thread; give the number of threads to use instead.

    On blocks that fit in cache the BLAS' own threads cost more than they bring. The
    number honours what the user, or joblib in a worker, has set. Fits that run at the
    same time in threads of one process share the hold, which is the process's: the
    first one takes it, the last one lets go, and those between keep to one thread.
    """
    with _BlasHold.lock:
        threads = 1
        if not _BlasHold.fits:
            blas = threadpool_controller().select(user_api="blas")
            threads = max((lib["num_threads"] for lib in blas.info()), default=1)
            _BlasHold.limits = blas.limit(limits=1)
        _BlasHold.fits += 1
    try:
        yield threads
    finally:
        with _BlasHold.lock:
            _BlasHold.fits -= 1
            if not _BlasHold.fits:
                _BlasHold.limits.restore_original_limits()


@dataclass(frozen=True)
class Rows:
    """The rows of a data set, read in blocks.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n, p)
        Features.
    y : ndarray of shape (n,) or (n, k)
        Target, or several of them.
    weights : ndarray of shape (n,) or None
        Non-negative weights, one each if None.
    shift : ndarray of shape (p,) or None
        What is taken off each row of a dense X, nothing if None.
    scale : ndarray of shape (p,) or None
        What each column of X is then divided by, nothing if None.
    centre : float or ndarray of shape (k,)
        What is taken off y.
    unit : float or ndarray of shape (k,)
        What y is then divided by: a power of 2 in linear fits, which loses no digit.
    factor : ndarray of shape (p, p) or None
        Upper triangular R: the features are then those of a dense ``X R^-1``, whose
        columns are nearly orthogonal although those of X are nearly collinear.
    chosen : ndarray of shape (n,) or None
        The rows of X that count here, all of them if None. They are gathered block by
        block; y and the weights are those of the chosen rows only.
    dtype : type
        Of X and y in a block.
    row_bytes : int or None
        Memory that a row takes in a visit, that of its features if None: blocks are
        as large as the cache.
    threads : int
        Over how many threads the blocks may be spread.
    together : callable or None
        ``together(rows, visit)`` is asked for the sums instead, or the error of a
        visit, where fits share their passes: see `skrobust._passes`.
    """

    X: Any
    y: Array
    weights: Array | None = None
    shift: Array | None = None
    scale: Array | None = None
    centre: Any = 0.0
    unit: Any = 1.0
    factor: Array | None = None
    chosen: Array | None = None
    dtype: Any = np.float64
    row_bytes: int | None = None
    threads: int = 1
    together: Callable[["Rows", Visit], Outcome] | None = None

    def __len__(self) -> int:
        return int(self.X.shape[0]) if self.chosen is None else len(self.chosen)

    @cached_property
    def total(self) -> float:
        """Total weight."""
        return float(len(self) if self.weights is None else self.weights.sum())

    @cached_property
    def largest(self) -> float:
        """Largest size of a y."""
        low, high = self.y.min() - self.centre, self.y.max() - self.centre
        return float(max(high, -low) / self.unit)

    def weight_of(self, chosen: Array) -> float:
        """Return the weight of the rows that a mask marks."""
        if self.weights is None:
            return float(np.count_nonzero(chosen))
        return float(self.weights[chosen].sum())

    def take(self, chosen: Array) -> "Rows":
        """Return the chosen rows, copied."""
        some = self.choose(chosen)
        return replace(some, X=self.X[some.chosen], chosen=None)

    def choose(self, chosen: Array) -> "Rows":
        """Return the rows at chosen places, or that a mask marks; X is not copied."""
        weights = None if self.weights is None else self.weights[chosen]
        if chosen.dtype == bool:
            chosen = np.flatnonzero(chosen)
        places = chosen if self.chosen is None else self.chosen[chosen]
        return replace(self, y=self.y[chosen], weights=weights, chosen=places)

    def features(self, rows: slice) -> Any:
        """Return X of a slice of rows, shifted and in `dtype`, not to be written to."""
        block = _HERE.block
        return self._features(rows) if block is None else block.features(self, rows)

    def _features(self, rows: slice) -> Any:
        X = self.X[rows if self.chosen is None else self.chosen[rows]]
        if self.shift is not None:
            X = X - self.shift  # of float32, too, it makes float64 if the shift is
        if self.scale is not None:
            X = _divided(X, self.scale, in_place=self.shift is not None)
        if X.dtype != self.dtype:
            X = X.astype(self.dtype)
        if self.factor is None:
            return X
        # Row by row as if X had another last bit, which X times an inverse has not.
        return solve_triangular(self.factor, X.T, trans="T", check_finite=False).T

    def block(self, rows: slice) -> tuple[Any, Array]:
        """Return X and y of a slice of rows, shifted, scaled and in `dtype`."""
        X = self.features(rows)
        y = self.y[rows] - self.centre
        y /= self.unit
        return X, y.astype(self.dtype, copy=False)

    def residuals(self, rows: slice, model: "LinearModel", params: Array) -> Array:
        """Return ``y - model`` for a slice of rows."""
        X, y = self.block(rows)
        y -= model(params, X)[0]
        return y

    def weigh(self, rows: slice, values: Array) -> Array:
        """Return the values of a slice of rows, times their weights.

        A row of weight 0 is not there, whatever its value. Values of several outputs
        (m, k) have the weights of their rows.
        """
        if self.weights is None:
            return values
        weights = self.weights[rows].reshape(-1, *[1] * (values.ndim - 1))
        return np.multiply(
            values,
            weights,
            where=weights > 0,
            out=np.zeros_like(values),
            casting="same_kind",
        )

    def collect(self, visit: Callable[[slice], Array]) -> Array:
        """Return what `visit` gives for each block, numbers for each row as in y."""
        collected = np.empty((len(self), *self.y.shape[1:]))

        def store(rows: slice) -> Sums:
            collected[rows] = visit(rows)
            return ()

        self.sum(store)
        return collected

    def sum(self, visit: Visit) -> Sums:
        """Return the sum over all blocks of what `visit` returns for each.

        No lock may be held meanwhile, not even that of a ``cached_property`` (which has
        one up to Python 3.11): other fits may have to arrive here first.
        """
        visit = _quiet(visit)
        if self.threads > 1 or self.together is not None:
            visit = _in_context_of_caller(visit)
        if self.together is None or _HERE.block is not None:  # a visit's own pass
            [outcome] = self.sums([visit])
        else:
            outcome = self.together(self, visit)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def sums(self, visits: Sequence[Visit]) -> list[Outcome]:
        """Return the sum for each of several visits, or the error that it raised.

        Each block is read once, and its features are made once for all visits.
        """
        slices = self._blocks()
        threads = min(self.threads, len(slices) // BLOCKS_PER_THREAD)

        def share(slices: list[slice]) -> list[Outcome]:
            outcomes: list[Outcome] = [()] * len(visits)
            outer = _HERE.block
            try:
                for rows in slices:
                    _HERE.block = _Block(rows) if len(visits) > 1 else outer
                    for j, visit in enumerate(visits):
                        outcomes[j] = _go_on(outcomes[j], visit, rows)
            finally:
                _HERE.block = outer
            return outcomes

        if threads <= 1:
            return share(slices)
        bounds = np.linspace(0, len(slices), threads + 1).astype(int)
        shares = [slices[a:b] for a, b in pairwise(bounds)]
        with ThreadPoolExecutor(threads) as pool:
            parts = zip(*pool.map(share, shares), strict=True)
        return [reduce(_add, of_one_visit) for of_one_visit in parts]

    def _blocks(self) -> list[slice]:
        """Return the slices of rows that are read as one."""
        n, p = self.X.shape
        a_row = 8 * (p + 1)
        if sparse.issparse(self.X):
            a_row = 8 + (self.X.data.nbytes + self.X.indices.nbytes) // max(n, 1)
        if self.row_bytes is not None:
            a_row = self.row_bytes
        size, n = max(SMALLEST_BLOCK, BLOCK_BYTES // a_row), len(self)
        return [slice(a, min(a + size, n)) for a in range(0, n, size)]


def _divided(X: Any, scale: Array, in_place: bool) -> Any:
    """Return X with its columns divided by their scale."""
    factor = (1 / scale).astype(X.dtype)
    if sparse.issparse(X):
        values = X.data * factor[X.indices]
        return sparse.csr_array((values, X.indices, X.indptr), X.shape)
    if X.shape[1] <= FEW_COLUMNS:
        return X @ np.diag(factor)
    return np.multiply(X, factor, out=X if in_place else None)


class _Block:
    """A block that several visits share: its features are made once."""

    def __init__(self, rows: slice) -> None:
        self._rows = rows
        self._made: list[tuple[Rows, Any]] = []

    def features(self, data: Rows, rows: slice) -> Any:
        """Return the features of a slice of rows, which may be this block or not."""
        if rows != self._rows:
            return data._features(rows)
        for known, X in self._made:
            if _same_features(known, data):
                return X
        X = data._features(rows)
        if isinstance(X, np.ndarray):
            X.flags.writeable = False  # of this view: what one visit changed, all saw
        self._made.append((data, X))
        return X


class _Here(local):
    """What this thread is at."""

    block: _Block | None = None


_HERE = _Here()


def _same_features(one: Rows, other: Rows) -> bool:
    """Whether two rows have the same features, for the same X and not only equal ones.

    What is done to X is small beside a block, and fits that found it each for itself
    share a block all the same.
    """
    names = "shift", "scale", "factor"
    pairs = [(getattr(one, name), getattr(other, name)) for name in names]
    return (
        one.X is other.X
        and one.chosen is other.chosen
        and one.dtype == other.dtype
        and all(
            a is b or (a is not None and b is not None and np.array_equal(a, b))
            for a, b in pairs
        )
    )


def _quiet(visit: Visit) -> Visit:
    """Return a visit that lets a step too far overflow: the solver sees the value."""

    def quiet(rows: slice) -> Sums:
        with np.errstate(over="ignore", invalid="ignore"):
            return visit(rows)

    return quiet


def _in_context_of_caller(visit: Visit) -> Visit:
    """Return a visit that any thread may make, under the caller's ``np.errstate``."""
    caller = copy_context()
    return lambda rows: caller.copy().run(visit, rows)


def _go_on(before: Outcome, visit: Visit, rows: slice) -> Outcome:
    """Return what a visit has come to after one more block."""
    if isinstance(before, Exception):
        return before
    try:
        return _add(before, visit(rows))
    except Exception as error:
        return error


def _add(left: Outcome, right: Outcome) -> Outcome:
    """Return the sum of two outcomes, the first of which may have seen no block."""
    if left == () or isinstance(right, Exception):
        return right
    if isinstance(left, Exception):
        return left
    with np.errstate(over="ignore", invalid="ignore"):
        return tuple(a + b for a, b in zip(left, right, strict=True))


@dataclass(frozen=True)
class LinearModel:
    """``X @ params``, with the intercept, if there is one, as the last parameter."""

    intercept: bool

    def __call__(self, params: Array, X: Any) -> tuple[Array, Callable[[Array], Array]]:
        """Return the prediction and the map of d loss / d prediction to d params."""
        if not self.intercept:
            return X @ params, lambda slope: X.T @ slope
        prediction = X @ params[:-1]
        prediction += params[-1]
        return prediction, lambda slope: np.append(X.T @ slope, slope.sum())

    def unshifted(self, params: Array, rows: Rows) -> tuple[Array, float]:
        """Return coefficients and intercept for X and y as they were given."""
        params = params * rows.unit
        coef = params[:-1] if self.intercept else params
        if rows.factor is not None:
            coef = solve_triangular(rows.factor, coef)
        if not self.intercept:
            return coef, 0.0
        moved = 0.0 if rows.shift is None else coef @ rows.shift
        return coef, float(params[-1] + rows.centre - moved)

    def shifted(self, coef: Array, intercept: float, rows: Rows) -> Array:
        """Return the parameters that `unshifted` gives back."""
        params: Array = coef / rows.unit
        if rows.factor is not None:
            params = rows.factor @ params
        if not self.intercept:
            return params
        moved = 0.0 if rows.shift is None else coef @ rows.shift
        return np.append(params, (intercept - rows.centre + moved) / rows.unit)

    def metric(self, X: Any, curvature: Array) -> Array:
        """Return ``X' diag(curvature) X``, or its diagonal where that is too large."""
        if X.shape[1] > DENSE_METRIC:
            squares = X.multiply(X) if sparse.issparse(X) else np.square(X)
            inner: Array = squares.T @ curvature
            return np.append(inner, curvature.sum()) if self.intercept else inner
        root = np.sqrt(curvature)
        if sparse.issparse(X):
            design = sparse.diags_array(root) @ X
            inner = (design.T @ design).toarray()
        else:
            design = X * root[:, None]
            inner = design.T @ design  # half the work, as both factors are one array
        if not self.intercept:
            return inner
        border = design.T @ root
        return np.block([[inner, border[:, None]], [border[None], root @ root]])
