"""Times that can be compared: of functions that take turns, in one run."""

from statistics import median
from time import perf_counter


def seconds(functions, runs):
    """Return the median seconds of each function, all taking turns."""
    taken = [[] for _ in functions]
    for _ in range(runs):
        for function, times in zip(functions, taken, strict=True):
            start = perf_counter()
            function()
            times.append(perf_counter() - start)
    return [median(times) for times in taken]
