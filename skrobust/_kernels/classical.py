"""The losses of Huber and of Tukey, which the general family does not contain.

With ``u = r / c`` and, inside ``|u| <= 1`` and outside::

              Huber                     bisquare, v = u**2
    rho       u**2 / 2   |u| - 1/2      v (3 - 3 v + v**2) / 6    1/6
    psi       u / c      sign(u) / c    u (1 - v)**2 / c          0
    weight    1          1 / |u|        (1 - v)**2                0
    curvature 1 / c**2   0              (1 - v) (1 - 5 v) / c**2  0

They are exact as the general loss is: to the rounding of ``r / c`` and a few units in
the last place, at any r and c.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skrobust._kernels import BLOCK

Float = NDArray[np.floating[Any]]
Fill = Callable[[Sequence[str], Float, Any, Float], None]


@final
@dataclass(frozen=True)
class Classical:
    """A loss with a scale and no shape, as functions of the residuals.

    Attributes
    ----------
    name : str
        What it is called in `skrobust.loss`.
    supremum : float
        The largest loss, inf where there is none.

    Notes
    -----
    All methods broadcast their arguments, keep float32 and never warn, like the
    functions of `skrobust.loss`: `r` is in [-inf, inf] and in the unit of `c`, which
    is positive and not checked. A NaN gives NaN.
    """

    name: str
    supremum: float
    _fill: Fill = field(repr=False)

    def __repr__(self) -> str:
        return f"loss.{self.name}"

    def __reduce__(self) -> str:
        return self.name

    def rho(self, r: ArrayLike, c: ArrayLike = 1.0) -> Float:
        """Return the loss of each residual, without a unit: 0 at ``r = 0``."""
        return self._kernels(("rho",), r, c)[0]

    def psi(self, r: ArrayLike, c: ArrayLike = 1.0) -> Float:
        """Return the derivative of `rho` in the residual, in units of ``1 / c``."""
        return self._kernels(("psi",), r, c)[0]

    def weight(self, r: ArrayLike, c: ArrayLike = 1.0) -> Float:
        """Return ``c**2 * psi(r) / r``, which is 1 at ``r = 0`` and never more."""
        return self._kernels(("weight",), r, c)[0]

    def curvature(self, r: ArrayLike, c: ArrayLike = 1.0) -> Float:
        """Return the derivative of `psi` in the residual, in units of ``1 / c**2``.

        Where it jumps, at ``|r| = c``, it has its value from inside.
        """
        return self._kernels(("curvature",), r, c)[0]

    def evaluate(
        self, r: ArrayLike, c: ArrayLike = 1.0, order: int = 2
    ) -> tuple[Float, ...]:
        """Return the first ``order + 1`` of `rho`, `psi` and `curvature`."""
        return self._kernels(("rho", "psi", "curvature")[: order + 1], r, c)

    def at(self, rows: slice) -> Classical:
        """Return the loss of some rows, which is that of all."""
        return self

    @np.errstate(all="ignore")  # a result beyond the range is inf or 0, as it should be
    def _kernels(self, names: Sequence[str], r: Any, c: Any) -> tuple[Float, ...]:
        """Return the kernels asked for."""
        c = c if type(c) in (float, int) else np.asarray(c)
        r = np.asarray(r)
        kind: Any = np.float32 if np.result_type(r, c) == np.float32 else np.float64
        shape = r.shape
        if getattr(c, "ndim", 0):
            shape = np.broadcast_shapes(shape, c.shape)
            r, c = np.broadcast_to(r, shape), np.broadcast_to(c, shape).reshape(-1)
        r, one = r.reshape(-1), not getattr(c, "ndim", 0)
        out = np.empty((len(names), r.size), kind)
        for start in range(0, r.size, BLOCK):
            rows = slice(start, start + BLOCK)
            # float64 whatever the kind, or zeros and edges would lose their digits.
            scale = np.float64(c) if one else c[rows].astype(np.float64, copy=False)
            block = r[rows].astype(np.float64, copy=False)
            self._fill(names, block / scale, scale, out[:, rows])
        return tuple([row.reshape(shape)[()] for row in out])


def _fill_huber(names: Sequence[str], u: Float, c: Any, out: Float) -> None:
    """Fill the rows of `out` with the kernels of Huber's loss at ``u = r / c``.

    They come in the order of a derivative, and overwrite what later ones do not need.
    """
    size = np.abs(u)
    for name, row in zip(names, out, strict=True):
        if name == "rho":
            inside = np.minimum(size, 1)
            half = inside / 2
            np.subtract(size, half, out=half)
            np.multiply(inside, half, out=row, casting="same_kind")
        elif name == "psi":
            slope = np.clip(u, -1, 1)
            np.divide(slope, c, out=row, casting="same_kind")
        elif name == "weight":
            np.maximum(size, 1, out=size)
            np.divide(1, size, out=row, casting="same_kind")
        else:
            np.maximum(size, 1, out=size)
            inside = np.divide(1, size, out=size)
            np.floor(inside, out=inside)  # 1 or 0, and NaN stays NaN
            inside /= c
            np.divide(inside, c, out=row, casting="same_kind")


def _fill_bisquare(names: Sequence[str], u: Float, c: Any, out: Float) -> None:
    """Fill the rows of `out` with the kernels of the bisquare at ``u = r / c``.

    They come in the order of a derivative, and overwrite what later ones do not need.
    """
    np.clip(u, -1, 1, out=u)
    v = np.square(u)
    rest = v - 1  # this way round, what is 0 is not -0
    for name, row in zip(names, out, strict=True):
        if name == "rho":  # v (3 + v (v - 3)) / 6: no digit is lost where v is small
            value = v - 3
            value *= v
            value += 3
            value *= v
            np.divide(value, 6, out=row, casting="same_kind")
        elif name == "psi":
            u *= rest
            u *= rest
            np.divide(u, c, out=row, casting="same_kind")
        elif name == "weight":
            np.square(rest, out=row, casting="same_kind")
        else:
            v *= 5
            v -= 1
            v *= rest
            v /= c
            np.divide(v, c, out=row, casting="same_kind")


huber = Classical("huber", np.inf, _fill_huber)
bisquare = Classical("bisquare", 1 / 6, _fill_bisquare)
