"""Tests of the errors by bucket."""

import sys
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import sem
from sklearn.metrics import (
    mean_absolute_error,
    mean_squared_error,
    median_absolute_error,
    r2_score,
)

from skrobust import (
    TargetBuckets,
    balanced_r2,
    bucket_error,
    bucket_report,
    geometric_mean_error,
    shot_report,
)

RNG = np.random.default_rng(0)
Y = np.r_[RNG.normal(scale=8, size=300), RNG.uniform(-80, 80, size=30)]
PREDICTED = 0.9 * Y + RNG.normal(size=len(Y)) + 0.5
S = RNG.integers(0, 4, len(Y))
WIDE = TargetBuckets(10, 40, symmetric=True)
IDS = WIDE.assign(Y)
ERRORS = {
    "mae": mean_absolute_error,
    "mse": mean_squared_error,
    "rmse": lambda y, predicted: mean_squared_error(y, predicted) ** 0.5,
    "medae": median_absolute_error,
    "bias": lambda y, predicted: np.mean(predicted - y),
}
MIX = [0, 1, 2.5, 4, 0.5]
AVERAGES = ["macro", "worst", None]
COLUMNS = ["n", "share", "mae", "se", "rmse", "medae", "p90", "bias", "outward"]

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
    assert list(report.columns) == COLUMNS
    assert_array_equal(report["n"], np.bincount(IDS))
    assert_allclose(report["share"], np.bincount(IDS) / len(Y))
    for metric in ("mae", "rmse", "medae", "bias"):
        error = bucket_error(Y, PREDICTED, buckets=WIDE, metric=metric, average=None)
        assert_array_equal(report[metric], error)


def test_report_is_what_numpy_and_scipy_make_of_each_bucket():
    report = bucket_report(Y, PREDICTED, buckets=WIDE, tolerance=1)
    for b, label in enumerate(WIDE.labels_):
        y, e = Y[b == IDS], (PREDICTED - Y)[b == IDS]
        expected = {
            "se": sem(np.abs(e)),
            "p90": np.quantile(np.abs(e), 0.9),
            "outward": np.mean(e * np.sign(y)),
            "within": np.mean(np.abs(e) <= 1),
        }
        assert_allclose(report.loc[label, list(expected)], [*expected.values()])


def test_tolerance_is_good_enough_itself():
    assert bucket_report([0], [0.5], buckets=[9], tolerance=0.5)["within"].iloc[0] == 1
    assert bucket_report([0], [0.5], buckets=[9], tolerance=0)["within"].iloc[0] == 0
    assert bucket_report([3], [3.0], buckets=[9], tolerance=0)["within"].iloc[0] == 1


@pytest.mark.parametrize("tolerance", [-1, np.inf, np.nan, "1", True])
@pytest.mark.parametrize("report", [bucket_report, shot_report])
def test_tolerance_must_be_an_error(tolerance, report):
    with pytest.raises(ValueError, match=r"tolerance must be a finite error.*; got "):
        report([1], [1], buckets=WIDE, tolerance=tolerance)


def test_outward_bias_of_predictions_drawn_to_zero():
    report = bucket_report([-50, 50, 0], [-40, 40, 7], buckets=[-1, 1])
    assert_array_equal(report["bias"], [10, 7, -10])
    assert_array_equal(report["outward"], [-10, 0, -10])


@pytest.mark.parametrize("buckets", [WIDE, [-500, 0], [-5, 5], 40], ids=repr)
def test_integer_weights_are_repeated_rows_in_a_report(buckets):
    options = {"tolerance": 1, "buckets": buckets}
    weighted = bucket_report(Y, PREDICTED, sample_weight=S, **options)
    repeated = bucket_report(np.repeat(Y, S), np.repeat(PREDICTED, S), **options)
    pd.testing.assert_frame_equal(weighted, repeated, check_dtype=False, rtol=1e-12)


def test_report_keeps_empty_buckets():
    report = bucket_report(Y, PREDICTED, buckets=[-500, 0], tolerance=1)
    assert report.loc["< -500", ["n", "share"]].eq(0).all()
    assert report.loc["< -500"].drop(["n", "share"]).isna().all()
    absent = bucket_report(Y, PREDICTED, buckets=[0], sample_weight=Y >= 0, tolerance=1)
    assert absent.loc["< 0", ["n", "share"]].eq(0).all()
    assert absent.loc["< 0"].drop(["n", "share"]).isna().all()


