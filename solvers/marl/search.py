"""Decisions by many rollouts: plan iteration, sampling, end modes and c(m), with ρ in closed form.

A candidate is what all tasks send (`both`, `data`, `model`), to whom, and the plan that its rollout starts from. Each
round rolls a batch of candidates out side by side: the best so far with other priorities and noise on Q, and the best
so far with one task's mode or c(m) changed. Every rollout counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from formulation import Solution
from formulation.dec_pomdp import Packets
from instances import Instance
from solvers.assignment import Assignment
from solvers.bisection import pack
from solvers.marl.policy import Policy
from solvers.marl.rollout import TurnOptions
from solvers.marl.router import PolicyRouter, attach_paths
from solvers.ratios import best_ratios, task_rates

MODES = ("both", "data", "model")
NEAR = 3


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
    """

    rounds: int = 4
    rollouts: int = 8
    noise: float = 0.1
    ends: bool = True
    assign: bool = True


@dataclass(frozen=True, eq=False)
class _Constants:
    """Per-task numbers in closed form: shapes (M,), but `large_s` (M, C)."""

    data_bits: NDArray[np.float64]
    model_bits: NDArray[np.float64]
    extraction_s: NDArray[np.float64]
    small_s: NDArray[np.float64]
    large_s: NDArray[np.float64]
    node: NDArray[np.int64]
    centres: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    modes: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Candidate:
    """Mode and centre of each task, its ρ, the plan to start from, and the noise."""

    mode: NDArray[np.int64]
    centre: NDArray[np.int64]
    ratio: NDArray[np.float64]
    noise: float


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
    ) -> None:
        self.instance, self.assignments, self.options = instance, assignments, options
        self.router = PolicyRouter(instance, policy, seed=seed, turns=turns)
        self.rng = np.random.default_rng([seed, 1])
        self.constants = _constants(instance, assignments)
        self.best: tuple[float, _Candidate, NDArray[np.int64], list[tuple[str, ...] | None]] | None = None

    def run(self) -> tuple[Solution, tuple[dict[str, Any], ...]]:
        """Search and return the best solution and one record a round."""
        k = self.constants
        names = list(self.instance.computing)
        forced = np.array([np.nan if a.forced_ratio is None else a.forced_ratio for a in self.assignments])
        ratio = np.array([a.offload_ratio for a in self.assignments])
        inside = np.where(np.isnan(forced), np.clip(ratio, 0.05, 0.95), forced)
        mode = np.where(forced == 1, 1, np.where(forced == 0, 2, 0))
        centre = np.array([names.index(a.computing_satellite) for a in self.assignments])
        start = _Candidate(mode, centre, inside, 0.0)
        trace = []
        candidates = [start] * min(self.options.rollouts, 4)
        for number in range(self.options.rounds):
            self._round(candidates)
            if self.best is None:
                raise RuntimeError("a round ended without a rollout")
            value, base = self.best[0], self.best[1]
            trace.append({"round": number, "mean_delay_s": value / len(k.node), "rollouts": self.router.rollouts})
            candidates = self._neighbours(base)
        return self.solution(), tuple(trace)

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
        k, found = self.constants, []
        for m in range(len(k.node)):
            if self.options.ends:
                for mode in np.flatnonzero(k.modes[m]):
                    if mode != base.mode[m]:
                        modes, ratios = base.mode.copy(), base.ratio.copy()
                        modes[m], ratios[m] = mode, (0.5, 1.0, 0.0)[mode]
                        found.append({"mode": modes, "ratio": ratios})
            if self.options.assign:
                for c in np.flatnonzero(k.allowed[m]):
                    if c != base.centre[m]:
                        centres = base.centre.copy()
                        centres[m] = c
                        found.append({"centre": centres})
        return found

    def _round(self, candidates: Sequence[_Candidate]) -> None:
        """Roll candidates out, set their ρ in closed form, keep the best."""
        mode, centre = np.stack([c.mode for c in candidates]), np.stack([c.centre for c in candidates])
        ratio = np.stack([c.ratio for c in candidates])
        packets = self._packets(mode, centre, ratio)
        routes = None if self.best is None else np.repeat(self.best[2], len(candidates), axis=0)
        if routes is not None and self.best is not None:
            moved = np.repeat((centre != self.best[1].centre) | (mode != self.best[1].mode), 2, axis=1)
            routes = self._fill(routes, packets, moved)
        rollout = self.router.play(packets, routes, np.array([c.noise for c in candidates]))
        delay, best_ratio = self._closed_form(rollout.core.packets, rollout.core, mode, centre)
        total = delay.sum(1)
        winner = int(total.argmin())
        if self.best is None or total[winner] < self.best[0] - 1e-12:
            kept = replace(candidates[winner], ratio=best_ratio[winner])
            self.best = (float(total[winner]), kept, rollout.routes[winner : winner + 1], rollout.paths(winner))

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

    def _packets(self, mode: NDArray[np.int64], centre: NDArray[np.int64], ratio: NDArray[np.float64]) -> Packets:
        k = self.constants
        batch = len(mode)
        node, chosen = np.broadcast_to(k.node, mode.shape), k.centres[centre]
        present = np.stack([mode != 2, mode != 1], -1)
        bits = np.stack([ratio * k.data_bits, np.broadcast_to(k.model_bits, mode.shape)], -1) * present
        tasks = np.arange(mode.shape[1])
        return Packets(
            slot=np.zeros(batch, dtype=np.int64),
            source=np.stack([node, chosen], -1).reshape(batch, -1),
            destination=np.stack([chosen, node], -1).reshape(batch, -1),
            bits=bits.reshape(batch, -1),
            present=present.reshape(batch, -1),
            t_fe=ratio * k.extraction_s,
            t_S=(1 - ratio) * k.small_s,
            t_L=ratio * k.large_s[tasks, centre],
            task=np.ones(mode.shape, dtype=bool),
        )

    def _closed_form(
        self, packets: Packets, core: Any, mode: NDArray[np.int64], centre: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the delay and the ρ of each task at its optimum for the routes taken."""
        k = self.constants
        spent, flight = core.packet_delays_s(), core.propagation_s
        bits = np.where(packets.bits > 0, packets.bits, 1.0)
        slope = ((spent - flight) / bits)[:, 0::2] * k.data_bits
        fixed, model = flight[:, 0::2], spent[:, 1::2]
        large = k.large_s[np.arange(mode.shape[1]), centre]
        inner = np.where(
            (k.extraction_s < k.small_s) & (fixed < k.small_s), (k.small_s - fixed) / (k.small_s + slope + large), 0.0
        )
        ratio = np.where(mode == 1, 1.0, np.where(mode == 2, 0.0, inner))
        remote = np.where(ratio > 0, fixed + (slope + large) * ratio, 0.0)
        return model + k.extraction_s * ratio + np.maximum(remote, k.small_s * (1 - ratio)), ratio

    def solution(self) -> Solution:
        """Return the best candidate as a solution."""
        if self.best is None:
            raise RuntimeError("nothing has been rolled out")
        _, candidate, _, paths = self.best
        names = self.instance.computing
        chosen = [
            replace(a, computing_satellite=names[c])
            for a, c in zip(self.assignments, candidate.centre.tolist(), strict=True)
        ]
        ratios = candidate.ratio.tolist()
        for m, ratio in enumerate(ratios):
            if ratio <= 0:
                paths[2 * m] = None
            if ratio >= 1:
                paths[2 * m + 1] = None
        return best_ratios(self.instance, attach_paths(pack(self.instance, chosen, ratios), paths))


def _constants(instance: Instance, assignments: Sequence[Assignment]) -> _Constants:
    names, index = instance.computing, instance.network.index
    rates = [task_rates(instance, task) for task in instance.tasks]
    designs = [a.design for a in assignments]
    allowed = np.array([[c in instance.candidates(task) for c in names] for task in instance.tasks])
    for m, assignment in enumerate(assignments):
        if assignment.forced_ratio is not None:
            allowed[m] = np.array(names) == assignment.computing_satellite
    free = np.array([a.forced_ratio is None for a in assignments])
    return _Constants(
        data_bits=np.array([d.data_bits_per_ratio for d in designs]),
        model_bits=np.array([d.model_packet_bits or 0.0 for d in designs]),
        extraction_s=np.array([r.extraction_s for r in rates]),
        small_s=np.array([r.small_s for r in rates]),
        large_s=np.array([[r.large_s.get(c, np.inf) for c in names] for r in rates]),
        node=np.array([index[task.satellite] for task in instance.tasks]),
        centres=np.array([index[c] for c in names]),
        allowed=allowed,
        modes=np.repeat(free[:, None], 3, axis=1),
    )
