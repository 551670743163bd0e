"""Tails and quantiles of the density exp(-rho(u, alpha)) / Z(alpha).

The probability beyond q is the density at q times the integral of exp(rho(q) - rho(u))
over the tail. The integral is found relative to what it begins with, so that no tail is
too small for it, and its logarithm changes slowly with q: for many q and one alpha it
is read off polynomials.
"""

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from skrobust import loss
from skrobust._quadrature import (
    finite_shape,
    gauss,
    growth_of_rho,
    lane_by_lane,
    where_negligible,
)
from skrobust.partition import log_partition

__all__ = ["log_density", "log_sf", "one_or_many", "quantile"]

Array = NDArray[np.float64]
Tail = Callable[[Array, Array], Array]  # of alpha and q: see _log_tail

LARGEST = float(np.finfo(np.float64).max)
HALF = -math.log(2)
NEAR = 2e-4  # q below which the density is 1 - q**2 / 2 of that at 0, to all digits
MANY = 512  # tails of one alpha, for which a table pays
CHUNK = 65536  # tails from a table at a time

# A tail is steepest where it begins: 32 nodes are in the first fifth.
(FIRST, FIRST_WEIGHTS), (LATER, LATER_WEIGHTS) = gauss(32), gauss(80)
TAIL = np.r_[0.2 * FIRST, 0.2 + 0.8 * LATER]
TAIL_WEIGHTS = np.r_[0.2 * FIRST_WEIGHTS, 0.8 * LATER_WEIGHTS]
# Chebyshev points, from values there to Chebyshev's coefficients, from these to powers.
POINTS = np.polynomial.chebyshev.chebpts1(12)
TO_SERIES = np.polynomial.chebyshev.chebvander(POINTS, 11).T / 6
TO_SERIES[0] /= 2
TO_POWERS = np.column_stack(
    [
        np.pad(np.polynomial.chebyshev.cheb2poly(series), (0, 11 - degree))
        for degree, series in enumerate(np.eye(12))
    ]
)


def log_density(x: Any, alpha: Any) -> Array:
    """Return the logarithm of the density at x."""
    density: Array = -loss.rho(x, one_or_many(alpha)) - _log_z(alpha)
    return density


@np.errstate(all="ignore")  # a tail may be 0, and its logarithm -inf
def log_sf(q: Any, alpha: Any) -> Array:
    """Return the logarithm of the probability beyond q, for q from 0 on."""
    one = one_or_many(alpha)
    if isinstance(one, float) and np.size(q) >= MANY:
        table = _TailTable(one, np.max(q, where=np.isfinite(q), initial=0.0))
        known = {"alpha": np.array(one), "log_z": _log_z(one)}
        return lane_by_lane(partial(_log_sf, table, **known), q, size=CHUNK)
    return lane_by_lane(partial(_log_sf, _log_tail), q, alpha, _log_z(alpha))


def _log_sf(tail: Tail, q: Array, alpha: Array, log_z: Array) -> Array:
    """Return the logarithm of the probability beyond q."""
    density = -loss.rho(q, alpha) - log_z
    far = np.minimum(tail(alpha, q) + density, HALF)
    far = np.where(density < -1e290, density, far)  # which has no digits for the rest
    near = np.log1p(-2 * (q - q**3 / 6) * np.exp(-log_z)) + HALF
    return np.where(q < NEAR, near, far)


@np.errstate(all="ignore")
def quantile(p: Any, alpha: Any) -> Array:
    """Return the q from 0 on beyond which the probability is p, for p up to 1/2."""
    one = one_or_many(alpha)
    if isinstance(one, float) and np.size(p) >= MANY:
        return _many_quantiles(np.asarray(p), one)
    # exp(-rho) / 2 is about that probability.
    start = np.sqrt(HALF - np.log(p))
    newton = partial(_newton, _log_tail)
    return lane_by_lane(newton, start, p, alpha, _log_z(alpha))


def _many_quantiles(p: Array, alpha: float) -> Array:
    """Return the quantiles of one alpha with a table, from places near them."""
    farthest = float(quantile(np.min(p, where=p > 0, initial=0.5), alpha))
    table, one, log_z = _TailTable(alpha, farthest), np.array(alpha), _log_z(alpha)
    v = np.linspace(0, np.sqrt(loss.rho(min(farthest, LARGEST), alpha)), 4096)
    q = np.minimum(_inverse_rho(v * v, one), LARGEST)
    rarity = -_log_sf(table, q, one, log_z)

    def lanes(p: Array) -> Array:
        start = np.interp(-np.log(p), rarity, v)
        return _newton(table, start, p, one, log_z)

    return lane_by_lane(lanes, p, size=CHUNK)


def _newton(tail: Tail, v: Array, p: Array, alpha: Array, log_z: Array) -> Array:
    """Return the q beyond which the probability is p, from a guess of sqrt(rho(q)).

    Against v = sqrt(rho(q)) the logarithm of the probability is concave, as for the
    normal distribution, so that Newton's steps reach the root from any v > 0, the
    second and all later ones from the same side.
    """
    log_p = np.log(p)
    most = np.sqrt(loss.rho(LARGEST, alpha))
    for _ in range(50):
        q = np.minimum(_inverse_rho(v * v, alpha), LARGEST)
        log_rest = tail(alpha, q)
        excess = log_rest - loss.rho(q, alpha) - log_z - log_p
        step = excess / (2 * v) * np.exp(log_rest + np.log(loss.psi(q, alpha)))
        last, v = v, np.minimum(v + step, most)
        if not np.any(np.abs(v - last) > 1e-9 * v + 1e-14):  # the next is rounding
            break
    far = np.where((v >= most) | (p == 0), np.inf, _inverse_rho(v * v, alpha))
    near = (0.5 - p) * np.exp(log_z)
    return np.where(near < NEAR, near + near**3 / 6, far)


