"""Tests of networks: their objective, its derivatives, and their coordinates."""

import tracemalloc
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.linalg import block_diag
from scipy.special import erf, expit

from skrobust import _network, _rows, loss
from skrobust._kronecker import KroneckerCoordinates
from skrobust._network import ACTIVATIONS, Network
from skrobust._network_loss import DAMPING, NetworkLoss, OutputLosses
from skrobust._residual_laws import law_of
from skrobust._rows import Rows
from skrobust._task import tasks_of
from skrobust._training import Data
from skrobust.loss import General

FORMULAS = {
    "identity": lambda z: z,
    "logistic": expit,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "silu": lambda z: z * expit(z),
    "gelu": lambda z: z * (1 + erf(z / np.sqrt(2))) / 2,
}
HIDDEN = 5, 3
WHOLE = slice(None)


@pytest.fixture
def small_blocks(monkeypatch):
    """Let a block have 17 rows."""
    monkeypatch.setattr(_rows, "BLOCK_BYTES", 1)
    monkeypatch.setattr(_rows, "SMALLEST_BLOCK", 17)


@pytest.fixture
def few_dense(monkeypatch):
    """Let factors of more than 3 be diagonal."""
    monkeypatch.setattr(_network, "DENSE_METRIC", 3)


def features(n, seed=0):
    """Return rows of 4 features, four of ten of them 0, far from centred."""
    rng = np.random.default_rng(seed)
    X = rng.normal([3, -1, 0, 2], [1, 2, 0.5, 3], (n, 4))
    X[rng.uniform(size=X.shape) < 0.4] = 0
    return X


def posed(
    outputs=1,
    activation="tanh",
    *,
    weighted=False,
    stored="dense",
    alpha=1.0,
    n=60,
    l2=0.3,
    hidden=HIDDEN,
):
    """Return an objective, and parameters to look at it from."""
    rng = np.random.default_rng(outputs)
    X = features(n)
    y = np.sin(X @ rng.normal(size=(4, outputs))) + rng.standard_t(2, (n, outputs))
    weights = rng.integers(0, 4, n) / 2 if weighted else None
    mean, spread = X.mean(axis=0), X.std(axis=0)
    centre = None
    if stored == "dense":
        rows = Rows(X, y, weights, shift=mean, scale=spread)
    else:
        rows = Rows(sparse.csr_array(X), y, weights, scale=spread)
        centre = mean / spread
    network = Network((4, *hidden, outputs), activation, centre=centre)
    params = network.start(rng)
    losses = losses_of(alpha, rows, network, params)
    return NetworkLoss(rows, network, losses, l2), params


def losses_of(alpha, rows, network, params):
    """Return losses with an alpha, by likelihood where it is learnt."""
    k = rows.y.shape[1]
    if alpha != "adaptive":
        c = np.linspace(0.7, 1.3, k)
        return OutputLosses([General(alpha)], c, np.square(c) / k)
    data = Data(rows, tasks("adaptive", "auto", rows.y))
    residuals = rows.y - network.predict(params, rows.features(WHOLE))
    laws = [
        law_of(task, r, rows.weights, 1.0, 1e-6, -np.inf)
        for task, r in zip(data.tasks, residuals.T, strict=True)
    ]
    return data.losses(laws)


def tasks(alpha, c, y, **options):
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
    return tasks_of(SimpleNamespace(alpha=alpha, c=c, **{**defaults, **options}), y)


def by_hand(objective, params):
    """Return the value of an objective, from all rows at once and by the formulas."""
    rows, network, losses = objective.rows, objective.network, objective.losses
    X = rows.X.toarray() if sparse.issparse(rows.X) else rows.X
    mean = rows.shift if network.centre is None else network.centre * rows.scale
    Z = (X - mean) / rows.scale
    coefficients, start = 0.0, 0
    for layer, (inputs, units) in enumerate(pairwise(network.sizes)):
        end = start + (inputs + 1) * units
        W = params[start:end].reshape(inputs + 1, units)
        if layer:
            Z = FORMULAS[network.activation](Z)
        Z = Z @ W[:-1] + W[-1]
        coefficients, start = coefficients + np.square(W[:-1]).sum(), end
    alphas = np.array([family.alpha for family in losses.families])
    rho = losses.counts * loss.rho(rows.y - Z, alphas, losses.c)
    mean_loss = np.average(rho.sum(axis=1), weights=rows.weights)
    return mean_loss + objective.l2 / 2 * coefficients


