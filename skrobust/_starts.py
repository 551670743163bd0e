"""Where a robust fit starts: coordinates, a sample of the rows, a convex robust fit.

Below ``alpha = 1`` the objective has several minima. The one that we want is reached by
walking `alpha` down from 1, where there is only one.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from skrobust._objective import LinearModel, MeanLoss, Rows
from skrobust._scale import SIGMA_PER_MAD, median, weighted_median
from skrobust._solvers import minimise

__all__ = [
    "FirstFit",
    "first_fit",
    "least_squares",
    "origin_of",
    "path",
    "sample",
    "scale",
    "typical",
    "walk",
    "winsorised",
]

Array = NDArray[Any]

SAMPLE_ROWS = 4000
SAMPLE_ROWS_PER_PARAMETER = 20
BEYOND = 1e8
FAR_FROM_ZERO = 100.0  # standard deviations from which a column is shifted
ROUGH = 1e-3  # relative gradient of a fit that another one follows
NEARLY_ABSOLUTE = 0.2  # c of the first fit, in units of the scale
# c**2 E[curvature] at the normal: with it a penalty weighs as in least squares.
NEARLY_ABSOLUTE_CURVATURE = 0.15  # quad of norm.pdf(z) * (1 + 25 * z**2) ** -1.5
SCALE_TOL = 1e-3
MAX_ROUNDS = 60
EXACT = 1e-11  # scale of the residuals, relative to that of y, that is rounding
EXACT_ROW = 1e-9  # residual of a row, relative to y, where the scale is rounding
MAX_DOUBLINGS = 6  # of alpha - 2 before the end of the path


def sample(rows: Rows) -> Rows:
    """Return some thousand of the rows, or all where that saves little.

    What is fitted on them is a start for a fit on all rows: which rows they are (always
    the same ones) makes no difference to the answer.
    """
    n, p = rows.X.shape
    size = max(SAMPLE_ROWS, SAMPLE_ROWS_PER_PARAMETER * p)
    if n < 4 * size:
        return rows
    chosen = np.random.default_rng(0).choice(n, size, replace=False, shuffle=False)
    chosen = np.sort(chosen)
    if rows.weights is not None and not rows.weights[chosen].any():
        return rows
    return rows.take(chosen)


def origin_of(rows: Rows, model: LinearModel) -> tuple[Array | None, float]:
    """Return what to take off X and y so that numbers are of the size of their spread.

    Only where there is an intercept to take it up again: y loses its median, and
    columns far from zero (a year, a timestamp) lose their mean, without which their
    products with the others would drown in rounding. Where the rows do not determine
    the coefficients all columns do: the answer is then one of small coefficients.
    """
    if not model.intercept:
        return None, 0.0
    weights = np.ones(len(rows)) if rows.weights is None else rows.weights
    centre = weighted_median(rows.y, weights)
    if sparse.issparse(rows.X):
        return None, centre
    X = np.asarray(rows.X, dtype=np.float64)
    mean = np.average(X, axis=0, weights=weights)
    deviation = np.sqrt(np.average(np.square(X - mean), axis=0, weights=weights))
    far = np.abs(mean) > FAR_FROM_ZERO * deviation
    far |= rows.total <= X.shape[1]
    return (np.where(far, mean, 0.0) if far.any() else None), centre


def winsorised(rows: Rows, unit: float) -> Rows:
    """Return rows whose y is at most 1e8 units from its centre.

    For ``alpha <= 1`` the fit is the same to rounding, as such a row then pulls no
    more (or less) the further out it is. But the loss of a fill value of 1e30 would
    drown that of all other rows.
    """
    low, high = rows.centre - BEYOND * unit, rows.centre + BEYOND * unit
    if low <= rows.y.min() and rows.y.max() <= high:
        return rows
    return replace(rows, y=rows.y.clip(low, high))


class FirstFit(NamedTuple):
    """A robust fit that is not efficient yet, and the scale of its residuals.

    `exact` is None, or marks the rows without a residual where they are more than half
    and the scale therefore is 0.
    """

    params: Array
    scale: float
    exact: Array | None = None


def typical(rows: Rows) -> float:
    """Return the size of y beside its centre: the median of what is not zero."""
    size = np.abs(rows.y - rows.centre)
    weights = (size > 0) * (1.0 if rows.weights is None else rows.weights)
    return weighted_median(size, weights) if weights.any() else 0.0


def least_squares(rows: Rows, model: LinearModel, l2: float, unit: float) -> Array:
    """Return the parameters of a least-squares fit to y of size `unit`."""
    objective = MeanLoss(rows, model, 2.0, unit or 1.0, l2)
    start = np.zeros(rows.X.shape[1] + model.intercept)
    return minimise(objective, start, tol=ROUGH, max_iter=100).params


def first_fit(
    rows: Rows,
    model: LinearModel,
    l2: float,
    unit: float,
    start: Array,
    guess: float | None = None,
) -> FirstFit:
    """Fit nearly least absolute deviations, and their scale.

    The scale is the weighted median of the absolute residuals, consistent at the
    normal; the loss turns linear at a fifth of it. The two are found in turn. Up to a
    third of gross errors in y, which is of size `unit`, leave both usable.
    """
    params = start

    def residuals(block: slice) -> Array:
        return rows.residuals(block, model, params)

    sigma, last = scale(rows, residuals) if guess is None else guess, 0.0
    for _ in range(MAX_ROUNDS):
        if sigma <= EXACT * unit:
            return _exact_fit(rows, model, l2, unit, params)
        c, penalty = NEARLY_ABSOLUTE * sigma, NEARLY_ABSOLUTE_CURVATURE * l2
        objective = MeanLoss(rows, model, 1.0, c, penalty)
        params = minimise(objective, params, tol=ROUGH, max_iter=200).params
        after = scale(rows, residuals, sigma)
        change = np.log(after / sigma) if after > 0 else -np.inf
        if change * last < 0 and abs(change) > abs(last) / 2:
            change /= 2  # with as many coefficients as rows it would swing for ever
        sigma, last = sigma * np.exp(change), change
        if abs(change) <= SCALE_TOL:
            break
    return FirstFit(params, float(sigma))


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


def scale(
    rows: Rows, residuals: Callable[[slice], Array], guess: float | None = None
) -> float:
    """Return the robust standard deviation of residuals that are given by blocks."""

    def sweep(visit: Callable[..., tuple[Any, ...]]) -> tuple[Any, ...]:
        weights = rows.weights
        return rows.sum(
            lambda block: visit(
                np.abs(residuals(block)), None if weights is None else weights[block]
            )
        )

    if guess is None and len(rows) > 4 * SAMPLE_ROWS:
        some = np.abs(residuals(slice(None, None, len(rows) // SAMPLE_ROWS)))
        guess = SIGMA_PER_MAD * float(np.median(some))
    near = guess / SIGMA_PER_MAD if guess else None
    return SIGMA_PER_MAD * median(sweep, rows.total, near)


def _exact_fit(
    rows: Rows, model: LinearModel, l2: float, unit: float, params: Array
) -> FirstFit:
    """Fit by least squares the rows that a fit leaves no residual, and only those."""

    def exact() -> Array:
        residuals = rows.collect(lambda block: rows.residuals(block, model, params))
        return np.abs(residuals) <= EXACT_ROW * unit

    weights = exact() * (1.0 if rows.weights is None else rows.weights)
    params = least_squares(replace(rows, weights=weights), model, l2, unit)
    return FirstFit(params, 0.0, exact())
