"""Replay of whole episodes, packed by packet decision."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from formulation.dec_pomdp import Observer, RoutingCore
from solvers.marl.policy import prior_cost
from solvers.marl.rollout import Decision, Noise, Scores, TurnOptions, decide


@dataclass(frozen=True, eq=False)
class Episodes:
    """B episodes of at most T steps with P slots; R packet decisions, ordered by episode.

    Attributes
    ----------
    first
        Decisions of episode b are rows `first[b]:first[b + 1]`, shape (B + 1,).
    step, slot
        When and who, shape (R,).
    features, cost, legal
        What was seen, with the prior's cost, shapes (R, A, F), (R, A), (R, A).
    action
        Neighbour taken, shape (R,).
    state
        Global state before each step, shape (B, T + 1, S).
    reward
        Shape (B, T).
    steps
        Steps that each episode took, shape (B,).
    terminated
        Whether it ended by arrival, not at the hop limit, shape (B,).
    packets
        Number of packets n, shape (B,): utilities are in units of the mean packet, rewards of all n.
    """

    first: NDArray[np.int64]
    step: NDArray[np.int64]
    slot: NDArray[np.int64]
    features: NDArray[np.float32]
    cost: NDArray[np.float32]
    legal: NDArray[np.bool_]
    action: NDArray[np.int64]
    state: NDArray[np.float32]
    reward: NDArray[np.float32]
    steps: NDArray[np.int64]
    terminated: NDArray[np.bool_]
    packets: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.steps)

    def rows(self, chosen: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the decisions of some episodes and which of them each belongs to."""
        sizes = self.first[chosen + 1] - self.first[chosen]
        owner = np.repeat(np.arange(len(chosen)), sizes)
        start = np.repeat(self.first[chosen] - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes)
        return start + np.arange(len(owner)), owner


def collect(
    core: RoutingCore, observer: Observer, scores: Scores, turns: TurnOptions, noise: Noise, prior: str
) -> Episodes:
    """Play all episodes to their end and keep what happened, with the cost that this prior takes off Q."""
    states, rewards, ends, log = [core.state()], [], [], []
    while core.moving.any() and core.steps < core.hop_limit:
        now = core.steps
        actions, decisions = decide(observer, scores, turns.at(now, core.packets.shape[1] // 2), noise)
        log += [(now, decision) for decision in decisions]
        result = core.step(actions)
        rewards.append(result.reward)
        ends.append(result.terminated | result.truncated)
        states.append(core.state())
    b, p = core.moving_slots()
    if len(b):  # truncated: what the packets see now prices the last step, it is not decided upon
        seen = observer.see(b, p)
        log.append((core.steps, Decision(b, p, seen, seen.legal.argmax(1))))
    done = np.array(ends)
    steps = done.argmax(0) + 1
    return _pack(log, prior, np.stack(states, 1), np.stack(rewards, 1), steps, ~core.moving.any(1), core.count)


def _pack(
    log: list[tuple[int, Decision]],
    prior: str,
    state: NDArray[np.float32],
    reward: NDArray[np.float64],
    steps: NDArray[np.int64],
    terminated: NDArray[np.bool_],
    packets: NDArray[np.int64],
) -> Episodes:
    step = np.concatenate([np.full(len(d.b), t) for t, d in log])
    b, p = np.concatenate([d.b for _, d in log]), np.concatenate([d.p for _, d in log])
    order = np.lexsort((p, step, b))
    return Episodes(
        first=np.concatenate([[0], np.cumsum(np.bincount(b, minlength=len(steps)))]),
        step=step[order],
        slot=p[order],
        features=np.concatenate([d.seen.features for _, d in log])[order],
        cost=np.concatenate([prior_cost(d.seen, prior) for _, d in log])[order].astype(np.float32),
        legal=np.concatenate([d.seen.legal for _, d in log])[order],
        action=np.concatenate([d.action for _, d in log])[order],
        state=state,
        reward=reward.astype(np.float32),
        steps=steps,
        terminated=terminated,
        packets=packets.astype(np.float32),
    )
