"""Displays: they hold the data of a plot, and `plot` only draws them.

matplotlib is imported when one is drawn, not before.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from skrobust import loss
from skrobust.distribution import general_dist
from skrobust.partition import as_numbers, check_scale
from skrobust.tuning import as_alpha

__all__ = ["LossDisplay", "pyplot"]

NAMES = {alpha: name for name, alpha in loss.ALPHAS.items()}
LINESTYLES = ("-", "--", "-.", ":")
DARKEST, LIGHTEST = 0.0, 0.85  # of the colormap: what is beyond is pale on white


class _Kind(NamedTuple):
    """What may be drawn: a function of (r, alpha, c), and the label of its axis."""

    values: Callable[..., Any]
    label: str


KINDS = {
    "rho": _Kind(loss.rho, r"loss $\rho$"),
    "psi": _Kind(loss.psi, r"slope of the loss $\psi$"),
    "weight": _Kind(loss.weight, r"weight $c^2\,\psi / r$"),
    "density": _Kind(
        lambda r, alpha, c: general_dist.pdf(r, alpha, scale=c), "probability density"
    ),
}
# Beside axes of our own, where it covers nothing; inside those of others.
BESIDE: dict[str, Any] = {
    "loc": "upper left",
    "bbox_to_anchor": (1.0, 1.0),
    "frameon": False,
}
INSIDE: dict[str, Any] = {"loc": "best", "fontsize": "small"}


class LossDisplay:
    """Losses of several shapes in one plot: values, slopes, weights or densities.

    Make it with :meth:`from_alphas`, which computes what is drawn. The parameters are
    kept as attributes.

    Parameters
    ----------
    r : ndarray of shape (n,)
        Residuals, in the unit of `c`.
    values : ndarray of shape (n_alphas, n)
        What is drawn over `r`, one row for each loss.
    alphas : ndarray of shape (n_alphas,)
        Shape of each loss.
    c : ndarray of shape (n_alphas,)
        Scale of each loss, in the unit of `r`.
    kind : {"rho", "psi", "weight", "density"}
        What `values` are: the loss, its slope in `r`, the weight of a residual in least
        squares, or the density ``exp(-rho) / (c Z(alpha))``.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that the lines are in.
    figure_ : matplotlib Figure
        Figure that the axes are in.
    lines_ : list of matplotlib Line2D
        One line for each loss, in the order of `alphas`.

    See Also
    --------
    loss.rho : The loss [1]_.
    general_dist : The distribution with these densities.

    References
    ----------
    .. [1] J. T. Barron, "A General and Adaptive Robust Loss Function", CVPR 2019.
           https://arxiv.org/abs/1701.03077

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skrobust import LossDisplay
    >>> display = LossDisplay.from_alphas([2, 1, "cauchy"], kind="weight")
    >>> [line.get_label() for line in display.lines_]
    ['2 (l2)', '1 (pseudo_huber)', '0 (cauchy)']
    >>> plt.show()
    """

    def __init__(self, *, r, values, alphas, c, kind):
        self.r = r
        self.values = values
        self.alphas = alphas
        self.c = c
        self.kind = kind

    @classmethod
    def from_alphas(
        cls,
        alphas=None,
        *,
        c=1.0,
        kind="rho",
        r=None,
        ax=None,
        legend=True,
        line_kw=None,
    ):
        """Compute the losses of some alphas and plot them.

        Parameters
        ----------
        alphas : float, str or iterable of these, default=None
            Shapes of the losses, from -inf to inf, or their names in ``loss.ALPHAS``.
            By default, all that have a name; for densities, those of at least 0.
        c : float or array-like of shape (n_alphas,), default=1.0
            Scale of the losses, positive and finite: one for all, or one for each,
            such as their `tuning_constant`.
        kind : {"rho", "psi", "weight", "density"}, default="rho"
            What to draw over the residual: the loss, its slope, the weight of the
            residual in least squares, or the density that has this loss as its
            negative logarithm, but for a constant. Densities are for ``alpha >= 0``.
        r : array-like of shape (n,), default=None
            Residuals to draw it at, finite, in the unit of `c`. By default, 801 of them
            from -4 to 4 times the largest `c`.
        ax : matplotlib Axes, default=None
            Axes to plot on, new ones by default.
        legend : bool, default=True
            Whether to add a legend: beside new axes, but inside given ones.
        line_kw : dict, default=None
            Keyword arguments for matplotlib's ``plot``, for all lines.

        Returns
        -------
        display : LossDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If an alpha is no number, NaN or an unknown name, or negative for a density;
            if a `c` is not positive and finite, or there is not one or one for each
            alpha; if `kind` is unknown; or if `r` is empty, not 1-d or not finite.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        Losses that are equally efficient where errors are normal:

        >>> import matplotlib.pyplot as plt
        >>> from skrobust import LossDisplay, tuning_constant
        >>> alphas = [1, 0, -2]
        >>> c = [tuning_constant(alpha, 0.95) for alpha in alphas]
        >>> display = LossDisplay.from_alphas(alphas, c=c, kind="psi")
        >>> display.lines_[0].get_label()
        '1 (pseudo_huber), c = 1.29'
        >>> plt.show()
        """
        if not isinstance(kind, str) or kind not in KINDS:
            expected = ", ".join(map(repr, KINDS))
            raise ValueError(f"kind must be one of {expected}. Got {kind!r}.")
        alphas = _as_alphas(alphas, kind)
        c = _as_scales(c, len(alphas))
        r = c.max() * np.arange(-400, 401) / 100 if r is None else _as_residuals(r)
        values = KINDS[kind].values(r, alphas[:, None], c[:, None])
        display = cls(r=r, values=values, alphas=alphas, c=c, kind=kind)
        return display.plot(ax, legend=legend, line_kw=line_kw)

    def plot(self, ax=None, *, legend=True, line_kw=None):
        """Draw the lines.

        The lower alpha, the darker the line. What grows faster than squares, as all
        does for alpha above 2, is cut off where it would leave no room for the others.
        What given axes show already stays in view.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on, new ones by default.
        legend : bool, default=True
            Whether to add a legend: beside new axes, but inside given ones.
        line_kw : dict, default=None
            Keyword arguments for matplotlib's ``plot``, for all lines.

        Returns
        -------
        display : LossDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        plt = pyplot(type(self).__name__)
        from matplotlib.cbook import normalize_kwargs

        given, place = normalize_kwargs(line_kw, plt.Line2D), INSIDE
        if ax is None:
            place, ax = BESIDE, plt.figure(layout="constrained").subplots()
        shown = _shown(ax)
        # Dark to light by alpha, and by c where that is the same.
        rank = np.empty(len(self.alphas), int)
        rank[np.lexsort((self.c, self.alphas))] = np.arange(len(rank))
        shades = plt.colormaps["viridis"](np.linspace(DARKEST, LIGHTEST, len(rank)))
        self.lines_ = []
        for i, values in enumerate(self.values):
            style = {
                "color": shades[rank[i]],
                "linestyle": LINESTYLES[rank[i] % len(LINESTYLES)],
                "label": self._label(i),
            }
            self.lines_ += ax.plot(self.r, values, **(style | given))
        self._name_axes(ax)
        self._limit(ax, shown)
        if legend:
            ax.legend(title=r"$\alpha$", **place)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _label(self, i):
        """Return what the legend calls a line."""
        alpha, scales = float(self.alphas[i]), set(self.c)
        label = f"{alpha:g}" + (f" ({NAMES[alpha]})" if alpha in NAMES else "")
        return label if len(scales) == 1 else f"{label}, c = {self.c[i]:.3g}"

    def _name_axes(self, ax):
        """Say what is drawn over what."""
        scales = set(self.c)
        if scales == {1.0}:
            label = "residual $r / c$"
        elif len(scales) == 1:
            label = f"residual $r$, with $c = {self.c[0]:g}$"
        else:
            label = "residual $r$"
        ax.set(xlabel=label, ylabel=KINDS[self.kind].label)

    def _limit(self, ax, shown):
        """End the view where lines that grow fast leave room, or at what was shown."""
        if self.kind == "density" or np.max(self.alphas) <= 2:
            return
        top = 2.0  # weights: as much above that of squares as there is below
        if self.kind != "weight":
            squares = KINDS[self.kind].values(self.r, 2.0, np.max(self.c))
            others = self.values[self.alphas <= 2]
            top = 1.05 * float(max(np.max(np.abs(y)) for y in (squares, *others)))
        low = -top if self.kind == "psi" else -0.05 * top
        if ax.get_yscale() == "log":
            low = min(ax.get_ylim())
        low, top = min([low, *shown]), max([top, *shown])
        # Where all are 0, or some beyond the range of floats, matplotlib knows best.
        if low < top and np.isfinite(top - low):
            ax.set_ybound(low, top)  # which may be upside down
            ax.set_autoscaley_on(False)


