"""JSON documents on stdout."""

import json
import math
import sys
from collections.abc import Mapping
from typing import Any


def clean(value: Any) -> Any:
    """Return a copy that JSON can hold: numpy scalars as Python's, non-finite numbers as None."""
    if isinstance(value, Mapping):
        return {str(key): clean(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(entry) for entry in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document on stdout; non-finite numbers are null."""
    json.dump(clean(document), sys.stdout, indent=1, allow_nan=False, ensure_ascii=False)
    sys.stdout.write("\n")
