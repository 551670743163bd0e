"""Where a search for a robust fit starts: many small subsets, and a few large ones.

A subset of as many rows as there are parameters has a fit of its own. If it holds no
outlier that fit is a good start, however bad the others are: enough random subsets
contain a clean one [1]_. Their number grows fast with that of the parameters, so that
some starts that depend on no chance join them: least squares on the half of the rows
that lies nearest to the centre, by covariances that outliers hardly move [2]_.

Everything is done for all candidates at once.

References
----------
.. [1] P. J. Rousseeuw, "Least Median of Squares Regression", JASA 79, 1984, 871-880.
       https://doi.org/10.1080/01621459.1984.10477105
.. [2] M. Hubert, P. J. Rousseeuw and T. Verdonck, "A Deterministic Algorithm for Robust
       Location and Scatter", Journal of Computational and Graphical Statistics 21,
       2012, 618-637. https://doi.org/10.1080/10618600.2012.672100
"""

from itertools import combinations
from math import comb
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf
from scipy.special import chdtri

from skrobust._scale import SIGMA_PER_MAD

__all__ = ["central_halves", "fits_through", "random_subsets", "robust_scales"]

Array = NDArray[Any]

INDEPENDENT = 1e-7  # of a row's length: what of it the rows before do not span
ROUNDED_INDEPENDENT = 1e-12  # its square, where that is a difference of squares
CHUNK = 256  # subsets that are repaired at once
RANDOM_TRIES = 8  # rows that may take the place of a dependent one before all are seen
VARIES = 1e-5  # relative to the largest standard deviation
LARGEST_FIT = 1e8  # parameters, in robust coordinates, of a subset that spans little


