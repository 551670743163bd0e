"""Linear regression under the general robust loss."""

import warnings
from contextlib import contextmanager
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from skrobust import loss
from skrobust._compat import Interval, StrOptions
from skrobust._objective import LinearModel, MeanLoss, Rows, one_blas_thread
from skrobust._sample_weight import check_weights
from skrobust._solvers import minimise, warn_unless_converged
from skrobust._starts import (
    EXACT_SCALE,
    first_fit,
    in_own_units,
    path,
    sample,
    scale,
    start_of,
    tame,
    walk,
)
from skrobust.tuning import tuning_constant

__all__ = ["AdaptiveLossRegressor"]

# Times c from which a row pulls no harder at alpha = 1, to the last digit.
REACH = 1e8


class AdaptiveLossRegressor(RegressorMixin, BaseEstimator):
    """Linear regression that minimises Barron's general loss of the residuals.

    Minimises the weighted mean loss plus an L2 penalty::

        sum(w * c**2 * rho(y - X @ coef - intercept, alpha, c)) / sum(w)
            + l2 / 2 * ||coef||**2

    `alpha` is the *shape of the loss*, as in the paper [1]_, and not the strength of a
    penalty, as in :class:`~sklearn.linear_model.Ridge`: that is `l2` here.

    Parameters
    ----------
    alpha : float or str, default=1.0
        Shape of the loss, from -inf to inf, or its name: "l2" (2), "pseudo_huber" (1),
        "cauchy" (0), "geman_mcclure" (-2), "welsch" (-inf). The smaller, the less an
        outlier counts. From 1 on the problem is convex. Below 1 the answer is the
        local minimum to which a path of fits leads that starts at 1.
    c : float or "auto", default="auto"
        Scale of the loss in the units of `y`: residuals well below it count as in least
        squares, those above it less and less. With "auto" it is the robust scale of the
        residuals of a first fit, `scale_`, times the constant that gives `efficiency`.
        With ``alpha=2`` it has no say.
    efficiency : float, default=0.95
        With ``c="auto"``: variance of least squares over that of this fit when errors
        are normal, between 0 and 1. Lower values resist outliers more. For `alpha`
        between about 1.6 and 2 the loss is more efficient than 0.95 at any `c`; `c` is
        then a tenth of the scale.
    l2 : float, default=0.0
        Strength of the penalty on the coefficients, at least 0; the intercept is free.
        It stands beside the squared residual: with ``alpha=2`` the fit is that of
        ``Ridge(alpha=l2 * sum(w))``, whatever `c`.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    max_iter : int, default=100
        Largest number of solver iterations in the last fit, the one on all rows.
    tol : float, default=1e-8
        Size of the gradient at which the solver stops: by how much another Newton step
        would move the predictions, in units of `c` and as a root mean square, whatever
        the units of `X` and `y`. Where rounding hides that, the fit stops there.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Slopes, in units of `y` over units of `X`.
    intercept_ : float
        Prediction at the origin, 0.0 if ``fit_intercept=False``.
    alpha_ : float
        Shape of the loss as a number.
    c_ : float
        Scale of the loss, in the units of `y`.
    scale_ : float
        Robust standard deviation of the residuals, in the units of `y`: 1.4826 times
        their weighted median size. With ``c="auto"``, on which `c_` then rests, they
        are those of the first fit, without the smallest, one for each coefficient;
        otherwise, and with ``alpha=2``, those of this fit.
    weights_ : ndarray of shape (n_samples,)
        How far the fit trusts each training row, from 0 to 1: least squares with these
        weights (times `sample_weight`) gives the same coefficients.
    n_iter_ : int
        Solver iterations of the last fit, at least 1.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where all of them are strings.

    Warns
    -----
    ConvergenceWarning
        If the gradient is above `tol` after `max_iter` iterations.
    UserWarning
        If clearly more than half of the rows are fitted exactly and the others are not:
        with ``c="auto"`` the scale is then 0, and the others are left out of the fit.

    See Also
    --------
    sklearn.linear_model.HuberRegressor : One convex loss, fitted by L-BFGS.
    TargetWeightedRegressor : Weights for rare targets, for any regressor.

    Notes
    -----
    Outliers in `y` are bounded or rejected, according to `alpha`. An outlier in `X`
    far from the others (a bad leverage point) can still decide the fit.

    Rows are read in blocks, on as many threads as the BLAS may use. X is never copied
    as a whole, and other sparse formats are converted to CSR. Of many rows some
    thousand are fitted first, for a start; which, makes no difference to a convex fit.

    References
    ----------
    .. [1] J. T. Barron, "A General and Adaptive Robust Loss Function", CVPR 2019.
           https://arxiv.org/abs/1701.03077

    Examples
    --------
    >>> import numpy as np
    >>> from skrobust import AdaptiveLossRegressor
    >>> X = np.arange(20.0)[:, None]
    >>> y = 3 * X.ravel() + np.tile([0.1, -0.1], 10)
    >>> y[-4:] = 0.0
    >>> model = AdaptiveLossRegressor(alpha="geman_mcclure").fit(X, y)
    >>> model.coef_.round(2)
    array([3.])
    >>> np.flatnonzero(model.weights_ < 0.01)
    array([16, 17, 18, 19])
    """

    _parameter_constraints: dict = {
        "alpha": [
            Interval(Real, None, None, closed="both"),
            StrOptions(set(loss.ALPHAS)),
        ],
        "c": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "efficiency": [Interval(Real, 0, 1, closed="neither")],
        "l2": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        alpha=1.0,
        c="auto",
        *,
        efficiency=0.95,
        l2=0.0,
        fit_intercept=True,
        max_iter=100,
        tol=1e-8,
    ):
        self.alpha = alpha
        self.c = c
        self.efficiency = efficiency
        self.l2 = l2
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, X, y, sample_weight=None):
        """Fit the coefficients.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features. float32 is read as it is and computed with in float64.
        y : array-like of shape (n_samples,)
            Target.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample, not negative; 1 each by default. A weight of k means
            the row k times, 0 that it is not there.

        Returns
        -------
        self : AdaptiveLossRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter is outside its domain; if `X`, `y` or `sample_weight` hold
            NaN or infinity, or do not have the same number of rows; if no weight is
            positive; or if the loss overflows, which it can for ``alpha > 2``.
        """
        self._validate_params()
        with _all_or_nothing(self):
            X, y = validate_data(
                self,
                X,
                y,
                accept_sparse="csr",
                dtype=[np.float64, np.float32],
                y_numeric=True,
            )
            y = y.astype(np.float64, copy=False)
            weights = check_weights(sample_weight, len(y))
            model = LinearModel(bool(self.fit_intercept))
            with one_blas_thread() as threads:
                fitted = self._solve(Rows(X, y, weights, threads=threads), model)
            self.coef_, self.intercept_ = fitted.coef, fitted.intercept
            self.alpha_, self.c_, self.scale_ = fitted.alpha, fitted.c, fitted.scale
            self.weights_, self.n_iter_ = fitted.weights, fitted.n_iter
        return self

    def predict(self, X):
        """Predict the target.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            Predicted target, in float64 for float32 features too.
        """
        check_is_fitted(self)
        X = validate_data(
            self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False
        )
        model, params = LinearModel(True), np.append(self.coef_, self.intercept_)
        with one_blas_thread() as threads:
            rows = Rows(X, np.empty(0), threads=threads)
            return rows.collect(lambda block: model(params, rows.features(block))[0])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _solve(self, rows, model):
        """Return what `fit` learns, or say why the loss cannot be fitted."""
        alpha = float(loss.ALPHAS.get(self.alpha, self.alpha))
        rows, few = in_own_units(rows, sample(rows), model)
        try:
            return self._minimum(rows, few, model, alpha)
        except FloatingPointError as error:
            raise ValueError(
                f"The loss of alpha={alpha} overflows at c={self.c!r}: some residuals "
                "are too many times c, or columns of X too large to be squared. Raise "
                "c, lower alpha, or scale X."
            ) from error

    def _minimum(self, rows, few, model, alpha):
        """Minimise the objective from a start that `few` of the rows give."""
        start = start_of(few, model, self.l2)
        sigma = None
        if self.c == "auto" and alpha != 2:
            start = self._first_fit(rows, few, model, start)
            if start.exact is not None:
                return _exact(rows, model, alpha, start)
            sigma = start.scale
        c_at = self._c_at(sigma, rows.unit)
        reach = REACH * c_at(alpha) if alpha <= 1 else np.inf
        if sigma is None and few.largest > reach:
            start = first_fit(few, model, self.l2, start)
        few = tame(few, model, start.params, reach)

        steps = path(alpha)
        if sigma is not None or len(few) == len(rows):
            steps = steps[:-1]  # the start is one on all rows
        on_few = (MeanLoss(few, model, a, c_at(a), self.l2) for a in steps)
        params = walk(on_few, start.params)
        rows = tame(rows, model, params, reach)
        final = MeanLoss(rows, model, alpha, c_at(alpha), self.l2)
        solution = minimise(final, params, tol=self.tol, max_iter=self.max_iter)
        warn_unless_converged(solution, self.tol, self.max_iter, stacklevel=4)
        return _learnt(final, solution, sigma, keep_c=self.c != "auto" or alpha != 2)

    def _first_fit(self, rows, few, model, start):
        """Return a robust fit of all rows, by way of one of a few."""
        first = first_fit(few, model, self.l2, start)
        if len(few) < len(rows):
            if first.exact is not None:  # which all rows need not be
                first = start_of(rows, model, self.l2)
            first = first_fit(rows, model, self.l2, first)
        if not first.settled:
            warnings.warn(
                "The scale of the residuals did not settle: scale_ and c_ may be off. "
                "Give c a value in the units of y.",
                ConvergenceWarning,
                stacklevel=5,
            )
        return first

    def _c_at(self, sigma, unit):
        """Return the function that gives c, in units of the rows, for an alpha."""
        if sigma is not None:
            return lambda alpha: sigma * tuning_constant(alpha, float(self.efficiency))
        return lambda alpha: 1.0 if self.c == "auto" else float(self.c) / unit


