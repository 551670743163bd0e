"""Tests of the training of networks: laws of residuals, moments, rounds, units."""

import math
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skrobust import AdaptiveLossRegressor, fit_general_dist, loss, tuning_constant
from skrobust import _training as training
from skrobust._moments import feature_moments, target_units
from skrobust._network import Network
from skrobust._network_fit import OutputFit, pose
from skrobust._network_loss import NetworkLoss, OutputLosses
from skrobust._residual_laws import Law, law_of, robust_scales
from skrobust._rows import Rows
from skrobust._solvers import descend
from skrobust._task import tasks_of
from skrobust._training import Data, Plan, train
from skrobust.loss import General
from skrobust.partition import log_partition

WHOLE = slice(None)


def tasks(alpha, c, y, weights=None, **options):
    """Return what is to be fitted to the columns of y."""
    defaults = {
        "loss": "general",
        "alpha_bounds": (0.0, 2.0),
        "efficiency": 0.95,
        "l2": 0.0,
        "start": "annealed",
        "max_iter": 50,
        "tol": 1e-4,
    }
    given = SimpleNamespace(alpha=alpha, c=c, **{**defaults, **options})
    return tasks_of(given, y, weights)


def plan(**options):
    """Return how to train."""
    defaults = {
        "l2": None,
        "n_init": 1,
        "max_iter": 200,
        "tol": 1e-4,
        "patience": 10,
        "seed": 0,
    }
    return Plan(**{**defaults, **options})


def problem(
    X,
    y,
    alpha=1.0,
    c="auto",
    *,
    hidden=(),
    weights=None,
    activation="tanh",
    validation=None,
    held=None,
    **options,
):
    """Return the problem of fitting a network."""
    y = np.reshape(y, (len(y), -1))
    if validation is not None:
        X_val, y_val = validation
        y_val = np.reshape(y_val, (len(y_val), -1))
        validation = Data(Rows(X_val, y_val), tasks(alpha, c, y_val, **options))
    fitted = tasks(alpha, c, y, weights, **options)
    return pose(
        Rows(X, y, weights),
        fitted,
        list(hidden),
        activation,
        validation=validation,
        held=held,
    )


def trained(posed, **options):
    """Return what training comes to."""
    return train(posed.data, posed.network, plan(**options), posed.validation)


