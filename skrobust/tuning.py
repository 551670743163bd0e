"""The `c` that a wanted efficiency or breakdown point asks for when errors are normal.

All of it is integrals over the standard normal, and both constants are therefore in
units of the standard deviation: times a robust scale of the residuals, they are `c`.

With x = log(u) the integrands of the general loss are analytic around the real line,
and fall off like a power of u to the left and like the normal density to the right, so
that the trapezoid rule gives all digits with the same steps for every alpha and c.
Those of Huber's loss and the bisquare have a corner at c: on either side of it they are
smooth, and Gauss' rule gives all digits.
"""

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import logsumexp

from skrobust import loss
from skrobust.loss import Classical, Family, General

__all__ = ["as_alpha", "breakdown_constant", "constant_for", "tuning_constant"]

Float = NDArray[np.float64]
Shape = float | Classical  # alpha, or a loss that has none

CLASSICAL = {"huber": loss.huber, "bisquare": loss.bisquare}

SMALLEST_TUNING = 0.1
SMALLEST_C = float(np.finfo(np.float64).tiny)
SMALLEST_BREAKDOWN = 1e-250  # below it, shares of a loss would underflow
STEP = 0.05  # of the trapezoid rule in log(u)
LIMIT = 2.0**73  # beyond it, an alpha is its limit to the last bit
NODES = np.polynomial.legendre.leggauss(64)
FARTHEST = 10.0  # where nothing is left of the normal density


def tuning_constant(alpha: float | str, efficiency: float = 0.95) -> float:
    """Return the `c` at which the loss has a given efficiency at the normal.

    Parameters
    ----------
    alpha : float or str
        Shape of the loss, from -inf to inf, or its name in ``loss.ALPHAS``; "huber" or
        "bisquare" for these two.
    efficiency : float, default=0.95
        Asymptotic variance of least squares over that of the M-estimator with this loss
        when errors are normal, between 0 and 1.

    Returns
    -------
    float
        `c` in units of the standard deviation: the largest with this efficiency. It is
        1 at ``alpha=2``, where every `c` is fully efficient, and 0.1 where the loss is
        more efficient than wanted at any larger `c`, as it is for `alpha` just below 2,
        and "huber" where no more than 0.65 is wanted.

    Raises
    ------
    ValueError
        If `alpha` is no number, NaN or an unknown name, or `efficiency` is not a number
        between 0 and 1.

    See Also
    --------
    breakdown_constant : The `c` of a given breakdown point.
    AdaptiveLossRegressor : Takes this constant times its scale with ``c="auto"``.

    Notes
    -----
    The efficiency is ``E[psi'(Z)]**2 / E[psi(Z)**2]`` for a standard normal Z [2]_. The
    constant is right to about 1e-14 relative, whatever the efficiency, and remembered.
    The literature has 2.3849 for Cauchy's loss and 2.9846 for Welsch's at 0.95, both in
    a scale that is `c` times the square root of 2; and 1.345 for Huber's and 4.685 for
    the bisquare, which are `c`. An alpha that is new takes about 2 ms.

    References
    ----------
    .. [1] J. T. Barron, "A General and Adaptive Robust Loss Function", CVPR 2019.
           https://arxiv.org/abs/1701.03077
    .. [2] R. A. Maronna, R. D. Martin, V. J. Yohai, M. Salibian-Barrera, "Robust
           Statistics: Theory and Methods (with R)", 2nd edition, Wiley 2019, chapter 2.
           https://doi.org/10.1002/9781119214656

    Examples
    --------
    >>> from skrobust import tuning_constant
    >>> tuning_constant("welsch")
    2.110457...
    >>> [round(tuning_constant(1.0, e), 3) for e in (0.85, 0.95, 0.99)]
    [0.509, 1.287, 2.731]
    >>> tuning_constant("huber"), tuning_constant("bisquare")
    (1.344997..., 4.685064...)
    """
    shape = _as_shape(alpha)
    share = _as_number(efficiency)
    if not 0 < share < 1:
        raise ValueError(
            "efficiency must be between 0 and 1, both excluded: no other loss reaches "
            f"that of least squares, 1. Got {efficiency!r}. 0.95 is customary."
        )
    return _tuning_constant(shape, share)


