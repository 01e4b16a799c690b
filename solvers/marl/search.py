"""Decisions by many rollouts: plan iteration, sampling, end modes, c(m) and best response, with ρ in closed form.

A candidate is what all tasks send (`both`, `data`, `model`), to whom, and the plan that its rollout starts from. Each
round rolls a batch of candidates out side by side: the best so far with other priorities and noise on Q, and the best
so far with one task's mode or c(m) changed. Every rollout counts. Where asked, best response descends from the best
rollouts of a round, and after the first round from an empty network too; the next round starts from what it finds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from formulation import Problem, Solution, evaluate
from formulation.dec_pomdp import Packets, SlotTables, grow_trees
from solvers.assignment import Assignment
from solvers.best_response import best_response, polisher
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
    restarts
        Descents from an empty network, after the first round.
    sweeps
        Of each descent from a rollout, at most.
    trees
        Grow the shortest-path trees anew after each round, along marginal costs under the best plan.
    """

    rounds: int = 4
    rollouts: int = 8
    noise: float = 0.1
    ends: bool = True
    assign: bool = True
    polish: int = 0
    restarts: int = 0
    sweeps: int = 100
    trees: bool = True


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
    problem, assignments
        The problem and where its tasks start; with the largest delay as its objective, ties are broken by the mean.
    policy
        The routing policy.
    options, seed, turns
        How to search.
    """

    def __init__(
        self,
        problem: Problem,
        assignments: Sequence[Assignment],
        policy: Policy,
        options: SearchOptions,
        *,
        seed: int = 0,
        turns: TurnOptions | None = None,
    ) -> None:
        instance = problem.instance
        self.problem, self.instance, self.options, self.seed = problem, instance, options, seed
        self._weights = np.array(problem.weights)
        self.router = PolicyRouter(instance, policy, seed=seed, turns=turns)
        self.rng = np.random.default_rng([seed, 1])
        self.tasks: Tasks = tasks_of(instance, assignments)
        self.best: _Found | None = None
        self.descents = 0
        self._polish = None
        if options.polish:
            designs = [assignment.design for assignment in assignments]
            self._polish = polisher(problem, sweeps=options.sweeps, designs=designs)
        self._known: set[Score] = set()

    def run(self) -> tuple[Solution, tuple[dict[str, Any], ...]]:
        """Search and return the best solution and one record a round."""
        tasks, trace = self.tasks, []
        start = _Candidate(tasks.mode, tasks.centre, tasks.ratio, 0.0)
        candidates, grown = [start] * min(self.options.rollouts, 4), None
        for number in range(self.options.rounds):
            best = self._round(candidates)
            if number == 0 and self.options.restarts:
                best = self._restart(best)
            counts = {"rollouts": self.router.rollouts, "descents": self.descents}
            delays = evaluate(self.problem, best.solution)
            trace.append({"round": number, "mean_delay_s": delays.mean_s, "max_delay_s": delays.max_s, **counts})
            if number + 1 < self.options.rounds:
                candidates = self._neighbours(best.candidate)
                if self.options.trees and best is not grown:
                    self.router.tables, grown = self._trees(best), best
        if self.best is None:
            raise ValueError(f"rounds must be at least 1, got {self.options.rounds}")
        return self.best.solution, tuple(trace)

    def score(self, delay_s: NDArray[np.float64]) -> Score:
        """Return what is minimised: the weighted sum of the delays, or the largest and then the sum."""
        total = float(self._weights @ delay_s)
        return (total, total) if self.problem.objective == "mean" else (float(delay_s.max()), total)

    def _neighbours(self, base: _Candidate) -> list[_Candidate]:
        """Return the next round's candidates: half changes of one task, the rest samples."""
        kinds = [self.rng.permutation(np.array(kind, dtype=object)).tolist() for kind in self._changes(base)]
        mixed = [change for pair in zip_longest(*kinds) for change in pair if change is not None]
        changes = [replace(base, **change) for change in mixed]
        wanted = self.options.rollouts
        chosen = changes[: wanted // 2]
        scales = [0.0, self.options.noise]
        chosen += [replace(base, noise=scales[k % 2]) for k in range(wanted - len(chosen))]
        return chosen

    def _changes(self, base: _Candidate) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return all changes of one task's c(m), and of one task's mode."""
        tasks = self.tasks
        moves: list[dict[str, Any]] = []
        modes_of: list[dict[str, Any]] = []
        for m in range(len(tasks.node)):
            if self.options.ends and tasks.free[m]:
                for mode, start in ((BOTH, 0.5), (DATA, 1.0), (MODEL, 0.0)):
                    if mode != base.mode[m]:
                        modes, ratios = base.mode.copy(), base.ratio.copy()
                        modes[m], ratios[m] = mode, start
                        modes_of.append({"mode": modes, "ratio": ratios})
            if self.options.assign:
                for c in np.flatnonzero(tasks.allowed[m]):
                    if c != base.centre[m]:
                        centres = base.centre.copy()
                        centres[m] = c
                        moves.append({"centre": centres})
        return moves, modes_of

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
        best, left = self.best, max(self.options.polish, 1)
        for b in order:
            if not left or (self._polish is None and best is not None and not _less(scores[b], best.score)):
                break
            if self._is_known(scores[b]):
                continue
            left -= 1
            solution = self.tasks.solution(centre[b], ratio[b], rollout.paths(b))
            kept = replace(candidates[b], ratio=ratio[b], noise=0.0)
            found = _Found(scores[b], kept, rollout.routes[b : b + 1], solution)
            if self._polish is not None:
                found = self._descend(found, self._polish)
            if best is None or _less(found.score, best.score):
                best = found
        if best is None:
            raise RuntimeError("a round ended without a rollout")
        self.best = best
        return best

    def _trees(self, best: _Found) -> SlotTables:
        """Grow trees along marginal costs: with n others, bits count 2n + 1 times.

        The tree of a task's model packet leaves that packet out; one that several data packets share leaves one out.
        """
        tables = self.router.tables
        packets = best.routes.shape[1]
        links, relays = (
            np.zeros((2, packets, tables.seconds_per_bit.shape[1])),
            np.zeros((2, packets, tables.nodes + 1)),
        )
        target = np.append(tables.target[0, :-1].ravel(), tables.nodes)
        for p, route in enumerate(best.routes[0]):
            own = route[route < len(target) - 1]
            links[p % 2, p, own] = 1.0
            relays[p % 2, p, target[own[:-1]]] = 1.0
        times = []
        for used in (links, relays):
            others = np.zeros((len(tables.go_s), used.shape[-1]))
            others[:] = np.maximum(used[0].sum(0) - 1, 0)
            for m, node in enumerate(self.tasks.node):
                others[tables.tree[0, node]] = used[1].sum(0) - used[1, 2 * m + 1]
            times.append(2 * others + 1)
        return grow_trees(tables, *times)

    def _is_known(self, score: Score) -> bool:
        """Tell whether something of this score was looked at before, and remember it."""
        rounded = (round(score[0], 9), round(score[1], 9))
        known = rounded in self._known
        self._known.add(rounded)
        return known

    def _restart(self, best: _Found) -> _Found:
        """Descend by best response from an empty network, and keep what is better."""
        runs = self.options.restarts
        self.descents += runs
        found = self._found(best_response(self.problem, runs=runs, seed=self.seed)[0])
        self.best = found if _less(found.score, best.score) else best
        return self.best

    def _descend(self, found: _Found, polish: Callable[[Solution], Solution]) -> _Found:
        """Descend by best response from what a rollout found."""
        self.descents += 1
        return self._found(polish(found.solution))

    def _found(self, solution: Solution) -> _Found:
        """Return a solution as the search keeps its own."""
        score = self.score(np.array([task.T for task in evaluate(self.problem, solution).tasks]))
        self._is_known(score)
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
