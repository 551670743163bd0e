"""Tests of errors by relevance, geometric means and target-conditioned errors."""

from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import gmean
from sklearn.exceptions import NotFittedError, UndefinedMetricWarning
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer, mean_squared_error
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

from skrobust import (
    RelevanceWeighter,
    bucket_error,
    geometric_mean_error,
    sera,
    sera_curve,
    target_conditioned_error,
)

RNG = np.random.default_rng(0)
Y = np.r_[RNG.normal(scale=8, size=300), RNG.uniform(-80, 80, size=30)]
PREDICTED = 0.9 * Y + RNG.normal(size=len(Y)) + 0.5
E = PREDICTED - Y
S = RNG.integers(0, 4, len(Y))
POINTS = [[-40, 1], [-10, 0], [10, 0], [40, 1]]
RELEVANCE = RelevanceWeighter(POINTS).fit(Y)
PHI = RELEVANCE.relevance(Y)


def curve_area(y_true, y_pred, **options):
    thresholds, errors = sera_curve(y_true, y_pred, **options)
    return np.diff(thresholds) @ errors[1:]


FUNCTIONS = {
    "sera": partial(sera, relevance=RELEVANCE),
    "normalized sera": partial(sera, relevance=RELEVANCE, normalize=True),
    "area": partial(curve_area, relevance=RELEVANCE),
    "normalized area": partial(curve_area, relevance=RELEVANCE, normalize=True),
    "geometric mean": geometric_mean_error,
    "geometric mean, eps": partial(geometric_mean_error, eps=0.5),
    "conditioned": partial(target_conditioned_error, threshold=20),
    "conditioned, smooth": partial(
        target_conditioned_error, threshold=20, delta=5, smoothing=10
    ),
}
SUMS = ("sera", "area")

every_function = pytest.mark.parametrize("name", FUNCTIONS)


@every_function
def test_integer_weights_are_repeated_rows(name):
    function = FUNCTIONS[name]
    weighted = function(Y, PREDICTED, sample_weight=S)
    repeated = function(np.repeat(Y, S), np.repeat(PREDICTED, S))
    assert weighted == pytest.approx(repeated, rel=1e-12)
    tenths = function(Y, PREDICTED, sample_weight=0.1 * S)
    expected = weighted / 10 if name in SUMS else weighted
    assert tenths == pytest.approx(expected, rel=1e-12)


@every_function
def test_order_of_the_rows_does_not_matter(name):
    order = np.random.default_rng(1).permutation(len(Y))
    expected = FUNCTIONS[name](Y, PREDICTED, sample_weight=S)
    found = FUNCTIONS[name](Y[order], PREDICTED[order], sample_weight=S[order])
    assert found == pytest.approx(expected, rel=1e-12)


@every_function
def test_row_of_weight_zero_is_not_there(name):
    expected = FUNCTIONS[name](Y, PREDICTED)
    more_y, more = np.r_[5e5, Y, -3.0, 41], np.r_[-1e7, PREDICTED, 1e200, 8]
    s = np.r_[0, np.ones(len(Y)), 0, 0]
    found = FUNCTIONS[name](more_y, more, sample_weight=s)
    assert found == pytest.approx(expected, rel=1e-13)


@every_function
@pytest.mark.parametrize("scale", [1e-300, 2.0**-1060, 1e300])
def test_weights_of_any_size(name, scale):
    if name in SUMS:  # and so are no more of any size than floats
        scale = scale**0.5
    s = np.full(len(Y), scale)
    factor = scale if name in SUMS else 1
    expected = factor * FUNCTIONS[name](Y, PREDICTED)
    found = FUNCTIONS[name](Y, PREDICTED, sample_weight=s)
    assert found == pytest.approx(expected, rel=1e-12)


@every_function
@pytest.mark.parametrize(
    "convert",
    [
        list,
        pd.Series,
        pl.Series,
        lambda y: y[:, None],
        lambda y: pd.DataFrame({"y": y}),
    ],
    ids=["list", "pandas", "polars", "column", "frame"],
)
def test_targets_of_any_kind(name, convert):
    found = FUNCTIONS[name](convert(Y), convert(PREDICTED))
    assert found == FUNCTIONS[name](Y, PREDICTED)
    assert type(found) in (float, np.float64)


