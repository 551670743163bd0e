"""Tests of the regressor that makes its weights from the targets it is fitted to."""

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
    ExtraTreesRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_validate
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from skrobust import (
    BucketKFold,
    BucketWeighter,
    TargetBuckets,
    TargetWeightedRegressor,
    make_bucket_scorer,
)
from skrobust.meta import _shorten

RNG = np.random.default_rng(0)
Y = np.r_[RNG.normal(scale=8, size=110), RNG.uniform(-80, 80, size=10)]
X = np.c_[Y + RNG.normal(scale=5, size=len(Y)), RNG.normal(size=len(Y))]
S = RNG.integers(0, 4, len(Y)).astype(float)
WIDE = TargetBuckets(10, 40, symmetric=True)
TWENTY = TargetBuckets(10, 20, symmetric=True)
BY_BUCKET = BucketKFold(3, buckets=TWENTY)
WEIGHTER = BucketWeighter(WIDE, power=0.7, max_weight=4)
WEIGHTS = WEIGHTER.fit_transform(Y)
PRODUCT = S * WEIGHTER.fit_transform(Y, S)


class Recorder(RegressorMixin, BaseEstimator):
    """Regressor that keeps the weights that it gets."""

    def fit(self, X, y, sample_weight=None):
        self.y_, self.sample_weight_ = y, sample_weight
        return self

    def predict(self, X):
        return np.zeros(len(X))


class RecordingScaler(TransformerMixin, BaseEstimator):
    """Transformer that keeps the weights that it gets."""

    def fit(self, X, y=None, sample_weight=None):
        self.sample_weight_ = sample_weight
        return self

    def transform(self, X):
        return X


class Wrapper(RegressorMixin, BaseEstimator):
    """Regressor that might hand on its arguments, or might not."""

    def fit(self, X, y, **params):
        return self


def nested_pipeline(scaler, last):
    return make_pipeline(make_pipeline(scaler), Pipeline([("in", scaler), ("r", last)]))


UNWEIGHTED = make_bucket_scorer(buckets=[0]).set_score_request(sample_weight=False)

# How to wrap (scaler, last step), and where they are after fit.
WRAPPERS = {
    "plain": (lambda scaler, last: last, lambda r: [r]),
    "pipeline": (
        make_pipeline,
        lambda r: [r[-1], r[0]],
    ),
    "nested pipelines": (
        nested_pipeline,
        lambda r: [r[-1]["r"], r[0][0], r[-1]["in"]],
    ),
    "transformed target": (
        lambda scaler, last: TransformedTargetRegressor(make_pipeline(scaler, last)),
        lambda r: [r.regressor_[-1], r.regressor_[0]],
    ),
    "pipeline of transformed target": (
        lambda scaler, last: make_pipeline(scaler, TransformedTargetRegressor(last)),
        lambda r: [r[-1].regressor_, r[0]],
    ),
    "grid search": (
        lambda scaler, last: GridSearchCV(
            make_pipeline(scaler, last), {}, cv=2, scoring=UNWEIGHTED
        ),
        lambda r: [r.best_estimator_[-1], r.best_estimator_[0]],
    ),
    "random search of transformed target": (
        lambda scaler, last: RandomizedSearchCV(
            TransformedTargetRegressor(last), {}, n_iter=1, cv=2, scoring=UNWEIGHTED
        ),
        lambda r: [r.best_estimator_.regressor_],
    ),
    "pipeline of grid search": (
        lambda scaler, last: make_pipeline(scaler, GridSearchCV(last, {}, cv=2)),
        lambda r: [r[-1].best_estimator_, r[0]],
    ),
}
every_wrapper = pytest.mark.parametrize(
    ("wrap", "unwrap"), WRAPPERS.values(), ids=WRAPPERS
)


