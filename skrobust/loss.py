"""Kernels of the general robust loss: the value and what solvers need of it.

Every function is elementwise and pure, and broadcasts its arguments. Symbols:

    r      residual, ``y_true - y_pred``
    alpha  shape: 2 squares, 1 pseudo-Huber, 0 Cauchy, -2 Geman-McClure,
           -inf Welsch; any real value in between or beyond, and +inf
    c      scale: the residual where the loss stops being quadratic, positive
           and in the unit of r

With ``u = r / c``, ``b = |alpha - 2|``, ``s = u**2 / b`` and ``L = log1p(s)``
the loss of [1]_ and its derivatives with respect to r are::

    P         = (1 + s)**(alpha / 2)     = exp(alpha L / 2)
    w         = (1 + s)**(alpha / 2 - 1) = P / (1 + s)
    rho       = b / alpha (P - 1)
    psi       = u w / c
    curvature = w (1 + (alpha - 1) s) / (1 + s) / c**2

Their limits complete the family: ``rho = L`` at alpha = 0; ``w = 1`` and
``rho = u**2 / 2`` at alpha = 2; ``w = exp(+-u**2 / 2)``, ``rho = +-(w - 1)`` and
``curvature = w (1 +- u**2) / c**2`` at alpha = +-inf.

No single way of writing these is exact everywhere. `_Moderate` has the ways for
numbers whose terms are far from the ends of the float range, `_FullRange` those for
any numbers, and both have one method per kernel: a new derivative goes there.

References
----------
.. [1] J. T. Barron, "A General and Adaptive Robust Loss Function", CVPR 2019.
       https://arxiv.org/abs/1701.03077
"""

import math
from bisect import bisect
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import exprel

__all__ = ["ALPHAS", "curvature", "evaluate", "psi", "rho", "weight"]

Float = NDArray[np.floating[Any]]
Float64 = NDArray[np.float64]
Parameter = float | Float64  # alpha or c: one for all residuals, or one for each
Kernel = Literal["rho", "psi", "weight", "curvature"]

ALPHAS = MappingProxyType(
    {
        "l2": 2.0,
        "pseudo_huber": 1.0,
        "cauchy": 0.0,
        "geman_mcclure": -2.0,
        "welsch": -np.inf,
    }
)
"""The alpha of each named loss of the family."""

# Residuals per pass, few enough for all terms of a pass to stay in a core's cache.
_BLOCK = 32768

# The ways to write the loss, and where on the axis of alpha they change. Beyond 2**73
# the limit is exact to the last bit, and so is the logarithm within 1e-19 of 0.
_EDGES = (-(2.0**73), -1e-19, 1e-19, 1.0, 2.0**73)
_FORMS = ("limit", "power", "log", "power", "gap", "limit")

# With s and c between these, no term of `_Moderate` overflows or loses digits in an
# underflow unless its result does.
_LEAST_S = 1e-280
_LEAST_C, _MOST_C = 1e-64, 1e64


def rho(r: ArrayLike, alpha: ArrayLike = 1.0, c: ArrayLike = 1.0) -> Float:
    """Return the loss of each residual.

    Parameters
    ----------
    r : array-like
        Residuals, in the unit of `c`; may be infinite.
    alpha : array-like, default=1.0
        Shape of the loss, in [-inf, inf]: the smaller, the less an outlier counts.
    c : array-like, default=1.0
        Scale of the loss, positive and finite: where it stops being quadratic.

    Returns
    -------
    ndarray or scalar of their broadcast shape
        The loss, without a unit: 0 at ``r = 0``, at most ``(r / c)**2 / 2`` for
        ``alpha <= 2`` and at most ``(alpha - 2) / alpha`` for ``alpha < 0``. It is
        float32 if every argument is float32 or a Python number, else float64; NaN
        where an argument is NaN.

    See Also
    --------
    evaluate : The loss with its derivatives, at less than their separate cost.

    References
    ----------
    .. [1] J. T. Barron, "A General and Adaptive Robust Loss Function", CVPR 2019.
           https://arxiv.org/abs/1701.03077

    Examples
    --------
    >>> from skrobust import loss
    >>> loss.rho([0.0, 1.0, 10.0], alpha=loss.ALPHAS["geman_mcclure"])
    array([0.        , 0.4       , 1.92307692])
    """
    return _kernels(("rho",), r, alpha, c)[0]


