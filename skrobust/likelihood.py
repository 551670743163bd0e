"""Maximum likelihood of alpha and c, and of a location, for residuals.

Under the density ``exp(-rho(r - loc, alpha, c)) / (c Z(alpha))`` and with u the
residual in units of c, w its weight and weighted means over the residuals, the maximum
has

    mean(u w) = 0                      where loc is free
    mean(u**2 w) = 1                   where c is free
    mean(rho_alpha) = -(log Z)'        where alpha is free
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from numbers import Real
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, erfc, xlogy
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_array

from skrobust import loss
from skrobust._profile import Axis, Point, Problem, Profile, lowest, prepare
from skrobust._sample_weight import check_weights
from skrobust.partition import check_scale, check_shape, fisher_information

__all__ = ["GeneralFit", "NormalityScore", "fit_general_dist", "normality_score"]

Float = NDArray[np.float64]
Adaptive = Literal["adaptive"]

# The variance of x**2 log(x**2) that no multiple of x**2 explains, for a standard
# normal x: 3 (polygamma(1, 5 / 2) + (k + 2 / 3)**2) - k**2 - 2 (k + 1)**2 with k =
# digamma(3 / 2) + log(2), the mean of x**2 log(x**2).
NORMAL_LOG_VARIANCE = 0.8044066016340379
LARGEST = 1e307  # residual: a scale of several is still a float


@dataclass(frozen=True, eq=False, repr=False)
class GeneralFit:
    """The density of the general loss that fits residuals best.

    Attributes
    ----------
    alpha : float
        Shape, from 0 to inf.
    c : float
        Scale, in the unit of the residuals.
    loc : float
        Location, in the unit of the residuals.
    log_likelihood : float
        Weighted sum of the logarithms of the densities of the residuals.
    alpha_se, c_se, loc_se : float
        Standard errors from the expected information at the estimates. NaN where the
        parameter was given or is on a bound, or for an alpha of exactly 2, about which
        the information is infinite: the other errors then hold given that parameter.
    covariance : ndarray of shape (3, 3)
        Covariances of the estimates of loc, alpha and c, in this order, NaN where there
        is no standard error.
    active : tuple of str
        The bounds that hold the estimate: "alpha_lower" or "alpha_upper", and "c_min".
        The likelihood would rise, or not fall, beyond them. Empty if there are none.
    converged : bool
        Whether all equations of the maximum hold to `tol`, or as nearly as floats can.
    n_iter : int
        Number of passes over the residuals.
    """

    alpha: float
    c: float
    loc: float
    log_likelihood: float
    alpha_se: float
    c_se: float
    loc_se: float
    covariance: Float
    active: tuple[str, ...]
    converged: bool
    n_iter: int

    def __repr__(self) -> str:
        """Return the estimates with their errors to the digits that these leave."""
        shown = []
        for name in ("alpha", "c", "loc"):
            value, error = getattr(self, name), getattr(self, f"{name}_se")
            text = f"{name}={value:.6g}"
            if 0 < error < math.inf:
                places = max(1 - math.floor(math.log10(error)), 0)
                small = error > 1e-5 and abs(value) < 1e9
                text = f"{name}={value:.{places}f}" if small else text
                text += f" +- {error:.2g}"
            shown.append(text)
        shown.append(f"log_likelihood={self.log_likelihood:.8g}")
        shown += [f"active={self.active}"] if self.active else []
        shown += [] if self.converged else ["not converged"]
        return f"GeneralFit({', '.join(shown)})"


class NormalityScore(NamedTuple):
    """The score test of the normal against lighter and heavier tails.

    Attributes
    ----------
    statistic : float
        Standard normal if many residuals are normal; positive if their tails are
        heavier, negative if they are lighter. Of fewer than some hundred normal ones
        it is skewed: what exceeds 2 in size is then mostly positive.
    pvalue : float
        Two-sided.
    """

    statistic: float
    pvalue: float


def fit_general_dist(
    r: ArrayLike,
    *,
    alpha: float | str = "adaptive",
    c: float | Adaptive = "adaptive",
    loc: float | Adaptive = 0.0,
    alpha_bounds: tuple[float, float] = (0.0, math.inf),
    c_min: float | None = None,
    sample_weight: ArrayLike | None = None,
    tol: float = 1e-10,
    max_iter: int = 100,
) -> GeneralFit:
    """Fit alpha, c and a location to residuals by maximum likelihood.

    Parameters
    ----------
    r : array-like of shape (n_samples,)
        Residuals, finite.
    alpha : float or str, default="adaptive"
        Shape: "adaptive" to estimate it within `alpha_bounds`, or a number from 0 to
        inf, or a name of `loss.ALPHAS` for one of these.
    c : float or "adaptive", default="adaptive"
        Scale: "adaptive" to estimate it, or a positive number in the unit of `r`.
    loc : float or "adaptive", default=0.0
        Location: "adaptive" to estimate it, or a number in the unit of `r`.
    alpha_bounds : tuple of two floats, default=(0, inf)
        Least and greatest estimate of alpha, from 0 to inf. Unused if alpha is given.
    c_min : float, default=None
        Least estimate of c, positive, in the unit of `r`. By default 1e-7 times the
        weighted median of the ``abs(r - loc)`` that are not 0, with loc at the weighted
        median of `r` if it is to be estimated. Unused if c is given, and without effect
        where it is below some 1e-300 of the largest residual.
    sample_weight : array-like of shape (n_samples,), default=None
        How often each residual counts, not negative, not all zero. Weights that are not
        counts give the same estimates in any unit, but standard errors as if their sum
        were the number of residuals.
    tol : float, default=1e-10
        Error that may remain in the equations of the maximum: in ``mean(u**2 w) = 1``,
        ``mean(u w) = 0`` and ``mean(rho_alpha) + (log Z)' = 0``, relative to the
        sum of the absolute values of their terms.
    max_iter : int, default=100
        Greatest number of passes over the residuals.

    Returns
    -------
    GeneralFit
        Estimates, standard errors and the bounds that are active.

    Raises
    ------
    ValueError
        If an argument is outside its range, or if c is to be estimated and all
        residuals that have a weight are equal to loc, or to each other.

    Warns
    -----
    ConvergenceWarning
        If the equations do not hold to `tol`.

    See Also
    --------
    normality_score : Whether tails are heavier or lighter than those of the normal.
    fisher_information : The expected information behind the standard errors.
    general_dist : The distribution.

    Notes
    -----
    The likelihood may have several local maxima in alpha. A summary of the residuals is
    scanned at some alphas between the bounds; each maximum found is then climbed on all
    residuals, and the highest wins. If loc is to be estimated and alpha is below 1, the
    likelihood may also have several maxima in loc: the one near the weighted median is
    followed.

    An alpha of 2 is a point like any other for the estimates, but not for the standard
    errors: the information about alpha grows without bounds towards it. Within a few
    standard errors of 2 they are approximate, even from 1e5 residuals: if a test of
    alpha = 2 is what is wanted, use `normality_score`. Beyond 3, alpha is hardly
    identified.

    If more than half of the weight is on residuals of exactly loc, the likelihood has
    no maximum at alpha = 0: it grows as c falls. c then ends at `c_min` and `active`
    says so. A least alpha above 0 is the remedy, or a `c_min` that means something.

    References
    ----------
    .. [1] J. T. Barron, "A General and Adaptive Robust Loss Function", CVPR 2019.
           https://arxiv.org/abs/1701.03077

    Examples
    --------
    >>> import numpy as np
    >>> from skrobust import fit_general_dist
    >>> r = 3 * np.random.default_rng(0).standard_t(df=4, size=10_000)
    >>> fit_general_dist(r)
    GeneralFit(alpha=0.763 +- 0.029, c=2.157 +- 0.036, loc=0, log_likelihood=-27595.357)

    Tails lighter than those of the normal, where alpha may not exceed 2:

    >>> fit = fit_general_dist(np.linspace(-1, 1, 101), alpha_bounds=(0, 2))
    >>> fit.alpha, fit.active
    (2.0, ('alpha_upper',))
    """
    shape, axis = _check_alpha(alpha), Axis(*check_bounds(alpha_bounds))
    scale, location, least = _check_places(c, loc, c_min)
    _check_stop(tol, max_iter)
    values = _check_residuals(r)
    weights = check_weights(sample_weight, len(values))
    problem = prepare(values, weights, scale, location, least)
    profile = Profile(problem, problem.rows, tol, max_iter)
    if shape is None:
        point, bounds = lowest(profile, axis), axis.alphas
    else:
        point, bounds = profile.at(shape, problem.start), None
    _warn_unless_converged(point.error, profile)
    return _result(problem, profile, point, bounds)


def normality_score(
    r: ArrayLike,
    *,
    loc: float | Adaptive = 0.0,
    sample_weight: ArrayLike | None = None,
) -> NormalityScore:
    """Test residuals for tails heavier or lighter than those of the normal.

    Parameters
    ----------
    r : array-like of shape (n_samples,)
        Residuals, finite.
    loc : float or "adaptive", default=0.0
        Their location, in the unit of `r`; "adaptive" for the weighted mean.
    sample_weight : array-like of shape (n_samples,), default=None
        How often each residual counts, not negative, not all zero.

    Returns
    -------
    NormalityScore
        A named tuple ``(statistic, pvalue)``.

    Raises
    ------
    ValueError
        If an argument is outside its range, or if all residuals that have a weight are
        equal to loc, or to each other.

    See Also
    --------
    fit_general_dist : The alpha that describes the tails.

    Notes
    -----
    With x the residuals in units of their root mean square, the profile likelihood of
    `fit_general_dist` has at alpha = 2 the slope
    ``-n / 4 (mean(x**2 log(x**2)) - 0.7296...)`` in alpha, where the number is what the
    mean is for many normal residuals. The statistic is this slope, with its sign
    changed, less its mean for n of them, and in units of its standard deviation for
    many, that of ``x**2 log(x**2)`` less its regression on ``x**2``. Of normal samples
    of some hundreds and more, a two-sided test at 5 % rejects 5 %; of those of 50, 4 %.

    Examples
    --------
    >>> import numpy as np
    >>> from skrobust import normality_score
    >>> rng = np.random.default_rng(0)
    >>> statistic, pvalue = normality_score(rng.standard_t(df=5, size=1000))
    >>> bool(statistic > 0 and pvalue < 0.001)
    True
    """
    _, location, _ = _check_places(1.0, loc)
    values = _check_residuals(r)
    weights = check_weights(sample_weight, len(values))
    problem = prepare(values, weights, None, location)
    x, share = problem.rows
    if location is None:
        x = x - share @ x
    x = x / np.abs(x).max()
    square = np.square(x)
    square /= share @ square
    n = problem.total - (location is None)
    if n <= 0:
        raise ValueError(
            "sample_weight must add up to more than 1 if loc is to be estimated. Got a "
            f"sum of {problem.total}. Give each residual's count."
        )
    # The shares of normal residuals in their sum of squares have a Dirichlet
    # distribution, under which this is the mean.
    mean = math.log(n) + digamma(1.5) - digamma(n / 2 + 1)
    excess = float(share @ xlogy(square, square)) - mean
    statistic = math.sqrt(problem.total / NORMAL_LOG_VARIANCE) * excess
    return NormalityScore(float(statistic), float(erfc(abs(statistic) / math.sqrt(2))))


def _result(
    problem: Problem,
    profile: Profile,
    point: Point,
    bounds: tuple[float, float] | None,
) -> GeneralFit:
    """Return the fit at a point, in the unit of the residuals.

    The bounds are those of alpha, None if alpha was given.
    """
    active: list[str] = []
    if bounds is not None and point.alpha in bounds:
        active.append("alpha_lower" if point.alpha == bounds[0] else "alpha_upper")
    free = np.array(
        [
            problem.loc is None,
            bounds is not None and not active and point.alpha != 2,
            problem.c is None and not point.held,
        ]
    )
    active += ["c_min"] if point.held else []
    shift, log_c = point.place
    c, loc = problem.c, problem.loc
    if c is None:
        c = math.ldexp(math.exp(log_c), problem.unit)
    if loc is None:
        loc = math.ldexp(problem.centre + shift, problem.unit)
    covariance, errors = _errors(point.alpha, c, free, problem.total)
    return GeneralFit(
        alpha=point.alpha,
        c=c,
        loc=loc,
        log_likelihood=-problem.total * (point.value + problem.unit * math.log(2)),
        loc_se=errors[0],
        alpha_se=errors[1],
        c_se=errors[2],
        covariance=covariance,
        active=tuple(active),
        converged=point.error <= profile.tol,
        n_iter=profile.n_iter,
    )


@np.errstate(over="ignore", under="ignore")  # of variances: errors are in range
def _errors(
    alpha: float, c: float, free: NDArray[np.bool_], total: float
) -> tuple[Float, list[float]]:
    """Return covariances and standard errors of loc, alpha and c."""
    information = fisher_information(alpha)[np.ix_(free, free)]
    covariance = np.full((3, 3), np.nan)
    covariance[np.ix_(free, free)] = np.linalg.inv(information) / total
    unit = np.array([c, 1.0, c])
    errors = np.sqrt(np.diag(covariance)) * unit
    return covariance * unit * unit[:, None], errors.tolist()


def _warn_unless_converged(error: float, profile: Profile) -> None:
    """Warn if an equation of the maximum does not hold."""
    if error <= profile.tol:
        return
    remedy = "Raise max_iter."
    if math.isnan(error):
        remedy = "No density is left at some residuals: raise c, or lower alpha."
    elif not profile.spent:
        remedy = "Rounding hides any further ascent: raise tol."
    warnings.warn(
        f"The fit stopped after {profile.n_iter} passes with an error of {error:.1e} "
        f"in the equations of the maximum, above tol={profile.tol:.1e}. {remedy}",
        ConvergenceWarning,
        stacklevel=3,
    )


def _check_residuals(r: ArrayLike) -> Float:
    """Return the residuals as a vector of finite float64."""
    values: Float = check_array(
        r,
        ensure_2d=False,
        allow_nd=True,
        dtype=np.float64,
        ensure_all_finite=False,
        ensure_min_samples=0,
        input_name="r",
    )
    if values.ndim != 1 or not values.size:
        raise ValueError(
            "r must be a vector of at least one residual. Got an array of shape "
            f"{values.shape}. Give the residuals of one target, r.ravel() or r[:, 0]."
        )
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise ValueError(
            f"r must be finite. Got {values[wrong[0]]} in row {wrong[0]}, the first of "
            f"{wrong.size} such rows. Drop them, also where their weight is 0."
        )
    if np.abs(values).max() > LARGEST:
        raise ValueError(
            f"r must stay within {LARGEST:g}, so that c does. Got "
            f"{values[np.abs(values).argmax()]}. Give r in another unit."
        )
    return values


def _is_number(x: object) -> bool:
    """Whether x is a real number, which True is not."""
    return isinstance(x, Real) and not isinstance(x, bool | np.bool_)


def _check_alpha(alpha: float | str) -> float | None:
    """Return a given alpha as a number, None for one that is to be estimated."""
    if isinstance(alpha, str) and alpha == "adaptive":
        return None
    value = loss.ALPHAS.get(alpha) if isinstance(alpha, str) else alpha
    if not _is_number(value):
        names = [name for name, number in loss.ALPHAS.items() if number >= 0]
        raise ValueError(
            'alpha must be a number from 0 to inf, "adaptive" to estimate it, or one '
            f"of {', '.join(names)}. Got {alpha!r}."
        )
    check_shape(value)
    return float(value)  # type: ignore[arg-type]


def check_bounds(alpha_bounds: tuple[float, float]) -> tuple[float, float]:
    """Return the bounds of alpha as two numbers."""
    try:
        low, high = alpha_bounds
        valid = _is_number(low) and _is_number(high) and 0 <= low < high
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise ValueError(
            "alpha_bounds must be two numbers with 0 <= low < high <= inf: there is no "
            f"density for alpha below 0. Got {alpha_bounds!r}. To fix alpha, give it "
            "as alpha."
        )
    return float(low), float(high)


def _check_places(
    c: float | Adaptive, loc: float | Adaptive, c_min: float | None = None
) -> tuple[float | None, float | None, float | None]:
    """Return c, loc and c_min as numbers, None for what is to be estimated."""
    if not (isinstance(c, str) and c == "adaptive"):
        c = _check_number("c", c, 'or "adaptive" to estimate it')
        check_scale(c)
    if not (isinstance(loc, str) and loc == "adaptive"):
        loc = _check_number("loc", loc, 'or "adaptive" to estimate it')
        if not math.isfinite(loc):
            raise ValueError(f'loc must be finite, or "adaptive". Got {loc!r}.')
    if c_min is not None:
        c_min = _check_number("c_min", c_min, "or None for 1e-7 of the median residual")
        check_scale(c_min, "c_min")
    return None if c == "adaptive" else c, None if loc == "adaptive" else loc, c_min


def _check_number(name: str, x: object, otherwise: str) -> float:
    """Return a parameter as a number."""
    if not _is_number(x):
        raise ValueError(
            f"{name} must be a number in the unit of r, {otherwise}. Got {x!r}."
        )
    return float(x)  # type: ignore[arg-type]


def _check_stop(tol: float, max_iter: int) -> None:
    """Raise a ValueError unless the search can end."""
    if not (_is_number(tol) and 0 < tol < 1):
        raise ValueError(
            "tol must be between 0 and 1: it is the relative error of the equations of "
            f"the maximum. Got {tol!r}."
        )
    if not (_is_number(max_iter) and max_iter >= 1 and float(max_iter).is_integer()):
        raise ValueError(
            f"max_iter must be a whole number of passes, 1 or more. Got {max_iter!r}."
        )
