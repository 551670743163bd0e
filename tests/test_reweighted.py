"""Tests of the general loss for any regressor, by iterated reweighting."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    VotingRegressor,
)
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    PolynomialFeatures,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from skrobust import (
    AdaptiveLossRegressor,
    BucketConditioned,
    BucketWeighter,
    ReweightedRegressor,
    TargetConditioned,
    TargetWeightedRegressor,
    loss,
    tuning_constant,
)
from skrobust.datasets import make_outlier_regression

ALPHAS = [1.5, 1.0, 0.5, 0.0, -2.0, -np.inf]
X, Y = make_outlier_regression("vertical", 100, 4, contamination=0.1, random_state=3)
RNG = np.random.default_rng(0)
S = RNG.integers(0, 4, len(Y)).astype(float)
CURVE_X = RNG.uniform(-3, 3, size=(400, 2))
TRUTH = 10 * np.sin(CURVE_X[:, 0]) + CURVE_X[:, 1] ** 2
CURVE_Y = TRUTH + RNG.normal(size=400)
BAD = RNG.permutation(400)[:60]
CURVE_Y[BAD] += RNG.uniform(40, 80, size=60)
FOREST = RandomForestRegressor(10, min_samples_leaf=5, random_state=0)
TIGHT = {"tol": 1e-14, "max_iter": 2000}


@pytest.mark.filterwarnings("ignore:.* its rows exactly:UserWarning")
@pytest.mark.filterwarnings("ignore:More than half of the rows:UserWarning")
@pytest.mark.filterwarnings("ignore:max_iter=20 rounds were not enough")
@parametrize_with_checks(
    [
        ReweightedRegressor(),
        ReweightedRegressor(Ridge()),
        ReweightedRegressor(Ridge(), "welsch", c=2.0),
        ReweightedRegressor(make_pipeline(StandardScaler(with_mean=False), Ridge())),
        # With 5 trees it misses the least score that is asked for, reweighted or not.
        ReweightedRegressor(HistGradientBoostingRegressor(max_iter=20)),
        # A bootstrap draws other rows where a row of weight 2 is there twice.
        ReweightedRegressor(RandomForestRegressor(5, bootstrap=False, random_state=0)),
        ReweightedRegressor(Ridge(), loss="bisquare"),
    ]
)
def test_sklearn_compatible(estimator, check):
    check(estimator)


def mean_loss(model, residuals, s=None):
    rho = loss.rho(residuals, model.alpha_, model.c_)
    return np.average(np.square(model.c_) * rho, weights=s)


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("s", [None, S], ids=["equal", "weighted"])
def test_around_least_squares_it_is_the_linear_fit(alpha, s):
    model = ReweightedRegressor(alpha=alpha, **TIGHT).fit(X, Y, s)
    assert model.converged_
    linear = AdaptiveLossRegressor(alpha, c=model.c_, start="annealed").fit(X, Y, s)
    assert_allclose(model.regressor_.coef_, linear.coef_, atol=1e-6 * model.c_)
    assert_allclose(model.predict(X), linear.predict(X), atol=2e-6 * model.c_)
    assert_allclose(model.weights_, linear.weights_, atol=1e-6)
    assert_allclose(model.weigh(X, Y), linear.weigh(X, Y), atol=1e-6)


@pytest.mark.parametrize("name", ["huber", "bisquare"])
def test_the_losses_outside_the_family(name):
    model = ReweightedRegressor(loss=name, **TIGHT).fit(X, Y)
    linear = AdaptiveLossRegressor(loss=name, c=model.c_, start="annealed").fit(X, Y)
    assert_allclose(model.predict(X), linear.predict(X), atol=2e-6 * model.c_)
    assert model.c_ == pytest.approx(model.scale_ * tuning_constant(name))
    assert np.isnan(model.alpha_)


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.25])
def test_the_scale_is_nearly_that_of_the_linear_fit(alpha, share):
    X, y = make_outlier_regression(
        "vertical", 400, 4, contamination=share, random_state=1
    )
    model = ReweightedRegressor(alpha=alpha).fit(X, y)
    linear = AdaptiveLossRegressor(alpha, start="annealed").fit(X, y)
    assert model.c_ == pytest.approx(linear.c_, rel=0.08)
    assert_allclose(model.regressor_.coef_, linear.coef_, atol=0.05 * model.scale_)


EXACT_LEARNERS = {
    "least squares": LinearRegression(),
    "polynomials": make_pipeline(PolynomialFeatures(2), LinearRegression()),
    "mean": DummyRegressor(),
    "means of groups": make_pipeline(
        FunctionTransformer(lambda X: np.round(X[:, :1])),
        DecisionTreeRegressor(random_state=0),
    ),
}


@pytest.mark.parametrize("learner", EXACT_LEARNERS.values(), ids=EXACT_LEARNERS)
@pytest.mark.parametrize(
    "alpha", [1.5, 1.0, 0.0, -np.inf, TargetConditioned(4, -2.0, 2.0)], ids=str
)
@pytest.mark.parametrize(
    ("c", "s"),
    [("auto", None), ("auto", S), (0.5, None), (lambda y: 1 + np.abs(y), S)],
    ids=["auto", "auto, weighted", "given", "by target, weighted"],
)
def test_the_loss_never_rises_where_the_learner_is_exact(learner, alpha, c, s):
    model = ReweightedRegressor(learner, alpha, c, max_iter=200).fit(X, Y, s)
    curve = model.loss_curve_
    assert model.stop_reason_ == "converged"
    assert np.all(np.diff(curve) <= 1e-13 * curve[0])
    assert curve[-2] - curve[-1] <= 1e-4 * curve[-2]
    assert curve[-1] == pytest.approx(mean_loss(model, Y - model.predict(X), s))
    if c == 0.5 and np.isscalar(alpha) and alpha >= 1:  # it starts from least squares
        first = clone(learner).fit(*weighted_arguments(learner, s))
        assert curve[0] == pytest.approx(mean_loss(model, Y - first.predict(X), s))


def weighted_arguments(learner, s):
    """Return X and y with each row as often as it weighs."""
    times = np.ones(len(Y), int) if s is None else s.astype(int)
    return np.repeat(X, times, axis=0), np.repeat(Y, times)


class RecordingRidge(Ridge):
    """Ridge that keeps the penalty of every fit in a list outside it."""

    penalties: list = []

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.penalties.append(self.alpha / 2 * np.sum(np.square(self.coef_)))
        return self


@pytest.mark.parametrize("l2", [1e-3, 1.0, 100.0, 1e4])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_with_a_penalty_the_sum_of_both_never_rises(l2, alpha):
    RecordingRidge.penalties.clear()
    model = ReweightedRegressor(RecordingRidge(l2), alpha, **TIGHT).fit(X, Y, S)
    penalties = np.array(RecordingRidge.penalties)[-len(model.loss_curve_) :]
    total = S.sum() * model.loss_curve_ + penalties
    assert model.converged_
    assert np.all(np.diff(total) <= 1e-13 * total[0])
    if l2 == 100 and alpha == 1.0:  # while the loss alone does
        assert np.any(np.diff(model.loss_curve_) > 0)
    # and the last fit is where its gradient is 0
    r = Y - model.predict(X)
    pull = X.T @ (S * loss.psi(r, alpha, model.c_) * model.c_**2)
    gradient = pull - l2 * model.regressor_.coef_
    assert_allclose(gradient, 0, atol=1e-6 * np.abs(X.T @ (S * r)).max() + 1e-6)


def test_at_alpha_2_it_is_the_regressor_itself():
    forest = RandomForestRegressor(5, random_state=0)
    model = ReweightedRegressor(forest, "l2").fit(X, Y)
    assert_array_equal(model.predict(X), clone(forest).fit(X, Y).predict(X))
    assert_array_equal(model.weights_, 1)
    assert (model.n_iter_, model.converged_, len(model.loss_curve_)) == (1, True, 1)
    r = Y - model.predict(X)
    assert model.scale_ == pytest.approx(1.482602218505602 * np.median(np.abs(r)))
    assert model.loss_curve_[0] == pytest.approx(np.mean(r**2) / 2)


LEARNERS = {
    "splines": make_pipeline(SplineTransformer(10), Ridge(1e-3)),
    "forest": FOREST,
    "booster": HistGradientBoostingRegressor(max_iter=50),
    "old booster": GradientBoostingRegressor(n_estimators=30, random_state=0),
    "tree": DecisionTreeRegressor(min_samples_leaf=10, random_state=0),
    "transformed": TransformedTargetRegressor(
        FOREST,
        transformer=StandardScaler(),
    ),
    "voting": VotingRegressor(
        [
            ("a", FOREST),
            ("b", SVR(C=100)),
        ]
    ),
}


@pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS)
@pytest.mark.parametrize(("alpha", "folds"), [(1.0, None), (-2.0, None), (-2.0, 3)])
def test_wrong_targets_lose_their_hold(learner, alpha, folds):
    plain = clone(learner).fit(CURVE_X, CURVE_Y)
    model = ReweightedRegressor(learner, alpha, folds=folds).fit(CURVE_X, CURVE_Y)
    before, after = (np.abs(m.predict(CURVE_X) - TRUTH).mean() for m in (plain, model))
    assert after < 0.5 * before
    good = np.setdiff1d(np.arange(400), BAD)
    assert np.median(model.weights_[BAD]) < 0.2 * np.median(model.weights_[good])
    assert model.weights_.min() >= 0
    assert model.weights_.max() <= 1
    again = clone(learner)
    if isinstance(learner, RandomForestRegressor | DecisionTreeRegressor):
        again.fit(CURVE_X, CURVE_Y, sample_weight=model.weights_)
        assert_array_equal(again.predict(CURVE_X), model.predict(CURVE_X))


# Learners to which a weight is a count: HistGradientBoosting counts rows in a leaf.
COUNTING = {
    "least squares": LinearRegression(),
    "ridge": Ridge(3.0),
    "pipeline": make_pipeline(StandardScaler(), Ridge(3.0)),
    "tree": DecisionTreeRegressor(max_depth=3, random_state=0),
}


@pytest.mark.parametrize("learner", COUNTING.values(), ids=COUNTING)
@pytest.mark.parametrize("alpha", [1.0, -2.0])
def test_a_weight_of_k_is_the_row_k_times(learner, alpha):
    model = ReweightedRegressor(learner, alpha)
    weighted = clone(model).fit(X, Y, sample_weight=S)
    repeated = clone(model).fit(*weighted_arguments(learner, S))
    assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-9, atol=1e-9)
    assert weighted.scale_ == pytest.approx(repeated.scale_, rel=1e-9)
    assert weighted.n_iter_ == repeated.n_iter_
    assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-9)
    assert_allclose(
        np.repeat(weighted.weights_, S.astype(int)), repeated.weights_, atol=1e-9
    )


@pytest.mark.parametrize("folds", [None, 3, KFold(3, shuffle=True, random_state=0)])
def test_a_weight_of_0_is_no_row(folds):
    here = S > 0
    y = np.where(here, Y, 1e6)
    model = ReweightedRegressor(Ridge(), -2.0, folds=folds)
    weighted = clone(model).fit(X, y, sample_weight=(S > 0).astype(float))
    without = clone(model).fit(X[here], Y[here])
    assert_allclose(weighted.predict(X), without.predict(X), rtol=1e-10)
    assert_allclose(weighted.weights_[here], without.weights_, atol=1e-10)
    assert_allclose(weighted.weights_[~here], 0, atol=1e-10)  # by their residuals


@pytest.mark.parametrize("unit", [1e-6, 1e6])
@pytest.mark.parametrize("alpha", [1.0, -2.0])
def test_units_do_not_matter(unit, alpha):
    one = ReweightedRegressor(alpha=alpha).fit(X, Y)
    other = ReweightedRegressor(alpha=alpha).fit(X, unit * Y)
    assert_allclose(other.predict(X), unit * one.predict(X), rtol=1e-9)
    assert_allclose(other.loss_curve_, unit**2 * one.loss_curve_, rtol=1e-9)
    assert_allclose(other.weights_, one.weights_, rtol=1e-9, atol=1e-12)


def test_residuals_out_of_fold_are_those_of_fits_to_the_other_folds():
    folds, s = KFold(4), S + 1
    ridge = make_pipeline(StandardScaler(), Ridge(20))
    model = ReweightedRegressor(ridge, 1.0, 5.0, folds=folds, max_iter=1)
    with pytest.warns(ConvergenceWarning, match="max_iter=1 rounds were not enough"):
        model.fit(X, Y, sample_weight=s)

    def fitted(rows, w):
        """Fit to some rows; how far they are trusted is the ridge's business alone."""
        names = "standardscaler__sample_weight", "ridge__sample_weight"
        given = zip(names, (s[rows], w[rows]), strict=True)
        return clone(ridge).fit(X[rows], Y[rows], **dict(given))

    residuals = np.empty(len(Y))
    for train, test in folds.split(X):
        residuals[test] = Y[test] - fitted(train, s).predict(X[test])
    assert model.loss_curve_[0] == pytest.approx(mean_loss(model, residuals, s))
    weights = loss.weight(residuals, 1.0, 5.0)
    assert model.loss_curve_[1] < model.loss_curve_[0]
    assert_allclose(model.weights_, weights, atol=1e-13)
    again = fitted(np.arange(len(Y)), s * model.weights_)
    assert_allclose(model.predict(X), again.predict(X), rtol=1e-12)


