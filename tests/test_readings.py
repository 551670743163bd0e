"""Tests of what is read off a linear fit: tables, intervals, weights, densities."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.exceptions import NotFittedError

from skrobust import AdaptiveLossRegressor, general_dist, loss
from skrobust.conditioned import TargetConditioned

N = 50
COEF = np.array([1.0, -2.0])
ESTIMATORS = {
    "adaptive": AdaptiveLossRegressor(random_state=0),
    "learnt alpha": AdaptiveLossRegressor("adaptive", 1.5, random_state=0),
    "learnt c": AdaptiveLossRegressor(1.0, "adaptive", random_state=0),
    "welsch": AdaptiveLossRegressor("welsch", random_state=0),
    "bisquare": AdaptiveLossRegressor(loss="bisquare", random_state=0),
    "huber": AdaptiveLossRegressor(loss="huber", c=1.0),
    "squares": AdaptiveLossRegressor(2.0),
    "above two": AdaptiveLossRegressor(3.0, 2.0),
    "of y": AdaptiveLossRegressor(TargetConditioned(2, 0.0, 1.5), random_state=0),
    "alpha learnt, c of y": AdaptiveLossRegressor(
        "adaptive", TargetConditioned(2, 1.0, 2.0), random_state=0
    ),
    "both of y": AdaptiveLossRegressor(
        TargetConditioned(2, 0.5, 2.0), TargetConditioned(2, 1.0, 2.0), random_state=0
    ),
}
every_estimator = pytest.mark.parametrize("name", ESTIMATORS)
LEARNT = {
    "adaptive": ["alpha", "c"],
    "learnt alpha": ["alpha"],
    "learnt c": ["c"],
    "alpha learnt, c of y": ["alpha"],
}


def data(n=N, seed=0):
    """Return X and y of a plane with errors of the t distribution."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    return X, X @ COEF + 1 + rng.standard_t(3, size=n)


def fitted(name, X=None, y=None, **changes):
    """Return a fit of an estimator of the table."""
    if X is None:
        X, y = data()
    model = ESTIMATORS[name]
    return type(model)(**{**model.get_params(deep=False), **changes}).fit(X, y)


# summary


@every_estimator
def test_summary_has_a_row_for_all_that_is_learnt(name):
    X, y = data()
    frame = pd.DataFrame(X, columns=["speed", "height"])
    model = fitted(name, frame, y)
    table = model.summary()
    learnt = LEARNT.get(name, [])
    assert list(table.index) == ["intercept", "speed", "height", *learnt]
    assert list(table.columns) == ["coef", "std_err", "t", "p", "low", "high"]
    assert_array_equal(table["coef"].iloc[:3], [model.intercept_, *model.coef_])
    for row in learnt:
        assert table.loc[row, "coef"] == getattr(model, f"{row}_")
        assert np.isnan(table.loc[row, ["t", "p"]]).all()
    rest = table.iloc[:3]
    assert (rest["low"] < rest["coef"]).all()
    assert (rest["coef"] < rest["high"]).all()
    assert_allclose(rest["t"], rest["coef"] / rest["std_err"], rtol=1e-12)
    assert list(fitted(name).summary().index)[:3] == ["intercept", "x0", "x1"]
    without = fitted(name, frame, y, fit_intercept=False).summary()
    assert list(without.index) == ["speed", "height", *learnt]


