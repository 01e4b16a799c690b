"""What each part of the routing policy is worth: one option changed at a time, all in one table.

Every row trains with the same budget and is tested greedily on the same held-out episodes (slots, roles, sizes and ρ
that no training draws). The numbers are the true total transmission delay relative to shortest paths: before training
(the prior alone), at the best epoch and at the last one, means over training seeds.

    python -m benchmarks.marl_ablation [--epochs 10] [--episodes 128] [--seeds 1]
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from formulation.dec_pomdp import RewardOptions
from solvers.marl.options import TrainOptions
from solvers.marl.policy import untrained_policy
from solvers.marl.qmix import LearnOptions
from solvers.marl.rollout import TurnOptions
from solvers.marl.sampling import SampleOptions
from solvers.marl.train import Trainer

ROWS: Mapping[str, Mapping[str, Any]] = {
    "planned, QMIX, marginal prior, delay shaping": {},
    "VDN": {"learn": {"mixer": "vdn"}},
    "independent Q": {"learn": {"mixer": "independent"}},
    "single Q": {"learn": {"double": False}},
    "one-step targets (λ = 0)": {"learn": {"trace": 0.0}},
    "cost-to-go prior": {"learn": {"prior": "cost_to_go"}},
    "no prior": {"learn": {"prior": "none"}},
    "potential shaping": {"reward": RewardOptions(shaping="potential")},
    "no shaping": {"reward": RewardOptions(shaping="none")},
    "simultaneous decisions (no turns)": {"turns": TurnOptions(1, 1)},
    "local observation": {"observation": "local"},
    "local, cost-to-go prior": {"observation": "local", "learn": {"prior": "cost_to_go"}},
    "local, cost-to-go prior, no shaping": {
        "observation": "local",
        "learn": {"prior": "cost_to_go"},
        "reward": RewardOptions(shaping="none"),
    },
}


def options_of(changes: Mapping[str, Any], base: Mapping[str, Any], seed: int) -> TrainOptions:
    values = {**base, **changes, "seed": seed, "learn": LearnOptions(**changes.get("learn", {}))}
    return TrainOptions(**values)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--episodes", type=int, default=128)
    parser.add_argument("--seeds", type=int, default=1)
    chosen = parser.parse_args(sys.argv[2:] if arguments is None and "benchmarks" in sys.argv[0] else arguments)
    base = {"epochs": chosen.epochs, "episodes": chosen.episodes, "sample": SampleOptions(slots=16)}
    print(f"{'':44s} {'untrained':>9s} {'best':>9s} {'last':>9s}   range of best, {chosen.seeds} seeds")
    for name, changes in ROWS.items():
        untrained, best, last = [], [], []
        for seed in range(chosen.seeds):
            trainer = Trainer(options_of(changes, base, seed))
            learn, observation = trainer.options.learn, trainer.options.observation
            start = trainer._greedy(untrained_policy(observation, learn.prior).utilities)[1]
            untrained.append(start / trainer.shortest[1])
            values = [epoch.transmission for epoch in trainer.run()]
            best.append(min(values))
            last.append(values[-1])
        means = [f"{100 * sum(column) / len(column):8.2f}%" for column in (untrained, best, last)]
        print(f"{name:44s} {' '.join(means)}   {100 * min(best):.2f}-{100 * max(best):.2f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
