"""Score held-out images by what a decoder leaves of them, in the form of a paper.

Claim, as in table 1 of Barron's paper (arXiv 1701.03077): with a shape alpha and a
scale c for each coefficient the general distribution gives held-out images a higher
likelihood than the normal and Cauchy's, and about that of Student's t, in pixels, DCT
or wavelets. These keep the volume (`ImageTransformer`): nats are of one unit.

Data, all inside wheels: two photographs of scikit-learn, four of scikit-image, and its
100 small grey faces. Images are patches of 16 x 16, values in [0, 1]. Held out is, by
``--split``:

    region    3 in 10 of the tiles of 64 x 64 that each photograph is cut into
    photo     each photograph in turn, with one other
    faces     each fifth of the faces

An image becomes a code of 32 numbers: principal components with normal noise, as in a
variational autoencoder, and for the same reason. A code without noise costs nothing;
with X = Y a network copies 32 coefficients exactly, and their likelihood has no limit.
What a code costs, the Kullback-Leibler divergence of its noise from the standard
normal, is subtracted, so all nats are lower bounds of the log density of an image.
Decoders, from the code to the coefficients:

    mean       the mean image, which needs no code: the log density itself
    linear     least squares
    network    `AdaptiveLossMLPRegressor`, linear too, but fitted by the loss of the
               distribution that is scored, with an alpha and a c for each coefficient;
               Student's t gets the network of the general one

What a decoder leaves of the training images is what the distribution of each
coefficient is learnt from, and what it leaves of the held-out ones is scored.

A density of 8-bit values has no upper limit, for a spike on one of them costs nothing.
So each value gets uniform noise of one grey level. ``--noise none`` leaves them as they
are, as the paper does; then only the least c, 1e-8, is in the way.

Intervals are of 95 %, from 2,000 draws of held-out tiles (photographs, faces); all
distributions are scored on the same draws.
"""

import argparse
import warnings
from functools import partial
from importlib.resources import files
from time import perf_counter
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy.optimize import minimize
from scipy.special import digamma, gammaln
from scipy.stats import t as student_t
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression

from skrobust import (
    AdaptiveLossMLPRegressor,
    ImageTransformer,
    fit_general_dist,
    general_dist,
)

PHOTOGRAPHS = {
    "china": "sklearn/datasets/images/china.jpg",
    "flower": "sklearn/datasets/images/flower.jpg",
    "astronaut": "skimage/data/astronaut.png",
    "chelsea": "skimage/data/chelsea.png",
    "coffee": "skimage/data/coffee.png",
    "rocket": "skimage/data/rocket.jpg",
}
FACES = "skimage/data/lfw_subset.npy"
REPRESENTATIONS = {
    "pixels": ("pixel", "rgb"),
    "DCT": ("dct", "yuv"),
    "wavelets": ("wavelet", "yuv"),
}
SIZE, TILE = 16, 64  # pixels
MARGIN = 4  # pixels: patches then do not lie on the blocks of 8 x 8 of JPEG
HELD_OUT = 0.3  # of the tiles of a photograph
LEAST_C = 1e-8
NAMES = ("Normal", "Cauchy", "Student t", "general")


class Fold(NamedTuple):
    """Flattened images to learn from and to score, and which are drawn together."""

    train: np.ndarray
    test: np.ndarray
    group: np.ndarray  # of each image in test


class Score(NamedTuple):
    """What a distribution makes of held-out images."""

    nats: np.ndarray  # (n_images, n_values)
    shapes: np.ndarray  # alpha or df behind each of the nats, of the same shape


# ------------------------------------------------------------------------------- data


def located(path):
    """Return a file inside an installed package."""
    package, *parts = path.split("/")
    return files(package).joinpath(*parts)


def photograph(name):
    """Return a photograph, of shape (height, width, 3), in grey levels."""
    with located(PHOTOGRAPHS[name]).open("rb") as file:
        return np.asarray(Image.open(file).convert("RGB"), dtype=np.float64)


def scaled(levels, noise, rng):
    """Return grey levels from 0 to 255 as values in [0, 1]."""
    spread = rng.random(levels.shape) if noise == "uniform" else 0.5
    return (levels + spread) / 256


