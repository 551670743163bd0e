"""Tests of the multilayer perceptron: what it learns, and what it says of it."""

import pickle
from copy import deepcopy

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit, ndtr
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPRegressor

from skrobust import (
    AdaptiveLossMLPRegressor,
    TargetConditioned,
    _rows,
    fit_general_dist,
    general_dist,
    loss,
)

# Of nets that are not to be good, only to be looked at.
pytestmark = pytest.mark.filterwarnings("ignore:The fit stopped after max_iter=")

N, P = 60, 3
BY_TARGET = TargetConditioned(1.0, 0.5, 2.0)
LOSSES = {
    "adaptive": {},
    "adaptive, given c": {"c": 0.3},
    "adaptive, c of y": {"c": lambda y: 0.2 + 0.1 * (y > 0)},
    "squares": {"alpha": 2.0},
    "pseudo_huber": {"alpha": "pseudo_huber", "c": "adaptive"},
    "cauchy": {"alpha": "cauchy", "c": 0.3},
    "geman_mcclure": {"alpha": -2},
    "welsch": {"alpha": -np.inf},
    "above two": {"alpha": 3.0},
    "of y": {"alpha": BY_TARGET},
    "of y, learnt c": {"alpha": BY_TARGET, "c": "adaptive"},
    "both of y": {"alpha": BY_TARGET, "c": lambda y: 0.2 + 0.1 * (y > 0)},
    "huber": {"loss": "huber"},
    "bisquare": {"loss": "bisquare", "c": 0.5},
}
WITHOUT_DENSITY = "geman_mcclure", "welsch", "huber", "bisquare"
every_loss = pytest.mark.parametrize("name", LOSSES)


def net(**parameters):
    """Return a small network that is trained for a moment."""
    small = {"hidden_layer_sizes": (4,), "n_init": 1, "max_iter": 15}
    return AdaptiveLossMLPRegressor(**{**small, "random_state": 0, **parameters})


def data(n=N, k=None):
    """Return features and targets with a tenth of gross outliers, k columns of them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, P))
    y = np.sin(X[:, 0]) + X[:, 1] + rng.normal(scale=0.1, size=n)
    y[:: n // 6] += 20
    if k is None:
        return X, y
    columns = [y, 100 * X[:, 2] + rng.standard_t(2, size=n), 1e-3 * X[:, 0] - 7]
    return X, np.transpose(columns[:k])


def wave(n, seed):
    """Return a smooth surface with noise 0.1."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (n, 2))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] ** 2 / 2 + rng.normal(scale=0.1, size=n)


def forward(model, X, activation):
    """Return what the layers make of X, by hand."""
    for W, b in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
        X = activation(X @ W + b)
    return X @ model.coefs_[-1] + model.intercepts_[-1]


# As scikit-learn's network has it


def test_parameters_that_mean_the_same_have_the_names_of_scikit_learn():
    theirs, ours = MLPRegressor().get_params(), AdaptiveLossMLPRegressor().get_params()
    same = {
        "hidden_layer_sizes",
        "activation",
        "max_iter",
        "early_stopping",
        "validation_fraction",
        "n_iter_no_change",
        "warm_start",
        "random_state",
        "verbose",
    }
    assert {name: ours[name] for name in same} == {name: theirs[name] for name in same}
    # `alpha` and `loss` are other things, and `tol` is relative.
    assert set(theirs) & set(ours) <= same | {"alpha", "loss", "tol"}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("hidden", [(), 5, (5,), [4, 3]])
