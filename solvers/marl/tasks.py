"""Decisions of all tasks as arrays: their packets, their ρ in closed form, and back to a `Solution`.

A mode says what a task sends: 0 both packets, 1 the data packet alone (ρ = 1), 2 the model packet alone (ρ = 0). A
centre is the number of a computing satellite in `Instance.computing`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from formulation import Solution
from formulation.dec_pomdp import Packets
from instances import Instance
from solvers.assignment import Assignment
from solvers.bisection import pack
from solvers.marl.batch import Rollout
from solvers.ratios import task_rates

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
BOTH, DATA, MODEL = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Tasks:
    """What stays the same over a search, shapes (M,), but `large_s` and `allowed` (M, C).

    Attributes
    ----------
    instance, assignments
        The problem, and where its tasks start.
    data_bits, model_bits
        Data packet at ρ = 1, model packet [bit].
    extraction_s, small_s, large_s
        t^fe at ρ = 1, t^S at ρ = 0, t^L at ρ = 1 on each centre [s].
    node, centres
        Satellites of the tasks, and computing satellites, shape (C,).
    allowed
        Whether a centre may serve the task.
    free
        Whether the task's ρ is free.
    mode, centre, ratio
        Where the tasks start.
    """

    instance: Instance
    assignments: tuple[Assignment, ...]
    data_bits: Floats
    model_bits: Floats
    extraction_s: Floats
    small_s: Floats
    large_s: Floats
    node: Ints
    centres: Ints
    allowed: NDArray[np.bool_]
    free: NDArray[np.bool_]
    mode: Ints
    centre: Ints
    ratio: Floats

    def packets(self, mode: Ints, centre: Ints, ratio: Floats) -> Packets:
        """Return the packets of B decisions, each argument of shape (B, M)."""
        batch, tasks = mode.shape
        node, chosen = np.broadcast_to(self.node, mode.shape), self.centres[centre]
        present, bits = np.empty((batch, tasks, 2), dtype=bool), np.empty((batch, tasks, 2))
        present[..., 0], present[..., 1] = mode != MODEL, mode != DATA
        bits[..., 0], bits[..., 1] = ratio * self.data_bits, self.model_bits
        bits *= present
        source, destination = np.empty((2, batch, tasks, 2), dtype=np.int64)
        source[..., 0] = destination[..., 1] = node
        source[..., 1] = destination[..., 0] = chosen
        return Packets(
            slot=np.zeros(batch, dtype=np.int64),
            source=source.reshape(batch, -1),
            destination=destination.reshape(batch, -1),
            bits=bits.reshape(batch, -1),
            present=present.reshape(batch, -1),
            t_fe=ratio * self.extraction_s,
            t_S=(1 - ratio) * self.small_s,
            t_L=ratio * self.large_s[np.arange(tasks), centre],
            task=np.ones(mode.shape, dtype=bool),
        )

    def closed_form(self, rollout: Rollout, mode: Ints, centre: Ints) -> tuple[Floats, Floats]:
        """Return the delay [s] and the ρ of each task at its optimum for the routes taken, shape (B, M)."""
        flight, model = rollout.propagation_s[:, 0::2], rollout.packet_delay_s[:, 1::2]
        slope = rollout.seconds_per_bit[:, 0::2] * self.data_bits
        large = self.large_s[np.arange(mode.shape[1]), centre]
        worth = (self.extraction_s < self.small_s) & (flight < self.small_s)
        inner = np.where(worth, (self.small_s - flight) / (self.small_s + slope + large), 0.0)
        ratio = np.where(mode == DATA, 1.0, np.where(mode == MODEL, 0.0, inner))
        remote = np.where(ratio > 0, flight + (slope + large) * ratio, 0.0)
        return model + self.extraction_s * ratio + np.maximum(remote, self.small_s * (1 - ratio)), ratio

    def solution(self, centre: Ints, ratio: Floats, paths: Sequence[tuple[str, ...] | None]) -> Solution:
        """Return one decision, arguments of shape (M,) and the paths of slots 2m and 2m + 1, as a solution."""
        names = self.instance.computing
        pairs = zip(self.assignments, centre.tolist(), strict=True)
        chosen = [replace(a, computing_satellite=names[c]) for a, c in pairs]
        packed = pack(self.instance, chosen, ratio.tolist())
        return replace(
            packed,
            tasks=tuple(
                replace(
                    d,
                    data_path=paths[2 * m] if d.sends_data else None,
                    model_path=paths[2 * m + 1] if d.sends_model else None,
                )
                for m, d in enumerate(packed.tasks)
            ),
        )


def tasks_of(instance: Instance, assignments: Sequence[Assignment]) -> Tasks:
    """Return an instance's tasks as arrays, starting where they are assigned."""
    names, index = instance.computing, instance.network.index
    rates = [task_rates(instance, task) for task in instance.tasks]
    designs = [a.design for a in assignments]
    allowed = np.array([[c in instance.candidates(task) for c in names] for task in instance.tasks])
    for m, assignment in enumerate(assignments):
        if assignment.forced_ratio is not None:
            allowed[m] = np.array(names) == assignment.computing_satellite
    forced = np.array([np.nan if a.forced_ratio is None else a.forced_ratio for a in assignments])
    start = np.clip([a.offload_ratio for a in assignments], 0.05, 0.95)
    return Tasks(
        instance=instance,
        assignments=tuple(assignments),
        data_bits=np.array([d.data_bits_per_ratio for d in designs]),
        model_bits=np.array([d.model_packet_bits or 0.0 for d in designs]),
        extraction_s=np.array([r.extraction_s for r in rates]),
        small_s=np.array([r.small_s for r in rates]),
        large_s=np.array([[r.large_s.get(c, np.inf) for c in names] for r in rates]),
        node=np.array([index[task.satellite] for task in instance.tasks]),
        centres=np.array([index[c] for c in names]),
        allowed=allowed,
        free=np.isnan(forced),
        mode=np.where(forced == 1, DATA, np.where(forced == 0, MODEL, BOTH)),
        centre=np.array([names.index(a.computing_satellite) for a in assignments]),
        ratio=np.where(np.isnan(forced), start, forced),
    )