@every_function
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, np.float16, np.float32])
def test_targets_of_any_type(name, dtype):
    y, predicted = np.abs(Y).round(), np.abs(PREDICTED).round()
    expected = FUNCTIONS[name](y, predicted)
    found = FUNCTIONS[name](y.astype(dtype), predicted.astype(dtype))
    # phi is worked out in the precision of the targets.
    rel = 1e-13 if dtype().nbytes > 4 or np.issubdtype(dtype, np.integer) else 2e-3
    assert found == pytest.approx(expected, rel=rel)


@every_function
def test_whole_turns_change_nothing(name):
    turns = np.random.default_rng(1).integers(-3, 4, len(Y))
    plain = FUNCTIONS[name](Y, PREDICTED, sample_weight=S, period=256)
    found = FUNCTIONS[name](Y, PREDICTED + 256 * turns, sample_weight=S, period=256)
    assert found == pytest.approx(plain, rel=1e-9)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (partial(sera, relevance=[1, 0.5]), 4 + 2),
        (partial(sera, relevance=[1, 0.5], normalize=True), 4),
        (partial(curve_area, relevance=[1, 0.5]), 4 + 2),
        (partial(geometric_mean_error, eps=0.1), 2),
        (geometric_mean_error, 2),
        (partial(target_conditioned_error, threshold=20), (4 + 2) / 2),
    ],
)
def test_angles_are_apart_the_shorter_way_round(function, expected):
    assert function([359, 1], [1, 359], period=360) == pytest.approx(
        expected, rel=1e-14
    )


@every_function
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y_true": [1, np.nan]}, r"Input y_true contains NaN"),
        ({"y_pred": [1, np.inf]}, r"Input y_pred contains infinity"),
        ({"y_pred": [1]}, r"inconsistent numbers of samples: \[2, 1\]"),
        ({"y_true": [], "y_pred": []}, r"0 sample"),
        ({"y_true": [[1, 2], [3, 4]]}, r"y_true should be a 1d array.*\(2, 2\)"),
        ({"y_pred": [[1, 2], [3, 4]]}, r"y_pred should be a 1d array.*\(2, 2\)"),
        ({"sample_weight": [0, 0]}, r"sample_weight is zero for every sample"),
        ({"sample_weight": [1, -1]}, r"sample_weight must not be negative"),
        ({"period": 0}, r"period must be a positive, finite.*got 0\. Give 360"),
        ({"period": np.inf}, r"period must be a positive, finite.*got inf"),
    ],
)
def test_bad_arguments_are_named(name, change, message):
    arguments = {"y_true": [1, 50], "y_pred": [1, 2]} | change
    with pytest.raises(ValueError, match=message):
        FUNCTIONS[name](**arguments)


@pytest.mark.parametrize("weights", [None, S], ids=["plain", "weighted"])
@pytest.mark.parametrize("relevance", [RELEVANCE, PHI, list(PHI), pd.Series(PHI)])
def test_sera_is_the_sum_of_squares_times_relevance(weights, relevance):
    s = np.ones(len(Y)) if weights is None else weights
    options = {"relevance": relevance, "sample_weight": weights}
    expected = np.sum(s * PHI * E**2)
    assert sera(Y, PREDICTED, **options) == pytest.approx(expected, rel=1e-13)
    normalized = sera(Y, PREDICTED, normalize=True, **options)
    assert normalized == pytest.approx(expected / np.sum(s * PHI), rel=1e-13)
    assert curve_area(Y, PREDICTED, **options) == pytest.approx(expected, rel=1e-12)


def test_sera_of_equal_relevance_is_the_mean_squared_error():
    found = sera(Y, PREDICTED, relevance=np.ones(len(Y)), normalize=True)
    assert found == pytest.approx(mean_squared_error(Y, PREDICTED), rel=1e-13)


def test_sera_is_the_area_under_sums_of_squares():
    # By the definition: the trapezoids of 1e5 steps, to the height of one of them.
    t = np.linspace(0, 1, 100_001)
    squares = np.array([np.sum(E[threshold <= PHI] ** 2) for threshold in t[::100]])
    area = np.trapezoid(squares, t[::100])
    assert sera(Y, PREDICTED, relevance=PHI) == pytest.approx(area, rel=2e-3)


