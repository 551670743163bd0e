"""Tests of the trade-off curve: its points are the errors, its texts the values."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import GridSearchCV, ParameterGrid

from skrobust import (
    BucketKFold,
    BucketWeighter,
    TargetBuckets,
    TargetWeightedRegressor,
    TradeOffDisplay,
    bucket_error,
    make_bucket_multi_scorer,
)
from skrobust.datasets import make_imbalanced_angles

X, Y = make_imbalanced_angles(400, random_state=0)
WIDE = TargetBuckets(width=20, limit=40, symmetric=True)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def results(common, rare, **grid):
    """Return what a search would have found, as errors."""
    return {
        "params": list(ParameterGrid(grid)),
        "mean_test_neg_mae_mean": -np.asarray(common, float),
        "mean_test_neg_mae_macro": -np.asarray(rare, float),
        "mean_test_neg_mae >= 40": -2 * np.asarray(rare, float),
        "mean_test_other": -3 * np.asarray(rare, float),
    }


def legend(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def texts(display, name=""):
    return [text.get_text() for text in display.texts_[name]]


def test_points_are_the_errors_in_the_order_of_the_values():
    found = results([4, 6, 5], [9, 5, 6], model__power=[0, 1, 0.5])
    display = TradeOffDisplay.from_cv_results(found, param="power")
    assert display.values == {"": [0, 0.5, 1]}
    assert_array_equal(display.lines_[""].get_xdata(), [4, 5, 6])
    assert_array_equal(display.lines_[""].get_ydata(), [9, 6, 5])
    assert texts(display) == ["0", "0.5", "1"]
    assert [text.xy for text in display.texts_[""]] == [(4, 9), (5, 6), (6, 5)]
    assert display.ax_.get_xlabel() == "mean absolute error, all rows"
    assert display.ax_.get_ylabel() == "macro mean absolute error"
    assert legend(display) == ["power", "plain, power = 0"]


@pytest.mark.parametrize(
    ("rare", "factor", "label"),
    [
        ("macro", 1, "macro mean absolute error"),
        (">= 40", 2, "mean absolute error, >= 40"),
        ("neg_mae >= 40", 2, "mae >= 40"),
        ("other", 3, "other"),
    ],
)
def test_errors_are_those_asked_for(rare, factor, label):
    found = results([4, 6, 5], [9, 5, 6], power=[0, 1, 0.5])
    display = TradeOffDisplay.from_cv_results(
        found, param="power", rare=rare, common="macro"
    )
    assert_array_equal(display.rare[""], factor * np.array([9, 6, 5]))
    assert_array_equal(display.common[""], [9, 6, 5])
    assert display.rare_name == label


def test_other_parameters_have_a_curve_each():
    found = results(range(4), range(4), a__power=[0, 1], a__cap=[None, 3], n=[7])
    display = TradeOffDisplay.from_cv_results(found, param="a__power")
    # The cap is the slower one in the grid, and n is the same everywhere.
    assert display.values == {"cap = None": [0, 1], "cap = 3": [0, 1]}
    assert_array_equal(display.rare["cap = None"], [0, 1])
    assert_array_equal(display.rare["cap = 3"], [2, 3])
    assert legend(display) == ["cap = None", "cap = 3", "plain, power = 0"]
    styles = [(line.get_color(), line.get_marker()) for line in display.lines_.values()]
    assert not np.array_equal(styles[0][0], styles[1][0])
    assert styles[0][1] != styles[1][1]


@pytest.mark.parametrize(
    ("param", "values", "plain", "expected"),
    [
        ("power", [0, 1, 2], "auto", 0),
        ("alpha", [0, 1, 2], "auto", 0),
        ("blend", [0, 0.5, 1], "auto", 1),
        ("weighter__alpha", [0, 1, 2], "auto", 0),
        ("regressor__alpha", [0, 1, 2], "auto", None),
        ("model__blend", [0, 0.5, 1], "auto", 1),
        ("power", [0, 1, 2], 2, 2),
        ("power", [0, 1, 2], None, None),
        ("power", [1, 2, 3], "auto", None),
        ("other", [0, 1, 2], "auto", None),
        ("c", ["auto", "plain", 1.0], "auto", "plain"),
    ],
)
def test_plain_model_is_marked(param, values, plain, expected):
    found = results([4, 6, 5], [9, 5, 6], **{param: values})
    display = TradeOffDisplay.from_cv_results(found, param=param, plain=plain)
    param = param.rpartition("__")[-1]
    if expected is None:
        assert display.plain_ is None
        assert legend(display) == [param]
        return
    at = display.values[""].index(expected)
    [x], [y] = display.plain_.get_data()
    assert (x, y) == (display.common[""][at], display.rare[""][at])
    named = {"plain": "plain"}.get(expected, f"plain, {param} = {expected}")
    assert legend(display)[1] == named


def test_search_is_drawn():
    search = GridSearchCV(
        TargetWeightedRegressor(Ridge(), BucketWeighter(WIDE)),
        {"weighter__power": [0.6, 0, 0.3]},
        scoring=make_bucket_multi_scorer(buckets=WIDE, metrics=("mae", "rmse")),
        cv=BucketKFold(3, buckets=WIDE),
        refit=False,
    ).fit(X, Y)
    display = TradeOffDisplay.from_cv_results(
        search.cv_results_, param="power", rare=">= 40", common="[0, 20)", metric="rmse"
    )
    means = search.cv_results_["mean_test_neg_rmse >= 40"]
    assert_array_equal(display.rare[""], -means[[1, 2, 0]])
    assert (np.diff(display.rare[""]) < 0).all()
    assert (np.diff(display.common[""]) > 0).all()
    assert display.rare_name == "root mean squared error, >= 40"


@pytest.mark.parametrize("weights", [None, np.arange(400.0)])
@pytest.mark.parametrize("metric", ["mae", "rmse"])
def test_predictions_are_drawn(metric, weights):
    plain, rare = Ridge().fit(X, Y).predict(X), 1.5 * X[:, 0]
    y_pred = {t: t * plain + (1 - t) * rare for t in (1, 0, 0.5)}
    options = {"metric": metric, "sample_weight": weights}
    for wanted, average in (("macro", "macro"), ("worst", "worst"), (">= 40", None)):
        display = TradeOffDisplay.from_predictions(
            Y, y_pred, buckets=WIDE, param="blend", rare=wanted, **options
        )
        errors = [
            bucket_error(Y, y_pred[t], buckets=WIDE, average=average, **options)
            for t in (0, 0.5, 1)
        ]
        expected = errors if average else np.array(errors)[:, 2]
        assert_allclose(display.rare[""], expected)
    assert texts(display) == ["0", "0.5", "1"]
    assert display.plain == 1
    if metric == "rmse":
        overall = root_mean_squared_error(Y, plain, sample_weight=weights)
        assert display.common[""][2] == pytest.approx(overall)


def test_period_and_buckets_that_follow_the_data_reach_the_errors():
    display = TradeOffDisplay.from_predictions(
        [359, 100, 10, 20],
        {"a": [1, 100, 10, 20], "b": [355, 100, 10, 20]},
        buckets=2,
        period=360,
    )
    assert_array_equal(display.rare[""], [1, 2])
    assert_array_equal(display.common[""], [0.5, 1])


def test_values_without_an_order_are_no_curve():
    y_pred = {"plain": Y, "weighted": 0.9 * Y}
    display = TradeOffDisplay.from_predictions(Y, y_pred, buckets=WIDE)
    assert display.lines_[""].get_linestyle() == "None"
    assert display.lines_[""].get_marker() == "o"
    assert texts(display) == ["plain", "weighted"]
    assert legend(display) == ["setting", "plain"]


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_texts_do_not_cover_each_other_or_points_and_stay_inside(style):
    common, rare = np.linspace(4, 6, 13), 5 + 4 * np.exp(-np.linspace(0, 5, 13))
    found = results(
        np.r_[common, common[:6], common[0] + 0.9 * (common[6:] - common[0])],
        np.r_[rare, rare[:6], 1.02 * rare[6:]],
        cap=[None, 3],
        power=np.linspace(0, 3, 13),
    )
    with plt.style.context(style):
        display = TradeOffDisplay.from_cv_results(found, param="power")
        display.figure_.canvas.draw()
        drawn = [t for name in display.texts_ for t in display.texts_[name]]
        boxes = [text.get_window_extent() for text in drawn]
        inside = display.ax_.get_window_extent()
        for i, box in enumerate(boxes):
            assert inside.x0 < box.x0
            assert box.x1 < inside.x1
            assert inside.y0 < box.y0
            assert box.y1 < inside.y1
            assert not any(box.overlaps(other) for other in boxes[:i])
        for line in display.lines_.values():
            points = display.ax_.transData.transform(line.get_xydata())
            covered = [box.contains(*point) for box in boxes for point in points]
            assert not any(covered)
    # Where two curves have the same point, one text is enough.
    assert len(boxes) == 13 + 7


def test_texts_give_way_to_points_and_to_the_frame():
    found = results([0, 0.04, 1], [0, 0.04, 1], power=[0.25, 0.5, 0.75])
    found |= {"params": [{"c": name} for name in ("one", "two", "a long name")]}
    display = TradeOffDisplay.from_cv_results(found, param="c")
    display.figure_.canvas.draw()
    boxes = [text.get_window_extent() for text in display.texts_[""]]
    points = display.ax_.transData.transform(display.lines_[""].get_xydata())
    assert not any(box.contains(*point) for box in boxes for point in points)
    assert boxes[2].x1 < display.ax_.get_window_extent().x1


def test_setting_that_failed_has_no_text():
    found = results([4, np.nan, 5], [9, np.nan, 6], power=[0, 0.5, 1])
    display = TradeOffDisplay.from_cv_results(found, param="power")
    assert texts(display) == ["0", "1"]
    display.figure_.canvas.draw()


GOOD = results([1, 2], [3, 4], a__power=[0, 1], b__power=[0])


@pytest.mark.parametrize(
    ("found", "options", "message"),
    [
        (GOOD, {"param": "blend"}, r"\['a__power', 'b__power'\]; got 'blend'"),
        (GOOD, {"param": "power"}, "param must name one of the parameters"),
        ({}, {"param": "power"}, r"searched over, \[\]; got 'power'"),
        (
            GOOD,
            {"param": "a__power", "rare": "[0, 5)"},
            r"rare must be .* cv_results has, \['neg_mae_mean'.*got '\[0, 5\)'",
        ),
        (GOOD, {"param": "a__power", "common": "x"}, "common must be .* got 'x'"),
        (GOOD, {"param": "a__power", "metric": "mse"}, "rare must be .*got 'macro'"),
    ],
)
def test_results_that_cannot_be_drawn_are_refused(found, options, message):
    with pytest.raises(ValueError, match=message):
        TradeOffDisplay.from_cv_results(found, **options)
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("y_pred", "options", "message"),
    [
        (Y, {}, "y_pred must be a dict .*got ndarray"),
        ({}, {}, "y_pred must not be empty"),
        ({0: Y}, {"rare": ">= 50"}, r"rare must be .*'>= 40'\]; got '>= 50'"),
        ({0: Y}, {"common": "all"}, "common must be .*got 'all'"),
        ({0: Y}, {"metric": "mad"}, "metric must be .*got 'mad'"),
        ({0: Y[:3]}, {}, "inconsistent numbers of samples"),
    ],
)
def test_predictions_that_cannot_be_drawn_are_refused(y_pred, options, message):
    with pytest.raises(ValueError, match=message):
        TradeOffDisplay.from_predictions(Y, y_pred, buckets=WIDE, **options)
    assert not plt.get_fignums()


def test_axes_are_those_given_or_new_and_plot_returns_the_display():
    figure, axes = plt.subplots(1, 2)
    found = results([4, 6, 5], [9, 5, 6], power=[0, 1, 0.5])
    display = TradeOffDisplay.from_cv_results(
        found, param="power", ax=axes[1], line_kw={"c": "red"}
    )
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert display.lines_[""].get_color() == "red"
    assert plt.get_fignums() == [figure.number]
    assert display.plot() is display
    assert display.figure_ is not figure


def test_missing_matplotlib_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="TradeOffDisplay needs matplotlib"):
        TradeOffDisplay.from_cv_results(GOOD, param="a__power")