def tiles(picture):
    """Return the tiles of a photograph, of shape (n, TILE, TILE, channels)."""
    rows, columns = ((side - MARGIN) // TILE for side in picture.shape[:2])
    whole = picture[MARGIN:, MARGIN:][: rows * TILE, : columns * TILE]
    grid = whole.reshape(rows, TILE, columns, TILE, -1).swapaxes(1, 2)
    return grid.reshape(rows * columns, TILE, TILE, -1)


def patches(tile, step=SIZE):
    """Return the flattened images in a tile, each `step` pixels from the next."""
    windows = np.lib.stride_tricks.sliding_window_view(tile, (SIZE, SIZE), (0, 1))
    chosen = np.moveaxis(windows[::step, ::step], 2, -1)
    return chosen.reshape(-1, SIZE * SIZE * tile.shape[-1])


def tiled_photographs(options, rng):
    """Yield the tiles of each photograph."""
    for name in PHOTOGRAPHS:
        yield tiles(scaled(photograph(name), options.noise, rng))


def by_region(options, rng):
    """Yield one fold: tiles of each photograph are held out."""
    train, test = [], []
    for cut in tiled_photographs(options, rng):
        shuffled = rng.permutation(len(cut))
        n_test = round(HELD_OUT * len(cut))
        test += [patches(cut[place]) for place in shuffled[:n_test]]
        train += [patches(cut[place], options.step) for place in shuffled[n_test:]]
    group = np.repeat(np.arange(len(test)), [len(images) for images in test])
    yield Fold(np.concatenate(train), np.concatenate(test), group)


def by_photo(options, rng):
    """Yield three folds: two photographs each are held out."""
    cut = list(tiled_photographs(options, rng))
    for first in range(3):
        held = (first, first + 3)
        train = [
            patches(tile, options.step)
            for place, photo in enumerate(cut)
            if place not in held
            for tile in photo
        ]
        test = [
            np.concatenate([patches(tile) for tile in cut[place]]) for place in held
        ]
        group = np.repeat(held, [len(images) for images in test])
        yield Fold(np.concatenate(train), np.concatenate(test), group)


def by_face(options, rng):
    """Yield five folds of the faces, of which the middle is used."""
    with located(FACES).open("rb") as file:
        faces = np.load(file)[:100] * 255
    corner = (faces.shape[1] - SIZE) // 2
    inner = faces[:, corner : corner + SIZE, corner : corner + SIZE]
    values = scaled(inner.reshape(len(faces), -1), options.noise, rng)
    for held in np.array_split(rng.permutation(len(faces)), 5):
        yield Fold(np.delete(values, held, axis=0), values[held], held)


SPLITS = {"region": by_region, "photo": by_photo, "faces": by_face}


# ---------------------------------------------------------------------- distributions


def normal(r):
    """Return the most likely normal distribution about 0."""
    return general_dist(2.0, scale=fit_general_dist(r, alpha=2.0, c_min=LEAST_C).c)


def cauchy(r):
    """Return the most likely Cauchy distribution about 0."""
    return general_dist(0.0, scale=fit_general_dist(r, alpha=0.0, c_min=LEAST_C).c)


def general(r, most_alpha):
    """Return the most likely general distribution about 0."""
    bounds = (0.0, most_alpha)
    fit = fit_general_dist(r, alpha_bounds=bounds, c_min=LEAST_C, tol=1e-6)
    return general_dist(fit.alpha, scale=fit.c)


def student(r):
    """Return the most likely t distribution about 0."""
    square = np.square(r)

    def loss(logs):  # mean negative log-likelihood, and its gradient
        df, scale = np.exp(logs)
        ratio = square / (df * scale**2)
        log_mean = np.log1p(ratio).mean()
        pull = (df + 1) * (ratio / (1 + ratio)).mean()
        half = df / 2
        constant = gammaln(half + 0.5) - gammaln(half) - 0.5 * np.log(df * np.pi)
        value = logs[1] - constant + (half + 0.5) * log_mean
        rise = digamma(half + 0.5) - digamma(half) - log_mean
        return value, np.array([-half * rise + 0.5 - 0.5 * pull, 1 - pull])

    start = np.log([3.0, max(np.median(np.abs(r)), LEAST_C)])
    bounds = [np.log([1e-2, 1e6]), (np.log(LEAST_C), None)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    df, scale = np.exp(found.x)
    return student_t(df, scale=scale)


def learners(options):
    """Return what learns each distribution from residuals."""
    learn_general = partial(general, most_alpha=options.most_alpha)
    return dict(zip(NAMES, (normal, cauchy, student, learn_general), strict=True))


# ------------------------------------------------------------------- code and decoders


class Codes(NamedTuple):
    """The codes of images, with noise, and the nats that each of them costs."""

    values: np.ndarray  # (n_images, n_components)
    costs: np.ndarray  # (n_images,)


class Encoder:
    """Principal components of training images, standard normal with their noise.

    The noise of a component has the variance that it would have after seeing the image
    if all that the components leave were normal and alike, times `noise`: that is
    probabilistic principal components at 1. Errors with heavy tails want less.
    """

    def __init__(self, train, options):
        n_components = min(options.components, len(train) // 10)
        self.pca = PCA(n_components, random_state=options.seed).fit(train)
        self.spread = np.sqrt(self.pca.explained_variance_)
        left = options.code_noise * self.pca.noise_variance_
        self.variance = np.minimum(left / self.spread**2, 1)

    def __call__(self, images, rng):
        """Return the codes of images."""
        variance = self.variance
        centre = self.pca.transform(images) / self.spread * np.sqrt(1 - variance)
        values = centre + np.sqrt(variance) * rng.standard_normal(centre.shape)
        costs = (centre**2 + variance - 1 - np.log(variance)).sum(axis=1) / 2
        return Codes(values, costs)


def mean(codes, coefs, options):
    """Return the decoder that knows the mean image only."""
    centre = coefs.mean(axis=0)
    return dict.fromkeys(NAMES, lambda codes: np.tile(centre, (len(codes), 1)))


def linear(codes, coefs, options):
    """Return least squares as a decoder, the same for each distribution."""
    return dict.fromkeys(NAMES, LinearRegression().fit(codes, coefs).predict)


def network(codes, coefs, options):
    """Return networks, each fitted by the loss of the distribution it is scored by."""
    codes, coefs = codes.astype(np.float32), coefs.astype(np.float32)
    decoders = {}
    for name, alpha in {"Normal": 2.0, "Cauchy": 0.0, "general": "adaptive"}.items():
        decoders[name] = AdaptiveLossMLPRegressor(
            (codes.shape[1],),
            "identity",
            alpha=alpha,
            c="adaptive",
            alpha_bounds=(0.0, options.most_alpha),
            l2=1e-6,
            n_init=1,
            max_iter=60,
            random_state=options.seed,
        ).fit(codes, coefs)
    models = decoders | {"Student t": decoders["general"]}
    return {name: model.predict for name, model in models.items()}


DECODERS = {"mean": mean, "linear": linear, "network": network}


# ---------------------------------------------------------------------------- scoring


def score(learn, train, test):
    """Learn the distribution of each column, and score other rows by it."""
    logs, shapes = np.empty_like(test), []
    for place, r in enumerate(train.T):
        learnt = learn(r)
        logs[:, place] = learnt.logpdf(test[:, place])
        shapes.append(learnt.args[0])
    return Score(logs, np.broadcast_to(shapes, logs.shape))


def transformer_of(representation, fold):
    """Return what maps the images of a fold to a representation. Grey has no YUV."""
    kind, colour = REPRESENTATIONS[representation]
    n_channels = fold.train.shape[1] // SIZE**2
    shape = (SIZE, SIZE, n_channels)
    colour = colour if n_channels == 3 else "rgb"
    return ImageTransformer(kind, shape=shape, colour=colour).fit(fold.train)


def scores(folds, coded, decoder, representation, options):
    """Return the score of each distribution over all folds."""
    found = {name: [] for name in NAMES}
    for fold, (of_train, of_test) in zip(folds, coded, strict=True):
        transformer = transformer_of(representation, fold)
        train, test = map(transformer.transform, (fold.train, fold.test))
        decoders = DECODERS[decoder](of_train.values, train, options)
        for name, learn in learners(options).items():
            decode = decoders[name]
            left = train - decode(of_train.values), test - decode(of_test.values)
            found[name].append(score(learn, *left))
    return {
        name: Score(*map(np.concatenate, zip(*parts, strict=True)))
        for name, parts in found.items()
    }


def interval(difference, group, rng, draws=2000):
    """Return the mean difference of an image and its interval, groups drawn anew."""
    _, place = np.unique(group, return_inverse=True)
    sums, counts = np.bincount(place, difference), np.bincount(place)
    drawn = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=draws)
    low, high = np.quantile(drawn @ sums / (drawn @ counts), [0.025, 0.975])
    return f"{difference.mean():+.1f} [{low:+.1f}, {high:+.1f}]"


def spread(values):
    """Return three quantiles as text."""
    return " ".join(f"{q:.2f}" for q in np.quantile(values, [0.1, 0.5, 0.9]))


def column(found, costs, group, seed):
    """Return what is printed of a representation, by row."""
    total = {name: each.nats.sum(axis=1) - costs for name, each in found.items()}
    cells = {name: f"{each.mean():.1f}" for name, each in total.items()}
    rng = np.random.default_rng(seed)
    for name in list(found)[:-1]:
        cells[f"general - {name}"] = interval(
            total["general"] - total[name], group, rng
        )
    df = found["Student t"].shapes
    cells["df of t below 1"] = f"{np.mean(df < 1):.0%}"
    ahead = np.where(df < 1, 0, found["general"].nats - found["Student t"].nats)
    cells["    elsewhere"] = interval(ahead.sum(axis=1), group, rng)
    cells["alpha, 10 50 90 %"] = spread(found["general"].shapes)
    bits = 8 - total["general"].mean() / df.shape[1] / np.log(2)
    cells["bits a value, general"] = f"{bits:.2f}"
    return cells


def report(split, decoder, options):
    """Print the table of one way to hold out and one decoder."""
    began = perf_counter()
    rng = np.random.default_rng(options.seed)
    folds = list(SPLITS[split](options, rng))
    encoders = [Encoder(fold.train, options) for fold in folds]
    coded = [
        (encode(fold.train, rng), encode(fold.test, rng))
        for encode, fold in zip(encoders, folds, strict=True)
    ]
    group = np.concatenate([fold.group for fold in folds])
    costs = np.concatenate([of_test.costs for _, of_test in coded])
    costs *= decoder != "mean"
    columns = [
        column(
            scores(folds, coded, decoder, name, options),
            costs,
            group,
            options.seed,
        )
        for name in REPRESENTATIONS
    ]
    n_train, n_test = (sum(len(fold[k]) for fold in folds) for k in (0, 1))
    print(
        f"\n{split}, {decoder}: {n_train // len(folds)} images to learn from, {n_test} "
        f"held out in {len(folds)}; the code costs {costs.mean():.1f} nats"
    )
    print(f"{'nats of an image':22}" + "".join(f"{n:>26}" for n in REPRESENTATIONS))
    for name in columns[0]:
        print(f"{name:22}" + "".join(f"{cells[name]:>26}" for cells in columns))
    print(f"{'':22}{perf_counter() - began:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", choices=SPLITS, nargs="+", default=["region"])
    parser.add_argument(
        "--decoder", choices=DECODERS, nargs="+", default=list(DECODERS)
    )
    parser.add_argument("--components", type=int, default=32, help="length of the code")
    parser.add_argument("--noise", choices=["uniform", "none"], default="uniform")
    parser.add_argument("--step", type=int, default=16, help="between training patches")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most-alpha", type=float, default=3.0, help="bound of alpha")
    parser.add_argument("--code-noise", type=float, default=0.3, help="see Encoder")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)  # 60 iterations do
    for split in options.split:
        for decoder in options.decoder:
            report(split, decoder, options)


if __name__ == "__main__":
    main()
