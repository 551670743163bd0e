"""The display of errors by bucket, and what displays for rare targets share.

matplotlib is imported when one is drawn, not before.
"""

from collections.abc import Mapping
from itertools import chain
from math import ceil
from typing import Any

import numpy as np
from sklearn.base import clone

from skrobust._cv_scores import (
    average_errors,
    check_some,
    fold_scores,
    mean_and_deviation,
    named_results,
    scores_by_bucket,
)
from skrobust._sample_weight import check_weights
from skrobust.buckets import TargetBuckets, as_buckets
from skrobust.metrics import bucket_error
from skrobust.plotting import DARKEST, LIGHTEST, pyplot

__all__ = [
    "ABOVE",
    "EVERYTHING",
    "BucketErrorDisplay",
    "fitted_buckets",
    "ink",
    "metric_name",
    "number",
    "room",
    "shades",
]

METRICS = {
    "mae": "mean absolute error",
    "mse": "mean squared error",
    "rmse": "root mean squared error",
    "medae": "median absolute error",
    "bias": "bias: mean of predicted - true",
}
DIMMEST = 0.3  # of the colormap: what is before is dim on black
SMALLEST = 6  # size of a font that can still be read, in points
EVERYTHING = TargetBuckets(edges=[])  # one bucket: the error over all rows
# Above the axes, where long names fit and no bar is covered.
ABOVE: dict[str, Any] = {
    "loc": "lower left",
    "bbox_to_anchor": (0.0, 1.0),
    "frameon": False,
    "borderaxespad": 0.2,
}


