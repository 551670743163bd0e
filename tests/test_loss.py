"""Tests of the loss kernels: limits, derivatives, invariances."""

import operator
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import least_squares

from skrobust import loss
from skrobust._kernels import BLOCK, SAMPLE
from skrobust.loss import (
    General,
    bisquare,
    curvature,
    evaluate,
    huber,
    psi,
    rho,
    rho_alpha,
    rho_c,
    weight,
)

KERNELS = {
    "rho": rho,
    "psi": psi,
    "weight": weight,
    "curvature": curvature,
    "rho_alpha": rho_alpha,
    "rho_c": rho_c,
}
ALPHAS = [
    *(-np.inf, -1e300, -1e6, -8.0, -2.0, -0.5, -1e-9, -5e-324, 0.0, 1e-309, 1e-9, 0.5),
    *(1 - 2**-53, 1.0, 1.5, 2 - 1e-9, 2 - 2**-52, 2.0, 2 + 2**-51, 3.0, 8.0, 1e9),
    np.inf,
]
RESIDUALS = np.r_[-np.geomspace(20, 1e-8, 19), 0, np.geomspace(1e-8, 20, 19)]
EPS = np.finfo(np.float64).eps

NAMED_LOSSES = {
    2.0: lambda r: r**2 / 2,
    1.0: lambda r: np.hypot(1, r) - 1,
    0.0: lambda r: np.log1p(r**2 / 2),
    -2.0: lambda r: 2 * r**2 / (r**2 + 4),
    -np.inf: lambda r: -np.expm1(-(r**2) / 2),
    np.inf: lambda r: np.expm1(r**2 / 2),
}


@dataclass(frozen=True)
class Member:
    """A member of the general family, as functions of (r, c) like `loss.huber`."""

    alpha: float

    def __getattr__(self, name):
        kernel = {"rho": rho, "psi": psi, "weight": weight, "curvature": curvature}
        if name not in kernel:
            raise AttributeError(name)
        return lambda r, c=1.0: kernel[name](r, self.alpha, c)

    def evaluate(self, r, c=1.0, order=2):
        return evaluate(r, self.alpha, c, order)


CLASSICAL = {"huber": huber, "bisquare": bisquare}
LOSSES = {**{repr(alpha): Member(alpha) for alpha in ALPHAS}, **CLASSICAL}
CURVES = ("rho", "psi", "weight", "curvature")

# scipy's name: our alpha, and c for a scale of 1
SCIPY_LOSSES = {
    "linear": (2.0, 1.0),
    "soft_l1": (1.0, 1.0),
    "cauchy": (0.0, 1 / np.sqrt(2)),
}

all_kernels = pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
all_losses = pytest.mark.parametrize("one", LOSSES.values(), ids=LOSSES)
classical = pytest.mark.parametrize("one", CLASSICAL.values(), ids=CLASSICAL)
pytestmark = pytest.mark.filterwarnings("error")  # a kernel never warns


@pytest.fixture(autouse=True)
def floating_point_errors_raise():
    """Let every overflow, division by zero and invalid operation fail the test."""
    with np.errstate(all="raise", under="ignore"):
        yield


@pytest.mark.parametrize(("alpha", "named_loss"), NAMED_LOSSES.items())
def test_rho_is_the_named_loss_at_its_alpha(alpha, named_loss):
    assert_allclose(
        rho(RESIDUALS, alpha), named_loss(RESIDUALS), rtol=1e-13, atol=1e-15
    )


@pytest.mark.parametrize(("name", "alpha"), loss.ALPHAS.items())
def test_alphas_name_the_special_cases(name, alpha):
    assert alpha in NAMED_LOSSES
    with pytest.raises(TypeError, match="does not support item assignment"):
        operator.setitem(loss.ALPHAS, name, 0.0)


@pytest.mark.parametrize(("name", "convention"), SCIPY_LOSSES.items())
@pytest.mark.parametrize("f_scale", [1.0, 0.3])
def test_rho_in_the_conventions_of_scipy(name, convention, f_scale):
    alpha, c = convention
    r = np.array([0.1, -2.0, 30.0])
    cost = least_squares(
        lambda _: r.copy(), [0.0], loss=name, f_scale=f_scale, max_nfev=1
    ).cost
    ours = rho(r, alpha, c * f_scale)
    # scipy's loss is in squared units of r, and half of it is the cost; only its
    # Cauchy is not twice ours to begin with.
    assert_allclose(cost, f_scale**2 * ours.sum() * (0.5 if alpha == 0 else 1))


