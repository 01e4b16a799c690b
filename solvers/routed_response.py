"""Best response on (7): c(m) and routes one task at a time, at the packets that are given."""

import numpy as np

from formulation import Solution, evaluate
from instances import Instance
from solvers.assignment import NoSolution
from solvers.exact.incumbent import descend, solution_of
from solvers.exact.infeasible import why_routing_infeasible
from solvers.exact.scope import first_scopes
from solvers.exact.tables import Tables
from solvers.routing import Router


def best_response_router(runs: int, *, seed: int = 0, objective: str = "mean") -> Router:
    """Return a router that descends from an empty network by the array-based best response.

    Parameters
    ----------
    runs
        Orders of the tasks: file order first, seeded random ones after it; the best is kept.
    seed
        Of the random orders.
    objective
        `mean` or `max` delay.

    Returns
    -------
    Router
        Chooses c(m) among the candidates of the instance's tasks, too; give the tasks a computing satellite to keep it.
        Raises `NoSolution` where a packet has no path.
    """
    if runs < 1:
        raise ValueError(f"runs must be at least 1, got {runs}")

    def router(instance: Instance, packets: Solution) -> Solution:
        reason = why_routing_infeasible(instance, packets)
        if reason is not None:
            raise NoSolution(reason)
        tables = Tables(instance, packets)
        scopes, rng = first_scopes(tables), np.random.default_rng(seed)
        order, found = list(range(len(tables.tasks))), []
        for run in range(runs):
            if run:
                rng.shuffle(order)
            plans = descend(tables, scopes, objective, order)
            if plans is not None:
                found.append(solution_of(tables, plans))
        if not found:
            raise NoSolution("no order of the tasks finds a path for every packet")
        return min(found, key=lambda solution: evaluate(instance, solution).objective_s(objective))

    return router
