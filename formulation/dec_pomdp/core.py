"""The Dec-POMDP of problem (7) for thousands of episodes at once: state, masks, transition and reward, in NumPy.

Agents are the satellites; a slot (m, kind) acts for the satellite that holds that packet. In each step every packet
moves one hop or, once arrived or where absent, stays. An episode terminates when all packets have arrived and is
truncated at the hop limit; the two are kept apart.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from formulation.dec_pomdp.packets import Packets, scale_of
from formulation.dec_pomdp.reach import can_reach
from formulation.dec_pomdp.tables import Floats, SlotTables

Index = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class RewardOptions:
    """The reward R = mean_m [κ·1(all its packets arrived) + ω·exp(-β T_m / T_ref,m)] and its shaping.

    Attributes
    ----------
    arrived, weight, sensitivity
        κ, ω and β.
    shaping
        `delay`: every step also pays the growth of the packets' true total delay, relative to their total uncongested
        delay, so that the return is R minus that total. `potential`: γΦ(s') - Φ(s) with Φ = -(cost-to-go of all
        packets, same unit) and Φ(terminal) = 0, which changes no optimal policy. `none`: R at the end alone.
    discount
        γ of the potential.
    """

    arrived: float = 1.0
    weight: float = 1.0
    sensitivity: float = 1.0
    shaping: str = "delay"
    discount: float = 1.0

    def __post_init__(self) -> None:
        if self.shaping not in ("delay", "potential", "none"):
            raise ValueError(f"shaping must be one of delay, potential, none, got {self.shaping!r}")


@dataclass(frozen=True, eq=False)
class Step:
    """What a joint action led to, each of shape (B,)."""

    reward: Floats
    terminated: Bools
    truncated: Bools


class RoutingCore:
    """B episodes of packet routing, stepped together.

    Parameters
    ----------
    tables
        The slots.
    packets
        What is to be routed.
    reward
        Reward and shaping.
    hop_limit
        Steps until truncation; by default the number of satellites, which no simple path exceeds.

    Attributes
    ----------
    at
        Satellite that holds each packet, shape (B, P).
    moving
        Whether the packet is present and has not arrived, shape (B, P).
    count
        Number of packets of each episode, shape (B,).
    unit_s
        Their mean uncongested delay [s], the unit of observations and utilities, shape (B,).
    visited
        Satellites that each packet has seen; the last column is no satellite, shape (B, P, N + 1).
    link_bits, link_packets, relay_bits, relay_packets
        Bits and packets of each kind that used each link and relay so far, shape (B, 2, N·A + 1) and (B, 2, N + 1).
    """

    def __init__(
        self,
        tables: SlotTables,
        packets: Packets,
        *,
        reward: RewardOptions | None = None,
        hop_limit: int | None = None,
    ) -> None:
        self.tables, self.packets, self.reward = tables, packets, reward or RewardOptions()
        self.hop_limit = tables.nodes if hop_limit is None else hop_limit
        self.kind = packets.kind
        self.scale = scale_of(tables, packets)
        self.alone_s, self.count, self.unit_s = self.scale.alone_s, self.scale.count, self.scale.unit_s
        ref = packets.service_delay(self.alone_s)
        self.reference_s = np.where(packets.task, np.maximum(ref, 1e-12), 1.0)
        self.tree = self.scale.tree
        self.reset()

    def reset(self) -> None:
        """Put every packet back at its source."""
        tables, packets = self.tables, self.packets
        batch, count = packets.shape
        links, nodes = tables.seconds_per_bit.shape[1], tables.nodes + 1
        self.steps = 0
        self.at = packets.source.copy()
        self.moving = packets.present & (packets.source != packets.destination)
        self.visited = np.zeros((batch, count, nodes), dtype=bool)
        b, p = np.nonzero(packets.present)
        self.visited[b, p, self.at[b, p]] = True
        self.link_bits, self.link_packets = np.zeros((batch, 2, links)), np.zeros((batch, 2, links))
        self.relay_bits, self.relay_packets = np.zeros((batch, 2, nodes)), np.zeros((batch, 2, nodes))
        self.propagation_s, self.elapsed_s = np.zeros((batch, count)), np.zeros((batch, count))
        self.trail: list[tuple[Index, Index, Index]] = []
        self._total_s, self._ended = np.zeros(batch), np.zeros(batch, dtype=bool)
        self._potential = self._phi()

    @property
    def stay(self) -> int:
        """Number of the action `stay`, after the neighbours'."""
        return self.tables.degree

    def moving_slots(self) -> tuple[Index, Index]:
        """Return (episode, slot) of every packet that must move."""
        b, p = np.nonzero(self.moving)
        return b, p

    def legal(self, b: Index, p: Index) -> Bools:
        """Return which neighbours these moving packets may go to, shape (R, A).

        Masked are neighbours without a link that is up, those already visited, and those from which the destination
        can no longer be reached on unvisited satellites. At least one is left.
        """
        tables, slot = self.tables, self.packets.slot[b]
        neighbour = tables.target[slot, self.at[b, p]]
        allowed = (neighbour < tables.nodes) & ~self.visited[b[:, None], p[:, None], neighbour]
        row, action = np.nonzero(allowed)
        ends = b[row], p[row]
        allowed[row, action] = can_reach(
            tables, slot[row], self.tree[ends], self.visited, *ends, neighbour[row, action]
        )
        return allowed

    def mask(self) -> Bools:
        """Return the legal actions of every slot, `stay` last, shape (B, P, A + 1)."""
        batch, count = self.packets.shape
        mask = np.zeros((batch, count, self.stay + 1), dtype=bool)
        mask[..., self.stay] = ~self.moving
        b, p = self.moving_slots()
        mask[b, p, : self.stay] = self.legal(b, p)
        return mask

    def step(self, actions: NDArray[np.integer]) -> Step:
        """Move all packets by one joint action, shape (B, P); masked actions are refused.

        Raises
        ------
        ValueError
            If a packet would leave its mask.
        """
        b, p = self.moving_slots()
        chosen = actions[b, p]
        here = self.at[b, p]
        if (chosen < 0).any() or (chosen >= self.stay).any():
            raise ValueError("a moving packet must take a link, not stay")
        if (actions[~self.moving] != self.stay).any():
            raise ValueError("an arrived or absent packet must stay")
        there = self.tables.target[self.packets.slot[b], here, chosen]
        if (there == self.tables.nodes).any() or self.visited[b, p, there].any():
            raise ValueError("a masked action was taken: no such link, or a satellite seen before")
        self._move(b, p, here * self.stay + chosen, there.astype(np.int64))
        self.steps += 1
        terminated = ~self.moving.any(1)
        truncated = ~terminated & (self.steps >= self.hop_limit)
        return Step(self._reward(terminated, truncated), terminated, truncated)

    def _move(self, b: Index, p: Index, link: Index, there: Index) -> None:
        """Bring packets over links: loads, clocks, positions."""
        tables, slot, kind, bits = self.tables, self.packets.slot[b], self.kind[p], self.packets.bits[b, p]
        arrived = there == self.packets.destination[b, p]
        np.add.at(self.link_bits, (b, kind, link), bits)
        np.add.at(self.link_packets, (b, kind, link), 1.0)
        relay = np.where(arrived, tables.nodes, there)
        np.add.at(self.relay_bits, (b, kind, relay), bits)
        np.add.at(self.relay_packets, (b, kind, relay), 1.0)
        self.relay_bits[..., -1] = self.relay_packets[..., -1] = 0.0
        flight = tables.propagation_s[slot, link]
        self.propagation_s[b, p] += flight
        shared = self.link_packets[b, kind, link] * tables.seconds_per_bit[slot, link]
        relayed = self.relay_packets[b, kind, relay] * tables.relay_s_per_bit[slot, relay]
        self.elapsed_s[b, p] += flight + bits * (shared + relayed)
        self.at[b, p] = there
        self.visited[b, p, there] = True
        self.moving[b[arrived], p[arrived]] = False
        self.trail.append((b, p, link))

    def _reward(self, terminated: Bools, truncated: Bools) -> Floats:
        options = self.reward
        reward = np.zeros(len(terminated))
        if options.shaping == "delay":
            total = self.total_delay_s()
            reward -= (total - self._total_s) / (self.unit_s * self.count)
            self._total_s = total
        elif options.shaping == "potential":
            phi = np.where(terminated, 0.0, self._phi())
            reward += options.discount * phi - self._potential
            self._potential = phi
        ending = (terminated | truncated) & ~self._ended
        if ending.any():
            reward += np.where(ending, self.terminal_reward(), 0.0)
            self._ended |= ending
        return reward

    def _phi(self) -> Floats:
        """Φ = -(cost-to-go of all packets), relative to their total uncongested delay, shape (B,)."""
        bits, tables = self.packets.bits, self.tables
        left = np.maximum(bits, 1.0) * tables.go_s_per_bit[self.tree, self.at] + tables.go_s[self.tree, self.at]
        phi: Floats = -np.where(self.moving, left, 0.0).sum(1) / (self.unit_s * self.count)
        return phi

    def terminal_reward(self) -> Floats:
        """R of the paper, shape (B,): a task counts as served once all its packets have arrived."""
        options, tasks = self.reward, self.packets.task
        served = ~(self.moving[:, 0::2] | self.moving[:, 1::2])
        delay = self.packets.service_delay(self.packet_delays_s())
        value = options.arrived * served + options.weight * np.exp(-options.sensitivity * delay / self.reference_s)
        reward: Floats = np.where(tasks & served, value, 0.0).sum(1) / np.maximum(tasks.sum(1), 1)
        return reward

    def total_delay_s(self) -> Floats:
        """Return the true total delay of all links used so far, summed over packets [s], shape (B,)."""
        tables, slot = self.tables, self.packets.slot
        links = np.einsum("bkl,bkl,bl->b", self.link_bits, self.link_packets, tables.seconds_per_bit[slot])
        relays = np.einsum("bkn,bkn,bn->b", self.relay_bits, self.relay_packets, tables.relay_s_per_bit[slot])
        total: Floats = links + relays + self.propagation_s.sum(1)
        return total

    def packet_delays_s(self) -> Floats:
        """Delay (1) or (2) of each packet on the links used so far, under the loads so far [s], shape (B, P)."""
        tables, delays = self.tables, self.propagation_s.copy()
        for b, p, link in self.trail:
            slot, kind = self.packets.slot[b], self.kind[p]
            there = tables.target[slot, link // self.stay, link % self.stay]
            relay = np.where(there == self.packets.destination[b, p], tables.nodes, there)
            per_bit = self.link_packets[b, kind, link] * tables.seconds_per_bit[slot, link]
            per_bit += self.relay_packets[b, kind, relay] * tables.relay_s_per_bit[slot, relay]
            delays[b, p] += self.packets.bits[b, p] * per_bit
        return delays

    def state(self) -> NDArray[np.float32]:
        """Return the global state for centralised training, shape (B, 4P + 3).

        For each slot: moving, cost-to-go, delay so far (both in the episode's unit) and size relative to the mean; then
        the steps so far, the number of packets and the true total delay so far.
        """
        tables, bits, unit = self.tables, self.packets.bits, self.unit_s[:, None]
        left = np.maximum(bits, 1.0) * tables.go_s_per_bit[self.tree, self.at] + tables.go_s[self.tree, self.at]
        mean = np.maximum(bits.sum(1) / self.count, 1e-9)[:, None]
        total = self.total_delay_s() / self.unit_s / self.count
        ends = np.stack([np.full(len(bits), self.steps / 10), self.count / 10, total], axis=1)
        parts = [self.moving, np.where(self.moving, left, 0.0) / unit, self.elapsed_s / unit, bits / mean, ends]
        return np.concatenate(parts, axis=1, dtype=np.float32, casting="unsafe")

    def path(self, b: int, p: int) -> tuple[str, ...] | None:
        """Return the satellite ids that a packet has passed, or None for an absent one."""
        if not self.packets.present[b, p]:
            return None
        ids, nodes = self.tables.ids[self.packets.slot[b]], [int(self.packets.source[b, p])]
        for rows, slots, links in self.trail:
            own = links[(rows == b) & (slots == p)]
            nodes += self.tables.target[self.packets.slot[b], own // self.stay, own % self.stay].tolist()
        return tuple(ids[k] for k in nodes)
