"""Time the general distribution beside scipy's, and test its draws.

Claims, medians of runs that take turns, one thread:

    log_partition       at least 1e4 alphas a second, with either derivative too
    rvs                 at least 5 million draws a second at alpha = 1
    a million draws     pass the test of Kolmogorov and Smirnov at every alpha

`scipy.stats.t` (df = 3) and `scipy.stats.gennorm` (beta = 1), the usual choices for
tails between Cauchy's and the normal's, are timed beside it, without a claim.
"""

from time import perf_counter

import numpy as np
from _timing import seconds
from scipy import stats

from skrobust import general_dist, log_partition

ALPHAS = [0, 0.25, 1, 1.5, 2, 3, 8, np.inf]
N = 1_000_000


def partition():
    """Print how many alphas a second `log_partition` does."""
    alphas = np.random.default_rng(0).uniform(0, 4, 20_000)
    orders = range(3)
    taken = seconds([lambda k=k: log_partition(alphas, k) for k in orders], runs=5)
    for order, t in zip(orders, taken, strict=True):
        print(f"log_partition, derivative {order}   {len(alphas) / t:12,.0f} alphas/s")


def beside_scipy():
    """Print the million values a second of each method, ours and scipy's."""
    rng = np.random.default_rng(0)
    x, p = rng.standard_cauchy(N), rng.random(N)
    peers = {
        "ours, alpha=1": general_dist(1.0),
        "scipy t": stats.t(3),
        "scipy gennorm": stats.gennorm(1.0),
    }
    print(f"\n{'millions a second':18}", *(f"{name:>14}" for name in peers))
    for method in ("rvs", "logpdf", "cdf", "ppf"):
        calls = {
            "rvs": lambda d: d.rvs(size=N, random_state=rng),
            "logpdf": lambda d: d.logpdf(x),
            "cdf": lambda d: d.cdf(x),
            "ppf": lambda d: d.ppf(p),
        }
        call = calls[method]
        taken = seconds([lambda d=d, f=call: f(d) for d in peers.values()], runs=3)
        print(f"{method:18}", *(f"{N / 1e6 / t:14.1f}" for t in taken))


def draws():
    """Print the test of a million draws at each alpha."""
    rng = np.random.default_rng(0)
    print(f"\n{'alpha':>6} {'draws/s':>12} {'p of the test':>14}")
    for alpha in ALPHAS:
        start = perf_counter()
        sample = general_dist.rvs(alpha, size=N, random_state=rng)
        rate = N / (perf_counter() - start)
        pvalue = stats.kstest(sample, general_dist(alpha).cdf).pvalue
        print(f"{alpha:6} {rate:12,.0f} {pvalue:14.3f}")


if __name__ == "__main__":
    partition()
    beside_scipy()
    draws()
