"""Tests of how weights reach the last regressors of whatever is built around them."""

import pickle
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.exceptions import FitFailedWarning, UnsetMetadataPassedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, RANSACRegressor, Ridge, RidgeCV
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import check_random_state

from skrobust import AdaptiveLossRegressor, make_bucket_scorer
from skrobust._compat import BAGGING_DRAWS_BY_WEIGHT
from skrobust._routing import _Weighted, fit_weighted

try:  # new in scikit-learn 1.9
    from sklearn import callback
except ImportError:
    callback = None

RNG = np.random.default_rng(0)
N = 60
Y = RNG.normal(scale=8, size=N)
X = np.c_[Y + RNG.normal(scale=5, size=N), RNG.normal(size=N)]
Y2 = np.c_[Y, X[:, 1] - Y]
S = RNG.integers(0, 4, N).astype(float)
W = RNG.exponential(size=N)


class Recorder(RegressorMixin, BaseEstimator):
    """Regressor that keeps the targets and weights that it gets."""

    def __init__(self, shift=0.0):
        self.shift = shift

    def fit(self, X, y, sample_weight=None, **kwargs):
        self.X_, self.y_, self.sample_weight_ = X, y, sample_weight
        return self

    def predict(self, X):
        return np.arange(len(X)) + self.shift  # so that a Stacking sees which fold


class Booster(Recorder):
    """Regressor with the fit of a booster from elsewhere, which keeps its fits."""

    fits = []

    def fit(self, X, y, sample_weight=None, eval_set=None, **kwargs):
        Booster.fits.append((y, sample_weight))
        return super().fit(X, y, sample_weight)


class Unweighted(RegressorMixin, BaseEstimator):
    """Regressor that takes no weights and keeps the rows that it gets."""

    def fit(self, X, y):
        self.X_, self.y_ = X, y
        return self

    def predict(self, X):
        return np.zeros(X.shape[0])


class RecordingScaler(TransformerMixin, BaseEstimator):
    """Transformer that keeps the rows and weights that it gets."""

    def fit(self, X, y=None, sample_weight=None):
        self.X_, self.sample_weight_ = X, sample_weight
        return self

    def transform(self, X):
        return X


class Wrapper(RegressorMixin, BaseEstimator):
    """Regressor that might hand on its arguments, or might not."""

    def fit(self, X, y, **params):
        return self


class Sampler(BaseEstimator):
    """Step of a pipeline of imbalanced-learn: it changes which rows there are."""

    def fit_resample(self, X, y):
        return X, y

    def fit(self, X, y):
        return self

    def transform(self, X):
        return X


def nested_pipeline(scaler, last):
    return make_pipeline(make_pipeline(scaler), Pipeline([("in", scaler), ("r", last)]))


def voting(scaler, last):
    members = [("drop", "drop"), ("plain", last), ("pipe", make_pipeline(scaler, last))]
    return VotingRegressor(members)


def stacking(scaler, last):
    final = make_pipeline(scaler, last)
    return StackingRegressor([("a", last), ("b", "drop")], final, cv=3)


# A score that says under metadata routing that it takes no weights.
UNWEIGHTED = make_bucket_scorer(buckets=[0]).set_score_request(sample_weight=False)

