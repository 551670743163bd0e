"""Fit the disparity of a stereo pair with no truth to learn from: the ladder of losses.

The second experiment of the paper [1] asks which loss of the photometric residual is
best where depth is learnt from pictures alone: alpha fixed at 1, 0 and 2, lowered from
2 to 0 on the way, or learnt within (0, 2). Here it is asked of Middlebury's motorcycle
[2], which scikit-image has in its wheel with the true disparity. No file is downloaded.

The field d is one of cubic B-splines with a control point every fourth pixel, the
residual ``left(x) - right(x - d(x))``, and what L-BFGS minimises ::

    sum of rho(residual, alpha, c) + smoothness / shrink * sum of sqrt(1 + (2 e)^2) - 1

with e the difference, in pixels, of control points that are neighbours. It goes through
pictures at 1/16, 1/8, 1/4 and 1/2 of their size, three times 80 iterations on each.
Before each of these 12 stages alpha (where it is learnt) and c (always, for every loss)
are the most likely for the residuals of the moment: one of each for a channel of the
RGB pixels, or for a band of the CDF 9/7 wavelets of YUV. All losses have the same
start, a constant, the same stages and the same choice of the smoothness.

The smoothness is chosen crosswise. The picture is cut into 8 x 8 blocks; what is
reported of the white ones is of the field with the lowest RMSE on the black ones, and
the other way round. No pixel has a say in its own smoothness. The lines before the
table are all fields, so that it can be seen what the choice does.

The intervals draw the 64 blocks with replacement, the same for all losses, and are for
the difference to the learnt alpha. Errors are in pixels of the pair as it is in the
wheel (741 x 500), at all pixels with a finite truth, hidden ones included. The first 64
columns have no match in the right picture: they, and a margin of 5 to 10 pixels around
the rest, are left out.

    python benchmarks/disparity.py

takes one start, 30 pixels; ``--starts 20 30 40`` averages over three.

[1] J. T. Barron, "A General and Adaptive Robust Loss Function", CVPR 2019.
    https://arxiv.org/abs/1701.03077
[2] D. Scharstein et al., "High-Resolution Stereo Datasets with Subpixel-Accurate Ground
    Truth", GCPR 2014. https://doi.org/10.1007/978-3-319-11752-2_3
"""

import argparse
from importlib import resources
from time import perf_counter
from typing import NamedTuple

import numpy as np
from scipy import ndimage, sparse
from scipy.interpolate import BSpline
from scipy.optimize import minimize
from skimage.io import imread

from skrobust import ImageTransformer, fit_general_dist, loss

ROWS, COLUMNS = slice(10, 490), slice(64, 736)
SHRINKS = (16, 8, 4, 2)
ROUNDS, ITERATIONS = 3, 80
CELL = 4  # pixels of the shrunk picture between control points
BLOCKS = 8  # in each direction
SMOOTHNESS = (0.03, 0.1, 0.3, 1.0, 3.0)
BENDS = 0.5  # pixels between neighbours where the penalty turns linear

# From the share s of the stages that are done. None: to be learnt.
LOSSES = {
    "fixed, alpha = 1": lambda s: 1.0,
    "fixed, alpha = 0": lambda s: 0.0,
    "fixed, alpha = 2": lambda s: 2.0,
    "annealed, 2 to 0": lambda s: 2.0 - 2.0 * s,
    "adaptive in (0, 2)": lambda s: None,
}
PUBLISHED = (0.356, 0.350, 0.349, 0.341, 0.332)
ADAPTIVE = "adaptive in (0, 2)"

# Rows: Y, U and V from red, green and blue, of determinant 1.
COLOURS = ImageTransformer("pixel", shape=(1, 1, 3), colour="yuv")
YUV = COLOURS.fit_transform(np.eye(3)).T


class Pair(NamedTuple):
    """A stereo pair, cut, with the true disparity of the left picture in pixels."""

    left: np.ndarray
    right: np.ndarray
    truth: np.ndarray


class Fit(NamedTuple):
    """A fitted disparity, and what was learnt of the loss."""

    field: np.ndarray
    alpha: list
    c: list
    seconds: float


