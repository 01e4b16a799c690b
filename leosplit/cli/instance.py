"""``leosplit instance``: make an instance or a scenario, show and export one, print the schemas of the files."""

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leosplit.cli import instance_export, instance_new
from leosplit.cli.options import Json
from leosplit.cli.output import print_json, say
from leosplit.tables import render_table

if TYPE_CHECKING:
    from formulation import Solution
    from instances import Instance, Scenario

ORBIT_S = 6000.0
"""Span over which links are watched, s: an orbit at 700 km."""

app = typer.Typer(help="Make, show or export an instance or a scenario; print the JSON Schemas.")


app.command("new")(instance_new.command)
app.command("export")(instance_export.command)


@app.command()
def show(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Instance or scenario file.")],
    solution: Annotated[Path | None, typer.Option(help="Solution file: its routes and loads.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Draw the map here: .png, .svg or .pdf.")] = None,
    json: Json = False,
) -> None:
    """Summarise an instance: its network, its tasks, what their packets need; with --out also draw its map."""
    from formulation import design_packets, read_solution
    from instances import Instance, instance_sha256, parse_constellation
    from leosplit.cli.instance_files import read_instance_or_scenario

    instance = read_instance_or_scenario(file)
    if not isinstance(instance, Instance):
        if solution is not None or out is not None:
            raise typer.BadParameter("need an instance; this is a scenario", param_hint="--solution and --out")
        _show_scenario(instance, json)
        return
    decisions = None if solution is None else read_solution(solution, instance, file)
    if out is not None:
        _draw(instance, decisions, out)
    rates = [link.rate_bps for link in instance.links]
    tasks: list[dict[str, Any]] = []
    for task in instance.tasks:
        design = design_packets(instance, task)
        tasks.append(
            {
                "satellite": task.satellite,
                "frames": task.frames,
                "volume_bits": task.volume_bits,
                "data_packet_bits_at_ratio_1": design.data_bits_per_ratio if design.can_offload else None,
                "model_packet_bits": design.model_packet_bits,
                "candidates": list(instance.candidates(task)),
            }
        )
    summary: dict[str, Any] = {
        "name": instance.name,
        "instance_sha256": instance_sha256(instance),
        "satellites": len(instance.satellites),
        "links": len(instance.links),
        "rate_bps_range": [min(rates), max(rates)] if rates else None,
        "computing": list(instance.computing),
        "time_s": instance.time_s,
        "residual_accuracy": instance.residual_accuracy,
        "tasks": tasks,
    }
    if decisions is not None:
        summary["loads"] = _loads(decisions)
    if json:
        print_json(summary)
        return
    say(f"{instance.name}: {len(instance.satellites)} satellites, {len(instance.links)} directed links", nl=False)
    say(f" of {min(rates) / 1e6:.4g} to {max(rates) / 1e6:.4g} Mbit/s" if rates else "")
    if "constellation" in instance.meta:
        say(parse_constellation(str(instance.meta["constellation"])).summary())
    say(f"computing: {', '.join(instance.computing) or 'none'}")
    header = ["task", "frames", "images [Gbit]", "data at ρ=1 [Gbit]", "model [Mbit]", "computing"]
    rows = [
        [
            task["satellite"],
            str(task["frames"]),
            f"{task['volume_bits'] / 1e9:.4g}",
            _scaled(task["data_packet_bits_at_ratio_1"], 1e9),
            _scaled(task["model_packet_bits"], 1e6),
            ", ".join(task["candidates"]),
        ]
        for task in tasks
    ]
    say(render_table("tasks", header, rows), nl=False)
    if decisions is not None:
        loads = [[f"{one['from']} → {one['to']}", str(one["data"]), str(one["model"])] for one in summary["loads"]]
        say(render_table("loads, packets on a link", ["link", "data", "model"], loads), nl=False)


def _draw(instance: "Instance", solution: "Solution | None", out: Path) -> None:
    """Draw the map in the format of the file's suffix."""
    from leosplit.figures import draw_map, save

    form = out.suffix.removeprefix(".").lower()
    if form not in ("png", "svg", "pdf"):
        raise typer.BadParameter(f"must end in .png, .svg or .pdf, got {str(out)!r}", param_hint="--out")
    save(draw_map(instance, solution), out, [form])
    say(f"wrote {out}", err=True)


def _loads(solution: "Solution") -> list[dict[str, Any]]:
    """Count the packets of each kind on every link that is used, the most loaded first."""
    data, model = (
        Counter(step for task in solution.tasks for step in pairwise(getattr(task, kind) or ()))
        for kind in ("data_path", "model_path")
    )
    links = sorted(data.keys() | model.keys(), key=lambda link: (-max(data[link], model[link]), link))
    return [{"from": link[0], "to": link[1], "data": data[link], "model": model[link]} for link in links]


def _show_scenario(scenario: "Scenario", json: bool) -> None:
    """Summarise a scenario: its orbits, its slots and how its links come and go."""
    series = scenario.network([0, scenario.count // 2, scenario.count - 1])
    up = [int(count) for count in series.up.sum(axis=1)]
    orbits = scenario.orbits
    described = orbits.summary().splitlines() if hasattr(orbits, "summary") else [f"{len(series.ids)} satellites"]
    span_s = min(ORBIT_S, scenario.span_s)
    stability = scenario.stability(span_s)
    summary: dict[str, Any] = {
        "name": scenario.name,
        "epoch": scenario.start.isoformat(),
        "slots": scenario.count,
        "slot_s": scenario.slot_s,
        "satellites": len(series.ids),
        "orbits": described,
        "links_planned": len(series.plan.source),
        "links_up_first_middle_last": up,
        "link_stability": stability,
        "link_stability_span_s": span_s,
        "seed": scenario.seed,
    }
    if json:
        print_json(summary)
        return
    say(f"{scenario.name}: {scenario.count} slots of {scenario.slot_s:g} s from {scenario.start:%FT%TZ}")
    for line in described:
        say(line)
    say(f"links: {len(series.plan.source)} directed, {', '.join(map(str, up))} up in the first, middle, last slot")
    say(f"of the planned links up in slot 0, {stability:.1%} stay up for {span_s / 60:g} min")


def _scaled(bits: float | None, unit: float) -> str:
    """Return a packet size for the table, or why there is none."""
    return "mAP out of reach" if bits is None else f"{bits / unit:.4g}"


@app.command()
def schema(
    kind: Annotated[str, typer.Argument(help="instance, solution, scenario or all.")] = "all",
) -> None:
    """Print the JSON Schemas of the instance, the solution and the scenario file."""
    from formulation import problem_schema, solution_schema
    from instances import scenario_schema

    schemas = {"instance": problem_schema, "solution": solution_schema, "scenario": scenario_schema}
    if kind == "all":
        print_json({name: make() for name, make in schemas.items()})
    elif kind in schemas:
        print_json(schemas[kind]())
    else:
        raise typer.BadParameter(f"must be instance, solution, scenario or all, got {kind!r}", param_hint="KIND")
