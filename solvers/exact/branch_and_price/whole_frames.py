"""(4) in whole frames: branch and price with the value of whole frames, then all that its domains have left.

A plan's delay in whole frames is never below its continuous one. So every bound of `proof` holds, and what it excludes
by an incumbent U of whole frames is no better than U: the domains keep every better plan. They end small, for frames
are many and U is close to the continuous optimum; a depth-first search over the paths that are left then decides.

The search bounds each open task by its least delay in whole frames under the packets placed so far: more packets never
make a delay fall. At a leaf `FrameCounts` has the last word. The search is exact when it ends in time.
"""

import math
import time
from dataclasses import dataclass

import numpy as np

from formulation import Solution
from solvers.exact.branch_and_price.compact.solve import prepare, solve_once
from solvers.exact.branch_and_price.state import SearchState
from solvers.network.arrays import BOTH, DATA, DATA_ONLY, MODEL, MODEL_ONLY, Floats, Ints
from solvers.network.data import ProblemData
from solvers.network.traffic import Plan, score
from solvers.network.whole_frames import FrameCounts

TOLERANCE = 1e-9
SOURCE = "whole frames"


@dataclass(eq=False)
class _Options:
    """Plans of one task, and the positions of their packets in the lists of distinct paths (-1: not sent)."""

    plans: list[Plan]
    position: Ints
    fixed: Floats
    large: Floats


_NOTHING = _Options([], np.zeros((0, 2), dtype=np.int64), np.zeros((0, 2)), np.zeros(0))


class WholeFrames:
    """The valuation of whole frames: plans at their best counts."""

    def __init__(self, data: ProblemData, objective: str) -> None:
        self.data, self.objective, self.counts = data, objective, FrameCounts(data)

    def value(self, plans: dict[int, Plan], below: float) -> float | None:
        """Return the objective of plans [s], or None if it is not below this value."""
        if score(self.data, plans, self.objective)[0] >= below:
            return None
        found = self.counts.score(plans, self.objective)
        return None if found is None or found[0] >= below else found[0]

    def solution(self, plans: dict[int, Plan]) -> Solution:
        """Return the solution that has this value."""
        found = self.counts.score(plans, self.objective)
        if found is None:
            raise ValueError("these plans have no counts of whole frames")
        return self.counts.solution(plans, found[1])


def enumerate_whole_frames(state: SearchState) -> None:
    """Enumerate what the domains have left; if that is too much, solve the compact program once."""
    valuation = state.valuation
    if not isinstance(valuation, WholeFrames):
        raise TypeError("whole frames need their valuation")
    prepare(state)
    state.trace.phase = "whole frames"
    options = [_options_of(state, m) for m in range(len(state.domains))]
    known = [option or _NOTHING for option in options]
    counts = valuation.counts
    if state.objective == "max":
        for m in (m for m, option in enumerate(options) if option is not None):  # alone in the network
            search = _Enumeration(state, counts, [option if i == m else _NOTHING for i, option in enumerate(known)])
            state.update_dual_bound(search.least(m, search.delays(m)), SOURCE)
    if not state.gap_closed and None not in options and _Enumeration(state, counts, known).run():
        state.update_dual_bound(state.primal_bound, SOURCE)
    if not state.finished():
        solve_once(state)


def _simple_paths(state: SearchState, m: int, kind: int) -> dict[int, list[Ints]] | None:
    """Return all paths over the arcs in the domain to each end, or None if there are too many."""
    data, domain = state.data, state.domains[m]
    mask = domain.arcs[kind].copy()
    if kind == DATA and domain.has_far and domain.beyond is not None:
        mask |= domain.beyond
    step: dict[int, list[tuple[int, int]]] = {}
    for r in np.flatnonzero(mask).tolist():
        a, b = int(data.tail[r]), int(data.head[r])
        here, there = (a, b) if kind == DATA else (b, a)
        step.setdefault(here, []).append((there, r))
    stops = {int(data.end_of(int(data.tasks[m].ends[c]), kind)): c for c in range(len(data.tasks[m].ends))}
    found: dict[int, list[Ints]] = {c: [] for c in stops.values()}
    stack: list[tuple[int, tuple[int, ...], frozenset[int]]] = [(data.start_of(m, kind), (), frozenset())]
    seen = 0
    while stack:
        node, used, visited = stack.pop()
        seen += 1
        if seen > state.settings.whole_frames.max_options:
            return None
        if node in stops and stops[node] in domain.ends:
            found[stops[node]].append(np.array(used, dtype=np.int64))
        for there, r in step.get(node, ()):
            if there % data.nodes not in visited or there % data.nodes == node % data.nodes:
                stack.append((there, (*used, r), visited | {node % data.nodes}))
    return found


def _options_of(state: SearchState, m: int) -> _Options | None:
    domain, task, data = state.domains[m], state.data.tasks[m], state.data
    modes = set(domain.modes) | ({BOTH} if domain.has_far else set())
    data_paths, model_paths = (_simple_paths(state, m, kind) for kind in (DATA, MODEL))
    if data_paths is None or model_paths is None:
        return None
    plans: list[Plan] = []
    for c in domain.ends:
        if len(plans) + len(data_paths[c]) * len(model_paths[c]) > state.settings.whole_frames.max_options:
            return None
        if BOTH in modes:
            plans += [Plan(c, d, r) for d in data_paths[c] for r in model_paths[c]]
        if DATA_ONLY in modes:
            plans += [Plan(c, d, None) for d in data_paths[c]]
        if MODEL_ONLY in modes:
            plans += [Plan(c, None, r) for r in model_paths[c]]
    fixed = [[0.0 if p is None else float(data.fixed[p].sum()) for p in (plan.data, plan.model)] for plan in plans]
    return _Options(
        plans=plans,
        position=np.zeros((len(plans), 2), dtype=np.int64),
        fixed=np.array(fixed).reshape(-1, 2),
        large=np.array([float(task.large_s[plan.end]) for plan in plans]),
    )