@pytest.mark.parametrize(
    ("alpha", "limit"),
    [
        *((sign * a, 0.0) for sign in (-1, 1) for a in (5e-324, 1e-300, 1e-20, 1e-9)),
        *((2 + gap, 2.0) for gap in (-(2.0**-52), -1e-12, 1e-12, 2.0**-51)),
        *((a, np.copysign(np.inf, a)) for a in (-1e308, -1e18, 1e14, 1e18, 1e308)),
    ],
)
@pytest.mark.parametrize("kernel", [rho, psi, weight, curvature, rho_c])
def test_kernel_is_continuous_in_alpha(kernel, alpha, limit):
    r = RESIDUALS[np.abs(RESIDUALS) > 1e-3]  # nearer to 2, slower: b log(u / b)
    assert_allclose(kernel(r, alpha), kernel(r, limit), rtol=1e-7)


@pytest.mark.parametrize(
    ("near", "limit"),
    [
        (np.geomspace(5e-324, 1e-8, 50), 0.0),
        (2.0 ** np.arange(-52, -32) * 2, 2.0),
        (np.geomspace(1e11, 1e308, 50), np.inf),
    ],
)
def test_rho_is_continuous_in_alpha_to_eight_digits(near, limit):
    r = np.linspace(0.2, 5, 25)[:, None]
    for sign in (-1, 1):
        alpha = limit + sign * near if np.isfinite(limit) else sign * near
        assert_allclose(
            rho(r, alpha),
            np.broadcast_to(
                rho(r, sign * limit if limit == np.inf else limit), (25, len(near))
            ),
            rtol=1e-8,
        )


@pytest.mark.parametrize("alpha", [0.0, 5e-324, -5e-324, 1e-300, -1e-20, 1e-12, -1e-12])
def test_rho_alpha_at_0_is_its_limit(alpha):
    r = np.r_[0.5, 2.0, 10.0, 1e3, 1e200]
    L = 2 * np.log(np.hypot(1, r / np.sqrt(2)))
    fraction = 1 / (1 + 2 / r / r)  # s / (1 + s)
    limit = L**2 / 4 - (L - fraction) / 2
    assert_allclose(rho_alpha(r, alpha), limit, rtol=1e-9)
    assert rho_alpha(10.0, alpha) == pytest.approx(2.3891, abs=5e-5)


@pytest.mark.parametrize("alpha", [1e9, 1e18, 1e100, 1e150])
def test_rho_alpha_falls_as_the_square_of_a_large_alpha(alpha):
    r = np.geomspace(0.1, 6, 20)
    z = np.square(r) / 2
    below = 1 - np.exp(-z) * (1 + z + z**2 / 2)
    above = np.exp(z) * (1 - z + z**2 / 2) - 1
    assert_allclose(
        rho_alpha(r, -alpha) * alpha * alpha, 2 * below, rtol=1e-5, atol=1e-12
    )
    assert_allclose(
        rho_alpha(r, alpha) * alpha * alpha, 2 * above, rtol=1e-5, atol=1e-12
    )
    assert_array_equal(rho_alpha(r, [[-np.inf], [np.inf]]), np.zeros((2, len(r))))


def test_rho_alpha_has_a_pole_at_2():
    gap = 2.0 ** -np.arange(20, 52)[:, None]
    u2 = np.square(r := np.array([0.5, 1.0, 3.0]))
    for alpha in (2 - gap, 2 + 2 * gap):
        leading = u2 / 4 * (np.log(u2 / np.abs(alpha - 2)) - 2)
        assert_allclose(rho_alpha(r, alpha), leading, rtol=1e-4)
    assert_array_equal(
        rho_alpha([-1e-300, 0.0, 1e-3, 5.0], 2.0), [np.inf, 0, *[np.inf] * 2]
    )


@all_losses
@pytest.mark.parametrize(("function", "slope"), [("rho", "psi"), ("psi", "curvature")])
def test_derivative_is_that_of_differences(function, slope, one):
    function, derivative = getattr(one, function), getattr(one, slope)
    r, h = np.linspace(-4, 4, 21), 1e-3  # 1, where Huber's loss has a corner, is not in
    near, far = (function(r + k * h) - function(r - k * h) for k in (1, 2))
    expected = (8 * near - far) / (12 * h)
    scale = np.abs(function(r)) + 1
    assert np.all(np.abs(derivative(r) - expected) < 1e-8 * scale)


