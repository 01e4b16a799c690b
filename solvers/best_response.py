"""Best response: coordinate descent over c(m), routes, packet modes and ρ, one task at a time.

A task is taken out of the network and gets its best plan against all others (`exact.response`). No step raises the
objective, so the descent ends, in a local optimum.

The schemes, the polishing of other schemes' solutions, routing (7) at given packets and the proof machinery all descend
by this one function; the proof restricts it to the ends, modes and arcs that it has not excluded.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from formulation import Solution, TaskDecision, evaluate
from formulation.packets import PacketDesign
from formulation.solution import snap_ratio
from instances import Instance
from solvers.assignment import NoSolution, assign_task
from solvers.exact.response import Moves, best_ratio, respond
from solvers.exact.scope import BOTH, DATA_ONLY, MODEL_ONLY
from solvers.exact.tables import DATA, MODEL, Ints, Tables
from solvers.exact.traffic import Loads, Plan, Traffic, plan_of, work_of

SWEEPS = 100


@dataclass(frozen=True, eq=False)
class _AllMoves:
    ends: list[int]
    modes: list[str]
    arcs: list[NDArray[np.bool_]]


def all_moves(tables: Tables) -> list[_AllMoves]:
    """Return everything that each task may do; no modes where a task has no decision at all."""
    found = []
    for m, task in enumerate(tables.tasks):
        own = tables.own_arcs(m)
        reached = [np.zeros(len(task.ends), dtype=bool)] * 2
        for kind, possible in ((DATA, task.can_offload), (MODEL, task.can_stay)):
            if possible:
                weight = np.ones(tables.resources)
                cost, _ = tables.search(weight, tables.start_of(m, kind), kind == MODEL, own)
                reached[kind] = np.isfinite(cost[tables.end_of(task.ends, kind)])
        both = reached[DATA] & reached[MODEL]
        by_mode = {MODEL_ONLY: reached[MODEL], DATA_ONLY: reached[DATA], BOTH: both}
        if task.fixed_ratio is not None:
            mode = BOTH if task.can_offload and task.can_stay else DATA_ONLY if task.can_offload else MODEL_ONLY
            by_mode = {mode: by_mode[mode]}
        elif task.extraction_s >= task.small_s:
            by_mode.pop(BOTH)  # ρ = 0 is as good and loads nothing
        modes = [mode for mode, ends in by_mode.items() if ends.any()]
        ends = np.flatnonzero(np.any([by_mode[mode] for mode in modes], axis=0)).tolist() if modes else []
        found.append(_AllMoves(ends, modes, [own, own]))
    return found


def descend(
    tables: Tables,
    moves: Sequence[Moves],
    objective: str,
    order: Sequence[int],
    plans: dict[int, Plan] | None = None,
    sweeps: int = SWEEPS,
) -> dict[int, Plan] | None:
    """Let the tasks respond in this order, from the given plans or an empty network, until nobody improves.

    Parameters
    ----------
    tables
        Of (4), or of (7) with its packets.
    moves
        What each task may do, shape (tasks,).
    objective
        `mean` or `max`.
    order
        Task numbers.
    plans
        Where to begin; tasks without one are put in when it is their turn.
    sweeps
        How often every task responds, at most.

    Returns
    -------
    dict or None
        A plan for every task; None if a task finds no route.
    """
    traffic = Traffic(tables, plans or {}, objective)
    best = traffic.score() if len(traffic.plans) == len(order) else (float("inf"),)
    for _ in range(sweeps):
        improved = False
        for m in order:
            current = traffic.plans.get(m)
            chosen, best = respond(traffic, m, moves[m], best)
            if chosen is None:
                return None
            improved |= chosen is not current
        if not improved:
            break
    return dict(traffic.plans)


def _path(tables: Tables, used: Ints, start: int) -> tuple[str, ...]:
    links = used[used < tables.links]
    step = {int(tables.tail[r]) - tables.nodes: int(tables.head[r]) for r in links}
    nodes = [start]
    while nodes[-1] in step:
        nodes.append(step.pop(nodes[-1]))
    return tuple(tables.instance.network.ids[node] for node in nodes)


def solution_of(tables: Tables, plans: dict[int, Plan]) -> Solution:
    """Return plans as a solution, every free ρ at its optimum."""
    instance, loads, decisions = tables.instance, Loads(tables, plans), []
    for m, task in enumerate(instance.tasks):
        table, plan = tables.tasks[m], plans[m]
        chosen = int(table.ends[plan.end])
        ratio = snap_ratio(best_ratio(table, plan, *work_of(tables, loads, m, plan)))
        data = None if plan.data is None or ratio == 0 else _path(tables, plan.data, table.node)
        model = None if plan.model is None or ratio == 1 else _path(tables, plan.model, chosen)
        decision = TaskDecision(
            satellite=task.satellite,
            computing_satellite=instance.network.ids[chosen],
            offload_ratio=ratio,
            residual_shares=table.design.residual_shares(ratio, 1 + len(task.residual_levels_bpp)),
            model_packet_bits=table.bits[MODEL] if model is not None else 0.0,
            data_path=data,
            model_path=model,
        )
        if tables.packets is not None:
            given = tables.packets.tasks[m]
            decision = replace(
                given, computing_satellite=decision.computing_satellite, data_path=data, model_path=model
            )
        decisions.append(decision)
    return Solution(instance.name, tuple(decisions))


def descents(
    tables: Tables, moves: Sequence[Moves], runs: int, seed: int, objective: str
) -> Iterator[tuple[Solution, float] | None]:
    """Yield the end of each descent from an empty network with its objective [s], or None where a task is stuck.

    The first takes the tasks in file order, each further one in a seeded random order.
    """
    if runs < 1:
        raise ValueError(f"runs must be at least 1, got {runs}")
    rng = np.random.default_rng(seed)
    for run in range(runs):
        order = list(range(len(tables.tasks)))
        if run:
            rng.shuffle(order)
        plans = descend(tables, moves, objective, order)
        if plans is None:
            yield None
            continue
        solution = solution_of(tables, plans)
        yield solution, evaluate(tables.instance, solution).objective_s(objective)


def _problem(instance: Instance, designs: Sequence[PacketDesign] | None = None) -> tuple[Tables, list[_AllMoves]]:
    """Return the tables of (4) and all moves, if every task has a decision.

    Tasks are coupled by delays only: one without a decision has none in an empty network, either.
    """
    tables = Tables(instance, designs=designs)
    moves = all_moves(tables)
    for task, open_moves in zip(instance.tasks, moves, strict=True):
        if not open_moves.modes:
            assign_task(instance, task)  # says why
    return tables, moves


def polisher(
    instance: Instance,
    *,
    objective: str = "mean",
    sweeps: int = SWEEPS,
    designs: Sequence[PacketDesign] | None = None,
) -> Callable[[Solution], Solution]:
    """Return a function that descends from a solution instead of an empty network; its result is no worse.

    The tables are built once, however many solutions are polished.

    Parameters
    ----------
    objective
        `mean` or `max` delay.
    sweeps
        How often every task responds, at most.
    designs
        The tasks' packets where they are known.

    Raises
    ------
    NoSolution
        If a task has no decision at all.
    """
    tables, moves = _problem(instance, designs)

    def polish_one(solution: Solution) -> Solution:
        plans = descend(tables, moves, objective, range(len(moves)), plan_of(tables, solution), sweeps)
        if plans is None:
            return solution
        polished = solution_of(tables, plans)
        before, after = evaluate(instance, solution), evaluate(instance, polished)
        return polished if after.objective_s(objective) <= before.objective_s(objective) else solution

    return polish_one


def polish(instance: Instance, solution: Solution, *, objective: str = "mean") -> Solution:
    """Descend from one solution; see `polisher`."""
    return polisher(instance, objective=objective)(solution)


def best_response(
    instance: Instance, *, runs: int = 1, seed: int = 0, objective: str = "mean"
) -> tuple[Solution, tuple[dict[str, float], ...]]:
    """Descend from an empty network, and keep the best of several runs.

    Parameters
    ----------
    runs
        1: file order; each further run takes a random order.
    seed
        Seed of the random orders.
    objective
        `mean` or `max` delay.

    Returns
    -------
    solution, trace
        The best run's solution; the objective of each run.

    Raises
    ------
    NoSolution
        If a task has no decision at all.
    """
    best: tuple[Solution, float] | None = None
    trace = []
    for run, found in enumerate(descents(*_problem(instance), runs, seed, objective)):
        if found is None:
            continue
        trace.append({"run": float(run), "objective_s": found[1]})
        if best is None or found[1] < best[1]:
            best = found
    if best is None:
        raise NoSolution("no order of the tasks finds a path for every packet")
    return best[0], tuple(trace)
