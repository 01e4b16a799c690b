"""A scenario: a constellation, its links and its tasks over hours, cut into quasi-static slots."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fitting.presets import preset_curves
from instances.assignment import Drawn, Listed, Roles
from instances.checks import CHECKS, InstanceError, number, text, whole
from instances.constellation import MAXIMUM_SATELLITES, Array, Constellation, parse_constellation
from instances.failures import Failures
from instances.ground import as_utc, earth_fixed_m, ground_track_deg
from instances.instance import Accuracy, Instance
from instances.isl import LinkPlan, LinkRules, require_plane_links
from instances.link_budget import RADIOS, STANDARD_RADIO, LinkTechnology
from instances.presets import EPOCH, PRESETS, SLOT_S, SPAN_S, lookup
from instances.roles import components, draw_roles
from instances.series import NetworkSeries, Orbits, assemble, link_plan, link_stability, observe, shell_numbers
from instances.stations import Downlink
from instances.task_model import Hardware, TaskModel

MAXIMUM_SLOTS = 10_000_000
"""More than a year of slots of 4 s."""
LONGEST_S = 1e10
"""Longest time from the epoch and longest span, s: three centuries, far beyond what elements can foresee."""


@dataclass(frozen=True)
class Bursts:
    """Tasks that arrive in bursts: a Poisson number of bursts a slot, each with several tasks at once.

    A burst's tasks fall on distinct sensing satellites without a task in that slot, drawn uniformly; tasks that find
    none are lost.

    Attributes
    ----------
    per_hour
        Mean number of bursts an hour; ``inf`` gives every sensing satellite a task in every slot.
    tasks
        Least and most tasks of a burst, drawn uniformly.
    """

    per_hour: float = 6.0
    tasks: tuple[int, int] = (3, 6)

    def __post_init__(self) -> None:
        """Reject numbers out of range."""
        if self.per_hour != math.inf:
            number("arrivals.per_hour", self.per_hour, 0.0, 1e6)
        low, high = (whole("arrivals.tasks", value, 1) for value in self.tasks)
        if not low <= high <= MAXIMUM_SATELLITES:
            raise InstanceError(f"arrivals.tasks must be [least, most] up to {MAXIMUM_SATELLITES}, got [{low}, {high}]")
        object.__setattr__(self, "tasks", (low, high))

    def draw(self, rng: np.random.Generator, sensing: NDArray[np.intp], slot_s: float) -> NDArray[np.intp]:
        """Draw the satellites that get a task in one slot, ascending.

        Parameters
        ----------
        rng
            The slot's source of randomness.
        sensing
            Indices of the sensing satellites.
        slot_s
            Length of the slot, s.
        """
        if math.isinf(self.per_hour):
            return sensing
        bursts = int(rng.poisson(self.per_hour * slot_s / 3600.0))
        wanted = int(rng.integers(self.tasks[0], self.tasks[1], size=bursts, endpoint=True).sum())
        return np.sort(rng.choice(sensing, size=min(wanted, len(sensing)), replace=False))


@dataclass(frozen=True)
class LinkOverride:
    """A rate that replaces what the link technology gives.

    Attributes
    ----------
    source, target
        Ids of the directed link's ends.
    rate_bps
        Its rate while it is up, bit/s, > 0.
    """

    source: str
    target: str
    rate_bps: float

    def __post_init__(self) -> None:
        """Reject a rate that is none."""
        text("overrides: from", self.source)
        text("overrides: to", self.target)
        number(f"overrides: rate_bps of {self.source} -> {self.target}", self.rate_bps, above=0.0)


@dataclass(frozen=True)
class Scenario:
    """A constellation with its links, radio and tasks over a span of slots.

    Slot k is the network at t0 + k·Δt. Each slot draws from a generator of its own, seeded by (seed, k), so a slot does
    not depend on which others were made.

    Attributes
    ----------
    name
        Name; slot k's instance is called ``name-k``.
    orbits
        The satellites: a `Constellation`, a `TleSet` or any other `Orbits`.
    rules, technology
        When links are up, and their rates.
    roles, arrivals, task_model, hardware, accuracy
        Who senses and computes, when tasks arrive, what they ask for, what satellites carry, the mAP curves.
    links
        Pairs of satellite ids to link in place of the grid; None keeps the grid or what `rules` put in its place.
    downlink
        How results reach the ground in `simulate`, beyond the paper; None leaves them in orbit.
    overrides, failures
        Links with a rate of their own, and links that are out of order.
    epoch
        Time 0, UTC; None takes that of a `TleSet`, else the presets'.
    t0_s, slot_s, span_s
        Time of slot 0 after the epoch, length of a slot Δt and of all slots, s.
    seed
        Seed of everything drawn, at least 0.
    meta
        Free-form, kept in each instance.
    """

    name: str
    orbits: Orbits
    rules: LinkRules = field(default_factory=LinkRules)
    technology: LinkTechnology = STANDARD_RADIO
    roles: Roles = field(default_factory=lambda: Roles(Drawn(5), Drawn(2)))
    arrivals: Bursts = field(default_factory=Bursts)
    task_model: TaskModel = field(default_factory=TaskModel)
    hardware: Hardware = field(default_factory=Hardware)
    accuracy: Accuracy = field(default_factory=lambda: Accuracy(*preset_curves()))
    links: tuple[tuple[str, str], ...] | None = None
    downlink: Downlink | None = None
    overrides: tuple[LinkOverride, ...] = ()
    failures: Failures = field(default_factory=Failures)
    epoch: datetime | None = None
    t0_s: float = 0.0
    slot_s: float = SLOT_S
    span_s: float = SPAN_S
    seed: int = 0
    meta: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Check what can be checked without computing a slot."""
        text("name", self.name)
        CHECKS.free_form("meta", self.meta)
        number("t0_s", self.t0_s, -LONGEST_S, LONGEST_S)
        number("slot_s", self.slot_s, above=0.0)
        number("span_s", self.span_s, self.slot_s)
        if self.span_s / self.slot_s > MAXIMUM_SLOTS:
            raise InstanceError(
                f"span_s must hold at most {MAXIMUM_SLOTS} slots of slot_s {self.slot_s:g}, got {self.span_s:g}"
            )
        number("span_s", self.span_s, high=LONGEST_S)
        CHECKS.seed("seed", self.seed)
        own: datetime | None = getattr(self.orbits, "epoch", None)
        epoch = as_utc(self.epoch or own or datetime.fromisoformat(EPOCH))
        if own is not None and as_utc(own) != epoch:
            raise InstanceError(f"epoch {epoch:%FT%TZ} differs from that of the element sets, {own:%FT%TZ}")
        object.__setattr__(self, "epoch", epoch)
        if self.links is not None:
            object.__setattr__(self, "links", tuple((a, b) for a, b in self.links))
            if self.rules.nearest_links or self.rules.cross_shift:
                raise InstanceError("links replaces the grid, so rules.nearest_links and rules.cross_shift must be 0")
        elif isinstance(self.orbits, Constellation) and not self.rules.nearest_links:
            require_plane_links(self.orbits, self.rules)
        _ = self._fixed_roles, self._override_places
        self.failures.down(self.orbits.ids, self._plan)
        self.failures.require_slot(self.slot_s)
        if self.rules.inter_shell_links:
            shell_numbers(self.orbits)

    @cached_property
    def _plan(self) -> LinkPlan:
        return link_plan(self.orbits, self.rules, self.links)

    @cached_property
    def _fixed_roles(self) -> tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None]:
        return self.roles.fixed(self.orbits.ids, self.seed)

    @cached_property
    def _override_places(self) -> list[tuple[int, float]]:
        """Planned link and rate of each override."""
        ids, plan = self.orbits.ids, self._plan
        place = {(ids[a], ids[b]): k for k, (a, b) in enumerate(zip(plan.source, plan.target, strict=True))}
        for one in self.overrides:
            if (one.source, one.target) not in place:
                raise InstanceError(f"overrides: there is no link from {one.source!r} to {one.target!r}")
        return [(place[one.source, one.target], one.rate_bps) for one in self.overrides]

    def warnings(self) -> list[str]:
        """Sentences on what is allowed but most often a mistake: of the orbits and of the link technology."""
        found: list[str] = []
        for part in (self.orbits, self.technology):
            found += part.warnings() if hasattr(part, "warnings") else []
        return found

    def stability(self, span_s: float, step_s: float = 600.0) -> float:
        """Return the share of the links up at slot 0 that stay up over a span, see `link_stability`.

        Parameters
        ----------
        span_s, step_s
            The span and the time between looks, s.
        """
        times = self.t0_s + np.append(np.arange(0.0, span_s, step_s), span_s)
        return link_stability(self.orbits, self.rules, times, self._plan)

    @property
    def count(self) -> int:
        """Number of slots in the span."""
        return int(self.span_s / self.slot_s + 1e-9)

    @property
    def start(self) -> datetime:
        """The epoch, UTC, never None."""
        return as_utc(self.epoch or datetime.fromisoformat(EPOCH))

    def time_s(self, slots: ArrayLike) -> Array:
        """Return the times of slots after the epoch, s, same shape as given."""
        return np.asarray(self.t0_s + self.slot_s * np.asarray(slots, dtype=float))

    def network(self, slots: ArrayLike) -> NetworkSeries:
        """Compute the network of the given slots, failures and overrides included.

        Parameters
        ----------
        slots
            Slot numbers, shape (k,) or one number.
        """
        which = np.atleast_1d(np.asarray(slots, dtype=int))
        if which.size and not (which.min() >= 0 and which.max() < self.count):
            raise InstanceError(f"slots must be in [0, {self.count - 1}], got {which.min()} to {which.max()}")
        series = observe(self.orbits, self.time_s(which), self.rules, self.technology, self._plan)
        if self.failures != Failures():
            for k, slot in enumerate(which.tolist()):
                self._fail(series, k, slot)
        for place, rate in self._override_places:
            series.rate_bps[:, place] = rate
        series.rate_bps[~series.up] = 0.0
        return series

    def _fail(self, series: NetworkSeries, k: int, slot: int) -> None:
        """Take down what is out of order in a slot; a link between shells is a new one whenever it forms."""
        planned = len(self._plan.source)
        down, dead = self.failures.down(series.ids, self._plan, self.seed, slot, self.slot_s)
        series.up[k, :planned] &= ~down
        source, target = series.plan.source[planned:], series.plan.target[planned:]
        pairs = np.flatnonzero(series.up[k, planned::2])  # both directions stand side by side
        failed = np.random.default_rng([self.seed, 4, slot]).random(len(pairs)) < self.failures.link_rate
        series.up[k, planned:] &= ~(dead[source] | dead[target])
        for first in planned + 2 * pairs[failed]:
            series.up[k, first : first + 2] = False

    def instance(self, slot: int) -> Instance | None:
        """Make the instance of one slot; None if no task arrives in it.

        Tasks whose satellite cannot reach a computing one are part of it: what to do about them is the caller's choice.

        Parameters
        ----------
        slot
            Its number, from 0.
        """
        rng = np.random.default_rng([self.seed, 2, slot])
        fixed = self._fixed_roles
        if fixed[0] is not None and fixed[1] is not None:  # known without the network, which takes longer
            sensing, computing = np.flatnonzero(fixed[0]), np.flatnonzero(fixed[1])
            busy = self.arrivals.draw(rng, sensing, self.slot_s)
            if not len(busy):
                return None
            series = self.network(slot)
        else:
            series = self.network(slot)
            latitude, longitude = ground_track_deg(series.positions_m, series.times_s, self.start)
            fixed_m = earth_fixed_m(series.positions_m, series.times_s, self.start)[0]
            sensing, computing = self.roles.at(fixed, latitude[0], longitude[0], fixed_m)
            busy = self.arrivals.draw(rng, sensing, self.slot_s)
            if not len(busy):
                return None
        return assemble(
            f"{self.name}-{slot:04d}",
            self.orbits,
            series,
            0,
            dict.fromkeys(sensing.tolist(), "remote_sensing") | dict.fromkeys(computing.tolist(), "computing"),
            [self.task_model.draw(rng, series.ids[k]) for k in busy],
            self.hardware,
            self.accuracy,
            {**self.meta, "scenario": self.name, "slot": slot, "epoch": f"{self.start:%FT%TZ}", "seed": self.seed},
        )

    def slots(self, start: int = 0, stop: int | None = None) -> Iterator[Instance]:
        """Yield the instances of the slots that have a task, one at a time; ``meta["slot"]`` tells the number.

        Parameters
        ----------
        start, stop
            First slot, and the one to stop before; the whole span by default.
        """
        for slot in range(start, self.count if stop is None else min(stop, self.count)):
            made = self.instance(slot)
            if made is not None:
                yield made


