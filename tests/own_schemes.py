"""Schemes as a user would write them."""

from dataclasses import replace

from formulation import Problem, Solution
from solvers import SchemeOptions, run_scheme

NUMBER = 7


def half(problem: Problem, options: SchemeOptions) -> Solution:
    """The even split, through the public door."""
    return run_scheme(problem, "even", options).solution


def too_small_packets(problem: Problem, options: SchemeOptions) -> Solution:
    """A solution that breaks (4c)."""
    solution = half(problem, options)
    return replace(solution, tasks=tuple(replace(d, model_packet_bits=1e6) for d in solution.tasks))


def nothing(problem: Problem, options: SchemeOptions) -> None:
    """Return no solution at all."""


def fails(problem: Problem, options: SchemeOptions) -> Solution:
    """Fail as code under development does."""
    raise ZeroDivisionError("division by zero")


def one_in_a_tuple(problem: Problem, options: SchemeOptions) -> tuple[Solution]:
    """Forget the trace."""
    return (half(problem, options),)


def prints(problem: Problem, options: SchemeOptions) -> Solution:
    """Print while deciding."""
    print("hello")
    return half(problem, options)
