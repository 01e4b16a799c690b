"""Rules as rows over decisions: what the Pyomo models, branch and price and the heuristics share.

A row is Σ coefficient · variable (<=, >=, ==) rhs. A variable here stands for the *sum* of the decisions in a product
of sets, so that a rule over all links stays one term:

| class | sum over its sets of | per decision |
|---|---|---|
| `Use` | 1 where the packet of this kind of the task is sent over the link | {0, 1} |
| `Relay` | 1 where the packet is relayed by the satellite, an inner one of its path | {0, 1} |
| `Serve` | 1 where c(m) is the satellite, whether or not the data packet exists | {0, 1} |
| `Ends` | 1 where the packet exists and ends (data) or starts (model) at the computing satellite | {0, 1} |
| `Sent` | 1 where the packet exists | {0, 1} |
| `OffloadRatio` | ρ_m | [0, 1] |
| `Offloaded` | ρ_m where c(m) is the satellite, else 0 | [0, 1] |
| `Bits` | the packet's size [bit] where it is sent over the link, else 0 | >= 0 |
| `Indicator` | a variable of the rule's own in [0, 1]; the row's rule gives it no other bound and no cost | [0, 1] |

In a relaxation that prices rows, a row with sense <= has a dual π >= 0, and π · coefficient is added to the cost of
what it counts: `Use` and `Bits` to the arcs of a packet's path, `Relay` to a satellite that it passes, `Serve` and
`Ends` to the choice of c(m), `Sent` to the packet mode, `OffloadRatio` and `Offloaded` to ρ at the mode and end. The
constant is -π · rhs. An indicator's own cost, the sum of π · coefficient over its rows, is minimised over [0, 1].
"""

from dataclasses import dataclass

Pair = tuple[str, str]
"""A link by the ids of its ends."""


@dataclass(frozen=True)
class Use:
    """Packets on links."""

    tasks: tuple[str, ...]
    packets: tuple[str, ...]
    links: tuple[Pair, ...]


@dataclass(frozen=True)
class Relay:
    """Packets relayed by satellites."""

    tasks: tuple[str, ...]
    packets: tuple[str, ...]
    satellites: tuple[str, ...]


@dataclass(frozen=True)
class Serve:
    """Tasks with c(m) among these satellites."""

    tasks: tuple[str, ...]
    computing: tuple[str, ...]


@dataclass(frozen=True)
class Ends:
    """Packets that end (data) or start (model) at these computing satellites."""

    tasks: tuple[str, ...]
    packets: tuple[str, ...]
    computing: tuple[str, ...]


@dataclass(frozen=True)
class Sent:
    """Packets that exist."""

    tasks: tuple[str, ...]
    packets: tuple[str, ...]


@dataclass(frozen=True)
class OffloadRatio:
    """Offload ratios."""

    tasks: tuple[str, ...]


@dataclass(frozen=True)
class Offloaded:
    """Offload ratios of the tasks with c(m) among these satellites."""

    tasks: tuple[str, ...]
    computing: tuple[str, ...]


@dataclass(frozen=True)
class Bits:
    """Bits sent over links."""

    tasks: tuple[str, ...]
    packets: tuple[str, ...]
    links: tuple[Pair, ...]


@dataclass(frozen=True)
class Indicator:
    """A variable of one rule alone, such as whether a computing satellite serves anybody.

    Attributes
    ----------
    key
        Unique within its rule.
    """

    key: str


Variable = Use | Relay | Serve | Ends | Sent | OffloadRatio | Offloaded | Bits | Indicator
SENSES = ("<=", ">=", "==")


@dataclass(frozen=True)
class Row:
    """One linear row of a rule.

    Attributes
    ----------
    place
        What the row is about, such as a link or a task; unique within its rule, empty where it has one row only.
    terms
        (coefficient, variable).
    sense
        One of `SENSES`.
    rhs
        Right-hand side.
    """

    place: str
    terms: tuple[tuple[float, Variable], ...]
    sense: str
    rhs: float
