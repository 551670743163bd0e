"""Tests of fits that pass over X together: they must not notice one another."""

import faulthandler
import sys
import threading
import time
import warnings
from _thread import interrupt_main
from contextvars import ContextVar
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from skrobust import _passes, _rows
from skrobust._objective import MeanLoss
from skrobust._passes import fit_together
from skrobust._rows import LinearModel, Rows
from skrobust._solvers import minimise
from skrobust._starts import scale
from skrobust.loss import General

LINE = LinearModel(True)
ALPHAS = [2.0, 1.0, -2.0, 1.5, 0.0]


@pytest.fixture(autouse=True)
def deadline():
    """End the process, saying where each thread is, if a test never ends."""
    faulthandler.dump_traceback_later(120, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(autouse=True)
def no_thread_left():
    """Let no test leave a thread behind."""
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@pytest.fixture
def small_blocks(monkeypatch):
    """Let a block have 17 rows."""
    monkeypatch.setattr(_rows, "BLOCK_BYTES", 1)
    monkeypatch.setattr(_rows, "SMALLEST_BLOCK", 17)


class Counted:
    """An X that counts how often its first row is read."""

    def __init__(self, X):
        self.X, self.shape, self.reads = X, X.shape, 0

    def __getitem__(self, rows):
        if isinstance(rows, slice):
            self.reads += rows.start == 0
        return self.X[rows]


def columns(k, threads=1, n=400):
    """Return rows of k columns of y, with outliers, each with units of its own."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3)) + [0, 5, 0]
    Y = rng.normal(size=(k, 3)) @ X.T + rng.standard_t(2, size=(k, n))
    weights = rng.uniform(0, 2, n)
    return [
        Rows(X, y, weights, X.mean(axis=0), centre=j, unit=2.0**j, threads=threads)
        for j, y in enumerate(Y)
    ]


def fit(rows, alpha):
    """Fit a start on some of the rows, then all, then the scale of the residuals."""

    def solution(rows, params):
        objective = MeanLoss(rows, LINE, General(alpha), 1.0, 0.01)
        return minimise(objective, params, tol=1e-10, max_iter=50)

    few = rows.take(np.arange(0, len(rows), 5))
    found = solution(rows, solution(few, np.zeros(4)).params)
    sigma = scale(rows, lambda block: rows.residuals(block, LINE, found.params))
    return found.params, found.value, found.n_iter, sigma


def same(found, expected):
    """Whether all numbers of all fits are the same, to the last bit."""
    return all(
        np.array_equal(ours, theirs)
        for one, other in zip(found, expected, strict=True)
        for ours, theirs in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("k", [0, 1, 2, 50])
def test_fits_are_those_of_each_column_alone(k, threads, small_blocks):
    data, alphas = columns(k, threads), np.resize(ALPHAS, k)
    alone = list(map(fit, data, alphas))
    assert same(fit_together(fit, data, alphas), alone)


def test_fits_are_the_same_whenever_threads_are_switched(small_blocks):
    data, alphas = columns(12, 3), np.resize(ALPHAS, 12)
    alone = list(map(fit, data, alphas))
    before = sys.getswitchinterval()
    try:
        for interval in (1e-6, 1e-4, 1.0):
            sys.setswitchinterval(interval)
            assert same(fit_together(fit, data, alphas), alone)
    finally:
        sys.setswitchinterval(before)


def test_fits_of_very_many_columns_run_some_at_a_time(monkeypatch):
    monkeypatch.setattr(_passes, "FITS_AT_A_TIME", 3)
    data, alphas = columns(8), np.resize(ALPHAS, 8)
    most = []

    def counting(rows, alpha):
        most.append(threading.active_count())
        return fit(rows, alpha)

    before = threading.active_count()
    assert same(fit_together(counting, data, alphas), list(map(fit, data, alphas)))
    assert max(most) <= before + 3


@pytest.mark.parametrize("threads", [1, 2])
def test_X_is_passed_over_as_often_as_by_the_longest_fit(threads, small_blocks):
    data, alphas = columns(5, threads), ALPHAS
    X = Counted(data[0].X)
    data = [replace(rows, X=X) for rows in data]
    passes = []
    for rows, alpha in zip(data, alphas, strict=True):
        X.reads = 0
        fit(rows, alpha)
        passes.append(X.reads)
    assert len(set(passes)) > 1
    X.reads = 0
    fit_together(fit, data, alphas)
    assert X.reads == max(passes)


def test_columns_of_another_X_are_fitted_too():
    data, alphas = columns(4), ALPHAS[:4]
    data[1] = replace(data[1], X=data[1].X[:390] + 1, y=data[1].y[:390], weights=None)
    data[2] = replace(data[2], X=data[2].X.copy())
    assert same(fit_together(fit, data, alphas), list(map(fit, data, alphas)))


@pytest.mark.parametrize("threads", [1, 4])
def test_fits_may_end_at_any_time_and_need_no_sum(threads, small_blocks):
    rng = np.random.default_rng(0)
    times = [0, 0, *rng.integers(0, 20, 30), 0]
    pauses = rng.uniform(0, 1e-3, len(times))

    def often(rows, times, pause):
        visits = []
        for power in range(times):
            time.sleep(pause)
            visits.append(rows.sum(lambda b, p=power: ((rows.block(b)[1] ** p).sum(),)))
        return visits

    data = columns(len(times), threads)
    found = fit_together(often, data, times, pauses)
    assert found == list(map(often, data, times, np.zeros(len(times))))
    assert [len(one) for one in found] == times


@pytest.mark.parametrize("threads", [1, 2])
def test_no_more_fits_run_at_a_time_than_there_are_threads(threads):
    lock, running, most = threading.Lock(), 0, 0

    def busy(rows):
        nonlocal running, most
        for _ in range(3):
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.01)
            with lock:
                running -= 1
            rows.sum(lambda block: (1.0,))

    fit_together(busy, columns(6, threads))
    assert most == threads


def forever(rows):
    """Sum until cancelled, or for much longer than a test may take."""
    for _ in range(10**7):
        rows.sum(lambda block: (rows.block(block)[1].sum(),))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("failing", [0, 3, 7])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_error_of_a_fit_ends_the_others(failing, error, threads):
    ended = []

    def run(rows, j):
        try:
            if j != failing:
                forever(rows)
            sums_until_failure(rows)
        finally:
            ended.append(j)

    def sums_until_failure(rows):
        for _ in range(5):
            rows.sum(lambda block: (1.0,))
        raise error("no fit")

    start = time.monotonic()
    with pytest.raises(error, match="no fit") as caught:
        fit_together(run, columns(8, threads), range(8))
    assert caught.value.__notes__ == [f"While fitting column {failing} of y."]
    assert sorted(ended) == list(range(8))
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("on_sample", [True, False])
def test_fit_that_works_on_a_sample_ends_too(on_sample):
    def run(rows, j):
        if j == 1:
            raise ValueError("no fit")
        forever(rows.take(np.arange(50)) if on_sample else rows)

    with pytest.raises(ValueError, match="no fit"):
        fit_together(run, columns(3, threads=3), range(3))


@pytest.mark.parametrize("threads", [1, 2])
def test_interrupt_ends_all_fits(threads):
    ended = []

    def run(rows, j):
        try:
            for _ in range(10):
                rows.sum(lambda block: (1.0,))
            if j == 1:
                interrupt_main()  # as Ctrl-C does
            forever(rows)
        finally:
            ended.append(j)

    with pytest.raises(KeyboardInterrupt):
        fit_together(run, columns(4, threads), range(4))
    assert sorted(ended) == [0, 1, 2, 3]


def test_interrupt_ends_a_pass_at_the_next_block(small_blocks):
    visited = []

    def visit(block):
        visited.append(block.start)
        if block.start == 17:
            interrupt_main()
            time.sleep(1)
        return ()

    with pytest.raises(KeyboardInterrupt):
        fit_together(lambda rows: rows.sum(visit), columns(2))
    assert set(visited) == {0, 17}


def test_no_fit_starts_after_an_error():
    started = []

    def run(rows):
        started.append(rows)
        raise ValueError("no fit")

    with pytest.raises(ValueError, match="no fit"):
        fit_together(run, columns(5))
    assert len(started) == 1


def test_first_column_speaks_for_several_that_fail():
    def run(rows, j):
        rows.sum(lambda block: (1.0,))
        time.sleep(0.05 * (3 - j))  # the last one fails first
        raise ValueError(f"no fit {j}")

    with pytest.raises(ValueError, match="no fit 0"):
        fit_together(run, columns(3, threads=3), range(3))


def test_error_of_a_visit_is_for_its_own_fit_to_handle():
    def run(rows, j):
        def visit(block):
            if j == 1:
                raise FloatingPointError("too far")
            return (rows.block(block)[1].sum(),)

        try:
            [total] = rows.sum(visit)
        except FloatingPointError as error:
            total = str(error)
        return total, rows.sum(lambda block: (j,))

    data = columns(3)
    found = fit_together(run, data, range(3))
    assert found == list(map(run, data, range(3)))
    assert found[1] == ("too far", (1,))


def test_warnings_reach_the_caller_and_may_be_errors():
    def run(rows, j):
        rows.sum(lambda block: (1.0,))
        if j == 2:
            warnings.warn("not converged", ConvergenceWarning, stacklevel=1)
        return j

    with pytest.warns(ConvergenceWarning, match="not converged"):
        assert fit_together(run, columns(4), range(4)) == [0, 1, 2, 3]
    with pytest.raises(ConvergenceWarning, match="not converged"):
        fit_together(run, columns(4), range(4))


@pytest.mark.parametrize("where", ["fit", "visit"])
def test_fits_and_visits_run_in_the_context_of_the_caller(where):
    asked = ContextVar("asked", default="nothing")

    def run(rows, j):
        def divide(block=None):
            return asked.get(), np.ones(2) / np.arange(2)

        return divide() if where == "fit" else rows.sum(divide)

    asked.set("this ")
    with np.errstate(divide="ignore"):
        for found in fit_together(run, columns(3), range(3)):
            assert found[0] == "this "
            assert_array_equal(found[1], [np.inf, 1])
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError, match="divide"):
        fit_together(run, columns(3), range(3))


def test_visit_may_sum_itself(small_blocks):
    def run(rows):
        def visit(block):
            return rows.sum(lambda b: (rows.features(b).sum(),))

        return rows.sum(visit)

    data = columns(3)
    assert fit_together(run, data) == [run(rows) for rows in data]


def test_rows_outlive_the_fits():
    kept = fit_together(lambda rows: rows, columns(3))
    assert kept[0].sum(lambda block: (7.0,)) == (7.0,)
    few = kept[1].take(np.arange(5))
    assert few.sum(lambda block: (len(few),)) == (5,)


def test_every_column_has_its_arguments():
    with pytest.raises(ValueError, match="shorter"):
        fit_together(fit, columns(3), [1.0, 2.0])


def test_too_few_threads_in_the_process_are_said(monkeypatch):
    start, started = threading.Thread.start, []

    def limited(thread):
        started.append(thread)
        if len(started) > 2:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)

    def late(rows):
        time.sleep(0.1)  # and asks for a sum that most fits never will
        forever(rows)

    with pytest.raises(RuntimeError, match="can't start"):
        fit_together(late, columns(5, threads=2))
