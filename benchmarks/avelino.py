"""Reproduce a published comparison of resampling, and run weights on its folds.

Avelino, Cavalcanti and Cruz [1] compare six ways to resample the training rows of
imbalanced regression data. Their protocol: the raw columns; scikit-learn's learners as
they come; ``RepeatedKFold(n_splits=10, n_repeats=2, random_state=42)``; means over the
20 folds; SERA by the relevance that the boxplot of all targets of a set gives.

1. The untreated SVR, which has no seed, beside the published figures. Claim: RMSE and
   MAE agree in every printed digit, SERA does or is within 0.05 %.
2. Our weights beside the untreated learner, on the same folds. In every fold a search
   over 2 inner folds chooses by `sera`, among the settings whose RMSE there is at most
   10 % above the lowest, from the untreated learner, three weights by relevance, and
   blends of the two. Choice and weights know the training rows only. Claim: over
   the cells of set and learner, the median ratio to the untreated learner is at most
   0.88 for SERA and 1.03 for RMSE.

The column "own phi" is the ratio of SERA by the relevance of the training rows alone,
where the protocol lets the test rows have a say. In "any two" the blend is with weights
that are drawn, exponential, whatever the target: what is gained where two fits that
differ are averaged, which for a single tree is much.

    python benchmarks/avelino.py DATA PUBLISHED

DATA is a folder with a CSV file a set, target first (NO2Emissions: last); in a column
of labels, each counts as its place among the sorted. The files are those of [2], or
others of that form. PUBLISHED is a CSV file with the columns metric, learner, file,
strategy (nothing where untreated) and mean. ``--quick`` takes 4 folds of 20 in the
second part.

[1] "Resampling strategies for imbalanced regression: a survey and empirical analysis",
    Artificial Intelligence Review 57, 2024. https://arxiv.org/abs/2507.11902
[2] https://github.com/antoniopedropi/Datasets-ImbalancedRegression
"""

import argparse
import csv
import math
import sys
import warnings
from collections import Counter
from itertools import islice
from pathlib import Path
from statistics import mean, median
from time import perf_counter
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import BaggingRegressor, RandomForestRegressor
from sklearn.metrics import mean_absolute_error, root_mean_squared_error
from sklearn.model_selection import RepeatedKFold, cross_val_predict
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor

from skrobust import (
    BucketKFold,
    RelevanceWeighter,
    TargetWeightedRegressor,
    best_affordable,
    sera,
)

LEARNERS = {
    "DT": DecisionTreeRegressor(random_state=0),
    "BG": BaggingRegressor(random_state=0),
    "RF": RandomForestRegressor(random_state=0),
    "SVM": SVR(),
}
OUTER = RepeatedKFold(n_splits=10, n_repeats=2, random_state=42)
INNER = BucketKFold(2, buckets=10, shuffle=True, random_state=0)
# Least squares weighted by phi minimises SERA; the floor is the least weight, which the
# rows without relevance get. The untreated learner is a setting too: blend=1.
FLOORS = (0.5, 0.2, 0.1)
BLENDS = (0.0, 0.25, 0.5, 0.75)
USAGE = "Give the folder of the data sets and the file of published figures."
TARGET_LAST = ("NO2Emissions",)
# Files that are not, or not in this order or these codes, what the figures are from.
OTHER_DATA = (
    "abalone",
    "acceleration",
    "availablePower",
    "concrete",
    "cpuSm",
    "fuelConsumption",
)


class Set(NamedTuple):
    """One data set: its name, features and target."""

    name: str
    X: np.ndarray
    y: np.ndarray


class Cell(NamedTuple):
    """Ratios to the untreated learner, of one learner on one set."""

    name: str
    learner: str
    sera: float
    rmse: float
    own_phi: float
    any_sera: float
    any_rmse: float
    choice: str
    seconds: float


