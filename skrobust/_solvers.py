"""Minimisation of smooth objectives: L-BFGS in Newton coordinates.

L-BFGS needs many passes over the data, because it learns the curvature from
gradients alone. Where a p x p matrix is affordable, one pass gives the curvature at
once: with ``T T' = B^-1`` and `B` a positive definite model of the Hessian at ``x``,
the function ``z -> f(x + T z)`` has a Hessian near the identity. The first step of
L-BFGS is then the Newton step, each later one corrects it at the price of a gradient,
and `B` is renewed when its steps no longer suffice.

A solver takes an objective and returns a `Solution`; it never learns what a loss is.
"""

import warnings
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.optimize import LbfgsInvHessProduct, minimize
from sklearn.exceptions import ConvergenceWarning

__all__ = ["Objective", "Solution", "minimise", "warn_unless_converged"]

Array = NDArray[Any]

STEPS_PER_METRIC = 8
MEMORY = 20  # steps that L-BFGS remembers
PATIENCE = 6  # steps that may pass without a smaller gradient
VISIBLE = 1e-11  # relative change of a value that its rounding does not drown


class Objective(Protocol):
    """What a solver asks of an objective."""

    def evaluate(self, params: Array) -> tuple[float, Array]:
        """Return the value and the gradient."""
        ...

    def expand(self, params: Array) -> tuple[float, Array, Array, float]:
        """Return value, gradient, a model of the Hessian, and a resolution.

        The model is positive semi-definite: a matrix (p, p) or, where that is too
        large, its diagonal (p,). The resolution is the size of a gradient that rounding
        cannot tell from zero.
        """
        ...


@dataclass(frozen=True)
class Solution:
    """A point, and how near to a minimum it is.

    `size` is that of the gradient in Newton coordinates, ``sqrt(g' B^-1 g)``: the
    length of the step that a Newton method would still take. It does not depend on the
    units of the features, nor on how they are combined. `rank` is the number of
    directions in which the objective bends.
    """

    params: Array
    value: float
    gradient: Array
    size: float
    n_iter: int
    converged: bool
    rank: int


def minimise(
    objective: Objective, start: Array, *, tol: float, max_iter: int
) -> Solution:
    """Minimise `objective` from `start` until the gradient's size is at most `tol`.

    Where rounding hides the gradient before it falls to `tol`, the answer counts as
    converged at that resolution.
    """
    params, n_iter = start, 0
    while True:
        value, gradient, metric, resolution = objective.expand(params)
        if not (np.isfinite(value) and np.isfinite(metric).all()):
            raise FloatingPointError("the objective overflows")
        coordinates = _NewtonCoordinates(metric)
        goal = max(tol, resolution)  # which is another one elsewhere
        size = coordinates.size(gradient)
        rank = coordinates.rank
        here = Solution(params, value, gradient, size, n_iter, size <= goal, rank)
        if here.converged or n_iter >= max_iter:
            return here
        steps = max_iter - n_iter
        if metric.ndim == 2:  # a diagonal says too little to be worth renewing
            steps = min(steps, STEPS_PER_METRIC)
        descent = _Descent(objective, here, coordinates, goal)
        if _visible(here) or not coordinates.newton:
            descent.search(steps)
        descent.polish(here.n_iter + steps - descent.best.n_iter)
        if descent.best.converged or descent.best is here:
            return descent.best
        params, n_iter = descent.best.params, descent.best.n_iter


def warn_unless_converged(
    solution: Solution, tol: float, max_iter: int, *, stacklevel: int
) -> None:
    """Warn if `solution` stopped short of `tol`: the one place that judges it."""
    if solution.converged:
        return
    remedy = "Raise max_iter."
    if solution.n_iter < max_iter:
        remedy = (
            "Rounding hides any further descent: columns of X are nearly collinear, or "
            "c is very small beside the residuals. Drop columns, raise l2, c or tol."
        )
    warnings.warn(
        f"The fit stopped after {solution.n_iter} iterations at a gradient of size "
        f"{solution.size:.1e}, above tol={tol:.1e}. {remedy}",
        ConvergenceWarning,
        stacklevel=stacklevel + 1,
    )


