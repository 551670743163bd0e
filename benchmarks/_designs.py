"""The simulated data on which regressions are compared, and lmrob's errors there.

The draws are those of ``skrobust.datasets.make_outlier_regression``, seeds from 1000
on. lmrob is that of R's robustbase 0.95-0 on the same draws, 50 seeds, with
``set.seed(1)`` before each fit and one of::

    lmrob     lmrob.control(max.it=5000, k.max=5000, refine.tol=1e-9, rel.tol=1e-9,
              maxit.scale=5000); with its own limits it stops too early
    welsh     lmrob.control(psi="welsh", tuning.psi=2.11, tuning.chi=0.5773502)
    KS2014    lmrob.control(setting="KS2014")
"""

from typing import NamedTuple

from skrobust.datasets import make_outlier_regression

LMROB = ("lmrob", "welsh", "KS2014")


class Cell(NamedTuple):
    """One row of the tables: a design, its size, and what lmrob makes of it.

    `mean` and `median` are lmrob's squared errors of the slopes. Where the design has
    several `slopes`, they are those of the slope with the greatest mean.
    """

    label: str
    design: str
    n_samples: int
    n_features: int
    contamination: float
    mean: tuple[float, float, float]
    median: tuple[float, float, float]
    slopes: tuple[float, ...] = (2.0,)
    shift: float | None = None

    def draw(self, seed, slope):
        """Return X, y and the true slopes."""
        X, y, truth = make_outlier_regression(
            self.design,
            self.n_samples,
            self.n_features,
            contamination=self.contamination,
            shift=self.shift,
            slope=slope,
            return_info=True,
            random_state=1000 + seed,
        )
        return X, y, truth.coef


SLOPES = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)
STEEP = (20.0,)

