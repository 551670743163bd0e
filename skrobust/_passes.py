"""Fits of several columns of y that pass over X together.

Each column is fitted by the algorithm for one, unchanged, in a thread of its own. Where
it needs a sum over the rows it waits until every other fit that is not over needs one
too; the last one to come then makes one pass over X for all. So X is read as often as
the longest of the fits reads it, and not as often as all of them do.

Nothing a fit computes depends on the others, nor on the order in which they come.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import replace
from threading import Lock, Semaphore
from typing import Any, TypeVar

from skrobust._rows import Outcome, Rows, Sums, Visit

__all__ = ["fit_together"]

T = TypeVar("T")

FITS_AT_A_TIME = 64  # each has a thread, and memory for its own residuals
LONGEST_WAIT = 0.1  # seconds: Windows sees no Ctrl-C within one


def fit_together(
    fit: Callable[..., T], columns: Sequence[Rows], *arguments: Iterable[Any]
) -> list[T]:
    """Return ``list(map(fit, columns, *arguments))``, the same to the last bit.

    Parameters
    ----------
    fit : callable
        ``fit(rows, *arguments)`` fits one column. It may ask for as many sums over its
        rows as it likes. It shares nothing with another fit that either changes, and
        holds no lock while it asks. Between passes, as many fits run at the same time
        as a pass may have threads.
    columns : sequence of Rows
        One for each fit. Those with the same X (the same object) as the first are read
        together; they may differ in all else. What `fit` makes of them (a sample, say)
        with another X is read by it alone, at once.
    *arguments : iterable
        More arguments, one for each fit.

    Returns
    -------
    list
        What the fits returned.

    Raises
    ------
    BaseException
        What a fit raised, as soon as it does, with a note on the column. The other fits
        then end at their next block of rows, as they do on KeyboardInterrupt. Of
        several the first column's.
    """
    tasks = list(zip(columns, *arguments, strict=True))
    if len(tasks) == 1:
        return [fit(*tasks[0])]
    done: list[T] = []
    for first in range(0, len(tasks), FITS_AT_A_TIME):
        done += _at_a_time(fit, tasks[first : first + FITS_AT_A_TIME], first)
    return done


def _at_a_time(
    fit: Callable[..., T], tasks: list[tuple[Any, ...]], first: int
) -> list[T]:
    """Return what the fits of some columns return, the number of the first given."""
    passes = _Passes(tasks[0][0].X, len(tasks), tasks[0][0].threads)
    with ThreadPoolExecutor(len(tasks)) as pool:
        try:
            fits = [
                pool.submit(
                    copy_context().run,
                    passes.run,
                    fit,
                    replace(rows, together=passes.sum),
                    *arguments,
                )
                for rows, *arguments in tasks
            ]
            while wait(fits, timeout=LONGEST_WAIT).not_done:
                pass
        except BaseException:  # KeyboardInterrupt comes to the waiting thread
            passes.cancel()
            raise
    errors = {
        j: error for j, one in enumerate(fits, first) if (error := one.exception())
    }
    for j, error in errors.items():
        if not isinstance(error, _Cancelled):
            error.add_note(f"While fitting column {j} of y.")
            raise error
    return [one.result() for one in fits]


class _Cancelled(BaseException):
    """Ends a fit because of another one's error: nothing for the fit to handle."""


class _Passes:
    """Passes over X that some fits make together.

    There is no thread beside the fits: the last one to ask makes the pass for all.
    """

    def __init__(self, X: Any, fits: int, threads: int) -> None:
        self._X = X
        self._lock = Lock()
        self._running = fits
        self._asked: list[tuple[Rows, Visit, Future[Outcome]]] = []
        self._cancelled = False
        self._turns = Semaphore(max(threads, 1))

    def run(self, fit: Callable[..., T], *arguments: Any) -> T:
        """Run a fit to its end, after which no pass waits for it."""
        with self._turns:
            try:
                self._check()
                return fit(*arguments)
            except BaseException:
                self.cancel()
                raise
            finally:
                self._pass_if_all_wait(ended=1)

    def sum(self, rows: Rows, visit: Visit) -> Outcome:
        """Return what ``rows.sum(visit)`` does, when all fits have asked for a sum."""

        def visit_unless_cancelled(block: slice) -> Sums:
            self._check()
            return visit(block)

        if rows.X is not self._X:
            [outcome] = rows.sums([visit_unless_cancelled])
            return outcome
        answer: Future[Outcome] = Future()
        with self._lock:
            self._check()
            self._asked.append((rows, visit_unless_cancelled, answer))
        self._pass_if_all_wait()
        self._turns.release()
        try:
            return answer.result()
        finally:
            self._turns.acquire()

    def cancel(self) -> None:
        """End all fits: those that wait now, others at their next block of rows."""
        with self._lock:
            self._cancelled = True
            asked, self._asked = self._asked, []
        for *_, answer in asked:
            answer.set_exception(_Cancelled())

    def _check(self) -> None:
        if self._cancelled:
            raise _Cancelled

    def _pass_if_all_wait(self, *, ended: int = 0) -> None:
        """Make the pass that the fits wait for, if all that are not over do."""
        with self._lock:
            self._running -= ended
            if not self._asked or len(self._asked) < self._running:
                return
            asked, self._asked = self._asked, []
        try:
            outcomes = asked[0][0].sums([visit for _, visit, _ in asked])
        except BaseException as error:  # of no visit: let it end every fit
            for *_, answer in asked:
                answer.set_exception(error)
            return
        for (*_, answer), outcome in zip(asked, outcomes, strict=True):
            answer.set_result(outcome)
