"""Rollouts compiled by Numba: the decisions of `rollout.roll_out` on `RoutingCore`, one episode after the other.

What `core`, `observation`, `plan`, `reach` and `policy` do to arrays of packets is done here packet by packet, in the
same order and with the same numbers up to rounding; a test holds the two together. It pays where few packets decide
at once: there NumPy's cost is its calls. The interpreter's lock is released.
"""

import numpy as np

from formulation.dec_pomdp.observation import FAR
from solvers.marl.memory import Array, Episode, Memory, Network, Slot, compiled, make_memory

NO_PRIOR, COST_TO_GO, MARGINAL = 0, 1, 2


@compiled
def is_free(relays: Array, seen: Array) -> bool:
    """Tell whether none of a path's inner satellites was seen."""
    nowhere = len(seen) - 1
    for node in relays:
        if node == nowhere:
            break
        if seen[node]:
            return False
    return True


@compiled
def reaches(slot: Slot, memory: Memory, p: int, tree: int, start: int) -> bool:
    """Tell whether unvisited satellites join `start` with the tree's end; see `reach.can_reach`."""
    go, relays, seen = slot.go_bits[tree], slot.path_relays[tree], memory.seen[p]
    if not np.isfinite(go[start]):
        return False
    if is_free(relays[start], seen):
        return True
    nowhere, closed, queue = len(seen) - 1, memory.closed, memory.queue
    closed[nowhere] += 1  # the stamp of this search
    stamp = closed[nowhere]
    queue[0], closed[start] = start, stamp
    head, tail = 0, 1
    while head < tail:
        node = queue[head]
        head += 1
        for onward in slot.target[node]:
            if onward == nowhere or closed[onward] == stamp or seen[onward]:
                continue
            closed[onward] = stamp
            if np.isfinite(go[onward]) and is_free(relays[onward], seen):
                return True
            queue[tail] = onward
            tail += 1
    return False


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
def count_plan(slot: Slot, episode: Episode, memory: Memory, p: int, first: int, sign: float) -> None:
    """Put a plan's links from hop `first` on into the loads (1) or take them out (-1), see `SharedPlan`."""
    k, bits = p % 2, episode.bits[p]
    for h in range(first, memory.plan_end[p]):
        link, relay = memory.plan_links[p, h], memory.plan_relays[p, h]
        memory.load_link_bits[k, link] += sign * bits * slot.per_bit[link]
        memory.load_link[k, link] += sign * slot.per_bit[link]
        memory.own_link[p, link] = slot.per_bit[link] if sign > 0 else 0.0
        memory.load_relay_bits[k, relay] += sign * bits * slot.relay_s[relay]
        memory.load_relay[k, relay] += sign * slot.relay_s[relay]
        memory.own_relay[p, relay] = slot.relay_s[relay] if sign > 0 else 0.0


@compiled
def plan_tree(slot: Slot, episode: Episode, memory: Memory, p: int, node: int, hop: int) -> None:
    """Let the plan go on from `node` at this hop by the shortest path."""
    path, inner, no_link = (
        slot.path_links[episode.tree[p], node],
        slot.path_relays[episode.tree[p], node],
        len(slot.per_bit) - 1,
    )
    for h in range(len(path)):
        if path[h] == no_link:
            break
        memory.plan_links[p, hop], memory.plan_relays[p, hop] = path[h], inner[h]
        hop += 1
    memory.plan_end[p] = hop


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
def foresee(slot: Slot, episode: Episode, memory: Memory, p: int, a: int, node: int, link: int, relay: int) -> None:
    """Sum up what others' plans cost by way of a neighbour, see `SharedPlan.predicted`."""
    k, bits, tree, out, no_link = p % 2, episode.bits[p], episode.tree[p], memory.foreseen[a], len(slot.per_bit) - 1
    own = np.float64(memory.own_link[p, link]) + memory.own_relay[p, relay]
    out[2] = memory.load_link_bits[k, link] + memory.load_relay_bits[k, relay] - bits * own
    out[3] = memory.load_link[k, link] + memory.load_relay[k, relay] - own
    bits_s, packets_s, path, inner = out[2], out[3], slot.path_links[tree, node], slot.path_relays[tree, node]
    for h in range(len(path)):
        on, via = path[h], inner[h]
        if on == no_link:
            break
        own = np.float64(memory.own_link[p, on]) + memory.own_relay[p, via]
        bits_s += memory.load_link_bits[k, on] + memory.load_relay_bits[k, via] - bits * own
        packets_s += memory.load_link[k, on] + memory.load_relay[k, via] - own
    out[0], out[1] = bits_s, packets_s


