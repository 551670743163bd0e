"""Standard errors, tables and intervals of a linear fit.

The coefficients solve ``sum(w psi x) = 0``. Expanded to first order, these equations
give the influence of each row, and the sum of its outer products the covariance: the
sandwich, which holds whatever the errors are, and whether or not their spread is the
same everywhere. Where the scale comes from an S-estimate, its influence is part of it.

Weights are counts: a row of weight k is k rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import LinAlgError, cholesky, eigh, solve_triangular
from scipy.stats import norm, t

from skrobust._objective import Likelihood, MeanLoss
from skrobust._rows import DENSE_METRIC, LinearModel, Rows, Sums
from skrobust.distribution import general_dist
from skrobust.loss import Family
from skrobust.partition import fisher_information

__all__ = [
    "Covariance",
    "ScaleEstimate",
    "covariance",
    "exact_covariance",
    "prediction_interval",
    "shape_errors",
    "standard_errors",
    "summary_frame",
]

Array = NDArray[Any]

EPS = float(np.finfo(float).eps)
ROUNDING = 1e-10  # of an eigenvalue, relative: below zero, it still counts as zero
INVISIBLE = 1e-6  # share of a direction in a coefficient that is rounding
ALPHA, C = 1, 2  # places in the Fisher information
COLUMNS = ["coef", "std_err", "t", "p", "low", "high"]


class ScaleEstimate(NamedTuple):
    """The S-estimate whose scale the c of an MM-estimate is a multiple of.

    It solves ``sum(w * rho(residual, c)) = breakdown * supremum * (sum(w) - p)``.

    Parameters
    ----------
    params : ndarray of shape (q,)
        Its coefficients, in the coordinates of the rows.
    family : Family
        Its loss, which is bounded.
    c : float
        Its scale times the constant of that loss, in the unit of the rows.
    breakdown : float
        Its breakdown point.
    """

    params: Array
    family: Family
    c: float
    breakdown: float


@dataclass(frozen=True, eq=False)
class Covariance:
    """The covariance of coefficients and intercept, for X and y as they were given.

    Parameters
    ----------
    root : ndarray of shape (q, r)
        The covariance is ``root @ root.T``; the intercept, if there is one, is last.
        The errors of predictions keep their digits in the root: in the covariance
        itself those of columns far from zero (a timestamp) would drown in rounding.
    unseen : ndarray of shape (q, k)
        Directions, orthonormal in the coordinates of the fit, of which the rows say
        nothing: collinear columns, or one that is zero in all rows that count.
    determined : ndarray of shape (q,)
        Which coefficients the rows determine.
    total : float
        Total weight: the number of rows.
    freedom : float
        That less the (effective) number of coefficients.
    intercept : bool
        Whether the last coefficient is the intercept.
    """

    root: Array
    unseen: Array
    determined: NDArray[np.bool_]
    total: float
    freedom: float
    intercept: bool

    @property
    def matrix(self) -> Array:
        """The covariance (q, q), NaN for what the rows do not determine."""
        matrix: Array = self.root @ self.root.T
        matrix[~self.determined] = np.nan
        matrix[:, ~self.determined] = np.nan
        return matrix

    @property
    def standard_errors(self) -> Array:
        """Standard errors (q,), NaN for what the rows do not determine."""
        errors = np.sqrt(np.einsum("ij,ij->i", self.root, self.root))
        return np.where(self.determined, errors, np.nan)


def covariance(
    objective: MeanLoss, params: Array, first: ScaleEstimate | None = None
) -> Covariance | None:
    """Return the covariance of the coefficients at a minimum of the mean loss.

    Reads X once.

    Parameters
    ----------
    objective : MeanLoss
        What was minimised.
    params : ndarray of shape (q,)
        Its minimum.
    first : ScaleEstimate or None
        What the c of `objective` rests on; None where c is given or learnt, or has no
        influence worth counting.

    Returns
    -------
    Covariance or None
        None where there are too many features for a p x p matrix.

    Notes
    -----
    With `first` this is the asymptotic variance of an MM-estimate by [1]_, with counts
    in the place of expectations. Its term ``E[chi**2] - b**2`` is the variance of chi
    in the limit only: where it leaves the matrix indefinite, which is rare, the
    variance about b takes its place, and the matrix is a sum of squares.

    Without `first`, standard errors are those of the sandwich times ``n / (n - p)``.
    Residuals are shorter than errors by their leverage, of mean ``p / n``, which is
    largest where they matter most: at 100 normal rows and 6 coefficients the plain
    sandwich of least squares is 5 % too small, and this one 1 % too large.

    The influence of the S-estimate's coefficients on its scale is zero, as the scale
    is least there. With a penalty that is only nearly so, and the bias of the shrunken
    coefficients is in no standard error.

    References
    ----------
    .. [1] C. Croux, G. Dhaene, D. Hoorelbeke, "Robust Standard Errors for Robust
           Estimators", Discussion Paper 03.16, KU Leuven, 2003.
    """
    rows, model, n = objective.rows, objective.model, objective.rows.total
    if rows.X.shape[1] > DENSE_METRIC:
        return None
    sums = _Sums(*rows.sum(_visit(objective, params, first)))
    penalty = n * objective.penalty(params)
    inverse = _inverse(sums.hessian + np.diag(penalty))
    # With a penalty, the sum of psi x is its pull; without one it is zero.
    spread = _spread(sums, penalty * (params / objective.unit), n, first)
    root = inverse.matrix @ spread * objective.unit
    # The trace of the hat matrix: without a penalty, the rank.
    spent = float(np.sum(inverse.matrix * sums.hessian))
    freedom = n - (spent if objective.l2 else inverse.rank)
    if first is None:
        root *= n / freedom if freedom > 0 else np.nan
    return _as_given(root, inverse, freedom, rows, model)


def exact_covariance(
    rows: Rows, model: LinearModel, fitted: NDArray[np.bool_]
) -> Covariance | None:
    """Return the covariance where more than half of the rows are fitted exactly.

    It is zero, for all that the rows of the mask `fitted` determine.
    """
    if rows.X.shape[1] > DENSE_METRIC:
        return None

    def visit(block: slice) -> Sums:
        share = rows.weigh(block, fitted[block].astype(float))
        return (model.metric(rows.features(block), share),)

    inverse = _inverse(*rows.sum(visit))
    freedom = rows.total - inverse.rank
    return _as_given(np.zeros_like(inverse.matrix), inverse, freedom, rows, model)


class _Sums(NamedTuple):
    """Sums over the rows; those behind the first two need an S-estimate.

    With u = log(scale), psi of the M-step in units of 1 / c, psi' in those of its
    square, and chi the loss of the S-step from 0 to 1.
    """

    hessian: Array  # of psi' x x'
    square: Array  # of psi**2 x x'
    drift: Array | float = 0.0  # of -d(psi x) / du
    joint: Array | float = 0.0  # of psi chi x
    fall: float = 1.0  # of -d(chi) / du
    chi: float = 0.0
    chi_square: float = 0.0


def _visit(
    objective: MeanLoss, params: Array, first: ScaleEstimate | None
) -> Callable[[slice], Sums]:
    """Return what sums up the terms of the sandwich over a slice of rows."""
    rows, model, unit = objective.rows, objective.model, objective.unit

    def visit(block: slice) -> Sums:
        X, y = rows.block(block)
        prediction, pull = model(params, X)
        residual = y - prediction
        _, psi, bend = objective.losses(block, residual, 2)
        psi, bend = psi * unit, bend * unit * unit
        weigh = partial(rows.weigh, block)
        hessian = _signed_metric(model, X, weigh(bend))
        square = model.metric(X, weigh(np.square(psi)))
        if first is None:
            return hessian, square
        residual0 = y - model(first.params, X)[0]
        chi, slope = first.family.at(block).evaluate(residual0, first.c, 1)
        chi, slope = chi / first.family.supremum, slope / first.family.supremum
        return (
            hessian,
            square,
            pull(weigh(bend * (residual / unit))),
            pull(weigh(psi * chi)),
            weigh(slope * residual0).sum(),
            weigh(chi).sum(),
            weigh(np.square(chi)).sum(),
        )

    return visit


def _signed_metric(model: LinearModel, X: Any, curvature: Array) -> Array:
    """Return ``X' diag(curvature) X``, whatever the signs of the curvature."""
    if sparse.issparse(X):
        design = sparse.diags_array(curvature) @ X
        inner: Array = (X.T @ design).toarray()
        border = X.T @ curvature
    else:
        design = X * curvature[:, None]
        inner = X.T @ design
        border = design.sum(axis=0)
    if not model.intercept:
        return inner
    return np.block([[inner, border[:, None]], [border[None], curvature.sum()]])