def curve(n=400, noise=0.1, seed=0):
    """Return features, noisy targets and what they are without noise."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (n, 2))
    truth = np.sin(2 * X[:, 0]) + 0.5 * X[:, 1]
    return X, truth + noise * rng.normal(size=n), truth


# Laws


@pytest.fixture
def residuals():
    """Return residuals with heavy tails and weights."""
    rng = np.random.default_rng(1)
    return rng.standard_t(2, 400), rng.integers(1, 4, 400).astype(float)


def by_row(y):
    """Return numbers that differ from row to row."""
    return np.where(y > 0, 0.5, 1.5)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("c", [0.7, "auto", "adaptive", by_row])
@pytest.mark.parametrize("alpha", [1.0, "adaptive", by_row])
def test_laws_follow_alpha_and_c(alpha, c, weighted, residuals):
    r, weights = residuals
    weights = weights if weighted else None
    [task] = tasks(alpha, c, r[:, None])
    law = law_of(task, r, weights, 0.4, 1e-6, -np.inf)
    learns = alpha == "adaptive" or c == "adaptive"
    assert task.learns == learns
    assert law.scale == 0.4
    alphas = by_row(r) if alpha is by_row else law.alpha
    if learns:
        cs = by_row(r) if c is by_row else law.c
        mean = np.average(
            np.broadcast_to(np.log(cs) + log_partition(alphas), r.shape),
            weights=weights,
        )
        assert_allclose(law.log_cz, mean, rtol=1e-13)
    else:
        assert law.log_cz == 0
    if alpha == 1.0:
        assert law.alpha == 1
    assert math.isnan(law.alpha) == (alpha is by_row)
    assert math.isnan(law.c) == (c is by_row)
    if c == 0.7:
        assert law.c == 0.7
    if c == "auto" and not learns:
        lowest = 0.5 if alpha is by_row else 1.0
        assert_allclose(law.c, 0.4 * tuning_constant(lowest, 0.95), rtol=1e-13)
    assert_array_equal(law.family(task).alpha, alphas)


LEARNT = [
    (0.0, "adaptive"),
    (1.0, "adaptive"),
    (2.0, "adaptive"),
    (by_row, "adaptive"),
    ("adaptive", "adaptive"),
    ("adaptive", 0.7),
    ("adaptive", by_row),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("alpha", "c"), LEARNT)
def test_score_equations_hold(alpha, c, weighted, residuals):
    r, weights = residuals
    weights = weights if weighted else None
    [task] = tasks(alpha, c, r[:, None])
    law = law_of(task, r, weights, 1.0, 1e-6, -np.inf)
    alphas = by_row(r) if alpha is by_row else law.alpha
    cs = by_row(r) if c is by_row else law.c
    if c == "adaptive":
        u = r * loss.psi(r, alphas, cs)
        assert_allclose(np.average(u, weights=weights), 1, rtol=1e-8)
    if alpha == "adaptive":
        assert 0 < law.alpha < 2
        h = 1e-5
        slope = (log_partition(law.alpha + h) - log_partition(law.alpha - h)) / (2 * h)
        score = np.average(loss.rho_alpha(r, law.alpha, cs), weights=weights)
        assert_allclose(score, -slope, rtol=1e-7)


def test_what_is_learnt_is_likelier_than_what_is_near(residuals):
    r, weights = residuals
    for alpha, c in (("adaptive", "auto"), ("adaptive", by_row), (by_row, "adaptive")):
        [task] = tasks(alpha, c, r[:, None])
        law = law_of(task, r, weights, 1.0, 1e-6, -np.inf)

        def nats(shift, factor, alpha=alpha, c=c, law=law):
            alphas = by_row(r) if alpha is by_row else law.alpha + shift
            cs = (by_row(r) if c is by_row else law.c) * factor
            each = loss.rho(r, alphas, cs) + np.log(cs) + log_partition(alphas)
            return np.average(each, weights=weights)

        best = nats(0, 1)
        if alpha == "adaptive":
            assert best < min(nats(0.01, 1), nats(-0.01, 1))
        if c != by_row:
            assert best < min(nats(0, 1.01), nats(0, 0.99))


@pytest.mark.parametrize("name", ["general", "bisquare", "huber"])
def test_steps_on_the_way_have_a_loss_of_their_own(name):
    y = np.zeros((3, 1))
    [task] = tasks(-np.inf, "auto", y, loss=name)
    law = law_of(task, y[:, 0], None, 2.0, 1e-6, 0.5)
    family = law.family(task)
    if name == "huber":
        assert family is loss.huber
        assert_allclose(law.c, 2 * tuning_constant("huber"))
    else:
        assert family.alpha == 0.5
        assert_allclose(law.c, 2 * tuning_constant(0.5))
    last = law_of(task, y[:, 0], None, 2.0, 1e-6, -np.inf)
    expected = -np.inf if name == "general" else name
    assert_allclose(last.c, 2 * tuning_constant(expected))
    if name == "bisquare":
        assert last.family(task) is loss.bisquare


def test_steps_raise_the_alphas_of_rows_that_are_lower():
    y = np.linspace(-1, 1, 5)[:, None]
    [task] = tasks(lambda y: 2 * y, "auto", y)
    law = law_of(task, y[:, 0], None, 2.0, 1e-6, 0.5)
    assert_array_equal(law.family(task).alpha, [0.5, 0.5, 0.5, 1, 2])
    assert_allclose(law.c, 2 * tuning_constant(0.5))


@pytest.mark.parametrize(("alpha", "c"), LEARNT)
def test_exact_residuals_have_a_law(alpha, c):
    r = np.zeros(50)
    [task] = tasks(alpha, c, np.linspace(-1, 1, 50)[:, None])
    for some in (r, np.where(np.arange(50) < 10, 1e-9, 0.0)):
        law = law_of(task, some, None, 1e-3, 1e-3, -np.inf)
        assert np.isfinite(law.log_cz)
        if alpha == "adaptive":
            assert law.alpha == 2
        if c == "adaptive":
            assert_allclose(law.c, 1e-3, rtol=1e-12)


@pytest.mark.parametrize("alpha", [0.0, "adaptive"])
def test_c_stops_at_the_floor_where_most_residuals_are_exact(alpha):
    r = np.where(np.arange(100) < 60, 0.0, np.linspace(-1, 1, 100))
    [task] = tasks(alpha, "adaptive", r[:, None])
    law = law_of(task, r, None, 1.0, 1e-4, -np.inf)
    assert_allclose(law.c, 1e-4, rtol=1e-9)


def test_one_residual_has_a_law():
    for alpha, c in (("adaptive", "auto"), (1.0, "adaptive"), (by_row, "adaptive")):
        [task] = tasks(alpha, c, np.ones((1, 1)))
        law = law_of(task, np.array([0.3]), None, 1.0, 1e-6, -np.inf)
        assert 0.1 < law.c < 1


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_robust_scales_withstand_outliers(unit):
    rng = np.random.default_rng(0)
    r = unit * rng.normal(size=(4000, 3)) * [1, 5, 1]
    r[:, 2] = 0
    assert_allclose(robust_scales(r, None), [unit, 5 * unit, 0], rtol=0.05)
    clean = robust_scales(r[1600:], None)
    r[:1600] = 1e9 * unit
    soiled = robust_scales(r, None)
    assert (soiled[:2] < 4 * clean[:2]).all()
    times = rng.integers(0, 4, 4000)
    weighted = robust_scales(r, times.astype(float))
    repeated = robust_scales(np.repeat(r, times, axis=0), None)
    assert_allclose(weighted, repeated, rtol=1e-9)
    halves = np.where(np.arange(10)[:, None] < 6, 0.0, np.ones((10, 1)))
    assert robust_scales(halves, None) == 0  # more than half are exact


# Moments


@pytest.fixture
def design():
    """Return a dense X with zeros, one constant column, and one far from 0."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5)) * [1, 10, 1, 1, 0.01]
    X[rng.uniform(size=X.shape) < 0.5] = 0
    X[:, 2], X[:, 3] = 0.1, X[:, 3] + 1e6
    return X


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("stored", ["dense", "sparse", "matrix"])
def test_moments_of_features(stored, weighted, design):
    X = design
    times = np.random.default_rng(1).integers(0, 4, 200) if weighted else None
    repeated = X if times is None else np.repeat(X, times, axis=0)
    kept = {
        "dense": np.asarray,
        "sparse": sparse.csr_array,
        "matrix": sparse.csr_matrix,
    }
    weights = None if times is None else times.astype(float)
    rows = Rows(kept[stored](X), np.zeros((200, 1)), weights)
    mean, spread = feature_moments(rows)
    assert_allclose(mean, repeated.mean(axis=0), rtol=1e-13, atol=1e-15)
    expected = repeated.std(axis=0)
    expected[2] = 1  # of the constant column
    assert_allclose(spread, expected, rtol=1e-8)
    chosen = np.arange(0, 200, 3)
    for ours, theirs in zip(
        feature_moments(rows.choose(chosen)),
        feature_moments(rows.take(chosen)),
        strict=True,
    ):
        assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("stored", [np.asarray, sparse.csr_array])
