"""The readers that are fuzzed: whole files to start from, and what commands do with what was read."""

import json
import random
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from fitting import compare_fits, fit_curve, piecewise_linear, preset_curves, read_curve, read_measurements, write_curve
from formulation import (
    as_problem,
    check,
    evaluate,
    problem_from_dict,
    problem_to_dict,
    read_problem,
    read_solution,
    rule_to_dict,
    solution_to_dict,
    write_solution,
)
from formulation.delay import evaluate_sound
from instances import (
    Constellation,
    generate_torus,
    instance_to_dict,
    parse_constellation,
    read_graph,
    read_scenario,
    read_sndlib,
    read_tle,
    write_graph,
)
from instances.scenario_file import scenario_from_dict, scenario_to_dict
from leosplit.report.numbers import read_runs, report_numbers
from leosplit.sweeps import Store, read_study
from leosplit.sweeps.parameters import build_problem
from leosplit.sweeps.worker import failed_row
from solvers import Termination, run_scheme
from solvers.marl.policy import read_policy, untrained_policy, write_policy
from solvers.marl.router import PolicyRouter
from solvers.schemes import SchemeOptions, packets_at
from tests.fuzz_mutations import JSON, TEXT, Mutation, any_of, mutate_store, mutate_tensors
from tests.rule_cases import draw_rules
from tests.sweeping import study
from tests.test_graph_files import NATIVE, XML
from tests.test_scenario_file import FULL
from tests.tiny import tiny_instance
from tests.tle_of_walker import equivalent_tle

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Reader:
    """A reader under test.

    Attributes
    ----------
    suffix
        Of its files.
    bases
        Whole files to start from.
    read, use
        Read a file; do with it what commands do.
    mutate
        Change a whole file a little.
    """

    suffix: str
    bases: Callable[[], list[bytes]]
    read: Callable[[Path], Any]
    use: Callable[[Any, random.Random], None]
    mutate: Mutation