def _spread(sums: _Sums, pull: Array, n: float, first: ScaleEstimate | None) -> Array:
    """Return a root of the sum of the outer products of the rows' influences.

    They are those on the gradient: on the coefficients after the inverse Hessian.
    """
    spread = sums.square - np.outer(pull, pull) / n
    if first is None:
        return _root(spread)
    a = (sums.drift - pull) / sums.fall
    joint = np.outer(a, sums.joint - pull * (sums.chi / n))
    spread -= joint + joint.T
    b = first.breakdown
    limit, variance = sums.chi_square - n * b * b, sums.chi_square - 2 * b * sums.chi
    root = _root(spread + limit * np.outer(a, a), -ROUNDING)
    if np.isfinite(root).all():
        return root
    return _root(spread + (variance + n * b * b) * np.outer(a, a))


class _Inverse(NamedTuple):
    """A generalised inverse, and what it leaves out."""

    matrix: Array
    unseen: Array  # (q, k): directions in which there is no curvature
    unit: Array  # (q,): of the coefficients

    @property
    def rank(self) -> int:
        """Number of directions that have an inverse."""
        return len(self.unseen) - int(self.unseen.shape[1])


def _inverse(hessian: Array) -> _Inverse:
    """Invert a Hessian where it is positive.

    Where it is zero, the rows say nothing; where it is negative, which it is not at a
    minimum, there is no standard error either.
    """
    unit = _unit(np.diagonal(hessian))
    values, vectors = eigh(hessian * unit * unit[:, None])
    seen = values > 8 * len(values) * EPS * values.max(initial=0.0)
    vectors *= unit[:, None]
    inside = vectors[:, seen]
    return _Inverse((inside / values[seen]) @ inside.T, vectors[:, ~seen], unit)


