"""Tests of the rule that bounds what the common pay."""

import pickle

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from skrobust import best_affordable

RESULTS = {
    "mean_test_neg_mae_macro": np.array([-9.0, -7.0, -6.0, -5.0]),
    "mean_test_neg_mae_mean": np.array([-4.0, -4.2, -4.4, -5.0]),
    "mean_fit_time": np.zeros(4),
}


@pytest.mark.parametrize(
    ("budget", "expected"), [(0, 0), (0.05, 1), (0.1, 2), (0.2, 2), (0.25, 3), (9, 3)]
)
def test_takes_the_best_score_within_the_budget(budget, expected):
    results = {k: v.copy() for k, v in RESULTS.items()}
    results["mean_test_neg_mae_mean"][1:3] -= -1e-9  # off the very edge
    assert best_affordable(budget=budget)(results) == expected


def test_of_equal_scores_the_cheaper_setting_is_taken():
    results = {
        "mean_test_s": np.array([-1.0, -1, -2]),
        "mean_test_c": -np.arange(3, 0, -1),
    }
    assert best_affordable("s", "c", budget=9)(results) == 1


@pytest.mark.parametrize(
    "column", ["mean_test_neg_mae_macro", "mean_test_neg_mae_mean"]
)
def test_a_setting_with_nan_takes_no_part(column):
    results = RESULTS | {column: RESULTS[column].copy()}
    results[column][0] = np.nan
    assert best_affordable(budget=0)(results) == 1


def test_works_as_refit_of_a_search_and_after_pickling():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = X @ [1.0, 2.0] + rng.normal(size=60)
    rule = pickle.loads(pickle.dumps(best_affordable("mae", "mse", budget=0.5)))
    scoring = {"mae": "neg_mean_absolute_error", "mse": "neg_mean_squared_error"}
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1e3]}, scoring=scoring, refit=rule)
    assert search.fit(X, y).best_params_ == {"alpha": 0.1}
    assert repr(rule) == "best_affordable('mae', 'mse', budget=0.5)"


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ({"mean_test_r2": [1]}, r"no score 'neg_mae_macro'; it has \['r2'\]\. Pass"),
        (
            {k: np.full(4, np.nan) for k in RESULTS},
            "No setting has both.*all are NaN.*error_score='raise'",
        ),
        (
            RESULTS | {"mean_test_neg_mae_mean": np.array([-1, 0.5, -1, -1])},
            "minus an error.*'neg_mae_mean' is positive",
        ),
    ],
)
def test_results_without_the_scores_are_named(results, message):
    with pytest.raises(ValueError, match=message):
        best_affordable()(results)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"budget": -0.1}, r"'budget' parameter.*\[0\.0, inf\).*Got -0\.1"),
        ({"budget": np.nan}, "'budget' parameter.*Got nan"),
        ({"score": 3}, "'score' parameter.*Got 3"),
    ],
)
def test_bad_parameters_are_named(params, message):
    with pytest.raises(ValueError, match=message):
        best_affordable(**params)
