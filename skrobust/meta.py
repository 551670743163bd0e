"""Regressors around a regressor: they see the targets that its training fold sees."""

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRequest, get_routing_for_object
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

from skrobust._compat import BaseSearchCV, HasMethods
from skrobust.buckets import check_weights
from skrobust.weighting import BucketWeighter

__all__ = ["TargetWeightedRegressor"]


class TargetWeightedRegressor(RegressorMixin, BaseEstimator):
    """Fit any regressor with weights made from how rare its training targets are.

    The weights are made from the `y` that `fit` sees: in cross-validation those of the
    training fold alone. Nothing else in scikit-learn can: a Pipeline step cannot emit
    weights, and weights made before the split have seen the test fold.

    Parameters
    ----------
    regressor : estimator, default=None
        What to fit: a regressor whose `fit` takes `sample_weight`, or a Pipeline,
        TransformedTargetRegressor or grid search that ends in one. It is cloned.
        None is LinearRegression().
    weighter : weighter, default=None
        What makes the weights, by ``fit(y, sample_weight)`` and ``transform(y)``. It
        is cloned. None is BucketWeighter().

    Attributes
    ----------
    regressor_ : estimator
        The fitted regressor.
    weighter_ : weighter
        The fitted weighter: ``weighter_.transform(y)`` are the weights.
    n_features_in_ : int
        Number of features seen in `fit`, as `regressor_` has it.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if `regressor_` has them.

    See Also
    --------
    BucketWeighter : Weights by bucket of the target.
    make_bucket_scorer : The score to choose the weighter by.

    Notes
    -----
    A `sample_weight` given to `fit` counts the targets for the weighter, and the last
    regressor gets its product with the weights, which has the same total.

    With metadata routing off, the transformers of an inner Pipeline never get the
    weights of the targets. Those that take `sample_weight` get the one given to `fit`,
    if any, so that a row of weight 2 is two rows to them too. With metadata routing
    on, the product goes to whatever requests `sample_weight`, and the last regressor
    of a Pipeline must: ``Ridge().set_fit_request(sample_weight=True)``.

    A TransformedTargetRegressor around this one hands it transformed targets, and the
    buckets are of those. To have them in the units of `y`, put it inside.

    Regressors with early stopping hold out weighted rows and stop by their weighted
    loss. A grid search inside fits by the weights and, in recent scikit-learn, may
    score by them; one outside scores every row the same unless its scorer says else.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skrobust import BucketWeighter, TargetWeightedRegressor
    >>> X, y = [[0], [1], [2], [3], [4], [5]], [0, 1, 2, 3, 4, 50]
    >>> model = make_pipeline(StandardScaler(), Ridge())
    >>> model.fit(X, y).predict([[5]]).round()
    array([26.])
    >>> weighted = TargetWeightedRegressor(model, BucketWeighter([10, 40]))
    >>> weighted.fit(X, y).predict([[5]]).round()
    array([41.])
    """

    _parameter_constraints: dict = {
        "regressor": [HasMethods("fit"), None],
        "weighter": [HasMethods(["fit", "transform"]), None],
    }

    # Weights are what this estimator is for: with metadata routing it asks for them.
    __metadata_request__fit = {"sample_weight": True}

    def __init__(self, regressor=None, weighter=None):
        self.regressor = regressor
        self.weighter = weighter

    def fit(self, X, y, sample_weight=None):
        """Make the weights and fit the regressor with them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features, passed on as they are.
        y : array-like of shape (n_samples,)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample, not negative and not all zero.

        Returns
        -------
        self : TargetWeightedRegressor
            The fitted estimator.
        """
        self._validate_params()
        regressor = clone(self._regressor())
        weighter = BucketWeighter() if self.weighter is None else clone(self.weighter)
        y = validate_data(self, y=y, y_numeric=True)
        s = check_weights(sample_weight, y)
        self.weighter_ = weighter.fit(y, sample_weight=s)
        if s is None:
            weights = _shorten(self.weighter_.transform(y))
        else:
            weights, there = s.copy(), s > 0
            weights[there] *= _shorten(self.weighter_.transform(y[there]))
        self.regressor_ = regressor.fit(X, y, **_fit_params(regressor, weights, s))
        return self

    def predict(self, X):
        """Predict the target.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            Predicted target.
        """
        check_is_fitted(self)
        return self.regressor_.predict(X)

    @property
    def n_features_in_(self):
        """Number of features seen in `fit`."""
        return self.regressor_.n_features_in_

    @property
    def feature_names_in_(self):
        """Names of the features seen in `fit`."""
        return self.regressor_.feature_names_in_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._regressor())
        tags.input_tags = inner.input_tags
        tags.regressor_tags = inner.regressor_tags or tags.regressor_tags
        tags.non_deterministic = inner.non_deterministic
        tags.target_tags.positive_only = inner.target_tags.positive_only
        return tags

    def _regressor(self):
        """Return the regressor to fit."""
        return LinearRegression() if self.regressor is None else self.regressor


