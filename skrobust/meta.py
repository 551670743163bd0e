"""Regressors around a regressor: they see the targets that its training fold sees."""

from functools import partial
from numbers import Real

import numpy as np
from sklearn.base import clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skrobust._around import AroundRegressor
from skrobust._compat import HasMethods, Interval, StrOptions
from skrobust._routing import fit_weighted
from skrobust._sample_weight import check_weights
from skrobust.weighting import BucketWeighter

__all__ = ["TargetWeightedRegressor"]


class TargetWeightedRegressor(AroundRegressor):
    """Fit any regressor with weights made from how rare its training targets are.

    The weights are made from the `y` that `fit` sees: in cross-validation those of the
    training fold alone. Nothing else in scikit-learn can: a Pipeline step cannot emit
    weights, and weights made before the split have seen the test fold.

    Parameters
    ----------
    regressor : estimator, default=None
        What to fit: a regressor whose `fit` takes `sample_weight`, or a Pipeline,
        TransformedTargetRegressor, grid search, VotingRegressor, StackingRegressor,
        MultiOutputRegressor or RegressorChain of such, one in the other at will. It is
        cloned. None is LinearRegression().
    weighter : weighter, default=None
        What makes the weights, by ``fit(y, sample_weight)`` and ``transform(y)``. It
        is cloned. None is BucketWeighter(), to be given if its parameters are to be
        set or searched over, as in ``set_params(weighter__power=0.5)``: a milder
        start than its default, which gives every bucket the same total.
    blend : float, default=0.0
        Share of a second fit, without the weights of the targets, in the prediction,
        from 0 to 1: ``(1 - blend) * weighted + blend * unweighted``. It guards the
        common targets. 0 and 1 fit one regressor, all else fits both.
    on_unsupported : {"raise", "resample"}, default="raise"
        What to do with a last regressor whose `fit` takes no weights. "raise" is an
        error. "resample" fits it to as many rows, drawn with replacement with
        probabilities as their weights; only it, not the transformers before it.
    random_state : int, RandomState instance or None, default=None
        Draws the rows of ``on_unsupported="resample"``; an int draws the same in every
        fit. A regressor's own randomness is its own parameter's.

    Attributes
    ----------
    regressor_ : estimator
        The regressor fitted with the weights; None if `blend` is 1.
    unweighted_regressor_ : estimator
        The regressor fitted without the weights of the targets, but with the
        `sample_weight` given to `fit`; None if `blend` is 0.
    weighter_ : weighter
        The fitted weighter: ``weighter_.transform(y)`` are the weights.
    n_features_in_ : int
        Number of features seen in `fit`, as the fitted regressor has it.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if the fitted regressor has them.

    See Also
    --------
    BucketWeighter : Weights by bucket of the target.
    make_bucket_scorer : The score to choose the weighter by.

    Notes
    -----
    A `sample_weight` given to `fit` counts the targets for the weighter, and the last
    regressors get its product with the weights, which has the same total.

    A grid search and a Stacking inside fit to folds. The weights of each fold are made
    anew, from its training rows alone. The score by which such a search chooses is
    never weighted by how rare a target is; a `sample_weight` given to `fit` is handed
    to it as it would be without this estimator, and recent scikit-learn scores by it.
    Regressors that hold out rows on their own account, by early stopping or as LassoCV
    does, judge by the weighted rows.

    The transformers of an inner Pipeline never get the weights of the targets. Those
    that take `sample_weight` get the one given to `fit`, if any, so that a row of
    weight 2 is two rows to them too.

    With metadata routing on, transformers get it that request it, and a regressor
    inside another must request its weights:
    ``Ridge().set_fit_request(sample_weight=True)``. An error says so if it does not.

    A MultiOutputRegressor inside gives all outputs the same weights, made from all
    targets of a row; the weighter then needs its `multioutput`. Weights by output are
    a MultiOutputRegressor around this one. A TransformedTargetRegressor around this
    one hands it transformed targets, and the buckets are of those. To have them in the
    units of `y`, put it inside.

    A BaggingRegressor, AdaBoostRegressor or RANSACRegressor is fitted as scikit-learn
    does with weights: the first two draw rows by them, Bagging since scikit-learn 1.8.
    Where it would lose them, it is a regressor that takes no weights.

    References
    ----------
    .. [1] M. Steininger et al., "Density-based weighting for imbalanced regression",
           Machine Learning 110, 2021. https://doi.org/10.1007/s10994-021-06023-5
    .. [2] P. Branco, L. Torgo, R. P. Ribeiro, "Pre-processing approaches for imbalanced
           distributions in regression", Neurocomputing 343, 2019 (resampling by
           relevance). https://doi.org/10.1016/j.neucom.2018.11.100

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
        "blend": [Interval(Real, 0, 1, closed="both")],
        "on_unsupported": [StrOptions({"raise", "resample"})],
        "random_state": ["random_state"],
    }

    # Weights are what this estimator is for: with metadata routing it asks for them.
    __metadata_request__fit = {"sample_weight": True}

    def __init__(
        self,
        regressor=None,
        weighter=None,
        *,
        blend=0.0,
        on_unsupported="raise",
        random_state=None,
    ):
        self.regressor = regressor
        self.weighter = weighter
        self.blend = blend
        self.on_unsupported = on_unsupported
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None):
        """Make the weights and fit the regressor with them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features, passed on as they are: a Pipeline may take texts or images.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets. Several outputs need a regressor that takes them and a weighter
            whose `multioutput` says what a row then weighs.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample, not negative and not all zero.

        Returns
        -------
        self : TargetWeightedRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If the weights would not reach a regressor that is fitted, if the weighter
            makes other than one finite weight a row, none negative and not all zero,
            or if an argument is out of its range.
        """
        self._validate_params()
        y = self._check_y(y)
        s = check_weights(sample_weight, len(y))
        weighter = clone(self._weighter())
        weights = _weigh(weighter, y, s)
        fit = partial(
            fit_weighted,
            self._regressor(),
            X,
            y,
            on_unsupported=self.on_unsupported,
            random_state=self.random_state,
        )
        anew = partial(_weigh_anew, weighter)
        weighted = fit(weights, s, weigh=anew) if self.blend < 1 else None
        unweighted = fit(s, s) if self.blend > 0 else None
        self.regressor_, self.unweighted_regressor_ = weighted, unweighted
        self.weighter_ = weighter
        self._blend = self.blend  # which `set_params` shall not change
        return self

    def predict(self, X, **predict_params):
        """Predict the target.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        **predict_params : dict
            Passed on to `predict` of the regressor.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predicted target.
        """
        check_is_fitted(self, "regressor_")
        weighted, plain = self.regressor_, self.unweighted_regressor_
        if weighted is None or plain is None:
            return self._fitted().predict(X, **predict_params)
        y_weighted = weighted.predict(X, **predict_params)
        y_plain = plain.predict(X, **predict_params)
        if isinstance(y_weighted, tuple):
            raise ValueError(
                f"blend={self._blend} mixes predictions of the target, but with "
                f"{sorted(predict_params)} predict returns {len(y_weighted)} arrays. "
                "Call predict of regressor_ and unweighted_regressor_ instead."
            )
        return (1 - self._blend) * y_weighted + self._blend * y_plain

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._regressor()).target_tags
        tags.target_tags.single_output = inner.single_output
        refuses = getattr(self._weighter(), "multioutput", "raise") == "raise"
        tags.target_tags.multi_output = inner.multi_output and not refuses
        return tags

    def _weighter(self):
        """Return the weighter to fit."""
        return BucketWeighter() if self.weighter is None else self.weighter

    def _has_columns(self, y):
        return y.shape[1] > 1 or get_tags(self).target_tags.multi_output

    def _fitted(self):
        """Return a fitted regressor: either has seen all features."""
        weighted = self.regressor_
        return self.unweighted_regressor_ if weighted is None else weighted


def _weigh(weighter, y, s):
    """Fit a weighter and return the weights of its targets times the user's.

    A target of weight 0 is not there, so that its bucket may hold no other.
    """
    weighter.fit(y, sample_weight=s)
    if s is None:
        return _shorten(_check_made(weighter, weighter.transform(y), np.ones(len(y))))
    there = s > 0
    made = _check_made(weighter, weighter.transform(y[there]), s[there])
    weights = s.copy()
    weights[there] *= _shorten(made, s[there])
    return weights


def _weigh_anew(weighter, y, s):
    """Return what `_weigh` does, by a weighter of its own."""
    return _weigh(clone(weighter), y, s)


def _check_made(weighter, weights, s):
    """Return the weights that a weighter made of targets of weights s, if they are any.

    They may have any mean, up to what can be summed.
    """
    made = np.asarray(weights, dtype=float)
    with np.errstate(over="ignore", invalid="ignore"):
        total = s @ made if made.shape == s.shape else np.nan
    if made.shape != s.shape:
        wrong = f"an array of shape {made.shape}"
    elif not np.isfinite(made).all():
        wrong = f"{made[~np.isfinite(made)][0]}"
    elif made.min() < 0:
        wrong = f"{made.min()}"
    elif not 0 < total < np.inf:
        wrong = f"a sum of {total}"
    else:
        return made
    raise ValueError(
        f"{type(weighter).__name__}.transform must return a weight for each of "
        f"{len(s)} targets, finite, not negative and not all zero; got {wrong}. Mend "
        "it, or choose another weighter."
    )


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