@pytest.mark.parametrize("k", [None, 1, 3])
def test_attributes_are_those_of_scikit_learn(dtype, hidden, k):
    X, y = data(k=k)
    X = X.astype(dtype)
    ours = net(hidden_layer_sizes=hidden).fit(X, y)
    theirs = MLPRegressor(hidden_layer_sizes=hidden, solver="lbfgs", max_iter=1)
    with pytest.warns(ConvergenceWarning, match="failed to converge"):
        theirs.fit(X, y[:, 0] if k == 1 else y)
    assert [W.shape for W in ours.coefs_] == [W.shape for W in theirs.coefs_]
    assert [b.shape for b in ours.intercepts_] == [b.shape for b in theirs.intercepts_]
    assert {W.dtype for W in ours.coefs_ + ours.intercepts_} == {np.dtype(dtype)}
    for name in ("n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.predict(X).dtype == dtype
    assert ours.predict(X).shape == y.shape


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("k", [None, 3])
def test_scikit_learn_predicts_the_same_with_our_coefficients(activation, k):
    X, y = data(k=k)
    options = {"hidden_layer_sizes": (5, 4), "activation": activation}
    ours = net(**options).fit(X, y)
    theirs = MLPRegressor(**options, solver="lbfgs", max_iter=1)
    with pytest.warns(ConvergenceWarning, match="failed to converge"):
        theirs.fit(X, y)
    theirs.coefs_, theirs.intercepts_ = ours.coefs_, ours.intercepts_
    assert_allclose(theirs.predict(X), ours.predict(X), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        ("silu", lambda z: z * expit(z)),
        ("gelu", lambda z: z * ndtr(z)),
        ("tanh", np.tanh),
        ("relu", lambda z: z * (z > 0)),
    ],
)
def test_prediction_by_hand(activation, function):
    X, y = data(k=3)
    X[:, 1] = 1e3 + 10 * X[:, 1]  # coefficients are for columns as they are given
    model = net(activation=activation, hidden_layer_sizes=(5, 4)).fit(X, y)
    predicted = model.predict(X)
    assert_allclose(predicted, forward(model, X, function), rtol=1e-9)
    assert (np.abs(predicted - y).mean(axis=0) < np.std(y, axis=0)).all()


@pytest.mark.parametrize("alpha", ["adaptive", 1.0])
@pytest.mark.parametrize("max_iter", [1, 2, 15])
def test_curves_have_a_value_for_each_iteration(alpha, max_iter):
    X, y = data()
    model = net(alpha=alpha, max_iter=max_iter).fit(X, y)
    assert len(model.loss_curve_) == model.n_iter_ == max_iter
    assert model.best_loss_ in model.loss_curve_
    if max_iter == 15:  # enough to have learnt alpha and c, which are renewed
        assert model.loss_ < model.loss_curve_[-1] + 0.1
    assert model.validation_scores_ is model.best_validation_score_ is None
    model = net(alpha=alpha, max_iter=max_iter, early_stopping=True).fit(X, y)
    assert len(model.validation_scores_) == len(model.loss_curve_) == model.n_iter_
    assert model.best_validation_score_ in model.validation_scores_
    assert model.best_loss_ is None
    if alpha == 1:  # of a learnt one, what was before it was learnt does not compare
        assert model.best_validation_score_ == max(model.validation_scores_)


def test_without_hidden_layers_it_is_a_linear_model():
    X, y = wave(200, 0)
    options = {"hidden_layer_sizes": (), "alpha": 2, "tol": 0, "max_iter": 100}
    model = net(**options, l2=0.0).fit(X, y)
    assert_allclose(model.coefs_[0][:, 0], Ridge(0.0).fit(X, y).coef_, rtol=1e-6)
    z, unit = (X - X.mean(axis=0)) / X.std(axis=0), 1.4826022185056018
    unit *= np.median(np.abs(y - np.median(y)))
    model = net(**options, l2=0.3).fit(X, y)  # of columns of spread 1, as is said
    ridge = Ridge(0.3 * len(y)).fit(z, y / unit)
    assert_allclose(
        model.coefs_[0][:, 0], ridge.coef_ * unit / X.std(axis=0), rtol=1e-6
    )


# What a fit says of its loss


