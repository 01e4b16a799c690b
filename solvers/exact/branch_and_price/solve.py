"""Run branch and price and return what it found, whatever stopped it."""

from dataclasses import replace

from formulation import Problem, Solution, as_problem, check, evaluate
from instances import Instance
from solvers.backends.highs import limit_message, new_highs, set_options, version
from solvers.backends.program import Limits
from solvers.diagnosis import nearest
from solvers.exact.branch_and_price.driver import BranchAndPrice, Extensions
from solvers.exact.branch_and_price.settings import Settings
from solvers.exact.branch_and_price.state import SearchState
from solvers.exact.branch_and_price.whole_frames import WholeFrames, enumerate_whole_frames
from solvers.exact.trace import Trace, checked_bound
from solvers.network.data import ProblemData
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
    whole_frames: bool = False,
    settings: Settings | None = None,
    extensions: Extensions | None = None,
) -> Result:
    """Solve (4), or (7) for given packets, by branch and price; see `driver`.

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
        Of the heuristics' random numbers.
    whole_frames
        Offload whole frames at every level.
    settings, extensions
        Numbers, and heuristics and branching rules; the defaults if left out.

    Raises
    ------
    SolverError
        If HiGHS does not know an option.
    """
    problem, limits, extensions = as_problem(problem), limits or Limits(), extensions or Extensions()
    objective = objective or problem.objective
    problem = replace(problem, objective=objective)
    set_options(new_highs(), limits)
    trace = Trace(progress)
    trace.phase = "data"
    data, valuation = ProblemData(problem, packets), None
    if whole_frames:
        valuation = WholeFrames(data, objective)
        extensions = replace(extensions, finish=enumerate_whole_frames)
    state = SearchState(data, objective, limits, trace, settings=settings, valuation=valuation, seed=seed)
    search, message = BranchAndPrice(state, extensions), ""
    try:
        if start is not None:
            state.try_solution(plan_of(data, start), "start")
        search.run()
    except KeyboardInterrupt:
        state.termination = Termination.INTERRUPTED
    except MemoryError:
        state.termination, message = Termination.MEMORY_LIMIT, "out of memory"
    if state.termination is Termination.INTERRUPTED:
        message = limit_message(limits)
    solution = state.solution
    objective_s = None if solution is None else evaluate(problem, solution).objective_s()
    bound_s = checked_bound(state.dual_bound, objective_s)
    if state.infeasible:
        near, asked = state.nearest, ", ".join(problem.variants())
        broken = () if near is None else check(problem, near)
        reason = nearest(broken) or f"no solution keeps all that is asked: {asked}"
        return Result(Termination.INFEASIBLE, solver="highs", seed=seed, message=reason)
    gap = relative_gap(objective_s, bound_s)
    ended = state.termination if state.limit_reached() and state.termination else Termination.FEASIBLE
    trace.record("bound", "", objective_s, bound_s)
    return Result(
        termination=Termination.OPTIMAL if gap is not None and gap <= limits.mip_gap + 1e-12 else ended,
        solution=solution,
        objective_s=objective_s,
        bound_s=bound_s,
        build_s=state.build_s,
        solve_s=trace.elapsed() - state.build_s,
        solver="highs",
        solver_version=version(),
        seed=seed,
        trace=tuple(trace.records),
        statistics=trace.statistics(),
        message=message,
    )
