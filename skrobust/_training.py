"""The training of a network: from few rows and a convex loss to all and the last one.

Two things change from round to round: the rows that are looked at grow from some
thousand to all, and alpha walks down from 1 to where it shall be. Each round starts
where the one before ended, takes the scale of the residuals from there and holds it,
and takes some steps of L-BFGS in coordinates made for it. Of some random starts the
first round keeps the one with the smallest robust scale.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from skrobust._network import Network
from skrobust._network_loss import NetworkLoss, OutputLosses
from skrobust._residual_laws import Law, law_of, robust_scales
from skrobust._rows import Rows
from skrobust._scale import weighted_median
from skrobust._solvers import Solution, descend
from skrobust._task import Note, Task
from skrobust.loss import Family, General
from skrobust.tuning import tuning_constant

__all__ = ["Data", "Plan", "Trained", "train"]

Array = NDArray[Any]
Watch = Callable[[Array, Solution], bool | None]
Units = tuple[Array, Array]

FEW, GROWTH = 2000, 2  # rows to begin with, and their growth in each round
NEARLY_ALL = 1.5  # times these rows: then all are next
ROUND = 30  # steps in the same coordinates
TRIAL = 8  # steps after which starts are compared
EARLY = 12  # steps of a round before the last fit: more would fit outliers too
PART = 8  # of max_iter, as much as such a round may take
NEARLY_ABSOLUTE = 0.5  # c of the first round, in units of y
PATH = 0.5, 0.0, -1.0  # alpha between the first round, which has 1, and the last fit
LOOKED_AT = 20_000  # rows from which a scale is taken before the last fit
FLOOR = 0.05  # of a scale, in units of that after the first round
LEAST_FLOOR = 1e-6  # and in units of y: less is an exact fit
STRONGEST_PENALTY = 3e-5  # for each input of a unit, as a geometric mean
PRIOR_VARIANCE = 1 / 300  # of coefficients, where features and targets have 1
REJECTING = -2.0  # alpha before one is learnt
BY_HEART = 0.5  # of the first scale of all rows: a smaller one is no noise
NOISY = 20  # by how much it may be more where there is little but noise
EARLY_PENALTY = 0.2  # in units of scale / sqrt(n)
SETTLED = 0.02  # relative change of a scale that needs no other round
TINY = float(np.finfo(float).tiny)


@final
@dataclass(frozen=True)
class Data:
    """Rows with targets of shape (n, k), and what to fit to each of them."""

    rows: Rows
    tasks: list[Task]

    def choose(self, chosen: Array) -> "Data":
        """Return some of the rows."""
        return Data(self.rows.choose(chosen), [task.at(chosen) for task in self.tasks])

    def without_absent(self) -> "Data":
        """Return the rows whose weight is positive: no other is looked at."""
        everything = len(self.present) == len(self.rows)
        return self if everything else self.choose(self.present)

    def on_the_way(self) -> "Data":
        """Return the rows with losses that are not learnt yet."""
        if not self.tasks[0].learns:
            return self
        return Data(self.rows, [_not_learning(task) for task in self.tasks])

    @cached_property
    def present(self) -> Array:
        """The rows whose weight is positive."""
        weights = self.rows.weights
        return np.arange(len(self.rows)) if weights is None else np.flatnonzero(weights)

    def losses(self, laws: list[Law]) -> OutputLosses:
        """Return the losses of the outputs under their laws.

        Each counts like its squares, in units of the spread of its target, but in a
        likelihood all count alike.
        """
        pairs = list(zip(laws, self.tasks, strict=True))
        columns = [t.c if isinstance(t.c, np.ndarray) else law.c for law, t in pairs]
        c = np.stack(np.broadcast_arrays(*columns), axis=-1)
        counts = np.square(c)
        if self.tasks[0].learns:
            counts = np.full(c.shape, self.unit(laws) ** 2)
        families = [law.family(task) for law, task in pairs]
        if _all_alike(families):
            families = families[:1]
        return OutputLosses(families, c, counts / len(laws))

    def units(self, laws: list[Law]) -> Units:
        """Return the scale of each output, and how its loss bends there."""
        weights = self.rows.weights
        pairs = zip(laws, self.tasks, strict=True)
        bends = [law.bend(task, weights) for law, task in pairs]
        return np.array([law.scale for law in laws]), np.array(bends)

    def unit(self, laws: list[Law]) -> float:
        """Return what a penalty is in units of in a likelihood: the typical c.

        That of a Cauchy law is so small beside its residuals that the penalty would
        outweigh them, and the law then shrink further: the c that an efficiency asks
        for counts instead where it is larger. It is their root mean square, as the
        penalty is chosen from mean squares of scales: an output that is nearly exact
        would make it too strong for the others.
        """
        sizes = []
        for law, task in zip(laws, self.tasks, strict=True):
            c = law.c
            if isinstance(task.c, np.ndarray):
                weights = self.rows.weights
                every = np.ones(len(self.rows)) if weights is None else weights
                c = weighted_median(task.c, every)
            if np.isfinite(law.alpha) and task.efficiency is not None:
                c = max(c, law.scale * tuning_constant(law.alpha, task.efficiency))
            sizes.append(float(c))
        return float(np.sqrt(np.mean(np.square(sizes))))


def _all_alike(families: list[Family]) -> bool:
    """Whether one loss is that of all outputs, and of all rows."""
    first = families[0]
    if not isinstance(first, General):
        return True  # no other family has parameters
    alphas = [getattr(family, "alpha", np.nan) for family in families]
    return all(isinstance(a, float) and a == first.alpha for a in alphas)


def _not_learning(task: Task) -> Task:
    """Return a task with a robust loss instead of the likeliest one."""
    if task.alpha is None:
        task = task.with_alpha(REJECTING)
    return replace(task, c="auto" if task.c is None else task.c)


@final
@dataclass(frozen=True)
class Plan:
    """How to train, as the user wants it."""

    l2: float | None
    n_init: int
    max_iter: int
    tol: float
    patience: int
    seed: int
    warm: Array | None = None
    floor: Array | None = None  # under scales, as the fit before had it
    watch: Watch | None = None

    def penalty(
        self, scales: Array, bends: Array, rows: Rows, network: Network
    ) -> float:
        """Return the strength of the penalty, for scales and bends of all outputs.

        It is that of coefficients which are normal before the data are seen, for normal
        noise of that scale, but no more than what suits most data: the more inputs a
        unit has, the smaller their coefficients may be, and so where noise prevails.
        """
        if self.l2 is not None:
            return self.l2
        variance = float((bends * np.square(scales)).mean())
        share = variance / (rows.total * rows.y.shape[1])
        inputs = float(np.exp(np.mean(np.log(network.sizes[:-1]))))
        noise = 1 + NOISY * float(np.square(scales).mean())
        strongest = STRONGEST_PENALTY * inputs * noise * float(bends.mean())
        return float(min(share / PRIOR_VARIANCE, strongest))

    def early_penalty(self, scales: Array, bends: Array, rows: Rows) -> float:
        """Return the strength of the penalty of a round before the last fit.

        It is another one, and at least what is given: what such a round fits more
        closely may be outliers.
        """
        typical = float(np.sqrt(np.square(scales).mean()))
        share = typical / float(np.sqrt(rows.total * rows.y.shape[1]))
        return max(self.l2 or 0.0, EARLY_PENALTY * share * float(bends.mean()))


@final
class Trained(NamedTuple):
    """What training has come to, in the units of the rows.

    `value` is the objective at the end, `curve` has it after each step on all rows, and
    `scores` minus the loss of the validation rows, if there are any: `params` are then
    those of the best one since alpha and c are learnt. `floor` is what no scale of an
    output is below.
    """

    params: Array
    laws: list[Law]
    value: float
    best_value: float
    l2: float
    curve: list[float]
    scores: list[float]
    best_score: float
    n_iter: int
    converged: bool
    notes: list[Note]
    floor: Array


def train(
    data: Data, network: Network, plan: Plan, validation: Data | None = None
) -> Trained:
    """Train a network.

    Raises
    ------
    FloatingPointError
        If the objective overflows; its message says at which iteration.
    """
    floor = None if plan.floor is None else np.minimum(plan.floor, FLOOR)
    scales = _Scales(data, network, floor)
    params = plan.warm
    if params is None:
        try:
            params = _begun(data, network, plan, scales)
        except FloatingPointError as error:
            where = "at iteration 0, before it had seen all rows"
            raise FloatingPointError(where) from error
        if data.tasks[0].learns:
            # A likelihood takes rows that are not fitted yet for outliers.
            half = replace(plan, max_iter=(plan.max_iter + 1) // 2)
            held = validation and validation.on_the_way()
            first = _LastFit(data.on_the_way(), network, half, scales, held)
            params = first.run(params).params
            last = _LastFit(data, network, plan, scales, validation)
            last.curve, last.scores = first.curve, first.scores
            last.stopped = first.stopped
            return last.run(params)
    return _LastFit(data, network, plan, scales, validation).run(params)


@dataclass
class _Scales:
    """The scales of residuals, and the floor under them that the first ones set."""

    data: Data
    network: Network
    floor: Array | None = None
    first: Array | None = None  # scales at the start of the first fit of all rows

    def residuals(self, data: Data, params: Array) -> Array:
        """Return the residuals of rows, of shape (n, k)."""
        rows = data.rows

        def visit(block: slice) -> Array:
            X, residual = rows.block(block)
            residual -= self.network.predict(params, X)
            return residual

        return rows.collect(visit)

    def laws(self, data: Data, params: Array, step: float = -np.inf) -> list[Law]:
        """Return the laws of the outputs, from the residuals of rows."""
        residuals, weights = self.residuals(data, params), data.rows.weights
        scales = robust_scales(residuals, weights)
        if self.floor is None:
            self.floor = np.maximum(FLOOR * scales, LEAST_FLOOR)
        columns = zip(data.tasks, residuals.T, scales, self.floor, strict=True)
        return [
            law_of(task, r, weights, max(scale, floor), floor, step)
            for task, r, scale, floor in columns
        ]


def _begun(data: Data, network: Network, plan: Plan, scales: _Scales) -> Array:
    """Return where the last fit starts."""
    steps = min(EARLY, max(1, plan.max_iter // PART))
    sizes, path = _sizes(len(data.present)), _path(data.tasks)
    losses, few = _first_losses(data.tasks), _some(data, sizes[0], [plan.seed, 0])

    def round_of(
        some: Data, losses: OutputLosses, units: Units, params: Array, steps: int
    ) -> Array:
        l2 = plan.early_penalty(*units, some.rows)
        objective = NetworkLoss(some.rows, network, losses, l2)
        return descend(objective, params, max_iter=steps).params

    starts = [
        network.start(np.random.default_rng([plan.seed, i])) for i in range(plan.n_init)
    ]
    one = np.ones(1), np.ones(1)
    if len(starts) > 1:
        trial = min(TRIAL, steps)
        starts = [round_of(few, losses, one, params, trial) for params in starts]
        starts.sort(key=lambda params: _spread(few, scales, params))
    params = round_of(few, losses, one, starts[0], steps)
    for i in range(1, max(len(sizes) - 1, len(path) + 1)):
        step = path[i - 1] if i <= len(path) else -np.inf
        some = _some(data, sizes[min(i, len(sizes) - 1)], [plan.seed, i])
        looked_at = _some(some, LOOKED_AT, [plan.seed])
        laws = scales.laws(looked_at.on_the_way(), params, step)
        params = round_of(some, some.losses(laws), some.units(laws), params, steps)
    return params


def _sizes(n: int) -> list[int]:
    """Return how many rows each round looks at, all in the end."""
    sizes = [FEW]
    while sizes[-1] * NEARLY_ALL < n:
        sizes.append(sizes[-1] * GROWTH)
    return [*sizes[:-1], n]


def _path(tasks: list[Task]) -> list[float]:
    """Return the alphas between the first round's and that of the last fit."""
    lowest = REJECTING
    if tasks[0].alpha is not None:
        lowest = min(task.lowest for task in tasks)
    return [step for step in PATH if step > lowest]


