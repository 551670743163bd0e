"""The ladder of losses of the paper's second experiment, on tables with noise.

The paper [1] compares alpha fixed at 1, 0 and 2, lowered from 2 to 0 on the way, and
learnt within (0, 2). Here these are fitted to three real tables whose training targets
get noise, while the targets that the error is taken of stay as they are:

    none         nothing
    t2           plus s / 2 times a draw of Student's t with 2 degrees of freedom
    Cauchy       plus s / 4 times a draw of Cauchy's distribution
    10, 20, 30 % of the rows get an error of 5 s to 15 s, all to the same side

with s the standard deviation of the training targets. In every seed two thirds of the
rows, drawn at random, are for training. All losses see the same rows and the same
noise, and for all of them c is the most likely scale at that alpha.

The linear fits start from least squares, the annealed one from alpha near 2; there is
no penalty. "robust start" is the adaptive loss as the estimator comes: with a
high-breakdown start. "robust c" is alpha = 1 as the estimator comes: with a c that
rests on the median size of residuals.

The network has one hidden layer of 50 and is otherwise as it comes. It always begins
with a convex loss, alpha = 1, and walks from there: "fixed" is what the last fit has.
The annealed one is five fits, each of which starts where the one before ended.

What is printed is the mean absolute error of the clean held-out rows, over that of
alpha = 2 without noise in the same split: a geometric mean over the seeds. In brackets
the ends of the 95 % interval of the ratio to the adaptive loss, over the seeds, drawn
with replacement: above 1, the adaptive loss is better.

    python benchmarks/ladder.py DATA

takes delta_ailerons from this package and diabetes from scikit-learn; a third set,
concrete, is a CSV file in the folder DATA, from [2]. Without DATA there are two. Others
from there can be named with ``--sets``. ``--models linear`` leaves the network out.

[1] J. T. Barron, "A General and Adaptive Robust Loss Function", CVPR 2019.
    https://arxiv.org/abs/1701.03077
[2] https://github.com/antoniopedropi/Datasets-ImbalancedRegression
"""

import argparse
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
from avelino import Set, read_set
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from skrobust import AdaptiveLossMLPRegressor, AdaptiveLossRegressor
from skrobust.datasets import load_delta_ailerons

SHIPPED = {"delta_ailerons": load_delta_ailerons, "diabetes": load_diabetes}
FOUND = ("concrete",)
ADAPTIVE = "adaptive in (0, 2)"


def linear(alpha, start="least_squares"):
    """Return a linear regression with the most likely c."""
    return AdaptiveLossRegressor(alpha, c="adaptive", start=start, random_state=0)


def network(alpha):
    """Return a network with the most likely c."""
    return AdaptiveLossMLPRegressor((50,), alpha=alpha, c="adaptive", random_state=0)


class Annealed:
    """Fits of an estimator with a warm start, along which alpha falls from 2 to 0."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        """Return the last fit."""
        model = clone(self.estimator).set_params(warm_start=True)
        for alpha in (2.0, 1.5, 1.0, 0.5, 0.0):
            model.set_params(alpha=alpha).fit(X, y)
        return model


MODELS = {
    "linear": {
        "fixed, alpha = 1": linear(1.0),
        "fixed, alpha = 0": linear(0.0),
        "fixed, alpha = 2": linear(2.0),
        "annealed, 2 to 0": linear(0.0, start="annealed"),
        ADAPTIVE: linear("adaptive"),
        "same, robust start": linear("adaptive", start="auto"),
        "alpha = 1, robust c": AdaptiveLossRegressor(1.0, start="least_squares"),
    },
    "network": {
        "fixed, alpha = 1": network(1.0),
        "fixed, alpha = 0": network(0.0),
        "fixed, alpha = 2": network(2.0),
        "annealed, 2 to 0": Annealed(network(2.0)),
        ADAPTIVE: network("adaptive"),
    },
}


def gross(share):
    """Return the noise that gives a share of the rows an error of 5 to 15."""

    def draw(n, rng):
        return np.where(rng.random(n) < share, rng.uniform(5, 15, n), 0.0)

    return draw


NOISE = {
    "none": lambda n, rng: np.zeros(n),
    "t2": lambda n, rng: rng.standard_t(2, n) / 2,
    "Cauchy": lambda n, rng: rng.standard_cauchy(n) / 4,
    "10 %": gross(0.1),
    "20 %": gross(0.2),
    "30 %": gross(0.3),
}


def errors(data, models, seed):
    """Return the errors of a split, (models, noises), least squares first as unit."""
    train, test = train_test_split(
        np.arange(len(data.y)), test_size=1 / 3, random_state=seed
    )
    y, found = data.y[train], np.empty((len(models), len(NOISE)))
    for k, draw in enumerate(NOISE.values()):
        noisy = y + y.std() * draw(len(y), np.random.default_rng([seed, k]))
        for j, model in enumerate(models.values()):
            y_pred = model.fit(data.X[train], noisy).predict(data.X[test])
            found[j, k] = np.abs(data.y[test] - y_pred).mean()
    return found / found[list(models).index("fixed, alpha = 2"), 0]


def table(title, logs, names):
    """Print the geometric means and the intervals of the ratios to the adaptive loss.

    The logarithms of the errors are (seeds, models, noises).
    """
    logs = np.concatenate([logs, logs.mean(axis=-1, keepdims=True)], axis=-1)
    rng, adaptive = np.random.default_rng(0), names.index(ADAPTIVE)
    drawn = rng.integers(len(logs), size=(4000, len(logs)))
    against = logs - logs[:, [adaptive]]
    ends = np.exp(np.quantile(against[drawn].mean(axis=1), [0.025, 0.975], axis=0))
    heads = [*NOISE, "all six"]
    print(f"\n{title}\n{'':20}" + "".join(f"{head:>22}" for head in heads))
    for j, name in enumerate(names):
        line = f"{name:20}"
        for k, value in enumerate(np.exp(logs.mean(axis=0)[j])):
            low, high = ends[:, j, k]
            interval = f"({low:.3f} {high:.3f})" if j != adaptive else ""
            line += f"{value:7.3f}{interval:>15}"
        print(line, flush=True)


def read_sets(options):
    """Return the data sets that there are."""
    sets = []
    for name in options.sets:
        if name in SHIPPED:
            sets.append(Set(name, *SHIPPED[name](return_X_y=True)))
        elif options.data is not None:
            sets.append(read_set(options.data / f"{name}.csv"))
        else:
            print(f"{name} needs the folder DATA, and is left out.")
    return sets


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", metavar="DATA")
    parser.add_argument("--sets", nargs="+", default=[*SHIPPED, *FOUND])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    # A solver that stops early has an error like any other, and it is counted.
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    sets = read_sets(options)
    for kind in options.models:
        models, began, logs = MODELS[kind], perf_counter(), []
        for data in sets:
            runs = [errors(data, models, seed) for seed in range(options.seeds)]
            logs.append(np.log(runs))
            n, p = data.X.shape
            table(f"{kind}, {data.name} ({n} x {p})", logs[-1], list(models))
        table(f"{kind}, all sets", np.mean(logs, axis=0), list(models))
        print(f"{options.seeds} seeds, {perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
