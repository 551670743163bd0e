"""Tests of the multilayer perceptron: how it is trained, watched, stopped and used."""

import re

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrobust import (
    AdaptiveLossMLPRegressor,
    ReweightedRegressor,
    TargetConditioned,
    TargetWeightedRegressor,
    _training,
    general_dist,
)

try:  # new in scikit-learn 1.9
    from sklearn import callback
except ImportError:
    callback = None
needs_callbacks = pytest.mark.skipif(callback is None, reason="scikit-learn < 1.9")
# Of nets that are not to be good, only to be looked at.
pytestmark = pytest.mark.filterwarnings("ignore:The fit stopped after max_iter=")

N = 60


def net(**parameters):
    """Return a small network that is trained for a moment."""
    small = {"hidden_layer_sizes": (4,), "n_init": 1, "max_iter": 15}
    return AdaptiveLossMLPRegressor(**{**small, "random_state": 0, **parameters})


def data(n=N, seed=0):
    """Return features and targets of a smooth surface with noise 0.1."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (n, 2))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] ** 2 / 2 + rng.normal(scale=0.1, size=n)


# Warm start


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("alpha", ["adaptive", 2.0, -2.0])
def test_warm_start_goes_on(alpha, dtype):
    X, y = data()
    X[:, 1] = 100 + 10 * X[:, 1]  # which is folded into the coefficients
    X, y = X.astype(dtype), 3000 + 50 * y
    model = net(alpha=alpha, warm_start=True, tol=0.0).fit(X, y)
    before = model.loss_
    model.set_params(max_iter=1).fit(X, y)
    # Of alpha=-2 another scale is another objective.
    assert model.loss_curve_[0] <= before + 1e-3 * abs(before)
    assert model.n_iter_ == 1
    model.set_params(max_iter=150).fit(X, y)
    cold = net(alpha=alpha, max_iter=1).fit(X, y)
    assert model.loss_ < min(before, cold.loss_)


def test_warm_start_takes_other_rows_and_draws_nothing():
    X, y = data(n=90)
    model = net(warm_start=True).fit(X[:60], y[:60])
    again = net(warm_start=True, random_state=1).fit(X[:60], y[:60])
    again.coefs_, again.intercepts_ = model.coefs_, model.intercepts_
    first, second = (m.fit(X[30:], y[30:]).predict(X) for m in (model, again))
    assert_array_equal(first, second)


@pytest.mark.parametrize("alpha", ["adaptive", 0.0])
def test_scale_does_not_fall_from_warm_start_to_warm_start(alpha):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 10)), rng.normal(size=100)  # easily fitted by heart
    model = net(hidden_layer_sizes=(60,), alpha=alpha, warm_start=True)
    first = model.fit(X, y).scale_
    for _ in range(8):
        model.fit(X, y)
        assert model.scale_ > 0.01 * first
    # Of targets in another unit it says nothing.
    model.coefs_[-1] *= 1e-6
    model.intercepts_[-1] *= 1e-6
    assert model.fit(X, 1e-6 * y).scale_ < 1e-5 * first


@pytest.mark.parametrize(
    ("changes", "X", "y"),
    [
        ({"hidden_layer_sizes": (5,)}, *data()),
        ({"hidden_layer_sizes": (4, 4)}, *data()),
        ({}, data()[0][:, :1], data()[1]),
        ({}, data()[0], data()[0]),
    ],
    ids=["units", "layers", "features", "outputs"],
)
def test_warm_start_needs_the_same_layers(changes, X, y):
    model = net(warm_start=True).fit(*data())
    model.set_params(**changes)
    with pytest.raises(ValueError, match=r"warm_start=True needs the layers.*Got \("):
        model.fit(X, y)
    assert_array_equal(model.predict(data()[0]), net().fit(*data()).predict(data()[0]))
    model.set_params(warm_start=False).fit(X, y)


# Several outputs


@pytest.mark.parametrize("other", ["constant", "linear", "mostly zero"])
def test_an_output_with_tiny_residuals_does_not_spoil_the_others(other):
    X, y = data(n=400)
    easy = {
        "constant": np.full(400, 3.0),
        "linear": X[:, 0],
        "mostly zero": np.where(np.arange(400) % 5, 0, np.abs(y)),
    }[other]
    train, test = slice(0, 200), slice(200, None)
    model = net(hidden_layer_sizes=(30,), max_iter=200)
    alone = model.fit(X[train], y[train]).predict(X[test])
    both = model.fit(X[train], np.column_stack([y, easy])[train]).predict(X[test])
    error, before = (np.abs(p - y[test]).mean() for p in (both[:, 0], alone))
    assert error < 1.5 * before


# Rows that judge the fit


def held_out(X, y, **parameters):
    """Return which rows have no influence on the first step of a fit."""
    options = {"alpha": 2.0, "max_iter": 1, "early_stopping": True, **parameters}
    first = net(**options).fit(X, y).loss_curve_
    moved = []
    for i in range(len(y)):
        changed = y.copy()
        changed[i] += 1e3
        moved.append(net(**options).fit(X, changed).loss_curve_ != first)
    return ~np.array(moved)


def test_rows_held_out_take_no_part_in_the_steps():
    X, y = data(40)
    held = held_out(X, y, validation_fraction=0.2)
    assert held.sum() == 8
    options = {"random_state": 0, "alpha": 2.0, "validation_fraction": 0.2}
    here = net(early_stopping=True, **options).fit(X, y)
    wild = np.where(held, 1e6, y)
    there = net(early_stopping=True, **options).fit(X, wild)
    # They say which step is best and when to stop, and no more.
    steps = min(here.n_iter_, there.n_iter_)
    assert steps > 5
    assert_array_equal(here.loss_curve_[:steps], there.loss_curve_[:steps])
    assert here.validation_scores_[0] != there.validation_scores_[0]
    # So they are those that are given.
    given = net(**options).fit(X[~held], y[~held], X_val=X[held], y_val=y[held])
    assert_allclose(given.predict(X), here.predict(X), rtol=1e-9)
    assert_allclose(given.validation_scores_, here.validation_scores_, rtol=1e-9)
    assert_allclose(given.predict_interval(X), here.predict_interval(X), rtol=1e-9)
    assert given.weights_.shape == (32,)
    assert here.weights_.shape == (40,)


def test_rows_of_weight_zero_are_not_held_out():
    X, y = data()
    weights = (np.arange(N) < 20) * 1.0
    some = net(early_stopping=True).fit(X[:20], y[:20])
    y[20:] = 1e9
    model = net(early_stopping=True).fit(X, y, weights)
    assert_allclose(model.predict(X), some.predict(X), rtol=1e-6)
    assert_allclose(model.predict_interval(X), some.predict_interval(X), rtol=1e-6)


def test_network_that_is_kept_is_the_best_one_for_the_rows_held_out():
    X, y = data(40)
    X_val, y_val = data(200, seed=1)
    options = {"hidden_layer_sizes": (30,), "l2": 0.0, "alpha": 2.0, "tol": 0.0}
    model = net(**options, max_iter=150).fit(X, y, X_val=X_val, y_val=y_val)
    best = int(np.argmax(model.validation_scores_))
    assert best == model.n_iter_ - 1 - 10  # n_iter_no_change
    patient = net(**options, max_iter=150, n_iter_no_change=30)
    patient.fit(X, y, X_val=X_val, y_val=y_val)
    assert patient.n_iter_ >= model.n_iter_ + 20


def test_score_of_rows_held_out_is_what_it_is_said_to_be():
    X, y = data()
    X_val, y_val = data(30, seed=1)
    unit = 1.4826022185056018 * np.median(np.abs(y - np.median(y)))
    model = net(alpha=2.0).fit(X, y, X_val=X_val, y_val=y_val)
    error = np.square(model.predict(X_val) - y_val).mean() / 2 / unit**2
    assert model.best_validation_score_ == pytest.approx(-error, rel=1e-9)


@pytest.mark.parametrize("alpha", ["adaptive", -2.0])
def test_weights_of_rows_that_judge_are_repeated_rows(alpha):
    X, y = data()
    X_val, y_val = data(40, seed=1)
    counts = np.random.default_rng(0).integers(0, 4, 40)
    weighted, repeated = net(alpha=alpha), net(alpha=alpha)
    weighted.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=counts)
    repeated.fit(
        X, y, X_val=np.repeat(X_val, counts, axis=0), y_val=np.repeat(y_val, counts)
    )
    assert_allclose(weighted.validation_scores_, repeated.validation_scores_)
    assert_allclose(weighted.predict(X), repeated.predict(X))
    for coverage in (0.5, 0.9, 0.97):
        assert_allclose(
            weighted.predict_interval(X, coverage),
            repeated.predict_interval(X, coverage),
        )


@pytest.mark.parametrize("train", [np.asarray, sparse.csr_array, sparse.csr_matrix])
@pytest.mark.parametrize("judge", [np.asarray, sparse.csc_array, sparse.csr_matrix])
def test_rows_that_judge_may_be_kept_otherwise(train, judge):
    X, y = data()
    X_val, y_val = data(30, seed=1)
    expected = net(activation="silu").fit(X, y, X_val=X_val, y_val=y_val)
    X_val = judge(X_val.astype(np.float32))
    model = net(activation="silu").fit(train(X), y, X_val=X_val, y_val=y_val)
    assert model.coefs_[0].dtype == np.float64
    assert_allclose(model.validation_scores_, expected.validation_scores_, rtol=1e-5)
    assert_allclose(model.predict(X), expected.predict(X), rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X_val": 0}, "X_val and y_val go together. Got X_val without y_val. Give"),
        ({"y_val": 0}, "X_val and y_val go together. Got y_val without X_val. Give"),
        ({"sample_weight_val": np.ones(N)}, "sample_weight_val.*Got it without them"),
        ({"X_val": 0, "y_val": np.ones(5)}, "X_val, y_val.*inconsistent numbers"),
        ({"X_val": np.ones((N, 3)), "y_val": 0}, "X_val.*X has 3 features"),
        ({"X_val": 0, "y_val": np.ones((N, 2))}, r"y_val must have as many outputs"),
        ({"X_val": 0, "y_val": np.ones((N, 1))}, r"y_val.*\(60, 1\) and \(60,\)"),
        ({"X_val": 0, "y_val": np.full(N, np.nan)}, "y_val.*contains NaN"),
        ({"X_val": np.full((N, 2), np.inf), "y_val": 0}, "X_val.*contains infinity"),
        ({"X_val": np.ones((0, 2)), "y_val": []}, "X_val.*0 sample"),
        (
            {"X_val": 0, "y_val": 0, "sample_weight_val": -np.ones(N)},
            "sample_weight_val: .*must not be negative",
        ),
        (
            {"X_val": 0, "y_val": 0, "sample_weight_val": np.zeros(N)},
            "sample_weight_val: .*zero for every sample",
        ),
        (
            {"X_val": 0, "y_val": 0, "sample_weight_val": np.ones(5)},
            r"sample_weight_val: .*shape == \(5,\)",
        ),
    ],
)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_rows_that_cannot_judge_are_an_error(arguments, message, early_stopping):
    X, y = data()
    good = {"X_val": X, "y_val": y}
    given = {
        name: good[name] if isinstance(value, int) else value
        for name, value in arguments.items()
    }
    model = net(early_stopping=early_stopping)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, **given)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        model.predict(X)


def test_nothing_is_left_to_fit():
    X, y = data()
    with pytest.raises(
        ValueError, match=r"early_stopping=True needs rows.*Got 1 samples"
    ):
        net(early_stopping=True).fit(X[:1], y[:1])
    with pytest.raises(ValueError, match=r"Got 2 samples of positive weight.*0\.9"):
        net(early_stopping=True, validation_fraction=0.9).fit(X, y, np.arange(N) < 2)


# Intervals


def test_intervals_of_rows_held_out_cover():
    """Over draws of the rows, as split conformal prediction promises."""
    inside, X_new = [], np.random.default_rng(9).normal(size=(400, 2))
    noise = np.random.default_rng(10).standard_t(3, size=400)
    for seed in range(30):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(60, 2))
        model = net(
            alpha=1.0, early_stopping=True, validation_fraction=0.5, max_iter=8
        ).fit(X, X[:, 0] + rng.standard_t(3, size=60))
        low, high = model.predict_interval(X_new, coverage=0.8).T
        inside.append(
            np.mean((low <= X_new[:, 0] + noise) & (X_new[:, 0] + noise <= high))
        )
    # 25 of 31 places among the held-out rows; a draw has a deviation of 0.07.
    assert np.mean(inside) == pytest.approx(25 / 31, abs=0.045)


def test_reach_of_an_interval_is_a_quantile_of_errors_held_out():
    X, y = data()
    X_val, y_val = data(19, seed=1)
    model = net(alpha=1.0).fit(X, y, X_val=X_val, y_val=y_val)
    errors = np.sort(np.abs(model.predict(X_val) - y_val))
    for coverage, place in [(0.05, 0), (0.5, 9), (0.9, 17), (0.95, 18)]:
        low, high = model.predict_interval(X, coverage).T
        assert_allclose((high - low) / 2, errors[place], rtol=1e-9)
        assert_allclose((high + low) / 2, model.predict(X), rtol=1e-9)
    # 19 errors cannot say where 96 % of them are: then the scale does.
    low, high = model.predict_interval(X, 0.96).T
    assert_allclose((high - low) / 2, 2.0537489 * model.scale_, rtol=1e-6)


def test_reach_of_an_interval_is_that_of_the_density():
    X, y = data()
    for parameters in ({}, {"alpha": 0.0, "c": "adaptive"}):
        model = net(**parameters).fit(X, y)
        low, high = model.predict_interval(X, 0.7).T
        middle = model.predict(X)
        assert_allclose((high + low) / 2, middle, rtol=1e-9)
        law = general_dist(model.alpha_, loc=0, scale=model.c_)
        assert law.cdf((high - middle)[0]) == pytest.approx(0.85, rel=1e-6)


@pytest.mark.parametrize("coverage", [0, 1, 1.5, np.nan, "0.9"])
def test_coverage_must_be_a_probability(coverage):
    X, y = data()
    with pytest.raises(ValueError, match="coverage must be a probability between"):
        net().fit(X, y).predict_interval(X, coverage)


# What is seen of a fit


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


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("alpha", ["adaptive", -2.0])
def test_verbose_prints_a_line_for_each_iteration(capsys, k, alpha):
    X, y = data()
    model = net(verbose=1, alpha=alpha).fit(X, y if k == 1 else np.c_[y, -y])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == model.n_iter_
    pattern = r"\[AdaptiveLossMLPRegressor\] iteration (\d+): objective [-\d.e]+, grad"
    numbers = [int(re.match(pattern, line)[1]) for line in lines]
    assert numbers == list(range(1, model.n_iter_ + 1))
    net(alpha=alpha).fit(X, y)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("early_stopping", [False, True])
def test_fit_that_begins_at_its_end_has_an_iteration(capsys, early_stopping):
    X, y = np.zeros((5, 1)), np.zeros(5)
    model = net(hidden_layer_sizes=(), alpha=2, warm_start=True).fit(X, y)
    model.coefs_, model.intercepts_ = [np.zeros((1, 1))], [np.zeros(1)]
    model.set_params(verbose=1, early_stopping=early_stopping).fit(X, y)
    [line] = capsys.readouterr().out.splitlines()
    assert "iteration 1: objective 0, gradient 0" in line
    assert (model.loss_curve_, model.n_iter_, model.converged_) == ([0], 1, True)
    if early_stopping:
        assert model.validation_scores_ == [0]
        assert model.best_validation_score_ == 0


@needs_callbacks
@pytest.mark.parametrize("k", [1, 2])
def test_callback_sees_each_iteration_as_a_fitted_estimator(k):
    X, y = data()
    y = y if k == 1 else np.c_[y, -y]
    witness, weights = Witness(), np.arange(1.0, N + 1)
    model = net().set_callbacks(witness).fit(X, y, weights)
    assert len(witness.seen) == model.n_iter_
    last, metadata = witness.seen[-1]
    assert_array_equal(last.predict(X), model.predict(X))
    assert metadata["sample_weight"] is weights
    first, _ = witness.seen[0]
    assert np.abs(first.predict(X) - model.predict(X)).max() > 1e-6
    assert witness.ended == 1


@needs_callbacks
def test_looking_on_changes_nothing(capsys):
    X, y = data()
    plain, seen = net().fit(X, y), net(verbose=1).set_callbacks(Witness()).fit(X, y)
    assert_array_equal(seen.predict(X), plain.predict(X))
    assert len(capsys.readouterr().out.splitlines()) == plain.n_iter_


@needs_callbacks
@pytest.mark.parametrize("early_stopping", [False, True])
def test_callback_may_stop_the_fit(early_stopping):
    X, y = data()
    model = net(early_stopping=early_stopping, max_iter=50)
    model.set_callbacks(Witness(stop_after=2)).fit(X, y)
    assert (model.n_iter_, model.converged_) == (2, False)
    assert len(model.loss_curve_) == 2
    model.set_callbacks(Witness()).fit(X, y)
    assert model.n_iter_ > 2


@needs_callbacks
@pytest.mark.parametrize("warm_start", [False, True])
def test_callback_that_fails_leaves_nothing_half_fitted(warm_start):
    class Failing(Witness):
        def on_fit_task_end(self, estimator, context, **seen):
            raise KeyboardInterrupt

    X, y = data()
    model, failing = net(warm_start=warm_start), Failing()
    with pytest.raises(KeyboardInterrupt):
        model.set_callbacks(failing).fit(X, y)
    assert failing.ended == 1
    with pytest.raises(NotFittedError):
        model.predict(X)


@needs_callbacks
def test_score_is_monitored():
    monitor = callback.ScoringMonitor(scoring="neg_median_absolute_error")
    model = net().set_callbacks(monitor).fit(*data())
    assert len(monitor.get_logs().data) >= model.n_iter_


@needs_callbacks
def test_progress_is_shown():
    pytest.importorskip("rich")
    X, y = data()
    shown = net().set_callbacks(callback.ProgressBar()).fit(X, y)
    assert_array_equal(shown.predict(X), net().fit(X, y).predict(X))


# What is said to the user


def test_too_few_iterations_warn_where_fit_is_called():
    message = r"stopped after max_iter=3 iterations.*Raise max_iter"
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        model = net(max_iter=3, tol=1e-9).fit(*data())
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert (model.n_iter_, model.converged_) == (3, False)


@pytest.mark.parametrize("n", [100, 7000])
@pytest.mark.parametrize("alpha", [50.0, np.inf])
def test_fit_that_diverges_is_an_error(n, alpha):
    X, y = data(n)
    message = r"The fit diverged at iteration 0.*Raise c, lower alpha"
    with pytest.raises(ValueError, match=message) as raised:
        net(alpha=alpha, c=1e-8).fit(X, y)
    assert isinstance(raised.value.__cause__, FloatingPointError)


def test_fit_that_diverges_on_its_way_says_where(monkeypatch):
    X, y = data()
    descend = _training.descend

    def failing(*arguments, done=0, **options):
        if done:
            raise FloatingPointError("the objective overflows")
        return descend(*arguments, done=done, **options)

    monkeypatch.setattr(_training, "descend", failing)
    with pytest.raises(ValueError, match="The fit diverged at iteration 30:"):
        net(alpha=2.0, tol=0.0, max_iter=40).fit(X, y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden_layer_sizes": 0}, r"'hidden_layer_sizes' parameter.*Got 0"),
        ({"hidden_layer_sizes": -3}, r"'hidden_layer_sizes' parameter.*Got -3"),
        ({"hidden_layer_sizes": 2.5}, r"'hidden_layer_sizes' parameter.*Got 2\.5"),
        ({"hidden_layer_sizes": None}, r"'hidden_layer_sizes' parameter.*Got None"),
        ({"hidden_layer_sizes": "ab"}, r"'hidden_layer_sizes' parameter.*Got 'ab'"),
        (
            {"hidden_layer_sizes": (3, 0)},
            r"hidden_layer_sizes must be.*Got 0 in \(3, 0",
        ),
        ({"hidden_layer_sizes": (-1,)}, "hidden_layer_sizes must be.*Got -1 in"),
        ({"hidden_layer_sizes": (2.5,)}, r"hidden_layer_sizes must be.*Got 2\.5 in"),
        ({"hidden_layer_sizes": [(3, 2)]}, r"hidden_layer_sizes must be.*Got \(3, 2\)"),
        ({"hidden_layer_sizes": (True,)}, "hidden_layer_sizes must be.*Got True in"),
        ({"activation": "swish"}, "'activation' parameter.*'silu'.*Got 'swish'"),
        ({"alpha": np.nan}, "'alpha' parameter.*Got nan"),
        ({"alpha": "tukey"}, "'alpha' parameter.*'cauchy'.*Got 'tukey'"),
        ({"alpha": -2, "c": "adaptive"}, "c='adaptive' needs alpha of at least 0"),
        ({"alpha": lambda y: -1.0, "c": "adaptive"}, "alpha as a callable.*at least 0"),
        ({"alpha": lambda y: y[:3]}, r"alpha as a callable.*Got shape \(3,\)"),
        ({"loss": "huber", "c": "adaptive"}, "c='adaptive' needs loss='general'"),
        ({"c": 0}, r"'c' parameter.*\(0\.0, inf\).*Got 0"),
        ({"c": -1.0}, r"'c' parameter.*Got -1\.0"),
        ({"c": np.inf}, r"'c' parameter.*Got inf"),
        ({"c": lambda y: 0 * y}, r"c as a callable must return.*positive.*Got 0"),
        ({"loss": "squared_error"}, "'loss' parameter.*Got 'squared_error'"),
        ({"alpha_bounds": (2, 1)}, r"alpha_bounds.*\(2, 1\)"),
        ({"efficiency": 1.0}, r"'efficiency' parameter.*Got 1\.0"),
        ({"efficiency": "auto"}, r"'efficiency' parameter.*Got 'auto'"),
        ({"l2": -1e-9}, "'l2' parameter.*Got -1e-09"),
        ({"n_init": 0}, "'n_init' parameter.*Got 0"),
        ({"max_iter": 0}, "'max_iter' parameter.*Got 0"),
        ({"tol": -1.0}, r"'tol' parameter.*Got -1\.0"),
        ({"validation_fraction": 1.0}, r"'validation_fraction' parameter.*Got 1\.0"),
        ({"n_iter_no_change": 0}, "'n_iter_no_change' parameter.*Got 0"),
        ({"early_stopping": "yes"}, "'early_stopping' parameter.*Got 'yes'"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_parameter_outside_its_domain_is_named(parameters, message):
    model = net(**parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(*data())
    assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (-1.0, r"sample_weight must not be negative; got -1\.0 for sample 3"),
        (np.nan, "sample_weight contains NaN"),
        (np.inf, "sample_weight contains infinity"),
    ],
)
def test_bad_weight_is_an_error(weight, message):
    weights = np.ones(N)
    weights[3] = weight
    with pytest.raises(ValueError, match=message):
        net().fit(*data(), weights)


@pytest.mark.parametrize("place", ["X", "y"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_value_that_is_no_number_is_an_error(place, value):
    X, y = data()
    {"X": X[:, 1], "y": y}[place][5] = value
    with pytest.raises(ValueError, match=f"[Ii]nput {place} contains"):
        net().fit(X, y)


@pytest.mark.parametrize("method", ["weigh", "log_likelihood"])
def test_targets_must_have_the_outputs_of_the_fit(method):
    X, y = data()
    one, two = net().fit(X, y), net().fit(X, np.c_[y, y])
    for model, wrong in [(one, X), (one, y[:, None]), (two, y), (two, y[:, None])]:
        with pytest.raises(ValueError, match=r"as many outputs as in fit.*Got shape"):
            getattr(model, method)(X, wrong)


# In company


def test_search_in_a_pipeline():
    X, y = data(90)
    y[::9] += 30
    pipe = make_pipeline(StandardScaler(), net(max_iter=40))
    step = "adaptivelossmlpregressor__"
    grid = {f"{step}alpha": [2, "cauchy"], f"{step}c": ["auto", 0.3]}
    search = GridSearchCV(pipe, grid, cv=3, scoring="neg_median_absolute_error")
    assert search.fit(X, y).best_params_[f"{step}alpha"] == "cauchy"


def test_two_jobs_give_the_scores_of_one():
    X, y = data()
    one = cross_val_score(net(), X, y, cv=2)
    with parallel_config("threading", n_jobs=2):
        assert_allclose(cross_val_score(net(), X, y, cv=2), one, rtol=1e-9)


def test_target_may_be_transformed():
    X, y = data()
    model = TransformedTargetRegressor(net(), func=np.log, inverse_func=np.exp)
    weights = np.arange(N) % 3
    model.fit(X, np.exp(y), sample_weight=weights)
    expected = net().fit(X, y, weights).predict(X)
    assert_allclose(model.predict(X), np.exp(expected), rtol=1e-6)


def test_weights_of_rare_targets_reach_it():
    X, y = data()
    model = TargetWeightedRegressor(net(alpha=2.0)).fit(X, y)
    weights = model.weighter_.transform(y)
    assert weights.max() > 1.5 * weights.min()
    expected = net(alpha=2.0).fit(X, y, weights).predict(X)
    assert_allclose(model.predict(X), expected, rtol=1e-6)
    assert np.abs(expected - net(alpha=2.0).fit(X, y).predict(X)).max() > 1e-3


def test_it_may_be_reweighted():
    X, y = data(100)
    outlying = np.arange(100) % 10 == 0
    y[outlying] += 30
    squares = net(alpha=2.0, max_iter=40)
    model = ReweightedRegressor(squares, random_state=0).fit(X, y)
    fitted, plain = (
        np.abs(m.predict(X) - y)[~outlying].mean() for m in (model, squares.fit(X, y))
    )
    assert fitted < plain / 2


def test_outputs_may_be_fitted_apart():
    X, y = data()
    model = MultiOutputRegressor(net()).fit(X, np.c_[y, -2 * y], np.arange(N) % 3)
    expected = net().fit(X, y, np.arange(N) % 3).predict(X)
    assert_array_equal(model.predict(X)[:, 0], expected)


def test_rows_that_judge_pass_through_a_pipeline():
    X, y = data()
    X_val, y_val = data(30, seed=1)
    with config_context(enable_metadata_routing=True):
        step = net().set_fit_request(X_val=True, y_val=True)
        pipe = make_pipeline(StandardScaler(), step, transform_input=["X_val"])
        pipe.fit(X, y, X_val=X_val, y_val=y_val)
    scaler = StandardScaler().fit(X)
    expected = net().fit(
        scaler.transform(X), y, X_val=scaler.transform(X_val), y_val=y_val
    )
    assert_array_equal(pipe.predict(X), expected.predict(scaler.transform(X)))


def test_alpha_by_target_serves_rare_targets_with_squares():
    """What lies beyond a threshold counts as squares, the rest is robust."""
    X, y = data(200)
    y[::10] += 5
    by_target = net(alpha=TargetConditioned(3.5, -2.0, 2.0), c=0.3, max_iter=40)
    rejected = net(alpha=-2.0, c=0.3, max_iter=40)
    errors = [(y - m.fit(X, y).predict(X))[::10].mean() for m in (by_target, rejected)]
    assert errors[0] < 0.95 * errors[1]
    linear = Ridge().fit(X, y)
    assert by_target.fit(X, y).score(X[::10], y[::10]) != linear.score(X[::10], y[::10])
