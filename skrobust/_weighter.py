"""What all weighters share: a mean of exactly 1, the cap, the floor of what counts.

A weighter knows how rare a target is: its strength, not negative, in any unit. What is
made of it here is the weight ``minimum(factor * strength ** exponent, max_weight)``,
with the factor that makes the weighted mean over the fitted targets 1 and, where the
weights would leave too few rows that count, an exponent below 1.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_array, check_is_fitted

from skrobust._compat import Interval, StrOptions
from skrobust._sample_weight import check_weights
from skrobust.buckets import check_target

__all__ = ["StrengthWeighter", "Weighter"]

Float = NDArray[np.float64]
Target = NDArray[np.floating[Any]]

FAINTEST = 1e-200  # of the largest strength; powers and sums stay above zero with it
ROUNDING = 1e-14  # of a share of rows
FEW = 0.1  # effective rows, as a share of all, under which a fit hangs on a handful


class Weighter(BaseEstimator, ABC):
    """Base of the weighters: targets in, weights of mean 1 out.

    A subclass gives `_fit_weights`, which learns from one output and calls `_settle`,
    and `_weigh`, the weights of other targets. One that has a strength for every target
    by itself is a `StrengthWeighter`. It takes the parameters below, and adds
    `_parameter_constraints` of this class to its own.

    Parameters
    ----------
    max_weight : float, default=None
        Largest weight, at least 1, the mean weight. None for no cap.
    min_effective : float, default=None
        Least effective sample size, as a share of all rows, in [0, 1]. None for none.
    multioutput : {"raise", "mean", "max", "product"} or int, default="raise"
        What the weight of a row with several outputs is.
    """

    max_weight: float | None
    min_effective: float | None
    multioutput: Any  # a str or an int

    _ways: tuple[str, ...] = ("mean", "max", "product")  # of several outputs
    _parameter_constraints: dict[str, Any] = {
        "max_weight": [Interval(Real, 1, None, closed="left"), None],
        "min_effective": [Interval(Real, 0, 1, closed="both"), None],
        "multioutput": [
            StrOptions({"raise", *_ways}),
            Interval(Integral, 0, None, closed="left"),
        ],
    }
    # What messages advise; a subclass says it in its own parameters.
    _milder = "milder parameters"  # such as "a lower power"
    _when_all_zero = "Give at least one target a positive strength."

    def fit(self, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn from the training targets how rare a target is.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Training targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each target, not negative and not all zero. Weight k means the
            target k times.

        Returns
        -------
        self : object
            The fitted weighter.

        Raises
        ------
        ValueError
            Where a parameter, a target or a weight is not what it may be. What an
            earlier fit learnt is then left as it was.

        Warns
        -----
        UserWarning
            Where the effective sample size is under 10 % of the rows.
        """
        self._fit(y, sample_weight)
        self._warn_of_concerns()
        return self

    def transform(self, y: ArrayLike) -> Float:
        """Return the weight of each target.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets, of as many outputs as those that `fit` saw.

        Returns
        -------
        weights : ndarray of shape (n_samples,)
            Weights, 1 in the weighted mean over the targets that `fit` saw.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            Where a target is not finite, or the number of outputs another one.
        """
        check_is_fitted(self)
        outputs = _check_outputs(y)
        found = 1 if outputs.ndim == 1 else outputs.shape[1]
        if found != self.n_outputs_:
            raise ValueError(
                f"y has {found} outputs, but {type(self).__name__} was fitted to "
                f"{self.n_outputs_}. Give the same outputs as in fit."
            )
        return self._weigh_outputs(outputs)

    def fit_transform(
        self, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Float:
        """Fit to the targets and return their weights, at the price of one.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Training targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each target, as in `fit`. The weights returned do not contain
            it.

        Returns
        -------
        weights : ndarray of shape (n_samples,)
            Weights, 1 in the weighted mean.

        Raises
        ------
        ValueError
            As `fit` does.

        Warns
        -----
        UserWarning
            As `fit` does.
        """
        weights = self._fit(y, sample_weight)
        self._warn_of_concerns()
        return weights

    @abstractmethod
    def _fit_weights(self, y: Target, s: Float | None) -> Float:
        """Learn from one output, call `_settle` once, and return the rows' weights.

        A row of weight 0 must not matter to what is learnt, yet it gets a weight.
        """

    @abstractmethod
    def _weigh(self, y: Target) -> Float:
        """Return the weights of targets of one output."""

    def _concerns(self) -> list[str]:
        """Return what a user should know of the fit, each to be a warning."""
        return []

    def _settle(self, strength: Float, mass: Float | None) -> Float:
        """Find the scale on which strengths are weights of mean 1, and return those.

        `mass` is the weight of the rows of each strength, None if one each. Sets what
        `_scaled` uses, `exponent_` and `effective_size_`.
        """
        if mass is None:
            mass = np.ones(len(strength))
        there, total = mass > 0, mass.sum()
        whole = there.all()
        u, share = (strength, mass) if whole else (strength[there], mass[there])
        if not 0 < u.max() < np.inf:
            raise ValueError(
                "Every target has strength 0, so no weights have a mean of 1. "
                + self._when_all_zero
            )
        cap = np.inf if self.max_weight is None else float(self.max_weight)
        self._scale, weights = _find_scale(u, share / total, cap, self.min_effective)
        self.exponent_ = self._scale.exponent
        self._effective_share = _effective_share(weights, share / total)
        self.effective_size_ = float(total * self._effective_share)
        return weights if whole else self._scale(strength)

    def _scaled(self, strength: Float) -> Float:
        """Return strengths as weights, on the scale that `_settle` found."""
        return self._scale(strength)

    def _fit(self, y: ArrayLike, sample_weight: ArrayLike | None) -> Float:
        """Fit anew, or leave the last fit as it was, and return the weights."""
        last = dict(self.__dict__)
        try:
            self._validate_params()
            for name in last:
                if name.endswith("_") and not name.startswith("_"):
                    delattr(self, name)
            outputs = _check_outputs(y)
            s = check_weights(sample_weight, len(outputs))
            weights = self._fit_outputs(outputs, s)
            self.n_outputs_ = 1 if outputs.ndim == 1 else outputs.shape[1]
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(last)
            raise
        return weights

    def _fit_outputs(self, y: Target, s: Float | None) -> Float:
        """Fit to one output, or to several as `multioutput` says."""
        self._check_multioutput(y.shape)
        if y.ndim == 1:
            return self._fit_weights(y, s)
        if isinstance(self.multioutput, Integral):
            return self._fit_weights(y[:, self.multioutput], s)
        columns = [clone(self) for _ in y.T]
        parts = [c._fit(column, s) for c, column in zip(columns, y.T, strict=True)]
        self.columns_ = columns
        return self._settle(_combine(parts, self.multioutput), s)

    def _weigh_outputs(self, y: Target) -> Float:
        """Return the weights of targets of as many outputs as were fitted."""
        if y.ndim == 1:
            return self._weigh(y)
        if isinstance(self.multioutput, Integral):
            return self._weigh(y[:, self.multioutput])
        parts = [c._weigh(column) for c, column in zip(self.columns_, y.T, strict=True)]
        return self._scaled(_combine(parts, self.multioutput))

    def _check_multioutput(self, shape: tuple[int, ...]) -> None:
        """Raise unless `multioutput` says what to do with outputs of this shape."""
        n = 1 if len(shape) == 1 else shape[1]
        if isinstance(self.multioutput, bool):
            raise ValueError(
                f"multioutput={self.multioutput} is no column of y. Name one by its "
                f"number, from 0 to {n - 1}."
            )
        if n > 1 and self.multioutput == "raise":
            raise ValueError(
                f"y should be a 1d array, got an array of shape {shape} instead, and "
                f'multioutput="raise". Say what the weight of {n} outputs is: '
                f"multioutput={' or '.join(map(repr, self._ways))}, or the column that "
                "decides."
            )
        if isinstance(self.multioutput, Integral) and int(self.multioutput) >= n:
            raise ValueError(
                f"multioutput={self.multioutput} is the column that decides, but y has "
                f"{n}, from 0 to {n - 1}. Name one of those."
            )

    def _warn_of_concerns(self) -> None:
        """Warn of what a user should know, at the line that called `fit`."""
        few = [] if self._effective_share >= FEW else [self._few_message()]
        parts = [w._concerns() for w in vars(self).get("columns_", [self])]
        for text in dict.fromkeys(few + [text for part in parts for text in part]):
            warnings.warn(text, UserWarning, stacklevel=3)

    def _few_message(self) -> str:
        """Return the warning that few rows carry the weight."""
        # Few distinct texts: a search over many folds then says it only a few times.
        share = max(1, math.ceil(100 * self._effective_share))
        return (
            "The weights leave an effective sample size (effective_size_) of "
            f"{share} % of the rows or less: a small part of the rows decides the "
            f"fit, and may be learnt by heart. Weigh less: {self._milder}, max_weight "
            "for a cap, or min_effective for a floor."
        )


class StrengthWeighter(Weighter, ABC):
    """Base of the weighters in which every target has a strength of its own.

    A subclass gives `_learn`, from the targets that are there, and `_strength`.
    """

    @abstractmethod
    def _learn(self, y: Target, s: Float | None) -> None:
        """Learn from one output; rows of weight 0 have been taken out."""

    @abstractmethod
    def _strength(self, y: Target) -> Float:
        """Return how strongly targets should count: finite, not negative, any unit."""

    def _fit_weights(self, y: Target, s: Float | None) -> Float:
        if s is None or s.all():
            self._learn(y, s)
        else:
            self._learn(y[s > 0], s[s > 0])
        return self._settle(self._strength(y), s)

    def _weigh(self, y: Target) -> Float:
        return self._scaled(self._strength(y))


@dataclass(frozen=True)
class _Scale:
    """How strengths become weights."""

    unit: float  # strength that counts as 1, the largest of the fitted
    exponent: float
    factor: float
    cap: float

    def __call__(self, strength: Float) -> Float:
        return self.stretch(_temper(strength, self.unit, self.exponent))

    def stretch(self, tempered: Float) -> Float:
        """Return the weights of strengths in their unit, to the power; in place."""
        tempered *= self.factor
        return np.minimum(tempered, self.cap, out=tempered)


def _temper(strength: Float, unit: float, exponent: float) -> Float:
    """Return strengths in their unit to a power; what is above 0 stays so."""
    u = strength / unit
    if u.min(initial=1.0) < FAINTEST:
        u[(u < FAINTEST) & (strength > 0)] = FAINTEST
    return u if exponent == 1 else np.power(u, exponent, out=u)


def _find_scale(
    u: Float, share: Float, cap: float, least: float | None
) -> tuple[_Scale, Float]:
    """Return the scale on which weights have mean 1 under the cap, and the weights.

    `share` sums to 1. The exponent is the largest in [0, 1] whose weights have at least
    the effective share `least`.
    """
    unit = float(u.max())

    def fit(exponent: float) -> tuple[_Scale, Float]:
        tempered = _temper(u, unit, exponent)
        scale = _Scale(unit, exponent, _find_factor(tempered, share, cap), cap)
        return scale, scale.stretch(tempered)

    def surplus(exponent: float) -> float:
        return _effective_share(fit(exponent)[1], share) - float(least or 0)

    full = fit(1.0)
    if least is None or _effective_share(full[1], share) >= least - ROUNDING:
        return full
    # All rows count exactly at 0, where a search would end close to it.
    return fit(0.0 if least == 1 else _last_positive(surplus))


def _last_positive(surplus: Callable[[float], float]) -> float:
    """Return the largest exponent in [0, 1] at which a falling function is positive.

    Weights to the power 0 are all 1, so that at 0 every row counts, and it is.
    """
    exponent = float(brentq(lambda p: surplus(p) if p else 1.0, 0.0, 1.0, xtol=1e-14))
    back = 1e-14
    while exponent > 0 and surplus(exponent) < 0:  # by rounding, on the wrong side
        exponent, back = max(exponent - back, 0.0), 2 * back
    return exponent


def _find_factor(u: Float, share: Float, cap: float) -> float:
    """Return the t at which ``minimum(t * u, cap)`` has the weighted mean 1.

    Newton's method, from below on a concave, piecewise linear function: what is capped
    once stays capped, so that every step has a smaller problem, and the last is exact.
    """
    t, budget = float(1 / (share @ u)), 1.0
    if cap == np.inf:
        return t
    _check_cap(u, share, cap)
    over = t * u > cap
    while over.any():
        budget -= cap * share[over].sum()
        lowest = u[over].min()
        u, share = u[~over], share[~over]
        rest = share @ u
        # Up to rounding, the budget is positive and t grows.
        t = float(max(t, budget / rest) if rest > 0 else cap / lowest)
        over = t * u > cap
    return t


def _check_cap(u: Float, share: Float, cap: float) -> None:
    """Raise where the rows of strength 0 are too many for a mean of 1 under the cap."""
    counting = share[u > 0].sum()
    if cap * counting < 1 - 1e-12:
        raise ValueError(
            f"A share of {1 - counting:.3g} of the rows has weight 0, so that the "
            f"others have a mean of {1 / counting:.6g}, which max_weight={cap:g} "
            "forbids. Raise max_weight, or give every row a weight above 0."
        )


def _effective_share(weights: Float, share: Float) -> float:
    """Return the effective sample size of weights as a share of all rows."""
    effective = float((share @ weights) ** 2 / (share @ weights**2))
    return min(effective, 1.0)  # equal weights have 1 up to rounding


def _combine(parts: list[Float], how: str) -> Float:
    """Return one strength a row from the weights of its outputs."""
    combine: dict[str, Callable[..., Any]]
    combine = {"mean": np.mean, "max": np.max, "product": np.prod}
    return np.asarray(combine[how](parts, axis=0))


def _check_outputs(y: ArrayLike) -> Target:
    """Return finite targets, of one output as a vector, of several as a matrix."""
    if np.ndim(y) != 2:
        return check_target(y)
    dtypes = [np.float64, np.float32, np.float16]
    values = check_array(y, dtype=dtypes, input_name="y")
    return check_target(values) if values.shape[1] == 1 else np.asarray(values)
