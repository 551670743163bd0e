"""Tests of the errors that outliers do not decide."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression
from sklearn.metrics import make_scorer, mean_squared_error
from sklearn.model_selection import cross_val_score

from skrobust.robust_scores import (
    m_scale_error,
    tau_scale_error,
    trimmed_mean_squared_error,
)

RNG = np.random.default_rng(0)
Y = RNG.normal(size=(200, 2)) * [1.0, 50.0]
PREDICTED = Y + RNG.standard_t(2, size=Y.shape) * [1.0, 20.0] + 0.3
S = RNG.integers(0, 4, len(Y))
ERRORS = [trimmed_mean_squared_error, tau_scale_error, m_scale_error]
UNIT = {
    trimmed_mean_squared_error: 2,
    tau_scale_error: 1,
    m_scale_error: 1,
}  # power of that of y

every_error = pytest.mark.parametrize("error", ERRORS)


@pytest.mark.parametrize("trim", [0.0, 0.1, 0.5])
def test_trimmed_error_is_the_mean_of_the_smallest_squares(trim):
    squares = np.sort(np.square(Y[:, 0] - PREDICTED[:, 0]))[: round(200 * (1 - trim))]
    found = trimmed_mean_squared_error(Y[:, 0], PREDICTED[:, 0], trim=trim)
    assert found == pytest.approx(squares.mean(), rel=1e-13)


def test_untrimmed_error_is_the_mean_squared_error():
    expected = mean_squared_error(Y, PREDICTED, sample_weight=S)
    found = trimmed_mean_squared_error(Y, PREDICTED, trim=0, sample_weight=S)
    assert found == pytest.approx(expected, rel=1e-13)


def test_row_at_the_edge_counts_in_part():
    # 3.5 of 5 rows are kept: (0 + 1 + 4 + 9 / 2) / 3.5.
    found = trimmed_mean_squared_error([0] * 5, [3, 0, 1, 2, 4], trim=0.3)
    assert found == pytest.approx(9.5 / 3.5)


def test_tau_scale_is_its_formula_and_the_standard_deviation_of_normal_errors():
    sizes = np.abs(Y[:, 0] - PREDICTED[:, 0])
    s = 1.482602218505602 * np.median(sizes)
    # scipy.stats.norm.expect(lambda z: min(z * z, 9))
    expected = np.sqrt(np.minimum(sizes**2, 9 * s**2).mean() / 0.9950072780344535)
    assert tau_scale_error(Y[:, 0], PREDICTED[:, 0]) == pytest.approx(expected)
    normal = RNG.normal(scale=7.0, size=100_000)
    assert tau_scale_error(normal, 0 * normal) == pytest.approx(7.0, rel=0.01)


def test_m_scale_is_its_equation_and_the_standard_deviation_of_normal_errors():
    errors = Y[:, 0] - PREDICTED[:, 0]
    s = m_scale_error(Y[:, 0], PREDICTED[:, 0])
    # c0 = 1.547645 of the literature on S-estimators, at which this is 1 at the normal.
    u = np.clip(errors / (1.547645 * s), -1, 1)
    assert np.mean(1 - (1 - u**2) ** 3) == pytest.approx(0.5, rel=1e-6)
    normal = RNG.normal(scale=7.0, size=100_000)
    assert m_scale_error(normal, 0 * normal) == pytest.approx(7.0, rel=0.015)


@pytest.mark.parametrize("error", [tau_scale_error, m_scale_error])
def test_bias_is_an_error(error):
    assert error(np.zeros(100), RNG.normal(size=100) + 5) > 5


@pytest.mark.parametrize("share", [0.3, 0.45])
def test_m_scale_withstands_outliers_in_nearly_half_of_the_rows(share):
    y = RNG.normal(size=400)
    y[: int(share * 400)] = 1e6
    assert m_scale_error(y, 0 * y) < 6


@every_error
@pytest.mark.parametrize("value", [1e3, 1e9, 1e300])
def test_outliers_have_a_bounded_say(error, value):
    predicted = np.r_[RNG.normal(size=90), np.zeros(10)]
    y = np.r_[np.zeros(90), np.full(10, 100.0)]
    before = error(y, predicted)
    y[90:] = value
    assert error(y, predicted) == pytest.approx(before, rel=1e-12)
    assert 0.3 < before < 1.6


@every_error
def test_integer_weights_are_repeated_rows(error):
    repeated = error(np.repeat(Y, S, axis=0), np.repeat(PREDICTED, S, axis=0))
    assert_allclose(error(Y, PREDICTED, sample_weight=S), repeated, rtol=1e-12)
    assert_allclose(error(Y, PREDICTED, sample_weight=0.1 * S), repeated, rtol=1e-12)


@every_error
def test_rows_of_weight_zero_are_not_there(error):
    wild = np.where(S == 0, 1e200, PREDICTED[:, 0])
    found = error(Y[:, 0], wild, sample_weight=S)
    expected = error(Y[S > 0, 0], PREDICTED[S > 0, 0], sample_weight=S[S > 0])
    assert found == pytest.approx(expected, rel=1e-12)


@every_error
@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_error_has_the_unit_of_the_target(error, unit):
    found = error(unit * Y, unit * PREDICTED)
    assert_allclose(found, unit ** UNIT[error] * error(Y, PREDICTED), rtol=1e-12)


@every_error
def test_outputs_are_averaged_as_asked(error):
    single = [error(Y[:, j], PREDICTED[:, j]) for j in (0, 1)]
    assert_allclose(error(Y, PREDICTED, multioutput="raw_values"), single)
    assert_allclose(error(Y, PREDICTED), np.mean(single))
    assert_allclose(
        error(Y, PREDICTED, multioutput=[3, 1]), (3 * single[0] + single[1]) / 4
    )


def test_exact_predictions_have_no_error():
    assert tau_scale_error([1, 2, 3], [1, 2, 9]) == 0.0
    assert m_scale_error([1, 2, 3], [1, 2, 9]) == 0.0
    assert trimmed_mean_squared_error([1, 2, 3], [1, 2, 9], trim=0.4) == 0.0


@every_error
def test_as_a_scorer_greater_is_better(error):
    scorer = make_scorer(error, greater_is_better=False)
    scores = cross_val_score(LinearRegression(), PREDICTED, Y[:, 0], scoring=scorer)
    assert (scores < 0).all()


@pytest.mark.parametrize("trim", [-0.1, 1.0, np.nan, "10%", None])
def test_wrong_share_is_refused(trim):
    with pytest.raises(ValueError, match=r"trim must be a share .* Got"):
        trimmed_mean_squared_error(Y, PREDICTED, trim=trim)


@every_error
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((Y, PREDICTED[:, :1]), "as many outputs. Got 2 and 1"),
        ((Y, PREDICTED[1:]), "inconsistent numbers of samples"),
        ((Y, np.where(S[:, None] == 1, np.nan, Y)), "y_pred contains NaN"),
        (([], []), "minimum of 1 is required"),
    ],
)
def test_wrong_rows_are_refused(error, arguments, message):
    with pytest.raises(ValueError, match=message):
        error(*arguments)


@every_error
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_weight": np.zeros(200)}, "sample_weight is zero for every"),
        ({"sample_weight": -S}, "must not be negative"),
        ({"multioutput": "variance_weighted"}, "multioutput must be 'raw_values'"),
        ({"multioutput": [1, 2, 3]}, "multioutput must hold a weight for each"),
        ({"multioutput": [0, 0]}, "not all zero"),
    ],
)
def test_wrong_options_are_refused(error, options, message):
    with pytest.raises(ValueError, match=message):
        error(Y, PREDICTED, **options)