def test_one_row_has_no_standard_error():
    report = bucket_report([1, 50, 51], [2, 40, 40], buckets=[10])
    assert_allclose(report["se"], [np.nan, sem([10, 11])])
    assert_allclose(report["p90"], [1, 10.9])


def test_small_weights_of_a_report_only_compare_rows():
    report = bucket_report(Y, PREDICTED, buckets=WIDE, tolerance=1)
    tiny = np.full(len(Y), 1e-5)
    weighted = bucket_report(
        Y, PREDICTED, buckets=WIDE, tolerance=1, sample_weight=tiny
    )
    assert_allclose(weighted.pop("n"), 1e-5 * report.pop("n"))
    pd.testing.assert_frame_equal(weighted, report, rtol=1e-12)


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
        ({"average": 2}, r"average must be one of .*got 2\. Or give how much each"),
        ({"average": [1, 2, 3]}, r"average must be .*the 2 buckets.*got \[1, 2, 3\]"),
        ({"average": [[1, 2]]}, r"average must be .*the 2 buckets.*got \[\[1, 2\]\]"),
        ({"average": [1, -1]}, r"average must be .*not negative.*got \[1, -1\]"),
        ({"average": [1, np.nan]}, r"average must be .*finite.*got \[1, nan\]"),
        ({"average": [0, 0]}, r"average must be .*not all zero; got \[0, 0\]"),
        ({"average": ["a", 0]}, r"average must be .*got \['a', 0\]"),
        ({"min_count": 2}, r'min_count .* needs average="worst"; got min_count=2'),
        ({"min_count": 0, "average": "worst"}, r"min_count must be a pos.*got 0\."),
        ({"min_count": True, "average": "worst"}, r"min_count must be a pos.*got True"),
        ({"min_count": "2", "average": "worst"}, r"min_count must be a pos.*got '2'"),
        ({"period": 0}, r"period must be a positive, finite.*got 0\. Give 360"),
        ({"period": -360}, r"period must be a positive.*got -360"),
        ({"period": np.inf}, r"period must be a positive, finite.*got inf"),
        ({"period": np.nan}, r"period must be a positive.*got nan"),
        ({"period": "360"}, r"period must be a positive.*got '360'"),
        ({"period": True}, r"period must be a positive.*got True"),
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


# What every metric has to satisfy: over all functions, weights and shapes of input.

BUCKETED = {
    "mae": partial(bucket_error, average=None),
    "mse, macro": partial(bucket_error, metric="mse"),
    "rmse, mix": partial(bucket_error, metric="rmse", average=MIX),
    "medae, worst": partial(bucket_error, metric="medae", average="worst"),
    "bias, worst": partial(bucket_error, metric="bias", average="worst"),
    "callable": partial(
        bucket_error, metric=partial(geometric_mean_error, eps=1e-3), average=None
    ),
    "report": partial(bucket_report, tolerance=1),
    "shots": partial(shot_report, many=150, few=12, tolerance=1),
    "balanced R2": balanced_r2,
}
FITTED = TargetBuckets(10, 40, symmetric=True).fit(Y)

every_function = pytest.mark.parametrize("function", BUCKETED.values(), ids=BUCKETED)


@every_function
def test_order_of_the_rows_does_not_matter(function):
    order = np.random.default_rng(1).permutation(len(Y))
    expected = function(Y, PREDICTED, buckets=FITTED, sample_weight=S)
    found = function(Y[order], PREDICTED[order], buckets=FITTED, sample_weight=S[order])
    assert_allclose(found, expected, rtol=1e-12)


@every_function
def test_row_of_weight_zero_is_not_there(function):
    expected = function(Y, PREDICTED, buckets=FITTED, sample_weight=np.ones(len(Y)))
    more_y, more = np.r_[5e5, Y, -3.0, 41], np.r_[-1e7, PREDICTED, 1e150, 8]
    s = np.r_[0, np.ones(len(Y)), 0, 0]
    found = function(more_y, more, buckets=FITTED, sample_weight=s)
    assert_allclose(found, expected, rtol=1e-13)