class BucketErrorDisplay:
    """Errors by bucket of the true target, of one model or of several side by side.

    Make it with :meth:`from_estimator`, :meth:`from_predictions` or
    :meth:`from_cv_results`. The parameters are kept as attributes.

    Parameters
    ----------
    errors : dict of str to ndarray of shape (n_buckets,)
        Error in every bucket, by the name of the model; NaN where there is no row.
    labels : list of str
        Names of the buckets.
    averages : dict of str to dict
        For every model its "macro" error, in which every bucket counts the same, and
        its "mean" error, over all rows; without what is not known.
    metric : str
        What the errors are: the label of the axis.
    counts : ndarray of shape (n_buckets,), default=None
        Rows in every bucket, or the sum of their weights.
    spreads : dict of str to ndarray of shape (n_buckets,), default=None
        Standard deviation of the errors over folds, by the name of the model.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that the bars are in.
    figure_ : matplotlib Figure
        Figure that the axes are in.
    bars_ : dict of str to matplotlib BarContainer
        The bars of each model.

    See Also
    --------
    bucket_error : The errors.
    bucket_report : The same as a table.
    TradeOffDisplay : What the common pay for a gain of the rare.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.linear_model import Ridge
    >>> from skrobust import BucketErrorDisplay, BucketWeighter, TargetBuckets
    >>> from skrobust import TargetWeightedRegressor
    >>> from skrobust.datasets import make_imbalanced_angles
    >>> X, y = make_imbalanced_angles(2000, random_state=0)
    >>> wide = TargetBuckets(width=10, limit=40, symmetric=True)
    >>> weighted = TargetWeightedRegressor(Ridge(), BucketWeighter(wide))
    >>> models = {"plain": Ridge(), "weighted": weighted}
    >>> for model in models.values():
    ...     _ = model.fit(X[:1000], y[:1000])
    >>> display = BucketErrorDisplay.from_estimator(
    ...     models, X[1000:], y[1000:], buckets=wide
    ... )
    >>> list(display.errors)
    ['plain', 'weighted']
    >>> plt.show()
    """

    def __init__(self, *, errors, labels, averages, metric, counts=None, spreads=None):
        self.errors = errors
        self.labels = labels
        self.averages = averages
        self.metric = metric
        self.counts = counts
        self.spreads = spreads

    @classmethod
    def from_estimator(cls, estimator, X, y, **options):
        """Plot the errors of fitted models.

        Parameters
        ----------
        estimator : estimator, or dict of str to estimator
            A fitted regressor, or several by name.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,)
            True targets.
        **options : dict
            As in :meth:`from_predictions`, `buckets` among them.

        Returns
        -------
        display : BucketErrorDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            As :meth:`from_predictions`.
        ImportError
            If matplotlib is not installed.
        """
        if not isinstance(estimator, Mapping):
            estimator = {type(estimator).__name__: estimator}
        y_pred = {name: model.predict(X) for name, model in estimator.items()}
        return cls.from_predictions(y, y_pred, **options)

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_pred,
        *,
        buckets,
        metric="mae",
        sample_weight=None,
        period=None,
        ax=None,
        legend=True,
        bar_kw=None,
    ):
        """Plot the errors of predictions.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True targets. They alone decide the buckets.
        y_pred : array-like of shape (n_samples,), or dict of str to array-like
            Predictions, or several by name.
        buckets : int, array-like of shape (n_edges,) or TargetBuckets
            Number of equal-width buckets over the range of `y_true`, inner edges, or
            the buckets themselves.
        metric : {"mae", "mse", "rmse", "medae", "bias"} or callable, default="mae"
            Error within a bucket, as in `bucket_error`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample, not negative, not all zero: k means the row k times.
        period : float, default=None
            The full turn, where the target is an angle that starts again, as in
            `bucket_error`.
        ax : matplotlib Axes, default=None
            Axes to plot on, new ones by default.
        legend : bool, default=True
            Whether to add a legend, above the axes. It says the macro error of every
            model and its error over all rows.
        bar_kw : dict, default=None
            Keyword arguments for matplotlib's ``bar``, for all bars.

        Returns
        -------
        display : BucketErrorDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If an argument is outside its domain, as in `bucket_error`, or there is no
            model.
        ImportError
            If matplotlib is not installed.
        """
        y_pred = y_pred if isinstance(y_pred, Mapping) else {"model": y_pred}
        check_some("y_pred", y_pred)
        buckets = fitted_buckets(buckets, y_true, sample_weight)
        options = {"metric": metric, "sample_weight": sample_weight, "period": period}
        errors, averages = {}, {}
        for name, predicted in y_pred.items():
            at = y_true, predicted
            errors[name] = bucket_error(*at, buckets=buckets, average=None, **options)
            macro = bucket_error(*at, buckets=buckets, **options)
            mean = bucket_error(*at, buckets=EVERYTHING, **options)
            averages[name] = {"macro": macro, "mean": mean}
        display = cls(
            errors=errors,
            labels=buckets.labels_,
            averages=averages,
            metric=metric_name(metric),
            counts=_counts(buckets, y_true, sample_weight),
        )
        return display.plot(ax, legend=legend, bar_kw=bar_kw)

    @classmethod
    def from_cv_results(
        cls,
        cv_results,
        *,
        metric="mae",
        index=None,
        counts=None,
        ax=None,
        legend=True,
        bar_kw=None,
    ):
        """Plot the errors of a cross-validation: means over folds, and deviations.

        Parameters
        ----------
        cv_results : dict or DataFrame, or dict of str to dict or DataFrame
            What ``cross_validate(..., scoring=make_bucket_multi_scorer(...))`` returns,
            or the `cv_results_` of a search with such a scorer; or several by name.
        metric : str, default="mae"
            Which of the metrics of the scorer to show.
        index : int, or dict of str to int, default=None
            Of a search, which candidate: its place in ``cv_results["params"]``, such as
            ``search.best_index_``. A dict shows several of one search, or one of each
            of several searches, by name. May be left out where there is one only.
        counts : array-like of shape (n_buckets,), default=None
            Rows in every bucket, such as ``TargetBuckets.counts_``, to write below.
        ax : matplotlib Axes, default=None
            Axes to plot on, new ones by default.
        legend : bool, default=True
            Whether to add a legend, as in :meth:`from_predictions`.
        bar_kw : dict, default=None
            Keyword arguments for matplotlib's ``bar``, for all bars.

        Returns
        -------
        display : BucketErrorDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If the results have no such scores or not the same buckets, `index` names no
            candidate, or there are not as many counts as buckets.
        ImportError
            If matplotlib is not installed.

        Notes
        -----
        Scores are minus the magnitudes of errors, so that of "bias" the sign is lost.
        Folds without a row in a bucket are left out of its mean and deviation.
        """
        labels, errors, spreads, averages = None, {}, {}, {}
        for name, (results, i) in named_results(cv_results, index).items():
            scores = scores_by_bucket(results, metric)
            if labels not in (None, list(scores)):
                raise ValueError(
                    "All of cv_results must have the same buckets; got "
                    f"{labels} and {list(scores)}. Score all by the same ones."
                )
            labels = list(scores)
            folds = np.array(
                [fold_scores(results, score, i) for score in scores.values()]
            )
            errors[name], spreads[name] = mean_and_deviation(-folds)
            averages[name] = average_errors(results, metric, i)
        display = cls(
            errors=errors,
            labels=labels,
            averages=averages,
            metric=metric_name(metric),
            counts=_given_counts(counts, labels),
            spreads=spreads,
        )
        return display.plot(ax, legend=legend, bar_kw=bar_kw)

    def plot(self, ax=None, *, legend=True, bar_kw=None):
        """Draw the bars.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on, new ones by default.
        legend : bool, default=True
            Whether to add a legend, above the axes.
        bar_kw : dict, default=None
            Keyword arguments for matplotlib's ``bar``, for all bars.

        Returns
        -------
        display : BucketErrorDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        plt = pyplot(type(self).__name__)
        place = ABOVE if ax is None else ABOVE | {"fontsize": "small"}
        if ax is None:
            width = min(max(6.4, 2 + 0.45 * len(self.labels)), 12)
            ax = plt.figure(figsize=(width, 4.8), layout="constrained").subplots()
        colors, n = shades(ax, len(self.errors)), len(self.errors)
        self.bars_ = {}
        for i, (name, errors) in enumerate(self.errors.items()):
            at = np.arange(len(self.labels)) + 0.8 * ((i + 0.5) / n - 0.5)
            style = {
                "color": colors[i],
                "label": self._label(ax, name),
                "width": 0.8 / n,
            }
            style |= self._whiskers(ax, name) | (bar_kw or {})
            self.bars_[name] = ax.bar(at, errors, **style)
        if any((errors < 0).any() for errors in self.errors.values()):
            ax.axhline(0, color=ink(ax), linewidth=0.8)
        ax.set(xlabel="bucket of the true target", ylabel=self.metric)
        self._name_ticks(ax)
        if legend:
            ax.legend(**place)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _label(self, ax, name):
        """Return what the legend calls a model: its name, and what it costs overall."""
        averages = self.averages.get(name, {})
        parts = {"macro": "macro", "mean": "all rows"}
        texts = [f"{parts[a]} {number(averages[a])}" for a in parts if a in averages]
        if not texts:
            return str(name)
        costs = ", ".join(texts)
        short = len(f"{name}: {costs}") < room(ax) - 6  # the rest is for the colour
        return f"{name}: {costs}" if short else f"{name}\n{costs}"

    def _whiskers(self, ax, name):
        """Return the style of bars that show deviations, if there are any."""
        if self.spreads is None:
            return {}
        line = {"ecolor": ink(ax), "elinewidth": 1, "capsize": 2}
        return {"yerr": self.spreads[name], "error_kw": line}

    def _name_ticks(self, ax):
        """Write names and counts below the bars, upright where they are too wide."""
        names = list(self.labels)
        if self.counts is not None:
            counts = [_short(count) for count in self.counts]
            names = [f"{a}\nn = {b}" for a, b in zip(names, counts, strict=True)]
        at, lines = np.arange(len(names)), [name.split("\n") for name in names]
        ax.set(xlim=(-0.6, len(names) - 0.4))  # where there are no bars too
        ax.set_xticks(at, names)
        if max(map(len, chain(*lines))) > 0.95 * room(ax) / len(names):
            # Upright, and small if need be: a line takes 1.25 of the size of its font.
            size = ax.xaxis.get_ticklabels()[0].get_fontsize()
            fitting = _points(ax) / len(names) / (1.25 * len(lines[0]))
            small = min(size, max(fitting, SMALLEST))
            every = ceil(small / fitting)
            ax.set_xticks(at[::every], names[::every])
            ax.tick_params(axis="x", labelrotation=90, labelsize=small)


def room(ax):
    """Return about how many letters of the usual size fit side by side on axes."""
    return _points(ax) / (0.55 * ax.xaxis.get_label().get_fontsize())


def _points(ax):
    """Return the width of axes in points of the page."""
    return 72 * ax.get_window_extent().width / ax.figure.dpi


def number(value):
    """Return a number as a text with three digits that count."""
    return f"{value:#.3g}".rstrip(".") if abs(value) < 1000 else f"{value:.4g}"


def shades(ax, n):
    """Return n colours to be told apart on axes, the one that stands out most first."""
    import matplotlib.pyplot as plt

    ends = (1.0, DIMMEST) if _is_dark(ax) else (DARKEST, LIGHTEST)
    return plt.colormaps["viridis"](np.linspace(*ends, n))


def ink(ax):
    """Return the colour of lines that are part of the axes."""
    return ax.spines["left"].get_edgecolor()


def _is_dark(ax):
    """Return whether axes have a dark background."""
    from matplotlib.colors import to_rgba

    red, green, blue, opacity = to_rgba(ax.get_facecolor())
    if opacity == 0:
        red, green, blue, _ = to_rgba(ax.figure.get_facecolor())
    return 0.299 * red + 0.587 * green + 0.114 * blue < 0.5


def _short(count):
    """Return a count as a text of at most five letters."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if count >= unit:
            return f"{count / min(unit, 1e3 if letter == 'k' else unit):.3g}{letter}"
    return f"{count:.4g}"


def metric_name(metric):
    """Return the name of a metric in words."""
    if callable(metric):
        metric = getattr(metric, "__name__", type(metric).__name__)
    return METRICS.get(metric, metric.replace("_", " "))


def fitted_buckets(buckets, y, sample_weight):
    """Return buckets that are fixed, if they were not by the targets."""
    buckets = as_buckets(buckets)
    return buckets if buckets.is_fixed else clone(buckets).fit(y, sample_weight)


def _counts(buckets, y, sample_weight):
    """Return the sum of weights in every bucket."""
    assigned = buckets.assign(y)
    s = check_weights(sample_weight, len(assigned))
    return np.bincount(assigned, s, minlength=buckets.n_buckets_)


def _given_counts(counts, labels):
    """Return counts that a user gives as an array, or say that they do not fit."""
    if counts is not None and np.shape(counts) != (len(labels),):
        raise ValueError(
            f"counts must be one for each of the {len(labels)} buckets {labels}; got "
            f"shape {np.shape(counts)}. Give TargetBuckets.counts_ of the same buckets."
        )
    return None if counts is None else np.asarray(counts)
