"""The Dec-POMDP of problem (7): tables of a slot, batched core, observations; the PettingZoo face is in `.env`."""

from formulation.dec_pomdp.core import RewardOptions, RoutingCore, Step
from formulation.dec_pomdp.observation import OBSERVATIONS, Observer, Seen, feature_names
from formulation.dec_pomdp.packets import Packets, Scale, packets_of, repeat, scale_of
from formulation.dec_pomdp.tables import SlotTables, build_tables, grow_trees, stack_tables

__all__ = [
    "OBSERVATIONS",
    "Observer",
    "Packets",
    "RewardOptions",
    "RoutingCore",
    "Scale",
    "Seen",
    "SlotTables",
    "Step",
    "build_tables",
    "feature_names",
    "grow_trees",
    "packets_of",
    "repeat",
    "scale_of",
    "stack_tables",
]
