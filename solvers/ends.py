"""Both ends of ρ: what bisection never reaches, tried task by task on a finished solution."""

from formulation import Problem, Solution, as_problem, evaluate
from instances import Instance
from solvers.assignment import Assignment
from solvers.ratios import best_ratios, with_ratio


def try_ends(problem: Instance | Problem, assignments: tuple[Assignment, ...], solution: Solution) -> Solution:
    """Put tasks at ρ = 0 or ρ = 1 where that lowers the delay, and all other ρ at their closed-form optimum.

    A task at an end drops one packet, which only relieves the others. Tasks are tried in turn until none gains. Forced
    tasks keep their ρ.
    """
    problem = as_problem(problem)
    best = best_ratios(problem, solution)
    value = evaluate(problem, best).objective_s()
    improved = True
    while improved:
        improved = False
        for m, assignment in enumerate(assignments):
            if assignment.forced_ratio is not None:
                continue
            for end in (0.0, 1.0):
                if not (best.tasks[m].sends_data and best.tasks[m].sends_model):
                    continue
                tried = best_ratios(problem, with_ratio(problem.instance, best, assignment.design, m, end))
                delay = evaluate(problem, tried).objective_s()
                if delay < value - 1e-12:
                    best, value, improved = tried, delay, True
    return best
