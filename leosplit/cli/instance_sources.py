"""What ``leosplit instance new`` makes its networks of, from the texts of its options."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from leosplit.cli.output import say, warn

if TYPE_CHECKING:
    from instances import Instance, LinkRules, LinkTechnology, Scenario, TleSet


def torus_size(text: str) -> tuple[int, int]:
    """Read rows and columns."""
    match = re.fullmatch(r"(\d+)[x×](\d+)", text)
    if match is None:
        raise typer.BadParameter(f"must be RxC such as 4x6, got {text!r}", param_hint="--torus")
    return int(match[1]), int(match[2])


def technology(radio: str, across: str | None) -> "str | LinkTechnology":
    """Return the name of one radio, or the radios of both classes of links."""
    from instances import RADIOS, RadioByClass
    from instances.presets import lookup

    if across is None:
        return radio
    return RadioByClass(lookup(RADIOS, radio, "radio"), lookup(RADIOS, across, "radio"))


def link_rules(inter_shell: int, cross_shift: str, nearest: int) -> "LinkRules":
    """Make the link rules; a shift is a whole number or a word."""
    from instances import LinkRules

    if re.fullmatch(r"-?\d{1,6}|nearest", cross_shift) is None:
        raise typer.BadParameter(f"must be a whole number or nearest, got {cross_shift!r}", param_hint="--cross-shift")
    shift: int | Literal["nearest"] = "nearest" if cross_shift == "nearest" else int(cross_shift)
    return LinkRules(inter_shell_links=inter_shell, cross_shift=shift, nearest_links=nearest)


def catalogue(path: Path, epoch: str | None, asked: dict[str, Any]) -> "TleSet":
    """Read a catalogue, print what was found in it, and warn."""
    from instances import SatelliteFilter, read_tle
    from instances.assignment import split_names
    from instances.checks import CHECKS

    values = {key: value for key, value in asked.items() if value is not None}
    for key in ("names", "numbers"):
        if key in values:
            values[key] = tuple(split_names(values[key]))
    for key in ("altitude_km", "inclination_deg"):
        if key in values:
            values[key] = _interval(values[key], f"--{key.replace('_', '-')}")
    when = None if epoch is None else CHECKS.date("--epoch", epoch)
    made = read_tle(path, epoch=when, only=SatelliteFilter(**values))
    say(made.summary(), err=True)
    return made


def _interval(text: str, option: str) -> tuple[float, float]:
    parts = text.split(",")
    try:
        low, high = (float(part) for part in parts)
    except ValueError:
        raise typer.BadParameter(f"must be LOW,HIGH such as 540,560, got {text!r}", param_hint=option) from None
    return low, high


def slot(file: str, number: int) -> "Instance":
    """Make the instance of one slot, or say which slot is the next one with tasks."""
    from instances import Instance, InstanceError
    from leosplit.cli.instance_files import read_instance_or_scenario

    made = read_instance_or_scenario(file)
    if isinstance(made, Instance):
        raise typer.BadParameter(f"{file} is an instance already", param_hint="--slot-of")
    instance = made.instance(number)
    if instance is not None:
        return instance
    later = next(made.slots(number + 1), None)
    where = "no later one has" if later is None else f"the next one with tasks is {later.meta['slot']}"
    raise InstanceError(f"{file}: slot {number} has no task; {where}")


@dataclass(frozen=True)
class Sky:
    """Orbits and links that were asked for.

    Attributes
    ----------
    preset, seed, counts, constellation
        As in `preset_scenario`; `counts` holds the numbers of tasks and computing satellites that were given.
    radio, rules
        Link technology and link rules.
    links
        File of links of one's own.
    orbits
        Satellites of a catalogue, in place of the constellation.
    """

    preset: str
    seed: int
    counts: dict[str, int]
    constellation: str | None
    radio: "str | LinkTechnology"
    rules: "LinkRules"
    links: Path | None
    orbits: "TleSet | None"

    @property
    def needs_time(self) -> bool:
        """Whether only a scenario can hold what was asked for."""
        return self.orbits is not None or self.links is not None

    def preset_instance(self) -> "Instance":
        """Make one instance of the preset."""
        from instances import make_preset

        return make_preset(
            self.preset,
            seed=self.seed,
            constellation=self.constellation,
            radio=self.radio,
            rules=self.rules,
            **self.counts,
        )

    def over_time(self, sensing: str | None, serving: str | None, whole: bool) -> "Instance | Scenario":
        """Make a scenario, or its first slot."""
        from instances import PRESETS, Bursts, Drawn, InstanceError, Roles
        from instances.assignment import parse_selection
        from instances.presets import lookup
        from instances.scenario import served_instance

        base = lookup(PRESETS, self.preset, "preset")
        tasks, computing = self.counts.get("tasks", base.tasks), self.counts.get("computing", base.computing)
        roles = Roles(
            Drawn(tasks) if sensing is None else parse_selection(sensing),
            Drawn(computing) if serving is None else parse_selection(serving),
        )
        made = self._scenario(roles)
        for text in made.warnings():
            warn(text)
        if whole:
            return made
        if sensing is None and serving is None:
            return served_instance(made, tasks, computing)
        instance = replace(made, arrivals=Bursts(float("inf"))).instance(0)
        if instance is None:
            raise InstanceError("no satellite senses")
        return instance

    def _scenario(self, roles: Any) -> "Scenario":
        """Make the scenario, all of it at once, so that nothing is checked against the preset's orbits."""
        from instances import Scenario, parse_constellation, read_links
        from instances.presets import PRESETS, lookup
        from instances.scenario import preset_scenario

        base = lookup(PRESETS, self.preset, "preset")
        if self.orbits is None and self.links is None:
            return preset_scenario(
                self.preset,
                seed=self.seed,
                roles=roles,
                constellation=self.constellation,
                radio=self.radio,
                rules=self.rules,
            )
        orbits = self.orbits or parse_constellation(self.constellation or base.constellation)
        path = None if self.orbits is None else Path(self.orbits.source)
        meta: dict[str, Any] = {"preset": self.preset} if path is None else {"tle": path.name}
        if self.orbits is not None:
            meta["catalogue"] = self.orbits.summary().splitlines()
        return Scenario(
            self.preset if path is None else path.stem,
            orbits,
            rules=self.rules,
            technology=preset_scenario(self.preset, radio=self.radio).technology,
            roles=roles,
            links=None if self.links is None else read_links(self.links, orbits.ids),
            seed=self.seed,
            meta=meta,
        )
