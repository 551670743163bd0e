"""Tests of the search for the loss: it gives what GridSearchCV gives."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import make_scorer, median_absolute_error
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, ShuffleSplit

from skrobust.conditioned import TargetConditioned
from skrobust.linear import AdaptiveLossRegressor
from skrobust.linear_cv import AdaptiveLossRegressorCV
from skrobust.robust_scores import (
    m_scale_error,
    tau_scale_error,
    trimmed_mean_squared_error,
)

LISTED = {"alpha": "alphas", "c": "cs", "efficiency": "efficiencies", "l2": "l2s"}
TAU = make_scorer(tau_scale_error, greater_is_better=False)


def data(n=150, p=3, share=0.15, seed=0):
    """Return rows of which some are outliers in y."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    y = X @ np.arange(1.0, p + 1) + rng.standard_t(4, size=n)
    y[rng.permutation(n)[: int(share * n)]] += 15
    return X, y


X, Y = data()
S = np.random.default_rng(1).integers(1, 4, len(Y)) * (np.arange(len(Y)) % 7 > 0)
FOLDS = KFold(3, shuffle=True, random_state=0)


def both(grid, X=X, y=Y, weights=None, scoring=TAU, cv=FOLDS, **options):
    """Return our search and that of scikit-learn, fitted."""
    lists = {LISTED[name]: values for name, values in grid.items()}
    fixed = {"random_state": 0, **options}
    ours = AdaptiveLossRegressorCV(cv=cv, scoring=scoring, **lists, **fixed)
    model = AdaptiveLossRegressor(**fixed)
    theirs = GridSearchCV(model, grid, scoring=scoring, cv=cv)
    metadata = {} if weights is None else {"sample_weight": weights}
    return ours.fit(X, y, **metadata), theirs.fit(X, y, **metadata)


def assert_same(ours, theirs, rtol=1e-6):
    """Check that two searches have the same scores and the same answer."""
    assert list(ours.cv_results_) == list(theirs.cv_results_)
    for key, expected in theirs.cv_results_.items():
        found = ours.cv_results_[key]
        if key.endswith("_test_score") and not key.startswith(("rank", "std")):
            assert_allclose(found, expected, rtol=rtol)
        elif key.startswith("param_"):
            assert isinstance(found, np.ma.MaskedArray)
            assert found.dtype == expected.dtype
            assert_array_equal(found, expected)
            assert not found.mask.any()
        elif "_time" in key:
            assert found.shape == expected.shape
            assert (found >= 0).all()
    assert ours.cv_results_["params"] == theirs.cv_results_["params"]
    assert ours.best_params_ == theirs.best_params_
    assert ours.best_index_ == theirs.best_index_
    assert ours.best_score_ == pytest.approx(theirs.best_score_, rel=rtol)
    assert ours.n_splits_ == theirs.n_splits_
    best = theirs.best_estimator_
    for name in ("coef_", "intercept_", "alpha_", "c_", "scale_", "weights_"):
        assert_allclose(getattr(ours, name), getattr(best, name), rtol=1e-9)


GRIDS = {
    "c": {"alpha": [1.5, 1.0, 0.0, -2.0, -np.inf], "c": [0.7, 1.4, 3.0]},
    "efficiency": {"alpha": ["cauchy", "welsch", 1.3], "efficiency": [0.7, 0.95]},
    "monitored": {"alpha": [1.0, -2.0], "efficiency": ["auto", 0.8]},
    "penalty": {"alpha": [1.0, -2.0], "c": [2.0], "l2": [0.0, 0.01, 1.0]},
    "tuned, penalty": {"alpha": [1.0, -2.0], "efficiency": [0.9], "l2": [0.0, 0.5]},
    "squares, penalty": {"alpha": [2.0], "c": [1.0], "l2": [0.0, 0.5]},
    "learnt": {"alpha": ["adaptive", 0.5], "c": ["auto", "adaptive", 1.0]},
    "by row": {"alpha": [TargetConditioned(3.0), 1.0], "c": [1.0, 2.0]},
    "above 2": {"alpha": [4.0, 3.0], "c": [20.0, 10.0]},
    "squares": {"alpha": [2.0, 1.0], "efficiency": [0.9, 0.95]},
}


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_search_is_that_of_grid_search(grid):
    assert_same(*both(grid))


