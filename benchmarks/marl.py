"""Packet decisions a second: batched and compiled rollouts against a loop over the PettingZoo face, in one run.

All route the same episodes of one preset with the same policy and the same observation; each packet of each step counts
as one decision. The batched core (NumPy) plays all episodes side by side, the compiled rollouts (Numba) one after the
other, both once with simultaneous decisions as the face has them and once with one turn a packet as the schemes use
them. CPU time of one process, best of three each; then wall time of the compiled rollouts in one and in two threads,
each thread with all episodes, against the loop's wall time. A profile of a batched rollout follows. At last the parts
of a decision on `shell`, with one best response beside them.

    python -m benchmarks.marl [--preset iridium] [--seed 0] [--episodes 512] [--loop-episodes 4] [--shell-tasks 20]
"""

import argparse
import cProfile
import io
import pstats
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from formulation.dec_pomdp import Observer, RoutingCore, build_tables, packets_of, repeat
from formulation.dec_pomdp.env import RoutingEnv
from formulation.dec_pomdp.observation import Seen
from instances.presets import make_preset
from solvers.assignment import assign
from solvers.best_response import best_response
from solvers.bisection import pack
from solvers.marl.batch import get_ready, has_compiler, play_batch
from solvers.marl.policy import Policy
from solvers.marl.rollout import TurnOptions, draw_priority, roll_out
from solvers.marl.router import PolicyRouter, tables_of
from solvers.marl.schemes import bs_marl, load_policy


def batched(core: RoutingCore, policy: Policy, turns: TurnOptions) -> int:
    core.reset()
    priority = draw_priority(np.random.default_rng(0), *core.packets.shape)
    return roll_out(Observer(core, policy.observation, priority=priority), policy.utilities, turns)


def compiled(core: RoutingCore, policy: Policy, turns: TurnOptions) -> int:
    rng = np.random.default_rng(0)
    priority = draw_priority(rng, *core.packets.shape)
    return play_batch(core.tables, core.packets, policy, priority=priority, rng=rng, turns=turns).decisions


def threaded(core: RoutingCore, policy: Policy, turns: TurnOptions, threads: int) -> int:
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(lambda _: compiled(core, policy, turns), range(threads)))


def looped(env: RoutingEnv, policy: Policy, episodes: int) -> int:
    decisions, route = 0, env.names.index("route_others_s")
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
                foreseen = cost + row[..., route : route + 2].sum(-1, dtype=float)
                values = policy.utilities(Seen(row, cost, foreseen, mask[None, :-1]))
                actions[agent] = int(values[0].argmax())
                decisions += 1
            observations, *_ = env.step(actions)
    return decisions


def rate(work: Callable[[], int], clock: Callable[[], float] = time.process_time) -> float:
    best = 0.0
    for _ in range(3):
        start = clock()
        count = work()
        best = max(best, count / (clock() - start))
    return best


def speed(preset: str, seed: int, episodes: int, loop_episodes: int) -> None:
    """Print packet decisions a second of every way, and the profile of a batched rollout."""
    instance, policy = make_preset(preset, seed=seed), load_policy()
    packets = pack(instance, assign(instance), [0.5] * len(instance.tasks))
    core = RoutingCore(build_tables(instance), repeat(packets_of(instance, packets), episodes))
    env = RoutingEnv(instance, packets, observation=policy.observation)
    slow = rate(lambda: looped(env, policy, loop_episodes))
    print(f"{instance.name}, {len(instance.tasks)} tasks, seed {seed}, {episodes} episodes, best of three")
    print(f"{'PettingZoo loop':44s} {slow:10.0f} decisions/CPU s")
    ways: list[tuple[str, Callable[..., int]]] = [("batched in NumPy", batched)]
    if has_compiler():
        get_ready()
        ways.append(("compiled", compiled))
    for name, way in ways:
        for words, turns in (("simultaneous", TurnOptions(1, 1)), ("one turn a packet", TurnOptions())):
            fast = rate(lambda way=way, turns=turns: way(core, policy, turns))  # type: ignore[misc]
            print(f"{name + ', ' + words:44s} {fast:10.0f} decisions/CPU s, {fast / slow:.0f} times the loop")
    if has_compiler():
        slow = rate(lambda: looped(env, policy, loop_episodes), time.perf_counter)
        for threads in (1, 2):
            fast = rate(lambda n=threads: threaded(core, policy, TurnOptions(), n), time.perf_counter)  # type: ignore[misc]
            name = f"compiled, one turn a packet, {threads} thread{'s' * (threads > 1)}"
            print(f"{name:44s} {fast:10.0f} decisions/s of wall time, {fast / slow:.0f} times the loop")
    profile = cProfile.Profile()
    profile.runcall(batched, core, policy, TurnOptions(1, 1))
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(8)
    print("\n".join(line for line in text.getvalue().splitlines() if line.strip())[:2000])


def decision_time(tasks: int, seed: int) -> None:
    """Print what a decision on `shell` takes by part, and best response beside it; best of three, wall and CPU."""
    instance, policy = make_preset("shell", seed=seed, tasks=tasks), load_policy()
    packets = packets_of(instance, pack(instance, assign(instance), [0.5] * tasks))
    tables, router = tables_of(instance), PolicyRouter(instance, policy)
    get_ready()
    parts: dict[str, Callable[[], object]] = {
        "tables of the slot (SciPy's Dijkstra)": lambda: tables_of(instance),
        "c(m), packets": lambda: assign(instance),
        "one rollout": lambda: router.route(packets),
        "Algorithm 1 on built tables, c(m) included": lambda: bs_marl(instance, policy, tables=tables),
        "best response, one run": lambda: best_response(instance),
    }
    print(f"\n{instance.name}, {len(instance.satellites)} satellites, {tasks} tasks, best of three")
    for name, part in parts.items():
        wall, cpu = [], []
        for _ in range(3):
            began, used = time.perf_counter(), time.process_time()
            part()
            wall.append(time.perf_counter() - began)
            cpu.append(time.process_time() - used)
        print(f"{name:44s} {1e3 * min(wall):8.1f} ms, {1e3 * min(cpu):8.1f} ms of CPU")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--preset", default="iridium")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--episodes", type=int, default=512)
    parser.add_argument("--loop-episodes", type=int, default=4)
    parser.add_argument("--shell-tasks", type=int, default=20)
    options = parser.parse_args(sys.argv[2:] if arguments is None and "benchmarks" in sys.argv[0] else arguments)
    speed(options.preset, options.seed, options.episodes, options.loop_episodes)
    decision_time(options.shell_tasks, options.seed)


if __name__ == "__main__":
    main(sys.argv[1:])
