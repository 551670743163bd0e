"""Tests of the scorers made of errors by bucket."""

import pickle
import warnings
from copy import deepcopy
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, mean_squared_error
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_score,
    cross_validate,
)

from skrobust import (
    BucketKFold,
    TargetBuckets,
    bucket_error,
    bucket_report,
    make_bucket_multi_scorer,
    make_bucket_scorer,
)

RNG = np.random.default_rng(0)
Y = np.r_[RNG.normal(scale=8, size=300), RNG.uniform(-80, 80, size=30)]
X = np.c_[Y + RNG.normal(scale=5, size=len(Y)), RNG.normal(size=len(Y))]
S = RNG.integers(1, 4, len(Y))
WIDE = TargetBuckets(10, 40, symmetric=True)
BY_BUCKET = BucketKFold(3, buckets=WIDE)
METRICS = ["mae", "mse", "rmse", "medae", "bias"]
MIX = [0, 1, 2.5, 4, 0.5]
COPIES = [deepcopy, lambda scorer: pickle.loads(pickle.dumps(scorer))]

every_metric = pytest.mark.parametrize("metric", [*METRICS, mean_absolute_error])
every_maker = pytest.mark.parametrize(
    "make", [make_bucket_scorer, make_bucket_multi_scorer]
)


class Counting(Ridge):
    """A ridge regressor that counts its predictions."""

    def predict(self, X):
        self.n_predictions_ = getattr(self, "n_predictions_", 0) + 1
        return super().predict(X)


@every_metric
@pytest.mark.parametrize("average", ["macro", "worst", MIX], ids=str)
def test_score_is_minus_the_magnitude_of_the_error(metric, average):
    scorer = make_bucket_scorer(metric, buckets=WIDE, average=average)
    ridge = Ridge().fit(X, Y)
    error = bucket_error(
        Y, ridge.predict(X), buckets=WIDE, metric=metric, average=average
    )
    assert scorer(ridge, X, Y) == -abs(error)


def test_scorer_takes_weights():
    ridge = Ridge().fit(X, Y)
    scorer = make_bucket_scorer(buckets=WIDE)
    repeated = scorer(ridge, np.repeat(X, S, axis=0), np.repeat(Y, S))
    assert scorer(ridge, X, Y, sample_weight=S) == pytest.approx(repeated)


@every_maker
@pytest.mark.parametrize("copy", COPIES)
def test_scorer_can_be_copied(copy, make):
    ridge = Ridge().fit(X, Y)
    scorer = make(buckets=TargetBuckets(n_buckets=3).fit(Y), period=500)
    assert copy(scorer)(ridge, X, Y) == scorer(ridge, X, Y)


def test_scorer_of_a_function_can_be_pickled():
    ridge = Ridge().fit(X, Y)
    mae = make_bucket_scorer(mean_absolute_error, buckets=WIDE, average=MIX)
    assert pickle.loads(pickle.dumps(mae))(ridge, X, Y) == mae(ridge, X, Y)


def test_scorer_says_what_it_is():
    assert repr(make_bucket_scorer("rmse", buckets=[1])) == (
        "make_bucket_scorer('rmse', buckets=TargetBuckets(edges=[1]), "
        "average='macro', empty='ignore')"
    )

    scorer = make_bucket_scorer(
        mean_absolute_error, buckets=[1], average="worst", min_count=3, period=360
    )
    assert repr(scorer) == (
        "make_bucket_scorer('mean_absolute_error', buckets=TargetBuckets(edges=[1]), "
        "average='worst', empty='ignore', min_count=3, period=360.0)"
    )
    scorer = make_bucket_multi_scorer(buckets=[1], metrics=["mae", "bias"])
    assert repr(scorer) == (
        "make_bucket_multi_scorer(buckets=TargetBuckets(edges=[1]), "
        "metrics=['mae', 'bias'], averages=['macro', 'worst', 'mean', None], "
        "empty='ignore')"
    )


def test_scorer_does_not_follow_its_buckets_to_other_data():
    buckets = TargetBuckets(n_buckets=3).fit(Y)
    scorer, ridge = make_bucket_scorer(buckets=buckets), Ridge().fit(X, Y)
    before = scorer(ridge, X, Y)
    buckets.fit(100 + Y)
    assert scorer(ridge, X, Y) == before
    mix = np.array(MIX)
    scorer = make_bucket_scorer(buckets=WIDE, average=mix)
    before = scorer(ridge, X, Y)
    mix[:] = 1
    assert scorer(ridge, X, Y) == before


