"""Measure the network beside MLPRegressor: its steps, its way down, its outliers.

Questions, each answered by ratios of medians of one run; what came out stands in
docs/user_guide/mlp.rst:

    iteration   how much faster is one step of L-BFGS, squares, than that of
                MLPRegressor(solver="lbfgs"), in float64 and in float32? 1.5 and 2.5
                times are the aims
    race        how soon is the held-out error reached at which MLPRegressor ends with
                its defaults (adam)? As soon is the aim for every shape, and in half the
                time for one. How far from it, and from L-BFGS with as much time as the
                slower of the two others took, is the error in the end?
    outliers    of 20 % gross ones: how much larger is the held-out error on clean rows
                than without them? At most 10 % is the aim
    memory      what does a fit need beyond the vectors of n numbers that it keeps? Two
                blocks of activations is the aim

Seconds are those of the processor, in one thread of the BLAS, so that what else the
machine does counts little; whoever is compared takes turns. All get columns and targets
that are centred and scaled, which MLPRegressor does not do by itself. Errors are on
rows that nobody was fitted to, and in units of the spread of the target. Each
repetition draws other rows and another start. What happens before the last fit, where
no callback sees it, counts as time but not as an arrival.

Needs scikit-learn 1.9, for its callbacks. Give parts to run only those, ``--quick`` for
fewer shapes and repetitions.
"""

import argparse
import tracemalloc
import warnings
from functools import partial
from statistics import median
from time import process_time
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from threadpoolctl import threadpool_limits

from skrobust import AdaptiveLossMLPRegressor
from skrobust.datasets import load_delta_ailerons

OURS = {
    "ours": {},
    "ours, alpha=2": {"alpha": 2.0},
    "ours, alpha=-2": {"alpha": -2.0},
}
ROBUST = {
    "ours": {},
    "ours, alpha=0": {"alpha": 0.0},
    "ours, alpha=-2": {"alpha": -2.0},
    "ours, welsch": {"alpha": "welsch"},
    "ours, bisquare": {"loss": "bisquare"},
}
PEER = "MLPRegressor"
SHARE, GROSS = 0.2, 20.0  # of the rows, and standard deviations of the target
PEER_STEPS = 5, 35  # of L-BFGS, whose difference is timed
OUR_STEPS = 100, 160


class Data(NamedTuple):
    """Rows to fit and rows to judge by."""

    X: np.ndarray
    y: np.ndarray
    X_held: np.ndarray
    y_held: np.ndarray


class Shape(NamedTuple):
    """A kind of data, and the network for it."""

    draw: object
    n_samples: int
    n_features: int
    hidden: tuple[int, ...]
    n_outputs: int = 1

    def data(self, seed, n_held=5000):
        """Return rows, all columns centred and scaled by those to fit."""
        n, rng = self.n_samples, np.random.default_rng(seed)
        X, y = self.draw(rng, n + n_held, self.n_features, self.n_outputs)
        X, y = ((a - a[:n].mean(axis=0)) / a[:n].std(axis=0) for a in (X, y))
        return Data(X[:n], y[:n], X[n:], y[n:])


def friedman(rng, n, p, k):
    """Draw Friedman's first function, which knows five of the features."""
    X = rng.uniform(size=(n, p))
    y = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2
    y += 10 * X[:, 3] + 5 * X[:, 4]
    noise = 0.3 if n > 10_000 else 1.0
    return X, y + noise * rng.standard_normal(n)


def teacher(rng, n, p, k):
    """Draw what a network of two layers of 32 says, and noise of a tenth of it."""
    X = rng.standard_normal((n, p))
    first, second, last = (
        1.5 * rng.standard_normal(shape) / np.sqrt(shape[0])
        for shape in ((p, 32), (32, 32), (32, k))
    )
    y = np.tanh(np.tanh(X @ first) @ second) @ last
    y = y / y.std(axis=0) + 0.1 * rng.standard_normal((n, k))
    return X, y if k > 1 else y[:, 0]


