"""The domains of a search: segments at the incumbent, bounds by the cutoff, chords exact where it counts."""

from solvers.exact.branch_and_price.domains.refinement import initial_segments, refine_segments, tighten_segments
from solvers.exact.branch_and_price.state import SearchState
from solvers.network.traffic import Loads, Plan, work_of


def create_segments(state: SearchState) -> None:
    """Split every task's interval of A_m at the incumbent's, and a little beyond."""
    loads, beyond = Loads(state.data, state.plans), state.settings.root.first_split
    for m, domain in enumerate(state.domains):
        task = state.data.tasks[m]
        work = max(work_of(state.data, loads, m, state.plans[m])[0], domain.low)
        domain.segments = initial_segments(state.data, m, domain, [work, work + beyond * (work + task.small_s)])


def tighten_domains(state: SearchState) -> None:
    """Bound A_m by what the cutoff allows each task."""
    weights = state.data.delay_weights
    total = float(weights @ [domain.least_s for domain in state.domains])
    for m, domain in enumerate(state.domains):
        rest = 0.0 if state.objective == "max" else total - weights[m] * domain.least_s
        allowed = (state.cutoff - rest) / (1.0 if state.objective == "max" else weights[m])
        allowed = min(allowed, state.data.due_s[m]) * (1 + 1e-9) + 1e-9
        domain.data_high = max(min(domain.data_high, allowed), domain.data_low)
        tighten_segments(state.data, m, domain, allowed)
        if not domain.segments:
            state.update_dual_bound(state.primal_bound, "propagation")  # nothing better than the cutoff is left


def refine_at(state: SearchState, solutions: list[dict[int, Plan]]) -> bool:
    """Make load levels and chords exact at these solutions; tell whether they were not."""
    root, changed = state.settings.root, False
    allowance = max(root.chord_tolerance * state.limits.mip_gap, root.min_chord_tolerance) * state.target
    for plans in solutions:
        loads = Loads(state.data, plans)
        changed |= state.add_load_levels(plans)
        for m, plan in plans.items():
            if plan.data is not None and plan.model is not None and state.data.tasks[m].fixed_ratio is None:
                work, fixed = work_of(state.data, loads, m, plan)
                changed |= refine_segments(state.data.tasks[m], state.domains[m], work, fixed, allowance)
    return changed
