"""A solution: the decisions of problem (4), and their file."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from fitting.checks import Checks, repeated, short
from fitting.errors import LeosplitError
from fitting.jsonfile import read_json, require_format, require_keys, write_json
from instances import Instance, instance_sha256

FORMAT = "leosplit-solution"
VERSION = 1
RATIO_TOLERANCE = 1e-9
LARGEST = 1e18
"""Largest decision, in any unit: what is wrong up to it has its violation, delays do not overflow."""


def snap_ratio(ratio: float) -> float:
    """Return 0 or 1 for a ρ within tolerance of that end, else the ρ as it is."""
    if ratio <= RATIO_TOLERANCE:
        return 0.0
    return 1.0 if ratio >= 1 - RATIO_TOLERANCE else ratio


class SolutionError(LeosplitError):
    """A solution that cannot be one: one sentence with place, what is allowed and what was given."""


CHECKS = Checks(SolutionError)


def _path(name: str, value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) < 2 or not all(isinstance(node, str) for node in value):
        raise SolutionError(f"{name} must be null or a list of at least two satellite ids, got {short(value)}")
    twice = repeated(value)
    if twice is not None:
        raise SolutionError(f"{name} must not repeat a satellite, {twice!r} stands {value.count(twice)} times")
    return tuple(value)


@dataclass(frozen=True)
class TaskDecision:
    """What is decided for one task.

    Attributes
    ----------
    satellite
        The task's remote-sensing satellite m.
    computing_satellite
        c(m).
    offload_ratio
        ρ_m in [0, 1].
    residual_shares
        σ_{m,s}, shape (1 + S,): share of all frames offloaded at level [0, q_1, …, q_S]; sums to ρ_m.
    model_packet_bits
        D^M_m [bit].
    data_path, model_path
        Satellite ids from m to c(m) and back, or None where the packet is not sent.
    """

    satellite: str
    computing_satellite: str
    offload_ratio: float
    residual_shares: tuple[float, ...]
    model_packet_bits: float
    data_path: tuple[str, ...] | None
    model_path: tuple[str, ...] | None

    def __post_init__(self) -> None:
        CHECKS.text("satellite", self.satellite)
        CHECKS.text("computing_satellite", self.computing_satellite)
        values: dict[str, Any] = {
            "offload_ratio": CHECKS.number("offload_ratio", self.offload_ratio, -LARGEST, LARGEST),
            "residual_shares": CHECKS.numbers("residual_shares", self.residual_shares, low=-LARGEST, high=LARGEST),
            "model_packet_bits": CHECKS.number("model_packet_bits", self.model_packet_bits, -LARGEST, LARGEST),
        }
        values |= {name: _path(name, getattr(self, name)) for name in ("data_path", "model_path")}
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def sends_data(self) -> bool:
        """Whether the data packet exists: ρ_m > 0."""
        return self.offload_ratio > RATIO_TOLERANCE

    @property
    def sends_model(self) -> bool:
        """Whether the model packet exists: ρ_m < 1."""
        return self.offload_ratio < 1 - RATIO_TOLERANCE


@dataclass(frozen=True)
class Solution:
    """Decisions for every task of one instance.

    Attributes
    ----------
    instance
        Name of the instance.
    tasks
        One decision a task, in the instance's order.
    instance_sha256
        Hash of the instance file, or None.
    meta
        Free-form, kept in files.
    """

    instance: str
    tasks: tuple[TaskDecision, ...]
    instance_sha256: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", tuple(self.tasks))


def bind(instance: Instance, solution: Solution) -> None:
    """Refuse a solution that does not speak of this instance's tasks, satellites and levels.

    Raises
    ------
    SolutionError
        One sentence.
    """
    asked, given = [t.satellite for t in instance.tasks], [d.satellite for d in solution.tasks]
    if asked != given:
        raise SolutionError(f"tasks must be those of the instance in its order ({short(asked)}), got {short(given)}")
    for i, (task, decision) in enumerate(zip(instance.tasks, solution.tasks, strict=True)):
        levels = 1 + len(task.residual_levels_bpp)
        if len(decision.residual_shares) != levels:
            found = len(decision.residual_shares)
            raise SolutionError(f"tasks[{i}].residual_shares must hold {levels} shares (0 and each level), got {found}")
        named: dict[str, tuple[str, ...]] = {"computing_satellite": (decision.computing_satellite,)}
        named |= {key: getattr(decision, key) or () for key in ("data_path", "model_path")}
        for key, nodes in named.items():
            for node in nodes:
                if not instance.has_satellite(node):
                    raise SolutionError(f"tasks[{i}].{key} must name satellites of the instance, got {node!r}")


def solution_to_dict(solution: Solution) -> dict[str, Any]:
    """Render a solution as its file's JSON document."""
    document: dict[str, Any] = {"format": FORMAT, "version": VERSION, "instance": solution.instance}
    if solution.instance_sha256 is not None:
        document["instance_sha256"] = solution.instance_sha256
    if solution.meta:
        document["meta"] = dict(solution.meta)
    document["tasks"] = [
        {f.name: list(v) if isinstance(v := getattr(task, f.name), tuple) else v for f in fields(TaskDecision)}
        for task in solution.tasks
    ]
    return document


