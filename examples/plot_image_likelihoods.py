"""
What a decoder leaves of photographs
====================================

Squared error says that errors are normal. Are they? Here every pixel, every frequency,
and every output of a network that reconstructs patches of photographs learns a shape
alpha and a scale c of its own, as in Barron's paper
(`arXiv 1701.03077 <https://arxiv.org/abs/1701.03077>`_). Patches that were held out say
what that is worth. :doc:`/user_guide/image_likelihoods` has the whole experiment.
"""

# %%
# Data
# ----
# The two photographs in scikit-learn, in shades of grey and patches of 8 by 8. Every
# third patch of the left part of each is to learn from, those of the right part are
# held out. JPEG wrote them in blocks of 8 by 8, so ours begin 4 pixels off. Noise as
# wide as a grey level makes the values continuous: a density could be as high as it
# likes on each of 256 values.

import sys
from time import process_time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images
from sklearn.decomposition import PCA

from skrobust import (
    AdaptiveLossMLPRegressor,
    ImageTransformer,
    fit_general_dist,
    general_dist,
)

rng = np.random.default_rng(0)
SIZE, LEFT = 8, 396


def patches(picture):
    """Return the flattened patches of a picture, side by side."""
    rows, columns = (side // SIZE for side in picture.shape)
    whole = picture[: rows * SIZE, : columns * SIZE]
    grid = whole.reshape(rows, SIZE, columns, SIZE).swapaxes(1, 2)
    return grid.reshape(rows * columns, SIZE**2)


greys = [picture[4:, 4:].mean(axis=2) for picture in load_sample_images().images]
greys = [(grey + rng.random(grey.shape)) / 256 for grey in greys]
train = np.concatenate([patches(grey[:, :LEFT])[::3] for grey in greys])
test = np.concatenate([patches(grey[:, LEFT:]) for grey in greys])
print(f"{len(train)} patches to learn from, {len(test)} held out")

# %%
# Without a decoder
# -----------------
# How likely are held-out patches if all that is known is the mean patch? The normal
# distribution has alpha = 2, Cauchy's has 0, the general one finds its own. The cosine
# transform makes as many numbers of the same volume, so the nats (the log-likelihood of
# a patch) of both representations compare.

ALPHAS = {"normal": 2.0, "Cauchy": 0.0, "general": "adaptive"}
BOUNDS = (0, 3)
cells, maps = {}, {}


def show(cell, nats, alpha):
    """Print and keep the nats of each distribution, and keep the alphas learnt."""
    cells[cell], maps[cell] = nats, np.reshape(alpha, (SIZE, SIZE))
    print(f"{cell:26}", *(f"{name} {value:6.1f}" for name, value in nats.items()))


waves = ImageTransformer("dct", shape=(SIZE, SIZE)).fit(train)
for cell, transform in {"pixels": np.asarray, "frequencies": waves.transform}.items():
    known = transform(train)
    left, left_test = known - known.mean(axis=0), transform(test) - known.mean(axis=0)
    nats = {}
    for name, given in ALPHAS.items():
        fits = [fit_general_dist(r, alpha=given, alpha_bounds=BOUNDS) for r in left.T]
        alpha, c = np.transpose([(fit.alpha, fit.c) for fit in fits])
        nats[name] = general_dist.logpdf(left_test, alpha, scale=c).sum(axis=1).mean()
    show(cell, nats, alpha)

# %%
# Pixels end at black and white: their tails are lighter than normal ones, and alpha
# goes to its bound of 3. Frequencies are small in the sky and large at an edge: alpha
# goes to 0. Whoever fixes alpha is wrong in one of the two.
#
# With a decoder
# --------------
# A variational autoencoder: 8 principal components with normal noise are the code, and
# a network makes frequencies of it, with an alpha and a c for each of its 64 outputs,
# learnt together with the weights. A patch pays for its code, so that the nats are a
# lower bound of the log density; in patches as small as these it costs more than it
# saves. Where the noise of the code is most of what is left, alpha is 2.

pca = PCA(8).fit(train)
spread = np.sqrt(pca.explained_variance_)
variance = 0.3 * pca.noise_variance_ / spread**2


def code(images):
    """Return the codes of images, with noise, and the nats that they cost."""
    centre = pca.transform(images) / spread * np.sqrt(1 - variance)
    costs = (centre**2 + variance - 1 - np.log(variance)).sum(axis=1) / 2
    return centre + np.sqrt(variance) * rng.standard_normal(centre.shape), costs


(code_train, _), (code_test, costs) = code(train), code(test)
nats, began = {}, process_time()
for name, given in ALPHAS.items():
    network = AdaptiveLossMLPRegressor(
        (8,),
        "identity",
        alpha=given,
        c="adaptive",
        alpha_bounds=BOUNDS,
        l2=1e-6,
        n_init=1,
        tol=1e-3,
        random_state=0,
    ).fit(code_train, waves.transform(train))
    left_test = waves.transform(test) - network.predict(code_test)
    logs = general_dist.logpdf(left_test, network.alpha_, scale=network.c_)
    nats[name] = (logs.sum(axis=1) - costs).mean()
show("frequencies, with a decoder", nats, network.alpha_)
print(f"3 networks of {SIZE**2} outputs in {process_time() - began:.1f} s")

# %%
# The figure
# ----------
# Above, alpha of every pixel or frequency, the lowest frequency in the upper left
# corner. Below, by how many nats a patch each distribution falls behind the best.

figure = plt.figure(figsize=(9, 6), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=[1.25, 1])
axes = above.subplots(1, len(maps))
for ax, (cell, alpha) in zip(axes, maps.items(), strict=True):
    image = ax.imshow(alpha, cmap="viridis", vmin=BOUNDS[0], vmax=BOUNDS[1])
    ax.set_title(cell, fontsize=10)
    ax.set(xticks=[], yticks=[])
above.colorbar(image, ax=axes, label="alpha", shrink=0.8)

colors = {"normal": "#9aa5b1", "Cauchy": "#edae49", "general": "#d1495b"}
axes = below.subplots()
place = np.arange(len(cells))
for shift, name in zip((-0.27, 0, 0.27), ALPHAS, strict=True):
    behind = [max(nats.values()) - nats[name] for nats in cells.values()]
    bars = axes.bar(place + shift, behind, 0.25, color=colors[name], label=name)
    axes.bar_label(bars, fmt="%.1f", fontsize=9)
axes.set_xticks(place, list(cells))
axes.set_ylabel("nats behind the best")
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False)

if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=150)
    print(f"\nFigure written to {sys.argv[1]}")
plt.show()
