"""Sample weights from the relevance of a target: phi, between 0 and 1.

Relevance is a curve over the range of the target. It is drawn through control points,
which state what an error costs where, or come from the boxplot of the training targets.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skrobust._compat import Interval, StrOptions
from skrobust._sample_weight import as_counts
from skrobust._weighter import StrengthWeighter
from skrobust.buckets import BLOCK, check_target

__all__ = ["RelevanceWeighter"]

Float = NDArray[np.float64]
Int = NDArray[np.intp]
Target = NDArray[np.floating[Any]]

WHISKER = 1.5  # heights of the box from a hinge to the fence
LARGEST = 1e306  # target; fences lie up to 82 ranges outside
ROUNDING = 4 * float(np.finfo(float).eps)
SLACK = 1e-12  # of the total: sums of weights that are equal but for rounding
DRAWN = 1 << 13  # pairs from which the medcouple is guessed
GOLDEN = (np.sqrt(5.0) - 1) / 2


class RelevanceWeighter(StrengthWeighter):
    """Weigh a target by how relevant it is.

    The relevance phi of a target is a smooth step from each control point ``(y, v)``
    to the next: ``v0 + (v1 - v0) * t ** 2 * (3 - 2 * t)``, where t goes from 0 to 1.
    Beyond the outermost points it is constant. The weights are in proportion to
    ``maximum(phi, floor)`` and scaled to a weighted mean of 1.

    Parameters
    ----------
    control_points : array-like of shape (n_points, 2), default=None
        Targets, strictly increasing, each with its relevance in [0, 1]. None to take
        them from the training targets by `method`.
    floor : float, default=0.05
        Least relevance that a target has as a weight, in [0, 1]: what the common
        count. With 0, weights are in proportion to phi, for which a squared error is
        what `sera` measures.
    method : {"boxplot", "adjbox"}, default="boxplot"
        Where the control points lie, unless given. "boxplot": relevance is 0 at the
        median and 1 at the whisker on a side that has outliers, while it is 0 on a side
        that has none. "adjbox": relevance is 1 at both fences of the boxplot adjusted
        for skewness.
    max_weight : float, default=None
        Largest weight, at least 1, the mean weight. What the cap takes from the most
        relevant is spread over the others in proportion. None for no cap.
    min_effective : float, default=None
        Least effective sample size, as a share of all rows, in [0, 1]: the weights are
        raised to the largest power in [0, 1] that leaves it. None for none.
    multioutput : {"raise", "mean", "max", "product"} or int, default="raise"
        What the weight of a row with several outputs is: an error, the mean, the
        largest or the product of the weights of its outputs, scaled to mean 1, or the
        weight of the output of that index.

    Attributes
    ----------
    control_points_ : ndarray of shape (n_points, 2)
        The control points. Those that were given are here before `fit` too.
    effective_size_ : float
        Effective sample size ``sum(s * w) ** 2 / sum(s * w ** 2)``, s the weights given
        to `fit`.
    exponent_ : float
        Power that `min_effective` asked for, 1 if none.
    n_outputs_ : int
        Number of outputs.
    columns_ : list of RelevanceWeighter
        The weighter of each output; only if `multioutput` combines several.

    See Also
    --------
    sera : The error that counts as much as it is relevant.
    BucketWeighter : Weights from counts in buckets.
    DensityWeighter : Weights from the density of the targets.
    TargetWeightedRegressor : Makes the weights inside every training fold.

    Notes
    -----
    The boxplot is Tukey's, as R draws it: its box ends in hinges (``fivenum``), which
    are not NumPy's quantiles, its fences are 1.5 boxes away from them, and its whiskers
    end at the last targets inside the fences. "adjbox" uses the fences of [3]_ instead
    and puts a relevance of 1 on either, outliers or not, as its authors' package does.
    Weights are numbers of rows here: those with a mean below 1, rows of weight 0 aside,
    are raised to a mean of 1.

    Without an outlier on either side nothing is relevant. All weights are then 1, and
    `fit` warns, unless all targets are equal. Where more than half of the targets are
    equal, so that the box has no height, every other target is an outlier: relevance
    jumps from 0 to 1 between them and the next number.

    The curve is flat at every control point. It is the published one where those have
    slope 0, which is always so for "boxplot" and "adjbox".

    References
    ----------
    .. [1] R. P. Ribeiro, "Utility-based Regression", PhD thesis, University of Porto,
           2011.
    .. [2] R. P. Ribeiro and N. Moniz, "Imbalanced regression and extreme value
           prediction", Machine Learning 109, 2020, 1803-1835.
           https://doi.org/10.1007/s10994-020-05900-9
    .. [3] M. Hubert and E. Vandervieren, "An adjusted boxplot for skewed
           distributions", Computational Statistics & Data Analysis 52, 2008,
           5186-5201. https://doi.org/10.1016/j.csda.2007.11.008
    .. [4] G. Brys, M. Hubert and A. Struyf, "A robust measure of skewness", Journal of
           Computational and Graphical Statistics 13, 2004, 996-1017.
           https://doi.org/10.1198/106186004X12632

    Examples
    --------
    Relevance by what an error costs: nothing at 0 degrees, all at 40 and more.

    >>> from skrobust import RelevanceWeighter
    >>> weighter = RelevanceWeighter([(-40, 1), (0, 0), (40, 1)])
    >>> weighter.relevance([0, 10, -20, 40, 90])
    array([0.     , 0.15625, 0.5    , 1.     , 1.     ])

    By the boxplot of the targets:

    >>> weighter = RelevanceWeighter().fit([1, 2, 3, 4, 5, 6, 7, 30])
    >>> weighter.control_points_
    array([[1. , 0. ],
           [4.5, 0. ],
           [7. , 1. ]])
    >>> weighter.transform([2, 6, 30]).round(2)
    array([0.14, 1.76, 2.71])
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **StrengthWeighter._parameter_constraints,
        "control_points": ["array-like", None],
        "floor": [Interval(Real, 0, 1, closed="both")],
        "method": [StrOptions({"boxplot", "adjbox"})],
    }
    _milder = "a higher floor"
    _when_all_zero = "Give floor above 0."

    def __init__(
        self,
        control_points: ArrayLike | None = None,
        *,
        floor: float = 0.05,
        method: str = "boxplot",
        max_weight: float | None = None,
        min_effective: float | None = None,
        multioutput: str | int = "raise",
    ) -> None:
        self.control_points = control_points
        self.floor = floor
        self.method = method
        self.max_weight = max_weight
        self.min_effective = min_effective
        self.multioutput = multioutput

    def relevance(self, y: ArrayLike) -> Float:
        """Return the relevance phi of each target.

        With control points that are given, no `fit` is needed.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Targets.

        Returns
        -------
        phi : ndarray of shape (n_samples,)
            Relevance, in [0, 1].

        Raises
        ------
        NotFittedError
            Before `fit`, if no control points were given.
        ValueError
            Where a target is not finite.
        """
        return _phi(self._known_points(), check_target(y))

    @property
    def control_points_(self) -> Float:
        """Targets and their relevance."""
        try:
            return self._known_points()
        except NotFittedError:
            raise
        except ValueError as error:  # an AttributeError too, for hasattr
            raise NotFittedError(str(error)) from error

    def _known_points(self) -> Float:
        """Return the control points that `fit` found, or else those given."""
        if "columns_" in vars(self):
            raise NotFittedError(
                "Several outputs have a relevance each. Take that of one of them: "
                "columns_ holds a RelevanceWeighter for every output."
            )
        if hasattr(self, "n_outputs_"):
            return self._points
        if self.control_points is None:
            check_is_fitted(self)
        return _check_points(self.control_points)

    def _learn(self, y: Target, s: Float | None) -> None:
        if self.control_points is not None:
            self._points = _check_points(self.control_points)
        else:
            values = y.astype(np.float64, copy=False)
            self._points = _points_of(values, s, adjusted=self.method == "adjbox")
        self._is_level = not _phi(self._points, y).any()
        constant = y.min() == y.max()
        self._tells = self._is_level and not (constant and self.control_points is None)

    def _strength(self, y: Target) -> Float:
        # With no relevant target to compare with, a floor of 0 would leave no weight.
        floor = 1.0 if self._is_level and not self.floor else self.floor
        return np.maximum(_phi(self._points, y), floor)

    def _concerns(self) -> list[str]:
        if not self._tells:
            return []
        if self.control_points is None:
            why = "no target is an outlier of their boxplot"
        else:
            why = f"the control points are {self._points.tolist()}"
        return [
            f"No target is relevant: {why}. All weights are 1. Give control_points "
            "that say which targets matter."
        ]


