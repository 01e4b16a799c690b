"""What a problem is: constellation, link budget, tasks, instances and their file."""

from instances.checks import InstanceError
from instances.file import instance_from_dict, instance_sha256, instance_to_dict, read_instance, write_instance
from instances.instance import Accuracy, Instance, Link, Satellite, Task
from instances.schema import instance_schema

__all__ = [
    "Accuracy",
    "Instance",
    "InstanceError",
    "Link",
    "Satellite",
    "Task",
    "instance_from_dict",
    "instance_schema",
    "instance_sha256",
    "instance_to_dict",
    "read_instance",
    "write_instance",
]