@compiled
def observe(slot: Slot, episode: Episode, memory: Memory, p: int, steps: int, planned: bool) -> None:
    """Fill in what packet p sees of its neighbours, see `Observer.see`."""
    k, here, tree, bits, u = p % 2, memory.at[p], episode.tree[p], episode.bits[p], episode.unit
    degree, nowhere, seen = slot.target.shape[1], len(slot.relay_s) - 1, memory.seen[p]
    cost, marginal, legal, foreseen = memory.cost, memory.marginal, memory.legal, memory.foreseen
    choices, least, least_marginal = 0, np.inf, np.inf
    for a in range(degree):
        node = slot.target[here, a]
        legal[a] = node != nowhere and not seen[node] and reaches(slot, memory, p, tree, node)
        if not legal[a]:
            continue
        choices += 1
        arrives, link, x = node == episode.destination[p], here * degree + a, memory.x[a]
        relay = nowhere if arrives else node
        per_bit, relay_s = slot.per_bit[link], slot.relay_s[relay]
        x[0] = hop = (bits * (per_bit + relay_s) + slot.flight[link]) / u
        x[1] = go = (bits * slot.go_bits[tree, node] + slot.go_flight[tree, node]) / u
        cost[a] = hop + go
        least = min(least, cost[a])
        x[3] = used_1 = memory.link_bits[k, link] * per_bit / u
        x[4] = used_2 = memory.link_packets[k, link] * per_bit * bits / u
        x[5] = used_3 = memory.relay_bits[k, relay] * relay_s / u
        x[6] = used_4 = memory.relay_packets[k, relay] * relay_s * bits / u
        x[7] = memory.link_packets[k, link] / 4
        x[8], x[9] = is_free(slot.path_relays[tree, node], seen), arrives
        marginal[a] = cost[a] + (used_1 + used_2 + used_3 + used_4)
        if planned:
            foresee(slot, episode, memory, p, a, node, link, relay)
            marginal[a] = cost[a] + (foreseen[a, 0] + foreseen[a, 1] * bits) / u
            least_marginal = min(least_marginal, marginal[a])
    remaining = (bits * slot.go_bits[tree, here] + slot.go_flight[tree, here]) / u
    for a in range(degree):
        if not legal[a]:
            continue
        x = memory.x[a]
        x[2], x[10], x[11], x[12] = cost[a] - least, choices / 4, k, episode.size[p]
        x[13], x[14], x[15], x[16] = remaining, memory.elapsed[p] / u, steps / 10, episode.slack[p]
        if planned:
            x[17], x[18] = foreseen[a, 0] / u, foreseen[a, 1] * bits / u
            x[19], x[20], x[21] = marginal[a] - least_marginal, foreseen[a, 2] / u, foreseen[a, 3] * bits / u
            x[22] = steps < memory.plan_end[p] and memory.plan_links[p, steps] == here * degree + a
            x[23] = episode.priority[p]


@compiled
def look(slot: Slot, episode: Episode, memory: Memory, p: int) -> None:
    """Fill in what a second choice at each neighbour would cost packet p, see `lookahead.Detours`."""
    k, here, tree, bits, u = p % 2, memory.at[p], episode.tree[p], episode.bits[p], episode.unit
    degree, nowhere, no_link = slot.target.shape[1], len(slot.relay_s) - 1, len(slot.per_bit) - 1
    for a in range(degree):
        if not memory.legal[a]:
            continue
        node, link, x = slot.target[here, a], here * degree + a, memory.x[a]
        x[24], x[25], x[26] = 0.0, FAR, FAR
        if node == episode.destination[p] or slot.second[tree, node] == degree:
            continue
        onward = node * degree + slot.second[tree, node]
        after = slot.target[node, slot.second[tree, node]]
        path, inner = slot.path_links[tree, after], slot.path_relays[tree, after]
        if memory.seen[p, after] or not is_free(inner, memory.seen[p]):
            continue
        relay = nowhere if after == episode.destination[p] else after
        alone = bits * (slot.per_bit[link] + slot.per_bit[onward] + slot.relay_s[node] + slot.relay_s[relay])
        alone += slot.flight[link] + slot.flight[onward]
        alone += bits * slot.go_bits[tree, after] + slot.go_flight[tree, after]
        foreseen = alone
        for h in range(-2, len(path)):
            on, via = path[h], inner[h]
            if h == -2:
                on, via = link, node
            elif h == -1:
                on, via = onward, relay
            elif on == no_link:
                break
            own = np.float64(memory.own_link[p, on]) + memory.own_relay[p, via]
            foreseen += memory.load_link_bits[k, on] + memory.load_relay_bits[k, via] - bits * own
            foreseen += bits * (memory.load_link[k, on] + memory.load_relay[k, via] - own)
        x[24] = max(memory.marginal[a] - foreseen / u, 0.0)
        x[25] = min(alone / u - memory.cost[a], FAR)
        x[26] = min(foreseen / u - memory.marginal[a], FAR)


@compiled
def choose(episode: Episode, memory: Memory, network: Network, rng: np.random.Generator, p: int) -> int:
    """Return the neighbour of highest Q, with noise if there is any."""
    best, chosen = -np.inf, 0
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
        if value > best:
            best, chosen = value, a
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
