"""Tests of linear fits of several outputs: each is that of its column alone."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrobust import AdaptiveLossRegressor
from skrobust.conditioned import TargetConditioned

N, P, K = 50, 2, 3
ESTIMATORS = {
    "adaptive": AdaptiveLossRegressor(random_state=0),
    "given c": AdaptiveLossRegressor("adaptive", 1.5, random_state=0),
    "geman_mcclure": AdaptiveLossRegressor(-2.0, random_state=0),
    "bisquare": AdaptiveLossRegressor(loss="bisquare", l2=0.1, random_state=0),
    "huber": AdaptiveLossRegressor(loss="huber", fit_intercept=False),
    "squares": AdaptiveLossRegressor(2.0),
    "of y": AdaptiveLossRegressor(
        TargetConditioned(3, 0.5, 2.0), TargetConditioned(4, 1.0, 2.0), random_state=0
    ),
}
every_estimator = pytest.mark.parametrize("name", ESTIMATORS)


def data(k=K):
    """Return X and y of some outputs: normal, t3 and spoilt errors in several units."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, P))
    errors = [rng.normal(size=N), rng.standard_t(3, size=N), rng.normal(size=N) / 9]
    errors[2][:8] += 20
    y = X @ rng.normal(size=(P, 3)) + np.array([1.0, -30.0, 0.0]) + np.transpose(errors)
    return X, y[:, :k]


def fresh(name, **changes):
    """Return a new estimator of the table."""
    model = ESTIMATORS[name]
    return type(model)(**{**model.get_params(deep=False), **changes})


def alone(name, X, y, *weights):
    """Return the fit of each column on its own."""
    return [fresh(name).fit(X, column, *weights) for column in y.T]


@every_estimator
@pytest.mark.parametrize("weighted", [False, True])
def test_each_column_is_fitted_as_if_alone(name, weighted):
    X, y = data()
    weights = [np.random.default_rng(1).uniform(0, 3, N)] if weighted else []
    together, single = fresh(name).fit(X, y, *weights), alone(name, X, y, *weights)
    for j, model in enumerate(single):
        assert_array_equal(together.coef_[j], model.coef_)
        for attribute in ("intercept_", "alpha_", "c_", "scale_", "weights_"):
            ours = getattr(together, attribute)[..., j]
            assert_array_equal(ours, getattr(model, attribute))
        assert_array_equal(together.efficiency_[j], model.efficiency_)
    assert together.n_iter_ == max(model.n_iter_ for model in single)
    assert together.converged_ is True


@every_estimator
def test_attributes_have_an_output_each(name):
    X, y = data()
    model = fresh(name).fit(X, y)
    by_row = (N, K) if name == "of y" else (K,)
    shapes = {
        "coef_": (K, P),
        "intercept_": (K,),
        "alpha_": by_row,
        "c_": by_row,
        "scale_": (K,),
        "weights_": (N, K),
        "efficiency_": (K,),
    }
    assert {name: np.shape(getattr(model, name)) for name in shapes} == shapes
    assert len(model.alternative_) == K
    assert isinstance(model.n_iter_, int)
    if name == "huber":
        assert_array_equal(model.intercept_, 0)


@every_estimator
def test_readings_are_those_of_each_column(name):
    X, y = data()
    weights = np.random.default_rng(1).uniform(0, 3, N)
    together, single = fresh(name).fit(X, y), alone(name, X, y)

    def stacked(read):
        return np.stack([read(m, y[:, j]) for j, m in enumerate(single)], axis=-1)

    expected = stacked(lambda m, _: m.predict(X))
    # One product of matrices for all columns rounds otherwise than one for each.
    np.testing.assert_allclose(together.predict(X), expected, rtol=1e-13, atol=1e-13)
    ends = together.predict_interval(X, coverage=0.8)
    assert ends.shape == (N, 2, K)
    assert_array_equal(ends, stacked(lambda m, _: m.predict_interval(X, 0.8)))
    trusted = stacked(lambda m, column: m.weigh(X, column))
    np.testing.assert_allclose(together.weigh(X, y), trusted, atol=1e-12)
    tables = together.summary()
    assert len(tables) == K
    for table, model in zip(tables, single, strict=True):
        pd.testing.assert_frame_equal(table, model.summary())
    if name not in ("geman_mcclure", "bisquare", "huber"):
        likely = together.log_likelihood(X, y, weights)
        expected = stacked(lambda m, column: m.log_likelihood(X, column, weights))
        np.testing.assert_allclose(likely, expected, rtol=1e-12)


@every_estimator
def test_one_column_keeps_its_axis(name):
    X, y = data(1)
    column, vector = fresh(name).fit(X, y), fresh(name).fit(X, y[:, 0])
    assert column.coef_.shape == (1, P)
    assert vector.coef_.shape == (P,)
    assert_array_equal(column.coef_[0], vector.coef_)
    assert column.predict(X).shape == (N, 1)
    assert column.weights_.shape == column.weigh(X, y).shape == (N, 1)
    assert column.predict_interval(X).shape == (N, 2, 1)
    assert vector.predict_interval(X).shape == (N, 2)
    assert np.shape(vector.intercept_) == ()


