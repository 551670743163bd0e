"""Tests of the rows of a data set: blocks, threads, storage of X, the linear model."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skrobust import _rows
from skrobust._compat import threadpool_controller
from skrobust._rows import LinearModel, Rows, one_blas_thread

SHIFT = np.array([1.0, 5.0, -2.0])
FACTOR = np.array([[2.0, -1, 3], [0, 0.5, 1], [0, 0, 4]])
PARAMS = np.array([0.8, -1.9, 0.1, 0.2])
WHOLE = slice(None)


@pytest.fixture
def rows():
    """Return 300 weighted rows."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3)) + [0, 5, 0]
    y = X @ [1.0, -2, 0] + rng.normal(size=300)
    return Rows(X, y, rng.uniform(0, 2, 300), centre=3.0, unit=0.5)


@pytest.fixture
def small_blocks(monkeypatch):
    """Let a block have 17 rows."""
    monkeypatch.setattr(_rows, "BLOCK_BYTES", 1)
    monkeypatch.setattr(_rows, "SMALLEST_BLOCK", 17)


def moments(rows, at=1.0):
    """Return a visit that sums weighted products of all kinds."""

    def visit(block):
        X, y = rows.block(block)
        weights = rows.weigh(block, np.full(len(y), at))
        return weights.sum(), X.T @ weights, X.T @ (weights * y)

    return visit


class Counted:
    """An X that counts how often each of its rows is read."""

    def __init__(self, X):
        self.X, self.shape, self.reads = X, X.shape, np.zeros(len(X), int)

    def __getitem__(self, rows):
        self.reads[rows] += 1
        return self.X[rows]


def mapped(X, path, dtype):
    """Return a memory map of a copy of X."""
    np.save(path, X.astype(dtype))
    return np.load(path, mmap_mode="r")


STORED = {
    "columns first": lambda X, path: np.asfortranarray(X),
    "every other row": lambda X, path: np.repeat(X, 2, axis=0)[::2],
    "read only": lambda X, path: np.frombuffer(X.tobytes()).reshape(X.shape),
    "mapped": lambda X, path: mapped(X, path, float),
    "csr array": lambda X, path: sparse.csr_array(X),
    "csr matrix": lambda X, path: sparse.csr_matrix(X),
}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("stored", STORED)
def test_storage_of_X_makes_no_difference(
    rows, stored, threads, small_blocks, tmp_path
):
    X = STORED[stored](rows.X, tmp_path / "X.npy")
    other = replace(rows, X=X, threads=threads)
    for ours, theirs in zip(
        other.sum(moments(other)), rows.sum(moments(rows)), strict=True
    ):
        assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("stored", ["in memory", "mapped", "sparse"])
def test_float32_is_computed_with_in_float64(rows, stored, tmp_path):
    X = rows.X.astype(np.float32)
    double = replace(rows, X=X.astype(float))
    if stored == "mapped":
        X = mapped(X, tmp_path / "X.npy", np.float32)
    elif stored == "sparse":
        X, double = sparse.csr_array(X), replace(double, X=sparse.csr_array(double.X))
    single = replace(rows, X=X)
    for ours, theirs in zip(
        single.sum(moments(single)), double.sum(moments(double)), strict=True
    ):
        assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("factor", [None, FACTOR])
@pytest.mark.parametrize("shift", [None, SHIFT])
def test_features_are_those_of_the_shifted_and_factored_X(rows, dtype, factor, shift):
    X = rows.X.astype(dtype)
    features = replace(rows, X=X, shift=shift, factor=factor).features(slice(20, 90))
    expected = X[20:90].astype(float) - (0 if shift is None else shift)
    if factor is not None:
        expected = expected @ np.linalg.inv(factor)
    assert features.dtype == np.float64
    assert_allclose(features, expected, rtol=1e-13, atol=1e-13)
    assert_array_equal(X, rows.X.astype(dtype))  # nothing of it was changed