@pytest.mark.parametrize("average", ["macro", "worst"])
@pytest.mark.parametrize(
    ("y", "sample_weight"), [([1, 2], None), ([1, 2, 50], [1, 1, 0])]
)
def test_scorer_warns_of_an_empty_bucket(average, y, sample_weight):
    dummy = DummyRegressor(strategy="constant", constant=0).fit([[0]], [0])
    scorer = make_bucket_scorer(buckets=[10, 40], average=average)
    message = r"\['\[10, 40\)', '>= 40'\] hold no row.*BucketKFold.*empty=\"raise\""
    with pytest.warns(UserWarning, match=message) as caught:
        scorer(dummy, [[0]] * len(y), y, sample_weight=sample_weight)
    assert caught[0].filename == __file__


def test_scorer_is_silent_where_no_bucket_is_empty_or_it_is_told_what_to_do():
    dummy = DummyRegressor(strategy="constant", constant=0).fit([[0]], [0])
    assert make_bucket_scorer(buckets=[10])(dummy, [[0]] * 2, [2, 50]) == -26
    scorer = make_bucket_scorer(buckets=[10], empty="nan")
    assert np.isnan(scorer(dummy, [[0]] * 2, [1, 2]))


@every_maker
def test_scorer_warns_of_an_empty_bucket_once_in_a_search(make):
    y = np.r_[np.linspace(0, 8, 30), 50, 51]
    scorer, refit = make(buckets=[10, 40]), "neg_mae_macro"
    grid, x = {"alpha": [0.1, 1, 10]}, np.arange(32.0)[:, np.newaxis]
    search = GridSearchCV(
        Ridge(),
        grid,
        scoring=scorer,
        cv=KFold(4),
        refit=refit if make is make_bucket_multi_scorer else True,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(x, y)
    said = [str(w.message) for w in caught if "hold no row" in str(w.message)]
    assert len(said) == 1
    assert "['[10, 40)', '>= 40']" in said[0]
    # What was not said yet is.
    dummy = DummyRegressor().fit([[0]], [0])
    with pytest.warns(UserWarning, match=r"\['< 10'\] hold no row"):
        scorer(dummy, np.zeros((2, 1)), [15, 50])


def test_scorer_raises_on_an_empty_bucket_if_asked():
    scorer = make_bucket_scorer(buckets=[1000], empty="raise")
    with pytest.raises(ValueError, match=r"Buckets \['>= 1000'\] hold no row"):
        scorer(Ridge().fit(X, Y), X, Y)


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("buckets", [WIDE, TargetBuckets(n_buckets=4).fit(Y)], ids=repr)
def test_scorer_serves_cross_validation(routing, buckets):
    scorer, folds = make_bucket_scorer(buckets=buckets), BucketKFold(3, buckets=buckets)
    with config_context(enable_metadata_routing=routing):
        # params=None does not work in scikit-learn 1.6 with routing.
        scores = cross_val_score(Ridge(), X, Y, scoring=scorer, cv=folds, params={})
        search = GridSearchCV(Ridge(), {"alpha": [1e-3, 1e6]}, scoring=scorer, cv=folds)
        search.fit(X, Y)
        both = cross_validate(
            Ridge(), X, Y, scoring={"macro": scorer, "r2": "r2"}, cv=folds, params={}
        )
    assert np.all(scores < 0)
    assert search.best_params_ == {"alpha": 1e-3}
    assert_array_equal(both["test_macro"], scores)


def test_scorer_gets_weights_from_a_search():
    # scikit-learn before 1.7 does not score by weights unless routing is enabled.
    scoring = {"macro": make_bucket_scorer(buckets=WIDE), "r2": "r2"}
    search = GridSearchCV(
        Ridge(), {"alpha": [1]}, scoring=scoring, refit=False, cv=BY_BUCKET
    )
    search.fit(X, Y, sample_weight=S)
    assert search.cv_results_["mean_test_macro"] < 0


def test_scorer_requests_weights_from_metadata_routing():
    with config_context(enable_metadata_routing=True):
        ridge = Ridge().set_fit_request(sample_weight=False)
        folds = {"X": X, "y": Y, "cv": BY_BUCKET, "params": {"sample_weight": S}}
        scorer = make_bucket_scorer(buckets=WIDE)
        with pytest.raises(
            UnsetMetadataPassedError,
            match=r"`make_bucket_scorer\(\.\.\.\)\.set_score_request\(",
        ):
            cross_val_score(ridge, scoring=scorer, **folds)
        weighted = cross_val_score(
            ridge, scoring=scorer.set_score_request(sample_weight=True), **folds
        )
    for score, (train, test) in zip(weighted, BY_BUCKET.split(X, Y), strict=True):
        fitted = Ridge().fit(X[train], Y[train])
        assert score == scorer(fitted, X[test], Y[test], sample_weight=S[test])


@every_maker
@pytest.mark.parametrize("buckets", [5, TargetBuckets(), TargetBuckets(n_buckets=3)])
def test_buckets_of_a_scorer_must_be_fixed(buckets, make):
    with pytest.raises(ValueError, match=r"must be fixed.*got .*Give inner edges"):
        make(buckets=buckets)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metric": "r2"}, r"metric must be one of.*got 'r2'"),
        ({"average": None}, r"average must be one of.*got None.*make_bucket_multi_sco"),
        ({"empty": None}, r"empty must be one of.*got None"),
        ({"buckets": [1, 1]}, r"edges must be.*strictly increasing"),
        ({"average": [1, 2, 3]}, r"average must .*the 2 buckets.*got \[1, 2, 3\]"),
        ({"min_count": 5}, r'min_count .* needs average="worst"; got min_count=5'),
        ({"period": 0}, r"period must be a positive.*got 0"),
    ],
)
def test_bad_arguments_of_a_scorer_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        make_bucket_scorer(**{"buckets": [1]} | change)


