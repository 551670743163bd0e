"""Tests of the errors by bucket, and of the scorer made of them."""

import pickle
import sys
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import Ridge
from sklearn.metrics import (
    mean_absolute_error,
    mean_squared_error,
    median_absolute_error,
)
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate

from skrobust import (
    BucketKFold,
    TargetBuckets,
    bucket_error,
    bucket_report,
    make_bucket_scorer,
)

RNG = np.random.default_rng(0)
Y = np.r_[RNG.normal(scale=8, size=300), RNG.uniform(-80, 80, size=30)]
PREDICTED = 0.9 * Y + RNG.normal(size=len(Y)) + 0.5
X = np.c_[Y + RNG.normal(scale=5, size=len(Y)), RNG.normal(size=len(Y))]
S = RNG.integers(0, 4, len(Y))
WIDE = TargetBuckets(10, 40, symmetric=True)
IDS = WIDE.assign(Y)
BY_BUCKET = BucketKFold(3, buckets=WIDE)
ERRORS = {
    "mae": mean_absolute_error,
    "mse": mean_squared_error,
    "rmse": lambda y, predicted: mean_squared_error(y, predicted) ** 0.5,
    "medae": median_absolute_error,
    "bias": lambda y, predicted: np.mean(predicted - y),
}
AVERAGES = ["macro", "worst", None]

every_metric = pytest.mark.parametrize("metric", ERRORS)


@every_metric
def test_error_of_a_bucket_is_that_of_its_rows(metric):
    error = bucket_error(Y, PREDICTED, buckets=WIDE, metric=metric, average=None)
    rows = [np.flatnonzero(np.equal(IDS, b)) for b in range(5)]
    expected = [ERRORS[metric](Y[r], PREDICTED[r]) for r in rows]
    assert_allclose(error, expected, rtol=1e-12)


@every_metric
def test_macro_and_worst_are_taken_over_buckets(metric):
    error, macro, worst = (
        bucket_error(Y, PREDICTED, buckets=WIDE, metric=metric, average=average)
        for average in (None, "macro", "worst")
    )
    mean = np.sqrt(np.mean(error**2)) if metric == "rmse" else np.mean(error)
    assert macro == pytest.approx(mean)
    assert worst == error[np.abs(error).argmax()]
    assert type(macro) is type(worst) is float


@pytest.mark.parametrize(
    ("metric", "function"), [("mae", mean_absolute_error), ("mse", mean_squared_error)]
)
def test_macro_error_weighs_rows_by_the_count_of_their_bucket(metric, function):
    weights = 1 / np.bincount(IDS)[IDS]
    expected = function(Y, PREDICTED, sample_weight=weights)
    assert bucket_error(Y, PREDICTED, buckets=WIDE, metric=metric) == pytest.approx(
        expected, rel=1e-13
    )


@every_metric
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("buckets", [WIDE, [-5, 5], 4], ids=repr)
def test_integer_weights_are_repeated_rows(metric, average, buckets):
    options = {"buckets": buckets, "metric": metric, "average": average}
    weighted = bucket_error(Y, PREDICTED, sample_weight=S, **options)
    repeated = bucket_error(np.repeat(Y, S), np.repeat(PREDICTED, S), **options)
    assert_allclose(weighted, repeated, rtol=1e-12)
    tenths = bucket_error(Y, PREDICTED, sample_weight=0.1 * S, **options)
    assert_allclose(tenths, weighted, rtol=1e-12)


@every_metric
@pytest.mark.parametrize("average", AVERAGES)
def test_error_has_the_unit_of_the_target(metric, average):
    options = {"metric": metric, "average": average}
    error = bucket_error(Y, PREDICTED, buckets=[-5, 5], **options)
    scaled = bucket_error(100 * Y, 100 * PREDICTED, buckets=[-500, 500], **options)
    unit = 1e4 if metric == "mse" else 100
    assert_allclose(scaled, unit * error, rtol=1e-12)


def test_int_cuts_the_range_of_the_true_targets():
    expected = bucket_error(Y, PREDICTED, buckets=TargetBuckets(n_buckets=4).fit(Y))
    assert bucket_error(Y, PREDICTED, buckets=4) == expected


