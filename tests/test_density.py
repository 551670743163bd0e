"""Tests of the weights by density."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skrobust import DensityWeighter
from skrobust.density import MOST_CELLS, GridDensity

DATA = Path(__file__).parent / "data" / "denseweight.json"
PACKAGE = json.loads(DATA.read_text(encoding="utf-8"))["sets"]
RNG = np.random.default_rng(0)
N = 400
ANGLES = np.r_[RNG.normal(scale=8, size=370), RNG.uniform(-80, 80, size=30)]
TARGETS = {
    "angles": ANGLES,
    "lognormal": RNG.lognormal(sigma=1.5, size=N),
    "cauchy": RNG.standard_cauchy(N),
    "counts": RNG.poisson(2, N).astype(float),
    "spike": np.r_[np.zeros(300), RNG.normal(scale=5, size=100)],
    "far": np.r_[RNG.normal(size=N - 1), 1e6],
    "two values": np.repeat([0.0, 1.0], [N - 20, 20]),
    "tiny": 1e-6 * ANGLES,
    "offset": 1e6 + ANGLES,
    "huge": 1e300 * ANGLES,
}
WEIGHTERS = [
    DensityWeighter(),
    DensityWeighter(alpha=0),
    DensityWeighter(alpha=0.5),
    DensityWeighter(alpha=3, eps=0.01),
    DensityWeighter(alpha=0.9, max_weight=1.5),
    DensityWeighter(alpha=0.9, min_effective=0.9),
    DensityWeighter(alpha=0.9, bandwidth="robust"),
    DensityWeighter(power=0.5),
    DensityWeighter(power=1, min_effective=0.5),
    DensityWeighter(power=0),
    DensityWeighter(power=0.5, bandwidth="robust", max_weight=3),
]
SAMPLE_WEIGHTS = {
    "equal": None,
    "integer": RNG.integers(0, 4, N),
    "tiny": 1e-9 * RNG.exponential(size=N),
}
BINNED = 4e-4  # a kernel's error, relative to its peak: 1 / 3 of 1 / 32 squared

every_target = pytest.mark.parametrize("y", TARGETS.values(), ids=TARGETS)
every_weighter = pytest.mark.parametrize("weighter", WEIGHTERS, ids=repr)
every_s = pytest.mark.parametrize("s", SAMPLE_WEIGHTS.values(), ids=SAMPLE_WEIGHTS)
heavy = pytest.mark.filterwarnings(
    "ignore:The weights leave an effective sample size:UserWarning"
)


def exact_density(y, s, h, at):
    """Return the kernel density at points over its peak, by the definition."""
    s = np.ones(len(y)) if s is None else s

    def density(points):
        apart = (np.ravel(points)[:, None] - y) / h
        return np.exp(-0.5 * np.clip(apart, -40, 40) ** 2) @ s

    # A peak is near a target; a step of h / 50 misses it by 5e-5 of its height.
    near = y[np.argsort(-density(y))[:5], None] + np.linspace(-1.5, 1.5, 151) * h
    return density(at) / density(near).max()


def rule(y, s=None):
    """Return 1.06 sd n ** (-1 / 5), where s repeats rows."""
    y = y if s is None else np.repeat(y, s)
    return 1.06 * np.std(y / np.abs(y).max()) * np.abs(y).max() * len(y) ** -0.2


@heavy
@every_target
@pytest.mark.parametrize("alpha", [0.5, 0.9, 2])
def test_weights_are_denseweights(y, alpha):
    p = exact_density(y, None, rule(y), y)
    expected = np.maximum(1 - alpha * p, 1e-6)
    expected /= expected.mean()
    weights = DensityWeighter(alpha=alpha).fit_transform(y)
    # What is off by BINNED in the density is so in proportion to the mean below.
    slack = 2 * alpha * BINNED * expected.max() * max(1, expected.max())
    assert_allclose(weights, expected, rtol=0, atol=slack)


@heavy
@every_target
@pytest.mark.parametrize("power", [0.5, 1])
def test_weights_are_a_power_of_the_density(y, power):
    p = exact_density(y, None, rule(y), y)
    low = np.sort(p)[int(np.ceil(0.01 * N)) - 1]
    expected = np.maximum(p, low) ** -power
    expected /= expected.mean()
    assert (p <= low).sum() >= 4  # some are at the bottom
    weights = DensityWeighter(power=power).fit_transform(y)
    assert_allclose(weights, expected, rtol=4 * BINNED)


@heavy
@pytest.mark.parametrize("name", PACKAGE)
def test_weights_are_those_of_the_package(name):
    """The package rounds a target down to a grid point: an error of up to 1e-2."""
    data = PACKAGE[name]
    y = np.array(data["y"])
    for alpha in (0.5, 1.0, 2.0):
        theirs = np.array(data[f"alpha {alpha}"])
        ours = DensityWeighter(alpha=alpha).fit(y)
        assert_allclose(ours.transform(y), theirs, atol=1e-2 * theirs.max(), rtol=0)
    density = ours._density(y)
    assert_allclose(density, data["density"], atol=1e-2, rtol=0)


@every_target
@pytest.mark.parametrize("width", [0.02, 0.3, 5])
def test_grid_density_is_the_exact_one(y, width):
    quartiles = np.quantile(y, [0.25, 0.75])
    h = width * max(quartiles[1] - quartiles[0], 1e-3 * np.std(y / y.max()) * y.max())
    unit = 2.0 ** np.floor(np.log2(np.abs(y).max()))
    grid = GridDensity.of(y, None, unit, h)
    at = np.r_[y, y + h / 3, y - 2 * h, RNG.uniform(*quartiles, size=200)]
    error = np.abs(grid(at) - exact_density(y, None, h, at))
    assert error.max() < BINNED
    assert grid.values.max() == 1
    assert grid.values.min() >= 0


@pytest.mark.parametrize("s", [SAMPLE_WEIGHTS["integer"], SAMPLE_WEIGHTS["tiny"]])
def test_grid_density_counts_by_weight(s):
    grid = GridDensity.of(ANGLES, s.astype(float), 64.0, 3.0)
    error = np.abs(grid(ANGLES) - exact_density(ANGLES, s, 3.0, ANGLES))
    assert error.max() < BINNED


def test_one_target_far_away_costs_no_resolution():
    core = RNG.normal(size=5000)
    alone = DensityWeighter(alpha=0.9, bandwidth=0.2).fit(core)
    with_far = DensityWeighter(alpha=0.9, bandwidth=0.2).fit(np.r_[core, 1e6, -1e9])
    assert len(with_far._density.values) < 3 * len(alone._density.values)
    at = np.linspace(-4, 4, 1001)
    assert_allclose(with_far._density(at), alone._density(at), atol=2 * BINNED)


@pytest.mark.parametrize("sigma", [0.1, 1, 3])
def test_grid_is_small_however_heavy_the_tail(sigma):
    y = np.random.default_rng(1).lognormal(sigma=sigma, size=100_000)
    weighter = DensityWeighter(alpha=0.9).fit(y)
    assert len(weighter._density.values) < 50_000
    y = np.random.default_rng(1).standard_cauchy(100_000)
    robust = DensityWeighter(alpha=0.9, bandwidth="robust").fit(y)
    assert len(robust._density.values) < MOST_CELLS / 10


def test_robust_bandwidth_sees_what_heavy_tails_blur():
    y = np.random.default_rng(1).standard_cauchy(10_000)
    blurred = DensityWeighter(alpha=0.9).fit(y)
    robust = DensityWeighter(alpha=0.9, bandwidth="robust").fit(y)
    mad = np.median(np.abs(y - np.median(y)))
    expected = 1.06 * 1.482602218505602 * mad * 10_000**-0.2  # 1 / norm.ppf(0.75)
    assert robust.bandwidth_ == pytest.approx(expected, rel=1e-12)
    at = np.array([0.0, 3.0])  # where the density of Cauchy's is 1 and 0.1 of its peak
    assert_allclose(robust._density(at), [1, 0.1], atol=0.03)
    assert np.ptp(blurred._density(at)) < 0.1


def test_robust_bandwidth_of_a_spike_is_that_of_the_rule():
    y = TARGETS["spike"]  # with a median absolute deviation of 0
    robust = DensityWeighter(alpha=0.9, bandwidth="robust").fit(y)
    assert robust.bandwidth_ == pytest.approx(rule(y), rel=1e-12)


@every_target
def test_bandwidth_is_by_the_rule(y):
    s = SAMPLE_WEIGHTS["integer"]
    fitted = DensityWeighter(alpha=0.9).fit(y)
    assert fitted.bandwidth_ == pytest.approx(rule(y), rel=1e-9)
    fitted.fit(y, s)
    assert fitted.bandwidth_ == pytest.approx(rule(y, s), rel=1e-9)
    assert clone(fitted).set_params(bandwidth=3.5).fit(ANGLES).bandwidth_ == 3.5


@heavy
@every_weighter
@every_target
@every_s
def test_weighted_mean_is_one(weighter, y, s):
    weights = clone(weighter).fit_transform(y, s)
    assert weights.shape == y.shape
    assert weights.min() > 0
    assert np.average(weights, weights=s) == pytest.approx(1, rel=1e-12)


@heavy
@every_weighter
@every_target
def test_integer_weights_are_repeated_rows(weighter, y):
    s = SAMPLE_WEIGHTS["integer"]
    weighted = clone(weighter).fit(y, s)
    repeated = clone(weighter).fit(np.repeat(y, s))
    at = np.r_[y[s > 0], y.min() - np.ptp(y), y.max() + np.ptp(y) / 2]
    assert_allclose(weighted.transform(at), repeated.transform(at), rtol=1e-6)


@every_weighter
def test_scale_of_the_weights_does_not_matter_below_one_row_each(weighter):
    s = SAMPLE_WEIGHTS["tiny"]
    first = clone(weighter).fit_transform(ANGLES, s)
    second = clone(weighter).fit_transform(ANGLES, s * 2.0**-20)
    assert_allclose(first, second, rtol=1e-9)


@every_weighter
def test_fit_transform_is_fit_and_transform(weighter):
    fitted = clone(weighter).fit(ANGLES)
    assert_array_equal(fitted.transform(ANGLES), clone(weighter).fit_transform(ANGLES))
    assert_array_equal(fitted.transform(list(ANGLES)), fitted.transform(ANGLES))
    for series in (pd.Series(ANGLES), pl.Series(ANGLES)):
        assert_array_equal(
            clone(weighter).fit_transform(series), fitted.transform(ANGLES)
        )
    assert_allclose(fitted.transform(ANGLES[:3]), fitted.transform(ANGLES)[:3])


@heavy
@every_weighter
@every_target
def test_the_unit_of_the_target_does_not_matter(weighter, y):
    weights = clone(weighter).fit_transform(y / np.abs(y).max())
    for unit in (1e-300, 1e-6, 2.0**-20, 1e5):
        scaled = clone(weighter).fit_transform(unit * (y / np.abs(y).max()))
        assert_allclose(scaled, weights, rtol=1e-5, atol=1e-9)


@every_weighter
def test_weights_are_mirrored_and_moved_with_the_target(weighter):
    weights = clone(weighter).fit_transform(ANGLES)
    mirrored = clone(weighter).fit_transform(-ANGLES)
    slack = 3 * BINNED * weights.max()
    assert_allclose(mirrored, weights, atol=slack, rtol=0)
    moved = clone(weighter).fit_transform(ANGLES + 2.0**20)
    assert_allclose(moved, weights, atol=slack, rtol=0)


@every_weighter
def test_single_precision_changes_the_weights_as_little(weighter):
    single = ANGLES.astype(np.float32)
    weights = clone(weighter).fit_transform(single)
    assert weights.dtype == np.float64
    expected = clone(weighter).fit_transform(single.astype(np.float64))
    assert_array_equal(weights, expected)
    assert_allclose(weights, clone(weighter).fit_transform(ANGLES), rtol=1e-4)


def test_integer_targets_are_numbers():
    y = [0] * 40 + [5] * 20 + [10] * 10 + [20]
    weighter = DensityWeighter(alpha=0.9).fit(y)
    assert_array_equal(weighter.transform(y), weighter.transform(np.array(y, float)))
    assert (np.diff(weighter.transform([0, 5, 10, 20])) > 0).all()


@heavy
@every_target
@pytest.mark.parametrize("params", [{}, {"alpha": 0.9}, {"power": 0.5}], ids=repr)
def test_an_unseen_target_far_away_has_the_largest_weight(y, params):
    weighter = DensityWeighter(**params).fit(y)
    h = weighter.bandwidth_
    far = [y.min() - 9 * h, y.max() + 9 * h, y.max() + 1e6 * h, -1.7e308, 1.7e308]
    found = weighter.transform(far)
    assert_array_equal(found, found[0])
    largest = weighter.transform(y).max()
    assert found[0] >= largest
    if "power" in params:
        assert found[0] == pytest.approx(largest, rel=1e-12)


def test_weights_go_to_the_largest_without_a_step():
    weighter = DensityWeighter(alpha=0.9).fit([0.0, 1.0, 100.0])
    h = weighter.bandwidth_
    at = np.linspace(-10 * h, 100 + 10 * h, 20_001)
    slope = np.abs(np.diff(weighter.transform(at))) / np.diff(at) * h
    # The slope of a normal curve is at most 0.61 of its peak.
    assert slope.max() < 0.62 * weighter.transform([-1e9]).max()


def test_density_between_two_pieces_of_grid_is_zero():
    grid = GridDensity.of(np.array([0.0, 1.0, 500.0]), None, 256.0, 1.0)
    assert len(grid.starts) == 2
    assert_array_equal(grid(np.array([-9.0, 9.0, 250.0, 491.0, 509.0])), 0)
    assert grid(np.array([500.0]))[0] == pytest.approx(0.5 / np.exp(-0.125), rel=1e-3)
    ends = np.array([-7.0, 8.0, 493.0, 507.0])
    assert (grid(ends) < 1e-9).all()


@every_weighter
@pytest.mark.parametrize("y", [[3.0], [3, 3, 3], [-0.0, 0.0], [1e-300] * 4])
def test_weights_of_a_constant_target_are_one(weighter, y):
    fitted = clone(weighter)
    assert_array_equal(fitted.fit_transform(y), 1)
    assert_array_equal(fitted.transform([y[0], y[0] + 5, -1e9]), 1)
    assert fitted.bandwidth_ == 0
    assert fitted.set_params(bandwidth=2).fit(y).bandwidth_ == 2


@pytest.mark.parametrize("y", [[1, 2], [0, 0, 5, 5], [1e-300, 2e-300]])
def test_targets_as_common_as_each_other_weigh_the_same(y):
    assert_allclose(DensityWeighter(alpha=0.5).fit_transform(y), 1, rtol=1e-3)
    assert_allclose(DensityWeighter(power=1).fit_transform(y), 1, rtol=1e-3)


def test_a_row_of_zero_weight_is_not_there():
    y = np.r_[ANGLES, 500.0, 1e9]
    s = np.r_[np.ones(N), 0, 0]
    weighter = DensityWeighter(alpha=0.9)
    weights = weighter.fit_transform(y, s)
    expected = clone(weighter).fit(ANGLES)
    assert_array_equal(weights, expected.transform(y))
    assert weighter.bandwidth_ == expected.bandwidth_


@heavy
@pytest.mark.parametrize("power", [0.3, 2])
def test_the_lowest_density_is_that_of_a_hundredth_of_the_weight(power):
    s = SAMPLE_WEIGHTS["integer"]
    weighter = DensityWeighter(power=power).fit(ANGLES, s)
    density = np.sort(np.repeat(weighter._density(ANGLES), s))
    low = density[int(np.ceil(0.01 * len(density))) - 1]
    expected = np.maximum(weighter._density(ANGLES), low) ** -power
    expected /= np.average(expected, weights=s)
    assert_allclose(weighter.transform(ANGLES), expected, rtol=1e-12)


def test_an_extreme_power_stays_finite():
    with pytest.warns(UserWarning, match="effective sample size .*alpha or power"):
        weights = DensityWeighter(power=1e4).fit_transform(ANGLES)
    assert np.isfinite(weights).all()
    assert weights.mean() == pytest.approx(1)


def test_numbers_at_the_ends_of_floating_point():
    weighter = DensityWeighter(alpha=0.9)
    weights = weighter.fit_transform(ANGLES)
    tiny = clone(weighter).fit_transform(ANGLES, np.full(N, 1e-300))
    assert_allclose(tiny, weights, rtol=1e-12)
    half = clone(weighter).fit_transform((ANGLES * 2.0**-3).astype(np.float16))
    assert_allclose(half, weights, rtol=0.01)
    subnormal = clone(weighter).fit_transform(ANGLES * 1e-311)
    assert_allclose(subnormal, weights, rtol=1e-6)


def test_several_outputs_need_a_say():
    y = np.column_stack([ANGLES, ANGLES[::-1] ** 2])
    with pytest.raises(ValueError, match='multioutput="raise"'):
        DensityWeighter().fit(y)
    weighter = DensityWeighter(alpha=0.9, multioutput="mean")
    weights = weighter.fit_transform(y)
    parts = [DensityWeighter(alpha=0.9).fit(column) for column in y.T]
    expected = np.mean(
        [p.transform(c) for p, c in zip(parts, y.T, strict=True)], axis=0
    )
    assert_allclose(weights, expected, rtol=1e-12)
    found = [column.bandwidth_ for column in weighter.columns_]
    assert found == [part.bandwidth_ for part in parts]
    first = DensityWeighter(alpha=0.9, multioutput=0).fit_transform(y)
    assert_array_equal(first, parts[0].transform(ANGLES))


def test_a_failed_fit_leaves_the_last_one():
    weighter = DensityWeighter(alpha=0.9).fit(ANGLES)
    before = weighter.transform(ANGLES)
    weighter.set_params(bandwidth=1e-12)
    with pytest.raises(ValueError, match="bandwidth has to be wide enough"):
        weighter.fit(RNG.normal(size=50_000))
    assert_array_equal(weighter.transform(ANGLES), before)


def test_transform_needs_fit():
    with pytest.raises(NotFittedError, match="DensityWeighter instance is not fitted"):
        DensityWeighter().transform(ANGLES)


@pytest.mark.parametrize("span", [1.0, 1e9])
def test_the_bandwidth_advised_is_wide_enough(span):
    y = np.random.default_rng(3).uniform(0, span, size=50_000)
    weighter = DensityWeighter(alpha=0.5, bandwidth=1e-15 * span)
    with pytest.raises(
        ValueError, match=r"bandwidth=1e-\d+ .*Give \S+ or more"
    ) as info:
        weighter.set_params(bandwidth=1e-15).fit(y)
    advised = float(str(info.value).split("Give ")[1].split(" ")[0])
    weighter.set_params(bandwidth=advised).fit(y)
    assert len(weighter._density.values) <= MOST_CELLS
    with pytest.raises(ValueError, match="bandwidth has to be wide enough"):
        weighter.set_params(bandwidth=advised / 1.5).fit(y)


@heavy
@pytest.mark.parametrize("bandwidth", [1e-300, 5e-324])
def test_the_narrowest_bandwidth_is_too_narrow_or_right(bandwidth):
    weighter = DensityWeighter(alpha=0.5, bandwidth=bandwidth)
    with pytest.raises(ValueError, match="bandwidth has to be wide enough"):
        weighter.fit([0, 0, 1])


@pytest.mark.parametrize("bandwidth", [1e9, 1e300])
def test_the_widest_bandwidth_knows_no_rare_target(bandwidth):
    weights = DensityWeighter(alpha=0.5, bandwidth=bandwidth).fit_transform(ANGLES)
    assert_allclose(weights, 1, rtol=1e-3)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"alpha": -0.1}, r"'alpha' parameter.*\[0\.0, inf\).*Got -0\.1"),
        ({"alpha": None}, r"'alpha' parameter.*Got None"),
        ({"alpha": np.inf}, r"'alpha' parameter.*Got inf"),
        ({"power": -1}, r"'power' parameter.*\[0\.0, inf\).*Got -1"),
        ({"power": 0.5, "alpha": 0.9}, r"not both; got alpha=0\.9, power=0\.5\. Leave"),
        ({"power": 0, "alpha": 0}, "not both; got alpha=0, power=0"),
        ({"bandwidth": 0}, r"'bandwidth' parameter.*\(0\.0, inf\).*Got 0"),
        ({"bandwidth": "scott"}, r"'bandwidth' parameter.*'robust'.*Got 'scott'"),
        ({"eps": -1e-9}, r"'eps' parameter.*\[0\.0, 1\.0\].*Got -1e-09"),
        ({"eps": 2}, r"'eps' parameter.*Got 2"),
        ({"max_weight": 0.9}, r"'max_weight' parameter.*Got 0\.9"),
        ({"min_effective": 2}, r"'min_effective' parameter.*Got 2"),
    ],
)
def test_bad_parameters_are_named(params, message):
    with pytest.raises(ValueError, match=message):
        DensityWeighter(**params).fit(ANGLES)


def test_weights_that_are_all_zero_are_an_error():
    weighter = DensityWeighter(alpha=2, eps=0)
    with pytest.raises(
        ValueError, match=r"strength 0.*Give eps above 0, or a lower alpha"
    ):
        weighter.fit([0, 0, 5, 5])


@pytest.mark.parametrize(
    ("y", "sample_weight", "message"),
    [
        ([1, np.nan], None, "Input y contains NaN"),
        ([1, np.inf], None, "Input y contains infinity"),
        ([1, 2], [0, 0], "sample_weight is zero for every sample"),
        ([1, 2], [1, -1], "sample_weight must not be negative"),
        ([1, 2], [1], "sample_weight.shape"),
    ],
)
def test_bad_targets_and_weights_are_named(y, sample_weight, message):
    with pytest.raises(ValueError, match=message):
        DensityWeighter().fit(y, sample_weight)
    with pytest.raises(NotFittedError, match="not fitted"):
        DensityWeighter().transform([1, 2])
