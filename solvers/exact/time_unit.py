"""Branch and price on an instance in another time unit, where delays in seconds are too short or too long for HiGHS."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from formulation import Problem, Solution, design_packets, evaluate
from formulation.models.units import in_time_units, time_unit_s
from formulation.volumes import data_packet_bits
from solvers.exact.trace import checked_bound
from solvers.result import Progress, ProgressCallback, Result

USUAL_S = (1e-4, 10.0)
"""Units, a thousandth of the delay that decides, for which seconds do as well [s]."""
Solve = Callable[[Problem, Solution | None, Solution | None, ProgressCallback | None], Result]
"""Solves a problem, for given packets or None, from a start or None, telling progress."""


def solve_in_time_unit(
    problem: Problem, packets: Solution | None, start: Solution | None, progress: ProgressCallback | None, solve: Solve
) -> Result:
    """Solve with delays of a size that suits a solver's tolerances, and return the result in seconds."""
    unit_s = 1e3 * _thousandth_s(problem, packets)
    if USUAL_S[0] <= unit_s / 1e3 <= USUAL_S[1] or any(t.deadline_s is not None for t in problem.instance.tasks):
        return solve(problem, packets, start, progress)

    def seconds(value: float | None) -> float | None:
        return None if value is None else value * unit_s

    def tell(state: Progress) -> None:
        assert progress is not None
        told = replace(state, incumbent_s=seconds(state.incumbent_s), bound_s=seconds(state.bound_s))
        progress(told)

    def record(entry: dict[str, Any]) -> dict[str, Any]:
        return entry | {name: seconds(entry[name]) for name in ("incumbent_s", "bound_s") if name in entry}

    timed = replace(problem, instance=in_time_units(problem.instance, unit_s))
    packets, start = (None if one is None else replace(one, instance_sha256=None) for one in (packets, start))
    result = solve(timed, packets, start, None if progress is None else tell)
    objective_s = None if result.solution is None else evaluate(problem, result.solution).objective_s()
    bound_s = checked_bound(seconds(result.bound_s), objective_s)
    trace = tuple(record(entry) for entry in result.trace)
    return replace(result, objective_s=objective_s, bound_s=bound_s, trace=trace)


def _thousandth_s(problem: Problem, packets: Solution | None) -> float:
    """Return the unit of a Pyomo model of the problem [s]."""
    tasks = problem.instance.tasks
    if packets is not None:
        pairs = list(zip(tasks, packets.tasks, strict=True))
        size: dict[tuple[str, str], float | None] = {
            ("data", t.satellite): data_packet_bits(t, decision) for t, decision in pairs
        }
        size |= {("model", t.satellite): decision.model_packet_bits for t, decision in pairs}
        return time_unit_s(problem.instance, size, {t.satellite: d.offload_ratio for t, d in pairs})
    designs = {task.satellite: design_packets(problem.instance, task) for task in tasks}
    size = {("data", m): design.data_bits_per_ratio if design.can_offload else None for m, design in designs.items()}
    size |= {("model", m): design.model_packet_bits for m, design in designs.items()}
    return time_unit_s(problem.instance, size)
