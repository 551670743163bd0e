"""What a `sample_weight` may be, and what is said of one that may not."""

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array

__all__ = ["as_counts", "check_weights", "rows_per_weight"]


def check_weights(
    sample_weight: ArrayLike | None, n_samples: int
) -> NDArray[np.float64] | None:
    """Return the weights as a vector, finite, not negative and not all zero, or None.

    A single number is the weight of every sample.
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, sample_weight)
    s: NDArray[Any] = check_array(
        sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
    )
    if s.shape != (n_samples,):
        raise ValueError(
            f"sample_weight.shape == {s.shape}, expected {(n_samples,)}. Give one "
            "weight a sample."
        )
    if s.min() < 0:
        raise ValueError(
            f"sample_weight must not be negative; got {s.min()} for sample "
            f"{s.argmin()}. Drop the sample, or give it weight 0."
        )
    if not s.any():
        raise ValueError(
            "sample_weight is zero for every sample, so there is nothing to count. "
            "Give at least one sample a positive weight."
        )
    with np.errstate(over="ignore"):
        total = s.sum()
    if np.isinf(total):
        raise ValueError(
            f"sample_weight must have a finite sum; got a sum of {total}. Divide the "
            "weights by the largest."
        )
    return s


def as_counts(weights: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Return weights that can be counts of rows: with a mean of at least 1.

    Weights with a smaller mean, rows of weight 0 aside, say only how rows compare: they
    are raised to a mean of 1.
    """
    factor = rows_per_weight(weights)
    return weights if weights is None or factor == 1 else weights * factor


def rows_per_weight(weights: NDArray[np.float64] | None) -> float:
    """Return the factor that makes weights counts of rows, as in `as_counts`."""
    if weights is None:
        return 1.0
    return max(1.0, float(np.count_nonzero(weights) / weights.sum()))
