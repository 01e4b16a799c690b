"""What every link technology has in common: its place in the registry, its file form and what is plausible."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fitting.checks import Checks
from fitting.errors import LeosplitError
from fitting.jsonfile import require_keys

POSITIVE = (0.0, math.inf)
"""Allowed range of a number that must be > 0."""
GAIN_DBI = (-50.0, 100.0)
"""Gains of antennas, dBi: 100 dBi is beyond the largest dish and the narrowest laser beam in use between satellites."""
LIKELY_RATE = (1e3, 1e13)
"""Rates between satellites that have been built or announced, bit/s, generously."""
LIKELY_LENGTH_M = 1e6
"""Length of the link whose rate tells whether a data sheet is plausible, m."""


class LinkBudgetError(LeosplitError):
    """A link technology with an impossible parameter."""


CHECKS = Checks(LinkBudgetError)


class LinkTechnology(Protocol):
    """Anything that turns the length of a link into its rate."""

    def rate_bps(self, length_m: ArrayLike) -> NDArray[np.float64]:
        """Rate, bit/s, of links of these lengths, m; 0 where the link cannot close."""
        ...


@dataclass(frozen=True)
class Quantity:
    """One number of a technology's file form.

    Attributes
    ----------
    name
        Its key; the end tells the unit.
    allowed
        Least and most; a least of 0 with no most is left out itself.
    needed
        Whether the file must have it; without it the number is infinite.
    likely
        What is accepted without a warning.
    """

    name: str
    allowed: tuple[float, float]
    needed: bool = True
    likely: tuple[float, float] = (-math.inf, math.inf)

    def check(self, value: Any) -> float:
        """Return `value` as a float if it is allowed; a gain that seems linear is named as such."""
        low, high = self.allowed
        if self.allowed == POSITIVE:
            return CHECKS.number(f"radio.{self.name}", value, above=0.0)
        try:
            return CHECKS.number(f"radio.{self.name}", value, low, high)
        except LinkBudgetError as error:
            hint = ""
            if isinstance(value, int | float) and not isinstance(value, bool) and high < value < 1e30:
                hint = f"; it is in decibels, and a linear {value:g} is {10.0 * math.log10(value):.2f} dB"
            raise LinkBudgetError(f"{error}{hint}") from None

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the number."""
        if self.allowed == POSITIVE:
            return {"type": "number", "exclusiveMinimum": 0}
        return {"type": "number", "minimum": self.allowed[0], "maximum": self.allowed[1]}

    def warning(self, value: float) -> str | None:
        """Say that a number is not plausible, or nothing."""
        low, high = self.likely
        if low <= value <= high or math.isinf(value):
            return None
        return f"radio.{self.name} is {value:g}; {low:g} to {high:g} is usual: is the unit right?"


class Technology:
    """A kind of link with a file form; a subclass registers itself under its `kind`.

    Attributes
    ----------
    kind
        Its name in files.
    quantities
        The numbers of its file form.
    """

    kind: ClassVar[str]
    quantities: ClassVar[tuple[Quantity, ...]]

    def __init_subclass__(cls, kind: str) -> None:
        """Put the class into the registry."""
        cls.kind = kind
        TECHNOLOGIES[kind] = cls

    def rate_bps(self, length_m: ArrayLike) -> NDArray[np.float64]:
        """Rate, bit/s, of links of these lengths, m; same shape."""
        raise NotImplementedError

    @classmethod
    def from_values(cls, values: Mapping[str, float]) -> Self:
        """Build the technology from the numbers of its file form, those that are left out missing."""
        raise NotImplementedError

    def to_values(self) -> dict[str, float]:
        """Return the numbers of its file form; infinite ones are left out of files."""
        raise NotImplementedError

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read the file form: `kind` and the quantities.

        Raises
        ------
        LinkBudgetError
            In the words of the quantity that is not allowed.
        """
        needed = [one.name for one in cls.quantities if one.needed]
        require_keys(document, "radio", ["kind", *needed], [one.name for one in cls.quantities if not one.needed])
        return cls.from_values(
            {one.name: one.check(document[one.name]) for one in cls.quantities if one.name in document}
        )

    def to_document(self) -> dict[str, Any]:
        """Return the file form."""
        return {"kind": self.kind} | {key: value for key, value in self.to_values().items() if math.isfinite(value)}

    @classmethod
    def schema_parts(cls) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the schemas of the needed and of the other keys."""
        needed = {one.name: one.schema() for one in cls.quantities if one.needed}
        return {"kind": {"const": cls.kind}, **needed}, {
            one.name: one.schema() for one in cls.quantities if not one.needed
        }

    def warnings(self) -> list[str]:
        """Name what is allowed but not plausible: most often a number in another unit."""
        values = self.to_values()
        found = [text for one in self.quantities if (text := one.warning(values[one.name])) is not None]
        rate = float(self.rate_bps(LIKELY_LENGTH_M))
        if not found and rate > 0.0 and not LIKELY_RATE[0] <= rate <= LIKELY_RATE[1]:
            found.append(f"radio: a link of {LIKELY_LENGTH_M / 1e3:g} km has {rate:.3g} bit/s: is every unit right?")
        return found


TECHNOLOGIES: dict[str, type[Technology]] = {}
"""Kinds of link technology by name, filled as their classes are defined."""
