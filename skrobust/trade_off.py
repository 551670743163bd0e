"""The choice between what the rare gain and what the common pay for it."""

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrobust._compat import Interval, validate_params

__all__ = ["best_affordable"]

Float = NDArray[np.float64]


@validate_params(
    {
        "score": [str],
        "cost": [str],
        "budget": [Interval(Real, 0, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def best_affordable(
    score: str = "neg_mae_macro", cost: str = "neg_mae_mean", *, budget: float = 0.1
) -> "_BestAffordable":
    """Return a rule for ``GridSearchCV(refit=...)``: the best score at a bounded cost.

    The best macro error alone buys the last degree for the rare at any price to the
    common. This rule states the price first: of the settings whose cost is at most
    ``1 + budget`` times that of the cheapest, it takes the one with the best score.

    Parameters
    ----------
    score : str, default="neg_mae_macro"
        Name of the score to maximise, as in `scoring`: the column
        ``"mean_test_" + score`` of ``cv_results_``.
    cost : str, default="neg_mae_mean"
        Name of the score, minus an error, that says what is paid.
    budget : float, default=0.1
        How much larger than the cheapest setting's that error may be, not negative:
        0.1 is 10 %.

    Returns
    -------
    rule : callable
        ``rule(cv_results_)`` is the index of the setting to refit. It can be pickled.

    Raises
    ------
    ValueError
        If a parameter is out of its range; and from the rule, if the results have no
        such scores, if `cost` is not minus an error, or if no setting has finite ones.

    See Also
    --------
    make_bucket_multi_scorer : Makes both scores from one prediction.
    TradeOffDisplay : The same choice as a picture.

    Notes
    -----
    Let a setting without weights take part, ``power=0`` or ``blend=1``, so that the
    cheapest one is the model you would have had. Of equal scores the cheaper setting
    is taken. A setting whose score or cost is NaN takes no part.

    With a rule for `refit` scikit-learn leaves out ``best_score_``, and ``score`` of
    the search raises a KeyError. Score it by a scorer instead:
    ``make_bucket_scorer("mae", buckets=buckets)(search, X, y)``.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skrobust import (
    ...     BucketKFold, BucketWeighter, TargetBuckets, TargetWeightedRegressor,
    ...     best_affordable, make_bucket_multi_scorer,
    ... )
    >>> from skrobust.datasets import make_imbalanced_angles
    >>> X, y = make_imbalanced_angles(2000, random_state=0)
    >>> wide = TargetBuckets(width=10, limit=40, symmetric=True)
    >>> search = GridSearchCV(
    ...     TargetWeightedRegressor(Ridge(), BucketWeighter(wide)),
    ...     {"weighter__power": [0, 0.25, 0.5, 0.75, 1]},
    ...     scoring=make_bucket_multi_scorer(buckets=wide),
    ...     cv=BucketKFold(buckets=wide),
    ...     refit=best_affordable(budget=0.1),
    ... )
    >>> search.fit(X, y).best_params_
    {'weighter__power': 0.5}
    """
    return _BestAffordable(score, cost, float(budget))


class _BestAffordable:
    """The rule, as a picklable callable."""

    def __init__(self, score: str, cost: str, budget: float) -> None:
        self.score = score
        self.cost = cost
        self.budget = budget

    def __call__(self, cv_results: Mapping[str, Any]) -> int:
        """Return the index of the best setting that is affordable."""
        scores = _mean_scores(cv_results, self.score)
        costs = -_mean_scores(cv_results, self.cost)
        known = np.isfinite(scores) & np.isfinite(costs)
        if not known.any():
            raise ValueError(
                f"No setting has both {self.score!r} and {self.cost!r}: all are NaN. "
                "Pass error_score='raise' to the search to see why."
            )
        if (costs[known] < 0).any():
            raise ValueError(
                "cost must name a score that is minus an error, such as "
                f"'neg_mae_mean', but {self.cost!r} is positive for some setting. "
                "Choose another cost."
            )
        affordable = known & (costs <= (1 + self.budget) * costs[known].min())
        best = scores[affordable].max()
        chosen = np.flatnonzero(affordable & (scores == best))
        return int(chosen[np.argmin(costs[chosen])])

    def __repr__(self) -> str:
        return f"best_affordable({self.score!r}, {self.cost!r}, budget={self.budget})"


def _mean_scores(cv_results: Mapping[str, Any], name: str) -> Float:
    """Return the mean test scores of all settings under the name of a score."""
    column = f"mean_test_{name}"
    if column not in cv_results:
        found = [key[10:] for key in cv_results if key.startswith("mean_test_")]
        raise ValueError(
            f"The search has no score {name!r}; it has {found}. Pass "
            "scoring=make_bucket_multi_scorer(...), or the names of your own scores as "
            "best_affordable(score, cost)."
        )
    return np.asarray(cv_results[column], dtype=np.float64)
