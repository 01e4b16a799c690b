"""What a packet's holder sees of each neighbour: the rows that the utility network scores.

`local` is the paper's observation: the packet, the task, the links and relays around, the distance (cost-to-go) of each
neighbour, how the neighbouring links and relays were used so far. `planned` adds the other packets' planned remaining
links; `lookahead` adds to that what a second choice at each neighbour would cost. Both need a shared plan and are not
decentralised.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from formulation.dec_pomdp.core import Bools, Index, RoutingCore
from formulation.dec_pomdp.lookahead import Detours
from formulation.dec_pomdp.plan import SharedPlan
from formulation.dec_pomdp.tables import Floats

FAR = 4.0
"""The most that a second choice is seen to cost more, in the episode's unit; also where there is none."""
OBSERVATIONS = ("local", "planned", "lookahead")
LOCAL_FEATURES = (
    "hop_s",  # the next hop alone: transmission, relay, propagation
    "cost_to_go_s",  # from the neighbour, in an empty network
    "detour_s",  # both, above the least of the legal neighbours
    "link_reuse_others_s",  # what the packet adds to the packets that used the link so far
    "link_reuse_own_s",  # what they add to it
    "relay_reuse_others_s",
    "relay_reuse_own_s",
    "link_packets",
    "free_path",  # the shortest path from the neighbour is unvisited
    "arrives",
    "legal_neighbours",
    "kind",
    "size",  # relative to the mean packet of the episode
    "remaining_s",  # cost-to-go from here
    "accumulated_s",
    "hops",
    "task_slack_s",  # t^S - t^L: how long the data packet may take before it delays the task
)
PLANNED_FEATURES = (
    "route_others_s",  # what the packet would add to the others' plans on this route
    "route_own_s",  # what they would add to it
    "route_detour_s",  # cost with both, above the least of the legal neighbours
    "hop_others_s",
    "hop_own_s",
    "on_plan",
    "priority",
)
LOOKAHEAD_FEATURES = (
    "second_relief_s",  # what the second choice at the neighbour saves on the route foreseen, at least 0
    "second_detour_s",  # what it costs more in an empty network
    "second_route_s",  # what it costs more with what the others plan, negative where it is a relief
)


def feature_names(observation: str) -> tuple[str, ...]:
    """Return the features of an observation, in their order."""
    if observation not in OBSERVATIONS:
        raise ValueError(f"observation must be one of {', '.join(OBSERVATIONS)}, got {observation!r}")
    more = {"local": (), "planned": PLANNED_FEATURES, "lookahead": PLANNED_FEATURES + LOOKAHEAD_FEATURES}
    return LOCAL_FEATURES + more[observation]


@dataclass(frozen=True, eq=False)
class Seen:
    """Observations of R packets; delays are in units of the episode's mean uncongested packet delay.

    Attributes
    ----------
    features
        Shape (R, A, F); masked neighbours hold zeros.
    cost
        Size-weighted cost by way of each neighbour in an empty network, shape (R, A).
    marginal
        The same with what the packet is foreseen to add to the others and they to it: under their plans on the whole
        route (`planned`), or under the loads so far on the next hop (`local`), shape (R, A).
    legal
        Mask, shape (R, A).
    """

    features: NDArray[np.float32]
    cost: Floats
    marginal: Floats
    legal: Bools


