"""Errors of predictions, on a circle if asked, and what they come to by bucket.

Rows are read in blocks that fit in a cache, so that no array as long as the targets is
made. A row of weight 0 is not there, one of weight k is there k times.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_consistent_length

from skrobust._sample_weight import check_weights
from skrobust.buckets import check_target

__all__ = ["ErrorsByBucket", "Rows", "center", "check_rows"]

Float = NDArray[np.float64]
Int = NDArray[np.intp]
Array = NDArray[Any]
Spread = Callable[[Float], Float]  # the value of its bucket for each row of a block
Values = Callable[[Float, Spread], Array]  # of errors, which they must not change

BLOCK = 1 << 15
FEW = 6  # buckets that are picked out, not sorted
SAMPLE = 1 << 14  # rows that say where a quantile is
SLACK = 1e-12  # part of a weight that rounding may add or take


@dataclass(frozen=True)
class Rows:
    """True and predicted targets, what each row weighs, and the circle, if any."""

    y_true: Array
    y_pred: Array
    weight: Float | None = None
    period: float | None = None

    def __len__(self) -> int:
        return len(self.y_true)

    def blocks(self) -> Iterator[tuple[slice, Float, Float | None]]:
        """Yield slices of rows, with their errors and their weights times `unit`."""
        for start in range(0, len(self), BLOCK):
            rows = slice(start, start + BLOCK)
            yield rows, *self.take(rows)

    def take(self, rows: slice) -> tuple[Float, Float | None]:
        """Return errors and weights times `unit` of some rows."""
        e = np.subtract(self.y_pred[rows], self.y_true[rows], dtype=np.float64)
        if self.period is not None:
            e = wrap(e, self.period)
        if self.weight is None:
            return e, None
        s = self.weight[rows] * self.unit
        e[s == 0] = 0  # so that no function of it can be infinite
        return e, s

    @cached_property
    def unit(self) -> float:
        """A power of 2 by which the largest weight comes to be near 1."""
        if self.weight is None:
            return 1.0
        exponent = int(np.frexp(self.weight.max())[1])
        return float(np.ldexp(1.0, min(1 - exponent, 1000)))

    @cached_property
    def weight_sum(self) -> float:
        """The sum of the weights, the number of rows without any."""
        return float(len(self) if self.weight is None else self.weight.sum())

    @cached_property
    def per_count(self) -> float:
        """The rows that a weight of 1 stands for: 1 unless weights are below 1.

        Weights with a smaller mean, rows of weight 0 aside, say only how rows compare.
        """
        if self.weight is None:
            return 1.0
        return max(1.0, float(np.count_nonzero(self.weight) / self.weight_sum))

    def total(self, values: Callable[[Float, slice], Float]) -> float:
        """Return the sum of values of errors and rows, in weights times `unit`."""
        total = 0.0
        for rows, e, s in self.blocks():
            v = values(e, rows)
            total += float(v.sum() if s is None else s @ v)
        return total

    def mean(self, values: Callable[[Float, slice], Float]) -> float:
        """Return the weighted mean of values of errors and of which rows they are."""
        return self.total(values) / (self.weight_sum * self.unit)

    def root_mean_square(self) -> float:
        """Return the root of the weighted mean of squared errors."""
        size = self.mean(lambda e, rows: np.abs(e))
        # In units of a power of 2 near the mean, no square overflows or vanishes.
        unit = float(np.ldexp(1.0, np.frexp(size)[1] - 1)) if size > 0 else 1.0
        return float(np.sqrt(self.mean(lambda e, rows: np.square(e / unit))) * unit)


@dataclass(frozen=True)
class ErrorsByBucket:
    """Rows with the bucket of each, to be reduced to one number a bucket.

    Every reduction is NaN where a bucket holds no row.
    """

    rows: Rows
    bucket: Int
    n_buckets: int

    @classmethod
    def in_one(cls, rows: Rows) -> "ErrorsByBucket":
        """Return the rows in a single bucket."""
        return cls(rows, np.zeros(len(rows), np.intp), 1)

    @cached_property
    def counts(self) -> Array:
        """Weight in every bucket."""
        if self.rows.weight is None:
            return self._n_rows
        return self._sums(lambda e, spread: np.ones_like(e)) / self.rows.unit

    def mean(self, values: Values) -> Float:
        """Return the weighted mean of values."""
        return self._divide(self._sums(values), self.counts * self.rows.unit)

    @cached_property
    def absolute_mean(self) -> Float:
        """The mean absolute error."""
        return self.mean(lambda e, spread: np.abs(e))

    @cached_property
    def absolute_spread(self) -> Float:
        """The standard deviation of the absolute errors, of all rows: no correction.

        It does not lose the digits that a difference of squares would.
        """
        mean = np.nan_to_num(self.absolute_mean)
        unit = np.where(mean > 0, np.ldexp(1.0, np.frexp(mean)[1] - 1), 1.0)

        def squares(e: Float, spread: Spread) -> Float:
            away = np.abs(e)
            away -= spread(mean)
            away /= spread(unit)
            return np.square(away, out=away)

        return np.sqrt(self.mean(squares)) * unit

    @property
    def root_mean_square(self) -> Float:
        """The root of the mean squared error."""
        return np.hypot(self.absolute_mean, self.absolute_spread)

    @property
    def standard_error(self) -> Float:
        """The standard error of the mean absolute error, NaN for one row.

        That of rows repeated as often as they weigh.
        """
        others = self.counts * self.rows.per_count - 1
        return self._divide(self.absolute_spread, np.sqrt(np.maximum(others, 0)))

    def absolute_median(self) -> Float:
        """Return the weighted median of the absolute errors.

        Half the weight lies on either side; where a stretch does that, its middle.
        """
        half = self.counts * self.rows.unit / 2
        middle = np.full(self.n_buckets, 0.5)
        return self._between(0.5, half * (1 - SLACK), half * (1 + SLACK), middle)

    def absolute_quantile(self, part: float) -> Float:
        """Return a quantile of the absolute errors.

        That of numpy, by linear interpolation, of rows repeated as often as they weigh.
        """
        counts = self.counts * self.rows.per_count
        place = np.maximum(counts - 1, 0) * part
        first = np.floor(place)
        slack, unit = SLACK * counts, self.rows.unit / self.rows.per_count
        low, high = (first + slack) * unit, (first + 1 + slack) * unit
        return self._between(part, low, high, place - first)

    def mean_by_sign(self) -> Float:
        """Return the weighted mean of the errors times the sign of the true target."""
        sums = np.zeros(self.n_buckets)
        for rows, e, s in self.rows.blocks():
            e *= np.sign(self.rows.y_true[rows])
            v = e if s is None else e * s
            sums += np.bincount(self.bucket[rows], v, minlength=self.n_buckets)
        return self._divide(sums, self.counts * self.rows.unit)

    def apply(self, function: Callable[..., float]) -> Float:
        """Return ``function(y_true, y_pred, sample_weight)`` of the rows of a bucket.

        With a period, predictions are moved by whole ones, next to the true target.
        """
        rows = self.rows
        y_true, y_pred, s = rows.y_true.astype(float), rows.y_pred, rows.weight
        if rows.period is not None:
            y_pred = y_true + wrap(np.subtract(y_pred, y_true), rows.period)
        order = np.argsort(self.bucket, kind="stable")
        if s is not None:
            order = order[s[order] > 0]
        found = np.full(self.n_buckets, np.nan)
        for b in np.flatnonzero(self._n_rows):
            part = order[self._ends[b] : self._ends[b + 1]]
            weights = None if s is None else s[part]
            found[b] = function(y_true[part], y_pred[part].astype(float), weights)
        return found

    @cached_property
    def _n_rows(self) -> Int:
        """Number of rows in every bucket."""
        there = self.bucket
        if self.rows.weight is not None and not self.rows.weight.all():
            there = there[self.rows.weight > 0]
        return np.bincount(there, minlength=self.n_buckets)

    @cached_property
    def _ends(self) -> Int:
        """Where buckets begin and end among rows sorted by bucket."""
        return np.concatenate([[0], np.cumsum(self._n_rows)])

    @cached_property
    def _sorted(self) -> tuple[Float, Float | None]:
        """Errors, and weights times `unit`, of rows sorted by bucket.

        Rows of a block are put behind those of earlier blocks in their bucket, so that
        no sort is larger than a cache.
        """
        n, free = self._ends[-1], self._ends[:-1].copy()
        errors = np.empty(n)
        weights = None if self.rows.weight is None else np.empty(n)
        small = np.min_scalar_type(self.n_buckets)  # which compares and sorts fast
        for rows, e, s in self.rows.blocks():
            b = self.bucket[rows].astype(small)
            if s is not None and not s.all():
                e, b, s = e[s > 0], b[s > 0], s[s > 0]
            for order, place in _moves(b, free):
                errors[place] = e[order]
                if s is not None and weights is not None:
                    weights[place] = s[order]
        return errors, weights

    def _sums(self, values: Values) -> Float:
        """Return the weighted sums of values, in weights times `unit`."""
        errors, weights = self._sorted
        sums, ends = np.zeros(self.n_buckets), self._ends
        filled = np.flatnonzero(self._n_rows)
        for start in range(0, len(errors), BLOCK):
            stop = min(start + BLOCK, len(errors))
            # The buckets that have a row here, and where in the block they begin.
            first = np.searchsorted(ends[filled + 1], start, side="right")
            last = np.searchsorted(ends[filled], stop)
            here = filled[first:last]
            begin = np.maximum(ends[here], start) - start
            lengths = np.minimum(ends[here + 1], stop) - start - begin
            v = values(errors[start:stop], partial(_spread, here, lengths))
            v = v if weights is None else v * weights[start:stop]
            sums[here] += np.add.reduceat(v, begin, dtype=np.float64)
        return sums

    def _divide(self, numerator: Float, denominator: Array) -> Float:
        """Return a quotient by bucket, NaN where there is nothing to divide by."""
        quotient = np.full(self.n_buckets, np.nan)
        np.divide(numerator, denominator, where=denominator > 0, out=quotient)
        return quotient

    def _between(self, part: float, low: Float, high: Float, share: Float) -> Float:
        """Return what is between two order statistics of the absolute errors.

        `low` and `high` are the weights (times `unit`) that lie before them, `part` is
        about where they are.
        """
        errors, weights = self._sorted
        found = np.full(self.n_buckets, np.nan)
        for b in np.flatnonzero(self._n_rows):
            rows = slice(self._ends[b], self._ends[b + 1])
            s = None if weights is None else weights[rows]
            x, y = _order_statistics(errors[rows], s, part, (low[b], high[b]))
            found[b] = x + share[b] * (y - x)
        return found


def _moves(bucket: Array, free: Int) -> Iterator[tuple[Int, Int | slice]]:
    """Yield which rows of a block go where, each to the next free place of its bucket.

    Those places are moved on.
    """
    if len(free) <= FEW:
        for b in range(len(free)):
            order = np.flatnonzero(bucket == b)
            start, free[b] = free[b], free[b] + len(order)
            yield order, slice(start, start + len(order))
        return
    order, counts = np.argsort(bucket, kind="stable"), np.bincount(bucket)
    start = free[: len(counts)] - (np.cumsum(counts) - counts)
    place = np.repeat(start, counts)
    place += np.arange(len(order))
    free[: len(counts)] += counts
    yield order, place


def _spread(here: Int, lengths: Int, by_bucket: Float) -> Float:
    """Return the value of its bucket for each row of a block."""
    return np.repeat(by_bucket[here], lengths)


def _order_statistics(
    e: Float, s: Float | None, part: float, reached: tuple[float, float]
) -> tuple[float, float]:
    """Return the least absolute errors up to which more weight lies than `reached`.

    A sample says which few rows have to be sorted; where it is wrong, all are.
    """
    for least, most in (_bracket(e, s, part), (-np.inf, np.inf)):
        below, values, weights = _those_between(e, s, least, most)
        if below > reached[0] or not len(values):
            continue
        if weights is None:
            at = np.floor(np.subtract(reached, below)).astype(np.intp)
        else:
            order = np.argsort(values)
            values = values[order]
            total = below + np.cumsum(weights[order])
            at = np.searchsorted(total, reached, side="right")
        if at[1] < len(values) or most == np.inf:
            at = np.minimum(at, len(values) - 1)
            if weights is None:
                values = np.partition(values, at)
            return values[at[0]], values[at[1]]
    raise AssertionError("the last bracket holds every row")


def _bracket(e: Float, s: Float | None, part: float) -> tuple[float, float]:
    """Return between which absolute errors a sample has a quantile lie."""
    step = len(e) // SAMPLE
    if step < 4:
        return -np.inf, np.inf
    values = np.abs(e[::step])
    order = np.argsort(values)
    values, w = values[order], np.ones(len(values)) if s is None else s[::step][order]
    reached = np.cumsum(w)
    off = 4 * np.sqrt(part * (1 - part) * (w @ w)) / reached[-1]
    at = np.searchsorted(reached, reached[-1] * np.array([part - off, part + off]))
    least = values[at[0]] if part > off else -np.inf
    return least, values[at[1]] if at[1] < len(values) else np.inf


def _those_between(
    e: Float, s: Float | None, least: float, most: float
) -> tuple[float, Float, Float | None]:
    """Return the weight of smaller absolute errors than `least`, and those to `most`.

    With the latter, their weights.
    """
    below, values, weights = 0.0, [], []
    for start in range(0, len(e), BLOCK):
        rows = slice(start, start + BLOCK)
        a = np.abs(e[rows])
        small = a < least
        kept = np.flatnonzero(~small & (a <= most))
        values.append(a[kept])
        if s is None:
            below += np.count_nonzero(small)
        else:
            below += float(s[rows] @ small)
            weights.append(s[rows][kept])
    kept_weights = None if s is None else np.concatenate(weights)
    return below, np.concatenate(values), kept_weights


def check_rows(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    sample_weight: ArrayLike | None = None,
    period: float | None = None,
) -> Rows:
    """Return the arguments of a metric, checked."""
    true, pred = check_target(y_true, "y_true"), check_target(y_pred, "y_pred")
    check_consistent_length(true, pred)
    weight = check_weights(sample_weight, len(true))
    return Rows(true, pred, weight, check_period(period))


def check_period(period: Any) -> float | None:
    """Return the period as a float, None for a target that is not on a circle."""
    if period is None:
        return None
    return check_positive("period", period, "360 for degrees; None is no circle")


def check_positive(name: str, value: Any, remedy: str) -> float:
    """Return the value of a parameter as a float, positive and finite."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not 0 < float(value) < np.inf:
        raise ValueError(
            f"{name} must be a positive, finite number, in units of the target; got "
            f"{value!r}. Give {remedy}."
        )
    return float(value)


