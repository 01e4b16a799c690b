"""Best response: coordinate descent over c(m), routes, packet modes and ρ, one task at a time.

A task is taken out of the network and gets its best plan against all others (`exact.response`). No step raises the
objective, so the descent ends, in a local optimum.

The schemes, the polishing of other schemes' solutions, routing (7) at given packets and branch and price all descend
by this one function; the proof restricts it to the ends, modes and arcs that it has not excluded.
"""

from collections.abc import Callable, Sequence

from formulation import Problem, Solution, as_problem, evaluate
from formulation.packets import PacketDesign
from instances import Instance
from solvers.assignment import NoSolution, assign_task
from solvers.network.data import ProblemData
from solvers.network.descent import SWEEPS, AllMoves, all_moves, descend, descents
from solvers.network.plans import plan_of, solution_of
from solvers.network.variant_descent import variant_descents
from solvers.variants import best_variant, broken_variants


def _problem(instance: Instance, designs: Sequence[PacketDesign] | None = None) -> tuple[ProblemData, list[AllMoves]]:
    """Return the data of (4) and all moves, if every task has a decision.

    Tasks are coupled by delays only: one without a decision has none in an empty network, either.
    """
    data = ProblemData(instance, designs=designs)
    moves = all_moves(data)
    for task, open_moves in zip(instance.tasks, moves, strict=True):
        if not open_moves.modes:
            assign_task(instance, task)  # says why
    return data, moves


def polisher(
    problem: Instance | Problem,
    *,
    sweeps: int = SWEEPS,
    designs: Sequence[PacketDesign] | None = None,
) -> Callable[[Solution], Solution]:
    """Return a function that descends from a solution instead of an empty network; its result is no worse.

    The data are built once, however many solutions are polished.

    Parameters
    ----------
    problem
        What is asked.
    sweeps
        How often every task responds, at most.
    designs
        The tasks' packets where they are known.

    Raises
    ------
    NoSolution
        If a task has no decision at all.
    """
    problem = as_problem(problem)
    if not problem.is_plain:
        return _variant_polisher(problem, sweeps, designs)
    data, moves = _problem(problem.instance, designs)

    def polish_one(solution: Solution) -> Solution:
        plans = descend(data, moves, problem.objective, range(len(moves)), plan_of(data, solution), sweeps)
        if plans is None:
            return solution
        polished = solution_of(data, plans)
        before, after = evaluate(problem, solution), evaluate(problem, polished)
        return polished if after.objective_s() <= before.objective_s() else solution

    return polish_one


def polish(problem: Instance | Problem, solution: Solution) -> Solution:
    """Descend from one solution; see `polisher`."""
    return polisher(problem)(solution)


def best_response(
    problem: Instance | Problem, *, runs: int = 1, seed: int = 0
) -> tuple[Solution, tuple[dict[str, float], ...]]:
    """Descend from an empty network, and keep the best of several runs.

    Parameters
    ----------
    runs
        1: file order; each further run takes a random order.
    seed
        Seed of the random orders.

    Returns
    -------
    solution, trace
        The best run's solution; the objective of each run.

    Raises
    ------
    NoSolution
        If a task has no decision at all.
    """
    problem = as_problem(problem)
    if not problem.is_plain:
        return _best_variant_response(problem, runs, seed)
    best: tuple[Solution, float] | None = None
    trace = []
    for run, found in enumerate(descents(*_problem(problem.instance), runs, seed, problem.objective)):
        if found is None:
            continue
        trace.append({"run": float(run), "objective_s": found[1]})
        if best is None or found[1] < best[1]:
            best = found
    if best is None:
        raise NoSolution("no order of the tasks finds a path for every packet")
    return best[0], tuple(trace)


def _best_variant_response(problem: Problem, runs: int, seed: int) -> tuple[Solution, tuple[dict[str, float], ...]]:
    """Descend under rules; where every end breaks one, the nearest is returned, for the checker to say which."""
    data, _ = _problem(problem.instance)
    found = best_variant(data, problem, runs, seed)
    if found is None:
        raise NoSolution("no order of the tasks finds a path for every packet within the limits of ρ")
    return found[0], ({"run": 0.0, "objective_s": evaluate(problem, found[0]).objective_s()},)


def _variant_polisher(
    problem: Problem, sweeps: int, designs: Sequence[PacketDesign] | None
) -> Callable[[Solution], Solution]:
    data, _ = _problem(problem.instance, designs)

    def polish_one(solution: Solution) -> Solution:
        found = next(variant_descents(data, problem, 1, 0, plan_of(data, solution), sweeps))
        if found is None:
            return solution
        before, after = evaluate(problem, solution).objective_s(), evaluate(problem, found[0]).objective_s()
        worse = bool(broken_variants(problem, found[0])), after
        return found[0] if worse <= (bool(broken_variants(problem, solution)), before) else solution

    return polish_one
