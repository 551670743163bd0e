"""The likelihood of the general density as a function of alpha: its profile.

The mean of ``-log(density)`` is least over what is free of loc and log(c) at every
alpha by Newton's method: a convex problem in log(c) where loc is given, and one in
``loc / c`` and ``1 / c`` for both wherever alpha >= 1. What is left is a function of
alpha, the profile. By the envelope theorem its slope is that at given loc and c,
``mean(rho_alpha) + (log Z)'``. At alpha = 2, where the tangent is vertical for a given
c, the profile has a slope like anywhere else; it may have more than one minimum.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from skrobust import loss
from skrobust._scale import weighted_median
from skrobust.partition import log_partition

__all__ = [
    "NEAR_INF",
    "NORMAL_LOG",
    "Axis",
    "Point",
    "Problem",
    "Profile",
    "Root",
    "log_z",
    "log_z_slope",
    "lowest",
    "prepare",
]

Float = NDArray[np.float64]

# E[x**2 log(x**2)] for a standard normal x: digamma(3 / 2) + log(2).
NORMAL_LOG = 0.7296371545385218

# The default least c, in units of the median residual other than 0. Residuals so far
# out have u**2 > 1e14: nothing but zeros is left in the core of the density, and any
# further out, rounding would hide whether c should be less still.
LEAST_C = 1e-7
# The coordinate t of alpha: alpha up to 3, beyond it 4 - 1 / (alpha - 2), up to inf.
# The profile is a function of t that bends gently throughout.
SEAM, LAST_T = 3.0, 4.0
BELOW_SEAM = 0.0, 0.25, 0.5, 1.0, 1.5, 1.75, 1.9, 2.0, 2.1, 2.25, 2.5
GRID = (*BELOW_SEAM, SEAM, 3.5, 3.75, 3.9, LAST_T)
NEAR_INF = 2.0**40  # b**2 rho_alpha is its limit there, to 12 digits

RESOLUTION = 1e-14  # of a mean of losses, relative
WIDEST_STEP = 100.0  # of log(c)
LEAST_BEND = 1e-16  # of the mean of rho along log(c), which is positive
FINEST = 1e-12  # error of an equation that rounding lets us reach
SHORTENINGS = 30
COARSE_TOL, COARSE_ITER = 1e-2, 10_000  # for the summary of the residuals
SUMMARY = 512  # rows that are their own summary


class Rows(NamedTuple):
    """Residuals and the shares of the weight that they have."""

    r: Float
    share: Float


class Problem(NamedTuple):
    """The residuals in a unit of their own, and what is to be estimated."""

    rows: Rows  # less loc or their median; ascending
    total: float  # weight
    unit: int  # exponent of 2: the unit of the rows in that of the residuals
    centre: float  # what the rows are less, in that unit
    loc: float | None  # as given, None for what is to be estimated
    c: float | None
    start: Float  # loc and log(c) in the unit and from the centre of the rows
    floor: float  # least log(c)


class Point(NamedTuple):
    """The profile at an alpha, in the unit of the rows."""

    alpha: float
    place: Float  # loc, log(c)
    loss: float  # mean of rho + log(c)
    slope: float  # of the profile along t
    terms: float  # sum of the sizes of the slope's terms
    error: float  # of the equations of all that is free
    held: bool  # whether c is on its floor

    @property
    def value(self) -> float:
        """Return the profile, the mean of -log(density)."""
        return self.loss + log_z(self.alpha)


class _Look(NamedTuple):
    """Value and derivatives of the mean of rho + log(c) at a place."""

    place: Float
    value: float
    gradient: tuple[float, float]  # along loc in units of c, and log(c)
    hessian: tuple[float, float, float]  # loc twice, loc and log(c), log(c) twice
    free: tuple[bool, bool]  # which of loc and log(c) may move
    size: float  # of the errors of the equations of what is free, relative
    error: float  # what they have to be judged by


class _Guess(NamedTuple):
    """Where to look for a minimum of the profile."""

    t: float
    place: Float
    rate: float  # second derivative of the profile along t


@final
class Axis:
    """The coordinate t of alpha, between bounds."""

    def __init__(self, low: float, high: float) -> None:
        self.alphas = low, high
        self.low, self.high = map(self.coordinate, self.alphas)

    @staticmethod
    def coordinate(alpha: float) -> float:
        """Return t."""
        return alpha if alpha <= SEAM else LAST_T - 1 / (alpha - 2)

    def alpha(self, t: float) -> float:
        """Return alpha, which on a bound is the bound to the last digit."""
        if t in (self.low, self.high):
            return self.alphas[int(t != self.low)]  # both are 4 far enough out
        return t if t <= SEAM else 2 + 1 / (LAST_T - t)

    @staticmethod
    def rate(alpha: float) -> float:
        """Return d alpha / dt, at inf that of an alpha where its effect has a limit."""
        return 1.0 if alpha <= SEAM else (min(alpha, NEAR_INF) - 2) ** 2

    def grid(self) -> list[float]:
        """Return where to scan the profile."""
        inner = [t for t in GRID if self.low < t < self.high]
        return [self.low, *inner, self.high]

    def between(self, low: float, high: float) -> "Axis":
        """Return a part of the axis."""
        part = Axis(self.alpha(low), self.alpha(high))
        part.low, part.high = low, high
        return part


@final
class Profile:
    """The mean of -log(density), least over what is free of loc and c, by alpha.

    Parameters
    ----------
    problem : Problem
        What is free, and where to begin.
    rows : Rows
        The rows of the problem or a summary of them.
    tol : float
        Error of the equations, relative to their terms.
    max_iter : int
        Greatest number of passes.
    """

    def __init__(self, problem: Problem, rows: Rows, tol: float, max_iter: int) -> None:
        self.problem, self.rows = problem, rows
        self.tol, self.max_iter, self.n_iter = tol, max_iter, 0
        # A little more than asked, since the errors of all equations add up.
        self.goal = min(tol, max(tol / 100, FINEST))

    @property
    def spent(self) -> bool:
        """Whether there have been as many passes as there may be."""
        return self.n_iter >= self.max_iter

    def at(self, alpha: float, start: Float) -> Point:
        """Return the profile at alpha, from a start for loc and log(c)."""
        here = self._settle(alpha, self._safe(alpha, start))
        slope, terms = self._slope(alpha, here)
        held = self.problem.c is None and not here.free[1]
        return Point(alpha, here.place, here.value, slope, terms, here.error, held)

    def _safe(self, alpha: float, start: Float) -> Float:
        """Return a start where no loss overflows, if c is free."""
        if self.problem.c is not None:
            return start
        loc, log_c = start
        if alpha > 2:
            # At the minimum no row has ``share u**2 w > 1``, with w the least at inf.
            far = np.abs(self.rows.r - loc)
            last = int(far.argmax())
            u = math.sqrt(2 - 2 * math.log(self.rows.share[last]))
            log_c = max(log_c, math.log(far[last] / u))
        return np.array([loc, max(log_c, self.problem.floor)])

    def _settle(self, alpha: float, place: Float) -> _Look:
        """Return the least value over loc and log(c), near a place."""
        here = self._look(alpha, place)
        if not math.isfinite(here.value) and self.problem.c is None:
            far = np.abs(self.rows.r - place[0]).max()
            here = self._look(alpha, np.array([place[0], math.log(far)]))
        elif not math.isfinite(here.value) and self.problem.loc is None:
            # Midway between the ends no row is farther out than it must be.
            middle = self.rows.r[0] / 2 + self.rows.r[-1] / 2
            here = self._look(alpha, np.array([middle, place[1]]))
        while not here.error <= self.goal and not self.spent:
            slack = RESOLUTION * (1 + abs(here.value))
            step = self._step(alpha, here)
            if np.array_equal(here.place + step, here.place):
                return here._replace(error=0.0)  # there is no number nearer
            for _ in range(SHORTENINGS):
                place = here.place + step
                place[1] = max(place[1], self.problem.floor)
                there = self._look(alpha, place)
                if there.value <= here.value + slack or self.spent:
                    break
                step = step / 4
            gain = here.value - there.value
            if not (gain > slack or there.size < here.size):
                break  # rounding hides the rest
            here = there
        return here

    @np.errstate(over="ignore", invalid="ignore")  # a step too far: the value says so
    def _look(self, alpha: float, place: Float) -> _Look:
        """Return the derivatives at a place."""
        self.n_iter += 1
        (loc, log_c), (r, share) = place, self.rows
        u = (r - loc if loc else r) / np.exp(log_c)
        rho, psi, curvature = loss.evaluate(u, alpha)
        pull, bend = u * psi, u * curvature  # pull is u**2 w
        gradient = -_sum(share, psi), 1 - _sum(share, pull)
        hessian = (
            _sum(share, curvature),
            _sum(share, psi + bend),
            max(_sum(share, pull + u * bend), LEAST_BEND),
        )
        held = log_c <= self.problem.floor and gradient[1] >= 0
        free = self.problem.loc is None, self.problem.c is None and not held
        error_loc = error_c = 0.0
        if free[0] and gradient[0]:
            error_loc = abs(gradient[0]) / _sum(share, np.abs(psi))
        if free[1]:
            error_c = abs(gradient[1])
        # Where the equation of c is flat its error is small far from its root, too.
        error = max(error_loc, error_c / min(1.0, hessian[2]))
        value = _sum(share, rho) + float(log_c)
        size = error_loc + error_c
        return _Look(place, value, gradient, hessian, free, size, error)

    def _step(self, alpha: float, here: _Look) -> Float:
        """Return Newton's step, or a shorter one where that does not descend."""
        loc, c = float(here.place[0]), math.exp(here.place[1])
        pull_loc, pull_c = here.gradient
        bend_loc, mixed, bend_c = here.hessian
        if pull_c < 1:
            # Of the logarithm of the equation of c, which is nearly a line in log(c).
            pull_c = -(1 - pull_c) * math.log1p(-pull_c)
        if here.free[0] and bend_loc <= 0:
            # The mean weight bounds the curvature from above where alpha <= 2.
            weights = loss.weight((self.rows.r - loc) / c, alpha)
            bend_loc, mixed = _sum(self.rows.share, weights), 0.0
        determinant = bend_loc * bend_c - mixed * mixed
        step = np.zeros(2)
        if all(here.free) and determinant > 1e-3 * bend_loc * bend_c:
            step[0] = (mixed * pull_c - bend_c * pull_loc) / determinant
            step[1] = (mixed * pull_loc - bend_loc * pull_c) / determinant
        else:
            step[0] = -pull_loc / bend_loc if here.free[0] and bend_loc else 0.0
            step[1] = -pull_c / bend_c if here.free[1] else 0.0
        step[0] *= c
        step[1] = min(max(step[1], -WIDEST_STEP), WIDEST_STEP)
        return step

    @np.errstate(over="ignore")
    def _slope(self, alpha: float, here: _Look) -> tuple[float, float]:
        """Return the slope along t, and the sum of the sizes of its terms."""
        (loc, log_c), (r, share) = here.place, self.rows
        u = (r - loc) / math.exp(log_c)
        if alpha == 2:
            return self._slope_at_2(u, c_is_free=here.free[1])
        near, rate = min(alpha, NEAR_INF), Axis.rate(alpha)
        terms = (
            rate * _sum(share, loss.rho_alpha(u, near)),
            rate * log_z_slope(near),
        )
        return sum(terms), abs(terms[0]) + abs(terms[1])

    def _slope_at_2(self, u: Float, c_is_free: bool) -> tuple[float, float]:
        """Return the slope at alpha = 2; at a given c, one float away from it."""
        square = np.square(u)
        logs = xlogy(square, square)
        share = self.rows.share
        excess = 0.0 if c_is_free else 1 - _sum(share, square)
        edge = excess * (2 + math.log(np.finfo(float).eps))
        slope = (_sum(share, logs) - NORMAL_LOG + edge) / 4
        terms = (_sum(share, np.abs(logs)) + NORMAL_LOG + abs(edge)) / 4
        return slope, terms


