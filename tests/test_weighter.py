"""Tests of what all weighters share: mean 1, cap, effective rows, several outputs."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import compute_sample_weight

from skrobust import (
    BucketWeighter,
    DensityWeighter,
    RelevanceWeighter,
    TargetBuckets,
)
from skrobust._weighter import StrengthWeighter, Weighter

pytestmark = pytest.mark.filterwarnings("ignore:The weights leave an effective")

RNG = np.random.default_rng(0)
Y = np.r_[RNG.normal(scale=8, size=300), RNG.uniform(-80, 80, size=25)]
Y2 = np.c_[Y, RNG.permutation(np.abs(Y)), RNG.standard_t(3, size=len(Y))]
S = RNG.integers(0, 4, len(Y)).astype(float)
SAMPLE_WEIGHTS = {"equal": None, "integer": S, "tiny": 1e-9 * RNG.exponential(size=325)}
WIDE = TargetBuckets(5, 40, symmetric=True)


class Strength(StrengthWeighter):
    """Weighter whose strengths are the targets themselves."""

    def __init__(self, max_weight=None, min_effective=None, multioutput="raise"):
        self.max_weight = max_weight
        self.min_effective = min_effective
        self.multioutput = multioutput

    def _learn(self, y, s):
        self.largest_ = y.max()

    def _strength(self, y):
        return y.astype(float)


FAMILIES = [
    BucketWeighter(),
    BucketWeighter(WIDE, power=0.5),
    BucketWeighter(WIDE, smoothing=4.0, beta=0.99, max_ratio=20),
    BucketWeighter(WIDE, smoothing="dir"),
    BucketWeighter([-20, 0, 20], target=[1, 2, 3, 2]),
    DensityWeighter(),
    DensityWeighter(alpha=0.5),
    DensityWeighter(power=0.5),
    RelevanceWeighter(),
    RelevanceWeighter([(-40, 1), (0, 0), (40, 1)], floor=0.3),
]
SETTINGS = [
    {},
    {"max_weight": 1.4},
    {"min_effective": 0.9},
    {"max_weight": 1.6, "min_effective": 0.93},
]
WEIGHTERS = [clone(w).set_params(**p) for w in FAMILIES for p in SETTINGS]
every_family = pytest.mark.parametrize("weighter", FAMILIES, ids=repr)
every_weighter = pytest.mark.parametrize("weighter", WEIGHTERS, ids=repr)
every_sample_weight = pytest.mark.parametrize(
    "s", SAMPLE_WEIGHTS.values(), ids=SAMPLE_WEIGHTS
)
every_way = pytest.mark.parametrize("how", ["mean", "max", "product"])


def effective_share(weights, s=None):
    s = np.ones(len(weights)) if s is None else s
    return (s @ weights) ** 2 / (s @ weights**2) / s.sum()


@every_weighter
@every_sample_weight
def test_weights_have_mean_one_under_the_cap(weighter, s):
    weighter = clone(weighter)
    weights = weighter.fit_transform(Y, s)
    assert weights.shape == Y.shape
    assert weights.dtype == np.float64
    assert np.average(weights, weights=s) == pytest.approx(1, rel=1e-12)
    assert weights.min() > 0
    assert weights.max() <= (weighter.max_weight or np.inf)
    new = weighter.transform(np.linspace(-200, 200, 999))
    assert new.max() <= (weighter.max_weight or np.inf)


@every_weighter
@every_sample_weight
def test_effective_size_is_known_and_kept(weighter, s):
    weighter = clone(weighter)
    weights = weighter.fit_transform(Y, s)
    n = len(Y) if s is None else s.sum()
    assert weighter.effective_size_ == pytest.approx(n * effective_share(weights, s))
    assert weighter.effective_size_ >= (weighter.min_effective or 0) * n * (1 - 1e-15)
    assert 0 < weighter.exponent_ <= 1


@every_family
@pytest.mark.parametrize("least", [0.5, 0.9, 0.99, 1 - 1e-9])
@pytest.mark.parametrize("cap", [None, 1.8])
def test_exponent_is_the_largest_that_leaves_enough_rows(weighter, least, cap):
    free = clone(weighter).set_params(max_weight=cap)
    strength = clone(weighter).fit_transform(Y, S)
    kept = clone(free).set_params(min_effective=least).fit(Y, S)
    if effective_share(free.fit_transform(Y, S), S) >= least:
        assert kept.exponent_ == 1
        return

    def share(exponent):
        toy = Strength(max_weight=cap)
        return effective_share(toy.fit_transform(strength**exponent, S), S)

    assert share(kept.exponent_) == pytest.approx(least, abs=1e-12)
    assert share(kept.exponent_ + 1e-3) < least


@every_family
def test_no_rows_to_lose_leaves_weights_of_one(weighter):
    weighter = clone(weighter).set_params(min_effective=1)
    assert_allclose(weighter.fit_transform(Y), 1, rtol=1e-15)
    assert weighter.exponent_ == 0
    assert weighter.effective_size_ == len(Y)


@every_weighter
def test_integer_weights_are_repeated_rows(weighter):
    weighted = clone(weighter).fit(Y, S)
    repeated = clone(weighter).fit(np.repeat(Y, S.astype(int)))
    assert_allclose(weighted.transform(Y), repeated.transform(Y), rtol=1e-10)
    assert weighted.effective_size_ == pytest.approx(repeated.effective_size_)


@every_weighter
def test_a_row_of_weight_zero_is_not_there(weighter):
    there = S > 0
    far = np.where(there, Y, 1e3 * Y)
    weights = clone(weighter).fit_transform(far, S)
    alone = clone(weighter).fit_transform(Y[there], S[there])
    assert_allclose(weights[there], alone, rtol=1e-12)


@every_weighter
@every_sample_weight
def test_fit_transform_is_fit_and_transform(weighter, s):
    fitted = clone(weighter).fit(Y, s)
    assert_array_equal(clone(weighter).fit_transform(Y, s), fitted.transform(Y))


@every_family
@pytest.mark.parametrize(
    "kind", [list, pd.Series, pl.Series, lambda y: y[:, None], lambda y: y[::-1][::-1]]
)
def test_targets_may_come_in_any_form(weighter, kind):
    expected = clone(weighter).fit_transform(Y)
    fitted = clone(weighter).fit(kind(Y))
    assert_array_equal(fitted.transform(kind(Y)), expected)
    weighted = clone(weighter).fit_transform(Y, S)
    assert_array_equal(clone(weighter).fit_transform(kind(Y), list(S)), weighted)


@every_family
def test_integer_and_single_precision_targets(weighter):
    whole = np.rint(Y)
    expected = clone(weighter).fit_transform(whole)
    for dtype in [np.int64, np.int8, np.float32]:
        weights = clone(weighter).fit_transform(whole.astype(dtype))
        assert_allclose(weights, expected, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:No target is relevant")
@every_family
@pytest.mark.parametrize("y", [[3.0], [3, 3, 3], [-0.0, 0.0]])
def test_weights_of_a_constant_target_are_one(weighter, y):
    assert_allclose(clone(weighter).fit_transform(y), 1, rtol=1e-15)


@every_weighter
def test_a_fitted_weighter_can_be_stored(weighter):
    fitted = clone(weighter).fit(Y, S)
    stored = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(stored.transform(Y), fitted.transform(Y))
    assert not hasattr(clone(fitted), "effective_size_")


# Several outputs


@every_family
@every_way
@every_sample_weight
def test_outputs_are_combined_and_scaled(weighter, how, s):
    weighter = clone(weighter).set_params(multioutput=how)
    weights = weighter.fit_transform(Y2, s)
    columns = [clone(weighter).fit_transform(y, s) for y in Y2.T]
    function = {"mean": np.mean, "max": np.max, "product": np.prod}[how]
    expected = function(columns, axis=0)
    expected /= np.average(expected, weights=s)
    assert_allclose(weights, expected, rtol=1e-12)
    assert_array_equal(weighter.transform(Y2), weights)
    new = Y2[:7] + 1
    parts = [c.transform(y) for c, y in zip(weighter.columns_, new.T, strict=True)]
    factor = weights[0] / function(columns, axis=0)[0]
    assert_allclose(weighter.transform(new), factor * function(parts, axis=0))
    assert weighter.n_outputs_ == 3


def test_product_of_outputs_is_that_of_scikit_learn():
    y = RNG.integers(0, 4, size=(200, 2))
    weights = BucketWeighter([1, 2, 3], multioutput="product").fit_transform(y)
    theirs = compute_sample_weight("balanced", y)
    assert_allclose(weights, theirs / theirs.mean(), rtol=1e-12)


@every_way
@pytest.mark.parametrize("cap", [1.0, 1.5, 3.0])
def test_outputs_together_keep_cap_and_rows(how, cap):
    weighter = BucketWeighter(max_weight=cap, min_effective=0.8, multioutput=how)
    weights = weighter.fit_transform(Y2, S)
    assert np.average(weights, weights=S) == pytest.approx(1, rel=1e-12)
    assert weights.max() <= cap
    assert effective_share(weights, S) >= 0.8 * (1 - 1e-12)


@every_family
@pytest.mark.parametrize("column", [0, 2, np.int64(1)])
def test_one_output_may_decide(weighter, column):
    weighter = clone(weighter).set_params(multioutput=column).fit(Y2, S)
    alone = clone(weighter).set_params(multioutput="raise").fit(Y2[:, column], S)
    assert_array_equal(weighter.transform(Y2), alone.transform(Y2[:, column]))
    assert weighter.n_outputs_ == 3


@every_family
@every_way
def test_one_output_is_itself_however_combined(weighter, how):
    combined = clone(weighter).set_params(multioutput=how)
    expected = clone(weighter).fit_transform(Y)
    assert_array_equal(combined.fit_transform(Y[:, None]), expected)


@every_family
def test_outputs_may_be_a_frame(weighter):
    weighter = clone(weighter).set_params(multioutput="mean")
    expected = clone(weighter).fit_transform(Y2)
    for frame in [pd.DataFrame(Y2), pl.DataFrame(Y2), Y2.tolist()]:
        assert_array_equal(weighter.fit_transform(frame), expected)


@every_family
def test_several_outputs_raise_unless_told(weighter):
    with pytest.raises(
        ValueError,
        match=r"y should be a 1d array, got an array of shape \(325, 3\) instead.*"
        r"multioutput='mean' or 'max' or 'product'.*column that decides",
    ):
        clone(weighter).fit(Y2)


@pytest.mark.parametrize(
    ("how", "y", "message"),
    [
        (3, Y2, "multioutput=3 is the column that decides, but y has 3, from 0 to 2"),
        (1, Y, "multioutput=1 is the column that decides, but y has 1, from 0 to 0"),
        (-1, Y2, "'multioutput' parameter.*Got -1"),
        ("median", Y2, "'multioutput' parameter.*Got 'median'"),
        (True, Y2, "multioutput=True is no column.*Name one by its number"),
        (False, Y, "multioutput=False is no column.*Name one by its number"),
        (0, Y2[None], r"Found array with dim 3|should be a 1d array"),
    ],
)
def test_what_cannot_be_combined_is_named(how, y, message):
    for weighter in [BucketWeighter(multioutput=how), Strength(multioutput=how)]:
        with pytest.raises(ValueError, match=message):
            weighter.fit(y)


@every_family
def test_transform_wants_as_many_outputs(weighter):
    fitted = clone(weighter).set_params(multioutput="mean").fit(Y2)
    name = type(weighter).__name__
    with pytest.raises(
        ValueError, match=rf"y has 2 outputs, but {name} was fitted to 3\."
    ):
        fitted.transform(Y2[:, :2])
    with pytest.raises(
        ValueError, match=rf"y has 1 outputs, but {name} was fitted to 3\."
    ):
        fitted.transform(Y)
    with pytest.raises(
        ValueError, match=rf"y has 3 outputs, but {name} was fitted to 1\."
    ):
        fitted.fit(Y).transform(Y2)


# The scale


STRENGTHS = {
    "heavy tail": np.exp(2 * RNG.normal(size=500)),
    "ties": np.r_[np.full(400, 0.5), np.full(80, 3.0), np.full(20, 70.0)],
    "geometric": 0.5 ** np.arange(1000.0),  # no two are capped in the same step
    "huge": 1e300 * RNG.uniform(size=50),
    "tiny": 1e-300 * RNG.uniform(0.5, 1, size=50),
    "zeros": np.r_[np.zeros(30), RNG.uniform(size=70)],
}
every_strength = pytest.mark.parametrize("u", STRENGTHS.values(), ids=STRENGTHS)


@every_strength
@pytest.mark.parametrize("cap", [None, 1.0, 1.001, 1.5, 3.0, 20.0, 1e4])
@pytest.mark.parametrize("weighted", [False, True])
def test_cap_is_water_filling(u, cap, weighted):
    s = RNG.exponential(size=len(u)) if weighted else np.ones(len(u))
    present = s[u > 0].sum() / s.sum()
    cap = None if cap is None else cap / present
    weighter = Strength(max_weight=cap).fit(u, s)
    weights = weighter.transform(u)
    assert np.average(weights, weights=s) == pytest.approx(1, rel=1e-12)
    most = np.inf if cap is None else cap
    assert weights.max() <= most
    v = np.maximum(u / u.max(), 1e-200 * (u > 0))
    low, high = -1.0, np.log(2 * most / v[v > 0].min()) if cap else 30.0

    def surplus(log_t):
        return np.average(np.minimum(np.exp(log_t) * v, most), weights=s) - 1

    if surplus(high) > 1e-9:  # else every weight is the cap, and t may be anything
        t = np.exp(brentq(surplus, low, high, xtol=1e-14))
        assert_allclose(weights, np.minimum(t * v, most), rtol=1e-9)
    assert_array_equal(weights == 0, u == 0)


@every_strength
def test_new_targets_are_weighed_on_the_same_scale(u):
    weighter = Strength(max_weight=2.0).fit(u)
    weights = weighter.transform(u)
    free = (weights < 2) & (weights > 0)
    if free.any():
        first = np.flatnonzero(free)[0]
        half, above = weighter.transform([u[first] / 2, 10 * u.max()])
        assert half == pytest.approx(weights[first] / 2)
        assert above == 2


def test_strengths_of_zero_weigh_nothing_and_still_leave_mean_one():
    weights = Strength().fit_transform([0, 0, 1, 3])
    assert_allclose(weights, [0, 0, 1, 3])
    with pytest.raises(
        ValueError,
        match=r"share of 0\.5 of the rows has weight 0.*mean of 2, which .*=1\.9",
    ):
        Strength(max_weight=1.9).fit([0, 0, 1, 3])
    assert_allclose(Strength(max_weight=2).fit_transform([0, 0, 1, 3]), [0, 0, 2, 2])


def test_strengths_that_are_all_zero_are_an_error():
    with pytest.raises(ValueError, match=r"strength 0, so no.*Give at least"):
        Strength().fit([0, 0])
    with pytest.raises(ValueError, match=r"strength 0, so no.*Give at least"):
        Strength().fit([0, 5], sample_weight=[1, 0])


def test_zero_strengths_yield_where_too_many_rows_would_be_lost():
    u = np.r_[np.zeros(30), np.ones(70)]
    kept = Strength(min_effective=0.7).fit(u)
    assert kept.exponent_ == 1
    every = Strength(min_effective=0.71)
    assert_array_equal(every.fit_transform(u), 1)
    assert every.exponent_ == 0


# Warnings, errors, state


@pytest.mark.filterwarnings("default:The weights leave an effective")
@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_few_effective_rows_are_warned_of_where_fit_was_called(method):
    y = [1] * 999 + [50]
    with pytest.warns(
        UserWarning,
        match=r"effective sample size \(effective_size_\) of 1 % of the rows.*"
        "lower power.*max_weight.*min_effective",
    ) as caught:
        getattr(BucketWeighter([10]), method)(y)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        getattr(BucketWeighter([10], min_effective=0.1), method)(y)
        getattr(BucketWeighter([10], multioutput="max"), method)([[1, 2], [3, 4]])


@pytest.mark.filterwarnings("default:The weights leave an effective")
def test_outputs_are_warned_of_once_and_together():
    y = np.ones((1000, 2))
    y[0] = 50
    with pytest.warns(UserWarning, match=r"effective sample size .* of 1 %") as caught:
        BucketWeighter([10], multioutput="mean").fit(y)
    assert len(caught) == 1


@every_weighter
def test_a_failing_fit_leaves_the_last_one_as_it_was(weighter):
    fitted = clone(weighter).fit(Y, S)
    before = fitted.transform(Y)
    names = set(vars(fitted))
    for y, s in [([1, np.nan], None), (Y2, None), (Y, -S), ([], None)]:
        with pytest.raises(ValueError, match=r"NaN|1d array|negative|0 sample"):
            fitted.fit(y, s)
    fitted.max_weight = 0.5
    with pytest.raises(ValueError, match=r"'max_weight' parameter.*Got 0\.5"):
        fitted.fit(Y)
    assert set(vars(fitted)) == names
    assert_array_equal(fitted.transform(Y), before)


@every_family
def test_a_failing_first_fit_leaves_nothing(weighter):
    weighter = clone(weighter)
    names = set(vars(weighter))
    with pytest.raises(ValueError, match="1d array"):
        weighter.fit(Y2)
    assert set(vars(weighter)) == names
    with pytest.raises(NotFittedError, match="instance is not fitted"):
        weighter.transform(Y)


@every_family
def test_a_second_fit_keeps_nothing_of_the_first(weighter):
    twice = clone(weighter).set_params(multioutput="mean").fit(Y2).fit(Y, S)
    once = clone(weighter).set_params(multioutput="mean").fit(Y, S)
    assert set(vars(twice)) == set(vars(once))
    assert_array_equal(twice.transform(Y), once.transform(Y))


@every_family
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"max_weight": 0.9}, r"'max_weight' parameter.*\[1\.0, inf\).*Got 0\.9"),
        (
            {"min_effective": 1.1},
            r"'min_effective' parameter.*\[0\.0, 1\.0\].*Got 1\.1",
        ),
        ({"min_effective": -0.1}, r"'min_effective' parameter.*Got -0\.1"),
        ({"multioutput": "sum"}, r"'multioutput' parameter.*Got 'sum'"),
    ],
)
def test_bad_parameters_are_named(weighter, params, message):
    with pytest.raises(ValueError, match=message):
        clone(weighter).set_params(**params).fit(Y)


@every_family
@pytest.mark.parametrize(
    ("y", "s", "message"),
    [
        ([1, np.nan], None, "Input y contains NaN"),
        ([1, np.inf], None, "Input y contains infinity"),
        ([[1, np.nan], [2, 3]], None, "Input y contains NaN"),
        ([], None, "0 sample"),
        ([1, 2], [0, 0], "sample_weight is zero for every sample"),
        ([1, 2], [1, -1], "sample_weight must not be negative"),
        ([1, 2], [1], "Give one weight a sample"),
    ],
)
def test_bad_targets_and_weights_are_named(weighter, y, s, message):
    weighter = clone(weighter).set_params(multioutput="mean")
    with pytest.raises(ValueError, match=message):
        weighter.fit(y, s)


def test_a_base_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Weighter()
    with pytest.raises(TypeError, match="abstract"):
        StrengthWeighter()