@parametrize_with_checks(
    [
        TargetWeightedRegressor(regressor)
        for regressor in (
            None,
            Ridge(),
            # with_mean=True claims to take sparse input in scikit-learn 1.6.
            make_pipeline(StandardScaler(with_mean=False), Ridge()),
            TransformedTargetRegressor(Ridge()),
            HistGradientBoostingRegressor(max_iter=5),
            DecisionTreeRegressor(random_state=0),
            RandomForestRegressor(5, bootstrap=False, random_state=0),
            ExtraTreesRegressor(5, random_state=0),
        )
    ]
    + [TargetWeightedRegressor(Ridge(), BucketWeighter([0, 1], power=0.3))]
)
def test_sklearn_compatible(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "regressor",
    [
        LinearRegression(),
        Ridge(),
        HistGradientBoostingRegressor(max_iter=10, min_samples_leaf=5),
        RandomForestRegressor(5, random_state=0),
    ],
    ids=repr,
)
@pytest.mark.parametrize("s", [None, S], ids=["equal", "weighted"])
def test_fits_the_regressor_with_the_weights(regressor, s):
    weighted = TargetWeightedRegressor(regressor, WEIGHTER).fit(X, Y, sample_weight=s)
    weights = _shorten(WEIGHTER.fit_transform(Y, s)) * (1 if s is None else s)
    expected = clone(regressor).fit(X, Y, sample_weight=weights)
    assert_allclose(weighted.predict(X), expected.predict(X))
    assert weighted.score(X, Y) == pytest.approx(expected.score(X, Y))
    assert np.any(weighted.predict(X) != clone(regressor).fit(X, Y).predict(X))


@every_wrapper
@pytest.mark.parametrize("s", [None, S], ids=["equal", "weighted"])
def test_weights_reach_the_last_step_and_no_other(wrap, unwrap, s):
    model = TargetWeightedRegressor(wrap(RecordingScaler(), Recorder()), WEIGHTER)
    last, *scalers = unwrap(model.fit(X, Y, sample_weight=s).regressor_)
    expected = WEIGHTS if s is None else PRODUCT
    assert_allclose(last.sample_weight_, expected, rtol=1e-12)
    # A row of weight 2 is two rows to a scaler too; how rare it is, is not its thing.
    for scaler in scalers:
        if s is None:
            assert scaler.sample_weight_ is None
        else:
            assert_array_equal(scaler.sample_weight_, s)


@every_wrapper
@pytest.mark.parametrize("s", [None, S], ids=["equal", "weighted"])
@pytest.mark.parametrize("scaler_asks", [False, True])
def test_weights_follow_requests_with_metadata_routing(wrap, unwrap, s, scaler_asks):
    with config_context(enable_metadata_routing=True):
        scaler = RecordingScaler().set_fit_request(sample_weight=scaler_asks)
        recorder = Recorder().set_fit_request(sample_weight=True)
        recorder.set_score_request(sample_weight=False)
        model = TargetWeightedRegressor(wrap(scaler, recorder), WEIGHTER)
        last, *scalers = unwrap(model.fit(X, Y, sample_weight=s).regressor_)
    expected = WEIGHTS if s is None else PRODUCT
    assert_allclose(last.sample_weight_, expected, rtol=1e-12)
    for scaler in scalers:
        if scaler_asks:
            assert_array_equal(scaler.sample_weight_, last.sample_weight_)
        else:
            assert scaler.sample_weight_ is None


def test_a_plain_regressor_needs_no_request():
    with config_context(enable_metadata_routing=True):
        model = TargetWeightedRegressor(Recorder(), WEIGHTER).fit(X, Y)
    assert_allclose(model.regressor_.sample_weight_, WEIGHTS, rtol=1e-12)


@every_wrapper
@pytest.mark.parametrize("asks", [False, None])
def test_a_last_step_that_does_not_ask_is_an_error(wrap, unwrap, asks):
    with config_context(enable_metadata_routing=True):
        scaler = RecordingScaler().set_fit_request(sample_weight=True)
        recorder = Recorder().set_fit_request(sample_weight=asks)
        model = TargetWeightedRegressor(wrap(scaler, recorder), WEIGHTER)
        if asks is None and model.regressor is recorder:
            return  # as above
        with pytest.raises(
            ValueError, match=r"Recorder does not request the weights.*"
        ):
            model.fit(X, Y)


