"""The service delay, equations (1)-(3): the referee's clock. No model code is imported here.

The n_l packets of one kind on a link share its rate R_l equally, and those at a relay its processing; data and model
packets do not meet.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from formulation.solution import Solution, SolutionError, TaskDecision, bind
from instances import Instance, Link, Task
from instances.constants import LIGHT_M_PER_S

OBJECTIVES = ("mean", "max")
"""What (4) may minimise over the tasks."""


@dataclass(frozen=True)
class TaskDelay:
    """Delay of one task, term by term.

    Attributes
    ----------
    satellite
        The task.
    T
        Service delay (3) [s].
    T_M, T_D
        Transmission delay of the model packet (1) and of the data packet (2) [s]; 0 where it is not sent.
    t_fe, t_S, t_L
        Feature extraction, small-model and large-model time [s].
    residual_bpp
        q̄_m, mean residual over offloaded frames [bit/pixel], or None where no frame is offloaded.
    large_map, small_map
        f(q̄_m) and g(D^M_m), or None where that model sees no frame.
    data_packet_bits
        D^D_m [bit].
    """

    satellite: str
    T: float
    T_M: float
    T_D: float
    t_fe: float
    t_S: float
    t_L: float
    residual_bpp: float | None
    large_map: float | None
    small_map: float | None
    data_packet_bits: float


@dataclass(frozen=True)
class Evaluation:
    """Delays of all tasks under one solution."""

    tasks: tuple[TaskDelay, ...]

    @property
    def mean_s(self) -> float:
        """Mean service delay [s]: the objective of (4)."""
        return sum(task.T for task in self.tasks) / len(self.tasks)

    @property
    def max_s(self) -> float:
        """Largest service delay [s]."""
        return max(task.T for task in self.tasks)

    def objective_s(self, objective: str = "mean") -> float:
        """Return the mean or the largest delay [s]."""
        if objective not in OBJECTIVES:
            raise SolutionError(f"objective must be one of {', '.join(OBJECTIVES)}, got {objective!r}")
        return self.mean_s if objective == "mean" else self.max_s


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


def large_map(instance: Instance, task: Task, decision: TaskDecision) -> float:
    """Return the large model's mAP: f(q̄), or the mean of f over the levels if the instance asks for that."""
    curve = instance.accuracy_of(task).large
    if instance.residual_accuracy == "mean_residual":
        return float(curve(mean_residual(task, decision)))
    levels = (0.0, *task.residual_levels_bpp)
    weighted = sum(s * float(curve(q)) for q, s in zip(levels, decision.residual_shares, strict=True))
    return weighted / decision.offload_ratio


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


def _packet_delays(instance: Instance, paths: list[tuple[str, ...] | None], bits: list[float]) -> list[float]:
    """Return (1) or (2) for all packets of one kind [s]; 0 where the path is None."""
    links = [walk(instance, path) if path else [] for path in paths]
    on_link = Counter((link.source, link.target) for route in links for link in route)
    at_relay = Counter(node for path in paths if path for node in path[1:-1])
    delays = []
    for path, route, size in zip(paths, links, bits, strict=True):
        seconds = 0.0
        for link in route:
            sharing = on_link[link.source, link.target]
            seconds += sharing * size / link.rate_bps + link.length_m / LIGHT_M_PER_S
        for node in (path or ())[1:-1]:
            seconds += at_relay[node] * size * instance.satellite(node).relay_s_per_bit
        delays.append(seconds)
    return delays


def computing_rate(instance: Instance, satellite: str) -> float:
    """Return η_k F_k [op/s] of a remote-sensing or computing satellite."""
    node = instance.satellite(satellite)
    if node.ops_per_s is None or node.utilization is None:
        raise SolutionError(f"satellite {satellite!r} has no ops_per_s and utilization")
    return node.ops_per_s * node.utilization


def evaluate(instance: Instance, solution: Solution, *, share_computing: bool = False) -> Evaluation:
    """Compute the service delay (3) of every task.

    Parameters
    ----------
    instance, solution
        The problem and its decisions; feasibility is `check`'s business.
    share_computing
        Let the tasks with the same c share F_c equally; the source gives every task all of it.

    Raises
    ------
    SolutionError
        If a needed path is missing or uses a link that does not exist.
    """
    bind(instance, solution)
    for i, decision in enumerate(solution.tasks):
        for kind, needed in (("data_path", decision.sends_data), ("model_path", decision.sends_model)):
            if needed and getattr(decision, kind) is None:
                raise SolutionError(f"tasks[{i}].{kind} is null, but the packet is sent")
    decisions = solution.tasks
    volumes = [data_packet_bits(task, decision) for task, decision in zip(instance.tasks, decisions, strict=True)]
    data = _packet_delays(instance, [d.data_path if d.sends_data else None for d in decisions], volumes)
    model = _packet_delays(
        instance, [d.model_path if d.sends_model else None for d in decisions], [d.model_packet_bits for d in decisions]
    )
    served = Counter(d.computing_satellite for d in decisions if d.sends_data)
    delays = []
    for task, decision, volume, t_data, t_model in zip(instance.tasks, decisions, volumes, data, model, strict=True):
        rho = decision.offload_ratio if decision.sends_data and decision.sends_model else float(decision.sends_data)
        own = computing_rate(instance, task.satellite)
        t_fe = rho * task.volume_bits * task.feature_ops_per_bit / own if decision.sends_data else 0.0
        t_small = (1 - rho) * task.frames * task.small_ops_per_frame / own if decision.sends_model else 0.0
        t_large = 0.0
        if decision.sends_data:
            t_large = (
                rho * task.frames * task.large_ops_per_frame / computing_rate(instance, decision.computing_satellite)
            )
            t_large *= served[decision.computing_satellite] if share_computing else 1
        delays.append(
            TaskDelay(
                satellite=task.satellite,
                T=t_model + t_fe + max(t_data + t_large, t_small),
                T_M=t_model,
                T_D=t_data,
                t_fe=t_fe,
                t_S=t_small,
                t_L=t_large,
                residual_bpp=mean_residual(task, decision) if decision.sends_data else None,
                large_map=large_map(instance, task, decision) if decision.sends_data else None,
                small_map=float(instance.accuracy_of(task).small(decision.model_packet_bits))
                if decision.sends_model
                else None,
                data_packet_bits=volume,
            )
        )
    return Evaluation(tuple(delays))


def evaluate_sound(
    instance: Instance, solution: Solution, *, share_computing: bool = False
) -> tuple[TaskDelay | None, ...]:
    """Compute the service delay of the tasks that have one, and None for those whose needed route is missing or broken.

    Packets without a sound route take no part in the sharing of links.

    Parameters
    ----------
    instance, solution, share_computing
        As in `evaluate`.
    """
    bind(instance, solution)

    def alone(wanted: list[int]) -> Evaluation:
        part = replace(instance, tasks=tuple(instance.tasks[i] for i in wanted))
        decisions = tuple(solution.tasks[i] for i in wanted)
        return evaluate(part, Solution(part.name, decisions), share_computing=share_computing)

    sound = []
    for i in range(len(instance.tasks)):
        try:
            alone([i])
        except SolutionError:
            continue
        sound.append(i)
    found = dict(zip(sound, alone(sound).tasks, strict=True)) if sound else {}
    return tuple(found.get(i) for i in range(len(instance.tasks)))
