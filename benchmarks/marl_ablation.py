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

from formulation.dec_pomdp import RewardOptions, feature_names
from solvers.marl.options import TrainOptions
from solvers.marl.policy import untrained_policy
from solvers.marl.qmix import LearnOptions
from solvers.marl.rollout import TurnOptions
from solvers.marl.sampling import SampleOptions
from solvers.marl.train import Trainer

TD = {"learn": {"signal": "td"}}
ROWS: Mapping[str, Mapping[str, Any]] = {
    "lookahead, marginal prior, measured advantages": {},
    "planned observation": {"observation": "planned"},
    "both signals": {"learn": {"signal": "both"}},
    "QMIX's loss (10) alone": TD,
    "planned observation, (10) alone": {"observation": "planned", **TD},
    "(10) alone, VDN": {"learn": {"signal": "td", "mixer": "vdn"}},
    "(10) alone, independent Q": {"learn": {"signal": "td", "mixer": "independent"}},
    "(10) alone, single Q": {"learn": {"signal": "td", "double": False}},
    "(10) alone, one-step targets (λ = 0)": {"learn": {"signal": "td", "trace": 0.0}},
    "(10) alone, potential shaping": {"reward": RewardOptions(shaping="potential"), **TD},
    "(10) alone, no shaping": {"reward": RewardOptions(shaping="none"), **TD},
    "cost-to-go prior": {"learn": {"prior": "cost_to_go"}},
    "no prior": {"learn": {"prior": "none"}},
    "no prior, (10) alone": {"learn": {"prior": "none", "signal": "td"}},
    "simultaneous decisions (no turns)": {"turns": TurnOptions(1, 1)},
    "local observation": {"observation": "local"},
    "local, (10) alone": {"observation": "local", **TD},
    "local, caution 3": {"observation": "local", "caution": 3.0},
    "local, cost-to-go prior": {"observation": "local", "learn": {"prior": "cost_to_go"}},
}
BY_HAND = (0.25, 0.5, 1.0)
"""Shares of the second choice's relief that the marginal prior is made to believe in, without any training."""


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
    print(f"{'':48s} {'untrained':>9s} {'best':>9s} {'last':>9s}   range of best, {chosen.seeds} seeds")
    trainer = Trainer(options_of({}, base, 0))
    for share in BY_HAND:
        policy = untrained_policy("lookahead", "marginal")
        policy.weights["linear.weight"][0, feature_names("lookahead").index("second_relief_s")] = share
        value = 100 * trainer._greedy(policy.utilities)[1] / trainer.shortest[1]
        print(f"{f'by hand: {share:g} of the relief, not trained':48s} {value:8.2f}%", flush=True)
    for name, changes in ROWS.items():
        untrained, best, last = [], [], []
        for seed in range(chosen.seeds):
            trainer = Trainer(options_of(changes, base, seed))
            untrained.append(trainer.untrained[1] / trainer.shortest[1])
            values = [epoch.transmission for epoch in trainer.run()]
            best.append(min(values))
            last.append(values[-1])
        means = [f"{100 * sum(column) / len(column):8.2f}%" for column in (untrained, best, last)]
        print(f"{name:48s} {' '.join(means)}   {100 * min(best):.2f}-{100 * max(best):.2f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