class _NewtonCoordinates:
    """Coordinates ``z`` with ``params = x + T z`` in which the metric is the identity.

    A direction in which the metric is zero to rounding (a constant or collinear
    column) has no coordinate: the parameters keep what they had there.
    """

    def __init__(self, metric: Array) -> None:
        diagonal = metric if metric.ndim == 1 else np.diagonal(metric)
        # Columns in their own units first, so that "zero" below has a meaning.
        inverse = 1 / np.sqrt(np.where(diagonal > 0, diagonal, np.inf))
        self._unseen = np.empty((len(inverse), 0))
        if metric.ndim == 1:
            self._transform = inverse
            return
        values, vectors = eigh(metric * inverse * inverse[:, None])
        seen = values > 8 * len(values) * np.finfo(float).eps * values.max(initial=0)
        roots = vectors[:, seen] / np.sqrt(values[seen])
        self._transform = roots * inverse[:, None]
        self._unseen = vectors[:, ~seen] * inverse[:, None]

    def step(self, z: Array) -> Array:
        """Return ``T z``, a step of the parameters."""
        transform = self._transform
        return transform @ z if transform.ndim == 2 else transform * z

    def pull(self, gradient: Array) -> Array:
        """Return ``T' g``, the gradient in these coordinates."""
        transform = self._transform
        return transform.T @ gradient if transform.ndim == 2 else transform * gradient

    @property
    def newton(self) -> bool:
        """Whether a unit step is about that of Newton's method."""
        return self._transform.ndim == 2

    @property
    def rank(self) -> int:
        """Number of coordinates."""
        return int(self._transform.shape[-1])

    def size(self, gradient: Array) -> float:
        """Return the size of a gradient, see `Solution`.

        What it has in directions without a coordinate counts too: nothing, where
        columns are collinear, but not where they only are so to rounding.
        """
        with np.errstate(over="ignore"):
            seen = np.linalg.norm(self.pull(gradient))
            return float(np.hypot(seen, np.linalg.norm(self._unseen.T @ gradient)))


class _Descent:
    """Steps of L-BFGS in given coordinates, and what they have come to.

    `last` is the last point evaluated, `best` the last one accepted.
    """

    def __init__(
        self,
        objective: Objective,
        here: Solution,
        coordinates: _NewtonCoordinates,
        goal: float,
    ) -> None:
        self._objective, self._coordinates, self._goal = objective, coordinates, goal
        self._here = self._last = self.best = here
        # L-BFGS-B makes its first step one unit long: let that be the Newton step.
        self._length = here.size
        # Steps taken and the changes of the gradient that they made.
        self._pairs = np.zeros((2, 0, coordinates.rank))

    def search(self, max_iter: int) -> None:
        """Take up to `max_iter` steps, each along a line until the value falls."""
        result = minimize(
            self._evaluate,
            np.zeros(self._coordinates.rank),
            jac=True,
            method="L-BFGS-B",
            callback=self._accept,
            # Neither of these tolerances may stop it: `_accept` decides.
            options={"maxiter": max_iter, "maxcor": MEMORY, "ftol": 0, "gtol": 0},
        )
        learnt = result.hess_inv
        self._pairs = np.stack([self._length * learnt.sk, learnt.yk / self._length])

    def polish(self, max_iter: int) -> None:
        """Take quasi-Newton steps while they make the gradient smaller.

        Next to a minimum the values are equal to rounding, and a search along a line
        gives up; the gradient still tells a good step from a bad one. A step may make
        the gradient larger before the next ones, that have learnt from it, make it
        smaller.
        """
        now, patience = self.best, PATIENCE
        for n_iter in range(now.n_iter + 1, now.n_iter + max_iter + 1):
            if now.converged or not patience:
                break
            pulled = self._coordinates.pull(now.gradient)
            z = -(LbfgsInvHessProduct(*self._pairs) @ pulled)
            there = self._visit(now.params + self._coordinates.step(z), n_iter)
            if not np.isfinite(there.value):
                break
            pair = np.stack([z, self._coordinates.pull(there.gradient) - pulled])
            if pair[0] @ pair[1] > 0:
                pairs = np.concatenate([self._pairs, pair[:, None]], axis=1)
                self._pairs = pairs[:, -MEMORY:]
            now, patience = there, patience - 1
            if now.size < self.best.size:
                self.best, patience = now, PATIENCE

    def _visit(self, params: Array, n_iter: int) -> Solution:
        value, gradient = self._objective.evaluate(params)
        size = self._coordinates.size(gradient)
        rank = self._coordinates.rank
        return Solution(params, value, gradient, size, n_iter, size <= self._goal, rank)

    def _evaluate(self, z: Array) -> tuple[float, Array]:
        if z.any():  # at z = 0 everything is known
            step = self._length * self._coordinates.step(z)
            self._last = self._visit(self._here.params + step, self.best.n_iter + 1)
        slope = self._length * self._coordinates.pull(self._last.gradient)
        return self._last.value, slope

    def _accept(self, intermediate_result: object) -> None:
        self.best = self._last
        newton = self._coordinates.newton
        if self.best.converged or (newton and not _visible(self.best)):
            raise StopIteration


def _visible(solution: Solution) -> bool:
    """Whether what a Newton step would gain stands out from the value's rounding."""
    return solution.size**2 / 2 > VISIBLE * abs(solution.value)
