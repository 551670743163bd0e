"""Weighted medians, M-scales, and the robust scales that they give."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrobust.loss import Family

__all__ = ["SIGMA_PER_MAD", "MScale", "median", "weighted_median"]

Array = NDArray[Any]
Sweep = Callable[[Callable[[Array, Array | None], tuple[Any, ...]]], tuple[Any, ...]]

SIGMA_PER_MAD = 1.482602218505602  # 1 / scipy.stats.norm.ppf(0.75)
BLOCK = 1 << 15  # residuals whose loss is summed while they are in cache
LONGEST_STEP = np.log(4.0)  # of the logarithm of a scale
LAST_STEP = 1e-9
ROUNDING = 4 * float(np.finfo(float).eps)
MAX_STEPS = 200
BEYOND = 1e100  # scales at which a bounded loss is at its supremum
FLAT = 1e-200  # slope of a sum of losses none of which changes


def weighted_median(values: Array, weights: Array) -> float:
    """Return the median of the values when each is repeated as its weight says."""
    found = _median_of_rest(values, weights, 0.0, float(weights.sum()) / 2)
    assert found is not None, "some weight is positive"
    return found


def median(sweep: Sweep, part: float, guess: float | None = None) -> float:
    """Return the exact weighted median of non-negative values seen in blocks.

    Parameters
    ----------
    sweep : callable
        ``sweep(visit)`` calls ``visit(values, weights)`` for each block of rows,
        weights being None where all are 1, and returns the sum of the tuples it gives.
    part : float
        How much weight lies below it: half of all for the median, or another part for
        that quantile.
    guess : float, default=None
        What the median may be near: only values near it are then kept, so that the
        rows need not fit in memory. All are kept if it is None, or was wrong.

    Returns
    -------
    float
        The median of the values when each is repeated as often as its weight says.
    """
    brackets = [(-np.inf, np.inf)]
    if guess is not None:
        brackets = [(guess / 1.1, guess * 1.1), (guess / 2, guess * 2), *brackets]
    for low, high in brackets:
        below, values, weights = sweep(partial(_bracketed, low, high))
        rest = np.concatenate(values), np.concatenate(weights)
        found = _median_of_rest(*rest, float(below), part)
        if found is not None:
            return found
    raise AssertionError("the last bracket holds every row")


def _bracketed(
    low: float, high: float, values: Array, weights: Array | None
) -> tuple[Any, ...]:
    """Return the weight below a bracket, and the values and weights within it."""
    if weights is None:
        weights = np.ones_like(values)
    below = values < low
    kept = ~below & (values <= high)
    return weights[below].sum(), [values[kept]], [weights[kept]]


def _median_of_rest(
    values: Array, weights: Array, below: float, part: float
) -> float | None:
    """Return the median when `below` lies under all `values`, None if it is elsewhere.

    Where the weight up to a value is just the part wanted, the median lies midway to
    the next value, as it does for an even number of rows.
    """
    order = np.argsort(values)
    reached = below + np.cumsum(weights[order])
    slack = 1e-12 * part
    first = int(np.searchsorted(reached, part - slack))
    second = int(np.searchsorted(reached, part + slack, side="right"))
    if below >= part - slack or second >= len(values):
        return None
    return float(0.5 * values[order[first]] + 0.5 * values[order[second]])


@dataclass(frozen=True)
class MScale:
    """The scale `s` at which ``sum(w * rho(r / (s * c))) / sup(rho) = excess``.

    Parameters
    ----------
    family : Family
        A bounded loss: its supremum is finite.
    c : float
        Scale of the loss in units of `s`, which makes `s` the standard deviation of
        normal residuals.
    excess : float
        The total weight of the rows that may be arbitrarily far off: half the total
        weight, less half the number of parameters, where R is to agree.
    weights : ndarray of shape (n,) or None
        Non-negative weights, one each if None.

    References
    ----------
    .. [1] P. J. Rousseeuw and V. J. Yohai, "Robust Regression by Means of
           S-Estimators", Lecture Notes in Statistics 26, 1984, 256-272.
           https://doi.org/10.1007/978-1-4615-7821-5_15
    """

    family: Family
    c: float
    excess: float
    weights: Array | None = None

    def __call__(self, residuals: Array, guess: float | None = None) -> float:
        """Return the scale of residuals of shape (n,), to rounding.

        It is 0 where the residuals that are not 0 weigh no more than `excess`, and inf
        where the infinite ones weigh more. A guess of the scale saves some passes.
        """
        if not self._exceeded(residuals != 0):
            return 0.0
        if self._exceeded(np.isinf(residuals)):
            return np.inf
        if not guess:
            guess = float(self.sizes_exceeded(np.abs(residuals))) / self.c
        # In a power of 2 near the answer, so that nothing overflows for its unit.
        unit = float(np.ldexp(1.0, int(np.frexp(guess)[1])))
        low, scale, high = 0.0, guess / unit, np.inf
        for _ in range(MAX_STEPS):
            step = self._step_in_blocks(residuals, unit, scale)
            low, high = (scale, high) if step > 0 else (low, scale)
            scale *= float(np.exp(step))
            if abs(step) <= LAST_STEP or high - low <= ROUNDING * low:
                break  # the error of a step of Newton's method is about its square
            if not low < scale < high:
                scale = float(np.sqrt(low * high))
        return scale * unit

    def improved(self, residuals: Array, scales: Array) -> Array:
        """Return scales (k,) of residuals (k, n), nearer to theirs by a Newton step."""
        sums = self._sums(residuals / scales[:, None], slice(None))
        factors: Array = np.exp(self._step(*sums))
        return scales * factors

    def sizes_exceeded(self, sizes: Array) -> Array:
        """Return the largest size that more weight than `excess` reaches, by row."""
        n = sizes.shape[-1]
        if self.weights is None:
            place = n - 1 - int(self.excess)
            if place < 0:
                return np.zeros(sizes.shape[:-1])
            return np.partition(sizes, place, axis=-1)[..., place]
        order = np.argsort(-sizes, axis=-1)
        reached = np.cumsum(self.weights[order], axis=-1)
        # A sum of weights that equals `excess` but for rounding does not exceed it.
        enough = reached > self.excess * (1 + n * ROUNDING)
        place = np.argmax(enough, axis=-1, keepdims=True)
        found = np.take_along_axis(sizes, np.take_along_axis(order, place, -1), -1)
        return np.where(enough.any(axis=-1), found[..., 0], 0.0)

    def _exceeded(self, rows: Array) -> bool:
        """Whether some rows weigh more than `excess`, but for rounding."""
        if self.weights is None:
            return int(np.count_nonzero(rows)) > self.excess
        weight = float(self.weights[rows].sum())
        return weight > self.excess * (1 + len(rows) * ROUNDING)

    def _step_in_blocks(self, residuals: Array, unit: float, scale: float) -> float:
        value, slope = 0.0, 0.0
        for start in range(0, len(residuals), BLOCK):
            rows = slice(start, start + BLOCK)
            with np.errstate(over="ignore"):
                u = residuals[rows] / unit
            u /= scale
            sums = self._sums(np.clip(u, -BEYOND, BEYOND, out=u), rows)
            value, slope = value + sums[0], slope + sums[1]
        return float(self._step(value, slope))

    def _sums(self, u: Array, rows: slice) -> tuple[Any, Any]:
        """Return the sum of the losses, and minus its derivative in log s."""
        rho, psi = self.family.evaluate(u, self.c, 1)
        psi *= u
        if self.weights is None:
            return rho.sum(axis=-1), psi.sum(axis=-1)
        return rho @ self.weights[rows], psi @ self.weights[rows]

    def _step(self, value: Any, slope: Any) -> Any:
        """Return the step of Newton's method in log s, not too long a one."""
        surplus = value - self.excess * self.family.supremum
        return np.clip(surplus / np.maximum(slope, FLAT), -LONGEST_STEP, LONGEST_STEP)
