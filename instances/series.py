"""The network over time: positions, link lengths, states and rates of whatever moves on orbits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instances.checks import InstanceError
from instances.constellation import Array, Constellation
from instances.instance import Accuracy, Instance, Link, Task
from instances.isl import LinkPlan, LinkRules, constellation_links, link_state
from instances.link_budget import LinkTechnology
from instances.nearest import with_nearest_links
from instances.radio_classes import link_rates
from instances.task_model import Hardware


class Orbits(Protocol):
    """Satellites that move: a `Constellation`, a `TleSet`, or a user's own."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Satellite ids, n of them."""
        ...

    def planes_and_slots(self) -> tuple[Sequence[int | None], Sequence[int | None]]:
        """Plane and slot of each satellite; None for what belongs to none."""
        ...

    def positions_m(self, times_s: ArrayLike) -> Array:
        """Inertial positions, m, shape (k, n, 3), at times since the epoch, s, shape (k,)."""
        ...


def link_plan(
    orbits: Orbits, rules: LinkRules | None = None, pairs: Sequence[tuple[str, str]] | None = None
) -> LinkPlan:
    """List the directed links that could exist and are known beforehand.

    Parameters
    ----------
    orbits
        The satellites.
    rules
        Whether there is a grid, and how a Walker grid is shifted; `LinkRules()` by default.
    pairs
        Pairs of ids to link in place of the grid.

    Returns
    -------
    LinkPlan
        The pairs, or nothing where `nearest_links` chooses anew at every time, else a Walker grid or the `links` that
        the orbits bring.
    """
    known = rules or LinkRules()
    if pairs is not None or known.nearest_links:
        return LinkPlan.from_pairs(pairs or (), orbits.ids, orbits.planes_and_slots()[0])
    if isinstance(orbits, Constellation):
        return constellation_links(orbits, known.cross_shift)
    if known.cross_shift not in (0, "nearest"):
        raise InstanceError(f"rules.cross_shift belongs to a Walker shell, got {known.cross_shift} for other orbits")
    plan: LinkPlan = orbits.links  # type: ignore[attr-defined]
    return plan


def known_positions_m(orbits: Orbits, times_s: Array) -> Array:
    """Positions, m, shape (k, n, 3), NaN for a satellite without an orbit at a time, where the orbits know that."""
    find: Any = getattr(orbits, "known_positions_m", orbits.positions_m)
    return np.asarray(find(times_s))


def shell_numbers(orbits: Orbits) -> NDArray[np.intp]:
    """Return the shell of each satellite, shape (n,), where there are at least two.

    Raises
    ------
    InstanceError
        If there is only one, or the orbits do not tell.
    """
    shells: NDArray[np.intp] | None = getattr(orbits, "shell_numbers", None)
    if shells is None or len(np.unique(shells)) < 2:
        known = "do not tell their shells" if shells is None else "have one shell"
        raise InstanceError(f"rules.inter_shell_links needs two or more shells; these orbits {known}")
    return shells


@dataclass(frozen=True)
class NetworkSeries:
    """The network at one or more times.

    Attributes
    ----------
    ids
        Satellite ids, n of them.
    plan
        The links that could exist, l of them.
    times_s
        Times since the epoch, s, shape (k,).
    positions_m
        Inertial positions, m, shape (k, n, 3); NaN for a satellite without an orbit, which has no links.
    length_m, rate_bps
        Length, m, and rate, bit/s, of each link, shape (k, l); a link that is down has the rate 0.
    up
        Which links are up, shape (k, l).
    """

    ids: tuple[str, ...]
    plan: LinkPlan
    times_s: Array
    positions_m: Array
    length_m: Array
    rate_bps: Array
    up: NDArray[np.bool_]

    def lost(self, k: int) -> list[str]:
        """List the satellites without an orbit at time index `k`."""
        return [self.ids[i] for i in np.flatnonzero(np.isnan(self.positions_m[k, :, 0])).tolist()]

    def pairs(self, k: int) -> set[tuple[str, str]]:
        """Return the ends of the links that are up at time index `k`."""
        ends = zip(self.plan.source[self.up[k]].tolist(), self.plan.target[self.up[k]].tolist(), strict=True)
        return {(self.ids[a], self.ids[b]) for a, b in ends}

    def links(self, k: int) -> tuple[Link, ...]:
        """List the links that are up at time index `k`."""
        ids, plan = self.ids, self.plan
        up = np.flatnonzero(self.up[k])
        rates, lengths = self.rate_bps[k, up].tolist(), self.length_m[k, up].tolist()
        return tuple(
            Link(ids[plan.source[j]], ids[plan.target[j]], rate, length, plan.direction[j] or None)
            for j, rate, length in zip(up.tolist(), rates, lengths, strict=True)
        )