@lru_cache(maxsize=256)
def log_z(alpha: float) -> float:
    """Return log Z."""
    return float(log_partition(alpha))


@lru_cache(maxsize=256)  # the grid is the same for all
def log_z_slope(alpha: float) -> float:
    """Return the derivative of log Z."""
    return float(log_partition(alpha, derivative=1))


def _sum(share: Float, values: NDArray[np.floating[Any]]) -> float:
    """Return the sum of the values times their shares."""
    # In pairs, for its rounding; and no BLAS, whose threads wait for busy cores.
    return float(np.add.reduce(share * values))


def prepare(
    r: Float,
    weights: Float | None,
    c: float | None,
    loc: float | None,
    c_min: float | None = None,
) -> Problem:
    """Return the residuals of positive weight in a unit in which c is moderate."""
    weights = np.ones(len(r)) if weights is None else weights
    total = float(weights.sum())
    share = weights / total
    kept = share > 0
    # Powers of 2, so that nothing is rounded on the way.
    first = _exponent(max(np.abs(r[kept]).max(), abs(loc or 0.0)))
    rows = Rows(np.ldexp(r[kept], -first), share[kept])
    given = None if loc is None else math.ldexp(loc, -first)
    rows, centre = _centred(rows, given)
    most, typical = _sizes(rows)
    if c is None and most == 0:
        raise ValueError(
            "r must have a scale if c is to be estimated. All residuals that have a "
            f"weight are {'equal' if loc is None else f'equal to loc={loc}'}. Check "
            "the fit that they are from; fit_general_dist can also be given c."
        )
    second = _exponent(typical) if c is None else _exponent(c) - first
    if most > 0:
        second = max(second, _exponent(most) - 1000)  # lest the unit make it infinite
    unit = first + second
    log_c = _log(typical, second) if c is None else _log(c, unit)
    floor = -math.inf
    if c is None:
        floor = log_c + math.log(LEAST_C) if c_min is None else _log(c_min, unit)
    start = np.array([0.0, log_c])
    rows = Rows(np.ldexp(rows.r, -second), rows.share)
    centre = math.ldexp(centre, -second)
    return Problem(rows, total, unit, centre, loc, c, start, floor)


