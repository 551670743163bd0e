"""The display of weights by target, over the targets that they weigh."""

from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skrobust._sample_weight import check_weights
from skrobust.bucket_plotting import ink, number, room, shades
from skrobust.buckets import check_target
from skrobust.meta import TargetWeightedRegressor
from skrobust.plotting import pyplot

__all__ = ["TargetWeightDisplay"]

PLACES = 1001  # targets at which the weight is drawn: steps look like steps


class TargetWeightDisplay:
    """The weight of a target as a line, over a histogram of the targets.

    Make it with :meth:`from_weighter` or :meth:`from_estimator`. The parameters are
    kept as attributes.

    Parameters
    ----------
    places : ndarray of shape (n_places,)
        Targets at which the weight is drawn, increasing.
    weights : ndarray of shape (n_places,)
        Weight of each.
    counts : ndarray of shape (n_bars,)
        Targets in each bar of the histogram, or the sum of their weights.
    edges : ndarray of shape (n_bars + 1,)
        Ends of the bars.
    n_rows : float
        Number of targets, or the sum of their weights.
    effective_size : float
        Effective sample size: as many rows of equal weight tell as much.
    max_weight : float
        Largest weight of one of the targets.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that the histogram is in.
    weight_ax_ : matplotlib Axes
        Axes that the line is in, which share the targets with `ax_`.
    figure_ : matplotlib Figure
        Figure that the axes are in.
    bars_ : matplotlib BarContainer
        The histogram.
    line_ : matplotlib Line2D
        The weights.

    See Also
    --------
    BucketWeighter : Weights by bucket.
    BucketErrorDisplay : What the weights achieve, and cost.

    Notes
    -----
    The effective sample size of weights w, for rows that count s times each, is
    ``sum(s * w) ** 2 / sum(s * w ** 2)`` [1]_. Where it is a small part of all rows,
    the fit hangs on a handful: lower the power, or set `max_weight` or
    `min_effective`.

    References
    ----------
    .. [1] L. Kish, "Survey Sampling", Wiley, 1965, section 11.7.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skrobust import BucketWeighter, TargetBuckets, TargetWeightDisplay
    >>> from skrobust.datasets import make_imbalanced_angles
    >>> _, y = make_imbalanced_angles(2000, random_state=0)
    >>> wide = TargetBuckets(width=10, limit=40, symmetric=True)
    >>> weighter = BucketWeighter(wide, power=0.5).fit(y)
    >>> display = TargetWeightDisplay.from_weighter(weighter, y)
    >>> print(f"{display.effective_size:.0f} of {display.n_rows} rows")
    1174 of 2000 rows
    >>> plt.show()
    """

    def __init__(
        self, *, places, weights, counts, edges, n_rows, effective_size, max_weight
    ):
        self.places = places
        self.weights = weights
        self.counts = counts
        self.edges = edges
        self.n_rows = n_rows
        self.effective_size = effective_size
        self.max_weight = max_weight

    @classmethod
    def from_estimator(cls, estimator, y, **options):
        """Plot the weights that a fitted estimator made.

        Parameters
        ----------
        estimator : TargetWeightedRegressor
            A fitted estimator; of a pipeline or a search, the one inside.
        y : array-like of shape (n_samples,)
            The targets that it was fitted to.
        **options : dict
            As in :meth:`from_weighter`.

        Returns
        -------
        display : TargetWeightDisplay
            The display, plotted.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If it is another estimator, and as :meth:`from_weighter`.
        ImportError
            If matplotlib is not installed.
        """
        if not isinstance(estimator, TargetWeightedRegressor):
            raise ValueError(
                "estimator must be a TargetWeightedRegressor; got "
                f"{type(estimator).__name__}. Give the one inside, such as "
                "pipeline[-1] or search.best_estimator_, or call from_weighter."
            )
        check_is_fitted(estimator)
        return cls.from_weighter(estimator.weighter_, y, **options)

    @classmethod
    def from_weighter(
        cls,
        weighter,
        y,
        *,
        sample_weight=None,
        n_bars=50,
        ax=None,
        log=True,
        bar_kw=None,
        line_kw=None,
    ):
        """Plot the weights of a fitted weighter.

        Parameters
        ----------
        weighter : weighter
            A fitted weighter, such as a BucketWeighter.
        y : array-like of shape (n_samples,)
            Targets, for instance those that it was fitted to.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each target, the one given to `fit`: k means the target k times.
        n_bars : int, default=50
            Number of bars of the histogram, at least 1.
        ax : matplotlib Axes, default=None
            Axes to plot on, new ones by default.
        log : bool, default=True
            Whether the counts have a logarithmic axis. On a linear one the rare targets
            are too few to be seen.
        bar_kw, line_kw : dict, default=None
            Keyword arguments for matplotlib's ``bar`` and ``plot``.

        Returns
        -------
        display : TargetWeightDisplay
            The display, plotted.

        Raises
        ------
        NotFittedError
            If the weighter is not fitted.
        ValueError
            If targets are not a vector of finite numbers, a weight is negative, or
            `n_bars` is no positive integer.
        ImportError
            If matplotlib is not installed.

        Notes
        -----
        With ``unseen="raise"`` there are no weights between the buckets that were seen:
        the line then goes through the targets alone.
        """
        targets = check_target(y).astype(np.float64, copy=False)
        s = check_weights(sample_weight, len(targets))
        if s is not None:
            targets, s = targets[s > 0], s[s > 0]
        counts, edges = np.histogram(targets, _check_bars(n_bars), weights=s)
        weights = weighter.transform(targets)
        parts = weights if s is None else s * weights
        places = _places(weighter, targets)
        display = cls(
            places=places,
            weights=weighter.transform(places),
            counts=counts,
            edges=edges,
            n_rows=len(targets) if s is None else float(s.sum()),
            effective_size=float(parts.sum() ** 2 / ((parts @ weights) or 1.0)),
            max_weight=float(weights.max()),
        )
        return display.plot(ax, log=log, bar_kw=bar_kw, line_kw=line_kw)

    def plot(self, ax=None, *, log=True, bar_kw=None, line_kw=None):
        """Draw the histogram and the line.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on, new ones by default.
        log : bool, default=True
            Whether the counts have a logarithmic axis.
        bar_kw, line_kw : dict, default=None
            Keyword arguments for matplotlib's ``bar`` and ``plot``.

        Returns
        -------
        display : TargetWeightDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        plt = pyplot(type(self).__name__)
        from matplotlib.cbook import normalize_kwargs

        size = "medium" if ax is None else "small"
        if ax is None:
            ax = plt.figure(layout="constrained").subplots()
        beside, color = ax.twinx(), shades(ax, 2)[0]
        style = {"color": ink(ax), "alpha": 0.25, "align": "edge"} | (bar_kw or {})
        widths = np.diff(self.edges)
        self.bars_ = ax.bar(self.edges[:-1], self.counts, widths, **style)
        given = normalize_kwargs(line_kw, plt.Line2D)
        [self.line_] = beside.plot(
            self.places, self.weights, **({"color": color, "linewidth": 2} | given)
        )
        beside.axhline(1, color=self.line_.get_color(), linewidth=0.8, linestyle=":")
        beside.set_ylim(bottom=0)
        beside.set_ylabel("weight", color=self.line_.get_color())
        beside.tick_params(axis="y", colors=self.line_.get_color())
        if log:
            ax.set_yscale("log")
            ax.set_ylim(bottom=0.7 * min(1, self.counts[self.counts > 0].min()))
        ax.set(xlabel="target", ylabel="targets" + (", log scale" if log else ""))
        ax.set_title(self._summary(ax), loc="left", fontsize=size)
        self.ax_, self.weight_ax_, self.figure_ = ax, beside, ax.figure
        return self

    def _summary(self, ax):
        """Return what the weights do to the sample size, in one line or two."""
        share = self.effective_size / self.n_rows
        texts = (
            f"effective sample size {self.effective_size:,.0f} of {self.n_rows:,.0f} "
            f"({share:.0%})",
            f"largest weight {number(self.max_weight)}",
        )
        line = ", ".join(texts)
        return line if len(line) < room(ax) else "\n".join(texts)


def _places(weighter, targets):
    """Return the targets at which to draw the weight."""
    if weighter.get_params().get("unseen") == "raise":
        # Where the weighter refuses there is nothing to draw.
        seen = np.unique(targets)
        return seen[np.unique(np.linspace(0, len(seen) - 1, PLACES).astype(int))]
    return np.linspace(targets.min(), targets.max(), PLACES)


def _check_bars(n_bars):
    """Return the number of bars, or say why it is none."""
    if isinstance(n_bars, bool) or not isinstance(n_bars, Integral) or n_bars < 1:
        raise ValueError(
            f"n_bars must be a positive integer; got {n_bars!r}. 50 is the default."
        )
    return int(n_bars)
