"""The numbers of a report: what its page shows and its JSON says."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fitting.errors import LeosplitError
from leosplit.report.statistics import Interval, mean_interval
from leosplit.sweeps.store import read_results
from leosplit.tables import observation_note

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class SchemeNumbers:
    """One scheme in one study.

    Attributes
    ----------
    study, scheme
        Their names.
    runs, undecided
        Its runs, and those without a delay.
    gap_to_optimum
        Mean over instances whose optimum is proven, with its interval, or None.
    worst_gap_to_optimum
        The largest of them, or None.
    gap_to_bound
        Mean over the other instances, with its interval, or None. Never mixed with the first.
    mean_delay_s
        Mean delay [s], or None.
    decision_s
        Median decision time [s].
    """

    study: str
    scheme: str
    runs: int
    undecided: int
    gap_to_optimum: Interval | None
    worst_gap_to_optimum: float | None
    gap_to_bound: Interval | None
    mean_delay_s: float | None
    decision_s: float


@dataclass(frozen=True)
class FailureNumbers:
    """Failed runs of one scheme for one reason."""

    scheme: str
    reason: str
    runs: int


@dataclass(frozen=True)
class ReportNumbers:
    """Everything that a report counts.

    Attributes
    ----------
    studies
        Names of the studies.
    runs
        Number of runs by termination.
    instances, proven
        Instances, and those whose optimum is proven.
    first_finished, last_finished
        When the first and the last run ended, ISO 8601, UTC.
    schemes, failed
        What follows for each scheme, and what failed.
    observations
        What the policies behind the schemes observe, one sentence a kind.
    made_with
        Versions and `commit` of the runs, one object each.
    """

    studies: tuple[str, ...]
    runs: dict[str, int]
    instances: int
    proven: int
    first_finished: str
    last_finished: str
    schemes: tuple[SchemeNumbers, ...]
    failed: tuple[FailureNumbers, ...]
    observations: tuple[str, ...]
    made_with: tuple[dict[str, str], ...]


def read_runs(results: str | Path) -> "pd.DataFrame":
    """Return the runs of a results file, at least one, with delays and gaps as floats.

    Raises
    ------
    LeosplitError
        If the results file is missing, empty or something else.
    """
    frame = read_results(results)
    if frame.empty:
        raise LeosplitError(f"{results}: holds no run yet")
    for column in ("objective_s", "bound_s", "best_bound_s", "gap_to_optimum", "gap_to_bound"):
        frame[column] = frame[column].astype(float)
    return frame


def report_numbers(frame: "pd.DataFrame") -> ReportNumbers:
    """Return the numbers of a report.

    Parameters
    ----------
    frame
        From `read_runs`.
    """
    made = frame[frame["instance_sha256"] != ""]
    failed = frame[frame["termination"] == "error"]
    commits = frame[["commit_id", "versions"]].drop_duplicates().itertuples(index=False)
    return ReportNumbers(
        studies=tuple(dict.fromkeys(map(str, frame["study"]))),
        runs={str(name): int(count) for name, count in frame["termination"].value_counts().items()},
        instances=int(made["instance_sha256"].nunique()),
        proven=int(made.loc[made["gap_to_optimum"].notna(), "instance_sha256"].nunique()),
        first_finished=str(frame["finished_at"].min()),
        last_finished=str(frame["finished_at"].max()),
        schemes=tuple(
            _scheme(str(study), str(scheme), own)
            for (study, scheme), own in frame.groupby(["study", "scheme"], sort=False)
        ),
        failed=tuple(
            FailureNumbers(str(scheme), str(reason), len(own))
            for (scheme, reason), own in failed.groupby(["scheme", "message"], sort=False)
        ),
        observations=_observations(frame),
        made_with=tuple({"commit": str(commit)} | json.loads(versions) for commit, versions in commits),
    )


def _scheme(study: str, scheme: str, own: "pd.DataFrame") -> SchemeNumbers:
    optimum = own["gap_to_optimum"]
    unproven = own.loc[optimum.isna(), "gap_to_bound"]
    return SchemeNumbers(
        study=study,
        scheme=scheme,
        runs=len(own),
        undecided=int(own["objective_s"].isna().sum()),
        gap_to_optimum=mean_interval(optimum.to_numpy(float)),
        worst_gap_to_optimum=float(optimum.max()) if optimum.notna().any() else None,
        gap_to_bound=mean_interval(unproven.to_numpy(float)),
        mean_delay_s=float(own["objective_s"].mean()) if own["objective_s"].notna().any() else None,
        decision_s=float((own["build_s"] + own["solve_s"]).median()),
    )


def _observations(frame: "pd.DataFrame") -> tuple[str, ...]:
    """Return what the policies behind the schemes observe."""
    found = []
    for options, own in frame.groupby("options", sort=False):
        policy = json.loads(str(options)).get("policy")
        try:
            notes = observation_note(own["scheme"].unique().tolist(), None if policy is None else Path(policy))
        except (OSError, LeosplitError):
            notes = [f" observation unknown: the policy {policy} cannot be read any more"]
        found += [note.removeprefix(" observation ") for note in notes]
    return tuple(dict.fromkeys(found))
