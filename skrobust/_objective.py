"""What is minimised: the mean loss of a linear model, and its negative likelihood.

Both are sums over blocks of rows, so that one evaluation reads X once.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag
from scipy.special import xlogy

from skrobust import loss
from skrobust._profile import NEAR_INF, NORMAL_LOG, Axis, log_z, log_z_slope
from skrobust._rows import LinearModel, Rows, Sums
from skrobust.loss import Family, General
from skrobust.partition import fisher_information

__all__ = ["Likelihood", "MeanLoss"]

Array = NDArray[Any]
Terms = Callable[[slice, Array], tuple[Any, ...]]

EPS = float(np.finfo(float).eps)
ROUNDING = 8 * EPS
TINY = float(np.finfo(float).tiny)
LARGEST_EXPONENT = 700.0
LEAST_CURVATURE = 0.1  # of a row, relative to its weight
CLOSED_FORM = 0.02, 3.0  # alpha between which that of rho_alpha has digits enough
BESIDE_TWO = 1e-9  # from alpha = 2: where the information about alpha is still finite


@dataclass(frozen=True)
class MeanLoss:
    """``mean(rho(y - model)) + l2 / 2 * |coef / c|^2``, the mean being weighted.

    The penalty is in units of ``c``, so that `l2` stands beside the squared residual
    whatever the loss and `c`: at ``alpha=2`` the minimum is Ridge's, with its penalty
    divided by the total weight. Where `c` differs from row to row, the loss of a row is
    in units of its c squared, and the unit of the mean is that of the median c; for a
    likelihood it has no unit, and rows count alike.
    """

    rows: Rows
    model: LinearModel
    family: Family
    c: float | Array
    l2: float = 0.0
    unit_of_likelihood: float | None = None

    @cached_property
    def unit(self) -> float:
        """The c that the penalty is in units of."""
        return self.unit_of_likelihood or float(np.median(self.c))

    def c_of(self, rows: slice) -> float | Array:
        """Return the c of a slice of rows."""
        return self.c[rows] if isinstance(self.c, np.ndarray) else self.c

    def losses(self, rows: slice, residual: Array, order: int) -> tuple[Array, ...]:
        """Return the loss of a slice of rows and its derivatives up to an order."""
        c = self.c_of(rows)
        terms = self.family.at(rows).evaluate(residual, c, order)
        if self.unit_of_likelihood or not isinstance(c, np.ndarray):
            return terms
        return tuple(np.square(c / self.unit) * term for term in terms)

    def weight(self, rows: slice, residual: Array) -> Array:
        """Return the weight in reweighted least squares of a slice of rows."""
        return self.family.at(rows).weight(residual, self.c_of(rows))

    def evaluate(self, params: Array) -> tuple[float, Array]:
        """Return the value and the gradient."""
        sums, slope = self.gather(params, lambda b, r: (*self.losses(b, r, 1), []))
        return self.penalised(params, sums[0], slope)

    def expand(self, params: Array) -> tuple[float, Array, Array, float]:
        """Return value, gradient, a model of the Hessian, and the gradient's rounding.

        The model is positive semi-definite.
        Where the loss bends down, or nearly so, a row counts with a tenth of the
        curvature of its majoriser (that of reweighted least squares): no step is then
        longer than ten steps of that method, and next to the minimum, where few rows
        are concerned, it is Newton's.
        """
        sums, slope, steep, metric = self.gather_curved(
            params, lambda b, r: (*self.losses(b, r, 2), [])
        )
        value, gradient = self.penalised(params, sums[0], slope)
        return value, gradient, *self.metric(params, steep, metric)

    def gather(self, params: Array, terms: Terms) -> tuple[Array, Array]:
        """Return sums over the rows: of the loss and more terms, and of psi X.

        ``terms(rows, residuals)`` gives rho, psi and a list of more terms.
        """

        def visit(rows: slice) -> Sums:
            X, residual = self.rows.block(rows)
            prediction, pull = self.model(params, X)
            residual -= prediction
            rho, psi, more = terms(rows, residual)
            weigh = self.rows.weigh
            sums = np.array([weigh(rows, term).sum() for term in (rho, *more)])
            return sums, pull(weigh(rows, psi))

        sums, slope = self.rows.sum(visit)
        return sums, slope

    def gather_curved(self, params: Array, terms: Terms) -> Sums:
        """Return what `gather` does, and sums that `metric` needs.

        ``terms(rows, residuals)`` gives rho, psi, the curvature and more terms.
        """

        def visit(rows: slice) -> Sums:
            X, residual = self.rows.block(rows)
            prediction, pull = self.model(params, X)
            residual -= prediction
            rho, psi, bend, more = terms(rows, residual)
            weigh = self.rows.weigh
            sums = np.array([weigh(rows, term).sum() for term in (rho, *more)])
            np.maximum(np.abs(residual, out=residual), TINY, out=residual)
            steep = np.abs(psi)
            np.maximum(bend, LEAST_CURVATURE * steep / residual, out=bend)
            # A residual has the rounding of the two numbers that it is between.
            steep += bend * (np.abs(prediction) + residual)
            metric = self.model.metric(X, weigh(rows, bend))
            return sums, pull(weigh(rows, psi)), weigh(rows, steep).sum(), metric

        return self.rows.sum(visit)

    def metric(self, params: Array, steep: float, metric: Array) -> tuple[Array, float]:
        """Return the model of the Hessian, and the rounding of a gradient."""
        resolution = ROUNDING * (1 + self.unit * float(steep) / self.rows.total)
        metric = metric / self.rows.total
        diagonal = metric if metric.ndim == 1 else np.einsum("ii->i", metric)
        diagonal += self.penalty(params) / self.unit / self.unit
        return metric, resolution

    def penalty(self, params: Array) -> Array:
        """Return the strength of the penalty on each parameter."""
        penalty = np.full(len(params), self.l2)
        penalty[len(params) - self.model.intercept :] = 0.0
        return penalty

    def penalised(
        self, params: Array, value: float, slope: Array
    ) -> tuple[float, Array]:
        """Return mean and penalty, and the gradient, given sums over all rows."""
        total = self.rows.total
        pull = self.penalty(params) * (params / self.unit)
        penalty = 0.5 * float(pull @ (params / self.unit))
        return float(value) / total + penalty, pull / self.unit - slope / total


@dataclass(frozen=True)
class Likelihood:
    """The mean of -log(density) of the residuals, where alpha or c are learnt too.

    Behind the coefficients, the parameters are log(c Z(alpha)) where c is learnt, and
    the coordinate of alpha where that is: as functions of alpha, log(c) and log(Z)
    have vertical tangents at 2, and their sum at a minimum has none.

    Parameters
    ----------
    rows : Rows
        The data.
    model : LinearModel
        The model of their means.
    alpha : float or ndarray of shape (n,) or None
        Shape, from 0 to inf; None where it is learnt.
    c : float or ndarray of shape (n,) or None
        Scale, None where it is learnt.
    axis : Axis
        The bounds of a learnt alpha.
    l2 : float
        Strength of a penalty ``l2 / 2 * |coef / unit|^2``.
    unit : float
        What the penalty is in units of: about the c that will be learnt. A learnt c is
        the most likely one for the residuals, and takes no part in the penalty.
    """

    rows: Rows
    model: LinearModel
    alpha: float | Array | None
    c: float | Array | None
    axis: Axis
    l2: float = 0.0
    unit: float = 1.0

    @property
    def learnt(self) -> int:
        """Number of parameters that are no coefficients."""
        return (self.alpha is None) + (self.c is None)

    def start(self, coef: Array, alpha: float, c: float) -> Array:
        """Return the parameters for coefficients and what of the rest is learnt."""
        more = []
        if self.c is None:
            more.append(math.log(c) + self._log_z(alpha))
        if self.alpha is None:
            more.append(self.axis.coordinate(alpha))
        return np.append(coef, more)

    def at(self, params: Array) -> tuple[Array, MeanLoss]:
        """Return the coefficients, and the mean loss at the alpha and c of `params`."""
        coef, alpha, c = (
            params[: len(params) - self.learnt],
            self._shape(params),
            self.c,
        )
        if c is None:
            c = math.exp(min(params[len(coef)] - self._log_z(alpha), LARGEST_EXPONENT))
        mean = MeanLoss(self.rows, self.model, General(alpha), c, self.l2, self.unit)
        return coef, mean

    def evaluate(self, params: Array) -> tuple[float, Array]:
        """Return the value, but for a constant, and the gradient."""
        coef, mean = self.at(params)
        alpha = self._shape(params)
        sums, slope = mean.gather(coef, lambda b, r: self._terms(mean, alpha, b, r, 1))
        return self._completed(params, mean, sums, slope)

    def expand(self, params: Array) -> tuple[float, Array, Array, float]:
        """Return value, gradient, a model of the Hessian, and the gradient's rounding.

        The model is that of the mean loss beside the expected information about what
        else is learnt: the two have no terms in common where errors are symmetric.
        """
        coef, mean = self.at(params)
        alpha = self._shape(params)
        sums, slope, steep, metric = mean.gather_curved(
            coef, lambda b, r: self._terms(mean, alpha, b, r, 2)
        )
        metric, resolution = mean.metric(coef, steep, metric)
        more = self._information(alpha)
        if metric.ndim == 1:
            metric = np.append(metric, np.diagonal(more))
        else:
            metric = block_diag(metric, more)
        return *self._completed(params, mean, sums, slope), metric, resolution

    def _shape(self, params: Array) -> Any:
        """Return alpha, learnt or given."""
        return self.axis.alpha(float(params[-1])) if self.alpha is None else self.alpha

    def _terms(
        self, mean: MeanLoss, alpha: Any, rows: slice, residual: Array, order: int
    ) -> tuple[Any, ...]:
        """Return rho, its derivatives, and what other derivatives are means of."""
        c = mean.c_of(rows)
        if self.alpha is not None or alpha == 2:
            rho, psi, *bend = mean.family.at(rows).evaluate(residual, c, order)
            square = 2 * rho if self.alpha is None else None
            by_alpha = [] if square is None else [xlogy(square, square) / 4]
        else:
            near = min(alpha, NEAR_INF)
            rho, psi, *bend = loss.evaluate(residual, near, c, order)
            by_alpha = [_slope_in_alpha(residual, near, c)]
        return rho, psi, *bend, [residual * psi, *by_alpha]

    def _completed(
        self, params: Array, mean: MeanLoss, sums: Array, slope: Array
    ) -> tuple[float, Array]:
        """Return value and gradient, with those of what is learnt."""
        coef, alpha = params[: len(params) - self.learnt], self._shape(params)
        value, gradient = mean.penalised(coef, sums[0], slope)
        _, pull, *by_alpha = sums / self.rows.total
        more = []
        if self.c is None:
            value += params[len(coef)]
            more.append(1 - pull)
        if self.alpha is None:
            if self.c is not None:
                value += self._log_z(alpha)
            with np.errstate(invalid="ignore"):  # after a step too far: inf - inf
                more.append(self._slope(alpha, pull, *by_alpha))
        return value, np.append(gradient, more)

    def _slope(self, alpha: float, pull: float, by_alpha: float) -> float:
        """Return the slope along the coordinate of alpha.

        At alpha = 2 it is a limit: for a learnt c where c is the most likely one, for a
        given c at the next float, since there it has no limit.
        """
        if alpha == 2:
            if self.c is None:
                return by_alpha - NORMAL_LOG / 4 * pull
            return by_alpha - NORMAL_LOG / 4 + (1 - pull) * (2 + math.log(EPS)) / 4
        slope = log_z_slope(min(alpha, NEAR_INF))
        if self.c is None:
            slope *= pull
        return self.axis.rate(alpha) * (by_alpha + slope)

    def _log_z(self, alpha: Any) -> float:
        """Return log Z of a learnt alpha; that of a given one is a constant."""
        return log_z(alpha) if self.alpha is None else 0.0

    def _information(self, alpha: Any) -> Array:
        """Return the expected information about what is learnt beside coefficients."""
        if self.alpha is not None:
            known = 1.0 if isinstance(alpha, np.ndarray) else min(alpha, 2.0)
            return np.asarray(fisher_information(known))[2:, 2:]
        near = min(alpha, NEAR_INF) if alpha != 2 else 2 - BESIDE_TWO
        rate = self.axis.rate(alpha)
        matrix = fisher_information(near)[1:, 1:] * rate ** np.array([[2, 1], [1, 0]])
        if self.c is not None:
            return np.asarray(matrix[:1, :1])
        # From alpha and log(c) to log(c Z(alpha)) and alpha.
        turn = np.array([[0.0, 1.0], [1.0, -rate * log_z_slope(near)]])
        return np.asarray(turn.T @ matrix @ turn)


def _slope_in_alpha(r: Array, alpha: float, c: float | Array) -> Array:
    """Return `loss.rho_alpha` to some 1e-12: absolute, as it is for a sum of them.

    The closed form of its integral has that, at a fifth of the cost of all digits of
    small residuals, except next to alpha = 0 and for large alpha.
    """
    if 0 < alpha < CLOSED_FORM[0] or alpha > CLOSED_FORM[1]:
        return loss.rho_alpha(r, alpha, c)
    a, b = alpha / 2, abs(alpha - 2)
    s = np.square(r / c)
    s /= b
    length = np.log1p(s)
    if alpha == 0:
        slope = length * (length / 2 - 1) + s / (1 + s)
    else:
        t = a * length
        power = np.exp(t)
        slope = (power * (t - 1) + 1) / (a * a) - (power - 1) / a
        slope += np.expm1(t - length) / (a - 1)
    slope *= b / 4
    value: Array = slope
    return value