def _shown(ax):
    """Return the ends of the view, if there is something in it."""
    sharing = ax.get_shared_y_axes().get_siblings(ax)
    some = any(axes.has_data() for axes in sharing)
    return ax.get_ylim() if some else ()


def _as_alphas(alphas, kind):
    """Return the shapes to draw as an array, or say why they cannot be drawn."""
    if alphas is None:
        least = 0 if kind == "density" else -np.inf
        alphas = [alpha for alpha in loss.ALPHAS.values() if alpha >= least]
    elif isinstance(alphas, str) or not np.iterable(alphas):
        alphas = [alphas]
    alphas = np.array([as_alpha(alpha) for alpha in alphas])
    if not alphas.size:
        raise ValueError("alphas must not be empty. Leave it out for the named losses.")
    if kind == "density" and alphas.min() < 0:
        raise ValueError(
            "alphas must not be negative for kind='density': the loss is bounded "
            f"there, and exp(-loss) is no density. Got {alphas.min():g}. Leave it out, "
            "or draw kind='rho'."
        )
    return alphas


def _as_scales(c, n):
    """Return one scale for each of n losses, or say why there is not."""
    if c is None:  # which would be NaN
        raise ValueError(
            "c must be a number or one for each alpha, positive and finite. Got None. "
            "Leave it out for 1."
        )
    check_scale(c)
    c = np.asarray(c, dtype=np.float64)
    if c.shape not in ((), (n,)):
        raise ValueError(
            f"c must be a number or one for each of the {n} alphas. "
            f"Got shape {c.shape}. Give as many as there are alphas."
        )
    return np.broadcast_to(c, n).copy()


def _as_residuals(r):
    """Return residuals as an array, or say why they cannot be drawn at."""
    r = as_numbers(r, "r", "Give an axis, such as np.linspace(-4, 4, 801).")
    if r.ndim != 1 or not r.size:
        raise ValueError(
            "r must be 1-dimensional, with at least one residual. "
            f"Got shape {r.shape}. Give an axis, such as np.linspace(-4, 4, 801)."
        )
    if not np.isfinite(r).all():
        raise ValueError(
            f"r must be finite. Got {r[~np.isfinite(r)][0]}. Give an axis, such as "
            "np.linspace(-4, 4, 801)."
        )
    return r


def pyplot(caller):
    """Return matplotlib.pyplot, or say how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib. Install it: pip install 'skrobust[plot]'."
        ) from error
    return plt
