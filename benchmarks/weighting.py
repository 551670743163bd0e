"""Time the weights by bucket beside one ``np.digitize`` of the same targets.

Claim: ``BucketWeighter.fit_transform`` on 1e7 float64 targets takes at most 3 times one
``np.digitize(y, edges)`` by the same edges; medians of runs that take turns. With
``--samples`` another number of targets. The last column is the most memory beyond the
targets, as a multiple of theirs, of which the weights themselves are 1.
"""

import argparse
import tracemalloc
import warnings

import numpy as np
from _timing import seconds

from skrobust import BucketWeighter, TargetBuckets

BUCKETS = {
    "width and limit, of |y|": TargetBuckets(width=5, limit=40, symmetric=True),
    "width and limit": TargetBuckets(width=5, limit=40),
    "3 own edges": [10, 20, 40],
    "10, equal widths": 10,
    "100, equal widths": 100,
    "10, equal counts": TargetBuckets(n_buckets=10, strategy="quantile"),
}


def memory(function):
    """Return the largest number of bytes that a call holds at once."""
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=10**7)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # equal counts: nothing is rare, which it says

    y = np.random.default_rng(0).normal(scale=15, size=options.samples)
    print(f"{options.samples} targets, {options.runs} runs each, medians")
    print(f"{'buckets':25} digitize fit_transform  ratio  memory")
    for name, buckets in BUCKETS.items():
        weighter = BucketWeighter(buckets)
        edges = weighter.fit(y).buckets_.edges_
        peer, ours = seconds(
            [lambda e=edges: np.digitize(y, e), lambda w=weighter: w.fit_transform(y)],
            options.runs,
        )
        extra = memory(lambda w=weighter: w.fit_transform(y)) / y.nbytes
        print(f"{name:25} {peer:6.3f} s {ours:11.3f} s {ours / peer:6.2f} {extra:7.2f}")


if __name__ == "__main__":
    main()