def test_folds_may_be_given_as_splits():
    splits = list(KFold(4).split(X))
    models = [
        ReweightedRegressor(Ridge(), -2.0, folds=folds).fit(data, Y)
        for folds in (4, splits, KFold(4))
        for data in (X, X.tolist(), csr_array(X).tocoo(), pd.DataFrame(X).to_numpy())
    ]
    for model in models[1:]:
        assert_allclose(model.weights_, models[0].weights_, rtol=1e-6)


def test_what_memorises_heeds_no_weights():
    tree = DecisionTreeRegressor(random_state=0)
    for c in ("auto", 3.0):
        model = ReweightedRegressor(tree, -2.0, c)
        with pytest.warns(UserWarning, match=r"Tree.* fits all its rows.*larger leav"):
            model.fit(CURVE_X, CURVE_Y)
        assert model.stop_reason_ == "exact"
        assert not model.converged_
        assert_array_equal(model.weights_, 1)
        assert_allclose(model.predict(CURVE_X), CURVE_Y)
    model = ReweightedRegressor(tree, -2.0, folds=5)
    with pytest.warns(UserWarning, match="fits all rows exactly, those that are not"):
        model.fit(CURVE_X, CURVE_Y)
    assert np.median(model.weights_[BAD]) < 0.05
    smaller = model.set_params(regressor__min_samples_leaf=5).fit(CURVE_X, CURVE_Y)
    assert np.abs(smaller.predict(CURVE_X) - TRUTH).mean() < 2


