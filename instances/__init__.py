"""What a problem is: constellation, link budget, tasks, instances and their file."""

from instances.assignment import Drawn, Listed, Matched, Roles
from instances.bundled import bundled_instances
from instances.catalogue import TleSet, read_tle
from instances.checks import InstanceError
from instances.constellation import Constellation, ConstellationError, Shell, parse_constellation
from instances.czml import instance_packets, scenario_packets, write_czml
from instances.element_set import TleError
from instances.failures import Failures
from instances.file import instance_from_dict, instance_sha256, instance_to_dict, read_instance, write_instance
from instances.generate import generate_from_graph, generate_torus
from instances.graph import from_networkx, read_graph, to_networkx, write_graph
from instances.ground import Region
from instances.instance import Accuracy, Instance, Link, Satellite, Task
from instances.isl import LinkPlan, LinkRules, constellation_links, link_state
from instances.link_budget import RADIOS, LinkTechnology, OpticalLink, RadioLink, ShannonLink
from instances.link_list import read_links
from instances.presets import PRESETS, make_preset
from instances.published import PUBLISHED
from instances.radio_classes import RadioByClass
from instances.roles import cut_off_tasks
from instances.satellite_filter import SatelliteFilter
from instances.scenario import Bursts, LinkOverride, Scenario, preset_scenario
from instances.scenario_file import read_scenario, write_scenario
from instances.schema import instance_schema
from instances.schema_scenario import scenario_schema
from instances.series import NetworkSeries, observe
from instances.sndlib import read_sndlib
from instances.stations import Contact, Downlink, GroundStation, contacts
from instances.stk import Ephemeris, read_stk_ephemeris, write_stk_ephemerides
from instances.task_model import Hardware, TaskModel

__all__ = [
    "PRESETS",
    "PUBLISHED",
    "RADIOS",
    "Accuracy",
    "Bursts",
    "Constellation",
    "ConstellationError",
    "Contact",
    "Downlink",
    "Drawn",
    "Ephemeris",
    "Failures",
    "GroundStation",
    "Hardware",
    "Instance",
    "InstanceError",
    "Link",
    "LinkOverride",
    "LinkPlan",
    "LinkRules",
    "LinkTechnology",
    "Listed",
    "Matched",
    "NetworkSeries",
    "OpticalLink",
    "RadioByClass",
    "RadioLink",
    "Region",
    "Roles",
    "Satellite",
    "SatelliteFilter",
    "Scenario",
    "ShannonLink",
    "Shell",
    "Task",
    "TaskModel",
    "TleError",
    "TleSet",
    "bundled_instances",
    "constellation_links",
    "contacts",
    "cut_off_tasks",
    "from_networkx",
    "generate_from_graph",
    "generate_torus",
    "instance_from_dict",
    "instance_packets",
    "instance_schema",
    "instance_sha256",
    "instance_to_dict",
    "link_state",
    "make_preset",
    "observe",
    "parse_constellation",
    "preset_scenario",
    "read_graph",
    "read_instance",
    "read_links",
    "read_scenario",
    "read_sndlib",
    "read_stk_ephemeris",
    "read_tle",
    "scenario_packets",
    "scenario_schema",
    "to_networkx",
    "write_czml",
    "write_graph",
    "write_instance",
    "write_scenario",
    "write_stk_ephemerides",
]
