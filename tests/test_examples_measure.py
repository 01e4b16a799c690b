"""The measurements of our own: few seeds give what the shipped tables say, within their spread."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DATA = ROOT / "fitting" / "data"


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["update", "residual"])
def test_two_seeds_agree_with_the_shipped_table(name, tmp_path):
    pytest.importorskip("sklearn")
    script = {"update": "measure_update_size.py", "residual": "measure_residual.py"}[name]
    out = tmp_path / "out.csv"
    subprocess.run([sys.executable, str(ROOT / "examples" / script), "--seeds", "2", "--out", str(out)], check=True)
    shipped = rows(DATA / f"map_vs_{name}_digits.csv")
    again = rows(out)
    assert len(again) == len(shipped)
    for one, all_seeds in zip(again, shipped, strict=True):
        assert abs(float(one["map"]) - float(all_seeds["map"])) < 4 * float(all_seeds["map_std"]) + 0.002
        assert all_seeds["n"] == "20"
        assert all_seeds["command"].endswith("--seeds 20")
