"""Coordinates in which a network bends about alike in all directions.

The curvature of a layer is about the Kronecker product of the inner products of its
inputs and those of what reaches its units from the output [1]_. With roots of the two,
``M = R R'``, the coordinates Z of a layer's matrix W are ``W = R_in^-T Z R_out^-1``.

References
----------
.. [1] J. Martens and R. Grosse, "Optimizing Neural Networks with Kronecker-factored
       Approximate Curvature", ICML 2015. https://arxiv.org/abs/1503.05671
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack, solve_triangular

from skrobust._network import Factors, Network

__all__ = ["KroneckerCoordinates"]

Array = NDArray[Any]

LEAST = 1e-30  # trace of a factor: that of inputs that are all 0


class KroneckerCoordinates:
    """Coordinates ``z`` with ``params = x + T z``, layer by layer.

    Parameters
    ----------
    network : Network
        The layers.
    factors : list of pairs of ndarrays
        For each layer mean inner products of its inputs and of its outer slopes:
        matrices, or vectors for their diagonals.
    damping : float
        What is added to the curvature in all directions, positive.
    """

    bounds: tuple[float, float] | None = None
    newton: bool = False  # a unit step is only about one of Newton's method

    def __init__(self, network: Network, factors: Factors, damping: float) -> None:
        self._network, self.rank = network, network.size
        self._inverses = []
        for inner, outer in factors:
            # Damping each factor by its share keeps their scales apart [1]_.
            ratio = np.sqrt(max(_mean(inner), LEAST) / max(_mean(outer), LEAST))
            root = np.sqrt(damping)
            self._inverses.append(
                (_inverse_root(inner, ratio * root), _inverse_root(outer, root / ratio))
            )

    def move(self, params: Array, z: Array) -> Array:
        """Return ``params + T z``."""
        moved = params.copy()
        layers = zip(self._network.split(moved), self._network.split(z), strict=True)
        with np.errstate(over="ignore", invalid="ignore"):  # in a step too far
            for (W, Z), (inner, outer) in zip(layers, self._inverses, strict=True):
                W += _times(outer.T, _times(inner.T, Z).T).T
        return moved

    def pull(self, gradient: Array) -> Array:
        """Return ``T' g``, the gradient in these coordinates."""
        pulled = np.empty_like(gradient)
        split = self._network.split
        layers = zip(split(pulled), split(gradient), strict=True)
        with np.errstate(over="ignore", invalid="ignore"):  # after a step too far
            for (Z, G), (inner, outer) in zip(layers, self._inverses, strict=True):
                Z[:] = _times(outer, _times(inner, G).T).T
        return pulled

    def size(self, params: Array, gradient: Array) -> float:
        """Return the length of the gradient in these coordinates."""
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.linalg.norm(self.pull(gradient)))


def _diagonal(factor: Array) -> Array:
    """Return the diagonal, of which rounding may have made a part negative."""
    diagonal = factor if factor.ndim == 1 else np.diagonal(factor)
    clipped: Array = np.maximum(diagonal, 0)
    return clipped


def _mean(factor: Array) -> float:
    """Return the mean of the diagonal."""
    return float(_diagonal(factor).mean())


def _inverse_root(factor: Array, damping: float) -> Array:
    """Return R^-1 with ``R R'`` the damped factor, or its diagonal.

    That is also all that is known of a factor which is indefinite to rounding, as that
    of sparse columns may be whose mean is far from 0.
    """
    if factor.ndim == 2:
        damped = factor + damping * np.eye(len(factor))
        root, failed = lapack.dpotrf(damped, lower=True)
        if not failed:
            solved: Array = solve_triangular(root, np.eye(len(root)), lower=True)
            return solved
    inverse: Array = 1 / np.sqrt(_diagonal(factor) + damping)
    return inverse


def _times(factor: Array, Z: Array) -> Array:
    """Return ``factor Z``, where a vector is a diagonal factor."""
    product: Array = factor[:, None] * Z if factor.ndim == 1 else factor @ Z
    return product
