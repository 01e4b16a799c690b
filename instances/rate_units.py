"""Units that rates of published networks are written in."""

from collections.abc import Mapping

from instances.checks import InstanceError

RATE_UNITS: Mapping[str, float] = {
    "bit/s": 1.0,
    "kbit/s": 1e3,
    "Mbit/s": 1e6,
    "Gbit/s": 1e9,
    "Tbit/s": 1e12,
    "byte/s": 8.0,
    "kbyte/s": 8e3,
    "Mbyte/s": 8e6,
    "Gbyte/s": 8e9,
}
"""bit/s in each unit."""
SNDLIB_UNITS: Mapping[str, str] = {
    "BITPERSEC": "bit/s",
    "KBITPERSEC": "kbit/s",
    "MBITPERSEC": "Mbit/s",
    "GBITPERSEC": "Gbit/s",
    "TBITPERSEC": "Tbit/s",
}
"""How SNDlib's ``unit`` calls them."""


def rate_unit_bps(unit: str, where: str = "rate unit") -> float:
    """Return what 1 of a unit is, bit/s; upper and lower case are the same.

    Parameters
    ----------
    unit
        A key of `RATE_UNITS` or of `SNDLIB_UNITS`.
    where
        What to call it in a message.

    Raises
    ------
    InstanceError
        If there is no such unit.
    """
    known = {name.lower(): bps for name, bps in RATE_UNITS.items()}
    known |= {name.lower(): RATE_UNITS[ours] for name, ours in SNDLIB_UNITS.items()}
    if unit.lower() not in known:
        raise InstanceError(f"{where} must be one of {', '.join(RATE_UNITS)}, got {unit!r}")
    return known[unit.lower()]