def wrap(e: Float, period: float) -> Float:
    """Return the errors, less whole periods, in [-period / 2, period / 2).

    Nothing is rounded: a remainder is exact, and so is a difference this small.
    """
    e = np.fmod(e, period)
    e[e >= period / 2] -= period
    e[e < -period / 2] += period
    return e


def center(y: Array, weight: Float | None, period: float | None) -> float:
    """Return the mean of the targets; on a circle, the point of least mean square.

    The mean of equal targets is that target to the last bit.
    """
    start = float(y[0 if weight is None else np.argmax(weight > 0)])
    from_start = Rows(np.broadcast_to(start, y.shape), y, weight, period)
    away = from_start.mean(lambda e, rows: e)
    if period is None:
        return start + away
    e, s = from_start.take(slice(None))
    order = np.argsort(e)
    e, s = e[order] / period, np.ones_like(e) if s is None else s[order]
    s = s / s.sum()
    # In periods: the mean of the circle cut open before each row, and the spread.
    before = np.concatenate([[0.0], np.cumsum(s)[:-1]])
    moved = np.concatenate([[0.0], np.cumsum(s * (2 * e + 1))[:-1]])
    means = away / period + before
    best = np.argmin(s @ e**2 + moved - means**2)
    return start + float(away + period * before[best])
