"""Tests of the partition function: exact values, derivatives, limits, bad input."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import k1, kv

from skrobust import fisher_information, loss
from skrobust import log_partition as log_z

DATA = json.loads(
    (Path(__file__).parent / "data" / "density_points.json").read_text("utf-8")
)
EULER = 0.5772156649015329  # mpmath.euler

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def floating_point_errors_raise():
    """Let every overflow, division by zero and invalid operation fail the test."""
    with np.errstate(all="raise", under="ignore"):
        yield


def column(rows, i, convert=float):
    return np.array([convert(row[i]) for row in rows])


ALPHA = column(DATA["log_z"], 0, float.fromhex)
SMOOTH = [row for row in DATA["log_z"] if row[2] is not None]
SMOOTH_ALPHA = column(SMOOTH, 0, float.fromhex)


def test_log_partition_meets_the_reference():
    assert_allclose(log_z(ALPHA), column(DATA["log_z"], 1), rtol=0, atol=4e-15)


@pytest.mark.parametrize(("order", "rtol"), [(1, 1e-12), (2, 1e-10)])
def test_derivatives_meet_the_reference(order, rtol):
    found = log_z(SMOOTH_ALPHA, derivative=order)
    expected = column(SMOOTH, 1 + order)  # 0 where the value is below all floats
    assert_allclose(found, expected, rtol=rtol, atol=1e-322)


def test_log_partition_on_a_support_meets_the_reference():
    rows = DATA["log_z_truncated"]
    found = log_z(column(rows, 0), support=column(rows, 1))
    assert_allclose(found, column(rows, 2), rtol=0, atol=4e-15)


@pytest.mark.parametrize(
    ("alpha", "z"),
    [
        (0.0, np.pi * np.sqrt(2)),
        (1.0, 2 * np.e * k1(1.0)),
        (2.0, np.sqrt(2 * np.pi)),
        (4.0, np.exp(0.25) * kv(0.25, 0.25)),
        (np.inf, 2.0243734685084868),  # mpmath, the integral of exp(1 - e**(u**2 / 2))
    ],
)
def test_log_partition_where_it_has_a_closed_form(alpha, z):
    assert log_z(alpha) == pytest.approx(np.log(z), abs=1e-14)  # that of kv


def test_slope_at_0_is_that_of_the_closed_form():
    expected = -(np.log(2) ** 2 + np.pi**2 / 12 - np.log(2) + 0.25)
    for alpha in (0.0, 5e-324, 1e-300, 1e-17):
        assert log_z(alpha, derivative=1) == pytest.approx(expected, rel=1e-12)


def test_tangent_is_vertical_at_2():
    assert log_z(2.0, derivative=1) == -np.inf
    assert np.isnan(log_z(2.0, derivative=2))
    assert_array_equal(log_z([2.0, 1.0], derivative=2)[0], np.nan)
    # log Z' = (log b + 2 - psi(3/2) - log 2) / 4, and psi(3/2) = 2 - euler - 2 log 2
    b = np.array([1e-6, 1e-9, 1e-12])
    for alpha in (2 - b, 2 + b):
        gap = np.abs(alpha - 2)  # b but for the rounding of alpha
        expected = (np.log(gap) + EULER + np.log(2)) / 4
        assert_allclose(log_z(alpha, derivative=1), expected, atol=1e-5)
        assert_allclose(np.abs(log_z(alpha, derivative=2)) * 4 * gap, 1, atol=1e-4)


@pytest.mark.parametrize("support", [None, 3.0])
@pytest.mark.parametrize("order", [1, 2])
def test_derivative_is_that_of_differences(order, support):
    alpha, h = np.array([0.2, 0.5, 1.0, 1.7, 2.4, 3.0, 9.0]), 2e-3
    if support is not None:
        alpha = np.r_[-30.0, -2.0, -0.5, 0.0, alpha]
    lower = [log_z(alpha + k * h, order - 1, support=support) for k in (-2, -1, 1, 2)]
    expected = (8 * (lower[2] - lower[1]) - (lower[3] - lower[0])) / (12 * h)
    found = log_z(alpha, order, support=support)
    assert_allclose(found, expected, rtol=2e-7, atol=1e-9)


def test_log_partition_falls_and_flattens():
    alpha = np.sort(np.r_[0, np.geomspace(1e-6, 1e6, 200), 2 + np.linspace(-1, 1, 51)])
    assert np.all(np.diff(log_z(alpha)) < 0)
    big = np.array([1e4, 1e8, 1e100, np.inf])
    assert_allclose(
        log_z(big), 0.70526025441756968826 + 0.0975705239 / (big - 2), atol=1e-8
    )
    assert_array_equal(log_z(np.inf, derivative=1), 0.0)


def test_log_partition_works_lane_by_lane():
    alpha = np.linspace(0, 6, 600).reshape(2, 300)
    together = log_z(alpha)
    assert together.shape == (2, 300)
    alone = [[log_z(a) for a in row] for row in alpha[:, ::50]]
    assert_allclose(together[:, ::50], alone, rtol=1e-15)
    assert type(log_z(1)) is np.float64
    assert log_z([]).shape == (0,)
    assert log_z([[1.0], [-1.0]], support=[1.0, 2.0, 3.0]).shape == (2, 3)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 1.9, 2.0, 3.0, np.inf])
def test_a_wide_support_is_the_whole_line(alpha):
    whole = log_z(alpha)
    if alpha == 0:  # what lies beyond is 2 arctan(sqrt(2) / T) sqrt(2)
        rest = 2**1.5 * np.arctan(np.sqrt(2) / 1e4)
        assert np.exp(log_z(0.0, support=1e4)) + rest == pytest.approx(np.exp(whole))
        alpha = 1e-300
    assert log_z(alpha, support=1e30) == pytest.approx(whole, abs=4e-15)
    assert log_z(alpha, support=np.inf) == pytest.approx(whole, abs=4e-15)


@pytest.mark.parametrize(
    "alpha", [-np.inf, -1e300, -7.0, -0.5, -1e-3, 0.0, 1.0, np.inf]
)
@pytest.mark.parametrize("support", [1e-200, 1e-3, 1.0, 40.0, 1e6, 1e12])
def test_truncated_integral_is_that_of_a_fine_rule(alpha, support):
    # Gauss and Legendre on panels that double in width, from where rho is 0.
    x, w = np.polynomial.legendre.leggauss(20)
    edges = support * np.r_[0, 2.0 ** np.arange(-80, 1)]
    half = np.diff(edges)[:, None] / 2
    u = edges[:-1, None] + half * (1 + x)
    with np.errstate(over="ignore"):
        expected = 2 * np.sum(half * w * np.exp(-loss.rho(u, alpha)))
    assert log_z(alpha, support=support) == pytest.approx(np.log(expected), abs=1e-12)


# mpmath, from the formulas in the docstring: location, c, alpha, alpha and c
INFORMATION = {
    0.0: (0.25, 0.5, 8.9287, -0.81815),
    0.5: (0.34918, 0.90459, 0.52540, -0.51965),
    1.0: (0.45459, 1.24489, 0.28273, -0.50843),
    1.5: (0.60937, 1.59014, 0.29119, -0.62679),
    1.9: (0.85126, 1.90627, 0.73919, -1.15207),
    1.99: (0.97353, 1.99009, 2.4552, -2.1884),
    3.0: (1.66180, 2.58556, 0.016915, -0.19242),
    8.0: (2.13154, 3.19617, 8.93e-5, -0.01509),
}


@pytest.mark.parametrize(("alpha", "known"), INFORMATION.items())
def test_fisher_information_is_the_known_one(alpha, known):
    matrix = fisher_information(alpha)
    found = [matrix[i] for i in ((0, 0), (2, 2), (1, 1), (1, 2))]
    assert_allclose(found, known, rtol=1e-4, atol=6e-6)
    assert_array_equal(matrix, matrix.T)
    assert_array_equal(matrix[0, 1:], 0)


def test_fisher_information_where_alpha_is_known_too_well_or_not_at_all():
    assert_allclose(
        fisher_information(2.0),
        [[1, 0, 0], [0, np.inf, -np.inf], [0, -np.inf, 2]],
        atol=1e-13,
    )
    at_inf = fisher_information(np.inf)
    assert_array_equal(at_inf[1], 0)
    assert_allclose(at_inf, fisher_information(1e6), atol=1e-4)


def test_fisher_information_has_the_units_of_its_parameters():
    alpha, c = np.array([[0.5], [1.0]]), np.array([1.0, 1e-6, 30.0])
    matrices = fisher_information(alpha, c)
    assert matrices.shape == (2, 3, 3, 3)
    for i in range(2):
        for j in range(3):
            unit = np.diag([1 / c[j], 1, 1 / c[j]])
            expected = unit @ fisher_information(alpha[i, 0]) @ unit
            assert_allclose(matrices[i, j], expected, rtol=1e-13)


@pytest.mark.parametrize("alpha", [-1e-300, -2.0, -np.inf, np.nan, [1.0, -3.0]])
def test_there_is_no_density_for_negative_alpha(alpha):
    wrong = "nan" if np.isnan(alpha).any() else "-"
    for function in (log_z, fisher_information):
        with pytest.raises(ValueError, match=rf"alpha must be in \[0, inf\].*{wrong}"):
            function(alpha)


@pytest.mark.parametrize("alpha", [-np.inf, -1.0, -1e-9, 0.0, 2.0, np.inf])
def test_a_small_support_has_a_flat_density(alpha):
    support = np.array([5e-324, 1e-315, 1e-308, 1e-199, 1e-99])
    expected = np.log(2) + np.log(support)
    assert_allclose(log_z(alpha, support=support), expected, rtol=1e-15)
    if alpha != 2:
        assert_array_equal(log_z(alpha, 1, support=support), 0)


@pytest.mark.parametrize("support", [1e155, 1e300])
def test_a_wide_support_has_the_floor_of_the_density(support):
    # At alpha = -1 rho tends to 3, and (2 - alpha) / -alpha has derivatives 2 and 4.
    expected = np.log(2) + np.log(support) - 3
    assert log_z(-1.0, support=support) == pytest.approx(expected, rel=1e-14)
    assert log_z(-1.0, 1, support=support) == pytest.approx(-2, rel=1e-9)
    assert log_z(-1.0, 2, support=support) == pytest.approx(-4, rel=1e-9)
    # So near 0 the floor exp(-2e9) has no share.
    for order in (0, 1, 2):
        near = log_z(-1e-9, order, support=support)
        assert near == pytest.approx(log_z(0.0, order), rel=1e-7)


def test_information_about_a_tiny_scale():
    matrix = fisher_information([1.0, 2.0], 1e-200)
    assert_array_equal(matrix[:, 0, 1:], 0)
    assert_array_equal(matrix[:, 0, 0], np.inf)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"alpha must be a number.*Got 'cauchy'"):
        log_z("cauchy")
    for support in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="support must be positive"):
            log_z(1.0, support=support)
    with pytest.raises(ValueError, match="finite where alpha is negative"):
        log_z([1.0, -1.0], support=np.inf)
    with pytest.raises(ValueError, match=r"alpha must be in \[-inf, inf\]. Got nan"):
        log_z(np.nan, support=1.0)
    with pytest.raises(ValueError, match=r"derivative must be 0, 1 or 2\. Got 3"):
        log_z(1.0, derivative=3)
    for c in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="c must be positive and finite"):
            fisher_information(1.0, c)