def constant_for(family: Family, efficiency: float) -> float | Float:
    """Return `tuning_constant` of a loss: an array where its alpha is one.

    A distinct alpha takes about 2 ms. The constants fall as alpha rises, to 0.1 below
    2, and that of 2 is 1: where alpha differs by row and comes near 2, one `c` for all
    rows makes more sense than one for each.
    """
    if isinstance(family, Classical):
        return _tuning_constant(family, efficiency)
    assert isinstance(family, General)
    if not isinstance(family.alpha, np.ndarray):
        return _tuning_constant(float(family.alpha), efficiency)
    alphas, places = np.unique(family.alpha, return_inverse=True)
    found = [_tuning_constant(float(alpha), efficiency) for alpha in alphas]
    constants: Float = np.array(found)[places]
    return constants


@lru_cache(maxsize=1024)
def _tuning_constant(shape: Shape, efficiency: float) -> float:
    """Return `tuning_constant` of valid arguments."""
    if shape == 2:
        return 1.0
    wanted = math.log(efficiency) - math.log1p(-efficiency)

    def excess(log_c: float) -> float:
        return _log_odds(shape, log_c) - wanted

    if isinstance(shape, Classical):  # more efficient the larger c
        low = 0.0
        while excess(low) <= 0:
            low += 0.5
    else:  # no alpha needs a larger c than inf, of which it is known
        at_inf = 1 + 1 / math.sqrt(-math.expm1(2 / 3 * math.log(efficiency)))
        low = math.log(1.1 * math.sqrt(at_inf))
    lowest = math.log(SMALLEST_TUNING)
    while excess(low) > 0:
        if low == lowest:
            return SMALLEST_TUNING
        high, low = low, max(low - 0.25, lowest)
    return math.exp(brentq(excess, low, high, xtol=1e-15))


def breakdown_constant(alpha: float | str, breakdown: float = 0.5) -> float:
    """Return the `c` at which the S-estimator has a given breakdown point.

    Parameters
    ----------
    alpha : float or str
        Shape of the loss, in [-inf, 0), where the loss is bounded, or its name in
        ``loss.ALPHAS``; "bisquare" for that loss.
    breakdown : float, default=0.5
        Breakdown point: the share of outliers below which the estimate stays bounded
        wherever they lie, from 1e-250 to 0.5.

    Returns
    -------
    float
        `c` in units of the standard deviation: with it, the scale s that solves
        ``mean(rho(r / s, alpha, c)) = breakdown * sup(rho)`` is the standard deviation
        when errors are normal.

    Raises
    ------
    ValueError
        If `alpha` is no number, NaN, an unknown name, "huber" or not negative; if
        `breakdown` is not a number from 1e-250 to 0.5; or if c would be below the
        smallest float, which it is at the default for `alpha` between -0.00097 and 0.

    See Also
    --------
    tuning_constant : The `c` of a given efficiency.

    Notes
    -----
    It solves ``E[rho(Z, alpha, c)] = breakdown * (alpha - 2) / alpha`` for a standard
    normal Z [2]_; the fraction is the largest loss there is, 1 at -inf. High breakdown
    costs efficiency: with a breakdown point of 0.5, that of the S-estimator is 0.289 at
    -inf, 0.287 for "bisquare", 0.224 at -2, and less above. It is therefore good for a
    start and a scale, and the M-estimator with `tuning_constant` that follows it for
    the fit.

    References
    ----------
    .. [1] J. T. Barron, "A General and Adaptive Robust Loss Function", CVPR 2019.
           https://arxiv.org/abs/1701.03077
    .. [2] R. A. Maronna, R. D. Martin, V. J. Yohai, M. Salibian-Barrera, "Robust
           Statistics: Theory and Methods (with R)", 2nd edition, Wiley 2019, chapters
           2 and 5. https://doi.org/10.1002/9781119214656

    Examples
    --------
    >>> from skrobust import breakdown_constant
    >>> breakdown_constant("welsch")
    0.577350...
    >>> [round(breakdown_constant(-2.0, share), 3) for share in (0.1, 0.25, 0.5)]
    [1.365, 0.687, 0.306]
    >>> breakdown_constant("bisquare")
    1.547644...
    """
    shape = _as_shape(alpha)
    if not _is_bounded(shape):
        raise ValueError(
            'alpha must be negative or "bisquare" for an S-estimator: from 0 on, and '
            'for "huber", the loss is not bounded, and one outlier can carry the scale '
            f'away. Got {alpha!r}. Take -2, -inf or "bisquare", or tuning_constant '
            "for an M-estimator."
        )
    share = _as_number(breakdown)
    if not SMALLEST_BREAKDOWN <= share <= 0.5:
        raise ValueError(
            f"breakdown must be at least {SMALLEST_BREAKDOWN} and at most 0.5, the "
            "share of outliers that cannot be told from the rest. "
            f"Got {breakdown!r}. 0.5 is customary."
        )
    return _breakdown_constant(shape, share)