def test_a_last_step_that_asks_under_an_alias_is_told_so():
    with config_context(enable_metadata_routing=True):
        recorder = Recorder().set_fit_request(sample_weight="w")
        model = TargetWeightedRegressor(make_pipeline(StandardScaler(), recorder))
        with pytest.raises(
            ValueError, match=r"Recorder requests.* the alias 'w'.*=True"
        ):
            model.fit(X, Y)
        plain = TargetWeightedRegressor(recorder, WEIGHTER).fit(X, Y)
    assert_allclose(plain.regressor_.sample_weight_, WEIGHTS, rtol=1e-12)


def test_a_transformer_that_does_not_say_is_an_error():
    with config_context(enable_metadata_routing=True):
        recorder = Recorder().set_fit_request(sample_weight=True)
        model = TargetWeightedRegressor(make_pipeline(RecordingScaler(), recorder))
        with pytest.raises(UnsetMetadataPassedError, match=r"RecordingScaler\.fit"):
            model.fit(X, Y)


NO_WEIGHTS = {
    "neighbours": (KNeighborsRegressor(), "KNeighborsRegressor"),
    "process": (GaussianProcessRegressor(), "GaussianProcessRegressor"),
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
    "no last step": (make_pipeline(StandardScaler(), "passthrough"), "'passthrough'"),
    "unknown wrapper": (Wrapper(), "Wrapper"),
}


@pytest.mark.parametrize(("regressor", "name"), NO_WEIGHTS.values(), ids=NO_WEIGHTS)
@pytest.mark.parametrize("routing", [False, True])
def test_weights_are_never_lost_silently(regressor, name, routing):
    message = (
        rf"fit of {name}.*Choose a regressor.*or put TargetWeightedRegressor inside"
    )
    model = TargetWeightedRegressor(regressor)
    with (
        config_context(enable_metadata_routing=routing),
        pytest.raises(ValueError, match=message),
    ):
        model.fit(X, Y)


@pytest.mark.parametrize("ensemble", [VotingRegressor, StackingRegressor])
@pytest.mark.parametrize("wrap", [lambda r: r, make_pipeline], ids=["", "pipeline"])
@pytest.mark.parametrize("routing", [False, True])
def test_ensembles_of_unlike_members_are_refused(ensemble, wrap, routing):
    message = (
        r"does not hand weights through (Voting|Stacking)Regressor yet. "
        r"Put TargetWeightedRegressor inside, around each member"
    )
    with config_context(enable_metadata_routing=routing):
        ridge = Ridge().set_fit_request(sample_weight=True) if routing else Ridge()
        model = TargetWeightedRegressor(wrap(ensemble([("ridge", ridge)])))
        with pytest.raises(ValueError, match=message):
            model.fit(X, Y)
    inside = ensemble([("weighted", TargetWeightedRegressor(Ridge(), WEIGHTER))])
    assert inside.fit(X, Y).predict(X).shape == Y.shape


SWAPS = {
    "takes none": (StandardScaler(), MinMaxScaler()),
    "takes them": (MinMaxScaler(), StandardScaler()),
    "is there": ("passthrough", StandardScaler()),
    "is none": (StandardScaler(), None),
}


@pytest.mark.parametrize(("step", "other"), SWAPS.values(), ids=SWAPS)
@pytest.mark.parametrize("search", [GridSearchCV, RandomizedSearchCV])
@pytest.mark.parametrize("within", [lambda r: r, TransformedTargetRegressor])
def test_a_search_may_not_swap_who_takes_the_weights(step, other, search, within):
    pipeline = Pipeline([("scale", step), ("ridge", Ridge())])
    name = "scale" if within(pipeline) is pipeline else "regressor__scale"
    model = TargetWeightedRegressor(
        search(within(pipeline), {name: [step, other]}, cv=2)
    )
    if search is RandomizedSearchCV:
        model.set_params(regressor__n_iter=2)
    model.fit(X, Y)
    with pytest.raises(ValueError, match=r"SearchCV swaps .* for .*Swap like for like"):
        model.fit(X, Y, sample_weight=S)


