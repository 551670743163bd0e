"""What a network minimises: the mean loss over rows and outputs, and a penalty."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrobust._kronecker import KroneckerCoordinates
from skrobust._network import Network
from skrobust._rows import Rows, Sums
from skrobust.loss import Family

__all__ = ["NetworkLoss", "OutputLosses"]

Array = NDArray[Any]

# Curvature that is added in all directions, of a loss that bends by 1 at its centre:
# that of a network is known in part only.
DAMPING = 3e-3


@dataclass(frozen=True)
class OutputLosses:
    """The loss of each output.

    Parameters
    ----------
    families : list of Family
        One for each output, or one alone for all of them.
    c : ndarray of shape (k,) or (n, k)
        Scale of each output.
    counts : ndarray of shape (k,) or (n, k)
        What a loss of 1 counts. Losses that are ``c**2`` count like squares.
    """

    families: list[Family]
    c: Array
    counts: Array

    def at(self, rows: slice) -> "OutputLosses":
        """Return the losses of some of the rows."""
        c, counts = (a[rows] if a.ndim == 2 else a for a in (self.c, self.counts))
        return OutputLosses([f.at(rows) for f in self.families], c, counts)

    def evaluate(self, residual: Array, order: int) -> list[Array]:
        """Return what residuals (m, k) cost, and the derivatives up to an order."""
        c, counts = (a.astype(residual.dtype) for a in (self.c, self.counts))
        terms = self._columns(
            residual / c, lambda family, u: family.evaluate(u, 1.0, order)
        )
        for term in terms:
            term *= counts
            counts = counts / c
        return terms

    def trust(self, residual: Array) -> Array:
        """Return the weights of residuals (m, k) in reweighted least squares."""
        c = self.c.astype(residual.dtype)
        return self._columns(residual / c, lambda f, u: (f.weight(u, 1.0),))[0]

    def bend(self, residual: Array) -> Array:
        """Return the curvature of the parabolas above the losses, from residuals."""
        c, counts = (a.astype(residual.dtype) for a in (self.c, self.counts))
        curvature: Array = self.trust(residual) * counts / np.square(c)
        return curvature

    def _columns(self, u: Array, kernel: Any) -> list[Array]:
        """Return what a kernel gives for each output."""
        if len(self.families) < u.shape[1]:
            return list(kernel(self.families[0], u))
        columns = [
            kernel(family, np.ascontiguousarray(u[:, j]))
            for j, family in enumerate(self.families)
        ]
        return [np.stack(terms, axis=1) for terms in zip(*columns, strict=True)]


@dataclass(frozen=True)
class NetworkLoss:
    """The weighted mean of the losses of all rows, and ``l2 / 2 * |coefficients|^2``.

    Parameters
    ----------
    rows : Rows
        The data, with targets of shape (n, k).
    network : Network
        The model of their means.
    losses : OutputLosses
        Of each output.
    l2 : float
        Strength of the penalty; the intercepts are free.
    """

    rows: Rows
    network: Network
    losses: OutputLosses
    l2: float

    @cached_property
    def _penalty(self) -> Array:
        return self.l2 * self.network.penalised()

    def value(self, params: Array) -> float:
        """Return the mean loss alone."""

        def visit(rows: slice) -> Sums:
            X, residual = self.rows.block(rows)
            residual -= self.network.predict(params, X)
            return (self._sum(rows, self.losses.at(rows).evaluate(residual, 0)[0]),)

        return float(self.rows.sum(visit)[0]) / self.rows.total

    def evaluate(self, params: Array) -> tuple[float, Array]:
        """Return the value and the gradient."""

        def visit(rows: slice) -> Sums:
            X, residual = self.rows.block(rows)
            prediction, pull = self.network(params, X)
            residual -= prediction
            rho, psi = self.losses.at(rows).evaluate(residual, 1)
            return self._sum(rows, rho), pull(self.rows.weigh(rows, psi))

        return self._penalised(params, *self.rows.sum(visit))

    def precondition(self, params: Array) -> tuple[float, Array, KroneckerCoordinates]:
        """Return value, gradient, and coordinates in which all directions bend alike.

        The curvature is that of the parabolas above the losses, so positive, and with
        several outputs that of random combinations of them, which is right on average.
        """
        depth = len(self.network.shapes)

        def visit(rows: slice) -> Sums:
            X, residual = self.rows.block(rows)
            forward = self.network.forward(params, X)
            residual -= forward.prediction
            losses = self.losses.at(rows)
            rho, psi = losses.evaluate(residual, 1)
            seed = self._seed(rows, losses.bend(residual))
            inner = forward.inner_products(self._roots(rows))
            slope = forward.pull(self.rows.weigh(rows, psi))
            return self._sum(rows, rho), slope, *inner, *forward.outer_products(seed)

        value, slope, *products = self.rows.sum(visit)
        if not all(np.isfinite(part).all() for part in (value, slope, *products)):
            raise FloatingPointError("the objective overflows")
        means = [product / self.rows.total for product in products]
        factors = list(zip(means[:depth], means[depth:], strict=True))
        damping = self.l2 + DAMPING / self.network.sizes[-1]
        coordinates = KroneckerCoordinates(self.network, factors, damping)
        return *self._penalised(params, value, slope), coordinates

    def _sum(self, rows: slice, values: Array) -> float:
        return float(self.rows.weigh(rows, values).sum(dtype=np.float64))

    def _roots(self, rows: slice) -> Array | None:
        weights = self.rows.weights
        return None if weights is None else np.sqrt(weights[rows])

    def _seed(self, rows: slice, bend: Array) -> Array:
        """Return slopes at the outputs whose mean products are the curvature."""
        seed = np.sqrt(self.rows.weigh(rows, bend))
        if seed.shape[1] > 1:  # the same signs whatever thread asks
            rng = np.random.default_rng(rows.start)
            seed *= rng.choice(np.array([-1, 1], seed.dtype), seed.shape)
        return seed

    def _penalised(
        self, params: Array, value: float, slope: Array
    ) -> tuple[float, Array]:
        """Return mean and penalty, and the gradient, given sums over all rows."""
        total = self.rows.total
        with np.errstate(over="ignore", invalid="ignore"):  # after a step too far
            pull = self._penalty * params
            value = float(value) / total + 0.5 * float(pull @ params)
            return value, pull - slope / total