def test_more_than_half_of_the_rows_memorised():
    pairs = np.arange(60) // 2
    y = np.where(pairs < 20, pairs, pairs + 5.0 * (np.arange(60) % 2))
    tree = DecisionTreeRegressor(random_state=0)
    model = ReweightedRegressor(tree)
    with pytest.warns(UserWarning, match="more than half of its rows exactly"):
        model.fit(pairs[:, None], y)
    given = ReweightedRegressor(tree, c=1.0).fit(pairs[:, None], y)
    assert given.stop_reason_ == "converged"


def test_exact_rows_with_outliers():
    x = np.arange(40.0)[:, None]
    y = 3 * x.ravel() + 1
    y[::5] += 100 * (1 + np.arange(8))
    model = ReweightedRegressor(alpha=-2.0, max_iter=100)
    with pytest.warns(UserWarning, match="More than half of the rows") as told:
        model.fit(x, y)
    assert len(told) == 1
    assert_allclose(model.predict(x), 3 * x.ravel() + 1, rtol=1e-9)
    assert_allclose(model.weights_[::5], 0, atol=1e-12)
    assert_allclose(np.delete(model.weights_, np.s_[::5]), 1, atol=1e-3)


def test_targets_all_the_same_are_no_news():
    model = ReweightedRegressor(Ridge()).fit(X, np.full(len(X), 7.0))
    assert model.stop_reason_ == "exact"
    assert_allclose(model.predict(X), 7)