def _unit(diagonal: Array) -> Array:
    """Return the units in which the diagonal of a matrix is 1, where it is not 0."""
    size = np.sqrt(np.abs(diagonal))
    return 1 / np.where(size > 0, size, 1.0)


def _root(matrix: Array, least: float = -np.inf) -> Array:
    """Return R with ``R @ R.T`` the matrix, its eigenvalues below 0 taken for 0.

    It is NaN where one is below `least`, in units of the greatest.
    """
    if not np.isfinite(matrix).all():  # squares of psi that overflow, for alpha > 2
        return np.full_like(matrix, np.nan)
    unit = _unit(np.diagonal(matrix))
    matrix = matrix * unit * unit[:, None]
    root: Array
    try:
        root = cholesky(matrix, lower=True)
    except LinAlgError:
        values, vectors = eigh(matrix)
        indefinite = values[0] < 0 and values[0] < least * values[-1]
        root = vectors * np.sqrt(np.nan if indefinite else values.clip(0))
    return root / unit[:, None]


def _as_given(
    root: Array, inverse: _Inverse, freedom: float, rows: Rows, model: LinearModel
) -> Covariance:
    """Return the covariance for X and y as they were given."""
    q = len(root)
    last = q - model.intercept

    def given(columns: Array) -> Array:
        """Return `LinearModel.unshifted`, but for the centre, of each column."""
        coef: Array = columns[:last] * rows.unit
        if rows.factor is not None:
            coef = solve_triangular(rows.factor, coef)
        if not model.intercept:
            return coef
        moved = 0.0 if rows.shift is None else rows.shift @ coef
        return np.vstack([coef, columns[last:] * rows.unit - moved])

    unseen = given(inverse.unseen)
    # A coefficient is determined if no unseen direction moves it, but for rounding.
    reach = np.abs(given(np.diag(inverse.unit))).sum(axis=1)
    determined = (np.abs(unseen) <= INVISIBLE * reach[:, None]).all(axis=1)
    return Covariance(
        given(root), unseen, determined, rows.total, freedom, bool(model.intercept)
    )


