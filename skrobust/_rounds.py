"""Rounds of reweighting: a regressor is fitted, its residuals weigh the rows, again.

A fit by least squares with the weights ``w(r)`` of the last residuals lowers the robust
loss, because a parabola that touches the loss at r lies above it everywhere.
"""

import math
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import check_cv
from sklearn.utils import get_tags

from skrobust._compat import safe_indexing
from skrobust._routing import fit_weighted
from skrobust._scale import SIGMA_PER_MAD, weighted_median
from skrobust._starts import NEARLY_ABSOLUTE
from skrobust._task import Note, Task
from skrobust.loss import Family, General

__all__ = ["Fits", "Rounds", "as_vector", "splits_of", "weights_of"]

Array = NDArray[Any]
Float = NDArray[np.float64]
Splits = list[tuple[Array, Array]]  # rows to fit to, rows to predict

TINY = float(np.finfo(float).tiny)
EXACT = 1e-12  # residuals below it, in units of a typical target, are rounding
SHRUNK = 0.9  # of the smallest step so far: below it, the fits still come closer
PATIENCE = 3  # rounds without a lower loss, or a smaller step, before it stops
BITS = 2.0**44  # weights are multiples of its inverse, so that sums of them are exact


def splits_of(folds: Any, regressor: Any, X: Any, y: Array, s: Float | None) -> Splits:
    """Return pairs of rows to fit to and rows to predict, which are each row once.

    A splitter sees the rows that are there. Those of weight 0 are predicted with the
    first fold, so that they have a residual too.
    """
    if get_tags(regressor).input_tags.pairwise:
        raise ValueError(
            f"{type(regressor).__name__} takes a matrix of all pairs of rows, which "
            "folds cannot split. Leave folds=None."
        )
    rows = there = np.arange(len(y)) if s is None else np.flatnonzero(s)
    if not (isinstance(folds, Integral) or hasattr(folds, "split")):
        rows = np.arange(len(y))  # splits that were given are of all rows
    pairs = check_cv(folds).split(safe_indexing(X, rows), y[rows])
    splits = [(rows[train], rows[test]) for train, test in pairs]
    times = np.bincount(np.concatenate([test for _, test in splits]), minlength=len(y))
    wrong = (times > 1) | ((times == 0) & np.isin(np.arange(len(y)), there))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            "folds must have each row in just one test fold, as KFold has. Got "
            f"{folds!r}, with row {row} in {times[row]} of them. Take an int or a "
            "KFold."
        )
    train, test = splits[0]
    splits[0] = train, np.concatenate([test, np.flatnonzero(times == 0)])
    return splits


@final
class Round(NamedTuple):
    """A fit with weights, or with `folds` only the residuals of such fits."""

    weights: Float
    residuals: Float
    regressor: Any


@final
@dataclass(frozen=True)
class Fits:
    """The rows, and how a regressor is fitted to them with weights."""

    regressor: Any
    X: Any
    y: Array
    s: Float | None
    splits: Splits | None
    on_unsupported: str
    seed: int

    def round(self, weights: Float | None = None) -> Round:
        """Return a fit and its residuals; without weights, the first one."""
        shown = np.ones(len(self.y)) if weights is None else weights
        if self.splits is None:
            regressor = self._fitted(weights)
            predicted = as_vector(regressor.predict(self.X), self.y)
            return Round(shown, self.y - predicted, regressor)
        residuals = np.empty(len(self.y))
        for train, test in self.splits:
            part = self._fitted(weights, train)
            X, y = safe_indexing(self.X, test), self.y[test]
            residuals[test] = y - as_vector(part.predict(X), y)
        return Round(shown, residuals, None)

    def finished(self, round_: Round) -> Any:
        """Return the regressor of a round, fitted to all rows."""
        if round_.regressor is not None:
            return round_.regressor
        return self._fitted(round_.weights)

    def _fitted(self, weights: Float | None, rows: Array | None = None) -> Any:
        """Return the regressor fitted to all rows or some."""
        X, y, s = self.X, self.y, self.s
        product = weights if s is None else s if weights is None else s * weights
        if rows is not None:
            X, y = safe_indexing(X, rows), y[rows]
            s = None if s is None else s[rows]
            product = None if product is None else product[rows]
        if product is not None and not product.any():
            raise ValueError(
                "c is so small that no row is trusted: every residual"
                f"{' of a training fold' if rows is not None else ''} is many times c. "
                'Give a larger c, in the units of y, or c="auto".'
            )
        return fit_weighted(
            self.regressor,
            X,
            y,
            product,
            s,
            on_unsupported=self.on_unsupported,
            random_state=self.seed,
        )


