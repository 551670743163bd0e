"""Tests of the display of a search: what is drawn, not only that something is."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, ParameterGrid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrobust.linear import AdaptiveLossRegressor
from skrobust.linear_cv import AdaptiveLossRegressorCV
from skrobust.search_plotting import LossSearchDisplay

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
Y = X[:, 0] + RNG.standard_t(2, size=60)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def results(scores=None, **grid):
    """Return what a search would have found."""
    params = list(ParameterGrid(grid))
    if scores is None:
        scores = np.arange(len(params), dtype=float)
    return {"params": params, "mean_test_score": np.asarray(scores)}


def ticks(axis):
    """Return the names along an axis."""
    return [label.get_text() for label in axis.get_ticklabels()]


def test_cells_are_the_scores_of_the_combinations():
    found = results(alpha=[2.0, -np.inf, "cauchy"], c=[3.0, 1.0])
    display = LossSearchDisplay.from_cv_results(found)
    # Rows and columns by value: -inf, 0, 2 and 1, 3.
    assert_array_equal(display.scores, [[3, 2], [5, 4], [1, 0]])
    assert_array_equal(display.image_.get_array(), display.scores)
    assert list(display.x_values) == [1.0, 3.0]
    assert list(display.y_values) == [-np.inf, "cauchy", 2.0]
    assert (display.x, display.y) == ("c", "alpha")
    assert ticks(display.ax_.yaxis) == ["-inf (welsch)", "0 (cauchy)", "2 (l2)"]
    assert ticks(display.ax_.xaxis) == ["1", "3"]
    assert display.ax_.get_ylabel() == r"$\alpha$"
    assert display.ax_.get_xlabel() == "$c$"


@pytest.mark.parametrize("best", range(6))
def test_best_cell_has_a_frame_around_it(best):
    scores = -np.arange(1.0, 7.0)
    scores[best] = 0.5
    found = results(scores, alpha=[0.0, 1.0, 2.0], c=[1.0, 2.0])
    display = LossSearchDisplay.from_cv_results(found)
    x, y = display.best_.get_data()
    row, column = divmod(best, 2)
    assert (min(x), max(x)) == pytest.approx((column - 0.47, column + 0.47))
    assert (min(y), max(y)) == pytest.approx((row - 0.47, row + 0.47))


def test_text_is_the_score_and_can_be_read():
    found = results([-3.14159, -2.0, 7.5, 9.0], alpha=[1.0, 0.0], c=[1.0, 2.0])
    display = LossSearchDisplay.from_cv_results(found)
    texts = [[cell.get_text() for cell in row] for row in display.text_]
    assert texts == [["7.5", "9"], ["-3.14", "-2"]]
    assert display.text_[1, 0].get_color() == "white"  # on the darkest
    assert display.text_[0, 1].get_color() == "black"  # on the lightest
    assert display.text_[1, 0].get_position() == (0, 1)
    assert display.plot(values_format=".1f").text_[0, 1].get_text() == "9.0"
    assert display.plot(include_values=False).text_ is None


def test_other_parameters_are_at_their_best():
    found = results([1, 5, 3, 4], alpha=[1.0], c=[1.0, 2.0], l2=[0.0, 0.1])
    assert_array_equal(LossSearchDisplay.from_cv_results(found).scores, [[5, 4]])
    chosen = LossSearchDisplay.from_cv_results(found, x="l2", y="c")
    assert_array_equal(chosen.scores, [[1, 5], [3, 4]])


def test_combinations_without_a_score_are_left_blank():
    found = results([1, np.nan, 3, -np.inf], alpha=[1.0, 2.0], c=[1.0, 2.0])
    display = LossSearchDisplay.from_cv_results(found)
    assert display.text_[0, 1] is None
    assert_array_equal(display.image_.get_array().mask, [[False, True], [False, True]])
    display.figure_.canvas.draw()


def test_own_search_is_drawn():
    search = AdaptiveLossRegressorCV([2, 0], cv=3, random_state=0).fit(X, Y)
    display = LossSearchDisplay.from_estimator(search)
    assert_array_equal(
        np.sort(display.scores.ravel()),
        np.sort(search.cv_results_["mean_test_score"]),
    )
    assert (display.x, display.y) == ("efficiency", "alpha")
    assert display.colorbar_.ax.get_ylabel() == "mean neg_m_scale_error"


def test_search_of_scikit_learn_is_drawn():
    model = make_pipeline(StandardScaler(), AdaptiveLossRegressor(random_state=0))
    grid = {f"adaptivelossregressor__{n}": v for n, v in (("alpha", [2.0, 1.0]),)}
    grid |= {"adaptivelossregressor__c": [1.0, "auto", 0.5]}
    search = GridSearchCV(model, grid, cv=3, scoring="r2").fit(X, Y)
    display = LossSearchDisplay.from_estimator(search, score="std_test_score")
    assert display.scores.shape == (2, 3)
    assert list(display.x_values) == [0.5, 1.0, "auto"]
    assert display.ax_.get_xlabel() == "$c$"
    assert ticks(display.ax_.xaxis) == ["0.5", "1", "auto"]
    short = LossSearchDisplay.from_estimator(search, x="alpha", y="c")
    assert_array_equal(short.scores.shape, (3, 2))


def test_functions_are_called_by_their_name():
    def wide(y):
        return y

    found = results(alpha=[wide, 1.0], c=[1.0, 2.0])
    display = LossSearchDisplay.from_cv_results(found)
    assert ticks(display.ax_.yaxis) == ["1 (pseudo_huber)", "wide"]


def test_axes_are_those_given_or_new_and_plot_returns_the_display():
    figure, axes = plt.subplots(1, 2)
    found = results(alpha=[1.0, 0.0], c=[1.0, 2.0])
    display = LossSearchDisplay.from_cv_results(
        found, ax=axes[1], colorbar=False, cmap="magma", score_name="score"
    )
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert display.colorbar_ is None
    assert display.image_.get_cmap().name == "magma"
    assert plt.get_fignums() == [figure.number]
    assert display.plot() is display
    assert display.figure_ is not figure
    assert display.colorbar_.ax.get_ylabel() == "score"


@pytest.mark.parametrize(
    ("found", "options", "message"),
    [
        (results(alpha=[1.0, 2.0]), {}, r"x must be one of .* Got None"),
        (results(alpha=[1.0], c=[1.0]), {"x": "l2"}, r"x must be .* Got 'l2'"),
        (results(alpha=[1.0], c=[1.0]), {"y": "l2"}, r"y must be .* Got 'l2'"),
        (results(alpha=[1.0], c=[1.0]), {"x": "c", "y": "c"}, r"x must be one of"),
        ({}, {}, "must hold 'params' and 'mean_test_score'"),
        (results(alpha=[1.0], c=[1.0]), {"score": "r2"}, "must hold 'params' and 'r2'"),
        (results([np.nan], alpha=[1.0], c=[1.0]), {}, "must hold a finite score"),
    ],
)
def test_what_cannot_be_drawn_is_refused(found, options, message):
    with pytest.raises(ValueError, match=message):
        LossSearchDisplay.from_cv_results(found, **options)


def test_search_has_to_be_fitted():
    with pytest.raises(NotFittedError, match="not fitted"):
        LossSearchDisplay.from_estimator(GridSearchCV(Ridge(), {}))


def test_missing_matplotlib_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    found = results(alpha=[1.0, 0.0], c=[1.0, 2.0])
    with pytest.raises(ImportError, match="LossSearchDisplay needs matplotlib"):
        LossSearchDisplay.from_cv_results(found)
