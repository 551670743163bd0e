"""Kernels of the general robust loss: the value and what solvers need of it.

Every function is elementwise and pure, and broadcasts its arguments. Symbols:

    r      residual, ``y_true - y_pred``
    alpha  shape: 2 squares, 1 pseudo-Huber, 0 Cauchy, -2 Geman-McClure,
           -inf Welsch; any real value in between or beyond, and +inf
    c      scale: the residual where the loss stops being quadratic, positive
           and in the unit of r

With ``u = r / c``, ``b = |alpha - 2|``, ``s = u**2 / b`` and ``L = log1p(s)``
the loss of [1]_ and its derivatives are::

    P         = (1 + s)**(alpha / 2)     = exp(alpha L / 2)
    w         = (1 + s)**(alpha / 2 - 1) = P / (1 + s)
    rho       = b / alpha (P - 1)
    psi       = u w / c
    curvature = w (1 + (alpha - 1) s) / (1 + s) / c**2
    rho_c     = -u**2 w / c
    rho_alpha = b / 4 integral of exp(alpha l / 2) (l + expm1(-l)) over l from 0 to L

Their limits complete the family: ``rho = L`` at alpha = 0; ``w = 1`` and
``rho = u**2 / 2`` at alpha = 2; ``w = exp(+-u**2 / 2)``, ``rho = +-(w - 1)``,
``curvature = w (1 +- u**2) / c**2`` and ``rho_alpha = 0`` at alpha = +-inf.

The domain of them all is r in [-inf, inf], alpha in [-inf, inf] and c in (0, inf),
without gaps: at an infinite residual they have their limits there, and a result beyond
the range of its type is an infinity or 0. They are NaN where an argument is, and do not
check that c is positive. Their error is that of rounding ``r / c`` and a few
units in the last place more, or 1e-13 of the value.

Beside the family stand `huber` and `bisquare`, with ``rho``, ``psi``, ``weight``,
``curvature`` and ``evaluate`` as functions of (r, c), with the same domain and errors.

References
----------
.. [1] J. T. Barron, "A General and Adaptive Robust Loss Function", CVPR 2019.
       https://arxiv.org/abs/1701.03077
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skrobust._kernels import Kernel, kernels
from skrobust._kernels.classical import Classical as Classical
from skrobust._kernels.classical import bisquare, huber

__all__ = [
    "ALPHAS",
    "bisquare",
    "curvature",
    "evaluate",
    "huber",
    "psi",
    "rho",
    "rho_alpha",
    "rho_c",
    "weight",
]

Float = NDArray[np.floating[Any]]

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


def rho(r: ArrayLike, alpha: ArrayLike = 1.0, c: ArrayLike = 1.0) -> Float:
    """Return the loss of each residual.

    ::

        rho = b / alpha ((1 + s)**(alpha / 2) - 1)

    with ``s = (r / c)**2 / b`` and ``b = |alpha - 2|``.

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
        ``alpha <= 2`` and at most ``(alpha - 2) / alpha`` for ``alpha < 0``, its value
        at an infinite residual; that is inf for ``alpha >= 0``. It is float32 if every
        argument is float32 or a Python number, else float64; NaN where an argument is
        NaN.

    See Also
    --------
    evaluate : The loss with its derivatives, at less than their separate cost.

    Notes
    -----
    The limits are ``log1p((r / c)**2 / 2)`` at ``alpha = 0``, ``(r / c)**2 / 2`` at 2,
    ``-expm1(-(r / c)**2 / 2)`` at -inf and ``expm1((r / c)**2 / 2)`` at inf. The
    formula as it stands has no digit left near these, nor for small residuals: it is
    evaluated in other ways.

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
    return kernels(("rho",), r, alpha, c)[0]


def psi(r: ArrayLike, alpha: ArrayLike = 1.0, c: ArrayLike = 1.0) -> Float:
    """Return the derivative of `rho` with respect to the residual.

    ::

        psi = r / c**2 (1 + s)**(alpha / 2 - 1)

    with ``s = (r / c)**2 / b`` and ``b = |alpha - 2|``.

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

    Notes
    -----
    The limits are ``r / c**2`` at ``alpha = 2``, and that times
    ``exp(-(r / c)**2 / 2)`` at -inf and ``exp((r / c)**2 / 2)`` at inf.

    Examples
    --------
    >>> from skrobust import loss
    >>> loss.psi([-1.0, 0.0, 1.0, 1e9], alpha=1.0, c=0.5)
    array([-1.78885438,  0.        ,  1.78885438,  2.        ])
    """
    return kernels(("psi",), r, alpha, c)[0]


