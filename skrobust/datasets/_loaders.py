"""Loaders of the real data inside the package."""

import gzip
from importlib import resources

import numpy as np
from sklearn.utils import Bunch

DATA = resources.files("skrobust.datasets") / "data"


def load_delta_ailerons(*, return_X_y=False, as_frame=False):
    """Load the delta ailerons data: small moves are common, wide ones rare.

    The target is the change of an F16's aileron angle. Of 7,129 rows four in five
    move it by less than 0.0004, one in forty by 0.0008 or more. Nothing is
    downloaded: the file is part of the package.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Give pandas objects, which needs pandas, instead of arrays.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        What scikit-learn's loaders give, with the attributes

        data : ndarray or DataFrame of shape (7129, 5)
            Rates and angles of pitch and roll; the source states no units.
        target : ndarray or Series of shape (7129,)
            Change of the aileron angle, in the same unstated unit: multiples of
            0.0001 from -0.0021 to 0.0022, never 0.
        frame : DataFrame of shape (7129, 6) or None
            Features and target together, where `as_frame` is true.
        feature_names : list of str
            Names of the five features.
        target_names : list of str
            Name of the target, ``["Sa"]``.
        DESCR : str
            The data set in words: origin, licence (CC0), what is known of it.
    (data, target) : tuple
        The first two of these, where `return_X_y` is true.

    Raises
    ------
    ImportError
        Where `as_frame` is true and pandas is not installed.

    References
    ----------
    .. [1] J. Alcala-Fdez et al., "KEEL Data-Mining Software Tool: Data Set
           Repository, Integration of Algorithms and Experimental Analysis
           Framework", Journal of Multiple-Valued Logic and Soft Computing 17
           (2011), 255-287.

    Examples
    --------
    >>> import numpy as np
    >>> from skrobust.datasets import load_delta_ailerons
    >>> X, y = load_delta_ailerons(return_X_y=True)
    >>> X.shape
    (7129, 5)
    >>> print(np.histogram(abs(y), bins=[0, 0.00035, 0.00075, 1])[0])
    [5766 1189  174]
    """
    names, values = _read_table("delta_ailerons.csv.gz")
    frame = None
    if as_frame:
        frame = _pandas("load_delta_ailerons").DataFrame(values, columns=names)
        frame = frame[[*names[1:], names[0]]]  # the target is the file's first column
        data, target = frame[names[1:]], frame[names[0]]
    else:
        data, target = np.ascontiguousarray(values[:, 1:]), values[:, 0].copy()
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        frame=frame,
        feature_names=names[1:],
        target_names=names[:1],
        DESCR=(DATA / "delta_ailerons.rst").read_text(encoding="utf-8"),
    )


def _read_table(name):
    """Return the column names and the float64 values of a packed CSV file."""
    text = gzip.decompress((DATA / name).read_bytes()).decode("utf-8")
    header, *rows = text.splitlines()
    return header.split(","), np.loadtxt(rows, delimiter=",", ndmin=2)


def _pandas(caller):
    """Return pandas, or say which call needs it."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            f"{caller}(as_frame=True) needs pandas, which is not installed. "
            "Run 'pip install pandas', or leave as_frame=False for arrays."
        ) from error
    return pandas
