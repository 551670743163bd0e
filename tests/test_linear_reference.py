"""Tests of the linear regressor against lmrob, the MM-estimator of R's robustbase."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning

from skrobust import AdaptiveLossRegressor, loss
from skrobust._objective import MeanLoss
from skrobust._rows import LinearModel, Rows
from skrobust._solvers import minimise
from skrobust.tuning import breakdown_constant

LMROB = json.loads((Path(__file__).parent / "data" / "lmrob.json").read_text("utf-8"))
EXACT_FIT = "SiegelsEx"
DATA = {name: data for name, data in LMROB["data"].items() if name != EXACT_FIT}
LOSSES = {
    "bisquare": {"loss": "bisquare"},
    "welsch": {"alpha": -np.inf},
}
# c of the S step for a breakdown point of one half, which lmrob rounds to six digits.
C_OF_S = {
    "bisquare": breakdown_constant("bisquare"),
    "welsch": breakdown_constant(-np.inf),
}
SEEDS = 20
ALL = [(name, kind) for name in DATA for kind in LOSSES]


def rows_of(name):
    """Return X and y of a data set."""
    data = LMROB["data"][name]
    return np.array(data["X"], dtype=float), np.array(data["y"], dtype=float)


def reference(name, kind):
    """Return lmrob's answer as arrays, with standard errors."""
    found = {key: np.array(value) for key, value in DATA[name][kind].items()}
    return {**found, "se": np.sqrt(np.diagonal(found["vcov"]))}


def c_of(kind):
    """Return c of lmrob's M step, in units of our scale.

    lmrob rounds both constants to six digits. An M-scale times its c solves an equation
    without c, so that our scale is lmrob's times lmrob's c of S over ours.
    """
    rounded = LMROB["constants"][kind]
    return rounded["M"] * C_OF_S[kind] / rounded["S"]


def efficiency_of(kind):
    """Return the efficiency at the normal that a c has, ``E[psi']**2 / E[psi**2]``."""
    c = c_of(kind)
    if kind == "welsch":
        return (1 + 2 / c**2) ** 1.5 / (1 + 1 / c**2) ** 3

    def mean(function):
        return quad(lambda z: function((z / c) ** 2) * norm.pdf(z), -c, c)[0]

    bend = mean(lambda u: (1 - u) * (1 - 5 * u))
    return bend**2 / mean(lambda u: c**2 * u * (1 - u) ** 4)


