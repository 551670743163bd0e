"""How the loss is written at an alpha and c, and where that is exact."""

import math
from bisect import bisect
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Alpha or c: one for all residuals, or one for each.
Parameter = float | NDArray[np.float64]

LIMIT = 2.0**73  # of |alpha|: beyond it the limit is exact to the last bit
# The ways to write the loss, and where on the axis of alpha they change. Within 1e-19
# of 0 the logarithm is exact to the last bit. At -2, 1 and 2 algebra is exact over the
# whole range, and takes from two fifths to three quarters of the time.
EDGES = (
    -LIMIT,
    -2.0,
    math.nextafter(-2.0, 0.0),
    -1e-19,
    1e-19,
    1.0,
    math.nextafter(1.0, 2.0),
    2.0,
    math.nextafter(2.0, 3.0),
    LIMIT,
)
FORMS = (
    "limit",
    "power",
    "reciprocal",
    "power",
    "log",
    "power",
    "root",
    "gap",
    "square",
    "gap",
    "limit",
)
ALGEBRAIC = ("reciprocal", "log", "root", "square")  # whose weight is no exponential


class Shape(NamedTuple):
    """What `Moderate` needs to know of alpha and c: floats, or one for each residual.

    With an s beyond the range, its results may be wrong.
    """

    kind: Any  # of the terms: float64 or float32
    form: str
    alpha: Any
    b: Any  # 1 where it has no say: in the limit, and at alpha = 2, where p = 0
    p: Any  # w = exp(p L)
    a: Any  # rho comes from expm1(a L)
    ratio: Any  # b / alpha; b / 2 where the form is algebraic
    slope: Any  # curvature = w (1 + slope s) / (1 + s) / c**2
    per_r2: Any  # s / r**2
    per_c2: Any  # 1 / c**2
    fall: Any  # rho_c / (s w)
    least_a: float  # the least a
    least_s: float  # the range of s where no term loses digits that its result has
    most_s: float
    halves: bool  # whether w is kept as its square root, so that psi can outlive it
    wider: str | None  # the level with more range, None where that is `FullRange`


def shape_of(alpha: Parameter, c: Parameter, level: str = "plain") -> Shape:
    """Return the shape of alphas between the same two edges, all in float64.

    The levels are "plain" and, for alphas whose weight underflows, "steep".
    """
    alpha, c = np.asarray(alpha), np.asarray(c)
    form = FORMS[bisect(EDGES, alpha.flat[0])]
    b = np.abs(alpha - 2)
    widest = b.max()
    b = np.where((b == 0) | (form == "limit"), 1.0, b)
    p, a, ratio, slope = alpha / 2 - 1, alpha / 2, b / alpha, alpha - 1
    if form == "limit":
        ratio = slope = np.sign(alpha)
        p = a = ratio / 2
    elif form == "gap":
        a = p
    elif form in ALGEBRAIC:
        ratio = b / 2
    steep = level == "steep"
    most_s = _most_s(form, widest, alpha.max() > 2, steep)
    wider = "steep" if most_s < _most_s(form, widest, alpha.max() > 2, True) else None
    per_r2, per_c2 = 1 / (c * c) / b, 1 / (c * c)
    least_s = max(1e-280, 1e-300 * per_r2.max())
    most_s = min(most_s, 1e300 * per_r2.min())
    if not (per_r2.min() > 1e-130 and per_r2.max() < 1e130):
        least_s = most_s = math.inf  # r**2 or the results may leave the range
    numbers = (alpha, b, p, a, ratio, slope, per_r2, per_c2, -b / c, a.min())
    rest = (least_s, most_s, steep, wider)
    return Shape._make((np.float64, form, *(x[()] for x in numbers), *rest))


def _most_s(form: str, widest: float, grows: bool, steep: bool) -> float:
    """Return the greatest s for which `Moderate` is exact."""
    if form in ALGEBRAIC:
        return 1e150
    # So that exp(p L) neither overflows nor, unless it is halved, underflows.
    most = 1200.0 if not steep or grows else math.inf
    if form == "limit":
        return min(most / 2 if grows else most, 1e100)  # of s w and of s / c**2
    # The rounding of p L is an error of w: b L < 100 keeps it to 2e-14, and where
    # L < 5 it is no worse than the rounding of u. L < 600 keeps s w finite, and
    # b L < 600 the r w of alpha > 2.
    most_L = min(600.0, max(5.0, 100.0 / widest), most / widest)
    return math.expm1(min(most_L, 600.0 / widest) if grows else most_L)


@lru_cache(maxsize=64)
def shape_for_all(alpha: float, c: float, level: str = "plain") -> Shape:
    """Return the shape of one alpha and c, at the level "narrow" for float32."""
    with np.errstate(all="ignore"):
        shape = shape_of(alpha, c, "plain" if level == "narrow" else level)
    # float32 arrays take plain numbers as float32
    shape = Shape._make(float(x) if isinstance(x, np.floating) else x for x in shape)
    return _narrow(shape, c) if level == "narrow" else shape


def _narrow(shape: Shape, c: float) -> Shape:
    """Return the shape for float32 or, where that is not exact enough, the same."""
    rate = 1.0 if shape.form == "log" else min(1.0, abs(shape.alpha))
    if not (1e-9 < c < 1e9 and 1e-6 < shape.b < 1e6 and rate > 1e-6):
        return shape
    # Just above 1 the terms of the gap cancel.
    if shape.form == "gap" and shape.alpha < 1.35:
        shape = shape._replace(form="power", a=shape.alpha / 2, least_a=0.0)
    # The rounding of s, 3 in 2**24, is one of up to |p| (1 - exp(-L)) times as much of
    # w, and the rounding of a L as large a one of |a L| times as much of exp(a L).
    if shape.form == "limit":
        most_s = 170.0  # w stays clear of underflow
    else:
        rises = shape.form == "power" and shape.a > 0
        most = 2.0 if rises else 0.8 + max(0.0, 1 + shape.p / 2) * (shape.p < 0)
        most_s = math.expm1(most / max(abs(shape.a), 1 / 30))
    if shape.form in ALGEBRAIC:
        most_s = 1e15
    return shape._replace(
        kind=np.float32,
        least_s=1e-25 * max(1.0, shape.per_r2),
        most_s=min(most_s, 1e30 * min(1.0, shape.per_r2)),
        wider="plain",
    )
