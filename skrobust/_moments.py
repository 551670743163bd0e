"""Weighted centres and spreads of features and targets, for a network's own units."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.sparsefuncs import mean_variance_axis

from skrobust._rows import Rows
from skrobust._scale import SIGMA_PER_MAD, weighted_median

__all__ = ["feature_moments", "target_units"]

Array = NDArray[Any]

LEAST_SPREAD = 1e-14  # of a column, relative to its mean: below it, it is constant
LEAST_SPREAD_FLOAT32 = 1e-6


def feature_moments(rows: Rows) -> tuple[Array, Array]:
    """Return weighted means and standard deviations of the columns of X.

    Those of a column that is constant are its value and 1, or the size of the rounding
    that makes it seem to vary if that is larger. Numbers whose squares
    overflow have no finite ones.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return _feature_moments(rows)


def _feature_moments(rows: Rows) -> tuple[Array, Array]:
    X = rows.X
    if sparse.issparse(X):
        weights = np.zeros(X.shape[0])
        chosen = slice(None) if rows.chosen is None else rows.chosen
        weights[chosen] = 1.0 if rows.weights is None else rows.weights
        mean, variance = mean_variance_axis(
            X.astype(np.float64, copy=False), 0, weights
        )
    else:
        # Less a row that counts, a column that is constant is 0.
        heavy = 0 if rows.weights is None else int(np.argmax(rows.weights))
        pivot = X[heavy if rows.chosen is None else rows.chosen[heavy]]
        near = replace(rows, shift=np.asarray(pivot, np.float64), dtype=np.float64)

        def moments(block: slice) -> tuple[Any, ...]:
            Z = near.features(block)
            weights = near.weigh(block, np.ones(len(Z)))
            return weights @ Z, weights @ np.square(Z)

        offset, square = (moment / rows.total for moment in near.sum(moments))
        mean, variance = pivot + offset, square - np.square(offset)
    least = LEAST_SPREAD if X.dtype == np.float64 else LEAST_SPREAD_FLOAT32
    spread = np.sqrt(np.maximum(variance, 0))
    return mean, np.where(spread <= least * np.abs(mean), np.maximum(spread, 1), spread)


def target_units(y: Array, weights: Array | None) -> tuple[Array, Array]:
    """Return weighted medians and spreads of the columns of y, robust ones.

    The spread is the median distance from the centre, as a standard deviation. Where
    half of the targets are at the centre it is that of the others, and 1 where all are.
    """
    if weights is None:
        weights = np.ones(len(y))
    centres, units = [], []
    for column in y.T:
        centre = weighted_median(column, weights)
        size = np.abs(column - centre)
        unit = SIGMA_PER_MAD * weighted_median(size, weights)
        apart = weights * (size > 0)
        if not unit and apart.any():
            unit = weighted_median(size, apart)
        centres.append(centre)
        units.append(unit or 1.0)
    return np.array(centres), np.array(units)
