"""Images in coefficients of the same volume, and back."""

import pickle
import sys
import tracemalloc
from itertools import product

import numpy as np
import pandas as pd
import polars as pl
import pytest
import pywt
from scipy.fft import dctn
from scipy.sparse import csr_array
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Lasso, LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from skrobust import ImageTransformer, images

# Every representation on sizes that differ, are odd, a single row or a single pixel.
CASES = [
    *product(["pixel", "dct"], [(4, 6), (5, 3, 2), (1, 7), (1, 1)], ["rgb"], [None]),
    *product(["pixel", "dct"], [(3, 5, 3), (1, 1, 3)], ["rgb", "yuv"], [None]),
    *product(["wavelet"], [(8, 8), (6, 10), (12, 4)], ["rgb"], [None, 1]),
    *product(["wavelet"], [(2, 2), (1, 16), (14, 1), (1, 1)], ["rgb"], [None]),
    *product(["wavelet"], [(16, 16)], ["rgb"], [2, 3, 4]),
    *product(["wavelet"], [(8, 4, 2)], ["rgb"], [None]),
    *product(["wavelet"], [(4, 8, 3)], ["rgb", "yuv"], [None, 1]),
]
# From skimage.color.colorconv, yuv_from_rgb (scikit-image 0.26, BSD-3-Clause).
YUV_FROM_RGB = [
    [0.299, 0.587, 0.114],
    [-0.14714119, -0.28886916, 0.43601035],
    [0.61497538, -0.51496512, -0.10001026],
]


def made(representation, shape, colour="rgb", levels=None):
    """Return a fitted transformer."""
    transformer = ImageTransformer(
        representation, shape=shape, colour=colour, levels=levels
    )
    return transformer.fit(np.zeros((1, np.prod(shape))))


def drawn(n, shape, seed=0):
    """Return images of pixels from 0 to 1, flattened."""
    return np.random.default_rng(seed).random((n, np.prod(shape)))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_determinant_is_one(case):
    transformer = made(*case)
    matrix = transformer.transform(np.eye(transformer.n_features_in_))
    log_size = np.linalg.slogdet(matrix)[1]
    assert abs(log_size) < 1e-13 * len(matrix)
    assert transformer.log_abs_det() == 0.0


@pytest.mark.parametrize("n", [2, 4, 6, 10, 14, 22, 32, 64, 100, 256])
def test_wavelet_of_every_even_length_has_determinant_one(n):
    transformer = made("wavelet", (1, n), levels=1)
    matrix = transformer.transform(np.eye(n))
    assert abs(np.linalg.slogdet(matrix)[1]) < 1e-14 * n
    # It is not orthogonal for that: images are stretched one way, squeezed another.
    sizes = np.linalg.svd(matrix, compute_uv=False)
    assert n == 2 or (sizes[0] > 1.05 and sizes[-1] < 0.98)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_inverse_is_exact(case, unit):
    X = unit * drawn(5, case[1])
    transformer = made(*case)
    Z = transformer.transform(X)
    assert Z.shape == X.shape
    back = transformer.inverse_transform(Z)
    np.testing.assert_allclose(back, X, rtol=0, atol=2e-14 * unit)
    # And the other way: any coefficients are those of an image.
    again = transformer.transform(transformer.inverse_transform(X))
    np.testing.assert_allclose(again, X, rtol=0, atol=2e-14 * unit)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_map_is_linear_and_float32_stays(case):
    X = drawn(4, case[1])
    transformer = made(*case)
    Z = transformer.transform(X)
    sums = transformer.transform(2 * X[:2] - 3 * X[2:])
    np.testing.assert_allclose(sums, 2 * Z[:2] - 3 * Z[2:], rtol=0, atol=1e-13)
    small = transformer.transform(X.astype(np.float32))
    assert small.dtype == np.float32
    np.testing.assert_allclose(small, Z, rtol=0, atol=1e-5)
    back = transformer.inverse_transform(small)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, X, rtol=0, atol=1e-5)


