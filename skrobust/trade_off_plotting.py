"""The display of what the common pay for what the rare gain."""

from collections.abc import Mapping
from numbers import Real

import numpy as np

from skrobust._cv_scores import check_some
from skrobust.bucket_plotting import (
    ABOVE,
    EVERYTHING,
    fitted_buckets,
    ink,
    metric_name,
    shades,
)
from skrobust.metrics import bucket_error
from skrobust.plotting import pyplot

__all__ = ["TradeOffDisplay"]

# The value of a parameter with which nothing is weighed, by the end of its name.
PLAIN = {"power": 0, "alpha": 0, "blend": 1}
MARKERS = "os^Dvp*h"


class TradeOffDisplay:
    """The rare error against the common error, along a parameter such as a power.

    Down is better for the rare, left for the common. What is below and to the left of
    the plain model is a gain for both.

    Make it with :meth:`from_cv_results` or :meth:`from_predictions`. The parameters are
    kept as attributes.

    Parameters
    ----------
    values : dict of str to list
        For every curve the values of the parameter, in order.
    rare, common : dict of str to ndarray of shape (n_values,)
        For every curve the errors at these values.
    param : str
        Name of the parameter.
    rare_name, common_name : str
        What the errors are: the labels of the axes.
    plain : object, default=None
        Value of the parameter that makes the plain model, None if there is none.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that the curves are in.
    figure_ : matplotlib Figure
        Figure that the axes are in.
    lines_ : dict of str to matplotlib Line2D
        The curves.
    plain_ : matplotlib Line2D or None
        The mark of the plain model.
    texts_ : dict of str to list of matplotlib Annotation
        For every curve the values beside its points.

    See Also
    --------
    best_affordable : Chooses a point for a search.
    BucketErrorDisplay : All buckets of a few models.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skrobust import (
    ...     BucketKFold, BucketWeighter, TargetBuckets, TargetWeightedRegressor,
    ...     TradeOffDisplay, make_bucket_multi_scorer,
    ... )
    >>> from skrobust.datasets import make_imbalanced_angles
    >>> X, y = make_imbalanced_angles(2000, random_state=0)
    >>> wide = TargetBuckets(width=10, limit=40, symmetric=True)
    >>> search = GridSearchCV(
    ...     TargetWeightedRegressor(Ridge(), BucketWeighter(wide)),
    ...     {"weighter__power": [0, 0.25, 0.5, 0.75, 1]},
    ...     scoring=make_bucket_multi_scorer(buckets=wide),
    ...     cv=BucketKFold(buckets=wide),
    ...     refit="neg_mae_macro",
    ... ).fit(X, y)
    >>> display = TradeOffDisplay.from_cv_results(
    ...     search.cv_results_, param="weighter__power", rare=">= 40"
    ... )
    >>> display.common_name, display.rare_name
    ('mean absolute error, all rows', 'mean absolute error, >= 40')
    >>> plt.show()
    """

    def __init__(
        self, *, values, rare, common, param, rare_name, common_name, plain=None
    ):
        self.values = values
        self.rare = rare
        self.common = common
        self.param = param
        self.rare_name = rare_name
        self.common_name = common_name
        self.plain = plain

    @classmethod
    def from_cv_results(
        cls,
        cv_results,
        *,
        param,
        rare="macro",
        common="mean",
        metric="mae",
        plain="auto",
        ax=None,
        line_kw=None,
    ):
        """Plot the trade-off along a parameter that a search went over.

        Parameters
        ----------
        cv_results : dict or DataFrame
            The `cv_results_` of a search by ``scoring=make_bucket_multi_scorer(...)``.
        param : str
            The parameter, as it is called in ``cv_results["params"]``; the end of the
            name will do ("power" for "weighter__power"). There is a curve for every
            combination of the others.
        rare, common : str, default="macro" and "mean"
            The errors to compare: "macro" or "worst" over the buckets, "mean" over all
            rows, or the label of a bucket such as ">= 40". The name of any other score
            that is minus an error will do as well.
        metric : str, default="mae"
            Which of the metrics of the scorer to show.
        plain : object, default="auto"
            Value of the parameter that makes the plain model, to be marked. "auto" is 0
            for a power or an alpha of weights, and 1 for a blend; None marks nothing.
        ax : matplotlib Axes, default=None
            Axes to plot on, new ones by default.
        line_kw : dict, default=None
            Keyword arguments for matplotlib's ``plot``, for all curves.

        Returns
        -------
        display : TradeOffDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If the search was not over this parameter, or has no such scores.
        ImportError
            If matplotlib is not installed.
        """
        params = list(cv_results.get("params", []))
        param = _searched(params, param)
        rare_errors, rare_name = _scored(cv_results, "rare", rare, metric)
        common_errors, common_name = _scored(cv_results, "common", common, metric)
        values = [setting[param] for setting in params]
        curves: dict[str, list[int]] = {}
        for i, setting in enumerate(params):
            others = {k: v for k, v in setting.items() if k != param}
            curves.setdefault(_setting_name(others, params), []).append(i)
        display = cls(
            **_curves(curves, values, rare_errors, common_errors),
            param=param.rpartition("__")[-1],
            rare_name=rare_name,
            common_name=common_name,
            plain=_plain(plain, param),
        )
        return display.plot(ax, line_kw=line_kw)

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_pred,
        *,
        buckets,
        param="setting",
        rare="macro",
        common="mean",
        metric="mae",
        sample_weight=None,
        period=None,
        plain="auto",
        ax=None,
        line_kw=None,
    ):
        """Plot the trade-off among predictions.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True targets. They alone decide the buckets.
        y_pred : dict of object to array-like of shape (n_samples,)
            Predictions, by the value of the parameter that they were made with.
        buckets : int, array-like of shape (n_edges,) or TargetBuckets
            The buckets, as in `bucket_error`.
        param : str, default="setting"
            Name of the parameter.
        rare, common : str, default="macro" and "mean"
            The errors to compare: "macro" or "worst" over the buckets, "mean" over all
            rows, or the label of a bucket such as ">= 40".
        metric : {"mae", "mse", "rmse", "medae", "bias"} or callable, default="mae"
            Error within a bucket, as in `bucket_error`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample, not negative, not all zero: k means the row k times.
        period : float, default=None
            The full turn, where the target is an angle that starts again, as in
            `bucket_error`.
        plain : object, default="auto"
            Value of the parameter that makes the plain model, as in
            :meth:`from_cv_results`.
        ax : matplotlib Axes, default=None
            Axes to plot on, new ones by default.
        line_kw : dict, default=None
            Keyword arguments for matplotlib's ``plot``, for all curves.

        Returns
        -------
        display : TradeOffDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If an argument is outside its domain, as in `bucket_error`, there are no
            predictions, or a bucket is not among the buckets or without rows.
        ImportError
            If matplotlib is not installed.
        """
        if not isinstance(y_pred, Mapping):
            raise ValueError(
                "y_pred must be a dict of predictions by the value of the parameter; "
                f"got {type(y_pred).__name__}. For one model draw a BucketErrorDisplay."
            )
        check_some("y_pred", y_pred)
        buckets = fitted_buckets(buckets, y_true, sample_weight)
        options = {"metric": metric, "sample_weight": sample_weight, "period": period}
        places = _places("rare", rare, buckets), _places("common", common, buckets)
        errors = [
            np.array([_error(y_true, p, **at, **options) for p in y_pred.values()])
            for at in places
        ]
        display = cls(
            **_curves({"": list(range(len(y_pred)))}, list(y_pred), *errors),
            param=param,
            rare_name=_error_name(rare, metric),
            common_name=_error_name(common, metric),
            plain=_plain(plain, param),
        )
        return display.plot(ax, line_kw=line_kw)

    def plot(self, ax=None, *, line_kw=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on, new ones by default.
        line_kw : dict, default=None
            Keyword arguments for matplotlib's ``plot``, for all curves.

        Returns
        -------
        display : TradeOffDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        plt = pyplot(type(self).__name__)
        from matplotlib.cbook import normalize_kwargs

        given = normalize_kwargs(line_kw, plt.Line2D)
        place = ABOVE if ax is None else ABOVE | {"fontsize": "small"}
        if ax is None:
            ax = plt.figure(layout="constrained").subplots()
        colors = shades(ax, len(self.values))
        self.lines_ = {}
        for i, name in enumerate(self.values):
            style = {"color": colors[i], "marker": MARKERS[i % len(MARKERS)]}
            style["label"] = name or self.param
            if not _are_numbers(self.values[name]):
                style["linestyle"] = "none"  # what has no order is no curve
            at = self.common[name], self.rare[name]
            [self.lines_[name]] = ax.plot(*at, **(style | given))
        self.plain_ = self._mark_plain(ax)
        ax.margins(0.1)
        ax.set(xlabel=self.common_name, ylabel=self.rare_name)
        ax.legend(**place)
        self.texts_ = self._write(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _mark_plain(self, ax):
        """Ring the plain model; what is lower and left of it is better than it."""
        for name, values in self.values.items():
            for value, x, y in zip(
                values, self.common[name], self.rare[name], strict=True
            ):
                if self.plain is None or value != self.plain:
                    continue
                faint = {"color": ink(ax), "linewidth": 0.8, "linestyle": ":"}
                ax.axvline(x, **faint)
                ax.axhline(y, **faint)
                ring = {"marker": "o", "markersize": 13, "markerfacecolor": "none"}
                ring |= {"color": ink(ax), "linestyle": "none"}
                text = _text(value)
                label = text if text == "plain" else f"plain, {self.param} = {text}"
                return ax.plot(x, y, label=label, **ring)[0]
        return None

    def _write(self, ax):
        """Write the values beside the points, where they cover little."""
        texts: dict[str, list] = {name: [] for name in self.values}
        scale = 72 / ax.figure.dpi
        ax.autoscale_view()  # which matplotlib leaves for later, and places depend on
        frame = scale * ax.get_window_extent().get_points()
        paths = {}
        for name in self.values:
            there = np.column_stack([self.common[name], self.rare[name]])
            paths[name] = scale * ax.transData.transform(there)
        crowds = [
            _along(path) if _are_numbers(self.values[name]) else _finite(path)
            for name, path in paths.items()
        ]
        labels = _Labels(frame, crowds)
        for name, values in self.values.items():
            for x, y, point, value in zip(
                self.common[name], self.rare[name], paths[name], values, strict=True
            ):
                offset = labels.place(point, _text(value))
                if offset is not None:
                    texts[name].append(_annotate(ax, _text(value), (x, y), offset))
        return texts


class _Labels:
    """Texts beside points, placed one after the other where each covers least.

    All is in points of the page, so that it does not depend on the units of the axes.
    """

    size = 9
    directions = ((1, 1), (-1, -1), (1, -1), (-1, 1), (0, 1), (0, -1), (1, 0), (-1, 0))

    def __init__(self, frame, lines):
        self.frame = frame
        self.crowd = np.concatenate(lines)
        self.taken = []
        self.written = []

    def place(self, point, text):
        """Return where the middle of a text goes, from its point; None for nowhere."""
        same = (np.abs(p - point).max() < 1 and t == text for p, t in self.written)
        if not np.isfinite(point).all() or any(same):
            return None
        box = self.size * np.array([0.6 * len(text), 1.2])  # a letter is 0.6 wide
        offsets = [np.array(d) * (box / 2 + 5) for d in self.directions]
        best = min(offsets, key=lambda offset: self._covered(point + offset, box))
        self.taken.append((point + best, box))
        self.written.append((point, text))
        return best

    def _covered(self, middle, box):
        """Return how much a text would cover, or reach out of the axes."""
        points = (np.abs(self.crowd - middle) < box / 2 + 1).all(axis=1).sum()
        texts = [(np.abs(m - middle) < (b + box) / 2).all() for m, b in self.taken]
        low, high = self.frame
        outside = (middle - box / 2 < low).any() or (middle + box / 2 > high).any()
        return points + 10 * sum(texts) + 20 * outside


def _along(path):
    """Return points along a path, its corners among them."""
    between = np.linspace(0, len(path) - 1, 12 * (len(path) - 1) + 1)
    at = np.arange(len(path))
    return _finite(
        np.column_stack([np.interp(between, at, column) for column in path.T])
    )


def _finite(points):
    """Return the points that are anywhere."""
    return points[np.isfinite(points).all(axis=1)]


def _annotate(ax, text, place, offset):
    """Write a text beside a place on axes."""
    return ax.annotate(
        text,
        place,
        offset,
        textcoords="offset points",
        size=_Labels.size,
        ha="center",
        va="center",
    )


def _text(value):
    """Return how a point calls its value."""
    return f"{value:g}" if isinstance(value, Real) else str(value)


def _are_numbers(values):
    """Return whether values can be put in order."""
    return all(isinstance(value, Real) for value in values)


def _searched(params, param):
    """Return the full name of a parameter that a search went over."""
    names = list(params[0]) if params else []
    found = [n for n in names if n == param or n.endswith(f"__{param}")]
    if len(found) != 1:
        raise ValueError(
            f"param must name one of the parameters that were searched over, {names}; "
            f"got {param!r}. Give its name as it is there."
        )
    return found[0]


def _setting_name(others, params):
    """Return the name of a curve: the parameters that are not the same everywhere."""
    varied = [k for k in others if len({repr(p.get(k)) for p in params}) > 1]
    return ", ".join(f"{k.rpartition('__')[-1]} = {_text(others[k])}" for k in varied)


def _curves(places, values, rare, common):
    """Return values and errors of every curve, in the order of the values."""
    ordered = {}
    for name, at in places.items():
        if _are_numbers(values[i] for i in at):
            at = sorted(at, key=lambda i: values[i])
        ordered[name] = at
    return {
        "values": {name: [values[i] for i in at] for name, at in ordered.items()},
        "rare": {name: rare[at] for name, at in ordered.items()},
        "common": {name: common[at] for name, at in ordered.items()},
    }


def _scored(cv_results, name, wanted, metric):
    """Return the errors of all candidates that are wanted, and their name in words."""
    there = [key[10:] for key in cv_results if key.startswith("mean_test_")]
    names = {
        f"neg_{metric}_{wanted}": _error_name(wanted, metric),
        f"neg_{metric} {wanted}": _error_name(wanted, metric),
        f"{wanted}": f"{wanted}".removeprefix("neg_").replace("_", " "),
    }
    for score, label in names.items():
        if score in there:
            return -np.asarray(cv_results[f"mean_test_{score}"], dtype=float), label
    raise ValueError(
        f"{name} must be 'macro', 'worst', 'mean', the label of a bucket, or one of "
        f"the scores that cv_results has, {there}; got {wanted!r}. Pass "
        "scoring=make_bucket_multi_scorer(buckets=...) to the search."
    )


def _places(name, wanted, buckets):
    """Return the arguments of `bucket_error` for an error, and which one to take."""
    if wanted == "mean":
        return {"buckets": EVERYTHING, "average": "macro", "place": None}
    if wanted in ("macro", "worst"):
        return {"buckets": buckets, "average": wanted, "place": None}
    if wanted in buckets.labels_:
        at = buckets.labels_.index(wanted)
        return {"buckets": buckets, "average": None, "place": at}
    raise ValueError(
        f"{name} must be 'macro', 'worst', 'mean', or the label of a bucket, one of "
        f"{buckets.labels_}; got {wanted!r}."
    )


def _error(y_true, y_pred, place, **options):
    """Return an error over the buckets, or that of the bucket in its place."""
    error = bucket_error(y_true, y_pred, **options)
    return error if place is None else error[place]


def _error_name(wanted, metric):
    """Return what an axis calls an error."""
    name = metric_name(metric)
    if wanted == "mean":
        return f"{name}, all rows"
    if wanted in ("macro", "worst"):
        return f"{wanted} {name}" if wanted == "macro" else f"{name}, worst bucket"
    return f"{name}, {wanted}"


def _plain(plain, param):
    """Return the value that makes the plain model, None if nobody knows."""
    if isinstance(plain, str) and plain == "auto":
        owner, _, name = param.rpartition("__")
        if name == "alpha" and owner and not owner.endswith("weighter"):
            return "plain"  # the alpha of a regressor is another one
        return PLAIN.get(name, "plain")
    return plain
