"""Statistics over a gap table and the figures of many instances."""

import numpy as np
import pytest

from leosplit.cli import main
from solvers.gap_statistics import gap_statistics, interquartile_mean
from solvers.gaps import GapRow
from solvers.result import Termination


def row(instance, scheme, objective, to_optimum, to_bound):
    return GapRow(instance, scheme, Termination.FEASIBLE, objective, 1.0, to_optimum, to_bound, 0.5, 0)


def test_interquartile_mean_by_hand():
    assert interquartile_mean(np.array([100.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, -50.0])) == 3.5
    assert interquartile_mean(np.array([1.0, 5.0])) == 3.0


def test_kinds_of_gaps_are_never_mixed():
    rows = [row("a", "x", 1.1, 0.1, 0.1), row("b", "x", 1.2, None, 0.2), row("a", "y", 1.0, 0.0, 0.0)]
    rows.append(row("b", "y", None, None, None))
    entries = {(entry.scheme, entry.base): entry for entry in gap_statistics(rows)}
    assert (entries["x", "optimum"].count, entries["x", "optimum"].mean) == (1, 0.1)
    assert entries["x", "bound"].mean == pytest.approx(0.15)
    assert entries["x", "best_known"].mean == pytest.approx(0.05)
    assert entries["y", "bound"].solved == 0.5


def test_the_interval_holds_the_mean_and_repeats():
    rng = np.random.default_rng(0)
    rows = [row(str(k), "x", 1.0, g, g) for k, g in enumerate(rng.exponential(size=50))]
    first, again = gap_statistics(rows), gap_statistics(rows)
    assert first == again
    assert first[0].iqm_low < first[0].iqm < first[0].iqm_high


def test_gap_over_a_preset_writes_statistics_and_figures(tmp_path, capsys):
    words = ["gap", "--preset", "iridium", "--count", "2", "--seed", "40", "--time-limit", "1", "--out", str(tmp_path)]
    assert main([*words, "--scheme", "bs-marl", "--scheme", "bs-shortest-path"]) == 0
    assert "Gap to the best delay of this table" in capsys.readouterr().out
    for name in ("statistics.json", "profile.png", "quality_time.png"):
        assert (tmp_path / name).stat().st_size > 0