@pytest.mark.parametrize("weights", [None, S], ids=["plain", "weighted"])
@pytest.mark.parametrize("period", [None, 90])
def test_multi_scorer_gives_every_error_by_name(weights, period):
    metrics = [*METRICS, mean_absolute_error]
    scorer = make_bucket_multi_scorer(buckets=WIDE, metrics=metrics, period=period)
    ridge = Counting().fit(X, Y)
    scores = scorer(ridge, X, Y, sample_weight=weights)
    assert ridge.n_predictions_ == 1
    assert all(type(score) is float for score in scores.values())
    predicted = ridge.predict(X)
    expected = {}
    for metric in metrics:
        name = metric if isinstance(metric, str) else "mean_absolute_error"
        options = {"metric": metric, "sample_weight": weights, "period": period}
        for average in ("macro", "worst"):
            error = bucket_error(Y, predicted, buckets=WIDE, average=average, **options)
            expected[f"neg_{name}_{average}"] = -abs(error)
        error = bucket_error(Y, predicted, buckets=[1e9], **options)
        expected[f"neg_{name}_mean"] = -abs(error)
        errors = bucket_error(Y, predicted, buckets=WIDE, average=None, **options)
        labels = [f"neg_{name} {label}" for label in WIDE.labels_]
        expected |= dict(zip(labels, -np.abs(errors), strict=True))
    assert scores == pytest.approx(expected, rel=1e-13)


def test_multi_scorer_gives_what_it_is_asked_for():
    ridge = Ridge().fit(X, Y)
    scorer = make_bucket_multi_scorer(buckets=[0], metrics=["bias"], averages=[None])
    assert list(scorer(ridge, X, Y)) == ["neg_bias < 0", "neg_bias >= 0"]
    half = {"half": partial(mean_squared_error)}
    scorer = make_bucket_multi_scorer(buckets=[0], metrics=half, averages=["mean"])
    expected = -mean_squared_error(Y, ridge.predict(X))
    assert scorer(ridge, X, Y) == pytest.approx({"neg_half_mean": expected})


def test_multi_scorer_guards_the_worst():
    dummy = DummyRegressor(strategy="constant", constant=0).fit([[0]], [0])
    y = [1, 2, 50]
    scorer = make_bucket_multi_scorer(buckets=[10], averages=["worst"], min_count=2)
    assert scorer(dummy, np.zeros((3, 1)), y) == {"neg_mae_worst": -1.5}


@pytest.mark.parametrize("routing", [False, True])
def test_multi_scorer_serves_cross_validation(routing):
    scoring = make_bucket_multi_scorer(buckets=WIDE, metrics=["mae", "rmse"])
    with config_context(enable_metadata_routing=routing):
        scores = cross_validate(Ridge(), X, Y, scoring=scoring, cv=BY_BUCKET, params={})
        search = GridSearchCV(
            Ridge(),
            {"alpha": [1e6, 1e-3]},
            scoring=scoring,
            refit="neg_mae_macro",
            cv=BY_BUCKET,
        )
        search.fit(X, Y)
    assert search.best_params_ == {"alpha": 1e-3}
    assert search.cv_results_["mean_test_neg_rmse >= 40"][1] > -10
    for fold, (train, test) in enumerate(BY_BUCKET.split(X, Y)):
        ridge = Ridge().fit(X[train], Y[train])
        report = bucket_report(Y[test], ridge.predict(X[test]), buckets=WIDE)
        found = [scores[f"test_neg_mae {label}"][fold] for label in WIDE.labels_]
        assert_array_equal(found, -report["mae"])
        expected = -mean_absolute_error(Y[test], ridge.predict(X[test]))
        assert scores["test_neg_mae_mean"][fold] == pytest.approx(expected)