def test_moments_of_float32_are_taken_in_float64(stored, design):
    design[:, 3] -= 1e6 - 1e3
    X = design.astype(np.float32)
    wide, narrow = (
        feature_moments(Rows(stored(x), np.zeros((200, 1))))
        for x in (X.astype(float), X)
    )
    for ours, theirs in zip(narrow, wide, strict=True):
        assert ours.dtype == np.float64
        assert_allclose(ours[[0, 1, 3, 4]], theirs[[0, 1, 3, 4]], rtol=1e-9)
    assert narrow[1][2] == 1


def test_a_light_outlier_does_not_blur_the_moments():
    X = np.random.default_rng(0).normal(size=(100, 1))
    X[0] = 1e8
    weights = np.ones(100)
    weights[0] = 1e-18
    mean, spread = feature_moments(Rows(X, X, weights))
    exact = np.average(X[:, 0], weights=weights)
    assert_allclose(mean, exact, rtol=1e-9)
    square = np.average(np.square(X[:, 0] - exact), weights=weights)
    assert_allclose(spread, np.sqrt(square), rtol=1e-9)


def test_units_of_targets_are_robust():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(1000, 1)) * [[1e-6, 1.0, 1e6]] + [[1e-3, 5, 0]]
    y[:300] = 1e9
    centre, unit = target_units(y, None)
    assert_allclose((centre - [1e-3, 5, 0]) / [1e-6, 1, 1e6], 0.5, atol=0.3)
    assert_allclose(unit / [1e-6, 1, 1e6], 1.5, atol=0.6)
    times = rng.integers(0, 4, 1000)
    ours = target_units(y, times.astype(float))
    theirs = target_units(np.repeat(y, times, axis=0), None)
    assert_array_equal(ours, theirs)


def test_units_of_targets_that_are_mostly_equal():
    y = np.array([[5.0, 5, 5, 5, 5, 7, 1], [3.0] * 7]).T
    centre, unit = target_units(y, None)
    assert_array_equal(centre, [5, 3])
    assert_array_equal(unit, [3, 1])  # of the others, and where there are none
    assert_array_equal(target_units(y, np.array([1.0] * 6 + [0]))[1], [2, 1])


# Data and rounds


