"""Routers: what fills in the routes for given offload ratios, packets and c(m)."""

from collections.abc import Callable
from dataclasses import replace

from formulation import Problem, Solution, TaskDecision, as_problem
from formulation.volumes import data_packet_bits
from instances import Instance
from solvers.assignment import NoSolution
from solvers.paths import packet_paths

Router = Callable[[Instance | Problem, Solution], Solution]
"""(problem, packets) → the same decisions with routes."""


def shortest_path_router(problem: Instance | Problem, packets: Solution) -> Solution:
    """Route every packet as if it were alone: least transmission, relay and propagation time (Dijkstra).

    Raises
    ------
    NoSolution
        If a packet cannot reach its end.
    """
    instance = as_problem(problem).instance
    network = instance.network

    def route(decision: TaskDecision, bits: float, *, reverse: bool) -> tuple[str, ...]:
        end = network.index[decision.computing_satellite]
        path = packet_paths(network, decision.satellite, bits, reverse=reverse).path(end)
        if path is None:
            ends = (decision.satellite, decision.computing_satellite)[:: -1 if reverse else 1]
            raise NoSolution(f"task {decision.satellite}: no path from {ends[0]} to {ends[1]}")
        return path

    routed = []
    for task, decision in zip(instance.tasks, packets.tasks, strict=True):
        data = route(decision, data_packet_bits(task, decision), reverse=False) if decision.sends_data else None
        model = route(decision, decision.model_packet_bits, reverse=True) if decision.sends_model else None
        routed.append(replace(decision, data_path=data, model_path=model))
    return replace(packets, tasks=tuple(routed))
