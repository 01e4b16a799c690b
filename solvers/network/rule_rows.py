"""Rules as arrays: what the rows of a problem's rules add up to under plans, and what a task may still use.

The rows are the rules' linear form. A plan adds a constant to some rows and, where a row counts ρ, a slope: its share
of the row is constant + slope · ρ. Rows that define indicators (`Serve - Indicator <= 0`) are held by setting each
indicator to the largest value that they ask for.
"""

from collections import defaultdict
from itertools import product

import numpy as np
from numpy.typing import NDArray

from formulation import Problem
from formulation.rules.linear_form import (
    Bits,
    Ends,
    Indicator,
    Offloaded,
    OffloadRatio,
    Relay,
    Row,
    Sent,
    Serve,
    Use,
)
from solvers.network.arrays import DATA, MODEL, Floats
from solvers.network.data import ProblemData
from solvers.network.traffic import Plan

TOLERANCE = 1e-7
"""Relative amount by which a row may be passed: below the checker's."""
KINDS = {"data": DATA, "model": MODEL}
Shares = dict[int, float]
"""What a plan adds to rows, by their numbers."""


class RuleRows:
    """The rows of a problem's rules over the data' resources.

    Attributes
    ----------
    names
        Name of each row's rule.
    rhs, scale
        Right-hand sides, and the unit in which violations are counted, shape (rows,).
    senses
        `<=`, `>=` or `==` of each row.
    on_ratio
        Whether a row counts ρ, shape (rows,).
    """

    def __init__(self, data: ProblemData, problem: Problem) -> None:
        self.data = data
        self.names: list[str] = []
        self._rows: list[Row] = []
        for name, rule in problem.named_rules.items():
            for row in rule.rows(problem.instance):
                self.names.append(name)
                self._rows.append(row)
        self.rhs = np.array([row.rhs for row in self._rows])
        self.scale = np.maximum(np.abs(self.rhs), 1.0)
        self.senses = [row.sense for row in self._rows]
        self._above = np.array([row.sense != ">=" for row in self._rows], dtype=bool)
        self._below = np.array([row.sense != "<=" for row in self._rows], dtype=bool)
        self.on_ratio = np.zeros(len(self._rows), dtype=bool)
        self._task = {task.satellite: m for m, task in enumerate(problem.instance.tasks)}
        self._sites: dict[int, list[tuple[int, float, frozenset[int], frozenset[int]]]] = defaultdict(list)
        self._bits: dict[int, list[tuple[int, float, frozenset[int], frozenset[int]]]] = defaultdict(list)
        self._hops: dict[tuple[int, int], list[tuple[int, float]]] = defaultdict(list)
        self._serve: dict[tuple[int, int], list[tuple[int, float]]] = defaultdict(list)
        self._ends: dict[tuple[int, int, int], list[tuple[int, float]]] = defaultdict(list)
        self._sent: dict[tuple[int, int], list[tuple[int, float]]] = defaultdict(list)
        self._ratio: dict[int, list[tuple[int, float]]] = defaultdict(list)
        self._offloaded: dict[tuple[int, int], list[tuple[int, float]]] = defaultdict(list)
        defining: dict[str, list[tuple[int, float]]] = defaultdict(list)
        counted: list[tuple[int, float, str]] = []
        for i, row in enumerate(self._rows):
            for coefficient, variable in row.terms:
                if isinstance(variable, Indicator):
                    key = f"{self.names[i]} {variable.key}"
                    if coefficient < 0:
                        defining[key].append((i, -coefficient))
                    else:
                        counted.append((i, coefficient, key))
                else:
                    self._add(i, coefficient, variable)
        self._index_indicators(defining, counted)

    def __len__(self) -> int:
        return len(self._rows)

    def _index_indicators(
        self, defining: dict[str, list[tuple[int, float]]], counted: list[tuple[int, float, str]]
    ) -> None:
        keys = list(defining)
        place = {key: k for k, key in enumerate(keys)}
        entries = [(i, factor) for key in keys for i, factor in defining[key]]
        self._defining = np.array([i for i, _ in entries], dtype=np.int64)
        self._factor = np.array([factor for _, factor in entries])
        self._starts = np.cumsum([0, *(len(defining[key]) for key in keys)])[:-1]
        self._counted = [(i, c, place[key]) for i, c, key in counted if key in place]
        self._judged = np.ones(len(self._rows), dtype=bool)
        self._judged[self._defining] = False

    def _add(self, i: int, coefficient: float, variable: object) -> None:
        """Enter one term of a row."""
        network = self.data.instance.network
        tasks = [self._task[name] for name in getattr(variable, "tasks", ())]
        kinds = [KINDS[kind] for kind in getattr(variable, "packets", ())]
        who = frozenset(tasks), frozenset(kinds)
        if isinstance(variable, Use | Bits):
            if isinstance(variable, Use) and len(variable.links) == self.data.links:
                for pair in product(kinds, tasks):
                    self._hops[pair].append((i, coefficient))
                return
            into = self._sites if isinstance(variable, Use) else self._bits
            self.on_ratio[i] |= isinstance(variable, Bits)
            for link in variable.links:
                into[int(network.links_of(link)[0])].append((i, coefficient, *who))
        elif isinstance(variable, Relay):
            for node in variable.satellites:
                self._sites[self.data.links + network.index[node]].append((i, coefficient, *who))
        elif isinstance(variable, Sent):
            for pair in product(kinds, tasks):
                self._sent[pair].append((i, coefficient))
        elif isinstance(variable, OffloadRatio):
            self.on_ratio[i] = True
            for m in tasks:
                self._ratio[m].append((i, coefficient))
        elif isinstance(variable, Serve | Ends | Offloaded):
            self.on_ratio[i] |= isinstance(variable, Offloaded)
            for m, c in product(tasks, variable.computing):
                self._add_end(i, coefficient, variable, m, network.index[c], kinds)

    def _add_end(
        self, i: int, coefficient: float, variable: Serve | Ends | Offloaded, m: int, node: int, kinds: list[int]
    ) -> None:
        for end in np.flatnonzero(self.data.tasks[m].ends == node).tolist():
            if isinstance(variable, Serve):
                self._serve[m, end].append((i, coefficient))
            elif isinstance(variable, Offloaded):
                self._offloaded[m, end].append((i, coefficient))
            else:
                for kind in kinds:
                    self._ends[kind, m, end].append((i, coefficient))

    def shares(self, m: int, plan: Plan) -> tuple[Shares, Shares]:
        """Return what a plan of task m adds to rows: constants, and slopes over its ρ."""
        constant: Shares = defaultdict(float)
        slope: Shares = defaultdict(float)
        table = self.data.tasks[m]

        def enter(into: Shares, entries: list[tuple[int, float]], times: float = 1.0) -> None:
            for i, coefficient in entries:
                into[i] += times * coefficient

        enter(constant, self._serve.get((m, plan.end), []))
        for kind in (DATA, MODEL):
            used = plan.packet(kind)
            if used is None:
                continue
            enter(constant, self._sent.get((kind, m), []))
            enter(constant, self._ends.get((kind, m, plan.end), []))
            enter(constant, self._hops.get((kind, m), []), float(np.count_nonzero(used < self.data.links)))
            for r in used.tolist():
                for i, coefficient, tasks, kinds in self._sites.get(r, ()):
                    if m in tasks and kind in kinds:
                        constant[i] += coefficient
                for i, coefficient, tasks, kinds in self._bits.get(r, ()):
                    if m in tasks and kind in kinds:
                        (slope if kind == DATA else constant)[i] += coefficient * table.bits[kind]
        enter(slope, self._ratio.get(m, []))
        if plan.data is not None:
            enter(slope, self._offloaded.get((m, plan.end), []))
        return constant, slope

    def violation(self, activity: Floats) -> float:
        """Return by how much the rows are broken in all, each in its own unit; 0 where all hold."""
        if not len(self):
            return 0.0
        excess = self.excess(activity)
        return float(excess[self._judged].sum())

    def excess(self, activity: Floats) -> Floats:
        """Return by how much each row is broken, in its own unit; 0 within tolerance."""
        total = activity
        if self._counted:
            asked = np.maximum(np.maximum.reduceat(activity[self._defining] / self._factor, self._starts), 0.0)
            total = activity.copy()
            for i, coefficient, k in self._counted:
                total[i] += coefficient * asked[k]
        over = (total - self.rhs) / self.scale
        broken = np.where(self._above, over, 0.0).clip(0.0) + np.where(self._below, -over, 0.0).clip(0.0)
        return np.where((broken > TOLERANCE) & self._judged, broken, 0.0)

    def full(self, m: int, kind: int, activity: Floats) -> NDArray[np.bool_]:
        """Return the resources that one more packet of task m may not use, given what others add to the rows."""
        mask = np.zeros(self.data.resources, dtype=bool)
        left = np.where(self._above & ~self.on_ratio, self.rhs - activity + TOLERANCE * self.scale, np.inf)
        for r, entries in self._sites.items():
            mask[r] = any(c > left[i] for i, c, tasks, kinds in entries if m in tasks and kind in kinds)
        return mask

    def open_ends(self, m: int, activity: Floats) -> list[int]:
        """Return the positions of ends that rows without indicators still leave to task m."""
        left = np.where(self._above & self._judged, self.rhs - activity + TOLERANCE * self.scale, np.inf)
        ends = range(len(self.data.tasks[m].ends))
        return [end for end in ends if all(c <= left[i] for i, c in self._serve.get((m, end), []))]


def add_shares(activity: Floats, shares: Shares, times: float = 1.0) -> None:
    """Add what a plan adds to rows to their activity."""
    for i, value in shares.items():
        activity[i] += times * value
