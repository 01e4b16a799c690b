"""What the page on extending the exact solver says: a heuristic and a branching rule of one's own take part."""

import csv
from itertools import pairwise

import pytest

from formulation import check
from instances import generate_torus, write_instance
from leosplit.cli import main
from solvers.backends.errors import SolverError
from solvers.exact import solve_full
from solvers.exact.branch_and_price.driver import HEURISTICS, Extensions
from solvers.exact.branch_and_price.heuristics.base import Timing
from solvers.exact.branch_and_price.settings import Settings
from solvers.exact.branch_and_price.solve import solve_branch_and_price
from solvers.exact.branch_and_price.tree.rules.base import BranchingDecision, Candidate
from solvers.network.plans import plan_of
from solvers.result import Termination
from tests.searching import begun, tree_of

INSTANCE = generate_torus(4, 4, tasks=4, computing=2, seed=0)


class Remembered:
    """Tries a solution that is known already."""

    name = "remembered"
    timings = frozenset({Timing.START})

    def __init__(self, solution):
        self.solution = solution

    def run(self, context):
        context.state.try_solution(plan_of(context.state.data, self.solution), self.name)


class FirstCase:
    """Divides every task by its first case, whatever the LP solution."""

    name = "first case"
    fallback = False
    local_to_segments = True

    def candidates(self, point):
        if len(point.cases) > 1:
            this = frozenset(point.cases[:1])
            both = BranchingDecision(this), BranchingDecision(frozenset(point.cases) - this)
            yield Candidate(1.0, point.task, (self.name, 0), 0.5, *both)


def test_a_heuristic_takes_part_under_its_name():
    known = solve_full(INSTANCE, mip_gap=1e-9)
    result = solve_branch_and_price(INSTANCE, extensions=Extensions((Remembered(known.solution), *HEURISTICS)))
    assert result.termination is Termination.OPTIMAL
    first = next(record for record in result.trace if record["kind"] == "incumbent")
    assert first["source"] == "remembered"
    assert first["incumbent_s"] == pytest.approx(known.objective_s, rel=1e-9)
    assert result.statistics["incumbents: remembered"] == 1


def test_a_branching_rule_divides_nodes():
    search = begun(INSTANCE)
    search.state.primal_bound *= 1.2  # nothing is proven at the root
    tree = tree_of(search)
    tree.rules = (FirstCase(),)
    tree._process_nodes(1)
    assert {key[1] for key in tree.strong_branching.pseudocosts} <= {"first case"}
    assert len(tree.open) <= 2
    for _, _, node in tree.open:
        cases = [sum(len(s.ends) for s in d.segments) for d in node.node(search.state.data).domains]
        assert min(cases) >= 1


def test_settings_are_reached_by_name():
    changed = Settings().with_options({"diving.free_tasks": 12, "many_tasks": "50", "separation.smoothing": "1,0.25"})
    assert (changed.diving.free_tasks, changed.many_tasks, changed.separation.smoothing) == (12, 50, (1.0, 0.25))
    assert changed.root == Settings().root
    result = solve_full(INSTANCE, solver_options={"root.rounds": 1, "branching.max_candidates": 3})
    assert result.termination is Termination.OPTIMAL
    assert check(INSTANCE, result.solution) == ()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("diving.free", 1, "no such setting"),
        ("nowhere.rounds", 1, "no such setting"),
        ("root.rounds", 1.5, "expected a whole number"),
        ("root.rounds", "many", "expected a whole number"),
        ("root.min_progress", -0.1, "at least 0"),
        ("separation.smoothing", "a,b", "expected numbers"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(option, value, message):
    with pytest.raises(SolverError, match=message):
        solve_full(INSTANCE, solver_options={option: value})


def test_the_trace_is_a_table_and_statistics_count(tmp_path, capsys):
    write_instance(INSTANCE, tmp_path / "i.json")
    assert main(["solve", str(tmp_path / "i.json"), "--trace", str(tmp_path / "t.csv"), "--json"]) == 0
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert [*rows[0]] == ["elapsed_s", "phase", "kind", "source", "incumbent_s", "bound_s"]
    incumbents = [float(row["incumbent_s"]) for row in rows if row["incumbent_s"]]
    bounds = [float(row["bound_s"]) for row in rows if row["bound_s"]]
    assert all(later <= earlier * (1 + 1e-12) for earlier, later in pairwise(incumbents))
    assert all(later >= earlier * (1 - 1e-12) for earlier, later in pairwise(bounds))
    assert {row["kind"] for row in rows} <= {"incumbent", "bound"}
    statistics = solve_full(INSTANCE).statistics
    assert sum(value for name, value in statistics.items() if name.startswith("incumbents: ")) >= 1
    assert all(value >= 0 for value in statistics.values())
