"""The constant that makes a density of the general loss, and what follows from it.

The density of a residual r is ``exp(-rho(r, alpha, c)) / (c Z(alpha))``, with

    Z(alpha) = integral of exp(-rho(u, alpha, 1)) du,  alpha >= 0

called the partition function by [1]_. For alpha < 0 the loss is bounded, the integral
diverges, and there is a density on a bounded support only.

References
----------
.. [1] J. T. Barron, "A General and Adaptive Robust Loss Function", CVPR 2019.
       https://arxiv.org/abs/1701.03077
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skrobust import loss
from skrobust._quadrature import (
    Nodes,
    lane_by_lane,
    rho_alpha_alpha,
    truncated,
    whole_line,
)

__all__ = [
    "as_numbers",
    "check_scale",
    "check_shape",
    "fisher_information",
    "log_partition",
]

Float = NDArray[np.float64]


def log_partition(
    alpha: ArrayLike, derivative: int = 0, *, support: ArrayLike | None = None
) -> Float:
    """Return the logarithm of the partition function of the general loss.

    Parameters
    ----------
    alpha : array-like
        Shape of the loss, in [0, inf]; with a `support`, in [-inf, inf].
    derivative : {0, 1, 2}, default=0
        How often to differentiate with respect to `alpha`.
    support : array-like, default=None
        Where the density is cut off, in units of c: the integral is over
        ``-support < u < support``. It is positive, and finite where alpha is negative.
        A density of residuals r that ends at ``|r| = T``, whatever c, has ``T / c``
        here. By default, all of the real line.

    Returns
    -------
    ndarray or scalar of the broadcast shape of `alpha` and `support`
        ``log Z(alpha)``, or its first or second derivative. On the whole line it falls
        from ``log(pi sqrt(2))`` at alpha = 0 through ``log(sqrt(2 pi))`` at 2 to
        0.70526... at inf. At alpha = 2 its tangent is vertical: the first derivative is
        -inf and the second, inf on one side and -inf on the other, is NaN.

    Raises
    ------
    ValueError
        If alpha is NaN or is negative without a support, if a support is not positive,
        or if `derivative` is not 0, 1 or 2.

    See Also
    --------
    general_dist : The distribution.

    Notes
    -----
    After ``u = sqrt(b) sinh(theta)``, ``b = |alpha - 2|``, the trapezoid rule computes
    the integral; with a support, Gauss's does. The error of its logarithm is at most
    4e-15 or a few roundings, and no table is involved. The derivatives are
    ``-E[rho_alpha]`` and ``Var[rho_alpha] - E[rho_alpha_alpha]`` under the density.

    References
    ----------
    .. [1] J. T. Barron, "A General and Adaptive Robust Loss Function", CVPR 2019.
           https://arxiv.org/abs/1701.03077
    .. [2] N. Chebrolu, T. Labe, O. Vysotska, J. Behley, C. Stachniss, "Adaptive Robust
           Kernels for Non-Linear Least Squares Problems", RA-L 2021.
           https://arxiv.org/abs/2004.14938

    Examples
    --------
    >>> import numpy as np
    >>> from skrobust import log_partition
    >>> np.exp(log_partition([0.0, 1.0, 2.0, np.inf]))
    array([4.44288294, 3.2723..., 2.50662827, 2.0243...])
    >>> float(log_partition(0.0, derivative=1))
    -0.85977286...
    >>> float(log_partition(-2.0, support=10.0))
    1.745...
    """
    if derivative not in (0, 1, 2):
        raise ValueError(f"derivative must be 0, 1 or 2. Got {derivative!r}.")
    if support is None:
        check_shape(alpha)
        lanes = [alpha]
    else:
        lanes = [*_checked_support(alpha, support)]

    def block(alpha: Float, *support: Float) -> Float:
        nodes = truncated(alpha, *support) if support else whole_line(alpha)
        return _derivative(alpha, nodes, derivative)

    value: Float = lane_by_lane(block, *lanes)[()]
    return value


def fisher_information(alpha: ArrayLike, c: ArrayLike = 1.0) -> Float:
    """Return the expected information of one residual about location, alpha and c.

    Parameters
    ----------
    alpha : array-like
        Shape of the density, in [0, inf].
    c : array-like, default=1.0
        Scale of the density, positive and finite.

    Returns
    -------
    ndarray of shape (..., 3, 3)
        The matrix for each alpha and c, rows and columns in the order location, alpha,
        c; in units of ``1 / c**2``, 1 and ``1 / c``. The location is uncorrelated with
        the others. At alpha = 2 the entries of alpha with alpha and c are inf and -inf;
        at alpha = inf they are 0, and long before alpha is hardly identified.

    Raises
    ------
    ValueError
        If alpha is NaN or negative, or c is not positive and finite.

    Notes
    -----
    With u = r / c, w the weight and expectations under the density::

        I_loc = E[(u w)**2] / c**2              I_alpha   = Var[rho_alpha]
        I_c   = (E[(u**2 w)**2] - 1) / c**2     I_alpha_c = -Cov[u**2 w, rho_alpha] / c

    Examples
    --------
    >>> from skrobust import fisher_information
    >>> fisher_information(1.0).round(5)
    array([[ 0.45459,  0.     ,  0.     ],
           [ 0.     ,  0.28273, -0.50843],
           [ 0.     , -0.50843,  1.24489]])
    """
    check_shape(alpha)
    check_scale(c)
    matrix = lane_by_lane(_information, alpha)
    c = np.asarray(c, np.float64)
    unit = np.stack([c, np.ones_like(c), c], axis=-1)
    with np.errstate(over="ignore"):  # of information about very small c
        value: Float = matrix / unit[..., :, None] / unit[..., None, :]
    return value


def check_shape(alpha: Any) -> None:
    """Raise a ValueError unless the density exists on the whole line at all alphas."""
    values = as_numbers(alpha, "alpha", "loss.ALPHAS has those of the named losses.")
    wrong = ~(values >= 0)
    if wrong.any():
        raise ValueError(
            "alpha must be in [0, inf]: below 0 the loss is bounded, and exp(-loss) "
            f"has no finite integral over the real line. Got {_first(values, wrong)}. "
            "For negative alpha, cut it off: log_partition(alpha, support=T / c); "
            "or minimise the loss at a given alpha, which needs no density."
        )


def check_scale(c: Any, name: str = "c") -> None:
    """Raise a ValueError unless all scales are positive and finite."""
    values = as_numbers(c, name, "Give one in the unit of the residuals.")
    wrong = ~((values > 0) & np.isfinite(values))
    if wrong.any():
        raise ValueError(
            f"{name} must be positive and finite, in the unit of the residuals. "
            f"Got {_first(values, wrong)}."
        )


def as_numbers(x: Any, name: str, remedy: str) -> Float:
    """Return an argument as an array of numbers."""
    try:
        return np.asarray(x, np.float64)
    except (TypeError, ValueError):
        message = f"{name} must be a number, or an array of them. Got {x!r}. {remedy}"
        raise ValueError(message) from None


def _checked_support(alpha: ArrayLike, support: ArrayLike) -> tuple[Float, Float]:
    """Return both broadcast, if each density exists on its support."""
    a, end = np.broadcast_arrays(
        as_numbers(alpha, "alpha", "loss.ALPHAS has those of the named losses."),
        as_numbers(support, "support", "It is in units of c."),
    )
    if np.isnan(a).any():
        raise ValueError("alpha must be in [-inf, inf]. Got nan.")
    wrong = ~(end > 0) | ((a < 0) & np.isinf(end))
    if wrong.any():
        raise ValueError(
            "support must be positive, and finite where alpha is negative: it is where "
            f"the density ends, in units of c. Got {_first(end, wrong)}."
        )
    return a, end


def _first(x: Float, wrong: Any) -> float:
    """Return the first value that is wrong."""
    return float(x[wrong].flat[0])


@np.errstate(all="ignore")  # at alpha = 2 the derivatives are -inf and NaN, as they are
def _derivative(alpha: Float, nodes: Nodes, order: int) -> Float:
    """Return log Z or a derivative of it for some alphas with their nodes."""
    if order == 0:
        return nodes.log_z
    slopes = loss.rho_alpha(nodes.u, alpha[:, None])
    mean = _mean(slopes, nodes)
    if order == 1:
        return -mean
    spread = _mean(np.square(slopes - mean[:, None]), nodes)
    value = spread - _mean(rho_alpha_alpha(nodes.u, alpha), nodes)
    return np.where(np.isinf(alpha), 0.0, value)


@np.errstate(all="ignore")
def _information(alpha: Float) -> Float:
    """Return the information matrices for c = 1."""
    nodes = whole_line(alpha)
    u, a = nodes.u, alpha[:, None]
    psi = loss.psi(u, a)
    pulls, slopes = u * psi - 1, loss.rho_alpha(u, a)  # E[u psi] = 1
    slopes -= _mean(slopes, nodes)[:, None]
    matrix = np.zeros((alpha.size, 3, 3))
    matrix[:, 0, 0] = _mean(psi**2, nodes)
    matrix[:, 1, 1] = _mean(slopes**2, nodes)
    matrix[:, 2, 2] = _mean(pulls**2, nodes)
    matrix[:, 1, 2] = matrix[:, 2, 1] = -_mean(pulls * slopes, nodes)
    matrix[alpha == 2, 1] = matrix[alpha == 2, :, 1] = [0, np.inf, -np.inf]
    return matrix


def _mean(values: NDArray[Any], nodes: Nodes) -> Float:
    """Return the mean under the density."""
    mean: Float = np.einsum("ij,ij->i", values, nodes.share)
    return mean
