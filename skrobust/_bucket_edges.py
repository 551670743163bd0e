"""Where the edges of buckets lie: as given, cut from targets, and after merging.

Edges are increasing vectors of float64. Numbers that a user writes are taken as
written, in decimals: three steps of 0.1 are 0.3.
"""

from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "MOST_EDGES",
    "Float",
    "Int",
    "Target",
    "distance",
    "merge_inward",
    "mirror",
    "own_edges",
    "quantile_edges",
    "uniform_edges",
    "unique_edges",
    "width_edges",
]

Float = NDArray[np.float64]
Int = NDArray[np.intp]
Target = NDArray[np.floating[Any]]  # of any precision, which decides where edges lie

MOST_EDGES = 100_000  # more are a slip in a unit, and would take minutes


def own_edges(edges: ArrayLike, symmetric: bool) -> Float:
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
            "With symmetric=True edges divide abs(y - center), so they must be "
            f"positive; got {edges!r}. The first bucket begins at 0 by itself."
        )
    return inner


def width_edges(width: float, limit: float) -> Float:
    """Return the edges of buckets `width` wide between 0 and `limit`, 0 excluded."""
    ratio = limit / width
    if ratio > MOST_EDGES:
        raise ValueError(
            f"limit / width is the number of buckets, at most {MOST_EDGES}; got "
            f"limit={limit}, width={width}. Give both in the units of the target."
        )
    n = round(ratio)
    step, end = _decimal(width), _decimal(limit)
    if n and abs(ratio - n) <= 1e-9 * n:
        # Up from 0, so that width=1/3 meets 1/3 and 2/3.
        steps = [k * step for k in range(1, n)] + [end]
    else:
        steps = [end - k * step for k in range(int(ratio), -1, -1)]
    return np.array([float(edge) for edge in steps])


def _decimal(number: float) -> Decimal:
    """Return a number as it is written."""
    return Decimal(repr(float(number)))


def mirror(edges: Float, center: float) -> tuple[Float, Float, Float]:
    """Return ``center - edges``, the center and ``center + edges``, increasing."""
    if not center:
        return -edges[::-1], np.zeros(1), edges
    middle, steps = _decimal(center), [_decimal(edge) for edge in edges]
    below = np.array([float(middle - step) for step in reversed(steps)])
    above = np.array([float(middle + step) for step in steps])
    return below, np.array([float(center)]), above


def distance(y: Target, center: float) -> Target:
    """Return ``abs(y - center)``, decimals as written: 10.7 is 0.7 away from 10."""
    if not center:
        return np.abs(y)
    largest = max(float(np.abs(y).max()), abs(center))
    noise = np.log10(4 * float(np.finfo(y.dtype).eps)) + np.log10(largest)
    with np.errstate(over="ignore"):
        distance = np.abs(y.astype(np.float64) - center)
    digits = int(np.floor(-noise))
    if abs(digits) < 300:  # as far as powers of 10 are numbers
        distance = np.round(distance, digits)
    return np.minimum(distance, np.finfo(np.float64).max)


def uniform_edges(y: Target, n: int) -> Float:
    """Return the edges of n equal widths, those that have targets on both sides."""
    low, high = np.float64(y.min()), np.float64(y.max())
    # Halves, so that high - low cannot overflow; powers of two are exact.
    edges = 2 * np.linspace(low / 2, high / 2, n + 1)[1:-1]
    return np.unique(edges[(low < edges) & (edges <= high)])


def quantile_edges(y: Target, s: Float | None, n: int, halfway: bool) -> Float:
    """Return the targets below which k / n of the weight lies, k = 1 ... n - 1.

    A target that outweighs 1 / n is cut off at its nearer end, but never at an end of
    all. With `halfway` edges lie between a target and the one before.
    """
    if s is None and not halfway:
        # A target with a bucket's share of the rows is met twice at half this pace.
        places = np.arange(1, 2 * n) * len(y) // (2 * n)
        near = np.partition(y, places)[places]
        if (np.diff(near) > 0).all():
            return near[1::2].astype(np.float64)
    if s is None:
        values, weights = np.unique(y, return_counts=True)
    else:
        order = np.argsort(y, kind="stable")
        y = y[order]
        starts = np.flatnonzero(np.concatenate([[True], y[1:] > y[:-1]]))
        values, weights = y[starts], np.add.reduceat(s[order], starts)
    cuts = _quantile_cuts(weights, n)
    edges = _halfway(values[cuts - 1], values[cuts]) if halfway else values[cuts]
    return edges.astype(np.float64)


def _quantile_cuts(weights: NDArray[Any], n: int) -> Int:
    """Return the places before which to cut increasing targets of these weights."""
    above = np.cumsum(weights, dtype=np.float64)
    # Weights that meet a part up to rounding meet it: a cut must not depend on
    # whether weights are 1 or 0.1.
    slack = 1e-12 * above[-1]
    wanted = np.arange(1, n) / n * above[-1]
    at = np.searchsorted(above, wanted + slack, side="right")
    at = np.minimum(at, len(above) - 1)
    heavy = weights[at] > above[-1] / n + slack
    below = above[at] - weights[at]
    upper = heavy & (above[at] - wanted + slack < wanted - below)
    cuts = at + upper
    # Of several in one target that is at an end of all, one is on its inner side.
    return np.unique(cuts[(cuts > 0) & (cuts < len(above))])


def unique_edges(y: Target, n: int | None) -> Float:
    """Return the edges of n equal numbers of distinct targets, or of one each."""
    values = np.unique(y)
    n = len(values) if n is None else n
    if n > MOST_EDGES:
        raise ValueError(
            'strategy="unique" without n_buckets makes a bucket of every distinct '
            f"target, at most {MOST_EDGES}; got {n} of them. Give n_buckets."
        )
    cuts = np.unique(np.arange(1, n) * len(values) // n)
    cuts = cuts[cuts > 0]
    return _halfway(values[cuts - 1], values[cuts]).astype(np.float64)


def _halfway(a: Target, b: Target) -> Target:
    """Return what separates a from the larger b: their middle, or else b."""
    middle = a / 2 + b / 2
    return np.where(middle > a, middle, b)


def merge_inward(counts: Float, least: float, inmost: int) -> Int:
    """Return the bucket that each one goes to, from either end towards `inmost`."""
    kept = np.zeros(len(counts) - 1, bool)  # which edges stay
    least = least * (1 - 1e-9)  # ten weights of 0.1 are 1
    left = right = 0.0
    for b in range(len(counts) - 1, inmost, -1):
        right += counts[b]
        if right >= least:
            kept[b - 1], right = True, 0.0
    for b in range(inmost):
        left += counts[b]
        if left >= least:
            kept[b], left = True, 0.0
    merged = np.concatenate([[0], np.cumsum(kept)])
    if left + counts[inmost] + right < least and kept.any():
        # Each bucket beside the inmost now holds enough: the smaller one joins it.
        held, own = np.bincount(merged, counts), merged[inmost]
        beside = [(held[b], b) for b in (own - 1, own + 1) if 0 <= b < len(held)]
        joined = min(beside)[1]
        merged = merged - (merged >= max(own, joined))
    return merged