def _check_points(points: Any) -> Float:
    """Return the control points of the user as an array (n_points, 2)."""
    wrong = (
        "control_points must be pairs of a target, strictly increasing, and its "
        f"relevance, in [0, 1]; got {points!r}. Give them as [(0, 0), (40, 1)]; the "
        "curve is flat at each, so that a slope has no place."
    )
    try:
        pairs = np.asarray(points, dtype=np.float64) + 0.0  # -0.0 becomes 0.0
    except (TypeError, ValueError) as error:
        raise ValueError(wrong) from error
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not len(pairs):
        raise ValueError(wrong)
    y, v = pairs.T
    with np.errstate(over="ignore"):
        gaps = np.diff(y)
    rising = np.isfinite(y).all() and (gaps > 0).all() and np.isfinite(gaps).all()
    if not rising or not ((v >= 0) & (v <= 1)).all():
        raise ValueError(wrong)
    return pairs


def _phi(points: Float, y: Target) -> Float:
    """Return the relevance of targets, by smooth steps between control points."""
    x, v = points.T
    phi = np.full(len(y), v[0])
    for start in range(0, len(y), BLOCK):
        rows = slice(start, start + BLOCK)
        values = y[rows].astype(np.float64, copy=False)
        for k in np.flatnonzero(np.diff(v)):
            t = np.clip(values, x[k], x[k + 1])
            t -= x[k]
            t /= x[k + 1] - x[k]
            step = t * t
            step *= 3 - 2 * t
            # In this form, the relevance at a control point is right to the last bit.
            between = v[k] * (1 - step) + v[k + 1] * step
            np.copyto(phi[rows], between, where=values > x[k])
    return phi


