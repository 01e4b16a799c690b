"""Text of two-line element sets: with names or without, with comments, headers and blank check sums."""

import re
import unicodedata
from collections.abc import Iterator

from sgp4.api import Satrec

from instances.element_set import JULIAN_DAY_0, ElementSet, TleError, require_perigee

LINE_LENGTH = 69
_SHORTEST = 40
"""A line with fewer characters that starts with 1 or 2 is a name."""
_LINE = {kind: re.compile(rf"{kind} [ \dA-Z][ \d]{{4}}") for kind in "12"}
_FIELDS = {
    "1": (
        (18, 20, 0.0, 99.0, "the last two digits of a year"),
        (20, 32, 1.0, 366.999999999, "a day of the year"),
        (33, 43, -1.0, 1.0, "half the change of the mean motion, revolutions/day²"),
    ),
    "2": (
        (8, 16, 0.0, 180.0, "an inclination in [0, 180]°"),
        (17, 25, 0.0, 360.0, "a right ascension in [0, 360]°"),
        (26, 33, 0.0, 9999999.0, "the digits of an eccentricity"),
        (34, 42, 0.0, 360.0, "an argument of perigee in [0, 360]°"),
        (43, 51, 0.0, 360.0, "a mean anomaly in [0, 360]°"),
        (52, 63, 1e-3, 18.0, "a mean motion in (0, 18] revolutions/day"),
    ),
}
"""Columns (start, stop) of the fields of each line, what they may be, in numbers and in words."""
_WORTH = bytes(int(chr(k)) if chr(k) in "0123456789" else chr(k) == "-" for k in range(256))
"""What each character adds to the check sum."""
_NUMBER = re.compile(r" *[-+]?[\d ]*\.?\d+ *")
_EXPONENT = re.compile(r"[-+ ][\d ]{5}[-+ ]\d")
SHOWN = 5
"""Errors of a file that are told in full."""
Row = tuple[int, str]


def parse_sets(text: str, where: str) -> tuple[list[ElementSet], tuple[int, int] | None]:
    """Parse two- or three-line sets.

    Empty lines and lines that start with ``#`` are skipped, and so is every line before a set but the last, which is
    the name. A blank check sum is not checked.

    Parameters
    ----------
    text
        The file's content.
    where
        Its name, for messages.

    Returns
    -------
    sets, told
        The sets in the order of the file; planes and satellites a plane where the first line holds these two numbers,
        as in ``tles.txt`` of Hypatia and LEOPath.

    Raises
    ------
    TleError
        With the numbers of the lines and the reasons, of all sets that are wrong.
    """
    rows = [(number, line.rstrip("\r\n \t")) for number, line in enumerate(text.split("\n"), 1)]
    rows = [row for row in rows if row[1].strip() and not row[1].lstrip().startswith("#")]
    told = re.fullmatch(r"\s*(\d{1,6})\s+(\d{1,6})\s*", rows[0][1]) if rows else None
    size = (int(told[1]), int(told[2])) if told else None
    if size is not None:
        if 0 in size:
            raise TleError(f"{where}, line {rows[0][0]}: planes and satellites a plane must be >= 1, got {rows[0][1]}")
        rows = rows[1:]
    return list(_sets(rows, where)), size


def _sets(rows: list[Row], where: str) -> Iterator[ElementSet]:
    """Yield the sets of lines that are no comments; what is wrong with any of them is said at the end, all at once."""
    wrong: list[str] = []
    k = 0
    while k < len(rows):
        begin = k
        while k < len(rows) and not _begins(rows, k):
            k += 1
        try:
            _require_names(rows[begin:k])
            if len(rows) - k < 2:
                raise TleError(
                    f"line {rows[-1][0]}: the last element set is not complete: two lines of 69 characters are needed"
                )
            yield _set(rows[k - 1][1].strip() if k > begin else "", *_both(rows, k))
            k += 2
        except TleError as error:
            wrong.append(str(error))
            k += 1
            while k < len(rows) and not _begins(rows, k):
                k += 1
            if k < len(rows) and k - 1 > begin and not _LINE["2"].match(rows[k - 1][1]):
                k -= 1  # the name of the next set
    if wrong:
        more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise TleError(f"{where}, {'; '.join(wrong[:SHOWN])}{more}")


