"""Tests of the loss kernels against exact values."""

import json
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
import pytest

from skrobust import loss

COLUMNS = {
    "rho": "rho",
    "psi": "drho_dx",
    "weight": "weight",
    "curvature": "d2rho_dx2",
    "rho_alpha": "drho_dalpha",
    "rho_c": "drho_dc",
}
EPS = np.finfo(np.float64).eps

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
        exact = {name: decimal(row[column]) for name, column in COLUMNS.items()}
        yield x, alpha, c, exact


REFERENCE = list(reference_rows())


def condition(name, x, alpha, c, exact):
    """Return the relative change of a kernel per relative change of r / c."""
    if x == 0 or exact[name] == 0 or not exact[name].is_finite():
        return 0
    u2 = (Decimal(x) / Decimal(c)) ** 2
    slope = u2 * exact["weight"]  # u d rho / du
    if name == "rho":
        return slope / exact["rho"]
    if np.isinf(alpha):
        s, growth = Decimal(0), u2.copy_sign(Decimal(alpha))
        m = growth  # (alpha - 1) s
    elif alpha == 2:
        return {"psi": 1, "weight": 0, "curvature": 0, "rho_c": 2}[name]
    else:
        a = Decimal(alpha)
        s = u2 / abs(a - 2)
        growth, m = (a - 2) * s / (1 + s), (a - 1) * s
    if name == "rho_alpha":
        return slope / 2 * ((1 + s).ln() - s / (1 + s)) / exact["rho_alpha"]
    bend = 2 * m / (1 + m) - 2 * s / (1 + s)
    powers = {"psi": 1, "weight": 0, "curvature": bend, "rho_c": 2}
    return abs(growth + powers[name])


def tolerance(name, x, alpha, c, exact):
    """Return the relative error that rounding r / c, and little more, accounts for."""
    with localcontext() as context:
        context.prec = 700  # at alpha = -1e308, 1 + m is 2e-308
        bound = EPS * (8 + 4 * float(condition(name, x, alpha, c, exact)))
    # The closed form of rho_alpha cancels: no term of it is as exact as the others.
    return max(bound, 1e-13) if name == "rho_alpha" else bound


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


@pytest.mark.parametrize("name", COLUMNS)
def test_kernel_meets_the_reference_everywhere(name):
    for x, alpha, c, exact in REFERENCE:
        found = getattr(loss, name)(x, alpha, c)
        assert error(found, exact[name]) <= tolerance(name, x, alpha, c, exact)


@pytest.mark.parametrize("name", COLUMNS)
def test_kernel_meets_the_reference_with_an_alpha_and_c_for_each_residual(name):
    columns = (np.array(column) for column in list(zip(*REFERENCE, strict=True))[:3])
    found = getattr(loss, name)(*columns)
    for value, (x, alpha, c, exact) in zip(found, REFERENCE, strict=True):
        assert error(value, exact[name]) <= tolerance(name, x, alpha, c, exact)
