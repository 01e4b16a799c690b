"""Rollouts compiled by Numba: the decisions of `rollout.roll_out` on `RoutingCore`, one episode after the other.

What `core`, `observation`, `plan`, `reach` and `policy` do to arrays of packets is done here packet by packet, in the
same order and with the same numbers up to rounding; a test holds the two together. It pays where few packets decide
at once: there NumPy's cost is its calls. The interpreter's lock is released.
"""

import numpy as np

from solvers.marl.memory import Array, Episode, Memory, Network, Slot, compiled, make_memory
from solvers.marl.view import count_plan, look, observe, plan_tree

NO_PRIOR, COST_TO_GO, MARGINAL = 0, 1, 2


@compiled
def score(network: Network, memory: Memory, x: Array) -> float:
    """Return the network's number for one neighbour, see `Policy.utilities`."""
    hidden, second, value = memory.hidden, memory.second, network.bias
    hidden[:] = network.b1
    for i in range(len(x)):
        if x[i] != 0.0:
            value += x[i] * network.linear[i]
            squashed = np.float32(np.sign(x[i]) * np.log1p(np.abs(x[i])))
            for j in range(len(hidden)):
                hidden[j] += squashed * network.w1[i, j]
    second[:] = network.b2
    for i in range(len(hidden)):
        if hidden[i] > 0.0:
            for j in range(len(second)):
                second[j] += hidden[i] * network.w2[i, j]
    for j in range(len(second)):
        if second[j] > 0.0:
            value += second[j] * network.w3[j]
    return float(value)


