"""The designs on which the literature compares robust linear regressions.

Every design starts from the same draws: standard normal features `X`, errors `e`
with standard deviation `noise`, and a random choice of the contaminated `rows`. It
then overwrites some of these, the errors being relative to the true plane, and
returns them with the rows that are outliers. The order of its draws is part of a
design: an integer seed has to give the data of published tables again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch, check_array

from skrobust._compat import Interval, StrOptions, validate_params
from skrobust.datasets._seeding import generator


@dataclass(frozen=True)
class _Far:
    """How far out outliers are: `shift` in units of `noise`, `leverage` of X."""

    noise: float
    shift: float
    leverage: float
    slope: float


def _clean(rng, X, e, rows, far):
    return X, e, rows[:0]


def _student(df):
    def heavy_tailed(rng, X, e, rows, far):
        return X, far.noise * rng.standard_t(df, len(e)), rows[:0]

    return heavy_tailed


def _slash(rng, X, e, rows, far):
    e = far.noise * rng.standard_normal(len(e)) / rng.uniform(size=len(e))
    return X, e, rows[:0]


def _skewed(rng, X, e, rows, far):
    # Chi-squared with 4 degrees of freedom has mean 4 and variance 8.
    return X, far.noise * (rng.chisquare(4, len(e)) - 4) / np.sqrt(8), rows[:0]


def _wide(rng, X, e, rows, far):
    e[rows] = far.noise * np.sqrt(10) * rng.standard_normal(len(rows))
    return X, e, rows


def _vertical(rng, X, e, rows, far):
    e[rows] = far.noise * (far.shift + rng.standard_normal(len(rows)))
    return X, e, rows


def _categorical(rng, X, e, rows, far):
    n_dummies = min(5, X.shape[1] - 1)
    level = rng.integers(0, n_dummies + 1, len(e))
    X[:, :n_dummies] = level[:, None] == np.arange(1, n_dummies + 1)
    return _vertical(rng, X, e, rows, far)


def _heteroscedastic(rng, X, e, rows, far):
    return _vertical(rng, X, e * (0.5 + np.abs(X[:, 0])), rows, far)


def _move_out(X, e, rows, far, jitter):
    """Put `rows` far along the first feature, on a line of the wrong slope."""
    X[rows, 0] += far.leverage
    e[rows] = far.leverage * far.slope + jitter


def _leverage(spread):
    def bad_leverage(rng, X, e, rows, far):
        X[rows] = spread * rng.standard_normal((len(rows), X.shape[1]))
        _move_out(X, e, rows, far, spread * rng.standard_normal(len(rows)))
        return X, e, rows

    return bad_leverage


def _good_leverage(rng, X, e, rows, far):
    X[rows] *= far.leverage
    return X, e, rows[:0]


def _mixed(rng, X, e, rows, far):
    above, beside = np.split(rows, [len(rows) // 2])
    e[above] = far.shift * far.noise + rng.standard_normal(len(above))
    X[beside] = 0.1 * rng.standard_normal((len(beside), X.shape[1]))
    _move_out(X, e, beside, far, 0.0)
    return X, e, rows


def _correlated(rng, X, e, rows, far):
    n_features = X.shape[1]
    correlation = 0.5 * (np.ones((n_features, n_features)) + np.eye(n_features))
    values, axes = np.linalg.eigh(correlation)
    X = rng.uniform(-15, 15, X.shape) @ (axes * np.sqrt(values)) @ axes.T
    rows = np.arange(len(rows))  # as published: the first rows, not random ones
    e[rows] += far.shift * far.noise
    return X, e, rows


def _correlated_leverage(rng, X, e, rows, far):
    X, e, rows = _correlated(rng, X, e, rows, far)
    X[rows] = far.leverage
    return X, e, rows


def _masking(rng, X, e, rows, far):
    X = 3 * rng.uniform(size=X.shape)
    e = far.noise * rng.uniform(-1, 1, len(e))
    good, bad = np.split(rows, [max(1, len(rows) // 3)])
    X[bad] = 10 + 0.3 * rng.standard_normal((len(bad), X.shape[1]))
    e[bad] = 10 + 0.3 * rng.standard_normal(len(bad))
    X[good] = 12 + 0.5 * rng.standard_normal((len(good), X.shape[1]))
    e[good] = 0.3 * rng.standard_normal(len(good))
    return X, e, bad


@dataclass(frozen=True)
class _Design:
    """A design, the key that published tables seed it with, and its defaults."""

    key: str
    draw: Callable
    shift: float = 0.0
    leverage: float = 0.0
    coef: float = 0.0


_DESIGNS = {
    "normal": _Design("normal", _clean),
    "student_t3": _Design("t3", _student(3)),
    "cauchy": _Design("t1", _student(1)),
    "slash": _Design("slash", _slash),
    "skewed": _Design("skew_t", _skewed),
    "wide_normal": _Design("cnorm_sym", _wide),
    "shifted_normal": _Design("cnorm_asym", _vertical, shift=4.0),
    "vertical": _Design("vertical", _vertical, shift=20.0),
    "categorical": _Design("rowdummies", _categorical, shift=20.0),
    "heteroscedastic": _Design("hetero", _heteroscedastic, shift=20.0),
    "leverage_point": _Design("lev_point", _leverage(1e-3), leverage=10.0),
    "leverage_cluster": _Design("lev_cluster", _leverage(0.1**0.5), leverage=100.0),
    "good_leverage": _Design("lev_good", _good_leverage, leverage=10.0),
    "mixed": _Design("mixed", _mixed, shift=20.0, leverage=10.0),
    "correlated": _Design("she_owen", _correlated, shift=5.0, coef=1.0),
    "correlated_leverage": _Design(
        "she_owen_lev", _correlated_leverage, shift=5.0, leverage=20.0, coef=1.0
    ),
    "masking": _Design("hbk_like", _masking),
}


@validate_params(
    {
        "design": [StrOptions(set(_DESIGNS))],
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "n_features": [Interval(Integral, 1, None, closed="left")],
        "contamination": [Interval(Real, 0, 1, closed="left")],
        "noise": [Interval(Real, 0, None, closed="left")],
        "shift": [Interval(Real, None, None, closed="neither"), None],
        "leverage": [Interval(Real, None, None, closed="neither"), None],
        "slope": [Interval(Real, None, None, closed="neither")],
        "coef": ["array-like", None],
        "intercept": [Interval(Real, None, None, closed="neither")],
        "return_info": ["boolean"],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_outlier_regression(
    design="vertical",
    n_samples=100,
    n_features=5,
    *,
    contamination=0.1,
    noise=1.0,
    shift=None,
    leverage=None,
    slope=2.0,
    coef=None,
    intercept=0.0,
    return_info=False,
    random_state=None,
):
    """Make a linear regression problem with outliers of a chosen kind.

    The target is ``X @ coef + intercept + error``, with standard normal features and
    normal errors unless the design, one of those of the literature, says otherwise.

    Parameters
    ----------
    design : str, default="vertical"
        What is wrong with the data.

        - Errors without gross outliers, `contamination` unused: "normal",
          "student_t3", "cauchy", "slash" (normal over uniform), "skewed" (a centred
          chi-squared with 4 degrees of freedom) [1]_.
        - Contaminated errors: "wide_normal" (variance 10 times as large) and
          "shifted_normal" (4 above) [1]_, "vertical" (20 above), "categorical" (the
          same, most features being dummies of one category) [2]_,
          "heteroscedastic" (the same, noise growing with the first feature).
        - Contaminated features: "leverage_point" (10 out along the first feature, on
          a line of the wrong `slope`) [3]_, "leverage_cluster" (a loose cluster, 100
          out) [4]_, "mixed" (half vertical, half leverage), "masking" (two far
          groups, the farther one on the true plane) [5]_.
        - Features that correlate at 0.5, the first rows contaminated: "correlated"
          (errors 5 above) and "correlated_leverage" (and features at 20) [6]_.
        - "good_leverage": features 10 times as far out, but on the true plane, so
          that no row is an outlier and rejecting one costs efficiency.
    n_samples : int, default=100
        Number of rows, at least 1.
    n_features : int, default=5
        Number of features, at least 1.
    contamination : float, default=0.1
        Share of contaminated rows, in [0, 1), rounded down to whole rows.
    noise : float, default=1.0
        Standard deviation of the errors, in the units of y. The heavy-tailed designs
        take it as the scale of their errors.
    shift : float, default=None
        How far vertical outliers are above, in units of `noise`; by default what the
        design says. Unused by designs without them.
    leverage : float, default=None
        How far out contaminated features are, in units of X; by default what the
        design says. Unused by designs without them.
    slope : float, default=2.0
        Slope along the first feature, on top of the true one, at which bad leverage
        points lie.
    coef : array-like of shape (n_features,), default=None
        True slopes; by default 1 in the correlated designs and 0 in the others, where
        a regression-equivariant estimator errs alike whatever they are.
    intercept : float, default=0.0
        True intercept.
    return_info : bool, default=False
        Return the truth as well.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws; give an int for the same data at every call.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        Features, without a column for the intercept.
    y : ndarray of shape (n_samples,)
        Target.
    info : :class:`~sklearn.utils.Bunch`
        Only where `return_info` is true: `coef`, `intercept` and `outlier`, a bool
        array of shape (n_samples,) that is true for gross outliers.

    Raises
    ------
    ValueError
        Where a parameter is outside its range, or `coef` has another length than
        `n_features`.

    References
    ----------
    .. [1] M. Koller and W. A. Stahel, "Sharpening Wald-type inference in robust
           regression for small samples", Computational Statistics and Data Analysis
           55 (2011), 2504-2515.
    .. [2] M. Koller, "Nonsingular subsampling for S-estimators with categorical
           predictors", 2012. https://arxiv.org/abs/1208.5595
    .. [3] R. A. Maronna and V. J. Yohai, "Correcting MM estimates for 'fat' data
           sets", Computational Statistics and Data Analysis 54 (2010), 3168-3173.
    .. [4] M. Salibian-Barrera and V. J. Yohai, "A fast algorithm for S-regression
           estimates", Journal of Computational and Graphical Statistics 15 (2006),
           414-427.
    .. [5] D. M. Hawkins, D. Bradu and G. V. Kass, "Location of several outliers in
           multiple-regression data using elemental sets", Technometrics 26 (1984),
           197-208.
    .. [6] Y. She and A. B. Owen, "Outlier detection using nonconvex penalized
           regression", 2010. https://arxiv.org/abs/1006.2592

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from skrobust.datasets import make_outlier_regression
    >>> X, y, info = make_outlier_regression(
    ...     coef=[1, 2], n_features=2, return_info=True, random_state=0
    ... )
    >>> int(info.outlier.sum())
    10
    >>> print(f"{LinearRegression().fit(X, y).intercept_:.1f}")  # the truth is 0
    2.2
    """
    kind = _DESIGNS[design]
    rng = generator(random_state, kind.key)
    far = _Far(
        noise,
        kind.shift if shift is None else shift,
        kind.leverage if leverage is None else leverage,
        slope,
    )
    X = rng.standard_normal((n_samples, n_features))
    e = noise * rng.standard_normal(n_samples)
    rows = rng.permutation(n_samples)[: int(contamination * n_samples)]
    X, e, outliers = kind.draw(rng, X, e, rows, far)

    coef = _true_slopes(coef, kind.coef, n_features)
    y = X @ coef + intercept + e
    if not return_info:
        return X, y
    outlier = np.zeros(n_samples, dtype=bool)
    outlier[outliers] = True
    return X, y, Bunch(coef=coef, intercept=float(intercept), outlier=outlier)


def _true_slopes(coef, default, n_features):
    """Return the slopes asked for, or the design's own."""
    if coef is None:
        return np.full(n_features, default)
    coef = check_array(coef, ensure_2d=False, dtype=np.float64, input_name="coef")
    if coef.shape != (n_features,):
        raise ValueError(
            f"coef has shape {coef.shape}, but n_features={n_features} asks for one "
            f"slope per feature. Give {n_features} numbers, or change n_features."
        )
    return coef
