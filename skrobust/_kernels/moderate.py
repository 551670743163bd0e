"""The kernels for residuals well inside the float range."""

from math import log1p
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from skrobust._kernels.shape import ALGEBRAIC, Shape
from skrobust._kernels.tilt import bend, slope_in_alpha

Float = NDArray[np.floating[Any]]

SCRATCH = 4  # arrays that `Moderate` works in


@final
class Moderate:
    """The kernels of residuals whose terms are all well inside the float range.

    Parameters
    ----------
    r : ndarray of shape (n,)
        Residuals, of the shape's kind.
    shape : Shape
        In its form "power", ``rho = ratio (P - 1)`` and ``w = P / (1 + s)``; "gap" is
        the same as ``rho = ratio (s w + w - 1)``, which keeps its digits where b
        vanishes; "limit" has ``L = s`` and ``rho = ratio (w - 1)``; "log", P = 1 and
        ``rho = ratio L``. In "root", "reciprocal" and "square", ``rho = ratio s D``,
        where D is ``2 / (1 + P)``, P and 1.
    work : ndarray of shape (SCRATCH, n)
        Where the terms go.
    rise : ndarray of shape (n,) or None
        The result of `rho`, which is then the first to ask for, or None without it.
    """

    def __init__(self, r: Float, shape: Shape, work: Float, rise: Float | None) -> None:
        self.r, self.shape = r, shape
        self.s, self._w, self._free, spare = work
        rises = rise is not None
        # What fits into a result goes there: less has to stay in the cache.
        same = rise is not None and rise.dtype == work.dtype
        self._rise = rise if rise is not None and same else spare
        self._square()
        self._least_s, self._most_s = float(self.s.min()), float(self.s.max())
        self._divides = shape.form in ALGEBRAIC  # by the inverse of w
        if not self._divides:
            self._exponentiate(rises)
            return
        if shape.form == "square":
            self._w.fill(1)
            return
        np.add(self.s, 1, out=self._w)
        if shape.form == "root":
            np.sqrt(self._w, out=self._w)
        elif shape.form == "reciprocal":
            np.square(self._w, out=self._w)

    def _square(self) -> None:
        """Find s and, where float32 is too coarse for exp(s), what s lost."""
        per_r2, self._lost = self.shape.per_r2, None
        if self.shape.form != "limit" or self.s.dtype == np.float64:
            np.square(self.r, out=self.s)
            self.s *= per_r2
            return
        exact = self.r.astype(np.float64)
        exact *= exact
        exact *= per_r2
        self.s[...] = exact
        exact -= self.s.astype(np.float64)
        self._lost = exact.astype(np.float32)

    def _exponentiate(self, rises: bool) -> None:
        """Find w, or its square root, and P - 1 if it is needed."""
        w, rise, shape = self._w, self._rise, self.shape
        most_L = self._most_s if shape.form == "limit" else log1p(self._most_s)
        # 1 + rise is cheap, but where rise < 0 it loses as many digits as cancel.
        floor = -4.0 if w.dtype == np.float64 else -0.6
        cheap = rises and shape.least_a * most_L > floor and not shape.halves
        x = self._log_times(shape.a, rise if cheap else self._free)
        if rises:
            np.expm1(x, out=rise)
        if cheap:
            np.add(rise, 1, out=w)
        elif not shape.halves:
            np.exp(x, out=w)
        else:
            np.exp(self._log_times(shape.p / 2, w), out=w)
            return
        if shape.form == "power":
            np.divide(w, np.add(self.s, 1, out=self._free), out=w)
        if self._lost is not None:
            more = np.multiply(w, self._lost, out=self._free)
            more *= shape.a
            w += more
            if rises:
                rise += more

    def _log_times(self, x: Any, out: Float) -> Float:
        """Return L times a number."""
        if self.shape.form == "limit":
            np.multiply(self.s, x, out=out)
        else:
            np.log1p(self.s, out=out)
            out *= x
        return out

    def in_range(self) -> bool:
        """Return whether every s is in range and no residual is NaN."""
        return self._least_s > self.shape.least_s and self._most_s < self.shape.most_s

    def out_of_range(self) -> NDArray[np.intp]:
        """Return which residuals are NaN or have an s out of range."""
        beyond = ~(self.s < self.shape.most_s)
        if not self._least_s > self.shape.least_s:
            beyond |= (self.s <= self.shape.least_s) & (self.r != 0)
        return np.flatnonzero(beyond)

    def rho(self, out: Float) -> None:
        form, free = self.shape.form, self._free
        if form == "root":
            np.divide(self.s, np.add(self._w, 1, out=free), out=out)
            return
        if form == "square":
            free = self.s
        elif form == "reciprocal":
            np.divide(self.s, np.add(self.s, 1, out=free), out=free)
        elif form == "log":
            np.log1p(self.s, out=free)
        elif form == "gap":
            self._weigh(self.s, free)
            free = np.add(self._rise, free, out=self._rise)
        else:
            free = self._rise
        np.multiply(free, self.shape.ratio, out=out)

    def psi(self, out: Float) -> None:
        free = out if out.dtype == self.s.dtype else self._free
        self._weigh(np.multiply(self.r, self.shape.per_c2, out=free), out)

    def weight(self, out: Float) -> None:
        self._weigh(1.0, out)

    def curvature(self, out: Float) -> None:
        bend = self.shape.slope * self.s
        bend += 1
        if self.shape.form != "limit":
            bend /= np.add(self.s, 1, out=self._free)
        bend *= self.shape.per_c2
        self._weigh(bend, out)

    def rho_c(self, out: Float) -> None:
        self._weigh(np.multiply(self.s, self.shape.fall, out=self._free), out)

    def _weigh(self, x: Any, out: Float) -> None:
        """Fill `out` with x times the weight."""
        if self._divides:
            np.divide(x, self._w, out=out)
            return
        if self.shape.halves:
            x = np.multiply(x, self._w, out=self._free)
        np.multiply(x, self._w, out=out)

    def rho_alpha(self, out: Float) -> None:
        alpha, b, s = self.shape.alpha, self.shape.b, self.s
        sign = np.sign(alpha - 2)
        eta: Any
        kappa: Any
        if self.shape.form == "limit":
            L, y, eta, kappa = np.zeros_like(s), s / 2, 1.0, 1.0
            t = sign * y
        else:
            L = np.log1p(s)
            y, t = b / 2 * L, alpha / 2 * L
            eta = s / (1 + s) / L
            kappa = 2 * (1 - eta) / L if np.max(np.abs(alpha)) <= 8 else bend(L)
        fall = np.expm1(sign * y)
        P = np.exp(sign * y) * (1 + s) if self.shape.form == "gap" else np.exp(t)
        rise = P * y * (t * kappa - 2 * eta)
        closed = (rise + 2 * sign * fall) / alpha / alpha
        out[...] = slope_in_alpha(self.r, alpha, y, t, L, closed)
