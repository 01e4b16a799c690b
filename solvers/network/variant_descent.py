"""Best response under a problem's variants: rules and deadlines are hard, and come before the objective.

One task after the other is taken out of the network and gets the plan of best score against all others. Its packets
are searched by Dijkstra on marginal costs, on selfish ones and by the fewest links, over the links, relays and ends
that rules leave open given the others' packets; every plan is scored with all rules. Where a descent ends at a score
that breaks a rule, the caller tries other orders or starts.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from formulation import Problem, Solution
from solvers.network.arrays import BOTH, DATA, DATA_ONLY, MODEL, MODEL_ONLY, Ints
from solvers.network.data import ProblemData
from solvers.network.descent import SWEEPS, AllMoves, all_moves
from solvers.network.plans import solution_of
from solvers.network.response import Moves, better
from solvers.network.rule_rows import RuleRows
from solvers.network.traffic import Plan
from solvers.network.variant_traffic import Score, VariantTraffic

SHARE = 0.5
"""Part of the bits that a data packet's search weighs, the task's ρ being open."""
SKIPPED = {DATA: MODEL_ONLY, MODEL: DATA_ONLY}
"""The packet mode without a kind of packet."""


def variant_moves(data: ProblemData, problem: Problem) -> list[AllMoves]:
    """Return what each task may do within the limits of its ρ: one above 0 needs the data packet, below 1 the model."""
    found = []
    for task, own, moves in zip(problem.instance.tasks, data.tasks, all_moves(data), strict=True):
        low, high = task.offload_ratio_range
        modes = list(moves.modes)
        if own.fixed_ratio is None:
            if {MODEL_ONLY, DATA_ONLY} <= set(modes) and BOTH not in modes:
                modes.append(BOTH)  # left out where ρ = 0 is as good, which a limit may forbid
            modes = [mode for mode in modes if (mode != MODEL_ONLY or low <= 0) and (mode != DATA_ONLY or high >= 1)]
        found.append(AllMoves(moves.ends, modes, moves.arcs))
    return found


def variant_descents(
    data: ProblemData,
    problem: Problem,
    runs: int,
    seed: int,
    start: dict[int, Plan] | None = None,
    sweeps: int = SWEEPS,
) -> Iterator[tuple[Solution, Score] | None]:
    """Yield the end of each descent with its score, or None where a task is stuck.

    The first takes the tasks in file order, each further one in a seeded random order.

    Parameters
    ----------
    start
        Plans that each descent begins with; an empty network if left out.
    """
    if runs < 1:
        raise ValueError(f"runs must be at least 1, got {runs}")
    rows, moves = RuleRows(data, problem), variant_moves(data, problem)
    rng = np.random.default_rng(seed)
    for run in range(runs):
        order = list(range(len(moves)))
        if run:
            rng.shuffle(order)
        yield _descend(VariantTraffic(data, start or {}, problem, rows), moves, order, sweeps)


def _descend(
    traffic: VariantTraffic, moves: Sequence[Moves], order: Sequence[int], sweeps: int
) -> tuple[Solution, Score] | None:
    for _ in range(sweeps):
        improved = False
        for m in order:
            current = traffic.plans.get(m)
            best: Score = (float("inf"),) if current is None else traffic.score()
            traffic.remove(m)
            chosen, plans = current, _plans(traffic, m, moves[m])
            for plan, trial in zip(plans, traffic.trials(m, plans), strict=True):
                if better(trial, best):
                    chosen, best = plan, trial
            if chosen is None:
                return None
            traffic.place(m, chosen)
            improved |= chosen is not current
        if not improved:
            break
    ratios, score = traffic.best_ratios()
    return solution_of(traffic.data, traffic.plans, ratios.tolist()), score


def _plans(traffic: VariantTraffic, m: int, moves: Moves) -> list[Plan]:
    """Return plans to try for a task that is out of the network: every end, mode and pair of routes."""
    routes: dict[tuple[int, int], list[Ints | None]] = {}
    open_ends = set(traffic.rows.open_ends(m, traffic.rule_activity))
    ends = [end for end in moves.ends if end in open_ends] or list(moves.ends)
    for kind in (DATA, MODEL):
        if all(mode == SKIPPED[kind] for mode in moves.modes):
            continue
        full = traffic.rows.full(m, kind, traffic.rule_activity)
        for allowed in (moves.arcs[kind] & ~full, moves.arcs[kind]):
            missing = [end for end in ends if (kind, end) not in routes]
            for end, route in _routes(traffic, m, kind, allowed, missing):
                known = routes.setdefault((kind, end), [])
                if not any(np.array_equal(route, other) for other in known if other is not None):
                    known.append(route)
    found = []
    for end in ends:
        for mode in moves.modes:
            sent = [[None] if mode == SKIPPED[kind] else routes.get((kind, end), []) for kind in (DATA, MODEL)]
            found += [Plan(end, one, other) for one in sent[DATA] for other in sent[MODEL]]
    return found


def _routes(
    traffic: VariantTraffic, m: int, kind: int, allowed: NDArray[np.bool_], ends: Sequence[int]
) -> Iterator[tuple[int, Ints]]:
    """Yield (end, route) of least marginal and selfish cost, and of the fewest links."""
    if not ends:
        return
    data, task = traffic.data, traffic.data.tasks[m]
    share = 1.0 if kind == MODEL else task.fixed_ratio or SHARE
    bit, count = task.bits[kind] * share * data.per_bit, traffic.count[kind]
    links = np.zeros(data.resources)
    links[: data.links] = 1.0
    selfish = bit * (count + 1) + data.fixed
    few = links + selfish / max(float(selfish.sum()), 1e-300)
    start = data.start_of(m, kind)
    for weight in (bit * (2 * count + 1) + data.fixed, selfish, few):
        cost, before = data.search(weight, start, kind == MODEL, allowed)
        for end in ends:
            stop = int(data.end_of(int(task.ends[end]), kind))
            if np.isfinite(cost[stop]):
                yield end, data.path_arcs(before, stop, start, kind)