def random_subsets(
    n: int, size: int, count: int, rng: np.random.Generator, weights: Array | None
) -> Array:
    """Return about `count` random subsets of `size` of n rows: indices (k, size).

    All subsets where there are no more. Else each row is in about as many subsets as
    any other, or in proportion to its weight.
    """
    if comb(n, size) <= count:
        return np.array(list(combinations(range(n), size)))
    if weights is not None:
        # The first of exponential clocks that run as fast as the weights say.
        clocks = rng.exponential(size=(count, n)) / weights
        return np.argpartition(clocks, size - 1, axis=1)[:, :size]
    parts = n // size
    orders = np.tile(np.arange(n), (-(-count // parts), 1))
    orders = rng.permuted(orders, axis=1, out=orders)[:, : parts * size]
    return orders.reshape(-1, size)[:count]


def fits_through(X: Array, y: Array, subsets: Array, rng: np.random.Generator) -> Array:
    """Return the parameters (k, q) of the fits through q rows each.

    Where the rows of a subset are linearly dependent, others that are not take the
    place of those that depend on the rest [1]_.

    References
    ----------
    .. [1] M. Koller, "Nonsingular Subsampling for S-Estimators with Categorical
           Predictors", 2012. https://arxiv.org/abs/1208.5595
    """
    A, b = X[subsets], y[subsets][..., None]
    try:
        fits = np.linalg.solve(A, b)[..., 0]
    except np.linalg.LinAlgError:  # some are singular to the last digit
        fits = np.full(subsets.shape, np.inf)
        sound = np.linalg.slogdet(A)[0] != 0
        fits[sound] = np.linalg.solve(A[sound], b[sound])[..., 0]
    size = np.abs(fits).max(axis=1)
    poor = ~(size < LARGEST_FIT * max(np.abs(y).max(), 1e-300))
    places = np.flatnonzero(poor)
    for start in range(0, len(places), CHUNK):  # whose spans stay in cache
        some = places[start : start + CHUNK]
        fits[some] = _repaired(X, y, subsets[some], rng)
    return fits


def _repaired(X: Array, y: Array, subsets: Array, rng: np.random.Generator) -> Array:
    """Return fits through subsets whose dependent rows are replaced.

    Most find another row at random; the few that lack a rare kind of row, such as one
    of a small category, look through all rows. Where these are exhausted too, the fit
    is the shortest one.
    """
    spans = _Spans.of(*subsets.shape)
    for rows in subsets.T:
        spans.add(X, rows, np.arange(len(subsets)))
    for _ in range(RANDOM_TRIES):
        short = spans.incomplete()
        spans.add(X, rng.integers(len(X), size=len(short)), short)
    spans.exhaust(X, rng)
    present = np.arange(X.shape[1]) < spans.filled[:, None]
    A = X[spans.chosen] * present[..., None]
    b = y[spans.chosen] * present
    fits = np.empty(subsets.shape)
    full = present.all(axis=1)
    fits[full] = np.linalg.solve(A[full], b[full][..., None])[..., 0]
    inverse = np.linalg.pinv(A[~full], rcond=INDEPENDENT)
    fits[~full] = (inverse @ b[~full][..., None])[..., 0]
    return fits


class _Spans(NamedTuple):
    """Rows that were chosen for each of k subsets, and bases of what they span."""

    chosen: Array  # (k, q)
    basis: Array  # (k, q, q): orthonormal rows, then zeros
    filled: Array  # (k,)

    @classmethod
    def of(cls, k: int, q: int) -> "_Spans":
        """Return k empty spans in a space of q dimensions."""
        return cls(np.zeros((k, q), int), np.zeros((k, q, q)), np.zeros(k, int))

    def incomplete(self) -> Array:
        """Return which subsets do not span the whole space."""
        return np.flatnonzero(self.filled < self.chosen.shape[1])

    def add(self, X: Array, rows: Array, subsets: Array) -> Array:
        """Add a row to each of some subsets, where it is independent; say where."""
        basis, x = self.basis[subsets], X[rows]
        rest = x[..., None]
        for _ in range(2):  # the second time for the rounding of the first
            rest = rest - basis.transpose(0, 2, 1) @ (basis @ rest)
        length = np.linalg.norm(rest[..., 0], axis=1)
        new: Array = length > INDEPENDENT * np.linalg.norm(x, axis=1)
        chosen, at = subsets[new], self.filled[subsets[new]]
        self.basis[chosen, at] = rest[new, :, 0] / length[new, None]
        self.chosen[chosen, at] = rows[new]
        self.filled[chosen] += 1
        return new

    def exhaust(self, X: Array, rng: np.random.Generator) -> None:
        """Add random ones of the rows that are independent, while there are any."""
        squares = np.einsum("ij,ij->i", X, X)
        short = self.incomplete()
        rest = np.tile(squares, (len(short), 1))  # squared distances from the span
        for j in range(X.shape[1]):
            rest -= np.square(self.basis[short, j] @ X.T)
        while len(short):
            keys = rng.random(rest.shape)
            keys[rest <= ROUNDED_INDEPENDENT * squares] = -1.0
            grown = self.add(X, np.argmax(keys, axis=1), short)
            grown &= self.filled[short] < X.shape[1]
            short, rest = short[grown], rest[grown]
            newest = self.basis[short, self.filled[short] - 1]
            rest -= np.square(newest @ X.T)


def central_halves(Z: Array, steps: int) -> tuple[Array, Array]:
    """Return halves of the rows near to a robust centre, and which rows are not far.

    Each half has the smallest distances by one of several initial covariances, once its
    eigenvalues are replaced by robust variances. Steps of concentration follow: the
    mean and the covariance of a half give the distances for the next one.

    Parameters
    ----------
    Z : ndarray of shape (n, d)
        Columns of any centre and scale.
    steps : int
        How often a half gives way to the next one.

    Returns
    -------
    halves : ndarray of bool of shape (k, n)
        The last half by each covariance.
    near : ndarray of bool of shape (n,)
        Rows that the first half does not tell from normal ones, of which it finds one
        in 40 far. It starts from the rows nearest to the median of each column, which a
        cluster of less than half of the rows cannot be. It is not the half with the
        smallest determinant, for that is one with the cluster in it if there is any.
    """
    Z = Z - np.median(Z, axis=0)
    Z /= robust_scales(Z)
    found = [_concentrated(Z, scores, steps) for scores in _scores(Z)]
    d, distance = Z.shape[1], found[0]
    limit = chdtri(d, 0.025) / chdtri(d, 0.5)
    near: Array = distance <= limit * np.median(distance)
    return np.array([_nearest_half(distance) for distance in found]), near


def _concentrated(Z: Array, scores: Array, steps: int) -> Array:
    """Return squared distances from a robust centre, after steps of concentration."""
    vectors = np.linalg.eigh(_covariance(scores))[1]
    projected = Z @ vectors
    projected -= np.median(projected, axis=0)
    projected /= robust_scales(projected)
    distance: Array = np.einsum("ij,ij->i", projected, projected)
    for _ in range(steps):
        half = _nearest_half(distance)
        away = Z - Z[half].mean(axis=0)
        distance = np.einsum("ij,ij->i", away @ _inverse(Z[half]), away)
    return distance


def _covariance(Z: Array) -> Array:
    return np.cov(Z, rowvar=False).reshape(Z.shape[1], Z.shape[1])


def _inverse(Z: Array) -> Array:
    """Return the inverse of the covariance, in the directions in which Z varies."""
    covariance = _covariance(Z)
    root, failed = dpotrf(covariance)
    diagonal = np.diagonal(root)
    if not failed and diagonal.min() > VARIES * diagonal.max():
        return np.linalg.inv(covariance)
    return np.linalg.pinv(covariance, rcond=VARIES * VARIES, hermitian=True)


def _nearest_half(distance: Array) -> Array:
    place = len(distance) - len(distance) // 2 - 1
    nearest: Array = distance <= np.partition(distance, place)[place]
    return nearest


def robust_scales(Z: Array) -> Array:
    """Return the MAD of each centred column, its standard deviation where that is 0.

    And 1 where that is 0, too.
    """
    sizes = np.abs(Z)
    largest = sizes.max(axis=0, initial=0.0)
    largest = np.where(largest > 0, largest, 1.0)
    spread = largest * np.sqrt(np.mean(np.square(sizes / largest), axis=0))
    scales = SIGMA_PER_MAD * np.median(sizes, axis=0)
    scales = np.where(scales > 0, scales, spread)
    return np.where(scales > 0, scales, 1.0)


def _scores(Z: Array) -> list[Array]:
    """Return transforms of Z whose covariances outliers hardly move."""
    length = np.linalg.norm(Z, axis=1)
    signs = Z / np.where(length > 0, length, 1.0)[:, None]
    return [Z[length <= np.median(length)], signs, np.tanh(Z)]
