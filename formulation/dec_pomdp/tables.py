"""What one slot's network looks like to a packet: padded neighbours and shortest-path trees, as arrays.

Built once per slot by SciPy's Dijkstra; the packets' sizes, ρ and loads only index them. The trees are those of a
packet of `NOMINAL_BITS`: transmission decides them, propagation is some thousandths of a delay.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from instances import Instance
from instances.instance import DIRECTIONS

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

NOMINAL_BITS = 1e8
SMALLEST_S = 1e-15  # keeps a free link an edge in SciPy's sparse graphs


@dataclass(frozen=True, eq=False)
class SlotTables:
    """Networks of K slots, padded to N satellites, A neighbours and H hops.

    A link is numbered `node * A + action`; `N * A` is no link and `N` no node. Tree t holds the shortest paths to one
    destination from everywhere.

    Attributes
    ----------
    ids
        Satellite ids of each slot.
    target
        Neighbour that an action leads to, shape (K, N + 1, A).
    seconds_per_bit, propagation_s
        1 / R_l [s/bit] and d_l / c [s] of each link, shape (K, N·A + 1).
    relay_s_per_bit
        τ of each satellite [s/bit], shape (K, N + 1).
    tree
        Tree that leads to a satellite, or -1, shape (K, N + 1).
    go_s_per_bit, go_s
        Cost-to-go to the tree's destination: per bit (links and inner relays) [s/bit] and propagation [s],
        shape (T, N + 1); inf where the destination cannot be reached.
    path_links, path_relays
        Links and inner satellites of the tree's path from each satellite, shape (T, N + 1, H).
    """

    ids: tuple[tuple[str, ...], ...]
    target: Ints
    seconds_per_bit: Floats
    propagation_s: Floats
    relay_s_per_bit: Floats
    tree: Ints
    go_s_per_bit: Floats
    go_s: Floats
    path_links: Ints
    path_relays: Ints

    @property
    def nodes(self) -> int:
        """N, satellites of the largest slot."""
        return int(self.target.shape[1]) - 1

    @property
    def degree(self) -> int:
        """A, the most links that leave a satellite."""
        return int(self.target.shape[2])

    @cached_property
    def second_actions(self) -> Ints:
        """Second-best action of each satellite on each tree, see `lookahead.second_actions`, shape (T, N + 1)."""
        from formulation.dec_pomdp.lookahead import second_actions

        return second_actions(self)


def _actions(instance: Instance) -> tuple[NDArray[np.int64], int]:
    """Return the action of each link of `instance.network` and the number of actions.

    Where every link has a direction, unique among the links of its satellite, the action is the direction. Elsewhere
    actions index the out-links by (direction, id).
    """
    order = {name: k for k, name in enumerate(DIRECTIONS)}
    action = {}
    directed = True
    for satellite in instance.satellites:
        links = instance.out_links(satellite.id)
        directions = [link.direction for link in links]
        directed &= None not in directions and len(set(directions)) == len(directions)
    widest = 1
    for satellite in instance.satellites:
        links = instance.out_links(satellite.id)
        widest = max(widest, len(links))
        for rank, link in enumerate(sorted(links, key=lambda k: (order.get(k.direction or "", 9), k.target))):
            action[link.source, link.target] = order[link.direction or ""] if directed else rank
    network = instance.network
    ends = zip(network.source.tolist(), network.target.tolist(), strict=True)
    numbers = [action[network.ids[i], network.ids[j]] for i, j in ends]
    return np.array(numbers, dtype=np.int64), len(DIRECTIONS) if directed else widest


def build_tables(instance: Instance, destinations: Sequence[str] | None = None) -> SlotTables:
    """Build the tables of one slot.

    Parameters
    ----------
    instance
        Its network; tasks do not matter.
    destinations
        Satellites that packets may go to; all by default.
    """
    network = instance.network
    n = network.nodes
    action, degree = _actions(instance)
    pad = n * degree
    slot = network.source.astype(np.int64) * degree + action
    target = np.full((n + 1, degree), n, dtype=np.int32)
    target[network.source, action] = network.target
    per_bit, propagation = np.zeros(pad + 1), np.zeros(pad + 1)
    per_bit[slot], propagation[slot] = network.seconds_per_bit, network.propagation_s
    relay = np.append(network.relay_s_per_bit, 0.0)
    ends = np.array([network.index[c] for c in (network.ids if destinations is None else destinations)], dtype=np.int64)
    tree = np.full(n + 1, -1, dtype=np.int32)
    tree[ends] = np.arange(len(ends))
    bare = SlotTables(
        ids=(network.ids,),
        target=target[None],
        seconds_per_bit=per_bit[None],
        propagation_s=propagation[None],
        relay_s_per_bit=relay[None],
        tree=tree[None],
        go_s_per_bit=np.zeros((len(ends), n + 1)),
        go_s=np.zeros((len(ends), n + 1)),
        path_links=np.zeros((len(ends), n + 1, 0), dtype=np.int32),
        path_relays=np.zeros((len(ends), n + 1, 0), dtype=np.int32),
    )
    return grow_trees(bare)


def grow_trees(
    tables: SlotTables, link_times: NDArray[np.float64] | None = None, relay_times: NDArray[np.float64] | None = None
) -> SlotTables:
    """Return the tables of one slot with trees grown anew, along the shortest paths of a loaded network.

    What a path costs in an empty network, `go_s_per_bit` and `go_s`, is kept apart from why it was chosen.

    Parameters
    ----------
    tables
        One slot.
    link_times, relay_times
        How many times the bits of a packet to each tree's destination count on a link, shape (T, N·A + 1), and at a
        relay, shape (T, N + 1); once by default.
    """
    n, degree = tables.nodes, tables.degree
    target, per_bit, relay = tables.target[0], tables.seconds_per_bit[0], tables.relay_s_per_bit[0]
    slot = np.flatnonzero(target[:n].ravel() < n)
    source, onward = slot // degree, target[:n].ravel()[slot]
    ends = np.argsort(np.where(tables.tree[0] < 0, n, tables.tree[0]), kind="stable")[: len(tables.go_s)]
    order = np.lexsort((source, onward))  # rows of the turned graph
    first = np.searchsorted(onward[order], np.arange(n + 1))
    flight = tables.propagation_s[0][slot]
    cost, after = [], []
    shared = link_times is None or relay_times is None
    for t in [slice(None)] if shared else range(len(ends)):
        times = 1.0 if link_times is None else link_times[t, slot]
        passing = 1.0 if relay_times is None else relay_times[t, onward]
        weight = NOMINAL_BITS * (times * per_bit[slot] + passing * relay[onward]) + flight
        graph = csr_matrix((np.maximum(weight, SMALLEST_S)[order], source[order], first), shape=(n, n))
        found = dijkstra(graph, indices=ends if shared else ends[t], return_predecessors=True)
        cost.append(np.atleast_2d(found[0]))
        after.append(np.atleast_2d(found[1]))
    before = np.concatenate(after)
    before = np.pad(np.where(before < 0, n, before), ((0, 0), (0, 1)), constant_values=n)
    links, relays = _unroll(before, _links_to(before, source, onward, slot, n * degree), ends, n)
    reached = np.pad(np.isfinite(np.concatenate(cost)), ((0, 0), (0, 1)))
    return replace(
        tables,
        go_s_per_bit=np.where(reached, _along(per_bit, links) + _along(relay, relays), np.inf),
        go_s=np.where(reached, _along(tables.propagation_s[0], links), np.inf),
        path_links=links,
        path_relays=relays,
    )


def _links_to(
    after: NDArray[np.int64],
    source: NDArray[np.integer],
    onward: NDArray[np.integer],
    slot: NDArray[np.integer],
    no_link: int,
) -> Ints:
    """Return the link from each satellite to the one after it on each tree, shape of `after`: (T, N + 1)."""
    nodes = after.shape[1]
    pairs = source.astype(np.int64) * nodes + onward
    order = np.argsort(pairs)
    wanted = np.arange(nodes) * nodes + after
    place = np.searchsorted(pairs[order], wanted).clip(max=max(len(pairs) - 1, 0))
    if not len(pairs):
        return np.full(after.shape, no_link, dtype=np.int32)
    return np.where(after < nodes - 1, slot[order][place], no_link).astype(np.int32)


def _unroll(after: NDArray[np.int64], link: Ints, ends: NDArray[np.int64], n: int) -> tuple[Ints, Ints]:
    """Follow every tree from every satellite to its destination; return links and inner satellites."""
    trees = np.arange(len(ends))[:, None]
    start = np.broadcast_to(np.arange(n + 1), after.shape)
    hops, at = 0, after[trees, start]
    while (at != n).any():
        hops, at = hops + 1, after[trees, at]
    links = np.full((*after.shape, max(hops, 1)), link[0, n] if len(link) else 0, dtype=np.int32)
    relays = np.full(links.shape, n, dtype=np.int32)
    at = start
    for hop in range(hops):
        onward = after[trees, at]
        links[..., hop] = link[trees, at]
        relays[..., hop] = np.where(onward == ends[:, None], n, onward)
        at = onward
    return links, relays


def _along(values: Floats, places: Ints) -> Floats:
    """Sum values along the paths of each tree, shape (T, N + 1); tree by tree, for all paths at once are large."""
    return np.array([values[own].sum(-1) for own in places]).reshape(places.shape[:2])


def stack_tables(parts: Sequence[SlotTables]) -> SlotTables:
    """Put the tables of several slots side by side, padded to the largest."""
    n, degree = max(p.nodes for p in parts), max(p.degree for p in parts)
    hops = max(p.path_links.shape[-1] for p in parts)

    def links(part: SlotTables, values: Ints) -> Ints:
        gone = part.nodes * part.degree
        return np.where(values == gone, n * degree, values // part.degree * degree + values % part.degree)

    def wide(values: NDArray[np.generic], shape: tuple[int, ...], fill: float) -> NDArray[np.generic]:
        out = np.full((*values.shape[: values.ndim - len(shape)], *shape), fill, dtype=values.dtype)
        out[tuple(slice(0, k) for k in values.shape)] = values
        return out

    def per_link(part: SlotTables, values: Floats) -> Floats:
        out = np.zeros((len(values), n, degree))
        out[:, : part.nodes, : part.degree] = values[:, :-1].reshape(len(values), part.nodes, part.degree)
        return np.pad(out.reshape(len(values), -1), ((0, 0), (0, 1)))

    def nodes(part: SlotTables, values: Ints) -> Ints:
        return np.where(values == part.nodes, n, values)

    offsets = np.cumsum([0, *(len(p.go_s) for p in parts)])
    return SlotTables(
        ids=tuple(ids for p in parts for ids in p.ids),
        target=np.concatenate([wide(nodes(p, p.target), (n + 1, degree), n) for p in parts]).astype(np.int32),
        seconds_per_bit=np.concatenate([per_link(p, p.seconds_per_bit) for p in parts]),
        propagation_s=np.concatenate([per_link(p, p.propagation_s) for p in parts]),
        relay_s_per_bit=np.concatenate([wide(p.relay_s_per_bit, (n + 1,), 0.0) for p in parts]).astype(float),
        tree=np.concatenate(
            [wide(np.where(p.tree < 0, -1, p.tree + k), (n + 1,), -1) for p, k in zip(parts, offsets, strict=False)]
        ).astype(np.int32),
        go_s_per_bit=np.concatenate([wide(p.go_s_per_bit, (n + 1,), np.inf) for p in parts]).astype(float),
        go_s=np.concatenate([wide(p.go_s, (n + 1,), np.inf) for p in parts]).astype(float),
        path_links=np.concatenate([wide(links(p, p.path_links), (n + 1, hops), n * degree) for p in parts]).astype(
            np.int32
        ),
        path_relays=np.concatenate([wide(nodes(p, p.path_relays), (n + 1, hops), n) for p in parts]).astype(np.int32),
    )
