"""Time the weights by bucket beside one ``np.digitize``, and all weighters by size.

Claim: ``BucketWeighter.fit_transform`` on 1e7 float64 targets takes at most 3 times one
``np.digitize(y, edges)`` by the same edges; medians of runs that take turns. With
``--samples`` another number of targets. The last column is the most memory beyond the
targets, as a multiple of theirs, of which the weights themselves are 1.

Claim: the time of every weighter, with a cap or a floor of what counts too, is linear
in the number of targets but for the caches of the machine: from 1e5 targets to 1e7 it
grows like ``n ** k`` with k at most 1.3.
"""

import argparse
import tracemalloc
import warnings

import numpy as np
from _timing import seconds

from skrobust import (
    BucketWeighter,
    DensityWeighter,
    RelevanceWeighter,
    TargetBuckets,
)

BUCKETS = {
    "width and limit, of |y|": TargetBuckets(width=5, limit=40, symmetric=True),
    "width and limit": TargetBuckets(width=5, limit=40),
    "3 own edges": [10, 20, 40],
    "10, equal widths": 10,
    "100, equal widths": 100,
    "10, equal counts": TargetBuckets(n_buckets=10, strategy="quantile"),
}
WEIGHTERS = [
    BucketWeighter(),
    BucketWeighter(smoothing=5.0),
    BucketWeighter(max_weight=2),
    BucketWeighter(min_effective=0.5),
    DensityWeighter(),
    DensityWeighter(max_weight=2),
    DensityWeighter(min_effective=0.9),
    RelevanceWeighter(),
    RelevanceWeighter(max_weight=2),
    RelevanceWeighter(min_effective=0.5),
]


def memory(function):
    """Return the largest number of bytes that a call holds at once."""
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def beside_digitize(y, runs):
    """Print the time of the weights by bucket beside that of one ``np.digitize``."""
    print(f"{len(y)} targets, {runs} runs each, medians")
    print(f"{'buckets':25} digitize fit_transform  ratio  memory")
    for name, buckets in BUCKETS.items():
        weighter = BucketWeighter(buckets)
        edges = weighter.fit(y).buckets_.edges_
        peer, ours = seconds(
            [lambda e=edges: np.digitize(y, e), lambda w=weighter: w.fit_transform(y)],
            runs,
        )
        extra = memory(lambda w=weighter: w.fit_transform(y)) / y.nbytes
        print(f"{name:25} {peer:6.3f} s {ours:11.3f} s {ours / peer:6.2f} {extra:7.2f}")


def by_size(y, runs):
    """Print the time a target takes in small and in large samples."""
    sizes = [len(y) // 100, len(y) // 10, len(y)]
    print("\nnanoseconds for each of n targets, and k of a time like n ** k")
    print(f"{'weighter':36}" + "".join(f"{n:>11}" for n in sizes) + "       k")
    for weighter in WEIGHTERS:
        taken = []
        for n in sizes:
            call = [lambda w=weighter, part=y[:n]: w.fit_transform(part)]
            taken += seconds(call, runs)
        each = "".join(
            f"{1e9 * t / n:11.0f}" for t, n in zip(taken, sizes, strict=True)
        )
        growth = np.log(taken[-1] / taken[0]) / np.log(sizes[-1] / sizes[0])
        print(f"{weighter!r:36}{each} {growth:7.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=10**7)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # equal counts: nothing is rare, which it says

    y = np.random.default_rng(0).normal(scale=15, size=options.samples)
    beside_digitize(y, options.runs)
    by_size(y, options.runs)


if __name__ == "__main__":
    main()