def _points_of(y: Float, s: Float | None, adjusted: bool) -> Float:
    """Return the control points that the boxplot of targets gives."""
    counts = as_counts(s)
    if counts is None:
        y = np.sort(y)
    else:
        order = np.argsort(y)
        y, counts = y[order], counts[order]
    y = y + 0.0  # -0.0 becomes 0.0
    if max(-y[0], y[-1]) > LARGEST:
        raise ValueError(
            f"y must be at most {LARGEST:g} in size for a boxplot, so that its fences "
            f"are finite; got targets from {y[0]:g} to {y[-1]:g}. Use a larger unit."
        )
    low, lower, middle, upper, high = _fivenum(y, counts)
    if low == high:
        return np.array([[middle, 0.0]])
    reach = WHISKER * (upper - lower)
    if adjusted:
        skew = _medcouple(y, counts, middle)
        # The longer tail gets exp(3 |skew|), the shorter exp(-4 |skew|).
        reaches = reach * np.exp(np.array([-4, 3] if skew >= 0 else [-3, 4]) * skew)
        left, right = (lower - reaches[0], 1.0), (upper + reaches[1], 1.0)
    else:
        inside = y[(lower - reach <= y) & (y <= upper + reach)]
        left = (inside[0], float(low < inside[0]))
        right = (inside[-1], float(inside[-1] < high))
    return _join(left, middle, right)


def _join(
    left: tuple[float, float], middle: float, right: tuple[float, float]
) -> Float:
    """Return the points in order; between two that meet, relevance jumps."""
    points = [(middle, 0.0)]
    if left[1] or left[0] < middle:
        points.insert(0, (min(left[0], np.nextafter(middle, -np.inf)), left[1]))
    if right[1] or middle < right[0]:
        points.append((max(right[0], np.nextafter(middle, np.inf)), right[1]))
    return np.array(points)


