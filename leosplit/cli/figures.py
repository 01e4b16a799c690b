"""``leosplit figures``: the paper's figures, each with the optimum or its bound, and the frontier."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leosplit.cli.options import Json
from leosplit.cli.output import print_json, say
from leosplit.cli.problem_options import Asked, takes_problem
from leosplit.cli.progress import ProgressLine
from leosplit.tables import percent, render_table

if TYPE_CHECKING:
    import pandas as pd

    from leosplit.sweeps import Study


class Wanted(StrEnum):
    """The figures."""

    volume = "3"
    computing = "4"
    bisection = "5"
    training = "6"
    frontier = "frontier"


@takes_problem
def command(
    figures: Annotated[list[Wanted] | None, typer.Argument(help="3, 4, 5, 6 or frontier; all by default.")] = None,
    preset: Annotated[str, typer.Option(metavar="NAME", help="Preset of the instances.")] = "iridium",
    tasks: Annotated[int | None, typer.Option(min=1, help="Tasks in place of the preset's.")] = None,
    computing: Annotated[int | None, typer.Option(min=1, help="Computing satellites in place of the preset's.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="First seed.")] = 0,
    count: Annotated[int, typer.Option(min=1, help="Seeds to average over.")] = 3,
    time_limit: Annotated[float, typer.Option(min=0, metavar="S", help="Seconds of each exact run.")] = 60,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of each training run of figure 6.")] = 100,
    scheduler: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Dask cluster, as tcp://host:8786.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Local processes; one a core by default.")] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where figures and results go.")] = Path("results/figures"),
    *,
    asked: Asked,
    json: Json = False,
) -> None:
    """Make the paper's figures for our parameters; stopped and started again, it goes on."""
    instances: dict[str, Any] = {"preset": preset}
    instances |= {"tasks": tasks} if tasks else {}
    instances |= {"computing": computing} if computing else {}
    instances |= asked.parameters
    wanted = list(dict.fromkeys(figures or list(Wanted)))
    seeds = range(seed, seed + count)
    document: dict[str, Any] = {"preset": preset, "seeds": list(seeds), "files": [], "reductions": {}}
    stopped = False
    try:
        with ProgressLine() as line:
            for figure in wanted:
                line.stage(f"figure {figure.value}")
                if figure is Wanted.bisection:
                    document["files"] += _bisection(instances, seed, time_limit, out)
                elif figure is Wanted.training:
                    document["files"] += _training(epochs, seed, out, line)
                else:
                    plan = _study(figure, instances, seeds, time_limit)
                    frame = _run(plan, out, scheduler, workers, line)
                    document["files"] += _draw(
                        figure, frame, f"{preset}, mean of seeds {seed} to {seed + count - 1}", out
                    )
                    if figure is not Wanted.frontier:
                        document["reductions"][figure.value] = _reductions(frame, figure)
    except KeyboardInterrupt:
        stopped = True
    if json:
        print_json(document)
    else:
        for number, table in document["reductions"].items():
            say(_reduction_table(number, table), nl=False)
        for path in document["files"]:
            say(f"wrote {path}")
    if stopped:
        raise KeyboardInterrupt


def _study(figure: Wanted, instances: dict[str, Any], seeds: range, time_limit: float) -> "Study":
    """Return the study behind a figure."""
    from leosplit.figures.studies import figure_study, frontier_study

    if figure is Wanted.frontier:
        return frontier_study(instances, seeds, time_limit)
    return figure_study(figure.value, instances, seeds, time_limit)


def _run(plan: "Study", out: Path, scheduler: str | None, workers: int | None, line: ProgressLine) -> "pd.DataFrame":
    """Run what the results file does not hold yet and return the study's rows."""
    from leosplit.sweeps import Store, run_sweep

    out.mkdir(parents=True, exist_ok=True)
    keys = {job.key for job in plan.jobs()}
    with Store(out / "figures.db") as store:
        run_sweep(
            plan.jobs(),
            store,
            scheduler=scheduler,
            workers=workers,
            progress=lambda state: line.note(f"{state.done} of {state.total} runs"),
        )
        frame = store.frame()
    return frame[frame["key"].isin(keys)]


def _draw(figure: Wanted, frame: "pd.DataFrame", title: str, out: Path) -> list[str]:
    """Draw a study and return its files."""
    from leosplit.figures import save
    from leosplit.figures.studies import draw_frontier, draw_study

    if figure is Wanted.frontier:
        drawn, name = draw_frontier(frame, f"Delay and accuracy: {title}"), "frontier.png"
    else:
        drawn, name = draw_study(frame, figure.value, title), f"figure{figure.value}.png"
    return [str(path) for path in save(drawn, out / name)]


def _bisection(instances: dict[str, Any], seed: int, time_limit: float, out: Path) -> list[str]:
    """Run the bisection and the exact solver on one instance and draw the trace."""
    from leosplit.figures import save
    from leosplit.figures.studies import PROPOSED
    from leosplit.figures.trace import draw_trace
    from leosplit.sweeps.parameters import build_problem
    from solvers.schemes import SchemeOptions, run_scheme

    problem = build_problem(instances, seed)
    options = SchemeOptions(seed=seed, time_limit=time_limit)
    result, exact = (run_scheme(problem, name, options) for name in (PROPOSED, "exact"))
    if exact.interrupted:
        raise KeyboardInterrupt  # which this solve has caught
    figure = draw_trace(result, exact, f"{PROPOSED} on {problem.instance.name}")
    return [str(path) for path in save(figure, out / "figure5.png")]


def _training(epochs: int, seed: int, out: Path, line: ProgressLine) -> list[str]:
    """Train for several packet sizes and constellations and draw the curves."""
    from fitting.errors import LeosplitError
    from leosplit.figures import save
    from leosplit.figures.training_study import draw_training_study, training_curves

    try:
        import torch  # noqa: F401
    except ImportError:
        raise LeosplitError("figure 6 needs PyTorch: pip install 'leosplit[marl]'") from None
    out.mkdir(parents=True, exist_ok=True)
    curves = training_curves(epochs, seed, out / "figure6.json", line.note)
    figure = draw_training_study(curves, f"Training, seed {seed}")
    return [str(path) for path in save(figure, out / "figure6.png")]


def _reductions(frame: "pd.DataFrame", figure: Wanted) -> dict[str, dict[str, float]]:
    """Return the reductions of the paper's scheme against each benchmark."""
    from leosplit.figures.studies import AXES, reductions

    return reductions(frame, AXES[figure.value][0]).to_dict(orient="index")  # type: ignore[return-value]


def _reduction_table(number: str, table: dict[str, dict[str, float]]) -> str:
    """Return the reductions as text, beside the paper's figure."""
    from leosplit.figures.studies import PAPER_REDUCTION, PROPOSED

    title = f"Figure {number}: delay of {PROPOSED} below that of … (the paper: up to {percent(PAPER_REDUCTION)})"
    rows = [[name, *(percent(row[key]) for key in ("least", "mean", "largest"))] for name, row in table.items()]
    return render_table(title, ["against", "least", "mean", "largest"], rows)