def weight(r: ArrayLike, alpha: ArrayLike = 1.0, c: ArrayLike = 1.0) -> Float:
    """Return ``c**2 * psi(r) / r``: how far a least-squares step trusts a residual.

    ::

        w = (1 + s)**(alpha / 2 - 1)

    with ``s = (r / c)**2 / b`` and ``b = |alpha - 2|``.

    Parameters
    ----------
    r, alpha, c : array-like
        Residual, shape and scale, as in `rho`.

    Returns
    -------
    ndarray or scalar of their broadcast shape
        The weight, without a unit: 1 at ``r = 0``. It falls towards 0 for large
        residuals if ``alpha < 2``, is 1 at ``alpha = 2``, and grows beyond.

    Notes
    -----
    The limits are 1 at ``alpha = 2``, ``exp(-(r / c)**2 / 2)`` at -inf and
    ``exp((r / c)**2 / 2)`` at inf.

    Examples
    --------
    >>> from skrobust import loss
    >>> loss.weight([0.0, 1.0, 10.0], alpha=0.0)
    array([1.        , 0.66666667, 0.01960784])
    """
    return kernels(("weight",), r, alpha, c)[0]


def curvature(r: ArrayLike, alpha: ArrayLike = 1.0, c: ArrayLike = 1.0) -> Float:
    """Return the derivative of `psi` with respect to the residual.

    ::

        curvature = w / c**2 (1 + (alpha - 1) s) / (1 + s)

    with ``s = (r / c)**2 / b`` and ``b = |alpha - 2|``, w being the `weight`.

    Parameters
    ----------
    r, alpha, c : array-like
        Residual, shape and scale, as in `rho`.

    Returns
    -------
    ndarray or scalar of their broadcast shape
        The second derivative of the loss, in units of ``1 / c**2``, its value at
        ``r = 0``. It is negative if and only if ``alpha < 1`` and
        ``(r / c)**2 > (2 - alpha) / (1 - alpha)``; next to that zero its error is
        that of rounding ``r / c``. For large residuals it tends to 0 if
        ``alpha < 2``, and grows without bound if ``alpha > 2``.

    Notes
    -----
    The limits are ``1 / c**2`` at ``alpha = 2`` and ``w (1 - u**2) / c**2`` at -inf
    and ``w (1 + u**2) / c**2`` at inf, with ``u = r / c``.

    Examples
    --------
    >>> from skrobust import loss
    >>> loss.curvature([0.0, 1.0, 10.0], alpha=0.0)
    array([ 1.        ,  0.22222222, -0.01883891])
    """
    return kernels(("curvature",), r, alpha, c)[0]


def rho_alpha(r: ArrayLike, alpha: ArrayLike = 1.0, c: ArrayLike = 1.0) -> Float:
    """Return the derivative of `rho` with respect to alpha.

    ::

        rho_alpha = b / 4 (the integral over l from 0 to log(1 + s)
                           of exp(alpha l / 2) (l + exp(-l) - 1))

    with ``s = (r / c)**2 / b`` and ``b = |alpha - 2|``.

    Parameters
    ----------
    r, alpha, c : array-like
        Residual, shape and scale, as in `rho`.

    Returns
    -------
    ndarray or scalar of their broadcast shape
        The derivative, without a unit. It is never negative: the loss grows with
        alpha. Near ``r = 0`` it is ``(r / c)**6 / (24 (alpha - 2)**2)``; at an infinite
        residual, ``2 / alpha**2`` for ``alpha < 0`` and inf for ``alpha >= 0``.

    Notes
    -----
    At ``alpha = 0`` it is ``L**2 / 4 - (L - s / (1 + s)) / 2`` with ``L = log1p(s)``,
    and at ``alpha = +-inf`` it is 0. On both sides of ``alpha = 2`` it grows
    beyond all bounds, as ``-u**2 / 4 log(|alpha - 2|)``: there it is inf unless
    ``r = 0``.

    Examples
    --------
    >>> from skrobust import loss
    >>> loss.rho_alpha(10.0, alpha=[-1.0, 0.0, 1.0, 2.0])
    array([ 0.83628662,  2.38909646, 10.06612829,         inf])
    """
    return kernels(("rho_alpha",), r, alpha, c)[0]


