"""
Alpha and c by search
=====================

The loss has a shape alpha and a scale c. `AdaptiveLossRegressorCV` scores their
combinations by cross-validation, and a heat map shows what the choice is about: usually
a valley and not a point.
"""

# %%
# The grid
# --------
# 200 rows, 15 % of them 20 standard deviations of the noise too high. c is in the unit
# of y, and the noise has standard deviation 1.

import matplotlib.pyplot as plt
import numpy as np

from skrobust import (
    AdaptiveLossRegressor,
    AdaptiveLossRegressorCV,
    LossSearchDisplay,
)
from skrobust.datasets import make_outlier_regression

X, y, truth = make_outlier_regression(
    n_samples=200,
    contamination=0.15,
    coef=[1, 2, 0, 0, -1],
    return_info=True,
    random_state=0,
)
alphas, cs = [2, 1.5, 1, 0, -2, -np.inf], [0.3, 1, 3, 10, 30]
search = AdaptiveLossRegressorCV(alphas, cs, cv=4, random_state=0).fit(X, y)
print(search.best_params_, round(search.best_score_, 3))

figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
LossSearchDisplay.from_estimator(search, ax=ax)

# %%
# The score is minus the tau-scale of the errors, which limits what an outlier in a test
# fold can add to it: the nearer to 0 the better.
#
# The dark rim is least squares, which is alpha = 2 at any c, and nearly every alpha at
# a c above the outliers. Opposite is a plateau on which scores differ by a few percent:
# once outliers are out of the way, it matters little how. Its best cell is framed, and
# another draw would frame another one. How far off the coefficients are says the same:

for alpha, c in [(2, 1), (1, 1), (0, 1), (-2, 3), (-np.inf, 3)]:
    model = AdaptiveLossRegressor(alpha, c, random_state=0).fit(X, y)
    print(f"alpha {alpha:4}, c {c}: {np.linalg.norm(model.coef_ - truth.coef):.2f}")

# %%
# The wrong score
# ---------------
# R², the default of most searches, has its best cells where the plateau was not. The
# test folds have outliers too, above the plane of the others, and whatever bends
# towards them has the smaller squares.

search = AdaptiveLossRegressorCV(alphas, cs, cv=4, scoring="r2", random_state=0)
search.fit(X, y)
print(search.best_params_, round(search.best_score_, 3))

figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
LossSearchDisplay.from_estimator(search, ax=ax, values_format=".2f")

plt.show()
