"""The problem as a value: file form, schema, checks of rules, and their linear form against the checks."""

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import jsonschema
import networkx as nx
import numpy as np
import pytest

from fitting.errors import LeosplitError
from formulation import (
    RULES,
    Energy,
    Linear,
    LinkPackets,
    Problem,
    ProblemError,
    Solution,
    TaskDecision,
    as_problem,
    check,
    design_packets,
    evaluate,
    problem_from_dict,
    problem_schema,
    problem_sha256,
    problem_to_dict,
    read_problem,
    rule_from_dict,
    rule_to_dict,
    satellite_energy_j,
    write_problem,
)
from formulation.rules.linear_form import Bits, Ends, Indicator, Offloaded, OffloadRatio, Relay, Sent, Serve, Use
from formulation.volumes import data_packet_bits
from instances import InstanceError, instance_from_dict, instance_sha256, instance_to_dict, read_instance
from leosplit.cli import main
from tests.rule_cases import draw_rule, draw_rules
from tests.tiny import tiny_instance


def with_energy(instance):
    """The instance with powers on every satellite."""
    satellites = tuple(replace(s, joule_per_op=2e-13, transmit_w=4.0) for s in instance.satellites)
    return replace(instance, satellites=satellites)


def drawn_solution(instance, seed):
    """Any sound routes and ratios."""
    rng = np.random.default_rng(seed)
    graph = nx.DiGraph((link.source, link.target) for link in instance.links)
    decisions = []
    for task in instance.tasks:
        design, c = design_packets(instance, task), str(rng.choice(instance.candidates(task)))
        ratio = float(rng.choice([0.0, 1.0, rng.uniform(0.05, 0.95)]))
        ratio = ratio if design.can_offload and design.can_stay else float(design.can_offload)
        paths = [list(nx.all_simple_paths(graph, *ends)) for ends in ((task.satellite, c), (c, task.satellite))]
        data, model = (tuple(paths[k][rng.integers(len(paths[k]))]) for k in (0, 1))
        decisions.append(
            TaskDecision(
                task.satellite,
                c,
                ratio,
                design.residual_shares(ratio, 1 + len(task.residual_levels_bpp)),
                design.model_packet_bits if ratio < 1 else 0.0,
                data if ratio > 0 else None,
                model if ratio < 1 else None,
            )
        )
    return Solution(instance.name, tuple(decisions))


def value_of(variable, instance, solution):
    """A sum of decisions, read off a solution."""
    by_task = {d.satellite: d for d in solution.tasks}
    paths = {(d.satellite, k): p for d in solution.tasks for k, p in (("data", d.data_path), ("model", d.model_path))}
    sizes = {(d.satellite, "model"): d.model_packet_bits for d in solution.tasks}
    sizes |= {
        (t.satellite, "data"): data_packet_bits(t, d) for t, d in zip(instance.tasks, solution.tasks, strict=True)
    }

    def packets(v):
        return [(t, k, paths[t, k]) for t in v.tasks for k in v.packets if paths[t, k] is not None]

    def links(path):
        return set(pairwise(path))

    match variable:
        case Use():
            return sum(len(links(path) & set(variable.links)) for _, _, path in packets(variable))
        case Bits():
            return sum(sizes[t, k] * len(links(path) & set(variable.links)) for t, k, path in packets(variable))
        case Relay():
            return sum(len(set(path[1:-1]) & set(variable.satellites)) for _, _, path in packets(variable))
        case Sent():
            return len(packets(variable))
        case Ends():
            return sum(by_task[t].computing_satellite in variable.computing for t, _, _ in packets(variable))
        case Serve():
            return sum(by_task[t].computing_satellite in variable.computing for t in variable.tasks)
        case OffloadRatio():
            return sum(by_task[t].offload_ratio for t in variable.tasks)
        case Offloaded():
            return sum(
                by_task[t].offload_ratio for t in variable.tasks if by_task[t].computing_satellite in variable.computing
            )
        case Indicator():
            return float(any(d.computing_satellite == variable.key for d in solution.tasks))


