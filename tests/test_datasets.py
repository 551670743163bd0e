"""Tests of the data in the package and of the generators."""

import hashlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression

from skrobust.datasets import (
    load_delta_ailerons,
    make_imbalanced_angles,
    make_outlier_regression,
)
from skrobust.datasets._loaders import DATA

PUBLISHED = json.loads(
    (Path(__file__).parent / "data" / "outlier_designs.json").read_text()
)
# Our name of each design, and the one under which its draws were published.
DESIGNS = {
    "normal": "normal",
    "student_t3": "t3",
    "cauchy": "t1",
    "slash": "slash",
    "skewed": "skew_t",
    "wide_normal": "cnorm_sym",
    "shifted_normal": "cnorm_asym",
    "vertical": "vertical",
    "categorical": "rowdummies",
    "heteroscedastic": "hetero",
    "leverage_point": "lev_point",
    "leverage_cluster": "lev_cluster",
    "good_leverage": "lev_good",
    "mixed": "mixed",
    "masking": "hbk_like",
    "correlated": "she_owen",
    "correlated_leverage": "she_owen_lev",
}
GENERATORS = [make_imbalanced_angles, make_outlier_regression]


def test_shipped_file_is_the_source_byte_for_byte():
    import gzip

    text = gzip.decompress((DATA / "delta_ailerons.csv.gz").read_bytes())
    assert hashlib.sha256(text).hexdigest().startswith("1c546da21a7c")


def test_delta_ailerons_are_what_the_description_says():
    bunch = load_delta_ailerons()
    X, y = bunch.data, bunch.target
    assert X.shape == (7129, 5)
    assert X.dtype == y.dtype == np.float64
    assert X.flags.c_contiguous
    assert np.isfinite(X).all()
    assert bunch.feature_names[0] == "RollRate"
    assert bunch.target_names == ["Sa"]
    assert bunch.frame is None
    # The first row of the file, whose target comes first.
    assert_array_equal([y[0], *X[0]], [-0.0001, 0.002, 0.0025, 0.015, 0.01, -0.00004])
    assert (len(np.unique(y)), y.min(), y.max()) == (35, -0.0021, 0.0022)
    assert_allclose(np.mean(abs(y) < 0.0004), 4 / 5, atol=0.01)
    assert_allclose(np.mean(abs(y) >= 0.0008), 1 / 40, atol=0.001)
    for fact in ["7129", "35 distinct", "-0.0021 to 0.0022", "CC0"]:
        assert fact in bunch.DESCR


def test_loader_gives_arrays_that_the_caller_may_change():
    X, y = load_delta_ailerons(return_X_y=True)
    X[:], y[:] = 0, 0
    again = load_delta_ailerons()
    assert again.data.any()
    assert again.target.all()


def test_loader_gives_frames_with_the_same_values():
    pd = pytest.importorskip("pandas")
    arrays, frames = load_delta_ailerons(), load_delta_ailerons(as_frame=True)
    X, y = load_delta_ailerons(as_frame=True, return_X_y=True)
    assert_array_equal(frames.data, arrays.data)
    assert_array_equal(frames.target, arrays.target)
    assert list(frames.frame) == [*arrays.feature_names, "Sa"]
    assert y.name == "Sa"
    pd.testing.assert_frame_equal(X, frames.data)
    pd.testing.assert_series_equal(y, frames.target)


def test_frames_without_pandas_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"as_frame=True\) needs pandas.*pip install"):
        load_delta_ailerons(as_frame=True)


@pytest.mark.parametrize(("design", "key"), DESIGNS.items())
def test_integer_seed_repeats_the_published_draws(design, key):
    X, y, info = make_outlier_regression(
        design, 8, 3, contamination=0.4, return_info=True, random_state=3
    )
    assert_allclose(X, PUBLISHED[key]["X"], rtol=1e-10, atol=1e-10)
    assert_allclose(y, PUBLISHED[key]["y"], rtol=1e-10, atol=1e-10)
    assert_array_equal(info.outlier, PUBLISHED[key]["outlier"])
    assert_array_equal(info.coef, PUBLISHED[key]["coef"])


def test_every_published_design_has_a_name():
    assert sorted(DESIGNS.values()) == sorted(PUBLISHED)
    with pytest.raises(ValueError, match="'design'") as caught:
        make_outlier_regression("gross")
    offered = re.findall(r"'(\w+)'", str(caught.value).partition("among")[2])
    assert set(offered) - {"gross"} == set(DESIGNS)


@pytest.mark.parametrize("design", DESIGNS)
def test_true_plane_is_added_to_every_row(design):
    options = {"contamination": 0.2, "random_state": 0, "return_info": True}
    coef, intercept = np.array([1.0, -2.0, 3.0]), 4.0
    X, y, info = make_outlier_regression(
        design, 40, 3, coef=coef, intercept=intercept, **options
    )
    X0, y0, info0 = make_outlier_regression(design, 40, 3, coef=np.zeros(3), **options)
    assert_array_equal(X, X0)
    assert_allclose(y, y0 + X @ coef + intercept)
    assert_array_equal(info.coef, coef)
    assert info.intercept == intercept
    assert_array_equal(info.outlier, info0.outlier)


