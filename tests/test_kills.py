"""A command that is killed leaves every output file as it was, or whole."""

import sqlite3
from contextlib import closing

import pytest

from instances import generate_torus, preset_scenario, write_instance, write_scenario
from leosplit.cli import main
from tests.killing import Server, kill_often, whole
from tests.sweeping import TORUS_TOML

MODULES = ("leosplit.cli", "leosplit.figures", "leosplit.gapfiles", "solvers.exact", "fitting", "scipy.optimize")
SEED = 0


@pytest.fixture(scope="module")
def server():
    """A process that has imported what the commands need."""
    with Server(*MODULES) as server:
        yield server


@pytest.fixture
def work(tmp_path):
    """A directory with the input of every command."""
    write_instance(generate_torus(3, 3, tasks=2, computing=1, seed=0), tmp_path / "i.json")
    write_scenario(preset_scenario("iridium", seed=0), tmp_path / "scenario.json")
    rows = "\n".join(f"{k / 10},{1 - 0.5 ** (k + 1)}" for k in range(8))
    (tmp_path / "m.csv").write_text(f"residual_bpp,map\n{rows}\n", newline="\r\n")
    (tmp_path / "s.toml").write_text(f'schemes = ["best-response"]\nseeds = {{ count = 3 }}\n{TORUS_TOML}')
    return tmp_path


COMMANDS = {
    "fit": ["fit", "m.csv", "--max-error", "0.05", "--out", "out/f.json", "--figure", "out/f.png"],
    "gap": ["gap", "i.json", "i.json", "--scheme", "best-response", "--out", "out"],
    "simulate": ["simulate", "scenario.json", "--slots", "14", "--scheme", "best-response", "--out", "out"],
    "train": ["train", "--preset", "iridium", "--epochs", "2", "--episodes", "8", "--slots", "2", "--out", "out"],
    "figures": ["figures", "5", "--tasks", "2", "--computing", "1", "--time-limit", "1", "--out", "out"],
    "report": ["report", "r.db", "--out", "out/report.html"],
}


def prepare(name, work):
    """Make what a command needs beside the files of `work`."""
    (work / "out").mkdir()
    if name == "report":
        pytest.importorskip("distributed")
        assert main(["sweep", str(work / "s.toml"), "--out", str(work / "r.db"), "--workers", "1"]) == 0
    if name == "train":
        pytest.importorskip("torch")
    return COMMANDS[name]


def test_a_fit_that_is_killed_leaves_the_old_files_or_whole_ones(server, work):
    assert kill_often(server, prepare("fit", work), work, 4, SEED) == []
    for path in (work / "out").iterdir():
        content = path.read_bytes() if whole(path) else b"old"
        path.write_bytes(content[:-20])
        assert not whole(path), "the check itself"


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_is_killed_leaves_the_old_files_or_whole_ones(server, work, name):
    assert kill_often(server, prepare(name, work), work, 30, SEED + 1) == []


@pytest.mark.slow
def test_a_sweep_that_is_killed_leaves_whole_rows_and_goes_on(server, work):
    pytest.importorskip("distributed")
    words, path = ["sweep", "s.toml", "--out", "r.db", "--workers", "1"], work / "r.db"
    took = server.do(words, work)["seconds"]
    for k in range(20):
        server.do(words, work, seconds=took * (k + 0.5) / 20)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            rows = connection.execute("SELECT count(*) FROM runs").fetchone()[0]
            connection.execute("DELETE FROM runs")
            connection.commit()
        assert 0 <= rows <= 3
    assert server.do(words, work)["code"] == 0
