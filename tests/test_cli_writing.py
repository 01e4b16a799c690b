"""Every command that cannot write a file says so in one line, with exit code 2, and leaves the old files."""

import json
import os
import resource
import subprocess
import sys

import pytest

from instances import generate_torus, make_preset, preset_scenario, read_instance, write_instance, write_scenario
from leosplit.cli import main
from leosplit.figures import training_study
from leosplit.sweeps import Store
from tests.sweeping import TORUS_TOML

COMMANDS = [
    (["run", "i.json", "--scheme", "best-response", "-o", "s.json"], ["s.json"]),
    (["solve", "i.json", "-o", "s.json"], ["s.json"]),
    (["solve", "i.json", "--export", "m.lp", "--formulation", "bit-flow"], ["m.lp"]),
    (["solve", "i.json", "--problem", "data", "--export", "m.mps"], ["m.mps"]),
    (["fit", "m.csv", "-o", "f.json"], ["f.json"]),
    (["fit", "m.csv", "--figure", "f.pdf"], ["f.pdf"]),
    (["instance", "new", "--torus", "3x3", "-o", "n.json"], ["n.json"]),
    (["instance", "new", "--scenario", "-o", "n.json"], ["n.json"]),
    (["instance", "export", "i.json", "--format", "graphml", "-o", "g.graphml"], ["g.graphml"]),
    (["instance", "export", "i.json", "--format", "node-link", "-o", "g.json"], ["g.json"]),
    (["instance", "export", "p.json", "--format", "czml", "-o", "g.czml"], ["g.czml"]),
    (["instance", "export", "c.json", "--slots", "2", "--format", "czml", "-o", "c.czml"], ["c.czml"]),
    (["instance", "export", "c.json", "--format", "stk", "-o", "."], ["0-0.e"]),
    (["instance", "show", "i.json", "-o", "map.svg"], ["map.svg"]),
    (["gap", "i.json", "--scheme", "best-response", "--out", "."], ["gaps.txt", "gaps.csv", "gaps.json", "gaps.png"]),
    (["simulate", "c.json", "--slots", "2", "--scheme", "small", "--out", "."], ["simulate-iridium-slots.csv"]),
    (["report", "r.db", "-o", "r.html"], ["r.html"]),
    (["figures", "5", "--tasks", "2", "--computing", "1", "--out", "."], ["figure5.png", "figure5.svg"]),
]


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A working directory with the input of every command."""
    write_instance(generate_torus(3, 3, tasks=1, computing=1, seed=0), tmp_path / "i.json")
    write_instance(make_preset("iridium", seed=0, tasks=1), tmp_path / "p.json")
    write_scenario(preset_scenario("iridium", seed=0), tmp_path / "c.json")
    rows = "\n".join(f"{k / 10},{1 - 0.5 ** (k + 1)}" for k in range(8))
    (tmp_path / "m.csv").write_text(f"residual_bpp,map\n{rows}\n")
    (tmp_path / "s.toml").write_text(f'schemes = ["best-response"]\nseeds = [0]\n{TORUS_TOML}')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fill(path):
    """Make a results file of one run, without a cluster."""
    from leosplit.sweeps import read_study
    from leosplit.sweeps.worker import run_job

    with Store(path) as store:
        store.add([run_job(job, "") for job in read_study("s.toml").jobs()])


@pytest.mark.parametrize(("words", "files"), COMMANDS, ids=lambda part: " ".join(part))
def test_a_full_disk_is_one_line_and_leaves_the_old_files(words, files, work, capsys, monkeypatch):
    if words[0] == "report":
        fill(work / "r.db")
    for name in files:
        (work / name).write_text("old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert main(words) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ")
    assert last.endswith(f"{files[0]}: No space left on device")
    assert [(work / name).read_text() for name in files] == ["old"] * len(files)
    assert not list(work.glob(".*"))


@pytest.mark.parametrize("at", range(1, 6))
def test_gap_keeps_what_was_written_before_the_disk_was_full(at, work, capsys, monkeypatch):
    calls, made = [], read_instance("i.json")

    def full(_):
        calls.append(1)
        if len(calls) == at:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert main(["gap", "i.json", "--scheme", "best-response", "--out", "out"]) == 2
    written = ["gaps.txt", "gaps.csv", "gaps.json", f"{made.name}.solution.json", "gaps.txt", "gaps.png"]
    name = written[at - 1]
    assert capsys.readouterr().err.splitlines()[-1] == f"error: out/{name}: No space left on device"
    assert sorted(path.name for path in (work / "out").iterdir()) == sorted(set(written[: at - 1]))


def limited(words, bytes_, cwd):
    """Run a command whose files may have this many bytes."""
    return subprocess.run(
        [sys.executable, "-m", "leosplit", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, bytes_)),
    )


def test_a_limit_on_file_sizes_is_one_line_and_leaves_the_old_file(work):
    (work / "n.json").write_text("old")
    done = limited(["instance", "new", "--torus", "9x9", "-o", "n.json"], 4096, work)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "error: n.json: File too large\n")
    assert (work / "n.json").read_text() == "old"


def test_a_store_that_cannot_grow_is_one_line_and_keeps_its_rows(work):
    pytest.importorskip("distributed")
    fill(work / "r.db")
    study = (work / "s.toml").read_text().replace("[0]", "{ count = 200 }")
    (work / "s.toml").write_text(study)
    size = max((work / "r.db").stat().st_size, 32768)  # of the file that its processes share
    done = limited(["sweep", "s.toml", "-o", "r.db", "--workers", "1"], size + 8192, work)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: r.db: cannot be written: ")
    assert "Traceback" not in done.stderr
    with Store(work / "r.db") as store:
        assert len(store.keys()) >= 1


@pytest.mark.parametrize("formulation", [[], ["--formulation", "bit-flow"]])
def test_a_log_that_cannot_be_written_is_one_line(formulation, work, capsys):
    assert main(["solve", "c.json", "--log", "/dev/full"]) == 2  # not an instance: refused first
    assert "No space" not in capsys.readouterr().err
    assert main(["solve", "i.json", *formulation, "--log", "/dev/full"]) in (0, 2)  # a short proof may have no log
    said = capsys.readouterr()
    assert said.err in ("error: /dev/full: No space left on device\n", "")
    assert formulation == [] or said.err


def test_a_standard_output_that_is_full_is_one_line(work):
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            [sys.executable, "-m", "leosplit", "instance", "show", "i.json", "--json"],
            cwd=work,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=300,
        )
    assert (done.returncode, done.stderr) == (2, "error: stdout: No space left on device\n")


CURVE = {"delay": [1.0, 0.9], "reward": [0.1, 0.2], "least": 0.8, "proven": 1.0}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (json.dumps({"a": CURVE, "b": CURVE}), ["a", "b"]),
        (json.dumps({"a": CURVE, "b": CURVE})[:-20], []),
        (json.dumps({"a": CURVE, "b": {**CURVE, "least": None}}), ["a"]),
        (json.dumps({"a": {**CURVE, "delay": 1.0}, "b": 3}), []),
        ("", []),
        ("[1, 2]", []),
        ("\x00\x00\x00", []),
    ],
)
def test_figure_6_trains_again_what_its_cache_cannot_tell(text, kept, tmp_path, recwarn):
    (tmp_path / "figure6.json").write_text(text)
    assert list(training_study._read_kept(tmp_path / "figure6.json")) == kept
    assert training_study._read_kept(tmp_path / "none.json") == {}
    cut = not text.startswith(("{", "[")) or text == json.dumps({"a": CURVE, "b": CURVE})[:-20]
    assert len(recwarn) == cut
    assert all("its runs are trained again" in str(one.message) for one in recwarn)