def read_set(path):
    """Return the data set that a CSV file holds."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    columns = [codes(column, path) for column in zip(*rows, strict=True)]
    y = columns.pop(-1 if path.stem in TARGET_LAST else 0)
    return Set(path.stem, np.column_stack(columns), y)


def codes(column, path):
    """Return a column as numbers, labels by their place among the sorted."""
    name, *cells = column
    numbers = np.array([as_number(cell) for cell in cells])
    if np.isfinite(numbers).all():
        return numbers
    if np.isfinite(numbers).any() or "" in cells:
        sys.exit(f"{path}: column {name!r} lacks values, or mixes numbers and labels.")
    return np.unique(cells, return_inverse=True)[1].astype(float)


def as_number(text):
    """Return what a cell holds as a number, NaN if it is a label."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def read_published(path):
    """Return the published means by metric, learner, set and strategy."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        return {
            (r["metric"], r["learner"], Path(r["file"]).stem, r["strategy"]): float(
                r["mean"]
            )
            for r in csv.DictReader(file)
        }


def agrees(metric, ours, theirs):
    """Return whether a figure is the published one.

    Those are printed with 3 decimals, from 1000 on with 3 digits.
    """
    digit = 1e-3 if theirs < 1000 else 10.0 ** (math.floor(math.log10(theirs)) - 2)
    printed = round(ours / digit) == round(theirs / digit)
    return printed or (metric == "SERA" and abs(ours / theirs - 1) <= 5e-4)


def errors(y, y_pred, phi):
    """Return the published errors of the test rows of a fold."""
    return {
        "RMSE": root_mean_squared_error(y, y_pred),
        "MAE": mean_absolute_error(y, y_pred),
        "SERA": sera(y, y_pred, relevance=phi),
    }


def reproduce(sets, published):
    """Print the untreated SVR beside the published, and return which disagree."""
    wrong = []
    print("\nUntreated SVR, ours and published, means over 20 folds")
    print(f"{'':16}" + "".join(f"{m:>20} {'':>9}" for m in ("RMSE", "MAE", "SERA")))
    for data in sets:
        if ("SERA", "SVM", data.name, "") not in published:
            print(f"{data.name:16} not published")
            continue
        phi = RelevanceWeighter().fit(data.y)
        folds = [
            errors(
                data.y[test],
                SVR().fit(data.X[train], data.y[train]).predict(data.X[test]),
                phi,
            )
            for train, test in OUTER.split(data.X)
        ]
        line, off = f"{data.name:16}", []
        for metric in folds[0]:
            ours = mean(fold[metric] for fold in folds)
            theirs = published[metric, "SVM", data.name, ""]
            line += f"{ours:>20.8g} {theirs:>9.8g}"
            if not agrees(metric, ours, theirs):
                off.append(f"{metric} {abs(ours / theirs - 1):.3%}")
        other = " (other data)" if data.name in OTHER_DATA else ""
        note = f"off: {', '.join(off)}{other}" if off else "ok"
        print(f"{line}   {note}", flush=True)
        wrong += [data.name] if off and not other else []
    return wrong


def choose(model, X, y, phi):
    """Return the parameters that inner folds of the training rows choose.

    A blend mixes predictions, so that a fit in each inner fold does for all blends.
    """
    plain = cross_val_predict(model.regressor, X, y, cv=INNER)
    predicted = [({"blend": 1.0}, plain)]
    for floor in FLOORS:
        ours = cross_val_predict(
            model.set_params(weighter__floor=floor), X, y, cv=INNER
        )
        for blend in BLENDS:
            setting = {"weighter__floor": floor, "blend": blend}
            predicted.append((setting, (1 - blend) * ours + blend * plain))
    found = [errors(y, y_pred, phi) for _, y_pred in predicted]
    results = {
        "mean_test_sera": -np.array([error["SERA"] for error in found]),
        "mean_test_rmse": -np.array([error["RMSE"] for error in found]),
    }
    return predicted[best_affordable("sera", "rmse", budget=0.1)(results)][0]


def fold(data, train, test, learner, phi):
    """Return the errors in a fold of each way to fit, and the setting chosen."""
    X, y = data.X[train], data.y[train]
    own_phi = RelevanceWeighter().fit(y)
    # Inner folds too have the relevance of all training rows: half of these may have
    # no outlier, and so no relevant row.
    weighter = RelevanceWeighter(own_phi.control_points_)
    ours = TargetWeightedRegressor(LEARNERS[learner], weighter)
    setting = choose(ours, X, y, own_phi)
    drawn = np.random.default_rng(0).exponential(size=len(y))
    models = {
        "ours": ours.set_params(**setting).fit(X, y),
        "plain": clone(LEARNERS[learner]).fit(X, y),
        "any": clone(LEARNERS[learner]).fit(X, y, sample_weight=drawn),
    }
    predicted = {way: model.predict(data.X[test]) for way, model in models.items()}
    predicted["any two"] = (predicted.pop("any") + predicted["plain"]) / 2
    y = data.y[test]
    found = {way: errors(y, y_pred, phi) for way, y_pred in predicted.items()}
    for way, y_pred in predicted.items():
        found[way]["own phi"] = sera(y, y_pred, relevance=own_phi)
    return found, setting


def compare(data, learner, n_folds):
    """Return the ratios of one cell."""
    start = perf_counter()
    phi = RelevanceWeighter().fit(data.y)
    splits = islice(OUTER.split(data.X), n_folds)
    folds = [fold(data, *split, learner, phi) for split in splits]

    def ratio(metric, way="ours"):
        sums = [sum(found[w][metric] for found, _ in folds) for w in (way, "plain")]
        return sums[0] / sums[1]

    chosen = Counter(setting(params) for _, params in folds)
    return Cell(
        data.name,
        learner,
        ratio("SERA"),
        ratio("RMSE"),
        ratio("own phi"),
        ratio("SERA", "any two"),
        ratio("RMSE", "any two"),
        ", ".join(f"{count} x {name}" for name, count in chosen.most_common(2)),
        perf_counter() - start,
    )


def setting(params):
    """Return a short name of a point of the grid."""
    if params["blend"] == 1:
        return "untreated"
    return f"{params['weighter__floor']:g}/{params['blend']:g}"


def rivals(published, cells):
    """Return the median ratios of each published strategy over the same cells."""
    known = [c for c in cells if ("SERA", c.learner, c.name, "") in published]
    return {
        strategy: [
            median(
                published[metric, c.learner, c.name, strategy]
                / published[metric, c.learner, c.name, ""]
                for c in known
            )
            for metric in ("SERA", "RMSE")
        ]
        for strategy in sorted({key[3] for key in published} - {""})
        if known
    }


def summarise(cells, published):
    """Print the medians by learner and of all cells, the published beside them."""
    names = list(rivals(published, cells))
    rule = "  ".join(["=" * 7, *["=" * 11] * (3 + len(names))])
    head = ["learner", "ours", "own phi", "any two", *names]
    print("\nMedian ratios to the untreated learner, SERA / RMSE")
    print(rule)
    print("  ".join(f"{h:>{7 if i == 0 else 11}}" for i, h in enumerate(head)))
    print(rule)
    for learner in [*dict.fromkeys(cell.learner for cell in cells), "all"]:
        part = [cell for cell in cells if learner in (cell.learner, "all")]
        ours = [median(c.sera for c in part), median(c.rmse for c in part)]
        two = [median(c.any_sera for c in part), median(c.any_rmse for c in part)]
        pairs = [ours, two, *rivals(published, part).values()]
        texts = [f"{a:.2f} / {b:.2f}" for a, b in pairs]
        texts.insert(1, f"{median(c.own_phi for c in part):.2f}")
        print("  ".join([f"{learner:>7}", *[f"{text:>11}" for text in texts]]))
    print(rule)
    return ours


def run(sets, published, options):
    """Print the cells and their medians, and return the claims that fail."""
    cells = []
    print("\nRatios to the untreated learner of weights by relevance")
    print(
        f"{'set':16} {'':4}{'SERA':>7}{'RMSE':>7}{'own phi':>9}"
        f"{'any two':>15}{'s':>7}   most chosen floor/blend"
    )
    for learner in options.learners:
        for data in sets:
            c = compare(data, learner, options.folds)
            cells.append(c)
            two = f"{c.any_sera:.3f} / {c.any_rmse:.3f}"
            print(
                f"{c.name:16} {learner:4}{c.sera:7.3f}{c.rmse:7.3f}{c.own_phi:9.3f}"
                f"{two:>15}{c.seconds:7.0f}   {c.choice}",
                flush=True,
            )
    found = summarise(cells, published)
    limits = {"median SERA ratio": 0.88, "median RMSE ratio": 1.03}
    return [
        f"{name} {value:.3f} > {limit}"
        for (name, limit), value in zip(limits.items(), found, strict=True)
        if value > limit
    ]


def parse():
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "files",
        type=Path,
        nargs="*",
        metavar="DATA PUBLISHED",
        help="a folder with a CSV file a set, and a CSV file of published figures",
    )
    parser.add_argument(
        "--sets", nargs="+", help="files without .csv; if not given, all in both"
    )
    parser.add_argument(
        "--learners", nargs="+", choices=LEARNERS, default=list(LEARNERS)
    )
    parser.add_argument("--part", choices=["reproduce", "weights"], nargs="+")
    parser.add_argument("--folds", type=int, default=20, help="of 20, in part 2")
    parser.add_argument("--quick", action="store_true", help="4 folds")
    parser.add_argument("--check", action="store_true", help="exit 1 if a claim fails")
    options = parser.parse_args()
    if options.quick:
        options.folds = 4
    return options


def main():
    options = parse()
    if not options.files:
        print(f"It needs data that are not here. {USAGE}")
        return
    if len(options.files) != 2:
        sys.exit(USAGE)
    folder, figures = options.files
    published = read_published(figures)
    names = options.sets or sorted(
        name
        for name in {key[2] for key in published}
        if (folder / f"{name}.csv").exists()
    )
    if not names:
        sys.exit(f"{folder} holds none of the sets of {figures}. {USAGE}")
    sets = [read_set(folder / f"{name}.csv") for name in names]
    # Few effective rows may still be the better bargain, which the search decides.
    warnings.filterwarnings("ignore", "The weights leave an effective", UserWarning)
    # So it is where training rows without an outlier leave nothing relevant.
    warnings.filterwarnings("ignore", "No target is relevant", UserWarning)
    parts = options.part or ["reproduce", "weights"]
    start, misses = perf_counter(), []
    if "reproduce" in parts:
        misses += [f"SVR on {name}" for name in reproduce(sets, published)]
    if "weights" in parts:
        misses += run(sets, published, options)
    print(f"\n{perf_counter() - start:.0f} s; missed: {'; '.join(misses) or 'none'}")
    sys.exit(bool(options.check and misses))


if __name__ == "__main__":
    main()
