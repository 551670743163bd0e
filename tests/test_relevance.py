"""Tests of the relevance of a target and the weights by it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.interpolate import CubicHermiteSpline
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skrobust import RelevanceWeighter
from skrobust.relevance import _fivenum, _medcouple

DATA = Path(__file__).parent / "data" / "boxplots.json"
R = json.loads(DATA.read_text(encoding="utf-8"))
SETS, COUNTED = R["sets"], R["counted"]
RNG = np.random.default_rng(0)
N = 300
ANGLES = np.r_[RNG.normal(scale=8, size=280), RNG.uniform(-80, 80, size=20)]
TARGETS = {
    "angles": ANGLES,
    "lognormal": RNG.lognormal(size=N),
    "cauchy": RNG.standard_cauchy(N),
    "counts": RNG.poisson(2, N).astype(float) ** 2,
    "spike": np.r_[np.zeros(200), RNG.normal(scale=5, size=100)],
    "tiny": 1e-6 * ANGLES,
    "offset": 1e6 + ANGLES,
    "huge": 1e300 * ANGLES,
}
CONTROL = [(-40, 1), (-10, 0.3), (0, 0), (20, 0), (40, 0.8), (90, 1)]
WEIGHTERS = [
    RelevanceWeighter(),
    RelevanceWeighter(floor=0),
    RelevanceWeighter(floor=1),
    RelevanceWeighter(floor=0.3, max_weight=1.2),
    RelevanceWeighter(min_effective=0.9),
    RelevanceWeighter(method="adjbox"),
    RelevanceWeighter(CONTROL),
    RelevanceWeighter(np.array(CONTROL), floor=0.2, max_weight=2),
]
SAMPLE_WEIGHTS = {
    "equal": None,
    "integer": RNG.integers(0, 4, N),
    "tiny": 1e-9 * RNG.exponential(size=N),
}

every_target = pytest.mark.parametrize("y", TARGETS.values(), ids=TARGETS)
every_weighter = pytest.mark.parametrize("weighter", WEIGHTERS, ids=str)
every_s = pytest.mark.parametrize("s", SAMPLE_WEIGHTS.values(), ids=SAMPLE_WEIGHTS)
every_set = pytest.mark.parametrize("name", SETS)
heavy = pytest.mark.filterwarnings(
    "ignore:The weights leave an effective sample size:UserWarning"
)
level = pytest.mark.filterwarnings("ignore:No target is relevant:UserWarning")


def smooth_step(t):
    t = np.clip(t, 0, 1)
    return t**2 * (3 - 2 * t)


def published_phi(y, stats, out):
    """Return phi by the boxplot rule from the numbers and outliers that R gives."""
    y, (low, _, middle, _, high) = np.asarray(y, float), stats
    phi = np.zeros(len(y))
    if any(value < low for value in out):
        phi = np.maximum(phi, smooth_step((middle - y) / (middle - low)))
    if any(value > high for value in out):
        phi = np.maximum(phi, smooth_step((y - middle) / (high - middle)))
    return phi


# --- phi ------------------------------------------------------------------------------


def test_phi_is_a_smooth_step_between_points_and_constant_beyond():
    weighter = RelevanceWeighter([(0, 0), (40, 1)])
    y = np.array([-1e308, -1, 0, 10, 20, 30, 40, 41, 1e308])
    expected = [0, 0, 0, 0.15625, 0.5, 0.84375, 1, 1, 1]  # t * t * (3 - 2 * t)
    assert_array_equal(weighter.relevance(y), expected)


@pytest.mark.parametrize(
    "points",
    [
        CONTROL,
        [(0, 1), (1, 0), (2, 1), (3, 0)],
        [(-1e-6, 0.2), (3e-6, 0.7)],
        [(1e300, 0), (1e303, 1)],
        [(k, k / 99) for k in range(100)],
    ],
)
def test_phi_is_the_cubic_through_the_points_with_slope_zero(points):
    x, v = np.array(points, float).T
    curve = CubicHermiteSpline(x / x[-1], v, np.zeros(len(x)))
    y = np.sort(np.r_[x, np.linspace(x[0], x[-1], 1001)])
    phi = RelevanceWeighter(points).relevance(y)
    assert_allclose(phi, curve(y / x[-1]), atol=1e-12)
    assert_array_equal(RelevanceWeighter(points).relevance(x), v)
    assert phi.min() >= 0
    assert phi.max() <= 1


def test_phi_of_many_rows_is_that_of_each():
    weighter = RelevanceWeighter(CONTROL)
    y = RNG.normal(scale=50, size=100_001)
    some = np.r_[0:50, 32_700:32_800, 65_530:65_540, 99_990:100_001]
    assert_array_equal(weighter.relevance(y)[some], weighter.relevance(y[some]))


def test_a_single_control_point_is_a_constant():
    assert_array_equal(RelevanceWeighter([(3, 0.25)]).relevance([-9, 3, 9]), 0.25)


@pytest.mark.parametrize("y", [np.array([10, 20]), [10, 20], (10.0, 20.0)], ids=repr)
def test_phi_takes_any_target(y):
    weighter = RelevanceWeighter([(0, 0), (40, 1)])
    assert_array_equal(weighter.relevance(y), [0.15625, 0.5])
    for series in (pd.Series(y), pl.Series(y), np.asarray(y, np.float32)):
        assert_array_equal(weighter.relevance(series), [0.15625, 0.5])


def test_given_points_need_no_fit():
    weighter = RelevanceWeighter([(0, 0), (40, 1)])
    assert_array_equal(weighter.control_points_, [[0, 0], [40, 1]])
    assert_array_equal(weighter.relevance([40]), 1)
    with pytest.raises(
        NotFittedError, match="RelevanceWeighter instance is not fitted"
    ):
        weighter.transform([40])
    with pytest.raises(
        NotFittedError, match="RelevanceWeighter instance is not fitted"
    ):
        RelevanceWeighter().relevance([40])
    assert not hasattr(RelevanceWeighter(), "control_points_")
    assert not hasattr(RelevanceWeighter([1]), "control_points_")


def test_fitted_points_stay_until_the_next_fit():
    weighter = RelevanceWeighter().fit(ANGLES)
    fitted = weighter.control_points_
    again = RelevanceWeighter(fitted)
    assert_array_equal(again.relevance(ANGLES), weighter.relevance(ANGLES))
    weighter.set_params(control_points=[(0, 0), (1, 1)])
    assert_array_equal(weighter.control_points_, fitted)
    assert_array_equal(weighter.fit(ANGLES).control_points_, [[0, 0], [1, 1]])


# --- The boxplots, against R ----------------------------------------------------------


@every_set
def test_five_numbers_are_those_of_r(name):
    y = np.sort(np.array(SETS[name]["y"], float))
    assert_allclose(_fivenum(y, None), SETS[name]["fivenum"], rtol=1e-15)


@pytest.mark.parametrize("name", COUNTED)
def test_weighted_five_numbers_are_those_of_r(name):
    y, counts = (np.array(COUNTED[name][key], float) for key in ("y", "counts"))
    assert_array_equal(_fivenum(y, counts), COUNTED[name]["fivenum"])


@pytest.mark.parametrize("weight", [1.0, 1.34, 2.5, 3.66])
def test_weights_need_not_add_up_to_a_whole_number(weight):
    y = np.array([1.0, 2, 3, 4, 30])
    numbers = _fivenum(y, np.full(5, weight))
    assert_array_equal(numbers[[0, 2, 4]], [1, 3, 30])
    assert 1 < numbers[1] < 3 < numbers[3] < 30


@level
@every_set
def test_phi_is_that_of_the_boxplot_of_r(name):
    data = SETS[name]
    weighter = RelevanceWeighter().fit(data["y"])
    low, _, middle, _, high = data["stats"]
    if low < middle < high:
        phi = published_phi(data["y"], data["stats"], data["out"])
        assert_allclose(weighter.relevance(data["y"]), phi, atol=1e-15)
        expected = [
            [low, float(min(data["out"], default=low) < low)],
            [middle, 0],
            [high, float(max(data["out"], default=high) > high)],
        ]
        assert_allclose(weighter.control_points_, expected, rtol=1e-15)


@pytest.mark.parametrize("name", COUNTED)
def test_phi_of_real_targets_is_the_published_one(name):
    """`rare` counts phi > 0.8, as the benchmarks with these sets do."""
    data = COUNTED[name]
    y, counts = np.array(data["y"], float), np.array(data["counts"])
    for fitted in (
        RelevanceWeighter().fit(y, counts),
        RelevanceWeighter().fit(RNG.permutation(np.repeat(y, counts))),
    ):
        phi = fitted.relevance(y)
        assert counts[phi > 0.8].sum() == data["rare"]
        assert phi @ counts == pytest.approx(data["sum of phi"], rel=1e-12)


@every_set
def test_medcouple_is_that_of_robustbase(name):
    y = np.sort(np.array(SETS[name]["y"], float))
    found = _medcouple(y, None, np.median(y))
    assert found == pytest.approx(SETS[name]["mc"], abs=1e-12)


def test_medcouple_of_a_constant_target_is_zero():
    assert _medcouple(np.full(4, 3.0), None, 3.0) == 0


@level
@every_set
def test_adjusted_boxplot_is_that_of_robustbase(name):
    data = SETS[name]
    weighter = RelevanceWeighter(method="adjbox").fit(data["y"])
    if len(weighter.control_points_) == 3:
        (low, first), (middle, zero), (high, last) = weighter.control_points_
        assert (first, zero, last) == (1, 0, 1)
        assert middle == data["fivenum"][2]
        assert_allclose([low, high], data["fence"], rtol=1e-12, atol=1e-300)
    else:
        assert np.ptp(data["y"]) == 0


@pytest.mark.parametrize("name", COUNTED)
def test_weighted_adjusted_boxplot_is_that_of_robustbase(name):
    data = COUNTED[name]
    y, counts = np.array(data["y"], float), np.array(data["counts"], float)
    found = _medcouple(y, counts, data["fivenum"][2])
    assert found == pytest.approx(data["mc"], abs=1e-12)
    weighter = RelevanceWeighter(method="adjbox").fit(y, counts)
    assert_allclose(weighter.control_points_[[0, 2], 0], data["fence"], rtol=1e-9)


def kernel_median(y):
    """Return the medcouple by its definition: every pair of rows."""
    m = np.median(y)
    above, below = y[y >= m], y[y <= m]
    a, b = above[:, None], below[None, :]
    with np.errstate(invalid="ignore"):
        kernel = ((a - m) - (m - b)) / (a - b)
    tied = int((y == m).sum())
    # Among those at the median, row i with column j: the sign of tied - 1 - i - j.
    i = np.arange(tied)
    kernel[np.isnan(kernel)] = np.sign(tied - 1 - i[:, None] - i).ravel()
    return np.median(kernel)


@pytest.mark.parametrize("seed", range(60))
def test_medcouple_is_its_definition(seed):
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 60)
    draws = [rng.lognormal(size=n), rng.integers(0, 5, n), rng.standard_cauchy(n)]
    y = np.sort(draws[seed % 3].astype(float))
    s = rng.integers(1, 5, n)
    rows = np.repeat(y, s)
    expected = pytest.approx(kernel_median(rows), abs=1e-13)
    assert _medcouple(rows, None, np.median(rows)) == expected
    assert _medcouple(y, s.astype(float), np.median(rows)) == expected


@pytest.mark.parametrize("n", [2001, 3000])
@pytest.mark.parametrize("kind", ["lognormal", "cauchy", "counts", "steep"])
def test_medcouple_of_many_rows_is_its_definition(n, kind):
    rng = np.random.default_rng(n)
    y = {
        "lognormal": rng.lognormal(size=n),
        "cauchy": rng.standard_cauchy(n),
        "counts": rng.poisson(9, n).astype(float),
        "steep": np.exp(rng.normal(scale=60, size=n)),
    }[kind]
    expected = pytest.approx(kernel_median(y), abs=1e-13)
    assert _medcouple(np.sort(y), None, np.median(y)) == expected


# --- Sides, steps, nothing relevant ---------------------------------------------------


def test_a_side_without_outliers_is_not_relevant():
    weighter = RelevanceWeighter().fit([1, 2, 3, 4, 5, 6, 7, 30])
    assert_array_equal(weighter.control_points_, [[1, 0], [4.5, 0], [7, 1]])
    assert_array_equal(weighter.relevance([-1e9, 1, 4.5]), 0)
    weighter.fit([-30, 1, 2, 3, 4, 5, 6, 7])
    assert_array_equal(weighter.control_points_, [[1, 1], [3.5, 0], [7, 0]])


def test_hinges_are_not_quantiles():
    # Hinges 2.5 and 6.5: 12.5 is inside the fence, though outside of that by quantiles
    # (2.75, 6.25), 11.5.
    y = [1, 2, 3, 4, 5, 6, 7, 12.5]
    with pytest.warns(
        UserWarning, match="No target is relevant: no target is an outlier"
    ):
        weighter = RelevanceWeighter().fit(y)
    assert_array_equal(weighter.control_points_, [[1, 0], [4.5, 0], [12.5, 0]])
    weighter.fit([*y[:-1], 12.51])
    assert_array_equal(weighter.control_points_[-1], [7, 1])


@pytest.mark.parametrize("floor", [0, 0.05, 1])
def test_without_outliers_all_weights_are_one(floor):
    weighter = RelevanceWeighter(floor=floor)
    with pytest.warns(
        UserWarning, match=r"No target.*All weights are 1\. Give control"
    ):
        weights = weighter.fit_transform(np.arange(50))
    assert_allclose(weights, 1, rtol=1e-14)
    assert_array_equal(weighter.relevance(np.arange(-9, 60)), 0)


def test_given_points_that_no_target_reaches_warn():
    weighter = RelevanceWeighter([(100, 0), (200, 1)], floor=0)
    with pytest.warns(
        UserWarning, match=r"No target.*points are \[\[100\.0, 0\.0\], \["
    ):
        weighter.fit(ANGLES)
    assert_allclose(weighter.transform(ANGLES), 1, rtol=1e-14)


@pytest.mark.parametrize(
    ("y", "points"),
    [
        ([0] * 8 + [1, 5], [[0, 0], [5e-324, 1]]),
        ([0.0] * 8 + [-1, 5], [[-5e-324, 1], [0, 0], [5e-324, 1]]),
        ([3] * 8 + [1], [[np.nextafter(3, 0), 1], [3, 0]]),
        ([0, 0, 0, 0, 0, 1, 1, 2, 9], [[0, 0], [2, 1]]),
    ],
)
def test_where_a_whisker_meets_the_median_relevance_jumps(y, points):
    weighter = RelevanceWeighter().fit(y)
    assert_array_equal(weighter.control_points_, points)
    phi = weighter.relevance(y)
    assert_array_equal(phi[np.array(y) == np.median(y)], 0)
    assert phi.max() == 1


def test_a_jump_lies_between_two_numbers():
    weighter = RelevanceWeighter().fit([3.0] * 8 + [1, 4])
    at = [np.nextafter(3, 0), 3, np.nextafter(3, 4)]
    assert_array_equal(weighter.relevance(at), [1, 0, 1])
    assert_array_equal(weighter.relevance(np.array([3], np.float32)), 0)


@every_weighter
@pytest.mark.parametrize("y", [[3.0], [3, 3, 3], [-0.0, 0.0]])
def test_weights_of_a_constant_target_are_one(weighter, y):
    fitted = clone(weighter)
    if weighter.control_points is None:
        assert_array_equal(fitted.fit_transform(y), 1)
        assert_array_equal(fitted.control_points_, [[y[0], 0]])
        assert_array_equal(fitted.relevance([-9, y[0], 9]), 0)
    else:
        with pytest.warns(UserWarning, match="No target is relevant: the control"):
            assert_array_equal(fitted.fit_transform(y), 1)


# --- The weights ----------------------------------------------------------------------


@heavy
@every_target
@every_s
@pytest.mark.parametrize("floor", [0, 0.05, 0.4, 1])
def test_weights_are_the_larger_of_phi_and_the_floor(y, s, floor):
    weighter = RelevanceWeighter(floor=floor)
    weights = weighter.fit_transform(y, s)
    expected = np.maximum(weighter.relevance(y), floor)
    expected /= np.average(expected, weights=s)
    assert_allclose(weights, expected, rtol=1e-12, atol=1e-150)


@heavy
@level
@every_weighter
@every_target
@every_s
def test_weighted_mean_is_one(weighter, y, s):
    weights = clone(weighter).fit_transform(y, s)
    assert weights.shape == y.shape
    assert weights.min() >= 0
    assert np.average(weights, weights=s) == pytest.approx(1, rel=1e-12)


@heavy
@level
@every_weighter
@every_target
def test_integer_weights_are_repeated_rows(weighter, y):
    s = SAMPLE_WEIGHTS["integer"]
    weighted = clone(weighter).fit(y, s)
    repeated = clone(weighter).fit(np.repeat(y, s))
    assert_allclose(weighted.control_points_, repeated.control_points_, rtol=1e-12)
    assert_allclose(weighted.transform(y), repeated.transform(y), rtol=1e-10)


@every_s
@pytest.mark.parametrize("method", ["boxplot", "adjbox"])
def test_the_scale_of_the_weights_does_not_matter_below_one_row_each(s, method):
    s = np.ones(N) if s is None else s / 10
    first = RelevanceWeighter(method=method).fit(ANGLES, s).control_points_
    second = RelevanceWeighter(method=method).fit(ANGLES, s * 1e-7).control_points_
    assert_allclose(first, second, rtol=1e-12)


def test_weights_that_average_one_but_for_rounding_are_rows():
    s = 1 + 1e-15 * RNG.integers(-3, 4, N)
    first = RelevanceWeighter().fit(ANGLES, s).control_points_
    assert_array_equal(first, RelevanceWeighter().fit(ANGLES).control_points_)
    s = np.full(N, 0.1 + 0.2)
    assert_array_equal(first, RelevanceWeighter().fit(ANGLES, s).control_points_)


@pytest.mark.parametrize("method", ["boxplot", "adjbox"])
def test_a_row_of_zero_weight_is_not_there(method):
    y, s = np.r_[ANGLES, 5e4, -3], np.r_[np.ones(N), 0, 0]
    weighter = RelevanceWeighter(method=method)
    weights = weighter.fit_transform(y, s)
    expected = clone(weighter).fit(ANGLES)
    assert_array_equal(weighter.control_points_, expected.control_points_)
    assert_array_equal(weights, expected.transform(y))


@level
@every_weighter
def test_fit_transform_is_fit_and_transform(weighter):
    fitted = clone(weighter).fit(ANGLES)
    weights = clone(weighter).fit_transform(ANGLES)
    assert_array_equal(fitted.transform(ANGLES), weights)
    assert_array_equal(fitted.transform(list(ANGLES[:3])), weights[:3])
    assert_array_equal(clone(weighter).fit_transform(pd.Series(ANGLES)), weights)
    assert_array_equal(clone(weighter).fit_transform(pl.Series(ANGLES)), weights)
    single = ANGLES.astype(np.float32)
    assert_allclose(
        clone(weighter).fit_transform(single), weights, rtol=1e-4, atol=1e-9
    )


@heavy
@every_target
@pytest.mark.parametrize("method", ["boxplot", "adjbox"])
def test_phi_has_no_unit_and_a_mirror(y, method):
    weighter = RelevanceWeighter(method=method)
    y = y / np.abs(y).max()
    phi = weighter.fit(y).relevance(y)
    assert_allclose(weighter.fit(-y).relevance(-y), phi, atol=1e-9)
    for unit in (1e-290, 1e-6, 1e5, 1e300):
        assert_allclose(weighter.fit(unit * y).relevance(unit * y), phi, atol=1e-9)


@pytest.mark.parametrize("method", ["boxplot", "adjbox"])
def test_numbers_at_the_ends_of_floating_point(method):
    weighter = RelevanceWeighter(method=method)
    weights = weighter.fit_transform(ANGLES)
    tiny = clone(weighter).fit_transform(ANGLES, np.full(N, 1e-300))
    assert_allclose(tiny, weights, rtol=1e-12)
    half = clone(weighter).fit_transform(ANGLES.astype(np.float16))
    assert_allclose(half, weights, rtol=0.05, atol=0.01)
    subnormal = clone(weighter).fit_transform(ANGLES * 1e-311)
    assert_allclose(subnormal, weights, rtol=1e-6, atol=1e-6)


def test_sign_of_zero_does_not_matter():
    y = [-0.0, 0.0, -0.0, 0.0, 1, -1, 8, -9]
    weighter = RelevanceWeighter().fit(y)
    assert_array_equal(weighter.relevance([0.0, -0.0]), 0)
    assert not np.signbit(weighter.control_points_[1]).any()


def test_several_outputs_have_points_each():
    y = np.column_stack([ANGLES, np.exp(ANGLES / 20)])
    weighter = RelevanceWeighter(multioutput="max").fit(ANGLES)
    weights = weighter.fit_transform(y)
    parts = [RelevanceWeighter().fit(column) for column in y.T]
    expected = np.max([p.transform(c) for p, c in zip(parts, y.T, strict=True)], axis=0)
    assert_allclose(weights, expected / expected.mean(), rtol=1e-12)
    for column, part in zip(weighter.columns_, parts, strict=True):
        assert_array_equal(column.control_points_, part.control_points_)
    with pytest.raises(NotFittedError, match=r"a relevance each.*columns_ holds"):
        weighter.relevance(ANGLES)
    weighter.fit(ANGLES)
    assert_array_equal(weighter.control_points_, parts[0].control_points_)
    with pytest.raises(ValueError, match='multioutput="raise"'):
        RelevanceWeighter().fit(y)


def test_a_warning_of_an_output_is_heard():
    y = np.column_stack([ANGLES, np.arange(N)])
    with pytest.warns(UserWarning, match="No target is relevant"):
        RelevanceWeighter(multioutput="mean").fit(y)


def test_a_few_relevant_rows_warn():
    with pytest.warns(
        UserWarning, match=r"effective sample size.*a higher floor, max_"
    ):
        RelevanceWeighter([(30, 0), (31, 1)], floor=0).fit(ANGLES)


def test_a_failed_fit_leaves_the_last_one():
    weighter = RelevanceWeighter().fit(ANGLES)
    points = weighter.control_points_
    with pytest.raises(ValueError, match="Input y contains NaN"):
        weighter.fit([1, np.nan])
    assert_array_equal(weighter.control_points_, points)
    assert weighter.transform(ANGLES).mean() == pytest.approx(1)


# --- Bad input ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "points",
    [
        [(40, 1), (0, 0)],
        [(0, 0), (0, 1)],
        [(0, 0), (40, 1.1)],
        [(0, -0.1), (40, 1)],
        [(0, np.nan), (40, 1)],
        [(np.nan, 0), (40, 1)],
        [(0, 0), (np.inf, 1)],
        [(-1.7e308, 0), (1.7e308, 1)],
        [(0, 0, 0), (40, 1, 0)],
        [0, 40],
        [],
        [("a", 0)],
        [(0, 0), (1,)],
    ],
    ids=repr,
)
def test_bad_control_points_are_named(points):
    message = "control_points must be pairs of a target, strictly increasing.*got "
    for method in (RelevanceWeighter.fit, RelevanceWeighter.relevance):
        with pytest.raises(ValueError, match=message):
            method(RelevanceWeighter(points), ANGLES)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"control_points": 3}, r"'control_points' parameter.*array-like.*Got 3"),
        ({"floor": -0.1}, r"'floor' parameter.*\[0\.0, 1\.0\].*Got -0\.1"),
        ({"floor": 1.1}, r"'floor' parameter.*Got 1\.1"),
        ({"method": "iqr"}, r"'method' parameter.*'adjbox'.*Got 'iqr'"),
        ({"max_weight": 0.5}, r"'max_weight' parameter.*Got 0\.5"),
        ({"min_effective": -1}, r"'min_effective' parameter.*Got -1"),
    ],
)
def test_bad_parameters_are_named(params, message):
    with pytest.raises(ValueError, match=message):
        RelevanceWeighter(**params).fit(ANGLES)


@pytest.mark.parametrize(
    ("y", "sample_weight", "message"),
    [
        ([1, np.inf], None, "Input y contains infinity"),
        ([-2e306, 1e305, 1], None, r"y must be at most 1e\+306 in size.*larger unit"),
        ([1, 2], [0, 0], "sample_weight is zero for every sample"),
        ([1, 2], [1, -1], "sample_weight must not be negative"),
    ],
)
def test_bad_targets_and_weights_are_named(y, sample_weight, message):
    with pytest.raises(ValueError, match=message):
        RelevanceWeighter().fit(y, sample_weight)


def test_relevance_needs_finite_targets_of_one_output():
    weighter = RelevanceWeighter([(0, 0), (1, 1)])
    with pytest.raises(ValueError, match="Input y contains NaN"):
        weighter.relevance([np.nan])
    with pytest.raises(ValueError, match="should be a 1d array"):
        weighter.relevance([[1, 2], [3, 4]])