def _centred(rows: Rows, loc: float | None) -> tuple[Rows, float]:
    """Return the rows less loc or their median, ascending, and what they are less."""
    r, share = rows
    centre = weighted_median(r, share) if loc is None else loc
    r = r - centre
    r = r if loc is None else np.abs(r)  # at a given loc their signs have no say
    order = np.argsort(r)
    return Rows(r[order], share[order]), centre


def _sizes(rows: Rows) -> tuple[float, float]:
    """Return the largest row and the median of those that are not 0, without signs."""
    size = np.abs(rows.r)
    apart = size > 0
    if not apart.any():
        return 0.0, 0.0
    return float(size.max()), weighted_median(size[apart], rows.share[apart])


def _exponent(x: float) -> int:
    """Return the exponent of 2 just above x."""
    return math.frexp(x)[1]


def _log(x: float, unit: int) -> float:
    """Return the logarithm of ``x / 2**unit``, to all digits where that is near 1."""
    mantissa, exponent = math.frexp(x)
    return math.log(mantissa) + (exponent - unit) * math.log(2)


def lowest(profile: Profile, axis: Axis) -> Point:
    """Return the least minimum of the profile."""
    problem = profile.problem
    coarse = Profile(problem, _summary(problem.rows), COARSE_TOL, COARSE_ITER)
    found = [_descend(profile, axis, guess)[0] for guess in _minima(coarse, axis)]
    return min(found, key=lambda point: point.value)


