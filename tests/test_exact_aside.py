"""Two processes at one search: what one does on the side is neither lost nor waited for in vain."""

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
from solvers.backends.program import Limits
from solvers.exact import solve_full
from solvers.exact.branch_and_price.parallel import ForkedWorker
from solvers.exact.branch_and_price.tree.node import PackedNode
from solvers.exact.branch_and_price.tree.rules.base import BranchingDecision
from solvers.exact.branch_and_price.tree.search import TreeSearch
from solvers.exact.branch_and_price.tree.strong_branching import restricted
from solvers.result import Termination
from tests.searching import begun


def divided_tree(threads):
    """Return a tree with four open nodes: its root, divided by the first packet modes of two tasks.

    The incumbent is made worse than it is, so that no node is pruned and nothing is proven at the start.
    """
    instance = generate_torus(4, 4, tasks=4, computing=1, seed=0)
    search = begun(instance, limits=Limits(threads=threads))
    search.state.primal_bound *= 1.2
    multipliers, bound = search.generation.solve_root()
    nodes = [search.state.domains]
    for m in range(2):
        cases = frozenset((i, c) for i, segment in enumerate(search.state.domains[m].segments) for c in segment.ends)
        first = frozenset(case for case in cases if case[0] == 0)
        assert first < cases
        nodes = [
            restricted(domains, m, BranchingDecision(part)) for domains in nodes for part in (first, cases - first)
        ]
    tree = TreeSearch(search.state, search.generation, (multipliers, bound))
    tree.open = []
    for domains in nodes:
        tree._put(PackedNode(bound.value, domains, multipliers))
    return instance, tree


def test_two_processes_work_off_one_tree_and_one_seed_gives_one_tree(monkeypatch):
    taken, take, found = [], TreeSearch._merge, []
    monkeypatch.setattr(TreeSearch, "_merge", lambda tree, back: (taken.append(back.nodes), take(tree, back)))
    for threads in (2, 2, 1):
        instance, tree = divided_tree(threads)
        if threads == 2:
            with monkeypatch.context() as patch:
                patch.setattr(tree.state, "try_solution", lambda plans, source: False)  # so that it waits for the other
                tree._run_in_parallel()
        tree.run()
        found.append((tree.nodes, tree.state.primal_bound, tree.state.dual_bound))
        assert tree.state.gap_closed or tree.inexact
    assert taken[0] >= 1
    assert found[0] == found[1]
    optimum = solve_full(instance, mip_gap=1e-9).objective_s
    for _, upper, lower in found:
        assert lower * (1 - 1e-9) <= optimum <= upper * (1 + 1e-9)


def test_two_threads_prove_what_one_proves():
    instance = generate_torus(4, 4, tasks=6, computing=1, seed=0)
    alone, one, other = (solve_full(instance, threads=threads) for threads in (1, 2, 2))
    assert one.solution == other.solution
    assert (one.bound_s, [r["bound_s"] for r in one.trace]) == (other.bound_s, [r["bound_s"] for r in other.trace])
    assert one.termination is alone.termination is Termination.OPTIMAL
    assert one.objective_s == pytest.approx(alone.objective_s, rel=2e-6)


def test_a_process_that_fails_loses_no_nodes(monkeypatch):
    instance, tree = divided_tree(2)
    failed, theirs = [], sorted(tree.open)[1::2]
    with monkeypatch.context() as patch:
        patch.setattr(tree.state, "try_solution", lambda plans, source: False)
        patch.setattr(TreeSearch, "_worker", lambda tree: os._exit(1))
        patch.setattr(ForkedWorker, "result", lambda worker, wait=ForkedWorker.result: failed.append(wait(worker)))
        tree._run_in_parallel()
    assert failed == [None]
    assert all(entry in tree.open for entry in theirs)
    tree.run()
    optimum = solve_full(instance, mip_gap=1e-9).objective_s
    assert tree.state.dual_bound * (1 - 1e-9) <= optimum <= tree.state.primal_bound * (1 + 1e-9)


def test_work_on_the_side_changes_nothing_here(capfd):
    changed = []

    def work():
        changed.append(1)
        return len(changed)

    with ForkedWorker(work) as worker:
        assert worker.result() == 1
    assert changed == []
    with ForkedWorker(lambda: 1 / 0) as worker, pytest.raises(ZeroDivisionError):
        worker.result()
    with ForkedWorker(lambda: os.kill(os.getpid(), signal.SIGINT) or "unharmed") as worker:
        assert worker.result() == "unharmed"
    for cut_short in (lambda: os._exit(1), lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: lambda: None):
        with ForkedWorker(cut_short) as worker:
            assert worker.result() is None
    with ForkedWorker(lambda: time.sleep(1e6)) as worker:
        process = worker._process
    assert not process.is_alive()
    assert capfd.readouterr().err == ""


def test_work_on_the_side_may_be_impossible(monkeypatch):
    def fail(_):
        raise BlockingIOError("no process left")

    monkeypatch.setattr("multiprocessing.context.ForkProcess.start", fail)
    with ForkedWorker(lambda: 1) as worker:
        assert worker.result() is None


def test_work_on_the_side_ends_with_the_process():
    code = """
import os, sys, time
from solvers.exact.branch_and_price.parallel import ForkedWorker
def work():
    print(os.getpid(), flush=True)
    time.sleep(1e6)
with ForkedWorker(work) as worker:
    worker.result()
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
def test_a_time_limit_ends_both_processes(limit):
    instance = make_preset("shell", tasks=20, seed=1)
    result = solve_full(instance, threads=2, time_limit=limit)
    assert check(instance, result.solution) == ()
    assert 0 < result.bound_s <= result.objective_s
    assert not multiprocessing.active_children()