def excess(row, instance, solution):
    """By how much a row is broken, relative to its numbers."""
    values = [coefficient * value_of(variable, instance, solution) for coefficient, variable in row.terms]
    scale = max([abs(row.rhs), *(abs(c) for c, v in row.terms if not isinstance(v, Bits))], default=1.0) or 1.0
    over = (sum(values) - row.rhs) / scale
    return {"<=": over, ">=": -over, "==": abs(over)}[row.sense]


@pytest.mark.parametrize("kind", RULES)
def test_rows_hold_where_the_check_finds_nothing_and_break_where_it_does(kind):
    seen = Counter()
    for seed in range(40):
        instance = with_energy(tiny_instance(seed, tasks=3, computing=2))
        rule, solution = draw_rule(instance, kind, seed), drawn_solution(instance, seed)
        broken = [v for v in check(Problem(instance, rules=(rule,)), solution) if v.constraint == f"rule {kind}"]
        rows = list(rule.rows(instance))
        assert len({row.place for row in rows}) == len(rows)
        assert (max((excess(row, instance, solution) for row in rows), default=0.0) > 1e-6) == bool(broken)
        seen[bool(broken)] += 1
    assert min(seen[True], seen[False]) > 0


@pytest.mark.parametrize("kind", RULES)
def test_each_kind_round_trips_and_fits_its_schema(kind, tmp_path):
    instance = tiny_instance(3, tasks=2, computing=2)
    for seed in range(5):
        rule = replace(draw_rule(instance, kind, seed), name="mine" if seed % 2 else None)
        assert rule_from_dict(json.loads(json.dumps(rule_to_dict(rule)))) == rule
        problem = Problem(instance, "max", share_computing=True, whole_frames=bool(seed % 2), rules=(rule,))
        jsonschema.validate(problem_to_dict(problem), problem_schema())
        write_problem(problem, tmp_path / "p.json")
        assert read_problem(tmp_path / "p.json") == problem
        hash(problem)