def solution_from_dict(document: Any, where: str = "") -> Solution:
    """Build a solution from its file's JSON document.

    Raises
    ------
    LeosplitError
        One sentence: place, what is allowed, what was given.
    """
    place = "solution"
    try:
        require_keys(document, place, ["format", "version", "instance", "tasks"], ["instance_sha256", "meta"])
        require_format(document, FORMAT, VERSION)
        for key, kind in (("instance", str), ("tasks", list), ("instance_sha256", str)):
            if key in document and not isinstance(document[key], kind):
                raise SolutionError(f"{key} must be a {kind.__name__}, got {type(document[key]).__name__}")
        CHECKS.free_form("meta", document.get("meta", {}))
        decisions = []
        for i, item in enumerate(document["tasks"]):
            place = f"tasks[{i}]"
            values = require_keys(item, place, [f.name for f in fields(TaskDecision)])
            try:
                decisions.append(TaskDecision(**values))
            except SolutionError as error:
                raise SolutionError(f"{place}.{error}") from None
        meta = document.get("meta", {})
        return Solution(document["instance"], tuple(decisions), document.get("instance_sha256"), meta)
    except LeosplitError as error:
        raise SolutionError(f"{where}: {error}" if where else str(error)) from None


def read_solution(path: str | Path, instance: Instance, instance_path: str | Path | None = None) -> Solution:
    """Read a solution file for this instance; its tasks may stand in any order.

    Parameters
    ----------
    path
        The solution file.
    instance
        The instance that it must fit.
    instance_path
        The file that the instance was read from: a hash of its bytes is accepted too, so that files of other
        programs, formatted otherwise, can be named by their plain SHA-256.

    Raises
    ------
    LeosplitError
        If the file is malformed or speaks of another instance.
    """
    solution = solution_from_dict(read_json(path), str(path))
    try:
        if solution.instance_sha256 is not None:
            known = {instance_sha256(instance)}
            if instance_path is not None:
                known.add(hashlib.sha256(Path(instance_path).read_bytes()).hexdigest())
            if solution.instance_sha256.lower() not in known:
                raise SolutionError(f"instance_sha256 does not match the instance {instance.name!r}")
        elif solution.instance != instance.name:
            raise SolutionError(f"instance must be {instance.name!r}, got {solution.instance!r}")
        solution = _in_order(instance, solution)
        bind(instance, solution)
    except SolutionError as error:
        raise SolutionError(f"{path}: {error}") from None
    return solution


def _in_order(instance: Instance, solution: Solution) -> Solution:
    """Return the solution with its tasks in the instance's order, if they are the same tasks."""
    place = {task.satellite: i for i, task in enumerate(instance.tasks)}
    if any(decision.satellite not in place for decision in solution.tasks):
        return solution
    return replace(solution, tasks=tuple(sorted(solution.tasks, key=lambda decision: place[decision.satellite])))


def write_solution(solution: Solution, path: str | Path) -> None:
    """Write a solution file; reading it back gives an equal solution."""
    write_json(solution_to_dict(solution), path)
