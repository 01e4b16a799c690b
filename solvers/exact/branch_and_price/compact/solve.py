"""Solve the compact integer program over what the domains have left, with levels and breakpoints where they lack."""

import time
from dataclasses import replace

from solvers.backends.highs import load, run
from solvers.exact.branch_and_price.compact.decode import plans_from_values
from solvers.exact.branch_and_price.compact.interval import to_interval_form
from solvers.exact.branch_and_price.compact.model import build_compact_model
from solvers.exact.branch_and_price.heuristics.base import improve
from solvers.exact.branch_and_price.state import SearchState
from solvers.network.traffic import Loads, Plan, work_of
from solvers.result import Termination

SOURCE = "compact program"


def solve_compact(state: SearchState) -> None:
    """Solve the compact program again and again, for as long as anything moves."""
    prepare(state)
    while not state.finished():
        if not solve_once(state):
            return


def prepare(state: SearchState) -> None:
    """Restate the domains as the compact program knows them, exact at the incumbent."""
    for task, domain in zip(state.data.tasks, state.domains, strict=True):
        to_interval_form(task, domain)
    refine(state, state.plans)


def solve_once(state: SearchState) -> bool:
    """Solve the compact program once; tell whether anything moved."""
    state.trace.phase = "integer program"
    before = state.primal_bound, state.dual_bound
    started, settings = time.perf_counter(), state.settings.compact
    highest = state.target * (1 + settings.slack)
    model = build_compact_model(
        state.data, state.domains, state.load_levels, state.objective, integer=True, highest=highest
    )
    limits = replace(state.limits_now(), mip_gap=state.limits.mip_gap * settings.gap_factor)
    h = load(model.program, limits)
    state.build_s += time.perf_counter() - started

    def watch(_: float | None, bound: float | None) -> bool:
        if bound is not None:
            state.update_dual_bound(bound, SOURCE)
        return state.gap_closed

    outcome = run(h, limits, watch)
    state.trace.count("compact programs")
    state.note_outcome(outcome)
    if outcome.termination is Termination.TIME_LIMIT:
        state.termination = outcome.termination  # it had all the time that was left
    if outcome.termination is Termination.INFEASIBLE:
        state.update_dual_bound(state.primal_bound, SOURCE)  # nothing better than the cutoff is left in the domains
    if outcome.bound is not None:
        state.update_dual_bound(outcome.bound, SOURCE)
    if outcome.values is None:
        return (state.primal_bound, state.dual_bound) != before
    plans = plans_from_values(state.data, model, state.domains, outcome.values)
    state.try_solution(plans, SOURCE)
    changed = refine(state, plans)
    improve(state, state.rng.permutation(len(plans)).tolist(), plans, SOURCE)
    return changed or (state.primal_bound, state.dual_bound) != before


def refine(state: SearchState, plans: dict[int, Plan]) -> bool:
    """Give levels and breakpoints where these plans would be undercharged; tell whether any were new."""
    loads, changed = Loads(state.data, plans), state.add_load_levels(plans)
    settings = state.settings.compact
    for m, plan in plans.items():
        domain, task = state.domains[m], state.data.tasks[m]
        work, _ = work_of(state.data, loads, m, plan)
        if plan.data is None and domain.has_far:
            _expand(state, m, domain.high * settings.expansion)
            changed = True
        if plan.data is not None and plan.model is not None and task.fixed_ratio is None:
            if domain.has_far and work > domain.high:
                _expand(state, m, work * (1 + 1e-4))
                changed = True
            for near in (work * (1 - settings.breakpoint_width), work * (1 + settings.breakpoint_width)):
                low, high = sorted((work + 0.2 * (near - work), work + 2 * (near - work)))
                if not any(low <= point <= high for point in domain.breakpoints):
                    domain.breakpoints.append(near)
                    changed = True
    return changed


def _expand(state: SearchState, m: int, high: float) -> None:
    """Let A_m go up to `high` again; beyond a large value, to whatever can be."""
    domain, task = state.domains[m], state.data.tasks[m]
    far = high <= 1e3 * (domain.floor[0] + task.small_s)
    domain.expand(high if far else state.data.most_work_s(m), far)
