"""Robust and rare-target regression for scikit-learn."""

from skrobust import datasets, loss
from skrobust.bucket_plotting import BucketErrorDisplay
from skrobust.bucket_scorers import make_bucket_multi_scorer, make_bucket_scorer
from skrobust.buckets import TargetBuckets
from skrobust.conditioned import BucketConditioned, TargetConditioned
from skrobust.conformal import BucketConformalRegressor
from skrobust.density import DensityWeighter
from skrobust.distribution import general_dist
from skrobust.images import ImageTransformer
from skrobust.likelihood import GeneralFit, fit_general_dist, normality_score
from skrobust.linear import AdaptiveLossRegressor
from skrobust.linear_cv import AdaptiveLossRegressorCV
from skrobust.meta import TargetWeightedRegressor
from skrobust.metrics import (
    balanced_r2,
    bucket_error,
    bucket_report,
    shot_report,
)
from skrobust.mlp import AdaptiveLossMLPRegressor
from skrobust.model_selection import (
    BucketGroupKFold,
    BucketKFold,
    BucketShuffleSplit,
    RepeatedBucketKFold,
    bucket_train_test_split,
)
from skrobust.partition import fisher_information, log_partition
from skrobust.plotting import LossDisplay
from skrobust.relevance import RelevanceWeighter
from skrobust.relevance_metrics import (
    geometric_mean_error,
    sera,
    sera_curve,
    target_conditioned_error,
)
from skrobust.reweighted import ReweightedRegressor
from skrobust.robust_scores import (
    m_scale_error,
    tau_scale_error,
    trimmed_mean_squared_error,
)
from skrobust.search_plotting import LossSearchDisplay
from skrobust.trade_off import best_affordable
from skrobust.trade_off_plotting import TradeOffDisplay
from skrobust.tuning import breakdown_constant, tuning_constant
from skrobust.weight_plotting import TargetWeightDisplay
from skrobust.weighting import BucketWeighter

__version__ = "0.1.0"
__all__ = [
    "AdaptiveLossMLPRegressor",
    "AdaptiveLossRegressor",
    "AdaptiveLossRegressorCV",
    "BucketConditioned",
    "BucketConformalRegressor",
    "BucketErrorDisplay",
    "BucketGroupKFold",
    "BucketKFold",
    "BucketShuffleSplit",
    "BucketWeighter",
    "DensityWeighter",
    "GeneralFit",
    "ImageTransformer",
    "LossDisplay",
    "LossSearchDisplay",
    "RelevanceWeighter",
    "RepeatedBucketKFold",
    "ReweightedRegressor",
    "TargetBuckets",
    "TargetConditioned",
    "TargetWeightDisplay",
    "TargetWeightedRegressor",
    "TradeOffDisplay",
    "__version__",
    "balanced_r2",
    "best_affordable",
    "breakdown_constant",
    "bucket_error",
    "bucket_report",
    "bucket_train_test_split",
    "datasets",
    "fisher_information",
    "fit_general_dist",
    "general_dist",
    "geometric_mean_error",
    "log_partition",
    "loss",
    "m_scale_error",
    "make_bucket_multi_scorer",
    "make_bucket_scorer",
    "normality_score",
    "sera",
    "sera_curve",
    "shot_report",
    "target_conditioned_error",
    "tau_scale_error",
    "trimmed_mean_squared_error",
    "tuning_constant",
]