def psi(r: ArrayLike, alpha: ArrayLike = 1.0, c: ArrayLike = 1.0) -> Float:
    """Return the derivative of `rho` with respect to the residual.

    Parameters
    ----------
    r, alpha, c : array-like
        Residual, shape and scale, as in `rho`.

    Returns
    -------
    ndarray or scalar of their broadcast shape
        The slope, in units of ``1 / c``: ``r / c**2`` near 0. For large residuals
        it grows without bound if ``alpha > 1``, tends to ``1 / c`` at
        ``alpha = 1``, and falls back to 0 if ``alpha < 1``.

    Examples
    --------
    >>> from skrobust import loss
    >>> loss.psi([-1.0, 0.0, 1.0, 1e9], alpha=1.0, c=0.5)
    array([-1.78885438,  0.        ,  1.78885438,  2.        ])
    """
    return _kernels(("psi",), r, alpha, c)[0]


def weight(r: ArrayLike, alpha: ArrayLike = 1.0, c: ArrayLike = 1.0) -> Float:
    """Return ``c**2 * psi(r) / r``: how far a least-squares step trusts a residual.

    Parameters
    ----------
    r, alpha, c : array-like
        Residual, shape and scale, as in `rho`.

    Returns
    -------
    ndarray or scalar of their broadcast shape
        The weight, without a unit: 1 at ``r = 0``. It falls towards 0 for large
        residuals if ``alpha < 2``, is 1 at ``alpha = 2``, and grows beyond.

    Examples
    --------
    >>> from skrobust import loss
    >>> loss.weight([0.0, 1.0, 10.0], alpha=0.0)
    array([1.        , 0.66666667, 0.01960784])
    """
    return _kernels(("weight",), r, alpha, c)[0]


def curvature(r: ArrayLike, alpha: ArrayLike = 1.0, c: ArrayLike = 1.0) -> Float:
    """Return the derivative of `psi` with respect to the residual.

    Parameters
    ----------
    r, alpha, c : array-like
        Residual, shape and scale, as in `rho`.

    Returns
    -------
    ndarray or scalar of their broadcast shape
        The second derivative of the loss, in units of ``1 / c**2``, its value at
        ``r = 0``. It is negative if and only if ``alpha < 1`` and
        ``(r / c)**2 > (2 - alpha) / (1 - alpha)``.

    Examples
    --------
    >>> from skrobust import loss
    >>> loss.curvature([0.0, 1.0, 10.0], alpha=0.0)
    array([ 1.        ,  0.22222222, -0.01883891])
    """
    return _kernels(("curvature",), r, alpha, c)[0]


def evaluate(
    r: ArrayLike, alpha: ArrayLike = 1.0, c: ArrayLike = 1.0, order: int = 2
) -> tuple[Float, ...]:
    """Return the loss and its derivatives up to an order, sharing their terms.

    Parameters
    ----------
    r, alpha, c : array-like
        Residual, shape and scale, as in `rho`.
    order : {0, 1, 2}, default=2
        Highest derivative with respect to the residual.

    Returns
    -------
    tuple of ``order + 1`` ndarrays or scalars
        The first of `rho`, `psi` and `curvature`; equal to these to rounding.

    Examples
    --------
    >>> from skrobust import loss
    >>> value, slope = loss.evaluate([0.0, 3.0], alpha=1.0, order=1)
    >>> value
    array([0.        , 2.16227766])
    """
    names: tuple[Kernel, ...] = ("rho", "psi", "curvature")
    return _kernels(names[: order + 1], r, alpha, c)


