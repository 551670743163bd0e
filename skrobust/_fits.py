"""From rows to a fit, for one output: start, estimate, and what is learnt.

What the fit has to say to the user it returns as notes, and warns of nothing itself.
"""

from dataclasses import replace
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from skrobust._adaptive import most_likely
from skrobust._begin import BREAKDOWN, Start, begin
from skrobust._inference import (
    Covariance,
    ScaleEstimate,
    covariance,
    exact_covariance,
    shape_errors,
)
from skrobust._m_step import m_estimate
from skrobust._objective import MeanLoss
from skrobust._rows import LinearModel, Rows
from skrobust._solvers import Solution, shortfall
from skrobust._starts import EXACT_SCALE, in_own_units, rounding, sample, scale
from skrobust._task import Note, Setting, Task
from skrobust.tuning import breakdown_constant

__all__ = ["Alternative", "Fitted", "exact_result", "finished", "fit_rows"]

Array = NDArray[Any]

NEARLY_AS_GOOD = 1.1  # the scale of an alternative, in units of the best


class Alternative(NamedTuple):
    """Another minimum of the robust scale of the residuals, nearly as good."""

    coef: Array
    intercept: float
    scale: float


@final
class Fitted(NamedTuple):
    """What a fit learns, in the units of X and y as they were given.

    `active` names the bounds that hold a learnt alpha. `shape` has estimate and
    standard error of the parameters of the loss that are learnt, by name. `heaviest` is
    what weights are in units of, 1 for alpha <= 2; `rounding` is how large the residual
    of a row may be that is fitted exactly.
    """

    coef: Array
    intercept: float
    alpha: float | Array
    c: float | Array
    scale: float
    weights: Array
    n_iter: int
    converged: bool
    efficiency: float
    active: tuple[str, ...]
    alternative: Alternative | None
    covariance: Covariance | None
    shape: dict[str, tuple[float, float]]
    heaviest: float
    rounding: float
    notes: list[Note]


def fit_rows(rows: Rows, model: LinearModel, task: Task) -> Fitted:
    """Fit the rows of one output.

    Raises
    ------
    ValueError
        If there are too few rows for the start that is wanted, or the loss overflows.
    """
    chosen = sample(rows)
    few = rows if chosen is None else rows.take(chosen)
    rows, few = in_own_units(rows, few, model, task.l2)
    own = task
    if isinstance(task.c, float | np.ndarray):
        own = replace(task, c=task.c / rows.unit)
    if chosen is None:
        setting = Setting(rows, rows, model, own, own)
    else:
        setting = Setting(rows, few, model, own, own.at(chosen))
    try:
        return _fit(setting)
    except FloatingPointError as error:
        at = f" at c={task.c}" if isinstance(task.c, float) else ""
        raise ValueError(
            f"The loss overflows{at}: some residuals are too many times c, or columns "
            "of X too large to be squared. Raise c, lower alpha, or scale X."
        ) from error


def _fit(setting: Setting) -> Fitted:
    """Return the fit of a task."""
    setting, start = begin(setting)
    if start.exact is not None:
        return exact_result(setting, start, start.exact)
    if not setting.task.learns:
        objective, solution, efficiency = m_estimate(setting, start)
        if start.sigma is None:
            efficiency = np.nan  # c was given
        return finished(setting, start, objective, solution, efficiency, {})
    likelihood, solution = most_likely(setting, start)
    shape = shape_errors(likelihood, solution.params)
    coef, objective = likelihood.at(solution.params)
    solution = replace(solution, params=coef)
    return finished(setting, start, objective, solution, np.nan, shape)


