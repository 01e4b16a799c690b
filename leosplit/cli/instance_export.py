"""``leosplit instance export``: graphs, Cesium and STK."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leosplit.cli.output import say

if TYPE_CHECKING:
    from instances import Scenario


class Form(StrEnum):
    """What can be written."""

    graphml = "graphml"
    node_link = "node-link"
    czml = "czml"
    stk = "stk"


def command(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Instance or scenario file, or the name of a preset.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write; a directory for stk.")],
    form: Annotated[Form, typer.Option("--format", help="Instances: graphml, node-link, czml; scenarios: czml, stk.")],
    solution: Annotated[Path | None, typer.Option(help="Routes to show in the CZML of an instance.")] = None,
    start: Annotated[int, typer.Option(min=0, metavar="K", help="Scenario: first slot of the CZML.")] = 0,
    slots: Annotated[int | None, typer.Option(min=1, metavar="N", help="Scenario: how many slots.")] = None,
) -> None:
    """Write an instance as a graph or CZML, a scenario as CZML or STK ephemerides."""
    from instances import Instance, instance_packets, write_czml, write_graph
    from leosplit.cli.instance_files import read_instance_or_scenario

    made = read_instance_or_scenario(file)
    if not isinstance(made, Instance):
        _export_scenario(made, form, out, start, slots, solution)
        return
    if form is Form.stk:
        raise typer.BadParameter("stk needs a scenario, which has orbits", param_hint="--format")
    if solution is not None and form is not Form.czml:
        raise typer.BadParameter("only CZML shows routes", param_hint="--solution")
    if form is Form.czml:
        write_czml(instance_packets(made, _routes(made, Path(file), solution)), out)
    else:
        write_graph(made, out, form.value)
    say(f"wrote {out}", err=True)


def _routes(instance: object, file: Path, solution: Path | None) -> dict[tuple[str, str], tuple[str, ...]]:
    """Paths of a solution file by task and kind."""
    from formulation import read_solution

    if solution is None:
        return {}
    tasks = read_solution(solution, instance, file).tasks  # type: ignore[arg-type]
    both = {(one.satellite, "data"): one.data_path for one in tasks}
    both |= {(one.satellite, "model"): one.model_path for one in tasks}
    return {key: path for key, path in both.items() if path}


def _export_scenario(
    made: "Scenario", form: Form, out: Path, start: int, slots: int | None, solution: Path | None
) -> None:
    from instances import scenario_packets, write_czml, write_stk_ephemerides

    if solution is not None:
        raise typer.BadParameter(
            "belongs to an instance; `leosplit simulate --czml` shows routes in time", param_hint="--solution"
        )
    if form is Form.stk:
        files = write_stk_ephemerides(made, out)
        say(f"wrote {len(files)} ephemerides in {out}", err=True)
    elif form is Form.czml:
        write_czml(scenario_packets(made, start, None if slots is None else start + slots), out)
        say(f"wrote {out}", err=True)
    else:
        raise typer.BadParameter(f"{form.value} needs an instance, one slot", param_hint="--format")
