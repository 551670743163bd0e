"""scikit-learn's own checks, over every public estimator. No failure is expected."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

import skrobust
from skrobust import (
    AdaptiveLossMLPRegressor,
    AdaptiveLossRegressor,
    AdaptiveLossRegressorCV,
    BucketConformalRegressor,
    ImageTransformer,
    ReweightedRegressor,
    TargetConditioned,
    TargetWeightedRegressor,
)

# scikit-learn, too, stops its own networks here: further on, rounding decides.
# Rows that are held out are drawn one by one: there, no weight is a repetition.
MLPS = [
    {},
    {"activation": "silu", "alpha": -2.0},
    {"activation": "tanh", "alpha": 2.0},
]
# Those around a regressor are in test_meta and test_reweighted around many others.
ESTIMATORS = [
    AdaptiveLossRegressor(),
    AdaptiveLossRegressor(0.5, "adaptive", start="annealed"),
    AdaptiveLossRegressor(-2.0, efficiency="auto"),
    AdaptiveLossRegressor(TargetConditioned(1.0)),
    AdaptiveLossRegressor(loss="huber"),
    AdaptiveLossRegressor(loss="bisquare"),
    *(AdaptiveLossRegressor(a) for a in (4.0, 2.0, 1.0, -np.inf)),
    AdaptiveLossRegressor(c=1.0, fit_intercept=False),
    AdaptiveLossRegressorCV([2.0, 0.0], [1.0, 3.0], l2s=[0.1], cv=3, random_state=0),
    TargetWeightedRegressor(AdaptiveLossRegressor("cauchy", c=1.0)),
    TargetWeightedRegressor(Ridge()),
    ReweightedRegressor(),
    BucketConformalRegressor(),
    *(AdaptiveLossMLPRegressor(max_iter=20, **p) for p in MLPS),
    ImageTransformer(),
    ImageTransformer("pixel"),
]
# Helpers of an estimator: they see targets, or nothing, but never features.
WITHOUT_FEATURES = {
    "TargetBuckets",
    "BucketWeighter",
    "DensityWeighter",
    "RelevanceWeighter",
}


# What an estimator says of data as small as that of these checks.
@pytest.mark.filterwarnings("ignore:.*A high-breakdown start needs:UserWarning")
@pytest.mark.filterwarnings("ignore:.*There are .* rows for:UserWarning")
@pytest.mark.filterwarnings("ignore:.*More than half of the rows:UserWarning")
@pytest.mark.filterwarnings("ignore:.*To learn alpha and c:UserWarning")
@pytest.mark.filterwarnings("ignore:.*Output [0-9]:UserWarning")
@pytest.mark.filterwarnings("ignore:.*too few for a coverage:UserWarning")
@pytest.mark.filterwarnings("ignore:The weights leave an effective:UserWarning")
@pytest.mark.filterwarnings("ignore:.* its rows exactly:UserWarning")
@pytest.mark.filterwarnings("ignore:max_iter=20 rounds were not enough")
@pytest.mark.filterwarnings("ignore:The fit stopped after max_iter=20")
@parametrize_with_checks(ESTIMATORS)
def test_sklearn_compatible(estimator, check):
    check(estimator)


def test_no_public_estimator_is_left_out():
    public = {
        name
        for name in skrobust.__all__
        if isinstance(value := getattr(skrobust, name), type)
        and issubclass(value, BaseEstimator)
    }
    assert public - WITHOUT_FEATURES - {"BucketConditioned", "TargetConditioned"} == {
        type(e).__name__ for e in ESTIMATORS
    }


@pytest.mark.parametrize("name", sorted(WITHOUT_FEATURES))
def test_helper_clones_and_prints(name):
    helper = getattr(skrobust, name)()
    assert repr(helper) == f"{name}()"
    assert type(helper)(**helper.get_params()).get_params() == helper.get_params()
