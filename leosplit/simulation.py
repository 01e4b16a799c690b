"""A scheme over the slots of a scenario: delay, allocation, hand-overs of routes and churn of links."""

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

from formulation import Problem, Solution, as_problem, evaluate
from instances import Instance, Scenario, cut_off_tasks
from solvers.schemes import SchemeOptions, run_scheme

IDLE = "idle"
CUT_OFF = "cut_off"
SLOTS_AHEAD = 4
"""Slots handed to the processes ahead of time, for each."""
Pair = tuple[str, str]
Route = tuple[str, str]
"""Satellite of the task and kind of the packet: ``data`` or ``model``."""


@dataclass(frozen=True)
class TaskRow:
    """One task in one slot.

    Attributes
    ----------
    slot, time_s
        Slot number and its time after the epoch, s.
    satellite
        Where the task is.
    termination
        The slot's termination, or ``cut_off`` where no computing satellite can be reached both ways.
    computing_satellite, offload_ratio
        c(m) and ρ_m, or None without a solution.
    delay_s
        T_m, s, or None.
    late
        Whether T_m exceeds Δt: the network changes while the task is served.
    data_hops, model_hops
        Links of the two routes; None where the packet is not sent.
    downlink_s
        Time after T_m until all results are on the ground, waiting for contacts included, s: beyond the paper, and only
        where the scenario has a downlink; None without one or without a contact in time.
    """

    slot: int
    time_s: float
    satellite: str
    termination: str
    computing_satellite: str | None = None
    offload_ratio: float | None = None
    delay_s: float | None = None
    late: bool | None = None
    data_hops: int | None = None
    model_hops: int | None = None
    downlink_s: float | None = None


@dataclass(frozen=True)
class SlotRow:
    """One slot.

    Attributes
    ----------
    slot, time_s
        Slot number and its time after the epoch, s.
    termination
        The scheme's, ``idle`` without tasks, ``cut_off`` if every task is cut off.
    tasks, cut_off, late
        Tasks that arrived; those that can reach no computing satellite both ways; those with T > Δt.
    mean_s, max_s
        Mean and largest delay of the tasks that were served, s, or None.
    mean_offload_ratio
        Mean ρ of them, or None.
    links_up
        Directed links that are up.
    links_gone, links_new
        Directed links that went down or came up since the slot before (0 in the first).
    routes
        Packets that are sent.
    handovers
        Routes that the same satellite's packet of the same kind had otherwise in the slot before.
    broken_routes
        Routes of the slot before that have lost a link by this slot: a packet still under way would be handed over.
    decision_s
        Time the scheme took, s.
    message
        What went wrong, in a sentence.
    """

    slot: int
    time_s: float
    termination: str
    tasks: int = 0
    cut_off: int = 0
    late: int = 0
    mean_s: float | None = None
    max_s: float | None = None
    mean_offload_ratio: float | None = None
    links_up: int = 0
    links_gone: int = 0
    links_new: int = 0
    routes: int = 0
    handovers: int = 0
    broken_routes: int = 0
    decision_s: float = 0.0
    message: str = ""


@dataclass(frozen=True)
class SlotResult:
    """What happened in one slot.

    Attributes
    ----------
    row, tasks
        The slot, and its tasks in file order.
    instance
        The slot's instance without the tasks that are cut off; None if none is left.
    solution
        The scheme's decision, or None.
    """

    row: SlotRow
    tasks: tuple[TaskRow, ...]
    instance: Instance | None
    solution: Solution | None

    @property
    def paths(self) -> dict[Route, tuple[str, ...]]:
        """Routes of the slot's packets."""
        decisions = self.solution.tasks if self.solution is not None and self.row.mean_s is not None else ()
        both = (((d.satellite, kind), path) for d in decisions for kind, path in _kinds(d.data_path, d.model_path))
        return {key: tuple(path) for key, path in both if path}


def _kinds(
    data: tuple[str, ...] | None, model: tuple[str, ...] | None
) -> tuple[tuple[str, tuple[str, ...] | None], ...]:
    return ("data", data), ("model", model)


