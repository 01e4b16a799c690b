"""The routes of a solution, as the checks of rules count them."""

from collections.abc import Iterator
from itertools import pairwise

from formulation.rules.fields import PACKETS
from formulation.rules.linear_form import Pair
from formulation.solution import Solution

Route = tuple[str, str, tuple[str, ...]]
"""Task, kind of packet, satellites of the path."""


def routes_of(solution: Solution, tasks: tuple[str, ...], packets: str) -> Iterator[Route]:
    """Yield the routes of these tasks' packets; a packet that is not sent has none."""
    wanted = set(tasks)
    for decision in solution.tasks:
        if decision.satellite in wanted:
            for kind in PACKETS[packets]:
                path = decision.data_path if kind == "data" else decision.model_path
                sent = decision.sends_data if kind == "data" else decision.sends_model
                if sent and path is not None:
                    yield decision.satellite, kind, path


def links_on(path: tuple[str, ...]) -> tuple[Pair, ...]:
    """Return the links of a path."""
    return tuple(pairwise(path))


def relays_on(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the inner satellites of a path."""
    return path[1:-1]
