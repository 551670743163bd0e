"""The general loss for any regressor that takes weights: fit, weigh, fit again."""

from __future__ import annotations

import warnings
from copy import deepcopy
from numbers import Integral, Real
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import (
    check_consistent_length,
    check_random_state,
    indexable,
)
from sklearn.utils.validation import check_is_fitted

from skrobust import loss
from skrobust._around import AroundRegressor
from skrobust._compat import HasMethods, Interval, StrOptions
from skrobust._rounds import Fits, Rounds, as_vector, splits_of, weights_of
from skrobust._sample_weight import check_weights
from skrobust._task import Task, tasks_of

__all__ = ["ReweightedRegressor"]

Array = NDArray[Any]
Float = NDArray[np.float64]


class ReweightedRegressor(AroundRegressor):
    """Fit any regressor that takes weights under the general robust loss.

    The regressor is fitted; rows with large residuals are trusted less, by the
    `weight` of the loss, between 0 and 1; it is fitted again with these weights; and so
    on, until the mean loss no longer falls::

        sum(s * c**2 * rho(y - prediction, alpha, c)) / sum(s)

    s being `sample_weight`. So forests, boosters and pipelines, which fit by squared
    error, become robust to wrong targets.

    Parameters
    ----------
    regressor : estimator, default=None
        What to fit: a regressor that fits by squared error with `sample_weight`, or a
        Pipeline or other composite of scikit-learn that ends in some. It is cloned.
        None is LinearRegression().
    alpha : float, str or callable, default=1.0
        Shape of the loss, from -inf to 2, or its name: "l2" (2), "pseudo_huber" (1),
        "cauchy" (0), "geman_mcclure" (-2), "welsch" (-inf). The smaller, the less an
        outlier counts; below 1 wrong targets lose their hold the further off they are.
        Trees with small leaves, which split by squares, need it below 0 for that.
        A callable gets the targets (n_samples,) and returns a shape for each, as
        :class:`TargetConditioned` and :class:`BucketConditioned` do.
    c : float, "auto" or callable, default="auto"
        Scale of the loss in the units of `y`: residuals well below it count as in least
        squares, those above it less and less. "auto" is the robust scale of the
        residuals, `scale_`, times the constant that gives `efficiency`. A callable gets
        the targets and returns a scale for each.
    loss : {"general", "huber", "bisquare"}, default="general"
        The loss: of the general family, or :data:`loss.huber` or :data:`loss.bisquare`,
        which have no `alpha`.
    efficiency : float, default=0.95
        With ``c="auto"``: variance of least squares over that of this fit when errors
        are normal, between 0 and 1. Lower values resist outliers more.
    folds : int, splitter or iterable, default=None
        Where the residuals come from. None: from the rows that the regressor was fitted
        to. Else every row is predicted by a fit to the other folds, at the price of a
        fit for each of them in each round: for a regressor that follows its own rows
        closely. Every row must be in just one test fold. An int does not shuffle; rows
        in some order need ``KFold(5, shuffle=True, random_state=0)``.
    max_iter : int, default=20
        Largest number of rounds, at least 1. With a robust start, half of them at most
        go into it.
    tol : float, default=1e-4
        The rounds end when the loss changes by no more than `tol` of itself, and half
        the weighted mean square of the change of the predictions is no more either;
        the latter is by how much an exact fit lowers the loss at least. Positive.
    on_unsupported : {"raise", "resample"}, default="raise"
        Of a regressor whose `fit` takes no weights: an error, or as many rows as it
        would get, drawn with replacement with probabilities as the weights.
    random_state : int, RandomState instance or None, default=None
        Draws those rows; the same draw, as far as the weights allow, in each round. A
        regressor with a `random_state` of its own should have it fixed, or the loss
        goes up and down with its luck.

    Attributes
    ----------
    regressor_ : estimator
        The fitted regressor.
    weights_ : ndarray of shape (n_samples,)
        How far the fit trusts each training row, from 0 to 1. `regressor_` was fitted
        with these weights, times `sample_weight`.
    alpha_ : float or ndarray of shape (n_samples,)
        Shape of the loss as a number, or one for each training row if it depends on the
        target; NaN for a loss that has none.
    c_ : float or ndarray of shape (n_samples,)
        Scale of the loss, in the units of `y`.
    scale_ : float
        Robust standard deviation of the residuals that `c_` rests on, or of the last
        ones where c was given: 1.4826 times their weighted median size.
    loss_curve_ : ndarray of shape (n_rounds + 1,)
        The mean loss with `alpha_` and `c_`, in the squared units of `y`: of the fit
        that these rounds started from, and after each of them. The rounds of the robust
        start, before, have another loss, and are not in it.
    n_iter_ : int
        Number of rounds, those of the robust start included, at least 1.
    converged_ : bool
        Whether the rounds ended because they changed nothing any more.
    stop_reason_ : str
        Why they ended: "converged"; "stalled", where the loss no longer fell but
        the fits went on changing (`regressor_` is then the one with the smallest loss);
        "max_iter"; or "exact", where the first fit left no residuals to go by.
    n_features_in_ : int
        Number of features seen in `fit`, as `regressor_` has it.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if `regressor_` has them.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` rounds were not enough.
    UserWarning
        If the fit leaves no residuals, or none on more than half of the rows; and if
        no round lowered the loss, so that `regressor_` is the first fit.

    See Also
    --------
    AdaptiveLossRegressor : Linear regression under this loss, with a start that
        withstands outliers in X too, standard errors, and a loss that is learnt.
    TargetWeightedRegressor : Weights from how rare a target is.
    loss.weight : The weights.

    Notes
    -----
    This is iterated reweighting [1]_, a majorise-minimise method. For every
    ``alpha <= 2`` the mean loss falls in each round, or stays, if the regressor is the
    exact minimum of a weighted sum of squares: least squares, the mean of a leaf. With
    a penalty that the regressor adds, as Ridge does, it is the loss plus the penalty
    that falls, ``sum(s * c**2 * rho) + l2 / 2 * ||coef||**2`` for ``Ridge(l2)``, while
    the loss alone may rise. That is why weights are not brought to a mean of 1, as
    those for rare targets are: each round would have another penalty. Hence a penalty
    weighs a little more than without reweighting, by ``1 / mean(weights_)``.

    Forests, boosters and greedy trees are no exact minima. Their loss falls for some
    rounds and then goes up and down. The fit stops when it has found no lower loss, and
    the predictions have come no closer to each other, for three rounds.

    With ``c="auto"`` or an alpha below 1, the first rounds are a robust start: nearly
    least absolute deviations, with c a fifth of the scale and the scale measured anew
    in each round, until it no longer falls. Then `c_` stays as it is. Up to about 30 %
    of gross errors in y leave the scale usable; outliers in X that hold the first
    fit cannot be undone by weights.

    Weights can only be heeded. A tree grown to the end has each row in a leaf of its
    own, where it makes the prediction however little it weighs; so do all forests
    of such trees before scikit-learn 1.9, which draws their rows by weight. Give them
    ``min_samples_leaf=5``.

    A robust loss takes rare targets for wrong ones. Put
    :class:`TargetWeightedRegressor` around this regressor, not inside: then its
    weights count for what is typical.

    A regressor that minimises another loss than the square, such as
    ``HistGradientBoostingRegressor(loss="absolute_error")``, is fitted with these
    weights too, but to what end nobody knows. A `TransformedTargetRegressor` inside
    fits squares of transformed targets, while residuals and c are in the units of `y`;
    put it outside to have all of it in transformed units.

    With `folds` the loss is that of rows not fitted to, and need not fall in any round.
    A `sample_weight` of k then weighs as k rows do that share a fold.

    References
    ----------
    .. [1] P. W. Holland and R. E. Welsch, "Robust Regression Using Iteratively
           Reweighted Least-Squares", Communications in Statistics A6, 1977, 813-827.
           https://doi.org/10.1080/03610927708827533
    .. [2] J. T. Barron, "A General and Adaptive Robust Loss Function", CVPR 2019.
           https://arxiv.org/abs/1701.03077

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from skrobust import ReweightedRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-3, 3, size=(300, 1))
    >>> truth = 10 * np.sin(X.ravel())
    >>> y = truth + rng.normal(size=300)
    >>> y[:30] += 100
    >>> forest = RandomForestRegressor(20, min_samples_leaf=5, random_state=0)
    >>> print(f"{np.abs(forest.fit(X, y).predict(X) - truth).mean():.1f}")
    10.9
    >>> robust = ReweightedRegressor(forest, alpha="geman_mcclure").fit(X, y)
    >>> print(f"{np.abs(robust.predict(X) - truth).mean():.1f}")
    0.4
    >>> bool(robust.weights_[:30].max() < 0.01)
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "regressor": [HasMethods("fit"), None],
        "alpha": [
            Interval(Real, None, 2, closed="both"),
            StrOptions(set(loss.ALPHAS)),
            callable,
        ],
        "c": [
            Interval(Real, 0, None, closed="neither"),
            StrOptions({"auto"}),
            callable,
        ],
        "loss": [StrOptions({"general", "huber", "bisquare"})],
        "efficiency": [Interval(Real, 0, 1, closed="neither")],
        # Not called cv: check_estimator gives that splits, and then asks of the
        # regressor that a row of weight 2 be two rows of a leaf.
        "folds": ["cv_object"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "on_unsupported": [StrOptions({"raise", "resample"})],
        "random_state": ["random_state"],
    }

    # It hands weights on: with metadata routing it asks for them.
    __metadata_request__fit = {"sample_weight": True}

    def __init__(
        self,
        regressor: Any = None,
        alpha: Any = 1.0,
        c: Any = "auto",
        *,
        loss: str = "general",
        efficiency: float = 0.95,
        folds: Any = None,
        max_iter: int = 20,
        tol: float = 1e-4,
        on_unsupported: str = "raise",
        random_state: Any = None,
    ) -> None:
        self.regressor = regressor
        self.alpha = alpha
        self.c = c
        self.loss = loss
        self.efficiency = efficiency
        self.folds = folds
        self.max_iter = max_iter
        self.tol = tol
        self.on_unsupported = on_unsupported
        self.random_state = random_state

    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> ReweightedRegressor:
        """Fit the regressor again and again, with weights by its residuals.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features, passed on as they are.
        y : array-like of shape (n_samples,)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample, not negative and not all zero. A weight of k means
            the row k times, 0 that it is not there, as far as the regressor sees it so.

        Returns
        -------
        self : ReweightedRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter is outside its domain; if `y` or `sample_weight` hold NaN or
            infinity; if an alpha by target is above 2; if weights would not reach the
            regressor; if `c` is so small that no row is trusted; or if the test folds
            of `folds` do not hold each row once.
        """
        self._validate_params()
        targets = self._check_y(y)
        s = check_weights(sample_weight, len(targets))
        terms = _terms_of(self)
        task = _task_of(terms, targets, s)
        regressor, splits = self._regressor(), None
        if self.folds is not None:
            X, targets = indexable(X, targets)
            splits = splits_of(self.folds, regressor, X, targets, s)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        fits = Fits(regressor, X, targets, s, splits, self.on_unsupported, seed)
        result = Rounds(fits, task).run()
        self.regressor_ = result.finish()
        self._terms, self.weights_ = terms, result.best.weights
        self.alpha_ = np.nan if task.loss != "general" else task.alpha
        self.c_, self.scale_ = result.c, result.scale
        self.loss_curve_, self.n_iter_ = np.array(result.curve), max(result.n_iter, 1)
        self.stop_reason_ = result.reason
        self.converged_ = result.reason == "converged"
        for message, category in result.notes:
            warnings.warn(message, category, stacklevel=2)
        return self

    def predict(self, X: Any) -> Array:
        """Predict the target.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            Predicted target.
        """
        check_is_fitted(self, "regressor_")
        predicted: Array = self.regressor_.predict(X)
        return predicted

    def weigh(self, X: Any, y: ArrayLike) -> Float:
        """Return how far the loss trusts rows, new ones or old, by their residuals.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,)
            Targets.

        Returns
        -------
        ndarray of shape (n_samples,)
            Weights from 0 to 1. For the rows of `fit` they are what another round would
            fit with: `weights_` after convergence, unless there are `folds`.

        Raises
        ------
        ValueError
            If `y` is not one finite target for each row of `X`.
        """
        check_is_fitted(self, "regressor_")
        y = self._check_y(y)
        check_consistent_length(X, y)
        task = _task_of(self._terms, y, None)
        c = self.c_ if task.tunes else task.c
        residuals = y - as_vector(self.regressor_.predict(X), y)
        return weights_of(task.family(), residuals, c)


def _terms_of(estimator: ReweightedRegressor) -> SimpleNamespace:
    """Return the parameters of the loss, which `set_params` shall not change."""
    names = ("alpha", "c", "loss", "efficiency", "max_iter", "tol")
    given = {name: deepcopy(getattr(estimator, name)) for name in names}
    return SimpleNamespace(**given, alpha_bounds=(0.0, 2.0), l2=0.0, start="annealed")


def _task_of(terms: SimpleNamespace, y: Array, s: Float | None) -> Task:
    """Return the loss of the targets, its parameters checked."""
    task = tasks_of(terms, y[:, None], s)[0]
    if task.highest > 2:
        raise ValueError(
            "alpha must be at most 2 for every target: above it a weight grows with "
            f"the residual, and reweighting finds no minimum. Got {task.highest:g}. "
            "Lower it, or fit a linear model by AdaptiveLossRegressor."
        )
    return task