def _fivenum(y: Float, s: Float | None) -> Float:
    """Return minimum, lower hinge, median, upper hinge and maximum of sorted targets.

    A hinge is the median of the half of the targets up to the median, itself included
    where their number is odd. Weights are numbers of rows, which add up to a whole one.
    """
    reached = np.arange(1.0, len(y) + 1) if s is None else np.cumsum(s)
    n = max(round(float(reached[-1])), 1)
    reached *= n / reached[-1]
    depth = ((n + 3) // 2) / 2
    ranks = np.array([1, depth, (n + 1) / 2, n + 1 - depth, n])
    places = [
        np.searchsorted(reached, half * (1 - SLACK))
        for half in (np.floor(ranks), np.ceil(ranks))
    ]
    middles: Float = 0.5 * (y[places[0]] + y[places[1]])
    return middles


def _medcouple(y: Float, s: Float | None, center: float) -> float:
    """Return the medcouple of sorted targets about their median, in [-1, 1].

    It is a skewness: the median of ``((a - m) - (m - b)) / (a - b)`` over all pairs of
    a target a above the median m and a target b below. Targets at the median pair with
    each other to give +1 as often as -1, and 0 once each.
    """
    weights = np.ones(len(y)) if s is None else s
    above, below = y > center, y < center
    tied = float(weights[~above & ~below].sum())
    pairs = _Pairs(
        (y[above] - center)[::-1],
        weights[above][::-1],
        (center - y[below])[::-1],
        np.concatenate([[0.0], np.cumsum(weights[below][::-1])]),
    )
    zeros = min(tied, tied**2)
    over = float(pairs.up.sum()) * tied + (tied**2 - zeros) / 2
    total = (float(pairs.up.sum()) + tied) * (float(pairs.reached[-1]) + tied)
    # Between two in the middle, their mean.
    first = _pick(pairs, total * (0.5 - SLACK) - over, zeros)
    second = _pick(pairs, total * (0.5 + SLACK) - over, zeros)
    return 0.5 * (first + second)


@dataclass(frozen=True)
class _Pairs:
    """The ratios ``b / a`` of all pairs of distances, never spelt out.

    The kernel of the medcouple is ``(1 - b / a) / (1 + b / a)``, which falls in them.

    Parameters
    ----------
    a, up : ndarray of shape (n_above,)
        Distances of the targets above the median, and their weights.
    b : ndarray of shape (n_below,)
        Distances of the targets below, increasing, so that ratios increase along a row.
    reached : ndarray of shape (n_below + 1,)
        Sums of the weights of the first of those.
    """

    a: Float
    up: Float
    b: Float
    reached: Float

    def ratio(self, row: Int, column: Int) -> Float:
        """Return the ratios of pairs."""
        with np.errstate(over="ignore"):
            return self.b[column] / self.a[row]

    def ends(self, value: float, equal: bool) -> Int:
        """Return how many pairs of each row are below a value, or also equal to it."""
        slack = 1 + ROUNDING if equal else 1 - ROUNDING
        with np.errstate(over="ignore"):
            bound = self.a * value * slack
        return np.searchsorted(self.b, bound, side="right" if equal else "left")

    def mass(self, ends: Int) -> float:
        """Return the weight of the pairs before an end in each row."""
        return float(self.up @ self.reached[ends])


def _pick(pairs: _Pairs, rank: float, zeros: float) -> float:
    """Return the kernel that a weight of `rank` is above, among pairs and zeros.

    Pairs of a target beyond the median and one at it have a kernel of 1, which is below
    rank 0, or of -1, which is beyond all others.
    """
    if rank < 0:
        return 1.0
    if zeros:
        above = pairs.mass(pairs.ends(1.0, equal=False))
        if rank >= above:
            if rank < pairs.mass(pairs.ends(1.0, equal=True)) + zeros:
                return 0.0
            rank -= zeros
    if rank >= float(pairs.up.sum() * pairs.reached[-1]):
        return -1.0
    return 2 / (1 + _pick_ratio(pairs, rank)) - 1


def _pick_ratio(pairs: _Pairs, rank: float) -> float:
    """Return the ratio that a weight of `rank` of the pairs is below.

    Guesses drawn from the pairs that are left close in on it from either side, each by
    a binary search per row. Once no more pairs than rows are left, they are sorted.
    """
    first = np.zeros(len(pairs.a), np.intp)
    last = np.full(len(pairs.a), len(pairs.b))
    begin, end = 0.0, pairs.mass(last)
    side = 1
    while int((last - first).sum()) > max(len(pairs.a), DRAWN):
        side = -side
        share = (rank - begin) / (end - begin) + side / np.sqrt(DRAWN)
        value = _guess(pairs, first, last, share)
        below = pairs.ends(value, equal=False)
        if (mass := pairs.mass(below)) > rank:
            last, end = np.minimum(last, below), mass
            continue
        through = pairs.ends(value, equal=True)
        if (mass := pairs.mass(through)) > rank:
            return value
        first, begin = np.maximum(first, through), mass
    return _pick_sorted(pairs, rank - begin, first, last)


def _guess(pairs: _Pairs, first: Int, last: Int, share: float) -> float:
    """Return the ratio that a share of the pairs left is below, by a sample."""
    count = last - first
    total = np.cumsum(count)
    drawn = (np.arange(DRAWN) + 0.5) * (total[-1] / DRAWN)
    row = np.searchsorted(total, drawn, side="right")
    # Steps of the golden section fall evenly, wherever one stops.
    part = np.arange(DRAWN) * GOLDEN % 1
    column = first[row] + (part * count[row]).astype(np.intp)
    place = int(np.clip(share * DRAWN, 0, DRAWN - 1))
    return float(np.partition(pairs.ratio(row, column), place)[place])


def _pick_sorted(pairs: _Pairs, rank: float, first: Int, last: Int) -> float:
    """Return the ratio that a weight of `rank` of the pairs left is below."""
    count = last - first
    row = np.repeat(np.arange(len(count)), count)
    column = np.arange(len(row)) - (np.cumsum(count) - count - first)[row]
    ratios = pairs.ratio(row, column)
    order = np.argsort(ratios)
    reached = np.cumsum((pairs.up[row] * np.diff(pairs.reached)[column])[order])
    place = int(np.searchsorted(reached, rank, side="right"))
    return float(ratios[order[min(place, len(order) - 1)]])