def _minima(profile: Profile, axis: Axis) -> Iterator[_Guess]:
    """Yield the minima of the profile that a scan along the axis finds."""
    start, grid, points = profile.problem.start, axis.grid(), list[Point]()
    for t in grid:
        points.append(profile.at(axis.alpha(t), start))
        start = points[-1].place
    slopes = np.array([point.slope for point in points])
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = np.diff(slopes) / np.diff(grid)  # slopes may be inf at a given c
    if slopes[0] >= 0:
        yield _Guess(grid[0], points[0].place, float(rates[0]))
    for i in np.flatnonzero((slopes[:-1] < 0) & (slopes[1:] >= 0)):
        t = grid[i] - float(slopes[i] / rates[i])
        guess = _Guess(t, points[i].place, float(rates[i]))
        yield _descend(profile, axis.between(grid[i], grid[i + 1]), guess)[1]
    if slopes[-1] < 0:
        yield _Guess(grid[-1], points[-1].place, float(rates[-1]))


def _descend(profile: Profile, axis: Axis, guess: _Guess) -> tuple[Point, _Guess]:
    """Return a minimum of the profile near a guess, and a better guess."""
    t, start, rate = guess
    root = Root(axis.low, axis.high, rate)
    while True:
        point = profile.at(axis.alpha(t), start)
        error = abs(point.slope) / point.terms
        new = root.next(t, point.slope)
        if error <= profile.goal or new is None or profile.spent:
            error = max(point.error, 0.0 if new is None else error)
            return point._replace(error=error), _Guess(t, point.place, root.rate)
        t, start = new, point.place