class Erratic(RegressorMixin, BaseEstimator):
    """A mean, off by the next of some numbers where it gets unequal weights."""

    def __init__(self, off=()):
        self.off = off

    calls: list = []

    def fit(self, X, y, sample_weight=None):
        self.mean_ = np.average(y, weights=sample_weight)
        if sample_weight is not None and np.ptp(sample_weight):
            self.mean_ += self.off[len(self.calls) % len(self.off)]
            self.calls.append(self.mean_)
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


def test_a_learner_that_is_not_exact_stops_and_the_best_fit_is_kept():
    Erratic.calls.clear()
    off = 0.9, -0.8, 0.7, 0.1, -0.9, 0.8, -0.7, 0.8, -0.8, 0.9, -0.9, 0.8, -0.8
    model = ReweightedRegressor(Erratic(off), c=1.0).fit(X, Y)
    curve = model.loss_curve_
    best = int(np.argmin(curve))
    assert model.stop_reason_ == "stalled"
    assert not model.converged_
    assert 0 < best < len(curve) - 1
    assert model.n_iter_ == len(curve) - 1 < 20
    assert mean_loss(model, Y - model.predict(X)) == pytest.approx(curve[best])
    assert model.regressor_.mean_ == Erratic.calls[best - 1]


def test_a_learner_that_only_gets_worse_is_left_as_it_was():
    Erratic.calls.clear()
    model = ReweightedRegressor(Erratic((30, -30)), c=1.0)
    message = r"None of \d+ rounds .* lowered .* Erratic: .* If it is random, fix"
    with pytest.warns(UserWarning, match=message):
        model.fit(X, Y)
    assert model.stop_reason_ == "stalled"
    assert model.predict(X)[0] == pytest.approx(Y.mean())
    assert_array_equal(model.weights_, 1)


