"""The file form of rules: their fields as keys beside `kind`."""

from dataclasses import MISSING, fields
from typing import Any

from fitting.errors import LeosplitError
from fitting.jsonfile import require_keys
from formulation.rules import RULES
from formulation.rules.fields import ProblemError
from formulation.rules.rule import Rule
from instances.schema import closed_object


def rule_from_dict(document: Any, where: str = "rule") -> Rule:
    """Build a rule from its JSON document.

    Raises
    ------
    ProblemError
        One sentence: place, what is allowed, what was given.
    """
    try:
        if not isinstance(document, dict):
            raise ProblemError(f"{where} must be an object, got {type(document).__name__}")
        if "kind" not in document:
            raise ProblemError(f"{where}: key 'kind' is missing")
        kind = document["kind"]
        if not isinstance(kind, str) or kind not in RULES:
            raise ProblemError(f"{where}.kind must be one of {', '.join(RULES)}, got {kind!r}")
        required, optional = _keys(RULES[kind])
        require_keys(document, where, ["kind", *required], optional)
        try:
            return RULES[kind](**{key: value for key, value in document.items() if key != "kind"})
        except ProblemError as error:
            raise ProblemError(f"{where}.{error}") from None
    except LeosplitError as error:
        raise ProblemError(str(error)) from None


def _keys(rule: type[Rule]) -> tuple[list[str], list[str]]:
    """Return the required and the optional keys of a kind."""
    required = [f.name for f in fields(rule) if f.default is MISSING]
    return required, [f.name for f in fields(rule) if f.name not in required]


def rule_to_dict(rule: Rule) -> dict[str, Any]:
    """Render a rule as its JSON document, without fields at their default."""
    values = {f.name: getattr(rule, f.name) for f in fields(rule)}
    defaults = {f.name: f.default for f in fields(rule)}
    kept = {key: _plain(value) for key, value in values.items() if value != defaults[key]}
    return {"kind": rule.kind} | kept


def _plain(value: Any) -> Any:
    if hasattr(value, "document"):
        return value.document()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def rule_schema() -> dict[str, Any]:
    """Return the JSON Schema of a rule."""
    kinds = []
    for kind, rule in RULES.items():
        required, _ = _keys(rule)
        schemas = {f.name: f.metadata["schema"] for f in fields(rule)}
        needed = {"kind": {"const": kind}} | {name: schemas[name] for name in required}
        one = closed_object(needed, {name: schema for name, schema in schemas.items() if name not in required})
        kinds.append(one | {"title": rule.title})
    return {"oneOf": kinds}