def read_pair():
    """Return the pair inside scikit-image's wheel, values from 0 to 1."""
    data = resources.files("skimage") / "data"
    files = [data / f"motorcycle_{side}.png" for side in ("left", "right")]
    left, right = (imread(file)[ROWS] / 255 for file in files)
    with np.load(data / "motorcycle_disp.npz") as file:
        truth = file["arr_0"].astype(float)
    # The columns left of the left picture are where its matches are.
    return Pair(left[:, COLUMNS], right[:, : COLUMNS.stop], truth[ROWS, COLUMNS])


def shrink_picture(picture, by):
    """Return means over squares, with the channels first."""
    h, w = picture.shape[0] // by, picture.shape[1] // by
    return np.einsum("iajbc->cij", picture.reshape(h, by, w, by, -1)) / by**2


def spline_matrix(n_pixels, n_cells):
    """Return the values of cubic B-splines, (n_pixels, n_cells + 3)."""
    knots = np.arange(-3, n_cells + 4) / n_cells
    middles = (np.arange(n_pixels) + 0.5) / n_pixels
    return BSpline.design_matrix(middles, knots, 3).toarray()


class Pixels:
    """The residual as it is, an array for each channel."""

    def __init__(self, height, width):
        pass

    def split(self, residual):
        """Return the arrays that have an alpha and c each."""
        return list(residual)

    def join(self, slopes):
        """Return slopes by the residual from those by what `split` returns."""
        return np.stack(slopes)


class Wavelets:
    """CDF 9/7 wavelets of YUV, an array for each band.

    A step of the transform is a matrix in each direction, so that its transpose is
    exact at the borders too. It is not the inverse: the wavelets are not orthogonal.
    """

    def __init__(self, height, width):
        self.steps = []
        while height % 2 == width % 2 == 0 and min(height, width) >= 16:
            self.steps.append((step_matrix(height), step_matrix(width)))
            height, width = height // 2, width // 2

    def split(self, residual):
        """Return the arrays that have an alpha and c each."""
        bands = []
        for channel in np.tensordot(YUV, residual, 1):
            low = channel
            for down, across in self.steps:
                step = (across @ (down @ low).T).T
                h, w = step.shape[0] // 2, step.shape[1] // 2
                low = step[:h, :w]
                bands += [step[:h, w:], step[h:, :w], step[h:, w:]]
            bands.append(low)
        return bands

    def join(self, slopes):
        """Return slopes by the residual from those by what `split` returns."""
        per_channel = 3 * len(self.steps) + 1
        channels = []
        for first in range(0, 3 * per_channel, per_channel):
            low = slopes[first + per_channel - 1]
            for k in reversed(range(len(self.steps))):
                right, below, both = slopes[first + 3 * k : first + 3 * k + 3]
                step = np.block([[low, right], [below, both]])
                down, across = self.steps[k]
                low = down.T @ (across.T @ step.T).T
            channels.append(low)
        return np.tensordot(YUV.T, np.stack(channels), 1)


def step_matrix(n):
    """Return a step of the transform of n values: n / 2 low parts, n / 2 high ones."""
    waves = ImageTransformer("wavelet", shape=(n, 1), levels=1)
    return sparse.csr_array(waves.fit_transform(np.eye(n)).T)


FORMS = {"RGB pixels": Pixels, "YUV wavelets": Wavelets}


