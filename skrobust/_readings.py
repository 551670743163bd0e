"""What can be read off a fit: tables, intervals, weights and densities of new rows."""

from collections.abc import Sequence
from numbers import Real
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from skrobust import loss
from skrobust._fits import Fitted
from skrobust._inference import prediction_interval, standard_errors, summary_frame
from skrobust._rows import DENSE_METRIC, Rows
from skrobust._task import Task
from skrobust.distribution import general_dist
from skrobust.partition import log_partition

__all__ = [
    "check_coverage",
    "half_width",
    "interval",
    "log_likelihood",
    "table",
    "trust",
]

Array = NDArray[Any]


class LossOfOutput(Protocol):
    """What is read of the fit of an output: its loss, learnt or given."""

    @property
    def alpha(self) -> float | Array:
        """Shape, or one for each training row."""

    @property
    def c(self) -> float | Array:
        """Scale, or one for each training row; 0 after an exact fit."""

    @property
    def heaviest(self) -> float:
        """What weights are in units of."""

    @property
    def rounding(self) -> float:
        """Size of a residual that an exact fit may have."""


def check_coverage(coverage: Any) -> None:
    """Raise a ValueError unless a probability is one."""
    if not (isinstance(coverage, Real) and 0 < float(coverage) < 1):
        raise ValueError(
            "coverage must be a probability between 0 and 1, both excluded. "
            f"Got {coverage!r}. 0.95 is customary."
        )


def table(
    fit: Fitted,
    names: Sequence[str] | None,
    alpha_bounds: tuple[float, float],
    coverage: float,
) -> Any:
    """Return estimates, standard errors, tests and intervals as a DataFrame."""
    known = fit.covariance
    return summary_frame(
        fit.coef,
        fit.intercept if known is None or known.intercept else None,
        known,
        names=names,
        shape=fit.shape,
        alpha_bounds=alpha_bounds,
        coverage=coverage,
    )


def interval(fit: Fitted, rows: Rows, coverage: float) -> Array:
    """Return where targets of rows are with a probability of `coverage`."""
    covariance = fit.covariance
    if covariance is None:
        raise ValueError(
            "predict_interval needs the covariance of the coefficients, which is "
            f"computed for at most {DENSE_METRIC} features. Got {len(fit.coef)}. Fit "
            "fewer features."
        )
    predicted = rows.collect(lambda block: rows.features(block) @ fit.coef)
    learnt = bool(fit.shape) and np.ndim(fit.alpha) == np.ndim(fit.c) == 0
    return prediction_interval(
        predicted + fit.intercept,
        standard_errors(rows, covariance),
        covariance,
        scale=float(fit.c) if learnt else fit.scale,
        alpha=float(fit.alpha) if learnt else None,
        coverage=coverage,
    )


def half_width(alpha: float | None, scale: float, coverage: float) -> float:
    """Return how far from its centre a density reaches with a probability.

    It is the general one with a shape and a scale, or the normal one if `alpha` is
    None, `scale` then being the standard deviation.
    """
    tail = (1 + coverage) / 2
    law = norm if alpha is None else general_dist(alpha)
    return scale * float(law.ppf(tail))


def trust(fit: LossOfOutput, task: Task, y: Array, predicted: Array) -> Array:
    """Return the weights of rows, from 0 to 1."""
    residuals = y - predicted
    if np.all(fit.c == 0):
        exact: Array = (np.abs(residuals) <= fit.rounding).astype(float)
        return exact
    family, c = _loss_of(fit, task)
    weights: Array = np.minimum(family.weight(residuals, c) / fit.heaviest, 1.0)
    return weights


def log_likelihood(
    fit: LossOfOutput, task: Task, y: Array, predicted: Array, weights: Array | None
) -> float:
    """Return the weighted sum of the logarithms of the densities of targets."""
    if task.loss != "general" or (task.alpha is not None and task.lowest < 0):
        what = f"alpha={task.lowest:g}" if task.loss == "general" else repr(task.loss)
        raise ValueError(
            "log_likelihood needs a density: loss='general' with an alpha of at least "
            f"0. Got {what}. Compare fits by a robust score, or take "
            "alpha='adaptive'."
        )
    family, c = _loss_of(fit, task)
    if np.any(c == 0):
        raise ValueError(
            "log_likelihood needs a positive c_. Got 0, of an exact fit, whose density "
            "is infinite. Give c a value in the units of y."
        )
    rho = family.evaluate(y - predicted, c, 0)[0]
    density = -rho - np.log(c) - log_partition(family.alpha)
    if weights is None:
        return float(density.sum())
    present = weights > 0  # a row of weight 0 is not there, whatever its density
    return float(weights[present] @ density[present])


def _loss_of(fit: LossOfOutput, task: Task) -> tuple[Any, Any]:
    """Return the loss of rows and its c: that of the fit, or what the targets say."""
    family: Any = loss.General(fit.alpha) if task.alpha is None else task.family()
    return family, task.c if isinstance(task.c, np.ndarray) else fit.c
