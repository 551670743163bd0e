"""Tests of the options of the linear regressor, each one and together."""

import pickle
import warnings
from itertools import product

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV

from skrobust import AdaptiveLossRegressor, general_dist, loss
from skrobust.conditioned import TargetConditioned
from skrobust.likelihood import fit_general_dist

N = 40
COEF = np.array([1.0, -2.0])
NEAR, FAR = TargetConditioned(3, 0.0, 1.5), TargetConditioned(3, 0.8, 1.6)
GIVEN_ALPHAS = {"1.0": 1.0, "-2.0": -2.0, "cauchy": "cauchy", "3.0": 3.0}
ALPHAS = {**GIVEN_ALPHAS, "adaptive": "adaptive", "of y": NEAR}
CS = {"1.5": 1.5, "auto": "auto", "adaptive": "adaptive", "of y": FAR}
NO_DENSITY = ("-2.0", "adaptive")
COMBINATIONS = [pair for pair in product(ALPHAS, CS) if pair != NO_DENSITY]
every_combination = pytest.mark.parametrize(("alpha", "c"), COMBINATIONS)


def data(n=N, seed=0, errors=None):
    """Return X and y of a plane with errors of the t distribution, or others."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    errors = rng.standard_t(3, size=n) if errors is None else errors(rng, n)
    return X, X @ COEF + 1 + errors


def model_of(alpha="adaptive", c="auto", **options):
    """Return an estimator by the names of its alpha and c."""
    alpha, c = ALPHAS.get(alpha, alpha), CS.get(c, c)
    return AdaptiveLossRegressor(alpha, c, random_state=0, **options)


def params(model):
    """Return the coefficients and the intercept as one vector."""
    return np.append(model.coef_, model.intercept_)


# Every alpha with every c.


@every_combination
def test_what_is_claimed_is_a_stationary_point(alpha, c):
    X, y = data()
    weights = np.random.default_rng(1).uniform(0.5, 2, N)
    model = model_of(alpha, c).fit(X, y, weights)
    share, r = weights / weights.sum(), y - model.predict(X)
    psi = loss.psi(r, model.alpha_, model.c_)
    likely = "adaptive" in (alpha, c)
    unit = 1.0 if likely or np.ndim(model.c_) == 0 else model.c_**2
    design = np.column_stack([X, np.ones(N)])
    assert_allclose(design.T @ (share * unit * psi), 0, atol=1e-7)
    if c == "adaptive" or (alpha, c) == ("adaptive", "auto"):
        assert share @ (r * psi) == pytest.approx(1, abs=1e-7)
    if alpha == "adaptive":
        # With a c for each row, errors are in units of it.
        by_row = np.ndim(model.c_) == 1
        known = {"of y": 1.0, "1.5": 1.5}.get(c, "adaptive")
        best = fit_general_dist(
            r / model.c_ if by_row else r,
            c=known,
            alpha_bounds=(0, 2),
            sample_weight=weights,
        )
        assert model.alpha_ == pytest.approx(best.alpha, abs=1e-6)
        if not by_row:
            assert model.c_ == pytest.approx(best.c, rel=1e-6)


@every_combination
def test_attributes_are_those_of_the_loss(alpha, c):
    X, y = data()
    model = model_of(alpha, c).fit(X, y)
    r = y - model.predict(X)
    weight = loss.weight(r, model.alpha_, model.c_)
    expected = weight / weight.max() if alpha == "3.0" else weight
    assert_allclose(model.weights_, expected, rtol=1e-9, atol=1e-12)
    assert_allclose(model.weigh(X, y), model.weights_, rtol=1e-9, atol=1e-12)
    by_row = {"alpha": alpha == "of y", "c": c == "of y"}
    assert np.shape(model.alpha_) == ((N,) if by_row["alpha"] else ())
    assert np.shape(model.c_) == ((N,) if by_row["c"] else ())
    given = ALPHAS[alpha]
    if callable(given):
        assert_array_equal(model.alpha_, given(y))
    elif alpha != "adaptive":
        assert model.alpha_ == loss.ALPHAS.get(given, given)
    if by_row["c"]:
        assert_allclose(model.c_, FAR(y), rtol=1e-15)
    if c == "1.5":
        assert model.c_ == 1.5
    tuned = c == "auto" and alpha != "adaptive"
    assert_array_equal(model.efficiency_, 0.95 if tuned else np.nan)
    assert model.converged_ is True
    if alpha == "-2.0":
        with pytest.raises(ValueError, match=r"needs a density.*Got alpha=-2"):
            model.log_likelihood(X, y)
    else:
        expected = general_dist.logpdf(r, model.alpha_, scale=model.c_).sum()
        assert model.log_likelihood(X, y) == pytest.approx(expected, rel=1e-9)


@every_combination
def test_integer_weights_are_repeated_rows(alpha, c):
    X, y = data()
    counts = np.random.default_rng(2).integers(0, 4, N)
    weighted = model_of(alpha, c, l2=0.1).fit(X, y, counts)
    repeated = model_of(alpha, c, l2=0.1)
    repeated.fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    assert_allclose(params(weighted), params(repeated), rtol=1e-7)
    assert weighted.scale_ == pytest.approx(repeated.scale_, rel=1e-7)
    assert_allclose(np.repeat(weighted.weights_, counts), repeated.weights_, atol=1e-7)


def test_penalty_of_a_likelihood_counts_rows_by_their_weight():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 2))
    y = np.where(np.arange(N) < 15, 2.0, 20.0) + rng.normal(size=N)
    counts = np.where(np.arange(N) < 15, 6, 1)
    c = TargetConditioned(10, 0.5, 4.0)
    weighted = model_of("adaptive", c, l2=0.3).fit(X, y, counts)
    repeated = model_of("adaptive", c, l2=0.3)
    repeated.fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    assert_allclose(params(weighted), params(repeated), rtol=1e-7)


@every_combination
@pytest.mark.parametrize("unit", [1e-9, 1e6])
def test_units_of_the_target_do_not_matter(alpha, c, unit):
    X, y = data()
    options = {"l2": 0.05}
    here = model_of(alpha, c, **options).fit(X, y)
    there = model_of(alpha, c, **options)
    if c == "1.5":
        there.set_params(c=1.5 * unit)
    elif c == "of y":
        there.set_params(c=TargetConditioned(3 * unit, 0.8 * unit, 1.6 * unit))
    if alpha == "of y":
        there.set_params(alpha=TargetConditioned(3 * unit, 0.0, 1.5))
    there.fit(X, y * unit)
    assert_allclose(params(there) / unit, params(here), rtol=1e-6)
    assert_allclose(there.c_ / unit, here.c_, rtol=1e-6)
    assert_allclose(there.alpha_, here.alpha_, rtol=1e-6)
    assert_allclose(there.weights_, here.weights_, atol=1e-6)


@pytest.mark.parametrize(
    ("alpha", "c"),
    [("adaptive", "auto"), ("adaptive", 1.5), ("cauchy", "adaptive"), (1.0, "auto")],
)
def test_penalty_is_in_units_of_c_learnt_or_not(alpha, c):
    X, y = data()
    model = model_of(alpha, c, l2=0.2).fit(X, y)
    psi = loss.psi(y - model.predict(X), model.alpha_, model.c_)
    pull = 0.2 * model.coef_ / model.c_**2
    assert np.abs(pull).max() > 0.1
    assert_allclose(X.T @ psi / N, pull, atol=1e-6)
    assert psi.sum() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("alpha", [-2.0, "geman_mcclure", "welsch", -np.inf])
def test_bounded_loss_has_no_likelihood_to_learn_c_from(alpha):
    with pytest.raises(ValueError, match=r"c='adaptive' needs alpha.*Take c='auto'"):
        AdaptiveLossRegressor(alpha, "adaptive").fit(*data())


def test_learnt_c_of_the_largest_alpha_has_no_warning_of_its_own():
    X, y = data()
    model = model_of(20.0, "adaptive").fit(X, y)
    r = y - model.predict(X)
    assert np.mean(r * loss.psi(r, 20.0, model.c_)) == pytest.approx(1, abs=1e-7)


def test_learnt_c_of_an_infinite_alpha():
    X, y = data(80)
    model = model_of(np.inf, "adaptive").fit(X, y)
    r = y - model.predict(X)
    assert np.mean(r * loss.psi(r, np.inf, model.c_)) == pytest.approx(1, abs=1e-7)


# Learning alpha.


def t3(rng, n):
    return rng.standard_t(3, size=n)


def normal(rng, n):
    return rng.normal(size=n)


def cauchy(rng, n):
    return rng.standard_cauchy(n)


def uniform(rng, n):
    return rng.uniform(-1, 1, n)


@pytest.mark.parametrize("errors", [t3, normal, cauchy])
def test_learnt_alpha_is_likelier_than_any_given_one(errors):
    X, y = data(60, 1, errors)
    learnt = model_of().fit(X, y)
    best = learnt.log_likelihood(X, y)
    for alpha in (0.0, 0.4, 0.8, 1.2, 1.6, 2.0):
        given = model_of(alpha, "adaptive").fit(X, y).log_likelihood(X, y)
        assert given <= best + 1e-9 * abs(best)
    nearby = model_of(min(learnt.alpha_, 2.0), "adaptive").fit(X, y)
    assert nearby.log_likelihood(X, y) == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize(
    ("errors", "low", "high"),
    # Of t3 errors the likeliest alpha is some 0.6; of others it is known.
    [(t3, 0.3, 1.1), (normal, 1.7, 2.0), (cauchy, 0.0, 0.15)],
)
def test_learnt_alpha_follows_the_tails(errors, low, high):
    X, y = data(600, 2, errors)
    model = model_of().fit(X, y)
    assert low <= model.alpha_ <= high
    assert_allclose(model.coef_, COEF, atol=0.3)


def test_errors_that_end_have_the_largest_alpha_allowed():
    X, y = data(200, 0, uniform)
    at_two = model_of().fit(X, y)
    assert at_two.alpha_ == 2
    least = np.linalg.lstsq(np.column_stack([X, np.ones(200)]), y, rcond=None)[0]
    assert_allclose(params(at_two), least, rtol=1e-7)
    assert at_two.c_ == pytest.approx(np.std(y - at_two.predict(X)), rel=1e-9)
    beyond = model_of(alpha_bounds=(0, np.inf)).fit(X, y)
    assert beyond.alpha_ > 4
    assert beyond.log_likelihood(X, y) > at_two.log_likelihood(X, y) + 5


@pytest.mark.parametrize("bounds", [(0.9, 1.4), [0.9, 2], np.array([0.0, 0.2])])
def test_alpha_ends_on_the_bound_that_it_runs_into(bounds):
    X, y = data(80)
    free = model_of().fit(X, y).alpha_
    model = model_of(alpha_bounds=bounds).fit(X, y)
    assert 0.2 < free < 0.9
    assert model.alpha_ == bounds[0] if free < bounds[0] else bounds[1]
    r = y - model.predict(X)
    assert np.mean(r * loss.psi(r, model.alpha_, model.c_)) == pytest.approx(1)
    # Beyond the bound the likelihood is higher: its slope there has the right sign.
    near, there = model.alpha_ + np.array([0, 0.01 * np.sign(free - model.alpha_)])
    assert (
        fit_general_dist(r, alpha=there).log_likelihood
        > fit_general_dist(r, alpha=near).log_likelihood
    )


@pytest.mark.parametrize(
    "bounds", [(1, 0), (-1, 2), (np.nan, 1), (1.0,), (0, 1, 2), (1, 1), ("a", "b")]
)
def test_bounds_that_are_none_are_an_error(bounds):
    with pytest.raises(ValueError, match="alpha_bounds must be two numbers with 0 <="):
        model_of(alpha_bounds=bounds).fit(*data())


@pytest.mark.parametrize("bounds", [1.0, None, "02"])
def test_bounds_must_be_an_array(bounds):
    with pytest.raises(ValueError, match=r"'alpha_bounds' parameter.*an array-like"):
        model_of(alpha_bounds=bounds).fit(*data())


# The two losses beside the family.


def psi_of(name, r, c):
    """Return the derivative of a loss beside the family, times c squared."""
    u = r / c
    if name == "huber":
        return c * np.clip(u, -1, 1)
    return r * np.clip(1 - u**2, 0, None) ** 2


def rho_of(name, r, c):
    """Return a loss beside the family, times c squared."""
    u = np.abs(r / c)
    if name == "huber":
        return c**2 * np.where(u <= 1, u**2 / 2, u - 0.5)
    return c**2 / 6 * (1 - np.clip(1 - u**2, 0, None) ** 3)


@pytest.mark.parametrize("name", ["huber", "bisquare"])
@pytest.mark.parametrize("c", [2.0, "auto"])
def test_losses_beside_the_family_are_minimised(name, c):
    X, y = data(60)
    y[:8] += 15
    model = model_of(1.0, c, loss=name).fit(X, y)
    design = np.column_stack([X, np.ones(60)])

    def objective(b):
        r = y - design @ b
        return rho_of(name, r, model.c_).mean(), -design.T @ psi_of(
            name, r, model.c_
        ) / 60

    # The convex one from anywhere, the other from nearby: it has several minima.
    start = np.zeros(3) if name == "huber" else params(model) + 0.05
    best = minimize(objective, start, jac=True, method="BFGS", options={"gtol": 1e-9})
    assert_allclose(params(model), best.x, atol=1e-6)
    r = y - model.predict(X)
    with np.errstate(invalid="ignore"):
        assert_allclose(model.weights_, psi_of(name, r, model.c_) / r, atol=1e-12)
    assert_array_equal(model.alpha_, np.nan)
    if c == "auto":
        # c for an efficiency of 0.95, as in every table of them
        constant = {"huber": 1.345, "bisquare": 4.685}[name]
        assert model.c_ / model.scale_ == pytest.approx(constant, abs=5e-4)


@pytest.mark.parametrize("name", ["huber", "bisquare"])
def test_alpha_is_unused_beside_the_family(name):
    X, y = data()
    fits = [
        params(model_of(alpha, loss=name).fit(X, y))
        for alpha in ("adaptive", -2.0, "of y")
    ]
    assert_array_equal(fits[0], fits[1])
    assert_array_equal(fits[0], fits[2])
    with pytest.raises(
        ValueError, match=f"c='adaptive' needs.*loss='{name}'.*c='auto'"
    ):
        model_of(1.0, "adaptive", loss=name).fit(X, y)


# Where a fit starts.


@pytest.mark.parametrize("start", ["robust", "annealed", "least_squares"])
@pytest.mark.parametrize("alpha", [1.0, 0.5])
def test_start_makes_no_difference_where_there_is_one_minimum(alpha, start):
    X, y = data()
    expected = model_of(alpha, 3.0).fit(X, y)
    model = model_of(alpha, 3.0, start=start).fit(X, y)
    assert_allclose(params(model), params(expected), rtol=1e-6)


def cluster():
    """Return a line through 60 rows, and 25 bad leverage points beside it."""
    rng = np.random.default_rng(0)
    x = np.append(rng.normal(size=60), rng.normal(8, 0.1, size=25))
    y = 2 * x + rng.normal(scale=0.3, size=85)
    y[60:] = rng.normal(-5, 0.3, size=25)
    return x[:, None], y


@pytest.mark.parametrize("options", [{"alpha": -2.0}, {"loss": "bisquare"}])
def test_robust_start_alone_withstands_leverage(options):
    X, y = cluster()
    robust, annealed, least = (
        AdaptiveLossRegressor(**options, start=start, random_state=0).fit(X, y)
        for start in ("auto", "annealed", "least_squares")
    )
    assert robust.coef_[0] == pytest.approx(2, abs=0.2)
    assert robust.weights_[60:].max() < 1e-2
    assert abs(annealed.coef_[0] - 2) > 1
    assert abs(least.coef_[0] - 2) > 1


def test_second_line_nearly_as_good_is_told():
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=61), rng.normal(scale=0.1, size=61)
    y = np.where(np.arange(61) < 31, 2.0, -2.0) * x + noise
    model = model_of(-2.0).fit(x[:, None], y)
    other = model.alternative_
    assert abs(model.coef_[0]) == pytest.approx(2, abs=0.4)
    assert other.coef[0] == pytest.approx(-model.coef_[0], abs=0.8)
    assert model.scale_ <= other.scale < 1.1 * model.scale_
    assert model_of(-2.0).fit(x[:31, None], y[:31]).alternative_ is None


def test_convex_loss_takes_c_from_a_robust_start_if_asked():
    X, y = cluster()
    convex, robust = (
        model_of(1.0, start=start).fit(X, y) for start in ("auto", "robust")
    )
    assert convex.scale_ > 1.5 * robust.scale_
    assert robust.scale_ == pytest.approx(
        AdaptiveLossRegressor(-np.inf, random_state=0).fit(X, y).scale_, rel=1e-6
    )


@pytest.mark.parametrize("n", [2, 3, 6])
def test_robust_start_needs_rows(n):
    X, y = data()
    with pytest.raises(
        ValueError,
        match=f"start='robust' needs more than 2 rows.*Got {n} rows for {min(n, 3)} c.*"
        "Leave out features, or take start='annealed'",
    ):
        model_of(-2.0, start="robust").fit(X[:n], y[:n])


def test_too_few_rows_are_said_where_fit_is_called():
    X, y = data()
    with pytest.warns(
        UserWarning, match="Got 6 rows for 3.*withstands.*start="
    ) as seen:
        model_of(-2.0).fit(X[:6], y[:6])
    assert seen[0].filename == __file__
    with pytest.warns(UserWarning, match="at least 5 rows.*alpha=1 and c='au"):
        model = model_of().fit(X[:6], y[:6])
    assert model.alpha_ == 1
    alike = model_of(1.0).fit(X[:6], y[:6])
    assert_allclose(params(model), params(alike), rtol=1e-7)
    assert model.weigh(X[:6], y[:6]) == pytest.approx(model.weights_)
    with pytest.warns(UserWarning, match="Got 6 rows for 3 coeff.*has c='auto'"):
        model_of(0.5, "adaptive", start="annealed").fit(X[:6], y[:6])


def test_repeated_rows_are_no_evidence():
    X, y = data()
    X, y = np.repeat(X[:6], 5, axis=0), np.repeat(y[:6], 5)
    with pytest.warns(UserWarning, match="Got 6 rows for 3 coefficients"):
        model_of().fit(X, y)


# Again: warm starts and seeds.


@pytest.mark.parametrize(
    "options",
    [{}, {"alpha": -2.0}, {"alpha": 1.0}, {"loss": "bisquare"}, {"c": 1.0}],
)
def test_warm_start_ends_where_a_cold_one_does(options):
    X, y = data(80)
    cold = AdaptiveLossRegressor(**options, random_state=0).fit(X, y)
    warm = clone(cold).set_params(warm_start=True).fit(X, y)
    assert_array_equal(params(warm), params(cold))  # nothing to begin with yet
    warm.fit(X, y)
    assert_allclose(params(warm), params(cold), rtol=1e-6)
    assert warm.scale_ == pytest.approx(cold.scale_, rel=1e-4)


@pytest.mark.parametrize("options", [{"alpha": 1.0}, {"alpha": 0.5}])
def test_warm_start_needs_fewer_iterations(options):
    X, y = data(80)
    model = AdaptiveLossRegressor(
        **options, c=2.0, start="least_squares", warm_start=True
    )
    cold = model.fit(X, y).n_iter_
    assert model.fit(X, y).n_iter_ == 1 < cold


def test_warm_start_begins_at_the_fit_before():
    X, y = cluster()
    warm = AdaptiveLossRegressor(-2.0, c=1.0, warm_start=True, random_state=0)
    warm.fit(X[60:], y[60:])  # the wrong rows
    wrong = warm.coef_[0]
    warm.set_params(start="least_squares").fit(X, y)
    cold = AdaptiveLossRegressor(-2.0, c=1.0, random_state=0).fit(X, y)
    assert cold.coef_[0] == pytest.approx(2, abs=0.2)
    assert abs(warm.coef_[0] - wrong) < abs(warm.coef_[0] - 2)


def test_warm_start_needs_the_same_shape():
    X, y = data()
    model = AdaptiveLossRegressor(1.0, warm_start=True).fit(X, y)
    before = params(model)
    with pytest.raises(ValueError, match=r"warm_start=True needs.*\(1, 2\).*\(1, 1\)"):
        model.fit(X[:, :1], y)
    with pytest.raises(ValueError, match=r"warm_start=True needs.*Got \(2, 2\)"):
        model.fit(X, np.column_stack([y, y]))
    assert_array_equal(params(model), before)
    assert model.n_features_in_ == 2


@pytest.mark.parametrize("options", [{}, {"alpha": -2.0}, {"loss": "bisquare"}])
def test_seed_makes_fits_the_same_to_the_last_bit(options):
    X, y = data(60)
    one, two = (
        AdaptiveLossRegressor(**options, random_state=3).fit(X, y) for _ in range(2)
    )
    assert_array_equal(params(one), params(two))
    assert_array_equal(one.weights_, two.weights_)
    streams = [np.random.RandomState(3) for _ in range(2)]
    one, two = (AdaptiveLossRegressor(**options, random_state=s) for s in streams)
    assert_array_equal(params(one.fit(X, y)), params(two.fit(X, y)))
    states = [s.randint(10**9) for s in (*streams, np.random.RandomState(3))]
    assert states[0] == states[1] != states[2]  # a fit draws from its stream


# The efficiency that the data bear.


def test_clean_data_bear_the_full_efficiency():
    X, y = data(80, 0, normal)
    model = model_of(-2.0, efficiency="auto").fit(X, y)
    full = model_of(-2.0, efficiency=0.95).fit(X, y)
    assert model.efficiency_ == 0.95
    assert_allclose(params(model), params(full), rtol=1e-7)
    assert model.c_ == pytest.approx(full.c_, rel=1e-9)


def test_efficiency_stops_where_the_fit_would_jump():
    # As in the star cluster: a main sequence, and four giants.
    rng = np.random.default_rng(4)
    x = np.append(rng.normal(0, 0.13, 43), rng.normal(-1, 0.03, 4))
    y = 2 * x + rng.normal(scale=0.4, size=47)
    y[43:] = rng.normal(0.7, 0.2, 4)
    X = x[:, None]
    with pytest.warns(UserWarning, match="efficiency='auto' stopped at 0.*would jump"):
        model = model_of(-2.0, efficiency="auto").fit(X, y)
    assert 0.6 <= model.efficiency_ < 0.95
    insisted = model_of(-2.0, efficiency=model.efficiency_).fit(X, y)
    assert insisted.c_ == pytest.approx(model.c_)
    assert model.coef_[0] > 1.5
    assert model_of(-2.0).fit(X, y).coef_[0] < 0


@pytest.mark.parametrize("efficiency", [0.0, 1.0, -1, "high", None])
def test_efficiency_outside_its_domain_is_named(efficiency):
    with pytest.raises(ValueError, match="'efficiency' parameter"):
        model_of(efficiency=efficiency).fit(*data())


# A loss that depends on the target.


def test_search_over_the_threshold_of_a_conditioned_alpha():
    X, y = data(60)
    alpha = TargetConditioned(3, 1.0, 2.0)
    search = GridSearchCV(
        AdaptiveLossRegressor(alpha, 0.5),
        {"alpha__threshold": [1, 4.0], "alpha__below": [1.0, 1.5]},
        cv=2,
    ).fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    chosen = search.best_params_["alpha__threshold"]
    assert search.best_estimator_.alpha.threshold == chosen
    assert len(set(search.cv_results_["mean_test_score"])) > 1
    assert alpha.threshold == 3  # the one given is cloned, never changed
    assert search.predict(X).shape == (60,)


def test_conditioned_alpha_is_the_loss_of_each_row():
    X, y = data(60)
    model = model_of(TargetConditioned(3, 1.0, 2.0), 0.5).fit(X, y)
    r, far = y - model.predict(X), np.abs(y) >= 3
    rho = np.where(far, r**2 / 2, 0.25 * (np.sqrt((r / 0.5) ** 2 + 1) - 1))
    slope = np.where(far, r, r / np.sqrt((r / 0.5) ** 2 + 1))
    assert 0 < far.sum() < 60
    assert_allclose(0.25 * loss.rho(r, model.alpha_, 0.5), rho, rtol=1e-9)
    assert_allclose(X.T @ slope / 60, 0, atol=1e-8)
    assert_array_equal(model.weights_[far], 1)


def test_conditioned_alpha_takes_c_from_its_smallest():
    X, y = data(60)
    model = model_of(NEAR).fit(X, y)
    assert model.c_ == pytest.approx(model_of(0.0).fit(X, y).c_, rel=1e-9)


def test_rows_of_weight_zero_have_no_alpha():
    X, y = data(60)
    y = y + 40
    y[:3] = 1.0
    weights = np.repeat([0.0, 1.0], [3, 57])
    alpha = TargetConditioned(20, 0.0, 1.0)
    model = model_of(alpha).fit(X, y, weights)
    rest = model_of(alpha).fit(X[3:], y[3:])
    assert model.c_ == pytest.approx(rest.c_, rel=1e-9)
    assert_allclose(params(model), params(rest), rtol=1e-9)


@pytest.mark.parametrize("name", ["alpha", "c"])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda y: np.ones(3), r"each of the 40 targets.*shape \(3,\)"),
        (lambda y: np.ones((len(y), 1)), r"Got shape \(40, 1\)"),
        (lambda y: np.full(len(y), np.nan), "numbers that.*Got nan for y="),
        (lambda y: np.nan, r"numbers that.*Got nan\."),
    ],
)
def test_callable_that_returns_no_value_for_each_target(name, given, message):
    with pytest.raises(ValueError, match=f"{name} as a callable must.*{message}"):
        AdaptiveLossRegressor(**{"alpha": 1.0, "c": 1.0, name: given}).fit(*data())


@pytest.mark.parametrize("value", [0.0, -1.0, np.inf, 1e-320])
def test_callable_c_must_be_positive_and_finite(value):
    with pytest.raises(ValueError, match=r"c as a callable.*positive and finite.*Got "):
        model_of(1.0, lambda y: np.where(y > 1, value, 1.0)).fit(*data())


def test_callable_alpha_below_zero_has_no_likelihood():
    X, y = data()
    alpha = TargetConditioned(3, -1.0, 1.0)
    with pytest.raises(ValueError, match=r"at least 0, for below it.*Got -1 for y="):
        model_of(alpha, "adaptive").fit(X, y)
    assert model_of(alpha, 1.0).fit(X, y).converged_


def test_callable_may_give_one_number_and_keeps_the_target():
    X, y = data()
    expected = model_of(0.5, 1.2).fit(X, y)
    model = model_of(lambda y: y.sort() or 0.5, lambda y: [1.2] * len(y)).fit(X, y)
    assert_allclose(params(model), params(expected), rtol=1e-9)
    assert_array_equal(model.alpha_, np.full(N, 0.5))


# The state of an estimator.


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("name", ["alpha", "c"])
def test_fit_that_ends_early_leaves_the_old_fit(error, name):
    X, y = data()

    def stop(y):
        raise error("stop")

    model = AdaptiveLossRegressor(1.0, 1.0)
    with pytest.raises(error, match="stop"):
        clone(model).set_params(**{name: stop}).fit(X, y)
    model.fit(X, y)
    model.set_params(**{name: stop})
    before = vars(model).copy()
    with pytest.raises(error, match="stop"):
        model.fit(X[:, :1], y)
    assert vars(model) == before
    assert model.predict(X).shape == (N,)


def test_interrupted_first_fit_is_none():
    def stop(y):
        raise KeyboardInterrupt("stop")

    model = AdaptiveLossRegressor(stop)
    with pytest.raises(KeyboardInterrupt, match="stop"):
        model.fit(*data())
    with pytest.raises(NotFittedError, match="not fitted yet"):
        model.predict(data()[0])
    assert set(vars(model)) == set(model.get_params())


@pytest.mark.parametrize("alpha", ["adaptive", "of y"])
def test_fits_are_pickled_and_cloned(alpha):
    X, y = data()
    model = model_of(alpha, "of y").fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(X), model.predict(X))
    assert_array_equal(again.weigh(X, y), model.weigh(X, y))
    pd.testing.assert_frame_equal(again.summary(), model.summary())
    new = clone(model)
    assert not hasattr(new, "coef_")
    assert new.get_params().keys() == model.get_params().keys()
    assert_array_equal(new.fit(X, y).coef_, model.coef_)


# Any input.


@pytest.mark.parametrize(
    "convert",
    [
        sparse.csr_array,
        sparse.csc_matrix,
        np.asfortranarray,
        pd.DataFrame,
        lambda X: pl.DataFrame(X, schema=["a", "b"]),
        lambda X: X.astype(object),
        lambda X: X.tolist(),
    ],
)
def test_containers_are_learnt_from_alike(convert):
    X, y = data()
    expected = model_of().fit(X, y)
    model = model_of().fit(convert(X), y.astype(object))
    assert_allclose(params(model), params(expected), rtol=1e-6)
    assert model.alpha_ == pytest.approx(expected.alpha_, rel=1e-6)
    assert_allclose(model.weigh(convert(X), y), expected.weights_, rtol=1e-6)


def test_memory_map_is_read_only_and_alike(tmp_path):
    X, y = data()
    np.save(tmp_path / "X.npy", X.astype(np.float32))
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = model_of().fit(mapped, y)
    assert_allclose(params(model), params(model_of().fit(np.array(mapped), y)))


def test_columns_in_any_place_and_unit():
    X, y = data()
    expected = model_of().fit(X, y)
    size, place = np.array([1e-8, 1e9]), np.array([1e6, 1.7e12])
    scaled = model_of().fit(X * size, y)
    assert_allclose(scaled.coef_ * size, expected.coef_, rtol=1e-6)
    far = model_of().fit(X * [1, 1e4] + place, y)
    assert_allclose(far.coef_ * [1, 1e4], expected.coef_, rtol=1e-4)
    assert far.alpha_ == pytest.approx(expected.alpha_, abs=1e-3)
    assert_allclose(far.weights_, expected.weights_, atol=1e-3)


@pytest.mark.parametrize("unit", [1e-300, 1e-12, 1e12, 1e150])
def test_targets_in_any_unit(unit):
    X, y = data()
    here, there = (model_of().fit(X, y * u) for u in (1.0, unit))
    assert_allclose(params(there) / unit, params(here), rtol=1e-6)
    assert there.c_ / unit == pytest.approx(here.c_, rel=1e-6)
    assert there.alpha_ == pytest.approx(here.alpha_, rel=1e-6)


def test_targets_far_from_zero():
    X, y = data()
    here, there = model_of().fit(X, y), model_of().fit(X, y + 1e6)
    assert_allclose(there.coef_, here.coef_, rtol=1e-6)
    assert there.intercept_ - 1e6 == pytest.approx(here.intercept_, rel=1e-6)


def test_constant_and_repeated_columns_get_an_answer():
    X, y = data()
    expected = model_of().fit(X, y)
    wide = np.column_stack([X, X[:, 0], np.full(N, 3.0), np.zeros(N)])
    model = model_of().fit(wide, y)
    assert_allclose(model.predict(wide), expected.predict(X), rtol=1e-6)
    assert_array_equal(model.coef_[3:], 0)


def test_fewer_rows_than_columns_with_a_penalty():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(15, 30)), rng.normal(size=15)
    with pytest.warns(UserWarning, match="Got 15 rows for .*alpha=1 and"):
        model = model_of(l2=0.1).fit(X, y)
    psi = model.c_ * loss.psi(y - model.predict(X), 1, model.c_) / 15
    assert_allclose(X.T @ psi, 0.1 * model.coef_ / model.c_, atol=1e-7)


def test_one_distinct_target_is_fitted_exactly():
    X, _ = data()
    model = model_of().fit(X, np.full(N, 7.0))
    assert_array_equal(model.coef_, 0)
    assert (model.intercept_, model.scale_, model.c_) == (7, 0, 0)


@pytest.mark.parametrize("ones", [5, 20, 35])
def test_two_distinct_targets_have_a_fit(ones):
    X, _ = data()
    y = (np.arange(N) < ones) * 1.0
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "More than half of the rows")
        model = model_of().fit(X, y)
    assert np.isfinite(params(model)).all()
    assert model.predict(X).min() > -1
    if ones in (5, 35):  # most are alike: fitted exactly
        assert model.scale_ == 0
        assert_array_equal(model.weights_, y == np.median(y))


def test_all_weight_on_one_row():
    X, y = data()
    weights = np.zeros(N)
    weights[3] = 1
    with pytest.warns(UserWarning, match="Got 1 rows for 1 coefficients"):
        model = model_of().fit(X, y, weights)
    assert model.predict(X[[3]])[0] == pytest.approx(y[3])


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.full((5, 1), np.nan), np.ones(5), "Input X contains NaN"),
        (np.ones((5, 1)), np.full(5, np.nan), "Input y contains NaN"),
        (np.empty((0, 2)), np.empty(0), "0 sample"),
        (np.ones(5), np.ones(5), "Expected 2D array, got 1D"),
        (np.ones((5, 1)), np.ones(4), "inconsistent numbers of samples"),
        (np.empty((5, 0)), np.ones(5), "0 feature"),
        ([["a"]] * 5, np.ones(5), "convert string to float"),
        (np.ones((5, 1)), np.ones((5, 1, 1)), "dim 3"),
    ],
)
def test_data_that_are_none_are_an_error(X, y, message):
    with pytest.raises(ValueError, match=message):
        model_of().fit(X, y)


def test_too_few_iterations_are_said_and_kept():
    X, y = data()
    with pytest.warns(ConvergenceWarning, match="stopped after 1 iterations.*max_iter"):
        model = model_of(max_iter=1, tol=1e-12).fit(X, y)
    assert model.converged_ is False
    assert model.n_iter_ == 1
