"""Gaps of schemes to a proven optimum and to a bound: the rows of the gap table."""

from dataclasses import dataclass

from solvers.result import Result, Termination, relative_gap

MIP_GAP = 1e-6
"""Asked relative gap under which an optimum counts as proven."""


@dataclass(frozen=True)
class GapRow:
    """One scheme on one instance.

    Attributes
    ----------
    instance, scheme
        Their names.
    termination
        Why the scheme stopped.
    objective_s
        Its objective by the evaluator [s], or None.
    bound_s
        The exact solver's lower bound on the optimum [s], or None.
    gap_to_optimum
        (T - T*) / T*, or None where T* is not proven.
    gap_to_bound
        (T - LB) / LB, or None where there is no bound. Never to be averaged together with the other gap.
    decision_s
        Wall time that the decision took [s].
    seed
        Seed that reproduces the run.
    """

    instance: str
    scheme: str
    termination: Termination
    objective_s: float | None
    bound_s: float | None
    gap_to_optimum: float | None
    gap_to_bound: float | None
    decision_s: float
    seed: int | None


def is_proven(exact: Result, mip_gap: float = MIP_GAP) -> bool:
    """Tell whether a result carries the proof of its own optimality: its gap is at most the asked one."""
    return exact.gap is not None and exact.gap <= mip_gap


def gap_row(instance: str, scheme: str, result: Result, exact: Result, mip_gap: float = MIP_GAP) -> GapRow:
    """Compare one scheme's result with the exact one.

    A gap below zero by no more than the asked one is zero: the scheme found another optimum.

    Parameters
    ----------
    instance, scheme
        Names for the row.
    result
        What the scheme returned.
    exact
        What the exact solver returned for the same problem and objective.
    mip_gap
        The relative gap that was asked of the exact solver.
    """
    optimum = exact.objective_s if is_proven(exact, mip_gap) else None
    return GapRow(
        instance=instance,
        scheme=scheme,
        termination=result.termination,
        objective_s=result.objective_s,
        bound_s=exact.bound_s,
        gap_to_optimum=_clip(relative_gap(result.objective_s, optimum), mip_gap),
        gap_to_bound=_clip(relative_gap(result.objective_s, exact.bound_s), mip_gap),
        decision_s=result.decision_s,
        seed=result.seed,
    )


def _clip(gap: float | None, tolerance: float) -> float | None:
    """Return a gap with negatives within tolerance as zero."""
    return 0.0 if gap is not None and -tolerance <= gap < 0 else gap
