"""Integrals under exp(-rho(u, alpha)), with u the residual in units of c.

The substitution u = sqrt(b) sinh(theta), b = |alpha - 2|, turns the loss into
(b / alpha) (cosh(theta)**alpha - 1), for alpha = 2 with b = 1. Its exponential is then
analytic near the real axis and vanishes faster than any power of cosh(theta), whatever
alpha, so that the trapezoid rule converges geometrically: 160 steps give all digits.
What ends before that is left to Gauss and Legendre.

All functions take flat arrays of float64, one lane for each integral; `lane_by_lane`
keeps few of them in memory at a time.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from skrobust import loss

__all__ = [
    "Nodes",
    "finite_shape",
    "gauss",
    "growth_of_rho",
    "lane_by_lane",
    "log_moment",
    "rho_alpha_alpha",
    "truncated",
    "where_negligible",
    "whole_line",
]

Array = NDArray[np.float64]

LARGEST_ALPHA = 2.0**73  # where the loss is its limit at inf to the last bit
NEGLIGIBLE = 40.0  # exp(-40) of the largest value of an integrand is dropped
BLOCK = 256  # lanes at a time, for their nodes to stay in a core's cache

TRAPEZOID = np.arange(161) / 160, np.r_[0.5, np.ones(160)] / 160


def gauss(n: int) -> tuple[Array, Array]:
    """Return n nodes of Gauss and Legendre in [0, 1], and their weights."""
    x, w = np.polynomial.legendre.leggauss(n)
    return (x + 1) / 2, w / 2


PANEL, GAP = gauss(24), gauss(5)


class Nodes(NamedTuple):
    """Where to evaluate an even function of u, and how to average it.

    ``(f(u) * share).sum(axis=-1)`` is the mean of f under the density.
    """

    log_z: Array  # (n,), logarithm of the integral of exp(-rho) over all u
    u: Array  # (n, m), ascending from 0
    share: Array  # (n, m), adds up to 1


def whole_line(alpha: Array) -> Nodes:
    """Return the nodes for the density on the whole line.

    Parameters
    ----------
    alpha : ndarray of shape (n,)
        Shapes, from 0 to inf.

    Returns
    -------
    Nodes
    """
    theta, log_terms, root_b = _terms(alpha, 0.0)
    return _nodes(root_b * np.sinh(theta), log_terms)


@np.errstate(divide="ignore")  # log(0) at u = 0
def log_moment(alpha: Array, power: int) -> Array:
    """Return the logarithm of the mean of ``u**power`` under the density.

    Parameters
    ----------
    alpha : ndarray of shape (n,)
        Shapes, greater than 0.
    power : int
        An even number greater than 0.

    Returns
    -------
    ndarray of shape (n,)
        Where alpha is small, its exponential is beyond the range of floats.
    """
    alpha = np.maximum(alpha, 1e-9)  # far beyond the range already
    theta, log_terms, root_b = _terms(alpha, float(power))
    log_u = np.log(-root_b * np.expm1(-2 * theta) / 2) + theta
    log_half = logsumexp(log_terms + power * log_u, axis=1)
    moment: Array = log_half + np.log(2) - whole_line(alpha).log_z
    return moment


def _terms(alpha: Array, power: float) -> tuple[Array, Array, Array]:
    """Return nodes for ``|u|**power exp(-rho)`` and what the exponential adds there.

    Returns
    -------
    theta, log_terms : ndarray of shape (n, 161)
        ``u = root_b sinh(theta)`` and the logarithm of ``exp(-rho) du``.
    root_b : ndarray of shape (n, 1)
    """
    a, b = finite_shape(alpha)
    end = where_negligible(a, b, np.zeros_like(b), 1 + power)[:, None]
    theta = end * TRAPEZOID[0]
    log_cosh = _log_cosh(theta)
    root_b = np.sqrt(b)[:, None]
    log_terms = log_cosh - growth_of_rho(a[:, None], b[:, None], log_cosh)
    return theta, log_terms + np.log(TRAPEZOID[1] * (end * root_b)), root_b


def truncated(alpha: Array, support: Array) -> Nodes:
    """Return the nodes for the density cut off at ``|u| = support``.

    Parameters
    ----------
    alpha : ndarray of shape (n,)
        Shapes, from -inf to inf.
    support : ndarray of shape (n,)
        Where the density ends, in units of c, positive.

    Returns
    -------
    Nodes
    """
    # The density is flat on a support so small, and less would become subnormal.
    small = 1e-200
    log_share = np.log(np.minimum(support, small)) - np.log(small)
    support = np.maximum(support, small)
    a, b = finite_shape(alpha)
    # Where the density has no tails of its own, its features are of size 1.
    unit = np.sqrt(np.where(a < 0, np.minimum(b, 2.0), b))
    end = np.arcsinh(support / unit)
    decays = a >= 0
    end[decays] = np.minimum(
        end[decays], where_negligible(a[decays], b[decays], np.zeros(decays.sum()), 1.0)
    )
    panels = 8 + int(end.max(initial=0.0) / 2)
    x, w = PANEL
    x = ((np.arange(panels)[:, None] + x) / panels).ravel()
    theta = end[:, None] * x
    u = unit[:, None] * np.sinh(theta)
    log_weights = np.log(np.tile(w, panels) / panels * (end * unit)[:, None])
    log_weights += log_share[:, None]
    return _nodes(u, log_weights + _log_cosh(theta) - loss.rho(u, alpha[:, None]))


def rho_alpha_alpha(u: Array, alpha: Array) -> Array:
    """Return the second derivative of the loss in alpha, at nodes.

    Parameters
    ----------
    u : ndarray of shape (n, m)
        Residuals in units of c, ascending and dense along the last axis: what lies
        between two of them is integrated by five points.
    alpha : ndarray of shape (n,)
        Shapes, other than 2.

    Returns
    -------
    ndarray of shape (n, m)
    """
    # The integral over l from 0 to L = log(1 + u**2 / b) of, with a = alpha / 2,
    # e**(a l) (b / 8 (l + expm1(-l))**2 - sign(alpha - 2) / 4 expm1(-l)**2).
    b, a = np.abs(alpha - 2)[:, None], alpha[:, None] / 2
    v = u / np.sqrt(b)
    near = np.minimum(v, 1e9)
    L = np.where(v < 1e9, np.log1p(near * near), 2 * np.log(np.maximum(v, 1.0)))
    start = np.concatenate([np.zeros_like(b), L[:, :-1]], axis=1)
    width = L - start
    total = np.zeros_like(L)
    for x, w in zip(*GAP, strict=True):
        ell = start + x * width
        fall = np.expm1(-ell)
        bend = b / 8 * (ell + fall) ** 2 - np.sign(alpha - 2)[:, None] / 4 * fall**2
        total += w * width * np.exp(a * ell) * bend
    return np.cumsum(total, axis=1)


def finite_shape(alpha: Array) -> tuple[Array, Array]:
    """Return alpha and b, with values in place of the limits at 2 and at +-inf."""
    alpha = np.clip(alpha, -LARGEST_ALPHA, LARGEST_ALPHA)
    b = np.abs(alpha - 2)
    return alpha, b + (b == 0)


def lane_by_lane(f: Callable[..., Array], *arrays: Any, size: int = BLOCK) -> Array:
    """Return f, a function of flat arrays, of these arrays once they are broadcast.

    Parameters
    ----------
    f : callable
        Its result may have more axes, after that of the lanes.
    *arrays : array-like
        Its arguments.
    size : int, default=BLOCK
        How many lanes it gets at a time.
    """
    lanes = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in arrays))
    flat = [x.reshape(-1) for x in lanes]
    starts = range(0, max(flat[0].size, 1), size)
    values = np.concatenate([f(*(x[i : i + size] for x in flat)) for i in starts])
    return values.reshape(lanes[0].shape + values.shape[1:])


def growth_of_rho(a: Array, slope: Array, x: Array) -> Array:
    """Return ``slope expm1(a x) / a``: how much rho grows as log(cosh) grows by x."""
    flat = np.abs(a) < 1e-290
    rise: Array = np.expm1(np.where(flat, 1.0, a) * x)
    rise *= slope / np.where(flat, 1.0, a)
    return np.where(flat, slope * x, rise) if flat.any() else rise


def _log_cosh(theta: Array) -> Array:
    """Return log(cosh(theta)) with all its digits, for theta from 0 on."""
    near = np.log1p(2 * np.sinh(np.minimum(theta, 1.0) / 2) ** 2)
    return np.where(theta < 1, near, theta + np.log1p(np.expm1(-2 * theta) / 2))


def where_negligible(a: Array, slope: Array, tanh: Array, power: float) -> Array:
    """Return the delta beyond which ``cosh**power exp(-rho)`` can be neglected.

    Parameters
    ----------
    a, slope, tanh : ndarray of shape (n,)
        Shape, derivative of rho in log(cosh), and tanh(theta), where delta is 0.
    power : float
        How fast the other factor grows; below 1 + slope where a is 0.

    Returns
    -------
    ndarray of shape (n,)
    """
    # With x the growth of log(cosh), the exponent power x - slope expm1(a x) / a has
    # its maximum at ``top``, and is NEGLIGIBLE less at the x we look for. There,
    # x = log1p(a (less + power x) / slope) / a, a concave function of x.
    flat = a < 1e-290
    a = np.where(flat, 1.0, a)
    growth = np.maximum(power / slope, 1.0)
    top = np.log(growth) / a
    less = NEGLIGIBLE + slope * (growth - 1) / a - power * top
    x = top + 1
    for _ in range(8):
        y = (less + power * x) / slope
        image = np.where(flat, y, np.log1p(a * y) / a)
        x += (image - x) / (1 - power / slope / np.where(flat, 1.0, 1 + a * y))
    # m = expm1(x) is quadratic in D = expm1(delta); both signs of its linear term. Far
    # out, the smaller of the exponentials in cosh has no say.
    m = np.expm1(np.minimum(x, 100.0))
    half = m - tanh
    root = np.sqrt(half**2 + 2 * (1 + tanh) * m)
    left = half < 0
    D = np.where(left, 2 * m, root + half) / np.where(left, root - half, 1 + tanh)
    return np.where(x < 100, np.log1p(D), x + np.log(2 / (1 + tanh)))


def _nodes(u: Array, log_terms: Array) -> Nodes:
    """Return the nodes on both sides of 0, from the logarithms of their terms."""
    most = log_terms.max(axis=1, keepdims=True)
    share = np.exp(log_terms - most)
    total = share.sum(axis=1, keepdims=True)
    share /= total
    log_z = np.log(2 * total) + most
    return Nodes(log_z[:, 0], u, share)