@every_loss
@pytest.mark.parametrize("k", [None, 1, 3])
def test_shapes_are_those_of_the_outputs(name, k):
    X, y = data(k=k)
    model, outputs = net(**LOSSES[name]).fit(X, y), () if k is None else (k,)
    alpha, c = (callable(LOSSES[name].get(key)) for key in ("alpha", "c"))
    assert np.shape(model.alpha_) == (*([N] if alpha else []), *outputs)
    assert np.shape(model.c_) == (*([N] if c else []), *outputs)
    assert np.shape(model.scale_) == outputs
    assert model.weights_.shape == model.predict(X).shape == y.shape
    assert model.predict_interval(X[:7]).shape == (7, 2, *outputs)
    assert (np.asarray(model.c_) > 0).all()
    assert np.isfinite(model.loss_curve_).all()
    if name not in WITHOUT_DENSITY:
        assert np.shape(model.log_likelihood(X, y)) == outputs


@every_loss
def test_weights_are_those_of_the_loss(name):
    X, y = data()
    model = net(**LOSSES[name]).fit(X, y)
    assert_array_equal(model.weigh(X, y), model.weights_)
    assert 0 <= model.weights_.min() <= model.weights_.max() <= 1
    residuals = y - model.predict(X)
    if name in ("huber", "bisquare"):
        weights = getattr(loss, name).weight(residuals, model.c_)
    else:
        weights = loss.weight(residuals, model.alpha_, model.c_)
        weights /= loss.weight(0 * residuals, model.alpha_, model.c_)
    if name == "above two":
        weights /= weights.max()
    assert_allclose(model.weights_, weights, atol=1e-12)


@pytest.mark.parametrize("name", ["adaptive", "cauchy", "geman_mcclure", "bisquare"])
def test_outliers_have_small_weights_in_each_output(name):
    X, y = data(k=2)
    weights = net(**LOSSES[name]).fit(X, y).weights_[:, 0]
    outlying = y[:, 0] > 10
    assert weights[outlying].max() < 0.01
    assert np.median(weights[~outlying]) > 0.5


@pytest.mark.parametrize("name", [n for n in LOSSES if n not in WITHOUT_DENSITY])
def test_log_likelihood_is_the_sum_of_log_densities(name):
    X, y = data(k=2)
    weights = np.random.default_rng(1).integers(0, 3, N)
    model = net(**LOSSES[name]).fit(X, y)
    density = general_dist.logpdf(y, model.alpha_, loc=model.predict(X), scale=model.c_)
    assert_allclose(model.log_likelihood(X, y), density.sum(axis=0), rtol=1e-9)
    weighted = model.log_likelihood(X, y, sample_weight=weights)
    assert_allclose(weighted, weights @ density, rtol=1e-9)


@pytest.mark.parametrize("name", WITHOUT_DENSITY)
def test_loss_without_a_density_has_no_likelihood(name):
    X, y = data()
    model = net(**LOSSES[name]).fit(X, y)
    with pytest.raises(ValueError, match="log_likelihood needs a density: loss="):
        model.log_likelihood(X, y)


@pytest.mark.parametrize(("name", "alpha"), loss.ALPHAS.items())
def test_names_are_their_alphas(name, alpha):
    X, y = data()
    named, given = (net(alpha=a).fit(X, y) for a in (name, alpha))
    assert named.alpha_ == alpha
    assert_array_equal(named.predict(X), given.predict(X))


def test_given_alpha_and_c_are_kept_in_each_output():
    X, y = data(k=2)
    model = net(alpha=0.5, c=0.7).fit(X, y)
    assert_array_equal(model.alpha_, [0.5, 0.5])
    assert_allclose(model.c_, [0.7, 0.7], rtol=1e-14)
    model = net(alpha=BY_TARGET, c=lambda y: 1 + np.abs(y)).fit(X, y)
    assert_array_equal(model.alpha_[:, 1], BY_TARGET(y[:, 1]))
    assert_allclose(model.c_, 1 + np.abs(y), rtol=1e-14)


def test_constant_callables_are_their_numbers():
    X, y = data(k=2)
    numbers = net(alpha=0.5, c=0.7).fit(X, y)
    called = net(alpha=lambda y: 0.5, c=lambda y: np.full(len(y), 0.7)).fit(X, y)
    assert_allclose(called.predict(X), numbers.predict(X), rtol=1e-9)
    assert_allclose(called.weights_, numbers.weights_, rtol=1e-9)


