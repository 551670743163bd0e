"""Minimisation of smooth objectives: L-BFGS in Newton coordinates.

L-BFGS needs many passes over the data, because it learns the curvature from
gradients alone. Where a p x p matrix is affordable, one pass gives the curvature at
once: with ``T T' = B^-1`` and `B` a positive definite model of the Hessian at ``x``,
the function ``z -> f(x + T z)`` has a Hessian near the identity. The first step of
L-BFGS is then the Newton step, each later one corrects it at the price of a gradient,
and `B` is renewed when its steps no longer suffice.

A solver takes an objective and returns a `Solution`; it never learns what a loss is.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.optimize import LbfgsInvHessProduct, minimize

__all__ = [
    "Coordinates",
    "Objective",
    "Preconditioned",
    "Solution",
    "descend",
    "minimise",
    "shortfall",
]

Array = NDArray[Any]

STEPS_PER_METRIC = 8
MEMORY = 20  # steps that L-BFGS remembers
PATIENCE = 6  # steps that may pass without a smaller gradient
SNAP = 1e-14  # distance from a bound that is rounding
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


class Coordinates(Protocol):
    """Coordinates ``z`` with ``params = x + T z`` in which an objective bends alike."""

    newton: bool  # whether a unit step is about that of Newton's method
    rank: int
    bounds: tuple[float, float] | None

    def move(self, params: Array, z: Array) -> Array:
        """Return ``params + T z``."""
        ...

    def pull(self, gradient: Array) -> Array:
        """Return ``T' g``, the gradient in these coordinates."""
        ...

    def size(self, params: Array, gradient: Array) -> float:
        """Return the size of a gradient in these coordinates."""
        ...


class Preconditioned(Protocol):
    """What a solver asks of an objective with too many parameters for a matrix."""

    def evaluate(self, params: Array) -> tuple[float, Array]:
        """Return the value and the gradient."""
        ...

    def precondition(self, params: Array) -> tuple[float, Array, Coordinates]:
        """Return value, gradient, and coordinates for steps from here."""
        ...


@dataclass(frozen=True)
class Solution:
    """A point, and how near to a minimum it is.

    `size` is that of the gradient in Newton coordinates, ``sqrt(g' B^-1 g)``: the
    length of the step that a Newton method would still take. It does not depend on the
    units of the features, nor on how they are combined. `rank` is the number of
    directions in which the objective bends, `stopped` whether an observer stopped it.
    """

    params: Array
    value: float
    gradient: Array
    size: float
    n_iter: int
    converged: bool
    rank: int
    stopped: bool = False


def minimise(
    objective: Objective,
    start: Array,
    *,
    tol: float,
    max_iter: int,
    bounds: tuple[float, float] | None = None,
    observe: Callable[[Solution], bool | None] | None = None,
) -> Solution:
    """Minimise `objective` from `start` until the gradient's size is at most `tol`.

    Where rounding hides the gradient before it falls to `tol`, the answer counts as
    converged at that resolution; with a `tol` of 0 the steps go on as long as each one
    makes it smaller, for digits where the parameters are hard to tell. The last
    parameter may have bounds: a gradient that points out of them counts for nothing.
    What is called to `observe` each step may stop it.
    """
    params, n_iter = start, 0
    while True:
        value, gradient, metric, resolution = objective.expand(params)
        if not (np.isfinite(value) and np.isfinite(metric).all()):
            raise FloatingPointError("the objective overflows")
        coordinates = _NewtonCoordinates(metric, bounds)
        goal = max(tol, resolution)  # which is another one elsewhere
        size = coordinates.size(params, gradient)
        rank = coordinates.rank
        here = Solution(params, value, gradient, size, n_iter, size <= goal, rank)
        if (here.converged and tol) or n_iter >= max_iter:
            return here
        steps = max_iter - n_iter
        if metric.ndim == 2:  # a diagonal says too little to be worth renewing
            steps = min(steps, STEPS_PER_METRIC)
        descent = _Descent(objective, here, coordinates, goal, observe)
        if _visible(here) or not coordinates.newton:
            descent.search(steps)
        descent.polish(here.n_iter + steps - descent.best.n_iter)
        if descent.best.converged and not tol:
            descent.refine()
        if descent.best.converged or descent.best.stopped or descent.best is here:
            return descent.best
        params, n_iter = descent.best.params, descent.best.n_iter


def descend(
    objective: Preconditioned,
    params: Array,
    *,
    max_iter: int,
    done: int = 0,
    observe: Callable[[Solution], bool | None] | None = None,
) -> Solution:
    """Take up to `max_iter` steps of L-BFGS in the coordinates that suit the start.

    There are fewer where an observer stops them, or rounding hides any descent. They
    are counted on from those that are `done`.
    """
    value, gradient, coordinates = objective.precondition(params)
    if not (np.isfinite(value) and np.isfinite(gradient).all()):
        raise FloatingPointError("the objective overflows")
    size = coordinates.size(params, gradient)
    here = Solution(params, value, gradient, size, done, not size, coordinates.rank)
    if here.converged:
        return here
    descent = _Descent(objective, here, coordinates, 0.0, observe)
    descent.search(max_iter)
    return descent.best