def test_tags_say_that_float32_stays():
    tags = get_tags(ImageTransformer()).transformer_tags
    assert tags.preserves_dtype == ["float64", "float32"]


def test_pixels_are_left_alone():
    X = drawn(3, (4, 5))
    transformer = made("pixel", (4, 5))
    Z = transformer.transform(X)
    np.testing.assert_array_equal(Z, X)
    assert not np.shares_memory(Z, X)


@pytest.mark.parametrize("shape", [(4, 6), (5, 3, 2)])
def test_dct_is_that_of_scipy(shape):
    X = drawn(3, shape)
    expected = [dctn(x.reshape(shape), axes=(0, 1), norm="ortho").ravel() for x in X]
    np.testing.assert_allclose(made("dct", shape).transform(X), expected, atol=1e-14)


def test_dct_of_a_grey_image_is_its_first_coefficient():
    Z = made("dct", (4, 9)).transform(np.full((1, 36), 0.5))
    np.testing.assert_allclose(Z, [[3.0, *[0.0] * 35]], atol=1e-15)


def test_default_is_a_row_of_pixels():
    X = drawn(3, (7,))
    transformer = ImageTransformer().fit(X)
    assert transformer.shape_ == (1, 7, 1)
    expected = dctn(X, axes=(1,), norm="ortho")
    np.testing.assert_allclose(transformer.transform(X), expected, atol=1e-14)


@pytest.mark.filterwarnings("ignore:Level value of .* is too high:UserWarning")
@pytest.mark.parametrize(
    ("shape", "levels"), [((72, 40), 1), ((8, 8), 3), ((8, 24), 2), ((16, 32), 4)]
)
def test_wavelet_is_that_of_pywavelets(shape, levels):
    X = drawn(2, shape)
    expected = [
        pywt.coeffs_to_array(
            pywt.wavedec2(x.reshape(shape), "bior4.4", "periodization", levels)
        )[0].ravel()
        for x in X
    ]
    Z = made("wavelet", shape, levels=levels).transform(X)
    np.testing.assert_allclose(Z, expected, atol=1e-10)  # its filters have 12 digits


def test_wavelet_treats_channels_alike():
    X = drawn(3, (8, 4, 5)).reshape(3, 8, 4, 5)
    Z = made("wavelet", (8, 4, 5)).transform(X.reshape(3, -1)).reshape(X.shape)
    grey = made("wavelet", (8, 4))
    for k in range(5):
        alone = grey.transform(X[..., k].reshape(3, -1)).reshape(3, 8, 4)
        np.testing.assert_allclose(Z[..., k], alone, atol=1e-15)


def test_filters_are_those_of_the_definition():
    root = min(np.roots([20, 10, 4, 1]), key=lambda y: abs(y.imag)).real
    y = np.array([-0.25, 0.5, -0.25])
    four = np.convolve([0.25, 0.5, 0.25], [0.25, 0.5, 0.25]) * np.sqrt(2)
    linear = [0, 1, 0] - y / root
    b, c = 0.5 + root, 0.2 + root * (0.5 + root)
    quadratic = [0, 0, 1, 0, 0] + (np.convolve(y, y) + b * np.r_[0, y, 0]) / c
    bank = images._filters()[1]
    np.testing.assert_allclose(
        bank.dec_lo[1:], np.convolve(four, quadratic), atol=1e-15
    )
    np.testing.assert_allclose(bank.rec_lo[1:8], np.convolve(four, linear), atol=1e-15)


def test_details_of_a_smooth_image_vanish():
    t = np.arange(32.0)  # a cubic, but for where the image is continued periodically
    cubic = 1 + t - t**2 / 8 + t**3 / 300
    Z = made("wavelet", (1, 32), levels=1).transform(cubic[None])[0]
    np.testing.assert_allclose(Z[18:30], 0, atol=1e-13 * np.abs(cubic).max())
    assert abs(Z[31]) > 1  # at the border


