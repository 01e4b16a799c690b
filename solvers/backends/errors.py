"""Errors of the solvers that the user can mend."""

from fitting.errors import LeosplitError


class SolverError(LeosplitError):
    """A solver, an option or a formulation that does not exist or cannot be had: one sentence with what is allowed."""
