"""
Learnt and fixed losses as outliers grow
========================================

`AdaptiveLossRegressor` learns the shape alpha of its loss from the residuals, unless
told otherwise. What does it learn as more and more targets are wrong, and what does
that save beside a shape chosen beforehand?
"""

# %%
# Outliers in y
# -------------
# 200 rows with five features, normal errors with standard deviation 1, and a growing
# share of rows that are 20 too high. Each point is the median of three such data sets.

import matplotlib.pyplot as plt
import numpy as np

from skrobust import AdaptiveLossRegressor
from skrobust.datasets import make_outlier_regression

MODELS = {
    "alpha = 2": {"alpha": 2},
    "alpha = 1": {"alpha": 1},
    "alpha = 0": {"alpha": 0},
    "alpha = -inf": {"alpha": -np.inf},
    "learnt": {"alpha": "adaptive"},
}
SHARES = np.array([0.0, 0.01, 0.05, 0.1, 0.2, 0.4])
SEEDS = range(3)


def fit(given, design, **options):
    """Return the fits to some data sets, and the lengths of their errors."""
    fits, errors = [], []
    for seed in SEEDS:
        X, y, truth = make_outlier_regression(
            design, 200, 5, random_state=seed, return_info=True, **options
        )
        fits.append(AdaptiveLossRegressor(**given, random_state=0).fit(X, y))
        off = np.append(fits[-1].coef_ - truth.coef, fits[-1].intercept_)
        errors.append(np.linalg.norm(off))
    return fits, errors


errors, learnt = {}, []  # of alpha and c, for each share and data set
for name, given in MODELS.items():
    errors[name] = []
    for share in SHARES:
        fits, lengths = fit(given, "vertical", contamination=share)
        errors[name].append(np.median(lengths))
        if name == "learnt":
            learnt.append([(model.alpha_, model.c_) for model in fits])

print("share of outliers    " + "".join(f"{share:7.0%}" for share in SHARES))
for name, row in errors.items():
    print(f"error, {name:14}" + "".join(f"{error:7.2f}" for error in row))
learnt = np.array(learnt)
for place, name in enumerate(("learnt alpha", "learnt c")):
    medians = np.median(learnt[:, :, place], axis=1)
    print(f"{name:21}" + "".join(f"{value:7.2f}" for value in medians))

# %%
# Without outliers the learnt alpha is near 2, and the fit hardly differs from least
# squares. Outliers that are so far out need not be many: 1 % sends alpha most of the
# way to the lower of its bounds, 0, and 10 % all of it. Below 0 there is no likelihood,
# and nothing to learn.
#
# c is learnt too, and is then half the standard deviation of the good errors, where
# alpha = 0 with ``c="auto"`` has 1.7 times a robust scale. Up to 10 % this costs
# precision: the learnt fit is the worse of the two. From 20 % on it pays, as c grows
# more slowly than that scale. Alpha = -inf, which forgets far outliers altogether, is
# best throughout. Who knows that outliers are far can choose that, and has nothing to
# learn.

styles = {
    "alpha = 2": ("#56b4e9", "o"),
    "alpha = 1": ("#e69f00", "s"),
    "alpha = 0": ("#cc79a7", "^"),
    "alpha = -inf": ("black", "v"),
    "learnt": ("#0072b2", "D"),
}
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4), layout="constrained")
for name, (color, marker) in styles.items():
    left.plot(100 * SHARES, errors[name], marker=marker, color=color, label=name)
left.set(
    yscale="log",
    title="Error of the coefficients",
    ylabel="length (standard deviations of the noise)",
)
left.set_yticks([0.2, 0.5, 1, 2, 5], ["0.2", "0.5", "1", "2", "5"])
left.minorticks_off()
alphas = learnt[:, :, 0]
right.plot(100 * SHARES, alphas, ".", color="#0072b2")
right.plot(100 * SHARES, np.median(alphas, axis=1), color="#0072b2")
right.set(title="Learnt alpha", ylabel=r"$\alpha$", ylim=(-0.1, 2.1))
for ax in (left, right):
    ax.set_xlabel("outliers (% of the rows)")
    ax.spines[["top", "right"]].set_visible(False)
figure.legend(loc="outside lower center", ncols=5, frameon=False)

# %%
# Outliers in X
# -------------
# So much for wrong targets. Here features are wrong: some of the rows lie in a cluster
# 100 standard deviations out, on a line with a slope that is 2 off.

others = {"alpha = -2": {"alpha": -2}, "bisquare": {"loss": "bisquare"}}
for share in (0.1, 0.2):
    print(f"{share:.0%} in the cluster")
    for name in ("alpha = 1", "alpha = 0", "learnt", "alpha = -2", "bisquare"):
        given = (MODELS | others)[name]
        fits, lengths = fit(given, "leverage_cluster", contamination=share)
        line = f"    error, {name:11} {np.median(lengths):.2f}"
        if name == "learnt":
            line += f"   alpha {np.median([model.alpha_ for model in fits]):.2f}"
        print(line)

# %%
# At 10 % the learnt fit gets away: it begins at a fit that withstands leverage points,
# and finds a maximum of the likelihood near by. At 20 % it does not. Around the wrong
# plane residuals look harmless, so that the learnt alpha is above 1. No alpha of at
# least 0 is a protection from leverage points: one pulls with the slope of the loss
# times its distance in X, and only for negative alpha does the slope fall fast enough.
#
# So: learn alpha where targets may be wrong, and take the bisquare or a negative alpha
# where features may be.

plt.show()
