"""Weighted medians, and the robust scale that they give."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SIGMA_PER_MAD", "median", "weighted_median"]

Array = NDArray[Any]
Sweep = Callable[[Callable[[Array, Array | None], tuple[Any, ...]]], tuple[Any, ...]]

SIGMA_PER_MAD = 1.482602218505602  # 1 / scipy.stats.norm.ppf(0.75)


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
