"""A batch of rollouts on given tables: compiled where Numba is installed, else on NumPy's batched core."""

import logging
import time
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from formulation.dec_pomdp import Observer, Packets, RoutingCore, SlotTables, build_tables, packets_of, scale_of
from instances.generate import generate_torus
from solvers.assignment import assign
from solvers.bisection import pack
from solvers.marl.policy import Policy, untrained_policy
from solvers.marl.rollout import TurnOptions, gumbel_noise, roll_out

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LOG = logging.getLogger(__name__)


@cache
def has_compiler() -> bool:
    """Tell whether Numba is installed (extra `fast`)."""
    return find_spec("numba") is not None


@cache
def get_ready() -> None:
    """Load the compiled rollouts; compile them where that was never done: once an installation, half a minute."""
    if has_compiler():
        began = time.perf_counter()
        instance = generate_torus(2, 3, tasks=1, computing=1, seed=0)
        packets = packets_of(instance, pack(instance, assign(instance), [0.5]))
        rng = np.random.default_rng(0)
        play_batch(build_tables(instance), packets, untrained_policy(), priority=np.zeros((1, 2)), rng=rng)
        LOG.info("compiled rollouts ready after %.1f s", time.perf_counter() - began)


@dataclass(frozen=True, eq=False)
class Rollout:
    """A finished batch of rollouts.

    Attributes
    ----------
    tables, packets
        What was routed where.
    routes
        Links of each packet by hop, padded with N·A, shape (B, P, hops).
    seconds_per_bit, propagation_s
        What a bit of each packet costs under the final loads [s/bit], and its propagation delay [s], shape (B, P).
    decisions
        Number of packet decisions.
    """

    tables: SlotTables
    packets: Packets
    routes: Ints
    seconds_per_bit: Floats
    propagation_s: Floats
    decisions: int

    @property
    def packet_delay_s(self) -> Floats:
        """Delay (1) or (2) of each packet, shape (B, P) [s]."""
        return self.propagation_s + self.packets.bits * self.seconds_per_bit

    @property
    def delay_s(self) -> Floats:
        """Delay (3) of each task, shape (B, M) [s]."""
        return self.packets.service_delay(self.packet_delay_s)

    def paths(self, b: int) -> list[tuple[str, ...] | None]:
        """Return the packets' paths of one episode."""
        tables, packets = self.tables, self.packets
        found: list[tuple[str, ...] | None] = []
        ids, links = tables.ids[packets.slot[b]], self.routes[b]
        nothing = tables.nodes * tables.degree
        for p in range(packets.shape[1]):
            if not packets.present[b, p]:
                found.append(None)
                continue
            own = links[p][links[p] != nothing]
            nodes = tables.target[packets.slot[b], own // tables.degree, own % tables.degree].tolist()
            found.append(tuple(ids[k] for k in (int(packets.source[b, p]), *nodes)))
        return found


def play_batch(
    tables: SlotTables,
    packets: Packets,
    policy: Policy,
    *,
    priority: Floats,
    routes: NDArray[np.integer] | None = None,
    noise: Floats | None = None,
    rng: np.random.Generator,
    turns: TurnOptions | None = None,
    compiled: bool | None = None,
) -> Rollout:
    """Roll a policy out on a batch of episodes.

    Parameters
    ----------
    tables, packets, policy
        Where, what, by whom.
    priority
        Priorities of the packets, shape (B, P).
    routes
        The plan to start from, shape (B, P, hops), padded with N·A; None for shortest paths.
    noise
        Scale of the Gumbel noise on Q in each episode, shape (B,); None to be greedy.
    rng
        Source of that noise.
    turns
        Turns of a step.
    compiled
        By Numba or by NumPy: the same decisions up to rounding (and other draws of noise); by default Numba if there.

    Raises
    ------
    ValueError
        If a packet has no path.
    """
    turns = turns or TurnOptions()
    if has_compiler() if compiled is None else compiled:
        return _play_compiled(tables, packets, policy, priority, routes, noise, rng, turns)
    core = RoutingCore(tables, packets)
    observer = Observer(core, policy.observation, routes=routes, priority=priority)
    sampling = None if noise is None else gumbel_noise(rng, noise, observer.size)
    decisions = roll_out(observer, policy.utilities, turns, sampling)
    flight = core.propagation_s
    per_bit = (core.packet_delays_s() - flight) / np.where(packets.bits > 0, packets.bits, 1.0)
    return Rollout(tables, packets, routes_of(core), per_bit, flight, decisions)


def routes_of(core: RoutingCore) -> Ints:
    """Return the links that each packet took by hop, padded with N·A, shape (B, P, steps)."""
    nothing = core.tables.seconds_per_bit.shape[1] - 1
    routes = np.full((*core.packets.shape, max(core.steps, 1)), nothing, dtype=np.int64)
    for hop, (b, p, link) in enumerate(core.trail):
        routes[b, p, hop] = link
    return routes


@lru_cache(maxsize=8)
def _network(policy: Policy) -> Any:
    """Return a policy's weights as the kernel takes them."""
    from solvers.marl.kernel import COST_TO_GO, MARGINAL, NO_PRIOR
    from solvers.marl.memory import Network

    w = policy.weights
    return Network(
        linear=_own(w["linear.weight"][0]),
        bias=np.float32(w["linear.bias"][0] + w["layer_3.bias"][0]),
        w1=_own(w["layer_1.weight"].T),
        b1=_own(w["layer_1.bias"]),
        w2=_own(w["layer_2.weight"].T),
        b2=_own(w["layer_2.bias"]),
        w3=_own(w["layer_3.weight"][0]),
        planned=policy.observation != "local",
        lookahead=policy.observation == "lookahead",
        prior={"none": NO_PRIOR, "cost_to_go": COST_TO_GO, "marginal": MARGINAL}[policy.prior],
    )


def _play_compiled(
    tables: SlotTables,
    packets: Packets,
    policy: Policy,
    priority: Floats,
    routes: NDArray[np.integer] | None,
    noise: Floats | None,
    rng: np.random.Generator,
    turns: TurnOptions,
) -> Rollout:
    from solvers.marl.kernel import play

    batch, count = packets.shape
    scale = scale_of(tables, packets)
    rank = ((1 - priority) * max(count // 2 - 1, 1) + 0.5).astype(np.int64)
    moving = packets.present & (packets.source != packets.destination)
    places = scale.tree, scale.size, scale.slack
    width = 4 * tables.path_links.shape[-1] + 16
    second = tables.second_actions if policy.observation == "lookahead" else np.zeros((0, 0), np.int32)
    arguments = (
        tuple(map(_own, (tables.target, tables.seconds_per_bit, tables.propagation_s, tables.relay_s_per_bit))),
        tuple(map(_own, (tables.go_s_per_bit, tables.go_s, tables.path_links, tables.path_relays, second))),
        _own(packets.slot),
        tuple(map(_own, (packets.source, packets.destination, packets.bits, moving, *places, priority, rank))),
        _own(scale.unit_s),
        _own(np.zeros(batch) if noise is None else noise.astype(float)),
        _own(np.zeros((batch, count, 0), np.int64) if routes is None else routes.astype(np.int64)),
        _network(policy),
        (turns.first, turns.later),
    )
    state = rng.bit_generator.state
    while True:
        taken, per_bit, flight, decisions = play(*arguments, rng, tables.nodes, width)
        if decisions >= 0:
            return Rollout(tables, packets, taken, per_bit, flight, decisions)
        rng.bit_generator.state, width = state, 4 * width


def _own(array: Any) -> NDArray[Any]:
    """Return an array that Numba sees as one type: contiguous and writable; a copy only where it is not."""
    return np.require(array, requirements=("C", "W"))
