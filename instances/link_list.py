"""Lists of links of one's own: pairs of ids as CSV, or pairs of numbers as in ``isls.txt`` of Hypatia and LEOPath."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from fitting.checks import short
from fitting.jsonfile import read_text
from instances.checks import InstanceError

HEADERS = (("from", "to"), ("source", "target"), ("a", "b"))


def read_links(path: str | Path, ids: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Read the links of a satellite set; each line is a link in both directions.

    Parameters
    ----------
    path
        Lines ``id,id`` (a header ``from,to`` is skipped, ``#`` starts a comment), or lines of two whole numbers with
        a blank between: places in `ids`, from 0.
    ids
        Satellite ids in their order.

    Raises
    ------
    InstanceError
        With the line, and what is wrong with it.
    """
    known = set(ids)
    pairs: list[tuple[str, str]] = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        place = f"{path}, line {number}"
        if "," in line:
            try:
                ends = [cell.strip() for cell in next(csv.reader(io.StringIO(line)))]
            except csv.Error as error:
                raise InstanceError(f"{place}: not valid CSV: {error}") from None
            if not pairs and tuple(end.lower() for end in ends) in HEADERS:
                continue
        else:
            ends = line.split()
            if len(ends) == 2 and not set(ends) <= known and all(end.isdecimal() and len(end) < 10 for end in ends):
                beyond = [end for end in ends if int(end) >= len(ids)]
                if beyond:
                    raise InstanceError(f"{place}: satellite {short(beyond[0])} does not exist; there are {len(ids)}")
                ends = [ids[int(end)] for end in ends]
        if len(ends) != 2:
            raise InstanceError(f"{place}: two ids with a comma between are needed, got {short(line)}")
        for end in ends:
            if end not in known:
                raise InstanceError(f"{place}: {short(end)} is no satellite, such as {ids[0]!r}")
        pairs.append((ends[0], ends[1]))
    if not pairs:
        raise InstanceError(f"{path}: no links")
    return tuple(pairs)
