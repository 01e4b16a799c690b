"""What a problem is: constellation, link budget, tasks, instances and their file."""

from instances.bundled import bundled_instances
from instances.checks import InstanceError
from instances.constellation import Constellation, ConstellationError, Shell, parse_constellation
from instances.file import instance_from_dict, instance_sha256, instance_to_dict, read_instance, write_instance
from instances.generate import generate_from_graph, generate_torus
from instances.instance import Accuracy, Instance, Link, Satellite, Task
from instances.isl import LinkPlan, LinkRules, constellation_links, link_state
from instances.link_budget import RADIOS, LinkTechnology, OpticalLink, RadioLink, ShannonLink
from instances.presets import PRESETS, make_preset
from instances.schema import instance_schema
from instances.task_model import Hardware, TaskModel

__all__ = [
    "PRESETS",
    "RADIOS",
    "Accuracy",
    "Constellation",
    "ConstellationError",
    "Hardware",
    "Instance",
    "InstanceError",
    "Link",
    "LinkPlan",
    "LinkRules",
    "LinkTechnology",
    "OpticalLink",
    "RadioLink",
    "Satellite",
    "ShannonLink",
    "Shell",
    "Task",
    "TaskModel",
    "bundled_instances",
    "constellation_links",
    "generate_from_graph",
    "generate_torus",
    "instance_from_dict",
    "instance_schema",
    "instance_sha256",
    "instance_to_dict",
    "link_state",
    "make_preset",
    "parse_constellation",
    "read_instance",
    "write_instance",
]
