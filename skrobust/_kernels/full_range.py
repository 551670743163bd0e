"""The kernels for any residual, shape and scale."""

from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import exprel

from skrobust._kernels.shape import LIMIT, Parameter
from skrobust._kernels.tilt import bend, slope_in_alpha

Float64 = NDArray[np.float64]


@final
class FullRange:
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
        self.limit = np.abs(alpha) >= LIMIT
        self.sign = np.sign(alpha - 2)
        b = np.abs(alpha - 2)
        self.b = b = np.where(self.limit | (b == 0), 1.0, b)  # as in `Shape`
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
        self.L = L
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

    def rho_c(self) -> Float64:
        fall = -(self.um**2) * self.wm / self.cm
        value: Float64 = np.ldexp(fall, 2 * self.ue + self.we - self.ce)
        b = np.where(self.alpha == 0, 2.0, 1.0)
        at_infinity = -b * self._at_infinity(0.0) / self.c
        return np.where(np.isinf(self.um), at_infinity, value)

    def rho_alpha(self) -> Float64:
        y, L, sign, alpha = self.y, self.L, self.sign, self.alpha
        t = np.where(self.limit, sign * y, alpha / 2 * L)
        # The closed form over 2**e, so that P = exp(t) is in range.
        Pm = np.where(self.far, self.Pm, self.wm * (1 + self.s))
        Pe = np.where(self.far, self.Pe, self.we)
        e = np.maximum(Pe, 0)
        P, w = np.ldexp(Pm, Pe - e), np.ldexp(self.wm, self.we - e)
        fall = np.where(sign * y < 600, np.ldexp(np.expm1(sign * y), -e), w)
        rise = np.where(P == 0, 0.0, P * y * (t * bend(L) - 2 * exprel(-L)))
        am, ae = np.frexp(alpha)
        closed = np.ldexp((rise + 2 * sign * fall) / am / am, e - 2 * ae)
        value = slope_in_alpha(self.r, alpha, y, t, L, closed)
        at_infinity = np.where(alpha >= 0, np.inf, 2 / alpha / alpha)
        value = np.where(np.isinf(self.um), at_infinity, value)
        value = np.where(np.isinf(alpha), 0.0, value)
        return np.where(np.isnan(self.um), np.nan, value)

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
