"""Limits of runs: inside Python code, inside solvers, and what ends with a run's process."""

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from leosplit.cli import main
from leosplit.sweeps import guard, read_results
from leosplit.sweeps.worker import LimitReached, limits, run_job
from tests.sweeping import TORUS_TOML, study


@pytest.mark.parametrize(
    ("scheme", "limit", "termination"),
    [
        ("endless", {"time_limit_s": 0.2}, "time_limit"),
        ("stubborn", {"time_limit_s": 0.2}, "time_limit"),
        ("greedy", {"memory_limit_gib": 0.001}, "memory_limit"),
    ],
)
def test_a_run_that_passes_its_limit_is_stopped(scheme, limit, termination, schemes, monkeypatch):
    monkeypatch.setattr("leosplit.sweeps.worker.GRACE_S", 0.1)
    monkeypatch.setattr("leosplit.sweeps.worker.MEMORY_GRACE_S", 0.1)
    (job,) = study(schemes=[f"{schemes}:{scheme}"], **limit).jobs()
    row = run_job(job, "")
    assert row.termination == termination
    assert "limit of the run" in row.message


def test_no_limit_is_raised_after_its_run(monkeypatch):
    """The limit is met while the run's watcher is told to end: none is left, nothing comes late."""

    class SlowEvent(threading.Event):
        def set(self):
            end = time.perf_counter() + 0.2
            while time.perf_counter() < end:
                sum(range(20))
            super().set()

    names = SimpleNamespace(Event=SlowEvent, Thread=threading.Thread, get_ident=threading.get_ident)
    monkeypatch.setattr("leosplit.sweeps.worker.threading", names)
    for name, value in (("GRACE_S", 0.0), ("POLL_S", 0.001), ("AGAIN_S", 0.02)):
        monkeypatch.setattr(f"leosplit.sweeps.worker.{name}", value)
    threads = threading.active_count()
    with suppress(LimitReached), limits(0.1, None):
        pass
    assert threading.active_count() == threads


@pytest.mark.parametrize(
    ("scheme", "limit", "termination"),
    [
        ("own_solves:long_solve", {"time_limit_s": 3}, "time_limit"),
        ("own_solves:large_solve", {"memory_limit_gib": 0.5}, "memory_limit"),
    ],
)
def test_a_solver_that_minds_no_limit_is_killed_and_the_next_run_goes_on(
    scheme, limit, termination, schemes, monkeypatch
):
    monkeypatch.setattr(guard, "KILL_TIME_S", 1.0)
    monkeypatch.setattr(guard, "KILL_MEMORY_S", 0.3)
    killed, after = guard.run_batch(list(study(schemes=[scheme, "small"], **limit).jobs()), "abc")
    assert killed.termination == termination
    assert killed.message == f"killed at the {termination.replace('_', ' ')} of the run"
    assert (killed.commit_id, killed.tasks, killed.satellites) == ("abc", 2, 9)
    assert killed.instance_sha256 == after.instance_sha256
    assert killed.wall_s > 0.2
    assert after.termination == "feasible"


def test_limits_hold_inside_a_sweep_and_its_other_runs_go_on(schemes, tmp_path, capsys):
    text = """
    schemes = ["own_solves:long_solve", "own_solves:large_solve", "small", "even"]
    seeds = [0]
    time_limit_s = 4
    memory_limit_gib = 0.5
    """
    (tmp_path / "s.toml").write_text(text + TORUS_TOML)
    assert main(["sweep", "s.toml", "-o", "r.db", "--workers", "2"]) == 0
    assert "4 of 4 runs" in capsys.readouterr().out
    table = read_results("r.db").set_index("scheme")
    ends = table["termination"].to_dict()
    assert (ends["small"], ends["even"]) == ("feasible", "feasible")
    assert ends["own_solves:long_solve"] == "time_limit"
    assert ends["own_solves:large_solve"] in ("time_limit", "memory_limit")
    assert table["worker"].str.startswith("tcp://").all()


def test_exact_parts_stop_at_the_memory_limit_with_solution_and_bound(monkeypatch):
    monkeypatch.setattr("leosplit.sweeps.worker.MEMORY_GRACE_S", 1e9)
    (job,) = study(
        schemes=["exact"], memory_limit_gib=0.001, instances={"torus": [6, 6], "tasks": 8, "computing": 1}
    ).jobs()
    row = run_job(job, "")
    assert row.termination == "memory_limit"
    assert 0 < row.bound_s < row.objective_s


def test_a_run_whose_process_dies_is_a_row_with_its_reason(schemes):
    jobs = list(study(schemes=["own_solves:dying", "small"], time_limit_s=60).jobs())
    dead, after = guard.run_batch(jobs, "")
    assert (dead.termination, dead.message) == ("error", "the process of the run ended with code -9")
    assert after.termination == "feasible"


def test_the_process_of_a_run_ends_with_its_worker(schemes, tmp_path):
    code = """
from leosplit.sweeps import guard
from leosplit.sweeps.study import Job
process = guard.RunProcess()
print(process._process.pid, flush=True)
process.run(Job("s", {"torus": [3, 3], "tasks": 2, "computing": 1}, 0, "own_solves:long_solve"), "")
"""
    root = str(Path(__file__).resolve().parent.parent)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([root, str(tmp_path)])}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True) as worker:
        child = psutil.Process(int(worker.stdout.readline()))
        while child.cpu_times().user < 1.0:  # the imports take as long: the solve is near or has begun
            time.sleep(0.05)
        worker.kill()
    child.wait(60)
    assert not child.is_running()