def test_rows_are_chosen_with_their_tasks():
    y = np.random.default_rng(0).normal(size=(30, 2))
    data = Data(Rows(y, y, np.arange(30.0)), tasks(by_row, by_row, y))
    chosen = np.array([4, 7, 11])
    few = data.choose(chosen)
    assert_array_equal(few.rows.y, y[chosen])
    assert_array_equal(few.tasks[1].alpha, by_row(y[chosen, 1]))
    assert_array_equal(few.tasks[0].c, by_row(y[chosen, 0]))
    assert_array_equal(data.present, np.arange(1, 30))
    assert_array_equal(data.without_absent().rows.y, y[1:])
    assert few.without_absent() is few


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("c", [0.7, "auto", "adaptive", by_row])
@pytest.mark.parametrize("alpha", [1.0, "adaptive", by_row])
def test_losses_are_those_of_the_laws(alpha, c, outputs, residuals):
    r = residuals[0][:, None] * [1, 5][:outputs]
    data = Data(Rows(r, r), tasks(alpha, c, r))
    scales = robust_scales(r, None)
    laws = [
        law_of(task, x, None, s, 1e-6, -np.inf)
        for task, x, s in zip(data.tasks, r.T, scales, strict=True)
    ]
    losses = data.losses(laws)
    rho, psi = losses.evaluate(r, 1)
    count = data.unit(laws) ** 2 if data.tasks[0].learns else None
    for j, law in enumerate(laws):
        alphas = by_row(r[:, j]) if alpha is by_row else law.alpha
        cs = by_row(r[:, j]) if c is by_row else law.c
        counts = (np.square(cs) if count is None else count) / outputs
        assert_allclose(rho[:, j], counts * loss.rho(r[:, j], alphas, cs), rtol=1e-12)
        assert_allclose(psi[:, j], counts * loss.psi(r[:, j], alphas, cs), rtol=1e-12)
        weights = loss.weight(r[:, j], alphas, cs)
        assert_allclose(losses.trust(r)[:, j], weights, rtol=1e-12)
        bend = counts * weights / np.square(cs)
        assert_allclose(losses.bend(r)[:, j], bend, rtol=1e-12)
    some = losses.at(slice(10, 20))
    assert_allclose(some.evaluate(r[10:20], 0)[0], rho[10:20], rtol=1e-12)


def test_unit_of_a_likelihood_counts_rows_as_their_weights_say():
    y = np.random.default_rng(0).normal(size=(50, 1))
    times = np.where(y[:, 0] > 0, 4, 1)
    law = Law(1.0, np.nan, 1.0, -np.inf, 0.0)

    def positive(y):
        return 10 * np.exp(y)  # far above the scale

    weighted = Data(Rows(y, y, times.astype(float)), tasks("adaptive", positive, y))
    repeated = np.repeat(y, times, axis=0)
    copied = Data(Rows(repeated, repeated), tasks("adaptive", positive, repeated))
    assert_allclose(weighted.unit([law]), copied.unit([law]), rtol=1e-13)


@pytest.mark.parametrize("n", [1, 1999, 2000, 3001, 5000, 100_000])
def test_rounds_grow_to_all_rows(n):
    sizes = training._sizes(n)
    assert sizes[-1] == n
    assert all(a < b <= 3 * a for a, b in pairwise(sizes))
    assert sizes[0] == (n if n <= 3000 else 2000)


def test_alpha_walks_down_to_where_it_shall_be():
    y = np.zeros((3, 1))
    for alpha, expected in (
        (1.0, []),
        (0.5, []),
        (0.2, [0.5]),
        (-0.5, [0.5, 0.0]),
        (-np.inf, [0.5, 0.0, -1.0]),
        ("adaptive", [0.5, 0.0, -1.0]),  # and -2, before one is learnt
    ):
        assert training._path(tasks(alpha, "auto", y)) == expected
    assert training._path(tasks(1.0, "auto", y, loss="huber")) == []
    assert training._path(tasks(1.0, "auto", y, loss="bisquare")) == [0.5, 0.0, -1.0]


def test_first_round_is_convex():
    y = np.zeros((3, 2))
    r = np.array([[-9.0, 0.1]])
    squares = training._first_losses(tasks(2.0, "auto", y)).evaluate(r, 0)[0]
    assert_allclose(squares, np.square(r) / 4)
    nearly = training._first_losses(tasks(-2.0, "auto", y))
    assert_allclose(nearly.evaluate(r, 0)[0], loss.rho(r, 1.0, 0.5) / 8)