def test_targets_may_be_a_frame_and_features_sparse():
    X, y = data()
    expected = fresh("adaptive").fit(X, y)
    model = fresh("adaptive").fit(X, pd.DataFrame(y, columns=["a", "b", "c"]))
    assert_array_equal(model.coef_, expected.coef_)
    single = fresh("adaptive").fit(sparse.csr_array(X), y[:, 1])
    model = fresh("adaptive").fit(sparse.csr_array(X), y)
    assert_array_equal(model.coef_[1], single.coef_)


def test_order_in_memory_makes_no_difference():
    X, y = data()
    first, second = (
        fresh("geman_mcclure").fit(X, order(y))
        for order in (np.ascontiguousarray, np.asfortranarray)
    )
    assert_array_equal(first.coef_, second.coef_)


def test_X_is_passed_over_as_often_as_for_the_slowest_column(monkeypatch):
    from skrobust import _rows

    (X, y), passes = data(), []
    sums = _rows.Rows.sums

    def counted(self, visits):
        if self.X is X:  # the search for a start has a copy of its own
            passes.append(len(visits))
        return sums(self, visits)

    monkeypatch.setattr(_rows.Rows, "sums", counted)
    alone_passes = []
    for column in y.T:
        passes.clear()
        fresh("given c").fit(X, column)
        alone_passes.append(len(passes))
    passes.clear()
    fresh("given c").fit(X, y)
    assert len(passes) == max(alone_passes)
    assert sum(passes) == sum(alone_passes)


def test_notes_say_which_output_they_are_of():
    X, y = data()
    y[:30, 1] = X[:30] @ [1.0, 2.0]
    with pytest.warns(UserWarning, match="^Output 1: More than half.*other 20") as seen:
        model = fresh("geman_mcclure").fit(X, y)
    assert len(seen) == 1
    assert seen[0].filename == __file__
    assert model.scale_[1] == 0
    assert model.scale_[0] > 0


def test_error_in_a_column_leaves_no_half_fitted_state():
    X, y = data()

    def picky(column):
        if column.max() > 15:  # the last one
            raise ValueError("too large")
        return np.ones(len(column))

    model = AdaptiveLossRegressor(picky)
    with pytest.raises(ValueError, match="too large"):
        model.fit(X, y)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        model.predict(X)
    model.fit(X, y[:, :2])
    before = vars(model).copy()
    with pytest.raises(ValueError, match="too large"):
        model.fit(X, y)
    assert vars(model) == before
    assert model.predict(X).shape == (N, 2)


def test_error_of_a_fit_names_the_column():
    X, y = data()
    y[:, 1] *= 1e9
    model = AdaptiveLossRegressor(50.0, c=5.0)
    with pytest.raises(ValueError, match=r"overflows at c=5") as error:
        model.fit(X, y)
    assert error.value.__notes__ == ["While fitting column 1 of y."]
    with pytest.raises(NotFittedError, match="not fitted yet"):
        model.predict(X)


@pytest.mark.parametrize("method", ["weigh", "log_likelihood"])
def test_targets_must_have_the_outputs_of_the_fit(method):
    X, y = data()
    several, one = fresh("adaptive").fit(X, y), fresh("adaptive").fit(X, y[:, 0])
    for model, wrong in [
        (several, y[:, 0]),
        (several, y[:, :2]),
        (one, y),
        (one, y[:, :1]),
    ]:
        with pytest.raises(ValueError, match=r"as many outputs as in fit.*Got shape"):
            getattr(model, method)(X, wrong)


def test_pipeline_and_search_take_several_outputs():
    X, y = data()
    pipe = make_pipeline(StandardScaler(), AdaptiveLossRegressor(1.0))
    grid = {"adaptivelossregressor__alpha": [1.0, 2.0]}
    search = GridSearchCV(pipe, grid, cv=2, scoring="neg_median_absolute_error")
    assert search.fit(X, y).predict(X).shape == (N, K)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert scores[0] != scores[1]
    assert search.best_estimator_.score(X, y) < 1


def test_warm_start_of_several_outputs():
    X, y = data()
    model = AdaptiveLossRegressor(1.0, 1.0, warm_start=True).fit(X, y)
    before, cold = model.coef_.copy(), model.n_iter_
    model.fit(X, y)
    np.testing.assert_allclose(model.coef_, before, rtol=1e-6)
    assert model.n_iter_ == 1 < cold
    with pytest.raises(ValueError, match=r"warm_start=True needs.*\(3, 2\).*\(1, 2\)"):
        model.fit(X, y[:, 0])


def test_fits_of_several_outputs_are_pickled():
    X, y = data()
    model = fresh("of y").fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.weigh(X, y), model.weigh(X, y))
    assert_array_equal(again.predict_interval(X), model.predict_interval(X))


def test_refit_with_other_outputs_forgets_the_old_ones():
    X, y = data()
    model = fresh("squares").fit(X, y)
    model.fit(X[:, :1], y[:, 0])
    assert model.coef_.shape == (1,)
    assert model.weights_.shape == (N,)
    assert isinstance(model.summary(), pd.DataFrame)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.predict(X[:, :1]).shape == (N,)
