"""Tests of the regressor that makes its weights from the targets it is fitted to."""

from inspect import signature

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.linear_model import BayesianRidge, LinearRegression, Ridge, RidgeCV
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_predict,
    cross_validate,
)
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import get_tags
from sklearn.utils.discovery import all_estimators
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
Y2 = np.c_[Y, X[:, 1] - Y]
S = RNG.integers(0, 4, len(Y)).astype(float)
WIDE = TargetBuckets(10, 40, symmetric=True)
TWENTY = TargetBuckets(10, 20, symmetric=True)
BY_BUCKET = BucketKFold(3, buckets=TWENTY)
WEIGHTER = BucketWeighter(WIDE, power=0.7, max_weight=4)
WEIGHTS = WEIGHTER.fit_transform(Y)
PRODUCT = S * WEIGHTER.fit_transform(Y, S)
# Of two outputs, the weights of the mean over both.
BY_TWO = BucketWeighter(5, power=0.5, multioutput="mean")


class Recorder(RegressorMixin, BaseEstimator):
    """Regressor that keeps the weights that it gets, and how often it was fitted."""

    fits = 0

    def fit(self, X, y, sample_weight=None):
        Recorder.fits += 1
        self.X_, self.y_, self.sample_weight_ = X, y, sample_weight
        return self

    def predict(self, X):
        return np.zeros(len(X))


# Draws and folds of rows are not those of rows that are there several times.
NOT_BY_REPEATING = {
    f"check_sample_weight_equivalence_on_{kind}_data": "rows are drawn or dealt"
    for kind in ("dense", "sparse")
}


def expected_failures(model):
    """Return the checks that a model cannot pass, and why."""
    draws = model.on_unsupported == "resample"
    folds = isinstance(model.regressor, StackingRegressor)
    return NOT_BY_REPEATING if draws or folds else {}


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
            VotingRegressor(
                [("a", Ridge()), ("b", DecisionTreeRegressor(random_state=0))]
            ),
            StackingRegressor([("a", Ridge())], Ridge(), cv=2),
        )
    ]
    + [
        TargetWeightedRegressor(Ridge(), BucketWeighter([0, 1], power=0.3)),
        TargetWeightedRegressor(Ridge(), blend=0.3),
        TargetWeightedRegressor(Ridge(), blend=1.0),
        TargetWeightedRegressor(HistGradientBoostingRegressor(max_iter=5), blend=0.3),
        TargetWeightedRegressor(Ridge(), BY_TWO, blend=0.5),
        TargetWeightedRegressor(MultiOutputRegressor(Ridge()), BY_TWO),
        TargetWeightedRegressor(
            KNeighborsRegressor(), on_unsupported="resample", random_state=0
        ),
        TargetWeightedRegressor(
            make_pipeline(StandardScaler(with_mean=False), KNeighborsRegressor()),
            blend=0.3,
            on_unsupported="resample",
            random_state=0,
        ),
    ],
    expected_failed_checks=expected_failures,
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


@pytest.mark.parametrize("wrap", [lambda r: r, make_pipeline], ids=["", "pipeline"])
@pytest.mark.parametrize("s", [None, S], ids=["equal", "weighted"])
def test_inner_folds_weigh_their_training_rows(wrap, s):
    weighter = BucketWeighter([-20, 0, 20], power=0.5)
    cv = KFold(3, shuffle=True, random_state=0)

    class Kept(Ridge):
        seen = []

        def fit(self, X, y, sample_weight=None):
            self.seen.append((y, sample_weight))
            return super().fit(X, y, sample_weight)

    stack = StackingRegressor([("kept", wrap(Kept()))], Ridge(), cv=cv)
    model = TargetWeightedRegressor(stack, weighter).fit(X, Y, sample_weight=s)
    assert_allclose(
        Kept.seen[0][1], model.weighter_.transform(Y) * (1 if s is None else s)
    )
    for (train, _), (y, given) in zip(cv.split(X), Kept.seen[1:], strict=True):
        assert_array_equal(y, Y[train])
        part = None if s is None else s[train]
        expected = clone(weighter).fit(y, part).transform(y) * (
            1 if s is None else part
        )
        assert_allclose(given, expected, rtol=1e-12)


