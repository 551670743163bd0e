"""Where a fit begins: from least squares, a convex robust fit, or an S-estimate.

A high-breakdown start comes before a loss whose objective has several minima; where
there are too few rows for it, a path of fits from near least squares does.
"""

from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from skrobust._rows import DENSE_METRIC, Rows
from skrobust._scale import MScale
from skrobust._search import RobustScale, SFit, preferred, search
from skrobust._solvers import minimise
from skrobust._starts import (
    EXACT_SCALE,
    SQUARABLE,
    FirstFit,
    exact_fit,
    exact_rows,
    first_fit,
    scale,
    start_of,
    tame,
)
from skrobust._task import Setting, Task
from skrobust.tuning import breakdown_constant

__all__ = ["BREAKDOWN", "Start", "begin", "robust_scale"]

Array = NDArray[Any]

BREAKDOWN = 0.5  # of the S-estimate
ROWS_PER_COEFFICIENT = 2  # up to which there is no high-breakdown start
SEARCHED, SEARCHED_PER_COEFFICIENT = 1000, 10  # rows, where a likelihood follows
# Coefficients from which hardly a subset of rows is free of outliers: then only a loss
# that withstands leverage is worth the search.
SEARCHABLE = 50
FEW = 20  # rows per coefficient up to which the distinct ones are counted
RELIABLE = 5  # from which its breakdown point is near 1/2, and a loss can be learnt


@final
class Start(NamedTuple):
    """Where a fit starts, in the units of the rows.

    `sigma` is the scale of the residuals of a robust fit, None where none was asked
    for. `s_fits` are the minima of the S-scale after a high-breakdown start, the best
    one first.
    """

    kind: str
    params: Array
    rank: int
    sigma: float | None = None
    exact: Array | None = None
    s_fits: tuple[SFit, ...] = ()


def begin(setting: Setting) -> tuple[Setting, Start]:
    """Return the start that the task asks for, and what can be fitted from it."""
    least = _least_squares(setting)
    setting = _with_enough_rows(setting, least.rank)
    task, kind = setting.task, setting.task.start
    if kind == "robust":
        return setting, _robust_start(setting, least)
    if task.tunes and not task.squares:
        first = _convex_start(setting, least)
        away = kind == "least_squares" and first.exact is None
        params = least.params if away else first.params
        return setting, Start(kind, params, first.rank, first.scale, first.exact)
    if task.learns and task.lowest < 1:
        first = first_fit(setting.few, setting.model, task.l2, least)
        exact = first.exact if setting.whole and task.c is None else None
        away = kind == "least_squares" and exact is None
        params = least.params if away else first.params
        return setting, Start(kind, params, least.rank, None, exact)
    if task.c is None and least.scale <= EXACT_SCALE:
        least = exact_fit(setting.rows, setting.model, task.l2, least.params)
        if least.exact is not None and least.exact.all():  # no c is the most likely
            return setting, Start(kind, least.params, least.rank, None, least.exact)
    return setting, Start(kind, least.params, least.rank)


def _least_squares(setting: Setting) -> FirstFit:
    """Return the least-squares fit of the few rows, or the fit to begin with."""
    least = start_of(setting.few, setting.model, setting.task.l2)
    if setting.task.warm is None:
        return least
    params = setting.model.shifted(*setting.task.warm, setting.rows)
    residuals = partial(setting.few.residuals, model=setting.model, params=params)
    spread = max(scale(setting.few, residuals), EXACT_SCALE)
    return least._replace(params=params, scale=spread)


def _with_enough_rows(setting: Setting, rank: int) -> Setting:
    """Return the setting with a start, and a loss, for which there are rows enough."""
    rows, task = setting.rows, setting.task
    n = rows.total
    if setting.whole and (task.learns or task.lowest < 1):
        n = _distinct(setting.few, rank)
    got = f"{n:.0f} rows for {rank} coefficients"
    enough = n > ROWS_PER_COEFFICIENT * rank
    if task.learns and n < RELIABLE * rank:
        setting.note(
            f"To learn alpha and c takes at least {RELIABLE} rows for each "
            "coefficient: with fewer, the likelihood is largest where some rows are "
            f"fitted nearly exactly. Got {got}: the fit has "
            f"{'alpha=1 and ' if task.alpha is None else ''}c='auto' instead. Leave "
            "out features, or give alpha and c."
        )
        setting = setting.with_task(_not_learning)
        task = setting.task
    start = task.start
    if start == "auto":
        start = "robust" if task.lowest < 1 else "convex"
        if start == "robust" and task.learns and rank > SEARCHABLE:
            start = "annealed"
    if start == "robust" and not (enough and rank <= DENSE_METRIC):
        _note_no_robust_start(setting, got)
        start = "annealed"
    elif start == "robust" and n < RELIABLE * rank and task.resists_leverage:
        setting.note(
            f"There are {got}, fewer than {RELIABLE} each: the fit withstands fewer "
            "outliers than half of the rows, and may rest on few of them. Leave out "
            "features."
        )
    return setting.with_task(lambda task: replace(task, start=start))


