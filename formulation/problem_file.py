"""The `problem` block of the instance file: read, write, hash, schema."""

import hashlib
from pathlib import Path
from typing import Any

from fitting.errors import LeosplitError
from fitting.jsonfile import dump_json, read_json, require_keys
from fitting.whole_file import write_text
from formulation.objectives import OBJECTIVES
from formulation.problem import Problem, ProblemError, as_problem
from formulation.rules import Rule
from formulation.rules.file import rule_from_dict, rule_schema, rule_to_dict
from instances import Instance, instance_from_dict, instance_schema, instance_to_dict
from instances.schema import array, closed_object

OPTIONS = ("objective", "share_computing", "whole_frames")
KEY = "problem"


def rules_from_list(document: Any, where: str = "rules") -> tuple[Rule, ...]:
    """Build rules from a list of their JSON documents.

    Raises
    ------
    ProblemError
        One sentence.
    """
    if not isinstance(document, list):
        raise ProblemError(f"{where} must be a list, got {type(document).__name__}")
    return tuple(rule_from_dict(item, f"{where}[{i}]") for i, item in enumerate(document))


def read_rules(path: str | Path) -> tuple[Rule, ...]:
    """Read a file that holds a list of rules.

    Raises
    ------
    LeosplitError
        One sentence with the file.
    """
    try:
        return rules_from_list(read_json(path))
    except ProblemError as error:
        raise ProblemError(f"{path}: {error}") from None


def problem_from_dict(document: Any, where: str = "") -> Problem:
    """Build a problem from an instance file's JSON document; without the key `problem` it is the plain one.

    Raises
    ------
    LeosplitError
        One sentence: place, what is allowed, what was given.
    """
    asked = {}
    if isinstance(document, dict) and KEY in document:
        asked = document[KEY]
        document = {key: value for key, value in document.items() if key != KEY}
    instance = instance_from_dict(document, where)
    try:
        require_keys(asked, KEY, [], [*OPTIONS, "rules"])
        rules = rules_from_list(asked.get("rules", []), f"{KEY}.rules")
        try:
            return Problem(instance, rules=rules, **{key: asked[key] for key in OPTIONS if key in asked})
        except ProblemError as error:
            raise ProblemError(f"{KEY}.{error}") from None
    except LeosplitError as error:
        raise ProblemError(f"{where}: {error}" if where else str(error)) from None


def problem_to_dict(problem: Instance | Problem) -> dict[str, Any]:
    """Render a problem as an instance file's JSON document; the plain problem has no key `problem`."""
    problem = as_problem(problem)
    document = instance_to_dict(problem.instance)
    asked: dict[str, Any] = {}
    for key in OPTIONS:
        if getattr(problem, key) != Problem.__dataclass_fields__[key].default:
            asked[key] = getattr(problem, key)
    if problem.rules:
        asked["rules"] = [rule_to_dict(rule) for rule in problem.rules]
    return document | ({KEY: asked} if asked else {})


def read_problem(path: str | Path) -> Problem:
    """Read and validate an instance file with what it asks.

    Raises
    ------
    LeosplitError
        One sentence: file, place, what is allowed, what was given.
    """
    return problem_from_dict(read_json(path), str(path))


def write_problem(problem: Instance | Problem, path: str | Path) -> None:
    """Write a problem as an instance file; reading it back gives an equal problem."""
    write_text(path, dump_json(problem_to_dict(problem)))


def problem_sha256(problem: Instance | Problem) -> str:
    """Return the SHA-256 of the file that `write_problem` writes; that of the instance for the plain problem."""
    return hashlib.sha256(dump_json(problem_to_dict(problem)).encode()).hexdigest()


def problem_schema() -> dict[str, Any]:
    """Return the JSON Schema of the instance file with its optional key `problem`."""
    schema = instance_schema()
    options: dict[str, Any] = {
        "objective": {"enum": list(OBJECTIVES)},
        "share_computing": {"type": "boolean"},
        "whole_frames": {"type": "boolean"},
        "rules": array({"$ref": "#/$defs/rule"}),
    }
    properties = schema["properties"] | {KEY: closed_object({}, options)}
    return schema | {"properties": properties, "$defs": schema["$defs"] | {"rule": rule_schema()}}
