"""``leosplit simulate``: a scheme over the slots of a scenario."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leosplit.cli.options import Json, PolicyOption, SeedOption, TimeLimitOption
from leosplit.cli.output import print_json, say
from leosplit.cli.problem_options import Asked, takes_problem
from leosplit.cli.progress import ProgressLine
from leosplit.tables import render_table, seconds

if TYPE_CHECKING:
    from instances import Scenario
    from leosplit.simulation import SlotResult


@takes_problem
def command(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="Scenario file, or the name of a preset.")],
    scheme: Annotated[
        str, typer.Option(help="Name of a scheme, or module:function for your own.")
    ] = "bs-shortest-path",
    start: Annotated[int, typer.Option(min=0, metavar="K", help="First slot.")] = 0,
    slots: Annotated[int | None, typer.Option(min=1, metavar="N", help="How many slots; the whole span.")] = None,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Slots decided at the same time.")] = 1,
    policy: PolicyOption = None,
    seed: SeedOption = 0,
    time_limit: TimeLimitOption = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Directory of tables and figure.")] = Path(
        "results"
    ),
    czml: Annotated[Path | None, typer.Option(help="Also write orbits, links and routes in time for Cesium.")] = None,
    *,
    asked: Asked,
    json: Json = False,
) -> None:
    """Run a scheme slot by slot: delay, allocation, hand-overs of routes, churn of links, slots where T > Δt."""
    from formulation.rules.slot import require_satellites
    from instances import Constellation
    from leosplit.csv_file import GrowingTable
    from leosplit.figures.simulation import draw_simulation
    from leosplit.figures.style import save
    from leosplit.simulation import SlotRow, TaskRow, simulate
    from solvers.schemes import SchemeOptions, find_scheme

    find_scheme(scheme)
    plan = _scenario(scenario, seed)
    if start >= plan.count:
        raise typer.BadParameter(f"must be below {plan.count}, the number of slots", param_hint="--start")
    if isinstance(plan.orbits, Constellation):
        say(plan.orbits.summary(), err=True)
    require_satellites(asked.rules, plan.orbits.ids)
    stop = plan.count if slots is None else start + slots
    results: list[SlotResult] = []
    stopped = False
    with ProgressLine() as progress:
        options = SchemeOptions(seed, policy, time_limit, progress=progress)
        progress.stage(f"{plan.name}: {scheme}")
        out.mkdir(parents=True, exist_ok=True)
        name = f"simulate-{plan.name}"
        files = [out / f"{name}-slots.csv", out / f"{name}-tasks.csv"]
        try:
            with GrowingTable(files[0], SlotRow) as slot_table, GrowingTable(files[1], TaskRow) as task_table:
                for result in simulate(
                    plan,
                    scheme,
                    options,
                    ask=asked.of_slot,
                    start=start,
                    stop=stop,
                    stage=progress.rename,
                    workers=workers,
                ):
                    results.append(replace(result, instance=None))  # hundreds of networks would fill the memory
                    slot_table.add([result.row])
                    task_table.add(result.tasks)
                    if result.row.termination == "interrupted":
                        raise KeyboardInterrupt
            progress.stage("figure")
            files += save(draw_simulation(results, plan, scheme), out / f"{name}.png")
            if czml is not None:
                progress.stage("CZML")
                files.append(_write_czml(czml, plan, results))
        except KeyboardInterrupt:
            stopped = True
    summary = _summary(results)
    if json:
        tasks = [asdict(task) for one in results for task in one.tasks]
        rows = {"slots": [asdict(one.row) for one in results], "tasks": tasks}
        print_json({"scenario": plan.name, "scheme": scheme, "seed": seed, "summary": summary, **rows})
    else:
        say(render_table(f"{plan.name}: {scheme}", ["over the span", ""], _lines(summary)), nl=False)
    if summary["late"]:
        say(
            f"warning: {summary['late']} tasks take longer than the slot of {plan.slot_s:g} s: "
            "their slots are no longer quasi-static",
            err=True,
        )
    for path in files if results else ():
        say(f"wrote {path}", err=True)
    if stopped:
        raise KeyboardInterrupt


def _scenario(text: str, seed: int) -> "Scenario":
    """Read a scenario file, or make the scenario of a preset."""
    from instances import Instance
    from leosplit.cli.instance_files import read_instance_or_scenario

    made = read_instance_or_scenario(text, seed)
    if isinstance(made, Instance):
        raise typer.BadParameter(f"{text} is an instance, one slot; use `leosplit run`", param_hint="SCENARIO")
    return made


def _write_czml(path: Path, plan: "Scenario", results: "Sequence[SlotResult]") -> Path:
    from instances.czml import scenario_packets, write_czml

    first, last = results[0].row.slot, results[-1].row.slot
    write_czml(scenario_packets(plan, first, last + 1, {one.row.slot: one.paths for one in results}), path)
    return path


def _summary(results: "Sequence[SlotResult]") -> dict[str, Any]:
    """Totals over the slots, and means over the tasks that were served."""
    rows = [one.row for one in results]
    served = [task for one in results for task in one.tasks if task.delay_s is not None]
    down = [task.downlink_s for task in served if task.downlink_s is not None]
    changes = [row.links_gone + row.links_new for row in rows[1:]]
    return {
        "slots": len(rows),
        "slots_with_tasks": sum(row.tasks > 0 for row in rows),
        "tasks": sum(row.tasks for row in rows),
        "served": len(served),
        "cut_off": sum(row.cut_off for row in rows),
        "late": sum(row.late for row in rows),
        "late_slots": sum(row.late > 0 for row in rows),
        "mean_s": sum(task.delay_s or 0.0 for task in served) / len(served) if served else None,
        "max_s": max((task.delay_s or 0.0 for task in served), default=None),
        "mean_offload_ratio": sum(task.offload_ratio or 0.0 for task in served) / len(served) if served else None,
        "handovers": sum(row.handovers for row in rows),
        "broken_routes": sum(row.broken_routes for row in rows),
        "mean_link_changes": sum(changes) / len(changes) if changes else None,
        "results_sent_down": len(down),
        "mean_downlink_s": sum(down) / len(down) if down else None,
    }


def _lines(summary: dict[str, Any]) -> list[list[str]]:
    """Rows of the table for people."""
    ratio, churn = summary["mean_offload_ratio"], summary["mean_link_changes"]
    sent, leg = summary["results_sent_down"], summary["mean_downlink_s"]
    return [
        ["slots, with tasks", f"{summary['slots']}, {summary['slots_with_tasks']}"],
        ["tasks, served, cut off", f"{summary['tasks']}, {summary['served']}, {summary['cut_off']}"],
        ["mean delay, largest", f"{seconds(summary['mean_s'])}, {seconds(summary['max_s'])}"],
        ["tasks with T > Δt, in slots", f"{summary['late']}, {summary['late_slots']}"],
        ["mean offload ratio ρ", "–" if ratio is None else f"{ratio:.4g}"],
        ["hand-overs of routes", str(summary["handovers"])],
        ["routes broken by the next slot", str(summary["broken_routes"])],
        ["link changes a slot", "–" if churn is None else f"{churn:.4g}"],
        *([["results on the ground, mean wait and sending", f"{sent}, {seconds(leg)}"]] if sent else []),
    ]