def test_a_search_may_swap_like_for_like():
    pipeline = Pipeline([("scale", RecordingScaler()), ("last", Recorder())])
    grid = [{"scale": [RecordingScaler(), "passthrough"]}, {"last": [Recorder()]}]
    model = TargetWeightedRegressor(GridSearchCV(pipeline, grid, cv=2))
    model.fit(X, Y, sample_weight=S)
    assert_array_equal(model.regressor_.best_estimator_[0].sample_weight_, S)


def test_centring_does_not_break_that_integer_weights_are_repeated_rows():
    model = TargetWeightedRegressor(
        make_pipeline(StandardScaler(), Ridge(20)), WEIGHTER
    )
    weighted = clone(model).fit(X, Y, sample_weight=S)
    times = S.astype(int)
    repeated = clone(model).fit(np.repeat(X, times, axis=0), np.repeat(Y, times))
    assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-10)


def test_product_keeps_the_total_weight():
    model = TargetWeightedRegressor(Recorder(), WEIGHTER)
    model.fit(X, Y, sample_weight=7 * S)
    assert model.regressor_.sample_weight_.sum() == pytest.approx(7 * S.sum())


def test_rows_of_zero_weight_need_no_bucket():
    weighter = BucketWeighter([0, 10], unseen="raise")
    model = TargetWeightedRegressor(Recorder(), weighter)
    model.fit([[0]] * 4, [-1, 1, 2, 11], sample_weight=[1, 1, 1, 0])
    assert_allclose(model.regressor_.sample_weight_, [1.5, 0.75, 0.75, 0])


@pytest.mark.parametrize("step", [False, True], ids=["outermost", "step"])
def test_weights_of_a_fold_are_made_from_its_training_rows(step):
    model = TargetWeightedRegressor(Recorder(), BucketWeighter(5))
    model = make_pipeline(StandardScaler(), model) if step else model
    folds = cross_validate(model, X, Y, return_estimator=True, return_indices=True)
    for fitted, train in zip(
        folds["estimator"], folds["indices"]["train"], strict=True
    ):
        recorder = (fitted[-1] if step else fitted).regressor_
        expected = BucketWeighter(5).fit_transform(Y[train])
        assert_allclose(recorder.sample_weight_, expected, rtol=1e-12)


@pytest.mark.parametrize("routing", [False, True])
def test_power_can_be_searched_over(routing):
    model = make_pipeline(StandardScaler(), TargetWeightedRegressor(Ridge(), WEIGHTER))
    grid = {
        "targetweightedregressor__weighter__power": [0, 0.5, 1],
        "targetweightedregressor__weighter__buckets__width": [10, 20],
        "targetweightedregressor__regressor__alpha": [1, 10],
    }
    scorer = make_bucket_scorer(buckets=TWENTY)
    with config_context(enable_metadata_routing=routing):
        search = GridSearchCV(model, grid, scoring=scorer, cv=BY_BUCKET)
        search.fit(X, Y)
    scores = search.cv_results_["mean_test_score"]
    assert len(np.unique(scores)) == len(scores) - 2  # power 0 has no width
    assert search.best_score_ == scores.max()


@pytest.mark.parametrize("routing", [False, True])
def test_weights_of_the_user_pass_through_a_search(routing):
    with config_context(enable_metadata_routing=routing):
        scorer = make_bucket_scorer(buckets=[0])
        scorer.set_score_request(sample_weight=False)
        model = TargetWeightedRegressor(Recorder(), WEIGHTER)
        search = GridSearchCV(model, {}, scoring=scorer, cv=BY_BUCKET)
        search.fit(X, Y, sample_weight=S)
    recorder = search.best_estimator_.regressor_
    assert_allclose(recorder.sample_weight_, PRODUCT, rtol=1e-12)


