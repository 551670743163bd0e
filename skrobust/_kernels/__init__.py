"""The kernels of the loss, block by block.

No single way of writing them is exact everywhere. `Moderate` has the ways for
numbers whose terms are far from the ends of the float range, `FullRange` those for
any numbers, and both have one method per kernel: a new derivative goes there. The
losses beside the general one are in `classical`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skrobust._kernels.full_range import FullRange
from skrobust._kernels.moderate import SCRATCH, Moderate
from skrobust._kernels.shape import EDGES, Parameter, shape_for_all, shape_of

Float = NDArray[np.floating[Any]]
Kernel = Literal["rho", "psi", "weight", "curvature", "rho_alpha", "rho_c"]

# Residuals per pass, few enough for all terms of a pass to stay in a core's cache.
BLOCK = 65536

# One alpha and c for many residuals take a fraction of the time of one for each. Where
# alpha varies, what COMMON residuals of a SAMPLE share is worked out apart.
SAMPLE = 128
COMMON = 8

# What float32 arithmetic is exact enough for: curvature has a zero, rho_alpha cancels.
_NARROW = frozenset({"rho", "psi", "weight", "rho_c"})


@np.errstate(all="ignore")  # a result beyond the range is inf or 0, as it should be
def kernels(names: Sequence[Kernel], r: Any, alpha: Any, c: Any) -> tuple[Float, ...]:
    """Return the kernels asked for."""
    r, alpha, c = [
        x if type(x) in (float, int) else np.asarray(x) for x in (r, alpha, c)
    ]
    kind: Any = np.float32 if np.result_type(r, alpha, c) == np.float32 else np.float64
    r = np.asarray(r)
    shape = r.shape
    if getattr(alpha, "ndim", 0) or getattr(c, "ndim", 0):
        shape = np.broadcast_shapes(shape, np.shape(alpha), np.shape(c))
        r = np.broadcast_to(r, shape)
    r, alpha, c = r.reshape(-1), _parameter(alpha, shape), _parameter(c, shape)
    out = np.empty((len(names), r.size), kind)
    one = isinstance(alpha, float) and isinstance(c, float)
    narrow = one and r.dtype == np.float32 and _NARROW.issuperset(names)
    if isinstance(alpha, float) or r.size < SAMPLE:
        _fill(names, r, alpha, c, out, "narrow" if narrow else "plain")
    else:
        _fill_apart(names, r, alpha, c, out)
    return tuple([row.reshape(shape)[()] for row in out])


def _parameter(x: Any, shape: tuple[int, ...]) -> Parameter:
    """Return alpha or c as a float or, where it varies, one for each residual."""
    if not getattr(x, "ndim", 0):
        return float(x)
    varying = np.broadcast_to(x, shape).reshape(-1)
    return varying.astype(np.float64, copy=False)


def _at(x: Any, rows: Any) -> Any:
    """Return the alpha or c of some of the residuals."""
    return x if isinstance(x, float) else x[rows]


def _fill_apart(
    names: Sequence[Kernel],
    r: Any,
    alpha: NDArray[np.float64],
    c: Parameter,
    out: Float,
) -> None:
    """Fill the rows of `out`, all residuals of a common alpha and c at once."""
    for start in range(0, r.size, BLOCK):
        rows = slice(start, start + BLOCK)
        block, values = r[rows], out[:, rows]
        alphas, cs = alpha[rows], _at(c, rows)
        rest = np.ones(block.size, bool)
        for one in _common(alphas, cs):
            same = _equal(alphas, cs, *one)
            if rest.all() and 2 * np.count_nonzero(same) > block.size:
                # Sooner done for all, and put right below, than taken apart.
                _fill(names, block, *one, values, "plain")
            else:
                _fill_some(names, block, *one, values, same)
            rest &= ~same
        _fill_some(names, block, alphas, cs, values, rest)


def _common(alpha: NDArray[np.float64], c: Parameter) -> list[tuple[float, float]]:
    """Return the pairs of alpha and c that many residuals have, most common first."""
    sample = slice(None, None, alpha.size // SAMPLE | 1)  # odd, as periods rarely are
    alphas = alpha[sample].tolist()
    cs = [c] * len(alphas) if isinstance(c, float) else c[sample].tolist()
    counted = Counter(zip(alphas, cs, strict=True)).most_common()
    return [pair for pair, count in counted if count >= COMMON]


def _equal(
    alphas: NDArray[np.float64], cs: Parameter, alpha: float, c: float
) -> NDArray[np.bool_]:
    """Return which residuals have this alpha and c."""
    same: NDArray[np.bool_] = alphas == alpha
    if not isinstance(cs, float):
        same &= cs == c
    return same


def _fill_some(
    names: Sequence[Kernel],
    r: Any,
    alpha: Parameter,
    c: Parameter,
    out: Float,
    chosen: NDArray[np.bool_],
) -> None:
    """Fill the chosen columns of `out`."""
    if chosen.all():
        _fill(names, r, alpha, c, out, "plain")
    elif chosen.any():
        some = np.flatnonzero(chosen)
        values = np.empty((len(names), some.size), out.dtype)
        _fill(names, r[some], _at(alpha, some), _at(c, some), values, "plain")
        _put(out, some, values)


def _fill(
    names: Sequence[Kernel], r: Any, alpha: Any, c: Any, out: Float, level: str
) -> None:
    """Fill the rows of `out` with the kernels.

    What is out of range at one level is left to the next, which is slower.
    """
    one = isinstance(alpha, float) and isinstance(c, float)
    shape = shape_for_all(alpha, c, level) if one else None
    kind = np.float64 if shape is None else shape.kind
    work = np.empty((SCRATCH, min(r.size, BLOCK)), kind)
    rest: dict[str | None, list[Any]] = {}
    for rows in _passes(alpha, r.size):
        if not one:
            shape = shape_of(_at(alpha, rows), _at(c, rows), level)
        assert shape is not None
        block = r[rows].astype(kind, copy=False)
        whole = isinstance(rows, slice)
        values = out[:, rows]
        rise = values[0] if names[0] == "rho" else None
        terms = Moderate(block, shape, work[:, : block.size], rise)
        for name, row in zip(names, values, strict=True):
            getattr(terms, name)(row)
        if not whole:
            _put(out, rows, values)
        if not terms.in_range():
            beyond = terms.out_of_range()
            beyond = beyond + rows.start if whole else rows[beyond]
            rest.setdefault(shape.wider, []).append(beyond)
    for wider, found in rest.items():
        _fill_rest(names, r, alpha, c, out, np.concatenate(found), wider)


def _passes(alpha: Parameter, n: int) -> Iterator[Any]:
    """Yield slices or indices of rows whose alphas lie between the same edges."""
    for start in range(0, n, BLOCK):
        rows = slice(start, min(start + BLOCK, n))
        if isinstance(alpha, float):
            yield rows
            continue
        places = np.digitize(alpha[rows], EDGES)
        if places.min() == places.max():
            yield rows
            continue
        for place in np.unique(places):
            yield start + np.flatnonzero(places == place)


def _fill_rest(
    names: Sequence[Kernel],
    r: Any,
    alpha: Any,
    c: Any,
    out: Float,
    rows: NDArray[np.intp],
    level: str | None,
) -> None:
    """Fill some columns of `out`."""
    for start in range(0, rows.size, BLOCK):
        some = rows[start : start + BLOCK]
        few = r[some].astype(np.float64), _at(alpha, some), _at(c, some)
        part = np.empty((len(names), some.size), out.dtype)
        if level is not None:
            _fill(names, *few, part, level)
        else:
            lanes = FullRange(*few)
            for name, row in zip(names, part, strict=True):
                row[:] = getattr(lanes, name)()
        _put(out, some, part)


def _put(out: Float, columns: NDArray[np.intp], values: Float) -> None:
    """Set some columns of `out`, row by row because that is quicker."""
    for row, value in zip(out, values, strict=True):
        row[columns] = value
