"""Settings of branch and price: every number that is a choice, not a tolerance of the arithmetic.

`Settings()` are the defaults. `with_options` changes some by name, as `--solver-option diving.free_tasks=12` does. The
one rule that depends on the number of tasks is `Settings.effort`.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from typing import Any

from solvers.backends.errors import SolverError


@dataclass(frozen=True)
class RootSettings:
    """The root: rounds of column generation, fixing and refinement.

    Attributes
    ----------
    rounds
        Rounds at most; another one follows only while each closes `min_progress` of the gap.
    split_share
        Share of the gap that the chords of all tasks together may lose at the LP solution before segments are split.
    first_split
        The second breakpoint of each task lies this much of A + s above the incumbent's A.
    chord_tolerance, min_chord_tolerance
        What chords may charge a plan too little: over the gap that was asked for, and relative to the incumbent.
    descents
        Descents from an empty network times tasks; between 2 and `max_descents` of them.
    reach
        Factor above the first plans' value up to which solutions are looked for while there is no incumbent.
    """

    rounds: int = 60
    min_progress: float = 0.2
    split_share: float = 0.1
    first_split: float = 0.15
    chord_tolerance: float = 0.2
    min_chord_tolerance: float = 1e-11
    descents: int = 160
    max_descents: int = 8
    reach: float = 2.0


@dataclass(frozen=True)
class ColumnGenerationSettings:
    """Column generation.

    Attributes
    ----------
    rounds
        Rounds at most.
    min_gap
        Share of the gap below which the difference between the restricted master and the bound is not pursued.
    lp_tolerance
        Share of the gap to which the restricted master is solved.
    max_row_penalty
        How much more than at first breaking a row of the problem may cost in the end.
    max_segments
        Segments of a task from which on the LP solution splits none.
    cases_per_round, first_cases
        Segments and ends of a task whose paths a round adds, and with which the restricted master begins.
    """

    rounds: int = 200
    min_gap: float = 0.02
    lp_tolerance: float = 0.005
    max_row_penalty: float = 1e4
    max_segments: int = 10
    cases_per_round: int = 8
    first_cases: int = 3


@dataclass(frozen=True)
class SeparationSettings:
    """Separation of congestion cuts, and of the rows of the level-indexed master.

    Attributes
    ----------
    rounds, level_rounds
        Rounds of separation for one set of columns; `rounds` for levels too where the problem has rows.
    in_out_weight
        Part of the way from the LP solution to the last separation points at which cuts are taken.
    perturbation
        How far above its value each part of a flow is taken.
    sparsify_below
        Share of the largest coefficient of a cut below which coefficients are dropped.
    tight
        Relative slack up to which a cut counts as tight, and is inherited by the next restricted master.
    min_violation, level_violation
        Violation, of cuts relative to the objective, from which on a row is added.
    smoothing
        Parts of the way from the best multipliers to the LP's at which the Lagrangian bound is taken (dual smoothing).
    stall_factor, cold_stall_factor
        Simplex iterations over rows and columns after which HiGHS counts as cycling, with a basis and without.
    """

    rounds: int = 60
    level_rounds: int = 4
    in_out_weight: float = 0.3
    perturbation: float = 1e-5
    sparsify_below: float = 1e-5
    tight: float = 1e-6
    min_violation: float = 1e-10
    level_violation: float = 1e-6
    smoothing: tuple[float, ...] = (1.0, 0.5)
    stall_factor: float = 0.25
    cold_stall_factor: float = 2.0


@dataclass(frozen=True)
class BranchingSettings:
    """The tree and strong branching.

    Attributes
    ----------
    max_candidates, iteration_limit
        Candidates whose children's LPs are probed, and simplex iterations for each child.
    reliability
        Probes of a candidate before its pseudocost replaces them.
    max_evaluated
        Candidates of a node whose children are evaluated by column generation.
    min_fraction
        Fraction below which a pseudocost is not taken to be steeper.
    min_gain
        Share of the gap that a child counts for at least in the product score.
    fading
        Weight of an experience of the score calibration after another one.
    bound_bucket, max_bound_bucket
        Share of the gap at the tree's start within which the bounds of nodes count as equal: mean, maximum.
    batch
        Nodes that each of two processes evaluates before they exchange results.
    assignment_weight, arc_weight, uncontested_arc_weight, segment_weight
        Score of a divided fraction by what it is a fraction of.
    """

    max_candidates: int = 12
    iteration_limit: int = 300
    reliability: int = 4
    max_evaluated: int = 4
    min_fraction: float = 1e-3
    min_gain: float = 1e-3
    fading: float = 0.9
    bound_bucket: float = 0.02
    max_bound_bucket: float = 0.5
    batch: int = 4
    assignment_weight: float = 3.0
    arc_weight: float = 2.0
    uncontested_arc_weight: float = 0.5
    segment_weight: float = 1.0


@dataclass(frozen=True)
class DivingSettings:
    """Diving.

    Attributes
    ----------
    starts
        Dives after each of the first two rounds of the root.
    lp_tolerance
        Share of the gap to which the LPs of dives are solved.
    fix_threshold
        Fractions from which on a task's largest path is fixed at once.
    min_noise
        Least factor by which a randomised dive misjudges a fraction.
    free_tasks
        Tasks that neighbourhood diving frees.
    failures
        Neighbourhood dives that may find nothing.
    root_failures
        The same at the root, over the number of tasks.
    moves_divisor
        Ruin-and-recreate after a dive makes the usual number of moves divided by this.
    node_interval
        Dives start from one of so many nodes.
    rounding_range
        Relative distance to the incumbent up to which a rounded LP solution is improved by best response.
    tasks_per_start
        Before the tree of many tasks, one dive for each so many of them.
    """

    starts: int = 2
    lp_tolerance: float = 0.05
    fix_threshold: float = 0.9
    min_noise: float = 0.5
    free_tasks: int = 10
    failures: int = 10
    root_failures: float = 0.5
    moves_divisor: int = 8
    node_interval: int = 12
    rounding_range: float = 2e-3
    tasks_per_start: int = 10


@dataclass(frozen=True)
class RuinRecreateSettings:
    """Ruin and recreate with simulated annealing.

    Attributes
    ----------
    min_moves, max_moves
        Moves are `min_moves` plus the square of the number of tasks, at most `max_moves`.
    max_removed
        Tasks that a move takes out beside the first, less one.
    start_temperature, end_temperature
        Relative to one task's part of the objective; and at the end, over that at the start.
    refresh_interval
        Moves after which running sums are computed anew.
    """

    min_moves: int = 40
    max_moves: int = 3000
    max_removed: int = 6
    start_temperature: float = 1e-3
    end_temperature: float = 0.02
    refresh_interval: int = 16


@dataclass(frozen=True)
class CrossoverSettings:
    """Crossover of solutions.

    Attributes
    ----------
    failures
        Crossovers that may bring no better incumbent, for many tasks.
    min_gain
        Share of the gap by which a better incumbent starts that count anew.
    pool_size
        Solutions that are kept.
    min_part, max_part
        Of the tasks in which two solutions differ, taken over from the other one.
    sweeps
        Steps of an annealing, over the number of tasks.
    refresh_interval, stop_interval
        Steps after which sums are computed anew, and after which the annealing looks whether to stop.
    """

    failures: int = 40
    min_gain: float = 0.01
    pool_size: int = 8
    min_part: float = 1 / 3
    max_part: float = 2 / 3
    sweeps: int = 300
    refresh_interval: int = 5000
    stop_interval: int = 200


@dataclass(frozen=True)
class CompactSettings:
    """The compact integer program.

    Attributes
    ----------
    slack
        Relative amount above the incumbent up to which it looks.
    breakpoint_width
        Relative distance of new breakpoints from the A that was charged too little.
    gap_factor
        Its gap over the one asked for.
    expansion
        Factor by which the interval of A grows where a task kept its data at home.
    """

    slack: float = 1e-6
    breakpoint_width: float = 1e-5
    gap_factor: float = 0.5
    expansion: float = 3.0


@dataclass(frozen=True)
class WholeFramesSettings:
    """Enumeration of what is left, for whole frames.

    Attributes
    ----------
    max_options
        Plans of a task from which on it is left to the bound.
    time_share
        Share of the time left that the enumeration takes.
    """

    max_options: int = 20_000
    time_share: float = 0.8


@dataclass(frozen=True)
class Effort:
    """What the heuristics do for one problem.

    Attributes
    ----------
    descents
        Best responses from an empty network.
    moves
        Of one ruin-and-recreate run.
    after_dive, at_node
        Failures allowed to neighbourhood dives near the end of a dive, and near the incumbent at nodes of the tree.
    root_failures
        The same near the incumbent after the dives of the root.
    later_rounds
        Part of the heuristics' effort that rounds of the root after the first keep.
    tree_dives, crossovers
        Dives and crossovers before the tree.
    """

    descents: int
    moves: int
    after_dive: int
    at_node: int
    root_failures: float
    later_rounds: float
    tree_dives: int
    crossovers: int


@dataclass(frozen=True)
class Settings:
    """All settings, by the part that they concern.

    Up to `few_tasks` tasks the heuristics work near the incumbent, from `many_tasks` on they spread over several
    solutions and cross them; in between, both in proportion.
    """

    few_tasks: int = 20
    many_tasks: int = 40
    root: RootSettings = field(default_factory=RootSettings)
    pricing: ColumnGenerationSettings = field(default_factory=ColumnGenerationSettings)
    separation: SeparationSettings = field(default_factory=SeparationSettings)
    branching: BranchingSettings = field(default_factory=BranchingSettings)
    diving: DivingSettings = field(default_factory=DivingSettings)
    ruin_recreate: RuinRecreateSettings = field(default_factory=RuinRecreateSettings)
    crossover: CrossoverSettings = field(default_factory=CrossoverSettings)
    compact: CompactSettings = field(default_factory=CompactSettings)
    whole_frames: WholeFramesSettings = field(default_factory=WholeFramesSettings)

    def effort(self, tasks: int, objective: str) -> Effort:
        """Return what the heuristics do for so many tasks; solutions are crossed for the mean only."""
        span = max(self.many_tasks - self.few_tasks, 1)
        spread = min(max((tasks - self.few_tasks) / span, 0.0), 1.0)
        crossed = spread if objective == "mean" else 0.0
        moves = self.ruin_recreate
        return Effort(
            descents=max(2, min(self.root.max_descents, self.root.descents // tasks)),
            moves=min(moves.min_moves + tasks**2, moves.max_moves),
            after_dive=round(spread * self.diving.failures),
            at_node=round((1 - spread) * self.diving.failures),
            root_failures=(1 - crossed) * self.diving.root_failures * tasks,
            later_rounds=1 - crossed,
            tree_dives=round(spread * (tasks // self.diving.tasks_per_start)),
            crossovers=round(crossed * self.crossover.failures),
        )

    def with_options(self, options: Mapping[str, Any]) -> "Settings":
        """Return these settings with some changed.

        Parameters
        ----------
        options
            Value by `part.name`, or by `name` for a number of tasks.

        Raises
        ------
        SolverError
            If there is no such setting, or its value is of another kind.
        """
        found = self
        for name, value in options.items():
            part, _, last = name.rpartition(".")
            owner: Any = getattr(found, part, None) if part else found
            known = {f.name: getattr(owner, f.name) for f in fields(owner)} if is_dataclass(owner) else {}
            if last not in known or is_dataclass(known[last]):
                raise SolverError(f"solver option {name!r}: branch and price has no such setting")
            changed = replace(owner, **{last: _converted(name, value, known[last])})
            found = replace(found, **{part: changed}) if part else changed
        return found


def is_setting(option: str) -> bool:
    """Tell whether a solver option is meant for branch and price: `part.name`, or a number of tasks."""
    return "." in option or option in {f.name for f in fields(Settings) if f.default is not MISSING}


def _converted(name: str, value: Any, known: Any) -> Any:
    """Return a value, perhaps text, as the kind of the one it replaces."""
    try:
        if isinstance(known, tuple):
            parts = value.split(",") if isinstance(value, str) else [value] if isinstance(value, float | int) else value
            found: Any = tuple(float(part) for part in parts)
        else:
            found = type(known)(value)
            if isinstance(known, int) and float(value) != found:
                raise ValueError
    except (TypeError, ValueError, OverflowError):
        kind = "numbers" if isinstance(known, tuple) else "a whole number" if isinstance(known, int) else "a number"
        raise SolverError(f"solver option {name!r}: expected {kind}, got {value!r}") from None
    if not all(0 <= one < float("inf") for one in (found if isinstance(found, tuple) else (found,))):
        raise SolverError(f"solver option {name!r}: must be at least 0 and finite, got {value!r}")
    return found
