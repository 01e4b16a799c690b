"""The service delay, equations (1)-(3): computed for the evaluator. No model code is imported here.

The n_l packets of one kind on a link share its rate R_l equally, and those at a relay its processing; data and model
packets do not meet.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from formulation.energy import satellite_energy_j
from formulation.objectives import OBJECTIVES
from formulation.problem import Problem, as_problem
from formulation.solution import Solution, SolutionError, TaskDecision, bind
from formulation.volumes import computing_rate, data_packet_bits, effective_ratio, mean_residual, walk
from instances import Instance, Task
from instances.constants import LIGHT_M_PER_S


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
    """Delays of all tasks under one solution.

    Attributes
    ----------
    tasks
        In the instance's order.
    weights
        w_m of each task.
    objective
        What the problem minimises.
    energy_j
        Energy of each satellite with `joule_per_op` or `transmit_w` [J].
    """

    tasks: tuple[TaskDelay, ...]
    weights: tuple[float, ...]
    objective: str = "mean"
    energy_j: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def mean_s(self) -> float:
        """Mean service delay Σ w_m T_m / Σ w_m [s]."""
        return self.objective_s("mean")

    @property
    def max_s(self) -> float:
        """Largest service delay [s]."""
        return self.objective_s("max")

    def objective_s(self, objective: str | None = None) -> float:
        """Return what the problem minimises [s], or another of `OBJECTIVES`."""
        name = self.objective if objective is None else objective
        if name not in OBJECTIVES:
            raise SolutionError(f"objective must be one of {', '.join(OBJECTIVES)}, got {name!r}")
        return OBJECTIVES[name].value([task.T for task in self.tasks], self.weights)


def large_map(instance: Instance, task: Task, decision: TaskDecision) -> float:
    """Return the large model's mAP: f(q̄), or the mean of f over the levels if the instance asks for that."""
    curve = instance.accuracy_of(task).large
    if instance.residual_accuracy == "mean_residual":
        return float(curve(mean_residual(task, decision)))
    levels = (0.0, *task.residual_levels_bpp)
    weighted = sum(s * float(curve(q)) for q, s in zip(levels, decision.residual_shares, strict=True))
    return weighted / decision.offload_ratio


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


def evaluate(problem: Instance | Problem, solution: Solution) -> Evaluation:
    """Compute the service delay (3) of every task.

    Parameters
    ----------
    problem, solution
        The problem and its decisions; feasibility is `check`'s business. With `share_computing` t^L_m counts as often
        as tasks with ρ > 0 have the same c(m).

    Raises
    ------
    SolutionError
        If a needed path is missing or uses a link that does not exist.
    """
    problem = as_problem(problem)
    instance, decisions = problem.instance, solution.tasks
    bind(instance, solution)
    for i, decision in enumerate(decisions):
        for kind, needed in (("data_path", decision.sends_data), ("model_path", decision.sends_model)):
            if needed and getattr(decision, kind) is None:
                raise SolutionError(f"tasks[{i}].{kind} is null, but the packet is sent")
    volumes = [data_packet_bits(task, decision) for task, decision in zip(instance.tasks, decisions, strict=True)]
    data = _packet_delays(instance, [d.data_path if d.sends_data else None for d in decisions], volumes)
    model = _packet_delays(
        instance, [d.model_path if d.sends_model else None for d in decisions], [d.model_packet_bits for d in decisions]
    )
    sharing = _sharing(problem, decisions)
    parts = zip(instance.tasks, decisions, volumes, data, model, sharing, strict=True)
    delays = tuple(_task_delay(instance, *part) for part in parts)
    return Evaluation(delays, problem.weights, problem.objective, satellite_energy_j(instance, solution))


def _sharing(problem: Problem, decisions: tuple[TaskDecision, ...]) -> list[int]:
    """Return how often t^L of each task counts."""
    if not problem.share_computing:
        return [1] * len(decisions)
    served = Counter(d.computing_satellite for d in decisions if d.sends_data)
    return [served[d.computing_satellite] for d in decisions]


def _task_delay(
    instance: Instance,
    task: Task,
    decision: TaskDecision,
    data_bits: float,
    t_data: float,
    t_model: float,
    sharing: int,
) -> TaskDelay:
    rho, own = effective_ratio(decision), computing_rate(instance, task.satellite)
    t_fe = rho * task.volume_bits * task.feature_ops_per_bit / own if decision.sends_data else 0.0
    t_small = (1 - rho) * task.frames * task.small_ops_per_frame / own if decision.sends_model else 0.0
    t_large, small_map = 0.0, None
    if decision.sends_data:
        remote = computing_rate(instance, decision.computing_satellite)
        t_large = rho * task.frames * task.large_ops_per_frame / remote * sharing
    if decision.sends_model:
        small_map = float(instance.accuracy_of(task).small(decision.model_packet_bits))
    return TaskDelay(
        satellite=task.satellite,
        T=t_model + t_fe + max(t_data + t_large, t_small),
        T_M=t_model,
        T_D=t_data,
        t_fe=t_fe,
        t_S=t_small,
        t_L=t_large,
        residual_bpp=mean_residual(task, decision) if decision.sends_data else None,
        large_map=large_map(instance, task, decision) if decision.sends_data else None,
        small_map=small_map,
        data_packet_bits=data_bits,
    )


def evaluate_sound(problem: Instance | Problem, solution: Solution) -> tuple[TaskDelay | None, ...]:
    """Compute the service delay of the tasks that have one, and None for those whose needed route is missing or broken.

    Packets without a sound route take no part in the sharing of links.

    Parameters
    ----------
    problem, solution
        As in `evaluate`.
    """
    problem = as_problem(problem)
    instance = problem.instance
    bind(instance, solution)

    def alone(wanted: list[int]) -> Evaluation:
        part = replace(instance, tasks=tuple(instance.tasks[i] for i in wanted))
        decisions = tuple(solution.tasks[i] for i in wanted)
        return evaluate(replace(problem, instance=part, rules=()), Solution(part.name, decisions))

    sound = []
    for i in range(len(instance.tasks)):
        try:
            alone([i])
        except SolutionError:
            continue
        sound.append(i)
    found = dict(zip(sound, alone(sound).tasks, strict=True)) if sound else {}
    return tuple(found.get(i) for i in range(len(instance.tasks)))
