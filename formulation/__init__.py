"""What is asked: delay (1)-(3), checker and the Pyomo models of (4)-(7).

Names of the model builders are loaded on first use: evaluator and checker work without Pyomo being imported.
"""

from typing import TYPE_CHECKING, Any

from formulation.checker import check
from formulation.delay import Evaluation, TaskDelay, evaluate, evaluate_sound
from formulation.energy import satellite_energy_j
from formulation.objectives import OBJECTIVES, Objective
from formulation.packets import PacketDesign, design_packets
from formulation.problem import Problem, ProblemError, as_problem
from formulation.problem_file import (
    problem_from_dict,
    problem_schema,
    problem_sha256,
    problem_to_dict,
    read_problem,
    read_rules,
    write_problem,
)
from formulation.rules import (
    RULES,
    Closed,
    ComputingTasks,
    DifferentComputing,
    Disjoint,
    Energy,
    Hops,
    Linear,
    LinkPackets,
    OpenComputing,
    RelayPackets,
    Rule,
    SameComputing,
    Term,
)
from formulation.rules.file import rule_from_dict, rule_to_dict
from formulation.schema import solution_schema
from formulation.solution import (
    Solution,
    SolutionError,
    TaskDecision,
    read_solution,
    solution_from_dict,
    solution_to_dict,
    write_solution,
)
from formulation.violation import Violation
from formulation.whole_frames import least_whole_frames

if TYPE_CHECKING:
    from formulation.models import (
        FORMULATIONS,
        build_data_packet_model,
        build_feature_rate_model,
        build_full_model,
        build_model_packet_model,
        build_routing_model,
        set_start,
        solution_from_model,
    )

__all__ = [
    "FORMULATIONS",
    "OBJECTIVES",
    "RULES",
    "Closed",
    "ComputingTasks",
    "DifferentComputing",
    "Disjoint",
    "Energy",
    "Evaluation",
    "Hops",
    "Linear",
    "LinkPackets",
    "Objective",
    "OpenComputing",
    "PacketDesign",
    "Problem",
    "ProblemError",
    "RelayPackets",
    "Rule",
    "SameComputing",
    "Solution",
    "SolutionError",
    "TaskDecision",
    "TaskDelay",
    "Term",
    "Violation",
    "as_problem",
    "build_data_packet_model",
    "build_feature_rate_model",
    "build_full_model",
    "build_model_packet_model",
    "build_routing_model",
    "check",
    "design_packets",
    "evaluate",
    "evaluate_sound",
    "least_whole_frames",
    "problem_from_dict",
    "problem_schema",
    "problem_sha256",
    "problem_to_dict",
    "read_problem",
    "read_rules",
    "read_solution",
    "rule_from_dict",
    "rule_to_dict",
    "satellite_energy_j",
    "set_start",
    "solution_from_dict",
    "solution_from_model",
    "solution_schema",
    "solution_to_dict",
    "write_problem",
    "write_solution",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from formulation import models

        return getattr(models, name)
    raise AttributeError(f"module 'formulation' has no attribute {name!r}")
