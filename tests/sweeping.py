"""What the tests of sweeps share: own schemes as modules, and a small study."""

import sys
import threading

import pytest

from leosplit.sweeps import guard
from leosplit.sweeps.study import study_from_dict

TORUS = {"torus": [3, 3], "tasks": 2, "computing": 1}
TORUS_TOML = "[instances]\ntorus = [3, 3]\ntasks = 2\ncomputing = 1\n"
SCHEMES = """
import time
from pathlib import Path
from solvers.schemes import SCHEMES


def gated(instance, options):
    "Takes its time, and from the seventh run on waits for a file."
    time.sleep(0.3)
    while options.seed >= 6 and not Path("go").exists():
        time.sleep(0.02)
    return SCHEMES["small"](instance, options)


def broken(instance, options):
    if options.seed == 1:
        raise ZeroDivisionError("one\\ntwo")
    return SCHEMES["small"](instance, options)


def endless(instance, options):
    while True:
        time.sleep(0.01)


def stubborn(instance, options):
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            pass


def greedy(instance, options):
    blocks = []
    while True:
        blocks.append(bytearray(32 * 2**20))
        time.sleep(0.02)
"""
SOLVES = """
import os
import signal

import highspy
import numpy as np

rng = np.random.default_rng(0)


def run_highs(a, start, index, low, high, columns, whole):
    h = highspy.Highs()
    h.setOptionValue("output_flag", False)
    h.setOptionValue("threads", 1)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = columns, len(low)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = rng.random(columns), np.zeros(columns), np.ones(columns)
    lp.row_lower_, lp.row_upper_ = low, high
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = start, index, a
    if whole:
        lp.integrality_ = [highspy.HighsVarType.kInteger] * columns
    h.passModel(lp)
    h.run()


def long_solve(instance, options):
    "Market split: small, and hours of branching; HiGHS is told of no limit."
    m, n = 6, 60
    a = rng.integers(0, 100, (m, n)).astype(float)
    half = np.floor(a.sum(1) / 2)
    run_highs(a.ravel(), np.arange(0, m * n + 1, n), np.tile(np.arange(n), m), half, half, n, True)


def large_solve(instance, options):
    "A program whose copies inside HiGHS pass the limit, while it presolves and asks nobody."
    n, k = 500_000, 10
    index = (rng.integers(0, n - k, (n, 1)) + np.arange(k)).ravel()
    run_highs(rng.random(n * k), np.arange(0, n * k + 1, k), index, np.full(n, 0.5), np.full(n, 1e30), n, False)


def dying(instance, options):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def schemes(tmp_path, monkeypatch):
    """Own schemes in the working directory, where `module:function` finds them."""
    (tmp_path / "own_schemes.py").write_text(SCHEMES)
    (tmp_path / "own_solves.py").write_text(SOLVES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(guard, "_kept", threading.local())  # a process of an earlier test has its directory
    yield "own_schemes"
    if hasattr(guard._kept, "process"):
        guard._kept.process.close()
    for name in ("own_schemes", "own_solves"):
        sys.modules.pop(name, None)


def study(**changes):
    return study_from_dict({"schemes": ["small"], "seeds": [0], "instances": TORUS} | changes)
