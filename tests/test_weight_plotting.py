"""Tests of the display of weights: the line is the weighter's, the size that of all."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skrobust import (
    BucketWeighter,
    DensityWeighter,
    RelevanceWeighter,
    TargetBuckets,
    TargetWeightDisplay,
    TargetWeightedRegressor,
)
from skrobust.datasets import make_imbalanced_angles

X, Y = make_imbalanced_angles(1000, random_state=0)
WIDE = TargetBuckets(width=20, limit=40, symmetric=True)
WEIGHTER = BucketWeighter(WIDE, power=0.5).fit(Y)
MODEL = TargetWeightedRegressor(Ridge(), WEIGHTER)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("weighter", [WEIGHTER, DensityWeighter().fit(Y)])
def test_line_is_the_weight_and_bars_are_the_targets(weighter):
    display = TargetWeightDisplay.from_weighter(weighter, Y)
    x, y = display.line_.get_data()
    assert (x[0], x[-1]) == (Y.min(), Y.max())
    assert (np.diff(x) > 0).all()
    assert_array_equal(y, weighter.transform(x))
    counts, edges = np.histogram(Y, 50)
    assert_array_equal([bar.get_height() for bar in display.bars_], counts)
    assert_allclose([bar.get_x() for bar in display.bars_], edges[:-1])
    assert_allclose([bar.get_width() for bar in display.bars_], np.diff(edges))
    assert display.ax_.get_yscale() == "log"
    assert display.ax_.get_ylim()[0] < 1 < display.ax_.get_ylim()[1]
    assert display.weight_ax_.get_ylim()[0] == 0


def test_title_states_effective_sample_size_and_largest_weight():
    # 8 targets in one bucket and 2 in the other: weights 10 / 16 and 10 / 4, so
    # 10 ** 2 / (8 * 0.625 ** 2 + 2 * 2.5 ** 2) = 6.4 rows.
    y = np.r_[np.zeros(8), 50, 50]
    weighter = BucketWeighter([10]).fit(y)
    display = TargetWeightDisplay.from_weighter(weighter, y)
    assert display.effective_size == pytest.approx(6.4)
    assert display.n_rows == 10
    assert display.max_weight == pytest.approx(2.5)
    title = display.ax_.get_title(loc="left")
    assert title == "effective sample size 6 of 10 (64%), largest weight 2.50"


def test_effective_size_is_the_weighters_own():
    display = TargetWeightDisplay.from_weighter(WEIGHTER, Y)
    assert display.effective_size == pytest.approx(WEIGHTER.effective_size_)


def test_weight_of_a_target_is_how_often_it_is_there():
    y, s = np.r_[np.zeros(4), 50, 90], np.array([2, 2, 2, 2, 2, 0])
    weighter = BucketWeighter([10]).fit(y, sample_weight=s)
    display = TargetWeightDisplay.from_weighter(weighter, y, sample_weight=s)
    expected = TargetWeightDisplay.from_weighter(weighter, np.repeat(y, s))
    for name in ("n_rows", "effective_size", "max_weight"):
        assert getattr(display, name) == pytest.approx(getattr(expected, name))
    assert_allclose(display.counts, expected.counts)
    assert_allclose(display.edges, expected.edges)
    assert_array_equal(display.places, expected.places)


def test_estimator_shows_its_weighter():
    model = TargetWeightedRegressor(Ridge(), BucketWeighter(WIDE)).fit(X, Y)
    display = TargetWeightDisplay.from_estimator(model, Y, n_bars=7)
    expected = TargetWeightDisplay.from_weighter(model.weighter_, Y)
    assert_array_equal(display.weights, expected.weights)
    assert display.counts.shape == (7,)


def test_weighter_that_refuses_is_drawn_at_the_targets():
    y = np.r_[np.zeros(8), 50, 60]
    weighter = BucketWeighter([10, 40], unseen="raise").fit(y)
    display = TargetWeightDisplay.from_weighter(weighter, y)
    assert_array_equal(display.places, [0, 50, 60])
    weighter = BucketWeighter([500, 5000], unseen="raise").fit(np.arange(10_000))
    display = TargetWeightDisplay.from_weighter(weighter, np.arange(10_000))
    assert (display.places[0], display.places[-1]) == (0, 9999)
    assert len(display.places) == 1001


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_constant_targets_and_any_unit_are_drawn(unit):
    constant = np.full(5, 3 * unit)
    display = TargetWeightDisplay.from_weighter(
        DensityWeighter().fit(constant), constant
    )
    assert_array_equal(display.weights, np.ones(1001))
    display.figure_.canvas.draw()
    scaled = BucketWeighter([20 * unit]).fit(unit * Y)
    display = TargetWeightDisplay.from_weighter(scaled, unit * Y, log=False)
    assert display.ax_.get_yscale() == "linear"
    assert_allclose(display.ax_.get_xlim(), unit * np.array([-83, 83]), rtol=0.1)


def test_light_weights_are_in_view():
    s = np.full(1000, 1e-3)
    display = TargetWeightDisplay.from_weighter(WEIGHTER, Y, sample_weight=s)
    assert display.ax_.get_ylim()[0] < 1e-3
    assert display.n_rows == pytest.approx(1)


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_title_fits(style):
    with plt.style.context(style):
        figure, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
        for ax in (None, axes[0]):
            display = TargetWeightDisplay.from_weighter(WEIGHTER, Y, ax=ax)
            display.figure_.canvas.draw()
            title = display.ax_._left_title.get_window_extent()
            assert title.x1 <= display.weight_ax_.get_tightbbox().x1
            assert title.y1 <= display.figure_.bbox.y1
        assert display.figure_ is figure
        assert display.ax_.get_title(loc="left").count("\n") == 1


def test_axes_are_those_given_or_new_and_plot_returns_the_display():
    figure, axes = plt.subplots(1, 2)
    display = TargetWeightDisplay.from_weighter(
        WEIGHTER, Y, ax=axes[1], bar_kw={"alpha": 1}, line_kw={"c": "red", "lw": 1}
    )
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert display.weight_ax_ is not axes[1]
    assert display.bars_[0].get_alpha() == 1
    assert display.line_.get_color() == "red"
    assert display.weight_ax_.yaxis.label.get_color() == "red"
    assert display.line_.get_linewidth() == 1
    assert display.plot() is display
    assert display.figure_ is not figure
    assert to_rgba(display.line_.get_color()) != to_rgba("red")


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (Y, {"n_bars": 0}, "n_bars must be a positive integer; got 0"),
        (Y, {"n_bars": 2.5}, r"n_bars must be a positive integer; got 2\.5"),
        (Y, {"n_bars": True}, "n_bars must be a positive integer; got True"),
        (Y, {"sample_weight": -np.ones(1000)}, "sample_weight must not be negative"),
        (Y, {"sample_weight": np.ones(3)}, r"sample_weight.shape == \(3,\)"),
        (np.append(Y, np.nan), {}, "y contains NaN"),
        (np.ones((4, 2)), {}, "y should be a 1d array"),
    ],
)
def test_what_cannot_be_drawn_is_refused(y, options, message):
    with pytest.raises(ValueError, match=message):
        TargetWeightDisplay.from_weighter(WEIGHTER, y, **options)
    assert not plt.get_fignums()


def test_has_to_be_fitted():
    with pytest.raises(NotFittedError, match="BucketWeighter instance"):
        TargetWeightDisplay.from_weighter(BucketWeighter(), Y)
    with pytest.raises(NotFittedError, match="TargetWeightedRegressor instance"):
        TargetWeightDisplay.from_estimator(TargetWeightedRegressor(), Y)


@pytest.mark.parametrize(
    "model", [make_pipeline(MODEL), GridSearchCV(MODEL, {"blend": [0]}), Ridge()]
)
def test_only_what_makes_weights_shows_them(model):
    message = f"estimator must be a TargetWeightedRegressor; got {type(model).__name__}"
    with pytest.raises(ValueError, match=message):
        TargetWeightDisplay.from_estimator(model.fit(X, Y), Y)
    assert not plt.get_fignums()


def test_targets_without_any_weight_are_drawn():
    weighter = RelevanceWeighter([(0, 0), (40, 1)], floor=0).fit([10, 50])
    display = TargetWeightDisplay.from_weighter(weighter, [-3, -2])
    assert (display.effective_size, display.max_weight) == (0, 0)


def test_missing_matplotlib_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="TargetWeightDisplay needs matplotlib"):
        TargetWeightDisplay.from_weighter(WEIGHTER, Y)
