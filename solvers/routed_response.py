"""Best response on (7): c(m) and routes one task at a time, at the packets that are given."""

from formulation import Problem, Solution, as_problem
from instances import Instance
from solvers.assignment import NoSolution
from solvers.diagnosis import why_routing_infeasible
from solvers.network.data import ProblemData
from solvers.network.descent import all_moves, descents
from solvers.routing import Router
from solvers.variants import best_variant


def best_response_router(runs: int, *, seed: int = 0) -> Router:
    """Return a router that descends from an empty network by the array-based best response.

    Parameters
    ----------
    runs
        Orders of the tasks: file order first, seeded random ones after it; the best is kept.
    seed
        Of the random orders.

    Returns
    -------
    Router
        Chooses c(m) among the candidates of the instance's tasks, too; give the tasks a computing satellite to keep it.
        Raises `NoSolution` where a packet has no path.
    """
    if runs < 1:
        raise ValueError(f"runs must be at least 1, got {runs}")

    def router(problem: Instance | Problem, packets: Solution) -> Solution:
        problem = as_problem(problem)
        instance = problem.instance
        data = ProblemData(instance, packets)
        moves = all_moves(data)
        if not all(task.modes for task in moves):
            raise NoSolution(why_routing_infeasible(instance, packets) or "a packet has no path")
        if not problem.is_plain:
            best = best_variant(data, problem, runs, seed)
            if best is None:
                raise NoSolution("no order of the tasks finds a path for every packet")
            return best[0]
        found = [end for end in descents(data, moves, runs, seed, problem.objective) if end is not None]
        return min(found, key=lambda end: end[1])[0]

    return router
