"""Tests of what a fit shows of its progress: lines, and scikit-learn's callbacks."""

import re

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skrobust import AdaptiveLossRegressor

try:  # new in scikit-learn 1.9
    from sklearn import callback
except ImportError:
    callback = None
needs_callbacks = pytest.mark.skipif(callback is None, reason="scikit-learn < 1.9")


@pytest.fixture
def data():
    """Return 200 rows with heavy-tailed noise."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    return X, X @ [1.0, 2, 3] + rng.standard_t(2, size=200)


class Witness:
    """A callback that keeps what it sees, and stops after some iterations."""

    def __init__(self, stop_after=None):
        self.stop_after, self.seen, self.ended = stop_after, [], 0

    def setup(self, estimator, context):
        """See a fit begin."""

    def teardown(self, estimator, context):
        """See a fit end."""
        self.ended += 1

    def on_fit_task_begin(
        self,
        estimator,
        context,
        *,
        X=None,
        y=None,
        metadata=None,
        fitted_estimator=None,
    ):
        """See nothing."""

    def on_fit_task_end(
        self,
        estimator,
        context,
        *,
        X=None,
        y=None,
        metadata=None,
        fitted_estimator=None,
    ):
        """Keep what an iteration came to."""
        if context.task_name != "iteration":
            return False
        self.seen.append((fitted_estimator, metadata))
        return len(self.seen) == self.stop_after


def test_verbose_prints_a_line_for_each_iteration(data, capsys):
    model = AdaptiveLossRegressor(verbose=1, random_state=0).fit(*data)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == model.n_iter_
    pattern = r"\[AdaptiveLossRegressor\] iteration (\d+): objective [\d.]+, gradient "
    numbers = [int(re.match(pattern, line)[1]) for line in lines]
    assert numbers == list(range(1, model.n_iter_ + 1))
    AdaptiveLossRegressor(random_state=0).fit(*data)
    assert capsys.readouterr().out == ""


def test_lines_of_several_outputs_say_which(data, capsys):
    X, y = data
    AdaptiveLossRegressor(1.0, verbose=1).fit(X, np.c_[y, -y])
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[2] for line in lines} == {"0,", "1,"}


@needs_callbacks
def test_callback_sees_each_iteration_as_a_fitted_estimator(data):
    X, y = data
    witness, weights = Witness(), np.arange(200.0)
    model = AdaptiveLossRegressor(random_state=0).set_callbacks(witness)
    model.fit(X, y, weights)
    assert len(witness.seen) == model.n_iter_
    last, metadata = witness.seen[-1]
    np.testing.assert_array_equal(last.predict(X), model.predict(X))
    assert metadata["sample_weight"] is weights
    first, _ = witness.seen[0]
    assert np.abs(first.coef_ - model.coef_).max() > 1e-6
    assert witness.ended == 1


@needs_callbacks
def test_callback_may_stop_the_fit(data):
    model = AdaptiveLossRegressor(random_state=0).set_callbacks(Witness(stop_after=2))
    model.fit(*data)
    assert (model.n_iter_, model.converged_) == (2, False)
    model.set_callbacks(Witness()).fit(*data)
    assert model.converged_


@needs_callbacks
def test_callback_that_fails_leaves_nothing_half_fitted(data):
    class Failing(Witness):
        def on_fit_task_end(self, estimator, context, **seen):
            raise KeyboardInterrupt

    model, failing = AdaptiveLossRegressor(random_state=0), Failing()
    with pytest.raises(KeyboardInterrupt):
        model.set_callbacks(failing).fit(*data)
    assert failing.ended == 1
    with pytest.raises(NotFittedError):
        model.predict(data[0])


@needs_callbacks
def test_score_is_monitored(data):
    monitor = callback.ScoringMonitor(scoring="neg_median_absolute_error")
    AdaptiveLossRegressor(random_state=0).set_callbacks(monitor).fit(*data)
    assert len(monitor.get_logs().data) >= 3


def test_warning_points_at_the_call_of_fit(data):
    X, y = data
    with pytest.warns(
        UserWarning, match="There are 9 rows for 4 coefficients"
    ) as caught:
        AdaptiveLossRegressor(-2.0, random_state=0).fit(X[:9], y[:9])
    assert caught[0].filename == __file__
