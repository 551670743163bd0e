"""Time the linear fit beside its peers, and as data grow.

Claims, each a ratio of median times in one run, default threads, float64, ten per cent
of gross vertical outliers. First with ``alpha=1`` and `c` given:

    n = 1e6, p = 20    at most 2 x Ridge(cholesky), 6 x faster than HuberRegressor
    n = 1e5, p = 100   at most 3 x Ridge(cholesky), 4 x faster than HuberRegressor,
                       50 x faster than statsmodels' RLM(HuberT)
    n = 1e4, p = 20    at most 1.2 x HuberRegressor

then with the default estimator, which learns its loss after a high-breakdown start and
knows its standard errors:

    n = 1e6, p = 20    at most 4 x Ridge(cholesky), and faster than HuberRegressor
    n = 1e5, p = 100   at most 4 x Ridge(cholesky)
    n = 200, p = 5     at most 50 ms

Beyond X and y a fit needs at most 15 % of the bytes of X where n >= 1e5 (`c` given).
With ``--growth``, from 1e4 to 1e7 rows of a memory-mapped X, time is linear in n, and
memory beyond the few vectors of n numbers that a fit keeps does not grow.

Run with ``--quick`` to leave out the slow peers (HuberRegressor at 1e6 rows, RLM).
"""

import argparse
import tempfile
import tracemalloc
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from sklearn.linear_model import HuberRegressor, Ridge

from skrobust import AdaptiveLossRegressor
from skrobust.datasets import make_outlier_regression

GIVEN, DEFAULT = "ours, c given", "ours, default"
SHAPES = [(10**6, 20), (10**5, 100), (10**4, 20), (200, 5)]


class RLM:
    """statsmodels' robust linear model, with scikit-learn's `fit`."""

    def fit(self, X, y):
        """Fit with statsmodels' defaults and an intercept."""
        import statsmodels.api as sm

        sm.RLM(y, sm.add_constant(X), M=sm.robust.norms.HuberT()).fit()


def fitters(n_samples, quick):
    """Return what to time, and how often."""
    slow = 0 if quick else 1
    peers = {
        GIVEN: (AdaptiveLossRegressor(1.0, 1.3), 9),
        DEFAULT: (AdaptiveLossRegressor(random_state=0), 7),
        "ours, alpha=-2": (AdaptiveLossRegressor(-2.0, random_state=0), 3),
        "ours, bisquare": (AdaptiveLossRegressor(loss="bisquare", random_state=0), 3),
        "Ridge(cholesky)": (Ridge(solver="cholesky"), 9),
        "HuberRegressor": (
            HuberRegressor(max_iter=1000),
            3 if n_samples < 1e6 else slow,
        ),
    }
    if n_samples == 10**5:
        peers["RLM(HuberT)"] = (RLM(), slow)
    return peers


def times(peers, X, y):
    """Return the seconds of each fit, the peers taking turns."""
    taken = {name: [] for name in peers}
    for turn in range(max(runs for _, runs in peers.values())):
        for name, (estimator, runs) in peers.items():
            if turn < runs:
                began = perf_counter()
                estimator.fit(X, y)
                taken[name].append(perf_counter() - began)
    return taken


def memory(estimator, X, y):
    """Return the peak of what a fit allocates, in bytes."""
    tracemalloc.start()
    estimator.fit(X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def compare(n_samples, n_features, quick):
    """Time one shape and print a table."""
    X, y = make_outlier_regression(
        "vertical",
        n_samples,
        n_features,
        contamination=0.1,
        coef=np.linspace(-1, 1, n_features),
        random_state=0,
    )
    taken = times(fitters(n_samples, quick), X, y)
    print(f"\nn = {n_samples:,}, p = {n_features}")
    for estimator in (AdaptiveLossRegressor(1.0, 1.3), AdaptiveLossRegressor()):
        share = memory(estimator, X, y) / X.nbytes
        print(f"  memory beyond X and y: {share:.1%} of X, {estimator}")
    given, default = (median(taken[name]) for name in (GIVEN, DEFAULT))
    for name, seconds in taken.items():
        if seconds:
            this, spread = median(seconds), max(seconds) / min(seconds)
            print(
                f"  {name:16} {1e3 * this:10.2f} ms   c given / this "
                f"{given / this:7.3f}   default / this {default / this:7.3f}"
                f"   ({len(seconds)} runs, max / min {spread:.1f})"
            )


def grow(n_features=10):
    """Time memory-mapped data of 1e4 to 1e7 rows, and print a table."""
    rng = np.random.default_rng(0)
    print(f"\nX on disk, float32, p = {n_features}, default estimator")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X.npy"
        for n_samples in (10**4, 10**5, 10**6, 10**7):
            shape = (n_samples, n_features)
            X = np.lib.format.open_memmap(path, "w+", np.float32, shape)
            y = rng.standard_t(3, n_samples)
            for start in range(0, n_samples, 10**6):
                block = X[start : start + 10**6]
                block[:] = rng.standard_normal(block.shape)
                y[start : start + 10**6] += block.sum(axis=1)
            X = np.load(path, mmap_mode="r")
            estimator, seconds = AdaptiveLossRegressor(random_state=0), []
            for _ in range(3):
                began = perf_counter()
                estimator.fit(X, y)
                seconds.append(perf_counter() - began)
            taken, peak = median(seconds), memory(estimator, X, y)
            print(
                f"  n = {n_samples:>10,}   {taken:8.3f} s   "
                f"{1e9 * taken / n_samples:8.0f} ns a row   "
                f"{peak / 2**20:7.1f} MiB, {peak / n_samples:7.1f} bytes a row"
            )


def main(quick, growth):
    """Print one table for each shape, or that of growth."""
    if growth:
        grow()
        return
    for shape in SHAPES:
        compare(*shape, quick)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave out slow peers")
    parser.add_argument("--growth", action="store_true", help="1e4 to 1e7 rows instead")
    main(**vars(parser.parse_args()))
