"""Which satellites of a catalogue are taken."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from instances.checks import InstanceError, numbers, whole


@dataclass(frozen=True)
class SatelliteFilter:
    """Which satellites of a catalogue are taken; every condition must hold.

    Attributes
    ----------
    names
        Exact names, else patterns with ``*``, ``?`` and ``[…]``; any of them. Empty takes all.
    numbers
        Catalogue numbers, any of them. Empty takes all.
    altitude_km
        Least and most height of the mean orbit over the mean Earth radius, km.
    inclination_deg
        Least and most inclination, degrees.
    shell
        Number of the shell among those of the satellites that the other conditions leave, 0 the largest.
    newest
        Whether the newest of several sets of a satellite is taken; otherwise several are refused.
    drop_decayed
        Whether satellites without an orbit at time 0 are left out; otherwise they are refused, all in one line.
    """

    names: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    altitude_km: tuple[float, float] | None = None
    inclination_deg: tuple[float, float] | None = None
    shell: int | None = None
    newest: bool = False
    drop_decayed: bool = False

    def __post_init__(self) -> None:
        """Reject ranges that are none."""
        for name in ("altitude_km", "inclination_deg"):
            if getattr(self, name) is not None:
                low, high = numbers(f"satellites.{name}", getattr(self, name), 2)
                if low > high:
                    raise InstanceError(f"satellites.{name} must be [least, most], got [{low:g}, {high:g}]")
                object.__setattr__(self, name, (low, high))
        if self.shell is not None:
            object.__setattr__(self, "shell", whole("satellites.shell", self.shell, 0))
        for name in ("names", "numbers"):
            object.__setattr__(self, name, tuple(str(item) for item in getattr(self, name)))

    def document(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults."""
        given = asdict(self)
        return {f.name: given[f.name] for f in fields(self) if given[f.name] != f.default}