# How to wrap (scaler, last step), and where the last ones and scalers are after fit.
WRAPPERS = {
    "plain": (lambda scaler, last: last, lambda r: ([r], [])),
    "pipeline": (make_pipeline, lambda r: ([r[-1]], [r[0]])),
    "nested pipelines": (
        nested_pipeline,
        lambda r: ([r[-1]["r"]], [r[0][0], r[-1]["in"]]),
    ),
    "transformed target": (
        lambda scaler, last: TransformedTargetRegressor(make_pipeline(scaler, last)),
        lambda r: ([r.regressor_[-1]], [r.regressor_[0]]),
    ),
    "pipeline of transformed target": (
        lambda scaler, last: make_pipeline(scaler, TransformedTargetRegressor(last)),
        lambda r: ([r[-1].regressor_], [r[0]]),
    ),
    "grid search": (
        lambda scaler, last: GridSearchCV(
            make_pipeline(scaler, last), {}, cv=2, scoring=UNWEIGHTED
        ),
        lambda r: ([r.best_estimator_[-1]], [r.best_estimator_[0]]),
    ),
    "random search of transformed target": (
        lambda scaler, last: RandomizedSearchCV(
            TransformedTargetRegressor(last), {}, n_iter=1, cv=2, scoring=UNWEIGHTED
        ),
        lambda r: ([r.best_estimator_.regressor_], []),
    ),
    "pipeline of grid search": (
        lambda scaler, last: make_pipeline(scaler, GridSearchCV(last, {}, cv=2)),
        lambda r: ([r[-1].best_estimator_], [r[0]]),
    ),
    "voting": (
        voting,
        lambda r: (
            [r.estimators_[0], r.estimators_[1][-1], r.named_estimators_["pipe"][-1]],
            [r.estimators_[1][0]],
        ),
    ),
    "stacking": (
        stacking,
        lambda r: (
            [r.estimators_[0], r.named_estimators_["a"], r.final_estimator_[-1]],
            [r.final_estimator_[0]],
        ),
    ),
    "pipeline of stacking of voting": (
        lambda scaler, last: make_pipeline(
            scaler, StackingRegressor([("v", voting(scaler, last))], last, cv=3)
        ),
        lambda r: (
            [r[-1].final_estimator_, *r[-1].estimators_[0].estimators_[:1]],
            [r[0], r[-1].estimators_[0].estimators_[1][0]],
        ),
    ),
    "transformed target of stacking": (
        lambda scaler, last: TransformedTargetRegressor(stacking(scaler, last)),
        lambda r: (
            [r.regressor_.estimators_[0], r.regressor_.final_estimator_[-1]],
            [r.regressor_.final_estimator_[0]],
        ),
    ),
    "voting of a search of stacking": (
        lambda scaler, last: VotingRegressor(
            [("s", GridSearchCV(stacking(scaler, last), {}, cv=2, scoring=UNWEIGHTED))]
        ),
        lambda r: (
            [r.estimators_[0].best_estimator_.final_estimator_[-1]],
            [r.estimators_[0].best_estimator_.final_estimator_[0]],
        ),
    ),
}
every_wrapper = pytest.mark.parametrize(
    ("wrap", "unwrap"), WRAPPERS.values(), ids=WRAPPERS
)
routing_off_and_on = pytest.mark.parametrize("routing", [False, True], ids=["", "on"])


def asking(estimator, asks=True):
    """Return an estimator that asks for weights, under metadata routing."""
    estimator.set_fit_request(sample_weight=asks)
    if hasattr(estimator, "set_score_request"):
        estimator.set_score_request(sample_weight=False)
    return estimator


@every_wrapper
@pytest.mark.parametrize("s", [None, S], ids=["equal", "weighted"])
def test_weights_reach_the_last_regressors_and_no_other(wrap, unwrap, s):
    regressor = wrap(RecordingScaler(), Recorder())
    last, scalers = unwrap(fit_weighted(regressor, X, Y, W, s))
    for recorder in last:
        assert_array_equal(recorder.sample_weight_, W)
    # A row of weight 2 is two rows to a scaler too; how rare it is, is not its thing.
    for scaler in scalers:
        assert_array_equal(scaler.sample_weight_, s)


@every_wrapper
@pytest.mark.parametrize("s", [None, S], ids=["equal", "weighted"])
@pytest.mark.parametrize("scaler_asks", [False, True])
def test_so_they_do_with_metadata_routing(wrap, unwrap, s, scaler_asks):
    with config_context(enable_metadata_routing=True):
        scaler = RecordingScaler().set_fit_request(sample_weight=scaler_asks)
        fitted = fit_weighted(wrap(scaler, asking(Recorder())), X, Y, W, s)
    last, scalers = unwrap(fitted)
    for recorder in last:
        assert_array_equal(recorder.sample_weight_, W)
    for scaler in scalers:
        assert_array_equal(scaler.sample_weight_, s if scaler_asks else None)


