"""Tests of the solver, on objectives that have nothing to do with regression."""

import re
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skrobust._solvers import Solution, minimise, shortfall


@dataclass
class Valley:
    """``sum(sqrt(1 + (A (x - x0))^2))``: convex, flat far away, and counting calls."""

    A: np.ndarray
    minimum: np.ndarray
    diagonal: bool = False
    calls: list = field(default_factory=list)

    def evaluate(self, params):
        self.calls.append("gradient")
        u = self.A @ (params - self.minimum)
        return np.hypot(1, u).sum(), self.A.T @ (u / np.hypot(1, u))

    def expand(self, params):
        value, gradient = self.evaluate(params)
        self.calls[-1] = "metric"
        u = self.A @ (params - self.minimum)
        bend = np.maximum(np.hypot(1, u) ** -3, 0.1 / np.hypot(1, u))
        metric = self.A.T @ (bend[:, None] * self.A)
        return value, gradient, np.diag(metric) if self.diagonal else metric, 1e-15


@pytest.fixture
def matrix():
    """Return 60 rows in 5 directions whose lengths span eight decades."""
    return np.random.default_rng(0).normal(size=(60, 5)) * np.logspace(-4, 4, 5)


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize("distance", [0.01, 1.0, 1e3])
def test_minimum_is_found_in_any_units(matrix, distance, diagonal):
    minimum = np.arange(1.0, 6) / np.logspace(-4, 4, 5)
    objective = Valley(matrix, minimum, diagonal)
    solution = minimise(objective, minimum * (1 + distance), tol=1e-10, max_iter=200)
    assert solution.converged
    assert solution.size <= 1e-10
    assert_allclose(solution.params, minimum, rtol=1e-9)
    assert_allclose(objective.evaluate(solution.params)[0], solution.value)


def test_near_the_minimum_one_metric_and_few_gradients_are_enough(matrix):
    objective = Valley(matrix, np.zeros(5))
    start = 0.01 / np.logspace(-4, 4, 5)
    assert minimise(objective, start, tol=1e-10, max_iter=50).converged
    assert objective.calls.count("metric") == 1
    assert objective.calls.count("gradient") <= 4


def test_a_step_that_values_cannot_judge_is_judged_by_the_gradient(matrix):
    objective = Valley(matrix, np.zeros(5))
    objective.evaluate, exact = lambda p: _rounded(exact(p)), objective.evaluate
    start = 1e-5 / np.logspace(-4, 4, 5)
    solution = minimise(objective, start, tol=1e-12, max_iter=50)
    assert solution.converged
    assert_allclose(solution.params * np.logspace(-4, 4, 5), 0, atol=1e-11)


def _rounded(result):
    """Return the result with a value of which rounding has left seven digits."""
    return round(result[0], 5), result[1]


def test_rounding_at_the_start_does_not_excuse_the_end(matrix):
    objective, starts = Valley(matrix, np.zeros(5)), []

    def expand(params, exact=objective.expand):
        starts.append(params)
        return *exact(params)[:3], 1e-3 if len(starts) == 1 else 1e-15

    objective.expand = expand
    solution = minimise(objective, 1e3 / np.logspace(-4, 4, 5), tol=1e-10, max_iter=99)
    assert len(starts) > 1
    assert solution.size <= 1e-10


def test_direction_without_curvature_is_left_alone(matrix):
    matrix[:, 2] = 0
    matrix[:, 4] = matrix[:, 3]
    objective = Valley(matrix, np.zeros(5))
    start = np.r_[1e4, 1e2, 7.0, 3e-2, 1e-2]
    solution = minimise(objective, start, tol=1e-10, max_iter=100)
    assert solution.converged
    assert solution.params[2] == 7.0
    assert_allclose(solution.params[3:], [1e-2, -1e-2])  # their difference is free


def test_iterations_are_bounded_and_counted(matrix):
    start = 1e3 / np.logspace(-4, 4, 5)
    solutions = [
        minimise(Valley(matrix, np.zeros(5)), start, tol=1e-10, max_iter=k)
        for k in (1, 3, 200)
    ]
    assert [s.n_iter for s in solutions[:2]] == [1, 3]
    assert [s.converged for s in solutions] == [False, False, True]
    assert solutions[0].value > solutions[1].value > solutions[2].value


def test_start_at_the_minimum_takes_no_step(matrix):
    solution = minimise(Valley(matrix, np.ones(5)), np.ones(5), tol=1e-8, max_iter=9)
    assert (solution.n_iter, solution.converged) == (0, True)


def test_overflow_is_an_error(matrix):
    objective = Valley(matrix, np.zeros(5))
    with (
        np.errstate(all="ignore"),
        pytest.raises(FloatingPointError, match="overflows"),
    ):
        minimise(objective, np.full(5, 1e308), tol=1e-8, max_iter=9)


@pytest.mark.parametrize(
    ("max_iter", "remedy"), [(7, r"Raise max_iter\."), (9, "Rounding hides.*raise l2")]
)
def test_shortfall_says_what_was_reached_and_what_to_do(max_iter, remedy):
    stopped = Solution(np.zeros(1), 1.0, np.ones(1), 0.5, 7, converged=False, rank=1)
    message = shortfall(stopped, 1e-8, max_iter)
    assert re.search(
        r"after 7 iterations.*5\.0e-01, above tol=1\.0e-08\. " + remedy, message
    )
    assert shortfall(replace(stopped, converged=True), 1e-8, max_iter) is None


def bowl(target, size=6):
    """Return a badly scaled bowl about a target, its parameters far from orthogonal."""
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(size, size)))[0]
    return Valley(turn * np.logspace(-3, 3, size) @ turn.T, target)


@pytest.mark.parametrize("last", [-3.0, -1.0, 0.3, 2.0, 5.0])
def test_last_parameter_stays_within_its_bounds(last):
    objective = bowl(np.array([1.0, -2, 3, 4, 5, last]))
    start = np.array([0.0, 0, 0, 0, 0, 1.5])
    solution = minimise(objective, start, tol=1e-10, max_iter=100, bounds=(-1.0, 2.0))
    assert solution.converged
    found = solution.params[-1]
    assert found == pytest.approx(np.clip(last, -1, 2), abs=1e-6)
    if not -1 <= last <= 2:  # the bound to the last bit, and the rest at its best there
        assert found in (-1.0, 2.0)
        rest = objective.evaluate(solution.params)[1][:-1]
        assert np.abs(rest).max() < 1e-6


@dataclass
class Cliff:
    """``exp(-x) + x / 9``, which has no value beyond 3 and no slope beyond 2.8."""

    calls: int = 0

    def evaluate(self, params):
        self.calls += 1
        x = float(params[0])
        assert np.isfinite(x), "no step leads out of the floats"
        value = np.exp(-x) + x / 9 if x <= 3 else np.inf
        return value, np.array([1 / 9 - np.exp(-x) if x <= 2.8 else np.nan])

    def expand(self, params):
        return *self.evaluate(params), np.array([[1e-3]]), 1e-15  # steps far too long


@pytest.mark.parametrize("start", [-3.0, -1.0, 0.0, 2.0, 2.7])
def test_step_over_a_cliff_leads_nowhere(start):
    objective = Cliff()
    value, _ = objective.evaluate([start])
    solution = minimise(objective, np.array([start]), tol=1e-8, max_iter=100)
    assert solution.value <= value
    assert np.isfinite(solution.gradient).all()
    assert objective.calls < 100
