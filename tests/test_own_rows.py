"""A user's own Pyomo constraints, read as linear rules, or left to the whole model."""

import pyomo.environ as pyo
import pytest

from formulation import LinkPackets, Problem, check
from formulation.models.own_rows import read_constraints
from instances import generate_torus
from solvers.exact import solve_full
from solvers.result import Termination


@pytest.fixture(scope="module")
def torus():
    return generate_torus(3, 3, tasks=3, computing=2, seed=205)


def most_on_links(limit):
    def add(m):
        links = sorted({(i, j) for _, _, i, j in m.LINKS})
        m.capacity = pyo.Constraint(
            range(len(links)),
            rule=lambda m, n: sum(m.use[key] for key in m.LINKS if key[2:] == links[n]) <= limit,
        )

    return add


def test_rows_over_decisions_are_the_rule_that_says_the_same(torus):
    own = solve_full(torus, add_constraints=most_on_links(1))
    rule = solve_full(Problem(torus, rules=(LinkPackets(limit=1),)))
    model = solve_full(torus, formulation="bit-flow", add_constraints=most_on_links(1))
    assert own.termination is rule.termination is model.termination is Termination.OPTIMAL
    assert own.objective_s == pytest.approx(rule.objective_s, rel=2e-6)
    assert own.objective_s == pytest.approx(model.objective_s, rel=2e-6)
    assert own.message.startswith("read as linear rows: capacity[0]")
    assert not model.message


def test_every_kind_of_row_is_read(torus):
    task, other = (t.satellite for t in torus.tasks[:2])
    c = torus.candidates(torus.tasks[0])[0]

    def add(m):
        m.equal = pyo.Constraint(expr=m.serve[task, c] == m.serve[other, c])
        m.between = pyo.Constraint(expr=(1, 2 * m.sent["data", task] + m.sent["model", task] + 1, 3))
        m.least = pyo.Constraint(expr=m.offload_ratio[task] >= 0.25)
        m.sent["data", other].fix(0)

    rules = read_constraints(Problem(torus), add)
    assert [(rule.name, rule.sense, rule.rhs) for rule in rules] == [
        ("equal", "==", 0.0),
        ("between", "<=", 2.0),
        ("between-2", ">=", 0.0),
        ("least", ">=", 0.25),
        (f"sent[data,{other}]", "==", 0.0),
    ]
    own, model = solve_full(torus, add_constraints=add), solve_full(torus, formulation="bit-flow", add_constraints=add)
    assert own.termination is model.termination is Termination.OPTIMAL
    assert own.objective_s == pytest.approx(model.objective_s, rel=2e-6)
    assert check(Problem(torus, rules=rules), own.solution) == ()


@pytest.mark.parametrize(
    "add",
    [
        lambda m: setattr(m, "late", pyo.Constraint(expr=sum(m.delay.values()) <= 1e9)),
        lambda m: setattr(m, "own", pyo.Var(bounds=(0, 1))),
        lambda m: setattr(
            m, "product", pyo.Constraint(expr=m.offload_ratio[m.TASKS.at(1)] * m.offload_ratio[m.TASKS.at(2)] <= 2)
        ),
        lambda m: m.offload_ratio[m.TASKS.at(1)].setub(0.5),
        lambda m: next(iter(m.use.values())).setub(0),
        lambda m: next(iter(m.serve.values())).setlb(1),
        lambda m: setattr(m.offload_ratio[m.TASKS.at(1)], "domain", pyo.Binary),
    ],
)
def test_anything_else_is_left_to_the_whole_model(torus, add):
    assert read_constraints(Problem(torus), add) is None


def test_rows_that_leave_no_solution_are_named(torus):
    def add(m):
        m.none_served = pyo.Constraint(expr=sum(m.serve.values()) <= 2)

    result = solve_full(torus, add_constraints=add)
    assert result.termination is Termination.INFEASIBLE
    assert "none_served is 3, allowed 2" in result.message
