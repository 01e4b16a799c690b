"""``leosplit instance new``: an instance or a scenario from a preset, a torus, a graph, SNDlib or element sets."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leosplit.cli import instance_sources
from leosplit.cli.output import print_json, say, warn

if TYPE_CHECKING:
    from instances import Instance, Scenario

RADIO_NAMES = "standard, small-dish, shannon, optical-2.5g, optical-10g, optical-100g"


def command(
    preset: Annotated[str, typer.Option(help="Preset: iridium, paper, hotspot or shell.")] = "iridium",
    seed: Annotated[int, typer.Option(min=0, help="Draws slot, roles and tasks.")] = 0,
    tasks: Annotated[int | None, typer.Option(min=1, help="Number of tasks.")] = None,
    computing: Annotated[int | None, typer.Option(min=1, help="Number of computing satellites.")] = None,
    constellation: Annotated[
        str | None, typer.Option(metavar="CODE", help="Such as D:550:53:1584/72/39, or a name such as starlink-540.")
    ] = None,
    radio: Annotated[str, typer.Option(help=f"{RADIO_NAMES}.")] = "standard",
    radio_across: Annotated[
        str | None, typer.Option(metavar="RADIO", help="Radio between planes, where another than in the plane.")
    ] = None,
    inter_shell: Annotated[
        int, typer.Option(min=0, max=100, metavar="K", help="Links of each satellite to the nearest of other shells.")
    ] = 0,
    cross_shift: Annotated[
        str, typer.Option(metavar="N|nearest", help="Walker: slots that the neighbour in the next plane is ahead.")
    ] = "0",
    nearest: Annotated[
        int, typer.Option(min=0, max=100, metavar="K", help="Links to the K nearest satellites, in place of the grid.")
    ] = 0,
    links: Annotated[
        Path | None, typer.Option(help="Links in place of the grid: lines id,id or isls.txt of Hypatia.")
    ] = None,
    tle: Annotated[Path | None, typer.Option(help="Satellites of a catalogue: TLE, 3LE, Hypatia, or OMM.")] = None,
    epoch: Annotated[str | None, typer.Option(metavar="TIME", help="TLE: time 0, UTC; the latest epoch.")] = None,
    newest: Annotated[bool, typer.Option("--newest", help="TLE: the newest set of each satellite.")] = False,
    drop_decayed: Annotated[bool, typer.Option("--drop-decayed", help="TLE: leave out what has no orbit.")] = False,
    satellites: Annotated[
        str | None, typer.Option(metavar="NAMES", help="TLE: only these names or patterns, commas between.")
    ] = None,
    numbers: Annotated[
        str | None, typer.Option(metavar="NUMBERS", help="TLE: only these catalogue numbers, commas between.")
    ] = None,
    altitude_km: Annotated[str | None, typer.Option(metavar="LOW,HIGH", help="TLE: only these altitudes.")] = None,
    inclination_deg: Annotated[
        str | None, typer.Option(metavar="LOW,HIGH", help="TLE: only these inclinations.")
    ] = None,
    shell: Annotated[int | None, typer.Option(min=0, metavar="N", help="TLE: only this shell, 0 the largest.")] = None,
    torus: Annotated[str | None, typer.Option(metavar="RxC", help="A torus of R planes with C satellites.")] = None,
    spread: Annotated[float, typer.Option(min=0, max=0.99, help="Torus: rates differ by up to ±this share.")] = 0.3,
    graph: Annotated[Path | None, typer.Option(help="A graph: GraphML, GML, or node-link JSON.")] = None,
    rate_key: Annotated[str, typer.Option(help="Graph: attribute with the rate.")] = "rate_bps",
    rate: Annotated[float | None, typer.Option(min=0, help="Graph: rate of edges without one.")] = None,
    rate_unit: Annotated[
        str | None, typer.Option(metavar="UNIT", help="Graph, SNDlib: bit/s, Mbit/s, Gbit/s and so on.")
    ] = None,
    length_key: Annotated[str, typer.Option(help="Graph: attribute with the length in m.")] = "length_m",
    length: Annotated[
        float | None, typer.Option(min=0, metavar="M", help="Graph: length of edges without length or coordinates.")
    ] = None,
    parallel: Annotated[str, typer.Option(metavar="sum|refuse", help="Graph: parallel edges.")] = "sum",
    sndlib: Annotated[Path | None, typer.Option(help="An SNDlib network, for the routing problem.")] = None,
    directed: Annotated[
        bool | None, typer.Option("--directed/--undirected", help="SNDlib: a link goes one way; found out.")
    ] = None,
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
    network = {"--inter-shell": inter_shell, "--nearest": nearest, "--links": links, "--radio-across": radio_across}
    for name, value in (network | {"--cross-shift": cross_shift != "0"}).items():
        if value and (torus or graph or sndlib or slot_of):
            raise typer.BadParameter(f"does not go with {sources[0]}", param_hint=name)
    if (sensing or serving) and not (scenario or tle):
        raise typer.BadParameter("need --scenario or --tle", param_hint="--sensing and --serving")
    catalogue = {"names": satellites, "numbers": numbers, "altitude_km": altitude_km, "shell": shell}
    catalogue |= {"inclination_deg": inclination_deg, "newest": newest, "drop_decayed": drop_decayed}
    if tle is None and (epoch is not None or any(value not in (None, False) for value in catalogue.values())):
        raise typer.BadParameter("choose from a catalogue; --tle names it", param_hint="--epoch, --newest and the like")
    from instances import Scenario, generate_torus, read_graph, read_sndlib
    from instances.accuracy import scenario_with_accuracy, with_accuracy

    counts: dict[str, Any] = {"tasks": tasks, "computing": computing}
    counts = {key: value for key, value in counts.items() if value is not None}
    made: Instance | Scenario
    if torus is not None:
        made = generate_torus(*instance_sources.torus_size(torus), seed=seed, spread=spread, **counts)
    elif graph is not None:
        attributes: dict[str, Any] = {"rate_key": rate_key, "rate": rate, "rate_unit": rate_unit or "bit/s"}
        attributes |= {"length_key": length_key, "length_m": length, "parallel": parallel}
        made = read_graph(graph, seed=seed, **attributes, **counts)
    elif sndlib is not None:
        made = read_sndlib(sndlib, unit=rate_unit, directed=directed, tasks=tasks)
    elif slot_of is not None:
        made = instance_sources.slot(slot_of, slot)
    else:
        sky = instance_sources.Sky(
            preset,
            seed,
            counts,
            constellation,
            instance_sources.technology(radio, radio_across),
            instance_sources.link_rules(inter_shell, cross_shift, nearest),
            links,
            None if tle is None else instance_sources.catalogue(tle, epoch, catalogue),
        )
        made = sky.over_time(sensing, serving, scenario) if sky.needs_time or scenario else sky.preset_instance()
    for note in made.meta.get("notes", ()):
        warn(note)
    own = (large, small, large_map_min, small_map_min)
    if isinstance(made, Scenario):
        _save_scenario(scenario_with_accuracy(made, *own), out)
    else:
        _save_instance(with_accuracy(made, *own), out)


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