@pytest.mark.parametrize(
    "name", ["squares", "adaptive", "learnt c", "alpha learnt, c of y", "both of y"]
)
def test_errors_of_the_coefficients_are_those_of_the_sandwich(name):
    X, y = data()
    model, counts = fitted(name), np.random.default_rng(1).integers(1, 3, N)
    model.fit(X, y, counts)
    table = model.summary(coverage=0.9).iloc[:3]
    design, r = np.column_stack([np.ones(N), X]), y - model.predict(X)
    # Where c is given for each row, their losses are in units of its square.
    unit = model.c_**2 if name == "both of y" else 1.0
    psi = unit * loss.psi(r, model.alpha_, model.c_)
    bend = unit * loss.curvature(r, model.alpha_, model.c_)
    inverse = np.linalg.inv(design.T * (counts * bend) @ design)
    spread = design.T * (counts * psi**2) @ design
    n = counts.sum()
    errors = np.sqrt(np.diagonal(inverse @ spread @ inverse)) * n / (n - 3)
    b = np.array([model.intercept_, *model.coef_])
    assert_allclose(table["std_err"], errors, rtol=1e-6)
    assert_allclose(table["p"], 2 * stats.t.sf(np.abs(b / errors), n - 3), rtol=1e-5)
    half = stats.t.ppf(0.95, n - 3) * errors
    assert_allclose(table["high"] - table["coef"], half, rtol=1e-6)


def test_intervals_of_alpha_and_c_are_within_their_range():
    model = fitted("adaptive")
    table = model.summary()
    low, high = table.loc["alpha", ["low", "high"]]
    assert 0 <= low < model.alpha_ < high <= 2
    assert table.loc["alpha", "std_err"] > 0
    low, high = table.loc["c", ["low", "high"]]
    assert 0 < low < model.c_ < high
    assert low * high == pytest.approx(model.c_**2)
    narrow = model.summary(coverage=0.2).loc["alpha"]
    wide = stats.norm.ppf(0.6) * narrow["std_err"]
    assert narrow["high"] - narrow["coef"] == pytest.approx(wide)


def test_alpha_on_a_bound_has_no_error():
    X, y = data()
    model = fitted("adaptive", X, y, alpha_bounds=(1.0, 2.0))
    table = model.summary()
    assert model.alpha_ == 1.0
    assert np.isnan(table.loc["alpha", "std_err"])
    assert table.loc["c", "std_err"] > 0


def test_collinear_columns_have_no_error_and_others_do():
    X, y = data()
    model = fitted("squares", np.column_stack([X, X[:, 0]]), y)
    errors = model.summary()["std_err"]
    assert np.isnan(errors[["x0", "x2"]]).all()
    expected = fitted("squares").summary()["std_err"]
    assert errors["x1"] == pytest.approx(expected["x1"], rel=1e-6)


# predict_interval


@every_estimator
def test_interval_grows_with_its_coverage(name):
    X, y = data()
    model = fitted(name)
    widths, middle = [], model.predict(X)
    for coverage in (0.01, 0.5, 0.9, 0.99):
        ends = model.predict_interval(X, coverage)
        assert ends.shape == (N, 2)
        assert_allclose(ends.mean(axis=1), middle, rtol=1e-9, atol=1e-9)
        widths.append(ends[:, 1] - ends[:, 0])
    assert (np.diff(widths, axis=0) > 0).all()
    assert (widths[0] > 0).all()
    assert_array_equal(model.predict_interval(X), model.predict_interval(X, 0.9))
    inside = np.mean(np.abs(y - middle) < widths[2] / 2)
    assert 0.7 < inside <= 1


@every_estimator
def test_interval_is_wider_far_from_the_data(name):
    model = fitted(name)
    near, far = np.diff(model.predict_interval([[0.0, 0.0], [50.0, 50.0]]), axis=1)
    assert far > 1.5 * near


def test_interval_has_the_quantiles_of_the_learnt_density():
    X, y = data(400)
    model = fitted("adaptive", X, y)
    half = np.diff(model.predict_interval(X, 0.95), axis=1).ravel() / 2
    quantile = general_dist.ppf(0.975, model.alpha_, scale=model.c_)
    # The rest is the error of the coefficients, which is small.
    assert_allclose(half, quantile, rtol=0.03)
    assert (half > quantile).all()
    normal = stats.norm.ppf(0.975) * model.scale_
    assert quantile > 1.2 * normal  # errors have heavy tails


