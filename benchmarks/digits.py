"""Angles from images: what weights and a target-conditioned loss buy, and cost.

The digits of scikit-learn, 8 by 8 pixels, are turned: mostly by a normal angle of 8
degrees, 8 in 100 by any angle up to 80 degrees either way. A network reads the angle
from the pixels. A quarter of the *pictures* is set aside before they are turned, and
turned 20 times each, since wide angles are few; the others are turned 3 times each.
There are two kinds of training labels:

    right   as they are
    wrong   in 10 of 100 rows nobody has measured: the label is a usual angle, another
            draw of the normal one, whatever the picture shows

The labels of the test pictures are right. The ways, all the same network:

    squared          squared error
    weights          that, with weights by how rare the bucket of the target is
    conditioned      linear beyond c under a threshold of the true angle, squared above
    both             conditioned, with weights
    linear           linear beyond c for every angle, which knows nothing of the rare
    linear, weights  that, with weights

The metric came first: the macro MAE over buckets of 5 degrees up to 40. Everything that
can be set is chosen by it on the training pictures with their labels as they are: 3
folds that keep the copies of a picture together, and the best macro MAE whose overall
MAE is at most 10 % above the cheapest. That is penalty, power, cap, c and threshold.
Squared error without weights takes part in every choice, so that a way may come to
nothing. The test pictures are then read once.

Intervals are of 95 %, of the ratio to squared error: seeds, and the pictures of each,
are drawn with replacement, the same ones for all ways. All figures are means over the
seeds. The weights have buckets up to 75: by those of the metric all angles beyond 40
together would weigh as much as five degrees.
"""

import argparse
import warnings
from collections import Counter
from time import perf_counter

import numpy as np
from scipy.ndimage import rotate
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, ParameterGrid

from skrobust import (
    AdaptiveLossMLPRegressor,
    BucketGroupKFold,
    BucketWeighter,
    TargetBuckets,
    TargetConditioned,
    TargetWeightedRegressor,
    best_affordable,
    make_bucket_multi_scorer,
)

METRIC = TargetBuckets(width=5, limit=40, symmetric=True)
WEIGHTS = TargetBuckets(width=5, limit=75, symmetric=True)
COPIES, TEST_COPIES = 3, 20
RARE, USUAL, WIDEST = 0.08, 8.0, 80.0  # share, and degrees
WRONG = {"right": 0.0, "wrong": 0.1}
NETWORK = AdaptiveLossMLPRegressor((50, 50), tol=0.03, random_state=0)
MODEL = TargetWeightedRegressor(NETWORK, BucketWeighter(WEIGHTS))

PENALTY = {"regressor__l2": [0.003, 0.01, 0.03]}
SQUARED = {"regressor__alpha": [2.0], "regressor__c": ["auto"]}
LINEAR = {"regressor__alpha": [1.0], "regressor__c": [3.0, 10.0]}
CONDITIONED = {
    "regressor__alpha": [TargetConditioned(degrees) for degrees in (10, 20)],
    "regressor__c": [3.0, 10.0],
}
NONE = {"weighter__power": [0.0], "weighter__max_weight": [None]}
SOME = {"weighter__power": [0.25, 0.5], "weighter__max_weight": [5.0, 20.0]}
GRIDS = {
    "squared": SQUARED | NONE,
    "weights": SQUARED | SOME,
    "conditioned": CONDITIONED | NONE,
    "both": CONDITIONED | SOME | {"regressor__alpha": [TargetConditioned(20)]},
    "linear": LINEAR | NONE,
    "linear, weights": LINEAR | SOME,
}
BUDGET = 0.1


def turn(pictures, sources, rng):
    """Return pixels and angles of pictures turned at random."""
    n = len(sources)
    wide = rng.uniform(size=n) < RARE
    angles = np.where(wide, rng.uniform(-WIDEST, WIDEST, n), rng.normal(0, USUAL, n))
    turned = [
        rotate(pictures[source], angle, reshape=False, order=1)
        for source, angle in zip(sources, angles, strict=True)
    ]
    return np.reshape(turned, (n, -1)).astype(np.float32), angles