def ailerons(rng, n, p, k):
    """Draw an order of the rows of the real data that the package has."""
    X, y = load_delta_ailerons(return_X_y=True)
    order = rng.permutation(len(y))
    return X[order], y[order]


def photograph(rng, n, p, k):
    """Draw points of a photograph: their brightness, and what is left and above."""
    image = load_sample_image("china.jpg").mean(axis=2)
    near = [(i, j) for i in (0, 1, 2) for j in range(5) if (i, j) < (2, 2)]
    height, width = image.shape
    view = [image[i : height - 2 + i, j : width - 4 + j].ravel() for i, j in near]
    order = rng.permutation(len(view[0]))[:n]
    return np.stack(view, axis=1)[order], image[2:, 2:-2].ravel()[order]


SHAPES = {
    "Friedman": Shape(friedman, 3000, 10, (100,)),
    "ailerons, real": Shape(ailerons, 5000, 5, (100,)),
    "photograph, real": Shape(photograph, 20_000, 12, (50,)),
    "Friedman, long": Shape(friedman, 20_000, 20, (64, 64)),
    "teacher, 5 outputs": Shape(teacher, 10_000, 30, (64, 64), 5),
    "teacher, longest": Shape(teacher, 100_000, 20, (64,)),
}
QUICK = "Friedman", "ailerons, real", "Friedman, long"
ROUGH = "Friedman", "ailerons, real", "photograph, real"  # for outliers
ROUGH_ROWS = 3000


class Stamps:
    """A callback that notes when each step was done, and what came out."""

    def __init__(self):
        self.times, self.models = [], []

    def setup(self, estimator, context):
        """Note when the fit begins."""
        self._began = process_time()

    def teardown(self, estimator, context):
        """Do nothing."""

    def on_fit_task_begin(self, estimator, context):
        """Do nothing."""

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        """Note the time and the model of a step."""
        if context.task_name == "iteration":
            self.times.append(process_time() - self._began)
            self.models.append(fitted_estimator)


def ours(shape, **options):
    """Return our network."""
    return AdaptiveLossMLPRegressor(hidden_layer_sizes=shape.hidden, **options)


def peer(shape, **options):
    """Return scikit-learn's network."""
    return MLPRegressor(hidden_layer_sizes=shape.hidden, **options)


def fit(model, X, y):
    """Fit a model and return the seconds that took."""
    began = process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    return process_time() - began


def rmse(model, data):
    """Return the root of the mean squared error on rows held out."""
    return np.sqrt(np.mean(np.square(model.predict(data.X_held) - data.y_held)))


def mae(model, data):
    """Return the mean absolute error on rows held out."""
    return np.mean(np.abs(model.predict(data.X_held) - data.y_held))


def spread(values, form=".2f"):
    """Return a median, and the least and the greatest value."""
    low, high = min(values), max(values)
    return f"{median(values):{form}} ({low:{form}} to {high:{form}})"


def step_seconds(make, limits, X, y, **options):
    """Return the seconds of a step, from fits with two limits of steps.

    Those of ours are so far apart that new coordinates take their share, and so late
    that what comes before the last fit is the same.
    """
    few, many = (
        fit(make(max_iter=n, tol=0.0, random_state=0, **options), X, y) for n in limits
    )
    return (many - few) / (limits[1] - limits[0])


def our_step(shape, X, y):
    """Return the seconds of a step of ours."""
    return step_seconds(partial(ours, shape), OUR_STEPS, X, y, alpha=2.0)


def peer_step(shape, X, y):
    """Return the seconds of a step of MLPRegressor's L-BFGS."""
    return step_seconds(partial(peer, shape), PEER_STEPS, X, y, solver="lbfgs")