def _known(covariance: Covariance | None, p: int) -> Covariance:
    """Return a covariance, or say why there is none."""
    if covariance is None:
        raise ValueError(
            "summary and predict_interval need the covariance of the coefficients, "
            f"which is computed for at most {DENSE_METRIC} features. Got {p}. Fit "
            "fewer features."
        )
    return covariance


def standard_errors(rows: Rows, covariance: Covariance | None) -> Array:
    """Return the standard error of the prediction of each row, (n,).

    Rows are those to predict, as given: neither shifted nor scaled. The error is inf
    where the rows that were fitted do not determine the prediction.
    """
    p = rows.X.shape[1]
    known = _known(covariance, p)
    root, unseen = known.root, known.unseen

    def along(X: Any, columns: Array) -> Array:
        """Return the movement of predictions along directions of the coefficients."""
        moved: Array = X @ columns[:p]
        return moved + columns[p] if known.intercept else moved

    def visit(block: slice) -> Array:
        X = rows.features(block)
        error = along(X, root)
        sizes: Array = np.sqrt(np.einsum("ij,ij->i", error, error))
        if unseen.shape[1]:
            beyond = INVISIBLE * along(abs(X), np.abs(unseen))
            sizes[(np.abs(along(X, unseen)) > beyond).any(axis=1)] = np.inf
        return sizes

    return rows.collect(visit)


def shape_errors(
    objective: Likelihood, params: Array
) -> dict[str, tuple[float, float]]:
    """Return estimate and standard error of what a likelihood learns of its loss.

    They are "alpha" and "c", this in the unit of y. The errors are those of the
    expected information; as in `GeneralFit`, NaN for an alpha on a bound or at 2.
    """
    rows, (_, mean) = objective.rows, objective.at(params)
    alpha, learnt, free = objective.alpha, {}, []
    if alpha is None:
        alpha = learnt["alpha"] = objective.axis.alpha(float(params[-1]))
        free += [] if alpha in (*objective.axis.alphas, 2.0) else [ALPHA]
    if objective.c is None:
        learnt["c"] = float(mean.c * rows.unit)
        free += [C]
    alphas, which = np.unique(alpha, return_inverse=True)
    counts = np.array([rows.total])
    if np.ndim(alpha):
        counts = np.bincount(which, rows.weights)
    # With c = 1, that about c is that about log(c).
    information = fisher_information(alphas)[:, free][:, :, free]
    variances = np.linalg.inv(np.tensordot(counts, information, 1)).diagonal()
    errors = dict(zip(free, np.sqrt(variances).tolist(), strict=True))
    places = {"alpha": (ALPHA, 1.0), "c": (C, learnt.get("c", 1.0))}
    return {
        name: (value, errors.get(places[name][0], np.nan) * places[name][1])
        for name, value in learnt.items()
    }


