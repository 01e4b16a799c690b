"""``leosplit solve``: problem (4), (5), (6) or (7) by an exact solver."""

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from leosplit.cli.options import Json, MipGapOption, OutFileOption, TimeLimitOption
from leosplit.cli.output import print_json, say
from leosplit.cli.problem_options import Asked, takes_problem
from leosplit.cli.progress import ProgressLine
from leosplit.tables import percent, render_table, seconds

if TYPE_CHECKING:
    from formulation import Problem, Solution
    from instances import Instance
    from solvers.exact import Limits, PacketResult
    from solvers.result import Result


class Piecewise(StrEnum):
    """Side of the accuracy curves on which piecewise-linear functions replace them, or both."""

    under = "under"
    over = "over"
    bracket = "bracket"


class SolvedProblem(StrEnum):
    """The problems: (4), (7), (5) and (6)."""

    full = "full"
    routing = "routing"
    data = "data"
    model = "model"


MAX_THREADS = 1024
"""HiGHS ends the process where the system refuses it a thread."""

USED_BY = {
    "--objective": ("full", "routing"),
    "--share-computing": ("full", "routing"),
    "--whole-frames": ("full", "data"),
    "--rules": ("full", "routing"),
    "--offload-ratio": ("routing", "data"),
    "--solution": ("routing", "data"),
    "--start": ("full", "routing"),
    "--relax": ("full", "routing"),
    "--formulation": ("full", "routing"),
    "--trace": ("full", "routing"),
}
"""The problems that an option belongs to, where it does not belong to all."""


@takes_problem
def command(
    file: Annotated[Path, typer.Argument(help="Instance file.", metavar="FILE")],
    problem: Annotated[SolvedProblem, typer.Option(help="(4), (7), (5) or (6).")] = SolvedProblem.full,
    solver: Annotated[str, typer.Option(help="highs, scip, gurobi, cbc or another that Pyomo reaches.")] = "highs",
    solver_option: Annotated[
        list[str] | None,
        typer.Option(metavar="K=V", help="By the solver's own names; settings of branch and price as PART.NAME."),
    ] = None,
    formulation: Annotated[
        str | None, typer.Option(help="bit-flow, textbook, load-indexed or joint; branch and price if left out.")
    ] = None,
    time_limit: TimeLimitOption = None,
    mip_gap: MipGapOption = 1e-6,
    threads: Annotated[
        int,
        typer.Option(min=0, max=MAX_THREADS, help="Threads of the solver; from 2 on proofs take two processes."),
    ] = 1,
    relax: Annotated[bool, typer.Option(help="Solve the linear relaxation of (4) or (7): a bound only.")] = False,
    start: Annotated[Path | None, typer.Option(metavar="SOLUTION", help="Solution to begin with.")] = None,
    offload_ratio: Annotated[
        float | None, typer.Option(min=0, max=1, help="ρ of every task in (5) and (7).", show_default="0.5")
    ] = None,
    solution: Annotated[Path | None, typer.Option(help="Solution whose ρ and packets (5) and (7) take.")] = None,
    pwl: Annotated[
        Piecewise | None, typer.Option(help="Piecewise-linear curves in (4), (5) or (6), in place of exact ones.")
    ] = None,
    pwl_error: Annotated[float, typer.Option(metavar="E", help="Their largest error, mAP.")] = 1e-3,
    export: Annotated[Path | None, typer.Option(help="Write the model to this .lp or .mps file first.")] = None,
    log: Annotated[Path | None, typer.Option(help="File for the log of all the solver's runs.")] = None,
    trace: Annotated[
        Path | None, typer.Option(metavar="CSV", help="File for incumbent and bound against time, with their sources.")
    ] = None,
    out: OutFileOption = None,
    *,
    asked: Asked,
    json: Json = False,
) -> None:
    """Solve a problem exactly; exit code 1 if it is infeasible or stopped before the asked gap."""
    from formulation import read_solution, write_solution
    from instances import instance_sha256
    from solvers.exact import Limits
    from solvers.result import Result, Termination

    if offload_ratio is not None and solution is not None:
        raise typer.BadParameter("give --offload-ratio or --solution, not both", param_hint="--offload-ratio")
    given_options = {f"--{name.replace('_', '-')}": bool(value) for name, value in asked.parameters.items()} | {
        "--offload-ratio": offload_ratio is not None,
        "--solution": solution is not None,
        "--start": start is not None,
        "--relax": relax,
        "--formulation": formulation is not None,
        "--trace": trace is not None,
    }
    _refuse_unused(problem, [option for option, given in given_options.items() if given])
    if out is not None and problem in (SolvedProblem.data, SolvedProblem.model):
        raise typer.BadParameter("(5) and (6) alone make no solution file; take --json", param_hint="--out")
    ratio = 0.5 if offload_ratio is None else offload_ratio
    options = _options(solver_option or [])
    variant = asked.read(file)
    instance = variant.instance
    begin = None if start is None else read_solution(start, instance, file)
    given = None if solution is None else read_solution(solution, instance, file)
    if pwl is not None and problem is SolvedProblem.routing:
        raise typer.BadParameter(
            "goes with --problem full, data and model; (7) is given its packets and has no accuracy curve",
            param_hint="--pwl",
        )
    if pwl is Piecewise.bracket and export is not None:
        raise typer.BadParameter("a bracket has two models; --pwl under or over has one", param_hint="--export")
    if log is not None:
        log.write_text("", encoding="utf-8")
    limits = Limits(time_limit, mip_gap, threads, None, options, log)
    if export is not None and export.suffix not in (".lp", ".mps"):
        raise typer.BadParameter(f"must end in .lp or .mps, got {str(export)!r}", param_hint="--export")
    if problem in (SolvedProblem.data, SolvedProblem.model):
        ratios = [d.offload_ratio for d in given.tasks] if given else [ratio] * len(instance.tasks)

        def solve_one(one: "Problem") -> "PacketResult":
            return _solve_packets(one, problem, ratios, solver, limits, export)

        packets, extra = _solve_either(variant, pwl, pwl_error, solve_one)
        if json:
            print_json(_packet_document(packets) | extra)
        else:
            _print_packets(instance, problem, packets)
        raise typer.Exit(0 if packets.termination is Termination.OPTIMAL else 1)
    with ProgressLine() as progress:
        progress.stage(f"{instance.name}: {problem.value}")
        shared: dict[str, Any] = {
            "formulation": formulation,
            "relax": relax,
            "solver": solver,
            "solver_options": options,
            "time_limit": time_limit,
            "mip_gap": mip_gap,
            "threads": threads,
            "start": begin,
            "progress": progress,
            "export": export,
            "log": log,
        }
        extra = {}
        try:
            if pwl is not None:
                result, extra = _solve_piecewise(variant, pwl, pwl_error, shared)
            else:
                result = _solve_routes(variant, problem, ratio, given, shared)
        except KeyboardInterrupt:
            result = Result(Termination.INTERRUPTED, solver=solver, message="interrupted before the solver began")
    if out is not None and result.solution is not None:
        write_solution(replace(result.solution, instance_sha256=instance_sha256(instance)), out)
    if trace is not None:
        from leosplit.trace_file import write_trace

        write_trace(trace, result)
    if json:
        print_json(_document(result) | extra)
    else:
        _print_result(instance, result)
    raise typer.Exit(0 if result.termination is Termination.OPTIMAL else 1)


