"""Time the kernels of the loss beside the two functions that any writing of it takes.

Claims, each a ratio of median times in one run, for a million residuals, one thread:

    rho and psi, float64    at most 2.5 x ``np.log1p(x); np.exp(x)``
    rho and psi, float32    faster than float64

at ``alpha`` -inf, -2, 0, 0.5, 1, 1.5 and 2. Not reached yet, on two shared cores: the
first at 0.5 and 1.5, where it is 2.5 to 2.8, and the second at -inf, a tie. The
residuals are normal, with one in ten ten times as wide, and ``c=1.3``. The weight, the
derivative in alpha, and rho and psi of 2,000 residuals are timed beside it, without a
claim. Run with ``--cauchy`` for residuals that are Cauchy's.
"""

import argparse

import numpy as np
from _timing import seconds

from skrobust import loss

ALPHAS = [-np.inf, -2.0, 0.0, 0.5, 1.0, 1.5, 2.0]
N = 1_000_000
C = 1.3


def residuals(cauchy):
    """Return the residuals."""
    rng = np.random.default_rng(0)
    if cauchy:
        return rng.standard_cauchy(N)
    return rng.standard_normal(N) * np.where(rng.random(N) < 0.1, 10.0, 1.0)


def peers(r, alpha):
    """Return what to time."""
    single, few = r.astype(np.float32), r[:2000]
    size, negative = np.abs(r), -np.abs(r)

    def transcend():
        np.log1p(size)
        np.exp(negative)

    return {
        "log1p; exp": transcend,
        "rho and psi": lambda: loss.evaluate(r, alpha, C, order=1),
        "float32": lambda: loss.evaluate(single, alpha, C, order=1),
        "weight": lambda: loss.weight(r, alpha, C),
        "rho_alpha": lambda: loss.rho_alpha(r, alpha, C),
        "2,000": lambda: [loss.evaluate(few, alpha, C, order=1) for _ in range(100)],
    }


def main(cauchy):
    """Print a line for each alpha: ratios to log1p and exp, and microseconds."""
    r = residuals(cauchy)
    print("alpha  log1p; exp  rho and psi   float32   weight   rho_alpha   2,000 rows")
    for alpha in ALPHAS:
        functions = peers(r, alpha)
        taken = dict(zip(functions, seconds(functions.values(), runs=15), strict=True))
        base, few = taken.pop("log1p; exp"), taken.pop("2,000") / 100
        ratios = [seconds / base for seconds in taken.values()]
        print(
            f"{alpha:5} {1e3 * base:9.2f} ms {ratios[0]:11.2f} x {ratios[1]:7.2f} x"
            f" {ratios[2]:6.2f} x {ratios[3]:9.2f} x {1e6 * few:9.0f} us"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cauchy", action="store_true", help="heavier tails")
    main(parser.parse_args().cauchy)