def test_factored_features_are_those_of_X_with_another_last_bit():
    rng = np.random.default_rng(0)
    # The first two columns of X are nearly collinear.
    factor = np.array([[1.3, 1.1, 0.7], [0, 1e-9, 0.9], [0, 0, 1.7]])
    X = rng.normal(size=(200, 3)) @ factor * 10.0 ** rng.uniform(-8, 8, (200, 1))
    features = Rows(X, np.zeros(200), factor=factor).features(WHOLE)
    size = np.linalg.norm(X, axis=1)
    # What comes back is as exact as the features are large, in each row of its own.
    error = np.linalg.norm(features @ factor - X, axis=1) / size
    growth = np.linalg.norm(np.abs(features) @ np.abs(factor), axis=1) / size
    assert np.all(error <= 4e-16 * growth)
    assert growth.max() < 100  # X times the inverse is wrong by 1e-16 / 1e-9


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("factor", [None, FACTOR])
@pytest.mark.parametrize("shift", [None, SHIFT])
def test_unshifted_parameters_predict_y_as_it_was_given(rows, shift, factor, intercept):
    centre = 3.0 if intercept else 0.0
    shift = shift if intercept else None
    rows = replace(rows, shift=shift, factor=factor, centre=centre)
    model = LinearModel(intercept)
    params = PARAMS[: 3 + intercept]
    coef, constant = model.unshifted(params, rows)
    given = model(params, rows.features(WHOLE))[0] * rows.unit + rows.centre
    assert_allclose(rows.X @ coef + constant, given, rtol=1e-12)
    residuals = rows.residuals(WHOLE, model, params) * rows.unit
    assert_allclose(residuals, rows.y - given, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_every_row_is_read_once_in_a_pass(rows, threads, small_blocks):
    X = Counted(rows.X)
    counted = replace(rows, X=X, threads=threads)
    total, first, product = counted.sum(moments(counted))
    assert_array_equal(X.reads, 1)
    y, weights = (rows.y - 3) / 0.5, rows.weights
    assert total == pytest.approx(rows.total, rel=1e-13)
    assert_allclose(first, rows.X.T @ weights, rtol=1e-12)
    assert_allclose(product, rows.X.T @ (weights * y), rtol=1e-12)


@pytest.mark.parametrize("threads", [1, 3])
def test_several_visits_share_a_pass_and_change_nothing(rows, threads, small_blocks):
    X = Counted(rows.X.astype(np.float32))
    data = replace(rows, X=X, shift=SHIFT, factor=FACTOR, threads=threads)
    # which found shift and factor each for itself
    several = [
        replace(data, y=data.y * j, centre=j, shift=SHIFT.copy(), factor=FACTOR.copy())
        for j in range(3)
    ]
    alone = [one.sum(moments(one)) for one in several]
    X.reads[:] = 0
    together = data.sums([moments(one) for one in several])
    assert_array_equal(X.reads, 1)
    for ours, theirs in zip(together, alone, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            assert_array_equal(a, b)


@pytest.mark.parametrize("other", [{"shift": -SHIFT}, {"shift": None}, {"X": "other"}])
def test_visits_of_other_features_do_not_get_those_of_the_first(rows, other):
    first = replace(rows, shift=SHIFT)
    other = {"X": rows.X + 1} if "X" in other else other
    second = replace(first, **other)
    shared = first.sums([moments(first), moments(second)])
    for ours, theirs in zip(shared[1], second.sum(moments(second)), strict=True):
        assert_array_equal(ours, theirs)


def test_visit_may_read_other_rows_than_its_block(rows, small_blocks):
    def visit(block):
        return (rows.features(slice(0, 5)).sum(), rows.features(block).sum())

    for ours in rows.sums([visit, visit]):
        assert ours[0] == pytest.approx(18 * rows.X[:5].sum(), rel=1e-12)
        assert ours[1] == pytest.approx(rows.X.sum(), rel=1e-12)


def test_shared_features_cannot_be_written_to(rows):
    def visit(block):
        rows.features(block)[:] = 0
        return ()

    before = rows.X.copy()
    for outcome in rows.sums([visit, visit]):
        assert isinstance(outcome, ValueError)
        assert "read-only" in str(outcome)
    assert_array_equal(rows.X, before)


@pytest.mark.parametrize("threads", [1, 2])
def test_error_of_a_visit_is_its_own(rows, threads, small_blocks):
    data = replace(rows, threads=threads)
    calls = []

    def fail(block):
        calls.append(block)
        raise FloatingPointError("too far")

    with pytest.raises(FloatingPointError, match="too far"):
        data.sum(fail)
    assert len(calls) == threads  # one in each
    first, second = data.sums([fail, moments(data)])
    assert isinstance(first, FloatingPointError)
    for ours, theirs in zip(second, data.sum(moments(data)), strict=True):
        assert_array_equal(ours, theirs)


@pytest.mark.parametrize("threads", [1, 2])
def test_error_state_of_the_caller_holds_in_every_thread(rows, threads, small_blocks):
    data = replace(rows, threads=threads)
    zero, huge = np.zeros(3), np.full(3, 1e300)

    def overflow(block):
        return np.square(huge), huge * 1e8

    assert_array_equal(data.sum(overflow)[0], np.inf)  # and no warning
    assert_array_equal(data.sum(lambda block: (1e307 * np.ones(3),)), [[np.inf] * 3])
    with np.errstate(divide="ignore"):
        assert_array_equal(data.sum(lambda block: (1 / zero,)), [[np.inf] * 3])
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError, match="divide"):
        data.sum(lambda block: (1 / zero,))


@pytest.mark.parametrize("threads", [1, 3])
def test_collected_numbers_are_in_the_order_of_the_rows(rows, threads, small_blocks):
    model = LinearModel(True)
    data = replace(rows, threads=threads)
    residuals = data.collect(lambda block: data.residuals(block, model, PARAMS))
    expected = (rows.y - 3) / 0.5 - rows.X @ PARAMS[:3] - PARAMS[3]
    assert_allclose(residuals, expected, rtol=1e-12)


def test_blocks_of_a_sparse_X_are_as_large_as_its_numbers():
    places = np.random.default_rng(0).integers(0, 10_000, (2, 80_000))
    places[0] *= 4
    X = sparse.csr_array((np.ones(80_000), places), shape=(40_000, 10_000))
    rows = Rows(X, np.ones(40_000))
    seen = []
    total, pulled = rows.sum(
        lambda block: (
            seen.append(block) or rows.features(block).sum(),
            rows.features(block).T @ rows.block(block)[1],
        )
    )
    assert len(seen) <= 2  # a dense one of its shape has 79
    assert total == pytest.approx(X.sum(), rel=1e-12)
    assert_allclose(pulled, X.sum(axis=0), rtol=1e-12)


def test_taken_rows_keep_their_weights_and_units(rows):
    chosen = np.array([7, 7, 250])
    taken = replace(rows, shift=SHIFT).take(chosen)
    assert_array_equal(taken.weights, rows.weights[chosen])
    for ours, theirs in zip(
        taken.block(WHOLE), replace(rows, shift=SHIFT).block(WHOLE), strict=True
    ):
        assert_array_equal(ours, theirs[chosen])


def test_row_of_weight_zero_has_no_say_whatever_its_value(rows):
    weights = rows.weights.copy()
    weights[:5] = 0
    values = np.where(np.arange(300) < 5, np.inf, 2.0)
    weighed = replace(rows, weights=weights).weigh(slice(0, 8), values[:8])
    assert_array_equal(weighed, [0] * 5 + list(2 * weights[5:8]))


def test_largest_and_total(rows):
    assert rows.total == pytest.approx(rows.weights.sum())
    assert replace(rows, weights=None).total == 300
    assert rows.largest == pytest.approx(np.abs((rows.y - 3) / 0.5).max())


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array])
def test_pull_is_the_transpose_of_the_prediction(rows, convert, intercept):
    model, params = LinearModel(intercept), PARAMS[: 3 + intercept]
    slope = np.random.default_rng(1).normal(size=300)
    prediction, pull = model(params, convert(rows.X))
    assert pull(slope) @ params == pytest.approx(slope @ prediction, rel=1e-12)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array])