@pytest.mark.parametrize("name", ["c", "efficiency", "penalty"])
def test_many_rows_are_searched_by_way_of_a_few(name):
    # From 16000 rows on, a fit of some 4000 comes first, in training folds too.
    X, y = data(25_000, 3)
    assert_same(*both(GRIDS[name], X, y))


@pytest.mark.parametrize("other", [{"efficiency": [0.8, 0.9]}, {"c": [3.0, 4.0]}])
@pytest.mark.parametrize("alphas", [[-2.0, -np.inf, 0.0], [0.0, -np.inf, -2.0]])
def test_many_rows_with_leverage_end_in_the_minimum_of_the_robust_start(alphas, other):
    X, y = data(25_000, 3, share=0.0)
    bad = np.random.default_rng(2).random(len(y)) < 0.2
    X[bad, 0] += 10.0
    y[bad] -= 30.0
    ours, theirs = both({"alpha": alphas, **other}, X, y)
    assert_same(ours, theirs)
    assert_allclose(ours.coef_, [1, 2, 3], atol=0.1)


@pytest.mark.parametrize("loss", ["huber", "bisquare"])
def test_other_losses_have_no_alpha(loss):
    ours, theirs = both({"efficiency": [0.7, 0.95]}, loss=loss)
    assert_same(ours, theirs)
    assert set(ours.best_params_) == {"efficiency"}


def test_several_outputs():
    y = np.c_[Y, 3 * Y[::-1] + X[:, 0]]
    ours, theirs = both(GRIDS["efficiency"], y=y)
    assert_same(ours, theirs)
    assert ours.coef_.shape == (2, 3)


@pytest.mark.parametrize("make", [sparse.csr_array, np.float32, pd.DataFrame])
def test_any_input(make):
    given = make(X)
    if isinstance(given, pd.DataFrame):
        given.columns = ["a", "b", "c"]
    ours, theirs = both(GRIDS["c"], X=given, y=pd.Series(Y))
    assert_same(ours, theirs)
    assert_allclose(ours.predict(given), theirs.predict(given), rtol=1e-9)
    if isinstance(given, pd.DataFrame):
        assert_array_equal(ours.feature_names_in_, given.columns)


def test_folds_in_threads_are_the_same_folds():
    one, two = (
        AdaptiveLossRegressorCV([1, -2], n_jobs=n, random_state=0).fit(X, Y)
        for n in (None, 2)
    )
    assert_array_equal(
        one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"]
    )


def test_groups_go_to_the_splitter():
    groups = np.arange(len(Y)) % 4
    ours = AdaptiveLossRegressorCV([1, 0], [1.0], cv=GroupKFold(4), scoring="r2")
    theirs = GridSearchCV(
        AdaptiveLossRegressor(), {"alpha": [1, 0], "c": [1.0]}, cv=GroupKFold(4)
    )
    ours.set_params(random_state=0).fit(X, Y, groups=groups)
    theirs.estimator.set_params(random_state=0)
    assert_same(ours, theirs.fit(X, Y, groups=groups))


def test_folds_may_be_given_or_random():
    splits = list(FOLDS.split(X))
    given, made = (
        AdaptiveLossRegressorCV([1], cv=cv, random_state=0).fit(X, Y)
        for cv in (splits, FOLDS)
    )
    assert given.best_score_ == made.best_score_
    shuffled = ShuffleSplit(2, random_state=0)
    assert_same(*both(GRIDS["c"], cv=shuffled))