def _require_names(rows: list[Row]) -> None:
    """Refuse lines before a set that are no names but lines of a set, broken or out of order."""
    for number, line in rows:
        if len(line) >= _SHORTEST and re.match(r"[12]\s+[\dA-Z]", line):
            _require_ascii(f"line {number}", line)
            raise TleError(f"line {number}: a line of an element set that does not belong here: {line[:24]!r}…")


def _both(rows: list[Row], k: int) -> tuple[str, str, int]:
    """Check the two lines of a set, and return them with the number of the second."""
    first, second = _checked(*rows[k], "1"), _checked(*rows[k + 1], "2")
    number = rows[k + 1][0]
    if first[2:7] != second[2:7]:
        raise TleError(f"line {number}: catalogue number {second[2:7]} does not match {first[2:7]} above")
    return first, second, number


def _begins(rows: list[Row], k: int) -> bool:
    """Tell whether line `k` is the first one of a set, not a name that looks like one."""
    line = rows[k][1]
    return bool(_LINE["1"].match(line)) and len(line) >= _SHORTEST


def _set(name: str, first: str, second: str, number: int) -> ElementSet:
    """Turn two lines into numbers."""
    try:
        record = Satrec.twoline2rv(first, second)
    except ValueError as error:
        raise TleError(f"line {number}: not an element set: {error}") from None
    made = ElementSet(
        name=re.sub(r"^0 +", "", name),
        number=first[2:7].strip(),
        epoch_days=record.jdsatepoch - JULIAN_DAY_0 + record.jdsatepochF,
        motion_rad_per_min=record.no_kozai,
        eccentricity=record.ecco,
        inclination_rad=record.inclo,
        node_rad=record.nodeo,
        perigee_rad=record.argpo,
        anomaly_rad=record.mo,
        drag=record.bstar,
        motion_dot=record.ndot,
        motion_ddot=record.nddot,
        line=number,
    )
    require_perigee(record, f"line {number}: columns 27-33")
    return made


def _require_ascii(place: str, line: str) -> None:
    if not (line.isascii() and line.isprintable()):
        column, char = next((k, char) for k, char in enumerate(line, 1) if not " " <= char <= "~")
        what = unicodedata.name(char, "a control character").lower()
        raise TleError(f"{place}: column {column} holds U+{ord(char):04X} ({what}); an element set is plain ASCII")


def _checked(number: int, line: str, kind: str) -> str:
    """One line of a set, if its characters, number, length, check sum and fields are right."""
    place = f"line {number}"
    if not line.startswith(f"{kind} "):
        raise TleError(f"{place}: line {kind} of an element set must start with '{kind} ', got {line[:12]!r}")
    _require_ascii(place, line)
    if len(line) not in (LINE_LENGTH - 1, LINE_LENGTH):
        raise TleError(f"{place}: a line of an element set has 69 characters, this one {len(line)}")
    total = sum(line[:68].encode().translate(_WORTH)) % 10
    if line[68:] not in ("", str(total)):
        raise TleError(f"{place}: check sum is {line[68]}, the digits add up to {total}")
    for start, stop, low, high, what in _FIELDS[kind]:
        columns, found = f"{place}: columns {start + 1}-{stop}", line[start:stop]
        if _NUMBER.fullmatch(found) is None:
            raise TleError(f"{columns} hold no number: {found!r}")
        if not low <= float(found.replace(" ", "")) <= high:
            raise TleError(f"{columns} must be {what}, got {found!r}")
    for start, stop in ((44, 52), (53, 61)) if kind == "1" else ():
        if _EXPONENT.fullmatch(line, start, stop) is None:
            raise TleError(
                f"{place}: columns {start + 1}-{stop} must look like 12345-6 (0.12345e-6), got {line[start:stop]!r}"
            )
    return line + str(total) if len(line) < LINE_LENGTH else line
