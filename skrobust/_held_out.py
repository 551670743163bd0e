"""Rows that take no part in a fit: which ones, and what their errors say of others."""

from contextlib import contextmanager

import numpy as np

from skrobust._readings import half_width

__all__ = ["drawn", "named", "reach"]


@contextmanager
def named(names):
    """Say in an error of what arguments it is."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{names}: {error}") from error


def drawn(rows, fraction, seed):
    """Return the rows that are held out to judge the fit."""
    present = np.arange(len(rows))
    if rows.weights is not None:
        present = np.flatnonzero(rows.weights)
    size = int(np.ceil(fraction * len(present)))
    if size >= len(present):
        raise ValueError(
            f"early_stopping=True needs rows to fit and rows to hold out. Got "
            f"{len(present)} samples of positive weight and a validation_fraction of "
            f"{fraction}. Give more rows, or set early_stopping=False."
        )
    rng = np.random.default_rng([seed, 1])
    return np.sort(rng.choice(present, size, replace=False))


def reach(fit, held, coverage, learns):
    """Return half the width of an interval: by errors on rows held out, or the loss."""
    if held is not None:
        errors, weights = held
        half = _conformal_quantile(errors, weights, coverage)
        if half is not None:
            return half
    one_law = np.ndim(fit.alpha) == np.ndim(fit.c) == 0
    if learns and one_law:
        return half_width(float(fit.alpha), float(fit.c), coverage)
    return half_width(None, fit.scale, coverage)


def _conformal_quantile(errors, weights, coverage):
    """Return the quantile of held-out errors, None where there are too few of them."""
    weights = np.ones(len(errors)) if weights is None else weights
    order = np.argsort(errors)
    reached = np.cumsum(weights[order])
    wanted = coverage * (reached[-1] + 1)  # and the new row
    place = int(np.searchsorted(reached, wanted * (1 - 1e-12)))
    return float(errors[order[place]]) if place < len(errors) else None