@pytest.mark.parametrize("name", ["welsch", "of y", "squares"])
def test_interval_of_a_given_loss_is_normal(name):
    X, y = data(400)
    model = fitted(name, X, y)
    half = np.diff(model.predict_interval(X, 0.95), axis=1).ravel() / 2
    assert_allclose(half, stats.norm.ppf(0.975) * model.scale_, rtol=0.05)


@pytest.mark.parametrize("coverage", [0, 1, 0.0, 1.0, -0.1, 1.5, np.nan, "0.9", None])
@pytest.mark.parametrize("method", ["summary", "predict_interval"])
def test_coverage_must_be_a_probability(coverage, method):
    model = fitted("squares")
    arguments = [data()[0]] if method == "predict_interval" else []
    with pytest.raises(
        ValueError, match="coverage must be a probability between 0 and"
    ):
        getattr(model, method)(*arguments, coverage=coverage)


# weigh


@every_estimator
def test_weights_of_the_training_rows_are_the_fit(name):
    X, y = data()
    model = fitted(name)
    assert_allclose(model.weigh(X, y), model.weights_, rtol=1e-9, atol=1e-12)
    assert model.weigh(X, y).max() <= 1


@every_estimator
def test_weight_and_density_of_a_row_do_not_depend_on_the_others(name):
    X, y = data()
    model = fitted(name)
    by_row = [model.weigh(X[[i]], y[[i]])[0] for i in range(0, N, 4)]
    assert_allclose(by_row, model.weights_[::4], rtol=1e-9, atol=1e-12)
    if name not in ("welsch", "bisquare", "huber"):
        rows = [model.log_likelihood(X[[i]], y[[i]]) for i in range(N)]
        assert np.sum(rows) == pytest.approx(model.log_likelihood(X, y))


@pytest.mark.parametrize("name", ["adaptive", "welsch", "bisquare", "learnt c"])
def test_weights_of_new_rows_fall_with_the_residual(name):
    model = fitted(name)
    x = np.zeros((6, 2))
    off = model.c_ * np.array([0.0, 0.3, 1.0, 3.0, 30.0, 1e6])
    weights = model.weigh(x, model.predict(x) + off)
    assert weights[0] == 1
    assert (np.diff(weights) <= 0).all()
    assert weights[-1] < 1e-3
    if name == "welsch":
        expected = loss.weight(off, -np.inf, model.c_)
        assert_allclose(weights, expected, rtol=1e-9)


@pytest.mark.parametrize("names", [["a", "b"], None])
def test_frames_are_read_without_a_warning(names):
    X, y = data()
    frame = pd.DataFrame(X, columns=names)
    model = fitted("adaptive", frame, y)
    assert_allclose(model.weigh(frame, pd.Series(y)), model.weights_, rtol=1e-9)
    assert np.isfinite(model.log_likelihood(frame, y))
    assert model.predict_interval(frame).shape == (N, 2)


def test_weights_after_an_exact_fit_say_which_rows_are_exact():
    X, _ = data()
    y = X @ COEF + 1
    y[:10] += 5
    with pytest.warns(UserWarning, match="the other 10 rows have no say"):
        model = fitted("welsch", X, y)
    assert_array_equal(model.weights_, np.arange(N) >= 10)
    assert_array_equal(model.weigh(X, y), model.weights_)


def test_weights_after_an_exact_fit_of_mostly_zeros():
    X, _ = data()
    X[:30] = 0
    y = X @ COEF
    model = fitted("welsch", X, y)
    assert_array_equal(model.weights_, 1)
    assert_array_equal(model.weigh(X, y), 1)


# log_likelihood


