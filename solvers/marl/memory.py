"""What the compiled rollouts of `kernel` read and write, as named tuples of arrays that Numba can pass."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]
compiled = njit(cache=True, nogil=True)


class Slot(NamedTuple):
    """One slot of `SlotTables`: its networks' rows and all trees."""

    target: Any
    per_bit: Any
    flight: Any
    relay_s: Any
    go_bits: Any
    go_flight: Any
    path_links: Any
    path_relays: Any
    second: Any


class Episode(NamedTuple):
    """Packets of one episode, shape (P,), and its unit of time; `rank` is the order of deciding, `noise` a scale."""

    source: Any
    destination: Any
    bits: Any
    moving: Any
    tree: Any
    size: Any
    slack: Any
    priority: Any
    rank: Any
    unit: float
    noise: float


class Network(NamedTuple):
    """Weights, inputs as rows; `planned`, `lookahead` and `prior` say what the policy sees and starts from."""

    linear: Any
    bias: Any
    w1: Any
    b1: Any
    w2: Any
    b2: Any
    w3: Any
    planned: bool
    lookahead: bool
    prior: int


class Memory(NamedTuple):
    """Everything that changes: the core's state, the shared plan, and what a deciding packet sees of its neighbours."""

    at: Any
    moving: Any
    hops: Any
    elapsed: Any
    flown: Any
    action: Any
    seen: Any
    taken: Any
    link_bits: Any
    link_packets: Any
    relay_bits: Any
    relay_packets: Any
    plan_links: Any
    plan_relays: Any
    plan_end: Any
    load_link_bits: Any
    load_link: Any
    load_relay_bits: Any
    load_relay: Any
    own_link: Any
    own_relay: Any
    closed: Any
    queue: Any
    legal: Any
    cost: Any
    marginal: Any
    foreseen: Any
    x: Any
    hidden: Any
    second: Any


@compiled
def make_memory(
    degree: int, nodes: int, links: int, longest: int, packets: int, width: int, features: int, hidden: int, second: int
) -> Memory:
    """Return memory for episodes of so many packets."""
    plan = width + longest + 2
    return Memory(
        np.zeros(packets, np.int64), np.zeros(packets, np.bool_), np.zeros(packets, np.int64), np.zeros(packets),
        np.zeros(packets), np.zeros(packets, np.int64), np.zeros((packets, nodes), np.bool_),
        np.zeros((packets, width), np.int64), np.zeros((2, links)), np.zeros((2, links)), np.zeros((2, nodes)),
        np.zeros((2, nodes)), np.zeros((packets, plan), np.int64), np.zeros((packets, plan), np.int64),
        np.zeros(packets, np.int64), np.zeros((2, links)), np.zeros((2, links)), np.zeros((2, nodes)),
        np.zeros((2, nodes)), np.zeros((packets, links), np.float32), np.zeros((packets, nodes), np.float32),
        np.zeros(nodes, np.int64), np.zeros(nodes, np.int64), np.zeros(degree, np.bool_), np.zeros(degree),
        np.zeros(degree), np.zeros((degree, 4)), np.zeros((degree, features), np.float32),
        np.zeros(hidden, np.float32), np.zeros(second, np.float32),
    )  # fmt: skip
