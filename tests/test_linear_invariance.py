"""Tests that linear fits follow what is done to the data, whatever the loss."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skrobust import AdaptiveLossRegressor

N, P = 60, 3
COEF = np.array([1.0, -2.0, 3.0])
ESTIMATORS = {
    "bisquare": AdaptiveLossRegressor(loss="bisquare", random_state=0),
    "welsch": AdaptiveLossRegressor(-np.inf, random_state=0),
    "geman_mcclure": AdaptiveLossRegressor(-2.0, random_state=0),
    "half": AdaptiveLossRegressor(0.5, random_state=0),
    "pseudo_huber": AdaptiveLossRegressor(1.0),
    "squares": AdaptiveLossRegressor(2.0),
    "adaptive": AdaptiveLossRegressor("adaptive", random_state=0),
    "huber": AdaptiveLossRegressor(loss="huber"),
    "monitored": AdaptiveLossRegressor(-2.0, efficiency="auto", random_state=0),
}
UNITS = [1e-12, -1e-3, 1.0, 12345.678, 1e12]
SEEDS = range(4)
every_estimator = pytest.mark.parametrize("name", ESTIMATORS)
every_seed = pytest.mark.parametrize("seed", SEEDS)


def problem(seed):
    """Return X and y of a plane with noise, a sixth of the rows 5 to 15 too high."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, P))
    y = X @ COEF + 5 + rng.normal(size=N)
    y[: N // 6] += rng.uniform(5, 15, N // 6)
    return X, y


def fit(name, X, y, **options):
    """Return a new fit of an estimator of the table."""
    model = ESTIMATORS[name]
    return type(model)(**model.get_params()).fit(X, y, **options)


def agree(here, there, X, there_X, unit=1.0, tilt=0.0, order=slice(None), tol=1e-6):
    """Assert that two fits are one: predictions, scales, weights, shape, efficiency.

    `there` is of ``unit * y + tilt`` and rows in the order given.
    """
    expected = (unit * here.predict(X) + tilt)[order]
    size = abs(unit) * here.scale_
    assert_allclose((there.predict(there_X) - expected) / size, 0, atol=tol)
    assert there.scale_ == pytest.approx(size, rel=tol)
    assert there.c_ == pytest.approx(abs(unit) * here.c_, rel=tol)
    assert there.alpha_ == pytest.approx(here.alpha_, abs=tol, nan_ok=True)
    assert_allclose(there.weights_, here.weights_[order], atol=tol)


@every_estimator
@every_seed
@pytest.mark.parametrize("unit", UNITS)
def test_units_of_y_and_what_columns_add_to_it(name, seed, unit):
    X, y = problem(seed)
    tilt = unit * (X @ np.random.default_rng(seed).normal(scale=10, size=P) - 7)
    here, there = fit(name, X, y), fit(name, X, unit * y + tilt)
    agree(here, there, X, X, unit, tilt)


@every_estimator
@every_seed
def test_columns_may_be_mixed_and_shifted(name, seed):
    X, y = problem(seed)
    rng = np.random.default_rng(seed + 100)
    mixed = X @ rng.normal(size=(P, P)) + rng.normal(scale=10, size=P)
    mixed *= [1e-9, 1.0, 1e9]
    agree(fit(name, X, y), fit(name, mixed, y), X, mixed)


@every_estimator
@every_seed
def test_order_of_rows_does_not_matter(name, seed):
    X, y = problem(seed)
    order = np.random.default_rng(seed).permutation(N)
    agree(fit(name, X, y), fit(name, X[order], y[order]), X, X[order], order=order)


@every_estimator
@every_seed
def test_order_of_columns_does_not_matter(name, seed):
    X, y = problem(seed)
    agree(fit(name, X, y), fit(name, X[:, ::-1], y), X, X[:, ::-1])


@every_estimator
@every_seed
def test_integer_weights_are_repeated_rows(name, seed):
    X, y = problem(seed)
    counts = np.random.default_rng(seed).integers(0, 4, N)
    order = np.repeat(np.arange(N), counts)
    weighted = fit(name, X, y, sample_weight=counts)
    agree(weighted, fit(name, X[order], y[order]), X, X[order], order=order, tol=1e-7)


@every_estimator
@every_seed
def test_rows_of_weight_zero_are_not_there(name, seed):
    X, y = problem(seed)
    garbage = np.vstack([X, np.full((5, P), 1e9)]), np.append(y, np.full(5, -1e9))
    weights = np.append(np.ones(N), np.zeros(5))
    there = fit(name, *garbage, sample_weight=weights)
    there.weights_ = there.weights_[:N]
    agree(fit(name, X, y), there, X, X, tol=1e-7)


@every_estimator
@every_seed
def test_weights_of_one_are_no_weights(name, seed):
    X, y = problem(seed)
    weighted = fit(name, X, y, sample_weight=np.ones(N))
    agree(fit(name, X, y), weighted, X, X, tol=1e-7)
