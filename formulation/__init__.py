"""What is asked: delay (1)-(3), checker and the Pyomo models of (4)-(7).

Names of the model builders are loaded on first use: the referee works without Pyomo being imported.
"""

from typing import TYPE_CHECKING, Any

from formulation.checker import Violation, check
from formulation.delay import OBJECTIVES, Evaluation, TaskDelay, evaluate, evaluate_sound
from formulation.packets import PacketDesign, design_packets
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
    "Evaluation",
    "PacketDesign",
    "Solution",
    "SolutionError",
    "TaskDecision",
    "TaskDelay",
    "Violation",
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
    "read_solution",
    "set_start",
    "solution_from_dict",
    "solution_from_model",
    "solution_schema",
    "solution_to_dict",
    "write_solution",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from formulation import models

        return getattr(models, name)
    raise AttributeError(f"module 'formulation' has no attribute {name!r}")
