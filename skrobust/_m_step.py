"""The fit at a loss that is given, with a c that is given or follows from a scale."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrobust._begin import Start, robust_scale
from skrobust._objective import MeanLoss
from skrobust._rows import Rows
from skrobust._solvers import Solution, minimise
from skrobust._starts import first_fit, path, start_of, tame, walk
from skrobust._task import Setting

__all__ = ["REACH", "m_estimate"]

Array = NDArray[Any]

# Times c from which a row pulls no harder at alpha = 1, to the last digit.
REACH = 1e8
EFFICIENCIES = 0.60, 0.70, 0.75, 0.80, 0.85, 0.90, 0.925, 0.95  # the monitored path
JUMP, RISE = 2.5, 1.05  # of a monitored scale: in units of p / n, and relative


def m_estimate(setting: Setting, start: Start) -> tuple[MeanLoss, Solution, float]:
    """Return the objective, its minimum, and the efficiency."""
    efficiency = setting.task.efficiency
    if efficiency is None and start.s_fits and start.sigma is not None:
        return _monitored(setting, start, start.sigma)
    efficiency = efficiency or EFFICIENCIES[-1]
    return *_minimum(setting, start, efficiency), efficiency


def _minimum(
    setting: Setting, start: Start, efficiency: float
) -> tuple[MeanLoss, Solution]:
    """Return the objective and its minimum, by way of the few rows."""
    task, model, few, params = setting.task, setting.model, setting.few, start.params
    straight = task.highest <= 1
    largest = np.max(_mean_loss(setting, setting.rows, start, efficiency).c)
    reach = REACH * float(largest) if straight else np.inf
    if start.sigma is None and few.largest > reach and start.kind != "robust":
        least = start_of(few, model, task.l2)
        params = first_fit(few, model, task.l2, least).params
    few = tame(few, model, params, reach)
    steps = _steps(setting, start)
    if start.sigma is not None or setting.whole:
        steps = steps[:-1]  # the start is one on all rows
    on_few = (_mean_loss(setting, few, start, efficiency, step) for step in steps)
    params = walk(on_few, params)
    rows = tame(setting.rows, model, params, reach)
    final = _mean_loss(setting, rows, start, efficiency)
    solution = minimise(
        final,
        params,
        tol=0.0 if task.squares else task.tol,
        max_iter=task.max_iter,
        observe=setting.observe,
    )
    return final, solution


def _steps(setting: Setting, start: Start) -> list[float]:
    """Return the alpha of each fit on the way from near least squares, if any."""
    task = setting.task
    if task.highest > 2:
        return path(task.highest)
    return path(task.lowest) if start.kind == "annealed" else [-np.inf]


def _mean_loss(
    setting: Setting,
    rows: Rows,
    start: Start,
    efficiency: float,
    step: float = -np.inf,
) -> MeanLoss:
    """Return the objective for all rows or the few, or for a step on the way to it."""
    task = setting.task_of(rows)
    if task.loss == "bisquare" and np.isfinite(step):
        task = task.with_alpha(step)
    c: Any = 1.0 if task.tunes else task.c
    if start.sigma is not None:
        c = start.sigma * task.tuned(efficiency, step)
    return MeanLoss(rows, setting.model, task.family(step), c, task.l2)


def _monitored(
    setting: Setting, start: Start, sigma: float
) -> tuple[MeanLoss, Solution, float]:
    """Raise the efficiency until the robust scale of the residuals jumps.

    References
    ----------
    .. [1] M. Riani, A. Cerioli, A. C. Atkinson, D. Perrotta, "Monitoring Robust
           Regression", Electronic Journal of Statistics 8, 2014, 646-677.
           https://doi.org/10.1214/14-EJS897
    """
    robust, share = robust_scale(setting, start.rank), setting.rows.total / start.rank
    reached, best = EFFICIENCIES[0], _minimum(setting, start, EFFICIENCIES[0])
    before = robust.at(best[1].params)
    for efficiency in EFFICIENCIES[1:]:
        here = start._replace(params=best[1].params)
        further = _minimum(setting, here, efficiency)
        found = robust.at(further[1].params)
        rise = share * (found**2 - before**2) / sigma**2
        if rise > JUMP and found > RISE * before:
            unit = setting.rows.unit
            setting.note(
                f"efficiency='auto' stopped at {reached}: at {efficiency} the robust "
                f"scale of the residuals would jump from {before * unit:.3g} to "
                f"{found * unit:.3g}, as the fit would follow other rows. Look at "
                "weights_, and at alternative_ if there is one; give efficiency a "
                "number to insist on it."
            )
            break
        reached, best, before = efficiency, further, found
    return *best, reached
