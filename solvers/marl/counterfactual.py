"""Counterfactual episodes: what one other decision would have changed, all else decided by the same policy.

A greedy episode is played again with one packet sent elsewhere in one step; from there on everybody decides again. Both
plays are deterministic, so the difference of their returns is that decision's advantage, without the spread between
episodes and without exploration noise. It is the difference reward of Wolpert and Tumer (2002) with the policy's own
choice as the default, measured instead of estimated.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from formulation.dec_pomdp import Observer, Packets, RewardOptions, RoutingCore, SlotTables
from solvers.marl.policy import Policy, prior_cost
from solvers.marl.rollout import Decision, TurnOptions, decide


@dataclass(frozen=True, eq=False)
class Deviations:
    """R decisions and one alternative each.

    Attributes
    ----------
    features
        What was seen of the alternative and of the greedy choice, shape (R, 2, F).
    cost
        The prior's cost of both, shape (R, 2).
    advantage
        Return of the episode with the alternative less that of the greedy one, times the number of packets: in the unit
        of utilities, shape (R,).
    """

    features: NDArray[np.float32]
    cost: NDArray[np.float32]
    advantage: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.advantage)

    def take(self, rows: NDArray[np.int64]) -> "Deviations":
        """Return some of them."""
        return Deviations(self.features[rows], self.cost[rows], self.advantage[rows])


@dataclass(frozen=True, eq=False)
class _Play:
    """A finished batch: returns (B,), joint actions (T, B, P), decisions with their step, and packets per episode."""

    returns: NDArray[np.float64]
    actions: NDArray[np.int64]
    log: list[tuple[int, Decision]]
    count: NDArray[np.int64]


def _play(observer: Observer, policy: Policy, turns: TurnOptions, given: NDArray[np.int64] | None = None) -> _Play:
    """Play greedily, with the actions that are given, shape (T, B, P), where they are not negative."""
    core = observer.core
    returns, actions, log = np.zeros(core.packets.shape[0]), [], []
    while core.moving.any() and core.steps < core.hop_limit:
        now = core.steps
        known = given[now] if given is not None and now < len(given) else None
        chosen, decisions = decide(observer, policy.utilities, turns.at(now, core.packets.shape[1] // 2), None, known)
        log += [(now, decision) for decision in decisions]
        returns += core.step(chosen).reward
        actions.append(chosen)
    return _Play(returns, np.stack(actions), log, core.count)


def deviate(
    tables: SlotTables,
    packets: Packets,
    policy: Policy,
    priority: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    count: int,
    turns: TurnOptions,
    reward: RewardOptions,
    hop_limit: int,
    width: float = 0.5,
) -> Deviations:
    """Play greedily, then again with one decision changed, `count` times.

    Parameters
    ----------
    tables, packets, priority
        The episodes.
    policy
        Decides all but the changed decision.
    rng
        Draws decisions and alternatives, the closer in Q to the greedy one the likelier.
    count
        Deviations, at most one a row.
    turns, reward, hop_limit
        As in training.
    width
        Scale, per size of the packet, over which the chance of an alternative falls by e.
    """

    def observer(episodes: Packets, priorities: NDArray[np.float64]) -> Observer:
        core = RoutingCore(tables, episodes, reward=reward, hop_limit=hop_limit)
        return Observer(core, policy.observation, priority=priorities)

    watch = observer(packets, priority)
    base = _play(watch, policy, turns)
    step = np.concatenate([np.full(len(d.b), t) for t, d in base.log])
    b, p = (np.concatenate([getattr(d, name) for _, d in base.log]) for name in ("b", "p"))
    action = np.concatenate([d.action for _, d in base.log])
    features = np.concatenate([d.seen.features for _, d in base.log])
    cost = np.concatenate([prior_cost(d.seen, policy.prior) for _, d in base.log])
    values = np.concatenate([policy.utilities(d.seen) for _, d in base.log])
    rows = np.arange(len(b))
    behind = values[rows, action][:, None] - values
    behind[rows, action] = np.inf
    row, other = np.nonzero(np.isfinite(behind))
    if not len(row):
        empty = np.zeros((0, 2), np.float32)
        return Deviations(np.zeros((0, 2, features.shape[2]), np.float32), empty, empty[:, 0])
    scale = width * np.maximum(watch.size[b[row], p[row]], 1e-3)
    chance = np.exp(-behind[row, other] / scale) + 0.02
    picked = rng.choice(len(row), size=min(count, len(row)), replace=False, p=chance / chance.sum())
    row, other = row[picked], other[picked]
    episode = b[row]
    again = Packets(**{name: value[episode] for name, value in vars(packets).items()})
    given = _before(base, watch.priority, turns, (episode, p[row], step[row]))
    given[step[row], np.arange(len(row)), p[row]] = other
    replay = _play(observer(again, priority[episode]), policy, turns, given)
    gain = (replay.returns - base.returns[episode]) * base.count[episode]
    pair = np.stack([other, action[row]], 1)
    return Deviations(
        features[row[:, None], pair], cost[row[:, None], pair].astype(np.float32), gain.astype(np.float32)
    )


def _before(
    base: _Play,
    priority: NDArray[np.float64],
    turns: TurnOptions,
    deviation: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
) -> NDArray[np.int64]:
    """Return the base episodes' actions up to each deviation and -1 after it, shape (T, R, P)."""
    episode, packet, step = deviation
    given = base.actions[:, episode].copy()
    steps = np.arange(len(given))[:, None]
    given[steps > step] = -1
    earlier = priority[episode] > priority[episode, packet][:, None]  # they decide in an earlier turn, or in the same
    here = given[step, np.arange(len(step))]
    given[step, np.arange(len(step))] = np.where(earlier, here, -1)
    return given
