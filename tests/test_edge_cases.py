"""Forced packet modes, missing routes and odd networks, through solver and schemes alike."""

from dataclasses import replace

import pytest

from formulation import check, evaluate
from instances import Accuracy, Instance, Link, Satellite, generate_torus
from solvers import SCHEMES, SchemeError, SchemeOptions, Termination, run_scheme
from solvers.exact import solve_full
from tests.brute_force import brute_force
from tests.tiny import SMALL, tiny_instance


def with_targets(instance: Instance, index: int, **targets: float) -> Instance:
    tasks = list(instance.tasks)
    tasks[index] = replace(tasks[index], **targets)
    return replace(instance, tasks=tuple(tasks))


@pytest.mark.parametrize(
    ("targets", "ratio", "infeasible"),
    [
        ({"large_map_min": 0.99}, 0.0, {"centralized", "even"}),
        ({"small_map_min": 0.99}, 1.0, {"small", "even"}),
    ],
)
def test_unreachable_accuracy_forces_the_packet_mode(targets, ratio, infeasible):
    instance = with_targets(tiny_instance(2), 0, **targets)
    assert solve_full(instance, mip_gap=1e-9).objective_s == pytest.approx(brute_force(instance), rel=1e-6)
    for name in SCHEMES:
        result = run_scheme(instance, name)
        if name in infeasible:
            assert result.termination == Termination.INFEASIBLE
            assert result.objective_s is None
            assert instance.tasks[0].satellite in result.message
            assert "best reachable" in result.message
        else:
            assert result.solution.tasks[0].offload_ratio == ratio, name
            assert not check(instance, result.solution)


def test_both_unreachable_is_infeasible_and_says_why():
    instance = with_targets(tiny_instance(2), 1, large_map_min=0.99, small_map_min=0.98)
    for name in SCHEMES:
        result = run_scheme(instance, name)
        assert result.termination == Termination.INFEASIBLE, name
        assert result.solution is None
        for part in (instance.tasks[1].satellite, "(4b)", "(4c)", "0.89"):
            assert part in result.message


def test_source_next_to_its_computing_satellite_uses_the_one_link():
    base = tiny_instance(7)
    m, c = base.tasks[0].satellite, base.computing[0]
    fast = (Link(m, c, 1e9, 1e5), Link(c, m, 1e9, 1e5))
    links = tuple(link for link in base.links if {link.source, link.target} != {m, c})
    instance = replace(base, links=links + fast)
    decision = solve_full(instance, mip_gap=1e-9).solution.tasks[0]
    assert decision.data_path in (None, (m, c))
    assert decision.model_path in (None, (c, m))
    assert (decision.data_path, decision.model_path) != (None, None)


def test_one_way_links_force_the_packet_that_can_travel():
    """Data can reach c, nothing comes back: everything is offloaded."""
    base = tiny_instance(3, tasks=1)
    task, c = base.tasks[0], base.computing[0]
    instance = replace(base, links=(Link(task.satellite, c, 5e7, 1e6),))
    for name in ("exact", "best-response", "bs-shortest-path", "bs-exact", "centralized"):
        result = run_scheme(instance, name)
        assert result.solution.tasks[0].offload_ratio == 1.0, name
    assert run_scheme(instance, "small").termination == Termination.INFEASIBLE
    assert solve_full(instance).objective_s == pytest.approx(brute_force(instance), rel=1e-9)


def test_isolated_task_is_infeasible_and_named():
    base = tiny_instance(3)
    lost = base.tasks[1].satellite
    links = tuple(link for link in base.links if lost not in (link.source, link.target))
    instance = replace(base, links=links)
    for name in SCHEMES:
        result = run_scheme(instance, name)
        assert result.termination == Termination.INFEASIBLE, name
        assert lost in result.message
        assert "(4e)" in result.message