class Level:
    """The objective on the pair at one size; disparities are in full pixels."""

    def __init__(self, pair, shrink, form):
        self.shrink = shrink
        self.left = shrink_picture(pair.left, shrink)
        right = shrink_picture(pair.right, shrink)
        _, height, width = self.left.shape
        self.down = spline_matrix(height, height // CELL)
        self.across = spline_matrix(width, width // CELL)
        self.form = form(height, width)
        self.columns = np.arange(width) + COLUMNS.start / shrink
        self.n_columns = right.shape[2]
        self.starts = np.arange(height)[:, None] * (self.n_columns + 2)
        coefs = ndimage.spline_filter1d(right, order=3, axis=2, mode="mirror")
        padded = np.pad(coefs, ((0, 0), (0, 0), (1, 1)), mode="reflect")
        self.coefs = padded.reshape(3, -1)

    def field(self, control):
        """Return the disparity of each pixel."""
        return self.down @ control @ self.across.T

    def control(self, field):
        """Return the control points whose field is closest to one."""
        inner = np.linalg.lstsq(self.down, field, rcond=None)[0]
        return np.linalg.lstsq(self.across, inner.T, rcond=None)[0].T

    def residual(self, field):
        """Return the residual (3, height, width) and its slope by the disparity."""
        wanted = self.columns - field / self.shrink
        x = np.clip(wanted, 0, self.n_columns - 1)
        cell = np.minimum(x.astype(int), self.n_columns - 2)
        u = x - cell
        v = 1 - u
        values = (v**3, 4 - 6 * u**2 + 3 * u**3, 4 - 6 * v**2 + 3 * v**3, u**3)
        slopes = (-(v**2), 3 * u**2 - 4 * u, 4 * v - 3 * v**2, u**2)
        taps = [self.coefs[:, self.starts + cell + k] for k in range(4)]
        seen = sum(t * a for t, a in zip(taps, values, strict=True)) / 6
        slope = sum(t * a for t, a in zip(taps, slopes, strict=True)) / 2
        return self.left - seen, slope * (x == wanted) / self.shrink

    def objective(self, flat, alphas, cs, smoothness):
        """Return the value and its gradient by the control points."""
        control = flat.reshape(self.down.shape[1], self.across.shape[1])
        residual, by_disparity = self.residual(self.field(control))
        value, slopes = 0.0, []
        for band, alpha, c in zip(self.form.split(residual), alphas, cs, strict=True):
            losses, slope = loss.evaluate(band, alpha, c, order=1)
            value += losses.sum()
            slopes.append(slope)
        by_pixel = (self.form.join(slopes) * by_disparity).sum(axis=0)
        gradient = self.down.T @ by_pixel @ self.across
        weight = smoothness / self.shrink
        for axis in (0, 1):
            rough, slope = loss.evaluate(np.diff(control, axis=axis), 1.0, BENDS, 1)
            edges = ((1, 1), (0, 0))[:: 1 - 2 * axis]
            value += weight * rough.sum()
            gradient -= weight * np.diff(np.pad(slope, edges), axis=axis)
        return value, gradient.ravel()


def parameters(bands, alpha):
    """Return alpha and c of each band: the most likely, alpha where it is None."""
    given = "adaptive" if alpha is None else alpha
    fits = [
        fit_general_dist(band.ravel(), alpha=given, alpha_bounds=(0, 2), tol=1e-6)
        for band in bands
    ]
    return [fit.alpha for fit in fits], [fit.c for fit in fits]


def enlarge(field, by):
    """Return a field at a greater size."""
    return ndimage.zoom(field, by, order=1, grid_mode=True, mode="nearest")


def fit_disparity(levels, alpha_at, smoothness, start):
    """Return the disparity that a loss leads to from a constant."""
    began, done = perf_counter(), 0
    field = np.full(levels[0].left.shape[1:], float(start))
    for level in levels:
        field = enlarge(field, level.left.shape[1] // field.shape[0])
        control = level.control(field)
        for _ in range(ROUNDS):
            alpha = alpha_at(done / (ROUNDS * len(levels) - 1))
            bands = level.form.split(level.residual(level.field(control))[0])
            alphas, cs = parameters(bands, alpha)
            control = minimize(
                level.objective,
                control.ravel(),
                (alphas, cs, smoothness),
                jac=True,
                method="L-BFGS-B",
                options={"maxiter": ITERATIONS},
            ).x.reshape(control.shape)
            done += 1
        field = level.field(control)
    full = enlarge(field, levels[-1].shrink)
    return Fit(full, alphas, cs, perf_counter() - began)


def block_sums(field, truth):
    """Return squared errors, pixels off by 2 or more and pixels, summed by block.

    The shape is (3, blocks).
    """
    known = np.isfinite(truth)
    error = np.where(known, field - truth, 0.0)
    kinds = [error**2, np.abs(error) >= 2, known]
    h, w = truth.shape[0] // BLOCKS, truth.shape[1] // BLOCKS
    return np.array(
        [k.reshape(BLOCKS, h, BLOCKS, w).sum(axis=(1, 3)).ravel() for k in kinds]
    )


def readings(sums):
    """Return RMSE and share off by 2 or more, along the last axis of the sums."""
    squares, off, count = sums.sum(axis=-1)
    return np.array([np.sqrt(squares / count), off / count])


def crosswise(sums):
    """Return the sums of each block, of the smoothness that the other colour chose.

    They go in as (smoothness, 3, blocks). Also returned: the choices, white and black.
    """
    row, column = np.divmod(np.arange(BLOCKS**2), BLOCKS)
    black = (row + column) % 2 == 1
    chosen = [
        int(np.argmin([readings(each[:, others])[0] for each in sums]))
        for others in (black, ~black)
    ]
    return np.where(black, sums[chosen[1]], sums[chosen[0]]), chosen


def measure(pair, form, start, grid):
    """Return the block sums that each loss has after the choice, by loss."""
    levels = [Level(pair, shrink, form) for shrink in SHRINKS]
    found = []
    for name, alpha_at in LOSSES.items():
        fits = [fit_disparity(levels, alpha_at, weight, start) for weight in grid]
        sums = np.array([block_sums(fit.field, pair.truth) for fit in fits])
        for weight, fit, each in zip(grid, fits, sums, strict=True):
            rmse, off = readings(each)
            print(
                f"{name:20}{start:6g}{weight:8g}{rmse:8.3f}{off:8.3f}"
                f"{np.median(fit.alpha):8.2f}{np.median(fit.c):9.4f}{fit.seconds:7.1f}",
                flush=True,
            )
        kept, chosen = crosswise(sums)
        print(f"{name:20}{start:6g}   chosen: {grid[chosen[0]]:g}, {grid[chosen[1]]:g}")
        found.append(kept)
    return np.array(found)


def intervals(sums, n_draws=4000):
    """Return 95 % intervals of each reading less that of the learnt alpha.

    The sums are (starts, losses, 3, blocks); the result (losses, 2 readings, 2 ends).
    """
    rng = np.random.default_rng(0)
    adaptive, drawn = list(LOSSES).index(ADAPTIVE), []
    for _ in range(n_draws):
        blocks = rng.integers(sums.shape[-1], size=sums.shape[-1])
        each = mean_readings(sums[..., blocks])
        drawn.append(each - each[adaptive])
    return np.moveaxis(np.quantile(drawn, [0.025, 0.975], axis=0), 0, -1)


def mean_readings(sums):
    """Return the readings of each loss, means over the starts, (losses, 2)."""
    return np.mean([[readings(each) for each in start] for start in sums], axis=0)


def table(form, sums):
    """Print a representation's rows of the table."""
    means, ends = mean_readings(sums), intervals(sums)
    print(f"\n{form}: RMSE in pixels, share off by 2 or more, 95 % of the differences")
    for k, name in enumerate(LOSSES):
        rmse, off = means[k] * [1, 100]
        (low, high), (fewer, more) = ends[k] * [[1], [100]]
        print(
            f"{name:20}{PUBLISHED[k]:6.3f}{rmse:8.2f} ({low:+.2f} {high:+.2f})"
            f"{off:8.1f} % ({fewer:+.1f} {more:+.1f})"
        )


def residuals_of_the_truth(pair):
    """Print alpha and c of the residuals that the true disparity leaves."""
    known = np.isfinite(pair.truth)
    level = Level(pair, 1, Pixels)
    residual, _ = level.residual(np.where(known, pair.truth, 0.0))
    alphas, cs = parameters(list(residual[:, known]), None)
    texts = [f"{alpha:.2f}, {c:.4f}" for alpha, c in zip(alphas, cs, strict=True)]
    print(f"alpha, c of the RGB residuals at the true disparity: {'; '.join(texts)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=float, nargs="+", default=[30.0])
    parser.add_argument("--quick", action="store_true", help="two smoothnesses")
    options = parser.parse_args()
    pair = read_pair()
    grid = SMOOTHNESS[2:4] if options.quick else SMOOTHNESS
    residuals_of_the_truth(pair)
    for name, form in FORMS.items():
        print(f"\n{name}: all fields; alpha and c are medians over channels or bands")
        print(
            f"{'loss':20}{'start':>6}{'smooth':>8}{'RMSE':>8}{'off':>8}"
            f"{'alpha':>8}{'c':>9}{'s':>7}"
        )
        sums = [measure(pair, form, start, grid) for start in options.starts]
        table(name, np.array(sums))


if __name__ == "__main__":
    main()
