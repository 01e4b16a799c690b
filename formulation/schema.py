"""JSON Schema (2020-12) of the solution file."""

from typing import Any

from instances.schema import DIALECT, NON_NEGATIVE, NUMBER, SHARE, TEXT, array, closed_object


def solution_schema() -> dict[str, Any]:
    """Return the JSON Schema of the solution file."""
    path = {"oneOf": [{"type": "null"}, array(TEXT, 2) | {"uniqueItems": True}]}
    task = closed_object(
        {
            "satellite": TEXT,
            "computing_satellite": TEXT,
            "offload_ratio": SHARE,
            "residual_shares": array(NUMBER, 2),
            "model_packet_bits": NON_NEGATIVE,
            "data_path": path,
            "model_path": path,
        }
    )
    required = {
        "format": {"const": "leosplit-solution"},
        "version": {"const": 1},
        "instance": TEXT,
        "tasks": array(task, 1),
    }
    optional = {"instance_sha256": {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"}, "meta": {"type": "object"}}
    title = "leosplit solution: decisions of every task of one instance"
    return {"$schema": DIALECT, "title": title, **closed_object(required, optional)}