@pytest.mark.parametrize("weighted", [False, True])
def test_some_rows_are_drawn_from_those_there(weighted):
    y = np.arange(100.0)[:, None]
    weights = (np.arange(100) % 2).astype(float) if weighted else None
    data = Data(Rows(y, y, weights), tasks(1.0, "auto", y))
    few = training._some(data, 30, [0, 1])
    drawn = few.rows.y[:, 0]
    assert len(np.unique(drawn)) == 30
    assert (np.diff(drawn) > 0).all()
    assert not weighted or (drawn % 2 == 1).all()
    assert_array_equal(drawn, training._some(data, 30, [0, 1]).rows.y[:, 0])
    assert not np.array_equal(drawn, training._some(data, 30, [0, 2]).rows.y[:, 0])
    assert training._some(data, 100, [0]) is data


# Training


@pytest.mark.parametrize(
    ("alpha", "c", "stored"),
    [
        (2.0, 1.0, np.asarray),
        (1.0, 0.5, sparse.csr_array),
        (0.0, 1.0, np.asarray),
    ],
)
def test_without_hidden_units_the_fit_is_that_of_the_linear_model(alpha, c, stored):
    rng = np.random.default_rng(0)
    X = rng.normal([5, 0, -3], [1, 10, 0.1], (300, 3))
    X[rng.uniform(size=X.shape) < 0.3] = 0
    y = X @ [1.0, 0.2, -7] + 3 + rng.standard_t(3, 300)
    weights = rng.integers(0, 3, 300).astype(float)
    posed = problem(stored(X), y, alpha, c, weights=weights)
    found = trained(posed, l2=0.0, tol=0.0, patience=50)
    [W], [b] = posed.folded(found.params)
    linear = AdaptiveLossRegressor(alpha, c).fit(X, y, weights)
    assert_allclose(W[:, 0], linear.coef_, rtol=1e-5, atol=1e-6)
    assert_allclose(b[0], linear.intercept_, rtol=1e-5)


@pytest.mark.parametrize("alpha", [2.0, 1.0, 0.0, -2.0, "adaptive"])
@pytest.mark.parametrize("hidden", [(), (4,)])
def test_an_exact_fit_ends_well(hidden, alpha):
    X = curve(60)[0]
    y = np.column_stack([X @ [1.0, -2], X @ [1e6, 1e6]])
    posed = problem(X, y, alpha, hidden=hidden, activation="identity")
    found = trained(posed, l2=0.0, max_iter=300)
    rows = posed.data.rows
    residuals = (
        y - posed.network.predict(found.params, rows.features(WHOLE)) * rows.unit
    )
    residuals -= rows.centre
    assert found.converged
    assert np.isfinite(found.value)
    assert np.isfinite(found.params).all()
    assert (np.abs(residuals).max(axis=0) < 1e-2 * rows.unit).all()
    for fit in posed.outputs(found):
        assert 0 < fit.scale < np.inf
        assert 0 < fit.c < np.inf


@pytest.mark.parametrize("alpha", [2.0, 0.0, -np.inf, "adaptive"])
@pytest.mark.parametrize("value", [0.0, 1e-6, -3e6])
def test_a_constant_target_is_predicted(value, alpha):
    X = curve(50)[0]
    posed = problem(X, np.full(50, value), alpha, hidden=(3,))
    found = trained(posed)
    (V, W), (a, b) = posed.folded(found.params)
    predicted = np.tanh(X @ V + a) @ W + b
    assert_allclose(predicted, value, atol=1e-2)
    assert np.isfinite(found.value)


@pytest.mark.parametrize("alpha", [2.0, 0.0, "adaptive"])
def test_one_row_is_learnt(alpha):
    posed = problem(np.array([[1.0, 2.0]]), [7.0], alpha, hidden=(3,))
    found = trained(posed)
    prediction = posed.network.predict(found.params, posed.data.rows.features(WHOLE))
    assert_allclose(prediction * posed.data.rows.unit + 7, 7, atol=0.1)


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("alpha", [1.0, "adaptive", by_row])
def test_weights_are_repetitions_and_0_is_absence(alpha, outputs):
    X, y, _ = curve(150)
    y = np.column_stack([y, 3 - y])[:, :outputs]
    times = np.random.default_rng(0).integers(0, 3, 150)
    copies = np.repeat(np.arange(150), times)
    X_far, y_far = X.copy(), y.copy()
    X_far[times == 0], y_far[times == 0] = 1e200, -1e300
    weighted = problem(X_far, y_far, alpha, weights=times.astype(float), hidden=(4,))
    repeated = problem(X[copies], y[copies], alpha, hidden=(4,))
    # Signs of outputs are drawn by row: the same after some steps, but not to rounding.
    steps = 1 if outputs > 1 else 30
    found = [trained(each, max_iter=steps, tol=0.0) for each in (weighted, repeated)]
    if outputs == 1:
        assert_allclose(found[0].params, found[1].params, rtol=1e-4, atol=1e-5)
        assert_allclose(found[0].value, found[1].value, rtol=1e-6)
    assert_allclose(weighted.mean, repeated.mean, rtol=1e-12)
    assert_allclose(weighted.spread, repeated.spread, rtol=1e-12)
    there = problem(
        X[times > 0], y[times > 0], alpha, weights=times[times > 0] + 0.0, hidden=(4,)
    )
    exact = trained(there, max_iter=steps, tol=0.0)
    assert_array_equal(found[0].params, exact.params)


