"""Tests of the general distribution: tails, quantiles, draws, moments, scipy's ways."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate, stats

from skrobust import _tails, fit_general_dist, general_dist, log_partition, loss

DATA = json.loads(
    (Path(__file__).parent / "data" / "density_points.json").read_text("utf-8")
)
ALPHAS = [
    *(0.0, 1e-300, 1e-9, 1e-3, 0.25, 0.5, 1.0, 1.5, 1.999, 2 - 2**-52, 2.0),
    *(2 + 2**-51, 3.0, 8.0, 50.0, 1e9, 1e300, np.inf),
]
X = np.r_[-np.geomspace(30, 1e-6, 25), 0, np.geomspace(1e-6, 30, 25)]
# alpha: what it is the distribution of, at scale 1
KNOWN = {0.0: stats.cauchy(scale=np.sqrt(2)), 2.0: stats.norm()}

pytestmark = pytest.mark.filterwarnings("error")
all_alphas = pytest.mark.parametrize("alpha", ALPHAS)


@pytest.fixture(autouse=True)
def floating_point_errors_raise():
    """Let every overflow, division by zero and invalid operation fail the test."""
    with np.errstate(all="raise", under="ignore"):
        yield


def test_tails_meet_the_reference():
    alpha, u, log_sf = (
        np.array(column, float) for column in zip(*DATA["tails"], strict=True)
    )
    assert_allclose(general_dist.logsf(u, alpha), log_sf, rtol=1e-13, atol=1e-13)
    assert_allclose(general_dist.sf(u, alpha), np.exp(log_sf), rtol=1e-12)
    assert_allclose(general_dist.cdf(-u, alpha), np.exp(log_sf), rtol=1e-12)


@pytest.mark.parametrize(
    ("alpha", "u", "log_sf"),
    [
        # mpmath, 40 digits: log of the integral of exp(-rho) from u, by quad over
        # theta = asinh(u / sqrt(b)), less log Z
        (1e-3, 1e30, -74.77204186397686),
        (0.1, 1e3, -13.261544371617894),
        (1.9, 20.0, -142.60362870878460),
        (2 + 2**-51, 20.0, -203.91715537109906),
        (2.3, 20.0, -516.97538254544178),
        (4.0, 8.0, -550.32020801957190),
        (50.0, 3.0, -75.472805471903930),
        (1e9, 3.0, -95.333136540888320),
    ],
)
def test_deep_tails(alpha, u, log_sf):
    assert general_dist.logsf(u, alpha) == pytest.approx(log_sf, rel=1e-14)


@pytest.mark.parametrize(("alpha", "known"), KNOWN.items())
@pytest.mark.parametrize("many", [False, True])
def test_known_members(alpha, known, many):
    x = np.repeat(X, 200) if many else X
    p = np.r_[1e-300, 1e-100, 1e-9, np.linspace(0.01, 0.99, 99)]
    p = np.repeat(p, 50) if many else p
    for name in ("pdf", "logpdf", "cdf", "logcdf", "sf", "logsf"):
        found = getattr(general_dist, name)(x, alpha)
        assert_allclose(found, getattr(known, name)(x), rtol=2e-13, err_msg=name)
    # scipy 1.14 has not all quantiles of Cauchy's
    q = -np.sqrt(2) / np.tan(np.pi * p) if alpha == 0 else known.ppf(p)
    assert_allclose(general_dist.ppf(p, alpha), q, rtol=1e-12, atol=1e-15)
    assert_allclose(general_dist.isf(p, alpha), -q, rtol=1e-12, atol=1e-15)
    assert general_dist.entropy(alpha) == pytest.approx(known.entropy(), rel=1e-13)


@all_alphas
def test_cdf_is_the_integral_of_the_density(alpha):
    edges = [-2.0, -0.5, 0.0, 1e-3, 1.0, 3.0]
    steps = np.diff(general_dist.cdf(edges, alpha))
    for i, step in enumerate(steps):
        area, _ = integrate.quad(
            general_dist.pdf, edges[i], edges[i + 1], (alpha,), epsabs=0, epsrel=1e-12
        )
        assert step == pytest.approx(area, rel=1e-11)


@all_alphas
def test_distribution_is_symmetric_and_adds_up_to_1(alpha):
    cdf, sf = general_dist.cdf(X, alpha), general_dist.sf(X, alpha)
    assert_array_equal(cdf, general_dist.sf(-X, alpha))
    assert_allclose(cdf + sf, 1, rtol=1e-15)
    assert general_dist.cdf(0.0, alpha) == 0.5
    assert np.all(np.diff(cdf) >= 0)
    for log, plain in (("logcdf", "cdf"), ("logsf", "sf"), ("logpdf", "pdf")):
        with np.errstate(divide="ignore"):
            expected = np.log(getattr(general_dist, plain)(X, alpha))
        some = np.isfinite(expected) & (expected > -700)
        found = getattr(general_dist, log)(X, alpha)
        assert_allclose(found[some], expected[some], rtol=1e-12, atol=1e-15)
    assert_array_equal(
        general_dist.cdf([-np.inf, np.inf, np.nan], alpha), [0, 1, np.nan]
    )


@all_alphas
@pytest.mark.parametrize("many", [False, True])
def test_quantiles_are_the_inverse_of_the_tails(alpha, many):
    x = -np.geomspace(1e-3, 37, 60)
    p = general_dist.cdf(x, alpha)
    x, p = x[p > 1e-305], p[p > 1e-305]
    if many:
        x, p = (np.resize(z, 5000) for z in (x, p))
    # A probability near 1/2 is known to 1e-16 only, and so is its quantile.
    assert_allclose(general_dist.ppf(p, alpha), x, rtol=1e-12, atol=4e-15)
    assert_allclose(general_dist.isf(p, alpha), -x, rtol=1e-12, atol=4e-15)
    near, q = x[p > 0.1], 1 - p[p > 0.1]
    assert_allclose(general_dist.ppf(q, alpha), -near, rtol=1e-12, atol=4e-15)
    assert_array_equal(general_dist.ppf([0, 0.5, 1], alpha), [-np.inf, 0, np.inf])
    assert_array_equal(general_dist.isf([-0.1, 1.1, np.nan], alpha), np.nan)


@all_alphas
def test_a_table_of_tails_is_as_good_as_the_tails(alpha):
    x = np.r_[np.linspace(0, 8, 3000), np.geomspace(1e-9, 1e30, 3000)]
    table = general_dist.logsf(x, alpha)
    alone = np.concatenate([general_dist.logsf(part, alpha) for part in np.split(x, 4)])
    assert_allclose(table, alone, rtol=1e-13, atol=2e-13)


def many_times(x):
    """Return enough copies for a table of tails."""
    return np.repeat(x, _tails.MANY)


@pytest.mark.parametrize("copies", [np.asarray, many_times])
def test_extreme_quantiles(copies):
    p = copies([5e-324, 1e-300, 0.3])
    for alpha in (0.0, 5e-324, 1e-300):
        found = general_dist.isf(p, alpha)
        assert_array_equal(found == np.inf, p == 5e-324)  # 9e322
        cauchy = np.sqrt(2) / np.tan(np.pi * p[p > 1e-300])
        assert_allclose(found[p > 1e-300], cauchy, rtol=1e-12)
    p = copies([5e-324, 1e-310, 1e-100, 0.5 - 2**-54])
    for alpha in (1e-3, 0.3, 1.0, 2.0, np.inf):
        q = general_dist.isf(p, alpha)
        assert_allclose(general_dist.logsf(q, alpha), np.log(p), rtol=1e-14)


def test_many_extreme_quantiles_are_in_order():
    p = np.geomspace(5e-324, 0.5, 4000)
    for alpha in (0.0, 1e-9, 1e-3, 1.0):
        q = general_dist.isf(p, alpha)
        assert np.all(q[1:] <= q[:-1])
        assert q[-1] == 0


def test_what_scipy_may_pass_on_does_not_spoil_the_rest():
    # The distributions of scipy.stats.make_distribution do not filter their arguments.
    x = np.r_[np.linspace(0, 5, _tails.MANY), np.inf, -np.inf, np.nan]
    assert_array_equal(general_dist._sf(x, 1.0)[-3:], [0, 1, np.nan])
    assert_array_equal(general_dist._sf(x, 1.0)[:-3], general_dist.sf(x[:-3], 1.0))
    p = np.r_[np.linspace(0, 1, _tails.MANY), np.nan]
    assert_array_equal(
        general_dist._ppf(p, 1.0)[[0, -2, -1]], [-np.inf, np.inf, np.nan]
    )


@all_alphas
@pytest.mark.parametrize("copies", [np.asarray, many_times])
def test_tails_reach_the_ends_of_the_line(alpha, copies):
    x = copies([37.0, 100.0, 1e9, 1e153, 1e155, 1e300, 1.7e308])
    log_sf, sf = general_dist.logsf(x, alpha), general_dist.sf(x, alpha)
    assert np.all(log_sf[1:] <= log_sf[:-1])
    assert not np.isnan(log_sf).any()
    assert_array_equal(general_dist.cdf(-x, alpha), sf)
    assert np.all(general_dist.cdf(x, alpha) >= 0.98)
    with np.errstate(over="ignore"):
        rho = loss.rho(x, alpha)
    assert_allclose(log_sf[rho > 1e10], -rho[rho > 1e10], rtol=1e-7)


@all_alphas
@pytest.mark.parametrize("copies", [np.asarray, many_times])
def test_the_middle_keeps_its_digits(alpha, copies):
    density = general_dist.pdf(0.0, alpha)
    x = copies([1e-300, 1e-17, 1e-12, 1e-8, 1e-6, 1.99e-4, 2.01e-4, 1e-3])
    lost = 0.5 - general_dist.sf(x, alpha)  # exact
    # A float below 1/2 is 6e-17 off at most; beyond 2e-4 Z has roundings of its own.
    error = np.abs(lost - density * (x - x**3 / 6))
    assert np.all(error < np.where(x < 2e-4, 1.2e-16, 4e-15))
    gap = copies(np.arange(60.0)) * 2.0**-54
    found = general_dist.isf(0.5 - gap, alpha)
    assert_allclose(found, gap / density, rtol=1e-14)
    found = general_dist.ppf(0.5 + copies([1e-6, 1e-5]), alpha)
    gap = (0.5 + copies([1e-6, 1e-5])) - 0.5
    assert_allclose(found, gap / density + (gap / density) ** 3 / 6, rtol=1e-13)


@all_alphas
@pytest.mark.parametrize("generator", [np.random.default_rng, np.random.RandomState])
def test_draws_follow_the_distribution(alpha, generator):
    draws = general_dist.rvs(alpha, 3.0, 0.5, size=40_000, random_state=generator(1))
    test = stats.kstest(draws, general_dist(alpha, 3.0, 0.5).cdf)
    assert test.pvalue > 1e-3
    signs = np.sign(draws - 3.0)
    assert abs(signs.mean()) < 4 / np.sqrt(draws.size)


def test_draws_have_shapes_and_seeds():
    assert general_dist.rvs(1.0, size=(2, 3), random_state=0).shape == (2, 3)
    assert general_dist.rvs(1.0, random_state=0).shape == ()
    assert general_dist.rvs(1.0, size=0, random_state=0).shape == (0,)
    alpha = np.array([0.0, 1.0, 2.0, 5.0, np.inf])
    draws = general_dist.rvs(alpha, size=(9000, 5), random_state=0)
    assert draws.shape == (9000, 5)
    for lane, a in zip(draws.T, alpha, strict=True):
        assert stats.kstest(lane, general_dist(a).cdf).pvalue > 1e-3
    again = general_dist.rvs(alpha, size=(9000, 5), random_state=0)
    assert_array_equal(draws, again)
    assert np.any(draws != general_dist.rvs(alpha, size=(9000, 5), random_state=1))


# mpmath: the integral of u**2 exp(-rho), and of u**4, over that of exp(-rho)
VARIANCES = {
    0.25: 13.56,
    0.5: 5.591,
    1.0: 2.6995,
    1.5: 1.7180,
    1.99: 1.0272,
    2.0: 1.0,
    3.0: 0.6297,
    8.0: 0.5348,
}


@pytest.mark.parametrize(("alpha", "variance"), VARIANCES.items())
def test_moments(alpha, variance):
    mean, var, skew, kurt = general_dist.stats(alpha, 2.0, 3.0, moments="mvsk")
    assert (mean, skew) == (2.0, 0.0)
    assert var == pytest.approx(9 * variance, rel=1e-3)
    fourth = general_dist.expect(lambda u: u**4, (alpha,))
    assert kurt == pytest.approx(fourth / (var / 9) ** 2 - 3, abs=1e-6)
    assert general_dist.moment(4, alpha) == pytest.approx(fourth, rel=1e-7)
    assert general_dist.expect(lambda u: u**2, (alpha,), scale=3.0) == pytest.approx(
        var, rel=1e-7
    )
    # E[u**2 w] = 1 at the right scale
    pull = general_dist.expect(lambda u: u * loss.psi(u, alpha), (alpha,))
    assert pull == pytest.approx(1, rel=1e-7)


def test_moments_exist_unless_alpha_is_0():
    assert_array_equal(general_dist.stats(0.0, moments="mvsk"), [np.nan] * 4)
    assert_array_equal(general_dist.stats([0.0, 1e-9], moments="m"), [np.nan, 0])
    assert_array_equal([general_dist.moment(k, 0.0) for k in (1, 2, 3)], [np.nan] * 3)
    assert general_dist.moment(8, 0.002) == np.inf
    # mpmath.quad of u**2 exp(-rho) over theta = asinh(u / sqrt(b)); beyond, too large
    assert general_dist.var(0.01) == pytest.approx(76312412555.3296, rel=1e-11)
    assert_array_equal(general_dist.var([1e-4, 1e-9, 1e-300]), np.inf)


@all_alphas
def test_entropy_is_the_mean_of_the_log_density(alpha):
    x = general_dist.ppf((np.arange(20_000) + 0.5) / 20_000, alpha)
    expected = -np.mean(general_dist.logpdf(x, alpha))
    assert general_dist.entropy(alpha) == pytest.approx(expected, rel=2e-3)
    shifted = general_dist.entropy(alpha, loc=5.0, scale=10.0)
    assert shifted == pytest.approx(general_dist.entropy(alpha) + np.log(10))


def test_methods_broadcast():
    x, alpha, scale = (
        np.array([[0.5], [2.0]]),
        np.array([0.0, 1.0, 5.0]),
        [1.0, 2.0, 3.0],
    )
    for name in ("pdf", "logpdf", "cdf", "sf", "logsf"):
        method = getattr(general_dist, name)
        together = method(x, alpha, 0.1, scale)
        alone = [
            [method(v, a, 0.1, s) for a, s in zip(alpha, scale, strict=True)]
            for v in x[:, 0]
        ]
        assert_allclose(together, alone, rtol=1e-14)
    p = np.array([[0.1], [0.7]])
    assert general_dist.ppf(p, alpha).shape == (2, 3)
    assert_allclose(
        general_dist.entropy(alpha), [general_dist.entropy(a) for a in alpha]
    )
    assert general_dist.pdf([], 1.0).shape == (0,)


def test_density_is_that_of_the_loss():
    x, alpha = np.linspace(-5, 5, 11), 0.7
    expected = np.exp(-loss.rho(x - 1, alpha, 0.3)) / 0.3 / np.exp(log_partition(alpha))
    assert_allclose(general_dist.pdf(x, alpha, loc=1, scale=0.3), expected, rtol=1e-13)


BAD = [
    ({"alpha": -1.0}, r"alpha must be in \[0, inf\].*Got -1.0.*cut it off"),
    ({"alpha": np.nan}, "alpha must be.*Got nan"),
    ({"alpha": "cauchy"}, "alpha must be a number.*Got 'cauchy'.*loss.ALPHAS"),
    ({"alpha": 1.0, "scale": "wide"}, "scale must be a number.*Got 'wide'"),
    ({"alpha": [1.0, -np.inf]}, "alpha must be.*Got -inf"),
    ({"alpha": 1.0, "scale": 0.0}, "scale must be positive and finite.*Got 0.0"),
    ({"alpha": 1.0, "scale": -2.0}, "scale must be positive and finite.*Got -2.0"),
    ({"alpha": 1.0, "scale": np.inf}, "scale must be positive and finite.*Got inf"),
]
METHODS = [
    *(("pdf", "logpdf", "cdf", "logcdf", "sf", "logsf", "ppf", "isf", "interval")),
    *("rvs", "stats", "entropy", "mean", "var", "std", "median", "support"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
@pytest.mark.parametrize("name", METHODS)
def test_bad_parameters_are_refused(arguments, message, name):
    first = [0.5] if METHODS.index(name) <= METHODS.index("interval") else []
    with pytest.raises(ValueError, match=message):
        getattr(general_dist, name)(*first, **arguments)
    with pytest.raises(ValueError, match=message):
        general_dist(**arguments)


@pytest.mark.parametrize("truth", [(0.5, 1.0, 2.0), (1.5, -3.0, 0.1), (6.0, 0.0, 10.0)])
def test_fit_finds_the_parameters(truth):
    data = general_dist.rvs(*truth, size=20_000, random_state=0)
    found = general_dist.fit(data)
    errors = fit_general_dist(data, loc="adaptive")
    assert found == (errors.alpha, errors.loc, errors.c)
    assert general_dist.nnlf(found, data) <= general_dist.nnlf(truth, data)
    # scipy's own optimiser does no better
    generic = stats.rv_continuous.fit(
        general_dist, data, truth[0], loc=truth[1], scale=truth[2]
    )
    assert general_dist.nnlf(found, data) <= general_dist.nnlf(generic, data) + 1e-6


def test_fit_holds_what_is_fixed():
    data = general_dist.rvs(1.0, 2.0, 3.0, size=500, random_state=0)
    for fixed in ({"falpha": 0.5}, {"f0": 0.5}, {"fix_alpha": 0.5}):
        assert general_dist.fit(data, **fixed)[0] == 0.5
    assert general_dist.fit(data, fix_loc=2.5, fix_scale=3.5)[1:] == (2.5, 3.5)
    assert general_dist.fit(data, floc=None) == general_dist.fit(data, method=None)
    assert general_dist.fit(data, 1.0, loc=0.0, floc=2.5)[1] == 2.5
    assert general_dist.fit(data, fscale=2.5, floc=2.0)[1:] == (2.0, 2.5)
    with pytest.raises(ValueError, match="All parameters are fixed"):
        general_dist.fit(data, f0=1.0, floc=0.0, fscale=1.0)
    with pytest.raises(TypeError, match="Unknown argument 'alhpa'"):
        general_dist.fit(data, alhpa=1.0)
    with pytest.raises(TypeError, match=r"f0=1\.0 holds what is held already"):
        general_dist.fit(data, falpha=1.0, f0=1.0)
    with pytest.raises(TypeError, match="one start value, of alpha"):
        general_dist.fit(data, 1.0, 2.0)


def test_general_fits_of_scipy():
    data = general_dist.rvs(1.0, 0.0, 3.0, size=300, random_state=0)
    alpha, loc, scale = general_dist.fit(data, 1.0, method="MM", floc=0.0)
    assert loc == 0
    assert general_dist.moment(2, alpha, scale=scale) == pytest.approx(np.mean(data**2))
    bounds = {"alpha": (0, 3), "scale": (0.1, 10)}
    result = stats.fit(general_dist, data, bounds)
    ours = general_dist.fit(data, floc=0.0)
    assert_allclose(result.params, ours, rtol=1e-3, atol=1e-8)
    data = general_dist.rvs(5.0, size=300, random_state=0)
    light = stats.fit(general_dist, data, {"alpha": (0, 9), "scale": (0.1, 10)})
    assert light.params.alpha > 2


def test_distribution_can_be_frozen_and_pickled():
    frozen = general_dist(1.0, loc=1.0, scale=2.0)
    copy = pickle.loads(pickle.dumps(frozen))
    assert copy.std() == frozen.std() == pytest.approx(2 * np.sqrt(2.69948393559377))
    again = pickle.loads(pickle.dumps(general_dist))
    assert again.sf(1.0, 1.0) == general_dist.sf(1.0, 1.0)
    with pytest.raises(ValueError, match="alpha must be"):
        again.pdf(0.0, -1.0)
