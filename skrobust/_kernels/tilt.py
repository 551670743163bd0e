"""The derivative in alpha where its closed form loses digits, and that form's terms.

With ``a = alpha / 2``, ``L = log1p(s)``, ``t = a L`` and ``phi(l) = l + expm1(-l)``,
``rho_alpha = b / 4 I`` and::

    I = integral of exp(a l) phi(l) over l from 0 to L
      = (exp(t) (a phi(L) - phi'(L)) + expm1((a - 1) L) / (a - 1)) / a**2

whose terms are ``6 / t**2`` times the whole where t is small.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating[Any]]

_SMALL_T = 0.5  # |t| below which the closed form loses too much
_SMALL_L = 0.25  # L below which the other form does
# Taylor coefficients, as many as 1e-16 takes at |t| = 1/2 and L = 1/4 or 1/2.
_ORDER = 14
_SLOPE_OF_EXPREL = [1 / (math.factorial(n) * (n + 2)) for n in range(13)]
_PHI = [2 * (-1) ** n / math.factorial(n + 2) for n in range(14)]


def slope_in_alpha(
    r: Float, alpha: Any, y: Float, t: Float, L: Float, closed: Float
) -> Float:
    """Return `rho_alpha` where its closed form gives `closed`.

    Parameters
    ----------
    r, alpha : ndarray of shape (n,)
        Residual and shape; alpha may be one number.
    y, t, L : ndarray of shape (n,)
        ``|log(w)|``, ``log(P)`` and ``log1p(s)``; L is 0 where alpha is in its limit.
    closed : ndarray of shape (n,)
        The closed form.
    """
    small = np.flatnonzero(np.abs(t) < _SMALL_T)
    if small.size:
        some = alpha[small] if np.ndim(alpha) else alpha
        y, b = y[small], np.abs(some - 2)
        k = np.maximum(np.abs(some) / 2, 1)
        a, one = some / 2 / k, 1 / k
        # y / b = L / 2, and nothing underflows before the product does.
        closed[small] = 2 * (y / b) * (y / b) * y * _tilt(t[small], L[small], a, one)
    at_2 = np.where(r == 0, 0.0, np.inf)
    return np.where(np.isinf(alpha), 0.0, np.where(alpha == 2, at_2, closed))


def _tilt(t: Float, L: Float, a: Any, one: Any) -> Float:
    """Return ``I / L**3`` where ``|t| < _SMALL_T``.

    Parameters
    ----------
    t, L : ndarray of shape (n,)
        As above; ``L >= 0``.
    a, one : float or ndarray of shape (n,)
        ``alpha / 2`` and 1, both divided by ``max(1, |alpha / 2|)``.
    """
    value: Float = _series(np.maximum(np.abs(t), L), a, one)
    rest = np.flatnonzero(~(L < _SMALL_L))
    if rest.size:
        t, L = t[rest], L[rest]
        steps = _exprel(t) - _exprel(t - L)
        value[rest] = (_polynomial(_SLOPE_OF_EXPREL, t) - steps / L) / L
    return value


def _series(x: Float, a: Any, one: Any) -> Float:
    """Return ``I / L**3`` for small L, with x the greater of L and ``|t|``.

    The functions ``h = exp((a - 1) l)``, ``g = exp(a l) (1 - exp(-l))`` and
    ``f = exp(a l) phi(l)`` have derivatives ``(a - 1) h``, ``a g + h`` and
    ``a f + g``, hence the recurrences of their Taylor coefficients.
    """
    f, g, h = [0.0], [0.0], [1.0]
    for n in range(1, _ORDER + 2):
        f.append((a * f[-1] + g[-1]) / n)
        g.append((a * g[-1] + h[-1]) / n)
        h.append((a - one) * h[-1] / n)
    return _polynomial([f[n] / (n + 1) for n in range(2, _ORDER + 2)], x)


def bend(L: Float) -> Float:
    """Return ``2 phi(L) / L**2``, which falls from 1 towards 0."""
    small = np.minimum(L, 0.5)
    value = _polynomial(_PHI, small)
    rest = np.flatnonzero(L > 0.5)
    if rest.size:
        L = L[rest]
        value[rest] = 2 * (1 + np.expm1(-L) / L) / L
    return value


def _exprel(x: Float) -> Float:
    """Return ``expm1(x) / x``, several times as fast as scipy's."""
    value: Float = np.expm1(x) / x
    value[x == 0] = 1.0
    return value


def _polynomial(coefficients: list[Any], x: Float) -> Float:
    """Return the polynomial whose coefficients begin with the constant."""
    value: Float = np.multiply(coefficients[-1], x)
    for coefficient in coefficients[-2:0:-1]:
        value += coefficient
        value *= x
    value += coefficients[0]
    return value
