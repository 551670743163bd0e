"""Multilayer perceptron regression under the general robust loss."""

import warnings
from copy import deepcopy
from numbers import Integral, Real
from types import SimpleNamespace

import numpy as np
from scipy import sparse
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
from skrobust._held_out import drawn, named, reach
from skrobust._network import ACTIVATIONS, Network
from skrobust._network_fit import pose
from skrobust._progress import Progress
from skrobust._readings import check_coverage, log_likelihood, trust
from skrobust._rows import Rows, one_blas_thread
from skrobust._sample_weight import as_counts, check_weights
from skrobust._task import tasks_of
from skrobust._training import Data, Plan, train

__all__ = ["AdaptiveLossMLPRegressor"]


class AdaptiveLossMLPRegressor(CallbackSupportMixin, RegressorMixin, BaseEstimator):
    """Multilayer perceptron whose loss decides how much an outlier counts.

    It is scikit-learn's :class:`~sklearn.neural_network.MLPRegressor` with Barron's
    general loss [1]_ in place of the squared error, and with a solver that needs no
    learning rate. By default shape and scale of the loss are learnt too, by maximum
    likelihood. At a given shape and scale it minimises the weighted mean loss over rows
    and outputs plus an L2 penalty, in units of the spread of each target::

        mean(c**2 * rho(y - f(X), alpha, c)) + l2 / 2 * |coefs|**2

    `alpha` is the *shape of the loss*, as in the paper, and not the strength of a
    penalty, as in :class:`~sklearn.neural_network.MLPRegressor`: that is `l2` here.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Number of units in each hidden layer, at least 1 each.
    activation : str, default="relu"
        Of the hidden units: "identity", "logistic", "tanh", "relu", "silu"
        (``z * expit(z)``) or "gelu" (``z`` times the normal distribution function of
        it). The last two are smooth.
    alpha : float, str or callable, default="adaptive"
        Shape of the loss, from -inf to inf, or its name: "l2" (2), "pseudo_huber" (1),
        "cauchy" (0), "geman_mcclure" (-2), "welsch" (-inf). The smaller, the less an
        outlier counts. With "adaptive", the most likely one of each output within
        `alpha_bounds`. A callable gets the targets of an output (n_samples,) and
        returns a shape for each, as :class:`TargetConditioned` does; predicting needs
        no targets.
    c : float, str or callable, default="auto"
        Scale of the loss in the units of `y`: residuals well below it count as in least
        squares, those above it less and less. With "auto" it is the robust scale of the
        residuals, `scale_`, times the constant that gives `efficiency`; at
        ``alpha="adaptive"``, the most likely one. With "adaptive", the most likely one
        for an alpha of at least 0. A callable gets the targets of an output and returns
        a scale for each. With ``alpha=2`` it has no say.
    loss : {"general", "huber", "bisquare"}, default="general"
        The loss: of the general family, or :data:`loss.huber` or :data:`loss.bisquare`,
        which have no `alpha`.
    alpha_bounds : pair of float, default=(0.0, 2.0)
        Smallest and largest alpha that is learnt, from 0 to inf.
    efficiency : float, default=0.95
        With ``c="auto"``: variance of least squares over that of this loss when errors
        are normal, between 0 and 1. Lower values resist outliers more.
    l2 : float or "auto", default="auto"
        Strength of the penalty on the coefficients, at least 0; intercepts are free. It
        is on the coefficients of features with standard deviation 1 and stands beside
        the mean loss of targets with spread 1, in units of c squared: it does not
        depend on units, nor on how many rows there are (MLPRegressor divides its by
        their number). With "auto" it is `l2_`, which is
        ``300 * s**2 / (n_samples * n_outputs)``, s being the robust scale of the
        residuals over the spread of the target (at least half of that at the start of
        the fit of all rows), but at most ``3e-5 * (1 + 20 * s**2)`` times the geometric
        mean of the numbers of inputs of the layers. It falls with the noise, and with
        what there is to average it out. Where c is given and small beside s, it is
        less, as the loss is.
    n_init : int, default=3
        Number of random starts, of which the one with the smallest robust scale of
        the residuals after a few steps is kept.
    max_iter : int, default=200
        Largest number of solver iterations on all rows, the first half of which takes
        no part in learning alpha and c. A round before them, on some of the rows or
        with a loss on the way to the last one, has an eighth of it at most, and 12.
    tol : float, default=1e-3
        The fit ends where the objective fell by no more than this, relative to itself
        (of a likelihood: in nats for each row and output), in `n_iter_no_change`
        iterations.
    early_stopping : bool, default=False
        Whether to hold out `validation_fraction` of the rows, to end the fit where the
        loss of these no longer falls, and to keep the best network for them. So it does
        with the rows that :meth:`fit` gets as `X_val`, whatever this is.
    validation_fraction : float, default=0.1
        Share of the rows that `early_stopping` holds out, between 0 and 1.
    n_iter_no_change : int, default=10
        Number of iterations without progress, see `tol`, after which the fit ends.
    warm_start : bool, default=False
        Whether to start from the coefficients of the fit before, on all rows at once.
    verbose : int, default=0
        Whether to print a line for each iteration of the last fit.
    random_state : int, RandomState or None, default=None
        Draws the starts, the rows of the first rounds, and those that are held out.

    Attributes
    ----------
    coefs_ : list of ndarray of shape (fan_in, fan_out)
        Coefficients of each layer, for features and targets in their own units, in
        float32 for float32 features.
    intercepts_ : list of ndarray of shape (fan_out,)
        Intercepts of each layer.
    alpha_ : float or ndarray
        Shape of the loss as a number, or one for each output (n_outputs,), or for each
        training row if it depends on the target; NaN for a loss that has none.
    c_ : float or ndarray
        Scale of the loss, in the units of `y`; shapes as `alpha_`.
    scale_ : float or ndarray of shape (n_outputs,)
        M-scale of the training residuals, in the units of `y`: their standard
        deviation where they are normal, whatever up to half of them are. It is held
        from the last round but for changes below 2 per cent, and is at least a
        twentieth of what it was after the first round, with `warm_start` that of the
        first fit.
    weights_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        How far the fit trusts each row that it was given, from 0 to 1.
    l2_ : float
        Strength of the penalty at the end.
    loss_ : float
        The objective at the end, in units of the spread of the target squared; where
        alpha or c are learnt, the negative log-likelihood of a target in units of its
        spread, in nats, with the penalty.
    best_loss_ : float or None
        The smallest of `loss_curve_`, where alpha and c are learnt since they are; None
        if rows were held out.
    loss_curve_ : list of float
        The objective after each iteration on all rows. It steps where the scale, or
        alpha and c, are renewed, and is in the units of `loss_` once these are learnt.
    validation_scores_ : list of float or None
        Minus the mean loss of the rows held out, after each iteration (once alpha and c
        are learnt, the mean log-density), None if there were none.
    best_validation_score_ : float or None
        The largest of them, that of the network that was kept; where alpha and c are
        learnt, since they are.
    n_iter_ : int
        Solver iterations on all rows, at least 1.
    converged_ : bool
        Whether the fit ended by itself: not at `max_iter`, nor by a callback.
    n_layers_ : int
        Number of layers with features and outputs.
    n_outputs_ : int
        Number of outputs.
    out_activation_ : str
        "identity".
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where all of them are strings.

    Warns
    -----
    ConvergenceWarning
        If the objective still falls after `max_iter` iterations.
    UserWarning
        If targets are so far from 0, beside their residuals, that predictions in the
        type of `X` cannot tell them apart.

    See Also
    --------
    AdaptiveLossRegressor : The linear model, which withstands outliers in X too.
    TargetConditioned : An alpha for each row, by the size of its target.
    TargetWeightedRegressor : Weights for rare targets, for any regressor.
    ImageTransformer : Image outputs as wavelets, one alpha and c for each of them.
    sklearn.neural_network.MLPRegressor : Squared error, fitted by Adam or L-BFGS.

    Notes
    -----
    Outliers in `y` do not capture the first iterations: they begin with a loss that is
    nearly absolute, and with some thousand rows, of which they take few steps. Then
    the rows double from round to round, and alpha walks down from 1, each round holding
    the robust scale that the one before ended with. Before it is learnt, alpha is
    -2. ``alpha=1`` and above resist outliers on both sides, but
    lean to one-sided ones; below 1 they are rejected. No network withstands bad
    leverage points: far out in X, it follows them.

    Each round takes steps of L-BFGS in coordinates in which the Kronecker-factored
    curvature [2]_ of the network is the identity. Rows are read in blocks, on as many
    threads as the BLAS may use, and X is never copied as a whole.

    Several outputs share the hidden layers. They count alike, each in units of its
    spread, or in a likelihood in units of its c.

    References
    ----------
    .. [1] J. T. Barron, "A General and Adaptive Robust Loss Function", CVPR 2019.
           https://arxiv.org/abs/1701.03077
    .. [2] J. Martens and R. Grosse, "Optimizing Neural Networks with Kronecker-factored
           Approximate Curvature", ICML 2015. https://arxiv.org/abs/1503.05671

    Examples
    --------
    >>> import numpy as np
    >>> from skrobust import AdaptiveLossMLPRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = np.linspace(-3, 3, 500)[:, None]
    >>> y = np.sin(X.ravel()) + 0.1 * rng.standard_normal(500)
    >>> y[::5] += 10.0  # one in five is an outlier
    >>> model = AdaptiveLossMLPRegressor(activation="tanh", random_state=0).fit(X, y)
    >>> error = np.abs(model.predict(X) - np.sin(X.ravel()))
    >>> bool(error.max() < 0.1)  # where one in five of the targets is 10 off
    True
    >>> bool(model.weights_[::5].max() < 0.01)
    True
    """

    _parameter_constraints: dict = {
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "activation": [StrOptions(set(ACTIVATIONS))],
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
        "efficiency": [Interval(Real, 0, 1, closed="neither")],
        "l2": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        alpha="adaptive",
        c="auto",
        *,
        loss="general",
        alpha_bounds=(0.0, 2.0),
        efficiency=0.95,
        l2="auto",
        n_init=3,
        max_iter=200,
        tol=1e-3,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        warm_start=False,
        verbose=0,
        random_state=None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.alpha = alpha
        self.c = c
        self.loss = loss
        self.alpha_bounds = alpha_bounds
        self.efficiency = efficiency
        self.l2 = l2
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    @with_callbacks
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        """Fit the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features. The arithmetic is in their type, float64 or float32.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target. All columns share the hidden layers; each has its own alpha, c and
            scale.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample, not negative; 1 each by default. A weight of k means
            the row k times, 0 that it is not there. Weights with a mean below 1 only
            say how rows compare: they count as if their mean were 1.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Features of rows that take no part in the fit, to end it where their loss no
            longer falls.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Their targets.
        sample_weight_val : array-like of shape (n_val,), default=None
            Their weights.

        Returns
        -------
        self : AdaptiveLossMLPRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter is outside its domain, or does not go with another; if `X`,
            `y` or a weight hold NaN or infinity, or do not have the same number of
            rows; if no weight is positive; if only one of `X_val` and `y_val` is given;
            if the spread of a column, or a target, is beyond the numbers of their type;
            or if the fit diverges, which it can for ``alpha > 2``.
        """
        self._validate_params()
        context = self._init_callback_context(max_subtasks=None)
        with all_or_nothing(self):
            hidden = _hidden_sizes(self.hidden_layer_sizes)
            X, y = self._checked(X, y, multi_output=True, y_numeric=True, reset=True)
            weights = as_counts(check_weights(sample_weight, len(y)))
            held = self._validation(X_val, y_val, sample_weight_val, y)
            progress = Progress(self, context, X, y, sample_weight)
            progress.begin()
            self._fitted_with = SimpleNamespace(
                **deepcopy(self.get_params(deep=False)), start="annealed"
            )
            self._single = y.ndim == 1
            with one_blas_thread() as threads:
                rows = Rows(X, _columns(y), weights, threads=threads)
                notes = self._train(rows, hidden, held, progress)
            progress.end()
        for message, category in notes:
            warnings.warn(message, category, stacklevel=2 + FRAMES_ADDED)
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
            Predicted target, in float32 for float32 features.
        """
        check_is_fitted(self)
        predicted = self._predicted(self._checked(X))
        return predicted[:, 0] if self._single else predicted

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
            If `coverage` is not between 0 and 1.

        Notes
        -----
        After a fit with rows that took no part in it, by `early_stopping` or `X_val`,
        the interval reaches as far as their errors say (split conformal prediction), if
        they are enough for this coverage. They also chose where the fit ended, and a
        few dozen of them tell a coverage to some 5 per cent only. Otherwise errors
        count as they do in the loss: with the learnt density, or else as normal with
        standard deviation `scale_`. Those are errors on rows that the network was
        fitted to, smaller than on new ones: give it rows to be judged by. The spread is
        taken to be the same everywhere.
        """
        check_is_fitted(self)
        check_coverage(coverage)
        predicted = self._predicted(self._checked(X)).astype(np.float64)
        half = [
            reach(fit, errors, float(coverage), self._learns)
            for fit, errors in zip(self._outputs, self._held_errors, strict=True)
        ]
        ends = np.stack([predicted - half, predicted + half], axis=1)
        return ends[:, :, 0] if self._single else ends

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
        columns = self._judged(X, y)
        weights = [trust(*each) for each in zip(*columns, strict=True)]
        return weights[0] if self._single else np.stack(weights, axis=-1)

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
            If there is no density: for negative alpha, and for losses other than
            "general".
        """
        columns = self._judged(X, y)
        weights = check_weights(sample_weight, len(columns[2][0]))
        found = [
            log_likelihood(fit, task, targets, predicted, weights)
            for fit, task, targets, predicted in zip(*columns, strict=True)
        ]
        return found[0] if self._single else np.array(found)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.multi_output = True
        return tags

    @property
    def _learns(self):
        """Whether alpha or c were learnt by maximum likelihood."""
        used = self._fitted_with
        return used.loss == "general" and "adaptive" in {
            value for value in (used.alpha, used.c) if isinstance(value, str)
        }

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

    def _validation(self, X_val, y_val, sample_weight_val, y):
        """Return features, targets and weights to judge the fit by, if given."""
        if (X_val is None) != (y_val is None):
            one, other = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
            raise ValueError(
                f"X_val and y_val go together. Got {one} without {other}. Give both, "
                "or set early_stopping=True to hold out a part of X and y."
            )
        if X_val is None:
            if sample_weight_val is not None:
                raise ValueError(
                    "sample_weight_val are the weights of X_val and y_val. Got it "
                    "without them. Give them too."
                )
            return None
        with named("X_val, y_val, sample_weight_val"):
            X_val, y_val = self._checked(
                X_val, y_val, multi_output=True, y_numeric=True
            )
            weights = as_counts(check_weights(sample_weight_val, len(y_val)))
        if y_val.shape[1:] != y.shape[1:]:
            raise ValueError(
                f"y_val must have as many outputs as y. Got shapes {y_val.shape} and "
                f"{y.shape}."
            )
        return X_val, _columns(y_val), weights

    def _train(self, rows, hidden, held, progress):
        """Train the network, keep what it learnt, and return what there is to say."""
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        tasks = tasks_of(self._fitted_with, rows.y, rows.weights)
        options: dict = {}
        if held is not None:
            X, y, weights = held
            if sparse.issparse(X) and not sparse.issparse(rows.X):
                X = X.toarray()
            given = Rows(X.astype(rows.X.dtype), y, weights, threads=rows.threads)
            options["validation"] = Data(given, tasks_of(self._fitted_with, y, weights))
        elif self.early_stopping:
            options["held"] = drawn(rows, self.validation_fraction, seed)
        problem = pose(rows, tasks, hidden, self.activation, **options)
        before, floor = self._before(problem)

        def watch(params, solution):
            coefs, intercepts = problem.folded(params)
            attributes = {"coefs_": coefs, "intercepts_": intercepts}
            kept = ("_single", "_fitted_with")
            attributes |= {name: getattr(self, name) for name in kept}
            return progress.show(solution, lambda: attributes)

        plan = Plan(
            l2=None if self.l2 == "auto" else float(self.l2),
            n_init=self.n_init,
            max_iter=self.max_iter,
            tol=float(self.tol),
            patience=self.n_iter_no_change,
            seed=seed,
            warm=before,
            floor=floor,
            watch=watch if progress.watched else None,
        )
        try:
            trained = train(problem.data, problem.network, plan, problem.validation)
        except FloatingPointError as error:
            raise ValueError(
                f"The fit diverged {error}: the loss or its gradient is no finite "
                "number. Raise c, lower alpha, or take float64 and smaller targets."
            ) from error
        self._learn(problem, trained)
        self._judge(problem, rows)
        return [*trained.notes, *problem.notes(self._outputs)]

    def _before(self, problem):
        """Return what the fit before has to begin with: parameters, and a floor.

        A new floor, from residuals that were fitted before, would be lower each time.
        """
        if not (self.warm_start and hasattr(self, "coefs_")):
            return None, None
        sizes = (*(len(W) for W in self.coefs_), self.coefs_[-1].shape[1])
        if sizes != problem.network.sizes:
            raise ValueError(
                "warm_start=True needs the layers of the fit before, "
                f"{sizes} from features to outputs. Got {problem.network.sizes}. Set "
                "warm_start=False."
            )
        params = problem.unfolded(self.coefs_, self.intercepts_)
        return params, self._floor / problem.data.rows.unit

    def _learn(self, problem, trained):
        """Keep what training came to."""
        self.coefs_, self.intercepts_ = problem.folded(trained.params)
        self.n_outputs_ = problem.network.sizes[-1]
        self.n_layers_ = len(problem.network.sizes)
        self.out_activation_ = "identity"
        self._outputs = problem.outputs(trained)
        self._floor = trained.floor * problem.data.rows.unit
        self.alpha_, self.c_, self.scale_ = (
            self._joined([getattr(fit, name) for fit in self._outputs])
            for name in ("alpha", "c", "scale")
        )
        self.loss_curve_, self.l2_ = trained.curve, trained.l2
        self.loss_ = trained.value
        self.validation_scores_ = self.best_validation_score_ = None
        self.best_loss_ = trained.best_value
        if problem.validation is not None:
            self.validation_scores_ = trained.scores
            self.best_validation_score_ = trained.best_score
            self.best_loss_ = None
        self.n_iter_, self.converged_ = trained.n_iter, trained.converged

    def _joined(self, values):
        """Return the values of all outputs as an attribute has them."""
        return values[0] if self._single else np.stack(values, axis=-1)

    def _judge(self, problem, rows):
        """Judge all rows that were given, and those that took no part, by the fit."""
        predicted = self._predicted(rows.X)
        fits, weights = [], []
        for j, (fit, task) in enumerate(zip(self._outputs, problem.tasks, strict=True)):
            trusted = fit
            if task.highest > 2:
                present = slice(None) if rows.weights is None else rows.weights > 0
                family = task.family() if task.alpha is not None else None
                raw = (family or loss.General(fit.alpha)).weight(
                    rows.y[:, j] - predicted[:, j], fit.c
                )
                trusted = fit._replace(heaviest=float(raw[present].max()))
            fits.append(trusted)
            weights.append(trust(trusted, task, rows.y[:, j], predicted[:, j]))
        self._outputs, self.weights_ = fits, self._joined(weights)
        self._held_errors: list = [None] * len(fits)
        if problem.validation is not None:
            held = problem.validation.rows
            X = held.X if held.chosen is None else held.X[held.chosen]
            errors = np.abs(held.y - self._predicted(X))
            self._held_errors = [(column, held.weights) for column in errors.T]

    def _predicted(self, X):
        """Return predictions (n, k) for an X that was checked."""
        dtype = self.coefs_[0].dtype.type
        sizes = (*(len(W) for W in self.coefs_), self.coefs_[-1].shape[1])
        network = Network(sizes, self._fitted_with.activation, dtype)
        params = network.joined(self.coefs_, self.intercepts_)
        predicted = np.empty((X.shape[0], sizes[-1]), dtype)

        def visit(block):
            predicted[block] = network.predict(params, rows.features(block))
            return ()

        with one_blas_thread() as threads:
            rows = Rows(
                X,
                predicted,
                dtype=dtype,
                row_bytes=network.row_bytes,
                threads=threads,
            )
            rows.sum(visit)
        return predicted

    def _judged(self, X, y):
        """Return for each output its fit, task, targets and predictions."""
        check_is_fitted(self)
        X, y = self._checked(X, y, multi_output=True, y_numeric=True)
        columns = _columns(y)
        if columns.shape[1] != self.n_outputs_ or (y.ndim == 1) != self._single:
            raise ValueError(
                f"y must have as many outputs as in fit, {self.n_outputs_}. Got shape "
                f"{y.shape}."
            )
        tasks = tasks_of(self._fitted_with, columns)
        return self._outputs, tasks, columns.T, self._predicted(X).T


def _hidden_sizes(given):
    """Return the numbers of hidden units as a list."""
    sizes = [given] if isinstance(given, Integral) else list(given)
    wrong = [n for n in sizes if not _is_whole(n) or n < 1]
    if wrong:
        raise ValueError(
            "hidden_layer_sizes must be numbers of units, whole and at least 1. Got "
            f"{wrong[0]!r} in {given!r}. Leave out a layer that shall not be there."
        )
    return [int(n) for n in sizes]


def _is_whole(n):
    """Whether something is a whole number, and no boolean."""
    return isinstance(n, Integral) and not isinstance(n, bool)


def _columns(y):
    """Return targets of shape (n, k) in float64."""
    return y.astype(np.float64, copy=False).reshape(len(y), -1)
