"""JSON Schema of the fields that several rules have; a field names its own in its metadata."""

from typing import Any

from instances.schema import NON_NEGATIVE, TEXT, array

_LINK: dict[str, Any] = {
    "oneOf": [
        array(TEXT, 2, 2),
        {
            "type": "object",
            "properties": {"from": TEXT, "to": TEXT},
            "required": ["from", "to"],
            "additionalProperties": False,
        },
    ]
}


def _all_or(items: dict[str, Any], at_least: int) -> dict[str, Any]:
    return {"schema": {"oneOf": [{"const": "all"}, array(items, at_least) | {"uniqueItems": True}]}}


IDS = _all_or(TEXT, 1)
IDS_OR_NONE = _all_or(TEXT, 0)
SEVERAL_IDS = _all_or(TEXT, 2)
LINKS = _all_or(_LINK, 1)
LINKS_OR_NONE = _all_or(_LINK, 0)
PACKETS: dict[str, Any] = {"schema": {"enum": ["data", "model", "both"]}}
COUNT: dict[str, Any] = {"schema": {"type": "integer", "minimum": 0}}
AMOUNT: dict[str, Any] = {"schema": NON_NEGATIVE}
LINK = _LINK
