"""What residuals say of the loss of an output: its scale, and alpha and c."""

import math
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from skrobust._scale import MScale
from skrobust._task import Task
from skrobust.likelihood import fit_general_dist
from skrobust.loss import Family, General, bisquare
from skrobust.partition import log_partition
from skrobust.tuning import breakdown_constant

__all__ = ["Law", "law_of", "robust_scales"]

Array = NDArray[Any]

BREAKDOWN = 0.5
WIDE = 50.0  # of log(c), on both sides of the spread of the residuals


@final
class Law(NamedTuple):
    """The loss of an output that its residuals ask for, in the units of the rows.

    `alpha` and `c` are NaN where each row has its own; `step` is the alpha of a step on
    the way to that of the task. `log_cz` is the mean of log(c Z(alpha)) over the rows
    where the two are learnt, else 0.
    """

    alpha: float
    c: float
    scale: float
    step: float
    log_cz: float

    def family(self, task: Task) -> Family:
        """Return the loss of the output of a task."""
        if task.alpha is None:
            return General(self.alpha)
        return _on_the_way(task, self.step).family(self.step)

    def bend(self, task: Task, weights: Array | None) -> float:
        """Return how the loss bends for residuals of the size of the scale.

        It is 1 where c follows from the scale. A c that is given may be far below: of
        squares nothing is left then but in name, and no penalty may count like theirs.
        """
        if task.learns or task.tunes:
            return 1.0
        assert task.efficiency is not None, "is a number for networks"
        family, size = self.family(task), np.array(self.scale)
        tuned = _on_the_way(task, self.step).tuned(task.efficiency, self.step)
        ours, usual = (
            _mean(family.weight(size, c), weights) for c in (task.c, tuned * self.scale)
        )
        return min(ours / usual, 1.0)


def robust_scales(residuals: Array, weights: Array | None) -> Array:
    """Return the M-scale of each column of residuals (n, k), 0 for mostly exact ones.

    It withstands outliers in up to half of the rows, and is the standard deviation of
    normal residuals.
    """
    total = len(residuals) if weights is None else float(weights.sum())
    c = breakdown_constant("bisquare", BREAKDOWN)
    scale = MScale(bisquare, c, BREAKDOWN * total, weights)
    columns = np.ascontiguousarray(residuals.T, np.float64)
    return np.array([scale(column) for column in columns])


def law_of(
    task: Task,
    r: Array,
    weights: Array | None,
    scale: float,
    floor: float,
    step: float,
) -> Law:
    """Return the law of residuals (n,) with a robust scale, for a step of the way."""
    if not task.learns:
        c: Any = task.c
        if task.tunes:
            assert task.efficiency is not None, "is a number for networks"
            c = scale * _on_the_way(task, step).tuned(task.efficiency, step)
        return Law(_number(task.alpha), _number(c), scale, step, 0.0)
    alpha, c = _most_likely(task, np.asarray(r, np.float64), weights, floor)
    log_cz = np.broadcast_to(np.log(c) + log_partition(alpha), r.shape)
    mean = float(np.average(log_cz, weights=weights))
    return Law(_number(alpha), _number(c), scale, step, mean)


def _on_the_way(task: Task, step: float) -> Task:
    """Return the task of a step: the general loss stands in for the bisquare."""
    if task.loss == "bisquare" and math.isfinite(step):
        return task.with_alpha(step)
    return task


def _mean(values: Any, weights: Array | None) -> float:
    """Return the weighted mean of values by row, or the one that is the same in all."""
    return float(np.average(values, weights=weights) if np.ndim(values) else values)


def _number(value: Any) -> float:
    """Return a number, NaN for one by row."""
    return math.nan if value is None or np.ndim(value) else float(value)


def _most_likely(
    task: Task, r: Array, weights: Array | None, floor: float
) -> tuple[Any, Any]:
    """Return the likeliest alpha and c, an array (n,) where rows differ."""
    bounds = task.axis.alphas
    if isinstance(task.alpha, np.ndarray):
        return task.alpha, _likeliest_scale(task.alpha, r, weights, floor)
    if not r.any():
        alpha = bounds[1] if task.alpha is None else task.alpha
        return alpha, floor if task.c is None else task.c
    given: Any = task.c
    unit = 1.0 if given is None else given
    fit = fit_general_dist(
        r / unit,
        alpha="adaptive" if task.alpha is None else task.alpha,
        c="adaptive" if given is None else 1.0,
        alpha_bounds=bounds,
        c_min=floor,
        sample_weight=weights,
    )
    return fit.alpha, fit.c * unit


def _likeliest_scale(
    alpha: Array, r: Array, weights: Array | None, floor: float
) -> float:
    """Return the c with ``mean(r psi) = 1`` for an alpha by row, at least the floor."""
    family = General(alpha)

    def surplus(log_c: float) -> float:
        u = r * math.exp(-log_c)
        pull = u * family.evaluate(u, 1.0, 1)[1]
        return float(np.average(pull, weights=weights)) - 1

    low = math.log(floor)
    high = max(low, math.log(max(float(np.abs(r).max()), floor))) + WIDE
    if surplus(low) <= 0:
        return floor
    return math.exp(brentq(surplus, low, high))
