"""Every private name of other libraries that the package uses, and version switches.

Floors: scikit-learn 1.6, scipy 1.14. A name that becomes public, or moves, changes here
only.
"""

from inspect import signature

from scipy.stats._distn_infrastructure import _ShapeInfo as ShapeInfo
from sklearn.ensemble._bagging import _generate_bagging_indices
from sklearn.metrics._scorer import _BaseScorer as BaseScorer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_params,
)
from sklearn.utils.parallel import _get_threadpool_controller as threadpool_controller
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in

try:  # scikit-learn 1.9
    from sklearn.callback import CallbackSupportMixin, with_callbacks

    FRAMES_ADDED = 1  # by `with_callbacks`, between a method and who calls it
except ImportError:
    FRAMES_ADDED = 0

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """No callbacks before scikit-learn 1.9."""

        def _init_callback_context(self, **options):
            return None

    def with_callbacks(method):
        """Return a method as it is."""
        return method


# Does a BaggingRegressor draw its rows by sample_weight, or hand it to its members?
BAGGING_DRAWS_BY_WEIGHT = (
    "sample_weight" in signature(_generate_bagging_indices).parameters
)

__all__ = [
    "BAGGING_DRAWS_BY_WEIGHT",
    "FRAMES_ADDED",
    "BaseScorer",
    "BaseSearchCV",
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "ShapeInfo",
    "StrOptions",
    "check_feature_names_in",
    "metric_of",
    "safe_indexing",
    "threadpool_controller",
    "validate_params",
    "with_callbacks",
]


def metric_of(scorer):
    """Return the function of targets and predictions that a scorer calls."""
    return scorer._score_func
