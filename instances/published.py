"""Constellations as their operators filed or fly them, by name: codes for `parse_constellation`.

Filings tell altitude, inclination, planes and satellites a plane, but no phasing: where a source is silent, F is the
half of P, which puts the satellites of neighbouring planes half a slot apart (scenario).
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A constellation and where its numbers come from.

    Attributes
    ----------
    code
        Its shells, joined by ``+``.
    source
        Document, and what it leaves open.
    """

    code: str
    source: str


_STARLINK = "FCC 21-48 (2021), SAT-MOD-20200417-00037"
PUBLISHED: Mapping[str, Published] = {
    "iridium-next": Published(
        "S:780:86.4:66/6/3:31.6", "orbits flown, planes 31.6° apart and 22° at the seam; F from element sets of 2023"
    ),
    "starlink-550": Published("D:550:53:1584/72/39", f"{_STARLINK}; F: draft-piraux-space-constellation-code"),
    "starlink-540": Published("D:540:53.2:1584/72/36", f"{_STARLINK}; F: scenario"),
    "starlink-570": Published("D:570:70:720/36/18", f"{_STARLINK}; F: scenario"),
    "starlink-560": Published("D:560:97.6:348/6/3+D:560:97.6:172/4/2", f"{_STARLINK}; F: scenario"),
    "oneweb": Published("S:1200:87.9:672/12/11", "draft-piraux-space-constellation-code"),
    "kuiper-630": Published("D:630:51.9:1156/34/17", "FCC 20-102 (2020); F: scenario"),
    "kuiper-610": Published("D:610:42:1296/36/18", "FCC 20-102 (2020); F: scenario"),
    "kuiper-590": Published("D:590:33:784/28/14", "FCC 20-102 (2020); F: scenario"),
    "telesat": Published("D:1015:98.98:351/27/13+D:1325:50.88:1320/40/20", "FCC SAT-MPL-20200526-00053; F: scenario"),
}
"""Constellations by name."""
