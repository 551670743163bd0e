"""A multilayer perceptron as a function of its parameters, and how it bends.

The parameters are one vector: for each layer the matrix ``(fan_in + 1, fan_out)`` of
its coefficients with the intercepts as its last row.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit, ndtr

from skrobust._rows import DENSE_METRIC

__all__ = ["ACTIVATIONS", "Factors", "Forward", "Network"]

Array = NDArray[Any]
Factors = list[tuple[Array, Array]]

NORMAL_PEAK = 0.3989422804014327  # 1 / sqrt(2 pi)
BUFFERS = 2  # of a block's activations: themselves, and the slopes of their layers


def _identity(z: Array, slope: Array | None) -> None:
    if slope is not None:
        slope.fill(1)


def _logistic(z: Array, slope: Array | None) -> None:
    expit(z, out=z)
    if slope is not None:
        np.subtract(1, z, out=slope)
        slope *= z


def _tanh(z: Array, slope: Array | None) -> None:
    np.tanh(z, out=z)
    if slope is not None:
        np.multiply(z, z, out=slope)
        np.subtract(1, slope, out=slope)


def _relu(z: Array, slope: Array | None) -> None:
    if slope is None:
        np.maximum(z, 0, out=z)
        return
    np.copyto(slope, z > 0)  # twice as fast as comparing into floats
    z *= slope


def _silu(z: Array, slope: Array | None) -> None:
    share = expit(z)
    if slope is not None:  # share + z share (1 - share)
        np.subtract(1, share, out=slope)
        slope *= z
        slope += 1
        slope *= share
    z *= share


def _gelu(z: Array, slope: Array | None) -> None:
    share = ndtr(z)
    if slope is not None:  # share + z times the normal density
        np.multiply(z, z, out=slope)
        slope *= -0.5
        np.exp(slope, out=slope)
        slope *= NORMAL_PEAK
        slope *= z
        slope += share
    z *= share


ACTIVATIONS: dict[str, Callable[[Array, Array | None], None]] = {
    "identity": _identity,
    "logistic": _logistic,
    "tanh": _tanh,
    "relu": _relu,
    "silu": _silu,
    "gelu": _gelu,
}


class Forward:
    """A block on its way through a network, and the ways back.

    `prediction` belongs to the caller. A way back overwrites the activations, so that
    `inner_products` must be asked for before, and `pull` may be called once.
    """

    def __init__(self, network: "Network", layers: list[Array], X: Any) -> None:
        self._network, self._layers, self._X = network, layers, X
        depth, buffers = len(layers), network.buffers(X.shape[0])
        self._hidden, self._slopes = buffers[: depth - 1], buffers[depth - 1 : -1]
        inputs = X
        for layer, (W, out) in enumerate(
            zip(layers, [*self._hidden, buffers[-1]], strict=True)
        ):
            if sparse.issparse(inputs):
                out[:] = inputs @ W[:-1]
            else:
                np.matmul(inputs, W[:-1], out=out)
            out += network.intercepts(layer, W)
            if layer < depth - 1:
                ACTIVATIONS[network.activation](out, self._slopes[layer])
            inputs = out
        self.prediction: Array = inputs

    def pull(self, slope: Array) -> Array:
        """Return d loss / d parameters, for d loss / d prediction."""
        gradient = np.empty(self._network.size)
        parts = self._network.split(gradient)
        ones = np.ones(len(slope), slope.dtype)
        for layer in reversed(range(len(self._layers))):
            inputs = self._hidden[layer - 1] if layer else self._X
            part = parts[layer]
            part[:-1] = inputs.T @ slope
            part[-1] = ones @ slope
            self._network.uncentred(layer, part)
            slope = self._back(layer, slope)
        return gradient

    def inner_products(self, roots: Array | None) -> list[Array]:
        """Return the weighted inner products of the inputs of each layer.

        `roots` are those of the weights of the rows, None for weights of one.
        """
        inputs = [self._X, *self._hidden]
        return [
            self._network.inner_product(layer, x, roots)
            for layer, x in enumerate(inputs)
        ]

    def outer_products(self, seed: Array) -> list[Array]:
        """Return the inner products of what reaches each layer from its output."""
        products = []
        for layer in reversed(range(len(self._layers))):
            products.append(_product(seed))
            seed = self._back(layer, seed)
        return products[::-1]

    def _back(self, layer: int, slope: Array) -> Array:
        """Return what reaches the layer before, in place of its activations."""
        if not layer:
            return slope
        before = self._hidden[layer - 1]
        W = self._layers[layer][:-1]
        # An outer product is no work for the BLAS.
        times = np.multiply if slope.shape[1] == 1 else np.matmul
        times(slope, W.T, out=before)
        before *= self._slopes[layer - 1]
        return before


@dataclass(frozen=True)
class Network:
    """The layers of a multilayer perceptron with identity output.

    Parameters
    ----------
    sizes : tuple of int
        Numbers of features, of units in each hidden layer, and of outputs.
    activation : str
        Of the hidden units, a key of `ACTIVATIONS`.
    dtype : type
        Of its arithmetic.
    centre : ndarray of shape (n_features,) or None
        What the network takes off the features: of sparse rows, and of columns so near
        0 beside their spread that nothing need be taken off before.
    """

    sizes: tuple[int, ...]
    activation: str
    dtype: Any = np.float64
    centre: Array | None = None
    _here: local = field(default_factory=local, compare=False, repr=False)

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Shapes of the layers: inputs and the intercept, by units."""
        return [(a + 1, b) for a, b in pairwise(self.sizes)]

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(a * b for a, b in self.shapes)

    @property
    def row_bytes(self) -> int:
        """Memory that a row takes on its way through and back."""
        units = self.sizes[0] + BUFFERS * sum(self.sizes[1:])
        return int(units * np.dtype(self.dtype).itemsize)

    def split(self, params: Array) -> list[Array]:
        """Return the layers as views of the parameters."""
        parts, start = [], 0
        for inputs, units in self.shapes:
            end = start + inputs * units
            parts.append(params[start:end].reshape(inputs, units))
            start = end
        return parts

    def layers(self, params: Array) -> list[Array]:
        """Return the layers in the type of the arithmetic."""
        return self.split(params.astype(self.dtype, copy=False))

    def joined(self, coefs: list[Array], intercepts: list[Array]) -> Array:
        """Return the parameters with given coefficients and intercepts."""
        pairs = zip(coefs, intercepts, strict=True)
        return np.concatenate([np.vstack([W, b]).ravel() for W, b in pairs])

    def start(self, rng: np.random.Generator) -> Array:
        """Return parameters to begin with, uniform as Glorot and Bengio propose.

        References
        ----------
        .. [1] X. Glorot and Y. Bengio, "Understanding the difficulty of training deep
               feedforward neural networks", AISTATS 2010.
               https://proceedings.mlr.press/v9/glorot10a.html
        """
        spread = 2.0 if self.activation == "logistic" else 6.0
        layers = []
        for inputs, units in self.shapes:
            bound = np.sqrt(spread / (inputs - 1 + units))
            layers.append(rng.uniform(-bound, bound, (inputs, units)).ravel())
        return np.concatenate(layers)

    def penalised(self) -> Array:
        """Return which parameters have a penalty: all but the intercepts."""
        free = np.ones(self.size, dtype=bool)
        for layer in self.split(free):
            layer[-1] = False
        return free

    def __call__(self, params: Array, X: Any) -> tuple[Array, Callable[[Array], Array]]:
        """Return the prediction and the map of d loss / d prediction to d params."""
        forward = self.forward(params, X)
        return forward.prediction, forward.pull

    def predict(self, params: Array, X: Any) -> Array:
        """Return the prediction alone."""
        layers = self.layers(params)
        for layer, W in enumerate(layers):
            X = X @ W[:-1]
            X += self.intercepts(layer, W)
            if layer < len(layers) - 1:
                ACTIVATIONS[self.activation](X, None)
        prediction: Array = X
        return prediction

    def forward(self, params: Array, X: Any) -> Forward:
        """Return a block of rows on its way, in buffers of this thread."""
        return Forward(self, self.layers(params), X)

    def buffers(self, n: int) -> list[Array]:
        """Return room for hidden activations, their slopes, and predictions."""
        mine = vars(self._here)
        if len(mine.get("buffers", [()])[0]) < n:
            hidden = self.sizes[1:-1]
            widths = *hidden, *hidden, self.sizes[-1]
            mine["buffers"] = [np.empty((n, width), self.dtype) for width in widths]
        return [buffer[:n] for buffer in mine["buffers"]]

    def intercepts(self, layer: int, W: Array) -> Array:
        """Return what a layer adds to the products of its inputs."""
        intercepts: Array = W[-1]
        if layer == 0 and self.centre is not None:
            intercepts = intercepts - self.centre.astype(self.dtype) @ W[:-1]
        return intercepts

    def uncentred(self, layer: int, part: Array) -> None:
        """Let the gradient of a layer know of the centre of its inputs."""
        if layer == 0 and self.centre is not None:
            part[:-1] -= np.multiply.outer(self.centre, part[-1])

    def inner_product(self, layer: int, X: Any, roots: Array | None) -> Array:
        """Return ``X' X`` of weighted inputs and intercept, its diagonal if large."""
        width = X.shape[1]
        if width > DENSE_METRIC:
            weights = np.ones(X.shape[0]) if roots is None else np.square(roots)
            squares = X.multiply(X) if sparse.issparse(X) else np.square(X)
            diagonal = np.append(squares.T @ weights, weights.sum())
            if layer == 0 and self.centre is not None:
                sums = 2 * (X.T @ weights) - diagonal[-1] * self.centre
                diagonal[:-1] -= self.centre * sums
            return diagonal
        if roots is not None:
            if sparse.issparse(X):
                X = sparse.diags_array(roots) @ X
            else:
                X = X * roots[:, None].astype(X.dtype)
        product = np.empty((width + 1, width + 1))
        inner = X.T @ X
        product[:-1, :-1] = inner.toarray() if sparse.issparse(X) else inner
        if roots is None:
            product[-1, :-1] = product[:-1, -1] = X.sum(axis=0)
            product[-1, -1] = X.shape[0]
        else:
            product[-1, :-1] = product[:-1, -1] = X.T @ roots.astype(X.dtype)
            product[-1, -1] = roots @ roots
        if layer == 0 and self.centre is not None:
            _centre(product, self.centre)
        return product


def _product(seed: Array) -> Array:
    """Return ``seed' seed``, or its diagonal where that is too large."""
    if seed.shape[1] > DENSE_METRIC:
        diagonal: Array = np.einsum("ij,ij->j", seed, seed, dtype=np.float64)
        return diagonal
    product: Array = (seed.T @ seed).astype(np.float64)
    return product


def _centre(product: Array, centre: Array) -> None:
    """Make the inner products of inputs those of inputs less their centre."""
    sums, total = product[-1, :-1].copy(), product[-1, -1]
    product[:-1, :-1] -= np.multiply.outer(centre, sums)
    sums -= total * centre
    product[:-1, :-1] -= np.multiply.outer(sums, centre)
    product[-1, :-1] = product[:-1, -1] = sums
