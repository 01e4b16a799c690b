"""Best response: coordinate descent over c(m), routes, packet modes and ρ, one task at a time.

A task is taken out of the network; for every candidate c(m) its routes are searched by Dijkstra on marginal costs (on a
link with n packets its bits count 2n + 1 times: n + 1 for itself, n for what it adds to the others) and on selfish
ones (n + 1); every packet mode is tried and the true objective decides. No step raises the objective, so the descent
ends, in a local optimum. The first run takes tasks in file order, further runs in seeded random orders.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from numpy.typing import NDArray

from formulation import Solution, evaluate
from instances import Instance
from instances.network import Network
from solvers.assignment import Assignment, NoSolution, assign
from solvers.bisection import pack
from solvers.paths import ShortestPaths, shortest_paths
from solvers.ratios import TaskRates, best_ratio, best_ratios, task_rates

Ints = NDArray[np.int64]
SWEEPS = 100
IMPROVEMENT = 1e-12
KINDS = ("data", "model")


@dataclass(frozen=True, eq=False)
class Route:
    """A path as arrays: its links, its inner satellites, and its propagation delay [s]."""

    path: tuple[str, ...]
    links: Ints
    relays: Ints
    propagation_s: float


@dataclass(frozen=True, eq=False)
class Plan:
    """One task's decisions; a route is None where its packet is not sent. Both sent: ρ is the best one."""

    computing_satellite: str
    data: Route | None
    model: Route | None


class Loads:
    """Packets of one kind on every link and at every relay."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.link = np.zeros(len(network.source), dtype=np.int64)
        self.relay = np.zeros(network.nodes, dtype=np.int64)

    def add(self, route: Route | None, packets: int) -> None:
        """Put a route's packet in (1) or take it out (-1)."""
        if route is not None:
            self.link[route.links] += packets
            self.relay[route.relays] += packets

    def seconds_per_bit(self, route: Route) -> float:
        """Return what a bit on this route costs under these loads [s/bit]."""
        links = self.link[route.links] @ self.network.seconds_per_bit[route.links]
        return float(links + self.relay[route.relays] @ self.network.relay_s_per_bit[route.relays])


class _Descent:
    """State of one run."""

    def __init__(self, instance: Instance, assignments: tuple[Assignment, ...], objective: str) -> None:
        self.instance, self.network, self.objective = instance, instance.network, objective
        self.designs = [assignment.design for assignment in assignments]
        self.rates: list[TaskRates] = [task_rates(instance, task) for task in instance.tasks]
        self.ratios = [assignment.offload_ratio for assignment in assignments]
        self.loads = {kind: Loads(self.network) for kind in KINDS}
        self.plans: dict[int, Plan] = {}

    def delay(self, m: int, plan: Plan) -> tuple[float, float]:
        """Return T_m [s] and its ρ under the current loads."""
        rates, model_s, slope = self.rates[m], 0.0, 0.0
        if plan.model is not None:
            per_bit = self.loads["model"].seconds_per_bit(plan.model)
            model_s = plan.model.propagation_s + (self.designs[m].model_packet_bits or 0.0) * per_bit
        if plan.data is None:
            return model_s + rates.small_s, 0.0
        slope = self.designs[m].data_bits_per_ratio * self.loads["data"].seconds_per_bit(plan.data)
        fixed, large = plan.data.propagation_s, rates.large_s[plan.computing_satellite]
        if plan.model is None:
            return rates.extraction_s + fixed + slope + large, 1.0
        ratio = best_ratio(rates, plan.computing_satellite, fixed, slope)
        remote = fixed + (slope + large) * ratio if ratio > 0 else 0.0
        return model_s + rates.extraction_s * ratio + max(remote, rates.small_s * (1 - ratio)), ratio

    def score(self) -> tuple[float, ...]:
        """Return what is minimised: the sum of delays, or the largest and then the sum."""
        delays = [self.delay(m, plan)[0] for m, plan in self.plans.items()]
        return (sum(delays),) if self.objective == "mean" else (max(delays), sum(delays))

    def place(self, m: int, plan: Plan | None) -> None:
        """Put task m's plan into the network, or take it out."""
        before = self.plans.pop(m, None)
        for old_or_new, packets in ((before, -1), (plan, 1)):
            if old_or_new is not None:
                self.loads["data"].add(old_or_new.data, packets)
                self.loads["model"].add(old_or_new.model, packets)
        if plan is not None:
            self.plans[m] = plan

    def searches(self, m: int, kind: str, weight: int) -> ShortestPaths:
        """Search routes where a link with n packets counts weight·n + 1 times."""
        if kind == "data":
            bits = self.designs[m].data_bits_per_ratio * (self.ratios[m] or 1.0)
        else:
            bits = self.designs[m].model_packet_bits or 0.0
        loads = self.loads[kind]
        link_s = bits * (weight * loads.link + 1) * self.network.seconds_per_bit + self.network.propagation_s
        relay_s = bits * (weight * loads.relay + 1) * self.network.relay_s_per_bit
        start = self.instance.tasks[m].satellite
        return shortest_paths(self.network, start, link_s, relay_s, reverse=kind == "model")

    def route(self, path: tuple[str, ...] | None) -> Route | None:
        """Turn a path into arrays."""
        if path is None:
            return None
        links = self.network.links_of(path)
        relays = np.array([self.network.index[node] for node in path[1:-1]], dtype=np.int64)
        return Route(path, links, relays, float(self.network.propagation_s[links].sum()))

    def candidates(self, m: int) -> Iterable[Plan]:
        """Yield the plans to try for a task that is out of the network."""
        design = self.designs[m]
        for weight in (2, 1):
            data_paths = self.searches(m, "data", weight) if design.can_offload else None
            model_paths = self.searches(m, "model", weight) if design.can_stay else None
            for computing in self.instance.candidates(self.instance.tasks[m]):
                end = self.network.index[computing]
                data = self.route(data_paths.path(end)) if data_paths else None
                model = self.route(model_paths.path(end)) if model_paths else None
                if data and model:
                    yield Plan(computing, data, model)
                if model:
                    yield Plan(computing, None, model)
                if data:
                    yield Plan(computing, data, None)

    def respond(self, m: int) -> bool:
        """Give task m its best plan against all others; tell whether the objective fell."""
        current = self.plans.get(m)
        best_score = self.score() if current is not None else (float("inf"),)
        best = current
        self.place(m, None)
        for plan in self.candidates(m):
            self.place(m, plan)
            score = self.score()
            if score < best_score and score[0] <= best_score[0] - (IMPROVEMENT if len(score) == 1 else 0.0):
                best, best_score = plan, score
            self.place(m, None)
        if best is None:
            raise NoSolution(f"task {self.instance.tasks[m].satellite}: no path to any computing satellite and back")
        self.place(m, best)
        self.ratios[m] = self.delay(m, best)[1]
        return best is not current

    def run(self, order: list[int]) -> Solution:
        """Insert the tasks in this order, then respond until nobody improves."""
        for sweep in count():
            improved = [self.respond(m) for m in order]
            if not any(improved) or sweep == SWEEPS:
                break
        return self.solution()

    def solution(self) -> Solution:
        """Return the plans as a solution, every ρ at its optimum."""
        plans = [self.plans[m] for m in range(len(self.instance.tasks))]
        chosen = [
            Assignment(plan.computing_satellite, ratio, 0.0, None, design)
            for plan, ratio, design in zip(plans, self.ratios, self.designs, strict=True)
        ]
        ratios = [self.delay(m, plan)[1] for m, plan in enumerate(plans)]
        return best_ratios(self.instance, attach(pack(self.instance, chosen, ratios), plans))


