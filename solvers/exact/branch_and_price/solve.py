"""Run the proof machinery and return what it found, whatever stopped it."""

from dataclasses import replace

from formulation import Problem, Solution, as_problem, check, evaluate
from instances import Instance
from solvers.backends.highs import limit_message, new_highs, set_options, version
from solvers.backends.program import Limits
from solvers.diagnosis import nearest
from solvers.exact.branch_and_price.driver import BranchAndPrice
from solvers.exact.trace import Recorder, checked_bound
from solvers.network.plans import plan_of
from solvers.result import ProgressCallback, Result, Termination, relative_gap


def solve_branch_and_price(
    problem: Instance | Problem,
    packets: Solution | None = None,
    *,
    objective: str | None = None,
    limits: Limits | None = None,
    start: Solution | None = None,
    progress: ProgressCallback | None = None,
    seed: int = 0,
    kind: type[BranchAndPrice] = BranchAndPrice,
) -> Result:
    """Solve (4), or (7) for given packets, by the machinery of `proof`.

    Parameters
    ----------
    problem
        A problem that is its own `network.rules.priced_part`.
    packets
        ρ, residual shares and model packets of (7); None for (4).
    objective
        `mean` or `max`; the problem's own if left out.
    limits
        Time, gap, memory, options of HiGHS.
    start
        A solution to begin with.
    progress
        Called with incumbent and bound as they change.
    seed
        Of the local search's random orders.
    kind
        `BranchAndPrice`, or `frames_proof.WholeFramesSearch` for whole frames.

    Raises
    ------
    SolverError
        If HiGHS does not know an option.
    """
    problem, limits = as_problem(problem), limits or Limits()
    problem = replace(problem, objective=objective or problem.objective)
    set_options(new_highs(), limits)
    recorder = Recorder(progress)
    recorder.phase = "data"
    proof = kind(problem, packets, problem.objective, limits, recorder, seed)
    message = ""
    try:
        if start is not None:
            proof.try_solution(plan_of(proof.data, start))
        proof.run()
    except KeyboardInterrupt:
        proof.termination = Termination.INTERRUPTED
    except MemoryError:
        proof.termination, message = Termination.MEMORY_LIMIT, "out of memory"
    if proof.termination is Termination.INTERRUPTED:
        message = limit_message(limits)
    solution = proof.solution()
    objective_s = None if solution is None else evaluate(problem, solution).objective_s()
    bound_s = checked_bound(proof.dual_bound, objective_s)
    if proof.infeasible:
        near, asked = proof.nearest(), ", ".join(problem.variants())
        reason = (
            nearest(() if near is None else check(problem, near)) or f"no solution keeps all that is asked: {asked}"
        )
        return Result(Termination.INFEASIBLE, solver="highs", seed=seed, message=reason)
    gap = relative_gap(objective_s, bound_s)
    ended = proof.termination if proof.stopped and proof.termination else Termination.FEASIBLE
    recorder(objective_s, bound_s)
    return Result(
        termination=Termination.OPTIMAL if gap is not None and gap <= limits.mip_gap + 1e-12 else ended,
        solution=solution,
        objective_s=objective_s,
        bound_s=bound_s,
        build_s=proof.build_s,
        solve_s=recorder.elapsed() - proof.build_s,
        solver="highs",
        solver_version=version(),
        seed=seed,
        trace=tuple(recorder.trace),
        message=message,
    )