def test_integer_weights_are_repeated_rows_in_fits_and_scores():
    repeated = np.repeat(np.arange(len(Y)), S)
    groups = np.arange(len(Y)) % 3
    cv = [(np.flatnonzero(groups != k), np.flatnonzero(groups == k)) for k in range(3)]
    cv_of_repeated = [
        tuple(np.flatnonzero(np.isin(repeated, part)) for part in pair) for pair in cv
    ]
    options = {"alphas": [1.0, 0.0], "cs": [1.0, 2.0], "random_state": 0}
    weighted = AdaptiveLossRegressorCV(cv=cv, **options).fit(X, Y, sample_weight=S)
    longer = AdaptiveLossRegressorCV(cv=cv_of_repeated, **options)
    longer.fit(X[repeated], Y[repeated])
    for fold in range(3):
        key = f"split{fold}_test_score"
        assert_allclose(weighted.cv_results_[key], longer.cv_results_[key], rtol=1e-7)
    assert_allclose(weighted.coef_, longer.coef_, rtol=1e-6)


def largest_error(y_true, y_pred):
    """Return an error that takes no weights."""
    return np.max(np.abs(y_true - y_pred))


def test_score_that_takes_no_weights_is_said_to_be_unweighted():
    scorer = make_scorer(largest_error, greater_is_better=False)
    search = AdaptiveLossRegressorCV([1.0], scoring=scorer, random_state=0)
    with pytest.warns(UserWarning, match="takes no sample_weight"):
        search.fit(X, Y, sample_weight=S)


@pytest.mark.parametrize("wanted", [True, False])
def test_routed_weights_go_to_scores_if_asked_for(wanted):
    grid = {"alphas": [1.0, 0.0], "cv": FOLDS, "random_state": 0}
    with config_context(enable_metadata_routing=True):
        scorer = make_scorer(m_scale_error, greater_is_better=False)
        scorer.set_score_request(sample_weight=wanted)
        routed = AdaptiveLossRegressorCV(scoring=scorer, **grid)
        routed.set_fit_request(sample_weight=True).fit(X, Y, sample_weight=S)
        default = AdaptiveLossRegressorCV(**grid).set_fit_request(sample_weight=True)
        default.fit(X, Y, sample_weight=S)
    plain = AdaptiveLossRegressorCV(**grid).fit(X, Y, sample_weight=S)
    assert default.best_score_ == plain.best_score_
    assert (routed.best_score_ == plain.best_score_) is wanted
    if not wanted:
        train, test = next(FOLDS.split(X))
        [given] = [g for g in plain.cv_results_["params"][:1]]
        model = AdaptiveLossRegressor(random_state=0, **given)
        model.fit(X[train], Y[train], S[train])
        expected = -m_scale_error(Y[test], model.predict(X[test]))
        found = routed.cv_results_["split0_test_score"][0]
        assert found == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (None, m_scale_error),
        ("neg_m_scale_error", m_scale_error),
        ("neg_tau_scale_error", tau_scale_error),
        ("neg_trimmed_mean_squared_error", trimmed_mean_squared_error),
        ("neg_median_absolute_error", median_absolute_error),
    ],
)
def test_scores_by_name(name, error):
    search = AdaptiveLossRegressorCV([1.0], cv=FOLDS, scoring=name, random_state=0)
    search.fit(X, Y)
    train, test = next(FOLDS.split(X))
    model = AdaptiveLossRegressor(random_state=0, **search.best_params_)
    predicted = model.fit(X[train], Y[train]).predict(X[test])
    found = search.cv_results_["split0_test_score"][search.best_index_]
    assert found == pytest.approx(-error(Y[test], predicted), rel=1e-7)
    assert search.scorer_(search, X, Y) == -error(Y, search.predict(X))


def test_robust_score_chooses_a_robust_loss_and_r2_does_not():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = X @ [1, 2, 3] + rng.normal(size=300)
    y[rng.permutation(300)[:75]] += 12
    robust, squared = (
        AdaptiveLossRegressorCV([2, 1, -2], cv=FOLDS, scoring=s, random_state=0)
        for s in (None, "r2")
    )
    assert robust.fit(X, y).best_params_["alpha"] == -2
    assert squared.fit(X, y).best_params_["alpha"] == 2
    assert abs(robust.intercept_) < 0.2 < 2 < squared.intercept_


