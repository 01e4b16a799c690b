"""Pyomo models of problems (4)-(7), one file a problem."""

from formulation.models.data_packet import build_data_packet_model
from formulation.models.extract import solution_from_model
from formulation.models.feature_rate import build_feature_rate_model
from formulation.models.full import FORMULATIONS, build_full_model
from formulation.models.model_packet import build_model_packet_model
from formulation.models.routing import build_routing_model
from formulation.models.start import set_start

__all__ = [
    "FORMULATIONS",
    "build_data_packet_model",
    "build_feature_rate_model",
    "build_full_model",
    "build_model_packet_model",
    "build_routing_model",
    "set_start",
    "solution_from_model",
]