@pytest.mark.parametrize("name", ["adaptive", "learnt c", "squares", "both of y"])
def test_log_likelihood_weighs_rows_and_has_the_unit_of_the_target(name):
    X, y = data()
    model = fitted(name)
    counts = np.random.default_rng(1).integers(0, 3, N)
    rows = np.repeat(np.arange(N), counts)
    weighted = model.log_likelihood(X, y, counts)
    assert weighted == pytest.approx(model.log_likelihood(X[rows], y[rows]))
    assert isinstance(weighted, float)
    r = y - model.predict(X)
    density = general_dist.logpdf(r, model.alpha_, scale=model.c_)
    assert weighted == pytest.approx(density @ counts, rel=1e-9)
    if name == "both of y":
        return
    there = fitted(name, X, 1000 * y)
    moved = there.log_likelihood(X, 1000 * y)
    assert moved == pytest.approx(model.log_likelihood(X, y) - N * np.log(1000))


def test_row_of_weight_zero_has_no_likelihood():
    X, y = data()
    model, weights = fitted("squares"), np.ones(N)
    weights[0] = 0
    expected = model.log_likelihood(X[1:], y[1:])
    y[0] = 1e200
    assert model.log_likelihood(X, y, weights) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("options", "got"),
    [
        ({"alpha": -2.0}, "Got alpha=-2"),
        ({"alpha": "welsch"}, "Got alpha=-inf"),
        (
            {"alpha": TargetConditioned(2, -1.0, 1.0)},
            "Got alpha=-1",
        ),
        ({"loss": "bisquare"}, "Got 'bisquare'"),
        ({"loss": "huber"}, "Got 'huber'"),
    ],
)
def test_bounded_loss_has_no_likelihood(options, got):
    X, y = data()
    model = AdaptiveLossRegressor(**options, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=f"needs a density.*{got}.*alpha='adaptive'"):
        model.log_likelihood(X, y)


@pytest.mark.parametrize("name", ["adaptive", "learnt c", "squares"])
def test_exact_fit_has_no_likelihood(name):
    X, _ = data()
    model = fitted(name, X, np.full(N, 3.0))
    with pytest.raises(
        ValueError, match=r"needs a positive c_\. Got 0, of an exact fit"
    ):
        model.log_likelihood(X, np.full(N, 3.0))


@pytest.mark.parametrize(
    ("weights", "message"),
    [(-np.ones(N), "not be negative"), (np.ones(3), r"sample_weight\.shape")],
)
def test_weights_of_a_likelihood_are_checked(weights, message):
    with pytest.raises(ValueError, match=message):
        fitted("squares").log_likelihood(*data(), weights)


# All of them.


@pytest.mark.parametrize("method", ["predict", "predict_interval", "weigh", "summary"])
def test_readings_need_a_fit(method):
    X, y = data()
    arguments = {"summary": [], "weigh": [X, y]}.get(method, [X])
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(AdaptiveLossRegressor(), method)(*arguments)


@pytest.mark.parametrize("method", ["predict", "predict_interval", "weigh"])
def test_readings_check_the_features(method):
    X, y = data()
    more = [y] if method == "weigh" else []
    read = getattr(fitted("squares"), method)
    with pytest.raises(ValueError, match=r"X has 1 features.*expecting 2"):
        read(X[:, :1], *more)
    X[3] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        read(X, *more)


def test_readings_change_nothing():
    X, y = data()
    model = fitted("adaptive")
    before = vars(model).copy()
    for array in (X, y):
        array.flags.writeable = False
    model.summary()
    model.predict_interval(X)
    model.weigh(X, y)
    model.log_likelihood(X, y)
    assert vars(model) == before


def test_weights_of_new_rows_are_those_of_the_fit_after_set_params():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2))
    y = X @ [1.0, -2] + rng.standard_t(3, size=80)
    model = AdaptiveLossRegressor(TargetConditioned(2.0, 0.0, 1.5)).fit(X, y)
    before = model.log_likelihood(X, y)
    model.set_params(alpha__threshold=0.1)
    assert_allclose(model.weigh(X, y), model.weights_, rtol=1e-12)
    assert model.log_likelihood(X, y) == before
    model.set_params(alpha=1.0)
    assert_allclose(model.weigh(X, y), model.weights_, rtol=1e-12)
