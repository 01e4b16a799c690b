"""Packet decisions a CPU second: the batched core against a loop over the PettingZoo face, in one run.

Both route the same episodes of one preset with the same policy and the same observation; each packet of each step
counts as one decision. The batched core plays all episodes side by side, once with simultaneous decisions as the face
has them and once with one turn a packet as the schemes use them. CPU time of one process, best of three each. The last
lines are a profile of a batched rollout.

    python -m benchmarks.marl [--preset iridium] [--seed 0] [--episodes 512] [--loop-episodes 4]
"""

import argparse
import cProfile
import io
import pstats
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

from formulation.dec_pomdp import Observer, RoutingCore, build_tables, packets_of, repeat
from formulation.dec_pomdp.env import RoutingEnv
from formulation.dec_pomdp.observation import Seen
from instances.presets import make_preset
from solvers.assignment import assign
from solvers.bisection import pack
from solvers.marl.policy import Policy
from solvers.marl.rollout import TurnOptions, draw_priority, roll_out
from solvers.marl.schemes import load_policy


def batched(core: RoutingCore, policy: Policy, turns: TurnOptions) -> int:
    core.reset()
    priority = draw_priority(np.random.default_rng(0), *core.packets.shape)
    return roll_out(Observer(core, policy.observation, priority=priority), policy.utilities, turns)


def looped(env: RoutingEnv, policy: Policy, episodes: int) -> int:
    decisions, marginal = 0, len(env.names)
    for episode in range(episodes):
        observations, _ = env.reset(seed=episode)
        while env.agents:
            actions = {}
            for agent, seen in observations.items():
                mask = seen["action_mask"].astype(bool)
                if mask[-1]:
                    actions[agent] = len(mask) - 1
                    continue
                row = seen["features"][None]
                cost = row[..., :2].sum(-1, dtype=float)
                foreseen = cost + row[..., marginal - 7 : marginal - 5].sum(-1, dtype=float)
                values = policy.utilities(Seen(row, cost, foreseen, mask[None, :-1]))
                actions[agent] = int(values[0].argmax())
                decisions += 1
            observations, *_ = env.step(actions)
    return decisions


def rate(work: Callable[[], int]) -> float:
    best = 0.0
    for _ in range(3):
        start = time.process_time()
        count = work()
        best = max(best, count / (time.process_time() - start))
    return best


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--preset", default="iridium")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--episodes", type=int, default=512)
    parser.add_argument("--loop-episodes", type=int, default=4)
    options = parser.parse_args(sys.argv[2:] if arguments is None and "benchmarks" in sys.argv[0] else arguments)
    instance, policy = make_preset(options.preset, seed=options.seed), load_policy()
    packets = pack(instance, assign(instance), [0.5] * len(instance.tasks))
    core = RoutingCore(build_tables(instance), repeat(packets_of(instance, packets), options.episodes))
    env = RoutingEnv(instance, packets, observation=policy.observation)
    slow = rate(lambda: looped(env, policy, options.loop_episodes))
    print(f"{instance.name}, {len(instance.tasks)} tasks, seed {options.seed}, best of three")
    print(f"{'PettingZoo loop':34s} {slow:12.0f} decisions/CPU s")
    for name, turns in (("batched, simultaneous", TurnOptions(1, 1)), ("batched, one turn a packet", TurnOptions())):
        fast = rate(lambda turns=turns: batched(core, policy, turns))  # type: ignore[misc]
        print(f"{name:34s} {fast:12.0f} decisions/CPU s, {fast / slow:.0f} times the loop")
    profile = cProfile.Profile()
    profile.runcall(batched, core, policy, TurnOptions(1, 1))
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(8)
    print("\n".join(line for line in text.getvalue().splitlines() if line.strip())[:2000])


if __name__ == "__main__":
    main(sys.argv[1:])
