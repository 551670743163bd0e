"""What a fit shows of its progress: printed lines, and scikit-learn's callbacks."""

from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrobust._solvers import Solution

__all__ = ["Progress"]

Array = NDArray[Any]


class Progress:
    """The progress of the last fit of an estimator, the one on all rows.

    Parameters
    ----------
    estimator : estimator
        With `verbose`, and callbacks where scikit-learn has them (from 1.9 on).
    context : CallbackContext or None
        Of the fit; None before scikit-learn 1.9.
    X, y : array-like
        The training data.
    sample_weight : array-like or None
        The weights of the rows.
    """

    def __init__(
        self, estimator: Any, context: Any, X: Any, y: Any, sample_weight: Any
    ) -> None:
        self._estimator, self._verbose = estimator, estimator.verbose
        watched = context is not None and hasattr(estimator, "_skl_callbacks")
        self._context = context if watched else None
        self._lock = Lock()  # outputs are fitted by threads
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._data = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}

    @property
    def watch(self) -> Any:
        """What is called each step, None if nobody looks."""
        return self._show if self.watched else None

    @property
    def watched(self) -> bool:
        """Whether anybody looks."""
        return bool(self._verbose) or self._context is not None

    def begin(self) -> None:
        """Say that the fit begins."""
        if self._context is not None:
            self._context.call_on_fit_task_begin(**self._data)

    def end(self) -> None:
        """Say that the fit has ended."""
        if self._context is not None:
            self._context.call_on_fit_task_end(**self._data)

    def _show(
        self, output: int, coef: Array, intercept: float, solution: Solution
    ) -> bool:
        """Show a step of the fit of an output, and return whether to stop there."""
        if np.ndim(self._data["y"]) == 1:
            fitted = {"coef_": coef, "intercept_": intercept}
            return self.show(solution, lambda: fitted)
        # The other outputs are not there.
        return self.show(solution, lambda: None, f"output {output}, ")

    def show(
        self,
        solution: Solution,
        fitted: Callable[[], dict[str, Any] | None],
        where: str = "",
    ) -> bool:
        """Show a step, and return whether to stop there.

        `fitted` is called for the attributes with which the estimator can predict.
        """
        with self._lock:
            if self._verbose:
                name = type(self._estimator).__name__
                print(
                    f"[{name}] {where}iteration {solution.n_iter}: objective "
                    f"{solution.value:.10g}, gradient {solution.size:.1e}"
                )
            if self._context is None:
                return False
            step = self._context.subcontext(task_name="iteration")
            step.call_on_fit_task_begin(**self._data)
            return bool(
                step.call_on_fit_task_end(
                    **self._data, reconstruction_attributes=fitted()
                )
            )
