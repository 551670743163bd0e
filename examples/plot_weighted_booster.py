"""
A booster with weights, and how much of them
============================================

Boosted trees take ``sample_weight``, so weights made from how rare a target is need one
line around them. How strong they should be is the question. Two knobs answer it:
`power` makes a rare angle count more, and `max_weight` caps what a single row can
count, so that the common angles keep their say. A search goes over both.

The best macro error alone would be bought at any price. So say first what the common
angles may pay: here the error over all rows may rise by a tenth.
"""

# %%
# Data and metric
# ---------------
# Angles in degrees, of which the wide ones are rare, and two noisy sensors of them. The
# metric is the mean absolute error over buckets of the true angle, each bucket counting
# the same; all angles from 40 degrees on are one bucket. The weights tell angles apart
# up to 75 degrees: by the buckets of the metric, all angles from 40 on would together
# count as much as five degrees elsewhere.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import GridSearchCV

from skrobust import (
    BucketErrorDisplay,
    BucketKFold,
    BucketWeighter,
    TargetBuckets,
    TargetWeightedRegressor,
    TradeOffDisplay,
    best_affordable,
    make_bucket_multi_scorer,
)
from skrobust.datasets import make_imbalanced_angles

BUDGET = 0.1
buckets = TargetBuckets(width=5, limit=40, symmetric=True)
finer = TargetBuckets(width=5, limit=75, symmetric=True)
X, y = make_imbalanced_angles(4000, random_state=0)
X_new, y_new = make_imbalanced_angles(10_000, random_state=1)

# %%
# Choose
# ------
# One prediction gives all scores: the macro error, the error over all rows, and that of
# every bucket. A power of 0 is no weights at all, so the plain booster takes part in
# the search. :func:`~skrobust.best_affordable` takes the best macro error among the
# settings within the budget, and the search refits that one.

booster = HistGradientBoostingRegressor(
    max_leaf_nodes=8, learning_rate=0.05, random_state=0
)
search = GridSearchCV(
    TargetWeightedRegressor(booster, BucketWeighter(finer)),
    {
        "weighter__power": [0, 0.25, 0.5, 0.75, 1],
        "weighter__max_weight": [5, 10],
    },
    scoring=make_bucket_multi_scorer(buckets=buckets),
    cv=BucketKFold(5, buckets=buckets, shuffle=True, random_state=0),
    refit=best_affordable(budget=BUDGET),
).fit(X, y)

results = search.cv_results_
macro, overall = -results["mean_test_neg_mae_macro"], -results["mean_test_neg_mae_mean"]
print("max_weight  power   macro  all rows")
for i, setting in enumerate(results["params"]):
    cap, power = setting["weighter__max_weight"], setting["weighter__power"]
    chosen = "  chosen" if i == search.best_index_ else ""
    print(f"{cap:10}{power:7.2f}{macro[i]:8.2f}{overall[i]:10.2f}{chosen}")
share = search.best_estimator_.weighter_.effective_size_ / len(y)
print(f"With the weights chosen, {share:.0%} of the rows are left in effect.")

# %%
# The same as a picture: down is better for the wide angles, left for the common ones.
# The first step of the power buys the most. What the last one changes is within the
# luck of the folds, in which the rarest buckets have a handful of rows each.

axes = plt.figure(figsize=(8, 4.8), layout="constrained").subplots()
trade = TradeOffDisplay.from_cv_results(results, param="power", ax=axes)
end = axes.get_xlim()[1]
limit = (1 + BUDGET) * overall.min()
axes.axvspan(limit, end, color="#9aa5b1", alpha=0.3, linewidth=0, label="over budget")
axes.set_xlim(right=end)
best = overall[search.best_index_], macro[search.best_index_]
ring = {"markersize": 13, "markeredgewidth": 2, "markerfacecolor": "none"}
axes.plot(*best, "o", color="#d1495b", label="chosen", **ring)
axes.set_xlabel(f"{trade.common_name}, degrees")
axes.set_ylabel(f"{trade.rare_name}, degrees")
axes.legend(loc="upper right", framealpha=1)
plt.show()

# %%
# Read the cost
# -------------
# The model chosen is read on rows that nothing has seen, beside the plain booster. The
# legend says what no bar does: the macro error, and the error over all rows.

y_pred = {
    "plain": booster.fit(X, y).predict(X_new),
    "weighted": search.predict(X_new),
}
axes = plt.figure(figsize=(8, 4.8), layout="constrained").subplots()
cost = BucketErrorDisplay.from_predictions(y_new, y_pred, buckets=buckets, ax=axes)
axes.set_xlabel("size of the true angle, degrees")
axes.set_ylabel(f"{cost.metric}, degrees")
plt.show()

# %%
# The same in numbers. The change is that of the two numbers shown beside it.

rows = [*cost.labels, "macro", "all rows"]
errors = {
    name: [*cost.errors[name], averages["macro"], averages["mean"]]
    for name, averages in cost.averages.items()
}
table = zip(rows, *(np.round(column, 2) for column in errors.values()), strict=True)
print(f"{'|angle|':10}{'plain':>8}{'weighted':>10}{'change':>9}")
for row, old, new in table:
    print(f"{row:10}{old:8.2f}{new:10.2f}{new / old - 1:+9.1%}")