def test_targets_of_test_rows_change_nothing():
    """Neither in a fold of cross-validation, nor in one of a Stacking inside."""
    train, test = np.arange(80), np.arange(80, len(Y))
    other = np.r_[Y[train], RNG.permutation(Y[test])]
    stack = StackingRegressor(
        [("ridge", Ridge())], Recorder(), cv=[(train, test), (test, train)]
    )
    for model in (
        TargetWeightedRegressor(Ridge(), WEIGHTER, blend=0.3),
        TargetWeightedRegressor(
            KNeighborsRegressor(), WEIGHTER, on_unsupported="resample", random_state=0
        ),
    ):
        cv = [(train, test), (test, train)]
        first, second = (
            cross_val_predict(model, X, y, cv=cv)[test] for y in (Y, other)
        )
        assert_array_equal(first, second)
    first, second = (
        TargetWeightedRegressor(stack, WEIGHTER)
        .fit(X, y)
        .regressor_.final_estimator_.X_
        for y in (Y, other)
    )
    assert_array_equal(first[test], second[test])
    assert np.any(first[train] != second[train])


@pytest.mark.parametrize("blend", [0, 0.3, 1])
@pytest.mark.parametrize("s", [None, S], ids=["equal", "weighted"])
@pytest.mark.parametrize(
    "wrap",
    [lambda r: r, lambda r: make_pipeline(StandardScaler(), r)],
    ids=["", "pipeline"],
)
def test_blend_mixes_with_the_unweighted_fit(blend, s, wrap):
    model = TargetWeightedRegressor(wrap(Ridge(20)), WEIGHTER, blend=blend)
    model.fit(X, Y, sample_weight=s)
    weighted = (
        TargetWeightedRegressor(wrap(Ridge(20)), WEIGHTER).fit(X, Y, s).predict(X)
    )
    times = np.ones(len(Y), int) if s is None else s.astype(int)
    plain = (
        wrap(Ridge(20)).fit(np.repeat(X, times, axis=0), np.repeat(Y, times)).predict(X)
    )
    assert_allclose(model.predict(X), (1 - blend) * weighted + blend * plain)
    assert np.abs(weighted - plain).max() > 1


@pytest.mark.parametrize("blend", [0, 0.3, 1])
def test_set_params_changes_nothing_before_the_next_fit(blend):
    model = TargetWeightedRegressor(Ridge(), WEIGHTER, blend=blend).fit(X, Y)
    before = model.predict(X)
    assert_array_equal(model.set_params(blend=0.7).predict(X), before)
    assert np.any(model.fit(X, Y).predict(X) != before)


@pytest.mark.parametrize(("blend", "fits"), [(0.0, 1), (0.5, 2), (1.0, 1)])
def test_blend_fits_no_more_than_it_needs(blend, fits):
    model = TargetWeightedRegressor(Recorder(), WEIGHTER, blend=blend)
    before = Recorder.fits
    model.fit(X, Y, sample_weight=S)
    assert Recorder.fits - before == fits
    assert (model.regressor_ is None) == (blend == 1)
    assert (model.unweighted_regressor_ is None) == (blend == 0)
    if blend < 1:
        assert_allclose(model.regressor_.sample_weight_, PRODUCT, rtol=1e-12)
    if blend > 0:
        assert_array_equal(model.unweighted_regressor_.sample_weight_, S)
        assert model.fit(X, Y).unweighted_regressor_.sample_weight_ is None
    assert_allclose(model.fit(X, Y).weighter_.transform(Y), WEIGHTS)


