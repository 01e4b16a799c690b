"""Training episodes: slots of presets, with roles, task counts, packet sizes and ρ drawn anew for every episode."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from formulation import design_packets
from formulation.dec_pomdp import Packets, SlotTables, build_tables, stack_tables
from formulation.volumes import computing_rate
from instances import Instance, InstanceError
from instances.presets import PRESETS, make_preset

TRAINING_SEED = 1_000_000
"""Seeds of training slots start here; evaluation uses seeds below."""


@dataclass(frozen=True)
class SampleOptions:
    """What training episodes are drawn from.

    Attributes
    ----------
    presets
        Presets whose slots are used, in turn.
    slots
        Number of slots.
    tasks
        Least and most tasks of an episode.
    computing
        Least and most computing satellites.
    ratio
        Range of ρ.
    single
        Share of tasks that send one packet alone (ρ = 0 or 1).
    """

    presets: tuple[str, ...] = ("iridium", "paper")
    slots: int = 32
    tasks: tuple[int, int] = (3, 8)
    computing: tuple[int, int] = (1, 3)
    ratio: tuple[float, float] = (0.15, 0.85)
    single: float = 0.1

    def __post_init__(self) -> None:
        for name in self.presets:
            if name not in PRESETS:
                raise InstanceError(f"preset must be one of {', '.join(PRESETS)}, got {name!r}")
        if self.slots < 1:
            raise InstanceError(f"slots must be at least 1, got {self.slots}")


@dataclass(frozen=True, eq=False)
class Pool:
    """Slots and tasks that episodes are drawn from.

    Attributes
    ----------
    tables
        The slots, with trees to every satellite.
    satellites
        Number of satellites of each slot, shape (K,).
    profiles
        Per task: data bits at ρ = 1, model bits, t^fe at ρ = 1, t^S at ρ = 0, t^L at ρ = 1; shape (n, 5).
    options
        How to draw.
    """

    tables: SlotTables
    satellites: NDArray[np.int64]
    profiles: NDArray[np.float64]
    options: SampleOptions


def _profiles(instance: Instance) -> list[tuple[float, ...]]:
    found: list[tuple[float, ...]] = []
    for task in instance.tasks:
        design, own = design_packets(instance, task), computing_rate(instance, task.satellite)
        if design.can_offload and design.can_stay:
            extraction = task.volume_bits * task.feature_ops_per_bit / own
            large = task.frames * task.large_ops_per_frame / computing_rate(instance, instance.computing[0])
            small = task.frames * task.small_ops_per_frame / own
            bits = design.data_bits_per_ratio, design.model_packet_bits or 0.0
            found.append((*bits, extraction, small, large))
    return found


def make_pool(options: SampleOptions, seed: int = 0) -> Pool:
    """Build slots of the presets from training seeds."""
    first = TRAINING_SEED + 10_000 * seed
    instances = [
        make_preset(options.presets[k % len(options.presets)], seed=first + k, tasks=8) for k in range(options.slots)
    ]
    tables = stack_tables([build_tables(instance) for instance in instances])
    profiles = [profile for instance in instances for profile in _profiles(instance)]
    sizes = np.array([len(instance.satellites) for instance in instances])
    return Pool(tables, sizes, np.array(profiles), options)


def draw_packets(pool: Pool, rng: np.random.Generator, batch: int) -> Packets:
    """Draw a batch of episodes; each task goes to the computing satellite of least uncongested transmission delay."""
    options, tables = pool.options, pool.tables
    most, serving = options.tasks[1], options.computing[1]
    slot = rng.integers(len(pool.satellites), size=batch)
    count = rng.integers(options.tasks[0], most, size=batch, endpoint=True)
    centres = rng.integers(options.computing[0], serving, size=batch, endpoint=True)
    profile = pool.profiles[rng.integers(len(pool.profiles), size=(batch, most))]
    ratio = rng.uniform(*options.ratio, size=(batch, most))
    ratio = np.where(rng.random((batch, most)) < options.single, (rng.random((batch, most)) < 0.5).astype(float), ratio)
    task = np.arange(most) < count[:, None]
    bits = np.stack([profile[..., 0] * ratio, np.where(ratio < 1, profile[..., 1], 0.0)], -1) * task[..., None]
    node, chosen, reached = _places(tables, pool.satellites[slot], slot, rng, most, centres, serving, bits)
    task &= reached
    bits = np.where(task[..., None], bits, 0.0)
    ends = np.stack([node, chosen], -1), np.stack([chosen, node], -1)
    return Packets(
        slot=slot,
        source=ends[0].reshape(batch, -1),
        destination=ends[1].reshape(batch, -1),
        bits=bits.reshape(batch, -1),
        present=(bits > 0).reshape(batch, -1),
        t_fe=profile[..., 2] * ratio,
        t_S=profile[..., 3] * (1 - ratio),
        t_L=profile[..., 4] * ratio,
        task=task,
    )


def _places(
    tables: SlotTables,
    satellites: NDArray[np.int64],
    slot: NDArray[np.int64],
    rng: np.random.Generator,
    most: int,
    centres: NDArray[np.int64],
    serving: int,
    bits: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Draw distinct satellites and assign tasks; a task that reaches no centre both ways is marked."""
    batch = len(slot)
    keys = rng.random((batch, tables.nodes))
    keys[np.arange(tables.nodes) >= satellites[:, None]] = 2.0
    drawn = np.argsort(keys, axis=1)[:, : most + serving]
    node, centre = drawn[:, :most], drawn[:, most:]
    to, back = tables.tree[slot[:, None], centre], tables.tree[slot[:, None], node]
    there = tables.go_s_per_bit[to[:, None, :], node[:, :, None]] * bits[..., :1]
    there = there + tables.go_s_per_bit[back[:, :, None], centre[:, None, :]] * bits[..., 1:]
    reachable = np.isfinite(tables.go_s_per_bit[to[:, None, :], node[:, :, None]])
    reachable &= np.isfinite(tables.go_s_per_bit[back[:, :, None], centre[:, None, :]])
    reachable &= np.arange(serving) < centres[:, None, None]
    cost = np.where(reachable, np.nan_to_num(there, posinf=np.inf, nan=np.inf), np.inf)
    best = cost.argmin(2)
    chosen = np.take_along_axis(np.broadcast_to(centre[:, None, :], cost.shape), best[..., None], 2)[..., 0]
    return node, chosen, np.asarray(reachable.any(2))
