"""Linear regression under the general robust loss, its shape and scale searched for."""

import warnings
from collections import Counter
from inspect import signature
from numbers import Integral

import numpy as np
from sklearn import get_config
from sklearn.exceptions import NotFittedError
from sklearn.metrics import check_scoring, get_scorer_names, make_scorer
from sklearn.model_selection import ParameterGrid, check_cv
from sklearn.utils import Bunch, check_random_state, indexable
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skrobust._all_or_nothing import all_or_nothing
from skrobust._compat import StrOptions
from skrobust._folds import Data, Search, results_of, score_fold, takes_weights
from skrobust._sample_weight import check_weights
from skrobust._task import tasks_of
from skrobust.linear import AdaptiveLossRegressor
from skrobust.robust_scores import (
    m_scale_error,
    tau_scale_error,
    trimmed_mean_squared_error,
)

__all__ = ["AdaptiveLossRegressorCV"]

DEFAULT_EFFICIENCIES = (0.8, 0.9, 0.95)
ROBUST_ERRORS = {
    "neg_m_scale_error": m_scale_error,
    "neg_tau_scale_error": tau_scale_error,
    "neg_trimmed_mean_squared_error": trimmed_mean_squared_error,
}
LISTED = {"alpha": "alphas", "c": "cs", "efficiency": "efficiencies", "l2": "l2s"}


