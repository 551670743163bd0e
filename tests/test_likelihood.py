"""Tests of maximum likelihood of alpha, c and loc, and of the score test."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.optimize import brentq, minimize
from scipy.special import digamma, polygamma
from sklearn.exceptions import ConvergenceWarning

from skrobust import loss
from skrobust._profile import Axis, Profile, Root, prepare
from skrobust.likelihood import (
    NORMAL_LOG_VARIANCE,
    fit_general_dist,
    normality_score,
)
from skrobust.partition import fisher_information, log_partition

ALPHAS = [0.25, 0.5, 1.0, 1.5, 2.0, 3.0]
ESTIMATES = ["alpha", "c", "loc"]
ERRORS = ["alpha_se", "c_se", "loc_se"]


def draw(alpha, n, seed):
    """Draw from the density with c = 1, by rejection from that of alpha = 0."""
    rng = np.random.default_rng(seed)
    kept = []
    while sum(map(len, kept)) < n:
        u = np.sqrt(2) * rng.standard_cauchy(2 * n)
        share = np.exp(loss.rho(u, 0.0) - loss.rho(u, alpha))
        kept.append(u[rng.random(2 * n) < share])
    return np.concatenate(kept)[:n]


def log_likelihood(r, alpha, c, loc=0.0, weights=1.0):
    logs = -loss.rho(r - loc, alpha, c) - np.log(c) - log_partition(alpha)
    return float(np.sum(weights * logs))


def errors_of_equations(r, fit, weights=None):
    """Return the errors of the equations of loc, c and alpha, relative."""
    u = (np.asarray(r) - fit.loc) / fit.c
    pull = u * loss.weight(u, fit.alpha)
    slope = np.average(loss.rho_alpha(u, fit.alpha), weights=weights)
    return (
        np.average(pull, weights=weights) / np.average(np.abs(pull), weights=weights),
        np.average(u * pull, weights=weights) - 1,
        slope / -log_partition(fit.alpha, derivative=1) - 1,
    )


def numbers(fit, names=(*ESTIMATES, *ERRORS, "log_likelihood")):
    return np.array([getattr(fit, name) for name in names])


SAMPLES = {
    **{f"alpha {a}": draw(a, 800, seed=int(8 * a)) for a in (0.5, 1.0, 1.9, 2.1, 4.0)},
    "student": stats.t(3).rvs(800, random_state=0),
    "skewed": np.random.default_rng(0).gamma(3.0, size=800),
    "contaminated": np.r_[draw(2.0, 700, 0), 20 + draw(2.0, 100, 1)],
    "few": np.array([-1.0, 0.1, 0.3, 2.0, 40.0]),
    "rounded": draw(1.0, 800, seed=5).round(),
    "half zeros": np.r_[np.zeros(390), draw(1.0, 410, seed=6)],
}


@pytest.mark.parametrize("loc", [0.0, "adaptive"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sample", SAMPLES)
def test_equations_hold_at_the_maximum(sample, weighted, loc):
    r = SAMPLES[sample]
    weights = np.random.default_rng(1).uniform(0.5, 2, len(r)) if weighted else None
    fit = fit_general_dist(r, loc=loc, sample_weight=weights)
    assert fit.converged
    of_loc, of_c, of_alpha = errors_of_equations(r, fit, weights)
    assert abs(of_c) < 1e-10
    if loc == "adaptive":
        assert abs(of_loc) < 1e-10
    if not fit.active:
        assert abs(of_alpha) < 1e-10
    expected = log_likelihood(
        r, fit.alpha, fit.c, fit.loc, 1 if weights is None else weights
    )
    assert fit.log_likelihood == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("sample", SAMPLES)
def test_no_alpha_has_a_greater_likelihood(sample):
    r = SAMPLES[sample]
    fit = fit_general_dist(r)
    alphas = [*np.arange(0, 3, 0.1), 3.5, 5.0, 9.0, 30.0, math.inf]
    others = [fit_general_dist(r, alpha=alpha).log_likelihood for alpha in alphas]
    assert max(others) <= fit.log_likelihood + 1e-9 * abs(fit.log_likelihood)


def test_lower_of_two_minima_is_found():
    alphas = [0.0, 0.5, 1.0, 1.4, 1.7, 1.9, 2.0, 2.1, 2.3, 2.6, 3.5, 5.0, 9.0, math.inf]
    double = 0
    for seed in range(30):
        r = np.random.default_rng(seed).normal(size=50).round()
        fits = [fit_general_dist(r, alpha=alpha) for alpha in alphas]
        profile = -np.array([fit.log_likelihood for fit in fits])
        around = np.r_[math.inf, profile, math.inf]
        double += np.sum((profile < around[:-2]) & (profile <= around[2:])) > 1
        assert -fit_general_dist(r).log_likelihood <= profile.min() + 1e-9
    assert double >= 2


@pytest.mark.parametrize("sample", ["alpha 0.5", "student", "alpha 4.0"])
def test_a_general_minimiser_finds_no_more(sample):
    r = SAMPLES[sample] + 0.3
    fit = fit_general_dist(r, loc="adaptive")

    def minus(x):
        if x[0] < 0:
            return math.inf
        return -log_likelihood(r, x[0], math.exp(x[1]), x[2])

    found = minimize(
        minus,
        [1.5, 0.0, 0.0],
        method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-10, "maxfev": 4000},
    )
    assert found.success
    assert fit.log_likelihood == pytest.approx(-found.fun, rel=1e-11)
    assert_allclose(
        [fit.alpha, fit.c, fit.loc],
        [found.x[0], *np.exp(found.x[1:2]), found.x[2]],
        atol=2e-5,
    )


@pytest.mark.parametrize("alpha", ALPHAS)
def test_estimates_and_errors_from_many_residuals(alpha):
    for i, c in enumerate([1e-3, 1.0, 70.0]):
        r = c * draw(alpha, 200_000, seed=int(100 * alpha) + i)
        fit = fit_general_dist(r)
        assert not fit.active
        assert abs(fit.alpha - alpha) < 4 * fit.alpha_se
        assert abs(fit.c - c) < 4 * fit.c_se
        # Near alpha = 2 the information in a sample has no finite variance.
        if i == 0 and alpha != 2:
            assert_allclose(
                numbers(fit, ERRORS[:2]), observed_errors(r, fit), rtol=0.03
            )


def observed_errors(r, fit):
    """Return standard errors of alpha and c from second differences."""
    steps = 0.1 * np.diag(numbers(fit, ERRORS[:2]))
    hessian = np.empty((2, 2))
    for i, j in np.ndindex(2, 2):
        corners = [
            log_likelihood(
                r, *(np.array([fit.alpha, fit.c]) + p * steps[i] + q * steps[j])
            )
            for p, q in [(1, 1), (1, -1), (-1, 1), (-1, -1)]
        ]
        hessian[i, j] = np.dot([1, -1, -1, 1], corners) / 4 / steps[i, i] / steps[j, j]
    return np.sqrt(np.diag(np.linalg.inv(-hessian)))


def test_errors_are_those_of_the_information_about_what_is_free():
    r = SAMPLES["alpha 1.0"]
    n = len(r)
    everything = fit_general_dist(r, loc="adaptive")
    information = n * fisher_information(everything.alpha, everything.c)
    assert_allclose(everything.covariance @ information, np.eye(3), atol=1e-12)
    assert_allclose(
        np.sqrt(np.diag(everything.covariance)),
        numbers(everything, ["loc_se", "alpha_se", "c_se"]),
    )
    for names, fit in {
        ("c",): fit_general_dist(r, alpha=1.0),
        ("alpha",): fit_general_dist(r, c=1.0),
        ("loc",): fit_general_dist(r, alpha=1.0, c=1.0, loc="adaptive"),
        ("c", "loc"): fit_general_dist(r, loc="adaptive", alpha_bounds=(0, 0.5)),
        ("c", "alpha"): fit_general_dist(r),
        (): fit_general_dist(r, alpha=1.0, c=1.0),
    }.items():
        free = [i for i, name in enumerate(["loc", "alpha", "c"]) if name in names]
        information = n * fisher_information(fit.alpha, fit.c)[np.ix_(free, free)]
        expected = np.full((3, 3), np.nan)
        expected[np.ix_(free, free)] = np.linalg.inv(information)
        assert_allclose(fit.covariance, expected)


def test_special_cases_have_the_answers_of_their_own():
    r = SAMPLES["student"] + 1
    normal = fit_general_dist(r, alpha="l2", loc="adaptive")
    assert_allclose([normal.loc, normal.c], [r.mean(), r.std()], rtol=1e-12)
    logs = stats.norm.logpdf(r, r.mean(), r.std())
    assert normal.log_likelihood == pytest.approx(logs.sum(), rel=1e-12)
    assert normal.c_se == pytest.approx(r.std() / np.sqrt(2 * len(r)), rel=1e-12)

    cauchy = fit_general_dist(r, alpha="cauchy", loc="adaptive")
    loc, scale = stats.cauchy.fit(r)
    assert_allclose([cauchy.loc, cauchy.c * np.sqrt(2)], [loc, scale], rtol=1e-3)
    logs = stats.cauchy.logpdf(r, cauchy.loc, cauchy.c * np.sqrt(2))
    assert cauchy.log_likelihood == pytest.approx(logs.sum(), rel=1e-12)


def test_profile_is_smooth_at_2_although_the_likelihood_is_not():
    r = SAMPLES["student"] / SAMPLES["student"].std()

    def slopes(step, **given):
        """Return the slopes of -log(likelihood) below and above alpha = 2."""
        lower, at_2, upper = (
            -fit_general_dist(r, alpha=alpha, **given).log_likelihood
            for alpha in (2 - step, 2.0, 2 + step)
        )
        return (at_2 - lower) / step, (upper - at_2) / step

    x = r / np.sqrt(np.mean(r**2))
    # digamma(3 / 2) + log(2) = 0.729637...
    expected = len(r) / 4 * (np.mean(x**2 * np.log(x**2)) - 0.729637154538522)
    assert_allclose(slopes(1e-6), expected, rtol=2e-4)
    assert min(slopes(1e-6, c=0.8)) > 1.5 * max(slopes(1e-3, c=0.8))


@pytest.mark.parametrize("c", [None, 0.9, 1.1])
def test_slope_of_the_profile_is_its_derivative(c):
    r = SAMPLES["student"] / np.sqrt(np.mean(np.square(SAMPLES["student"])))
    problem = prepare(r, None, c, 0.0)
    profile = Profile(problem, problem.rows, 1e-12, 10_000)
    axis = Axis(0.0, math.inf)

    def value(t):
        return profile.at(axis.alpha(t), problem.start).value

    h = 1e-6
    for t in (h, 0.5, 1.9, 2.1, 3 - h, 3 + h, 3.5, 3.99, 4 - h):
        slope = profile.at(axis.alpha(t), problem.start).slope
        difference = (value(t + h) - value(t - h)) / (2 * h)
        assert slope == pytest.approx(difference, rel=1e-5, abs=1e-8)
    # At the ends of the pieces, the slope is that of their neighbours.
    for t, near in [(2.0, 2 + 2**-51), (2.0, 2 - 2**-52), (4.0, 4 - 1e-12)]:
        slopes = [profile.at(axis.alpha(x), problem.start).slope for x in (t, near)]
        assert slopes[0] == pytest.approx(slopes[1], rel=0.05 if c and t == 2 else 1e-6)


@pytest.mark.parametrize(
    "function",
    [
        lambda t: t - 0.3,
        lambda t: (t - 0.3) ** 9,
        lambda t: math.atan(1e6 * (t - 0.3)),
        lambda t: math.copysign(1.0, t - 0.3),
        lambda t: math.expm1(80 * (t - 0.3)),
        lambda t: math.inf if t > 0.9 else t - 0.3,
        lambda t: (t - 0.3) * (1.01 + math.sin(40 * t)),
    ],
)
@pytest.mark.parametrize("start", [0.0, 0.29, 1.0])
def test_root_is_found_in_few_steps(function, start):
    root, t, steps = Root(0.0, 1.0, rate=1.0), start, 0
    while t is not None and abs(function(t)) > 1e-12:
        last, steps = t, steps + 1
        t = root.next(t, function(t))
    assert steps < (12 if function(0.4) < 1e-8 else 60)  # halving alone needs 50
    found = last if t is None else t
    assert found == pytest.approx(
        0.3, abs=0.05 if function(0.3 + 1e-9) < 1e-12 else 1e-9
    )


def test_root_beyond_an_end_is_that_end():
    for shift, end in [(2.0, 0.0), (-2.0, 1.0)]:
        root, t, seen = Root(0.0, 1.0, rate=1.0), 0.5, []
        while t is not None and t not in (0.0, 1.0):
            seen.append(t)
            t = root.next(t, t + shift)
        assert t == end
        assert len(seen) == 1


R = SAMPLES["alpha 1.0"]
LIGHT = np.linspace(-1, 1, 101)


@pytest.mark.parametrize(
    ("r", "given", "alpha", "active"),
    [
        (R, {"alpha_bounds": (0, 0.5)}, 0.5, ("alpha_upper",)),
        (R, {"alpha_bounds": (1.5, 3)}, 1.5, ("alpha_lower",)),
        (R, {"alpha_bounds": (2, math.inf)}, 2.0, ("alpha_lower",)),
        (R, {"alpha_bounds": (5, 7)}, 5.0, ("alpha_lower",)),
        (LIGHT, {"alpha_bounds": (0, 2)}, 2.0, ("alpha_upper",)),
        (LIGHT, {"alpha_bounds": (1, 7)}, 7.0, ("alpha_upper",)),
        (LIGHT, {}, math.inf, ("alpha_upper",)),
        (R, {"c_min": 30.0}, math.inf, ("alpha_upper", "c_min")),
        (R, {"c_min": 1.5, "alpha": 1.0}, 1.0, ("c_min",)),
        (R**5, {}, 0.0, ("alpha_lower",)),
        (R**5, {"alpha": 0.0}, 0.0, ()),
        (np.r_[np.zeros(9), 1, 2], {}, 0.0, ("alpha_lower", "c_min")),
        (np.r_[np.zeros(9), 1, 2], {"alpha_bounds": (0.5, 2)}, 0.5, ("alpha_lower",)),
    ],
)
@pytest.mark.parametrize("loc", [0.0, "adaptive"])
def test_active_bounds_are_named(r, given, alpha, active, loc):
    fit = fit_general_dist(r, loc=loc, **given)
    assert fit.converged
    assert (fit.alpha, fit.active) == (alpha, active)
    assert fit.n_iter < 10
    assert np.isnan(fit.alpha_se)
    assert np.isnan(fit.c_se) == ("c_min" in active)
    assert np.isnan(fit.loc_se) == (loc == 0)
    # Beyond a bound the likelihood rises.
    if "alpha_upper" in active and alpha < math.inf:
        beyond = fit_general_dist(r, loc=loc, **{**given, "alpha_bounds": (alpha, 1e3)})
        assert beyond.alpha > alpha
        assert beyond.log_likelihood > fit.log_likelihood
    if "alpha_lower" in active and alpha > 0:
        beyond = fit_general_dist(r, loc=loc, **{**given, "alpha_bounds": (0, alpha)})
        assert beyond.alpha < alpha
        assert beyond.log_likelihood > fit.log_likelihood


def test_half_zeros_leave_no_c_at_alpha_0():
    # The likelihood rises to a limit as c falls, and no equation tells when to stop.
    fit = fit_general_dist([0.0, 0.0, 1.0, 1.0], alpha=0.0)
    assert fit.active == ("c_min",)
    assert (
        fit.log_likelihood < fit_general_dist([0, 0, 0, 1.0], alpha=0.0).log_likelihood
    )


def test_maximum_at_2_is_found_inside_the_bounds():
    def residuals(far):
        r = stats.norm.ppf((np.arange(100) + 0.5) / 100)
        r[-1] = far
        return r

    def excess(far):
        x = residuals(far) / np.sqrt(np.mean(residuals(far) ** 2))
        return np.mean(x**2 * np.log(x**2)) - 0.7296371545385218

    r = residuals(brentq(excess, 2, 5, xtol=1e-15))
    fit = fit_general_dist(r, alpha_bounds=(1.5, 2.5))
    assert fit.converged
    assert fit.alpha == pytest.approx(2, abs=1e-9)
    assert fit.c == pytest.approx(np.sqrt(np.mean(np.square(r))), rel=1e-8)
    at_2 = fit_general_dist(r, alpha=2.0)
    assert_allclose(fit.log_likelihood, at_2.log_likelihood, rtol=1e-13)


def test_least_c_is_relative_to_the_residuals():
    r = 1e-50 * np.r_[np.zeros(9), 3, -4, 5]
    assert fit_general_dist(r).c == pytest.approx(1e-7 * 4e-50)
    assert fit_general_dist(r, c_min=1e-53).c == pytest.approx(1e-53)
    assert fit_general_dist(r, c_min=1e-99).active == ("alpha_lower", "c_min")


def test_upper_bound_of_2_is_active_where_the_score_says_lighter_tails():
    signs = []
    for seed in range(40):
        r = np.random.default_rng(seed).normal(size=4000)
        x = r / np.sqrt(np.mean(r**2))
        lighter = np.mean(x**2 * np.log(x**2)) < 0.729637154538522
        fit = fit_general_dist(r, alpha_bounds=(0, 2))
        assert (fit.active == ("alpha_upper",)) == lighter
        signs.append(lighter)
    assert 10 < sum(signs) < 30


@pytest.mark.parametrize("loc", [0.0, "adaptive"])
@pytest.mark.parametrize("sample", ["alpha 1.9", "contaminated", "few"])
def test_unit_sign_order_and_place_of_the_residuals_do_not_matter(sample, loc):
    r = SAMPLES[sample]
    fit = fit_general_dist(r, loc=loc)
    of_alpha, of_r = numbers(fit, ["alpha", "alpha_se"]), numbers(fit, ["c", "c_se"])
    for k in (1e-300, 1e-150, 3.0, -1.0, 1e150, 1e300):
        scaled = fit_general_dist(k * r, loc=loc)
        assert_allclose(numbers(scaled, ["alpha", "alpha_se"]), of_alpha, rtol=1e-9)
        assert_allclose(numbers(scaled, ["c", "c_se"]) / abs(k), of_r, rtol=1e-9)
        assert scaled.loc == pytest.approx(k * fit.loc, rel=1e-9)
        expected = fit.log_likelihood - len(r) * math.log(abs(k))
        assert scaled.log_likelihood == pytest.approx(expected, rel=1e-11)
    shuffled = fit_general_dist(np.random.default_rng(0).permutation(r), loc=loc)
    assert_allclose(numbers(shuffled), numbers(fit), rtol=1e-9)
    if loc == "adaptive":
        moved = fit_general_dist(r - 1024.0, loc=loc)
        assert_allclose(
            numbers(moved, ESTIMATES[:2]), numbers(fit, ESTIMATES[:2]), rtol=1e-9
        )
        assert moved.loc == pytest.approx(fit.loc - 1024, rel=1e-12)
    else:
        moved = fit_general_dist(r - 1024.0, loc=-1024)
        assert_allclose(
            numbers(moved, ESTIMATES[:2]), numbers(fit, ESTIMATES[:2]), rtol=1e-9
        )


@pytest.mark.parametrize("loc", [0.0, "adaptive"])
@pytest.mark.parametrize("sample", ["alpha 0.5", "skewed", "half zeros", "few"])
def test_weight_counts_residuals(sample, loc):
    r = SAMPLES[sample]
    counts = np.random.default_rng(2).integers(0, 4, len(r))
    counts[:2] = 1, 2
    weighted = fit_general_dist(r, loc=loc, sample_weight=counts)
    repeated = fit_general_dist(np.repeat(r, counts), loc=loc)
    assert_allclose(numbers(weighted), numbers(repeated), rtol=1e-9)
    assert weighted.active == repeated.active

    a_third = fit_general_dist(r, loc=loc, sample_weight=counts / 3)
    assert_allclose(
        numbers(a_third, ESTIMATES), numbers(weighted, ESTIMATES), rtol=1e-9
    )
    assert_allclose(a_third.covariance, 3 * weighted.covariance, rtol=1e-9)
    score = normality_score(r, loc=loc, sample_weight=counts)
    assert_allclose(score, normality_score(np.repeat(r, counts), loc=loc), rtol=1e-9)


def test_one_number_is_a_weight_for_all():
    fit = fit_general_dist(R, sample_weight=2.0)
    assert fit.log_likelihood == pytest.approx(2 * fit_general_dist(R).log_likelihood)


def test_extremes_are_survived():
    spread = fit_general_dist([1e300, -1e-300, 1e-10, 1.0, 2.0])
    assert spread.alpha == 0
    assert fit_general_dist([5e-324, 1e-323, -5e-324]).c < 1e-322
    assert fit_general_dist([3.0]).alpha == math.inf
    assert fit_general_dist(R, alpha=math.inf, c=0.01).log_likelihood == -math.inf
    hardly = fit_general_dist(
        [1e9, *R], alpha=3.0, sample_weight=[5e-324] + [1.0] * len(R)
    )
    assert hardly.c == pytest.approx(fit_general_dist(R, alpha=3.0).c)
    assert fit_general_dist(np.zeros(5), c=1.0).active == ("alpha_upper",)
    near = [1, -1, 2, -2, 3]
    lost = [fit_general_dist([far, *near], alpha=0.0) for far in (1e15, 1e150)]
    assert lost[1].c == pytest.approx(lost[0].c, rel=1e-12)
    for alpha in (1.0, 2.0, 3.0):
        wide = fit_general_dist([1e300, 1e-15, 1e-15, 1e-15], alpha=alpha)
        one = fit_general_dist([1e300, 1.0, 1.0, 1.0], alpha=alpha)
        assert wide.c == pytest.approx(one.c, rel=1e-9)
        assert wide.n_iter < 15
    assert fit_general_dist([1e300, 1, 1, 1], alpha=2.0).c == pytest.approx(5e299)
    assert fit_general_dist(R, alpha=0.0, c=1e-20, loc="adaptive").converged
    for c in (1e-26, 1e-200):
        for alpha in (0.0, "adaptive"):
            assert fit_general_dist(R, alpha=alpha, c=c, loc="adaptive").converged
    with np.errstate(all="raise", under="ignore"):
        assert fit_general_dist(R, c=1e-26).active == ("alpha_lower",)
    skew = [*range(9), 60.0]  # seen from their median, the last has no density
    middle = fit_general_dist(skew, alpha=math.inf, c=1.0, loc="adaptive")
    assert middle.loc == pytest.approx(30, abs=0.1)
    with pytest.warns(ConvergenceWarning, match="No density is left .* raise c"):
        fit_general_dist([*range(9), 99.0], alpha=math.inf, c=1.0, loc="adaptive")
    heavy = fit_general_dist(R, alpha_bounds=(1e17, 1e18))
    assert (heavy.alpha, heavy.active) == (1e17, ("alpha_lower",))
    far = fit_general_dist(R[:99] + 1e12, loc="adaptive")
    assert far.loc == pytest.approx(1e12, rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_c_decides_on_which_side_of_2_alpha_is(seed):
    # At a given c the slope in alpha is infinite at 2, with the sign of mean(u**2) - 1
    # whatever the tails.
    r = draw(2.0, 2000, seed)
    scale = np.sqrt(np.mean(r**2))
    for ratio, alpha, bounds, active in [
        (0.9, 2.0, (2, math.inf), ("alpha_lower",)),
        (1.1, 2.0, (0, 2), ("alpha_upper",)),
    ]:
        fit = fit_general_dist(r, c=ratio * scale, alpha_bounds=bounds)
        assert (fit.alpha, fit.active) == (alpha, active)
    assert 0 < fit_general_dist(r, c=0.9 * scale).alpha < 2
    assert 2 < fit_general_dist(r, c=1.1 * scale).alpha < math.inf


@pytest.mark.parametrize("loc", [0.0, "adaptive"])
@pytest.mark.parametrize("sample", SAMPLES)
def test_few_passes_suffice(sample, loc):
    r = np.r_[SAMPLES[sample], 100.0]
    for alpha in (0.5, 1.0, 2.0, 3.0, 10.0, 100.0, math.inf, "adaptive"):
        assert fit_general_dist(r, alpha=alpha, loc=loc).n_iter < 25


def test_start_is_not_where_the_loss_is_steep():
    r = np.r_[np.random.default_rng(0).normal(size=100), 60.0]
    assert fit_general_dist(r, alpha=100.0, loc="adaptive").n_iter < 15


def test_too_few_passes_are_said():
    with pytest.warns(
        ConvergenceWarning, match="stopped after 3 passes .* Raise max_iter"
    ):
        fit = fit_general_dist(SAMPLES["student"], loc="adaptive", max_iter=3)
    assert not fit.converged
    assert fit.n_iter == 3
    assert repr(fit).endswith("not converged)")


def test_finer_tolerance_than_rounding_is_said():
    def fit_all():  # the errors of some are 0 by chance
        for r in SAMPLES.values():
            fit_general_dist(r, loc="adaptive", tol=1e-18)

    with pytest.warns(ConvergenceWarning, match="Rounding hides"):
        fit_all()


def test_repr_shows_as_many_digits_as_the_errors_leave():
    text = repr(fit_general_dist(R, loc="adaptive"))
    assert text.startswith("GeneralFit(alpha=")
    assert text.count("+-") == 3
    text = repr(fit_general_dist(R, alpha=0.5, c=0.25))
    assert text.startswith("GeneralFit(alpha=0.5, c=0.25, loc=0, log_likelihood=-")
    assert "active=('alpha_upper',)" in repr(fit_general_dist(R, alpha_bounds=(0, 0.5)))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"r": []}, r"r must be a vector of at least one .* shape \(0,\)"),
        (
            {"r": [[1.0], [2.0]]},
            r"r must be a vector of at least one residual.* shape \(2, 1\)",
        ),
        ({"r": [1.0, np.nan, np.inf]}, "r must be finite. Got nan in row 1, .* 2 such"),
        ({"r": [1.0, -np.inf], "sample_weight": [1, 0]}, "r must be finite. Got -inf"),
        ({"r": np.zeros(3)}, "r must have a scale .* equal to loc=0"),
        ({"r": np.ones(3), "loc": "adaptive"}, "r must have a scale .* are equal"),
        ({"r": [0.0, 1.0], "sample_weight": [1, 0]}, "r must have a scale"),
        ({"alpha": -2.0}, "alpha must be in .* minimise the loss at a given alpha"),
        ({"alpha": "welsch"}, "alpha must be in .* Got -inf"),
        ({"alpha": np.nan}, "alpha must be in .* Got nan"),
        ({"alpha": "huber"}, "alpha must be a number .* Got 'huber'"),
        ({"alpha": None}, "alpha must be a number .* Got None"),
        ({"alpha_bounds": (1.0, 1.0)}, "alpha_bounds must be .* To fix alpha"),
        ({"alpha_bounds": (2.0, 1.0)}, "alpha_bounds must be two numbers"),
        ({"alpha_bounds": (-1.0, 2.0)}, "alpha_bounds must be two numbers"),
        ({"alpha_bounds": (0.0, np.nan)}, "alpha_bounds must be two numbers"),
        ({"alpha_bounds": 2.0}, "alpha_bounds must be two numbers .* Got 2.0"),
        ({"alpha_bounds": (0.0, 1.0, 2.0)}, "alpha_bounds must be two numbers"),
        ({"c": 0.0}, "c must be positive and finite"),
        ({"c": np.inf}, "c must be positive and finite"),
        ({"c": "auto"}, "c must be a number .* or \"adaptive\".* Got 'auto'"),
        ({"c_min": -1.0}, "c_min must be positive and finite"),
        ({"c_min": "no"}, "c_min must be a number .* or None"),
        ({"loc": np.nan}, "loc must be finite"),
        ({"loc": None}, 'loc must be a number .* or "adaptive"'),
        ({"tol": 0.0}, "tol must be between 0 and 1"),
        ({"max_iter": 0}, "max_iter must be a whole number"),
        ({"max_iter": 2.5}, "max_iter must be a whole number"),
        ({"r": [1e308, 1.0]}, "r must stay within 1e[+]307.*Got 1e[+]308"),
        ({"max_iter": np.inf}, "max_iter must be a whole number"),
        ({"c": np.ones(2)}, "c must be a number in the unit of r"),
        ({"loc": np.ones(2)}, "loc must be a number in the unit of r"),
        ({"alpha": "xx"}, "one of l2, pseudo_huber, cauchy. Got 'xx'"),
        ({"sample_weight": [1.0, -1.0]}, "sample_weight must not be negative"),
        ({"sample_weight": [0.0, 0.0]}, "sample_weight is zero for every sample"),
        ({"sample_weight": [1.0]}, r"sample_weight.shape == \(1,\)"),
    ],
)
def test_bad_input_is_named(given, message):
    with pytest.raises(ValueError, match=message):
        fit_general_dist(**{"r": [1.0, 2.0], **given})


@pytest.mark.parametrize("loc", [0.0, "adaptive"])
@pytest.mark.parametrize("n", [30, 400])
def test_score_is_standard_normal_for_normal_residuals(n, loc):
    rng = np.random.default_rng(0)
    samples = 7 * rng.normal(size=(3000, n))
    found = np.array([normality_score(r, loc=loc) for r in samples])
    statistics, pvalues = found.T
    assert abs(statistics.mean()) < 4 / np.sqrt(3000)
    assert_allclose(pvalues, 2 * stats.norm.sf(np.abs(statistics)), rtol=1e-12)
    if n == 400:
        assert statistics.std() == pytest.approx(1, abs=0.05)
        assert np.mean(pvalues < 0.05) == pytest.approx(0.05, abs=0.015)


def test_variance_of_the_score_is_what_its_comment_says():
    k = digamma(1.5) + math.log(2)
    variance = 3 * (polygamma(1, 2.5) + (k + 2 / 3) ** 2) - k**2 - 2 * (k + 1) ** 2
    assert pytest.approx(variance, rel=1e-13) == NORMAL_LOG_VARIANCE


def test_sign_of_the_score_is_that_of_the_tails():
    assert normality_score(SAMPLES["student"]).statistic > 5
    lighter = normality_score(LIGHT)
    assert lighter.statistic < -3
    assert lighter.pvalue < 0.01
    assert normality_score([2.0]).statistic == pytest.approx(0, abs=1e-12)


def test_score_of_bad_input_is_refused():
    with pytest.raises(ValueError, match="r must have a scale"):
        normality_score([3.0, 3.0], loc="adaptive")
    with pytest.raises(ValueError, match="sample_weight must add up to more than 1"):
        normality_score([1.0, 3.0], loc="adaptive", sample_weight=0.2)
    with pytest.raises(ValueError, match="loc must be finite"):
        normality_score([1.0, 3.0], loc=math.inf)