def test_yuv_is_that_of_video_but_of_volume_one():
    X = drawn(5, (2, 2, 3))
    Z = made("pixel", (2, 2, 3), "yuv").transform(X)
    # The scale is that of the published code of the paper's experiment.
    expected = X.reshape(-1, 3) @ np.transpose(YUV_FROM_RGB) * 1.580227820074
    np.testing.assert_allclose(Z.reshape(-1, 3), expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("representation", ["pixel", "dct", "wavelet"])
def test_grey_images_have_no_colour(representation):
    X = np.repeat(drawn(3, (4, 4)), 3, axis=1)
    Z = made(representation, (4, 4, 3), "yuv").transform(X).reshape(3, 16, 3)
    np.testing.assert_allclose(Z[..., 1:], 0, atol=1e-15)
    grey = made(representation, (4, 4)).transform(X[:, ::3])
    np.testing.assert_allclose(Z[..., 0], 1.580227820074 * grey, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("case", CASES[::3], ids=str)
def test_log_likelihoods_can_be_compared(case):
    transformer = made(*case)
    p = transformer.n_features_in_
    rng = np.random.default_rng(0)
    root = np.eye(p) + 0.1 * rng.normal(size=(p, p))
    X = rng.normal(size=(4, p)) @ root.T
    T = transformer.transform(np.eye(p)).T
    pixels = multivariate_normal(cov=root @ root.T).logpdf(X)
    coefficients = multivariate_normal(cov=T @ root @ root.T @ T.T)
    there = coefficients.logpdf(transformer.transform(X))
    np.testing.assert_allclose(there, pixels, rtol=0, atol=1e-10 * p)


@pytest.mark.parametrize(
    ("case", "names"),
    [
        (("pixel", (1, 2)), "pixel_0_0 pixel_0_1"),
        (("pixel", (2, 1, 1)), "pixel_0_0 pixel_1_0"),
        (("dct", (1, 1, 3)), "dct_r_0_0 dct_g_0_0 dct_b_0_0"),
        (("dct", (1, 1, 3), "yuv"), "dct_y_0_0 dct_u_0_0 dct_v_0_0"),
        (("dct", (1, 2, 2)), "dct_c0_0_0 dct_c1_0_0 dct_c0_0_1 dct_c1_0_1"),
        (("wavelet", (1, 1)), "wavelet_0_0"),
        (
            ("wavelet", (1, 4)),
            "wavelet_2aa_0_0 wavelet_2ad_0_0 wavelet_1ad_0_0 wavelet_1ad_0_1",
        ),
        (
            ("wavelet", (4, 1)),
            "wavelet_2aa_0_0 wavelet_2da_0_0 wavelet_1da_0_0 wavelet_1da_1_0",
        ),
        (
            ("wavelet", (2, 2)),
            "wavelet_1aa_0_0 wavelet_1ad_0_0 wavelet_1da_0_0 wavelet_1dd_0_0",
        ),
    ],
    ids=str,
)
def test_names(case, names):
    assert list(made(*case).get_feature_names_out()) == names.split()


@pytest.mark.filterwarnings("ignore:Level value of .* is too high:UserWarning")
@pytest.mark.parametrize(("shape", "levels"), [((8, 16), 3), ((12, 8), 2)])
def test_names_of_wavelets_are_the_bands_of_pywavelets(shape, levels):
    coefficients = pywt.wavedec2(np.zeros(shape), "bior4.4", "periodization", levels)
    bands = pywt.coeffs_to_array(
        [coefficients[0]]
        + [dict(zip(["da", "ad", "dd"], c, strict=True)) for c in coefficients[1:]]
    )[1]
    names = made("wavelet", shape).get_feature_names_out().reshape(shape)
    seen = 0
    for level, details in zip(range(levels + 1, 0, -1), bands, strict=True):
        if isinstance(details, tuple):
            details, level = {"aa": details}, levels
        for band, where in details.items():
            for (row, column), name in np.ndenumerate(names[where]):
                assert name == f"wavelet_{level}{band}_{row}_{column}"
                seen += 1
    assert seen == names.size


@pytest.mark.parametrize("case", CASES, ids=str)
def test_names_are_distinct(case):
    names = made(*case).get_feature_names_out()
    assert names.dtype == object
    assert len(set(names)) == len(names) == np.prod(case[1])


def test_a_wave_lies_where_its_name_says():
    rows = np.cos(np.pi * (np.arange(8) + 0.5) * 3 / 8)  # 3 half waves down
    columns = np.cos(np.pi * (np.arange(6) + 0.5) * 2 / 6)  # 2 across
    transformer = made("dct", (8, 6))
    Z = transformer.transform(np.outer(rows, columns).reshape(1, -1))[0]
    assert transformer.get_feature_names_out()[np.abs(Z).argmax()] == "dct_3_2"
    assert np.sum(np.abs(Z) > 1e-13) == 1


def test_input_features_are_checked():
    frame = pd.DataFrame(np.zeros((2, 4)), columns=list("abcd"))
    transformer = ImageTransformer(shape=(2, 2)).fit(frame)
    names = transformer.get_feature_names_out(list("abcd"))
    assert names[1] == "dct_0_1"
    with pytest.raises(ValueError, match="input_features is not equal to"):
        transformer.get_feature_names_out(list("abce"))


@pytest.mark.parametrize(("library", "frame"), [("pandas", pd), ("polars", pl)])
def test_output_can_be_a_frame(library, frame):
    X = drawn(3, (2, 2))
    transformer = made("dct", (2, 2)).set_output(transform=library)
    Z = transformer.transform(X)
    assert isinstance(Z, frame.DataFrame)
    assert list(Z.columns) == ["dct_0_0", "dct_0_1", "dct_1_0", "dct_1_1"]
    # The columns of the way back have other names than those of the way there.
    np.testing.assert_allclose(transformer.inverse_transform(Z), X, atol=1e-15)


@pytest.mark.parametrize("colour", ["rgb", "yuv"])
@pytest.mark.parametrize("representation", ["pixel", "dct", "wavelet"])
def test_images_in_blocks_are_the_same(monkeypatch, representation, colour):
    X = drawn(7, (4, 4, 3))
    transformer = made(representation, (4, 4, 3), colour)
    whole = transformer.transform(X)
    monkeypatch.setattr(images, "BLOCK_BYTES", 2 * 48 * 8)  # 2 images at a time
    np.testing.assert_allclose(transformer.transform(X), whole, atol=1e-15)
    np.testing.assert_allclose(transformer.inverse_transform(whole), X, atol=1e-14)
    monkeypatch.setattr(images, "BLOCK_BYTES", 1)  # less than an image
    np.testing.assert_allclose(transformer.transform(X), whole, atol=1e-15)


@pytest.mark.parametrize("representation", ["pixel", "dct", "wavelet"])
def test_memory_is_that_of_the_answer_and_a_few_blocks(representation):
    X = drawn(2000, (32, 32, 3))  # 49 MB
    transformer = made(representation, (32, 32, 3), "yuv")
    tracemalloc.start()
    try:
        transformer.transform(X)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < X.nbytes + 12e6


@pytest.mark.parametrize("representation", ["pixel", "dct", "wavelet"])
def test_input_is_not_changed_and_may_have_any_layout(representation):
    X = drawn(4, (4, 4))
    transformer = made(representation, (4, 4))
    expected = transformer.transform(X)
    kept = X.copy()
    X.flags.writeable = False
    for other in (X, np.asfortranarray(X), np.repeat(X, 2, axis=1)[:, ::2], X.tolist()):
        np.testing.assert_array_equal(transformer.transform(other), expected)
    np.testing.assert_array_equal(X, kept)
    transformer.inverse_transform(X)
    np.testing.assert_array_equal(X, kept)


def test_integers_become_float64():
    X = np.random.default_rng(0).integers(0, 256, size=(3, 48), dtype=np.uint8)
    transformer = made("wavelet", (4, 4, 3), "yuv")
    Z = transformer.transform(X)
    assert Z.dtype == np.float64
    np.testing.assert_array_equal(np.rint(transformer.inverse_transform(Z)), X)


@pytest.mark.parametrize("representation", ["pixel", "dct", "wavelet"])
def test_targets_of_a_regressor(representation):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(60, 3)), rng.random((60, 48))
    transformer = ImageTransformer(representation, shape=(4, 4, 3), colour="yuv")
    model = TransformedTargetRegressor(LinearRegression(), transformer=transformer)
    # Least squares says the same in all units; warnings about the inverse are errors.
    expected = LinearRegression().fit(X, Y).predict(X)
    np.testing.assert_allclose(model.fit(X, Y).predict(X), expected, atol=1e-12)
    assert model.regressor_.coef_.shape == (48, 3)


def test_targets_with_one_value():
    X, y = np.arange(6.0)[:, None], np.arange(6.0)
    model = TransformedTargetRegressor(Ridge(0), transformer=ImageTransformer())
    np.testing.assert_allclose(model.fit(X, y).predict(X), y, atol=1e-12)


def test_step_of_a_pipeline_in_a_search():
    X = np.random.default_rng(0).random((90, 64))
    y = dctn(X.reshape(-1, 8, 8), axes=(1, 2), norm="ortho")[:, 1, 2]
    pipeline = make_pipeline(ImageTransformer(shape=(8, 8)), Lasso(0.01))
    grid = {"imagetransformer__representation": ["pixel", "wavelet", "dct"]}
    search = GridSearchCV(pipeline, grid).fit(X, y)
    assert search.best_params_ == {"imagetransformer__representation": "dct"}
    coef = search.best_estimator_[-1].coef_
    names = search.best_estimator_[:-1].get_feature_names_out()
    assert names[np.flatnonzero(coef)] == ["dct_1_2"]


def test_pickles_and_clones():
    X = drawn(2, (4, 4))
    transformer = made("wavelet", (4, 4))
    Z = transformer.transform(X)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(transformer)).transform(X), Z
    )
    np.testing.assert_array_equal(clone(transformer).fit(X).transform(X), Z)
    assert repr(ImageTransformer()) == "ImageTransformer()"


