"""Tests of the mean loss of a linear model: derivatives, blocks, threads."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import approx_fprime

from skrobust import _rows, loss
from skrobust._objective import MeanLoss
from skrobust._rows import LinearModel, Rows
from skrobust.loss import General

ALPHAS = [-np.inf, -2.0, 0.0, 1.0, 2.0, 3.0]


@pytest.fixture
def objective():
    """Return the objective of 300 weighted rows with a few outliers."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3)) + [0, 5, 0]
    y = X @ [1.0, -2, 0] + rng.normal(size=300)
    y[:20] += 6
    rows = Rows(X, y, rng.uniform(0, 2, 300), centre=3.0)
    return MeanLoss(rows, LinearModel(True), General(1.0), 0.7, 0.3)


PARAMS = np.array([0.8, -1.9, 0.1, 0.2])


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_gradient_is_that_of_the_value(objective, alpha, intercept):
    objective = replace(
        objective, family=General(alpha), c=2.0, model=LinearModel(intercept)
    )
    params = PARAMS[: 3 + intercept]
    gradient = approx_fprime(params, lambda p: objective.evaluate(p)[0], 1e-7)
    value, found = objective.evaluate(params)
    assert_allclose(found, gradient, atol=2e-6 * max(value, 1))
    assert_allclose(objective.expand(params)[1], found, rtol=1e-12)
    assert objective.expand(params)[0] == pytest.approx(value, rel=1e-13)


def test_value_is_the_weighted_mean_loss_plus_the_penalty(objective):
    rows = objective.rows
    residuals = rows.y - rows.centre - rows.X @ PARAMS[:3] - PARAMS[3]
    mean = np.average(loss.rho(residuals, 1.0, 0.7), weights=rows.weights)
    penalty = 0.15 * np.square(PARAMS[:3]).sum() / 0.7**2
    assert objective.evaluate(PARAMS)[0] == pytest.approx(mean + penalty, rel=1e-13)


@pytest.mark.parametrize("alpha", [1.0, 2.0, 3.0])
def test_metric_is_the_hessian_where_the_loss_bends_up(objective, alpha):
    # no residual is so far out that a tenth of its majoriser is above its curvature
    objective = replace(objective, family=General(alpha), c=5.0)
    hessian = approx_fprime(PARAMS, lambda p: objective.evaluate(p)[1], 1e-6)
    assert_allclose(objective.expand(PARAMS)[2], hessian, atol=1e-6)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_metric_is_positive_definite(objective, alpha):
    metric = replace(objective, family=General(alpha)).expand(PARAMS)[2]
    assert np.linalg.eigvalsh(metric)[0] > 0


def test_shift_moves_the_intercept_only(objective):
    shift = np.array([1.0, 5.0, -2.0])
    moved = replace(objective, rows=replace(objective.rows, shift=shift))
    there = np.r_[PARAMS[:3], PARAMS[3] + shift @ PARAMS[:3]]
    assert moved.evaluate(there)[0] == pytest.approx(objective.evaluate(PARAMS)[0])
    coef, intercept = moved.model.unshifted(there, moved.rows)
    assert_allclose(coef, PARAMS[:3])
    assert intercept == pytest.approx(PARAMS[3] + 3.0)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_blocks_and_threads_change_rounding_only(objective, threads, monkeypatch):
    whole = objective.expand(PARAMS)
    monkeypatch.setattr(_rows, "BLOCK_BYTES", 1)
    monkeypatch.setattr(_rows, "SMALLEST_BLOCK", 17)
    split = replace(objective, rows=replace(objective.rows, threads=threads))
    for ours, theirs in zip(split.expand(PARAMS), whole, strict=True):
        assert_allclose(ours, theirs, rtol=1e-12)
    residuals = split.rows.collect(
        lambda block: split.rows.residuals(block, split.model, PARAMS)
    )
    rows = objective.rows
    assert_allclose(residuals, rows.y - 3 - rows.X @ PARAMS[:3] - PARAMS[3])


def test_weight_is_how_often_a_row_counts(objective):
    rows = objective.rows
    counts = np.arange(300) % 3
    weighted = replace(objective, rows=replace(rows, weights=counts.astype(float)))
    repeated = rows.take(np.repeat(np.arange(300), counts))
    repeated = replace(objective, rows=replace(repeated, weights=None))
    for ours, theirs in zip(
        weighted.expand(PARAMS), repeated.expand(PARAMS), strict=True
    ):
        assert_allclose(ours, theirs, rtol=1e-12)


def test_row_of_weight_zero_is_not_there(objective):
    rows = objective.rows
    rows.weights[:5] = 0
    rest = rows.take(np.arange(5, 300))
    rows.y[:5] = 1e300
    for alpha in (2.0, np.inf):
        here = replace(objective, family=General(alpha), c=5.0)
        there = replace(here, rows=rest)
        for ours, theirs in zip(here.expand(PARAMS), there.expand(PARAMS), strict=True):
            assert_allclose(ours, theirs, rtol=1e-12)
