"""Rules: further constraints on (4) and (7). One kind is one class in one file, entered in `RULES`.

File form, JSON Schema, command line, checker, Pyomo rows and linear form follow from the class.
"""

from collections.abc import Mapping

from formulation.rules.closed import Closed
from formulation.rules.computing_tasks import ComputingTasks
from formulation.rules.different_computing import DifferentComputing
from formulation.rules.disjoint import Disjoint
from formulation.rules.energy import Energy
from formulation.rules.fields import ProblemError
from formulation.rules.hops import Hops
from formulation.rules.linear import Linear, Term
from formulation.rules.linear_form import Row
from formulation.rules.link_packets import LinkPackets
from formulation.rules.open_computing import OpenComputing
from formulation.rules.relay_packets import RelayPackets
from formulation.rules.rule import Rule
from formulation.rules.same_computing import SameComputing

_KINDS: tuple[type[Rule], ...] = (
    Closed,
    LinkPackets,
    RelayPackets,
    ComputingTasks,
    OpenComputing,
    SameComputing,
    DifferentComputing,
    Disjoint,
    Hops,
    Energy,
    Linear,
)
RULES: Mapping[str, type[Rule]] = {rule.kind: rule for rule in _KINDS}
"""The kinds of rules by name."""

__all__ = [
    "RULES",
    "Closed",
    "ComputingTasks",
    "DifferentComputing",
    "Disjoint",
    "Energy",
    "Hops",
    "Linear",
    "LinkPackets",
    "OpenComputing",
    "ProblemError",
    "RelayPackets",
    "Row",
    "Rule",
    "SameComputing",
    "Term",
]
