"""Crossovers: solutions that two others lead to, by annealing over the routes that are known.

Dives end in many solutions of nearly equal value, which differ where tasks cross each other's routes and agree
elsewhere. A crossover takes over from another network what a connected part of the tasks does in which the two differ,
and anneals: over the routes that the relaxation knows and those of all solutions that were kept, so that a step needs
no search in the graph. A step draws one task's plan anew, every plan with its Boltzmann weight (heat bath): the packets
of a plan burden others separately and come separately, given end and mode. The result descends by best response, which
may find routes that nobody knew, and takes the place of the kept network that is most like it among those no better.

The mean delay only: the maximum is no sum over tasks.
"""

from typing import TYPE_CHECKING

import numpy as np

from solvers.exact.branch_and_price.heuristics.plan_table import Choice, PlanTable, route_of
from solvers.exact.branch_and_price.heuristics.ruin_recreate import HEAT
from solvers.network.arrays import DATA, MODEL
from solvers.network.data import ProblemData
from solvers.network.traffic import Plan, score

if TYPE_CHECKING:
    from solvers.exact.branch_and_price.driver import BranchAndPrice


SWEEPS = 300
"""Steps of an annealing, over the number of tasks."""
LEAST_PART, LARGEST_PART = 1 / 3, 2 / 3
"""Of the tasks in which two solutions differ, taken over from the other one."""
WORTH = 0.01
"""Share of the gap by which a better network is worth as much time again."""
KEPT = 8
"""Networks that are kept."""


def run_crossovers(proof: "BranchAndPrice", patience: int) -> None:
    """Cross solutions that a proof has kept until so many crossovers have brought none that is worth its time."""
    count = 0
    while count < patience and len(proof.solutions) > 1 and not (proof.stopped or proof.gap_closed):
        enough = proof.primal_bound - WORTH * (proof.primal_bound - proof.dual_bound)
        _once(proof)
        count = 0 if proof.primal_bound < enough else count + 1


def _once(proof: "BranchAndPrice") -> None:
    """Cross two solutions, offer what that leads to, and keep it."""
    column_pool = PlanTable(proof.data, proof.domains, proof.relaxation.column_pool, proof.solutions)
    choices = [column_pool.choice_of(plans) for plans in proof.solutions]
    one, other = proof.rng.choice(len(choices), 2, replace=False)
    child = _mixed(column_pool, choices[one], choices[other], proof.rng)
    hot = HEAT * score(proof.data, proof.solutions[one], "mean")[0]
    reached, _ = column_pool.anneal(child, proof.rng, hot, SWEEPS * len(child[0]), lambda: proof.stopped)
    plans = column_pool.plans_of(reached)
    proof.try_solution(plans)
    if proof.stopped:
        return
    proof.keep_solution(proof.descend_from(list(range(len(plans))), plans) or plans)


def _mixed(column_pool: PlanTable, choice: Choice, other: Choice, rng: np.random.Generator) -> Choice:
    """Return a choice that does as another one where a connected part of the tasks is concerned that differ."""
    mixed, differ = choice.copy(), np.flatnonzero((choice != other).any(axis=0))
    if len(differ) == 0:
        return mixed
    touching = column_pool.touching(choice, differ) | column_pool.touching(other, differ)
    part = np.zeros(len(differ), dtype=bool)
    part[int(rng.integers(len(differ)))] = True
    size = int(rng.integers(int(LEAST_PART * len(differ)), int(LARGEST_PART * len(differ)) + 1))
    while part.sum() < size:
        reach = np.flatnonzero(touching[part].any(axis=0) & ~part)
        reach = reach if len(reach) else np.flatnonzero(~part)
        part[reach[int(rng.integers(len(reach)))]] = True
    taken = differ[part]
    mixed[:, taken] = other[:, taken]
    return mixed


def kept(data: ProblemData, solutions: list[dict[int, Plan]], plans: dict[int, Plan]) -> list[dict[int, Plan]]:
    """Return the solutions to keep after a new one: in place of the most similar one that is no better, if full."""
    routes = [[route_of(m, kind, mine[m]) for m in sorted(mine) for kind in (DATA, MODEL)] for mine in solutions]
    new = [route_of(m, kind, plans[m]) for m in sorted(plans) for kind in (DATA, MODEL)]
    if new in routes:
        return solutions
    if len(solutions) < KEPT:
        return [*solutions, plans]
    value = score(data, plans, "mean")
    unlike = {
        i: sum(a != b for a, b in zip(mine, new, strict=True))
        for i, mine in enumerate(routes)
        if score(data, solutions[i], "mean") >= value
    }
    if not unlike:
        return solutions
    out = min(unlike, key=lambda i: unlike[i])
    return [*solutions[:out], plans, *solutions[out + 1 :]]