@pytest.mark.parametrize("stored", [np.asarray, sparse.csr_array])
def test_learning_is_repeatable_and_storage_makes_no_difference(stored):
    X, y, _ = curve(200)
    posed = problem(X, y, 0.0, hidden=(5,))
    other = problem(stored(X), y, 0.0, hidden=(5,))
    one, two = (trained(each, max_iter=12, n_init=2) for each in (posed, other))
    assert_allclose(two.params, one.params, rtol=1e-6, atol=1e-7)
    assert_array_equal(trained(posed, max_iter=12, n_init=2).params, one.params)
    elsewhere = trained(posed, max_iter=12, n_init=2, seed=1)
    assert not np.allclose(elsewhere.params, one.params)


@pytest.mark.parametrize(
    ("alpha", "c"), [(0.0, "auto"), (-np.inf, "auto"), ("adaptive", "auto"), (1.0, 0.1)]
)
def test_gross_outliers_are_not_learnt(alpha, c):
    X, y, truth = curve(600)
    y[np.random.default_rng(3).permutation(600)[:120]] += 30
    posed = problem(X, y, alpha, c, hidden=(12,))
    found = trained(posed, n_init=2)
    rows = posed.data.rows
    predicted = posed.network.predict(found.params, rows.features(WHOLE))
    error = np.abs(predicted[:, 0] * rows.unit + rows.centre - truth)
    assert error.mean() < 0.08


def test_a_c_far_below_the_noise_is_not_outweighed_by_the_penalty():
    X, y, truth = curve(400)
    posed = problem(X, y, 1.0, 1e-3, hidden=(12,))
    found = trained(posed)
    rows = posed.data.rows
    predicted = posed.network.predict(found.params, rows.features(WHOLE))
    error = np.abs(predicted[:, 0] * rows.unit + rows.centre - truth)
    assert error.mean() < 0.08


def test_losses_bend_as_their_c_says():
    y = np.linspace(-1, 1, 5)[:, None]
    tuned = 2 * tuning_constant(1.0)
    for c, expected in (
        ("auto", 1),
        (tuned, 1),
        (1e3, 1),
        (2e-4, 1e-4 * np.hypot(1, 1 / tuning_constant(1.0))),
        ("adaptive", 1),
        (lambda y: np.where(y > 0, 1e3, 1e-9), 2 / 3),
    ):
        [task] = tasks(1.0, c, y)
        weights = np.array([1.0, 0, 0, 2, 0])
        law = law_of(task, y[:, 0], weights, 2.0, 1e-6, -np.inf)
        found = law.bend(task, weights)
        if callable(c):
            expected *= np.hypot(1, 2 / tuned)
        assert_allclose(found, expected, rtol=1e-5)


def test_each_step_of_a_round_lowers_the_objective():
    X, y, _ = curve(200)
    found = trained(problem(X, y, 1.0, 0.5, hidden=(5,)), l2=0.01, max_iter=80)
    assert (np.diff(found.curve) <= 0).all()
    assert_allclose(found.value, found.curve[-1], rtol=1e-10)
    assert found.n_iter == len(found.curve)


def test_value_of_a_likelihood_is_in_nats():
    X, y, _ = curve(300)
    y = np.column_stack([y, np.random.default_rng(0).standard_t(2, 300)])
    posed = problem(X, y, "adaptive", hidden=(5,))
    found = trained(posed, l2=0.0)
    rows = posed.data.rows
    r = (rows.y - rows.centre) / rows.unit
    r -= posed.network.predict(found.params, rows.features(WHOLE))
    nats = []
    for law, column in zip(found.laws, r.T, strict=True):
        best = fit_general_dist(column, alpha_bounds=(0, 2))
        assert_allclose([law.alpha, law.c], [best.alpha, best.c], rtol=1e-6)
        nats.append(-best.log_likelihood / 300)
    assert_allclose(found.value, np.mean(nats), rtol=1e-9)


def test_steps_that_are_too_few_are_told():
    X, y, _ = curve(200)
    found = trained(problem(X, y, 1.0, hidden=(5,)), max_iter=1)
    assert not found.converged
    assert found.n_iter == 1
    [(message, category)] = found.notes
    assert "max_iter" in message
    assert category.__name__ == "ConvergenceWarning"
    assert not trained(problem(X, y, 1.0, 1.0), tol=1e-3).notes


