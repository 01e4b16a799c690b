"""Sweeps: study files, the store, and an engine that loses workers and is killed itself."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fitting.errors import LeosplitError
from instances import write_instance
from instances.generate import generate_torus
from leosplit.cli import main
from leosplit.sweeps import Store, StudyError, read_results, read_study, run_sweep
from leosplit.sweeps.engine import BATCH_S, Batches
from leosplit.sweeps.parameters import ParameterError, build_problem, check_parameter
from leosplit.sweeps.store import StoreError
from leosplit.sweeps.worker import failed_row, run_job
from solvers.schemes import run_scheme
from tests.sweeping import SCHEMES, TORUS, TORUS_TOML, study


def test_a_study_is_the_product_of_parameters_schemes_and_seeds(tmp_path):
    text = """
    name = "volume"
    schemes = ["small", "even"]
    seeds = { first = 5, count = 3 }
    objective = "max"
    time_limit_s = 10
    [instances]
    torus = [3, 3]
    tasks = 2
    computing = 1
    volume_scale = [0.5, 1, 2]
    """
    (tmp_path / "s.toml").write_text(text)
    plan = read_study(tmp_path / "s.toml")
    jobs = list(plan.jobs())
    assert len(jobs) == len(plan) == 3 * 3 * 2
    assert {job.seed for job in jobs} == {5, 6, 7}
    assert len({job.key for job in jobs}) == len(jobs)
    assert jobs[0].options["objective"] == "max"
    assert jobs[0].parameters["torus"] == [3, 3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scheme": ["small"]}, "scheme is unknown"),
        ({"schemes": []}, "schemes must be a non-empty list"),
        ({"schemes": ["small", "small"]}, "schemes must not repeat"),
        ({"schemes": ["nope"]}, "nope"),
        ({"seeds": [0.5]}, "seeds must be a whole number"),
        ({"seeds": {"first": 0}}, "seeds.count must be a whole number"),
        ({"seeds": [1, 1]}, "seeds must not repeat"),
        ({"seeds": {"count": 10**12}}, "seeds.count must be a whole number >= 1 and <= 1000000"),
        ({"objective": "median"}, "objective must be one of"),
        ({"time_limit_s": -1}, "time_limit_s must be a finite number > 0"),
        ({"memory_limit_gib": True}, "memory_limit_gib must be a finite number > 0"),
        ({"instances": {}}, "instances must name exactly one of"),
        ({"instances": {"preset": "iridium", "torus": [3, 3]}}, "instances must name exactly one of"),
        ({"instances": {"file": "a.json", "tasks": [1, 2]}}, "instances.tasks goes with preset or torus only"),
        ({"instances": TORUS | {"radio": "standard"}}, "instances.radio goes with preset only"),
        ({"instances": TORUS | {"speed": 1}}, "instances.speed is unknown"),
        ({"instances": TORUS | {"tasks": 0}}, "instances.tasks must be a whole number >= 1"),
        ({"instances": TORUS | {"volume_scale": ["a"]}}, "instances.volume_scale must be a finite number > 0"),
        ({"instances": TORUS | {"volume_scale": []}}, "instances.volume_scale must not be empty"),
        ({"instances": TORUS | {"volume_scale": [1, 2, 1.0]}}, "instances.volume_scale must not repeat a value"),
        ({"instances": {"torus": [3, "a"]}}, "instances.torus must be"),
    ],
)
def test_a_wrong_study_is_refused_in_one_sentence(change, message):
    with pytest.raises(ValueError, match=message.replace("[", r"\[")) as caught:
        study(**change)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_toml_or_missing_is_refused(tmp_path, capsys):
    (tmp_path / "s.toml").write_text("schemes = [")
    with pytest.raises(StudyError, match="not TOML"):
        read_study(tmp_path / "s.toml")
    assert main(["sweep", str(tmp_path / "missing.toml")]) == 2
    assert "missing.toml" in capsys.readouterr().err


def test_parameters_change_what_they_name(tmp_path):
    plain = build_problem(TORUS, 4).instance
    assert [t.frames for t in build_problem(TORUS | {"volume_scale": 2.0}, 4).instance.tasks] == [
        2 * t.frames for t in plain.tasks
    ]
    faster = build_problem(TORUS | {"computing_scale": 3.0, "rate_scale": 0.5}, 4).instance
    for before, after in zip(plain.satellites, faster.satellites, strict=True):
        assert after.ops_per_s == (before.ops_per_s * 3 if before.role == "computing" else before.ops_per_s)
    assert [link.rate_bps for link in faster.links] == [link.rate_bps / 2 for link in plain.links]
    targets = build_problem(TORUS | {"large_map_min": 0.5, "small_map_min": 0.4}, 4).instance
    assert {(t.large_map_min, t.small_map_min) for t in targets.tasks} == {(0.5, 0.4)}


def test_an_instance_file_that_changes_is_another_run_and_never_the_old_one(tmp_path):
    path = tmp_path / "i.json"
    write_instance(generate_torus(3, 3, tasks=2, computing=1, seed=4), path)
    before = study(instances={"file": str(path)})
    write_instance(generate_torus(3, 3, tasks=2, computing=1, seed=5), path)
    after = study(instances={"file": str(path)})
    assert next(before.jobs()).key != next(after.jobs()).key
    with pytest.raises(ParameterError, match="has changed"):
        build_problem(next(before.jobs()).parameters, 0)
    with pytest.raises(LeosplitError, match="missing"):
        check_parameter("file", "missing.json", tmp_path)


def test_a_run_is_what_the_scheme_says_alone():
    (job,) = study(schemes=["best-response"], seeds=[3]).jobs()
    row = run_job(job, "abc")
    result = run_scheme(build_problem(TORUS, 3), "best-response")
    assert row.objective_s == result.objective_s
    assert (row.commit_id, row.seed, row.termination, row.tasks, row.satellites) == ("abc", 3, "feasible", 2, 9)
    assert 0 < row.mean_offload_ratio < 1
    assert row.wall_s >= row.solve_s


def test_a_failing_scheme_is_a_row_with_its_reason(schemes):
    (job,) = study(schemes=[f"{schemes}:broken"], seeds=[1]).jobs()
    row = run_job(job, "")
    assert row.termination == "error"
    assert row.message == "ZeroDivisionError: one two"


def test_batches_grow_with_what_runs_cost_and_end_with_every_run_once():
    jobs = list(study(schemes=["small", "even"], seeds=list(range(50))).jobs())
    batches = Batches(jobs, threads=1)
    first = [batches.take() for _ in range(2)]
    assert [len(batch) for batch in first] == [1, 1]
    batches.learn([replace(failed_row(jobs[0], "", ""), scheme="small", wall_s=BATCH_S / 20)])
    batches.learn([replace(failed_row(jobs[1], "", ""), scheme="even", wall_s=BATCH_S / 20)])
    taken = batches.take()
    assert 15 <= len(taken) <= 20
    assert batches.suspect(taken)
    rest = []
    while batch := batches.take() or batches.take_suspect():
        rest += batch
    assert not batches.suspect(taken[:1])
    assert sorted(job.key for job in [*first[0], *first[1], *rest]) == sorted(job.key for job in jobs)
    slow = Batches(jobs, threads=1)
    slow.learn([replace(failed_row(jobs[0], "", ""), scheme="small", wall_s=10 * BATCH_S)])
    assert len(slow.take()) == 1


def test_a_run_that_kills_its_workers_fails_alone(schemes, tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("leosplit.sweeps.engine.ATTEMPTS", 1)
    jobs = list(study(schemes=["small", "own_solves:dying"]).jobs())
    with Store(tmp_path / "r.db") as store:
        end = run_sweep(jobs, store, workers=1)
        table = store.frame()
    assert (end.done, end.failed) == (2, 1)
    rows = table.set_index("scheme")
    assert rows.loc["small", "termination"] == "feasible"
    assert rows.loc["own_solves:dying", "message"].startswith("KilledWorker")


def test_the_store_keeps_the_first_row_of_a_run_and_computes_gaps_from_the_best_known(tmp_path):
    (job,) = study().jobs()
    row = replace(failed_row(job, "", ""), termination="feasible", instance="i", instance_sha256="h", objective_s=12.0)
    with Store(tmp_path / "r.db") as store:
        store.add([row, replace(row, objective_s=99.0)])
        store.add([replace(row, key="b", scheme="exact", objective_s=10.0, bound_s=8.0)])
        first = store.frame().set_index("scheme")
        assert first.loc["small", "objective_s"] == 12.0
        assert first.loc["small", "gap_to_bound"] == 0.5
        assert first["gap_to_optimum"].isna().all()
        store.add([replace(row, key="c", scheme="exact-long", objective_s=10.0, bound_s=10.0)])
        then = store.frame().set_index("scheme")
    assert then.loc["small", "gap_to_optimum"] == pytest.approx(0.2)
    assert then.loc["exact", "gap_to_optimum"] == 0
    assert then.loc["small", "parameter_torus"] == "3x3"


def test_a_store_survives_a_kill_at_every_statement(tmp_path):
    """The process kills itself at its k-th SQL statement; for every k the file is whole and takes the rest."""
    code = """