def _shorten(weights):
    """Return the weights, whose mean is 1, rounded to multiples of 2 ** -44.

    Their sums up to 512 are then exact in any order. A tree chooses between equally
    good splits by the last bit of such sums, and would grow otherwise for a row of
    weight 2 than for the row twice.
    """
    return np.ldexp(np.round(np.ldexp(weights, 44)), -44)


def _fit_params(regressor, weights, user_weights):
    """Return the arguments of `fit` by which the weights reach the last regressor.

    Pipeline, TransformedTargetRegressor and grid searches are known to hand on what
    their `fit` gets; any other estimator must take the weights itself.
    """
    last, prefix = regressor, ""
    params: dict = {}
    while isinstance(last, Pipeline | TransformedTargetRegressor | BaseSearchCV):
        if isinstance(last, Pipeline):
            if user_weights is not None:
                names = _transformers_with_weights(last.steps[:-1], prefix)
                params |= dict.fromkeys(names, user_weights)
            name, last = last.steps[-1]
            prefix += f"{name}__"
        elif isinstance(last, BaseSearchCV):
            last = last.estimator
        else:
            last = LinearRegression() if last.regressor is None else last.regressor
    if not has_fit_parameter(last, "sample_weight"):
        raise ValueError(
            f"The fit of {_name(last)} takes no sample_weight, so the weights would be "
            f"lost on {_name(regressor)}. Choose a regressor that takes them, or put "
            "TargetWeightedRegressor inside, around one that does."
        )
    if get_config()["enable_metadata_routing"]:
        _check_requests_weights(last, direct=last is regressor)
        return {"sample_weight": weights}
    return params | {f"{prefix}sample_weight": weights}


def _transformers_with_weights(steps, prefix):
    """Yield the fit argument of every transformer that takes `sample_weight`."""
    for name, step in steps:
        if isinstance(step, Pipeline):
            yield from _transformers_with_weights(step.steps, f"{prefix}{name}__")
        elif has_fit_parameter(step, "sample_weight"):
            yield f"{prefix}{name}__sample_weight"


def _check_requests_weights(last, direct):
    """Raise unless metadata routing lets the weights reach the last regressor."""
    routing = get_routing_for_object(last)
    if not direct:
        wanted = routing.consumes("fit", ["sample_weight"])
    elif isinstance(routing, MetadataRequest):
        wanted = routing.fit.requests.get("sample_weight") is not False
    else:
        wanted = True
    if not wanted:
        raise ValueError(
            f"Metadata routing is on, and {_name(last)} does not request the weights. "
            "Call its set_fit_request(sample_weight=True); transformers before it that "
            "take weights need set_fit_request(sample_weight=False), or True."
        )


def _name(estimator):
    """Return how a message calls an estimator, or what stands in its place."""
    if isinstance(estimator, BaseEstimator):
        return type(estimator).__name__
    return repr(estimator)