def preset_scenario(
    name: str,
    *,
    seed: int = 0,
    roles: Roles | None = None,
    constellation: str | None = None,
    radio: str | LinkTechnology = "standard",
    rules: LinkRules | None = None,
) -> Scenario:
    """Make the scenario of a preset: its constellation, counts and radio over 12 h of 60 s slots, tasks in bursts.

    Parameters
    ----------
    name
        A key of `PRESETS`.
    seed
        Draws roles, bursts and tasks.
    roles
        Roles in place of the preset's drawn ones.
    constellation
        Constellation code in place of the preset's.
    radio
        A key of `RADIOS`, or a link technology of your own.
    rules
        When links are up; `LinkRules()` by default.

    Raises
    ------
    InstanceError
        If there is no such preset or radio.
    """
    preset = lookup(PRESETS, name, "preset")
    technology = lookup(RADIOS, radio, "radio") if isinstance(radio, str) else radio
    return Scenario(
        name,
        parse_constellation(constellation or preset.constellation),
        rules=rules or LinkRules(),
        technology=technology,
        roles=roles or Roles(Drawn(preset.tasks), Drawn(preset.computing)),
        seed=seed,
        meta={"preset": name},
    )


def served_instance(scenario: Scenario, tasks: int, computing: int) -> Instance:
    """Make slot 0 of a scenario with roles drawn so that every task can be served, whatever its own roles are.

    Parameters
    ----------
    scenario
        The scenario; every sensing satellite gets a task.
    tasks, computing
        Numbers of tasks and computing satellites; see `draw_roles`.

    Raises
    ------
    InstanceError
        If no draw can be served.
    """
    series = scenario.network(0)
    up, ids = series.up[0], series.ids
    labels = components(len(ids), series.plan.source[up], series.plan.target[up])
    senses, computes = draw_roles(np.random.default_rng([scenario.seed, 3]), labels, tasks, computing)
    roles = Roles(Listed(tuple(ids[k] for k in senses)), Listed(tuple(ids[k] for k in computes)))
    made = replace(scenario, roles=roles, arrivals=Bursts(math.inf)).instance(0)
    if made is None:
        raise InstanceError(f"{scenario.name}: no task in slot 0")
    return made
