"""Both ends of ρ: what bisection never reaches, tried task by task on a finished solution."""

from formulation import Solution, evaluate
from instances import Instance
from solvers.assignment import Assignment
from solvers.ratios import best_ratios, with_ratio


def try_ends(
    instance: Instance, assignments: tuple[Assignment, ...], solution: Solution, objective: str = "mean"
) -> Solution:
    """Put tasks at ρ = 0 or ρ = 1 where that lowers the delay, and all other ρ at their closed-form optimum.

    A task at an end drops one packet, which only relieves the others. Tasks are tried in turn until none gains. Forced
    tasks keep their ρ.
    """
    best = best_ratios(instance, solution)
    value = evaluate(instance, best).objective_s(objective)
    improved = True
    while improved:
        improved = False
        for m, assignment in enumerate(assignments):
            if assignment.forced_ratio is not None:
                continue
            for end in (0.0, 1.0):
                if not (best.tasks[m].sends_data and best.tasks[m].sends_model):
                    continue
                tried = best_ratios(instance, with_ratio(instance, best, assignment.design, m, end))
                delay = evaluate(instance, tried).objective_s(objective)
                if delay < value - 1e-12:
                    best, value, improved = tried, delay, True
    return best