def test_fitted_buckets_keep_their_edges():
    buckets = TargetBuckets(n_buckets=4).fit(Y)
    edges = buckets.edges_
    error = bucket_error([0, 1], [1, 3], buckets=buckets, average=None)
    assert_array_equal(buckets.edges_, edges)
    assert_allclose(error, bucket_error([0, 1], [1, 3], buckets=edges, average=None))


@pytest.mark.parametrize(
    ("empty", "average", "expected"),
    [
        ("ignore", "macro", 2),
        ("ignore", "worst", 3),
        ("ignore", None, [1, 3, np.nan]),
        ("nan", "macro", np.nan),
        ("nan", "worst", np.nan),
        ("nan", None, [1, 3, np.nan]),
    ],
)
@pytest.mark.parametrize("metric", ["mae", "rmse", "medae", "bias"])
def test_empty_bucket(metric, empty, average, expected):
    options = {"buckets": [10, 40], "metric": metric, "average": average}
    error = bucket_error([1, 2, 20], [2, 3, 23], empty=empty, **options)
    if metric == "rmse" and average == "macro":
        expected = np.sqrt(5) * expected / 2
    assert_allclose(error, expected)


def test_empty_bucket_raises_if_asked():
    with pytest.raises(ValueError, match=r"Buckets \['< 10', '>= 40'\] hold no row"):
        bucket_error([20], [20], buckets=[10, 40], empty="raise")
    options = {"buckets": [10, 40], "empty": "raise"}
    with pytest.raises(ValueError, match=r"Buckets \['>= 40'\] hold no row"):
        bucket_error([1, 20, 50], [0, 0, 0], sample_weight=[1, 1, 0], **options)


def test_a_message_names_a_few_of_many_empty_buckets():
    options = {"buckets": TargetBuckets(1, 1000), "empty": "raise"}
    with pytest.raises(ValueError, match=r"'\[-997, -996\)'\] and 1996 more") as raised:
        bucket_error([1.5], [1.5], **options)
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1.0, 1e200, 1e300])
@pytest.mark.parametrize(
    ("average", "expected"), [("macro", 62.5**0.5), ("worst", 10), (None, [5, 10])]
)
def test_rmse_of_errors_of_any_size(size, average, expected):
    y_true, y_pred = size * np.array([-1.0, -1, 1]), size * np.array([0.0, -8, 11])
    options = {"buckets": [0], "metric": "rmse", "average": average}
    error = bucket_error(y_true, y_pred, **options)
    assert_allclose(error, size * np.array(expected), rtol=1e-14)


def test_rmse_knows_no_row_of_weight_zero():
    options = {"buckets": [1000], "metric": "rmse", "sample_weight": [1, 1, 0]}
    assert bucket_error([0, 0, 0], [1, -1, 1e200], **options) == 1


def test_errors_are_in_full_precision():
    y_true = np.array([16_777_216], np.float32)  # whose next is 16_777_218
    assert bucket_error(y_true, [16_777_217.0], buckets=[0]) == 1


def test_one_row_and_exact_predictions():
    assert bucket_error([40], [43], buckets=WIDE) == 3
    assert bucket_error([7.0], [7.0], buckets=10, metric="rmse") == 0
    assert bucket_error([3, 3], [1, 4], buckets=10, metric="bias") == -0.5


def test_worst_bias_is_the_farthest_from_zero():
    options = {"buckets": [10], "metric": "bias", "average": "worst"}
    assert bucket_error([1, 50], [2, 40], **options) == -10
    assert bucket_error([1, 50], [11, 49], **options) == 10


def test_report_is_the_errors_by_bucket():
    report = bucket_report(Y, PREDICTED, buckets=WIDE)
    assert list(report.index) == WIDE.labels_
    assert report.index.name == "bucket"
    assert_array_equal(report["n"], np.bincount(IDS))
    assert_allclose(report["share"], np.bincount(IDS) / len(Y))
    for metric in ("mae", "rmse", "medae", "bias"):
        error = bucket_error(Y, PREDICTED, buckets=WIDE, metric=metric, average=None)
        assert_array_equal(report[metric], error)