@np.errstate(all="ignore")  # a result beyond the range is inf or 0, as it should be
def _kernels(names: Sequence[Kernel], r: Any, alpha: Any, c: Any) -> tuple[Float, ...]:
    """Return the kernels asked for, worked out in float64 block by block."""
    r, alpha, c = (
        x if type(x) in (float, int) else np.asarray(x) for x in (r, alpha, c)
    )
    single = np.result_type(r, alpha, c) == np.float32
    r = np.asarray(r)
    shape = r.shape
    if np.ndim(alpha) or np.ndim(c):
        shape = np.broadcast_shapes(shape, np.shape(alpha), np.shape(c))
        r = np.broadcast_to(r, shape)
    r, alpha, c = r.reshape(-1), _parameter(alpha, shape), _parameter(c, shape)

    values = np.empty((len(names), r.size), np.float32 if single else np.float64)
    for start in range(0, r.size, _BLOCK):
        rows = slice(start, start + _BLOCK)
        block = r[rows].astype(np.float64, copy=False)
        _block(names, block, _at(alpha, rows), _at(c, rows), values[:, rows])
    return tuple(value.reshape(shape)[()] for value in values)


def _parameter(x: Any, shape: tuple[int, ...]) -> Parameter:
    """Return alpha or c as a float or, where it varies, one for each residual."""
    if np.ndim(x) == 0:
        return float(x)
    varying = np.broadcast_to(x, shape).reshape(-1)
    return varying.astype(np.float64, copy=False)


def _at(x: Any, rows: Any) -> Any:
    """Return the alpha or c of some of the residuals."""
    return x if isinstance(x, float) else x[rows]


def _block(names: Sequence[Kernel], r: Float64, alpha: Any, c: Any, out: Float) -> None:
    """Fill the rows of `out` with the kernels of one block."""
    if isinstance(alpha, float):
        form = _FORMS[bisect(_EDGES, alpha)]
    else:
        places = np.digitize(alpha, _EDGES)
        if places.min() != places.max():
            _place_by_place(names, r, alpha, c, out, places)
            return
        form = _FORMS[places[0]]
    shape = _shape(alpha, form)
    s = r * (1 / (c * np.sqrt(shape.b)))
    s *= s
    terms = _Moderate(r, s, c, shape, single=out.dtype == np.float32)
    for name, values in zip(names, out, strict=True):
        getattr(terms, name)(values)

    tame = (c > _LEAST_C) & (c < _MOST_C)
    if s.min() > _LEAST_S and s.max() < shape.most_s and np.all(tame):  # nor any NaN
        return
    usual = ((s > _LEAST_S) | (r == 0)) & (s < shape.most_s) & tame
    rest = np.flatnonzero(~usual)
    if rest.size:
        lanes = _FullRange(r[rest], _at(alpha, rest), _at(c, rest))
        for name, values in zip(names, out, strict=True):
            values[rest] = getattr(lanes, name)()


def _place_by_place(
    names: Sequence[Kernel],
    r: Float64,
    alpha: Float64,
    c: Any,
    out: Float,
    places: NDArray[np.intp],
) -> None:
    """Fill `out` for a block whose alphas lie between different edges."""
    for place in np.unique(places):
        rows = np.flatnonzero(places == place)
        part = np.empty((len(names), rows.size), out.dtype)
        _block(names, r[rows], alpha[rows], _at(c, rows), part)
        out[:, rows] = part


class _Shape(NamedTuple):
    """What `_Moderate` needs to know of alpha, a float or one for each residual."""

    form: str
    b: Any  # 1 where it has no say: in the limit, and at alpha = 2, where p = 0
    p: Any  # w = exp(p L)
    a: Any  # rho comes from expm1(a L)
    ratio: Any  # b / alpha; b / 2 for the logarithm
    slope: Any  # curvature = w (1 + slope s) / (1 + s) / c**2
    most_s: float  # the greatest s for which this is exact
    steep: bool  # whether w can underflow before that


def _shape(alpha: Any, form: str) -> _Shape:
    """Return what `_Moderate` needs of an alpha whose loss is written in this form."""
    if form == "limit":
        sign = np.sign(alpha)
        most_s = 600.0 if np.max(sign) > 0 else 1e100  # of w and of s / c**2
        return _Shape(form, 1.0, sign / 2, sign / 2, sign, sign, most_s, True)
    b, p, slope = abs(alpha - 2), alpha / 2 - 1, alpha - 1
    if form == "log":
        return _Shape(form, b, p, None, b / 2, slope, math.inf, False)
    b = b + (b == 0)
    a = alpha / 2 if form == "power" else p
    # The rounding of p L is an error of w: b L < 100 keeps it to 2e-14, and where
    # L < 5 it is no worse than the rounding of u. L < 600 keeps s w finite, and
    # b L < 600 the r w of alpha > 2.
    widest = b if isinstance(b, float) else b.max()
    most_L = min(600.0, max(5.0, 100.0 / widest))
    if form == "gap":
        most_L = min(most_L, 600.0 / widest)
    return _Shape(form, b, p, a, b / alpha, slope, math.expm1(most_L), widest > 200)


