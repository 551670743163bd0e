"""What to fit to one output: the parameters of an estimator, checked, and the data."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from numbers import Real
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from skrobust import loss
from skrobust._profile import Axis
from skrobust._rows import LinearModel, Rows
from skrobust._solvers import Solution
from skrobust.likelihood import check_bounds
from skrobust.loss import Family, General
from skrobust.tuning import tuning_constant

__all__ = ["Note", "Setting", "Task", "tasks_of"]

Array = NDArray[Any]
Note = tuple[str, type[Warning]]
Watch = Callable[[Array, float, Solution], bool | None]

TINY = float(np.finfo(float).tiny)
FAMILIES: dict[str, Family] = {"huber": loss.huber, "bisquare": loss.bisquare}


@final
@dataclass(frozen=True)
class Task:
    """What to fit to an output: the parameters of the estimator, checked.

    `alpha` and `c` are numbers, or arrays with one for each row, or None where they are
    learnt; `c` may also be "auto". `lowest` and `highest` are the smallest and largest
    alpha that a row of positive weight may have. An `efficiency` of None is the highest
    that the data bear. `warm` are coefficients and intercept to begin with, if any.
    What is called to `watch` each step of the last fit gets coefficients, intercept and
    solution, and may stop it.
    """

    loss: str
    alpha: float | Array | None
    c: float | Array | Literal["auto"] | None
    lowest: float
    highest: float
    axis: Axis
    efficiency: float | None
    l2: float
    start: str
    max_iter: int
    tol: float
    seed: int
    warm: tuple[Array, float] | None = None
    watch: Watch | None = None

    @property
    def learns(self) -> bool:
        """Whether the fit is one by maximum likelihood."""
        return self.alpha is None or self.c is None

    @property
    def tunes(self) -> bool:
        """Whether c follows from a robust scale."""
        return isinstance(self.c, str)

    @property
    def squares(self) -> bool:
        """Whether the loss is the square, which needs no scale."""
        return self.alpha is not None and self.lowest == 2 == self.highest

    @property
    def resists_leverage(self) -> bool:
        """Whether the loss is bounded for some row."""
        return self.lowest < 0

    def at(self, chosen: Any) -> "Task":
        """Return the task for some of the rows."""
        given: dict[str, Any] = {"alpha": self.alpha, "c": self.c}
        by_row = {k: x[chosen] for k, x in given.items() if isinstance(x, np.ndarray)}
        return replace(self, **by_row)

    def with_alpha(self, alpha: float) -> "Task":
        """Return the task for the general loss at a given alpha."""
        return replace(self, loss="general", alpha=alpha, lowest=alpha, highest=alpha)

    def family(self, step: float = -np.inf) -> Family:
        """Return the loss of a given alpha, or of a step on the way to it from 2."""
        if self.loss != "general":
            return FAMILIES[self.loss]
        assert self.alpha is not None, "is learnt"
        return General(_between(self.alpha, step))

    def tuned(self, efficiency: float, step: float = -np.inf) -> float:
        """Return the c of an efficiency for errors with standard deviation 1.

        It is one for all rows, that of the smallest alpha: with another c for each, the
        rows would not count alike even where they are fitted well.
        """
        if self.loss != "general":
            return tuning_constant(self.loss, efficiency)
        return tuning_constant(float(_between(self.lowest, step)), efficiency)

    @property
    def s_name(self) -> str:
        """The name of the loss of the S-estimate."""
        return "bisquare" if self.loss == "bisquare" else "welsch"

    @property
    def s_family(self) -> Family:
        """The loss of the S-estimate."""
        return FAMILIES.get(self.s_name, General(-np.inf))


def tasks_of(
    estimator: Any,
    columns: Array,
    weights: Array | None = None,
    *,
    seed: int = 0,
    before: list[tuple[Array, float]] | None = None,
    watch: Callable[..., bool | None] | None = None,
) -> list[Task]:
    """Return what an estimator is to fit to each column of y.

    `before` has coefficients and intercept to begin with, for each column. `watch` is
    called with the number of the column before the rest.

    Raises
    ------
    ValueError
        If a parameter does not go with another or with y.
    """
    alpha, c = _alpha_and_c(estimator)
    axis = Axis(*check_bounds(estimator.alpha_bounds))
    tasks = []
    for j, column in enumerate(columns.T):
        shape = _of_targets("alpha", alpha, column, 0.0 if c is None else -np.inf)
        lowest, highest = _extremes(estimator.loss, shape, axis, weights)
        task = Task(
            loss=estimator.loss,
            alpha=shape,
            c=_of_targets("c", c, column, TINY),
            lowest=lowest,
            highest=highest,
            axis=axis,
            efficiency=None if estimator.efficiency == "auto" else estimator.efficiency,
            l2=0.0 if estimator.l2 == "auto" else float(estimator.l2),
            start=estimator.start,
            max_iter=estimator.max_iter,
            tol=float(estimator.tol),
            seed=seed,
            warm=None if before is None else before[j],
            watch=None if watch is None else partial(watch, j),
        )
        tasks.append(task)
    return tasks


def _extremes(
    name: str, alpha: float | Array | None, axis: Axis, weights: Array | None
) -> tuple[float, float]:
    """Return the smallest and the largest alpha that a row may have."""
    if name != "general":
        return (1.0 if name == "huber" else -np.inf), 1.0
    if alpha is None:
        return axis.alphas
    if weights is not None and isinstance(alpha, np.ndarray):
        alpha = alpha[weights > 0]
    return float(np.min(alpha)), float(np.max(alpha))


def _alpha_and_c(estimator: Any) -> tuple[Any, Any]:
    """Return alpha and c as a task has them, callables as they are."""
    alpha, c = estimator.alpha, estimator.c
    if estimator.loss != "general":
        if isinstance(c, str) and c == "adaptive":
            raise ValueError(
                "c='adaptive' needs loss='general', which is a likelihood. Got "
                f"loss={estimator.loss!r}. Take c='auto', which rests on efficiency."
            )
        alpha = np.nan
    elif isinstance(alpha, str):
        alpha = None if alpha == "adaptive" else loss.ALPHAS[alpha]
    if isinstance(c, str) and (c == "adaptive" or alpha is None):
        c = None
    if isinstance(alpha, Real):
        alpha = float(alpha)
        if alpha < 0 and c is None:
            raise ValueError(
                "c='adaptive' needs alpha of at least 0: below it the loss is bounded, "
                "exp(-loss) is no density, and nothing keeps c from shrinking. Got "
                f"alpha={estimator.alpha!r}. Take c='auto', which rests on a robust "
                "scale and on efficiency, or alpha='adaptive'."
            )
    return alpha, float(c) if isinstance(c, Real) else c


def _of_targets(name: str, given: Any, y: Array, least: float) -> Any:
    """Return what a callable gives for the targets, and anything else as it is."""
    if not callable(given):
        return given
    returned = given(y.copy())
    try:
        values = np.asarray(returned)
        if np.iscomplexobj(values):
            raise TypeError("complex")
        values = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} as a callable must return numbers. Got {returned!r}. It is called "
            "with y of shape (n_samples,), and returns one number for each."
        ) from error
    if values.shape not in {(), y.shape}:
        raise ValueError(
            f"{name} as a callable must return one value for each of the {len(y)} "
            f"targets, or one for all. Got shape {values.shape}. It is called with y "
            "of shape (n_samples,)."
        )
    wrong = ~(values >= least) | (np.isinf(values) & (name == "c"))
    if wrong.any():
        what = "positive and finite" if name == "c" else "not NaN"
        if least == 0:
            what = "at least 0"
        density = ", for below it there is no likelihood" if least == 0 else ""
        at = f" for y={y[wrong][0]:g}" if values.ndim else ""
        raise ValueError(
            f"{name} as a callable must return numbers that are {what}{density}. "
            f"Got {values[wrong].flat[0]:g}{at}."
        )
    return np.broadcast_to(values, y.shape).copy()


@final
@dataclass(frozen=True)
class Setting:
    """A task with its data: all rows, and the few that are looked at first.

    The few are all rows where these are not very many. What there is to say to the user
    is kept as notes.
    """

    rows: Rows
    few: Rows
    model: LinearModel
    task: Task
    few_task: Task
    notes: list[Note] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether the few rows are all there are."""
        return self.few is self.rows

    def task_of(self, rows: Rows) -> Task:
        """Return the task for all rows or the few."""
        return self.task if len(rows) == len(self.rows) else self.few_task

    def with_task(self, change: Callable[[Task], Task]) -> "Setting":
        """Return the setting with a change to what is to be fitted."""
        task = change(self.task)
        few_task = task if self.few_task is self.task else change(self.few_task)
        return replace(self, task=task, few_task=few_task)

    def observe(self, solution: Solution) -> bool | None:
        """Show a solution in the units of X and y as they were given."""
        if self.task.watch is None:
            return None
        params = solution.params[: self.rows.X.shape[1] + self.model.intercept]
        return self.task.watch(*self.model.unshifted(params, self.rows), solution)

    def note(self, message: str, category: type[Warning] = UserWarning) -> None:
        """Keep a message for the user."""
        self.notes.append((message, category))


def _between(alpha: float | Array, step: float) -> float | Array:
    """Return alpha where it lies between a step and 2, and else the step."""
    between: Array = (np.minimum if step > 2 else np.maximum)(alpha, step)
    # A number of NumPy's would make float32 residuals float64.
    return between if between.ndim else float(between)
