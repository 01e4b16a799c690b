"""Optimization-based bound tightening: what the relaxation of solutions as good as the incumbent still allows.

The relaxation over *all* arcs in scope, with the row objective ≤ U, contains every solution no worse than the
incumbent. An end or mode whose selection makes it infeasible is superfluous; the extremes of A_m over it bound A_m. The
bounds are taken from the solver's optimal value and given a relative allowance above its feasibility tolerance.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from solvers.exact.highs import load, run
from solvers.exact.master import Master, build_master
from solvers.exact.scope import BOTH
from solvers.result import Termination

if TYPE_CHECKING:
    from solvers.exact.proof import Proof

ALLOWANCE = 1e-6


def squeeze(proof: "Proof") -> None:
    """Tighten every scope once."""
    master = build_master(proof.tables, proof.scopes, proof.levels, proof.objective)
    h = load(master.program, proof.limits_now())
    used = np.flatnonzero(master.program.cost)
    limit = proof.upper * (1 + ALLOWANCE)
    h.addRow(-np.inf, limit, len(used), used.astype(np.int32), master.program.cost[used])
    for m, scope in enumerate(proof.scopes):
        if proof.stopped:
            return
        if proof.tables.tasks[m].fixed_ratio is not None:
            continue
        pairs: list[tuple[Any, Any]] = [(master.modes[m], scope.modes), (master.serve[m], scope.ends)]
        for choices, left in pairs:
            for name in list(choices):
                if len(choices) > 1 and name != BOTH and not _possible(proof, h, choices[name]):
                    left.remove(name)
                    h.changeColBounds(choices.pop(name), 0.0, 0.0)
        if BOTH in scope.modes:
            _extremes(proof, h, master, m)


def _solve(proof: "Proof", h: Any, goal: Any) -> Any:
    h.changeColsCost(len(goal), np.arange(len(goal), dtype=np.int32), goal)
    outcome = run(h, proof.limits_now())
    proof.note(outcome)
    return outcome


def _possible(proof: "Proof", h: Any, column: int) -> bool:
    h.changeColBounds(column, 1.0, 1.0)
    outcome = _solve(proof, h, np.zeros(h.getNumCol()))
    h.changeColBounds(column, 0.0, 1.0)
    return bool(outcome.termination is not Termination.INFEASIBLE)


def _extremes(proof: "Proof", h: Any, master: Master, m: int) -> None:
    scope, columns = proof.scopes[m], master.work_terms[m]
    h.changeColBounds(master.modes[m][BOTH], 1.0, 1.0)
    for sign in (-1.0, 1.0):
        goal = np.zeros(h.getNumCol())
        np.add.at(goal, columns[0], sign * columns[1])
        outcome = _solve(proof, h, goal)
        if outcome.termination is not Termination.OPTIMAL or outcome.objective is None:
            continue
        value = sign * (outcome.objective - master.program.offset)
        if sign < 0:
            scope.high = max(min(scope.high, value * (1 + ALLOWANCE)), scope.low)
        else:
            scope.low = min(max(scope.low, value * (1 - ALLOWANCE)), scope.high)
    h.changeColBounds(master.modes[m][BOTH], 0.0, 1.0)