def test_isolated_relay_does_no_harm():
    base = tiny_instance(3)
    instance = replace(base, satellites=(*base.satellites, Satellite("alone", "relay")))
    before, after = (solve_full(i, mip_gap=1e-9).objective_s for i in (base, instance))
    assert after == pytest.approx(before, rel=1e-9)


def test_no_computing_satellite_is_infeasible():
    base = tiny_instance(3)
    satellites = tuple(replace(s, role="relay") if s.role == "computing" else s for s in base.satellites)
    for name in SCHEMES:
        result = run_scheme(replace(base, satellites=satellites), name)
        assert result.termination == Termination.INFEASIBLE
        assert "no computing satellite" in result.message


@pytest.mark.parametrize("relay_s_per_bit", [0.0, 5e-8])
def test_relay_time_is_counted_and_may_be_zero(relay_s_per_bit):
    base = tiny_instance(8)
    satellites = tuple(replace(s, relay_s_per_bit=relay_s_per_bit) for s in base.satellites)
    instance = replace(base, satellites=satellites)
    assert solve_full(instance, mip_gap=1e-9).objective_s == pytest.approx(brute_force(instance), rel=1e-6)


def test_mean_of_levels_never_beats_the_mean_residual_on_a_concave_curve():
    base = tiny_instance(9)
    optimistic, strict = (
        solve_full(replace(base, residual_accuracy=mode), mip_gap=1e-9) for mode in ("mean_residual", "mean_of_levels")
    )
    assert strict.objective_s >= optimistic.objective_s * (1 - 1e-9)
    assert not check(replace(base, residual_accuracy="mean_of_levels"), strict.solution)


def test_curves_of_one_task_replace_those_of_the_instance():
    base = tiny_instance(4)
    better = Accuracy(replace(base.accuracy.large, y=(0.9, 0.91, 0.92, 0.93, 0.94)), SMALL)
    instance = replace(base, tasks=(replace(base.tasks[0], accuracy=better), *base.tasks[1:]))
    assert solve_full(instance).objective_s <= solve_full(base).objective_s * (1 + 1e-9)
    assert not check(instance, run_scheme(instance, "best-response").solution)


def test_own_scheme_is_judged_by_the_same_referee():
    instance = tiny_instance(1)
    good = run_scheme(instance, "tests.own_schemes:half", SchemeOptions(seed=5))
    assert good.termination == Termination.FEASIBLE
    assert good.objective_s == pytest.approx(run_scheme(instance, "even").objective_s)
    assert good.seed == 5
    bad = run_scheme(instance, "tests.own_schemes:too_small_packets")
    assert bad.termination == Termination.INFEASIBLE
    assert bad.objective_s is None
    assert "(4c)" in bad.message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fastest", "one of small, centralized"),
        ("no_module:f", "cannot be loaded"),
        ("tests.own_schemes:missing", "cannot be loaded"),
        ("tests.own_schemes:NUMBER", "must be a function"),
        ("tests.own_schemes:nothing", "must return a Solution"),
    ],
)
def test_unknown_or_broken_scheme_is_one_sentence(name, message):
    with pytest.raises(SchemeError, match=message):
        run_scheme(tiny_instance(1), name)


@pytest.mark.parametrize("name", [n for n in SCHEMES if n not in ("exact", "bs-exact")])
def test_one_seed_gives_one_result(name):
    instance = tiny_instance(6, tasks=3, computing=2, nodes=8)
    one, two = (run_scheme(instance, name, SchemeOptions(seed=3)) for _ in range(2))
    assert one.solution == two.solution
    assert one.trace == two.trace


def test_bs_exact_out_of_time_says_so_and_keeps_its_best():
    instance = generate_torus(6, 6, tasks=6, computing=1, seed=2)
    result = run_scheme(instance, "bs-exact", SchemeOptions(time_limit=1e-6))  # no machine is as fast
    assert result.termination == Termination.TIME_LIMIT
    assert not check(instance, result.solution)
    assert result.objective_s == pytest.approx(evaluate(instance, result.solution).mean_s)
