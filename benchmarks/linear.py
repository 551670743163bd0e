"""Time the linear fit beside its peers.

Claims, each a ratio of median times in one run, default threads, float64, ten per cent
of gross vertical outliers, ``alpha=1`` and `c` given:

    n = 1e6, p = 20    at most 2 x Ridge(cholesky), 6 x faster than HuberRegressor
    n = 1e5, p = 100   at most 3 x Ridge(cholesky), 4 x faster than HuberRegressor,
                       50 x faster than statsmodels' RLM(HuberT)
    n = 1e4, p = 20    at most 1.2 x HuberRegressor
    memory             beyond X and y, at most 15 % of the bytes of X where n >= 1e5

The default estimator (``c="auto"``) is timed beside it, without a claim yet. Run with
``--quick`` to leave out the slow peers (HuberRegressor at 1e6 rows, RLM).
"""

import argparse
import tracemalloc
from statistics import median
from time import perf_counter

import numpy as np
from sklearn.linear_model import HuberRegressor, Ridge

from skrobust import AdaptiveLossRegressor
from skrobust.datasets import make_outlier_regression

OURS = "ours, c given"


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
        OURS: (AdaptiveLossRegressor(alpha=1.0, c=1.3), 9),
        "ours, default": (AdaptiveLossRegressor(), 5),
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


def memory(X, y):
    """Return the peak of what a fit allocates, over the bytes of X."""
    tracemalloc.start()
    AdaptiveLossRegressor(alpha=1.0, c=1.3).fit(X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / X.nbytes


def main(quick):
    """Time all shapes and print one table each."""
    for n_samples, n_features in [(10**6, 20), (10**5, 100), (10**4, 20)]:
        X, y = make_outlier_regression(
            "vertical",
            n_samples,
            n_features,
            contamination=0.1,
            coef=np.linspace(-1, 1, n_features),
            random_state=0,
        )
        taken = times(fitters(n_samples, quick), X, y)
        ours = median(taken[OURS])
        print(f"\nn = {n_samples:,}, p = {n_features}")
        print(f"  memory beyond X and y: {memory(X, y):.1%} of X")
        for name, seconds in taken.items():
            if seconds:
                ms, spread = 1e3 * median(seconds), max(seconds) / min(seconds)
                print(
                    f"  {name:16} {ms:10.2f} ms   ours / this {ours * 1e3 / ms:7.3f}"
                    f"   ({len(seconds)} runs, max / min {spread:.1f})"
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave out slow peers")
    main(parser.parse_args().quick)