@lru_cache(maxsize=1024)
def _breakdown_constant(shape: Shape, breakdown: float) -> float:
    """Return `breakdown_constant` of arguments in range."""

    def excess(log_c: float) -> float:
        share = _mean_share(shape, log_c)
        return math.log(share / breakdown) if share else -math.inf

    # A loss is at most u**2 / (2 c**2) but for rounding, and the largest general one
    # at least 1.
    most = shape.supremum if isinstance(shape, Classical) else 1.0
    high = 0.1 - math.log(2 * breakdown * most) / 2
    lowest, width = math.log(SMALLEST_C), 1.0
    while excess(low := max(high - width, lowest)) < 0:
        if low == lowest:
            raise ValueError(
                f"alpha={shape!r} is too near 0 for breakdown={breakdown!r}: c is "
                "below the smallest float. Take alpha=-0.001 or below."
            )
        width *= 2
    return math.exp(brentq(excess, low, high, xtol=1e-15))


def as_alpha(alpha: Any, name: str = "alpha") -> float:
    """Return a shape of the general loss, given as a number or by name, as a float.

    Messages call it `name`.
    """
    value = _known(alpha, loss.ALPHAS, name)
    assert isinstance(value, float)
    return value


def _as_shape(alpha: Any) -> Shape:
    """Return what alpha means, other losses included."""
    return _known(alpha, {**loss.ALPHAS, **CLASSICAL})


def _known(alpha: Any, named: Mapping[str, Shape], name: str = "alpha") -> Shape:
    """Return a number as a float and a name as what it stands for."""
    known = named.get(alpha) if isinstance(alpha, str) else None
    value = _as_number(alpha) if known is None else known
    if value != value:
        names = ", ".join(map(repr, named))
        raise ValueError(
            f"{name} must be a number from -inf to inf or one of {names}. "
            f"Got {alpha!r}."
        )
    return value


def _is_bounded(shape: Shape) -> bool:
    """Return whether there is a largest loss."""
    if isinstance(shape, Classical):
        return math.isfinite(shape.supremum)
    return shape < 0


def _as_number(x: Any) -> float:
    """Return a number as a float, and NaN for what is none."""
    if isinstance(x, str) or np.iterable(x):  # one entry or more: float takes some
        return math.nan
    try:
        return float(x)
    except (TypeError, OverflowError):
        return math.nan