# fmt: off
CELLS = [
    Cell("normal, n=50", "normal", 50, 5, 0.0,
         (0.1112, 0.1107, 0.1107), (0.0883, 0.08875, 0.08169)),
    Cell("normal", "normal", 100, 5, 0.0,
         (0.05798, 0.0693, 0.05739), (0.05027, 0.04971, 0.04922)),
    Cell("normal, n=50, p=10", "normal", 50, 10, 0.0,
         (0.2925, 0.3421, 0.2745), (0.2448, 0.2715, 0.2415)),
    Cell("normal, n=40, p=13", "normal", 40, 13, 0.0,
         (0.6379, 0.723, 0.5278), (0.594, 0.5457, 0.4744)),
    Cell("student_t3", "student_t3", 100, 5, 0.0,
         (0.08295, 0.08303, 0.08478), (0.06743, 0.06721, 0.06999)),
    Cell("cauchy", "cauchy", 100, 5, 0.0,
         (0.2026, 0.2032, 0.2443), (0.1527, 0.1567, 0.1757)),
    Cell("slash", "slash", 100, 5, 0.0,
         (0.3461, 0.3641, 0.3719), (0.2801, 0.3014, 0.3222)),
    Cell("skewed", "skewed", 100, 5, 0.0,
         (0.03955, 0.05099, 0.03817), (0.0342, 0.03456, 0.03332)),
    Cell("wide_normal 10 %", "wide_normal", 100, 5, 0.1,
         (0.06825, 0.06868, 0.06546), (0.05632, 0.05639, 0.05649)),
    Cell("shifted_normal 10 %", "shifted_normal", 100, 5, 0.1,
         (0.07705, 0.07939, 0.07893), (0.06764, 0.07062, 0.07104)),
    Cell("vertical 10 %", "vertical", 100, 5, 0.1,
         (0.06464, 0.06475, 0.06595), (0.05453, 0.05514, 0.05423)),
    Cell("vertical 30 %", "vertical", 100, 5, 0.3,
         (0.07062, 0.07076, 0.07563), (0.06139, 0.06161, 0.07055)),
    Cell("vertical 40 %", "vertical", 100, 5, 0.4,
         (0.08509, 0.1728, 2.543), (0.07164, 0.1133, 0.1412)),
    Cell("vertical 45 %", "vertical", 100, 5, 0.45,
         (26.49, 15.1, 6.095), (25.51, 14.41, 5.387)),
    Cell("vertical 30 %, shift 5", "vertical", 100, 5, 0.3,
         (0.4857, 0.4591, 0.4078), (0.4068, 0.3843, 0.3578), shift=5.0),
    Cell("heteroscedastic 10 %", "heteroscedastic", 100, 5, 0.1,
         (0.1284, 0.1207, 0.1248), (0.09579, 0.0853, 0.09184)),
    Cell("categorical 20 %, n=120, p=6", "categorical", 120, 6, 0.2,
         (8.48, 8.481, 0.8571), (0.588, 0.5896, 0.5987)),
    Cell("good_leverage 10 %", "good_leverage", 100, 5, 0.1,
         (0.01168, 0.01191, 0.01047), (0.00996, 0.009194, 0.008785)),
    Cell("mixed 20 %", "mixed", 100, 5, 0.2,
         (0.06258, 0.06243, 0.06346), (0.05289, 0.05346, 0.05648)),
    Cell("mixed 40 %", "mixed", 100, 5, 0.4,
         (3.878, 4.13, 4.098), (4.047, 4.088, 4.122)),
    Cell("masking 19 %, n=75, p=3", "masking", 75, 3, 0.19,
         (0.1546, 0.1458, 0.1453), (0.02689, 0.02455, 0.02765)),
    Cell("correlated 10 %, n=200, p=15", "correlated", 200, 15, 0.1,
         (0.00275, 0.002998, 0.003122), (0.002444, 0.002726, 0.002753)),
    Cell("correlated_leverage 20 %, n=200, p=15", "correlated_leverage", 200, 15, 0.2,
         (0.00764, 0.008292, 0.007383), (0.007238, 0.00732, 0.007042)),
    Cell("correlated_leverage 30 %, n=200, p=15", "correlated_leverage", 200, 15, 0.3,
         (0.01042, 0.018, 0.009888), (0.01005, 0.01043, 0.009634)),
    Cell("leverage_cluster 10 %", "leverage_cluster", 100, 5, 0.1,
         (0.06117, 0.06135, 0.06268), (0.04948, 0.04988, 0.04952)),
    Cell("leverage_cluster 20 %", "leverage_cluster", 100, 5, 0.2,
         (0.2323, 0.2329, 0.2356), (0.06311, 0.06257, 0.06566)),
    Cell("leverage_cluster 30 %", "leverage_cluster", 100, 5, 0.3,
         (3.593, 3.766, 4.069), (4.225, 4.237, 4.226)),
    Cell("leverage_cluster 40 %", "leverage_cluster", 100, 5, 0.4,
         (4.427, 4.386, 4.366), (4.355, 4.322, 4.292)),
    Cell("leverage_cluster 40 %, p=10", "leverage_cluster", 100, 10, 0.4,
         (5.062, 4.982, 4.832), (4.943, 4.875, 4.674)),
    Cell("leverage_cluster 10 %, slope 20", "leverage_cluster", 100, 5, 0.1,
         (0.06117, 0.06135, 0.06268), (0.04948, 0.04988, 0.04952), STEEP),
    Cell("leverage_cluster 20 %, slope 20", "leverage_cluster", 100, 5, 0.2,
         (0.0707, 0.07088, 0.07415), (0.06311, 0.06257, 0.06566), STEEP),
    Cell("leverage_cluster 30 %, slope 20", "leverage_cluster", 100, 5, 0.3,
         (0.07634, 0.07645, 0.0825), (0.0664, 0.06664, 0.06475), STEEP),
    Cell("leverage_cluster 40 %, slope 20", "leverage_cluster", 100, 5, 0.4,
         (0.09454, 0.09457, 0.1019), (0.07994, 0.07992, 0.08276), STEEP),
    Cell("leverage_cluster 45 %, slope 20", "leverage_cluster", 100, 5, 0.45,
         (0.1003, 0.1001, 0.1085), (0.08762, 0.0876, 0.08814), STEEP),
    Cell("leverage_cluster 30 %, slope 20, p=10", "leverage_cluster", 100, 10, 0.3,
         (0.1563, 0.1563, 0.1584), (0.1435, 0.1439, 0.1476), STEEP),
    Cell("leverage_cluster 40 %, slope 20, p=10", "leverage_cluster", 100, 10, 0.4,
         (115.6, 122.2, 17.27), (0.1819, 0.1819, 0.1592), STEEP),
    Cell("leverage_point 10 %, n=50", "leverage_point", 50, 5, 0.1,
         (0.5949, 0.6326, 0.6208), (0.2642, 0.9434, 0.9118), SLOPES),
    Cell("leverage_point 10 %", "leverage_point", 100, 5, 0.1,
         (0.4422, 0.5198, 0.5785), (0.08568, 0.1071, 0.92), SLOPES),
    Cell("leverage_point 20 %", "leverage_point", 100, 5, 0.2,
         (2.16, 2.337, 2.529), (2.328, 2.333, 3.877), SLOPES),
    Cell("leverage_point 10 %, n=50, p=10", "leverage_point", 50, 10, 0.1,
         (1.034, 1.099, 1.243), (1.249, 1.331, 1.344), SLOPES),
    Cell("leverage_point 10 %, p=10", "leverage_point", 100, 10, 0.1,
         (0.5384, 0.6325, 0.7536), (0.2203, 0.2317, 1.05), SLOPES),
    Cell("leverage_point 20 %, p=10", "leverage_point", 100, 10, 0.2,
         (2.81, 2.886, 3.432), (2.805, 4.142, 4.273), SLOPES),
]
# fmt: on
