"""BS-MARL and its named variants: Algorithm 1 with the routes of a trained policy."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from formulation import Problem, Solution, as_problem
from formulation.dec_pomdp import SlotTables
from instances import Instance
from solvers.assignment import assign
from solvers.best_response import polish
from solvers.bisection import Timed, halve, ranges_of, value_of
from solvers.ends import try_ends
from solvers.marl.policy import SHIPPED, Policy, read_policy
from solvers.marl.router import PolicyRouter
from solvers.marl.search import Search, SearchOptions
from solvers.marl.tasks import tasks_of
from solvers.routing import Router

Decided = tuple[Solution, tuple[dict[str, Any], ...]]
MarlScheme = Callable[..., Decided]


@lru_cache(maxsize=8)
def _read(path: Path, changed_ns: int) -> Policy:
    return read_policy(path)


def load_policy(path: str | Path | None = None, observation: str = "lookahead") -> Policy:
    """Return a policy from its file, or the one that ships; files are read once until they change.

    Parameters
    ----------
    path
        The file; None for the shipped policy of `observation`.
    observation
        `local` takes a file only if it observes locally, else the shipped local policy. `lookahead` takes any file.
    """
    shipped = Path(__file__).parent.parent / "data" / SHIPPED[observation]
    path = shipped if path is None else Path(path)
    policy = _read(path, path.stat().st_mtime_ns)
    if observation == "local" and policy.observation != "local":
        return _read(shipped, shipped.stat().st_mtime_ns)
    return policy


def policy_router(policy: Path | None = None, seed: int = 0, observation: str = "lookahead") -> Router:
    """Return a router that rolls the policy out once, greedily, for any instance; see `load_policy`."""
    loaded = load_policy(policy, observation)

    def router(problem: Instance | Problem, packets: Solution) -> Solution:
        instance = as_problem(problem).instance
        return PolicyRouter(instance, loaded, seed=seed)(instance, packets)

    return router


def bs_marl(
    problem: Instance | Problem,
    policy: Policy,
    *,
    seed: int = 0,
    stop: str = "best",
    keep_plan: bool = False,
    passes: int = 1,
    ends: bool = False,
    polished: bool = False,
    iterations: int = 20,
    tables: SlotTables | None = None,
) -> Decided:
    """Run Algorithm 1 with the policy as its router.

    Parameters
    ----------
    problem, policy
        Problem and routing policy.
    seed
        Draws the packets' priorities.
    stop
        `best` or `first_rise`, see `bisect`.
    keep_plan
        Start each iteration's rollout from the routes of the one before (needs a shared plan).
    passes
        Greedy rollouts an iteration, each from the best plan so far.
    ends
        Try ρ = 0 and ρ = 1 per task at the end.
    polished
        Descend by best response from what was found.
    iterations
        Of the bisection.
    tables
        Those of `tables_of`, where the slot's are built already.
    """
    problem = as_problem(problem)
    instance = problem.instance
    assignments = assign(instance)
    router = PolicyRouter(instance, policy, seed=seed, passes=passes, keep_plan=keep_plan, tables=tables)
    tasks = tasks_of(instance, assignments)

    def time(ratios: list[float]) -> Timed:
        ratio = np.array(ratios)
        packets = tasks.packets(tasks.mode[None], tasks.centre[None], ratio[None])
        rollout = router.route(packets)
        remote = rollout.packet_delay_s[0, 0::2] + packets.t_L[0]
        return Timed(rollout.delay_s[0].tolist(), packets.t_S[0].tolist(), remote.tolist(), (ratio, rollout))

    (ratio, rollout), trace = halve(
        assignments, time, value_of(problem), iterations=iterations, stop=stop, ranges=ranges_of(problem)
    )
    solution = tasks.solution(tasks.centre, ratio, rollout.paths(0))
    solution = replace(solution, meta={"iterations": len(trace)})
    if ends:
        solution = try_ends(problem, assignments, solution)
    if polished:
        solution = polish(problem, solution)
    return solution, trace


def search(
    problem: Instance | Problem,
    policy: Policy,
    *,
    seed: int = 0,
    options: SearchOptions | None = None,
) -> Decided:
    """Decide by a search over rollouts instead of bisection, see `Search`; at most 32 rollouts by default."""
    chosen = options or SearchOptions()
    problem = as_problem(problem)
    return Search(problem, assign(problem.instance), policy, chosen, seed=seed).run()


VARIANTS: Mapping[str, tuple[MarlScheme, Mapping[str, Any]]] = {
    "bs-marl": (bs_marl, {}),
    "bs-marl-local": (bs_marl, {}),
    "bs-marl-first-rise": (bs_marl, {"stop": "first_rise"}),
    "bs-marl-plan": (bs_marl, {"keep_plan": True}),
    "bs-marl-ends": (bs_marl, {"keep_plan": True, "ends": True}),
    "bs-marl-polish": (bs_marl, {"keep_plan": True, "ends": True, "polished": True, "iterations": 4}),
    "marl-search": (search, {}),
    "marl-search-polish": (search, {"options": SearchOptions(rounds=1, rollouts=4, polish=1, sweeps=1)}),
    "marl-search-descents": (search, {"options": SearchOptions(rounds=4, rollouts=8, polish=1, restarts=4)}),
}
"""Schemes that decide by the policy: the function and its options."""
ROUTED = ("small", "centralized", "even", "policy", "policy-local", *VARIANTS)
"""All that is routed by a policy, `policy` and `policy-local` being the routers of the gaps on (7)."""


def _asked(name: str) -> str:
    return "local" if name.endswith("-local") else "lookahead"


def observations(names: Iterable[str], policy: Path | None = None) -> dict[str, str]:
    """Return what the policy of each scheme observes (see `OBSERVATIONS`), leaving out schemes without a policy."""
    return {name: load_policy(policy, _asked(name)).observation for name in names if name in ROUTED}


def run_variant(name: str, problem: Instance | Problem, *, policy: Path | None = None, seed: int = 0) -> Decided:
    """Run a named variant."""
    function, options = VARIANTS[name]
    return function(problem, load_policy(policy, _asked(name)), seed=seed, **options)