import itertools, os, signal, sqlite3, sys
from dataclasses import replace
from leosplit.sweeps import store
from leosplit.sweeps.study import Job
from leosplit.sweeps.worker import failed_row

row = failed_row(Job("s", {}, 0, "small"), "", "")
for k in itertools.count(1):
    child = os.fork()
    if child:
        if os.waitpid(child, 0)[1] == 0:
            break
        with store.Store("r.db") as found:
            keys = found.keys()
            assert keys in (set(), {"1", "2"}), keys
            found.add([replace(row, key=key) for key in "123"])
            assert found.keys() == {"1", "2", "3"}
        for name in os.listdir():
            os.remove(name)
        continue
    left = [k]

    def count(statement):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def connect(*words, **options):
        connection = plain(*words, **options)
        connection.set_trace_callback(count)
        return connection

    plain, sqlite3.connect = sqlite3.connect, connect
    with store.Store("r.db") as fresh:
        fresh.add([replace(row, key=key) for key in "12"])
    os._exit(0)
print(k)
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 10


def test_what_cannot_be_written_is_one_line(tmp_path):
    (job,) = study().jobs()
    with Store(tmp_path / "r.db") as store:
        store._connection.execute("PRAGMA query_only = ON")  # as a full disk or a read-only one would
        with pytest.raises(StoreError, match="cannot be written: attempt to write a readonly database"):
            store.add([failed_row(job, "", "")])


