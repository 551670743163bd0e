"""Tests of the displays of errors by bucket: the bars are the errors, and readable."""

import sys
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import mean_absolute_error, root_mean_squared_error
from sklearn.model_selection import GridSearchCV, cross_validate

from skrobust import (
    BucketErrorDisplay,
    BucketKFold,
    TargetBuckets,
    bucket_error,
    make_bucket_multi_scorer,
)
from skrobust.datasets import make_imbalanced_angles

X, Y = make_imbalanced_angles(400, random_state=0)
WIDE = TargetBuckets(width=20, limit=40, symmetric=True)
PLAIN = LinearRegression().fit(X, Y)
SHRUNK = Ridge(1e5).fit(X, Y)
MODELS = {"plain": PLAIN, "shrunk": SHRUNK}
SCORER = make_bucket_multi_scorer(buckets=WIDE, metrics=("mae", "rmse"))
FOLDS = BucketKFold(4, buckets=WIDE)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def heights(display, name):
    """Return the heights of the bars of a model."""
    return [bar.get_height() for bar in display.bars_[name]]


def ticks(display):
    return [label.get_text() for label in display.ax_.get_xticklabels()]


def legend(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


@pytest.mark.parametrize("metric", ["mae", "mse", "rmse", "medae", "bias"])
@pytest.mark.parametrize("weights", [None, np.arange(400.0)])
def test_bars_are_the_errors(metric, weights):
    display = BucketErrorDisplay.from_estimator(
        MODELS, X, Y, buckets=WIDE, metric=metric, sample_weight=weights
    )
    for name, model in MODELS.items():
        options = {"metric": metric, "sample_weight": weights}
        at = Y, model.predict(X)
        expected = bucket_error(*at, buckets=WIDE, average=None, **options)
        assert_array_equal(display.errors[name], expected)
        assert_allclose(heights(display, name), expected)
        macro = bucket_error(*at, buckets=WIDE, **options)
        mean = bucket_error(*at, buckets=[], **options)
        assert display.averages[name] == {"macro": macro, "mean": mean}
    assert display.labels == WIDE.labels_
    assert_array_equal(display.counts, WIDE.fit(Y, weights).counts_)


def test_overall_error_is_that_of_all_rows():
    y_pred = SHRUNK.predict(X)
    for metric, function in (
        ("mae", mean_absolute_error),
        ("rmse", root_mean_squared_error),
    ):
        display = BucketErrorDisplay.from_predictions(
            Y, y_pred, buckets=WIDE, metric=metric
        )
        assert_allclose(display.averages["model"]["mean"], function(Y, y_pred))


def test_models_are_side_by_side():
    display = BucketErrorDisplay.from_estimator(MODELS, X, Y, buckets=WIDE)
    for b in range(3):
        first, second = (display.bars_[name][b] for name in MODELS)
        assert first.get_x() == pytest.approx(b - 0.4)
        assert first.get_x() + first.get_width() == pytest.approx(second.get_x())
        assert second.get_x() + second.get_width() == pytest.approx(b + 0.4)
    assert_allclose(display.ax_.get_xticks(), [0, 1, 2])


def test_legend_states_macro_and_overall_error():
    y_true, y_pred = [1, 2, 3, 4, 50], {"a": [1, 2, 3, 4, 40], "b": [3, 4, 5, 6, 50]}
    display = BucketErrorDisplay.from_predictions(y_true, y_pred, buckets=[10])
    assert legend(display) == [
        "a: macro 5.00, all rows 2.00",
        "b: macro 1.00, all rows 1.60",
    ]
    assert ticks(display) == ["< 10\nn = 4", ">= 10\nn = 1"]
    assert display.ax_.get_ylabel() == "mean absolute error"
    assert display.plot(legend=False).ax_.get_legend() is None


def test_legend_of_narrow_axes_is_in_two_lines():
    _, axes = plt.subplots(1, 4)
    y_pred = {"a rather long name": [1.0, 2.0]}
    display = BucketErrorDisplay.from_predictions(
        [1, 2], y_pred, buckets=[10], ax=axes[0]
    )
    assert legend(display) == ["a rather long name\nmacro 0.00, all rows 0.00"]


def test_single_model_goes_by_its_class():
    display = BucketErrorDisplay.from_estimator(PLAIN, X, Y, buckets=WIDE)
    assert list(display.errors) == ["LinearRegression"]


def test_metric_may_be_a_function_and_the_circle_be_closed():
    def largest_error(y_true, y_pred):
        return np.abs(y_pred - y_true).max()

    options = {"buckets": [180], "metric": largest_error, "period": 360}
    at = [359, 10, 20], [1, 12, 23]
    display = BucketErrorDisplay.from_predictions(*at, **options)
    assert_array_equal(display.errors["model"], [3, 2])
    assert display.averages["model"] == {"macro": 2.5, "mean": 3}
    assert display.ax_.get_ylabel() == "largest error"


def test_buckets_that_follow_the_data_are_cut_once():
    display = BucketErrorDisplay.from_estimator(MODELS, X, Y, buckets=3)
    assert display.labels == TargetBuckets(n_buckets=3).fit(Y).labels_
    assert display.counts.sum() == 400
    fitted = TargetBuckets(n_buckets=3).fit(2 * Y)
    display = BucketErrorDisplay.from_estimator(MODELS, X, Y, buckets=fitted)
    assert display.labels == fitted.labels_


def test_empty_bucket_has_no_bar():
    display = BucketErrorDisplay.from_predictions([1, 50], [2, 40], buckets=[10, 40])
    assert_array_equal(display.errors["model"], [1, np.nan, 10])
    assert ticks(display)[1] == "[10, 40)\nn = 0"
    assert_allclose(display.ax_.get_xlim(), [-0.6, 2.6])
    assert legend(display) == ["model: macro 5.50, all rows 5.50"]
    display.figure_.canvas.draw()


def test_negative_bias_has_a_line_at_zero():
    options = {"buckets": [10], "metric": "bias"}
    down = BucketErrorDisplay.from_predictions([1, 50], [2, 40], **options)
    assert [list(line.get_ydata()) for line in down.ax_.lines] == [[0, 0]]
    assert heights(down, "model") == [1, -10]
    up = BucketErrorDisplay.from_predictions([1, 50], [2, 60], **options)
    assert not up.ax_.lines


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([7, 1234, 9999], ["7", "1234", "9999"]),
        ([12345, 999_499, 1_234_567], ["12.3k", "999k", "1.23M"]),
        ([2e9, 0.25, 33.3333], ["2G", "0.25", "33.33"]),
    ],
)
def test_counts_are_short(counts, expected):
    display = BucketErrorDisplay(
        errors={"a": np.ones(3)},
        labels=["a", "b", "c"],
        averages={},
        metric="error",
        counts=np.array(counts),
    ).plot()
    assert [tick.partition("n = ")[2] for tick in ticks(display)] == expected
    assert legend(display) == ["a"]


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("width", [0.25, 1, 5, 10])
def test_names_below_the_bars_do_not_touch(width, style):
    with plt.style.context(style):
        buckets = TargetBuckets(width=width, limit=40)
        display = BucketErrorDisplay.from_estimator(MODELS, X, Y, buckets=buckets)
        display.figure_.canvas.draw()
        boxes = [tick.get_window_extent() for tick in display.ax_.get_xticklabels()]
        gaps = [b.x0 - a.x1 for a, b in pairwise(boxes)]
        assert min(gaps) > 0
        assert display.ax_.get_xticklabels()[0].get_fontsize() >= 6
        assert (len(boxes) == buckets.n_buckets_) == (width > 1)
        assert min(box.y0 for box in boxes) > 0
        box = display.ax_.get_legend().get_window_extent()
        assert box.y0 >= display.ax_.get_window_extent().y1
        assert box.y1 <= display.figure_.bbox.y1
        assert box.x1 <= display.figure_.bbox.x1