@every_function
@pytest.mark.parametrize(
    "convert",
    [list, pd.Series, pl.Series, pd.DataFrame, lambda y: y[:, None]],
    ids=["list", "pandas", "polars", "frame", "column"],
)
def test_targets_of_any_kind(function, convert):
    expected = function(Y, PREDICTED, buckets=FITTED)
    found = function(convert(Y), convert(PREDICTED), buckets=FITTED)
    assert_array_equal(found, expected)


@every_function
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, np.float16, np.float32])
def test_targets_of_any_type(function, dtype):
    y, predicted = np.abs(Y).round(), np.abs(PREDICTED).round()
    expected = function(y, predicted, buckets=FITTED)
    found = function(y.astype(dtype), predicted.astype(dtype), buckets=FITTED)
    assert_allclose(found, expected, rtol=1e-13)


@every_function
@pytest.mark.parametrize("scale", [1e-300, 2.0**-960, 2.0**900, 1e300])
def test_weights_of_any_size(function, scale):
    expected = function(Y, PREDICTED, buckets=FITTED, sample_weight=np.ones(len(Y)))
    s = np.full(len(Y), scale)
    found = function(Y, PREDICTED, buckets=FITTED, sample_weight=s)
    if isinstance(found, pd.DataFrame):
        keep = [c for c in COLUMNS if c not in ("n", "se", "p90")]  # which count rows
        found, expected = found[keep], expected[keep]
    assert_allclose(found, expected, rtol=1e-12)


@every_function
def test_whole_turns_change_nothing(function):
    turns = np.random.default_rng(1).integers(-3, 4, len(Y))
    options = {"buckets": FITTED, "sample_weight": S}
    expected = function(Y, PREDICTED, period=256, **options)
    found = function(Y, PREDICTED + 256 * turns, period=256, **options)
    assert_allclose(found, expected, rtol=1e-9)
    near = np.abs(PREDICTED - Y).max()  # with a longer one, nothing is wrapped
    if function is not balanced_r2:
        plain = function(Y, PREDICTED, **options)
        assert_array_equal(function(Y, PREDICTED, period=3 * near, **options), plain)


@pytest.mark.parametrize("metric", ["mae", "mse", "rmse", "medae"])
def test_angles_are_apart_the_shorter_way_round(metric):
    options = {"buckets": [180], "metric": metric, "average": None}
    error = bucket_error([359, 1], [1, 359], period=360, **options)
    assert_array_equal(error, [4, 4] if metric == "mse" else [2, 2])


def test_errors_on_a_circle_lie_in_half_a_turn_either_way():
    y = np.zeros(9)
    predicted = [0, 90, 179.5, 180, 180.5, -180, -180.5, 540, 1e6]
    expected = [0, 90, 179.5, -180, -179.5, -180, 179.5, -180, -80]
    options = {"buckets": np.arange(8) + 0.5, "metric": "bias", "average": None}
    error = bucket_error(np.arange(9), np.arange(9) + predicted, period=360, **options)
    assert_array_equal(error, expected)
    just_less = np.nextafter(np.pi, 0)
    assert bucket_error(y[:1], [just_less], buckets=[9], period=2 * np.pi) == just_less


def test_a_callable_gets_predictions_next_to_the_target():
    seen = {}

    def metric(y_true, y_pred):
        seen["y"] = y_pred
        return 0.0

    bucket_error([359, 10], [1, -710], buckets=[500], metric=metric, period=360)
    assert_array_equal(seen["y"], [361, 10])


@pytest.mark.parametrize("metric", ["mae", "mse", "bias", "medae", "rmse"])
def test_mix_says_how_much_a_bucket_counts(metric):
    options = {"buckets": WIDE, "metric": metric}
    error = bucket_error(Y, PREDICTED, average=None, **options)
    power = 2 if metric == "rmse" else 1
    expected = np.average(error**power, weights=MIX) ** (1 / power)
    for mix in (MIX, np.array(MIX) * 1e307, pd.Series(MIX)):
        found = bucket_error(Y, PREDICTED, average=mix, **options)
        assert found == pytest.approx(expected, rel=1e-14)
    equal = bucket_error(Y, PREDICTED, average=np.full(5, 0.2), **options)
    assert equal == pytest.approx(bucket_error(Y, PREDICTED, **options), rel=1e-15)


def test_a_mix_of_the_rows_is_the_mean_over_rows():
    found = bucket_error(Y, PREDICTED, buckets=WIDE, average=np.bincount(IDS))
    assert found == pytest.approx(mean_absolute_error(Y, PREDICTED), rel=1e-14)


