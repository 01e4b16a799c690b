"""Rollouts of a policy on the batched core: who decides when, and how noise enters."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from formulation.dec_pomdp import Observer, Seen

Scores = Callable[[Seen], NDArray[np.float64]]
Noise = Callable[[NDArray[np.int64], NDArray[np.int64], int], NDArray[np.float64]]


@dataclass(frozen=True)
class TurnOptions:
    """In how many turns the packets of a kind decide within one step, by priority.

    Within a step all packets move at once. With a shared plan, those of a later turn have heard what the earlier ones
    announced, which keeps two packets from dodging each other into the same link.

    Attributes
    ----------
    first
        Turns in the first step; 0: one a packet.
    later
        Turns in all later steps; 0: one a packet.
    """

    first: int = 0
    later: int = 0

    def at(self, step: int, tasks: int) -> int:
        """Return the number of turns in this step."""
        asked = self.later if step else self.first
        return tasks if asked == 0 else min(asked, tasks)


@dataclass(frozen=True, eq=False)
class Decision:
    """One group of decisions: packets, what they saw, what they did."""

    b: NDArray[np.int64]
    p: NDArray[np.int64]
    seen: Seen
    action: NDArray[np.int64]


def draw_priority(rng: np.random.Generator, batch: int, slots: int) -> NDArray[np.float64]:
    """Return random priorities in [0, 1], distinct among the packets of a kind, shape (B, P)."""
    tasks = slots // 2
    ranks = rng.random((batch, tasks, 2)).argsort(1).argsort(1)
    return (ranks / max(tasks - 1, 1)).reshape(batch, slots)


def gumbel_noise(rng: np.random.Generator, scale: NDArray[np.float64], size: NDArray[np.float64]) -> Noise:
    """Return Gumbel noise of a scale for each packet: sampling from softmax(Q / (scale · size)).

    Parameters
    ----------
    rng
        Source of randomness.
    scale
        Of each episode, shape (B,).
    size
        Size of each packet relative to the episode's mean, shape (B, P).
    """
    return lambda b, p, actions: (scale[b] * size[b, p])[:, None] * rng.gumbel(size=(len(b), actions))


def decide(
    observer: Observer,
    scores: Scores,
    turns: int,
    noise: Noise | None,
    given: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.int64], list[Decision]]:
    """Return the joint action of one step, shape (B, P), and the decisions behind it.

    Parameters
    ----------
    observer
        The core's observer.
    scores
        Q of what is seen.
    turns
        Number of turns; the packets of highest priority decide first.
    noise
        Gives what is added to the scores, from episodes, slots and the number of actions; None to be greedy.
    given
        Actions that are not to be decided, but only announced and taken, -1 elsewhere, shape (B, P).
    """
    core = observer.core
    actions = np.full(core.packets.shape, core.stay)
    tasks = core.packets.shape[1] // 2
    turn = np.minimum(((1 - observer.priority) * max(tasks - 1, 1) + 0.5).astype(int) * turns // tasks, turns - 1)
    decisions = []
    b_all, p_all = core.moving_slots()
    turn_all = turn[b_all, p_all]
    for now in np.unique(turn_all):
        b, p = b_all[turn_all == now], p_all[turn_all == now]
        if given is not None:
            known = given[b, p] >= 0
            actions[b[known], p[known]] = given[b[known], p[known]]
            observer.announce(b[known], p[known], given[b[known], p[known]])
            b, p = b[~known], p[~known]
            if not len(b):
                continue
        seen = observer.see(b, p)
        values = scores(seen)
        if noise is not None:
            values = values + noise(b, p, values.shape[1])
        action = values.argmax(1)
        actions[b, p] = action
        observer.announce(b, p, action)
        decisions.append(Decision(b, p, seen, action))
    return actions, decisions


def roll_out(
    observer: Observer,
    scores: Scores,
    turns: TurnOptions | None = None,
    noise: Noise | None = None,
) -> int:
    """Play all episodes of the core to their end; return the number of packet decisions."""
    core, turns, count = observer.core, turns or TurnOptions(), 0
    while core.moving.any() and core.steps < core.hop_limit:
        actions, decisions = decide(observer, scores, turns.at(core.steps, core.packets.shape[1] // 2), noise)
        count += sum(len(decision.b) for decision in decisions)
        core.step(actions)
    return count