def observe(
    orbits: Orbits, times_s: ArrayLike, rules: LinkRules, technology: LinkTechnology, plan: LinkPlan | None = None
) -> NetworkSeries:
    """Compute the network at given times.

    Parameters
    ----------
    orbits
        The satellites.
    times_s
        Times since the epoch, s, shape (k,).
    rules
        When a link is up.
    technology
        What rate it has.
    plan
        `link_plan` of the orbits, where it is known already. Links to the nearest satellites follow its links in the
        result.

    Raises
    ------
    InstanceError
        If links between shells are asked for and there is one shell only.
    """
    times = np.atleast_1d(np.asarray(times_s, dtype=float))
    plan, positions = plan or link_plan(orbits, rules), known_positions_m(orbits, times)
    held = np.ones((len(times), len(plan.source)), dtype=bool)
    if rules.inter_shell_links or rules.nearest_links:
        groups = np.arange(len(orbits.ids)) if rules.nearest_links else shell_numbers(orbits)
        plan, extra = with_nearest_links(plan, positions, groups, rules)
        held = np.concatenate([held, extra], axis=1)
    length, up = link_state(positions, plan, rules)
    up &= held
    rate = link_rates(technology, length, plan)
    up &= rate > 0.0
    rate = np.where(up, rate, 0.0)
    return NetworkSeries(orbits.ids, plan, times, positions, length, rate, up)


def link_stability(orbits: Orbits, rules: LinkRules, times_s: ArrayLike, plan: LinkPlan | None = None) -> float:
    """Return the share of the links up at the first time that stay up at all the others, by geometry.

    Parameters
    ----------
    orbits, rules, plan
        As in `observe`; only links of the plan count.
    times_s
        Times since the epoch, s, shape (k,).

    Returns
    -------
    float
        In [0, 1]; 1 without links.
    """
    planned = plan or link_plan(orbits, rules)
    times = np.atleast_1d(np.asarray(times_s, dtype=float))
    up = link_state(known_positions_m(orbits, times), planned, rules)[1]
    return float(up[:, up[0]].all(axis=0).mean()) if up[0].any() else 1.0


def assemble(
    name: str,
    orbits: Orbits,
    network: NetworkSeries,
    k: int,
    roles: Mapping[int, str],
    tasks: Sequence[Task],
    hardware: Hardware,
    accuracy: Accuracy,
    meta: Mapping[str, Any],
) -> Instance:
    """Put one time of a network and its tasks together as an instance.

    Parameters
    ----------
    name, tasks, accuracy, meta
        As in `Instance`.
    orbits
        The satellites, for their planes and slots.
    network, k
        The network and the index of the time within it.
    roles
        Role of satellites by index; the others are relays.
    hardware
        What each role carries.
    """
    where = [tuple(xyz) if xyz[0] == xyz[0] else None for xyz in network.positions_m[k].tolist()]  # NaN is none
    places = zip(network.ids, where, *orbits.planes_and_slots(), strict=True)
    return Instance(
        name=name,
        satellites=tuple(
            hardware.satellite(sat, roles.get(i, "relay"), position_m=xyz, plane=plane, slot=slot)
            for i, (sat, xyz, plane, slot) in enumerate(places)
        ),
        links=network.links(k),
        tasks=tuple(tasks),
        accuracy=accuracy,
        time_s=float(network.times_s[k]),
        meta=meta,
    )
