"""Two processes at one proof: what one does on the side is neither lost nor waited for in vain."""

import multiprocessing
import os
import select
import signal
import subprocess
import sys
import time

import pytest

from formulation import check
from instances import generate_torus, make_preset
from solvers.exact import solve_full
from solvers.exact.aside import Aside
from solvers.exact.branch import Tree
from solvers.result import Termination


def soon_together(monkeypatch):
    """Let proofs begin a tree early, and two processes tell each other often."""
    monkeypatch.setattr("solvers.exact.proof.ROUNDS", 1)
    monkeypatch.setattr("solvers.exact.branch.BATCH", 2)


def test_two_hands_prove_the_same_and_one_seed_gives_one_tree(monkeypatch):
    soon_together(monkeypatch)
    together, instance = [], generate_torus(5, 5, tasks=8, computing=1, seed=0)
    take = Tree._take
    monkeypatch.setattr(Tree, "_take", lambda tree, back: (together.append(back.nodes), take(tree, back)))
    alone = solve_full(instance)
    assert not together
    one, other = (solve_full(instance, threads=2) for _ in range(2))
    assert sum(together) > 2
    assert one.solution == other.solution
    assert (one.bound_s, [r["bound_s"] for r in one.trace]) == (other.bound_s, [r["bound_s"] for r in other.trace])
    assert one.termination is alone.termination is Termination.OPTIMAL
    assert one.objective_s == pytest.approx(alone.objective_s, rel=2e-6)


def test_a_hand_that_fails_loses_no_nodes(monkeypatch):
    soon_together(monkeypatch)
    failed = []
    monkeypatch.setattr(Tree, "_aside", lambda tree: os._exit(1))
    monkeypatch.setattr(Aside, "result", lambda aside, wait=Aside.result: failed.append(wait(aside)))
    instance = generate_torus(5, 5, tasks=8, computing=1, seed=0)
    result = solve_full(instance, threads=2)
    assert failed
    assert result.termination is Termination.OPTIMAL
    assert result.objective_s == pytest.approx(solve_full(instance).objective_s, rel=2e-6)


def test_work_on_the_side_changes_nothing_here(capfd):
    changed = []

    def work():
        changed.append(1)
        return len(changed)

    with Aside(work) as aside:
        assert aside.result() == 1
    assert changed == []
    with Aside(lambda: 1 / 0) as aside, pytest.raises(ZeroDivisionError):
        aside.result()
    with Aside(lambda: os.kill(os.getpid(), signal.SIGINT) or "unharmed") as aside:
        assert aside.result() == "unharmed"
    for cut_short in (lambda: os._exit(1), lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: lambda: None):
        with Aside(cut_short) as aside:
            assert aside.result() is None
    with Aside(lambda: time.sleep(1e6)) as aside:
        process = aside._process
    assert not process.is_alive()
    assert capfd.readouterr().err == ""


def test_work_on_the_side_may_be_impossible(monkeypatch):
    def fail(_):
        raise BlockingIOError("no process left")

    monkeypatch.setattr("multiprocessing.context.ForkProcess.start", fail)
    with Aside(lambda: 1) as aside:
        assert aside.result() is None


def test_work_on_the_side_ends_with_the_process():
    code = """
import os, sys, time
from solvers.exact.aside import Aside
def work():
    print(os.getpid(), flush=True)
    time.sleep(1e6)
with Aside(work) as aside:
    aside.result()
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    ended, _, _ = select.select([parent.stdout], [], [], 60)
    if not ended:
        os.kill(child, signal.SIGKILL)
    assert ended
    assert parent.stdout.read() == ""  # nobody is left who could write


@pytest.mark.parametrize("limit", [0.3, 1.0])
def test_a_time_limit_ends_both_hands(limit, monkeypatch):
    soon_together(monkeypatch)
    instance = make_preset("shell", tasks=20, seed=1)
    result = solve_full(instance, threads=2, time_limit=limit)
    assert check(instance, result.solution) == ()
    assert 0 < result.bound_s <= result.objective_s
    assert not multiprocessing.active_children()