def test_what_is_no_store_is_refused(tmp_path):
    (tmp_path / "text.db").write_text("no database at all, but long enough to be read as a header of one" * 20)
    with pytest.raises(StoreError, match="not a results file"):
        Store(tmp_path / "text.db")
    with pytest.raises(StoreError, match="no such results file"):
        read_results(tmp_path / "missing.db")
    with pytest.raises(StoreError, match="existing directory"):
        Store(tmp_path / "no" / "r.db")


def test_sweep_command_runs_retries_and_writes_parquet(schemes, tmp_path, capsys):
    pd = pytest.importorskip("pandas")
    text = f'schemes = ["small", "{schemes}:broken"]\nseeds = [0, 1]\n{TORUS_TOML}'
    (tmp_path / "s.toml").write_text(text)
    words = ["sweep", "s.toml", "-o", "r.db", "--workers", "1"]
    assert main([*words, "--parquet", "r.parquet"]) == 1
    assert "1 error" in capsys.readouterr().out
    frame = pd.read_parquet("r.parquet")
    assert len(frame) == 4
    failed = frame[frame["termination"] == "error"]
    assert failed["message"].to_list() == ["ZeroDivisionError: one two"]
    assert frame["commit_id"].nunique() == 1
    (tmp_path / "own_schemes.py").write_text(SCHEMES.replace("options.seed == 1", "False"))
    assert main(words) == 1
    assert "0 of 4 runs" in capsys.readouterr().out
    assert main([*words, "--retry-failed"]) == 0
    assert "1 of 4 runs" in capsys.readouterr().out
    assert len(read_results("r.db")) == 4


