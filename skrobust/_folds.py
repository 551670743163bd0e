"""The folds of a cross-validation in which many linear models are fitted and scored."""

from inspect import signature
from time import perf_counter
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata
from sklearn.utils import indexable

from skrobust._compat import BaseScorer, metric_of, safe_indexing
from skrobust._grid import fit_grid
from skrobust._rows import LinearModel, Rows, one_blas_thread
from skrobust._sample_weight import as_counts, check_weights
from skrobust._task import tasks_of
from skrobust.linear import AdaptiveLossRegressor

__all__ = ["Data", "Outcome", "Search", "results_of", "score_fold", "takes_weights"]


class Data(NamedTuple):
    """Rows as they were given and as they are fitted; what is known of the columns."""

    X_given: object
    y_given: object
    X: object
    y: np.ndarray
    columns: np.ndarray
    weights: np.ndarray | None
    names: dict


class Search(NamedTuple):
    """What is done in every fold: the models to fit, and how they are scored."""

    data: Data
    models: list
    scorer: object
    scored_by: dict


class Outcome(NamedTuple):
    """What a fold gives for each combination: scores and seconds; and notes."""

    scores: np.ndarray
    fit_seconds: np.ndarray
    score_seconds: np.ndarray
    notes: list


def score_fold(search, fold, train, test, seed, verbose):
    """Fit all combinations to the training rows of a fold, and score the others."""
    scores, seconds = [], []
    notes: list = []
    try:
        with one_blas_thread() as threads:
            began = perf_counter()
            fits = _fits(search, train, seed, threads)
            test_rows = _test_rows(search, test)
            for model in search.models:
                columns = [next(fit) for fit in fits]
                fitted = perf_counter()
                scores.append(_score(search, model, columns, test_rows))
                ended = perf_counter()
                seconds.append((fitted - began, ended - fitted))
                notes += {note for fit in columns for note in fit.notes}
                began = ended
    except Exception as error:
        at = search.models[len(scores)] if len(scores) < len(search.models) else ""
        error.add_note(f"In fold {fold} of the cross-validation, with {at}.")
        raise
    fit_seconds, score_seconds = np.array(seconds).T
    if verbose:
        print(f"fold {fold}: {fit_seconds.sum() + score_seconds.sum():.1f} s")
    return Outcome(np.array(scores), fit_seconds, score_seconds, notes)


def _fits(search, train, seed, threads):
    """Return an iterator over the fits of all combinations for each output."""
    data = search.data
    X, columns = data.X[train], data.columns[train]
    weights = None if data.weights is None else data.weights[train]
    weights = as_counts(check_weights(weights, len(columns)))
    of_models = (tasks_of(m, columns, weights, seed=seed) for m in search.models)
    tasks = zip(*of_models, strict=True)
    model = LinearModel(bool(search.models[0].fit_intercept))
    inference = not isinstance(search.scorer, BaseScorer)
    return [
        fit_grid(
            Rows(X, np.ascontiguousarray(column), weights, threads=threads),
            model,
            of_column,
            inference=inference,
        )
        for column, of_column in zip(columns.T, tasks, strict=True)
    ]


def _test_rows(search, test):
    """Return X and y of the test rows as they were given, and what else scores them."""
    data = search.data
    n = len(data.y)
    more = {
        name: safe_indexing(*indexable(value), test) if _by_row(value, n) else value
        for name, value in search.scored_by.items()
    }
    return safe_indexing(data.X_given, test), safe_indexing(data.y_given, test), more


def _by_row(value, n):
    """Whether metadata has an entry for each of n rows."""
    return hasattr(value, "__len__") and not isinstance(value, str) and len(value) == n


def _score(search, model, fits, test_rows):
    """Return the score of a combination that was fitted."""
    X, y, more = test_rows
    fitted = AdaptiveLossRegressor(**model.get_params(deep=False))
    fitted.__dict__.update(search.data.names)
    fitted._learn([fit._replace(notes=[]) for fit in fits], search.data.y.ndim == 1)
    score = search.scorer(fitted, X, y, **more)
    if np.ndim(score) or isinstance(score, dict) or np.isnan(score):
        raise ValueError(
            f"scoring must return a number. Got {score!r}. Choose another score, or "
            "folds with more rows."
        )
    return float(score)


def takes_weights(scorer):
    """Whether a scorer can be called with a sample_weight."""
    if isinstance(scorer, BaseScorer):
        scorer = metric_of(scorer)  # its own call takes anything
    return "sample_weight" in signature(scorer).parameters


def results_of(candidates, outcomes):
    """Return scores and seconds with the keys of ``GridSearchCV.cv_results_``."""
    results = {}
    for name, part in (("fit_time", "fit_seconds"), ("score_time", "score_seconds")):
        seconds = np.array([getattr(fold, part) for fold in outcomes])
        results[f"mean_{name}"] = seconds.mean(axis=0)
        results[f"std_{name}"] = seconds.std(axis=0)
    for name in candidates[0]:
        values = [candidate[name] for candidate in candidates]
        results[f"param_{name}"] = _masked(values)
    results["params"] = candidates
    scores = np.array([fold.scores for fold in outcomes])
    for fold, of_fold in enumerate(scores):
        results[f"split{fold}_test_score"] = of_fold
    means = scores.mean(axis=0)
    results["mean_test_score"], results["std_test_score"] = means, scores.std(axis=0)
    results["rank_test_score"] = rankdata(-means, method="min").astype(np.int32)
    return results


def _masked(values):
    """Return values as a masked array without a mask, of numbers if they all are."""
    plain = np.array(values)
    dtype = plain.dtype if plain.dtype.kind != "U" else object
    masked = np.ma.MaskedArray(np.empty(len(values), dtype), mask=False)
    for place, value in enumerate(values):
        masked[place] = value
    return masked
