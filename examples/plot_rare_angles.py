"""
Rare wide angles, on real data
==============================

The autopilot of an F16 moves an aileron: mostly a little, now and then a lot. A model
fitted to the mean error learns the small moves and misses the wide ones. Here weights
made from how rare a move is, inside every training fold, buy accuracy where moves are
wide. What they cost where moves are small is shown beside it.

The order matters. The metric comes first, because it states what an error costs: the
mean absolute error *over buckets* of the true move, each bucket counting the same.
Then the search chooses by it on the training rows alone, and the answer is read on rows
that nothing has seen.
"""

# %%
# Data and metric
# ---------------
# Five features, 7,129 rows, shipped with the package. The buckets are fixed, so that
# the score means the same on every fold.

import sys
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skrobust import (
    AdaptiveLossRegressor,
    BucketKFold,
    BucketWeighter,
    TargetBuckets,
    TargetWeightedRegressor,
    bucket_error,
    make_bucket_scorer,
)
from skrobust.datasets import load_delta_ailerons

UNIT = 1e-4  # everything below is printed in this unit of the aileron angle

X, y = load_delta_ailerons(return_X_y=True)
buckets = TargetBuckets(width=2 * UNIT, limit=8 * UNIT, symmetric=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.3, stratify=buckets.assign(y), random_state=0
)

# %%
# Search
# ------
# The loss (`alpha`, `c`) and the weights (`power`, `max_weight`) are chosen together.
# ``power=0`` is no weights at all: the plain fits take part in the same search.

model = Pipeline(
    [
        ("scale", StandardScaler()),
        ("fit", TargetWeightedRegressor(AdaptiveLossRegressor(), BucketWeighter())),
    ]
).set_params(fit__weighter__buckets=buckets)
losses = [
    {"fit__regressor__alpha": ["l2"]},  # the same whatever c
    {
        "fit__regressor__alpha": ["pseudo_huber", "cauchy"],
        "fit__regressor__c": ["auto", 0.5 * UNIT, 2 * UNIT],
    },
]
weights = [
    {"fit__weighter__power": [0.0]},
    {
        "fit__weighter__power": [0.5, 0.75, 1.0],
        "fit__weighter__max_weight": [None, 5.0, 20.0],
    },
]
search = GridSearchCV(
    model,
    [loss | weight for loss in losses for weight in weights],
    scoring=make_bucket_scorer("mae", buckets=buckets),
    cv=BucketKFold(5, buckets=buckets, shuffle=True, random_state=0),
)
began = perf_counter()
search.fit(X_train, y_train)
results = search.cv_results_
plain = np.array([p["fit__weighter__power"] == 0 for p in results["params"]])
best_plain = np.where(plain, results["mean_test_score"], -np.inf).argmax()
before = model.set_params(**results["params"][best_plain]).fit(X_train, y_train)
after = search.best_estimator_


def chosen(params):
    """Return the parameters of a fit in words."""
    return ", ".join(f"{name.rpartition('__')[2]}={params[name]}" for name in params)


print(f"{len(plain)} settings x 5 folds in {perf_counter() - began:.0f} s")
print(f"Before, the best without weights: {chosen(results['params'][best_plain])}")
print(f"After, the best of all:           {chosen(search.best_params_)}")

# %%
# What it bought, and what it cost
# --------------------------------
# On the held-out rows. A bucket's error is its mean absolute error; their mean is what
# the search asked for, the mean over rows is what a plain score would have shown.

errors = {}
for name, fitted in {"before": before, "after": after}.items():
    y_pred = fitted.predict(X_test)
    by_bucket = bucket_error(y_test, y_pred, buckets=buckets, average=None)
    overall = np.abs(y_pred - y_test).mean()
    errors[name] = np.r_[by_bucket, by_bucket.mean(), overall] / UNIT

counts = buckets.fit(y_test).counts_
labels = [f"[{a}, {a + 2})" for a in range(0, 8, 2)] + [">= 8"]
rows = [*labels, "mean of buckets", "mean of rows"]
print(f"\n{'|move|, 1e-4':16}{'rows':>6}{'before':>9}{'after':>9}{'change':>9}")
for i, row in enumerate(rows):
    n = f"{counts[i]:.0f}" if i < len(counts) else ""
    old, new = errors["before"][i], errors["after"][i]
    print(f"{row:16}{n:>6}{old:9.2f}{new:9.2f}{new / old - 1:9.0%}")

# %%
# Is the gain more than luck? Held-out rows are drawn anew within every bucket, and both
# models are scored on the same draws.

rng = np.random.default_rng(0)
assigned = buckets.assign(y_test)
error = {
    m: np.abs(e.predict(X_test) - y_test)
    for m, e in {"before": before, "after": after}.items()
}
ratios = []
for _ in range(500):
    macro = {"before": 0.0, "after": 0.0}
    for b in range(len(counts)):
        rows_of_b = np.flatnonzero(assigned == b)
        drawn = rng.choice(rows_of_b, len(rows_of_b))
        for name in macro:
            macro[name] += error[name][drawn].mean()
    ratios.append(macro["after"] / macro["before"] - 1)
low, high = np.quantile(ratios, [0.05, 0.95])
gain = errors["after"][-2] / errors["before"][-2] - 1
cost = errors["after"][-1] / errors["before"][-1] - 1
if high < 0:
    print(
        f"\nThe weights change the mean of buckets by {gain:.0%} (90 % interval "
        f"{low:.0%} to {high:.0%}),\nand the mean of rows by {cost:+.0%}: that is what "
        "the common moves pay."
    )
else:
    print(
        f"\nNo gain that is more than luck: the mean of buckets changes by {gain:.0%} "
        f"(90 % interval {low:.0%} to {high:.0%}).\nUse the plain fit."
    )

# %%
# The figure
# ----------

figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
place = np.arange(len(labels))
for shift, (name, color) in zip(
    (-0.2, 0.2), {"before": "#9aa5b1", "after": "#d1495b"}.items(), strict=True
):
    bars = axes.bar(place + shift, errors[name][: len(labels)], 0.38, color=color)
    axes.bar_label(bars, fmt="%.1f", fontsize=8)
    bars.set_label(
        f"{name}: mean of buckets {errors[name][-2]:.2f}, "
        f"of rows {errors[name][-1]:.2f}"
    )
axes.set_xticks(
    place, [f"{a}\n{n:.0f} rows" for a, n in zip(labels, counts, strict=True)]
)
axes.set_xlabel("size of the true move of the aileron, in 0.0001")
axes.set_ylabel("mean absolute error, in 0.0001")
axes.set_title("Error by size of the true move, on held-out rows")
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False)

if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=150)
    print(f"\nFigure written to {sys.argv[1]}")
plt.show()