def test_a_forest_with_luck_of_its_own_raises_no_warning():
    for seed in range(3):
        np.random.seed(seed)  # noqa: NPY002, of random_state=None
        model = ReweightedRegressor(RandomForestRegressor(10, min_samples_leaf=5), 0.0)
        model.set_params(max_iter=60).fit(CURVE_X, CURVE_Y)
        assert model.stop_reason_ == "stalled"
        assert model.n_iter_ < 60


def test_too_few_rounds_are_told():
    with pytest.warns(ConvergenceWarning, match="max_iter=2 rounds .*Raise max_iter"):
        model = ReweightedRegressor(alpha=0.0, max_iter=2).fit(X, Y)
    assert (model.n_iter_, model.stop_reason_) == (2, "max_iter")
    longer = ReweightedRegressor(alpha=0.0, tol=1e-12, max_iter=200).fit(X, Y)
    assert longer.converged_
    assert 2 < longer.n_iter_ < 200


def test_a_scale_that_does_not_settle_is_told():
    X, y = make_outlier_regression(
        "vertical", 100, 4, contamination=0.35, random_state=5
    )
    with pytest.warns(ConvergenceWarning, match="scale of the .* still falling after"):
        short = ReweightedRegressor(alpha=-2.0, max_iter=8).fit(X, y)
    longer = ReweightedRegressor(alpha=-2.0, max_iter=100).fit(X, y)
    assert longer.scale_ < 0.9 * short.scale_


