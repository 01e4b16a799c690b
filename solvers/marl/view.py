"""What a packet sees, compiled by Numba: reachable neighbours, plans and their costs, for one packet at a time.

The twin of `observation`, `plan`, `reach` and `lookahead` in `formulation.dec_pomdp`, whose arrays hold many packets.
"""

import numpy as np

from formulation.dec_pomdp.observation import FAR
from solvers.marl.memory import Array, Episode, Memory, Slot, compiled


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
