"""The checks of `fitting.checks`, with the class of error of an instance."""

from fitting.checks import Checks
from fitting.errors import LeosplitError


class InstanceError(LeosplitError):
    """An instance that breaks a rule: one sentence with the field, what is allowed and what was given."""


CHECKS = Checks(InstanceError)
number, numbers, whole, text, choice = CHECKS.number, CHECKS.numbers, CHECKS.whole, CHECKS.text, CHECKS.choice
