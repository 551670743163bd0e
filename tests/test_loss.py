"""Tests of the loss kernels: exact values, limits, derivatives, invariances."""

import json
import operator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import least_squares

from skrobust import loss
from skrobust.loss import curvature, evaluate, psi, rho, weight

KERNELS = {"rho": rho, "psi": psi, "weight": weight, "curvature": curvature}
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


def decimal(text):
    """Return a number; one that needs thousands of digits is 0 or inf."""
    exponent = int(text.partition("e")[2] or 0)
    return Decimal(float(text)) if abs(exponent) > 9999 else Decimal(text)


def reference_rows():
    data = json.loads(
        (Path(__file__).parent / "data" / "loss_points.json").read_text("utf-8")
    )
    for values in data["points"]:
        row = dict(zip(data["columns"], values, strict=True))
        x, alpha, c = (float.fromhex(row[k + "_hex"]) for k in ("x", "alpha", "c"))
        names = ("rho", "drho_dx", "weight", "d2rho_dx2")
        exact = dict(zip(KERNELS, (decimal(row[name]) for name in names), strict=True))
        yield x, alpha, c, exact


REFERENCE = list(reference_rows())


def condition(name, x, alpha, c, exact):
    """Return the relative change of a kernel per relative change of r / c."""
    if x == 0:
        return 0
    u2 = (Decimal(x) / Decimal(c)) ** 2
    slope = u2 * exact["weight"]  # u d rho / du
    if name == "rho":
        return slope / exact["rho"]
    if np.isinf(alpha):
        s, growth = Decimal(0), u2.copy_sign(Decimal(alpha))
        m = growth  # (alpha - 1) s
    elif alpha == 2:
        return {"psi": 1, "weight": 0, "curvature": 0}[name]
    else:
        a = Decimal(alpha)
        s = u2 / abs(a - 2)
        growth, m = (a - 2) * s / (1 + s), (a - 1) * s
    bend = 2 * m / (1 + m) - 2 * s / (1 + s)
    return abs({"psi": 1 + growth, "weight": growth, "curvature": growth + bend}[name])


def tolerance(name, x, alpha, c, exact):
    """Return the relative error that rounding r / c, and little more, accounts for."""
    with localcontext() as context:
        context.prec = 700  # at alpha = -1e308, 1 + m is 2e-308
        return EPS * (8 + 4 * float(condition(name, x, alpha, c, exact)))


def error(value, exact):
    """Return the relative error, 0 where the double nearest to the truth is met."""
    value = float(value)
    if value == float(exact):
        return 0.0
    if not np.isfinite(value):
        return np.inf
    slack = Decimal(2 * 5e-324)  # rounding of a subnormal
    miss = abs(Decimal(value) - exact)
    return float((miss - slack) / abs(exact)) if miss > slack else 0.0


@pytest.mark.parametrize("name", KERNELS)
def test_kernel_meets_the_reference_everywhere(name):
    for x, alpha, c, exact in REFERENCE:
        found = KERNELS[name](x, alpha, c)
        assert error(found, exact[name]) <= tolerance(name, x, alpha, c, exact)


@pytest.mark.parametrize("name", KERNELS)
def test_kernel_meets_the_reference_with_an_alpha_and_c_for_each_residual(name):
    columns = (np.array(column) for column in list(zip(*REFERENCE, strict=True))[:3])
    found = KERNELS[name](*columns)
    for value, (x, alpha, c, exact) in zip(found, REFERENCE, strict=True):
        assert error(value, exact[name]) <= tolerance(name, x, alpha, c, exact)


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
@all_kernels
def test_kernel_is_continuous_in_alpha(kernel, alpha, limit):
    r = RESIDUALS[np.abs(RESIDUALS) > 1e-3]  # nearer to 2, slower: b log(u / b)
    assert_allclose(kernel(r, alpha), kernel(r, limit), rtol=1e-7)


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


def test_kernels_are_even_and_grow_with_alpha_and_the_residual():
    r, alpha = RESIDUALS[:, None], np.array(ALPHAS)
    assert_array_equal(rho(-r, alpha), rho(r, alpha))
    assert_array_equal(psi(-r, alpha), -psi(r, alpha))
    assert_array_equal(weight(-r, alpha), weight(r, alpha))
    assert_array_equal(curvature(-r, alpha), curvature(r, alpha))
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
    ("alpha", "limits"),
    [
        (-np.inf, (1, 0, 0, 0)),
        (-4.0, (1.5, 0, 0, 0)),
        (0.0, (np.inf, 0, 0, 0)),
        (0.5, (np.inf, 0, 0, 0)),
        (1.0, (np.inf, 1 / 3, 0, 0)),
        (1.5, (np.inf, np.inf, 0, 0)),
        (2.0, (np.inf, np.inf, 1, 1 / 9)),
        (3.0, (np.inf, np.inf, np.inf, np.inf)),
        (np.inf, (np.inf, np.inf, np.inf, np.inf)),
        (np.nan, (np.nan,) * 4),
    ],
)
def test_an_infinite_residual_has_the_limit_and_nan_has_nan(alpha, limits):
    for kernel, limit in zip(KERNELS.values(), limits, strict=True):
        odd = -limit if kernel is psi else limit
        found = kernel([-np.inf, 1.0, np.nan, np.inf], alpha, 3.0)
        assert_allclose(found[[0, 2, 3]], [odd, np.nan, limit], rtol=1e-15)
        assert np.isfinite(found[1]) == (not np.isnan(alpha))
        assert np.isnan(kernel(1.0, alpha, np.nan))


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
    ],
)
def test_a_result_in_range_has_terms_out_of_range(kernel, r, alpha, c, expected):
    assert kernel(r, alpha, c) == pytest.approx(expected, rel=1e-12, abs=0)
    assert_array_equal(kernel([r, 1.0, r], alpha, c)[[0, 2]], kernel(r, alpha, c))


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
    n = 2 * loss._BLOCK + 3
    rng = np.random.default_rng(0)
    r = 10 ** rng.uniform(-3, 3, n)
    r[loss._BLOCK :: 17] = 0.0
    r[loss._BLOCK + 1 :: 17] = 1e200
    alpha, c = rng.choice([-2.0, 0.0, 1.0, 2.0], n), rng.uniform(1, 2, n)
    some = np.r_[0:n:500, loss._BLOCK : loss._BLOCK + 20, n - 3 : n]
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


@pytest.mark.parametrize("alpha", [*np.float32(ALPHAS[::2]), np.float32(0.1)])
@all_kernels
def test_float32_is_exact_to_its_last_digit(kernel, alpha):
    r = np.r_[np.float32(RESIDUALS), np.geomspace(31, 1e12, 30, dtype=np.float32)]
    c = np.float32(0.7)
    exact = kernel(np.float64(r), np.float64(alpha), np.float64(c))
    with np.errstate(over="ignore"):
        expected = exact.astype(np.float32)
    found = kernel(r, alpha, c)
    assert found.dtype == np.float32
    assert_allclose(found, expected, rtol=2e-7, atol=2e-45)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_evaluate_is_the_separate_functions(alpha):
    r, c = np.r_[RESIDUALS, 1e100, np.nan], 0.6
    separate = [kernel(r, alpha, c) for kernel in (rho, psi, curvature)]
    for order in range(3):
        together = evaluate(r, alpha, c, order)
        assert len(together) == order + 1
        for one, other in zip(together, separate, strict=False):
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