def _refuse_unused(problem: SolvedProblem, asked: list[str]) -> None:
    """Refuse options that this problem has no use for."""
    for option in asked:
        if problem.value not in USED_BY[option]:
            names = " and ".join(USED_BY[option])
            raise typer.BadParameter(f"goes with --problem {names} only", param_hint=option)


def _options(words: list[str]) -> dict[str, Any]:
    """Return solver options from K=V words; values that read as numbers are numbers."""
    options: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"must be NAME=VALUE, got {word!r}", param_hint="--solver-option")
        options[key] = value
        for kind in (float, int):
            try:
                options[key] = kind(value)
            except ValueError:
                continue
    return options


def _solve_routes(
    variant: "Problem",
    problem: SolvedProblem,
    offload_ratio: float,
    given: "Solution | None",
    shared: dict[str, Any],
) -> "Result":
    """Solve (4) or (7)."""
    from solvers.assignment import NoSolution
    from solvers.exact import solve_full, solve_routing
    from solvers.result import Result, Termination

    if problem is SolvedProblem.full:
        return solve_full(variant, **shared)
    try:
        packets = given or _packets_at(variant.instance, offload_ratio)
    except NoSolution as error:
        unwritten = "; (7) has no packets, so no model was written" if shared["export"] else ""
        return Result(Termination.INFEASIBLE, solver=shared["solver"], message=f"{error}{unwritten}")
    return solve_routing(variant, packets, **shared)


def _packets_at(instance: "Instance", ratio: float) -> "Solution":
    """Return (5) and (6) at one ρ; without routes too, so that (7) can say what is missing and be written."""
    from formulation import design_packets
    from solvers.assignment import Assignment, NoSolution
    from solvers.bisection import pack
    from solvers.diagnosis import why_ratio_infeasible
    from solvers.schemes import packets_at

    try:
        return packets_at(instance, ratio)
    except NoSolution as error:
        reason = why_ratio_infeasible(instance, ratio)
        if reason is not None:
            raise NoSolution(reason) from error
        designs = [design_packets(instance, task) for task in instance.tasks]
        ends = [instance.candidates(task)[0] for task in instance.tasks]
        assigned = [Assignment(c, ratio, 0.0, None, design) for c, design in zip(ends, designs, strict=True)]
        return pack(instance, assigned, [ratio] * len(designs))


