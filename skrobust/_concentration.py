"""Candidates for a robust fit, improved many at a time.

A candidate is a vector of parameters with the scale of its residuals. Each step of
reweighted least squares, or of Newton's method, is taken by all of them in a few
products of matrices; a scale on the way is only as exact as the next step needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrobust._scale import SIGMA_PER_MAD, MScale

__all__ = ["Candidates", "Sample", "apart", "joined", "valleys"]

Array = NDArray[Any]

LEAST_CURVATURE = 0.1  # of a row, relative to its weight
LEAST_SCALE = 1e-15  # in units of y: 0, but for what divides by it
TINY = float(np.finfo(float).tiny)
NEWTON_STEPS = 4
FAR_SQUARED = 1e6  # of a row, where a typical coordinate is 1
FEW_PRODUCTS = 40  # columns
STILL = 8.0  # roundings of the curvature below which a direction has none
FEW_ROWS = 200  # that give a first guess of a scale
CHUNK = 1 << 17  # residuals that are worked on at once
WAY = np.array([0.1, 0.3, 0.5, 0.7, 0.9])  # points between two candidates
NEAR = 0.01  # root mean squared difference of two fits, in units of the scale


@dataclass(frozen=True)
class Candidates:
    """Parameters (k, q) with approximate scales of their residuals (k,)."""

    params: Array
    scales: Array
    values: Array

    def best(self, count: int) -> "Candidates":
        """Return the best ones, best first."""
        return self[np.argsort(self.values, kind="stable")[:count]]

    def __getitem__(self, chosen: Array) -> "Candidates":
        return Candidates(self.params[chosen], self.scales[chosen], self.values[chosen])

    def __len__(self) -> int:
        return len(self.values)


def joined(parts: Sequence[Candidates]) -> Candidates:
    return Candidates(
        np.concatenate([part.params for part in parts]),
        np.concatenate([part.scales for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


@dataclass(frozen=True)
class Sample:
    """Rows in coordinates in which X has full rank and y is of size 1.

    The penalty is a matrix in these coordinates, or None.
    """

    X: Array
    y: Array
    scale: MScale
    penalty: Array | None = None

    @property
    def weights(self) -> Array | None:
        return self.scale.weights

    @cached_property
    def single(self) -> Array:
        """Return X in single precision, which is enough for the matrix of a step.

        Not where a row is so far that its square would hide the others.
        """
        far = np.einsum("ij,ij->i", self.X, self.X).max() > FAR_SQUARED
        return self.X if far else self.X.astype(np.float32)

    @cached_property
    def products(self) -> Array:
        """Return the products of two columns each, (m, q (q + 1) / 2)."""
        first, second = np.triu_indices(self.X.shape[1])
        return self.single[:, first] * self.single[:, second]

    def take(self, rows: Array) -> "Sample":
        """Return some of the rows."""
        weights, excess = self.weights, self.scale.excess
        if weights is None:
            excess *= len(rows) / len(self.y)
        else:
            excess *= weights[rows].sum() / weights.sum()
            weights = weights[rows]
        scale = MScale(self.scale.family, self.scale.c, excess, weights)
        return Sample(self.X[rows], self.y[rows], scale, self.penalty)

    def assess(self, params: Array, scales: Array | None = None) -> Candidates:
        """Return candidates with approximate scales, from scratch or improved."""
        return joined(
            [
                self._assessed(params[rows], None if scales is None else scales[rows])
                for rows in self._chunks(len(params))
            ]
        )

    def concentrate(
        self, candidates: Candidates, steps: int, newton: bool = False
    ) -> Candidates:
        """Return candidates after steps of reweighted least squares, or of Newton's."""
        parts = []
        for rows in self._chunks(len(candidates)):
            params, scales = candidates.params[rows], candidates.scales[rows]
            for _ in range(steps):
                params, scales = self._step(params, scales, newton)
            parts.append(self._assessed(params, scales))
        return joined(parts)

    def polish(self, candidates: Candidates) -> Candidates:
        """Return candidates after Newton steps, where these made them better."""
        there = self.concentrate(candidates, NEWTON_STEPS, newton=True)
        moved = (there.params - candidates.params) @ self.X.T
        moved = np.sqrt(np.mean(np.square(moved), axis=1))
        # A long step may lead across to another minimum.
        better = (there.values < candidates.values) & (moved < candidates.scales)
        return joined([there[better], candidates[~better]])

    def _chunks(self, count: int) -> list[slice]:
        size = max(1, CHUNK // len(self.y))
        return [slice(a, a + size) for a in range(0, count, size)]

    def _assessed(self, params: Array, scales: Array | None) -> Candidates:
        residuals = self.y - params @ self.X.T
        if scales is None:
            scales = self._first_scales(residuals)
            scales = self.scale.improved(residuals, np.maximum(scales, LEAST_SCALE))
        scales = np.maximum(self.scale.improved(residuals, scales), LEAST_SCALE)
        values = scales
        if self.penalty is not None:
            squares = np.einsum("ki,ij,kj->k", params, self.penalty, params)
            values = np.sqrt(scales * scales + squares)
        return Candidates(params, scales, values)

    def _first_scales(self, residuals: Array) -> Array:
        """Return rough scales, from some of the rows where there are many."""
        every = 1 if self.weights is not None else 1 + len(self.y) // FEW_ROWS
        some = MScale(self.scale.family, self.scale.c, self.scale.excess / every)
        if every == 1:
            some = self.scale
        return SIGMA_PER_MAD * some.sizes_exceeded(np.abs(residuals[:, ::every]))

    def _step(self, params: Array, scales: Array, newton: bool) -> tuple[Array, Array]:
        """Return parameters and scales after one step."""
        residuals = self.y - params @ self.X.T
        scales = np.maximum(self.scale.improved(residuals, scales), LEAST_SCALE)
        family, c, u = self.scale.family, self.scale.c, residuals / scales[:, None]
        trust = family.weight(u, c)
        if self.weights is not None:
            trust *= self.weights
        bend = trust
        if newton:
            bend = c * c * family.evaluate(u, c, 2)[2]
            if self.weights is not None:
                bend *= self.weights
            np.maximum(bend, LEAST_CURVATURE * trust, out=bend)
        normal = self._normal_matrices(bend)
        trust *= residuals
        pull = trust @ self.X
        if self.penalty is not None:
            steep = np.einsum("km,km->k", trust, residuals) / scales**2
            normal += steep[:, None, None] * self.penalty
            pull -= steep[:, None] * (params @ self.penalty)
        # Where the rows that count do not determine them, parameters stay as they are.
        diagonal = np.einsum("kii->ki", normal)
        diagonal += (
            STILL * np.finfo(self.single.dtype).eps * diagonal.sum(axis=1) + TINY
        )[:, None]
        return params + np.linalg.solve(normal, pull[..., None])[..., 0], scales

    def _normal_matrices(self, curvature: Array) -> Array:
        """Return ``X' diag(curvature) X`` for each row of `curvature`."""
        q = self.X.shape[1]
        curvature = curvature.astype(self.single.dtype)
        normal = np.empty((len(curvature), q, q))
        if q > FEW_PRODUCTS:  # the products would take too much memory
            for matrix, root in zip(normal, np.sqrt(curvature), strict=True):
                rows = self.single * root[:, None]
                matrix[:] = rows.T @ rows
            return normal
        packed = curvature @ self.products
        first, second = np.triu_indices(q)
        normal[:, first, second] = packed
        normal[:, second, first] = packed
        return normal


def apart(sample: Sample, candidates: Candidates) -> Candidates:
    """Return candidates, best first, without those that are near to a better one."""
    kept: list[int] = []
    candidates = candidates.best(len(candidates))
    for i, params in enumerate(candidates.params):
        difference = (candidates.params[kept] - params) @ sample.X.T
        size = np.sqrt(np.mean(np.square(difference), axis=-1))
        if not (size <= NEAR * candidates.scales[i]).any():
            kept.append(i)
    return candidates[np.array(kept)]


def valleys(sample: Sample, candidates: Candidates) -> Candidates:
    """Return one candidate a valley, best first: the lowest of each.

    Where the way to a better candidate goes nowhere up, both lead to one minimum.
    """
    candidates = candidates.best(len(candidates))
    kept = [0]
    for i in range(1, len(candidates)):
        here = candidates.params[i]
        ways = here + WAY[:, None, None] * (candidates.params[kept] - here)
        scales = np.full(ways.shape[:2], candidates.scales[i])
        on_the_way = sample.assess(ways.reshape(-1, len(here)), scales.ravel()).values
        up = on_the_way.reshape(scales.shape) > candidates.values[i]
        if up.any(axis=0).all():
            kept.append(i)
    return candidates[np.array(kept)]