def one_or_many(alpha: Any) -> Any:
    """Return a float in place of an array that holds nothing else."""
    alpha = np.asarray(alpha, np.float64)
    if alpha.size and alpha.min() == alpha.max():
        return float(alpha.flat[0])
    return alpha


def _log_z(alpha: Any) -> Any:
    """Return log Z of all alphas, worked out once for each that is different."""
    one = one_or_many(alpha)
    if isinstance(one, float):
        return _log_z_of_one(one)
    different, places = np.unique(one, return_inverse=True)
    return log_partition(different)[places].reshape(one.shape)


@lru_cache(maxsize=1024)
def _log_z_of_one(alpha: float) -> float:
    """Return log Z, remembered for those who ask for one density after the other."""
    return float(log_partition(alpha))


def _log_tail(alpha: Array, q: Array) -> Array:
    """Return ``log(integral from q to inf of exp(rho(q) - rho(u)) du)``.

    Parameters
    ----------
    alpha : ndarray of shape (n,)
        Shapes, from 0 to inf.
    q : ndarray of shape (n,)
        Where the tail begins, from 0 on, finite.

    Returns
    -------
    ndarray of shape (n,)
    """
    # With theta = theta_q + delta and D = expm1(delta), the ratio of the two cosh is
    # 1 + m, and rho(u) - rho(q) = P_q (b / alpha) ((1 + m)**alpha - 1): no differences
    # of large numbers, however far out q is.
    a, b = finite_shape(alpha)
    v = q / np.sqrt(b)
    tanh = v / np.hypot(1, v)
    log_cosh = np.where(v < 1, np.log1p(v * v) / 2, np.log(np.hypot(1, v)))
    slope = b * np.exp(a * log_cosh)  # P_q b
    end = where_negligible(a, slope, tanh, 1.0)
    D = np.expm1(end[:, None] * TAIL)
    tanh = tanh[:, None]
    m = D * ((1 + tanh) * D + 2 * tanh) / (2 + 2 * D)
    terms = np.exp(-growth_of_rho(a[:, None], slope[:, None], np.log1p(m)))
    terms += m * terms
    value: Array = np.log(b) / 2 + log_cosh + np.log(end * (terms @ TAIL_WEIGHTS))
    return value


@final
class _TailTable:
    """`_log_tail` for one alpha and many q: polynomials between knots in theta.

    Parameters
    ----------
    alpha : float
        Shape, from 0 to inf.
    farthest : float
        The largest q that is to be cheap.
    """

    def __init__(self, alpha: float, farthest: float) -> None:
        self.alpha = alpha
        (b,) = finite_shape(np.array([alpha]))[1]
        self.root_b = math.sqrt(b)
        # The logarithm of a tail changes on the scale of 1 in theta and in sqrt(rho).
        most = min(float(loss.rho(farthest, alpha)), 800.0)  # where exp(-rho) is 0
        v = np.linspace(0, math.sqrt(most), 4096)
        theta = np.arcsinh(_inverse_rho(v * v, np.array(alpha)) / self.root_b)
        steps = 4 * v + 2 * theta
        even = np.linspace(0, steps[-1], 2 + int(steps[-1]))
        self.knots = np.interp(even, steps, theta)
        self.middles = (self.knots[1:] + self.knots[:-1]) / 2
        self.halves = np.diff(self.knots) / 2
        theta = self.middles + self.halves * POINTS[:, None]
        tails = self._direct(self.root_b * np.sinh(theta.ravel())).reshape(theta.shape)
        # Two steps: each loses digits of what it is applied to, and series fade.
        self.coefficients = TO_POWERS @ (TO_SERIES @ tails)

    def __call__(self, alpha: Array, q: Array) -> Array:
        """Return `_log_tail` of this alpha at each q."""
        theta = np.arcsinh(q / self.root_b)
        panel = np.searchsorted(self.knots, theta, side="right") - 1
        beyond = panel >= self.middles.size
        panel[beyond] = 0
        x = (theta - self.middles[panel]) / self.halves[panel]
        value = np.zeros_like(x)
        for row in self.coefficients[::-1]:
            value *= x
            value += row[panel]
        value[beyond] = self._direct(q[beyond])
        return value

    def _direct(self, q: Array) -> Array:
        return lane_by_lane(_log_tail, self.alpha, q)


def _inverse_rho(value: Array, alpha: Array) -> Array:
    """Return the residual, in units of c, at which the loss has a value.

    Parameters
    ----------
    value, alpha : ndarray
        Losses, and shapes from 0 to inf.

    Returns
    -------
    ndarray of their broadcast shape
    """
    a, b = finite_shape(alpha)
    flat = a < 1e-290
    log_cosh = np.where(flat, value / b, np.log1p(a / b * value) / (a + flat))
    u: Array = np.sqrt(-b * np.expm1(-2 * log_cosh)) * np.exp(log_cosh)
    return u
