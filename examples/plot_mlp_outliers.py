"""
A network that outliers do not capture
======================================

A curve is learnt from points one in five of which has nothing to do with it. Squared
error bends towards them, in whatever way it is minimised. `AdaptiveLossMLPRegressor`
takes its first steps with a loss that hardly looks at them, and then learns which loss
suits.
"""

# %%
# Data
# ----

import matplotlib.pyplot as plt
import numpy as np
from sklearn.neural_network import MLPRegressor

from skrobust import AdaptiveLossMLPRegressor, LossDisplay

rng = np.random.default_rng(0)
X = np.sort(rng.uniform(-3, 3, (600, 1)), axis=0)
truth = np.sin(2 * X.ravel()) + 0.3 * X.ravel()
y = truth + 0.15 * rng.standard_normal(len(X))
wrong = rng.uniform(size=len(X)) < 0.2
y[wrong] = rng.uniform(2, 8, wrong.sum())

# %%
# Four fits
# ---------
# The same hidden layers, the same rows.

layers = (50, 50)
models = {
    "MLPRegressor": MLPRegressor(
        hidden_layer_sizes=layers, random_state=0, max_iter=500
    ),
    "alpha=2": AdaptiveLossMLPRegressor(layers, alpha=2, random_state=0),
    "alpha=0": AdaptiveLossMLPRegressor(layers, alpha=0, random_state=0),
    "learnt": AdaptiveLossMLPRegressor(layers, random_state=0),
}
figure, axes = plt.subplots(2, 2, figsize=(8, 6), sharex=True, sharey=True)
for ax, (name, model) in zip(axes.flat, models.items(), strict=True):
    predicted = model.fit(X, y).predict(X)
    error = np.abs(predicted - truth).mean()
    print(f"{name:14} mean distance from the truth {error:.2f}")
    ax.plot(X[~wrong], y[~wrong], ".", color="0.6", markersize=3)
    ax.plot(X[wrong], y[wrong], "x", color="tab:red", markersize=3)
    ax.plot(X, truth, color="black", linewidth=1, label="truth")
    ax.plot(X, predicted, color="tab:blue", linewidth=2, label="network")
    ax.set_title(f"{name}: {error:.2f} off")
axes[0, 0].legend(loc="lower right")
figure.supxlabel("x")
figure.supylabel("y")
figure.tight_layout()

# %%
# What was learnt
# ---------------
# The shape of the loss, and how far the fit trusts each row. What is shown in colour is
# `weights_`: rows that are off have almost none.

model = models["learnt"]
print(f"alpha {model.alpha_:.2f}, c {model.c_:.3f}, robust scale {model.scale_:.3f}")
print(f"largest weight of a wrong row {model.weights_[wrong].max():.2f}, ", end="")
print(f"median weight of the others {np.median(model.weights_[~wrong]):.2f}")
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5))
points = left.scatter(X.ravel(), y, c=model.weights_, s=6, cmap="viridis")
figure.colorbar(points, ax=left, label="weight")
left.set(xlabel="x", ylabel="y", title="How far each row is trusted")
alphas = [2.0, round(float(model.alpha_), 2)]
LossDisplay.from_alphas(alphas, c=round(float(model.c_), 3), kind="weight", ax=right)
right.set_title("Weight of a residual")
figure.tight_layout()

# %%
# Early stopping
# --------------
# Rows that take no part say when to end; the loss of these is robust, too.

model = AdaptiveLossMLPRegressor(layers, early_stopping=True, random_state=0).fit(X, y)
print(f"ended after {model.n_iter_} steps; ", end="")
print(f"{np.abs(model.predict(X) - truth).mean():.2f} off")
