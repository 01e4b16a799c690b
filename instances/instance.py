"""One instance: one slot's quasi-static network, its tasks and their accuracy curves."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

from fitting import Curve, Triangulated
from fitting.checks import repeated, short
from instances.checks import CHECKS, InstanceError, choice, number, numbers, text, whole
from instances.network import Network, build_network

ROLES = ("remote_sensing", "relay", "computing")
DIRECTIONS = ("fore", "aft", "left", "right")
RESIDUAL_ACCURACIES = ("mean_residual", "mean_of_levels")


def _set(target: Any, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(target, name, value)


@dataclass(frozen=True)
class Satellite:
    """A node of the network.

    Attributes
    ----------
    id
        Unique name.
    role
        `remote_sensing`, `relay` or `computing`; any satellite may relay.
    ops_per_s
        Computing capacity F_k [op/s]; needed unless the role is `relay`.
    utilization
        Delivered share η_k of that capacity, in (0, 1]; needed unless the role is `relay`.
    relay_s_per_bit
        Relay processing time τ_k [s/bit].
    position_m
        Inertial position [m], shape (3,), or None.
    plane, slot
        Place in the constellation, or None.
    joule_per_op
        Energy of one operation done there [J/op].
    transmit_w
        Power of each transmitter while it sends [W].
    """

    id: str
    role: str
    ops_per_s: float | None = None
    utilization: float | None = None
    relay_s_per_bit: float = 0.0
    position_m: tuple[float, ...] | None = None
    plane: int | None = None
    slot: int | None = None
    joule_per_op: float = 0.0
    transmit_w: float = 0.0

    def __post_init__(self) -> None:
        text("id", self.id)
        choice("role", self.role, ROLES)
        for name, limits in (("ops_per_s", {"above": 0.0}), ("utilization", {"above": 0.0, "high": 1.0})):
            value = getattr(self, name)
            if value is not None:
                _set(self, **{name: number(name, value, **limits)})
            elif self.role != "relay":
                raise InstanceError(f"{name} is missing: a {self.role} satellite needs it")
        for name in ("relay_s_per_bit", "joule_per_op", "transmit_w"):
            _set(self, **{name: number(name, getattr(self, name), 0.0)})
        if self.position_m is not None:
            _set(self, position_m=numbers("position_m", self.position_m, 3))
        for name in ("plane", "slot"):
            if getattr(self, name) is not None:
                _set(self, **{name: whole(name, getattr(self, name), 0)})


@dataclass(frozen=True)
class Link:
    """A directed inter-satellite link.

    Attributes
    ----------
    source, target
        Satellite ids (`from` and `to` in files).
    rate_bps
        Rate R_l [bit/s].
    length_m
        Length d_l [m].
    direction
        `fore`, `aft`, `left`, `right`, or None where the network has no directions.
    """

    source: str
    target: str
    rate_bps: float
    length_m: float
    direction: str | None = None

    def __post_init__(self) -> None:
        text("from", self.source)
        text("to", self.target)
        if self.source == self.target:
            raise InstanceError(f"from and to must differ, got {short(self.source)} twice")
        _set(
            self, rate_bps=number("rate_bps", self.rate_bps, above=0.0), length_m=number("length_m", self.length_m, 0.0)
        )
        if self.direction is not None:
            choice("direction", self.direction, DIRECTIONS)


@dataclass(frozen=True)
class Accuracy:
    """The two mAP curves: f over mean residual [bit/pixel] and g over model packet [bit]."""

    large: Curve
    small: Curve
    surface: Triangulated | None = None

    def at(self, feature_bpp: float) -> "Accuracy":
        """Return the curves at one feature rate [bit/pixel]; the same where f has one input."""
        return self if self.surface is None else Accuracy(self.surface.at(feature_bpp), self.small)


@dataclass(frozen=True)
class Task:
    """The work of one remote-sensing satellite in one slot.

    Attributes
    ----------
    satellite
        Id of the remote-sensing satellite m.
    frames
        N_m, number of frames.
    pixels_per_frame
        P_m [pixel].
    bits_per_pixel
        b_m [bit/pixel].
    feature_bits_per_frame
        d^F_m [bit].
    feature_ops_per_bit
        φ_m [op/bit].
    small_ops_per_frame, large_ops_per_frame
        o^S_m, o^L_m [op/frame].
    residual_levels_bpp
        q_1 < … < q_S [bit/pixel], without the level 0.
    model_packet_bits_range
        (D^min, D^max) [bit].
    large_map_min, small_map_min
        Targets A^L_m of (4b) and A^S_m of (4c).
    computing_satellite
        Fixes c(m), or None where it is a decision.
    accuracy
        Curves of this task alone, or None for the instance's.
    feature_bits_per_frame_range
        (lower, upper) [bit] where d^F_m is a decision, with f of two inputs. `feature_bits_per_frame` is then that of
        the least data packet of (5), which `Instance` puts there: the same for every ρ, and so optimal in (4) too.
    weight
        w_m > 0 of T_m in the mean, Σ w_m T_m / Σ w_m.
    deadline_s
        Largest T_m that is allowed [s], or None.
    offload_ratio_range
        (lower, upper) limit of ρ_m, within [0, 1].
    """

    satellite: str
    frames: int
    pixels_per_frame: float
    bits_per_pixel: float
    feature_bits_per_frame: float
    feature_ops_per_bit: float
    small_ops_per_frame: float
    large_ops_per_frame: float
    residual_levels_bpp: tuple[float, ...]
    model_packet_bits_range: tuple[float, ...]
    large_map_min: float
    small_map_min: float
    computing_satellite: str | None = None
    accuracy: Accuracy | None = None
    feature_bits_per_frame_range: tuple[float, ...] | None = None
    weight: float = 1.0
    deadline_s: float | None = None
    offload_ratio_range: tuple[float, ...] = (0.0, 1.0)

    def __post_init__(self) -> None:
        text("satellite", self.satellite)
        _set(self, frames=whole("frames", self.frames, 1))
        for name in ("pixels_per_frame", "bits_per_pixel", "small_ops_per_frame", "large_ops_per_frame"):
            _set(self, **{name: number(name, getattr(self, name), above=0.0)})
        for name in ("feature_bits_per_frame", "feature_ops_per_bit"):
            _set(self, **{name: number(name, getattr(self, name), 0.0)})
        for name in ("large_map_min", "small_map_min"):
            _set(self, **{name: number(name, getattr(self, name), 0.0, 1.0)})
        levels = numbers("residual_levels_bpp", self.residual_levels_bpp, above=0.0)
        if not levels or any(a >= b for a, b in pairwise(levels)):
            raise InstanceError(
                f"residual_levels_bpp must be non-empty and strictly ascending, got {short(list(levels))}"
            )
        _set(self, residual_levels_bpp=levels, weight=number("weight", self.weight, above=0.0))
        if self.computing_satellite is not None:
            text("computing_satellite", self.computing_satellite)
        if self.deadline_s is not None:
            _set(self, deadline_s=number("deadline_s", self.deadline_s, above=0.0))
        ranges = {"model_packet_bits_range": math.inf, "offload_ratio_range": 1.0}
        if self.feature_bits_per_frame_range is not None:
            ranges["feature_bits_per_frame_range"] = math.inf
        for name, most in ranges.items():
            low, high = numbers(name, getattr(self, name), 2, low=0.0, high=most)
            if low > high:
                raise InstanceError(f"{name} must be [lower, upper], got [{low:g}, {high:g}]")
            _set(self, **{name: (low, high)})

    @property
    def pixels(self) -> float:
        """N_m P_m [pixel]."""
        return self.frames * self.pixels_per_frame

    @property
    def volume_bits(self) -> float:
        """V_m = N_m P_m b_m [bit]."""
        return self.pixels * self.bits_per_pixel


@dataclass(frozen=True)
class Instance:
    """One slot of the network with its tasks: what every scheme and solver is given.

    Attributes
    ----------
    name
        Name of the instance.
    satellites, links, tasks
        Its parts; links are directed, at most one per ordered pair; at most one task per satellite.
    accuracy
        The curves of every task that brings none of its own.
    residual_accuracy
        `mean_residual` reads f at the mean residual; `mean_of_levels` averages f over the levels.
    time_s
        Time of the slot [s], or None.
    meta
        Free-form, kept in files.
    """

    name: str
    satellites: tuple[Satellite, ...]
    links: tuple[Link, ...]
    tasks: tuple[Task, ...]
    accuracy: Accuracy
    residual_accuracy: str = "mean_residual"
    time_s: float | None = None
    meta: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        text("name", self.name)
        CHECKS.free_form("meta", self.meta)
        _set(self, satellites=tuple(self.satellites), links=tuple(self.links), tasks=tuple(self.tasks))
        choice("residual_accuracy", self.residual_accuracy, RESIDUAL_ACCURACIES)
        if self.time_s is not None:
            _set(self, time_s=number("time_s", self.time_s))
        self._check_network()
        self._check_tasks()
        from instances.overflow import require_finite_delays  # it needs the parts of this module

        require_finite_delays(self._satellites, self.links, self.tasks)
        _set(self, tasks=tuple(self._with_features(task, f"tasks[{i}]") for i, task in enumerate(self.tasks)))

    def _check_network(self) -> None:
        if len(self._satellites) != len(self.satellites):
            twice = repeated(satellite.id for satellite in self.satellites)
            raise InstanceError(f"satellites: ids must be unique, {short(twice)} stands twice")
        for i, link in enumerate(self.links):
            for key, end in (("from", link.source), ("to", link.target)):
                if end not in self._satellites:
                    raise InstanceError(f"links[{i}].{key} must be the id of a satellite, got {short(end)}")
        if len(self._links) != len(self.links):
            seen: set[tuple[str, str]] = set()
            for i, link in enumerate(self.links):
                if (link.source, link.target) in seen:
                    raise InstanceError(
                        f"links[{i}]: one entry a direction, {short(link.source)} to {short(link.target)} stands twice"
                    )
                seen.add((link.source, link.target))

    def _check_tasks(self) -> None:
        if not self.tasks:
            raise InstanceError("tasks must hold at least one task")
        seen: set[str] = set()
        for i, task in enumerate(self.tasks):
            where = f"tasks[{i}]"
            if task.satellite not in self._satellites:
                raise InstanceError(f"{where}.satellite must be the id of a satellite, got {short(task.satellite)}")
            role = self._satellites[task.satellite].role
            if role != "remote_sensing":
                raise InstanceError(
                    f"{where}.satellite must be a remote_sensing satellite, {task.satellite!r} is {role}"
                )
            if task.satellite in seen:
                raise InstanceError(f"{where}.satellite: at most one task a satellite, {task.satellite!r} has two")
            seen.add(task.satellite)
            fixed = task.computing_satellite
            if fixed is not None and (fixed not in self._satellites or self._satellites[fixed].role != "computing"):
                raise InstanceError(
                    f"{where}.computing_satellite must be the id of a computing satellite, got {short(fixed)}"
                )

    def _with_features(self, task: Task, where: str) -> Task:
        """Return the task with its decided feature bits, where they are a decision."""
        limits, accuracy = task.feature_bits_per_frame_range, task.accuracy or self.accuracy
        if limits is None:
            return task
        if accuracy.surface is None:
            raise InstanceError(
                f"{where}.feature_bits_per_frame_range needs accuracy.large of the kind triangulated, of two inputs"
            )
        if self.residual_accuracy != "mean_residual":
            raise InstanceError(f"{where}.feature_bits_per_frame_range needs residual_accuracy 'mean_residual'")
        low, high = (bits / task.pixels_per_frame for bits in limits)
        best = accuracy.surface.least_rates(task.large_map_min, (low, high), (0.0, task.residual_levels_bpp[-1]))
        bits = limits[1] if best is None else best[0] * task.pixels_per_frame

        def packet(bits: float) -> float:
            curve = accuracy.at(bits / task.pixels_per_frame).large
            residual = curve.inverse(task.large_map_min, 0.0, task.residual_levels_bpp[-1])
            return math.inf if residual is None else bits + task.pixels_per_frame * residual

        # the least residual may jump just there, and bits over pixels need not round to the rate that was found
        near = [bits, *(bits * (1 + share) for share in (1e-12, -1e-12))]
        return replace(task, feature_bits_per_frame=min((min(max(b, limits[0]), limits[1]) for b in near), key=packet))

    @cached_property
    def _accuracies(self) -> dict[str, Accuracy]:
        """Curves of each task by its satellite, at its feature rate."""
        return {
            task.satellite: (task.accuracy or self.accuracy).at(task.feature_bits_per_frame / task.pixels_per_frame)
            for task in self.tasks
        }

    @cached_property
    def _satellites(self) -> dict[str, Satellite]:
        return {satellite.id: satellite for satellite in self.satellites}

    @cached_property
    def _links(self) -> dict[tuple[str, str], Link]:
        return {(link.source, link.target): link for link in self.links}

    @cached_property
    def _out_links(self) -> dict[str, tuple[Link, ...]]:
        out: dict[str, list[Link]] = {satellite.id: [] for satellite in self.satellites}
        for link in self.links:
            out[link.source].append(link)
        return {name: tuple(links) for name, links in out.items()}

    def satellite(self, name: str) -> Satellite:
        """Return the satellite with this id (KeyError if there is none)."""
        return self._satellites[name]

    def has_satellite(self, name: str) -> bool:
        """Tell whether a satellite has this id."""
        return name in self._satellites

    def link(self, source: str, target: str) -> Link:
        """Return the link from `source` to `target` (KeyError if there is none)."""
        return self._links[source, target]

    def has_link(self, source: str, target: str) -> bool:
        """Tell whether there is a link from `source` to `target`."""
        return (source, target) in self._links

    def out_links(self, name: str) -> tuple[Link, ...]:
        """Return the links that leave this satellite, in file order."""
        return self._out_links[name]

    @cached_property
    def network(self) -> Network:
        """The satellites and links as arrays."""
        links = [(link.source, link.target, link.rate_bps, link.length_m) for link in self.links]
        relay = [satellite.relay_s_per_bit for satellite in self.satellites]
        return build_network([satellite.id for satellite in self.satellites], relay, links)

    @cached_property
    def with_energy(self) -> tuple[str, ...]:
        """Ids of the satellites whose energy is known: `joule_per_op` or `transmit_w` is given."""
        return tuple(s.id for s in self.satellites if s.joule_per_op > 0 or s.transmit_w > 0)

    @cached_property
    def computing(self) -> tuple[str, ...]:
        """Ids of the computing satellites, in file order."""
        return tuple(satellite.id for satellite in self.satellites if satellite.role == "computing")

    def candidates(self, task: Task) -> tuple[str, ...]:
        """Return the computing satellites that may serve this task, in file order."""
        return self.computing if task.computing_satellite is None else (task.computing_satellite,)

    def accuracy_of(self, task: Task) -> Accuracy:
        """Return the curves that hold for this task, f at its feature rate."""
        accuracy = task.accuracy or self.accuracy
        return accuracy if accuracy.surface is None else self._accuracies[task.satellite]