@pytest.mark.parametrize(
    "alpha", [-30.0, -8.0, -2.0, -0.5, 0.0, 0.5, 1.0, 1.5, 3.0, 8.0]
)
@pytest.mark.parametrize("derivative", [rho_alpha, rho_c])
def test_derivative_in_a_parameter_is_that_of_differences(derivative, alpha):
    r, h = np.linspace(-4, 4, 21), 2e-3
    step = (h, 0) if derivative is rho_alpha else (0, h)
    near, far = (
        rho(r, alpha + k * step[0], 1.3 + k * step[1])
        - rho(r, alpha - k * step[0], 1.3 - k * step[1])
        for k in (1, 2)
    )
    expected = (8 * near - far) / (12 * h)
    scale = rho(r, alpha, 1.3) + 1
    assert np.all(np.abs(derivative(r, alpha, 1.3) - expected) < 1e-8 * scale)


@all_losses
def test_weight_is_psi_by_the_residual(one):
    r, c = RESIDUALS[RESIDUALS != 0], 0.7
    assert_allclose(one.weight(r, c), c**2 * one.psi(r, c) / r, rtol=1e-13)
    assert one.weight(0.0, c) == 1
    assert_allclose(one.curvature(0.0, c), 1 / c**2, rtol=1e-15)


@all_losses
def test_a_small_residual_is_squared(one):
    r = np.geomspace(1e-100, 1e-9, 30)
    assert_allclose(one.rho(r, 0.3) * 0.3 / r, r / 0.3 / 2, rtol=1e-15)


@all_losses
@pytest.mark.parametrize("c", [7.0, 2.0**230, 2.0**-230])
def test_scale_is_the_unit_of_the_residual(one, c):
    r = RESIDUALS
    assert_allclose(one.rho(c * r, c), one.rho(r), rtol=1e-12)
    assert_allclose(one.psi(c * r, c) * c, one.psi(r), rtol=1e-12)
    assert_allclose(one.weight(c * r, c), one.weight(r), rtol=1e-12)
    assert_allclose(
        one.curvature(c * r, c) * c * c, one.curvature(r), rtol=1e-11, atol=1e-14
    )


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("c", [7.0, 2.0**230, 2.0**-230])
def test_scale_is_the_unit_of_the_derivatives_in_parameters(alpha, c):
    r = RESIDUALS
    assert_allclose(rho_c(c * r, alpha, c) * c, rho_c(r, alpha), rtol=1e-12)
    assert_allclose(
        rho_alpha(c * r, alpha, c), rho_alpha(r, alpha), rtol=1e-11, atol=1e-300
    )


