"""What the metrics by bucket and by relevance cost.

    OMP_NUM_THREADS=1 python benchmarks/metrics.py

prints seconds for 10,000,000 targets and their predictions, and how many times as long
each takes as scikit-learn's ``mean_absolute_error`` and one ``np.digitize(y, edges)``
together; medians of runs that take turns. With ``--samples`` another number of targets.
The last column is the most memory beyond what is passed in, as a multiple of the
targets.
"""

import argparse
import tracemalloc

import numpy as np
from _timing import seconds
from sklearn.metrics import mean_absolute_error

from skrobust import (
    RelevanceWeighter,
    TargetBuckets,
    bucket_error,
    bucket_report,
    geometric_mean_error,
    sera,
    sera_curve,
)

WIDE = TargetBuckets(width=5, limit=40, symmetric=True)


def calls(y, predicted):
    """Return what is timed, by name."""
    relevance = RelevanceWeighter().fit(y[:100_000])
    phi = relevance.relevance(y)
    weights = np.random.default_rng(1).integers(1, 4, len(y)).astype(float)
    rows = (y, predicted)
    return {
        "bucket_report": lambda: bucket_report(*rows, buckets=WIDE),
        "bucket_report, 3 edges": lambda: bucket_report(*rows, buckets=[10, 20, 40]),
        "bucket_report, weights": lambda: bucket_report(
            *rows, buckets=WIDE, sample_weight=weights
        ),
        "bucket_report, circle": lambda: bucket_report(*rows, buckets=WIDE, period=360),
        "bucket_error, mae": lambda: bucket_error(*rows, buckets=WIDE),
        "bucket_error, medae": lambda: bucket_error(
            *rows, buckets=WIDE, metric="medae"
        ),
        "sera, by a weighter": lambda: sera(*rows, relevance=relevance),
        "sera, by phi": lambda: sera(*rows, relevance=phi),
        "sera_curve, by phi": lambda: sera_curve(*rows, relevance=phi),
        "geometric_mean_error": lambda: geometric_mean_error(*rows),
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

    rng = np.random.default_rng(0)
    y = rng.normal(scale=15, size=options.samples)
    predicted = y + rng.normal(scale=3, size=len(y))
    timed = calls(y, predicted)
    peers = [
        lambda: mean_absolute_error(y, predicted),
        lambda: np.digitize(y, WIDE.edges_),
    ]
    error, digitize, *ours = seconds([*peers, *timed.values()], options.runs)
    print(f"{options.samples} targets, {options.runs} runs each, medians")
    print(f"mean_absolute_error {error:.3f} s, digitize {digitize:.3f} s")
    print(f"{'':24} seconds  ratio  memory")
    for (name, call), taken in zip(timed.items(), ours, strict=True):
        ratio, extra = taken / (error + digitize), memory(call) / y.nbytes
        print(f"{name:24} {taken:7.3f} {ratio:6.2f} {extra:7.2f}")


if __name__ == "__main__":
    main()
