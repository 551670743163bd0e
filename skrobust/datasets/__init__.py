"""Small real data shipped with the package, and generators of hard cases."""

from skrobust.datasets._angles import make_imbalanced_angles
from skrobust.datasets._loaders import load_delta_ailerons
from skrobust.datasets._outliers import make_outlier_regression

__all__ = ["load_delta_ailerons", "make_imbalanced_angles", "make_outlier_regression"]