def test_arguments_of_predict_are_passed_on():
    model = TargetWeightedRegressor(
        make_pipeline(StandardScaler(), BayesianRidge()), WEIGHTER
    )
    mean, deviation = model.fit(X, Y).predict(X, return_std=True)
    expected = model.regressor_.predict(X, return_std=True)
    assert_array_equal([mean, deviation], expected)
    model.set_params(blend=0.5).fit(X, Y)
    with pytest.raises(
        ValueError, match=r"blend=0\.5 mixes .*\['return_std'\] predict returns 2"
    ):
        model.predict(X, return_std=True)


def test_a_regressor_without_weights_gets_drawn_rows():
    model = TargetWeightedRegressor(KNeighborsRegressor(), WEIGHTER)
    with pytest.raises(ValueError, match=r"KNeighborsRegressor takes no sample_weight"):
        model.fit(X, Y)
    model.set_params(on_unsupported="resample", random_state=0)
    y_first = model.fit(X, Y).predict(X)
    assert_array_equal(model.fit(X, Y).predict(X), y_first)
    assert np.any(model.set_params(random_state=1).fit(X, Y).predict(X) != y_first)
    plain = KNeighborsRegressor().fit(X, Y)
    drawn = model.regressor_
    assert drawn.n_samples_fit_ == plain.n_samples_fit_ == len(Y)
    # Rare targets make up more of the rows, as their weights say.
    rare = np.abs(drawn._y) >= 40
    assert rare.mean() == pytest.approx(
        WEIGHTS[np.abs(Y) >= 40].sum() / len(Y), abs=0.1
    )
    assert rare.mean() > 2 * np.mean(np.abs(Y) >= 40)


@pytest.mark.parametrize("s", [None, S], ids=["equal", "weighted"])
def test_blend_of_drawn_rows(s):
    model = TargetWeightedRegressor(
        KNeighborsRegressor(),
        WEIGHTER,
        blend=0.4,
        on_unsupported="resample",
        random_state=0,
    )
    model.fit(X, Y, sample_weight=s)
    plain = model.unweighted_regressor_
    if s is None:
        assert_array_equal(plain.predict(X), KNeighborsRegressor().fit(X, Y).predict(X))
    else:  # a row of weight 0 is not there
        assert set(plain._y) <= set(Y[s > 0])
    y_mixed = 0.6 * model.regressor_.predict(X) + 0.4 * plain.predict(X)
    assert_allclose(model.predict(X), y_mixed)


def test_outputs_are_weighed_together():
    model = TargetWeightedRegressor(
        MultiOutputRegressor(make_pipeline(StandardScaler(), Ridge())), BY_TWO
    )
    y_pred = model.fit(X, Y2, sample_weight=S).predict(X)
    weights = S * clone(BY_TWO).fit(Y2, S).transform(Y2)
    for y, predicted in zip(Y2.T, y_pred.T, strict=True):
        ridge = make_pipeline(StandardScaler(), Ridge())
        ridge.fit(X, y, standardscaler__sample_weight=S, ridge__sample_weight=weights)
        assert_allclose(predicted, ridge.predict(X))
    one_for_all = TargetWeightedRegressor(Ridge(), BY_TWO, blend=0.5).fit(X, Y2)
    assert one_for_all.predict(X).shape == Y2.shape
    assert np.isfinite(one_for_all.score(X, Y2))
    frame = pd.DataFrame(Y2, columns=["u", "v"])
    framed = clone(one_for_all).fit(X, frame)
    assert_allclose(framed.predict(X), one_for_all.predict(X))


def test_outputs_need_a_weighter_that_says_how():
    model = TargetWeightedRegressor(MultiOutputRegressor(Ridge()))
    with pytest.raises(ValueError, match="multioutput"):
        model.fit(X, Y2)
    assert not get_tags(model).target_tags.multi_output
    assert get_tags(model.set_params(weighter=BY_TWO)).target_tags.multi_output
    assert not get_tags(model).target_tags.single_output
    one = TargetWeightedRegressor(HistGradientBoostingRegressor(), BY_TWO)
    assert not get_tags(one).target_tags.multi_output  # whatever the weighter


