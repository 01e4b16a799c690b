"""Field checks shared by the value objects of an instance."""

import math
from typing import Any

from fitting.errors import LeosplitError


class InstanceError(LeosplitError):
    """An instance that breaks a rule: one sentence with the field, what is allowed and what was given."""


def number(
    name: str, value: Any, low: float = -math.inf, high: float = math.inf, *, above: float | None = None
) -> float:
    """Return `value` as a float in [low, high] (and > `above`).

    Raises
    ------
    InstanceError
        If it is no finite number or out of range.
    """
    limits = [f">= {low:g}"] * (low > -math.inf) + [f"<= {high:g}"] * (high < math.inf)
    if above is not None:
        limits.insert(0, f"> {above:g}")
    allowed = "a finite number" + (" " + " and ".join(limits) if limits else "")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InstanceError(f"{name} must be {allowed}, got {value!r}")
    try:
        result = float(value)
    except OverflowError:
        raise InstanceError(f"{name} must be {allowed}, got an integer too large for a float") from None
    if not math.isfinite(result) or not low <= result <= high or (above is not None and result <= above):
        raise InstanceError(f"{name} must be {allowed}, got {value!r}")
    return result


def whole(name: str, value: Any, low: int) -> int:
    """Return `value` as a whole number >= `low`."""
    result = number(name, value, low)
    if result != int(result):
        raise InstanceError(f"{name} must be a whole number, got {value!r}")
    return int(result)


def text(name: str, value: Any) -> str:
    """Return `value` if it is a non-empty string."""
    if not isinstance(value, str) or not value:
        raise InstanceError(f"{name} must be a non-empty text, got {value!r}")
    return value


def choice(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """Return `value` if it is one of `allowed`."""
    if value not in allowed:
        raise InstanceError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    return str(value)


def numbers(name: str, value: Any, length: int | None = None, **limits: Any) -> tuple[float, ...]:
    """Return `value` as a tuple of floats, each within `limits`."""
    if not isinstance(value, list | tuple) or (length is not None and len(value) != length):
        size = "" if length is None else f"{length} "
        raise InstanceError(f"{name} must be a list of {size}numbers, got {value!r}")
    return tuple(number(f"{name}[{i}]", item, **limits) for i, item in enumerate(value))