@pytest.mark.parametrize("c", ["auto", 1.5])
def test_alpha_by_target(c):
    conditioned = TargetConditioned(3, 1.0, 2.0)
    model = ReweightedRegressor(alpha=conditioned, c=c, **TIGHT).fit(X, Y, S)
    assert_array_equal(model.alpha_, conditioned(Y))
    if c == "auto":
        assert model.c_ == pytest.approx(model.scale_ * tuning_constant(1.0))
    linear = AdaptiveLossRegressor(conditioned, c=model.c_).fit(X, Y, S)
    # tol=1e-14 of a loss is 1e-7 of a step, of which there are some more to come
    assert_allclose(model.predict(X), linear.predict(X), atol=5e-6 * model.c_)
    assert_array_equal(model.weights_[np.abs(Y) >= 3], 1)
    assert_allclose(model.weigh(X[:5], Y[:5]), model.weights_[:5], atol=1e-6)


def test_alpha_and_c_by_bucket():
    alpha = BucketConditioned([-2, 2], [1.5, "pseudo_huber", 1.5])
    c = BucketConditioned([0], [1.0, 2.0])
    model = ReweightedRegressor(alpha=alpha, c=c, **TIGHT).fit(X, Y)
    linear = AdaptiveLossRegressor(alpha, c=c).fit(X, Y)
    assert_allclose(model.predict(X), linear.predict(X), atol=2e-6)
    assert_array_equal(model.c_, np.where(Y < 0, 1.0, 2.0))
    before = model.weigh(X, Y)
    c.values = [9.0, 9.0]  # what was fitted stays as it was
    assert_array_equal(model.weigh(X, Y), before)


WEIGHTER = BucketWeighter([-4, 4], power=0.5)


def test_target_weights_around_it():
    inner = ReweightedRegressor(Ridge(), -2.0)
    model = TargetWeightedRegressor(inner, WEIGHTER).fit(X, Y, sample_weight=S)
    rarity = S * BucketWeighter([-4, 4], power=0.5).fit_transform(Y, S)
    expected = clone(inner).fit(X, Y, sample_weight=rarity)
    assert_allclose(model.predict(X), expected.predict(X), rtol=1e-6)
    assert_allclose(model.regressor_.weights_, expected.weights_, atol=1e-6)


def test_target_weights_inside_it():
    inner = TargetWeightedRegressor(Ridge(), WEIGHTER)
    model = ReweightedRegressor(inner, -2.0).fit(X, Y, sample_weight=S)
    expected = clone(inner).fit(X, Y, sample_weight=S * model.weights_)
    assert_allclose(model.predict(X), expected.predict(X), rtol=1e-12)
    assert model.regressor_.weighter_.transform(Y).min() > 0


@pytest.mark.filterwarnings("ignore:The weights leave an effective sample size")
def test_wrong_targets_in_a_bucket_of_their_own_come_back_with_weights_inside():
    x = np.linspace(-1, 1, 200)[:, None]
    y = 5 * x.ravel() + np.tile([0.1, -0.1], 100)
    y[-4:] = 60.0
    weighter = BucketWeighter([20])
    inside = ReweightedRegressor(TargetWeightedRegressor(Ridge(), weighter), -2.0)
    around = TargetWeightedRegressor(
        ReweightedRegressor(Ridge(), -2.0), BucketWeighter([20], power=0.5)
    )
    off = [
        np.abs(m.fit(x, y).predict(x) - 5 * x.ravel()).max() for m in (inside, around)
    ]
    assert off[0] > 10
    assert off[1] < 0.5


