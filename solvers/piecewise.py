"""The sandwich: a problem with piecewise-linear curves under and over the given ones encloses its optimum.

It is problem (4), or (5) or (6) alone; (7) is given its packets and has no curve.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from fitting import Curve, PiecewiseLinear, piecewise_linear
from formulation import Problem, Solution, as_problem
from instances import Accuracy, Instance, Task, instance_sha256
from solvers.exact.packets import PacketResult
from solvers.exact.solve import solve_full
from solvers.result import Result, Termination

PWL_ERROR = 1e-3
"""Largest error of the piecewise-linear functions, mAP, unless another is asked for."""


@dataclass(frozen=True)
class Bracket:
    """Two solves that enclose the optimum of (4) with the curves as given.

    Attributes
    ----------
    under, over
        Results with functions that never exceed, and never fall below, the curves.
    max_error
        Largest error of those functions, mAP.
    """

    under: Result
    over: Result
    max_error: float

    @property
    def lower_s(self) -> float | None:
        """Bound of `over`: no solution of (4) is below it [s]; None when it was not reached."""
        return self.over.bound_s

    @property
    def upper_s(self) -> float | None:
        """Objective of `under`, whose solution meets the curves as given [s]; None when it is infeasible."""
        return self.under.objective_s

    @property
    def result(self) -> Result:
        """Both as one result: the solution of `under` with the bound of `over`.

        It is `optimal` when both were solved to optimality; what the functions' error leaves open is its gap.
        """
        return replace(
            self.under,
            bound_s=self.lower_s,
            termination=self._termination(),
            build_s=self.under.build_s + self.over.build_s,
            solve_s=self.under.solve_s + self.over.solve_s,
            trace=(),
            message=self._message(),
        )

    def _termination(self) -> Termination:
        if self.over.termination is Termination.INFEASIBLE:
            return Termination.INFEASIBLE
        return self.under.termination if self.over.termination is Termination.OPTIMAL else self.over.termination

    def _message(self) -> str:
        if self.over.termination is Termination.INFEASIBLE:
            return self.over.message
        if self.under.termination is Termination.INFEASIBLE:
            return f"no upper end, with functions under the curves: {self.under.message}"
        return self.under.message or self.over.message


def with_piecewise(
    problem: Instance | Problem, side: Literal["under", "over"], max_error: float = PWL_ERROR
) -> Problem:
    """Return the problem with each curve replaced by a piecewise-linear function on one side of it.

    The side holds on all that tasks can reach, [0, q_S] and [D^min, D^max]. The error is the knob: every solution for
    `under` meets the curves as given, `over` is a relaxation, and both come closer as it falls.

    Parameters
    ----------
    problem
        What is asked.
    side
        `under` or `over`.
    max_error
        Largest distance from each curve, mAP, above 0.

    Raises
    ------
    CurveError
        If the error is not above 0, or too small for a thousand segments.
    """

    def replaced(accuracy: Accuracy, tasks: tuple[Task, ...]) -> Accuracy:
        residuals = (0.0, max(task.residual_levels_bpp[-1] for task in tasks))
        ranges = [task.model_packet_bits_range for task in tasks]
        packets = (min(low for low, _ in ranges), max(high for _, high in ranges))
        small = _side_of(accuracy.small, packets)
        if accuracy.surface is not None:  # f of two inputs is piecewise linear as given
            return Accuracy(accuracy.large, small, accuracy.surface)
        return Accuracy(_side_of(accuracy.large, residuals), small)

    def _side_of(curve: Curve, interval: tuple[float, float]) -> Curve:
        lo, hi = interval
        if lo == hi:
            return PiecewiseLinear((lo, lo + 1.0), (curve(lo), curve(lo)))
        return piecewise_linear(curve, interval, max_error=max_error, side=side).function

    problem = as_problem(problem)
    instance = problem.instance
    changed = replace(
        instance,
        accuracy=replaced(instance.accuracy, instance.tasks),
        tasks=tuple(
            task if task.accuracy is None else replace(task, accuracy=replaced(task.accuracy, (task,)))
            for task in instance.tasks
        ),
    )
    return replace(problem, instance=changed)


def solve_piecewise(
    problem: Instance | Problem,
    side: Literal["under", "over"],
    max_error: float = PWL_ERROR,
    *,
    solve: Callable[..., Result] = solve_full,
    **options: Any,
) -> Result:
    """Solve (4) with functions on one side of its curves; parameters as `with_piecewise` and `solve_full`.

    The bound of `under` is none for the curves as given, nor is a solution of `over` feasible for them.
    """
    result = solve(with_piecewise(problem, side, max_error), **options)
    return replace(result, solution=_rebound(result.solution, as_problem(problem).instance))


def solve_bracket(problem: Instance | Problem, max_error: float = PWL_ERROR, **options: Any) -> Bracket:
    """Enclose the optimum of (4) between piecewise-linear functions; parameters as `solve_piecewise`."""
    under = solve_piecewise(problem, "under", max_error, **options)
    if under.interrupted:
        return Bracket(under, Result(Termination.INTERRUPTED, solver=under.solver), max_error)
    return Bracket(under, solve_piecewise(problem, "over", max_error, **options), max_error)


def packets_bracket(under: PacketResult, over: PacketResult) -> PacketResult:
    """Put both sides of (5) or (6) together: the packets of `under`, which meet the curves, with the bound of `over`.

    Parameters
    ----------
    under, over
        What `solve_data_packets` or `solve_model_packets` returns for `with_piecewise` of either side.
    """
    termination, message = under.termination, under.message or over.message
    if over.termination is not Termination.OPTIMAL:
        termination, message = over.termination, over.message
    elif under.termination is Termination.INFEASIBLE:
        message = f"no upper end, with functions under the curves: {under.message}"
    return replace(
        under,
        termination=termination,
        bound_bits=over.bound_bits,
        build_s=under.build_s + over.build_s,
        solve_s=under.solve_s + over.solve_s,
        message=message,
    )


def _rebound(solution: Solution | None, instance: Instance) -> Solution | None:
    """Return the solution with the hash of the instance as given, where it has one."""
    if solution is None or solution.instance_sha256 is None:
        return solution
    return replace(solution, instance_sha256=instance_sha256(instance))