def test_kernels_are_even_and_grow_with_alpha_and_the_residual():
    r, alpha = RESIDUALS[:, None], np.array(ALPHAS)
    assert_array_equal(rho(-r, alpha), rho(r, alpha))
    assert_array_equal(psi(-r, alpha), -psi(r, alpha))
    assert_array_equal(weight(-r, alpha), weight(r, alpha))
    assert_array_equal(curvature(-r, alpha), curvature(r, alpha))
    assert_array_equal(rho_c(-r, alpha), rho_c(r, alpha))
    assert_array_equal(rho_alpha(-r, alpha), rho_alpha(r, alpha))
    assert np.all(rho_alpha(r, alpha) >= 0)
    assert np.all(rho_c(r, alpha) <= 0)
    values = rho(RESIDUALS[len(RESIDUALS) // 2 :, None], alpha)
    finite = np.where(np.isinf(values), 1e300, values)
    assert np.all(np.diff(finite, axis=1) >= -1e-15 * finite[:, 1:])
    assert np.all(np.diff(finite, axis=0) >= 0)


@all_losses
def test_a_loss_is_even_and_grows_with_the_residual(one):
    assert_array_equal(one.rho(-RESIDUALS), one.rho(RESIDUALS))
    assert_array_equal(one.psi(-RESIDUALS), -one.psi(RESIDUALS))
    assert_array_equal(one.weight(-RESIDUALS), one.weight(RESIDUALS))
    assert_array_equal(one.curvature(-RESIDUALS), one.curvature(RESIDUALS))
    values = one.rho(RESIDUALS[len(RESIDUALS) // 2 :])
    assert np.all(np.diff(values) >= 0)
    assert values[0] == 0


@pytest.mark.parametrize(
    ("one", "supremum"),
    [
        *((Member(a), 1 - 2 / a if a < 0 else np.inf) for a in ALPHAS if -1e9 < a < 2),
        *((Member(-np.inf), 1.0), (huber, np.inf), (bisquare, 1 / 6)),
    ],
)
def test_weight_and_rho_stay_within_their_bounds(one, supremum):
    r = np.r_[RESIDUALS, 1e10, 1e200, 1.7e308]
    assert np.all(one.weight(r) <= 1)
    assert np.all(one.weight(r) >= 0)
    with np.errstate(over="ignore"):
        squares = np.square(r) / 2
    assert np.all(one.rho(r) <= squares * (1 + 4 * EPS))
    assert np.all(one.rho(r) <= supremum * (1 + EPS))
    assert one.rho(np.inf) == pytest.approx(supremum, rel=EPS)
    family = General(one.alpha) if isinstance(one, Member) else one
    assert family.supremum == pytest.approx(supremum, rel=EPS)


@pytest.mark.parametrize(
    ("alpha", "limits"),  # in the order of KERNELS, at c = 3
    [
        (-np.inf, (1, 0, 0, 0, 0, 0)),
        (-1e300, (1, 0, 0, 0, 0, 0)),
        (-4.0, (1.5, 0, 0, 0, 0.125, 0)),
        (-1e-309, (np.inf, 0, 0, 0, np.inf, 0)),
        (0.0, (np.inf, 0, 0, 0, np.inf, -2 / 3)),
        (0.5, (np.inf, 0, 0, 0, np.inf, -np.inf)),
        (1.0, (np.inf, 1 / 3, 0, 0, np.inf, -np.inf)),
        (1.5, (np.inf, np.inf, 0, 0, np.inf, -np.inf)),
        (2.0, (np.inf, np.inf, 1, 1 / 9, np.inf, -np.inf)),
        (3.0, (np.inf, np.inf, np.inf, np.inf, np.inf, -np.inf)),
        (np.inf, (np.inf, np.inf, np.inf, np.inf, 0, -np.inf)),
        (np.nan, (np.nan,) * 6),
    ],
)
def test_an_infinite_residual_has_the_limit_and_nan_has_nan(alpha, limits):
    for kernel, limit in zip(KERNELS.values(), limits, strict=True):
        odd = -limit if kernel is psi else limit
        found = kernel([-np.inf, 1.0, np.nan, np.inf], alpha, 3.0)
        assert_allclose(found[[0, 2, 3]], [odd, np.nan, limit], rtol=1e-15)
        poles = alpha == 2 and kernel is rho_alpha
        assert np.isfinite(found[1]) == (not np.isnan(alpha) and not poles)
        assert np.isnan(kernel(1.0, alpha, np.nan))
        assert np.isnan(kernel(0.0, alpha, np.nan))


@pytest.mark.parametrize(
    ("kernel", "r", "alpha", "c", "expected"),
    [
        # mpmath.mp.dps = 60; u = mpf(r) / mpf(c); a = mpf(alpha); s = u**2 / abs(a - 2)
        # w = (1 + s) ** (a / 2 - 1), or exp(u**2 / 2) and exp(-(u**2) / 2) at +-inf
        # psi = u * w / c; curvature = w * (1 + (a - 1) * s) / (1 + s) / mpf(c) ** 2
        (curvature, 1e-100, 1.0, 1e-300, 0.99999999999999997),
        (curvature, 2e-67, -1.0, 1e-300, -1.2990381056766582e-99),
        (curvature, 1e300, -np.inf, 1e100, 0.0),
        (curvature, 1e90, -np.inf, 1e-60, 0.0),
        (psi, 1.0, -1.0, 1e-300, 5.196152422706632e-300),
        (psi, 1e-290, -0.02, 1e-300, 1.2835266285365256e290),
        (psi, 3.9e-59, -np.inf, 1e-60, 2.0422604153600644e-269),
        (psi, 2e56, np.inf, 5e54, 2.1810996576903384e294),
        (psi, 5.9e61, 1000.0, 1e60, 1.3933559264255457e267),
        (psi, 0.0, 0.0, 1e-300, 0.0),
        (curvature, 0.0, 0.0, 1e-300, np.inf),
        (curvature, 9e-71, -np.inf, 1e-120, 0.0),
        # rho_c = -u**2 * w / mpf(c); L = log1p(s); f = s / (1 + s)
        # rho_alpha = b / a**2 * (exp(a L / 2) * (a / 2 * (L - f) - f)
        #                         + expm1((a / 2 - 1) * L) / (a / 2 - 1))
        (rho_alpha, 45.0, 1e300, 1.0, 5.4087278009052961e-155),
        (rho_alpha, 1e-51, -3.0, 1e-3, 1.6666666666666665e-291),
        (rho_alpha, 1e300, -1e-3, 1.0, 304623.75014795155),
        (rho_c, 38.29474143238466, -7137580537980442.0, 1.0, -5.27988266157e-316),
        (rho_c, 1e300, 1e-3, 1e-300, -7.9554067177044112e300),
    ],
)
def test_a_result_in_range_has_terms_out_of_range(kernel, r, alpha, c, expected):
    assert kernel(r, alpha, c) == pytest.approx(expected, rel=1e-12, abs=5e-324)
    assert_array_equal(kernel([r, 1.0, r], alpha, c)[[0, 2]], kernel(r, alpha, c))


@pytest.mark.parametrize(
    ("kernel", "r", "alpha", "c", "expected"),
    [
        # As above
        (rho, 3.3e148, -1e8, 1.7e152, 1.8840830272338545e-08),
        (psi, 1e150, 1.7, 1.0, 8.3477260492659169e104),
        (
            *(rho_alpha, 4.369437043255761e117, 1.8456873052933187),
            *(0.0022339529574696227, 1.3605793591660314e224),
        ),
    ],
)
def test_a_huge_residual_keeps_its_digits(kernel, r, alpha, c, expected):
    assert kernel(r, alpha, c) == pytest.approx(expected, rel=2e-14, abs=0)


@pytest.mark.parametrize("alpha", [-9.0, -1.0, 0.5, 1.7])
def test_the_weight_of_a_huge_residual_is_its_power(alpha):
    r = np.geomspace(1e10, 1e25, 50)  # exp(p L) would have errors as large as p L
    power = np.hypot(1, r / np.sqrt(2 - alpha)) ** (alpha - 2)
    assert_allclose(weight(r, alpha), power, rtol=1e-14)


def test_a_residual_may_outrun_its_scale():
    # r / c = 1e600, and pseudo-Huber is |r / c| there; w = (u^2 / 2)^(a / 2 - 1)
    assert psi(1e300, 1.0, 1e-300) == pytest.approx(1e300, rel=1e-14)
    assert rho(1e300, 0.0, 1e-300) == pytest.approx(1200 * np.log(10) - np.log(2))
    assert rho(1e300, -2.0, 1e-300) == 2
    assert rho(1e300, 1.0, 1e-300) == np.inf


@all_kernels
def test_kernel_broadcasts_its_arguments(kernel):
    r, alpha, c = np.arange(4.0), np.array([[2.0], [0.0], [-np.inf]]), [1.0, 2, 1, 0.5]
    together = kernel(r, alpha, c)
    assert together.shape == (3, 4)
    rows = [kernel(r, a, c) for a in alpha[:, 0]]
    assert_allclose(together, rows, rtol=1e-14)
    alone = [[kernel(*lane) for lane in zip(r, [a] * 4, c, strict=True)] for a in alpha]
    assert_allclose(together, np.squeeze(alone), rtol=1e-14)
    assert kernel(r[:, None], 1.0, r + 1).shape == (4, 4)
    assert kernel(np.empty((0, 1, 4)), alpha, c).shape == (0, 3, 4)
    assert kernel(np.empty(0), 0.5).shape == (0,)


@all_kernels
def test_a_long_array_is_worked_out_block_by_block(kernel):
    n = 2 * BLOCK + 3
    rng = np.random.default_rng(0)
    r = 10 ** rng.uniform(-3, 3, n)
    r[BLOCK::17] = 0.0
    r[BLOCK + 1 :: 17] = 1e200
    alpha, c = rng.choice([-2.0, 0.0, 1.0, 2.0], n), rng.uniform(1, 2, n)
    some = np.r_[0:n:500, BLOCK : BLOCK + 20, n - 3 : n]
    assert_allclose(kernel(r, 1.0)[some], kernel(r[some], 1.0), rtol=1e-13)
    whole, part = kernel(r, alpha, c)[some], kernel(r[some], alpha[some], c[some])
    assert_allclose(whole, part, rtol=1e-13)
    columns = r[: n // 2 * 2].reshape(2, -1).T
    assert_array_equal(kernel(columns), kernel(np.ascontiguousarray(columns)))


@all_kernels
def test_kernel_keeps_the_kind_of_its_arguments(kernel):
    assert type(kernel(3)) is np.float64
    assert kernel([1, 2]).dtype == np.float64
    assert kernel(np.arange(3, dtype=np.int8), 1).dtype == np.float64
    single = np.arange(3, dtype=np.float32)
    assert kernel(single, 0.5, 2).dtype == np.float32
    assert kernel(single, single).dtype == np.float32
    assert kernel(single, np.arange(3.0)).dtype == np.float64
    assert type(kernel(np.float32(1))) is np.float32
    assert kernel(np.float16(1)).dtype == np.float64


def ulps(found, exact):
    """Return the error of float32 results in units of their last place."""
    with np.errstate(over="ignore", invalid="ignore"):
        nearest = np.float32(exact)
        errors = np.abs(found - exact) / np.spacing(np.abs(nearest)).astype(float)
    return np.where(found == nearest, 0.0, errors)


@pytest.mark.parametrize(
    "alpha",
    np.float32(
        [
            *(a for a in ALPHAS if abs(a) != 1e300),
            *(-8.0, -0.7, 1e-5, 0.1, 1.1, 1.34, 1.9, 30.0),
        ]
    ),
)
@all_kernels
def test_float32_is_exact_to_8_units_in_the_last_place(kernel, alpha):
    rng = np.random.default_rng(0)
    b = min(abs(float(alpha) - 2), 1e30) or 1.0
    for c in np.float32([0.7, 1e-8, 3e7, 1e-18, 1e16]):
        spread = np.r_[rng.uniform(-2, 2, 2000), rng.uniform(-25, 25, 500)]
        r = np.r_[RESIDUALS, np.sqrt(b) * 10**spread]
        with np.errstate(over="ignore"):
            r = np.float32(c * r)
        r = r[np.isfinite(r)]
        found = kernel(r, alpha, c)
        assert found.dtype == np.float32
        exact = kernel(np.float64(r), np.float64(alpha), np.float64(c))
        assert np.max(ulps(found, exact)) < 8


@pytest.mark.parametrize("alpha", np.float32([-np.inf, -3, 0, 0.5, 0.99]))
def test_float32_is_exact_next_to_the_zero_of_the_curvature(alpha):
    # Its float32 inputs are exact, and its digits those of float64 terms, so that
    # cancellation at the zero leaves enough: no residual but the zero is exempt.
    zero = np.sqrt((2 - alpha) / (1 - alpha)) if np.isfinite(alpha) else 1.0
    r = np.float32(zero) * (1 + np.arange(-50, 51) * np.finfo(np.float32).eps)
    r = np.float32(r)[np.float32(r) != 1]
    a, u2 = np.longdouble(alpha), np.square(np.longdouble(r))
    if np.isinf(alpha):
        exact = np.exp(-u2 / 2) * (1 - u2)
    else:
        s = u2 / (2 - a)
        exact = (1 + s) ** (a / 2 - 2) * (1 + (a - 1) * s)
    assert np.max(ulps(curvature(r, alpha), np.float64(exact))) < 8


@all_losses
def test_evaluate_is_the_separate_functions(one):
    r, c = np.r_[RESIDUALS, 1e100, np.nan], 0.6
    separate = [one.rho(r, c), one.psi(r, c), one.curvature(r, c)]
    for order in range(3):
        together = one.evaluate(r, c, order)
        assert len(together) == order + 1
        for value, other in zip(together, separate, strict=False):
            assert_allclose(value, other, rtol=4 * EPS)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_evaluate_adds_the_derivatives_in_parameters(alpha):
    r, c = np.r_[RESIDUALS, 1e100, np.nan], 0.6
    for order in range(3):
        separate = [kernel(r, alpha, c) for kernel in (rho, psi, curvature)]
        more = evaluate(r, alpha, c, order, parameters=True)
        assert len(more) == order + 3
        separate[order + 1 :] = [rho_alpha(r, alpha, c), rho_c(r, alpha, c)]
        for one, other in zip(more, separate, strict=True):
            assert_allclose(one, other, rtol=4 * EPS)


@all_kernels
def test_kernel_leaves_its_arguments_alone(kernel):
    r = np.r_[RESIDUALS, 1e-200, 1e200]
    arguments = r, np.linspace(-3, 3, r.size), np.linspace(1, 2, r.size)
    copies = [argument.copy() for argument in arguments]
    for argument in arguments:
        argument.flags.writeable = False
    kernel(*arguments)
    kernel(r, 1.0, 1.0)[0] = 5  # nor is the result a view of them
    assert_array_equal(arguments, copies)


def test_kernels_run_in_threads():
    r = np.random.default_rng(0).normal(size=3000)
    alphas = ALPHAS * 5
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda alpha: evaluate(r, alpha), alphas))
    for alpha, values in zip(alphas, found, strict=True):
        assert_array_equal(values, evaluate(r, alpha))


# Alpha for each row.


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("scale", ["one", "two", "by alpha", "each"])
@pytest.mark.parametrize(
    "shares",  # of the alphas 1, 2, -inf, NaN and others
    [(80, 20, 0, 0, 0), (40, 30, 20, 10, 0), (10, 5, 0, 0, 85), (96, 2, 1, 1, 0)],
)
def test_alpha_by_row_is_the_loss_at_each_alpha(shares, scale, order):
    rng = np.random.default_rng(0)
    n = BLOCK + 7000
    alpha = rng.uniform(1, 2, n)
    kind = rng.choice(5, n, p=np.array(shares) / 100)
    alpha = np.select([kind == k for k in range(4)], [1.0, 2.0, -np.inf, np.nan], alpha)
    r = rng.normal(size=n) * 10.0 ** rng.integers(-2, 3, n)
    r[::1000], r[1::1000] = 1e300, 0.0
    c = {
        "one": 0.7,
        "two": rng.choice([0.7, 1.3], n),
        "by alpha": np.where(alpha == 1, 0.7, 1.3),
        "each": rng.uniform(1, 2, n),
    }[scale]
    family = General(alpha)
    found = family.evaluate(r, c, order)
    assert len(found) == order + 1
    some = np.unique(np.r_[0:n:97, 0:n:1000, 1:n:1000, n - 50 : n])
    cs = np.broadcast_to(c, n)
    for k in some:
        expected = evaluate(r[k], alpha[k], cs[k], order)
        # next to the zero of the curvature, the terms' error
        assert_allclose([row[k] for row in found], expected, rtol=1e-13, atol=1e-15)
    assert_allclose(family.weight(r, c), weight(r, alpha, c), rtol=1e-15)
    rows = slice(60_000, 68_000)
    part = family.at(rows).evaluate(r[rows], cs[rows], order)
    for row, other in zip(found, part, strict=True):
        assert_allclose(other, row[rows], rtol=1e-13, atol=1e-15)


def test_alpha_by_row_may_hide_from_the_sample_what_is_common():
    alpha = np.ones(BLOCK)
    sampled = alpha[:: BLOCK // SAMPLE | 1]
    sampled[10:] = 2.0  # most of the sample, and next to none of the rows
    r = np.linspace(-3, 3, BLOCK)
    expected = np.where(alpha == 1, rho(r, 1.0), rho(r, 2.0))
    assert_allclose(rho(r, alpha), expected, rtol=1e-15)


def test_a_family_of_one_alpha_is_the_same_for_all_rows():
    for family in (General(-2.0), huber, bisquare):
        assert family.at(slice(3, 9)) is family
    assert General(np.array([-2.0, -np.inf, -4.0])).supremum == 2
    assert General(np.array([-2.0, 0.0])).supremum == np.inf
    assert General(np.array([-2.0, -4.0])).at(slice(1, 2)).supremum == 1.5


# The losses of Huber and of Tukey. In rational numbers they are exact.


def exact_curves(one, r, c):
    """Return rho, psi, weight and curvature as fractions."""
    u, c = Fraction(float(r)) / Fraction(float(c)), Fraction(float(c))
    inside, v, sign = abs(u) <= 1, u * u, -1 if u < 0 else 1
    if one is huber:
        if inside:
            return v / 2, u / c, Fraction(1), 1 / c**2
        return abs(u) - Fraction(1, 2), sign / c, 1 / abs(u), Fraction(0)
    if not inside:
        return Fraction(1, 6), Fraction(0), Fraction(0), Fraction(0)
    rest = 1 - v
    return (1 - rest**3) / 6, u * rest**2 / c, rest**2, rest * (1 - 5 * v) / c**2


@classical
@pytest.mark.parametrize("c", [1.0, 0.3, 2.7e-90, 1e-300, 1e90])
def test_a_classical_loss_is_exact(one, c):
    rng = np.random.default_rng(0)
    u = np.r_[-1, 0, 1, rng.uniform(-1.5, 1.5, 300), 10.0 ** rng.uniform(-9, 9, 100)]
    edges = np.r_[1 + EPS, 1 - EPS, np.sqrt(0.2)]
    r = np.r_[u, edges] * c
    for k, name in enumerate(CURVES):
        found = getattr(one, name)(r, c)
        exact = [exact_curves(one, x, c)[k] for x in r]
        # What the rounding of u = r / c does to a value near one of its zeros.
        unit = {"rho": 0, "psi": 1 / Fraction(c), "weight": 1}.get(
            name, 1 / Fraction(c) ** 2
        )
        for value, truth in zip(found, exact, strict=True):
            limit = 4 * Fraction(EPS) * abs(truth) + 8 * Fraction(EPS) * unit
            if abs(truth) > np.finfo(float).max:
                assert abs(value) == np.inf
            else:
                assert abs(Fraction(float(value)) - truth) <= limit + Fraction(5e-324)


@classical
@pytest.mark.parametrize("c", [1.0, 1e-300, 1e300])
def test_the_corner_of_a_classical_loss_belongs_inside(one, c):
    inside, outside = (1.0, 0.0) if one is huber else (0.0, 0.0)
    with np.errstate(over="ignore"):
        expected = np.float64(inside) / c / c
    at, beyond = np.array([-c, c]), np.array([-c, c]) * (1 + EPS)
    assert_array_equal(one.curvature(at, c), [expected] * 2)
    assert_array_equal(one.curvature(beyond, c), [outside] * 2)
    # As a float is printed: no minus before 0, where there is no sign.
    assert not np.signbit(one.curvature(beyond, c)).any()


@pytest.mark.parametrize(
    ("one", "limits"),  # in the order of CURVES, at c = 3
    [(huber, (np.inf, 1 / 3, 0, 0)), (bisquare, (1 / 6, 0, 0, 0))],
)
def test_a_classical_loss_has_its_limit_at_infinity_and_nan_at_nan(one, limits):
    for name, limit in zip(CURVES, limits, strict=True):
        curve, odd = getattr(one, name), -limit if name == "psi" else limit
        found = curve([-np.inf, 1.0, np.nan, np.inf], 3.0)
        assert_allclose(found[[0, 2, 3]], [odd, np.nan, limit], rtol=1e-15)
        assert np.isfinite(found[1])
        assert np.isnan(curve(0.0, np.nan))
        # r / c = 1e600, where only Huber's loss itself is out of range
        far, at_0 = curve([1e300, 0.0], 1e-300)
        c_limit = 1e300 if name == "psi" and one is huber else limit
        assert far == pytest.approx(c_limit, rel=1e-14)
        assert at_0 == {"weight": 1, "curvature": np.inf}.get(name, 0)


@classical
@pytest.mark.parametrize("name", CURVES)
def test_a_classical_loss_broadcasts_and_keeps_the_kind_of_its_arguments(one, name):
    curve = getattr(one, name)
    r, c = np.linspace(-2, 2, 2 * BLOCK + 3), np.array([[0.5], [1.5]])
    together = curve(r, c)
    assert_array_equal(together, [curve(r, 0.5), curve(r, 1.5)])
    assert_array_equal(together[1, ::999], [curve(x, 1.5) for x in r[::999]])
    columns = r[1:].reshape(2, -1).T
    assert_array_equal(curve(columns), curve(np.ascontiguousarray(columns)))
    assert curve(np.empty((0, 1, 4)), c).shape == (0, 2, 4)
    assert type(curve(3)) is np.float64
    assert type(curve(np.float32(1))) is np.float32
    single = np.float32(r)
    assert curve(single, 2).dtype == curve(single, c.astype("f")).dtype == np.float32
    assert curve(single, c).dtype == curve(np.float16(1)).dtype == np.float64
    exact = curve(np.float64(single), np.float64(np.float32(0.7)))
    assert np.max(ulps(curve(single, np.float32(0.7)), exact)) < 1
    r.flags.writeable = False
    curve(r)[0] = 5  # the result is no view of it


@classical
def test_a_classical_loss_is_one_value(one):
    assert pickle.loads(pickle.dumps(one)) is one
    assert repr(one) == f"loss.{one.name}"
    assert getattr(loss, one.name) is one


@pytest.mark.parametrize("f_scale", [1.0, 0.3])
def test_huber_in_the_convention_of_scipy(f_scale):
    r = np.array([0.1, -2.0, 30.0])
    cost = least_squares(
        lambda _: r.copy(), [0.0], loss="huber", f_scale=f_scale, max_nfev=1
    ).cost
    assert_allclose(cost, f_scale**2 * huber.rho(r, f_scale).sum())


# What the published implementations of this loss get wrong, by their float64 results.


def test_rho_next_to_alpha_0_is_that_of_cauchy():  # published: 0.0034
    assert rho(1.0, 1e-9) == pytest.approx(np.log(1.5), rel=1e-9)


def test_rho_alpha_at_alpha_0_is_not_0():  # published: 0
    assert rho_alpha(10.0, 0.0) == pytest.approx(2.3890964636062212, rel=1e-14)


def test_rho_alpha_at_alpha_2_is_not_0():  # published: 0
    assert rho_alpha(10.0, 2.0) == np.inf


def test_rho_at_a_huge_negative_alpha_is_that_of_welsch():  # published: 0
    assert rho(1.0, -1e17) == pytest.approx(-np.expm1(-0.5), rel=1e-15)


def test_rho_of_a_huge_residual_is_finite():  # published: inf
    assert rho(1e200, 1.0) == pytest.approx(1e200, rel=1e-15)


@pytest.mark.parametrize("alpha", [-np.inf, np.inf])
def test_no_derivative_is_nan_at_an_infinite_alpha(alpha):  # published: nan
    for kernel in KERNELS.values():
        assert np.all(np.isfinite(kernel(RESIDUALS, alpha)))