def _not_learning(task: Task) -> Task:
    """Return the task at alpha = 1, if it is not given, with a c from a scale."""
    if task.alpha is None:
        task = task.with_alpha(float(np.clip(1.0, *task.axis.alphas)))
    return replace(task, c="auto" if task.c is None else task.c)


def _note_no_robust_start(setting: Setting, got: str) -> None:
    """Say that there is no high-breakdown start, where it matters."""
    needs = (
        f"needs more than {ROWS_PER_COEFFICIENT} rows for each coefficient, and at "
        f"most {DENSE_METRIC} of these. Got {got}"
    )
    if setting.task.start == "robust":
        raise ValueError(
            f"start='robust' {needs}. Leave out features, or take start='annealed'."
        )
    if setting.task.resists_leverage:
        setting.note(
            f"A high-breakdown start {needs}: the fit starts from the convex one at "
            "alpha=1 instead, which withstands outliers in y but not in X. Leave out "
            "features, or set start='annealed' if that is what you want."
        )


def _distinct(rows: Rows, rank: int) -> float:
    """Return the weight of the rows, or the number of distinct ones if they are few.

    Repeated rows are no evidence of their own, and a weight of k is k of them.
    """
    if len(rows) > FEW * rank or rank > DENSE_METRIC:
        return rows.total
    X = rows.X.toarray() if sparse.issparse(rows.X) else rows.X
    present = slice(None) if rows.weights is None else rows.weights > 0
    return len(np.unique(np.column_stack([X, rows.y])[present], axis=0))


def _robust_start(setting: Setting, least: FirstFit) -> Start:
    """Return the fit with the smallest robust scale, and that scale."""
    task, rank = setting.task, least.rank
    fits = _s_fits(setting, least)
    best = preferred(fits)
    others = [fit for fit in fits if fit is not best]
    whole = setting.whole
    if task.warm is not None or (task.tunes and not whole):
        objective, whole = robust_scale(setting, rank, best.scale), True
        best = SFit(best.params, objective.at(best.params))
        if best.scale > EXACT_SCALE:
            found = minimise(objective, best.params, tol=task.tol, max_iter=1000)
            best = SFit(found.params, objective.at(found.params))
    if whole and best.scale <= EXACT_SCALE and (task.tunes or task.c is None):
        rows, model = setting.rows, setting.model
        both = best.params, least.params
        weights = [rows.weight_of(exact_rows(rows, model, params)) for params in both]
        if 2 * max(weights) > rows.total:
            first = exact_fit(rows, model, task.l2, both[int(np.argmax(weights))])
            return Start("robust", first.params, rank, 0.0, first.exact)
        # Nearly exact: what is left may be rounding, but not of y.
        left = robust_scale(setting, rank).at(best.params)
        best = best._replace(scale=max(left, EXACT_SCALE))
    sigma = best.scale if task.tunes else None
    params = best.params if task.warm is None else least.params
    return Start("robust", params, rank, sigma, s_fits=(best, *others))


def _s_fits(setting: Setting, least: FirstFit) -> list[SFit]:
    """Return the minima of the robust scale of the few rows, best first."""
    few, model, task = setting.few, setting.model, setting.task
    if task.warm is not None:
        return [SFit(least.params, least.scale)]
    if task.learns and not setting.whole:
        # For a start: the likelihood of the few follows, then that of all rows.
        enough = max(SEARCHED, SEARCHED_PER_COEFFICIENT * least.rank)
        few = few.take(np.arange(0, len(few), max(1, len(few) // enough)))
    few = tame(few, model, least.params, SQUARABLE)
    X, y = few.block(slice(None))
    X = X.toarray() if sparse.issparse(X) else X
    if model.intercept:
        X = np.column_stack([X, np.ones(len(X))])
    return search(
        X,
        y,
        few.weights,
        family=task.s_family,
        c=breakdown_constant(task.s_name),
        l2=task.l2,
        intercept=model.intercept,
        rng=np.random.default_rng(task.seed),
        starts=[least.params],
    )


def robust_scale(
    setting: Setting, rank: int, guess: float | None = None
) -> RobustScale:
    """Return the robust scale of all rows as an objective."""
    rows, task = setting.rows, setting.task
    c = breakdown_constant(task.s_name, BREAKDOWN)
    excess = BREAKDOWN * (rows.total - rank)
    m_scale = MScale(task.s_family, c, excess, rows.weights)
    return RobustScale(rows, setting.model, m_scale, task.l2, guess)


def _convex_start(setting: Setting, start: FirstFit) -> FirstFit:
    """Return a convex robust fit of all rows, by way of one of a few."""
    model, l2 = setting.model, setting.task.l2
    first = first_fit(setting.few, model, l2, start)
    if not setting.whole:
        if first.exact is not None:  # which all rows need not be
            first = start_of(setting.rows, model, l2)
        first = first_fit(setting.rows, model, l2, first)
    if not first.settled:
        setting.note(
            "The scale of the residuals did not settle: scale_ and c_ may be off. "
            "Give c a value in the units of y.",
            ConvergenceWarning,
        )
    return first
