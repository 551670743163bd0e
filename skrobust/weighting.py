"""Sample weights from how rare the bucket of a target is."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree
from sklearn.base import clone

from skrobust._compat import Interval, StrOptions
from skrobust._sample_weight import rows_per_weight
from skrobust._smoothing import bounds_of, smooth, smooth_dir
from skrobust._weighter import FAINTEST, Weighter
from skrobust.buckets import TargetBuckets, as_buckets, name_buckets

__all__ = ["BucketWeighter"]

Float = NDArray[np.float64]
Int = NDArray[np.intp]
Target = NDArray[np.floating[Any]]  # of any precision, which decides where edges lie

DIR_WINDOW = (5, 2.0)  # buckets and their standard deviation, in the code of the paper


class BucketWeighter(Weighter):
    """Weigh a target by how rare its bucket is.

    With ``n_b`` the weighted count of bucket b and ``N`` the sum of all::

        w_b = n_b ** -power * N / sum(n_c ** (1 - power) for every bucket c)

    Power 1 gives every bucket that holds a target the same total weight and equals
    scikit-learn's "balanced"; 0 gives weights of 1; 0.5 is often the better bargain.
    The other parameters change what is counted (`smoothing`, `beta`), what the buckets
    should add up to (`target`) and how far weights may go (`max_weight`, `max_ratio`,
    `min_effective`).

    Parameters
    ----------
    buckets : int, array-like of shape (n_edges,) or TargetBuckets, default=10
        Number of buckets of equal width, inner edges, or the buckets themselves,
        which are cloned and fitted.
    power : float, default=1.0
        How much the rare count, not negative: 0 not at all, 1 inversely to their
        count.
    beta : float or "auto", default=None
        Take the effective number ``(1 - beta ** n_b) / (1 - beta)`` of the targets of a
        bucket for their count, in [0, 1]: 0 takes every bucket for one target, which
        leaves all weights at 1; 1 takes the count; between, a bucket counts for
        ``1 / (1 - beta)`` targets at most. "auto" is ``1 - 1 / N``. None for the count.
    smoothing : float, "dir" or tuple ("dir", size, sigma), default=None
        How buckets share the counts of their neighbours. A float is the bandwidth, the
        standard deviation of a Gaussian, in the units of the target. "dir" is what the
        code of [3]_ does, with a window of `size` buckets, odd, and a deviation of
        `sigma` buckets, 5 and 2 if not given; for powers 0.5 and 1 only. None for no
        smoothing.
    target : "uniform" or array-like of shape (n_buckets,), default=None
        What the buckets should add up to at power 1, in proportion: the mix of targets
        that is expected where the model will be used, or the share of each bucket in
        what errors cost. Not negative; a bucket without training targets is left out.
        "uniform", as None, is the same for every bucket.
    max_weight : float, default=None
        Largest weight of a fitted bucket, at least 1, the mean weight. What the cap
        takes from the rarest is spread over the others in proportion. None for no
        cap.
    max_ratio : float, default=None
        Largest ratio of two weights, at least 1: weights are raised to the largest
        over `max_ratio`. None for any.
    min_effective : float, default=None
        Least effective sample size, as a share of all rows, in [0, 1]. Where weights
        leave fewer, they are taken to the largest power in [0, 1] that leaves as many.
        None for none.
    unseen : {"nearest", "max", "one", "raise"} or float, default="nearest"
        Weight of a target whose bucket held none in `fit`: that of the nearest bucket
        that did (the heavier of two), the largest, 1, an error, or the number given.
    multioutput : {"raise", "mean", "max", "product", "joint"} or int, default="raise"
        What the weight of a row with several outputs is: an error; the mean, largest
        or product of the weights of its outputs, scaled to a mean of 1; by how rare
        their combination of buckets is; or the weight of the output in that column.

    Attributes
    ----------
    buckets_ : TargetBuckets or list of TargetBuckets
        The fitted buckets: edges, labels and weighted counts. With "joint" those of
        each output.
    weights_ : ndarray of shape (n_buckets,) or (n_cells,)
        Weight of each bucket; NaN where ``unseen="raise"`` would raise. With "joint" of
        each combination in `cells_`.
    cells_ : ndarray of shape (n_cells, n_outputs) of int
        With "joint" only, the combinations of buckets that held a target in `fit`.
    effective_size_ : float
        Effective sample size, ``sum(s * w) ** 2 / sum(s * w ** 2)`` for weights w and
        sample weights s.
    exponent_ : float
        What `min_effective` took the weights to the power of, 1 if nothing.
    n_outputs_ : int
        Number of outputs seen in `fit`.
    columns_ : list of BucketWeighter
        With several outputs and "mean", "max" or "product" only, the fitted weighter of
        each output, which then has the attributes `buckets_` and `weights_`.

    Warns
    -----
    UserWarning
        By `fit`, where the effective sample size is under 10 % of the rows, and where
        buckets of equal counts make nothing rare.

    See Also
    --------
    TargetWeightedRegressor : Makes the weights inside every training fold.
    TargetBuckets : Where the buckets lie.
    DensityWeighter : Weights without buckets, from the density of the targets.
    RelevanceWeighter : Weights from where targets matter, however many there are.

    Notes
    -----
    Everything together: ``n_b`` is smoothed, and at least 1 row then, becomes the
    effective number, and ``w_b`` is proportional to ``(target_b / n_b) ** power``.
    Then come `max_ratio`, the power of `min_effective`, and the cap.

    Rarity is that of the buckets, not of the density: with one open outermost bucket,
    all targets beyond its edge together weigh as much as any other bucket. If that
    is not what an error there costs, say so by `target`, move the edge, or search over
    `power` and `max_weight` with a score that states the cost, such as
    `make_bucket_scorer`.

    The cap scales the weights that it leaves alone until the mean is 1 again
    (water-filling); to clip once and rescale would break the cap.

    A Gaussian averages the density, count by width, at the middle of the buckets. An
    open bucket is taken to be as wide as its neighbour, and the buckets are mirrored at
    either end. `smoothing` and `beta` depend on how many rows there are, and take
    sample weights for numbers of rows; weights with a mean below 1 are raised to that.

    References
    ----------
    .. [1] M. Steininger et al., "Density-based weighting for imbalanced regression",
           Machine Learning 110, 2021. https://doi.org/10.1007/s10994-021-06023-5
    .. [2] Y. Cui et al., "Class-balanced loss based on effective number of samples",
           CVPR 2019. https://arxiv.org/abs/1901.05555
    .. [3] Y. Yang et al., "Delving into deep imbalanced regression", ICML 2021.
           https://arxiv.org/abs/2102.09554

    Examples
    --------
    >>> from skrobust import BucketWeighter
    >>> y = [1, 2, 3, 4, 5, 6, 12, 13, 45]
    >>> weighter = BucketWeighter([10, 40]).fit(y)
    >>> weighter.transform([7, 20, 80])
    array([0.5, 1.5, 3. ])
    >>> BucketWeighter([10, 40], max_weight=2).fit(y).transform([7, 20, 80]).round(3)
    array([0.583, 1.75 , 2.   ])

    Errors beyond 40 cost half of what all errors cost:

    >>> BucketWeighter([10, 40], target=[1, 1, 2]).fit(y).weights_
    array([0.375, 1.125, 4.5  ])
    """

    _ways = (*Weighter._ways, "joint")
    _parameter_constraints: dict[str, Any] = {
        **Weighter._parameter_constraints,
        "buckets": "no_validation",  # as_buckets and TargetBuckets say what is wrong
        "power": [Interval(Real, 0, None, closed="left")],
        "beta": [Interval(Real, 0, 1, closed="both"), StrOptions({"auto"}), None],
        "smoothing": [
            Interval(Real, 0, None, closed="neither"),
            StrOptions({"dir"}),
            tuple,
            None,
        ],
        "target": ["array-like", StrOptions({"uniform"}), None],
        "max_ratio": [Interval(Real, 1, None, closed="left"), None],
        "unseen": [
            StrOptions({"nearest", "max", "one", "raise"}),
            Interval(Real, 0, None, closed="left"),
        ],
        "multioutput": [
            StrOptions({"raise", *_ways}),
            Interval(Integral, 0, None, closed="left"),
        ],
    }
    _milder = "a lower power, wider buckets or smoothing"
    _when_all_zero = "Give target a positive value where there are training targets."

    def __init__(
        self,
        buckets: int | ArrayLike | TargetBuckets = 10,
        *,
        power: float = 1.0,
        beta: float | str | None = None,
        smoothing: float | str | tuple[str, int, float] | None = None,
        target: ArrayLike | None = None,
        max_weight: float | None = None,
        max_ratio: float | None = None,
        min_effective: float | None = None,
        unseen: str | float = "nearest",
        multioutput: str | int = "raise",
    ) -> None:
        self.buckets = buckets
        self.power = power
        self.beta = beta
        self.smoothing: Any = smoothing
        self.target = target
        self.max_weight = max_weight
        self.max_ratio = max_ratio
        self.min_effective = min_effective
        self.unseen = unseen
        self.multioutput = multioutput

    def _fit_weights(self, y: Target, s: Float | None) -> Float:
        buckets = clone(as_buckets(self.buckets))
        assigned = buckets.fit_assign(y, s)
        counts = buckets.counts_
        seen = counts > 0
        rows = counts * rows_per_weight(s)
        taken = self._smoothed(rows, buckets, y, s)
        strength = self._rarity(taken[seen], self._mix(buckets)[seen], rows.sum())
        weights = np.full(len(counts), np.nan)
        weights[seen] = self._settle(strength, counts[seen])
        self.buckets_ = buckets
        self.weights_ = _fill_unseen(weights, self.unseen)
        # Only a target of weight 0, which is not there, can lie in an empty bucket.
        return np.asarray(np.nan_to_num(self.weights_)[assigned])

    def _weigh(self, y: Target) -> Float:
        assigned = self.buckets_.assign(y)
        weights = self.weights_[assigned]
        if np.isnan(self.weights_).any() and np.isnan(weights).any():
            raise _unknown(
                self.buckets_.labels_, np.unique(assigned[np.isnan(weights)])
            )
        return np.asarray(weights)

    def _fit_outputs(self, y: Target, s: Float | None) -> Float:
        if y.ndim == 1 or self.multioutput != "joint":
            return super()._fit_outputs(y, s)
        self._check_joint()
        buckets = [clone(as_buckets(self.buckets)) for _ in y.T]
        assigned = [b.fit_assign(c, s) for b, c in zip(buckets, y.T, strict=True)]
        codes, place = np.unique(_encode(assigned, buckets), return_inverse=True)
        counts = np.bincount(place, s).astype(float)
        seen = counts > 0
        rows = counts[seen] * rows_per_weight(s)
        strength = self._rarity(rows, np.ones(len(rows)), rows.sum())
        self.weights_ = self._settle(strength, counts[seen])
        self.buckets_ = buckets
        self.cells_ = _decode(codes[seen], buckets)
        self._codes = codes[seen]
        return np.asarray(np.nan_to_num(self._weigh_cells(codes))[place])

    def _weigh_outputs(self, y: Target) -> Float:
        if y.ndim == 1 or self.multioutput != "joint":
            return super()._weigh_outputs(y)
        assigned = [b.assign(c) for b, c in zip(self.buckets_, y.T, strict=True)]
        codes, place = np.unique(_encode(assigned, self.buckets_), return_inverse=True)
        weights = self._weigh_cells(codes)
        if np.isnan(weights).any():
            unknown = _decode(codes[np.isnan(weights)], self.buckets_)
            labels = [_name_cell(cell, self.buckets_) for cell in unknown[:5]]
            raise _unknown(labels, np.arange(len(unknown)))
        return np.asarray(weights[place])

    def _weigh_cells(self, codes: Int) -> Float:
        """Return the weights of combinations of buckets, NaN where there is none."""
        at = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
        weights = np.where(self._codes[at] == codes, self.weights_[at], np.nan)
        empty = np.isnan(weights)
        if not empty.any():
            return np.asarray(weights)
        if self.unseen != "nearest":
            return np.where(empty, _fill(self.unseen, self.weights_), weights)
        tree, cells = KDTree(self.cells_), _decode(codes[empty], self.buckets_)
        distance = tree.query(cells)[0]
        nearest = tree.query_ball_point(cells, distance * (1 + 1e-9))
        weights[empty] = [self.weights_[cell].max() for cell in nearest]
        return np.asarray(weights)

    def _smoothed(
        self, rows: Float, buckets: TargetBuckets, y: Target, s: Float | None
    ) -> Float:
        """Return the rows by bucket, shared with neighbours as `smoothing` says."""
        window = self._dir_window()
        if self.power == 0 or self.smoothing is None:
            return rows
        if window is not None:
            return smooth_dir(rows, self.power, *window)
        if buckets.n_buckets_ == 1:
            return rows
        there = y if s is None else y[s > 0]
        extent = float(there.max()) - float(there.min())
        bounds = bounds_of(buckets.edges_, buckets.symmetric, extent)
        return np.maximum(smooth(rows, bounds, float(self.smoothing)), 1)

    def _dir_window(self) -> tuple[int, float] | None:
        """Return the window of ``smoothing="dir"``, size and deviation, or None."""
        given = self.smoothing
        if given is None or isinstance(given, Real):
            return None
        window = DIR_WINDOW if isinstance(given, str) else tuple(given[1:])
        if not isinstance(given, str) and not _is_dir(given):
            raise ValueError(
                'smoothing as a tuple is ("dir", size, sigma), with an odd int and a '
                f"positive number; got smoothing={given!r}. Give a bandwidth in the "
                "units of the target for a Gaussian."
            )
        settings = {"power": self.power, "beta": self.beta, "target": self.target}
        if self.power not in (0, 0.5, 1) or not (self.beta is self.target is None):
            raise ValueError(
                'smoothing="dir" is the recipe of a paper, for power 0.5 or 1, without '
                f"beta and target; got {settings}. Give a bandwidth in the units of "
                "the target, which goes with all of them."
            )
        return window

    def _mix(self, buckets: TargetBuckets) -> Float:
        """Return what the buckets should add up to, in proportion."""
        n = buckets.n_buckets_
        if self.target is None or isinstance(self.target, str):
            return np.ones(n)
        wrong = ValueError(
            f"target must have a finite number for each of the {n} buckets "
            f"{name_buckets(buckets.labels_, np.arange(n))}, not negative; got "
            f"target={self.target!r}. Give the share of each bucket, in any unit."
        )
        try:
            mix = np.asarray(self.target, dtype=float)
        except (TypeError, ValueError) as error:
            raise wrong from error
        if mix.shape != (n,) or not np.isfinite(mix).all() or mix.min() < 0:
            raise wrong
        return mix

    def _rarity(self, taken: Float, mix: Float, total: float) -> Float:
        """Return how strongly buckets count, from the `taken` rows in each."""
        power = 1.0 if self._dir_window() and self.power else self.power
        if self.beta is not None:
            beta = 1 - 1 / total if self.beta == "auto" else float(self.beta)
            taken = _effective_number(taken, beta)
        # Relative to the largest nothing overflows; the floor keeps sums above zero.
        wanted = mix * (taken.min() / taken)
        wanted = wanted / (wanted.max() or 1.0)
        strength = np.where(wanted > 0, np.maximum(wanted**power, FAINTEST), 0.0**power)
        least = 0.0 if self.max_ratio is None else strength.max() / self.max_ratio
        return np.asarray(np.maximum(strength, least))

    def _check_joint(self) -> None:
        """Raise where a parameter has no meaning for combinations of buckets."""
        if self.smoothing is not None or not (
            self.target is None or isinstance(self.target, str)
        ):
            raise ValueError(
                'multioutput="joint" weighs combinations of buckets, for which '
                f"smoothing={self.smoothing!r} and target={self.target!r} are not "
                'defined. Leave both at None, or take multioutput="mean".'
            )

    def _concerns(self) -> list[str]:
        joint = isinstance(self.buckets_, list)
        seen = slice(None) if joint else self.buckets_.counts_ > 0
        weights = self.weights_[seen]
        by_quantile = as_buckets(self.buckets).strategy == "quantile"
        level = self.power > 0 and len(weights) > 1 and np.ptp(weights) < 0.1
        if not (by_quantile and level):
            return []
        return [
            'TargetBuckets(strategy="quantile") fills all buckets equally, so all '
            "weights are close to 1 and nothing counts as rare. Use "
            'strategy="uniform", width and limit, or edges.'
        ]


def _effective_number(rows: Float, beta: float) -> Float:
    """Return ``(1 - beta ** rows) / (1 - beta)``, also where beta is almost 1."""
    if beta == 1:
        return rows
    with np.errstate(divide="ignore"):  # log(0): of any number of rows, one counts
        return np.asarray(-np.expm1(rows * np.log(beta)) / (1 - beta))


def _is_dir(window: tuple[Any, ...]) -> bool:
    """Tell whether a tuple is ("dir", size, sigma) with values that can be."""
    if len(window) != 3 or window[0] != "dir":
        return False
    _, size, sigma = window
    whole = isinstance(size, Integral) and int(size) > 0 and int(size) % 2 == 1
    return whole and isinstance(sigma, Real) and 0 < float(sigma) < np.inf


def _encode(assigned: list[Int], buckets: list[TargetBuckets]) -> Int:
    """Return one number for each combination of buckets."""
    shape = tuple(b.n_buckets_ for b in buckets)
    if math.prod(shape) >= 2**62:
        raise ValueError(
            f'multioutput="joint" would have {math.prod(shape)} combinations of '
            f"buckets, {shape} of the outputs, more than can be numbered. Take fewer "
            "buckets."
        )
    return np.ravel_multi_index(tuple(assigned), shape)


def _decode(codes: Int, buckets: list[TargetBuckets]) -> Int:
    """Return the bucket of each output from the number of their combination."""
    shape = tuple(b.n_buckets_ for b in buckets)
    return np.column_stack(np.unravel_index(codes, shape))


def _name_cell(cell: Int, buckets: list[TargetBuckets]) -> str:
    """Return the labels of a combination of buckets."""
    return " and ".join(b.labels_[i] for b, i in zip(buckets, cell, strict=True))


def _unknown(labels: list[str], chosen: Int) -> ValueError:
    """Return the error of targets where there were none in `fit`."""
    return ValueError(
        f"Targets lie in buckets {name_buckets(labels, chosen)}, which held no target "
        'in fit, and unseen="raise". Choose another unseen, or wider buckets.'
    )


def _fill(unseen: Any, weights: Float) -> float:
    """Return the weight of a bucket without targets, where no neighbour decides."""
    if isinstance(unseen, Real):
        return float(unseen)
    return {"raise": np.nan, "max": float(np.nanmax(weights)), "one": 1.0}[unseen]


def _fill_unseen(weights: Float, unseen: str | float) -> Float:
    """Return the weights, NaN in a bucket without targets filled as `unseen` says."""
    empty = np.isnan(weights)
    if not empty.any():
        return weights
    if unseen == "nearest":
        return _fill_nearest(weights, empty)
    return np.where(empty, _fill(unseen, weights), weights)


def _fill_nearest(weights: Float, empty: NDArray[np.bool_]) -> Float:
    """Return the weights, an empty bucket's that of the nearest one that is not."""
    seen, bucket = np.flatnonzero(~empty), np.arange(len(weights))
    after = np.searchsorted(seen, bucket)
    right = seen[np.minimum(after, len(seen) - 1)]
    left = np.where(empty, seen[np.maximum(after - 1, 0)], right)
    nearer = np.abs(bucket - left) - np.abs(bucket - right)
    tied = np.maximum(weights[left], weights[right])
    return np.select([nearer < 0, nearer > 0], [weights[left], weights[right]], tied)