def test_parameters_count_at_fit():
    X = drawn(2, (4, 4))
    transformer = made("dct", (4, 4))
    Z = transformer.transform(X)
    transformer.set_params(representation="pixel", shape=(2, 8))
    np.testing.assert_array_equal(transformer.transform(X), Z)
    np.testing.assert_allclose(transformer.inverse_transform(Z), X, atol=1e-15)
    assert transformer.get_feature_names_out()[-1] == "dct_3_3"
    Z = transformer.fit(X).transform(X)
    np.testing.assert_array_equal(Z, X)


def test_failed_fit_leaves_the_last_one():
    X = drawn(2, (4, 4))
    transformer = made("dct", (4, 4))
    Z = transformer.transform(X)
    with pytest.raises(ValueError, match="holds 16 values, but X has 9"):
        transformer.fit(pd.DataFrame(drawn(2, (3, 3))).rename(columns=str))
    np.testing.assert_array_equal(transformer.transform(X), Z)
    assert not hasattr(transformer, "feature_names_in_")
    fresh = ImageTransformer(shape=(4, 4))
    with pytest.raises(ValueError, match="holds 16 values, but X has 9"):
        fresh.fit(drawn(2, (3, 3)))
    assert not hasattr(fresh, "n_features_in_")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"representation": "fft"},
            "'representation' parameter .* must be a str among",
        ),
        ({"colour": "hsv"}, "'colour' parameter .* must be a str among"),
        ({"levels": 0}, "'levels' parameter .* must be an int in the range"),
        ({"levels": 1.5}, "'levels' parameter .* must be an int in the range"),
        ({"shape": "4x4"}, "'shape' parameter .* must be an instance of 'tuple'"),
        ({"shape": (16,)}, r"shape must be \(height, width\) or .*Got \(16,\)"),
        ({"shape": (2, 2, 2, 2)}, "shape must be .*, whole numbers of at least 1"),
        ({"shape": (4.0, 4.0)}, r"whole numbers of at least 1. Got \(4.0, 4.0\)"),
        ({"shape": (True, 16)}, r"whole numbers of at least 1. Got \(True, 16\)"),
        ({"shape": (-4, -4)}, r"whole numbers of at least 1. Got \(-4, -4\)"),
        ({"shape": [[4], [4]]}, r"whole numbers of at least 1. Got \[\[4\], \[4\]\]"),
        ({"shape": (4, 5)}, r"shape=\(4, 5\) holds 20 values, but X has 16 features"),
        ({"colour": "yuv"}, "needs 3 channels: .* Got 1, by shape=None. Give shape"),
        ({"colour": "yuv", "shape": (2, 2, 4)}, r"Got 4, by shape=\(2, 2, 4\)"),
    ],
    ids=str,
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        ImageTransformer(**parameters).fit(np.zeros((2, 16)))