def steps(shape, runs):
    """Time steps of all, and return a line of the table."""
    kinds = [(s, t) for t in (np.float64, np.float32) for s in (our_step, peer_step)]
    data, taken = shape.data(0), {kind: [] for kind in kinds}
    for _ in range(runs):
        for step, dtype in kinds:
            X, y = data.X.astype(dtype), data.y.astype(dtype)
            taken[step, dtype].append(step(shape, X, y))
    ours64, peer64, ours32, peer32 = (median(taken[kind]) for kind in kinds)
    each = (1e3 * s for s in (ours64, peer64, ours32, peer32))
    return (
        " ".join(f"{ms:8.2f}" for ms in each)
        + f" {peer64 / ours64:8.2f} {peer32 / ours32:8.2f} {peer64 / ours32:8.2f}"
    )


def iteration(quick):
    """Print what a step of L-BFGS takes."""
    print("\nOne step of L-BFGS, squares: ms, and by how much ours is faster\n")
    heads = "ours 64", "peer 64", "ours 32", "peer 32", "64", "32", "64 / 32"
    print(f"{'':40}", *(f"{head:>8}" for head in heads))
    for name in QUICK if quick else SHAPES:
        runs = 1 if quick else 3
        print(f"{title(name):40} {steps(SHAPES[name], runs)}", flush=True)


def title(name):
    """Return what a shape is called in a table."""
    shape = SHAPES[name]
    sizes = shape.n_features, *shape.hidden, shape.n_outputs
    return f"{name}, {shape.n_samples:,}, {'-'.join(map(str, sizes))}"


class Run(NamedTuple):
    """What one fit has come to."""

    seconds: float
    error: float
    mae: float
    arrival: float = np.nan  # seconds until adam's error was reached
    steps: int = 0


def judged(model, data, seconds):
    """Return the run of a model."""
    return Run(seconds, rmse(model, data), mae(model, data), steps=model.n_iter_)


def our_run(shape, data, goal, seed, options):
    """Return our run, and when it came to an error."""
    stamps = Stamps()
    model = ours(shape, random_state=seed, **options).set_callbacks(stamps)
    run = judged(model, data, fit(model, data.X, data.y))
    pairs = zip(stamps.times, stamps.models, strict=True)
    arrival = next((t for t, m in pairs if rmse(m, data) <= goal), np.inf)
    return run._replace(arrival=arrival)


def one_race(shape, seed):
    """Return the runs of all on the data of one seed."""
    data, runs = shape.data(seed), {}
    model = peer(shape, random_state=seed)
    goal = judged(model, data, fit(model, data.X, data.y))
    runs["adam"] = goal._replace(arrival=goal.seconds)
    for name, options in OURS.items():
        runs[name] = our_run(shape, data, goal.error, seed, options)
    longest = max(run.seconds for run in runs.values())
    step = peer_step(shape, data.X, data.y)
    model = peer(
        shape, solver="lbfgs", max_iter=round(longest / step) + 1, random_state=seed
    )
    runs["lbfgs"] = judged(model, data, fit(model, data.X, data.y))
    return runs


def race(quick):
    """Print how long each takes to the error that adam ends at, and where it ends."""
    print("\nHeld-out error: the way to that of adam, and the end")
    for name in QUICK if quick else SHAPES:
        runs = [one_race(SHAPES[name], seed) for seed in range(1 if quick else 3)]
        print(
            f"\n{title(name)}\n{'':16} {'seconds':>26} {'to the error of adam':>26} "
            f"{'/ adam':>6} {'RMSE in the end':>27} {'MAE':>7} {'steps':>6}"
        )
        took = median(run["adam"].seconds for run in runs)
        for kind in runs[0]:
            seconds, error, absolute, arrival, n = zip(
                *(run[kind] for run in runs), strict=True
            )
            way = [f"{'':26}", f"{'':6}"]
            if kind != "lbfgs":
                way = [f"{spread(arrival):>26}", f"{median(arrival) / took:6.2f}"]
            print(
                f"{kind:16} {spread(seconds):>26} {way[0]} {way[1]} "
                f"{spread(error, '.4f'):>27} {median(absolute):7.4f} "
                f"{median(n):6.0f}",
                flush=True,
            )


