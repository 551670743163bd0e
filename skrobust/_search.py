"""Search for the regression with the smallest robust scale: an S-estimator.

The M-scale of the residuals, as a function of the parameters, has many minima. Its
global minimum withstands outliers of any kind, in X as well as in y, in up to nearly
half of the rows [1]_. To find it, many candidates are improved by a step or two of
reweighted least squares, the better ones by more, and the best ones to the end [2]_.

References
----------
.. [1] P. J. Rousseeuw and V. J. Yohai, "Robust Regression by Means of S-Estimators",
       Lecture Notes in Statistics 26, 1984, 256-272.
       https://doi.org/10.1007/978-1-4615-7821-5_15
.. [2] M. Salibian-Barrera and V. J. Yohai, "A Fast Algorithm for S-Regression
       Estimates", Journal of Computational and Graphical Statistics 15, 2006, 414-427.
       https://doi.org/10.1198/106186006X113629
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr, solve_triangular

from skrobust._concentration import Candidates, Sample, apart, joined, valleys
from skrobust._rows import LinearModel, Rows
from skrobust._scale import MScale
from skrobust._solvers import minimise
from skrobust._subsets import (
    central_halves,
    fits_through,
    random_subsets,
    robust_scales,
)
from skrobust.loss import Family

__all__ = ["RobustScale", "SFit", "preferred", "search"]

Array = NDArray[Any]

ROUNDING = 8 * float(np.finfo(float).eps)
LEAST_CURVATURE = 0.1  # of a row, relative to its weight
RANK_TOL = 1e-11  # of the longest column: what of another one the rest does not span
EXACT = 1e-10  # in units of y, scale below which a fit may be an exact one
ASSUMED_OUTLIERS = 0.4  # share against which the number of subsets is meant to hold
FEWEST, MOST = 500, 5000  # random subsets
BUDGET = 6e7  # operations that their fits may take
STEP_BUDGET = 1.5e7  # operations that one step of the pool may take
MOST_POOLED, FINISHED = 24, 5
CENTRAL_ROWS, CENTRAL_PER_PARAMETER = 500, 5  # among which a half is looked for
ARENA, ARENA_PER_PARAMETER = 1000, 10  # rows in which candidates compete
GROUP, GROUP_PER_PARAMETER = 500, 5  # rows in which they are screened
CENTRAL_STEPS = 3
FAR = 3.0  # median lengths from which a row is shortened
FINE, MAX_ITER = 1e-9, 200  # of the minimum of a scale
LEAST_FREEDOM = 25  # rows less parameters that tell scales apart
CLEARLY = 0.95  # of the inner scale of the best fit: that of a preferred one
OUTLYING = 2.5  # scales from which a row is an outlier
GIVEN_UP = 0.3  # share of inner rows among those that a preferred fit gives up
SAME = 1e-4  # root mean squared difference of two fits, in units of the scale


class SFit(NamedTuple):
    """A minimum of the robust scale of the residuals.

    The scale is 0 if the fit is exact. `inner` is the robust scale of the residuals of
    the rows that are not far in X, NaN where these are too few; it is inf where the
    fit gives up other rows of the best fit than far ones.
    """

    params: Array
    scale: float
    inner: float = np.nan


@dataclass
class RobustScale:
    """Logarithm of the M-scale of the residuals, as an objective.

    With a penalty, half the squared scale plus half the penalised squares.

    Parameters
    ----------
    rows : Rows
        The data.
    model : LinearModel
        What predicts y.
    scale : MScale
        The scale, with the weights of the rows.
    l2 : float or ndarray of shape (q,)
        Penalty of the squares of the coefficients, in squared units of the scale; an
        array has the penalty of each parameter.
    guess : float or None
        What the scale may be near, which saves some passes over the residuals; the
        last scale that was found from then on.
    """

    rows: Rows
    model: LinearModel
    scale: MScale
    l2: float | Array = 0.0
    guess: float | None = field(default=None, repr=False)

    def evaluate(self, params: Array) -> tuple[float, Array]:
        """Return the value and the gradient."""
        residuals, scale = self._scale_at(params)

        def visit(rows: slice) -> tuple[Any, ...]:
            u = residuals[rows] / scale
            psi = self.scale.family.evaluate(u, self.scale.c, 1)[1]
            psi = self.rows.weigh(rows, psi)
            pull = self.model(params, self.rows.features(rows))[1]
            return pull(psi), psi @ u

        slope, steepness = self.rows.sum(visit)
        return self._penalised(params, scale, -slope / (scale * steepness))

    def expand(self, params: Array) -> tuple[float, Array, Array, float]:
        """Return value, gradient, a model of the Hessian, and the gradient's rounding.

        At a minimum without a penalty the model is the Hessian, but for rows where
        the loss bends down.
        """
        residuals, scale = self._scale_at(params)
        family, c = self.scale.family, self.scale.c

        def visit(rows: slice) -> tuple[Any, ...]:
            u = residuals[rows] / scale
            X, weigh = self.rows.features(rows), self.rows.weigh
            prediction, pull = self.model(params, X)
            _, psi, bend = family.evaluate(u, c, 2)
            np.maximum(bend, LEAST_CURVATURE / c**2 * family.weight(u, c), out=bend)
            steep = np.abs(psi) + bend * (np.abs(prediction) / scale + np.abs(u))
            psi, bend = weigh(rows, psi), weigh(rows, bend)
            sums = pull(psi), psi @ u, weigh(rows, steep).sum()
            return *sums, self.model.metric(X, bend)

        slope, steepness, steep, metric = self.rows.sum(visit)
        metric = metric / (scale * scale * steepness)
        resolution = ROUNDING * (1 + float(steep / steepness))
        value, gradient = self._penalised(params, scale, -slope / (scale * steepness))
        if np.any(self.l2):
            metric *= scale * scale
            diagonal = metric if metric.ndim == 1 else np.einsum("ii->i", metric)
            diagonal += self._penalty(params)
        return value, gradient, metric, resolution

    def at(self, params: Array) -> float:
        """Return the scale of the residuals."""
        return self._scale_at(params)[1]

    def _scale_at(self, params: Array) -> tuple[Array, float]:
        residuals = self.rows.collect(
            lambda rows: self.rows.residuals(rows, self.model, params)
        )
        scale = self.scale(residuals, self.guess)
        if 0 < scale < np.inf:
            self.guess = scale
        return residuals, scale

    def _penalised(
        self, params: Array, scale: float, gradient: Array
    ) -> tuple[float, Array]:
        if not np.any(self.l2):
            return float(np.log(scale)) if scale > 0 else -np.inf, gradient
        pull = self._penalty(params) * params
        value = 0.5 * (scale * scale + float(pull @ params))
        return value, scale * scale * gradient + pull

    def _penalty(self, params: Array) -> Array:
        if np.ndim(self.l2):
            return np.asarray(self.l2)
        penalty = np.full(len(params), self.l2)
        penalty[len(params) - self.model.intercept :] = 0.0
        return penalty


class _Problem(NamedTuple):
    """The rows in units of their columns, and in coordinates of full rank.

    ``sample.X @ theta = Z @ b`` where ``theta = inward @ b``; the shortest such `b` is
    ``outward @ theta``. Z has columns of robust scale 1, and of median 0 if there is an
    intercept.
    """

    sample: Sample
    Z: Array
    inward: Array  # (r, q)
    outward: Array  # (q, r)
    centre: Array
    scales: Array
    target_centre: float
    unit: float
    intercept: bool

    def params(self, b: Array) -> Array:
        """Return parameters for X and y as they were given."""
        params = b / self.scales * self.unit
        if self.intercept:
            params[-1] += self.target_centre - params[:-1] @ self.centre[:-1]
        return params

    def start(self, params: Array) -> Array:
        """Return `theta` for parameters as they are given."""
        params = np.array(params, dtype=float)
        if self.intercept:
            params[-1] += params[:-1] @ self.centre[:-1] - self.target_centre
        return self.inward @ (params * self.scales / self.unit)

    def penalty(self, l2: float) -> Array:
        """Return the penalty of each scaled parameter."""
        return _penalty(l2, self.scales, len(self.scales) - self.intercept)


def _penalty(l2: float, scales: Array, columns: int) -> Array:
    penalty = l2 / np.square(scales)
    penalty[columns:] = 0.0
    return penalty


def search(
    X: Array,
    y: Array,
    weights: Array | None = None,
    *,
    family: Family,
    c: float,
    breakdown: float = 0.5,
    l2: float = 0.0,
    intercept: bool,
    rng: np.random.Generator,
    starts: Sequence[Array] = (),
) -> list[SFit]:
    """Return the smallest minima of the robust scale that were found, best first.

    Parameters
    ----------
    X : ndarray of shape (m, q)
        Features; the last column is one of ones if `intercept`.
    y : ndarray of shape (m,)
        Target.
    weights : ndarray of shape (m,) or None
        Non-negative weights: how many rows each one stands for.
    family : Family
        A bounded loss.
    c : float
        Its scale in units of the scale that is minimised.
    breakdown : float
        Share of the rows that may be arbitrarily far off, in (0, 0.5].
    l2 : float
        Penalty: what is minimised is ``scale**2 + l2 * |coef|**2``.
    intercept : bool
        Whether the last parameter is an intercept, and not penalised.
    rng : Generator
        Draws the subsets.
    starts : sequence of ndarray of shape (q,)
        Parameters to start from as well.

    Returns
    -------
    list of SFit
        Distinct minima, converged to rounding; one alone if its scale is 0.
    """
    if weights is not None:
        present = weights > 0
        X, y, weights = X[present], y[present], weights[present]
    total = len(y) if weights is None else float(weights.sum())

    def m_scale(total: float, rank: int, weights: Array | None = None) -> MScale:
        """Return the M-scale that leaves a degree of freedom to each parameter."""
        return MScale(family, c, breakdown * (total - rank), weights)

    problem = _prepared(X, y, intercept, l2, partial(m_scale, total, weights=weights))
    sample = problem.sample
    first, inner = _deterministic(problem, rng)
    given = [problem.start(start) for start in starts]
    arena = _arena(sample, rng)
    drawn = _from_subsets(arena, rng)
    candidates = _refined(arena, np.array([*given, *first]), drawn)
    if arena is not sample:
        candidates = sample.polish(sample.assess(candidates.params))
        candidates = valleys(sample, candidates)
    return _finished(candidates, problem, l2, inner)


def preferred(fits: Sequence[SFit]) -> SFit:
    """Return the fit to go on with: the best one, unless it rests on far rows.

    A cluster of rows that are far in X may pull the smallest scale over all rows to
    itself. The fit that describes the other rows clearly better is then the right one,
    if it is a minimum of the scale too.
    """
    inner = min(fits, key=lambda fit: fit.inner)
    return inner if inner.inner < CLEARLY * fits[0].inner else fits[0]


def _prepared(
    X: Array, y: Array, intercept: bool, l2: float, m_scale: Callable[[int], MScale]
) -> _Problem:
    """Return the rows in robust coordinates, with the M-scale for their rank."""
    centre = np.zeros(X.shape[1])
    scales = np.ones(X.shape[1])
    columns = X.shape[1] - intercept
    if intercept:
        centre[:columns] = np.median(X[:, :columns], axis=0)
    Z = X - centre
    scales[:columns] = robust_scales(Z[:, :columns])
    Z /= scales
    target_centre = float(np.median(y)) if intercept else 0.0
    target = y - target_centre
    unit = float(robust_scales(target[:, None])[0])
    target /= unit
    full, inward, outward = _of_full_rank(Z)
    penalty = _penalty(l2, scales, columns) if l2 else None
    if penalty is not None:
        penalty = (outward.T * penalty) @ outward
    sample = Sample(full, target, m_scale(len(inward)), penalty)
    at = centre, scales, target_centre, unit, intercept
    return _Problem(sample, Z, inward, outward, *at)


def _of_full_rank(Z: Array) -> tuple[Array, Array, Array]:
    """Return Z in coordinates of full rank, the map to them, and the way back."""
    # Far rows shortened, for the others not to drown in their rounding.
    length = np.linalg.norm(Z, axis=1)
    away = length > 0  # from the centre, where more than half of the rows may be
    limit = FAR * np.median(length[away]) if away.any() else 1.0
    near = Z.copy()
    near[away] *= np.minimum(1.0, limit / length[away])[:, None]
    triangle, order = qr(near, mode="r", pivoting=True, check_finite=False)
    diagonal = np.abs(np.diagonal(triangle))
    rank = int(np.sum(diagonal > RANK_TOL * diagonal[0]))
    inward = np.empty((rank, Z.shape[1]))
    inward[:, order] = triangle[:rank] / np.sqrt(len(Z))
    leading = order[:rank]
    full = solve_triangular(inward[:, leading], Z[:, leading].T, trans="T").T
    return np.ascontiguousarray(full), inward, np.linalg.pinv(inward)


def _deterministic(problem: _Problem, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return starts that no chance of a clean subset decides on, and the inner rows.

    Among rows that stand for all; one may do so several times.
    """
    sample = problem.sample
    size = max(CENTRAL_ROWS, CENTRAL_PER_PARAMETER * problem.Z.shape[1])
    rows = _representative(len(sample.y), size, sample.weights, rng)
    X, y = sample.X[rows], sample.y[rows]
    columns = problem.Z[rows, : problem.Z.shape[1] - problem.intercept]
    halves = [central_halves(np.column_stack([columns, y]), steps=0)[0]]
    if columns.shape[1]:
        by_columns, near = central_halves(columns, CENTRAL_STEPS)
        halves.append(by_columns)
        rows = rows[near]
    found = [np.linalg.lstsq(X[half], y[half])[0] for half in np.concatenate(halves)]
    return np.array([np.zeros(X.shape[1]), *found]), rows