class AdaptiveLossRegressorCV(AdaptiveLossRegressor):
    """AdaptiveLossRegressor with its loss chosen by cross-validation.

    Finds the best of all combinations of `alphas` with `cs` or `efficiencies`, and
    `l2s`, and fits it to all rows: what
    :class:`~sklearn.model_selection.GridSearchCV` finds, several times faster, since
    all fits of a fold share its rows and their start.

    Parameters
    ----------
    alphas : list of float, str or callable, default=(2.0, 1.0, 0.0, -2.0, -inf)
        Shapes of the loss to choose from: whatever `alpha` of AdaptiveLossRegressor may
        be. With a `loss` other than "general" they have no say.
    cs : list of float, str or callable, default=None
        Scales of the loss to choose from, in the unit of `y`: whatever `c` may be.
    efficiencies : list of float or "auto", default=None
        Efficiencies to choose from, with ``c="auto"``; instead of `cs`. Unlike `c` they
        mean the same for every alpha. If neither is given, 0.8, 0.9 and 0.95.
    l2s : list of float, default=None
        Strengths of the penalty to choose from. None is no penalty.
    cv : int, cross-validation generator or iterable, default=None
        The folds, as for GridSearchCV: 5 by default.
    scoring : str or callable, default=None
        Name of a score of scikit-learn, "neg_m_scale_error", "neg_tau_scale_error",
        "neg_trimmed_mean_squared_error", or ``scorer(estimator, X, y)`` that returns a
        number, the larger the better. None is "neg_m_scale_error", see Notes.
    n_jobs : int, default=None
        How many folds are worked on at a time, in threads unless joblib is told
        otherwise. None is 1.
    refit : bool or callable, default=True
        Whether to fit the best combination to all rows, without which there is nothing
        to predict with. A callable gets `cv_results_` and returns the index of the
        combination to take.
    loss : {"general", "huber", "bisquare"}, default="general"
        Kind of the loss.
    alpha_bounds : tuple of (float, float), default=(0.0, 2.0)
        Bounds of an alpha that is learnt, where "adaptive" is one of `alphas`.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    start : {"auto", "robust", "annealed", "least_squares"}, default="auto"
        Where a fit begins, as for AdaptiveLossRegressor.
    max_iter : int, default=100
        Largest number of solver iterations of each fit.
    tol : float, default=1e-8
        Size of the gradient at which the solver stops.
    random_state : int, RandomState instance or None, default=None
        Seed of the high-breakdown starts, which is the same for every fit.
    verbose : int, default=0
        Whether to print a line for each fold.

    Attributes
    ----------
    cv_results_ : dict of ndarray
        Scores and times of every combination, with the keys of
        ``GridSearchCV.cv_results_``. What fits share is divided evenly in their times.
    best_params_ : dict
        The best combination: "alpha", "c" or "efficiency", and "l2".
    best_index_ : int
        Its place in `cv_results_`.
    best_score_ : float
        Its mean score over the folds.
    best_estimator_ : AdaptiveLossRegressor
        The best combination, fitted to all rows.
    scorer_ : callable
        What scored: ``scorer_(search, X, y)``, while ``search.score(X, y)`` is R² as
        for every regressor.
    n_splits_ : int
        Number of folds.
    coef_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        Slopes of `best_estimator_`. Its other attributes are there too: `intercept_`,
        `alpha_`, `c_`, `scale_`, `weights_`, `efficiency_`, `alternative_`,
        `converged_`, `n_iter_`.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where all of them are strings.

    Warns
    -----
    UserWarning
        What fits in the folds warn of, once, with the number of fits; and if a score
        takes no weights although there are some.

    See Also
    --------
    AdaptiveLossRegressor : A fit with a given loss, or one that is learnt.
    LossSearchDisplay : The scores as a picture.
    m_scale_error : The default score.

    Notes
    -----
    R² and mean squared errors choose badly here. Outliers in a test fold have large
    errors under any model, the larger the better it is; their squares drown those of
    all other rows, and the choice falls on whatever bends most towards them [1]_. The
    M-scale of the errors withstands outliers in nearly half of the rows of a fold. In
    simulations (200 rows, up to 20 % of outliers in y or X) its choices had errors
    within 1.6 times those of the best in the grid, those of R² up to 100 times; without
    outliers they were a tenth larger than those of R². Small folds may hold more
    outliers than the whole: with 30 % of them far off in X it failed at times.

    Each fold has a high-breakdown start of its own, shared by its fits, which depends
    on neither alpha nor c. So fits end where those of GridSearchCV do, given the same
    integer `random_state`, and scores agree to the tolerance of the solver.

    Weights go into the fits and, where a scorer takes them, into the scores, so that a
    row of weight 2 is the row twice; older versions of GridSearchCV do not weight
    scores. With metadata routing, scorer and splitter get what they request.

    References
    ----------
    .. [1] E. Ronchetti, C. Field, W. Blanchard, "Robust Linear Model Selection by
           Cross-Validation", JASA 92, 1997, 1017-1023.
           https://doi.org/10.1080/01621459.1997.10474057

    Examples
    --------
    >>> import numpy as np
    >>> from skrobust import AdaptiveLossRegressorCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2))
    >>> y = X @ [1.0, 2.0] + rng.normal(scale=0.3, size=200)
    >>> y[::5] += 30
    >>> search = AdaptiveLossRegressorCV(alphas=[2, 1, -2], random_state=0).fit(X, y)
    >>> search.best_params_["alpha"]
    -2
    >>> search.coef_.round(1)
    array([1., 2.])
    """

    _parameter_constraints: dict = {
        **{
            name: constraints
            for name, constraints in (
                AdaptiveLossRegressor._parameter_constraints.items()
            )
            if name not in {*LISTED, "warm_start"}
        },
        "alphas": ["array-like"],
        "cs": ["array-like", None],
        "efficiencies": ["array-like", None],
        "l2s": ["array-like", None],
        "cv": ["cv_object"],
        "scoring": [
            StrOptions({*get_scorer_names(), *ROBUST_ERRORS}),
            callable,
            None,
        ],
        "n_jobs": [Integral, None],
        "refit": ["boolean", callable],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        alphas=(2.0, 1.0, 0.0, -2.0, -np.inf),
        cs=None,
        *,
        efficiencies=None,
        l2s=None,
        cv=None,
        scoring=None,
        n_jobs=None,
        refit=True,
        loss="general",
        alpha_bounds=(0.0, 2.0),
        fit_intercept=True,
        start="auto",
        max_iter=100,
        tol=1e-8,
        random_state=None,
        verbose=0,
    ):
        self.alphas = alphas
        self.cs = cs
        self.efficiencies = efficiencies
        self.l2s = l2s
        self.cv = cv
        self.scoring = scoring
        self.n_jobs = n_jobs
        self.refit = refit
        self.loss = loss
        self.alpha_bounds = alpha_bounds
        self.fit_intercept = fit_intercept
        self.start = start
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y, sample_weight=None, **params):
        """Score all combinations by cross-validation, and fit the best one.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample, not negative; 1 each by default. A weight of k means
            the row k times, 0 that it is not there.
        **params : dict
            `groups` for the splitter; with metadata routing, whatever splitter and
            scorer request.

        Returns
        -------
        self : AdaptiveLossRegressorCV
            The fitted estimator.

        Raises
        ------
        ValueError
            If a list is empty, `cs` and `efficiencies` are both given, or a combination
            is not one that AdaptiveLossRegressor takes; if there are fewer rows than
            folds; if a fit fails, or a score is NaN.
        """
        self._validate_params()
        with all_or_nothing(self):
            candidates = self._candidates()
            X, y = indexable(X, y)
            data = self._data(X, y, sample_weight)
            scorer, routed = self._scorer(), self._routed(data.weights, params)
            self._check(candidates, data.columns)
            splitter = check_cv(self.cv, data.y)
            splits = [
                tuple(map(np.asarray, pair))
                for pair in splitter.split(X, y, **routed.splitter.split)
            ]
            search = Search(data, self._models(candidates), scorer, routed.scorer.score)
            outcomes = self._run(search, splits)
            self._conclude(candidates, outcomes)
            self.scorer_, self.n_splits_ = scorer, len(splits)
            if self.refit:
                self._refit(X, y, sample_weight)
        return self

    def get_metadata_routing(self):
        """Return how metadata is routed to the scorer and the splitter.

        Returns
        -------
        MetadataRouter
            What gets what.
        """
        router = MetadataRouter(owner=self).add_self_request(self)
        splits = MethodMapping().add(caller="fit", callee="split")
        scores = MethodMapping().add(caller="fit", callee="score")
        router.add(splitter=check_cv(self.cv), method_mapping=splits)
        router.add(scorer=self._scorer(), method_mapping=scores)
        return router

    def __sklearn_is_fitted__(self):
        if hasattr(self, "cv_results_") and not hasattr(self, "best_estimator_"):
            raise NotFittedError(
                "refit=False leaves no estimator to predict with. Set refit=True, or "
                "fit an AdaptiveLossRegressor with best_params_."
            )
        return hasattr(self, "best_estimator_")

    def _candidates(self):
        """Return the combinations of parameters, in the order of GridSearchCV."""
        if self.cs is not None and self.efficiencies is not None:
            raise ValueError(
                "cs and efficiencies are two ways to give a scale, of which one may be "
                f"given. Got cs={self.cs!r} and efficiencies={self.efficiencies!r}. "
                "Leave out cs to choose by efficiency."
            )
        grid = {}
        for name, listed in LISTED.items():
            values = getattr(self, listed)
            if name == "efficiency" and self.cs is None and values is None:
                values = DEFAULT_EFFICIENCIES
            if values is None or (name == "alpha" and self.loss != "general"):
                continue
            if isinstance(values, str) or not len(values):
                raise ValueError(
                    f"{listed} must be a list with at least one value. Got {values!r}."
                )
            grid[name] = list(values)
        return list(ParameterGrid(grid))

    def _models(self, candidates):
        """Return an estimator for each combination, not fitted."""
        shared = {
            name: getattr(self, name)
            for name in signature(AdaptiveLossRegressor.__init__).parameters
            if hasattr(self, name)
        }
        return [AdaptiveLossRegressor(**shared, **given) for given in candidates]

    def _check(self, candidates, columns):
        """Raise a ValueError if a combination is not one that can be fitted."""
        for model, given in zip(self._models(candidates), candidates, strict=True):
            try:
                model._validate_params()
                tasks_of(model, columns)
            except ValueError as error:
                error.add_note(f"In the combination {given} of the grid.")
                raise

    def _data(self, X, y, sample_weight):
        """Return the rows, checked and as they were given."""
        checked, y_checked = self._checked(
            X, y, multi_output=True, y_numeric=True, reset=True
        )
        columns = np.asarray(y_checked, np.float64).reshape(len(y_checked), -1)
        weights = check_weights(sample_weight, len(y_checked))
        names = {
            name: getattr(self, name)
            for name in ("n_features_in_", "feature_names_in_")
            if hasattr(self, name)
        }
        return Data(X, y, checked, y_checked, columns, weights, names)

    def _scorer(self):
        """Return what scores."""
        name = "neg_m_scale_error" if self.scoring is None else self.scoring
        if not isinstance(name, str) or name not in ROBUST_ERRORS:
            return check_scoring(AdaptiveLossRegressor(), scoring=name)
        scorer = make_scorer(ROBUST_ERRORS[name], greater_is_better=False)
        if get_config()["enable_metadata_routing"]:
            scorer.set_score_request(sample_weight=True)
        return scorer

    def _routed(self, weights, params):
        """Return what splitter and scorer get beside the rows."""
        if get_config()["enable_metadata_routing"]:
            given = {} if weights is None else {"sample_weight": weights}
            return process_routing(self, "fit", **given, **params)
        if set(params) - {"groups"}:
            raise TypeError(
                f"fit takes {sorted(set(params) - {'groups'})} only with metadata "
                "routing, sklearn.set_config(enable_metadata_routing=True)."
            )
        scored = {}
        if weights is not None:
            if takes_weights(self._scorer()):
                scored = {"sample_weight": weights}
            else:
                warnings.warn(
                    f"scoring={self.scoring!r} takes no sample_weight: fits are "
                    "weighted and scores are not. Choose a score that takes weights.",
                    stacklevel=3,
                )
        return Bunch(splitter=Bunch(split=params), scorer=Bunch(score=scored))

    def _run(self, search, splits):
        """Return what each fold gives, in the order of the folds."""
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        if self.verbose:
            print(f"{len(splits)} folds with {len(search.models)} fits each")
        return Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(score_fold)(search, fold, train, test, seed, self.verbose)
            for fold, (train, test) in enumerate(splits)
        )

    def _conclude(self, candidates, outcomes):
        """Keep the scores, and which combination is the best."""
        self.cv_results_ = results_of(candidates, outcomes)
        means = self.cv_results_["mean_test_score"]
        if callable(self.refit):
            best = self.refit(self.cv_results_)
            if not (isinstance(best, Integral) and int(best) in range(len(means))):
                raise ValueError(
                    "refit as a callable must return the index of a combination, from "
                    f"0 to {len(means) - 1}. Got {best!r}."
                )
            self.best_index_ = int(best)
        else:
            self.best_index_ = int(self.cv_results_["rank_test_score"].argmin())
        self.best_params_ = candidates[self.best_index_]
        self.best_score_ = float(means[self.best_index_])
        notes = Counter(note for fold in outcomes for note in fold.notes)
        n_fits = len(candidates) * len(outcomes)
        for (message, category), times in notes.items():
            where = f"In {times} of {n_fits} fits of the folds: "
            warnings.warn(where + message, category, stacklevel=3)

    def _refit(self, X, y, sample_weight):
        """Fit the best combination to all rows, and take over what it learns."""
        [best] = self._models([self.best_params_])
        before = set(vars(best))
        best.fit(X, y, sample_weight)
        learnt = {k: v for k, v in vars(best).items() if k not in before}
        self.__dict__.update(learnt, best_estimator_=best)

    def _judged(self, X, y):
        check_is_fitted(self)
        return self.best_estimator_._judged(X, y)
