"""Routers: what fills in the routes for given offload ratios, packets and c(m)."""

from collections.abc import Callable
from dataclasses import replace

from formulation import Solution
from formulation.delay import data_packet_bits
from instances import Instance
from solvers.assignment import NoSolution
from solvers.paths import packet_paths

Router = Callable[[Instance, Solution], Solution]


def shortest_path_router(instance: Instance, packets: Solution) -> Solution:
    """Route every packet as if it were alone: least transmission, relay and propagation time (Dijkstra).

    Raises
    ------
    NoSolution
        If a packet cannot reach its end.
    """
    network = instance.network
    routed = []
    for task, decision in zip(instance.tasks, packets.tasks, strict=True):
        end = network.index[decision.computing_satellite]
        for key, sent, bits in (
            ("data_path", decision.sends_data, data_packet_bits(task, decision)),
            ("model_path", decision.sends_model, decision.model_packet_bits),
        ):
            path = None
            if sent:
                path = packet_paths(network, task.satellite, bits, reverse=key == "model_path").path(end)
                if path is None:
                    ends = f"{task.satellite} and {decision.computing_satellite}"
                    raise NoSolution(f"task {task.satellite}: {key}: no path between {ends} in this direction")
            decision = replace(decision, **{key: path})
        routed.append(decision)
    return replace(packets, tasks=tuple(routed))
