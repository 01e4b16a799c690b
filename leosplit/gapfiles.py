"""The files of a gap run: table as text, CSV and JSON, the exact solutions, and the figures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from fitting.whole_file import write_text
from formulation import Problem, Solution, problem_sha256, write_solution
from instances import Instance, instance_sha256
from leosplit.csv_file import write_rows
from leosplit.figures import draw_gaps, draw_map, draw_profile, draw_quality_time, save
from solvers.gap_statistics import gap_statistics
from solvers.gaps import GapRow
from solvers.result import Result, Termination


class GapFiles:
    """Writes what is known after every instance, so that an interrupted run keeps what it has.

    Parameters
    ----------
    directory
        Where the files go; made if missing.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.rows: list[GapRow] = []
        self._text: list[str] = []
        self._map: tuple[Instance, Solution, bool] | None = None
        self._labels: dict[str, str] = {}
        directory.mkdir(parents=True, exist_ok=True)

    def label(self, problem: Problem) -> str:
        """Return what a problem is called in rows and files: its name, with its hash where another has that name.

        Different problems never share a label, nor two labels a file; the same problem given twice does.
        """
        sha, name = problem_sha256(problem), problem.instance.name
        for label in (name, f"{name[:40]}-{sha[:12]}"):
            if self._labels.setdefault(_file_name(label), sha) == sha:
                break
        return label

    def add(self, problem: Problem, rows: Sequence[GapRow], results: Mapping[str, Result], table: str) -> None:
        """Take one instance's rows, results and table, and write them."""
        instance = problem.instance
        self.rows += rows
        self._text.append(table)
        write_text(self._path("gaps.txt"), "\n".join(self._text))
        write_rows(self._path("gaps.csv"), GapRow, self.rows)
        write_text(self._path("gaps.json"), json.dumps({"rows": [asdict(row) for row in self.rows]}, indent=1) + "\n")
        solution = results["exact"].solution
        if solution is not None:
            solution = replace(solution, instance_sha256=instance_sha256(instance))
            write_solution(solution, self._path(f"{_file_name(rows[0].instance)}.solution.json"))
            proven = results["exact"].termination is Termination.OPTIMAL
            if self._map is None or (proven and not self._map[2]):
                self._map = instance, solution, proven

    def finish(self, summary: str) -> list[Path]:
        """Add the summary, draw the figures, and return the files of the whole run."""
        write_text(self._path("gaps.txt"), "\n".join([*self._text, summary]))
        paths = [self._path(f"gaps.{kind}") for kind in ("txt", "csv", "json")]
        if any(row.gap_to_bound is not None for row in self.rows):
            paths += save(draw_gaps(self.rows), self._path("gaps.png"))
        if len({row.instance for row in self.rows}) > 1:
            statistics = gap_statistics(self.rows)
            text = json.dumps([asdict(entry) for entry in statistics], indent=1)
            write_text(self._path("statistics.json"), text + "\n")
            paths.append(self._path("statistics.json"))
            paths += save(draw_profile(self.rows), self._path("profile.png"))
            paths += save(draw_quality_time(statistics), self._path("quality_time.png"))
        if self._map is not None:
            instance, solution, proven = self._map
            kind = "optimal routes" if proven else "best routes found, not proven"
            figure = draw_map(instance, solution, f"{instance.name}: {kind}")
            paths += save(figure, self._path("map.png"))
        return paths

    def _path(self, name: str) -> Path:
        return self.directory / name


def _file_name(text: str) -> str:
    """Return a name that is safe in a directory, and no longer than one may be."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in text[:60])