@final
@dataclass
class Rounds:
    """The rounds of a fit: what they learnt, and the round that is kept."""

    fits: Fits
    task: Task
    best: Round = field(init=False)
    c: Any = field(init=False)
    scale: float = field(init=False)
    curve: list[float] = field(init=False, default_factory=list)
    n_iter: int = field(init=False, default=0)
    reason: str = field(init=False, default="max_iter")
    notes: list[Note] = field(init=False, default_factory=list)

    def run(self) -> "Rounds":
        """Fit, weigh and fit again, until that changes nothing or gains nothing."""
        task, first = self.task, self.fits.round()
        self.best, self.scale = first, self._scale(first)
        if self._is_settled(first):
            self.c = self._c(max(self.scale, TINY))
            self.curve = [self._loss(first)]
            return self
        start = first
        if task.tunes or task.lowest < 1:
            start = self._robust_start(first)
        self.c = self._c(self.scale)
        self._descend(start)
        if self.reason != "converged" and self.best is first:
            self._note(
                f"None of {self.n_iter} rounds of reweighting lowered the loss of "
                f"{_name(self.fits)}: regressor_ is the first fit, without weights. "
                "If it is random, fix its random_state; else do without reweighting."
            )
        if not task.tunes:
            self.scale = self._scale(self.best)
        return self

    def finish(self) -> Any:
        """Return the regressor of the best round, fitted to all rows."""
        regressor = self.fits.finished(self.best)
        if self.fits.splits is not None and self.n_iter:
            last = self.fits.y - as_vector(regressor.predict(self.fits.X), self.fits.y)
            if np.abs(last).max() <= self._rounding():
                self._note(
                    f"{_name(self.fits)} fits all rows exactly, those that are not "
                    "trusted too: weights do not change it. Give it larger leaves, or "
                    "a penalty, or more neighbours."
                )
        return regressor

    def _is_settled(self, first: Round) -> bool:
        """Return whether the first fit is the last one: no weight would differ."""
        if self.task.squares:
            self.reason = "converged"
            return True
        s = self.fits.s
        there = slice(None) if s is None else s > 0
        size = np.abs(first.residuals[there]).max()
        if (self.scale if self.task.tunes else size) > self._rounding():
            return False
        self.reason = "exact"
        if np.ptp(self.fits.y[there]) > 0:
            rows = "more than half of" if size > self._rounding() else "all"
            self._note(
                f"{_name(self.fits)} fits {rows} its rows exactly, which leaves no "
                "residuals to weigh rows by: regressor_ is the first fit, without "
                "weights. If it memorises its rows, as a tree grown to the end does, "
                "no weight will change that: give it larger leaves, or a penalty, or "
                "more neighbours. Else give c in the units of y, or folds=5."
            )
        return True

    def _robust_start(self, start: Round) -> Round:
        """Return nearly least absolute deviations, and learn their scale.

        Such a fit pays no heed to how far off an outlier is, and its scale is nearly
        that of the other rows.
        """
        last, least, slack = start, self._rounding(), math.sqrt(self.task.tol)
        if self.scale <= least:
            return start  # c is given, and some rows are not fitted exactly
        for _ in range(self.task.max_iter // 2):
            c = NEARLY_ABSOLUTE * self.scale
            last = self._next(weights_of(General(1.0), last.residuals, c))
            before, self.scale = self.scale, max(self._scale(last), least)
            if self.scale == least or self.scale >= before * (1 - slack):
                break
        else:
            if self.task.tunes:
                self._note_more_rounds(
                    "the scale of the residuals was still falling after half of them, "
                    "so that c_ may be too large"
                )
        if self.scale == least and self.task.tunes:
            self._note(
                f"More than half of the rows are fitted exactly by {_name(self.fits)}: "
                "the scale is 0, and the others are hardly trusted at all. If it "
                "memorises its rows, give it larger leaves, or a penalty; else give c "
                "in the units of y."
            )
        return last

    def _descend(self, start: Round) -> None:
        """Lower the loss, round by round, and keep the last fit or the best one."""
        last, tol = start, self.task.tol
        self.best, self.curve = start, [self._loss(start)]
        lowest, closest, fruitless = self.curve[0], math.inf, 0
        while self.n_iter < self.task.max_iter:
            before, old = self.curve[-1], last
            last = self._next(weights_of(self.task.family(), last.residuals, self.c))
            value, step = self._loss(last), self._step(old, last)
            self.curve.append(value)
            if max(abs(before - value), step) <= tol * before:
                self.reason, self.best = "converged", last
                return
            useful = value < (1 - tol) * lowest or step < SHRUNK * closest
            fruitless = 0 if useful else fruitless + 1
            closest = min(closest, step)
            if value < lowest:
                lowest, self.best = value, last
            if fruitless == PATIENCE:
                self.reason = "stalled"
                return
        if not fruitless:  # a penalised fit on its way, whose loss may rise
            self.best = last
        self._note_more_rounds("the loss was still changing")

    def _next(self, weights: Float) -> Round:
        """Return another round."""
        self.n_iter += 1
        return self.fits.round(weights)

    def _c(self, scale: float) -> Any:
        """Return c, or what a scale makes of it."""
        if not self.task.tunes:
            return self.task.c
        assert self.task.efficiency is not None
        return scale * self.task.tuned(self.task.efficiency)

    def _scale(self, round_: Round) -> float:
        """Return the weighted median size of residuals, consistent at the normal."""
        size = np.abs(round_.residuals)
        return SIGMA_PER_MAD * weighted_median(size, self._counts())

    def _rounding(self) -> float:
        """Return how large a residual may be and yet be rounding."""
        size = np.abs(self.fits.y.astype(np.float64))
        counts = self._counts() * (size > 0)
        return EXACT * weighted_median(size, counts) if counts.any() else 0.0

    def _loss(self, round_: Round) -> float:
        """Return the mean loss, in squared units of y."""
        rho = self.task.family().evaluate(round_.residuals, self.c, 0)[0]
        return float(np.average(np.square(self.c) * rho, weights=self.fits.s))

    def _step(self, old: Round, new: Round) -> float:
        """Return by how much a step lowers the sum of squares, if that is minimised."""
        moved = np.square(new.residuals - old.residuals)
        return float(np.average(new.weights * moved, weights=self.fits.s)) / 2

    def _counts(self) -> Float:
        """Return how often each row counts."""
        return np.ones(len(self.fits.y)) if self.fits.s is None else self.fits.s

    def _note(self, message: str, category: type[Warning] = UserWarning) -> None:
        """Keep a message for the user."""
        self.notes.append((message, category))

    def _note_more_rounds(self, why: str) -> None:
        """Say that there were too few rounds, once."""
        if not any(category is ConvergenceWarning for _, category in self.notes):
            self._note(
                f"max_iter={self.task.max_iter} rounds were not enough: {why}. Raise "
                "max_iter, or tol.",
                ConvergenceWarning,
            )


def _name(fits: Fits) -> str:
    """Return how a message calls the regressor."""
    return type(fits.regressor).__name__


def weights_of(family: Family, residuals: Float, c: Any) -> Float:
    """Return the weights of residuals, each a multiple of 2 ** -44.

    Sums of them are then exact in any order. A tree chooses between equally good splits
    by the last bit of such sums, so it depends less on whether a row has weight 2 or is
    there twice.
    """
    weights: Float = np.round(family.weight(residuals, c) * BITS) / BITS
    return weights


def as_vector(predicted: ArrayLike, y: Array) -> Float:
    """Return predictions as a finite vector, one for each target."""
    values: Float = np.asarray(predicted, dtype=np.float64).reshape(y.shape)
    if not np.isfinite(values).all():
        raise ValueError(
            "The regressor predicts NaN or infinity, by which no row can be weighed. "
            "Scale the features or the targets, or choose a regressor that bears them."
        )
    return values
