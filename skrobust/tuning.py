"""The `c` that a wanted efficiency or breakdown point asks for when errors are normal.

All of it is integrals over the standard normal, and both constants are therefore in
units of the standard deviation: times a robust scale of the residuals, they are `c`.

With x = log(u) the integrands are analytic around the real line, and fall off like a
power of u to the left and like the normal density to the right, so that the trapezoid
rule gives all digits with the same steps for every alpha and c.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import logsumexp

from skrobust import loss

__all__ = ["as_alpha", "breakdown_constant", "tuning_constant"]

Float = NDArray[np.float64]

SMALLEST_TUNING = 0.1
SMALLEST_C = float(np.finfo(np.float64).tiny)
SMALLEST_BREAKDOWN = 1e-250  # below it, shares of a loss would underflow
STEP = 0.05  # of the trapezoid rule in log(u)
LIMIT = 2.0**73  # beyond it, an alpha is its limit to the last bit


def tuning_constant(alpha: float | str, efficiency: float = 0.95) -> float:
    """Return the `c` at which the loss has a given efficiency at the normal.

    Parameters
    ----------
    alpha : float or str
        Shape of the loss, from -inf to inf, or its name in ``loss.ALPHAS``.
    efficiency : float, default=0.95
        Asymptotic variance of least squares over that of the M-estimator with this loss
        when errors are normal, between 0 and 1.

    Returns
    -------
    float
        `c` in units of the standard deviation: the largest with this efficiency. It is
        1 at ``alpha=2``, where every `c` is fully efficient, and 0.1 where the loss is
        more efficient than wanted at any larger `c`, as it is for `alpha` just below 2.

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
    a scale that is `c` times the square root of 2.

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
    """
    value = as_alpha(alpha)
    share = _as_number(efficiency)
    if not 0 < share < 1:
        raise ValueError(
            "efficiency must be between 0 and 1, both excluded: no other loss reaches "
            f"that of least squares, 1. Got {efficiency!r}. 0.95 is customary."
        )
    return _tuning_constant(value, share)


@lru_cache(maxsize=1024)
def _tuning_constant(alpha: float, efficiency: float) -> float:
    """Return `tuning_constant` of valid arguments."""
    if alpha == 2:
        return 1.0
    wanted = math.log(efficiency) - math.log1p(-efficiency)

    def excess(log_c: float) -> float:
        return _log_odds(alpha, log_c) - wanted

    # No alpha needs a larger c than inf, of which it is known.
    at_inf = math.sqrt(1 + 1 / math.sqrt(-math.expm1(2 / 3 * math.log(efficiency))))
    lowest, low = math.log(SMALLEST_TUNING), math.log(1.1 * at_inf)
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
        ``loss.ALPHAS``.
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
        If `alpha` is no number, NaN, an unknown name or not negative; if `breakdown` is
        not a number from 1e-250 to 0.5; or if c would be below the smallest float,
        which it is at the default for `alpha` between -0.00097 and 0.

    See Also
    --------
    tuning_constant : The `c` of a given efficiency.

    Notes
    -----
    It solves ``E[rho(Z, alpha, c)] = breakdown * (alpha - 2) / alpha`` for a standard
    normal Z [2]_; the fraction is the largest loss there is, 1 at -inf. High breakdown
    costs efficiency: with a breakdown point of 0.5, that of the S-estimator is 0.289 at
    -inf, 0.224 at -2, and less above. It is therefore good for a start and a scale, and
    the M-estimator with `tuning_constant` that follows it for the fit.

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
    """
    value = as_alpha(alpha)
    if not value < 0:
        raise ValueError(
            "alpha must be negative for an S-estimator: from 0 on the loss is not "
            "bounded, and one outlier can carry the scale away. "
            f"Got {alpha!r}. Take -2 or -inf, or tuning_constant for an M-estimator."
        )
    share = _as_number(breakdown)
    if not SMALLEST_BREAKDOWN <= share <= 0.5:
        raise ValueError(
            f"breakdown must be at least {SMALLEST_BREAKDOWN} and at most 0.5, the "
            "share of outliers that cannot be told from the rest. "
            f"Got {breakdown!r}. 0.5 is customary."
        )
    return _breakdown_constant(value, share)


@lru_cache(maxsize=1024)
def _breakdown_constant(alpha: float, breakdown: float) -> float:
    """Return `breakdown_constant` of arguments in range."""

    def excess(log_c: float) -> float:
        share = _mean_share(alpha, log_c)
        return math.log(share / breakdown) if share else -math.inf

    # The share of a loss in its supremum is at most u**2 / (2 c**2), but for rounding.
    high = 0.1 - math.log(2 * breakdown) / 2
    lowest, width = math.log(SMALLEST_C), 1.0
    while excess(low := max(high - width, lowest)) < 0:
        if low == lowest:
            raise ValueError(
                f"alpha={alpha!r} is too near 0 for breakdown={breakdown!r}: c is "
                "below the smallest float. Take alpha=-0.001 or below."
            )
        width *= 2
    return math.exp(brentq(excess, low, high, xtol=1e-15))


def as_alpha(alpha: Any) -> float:
    """Return a shape of the loss, given as a number or by name, as a float."""
    named = loss.ALPHAS.get(alpha) if isinstance(alpha, str) else None
    value = _as_number(alpha) if named is None else named
    if math.isnan(value):
        names = ", ".join(map(repr, loss.ALPHAS))
        raise ValueError(
            f"alpha must be a number from -inf to inf or one of {names}. Got {alpha!r}."
        )
    return value


def _as_number(x: Any) -> float:
    """Return a number as a float, and NaN for what is none."""
    if isinstance(x, str) or np.iterable(x):  # one entry or more: float takes some
        return math.nan
    try:
        return float(x)
    except (TypeError, OverflowError):
        return math.nan


def _log_odds(alpha: float, log_c: float) -> float:
    """Return ``log(e / (1 - e))`` of the efficiency e at the normal, for alpha not 2.

    With q = u**2 phi(u) as density, e = E[w]**2 / E[w**2], because psi = u w and, by
    parts, E[psi'] = E[u psi]. Its odds are E[w]**2 / Var[w]: no difference of numbers
    that are nearly the same, however near e is to 1.
    """
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


def _mean_share(alpha: float, log_c: float) -> float:
    """Return ``E[rho] / sup(rho)`` at the standard normal, for alpha < 0."""
    x = np.arange(-40, 2.5, STEP)
    density = np.exp(x - np.exp(2 * x) / 2)
    alpha, _, log_growth = _terms(alpha, log_c, x)
    return float(density @ -np.expm1(alpha / 2 * log_growth) / density.sum())


def _terms(alpha: float, log_c: float, x: Float) -> tuple[float, float, Float]:
    """Return a finite alpha, b = |alpha - 2| and log(1 + u**2 / (b c**2)) at exp(x)."""
    alpha = min(max(alpha, -LIMIT), LIMIT)
    b = abs(alpha - 2)
    return alpha, b, np.logaddexp(0.0, 2 * (x - log_c) - math.log(b))