def simulate(
    scenario: Scenario,
    scheme: str,
    options: SchemeOptions | None = None,
    *,
    ask: Callable[[Instance], Problem] = as_problem,
    start: int = 0,
    stop: int | None = None,
    stage: Callable[[str], None] = lambda name: None,
    workers: int = 1,
) -> Iterator[SlotResult]:
    """Run a scheme slot by slot.

    A task that is cut off is reported and left out; the others of its slot go on.

    Parameters
    ----------
    scenario
        The slots.
    scheme
        Name of a scheme.
    options
        Its options.
    ask
        What is asked of each slot's instance; the plain problem by default.
    start, stop
        First slot, and the one to stop before; the whole span by default.
    stage
        Called with a name before each slot.
    workers
        Processes that decide slots at the same time, by the engine of sweeps; the results are the same.

    Yields
    ------
    SlotResult
        One for every slot, idle ones too.
    """
    before_up: set[Pair] | None = None
    before: dict[Route, tuple[str, ...]] = {}
    ground = _Ground(scenario)
    slots = range(start, scenario.count if stop is None else min(stop, scenario.count))
    decide = partial(_decide, scheme=scheme, options=options or SchemeOptions(), ask=ask)
    for decided in (
        _one_by_one(scenario, slots, decide, stage)
        if workers == 1
        else _at_once(scenario, slots, decide, stage, workers)
    ):
        up, result = decided.up, ground.sent_down(decided.result)
        if decided.lost:
            message = "; ".join(filter(None, (f"no orbit: {', '.join(decided.lost)}", result.row.message)))
            result = replace(result, row=replace(result.row, message=message))
        paths = result.paths
        known = up if before_up is None else before_up
        row = replace(
            result.row,
            links_up=len(up),
            links_gone=len(known - up),
            links_new=len(up - known),
            routes=len(paths),
            handovers=sum(key in before and before[key] != path for key, path in paths.items()),
            broken_routes=sum(any(pair not in up for pair in pairwise(path)) for path in before.values()),
        )
        yield replace(result, row=row)
        before_up, before = up, paths


@dataclass(frozen=True)
class _Decided:
    """One slot by itself: what was decided, the links that are up, the satellites without an orbit."""

    result: SlotResult
    up: set[Pair]
    lost: list[str]


Decide = Callable[[Scenario, int], _Decided]


def _decide(
    scenario: Scenario, slot: int, scheme: str, options: SchemeOptions, ask: Callable[[Instance], Problem]
) -> _Decided:
    series = scenario.network(slot)
    return _Decided(_run(scenario, slot, scheme, options, ask), series.pairs(0), series.lost(0))


def _one_by_one(
    scenario: Scenario, slots: Sequence[int], decide: Decide, stage: Callable[[str], None]
) -> Iterator[_Decided]:
    """Decide the slots in this process."""
    for slot in slots:
        stage(f"{scenario.name}: slot {slot} of {scenario.count}")
        yield decide(scenario, slot)


def _at_once(
    scenario: Scenario, slots: Sequence[int], decide: "partial[_Decided]", stage: Callable[[str], None], workers: int
) -> Iterator[_Decided]:
    """Decide several slots at a time in processes of their own, and yield them in their order."""
    from leosplit.sweeps.engine import cluster_client

    quiet = partial(decide.func, **{**decide.keywords, "options": replace(decide.keywords["options"], progress=None)})
    with cluster_client(None, workers) as client:
        shared = client.scatter(scenario, broadcast=True)
        waiting: deque[Any] = deque()
        for slot in slots:
            waiting.append(client.submit(quiet, shared, slot, pure=False))
            if len(waiting) > SLOTS_AHEAD * workers:
                yield _result(waiting.popleft())
                stage(f"{scenario.name}: slot {slot - len(waiting)} of {scenario.count}")
        while waiting:
            yield _result(waiting.popleft())


def _result(future: Any) -> _Decided:
    """Wait for a slot; a process that dies again and again is an error of one line."""
    from distributed import KilledWorker

    from leosplit.sweeps.engine import EngineError

    try:
        decided: _Decided = future.result()
    except KilledWorker:
        raise EngineError(
            "a slot ended the processes that decided it, as for want of memory; --workers 1 shows where"
        ) from None
    return decided


