"""The probability distribution whose negative log-density is the general loss."""

from functools import partial
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import CensoredData, rv_continuous

from skrobust import loss
from skrobust._compat import ShapeInfo
from skrobust._quadrature import lane_by_lane, log_moment, whole_line
from skrobust._tails import log_density, log_sf, one_or_many, quantile
from skrobust.likelihood import fit_general_dist
from skrobust.partition import check_scale, check_shape

__all__ = ["GeneralDistribution", "general_dist"]

Float = NDArray[np.float64]

DRAWS = 16384  # at a time, for their terms to stay in a core's cache
FIXED = {
    **dict.fromkeys(("f0", "falpha", "fix_alpha"), "alpha"),
    **dict.fromkeys(("floc", "fix_loc"), "loc"),
    **dict.fromkeys(("fscale", "fix_scale"), "c"),
}


@final
class GeneralDistribution(rv_continuous):
    """The distribution of residuals for which the general loss is the likelihood.

    Its density at x, with ``u = (x - loc) / scale``, is::

        exp(-rho(u, alpha)) / (scale Z(alpha)),  alpha in [0, inf]

    symmetric around `loc`, where `scale` is the c of the loss and log Z is
    `log_partition`. It is the normal distribution at alpha = 2 (scale is its standard
    deviation) and Cauchy's at alpha = 0 (with scale times sqrt(2) as its own scale).
    In between, tails fall like the exponential of a multiple of ``-|u|**alpha``; beyond
    2, they are lighter than normal. There is no density for alpha < 0, where the loss
    is bounded.

    Use it as any distribution of `scipy.stats`: ``pdf``, ``logpdf``, ``cdf``,
    ``logcdf``, ``sf``, ``logsf``, ``ppf``, ``isf``, ``rvs``, ``stats``, ``moment``,
    ``entropy``, ``expect`` and ``fit`` take `alpha`, then `loc` and `scale`, and
    broadcast; ``general_dist(alpha, loc, scale)`` freezes them. Unlike scipy's, methods
    raise a ValueError for an alpha that is negative or NaN and for a scale that is not
    positive and finite, in place of returning NaN.

    Notes
    -----
    The logarithm of a probability is right to 1e-13 in both tails, from an integral
    that begins where the tail does, so that none is too small; hundreds of one alpha
    are read off polynomials, which is faster. Quantiles are Newton's on that logarithm.
    Samples are drawn by rejection from Cauchy's distribution, of which all (at alpha =
    0) to 0.46 (at inf) are kept. All moments exist for alpha > 0, though they overflow
    near 0; at alpha = 0 they are NaN, as are those of `scipy.stats.cauchy`.

    References
    ----------
    .. [1] J. T. Barron, "A General and Adaptive Robust Loss Function", CVPR 2019.
           https://arxiv.org/abs/1701.03077

    Examples
    --------
    >>> from skrobust import general_dist
    >>> general_dist.sf([0.0, 1.0, 5.0], alpha=1.0)
    array([0.5       , 0.23433594, 0.00514361])
    >>> float(general_dist.ppf(0.975, alpha=2.0, scale=10.0))
    19.5996...
    >>> float(general_dist(alpha=1.0, scale=2.0).std())
    3.28...
    """

    def fit(self, data: Any, *args: float, **kwds: Any) -> tuple[float, float, float]:
        """Return the alpha, loc and scale of greatest likelihood.

        Parameters
        ----------
        data : array-like
            Observations, finite.
        *args, loc, scale : float, optional
            Start values, as other distributions need. This one does not use them.
        **kwds
            ``falpha`` (or ``f0``, ``fix_alpha``), ``floc`` and ``fscale`` hold a
            parameter at a value. With ``method="MM"``, an ``optimizer`` or censored
            data it is `scipy.stats.rv_continuous.fit` that answers.

        Returns
        -------
        alpha, loc, scale : float
            The estimates, alpha in [0, inf].

        See Also
        --------
        skrobust.fit_general_dist : With weights, bounds and standard errors.
        """
        method = (kwds.get("method") or "MLE").upper()
        if method != "MLE" or "optimizer" in kwds or isinstance(data, CensoredData):
            estimates: tuple[float, float, float] = super().fit(data, *args, **kwds)
            return estimates
        if len(args) > 1:
            raise TypeError(f"fit takes one start value, of alpha. Got {args}.")
        given: dict[str, Any] = dict.fromkeys(("alpha", "loc", "c"), "adaptive")
        for key, value in kwds.items():
            if key in FIXED and given[FIXED[key]] != "adaptive":
                raise TypeError(f"{key}={value!r} holds what is held already.")
            if key in FIXED:
                given[FIXED[key]] = "adaptive" if value is None else value
            elif key not in {"loc", "scale", "method"}:
                raise TypeError(
                    f"Unknown argument {key!r} of general_dist.fit. "
                    f"It takes loc, scale, method, optimizer and {', '.join(FIXED)}."
                )
        if "adaptive" not in given.values():
            raise ValueError("All parameters are fixed. Leave one free to fit it.")
        found = fit_general_dist(np.ravel(data), **given)
        return found.alpha, found.loc, found.c

    # scipy makes these three in each instance, without a check of the values.

    def _attach_argparser_methods(self) -> None:
        """Leave the methods of the class in place."""

    def _parse_args(self, alpha: Any, loc: Any = 0, scale: Any = 1) -> tuple[Any, ...]:
        check_shape(alpha)
        check_scale(scale, "scale")
        return (alpha,), loc, scale

    def _parse_args_rvs(
        self, alpha: Any, loc: Any = 0, scale: Any = 1, size: Any = None
    ) -> tuple[Any, ...]:
        self._parse_args(alpha, loc, scale)
        checked: tuple[Any, ...] = self._argcheck_rvs(alpha, loc, scale, size=size)
        return checked

    def _parse_args_stats(
        self, alpha: Any, loc: Any = 0, scale: Any = 1, moments: str = "mv"
    ) -> tuple[Any, ...]:
        return *self._parse_args(alpha, loc, scale), moments

    def _shape_info(self) -> list[Any]:
        return [ShapeInfo("alpha", integrality=False, domain=(0, np.inf))]

    def _argcheck(self, alpha: Any) -> Any:
        return np.asarray(alpha) >= 0

    def _logpdf(self, x: Any, alpha: Any) -> Float:
        return log_density(x, alpha)

    def _pdf(self, x: Any, alpha: Any) -> Float:
        value: Float = np.exp(self._logpdf(x, alpha))
        return value

    def _logsf(self, x: Any, alpha: Any) -> Float:
        beyond = log_sf(np.abs(x), alpha)
        return np.where(np.asarray(x) < 0, np.log1p(-np.exp(beyond)), beyond)

    def _sf(self, x: Any, alpha: Any) -> Float:
        beyond = np.exp(log_sf(np.abs(x), alpha))
        return np.where(np.asarray(x) < 0, 1 - beyond, beyond)

    def _logcdf(self, x: Any, alpha: Any) -> Float:
        return self._logsf(np.negative(x), alpha)

    def _cdf(self, x: Any, alpha: Any) -> Float:
        return self._sf(np.negative(x), alpha)

    def _isf(self, p: Any, alpha: Any) -> Float:
        p = np.asarray(p)
        value: Float = quantile(np.minimum(p, 1 - p), alpha)
        return np.where(p > 0.5, -value, value)

    def _ppf(self, p: Any, alpha: Any) -> Float:
        return -self._isf(p, alpha)

    def _rvs(self, alpha: Any, size: Any = None, random_state: Any = None) -> Any:
        draws = np.empty(size)
        flat = draws.reshape(-1)
        alpha = one_or_many(alpha)
        if not isinstance(alpha, float):
            alpha = np.broadcast_to(alpha, draws.shape).reshape(-1)
        for start in range(0, flat.size, DRAWS):
            rows = slice(start, start + DRAWS)
            part = alpha if isinstance(alpha, float) else alpha[rows]
            flat[rows] = _draw(part, flat[rows].size, random_state)
        return draws[()]

    def _munp(self, n: int, alpha: Any) -> Float:
        alpha = np.asarray(alpha, np.float64)
        if n == 0:
            return np.ones_like(alpha)
        with np.errstate(over="ignore"):  # of what is finite, but beyond all floats
            even = np.exp(_log_moment(n, alpha)) if n % 2 == 0 else 0.0
        return np.where(alpha > 0, even, np.nan)

    def _stats(self, alpha: Any) -> tuple[Any, ...]:
        alpha = np.asarray(alpha, np.float64)
        centre = np.where(alpha > 0, 0.0, np.nan)
        second, fourth = _log_moment(2, alpha), _log_moment(4, alpha)
        with np.errstate(over="ignore"):
            return centre, np.exp(second), centre, np.exp(fourth - 2 * second) - 3

    def _entropy(self, alpha: Any) -> Float:
        return lane_by_lane(_entropies, alpha)