def _solve_piecewise(
    variant: "Problem", pwl: Piecewise, max_error: float, shared: dict[str, Any]
) -> "tuple[Result, dict[str, Any]]":
    """Solve (4) with piecewise-linear curves; the result and what JSON says beside it."""
    from solvers.piecewise import solve_bracket, solve_piecewise

    said: dict[str, Any] = {"pwl": pwl.value, "pwl_error": max_error}
    if pwl is not Piecewise.bracket:
        side: Literal["under", "over"] = "under" if pwl is Piecewise.under else "over"
        return solve_piecewise(variant, side, max_error, **shared), said
    both = solve_bracket(variant, max_error, **shared)
    ends = {
        side: {"termination": r.termination, "objective_s": r.objective_s, "bound_s": r.bound_s, "gap": r.gap}
        for side, r in (("under", both.under), ("over", both.over))
    }
    return both.result, said | {"bracket": [both.lower_s, both.upper_s], **ends}


def _solve_either(
    variant: "Problem", pwl: Piecewise | None, max_error: float, solve_one: "Callable[[Problem], PacketResult]"
) -> "tuple[PacketResult, dict[str, Any]]":
    """Solve (5) or (6) with the curves as given, or with piecewise-linear ones; the result and what JSON adds."""
    from solvers.piecewise import packets_bracket, with_piecewise

    if pwl is None:
        return solve_one(variant), {}
    said: dict[str, Any] = {"pwl": pwl.value, "pwl_error": max_error}
    if pwl is not Piecewise.bracket:
        return solve_one(with_piecewise(variant, "under" if pwl is Piecewise.under else "over", max_error)), said
    under = solve_one(with_piecewise(variant, "under", max_error))
    over = replace(under, bound_bits=None, objective_bits=None)
    if not under.interrupted:
        over = solve_one(with_piecewise(variant, "over", max_error))
    ends = {
        side: {name: getattr(result, name) for name in ("termination", "objective_bits", "bound_bits")}
        for side, result in (("under", under), ("over", over))
    }
    return packets_bracket(under, over), said | {"bracket": [over.bound_bits, under.objective_bits], **ends}


def _solve_packets(
    variant: "Problem",
    problem: SolvedProblem,
    ratios: list[float],
    solver: str,
    limits: "Limits",
    export: Path | None,
) -> "PacketResult":
    """Solve (5) or (6), writing the model first where that is asked for."""
    from formulation import build_data_packet_model, build_model_packet_model
    from solvers.exact import solve_data_packets, solve_model_packets
    from solvers.exact.pyomo_models.solve import write_model

    if problem is SolvedProblem.data:
        if export is not None:
            write_model(build_data_packet_model(variant, ratios), export)
        return solve_data_packets(variant, ratios, solver=solver, limits=limits)
    if export is not None:
        write_model(build_model_packet_model(variant), export)
    return solve_model_packets(variant, solver=solver, limits=limits)


def _document(result: "Result") -> dict[str, Any]:
    """Return the JSON document of (4) and (7)."""
    from formulation import solution_to_dict

    names = (
        "objective_s",
        "bound_s",
        "gap",
        "termination",
        "build_s",
        "solve_s",
        "statistics",
        "solver",
        "solver_version",
        "message",
    )
    document = {name: getattr(result, name) for name in names}
    return document | {"solution": None if result.solution is None else solution_to_dict(result.solution)}


def _packet_document(result: "PacketResult") -> dict[str, Any]:
    """Return the JSON document of (5) and (6)."""
    names = ("objective_bits", "bound_bits", "termination", "build_s", "solve_s", "solver", "solver_version", "message")
    return {name: getattr(result, name) for name in names} | {"tasks": list(result.tasks)}


def _print_result(instance: "Instance", result: "Result") -> None:
    """Print the outcome of (4) or (7) and each task's decision."""
    say(f"{instance.name}: {result.termination}, {seconds(result.objective_s)}", nl=False)
    say(f", bound {seconds(result.bound_s)}, gap {percent(result.gap)}", nl=False)
    say(f", {result.solver} in {result.decision_s:.3g} s" + (f": {result.message}" if result.message else ""))
    if result.solution is None:
        return
    rows = [
        [
            decision.satellite,
            decision.computing_satellite,
            f"{decision.offload_ratio:.6g}",
            " ".join(decision.data_path or ("–",)),
            " ".join(decision.model_path or ("–",)),
        ]
        for decision in result.solution.tasks
    ]
    say(render_table("Decisions", ["task", "computing", "ρ", "data path", "model path"], rows), nl=False)


def _print_packets(instance: "Instance", problem: SolvedProblem, result: "PacketResult") -> None:
    """Print the outcome of (5) or (6) and each task's packet."""
    total = "–" if result.objective_bits is None else f"{result.objective_bits:.6g} bit in all"
    if result.bound_bits is not None and f"{result.bound_bits:.6g} bit in all" != total:
        total += f", bound {result.bound_bits:.6g} bit"
    say(f"{instance.name}: {result.termination}, {total}" + (f": {result.message}" if result.message else ""))
    key = f"{problem.value}_packet_bits"
    rows = [[task["satellite"], f"{task[key]:.6g}"] for task in result.tasks]
    if rows:
        say(render_table("Packets", ["task", f"{key} [bit]"], rows), nl=False)
