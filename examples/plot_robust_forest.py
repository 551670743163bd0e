r"""
==================================
A forest that shrugs off bad rows
==================================

Fifteen percent of the targets were written down wrong. A forest averages them into its
leaves, a booster chases them. Put :class:`~skrobust.ReweightedRegressor` around either:
it is fitted, rows with large residuals are trusted less, and it is fitted again, until
the robust loss no longer falls.
"""

# %%
# Data
# ----
# A curve with a step, and wrong targets on one side only, so that they cannot cancel.
import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor

from skrobust import ReweightedRegressor

rng = np.random.default_rng(0)
X = rng.uniform(0, 10, size=(600, 1))


def truth(X):
    return 4 * np.sin(X[:, 0]) + 6 * (X[:, 0] > 6)


y = truth(X) + rng.normal(scale=0.7, size=len(X))
wrong = rng.permutation(len(X))[:90]
y[wrong] += rng.uniform(15, 30, size=len(wrong))

# %%
# One line each
# -------------
# A negative `alpha` leaves a row that is far enough off no say at all.

models = {
    "forest": RandomForestRegressor(50, min_samples_leaf=5, random_state=0),
    "booster": HistGradientBoostingRegressor(max_iter=30),
}
robust = {
    name: ReweightedRegressor(model, alpha="geman_mcclure").fit(X, y)
    for name, model in models.items()
}
for name, model in models.items():
    model.fit(X, y)
    for kind, fitted in {"plain": model, "reweighted": robust[name]}.items():
        error = np.abs(fitted.predict(X) - truth(X)).mean()
        print(f"{name:8} {kind:11} mean error {error:5.2f}")
    found = robust[name]
    print(
        f"{'':8} after {found.n_iter_} rounds weights are below 0.1 for "
        f"{np.mean(found.weights_[wrong] < 0.1):.0%} of the wrong rows and "
        f"{np.mean(np.delete(found.weights_, wrong) < 0.1):.1%} of the others"
    )

# %%
# The figure
# ----------
# The darker a point, the more the robust fit trusts it.

grid = np.linspace(0, 10, 500)[:, None]
figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=True):
    order = np.argsort(robust[name].weights_)
    points = ax.scatter(
        X[order, 0],
        y[order],
        c=robust[name].weights_[order],
        s=10,
        cmap="Blues",
        vmin=-0.2,
        vmax=1,
        edgecolors="#9aa5b1",
        linewidths=0.3,
    )
    ax.plot(grid, truth(grid), color="black", linewidth=1, label="truth")
    ax.plot(grid, model.predict(grid), color="#9aa5b1", label=f"plain {name}")
    ax.plot(grid, robust[name].predict(grid), color="#d1495b", label="reweighted")
    ax.set_title(f"{name}, 15 % of the targets wrong")
    ax.set_xlabel("x")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="upper left")
axes[0].set_ylabel("y")
axes[0].set_ylim(top=54)  # room for the legend
bar = figure.colorbar(points, ax=axes, label="weight of a row in the reweighted fit")
bar.ax.set_ylim(0, 1)

if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=150)
    print(f"\nFigure written to {sys.argv[1]}")
plt.show()
