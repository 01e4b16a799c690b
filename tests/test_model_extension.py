"""A user's own Pyomo constraints: build, add, solve, and still get a Solution and the checker."""

import math
import re
from dataclasses import replace
from pathlib import Path

import pyomo.environ as pyo
import pytest

from formulation import (
    FORMULATIONS,
    Linear,
    Problem,
    SolutionError,
    build_full_model,
    build_model_packet_model,
    build_routing_model,
    check,
    evaluate,
    solution_from_model,
)
from instances import Accuracy
from solvers.assignment import assign
from solvers.bisection import pack
from solvers.exact import solve_full
from tests.brute_force_rules import least
from tests.test_rules_models import drawn
from tests.test_whole_frames import DIP
from tests.tiny import SMALL, few_frames, tiny_instance


def test_own_constraint_on_the_offload_ratio():
    instance = tiny_instance(1)
    model = build_full_model(instance)
    model.cap = pyo.Constraint(model.TASKS, rule=lambda m, name: m.offload_ratio[name] <= 0.2)
    pyo.SolverFactory("highs").solve(model)
    solution = solution_from_model(model)
    assert not check(instance, solution)
    assert max(d.offload_ratio for d in solution.tasks) <= 0.2 + 1e-9
    assert evaluate(instance, solution).mean_s == pytest.approx(
        pyo.value(model.service_delay) * model.time_unit_s, rel=1e-6
    )
    assert evaluate(instance, solution).mean_s >= solve_full(instance).objective_s * (1 - 1e-9)


def test_own_constraint_on_a_link():
    instance = tiny_instance(5)
    before = solve_full(instance).solution
    source, target = before.tasks[0].data_path[:2]
    model = build_full_model(instance)
    model.closed = pyo.Constraint(expr=model.use["data", instance.tasks[0].satellite, source, target] == 0)
    pyo.SolverFactory("highs").solve(model)
    after = solution_from_model(model)
    assert (after.tasks[0].data_path or ())[:2] != (source, target)
    assert not check(instance, after)


def test_model_of_7_keeps_the_packets():
    instance = tiny_instance(2)
    packets = pack(instance, assign(instance), [0.3, 0.6])
    model = build_routing_model(instance, packets)
    pyo.SolverFactory("highs").solve(model)
    solution = solution_from_model(model)
    assert [d.offload_ratio for d in solution.tasks] == [0.3, 0.6]
    assert evaluate(instance, solution).mean_s == pytest.approx(
        pyo.value(model.service_delay) * model.time_unit_s, rel=1e-6
    )


def test_unsolved_model_and_model_without_routes_are_refused():
    with pytest.raises(SolutionError, match="has no value: solve the model"):
        solution_from_model(build_full_model(tiny_instance(1)))
    with pytest.raises(SolutionError, match="only models of"):
        solution_from_model(build_model_packet_model(tiny_instance(1)))


def through(instance):
    """A rule that asks a packet to take a link: cycles must not count."""
    task, link = instance.tasks[0].satellite, instance.links[0]
    ends = [link.source, link.target]
    term = {"variable": "use", "task": task, "packet": "data", "link": ends, "coefficient": 1}
    return Linear(terms=[term], sense=">=", rhs=1)


def test_a_rule_that_asks_for_a_link_is_kept_by_a_path_not_by_a_circle():
    for seed in range(4):
        instance = tiny_instance(seed, nodes=5)
        problem = Problem(instance, rules=(through(instance),))
        result, best = solve_full(problem), least(problem)
        assert (result.objective_s is None) == math.isinf(best)
        if result.objective_s is not None:
            assert result.objective_s == pytest.approx(best, rel=3e-6)
            assert check(problem, result.solution) == ()


def _models():
    """Models of (4) and (7) with every component that there is."""
    plain = few_frames(tiny_instance(1), 6)
    sharing = replace(drawn(1, ["open_computing"]), share_computing=True)
    tasks = tuple(replace(task, large_map_min=0.785) for task in few_frames(tiny_instance(3, tasks=3), 6).tasks)
    dip = replace(few_frames(tiny_instance(3, tasks=3), 6), accuracy=Accuracy(DIP, SMALL), tasks=tasks)
    yield from (build_full_model(sharing, formulation) for formulation in FORMULATIONS)
    yield build_full_model(Problem(plain, "max", whole_frames=True))
    yield build_full_model(Problem(dip, whole_frames=True))
    yield build_full_model(Problem(plain, rules=(through(plain),)))
    yield build_routing_model(sharing, pack(sharing.instance, assign(sharing.instance), [0.5, 0.5]))


def test_every_component_has_a_doc_and_a_row_on_the_page_of_the_models():
    page = (Path(__file__).parent.parent / "docs" / "method" / "models.md").read_text(encoding="utf-8")
    seen = set()
    for model in _models():
        for component in model.component_objects():
            name = component.local_name
            if not name.endswith(("_index", "_domain")):
                assert component.doc, name
                seen.add(name)
    assert [name for name in sorted(seen) if f"`{name}`" not in page] == []
    listed = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", page, re.MULTILINE))))
    assert listed - seen == set()
    assert {"rule", "deadline", "order", "in_interval", "shared_server", "at_level", "largest"} <= seen


def test_data_can_be_changed_and_the_model_solved_again():
    instance = tiny_instance(5)
    model = build_full_model(instance)
    faster = replace(instance, links=tuple(replace(link, rate_bps=2 * link.rate_bps) for link in instance.links))
    for key in model.time_per_bit:
        model.time_per_bit[key] = model.time_per_bit[key].value / 2
    pyo.SolverFactory("highs").solve(model)
    assert pyo.value(model.service_delay) * model.time_unit_s == pytest.approx(solve_full(faster).objective_s, rel=1e-4)