def coverage(model, X, y):
    """Return a score that needs more than predictions."""
    low, high = model.predict_interval(X, 0.8).T
    trusted = model.weigh(X, y).mean()
    return trusted - abs(np.mean((low < y) & (y < high)) - 0.8)


@pytest.mark.parametrize("name", ["c", "efficiency", "learnt", "squares, penalty"])
def test_score_that_is_a_function_has_the_whole_fit(name):
    assert_same(*both(GRIDS[name], scoring=coverage))


@pytest.mark.parametrize(
    "grid",
    [
        {"alpha": [2.0, 1.0, 0.0], "c": ["adaptive"]},
        {"alpha": [2.0], "c": [1.0, "auto", 2.0, "adaptive"]},
    ],
)
def test_score_may_be_a_likelihood(grid):
    def likelihood(model, X, y):
        return model.log_likelihood(X, y)

    assert_same(*both(grid, scoring=likelihood))


def test_best_is_a_fitted_estimator_in_all():
    search = AdaptiveLossRegressorCV([0.0, -2.0], cv=3, random_state=0).fit(X, Y)
    best = search.best_estimator_
    assert search.summary().equals(best.summary())
    for call in (
        lambda m: m.predict(X),
        lambda m: m.predict_interval(X),
        lambda m: m.weigh(X, Y),
        lambda m: m.score(X, Y),
    ):
        assert_array_equal(call(search), call(best))
    learnt = AdaptiveLossRegressorCV(["adaptive"], cv=3, random_state=0).fit(X, Y)
    expected = learnt.best_estimator_.log_likelihood(X, Y)
    assert learnt.log_likelihood(X, Y) == expected
    assert learnt.alpha_ == learnt.best_estimator_.alpha_


def test_clone_and_pickle():
    search = AdaptiveLossRegressorCV([1.0, 0.0], cv=3, random_state=0)
    other = clone(search).fit(X, Y)
    again = pickle.loads(pickle.dumps(other))
    assert_array_equal(again.predict(X), other.predict(X))
    assert not hasattr(search, "coef_")


def test_default_grid_is_of_alphas_and_efficiencies():
    search = AdaptiveLossRegressorCV(cv=3, random_state=0).fit(X, Y)
    assert len(search.cv_results_["params"]) == 5 * 3
    assert set(search.best_params_) == {"alpha", "efficiency"}


def test_refit_may_choose_or_be_left_out():
    def simplest(results):
        return 2

    options = {"alphas": [1.0, 0.0], "cs": [1.0, 2.0], "cv": 3, "random_state": 0}
    chosen = AdaptiveLossRegressorCV(refit=simplest, **options).fit(X, Y)
    assert chosen.best_params_ == {"alpha": 0.0, "c": 1.0}
    assert chosen.best_score_ == chosen.cv_results_["mean_test_score"][2]
    left = AdaptiveLossRegressorCV(refit=False, **options).fit(X, Y)
    assert set(left.best_params_) == {"alpha", "c"}
    with pytest.raises(NotFittedError, match="refit=False leaves no estimator"):
        left.predict(X)


def test_progress_is_printed_if_asked(capsys):
    AdaptiveLossRegressorCV([1.0], [1.0], cv=3, random_state=0).fit(X, Y)
    assert not capsys.readouterr().out
    AdaptiveLossRegressorCV([1.0], [1.0], cv=3, verbose=1, random_state=0).fit(X, Y)
    printed = capsys.readouterr().out
    assert "3 folds with 1 fits each" in printed
    assert [f"fold {k}: " in printed for k in range(4)] == [True] * 3 + [False]