def finished(
    setting: Setting,
    start: Start,
    objective: MeanLoss,
    solution: Solution,
    efficiency: float,
    shape: dict[str, tuple[float, float]],
) -> Fitted:
    """Return what the fit that ended in a solution learnt."""
    rows, task, params = setting.rows, setting.task, solution.params
    weights, sigma = _weights_and_scale(setting, objective, params, start.sigma)
    heaviest = 1.0
    if task.highest > 2:
        heaviest = float(
            weights[... if rows.weights is None else rows.weights > 0].max()
        )
    note = shortfall(solution, task.tol, task.max_iter)
    if note:
        setting.note(note, ConvergenceWarning)
    coef, intercept = setting.model.unshifted(params, rows)
    return Fitted(
        coef=coef,
        intercept=intercept,
        alpha=getattr(objective.family, "alpha", np.nan),
        c=(sigma if task.squares and task.tunes else objective.c) * rows.unit,
        scale=sigma * rows.unit,
        weights=np.minimum(weights / heaviest, 1.0),
        n_iter=max(solution.n_iter, 1),
        converged=solution.converged,
        efficiency=efficiency,
        active=_active(task, objective),
        alternative=_alternative(setting, start),
        covariance=covariance(objective, params, _scale_estimate(setting, start)),
        shape=shape,
        heaviest=heaviest,
        rounding=0.0,
        notes=setting.notes,
    )


def _weights_and_scale(
    setting: Setting, objective: MeanLoss, params: Array, sigma: float | None
) -> tuple[Array, float]:
    """Return the weights of the rows, and the scale of the residuals if not given.

    In one pass over X for both.
    """
    rows = setting.rows
    weights = np.empty(len(rows))

    def residuals(block: slice) -> Array:
        values = rows.residuals(block, setting.model, params)
        weights[block] = objective.weight(block, values)
        return values

    if sigma is None:
        sigma = scale(rows, residuals)
        sigma = sigma if sigma > EXACT_SCALE else 0.0
    else:
        rows.collect(residuals)
    return weights, sigma


def _active(task: Task, objective: MeanLoss) -> tuple[str, ...]:
    """Return the names of the bounds that hold a learnt alpha."""
    if task.alpha is not None:
        return ()
    alpha = getattr(objective.family, "alpha", np.nan)
    names = zip(("alpha_lower", "alpha_upper"), task.axis.alphas, strict=True)
    return tuple(name for name, bound in names if alpha == bound)


def _scale_estimate(setting: Setting, start: Start) -> ScaleEstimate | None:
    """Return the S-estimate on which c rests, if it does."""
    if not start.s_fits or start.sigma is None:
        return None
    task = setting.task
    c = start.sigma * breakdown_constant(task.s_name, BREAKDOWN)
    return ScaleEstimate(start.s_fits[0].params, task.s_family, c, BREAKDOWN)


def _alternative(setting: Setting, start: Start) -> Alternative | None:
    """Return the second best minimum of the robust scale, if nearly as good."""
    if len(start.s_fits) < 2:
        return None
    best, other = start.s_fits[:2]
    if other.scale > NEARLY_AS_GOOD * best.scale:
        return None
    coef, intercept = setting.model.unshifted(other.params, setting.rows)
    return Alternative(coef, intercept, other.scale * setting.rows.unit)


def exact_result(setting: Setting, start: Start, exact: Array) -> Fitted:
    """Return the fit where more than half of the rows leave no residual."""
    rows, task, model = setting.rows, setting.task, setting.model
    counted = True if rows.weights is None else rows.weights > 0
    left_out = np.count_nonzero(counted & ~exact)
    if left_out:
        setting.note(
            "More than half of the rows are fitted exactly: scale_ and c_ are 0, and "
            f"the other {left_out} rows have no say in the fit. Give c a value in the "
            "units of y to let them have one."
        )
    coef, intercept = model.unshifted(start.params, rows)
    return Fitted(
        coef=coef,
        intercept=intercept,
        alpha=np.nan if task.alpha is None else task.alpha,  # nothing to learn it from
        c=0.0,
        scale=0.0,
        weights=exact.astype(float),
        n_iter=1,
        converged=True,
        efficiency=np.nan,
        active=(),
        alternative=None,
        covariance=exact_covariance(rows, model, exact),
        shape={},
        heaviest=1.0,
        rounding=rounding(rows, model, start.params) * rows.unit,
        notes=setting.notes,
    )
