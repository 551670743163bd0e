"""The fit that learns its loss: joint maximum likelihood with alpha, c, or both."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrobust._begin import Start
from skrobust._m_step import REACH
from skrobust._objective import Likelihood
from skrobust._profile import log_z
from skrobust._rows import Rows
from skrobust._scale import weighted_median
from skrobust._solvers import Solution, minimise
from skrobust._starts import ROUGH, tame
from skrobust._task import Setting
from skrobust.loss import General

__all__ = ["most_likely"]

Array = NDArray[Any]

PENALTY_ROUNDS = 30
GUESSES = 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0  # of alpha, before its search
GUESS_ROUNDS = 8
WIDEST_STEP = 3.0  # of log(c)
SMALLEST = 1e-100  # c to begin with, in units of y


def most_likely(setting: Setting, start: Start) -> tuple[Likelihood, Solution]:
    """Return the likelihood, and where it is largest near a start."""
    task, params = setting.task, start.params
    alpha, c = _guess(setting, params)
    # No y so far off that squares overflow: that of a fill value says nothing.
    few, rows = (
        _likelihood(setting, tame(part, setting.model, params, REACH * c), c)
        for part in (setting.few, setting.rows)
    )
    begin = few.start(params, alpha, c)
    if not setting.whole:
        begin = _climb(few, begin, tol=ROUGH, max_iter=100)[1].params
    options = {"max_iter": task.max_iter, "observe": setting.observe}
    return _climb(rows, begin, tol=task.tol, **options)


def _likelihood(setting: Setting, rows: Rows, unit: float) -> Likelihood:
    """Return the objective for all rows or the few."""
    task = setting.task_of(rows)
    assert not isinstance(task.c, str), "is given or learnt"
    model = setting.model
    return Likelihood(rows, model, task.alpha, task.c, task.axis, task.l2, unit)


def _climb(
    objective: Likelihood, params: Array, *, tol: float, **options: Any
) -> tuple[Likelihood, Solution]:
    """Minimise, until the penalty is in units of the c that is learnt.

    The larger the unit the weaker the penalty, and the smaller c: their ratio falls
    through 1 in between, where secants find it.
    """
    bounds = None
    if objective.alpha is None:
        bounds = objective.axis.low, objective.axis.high
    unit = [math.log(objective.unit)]
    ratio: list[float] = []
    moves = objective.l2 and objective.c is None
    inner = tol / 10 if moves else tol
    while True:
        solution = minimise(objective, params, tol=inner, bounds=bounds, **options)
        params = solution.params
        if not moves:
            return objective, solution
        ratio.append(math.log(float(objective.at(params)[1].c)) - unit[-1])
        if abs(ratio[-1]) <= tol or len(unit) == PENALTY_ROUNDS:
            return objective, solution
        unit.append(_next(unit, ratio))
        objective = replace(objective, unit=math.exp(unit[-1]))


def _guess(setting: Setting, params: Array) -> tuple[float, float]:
    """Return about the likeliest alpha and c for given coefficients."""
    few, task = setting.few, setting.few_task
    residuals = few.residuals(slice(None), setting.model, params)
    share = np.ones(len(few)) if few.weights is None else few.weights
    share = share / share.sum()
    c: Any = task.c
    near: Any
    if task.alpha is not None:
        return 2.0, _likeliest_scale(residuals, share, General(task.alpha))
    unit = 1.0
    if c is not None:
        residuals, unit, c = residuals / c, _typical(setting), 1.0
    best, guess = np.inf, (2.0, 1.0)
    low, high = task.axis.alphas
    for alpha in (low, *(a for a in GUESSES if low < a < high), high):
        family = General(alpha)
        near = c or _likeliest_scale(residuals, share, family)
        value = float(share @ family.evaluate(residuals, near, 0)[0])
        value += math.log(near) + log_z(alpha)
        if value < best:
            best, guess = value, (alpha, near * unit)
    return guess


def _typical(setting: Setting) -> float:
    """Return the median of a given c, each as often as its row counts."""
    c: Any = setting.task.c
    if not isinstance(c, np.ndarray):
        return float(c)
    weights = setting.rows.weights
    return weighted_median(c, np.ones(len(c)) if weights is None else weights)


def _likeliest_scale(residuals: Array, share: Array, family: General) -> float:
    """Return about the likeliest c, where ``mean(r psi) = 1``, by Newton's method."""
    log_c = math.log(max(float(share @ np.abs(residuals)), SMALLEST))
    low, high = -math.inf, math.inf
    for _ in range(GUESS_ROUNDS):
        c = math.exp(log_c)
        _, psi, bend = family.evaluate(residuals, c, 2)
        pull = float(share @ (residuals * psi))
        low, high = (log_c, high) if pull > 1 else (low, log_c)
        fall = pull + float(share @ (residuals * residuals * bend))
        step = (pull - 1) / fall if fall > 0 else math.copysign(1.0, pull - 1)
        step = min(max(step, -WIDEST_STEP), WIDEST_STEP)
        log_c = min(max(log_c + step, low), high)
        if abs(step) <= ROUGH:
            break
    return math.exp(log_c)


def _next(place: list[float], height: list[float]) -> float:
    """Return where a falling function may be 0, from where it was looked at."""
    low = max((x for x, y in zip(place, height, strict=True) if y > 0), default=-np.inf)
    high = min((x for x, y in zip(place, height, strict=True) if y < 0), default=np.inf)
    if len(place) == 1:
        return place[0] + height[0] / 2
    slope = (height[-1] - height[-2]) / (place[-1] - place[-2])
    guess = place[-1] - height[-1] / slope if slope < 0 else place[-1] + height[-1]
    if low < guess < high:
        return guess
    return (low + high) / 2 if np.isfinite(low + high) else place[-1] + height[-1]
