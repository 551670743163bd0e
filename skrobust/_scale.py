"""Robust scales, and the tuning constants that turn them into `c`."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from skrobust import loss

__all__ = ["SIGMA_PER_MAD", "median", "tuning_constant", "weighted_median"]

Array = NDArray[Any]
Sweep = Callable[[Callable[[Array, Array | None], tuple[Any, ...]]], tuple[Any, ...]]

SIGMA_PER_MAD = 1.482602218505602  # 1 / scipy.stats.norm.ppf(0.75)
SMALLEST_TUNING = 0.1
LARGEST_TUNING = 1e4
# Gauss-Legendre nodes and weights of one panel of the normal integrals.
NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(24)


@lru_cache(maxsize=1024)
def tuning_constant(alpha: float, efficiency: float) -> float:
    """Return the `c` at which the loss has an efficiency at the normal.

    Parameters
    ----------
    alpha : float
        Shape of the loss, from -inf to inf.
    efficiency : float
        Asymptotic variance of least squares over that of the loss when errors are
        normal, between 0 and 1.

    Returns
    -------
    float
        `c` in units of the standard deviation: the largest with this efficiency. It is
        1 at ``alpha=2``, where every `c` is fully efficient, and 0.1 where the loss is
        more efficient than wanted at any larger `c`, as it is for `alpha` just below 2.
    """
    if alpha == 2:
        return 1.0

    def excess(log_c: float) -> float:
        return _efficiency(alpha, float(np.exp(log_c))) - efficiency

    high, lowest = np.log(LARGEST_TUNING), np.log(SMALLEST_TUNING)
    low = high
    while excess(low) > 0:
        high, low = low, low - 0.25
        if low < lowest:
            return SMALLEST_TUNING
    return float(np.exp(brentq(excess, low, high, xtol=1e-14)))


def _efficiency(alpha: float, c: float) -> float:
    """Return ``E[psi']**2 / E[psi**2]`` at the standard normal."""
    # The integrands change on the scale of c near 0 and of 1 further out.
    inner = np.r_[0, c * 2.0 ** np.arange(-2, 40)]
    ends = np.r_[inner[inner < 1], np.linspace(1, 12, 23)]
    half = np.diff(ends)[:, None] / 2
    u = (ends[:-1, None] + half * (1 + NODES)).ravel()
    density = np.exp(-np.square(u) / 2) / np.sqrt(2 * np.pi)
    share = 2 * (half * NODE_WEIGHTS).ravel() * density
    _, psi, curvature = loss.evaluate(u, alpha, c, order=2)
    return float((share @ curvature) ** 2 / (share @ np.square(psi)))


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
