"""Angles that are mostly small, seen by sensors that saturate."""

from numbers import Integral, Real

import numpy as np

from skrobust._compat import Interval, validate_params
from skrobust.datasets._seeding import generator


@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "wide_share": [Interval(Real, 0, 1, closed="both")],
        "core_sd": [Interval(Real, 0, None, closed="neither")],
        "max_angle": [Interval(Real, 0, None, closed="neither")],
        "noise": [Interval(Real, 0, None, closed="left")],
        "n_nuisance": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_imbalanced_angles(
    n_samples=1000,
    *,
    wide_share=0.07,
    core_sd=8.0,
    max_angle=80.0,
    noise=10.0,
    n_nuisance=3,
    random_state=None,
):
    """Make angles of which the wide ones are rare, and noisy sensors of them.

    Most targets are normal around 0 with standard deviation `core_sd`; a share
    `wide_share` is uniform between ``-max_angle`` and ``max_angle``. Because small
    angles dominate, a model that minimises the plain error takes a wide angle for
    noise and predicts too small a one.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows, at least 1.
    wide_share : float, default=0.07
        Probability, in [0, 1], that a target is drawn from the wide part.
    core_sd : float, default=8.0
        Standard deviation of the common targets, in degrees.
    max_angle : float, default=80.0
        Widest angle of the wide part, in degrees.
    noise : float, default=10.0
        Standard deviation of the error of each sensor, in degrees.
    n_nuisance : int, default=3
        Number of standard normal columns that say nothing about the target.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws; give an int for the same data at every call.

    Returns
    -------
    X : ndarray of shape (n_samples, 2 + n_nuisance)
        In degrees, a linear sensor, ``y`` plus noise, and one that saturates,
        ``h * sin(y / h)`` plus noise with ``h = max_angle / 2``, which turns back
        beyond 0.79 `max_angle`; then the nuisance columns.
    y : ndarray of shape (n_samples,)
        Angles, in degrees.

    Raises
    ------
    ValueError
        Where a parameter is outside its range.

    Examples
    --------
    >>> from skrobust.datasets import make_imbalanced_angles
    >>> X, y = make_imbalanced_angles(random_state=0)
    >>> X.shape
    (1000, 5)
    >>> int((abs(y) > 40).sum())
    26
    """
    rng = generator(random_state, "imbalanced_angles")
    wide = rng.uniform(size=n_samples) < wide_share
    common = core_sd * rng.standard_normal(n_samples)
    y = np.where(wide, rng.uniform(-max_angle, max_angle, n_samples), common)
    half = max_angle / 2
    sensors = np.column_stack([y, half * np.sin(y / half)])
    sensors += noise * rng.standard_normal(sensors.shape)
    nuisance = rng.standard_normal((n_samples, n_nuisance))
    return np.hstack([sensors, nuisance]), y
