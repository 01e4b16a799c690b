"""Every command with `--json`, in a process of its own as users run it: stdout is one document and nothing else."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import click
import pytest
import typer

from instances import generate_torus, write_instance
from leosplit.cli import _register, app, main
from solvers.backends import highs

CSV = Path(__file__).parent.parent / "fitting" / "data" / "map_vs_update_digits.csv"
STUDY = """
schemes = ["small", "exact"]
seeds = [0]
[instances]
torus = [3, 3]
tasks = 2
computing = 1
"""
COMMANDS = {
    "solve": ["i.json"],
    "evaluate": ["i.json", "s.json"],
    "gap": ["i.json", "--scheme", "small", "--out", "gap"],
    "run": ["i.json", "--scheme", "bs-exact"],
    "sensitivity": ["i.json"],
    "simulate": ["iridium", "--slots", "1", "--out", "simulated"],
    "sweep": ["study.toml", "-o", "again.db", "--workers", "1"],
    "report": ["runs.db"],
    "figures": ["5", "--tasks", "2", "--computing", "1", "--out", "figures"],
    "train": ["--preset", "iridium", "--epochs", "1", "--episodes", "4", "--slots", "1", "--out", "trained"],
    "fit": [str(CSV)],
    "instance show": ["i.json"],
    "place": ["i.json", "--count", "1"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with an instance, a solution of it and a study."""
    path = tmp_path_factory.mktemp("json")
    write_instance(generate_torus(3, 3, tasks=2, computing=1, seed=0), path / "i.json")
    (path / "study.toml").write_text(STUDY)
    assert main(["solve", str(path / "i.json"), "-o", str(path / "s.json")]) == 0
    return path


def test_the_commands_are_all_that_have_the_option():
    if not app.registered_commands:
        _register()
    found, groups = set(), [("", typer.main.get_command(app))]
    while groups:
        prefix, group = groups.pop()
        for name, command in group.commands.items():
            if name == "fit":  # a group whose default command reads measurements
                found.add(name)
            elif isinstance(command, click.Group) or hasattr(command, "commands"):
                groups.append((f"{prefix}{name} ", command))
            elif any("--json" in option.opts for option in command.params):
                found.add(prefix + name)
    assert found == set(COMMANDS)


def test_what_highs_prints_before_it_can_be_told_not_to_is_kept_from_stdout(monkeypatch, capfd):
    """As HiGHS 1.16 does in the constructor of a process's first object."""

    class Announcing:
        def __init__(self):
            if not announced:
                os.write(1, b"Running HiGHS\n")
            announced.append(self)

    announced = []
    monkeypatch.setattr(highs.highspy, "Highs", Announcing)
    monkeypatch.setattr(highs, "_announced", threading.Lock())
    print("before")
    assert highs.new_highs() is announced[-1]
    print("after")
    assert capfd.readouterr() == ("before\nafter\n", "")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "solve" else pytest.mark.slow) for name in COMMANDS]
)
def test_stdout_is_one_document(name, folder):
    if name == "train":
        pytest.importorskip("torch")
    if name == "report":
        assert main(["sweep", str(folder / "study.toml"), "-o", str(folder / "runs.db"), "--workers", "1"]) == 0
    words = [sys.executable, "-m", "leosplit", *name.split(), *COMMANDS[name], "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=folder, timeout=600)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
