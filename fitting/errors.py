"""The errors that bad user input raises: one sentence that says what, where and what is allowed."""


class LeosplitError(ValueError):
    """Bad input: the base class of every error that a user's input raises."""


class CurveError(LeosplitError):
    """A curve that is not valid, or a question that it cannot answer."""


class MeasurementError(LeosplitError):
    """A measurement file that cannot be read, or measurements that cannot be fitted."""
