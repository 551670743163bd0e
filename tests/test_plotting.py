"""Tests of the displays: what is drawn, not only that something is."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import k1

from skrobust import loss
from skrobust.plotting import LossDisplay

KINDS = ["rho", "psi", "weight", "density"]
# Z(alpha) of the densities that have it in closed form.
Z = {0.0: np.pi * 2**0.5, 1.0: 2 * np.e * k1(1), 2.0: (2 * np.pi) ** 0.5}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def drawn(display):
    """Return x and y of the lines as matplotlib has them."""
    return np.array([line.get_data() for line in display.lines_]).swapaxes(0, 1)


@pytest.mark.parametrize("kind", ["rho", "psi", "weight"])
@pytest.mark.parametrize("c", [1.0, 0.3, [0.3, 1.0, 2.0, 5.0]])
def test_lines_are_the_kernels(kind, c):
    alphas = [np.inf, 1.5, -0.7, -np.inf]
    r = np.linspace(-3, 7, 51)
    display = LossDisplay.from_alphas(alphas, c=c, kind=kind, r=r)
    x, y = drawn(display)
    expected = [
        getattr(loss, kind)(r, alpha, scale)
        for alpha, scale in zip(alphas, np.broadcast_to(c, 4), strict=True)
    ]
    assert_array_equal(x, np.broadcast_to(r, x.shape))
    assert_allclose(y, expected, rtol=1e-13)
    assert_array_equal(display.values, y)
    assert_array_equal(display.alphas, alphas)
    assert_array_equal(display.c, np.broadcast_to(c, 4))
    assert display.kind == kind


@pytest.mark.parametrize("c", [1.0, 0.3, [0.3, 1.0, 20.0]])
def test_densities_are_exp_of_minus_the_loss_over_their_integral(c):
    r = np.linspace(-5, 5, 101)
    _, y = drawn(LossDisplay.from_alphas(list(Z), c=c, kind="density", r=r))
    scales = np.broadcast_to(c, 3)
    expected = [
        np.exp(-loss.rho(r, alpha, scale)) / (scale * z)
        for (alpha, z), scale in zip(Z.items(), scales, strict=True)
    ]
    assert_allclose(y, expected, rtol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("c", [1.0, 250.0, [0.5, 8.0]])
def test_default_residuals_are_symmetric_around_zero_in_units_of_c(kind, c):
    r = LossDisplay.from_alphas([0, 1], c=c, kind=kind).r
    assert_array_equal(r, -r[::-1])
    assert 0 in r
    assert r.max() == 4 * np.max(c)


def test_default_alphas_are_the_named_ones_that_can_be_drawn():
    assert_array_equal(LossDisplay.from_alphas().alphas, [2, 1, 0, -2, -np.inf])
    assert_array_equal(LossDisplay.from_alphas(kind="density").alphas, [2, 1, 0])


@pytest.mark.parametrize("one", ["cauchy", 0, np.float32(0)])
def test_one_alpha_needs_no_list(one):
    display = LossDisplay.from_alphas(one, r=[0.0, 1.0])
    assert_array_equal(display.alphas, [0.0])
    assert_array_equal(display.values, loss.rho([[0.0, 1.0]], 0.0))


def labels(display):
    """Return what the legend says."""
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_legend_has_alphas_names_and_scales_that_differ():
    alphas = ["l2", 1, 0.5, "welsch", np.inf]
    names = ["2 (l2)", "1 (pseudo_huber)", "0.5", "-inf (welsch)", "inf"]
    assert labels(LossDisplay.from_alphas(alphas)) == names
    assert labels(LossDisplay.from_alphas(alphas, c=3.0)) == names
    two = LossDisplay.from_alphas([0, 0], c=[1, 1.23456], kind="density")
    assert labels(two) == ["0 (cauchy), c = 1", "0 (cauchy), c = 1.23"]
    assert LossDisplay.from_alphas(legend=False).ax_.get_legend() is None


@pytest.mark.parametrize(
    ("c", "label"),
    [
        (1.0, "residual $r / c$"),
        ([1, 1], "residual $r / c$"),
        (0.25, "residual $r$, with $c = 0.25$"),
        ([1, 2], "residual $r$"),
    ],
)
def test_axis_says_what_the_unit_of_the_residual_is(c, label):
    assert LossDisplay.from_alphas([0, 1], c=c).ax_.get_xlabel() == label


def test_axes_of_all_kinds_have_different_labels():
    found = {LossDisplay.from_alphas(1, kind=k).ax_.get_ylabel() for k in KINDS}
    assert len(found - {""}) == len(KINDS)


def luminance(line):
    """Return how light a line is in black and white print."""
    return np.dot(plt.matplotlib.colors.to_rgb(line.get_color()), [0.299, 0.587, 0.114])


@pytest.mark.parametrize("n", [2, 5, 9])
def test_lines_are_lighter_with_alpha_in_any_order_and_differ_in_print(n):
    alphas = np.linspace(-4, 2, n)
    shuffled = np.random.default_rng(0).permutation(alphas)
    display = LossDisplay.from_alphas(shuffled)
    lines = [display.lines_[i] for i in np.argsort(shuffled)]
    light = [luminance(line) for line in lines]
    assert np.all(np.diff(light) > 0.3 / n)
    assert light[-1] < 0.75
    styles = [line.get_linestyle() for line in lines]
    assert all(a != b for a, b in zip(styles[1:], styles, strict=False))


def test_lines_are_lighter_with_c_only_where_alpha_is_the_same():
    lines = LossDisplay.from_alphas([1, 1, 0], c=[1, 2, 3]).lines_
    first, second, third = map(luminance, lines)
    assert third < first < second


def test_line_kw_is_for_all_lines_and_may_be_short():
    display = LossDisplay.from_alphas(line_kw={"c": "red", "lw": 3, "alpha": 0.5})
    for line in display.lines_:
        assert line.get_color() == "red"
        assert line.get_linewidth() == 3
        assert line.get_alpha() == 0.5
    assert labels(display)[0] == "2 (l2)"


def test_opacity_is_not_taken_for_the_shape():
    with pytest.raises(TypeError, match="unexpected keyword argument 'alpha'"):
        LossDisplay.from_alphas(alpha=0)


def test_axes_are_those_given_or_new():
    figure, axes = plt.subplots(1, 2)
    other = plt.figure()
    display = LossDisplay.from_alphas(ax=axes[1])
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert len(axes[1].lines) == 5
    assert not axes[0].lines
    assert plt.get_fignums() == [figure.number, other.number]
    first = display.lines_
    assert display.plot() is display
    assert display.figure_ is not figure
    assert first[0] is not display.lines_[0]
    assert_array_equal(first[0].get_ydata(), display.lines_[0].get_ydata())


@pytest.mark.parametrize("kind", KINDS)
def test_legend_beside_new_axes_covers_nothing_and_is_in_the_figure(kind):
    display = LossDisplay.from_alphas(kind=kind)
    display.figure_.canvas.draw()
    legend = display.ax_.get_legend().get_window_extent()
    assert legend.x0 >= display.ax_.get_window_extent().x1
    assert legend.x1 <= display.figure_.bbox.x1
    assert legend.y1 <= display.figure_.bbox.y1


@pytest.mark.parametrize("kind", KINDS)
def test_no_line_is_cut_off_unless_it_grows_faster_than_squares(kind):
    display = LossDisplay.from_alphas(kind=kind, c=0.1)
    low, high = display.ax_.get_ylim()
    assert low < display.values.min()
    assert high > display.values.max()


@pytest.mark.parametrize("kind", KINDS)
def test_no_room_is_left_for_lines_that_are_not_there(kind):
    display = LossDisplay.from_alphas([0.5, 0], kind=kind)
    assert display.ax_.get_ylim()[1] < 1.2 * display.values.max()


@pytest.mark.parametrize("kind", ["rho", "psi", "weight"])
@pytest.mark.parametrize("largest", [np.inf, 3])
def test_lines_that_grow_faster_leave_room_for_the_others(kind, largest):
    display = LossDisplay.from_alphas([largest, 2, 0], kind=kind, c=0.1)
    low, high = display.ax_.get_ylim()
    bounded = display.values[1:]
    assert low < bounded.min()
    assert bounded.max() < high <= 2 * bounded.max()


@pytest.mark.parametrize("kind", ["rho", "psi", "weight"])
def test_losses_beyond_the_range_of_floats_are_drawn_up_to_it(kind):
    display = LossDisplay.from_alphas([np.inf, 2], kind=kind, r=np.linspace(-50, 50, 9))
    assert np.isinf(display.values[0]).any()
    display.figure_.canvas.draw()
    assert np.isfinite(display.ax_.get_ylim()).all()


@pytest.mark.parametrize("kind", ["rho", "weight"])
def test_view_on_a_logarithmic_axis_is_ended_at_the_top_only(kind):
    ax = plt.figure().subplots()
    ax.set_yscale("log")
    display = LossDisplay.from_alphas([3, 2, 0], kind=kind, ax=ax)
    low, high = ax.get_ylim()
    others = display.values[1:]
    assert 0 < low <= others[others > 0].min()
    assert others.max() < high <= 2 * others.max()


@pytest.mark.parametrize("kind", ["rho", "psi"])
@pytest.mark.parametrize(
    "arguments",
    # All 0; squares beyond the range of floats; slopes beyond it.
    [{"r": [0.0]}, {"r": [-1e300, 0, 1e300]}, {"c": 5e-324}],
)
def test_view_is_finite_at_the_ends_of_the_range_of_floats(kind, arguments):
    display = LossDisplay.from_alphas([0, 5], kind=kind, **arguments)
    display.figure_.canvas.draw()
    low, high = display.ax_.get_ylim()
    assert np.isfinite([low, high]).all()
    finite = display.values[0][np.isfinite(display.values[0])]
    assert low < finite.min() <= finite.max() < high


@pytest.mark.parametrize("kind", ["rho", "psi", "weight"])
def test_view_is_not_shrunk_below_what_given_axes_show(kind):
    ax, other = plt.figure().subplots(2, sharey=True)
    ax.plot([0, 1], [-1000, 1000])
    for axes in (ax, other):
        LossDisplay.from_alphas([0, 3], kind=kind, ax=axes)
        low, high = ax.get_ylim()
        assert -1200 < low < -1000
        assert 1000 < high < 1200
    LossDisplay.from_alphas([2, 3], kind=kind, c=1e-9, ax=ax, r=[-1e4, 0, 1e4])
    if kind != "weight":
        assert ax.get_ylim()[1] > 1e9


def test_view_that_is_upside_down_stays_so():
    ax = plt.figure().subplots()
    ax.invert_yaxis()
    LossDisplay.from_alphas([0, 3], ax=ax)
    assert ax.get_ylim() == pytest.approx((8.4, -0.42))


@pytest.mark.parametrize("kind", ["rho", "psi", "weight"])
@pytest.mark.parametrize("c", [[100, 0.01], [0.01, 100]])
def test_scales_that_differ_leave_room_for_lines_that_do_not_grow_fast(kind, c):
    display = LossDisplay.from_alphas([1, 5], kind=kind, c=c)
    low, high = display.ax_.get_ylim()
    squares = np.max(getattr(loss, kind)(display.r, 2.0, max(c)))
    most = max(squares, np.max(display.values[0]))
    assert low < np.min(display.values[0])
    assert most < high <= 2 * most


@pytest.mark.parametrize(
    "alphas", [(1, 0), {1.0: "a", 0.0: "b"}, iter([1, "cauchy"]), np.array([1, 0])]
)
def test_alphas_may_be_any_iterable(alphas):
    assert_array_equal(LossDisplay.from_alphas(alphas).alphas, [1, 0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alphas": [1, np.nan]}, r"alpha must be a number.*Got nan"),
        ({"alphas": ["huber"]}, r"alpha must be .*'cauchy'.*Got 'huber'"),
        ({"alphas": 1j}, r"alpha must be a number.*Got 1j"),
        ({"alphas": [[1, 2]]}, r"alpha must be a number.*Got \[1, 2\]"),
        ({"alphas": []}, r"alphas must not be empty"),
        ({"c": 0.0}, r"c must be positive and finite.*Got 0\.0"),
        ({"c": [1, 2, -3, 4, 5]}, r"c must be positive and finite.*Got -3\.0"),
        ({"c": np.inf}, r"c must be positive and finite.*Got inf"),
        ({"c": np.nan}, r"c must be positive and finite.*Got nan"),
        ({"c": None}, r"c must be a number or one for .* Got None\. Leave it out"),
        ({"c": "a"}, r"c must be a number, .* Got 'a'\. Give one"),
        ({"c": [1, 2]}, r"c must be a number or one for each of the 5 alphas.*\(2,\)"),
        ({"c": np.ones((5, 1))}, r"c must be a number or .* Got shape \(5, 1\)"),
        ({"kind": "slope"}, r"kind must be one of 'rho'.*'density'\. Got 'slope'"),
        ({"kind": ["rho"]}, r"kind must be one of 'rho'.* Got \['rho'\]"),
        ({"r": "abc"}, r"r must be .* Got 'abc'\. Give an axis"),
        ({"r": []}, r"r must be 1-dimensional.*Got shape \(0,\)"),
        ({"r": 1.0}, r"r must be 1-dimensional.*Got shape \(\)"),
        ({"r": np.ones((2, 2))}, r"r must be 1-dimensional.*Got shape \(2, 2\)"),
        ({"r": [0, np.nan]}, r"r must be finite\. Got nan"),
        ({"r": [0, -np.inf]}, r"r must be finite\. Got -inf"),
        (
            {"alphas": [1, -2], "kind": "density"},
            r"alphas must not be negative for kind='density'.*Got -2.*kind='rho'",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_there_is_a_figure(arguments, message):
    with pytest.raises(ValueError, match=message):
        LossDisplay.from_alphas(**arguments)
    assert not plt.get_fignums()


def test_missing_matplotlib_is_named_with_the_way_to_get_it(monkeypatch):
    display = LossDisplay.from_alphas()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    message = r"LossDisplay needs matplotlib.*pip install 'skrobust\[plot\]'"
    for plot in (display.plot, LossDisplay.from_alphas):
        with pytest.raises(ImportError, match=message):
            plot()