def test_a_regressor_without_weights_is_an_error_or_resampled():
    neighbours = KNeighborsRegressor(5)
    with pytest.raises(ValueError, match="KNeighborsRegressor takes no sample_weight"):
        ReweightedRegressor(neighbours).fit(CURVE_X, CURVE_Y)
    model = ReweightedRegressor(
        neighbours, -2.0, on_unsupported="resample", random_state=0
    ).fit(CURVE_X, CURVE_Y)
    again = clone(model).fit(CURVE_X, CURVE_Y)
    assert_array_equal(model.predict(CURVE_X), again.predict(CURVE_X))
    plain = neighbours.fit(CURVE_X, CURVE_Y)
    before, after = (np.abs(m.predict(CURVE_X) - TRUTH).mean() for m in (plain, model))
    assert after < 0.5 * before


def test_metadata_routing():
    expected = ReweightedRegressor(make_pipeline(StandardScaler(), Ridge()))
    expected.fit(X, Y, S)
    with config_context(enable_metadata_routing=True):
        ridge = Ridge().set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=True)
        model = ReweightedRegressor(make_pipeline(scaler, ridge))
        model.set_score_request(sample_weight=False)
        search = GridSearchCV(model, {"alpha": [1.0]}, cv=2)
        search.fit(X, Y, sample_weight=S)
        bare = ReweightedRegressor(make_pipeline(scaler, Ridge()))
        with pytest.raises(ValueError, match="does not request the weights"):
            bare.fit(X, Y)
    assert_allclose(search.predict(X), expected.predict(X), rtol=1e-10)


def test_a_search_over_the_loss():
    model = make_pipeline(StandardScaler(), ReweightedRegressor(Ridge()))
    grid = {
        "reweightedregressor__alpha": ["l2", "cauchy", TargetConditioned(4)],
        "reweightedregressor__regressor__alpha": [0.1, 10.0],
    }
    search = GridSearchCV(model, grid, cv=3, scoring="neg_median_absolute_error")
    scores = search.fit(X, Y).cv_results_["mean_test_score"]
    assert len(np.unique(scores)) == 6
    assert search.best_params_["reweightedregressor__alpha"] != "l2"


def test_a_fit_can_be_pickled_and_looks_like_its_regressor():
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = ReweightedRegressor(Ridge(), TargetConditioned(2)).fit(frame, pd.Series(Y))
    loaded = pickle.loads(pickle.dumps(model))
    assert_array_equal(loaded.weigh(frame, Y), model.weigh(frame, Y))
    assert list(model.feature_names_in_) == list("abcd")
    assert model.n_features_in_ == 4
    assert not hasattr(ReweightedRegressor(), "n_features_in_")
    trees = ReweightedRegressor(HistGradientBoostingRegressor())
    assert get_tags(trees).input_tags.allow_nan
    with_nan = np.where(np.abs(CURVE_X) < 0.1, np.nan, CURVE_X)
    assert trees.fit(with_nan, CURVE_Y).score(with_nan, TRUTH) > 0.9
    sparse = ReweightedRegressor(Ridge()).fit(csr_array(X), Y)
    dense = ReweightedRegressor(Ridge()).fit(X, Y)
    assert_allclose(sparse.predict(csr_array(X)), dense.predict(X), rtol=1e-4)


@pytest.mark.parametrize("kind", [np.float32, np.int64, list])
def test_kinds_of_targets(kind):
    whole = np.round(10 * Y)
    y = whole.tolist() if kind is list else whole.astype(kind)
    model = ReweightedRegressor().fit(X, y)
    expected = ReweightedRegressor().fit(X, whole)
    rtol = 1e-4 if kind is np.float32 else 1e-10
    assert_allclose(model.predict(X), expected.predict(X), rtol=rtol)