def test_empty_bucket_with_a_mix():
    options = {"y_true": [1, 20], "y_pred": [2, 23], "buckets": [10, 40]}
    assert bucket_error(average=[1, 3, 5], **options) == 2.5
    assert np.isnan(bucket_error(average=[1, 3, 5], empty="nan", **options))
    with pytest.raises(ValueError, match=r"Buckets \['>= 40'\] hold no row"):
        bucket_error(average=[1, 3, 5], empty="raise", **options)
    for empty in ("ignore", "nan", "raise"):
        assert bucket_error(average=[1, 3, 0], empty=empty, **options) == 2.5
    with pytest.raises(ValueError, match=r"average=\[0, 0, 1\] counts only buckets w"):
        bucket_error(average=[0, 0, 1], **options)


def test_min_count_guards_the_worst():
    options = {"buckets": [10, 40], "average": "worst"}
    y_true, y_pred = [1, 2, 3, 20, 21, 50], [2, 3, 4, 23, 24, 70]
    for min_count, expected in [(None, 20), (1, 20), (1.5, 3), (2, 3), (3, 1)]:
        found = bucket_error(y_true, y_pred, min_count=min_count, **options)
        assert found == expected
    weighted = bucket_error(
        y_true, y_pred, min_count=2, sample_weight=[1, 1, 1, 1, 1, 2], **options
    )
    assert weighted == 20
    rounded = [1, 1, 1, 0.7, 0.1, 0.5]  # 0.7 + 0.1 is less than 0.8
    options["sample_weight"] = rounded
    found = bucket_error(y_true, y_pred, min_count=0.8, **options)
    assert found == pytest.approx(3)
    del options["sample_weight"]
    with pytest.raises(ValueError, match=r"No bucket holds min_count=4.*at most 3\."):
        bucket_error(y_true, y_pred, min_count=4, **options)


@pytest.mark.parametrize("weights", [None, S], ids=["plain", "weighted"])
@pytest.mark.parametrize("average", [*AVERAGES, MIX], ids=str)
@pytest.mark.parametrize(
    ("metric", "function"),
    [
        ("mae", mean_absolute_error),
        ("mse", partial(mean_squared_error)),
        ("bias", lambda y, p, sample_weight: np.average(p - y, weights=sample_weight)),
        ("mae", lambda y, p, **weights: mean_absolute_error(y, p, **weights)),
    ],
)
def test_a_callable_is_a_metric(metric, function, average, weights):
    options = {"buckets": WIDE, "average": average, "sample_weight": weights}
    found = bucket_error(Y, PREDICTED, metric=function, **options)
    expected = bucket_error(Y, PREDICTED, metric=metric, **options)
    assert_allclose(found, expected, rtol=1e-13)


def test_a_callable_must_take_the_weights():
    def plain(y_true, y_pred):
        return len(y_true)

    assert bucket_error([1, 2, 50], [0, 0, 0], buckets=[10], metric=plain) == 1.5
    for metric in (plain, max):
        with pytest.raises(ValueError, match=r"sample_weight is given, so metric must"):
            bucket_error(
                [1, 2], [0, 0], buckets=[10], metric=metric, sample_weight=[1, 1]
            )


def test_a_callable_sees_no_row_of_weight_zero():
    def metric(y_true, y_pred, sample_weight=None):
        assert sample_weight.all()
        return len(y_true)

    options = {"buckets": [10, 40], "metric": metric, "average": None}
    found = bucket_error(
        [1, 50, 2, 3], np.zeros(4), sample_weight=[2, 0, 0, 1], **options
    )
    assert_array_equal(found, [2, np.nan, np.nan])


@pytest.mark.parametrize("answer", [None, "1", [1.0], np.ones(2), 1j])
def test_a_callable_must_return_a_number(answer):
    with pytest.raises(ValueError, match=r"metric must return one number .*; got "):
        bucket_error([1], [1], buckets=[10], metric=lambda y, p: answer)


# More rows than a block, and than a sample of a bucket: what is sorted is only a part.

MANY = 300_000