@every_wrapper
@routing_off_and_on
def test_what_is_fitted_holds_the_regressors_themselves(wrap, unwrap, routing):
    with config_context(enable_metadata_routing=routing):
        last = asking(Recorder()) if routing else Recorder()
        regressor = wrap(StandardScaler(), last)
        fitted = fit_weighted(regressor, X, Y, W)
        assert b"_Weighted" not in pickle.dumps(fitted)
        assert repr(clone(fitted)) == repr(regressor)
        plain = clone(regressor).fit(X, Y)
    assert_allclose(fitted.predict(X), plain.predict(X))
    assert set(vars(fitted)) == set(vars(plain))


@every_wrapper
@pytest.mark.parametrize("asks", [False, None])
def test_a_regressor_inside_that_does_not_ask_is_an_error(wrap, unwrap, asks):
    with config_context(enable_metadata_routing=True):
        scaler = RecordingScaler().set_fit_request(sample_weight=True)
        regressor = wrap(scaler, asking(Recorder(), asks))
        if asks is None and type(regressor) is Recorder:  # not inside
            fitted = fit_weighted(regressor, X, Y, W)
            assert_array_equal(fitted.sample_weight_, W)
            return
        with pytest.raises(ValueError, match="Recorder does not request the weights"):
            fit_weighted(regressor, X, Y, W)


def test_a_last_step_that_asks_under_an_alias_is_told_so():
    with config_context(enable_metadata_routing=True):
        recorder = asking(Recorder(), "w")
        with pytest.raises(
            ValueError, match=r"Recorder requests.* the alias 'w'.*=True"
        ):
            fit_weighted(make_pipeline(StandardScaler(), recorder), X, Y, W)
        plain = fit_weighted(recorder, X, Y, W)
    assert_array_equal(plain.sample_weight_, W)


def test_a_transformer_that_does_not_say_is_an_error():
    with config_context(enable_metadata_routing=True):
        regressor = make_pipeline(RecordingScaler(), asking(Recorder()))
        with pytest.raises(UnsetMetadataPassedError, match=r"RecordingScaler\.fit"):
            fit_weighted(regressor, X, Y, W, S)
        assert fit_weighted(regressor, X, Y, W)[0].sample_weight_ is None


