"""Fits of the same rows by several tasks that share all they can.

Each ends where `fit_rows` would. Rows are prepared once, tasks whose start is the same
have one, and a fit on many rows begins where the one before it ended, moved by as much
as the fits of the few rows are apart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from skrobust._adaptive import most_likely
from skrobust._begin import Start, begin
from skrobust._fits import Fitted, exact_result, finished
from skrobust._inference import shape_errors
from skrobust._m_step import m_estimate
from skrobust._objective import MeanLoss
from skrobust._rows import LinearModel, Rows
from skrobust._solvers import Solution, shortfall
from skrobust._starts import FINE, in_own_units, sample
from skrobust._task import Setting, Task

__all__ = ["fit_grid"]

Array = NDArray[Any]


class _Anchor(NamedTuple):
    """The solutions of a task on the few rows and on all of them."""

    few: Array
    all: Array


def fit_grid(
    rows: Rows, model: LinearModel, tasks: Sequence[Task], *, inference: bool
) -> Iterator[Fitted]:
    """Yield what `fit_rows` returns for each of several tasks on the same rows.

    Parameters
    ----------
    rows : Rows
        The data, in the units that they were given in.
    model : LinearModel
        The model, the same for all.
    tasks : sequence of Task
        Neighbours had better be alike: fits are faster then.
    inference : bool
        Whether more than predictions is wanted. If not, there are no weights, no
        covariance and no alternative, and `scale` is NaN where no c rests on it.

    Yields
    ------
    Fitted
        The fit of a task; what a start that is shared has to say is in the notes of
        the first.

    Raises
    ------
    ValueError
        As `fit_rows` does.
    """
    grid = _Grid(rows, model, tasks)
    for task in tasks:
        try:
            yield grid.fit(task, inference)
        except FloatingPointError as error:
            at = f" at c={task.c}" if isinstance(task.c, float) else ""
            raise ValueError(
                f"The loss overflows{at}: some residuals are too many times c, or "
                "columns of X too large to be squared. Raise c, lower alpha, or scale "
                "X."
            ) from error


@final
class _Grid:
    """Rows that are prepared, and what the fits so far have found out about them."""

    def __init__(self, rows: Rows, model: LinearModel, tasks: Sequence[Task]) -> None:
        self._given, self._model, self._tasks = rows, model, tasks
        self._chosen = sample(rows)
        self._prepared: dict[bool, tuple[Rows, Rows]] = {}
        self._starts: dict[Any, tuple[Task, Start]] = {}
        self._anchors: dict[Any, _Anchor] = {}
        self._known: dict[Any, Fitted] = {}

    def fit(self, task: Task, inference: bool) -> Fitted:
        """Return the fit of a task."""
        key = _fit_key(task)
        if key in self._known:
            known = self._known[key]
            return known._replace(c=task.c) if isinstance(task.c, float) else known
        setting = self._setting(task)
        setting, start = self._begin(setting)
        if start.exact is not None:
            return exact_result(setting, start, start.exact)
        fitted = self._fitted(setting, start, inference)
        if key is not None:
            self._known[key] = fitted._replace(notes=[])
        return fitted

    def _setting(self, task: Task) -> Setting:
        rows, few = self._rows(task.l2)
        own = task
        if isinstance(task.c, float | np.ndarray):
            own = replace(task, c=task.c / rows.unit)
        few_own = own if self._chosen is None else own.at(self._chosen)
        return Setting(rows, few, self._model, own, few_own)

    def _rows(self, l2: float) -> tuple[Rows, Rows]:
        """Return all rows and the few, with numbers of the size of their spread."""
        key = l2 > 0  # of a penalty only whether there is one counts here
        if key not in self._prepared:
            rows, chosen = self._given, self._chosen
            few = rows if chosen is None else rows.take(chosen)
            rows, few = in_own_units(rows, few, self._model, l2)
            self._prepared[key] = rows, rows if chosen is None else few
        return self._prepared[key]

    def _begin(self, setting: Setting) -> tuple[Setting, Start]:
        """Return what `begin` does, found by the first task that starts there."""
        key = _start_key(setting.task)
        if key not in self._starts:
            # Of the tasks that share it, the one with the most to be warned of.
            alike = [task for task in self._tasks if _start_key(task) == key]
            lowest = self._setting(min(alike, key=lambda task: task.lowest))
            begun, start = begin(lowest)
            self._starts[key] = begun.task, start
            setting.notes.extend(lowest.notes)
        task, start = self._starts[key]
        if task.learns != setting.task.learns:  # it cannot be learnt from so few rows
            return begin(setting)
        return setting.with_task(lambda own: replace(own, start=task.start)), start

    def _fitted(self, setting: Setting, start: Start, inference: bool) -> Fitted:
        if setting.task.learns:
            likelihood, solution = most_likely(setting, start)
            shape: dict[str, tuple[float, float]] = {}
            if inference:
                shape = shape_errors(likelihood, solution.params)
            coef, objective = likelihood.at(solution.params)
            solution, efficiency = replace(solution, params=coef), np.nan
        else:
            objective, solution, efficiency = self._m_estimate(setting, start)
            efficiency, shape = efficiency if start.sigma is not None else np.nan, {}
        if inference:
            return finished(setting, start, objective, solution, efficiency, shape)
        return _estimated(setting, start, objective, solution, efficiency)

    def _m_estimate(
        self, setting: Setting, start: Start
    ) -> tuple[MeanLoss, Solution, float]:
        """Return what `m_estimate` does, from nearer by where that ends there too."""
        task = setting.task
        if not _direct(task, start):
            return m_estimate(setting, start)
        key = _start_key(task)
        anchor = self._anchors.get(key)
        if setting.whole:
            if anchor is not None and task.lowest >= 1:
                start = start._replace(params=anchor.all)
            found = m_estimate(setting, start)
            self._anchors[key] = _Anchor(found[1].params, found[1].params)
            return found
        few_task = replace(setting.few_task, tol=FINE, max_iter=100)
        few = Setting(setting.few, setting.few, setting.model, few_task, few_task)
        on_few = m_estimate(few, start)[1].params
        moved = on_few
        if anchor is not None:
            moved = anchor.all + (on_few - anchor.few)
        elif start.sigma is not None:  # the start is one on all rows
            moved = start.params
        on_all = replace(setting, few=setting.rows, few_task=task)
        found = m_estimate(on_all, start._replace(params=moved))
        self._anchors[key] = _Anchor(on_few, found[1].params)
        return found


def _fit_key(task: Task) -> Any:
    """Return what a fit depends on if not on c or efficiency, and None otherwise."""
    if isinstance(task.alpha, np.ndarray) or isinstance(task.c, np.ndarray):
        return None
    if task.squares and task.c is not None:
        return "squares", task.tunes, task.l2
    return ("learnt", task.alpha, task.l2) if task.c is None else None


def _start_key(task: Task) -> Any:
    """Return all of a task on which its start depends, but for what it says."""
    robust = task.lowest < 1
    about_c = task.tunes and not task.squares, task.c is None
    return task.loss == "bisquare", robust, task.l2, task.learns, *about_c


def _direct(task: Task, start: Start) -> bool:
    """Whether the fit goes from its start to the nearest minimum, and nowhere else."""
    told = isinstance(task.alpha, float) or task.loss != "general"
    return (
        told
        and not isinstance(task.c, np.ndarray)
        and task.highest <= 2
        and (task.efficiency is not None or not start.s_fits)
        and (start.kind != "annealed" or task.lowest >= 1)
    )


def _estimated(
    setting: Setting,
    start: Start,
    objective: MeanLoss,
    solution: Solution,
    efficiency: float,
) -> Fitted:
    """Return a fit without what only inference needs."""
    rows, task = setting.rows, setting.task
    note = shortfall(solution, task.tol, task.max_iter)
    if note:
        setting.note(note, ConvergenceWarning)
    coef, intercept = setting.model.unshifted(solution.params, rows)
    return Fitted(
        coef=coef,
        intercept=intercept,
        alpha=getattr(objective.family, "alpha", np.nan),
        c=objective.c * rows.unit,
        scale=np.nan if start.sigma is None else start.sigma * rows.unit,
        weights=np.empty(0),
        n_iter=max(solution.n_iter, 1),
        converged=solution.converged,
        efficiency=efficiency,
        active=(),
        alternative=None,
        covariance=None,
        shape={},
        heaviest=1.0,
        rounding=0.0,
        notes=setting.notes,
    )
