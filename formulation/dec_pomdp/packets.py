"""The packets that a batch of episodes routes, as arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from formulation.dec_pomdp.tables import Floats, SlotTables
from formulation.solution import Solution
from formulation.volumes import computing_rate, data_packet_bits
from instances import Instance

KINDS = ("data", "model")


@dataclass(frozen=True, eq=False)
class Packets:
    """B episodes with M tasks each; slot 2m is task m's data packet, slot 2m + 1 its model packet; P = 2M.

    Attributes
    ----------
    slot
        Row of the tables that each episode plays on, shape (B,).
    source, destination
        Nodes, shape (B, P).
    bits
        Packet sizes [bit], shape (B, P).
    present
        Whether the packet exists, shape (B, P).
    t_fe, t_S, t_L
        Computing times [s], shape (B, M).
    task
        Whether the task exists: batches are padded to the largest task count, shape (B, M).
    """

    slot: NDArray[np.int64]
    source: NDArray[np.int64]
    destination: NDArray[np.int64]
    bits: Floats
    present: NDArray[np.bool_]
    t_fe: Floats
    t_S: Floats
    t_L: Floats
    task: NDArray[np.bool_]

    @property
    def shape(self) -> tuple[int, int]:
        """(B, P)."""
        return self.bits.shape[0], self.bits.shape[1]

    @property
    def kind(self) -> NDArray[np.int64]:
        """0 for data, 1 for model packets, shape (P,)."""
        return np.arange(self.bits.shape[1]) % 2

    def uncongested_s(self, tables: SlotTables) -> Floats:
        """Return each packet's delay in an empty network along its tree [s], 0 where absent, shape (B, P)."""
        tree = tables.tree[self.slot[:, None], self.destination]
        bits = np.where(self.present, self.bits, 1.0)  # absent packets may have no path: inf, not 0 times inf
        alone = bits * tables.go_s_per_bit[tree, self.source] + tables.go_s[tree, self.source]
        return np.where(self.present, alone, 0.0)

    def service_delay(self, delays_s: Floats) -> Floats:
        """Return T_m (3) from the packets' transmission delays, shape (B, M) [s]."""
        remote, local = delays_s[:, 0::2] + self.t_L, self.t_S
        return np.where(self.task, delays_s[:, 1::2] + self.t_fe + np.maximum(remote, local), 0.0)


def packets_of(instance: Instance, solution: Solution) -> Packets:
    """Return the packets of a solution's decisions as a batch of one episode."""
    index, columns = instance.network.index, []
    for task, d in zip(instance.tasks, solution.tasks, strict=True):
        m, c, rho = index[task.satellite], index[d.computing_satellite], d.offload_ratio
        own = computing_rate(instance, task.satellite)
        sends = d.sends_data, d.sends_model
        fe = rho * task.volume_bits * task.feature_ops_per_bit / own if sends[0] else 0.0
        small = (1 - rho) * task.frames * task.small_ops_per_frame / own if sends[1] else 0.0
        large = rho * task.frames * task.large_ops_per_frame / computing_rate(instance, d.computing_satellite)
        bits = data_packet_bits(task, d), d.model_packet_bits
        columns.append(((m, c), (c, m), bits, sends, fe, small, large if sends[0] else 0.0))
    source, destination, bits_, present, fe_, small_, large_ = zip(*columns, strict=True)
    return Packets(
        slot=np.zeros(1, dtype=np.int64),
        source=np.array(source, dtype=np.int64).reshape(1, -1),
        destination=np.array(destination, dtype=np.int64).reshape(1, -1),
        bits=np.array(bits_, dtype=float).reshape(1, -1),
        present=np.array(present).reshape(1, -1),
        t_fe=np.array(fe_)[None],
        t_S=np.array(small_)[None],
        t_L=np.array(large_)[None],
        task=np.ones((1, len(columns)), dtype=bool),
    )


def repeat(packets: Packets, times: int) -> Packets:
    """Return the batch with every episode repeated, for rollouts side by side."""
    return Packets(**{name: np.repeat(value, times, axis=0) for name, value in vars(packets).items()})


@dataclass(frozen=True, eq=False)
class Scale:
    """What packets are measured by.

    Attributes
    ----------
    alone_s
        Delay of each packet in an empty network [s], shape (B, P).
    count
        Number of packets of each episode, shape (B,).
    unit_s
        Their mean delay alone [s], the unit of observations and utilities, shape (B,).
    tree
        Tree that leads to each packet's destination, shape (B, P).
    size
        Bits relative to the episode's mean packet, shape (B, P).
    slack
        t^S - t^L of the packet's task in that unit, within ±20, shape (B, P).
    """

    alone_s: Floats
    count: NDArray[np.int64]
    unit_s: Floats
    tree: NDArray[np.int64]
    size: Floats
    slack: Floats


def scale_of(tables: SlotTables, packets: Packets) -> Scale:
    """Measure the packets of a batch.

    Raises
    ------
    ValueError
        If a packet has no path.
    """
    alone = packets.uncongested_s(tables)
    if not np.isfinite(alone).all():
        b, p = np.argwhere(~np.isfinite(alone))[0]
        ids = tables.ids[packets.slot[b]]
        raise ValueError(f"no path from {ids[packets.source[b, p]]} to {ids[packets.destination[b, p]]}")
    count = np.maximum(packets.present.sum(1), 1)
    unit = np.maximum(alone.sum(1) / count, 1e-12)
    mean = packets.bits.sum(1) / count
    slack = (packets.t_S - packets.t_L) / unit[:, None]
    return Scale(
        alone_s=alone,
        count=count,
        unit_s=unit,
        tree=tables.tree[packets.slot[:, None], packets.destination].astype(np.int64),
        size=packets.bits / np.maximum(mean, 1e-9)[:, None],
        slack=np.repeat(np.clip(slack, -20.0, 20.0), 2, axis=1),
    )