@final
class Root:
    """The search for a root of a rising function on an interval.

    It goes by secants. The sign of the function says on which side the root is, so that
    halving can take over where secants leave the interval or do not get on.

    Parameters
    ----------
    low, high : float
        Where the root is, or is nearest to.
    rate : float
        What the derivative may be at the first point.
    """

    def __init__(self, low: float, high: float, rate: float) -> None:
        self.low, self.high, self.rate = low, high, rate
        self._ends = {low, high}  # not tried yet
        self._last: tuple[float, float] | None = None

    def next(self, t: float, value: float) -> float | None:
        """Return where to go from a point, None if no number is left between."""
        self._ends -= {t}
        slow = False
        if self._last is not None:
            slow = not abs(value) < abs(self._last[1]) / 2
            self.rate = (value - self._last[1]) / (t - self._last[0])
        self._last = t, value
        if value > 0:
            self.high = t
        else:
            self.low = t
        new = t - value / self.rate if self.rate > 0 and not slow else math.nan
        if self.low < new < self.high:
            return new
        end = self.low if value > 0 else self.high
        if end in self._ends:
            return end
        middle = self.low / 2 + self.high / 2
        return middle if self.low < middle < self.high else None


def _summary(rows: Rows) -> Rows:
    """Return the means of groups of neighbours, groups that shrink towards the ends."""
    n = len(rows.r)
    if n <= SUMMARY:
        return rows
    growing = np.cumsum(1.05 ** np.arange(300.0)).astype(int)
    growing = growing[: np.searchsorted(np.diff(growing), n // (SUMMARY // 2))]
    growing = growing[growing < n // 2]
    middle = np.linspace(growing[-1], n - growing[-1], SUMMARY // 2).astype(int)
    starts = np.unique(np.concatenate([[0], growing, middle, n - growing]))
    share = np.add.reduceat(rows.share, starts)
    return Rows(np.add.reduceat(rows.share * rows.r, starts) / share, share)