@final
class _Moderate:
    """The terms of residuals all of which are well inside the float range.

    Parameters
    ----------
    r, s : ndarray of shape (n,)
        Residuals, and ``u**2 / b`` with the b of `shape`.
    c : float or ndarray of shape (n,)
        Scale.
    shape : _Shape
        In its form "power", ``rho = ratio (P - 1)`` and ``w = P / (1 + s)``; "gap" is
        the same as ``rho = ratio (s w + w - 1)``, which keeps its digits where b
        vanishes; "limit" has ``L = s`` and ``rho = ratio (w - 1)``; "log", P = 1 and
        ``rho = ratio L``.
    single : bool
        Whether the digits of float32 will do.
    """

    def __init__(
        self, r: Float64, s: Float64, c: Any, shape: _Shape, single: bool
    ) -> None:
        self.r, self.s, self.c, self.shape = r, s, c, shape
        self.factors: tuple[Float64, ...]  # of the weight
        L = s if shape.form == "limit" else np.log1p(s)
        if shape.form == "log":
            self.rise, self.factors = L, (1 / (1 + s),)
            return
        x = shape.a * L
        self.rise = np.expm1(x)
        # 1 + rise is cheap, and where rise < 0 it loses as many digits as cancel.
        if self.rise.min() > (-1 + 2**-24 if single else -1 + 2**-6):
            w = 1 + self.rise
            if shape.form == "power":
                w /= 1 + s
            self.factors = (w,)
            return
        if shape.form == "power":
            x = shape.p * L
        # Two square roots let psi outlive the underflow of the weight.
        self.factors = (np.exp(x / 2),) * 2 if shape.steep else (np.exp(x),)

    def rho(self, out: Float) -> None:
        if self.shape.form == "gap":
            value = self._weigh(self.s)
            value += self.rise
        else:
            value = self.rise
        np.multiply(value, self.shape.ratio, out=out)

    def psi(self, out: Float) -> None:
        self._weigh(self.r * np.reciprocal(self.c * self.c), out)

    def weight(self, out: Float) -> None:
        self._weigh(1.0, out)

    def curvature(self, out: Float) -> None:
        bend = self.shape.slope * self.s
        bend += 1
        if self.shape.form != "limit":
            bend /= 1 + self.s
        bend *= np.reciprocal(self.c * self.c)
        self._weigh(bend, out)

    def _weigh(self, x: Any, out: Float | None = None) -> Float:
        """Return x times the weight."""
        *others, last = self.factors
        for factor in others:
            x = x * factor
        value: Float = np.multiply(x, last, out=out)
        return value


