"""How weights reach the last regressors of whatever is built around them.

The last regressor of a Pipeline is its last step; a Voting has several. During a fit,
each member that gets weights is held by a `_Weighted`, which knows the weights of its
rows; so nothing depends on what scikit-learn hands on to whom. A search and a Stacking
fit their members to folds: they hand on the positions of the rows, and the weights of a
fold are made from its targets alone. The fitted model holds the regressors themselves.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, RANSACRegressor, RidgeCV
from sklearn.metrics import check_scoring
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state, get_tags, indexable
from sklearn.utils.metadata_routing import (
    MetadataRequest,
    MetadataRouter,
    MethodMapping,
    get_routing_for_object,
)
from sklearn.utils.validation import has_fit_parameter

from skrobust._compat import BAGGING_DRAWS_BY_WEIGHT, BaseSearchCV, safe_indexing

__all__ = ["Weigh", "fit_weighted"]

Floats = NDArray[np.float64]
# Makes the weights of a fold: targets, the user's weights or None -> their product with
# the weights of the targets.
Weigh = Callable[[NDArray[Any], Floats | None], Floats]


def fit_weighted(
    regressor: Any,
    X: Any,
    y: NDArray[Any],
    weights: Floats | None,
    user_weights: Floats | None = None,
    *,
    weigh: Weigh | None = None,
    on_unsupported: str = "raise",
    random_state: Any = None,
) -> Any:
    """Return a fitted clone of a regressor whose last regressors get the weights.

    Parameters
    ----------
    regressor : estimator
        A regressor whose `fit` takes `sample_weight`, or a Pipeline,
        TransformedTargetRegressor, search, Voting, Stacking, MultiOutputRegressor or
        RegressorChain, one in the other at will.
    X : array-like, sparse matrix or whatever the regressor takes
        Features, handed on as they are.
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Targets.
    weights : ndarray of shape (n_samples,) or None
        What the last regressors get: not negative, the user's weights in them. None,
        and no user's weights either: a fit without weights, whatever the regressor.
    user_weights : ndarray of shape (n_samples,), default=None
        What transformers get that take `sample_weight`. With metadata routing on,
        those that request it.
    weigh : callable, default=None
        ``weigh(y, user_weights)`` makes the weights of a fold that a Stacking or a
        search fits to. None takes those of the rows from `weights`.
    on_unsupported : {"raise", "resample"}, default="raise"
        Of a last regressor whose fit takes no weights: an error, or as many rows as it
        would get, drawn with replacement with probabilities as the weights.
    random_state : int, RandomState instance or None, default=None
        Draws those rows.

    Raises
    ------
    ValueError
        If weights would not reach a last regressor.
    """
    fitted = clone(regressor)
    if weights is None:
        fitted.fit(X, y)
        return fitted
    resample = on_unsupported == "resample"
    for last in _last_regressors(fitted):
        _check_gets_weights(last, fitted, resample, direct=last is fitted)
    seed = 0
    if resample:  # nothing else takes from numpy's own state
        seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    _fit(fitted, X, y, _Rows(y, weights, user_weights, weigh, resample, seed))
    return fitted


@dataclass(frozen=True)
class _Rows:
    """The rows that a regressor is fitted to: their targets and weights."""

    y: NDArray[Any]  # as they were given, whatever a TransformedTarget makes of them
    weights: Floats
    user_weights: Floats | None
    weigh: Weigh | None
    resample: bool
    seed: int

    def take(self, positions: NDArray[np.intp]) -> "_Rows":
        """Return some of the rows, with weights made from these alone."""
        if np.array_equal(positions, np.arange(len(self.y))):
            return self
        y, s = self.y[positions], self.user_weights
        s = None if s is None else s[positions]
        given = self.weights[positions] if self.weigh is None else self.weigh(y, s)
        return replace(self, y=y, weights=given, user_weights=s)

    def draw(self) -> NDArray[np.intp]:
        """Return as many positions as rows, drawn by weight with replacement."""
        n, w = len(self.weights), self.weights
        rng = check_random_state(self.seed)
        drawn: NDArray[np.intp] = rng.choice(n, size=n, p=w / w.sum())
        return drawn


class _Weighted:
    """A regressor that knows what its rows weigh; in all else the regressor itself.

    `by` is the argument of `fit` that holds the positions of the rows to fit to, None
    if these are all.
    """

    regressor: Any
    rows: _Rows
    by: str | None

    def __init__(self, regressor: Any, rows: _Rows, by: str | None) -> None:
        vars(self).update(regressor=regressor, rows=rows, by=by)

    def fit(self, X: Any, y: NDArray[Any], **handed: Any) -> "_Weighted":
        """Fit the regressor with the weights of its rows."""
        rows = self.rows
        if self.by in handed:
            rows = rows.take(np.asarray(handed[self.by]))
        if len(y) != len(rows.y):
            raise ValueError(
                f"{_name(self.regressor)} gets {len(y)} rows, but there are weights of "
                f"{len(rows.y)}: what is around it draws rows and does not say which. "
                "Put the estimator that makes the weights inside, around the regressor."
            )
        for last in _last_regressors(self.regressor):
            _check_gets_weights(last, self.regressor, rows.resample, direct=False)
        _fit(self.regressor, X, y, rows)
        vars(self)["regressor_"] = self.regressor  # by which it counts as fitted
        return self

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of the regressor: a search names them as the user."""
        params: dict[str, Any] = self.regressor.get_params(deep=deep)
        return params

    def set_params(self, **params: Any) -> "_Weighted":
        """Set parameters of the regressor."""
        self.regressor.set_params(**params)
        return self

    def get_metadata_routing(self) -> MetadataRouter:
        """Return that `fit` takes all that is handed on; a score is the regressor's."""
        own = MetadataRequest(owner=self)
        own.fit.add_request(param="sample_weight", alias=True)
        own.fit.add_request(param="positions", alias=True)
        scored = MethodMapping().add(caller="score", callee="score")
        router = MetadataRouter(owner=self).add_self_request(own)
        return router.add(regressor=self.regressor, method_mapping=scored)

    def __sklearn_clone__(self) -> "_Weighted":
        return _Weighted(clone(self.regressor), self.rows, self.by)

    def __sklearn_tags__(self) -> Any:
        return get_tags(self.regressor)

    def __getitem__(self, key: Any) -> Any:
        return self.regressor[key]

    def __getattr__(self, name: str) -> Any:
        if name == "regressor" or name.startswith("__"):  # copies and pickles ask
            raise AttributeError(name)
        return getattr(self.regressor, name)

    # scikit-learn 1.9 sets so to which task of a callback a fit belongs.
    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.regressor, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self.regressor, name)