def shortfall(solution: Solution, tol: float, max_iter: int) -> str | None:
    """Return what to tell the user if `solution` stopped short of `tol`."""
    if solution.converged or solution.stopped:
        return None
    remedy = "Raise max_iter."
    if solution.n_iter < max_iter:
        remedy = (
            "Rounding hides any further descent: columns of X are nearly collinear, or "
            "c is very small beside the residuals. Drop columns, raise l2, c or tol."
        )
    return (
        f"The fit stopped after {solution.n_iter} iterations at a gradient of size "
        f"{solution.size:.1e}, above tol={tol:.1e}. {remedy}"
    )


class _NewtonCoordinates:
    """Coordinates ``z`` with ``params = x + T z`` in which the metric is the identity.

    A direction in which the metric is zero to rounding (a constant or collinear
    column) has no coordinate: the parameters keep what they had there.
    """

    def __init__(
        self, metric: Array, bounds: tuple[float, float] | None = None
    ) -> None:
        self.bounds = bounds
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
        if bounds is not None:  # only the last coordinate may move the bounded one
            self._transform = self._transform @ _reflection(self._transform[-1])

    def move(self, params: Array, z: Array) -> Array:
        """Return ``params + T z``, the last one within its bounds."""
        transform = self._transform
        moved: Array = params + (
            transform @ z if transform.ndim == 2 else transform * z
        )
        if self.bounds is not None:
            near = [b for b in self.bounds if abs(moved[-1] - b) <= SNAP * (1 + abs(b))]
            moved[-1] = near[0] if near else np.clip(moved[-1], *self.bounds)
        return moved

    def room(self, params: Array) -> list[tuple[float | None, float | None]]:
        """Return the bounds of ``z`` in a step from some parameters."""
        room: list[tuple[float | None, float | None]] = [(None, None)] * self.rank
        if self.bounds is not None and self.rank:
            unit = self._transform[(-1,) * self._transform.ndim]
            low, high = ((bound - params[-1]) / unit for bound in self.bounds)
            room[-1] = low, high
        return room

    def pull(self, gradient: Array) -> Array:
        """Return ``T' g``, the gradient in these coordinates."""
        transform = self._transform
        with np.errstate(over="ignore", invalid="ignore"):  # after a step too far
            if transform.ndim == 1:
                return transform * gradient
            pulled: Array = transform.T @ gradient
            return pulled

    @property
    def newton(self) -> bool:
        """Whether a unit step is about that of Newton's method."""
        return self._transform.ndim == 2

    @property
    def rank(self) -> int:
        """Number of coordinates."""
        return int(self._transform.shape[-1])

    def free(self, params: Array, gradient: Array) -> Array:
        """Return the gradient in these coordinates, less what points out of bounds."""
        pulled = self.pull(gradient)
        if self.bounds is not None and self.rank:
            low, high = self.bounds
            outwards = params[-1] >= high if pulled[-1] < 0 else params[-1] <= low
            pulled[-1] *= not outwards
        return pulled

    def size(self, params: Array, gradient: Array) -> float:
        """Return the size of a gradient, see `Solution`.

        What it has in directions without a coordinate counts too: nothing, where
        columns are collinear, but not where they only are so to rounding.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            seen = np.linalg.norm(self.free(params, gradient))
            return float(np.hypot(seen, np.linalg.norm(self._unseen.T @ gradient)))


class _Descent:
    """Steps of L-BFGS in given coordinates, and what they have come to.

    `last` is the last point evaluated, `best` the last one accepted.
    """

    def __init__(
        self,
        objective: Objective | Preconditioned,
        here: Solution,
        coordinates: Any,
        goal: float,
        observe: Callable[[Solution], bool | None] | None = None,
    ) -> None:
        self._observe = observe
        self._objective, self._coordinates, self._goal = objective, coordinates, goal
        self._here = self._last = self.best = here
        # L-BFGS-B makes its first step one unit long: let that be the Newton step.
        self._length = here.size
        self._z = np.zeros(coordinates.rank)  # of the best point, in these lengths
        # Steps taken and the changes of the gradient that they made.
        self._pairs = np.zeros((2, 0, coordinates.rank))

    def search(self, max_iter: int) -> None:
        """Take up to `max_iter` steps, each along a line until the value falls."""
        result = minimize(
            self._evaluate,
            np.zeros(self._coordinates.rank),
            jac=True,
            method="L-BFGS-B",
            bounds=self._room(),
            callback=self._accept,
            # Neither of these tolerances may stop it: `_accept` decides.
            options={"maxiter": max_iter, "maxcor": MEMORY, "ftol": 0, "gtol": 0},
        )
        learnt = result.hess_inv
        self._pairs = np.stack([self._length * learnt.sk, learnt.yk / self._length])

    def _room(self) -> list[tuple[float | None, float | None]] | None:
        """Return the bounds of the steps of the search, None if there are none."""
        if self._coordinates.bounds is None:
            return None
        *free, (low, high) = self._coordinates.room(self._here.params)
        unit = self._length
        return [*free, (low and low / unit, high and high / unit)]

    def polish(self, max_iter: int) -> None:
        """Take quasi-Newton steps while they make the gradient smaller.

        Next to a minimum the values are equal to rounding, and a search along a line
        gives up; the gradient still tells a good step from a bad one. A step may make
        the gradient larger before the next ones, that have learnt from it, make it
        smaller.
        """
        now, patience = self.best, PATIENCE
        for n_iter in range(now.n_iter + 1, now.n_iter + max_iter + 1):
            if now.converged or now.stopped or not patience:
                break
            coordinates = self._coordinates
            pulled = coordinates.pull(now.gradient)
            free = coordinates.free(now.params, now.gradient)
            z = -(LbfgsInvHessProduct(*self._pairs) @ free)
            if coordinates.bounds is not None:
                low, high = coordinates.room(now.params)[-1]
                z[-1] = np.clip(z[-1], low, high) if free[-1] else 0.0
            if np.isnan(z).any():
                break
            there = self._visit(coordinates.move(now.params, z), n_iter)
            if not np.isfinite(there.value) or np.isnan(there.size):
                break
            pair = np.stack([z, coordinates.pull(there.gradient) - pulled])
            if pair[0] @ pair[1] > 0:
                pairs = np.concatenate([self._pairs, pair[:, None]], axis=1)
                self._pairs = pairs[:, -MEMORY:]
            now, patience = there, patience - 1
            if now.size < self.best.size:
                self._improve(now)
                now, patience = self.best, PATIENCE

    def refine(self) -> None:
        """Take Newton steps as long as each one halves the gradient."""
        while True:
            z = -self._coordinates.free(self.best.params, self.best.gradient)
            there = self._visit(
                self._coordinates.move(self.best.params, z), self.best.n_iter
            )
            if not there.size < self.best.size:
                return
            worth = there.size < self.best.size / 2
            self.best = there
            if not worth:
                return

    def _visit(self, params: Array, n_iter: int) -> Solution:
        value, gradient = self._objective.evaluate(params)
        size = self._coordinates.size(params, gradient)
        rank = self._coordinates.rank
        return Solution(params, value, gradient, size, n_iter, size <= self._goal, rank)

    def _evaluate(self, z: Array) -> tuple[float, Array]:
        if np.isnan(z).any():  # after a step too far, along which nothing is known
            return np.inf, np.zeros_like(z)
        if z.any():  # at z = 0 everything is known
            there = self._coordinates.move(self._here.params, self._length * z)
            self._last = self._visit(there, self.best.n_iter + 1)
            if not np.isfinite(self._last.value):
                return self._beyond(z)
        slope = self._length * self._coordinates.pull(self._last.gradient)
        return self._last.value, slope

    def _beyond(self, z: Array) -> tuple[float, Array]:
        """Return a value and a slope from which a search along a line comes back.

        It would make nothing of an infinite value, and might even stay there. The slope
        is that of a bowl as deep as a Newton step from the start of the search.
        """
        away, depth = z - self._z, self._length**2
        return self.best.value + depth * float(away @ away), 2 * depth * away

    def _accept(self, intermediate_result: Any) -> None:
        # Where there is no value or no slope, nothing is known.
        if not np.isfinite(self._last.value) or np.isnan(self._last.size):
            raise StopIteration
        self._z = intermediate_result.x.copy()
        self._improve(self._last)
        newton, best = self._coordinates.newton, self.best
        if best.converged or best.stopped or (newton and not _visible(best)):
            raise StopIteration

    def _improve(self, there: Solution) -> None:
        """Keep a better point, and let it be seen."""
        if self._observe is not None and self._observe(there):
            there = replace(there, stopped=True)
        self.best = there


def _reflection(row: Array) -> Array:
    """Return the orthogonal matrix that leaves of a row its last entry, positive."""
    length = np.linalg.norm(row)
    mirror = row.copy()
    mirror[-1] -= length  # the normal of the mirror between the row and its image
    if not mirror @ mirror:
        return np.eye(len(row))
    matrix: Array = np.eye(len(row)) - np.outer(mirror, 2 * mirror / (mirror @ mirror))
    return matrix


def _visible(solution: Solution) -> bool:
    """Whether what a Newton step would gain stands out from the value's rounding."""
    return solution.size**2 / 2 > VISIBLE * abs(solution.value)
