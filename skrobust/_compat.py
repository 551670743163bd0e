"""Every private scikit-learn name that the package uses, and its version switches.

Floor: scikit-learn 1.6. A name that becomes public, or moves, changes here only.
"""

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
    "StrOptions",
    "threadpool_controller",
    "validate_params",
]