def many_rows(order):
    """Return targets and predictions in two buckets, of 95 and 5 %, ids and weights."""
    rng = np.random.default_rng(0)
    rare = rng.random(MANY) < 0.05
    y = np.where(rare, rng.uniform(40, 80, MANY), rng.normal(scale=8, size=MANY))
    e = rng.standard_t(2, MANY) * np.where(rare, 5, 1)
    if order == "sorted":
        e = np.sort(e)
    if order in ("too small", "too large"):  # are the rows that the sample consists of
        factor = 1e-9 if order == "too small" else 1e9
        e[np.flatnonzero(~rare)[:: np.sum(~rare) // 2**14]] *= factor
    if order == "tied":
        e = e.round()
    return y, y + e, rare.astype(int), rng.integers(0, 3, MANY)


@pytest.mark.parametrize(
    "order", ["random", "sorted", "too small", "too large", "tied"]
)
def test_quantiles_of_many_rows(order):
    y, predicted, ids, s = many_rows(order)
    report = bucket_report(y, predicted, buckets=[40])
    weighted = bucket_report(y, predicted, buckets=[40], sample_weight=s)
    for b in (0, 1):
        e = np.abs(predicted - y)[ids == b]
        for found, sizes in ((report, e), (weighted, np.repeat(e, s[ids == b]))):
            expected = [np.median(sizes), np.quantile(sizes, 0.9), sem(sizes)]
            assert_allclose(found.iloc[b][["medae", "p90", "se"]], expected, rtol=1e-12)


def test_heavy_weights_move_a_quantile_far_from_that_of_the_rows():
    y, predicted, _, _ = many_rows("random")
    e = np.abs(predicted - y)
    s = np.where(e > np.quantile(e, 0.999), 10_000, 1)
    options = {"buckets": [1000], "metric": "medae"}
    found = bucket_error(y, predicted, sample_weight=s, **options)
    assert found == pytest.approx(np.median(np.repeat(e, s)), rel=1e-12)


def test_many_buckets():
    y = np.repeat(np.arange(70_000.0), 2)  # more than 16 bits can number
    predicted = y + np.tile([1.0, 3.0], 70_000) * np.repeat(np.arange(70_000) % 7, 2)
    buckets = np.arange(1, 70_000) - 0.5
    for metric, factor in {"mae": 2, "mse": 5, "rmse": 5**0.5, "bias": 2}.items():
        error = bucket_error(y, predicted, buckets=buckets, metric=metric, average=None)
        e = np.arange(70_000) % 7
        assert_allclose(error, factor * e**2 if metric == "mse" else factor * e)


def test_sums_of_many_rows_keep_their_digits():
    y = np.zeros(2_000_000)
    found = bucket_report(y, y + 0.1, buckets=[1]).iloc[0]
    assert_allclose(found[["mae", "bias", "rmse"]], 0.1, rtol=1e-15)
    assert found["se"] < 1e-16


def test_spread_of_large_errors_that_are_nearly_equal():
    # Differences of squares would have lost all digits.
    e = 1e8 + np.array([0.0, 1, 2, 3])
    report = bucket_report(np.zeros(4), e, buckets=[1])
    assert report["se"].iloc[0] == pytest.approx(sem([0, 1, 2, 3]), rel=1e-7)


def test_shots_are_by_training_counts():
    y_train = np.repeat([5, 15, 25, 35, 45], [101, 100, 20, 19, 0])
    buckets = TargetBuckets(edges=[10, 20, 30, 40]).fit(y_train)
    y, predicted = np.array([5, 15, 25, 35, 45]), [5, 17, 28, 39, 50]
    report = shot_report(y, predicted, buckets=buckets, tolerance=3)
    assert list(report.index) == ["many", "medium", "few"]
    assert report.index.name == "shot"
    assert list(report.columns) == [*COLUMNS, "within"]
    assert_array_equal(report["n"], [1, 2, 2])
    assert_array_equal(report["mae"], [0, 2.5, 4.5])
    assert_array_equal(report["within"], [1, 1, 0])
    weighted = shot_report(y, predicted, buckets=buckets, sample_weight=[1, 1, 3, 1, 0])
    assert_array_equal(weighted["mae"], [0, 2.75, 4])
    more = shot_report(y, predicted, buckets=buckets, many=10, few=10)
    assert_array_equal(more["n"], [4, 0, 1])
    assert more.loc["medium", "mae":].isna().all()


def test_shots_are_by_weighted_training_counts():
    buckets = TargetBuckets(edges=[10]).fit([5, 15], [50, 500])
    report = shot_report([5, 15], [0, 0], buckets=buckets)
    assert_array_equal(report["n"], [1, 1, 0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"buckets": [10]}, r"buckets must be a TargetBuckets fitted.*got \[10\]"),
        ({"buckets": WIDE}, r"buckets must be a TargetBuckets fitted.*fit\(y_train\)"),
        ({"few": 200}, r"0 <= few <= many; got few=200, many=100"),
        ({"few": -1}, r"0 <= few <= many; got few=-1"),
        ({"many": np.nan}, r"0 <= few <= many; got few=20, many=nan"),
        ({"many": "100"}, r"0 <= few <= many; got few=20, many='100'"),
    ],
)
def test_bad_arguments_of_shots_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        shot_report([1], [1], **{"buckets": FITTED} | change)


