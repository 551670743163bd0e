"""Mean weighted loss of a linear model plus penalty: value, gradient, curvature.

The objective is a sum over blocks of rows. A block stays in cache between the product
that makes the prediction and the product that pulls the loss back to the parameters,
so that one evaluation reads X once and copies none of it; where X must be shifted or
made float64, that happens block by block. Blocks are spread over as many threads as
the BLAS may use at that moment, and inside a block the BLAS keeps to one.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from itertools import pairwise
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from skrobust import loss
from skrobust._compat import threadpool_controller

__all__ = ["LinearModel", "MeanLoss", "Rows", "one_blas_thread"]

Array = NDArray[Any]
Sums = tuple[Any, ...]

BLOCK_BYTES = 1 << 21  # of X: stays in cache, and is worth the calls on it
SMALLEST_BLOCK = 512  # rows below which the calls cost more than their arithmetic
BLOCKS_PER_THREAD = 4  # fewer do not pay for starting the thread
DENSE_METRIC = 1500  # parameters up to which a p x p matrix is formed
ROUNDING = 8 * float(np.finfo(float).eps)
TINY = float(np.finfo(float).tiny)
LEAST_CURVATURE = 0.1  # of a row, relative to its weight


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
    y : ndarray of shape (n,)
        Target.
    weights : ndarray of shape (n,) or None
        Non-negative weights, one each if None.
    shift : ndarray of shape (p,) or None
        What is taken off each row of a dense X, nothing if None.
    centre : float
        What is taken off y.
    unit : float
        What y is then divided by: a power of 2, so that no digit is lost.
    threads : int
        Over how many threads the blocks may be spread.
    """

    X: Any
    y: Array
    weights: Array | None = None
    shift: Array | None = None
    centre: float = 0.0
    unit: float = 1.0
    threads: int = 1

    def __len__(self) -> int:
        return int(self.X.shape[0])

    @cached_property
    def total(self) -> float:
        """Total weight."""
        return float(len(self) if self.weights is None else self.weights.sum())

    @cached_property
    def largest(self) -> float:
        """Largest size of a y."""
        low, high = self.y.min() - self.centre, self.y.max() - self.centre
        return float(max(high, -low)) / self.unit

    def take(self, chosen: Array) -> "Rows":
        """Return the chosen rows, copied."""
        weights = None if self.weights is None else self.weights[chosen]
        return replace(self, X=self.X[chosen], y=self.y[chosen], weights=weights)

    def features(self, rows: slice) -> Any:
        """Return X of a slice of rows, shifted and in float64."""
        X = self.X[rows]
        if self.shift is not None:
            return X - self.shift  # of float32, too, it makes float64
        return X if X.dtype == np.float64 else X.astype(np.float64)

    def block(self, rows: slice) -> tuple[Any, Array]:
        """Return X and y of a slice of rows, shifted, scaled and in float64."""
        X = self.features(rows)
        y = self.y[rows] - self.centre
        y /= self.unit
        return X, y

    def residuals(self, rows: slice, model: "LinearModel", params: Array) -> Array:
        """Return ``y - model`` for a slice of rows."""
        X, y = self.block(rows)
        y -= model(params, X)[0]
        return y

    def weigh(self, rows: slice, values: Array) -> Array:
        """Return the values of a slice of rows, times their weights.

        A row of weight 0 is not there, whatever its value.
        """
        if self.weights is None:
            return values
        weights = self.weights[rows]
        return np.multiply(
            values, weights, where=weights > 0, out=np.zeros_like(values)
        )

    def collect(self, visit: Callable[[slice], Array]) -> Array:
        """Return what `visit` gives for each block, one number a row."""
        collected = np.empty(len(self))

        def store(rows: slice) -> Sums:
            collected[rows] = visit(rows)
            return ()

        self.sum(store)
        return collected

    def sum(self, visit: Callable[[slice], Sums]) -> Sums:
        """Return the sum over all blocks of what `visit` returns for each."""
        n, p = self.X.shape
        size = max(SMALLEST_BLOCK, BLOCK_BYTES // (8 * (p + 1)))
        slices = [slice(a, min(a + size, n)) for a in range(0, n, size)]
        threads = min(self.threads, len(slices) // BLOCKS_PER_THREAD)

        def share(slices: list[slice]) -> Sums:
            # A step too far may overflow: the solver sees that in the value.
            with np.errstate(over="ignore", invalid="ignore"):
                return reduce(_add, map(visit, slices))

        if threads <= 1:
            return share(slices)
        bounds = np.linspace(0, len(slices), threads + 1).astype(int)
        shares = [slices[a:b] for a, b in pairwise(bounds)]
        with ThreadPoolExecutor(threads) as pool:
            return reduce(_add, pool.map(share, shares))


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
        if not self.intercept:
            return params, 0.0
        coef = params[:-1]
        moved = 0.0 if rows.shift is None else coef @ rows.shift
        return coef, float(params[-1] + rows.centre - moved)

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


@dataclass(frozen=True)
class MeanLoss:
    """``mean(rho(y - model)) + l2 / 2 * |coef / c|^2``, the mean being weighted.

    The penalty is in units of ``c``, so that `l2` stands beside the squared residual
    whatever `alpha` and `c`: at ``alpha=2`` the minimum is Ridge's, with its penalty
    divided by the total weight.
    """

    rows: Rows
    model: LinearModel
    alpha: float
    c: float
    l2: float = 0.0

    def evaluate(self, params: Array) -> tuple[float, Array]:
        """Return the value and the gradient."""

        def visit(rows: slice) -> Sums:
            X, residual = self.rows.block(rows)
            prediction, pull = self.model(params, X)
            residual -= prediction
            rho, psi = loss.evaluate(residual, self.alpha, self.c, order=1)
            weigh = self.rows.weigh
            return weigh(rows, rho).sum(), pull(weigh(rows, psi))

        value, slope = self.rows.sum(visit)
        return self._penalised(params, value, slope)

    def expand(self, params: Array) -> tuple[float, Array, Array, float]:
        """Return value, gradient, a model of the Hessian, and the gradient's rounding.

        The model is positive semi-definite.
        Where the loss bends down, or nearly so, a row counts with a tenth of the
        curvature of its majoriser (that of reweighted least squares): no step is then
        longer than ten steps of that method, and next to the minimum, where few rows
        are concerned, it is Newton's.
        """

        def visit(rows: slice) -> Sums:
            X, residual = self.rows.block(rows)
            prediction, pull = self.model(params, X)
            residual -= prediction
            rho, psi, bend = loss.evaluate(residual, self.alpha, self.c, order=2)
            np.maximum(np.abs(residual, out=residual), TINY, out=residual)
            steep = np.abs(psi)
            np.maximum(bend, LEAST_CURVATURE * steep / residual, out=bend)
            weigh = self.rows.weigh
            # A residual has the rounding of the two numbers that it is between.
            steep += bend * (np.abs(prediction) + residual)
            bend = weigh(rows, bend)
            sums = weigh(rows, rho).sum(), weigh(rows, steep).sum()
            return *sums, pull(weigh(rows, psi)), self.model.metric(X, bend)

        value, steep, slope, metric = self.rows.sum(visit)
        resolution = ROUNDING * (1 + self.c * float(steep) / self.rows.total)
        metric /= self.rows.total
        diagonal = metric if metric.ndim == 1 else np.einsum("ii->i", metric)
        diagonal += self._penalty(params) / self.c / self.c
        return *self._penalised(params, value, slope), metric, resolution

    def _penalty(self, params: Array) -> Array:
        penalty = np.full(len(params), self.l2)
        penalty[len(params) - self.model.intercept :] = 0.0
        return penalty

    def _penalised(
        self, params: Array, value: float, slope: Array
    ) -> tuple[float, Array]:
        total = self.rows.total
        pull = self._penalty(params) * (params / self.c)
        penalty = 0.5 * float(pull @ (params / self.c))
        return float(value) / total + penalty, pull / self.c - slope / total


def _add(left: Sums, right: Sums) -> Sums:
    return tuple(a + b for a, b in zip(left, right, strict=True))
