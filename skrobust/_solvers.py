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
from collections.abc import Callable
from dataclasses import dataclass, replace
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

    def resolution(self, value: float) -> float:
        """Return the size of a gradient that rounding cannot tell from zero."""
        ...

    def evaluate(self, params: Array) -> tuple[float, Array]:
        """Return the value and the gradient."""
        ...

    def expand(self, params: Array) -> tuple[float, Array, Array]:
        """Return value, gradient and a positive semi-definite model of the Hessian.

        The model is a matrix (p, p) or, where that is too large, its diagonal (p,).
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
    converged at the objective's `resolution`.
    """
    params, n_iter = start, 0
    while True:
        value, gradient, metric = objective.expand(params)
        if not (np.isfinite(value) and np.isfinite(metric).all()):
            raise FloatingPointError("the objective overflows")
        coordinates = _NewtonCoordinates(metric)
        tol = max(tol, objective.resolution(value))
        size = coordinates.size(gradient)
        rank = coordinates.rank
        here = Solution(params, value, gradient, size, n_iter, size <= tol, rank)
        if here.converged or n_iter >= max_iter:
            return here
        steps = max_iter - n_iter
        if metric.ndim == 2:  # a diagonal says too little to be worth renewing
            steps = min(steps, STEPS_PER_METRIC)
        there = _descend(objective, here, coordinates, tol, steps)
        if there.converged or there is here:
            return there
        params, n_iter = there.params, there.n_iter


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


def _descend(
    objective: Objective,
    here: Solution,
    coordinates: _NewtonCoordinates,
    tol: float,
    max_iter: int,
) -> Solution:
    """Take up to `max_iter` steps of L-BFGS; return `here` itself if none helps."""
    # L-BFGS-B makes its first step one unit long: let that be the Newton step.
    length = here.size
    last = best = here

    def visit(params: Array) -> Solution:
        value, gradient = objective.evaluate(params)
        size, n_iter = coordinates.size(gradient), best.n_iter + 1
        return replace(
            here,
            params=params,
            value=value,
            gradient=gradient,
            size=size,
            n_iter=n_iter,
            converged=size <= tol,
        )

    def evaluate(z: Array) -> tuple[float, Array]:
        nonlocal last
        if z.any():  # at z = 0 everything is known
            last = visit(here.params + length * coordinates.step(z))
        return last.value, length * coordinates.pull(last.gradient)

    def accept(intermediate_result: object) -> None:
        nonlocal best
        best = last
        if best.converged or (coordinates.newton and not _visible(best)):
            raise StopIteration

    pairs = np.zeros((2, 0, coordinates.rank))
    if _visible(here) or not coordinates.newton:
        result = minimize(
            evaluate,
            np.zeros(coordinates.rank),
            jac=True,
            method="L-BFGS-B",
            callback=accept,
            # Neither of these tolerances may stop it: `accept` decides.
            options={"maxiter": max_iter, "maxcor": MEMORY, "ftol": 0, "gtol": 0},
        )
        learnt = result.hess_inv
        pairs = np.stack([length * learnt.sk, learnt.yk / length])
    left = here.n_iter + max_iter - best.n_iter
    return _polish(visit, best, coordinates, pairs, left)


def _polish(
    visit: Callable[[Array], Solution],
    best: Solution,
    coordinates: _NewtonCoordinates,
    pairs: Array,
    max_iter: int,
) -> Solution:
    """Take quasi-Newton steps while they make the gradient smaller.

    Next to a minimum the values are equal to rounding, and a line search on them gives
    up; the gradient still tells a good step from a bad one. `pairs` holds the steps and
    the changes of gradient seen so far. A step may make the gradient larger before the
    next ones, that have learnt from it, make it smaller.
    """
    now, patience = best, PATIENCE
    for n_iter in range(best.n_iter + 1, best.n_iter + max_iter + 1):
        if now.converged or not patience:
            break
        pulled = coordinates.pull(now.gradient)
        z = -(LbfgsInvHessProduct(*pairs) @ pulled)
        there = replace(visit(now.params + coordinates.step(z)), n_iter=n_iter)
        if not np.isfinite(there.value):
            break
        pair = np.stack([z, coordinates.pull(there.gradient) - pulled])
        if pair[0] @ pair[1] > 0:
            pairs = np.concatenate([pairs, pair[:, None]], axis=1)[:, -MEMORY:]
        now, patience = there, patience - 1
        if now.size < best.size:
            best, patience = now, PATIENCE
    return best


def _visible(solution: Solution) -> bool:
    """Whether what a Newton step would gain stands out from the value's rounding."""
    return solution.size**2 / 2 > VISIBLE * abs(solution.value)