class _Fitted(NamedTuple):
    """What a fit learns: the attributes of the estimator, without underscores."""

    coef: np.ndarray
    intercept: float
    alpha: float
    c: float
    scale: float
    weights: np.ndarray
    n_iter: int


def _learnt(objective, solution, sigma, keep_c):
    """Return what the fit that ended in `solution` learnt."""
    rows, model, params = objective.rows, objective.model, solution.params
    alpha, c = objective.alpha, objective.c
    weights = np.empty(len(rows))

    def residuals(block):
        """Return residuals, and keep their weights: one pass over X for both."""
        values = rows.residuals(block, model, params)
        weights[block] = loss.weight(values, alpha, c)
        return values

    if sigma is None:
        sigma = scale(rows, residuals)
        sigma = sigma if sigma > EXACT_SCALE else 0.0
    else:
        rows.collect(residuals)
    if alpha > 2:  # above 1 there: the largest is the unit
        counted = slice(None) if rows.weights is None else rows.weights > 0
        weights = np.minimum(weights / weights[counted].max(), 1.0)
    coef, intercept = model.unshifted(params, rows)
    unit, n_iter = rows.unit, max(solution.n_iter, 1)
    c = c if keep_c else sigma
    return _Fitted(coef, intercept, alpha, c * unit, sigma * unit, weights, n_iter)


def _exact(rows, model, alpha, first):
    """Return the fit where more than half of the rows leave no residual."""
    counted = True if rows.weights is None else rows.weights > 0
    left_out = np.count_nonzero(counted & ~first.exact)
    if left_out:
        warnings.warn(
            f"More than half of the rows are fitted exactly: scale_ and c_ are 0, and "
            f"the other {left_out} rows have no say in the fit. Give c a value in the "
            "units of y to let them have one.",
            UserWarning,
            stacklevel=5,
        )
    coef, intercept = model.unshifted(first.params, rows)
    weights = first.exact.astype(float)
    return _Fitted(coef, intercept, alpha, 0.0, 0.0, weights, 1)


@contextmanager
def _all_or_nothing(estimator):
    """Give an estimator its old state back if the block does not end well."""
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