def test_balanced_r2_compares_with_the_best_constant():
    def macro_mse(predicted):
        return bucket_error(Y, predicted, buckets=WIDE, metric="mse")

    macro_mean = np.mean([Y[b == IDS].mean() for b in range(5)])
    constant = np.full(len(Y), macro_mean)
    found = balanced_r2(Y, PREDICTED, buckets=WIDE)
    expected = 1 - macro_mse(PREDICTED) / macro_mse(constant)
    assert found == pytest.approx(expected, rel=1e-13)
    assert balanced_r2(Y, constant, buckets=WIDE) == pytest.approx(0, abs=1e-12)
    assert macro_mse(constant) < min(
        macro_mse(constant + 0.1), macro_mse(constant - 0.1)
    )
    assert type(found) is float


@pytest.mark.parametrize("weights", [None, S], ids=["plain", "weighted"])
def test_balanced_r2_in_one_bucket_is_r2(weights):
    found = balanced_r2(Y, PREDICTED, buckets=[1e9], sample_weight=weights)
    expected = r2_score(Y, PREDICTED, sample_weight=weights)
    assert found == pytest.approx(expected, rel=1e-13)


def test_integer_weights_are_repeated_rows_in_balanced_r2():
    weighted = balanced_r2(Y, PREDICTED, buckets=WIDE, sample_weight=S)
    repeated = balanced_r2(np.repeat(Y, S), np.repeat(PREDICTED, S), buckets=WIDE)
    assert weighted == pytest.approx(repeated, rel=1e-12)


@pytest.mark.parametrize("target", [0.1, 1e8 + 0.1, -3])
def test_balanced_r2_of_a_constant_target(target):
    y = np.full(7, target)
    assert balanced_r2(y, y, buckets=[0]) == 1
    assert balanced_r2(y, y + 1, buckets=[0]) == 0


@pytest.mark.parametrize("size", [1e-200, 1e150])
def test_balanced_r2_of_targets_of_any_size(size):
    expected = balanced_r2(Y, PREDICTED, buckets=[-5, 5])
    edges = [-5 * size, 5 * size]
    found = balanced_r2(size * Y, size * PREDICTED, buckets=edges)
    assert found == pytest.approx(expected, rel=1e-12)


def test_balanced_r2_of_an_empty_bucket():
    options = {"y_true": [1, 2, 20], "y_pred": [2, 3, 23], "buckets": [10, 40]}
    assert balanced_r2(**options) < 1
    assert np.isnan(balanced_r2(empty="nan", **options))
    with pytest.raises(ValueError, match=r"Buckets \['>= 40'\] hold no row"):
        balanced_r2(empty="raise", **options)


def test_balanced_r2_on_a_circle():
    # Around north: -20 .. 20, written as 340 .. 20. Nothing depends on how.
    rng = np.random.default_rng(0)
    y, e = rng.uniform(-20, 20, 200), rng.normal(scale=3, size=200)
    plain = balanced_r2(y, y + e, buckets=[0])
    found = balanced_r2(y % 360, (y + e) % 360, buckets=[180], period=360)
    swapped = balanced_r2(y % 360, y + e, buckets=[180], period=360, sample_weight=2)
    assert found == pytest.approx(plain, rel=1e-12)
    assert swapped == pytest.approx(plain, rel=1e-12)
    # Of targets all over the circle, no constant is better than that of the score.
    y = rng.uniform(0, 360, 50)
    constants = np.linspace(0, 360, 181)
    scores = [
        balanced_r2(y, np.full(50, c), buckets=[90], period=360) for c in constants
    ]
    assert max(scores) <= 1e-12
    assert max(scores) > -1e-2
