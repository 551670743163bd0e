"""Tests of the loss kernels: limits, derivatives, invariances."""

import operator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import least_squares

from skrobust import loss
from skrobust._kernels import BLOCK
from skrobust.loss import (
    curvature,
    evaluate,
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
# scipy's name: our alpha, and c for a scale of 1
SCIPY_LOSSES = {
    "linear": (2.0, 1.0),
    "soft_l1": (1.0, 1.0),
    "cauchy": (0.0, 1 / np.sqrt(2)),
}

all_kernels = pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
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


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize(("function", "derivative"), [(rho, psi), (psi, curvature)])
def test_derivative_is_that_of_differences(function, derivative, alpha):
    r, h = np.linspace(-4, 4, 21), 1e-3
    near, far = (
        function(r + k * h, alpha) - function(r - k * h, alpha) for k in (1, 2)
    )
    expected = (8 * near - far) / (12 * h)
    scale = np.abs(function(r, alpha)) + 1
    assert np.all(np.abs(derivative(r, alpha) - expected) < 1e-8 * scale)


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


@pytest.mark.parametrize("alpha", ALPHAS)
def test_weight_is_psi_by_the_residual(alpha):
    r, c = RESIDUALS[RESIDUALS != 0], 0.7
    assert_allclose(weight(r, alpha, c), c**2 * psi(r, alpha, c) / r, rtol=1e-13)
    assert weight(0.0, alpha, c) == 1
    assert_allclose(curvature(0.0, alpha, c), 1 / c**2, rtol=1e-15)


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("c", [7.0, 2.0**230, 2.0**-230])
def test_scale_is_the_unit_of_the_residual(alpha, c):
    r = RESIDUALS
    assert_allclose(rho(c * r, alpha, c), rho(r, alpha), rtol=1e-12)
    assert_allclose(psi(c * r, alpha, c) * c, psi(r, alpha), rtol=1e-12)
    assert_allclose(weight(c * r, alpha, c), weight(r, alpha), rtol=1e-12)
    assert_allclose(
        curvature(c * r, alpha, c) * c * c, curvature(r, alpha), rtol=1e-11, atol=1e-14
    )
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


@pytest.mark.parametrize("alpha", [a for a in ALPHAS if a < 2])
def test_weight_and_rho_stay_within_their_bounds(alpha):
    r = np.r_[RESIDUALS, 1e10, 1e200, 1.7e308]
    assert np.all(weight(r, alpha) <= 1)
    assert np.all(weight(r, alpha) >= 0)
    with np.errstate(over="ignore"):
        squares = np.square(r) / 2
    assert np.all(rho(r, alpha) <= squares * (1 + 4 * EPS))
    if alpha < 0:
        supremum = 1 - 2 / alpha
        assert np.all(rho(r, alpha) <= supremum * (1 + EPS))


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


@pytest.mark.parametrize("alpha", ALPHAS)
def test_evaluate_is_the_separate_functions(alpha):
    r, c = np.r_[RESIDUALS, 1e100, np.nan], 0.6
    for order in range(3):
        separate = [kernel(r, alpha, c) for kernel in (rho, psi, curvature)]
        together = evaluate(r, alpha, c, order)
        assert len(together) == order + 1
        for one, other in zip(together, separate, strict=False):
            assert_allclose(one, other, rtol=4 * EPS)
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
