"""Linear regression under the general robust loss."""

import warnings
from copy import deepcopy
from itertools import repeat
from numbers import Integral, Real
from types import SimpleNamespace

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from skrobust import loss
from skrobust._all_or_nothing import all_or_nothing
from skrobust._compat import (
    FRAMES_ADDED,
    CallbackSupportMixin,
    Interval,
    StrOptions,
    with_callbacks,
)
from skrobust._fits import fit_rows
from skrobust._passes import fit_together
from skrobust._progress import Progress
from skrobust._readings import check_coverage, interval, log_likelihood, table, trust
from skrobust._rows import LinearModel, Rows, one_blas_thread
from skrobust._sample_weight import as_counts, check_weights
from skrobust._task import tasks_of

__all__ = ["AdaptiveLossRegressor"]


class AdaptiveLossRegressor(CallbackSupportMixin, RegressorMixin, BaseEstimator):
    """Linear regression whose loss decides how much an outlier counts.

    By default it learns that from the data: coefficients, and shape and scale of
    Barron's general loss [1]_, are those of the maximum likelihood, next to a robust
    start. At a given shape
    and scale it minimises the weighted mean loss plus an L2 penalty::

        sum(w * c**2 * rho(y - X @ coef - intercept, alpha, c)) / sum(w)
            + l2 / 2 * ||coef||**2

    `alpha` is the *shape of the loss*, as in the paper, and not the strength of a
    penalty, as in :class:`~sklearn.linear_model.Ridge`: that is `l2` here.

    Parameters
    ----------
    alpha : float, str or callable, default="adaptive"
        Shape of the loss, from -inf to inf, or its name: "l2" (2), "pseudo_huber" (1),
        "cauchy" (0), "geman_mcclure" (-2), "welsch" (-inf). The smaller, the less an
        outlier counts; only below 0 does one in X, far from the other rows, lose its
        hold. With "adaptive", the most likely one within `alpha_bounds`. A callable
        gets the targets (n_samples,) and returns a shape for each, as
        :class:`TargetConditioned` does; predicting needs no targets.
    c : float, str or callable, default="auto"
        Scale of the loss in the units of `y`: residuals well below it count as in least
        squares, those above it less and less. With "auto" it is the robust scale of the
        residuals, `scale_`, times the constant that gives `efficiency`; at
        ``alpha="adaptive"``, the most likely one. With "adaptive", the most likely one
        for an alpha of at least 0. A callable gets the targets and returns a scale for
        each. With ``alpha=2`` it has no say unless it depends on the target.
    loss : {"general", "huber", "bisquare"}, default="general"
        The loss: of the general family, or :data:`loss.huber` or :data:`loss.bisquare`,
        which have no `alpha`. With "bisquare" the fit is the MM-estimate that R's
        ``lmrob`` computes.
    alpha_bounds : pair of float, default=(0.0, 2.0)
        Smallest and largest alpha that is learnt, from 0 to inf.
    efficiency : float or "auto", default=0.95
        With ``c="auto"``: variance of least squares over that of this fit when errors
        are normal, between 0 and 1. Lower values resist outliers more. For `alpha`
        between about 1.6 and 2 the loss is more efficient than 0.95 at any `c`; `c` is
        then a tenth of the scale. With "auto" it is raised from 0.6 to 0.95, and stops
        where the robust scale of the residuals would jump [4]_.
    l2 : float, default=0.0
        Strength of the penalty on the coefficients, at least 0; the intercept is free.
        It stands beside the squared residual: with ``alpha=2`` the fit is that of
        ``Ridge(alpha=l2 * sum(w))``, whatever `c`.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    start : {"auto", "robust", "annealed", "least_squares"}, default="auto"
        Where the fit starts, which below ``alpha=1`` decides which of several minima it
        ends in. "robust" is an S-estimate, the fit with the smallest robust scale of
        the residuals, which withstands outliers of any kind in up to nearly half of the
        rows [2]_; of two such fits the one whose residuals are clearly smaller in the
        middle of X. "annealed" is a path of fits along which alpha falls from near 2.
        "auto" is "robust" where alpha may be below 1, and there are rows enough (for
        more than 50 coefficients and a learnt loss it is "annealed");
        else the problem is convex and starts from least squares, or from zero where
        outliers have made that worse than nothing.
    max_iter : int, default=100
        Largest number of solver iterations in the last fit, the one on all rows.
    tol : float, default=1e-8
        Size of the gradient at which the solver stops: by how much another Newton step
        would move the predictions, in units of `c` and as a root mean square, whatever
        the units of `X` and `y`. Where rounding hides that, the fit stops there.
    warm_start : bool, default=False
        Whether to start from the coefficients of the fit before, with no search.
    verbose : int, default=0
        Whether to print a line for each iteration of the last fit.
    random_state : int, RandomState or None, default=None
        Draws the subsets of rows that a robust start looks at. Their number is such
        that nearly every seed ends in the same fit.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        Slopes, in units of `y` over units of `X`.
    intercept_ : float or ndarray of shape (n_outputs,)
        Prediction at the origin, 0.0 if ``fit_intercept=False``.
    alpha_ : float or ndarray
        Shape of the loss as a number, or one for each output (n_outputs,), or for each
        training row if it depends on the target; NaN for a loss that has none, and for
        an exact fit, which teaches none.
    c_ : float or ndarray
        Scale of the loss, in the units of `y`; shapes as `alpha_`.
    scale_ : float or ndarray of shape (n_outputs,)
        Robust standard deviation of the residuals, in the units of `y`. With
        ``c="auto"`` and a robust start it is the S-scale, the root of
        ``sum(w * rho(r / scale_)) = (sum(w) - p) / 2 * max(rho)`` at the S-estimate;
        otherwise 1.4826 times the weighted median size of the residuals, of a first
        convex fit if `c_` rests on them, else of this one.
    weights_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        How far the fit trusts each training row, from 0 to 1: least squares with these
        weights (times `sample_weight`) gives the same coefficients.
    efficiency_ : float or ndarray of shape (n_outputs,)
        The efficiency that c rests on; NaN where c is given or learnt.
    active_ : tuple of str, or a list of them
        The bound that holds a learnt alpha, "alpha_lower" or "alpha_upper": the
        likelihood would rise, or not fall, beyond it. Empty if there is none.
    alternative_ : tuple or None, or a list of them
        Another minimum of the robust scale, no more than a tenth worse than the best:
        its `coef`, `intercept` and `scale`. The data then tell two stories.
    converged_ : bool
        Whether the gradient fell to `tol`, or as far as rounding lets it.
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
        If more than half of the rows are fitted exactly and the others are not: with
        ``c="auto"`` the scale is then 0, and the others are left out of the fit. If
        ``efficiency="auto"`` stops early. If there are fewer than five rows for each
        coefficient: to learn alpha and c (the fit then has ``alpha=1, c="auto"``) or
        for a robust start of a loss with ``alpha < 0`` (from two rows down, it is then
        the annealed one).

    See Also
    --------
    AdaptiveLossRegressorCV : Chooses alpha and c by cross-validation.
    TargetConditioned : An alpha for each row, by the size of its target.
    sklearn.linear_model.HuberRegressor : One convex loss, fitted by L-BFGS.
    TargetWeightedRegressor : Weights for rare targets, for any regressor.

    Notes
    -----
    For ``alpha >= 0``, which the adaptive fit has too, outliers in `y` are bounded or
    rejected, but one in `X` far from the others (a bad leverage point) can still decide
    the fit. Below 0 the loss is bounded, and with ``c="auto"`` the fit is an
    MM-estimate [3]_, which withstands both.

    With `c` learnt, the penalty is in units of it, and it is the most likely one for
    the residuals: the penalty has no say in it.

    Rows are read in blocks, on as many threads as the BLAS may use. X is never copied
    as a whole, and other sparse formats are converted to CSR. Of many rows some
    thousand are fitted first, for a start. Several outputs read X together.

    References
    ----------
    .. [1] J. T. Barron, "A General and Adaptive Robust Loss Function", CVPR 2019.
           https://arxiv.org/abs/1701.03077
    .. [2] P. J. Rousseeuw and V. J. Yohai, "Robust Regression by Means of
           S-Estimators", Lecture Notes in Statistics 26, 1984, 256-272.
           https://doi.org/10.1007/978-1-4615-7821-5_15
    .. [3] V. J. Yohai, "High Breakdown-Point and High Efficiency Robust Estimates for
           Regression", Annals of Statistics 15, 1987, 642-656.
           https://doi.org/10.1214/aos/1176350366
    .. [4] M. Riani, A. Cerioli, A. C. Atkinson, D. Perrotta, "Monitoring Robust
           Regression", Electronic Journal of Statistics 8, 2014, 646-677.
           https://doi.org/10.1214/14-EJS897

    Examples
    --------
    >>> import numpy as np
    >>> from skrobust import AdaptiveLossRegressor
    >>> X = np.arange(20.0)[:, None]
    >>> y = 3 * X.ravel() + np.tile([0.1, -0.1], 10)
    >>> y[-4:] = 0.0
    >>> model = AdaptiveLossRegressor(alpha="geman_mcclure", random_state=0).fit(X, y)
    >>> model.coef_.round(2)
    array([3.])
    >>> np.flatnonzero(model.weights_ < 0.01)
    array([16, 17, 18, 19])
    """

    _parameter_constraints: dict = {
        "alpha": [
            Interval(Real, None, None, closed="both"),
            StrOptions({"adaptive", *loss.ALPHAS}),
            callable,
        ],
        "c": [
            Interval(Real, 0, None, closed="neither"),
            StrOptions({"auto", "adaptive"}),
            callable,
        ],
        "loss": [StrOptions({"general", "huber", "bisquare"})],
        "alpha_bounds": ["array-like"],
        "efficiency": [Interval(Real, 0, 1, closed="neither"), StrOptions({"auto"})],
        "l2": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "start": [StrOptions({"auto", "robust", "annealed", "least_squares"})],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        alpha="adaptive",
        c="auto",
        *,
        loss="general",
        alpha_bounds=(0.0, 2.0),
        efficiency=0.95,
        l2=0.0,
        fit_intercept=True,
        start="auto",
        max_iter=100,
        tol=1e-8,
        warm_start=False,
        verbose=0,
        random_state=None,
    ):
        self.alpha = alpha
        self.c = c
        self.loss = loss
        self.alpha_bounds = alpha_bounds
        self.efficiency = efficiency
        self.l2 = l2
        self.fit_intercept = fit_intercept
        self.start = start
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    @with_callbacks
    def fit(self, X, y, sample_weight=None):
        """Fit the coefficients.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features. float32 is read as it is and computed with in float64.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target. Each column is fitted on its own, with its own alpha, c and scale.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample, not negative; 1 each by default. A weight of k means
            the row k times, 0 that it is not there. Weights with a mean below 1 only
            say how rows compare: they count as if their mean were 1.

        Returns
        -------
        self : AdaptiveLossRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter is outside its domain, or does not go with another; if `X`,
            `y` or `sample_weight` hold NaN or infinity, or do not have the same number
            of rows; if no weight is positive; if ``start="robust"`` and there are too
            few rows; or if the loss overflows, which it can for ``alpha > 2``.
        """
        self._validate_params()
        context = self._init_callback_context(max_subtasks=None)
        with all_or_nothing(self):
            X, y = self._checked(X, y, multi_output=True, y_numeric=True, reset=True)
            columns = np.asfortranarray(y, np.float64).reshape(len(y), -1, order="F")
            weights = as_counts(check_weights(sample_weight, len(y)))
            progress = Progress(self, context, X, y, sample_weight)
            tasks = tasks_of(
                self,
                columns,
                weights,
                seed=check_random_state(self.random_state).randint(2**31 - 1),
                before=self._before(columns.shape[1]),
                watch=progress.watch,
            )
            models = repeat(LinearModel(bool(self.fit_intercept)), len(tasks))
            progress.begin()
            with one_blas_thread() as threads:
                rows = [
                    Rows(X, column, weights, threads=threads) for column in columns.T
                ]
                fits = fit_together(fit_rows, rows, models, tasks)
            self._learn(fits, single=y.ndim == 1)
            progress.end()
        return self

    def predict(self, X):
        """Predict the target.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predicted target, in float64 for float32 features too.
        """
        check_is_fitted(self)
        return self._predicted(self._checked(X))

    def predict_interval(self, X, coverage=0.9):
        """Predict where new targets are, with a given probability.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        coverage : float, default=0.9
            Probability of each interval, between 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, 2, n_outputs)
            Lower and upper end, in the unit of `y`.

        Raises
        ------
        ValueError
            If `coverage` is not between 0 and 1, or there were too many features.

        Notes
        -----
        Where alpha or c is learnt, errors have the density of the general loss with
        `alpha_` and `c_`. Otherwise, and where one of them depends on the target, they
        count as normal with standard deviation `scale_`: the interval is then for
        targets that are no outliers. The error of the prediction itself is added. The
        spread is taken to be the same everywhere.
        """
        check_is_fitted(self)
        check_coverage(coverage)
        X = self._checked(X)
        with one_blas_thread() as threads:
            rows = Rows(X, np.empty(0), threads=threads)
            ends = [interval(fit, rows, coverage) for fit in self._fits]
        return np.stack(ends, axis=-1) if np.ndim(self.intercept_) else ends[0]

    def summary(self, coverage=0.95):
        """Return a table of the estimates with their errors, tests and intervals.

        Parameters
        ----------
        coverage : float, default=0.95
            Probability of each interval, between 0 and 1.

        Returns
        -------
        DataFrame, or a list of them, one for each output
            A row for "intercept", for each feature by its name (x0, x1 ... if it has
            none), and for "alpha" and "c" where they are learnt. Columns: "coef" and
            "std_err"; "t", their ratio; "p", the probability of one as large if the
            coefficient is 0; "low" and "high", the interval. NaN where the rows do not
            determine a coefficient, or alpha is on a bound.

        Raises
        ------
        ValueError
            If `coverage` is not between 0 and 1, or there were too many features.
        ImportError
            If pandas is not installed.

        Notes
        -----
        The covariance of the coefficients is the sandwich of an M-estimator, which
        holds for errors of any distribution and spread. After a high-breakdown start
        it includes that of the scale, as in R's ``lmrob(cov=".vcov.avar1")``. Errors of
        alpha and c are those of the expected information.
        """
        check_is_fitted(self)
        check_coverage(coverage)
        names = getattr(self, "feature_names_in_", None)
        bounds = tuple(self.alpha_bounds)
        tables = [table(fit, names, bounds, coverage) for fit in self._fits]
        return tables if np.ndim(self.intercept_) else tables[0]

    def weigh(self, X, y):
        """Return how far the fit would trust rows, new ones or old.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target.

        Returns
        -------
        ndarray of the shape of y
            Weights from 0 to 1; for the rows of `fit`, `weights_`.
        """
        y, tasks, predicted = self._judged(X, y)
        weights = [
            trust(*columns)
            for columns in zip(self._fits, tasks, y.T, predicted.T, strict=True)
        ]
        return np.stack(weights, axis=-1) if np.ndim(self.intercept_) else weights[0]

    def log_likelihood(self, X, y, sample_weight=None):
        """Return the log-likelihood of targets under the density of the loss.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample, not negative; 1 each by default.

        Returns
        -------
        float or ndarray of shape (n_outputs,)
            Weighted sum of the logarithms of ``exp(-rho) / (c Z(alpha))``: the density
            `general_dist` with `alpha_` and `c_`.

        Raises
        ------
        ValueError
            If there is no density: for negative alpha, for losses other than "general",
            and after an exact fit, whose c is 0.
        """
        y, tasks, predicted = self._judged(X, y)
        weights = check_weights(sample_weight, len(y))
        likelihoods = [
            log_likelihood(*columns, weights)
            for columns in zip(self._fits, tasks, y.T, predicted.T, strict=True)
        ]
        return np.array(likelihoods) if np.ndim(self.intercept_) else likelihoods[0]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.multi_output = True
        return tags

    def _checked(self, X, *y, **options):
        """Return X, and y, as arrays of numbers."""
        return validate_data(
            self,
            X,
            *y,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            **{"reset": False, **options},
        )

    def _predicted(self, X):
        """Return the predictions for an X that was checked."""
        predicted = np.empty((X.shape[0], *np.shape(self.intercept_)))

        def visit(block):
            predicted[block] = rows.features(block) @ self.coef_.T
            return ()

        with one_blas_thread() as threads:
            rows = Rows(X, np.empty(0), threads=threads)
            rows.sum(visit)
        predicted += self.intercept_
        return predicted

    def _judged(self, X, y):
        """Return columns of y, what the fit would make of them, and predictions."""
        check_is_fitted(self)
        X, y = self._checked(X, y, multi_output=True, y_numeric=True)
        if np.shape(y)[1:] != np.shape(self.intercept_):
            raise ValueError(
                f"y must have as many outputs as in fit, {len(self._fits)}. Got shape "
                f"{y.shape}."
            )
        columns = y.astype(np.float64, copy=False).reshape(len(y), -1)
        predicted = self._predicted(X).reshape(columns.shape)
        return columns, tasks_of(self._fitted_with, columns), predicted

    def _before(self, n_outputs):
        """Return coefficients and intercept of each output to begin with, if any."""
        if not (self.warm_start and hasattr(self, "coef_")):
            return None
        coef, intercept = np.atleast_2d(self.coef_), np.atleast_1d(self.intercept_)
        if coef.shape != (n_outputs, self.n_features_in_):
            raise ValueError(
                "warm_start=True needs as many outputs and features as the fit before "
                f"had, {coef.shape}. Got {(n_outputs, self.n_features_in_)}. Set "
                "warm_start=False."
            )
        return list(zip(coef, intercept.tolist(), strict=True))

    def _learn(self, fits, single):
        """Keep what the fits of the columns of y learnt, and warn of what they note."""

        def joined(name, axis=-1):
            values = [getattr(fit, name) for fit in fits]
            return values[0] if single else np.stack(values, axis)

        self.coef_ = joined("coef", axis=0)
        self.intercept_, self.scale_ = joined("intercept"), joined("scale")
        self.alpha_, self.c_ = joined("alpha"), joined("c")
        self.weights_, self.efficiency_ = joined("weights"), joined("efficiency")
        for name in ("active", "alternative"):
            values = [getattr(fit, name) for fit in fits]
            setattr(self, f"{name}_", values[0] if single else values)
        self.n_iter_ = max(fit.n_iter for fit in fits)
        self.converged_ = all(fit.converged for fit in fits)
        self._fits = [fit._replace(weights=None, notes=None) for fit in fits]
        # What the loss of new rows is must not change with `set_params`.
        self._fitted_with = SimpleNamespace(**deepcopy(self.get_params(deep=False)))
        for output, fit in enumerate(fits):
            where = "" if single else f"Output {output}: "
            for message, category in fit.notes:
                warnings.warn(where + message, category, stacklevel=3 + FRAMES_ADDED)