def test_defaults_get_the_weights_too():
    for routing in (False, True):
        with config_context(enable_metadata_routing=routing):
            members = [("a", asking(Recorder()) if routing else Recorder())]
            stack = fit_weighted(StackingRegressor(members, cv=KFold(3)), X, Y, W)
            target = fit_weighted(TransformedTargetRegressor(), X, Y, W)
        seen = stack.transform(X)
        by_fold = np.concatenate([np.arange(N // 3)] * 3)[:, np.newaxis]
        final = RidgeCV().fit(by_fold, Y, W)
        assert_allclose(stack.final_estimator_.predict(seen), final.predict(seen))
        expected = LinearRegression().fit(X, Y, W).predict(X)
        assert_allclose(target.predict(X), expected)
        assert stack.final_estimator is target.regressor is None


class Weigher:
    """Makes weights of a fold and keeps whose."""

    def __init__(self):
        self.seen = []

    def __call__(self, y, s):
        self.seen.append(y)
        return np.linspace(1, 2, len(y)) * (1 if s is None else s)


FOLDS = {
    "stacking": lambda last, cv: StackingRegressor([("a", last)], Ridge(), cv=cv),
    "search": lambda last, cv: GridSearchCV(last, {}, cv=cv, scoring=UNWEIGHTED),
    "stacking in a pipeline": lambda last, cv: make_pipeline(
        StandardScaler(), StackingRegressor([("a", make_pipeline(last))], cv=cv)
    ),
    "search in transformed target": lambda last, cv: TransformedTargetRegressor(
        GridSearchCV(last, {}, cv=cv, scoring=UNWEIGHTED), transformer=StandardScaler()
    ),
    "stacking in transformed target": lambda last, cv: TransformedTargetRegressor(
        StackingRegressor([("a", last)], Ridge(), cv=cv),
        func=np.sinh,
        inverse_func=np.arcsinh,
    ),
}


@pytest.mark.parametrize("around", FOLDS.values(), ids=FOLDS)
@pytest.mark.parametrize("s", [None, S], ids=["equal", "weighted"])
@routing_off_and_on
def test_weights_of_inner_folds_are_of_their_training_rows(around, s, routing):
    cv = KFold(3, shuffle=True, random_state=0)
    weigher = Weigher()
    y = Y / 10  # of which sinh is tame
    with config_context(enable_metadata_routing=routing):
        last = asking(Booster()) if routing else Booster()
        regressor = around(last, cv)
        if routing:
            for step in regressor if isinstance(regressor, Pipeline) else ():
                if isinstance(step, StandardScaler):
                    step.set_fit_request(sample_weight=True)
            for value in regressor.get_params().values():
                if isinstance(value, Ridge):
                    value.set_fit_request(sample_weight=True)
        Booster.fits = []
        fit_weighted(regressor, X, y, W, s, weigh=weigher)
    folds = [train for train, _ in cv.split(X)]
    expected = [Weigher()(y[t], None if s is None else s[t]) for t in folds]
    for train, seen in zip(folds, weigher.seen, strict=True):
        assert_array_equal(seen, y[train])  # in their own units, whatever is around
    got = [weights for y, weights in Booster.fits if len(y) < N]
    for weights, given in zip(expected, got, strict=True):
        assert_array_equal(given, weights)
    assert_array_equal(next(w for y, w in Booster.fits if len(y) == N), W)


@pytest.mark.parametrize("around", FOLDS.values(), ids=FOLDS)
def test_given_weights_of_inner_folds_are_those_of_the_rows(around):
    cv = KFold(3)
    Booster.fits = []
    fit_weighted(around(Booster(), cv), X, Y / 10, W)
    got = [weights for y, weights in Booster.fits if len(y) < N]
    for (train, _), given in zip(cv.split(X), got, strict=True):
        assert_array_equal(given, W[train])


@routing_off_and_on
@pytest.mark.parametrize("s", [None, S], ids=["equal", "weighted"])
def test_a_search_inside_never_scores_by_the_weights(routing, s):
    class Scores(RegressorMixin, BaseEstimator):
        seen = []

        def fit(self, X, y, sample_weight=None):
            self.sample_weight_ = sample_weight
            return self

        def predict(self, X):
            return np.zeros(len(X))

        def score(self, X, y, sample_weight=None):
            self.seen.append((len(y), sample_weight))
            return 0.0

    with config_context(enable_metadata_routing=routing):
        last = Scores()
        if routing:
            last.set_fit_request(sample_weight=True)
            last.set_score_request(sample_weight=True)
        fit_weighted(GridSearchCV(last, {}, cv=KFold(2)), X, Y, 1e6 * W, s)
    for (_, test), (n, weights) in zip(KFold(2).split(X), Scores.seen, strict=True):
        assert n == len(test)
        if s is None:
            assert weights is None
        elif weights is not None:  # recent scikit-learn, and any by request
            assert_array_equal(weights, s[test])
        else:
            assert not routing


def test_parameters_of_a_search_inside_are_the_users():
    grid = {"ridge__alpha": [1e-3, 1e9], "standardscaler__with_mean": [True]}
    model = make_pipeline(StandardScaler(), Ridge())
    search = fit_weighted(GridSearchCV(model, grid, cv=3), X, Y, W, S)
    assert search.best_params_["ridge__alpha"] == 1e-3
    assert isinstance(search.best_estimator_, Pipeline)
    assert [type(p["ridge__alpha"]) for p in search.cv_results_["params"]]
    assert search.estimator.get_params()["ridge__alpha"] == 1.0
    assert search.score(X, Y) == pytest.approx(search.best_estimator_.score(X, Y))


@pytest.mark.parametrize("search", [GridSearchCV, RandomizedSearchCV])
def test_a_search_may_swap_anything(search):
    """The weights go by what is there when it is fitted."""
    pipeline = Pipeline([("scale", StandardScaler()), ("last", Ridge())])
    grid = {
        "scale": [MinMaxScaler(), RecordingScaler(), "passthrough", None],
        "last": [Recorder(), make_pipeline(RecordingScaler(), Recorder())],
    }
    count = {"n_iter": 8} if search is RandomizedSearchCV else {}
    fitted = fit_weighted(search(pipeline, grid, cv=2, **count), X, Y, W, S)
    params = fitted.cv_results_["params"]
    assert len(params) == 8
    for one in params:  # each is a fit to all rows too
        only = {name: [value] for name, value in one.items()}
        best = fit_weighted(GridSearchCV(pipeline, only, cv=2), X, Y, W, S)
        scale, last = best.best_estimator_["scale"], best.best_estimator_["last"]
        if isinstance(last, Pipeline):
            assert_array_equal(last[0].sample_weight_, S)
            last = last[-1]
        assert_array_equal(last.sample_weight_, W)
        if isinstance(scale, RecordingScaler):
            assert_array_equal(scale.sample_weight_, S)


def test_a_search_that_swaps_in_what_takes_no_weights_says_so():
    grid = {"last": [Recorder(), KNeighborsRegressor()]}
    search = GridSearchCV(Pipeline([("last", Ridge())]), grid, cv=2)
    with (
        pytest.warns(FitFailedWarning, match="KNeighborsRegressor takes no sample"),
        pytest.warns(UserWarning, match="test scores are non-finite"),
    ):
        fitted = fit_weighted(search, X, Y, W)
    assert_array_equal(np.isnan(fitted.cv_results_["mean_test_score"]), [False, True])
    assert type(fitted.best_estimator_["last"]) is Recorder
    resampled = fit_weighted(search, X, Y, W, on_unsupported="resample")
    assert not np.isnan(resampled.cv_results_["mean_test_score"]).any()


def test_a_custom_score_sees_the_regressor_behind():
    def score(estimator, X, y):
        assert isinstance(estimator, _Weighted)
        return -len(estimator[-1].coef_) - estimator.n_features_in_

    model = make_pipeline(StandardScaler(), Ridge())
    fitted = fit_weighted(GridSearchCV(model, {}, scoring=score), X, Y, W)
    assert fitted.best_score_ == -4


NO_WEIGHTS = {
    "neighbours": (KNeighborsRegressor(), "KNeighborsRegressor.*lost on KNeigh"),
    "in pipeline": (
        make_pipeline(StandardScaler(), KNeighborsRegressor()),
        "KNeighborsRegressor.*lost on Pipeline",
    ),
    "in nested": (
        TransformedTargetRegressor(make_pipeline(make_pipeline(KNeighborsRegressor()))),
        "KNeighborsRegressor.*lost on TransformedTargetRegressor",
    ),
    "in search": (
        GridSearchCV(KNeighborsRegressor(), {}),
        "KNeighborsRegressor.*lost on GridSearchCV",
    ),
    "a member": (
        VotingRegressor([("r", Ridge()), ("k", KNeighborsRegressor())]),
        "KNeighborsRegressor.*lost on VotingRegressor",
    ),
    "final": (
        StackingRegressor([("r", Ridge())], make_pipeline(KNeighborsRegressor())),
        "KNeighborsRegressor.*lost on StackingRegressor",
    ),
    "no last step": (make_pipeline(StandardScaler(), "passthrough"), "'passthrough'"),
    "unknown wrapper": (Wrapper(), "Wrapper"),
    "other rows": (make_pipeline(Sampler(), Ridge()), "Pipeline"),
    "chain by folds": (RegressorChain(Ridge(), cv=3), "RegressorChain"),
    "consensus": (
        RANSACRegressor(KNeighborsRegressor(), min_samples=0.6, random_state=0),
        "RANSACRegressor",
    ),
    "all rows once": (
        BaggingRegressor(KNeighborsRegressor(), bootstrap=False),
        "BaggingRegressor",
    ),
}
every_loss = pytest.mark.parametrize(
    ("regressor", "name"), NO_WEIGHTS.values(), ids=NO_WEIGHTS
)


@every_loss
@routing_off_and_on
def test_weights_are_never_lost_silently(regressor, name, routing):
    message = rf"fit of {name}.*Choose a regressor.*around one.*on_unsupported=\"resam"
    with config_context(enable_metadata_routing=routing):
        asks = clone(regressor)
        for value in asks.get_params().values():
            if routing and isinstance(value, Ridge):
                value.set_fit_request(sample_weight=True)
        with pytest.raises(ValueError, match=message):
            fit_weighted(asks, X, Y, W)


@pytest.mark.parametrize("resample", ["raise", "resample"])
def test_what_is_fitted_already_is_an_error(resample):
    frozen = FrozenEstimator(Ridge().fit(X, Y))
    members = [("frozen", frozen), ("ridge", Ridge())]
    for regressor in (frozen, make_pipeline(frozen), VotingRegressor(members)):
        with pytest.raises(ValueError, match=r"^FrozenEst.* is fitted already"):
            fit_weighted(regressor, X, Y, W, on_unsupported=resample)


@routing_off_and_on
def test_a_stacking_of_fitted_members_weighs_the_final_one(routing):
    members = [("frozen", FrozenEstimator(Ridge().fit(X, Y)))]
    with config_context(enable_metadata_routing=routing):
        final = asking(Recorder()) if routing else Recorder()
        stack = fit_weighted(StackingRegressor(members, final, cv="prefit"), X, Y, W)
    assert_array_equal(stack.final_estimator_.sample_weight_, W)
    assert stack.estimators_ == [members[0][1]]


SEVERAL_OUTPUTS = {
    "outputs": (
        MultiOutputRegressor(make_pipeline(MinMaxScaler(), Recorder())),
        lambda r: [pipeline[-1] for pipeline in r.estimators_],
    ),
    "chain": (RegressorChain(Recorder()), lambda r: r.estimators_),
    "outputs by stacking": (
        MultiOutputRegressor(StackingRegressor([("a", Recorder())], Recorder(), cv=3)),
        lambda r: [e.final_estimator_ for e in r.estimators_],
    ),
}


@pytest.mark.parametrize(
    ("regressor", "members"), SEVERAL_OUTPUTS.values(), ids=SEVERAL_OUTPUTS
)
@routing_off_and_on
def test_several_outputs_share_the_weights(regressor, members, routing):
    regressor = clone(regressor)
    with config_context(enable_metadata_routing=routing):
        for value in regressor.get_params().values():
            if routing and isinstance(value, Recorder):
                asking(value)
        fitted = fit_weighted(regressor, X, Y2, W, S)
    assert len(members(fitted)) == 2
    for recorder, y in zip(members(fitted), Y2.T, strict=True):
        assert_array_equal(recorder.sample_weight_, W)
        assert_array_equal(recorder.y_, y)
    assert b"_Weighted" not in pickle.dumps(fitted)


def test_weights_of_folds_see_all_outputs():
    weigher = Weigher()
    stack = StackingRegressor([("a", Recorder())], Recorder(), cv=KFold(3))
    fit_weighted(MultiOutputRegressor(stack), X, Y2, W, weigh=weigher)
    folds = [train for train, _ in KFold(3).split(X)] * 2  # once an output
    for train, seen in zip(folds, weigher.seen, strict=True):
        assert_array_equal(seen, Y2[train])


class HalfVoting(VotingRegressor):
    """It fits its members to half of the rows and tells no one."""

    def fit(self, X, y):
        return super().fit(X[::2], y[::2])


def test_rows_drawn_without_a_word_are_an_error():
    with pytest.raises(
        ValueError, match="Ridge gets 30 rows, but there are weights of"
    ):
        fit_weighted(HalfVoting([("r", Ridge())]), X, Y, W)


# What draws its own rows by weight, or hands weights on, and what scikit-learn does.
BY_HAND = {
    "bagged trees": BaggingRegressor(random_state=0),
    "boosted neighbours": AdaBoostRegressor(KNeighborsRegressor(), random_state=0),
    "consensus": RANSACRegressor(random_state=0, min_samples=0.6),
    "bagged neighbours": BaggingRegressor(KNeighborsRegressor(), random_state=0),
    "bagged once": BaggingRegressor(bootstrap=False, max_features=1, random_state=0),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_ensembles_get_weights_as_by_hand_or_say_they_do_not(name):
    lost = {"bagged once"} if BAGGING_DRAWS_BY_WEIGHT else {"bagged neighbours"}
    regressor = BY_HAND[name]
    if name in lost:
        with pytest.raises(ValueError, match="BaggingRegressor takes no sample_weight"):
            fit_weighted(regressor, X, Y, W)
        return
    fitted = fit_weighted(regressor, X, Y, W)
    expected = clone(regressor).fit(X, Y, sample_weight=W).predict(X)
    assert_array_equal(fitted.predict(X), expected)
    assert np.any(expected != clone(regressor).fit(X, Y).predict(X))


def test_with_metadata_routing_what_is_inside_an_ensemble_must_ask():
    with config_context(enable_metadata_routing=True):
        ransac = RANSACRegressor(LinearRegression(), random_state=0, min_samples=0.6)
        with pytest.raises(ValueError, match=r"RANSAC.*of it, or of what is inside it"):
            fit_weighted(ransac, X, Y, W)
        asking(ransac.estimator)
        routed = fit_weighted(ransac, X, Y, W).predict(X)
    assert_array_equal(routed, clone(ransac).fit(X, Y, sample_weight=W).predict(X))


resampled = partial(fit_weighted, on_unsupported="resample", random_state=0)


def test_rows_are_drawn_by_their_weights():
    n = 20_000
    y = np.arange(n)
    weights = np.tile([0.0, 1.0, 3.0], n)[:n]
    fitted = resampled(Unweighted(), y[:, np.newaxis], y, weights)
    assert_array_equal(fitted.X_[:, 0], fitted.y_)  # a row keeps its target
    assert len(fitted.y_) == n
    shares = np.bincount(fitted.y_ % 3, minlength=3) / n
    assert shares[0] == 0
    # A share of 1/4 of 20,000 draws has a standard deviation of 0.003.
    assert_allclose(shares[1:], [0.25, 0.75], atol=0.012)
    assert len(np.unique(fitted.y_)) > n / 3  # not one row over and over
    again = resampled(Unweighted(), y[:, np.newaxis], y, weights)
    other = resampled(Unweighted(), y[:, np.newaxis], y, weights, random_state=1)
    assert_array_equal(again.y_, fitted.y_)
    assert np.any(other.y_ != fitted.y_)


def test_no_random_number_is_taken_where_nothing_is_drawn():
    rng = check_random_state(0)
    fit_weighted(Recorder(), X, Y, W, random_state=rng)
    assert rng.uniform() == check_random_state(0).uniform()


@pytest.mark.parametrize("s", [None, S], ids=["equal", "weighted"])
def test_only_the_last_regressor_gets_the_drawn_rows(s):
    regressor = make_pipeline(RecordingScaler(), Unweighted())
    fitted = resampled(
        VotingRegressor([("a", regressor), ("b", Recorder())]), X, Y, W, s
    )
    pipeline, recorder = fitted.estimators_
    assert_array_equal(pipeline[0].X_, X)
    assert_array_equal(pipeline[0].sample_weight_, s)
    assert_array_equal(recorder.sample_weight_, W)  # it takes them, so nothing is drawn
    assert_array_equal(recorder.y_, Y)
    assert len(np.unique(pipeline[1].y_)) < N == len(pipeline[1].y_)


KINDS = {
    "sparse": (csr_array, lambda x: x.toarray()),
    "frame": (pd.DataFrame, lambda x: x.to_numpy()),
    "polars frame": (lambda x: pl.DataFrame(x, list("ab")), lambda x: x.to_numpy()),
    "list": (list, np.array),
    "cube": (lambda x: x.reshape(N, 2, 1), lambda x: x[:, :, 0]),
}


@pytest.mark.parametrize(("kind", "back"), KINDS.values(), ids=KINDS)
def test_rows_of_any_kind_can_be_drawn(kind, back):
    drawn = resampled(Unweighted(), kind(X), Y, W)
    assert type(drawn.X_) is type(kind(X))
    expected = resampled(Unweighted(), X, Y, W)
    assert_array_equal(back(drawn.X_), expected.X_)
    assert_array_equal(drawn.y_, expected.y_)


@pytest.mark.parametrize("kind", [k for k, _ in KINDS.values()], ids=KINDS)
def test_features_are_handed_on_as_they_are(kind):
    given = kind(X)
    identity = FunctionTransformer()
    voting = VotingRegressor([("a", make_pipeline(identity, Recorder()))])
    for regressor in (Recorder(), make_pipeline(identity, Recorder()), voting):
        fitted = fit_weighted(regressor, given, Y, W)
        while not isinstance(fitted, Recorder):
            inner = getattr(fitted, "estimators_", None)
            fitted = fitted[-1] if inner is None else inner[0]
        assert fitted.X_ is given


def test_a_pipeline_may_take_texts():
    texts = [f"{'wide ' if abs(y) > 8 else ''}angle {i % 7}" for i, y in enumerate(Y)]
    model = make_pipeline(CountVectorizer(), Ridge())
    fitted = fit_weighted(StackingRegressor([("a", model)], cv=3), texts, Y, W)
    assert fitted.predict(texts).shape == (N,)
    words = CountVectorizer().fit_transform(texts)
    expected = Ridge().fit(words, Y, sample_weight=W).predict(words)
    assert_allclose(fitted.estimators_[0].predict(texts), expected)


def test_rows_without_a_target_are_not_left_out_in_silence():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        resampled(Unweighted(), X, Y[1:], W[1:])


def test_pairs_of_rows_cannot_be_drawn():
    regressor = KNeighborsRegressor(metric="precomputed")
    with pytest.raises(
        ValueError, match="KNeighborsRegressor takes a matrix of all pa"
    ):
        resampled(regressor, np.abs(X @ X.T), Y, W)


@every_loss
def test_what_takes_no_weights_gets_drawn_rows(regressor, name):
    if name in {"'passthrough'", "RegressorChain", "Pipeline", "Wrapper"}:
        return  # no regressor of one output, or none at all
    fitted = resampled(regressor, X, Y, W)
    assert np.any(fitted.predict(X) != clone(regressor).fit(X, Y).predict(X))


def test_no_last_step_cannot_be_resampled():
    with pytest.raises(ValueError, match="'passthrough' takes no sample_weight"):
        resampled(make_pipeline(StandardScaler(), "passthrough"), X, Y, W)


def test_without_weights_anything_is_fitted_as_it_is():
    fitted = fit_weighted(KNeighborsRegressor(), X, Y, None)
    assert_array_equal(fitted.predict(X), KNeighborsRegressor().fit(X, Y).predict(X))


def test_the_regressor_given_is_not_touched():
    regressor = VotingRegressor([("a", make_pipeline(StandardScaler(), Ridge()))])
    before = repr(regressor)
    fit_weighted(regressor, X, Y, W, S)
    assert repr(regressor) == before
    assert not hasattr(regressor, "estimators_")
    assert not hasattr(regressor.estimators[0][1][0], "mean_")


def test_members_can_be_pickled_while_they_are_fitted():
    """As `n_jobs` does."""
    weigh = partial(np.average, axis=0)
    seen = []

    class Spy(VotingRegressor):
        def fit(self, X, y):
            copies = pickle.loads(pickle.dumps(self.estimators))
            seen.extend(member for _, member in copies)
            return super().fit(X, y)

    fit_weighted(Spy([("a", DecisionTreeRegressor())]), X, Y, W, weigh=weigh)
    assert_array_equal(seen[0].fit(X, Y).rows.weights, W)
    assert type(seen[0].regressor_) is DecisionTreeRegressor


class Witness:
    """A callback, handed on to the regressors inside, that keeps what it sees."""

    max_propagation_depth = None

    def __init__(self):
        self.seen = []

    def setup(self, estimator, context):
        self.seen.append(("setup", type(estimator).__name__))

    def teardown(self, estimator, context):
        self.seen.append(("teardown", type(estimator).__name__))

    def on_fit_task_begin(self, estimator, context, **seen):
        parent = context.parent and context.parent.task_name
        self.seen.append((context.task_name, type(estimator).__name__, parent))

    def on_fit_task_end(self, estimator, context, **seen):
        pass


@pytest.mark.skipif(callback is None, reason="scikit-learn < 1.9")
@pytest.mark.parametrize(
    "regressor",
    [
        make_pipeline(StandardScaler(), AdaptiveLossRegressor()),
        make_pipeline(make_pipeline(AdaptiveLossRegressor())),
        GridSearchCV(AdaptiveLossRegressor(), {"alpha": [1.0, 2.0]}, cv=2),
    ],
    ids=["pipeline", "nested", "search"],
)
def test_callbacks_see_the_fit_that_they_would_see_without_weights(regressor):
    def seen(fit):
        witness = Witness()
        fit(clone(regressor).set_callbacks(witness))
        return witness.seen

    by_itself = seen(lambda model: model.fit(X, Y))
    weighted = seen(lambda model: fit_weighted(model, X, Y, np.ones(N)))
    assert len(by_itself) > 4
    assert weighted == by_itself
