"""
The family of losses
====================

One loss with two numbers, of which least squares, pseudo-Huber, Cauchy's, Geman and
McClure's and Welsch's are members. This recovers the figures of Barron's paper
(`arXiv 1701.03077 <https://arxiv.org/abs/1701.03077>`_) and goes on to what they leave
open: which c makes two of the losses comparable.
"""

# %%
# The loss and its slope
# ----------------------
# Within about c of 0 all are squares, whatever alpha. Beyond it alpha decides: squares
# at 2, straight lines at 1, a logarithm at 0, and below 0 the loss levels off. The
# slope is how hard a residual pulls at the fit: at 1 no harder the farther out it is,
# and below 1 less and less.

import matplotlib.pyplot as plt
import numpy as np

from skrobust import LossDisplay, log_partition, loss, tuning_constant


def panels(left, right):
    """Return a figure and two axes side by side, under their titles."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    for ax, title in zip(axes, (left, right), strict=True):
        ax.set_title(title)
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def legend_below(figure, lines, ncols, title=r"$\alpha$"):
    """Add one legend for both axes of a figure, where it covers nothing."""
    figure.legend(
        handles=lines,
        title=title,
        loc="outside lower center",
        ncols=ncols,
        frameon=False,
    )


r = np.linspace(-6, 6, 601)
figure, (left, right) = panels("Loss", "Slope")
LossDisplay.from_alphas(kind="rho", r=r, ax=left, legend=False)
display = LossDisplay.from_alphas(kind="psi", r=r, ax=right, legend=False)
left.set_ylim(-0.1, 5)
right.set_ylim(-1.6, 1.6)
legend_below(figure, display.lines_, ncols=5)

# %%
# The likelihood
# --------------
# A loss says how bad one residual is compared with another, at a given alpha. It cannot
# say which alpha is right: the lower alpha, the cheaper is every residual, so that the
# lowest would always win. The likelihood can say it. Dividing by an integral,
#
# ::
#
#     density of r  =  exp(-rho(r, alpha, c)) / (c Z(alpha))
#
# makes a density, whose negative logarithm is the loss plus log Z: a charge for letting
# large residuals be cheap. The lines now cross. Alpha = 0 is best where residuals are
# large, and the worst where they are small. Learning alpha from data is that bargain.
#
# Below 0 there is none to strike. Where a loss levels off, exp(-loss) stays above a
# positive floor however far out, and has no finite integral. Such an alpha can be
# chosen, and it is the most robust, but not learnt.

alphas = [0, 0.5, 1, 2, 4, np.inf]
figure, (left, right) = panels("Negative log-density", "Density")
display = LossDisplay.from_alphas(alphas, kind="density", r=r, ax=right, legend=False)
for alpha, line in zip(alphas, display.lines_, strict=True):
    cost = loss.rho(r, alpha) + log_partition(alpha)
    left.plot(r, cost, color=line.get_color(), linestyle=line.get_linestyle())
left.set(ylim=(0.5, 6), xlabel="residual $r / c$", ylabel=r"$\rho + \log\,Z(\alpha)$")
legend_below(figure, display.lines_, ncols=6)

# %%
# At 2 this is the normal density with standard deviation c, and at 0 it is Cauchy's.
# Beyond 2 tails are lighter than normal.
#
# Which c
# -------
# c has the unit of the residual: with twice the c, all of the pictures above are twice
# as wide. But the same c is not the same for all alphas. On the left, at c = 1, the
# weights of a low alpha fall sooner: that fit trusts fewer residuals, and where errors
# are normal its variance is larger.
#
# On the right each alpha has the c with which the fit has 95 % of the precision of
# least squares at the normal (alpha = 2 is least squares, whatever c). That puts them
# on an equal footing. What is left to choose is what becomes of residuals far out,
# which would not be there if errors were normal.

alphas = list(loss.ALPHAS.values())
tuned = [tuning_constant(alpha, 0.95) for alpha in alphas]
figure, (left, right) = panels("Weights, c = 1", "Weights, c for 95 % efficiency")
for c, ax in ((1.0, left), (tuned, right)):
    display = LossDisplay.from_alphas(
        alphas, c=c, kind="weight", r=r, ax=ax, legend=False
    )
    ax.set_xlabel("residual in standard deviations")
legend_below(figure, display.lines_, ncols=3, title=r"$\alpha$, and $c$ on the right")

# %%
# :class:`~skrobust.AdaptiveLossRegressor` does so with ``c="auto"``: its c is the
# constant of its alpha times a robust scale of the residuals.

print("alpha     c      weight at 1, 3 and 6 standard deviations")
for alpha, c in zip(alphas, tuned, strict=True):
    weights = "  ".join(f"{w:.3f}" for w in loss.weight([1.0, 3.0, 6.0], alpha, c))
    print(f"{alpha:5}  {c:.3f}   {weights}")

plt.show()