def rho_c(r: ArrayLike, alpha: ArrayLike = 1.0, c: ArrayLike = 1.0) -> Float:
    """Return the derivative of `rho` with respect to c.

    ::

        rho_c = -r psi / c = -r**2 / c**3 (1 + s)**(alpha / 2 - 1)

    with ``s = (r / c)**2 / b`` and ``b = |alpha - 2|``.

    Parameters
    ----------
    r, alpha, c : array-like
        Residual, shape and scale, as in `rho`.

    Returns
    -------
    ndarray or scalar of their broadcast shape
        The derivative, in units of ``1 / c``. It is never positive: the loss falls as
        c grows. For large residuals it falls without bound if ``alpha > 0``, tends to
        ``-2 / c`` at ``alpha = 0``, and returns to 0 if ``alpha < 0``.

    Notes
    -----
    The limits are ``-r**2 / c**3`` at ``alpha = 2``, and that times
    ``exp(-(r / c)**2 / 2)`` at -inf and ``exp((r / c)**2 / 2)`` at inf.

    Examples
    --------
    >>> from skrobust import loss
    >>> loss.rho_c([1.0, 10.0, 1e9], alpha=0.0, c=2.0)
    array([-0.11111111, -0.92592593, -1.        ])
    """
    return kernels(("rho_c",), r, alpha, c)[0]


def evaluate(
    r: ArrayLike,
    alpha: ArrayLike = 1.0,
    c: ArrayLike = 1.0,
    order: int = 2,
    *,
    parameters: bool = False,
) -> tuple[Float, ...]:
    """Return the loss and its derivatives up to an order, sharing their terms.

    Parameters
    ----------
    r, alpha, c : array-like
        Residual, shape and scale, as in `rho`.
    order : {0, 1, 2}, default=2
        Highest derivative with respect to the residual.
    parameters : bool, default=False
        Whether to add the derivatives with respect to alpha and c.

    Returns
    -------
    tuple of ndarrays or scalars
        The first ``order + 1`` of `rho`, `psi` and `curvature`, then, if `parameters`,
        `rho_alpha` and `rho_c`; equal to these to rounding.

    Examples
    --------
    >>> from skrobust import loss
    >>> value, slope = loss.evaluate([0.0, 3.0], alpha=1.0, order=1)
    >>> value
    array([0.        , 2.16227766])
    >>> value, by_alpha, by_c = loss.evaluate(3.0, alpha=0.0, order=0, parameters=True)
    >>> print(by_alpha.round(6), by_c.round(6))
    0.283258 -1.636364
    """
    names: tuple[Kernel, ...] = ("rho", "psi", "curvature")
    more: tuple[Kernel, ...] = ("rho_alpha", "rho_c") if parameters else ()
    return kernels((*names[: order + 1], *more), r, alpha, c)


class Family(Protocol):
    """What an objective asks of a loss: functions of the residuals and the scale."""

    @property
    def supremum(self) -> float:
        """The largest loss of all rows, inf where there is none."""

    def evaluate(self, r: Float, c: Any, order: int) -> tuple[Float, ...]:
        """Return the first ``order + 1`` of `rho`, `psi` and `curvature`."""

    def weight(self, r: Float, c: Any) -> Float:
        """Return ``c**2 * psi / r``, which is 1 at ``r = 0``."""

    def at(self, rows: slice) -> Self:
        """Return the loss of some of the rows."""


@final
@dataclass(frozen=True, eq=False)
class General:
    """The general loss at given shapes.

    Parameters
    ----------
    alpha : float or ndarray of shape (n,)
        Shape for all rows, or one for each.
    """

    alpha: float | Float

    @property
    def supremum(self) -> float:
        """The largest loss of all rows, inf where alpha is not negative."""
        largest = float(np.max(self.alpha))
        return 1 - 2 / largest if largest < 0 else np.inf

    def evaluate(self, r: Float, c: Any, order: int) -> tuple[Float, ...]:
        """Return the first ``order + 1`` of `rho`, `psi` and `curvature`."""
        return evaluate(r, self.alpha, c, order)

    def weight(self, r: Float, c: Any) -> Float:
        """Return ``c**2 * psi / r``, which is 1 at ``r = 0``."""
        return weight(r, self.alpha, c)

    def at(self, rows: slice) -> General:
        """Return the loss of some of the rows."""
        if isinstance(self.alpha, np.ndarray):
            return General(self.alpha[rows])
        return self