def test_any_weighter_serves():
    class Constant(BaseEstimator):
        def fit(self, y, sample_weight=None):
            self.n_ = len(y)
            return self

        def transform(self, y):
            return np.full(len(y), 3.0)

    weighter = Constant()
    model = TargetWeightedRegressor(Recorder(), weighter).fit(X, Y)
    assert_array_equal(model.regressor_.sample_weight_, 3)
    assert model.weighter_.n_ == len(Y)
    assert not hasattr(weighter, "n_")


class Scaled(BaseEstimator):
    """Weighter whose weights have another mean; its fit returns nothing."""

    def __init__(self, size=1.0):
        self.size = size

    def fit(self, y, sample_weight=None):
        self.weighter_ = clone(WEIGHTER).fit(y, sample_weight)

    def transform(self, y):
        return list(self.size * self.weighter_.transform(y))


@pytest.mark.parametrize("size", [1e-300, 1e-16, 1e-12, 1e20, 1e300])
@pytest.mark.parametrize("s", [None, S], ids=["equal", "weighted"])
def test_weights_may_have_any_scale(size, s):
    model = TargetWeightedRegressor(Recorder(), Scaled(size))
    given = model.fit(X, Y, sample_weight=s).regressor_.sample_weight_
    expected = WEIGHTS if s is None else PRODUCT
    assert_allclose(given, size * expected, rtol=1e-12)


def test_an_inner_fit_may_return_nothing():
    class Mean(RegressorMixin, BaseEstimator):
        def fit(self, X, y, sample_weight=None):
            self.mean_ = np.average(y, weights=sample_weight)

        def predict(self, X):
            return np.full(len(X), self.mean_)

    model = TargetWeightedRegressor(Mean(), Scaled()).fit(X, Y)
    assert_allclose(model.predict(X), np.average(Y, weights=WEIGHTS))
    assert_allclose(model.weighter_.transform(Y), WEIGHTS)


def test_a_failed_fit_leaves_what_was_there():
    model = TargetWeightedRegressor(Ridge(), BucketWeighter([0], power=0.5))
    with pytest.raises(ValueError, match="inconsistent"):
        model.fit(X[1:], Y)
    assert not [name for name in vars(model) if name.endswith("_")]
    with pytest.raises(NotFittedError, match="TargetWeightedRegressor instance is not"):
        model.predict(X)
    before = vars(model.fit(X, Y)) | {}
    model.set_params(weighter__power=1.0)
    with pytest.raises(ValueError, match="inconsistent"):
        model.fit(X[1:], Y)
    assert vars(model) == before
    assert model.weighter_.power == 0.5


def test_defaults():
    model = TargetWeightedRegressor().fit(X, Y)
    expected = LinearRegression().fit(X, Y, BucketWeighter().fit_transform(Y))
    assert_allclose(model.predict(X), expected.predict(X))
    assert type(model.weighter_) is BucketWeighter


def test_shortened_weights_have_exact_sums():
    weights = RNG.exponential(size=1000)
    short = _shorten(weights)
    assert_allclose(short, weights, rtol=0, atol=3e-14)
    total = short[:400].sum()
    assert total == np.cumsum(short[:400])[-1] == np.cumsum(short[:400][::-1])[-1]
    assert_array_equal(_shorten(np.array([0.0, 0.75, 1.0, 70.5])), [0, 0.75, 1, 70.5])


def test_weights_are_shortened_alike_whether_weighted_or_repeated():
    weights, times = RNG.exponential(size=1000), RNG.integers(1, 9, size=1000)
    weights /= np.average(weights, weights=times)
    for scale in (1 - 1e-15, 1, 1 + 1e-15):
        short = _shorten(scale * weights, times)
        repeated = _shorten(np.repeat(scale * weights, times))
        assert_array_equal(np.repeat(short, times), repeated)
        assert_array_equal(short * 2.0**44 % 1, 0)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_and_their_names(frame):
    data = frame({"a": X[:, 0], "b": X[:, 1], "y": Y})
    model = TargetWeightedRegressor(Ridge()).fit(data[["a", "b"]], data["y"])
    assert model.n_features_in_ == 2
    expected = TargetWeightedRegressor(Ridge()).fit(X, Y).predict(X)
    assert_allclose(model.predict(data[["a", "b"]]), expected)
    if frame is pd.DataFrame:  # whether polars has names depends on scikit-learn
        assert list(model.feature_names_in_) == ["a", "b"]
        with pytest.raises(ValueError, match="feature names"):
            model.predict(data[["b", "a"]])