def _representative(
    n: int, size: int, weights: Array | None, rng: np.random.Generator
) -> Array:
    """Return about `size` of n rows, each as often as its weight says."""
    if weights is None:
        return np.arange(n) if n <= size else rng.permutation(n)[:size]
    order, total = np.arange(n), float(weights.sum())
    count = min(size, max(n, round(total)))
    if total > size:
        rng.shuffle(order)
    # Evenly along the weights: whole ones are then met as often as they say.
    places = (np.arange(count) + 0.5) * (total / count)
    chosen: Array = order[np.searchsorted(np.cumsum(weights[order]), places)]
    return chosen


def _arena(sample: Sample, rng: np.random.Generator) -> Sample:
    """Return rows in which candidates compete: all of them, or some."""
    size = max(ARENA, ARENA_PER_PARAMETER * sample.X.shape[1])
    if len(sample.y) <= size:
        return sample
    return sample.take(rng.permutation(len(sample.y))[:size])


def _from_subsets(arena: Sample, rng: np.random.Generator) -> Candidates:
    """Return the best of the fits through random subsets, as seen in the arena."""
    m, q = arena.X.shape
    size = max(GROUP, GROUP_PER_PARAMETER * q)
    groups = [arena]
    if m >= 2 * size:
        groups = [arena.take(rows) for rows in np.array_split(np.arange(m), m // size)]
    count = -(-_how_many(q, len(groups[0].y)) // len(groups))
    kept = []
    for group in groups:
        subsets = random_subsets(len(group.y), q, count, rng, group.weights)
        found = group.assess(fits_through(group.X, group.y, subsets, rng))
        found = group.concentrate(found.best(max(MOST_POOLED, count // 4)), 2)
        kept.append(found.best(-(-MOST_POOLED // len(groups))))
    found = joined(kept)
    return arena.assess(found.params) if len(groups) > 1 else found


def _how_many(q: int, rows: int) -> int:
    """Return how many random subsets to draw: enough, or what the budget allows."""
    clean = (1 - ASSUMED_OUTLIERS) ** q
    enough = np.clip(np.log(1e-3) / np.log1p(-clean), FEWEST, MOST)
    return int(min(enough, max(BUDGET / (q**3 + rows * (2 * q + 100)), 20)))


def _refined(arena: Sample, first: Array, drawn: Candidates) -> Candidates:
    """Return distinct candidates, nearly converged, of two kinds.

    The few that do not depend on chance are all seen to the end, as they may lead to
    another minimum than the best one.
    """
    m, q = arena.X.shape
    pooled = int(np.clip(STEP_BUDGET / (m * (q * q + 50)), 4, MOST_POOLED))
    drawn = arena.concentrate(drawn.best(2 * pooled), 2).best(pooled)
    kinds = drawn, arena.concentrate(arena.assess(first), 2)
    ends = []
    for kind in kinds:
        near = arena.polish(arena.concentrate(apart(arena, kind), 3))
        near = arena.polish(valleys(arena, near))
        ends.append(valleys(arena, near).best(FINISHED))
    return valleys(arena, joined(ends))


def _finished(
    candidates: Candidates, problem: _Problem, l2: float, inner: Array
) -> list[SFit]:
    """Return the distinct minima that the candidates lead to, best first."""
    sample, Z, unit = problem.sample, problem.Z, problem.unit
    exact = _exact_fit(candidates.params[0], sample)
    if exact is not None:
        return [SFit(problem.params(problem.outward @ exact), 0.0, 0.0)]
    rows = Rows(Z, sample.y, sample.weights)
    penalty = problem.penalty(l2) if l2 else 0.0
    found = []
    for params in candidates.params:
        objective = RobustScale(rows, LinearModel(False), sample.scale, penalty)
        start = problem.outward @ params
        found.append(minimise(objective, start, tol=FINE, max_iter=MAX_ITER))
    inner_scale = _inner_scale(sample, inner)
    kept: list[Array] = []
    fits: list[SFit] = []
    of_best = np.zeros(len(sample.y), bool)
    for solution in sorted(found, key=lambda solution: solution.value):
        b = solution.params
        residuals = sample.y - Z @ b
        scale = sample.scale(residuals)
        sizes = [np.sqrt(np.mean(np.square(Z @ (b - other)))) for other in kept]
        if all(size > SAME * scale for size in sizes):
            kept.append(b)
            if not fits:
                of_best, reach = np.abs(residuals) <= OUTLYING * scale, OUTLYING * scale
            near = np.abs(residuals) <= reach
            central = np.nan if inner_scale is None else inner_scale(residuals[inner])
            given_up = np.flatnonzero(of_best & ~near)
            if np.isin(given_up, inner).sum() > GIVEN_UP * len(given_up):
                central = np.inf
            fits.append(SFit(problem.params(b), unit * scale, unit * central))
    return fits


def _inner_scale(sample: Sample, inner: Array) -> MScale | None:
    """Return the M-scale for some rows, None if they are few."""
    n, rank = sample.X.shape
    if len(inner) - rank < LEAST_FREEDOM:
        return None
    total = n if sample.weights is None else float(sample.weights.sum())
    share = (len(inner) - rank) / (total - rank)
    return replace(sample.scale, excess=share * sample.scale.excess, weights=None)


def _exact_fit(params: Array, sample: Sample) -> Array | None:
    """Return a fit through so many rows that its scale is 0, None if there is none."""
    residuals = sample.y - sample.X @ params
    if sample.scale(residuals) > EXACT:
        return None
    near = np.abs(residuals) <= 10 * EXACT * np.maximum(1.0, np.abs(sample.y))
    params = np.linalg.lstsq(sample.X[near], sample.y[near], rcond=None)[0]
    residuals = np.abs(sample.y - sample.X @ params)
    rounding = 1e3 * ROUNDING * (np.abs(sample.y) + np.abs(sample.X) @ np.abs(params))
    residuals[residuals <= rounding] = 0.0
    return params if sample.scale(residuals) == 0 else None
