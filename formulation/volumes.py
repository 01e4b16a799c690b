"""What the decisions for one task amount to: packet sizes, links, operations. No model code is imported here."""

from collections.abc import Iterable
from itertools import pairwise

from formulation.solution import SolutionError, TaskDecision
from instances import Instance, Link, Task


def effective_ratio(decision: TaskDecision) -> float:
    """Return ρ_m, put at 0 or 1 where it is within tolerance of that end."""
    return decision.offload_ratio if decision.sends_data and decision.sends_model else float(decision.sends_data)


def mean_residual(task: Task, decision: TaskDecision) -> float:
    """Return q̄_m = Σ_s q_s σ_{m,s} / ρ_m [bit/pixel]; 0 where nothing is offloaded."""
    if not decision.sends_data:
        return 0.0
    shares = decision.residual_shares[1:]
    return sum(q * s for q, s in zip(task.residual_levels_bpp, shares, strict=True)) / decision.offload_ratio


def data_packet_bits(task: Task, decision: TaskDecision) -> float:
    """Return D^D_m = N_m (d^F_m ρ_m + P_m Σ_s q_s σ_{m,s}) [bit]."""
    if not decision.sends_data:
        return 0.0
    residual = mean_residual(task, decision) * decision.offload_ratio
    return task.frames * (task.feature_bits_per_frame * decision.offload_ratio + task.pixels_per_frame * residual)


def walk(instance: Instance, path: Iterable[str]) -> list[Link]:
    """Return the links of a path.

    Raises
    ------
    SolutionError
        If a link does not exist.
    """
    links = []
    for source, target in pairwise(path):
        if not instance.has_link(source, target):
            raise SolutionError(f"no link from {source!r} to {target!r}")
        links.append(instance.link(source, target))
    return links


def computing_rate(instance: Instance, satellite: str) -> float:
    """Return η_k F_k [op/s] of a remote-sensing or computing satellite."""
    node = instance.satellite(satellite)
    if node.ops_per_s is None or node.utilization is None:
        raise SolutionError(f"satellite {satellite!r} has no ops_per_s and utilization")
    return node.ops_per_s * node.utilization
