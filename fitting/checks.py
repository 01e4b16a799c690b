"""Checks of single values, shared by every reader and every value object: numbers, texts, choices, dates.

Each package asks with its own class of error, ``Checks(InstanceError)``; rule and wording are the same everywhere.
"""

import math
import reprlib
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from fitting.errors import LeosplitError

LARGEST_WHOLE = 2**53
"""Largest whole number: up to it a float holds every one exactly."""
LARGEST_SEED = 2**63 - 1
"""Largest seed: what SQLite and NumPy hold in a signed integer."""
DEEPEST = 32
"""Levels that free-form data may have."""
FIRST_YEAR, LAST_YEAR = 1957, 2200
"""Years of an epoch: from the first satellite to far beyond any element set."""
_Item = TypeVar("_Item", bound=Hashable)


class _Short(reprlib.Repr):
    """`repr` of bounded length and time; Python refuses to print integers of more than 4300 digits."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 3, 80, 80

    def repr_int(self, x: int, level: int) -> str:
        return repr(x) if abs(x) < 10**40 else f"an integer of {x.bit_length()} bits"


_SHORT = _Short()


def short(value: Any) -> str:
    """Return a value as an error message shows it: its `repr`, shortened where it is long."""
    return _SHORT.repr(value)


def repeated(items: Iterable[_Item]) -> _Item | None:
    """Return the first item that stands there a second time, or None."""
    seen: set[_Item] = set()
    for item in items:
        if item in seen:
            return item
        seen.add(item)
    return None


@dataclass(frozen=True)
class Checks:
    """Checks that raise one class of error.

    Attributes
    ----------
    error
        The class; every message is one sentence with the name, what is allowed and what was given.
    """

    error: type[LeosplitError] = LeosplitError

    def number(
        self,
        name: str,
        value: Any,
        low: float = -math.inf,
        high: float = math.inf,
        *,
        above: float | None = None,
    ) -> float:
        """Return `value` as a finite float in [low, high] and > `above`."""
        limits = [] if above is None else [f"> {above:g}"]
        limits += [f">= {low:g}"] * (low > -math.inf) + [f"<= {high:g}"] * (high < math.inf)
        allowed = "a finite number" + (" " + " and ".join(limits) if limits else "")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(f"{name} must be {allowed}, got {short(value)}")
        try:
            result = float(value)
        except OverflowError:
            raise self.error(f"{name} must be {allowed}, got an integer too large for a float") from None
        if not math.isfinite(result) or not low <= result <= high or (above is not None and result <= above):
            raise self.error(f"{name} must be {allowed}, got {short(value)}")
        return result

    def whole(self, name: str, value: Any, low: int, high: int = LARGEST_WHOLE) -> int:
        """Return `value` as a whole number in [low, high], exactly; 3.0 is one too."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not low <= value <= high or value != int(value):  # nan and inf are outside
            most = f" and <= {high}" if high != LARGEST_WHOLE or (is_number and value > high) else ""
            raise self.error(f"{name} must be a whole number >= {low}{most}, got {short(value)}")
        return int(value)

    def seed(self, name: str, value: Any) -> int:
        """Return `value` as a seed: a whole number in [0, 2⁶³ − 1], no float."""
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_SEED:
            raise self.error(f"{name} must be a whole number >= 0 and <= {LARGEST_SEED}, got {short(value)}")
        return value

    def text(self, name: str, value: Any) -> str:
        """Return `value` if it is a non-empty string."""
        if not isinstance(value, str) or not value:
            raise self.error(f"{name} must be a non-empty text, got {short(value)}")
        return value

    def choice(self, name: str, value: Any, allowed: Iterable[str]) -> str:
        """Return `value` if it is one of `allowed`."""
        allowed = tuple(allowed)
        if not isinstance(value, str) or value not in allowed:
            raise self.error(f"{name} must be one of {', '.join(allowed)}, got {short(value)}")
        return value

    def flag(self, name: str, value: Any) -> bool:
        """Return `value` if it is true or false."""
        if not isinstance(value, bool):
            raise self.error(f"{name} must be true or false, got {short(value)}")
        return value

    def numbers(self, name: str, value: Any, length: int | None = None, **limits: Any) -> tuple[float, ...]:
        """Return `value` as a tuple of floats, each within `limits`."""
        if not isinstance(value, list | tuple) or (length is not None and len(value) != length):
            size = "" if length is None else f"{length} "
            raise self.error(f"{name} must be a list of {size}numbers, got {short(value)}")
        return tuple(self.number(f"{name}[{i}]", item, **limits) for i, item in enumerate(value))

    def date(self, name: str, value: Any) -> datetime:
        """Return an ISO 8601 text as a time in UTC, which one without a zone is in."""
        try:
            time = datetime.fromisoformat(value)
            time = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            raise self.error(f"{name} must be a time such as 2025-10-18T00:00:00Z, got {short(value)}") from None
        if not FIRST_YEAR <= time.year <= LAST_YEAR:
            raise self.error(f"{name} must be in the years {FIRST_YEAR} to {LAST_YEAR}, got {short(value)}")
        return time

    def free_form(self, name: str, value: Any) -> Mapping[str, Any]:
        """Return `value` if it is an object of at most `DEEPEST` levels, so that it can be written again."""
        if not isinstance(value, Mapping):
            raise self.error(f"{name} must be an object, got {type(value).__name__}")
        level: list[Any] = [value]
        for _ in range(DEEPEST):
            inner = [item.values() if isinstance(item, Mapping) else item for item in level]
            level = [item for items in inner for item in items if isinstance(item, Mapping | list | tuple)]
            if not level:
                return value
        raise self.error(f"{name} must have at most {DEEPEST} levels")