@pytest.mark.parametrize("weights", [None, S], ids=["plain", "weighted"])
@pytest.mark.parametrize("normalize", [False, True])
def test_curve_is_the_sum_of_squares_from_each_threshold_on(weights, normalize):
    s = np.ones(len(Y)) if weights is None else weights
    thresholds, errors = sera_curve(
        Y, PREDICTED, relevance=RELEVANCE, sample_weight=weights, normalize=normalize
    )
    assert_array_equal(thresholds, np.unique(np.r_[0, PHI[s > 0], 1]))
    expected = [np.sum((s * E**2)[t <= PHI]) for t in thresholds]
    total = np.sum(s * PHI) if normalize else 1
    assert_allclose(errors, np.array(expected) / total, rtol=1e-12)


def test_curve_of_equal_relevance():
    thresholds, errors = sera_curve([0, 0, 0], [1, 2, 3], relevance=[0.5, 0.5, 0.5])
    assert_array_equal(thresholds, [0, 0.5, 1])
    assert_array_equal(errors, [14, 14, 0])


def test_sera_takes_relevance_block_by_block():
    y = np.linspace(-60, 60, 200_001)
    e = np.sin(y)
    expected = np.sum(RELEVANCE.relevance(y) * e**2)
    assert sera(y, y + e, relevance=RELEVANCE) == pytest.approx(expected, rel=1e-12)


def test_sera_scores_a_search():
    X = np.c_[Y + RNG.normal(scale=5, size=len(Y)), RNG.normal(size=len(Y))]
    scorer = make_scorer(
        sera, greater_is_better=False, relevance=RELEVANCE, normalize=True
    )
    folds = KFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(Ridge(), {"alpha": [1e6, 1e-3]}, scoring=scorer, cv=folds)
    search.fit(X, Y)
    assert search.best_params_ == {"alpha": 1e-3}
    scores = cross_val_score(search.best_estimator_, X, Y, scoring=scorer, cv=folds)
    assert search.best_score_ == pytest.approx(scores.mean())


@pytest.mark.parametrize("function", [sera, sera_curve])
def test_no_relevance_has_no_mean(function):
    options = {"relevance": np.zeros(len(Y)), "normalize": True}
    with pytest.warns(UndefinedMetricWarning, match="No row has any rel") as caught:
        found = function(Y, PREDICTED, **options)
    assert np.all(np.isnan(found if function is sera else found[1]))
    assert caught[0].filename == __file__
    assert sera(Y, PREDICTED, relevance=np.zeros(len(Y))) == 0


@pytest.mark.parametrize("function", [sera, sera_curve])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"relevance": [1]}, r"one number a row; got shape \(1,\) for 2 rows"),
        ({"relevance": [[1, 1]]}, r"one number a row; got shape \(1, 2\)"),
        ({"relevance": [0.5, 1.1]}, r"relevance must be in \[0, 1\].*0\.5 to 1\.1"),
        ({"relevance": [-0.5, 1]}, r"relevance must be in \[0, 1\].*-0\.5 to 1"),
        ({"relevance": [0.5, np.nan]}, r"Input relevance contains NaN"),
        ({"relevance": None}, r"relevance must be a fitted Rel.*one number.*got None"),
        ({"relevance": "boxplot"}, r"relevance must be a fitted Rel.*got 'boxplot'"),
        ({"relevance": np.ones_like}, r"relevance must be.*got <.*ones_like.*function"),
        ({"normalize": "yes"}, r"normalize must be True or False; got 'yes'"),
        ({"normalize": 1}, r"normalize must be True or False; got 1"),
    ],
)
def test_bad_arguments_of_sera_are_named(function, change, message):
    with pytest.raises(ValueError, match=message):
        function([1, 2], [1, 2], **{"relevance": [0, 1]} | change)


def test_relevance_has_to_be_known():
    with pytest.raises(NotFittedError, match="RelevanceWeighter"):
        sera([1, 2], [1, 2], relevance=RelevanceWeighter())


@pytest.mark.parametrize("eps", [1e-300, 0.01, 1, 1e3])
def test_geometric_mean_is_that_of_scipy(eps):
    expected = gmean(np.maximum(np.abs(E), eps), weights=S)
    found = geometric_mean_error(Y, PREDICTED, eps=eps, sample_weight=S)
    assert found == pytest.approx(expected, rel=1e-13)
    assert type(found) is float


