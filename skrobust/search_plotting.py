"""The display of a search over the parameters of the loss."""

from numbers import Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skrobust import loss
from skrobust.plotting import NAMES, pyplot

__all__ = ["LossSearchDisplay"]


class LossSearchDisplay:
    """Scores of a search over two parameters of the loss, as a heat map.

    Make it with :meth:`from_estimator` or :meth:`from_cv_results`. The parameters are
    kept as attributes.

    Parameters
    ----------
    scores : ndarray of shape (n_y, n_x)
        Score of each combination, NaN where there is none.
    x_values, y_values : ndarray of shape (n_x,) and (n_y,)
        Values of the parameters, in the order of the columns and rows of `scores`.
    x, y : str
        Names of the parameters.
    score_name : str
        What `scores` are: the label of the colour bar.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that the map is in.
    figure_ : matplotlib Figure
        Figure that the axes are in.
    image_ : matplotlib AxesImage
        The map.
    best_ : matplotlib Line2D
        The mark of the best combination.
    colorbar_ : matplotlib Colorbar or None
        The colour bar.
    text_ : ndarray of shape (n_y, n_x) or None
        The scores as text, if they are shown.

    See Also
    --------
    AdaptiveLossRegressorCV : A search over alpha and c or efficiency.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from skrobust import AdaptiveLossRegressorCV, LossSearchDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(100, 1))
    >>> y = X[:, 0] + rng.standard_t(2, size=100)
    >>> search = AdaptiveLossRegressorCV([2, 1, 0], random_state=0).fit(X, y)
    >>> display = LossSearchDisplay.from_estimator(search)
    >>> display.x, display.y
    ('efficiency', 'alpha')
    >>> plt.show()
    """

    def __init__(self, *, scores, x_values, y_values, x, y, score_name):
        self.scores = scores
        self.x_values = x_values
        self.y_values = y_values
        self.x = x
        self.y = y
        self.score_name = score_name

    @classmethod
    def from_estimator(cls, search, **options):
        """Plot the scores of a search that was fitted.

        Parameters
        ----------
        search : AdaptiveLossRegressorCV or GridSearchCV
            A fitted search: what has `cv_results_`.
        **options : dict
            As in :meth:`from_cv_results`. By default the colour bar also names the
            `scoring` of the search.

        Returns
        -------
        display : LossSearchDisplay
            The display, plotted.

        Raises
        ------
        NotFittedError
            If the search is not fitted.
        ValueError
            As in :meth:`from_cv_results`.
        ImportError
            If matplotlib is not installed.
        """
        check_is_fitted(search, "cv_results_")
        scoring = search.scoring
        if scoring is None and not hasattr(search, "estimator"):
            scoring = "neg_m_scale_error"  # of AdaptiveLossRegressorCV
        if isinstance(scoring, str):
            options = {"score_name": f"mean {scoring}", **options}
        return cls.from_cv_results(search.cv_results_, **options)

    @classmethod
    def from_cv_results(
        cls,
        cv_results,
        *,
        x=None,
        y=None,
        score="mean_test_score",
        score_name=None,
        ax=None,
        cmap="viridis",
        colorbar=True,
        include_values=True,
        values_format=".3g",
    ):
        """Plot the scores of two parameters of a search.

        Parameters
        ----------
        cv_results : dict
            The `cv_results_` of a search.
        x, y : str, default=None
            The parameters on the axes, as they are called in ``cv_results["params"]``;
            the end of the name will do ("alpha" for "regressor__alpha"). By default `y`
            is alpha and `x` the first other one. Of combinations that differ in
            parameters on neither axis, the best one is shown.
        score : str, default="mean_test_score"
            The key of the scores in `cv_results`; the larger the better.
        score_name : str, default=None
            Label of the colour bar, `score` in words by default.
        ax : matplotlib Axes, default=None
            Axes to plot on, new ones by default.
        cmap : str or matplotlib Colormap, default="viridis"
            Colours of the scores.
        colorbar : bool, default=True
            Whether to add a colour bar.
        include_values : bool, default=True
            Whether to write the score into each cell.
        values_format : str, default=".3g"
            Format of these.

        Returns
        -------
        display : LossSearchDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If a key is not in `cv_results`, a parameter was not searched over, or fewer
            than two were; or if no score is finite.
        ImportError
            If matplotlib is not installed.
        """
        params = cv_results.get("params", [])
        if score not in cv_results or not len(params):
            known = [key for key in cv_results if key.endswith("_score")]
            raise ValueError(
                f"cv_results must hold 'params' and {score!r}. It holds the scores "
                f"{known}. Give one of them as score."
            )
        y, x = _axes_of(params, y, x)
        places = [[given.get(name) for given in params] for name in (x, y)]
        (x_values, columns), (y_values, rows) = map(_levels, places)
        scores = np.full((len(y_values), len(x_values)), np.nan)
        for at in zip(rows, columns, np.asarray(cv_results[score]), strict=True):
            scores[at[:2]] = np.fmax(scores[at[:2]], at[2])
        if not np.isfinite(scores).any():
            raise ValueError(
                f"cv_results[{score!r}] must hold a finite score. Got {scores[0, 0]} "
                "and the like. Fit with error_score='raise' to see why."
            )
        display = cls(
            scores=scores,
            x_values=x_values,
            y_values=y_values,
            x=x,
            y=y,
            score_name=score_name or score.replace("_", " "),
        )
        return display.plot(
            ax,
            cmap=cmap,
            colorbar=colorbar,
            include_values=include_values,
            values_format=values_format,
        )

    def plot(
        self,
        ax=None,
        *,
        cmap="viridis",
        colorbar=True,
        include_values=True,
        values_format=".3g",
    ):
        """Draw the map, and a frame around its best cell.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on, new ones by default.
        cmap : str or matplotlib Colormap, default="viridis"
            Colours of the scores.
        colorbar : bool, default=True
            Whether to add a colour bar.
        include_values : bool, default=True
            Whether to write the score into each cell.
        values_format : str, default=".3g"
            Format of these.

        Returns
        -------
        display : LossSearchDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        plt = pyplot(type(self).__name__)
        if ax is None:
            ax = plt.figure(layout="constrained").subplots()
        shown = np.where(np.isfinite(self.scores), self.scores, np.nan)
        self.image_ = ax.imshow(shown, cmap=cmap, aspect="auto")
        ax.set(xlabel=_axis_name(self.x), ylabel=_axis_name(self.y))
        for axis, name, values in (
            (ax.xaxis, self.x, self.x_values),
            (ax.yaxis, self.y, self.y_values),
        ):
            labels = [_value_name(name, value) for value in values]
            axis.set_ticks(np.arange(len(labels)), labels)
        row, column = np.unravel_index(np.nanargmax(shown), shown.shape)
        self._mark(ax, row, column)
        self.colorbar_ = None
        if colorbar:
            self.colorbar_ = ax.figure.colorbar(
                self.image_, ax=ax, label=self.score_name
            )
        self.text_ = self._write(ax, values_format) if include_values else None
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _mark(self, ax, row, column):
        """Draw a frame around a cell, just inside it."""
        side = 0.47 * np.array([-1, 1, 1, -1, -1])
        [self.best_] = ax.plot(
            column + side, row + np.roll(side, 1), color="red", linewidth=2.5
        )

    def _write(self, ax, values_format):
        """Write the scores into the cells, dark on light or light on dark."""
        text = np.empty(self.scores.shape, dtype=object)
        for at, score in np.ndenumerate(self.scores):
            if not np.isnan(score):
                red, green, blue, _ = self.image_.to_rgba(score)
                light = 0.299 * red + 0.587 * green + 0.114 * blue > 0.5
                text[at] = ax.text(
                    at[1],
                    at[0],
                    format(score, values_format),
                    ha="center",
                    va="center",
                    color="black" if light else "white",
                )
        return text


def _axes_of(params, *wanted):
    """Return the names of the parameters for the y and the x axis."""
    names = [name for name in params[0] if len({repr(p.get(name)) for p in params}) > 1]
    names += [name for name in params[0] if name not in names]
    found = []
    for label, name in zip("yx", wanted, strict=True):
        ends = [n for n in names if n not in found]
        if name is not None:
            ends = [n for n in ends if n == name or n.endswith(f"__{name}")]
        elif label == "y":
            ends.sort(key=lambda n: n.rpartition("__")[-1] != "alpha")
            ends = [n for n in ends if n not in _full(names, wanted[1])]
        if not ends:
            raise ValueError(
                f"{label} must be one of the parameters that were searched over, of "
                f"which there must be two: {list(params[0])}. Got {name!r}."
            )
        found.append(ends[0])
    return found


def _full(names, name):
    """Return those of some names that a name, or the end of one, stands for."""
    return [n for n in names if name and (n == name or n.endswith(f"__{name}"))]


def _levels(values):
    """Return the distinct values, numbers in order and before all else, and places."""
    kinds = {repr(value): value for value in values}
    order = sorted(
        kinds, key=lambda k: (_number(kinds[k]) is None, _number(kinds[k]) or 0.0)
    )
    place = {key: i for i, key in enumerate(order)}
    levels = np.empty(len(order), dtype=object)
    levels[:] = [kinds[key] for key in order]
    return levels, [place[repr(value)] for value in values]


def _number(value):
    """Return a parameter as a number, None if it is none."""
    if isinstance(value, str):
        return loss.ALPHAS.get(value)
    return float(value) if isinstance(value, Real) else None


def _axis_name(name):
    """Return how an axis calls a parameter."""
    short = name.rpartition("__")[-1]  # without the steps of a pipeline
    return {"alpha": r"$\alpha$", "c": "$c$"}.get(short, short)


def _value_name(name, value):
    """Return how a tick calls the value of a parameter."""
    number = _number(value)
    if number is None:
        return getattr(value, "__name__", str(value))
    if name.rpartition("__")[-1] == "alpha" and number in NAMES:
        return f"{number:g} ({NAMES[number]})"
    return f"{number:g}"