def test_a_worker_that_dies_in_mid_run_costs_no_run(schemes, tmp_path):
    distributed = pytest.importorskip("distributed")
    jobs = list(study(schemes=[f"{schemes}:gated"], seeds=list(range(12))).jobs())
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as cluster,
        Store(tmp_path / "r.db") as store,
    ):
        killed = []

        def kill_one() -> None:
            with distributed.Client(cluster.scheduler_address) as client:
                processes = client.run(os.getpid)
                while not (busy := [worker for worker, keys in client.processing().items() if keys]):
                    time.sleep(0.02)
            os.kill(processes[busy[0]], signal.SIGKILL)
            killed.append(busy[0])
            (tmp_path / "go").touch()

        killer = threading.Thread(target=kill_one)
        killer.start()
        end = run_sweep(jobs, store, scheduler=cluster.scheduler_address)
        killer.join()
        frame = store.frame()
    assert killed
    assert (end.done, end.failed) == (12, 0)
    assert sorted(frame["seed"]) == list(range(12))
    assert set(frame["termination"]) == {"feasible"}
    assert frame["worker"].ne(killed[0]).any()


def test_a_sweep_that_is_killed_goes_on_where_it_was(schemes, tmp_path):
    text = f'schemes = ["{schemes}:gated"]\nseeds = {{ count = 14 }}\n{TORUS_TOML}'
    (tmp_path / "s.toml").write_text(text)
    root = str(Path(__file__).resolve().parent.parent)
    words = [sys.executable, "-m", "leosplit", "sweep", "s.toml", "-o", "r.db", "--workers", "2"]
    environment = os.environ | {"PYTHONPATH": root}
    first = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while first.poll() is None and not ((tmp_path / "r.db").exists() and _rows(tmp_path / "r.db") >= 3):
        time.sleep(0.1)
    first.send_signal(signal.SIGKILL)
    first.wait()
    (tmp_path / "go").touch()
    before = read_results(tmp_path / "r.db").set_index("key")["finished_at"]
    assert 3 <= len(before) <= 6
    subprocess.run(words, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=500)
    after = read_results(tmp_path / "r.db").set_index("key")
    assert sorted(after["seed"]) == list(range(14))
    assert after.loc[before.index, "finished_at"].equals(before)


def _rows(path: Path) -> int:
    """Return the number of rows of a store that another process is writing."""
    try:
        with Store(path) as store:
            return len(store.keys())
    except (StoreError, OSError):
        return 0


def test_a_scheduler_that_does_not_answer_is_bad_input(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("leosplit.sweeps.engine.CONNECT_TIMEOUT", "1s")
    (tmp_path / "s.toml").write_text('schemes = ["small"]\nseeds = [0]\n[instances]\ntorus = [3, 3]\n')
    words = ["sweep", str(tmp_path / "s.toml"), "-o", str(tmp_path / "r.db"), "--scheduler", "tcp://127.0.0.1:9"]
    assert main(words) == 2
    *progress, error = capsys.readouterr().err.splitlines()
    assert error.startswith("error: scheduler 'tcp://127.0.0.1:9' does not answer")
    assert all(line.startswith("study: ") for line in progress)