@pytest.mark.parametrize(
    ("shape", "levels", "message"),
    [
        (
            (5, 4),
            None,
            r"Got shape=\(5, 4\) and levels=None. Crop or pad the images, or",
        ),
        ((4, 25), 1, r"Got shape=\(4, 25\) and levels=1. Crop or pad the images, or"),
        ((12, 8), 3, r"multiples of 2 \*\* levels. .* take levels=2 at most, or take"),
        ((8, 2), 2, "take levels=1 at most"),
        ((1, 3), None, r"Got shape=\(1, 3\) and levels=None"),
        ((1, 1), 1, r"Got shape=\(1, 1\) and levels=1"),
    ],
)
def test_wavelet_says_which_sizes_it_can_halve(shape, levels, message):
    with pytest.raises(ValueError, match=message):
        made("wavelet", shape, levels=levels)


def test_levels():
    found = [made("wavelet", s).levels_ for s in [(8, 8), (8, 4), (12, 6), (1, 32)]]
    assert found == [3, 2, 1, 5]
    assert made("wavelet", (16, 16), levels=np.int64(2)).levels_ == 2
    assert made("wavelet", (1, 1)).levels_ == made("dct", (8, 8), levels=2).levels_ == 0


@pytest.mark.parametrize("method", ["fit", "transform", "inverse_transform"])
@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.full((2, 16), np.nan), ValueError, "contains NaN"),
        (np.full((2, 16), np.inf), ValueError, "contains infinity"),
        (csr_array(np.eye(16)), TypeError, "Sparse data was passed"),
        (np.zeros(16), ValueError, "Expected 2D array, got 1D array"),
        (np.zeros((0, 16)), ValueError, "Found array with 0 sample"),
        (
            np.zeros((2, 4, 4)),
            ValueError,
            r"must be flattened images.* Got \(2, 4, 4\).*shape=\(4, 4\) to Image",
        ),
        (np.zeros((2, 9)), ValueError, "X has 9 (features|coef)|but X has 9 features"),
        (np.zeros((2, 16), complex), ValueError, "Complex data not supported"),
        ([["a"] * 16], ValueError, "could not convert string"),
    ],
    ids=str,
)
def test_bad_images(method, X, error, message):
    transformer = made("dct", (4, 4))
    with pytest.raises(error, match=message):
        getattr(transformer, method)(X)


@pytest.mark.parametrize("method", ["transform", "inverse_transform"])
def test_not_fitted(method):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(ImageTransformer(shape=(2, 2)), method)(np.zeros((1, 4)))


def test_without_pywavelets_the_extra_is_named(monkeypatch):
    images._filters.cache_clear()
    monkeypatch.setitem(sys.modules, "pywt", None)
    with pytest.raises(ImportError, match=r"needs PyWavelets.*'skrobust\[wavelet\]'"):
        made("wavelet", (4, 4))
    assert made("dct", (4, 4)).levels_ == 0
    monkeypatch.undo()
    assert made("wavelet", (4, 4)).levels_ == 2