def prediction_interval(
    prediction: Array,
    errors: Array,
    covariance: Covariance,
    *,
    scale: float,
    alpha: float | None = None,
    coverage: float = 0.9,
) -> Array:
    """Return where new targets are, with a probability of `coverage`.

    Errors are normal with standard deviation `scale`, or have the density of the
    general loss with shape `alpha` and the c `scale` that maximum likelihood gives. The
    error of the prediction, of which `errors` (n,) are the `standard_errors`, is added
    as independent ones add, in squares: exact for normal errors, and nearly so where it
    is small. The ends have shape (n, 2).
    """
    tail, freedom = (1 + coverage) / 2, covariance.freedom
    if freedom <= 0:
        return np.full((len(prediction), 2), np.nan)
    wide = float(t.ppf(tail, freedom))
    reach = wide * scale
    if alpha is not None:
        # The most likely c is too small: it counts the coefficients as known.
        c = scale * np.sqrt(covariance.total / freedom)
        reach = float(general_dist.ppf(tail, alpha, scale=c))
    half = np.hypot(reach, wide * errors)
    return np.column_stack([prediction - half, prediction + half])


def summary_frame(
    coef: Array,
    intercept: float | None,
    covariance: Covariance | None,
    *,
    names: Sequence[str] | None = None,
    shape: Mapping[str, tuple[float, float]] | None = None,
    alpha_bounds: tuple[float, float] = (0.0, np.inf),
    coverage: float = 0.95,
) -> Any:
    """Return a DataFrame of the estimates, their errors, tests and intervals.

    It has a row for "intercept", unless that is None, each feature by its name (x0, x1
    ... by default), and what `shape` has of `shape_errors`. Its columns are "coef" and
    "std_err"; "t", their ratio; "p", the probability of one as large in size under the
    t distribution, if the true value is 0; "low" and "high", the interval. NaN stands
    where the rows do not determine a coefficient, and for tests of alpha and c, whose
    zero is no hypothesis. No interval of alpha leaves the bounds of its estimate.
    """
    pd = _pandas()
    covariance = _known(covariance, len(coef))
    labels = [f"x{j}" for j in range(len(coef))] if names is None else list(names)
    values, errors = np.asarray(coef, float), covariance.standard_errors
    if intercept is not None:
        labels, values = ["intercept", *labels], np.append(intercept, values)
        errors = np.roll(errors, 1)
    table = _tested(values, errors, covariance.freedom, coverage)
    for name, (value, error) in (shape or {}).items():
        labels.append(name)
        ends = _shape_interval(name, value, error, coverage, alpha_bounds)
        table.append((value, error, np.nan, np.nan, *ends))
    return pd.DataFrame(table, index=labels, columns=COLUMNS)


def _tested(
    values: Array, errors: Array, freedom: float, coverage: float
) -> list[tuple[float, ...]]:
    """Return estimate, error, t, p and interval of each coefficient."""
    freedom = freedom if freedom > 0 else np.nan
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 of an exact fit: NaN
        ratio = values / errors
    p = 2 * t.sf(np.abs(ratio), freedom)
    half = t.ppf((1 + coverage) / 2, freedom) * errors
    columns = values, errors, ratio, p, values - half, values + half
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _shape_interval(
    name: str,
    value: float,
    error: float,
    coverage: float,
    bounds: tuple[float, float],
) -> tuple[float, float]:
    """Return the interval of alpha, within its bounds, or that of c, in its log."""
    half = norm.ppf((1 + coverage) / 2) * error
    if name == "alpha":
        low, high = np.clip([value - half, value + half], *bounds)
        return float(low), float(high)
    ratio = float(np.exp(half / value))
    return value / ratio, value * ratio


def _pandas() -> Any:
    """Return pandas, or say what needs it."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "summary gives a DataFrame and needs pandas, which is not installed. "
            "Run 'pip install pandas'."
        ) from error
    return pandas