@final
class _FullRange:
    """The kernels for any residual, shape and scale, slower.

    A quantity that may leave the float range although its results do not is a
    mantissa and an exponent of 2, named ``um`` and ``ue`` for u, say.

    Parameters
    ----------
    r, alpha, c : ndarray of shape (n,), or float
        Residuals, shapes and scales.
    """

    def __init__(self, r: Float64, alpha: Parameter, c: Parameter) -> None:
        self.r, self.alpha, self.c = r, alpha, c = np.broadcast_arrays(r, alpha, c)
        self.limit = np.abs(alpha) >= _EDGES[-1]
        self.sign = np.sign(alpha - 2)
        b = np.abs(alpha - 2)
        self.b = b = np.where(self.limit | (b == 0), 1.0, b)  # as in `_Shape`
        self.ratio = np.where(self.limit, self.sign, b / alpha)
        rm, re = np.frexp(np.abs(r))
        self.cm, self.ce = np.frexp(c)
        self.um, self.ue = um, ue = rm / self.cm, re - self.ce

        v = np.ldexp(um / np.sqrt(b), ue)  # sqrt(s)
        self.far = far = (v > 12) & ~self.limit
        self.s = np.where(far | self.limit, 0.0, v * v)
        hm, he = np.frexp(um / np.sqrt(b) * np.sqrt(1 + 1 / v**2))  # h = sqrt(1 + s)
        self.hm, self.he = hm, he = 2 * hm, he + ue - 1
        L = np.where(far, 2 * (np.log(hm) + he * np.log(2)), np.log1p(self.s))
        quadratic = np.ldexp(um**2 / 2, 2 * ue)
        self.y = np.where(self.limit | (v < 1e-9), quadratic, b / 2 * L)

        self.Pm, self.Pe = _power(hm, he, alpha)
        # Where s is large, exp(p L) would lose digits. Elsewhere the fourth root of
        # the weight is in range wherever any kernel is.
        qm, qe = np.frexp(np.exp(self.sign * self.y / 4))
        self.wm = np.where(far, self.Pm / hm**2, qm**4)
        self.we = np.where(far, self.Pe - 2 * he, 4 * qe)

    def rho(self) -> Float64:
        y, ratio = self.y, self.ratio
        t = np.where(self.limit, self.sign, self.alpha / self.b) * y
        rise = np.where(self.far, np.ldexp(self.Pm, self.Pe) - 1, np.expm1(t))
        below_1 = np.where(np.abs(t) < 0.5, y * exprel(t), ratio * rise)
        rise = np.where(self.far, self.weight() - 1, np.expm1(self.sign * y))
        squares = np.ldexp(self.um**2 * self.wm / self.alpha, 2 * self.ue + self.we)
        from_1 = np.where(self.limit, 0.0, squares) + ratio * rise
        value = np.where(self.alpha < 1, below_1, from_1)
        supremum = np.where(self.alpha >= 0, np.inf, -ratio)
        return np.where(np.isinf(self.um), supremum, value)

    def psi(self) -> Float64:
        value = np.ldexp(self.um * self.wm / self.cm, self.ue + self.we - self.ce)
        value = np.where(np.isinf(self.um), self._at_infinity(1.0) / self.c, value)
        signed: Float64 = np.copysign(value, self.r)
        return signed

    def weight(self) -> Float64:
        value: Float64 = np.ldexp(self.wm, self.we)
        return np.where(np.isinf(self.um), self._at_infinity(2.0), value)

    def curvature(self) -> Float64:
        alpha, hm, he = self.alpha, self.hm, self.he
        near = (1 + (alpha - 1) * self.s) / (1 + self.s)
        far = (alpha - 1) + (2 - alpha) * np.ldexp(hm**-2, -2 * he)
        limit = 1 + 2 * self.sign * self.y
        bend = np.where(self.limit, limit, np.where(self.far, far, near))
        bend = np.where(self.wm == 0, 0.0, bend)
        # At alpha = 1 the bend is 1 / h**2, which can underflow.
        plain = self.far & (alpha == 1)
        bend, be = np.where(plain, hm**-2, bend), np.where(plain, -2 * he, 0)
        value: Float64 = np.ldexp(
            self.wm * bend / self.cm**2, self.we + be - 2 * self.ce
        )
        at_infinity = self._at_infinity(2.0) / self.c / self.c
        value = np.where(np.isinf(self.um), at_infinity, value)
        return value

    def _at_infinity(self, level: float) -> Float64:
        """Return infinity to the power of alpha - level."""
        power: Float64 = np.float64(np.inf) ** (self.alpha - level)
        return power


def _power(m: Float64, e: Any, p: Float64) -> tuple[Float64, Any]:
    """Return ``(m 2**e)**p`` in the same form, for m in [1, 2) and e not negative."""
    most = 9999.0  # 2**most is infinite in any company
    coarse = p.astype(np.float32).astype(np.float64)  # the product with e is exact
    n = np.rint(np.clip(e * p, -most, most))
    fraction = np.clip((e * coarse - n) + e * (p - coarse), -1, 1)
    return m**p * np.exp2(fraction), n.astype(np.int32)
