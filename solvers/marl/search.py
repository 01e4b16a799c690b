"""Decisions by many rollouts: plan iteration, sampling, end modes, c(m) and best response, with ρ in closed form.

A candidate is what all tasks send (`both`, `data`, `model`), to whom, and the plan that its rollout starts from. Each
round rolls a batch of candidates out side by side: the best so far with other priorities and noise on Q, and the best
so far with one task's mode or c(m) changed. Every rollout counts. Where asked, best response descends from the best
rollouts of a round, and the next round starts from what it finds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from formulation import Solution, evaluate
from formulation.dec_pomdp import Packets
from instances import Instance
from solvers.assignment import Assignment
from solvers.best_response import polish
from solvers.marl.policy import Policy
from solvers.marl.rollout import TurnOptions
from solvers.marl.router import PolicyRouter
from solvers.marl.tasks import BOTH, DATA, MODEL, Tasks, tasks_of

Score = tuple[float, float]


@dataclass(frozen=True)
class SearchOptions:
    """What a search may change, and how long it runs.

    Attributes
    ----------
    rounds, rollouts
        Rounds, and rollouts in each.
    noise
        Scale of the Gumbel noise on Q in sampled rollouts.
    ends
        Try ρ = 0 and ρ = 1 per task.
    assign
        Try other computing satellites per task.
    polish
        Rollouts of each round that best response descends from.
    """

    rounds: int = 4
    rollouts: int = 8
    noise: float = 0.1
    ends: bool = True
    assign: bool = True
    polish: int = 0


@dataclass(frozen=True, eq=False)
class _Candidate:
    """Mode and centre of each task, its ρ, and the noise of its rollout."""

    mode: NDArray[np.int64]
    centre: NDArray[np.int64]
    ratio: NDArray[np.float64]
    noise: float


@dataclass(frozen=True, eq=False)
class _Found:
    """A candidate after its rollout, routes of shape (1, P, hops)."""

    score: Score
    candidate: _Candidate
    routes: NDArray[np.int64]
    solution: Solution


class Search:
    """A search on one instance.

    Parameters
    ----------
    instance, assignments
        The problem and where its tasks start.
    policy
        The routing policy.
    options, seed, turns
        How to search.
    objective
        `mean` or `max` delay; the latter breaks ties by the mean.
    """

    def __init__(
        self,
        instance: Instance,
        assignments: Sequence[Assignment],
        policy: Policy,
        options: SearchOptions,
        *,
        seed: int = 0,
        turns: TurnOptions | None = None,
        objective: str = "mean",
    ) -> None:
        self.instance, self.options, self.objective = instance, options, objective
        self.router = PolicyRouter(instance, policy, seed=seed, turns=turns)
        self.rng = np.random.default_rng([seed, 1])
        self.tasks: Tasks = tasks_of(instance, assignments)
        self.best: _Found | None = None
        self.descents = 0

    def run(self) -> tuple[Solution, tuple[dict[str, Any], ...]]:
        """Search and return the best solution and one record a round."""
        tasks, trace = self.tasks, []
        start = _Candidate(tasks.mode, tasks.centre, tasks.ratio, 0.0)
        candidates = [start] * min(self.options.rollouts, 4)
        for number in range(self.options.rounds):
            best = self._round(candidates)
            counts = {"rollouts": self.router.rollouts, "descents": self.descents}
            delays = evaluate(self.instance, best.solution)
            trace.append({"round": number, "mean_delay_s": delays.mean_s, "max_delay_s": delays.max_s, **counts})
            candidates = self._neighbours(best.candidate)
        if self.best is None:
            raise ValueError(f"rounds must be at least 1, got {self.options.rounds}")
        return self.best.solution, tuple(trace)

    def score(self, delay_s: NDArray[np.float64]) -> Score:
        """Return what is minimised: the sum of the delays, or the largest and then the sum."""
        total = float(delay_s.sum())
        return (total, total) if self.objective == "mean" else (float(delay_s.max()), total)

    def _neighbours(self, base: _Candidate) -> list[_Candidate]:
        """Return the next round's candidates: half changes of one task, the rest samples."""
        changes = [replace(base, **change) for change in self._changes(base)]
        self.rng.shuffle(changes)
        wanted = self.options.rollouts
        chosen = changes[: wanted // 2]
        scales = [0.0, self.options.noise]
        chosen += [replace(base, noise=scales[k % 2]) for k in range(wanted - len(chosen))]
        return chosen

    def _changes(self, base: _Candidate) -> list[dict[str, Any]]:
        tasks, found = self.tasks, []
        for m in range(len(tasks.node)):
            if self.options.ends and tasks.free[m]:
                for mode, start in ((BOTH, 0.5), (DATA, 1.0), (MODEL, 0.0)):
                    if mode != base.mode[m]:
                        modes, ratios = base.mode.copy(), base.ratio.copy()
                        modes[m], ratios[m] = mode, start
                        found.append({"mode": modes, "ratio": ratios})
            if self.options.assign:
                for c in np.flatnonzero(tasks.allowed[m]):
                    if c != base.centre[m]:
                        centres = base.centre.copy()
                        centres[m] = c
                        found.append({"centre": centres})
        return found

    def _round(self, candidates: Sequence[_Candidate]) -> _Found:
        """Roll candidates out, set their ρ in closed form, descend from the best ones, keep the best."""
        mode, centre = np.stack([c.mode for c in candidates]), np.stack([c.centre for c in candidates])
        packets = self.tasks.packets(mode, centre, np.stack([c.ratio for c in candidates]))
        routes = None
        if self.best is not None:
            before = self.best.candidate
            moved = np.repeat((centre != before.centre) | (mode != before.mode), 2, axis=1)
            routes = self._fill(np.repeat(self.best.routes, len(candidates), axis=0), packets, moved)
        rollout = self.router.play(packets, routes, np.array([c.noise for c in candidates]))
        delay, ratio = self.tasks.closed_form(rollout, mode, centre)
        scores = [self.score(row) for row in delay]
        order = sorted(range(len(candidates)), key=lambda b: scores[b])
        distinct: dict[Score, int] = {}
        for b in order:
            distinct.setdefault((round(scores[b][0], 9), round(scores[b][1], 9)), b)
        best = self.best
        for place, b in enumerate(distinct.values()):
            if place >= max(self.options.polish, 1):
                break
            if best is not None and not self.options.polish and not _less(scores[b], best.score):
                break
            solution = self.tasks.solution(centre[b], ratio[b], rollout.paths(b))
            kept = replace(candidates[b], ratio=ratio[b], noise=0.0)
            found = _Found(scores[b], kept, rollout.routes[b : b + 1], solution)
            if self.options.polish:
                found = self._descend(found)
            if best is None or _less(found.score, best.score):
                best = found
        if best is None:
            raise RuntimeError("a round ended without a rollout")
        self.best = best
        return best

    def _descend(self, found: _Found) -> _Found:
        """Descend by best response from what a rollout found."""
        self.descents += 1
        solution = polish(self.instance, found.solution, objective=self.objective)
        score = self.score(np.array([task.T for task in evaluate(self.instance, solution).tasks]))
        names, tasks = self.instance.computing, solution.tasks
        sends = [(d.sends_data, d.sends_model) for d in tasks]
        candidate = _Candidate(
            mode=np.array([BOTH if both == (True, True) else DATA if both[0] else MODEL for both in sends]),
            centre=np.array([names.index(d.computing_satellite) for d in tasks]),
            ratio=np.array([d.offload_ratio for d in tasks]),
            noise=0.0,
        )
        return _Found(score, candidate, self._routes(solution), solution)

    def _routes(self, solution: Solution) -> NDArray[np.int64]:
        """Return a solution's routes as links by hop, shape (1, P, hops)."""
        tables = self.router.tables
        index, target = self.instance.network.index, tables.target[0]
        paths = [path for d in solution.tasks for path in (d.data_path, d.model_path)]
        nothing = tables.nodes * tables.degree
        routes = np.full((1, len(paths), max(len(path or ()) for path in paths)), nothing, dtype=np.int64)
        for p, path in enumerate(paths):
            nodes = np.array([index[node] for node in path or ()], dtype=np.int64)
            if len(nodes) > 1:
                action = (target[nodes[:-1]] == nodes[1:, None]).argmax(1)
                routes[0, p, : len(action)] = nodes[:-1] * tables.degree + action
        return routes

    def _fill(self, routes: NDArray[np.int64], packets: Packets, moved: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Give shortest paths to the packets whose task changed."""
        tables = self.router.tables
        tree = tables.tree[0, packets.destination]
        paths = tables.path_links[tree, packets.source].astype(np.int64)
        nothing = tables.seconds_per_bit.shape[1] - 1
        width = max(routes.shape[-1], paths.shape[-1])
        both = [
            np.pad(part, ((0, 0), (0, 0), (0, width - part.shape[-1])), constant_values=nothing)
            for part in (routes, paths)
        ]
        return np.where(moved[..., None], both[1], both[0])


def _less(one: Score, other: Score) -> bool:
    """Tell whether a score is lower by more than rounding."""
    return one[0] < other[0] - 1e-12 or (one[0] <= other[0] + 1e-12 and one[1] < other[1] - 1e-12)