def test_a_failed_fit_leaves_what_was_there():
    model = ReweightedRegressor(Ridge())
    with pytest.raises(ValueError, match="inconsistent"):
        model.fit(X[1:], Y)
    with pytest.raises(NotFittedError, match="ReweightedRegressor instance is not"):
        model.predict(X)
    before = dict(vars(model.fit(X, Y)))
    with pytest.raises(ValueError, match="inconsistent"):
        model.fit(X[1:], Y)
    assert vars(model) == before


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (Y[1:], r"inconsistent numbers of samples: \[100, 99\]"),
        (np.nan * Y, "Input y contains NaN"),
        (np.c_[Y, Y], "should be a 1d array"),
    ],
)
def test_weigh_needs_a_target_for_each_row(y, message):
    model = ReweightedRegressor().fit(X, Y)
    with pytest.raises(ValueError, match=message):
        model.weigh(X, y)


class Blind(RegressorMixin, BaseEstimator):
    """A regressor whose predictions are no numbers."""

    def fit(self, X, y, sample_weight=None):
        return self

    def predict(self, X):
        return np.full(len(X), np.nan)


NO_PARTITION = "(?s)folds must have each row in just one test fold.*Take an int"


@pytest.mark.parametrize(
    ("params", "change", "message"),
    [
        ({"regressor": "ridge"}, {}, r"'regressor' parameter.*Got 'ridge'"),
        ({"alpha": 2.1}, {}, r"'alpha' parameter .*2\.0\].*Got 2\.1"),
        ({"alpha": np.nan}, {}, r"'alpha' parameter .*Got nan"),
        ({"alpha": "adaptive"}, {}, r"'alpha' parameter .*Got 'adaptive'"),
        ({"alpha": lambda y: 3.0}, {}, r"alpha must be at most 2 .*Got 3\. .*Lower"),
        ({"alpha": lambda y: y[1:]}, {}, "alpha as a callable must return one value"),
        ({"c": 0.0}, {}, r"'c' parameter .*Got 0\.0"),
        ({"c": "adaptive"}, {}, r"'c' parameter .*Got 'adaptive'"),
        ({"c": lambda y: y}, {}, "c as a callable must return .* positive and finite"),
        ({"loss": "square"}, {}, "'loss' parameter .*Got 'square'"),
        ({"efficiency": 1.0}, {}, r"'efficiency' parameter .*Got 1\.0"),
        ({"folds": 1}, {}, r"'folds' parameter .*Got 1"),
        ({"folds": ShuffleSplit(3, random_state=0)}, {}, NO_PARTITION),
        ({"folds": [(np.arange(50), np.arange(50, 100))]}, {}, NO_PARTITION),
        ({"folds": 3, "regressor": SVR(kernel="precomputed")}, {}, "all pairs of rows"),
        ({"max_iter": 0}, {}, "'max_iter' parameter .*Got 0"),
        ({"tol": 0.0}, {}, r"'tol' parameter .*Got 0\.0"),
        ({"on_unsupported": "drop"}, {}, "'on_unsupported' parameter .*Got 'drop'"),
        ({"regressor": Blind()}, {}, "predicts NaN or infinity"),
        ({"alpha": "welsch", "c": 1e-9}, {}, "c is so small that no row is trusted"),
        ({}, {"y": None}, "requires y to be passed, but the target y is None"),
        ({}, {"y": np.r_[np.nan, Y[1:]]}, "Input y contains NaN"),
        ({}, {"y": np.c_[Y, Y]}, "should be a 1d array"),
        ({}, {"y": Y[1:]}, "inconsistent numbers of samples"),
        ({"folds": 3}, {"y": Y[1:]}, "inconsistent numbers of samples"),
        ({}, {"sample_weight": -S}, "sample_weight must not be negative"),
        ({}, {"sample_weight": 0 * S}, "sample_weight is zero for every sample"),
        ({}, {"sample_weight": S[1:]}, r"sample_weight\.shape == \(99,\), expected"),
    ],
)
def test_bad_arguments_are_named(params, change, message):
    with pytest.raises(ValueError, match=message):
        ReweightedRegressor(**params).fit(**{"X": X, "y": Y} | change)
