"""Measure the coverage of conformal intervals in every bucket of the true target.

Claim: over 200 draws of data, at least 90 % of the targets of every bucket are in the
sets of ``BucketConformalRegressor``, within binomial error. Plain split conformal
prediction, the same estimator with one bucket, fails for the outermost. The price is
width. The draws are ``make_imbalanced_angles``; the regressor is Ridge on splines,
plain and with weights by bucket.

"coverage" is the share of a bucket's test targets that are in their sets. "error" is
the standard error of its mean over the draws, which holds the binomial one. "hull" is
the mean width of ``predict_interval`` and "set" that of ``predict_set``, in degrees,
over the test rows of the bucket. The verdict allows for three standard errors.
"""

import argparse
import sys

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer

from skrobust import (
    BucketConformalRegressor,
    BucketWeighter,
    TargetBuckets,
    TargetWeightedRegressor,
)
from skrobust.datasets import make_imbalanced_angles

COVERAGE = 0.9
WIDE = TargetBuckets(width=10, limit=40, symmetric=True)
PLAIN = make_pipeline(SplineTransformer(), Ridge())
WEIGHTED = TargetWeightedRegressor(PLAIN, BucketWeighter(WIDE, power=0.5))
METHODS = {
    "one bucket (plain split conformal)": (PLAIN, []),
    "by bucket": (PLAIN, WIDE),
    "by bucket, regressor with weights": (WEIGHTED, WIDE),
}


def measured(model, X, y):
    """Return coverage and mean widths of hull and set, by bucket of the true target."""
    low, high = model.predict_interval(X).T
    sets = [np.diff(pieces).sum() for pieces in model.predict_set(X)]
    assigned = WIDE.assign(y)
    counts = np.bincount(assigned)
    columns = model.contains(X, y), high - low, sets
    return [np.bincount(assigned, column) / counts for column in columns]


def draws(options):
    """Return what is measured, of shape (methods, draws, columns, buckets)."""
    found = [[] for _ in METHODS]
    for seed in range(options.repeats):
        X, y = make_imbalanced_angles(2 * options.samples, random_state=seed)
        train, test = slice(options.samples), slice(options.samples, None)
        for (regressor, buckets), values in zip(METHODS.values(), found, strict=True):
            model = BucketConformalRegressor(
                regressor,
                buckets,
                coverage=COVERAGE,
                calibration_size=0.5,
                random_state=seed,
            )
            model.fit(X[train], y[train])
            values.append(measured(model, X[test], y[test]))
    return np.array(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--samples", type=int, default=4000, help="half calibrate")
    options = parser.parse_args()

    found = draws(options)
    print(
        f"{options.repeats} draws, {options.samples} rows to fit and calibrate (half "
        f"each), as many to test; {100 * COVERAGE:g} % wanted"
    )
    means, errors = found.mean(axis=1), found.std(axis=1) / np.sqrt(options.repeats)
    kept = means[:, 0] >= COVERAGE - 3 * errors[:, 0]
    for i, name in enumerate(METHODS):
        print(f"\n{name}\n{'bucket':10} coverage  error   hull    set")
        rows = zip(WIDE.labels_, *means[i], errors[i, 0], kept[i], strict=True)
        for label, coverage, hull, width, error, holds in rows:
            print(
                f"{label:10} {100 * coverage:6.1f} % {100 * error:4.1f} %"
                f" {hull:6.1f} {width:6.1f}{'' if holds else '   too low'}"
            )
    if kept[0, -1] or not kept[1:].all():
        sys.exit("The claim does not hold.")
    print("\nThe claim holds.")


if __name__ == "__main__":
    main()
