"""The base class of every error that bad user input raises."""


class LeosplitError(ValueError):
    """Bad input: one sentence that says what, where and what is allowed."""
