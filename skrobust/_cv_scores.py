"""Scores of folds, read from what scikit-learn's cross-validation and searches return.

The keys are ``"test_" + name`` in the result of ``cross_validate``. In `cv_results_`
of a search they are ``"split0_test_" + name`` and so on, with an entry per candidate.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "average_errors",
    "check_some",
    "fold_scores",
    "mean_and_deviation",
    "named_results",
    "score_names",
    "scores_by_bucket",
]

Float = NDArray[np.float64]
Results = Mapping[str, Any]


def named_results(
    cv_results: Mapping[str, Any], index: int | Mapping[str, int] | None
) -> dict[str, tuple[Results, int | None]]:
    """Return results and the place of a candidate in them, by the name of the model.

    There may be one result or several by name, and one place or several by name.
    """
    cv_results = dict(cv_results)  # which a DataFrame may be made into
    check_some("cv_results", cv_results)
    tables = [isinstance(v, Mapping) or np.ndim(v) == 2 for v in cv_results.values()]
    if several := all(tables):
        cv_results = {name: dict(results) for name, results in cv_results.items()}
    if not isinstance(index, Mapping):
        named = cv_results if several else {"model": cv_results}
        return {name: (results, index) for name, results in named.items()}
    check_some("index", index)
    if several and set(index) != set(cv_results):
        raise ValueError(
            f"index must have the names of cv_results, {list(cv_results)}; got "
            f"{list(index)}. Give one for each."
        )
    return {k: (cv_results[k] if several else cv_results, i) for k, i in index.items()}


def check_some(name: str, values: Mapping[str, Any]) -> None:
    """Raise unless a mapping holds something."""
    if not values:
        raise ValueError(
            f"{name} must not be empty; got {values!r}. Give one entry at least."
        )


def score_names(cv_results: Results) -> list[str]:
    """Return the names of the test scores, in their order."""
    found = (re.fullmatch(r"(?:split\d+_)?test_(.+)", key) for key in cv_results)
    return list(dict.fromkeys(match[1] for match in found if match))


def scores_by_bucket(cv_results: Results, metric: str) -> dict[str, str]:
    """Return the names of the scores by bucket, by the labels of the buckets."""
    start = f"neg_{metric} "
    names = score_names(cv_results)
    found = {n.removeprefix(start): n for n in names if n.startswith(start)}
    if not found:
        raise ValueError(
            f"cv_results must hold scores by bucket, such as 'test_{start}[0, 5)'; it "
            f"has the scores {names}. Pass scoring=make_bucket_multi_scorer("
            f"buckets=..., metrics=[{metric!r}])."
        )
    return found


def fold_scores(cv_results: Results, score: str, index: int | None = None) -> Float:
    """Return a score on all folds: of a search, that of the candidate in its place."""
    if f"test_{score}" in cv_results:  # of cross_validate
        if index is not None:
            raise ValueError(
                "index is a place in the cv_results_ of a search, and the result of "
                f"cross_validate has none; got index={index}. Leave it out."
            )
        return np.asarray(cv_results[f"test_{score}"], dtype=np.float64)
    key = re.compile(rf"split\d+_test_{re.escape(score)}")
    folds = np.array([cv_results[k] for k in cv_results if key.fullmatch(k)], float)
    n = folds.shape[1]
    place = 0 if index is None and n == 1 else index
    if place is None or not 0 <= place < n:
        raise ValueError(
            f"index must say which of the {n} candidates is meant, from 0 to {n - 1}; "
            f"got {index}. Give search.best_index_, or a place in cv_results['params']."
        )
    return np.asarray(folds[:, place])


def average_errors(
    cv_results: Results, metric: str, index: int | None
) -> dict[str, float]:
    """Return the macro error and that over all rows, as far as they were scored."""
    names = {average: f"neg_{metric}_{average}" for average in ("macro", "mean")}
    there = score_names(cv_results)
    return {
        average: float(-fold_scores(cv_results, name, index).mean())
        for average, name in names.items()
        if name in there
    }


def mean_and_deviation(folds: Float) -> tuple[Float, Float]:
    """Return mean and standard deviation of each row, without what is NaN."""
    known = np.isfinite(folds)
    n = np.where(known.any(axis=1), known.sum(axis=1), np.nan)
    mean = np.where(known, folds, 0).sum(axis=1) / n
    off = np.where(known, folds - mean[:, None], 0)
    return mean, np.sqrt((off**2).sum(axis=1) / n)