def contrast(a, b):
    """Return the WCAG contrast ratio of two colours."""

    def luminance(color):
        c = np.array(to_rgb(color))
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    low, high = sorted([luminance(a), luminance(b)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_bars_stand_out_from_the_background_and_each_other(style):
    with plt.style.context(style):
        display = BucketErrorDisplay.from_estimator(MODELS, X, Y, buckets=WIDE)
        background = display.ax_.get_facecolor()
        first, second = (bars[0].get_facecolor() for bars in display.bars_.values())
        assert contrast(first, background) > 7
        assert contrast(second, background) > 1.5
        assert contrast(first, second) > 3  # in grey too


def test_folds_of_cross_validation_are_means_and_deviations():
    results = {
        name: cross_validate(model, X, Y, scoring=SCORER, cv=FOLDS)
        for name, model in MODELS.items()
    }
    for metric in ("mae", "rmse"):
        display = BucketErrorDisplay.from_cv_results(results, metric=metric)
        for name, model in MODELS.items():
            folds = [
                [
                    bucket_error(
                        Y[test],
                        model.fit(X[train], Y[train]).predict(X[test]),
                        buckets=WIDE,
                        metric=metric,
                        average=average,
                    )
                    for average in (None, "macro")
                ]
                for train, test in FOLDS.split(X, Y)
            ]
            errors = np.array([fold[0] for fold in folds])
            assert_allclose(display.errors[name], errors.mean(axis=0))
            assert_allclose(display.spreads[name], errors.std(axis=0))
            macro = np.mean([fold[1] for fold in folds])
            assert_allclose(display.averages[name]["macro"], macro)
            whiskers = display.bars_[name].errorbar.lines[2][0].get_segments()
            tops = errors.mean(axis=0) + errors.std(axis=0)
            assert_allclose([line[1, 1] for line in whiskers], tops)
        assert display.labels == WIDE.labels_
        assert ticks(display) == WIDE.labels_  # results hold no counts
        assert display.counts is None
    alone = BucketErrorDisplay.from_cv_results(results["plain"])
    assert_array_equal(alone.errors["model"].shape, (3,))


def test_candidates_of_a_search_are_those_of_cross_validation():
    grid = {"alpha": [1e-3, 1e5]}
    found = GridSearchCV(Ridge(), grid, scoring=SCORER, cv=FOLDS, refit=False)
    found = found.fit(X, Y).cv_results_
    counts = WIDE.fit(Y).counts_
    display = BucketErrorDisplay.from_cv_results(
        found, index={"weak": 0, "strong": 1}, counts=counts
    )
    results = cross_validate(Ridge(1e5), X, Y, scoring=SCORER, cv=FOLDS)
    expected = BucketErrorDisplay.from_cv_results(results)
    assert_allclose(display.errors["strong"], expected.errors["model"])
    assert_allclose(display.spreads["strong"], expected.spreads["model"])
    assert display.averages["strong"] == pytest.approx(expected.averages["model"])
    assert (display.errors["weak"] < display.errors["strong"])[1:].all()
    assert ticks(display)[0] == f"[0, 20)\nn = {counts[0]:g}"
    one = BucketErrorDisplay.from_cv_results(found, index=np.int64(1))
    assert_allclose(one.errors["model"], expected.errors["model"])
    both = BucketErrorDisplay.from_cv_results(
        {"a": found, "b": found}, index={"b": 0, "a": 1}
    )
    assert_allclose(both.errors["a"], expected.errors["model"])
    assert_allclose(both.errors["b"], display.errors["weak"])


def test_results_may_be_frames():
    search = GridSearchCV(Ridge(), {"alpha": [1e-3, 1e5]}, scoring=SCORER, refit=False)
    found = search.set_params(cv=FOLDS).fit(X, Y).cv_results_
    frame = pd.DataFrame(found)
    scored = cross_validate(PLAIN, X, Y, scoring=SCORER, cv=FOLDS)
    display = BucketErrorDisplay.from_cv_results(frame, index={"weak": 0, "strong": 1})
    expected = BucketErrorDisplay.from_cv_results(found, index=1)
    assert_allclose(display.errors["strong"], expected.errors["model"])
    display = BucketErrorDisplay.from_cv_results({"a": pd.DataFrame(scored)})
    expected = BucketErrorDisplay.from_cv_results(scored)
    assert_allclose(display.errors["a"], expected.errors["model"])
    assert_allclose(display.spreads["a"], expected.spreads["model"])


def test_fold_without_a_bucket_is_left_out():
    results = {
        "test_neg_mae < 10": np.array([-1.0, -3.0]),
        "test_neg_mae [10, 40)": np.array([np.nan, -4.0]),
        "test_neg_mae >= 40": np.array([np.nan, np.nan]),
    }
    display = BucketErrorDisplay.from_cv_results(results)
    assert_array_equal(display.errors["model"], [2, 4, np.nan])
    assert_array_equal(display.spreads["model"], [1, 0, np.nan])
    assert display.averages == {"model": {}}
    assert legend(display) == ["model"]
    display.figure_.canvas.draw()


CV = {"test_neg_mae < 10": np.ones(2), "test_neg_mae >= 10": np.ones(2)}
SEARCH = {f"split{i}_{key}": np.ones(3) for i in (0, 1) for key in CV}


@pytest.mark.parametrize(
    ("results", "options", "message"),
    [
        ({}, {}, "cv_results must not be empty"),
        ({"test_score": np.ones(2)}, {}, r"scores by bucket.*has the scores \['score'"),
        (CV, {"metric": "rmse"}, r"such as 'test_neg_rmse \[0, 5\)'.*metrics=\['rmse'"),
        (CV, {"index": 0}, "result of cross_validate has none; got index=0"),
        (SEARCH, {}, "index must say which of the 3 candidates.*0 to 2; got None"),
        (SEARCH, {"index": 3}, "index must say which .* got 3"),
        (SEARCH, {"index": -1}, "index must say which .* got -1"),
        (SEARCH, {"index": {}}, "index must not be empty"),
        (
            {"a": SEARCH, "b": SEARCH},
            {"index": {"a": 0, "c": 1}},
            r"names of cv_results, \['a', 'b'\]; got \['a', 'c'\]",
        ),
        (CV, {"counts": [1]}, r"one for each of the 2 buckets.*got shape \(1,\)"),
        (
            {"a": CV, "b": {"test_neg_mae all": np.ones(2)}},
            {},
            r"same buckets; got \['< 10', '>= 10'\] and \['all'\]",
        ),
    ],
)
def test_results_that_cannot_be_drawn_are_refused(results, options, message):
    with pytest.raises(ValueError, match=message):
        BucketErrorDisplay.from_cv_results(results, **options)
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("y_pred", "options", "message"),
    [
        ({}, {}, "y_pred must not be empty"),
        (Y[:5], {}, "inconsistent numbers of samples"),
        (Y, {"metric": "mad"}, "metric must be .*got 'mad'"),
        (Y, {"period": -1}, "period must be .*got -1"),
        (Y, {"sample_weight": -np.ones(400)}, "must not be negative"),
        (Y, {"buckets": 2.5}, r"buckets must be an int .* got 2\.5"),
    ],
)
def test_predictions_that_cannot_be_drawn_are_refused(y_pred, options, message):
    with pytest.raises(ValueError, match=message):
        BucketErrorDisplay.from_predictions(Y, y_pred, **({"buckets": WIDE} | options))
    assert not plt.get_fignums()


def test_axes_are_those_given_or_new_and_plot_returns_the_display():
    figure, axes = plt.subplots(1, 2)
    display = BucketErrorDisplay.from_estimator(
        MODELS, X, Y, buckets=WIDE, ax=axes[1], bar_kw={"alpha": 0.5, "width": 0.1}
    )
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert display.bars_["plain"][0].get_alpha() == 0.5
    assert display.bars_["plain"][0].get_width() == pytest.approx(0.1)
    assert display.plot() is display
    assert display.figure_ is not figure


def test_missing_matplotlib_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="BucketErrorDisplay needs matplotlib"):
        BucketErrorDisplay.from_estimator(MODELS, X, Y, buckets=WIDE)