def _log_odds(shape: Shape, log_c: float) -> float:
    """Return ``log(e / (1 - e))`` of the efficiency e at the normal, for alpha not 2.

    With q = u**2 phi(u) as density, e = E[w]**2 / E[w**2], because psi = u w and, by
    parts, E[psi'] = E[u psi]. Its odds are E[w]**2 / Var[w]: no difference of numbers
    that are nearly the same, however near e is to 1.
    """
    if isinstance(shape, Classical):
        z, mass = _panels(math.exp(log_c))
        mass *= z * z
        taken = DEFICITS[shape.name](z * math.exp(-log_c))  # 1 - w
        log_mean = math.log(mass @ shape.weight(z, math.exp(log_c)))
        return 2 * log_mean - math.log(mass @ np.square(taken - mass @ taken))
    alpha = shape
    # For alpha > 2 the weight makes the tail heavier, up to what overflows.
    x = np.arange(min(log_c, 0.0) - 14, 10.0 if alpha > 2 else 2.5, STEP)
    log_root_q = 1.5 * x - np.exp(2 * x) / 4
    log_root_q -= np.log(np.sum(np.exp(2 * log_root_q))) / 2
    _, b, log_growth = _terms(alpha, log_c, x)
    log_w = math.copysign(b / 2, alpha - 2) * log_growth
    log_mean = float(logsumexp(log_w + 2 * log_root_q))
    # In units of exp(unit), so that nothing overflows, nor everything underflows.
    unit = float(np.max(log_w + log_root_q))
    root_q, w = np.exp(log_root_q), np.exp(log_w + log_root_q - unit)
    if log_mean > -1:  # w - 1 has the digits; where w is tiny, 1 could overflow
        ones = np.exp(log_root_q - unit)
        w = np.where(log_w < 1, ones * np.expm1(np.minimum(log_w, 1.0)), w - ones)
    spread = np.sum(np.square(w - (w @ root_q) * root_q))
    return 2 * (log_mean - unit) - math.log(spread)


def _mean_share(shape: Shape, log_c: float) -> float:
    """Return ``E[rho] / sup(rho)`` at the standard normal, for a bounded loss."""
    if isinstance(shape, Classical):
        z, mass = _panels(math.exp(log_c))
        return float(mass @ shape.rho(z, math.exp(log_c))) / shape.supremum
    alpha = shape
    x = np.arange(-40, 2.5, STEP)
    density = np.exp(x - np.exp(2 * x) / 2)
    alpha, _, log_growth = _terms(alpha, log_c, x)
    return float(density @ -np.expm1(alpha / 2 * log_growth) / density.sum())


def _terms(alpha: float, log_c: float, x: Float) -> tuple[float, float, Float]:
    """Return a finite alpha, b = |alpha - 2| and log(1 + u**2 / (b c**2)) at exp(x)."""
    alpha = min(max(alpha, -LIMIT), LIMIT)
    b = abs(alpha - 2)
    return alpha, b, np.logaddexp(0.0, 2 * (x - log_c) - math.log(b))


def _panels(corner: float) -> tuple[Float, Float]:
    """Return nodes on both sides of a corner, and the share of a normal each has."""
    near = min(corner, FARTHEST)
    bounds = 0.0, near, near + FARTHEST
    unit, weights = NODES
    z = [a + (b - a) * (unit + 1) / 2 for a, b in pairwise(bounds)]
    lengths = np.repeat(np.diff(bounds) / 2, unit.size)
    nodes = np.concatenate(z)
    density = np.exp(-np.square(nodes) / 2) * math.sqrt(2 / math.pi)
    return nodes, np.tile(weights, 2) * lengths * density


def _deficit_of_bisquare(u: Float) -> Float:
    v: Float = np.square(np.minimum(u, 1))
    return v * (2 - v)


# 1 - w without losing the digits of a weight near 1.
DEFICITS: dict[str, Callable[[Float], Float]] = {
    "huber": lambda u: 1 - 1 / np.maximum(u, 1),
    "bisquare": _deficit_of_bisquare,
}
