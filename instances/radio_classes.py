"""Radios for each class of link, rates of whole plans, and the file form of any link technology."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fitting.checks import short
from fitting.jsonfile import require_keys
from instances.constellation import Array
from instances.isl import LinkPlan
from instances.link_budget import RADIOS
from instances.technology import TECHNOLOGIES, LinkBudgetError, LinkTechnology, Technology


@dataclass(frozen=True)
class RadioByClass:
    """Terminals of their own for each class of link, such as lasers in the plane and radio across.

    Attributes
    ----------
    in_plane, cross_plane
        Technologies of the links within a plane and between the planes of a shell.
    other
        That of links to the nearest satellite, of other shells or of any plane; None takes `cross_plane`.
    """

    in_plane: LinkTechnology
    cross_plane: LinkTechnology
    other: LinkTechnology | None = None

    def rate_bps(self, length_m: ArrayLike) -> NDArray[np.float64]:
        """Rate, bit/s, of links between planes; `link_rates` tells the classes apart."""
        return self.cross_plane.rate_bps(length_m)

    def warnings(self) -> list[str]:
        """Those of its parts."""
        parts = [part for part in (self.in_plane, self.cross_plane, self.other) if isinstance(part, Technology)]
        return [text for part in parts for text in part.warnings()]


def link_rates(technology: LinkTechnology, length_m: Array, plan: LinkPlan) -> Array:
    """Rate of every planned link, bit/s.

    Parameters
    ----------
    technology
        What turns lengths into rates, one for all or one a class.
    length_m
        Length of every link, m, shape (k, l).
    plan
        The links, l of them.
    """
    if not isinstance(technology, RadioByClass):
        return technology.rate_bps(length_m)
    grid = np.array([bool(direction) for direction in plan.direction], dtype=bool)
    rate = np.empty_like(length_m)
    for which, own in (
        (~plan.cross, technology.in_plane),
        (plan.cross & grid, technology.cross_plane),
        (plan.cross & ~grid, technology.other or technology.cross_plane),
    ):
        rate[:, which] = own.rate_bps(length_m[:, which])
    return rate


def technology_from_document(document: Any) -> LinkTechnology:
    """Read a link technology: a name of `RADIOS`, an object with a kind, or one such for each class of link.

    Raises
    ------
    LinkBudgetError
        If a name or kind is unknown or a number is not allowed.
    """
    if isinstance(document, dict) and "in_plane" in document:
        require_keys(document, "radio", ["in_plane", "cross_plane"], ["other"])
        return RadioByClass(**{key: technology_from_document(value) for key, value in document.items()})
    if isinstance(document, str):
        if document not in RADIOS:
            raise LinkBudgetError(f"radio {short(document)} is unknown; it is one of {', '.join(RADIOS)}")
        return RADIOS[document]
    kind = document.get("kind") if isinstance(document, dict) else None
    if not isinstance(kind, str) or kind not in TECHNOLOGIES:
        raise LinkBudgetError(
            f"radio must be a name, an object with kind {', '.join(TECHNOLOGIES)}, or one with in_plane and "
            f"cross_plane, got {short(document)}"
        )
    return TECHNOLOGIES[kind].from_document(document)


def technology_to_document(technology: LinkTechnology) -> str | dict[str, Any]:
    """Return the file form of a link technology.

    Raises
    ------
    LinkBudgetError
        If it is of a class without a file form.
    """
    name = technology_name(technology)
    if name in RADIOS:
        return name
    if isinstance(technology, RadioByClass):
        parts = {f.name: getattr(technology, f.name) for f in fields(technology)}
        return {key: technology_to_document(part) for key, part in parts.items() if part is not None}
    if isinstance(technology, Technology):
        return technology.to_document()
    raise LinkBudgetError(f"link technology of class {type(technology).__name__} has no file form")


def technology_name(technology: LinkTechnology) -> str:
    """Name a link technology for people: its key in `RADIOS`, the classes of its parts, or its class."""
    for name, known in RADIOS.items():
        if technology == known:
            return name
    if isinstance(technology, RadioByClass):
        parts = {f.name: getattr(technology, f.name) for f in fields(technology)}
        return ", ".join(f"{key} {technology_name(part)}" for key, part in parts.items() if part is not None)
    return type(technology).__name__
