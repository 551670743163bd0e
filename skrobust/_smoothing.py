"""Counts by bucket that neighbouring buckets share: label distribution smoothing."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d, gaussian_filter1d

__all__ = ["bounds_of", "smooth", "smooth_dir"]

Float = NDArray[np.float64]

REACH = 10.0  # bandwidths beyond which a Gaussian is nothing, 2e-22
FLAT = 3.0  # bandwidths, in spans of the buckets, from which on all is level, to 1e-19
PAIRS = 1_000_000  # of buckets whose kernel is in memory at once


def bounds_of(edges: Float, symmetric: bool, extent: float) -> Float:
    """Return the ends of the buckets, an open one being as wide as its neighbour.

    Where all buckets are open, two of them, each is half of `extent` wide: the range of
    the targets.
    """
    if symmetric:
        edges = np.concatenate([[0.0], edges])
    gaps = np.diff(edges) if len(edges) > 1 else np.array([extent / 2])
    last = edges[-1] + gaps[-1]
    if symmetric:
        return np.append(edges, last)
    return np.concatenate([[edges[0] - gaps[0]], edges, [last]])


def smooth(counts: Float, bounds: Float, bandwidth: float) -> Float:
    """Return the counts of buckets, averaged with a Gaussian of their distance.

    The density, count by width, is what is averaged, at the middle of each bucket, and
    the buckets are mirrored at both ends: even counts stay even. For equal widths it is
    ``gaussian_filter1d(counts, bandwidth / width, mode="reflect")``.
    """
    widths, span = np.diff(bounds), bounds[-1] - bounds[0]
    if span <= 0 or bandwidth * REACH < widths.min():
        return counts
    if bandwidth > FLAT * span:
        return np.asarray(widths * (counts.sum() / span))
    at = (bounds[:-1] + bounds[1:]) / 2 - bounds[0]
    turns = int(np.ceil(REACH * bandwidth / (2 * span))) + 1
    starts = 2 * span * np.arange(-turns, turns + 1)
    places = (starts[:, None] + np.concatenate([-at[::-1], at])).ravel()
    mirrored = np.array([np.concatenate([v[::-1], v]) for v in (counts, widths)])
    mass = np.tile(mirrored, len(starts)).T
    density = np.empty(len(counts))
    step = max(1, PAIRS // len(places))
    for first in range(0, len(at), step):
        here = at[first : first + step]
        ends = here[0] - REACH * bandwidth, here[-1] + REACH * bandwidth
        near = slice(*np.searchsorted(places, ends))
        kernel = np.exp(-0.5 * ((here[:, None] - places[near]) / bandwidth) ** 2)
        around = kernel @ mass[near]
        density[first : first + step] = around[:, 0] / around[:, 1]
    return widths * density


def smooth_dir(counts: Float, power: float, size: int, sigma: float) -> Float:
    """Return what the code of Yang et al. (2021) divides 1 by, for power 0.5 or 1.

    Root or clip first, then a window of `size` buckets with the largest value 1, and no
    buckets beyond the ends. The window has the Gaussian's tails mirrored into it.
    Clipped counts are integers in that code, and what they are smoothed to is cut to
    integers with them.
    """
    taken = np.sqrt(counts) if power == 0.5 else np.clip(counts, 5, 1000)
    impulse = np.zeros(size)
    impulse[size // 2] = 1
    window = gaussian_filter1d(impulse, sigma)
    smoothed = convolve1d(taken, window / window.max(), mode="constant")
    if power != 0.5:
        # Weights that were scaled to counts are integers up to rounding.
        smoothed = np.floor(smoothed * (1 + 1e-12))
    return np.asarray(smoothed)