def _fit(regressor: Any, X: Any, y: NDArray[Any], rows: _Rows) -> None:
    """Fit a regressor in place, each last regressor inside with its weights."""
    by, arguments = _handed_on(regressor, rows)
    params = _with_members(regressor, lambda member: _Weighted(member, rows, by))
    if not params:
        _fit_last(regressor, X, y, rows)
        return
    before = {name: getattr(regressor, name) for name in params}
    vars(regressor).update(params)
    regressor.fit(X, y, **arguments)
    # What is fitted, the steps of a Pipeline too, holds the regressors again, and a
    # parameter what it held before.
    for name, value in vars(regressor).items():
        if name.endswith("_") or name == "steps":
            setattr(regressor, name, _unwrapped(value))
        elif name in before:
            setattr(regressor, name, before[name])
    if isinstance(regressor, BaseSearchCV) and regressor.scoring is None:
        regressor.scorer_ = check_scoring(regressor.estimator)


def _fit_last(regressor: Any, X: Any, y: NDArray[Any], rows: _Rows) -> None:
    """Fit a regressor that gets the weights, or as many rows drawn by weight."""
    if _takes_weights(regressor):
        regressor.fit(X, y, sample_weight=rows.weights)
        return
    X, y = indexable(X, y)  # of the same length, or rows would be left out in silence
    drawn = rows.draw()
    regressor.fit(safe_indexing(X, drawn), y[drawn])


def _with_members(composite: Any, change: Callable[[Any], Any]) -> dict[str, Any]:
    """Return the parameters that hold the members which get weights, each changed.

    None has members but those that are known to hand on what the members need.
    """

    def changed(members: Any) -> list[Any]:
        return [(name, m if m == "drop" else change(m)) for name, m in members]

    match composite:
        case Pipeline(steps=[*before, (name, last)]) if not _draws_rows(before):
            return {"steps": [*before, (name, change(last))]}
        case TransformedTargetRegressor(regressor=regressor):
            return {"regressor": change(_or_default(regressor, LinearRegression))}
        case VotingRegressor(estimators=members):
            return {"estimators": changed(members)}
        case StackingRegressor(estimators=members, final_estimator=final, cv=cv):
            fitted_before = isinstance(cv, str) and cv == "prefit"
            return {
                "estimators": members if fitted_before else changed(members),
                "final_estimator": change(_or_default(final, RidgeCV)),
            }
        case BaseSearchCV(estimator=member) | MultiOutputRegressor(estimator=member):
            return {"estimator": change(member)}
        case RegressorChain(cv=None):
            name = "estimator" if hasattr(composite, "estimator") else "base_estimator"
            return {name: change(getattr(composite, name))}
    return {}


def _draws_rows(steps: list[Any]) -> bool:
    """Return whether a step draws rows, as those of imbalanced-learn do."""
    return any(hasattr(step, "fit_resample") for _, step in steps)