class Observer:
    """Observes the moving packets of a core.

    Parameters
    ----------
    core
        The episodes.
    observation
        `local` or `planned`.
    routes
        Plan of an earlier pass for `planned`.
    priority
        Priorities of the packets in [0, 1], shape (B, P), or None for zeros.
    """

    def __init__(
        self,
        core: RoutingCore,
        observation: str = "local",
        *,
        routes: NDArray[np.integer] | None = None,
        priority: Floats | None = None,
    ) -> None:
        self.names = feature_names(observation)
        self.core, self.observation = core, observation
        self.plan = None if observation == "local" else SharedPlan(core, routes)
        self.detours = Detours(core, self.plan) if self.plan is not None and observation == "lookahead" else None
        self.priority = np.zeros(core.packets.shape) if priority is None else priority
        self.size, self.slack = core.scale.size, core.scale.slack

    def see(self, b: Index, p: Index) -> Seen:
        """Observe these moving packets, shape (R,)."""
        core, tables, packets = self.core, self.core.tables, self.core.packets
        slot, at, tree = packets.slot[b], core.at[b, p], core.tree[b, p]
        there = tables.target[slot, at]
        arrives = there == packets.destination[b, p][:, None]
        relay = np.where(arrives, tables.nodes, there)
        link = at[:, None] * core.stay + np.arange(core.stay)
        bits, unit = packets.bits[b, p][:, None], core.unit_s[b][:, None]
        legal = core.legal(b, p)
        per_bit, relay_per_bit = (
            tables.seconds_per_bit[slot[:, None], link],
            tables.relay_s_per_bit[slot[:, None], relay],
        )
        hop = (bits * (per_bit + relay_per_bit) + tables.propagation_s[slot[:, None], link]) / unit
        tails = tree[:, None]
        go = np.where(legal, bits * tables.go_s_per_bit[tails, there] + tables.go_s[tails, there], 0.0) / unit
        cost = hop + go
        tail_relays = tables.path_relays[tails, there]
        free = ~core.visited[b[:, None, None], p[:, None, None], tail_relays].any(2)
        here = (bits[:, 0] * tables.go_s_per_bit[tree, at] + tables.go_s[tree, at]) / unit[:, 0]
        out = np.zeros((len(b), core.stay, len(self.names)), dtype=np.float32)
        used = (b[:, None], core.kind[p][:, None])
        reuse = (
            core.link_bits[*used, link] * per_bit / unit, core.link_packets[*used, link] * per_bit * bits / unit,
            core.relay_bits[*used, relay] * relay_per_bit / unit,
            core.relay_packets[*used, relay] * relay_per_bit * bits / unit,
        )  # fmt: skip
        columns = (
            hop, go, self._above_least(cost, legal), *reuse,
            core.link_packets[*used, link] / 4, free, arrives, legal.sum(1, keepdims=True) / 4, core.kind[p][:, None],
            self.size[b, p][:, None], here[:, None], (core.elapsed_s[b, p] / unit[:, 0])[:, None],
            np.full((1, 1), core.steps / 10), self.slack[b, p][:, None],
        )  # fmt: skip
        for k, column in enumerate(columns):
            out[..., k] = column
        marginal = cost + sum(reuse)
        if self.plan is not None:
            links = np.concatenate([link[..., None], tables.path_links[tails, there]], axis=2)
            relays = np.concatenate([relay[..., None], tail_relays], axis=2)
            others, own, hop_others, hop_own = self.plan.predicted(b, p, links, relays)
            marginal = cost + (others + own * bits) / unit
            on_plan = self.plan.next_link(b, p)[:, None] == link
            foreseen: tuple[NDArray[Any], ...] = (
                others / unit, own * bits / unit, self._above_least(marginal, legal), hop_others / unit,
                hop_own * bits / unit, on_plan, self.priority[b, p][:, None],
            )  # fmt: skip
            if self.detours is not None:
                alone, second = (value / unit for value in self.detours.cost(b, p, link, relay, legal))
                relief, detour, more = np.maximum(marginal - second, 0.0), alone - cost, second - marginal
                foreseen += (relief, np.minimum(detour, FAR), np.minimum(more, FAR))
            for k, column in enumerate(foreseen, len(LOCAL_FEATURES)):
                out[..., k] = column
        out[~legal] = 0.0
        return Seen(out, cost, marginal, legal)

    @staticmethod
    def _above_least(cost: Floats, legal: Bools) -> Floats:
        """Return each cost less the least legal one of its row, 0 where masked."""
        least = np.where(legal, cost, np.inf).min(1, keepdims=True)
        return np.where(legal, cost - least, 0.0)

    def announce(self, b: Index, p: Index, actions: NDArray[np.integer]) -> None:
        """Tell the shared plan what these packets will do next; nothing happens where there is none."""
        if self.plan is not None:
            self.plan.announce(b, p, self.core.at[b, p] * self.core.stay + actions)
