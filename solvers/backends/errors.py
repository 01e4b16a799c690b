"""Errors of this room that are the user's to mend."""

from fitting.errors import LeosplitError


class SolverError(LeosplitError):
    """A solver, an option or a formulation that does not exist or cannot be had: one sentence with what is allowed."""
