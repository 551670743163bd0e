"""Robust and rare-target regression for scikit-learn."""

from skrobust import datasets, loss
from skrobust.buckets import TargetBuckets
from skrobust.linear import AdaptiveLossRegressor
from skrobust.meta import TargetWeightedRegressor
from skrobust.metrics import bucket_error, bucket_report, make_bucket_scorer
from skrobust.model_selection import BucketKFold
from skrobust.weighting import BucketWeighter

__version__ = "0.1.0"
__all__ = [
    "AdaptiveLossRegressor",
    "BucketKFold",
    "BucketWeighter",
    "TargetBuckets",
    "TargetWeightedRegressor",
    "__version__",
    "bucket_error",
    "bucket_report",
    "datasets",
    "loss",
    "make_bucket_scorer",
]
