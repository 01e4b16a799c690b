"""Offline training of the routing policy (Section V-A of arXiv 2605.04565) on the batched core."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from formulation.dec_pomdp import Observer, Packets, RoutingCore, SlotTables, feature_names
from formulation.dec_pomdp.observation import LOCAL_FEATURES
from solvers.marl.counterfactual import Deviations, deviate
from solvers.marl.options import Epoch, TrainOptions
from solvers.marl.policy import WEIGHTS, Policy, untrained_policy
from solvers.marl.qmix import Learner
from solvers.marl.replay import Episodes, collect
from solvers.marl.rollout import Scores, draw_priority, gumbel_noise, roll_out
from solvers.marl.sampling import draw_packets, make_pool

VALIDATION_SEED = 99
"""Pool seed of the validation slots: training seeds too, but none that training draws from."""


class Trainer:
    """A training run that can stop after any epoch and go on later with the same result.

    Parameters
    ----------
    options
        The run.
    """

    def __init__(self, options: TrainOptions) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(options.seed)
        self.options = options
        self.rng = np.random.default_rng(options.seed)
        self.pool = make_pool(options.sample, options.seed)
        held_out = replace(options.sample, slots=max(options.sample.slots // 2, 1))
        self.test_pool = make_pool(held_out, VALIDATION_SEED)
        self.test = draw_packets(self.test_pool, np.random.default_rng(VALIDATION_SEED), options.validation)
        slots = self.test.shape[1]
        features = len(feature_names(options.observation))
        self.learner = Learner(features, 4 * slots + 3, slots, options.learn)
        self.history: list[Epoch] = []
        self.best: Policy | None = None
        self.replay: list[Episodes] = []
        self.measured: list[Deviations] = []
        self.seconds = 0.0
        self.shortest = self._greedy(untrained_policy(options.observation).utilities)
        self.untrained = self._greedy(self.policy.utilities)

    @property
    def policy(self) -> Policy:
        """The current policy, with its caution, without a card."""
        state = self.learner.utility.state_dict()
        weights = {name: tensor.numpy().copy() for name, tensor in state.items() if name.split(".")[0] in WEIGHTS}
        weights["linear.weight"][0, LOCAL_FEATURES.index("detour_s")] -= self.options.caution
        return Policy(weights, self.options.observation, self.options.learn.prior)

    def _core(self, tables: SlotTables, packets: Packets, hop_limit: int | None = None) -> RoutingCore:
        return RoutingCore(tables, packets, reward=self.options.reward, hop_limit=hop_limit)

    def _greedy(self, scores: Scores) -> tuple[float, float, float]:
        """Return delay [s], total transmission delay [s] and reward on the validation episodes."""
        core = self._core(self.test_pool.tables, self.test)
        priority = draw_priority(np.random.default_rng(VALIDATION_SEED), *self.test.shape)
        roll_out(Observer(core, self.options.observation, priority=priority), scores, self.options.turns)
        packets = core.packet_delays_s()
        delay = self.test.service_delay(packets)[self.test.task].mean()
        return float(delay), float(packets.sum()), float(core.terminal_reward()[self.test.task.any(1)].mean())

    def run(self) -> Iterator[Epoch]:
        """Train epoch by epoch until all are done."""
        while len(self.history) < self.options.epochs:
            yield self.epoch()

    def epoch(self) -> Epoch:
        """Play, learn and test once."""
        options, start = self.options, time.perf_counter()
        done = len(self.history) / max(options.epochs - 1, 1)
        scale = options.noise[0] * (options.noise[1] / options.noise[0]) ** done
        for group in self.learner.optimizer.param_groups:
            falling = 0.05 + 0.95 * 0.5 * (1 + np.cos(np.pi * done))
            group["lr"] = group["share"] * options.learn.learning_rate * falling
        signal = options.learn.signal
        if signal != "counterfactual":
            self._play(scale)
        if signal != "td":
            self._deviate()
        losses = [self._update() for _ in range(options.updates)]
        delay, transmission, reward = self._greedy(self.policy.utilities)
        self.seconds += time.perf_counter() - start
        number, loss = len(self.history) + 1, float(np.mean(losses))
        reached = Epoch(number, delay, transmission / self.shortest[1], reward, loss, self.seconds)
        if self.best is None or reached.transmission < min(epoch.transmission for epoch in self.history):
            self.best = self.policy
        self.history.append(reached)
        return reached

    def best_policy(self, card: Mapping[str, Any]) -> Policy:
        """Return the policy of the epoch with the least transmission delay on the validation episodes."""
        return replace(self.best or self.policy, card=card)

    def _play(self, scale: float) -> None:
        """Play episodes with this exploration and keep them for replay."""
        options = self.options
        packets = draw_packets(self.pool, self.rng, options.episodes)
        core = self._core(self.pool.tables, packets, options.hop_limit)
        observer = Observer(core, options.observation, priority=draw_priority(self.rng, *packets.shape))
        noise = gumbel_noise(self.rng, np.full(options.episodes, scale), observer.size)
        self.replay.append(collect(core, observer, self.policy.utilities, options.turns, noise, options.learn.prior))
        del self.replay[: -options.window]

    def _deviate(self) -> None:
        """Measure advantages of single decisions of the current policy and keep them."""
        options = self.options
        packets = draw_packets(self.pool, self.rng, options.bases)
        found = deviate(
            self.pool.tables, packets, self.policy, draw_priority(self.rng, *packets.shape), self.rng,
            count=options.deviations, turns=options.turns, reward=options.reward, hop_limit=options.hop_limit,
        )  # fmt: skip
        self.measured.append(found)
        del self.measured[: -options.memory]

    def _update(self) -> float:
        learn, rng = self.options.learn, self.rng
        episodes, chosen, measured = None, np.zeros(0, dtype=np.int64), None
        if self.replay:
            episodes = self.replay[int(rng.integers(len(self.replay)))]
            chosen = np.sort(rng.choice(len(episodes), size=min(learn.batch, len(episodes)), replace=False))
        if self.measured:
            kept = self.measured[int(rng.integers(len(self.measured)))]
            measured = kept.take(rng.choice(len(kept), size=min(learn.deviations, len(kept)), replace=False))
        return self.learner.update(episodes, chosen, measured)


def train(options: TrainOptions, progress: Callable[[Epoch], None] | None = None) -> Trainer:
    """Train a policy from scratch and return the finished run."""
    trainer = Trainer(options)
    for epoch in trainer.run():
        if progress is not None:
            progress(epoch)
    return trainer