def test_what_fits_warn_of_is_said_once_with_their_number():
    search = AdaptiveLossRegressorCV(
        [1.0, 0.5], [0.1, 0.2], cv=3, max_iter=1, refit=False, random_state=0
    )
    with pytest.warns(ConvergenceWarning, match=r"In \d+ of 12 fits of the folds: "):
        search.fit(X, Y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alphas": []}, "alphas must be a list with at least one value. Got"),
        ({"cs": []}, "cs must be a list with at least one"),
        ({"l2s": []}, "l2s must be a list with at least one"),
        ({"efficiencies": []}, "efficiencies must be a list with at least one"),
        ({"alphas": 1.0}, "The 'alphas' parameter of AdaptiveLossRegressorCV must be"),
        ({"alphas": "cauchy"}, "The 'alphas' parameter|alphas must be a list"),
        ({"alphas": ["cauchi"]}, "The 'alpha' parameter .* Got 'cauchi'"),
        ({"cs": [1.0, -1.0]}, r"The 'c' parameter .* Got -1.0"),
        ({"efficiencies": [1.5]}, "The 'efficiency' parameter .* Got 1.5"),
        ({"l2s": [-1]}, "The 'l2' parameter .* Got -1"),
        ({"cs": [1.0], "efficiencies": [0.9]}, "cs and efficiencies are two ways"),
        ({"alphas": [0, -1], "cs": ["adaptive"]}, "c='adaptive' needs alpha of at"),
        ({"loss": "huber", "cs": ["adaptive"]}, "c='adaptive' needs loss='general'"),
        ({"scoring": "tau"}, "The 'scoring' parameter .* Got 'tau'"),
        ({"scoring": ["r2", "max_error"]}, "The 'scoring' parameter"),
        ({"scoring": lambda m, X, y: np.nan}, "scoring must return a number. Got nan"),
        ({"scoring": lambda m, X, y: {"a": 1.0}}, "scoring must return a number"),
        ({"refit": lambda results: 99}, "refit as a callable must return the index"),
        ({"cv": 200}, "Cannot have number of splits n_splits=200"),
        ({"alphas": [9.0], "cs": [1e-200]}, "The loss overflows"),
        ({"start": "robust", "cv": [(range(4), range(4, 9))]}, "needs more than"),
    ],
)
def test_wrong_options_are_refused_and_nothing_is_half_fitted(options, message):
    search = AdaptiveLossRegressorCV([1.0], cv=3, random_state=0).fit(X, Y)
    before = vars(search).copy()
    search.set_params(**options)
    with pytest.raises(ValueError, match=message):
        search.fit(X, Y)
    fitted = {k: v for k, v in vars(search).items() if k.endswith("_")}
    assert fitted == {k: v for k, v in before.items() if k.endswith("_")}


def test_error_says_in_which_combination_and_fold():
    with pytest.raises(ValueError, match="needs alpha of at least 0") as raised:
        AdaptiveLossRegressorCV([0, -1], ["adaptive"]).fit(X, Y)
    assert raised.value.__notes__ == [
        "In the combination {'alpha': -1, 'c': 'adaptive'} of the grid."
    ]
    with pytest.raises(ValueError, match="The loss overflows") as raised:
        AdaptiveLossRegressorCV([1.0, 9.0], [1e-60]).fit(X, Y)
    assert raised.value.__notes__[0].startswith("In fold 0 of the cross-validation")
    assert "alpha=9.0" in raised.value.__notes__[0]


def test_fold_without_weight_is_refused():
    weights = np.where(np.arange(len(Y)) < 50, 0.0, 1.0)
    with pytest.raises(ValueError, match="sample_weight is zero for every sample"):
        AdaptiveLossRegressorCV([1.0], cv=KFold(3)).fit(X, Y, sample_weight=weights)


def test_unknown_metadata_is_refused():
    with pytest.raises(TypeError, match=r"fit takes \['colour'\] only with metadata"):
        AdaptiveLossRegressorCV([1.0]).fit(X, Y, colour=Y)