general_dist = GeneralDistribution(name="general_dist", shapes="alpha")


def _draw(alpha: Any, n: int, random: Any) -> Float:
    """Return n draws for one alpha, or for n of them."""
    draws = np.empty(n)
    rest = np.arange(n)
    while rest.size:
        tan = np.tan(np.pi * (random.random(rest.size) - 0.5))
        u = np.sqrt(2) * tan
        density = np.exp(
            -loss.rho(u, alpha if isinstance(alpha, float) else alpha[rest])
        )
        # That of alpha = 0 is 1 / (1 + tan**2), and no other exceeds it anywhere.
        accepted = random.random(rest.size) < density * (1 + tan * tan)
        draws[rest[accepted]] = u[accepted]
        rest = rest[~accepted]
    return draws


def _log_moment(n: int, alpha: Float) -> Float:
    """Return the logarithm of the mean of u**n, n even; NaN where there is no mean."""
    exists = alpha > 0
    moments = lane_by_lane(partial(log_moment, power=n), np.where(exists, alpha, 1.0))
    return np.where(exists, moments, np.nan)


def _entropies(alpha: Float) -> Float:
    """Return the entropy for each alpha and scale 1."""
    nodes = whole_line(alpha)
    losses = loss.rho(nodes.u, alpha[:, None])
    entropies: Float = nodes.log_z + (losses * nodes.share).sum(axis=1)
    return entropies