def fitted(name, seed=0, **options):
    """Return our fit, without the advice that few rows or two minima bring."""
    model = AdaptiveLossRegressor(**options, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("error", ConvergenceWarning)
        return model.fit(*rows_of(name))


def as_lmrob(name, kind, seed=0):
    """Return our fit with the constants of lmrob."""
    return fitted(name, seed, **LOSSES[kind], efficiency=efficiency_of(kind))


def coefficients(model):
    """Return the intercept and the coefficients of a fit."""
    return np.append(model.intercept_, model.coef_)


def standard_errors(model):
    """Return those of the intercept and the coefficients of a fit."""
    table = model.summary()["std_err"]
    return table[["intercept", *(f"x{j}" for j in range(len(model.coef_)))]].to_numpy()


@pytest.mark.parametrize(("name", "kind"), ALL)
def test_fit_is_lmrob_whatever_the_seed(name, kind):
    expected = reference(name, kind)
    X, y = rows_of(name)
    # The S step sees the data through a search, which has to find the same minimum.
    for seed in range(SEEDS if len(y) < 100 else 5):
        model = as_lmrob(name, kind, seed)
        scale = expected["scale"] * LMROB["constants"][kind]["S"] / C_OF_S[kind]
        assert model.scale_ == pytest.approx(scale, rel=1e-6)
        assert model.c_ == pytest.approx(c_of(kind) * scale, rel=1e-6)
        off = np.abs(coefficients(model) - expected["coef"]) / expected["se"]
        assert off.max() < 1e-4
        outlying = np.abs(y - model.predict(X)) > 2.5 * model.scale_
        assert_array_equal(np.flatnonzero(outlying), expected["outliers"])
        if "weights" in expected:
            assert_allclose(model.weights_, expected["weights"], atol=1e-4)


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("name", DATA)
def test_default_efficiency_is_that_of_lmrob_to_the_digits_it_prints(name, kind):
    expected = reference(name, kind)
    model = fitted(name, **LOSSES[kind])
    off = np.abs(coefficients(model) - expected["coef"]) / expected["se"]
    assert off.max() < {"bisquare": 1e-4, "welsch": 1e-3}[kind]
    assert model.scale_ == pytest.approx(float(expected["scale"]), rel=1e-5)


@pytest.mark.parametrize(("name", "kind"), ALL)
def test_standard_errors_are_those_of_lmrob(name, kind):
    model = as_lmrob(name, kind)
    assert_allclose(standard_errors(model), reference(name, kind)["se"], rtol=1e-5)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("row", range(10))
def test_given_start_and_scale_each_alpha_ends_where_reweighting_does(name, row):
    X, y = rows_of(name)
    alpha, c, expected = DATA[name]["general"][row]
    start, se = (reference(name, "bisquare")[key] for key in ("S_coef", "se"))
    # Columns and y in units of their spread, as the estimator has them.
    centre, spread = X.mean(axis=0), X.std(axis=0)
    scale, middle = DATA[name]["bisquare"]["scale"], np.median(y)
    rows = Rows((X - centre) / spread, y, centre=middle, unit=scale)
    objective = MeanLoss(rows, LinearModel(True), loss.General(float(alpha)), c)
    inner = np.append(start[1:] * spread, start[0] + start[1:] @ centre - middle)
    found = minimise(objective, inner / scale, tol=1e-12, max_iter=500)
    assert found.converged
    coef = found.params[:-1] / spread * scale
    intercept = found.params[-1] * scale + middle - coef @ centre
    assert_allclose(np.append(intercept, coef) / se, expected / se, atol=1e-7)


@pytest.mark.parametrize("name", DATA)
def test_convex_fit_with_a_given_c_needs_no_start(name):
    alpha, c, expected = DATA[name]["general"][0]
    assert alpha == "1"
    c *= DATA[name]["bisquare"]["scale"]
    model = AdaptiveLossRegressor(1.0, c, tol=1e-12).fit(*rows_of(name))
    se = reference(name, "bisquare")["se"]
    assert_allclose(coefficients(model) / se, expected / se, atol=1e-7)


@pytest.mark.filterwarnings("ignore:There are 9 rows for 2 coefficients")
@pytest.mark.parametrize("kind", LOSSES)
def test_exact_fit_of_most_rows_is_found_and_said(kind):
    X, y = rows_of(EXACT_FIT)
    expected = LMROB["data"][EXACT_FIT][kind]
    model = AdaptiveLossRegressor(**LOSSES[kind], random_state=0)
    with pytest.warns(UserWarning, match="rows are fitted exactly"):
        model.fit(X, y)
    assert_allclose(coefficients(model), expected["coef"], atol=1e-12)
    assert model.scale_ == 0
    assert_array_equal(model.weights_, expected["weights"])


# At an efficiency of .95 lmrob(psi="welsh") and whatever starts from least squares give
# the stars a slope of about -0.43. Their giants are rows 10, 19, 29 and 33.
STARS = [10, 19, 29, 33]


@pytest.mark.parametrize("name", ["starsCYG", "exAM"])
def test_efficiency_auto_stays_on_the_branch_of_the_start(name):
    X, y = rows_of(name)
    model = AdaptiveLossRegressor(-2.0, efficiency="auto", random_state=0)
    with pytest.warns(UserWarning, match="efficiency"):
        model.fit(X, y)
    assert model.efficiency_ < 0.95
    # Not further from the fit of the S step than a few standard errors.
    start = reference(name, "welsch")
    off = np.abs(coefficients(model) - start["S_coef"]) / start["se"]
    assert off.max() < 3
    if name == "starsCYG":
        assert model.coef_[0] > 1.5
        outlying = np.abs(y - model.predict(X)) > 2.5 * model.scale_
        assert set(STARS) <= set(np.flatnonzero(outlying))


def test_efficiency_given_leaves_the_branch_where_auto_stays():
    model = fitted("starsCYG", alpha=-2.0, efficiency=0.95)
    assert model.coef_[0] < 0
