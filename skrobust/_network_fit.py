"""From features and targets to a trained network, and back to the user's units."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from skrobust._moments import feature_moments, target_units
from skrobust._network import Network
from skrobust._rows import Rows
from skrobust._task import Note, Task
from skrobust._training import Data, Trained

__all__ = ["OutputFit", "Problem", "pose"]

Array = NDArray[Any]

ROOM = 1e3  # between the largest number that is given and that there is
VISIBLE = 1e-3  # of the spread of targets: less is no loss
# Spreads from 0 at which a column is shifted before it meets the network, which else
# does so afterwards: that is faster, and costs as many digits.
FAR_FROM_ZERO = {"float64": 100.0, "float32": 10.0}
_WIDER = {"float32": ", or give X in float64"}


@final
class OutputFit(NamedTuple):
    """The loss that an output was fitted with, in the units of its target.

    `alpha` and `c` are arrays of shape (n,) where rows have their own. `heaviest` is
    what weights are in units of, 1 for alpha <= 2.
    """

    alpha: float | Array
    c: float | Array
    scale: float
    heaviest: float = 1.0
    rounding: float = 0.0


@final
@dataclass(frozen=True)
class Problem:
    """Data and network in their own units: columns and targets centred and scaled.

    `tasks` are those of all rows that were given, in the units of the targets; `data`
    are the rows to train on, `validation` those that took no part, if any.
    """

    network: Network
    tasks: list[Task]
    data: Data
    validation: Data | None
    mean: Array
    spread: Array

    def folded(self, params: Array) -> tuple[list[Array], list[Array]]:
        """Return coefficients and intercepts for X and y as they were given."""
        rows = self.data.rows
        layers = [layer.copy() for layer in self.network.split(params)]
        layers[0][:-1] /= self.spread[:, None]
        layers[0][-1] -= self.mean @ layers[0][:-1]
        layers[-1] *= rows.unit
        layers[-1][-1] += rows.centre
        layers = [layer.astype(self.network.dtype) for layer in layers]
        return [W[:-1] for W in layers], [W[-1] for W in layers]

    def unfolded(self, coefs: list[Array], intercepts: list[Array]) -> Array:
        """Return the parameters that `folded` gives back."""
        rows = self.data.rows
        pairs = zip(coefs, intercepts, strict=True)
        layers = [np.vstack([W, b]).astype(np.float64) for W, b in pairs]
        layers[-1][-1] -= rows.centre
        layers[-1] /= rows.unit
        layers[0][-1] += self.mean @ layers[0][:-1]
        layers[0][:-1] *= self.spread[:, None]
        return np.concatenate([layer.ravel() for layer in layers])

    def outputs(self, trained: Trained) -> list[OutputFit]:
        """Return the loss of each output."""
        units: Array = self.data.rows.unit
        fits = []
        for law, task, unit in zip(trained.laws, self.tasks, units, strict=True):
            by_row: list[Any] = [task.alpha, task.c]
            alpha, c = (
                a if isinstance(a, np.ndarray) else b
                for a, b in zip(by_row, (law.alpha, law.c * unit), strict=True)
            )
            scale = law.scale * unit
            if task.squares and task.tunes:
                c = scale
            fits.append(OutputFit(alpha, c, scale))
        return fits

    def notes(self, fits: list[OutputFit]) -> list[Note]:
        """Return what to tell the user of predictions that rounding spoils."""
        rows = self.data.rows
        notes: list[Note] = []
        steps = np.finfo(self.network.dtype).eps * np.abs(rows.centre)
        for step, centre, unit, fit in zip(
            steps, rows.centre, rows.unit, fits, strict=True
        ):
            if step > max(fit.scale, VISIBLE * unit):
                message = (
                    f"Predictions near {centre:.3g} are {step:.1g} apart, as X is in "
                    f"{np.dtype(self.network.dtype)}, but the residuals have a scale "
                    f"of {fit.scale:.1g}. Subtract {centre:.3g} from y"
                    f"{_WIDER.get(np.dtype(self.network.dtype).name, '')}."
                )
                notes.append((message, UserWarning))
        return notes


def pose(
    rows: Rows,
    tasks: list[Task],
    sizes: list[int],
    activation: str,
    *,
    validation: Data | None = None,
    held: Array | None = None,
) -> Problem:
    """Return the problem of fitting a network with hidden layers of some sizes.

    Parameters
    ----------
    rows : Rows
        Features and targets (n, k), as they were given.
    tasks : list of Task
        What to fit to each target.
    sizes : list of int
        Numbers of hidden units.
    activation : str
        Their activation.
    validation : Data or None
        Other rows that judge the fit.
    held : ndarray or None
        Which of the rows do so instead, and take no other part.
    """
    data = Data(rows, tasks)
    if held is not None:
        rest = np.setdiff1d(data.present, held, assume_unique=True)
        data, validation = data.choose(rest), data.choose(held)
    data, validation = data.without_absent(), validation and validation.without_absent()
    # In the type of X, so that blocks keep theirs, and what is folded back is the same.
    mean, spread = (a.astype(rows.X.dtype) for a in feature_moments(data.rows))
    units = target_units(data.rows.y, data.rows.weights)
    _check_spreads("X", spread, rows.X.dtype)
    _check_spreads("y", units[1], rows.X.dtype)
    for part in (data, validation):
        if part is not None:
            _check_sizes(part, units, rows.X.dtype)
    far = np.abs(mean) > FAR_FROM_ZERO[rows.X.dtype.name] * spread
    if sparse.issparse(rows.X):
        far[:] = False
    network = Network(
        (rows.X.shape[1], *sizes, rows.y.shape[1]),
        activation,
        rows.X.dtype.type,
        np.where(far, 0, mean.astype(np.float64) / spread),
    )
    shift = np.where(far, mean, 0).astype(mean.dtype) if far.any() else None
    return Problem(
        network,
        tasks,
        _in_own_units(data, network, shift, spread, units),
        validation and _in_own_units(validation, network, shift, spread, units),
        mean,
        spread,
    )


def _check_spreads(name: str, spreads: Array, dtype: Any) -> None:
    """Raise a ValueError unless the network has numbers for the spread of columns."""
    limits = np.finfo(dtype)
    high, low = limits.max / ROOM, limits.tiny * ROOM
    wrong = ~((spreads > low) & (spreads < high))
    if wrong.any():
        j = int(np.argmax(wrong))
        spread = np.nan_to_num(spreads[j], nan=np.inf)
        raise ValueError(
            f"{name} must have columns with a spread between {low:.1e} and {high:.1e}, "
            f"for the network computes in {dtype}, as X is. Got {spread:.1e} in "
            f"column {j}. Change its unit{_WIDER.get(dtype.name, '')}."
        )


def _check_sizes(data: Data, units: tuple[Array, Array], dtype: Any) -> None:
    """Raise a ValueError unless the network has numbers for the targets."""
    centre, unit = units
    high = np.finfo(dtype).max / ROOM
    y = data.rows.y[data.present]
    wrong = np.abs(y / unit - centre / unit) > high
    if wrong.any():
        i, j = np.argwhere(wrong)[0]
        raise ValueError(
            f"y must have targets within {high:.1e} times their spread, {unit[j]:.1e}, "
            f"for the network computes in {dtype}, as X is. Got {y[i, j]:.1e}. Correct "
            f"it{_WIDER.get(dtype.name, '')}."
        )


def _in_own_units(
    data: Data,
    network: Network,
    shift: Array | None,
    scale: Array,
    units: tuple[Array, Array],
) -> Data:
    """Return data as a network sees them."""
    centre, unit = units
    rows = replace(
        data.rows,
        shift=shift,
        scale=scale,
        centre=centre,
        unit=unit,
        dtype=network.dtype,
        row_bytes=network.row_bytes,
    )
    tasks = [
        replace(task, c=task.c / size)
        if isinstance(task.c, float | np.ndarray)
        else task
        for task, size in zip(data.tasks, unit, strict=True)
    ]
    return Data(rows, tasks)