def test_outputs_learn_an_alpha_each():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2))
    noise = np.c_[rng.normal(size=500), rng.standard_cauchy(size=500)] * [0.1, 0.01]
    model = net(alpha_bounds=(0, 3), hidden_layer_sizes=(), max_iter=40)
    model.fit(X, X + noise)
    assert_allclose(model.alpha_, [2, 0], atol=0.3)
    assert_allclose(model.c_, [0.1, 0.01 / np.sqrt(2)], rtol=0.15)


@pytest.mark.parametrize("judged", [False, True])
@pytest.mark.parametrize("c", ["auto", 0.3])
def test_learnt_alpha_and_c_are_the_most_likely_for_the_residuals(c, judged):
    X, y = data(200)
    weights = np.random.default_rng(1).integers(0, 3, 200)
    others = {"X_val": X[:50], "y_val": y[:50]} if judged else {}
    model = net(c=c).fit(X, y, weights, **others)
    unit = 1.0 if c == "auto" else c
    fit = fit_general_dist(
        (y - model.predict(X)) / unit,
        c="adaptive" if c == "auto" else 1.0,
        alpha_bounds=(0, 2),
        sample_weight=weights,
    )
    assert model.alpha_ == pytest.approx(fit.alpha, rel=1e-4, abs=1e-4)
    assert model.c_ == pytest.approx(fit.c * unit, rel=1e-4)


def test_efficiency_sets_c():
    X, y = data()
    for efficiency, c in [(0.85, 1.208033), (0.95, 1.893709)]:
        model = net(alpha=-2, efficiency=efficiency).fit(X, y)
        assert model.c_ / model.scale_ == pytest.approx(c, rel=1e-5)


# Rows and their weights