def test_report_takes_weights_and_keeps_empty_buckets():
    weighted = bucket_report(Y, PREDICTED, buckets=[-500, 0], sample_weight=S)
    repeated = bucket_report(
        np.repeat(Y, S), np.repeat(PREDICTED, S), buckets=[-500, 0]
    )
    pd.testing.assert_frame_equal(weighted, repeated, check_dtype=False)
    assert weighted.loc["< -500", "n"] == 0
    assert weighted.loc["< -500", ["mae", "rmse", "medae", "bias"]].isna().all()


def test_report_says_that_it_needs_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"bucket_report .*'pip install pandas'"):
        bucket_report([1], [1], buckets=[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metric": "r2"}, r"metric must be one of \['mae'.*'bias'\]; got 'r2'"),
        ({"metric": None}, r"metric must be one of .*got None"),
        ({"average": "micro"}, r"average must be one of \['macro', 'worst', None\]"),
        ({"average": [1, 2]}, r"average must be one of .*got \[1, 2\]"),
        ({"empty": "drop"}, r"empty must be one of .*got 'drop'"),
        ({"buckets": 2.5}, r"buckets must be an int.*got 2\.5"),
        ({"buckets": [2, 1]}, r"edges must be.*strictly increasing"),
        ({"buckets": TargetBuckets(5)}, r"width and limit belong together"),
        ({"y_true": [1, np.nan]}, r"Input y_true contains NaN"),
        ({"y_pred": [1, np.inf]}, r"Input y_pred contains infinity"),
        ({"y_pred": [1]}, r"inconsistent numbers of samples: \[2, 1\]"),
        ({"y_true": [], "y_pred": []}, r"0 sample"),
        ({"y_true": [[1, 2], [3, 4]]}, r"y_true should be a 1d array.*\(2, 2\)"),
        ({"y_pred": [[1, 2], [3, 4]]}, r"y_pred should be a 1d array.*\(2, 2\)"),
        ({"sample_weight": [0, 0]}, r"sample_weight is zero for every sample"),
        ({"sample_weight": [1e308, 1e308]}, r"sample_weight must have a finite sum"),
        ({"sample_weight": [1, -1]}, r"sample_weight must not be negative"),
        ({"sample_weight": [1, np.nan]}, r"Input sample_weight contains NaN"),
    ],
)
def test_bad_arguments_are_named(change, message):
    arguments = {"y_true": [1, 2], "y_pred": [1, 2], "buckets": [2]} | change
    with pytest.raises(ValueError, match=message):
        bucket_error(**arguments)


@every_metric
@pytest.mark.parametrize("average", ["macro", "worst"])
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


@pytest.mark.parametrize("copy", [deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_scorer_can_be_copied(copy):
    ridge = Ridge().fit(X, Y)
    scorer = make_bucket_scorer(buckets=TargetBuckets(n_buckets=3).fit(Y))
    assert copy(scorer)(ridge, X, Y) == scorer(ridge, X, Y)


def test_scorer_says_what_it_is():
    assert repr(make_bucket_scorer("rmse", buckets=[1])) == (
        "make_bucket_scorer('rmse', buckets=TargetBuckets(edges=[1]), "
        "average='macro', empty='ignore')"
    )


def test_scorer_does_not_follow_its_buckets_to_other_data():
    buckets = TargetBuckets(n_buckets=3).fit(Y)
    scorer, ridge = make_bucket_scorer(buckets=buckets), Ridge().fit(X, Y)
    before = scorer(ridge, X, Y)
    buckets.fit(100 + Y)
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


@pytest.mark.parametrize("buckets", [5, TargetBuckets(), TargetBuckets(n_buckets=3)])
def test_buckets_of_a_scorer_must_be_fixed(buckets):
    with pytest.raises(ValueError, match=r"must be fixed.*got .*Give inner edges"):
        make_bucket_scorer(buckets=buckets)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metric": "r2"}, r"metric must be one of.*got 'r2'"),
        ({"average": None}, r"average must be one of \['macro', 'worst'\]; got None"),
        ({"empty": None}, r"empty must be one of.*got None"),
        ({"buckets": [1, 1]}, r"edges must be.*strictly increasing"),
    ],
)
def test_bad_arguments_of_a_scorer_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        make_bucket_scorer(**{"buckets": [1]} | change)