@pytest.mark.parametrize("kind", RULES)
def test_unknown_and_missing_keys_get_one_line_and_fail_the_schema(kind):
    instance = tiny_instance(3, computing=2)
    document = rule_to_dict(draw_rule(instance, kind, 1))
    with pytest.raises(ProblemError, match=r"^rule: unknown key 'limits'; allowed: kind, "):
        rule_from_dict(document | {"limits": 1})
    required = [f for f in document if f != "kind" and RULES[kind].__dataclass_fields__[f].default is not None]
    for key in required:
        if "schema" in RULES[kind].__dataclass_fields__[key].metadata and key in problem_required(kind):
            with pytest.raises(ProblemError, match=f"^rule: key '{key}' is missing"):
                rule_from_dict({k: v for k, v in document.items() if k != key})
    whole = problem_to_dict(instance) | {"problem": {"rules": [document | {"limits": 1}]}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(whole, problem_schema())


def problem_required(kind):
    """The required keys of a kind by its schema."""
    found = next(s for s in problem_schema()["$defs"]["rule"]["oneOf"] if s["properties"]["kind"]["const"] == kind)
    return [key for key in found["required"] if key != "kind"]


BROKEN = {
    "problem.rules[0].kind must be one of closed, link_packets, ": {"rules": [{"kind": "link_packet", "limit": 2}]},
    "problem: unknown key 'rule'; allowed: objective, share_computing, whole_frames, rules": {"rule": []},
    "problem.objective must be one of mean, max, got 'median'": {"objective": "median"},
    "problem.share_computing must be true or false, got 1": {"share_computing": 1},
    "problem.rules must be a list, got dict": {"rules": {}},
    "problem.rules[0].limit must be a whole number >= 0, got -1": {"rules": [{"kind": "hops", "limit": -1}]},
    "problem.rules[0].limit must be a whole number >= 0, got 1.5": {"rules": [{"kind": "hops", "limit": 1.5}]},
    "problem.rules[0].links must be links of the instance, got ('n0', 'nowhere')": {
        "rules": [{"kind": "closed", "links": [["n0", "nowhere"]]}]
    },
    "problem.rules[0].satellites or links must name what is closed": {"rules": [{"kind": "closed"}]},
    "problem.rules[0].tasks must be tasks of the instance, got 'x'": {
        "rules": [{"kind": "hops", "limit": 1, "tasks": ["x"]}]
    },
    "problem.rules[0].packets must be one of data, model, both, got 'all'": {
        "rules": [{"kind": "hops", "limit": 1, "packets": "all"}]
    },
    "problem.rules: names must be unique, 'a' stands twice": {
        "rules": [{"kind": "hops", "limit": 3, "name": "a"}, {"kind": "hops", "limit": 2, "name": "a"}]
    },
    "problem.rules[0].terms[0].variable 'serve' needs 'computing'; its keys: task, computing": {
        "rules": [
            {
                "kind": "linear",
                "sense": "<=",
                "rhs": 0,
                "terms": [{"variable": "serve", "task": "n0", "coefficient": 1}],
            }
        ]
    },
    "problem.rules[0].sense must be one of <=, >=, ==, got '<'": {
        "rules": [
            {"kind": "linear", "sense": "<", "rhs": 0, "terms": [{"variable": "sent", "task": "n0", "coefficient": 1}]}
        ]
    },
    "problem must be an object, got list": [],
}


@pytest.mark.parametrize(("message", "block"), BROKEN.items())
def test_a_block_that_cannot_be_one_gets_one_line(message, block, tmp_path):
    document = instance_to_dict(tiny_instance(3)) | {"problem": block}
    with pytest.raises(LeosplitError) as error:
        problem_from_dict(document, "f.json")
    assert str(error.value).startswith(f"f.json: {message}")
    assert "\n" not in str(error.value)
    file = tmp_path / "f.json"
    file.write_text(json.dumps(document))
    assert main(["evaluate", str(file), str(file)]) == 2


def test_an_instance_stands_for_the_plain_problem():
    instance = tiny_instance(3)
    assert as_problem(instance) == Problem(instance)
    assert as_problem(instance).is_plain
    assert problem_to_dict(instance) == instance_to_dict(instance)
    assert problem_sha256(instance) == instance_sha256(instance)
    with pytest.raises(ProblemError, match="a Problem or an Instance is needed, got str"):
        as_problem("iridium")


def test_fields_of_variants_round_trip_and_are_left_out_at_their_default():
    instance = tiny_instance(3)
    plain = instance_to_dict(instance)
    assert not any(key in plain["tasks"][0] for key in ("weight", "deadline_s", "offload_ratio_range"))
    task = replace(instance.tasks[0], weight=3.0, deadline_s=7.5, offload_ratio_range=(0.2, 0.8))
    other = with_energy(replace(instance, tasks=(task, *instance.tasks[1:])))
    assert instance_from_dict(instance_to_dict(other)) == other
    jsonschema.validate(instance_to_dict(other), problem_schema())
    assert list(Problem(other).variants()) == ["weight", "deadline_s", "offload_ratio_range"]
    for field, value in (("weight", 0), ("deadline_s", 0), ("offload_ratio_range", (0.8, 0.2))):
        with pytest.raises(InstanceError, match=field):
            replace(task, **{field: value})


def test_a_file_with_rules_is_no_plain_instance(tmp_path):
    path = tmp_path / "p.json"
    write_problem(Problem(tiny_instance(3), rules=(LinkPackets(limit=1),)), path)
    with pytest.raises(InstanceError, match=r"key 'problem': read it by formulation.read_problem"):
        read_instance(path)


def test_rules_without_a_name_are_called_by_their_kind():
    rules = (LinkPackets(limit=1), LinkPackets(limit=2), LinkPackets(limit=3, name="link_packets-2"))
    problem = Problem(tiny_instance(3), rules=(*rules, LinkPackets(limit=4)))
    assert {name: rule.limit for name, rule in problem.named_rules.items()} == {
        "link_packets": 1,
        "link_packets-2": 3,
        "link_packets-3": 2,
        "link_packets-4": 4,
    }
    assert "rule link_packets-3" in repr(problem)


def test_violations_name_rule_value_and_limit(tmp_path, capsys):
    instance = with_energy(tiny_instance(2, tasks=3))
    solution = drawn_solution(instance, 1)
    energy = satellite_energy_j(instance, solution)
    task = replace(instance.tasks[0], deadline_s=0.5, offload_ratio_range=(0.5, 0.5), weight=2.0)
    instance = replace(instance, tasks=(task, *instance.tasks[1:]))
    most = max(energy, key=energy.get)
    problem = Problem(instance, rules=(Energy(limit_j=1.0, satellites=(most,), name="battery"),))
    found = {v.constraint: v for v in check(problem, solution)}
    assert (found["rule battery"].task, found["rule battery"].limit) == (None, 1.0)
    assert found["rule battery"].value == pytest.approx(energy[most])
    delays = evaluate(problem, solution)
    assert found["deadline_s"].value == delays.tasks[0].T
    assert found["offload_ratio_range"].limit == 0.5
    assert delays.mean_s == pytest.approx((2 * delays.tasks[0].T + delays.tasks[1].T + delays.tasks[2].T) / 4)
    write_problem(problem, tmp_path / "p.json")
    from formulation import write_solution

    write_solution(solution, tmp_path / "s.json")
    assert main(["evaluate", str(tmp_path / "p.json"), str(tmp_path / "s.json"), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert {"task": None, "constraint": "rule battery", "value": energy[most], "limit": 1.0} in said["violations"]
    assert said["energy_j"] == energy
    assert main(["evaluate", str(tmp_path / "p.json"), str(tmp_path / "s.json")]) == 1
    assert "violated: rule battery" in capsys.readouterr().out


def test_energy_counts_operations_and_bits_by_hand():
    instance = with_energy(tiny_instance(2, tasks=1))
    task = instance.tasks[0]
    solution = next(s for s in (drawn_solution(instance, k) for k in range(20)) if 0 < s.tasks[0].offload_ratio < 1)
    decision = solution.tasks[0]
    rho = decision.offload_ratio
    spent = Counter()
    work = rho * task.volume_bits * task.feature_ops_per_bit + (1 - rho) * task.frames * task.small_ops_per_frame
    spent[task.satellite] += 2e-13 * work
    spent[decision.computing_satellite] += 2e-13 * rho * task.frames * task.large_ops_per_frame
    for path, bits in (
        (decision.data_path, data_packet_bits(task, decision)),
        (decision.model_path, decision.model_packet_bits),
    ):
        for a, b in pairwise(path):
            spent[a] += 4.0 * bits / instance.link(a, b).rate_bps
    assert satellite_energy_j(instance, solution) == pytest.approx({s.id: spent[s.id] for s in instance.satellites})


def test_terms_of_a_linear_rule_may_be_given_in_their_file_form():
    term = {"variable": "offload_ratio", "task": "n0", "coefficient": 2}
    assert Linear(terms=[term], sense="<=", rhs=1) == rule_from_dict(
        {"kind": "linear", "terms": [term], "sense": "<=", "rhs": 1}
    )


def test_every_kind_fits_one_problem():
    instance = with_energy(tiny_instance(4, tasks=3, computing=2))
    problem = Problem(instance, rules=tuple(draw_rules(instance, 4)))
    assert set(problem.named_rules) == set(RULES)
    assert problem.without_rules.is_plain