@pytest.mark.parametrize("design", ["vertical", "mixed", "leverage_cluster"])
def test_rows_that_are_no_outliers_lie_on_the_plane(design):
    X, y, info = make_outlier_regression(
        design, 60, 2, contamination=0.3, noise=0.0, coef=[1, 2], return_info=True
    )
    error = y - X @ info.coef
    assert info.outlier.sum() == 18
    assert_allclose(error[~info.outlier], 0, atol=1e-12)
    # Vertical outliers are 20 standard deviations above, and those are 0 here.
    assert (abs(error[info.outlier]) > 1).any() == (design != "vertical")


@pytest.mark.parametrize(
    ("option", "design", "column"),
    [("shift", "vertical", None), ("leverage", "leverage_point", 0)],
)
def test_distance_of_the_outliers_is_the_option(option, design, column):
    X, y, info = make_outlier_regression(
        design, 50, 2, **{option: 7.0}, return_info=True, random_state=0
    )
    place = y if column is None else X[:, column]
    assert place[info.outlier].mean() == pytest.approx(7, abs=1)


def test_bad_leverage_points_lie_at_the_slope():
    X, y, info = make_outlier_regression(
        "leverage_point", slope=5.0, coef=[1, 0, 0, 0, 0], return_info=True
    )
    bad = info.outlier
    assert_allclose(y[bad] / X[bad, 0], 1 + 5, rtol=0.01)


@pytest.mark.parametrize("contamination", [0.0, 0.29, 0.999])
def test_contaminated_share_is_rounded_down(contamination):
    info = make_outlier_regression(contamination=contamination, return_info=True)[2]
    assert info.outlier.sum() == int(contamination * 100)
    assert info.outlier.dtype == bool


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("contamination", [0.0, 0.9])
def test_one_row_and_one_feature_will_do(design, contamination):
    X, y = make_outlier_regression(design, 1, 1, contamination=contamination)
    assert (X.shape, y.shape) == ((1, 1), (1,))
    assert np.isfinite([X[0, 0], y[0]]).all()


def test_angles_are_common_near_zero_and_rare_outside():
    _, y = make_imbalanced_angles(50_000, random_state=0)
    assert abs(y).max() <= 80
    # Beyond 5 standard deviations of the core only the wide part is left, and half
    # of it is there: 7 % times a half.
    assert np.mean(abs(y) > 40) == pytest.approx(0.035, abs=0.003)
    assert np.percentile(abs(y), 50) == pytest.approx(0.6745 * 8, rel=0.1)


@pytest.mark.parametrize(("share", "spread"), [(0.0, 2.0), (1.0, 30 / np.sqrt(3))])
def test_angles_of_one_part_alone(share, spread):
    _, y = make_imbalanced_angles(
        20_000, wide_share=share, core_sd=2.0, max_angle=30.0, random_state=0
    )
    assert y.std() == pytest.approx(spread, rel=0.02)


def test_sensors_tell_the_angle_and_nuisance_does_not():
    X, y = make_imbalanced_angles(5_000, noise=0.0, n_nuisance=2, random_state=0)
    assert X.shape == (5_000, 4)
    assert_array_equal(X[:, 0], y)
    assert_allclose(X[:, 1], 40 * np.sin(y / 40))
    assert LinearRegression().fit(X[:, 2:], y).score(X[:, 2:], y) < 0.01
    noisy = make_imbalanced_angles(5_000, noise=5.0, n_nuisance=0, random_state=0)[0]
    assert_allclose((noisy - X[:, :2]).std(axis=0), 5.0, rtol=0.05)


@pytest.mark.parametrize("make", GENERATORS)
def test_generator_repeats_itself_only_when_seeded(make):
    for seed in (0, np.random.RandomState(0)):
        first = make(random_state=seed)
        same = make(random_state=0 if seed == 0 else np.random.RandomState(0))
        for a, b in zip(first, same, strict=True):
            assert_array_equal(a, b)
    assert not np.array_equal(make()[1], make()[1])
    assert not np.array_equal(make(random_state=0)[1], make(random_state=1)[1])


@pytest.mark.parametrize("make", GENERATORS)
@pytest.mark.parametrize(
    ("name", "value"),
    [("n_samples", 0), ("n_samples", 2.5), ("noise", -1), ("noise", np.nan)],
)
def test_bad_parameter_is_named(make, name, value):
    with pytest.raises(ValueError, match=rf"'{name}'.*in the range.*Got {value}"):
        make(**{name: value})


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"contamination": 1.0}, r"'contamination'.*\[0\.0, 1\.0\).*Got 1\.0"),
        ({"n_features": 0}, r"'n_features'.*Got 0"),
        ({"slope": np.inf}, r"'slope'.*Got inf"),
        ({"coef": [1, 2]}, r"coef has shape \(2,\).*n_features=5.*Give 5 numbers"),
        ({"coef": [[1, 2, 3, 4, 5]]}, r"coef has shape \(1, 5\)"),
        ({"coef": [1, 2, np.nan, 4, 5]}, "coef contains NaN"),
        ({"random_state": -1}, r"'random_state'.*Got -1"),
    ],
)
def test_bad_outlier_problem_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        make_outlier_regression(**parameters)


@pytest.mark.parametrize(
    ("name", "value"),
    [("wide_share", 1.1), ("core_sd", 0), ("max_angle", -80), ("n_nuisance", -1)],
)
def test_bad_angles_are_refused(name, value):
    with pytest.raises(ValueError, match=rf"'{name}'.*Got {value}"):
        make_imbalanced_angles(**{name: value})