@pytest.mark.parametrize("name", ["adaptive", "squares", "welsch", "of y", "bisquare"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_integer_weights_are_repeated_rows(name, dtype):
    X, y = data()
    X = X.astype(dtype)
    counts = np.random.default_rng(3).integers(0, 4, N)
    weighted, repeated = (net(**LOSSES[name], max_iter=5) for _ in range(2))
    weighted.set_params(max_iter=15).fit(X, y, sample_weight=counts)
    repeated.set_params(max_iter=15)
    repeated.fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    rtol = 1e-5 if dtype == np.float64 else 0.05  # of steps that rounding has moved
    assert_allclose(weighted.predict(X), repeated.predict(X), rtol=rtol, atol=rtol)
    assert weighted.scale_ == pytest.approx(repeated.scale_, rel=rtol)
    assert weighted.loss_ == pytest.approx(repeated.loss_, rel=rtol, abs=rtol)


@pytest.mark.parametrize("value", [1e30, -1e300, 5.0])
def test_rows_of_weight_zero_may_be_anything(value):
    X, y = data()
    weights = np.ones(N)
    weights[-10:] = 0
    expected = net().fit(X[:-10], y[:-10])
    X[-5:], y[-10:] = 1e6, value
    model = net().fit(X, y, weights)
    assert_allclose(model.predict(X[:-10]), expected.predict(X[:-10]), rtol=1e-6)
    assert_allclose(model.weights_[:-10], expected.weights_, atol=1e-6)


def test_small_weights_only_say_how_rows_compare():
    X, y = data(n=400)
    expected = net(early_stopping=True).fit(X, y)
    for weights in (np.full(400, 1 / 400), 1e-9):
        model = net(early_stopping=True).fit(X, y, weights)
        assert_allclose(model.predict(X), expected.predict(X), rtol=1e-6)
        ends = expected.predict_interval(X)  # of 40 rows held out
        assert_allclose(model.predict_interval(X), ends, rtol=1e-6)
    fine = np.linspace(-1, 1, 400)[:, None]  # so fine that the penalty is not strong
    options = {"alpha": 1.0, "activation": "tanh", "max_iter": 60}
    expected = net(**options).fit(fine, np.tanh(fine[:, 0])).predict(fine)
    model = net(**options).fit(fine, np.tanh(fine[:, 0]), 1e-3)
    assert_allclose(model.predict(fine), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "parameters",
    [{}, {"alpha": 0}, {"alpha": -2}, {"alpha": -np.inf}, {"loss": "bisquare"}],
    ids=str,
)
def test_a_fifth_of_gross_outliers_does_no_harm(parameters):
    X, y = wave(300, 0)
    spoilt, rng = y.copy(), np.random.default_rng(2)
    outlying = rng.choice(300, 60, replace=False)
    spoilt[outlying] += rng.normal(20, 5, 60)
    X_new, y_new = wave(1000, 1)
    parameters = {"hidden_layer_sizes": (12,), "activation": "tanh", **parameters}

    def error(y):
        model = net(n_init=2, max_iter=100, tol=1e-3, **parameters).fit(X, y)
        return np.abs(model.predict(X_new) - y_new).mean()

    assert error(spoilt) < 1.1 * error(y)


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_outliers_double_the_error_of_squares():
    X, y = wave(300, 0)
    X_new, y_new = wave(1000, 1)

    def error(model, y):
        return np.abs(model.fit(X, y).predict(X_new) - y_new).mean()

    spoilt = np.where(np.arange(300) % 5, y, y + 20)
    theirs = MLPRegressor(
        hidden_layer_sizes=(12,), activation="tanh", solver="lbfgs", tol=1e-2
    )
    ours = net(alpha=2, hidden_layer_sizes=(12,), activation="tanh", tol=1e-2)
    for model in (theirs, ours.set_params(max_iter=100)):
        assert error(model, spoilt) > 2 * error(model, y)


@pytest.mark.parametrize("name", ["adaptive", "squares", "geman_mcclure"])
@pytest.mark.parametrize(
    ("unit_X", "unit_y", "rtol"),
    [
        (2.0**30, 2.0**-30, 1e-12),  # powers of 2 round alike
        (1e9, 1e-9, 1e-6),
        (1e-9, 1e9, 1e-6),
        ([1e9, 1.0, 1e-9], -3.0, 1e-6),
    ],
)
def test_units_do_not_matter(name, unit_X, unit_y, rtol):
    X, y = data()
    here, there = net(**LOSSES[name]).fit(X, y), net(**LOSSES[name])
    there.fit(X * unit_X, y * abs(unit_y))
    assert_allclose(there.predict(X * unit_X) / abs(unit_y), here.predict(X), rtol=rtol)
    assert there.c_ / abs(unit_y) == pytest.approx(here.c_, rel=rtol)
    assert there.loss_ == pytest.approx(here.loss_, rel=rtol, abs=rtol)
    assert_allclose(there.weights_, here.weights_, atol=rtol)


@pytest.mark.parametrize("name", ["adaptive", "squares", "geman_mcclure"])
def test_zero_of_columns_and_targets_does_not_matter(name):
    X, y = data(k=2)
    here, there = net(**LOSSES[name]).fit(X, y), net(**LOSSES[name])
    there.fit(X + [1e6, -1e3, 7], y + [1e4, -1e4])
    # 1e6 + x has 10 digits of x, and steps make more of what is left out.
    moved = there.predict(X + [1e6, -1e3, 7]) - [1e4, -1e4]
    assert_allclose(moved, here.predict(X), atol=1e-5 * np.std(y, axis=0).max())
    assert_allclose(there.scale_, here.scale_, rtol=1e-5)


@pytest.mark.parametrize("size", [1e3, 1e12, 1e30, -1e300])
@pytest.mark.parametrize("name", ["adaptive", "cauchy", "welsch"])
def test_size_of_an_outlier_does_not_matter(size, name):
    X, y = wave(200, 0)
    clean = y.copy()
    y[::10] = size
    size = {"hidden_layer_sizes": (10,), "max_iter": 60, "n_init": 3}
    model = net(**LOSSES[name], **size).fit(X, y)
    assert np.abs(model.predict(X) - clean).mean() < 0.2
    assert model.weights_[::10].max() < 1e-3


# Containers and types


@pytest.mark.parametrize(
    "convert",
    [
        np.asfortranarray,
        sparse.csr_array,
        sparse.csc_matrix,
        sparse.coo_array,
        pd.DataFrame,
        lambda X: pl.DataFrame(X, schema=["a", "b", "c"]),
        lambda X: X.tolist(),
        lambda X: np.repeat(X, 2, axis=0)[::2],
    ],
)
def test_containers_give_the_same_fit(convert):
    X, y = data()
    X[::3, 1] = 0
    expected, model = net().fit(X, y), net().fit(convert(X), y.tolist())
    # The sums of a sparse product are taken in another order.
    assert_allclose(model.predict(convert(X)), expected.predict(X), rtol=1e-7)
    assert_allclose(model.weights_, expected.weights_, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_features_are_not_centred_as_a_whole(dtype):
    rng = np.random.default_rng(0)
    X = (rng.random((200, 300)) * (rng.random((200, 300)) < 0.02)).astype(dtype)
    y = X[:, :20].sum(axis=1) + rng.normal(size=200) / 9
    dense, thin = net().fit(X, y), net().fit(sparse.csr_array(X), y)
    rtol = 1e-6 if dtype == np.float64 else 0.02
    assert thin.coefs_[0].dtype == dtype
    assert_allclose(thin.predict(X), dense.predict(X), rtol=rtol, atol=rtol)


@pytest.mark.parametrize(
    "convert",
    [
        pd.Series,
        pl.Series,
        lambda y: (1000 * y).astype(int),
        lambda y: y.astype(np.float32),
        lambda y: y.astype(object),
    ],
)
def test_targets_may_be_of_any_kind(convert):
    X, y = data()
    given = convert(y)
    expected = net().fit(X, np.asarray(given, dtype=float)).predict(X)
    assert_array_equal(net().fit(X, given).predict(X), expected)


def test_several_targets_may_be_a_frame():
    X, y = data(k=2)
    expected = net().fit(X, y).predict(X)
    for frame in (pd.DataFrame(y), pl.DataFrame(y, schema=["a", "b"]), y.tolist()):
        assert_array_equal(net().fit(X, frame).predict(X), expected)


def test_names_of_columns_are_kept_and_checked():
    X, y = data()
    frame = pd.DataFrame(X, columns=["speed", "height", "angle"])
    model = net().fit(frame, y)
    assert list(model.feature_names_in_) == ["speed", "height", "angle"]
    assert_allclose(model.predict(frame), net().fit(X, y).predict(X), rtol=1e-7)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"speed": "pace"}))