def test_one_column_is_a_vector_unless_there_may_be_several():
    with pytest.warns(DataConversionWarning, match="column-vector y was passed"):
        vector = TargetWeightedRegressor(Ridge(), WEIGHTER).fit(X, Y[:, np.newaxis])
    assert vector.predict(X).shape == Y.shape
    model = TargetWeightedRegressor(MultiOutputRegressor(Ridge()), BY_TWO)
    column = model.fit(X, Y[:, np.newaxis])
    assert column.predict(X).shape == (len(Y), 1)


# What a regressor of the test below needs beside its defaults.
NEEDS = {
    "RadiusNeighborsRegressor": {"radius": 30},
    "VotingRegressor": {"estimators": [("a", Ridge()), ("b", LinearRegression())]},
    "StackingRegressor": {"estimators": [("a", Ridge()), ("b", LinearRegression())]},
    "MultiOutputRegressor": {"estimator": Ridge()},
    "MLPRegressor": {"max_iter": 20, "learning_rate_init": 0.1},
    "CCA": {"n_components": 1},
    "PLSCanonical": {"n_components": 1},
    "PLSRegression": {"n_components": 1},
    # Grown to the end, they remember every row, whatever it weighs.
    "DecisionTreeRegressor": {"max_depth": 2},
    "ExtraTreeRegressor": {"max_depth": 2},
    "ExtraTreesRegressor": {"max_depth": 2},
}
WEIGHTER_OF_EVERY = BucketWeighter(5, power=0.7, multioutput="mean")
EVERY = dict(all_estimators(type_filter="regressor"))
# Their fit takes no weights in any scikit-learn, or none yet.
WITHOUT_WEIGHTS = {
    "ARDRegression", "CCA", "GaussianProcessRegressor", "KNeighborsRegressor", "Lars",
    "LarsCV", "LassoLars", "LassoLarsCV", "LassoLarsIC", "OrthogonalMatchingPursuit",
    "OrthogonalMatchingPursuitCV", "PLSCanonical", "PLSRegression",
    "PassiveAggressiveRegressor", "RadiusNeighborsRegressor", "TheilSenRegressor",
}  # fmt: skip
TAKE_WEIGHTS_SINCE = {
    "MLPRegressor": (1, 7),
    "MultiTaskElasticNet": (1, 9),
    "MultiTaskElasticNetCV": (1, 9),
    "MultiTaskLasso": (1, 9),
    "MultiTaskLassoCV": (1, 9),
}
SKLEARN = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
WITHOUT_WEIGHTS |= {
    name for name in TAKE_WEIGHTS_SINCE if TAKE_WEIGHTS_SINCE[name] > SKLEARN
}


def by_hand(name, regressor, x, y, weights):
    """Return the predictions of a regressor fitted with weights without us."""
    if name != "StackingRegressor":
        return clone(regressor).fit(x, y, sample_weight=weights).predict(x)
    # By cross-validation of each member, with weights of the training rows alone.
    members = [member for _, member in regressor.estimators]
    seen = np.empty((len(y), len(members)))
    for train, test in KFold(5).split(x):
        given = _shorten(WEIGHTER_OF_EVERY.fit_transform(y[train]))
        for column, member in enumerate(members):
            member = clone(member).fit(x[train], y[train], given)
            seen[test, column] = member.predict(x[test])
    final = RidgeCV().fit(seen, y, weights)
    return final.predict(
        np.c_[[clone(m).fit(x, y, weights).predict(x) for m in members]].T
    )