def test_default_eps_is_a_thousandth_of_the_standard_deviation():
    y = np.array([1.0, 2, 3, 4])
    assert geometric_mean_error(y, y) == pytest.approx(1e-3 * y.std(), rel=1e-13)
    weighted = geometric_mean_error(y, y, sample_weight=[1, 2, 0, 0])
    assert weighted == pytest.approx(1e-3 * np.std([1, 2, 2]), rel=1e-13)
    around = geometric_mean_error(y - 2, y - 2, period=360)
    north = geometric_mean_error((y - 2) % 360, y - 2, period=360)
    assert around == pytest.approx(1e-3 * y.std(), rel=1e-12)
    assert north == pytest.approx(around, rel=1e-12)


@pytest.mark.parametrize("size", [1e-300, 1e-6, 1e300])
def test_geometric_mean_has_the_unit_of_the_target(size):
    expected = size * geometric_mean_error(Y, PREDICTED)
    found = geometric_mean_error(size * Y, size * PREDICTED)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("target", [0.0, 0.1, 1e9 + 0.1])
def test_a_constant_target_has_no_default_eps(target):
    y = np.full(5, target)
    with pytest.raises(ValueError, match=r"targets are all equal; got eps=None\. Give"):
        geometric_mean_error(y, y + 1)
    with pytest.raises(ValueError, match=r"targets are all equal"):
        geometric_mean_error([7e9, *y], np.zeros(6), sample_weight=[0, 1, 1, 1, 1, 1])
    with pytest.raises(ValueError, match=r"targets are all equal"):
        geometric_mean_error(128 * np.arange(5), np.zeros(5), period=128)
    assert geometric_mean_error(y, y + 1, eps=0.5) == pytest.approx(1)


@pytest.mark.parametrize("eps", [0, -1, np.nan, np.inf, "1", True])
def test_eps_must_be_positive(eps):
    with pytest.raises(ValueError, match=r"eps must be a positive, finite.*got "):
        geometric_mean_error(Y, PREDICTED, eps=eps)


def test_geometric_mean_by_bucket():
    metric = partial(geometric_mean_error, eps=0.1)
    error = bucket_error(Y, PREDICTED, buckets=[0], metric=metric, average=None)
    expected = [
        metric(Y[Y < 0], PREDICTED[Y < 0]),
        metric(Y[Y >= 0], PREDICTED[Y >= 0]),
    ]
    assert_allclose(error, expected, rtol=1e-14)


@pytest.mark.parametrize("weights", [None, S], ids=["plain", "weighted"])
@pytest.mark.parametrize("smoothing", [0, 5, 20])
@pytest.mark.parametrize("delta", [1, 10])
def test_conditioned_error_is_absolute_near_and_squared_far(weights, smoothing, delta):
    t = np.clip((np.abs(Y) - 20 + smoothing) / (2 * smoothing or 1), 0, 1)
    far = t**2 * (3 - 2 * t) if smoothing else np.abs(Y) >= 20
    loss = (1 - far) * np.abs(E) + far * E**2 / delta
    found = target_conditioned_error(
        Y,
        PREDICTED,
        threshold=20,
        delta=delta,
        smoothing=smoothing,
        sample_weight=weights,
    )
    assert found == pytest.approx(np.average(loss, weights=weights), rel=1e-13)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_threshold_itself_is_far_in_any_precision(dtype):
    for y in (dtype([0.7]), dtype([-0.7])):
        y_pred = y.astype(float) + 4
        assert target_conditioned_error(y, y_pred, threshold=0.7, delta=2.0) == 8


def test_conditioned_error_of_errors_of_any_size():
    found = target_conditioned_error([1e200, 1], [0, 1e200], threshold=10, delta=1e200)
    assert found == pytest.approx(1e200, rel=1e-15)
    assert target_conditioned_error([0], [1e200], threshold=1, delta=1e-200) == 1e200


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": 0}, r"threshold must be a positive, finite.*got 0"),
        ({"threshold": np.inf}, r"threshold must be a positive, finite.*got inf"),
        ({"threshold": None}, r"threshold must be a positive, finite.*got None"),
        ({"delta": 0}, r"delta must be a positive, finite.*got 0"),
        ({"delta": "1"}, r"delta must be a positive, finite.*got '1'"),
        ({"smoothing": -1}, r"smoothing must be at least 0.*got -1"),
        ({"smoothing": 21}, r"at most threshold=20.0.*got 21\. Lower smoothing"),
        ({"smoothing": np.nan}, r"smoothing must be at least 0.*got nan"),
        ({"smoothing": None}, r"smoothing must be at least 0.*got None"),
    ],
)
def test_bad_arguments_of_a_conditioned_error_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        target_conditioned_error([1], [1], **{"threshold": 20} | change)