def test_arguments_are_left_as_they_were():
    arrays = [*data(k=2), np.ones(N)]
    before = [a.copy() for a in arrays]
    for a in arrays:
        a.flags.writeable = False
    model = net(early_stopping=True).fit(*arrays)
    model.weigh(*arrays[:2])
    for a, b in zip(arrays, before, strict=True):
        assert_array_equal(a, b)


def test_float32_is_as_good_as_float64():
    X, y = wave(300, 0)
    single, double = (
        net(hidden_layer_sizes=(10,), activation="tanh", max_iter=100, tol=1e-3)
        .fit(X.astype(dtype), y)
        .predict(X)
        for dtype in (np.float32, np.float64)
    )
    assert single.dtype == np.float32
    assert np.abs(single - y).mean() == pytest.approx(
        np.abs(double - y).mean(), rel=0.05
    )


def test_float32_features_far_from_zero_are_told_apart():
    X, y = wave(300, 0)
    far = (X * 1e5 + 1e7).astype(np.float32)
    errors = [np.abs(net().fit(Z, y).predict(Z) - y).mean() for Z in (X, far)]
    assert errors[1] == pytest.approx(errors[0], rel=0.1)


def test_float32_that_cannot_tell_the_targets_apart_is_said():
    X, y = wave(100, 0)
    message = r"Predictions near 1e\+09 are 1e\+02 apart, as X is in float32.*Subtract"
    with pytest.warns(UserWarning, match=message) as caught:
        net().fit(X.astype(np.float32), y + 1e9)
    assert caught[0].filename == __file__
    net().fit(X, y + 1e9)
    net().fit(X.astype(np.float32), y + 1e4)


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        (1e39, r"y must have columns with a spread between .* float32.*column 0.*unit"),
        (1e-39, r"y must have columns.*Got 9\..e-40.*or give X in float64"),
    ],
)
def test_targets_must_fit_into_float32(unit, message):
    X, y = wave(50, 0)
    with pytest.raises(ValueError, match=message):
        net().fit(X.astype(np.float32), y * unit)
    assert_allclose(
        net().fit(X, y * unit).predict(X) / unit, net().fit(X, y).predict(X)
    )


