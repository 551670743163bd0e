"""
Four giants among the stars
===========================

Most stars of a cluster are on the main sequence: the hotter, the brighter. A few giants
are cool and bright. The diagram of such a cluster, CYG OB1, is the classical test of
robust regression: four giants of 47 stars turn the line around, and nothing in their
residuals gives them away. They are leverage points, far from the others in X.
"""

# %%
# The stars
# ---------
# The measured values are in the book that made them known [1]_, and in packages under
# the GPL. So that nothing here is, these stars are drawn at random to look alike: 43 on
# a line with slope 2.8, four near the place of the giants. Both numbers are logarithms
# to the base 10. By custom the hottest stars are on the left.

import warnings

import matplotlib.pyplot as plt
import numpy as np

from skrobust import AdaptiveLossRegressor


def draw_cluster(seed):
    """Return log temperatures and log light intensities; the last four are giants."""
    rng = np.random.default_rng(seed)
    temperature = rng.normal(4.4, 0.12, 43)
    light = 5.0 + 2.8 * (temperature - 4.4) + rng.normal(0, 0.37, 43)
    giants = rng.normal(3.49, 0.01, 4), rng.uniform(5.7, 6.3, 4)
    X = np.append(temperature, giants[0])[:, None]
    return X.round(2), np.append(light, giants[1]).round(2)


X, y = draw_cluster(4)
models = {
    "least squares": AdaptiveLossRegressor("l2"),
    "Huber": AdaptiveLossRegressor(loss="huber"),
    "learnt alpha": AdaptiveLossRegressor(random_state=0),
    "alpha = -2": AdaptiveLossRegressor(-2, random_state=0),
}
for name, model in models.items():
    model.fit(X, y)
    least = model.weights_.min()
    print(f"{name:15} slope {model.coef_[0]:5.2f}   least weight {least:.2f}")

# %%
# All four slopes are negative: the hotter, the darker. Huber's loss bounds what a
# residual can do, and not what a star far away in temperature can. The learnt alpha is
# no help either. It comes from the shape of the residuals, and those around the wrong
# line look normal, so that it is 2: least squares. Even alpha = -2, which does
# withstand leverage points, gives way.
#
# The efficiency
# --------------
# A fit with negative alpha begins where half of the rows are closest to a line, and
# that is the main sequence. From there it goes downhill, on a loss as wide as
# `efficiency` says. At 95 % of the precision of least squares, it is so wide that the
# giants are within reach again. With ``efficiency="auto"`` it is raised from 60 % for
# as long as the fit stays where it is. Where it would jump, the fit stops before, and
# warns:

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    monitored = AdaptiveLossRegressor(-2, efficiency="auto", random_state=0).fit(X, y)
print(caught[0].message, end="\n\n")

print(f"slope {monitored.coef_[0]:.2f} at efficiency {monitored.efficiency_}")
print("weights of the giants:", monitored.weights_[-4:].round(3))

# %%
# The message is not a failure. It says that there are two ways to read these stars, and
# which of them was taken. If there is another line around which half of the rows are
# nearly as close, within 10 %, it is kept:

other = monitored.alternative_
print(f"slope {monitored.coef_[0]:5.2f}, scale {monitored.scale_:.2f}")
print(f"slope {other.coef[0]:5.2f}, scale {other.scale:.2f} (alternative)")

# %%
# Which is right, the numbers cannot say. Astronomy can: giants have left the main
# sequence.

figure, ax = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
ax.plot(X[:-4], y[:-4], "o", color="0.55", label="main sequence")
ax.plot(X[-4:], y[-4:], "*", color="black", markersize=11, label="giants")
ends = np.array([[4.72], [3.42]])
styles = {
    "least squares": ("#56b4e9", ":"),
    "Huber": ("#e69f00", "--"),
    "alpha = -2": ("#cc79a7", "-."),
}
for name, (color, linestyle) in styles.items():
    line = models[name].predict(ends)
    ax.plot(ends, line, color=color, linestyle=linestyle, linewidth=2, label=name)
ax.plot(
    ends,
    monitored.predict(ends),
    color="#0072b2",
    linewidth=2,
    label='alpha = -2, efficiency "auto"',
)
ax.set(
    xlim=(4.72, 3.42),
    ylim=(3.7, 6.6),
    xlabel="log10 of the surface temperature (K)",
    ylabel="log10 of the light intensity",
)
ax.spines[["top", "right"]].set_visible(False)
figure.legend(loc="outside right upper", frameon=False)

# %%
# The jump
# --------
# One fit for each efficiency. The smaller alpha, the longer a fit holds on to the main
# sequence, and the bisquare does at all of these. It is the loss to take where leverage
# points are what one fears.

efficiencies = [0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95]
losses = {
    "alpha = 0": ({"alpha": 0}, "#d55e00", "s"),
    "alpha = -2": ({"alpha": -2}, "#0072b2", "o"),
    "bisquare": ({"loss": "bisquare"}, "black", "^"),
}
figure, ax = plt.subplots(figsize=(7.5, 3.5), layout="constrained")
for name, (given, color, marker) in losses.items():
    slopes = [
        AdaptiveLossRegressor(**given, efficiency=efficiency, random_state=0)
        .fit(X, y)
        .coef_[0]
        for efficiency in efficiencies
    ]
    ax.plot(efficiencies, slopes, marker=marker, color=color, label=name)
ax.axhline(2.8, color="0.6", linewidth=1)
ax.annotate("main sequence", (0.6, 2.8), (0, 3), textcoords="offset points")
ax.set(xlabel="efficiency at the normal", ylabel="slope", ylim=(-1.2, 3.3))
ax.spines[["top", "right"]].set_visible(False)
figure.legend(loc="outside right upper", frameon=False)

# %%
# One cluster proves little
# -------------------------
# In how many of 20 clusters drawn like this is the slope positive?

positive = {"at 0.95": 0, "at 'auto'": 0}
for seed in range(20):
    stars = draw_cluster(seed)
    for name, efficiency in zip(positive, (0.95, "auto"), strict=True):
        model = AdaptiveLossRegressor(-2, efficiency=efficiency, random_state=0)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="efficiency='auto' stopped")
            positive[name] += int(model.fit(*stars).coef_[0] > 0)
print(positive)

# %%
# The rest have the giants' line as the one around which half of the stars are closest.
# No choice of the efficiency helps there, and `alternative_` is all the more worth a
# look.
#
# .. [1] P. J. Rousseeuw and A. M. Leroy, "Robust Regression and Outlier Detection",
#        Wiley, 1987, page 27.

plt.show()
