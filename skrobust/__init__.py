"""Robust and rare-target regression for scikit-learn."""

from skrobust import datasets, loss
from skrobust.buckets import TargetBuckets
from skrobust.conditioned import TargetConditioned
from skrobust.distribution import general_dist
from skrobust.likelihood import GeneralFit, fit_general_dist, normality_score
from skrobust.linear import AdaptiveLossRegressor
from skrobust.linear_cv import AdaptiveLossRegressorCV
from skrobust.meta import TargetWeightedRegressor
from skrobust.metrics import bucket_error, bucket_report, make_bucket_scorer
from skrobust.model_selection import BucketKFold
from skrobust.partition import fisher_information, log_partition
from skrobust.plotting import LossDisplay
from skrobust.robust_scores import (
    m_scale_error,
    tau_scale_error,
    trimmed_mean_squared_error,
)
from skrobust.search_plotting import LossSearchDisplay
from skrobust.tuning import breakdown_constant, tuning_constant
from skrobust.weighting import BucketWeighter

__version__ = "0.1.0"
__all__ = [
    "AdaptiveLossRegressor",
    "AdaptiveLossRegressorCV",
    "BucketKFold",
    "BucketWeighter",
    "GeneralFit",
    "LossDisplay",
    "LossSearchDisplay",
    "TargetBuckets",
    "TargetConditioned",
    "TargetWeightedRegressor",
    "__version__",
    "breakdown_constant",
    "bucket_error",
    "bucket_report",
    "datasets",
    "fisher_information",
    "fit_general_dist",
    "general_dist",
    "log_partition",
    "loss",
    "m_scale_error",
    "make_bucket_scorer",
    "normality_score",
    "tau_scale_error",
    "trimmed_mean_squared_error",
    "tuning_constant",
]
