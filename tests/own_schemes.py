"""Schemes as a user would write them."""

from dataclasses import replace

from formulation import Solution
from instances import Instance
from solvers import SchemeOptions, run_scheme

NUMBER = 7


def half(instance: Instance, options: SchemeOptions) -> Solution:
    """The even split, through the public door."""
    return run_scheme(instance, "even", options).solution


def too_small_packets(instance: Instance, options: SchemeOptions) -> Solution:
    """A solution that breaks (4c)."""
    solution = half(instance, options)
    return replace(solution, tasks=tuple(replace(d, model_packet_bits=1e6) for d in solution.tasks))


def nothing(instance: Instance, options: SchemeOptions) -> None:
    """Return no solution at all."""


def fails(instance: Instance, options: SchemeOptions) -> Solution:
    """Fail as code under development does."""
    raise ZeroDivisionError("division by zero")


def one_in_a_tuple(instance: Instance, options: SchemeOptions) -> tuple[Solution]:
    """Forget the trace."""
    return (half(instance, options),)


def prints(instance: Instance, options: SchemeOptions) -> Solution:
    """Print while deciding."""
    print("hello")
    return half(instance, options)