KINDS = {"frame": pd.DataFrame(X, columns=["a", "b"]), "array": X}


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
@pytest.mark.parametrize("wrap", [lambda m: m, make_pipeline], ids=["", "pipeline"])
def test_fit_again(first, second, wrap):
    model = wrap(TargetWeightedRegressor(Ridge(), WEIGHTER))
    expected = model.fit(X, Y).predict(X)
    model = clone(model).fit(KINDS[first], Y).fit(KINDS[second], Y)
    assert_allclose(model.predict(KINDS[second]), expected)
    assert hasattr(model, "feature_names_in_") == (second == "frame")


def test_arrays_have_no_names():
    model = TargetWeightedRegressor(Ridge())
    assert not hasattr(model, "n_features_in_")
    assert not hasattr(model.fit(X, Y), "feature_names_in_")


def test_tags_are_those_of_the_regressor():
    trees = get_tags(TargetWeightedRegressor(HistGradientBoostingRegressor()))
    assert trees.input_tags.allow_nan
    assert not trees.input_tags.sparse
    ridge = get_tags(TargetWeightedRegressor(Ridge()))
    assert ridge.input_tags == get_tags(Ridge()).input_tags
    assert not ridge.target_tags.multi_output
    model = TargetWeightedRegressor(Ridge()).fit(csr_array(X), Y)
    assert_allclose(model.predict(csr_array(X)), model.predict(X))


@pytest.mark.parametrize(
    ("params", "change", "message"),
    [
        ({"regressor": "ridge"}, {}, r"'regressor' parameter.*Got 'ridge'"),
        ({"weighter": 1.0}, {}, r"'weighter' parameter.*Got 1\.0"),
        ({"weighter": BucketWeighter(power=-1)}, {}, r"'power' parameter.*Got -1"),
        ({"weighter": BucketWeighter(0)}, {}, r"'n_buckets' parameter.*Got 0"),
        ({}, {"y": None}, r"requires y to be passed, but the target y is None"),
        ({}, {"y": np.r_[np.nan, Y[1:]]}, r"Input y contains NaN"),
        ({}, {"y": np.r_[np.inf, Y[1:]]}, r"Input y contains infinity"),
        ({}, {"y": np.c_[Y, Y]}, r"should be a 1d array"),
        ({}, {"y": Y[1:]}, r"inconsistent numbers of samples"),
        ({}, {"X": np.where(X > 20, np.nan, X)}, r"Input X contains NaN"),
        ({}, {"sample_weight": -S}, r"sample_weight must not be negative"),
        ({}, {"sample_weight": S * np.nan}, r"Input sample_weight contains NaN"),
        ({}, {"sample_weight": 0 * S}, r"sample_weight is zero for every sample"),
        ({}, {"sample_weight": S + 1e308}, r"sample_weight must have a finite sum"),
        ({}, {"sample_weight": S[1:]}, r"sample_weight\.shape == \(119,\), expected"),
    ],
)
def test_bad_arguments_are_named(params, change, message):
    with pytest.raises(ValueError, match=message):
        TargetWeightedRegressor(**params).fit(**{"X": X, "y": Y} | change)


def test_a_class_is_no_estimator():
    with pytest.raises(TypeError, match="instance"):
        TargetWeightedRegressor(Ridge).fit(X, Y)


def test_predict_needs_fit():
    with pytest.raises(NotFittedError, match="TargetWeightedRegressor instance is not"):
        TargetWeightedRegressor().predict(X)
