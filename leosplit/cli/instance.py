"""``leosplit instance``: make an instance file, show one, print the schemas of the files."""

from pathlib import Path
from typing import Annotated, Any

import typer

from leosplit.cli.options import Json
from leosplit.cli.output import print_json
from leosplit.tables import render_table

app = typer.Typer(help="Make an instance, show one, print the JSON Schemas.")


@app.command()
def new(
    preset: Annotated[str, typer.Option(help="Preset: iridium, paper, hotspot or shell.")] = "iridium",
    seed: Annotated[int, typer.Option(min=0, help="Draws slot, roles and tasks.")] = 0,
    tasks: Annotated[int | None, typer.Option(min=1, help="Number of tasks.")] = None,
    computing: Annotated[int | None, typer.Option(min=1, help="Number of computing satellites.")] = None,
    constellation: Annotated[str | None, typer.Option(metavar="CODE", help="Such as D:550:53:1584/72/39.")] = None,
    radio: Annotated[str, typer.Option(help="Link technology of the preset.")] = "standard",
    large: Annotated[Path | None, typer.Option(help="File of f, as fit -o writes it, for the preset's.")] = None,
    small: Annotated[Path | None, typer.Option(help="File of g, as fit -o writes it, for the preset's.")] = None,
    large_map_min: Annotated[float | None, typer.Option(min=0, max=1, help="Target of f, all tasks.")] = None,
    small_map_min: Annotated[float | None, typer.Option(min=0, max=1, help="Target of g, all tasks.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write; stdout when left out.")] = None,
) -> None:
    """Make an instance of a preset."""
    from instances import instance_to_dict, write_instance
    from instances.accuracy import with_accuracy
    from instances.presets import make_preset

    made = make_preset(preset, seed=seed, tasks=tasks, computing=computing, constellation=constellation, radio=radio)
    made = with_accuracy(made, large, small, large_map_min, small_map_min)
    if out is None:
        print_json(instance_to_dict(made))
    else:
        write_instance(made, out)
        typer.echo(f"{out}: {made.name}, {len(made.satellites)} satellites, {len(made.links)} links", err=True)


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="Instance file.")],
    json: Json = False,
) -> None:
    """Summarise an instance file: its network, its tasks, what their packets need."""
    from formulation import design_packets
    from instances import instance_sha256, read_instance

    instance = read_instance(file)
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
    if json:
        print_json(summary)
        return
    typer.echo(
        f"{instance.name}: {len(instance.satellites)} satellites, {len(instance.links)} directed links", nl=False
    )
    typer.echo(f" of {min(rates) / 1e6:.4g} to {max(rates) / 1e6:.4g} Mbit/s" if rates else "")
    typer.echo(f"computing: {', '.join(instance.computing) or 'none'}")
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
    typer.echo(render_table("tasks", header, rows), nl=False)


def _scaled(bits: float | None, unit: float) -> str:
    """Return a packet size for the table, or why there is none."""
    return "mAP out of reach" if bits is None else f"{bits / unit:.4g}"


@app.command()
def schema(
    kind: Annotated[str, typer.Argument(help="instance, solution or both.")] = "both",
) -> None:
    """Print the JSON Schemas of the instance and the solution file."""
    from formulation import solution_schema
    from instances import instance_schema

    schemas = {"instance": instance_schema, "solution": solution_schema}
    if kind == "both":
        print_json({name: make() for name, make in schemas.items()})
    elif kind in schemas:
        print_json(schemas[kind]())
    else:
        raise typer.BadParameter(f"must be instance, solution or both, got {kind!r}", param_hint="KIND")
