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
        Probability that a pair's link, or a satellite with all its links, is down in a slot.
    mean_outage_s
        Mean time that a drawn failure lasts, s: up and down alternate as a two-state Markov chain over the slots whose
        share of time down is the rate. None draws anew in each slot.
    """

    links: tuple[tuple[str, str], ...] = ()
    satellites: tuple[str, ...] = ()
    link_rate: float = 0.0
    satellite_rate: float = 0.0
    mean_outage_s: float | None = None

    def __post_init__(self) -> None:
        """Reject rates that are no probabilities."""
        for name in ("link_rate", "satellite_rate"):
            number(f"failures.{name}", getattr(self, name), 0.0, 1.0)
        if self.mean_outage_s is not None:
            number("failures.mean_outage_s", self.mean_outage_s, above=0.0)
        object.__setattr__(self, "links", tuple((a, b) for a, b in self.links))
        object.__setattr__(self, "satellites", tuple(self.satellites))

    def require_slot(self, slot_s: float) -> None:
        """Refuse slots that no chain with these rates and outages can have.

        Raises
        ------
        InstanceError
            If the mean outage is shorter than a slot, or than what the rate needs when no failure may follow another.
        """
        if self.mean_outage_s is None:
            return
        for name in ("link_rate", "satellite_rate"):
            rate = getattr(self, name)
            least = slot_s * max(1.0, rate / (1.0 - rate) if rate < 1.0 else 1.0)
            if self.mean_outage_s < least * (1 - 1e-12):
                raise InstanceError(
                    f"failures.mean_outage_s must be >= {least:g} s with slots of {slot_s:g} s and {name} {rate:g}, "
                    f"got {self.mean_outage_s:g}"
                )

    def down(
        self, ids: tuple[str, ...], plan: LinkPlan, seed: int = 0, slot: int = 0, slot_s: float = 60.0
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Tell which planned links, and which satellites, are out of order in one slot.

        Parameters
        ----------
        ids
            Satellite ids, n of them.
        plan
            The links, l of them.
        seed, slot, slot_s
            The scenario's seed, the slot's number and its length, s. A slot does not depend on which others are asked.

        Returns
        -------
        links, satellites
            Shapes (l,) and (n,); a link is down with either end.

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
        unique, inverse = np.unique(pair, return_inverse=True)
        rates = np.repeat([self.satellite_rate, self.link_rate], [len(ids), len(unique)])
        drawn = self._drawn(rates, seed, slot, slot_s)
        dead |= drawn[: len(ids)]
        out |= drawn[len(ids) :][inverse]
        return out | dead[plan.source] | dead[plan.target], dead

    def _drawn(self, rates: NDArray[np.float64], seed: int, slot: int, slot_s: float) -> NDArray[np.bool_]:
        """Tell what is down in a slot, by looking back until the past no longer matters.

        Each slot has one uniform number for each link and satellite. Up or down, what follows is down below the
        smaller of its two chances to be down, and up above the larger; only in between does the slot before decide.
        """
        if not rates.any():
            return np.zeros(len(rates), dtype=bool)
        slots = None if self.mean_outage_s is None else self.mean_outage_s / slot_s
        stay = rates if slots is None else np.full(len(rates), 1.0 - 1.0 / slots)
        certain = rates >= 1.0
        fall = rates if slots is None else np.where(certain, 1.0, rates / slots / np.where(certain, 1.0, 1.0 - rates))
        stay = np.where(certain, 1.0, stay)
        state, turned = np.zeros(len(rates), dtype=bool), np.zeros(len(rates), dtype=bool)
        open_ = np.ones(len(rates), dtype=bool)
        for k in range(slot, -1, -1):
            chance = _uniform(seed, k, rates)
            least, most = (rates, rates) if k == 0 else (np.minimum(stay, fall), np.maximum(stay, fall))
            known = open_ & ((chance < least) | (chance >= most))
            state[known] = (chance < least)[known] ^ turned[known]
            open_ &= ~known
            if not open_.any():
                break
            turned ^= open_ & (stay < fall)
        return state


def _uniform(seed: int, slot: int, rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Uniform numbers of one slot; 1 where nothing can fail, which takes no draw."""
    out = np.ones(len(rates))
    out[rates > 0.0] = np.random.default_rng([seed, 1, slot]).random(int(np.count_nonzero(rates)))
    return out


def _place(index: dict[str, int], name: str) -> int:
    if name not in index:
        raise InstanceError(f"failures: {name!r} is no satellite of the scenario")
    return index[name]