def spoilt(y, kind, seed):
    """Return targets a fifth of which is wrong."""
    rng, y = np.random.default_rng([seed, 7]), y.copy()
    wrong = rng.choice(len(y), int(SHARE * len(y)), replace=False)
    size = {
        "one-sided": np.ones(len(wrong)),
        "symmetric": rng.choice([-1.0, 1.0], len(wrong)),
        "heavy": rng.standard_cauchy(len(wrong)) / 4,
    }[kind]
    y[wrong] += GROSS * size
    return y


def losses_by_outliers(shape, seed, kinds):
    """Return the held-out errors of all, without outliers and with each kind."""
    data = shape.data(seed)
    targets = [data.y, *(spoilt(data.y, kind, seed) for kind in kinds)]
    errors = {}
    for name, options in {**ROBUST, PEER: None}.items():
        errors[name] = []
        for y in targets:
            if options is None:
                model = peer(shape, random_state=seed)
            else:
                model = ours(shape, random_state=seed, **options)
            fit(model, data.X, y)
            errors[name].append(mae(model, data))
    return errors


def outliers(quick):
    """Print what gross outliers do to the error on clean rows."""
    kinds = ["one-sided"] if quick else ["one-sided", "symmetric", "heavy"]
    print(
        f"\n{SHARE:.0%} gross outliers: MAE on clean rows held out, over that of the "
        "fit without them"
    )
    for name in ROUGH[:2] if quick else ROUGH:
        shape = SHAPES[name]._replace(n_samples=ROUGH_ROWS)
        seeds = range(1 if quick else 5)
        found = [losses_by_outliers(shape, seed, kinds) for seed in seeds]
        heads = "".join(f"{kind:>27}" for kind in kinds)
        print(f"\n{name}, {ROUGH_ROWS:,} rows\n{'':16} {'MAE without':>12}{heads}")
        for kind in found[0]:
            clean, *bad = np.transpose([errors[kind] for errors in found])
            ratios = "".join(f"{spread(list(each / clean)):>27}" for each in bad)
            print(f"{kind:16} {median(clean):12.4f}{ratios}", flush=True)


def peak(model, X, y):
    """Return the bytes that a fit needs at its worst."""
    tracemalloc.start()
    fit(model, X, y)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def memory(quick):
    """Print what fits need beyond X and y."""
    few, many = 20_000, 40_000 if quick else 200_000
    base = SHAPES["Friedman, long"]
    print(
        f"\nMemory beyond X and y, {base.n_features} features, "
        f"{'-'.join(map(str, base.hidden))}: MiB, and bytes for each further row"
    )
    print(f"{'':24} {f'n = {few:,}':>14} {f'n = {many:,}':>14} {'a row':>9}")
    data = {n: base._replace(n_samples=n).data(0) for n in (few, many)}
    cells = {
        name: ours(base, max_iter=16, random_state=0, **options)
        for name, options in OURS.items()
    }
    cells["MLPRegressor, adam"] = peer(base, max_iter=1, random_state=0)
    cells["MLPRegressor, lbfgs"] = peer(
        base, solver="lbfgs", max_iter=3, random_state=0
    )
    for name, model in cells.items():
        one, other = (peak(model, data[n].X, data[n].y) for n in (few, many))
        print(
            f"{name:24} {one / 2**20:14.1f} {other / 2**20:14.1f} "
            f"{(other - one) / (many - few):9.1f}",
            flush=True,
        )


PARTS = {part.__name__: part for part in (iteration, race, outliers, memory)}


def main(parts, quick):
    """Print the tables of some parts, all of them if none is named."""
    with threadpool_limits(1):
        for part in parts or PARTS:
            PARTS[part](quick)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="default: all")
    parser.add_argument("--quick", action="store_true", help="fewer shapes and runs")
    main(**vars(parser.parse_args()))
