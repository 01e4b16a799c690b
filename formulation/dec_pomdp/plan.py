"""The shared plan behind `observation="planned"`: which links every packet intends to use.

This is what makes that observation not decentralised: each satellite is told the other packets' remaining links. A
packet's plan starts as the shortest path (or a route of an earlier pass); when it announces another next hop, the rest
of its plan becomes the shortest path from there.
"""

import numpy as np
from numpy.typing import NDArray

from formulation.dec_pomdp.core import Index, RoutingCore
from formulation.dec_pomdp.tables import Floats


class SharedPlan:
    """Intended links of all packets and the loads that follow, for a core at its start.

    Parameters
    ----------
    core
        The episodes.
    routes
        Links of an earlier pass by hop, shape (B, P, hops), padded with N·A; None for the shortest paths.

    Attributes
    ----------
    links, relays
        Intended links and inner satellites by hop, shape (B, P, C).
    link_bits_s, link_s
        Σ D/R and Σ 1/R over the packets of a kind that intend a link, shape (B·2·(N·A + 1),); relays likewise.
    own_link_s, own_relay_s
        The part of `link_s` and `relay_s` that is the packet's own, shape (B·P·(N·A + 1),) and (B·P·(N + 1),).
    """

    def __init__(self, core: RoutingCore, routes: NDArray[np.integer] | None = None) -> None:
        self.core = core
        tables, packets = core.tables, core.packets
        batch, count = packets.shape
        self.wide_links, self.wide_nodes = tables.seconds_per_bit.shape[1], tables.nodes + 1
        hops = tables.path_links.shape[-1] + 1
        if routes is not None:
            hops = max(hops, routes.shape[-1])
        self.links = np.full((batch, count, hops), self.wide_links - 1, dtype=np.int64)
        self.relays = np.full((batch, count, hops), self.wide_nodes - 1, dtype=np.int64)
        self.link_bits_s, self.link_s = np.zeros(batch * 2 * self.wide_links), np.zeros(batch * 2 * self.wide_links)
        self.relay_bits_s, self.relay_s = np.zeros(batch * 2 * self.wide_nodes), np.zeros(batch * 2 * self.wide_nodes)
        self.own_link_s = np.zeros(batch * count * self.wide_links, dtype=np.float32)
        self.own_relay_s = np.zeros(batch * count * self.wide_nodes, dtype=np.float32)
        b, p = core.moving_slots()
        if routes is None:
            tree, at = core.tree[b, p], core.at[b, p]
            self._write(b, p, 0, tables.path_links[tree, at], tables.path_relays[tree, at])
        else:
            links = routes[b, p].astype(np.int64)
            there = tables.target.reshape(len(tables.ids), -1)
            there = np.pad(there[:, : -tables.degree], ((0, 0), (0, 1)), constant_values=tables.nodes)
            nodes = there[packets.slot[b][:, None], links]
            ends = packets.destination[b, p][:, None]
            self._write(b, p, 0, links, np.where(nodes == ends, tables.nodes, nodes))
        self._count(b, p, 0, 1.0)

    def _write(self, b: Index, p: Index, hop: int, links: NDArray[np.integer], relays: NDArray[np.integer]) -> None:
        """Set the plans from this hop on, and nothing after."""
        end = min(hop + links.shape[1], self.links.shape[2])
        self.links[b, p, hop:], self.relays[b, p, hop:] = self.wide_links - 1, self.wide_nodes - 1
        self.links[b, p, hop:end], self.relays[b, p, hop:end] = links[:, : end - hop], relays[:, : end - hop]

    def _count(self, b: Index, p: Index, hop: int, sign: float) -> None:
        """Put the plans' links from this hop on into the loads (1) or take them out (-1)."""
        core, slot = self.core, self.core.packets.slot[b]
        bits = core.packets.bits[b, p]
        row, column = b * 2 + core.kind[p], b * core.packets.shape[1] + p
        for chosen, table, loads_bits, loads, own, width in (
            (self.links, core.tables.seconds_per_bit, self.link_bits_s, self.link_s, self.own_link_s, self.wide_links),
            (
                self.relays, core.tables.relay_s_per_bit, self.relay_bits_s, self.relay_s, self.own_relay_s,
                self.wide_nodes,
            ),
        ):  # fmt: skip
            places = chosen[b, p, hop:]
            per_bit = table[slot[:, None], places]
            flat = (row[:, None] * width + places).ravel()
            np.add.at(loads_bits, flat, (sign * bits[:, None] * per_bit).ravel())
            np.add.at(loads, flat, (sign * per_bit).ravel())
            own[(column[:, None] * width + places).ravel()] = (per_bit * (sign > 0)).ravel()

    def announce(self, b: Index, p: Index, link: Index) -> None:
        """Let packets state their next link; whoever leaves its plan goes on by the shortest path from there."""
        hop = self.core.steps
        if hop >= self.links.shape[2]:
            self._grow()
        leaves = self.links[b, p, hop] != link
        if not leaves.any():
            return
        b, p, link = b[leaves], p[leaves], link[leaves]
        core, tables = self.core, self.core.tables
        there = tables.target[core.packets.slot[b], link // core.stay, link % core.stay].astype(np.int64)
        tree = core.tree[b, p]
        relay = np.where(there == core.packets.destination[b, p], tables.nodes, there)
        self._count(b, p, hop, -1.0)
        links = np.concatenate([link[:, None], tables.path_links[tree, there]], axis=1)
        relays = np.concatenate([relay[:, None], tables.path_relays[tree, there]], axis=1)
        while self.links.shape[2] < hop + links.shape[1]:
            self._grow()
        self._write(b, p, hop, links, relays)
        self._count(b, p, hop, 1.0)

    def _grow(self) -> None:
        width = self.links.shape[2]
        self.links = np.pad(self.links, ((0, 0), (0, 0), (0, width)), constant_values=self.wide_links - 1)
        self.relays = np.pad(self.relays, ((0, 0), (0, 0), (0, width)), constant_values=self.wide_nodes - 1)

    def next_link(self, b: Index, p: Index) -> Index:
        """Return the link that each packet intends to take next, shape (R,)."""
        hop = self.core.steps
        if hop >= self.links.shape[2]:
            return np.full(len(b), self.wide_links - 1)
        nxt: Index = self.links[b, p, hop]
        return nxt

    def predicted(self, b: Index, p: Index, links: NDArray[np.integer], relays: NDArray[np.integer]) -> tuple[
        Floats, Floats, Floats, Floats
    ]:  # fmt: skip
        """Return what the other packets' plans would cost on candidate routes.

        Parameters
        ----------
        b, p
            The packets, shape (R,).
        links, relays
            Candidate routes, shape (R, A, H), the next hop first.

        Returns
        -------
        bits_s, packets_s, bits_first_s, packets_first_s
            Σ others' D/R, the delay that the packet adds to the others [s], and Σ others' 1/R, which times its bits is
            the delay that they add to it [s/bit]; over the whole route and over its first hop; shape (R, A).
        """
        core = self.core
        row, column = b * 2 + core.kind[p], b * core.packets.shape[1] + p
        at_link = (row * self.wide_links)[:, None, None] + links
        at_relay = (row * self.wide_nodes)[:, None, None] + relays
        own = self.own_link_s[(column * self.wide_links)[:, None, None] + links].astype(float)
        own += self.own_relay_s[(column * self.wide_nodes)[:, None, None] + relays]
        bits_s = self.link_bits_s[at_link] + self.relay_bits_s[at_relay] - core.packets.bits[b, p][:, None, None] * own
        packets_s = self.link_s[at_link] + self.relay_s[at_relay] - own
        return bits_s.sum(2), packets_s.sum(2), bits_s[..., 0], packets_s[..., 0]
