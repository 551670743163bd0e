"""What the regressors around a regressor share: its tags, its features, their targets.

They hand the features on as they are, and check the targets alone: `validate_data`
would set the names of the features, which are the regressor's to set.
"""

from typing import Any

from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression
from sklearn.utils import check_array, column_or_1d, get_tags

__all__ = ["AroundRegressor"]


class AroundRegressor(RegressorMixin, BaseEstimator):
    """A regressor that is fitted by way of another, its parameter `regressor`."""

    regressor: Any
    regressor_: Any

    @property
    def n_features_in_(self) -> int:
        """Number of features seen in `fit`."""
        n: int = self._fitted().n_features_in_
        return n

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """Names of the features seen in `fit`."""
        names: NDArray[Any] = self._fitted().feature_names_in_
        return names

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self._regressor())
        tags.input_tags = inner.input_tags
        tags.regressor_tags = inner.regressor_tags or tags.regressor_tags
        tags.non_deterministic = inner.non_deterministic
        tags.target_tags.positive_only = inner.target_tags.positive_only
        return tags

    def _regressor(self) -> Any:
        """Return the regressor to fit."""
        return LinearRegression() if self.regressor is None else self.regressor

    def _fitted(self) -> Any:
        """Return a fitted regressor, which has seen the features."""
        return self.regressor_

    def _check_y(self, y: Any) -> NDArray[Any]:
        """Return the targets, finite: a vector, or the columns of several outputs.

        A single column is a vector, with a warning, unless there may be several.
        """
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None. Give one target a row."
            )
        checked: NDArray[Any] = check_array(
            y, ensure_2d=False, input_name="y", estimator=self
        )
        if checked.ndim == 2 and self._has_columns(checked):
            return checked
        vector: NDArray[Any] = column_or_1d(checked, warn=True)
        return vector

    def _has_columns(self, y: NDArray[Any]) -> bool:
        """Return whether the columns of a matrix are outputs."""
        return False
