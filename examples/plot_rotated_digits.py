"""
Angles from images
==================

How far has a picture been turned? Most are nearly upright, a few lie on their side, and
a model fitted to the mean error learns the upright ones. Here images go in and degrees
come out. Weights by how rare an angle is, made inside every training fold, buy accuracy
where angles are wide, and what that costs where they are common is shown beside it.
"""

# %%
# Data
# ----
# The digits of scikit-learn, 8 by 8 pixels, each turned by an angle: mostly a normal
# one of 8 degrees, and for 8 in 100 any angle up to 80 degrees either way. A quarter of
# the *pictures* is set aside before they are turned: copies of one picture, turned by
# other angles, know of each other, so all of them are on one side.

import sys
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import rotate
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import GridSearchCV

from skrobust import (
    BucketGroupKFold,
    BucketWeighter,
    TargetBuckets,
    TargetWeightedRegressor,
    bucket_report,
    make_bucket_scorer,
)

rng = np.random.default_rng(0)
pictures = load_digits().images / 16


def turn(sources):
    """Return pixels and angles of pictures turned at random."""
    wide = rng.uniform(size=len(sources)) < 0.08
    angles = np.where(
        wide, rng.uniform(-80, 80, len(sources)), rng.normal(0, 8, len(sources))
    )
    turned = [
        rotate(pictures[source], angle, reshape=False, order=1)
        for source, angle in zip(sources, angles, strict=True)
    ]
    return np.reshape(turned, (len(sources), -1)), angles


shuffled = rng.permutation(len(pictures))
aside = len(pictures) // 4
source_train = np.repeat(shuffled[aside:], 3)
source_test = np.repeat(shuffled[:aside], 20)  # more copies: wide angles are few
X_train, y_train = turn(source_train)
X_test, y_test = turn(source_test)

# %%
# Metric, model, search
# ---------------------
# The metric comes first: the mean absolute error over buckets of the true angle, each
# counting the same. Then `power` (how much the rare count), `max_weight` (how much a
# single row may) or `blend` (how much of an unweighted fit to mix in) are chosen by it.
# ``power=0`` is no weights at all and takes part. The folds keep the copies of a
# picture together and give each fold its share of every bucket.

buckets = TargetBuckets(width=5, limit=40, symmetric=True)
boosting = HistGradientBoostingRegressor(
    max_iter=150, learning_rate=0.15, max_bins=16, random_state=0
)
powers = {"weighter__power": [0.5, 0.75, 1.0]}
search = GridSearchCV(
    TargetWeightedRegressor(boosting, BucketWeighter(buckets)),
    [
        {"weighter__power": [0.0]},
        powers | {"weighter__max_weight": [None, 10.0]},
        powers | {"blend": [0.5]},
    ],
    scoring=make_bucket_scorer("mae", buckets=buckets),
    cv=BucketGroupKFold(3, buckets=buckets),
)
began = perf_counter()
search.fit(X_train, y_train, groups=source_train)
plain = boosting.fit(X_train, y_train)
print(
    f"{len(search.cv_results_['params'])} settings x 3 folds in "
    f"{perf_counter() - began:.0f} s; chosen:"
)
for name, value in search.best_params_.items():
    print(f"    {name} = {value}")

# %%
# What it bought, and what it cost
# --------------------------------
# On pictures that neither the model nor the search has seen.

predicted = {"plain": plain.predict(X_test), "weighted": search.predict(X_test)}
report = bucket_report(y_test, predicted["plain"], buckets=buckets)[["n"]]
for name, y_pred in predicted.items():
    report[name] = bucket_report(y_test, y_pred, buckets=buckets)["mae"]
report["change, %"] = 100 * (report["weighted"] / report["plain"] - 1)
print(f"\nMean absolute error in degrees, by true angle\n{report.round(1)}")

overall = {name: np.abs(y_pred - y_test).mean() for name, y_pred in predicted.items()}
for what, error in {"buckets": report.mean(), "rows": overall}.items():
    gain = error["weighted"] / error["plain"] - 1
    print(
        f"Mean of {what:8} {error['plain']:5.2f} -> {error['weighted']:5.2f} degrees "
        f"({gain:+.0%})"
    )

# %%
# Nothing is free: the most common angles pay, and the mean of rows, all that a plain
# score would have shown, says nothing of the gain. Is that more than luck? Pictures,
# with all their copies, are drawn anew, and both models are scored on the same draws.

assigned = buckets.assign(y_test)
picture = np.repeat(np.arange(aside), 20)
sums = {}
for name, y_pred in {**predicted, "count": None}.items():
    each = np.ones(len(y_test)) if y_pred is None else np.abs(y_pred - y_test)
    sums[name] = np.zeros((aside, buckets.n_buckets_))
    np.add.at(sums[name], (picture, assigned), each)
drawn = rng.multinomial(aside, np.full(aside, 1 / aside), size=1000)
macro = {
    name: (drawn @ sums[name] / (drawn @ sums["count"])).mean(axis=1)
    for name in predicted
}
low, high = np.quantile(macro["weighted"] / macro["plain"] - 1, [0.05, 0.95])
verdict = "more than luck" if high < 0 else "no more than luck may give"
print(f"90 % interval of the first: {low:+.0%} to {high:+.0%}, {verdict}.")

# %%
# The figure
# ----------
# Above, pictures from common to wide angles with their true angle and what each model
# says. Below, the error by bucket.

colors = {"plain": "#9aa5b1", "weighted": "#d1495b"}
shown = [
    np.argmin(np.abs(y_test - angle) + 90 * (source_test % 7 != k % 7))
    for k, angle in enumerate([0, -8, 16, -28, 42, -60, 75])
]
figure = plt.figure(figsize=(9, 6.2), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=[1, 1.9])
for axes, row in zip(above.subplots(1, len(shown)), shown, strict=True):
    axes.imshow(X_test[row].reshape(8, 8), cmap="gray_r")
    axes.set(xticks=[], yticks=[])
    axes.set_title(f"true {y_test[row]:.0f}°", fontsize=10)
    for line, (name, y_pred) in enumerate(predicted.items()):
        axes.text(
            0.5,
            -0.16 - 0.2 * line,
            f"{name} {y_pred[row]:.0f}°",
            color="#5c6670" if name == "plain" else colors[name],
            transform=axes.transAxes,
            ha="center",
            fontsize=9,
        )

axes = below.subplots()
place = np.arange(buckets.n_buckets_)
for shift, name in zip((-0.2, 0.2), predicted, strict=True):
    bars = axes.bar(place + shift, report[name], 0.38, color=colors[name])
    axes.bar_label(bars, fmt="%.1f", fontsize=8)
    bars.set_label(
        f"{name}: mean of buckets {report[name].mean():.2f}°, "
        f"of rows {overall[name]:.2f}°"
    )
axes.set_xticks(
    place,
    [f"{label}\n{n:.0f}" for label, n in report["n"].items()],
)
axes.set_xlabel("size of the true angle in degrees, and number of test images")
axes.set_ylabel("mean absolute error in degrees")
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False)

if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=150)
    print(f"\nFigure written to {sys.argv[1]}")
plt.show()