@compiled
def begin(slot: Slot, episode: Episode, memory: Memory, routes: Array, planned: bool) -> None:
    """Put every packet at its source, and its plan into the loads."""
    degree, nowhere, no_link = slot.target.shape[1], len(slot.relay_s) - 1, len(slot.per_bit) - 1
    for load in (memory.link_bits, memory.link_packets, memory.load_link_bits, memory.load_link):
        load[:] = 0.0
    for load in (memory.relay_bits, memory.relay_packets, memory.load_relay_bits, memory.load_relay):
        load[:] = 0.0
    memory.taken[:] = no_link
    memory.hops[:], memory.elapsed[:], memory.flown[:] = 0, 0.0, 0.0
    memory.at[:], memory.moving[:] = episode.source, episode.moving
    for p in range(len(episode.source)):
        if not memory.moving[p]:
            continue
        memory.seen[p] = False
        memory.seen[p, memory.at[p]] = True
        if not planned:
            continue
        memory.own_link[p], memory.own_relay[p] = 0.0, 0.0
        if routes.shape[1] == 0:
            plan_tree(slot, episode, memory, p, memory.at[p], 0)
        else:
            end = 0
            while end < routes.shape[1] and routes[p, end] != no_link:
                link = routes[p, end]
                there = slot.target[link // degree, link % degree]
                memory.plan_links[p, end] = link
                memory.plan_relays[p, end] = nowhere if there == episode.destination[p] else there
                end += 1
            memory.plan_end[p] = end
        count_plan(slot, episode, memory, p, 0, 1.0)


@compiled
def choose(episode: Episode, memory: Memory, network: Network, rng: np.random.Generator, p: int) -> int:
    """Return the neighbour of highest Q, with noise if there is any."""
    best, chosen, found = -np.inf, 0, False
    for a in range(len(memory.legal)):
        if not memory.legal[a]:
            continue
        value = np.float64(score(network, memory, memory.x[a]))
        if network.prior == COST_TO_GO:
            value -= memory.cost[a]
        elif network.prior == MARGINAL:
            value -= memory.marginal[a]
        if episode.noise > 0:
            value -= episode.noise * episode.size[p] * np.log(rng.standard_exponential())
        if value > best or not found:  # a legal one, whatever the numbers
            best, chosen, found = value, a, True
    return chosen


@compiled
def announce(slot: Slot, episode: Episode, memory: Memory, p: int, steps: int) -> None:
    """Let a packet state its next link; whoever leaves its plan goes on by the shortest path from there."""
    at, a = memory.at[p], memory.action[p]
    link, there = at * slot.target.shape[1] + a, slot.target[at, a]
    if steps < memory.plan_end[p] and memory.plan_links[p, steps] == link:
        return
    count_plan(slot, episode, memory, p, steps, -1.0)
    arrives = there == episode.destination[p]
    memory.plan_links[p, steps], memory.plan_relays[p, steps] = link, len(slot.relay_s) - 1 if arrives else there
    plan_tree(slot, episode, memory, p, there, steps + 1)
    count_plan(slot, episode, memory, p, steps, 1.0)


@compiled
def move(slot: Slot, episode: Episode, memory: Memory, steps: int) -> int:
    """Bring all moving packets over their links and return how many arrived, see `RoutingCore._move`."""
    degree, nowhere, arrived = slot.target.shape[1], len(slot.relay_s) - 1, 0
    for p in range(len(memory.at)):
        if memory.moving[p]:
            k, link = p % 2, memory.at[p] * degree + memory.action[p]
            there = slot.target[memory.at[p], memory.action[p]]
            memory.taken[p, steps] = link
            memory.link_bits[k, link] += episode.bits[p]
            memory.link_packets[k, link] += 1
            if there != episode.destination[p]:
                memory.relay_bits[k, there] += episode.bits[p]
                memory.relay_packets[k, there] += 1
    for p in range(len(memory.at)):
        if memory.moving[p]:
            k, link, there = p % 2, memory.taken[p, steps], slot.target[memory.at[p], memory.action[p]]
            relay = nowhere if there == episode.destination[p] else there
            shared = memory.link_packets[k, link] * slot.per_bit[link]
            shared += memory.relay_packets[k, relay] * slot.relay_s[relay]
            memory.elapsed[p] += slot.flight[link] + episode.bits[p] * shared
            memory.flown[p] += slot.flight[link]
            memory.at[p], memory.hops[p] = there, steps + 1
            memory.seen[p, there] = True
            if there == episode.destination[p]:
                memory.moving[p] = False
                arrived += 1
    return arrived


@compiled
def play_one(
    slot: Slot,
    episode: Episode,
    memory: Memory,
    routes: Array,
    network: Network,
    turns: tuple[int, int],
    rng: np.random.Generator,
    hop_limit: int,
) -> int:
    """Roll out one episode; return the number of decisions, or -1 where the memory holds too few hops."""
    begin(slot, episode, memory, routes, network.planned)
    left, steps, decisions, tasks = memory.moving.sum(), 0, 0, max(len(memory.at) // 2, 1)
    while left > 0 and steps < hop_limit:
        if steps == memory.taken.shape[1]:
            return -1
        asked = turns[1] if steps else turns[0]
        rounds = tasks if asked == 0 else min(asked, tasks)
        for now in range(rounds):
            for p in range(len(memory.at)):
                if memory.moving[p] and min(episode.rank[p] * rounds // tasks, rounds - 1) == now:
                    observe(slot, episode, memory, p, steps, network.planned)
                    if network.lookahead:
                        look(slot, episode, memory, p)
                    memory.action[p] = choose(episode, memory, network, rng, p)
                    decisions += 1
            if network.planned:
                for p in range(len(memory.at)):
                    if memory.moving[p] and min(episode.rank[p] * rounds // tasks, rounds - 1) == now:
                        announce(slot, episode, memory, p, steps)
        left -= move(slot, episode, memory, steps)
        steps += 1
    return decisions


@compiled
def settle(slot: Slot, episode: Episode, memory: Memory, p: int) -> float:
    """Return what a bit of packet p costs on its links under the final loads [s/bit]."""
    k, degree, seconds = p % 2, slot.target.shape[1], 0.0
    for h in range(memory.hops[p]):
        link = memory.taken[p, h]
        there = slot.target[link // degree, link % degree]
        seconds += memory.link_packets[k, link] * slot.per_bit[link]
        if there != episode.destination[p]:
            seconds += memory.relay_packets[k, there] * slot.relay_s[there]
    return seconds


@compiled
def play(
    networks: tuple[Array, ...],
    trees: tuple[Array, ...],
    slots: Array,
    packets: tuple[Array, ...],
    units: Array,
    noise: Array,
    routes: Array,
    network: Network,
    turns: tuple[int, int],
    rng: np.random.Generator,
    hop_limit: int,
    width: int,
) -> tuple[Array, Array, Array, int]:
    """Roll out every episode.

    Parameters
    ----------
    networks, trees
        Fields of `SlotTables`: (target, seconds_per_bit, propagation_s, relay_s_per_bit) and (go_s_per_bit, go_s,
        path_links, path_relays, second_actions; without rows where the policy does not look ahead).
    slots, units, noise
        Row of the networks, unit of time [s] and scale of the Gumbel noise of each episode, shape (B,).
    packets
        The first nine fields of `Episode`, shape (B, P).
    routes
        Plan to start from, shape (B, P, hops), padded with N·A; no hops for shortest paths.
    network, turns, rng
        The policy, (turns of the first, of later steps), source of the noise.
    hop_limit, width
        Steps until truncation, and hops that are kept of each route.

    Returns
    -------
    routes, seconds_per_bit, propagation_s, decisions
        Links by hop, shape (B, P, width); what a bit costs under the final loads, and propagation, shape (B, P); number
        of packet decisions, or -1 where a route is longer than `width`.
    """
    target, per_bit, flight, relay_s = networks
    batch, count = packets[2].shape
    longest = max(trees[2].shape[2], routes.shape[2])
    memory = make_memory(
        target.shape[2], target.shape[1], per_bit.shape[1], longest, count, width, len(network.linear),
        len(network.b1), len(network.b2),
    )  # fmt: skip
    taken = np.zeros((batch, count, width), np.int64)
    seconds, flown, decisions = np.zeros((batch, count)), np.zeros((batch, count)), 0
    for b in range(batch):
        s = slots[b]
        slot = Slot(target[s], per_bit[s], flight[s], relay_s[s], *trees)
        episode = Episode(
            packets[0][b], packets[1][b], packets[2][b], packets[3][b], packets[4][b], packets[5][b], packets[6][b],
            packets[7][b], packets[8][b], units[b], noise[b],
        )  # fmt: skip
        made = play_one(slot, episode, memory, routes[b], network, turns, rng, hop_limit)
        if made < 0:
            return taken, seconds, flown, -1
        decisions += made
        taken[b], flown[b] = memory.taken, memory.flown
        for p in range(count):
            seconds[b, p] = settle(slot, episode, memory, p)
    return taken, seconds, flown, decisions