def _handed_on(composite: Any, rows: _Rows) -> tuple[str | None, dict[str, Any]]:
    """Return under which name positions are handed on, and all arguments of fit."""
    s = rows.user_weights
    user = {} if s is None else {"sample_weight": s}
    positions = np.arange(len(rows.y))
    match composite:
        case Pipeline() if not get_config()["enable_metadata_routing"]:
            steps = _transformers(composite.steps[:-1], "") if user else {}
            takers = [name for name, step in steps.items() if _takes_weights(step)]
            return None, {f"{name}__sample_weight": s for name in takers}
        case Pipeline():
            return None, user
        case StackingRegressor(cv=cv) if not isinstance(cv, str):
            return "sample_weight", {"sample_weight": positions}  # it knows no other
        case BaseSearchCV():
            return "positions", user | {"positions": positions}
    return None, {}


def _or_default(regressor: Any, default: type) -> Any:
    """Return a regressor, or if None the default, which asks for its weights."""
    if regressor is not None:
        return regressor
    regressor = default()
    if get_config()["enable_metadata_routing"]:
        regressor.set_fit_request(sample_weight=True)
    return regressor


def _transformers(steps: list[Any], prefix: str) -> dict[str, Any]:
    """Return the transformers, those of inner pipelines too, by the names of steps."""
    found: dict[str, Any] = {}
    for name, step in steps:
        if isinstance(step, Pipeline):
            found |= _transformers(step.steps, f"{prefix}{name}__")
        else:
            found[prefix + name] = step
    return found


def _last_regressors(regressor: Any) -> list[Any]:
    """Return the regressors to be fitted with weights, wherever they are inside."""
    members: list[Any] = []
    if not _with_members(regressor, members.append):
        return [regressor]
    return [last for member in members for last in _last_regressors(member)]


def _unwrapped(value: Any) -> Any:
    """Return a value with the regressors themselves where they were `_Weighted`."""
    if isinstance(value, _Weighted):
        return value.regressor
    if type(value) in (list, tuple):
        return type(value)(_unwrapped(item) for item in value)
    if isinstance(value, dict):
        for key, item in value.items():
            value[key] = _unwrapped(item)
    return value


def _takes_weights(estimator: Any) -> bool:
    """Return whether the fit of an estimator takes `sample_weight` and heeds it."""
    if not has_fit_parameter(estimator, "sample_weight"):
        return False
    inner = getattr(estimator, "estimator", None)
    match estimator:
        case BaggingRegressor() if BAGGING_DRAWS_BY_WEIGHT:
            return bool(estimator.bootstrap)  # without, it draws every row once
        case BaggingRegressor() | RANSACRegressor() if inner is not None:
            return _takes_weights(inner)
    return True


def _check_gets_weights(last: Any, whole: Any, resample: bool, direct: bool) -> None:
    """Raise unless a last regressor gets the weights, or rows drawn by them."""
    if isinstance(last, FrozenEstimator):
        within = "" if last is whole else f" in {_name(whole)}"
        raise ValueError(
            f"{_name(last)}{within} is fitted already and gets no weights. Weigh it "
            "when it is fitted, and freeze it then."
        )
    if _takes_weights(last):
        if get_config()["enable_metadata_routing"]:
            _check_requests_weights(last, direct)
    elif not (resample and hasattr(last, "fit")):
        raise ValueError(
            f"The fit of {_name(last)} takes no sample_weight, so the weights would be "
            f"lost on {_name(whole)}. Choose a regressor that takes them, or put the "
            "estimator that makes the weights inside, around one that does, or draw "
            'rows by weight: on_unsupported="resample".'
        )
    elif get_tags(last).input_tags.pairwise:
        raise ValueError(
            f"{_name(last)} takes a matrix of all pairs of rows, of which none can be "
            'drawn by on_unsupported="resample". Choose a regressor that takes '
            "sample_weight."
        )


def _check_requests_weights(last: Any, direct: bool) -> None:
    """Raise unless the user lets metadata routing hand weights to a last regressor."""
    routing = get_routing_for_object(last)
    if isinstance(routing, MetadataRequest):
        request = routing.fit.requests.get("sample_weight")
        wanted = request is not False if direct else request is True
    else:
        request = None
        draws = isinstance(last, BaggingRegressor) and BAGGING_DRAWS_BY_WEIGHT
        wanted = draws or routing.consumes("fit", ["sample_weight"])
    if not wanted and isinstance(request, str):
        raise ValueError(
            f"Metadata routing is on, and {_name(last)} requests its weights under the "
            f"alias {request!r}, but they are handed on as sample_weight. Call its "
            "set_fit_request(sample_weight=True)."
        )
    if not wanted:
        raise ValueError(
            f"Metadata routing is on, and {_name(last)} does not request the weights. "
            "Call set_fit_request(sample_weight=True) of it, or of what is inside it."
        )


def _name(estimator: Any) -> str:
    """Return how a message calls an estimator, or what stands in its place."""
    if isinstance(estimator, BaseEstimator):
        return type(estimator).__name__
    return repr(estimator)