def test_metric_is_the_product_of_the_design(rows, convert, intercept, monkeypatch):
    model, X = LinearModel(intercept), convert(rows.X)
    design = np.column_stack([rows.X, np.ones(300)])[:, : 3 + intercept]
    full = design.T @ (design * rows.weights[:, None])
    assert_allclose(model.metric(X, rows.weights), full, rtol=1e-12)
    monkeypatch.setattr(_rows, "DENSE_METRIC", 2)
    assert_allclose(model.metric(X, rows.weights), np.diag(full), rtol=1e-12)


def blas_threads():
    """Return how many threads the BLAS may use now."""
    blas = threadpool_controller().select(user_api="blas")
    return max(library["num_threads"] for library in blas.info())


def test_blas_is_held_to_one_thread_and_let_go():
    before = blas_threads()
    with one_blas_thread() as threads, one_blas_thread() as within:
        assert (threads, within, blas_threads()) == (before, 1, 1)
    assert blas_threads() == before
    with pytest.raises(KeyboardInterrupt), one_blas_thread():
        raise KeyboardInterrupt
    assert blas_threads() == before


def test_fits_at_the_same_time_give_the_threads_of_the_blas_back():
    before = blas_threads()
    first, second = one_blas_thread(), one_blas_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)  # the one that took it ends first
    assert blas_threads() == 1
    second.__exit__(None, None, None)
    assert blas_threads() == before