def draw(seed, labels):
    """Return X, y and picture of the training rows, and of those set aside."""
    rng = np.random.default_rng(seed)
    pictures = load_digits().images / 16
    shuffled = rng.permutation(len(pictures))
    aside, kept = np.split(shuffled, [len(pictures) // 4])
    train, test = np.repeat(kept, COPIES), np.repeat(aside, TEST_COPIES)
    X, y = turn(pictures, train, rng)
    X_test, y_test = turn(pictures, test, rng)
    unmeasured = rng.uniform(size=len(y)) < WRONG[labels]
    y = np.where(unmeasured, rng.normal(0, USUAL, len(y)), y)
    return (X, y, train), (X_test, y_test, test)


def choose(grids, X, y, picture):
    """Return the settings that each way takes, by the training pictures alone."""
    pairs = [
        (way, params)
        for way, grid in grids.items()
        for params in ParameterGrid(grid | PENALTY)
    ]
    search = GridSearchCV(
        MODEL,
        [{name: [value] for name, value in params.items()} for _, params in pairs],
        scoring=make_bucket_multi_scorer(buckets=METRIC, averages=("macro", "mean")),
        cv=BucketGroupKFold(3, buckets=METRIC),
        refit=False,
        error_score="raise",
    ).fit(X, y, groups=picture)
    rule, chosen = best_affordable(budget=BUDGET), {}
    for way in grids:
        among = [i for i, (other, _) in enumerate(pairs) if other in ("squared", way)]
        scores = {
            name: column[among]
            for name, column in search.cv_results_.items()
            if name.startswith("mean_test_")
        }
        chosen[way] = pairs[among[rule(scores)]][1]
    return chosen


def read(model, X, y, picture):
    """Return sums of absolute errors by picture and bucket."""
    _, place = np.unique(picture, return_inverse=True)
    sums = np.zeros((place.max() + 1, METRIC.n_buckets_))
    errors = np.ones(len(y)) if model is None else np.abs(model.predict(X) - y)
    np.add.at(sums, (place, METRIC.assign(y)), errors)
    return sums


def run(grids, seed, labels):
    """Return for each way the settings it took, and the sums of errors by picture."""
    train, test = draw(seed, labels)
    chosen = choose(grids, *train)
    sums = [
        read(clone(MODEL).set_params(**params).fit(*train[:2]), *test)
        for params in chosen.values()
    ]
    return chosen, np.array(sums), read(None, *test)


def errors(sums, counts):
    """Return errors by bucket, macro and overall, of sums by picture and bucket."""
    total, n = sums.sum(axis=-2), counts.sum(axis=-2)
    by_bucket = total / n
    averages = by_bucket.mean(axis=-1), total.sum(axis=-1) / n.sum(axis=-1)
    return np.concatenate([by_bucket, np.stack(averages, axis=-1)], axis=-1)


def intervals(runs, n_draws=2000):
    """Return the 95 % intervals of all errors over those of squared error."""
    rng, ratios = np.random.default_rng(0), []
    for _ in range(n_draws):
        drawn = []
        for place in rng.integers(len(runs), size=len(runs)):
            _, sums, counts = runs[place]
            times = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)))
            drawn.append(errors(sums * times[:, None], counts * times[:, None]))
        mean = np.mean(drawn, axis=0)
        ratios.append(mean / mean[0])
    return np.quantile(ratios, [0.025, 0.975], axis=0)


def words(params):
    """Return settings in a few words."""
    return ", ".join(
        f"{name.rpartition('__')[2]}={value}"
        for name, value in sorted(params.items())
        if value not in (None, "auto")
    )


def table(labels, runs):
    """Print what the ways came to."""
    ways = list(runs[0][0])
    means = np.mean([errors(sums, counts) for _, sums, counts in runs], axis=0)
    low, high = intervals(runs)
    print(f"\n{labels} labels, {len(runs)} seeds: degrees, and change to squared error")
    heads = f"{'macro MAE':>34}{'all rows':>34}{'beyond 40':>34}"
    print(f"{'':16}{heads}")
    for j, way in enumerate(ways):
        line = f"{way:16}"
        for k in (-2, -1, -3):
            cell = f"{means[j, k]:.2f}"
            if j:
                change = means[j, k] / means[0, k] - 1
                ends = f"({low[j, k] - 1:+.1%} to {high[j, k] - 1:+.1%})"
                cell += f"{change:+8.1%} {ends:>19}"
            line += f"{cell:>34}"
        print(line)
    counts = sum(counts.sum(axis=0) for *_, counts in runs)
    print("\n" + " " * 16 + "".join(f"{label:>10}" for label in METRIC.labels_))
    print(f"{'rows':16}" + "".join(f"{n:10.0f}" for n in counts))
    for j, way in enumerate(ways):
        print(f"{way:16}" + "".join(f"{error:10.2f}" for error in means[j, :-2]))
    for way in ways:
        print(f"\n{way} took")
        taken = Counter(words(chosen[way]) for chosen, *_ in runs)
        for setting, times in taken.most_common():
            print(f"    {times} x {setting}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=1000, help="first seed")
    parser.add_argument("--ways", nargs="+", choices=GRIDS, default=list(GRIDS))
    parser.add_argument("--labels", nargs="+", choices=WRONG, default=list(WRONG))
    options = parser.parse_args()
    # A solver that stops early has an error like any other, and it is counted.
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    # So is one whose weights leave few rows in effect: the search may take others.
    warnings.filterwarnings("ignore", "The weights leave an effective sample size")
    grids = {way: GRIDS[way] for way in dict.fromkeys(["squared", *options.ways])}
    for labels in options.labels:
        began, first = perf_counter(), options.first
        runs = [
            run(grids, seed, labels) for seed in range(first, first + options.seeds)
        ]
        table(labels, runs)
        print(f"\n{perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
