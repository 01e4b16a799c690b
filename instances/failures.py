"""Links and satellites that are out of order, listed or drawn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instances.checks import InstanceError, number
from instances.isl import LinkPlan


@dataclass(frozen=True)
class Failures:
    """What is down besides the geometry's say.

    Attributes
    ----------
    links
        Pairs of satellite ids whose link is down for the whole span, both directions.
    satellites
        Ids whose links are all down for the whole span.
    link_rate, satellite_rate
        Probability that a pair's link, or a satellite with all its links, is down in a slot; drawn anew in each slot.
    """

    links: tuple[tuple[str, str], ...] = ()
    satellites: tuple[str, ...] = ()
    link_rate: float = 0.0
    satellite_rate: float = 0.0

    def __post_init__(self) -> None:
        """Reject rates that are no probabilities."""
        for name in ("link_rate", "satellite_rate"):
            number(f"failures.{name}", getattr(self, name), 0.0, 1.0)
        object.__setattr__(self, "links", tuple((a, b) for a, b in self.links))
        object.__setattr__(self, "satellites", tuple(self.satellites))

    def down(self, ids: tuple[str, ...], plan: LinkPlan, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Tell which planned links are out of order in one slot.

        Parameters
        ----------
        ids
            Satellite ids.
        plan
            The links, l of them.
        rng
            The slot's source of randomness.

        Returns
        -------
        ndarray
            Shape (l,).

        Raises
        ------
        InstanceError
            If an id is unknown or a listed link is not planned.
        """
        index = {name: k for k, name in enumerate(ids)}
        low, high = np.minimum(plan.source, plan.target), np.maximum(plan.source, plan.target)
        pair = low * len(ids) + high
        out = np.zeros(len(pair), dtype=bool)
        for a, b in self.links:
            i, j = sorted((_place(index, a), _place(index, b)))
            hit = pair == i * len(ids) + j
            if not hit.any():
                raise InstanceError(f"failures.links: there is no link between {a!r} and {b!r}")
            out |= hit
        dead = np.zeros(len(ids), dtype=bool)
        dead[[_place(index, name) for name in self.satellites]] = True
        if self.satellite_rate:
            dead |= rng.random(len(ids)) < self.satellite_rate
        if self.link_rate:
            unique, inverse = np.unique(pair, return_inverse=True)
            out |= (rng.random(len(unique)) < self.link_rate)[inverse]
        return out | dead[plan.source] | dead[plan.target]


def _place(index: dict[str, int], name: str) -> int:
    if name not in index:
        raise InstanceError(f"failures: {name!r} is no satellite of the scenario")
    return index[name]