class _Enumeration:
    """Depth-first search over options, with delays of all options kept under the packets placed so far."""

    def __init__(self, state: SearchState, counts: FrameCounts, options: list[_Options]) -> None:
        self.state, self.counts, self.options, data = state, counts, options, state.data
        self.paths: list[list[tuple[int, Ints]]] = [[], []]
        for m, option in enumerate(options):
            known: dict[tuple[int, bytes], int] = {}
            for i, plan in enumerate(option.plans):
                for kind in (DATA, MODEL):
                    used = plan.packet(kind)
                    if used is None:
                        option.position[i, kind] = -1
                        continue
                    key = kind, used.tobytes()
                    if key not in known:
                        known[key] = len(self.paths[kind])
                        self.paths[kind].append((m, used))
                    option.position[i, kind] = known[key]
        self.overlap, self.per_bit = [], []
        for kind in (DATA, MODEL):
            usage = np.zeros((len(self.paths[kind]) + 1, data.resources))  # the last row: no packet
            for row, (_, used) in enumerate(self.paths[kind]):
                usage[row, used] = 1.0
            weighed = usage * data.per_bit
            self.overlap.append(weighed @ usage.T)
            self.per_bit.append(weighed.sum(axis=1))
        self.placed: dict[int, int] = {}
        self.known: dict[tuple[int, int, float | None, float | None], float] = {}
        left = state.limits_now().time_s
        self.deadline = time.perf_counter() + (
            math.inf if left is None else state.settings.whole_frames.time_share * left
        )

    def delays(self, m: int) -> Floats:
        """Return the continuous delay of every option of a task under the packets of the others placed [s]."""
        option, task = self.options[m], self.state.data.tasks[m]
        data, model = (self.per_bit[kind][option.position[:, kind]] for kind in (DATA, MODEL))
        sent = option.position >= 0
        work = task.bits[DATA] * data + option.large
        alpha, small, prop = task.extraction_s, task.small_s, option.fixed[:, DATA]
        gain = max(small - alpha, 0.0) * np.maximum(small - prop, 0.0)
        both = np.where(sent[:, MODEL], small - gain / (work + small), alpha + work + prop)
        back = np.where(sent[:, MODEL], task.bits[MODEL] * model + option.fixed[:, MODEL], 0.0)
        return np.asarray(back + np.where(sent[:, DATA], both, small))

    def place(self, m: int, i: int, times: float) -> None:
        """Put an option's packets in (1) or take them out (-1): they meet those of other tasks."""
        for kind in (DATA, MODEL):
            row = self.options[m].position[i, kind]
            if row >= 0:
                self.per_bit[kind] = self.per_bit[kind] + times * self.overlap[kind][row]

    def total(self, values: list[float]) -> float:
        """Return the objective of these delays."""
        return max(values) if self.state.objective == "max" else sum(values) / len(values)

    def whole(self, m: int, i: int) -> float:
        """Return the delay of an option in whole frames under the packets of the others placed [s]."""
        option = self.options[m]
        data, model = (int(row) for row in option.position[i])
        per_bit = None if data < 0 else float(self.per_bit[DATA][data])
        back = None if model < 0 else float(self.per_bit[MODEL][model])
        key = m, i, per_bit, back
        if key not in self.known:
            fixed, fixed_back = option.fixed[i].tolist()
            back = None if back is None else self.state.data.tasks[m].bits[MODEL] * back + fixed_back
            self.known[key] = self.counts.least_delay(m, back, per_bit, fixed, float(option.large[i]))[0]
        return self.known[key]

    def least(self, m: int, values: Floats) -> float:
        """Return the least delay of an open task in whole frames, of its continuous ones [s]."""
        best = math.inf
        for i in np.argsort(values, kind="stable").tolist():
            if values[i] >= best:
                break
            best = min(best, self.whole(m, i))
        return best

    def own(self, m: int, i: int) -> float:
        """Return the delay of a placed option, its own packets not counted twice [s]."""
        self.place(m, i, -1.0)
        value = self.whole(m, i)
        self.place(m, i, 1.0)
        return value

    def run(self) -> bool:
        """Search below the present node; tell whether nothing was left out."""
        if self.state.limit_reached() or time.perf_counter() > self.deadline:
            return False
        n = len(self.options)
        values = {m: self.delays(m) for m in range(n) if m not in self.placed}
        bounds = [self.own(m, self.placed[m]) if m in self.placed else self.least(m, values[m]) for m in range(n)]
        limit = self.state.primal_bound * (1 - TOLERANCE)
        if self.total(bounds) >= limit:
            return True
        if not values:
            self.state.try_solution({m: self.options[m].plans[i] for m, i in self.placed.items()}, SOURCE)
            return True
        promising = {m: np.flatnonzero(delays < self.allowed(m, bounds, limit)) for m, delays in values.items()}
        m = min(promising, key=lambda task: len(promising[task]))
        for i in sorted(promising[m].tolist(), key=lambda i: float(values[m][i])):
            self.placed[m] = i
            self.place(m, i, 1.0)
            ended = self.run()
            self.place(m, i, -1.0)
            del self.placed[m]
            if not ended:
                return False
        return True

    def allowed(self, m: int, bounds: list[float], limit: float) -> float:
        """Return what T_m must stay below for the objective to stay below the limit [s]."""
        if self.state.objective == "max":
            return limit
        return limit * len(bounds) - math.fsum(bound for other, bound in enumerate(bounds) if other != m)