class _Ground:
    """The last leg of a scenario with a downlink: results wait where they are computed until a station is in view."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.windows: Mapping[str, tuple[tuple[float, float], ...]] = {}
        self.end_s = -math.inf

    def sent_down(self, result: SlotResult) -> SlotResult:
        """Return the slot with the time of each served task's last leg."""
        if self.scenario.downlink is None or result.instance is None:
            return result
        frames = {task.satellite: task.frames for task in result.instance.tasks}
        rows = tuple(replace(row, downlink_s=self._leg_s(row, frames.get(row.satellite, 0))) for row in result.tasks)
        return replace(result, tasks=rows)

    def _leg_s(self, row: TaskRow, frames: int) -> float | None:
        downlink = self.scenario.downlink
        if downlink is None or row.delay_s is None or row.offload_ratio is None:
            return None
        ready_s = row.time_s + row.delay_s
        self._look(row.time_s, ready_s + downlink.longest_wait_s)
        shares = {row.satellite: 1.0 - row.offload_ratio}
        if row.computing_satellite is not None:
            shares[row.computing_satellite] = row.offload_ratio
        ends = [
            downlink.done_s(self.windows.get(name, ()), ready_s, share * frames)
            for name, share in shares.items()
            if share > 0.0
        ]
        known = [end for end in ends if end is not None]
        return max(known) - ready_s if known and len(known) == len(ends) else None

    def _look(self, begin_s: float, end_s: float) -> None:
        """Find contacts up to a time, and as far again, so that not every slot has to."""
        downlink = self.scenario.downlink
        if downlink is not None and end_s > self.end_s:
            self.end_s = end_s + downlink.longest_wait_s + 3600.0
            self.windows = downlink.windows(self.scenario.orbits, self.scenario.start, begin_s, self.end_s)


def _run(
    scenario: Scenario, slot: int, scheme: str, options: SchemeOptions, ask: Callable[[Instance], Problem]
) -> SlotResult:
    """Decide the tasks of one slot."""
    time_s = float(scenario.time_s(slot))
    instance = scenario.instance(slot)
    if instance is None:
        return SlotResult(SlotRow(slot, time_s, IDLE), (), None, None)
    lost = cut_off_tasks(instance)
    served = tuple(task for task in instance.tasks if task.satellite not in lost)
    message = f"cut off from every computing satellite: {', '.join(lost)}" if lost else ""
    row = SlotRow(slot, time_s, CUT_OFF, len(instance.tasks), len(lost), message=message)
    rows = {name: TaskRow(slot, time_s, name, CUT_OFF) for name in lost}
    solution = None
    if served:
        instance = replace(instance, tasks=served)
        problem = ask(instance)
        result = run_scheme(problem, scheme, options)
        solution = result.solution
        row = replace(
            row,
            termination=result.termination.value,
            decision_s=result.decision_s,
            message="; ".join(text for text in (message, result.message) if text),
        )
        rows |= {task.satellite: TaskRow(slot, time_s, task.satellite, row.termination) for task in served}
        if solution is not None and result.objective_s is not None:
            delays = _task_rows(problem, solution, row, scenario.slot_s)
            rows |= {one.satellite: one for one in delays}
            row = _summed(row, delays)
    order = {name: k for k, name in enumerate(scenario.orbits.ids)}
    tasks = tuple(sorted(rows.values(), key=lambda one: order[one.satellite]))
    return SlotResult(row, tasks, instance if served else None, solution)


def _task_rows(problem: Problem, solution: Solution, row: SlotRow, slot_s: float) -> list[TaskRow]:
    """Rows of the tasks that were served."""
    judged = evaluate(problem, solution).tasks
    return [
        TaskRow(
            row.slot,
            row.time_s,
            decision.satellite,
            row.termination,
            decision.computing_satellite,
            decision.offload_ratio,
            delay.T,
            slot_s < delay.T,
            _hops(decision.data_path),
            _hops(decision.model_path),
        )
        for decision, delay in zip(solution.tasks, judged, strict=True)
    ]


def _hops(path: tuple[str, ...] | None) -> int | None:
    return None if path is None else len(path) - 1


def _summed(row: SlotRow, tasks: list[TaskRow]) -> SlotRow:
    """Add the tasks' figures to the slot's row."""
    delays = [one.delay_s for one in tasks if one.delay_s is not None]
    ratios = [one.offload_ratio for one in tasks if one.offload_ratio is not None]
    return replace(
        row,
        late=sum(bool(one.late) for one in tasks),
        mean_s=sum(delays) / len(delays),
        max_s=max(delays),
        mean_offload_ratio=sum(ratios) / len(ratios),
    )
