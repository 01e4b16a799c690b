"""Orbit mean-elements messages (CCSDS 502.0-B, OMM) as catalogues publish them: CSV, JSON or XML.

The keywords are those of the standard; what is not listed here is ignored. Numbers of the catalogue above 99 999, and
above the 339 999 that two-line sets can write, exist in these formats only.
"""

import csv
import io
import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from typing import Any

from fitting.checks import Checks, short
from fitting.jsonfile import parse_json, require_plain_xml
from instances.element_set import DAY_0, DEGREES, REVOLUTIONS_PER_DAY, ElementSet, TleError, require_perigee

_ALLOWED = {
    "MEAN_MOTION": (1e-3, 18.0),
    "ECCENTRICITY": (0.0, 0.9999999),
    "INCLINATION": (0.0, 180.0),
    "RA_OF_ASC_NODE": (-360.0, 360.0),
    "ARG_OF_PERICENTER": (-360.0, 360.0),
    "MEAN_ANOMALY": (-360.0, 360.0),
}
"""Least and most of each number that must be there: revolutions/day, 1 and degrees."""
_DEFAULT_0 = {"BSTAR": (-1e3, 1e3), "MEAN_MOTION_DOT": (-1e3, 1e3), "MEAN_MOTION_DDOT": (-1e6, 1e6)}
CHECKS = Checks(TleError)
Message = tuple[int, Mapping[str, Any]]
"""Line or number of a message, and its keywords."""


def looks_like_omm(text: str) -> bool:
    """Tell messages from two-line sets by their beginning."""
    head = text.lstrip()[:4000]
    return head.startswith(("[", "{", "<")) or "MEAN_MOTION" in head.partition("\n")[0]


def parse_messages(text: str, where: str) -> list[ElementSet]:
    """Parse messages of any of the three formats.

    Parameters
    ----------
    text
        The file's content.
    where
        Its name, for messages.

    Raises
    ------
    TleError
        With the line (CSV) or the number of the message, the keyword, what is allowed and what was given.
    """
    start = text.lstrip()[:1]
    if start in "[{":
        unit, messages = "message", _json(text, where)
    elif start == "<":
        unit, messages = "message", _xml(text, where)
    else:
        unit, messages = "line", _csv(text, where)
    return [_set(fields, f"{where}, {unit} {number}", number) for number, fields in messages]


def _json(text: str, where: str) -> Iterator[Message]:
    document = parse_json(text, where)
    rows = document if isinstance(document, list) else [document]
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise TleError(f"{where}, message {number}: an object with keywords is needed, got {short(row)}")
        yield number, row


def _xml(text: str, where: str) -> Iterator[Message]:
    require_plain_xml(text, where)
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise TleError(f"{where}: not valid XML: {error}") from None
    for number, segment in enumerate(root.findall(".//{*}segment"), 1):
        yield number, {item.tag.rpartition("}")[2]: item.text for item in segment.iter()}


def _csv(text: str, where: str) -> Iterator[Message]:
    reader = csv.reader(io.StringIO(text))
    header: list[str] = []
    rows = iter(reader)
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise TleError(f"{where}, line {reader.line_num}: not valid CSV: {error}") from None
        if row is None:
            return
        if not any(cell.strip() for cell in row) or row[0].startswith("#"):
            continue
        if not header:
            header = [cell.strip() for cell in row]
            continue
        yield reader.line_num, dict(zip(header, row, strict=False))


def _set(fields: Mapping[str, Any], place: str, number: int) -> ElementSet:
    """Turn one message into numbers."""
    theory = str(fields.get("MEAN_ELEMENT_THEORY") or "SGP4").strip().upper()
    if theory not in ("SGP4", "SGP"):
        raise TleError(f"{place}: MEAN_ELEMENT_THEORY must be SGP4, got {short(theory)}")
    value = {key: _number(fields, key, place, limits) for key, limits in _ALLOWED.items()}
    value |= {key: _number(fields, key, place, limits, 0.0) for key, limits in _DEFAULT_0.items()}
    catalogue = str(fields.get("NORAD_CAT_ID") or "").strip()
    if not catalogue.isdecimal() or not catalogue.isascii():
        raise TleError(f"{place}: NORAD_CAT_ID must be a whole number, got {short(catalogue)}")
    made = ElementSet(
        name=str(fields.get("OBJECT_NAME") or "").strip(),
        number=catalogue,
        epoch_days=(CHECKS.date(f"{place}: EPOCH", fields.get("EPOCH")) - DAY_0).total_seconds() / 86400.0,
        motion_rad_per_min=value["MEAN_MOTION"] * REVOLUTIONS_PER_DAY,
        eccentricity=value["ECCENTRICITY"],
        inclination_rad=value["INCLINATION"] * DEGREES,
        node_rad=value["RA_OF_ASC_NODE"] % 360.0 * DEGREES,
        perigee_rad=value["ARG_OF_PERICENTER"] % 360.0 * DEGREES,
        anomaly_rad=value["MEAN_ANOMALY"] % 360.0 * DEGREES,
        drag=value["BSTAR"],
        motion_dot=value["MEAN_MOTION_DOT"] * REVOLUTIONS_PER_DAY / 1440.0,
        motion_ddot=value["MEAN_MOTION_DDOT"] * REVOLUTIONS_PER_DAY / 1440.0**2,
        line=number,
    )
    require_perigee(made.record(), f"{place}: ECCENTRICITY")
    return made


def _number(
    fields: Mapping[str, Any], key: str, place: str, limits: tuple[float, float], default: float | None = None
) -> float:
    given = fields.get(key)
    if given is None or (isinstance(given, str) and not given.strip()):
        if default is None:
            raise TleError(f"{place}: keyword {key} is missing")
        return default
    try:
        value = float(given) if isinstance(given, str | int | float) and not isinstance(given, bool) else math.nan
    except (ValueError, OverflowError):
        value = math.nan
    if not limits[0] <= value <= limits[1]:
        raise TleError(f"{place}: {key} must be a number in [{limits[0]:g}, {limits[1]:g}], got {short(given)}")
    return value
