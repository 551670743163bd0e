"""Regressors around a regressor: they see the targets that its training fold sees."""

from collections.abc import Mapping

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import StackingRegressor, VotingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, column_or_1d, get_tags
from sklearn.utils.metadata_routing import MetadataRequest, get_routing_for_object
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from skrobust._compat import BaseSearchCV, HasMethods
from skrobust._sample_weight import check_weights
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
        is cloned. None is BucketWeighter(), to be given if its parameters are to be
        set or searched over, as in ``set_params(weighter__power=0.5)``.

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
    if any, so that a row of weight 2 is two rows to them too. Which do is settled
    before the fit: with a `sample_weight`, a grid search inside may swap a transformer
    only for one that takes weights too, or for one that does not either.

    With metadata routing on, the product goes to whatever requests `sample_weight`,
    and the last regressor of a Pipeline must:
    ``Ridge().set_fit_request(sample_weight=True)``.

    It does not yet hand weights through VotingRegressor and StackingRegressor: put it
    around each of their members.

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
        y = self._check_y(y)
        s = check_weights(sample_weight, len(y))
        weighter.fit(y, sample_weight=s)
        if s is None:
            weights = _shorten(weighter.transform(y))
        else:
            weights, there = s.copy(), s > 0
            weights[there] *= _shorten(weighter.transform(y[there]), s[there])
        regressor.fit(X, y, **_fit_params(regressor, weights, s))
        self.regressor_, self.weighter_ = regressor, weighter
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
        check_is_fitted(self, "regressor_")
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

    def _check_y(self, y):
        """Return the targets as a finite vector.

        `validate_data` would do, but it sets the names of the features, which are the
        regressor's to set.
        """
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None. Give one target a row."
            )
        y = column_or_1d(y, warn=True)
        return check_array(y, ensure_2d=False, input_name="y", estimator=self)

    def _regressor(self):
        """Return the regressor to fit."""
        return LinearRegression() if self.regressor is None else self.regressor


def _shorten(weights, s=None):
    """Return the weights, rounded to 2 ** -44 of a power of 2 near their mean.

    Sums up to 512 times the mean are then exact in any order. A tree chooses between
    equally good splits by the last bit of such sums; so it depends less on whether a
    row has weight 2 or is there twice. Larger sums are still rounded, and may differ.
    """
    weights = np.asarray(weights, dtype=float)
    mean = weights.mean() if s is None else s @ weights / s.sum()
    bits = 45 - np.frexp(1.5 * mean)[1]  # by 1.5, so that 1 - eps and 1 + eps agree
    return np.ldexp(np.round(np.ldexp(weights, bits)), -bits)


def _fit_params(regressor, weights, user_weights):
    """Return the arguments of `fit` by which the weights reach the last regressor.

    Pipeline, TransformedTargetRegressor and grid searches are known to hand on what
    their `fit` gets; any other estimator must take the weights itself.
    """
    last, prefix, searches = regressor, "", []
    transformers: dict = {}
    while isinstance(last, Pipeline | TransformedTargetRegressor | BaseSearchCV):
        if isinstance(last, Pipeline):
            transformers |= _transformers(last.steps[:-1], prefix)
            name, last = last.steps[-1]
            prefix += f"{name}__"
        elif isinstance(last, BaseSearchCV):
            searches.append(last)
            last = last.estimator
        else:
            last = LinearRegression() if last.regressor is None else last.regressor
    _check_takes_weights(last, regressor)
    if get_config()["enable_metadata_routing"]:
        _check_requests_weights(last, direct=last is regressor)
        return {"sample_weight": weights}
    params = {f"{prefix}sample_weight": weights}
    if user_weights is not None:
        for search in searches:
            _check_swaps(search, transformers.values())
        takers = [name for name, step in transformers.items() if _takes_weights(step)]
        params |= {f"{name}__sample_weight": user_weights for name in takers}
    return params


def _takes_weights(estimator):
    """Return whether the fit of an estimator takes `sample_weight`."""
    return has_fit_parameter(estimator, "sample_weight")


def _transformers(steps, prefix):
    """Return the transformers, those of inner pipelines too, by the names of steps."""
    found: dict = {}
    for name, step in steps:
        if isinstance(step, Pipeline):
            found |= _transformers(step.steps, f"{prefix}{name}__")
        else:
            found[prefix + name] = step
    return found


def _check_swaps(search, transformers):
    """Raise if a search swaps a transformer that takes weights for one that does not.

    The arguments of `fit` are those of the original, whatever the search swaps in.
    """
    params = search.estimator.get_params()
    for name, values in _tried(search):
        step = params.get(name)
        if hasattr(values, "rvs") or not any(step is other for other in transformers):
            continue
        for other in values:
            skipped = isinstance(other, str)  # "passthrough", whatever it is given
            if not skipped and _takes_weights(other) != _takes_weights(step):
                raise ValueError(
                    f"{_name(search)} swaps {_name(step)} for {_name(other)}, of which "
                    "one takes sample_weight and one does not, so that yours would be "
                    "lost or refused. Swap like for like, or enable metadata routing."
                )


def _tried(search):
    """Yield the parameters that a search tries, with their values or distribution."""
    grids = getattr(search, "param_grid", getattr(search, "param_distributions", []))
    for grid in [grids] if isinstance(grids, Mapping) else grids:
        yield from grid.items()


def _check_takes_weights(last, regressor):
    """Raise unless the last regressor takes the weights."""
    if isinstance(last, VotingRegressor | StackingRegressor):
        raise ValueError(
            "TargetWeightedRegressor does not hand weights through "
            f"{_name(last)} yet. Put TargetWeightedRegressor inside, around each "
            f"member of {_name(last)}."
        )
    if not _takes_weights(last):
        raise ValueError(
            f"The fit of {_name(last)} takes no sample_weight, so the weights would be "
            f"lost on {_name(regressor)}. Choose a regressor that takes them, or put "
            "TargetWeightedRegressor inside, around one that does."
        )


def _check_requests_weights(last, direct):
    """Raise unless metadata routing lets the weights reach the last regressor."""
    routing = get_routing_for_object(last)
    request = None
    if isinstance(routing, MetadataRequest):
        request = routing.fit.requests.get("sample_weight")
    if direct:
        wanted = request is not False
    else:
        wanted = routing.consumes("fit", ["sample_weight"])
    if not wanted and isinstance(request, str):
        raise ValueError(
            f"Metadata routing is on, and {_name(last)} requests its weights under the "
            f"alias {request!r}, but they are handed on as sample_weight. Call its "
            "set_fit_request(sample_weight=True)."
        )
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
