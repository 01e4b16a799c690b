"""Ctrl-C and SIGTERM end every command, with what is known kept and printed."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from formulation import Problem
from instances import generate_torus, preset_scenario, read_scenario, write_instance, write_scenario
from leosplit.sweeps.engine import cluster_client
from solvers import gaps, piecewise
from solvers.backends import highs as module
from solvers.backends.highs import Limits
from solvers.result import Result, Termination
from solvers.schemes import SchemeOptions, run_scheme
from tests.sweeping import TORUS_TOML

ROOT = str(Path(__file__).resolve().parent.parent)
SCHEMES = """
import os
import signal
import time
from solvers.schemes import SCHEMES

small = SCHEMES["small"]


def pressing(instance, options):
    "Presses Ctrl-C, or sends what the environment names, at the second instance or slot."
    if not os.path.exists("once"):
        open("once", "w").close()
        return small(instance, options)
    os.kill(os.getpid(), getattr(signal, os.environ["PRESS"]))
    time.sleep(60)
    raise RuntimeError("nothing came of it")


def waiting(instance, options):
    "Takes its time from the third seed on."
    if options.seed >= 2:
        time.sleep(60)
    return small(instance, options)
"""
SIGNALS = ["SIGINT", "SIGTERM"]


def start(*words, cwd, press="SIGINT", code=("-m", "leosplit"), **options):
    """Start a command in its own process group, with Ctrl-C as in a terminal."""
    return subprocess.Popen(
        [sys.executable, *code, *map(str, words)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": ROOT, "PRESS": press},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        **options,
    )


def run(*words, **options):
    process = start(*words, **options)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


@pytest.fixture
def work(tmp_path):
    """A directory with two instances, a scenario, a study and own schemes."""
    for k in range(2):
        instance = generate_torus(3, 3, tasks=2, computing=1, seed=k)
        write_instance(replace(instance, name=f"torus-{k}"), tmp_path / f"{k}.json")
    write_scenario(preset_scenario("iridium", seed=0), tmp_path / "scenario.json")
    (tmp_path / "pressing_schemes.py").write_text(SCHEMES)
    (tmp_path / "study.toml").write_text(
        f'schemes = ["pressing_schemes:waiting"]\nseeds = {{ count = 8 }}\n{TORUS_TOML}'
    )
    return tmp_path


@pytest.mark.parametrize("press", SIGNALS)
def test_gap_keeps_and_prints_the_rows_that_it_has(work, press):
    words = ["gap", "0.json", "1.json", "--scheme", "small", "--scheme", "pressing_schemes:pressing", "--json"]
    code, out, err = run(*words, "--out", "out", cwd=work, press=press)
    assert (code, err.splitlines()[-1]) == (1, "error: interrupted")
    assert "Traceback" not in err
    rows = [(row["instance"], row["scheme"], row["termination"]) for row in json.loads(out)["rows"]]
    assert rows == [
        ("torus-0", "small", "feasible"),
        ("torus-0", "pressing_schemes:pressing", "feasible"),
        ("torus-0", "exact", "optimal"),
        ("torus-1", "small", "feasible"),
        ("torus-1", "pressing_schemes:pressing", "interrupted"),
        ("torus-1", "exact", "interrupted"),
    ]
    assert json.loads((work / "out/gaps.json").read_text())["rows"] == json.loads(out)["rows"]


@pytest.mark.parametrize("press", SIGNALS)
def test_simulate_keeps_and_prints_the_slots_that_it_has(work, press):
    busy = [12, 14]  # slots with tasks
    scenario = read_scenario(work / "scenario.json")
    assert [k for k in range(11, 15) if scenario.instance(k) is not None] == busy
    words = ["simulate", "scenario.json", "--start", "11", "--scheme", "pressing_schemes:pressing", "--json"]
    code, out, err = run(*words, "--out", "out", cwd=work, press=press)
    assert (code, err.splitlines()[-1]) == (1, "error: interrupted")
    assert [one["slot"] for one in json.loads(out)["slots"]] == [11, 12, 13]
    (table,) = (work / "out").glob("*-slots.csv")
    assert [line.split(",")[0] for line in table.read_text().splitlines()[1:]] == ["11", "12", "13"]


def test_a_signal_that_comes_twice_is_one(work):
    """`timeout` sends it to the process and to its group."""
    code = (
        "import os, signal, sys\nfrom leosplit.cli import main, output\nclean = output.clean\n"
        "def press(value):\n    os.kill(os.getpid(), signal.SIGINT)\n    return clean(value)\n"
        "output.clean = press\nsys.exit(main())\n"
    )
    words = ["gap", "0.json", "1.json", "--scheme", "pressing_schemes:pressing", "--json"]
    code, out, err = run("-c", code, *words, "--out", "out", cwd=work, code=())
    assert (code, err.splitlines()[-1]) == (1, "error: interrupted")
    assert len(json.loads(out)["rows"]) == 4


@pytest.mark.parametrize("press", SIGNALS)
def test_a_single_run_ends_in_one_line(work, press):
    (work / "once").touch()
    code, out, err = run("run", "0.json", "--scheme", "pressing_schemes:pressing", cwd=work, press=press)
    assert (code, out, err) == (1, "", "error: interrupted\n")


def test_a_sweep_keeps_its_rows_and_its_workers_say_nothing(work):
    pytest.importorskip("distributed")
    words = ["sweep", "study.toml", "-o", "r.db", "--workers", "2"]
    process = start(*words, cwd=work)
    deadline = time.monotonic() + 240
    while rows_of(work / "r.db") < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    lines = [line for line in err.splitlines() if not line.startswith("study: ")]
    assert lines == ["error: interrupted"]
    assert "2 of 8 runs done now" in out
    assert rows_of(work / "r.db") == 2


def rows_of(path):
    """Return the number of rows of a store that another process is writing."""
    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute("SELECT count(*) FROM runs").fetchone()[0]
    except sqlite3.Error:
        return 0


def test_all_sockets_of_a_local_cluster_are_on_the_loopback_interface():
    pytest.importorskip("distributed")
    psutil = pytest.importorskip("psutil")
    with cluster_client(None, 2) as client:
        assert len(client.nthreads()) == 2
        processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
        listening = {
            socket.laddr.ip
            for process in processes
            for socket in process.net_connections()
            if socket.status == psutil.CONN_LISTEN
        }
    assert listening == {"127.0.0.1"}


@pytest.mark.parametrize("press", SIGNALS)
def test_an_interrupt_in_an_import_waits_for_its_end(tmp_path, press):
    """Raised there, extension modules make an `ImportError` of it, and who can do without the module goes on."""
    (tmp_path / "slow.py").write_text(
        f"import os, signal, time\nos.kill(os.getpid(), signal.{press})\n"
        "end = time.process_time() + 0.2\nwhile time.process_time() < end: pass\nopen('imported', 'w').close()\n"
    )
    code = (
        "from leosplit import interrupts\ninterrupts.PATIENCE_S = 100.0\ninterrupts.handle_signals()\n"
        "try:\n    import slow\n    while True: pass\nexcept KeyboardInterrupt:\n    print('ended')\n"
    )
    assert run("-c", code, cwd=tmp_path, code=()) == (0, "ended\n", "")
    assert (tmp_path / "imported").exists()


def test_an_import_without_an_end_ends_the_process(tmp_path):
    (tmp_path / "endless.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True: pass\n")
    code = "from leosplit.interrupts import handle_signals\nhandle_signals()\nprint('rows')\nimport endless\n"
    assert run("-c", code, cwd=tmp_path, code=()) == (1, "rows\n", "error: interrupted\n")


def test_an_interrupt_that_a_finalizer_swallows_comes_again(tmp_path):
    code = (
        "import os, signal\nfrom leosplit.interrupts import handle_signals\nhandle_signals()\n"
        "class Pressing:\n    def __del__(self):\n        os.kill(os.getpid(), signal.SIGINT)\n"
        "        while True: pass\n"
        "try:\n    Pressing()\n    print('went on')\n    while True: pass\nexcept KeyboardInterrupt: print('ended')\n"
    )
    assert run("-c", code, cwd=tmp_path, code=()) == (0, "went on\nended\n", "")


def test_the_exit_of_an_interrupted_command_waits_for_nobody(tmp_path):
    code = (
        "import atexit, sys, time\nfrom leosplit.interrupts import handle_signals, leave\nhandle_signals()\n"
        "atexit.register(time.sleep, 1000)\nprint('rows')\nsys.exit(leave())\n"
    )
    assert run("-c", code, cwd=tmp_path, code=()) == (1, "rows\n", "error: interrupted\n")


def test_ctrl_c_while_the_command_line_is_being_loaded(tmp_path):
    """`typer`, which it imports, is a module of ours here."""
    (tmp_path / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True: pass\n")
    assert run("--help", cwd=tmp_path) == (1, "", "error: interrupted\n")


class Handler:
    def __call__(self, *_):
        raise AssertionError("not while HiGHS runs")

    def seen(self):
        """Say that this handler ends the command."""


@pytest.mark.parametrize(
    ("number", "handler", "seen"),
    [
        (signal.SIGINT, signal.default_int_handler, True),
        (signal.SIGINT, signal.SIG_IGN, False),
        (signal.SIGTERM, Handler(), True),
        (signal.SIGTERM, signal.SIG_IGN, False),
    ],
)
def test_while_highs_runs_a_signal_that_ends_a_command_is_an_event(number, handler, seen):
    before = signal.signal(number, handler)
    try:
        with module.interruptible() as pressed:
            signal.raise_signal(number)
            signal.raise_signal(number)  # a second one is no exception either: in a callback it would end the process
        assert pressed.is_set() is seen
        assert signal.getsignal(number) is handler
    finally:
        signal.signal(number, before)


def test_a_handler_of_the_user_s_for_sigterm_is_left_alone():
    came = []
    before = signal.signal(signal.SIGTERM, lambda *_: came.append(1))
    try:
        with module.interruptible() as pressed:
            signal.raise_signal(signal.SIGTERM)
        assert (came, pressed.is_set()) == ([1], False)
    finally:
        signal.signal(signal.SIGTERM, before)


def interrupted(*_, **__):
    return Result(Termination.INTERRUPTED, solver="highs")


def test_an_interrupted_inner_solve_ends_bs_exact(monkeypatch):
    monkeypatch.setattr("solvers.exact.solve_routing", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_scheme(generate_torus(3, 3, tasks=2, computing=1, seed=0), "bs-exact")


def test_an_interrupted_side_of_a_bracket_ends_it(monkeypatch):
    calls = []
    monkeypatch.setattr(piecewise, "solve_piecewise", lambda *words, **_: calls.append(words[1]) or interrupted())
    both = piecewise.solve_bracket(Problem(generate_torus(3, 3, tasks=2, computing=1, seed=0)))
    assert calls == ["under"]
    assert both.result.termination is Termination.INTERRUPTED


def test_a_comparison_ends_with_the_router_that_is_interrupted(monkeypatch):
    instance = generate_torus(3, 3, tasks=2, computing=1, seed=0)
    monkeypatch.setattr("solvers.exact.solve_routing", interrupted)
    rows, results = gaps.compare_routing(instance, SchemeOptions(), routers=("shortest-path", "assigned-exact"))
    assert [row.scheme for row in rows] == list(results) == ["shortest-path", "assigned-exact", "exact"]
    assert results["exact"].interrupted


def test_a_node_limit_among_the_solver_s_options_is_no_interrupt():
    assert not Result(Termination.INTERRUPTED, message="stopped at mip_max_nodes=1").interrupted
    assert Limits().options == {}