def test_multi_scorer_requests_weights_from_metadata_routing():
    with config_context(enable_metadata_routing=True):
        ridge = Ridge().set_fit_request(sample_weight=False)
        folds = {"X": X, "y": Y, "cv": BY_BUCKET, "params": {"sample_weight": S}}
        scorer = make_bucket_multi_scorer(buckets=WIDE)
        with pytest.raises(
            UnsetMetadataPassedError,
            match=r"\['?sample_weight'?\] are passed .*not explicitly set as requested",
        ):
            cross_validate(ridge, scoring=scorer, **folds)
        ridge.set_fit_request(sample_weight=True)
        unweighted = cross_validate(
            ridge, scoring=scorer.set_score_request(sample_weight=False), **folds
        )
        weighted = cross_validate(
            ridge, scoring=scorer.set_score_request(sample_weight=True), **folds
        )
    for fold, (train, test) in enumerate(BY_BUCKET.split(X, Y)):
        fitted = Ridge().fit(X[train], Y[train], sample_weight=S[train])
        name, plain = "test_neg_mae_macro", scorer(fitted, X[test], Y[test])
        with_s = scorer(fitted, X[test], Y[test], sample_weight=S[test])
        assert unweighted[name][fold] == plain["neg_mae_macro"]
        assert weighted[name][fold] == with_s["neg_mae_macro"]


def test_multi_scorer_of_an_empty_bucket():
    dummy = DummyRegressor(strategy="constant", constant=0).fit([[0]], [0])
    rows = np.zeros((2, 1)), [1, 2]
    scorer = make_bucket_multi_scorer(buckets=[10])
    with pytest.warns(UserWarning, match=r"\['>= 10'\] hold no row") as caught:
        scores = scorer(dummy, *rows)
    assert caught[0].filename == __file__
    expected = {
        "neg_mae_macro": -1.5,
        "neg_mae_worst": -1.5,
        "neg_mae_mean": -1.5,
        "neg_mae < 10": -1.5,
        "neg_mae >= 10": np.nan,
    }
    assert scores == pytest.approx(expected, nan_ok=True)
    expected |= {"neg_mae_macro": np.nan, "neg_mae_worst": np.nan}
    scores = make_bucket_multi_scorer(buckets=[10], empty="nan")(dummy, *rows)
    assert scores == pytest.approx(expected, nan_ok=True)
    raising = make_bucket_multi_scorer(buckets=[10], empty="raise")
    with pytest.raises(ValueError, match=r"Buckets \['>= 10'\] hold no row"):
        raising(dummy, *rows)
    # Nothing is averaged over the buckets, so nothing is left out.
    by_bucket = make_bucket_multi_scorer(buckets=[10], averages=["mean", None])
    assert np.isnan(by_bucket(dummy, *rows)["neg_mae >= 10"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metrics": ["r2"]}, r"metric must be one of.*got 'r2'"),
        ({"metrics": {"r": "r2"}}, r"metric must be one of.*got 'r2'"),
        ({"metrics": "mae"}, r"metrics must be a sequence.*got 'mae'\. Write"),
        ({"metrics": None}, r"metrics must be a sequence.*got None"),
        ({"metrics": []}, r"metrics must hold one or more.*got \[\]"),
        ({"metrics": ["mae", "mae"]}, r"each of a name of its own; got \['mae', 'mae'"),
        ({"metrics": [partial(max)]}, r"name of its own.*as \{\"name\": function\}"),
        ({"averages": "macro"}, r"averages must be a sequence.*got 'macro'"),
        ({"averages": None}, r"averages must be a sequence.*got None"),
        ({"averages": []}, r"averages must be a sequence.*got \[\]"),
        ({"averages": ["micro"]}, r"averages must be one of .*'mean', None\]; got 'mi"),
        ({"averages": [[1, 2]]}, r"averages must be one of .*got \[1, 2\]"),
        ({"empty": None}, r"empty must be one of.*got None"),
        ({"averages": [None], "empty": "drop"}, r"empty must be one of.*got 'drop'"),
        (
            {"averages": ["macro"], "min_count": 2},
            r'min_count .* needs average="worst"',
        ),
        ({"min_count": -1}, r"min_count must be a positive.*got -1"),
        ({"period": -1}, r"period must be a positive.*got -1"),
    ],
)
def test_bad_arguments_of_a_multi_scorer_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        make_bucket_multi_scorer(**{"buckets": [1]} | change)
