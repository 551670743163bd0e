"""Tests of the likelihood as an objective."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skrobust import _objective, general_dist, log_partition, loss
from skrobust._objective import Likelihood
from skrobust._profile import Axis
from skrobust._rows import LinearModel, Rows

N = 40
WIDE = Axis(0.0, np.inf)
COEF = np.array([1.0, -2.0, 0.5])  # of two columns and the intercept
# What is given: alpha and c, None where they are learnt. "rows": one for each row.
LEARNT = {
    "both": (None, None),
    "alpha": (None, 1.3),
    "alpha, c by row": (None, "rows"),
    "c": (1.2, None),
    "c of the normal": (2.0, None),
    "c, alpha by row": ("rows", None),
}
ALPHAS = [0.05, 0.7, 1.0, 1.7, 1.999, 2.3, 5.0]
every_kind = pytest.mark.parametrize("kind", LEARNT)


def problem(kind, *, l2=0.0, weights=None, axis=WIDE, X=None, unit=1.0):
    """Return the likelihood of 40 rows with errors of the t distribution."""
    rng = np.random.default_rng(0)
    made = rng.normal(size=(N, 2))
    y = made @ COEF[:2] + COEF[2] + rng.standard_t(3, size=N)
    by_row = {"alpha": rng.uniform(0, 2.5, N), "c": rng.uniform(0.5, 2, N)}
    alpha, c = (
        by_row[name] if isinstance(given, str) else given
        for name, given in zip(("alpha", "c"), LEARNT[kind], strict=True)
    )
    rows = Rows(made if X is None else X(made), y, weights)
    return Likelihood(rows, LinearModel(True), alpha, c, axis, l2, unit)


def differences(objective, params, step=1e-6):
    """Return the gradient of the value by central differences."""
    steps = np.eye(len(params)) * step
    return np.array(
        [
            (objective.evaluate(params + s)[0] - objective.evaluate(params - s)[0])
            / (2 * step)
            for s in steps
        ]
    )


@every_kind
@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_gradient_is_that_of_the_value(kind, alpha, l2):
    weights = np.random.default_rng(1).uniform(0, 2, N)
    objective = problem(kind, l2=l2, weights=weights, unit=1.7)
    params = objective.start(COEF + 0.3, alpha, 1.1)
    gradient = objective.evaluate(params)[1]
    assert gradient.shape == (3 + objective.learnt,)
    assert_allclose(gradient, differences(objective, params), rtol=1e-6, atol=1e-7)


@every_kind
@pytest.mark.parametrize("alpha", [0.0, 0.7, 2.0, 5.0, np.inf])
def test_value_is_the_mean_of_minus_the_log_density_plus_the_penalty(kind, alpha):
    weights = np.random.default_rng(1).integers(0, 3, N).astype(float)
    objective = problem(kind, l2=0.3, weights=weights, unit=1.7)
    params = objective.start(COEF, alpha, 1.1)
    coef, mean = objective.at(params)
    rows = objective.rows
    residuals = rows.y - rows.X @ COEF[:2] - COEF[2]
    density = general_dist.logpdf(residuals, mean.family.alpha, scale=mean.c)
    penalty = 0.15 * np.sum(np.square(COEF[:2] / 1.7))
    known = np.zeros(N)  # what of the density is a constant of the fit
    if objective.alpha is not None:
        known = known + log_partition(objective.alpha)
    if objective.c is not None:
        known = known + np.log(objective.c)
    expected = np.average(-density - known, weights=weights) + penalty
    rel = 1e-9 if np.isinf(alpha) else 1e-12  # a large alpha stands for inf
    assert objective.evaluate(params)[0] == pytest.approx(expected, rel=rel)
    assert_array_equal(coef, COEF)


@every_kind
@pytest.mark.parametrize("alpha", [0.0, 0.7, 2.0, 5.0, np.inf])
def test_start_and_at_are_inverses(kind, alpha):
    objective = problem(kind)
    coef, mean = objective.at(objective.start(COEF, alpha, 1.1))
    assert_array_equal(coef, COEF)
    given = objective.alpha, objective.c
    wanted = (
        alpha if given[0] is None else given[0],
        1.1 if given[1] is None else given[1],
    )
    assert_allclose(mean.family.alpha, wanted[0], rtol=1e-14)
    assert_allclose(mean.c, wanted[1], rtol=1e-14)


@pytest.mark.parametrize("kind", ["both", "alpha", "c", "c of the normal"])
@pytest.mark.parametrize("alpha", [0.3, 1.2, 3.0])
def test_model_of_the_hessian_is_exact_in_what_is_expected(kind, alpha):
    """Of errors at the quantiles of the density, sums are their expectations."""
    n = 4000
    given = LEARNT[kind]
    shape = alpha if given[0] is None else given[0]
    c = 1.1 if given[1] is None else given[1]
    share = (np.arange(n) + 0.5) / n
    y = general_dist.ppf(share, shape, scale=c)
    rows = Rows(np.empty((n, 0)), y)
    objective = Likelihood(rows, LinearModel(True), given[0], given[1], WIDE)
    params = objective.start(np.zeros(1), shape, c)
    metric = objective.expand(params)[2][1:, 1:]
    steps = np.eye(len(params))[1:] * 1e-4
    hessian = [
        (objective.evaluate(params + s)[1] - objective.evaluate(params - s)[1])[1:]
        / 2e-4
        for s in steps
    ]
    size = np.sqrt(np.diagonal(metric))
    assert_allclose(
        hessian / np.outer(size, size), metric / np.outer(size, size), atol=0.02
    )


@every_kind
def test_expansion_has_the_value_and_the_gradient_of_the_evaluation(kind):
    objective = problem(kind, l2=0.1)
    params = objective.start(COEF, 1.2, 0.9)
    value, gradient, metric, resolution = objective.expand(params)
    again = objective.evaluate(params)
    assert value == again[0]
    assert_array_equal(gradient, again[1])
    assert np.linalg.eigvalsh(metric).min() > 0
    assert 0 < resolution < 1e-10


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("spread", [0.5, 1.0, 2.0])
def test_slope_at_two_is_the_limit_where_c_is_the_most_likely(side, spread):
    objective = problem("both")
    residuals = objective.rows.y - objective.rows.X @ COEF[:2] - COEF[2]
    shape = np.sign(residuals) * np.abs(residuals) ** spread
    rows = Rows(objective.rows.X * 0, shape)
    objective = Likelihood(rows, LinearModel(True), None, None, WIDE)
    c = np.sqrt(np.mean(np.square(shape)))
    here = objective.evaluate(objective.start(np.zeros(3), 2.0, c))[1]
    near = 2 + side * 1e-7
    params = objective.start(np.zeros(3), near, c)
    params[3] = objective.start(np.zeros(3), 2.0, c)[3]
    there = objective.evaluate(params)[1]
    assert here[3] == pytest.approx(0, abs=1e-14)
    # Next to 2 the profile has a slope that moves with log(c) as pull - 1 does.
    pull = 1 - there[3]
    slope = objective._slope(near, 1.0, 0.0) - objective._slope(near, pull, 0.0)
    assert here[4] == pytest.approx(there[4] + slope, abs=2e-5)


def test_slope_at_two_with_a_given_c_is_that_of_the_next_float():
    """That of log Z is infinite at 2, and no learnt c takes it up."""
    objective = problem("alpha")
    slopes = [
        objective.evaluate(objective.start(COEF, alpha, 1.0))[1][-1]
        for alpha in (2.0, np.nextafter(2, 0), 1.99)
    ]
    assert slopes[0] == pytest.approx(slopes[1], rel=1e-3)
    assert abs(slopes[0] - slopes[2]) > 1


@every_kind
def test_weight_is_how_often_a_row_counts(kind):
    counts = np.random.default_rng(2).integers(0, 4, N)
    objective = problem(kind, weights=counts.astype(float), l2=0.2)
    alpha, c = (
        np.repeat(x, counts) if isinstance(x, np.ndarray) else x
        for x in (objective.alpha, objective.c)
    )
    rows = Rows(
        np.repeat(objective.rows.X, counts, 0), np.repeat(objective.rows.y, counts)
    )
    repeated = Likelihood(rows, objective.model, alpha, c, WIDE, 0.2)
    params = objective.start(COEF, 0.8, 0.9)
    for ours, theirs in zip(
        objective.expand(params), repeated.expand(params), strict=True
    ):
        assert_allclose(ours, theirs, rtol=1e-10, atol=1e-13)


@every_kind
def test_row_of_weight_zero_is_not_there(kind):
    weights = np.ones(N)
    weights[3] = 0
    objective = problem(kind, weights=weights)
    params = objective.start(COEF, 0.8, 0.9)
    before = objective.evaluate(params)
    objective.rows.y[3] = 1e200
    after = objective.evaluate(params)
    assert after[0] == pytest.approx(before[0], rel=1e-14)
    assert_allclose(after[1], before[1], rtol=1e-14, atol=1e-16)


@every_kind
@pytest.mark.parametrize("convert", [sparse.csr_array, np.asfortranarray])
def test_storage_of_X_makes_no_difference(kind, convert):
    here, there = problem(kind), problem(kind, X=convert)
    params = here.start(COEF, 0.8, 0.9)
    for ours, theirs in zip(here.expand(params), there.expand(params), strict=True):
        assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("alpha", [0.0, 2.0, np.inf])
def test_step_too_far_is_no_error(alpha):
    objective = problem("both")
    params = objective.start(COEF, alpha, 1.0)
    params[3] += 1e4  # log(c): exp of it overflows
    value, gradient = objective.evaluate(params)
    assert value > 1e3
    assert gradient[3] == pytest.approx(1)


@pytest.mark.parametrize("kind", ["both", "alpha", "alpha, c by row", "c"])
def test_model_of_the_hessian_is_that_of_the_coefficients(kind):
    objective = problem(kind, l2=0.2, unit=1.7)
    params = objective.start(COEF, 1.6, 1.5)
    metric = objective.expand(params)[2][:3, :3]
    steps = np.eye(len(params))[:3] * 1e-5
    hessian = [
        (objective.evaluate(params + s)[1] - objective.evaluate(params - s)[1])[:3]
        / 2e-5
        for s in steps
    ]
    assert_allclose(metric, hessian, rtol=0.05, atol=1e-3)


@pytest.mark.parametrize("alpha", [0.0, 1e-3, 0.02, 0.1, 0.5, 1, 1.5, 1.99, 2 - 1e-9])
@pytest.mark.parametrize("size", [1e-9, 1e-2, 1.0, 30.0, 1e8])
def test_slope_in_alpha_is_that_of_the_loss_but_for_an_absolute_error(alpha, size):
    r = np.random.default_rng(0).standard_cauchy(300) * size
    found = _objective._slope_in_alpha(r, alpha, 0.7)
    assert_allclose(found, loss.rho_alpha(r, alpha, 0.7), rtol=1e-12, atol=3e-12)