def polish(instance: Instance, solution: Solution, *, objective: str = "mean") -> Solution:
    """Descend from a solution instead of an empty network; the result is no worse.

    Raises
    ------
    NoSolution
        If a task has no decision at all.
    """
    descent = _Descent(instance, assign(instance), objective)
    for m, decision in enumerate(solution.tasks):
        data = descent.route(decision.data_path if decision.sends_data else None)
        model = descent.route(decision.model_path if decision.sends_model else None)
        descent.place(m, Plan(decision.computing_satellite, data, model))
        descent.ratios[m] = decision.offload_ratio
    polished = descent.run(list(range(len(solution.tasks))))
    before, after = evaluate(instance, solution), evaluate(instance, polished)
    return polished if after.objective_s(objective) <= before.objective_s(objective) else solution


def attach(packets: Solution, plans: list[Plan]) -> Solution:
    """Put the plans' paths on a solution's packets."""
    tasks = tuple(
        replace(
            decision,
            data_path=plan.data.path if plan.data and decision.sends_data else None,
            model_path=plan.model.path if plan.model and decision.sends_model else None,
        )
        for decision, plan in zip(packets.tasks, plans, strict=True)
    )
    return replace(packets, tasks=tasks)


def best_response(
    instance: Instance, *, runs: int = 1, seed: int = 0, objective: str = "mean"
) -> tuple[Solution, tuple[dict[str, float], ...]]:
    """Descend from an empty network, and keep the best of several runs.

    Parameters
    ----------
    runs
        1: file order; each further run takes a random order.
    seed
        Seed of the random orders.
    objective
        `mean` or `max` delay.

    Returns
    -------
    solution, trace
        The best run's solution; the objective of each run.

    Raises
    ------
    NoSolution
        If a task has no decision at all.
    """
    assignments = assign(instance)
    rng = np.random.default_rng(seed)
    best: tuple[float, Solution] | None = None
    trace = []
    for run in range(runs):
        order = list(range(len(instance.tasks)))
        if run:
            rng.shuffle(order)
        solution = _Descent(instance, assignments, objective).run(order)
        value = evaluate(instance, solution).objective_s(objective)
        trace.append({"run": float(run), "objective_s": value})
        if best is None or value < best[0]:
            best = value, solution
    if best is None:
        raise ValueError(f"runs must be at least 1, got {runs}")
    return best[1], tuple(trace)
