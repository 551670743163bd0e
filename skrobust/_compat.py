"""Every private name of other libraries that the package uses, and version switches.

Floors: scikit-learn 1.6, scipy 1.14. A name that becomes public, or moves, changes here
only.
"""

from scipy.stats._distn_infrastructure import _ShapeInfo as ShapeInfo
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_params,
)
from sklearn.utils.parallel import _get_threadpool_controller as threadpool_controller

__all__ = [
    "BaseSearchCV",
    "HasMethods",
    "Interval",
    "ShapeInfo",
    "StrOptions",
    "threadpool_controller",
    "validate_params",
]
