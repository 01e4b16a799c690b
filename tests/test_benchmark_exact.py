"""The benchmarks of the exact solvers in their smallest forms."""

import pytest

from benchmarks import exact, growth


def test_the_smallest_table_is_proven_and_rivals_have_ratios(capsys):
    exact.main(["smoke", "--repeats", "1", "--first-seed", "3"])
    out = capsys.readouterr().out
    assert "seeds from 3" in out
    row = next(line for line in out.splitlines() if line.startswith("| torus 3x3/2/1 |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:4] == ["2", "2", "1"]
    assert float(cells[4]) <= float(cells[5])
    rivals = [line for line in out.splitlines() if line.startswith("| torus 2x3/1/1 |")]
    assert len(rivals) == 4
    for line in rivals[:2]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        ours, theirs, ratio = float(cells[1]), float(cells[4]), float(cells[6])
        half = 0.0005 + 1e-9  # of the last digit that is printed of a time
        assert (theirs - half) / (ours + half) - 0.5 <= ratio <= (theirs + half) / (ours - half) + 0.5


def test_what_the_budget_leaves_out_is_said(capsys):
    exact.main(["iridium 66/5/2", "--budget", "0"])
    assert "0 of 20: no time left" in capsys.readouterr().out


def test_unknown_families_are_refused(capsys):
    with pytest.raises(SystemExit) as caught:
        exact.main(["nonesuch"])
    assert caught.value.code == 2
    assert "no family nonesuch" in capsys.readouterr().err


def test_growth_in_its_smallest_form_makes_table_and_figure(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(growth, "GRIDS", ((3, 3), (4, 4)))
    monkeypatch.setattr(growth, "BY_SATELLITES", {"tori": lambda p, s: growth.generate_torus(p, s, seed=0)})
    monkeypatch.setattr(growth, "TASKS", (2, 3))
    growth.main(str(tmp_path))
    out = capsys.readouterr().out
    assert out.count("| optimal |") == 4
    assert {path.name for path in tmp_path.iterdir()} == {"growth.png", "growth.svg"}
