"""``leosplit sweep``: parameters × schemes × seeds into a results file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leosplit.cli.options import Json
from leosplit.cli.output import print_json, say
from leosplit.cli.progress import ProgressLine

if TYPE_CHECKING:
    from leosplit.sweeps import Store


def command(
    study: Annotated[Path, typer.Argument(help="Study file.", metavar="STUDY.toml")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Results file; results/NAME.db by default.")] = None,
    scheduler: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Dask cluster, as tcp://host:8786.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Local processes; one a core by default.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed runs again.")] = False,
    parquet: Annotated[Path | None, typer.Option(help="Write all rows to this Parquet file at the end.")] = None,
    json: Json = False,
) -> None:
    """Run a study; started again after a stop, it goes on. Exit code 1 if a run failed, or a bound contradicts one."""
    from leosplit.sweeps import Store, read_study, run_sweep
    from leosplit.sweeps.engine import SweepProgress
    from leosplit.sweeps.frame import contradictions
    from leosplit.tables import observation_note
    from solvers.marl.batch import get_ready

    plan = read_study(study)
    policy = plan.options.get("policy")
    notes = observation_note(plan.schemes, None if policy is None else Path(policy))
    if out is None:
        out = Path("results") / f"{study.stem}.db"
        out.parent.mkdir(exist_ok=True)
    with Store(out) as store, ProgressLine() as line:
        again = store.forget_failed() if retry_failed else 0
        line.stage(plan.name)

        end, stopped = SweepProgress(0, 0, 0, 0.0), False

        def show(state: SweepProgress) -> None:
            nonlocal end
            end = state
            left = "" if state.remaining_s is None else f", about {state.remaining_s:.0f} s left"
            line.note(f"{state.done} of {state.total} runs, {state.failed} failed{left}")

        try:
            if notes:  # policies decide: compile their rollouts before any run is timed
                get_ready()
            end = run_sweep(plan.jobs(), store, scheduler=scheduler, workers=workers, progress=show)
        except KeyboardInterrupt:
            stopped = True
        counts = store.count()
        refuted = [] if stopped else contradictions(store.frame())
        if parquet is not None and not stopped:
            _write_parquet(store, parquet)
    if json:
        document = {"results": str(out), "runs": len(plan), "done_now": end.done, "retried": again}
        print_json(document | {"elapsed_s": end.elapsed_s, "terminations": counts})
    else:
        words = ", ".join(f"{count} {termination}" for termination, count in counts.items())
        say(f"{plan.name}: {end.done} of {len(plan)} runs done now in {end.elapsed_s:.1f} s; {out} holds {words}")
        for note in notes:
            say(note)
    if stopped:
        raise KeyboardInterrupt
    for said in refuted:
        say(said, err=True)
    if counts.get("error") or refuted:
        raise typer.Exit(1)


def _write_parquet(store: "Store", path: Path) -> None:
    """Write all rows to a Parquet file."""
    from fitting.errors import LeosplitError
    from fitting.whole_file import whole_file

    try:
        with whole_file(path) as file:
            store.frame().to_parquet(file)
    except ImportError:
        raise LeosplitError("--parquet needs pyarrow: pip install 'leosplit[dist]'") from None