def _files(write: Callable[[Path], object], suffix: str) -> bytes:
    """Return what a writer writes."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / f"x{suffix}"
        write(path)
        return path.read_bytes()


def _json(document: Any) -> bytes:
    return json.dumps(document).encode()


def use_instance(read: Any, rng: random.Random) -> None:
    """Read it back, decide it by a scheme, evaluate and check."""
    problem = as_problem(read)
    if len(problem.instance.satellites) > 500:
        return
    assert problem_from_dict(problem_to_dict(problem)) == problem
    scheme = rng.choice(["bs-shortest-path", "best-response", "even", "small"])
    result = run_scheme(problem, scheme, SchemeOptions())
    if result.solution is not None and result.termination is Termination.FEASIBLE:
        check(problem, result.solution)
        delays = [task.T for task in evaluate(problem, result.solution).tasks]
        assert all(0 <= delay < float("inf") for delay in delays), delays


def use_solution(read: Any, rng: random.Random) -> None:
    """Judge it."""
    instance = tiny_instance(1)
    check(instance, read)
    for task in evaluate_sound(instance, read):
        assert task is None or task.T == task.T
    solution_to_dict(read)


def use_scenario(read: Any, rng: random.Random) -> None:
    """Write it again, and make slots."""
    if read.orbits.total > 1000:
        return
    if isinstance(read.orbits, Constellation):
        scenario_from_dict(json.loads(json.dumps(scenario_to_dict(read))))
    for slot in {0, read.count // 2, read.count - 1}:
        if slot < 1000:
            network = read.network(slot)
            assert np.isfinite(network.rate_bps).all()
            instance = read.instance(slot)
            assert instance is None or all(0 < link.rate_bps < float("inf") for link in instance.links)


def use_study(read: Any, rng: random.Random) -> None:
    """List its runs, and make one instance."""
    assert len(read) >= 1
    jobs = list(islice(read.jobs(), 5))
    assert len({job.key for job in jobs}) == len(jobs)
    torus = jobs[0].parameters.get("torus")
    if torus is not None and torus[0] * torus[1] < 200:
        build_problem(jobs[0].parameters, jobs[0].seed)


def use_curve(read: Any, rng: random.Random) -> None:
    """Evaluate, invert, and make it piecewise linear."""
    lo, hi = read.domain
    values = read(np.linspace(lo, hi, 7))
    assert np.isfinite(values).all()
    _, top = read.maximum()
    for target in (top, top - 1e-6, float(np.mean(values)), float(np.min(values)), top + 1.0, 0.7):
        x = read.inverse(target)
        assert x is None or read(x) >= target
    read.inverse(0.7, 0.0, max(hi, 1.0))
    if rng.random() < 0.15:
        side, spread = rng.choice(["under", "over", "interpolate", "best"]), float(np.ptp(values)) or 1.0
        asked = rng.choice(
            [{"max_error": 1e-2 * spread}, {"max_error": 1e-4 * spread}, {"segments": rng.choice((1, 3))}]
        )
        found = piecewise_linear(read, side=side, **asked)
        assert np.isfinite(found.function.y).all()


def use_measurements(read: Any, rng: random.Random) -> None:
    """Fit a family, now and then all."""
    if len(read.x) > 60:
        return
    if rng.random() < 0.002:
        compare_fits(read.x, read.y)
    elif rng.random() < 0.1:
        family = rng.choice(["piecewise_linear", "saturating_exponential", "power_law", "logistic"])
        fit = fit_curve(read.x, read.y, family, read.sigma)
        assert np.isfinite(fit.curve(read.x)).all()


def use_orbits(read: Any, rng: random.Random) -> None:
    """Move the satellites and find planes and links."""
    if read.total > 300:
        return
    for time_s in (0.0, 5400.0):
        assert np.isfinite(read.positions_m(time_s)).all()
    assert len(read.links.source) == len(read.links.target)
    read.planes_and_slots()


def use_policy(read: Any, rng: random.Random) -> None:
    """Roll it out by both engines."""
    instance = tiny_instance(rng.randrange(4))
    for seed in range(2):
        solution = PolicyRouter(instance, read, seed=seed)(instance, packets_at(instance, 0.5))
        assert not check(instance, solution)


def use_runs(read: Any, rng: random.Random) -> None:
    """Count what a report says."""
    json.dumps(report_numbers(read).runs)


def read_a_solution(path: Path) -> Any:
    """Read a solution of the tiny instance."""
    return read_solution(path, tiny_instance(1))


@cache
def _rules() -> list[bytes]:
    instance = tiny_instance(3, tasks=2, computing=2)
    plain = instance_to_dict(instance)
    return [_json(plain | {"problem": {"rules": [rule_to_dict(rule)]}}) for rule in draw_rules(instance, 1)]


def _instances() -> list[bytes]:
    torus = generate_torus(3, 3, tasks=2, computing=1, seed=1)
    options = {"problem": {"objective": "max", "share_computing": True, "whole_frames": True}}
    documents = [
        instance_to_dict(tiny_instance(1)),
        instance_to_dict(torus),
        instance_to_dict(tiny_instance(2)) | options,
    ]
    return [*map(_json, documents), (DATA / "pair.json").read_bytes(), *_rules()]


def _solutions() -> list[bytes]:
    return [
        _files(lambda path, name=name: write_solution(run_scheme(tiny_instance(1), name).solution, path), ".json")
        for name in ("even", "small", "best-response")
    ]


def _scenarios() -> list[bytes]:
    documents = [
        scenario_to_dict(FULL),
        {"format": "leosplit-scenario", "version": 1, "name": "one", "constellation": "S:780:86.4:66/6/1"},
        json.loads((DATA / "hostile" / "sc2.json").read_text()) | {"rules": {"clearance_m": 8e4}},
    ]
    radio = documents[0] | {
        "constellation": "D:1000:53:32/4/1",
        "roles": {"remote_sensing": {"count": 2}, "computing": {"ids": ["0-0"]}},
    }
    return [*map(_json, documents), _json(radio | {"rules": {}, "overrides": [], "failures": {"link_rate": 0.1}})]


def _studies() -> list[bytes]:
    torus = "[instances]\ntorus = [3, 3]\ntasks = 2\ncomputing = [1, 2]\nvolume_scale = [0.5, 1.0]\n"
    options = 'objective = "max"\ntime_limit_s = 20\nmemory_limit_gib = 1.5\nmip_gap = 1e-6\n'
    preset = 'seeds = [0, 1, 7]\nschemes = ["exact", "mine:f"]\n[instances]\npreset = "iridium"\nradio = "standard"\n'
    head = 'name = "volume"\nschemes = ["small", "even"]\nseeds = { first = 0, count = 2 }\n'
    return [(head + options + torus).encode(), (head + torus).encode(), preset.encode()]


def _curves() -> list[bytes]:
    found = [_files(lambda path, curve=curve: write_curve(curve, path), ".json") for curve in preset_curves()]
    more = [
        {"kind": "saturating_exponential", "parameters": {"a": 0.8, "b": 0.3, "c": 5.0}, "domain": [0, 0.4]},
        {"kind": "power_law", "parameters": {"a": 0.9, "b": 0.01, "c": 0.5, "d": 0.01}, "domain": [0, 0.4]},
        {"kind": "logistic", "parameters": {"a": 0.1, "b": 0.7, "c": 12.0, "d": 0.2}, "domain": [0, 0.4]},
        {"kind": "piecewise_linear", "x": [0, 0.1, 0.2, 0.4], "y": [0.7, 0.8, 0.79, 0.85]},
    ]
    return [*found, *map(_json, more)]


def _measurements() -> list[bytes]:
    rows = "".join(f"{0.05 * k},{0.7 + 0.02 * k},{0.001 * (1 + k)},{3 + k}\n" for k in range(1, 8))
    shipped = Path(sys.modules["fitting"].__file__ or "").parent / "data"
    return [
        ("residual_bpp,map,map_std,n\n" + rows).encode(),
        (shipped / "map_vs_residual_digits.csv").read_bytes(),
    ]


def _messages() -> list[bytes]:
    names = ("OBJECT_NAME", "NORAD_CAT_ID", "EPOCH", "MEAN_MOTION", "ECCENTRICITY", "INCLINATION", "RA_OF_ASC_NODE")
    names += ("ARG_OF_PERICENTER", "MEAN_ANOMALY", "BSTAR", "MEAN_MOTION_DOT", "MEAN_MOTION_DDOT")
    rows = [
        (
            f"S {k}",
            100_000 + k,
            "2025-11-01T00:00:00.5",
            14.3,
            0.0002,
            86.4,
            30.0 * (k // 4),
            90.0,
            90.0 * (k % 4),
            1e-5,
            0,
            0,
        )
        for k in range(12)
    ]
    items = [dict(zip(names, row, strict=True)) for row in rows]
    table = "\n".join(",".join(map(str, row)) for row in [names, *rows]) + "\n"
    body = "".join(
        f"<omm><segment>{''.join(f'<{k}>{v}</{k}>' for k, v in item.items())}</segment></omm>" for item in items
    )
    return [_json(items), table.encode(), f"<ndm>{body}</ndm>".encode()]


def _graphs(suffix: str) -> list[bytes]:
    found = [_files(lambda path, k=k: write_graph(tiny_instance(k), path), suffix) for k in (1, 2)]
    edge = {"rate_bps": 1e8, "length_m": 1e6}
    plain = {
        "directed": True, "multigraph": False, "graph": {"name": "p"}, "nodes": [{"id": k} for k in range(6)],
        "edges": [{"source": k, "target": (k + d) % 6, **edge} for k in range(6) for d in (1, 5)],
    }  # fmt: skip
    return [*found, _json(plain)] if suffix == ".json" else found


def _gml() -> list[bytes]:
    nodes = "".join(f'  node [ id {k} label "n{k}" Longitude {3.0 * k} Latitude {50.0 + k} ]\n' for k in range(6))
    ends = [(k, (k + d) % 6) for k in range(6) for d in (1, 5)]
    edges = "".join(f"  edge [ source {a} target {b} rate_bps 100000000 length_m 1.0e6 ]\n" for a, b in ends)
    return [f'graph [\n  directed 1\n  Network "made up"\n{nodes}{edges}]\n'.encode()]


def _policies() -> list[bytes]:
    shipped = Path(sys.modules["solvers"].__file__ or "").parent / "data"
    plain = [
        _files(lambda path, kind=kind: write_policy(untrained_policy(kind), path), ".safetensors")
        for kind in ("local", "planned")
    ]
    return [*plain, (shipped / "policy.safetensors").read_bytes(), (shipped / "policy_local.safetensors").read_bytes()]


def _stores() -> list[bytes]:
    jobs = list(study(schemes=["small", "exact"], seeds=[0, 1, 2, 3]).jobs())
    made = {"termination": "optimal", "objective_s": 3.0, "bound_s": 3.0, "instance": "i", "instance_sha256": "h"}

    def write(path: Path) -> None:
        with Store(path) as store:
            store.add(
                [
                    replace(failed_row(job, "abc", "why" if job.seed else ""), **(made if job.seed else {}))
                    for job in jobs
                ]
            )

    return [_files(write, ".db")]


READERS: Mapping[str, Reader] = {
    "instance": Reader(".json", _instances, read_problem, use_instance, JSON),
    "solution": Reader(".json", _solutions, read_a_solution, use_solution, JSON),
    "scenario": Reader(".json", _scenarios, read_scenario, use_scenario, JSON),
    "study": Reader(".toml", _studies, read_study, use_study, TEXT),
    "curve": Reader(".json", _curves, read_curve, use_curve, JSON),
    "measurements": Reader(".csv", _measurements, read_measurements, use_measurements, TEXT),
    "tle": Reader(
        ".tle", lambda: [equivalent_tle(parse_constellation("S:780:86.4:24/4/1")).encode()], read_tle, use_orbits, TEXT
    ),
    "omm": Reader(".omm", _messages, read_tle, use_orbits, TEXT),
    "graphml": Reader(".graphml", lambda: _graphs(".graphml"), read_graph, use_instance, TEXT),
    "gml": Reader(".gml", _gml, read_graph, use_instance, TEXT),
    "node-link": Reader(".json", lambda: _graphs(".json"), read_graph, use_instance, JSON),
    "sndlib": Reader(".txt", lambda: [NATIVE.encode(), XML.encode()], read_sndlib, use_instance, TEXT),
    "policy": Reader(".safetensors", _policies, read_policy, use_policy, any_of(mutate_tensors)),
    "results": Reader(".db", _stores, read_runs, use_runs, mutate_store),
}