def test_a_watch_may_stop_the_last_fit():
    X, y, _ = curve(200)
    seen = []

    def watch(params, solution):
        seen.append(solution.n_iter)
        return len(seen) == 3

    found = trained(problem(X, y, 1.0, hidden=(5,)), watch=watch)
    assert seen == [1, 2, 3]
    assert found.n_iter == 3
    assert not found.notes


def test_rows_that_took_no_part_choose_the_parameters():
    X, y, _ = curve(60, noise=0.5)
    held = np.arange(0, 60, 4)
    for alpha in (1.0, "adaptive"):
        posed = problem(X, y, alpha, hidden=(30,), held=held)
        assert len(posed.data.rows) == 45
        found = trained(posed, l2=0.0, patience=10)
        assert len(found.scores) == len(found.curve)
        assert found.best_score > found.scores[-1]
    losses = posed.validation.losses(found.laws)
    objective = NetworkLoss(posed.validation.rows, posed.network, losses, 0.0)
    unit = posed.data.unit(found.laws)
    nats = objective.value(found.params) / unit**2 + found.laws[0].log_cz
    assert found.best_score in found.scores
    assert_allclose(-nats, found.best_score, atol=0.1)


def test_scores_are_in_the_unit_of_the_training_rows():
    X, y, _ = curve(120)

    def c(y):
        return 3 + 2 * np.abs(y)  # far above the scale

    far = problem(X, y, "adaptive", c, hidden=(4,), validation=(X[:40], y[:40]))
    fit = training._LastFit(
        far.data,
        far.network,
        plan(),
        training._Scales(far.data, far.network),
        far.validation,
    )
    params = far.network.start(np.random.default_rng(0))
    fit._laws = fit._yardstick = fit.scales.laws(far.data, params)
    fit._validate(far.validation, params)
    [law] = fit._laws
    rows = far.validation.rows
    r = (rows.y - rows.centre) / rows.unit
    r -= far.network.predict(params, rows.features(WHOLE))
    each = loss.rho(r[:, 0], law.alpha, c(y[:40]) / rows.unit)
    assert_allclose(fit.scores[0], -(each.mean() + law.log_cz), rtol=1e-10)


def test_an_overflow_says_at_which_iteration():
    X, y, _ = curve(50)
    posed = problem(X, y, np.inf, 1e-3, hidden=(3,), alpha_bounds=(0, np.inf))
    with pytest.raises(FloatingPointError, match="at iteration 0"):
        trained(posed)


def test_a_warm_start_goes_on():
    X, y, _ = curve(200)
    posed = problem(X, y, 1.0, 0.5, hidden=(5,))
    first = trained(posed, l2=0.01, max_iter=100)
    again = trained(posed, l2=0.01, warm=first.params, max_iter=5)
    assert again.curve[0] <= first.value
    assert again.n_iter <= 5


# The solver


@dataclass
class Bowl:
    """``sum(cosh(a (x - 1)) - 1)`` in coordinates that make it round at the start."""

    a: np.ndarray
    seen: list = field(default_factory=list)

    newton = False
    bounds = None

    @property
    def rank(self):
        """Return the number of coordinates."""
        return len(self.a)

    def evaluate(self, params):
        """Return the value and the gradient."""
        u = self.a * (params - 1)
        with np.errstate(over="ignore"):
            return np.cosh(u).sum() - len(u), self.a * np.sinh(u)

    def precondition(self, params):
        """Return value, gradient, and coordinates."""
        self.seen.append(params)
        return *self.evaluate(params), self

    def move(self, params, z):
        """Return the parameters of some coordinates."""
        return params + z / self.a

    def pull(self, gradient):
        """Return the gradient in these coordinates."""
        return gradient / self.a

    def size(self, params, gradient):
        """Return the size of a gradient in these coordinates."""
        return float(np.linalg.norm(self.pull(gradient)))


def test_descent_reaches_the_minimum_whatever_the_units():
    bowl = Bowl(np.logspace(-3, 3, 7))
    found = descend(bowl, 1 + 0.9 / bowl.a, max_iter=50)
    assert_allclose((found.params - 1) * bowl.a, 0, atol=1e-6)
    assert len(bowl.seen) == 1
    assert found.n_iter < 20
    at_minimum = descend(bowl, np.ones(7), max_iter=50)
    assert at_minimum.converged
    assert at_minimum.n_iter == 0


