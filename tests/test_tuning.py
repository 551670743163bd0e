"""Tests of the constants for a wanted efficiency or breakdown point."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm

from skrobust import loss, tuning
from skrobust.tuning import (
    as_alpha,
    breakdown_constant,
    constant_for,
    tuning_constant,
)

# With mpmath at 40 digits, b = |alpha - 2| and k = 1 / (b c**2): the mean of
# (1 + k Z**2)**-p under z**(chi - 1) phi(z) is, by its integral,
#   m(p, chi) = (2 k)**(-chi/2) * hyperu(chi/2, chi/2 + 1 - p, 1 / (2 k))
# for chi = 1, 3. At alpha = +-inf it is that of exp(-j Z**2 / (2 c**2)), which is
# (1 + j / c**2)**(-chi/2), with j < 0 for +inf. The roots are findroot's, in log c.
EFFICIENCIES = (0.5, 0.85, 0.95, 0.99, 0.999)
# c at which m(1 - alpha/2, 3)**2 / m(2 - alpha, 3) is 0.5, 0.85, 0.95, 0.99, 0.999.
TUNING = {
    np.inf: (
        1.62600805101949, 2.0299488694671, 2.54047821031262, 3.63829764223622,
        6.30290448479233,
    ),
    10.0: (
        1.21365694474014, 1.80022374758173, 2.38499666719287, 3.54269872404437,
        6.2515886105586,
    ),
    3.0: (0.1, 0.1, 1.42072251453939, 2.92296793185634, 5.90270816391865),
    1.0: (
        0.1, 0.509004415226291, 1.28709922426619, 2.73063772099638, 5.76077586101276,
    ),
    0.5: (
        0.172523062774584, 0.817129032394737, 1.5516908915984, 2.93129877358434,
        5.88588552234686,
    ),
    0.0: (
        0.323004457067402, 0.971384732260457, 1.6864122808723, 3.03365913075487,
        5.94914771735318,
    ),
    -1.0: (
        0.478221006079439, 1.1281729167094, 1.82376241042495, 3.1377010792296,
        6.01292688887424,
    ),
    -2.0: (
        0.557657521414056, 1.20803288881421, 1.89370938041919, 3.1904488850326,
        6.04502242722462,
    ),
    -4.0: (
        0.638313136972598, 1.28916648314428, 1.96468891398334, 3.24374259115984,
        6.07726233746794,
    ),
    -8.0: (
        0.703628094478729, 1.35515533792021, 2.02232843942235, 3.28680694018944,
        6.10316206706975,
    ),
    -np.inf: (
        0.802435157492626, 1.45625973392481, 2.11045718674253, 3.35219476365882,
        6.14219870603478,
    ),
}  # fmt: skip

# Of Huber's loss and the bisquare, with the means of Z**(2 k) where |Z| < c,
#   m[0] = 1 - erfc(c / sqrt(2)), m[k] = (2 k - 1) m[k-1] - 2 c**(2 k - 1) phi(c),
# and q = 1 - m[0], the efficiency is, at mpmath's 40 digits,
#   (1 - q)**2 / (1 - q - 2 c phi(c) + c**2 q)   and
#   (m[0] - 6 m[1] / c**2 + 5 m[2] / c**4)**2
#   / (m[1] - 4 m[2] / c**2 + 6 m[3] / c**4 - 4 m[4] / c**6 + m[5] / c**8)
TUNING_OF_CLASSICAL = {
    "huber": (
        0.1, 0.73173881764454156, 1.3449975085120422, 2.010189049262391,
        2.7468630200048925,
    ),
    "bisquare": (
        2.0871320394281456, 3.4436897847276795, 4.6850649485433747, 7.0413916321665544,
        12.481689063345465,
    ),
}  # fmt: skip

SHARES = (0.5, 0.25, 0.1, 0.001)
# and the mean of rho / sup(rho)
#   3 m[1] / c**2 - 3 m[2] / c**4 + m[3] / c**6 + q
BREAKDOWN_OF_BISQUARE = (
    1.5476449809282259, 2.9370145551424548, 5.1823605974135018, 54.744850585844911,
)  # fmt: skip
# c at which 1 - m(-alpha/2, 1) is 0.5, 0.25, 0.1, 0.001.
BREAKDOWN = {
    -0.001: (
        3.49346951440475e-302, 4.31038451092664e-126, 6.54277613734751e-47,
        0.185462923172173,
    ),
    -0.1: (
        0.000334851676265927, 0.0202858986381972, 0.163693587389277, 4.80471329661828,
    ),
    -1.0: (0.188114007051616, 0.487349909229994, 1.04789649736292, 12.8809750956773),
    -2.0: (0.30600159048124, 0.687201925112794, 1.36507503517538, 15.7877007206413),
    -4.0: (0.408248290463863, 0.855209479311382, 1.62867431117329, 18.2368896521314),
    -8.0: (0.480802426011048, 0.974111228475824, 1.81469586102579, 19.9812529207373),
    -np.inf: (0.577350269189626, 1.13389341902768, 2.06474160483506, 22.3439057700871),
}  # fmt: skip


def efficiency(alpha, c):
    """Return the efficiency at the normal from its log-odds."""
    return expit(tuning._log_odds(alpha, np.log(c)))


@pytest.mark.parametrize(("alpha", "constants"), TUNING.items())
def test_tuning_constants_are_those_of_the_definition(alpha, constants):
    found = [tuning_constant(alpha, e) for e in EFFICIENCIES]
    assert_allclose(found, constants, rtol=1e-13)


@pytest.mark.parametrize(("name", "constants"), TUNING_OF_CLASSICAL.items())
def test_tuning_constants_of_classical_losses_are_those_of_the_definition(
    name, constants
):
    found = [tuning_constant(name, e) for e in EFFICIENCIES]
    assert_allclose(found, constants, rtol=2e-14)


def test_breakdown_constants_of_the_bisquare_are_those_of_the_definition():
    found = [breakdown_constant("bisquare", share) for share in SHARES]
    assert_allclose(found, BREAKDOWN_OF_BISQUARE, rtol=2e-14)


@pytest.mark.parametrize(("alpha", "constants"), BREAKDOWN.items())
def test_breakdown_constants_are_those_of_the_definition(alpha, constants):
    found = [breakdown_constant(alpha, share) for share in SHARES]
    assert_allclose(found, constants, rtol=4e-13)


def test_constants_of_the_literature():
    # Cauchy's log(1 + (r / C)**2) has C = 2.3849, Welsch's exp(-(r / k)**2) k = 2.9846.
    assert tuning_constant("cauchy") * 2**0.5 == pytest.approx(2.3849, abs=5e-5)
    assert tuning_constant("welsch") * 2**0.5 == pytest.approx(2.9846, abs=5e-5)
    assert breakdown_constant("welsch") == pytest.approx(3**-0.5, rel=1e-14)
    assert tuning_constant("huber") == pytest.approx(1.345, abs=5e-6)
    assert efficiency(loss.huber, 1.345) == pytest.approx(0.95, abs=5e-7)
    assert tuning_constant("bisquare") == pytest.approx(4.685, abs=1e-4)
    assert breakdown_constant("bisquare") == pytest.approx(1.547645, abs=5e-7)


@pytest.mark.parametrize(
    ("alpha", "known"),
    # m(1 - alpha/2, 3)**2 / m(2 - alpha, 3) at the constants above.
    [
        (-1.0, 0.156680265230384),
        (-2.0, 0.223647613963118),
        (-4.0, 0.26171898279084),
        (-8.0, 0.27849190932016),
        (-np.inf, 0.289379049647689),
        ("bisquare", 0.28682611517712491),
    ],
)
def test_efficiency_of_an_s_estimator_of_breakdown_one_half(alpha, known):
    shape = loss.bisquare if alpha == "bisquare" else alpha
    found = efficiency(shape, breakdown_constant(alpha))
    assert found == pytest.approx(known, rel=1e-13)


def mean(f):
    """Return the mean of an even function of a standard normal, by adaptive panels."""
    return 2 * quad(lambda z: f(z) * norm.pdf(z), 0, 30, points=[1, 3], epsabs=1e-13)[0]


@pytest.mark.parametrize("alpha", [-np.inf, -2.0, -0.3, 0.0, 1.0, 1.6, 2.5, 8.0])
def test_efficiency_is_that_of_the_kernels(alpha):
    c = tuning_constant(alpha, 0.97)
    slope = mean(lambda z: loss.curvature(z, alpha, c))
    spread = mean(lambda z: loss.psi(z, alpha, c) ** 2)
    assert slope**2 / spread == pytest.approx(0.97, rel=1e-10)
    assert efficiency(alpha, c) == pytest.approx(0.97, rel=1e-13)


@pytest.mark.parametrize("one", [loss.huber, loss.bisquare], ids=repr)
@pytest.mark.parametrize("wanted", [0.7, 0.97])
def test_efficiency_of_a_classical_loss_is_that_of_its_kernels(one, wanted):
    c = tuning_constant(one.name, wanted)

    def mean(f):
        inside, outside = quad(f, 0, c, epsabs=1e-13), quad(f, c, 40, epsabs=1e-13)
        return 2 * (inside[0] + outside[0])

    slope = mean(lambda z: one.curvature(z, c) * norm.pdf(z))
    spread = mean(lambda z: one.psi(z, c) ** 2 * norm.pdf(z))
    assert slope**2 / spread == pytest.approx(wanted, rel=1e-10)


@pytest.mark.parametrize("alpha", [-np.inf, -8.0, -2.0, -0.3])
@pytest.mark.parametrize("breakdown", [0.5, 0.2])
def test_breakdown_is_that_of_the_kernels(alpha, breakdown):
    c = breakdown_constant(alpha, breakdown)
    most = loss.rho(np.inf, alpha)
    share = mean(lambda z: loss.rho(z, alpha, c)) / most
    assert share == pytest.approx(breakdown, rel=1e-10)


ALPHAS = [
    "huber",
    "bisquare",
    -np.inf,
    -1e300,
    -1e3,
    -2.0,
    -1e-3,
    0.0,
    1.0,
    1.5,
    2.1,
    3.0,
    1e3,
    1e300,
    np.inf,
]


@pytest.mark.parametrize("alpha", ALPHAS)
def test_tuning_constant_grows_with_efficiency_up_to_the_last_float(alpha):
    shares = np.r_[1e-4, 0.1, 0.9, 0.99, 1 - np.logspace(-3, -15, 25), 1 - 2.0**-53]
    found = [tuning_constant(alpha, e) for e in shares]
    assert np.all(np.diff(found) >= 0)
    assert np.all(np.diff(found[3:]) > 0)
    if not isinstance(alpha, str):  # by which the search goes
        at_inf = [tuning_constant(np.inf, e) for e in shares]
        assert np.all(np.array(found) <= np.array(at_inf) * (1 + 1e-14))


@pytest.mark.parametrize(
    ("alpha", "c"),
    # As TUNING, for the double nearest to 1 - 1e-14, with 60 digits.
    [
        (1.0, 3500.33429933729),
        (-2.0, 3500.33483500017),
        (-np.inf, 3500.33501355448),
        (np.inf, 3500.33529924141),
        ("huber", 7.2988833463259096),
        ("bisquare", 7000.6703842176023),
    ],
)
def test_tuning_constant_is_exact_near_full_efficiency(alpha, c):
    assert tuning_constant(alpha, 1 - 1e-14) == pytest.approx(c, rel=1e-13)


@pytest.mark.parametrize("c", [1e-90, 1e-9, 1e-3, 0.1, 1.0, 1e2])
def test_efficiency_of_welsch_is_the_closed_form(c):
    # Means of exp(-j Z**2 / (2 c**2)), j = 1, 2, under z**2 phi(z).
    expected = (c * c + 1) ** -3 * (c * c + 2) ** 1.5 * c**3
    assert efficiency(-np.inf, c) == pytest.approx(expected, rel=1e-13)


def test_efficiency_is_exact_where_there_is_hardly_any():
    # As TUNING, with 700 digits: only residuals within about c have a weight.
    found = efficiency(-2.0, 1e-12), efficiency(-1 / 1024, 1e-300)
    assert_allclose(found, [4.010605239384e-35, 5.8816368913371e-301], rtol=1e-12)
    found = efficiency(loss.bisquare, 0.1), efficiency(loss.huber, 0.1)
    assert_allclose(found, [0.00012510897831968121, 0.67011183468994702], rtol=1e-12)


def test_tuning_constant_has_a_floor_and_no_meaning_at_least_squares():
    assert tuning_constant(1.9, 0.5) == 0.1
    assert tuning_constant(2.0, 0.5) == tuning_constant("l2", 0.99) == 1.0
    assert efficiency(1.9, 0.1) > 0.5
    floor = efficiency(0.0, 0.1)
    assert tuning_constant(0.0, floor * 0.999) == 0.1
    assert tuning_constant(0.0, floor * 1.001) == pytest.approx(0.1, rel=0.002)
    assert tuning_constant(0.0, floor * 1.001) > 0.1


@pytest.mark.parametrize("limit", [np.inf, -np.inf])
def test_constants_at_an_infinite_alpha_are_limits(limit):
    near = np.copysign(1e300, limit)
    assert tuning_constant(near) == pytest.approx(tuning_constant(limit), rel=1e-14)
    if limit < 0:
        assert breakdown_constant(near) == pytest.approx(3**-0.5, rel=1e-14)


def test_alpha_may_be_a_name_as_in_an_estimator():
    for name, alpha in loss.ALPHAS.items():
        assert as_alpha(name) == alpha
        assert tuning_constant(name, 0.9) == tuning_constant(alpha, 0.9)
    assert breakdown_constant("geman_mcclure", 0.3) == breakdown_constant(-2, 0.3)
    assert isinstance(tuning_constant(np.float32(1), np.float64(0.9)), float)


def test_the_constant_for_a_loss_is_that_of_its_alphas():
    alpha = np.array([1.0, -np.inf, 2.0, 1.0, 0.3])
    found = constant_for(loss.General(alpha), 0.9)
    assert_array_equal(found, [tuning_constant(a, 0.9) for a in alpha])
    assert constant_for(loss.General(0.3), 0.9) == tuning_constant(0.3, 0.9)
    for one in (loss.huber, loss.bisquare):
        assert constant_for(one, 0.9) == tuning_constant(one.name, 0.9)


HUGE = pytest.param(10**400, id="huge")
NO_NUMBERS = ["a", None, 1j, HUGE, [0.4], np.array([0.4, 0.3]), np.array([0.4])]


@pytest.mark.parametrize("function", [tuning_constant, breakdown_constant])
@pytest.mark.parametrize("alpha", [np.nan, "tukey", "-2", *NO_NUMBERS])
def test_alpha_that_is_none_is_refused(function, alpha):
    got = re.escape(repr(alpha))
    with pytest.raises(
        ValueError, match=f"alpha must be .*'cauchy'.*'bisquare'. Got {got}"
    ):
        function(alpha, 0.4)


@pytest.mark.parametrize("efficiency", [0.0, 1.0, -0.1, 95, np.nan, *NO_NUMBERS])
def test_efficiency_that_is_none_is_refused(efficiency):
    got = re.escape(repr(efficiency))
    with pytest.raises(ValueError, match=f"efficiency must be .* Got {got}"):
        tuning_constant(1.0, efficiency)


@pytest.mark.parametrize(
    "breakdown", [0.0, 5e-324, 1e-300, 0.51, -0.1, 50, np.nan, *NO_NUMBERS]
)
@pytest.mark.parametrize("alpha", [-2.0, "welsch"])
def test_breakdown_point_that_is_none_is_refused(alpha, breakdown):
    got = re.escape(repr(breakdown))
    with pytest.raises(ValueError, match=f"breakdown must be .* Got {got}"):
        breakdown_constant(alpha, breakdown)


@pytest.mark.parametrize("breakdown", [1e-16, 1e-17, 1e-20, 1e-100, 1e-250])
@pytest.mark.parametrize("alpha", [-np.inf, -1e9, -2.0, -0.01, "bisquare"])
def test_breakdown_constant_of_hardly_any_outliers_is_the_limit(alpha, breakdown):
    # rho is u**2 / (2 c**2) there, of mean 1 / (2 c**2), and 1 - 2 / alpha its limit.
    supremum = 1 / 6 if alpha == "bisquare" else 1 - 2 / alpha
    expected = (2 * breakdown * supremum) ** -0.5
    assert breakdown_constant(alpha, breakdown) == pytest.approx(expected, rel=2e-13)


@pytest.mark.parametrize("alpha", [0.0, -0.0, 1.0, np.inf, "cauchy", "huber"])
def test_unbounded_loss_has_no_breakdown_constant(alpha):
    with pytest.raises(ValueError, match=f"alpha must be negative .* Got {alpha!r}"):
        breakdown_constant(alpha)


def test_breakdown_constant_below_the_smallest_float_is_refused():
    assert breakdown_constant(-0.00098) > np.finfo(float).tiny
    for alpha in (-0.00097, -1e-300, -5e-324):
        with pytest.raises(ValueError, match=r"alpha=-.* is too near 0 .*0\.5"):
            breakdown_constant(alpha)
    assert breakdown_constant(-0.00097, 0.25) > 0