# Fits of 20 rounds on 80 rows, to see whether weights arrive and not to predict.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:.*PassiveAggressiveRegressor is deprecated")
@pytest.mark.parametrize("name", EVERY)
def test_every_regressor_gets_the_weights_or_says_no_or_drawn_rows(name):
    rng = np.random.default_rng(0)
    y = np.r_[rng.normal(20, 3, 60), rng.uniform(1, 60, 20)]  # positive: GammaRegressor
    x = np.c_[y + rng.normal(0, 5, 80), rng.normal(y / 30)]
    x = x[:, :1] if name == "IsotonicRegression" else x
    params = NEEDS.get(name, {})
    if "random_state" in signature(EVERY[name]).parameters:
        params = {"random_state": 0} | params
    if name == "RegressorChain":
        regressor = EVERY[name](Ridge())  # its first parameter has had two names
    else:
        regressor = EVERY[name](**params)
    if name == "RegressorChain" or not get_tags(regressor).target_tags.single_output:
        y = np.c_[y, x[:, 1] - y / 2]
    plain = clone(regressor).fit(x, y).predict(x)
    model = TargetWeightedRegressor(regressor, WEIGHTER_OF_EVERY, random_state=0)
    if name in WITHOUT_WEIGHTS:
        with pytest.raises(
            ValueError, match=f"The fit of {name} takes no sample_weight"
        ):
            model.fit(x, y)
        model.set_params(on_unsupported="resample")
        drawn = model.fit(x, y).predict(x)
        assert np.abs(drawn - plain).max() > 0.01
        return
    weights = _shorten(WEIGHTER_OF_EVERY.fit_transform(y))
    weighted = model.fit(x, y).predict(x)
    assert_allclose(weighted, by_hand(name, regressor, x, y, weights), rtol=1e-9)
    assert np.abs(weighted - plain).max() > 0.01
    model.set_params(on_unsupported="resample")
    assert_array_equal(model.fit(x, y).predict(x), weighted)  # nothing to draw


def test_the_regressors_without_weights_are_known():
    assert len(EVERY) >= 55
    assert set(EVERY) >= WITHOUT_WEIGHTS


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


@pytest.mark.parametrize(
    ("made", "wrong"),
    [
        (lambda y: np.ones(len(y) - 1), r"an array of shape \(119,\)"),
        (lambda y: np.ones((len(y), 1)), r"an array of shape \(120, 1\)"),
        (lambda y: 1.0, r"an array of shape \(\)"),
        (lambda y: np.where(y > 20, np.nan, 1), "nan"),
        (lambda y: np.where(y > 20, np.inf, 1), "inf"),
        (lambda y: np.where(y > 20, -0.5, 1), r"-0\.5"),
        (lambda y: 0 * y, r"a sum of 0\.0"),
        (lambda y: 1e308 + 0 * y, "a sum of inf"),
    ],
)
@pytest.mark.parametrize("blend", [0, 1])
def test_a_weighter_may_not_make_anything(made, wrong, blend):
    class Foreign(BaseEstimator):
        def fit(self, y, sample_weight=None):
            return self

        def transform(self, y):
            return made(y)

    model = TargetWeightedRegressor(Ridge(), Foreign(), blend=blend)
    with pytest.raises(ValueError, match=rf"Foreign\.transform must.* got {wrong}\. "):
        model.fit(X, Y)
    assert not [name for name in vars(model) if name.endswith("_")]


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
        ({}, {"y": Y2}, r"y should be a 1d array.*multioutput"),
        ({}, {"y": np.array([Y2])}, r"Found array with dim 3"),
        ({"blend": -0.1}, {}, r"'blend' parameter.*\[0\.0, 1\.0\].*Got -0\.1"),
        ({"blend": 1.01}, {}, r"'blend' parameter.*Got 1\.01"),
        ({"blend": np.nan}, {}, r"'blend' parameter.*Got nan"),
        ({"blend": "half"}, {}, r"'blend' parameter.*Got 'half'"),
        ({"on_unsupported": "drop"}, {}, r"'on_unsupported' parameter.*Got 'drop'"),
        ({"random_state": -1}, {}, r"'random_state' parameter.*Got -1"),
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