def test_descent_counts_on_and_stops_when_told():
    bowl = Bowl(np.ones(4))
    seen = []

    def observe(solution):
        seen.append((solution.n_iter, solution.value))
        return len(seen) == 2

    start = np.array([4.0, -2, 0.3, 9])
    first = descend(bowl, start, max_iter=50, observe=observe)
    assert np.isfinite(first.value)  # although a Newton step goes too far
    assert first.stopped
    assert [n for n, _ in seen] == [1, 2]
    assert_allclose(first.value, seen[-1][1])
    second = descend(bowl, first.params, max_iter=3, done=first.n_iter)
    assert second.n_iter == 5
    assert second.value < first.value
    with pytest.raises(FloatingPointError, match="the objective overflows"):
        descend(bowl, np.full(4, 1e4), max_iter=5)


# Units


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("stored", [np.asarray, sparse.csr_array, sparse.csr_matrix])
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("hidden", [(), (5,), (5, 3)])
def test_units_fold_and_unfold(hidden, outputs, stored, dtype):
    rng = np.random.default_rng(0)
    X = rng.normal([50, 0, -3, 7], [1, 10, 0.1, 0], (40, 4))
    X[rng.uniform(size=X.shape) < 0.3] = 0
    y = (rng.normal(size=(40, outputs)) + 10) * [3, 1e6, 1e-6][:outputs]
    X = stored(X.astype(dtype))
    posed = problem(X, y, hidden=hidden)
    rows, network = posed.data.rows, posed.network
    assert network.sizes == (4, *hidden, outputs)
    params = network.start(rng)
    coefs, intercepts = posed.folded(params)
    assert {W.dtype for W in [*coefs, *intercepts]} == {np.dtype(dtype)}
    assert [W.shape for W in coefs] == [(a - 1, b) for a, b in network.shapes]
    rtol = 1e-11 if dtype == np.float64 else 1e-4
    back = posed.unfolded(coefs, intercepts)
    assert_allclose(back, params, rtol=rtol, atol=rtol)
    plain = Network(network.sizes, network.activation, dtype)
    ours = plain.predict(plain.joined(coefs, intercepts), X)
    inside = network.predict(params, rows.features(WHOLE))
    assert inside.dtype == ours.dtype == dtype
    expected = inside * rows.unit + rows.centre
    off = np.abs(ours - expected) / (rows.unit + np.abs(expected) + 0 * ours)
    assert off.max() < (1e-11 if dtype == np.float64 else 1e-4)


@pytest.mark.parametrize("c", [0.3, "auto", "adaptive"])
@pytest.mark.parametrize("alpha", [1.0, 2.0, "adaptive"])
def test_scales_are_those_of_the_last_residuals(alpha, c):
    X, y, _ = curve(200)
    posed = problem(X, y, alpha, c, hidden=(6,))
    found = trained(posed, max_iter=60)
    rows = posed.data.rows
    r = (rows.y - rows.centre) / rows.unit
    r -= posed.network.predict(found.params, rows.features(WHOLE))
    # A c that follows the scale is that of the objective, near enough.
    rtol = training.SETTLED if c == "auto" and alpha != "adaptive" else 1e-9
    assert_allclose(found.laws[0].scale, robust_scales(r, None)[0], rtol=rtol)


@pytest.mark.parametrize("c", [0.7, "auto", by_row])
@pytest.mark.parametrize("alpha", [1.0, 2.0, by_row])
def test_losses_are_told_in_the_units_of_targets(alpha, c):
    X, y, _ = curve(100)
    y = np.column_stack([y, 1e6 * y])
    posed = problem(X, y, alpha, c, hidden=(3,))
    found = trained(posed, max_iter=20)
    units = posed.data.rows.unit
    for j, fit in enumerate(posed.outputs(found)):
        assert isinstance(fit, OutputFit)
        assert_allclose(fit.scale, found.laws[j].scale * units[j])
        expected = {0.7: 0.7, by_row: by_row(y[:, j])}.get(c)
        if c == "auto":
            tuned = tuning_constant(0.5 if alpha is by_row else alpha)
            expected = fit.scale * tuned
        assert_allclose(fit.c, expected)
        assert_array_equal(fit.alpha, by_row(y[:, j]) if alpha is by_row else alpha)


def test_the_loss_of_a_wild_start_is_no_nan():
    losses = OutputLosses([General(0.0)], np.ones(1), np.ones(1))
    y = np.array([[0.0], [1e300]])
    network = Network((1, 1), "tanh")
    objective = NetworkLoss(Rows(np.ones((2, 1)), y), network, losses, 1.0)
    found = descend(objective, np.array([1e100, 0.0]), max_iter=5)
    assert np.isfinite(found.params).all()
    replaced = replace(objective, l2=0.0)
    assert np.isfinite(descend(replaced, np.array([1e3, 0.0]), max_iter=5).value)