# The layers


def test_activations_are_their_formulas():
    assert FORMULAS.keys() == ACTIVATIONS.keys()
    z = np.concatenate([-np.logspace(3, -8, 40), [0.0], np.logspace(-8, 3, 40)])
    for name, formula in FORMULAS.items():
        found, slope = z.copy(), np.empty_like(z)
        ACTIVATIONS[name](found, slope)
        assert_allclose(found, formula(z), rtol=1e-12, atol=1e-16, err_msg=name)
        alone = z.copy()
        ACTIVATIONS[name](alone, None)
        assert_array_equal(alone, found, err_msg=name)
        assert np.isfinite(slope).all()
        step = 1e-5 * np.maximum(np.abs(z), 1e-3)
        apart = z != 0  # the kink of relu
        by_steps = (formula(z + step) - formula(z - step)) / (2 * step)
        assert_allclose(slope[apart], by_steps[apart], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_of_float32_are_those_of_float64(activation):
    z = np.linspace(-100, 100, 301)
    wide, narrow = z.copy(), z.astype(np.float32)
    slopes = np.empty_like(wide), np.empty_like(narrow)
    ACTIVATIONS[activation](wide, slopes[0])
    ACTIVATIONS[activation](narrow, slopes[1])
    assert narrow.dtype == np.float32
    assert_allclose(narrow, wide, rtol=2e-5, atol=1e-6)
    assert_allclose(slopes[1], slopes[0], rtol=2e-5, atol=1e-5)


def test_parameters_are_split_into_layers_with_intercepts_last():
    network = Network((4, 5, 3, 2), "relu")
    params = np.arange(network.size, dtype=float)
    layers = network.split(params)
    assert [W.shape for W in layers] == network.shapes == [(5, 5), (6, 3), (4, 2)]
    joined = network.joined([W[:-1] for W in layers], [W[-1] for W in layers])
    assert_array_equal(joined, params)
    free = network.split(network.penalised())
    assert all(W[:-1].all() and not W[-1].any() for W in free)
    layers[1][0, 0] = -1  # they are views
    assert params[25] == -1


@pytest.mark.parametrize("activation", ["logistic", "tanh"])
def test_start_is_uniform_within_the_bounds_of_Glorot(activation):
    network = Network((30, 50, 20), activation)
    params = network.start(np.random.default_rng(0))
    factor = {"logistic": 2, "tanh": 6}[activation]
    for W, (a, b) in zip(network.split(params), pairwise(network.sizes), strict=True):
        bound = np.sqrt(factor / (a + b))
        assert np.abs(W).max() <= bound
        assert_allclose(W.std(), bound / np.sqrt(3), rtol=0.05)
    assert_array_equal(params, network.start(np.random.default_rng(0)))


# The objective


@pytest.mark.parametrize("stored", ["dense", "sparse"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("alpha", [-np.inf, -2.0, 0.0, 1.0, 2.0, "adaptive"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradient_is_the_limit_of_differences(
    activation, alpha, outputs, weighted, stored
):
    objective, params = posed(
        outputs, activation, weighted=weighted, stored=stored, alpha=alpha
    )
    value, gradient = objective.evaluate(params)
    assert_allclose(value, by_hand(objective, params), rtol=1e-13)
    alone = objective.value(params) + _penalty(objective, params)
    assert_allclose(alone, value, rtol=1e-13)
    direction = np.random.default_rng(7).normal(size=len(params))
    direction /= np.linalg.norm(direction)
    high, low = (by_hand(objective, params + h * direction) for h in (1e-5, -1e-5))
    size = np.linalg.norm(gradient)
    assert_allclose(gradient @ direction, (high - low) / 2e-5, atol=1e-6 * size)
    _, ours, _ = objective.precondition(params)
    assert_allclose(ours, gradient, rtol=1e-12, atol=1e-14 * size)


def _penalty(objective, params):
    """Return the penalty of some parameters."""
    mask = objective.network.penalised()
    return objective.l2 / 2 * np.square(params[mask]).sum()


@pytest.mark.parametrize("hidden", [(), (3,), (2, 3, 2)])
@pytest.mark.parametrize("stored", ["dense", "sparse"])
def test_every_entry_of_the_gradient_is_right(stored, hidden):
    objective, params = posed(2, stored=stored, hidden=hidden, weighted=True)
    gradient = objective.evaluate(params)[1]
    steps = 1e-5 * np.eye(len(params))
    by_steps = [
        (by_hand(objective, params + h) - by_hand(objective, params - h)) / 2e-5
        for h in steps
    ]
    assert_allclose(gradient, by_steps, atol=1e-6 * np.linalg.norm(gradient))


@pytest.mark.parametrize("shapes", [1, 3])
@pytest.mark.parametrize("outputs", [1, 3])
def test_alpha_and_c_may_differ_from_row_to_row(outputs, shapes, small_blocks):
    rng = np.random.default_rng(3)
    objective, params = posed(outputs, weighted=True)
    n = len(objective.rows)
    alphas = rng.choice([-2.0, 0.0, 1.3], (shapes, n))
    c = rng.uniform(0.5, 2, (n, outputs))
    families = [General(alphas[j % shapes]) for j in range(outputs)]
    losses = OutputLosses(families, c, np.square(c) / outputs)
    objective = replace(objective, losses=losses)
    value, gradient, _ = objective.precondition(params)
    rows = objective.rows
    residuals = rows.y - objective.network.predict(params, rows.features(WHOLE))
    rho = sum(
        c[:, j] ** 2 / outputs * loss.rho(residuals[:, j], families[j].alpha, c[:, j])
        for j in range(outputs)
    )
    expected = np.average(rho, weights=rows.weights) + _penalty(objective, params)
    assert_allclose(value, expected, rtol=1e-12)
    direction = np.random.default_rng(7).normal(size=len(params))
    values = [objective.evaluate(params + h * direction)[0] for h in (1e-6, -1e-6)]
    assert_allclose(gradient @ direction, (values[0] - values[1]) / 2e-6, rtol=1e-6)


@pytest.mark.parametrize("stored", ["dense", "sparse"])
@pytest.mark.parametrize("outputs", [1, 3])
def test_blocks_and_threads_make_no_difference(outputs, stored, monkeypatch):
    objective, params = posed(outputs, stored=stored, weighted=True, n=300)
    value, gradient = objective.evaluate(params)
    factors = _factors(objective, params)
    monkeypatch.setattr(_rows, "BLOCK_BYTES", 1)
    monkeypatch.setattr(_rows, "SMALLEST_BLOCK", 17)
    size = np.abs(gradient).max()
    found = {}
    for threads in (1, 2):
        other = replace(objective, rows=replace(objective.rows, threads=threads))
        assert len(other.rows._blocks()) == 18
        ours = other.evaluate(params)
        assert_allclose(ours[0], value, rtol=1e-13)
        assert_allclose(ours[1], gradient, rtol=1e-12, atol=1e-13 * size)
        assert_allclose(other.value(params), objective.value(params), rtol=1e-13)
        found[threads] = _factors(other, params)
    depth = len(factors) // 2
    for j, factor in enumerate(found[2]):
        # With several outputs the blocks draw signs, each its own but always the same.
        expected = factors[j] if outputs == 1 or j < depth else found[1][j]
        assert_allclose(factor, expected, rtol=1e-11, atol=1e-12)


def _factors(objective, params):
    """Return the inner factors and then the outer ones, as coordinates get them."""
    seen = []

    def remember(network, factors, damping):
        seen.extend([inner for inner, _ in factors] + [outer for _, outer in factors])
        return KroneckerCoordinates(network, factors, damping)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skrobust._network_loss.KroneckerCoordinates", remember)
        objective.precondition(params)
    return seen


@pytest.mark.parametrize("stored", ["dense", "sparse"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_float32_is_near_float64(activation, stored):
    objective, params = posed(2, activation, stored=stored, weighted=True, n=300)
    rows, network = objective.rows, objective.network
    narrow = replace(
        objective,
        rows=replace(rows, X=rows.X.astype(np.float32), dtype=np.float32),
        network=replace(network, dtype=np.float32),
    )
    value, gradient = objective.evaluate(params)
    ours, slope, coordinates = narrow.precondition(params)
    assert_allclose(ours, value, rtol=1e-5)
    assert slope.dtype == np.float64
    assert_allclose(slope, gradient, atol=1e-5 * np.linalg.norm(gradient))
    z = np.random.default_rng(0).normal(size=len(params))
    theirs = objective.precondition(params)[2].move(params, z)
    size = np.linalg.norm(theirs)
    assert_allclose(coordinates.move(params, z), theirs, atol=1e-3 * size)


@pytest.mark.parametrize("stored", ["dense", "sparse"])
@pytest.mark.parametrize("outputs", [1, 2])
def test_weights_are_repetitions(outputs, stored, small_blocks):
    objective, params = posed(outputs, stored=stored)
    rows = objective.rows
    times = np.random.default_rng(5).integers(0, 4, len(rows))
    weighted = replace(objective, rows=replace(rows, weights=times.astype(float)))
    repeated = np.repeat(np.arange(len(rows)), times)
    copied = replace(objective, rows=rows.take(repeated))
    for ours, theirs in zip(
        weighted.evaluate(params), copied.evaluate(params), strict=True
    ):
        assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)
    assert_allclose(weighted.value(params), copied.value(params), rtol=1e-13)
    ours, theirs = _factors(weighted, params), _factors(copied, params)
    for j, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        if outputs == 1 or j < len(ours) // 2:
            assert_allclose(one, other, rtol=1e-12, atol=1e-13)
        else:  # the signs are others
            last = j == len(ours) - 1
            assert not last or np.allclose(np.diagonal(one), np.diagonal(other))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("alpha", [-np.inf, 0.0, 2.0])
@pytest.mark.parametrize("far", [1e30, 1e300])
def test_rows_of_weight_0_may_be_anything(alpha, far, dtype):
    objective, params = posed(2, alpha=alpha)
    rows = replace(objective.rows, dtype=dtype)
    network = replace(objective.network, dtype=dtype)
    objective = replace(objective, rows=rows, network=network)
    absent = np.arange(len(rows)) % 3 == 0
    y = np.where(absent[:, None], far, rows.y)
    weighted = replace(rows, y=y, weights=np.where(absent, 0.0, 1.0))
    there = replace(objective, rows=rows.take(~absent))
    here = replace(objective, rows=weighted)
    ours, theirs = here.precondition(params), there.precondition(params)
    rtol = 1e-12 if dtype == np.float64 else 1e-5
    assert_allclose(ours[0], theirs[0], rtol=rtol)
    assert_allclose(ours[1], theirs[1], rtol=rtol, atol=rtol)
    assert_allclose(here.value(params), there.value(params), rtol=rtol)
    assert np.isfinite(ours[2].move(params, params)).all()


@pytest.mark.parametrize("alpha", [-np.inf, -2.0, 0.0, 1.0])
@pytest.mark.parametrize("far", [1e100, 1e300])
def test_a_wild_target_leaves_finite_numbers(alpha, far):
    objective, params = posed(2, alpha=alpha)
    objective.rows.y[3] = far, -far
    value, gradient, coordinates = objective.precondition(params)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert np.isfinite(coordinates.move(params, gradient)).all()


@pytest.mark.parametrize("c", [1e-9, 1e9])
def test_any_scale_is_near_enough_for_float32(c):
    objective, params = posed(2, alpha=2.0)
    rows = replace(objective.rows, dtype=np.float32)
    losses = OutputLosses([General(2.0)], np.full(2, c), np.full(2, c * c / 2))
    narrow = replace(
        objective,
        rows=rows,
        network=replace(objective.network, dtype=np.float32),
        losses=losses,
    )
    ours, theirs = (
        each.precondition(params)[:2]
        for each in (narrow, replace(objective, losses=losses))
    )
    assert_allclose(ours[0], theirs[0], rtol=1e-5)
    assert_allclose(ours[1], theirs[1], atol=1e-5 * np.linalg.norm(theirs[1]))


@pytest.mark.parametrize("stored", ["dense", "sparse"])
def test_chosen_rows_are_those_taken(stored, small_blocks):
    objective, params = posed(2, stored=stored, weighted=True, n=100)
    rng = np.random.default_rng(2)
    chosen = rng.permutation(100)[:70]
    again = rng.permutation(70)[:40]
    rows = objective.rows
    for ours, theirs in (
        (rows.choose(chosen), rows.take(chosen)),
        (rows.choose(chosen).choose(again), rows.take(chosen).take(again)),
        (rows.choose(chosen).take(again), rows.take(chosen).take(again)),
        (rows.take(chosen).choose(again), rows.take(chosen).take(again)),
    ):
        assert len(ours) == len(theirs)
        assert ours.total == theirs.total
        for one, other in zip(
            replace(objective, rows=ours).evaluate(params),
            replace(objective, rows=theirs).evaluate(params),
            strict=True,
        ):
            assert_array_equal(one, other)
    assert rows.choose(chosen).X is rows.X


def test_one_row_is_enough():
    objective, params = posed(2)
    objective = replace(objective, rows=objective.rows.take(np.array([3])))
    value, gradient, coordinates = objective.precondition(params)
    assert_allclose(value, by_hand(objective, params), rtol=1e-13)
    assert np.isfinite(coordinates.pull(gradient)).all()


@pytest.mark.parametrize("stored", ["dense", "sparse"])
@pytest.mark.parametrize("method", ["value", "evaluate", "precondition"])
def test_memory_is_that_of_two_blocks_however_many_rows(method, stored, monkeypatch):
    # Blocks of 1,000 rows; the features count, as they are shifted block by block.
    hidden, p = (40, 40), 20
    network = Network((p, *hidden, 1), "tanh")
    monkeypatch.setattr(_rows, "BLOCK_BYTES", 1000 * network.row_bytes)
    activations = 8 * 1000 * (p + sum(hidden) + 1)
    peaks = []
    for n in (4000, 20_000):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(n, p))
        shift, centre = np.ones(p), None
        if stored == "sparse":
            X[X < 0.7] = 0
            X, shift, centre = sparse.csr_array(X), None, np.ones(p)
        y = rng.normal(size=(n, 1))
        rows = Rows(
            X, y, shift=shift, scale=np.full(p, 2.0), row_bytes=network.row_bytes
        )
        objective = NetworkLoss(
            rows,
            replace(network, centre=centre),
            OutputLosses([General(1.0)], np.ones(1), np.ones(1)),
            0.1,
        )
        params = network.start(rng)
        call = getattr(objective, method)
        tracemalloc.start()
        try:
            call(params)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    square = 8 * sum((a + 1) ** 2 + b**2 for a, b in pairwise(network.sizes))
    several = 8 * 12 * network.size + (6 * square if method == "precondition" else 0)
    assert max(peaks) <= 2 * activations + several
    assert peaks[1] <= 1.05 * peaks[0]


# The factors


def _jacobian(network, params, X):
    """Return d prediction / d params, of shape (n, k, size), by steps."""
    steps = 1e-6 * np.eye(len(params))
    columns = [
        (network.predict(params + h, X) - network.predict(params - h, X)) / 2e-6
        for h in steps
    ]
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("weighted", [False, True])
def test_factors_are_the_sums_they_stand_for(weighted):
    objective, params = posed(1, weighted=weighted, alpha=0.0)
    rows, network = objective.rows, objective.network
    X = rows.features(WHOLE)
    weights = np.ones(len(rows)) if rows.weights is None else rows.weights
    r = rows.y - network.predict(params, X)
    bend = objective.losses.counts * loss.weight(r, 0.0, objective.losses.c)
    bend /= np.square(objective.losses.c)
    jacobian = _jacobian(network, params, X)[:, 0]
    factors = _factors(objective, params)
    depth = len(network.shapes)
    ends = np.cumsum([0, *(a * b for a, b in network.shapes)])
    A = X
    for layer, W in enumerate(network.split(params)):
        inputs = np.column_stack([A, np.ones(len(A))])
        brute = sum(w * np.outer(x, x) for w, x in zip(weights, inputs, strict=True))
        assert_allclose(factors[layer], brute / rows.total, rtol=1e-12, atol=1e-13)
        # d prediction / d intercepts is what reaches the units of the layer.
        part = jacobian[:, ends[layer] : ends[layer + 1]].reshape(-1, *W.shape)
        reaching = part[:, -1]
        brute = sum(
            w * np.outer(g, g)
            for w, g in zip(weights * bend[:, 0], reaching, strict=True)
        )
        assert_allclose(factors[depth + layer], brute / rows.total, rtol=1e-6)
        A = np.tanh(inputs @ W)


@pytest.mark.parametrize("weighted", [False, True])
def test_last_block_is_that_of_Gauss_and_Newton(weighted):
    objective, params = posed(1, weighted=weighted, alpha=2.0, hidden=(6,))
    rows = objective.rows
    weights = np.ones(len(rows)) if rows.weights is None else rows.weights
    last = _jacobian(objective.network, params, rows.features(WHOLE))[:, 0, -7:]
    exact = last.T @ (weights[:, None] * last) / rows.total
    factors = _factors(objective, params)
    assert_allclose(np.kron(factors[1], factors[3]), exact, rtol=1e-6)


def test_several_outputs_reach_back_as_random_combinations():
    objective, params = posed(3, alpha=0.0, n=4000, hidden=(6,))
    rows, network = objective.rows, objective.network
    X = rows.features(WHOLE)
    bend = objective.losses.bend(rows.y - network.predict(params, X))
    first, last = _factors(objective, params)[2:]
    assert_allclose(np.diagonal(last), bend.mean(axis=0), rtol=1e-12)
    apart = last - np.diag(np.diagonal(last))
    assert 0 < np.abs(apart).max() < 5 * bend.mean() / np.sqrt(len(rows))
    W = network.split(params)[1][:-1]
    slopes = 1 - np.tanh(X @ network.split(params)[0][:-1] + params[24:30]) ** 2
    exact = np.einsum("nk,ak,bk,na,nb->ab", bend, W, W, slopes, slopes) / len(rows)
    assert_allclose(first, exact, atol=0.1 * np.abs(exact).max())
    assert_array_equal(_factors(objective, params)[3], last)


def test_large_factors_are_diagonals(monkeypatch):
    for stored in ("dense", "sparse"):
        for outputs in (1, 5):
            objective, params = posed(outputs, stored=stored, weighted=True, n=300)
            full = _factors(objective, params)
            with monkeypatch.context() as patch:
                patch.setattr(_network, "DENSE_METRIC", 3)
                large = _factors(objective, params)
            for whole, part in zip(full, large, strict=True):
                if part.ndim == 2:
                    assert len(part) <= 4  # three, and the intercept
                    assert_array_equal(part, whole)
                else:
                    assert_allclose(part, np.diagonal(whole), rtol=1e-11)
            assert {part.ndim for part in large} == {1, 2}


# The coordinates


def _matrix(coordinates, size):
    """Return T of ``params + T z``."""
    columns = [coordinates.move(np.zeros(size), z) for z in np.eye(size)]
    return np.stack(columns, axis=1)


def test_coordinates_undo_the_damped_curvature():
    objective, params = posed(2, alpha=0.0)
    factors = _factors(objective, params)
    depth, blocks = len(factors) // 2, []
    damping = objective.l2 + DAMPING / 2  # the outputs count as one
    for inner, outer in zip(factors[:depth], factors[depth:], strict=True):
        ratio = np.sqrt(np.diagonal(inner).mean() / np.diagonal(outer).mean())
        A = inner + ratio * np.sqrt(damping) * np.eye(len(inner))
        B = outer + np.sqrt(damping) / ratio * np.eye(len(outer))
        blocks.append(np.kron(A, B))
    coordinates = objective.precondition(params)[2]
    T = _matrix(coordinates, len(params))
    assert_allclose(T @ T.T @ block_diag(*blocks), np.eye(len(T)), atol=1e-11)
    assert coordinates.rank == len(params)
    assert coordinates.bounds is None


@pytest.mark.parametrize("stored", ["dense", "sparse"])
@pytest.mark.parametrize("dense", [True, False])
def test_pull_is_the_transpose_of_move(dense, stored, request):
    if not dense:
        request.getfixturevalue("few_dense")
    objective, params = posed(5, stored=stored, weighted=True)
    _, gradient, coordinates = objective.precondition(params)
    rng = np.random.default_rng(0)
    z = rng.normal(size=len(params))
    moved = coordinates.move(params, z)
    assert_array_equal(params, posed(5, stored=stored, weighted=True)[1])
    pulled = coordinates.pull(gradient)
    assert_allclose(gradient @ (moved - params), pulled @ z, rtol=1e-11)
    assert_allclose(coordinates.size(params, gradient), np.linalg.norm(pulled))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dense", [True, False])
def test_what_a_network_takes_off_counts_as_what_rows_do(dense, weighted, request):
    if not dense:
        request.getfixturevalue("few_dense")
    shifted, params = posed(2, weighted=weighted)
    centred, _ = posed(2, weighted=weighted, stored="sparse")
    ours, theirs = (each.precondition(params) for each in (centred, shifted))
    assert_allclose(ours[0], theirs[0], rtol=1e-14)
    assert_allclose(ours[1], theirs[1], rtol=1e-12, atol=1e-14)
    z = np.random.default_rng(0).normal(size=len(params))
    assert_allclose(ours[2].move(params, z), theirs[2].move(params, z), rtol=1e-9)
    assert_allclose(centred.value(params), shifted.value(params), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("far", [1e3, 1e6, 1e9])
def test_columns_far_from_0_may_be_sparse(far, dtype):
    centred, params = posed(1, stored="sparse")
    X = centred.rows.X.toarray()
    X[:, 1] += far
    rows = replace(centred.rows, X=sparse.csr_array(X), dtype=dtype)
    centre = X.mean(axis=0) / rows.scale
    network = replace(centred.network, centre=centre, dtype=dtype)
    objective = replace(centred, rows=rows, network=network)
    value, gradient, coordinates = objective.precondition(params)
    assert np.isfinite(value)
    assert np.isfinite(coordinates.move(params, gradient)).all()


def test_columns_of_0_and_dead_units_have_coordinates():
    objective, params = posed(1, "relu", hidden=(3,))
    rows = objective.rows
    still = replace(objective, rows=replace(rows, X=np.zeros((60, 4)), shift=None))
    layers = still.network.split(params)
    layers[0][-1] = -1.0  # no unit is on
    _, gradient, coordinates = still.precondition(params)
    assert np.isfinite(coordinates.move(params, gradient)).all()
    assert gradient[-1] != 0
    assert not still.network.split(gradient)[0][-1].any()


# A network as a function


@pytest.mark.parametrize("hidden", [(), (5,), (5, 3)])
@pytest.mark.parametrize("stored", ["dense", "sparse"])
def test_ways_through_are_one(stored, hidden):
    objective, params = posed(2, stored=stored, hidden=hidden)
    X, network = objective.rows.features(WHOLE), objective.network
    alone = network.predict(params, X)
    prediction, pull = network(params, X)
    assert_allclose(prediction, alone, rtol=1e-13, atol=1e-15)
    slope = np.random.default_rng(0).normal(size=alone.shape)
    jacobian = _jacobian(network, params, X)
    expected = np.einsum("nk,nkp->p", slope, jacobian)
    assert_allclose(pull(slope), expected, atol=1e-7 * np.abs(expected).max())
    few = network.predict(params, X[:7])  # after room was made for more rows
    assert_allclose(network(params, X[:7])[0], few, rtol=1e-13, atol=1e-15)
    assert isinstance(alone, np.ndarray)


def test_features_are_left_as_they_are():
    objective, params = posed(2, hidden=())
    rows = replace(objective.rows, shift=None, scale=None)
    before = rows.X.copy()
    replace(objective, rows=rows).precondition(params)
    objective.network.predict(params, rows.X)
    assert_array_equal(rows.X, before)