def _first_losses(tasks: list[Task]) -> OutputLosses:
    """Return the losses of the first round: squares, or nearly absolute ones."""
    k = len(tasks)
    if all(task.lowest >= 2 for task in tasks):
        return OutputLosses([General(2.0)], np.ones(k), np.full(k, 1 / k))
    c = np.full(k, NEARLY_ABSOLUTE)
    return OutputLosses([General(1.0)], c, np.square(c) / k)


def _some(data: Data, size: int, seed: list[int]) -> Data:
    """Return some of the rows, drawn at random, in their order."""
    if size >= len(data.present):
        return data
    rng = np.random.default_rng(seed)
    chosen = rng.choice(data.present, size, replace=False, shuffle=False)
    return data.choose(np.sort(chosen))


def _spread(data: Data, scales: _Scales, params: Array) -> float:
    """Return by how much residuals spread: robustly, unless squares are minimised."""
    residuals, weights = scales.residuals(data, params), data.rows.weights
    if all(task.lowest >= 2 for task in data.tasks):
        squares = np.average(np.square(residuals), axis=0, weights=weights)
        return float(squares.mean())
    spreads = robust_scales(residuals, weights)
    return float(np.log(np.maximum(spreads, TINY)).sum())


@dataclass
class _LastFit:
    """The fit of all rows, round by round until it stalls."""

    data: Data
    network: Network
    plan: Plan
    scales: _Scales
    validation: Data | None
    curve: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    best: Array | None = None
    stalled: bool = False
    stopped: bool = False
    _since: int = 0  # step from which on the objective is the same
    _judged_since: int = 0  # step from which on scores are those of this fit
    _cut_short: bool = False  # whether a round ended although there was more to take
    _reached: float = np.inf  # nats at the end of the round before
    _laws: list[Law] = field(default_factory=list)
    _yardstick: list[Law] = field(default_factory=list)

    def run(self, params: Array) -> Trained:
        """Return what all rows teach, after the steps that `curve` has already."""
        plan, done = self.plan, len(self.curve)
        self._since = self._judged_since = done
        self._laws = self._yardstick = self.scales.laws(self.data, params)
        while done < plan.max_iter and not (self.stalled or self.stopped):
            steps = min(ROUND, plan.max_iter - done)
            try:
                solution = descend(
                    self._objective(),
                    params,
                    max_iter=steps,
                    done=done,
                    observe=self._observe,
                )
            except FloatingPointError as error:
                raise FloatingPointError(f"at iteration {done}") from error
            if not self.curve:  # the start is a minimum
                self._observe(replace(solution, n_iter=1))
            self.stalled |= solution.n_iter == done
            self._cut_short = not solution.stopped and solution.n_iter < done + steps
            done, params = solution.n_iter, solution.params
            self._settle(params)
        if self.best is not None:
            params = self.best
            self._laws = self.scales.laws(self.data, params)
        return self._trained(params, done)

    def _objective(self) -> NetworkLoss:
        rows, losses = self.data.rows, self.data.losses(self._laws)
        found, bends = self.data.units(self._laws)
        if self.scales.first is None:
            self.scales.first = found
        # Rows that are fitted by heart say nothing of the noise.
        noise = np.maximum(found, BY_HEART * self.scales.first)
        l2 = self.plan.penalty(noise, bends, rows, self.network)
        return NetworkLoss(rows, self.network, losses, l2)

    def _trained(self, params: Array, n_iter: int) -> Trained:
        notes: list[Note] = []
        objective = self._objective()
        value = self._comparable(objective.evaluate(params)[0], self._laws)
        if not (self.stalled or self.stopped):
            notes.append((_shortfall(self.plan), ConvergenceWarning))
        return Trained(
            params=params,
            laws=self._last_laws(params),
            value=value,
            best_value=min(
                self.curve[self._judged_since :] or self.curve, default=value
            ),
            l2=objective.l2,
            curve=self.curve,
            scores=self.scores,
            best_score=max(self.scores[self._judged_since :] or self.scores, default=0),
            n_iter=max(n_iter, 1),
            converged=self.stalled and not self.stopped,
            notes=notes,
            floor=np.array(self.scales.floor),
        )

    def _last_laws(self, params: Array) -> list[Law]:
        """Return the laws, with scales that are those of the last residuals."""
        if all(task.tunes for task in self.data.tasks):
            return self._laws  # whose c is that of the objective
        now = self.scales.laws(self.data, params)
        pairs = zip(self._laws, now, strict=True)
        return [law._replace(scale=new.scale) for law, new in pairs]

    @property
    def _learns(self) -> bool:
        return self.data.tasks[0].learns

    def _comparable(
        self, value: float, laws: list[Law], data: Data | None = None
    ) -> float:
        """Return an objective that other laws have too: of a likelihood, in nats.

        It is that of the rows to fit, or of other data.
        """
        if not self._learns:
            return value
        nats = value / (data or self.data).unit(laws) ** 2
        return nats + float(np.mean([law.log_cz for law in laws]))

    def _worth(self, value: float) -> float:
        """Return the least fall of an objective that counts.

        What outliers cost is no measure for it. Where hardly anything is left, in units
        of y squared, nothing is worth it.
        """
        if self._learns:
            return self.plan.tol
        typical = float(np.mean([law.scale**2 for law in self._laws]))
        return self.plan.tol * (min(value, typical) + self.plan.tol)

    def _observe(self, solution: Solution) -> bool:
        """Take note of a step, and return whether to stop there."""
        self.curve.append(self._comparable(solution.value, self._laws))
        if self.validation is not None:
            self._validate(self.validation, solution.params)
        elif len(self.curve) - self._since > self.plan.patience:
            before, now = self.curve[-1 - self.plan.patience], self.curve[-1]
            self.stalled = before - now <= self._worth(now)
        if self.plan.watch is not None:
            self.stopped |= bool(self.plan.watch(solution.params, solution))
        return self.stalled or self.stopped

    def _validate(self, validation: Data, params: Array) -> None:
        """Judge a step by rows that took no part in it."""
        laws = self._laws if self._learns else self._yardstick
        losses = validation.losses(laws)
        objective = NetworkLoss(validation.rows, self.network, losses, 0.0)
        score = -self._comparable(objective.value(params), laws, validation)
        mine, patience = self.scores[self._judged_since :], self.plan.patience
        self.scores.append(score)
        if score > max(mine, default=-np.inf):
            self.best = params
        mine.append(score)
        recent, rest = mine[-patience:], mine[:-patience]
        if rest:
            self.stalled = max(recent) <= max(rest) + self._worth(abs(max(rest)))

    def _settle(self, params: Array) -> None:
        """Let the laws follow the residuals, and go on where they moved."""
        if self.stopped or (self.stalled and self.validation is not None):
            return
        before, after = self._laws, self.scales.laws(self.data, params)
        if self._learns:
            old, new = (self._nats(params, laws) for laws in (before, after))
            # Where rounding hides any descent, no round lasts for as long as patience.
            self.stalled |= self._cut_short and self._reached - new <= self.plan.tol
            self.stalled &= old - new <= self.plan.tol
            self._reached = new
            # The penalty is in units of c: only steps of one round compare.
            self._laws, self._since = after, len(self.curve)
            return
        moved = any(
            abs(new.c / old.c - 1) > SETTLED
            for old, new in zip(before, after, strict=True)
        )
        if moved:
            self._laws, self._since, self.stalled = after, len(self.curve), False

    def _nats(self, params: Array, laws: list[Law]) -> float:
        """Return the mean negative log-likelihood of the rows under some laws."""
        objective = NetworkLoss(
            self.data.rows, self.network, self.data.losses(laws), 0.0
        )
        return self._comparable(objective.value(params), laws)


def _shortfall(plan: Plan) -> str:
    """Return what to tell the user of a fit that did not end by itself."""
    return (
        f"The fit stopped after max_iter={plan.max_iter} iterations, while its loss "
        f"still fell by more than tol={plan.tol:g}, relative to it, in "
        f"{plan.patience} iterations. Raise max_iter or tol."
    )
