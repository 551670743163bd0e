"""Sample weights from the density of the target, without any buckets.

The density is a Gaussian kernel estimate on a grid, for which the work is linear in the
number of targets. The grid is as fine as the kernel asks for and lies only where the
kernels reach, so that a single target far away costs a handful of cells and takes none
of the resolution from the others.
"""

from dataclasses import dataclass
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from skrobust._compat import Interval, StrOptions
from skrobust._sample_weight import as_counts
from skrobust._scale import SIGMA_PER_MAD, weighted_median
from skrobust._weighter import StrengthWeighter
from skrobust.buckets import BLOCK

__all__ = ["DensityWeighter"]

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Target = NDArray[np.floating[Any]]

CELLS_PER_BANDWIDTH = 32  # with linear interpolation, a density right to 3e-4
REACH = 7 * CELLS_PER_BANDWIDTH  # cells; beyond, a kernel is below 3e-11 of its peak
MOST_CELLS = 1 << 23  # 64 MiB, and about a second
MOST_STEPS = 2.0**48  # over the range; finer ones would be lost to rounding
LOWEST_SHARE = 0.01  # of the targets: they lie where the density counts as lowest


class DensityWeighter(StrengthWeighter):
    """Weigh a target by how low the density of the targets is around it.

    With p the density over its peak, in [0, 1], the weights are in proportion to::

        maximum(1 - alpha * p, eps)           # DenseWeight
        maximum(p, p_low) ** -power           # if power is given

    and scaled to a weighted mean of 1. The density is a Gaussian kernel estimate; far
    from all targets of the training data it is 0, and the weight the largest there is.

    Parameters
    ----------
    alpha : float, default=1.0
        How much the density counts in DenseWeight, not negative. 0 gives weights of 1;
        at 1 the commonest target weighs next to nothing; above 1 so do more and more of
        the common ones. Leave it at 1.0 if `power` is given.
    power : float, default=None
        Weigh by a power of the density instead, not negative: 0 not at all, 1 inversely
        to it, 0.5 often the better bargain. The density counts as at least `p_low`,
        that below which 1 % of the targets lie.
    bandwidth : float or "robust", default=None
        Standard deviation of the kernel, in the units of the target. None for the rule
        of DenseWeight, ``1.06 * sd * n ** (-1 / 5)``, where n is the sum of the
        weights. "robust" puts ``1.4826 * MAD`` in the place of a larger `sd`, unless it
        is 0: for heavy tails, whose `sd` would blur all that is common into one.
    eps : float, default=1e-6
        Smallest weight of DenseWeight before scaling, in [0, 1]. With 0, the commonest
        targets may have no weight at all.
    max_weight : float, default=None
        Largest weight, at least 1, the mean weight. What the cap takes from the rarest
        is spread over the others in proportion. None for no cap.
    min_effective : float, default=None
        Least effective sample size, as a share of all rows, in [0, 1]: the weights are
        raised to the largest power in [0, 1] that leaves it. None for none.
    multioutput : {"raise", "mean", "max", "product"} or int, default="raise"
        What the weight of a row with several outputs is: an error, the mean, the
        largest or the product of the weights of its outputs, scaled to mean 1, or the
        weight of the output of that index.

    Attributes
    ----------
    bandwidth_ : float
        Standard deviation of the kernel, in the units of the target; 0 if all targets
        are equal and none was given.
    effective_size_ : float
        Effective sample size ``sum(s * w) ** 2 / sum(s * w ** 2)``, s the weights given
        to `fit`.
    exponent_ : float
        Power that `min_effective` asked for, 1 if none.
    n_outputs_ : int
        Number of outputs.
    columns_ : list of DensityWeighter
        The weighter of each output; only if `multioutput` combines several.

    See Also
    --------
    BucketWeighter : Weights from counts in buckets, which state what an error costs.
    RelevanceWeighter : Weights from a relevance that you choose.
    TargetWeightedRegressor : Makes the weights inside every training fold.

    Notes
    -----
    DenseWeight's density is ``(p - min(p)) / (max(p) - min(p))`` over a grid that
    reaches beyond the targets, so that its minimum is that of no target at all, 0. Its
    authors' package spreads 4096 grid points over the whole range and takes the density
    at the one below a target; here every bandwidth has 32, between which the density is
    interpolated. Where 4096 are enough, the two densities agree to 1e-2, the error of
    theirs, and up to ``alpha=1`` the weights to 1e-2 of the largest.

    DenseWeight is linear in the density: with ``alpha=1``, a target where it is half
    the peak weighs half as much as the rarest, however rare that is. A power follows
    the density down to `p_low`.

    If all targets are equal, every weight is 1. Where the targets lie so far apart for
    the bandwidth given that the pieces of grid around them have more than 8 million
    points, which takes some 18,000 that are alone, `fit` says that it is too small.

    The `n` of the rule for the bandwidth is a number of rows: weights with a mean below
    1, rows of weight 0 aside, are raised to a mean of 1 for it.

    References
    ----------
    .. [1] M. Steininger, K. Kobs, P. Davidson, A. Krause and A. Hotho, "Density-based
           weighting for imbalanced regression", Machine Learning 110, 2021, 2187-2211.
           https://doi.org/10.1007/s10994-021-06023-5

    Examples
    --------
    >>> import numpy as np
    >>> from skrobust import DensityWeighter
    >>> y = np.random.default_rng(0).normal(scale=10, size=1000)
    >>> DensityWeighter(alpha=0.9).fit(y).transform([0, 20, 80]).round(2)
    array([0.35, 2.48, 2.79])
    >>> DensityWeighter(power=0.5).fit(y).transform([0, 20, 80]).round(2)
    array([0.75, 2.1 , 3.8 ])
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **StrengthWeighter._parameter_constraints,
        "alpha": [Interval(Real, 0, None, closed="left")],
        "power": [Interval(Real, 0, None, closed="left"), None],
        "bandwidth": [
            Interval(Real, 0, None, closed="neither"),
            StrOptions({"robust"}),
            None,
        ],
        "eps": [Interval(Real, 0, 1, closed="both")],
    }
    _milder = "a lower alpha or power"
    _when_all_zero = "Give eps above 0, or a lower alpha."

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        power: float | None = None,
        bandwidth: float | str | None = None,
        eps: float = 1e-6,
        max_weight: float | None = None,
        min_effective: float | None = None,
        multioutput: str | int = "raise",
    ) -> None:
        self.alpha = alpha
        self.power = power
        self.bandwidth = bandwidth
        self.eps = eps
        self.max_weight = max_weight
        self.min_effective = min_effective
        self.multioutput = multioutput

    def _learn(self, y: Target, s: Float | None) -> None:
        if self.power is not None and self.alpha != 1.0:
            raise ValueError(
                "Give alpha for DenseWeight or power for a power of the density, not "
                f"both; got alpha={self.alpha}, power={self.power}. Leave alpha at "
                "1.0, or power at None."
            )
        values = y.astype(np.float64, copy=False)
        low, high = float(values.min()), float(values.max())
        # In a power of 2 near the largest, so that no square overflows or vanishes.
        unit = float(np.ldexp(1.0, int(np.frexp(max(-low, high))[1]) - 1))
        if self.bandwidth is None or isinstance(self.bandwidth, str):
            robust = self.bandwidth == "robust"
            self.bandwidth_ = unit * _bandwidth_by_rule(values / unit, s, robust)
        else:
            self.bandwidth_ = float(self.bandwidth)
        self._density: GridDensity | None = None
        if low == high:
            return
        self._density = GridDensity.of(values, s, unit, self.bandwidth_)
        if self.power is not None:
            self._lowest = _low_quantile(self._density(values), s, LOWEST_SHARE)

    def _strength(self, y: Target) -> Float:
        if self._density is None:
            return np.ones(len(y))
        p = self._density(y)
        if self.power is None:
            return np.maximum(1 - self.alpha * p, self.eps)
        return (self._lowest / np.maximum(p, self._lowest)) ** self.power


@dataclass(frozen=True)
class GridDensity:
    """A Gaussian kernel density on pieces of a regular grid, its peak being 1.

    Parameters
    ----------
    unit : float
        A power of 2 in which everything below is given.
    low, step : float
        Where cell 0 begins, and the width of all.
    starts, sizes : ndarray of shape (n_pieces,)
        The first cell of every piece of the grid, increasing, and how many grid points
        the piece has. Between pieces the density is 0.
    values : ndarray of shape (sum of the sizes,)
        The density at the grid points, piece after piece.
    """

    unit: float
    low: float
    step: float
    starts: Int
    sizes: Int
    values: Float

    @classmethod
    def of(cls, y: Float, s: Float | None, unit: float, bandwidth: float) -> Self:
        """Return the density of targets that are not all equal, with weights.

        A target's kernel is split over the two grid points beside it, and the kernels
        of all are summed by one convolution. The bandwidth is in the units of y.
        """
        low, high = float(y.min()) / unit, float(y.max()) / unit
        step = bandwidth / unit / CELLS_PER_BANDWIDTH
        if not high - low < step * MOST_STEPS:
            raise _too_narrow(bandwidth, (high - low) * unit)
        position = y / unit
        position -= low
        position /= step
        cells = position.astype(np.int64)
        upper = position - cells  # share of the grid point above
        starts, sizes = _pieces(cells, int((high - low) / step))
        if sizes.sum() > MOST_CELLS:
            raise _too_narrow(bandwidth, (high - low) * unit)
        place = cls(unit, low, step, starts, sizes, np.empty(0))._place(cells)[0]
        lower = 1 - upper
        if s is not None:
            share = s / s.max()
            upper, lower = upper * share, lower * share
        mass = np.bincount(place, lower, sizes.sum()).astype(np.float64, copy=False)
        mass += np.bincount(place + 1, upper, sizes.sum())
        values = _smooth(mass)
        return cls(unit, low, step, starts, sizes, values / values.max())

    def __call__(self, y: Target) -> Float:
        """Return the density at targets as a share of its peak."""
        density = np.empty(len(y))
        for start in range(0, len(y), BLOCK):
            rows = slice(start, start + BLOCK)
            density[rows] = self._interpolate(y[rows].astype(np.float64))
        return density

    def _interpolate(self, y: Float) -> Float:
        first, last = self.starts[0] - 1, self.starts[-1] + self.sizes[-1]
        with np.errstate(over="ignore"):  # infinitely far is beyond the grid
            position = (y / self.unit - self.low) / self.step
        position = np.clip(position, first, last)
        cells = np.floor(position)
        upper = position - cells
        place, inside = self._place(cells.astype(np.int64))
        place = np.where(inside, place, 0)
        below, above = self.values[place], self.values[place + 1]
        return np.where(inside, below + upper * (above - below), 0.0)

    def _place(self, cells: Int) -> tuple[Int, NDArray[np.bool_]]:
        """Return where in `values` cells begin, and whether they are on the grid."""
        piece = np.searchsorted(self.starts[1:], cells, side="right")
        firsts = np.cumsum(self.sizes) - self.sizes
        offset = cells - self.starts[piece]
        inside = (offset >= 0) & (offset < self.sizes[piece] - 1)
        return firsts[piece] + offset, inside


def _bandwidth_by_rule(y: Float, s: Float | None, robust: bool) -> float:
    """Return ``1.06 * scale * n ** (-1 / 5)``, which is 0 for equal targets only."""
    if y.min() == y.max():
        return 0.0
    counts = as_counts(s)
    n = float(len(y) if counts is None else counts.sum())
    s = None if s is None else s / s.max()  # so that no product with a square vanishes
    scale = float(np.sqrt(np.average((y - np.average(y, weights=s)) ** 2, weights=s)))
    if robust:
        mad = SIGMA_PER_MAD * _median(np.abs(y - _median(y, s)), s)
        scale = min(scale, mad) if mad > 0 else scale
    return float(1.06 * scale * n**-0.2)


def _median(y: Float, s: Float | None) -> float:
    """Return the weighted median."""
    return float(np.median(y)) if s is None else weighted_median(y, s)


def _pieces(cells: Int, last: int) -> tuple[Int, Int]:
    """Return the starts and sizes of the pieces of grid that kernels in cells reach."""
    few = last < MOST_CELLS
    held = np.flatnonzero(np.bincount(cells)) if few else np.unique(cells)
    gap = np.flatnonzero(np.diff(held) > 2 * REACH + 2)
    starts = held[np.r_[0, gap + 1]] - REACH
    # A cell has a grid point on either side.
    ends = held[np.r_[gap, len(held) - 1]] + 1 + REACH
    return starts, ends + 1 - starts


def _smooth(mass: Float) -> Float:
    """Return the sum of the kernels of the mass on a grid.

    Pieces of the grid lie side by side, each with an empty margin as wide as a kernel,
    so that none reaches into the next.
    """
    kernel = np.exp(-0.5 * (np.arange(-REACH, REACH + 1) / CELLS_PER_BANDWIDTH) ** 2)
    n = fft.next_fast_len(len(mass) + 2 * REACH, real=True)
    summed = fft.irfft(fft.rfft(mass, n) * fft.rfft(kernel, n), n)
    # Rounding may leave less than nothing where nothing is.
    smooth: Float = np.maximum(summed[REACH : REACH + len(mass)], 0.0)
    return smooth


def _low_quantile(p: Float, s: Float | None, share: float) -> float:
    """Return the lowest density at or below which a share of the weight lies."""
    if s is None:
        place = int(np.ceil(share * len(p) * (1 - 1e-12))) - 1
        return float(np.partition(p, place)[place])
    order = np.argsort(p)
    reached = np.cumsum(s[order])
    place = int(np.searchsorted(reached, share * reached[-1] * (1 - 1e-12)))
    return float(p[order[place]])


def _too_narrow(bandwidth: float, width: float) -> ValueError:
    """Return what to say of a bandwidth for which no grid is large enough."""
    enough = width * CELLS_PER_BANDWIDTH / (MOST_CELLS - 2 * REACH - 2)
    return ValueError(
        "bandwidth has to be wide enough for targets to share kernels; got "
        f"bandwidth={bandwidth:.6g} for targets that span {width:.6g} and mostly lie "
        f"alone. Give {enough:.2g} or more, or None for a rule by the data."
    )
