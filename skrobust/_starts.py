"""Where a robust fit starts: coordinates, a sample of the rows, a convex robust fit.

Below ``alpha = 1`` the objective has several minima. The one that we want is reached by
walking `alpha` down from 1, where there is only one.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import qr

from skrobust._objective import MeanLoss
from skrobust._rows import DENSE_METRIC, LinearModel, Rows
from skrobust._scale import SIGMA_PER_MAD, median, weighted_median
from skrobust._solvers import Solution, minimise
from skrobust.loss import General

__all__ = [
    "EXACT_SCALE",
    "ROUGH",
    "SQUARABLE",
    "FirstFit",
    "exact_fit",
    "exact_rows",
    "first_fit",
    "in_own_units",
    "least_squares",
    "path",
    "rounding",
    "sample",
    "scale",
    "start_of",
    "tame",
    "walk",
]

Array = NDArray[Any]

SQUARED, NEAR_LINEAR = General(2.0), General(1.0)
SAMPLE_ROWS = 4000
SAMPLE_ROWS_PER_PARAMETER = 20
FAR_FROM_ZERO = 100.0  # standard deviations from which a column is shifted
# Condition of the columns from which they are taken apart, and that for data so small
# that it costs nothing.
COLLINEAR, SLIGHTLY_COLLINEAR, SMALL = 300.0, 10.0, 100_000
LEAST_SPREAD = 1e-14  # of a column, relative to its mean: below it, it is constant
FINE = 1e-5  # size of the gradient of a fit whose scale counts
ROUGH = 1e-3  # size of the gradient of a fit that another one follows
MAX_DOUBLINGS = 6  # of alpha - 2 before the end of the path
NEARLY_ABSOLUTE = 0.2  # c of the first fit, in units of the scale
# c**2 E[curvature] at the normal: with it a penalty weighs as in least squares.
NEARLY_ABSOLUTE_CURVATURE = 0.15  # quad of norm.pdf(z) * (1 + 25 * z**2) ** -1.5
SCALE_TOL = 1e-4
MAX_ROUNDS = 100
# In units of y. Rounding leaves some 1e-16 of it in a residual.
EXACT_SCALE, EXACT_ROW = 1e-13, 1e-11
ROUNDING = 64 * float(np.finfo(float).eps)
SAME = 1e-9  # difference of two residuals, relative to them, that is rounding
SQUARABLE = 1e100
BEYOND = 1e6  # scales from which a row is tamed in the first fit


def sample(rows: Rows) -> Array | None:
    """Return which some thousand of the rows to look at first, None for all of them.

    What is fitted on them is a start for a fit on all rows, which are read for it only
    where they are many more. They are always the same ones, and none has weight 0.
    """
    n, p = rows.X.shape
    size = max(SAMPLE_ROWS, SAMPLE_ROWS_PER_PARAMETER * p)
    present = None
    if rows.weights is not None and not rows.weights.all():
        present = np.flatnonzero(rows.weights)
        n = len(present)
    if n < 4 * size:
        return None
    chosen = np.random.default_rng(0).choice(n, size, replace=False, shuffle=False)
    chosen.sort()
    return chosen if present is None else present[chosen]


def in_own_units(
    rows: Rows, few: Rows, model: LinearModel, l2: float = 0.0
) -> list[Rows]:
    """Return all rows, and the few, with numbers of the size of their spread.

    y is divided by a power of 2 near the median size of what is not its centre, so that
    1 is a typical y whatever its unit. Where there is an intercept to take it up again,
    y also loses its median, and columns far from zero (a year, a timestamp) their mean,
    without which their products with the others would drown in rounding. Where the rows
    do not determine the coefficients, all columns do: the answer is then a small one.
    Columns that are nearly collinear are taken apart, unless there is a penalty, which
    is on the coefficients as they are.
    """
    centre, shift, factor = 0.0, None, None
    if model.intercept:
        weights = np.ones(len(few)) if few.weights is None else few.weights
        centre = weighted_median(few.y, weights)
    if not sparse.issparse(few.X):
        if model.intercept:
            shift = _shift(few)
        if not l2 and few.X.shape[1] <= DENSE_METRIC:
            shift, factor = _taken_apart(few, model, shift)
    # All rows are asked only if the few are all alike.
    typical = _typical(few, centre) or _typical(rows, centre) or 1.0
    unit = float(2.0 ** np.round(np.log2(typical)))
    return [
        replace(r, centre=centre, unit=unit, shift=shift, factor=factor)
        for r in (rows, few)
    ]


def _typical(rows: Rows, centre: float) -> float:
    """Return the median size of what is not the centre, 0 where there is nothing."""
    size = np.abs(rows.y - centre)
    weights = (size > 0) * (1.0 if rows.weights is None else rows.weights)
    return weighted_median(size, weights) if weights.any() else 0.0


def _shift(rows: Rows) -> Array | None:
    """Return the means of the columns far from zero, None if there are none."""

    def moments(block: slice) -> tuple[Any, ...]:
        X, _ = rows.block(block)
        weights = rows.weigh(block, np.ones(len(X)))
        return weights @ X, weights @ np.square(X)

    mean, square = (moment / rows.total for moment in rows.sum(moments))
    far = np.square(mean) > FAR_FROM_ZERO**2 * (square - np.square(mean))
    far |= rows.total <= rows.X.shape[1]
    return np.where(far, mean, 0.0) if far.any() else None


def _taken_apart(
    rows: Rows, model: LinearModel, shift: Array | None
) -> tuple[Array | None, Array | None]:
    """Return a shift of the columns, and the factor R of a QR of what is then left.

    The factor is None where the columns are far from collinear, or collinear to
    rounding, and constant columns stay as they are.
    """
    p = rows.X.shape[1]
    present = slice(None) if rows.weights is None else rows.weights > 0
    X = rows.X[present].astype(np.float64)
    mean = X.mean(axis=0) if model.intercept else np.zeros(p)
    X -= mean
    size = np.sqrt(np.square(X).mean(axis=0))
    vary = size > LEAST_SPREAD * np.abs(mean)
    if len(X) <= np.count_nonzero(vary) or not np.isfinite(size).all():
        return shift, None
    X, size = X[:, vary] / size[vary], size[vary]
    values = np.linalg.eigvalsh(X.T @ X)
    limit = COLLINEAR if rows.X.size > SMALL else SLIGHTLY_COLLINEAR
    if not len(values) or values[-1] <= limit**2 * values[0]:
        return shift, None
    R = qr(X, mode="r")[0][: len(size)]
    spread = np.linalg.svd(R, compute_uv=False)
    if spread[-1] <= 8 * p * np.finfo(float).eps * spread[0]:
        return shift, None
    factor = np.eye(p)
    factor[np.ix_(vary, vary)] = R * size / np.sqrt(len(X))
    return (mean if model.intercept else shift), factor


def tame(rows: Rows, model: LinearModel, params: Array, reach: float) -> Rows:
    """Return rows with no y further than `reach` from a fit.

    Where ``alpha <= 1`` and `reach` is many times c, a row beyond it pulls as hard (or
    as little) wherever it is, so this changes no fit. But the loss of a fill value of
    1e30 would drown that of all other rows.
    """
    if rows.largest <= reach:
        return rows
    fitted = rows.collect(lambda block: model(params, rows.features(block))[0])
    low, high = ((fitted + side * reach) * rows.unit + rows.centre for side in (-1, 1))
    return replace(rows, y=rows.y.clip(low, high))


def least_squares(
    rows: Rows, model: LinearModel, l2: float, tol: float = ROUGH
) -> Solution:
    """Fit by least squares."""
    start = np.zeros(rows.X.shape[1] + model.intercept)
    objective = MeanLoss(rows, model, SQUARED, 1.0, l2)
    return minimise(objective, start, tol=tol, max_iter=100)


class FirstFit(NamedTuple):
    """A robust fit that is not efficient yet, and the scale of its residuals.

    `exact` is None, or marks the rows without a residual where they are so many that
    the scale is 0. `rank` is the number of coefficients that the rows determine, `rate`
    by how much a scale that is off is put right in a round.
    """

    params: Array
    scale: float
    rank: int
    rate: float = 1.0
    settled: bool = True
    exact: Array | None = None


def first_fit(rows: Rows, model: LinearModel, l2: float, start: FirstFit) -> FirstFit:
    """Fit nearly least absolute deviations, and their scale.

    Such a fit passes (nearly) through as many rows as there are coefficients. The scale
    is the weighted median of the other absolute residuals, consistent at the normal,
    and the loss turns linear at a fifth of it. The two are found in turn: the
    logarithm of the scale is where a round no longer changes it, found by secants. Up
    to a third of gross errors in y leave both usable.
    """
    params, sigma, rank, rate, *_ = start
    spent = rank if l2 == 0 else 0
    before, step, settled, low, high = 0.0, 0.0, False, EXACT_SCALE, np.inf
    for turn in range(MAX_ROUNDS):
        params = _nearly_absolute(rows, model, l2, params, sigma)
        residuals = partial(rows.residuals, model=model, params=params)
        found = scale(rows, residuals, guess=sigma, spent=spent)
        if found <= EXACT_SCALE:
            return exact_fit(rows, model, l2, params)
        change = float(np.log(found / sigma))
        if step:
            rate = float(np.clip((before - change) / step, 0.1, 10.0))
        # A far smaller c than the last one would be a fit without a start.
        most = max(abs(change), 1.0)
        before, step = change, float(np.clip(change / rate, -most, most))
        low, high = (sigma, high) if change > 0 else (low, sigma)
        if abs(step) <= SCALE_TOL:
            sigma, settled = sigma * float(np.exp(step)), True
            break
        if 0 < high / low - 1 <= SCALE_TOL:
            settled = True
            break
        # With weights a round may jump across the scale wanted, again and again.
        within = low < sigma * np.exp(step) < high
        if EXACT_SCALE < low < high < np.inf and (turn % 2 or not within):
            step = float(np.log(low / sigma) + np.log(high / sigma)) / 2
        sigma = max(sigma * float(np.exp(step)), EXACT_SCALE)
    return FirstFit(params, sigma, rank, rate, settled)


def _nearly_absolute(
    rows: Rows, model: LinearModel, l2: float, params: Array, sigma: float
) -> Array:
    """Return the fit whose loss turns linear at a fifth of a scale."""
    near = tame(rows, model, params, BEYOND * sigma)
    c, penalty = NEARLY_ABSOLUTE * sigma, NEARLY_ABSOLUTE_CURVATURE * l2
    objective = MeanLoss(near, model, NEAR_LINEAR, c, penalty)
    return minimise(objective, params, tol=FINE, max_iter=200).params


def start_of(rows: Rows, model: LinearModel, l2: float) -> FirstFit:
    """Return the least-squares fit, if it is of use, and the scale of its residuals."""
    params = np.zeros(rows.X.shape[1] + model.intercept)
    fit = least_squares(tame(rows, model, params, SQUARABLE), model, l2)
    spread = scale(rows, lambda block: rows.residuals(block, model, fit.params))
    if spread > 2:  # worse than none: y itself has a scale near 1
        return FirstFit(params, 2.0, fit.rank)
    return FirstFit(fit.params, max(spread, EXACT_SCALE), fit.rank)


def scale(
    rows: Rows,
    residuals: Callable[[slice], Array],
    *,
    guess: float | None = None,
    spent: int = 0,
) -> float:
    """Return the robust standard deviation of residuals that are given by blocks.

    It is their weighted median size, made consistent at the normal; without the `spent`
    smallest of them, where that many coefficients have made them small.
    """
    weights = rows.weights

    def sweep(visit: Callable[..., tuple[Any, ...]]) -> tuple[Any, ...]:
        return rows.sum(
            lambda block: visit(
                np.abs(residuals(block)), None if weights is None else weights[block]
            )
        )

    if guess is None and len(rows) > 4 * SAMPLE_ROWS:
        thin = slice(None, None, len(rows) // SAMPLE_ROWS)
        guess = SIGMA_PER_MAD * float(np.median(np.abs(residuals(thin))))
    near = guess / SIGMA_PER_MAD if guess else None
    part = (rows.total + _weight_spent(rows, residuals, spent)) / 2
    # Never all: what lies above the largest residual has no median.
    return SIGMA_PER_MAD * median(sweep, min(part, (1 - 1e-9) * rows.total), near)


def _weight_spent(rows: Rows, residuals: Callable[[slice], Array], spent: int) -> float:
    """Return the weight of the rows with the `spent` smallest residuals.

    Rows with the same residual count as one: a row of weight 2 and the row twice are
    fitted alike. Of very many rows their share is too small for that to matter.
    """
    weights = np.ones(len(rows)) if rows.weights is None else rows.weights
    present = weights > 0
    n = np.count_nonzero(present)
    if not spent or n > 4 * SAMPLE_ROWS:
        return rows.total * min(spent / n, 1.0)
    size, weights = np.abs(rows.collect(residuals))[present], weights[present]
    order = np.argsort(size)
    size, weights = size[order], weights[order]
    step = np.diff(size, prepend=-1.0)
    group = np.cumsum(step > SAME * (size + np.median(size)))
    return float(weights[group <= spent].sum())


def path(alpha: float) -> list[float]:
    """Return the shapes that lead to `alpha` from near least squares.

    The distance from 2 doubles from one to the next, so that none is far from the one
    before. Down to 1 the problem is convex and needs no path.
    """
    side = 1.0 if alpha > 2 else -1.0
    steps = [2.0 + side * 2.0**k for k in range(MAX_DOUBLINGS)]
    return [*(step for step in steps if abs(step - 2) < abs(alpha - 2)), alpha]


def walk(objectives: Iterable[MeanLoss], start: Array) -> Array:
    """Return where a path of fits leads, each one starting at the end of the last."""
    params = start
    for objective in objectives:
        params = minimise(objective, params, tol=ROUGH, max_iter=100).params
    return params


def exact_rows(rows: Rows, model: LinearModel, params: Array) -> Array:
    """Return which rows a fit leaves no residual."""
    residuals = rows.collect(lambda block: rows.residuals(block, model, params))
    exact: Array = np.abs(residuals) <= rounding(rows, model, params)
    return exact


def exact_fit(rows: Rows, model: LinearModel, l2: float, params: Array) -> FirstFit:
    """Fit by least squares the rows that a fit leaves no residual, and only those."""
    exact = exact_rows(rows, model, params)
    weights = exact * (1.0 if rows.weights is None else rows.weights)
    fit = least_squares(replace(rows, weights=weights), model, l2, tol=1e-15)
    return FirstFit(fit.params, 0.0, fit.rank, exact=exact)


def rounding(rows: Rows, model: LinearModel, params: Array) -> float:
    """Return how large a residual may be, in units of the rows, and yet be rounding."""
    fitted = rows.collect(lambda block: model(params, rows.features(block))[0])
    return max(EXACT_ROW, ROUNDING * float(np.abs(fitted).max()))
