"""Which satellites sense and which compute in a scenario: drawn, listed, matched by name, or by region."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from fitting.checks import short
from instances.checks import InstanceError, whole
from instances.constellation import Array
from instances.ground import Region
from instances.stations import InView


@dataclass(frozen=True)
class Drawn:
    """Satellites drawn uniformly by the scenario's seed, the same over the span.

    Attributes
    ----------
    count
        How many, at least 1.
    """

    count: int

    def __post_init__(self) -> None:
        """Reject a count that is none."""
        whole("count", self.count, 1)


@dataclass(frozen=True)
class Listed:
    """Satellites by id.

    Attributes
    ----------
    ids
        The ids.
    """

    ids: tuple[str, ...]

    def __post_init__(self) -> None:
        """Make the ids a tuple."""
        object.__setattr__(self, "ids", tuple(self.ids))


@dataclass(frozen=True)
class Matched:
    """Satellites whose id matches one of the patterns with ``*``, ``?`` and ``[…]`` between commas.

    Attributes
    ----------
    pattern
        The patterns; case counts. A part that is itself an id means that satellite alone, brackets or not.
    """

    pattern: str


Selection = Drawn | Listed | Matched | Region | InView


@dataclass(frozen=True)
class Roles:
    """Who senses and who computes; everyone else relays.

    Attributes
    ----------
    remote_sensing, computing
        A `Region` means the satellites over it in each slot, `InView` those that a ground station sees; the other
        selections hold for the whole span. A satellite that either would give both roles computes; two fixed selections
        must not overlap.
    """

    remote_sensing: Selection
    computing: Selection

    def fixed(self, ids: tuple[str, ...], seed: int) -> tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None]:
        """Select what does not depend on the slot.

        Parameters
        ----------
        ids
            Satellite ids, n of them.
        seed
            Draws the `Drawn` ones.

        Returns
        -------
        remote_sensing, computing
            Masks of shape (n,), or None where a region decides.

        Raises
        ------
        InstanceError
            If an id is unknown, nothing matches, the selections overlap or more are drawn than there are.
        """
        sensing, computing = (_named(choice, ids) for choice in (self.remote_sensing, self.computing))
        order = np.random.default_rng([seed, 0]).permutation(len(ids))
        if isinstance(self.computing, Drawn):
            computing = _drawn(self.computing.count, order, sensing, "computing")
        if isinstance(self.remote_sensing, Drawn):
            sensing = _drawn(self.remote_sensing.count, order, computing, "remote_sensing")
        if sensing is not None and computing is not None and (sensing & computing).any():
            both = ids[int(np.flatnonzero(sensing & computing)[0])]
            raise InstanceError(f"roles: satellite {both!r} is selected for remote_sensing and for computing")
        return sensing, computing

    def at(
        self,
        fixed: tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None],
        latitude_deg: Array,
        longitude_deg: Array,
        fixed_m: Array,
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the indices of the sensing and of the computing satellites in one slot.

        Parameters
        ----------
        fixed
            What `fixed` returned.
        latitude_deg, longitude_deg
            Points under the satellites, degrees, shape (n,).
        fixed_m
            Positions in the frame that turns with the Earth, m, shape (n, 3).
        """
        masks: list[NDArray[np.bool_] | None] = []
        for choice, mask in zip((self.remote_sensing, self.computing), fixed, strict=True):
            if isinstance(choice, Region):
                masks.append(choice.covers(latitude_deg, longitude_deg))
            else:
                masks.append(choice.covers(fixed_m) if isinstance(choice, InView) else mask)
        sensing, computing = (np.zeros(len(latitude_deg), dtype=bool) if mask is None else mask for mask in masks)
        return np.flatnonzero(sensing & ~computing), np.flatnonzero(computing)


def _named(choice: Selection, ids: tuple[str, ...]) -> NDArray[np.bool_] | None:
    """Mask of the listed or matching satellites; None for the other selections."""
    if isinstance(choice, Listed):
        unknown = [name for name in choice.ids if name not in ids]
        if unknown or not choice.ids:
            raise InstanceError(f"roles: ids must be satellites of the scenario, got {unknown[:1] or 'none'}")
        return np.isin(np.array(ids), np.array(choice.ids))
    if isinstance(choice, Matched):
        whole_text = choice.pattern in ids
        return matching([choice.pattern] if whole_text else split_names(choice.pattern), ids, "roles: pattern")
    return None


def split_names(text: str) -> list[str]:
    """Return the parts of a text between commas, blanks around them taken off."""
    return [part.strip() for part in text.split(",") if part.strip()]


def matching(wanted: Iterable[str], ids: Sequence[str], where: str) -> NDArray[np.bool_]:
    """Return the mask of the ids that are wanted: an exact id first, a pattern otherwise.

    Parameters
    ----------
    wanted
        Ids or patterns with ``*``, ``?`` and ``[…]``; case counts.
    ids
        The ids, n of them.
    where
        What to call the list in messages.

    Raises
    ------
    InstanceError
        If one of them matches nothing.
    """
    place = {name: k for k, name in enumerate(ids)}
    mask = np.zeros(len(ids), dtype=bool)
    for item in wanted:
        found = [place[item]] if item in place else [k for k, name in enumerate(ids) if fnmatchcase(name, item)]
        if not found:
            raise InstanceError(f"{where} {short(item)} matches none of the ids, such as {short(ids[0])}")
        mask[found] = True
    return mask


def _drawn(count: int, order: NDArray[np.intp], taken: NDArray[np.bool_] | None, role: str) -> NDArray[np.bool_]:
    """Mask of the first `count` free satellites in a random order."""
    free = order if taken is None else order[~taken[order]]
    if count > len(free):
        raise InstanceError(f"roles: {count} {role} satellites asked for, {len(free)} are free")
    mask = np.zeros(len(order), dtype=bool)
    mask[free[:count]] = True
    return mask


def parse_selection(text: str) -> Selection:
    """Read a selection from text: a number draws, ``*``, ``?`` or ``[`` makes a pattern, else ids between commas.

    Parameters
    ----------
    text
        Such as ``5``, ``IRIDIUM 1*`` or ``0-0,3-5``.
    """
    if text.isdecimal():
        return Drawn(int(text))
    if any(char in text for char in "*?["):
        return Matched(text)
    return Listed(tuple(split_names(text)))
