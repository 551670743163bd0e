"""Images as pixels, frequencies or wavelets: as many numbers, and of the same volume.

Each map is linear, has an exact inverse and a determinant of 1 or -1. A likelihood of
the coefficients is therefore one of the pixels, and those of two representations can be
compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import prod
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import dctn, idctn
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from skrobust._compat import Interval, StrOptions, check_feature_names_in

__all__ = ["ImageTransformer"]

Array = NDArray[np.floating[Any]]
Shape = tuple[int, int, int]

BLOCK_BYTES = 1 << 21  # of images: stay in cache, and are worth the calls on them
KINDS = [np.float64, np.float32]

# The low-pass filters of Cohen, Daubechies and Feauveau, of 9 and 7 taps, from their
# middle on. They are sqrt(2) * cos(w / 2)**4 times the quadratic and the linear factor
# of 1 + 4 * y + 10 * y**2 + 20 * y**3, y = sin(w / 2)**2, each 1 at y = 0; worked out
# with 50 digits. PyWavelets has 12 digits of them, which its inverse is off by.
ANALYSIS = (
    0.852698679009403419,
    0.377402855612653764,
    -0.110624404418423409,
    -0.0238494650193800019,
    0.0378284555069954614,
)
SYNTHESIS = (
    0.788485616405664398,
    0.418092273222212201,
    -0.0406894176095584367,
    -0.0645388826289384386,
)

# Y, and B - Y and R - Y in the units of analogue video (SMPTE 170M, BT.601).
LUMA = np.array([0.299, 0.587, 0.114])
BLUE, RED = 0.492111, 0.877283


class ImageTransformer(TransformerMixin, BaseEstimator):
    """Map flattened images to pixels, DCT or wavelet coefficients of the same volume.

    An image becomes as many coefficients as it has values, and `inverse_transform`
    makes the image of them again, exact but for rounding. The map is linear and its
    determinant is 1 or -1: it takes no unit and gives none, and log-likelihoods of
    different representations can be compared, as in [1]_.

    Parameters
    ----------
    representation : {"pixel", "dct", "wavelet"}, default="dct"
        What the coefficients are: the pixels themselves; the orthonormal discrete
        cosine transform of each channel; or its CDF 9/7 wavelet transform, which needs
        PyWavelets (``pip install 'skrobust[wavelet]'``).
    shape : tuple of int, default=None
        ``(height, width)`` or ``(height, width, channels)`` of the images, in pixels:
        the shape that they had before ``images.reshape(len(images), -1)``. None is a
        single row of pixels, ``(1, n_features)``.
    colour : {"rgb", "yuv"}, default="rgb"
        Whether the channels stay as they are, however many there are, or red, green and
        blue become brightness Y and the colour differences U and V, by a matrix of
        determinant 1. "yuv" needs 3 channels.
    levels : int, default=None
        How many times the wavelet halves height and width, at least 1. Both must be
        multiples of ``2 ** levels``, but for one that is a single pixel, which is left
        alone. None is as often as the sizes allow. The other representations do not
        use it.

    Attributes
    ----------
    shape_ : tuple of int
        ``(height, width, channels)`` of the images.
    levels_ : int
        How many times the wavelet halves them; 0 for the other representations.
    n_features_in_ : int
        Number of values of an image, ``height * width * channels``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns of `X`, where it has any.

    See Also
    --------
    fit_general_dist : A shape and a scale for each coefficient.
    AdaptiveLossRegressor : Learns a shape and a scale for each output.

    Notes
    -----
    **The grid.** Coefficients lie in the grid of the image, flattened as it was. "dct"
    has the frequency that is constant down and across first. "wavelet" has the
    smoothest part in the top left corner, and the details of each level around it, as
    ``pywt.coeffs_to_array`` lays them out. `get_feature_names_out` says which is where.

    **Volume.** The DCT is orthonormal. The CDF 9/7 wavelet is not orthogonal: its
    coefficients do not keep the length of an image. With low-pass filters that sum to
    ``sqrt(2)`` and images that are continued periodically, its determinant is
    nevertheless 1 or -1 for every even size, one of 2 included: at every frequency the
    2 x 2 matrix of the filters has a determinant of size 1. The tests take the
    determinant of whole transforms for many sizes and levels. The filters are those of
    "bior4.4" in PyWavelets, with all digits of a double.

    **Colour.** The matrix of analogue video (BT.601, as in ``skimage.color.rgb2yuv``)
    has determinant 0.2534. It is divided by the cube root of that.

    **Units.** Nothing is centred or scaled. The log density of an image in other units,
    ``s`` times the pixels, is lower by ``n_features * log(s)``. A scaler after the
    transformer changes the volume too.

    **Precision.** float32 stays float32, integers become float64. For targets in
    float32 switch the ``check_inverse`` of ``TransformedTargetRegressor`` off: it asks
    for black pixels to within 1e-8, which no float32 transform of others can give.

    References
    ----------
    .. [1] J. T. Barron, "A general and adaptive robust loss function", CVPR 2019.
           https://arxiv.org/abs/1701.03077
    .. [2] A. Cohen, I. Daubechies and J.-C. Feauveau, "Biorthogonal bases of compactly
           supported wavelets", Communications on Pure and Applied Mathematics 45, 1992,
           485-560. https://doi.org/10.1002/cpa.3160450502
    .. [3] Recommendation ITU-R BT.601-7, 2011.
           https://www.itu.int/rec/R-REC-BT.601-7-201103-I/en

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skrobust import ImageTransformer
    >>> X = load_digits().data
    >>> waves = ImageTransformer("dct", shape=(8, 8)).fit(X)
    >>> coefficients = waves.transform(X)
    >>> waves.get_feature_names_out()[[0, 1, 8]]
    array(['dct_0_0', 'dct_0_1', 'dct_1_0'], dtype=object)
    >>> np.allclose(waves.inverse_transform(coefficients), X)
    True
    >>> waves.log_abs_det()
    0.0
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "representation": [StrOptions({"pixel", "dct", "wavelet"})],
        "shape": [tuple, list, np.ndarray, None],
        "colour": [StrOptions({"rgb", "yuv"})],
        "levels": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        representation: str = "dct",
        *,
        shape: tuple[int, ...] | None = None,
        colour: str = "rgb",
        levels: int | None = None,
    ) -> None:
        self.representation = representation
        self.shape = shape
        self.colour = colour
        self.levels = levels

    def fit(self, X: ArrayLike, y: Any = None) -> ImageTransformer:
        """Check that the images have the shape, and that it can be transformed.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Flattened images.
        y : None
            Not used.

        Returns
        -------
        self : ImageTransformer
            The fitted transformer.

        Raises
        ------
        ValueError
            If a parameter is outside its domain; if `shape` is not that of the images;
            if "yuv" does not get 3 channels; if the wavelet cannot halve the images as
            often as asked for, or not once; or if `X` holds NaN or infinity.
        TypeError
            If `X` is sparse.
        ImportError
            If the wavelet is asked for and PyWavelets is not installed.
        """
        self._validate_params()
        _refuse_grids(X)
        images = check_array(X, dtype=KINDS, input_name="X", estimator=self)
        shape = _check_shape(self.shape, images.shape[1])
        if self.colour == "yuv" and shape[2] != 3:
            raise ValueError(
                f'colour="yuv" needs 3 channels: red, green, blue. Got {shape[2]}, by '
                f"shape={self.shape!r}. Give shape=(height, width, 3), or leave "
                'colour="rgb".'
            )
        levels = 0
        if self.representation == "wavelet":
            _filters()
            levels = _check_levels(self.levels, shape)
        validate_data(self, X, skip_check_array=True)  # only now, to leave nothing half
        self._map = _Map(self.representation, shape, self.colour == "yuv", levels)
        self.shape_, self.levels_ = shape, levels
        return self

    def transform(self, X: ArrayLike) -> Array:
        """Turn images into coefficients.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Flattened images.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Coefficients, in the units of the pixels: float32 if the images are, else
            float64.
        """
        check_is_fitted(self)
        _refuse_grids(X)
        images: Array = validate_data(self, X, dtype=KINDS, reset=False)
        return _by_blocks(images, self.shape_, self._map.forward)

    def inverse_transform(self, X: ArrayLike) -> Array:
        """Turn coefficients back into images.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Coefficients.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Flattened images: float32 if the coefficients are, else float64.

        Raises
        ------
        ValueError
            If an image does not have `n_features_in_` coefficients, or one of them is
            NaN or infinite.
        """
        check_is_fitted(self)
        _refuse_grids(X)
        Z: Array = check_array(X, dtype=KINDS, input_name="X", estimator=self)
        if Z.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {Z.shape[1]} coefficients for each image, but the images that "
                f"fit saw have {self.n_features_in_}. Give all of them, as transform "
                "does."
            )
        return _by_blocks(Z, self.shape_, self._map.backward)

    def log_abs_det(self) -> float:
        """Return the log of the size of the determinant of the transform: 0.

        It is what a change of variables adds to a log-likelihood, for each image. All
        representations, shapes and colours have the same.

        Returns
        -------
        float
            0.0.
        """
        return 0.0

    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> NDArray[np.object_]:
        """Name the coefficients.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Only checked: they must be the names that `fit` saw, or as many.

        Returns
        -------
        ndarray of shape (n_features,) of str
            ``pixel_row_column``; ``dct_row_column``, which count the half waves down
            and across the image; ``wavelet_band_row_column``, where the band is the
            level, 1 the finest, and "a" (smooth) or "d" (detail) down and across, such
            as "2da". Images with channels have "r", "g", "b", or "y", "u", "v", or "c0"
            and so on, after the first word.
        """
        check_is_fitted(self)
        check_feature_names_in(self, input_features)
        return np.array(list(self._map.names()), dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


@dataclass(frozen=True)
class _Map:
    """The map of blocks of images to coefficients and back, and what it makes.

    A block has shape (n_images, height, width, channels) and may be overwritten.
    """

    representation: str
    shape: Shape
    yuv: bool
    levels: int

    def forward(self, block: Array) -> Array:
        """Return the coefficients of images."""
        if self.yuv:
            block = _recolour(block, _yuv())
        if self.representation == "dct":
            block = dctn(block, axes=(1, 2), norm="ortho", overwrite_x=True)
        for height, width in self._corners():
            corner = block[:, :height, :width]
            for axis in _halved(self.shape):
                corner[...] = _split(corner, axis)
        return block

    def backward(self, block: Array) -> Array:
        """Return the images of coefficients."""
        for height, width in reversed(self._corners()):
            corner = block[:, :height, :width]
            for axis in reversed(_halved(self.shape)):
                corner[...] = _join(corner, axis)
        if self.representation == "dct":
            block = idctn(block, axes=(1, 2), norm="ortho", overwrite_x=True)
        if self.yuv:
            block = _recolour(block, np.linalg.inv(_yuv()))
        return block

    def _corners(self) -> list[tuple[int, int]]:
        """Return the sizes of the corner that each level splits, the whole first."""
        height, width, _ = self.shape
        sizes = range(self.levels)
        return [(max(height >> k, 1), max(width >> k, 1)) for k in sizes]

    def names(self) -> Iterator[str]:
        """Yield the names of the coefficients."""
        height, width, channels = self.shape
        letters = ["_y", "_u", "_v"] if self.yuv else ["_r", "_g", "_b"]
        if channels != 3:
            letters = [f"_c{k}" for k in range(channels)] if channels > 1 else [""]
        places = [self._place(*at) for at in product(range(height), range(width))]
        for place, letter in product(places, letters):
            yield f"{self.representation}{letter}_{place}"

    def _place(self, row: int, column: int) -> str:
        """Return which coefficient lies at a place of the grid."""
        if not self.levels:
            return f"{row}_{column}"
        axes, found = _halved(self.shape), ("a", "a", row, column, self.levels)
        for level, (height, width) in enumerate(self._corners(), 1):
            down = 1 in axes and row >= height // 2
            across = 2 in axes and column >= width // 2
            if down or across:
                row, column = row - down * (height // 2), column - across * (width // 2)
                found = ("ad"[down], "ad"[across], row, column, level)
                break
        vertical, horizontal, row, column, level = found
        return f"{level}{vertical}{horizontal}_{row}_{column}"


def _by_blocks(X: Array, shape: Shape, step: Callable[[Array], Array]) -> Array:
    """Return what a step makes of flattened images, a block at a time."""
    out = np.array(X, order="C")
    size = max(1, BLOCK_BYTES // (X.shape[1] * X.itemsize))
    for start in range(0, len(X), size):
        block = out[start : start + size].reshape(-1, *shape)
        block[...] = step(block)
    return out


def _yuv() -> NDArray[np.float64]:
    """Return the matrix from red, green and blue to YUV, of determinant 1."""
    red, _, blue = np.eye(3)
    matrix = np.stack([LUMA, BLUE * (blue - LUMA), RED * (red - LUMA)])
    volume: NDArray[np.float64] = matrix / np.cbrt(np.linalg.det(matrix))
    return volume


def _recolour(block: Array, matrix: Array) -> Array:
    """Return the channels of all pixels times a matrix."""
    pixels = block.reshape(-1, 3) @ matrix.T.astype(block.dtype)
    return pixels.reshape(block.shape)


def _halved(shape: Shape) -> list[int]:
    """Return the axes of a block that the wavelet halves."""
    return [axis for axis in (1, 2) if shape[axis - 1] > 1]


def _split(block: Array, axis: int) -> Array:
    """Return one level of the wavelet along an axis: the smooth half, the details."""
    pywt, filters = _filters()
    halves = pywt.dwt(block, filters, mode="periodization", axis=axis)
    return np.concatenate(halves, axis)


def _join(block: Array, axis: int) -> Array:
    """Return what `_split` has split."""
    pywt, filters = _filters()
    halves = np.split(block, 2, axis)
    joined: Array = pywt.idwt(*halves, filters, mode="periodization", axis=axis)
    return joined


@lru_cache(1)
def _filters() -> tuple[Any, Any]:
    """Return PyWavelets, or say how to get it, and the CDF 9/7 filters."""
    try:
        import pywt
    except ImportError as error:
        raise ImportError(
            'representation="wavelet" needs PyWavelets, which is not installed. '
            "Install it: pip install 'skrobust[wavelet]'. \"dct\" needs nothing."
        ) from error
    # PyWavelets wants all filters to have one even length.
    down = np.array([0.0, *ANALYSIS[:0:-1], *ANALYSIS])
    up = np.array([0.0, *SYNTHESIS[:0:-1], *SYNTHESIS, 0.0, 0.0])
    signs = (-1.0) ** np.arange(10)
    bank = [down, -signs * up, up, signs * down]
    return pywt, pywt.Wavelet("cdf97", filter_bank=bank)


def _refuse_grids(X: Any) -> None:
    """Raise if images are not flattened."""
    size = getattr(X, "shape", (0, 0))
    if len(size) > 2:
        raise ValueError(
            f"X must be flattened images, (n_samples, n_features). Got {size}. Give "
            f"X.reshape(len(X), -1), and shape={tuple(size[1:])} to ImageTransformer."
        )


def _check_shape(shape: Any, n_features: int) -> Shape:
    """Return height, width and channels of images with so many values."""
    if shape is None:
        return (1, n_features, 1)
    sizes = list(shape)
    whole = [isinstance(v, Integral) and not isinstance(v, bool) for v in sizes]
    if len(sizes) not in (2, 3) or not all(whole) or min(sizes) < 1:
        raise ValueError(
            "shape must be (height, width) or (height, width, channels), whole numbers "
            f"of at least 1. Got {shape!r}."
        )
    if prod(sizes) != n_features:
        raise ValueError(
            f"shape={shape!r} holds {prod(sizes)} values, but X has {n_features} "
            "features. Give the shape that an image had before it was flattened."
        )
    height, width, channels = (int(v) for v in (*sizes, 1)[:3])
    return height, width, channels


def _check_levels(levels: int | None, shape: Shape) -> int:
    """Return how often the wavelet halves images, which it must be able to."""
    sizes = [n for n in shape[:2] if n > 1]
    most = min(((n & -n).bit_length() - 1 for n in sizes), default=0)
    if (levels or 0) <= most and (most or not sizes):
        return most if levels is None else int(levels)
    remedy = f"take levels={most} at most, " if most else ""
    raise ValueError(
        'representation="wavelet" halves height and width `levels` times, so that they '
        f"must be multiples of 2 ** levels. Got shape={shape[:2]} and levels={levels}. "
        f'Crop or pad the images, {remedy}or take representation="dct".'
    )
