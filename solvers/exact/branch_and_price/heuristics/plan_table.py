"""All plans that known paths make up, as rows, and annealing over them.

A step draws one task's plan anew, every plan with its Boltzmann weight (heat bath). Given end and mode, a data packet
and a model packet delay others by sums that do not depend on each other, so both are drawn separately.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from solvers.exact.branch_and_price.domains.domain import TaskDomain
from solvers.exact.branch_and_price.pools import Route, route_of
from solvers.exact.branch_and_price.settings import CrossoverSettings
from solvers.network.arrays import BOTH, DATA, DATA_ONLY, MODEL, MODEL_ONLY, Floats, Ints
from solvers.network.data import ProblemData
from solvers.network.traffic import Plan

REMEMBERED = 1000
"""Rows of which a table remembers what others share with them."""
Choice = Ints
"""Row of every task's data and model packet in a table, shape (2, tasks)."""


def mode_of(plan: Plan) -> str:
    """Return a plan's packet mode."""
    return MODEL_ONLY if plan.data is None else DATA_ONLY if plan.model is None else BOTH


class PlanTable:
    """All plans of every task that known routes make up.

    A *group* is a task with an end and a mode; a *row* is a group with one packet's route, the rows of a group are
    neighbours. A plan is a row of each kind of one group.

    Attributes
    ----------
    groups
        Task, end and mode of every group, by task.
    task, group, used
        Of every row, per kind: its task and group, shapes (rows of the kind,), and its route, None if nothing is sent.
    """

    def __init__(
        self,
        data: ProblemData,
        domains: list[TaskDomain],
        routes: dict[Route, Ints],
        solutions: Iterable[dict[int, Plan]],
        settings: CrossoverSettings | None = None,
    ) -> None:
        self.data, self.settings = data, settings or CrossoverSettings()
        routes = dict(routes)
        groups = {(m, c, mode) for m, domain in enumerate(domains) for c in domain.ends for mode in domain.modes}
        for plans in solutions:
            for m, plan in plans.items():
                groups.add((m, plan.end, mode_of(plan)))
                for kind in (DATA, MODEL):
                    used = plan.packet(kind)
                    if used is not None:
                        routes.setdefault(route_of(m, kind, plan), used)
        to: dict[tuple[int, int, int], list[tuple[bytes, Ints]]] = {}
        for (m, kind, c, key), used in routes.items():
            to.setdefault((m, kind, c), []).append((key, used))

        def of(group: tuple[int, int, str], kind: int) -> Sequence[tuple[bytes, Ints | None]]:
            m, c, mode = group
            return [(b"", None)] if mode == (MODEL_ONLY, DATA_ONLY)[kind] else to.get((m, kind, c), [])

        self.groups = sorted(group for group in groups if of(group, DATA) and of(group, MODEL))
        rows = [[(g, *one) for g, group in enumerate(self.groups) for one in of(group, kind)] for kind in (DATA, MODEL)]
        self.used = [[used for _, _, used in mine] for mine in rows]
        self._row = [{(self.groups[g], key): i for i, (g, key, _) in enumerate(mine)} for mine in rows]
        self.group = [np.array([g for g, _, _ in mine], dtype=np.int64) for mine in rows]
        of_group = np.array([m for m, _, _ in self.groups], dtype=np.int64)
        self.task = [of_group[mine] for mine in self.group]
        self._passes = [self._matrix(used) for used in self.used]
        self._shared: list[dict[int, Floats]] = [{}, {}]
        self._measure()

    def _matrix(self, used: list[Ints | None]) -> csr_array:
        places = [np.zeros(0, dtype=np.int64) if one is None else one for one in used]
        stops = np.concatenate([[0], np.cumsum([len(one) for one in places])])
        index = np.concatenate(places)
        return csr_array((np.ones(len(index)), index, stops), shape=(len(used), self.data.resources))

    def _measure(self) -> None:
        """Lay out what the delay of a task consists of, row by row.

        Of a data row: const + max(slope · A, floor) - gain / (A + small), with A its data work; of a model row what its
        bits cost, and fixed.
        """
        data = self.data
        tasks = data.tasks
        self._bits = np.array([task.bits for task in tasks]).T
        self._small = small = np.array([task.small_s for task in tasks])
        extraction = np.array([task.extraction_s for task in tasks])
        ratio = np.array([np.nan if task.fixed_ratio is None else task.fixed_ratio for task in tasks])
        own, fixed = ([passes @ costs for passes in self._passes] for costs in (data.per_bit, data.fixed))
        self._own, m = own, self.task[DATA]
        ends = [self.groups[g] for g in self.group[DATA].tolist()]
        self._large = np.array([tasks[at].large_s[c] for at, c, _ in ends])
        mode = np.array([name for _, _, name in ends])
        sent, given = mode != MODEL_ONLY, ~np.isnan(ratio)[m]
        alone, share = sent & ~given & (mode == DATA_ONLY), sent & ~given & (mode == BOTH)
        given &= sent
        rate = np.where(given, ratio[m], 0.0)
        self._slope = np.where(given, rate, np.where(alone, 1.0, 0.0))
        self._floor = np.where(given, (1 - rate) * small[m] - fixed[DATA], 0.0)
        saved = np.maximum(small - extraction, 0.0)[m] * np.maximum(small[m] - fixed[DATA], 0.0)
        self._gain = np.where(share, saved, 0.0)
        given_const, alone_const = extraction[m] * rate + fixed[DATA], extraction[m] + fixed[DATA]
        self._const = np.where(given, given_const, np.where(alone, alone_const, small[m]))
        self._fixed = fixed[MODEL]
        self._of_task: list[list[tuple[slice, Ints]]] = []
        for kind in (DATA, MODEL):
            bounds = pairwise(np.searchsorted(self.task[kind], np.arange(len(tasks) + 1)).tolist())
            self._of_task.append(
                [(slice(a, b), np.flatnonzero(np.diff(self.group[kind][a:b], prepend=-1))) for a, b in bounds]
            )

    def choice_of(self, plans: dict[int, Plan]) -> Choice:
        """Return plans as rows, shape (2, tasks).

        Raises
        ------
        KeyError
            If a route is not known.
        """
        group = {m: (m, plan.end, mode_of(plan)) for m, plan in plans.items()}
        return np.array(
            [
                [self._row[kind][group[m], route_of(m, kind, plans[m])[3]] for m in sorted(plans)]
                for kind in (DATA, MODEL)
            ]
        )

    def plans_of(self, choice: Choice) -> dict[int, Plan]:
        """Return rows as plans."""
        return {
            m: Plan(self.groups[int(self.group[DATA][i])][1], self.used[DATA][i], self.used[MODEL][j])
            for m, (i, j) in enumerate(choice.T.tolist())
        }

    def shared(self, kind: int, row: int) -> Floats:
        """Return what every row fractions with this one [s/bit], shape (rows of the kind,)."""
        known = self._shared[kind]
        if row not in known:
            if len(known) >= REMEMBERED:
                known.clear()
            weight = np.zeros(self.data.resources)
            used = self.used[kind][row]
            if used is not None:
                weight[used] = self.data.per_bit[used]
            known[row] = np.asarray(self._passes[kind] @ weight)
        return known[row]

    def touching(self, choice: Choice, tasks: Ints) -> NDArray[np.bool_]:
        """Return which of these tasks' packets share a resource, shape (tasks, tasks)."""
        found = np.zeros((len(tasks), len(tasks)), dtype=bool)
        for kind in (DATA, MODEL):
            for i, m in enumerate(tasks.tolist()):
                found[i] |= self.shared(kind, int(choice[kind, m]))[choice[kind, tasks]] > 0
        return found

    def anneal(
        self,
        choice: Choice,
        rng: np.random.Generator,
        temperatures: tuple[float, float],
        steps: int,
        stop: Callable[[], bool] = lambda: False,
    ) -> tuple[Choice, float]:
        """Draw plans anew, one at a time, ever colder; return the best choice with its mean delay [s].

        Parameters
        ----------
        choice
            Where to begin, shape (2, tasks).
        temperatures
            At the start [s], of the sum of all delays; and at the end, over that at the start.
        """
        (data, model), (start, cooling) = choice.copy(), temperatures
        asked, refresh, n = self.settings.stop_interval, self.settings.refresh_interval, len(data)
        bits, small = self._bits, self._small
        near = [np.stack([self.shared(kind, int(row)) for row in choice[kind]], axis=1) for kind in (DATA, MODEL)]
        work, value = self._state(near, data, model)
        best, best_value = choice.copy(), value
        slope, floor, gain = self._slope[data], self._floor[data], self._gain[data]
        for step, (m, *at) in enumerate(
            zip(rng.integers(n, size=steps).tolist(), *rng.random((3, steps)), strict=True)
        ):
            if step % asked == asked - 1 and stop():
                break
            heat = start * cooling ** (step / steps)
            (rows, firsts), (others, other_firsts) = self._of_task[DATA][m], self._of_task[MODEL][m]
            mine, theirs = near[DATA][rows], near[MODEL][others]
            works = work + bits[DATA] * (mine - near[DATA][data[m]])
            works[:, m] = bits[DATA, m] * (mine.sum(1) - mine[:, m] + self._own[DATA][rows]) + self._large[rows]
            delays = np.maximum(slope * works, floor) - gain / (works + small)
            own = works[:, m]
            delays[:, m] = self._const[rows] + np.maximum(self._slope[rows] * own, self._floor[rows])
            delays[:, m] -= self._gain[rows] / (own + small[m])
            by_data = delays.sum(1)
            by_model = theirs @ bits[MODEL] + self._fixed[others]
            by_model += bits[MODEL, m] * (theirs.sum(1) - 2 * theirs[:, m] + self._own[MODEL][others])
            (like, one), (unlike, two) = _weights(by_data, firsts, heat), _weights(by_model, other_firsts, heat)
            g = _drawn(np.exp((one + two - (one + two).max()) / heat), at[0])
            i, j = _within(like, firsts, g, at[1]), _within(unlike, other_firsts, g, at[2])
            new, now = rows.start + i, others.start + j
            value += float(by_data[i] - by_data[data[m] - rows.start])
            value += float(by_model[j] - by_model[model[m] - others.start])
            if new != data[m]:
                data[m], work = new, works[i]
                near[DATA][:, m] = self.shared(DATA, new)
                slope[m], floor[m], gain[m] = self._slope[new], self._floor[new], self._gain[new]
            if now != model[m]:
                model[m] = now
                near[MODEL][:, m] = self.shared(MODEL, now)
            if value < best_value * (1 - 1e-12):
                best, best_value = np.array([data, model]), value
            if step % refresh == refresh - 1:
                work, value = self._state(near, data, model)
        return best, best_value / n

    def _state(self, near: list[Floats], data: Ints, model: Ints) -> tuple[Floats, float]:
        """Return the work of all tasks, shape (tasks,), and the sum of their delays [s], computed anew."""
        bits = self._bits
        work = bits[DATA] * near[DATA][data].sum(1) + self._large[data]
        delays = self._const[data] + np.maximum(self._slope[data] * work, self._floor[data])
        delays -= self._gain[data] / (work + self._small)
        return work, float((delays + bits[MODEL] * near[MODEL][model].sum(1) + self._fixed[model]).sum())


def _weights(value: Floats, firsts: Ints, heat: float) -> tuple[Floats, Floats]:
    """Return Boltzmann weights of values within their groups, and the weight of every group as a value, negative."""
    least = np.minimum.reduceat(value, firsts)
    weight = np.exp((np.repeat(least, np.diff(firsts, append=len(value))) - value) / heat)
    return weight, heat * np.log(np.add.reduceat(weight, firsts)) - least


def _drawn(weight: Floats, at: float) -> int:
    """Return a position drawn by weight, `at` being uniform in [0, 1)."""
    total = weight.cumsum()
    return min(int(total.searchsorted(at * total[-1], side="right")), len(weight) - 1)


def _within(weight: Floats, firsts: Ints, g: int, at: float) -> int:
    """Return a position within the g-th group drawn by weight."""
    start = int(firsts[g])
    return start + _drawn(weight[start : int(firsts[g + 1]) if g + 1 < len(firsts) else len(weight)], at)