def test_outlier_that_float32_has_no_number_for_is_an_error():
    X, y = wave(50, 0)
    y[3] = -1e39
    with pytest.raises(ValueError, match=r"y must have targets.*Got -1\.0e\+39"):
        net().fit(X.astype(np.float32), y)
    net().fit(X.astype(np.float32), y, sample_weight=(y > -1e39) * 1.0)  # is not there


def test_column_whose_squares_overflow_is_an_error():
    X, y = wave(50, 0)
    X[0, 1] = 1e200
    with pytest.raises(ValueError, match=r"X must have columns.*Got inf in column 1"):
        net().fit(X, y)


# Few rows, and rows that teach nothing


@every_loss
@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_rows(name, n):
    X, y = data()
    X, y = X[1 : n + 1], y[1 : n + 1]
    model = net(**LOSSES[name], l2=0.0).fit(X, y)
    assert_allclose(model.predict(X), y, atol=0.5)
    assert np.isfinite(model.predict_interval(X)).all()
    assert len(model.loss_curve_) == model.n_iter_ >= 1


@pytest.mark.parametrize("name", ["adaptive", "squares", "welsch"])
@pytest.mark.parametrize("stop", [False, True])
@pytest.mark.parametrize(
    ("X", "y"),
    [
        (data()[0], np.full(N, 7.0)),
        (np.ones((9, 2)), np.full(9, 7.0)),
        (np.ones((9, 2)), np.arange(9.0)),
        (np.zeros((9, 1)), np.zeros(9)),
    ],
    ids=["y", "rows", "X", "zeros"],
)
def test_constants(name, stop, X, y):
    for l2 in ("auto", 0.0):
        model = net(**LOSSES[name], early_stopping=stop, l2=l2).fit(X, y)
        assert_allclose(model.predict(X), np.median(y), atol=1.5 * np.std(y) + 0.05)
        assert np.isfinite([model.loss_, model.c_, model.scale_]).all()
        assert np.isfinite(model.predict_interval(X)).all()
        assert len(model.loss_curve_) == model.n_iter_ >= 1
        if stop:
            assert len(model.validation_scores_) == model.n_iter_


def test_constant_column_has_no_say():
    X, y = data()
    awkward = np.c_[X, np.full(N, 1e6), np.zeros(N)]
    model = net().fit(awkward, y)
    moved = net().fit(awkward + [0, 0, 0, 1e5, 3], y)
    assert_allclose(
        moved.predict(awkward + [0, 0, 0, 1e5, 3]), model.predict(awkward), rtol=1e-5
    )


def test_more_outputs_than_rows():
    X = data()[0][:4]
    y = np.random.default_rng(0).normal(size=(4, 9))
    model = net().fit(X, y)
    assert model.weights_.shape == model.predict(X).shape == (4, 9)
    assert np.isfinite(model.predict(X)).all()


# The life of an estimator


