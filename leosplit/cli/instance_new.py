"""``leosplit instance new``: an instance or a scenario from a preset, a torus, a graph, SNDlib or element sets."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leosplit.cli.output import print_json, say

if TYPE_CHECKING:
    from instances import Instance, Scenario


def command(
    preset: Annotated[str, typer.Option(help="Preset: iridium, paper, hotspot or shell.")] = "iridium",
    seed: Annotated[int, typer.Option(min=0, help="Draws slot, roles and tasks.")] = 0,
    tasks: Annotated[int | None, typer.Option(min=1, help="Number of tasks.")] = None,
    computing: Annotated[int | None, typer.Option(min=1, help="Number of computing satellites.")] = None,
    constellation: Annotated[str | None, typer.Option(metavar="CODE", help="Such as D:550:53:1584/72/39.")] = None,
    radio: Annotated[
        str, typer.Option(help="standard, small-dish, shannon, optical-2.5g, optical-10g, optical-100g.")
    ] = "standard",
    inter_shell: Annotated[
        int, typer.Option(min=0, max=100, metavar="K", help="Links of each satellite to the nearest of other shells.")
    ] = 0,
    tle: Annotated[Path | None, typer.Option(help="Satellites of a file of element sets.")] = None,
    torus: Annotated[str | None, typer.Option(metavar="RxC", help="A torus of R planes with C satellites.")] = None,
    spread: Annotated[float, typer.Option(min=0, max=0.99, help="Torus: rates differ by up to ±this share.")] = 0.3,
    graph: Annotated[Path | None, typer.Option(help="A graph: GraphML, or node-link JSON.")] = None,
    rate_key: Annotated[str, typer.Option(help="Graph: attribute with the rate in bit/s.")] = "rate_bps",
    length_key: Annotated[str, typer.Option(help="Graph: attribute with the length in m.")] = "length_m",
    sndlib: Annotated[Path | None, typer.Option(help="An SNDlib network, for the routing problem.")] = None,
    slot_of: Annotated[str | None, typer.Option(metavar="SCENARIO", help="A slot of a scenario file.")] = None,
    slot: Annotated[int, typer.Option(min=0, metavar="K", help="Which slot of --slot-of.")] = 0,
    scenario: Annotated[bool, typer.Option("--scenario", help="A scenario over hours, not one slot.")] = False,
    sensing: Annotated[
        str | None, typer.Option(metavar="SELECTION", help="Scenario, TLE: who senses: ids, pattern or number.")
    ] = None,
    serving: Annotated[
        str | None, typer.Option(metavar="SELECTION", help="Scenario, TLE: who computes: ids, pattern or number.")
    ] = None,
    large: Annotated[Path | None, typer.Option(help="File of f, as fit -o writes it.")] = None,
    small: Annotated[Path | None, typer.Option(help="File of g, as fit -o writes it.")] = None,
    large_map_min: Annotated[float | None, typer.Option(min=0, max=1, help="Target of f, all tasks.")] = None,
    small_map_min: Annotated[float | None, typer.Option(min=0, max=1, help="Target of g, all tasks.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write; stdout when left out.")] = None,
) -> None:
    """Make an instance, or a scenario with --scenario."""
    given = {"--torus": torus, "--graph": graph, "--sndlib": sndlib, "--slot-of": slot_of}
    given |= {"--tle": tle, "--constellation": constellation}
    sources = [name for name, value in given.items() if value is not None]
    if len(sources) > 1:
        raise typer.BadParameter("cannot be combined", param_hint=" and ".join(sources))
    if scenario and (torus or graph or sndlib or slot_of):
        raise typer.BadParameter(f"cannot be made of {sources[0]}", param_hint="--scenario")
    if inter_shell and (torus or graph or sndlib or slot_of):
        raise typer.BadParameter(f"does not go with {sources[0]}", param_hint="--inter-shell")
    if (sensing or serving) and not (scenario or tle):
        raise typer.BadParameter("need --scenario or --tle", param_hint="--sensing and --serving")
    from instances import Scenario, generate_torus, make_preset, read_graph, read_sndlib
    from instances.accuracy import scenario_with_accuracy, with_accuracy

    counts: dict[str, Any] = {"tasks": tasks, "computing": computing}
    counts = {key: value for key, value in counts.items() if value is not None}
    made: Instance | Scenario
    if torus is not None:
        made = generate_torus(*_size(torus), seed=seed, spread=spread, **counts)
    elif graph is not None:
        made = read_graph(graph, seed=seed, rate_key=rate_key, length_key=length_key, **counts)
    elif sndlib is not None:
        made = read_sndlib(sndlib, tasks=tasks)
    elif slot_of is not None:
        made = _slot(slot_of, slot)
    elif scenario or tle is not None:
        made = _over_time(preset, seed, counts, constellation, radio, inter_shell, tle, sensing, serving, scenario)
    else:
        shells: dict[str, Any] = {"constellation": constellation, "inter_shell_links": inter_shell}
        made = make_preset(preset, seed=seed, radio=radio, **shells, **counts)
    own = (large, small, large_map_min, small_map_min)
    if isinstance(made, Scenario):
        _save_scenario(scenario_with_accuracy(made, *own), out)
    else:
        _save_instance(with_accuracy(made, *own), out)


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)[x×](\d+)", text)
    if match is None:
        raise typer.BadParameter(f"must be RxC such as 4x6, got {text!r}", param_hint="--torus")
    return int(match[1]), int(match[2])


def _slot(file: str, slot: int) -> "Instance":
    """Make the instance of one slot, or say which slot is the next one with tasks."""
    from instances import Instance, InstanceError
    from leosplit.cli.instance_files import read_instance_or_scenario

    made = read_instance_or_scenario(file)
    if isinstance(made, Instance):
        raise typer.BadParameter(f"{file} is an instance already", param_hint="--slot-of")
    instance = made.instance(slot)
    if instance is not None:
        return instance
    later = next(made.slots(slot + 1), None)
    where = "no later one has" if later is None else f"the next one with tasks is {later.meta['slot']}"
    raise InstanceError(f"{file}: slot {slot} has no task; {where}")


def _over_time(
    preset: str,
    seed: int,
    counts: dict[str, int],
    constellation: str | None,
    radio: str,
    inter_shell: int,
    tle: Path | None,
    sensing: str | None,
    serving: str | None,
    whole: bool,
) -> "Instance | Scenario":
    """Make a scenario, or its first slot."""
    from dataclasses import replace

    from instances import PRESETS, Bursts, Drawn, InstanceError, Roles, preset_scenario, read_tle
    from instances.assignment import parse_selection
    from instances.presets import lookup
    from instances.scenario import served_instance

    base = lookup(PRESETS, preset, "preset")
    tasks, computing = counts.get("tasks", base.tasks), counts.get("computing", base.computing)
    roles = Roles(
        Drawn(tasks) if sensing is None else parse_selection(sensing),
        Drawn(computing) if serving is None else parse_selection(serving),
    )
    own = None if tle else roles
    links = 0 if tle else inter_shell
    made = preset_scenario(
        preset, seed=seed, roles=own, constellation=constellation, radio=radio, inter_shell_links=links
    )
    if tle is not None:
        rules = replace(made.rules, inter_shell_links=inter_shell)
        named: dict[str, Any] = {"name": tle.stem, "meta": {"tle": tle.name}}
        made = replace(made, orbits=read_tle(tle), rules=rules, roles=roles, epoch=None, **named)
    if whole:
        return made
    if sensing is None and serving is None:
        return served_instance(made, tasks, computing)
    instance = replace(made, arrivals=Bursts(float("inf"))).instance(0)
    if instance is None:
        raise InstanceError("no satellite senses")
    return instance


def _save_instance(made: "Instance", out: Path | None) -> None:
    from instances import instance_to_dict, parse_constellation, write_instance

    if out is None:
        print_json(instance_to_dict(made))
        return
    write_instance(made, out)
    say(f"{out}: {made.name}, {len(made.satellites)} satellites, {len(made.links)} links", err=True)
    if "constellation" in made.meta:
        say(parse_constellation(made.meta["constellation"]).summary(), err=True)


def _save_scenario(made: "Scenario", out: Path | None) -> None:
    from instances import Constellation, write_scenario
    from instances.scenario_file import scenario_to_dict

    if out is None:
        print_json(scenario_to_dict(made))
        return
    write_scenario(made, out)
    say(f"{out}: {made.name}, {made.count} slots of {made.slot_s:g} s", err=True)
    if isinstance(made.orbits, Constellation):
        say(made.orbits.summary(), err=True)