def test_same_seed_gives_the_same_fit():
    X, y = data(k=2)
    model = net(n_init=2, early_stopping=True)
    first = model.fit(X, y).predict(X)
    assert_array_equal(model.fit(X, y).predict(X), first)
    assert_array_equal(clone(model).fit(X, y).predict(X), first)
    model.set_params(random_state=np.random.RandomState(0))
    assert_array_equal(model.fit(X, y).predict(X), first)
    assert np.abs(model.fit(X, y).predict(X) - first).max() > 1e-9  # drew another
    starts = [net(random_state=seed).fit(X, y).predict(X) for seed in (0, 1)]
    assert np.abs(starts[0] - starts[1]).max() > 1e-9


def test_threads_give_the_same_fit_but_for_rounding(monkeypatch):
    monkeypatch.setattr(_rows, "BLOCK_BYTES", 1)  # of 512 rows each
    threadpoolctl = pytest.importorskip("threadpoolctl")
    X, y = wave(5000, 0)  # blocks enough for two threads
    predicted = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads, user_api="blas"):
            predicted.append(net(hidden_layer_sizes=(9,)).fit(X, y).predict(X))
    assert_allclose(predicted[1], predicted[0], rtol=1e-5, atol=1e-5)


@every_loss
def test_copies_read_the_same(name):
    X, y = data(k=2)
    model = net(**LOSSES[name], early_stopping=True).fit(X, y)
    copies = [deepcopy(model)]
    if not callable(model.c):  # a lambda has no pickle
        copies.append(pickle.loads(pickle.dumps(model)))
    for copy in copies:
        assert_array_equal(copy.predict(X), model.predict(X))
        assert_array_equal(copy.weigh(X, y), model.weigh(X, y))
        assert_array_equal(copy.predict_interval(X), model.predict_interval(X))
    with pytest.raises(NotFittedError, match="not fitted yet"):
        clone(model).predict(X)


def test_parameters_that_change_do_not_change_the_fit():
    X, y = data()
    model = net().fit(X, y)

    def readings():
        return [
            model.predict(X),
            model.weigh(X, y),
            model.log_likelihood(X, y),
            model.predict_interval(X),
        ]

    before = readings()
    model.set_params(activation="tanh", alpha=-2, c=9.0, loss="huber", alpha_bounds=1)
    model.set_params(hidden_layer_sizes=(99,), early_stopping=True)
    for now, then in zip(readings(), before, strict=True):
        assert_array_equal(now, then)
    model = net(alpha=TargetConditioned(1.0, 0.5, 2.0)).fit(X, y)
    before = model.weigh(X, y)
    model.alpha.below = -2.0
    assert_array_equal(model.weigh(X, y), before)


def test_failed_fit_leaves_the_old_one():
    X, y = data()
    model = net()
    with pytest.raises(ValueError, match="negative"):
        model.fit(X, y, -np.ones(N))
    with pytest.raises(NotFittedError, match="not fitted yet"):
        model.predict(X)
    model.fit(X, y)
    state = vars(model).copy()
    with pytest.raises(ValueError, match="inconsistent numbers"):
        model.fit(X[:, :2], y, X_val=X[:, :2], y_val=y[:3])
    model.set_params(alpha=np.inf, c=1e-8)
    with pytest.raises(ValueError, match="diverged"):
        model.fit(X[:, :2], np.c_[y, y])
    model.set_params(alpha="adaptive", c="auto")
    assert vars(model) == state
    assert model.predict(X).shape == (N,)


def test_refit_forgets_the_old_fit():
    X, y = data(k=3)
    model = net(early_stopping=True).fit(X, y)
    model.set_params(early_stopping=False).fit(X[:40, :2], y[:40, 0])
    fresh = net().fit(X[:40, :2], y[:40, 0])
    assert set(vars(model)) == set(vars(fresh))
    assert_array_equal(model.weights_, fresh.weights_)
    assert model.validation_scores_ is None
    assert_array_equal(
        model.predict_interval(X[:, :2]), fresh.predict_interval(X[:, :2])
    )


def test_ordinary_data_warn_of_nothing():
    X, y = wave(200, 0)
    model = AdaptiveLossMLPRegressor((20,), random_state=0).fit(X, y)
    assert model.converged_
    assert model.n_iter_ < 200
    assert model.score(X, y) > 0.9
