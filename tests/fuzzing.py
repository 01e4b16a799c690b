"""A seeded mutation fuzzer of every reader, in one process: what is read is used too, for some files hang in use only.

    python -m tests.fuzzing --count 10000 --seed 0 --save failed/ [READER ...]

prints one line a reader. An input counts as wrong if reader or use raise anything but a `LeosplitError` of one short
line, take more than `SECONDS` of processor time or `MEMORY_GIB`, or let a warning of NumPy through.
"""

import argparse
import contextlib
import copy
import io
import json
import random
import re
import resource
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from fitting import compare_fits, fit_curve, piecewise_linear, preset_curves, read_curve, read_measurements, write_curve
from fitting.errors import LeosplitError
from formulation import (
    as_problem,
    check,
    evaluate,
    problem_from_dict,
    problem_to_dict,
    read_problem,
    read_solution,
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
from leosplit.sweeps.parameters import build_instance
from leosplit.sweeps.worker import failed_row
from solvers import Termination, run_scheme
from solvers.marl.policy import read_policy, untrained_policy, write_policy
from solvers.marl.router import PolicyRouter
from solvers.schemes import SchemeOptions, packets_at
from tests.rule_cases import draw_rules
from tests.sweeping import study
from tests.test_graph_files import NATIVE, XML
from tests.test_scenario_file import FULL
from tests.tiny import tiny_instance
from tests.tle_of_walker import equivalent_tle

SECONDS = 10.0
MEMORY_GIB = 1.0
LONGEST_MESSAGE = 1500
DATA = Path(__file__).parent / "data"
NUMBERS = (
    *(
        "0",
        "-0.0",
        "-1",
        "1",
        "2",
        "1e-300",
        "5e-324",
        "1e-9",
        "1e9",
        "1e15",
        "1e18",
        "1e30",
        "1e200",
        "1e308",
        "1e309",
    ),
    *(
        "9007199254740993",
        "9223372036854775808",
        "99999999999999999999",
        "1" + "0" * 400,
        "0x10",
        "1_000",
        "nan",
        "inf",
    ),
    *("NaN", "-Infinity", "true", "null", '""', '"1"', "[]", "{}", "0.5", "0.30000000000000004", "1e5", "٣"),
)
WORDS = (
    "",
    " ",
    "\n",
    "\t",
    "\0",
    "a",
    "\u202e",
    "\x1b[31m",
    "é",
    "𝄞",
    "'",
    '"',
    "<",
    "&#0;",
    ",",
    ";",
    "(",
    ")",
    "{",
    "]",
)
ODD = (
    None,
    True,
    0,
    -1,
    1.5,
    1e-300,
    1e300,
    5e-324,
    2**53 + 1,
    2**63,
    10**400,
    "",
    "x",
    "all",
    "\0",
    [],
    {},
    [1, 2],
    {"a": 1},
)
SCALES = (0, -1, 1e-30, 1e30, 1e-8, 1e8, 1e-3, 1e3, 0.5, 2, 1 + 1e-12)


class TooLong(BaseException):
    """An input took more processor time than allowed; nothing that catches `Exception` hides it."""


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
    mutate: Callable[[bytes, random.Random], bytes]


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """Flip, drop, repeat, cut or insert bytes."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        if not out:
            break
        at, length = rng.randrange(len(out)), rng.choice((1, 1, 2, 8, 100))
        match rng.randrange(6):
            case 0:
                out[at] ^= 1 << rng.randrange(8)
            case 1:
                del out[at : at + length]
            case 2:
                out[at:at] = out[at : at + length] * rng.choice((1, 2, 20))
            case 3:
                del out[at:]
            case 4:
                out[at:at] = rng.choice(WORDS).encode()
            case 5:
                out[at] = rng.choice(b"\0\xff\n0123456789-+.eE,:\"'{}[]<>/ ")
    return bytes(out)


def mutate_text(data: bytes, rng: random.Random) -> bytes:
    """Change numbers, words and lines of a text."""
    text = data.decode("utf-8", "replace")
    for _ in range(rng.choice((1, 1, 2, 3))):
        match rng.randrange(6):
            case 0 | 1:
                found = list(re.finditer(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?", text))
                if found:
                    spot = rng.choice(found)
                    text = text[: spot.start()] + rng.choice(NUMBERS) + text[spot.end() :]
            case 2:
                found = list(re.finditer(r"[^\W\d]\w*", text))
                if found:
                    spot, other = rng.choice(found), rng.choice([*(one[0] for one in found), *WORDS])
                    text = text[: spot.start()] + other + text[spot.end() :]
            case 3 | 4:
                lines = text.splitlines(keepends=True)
                if lines:
                    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
                    match rng.randrange(4):
                        case 0:
                            del lines[a]
                        case 1:
                            lines[a], lines[b] = lines[b], lines[a]
                        case 2:
                            lines.insert(b, lines[a] * rng.choice((1, 2, 50)))
                        case 3:
                            lines[a] = lines[a][: rng.randrange(len(lines[a]) + 1)] + lines[b]
                    text = "".join(lines)
            case 5:
                at = rng.randrange(len(text) + 1)
                text = text[:at] + rng.choice(WORDS) * rng.choice((1, 1, 1000)) + text[at:]
    return text.encode("utf-8", "replace")


def mutate_json(data: bytes, rng: random.Random) -> bytes:
    """Delete, scale, copy or replace values of a document; every kind of field is equally likely."""
    document, gentle = json.loads(data), rng.random() < 0.4
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        kinds: dict[tuple[Any, ...], list[Any]] = {}
        for path in _places(document):
            value = _value_at(document, path) if gentle else 0
            if gentle and (not isinstance(value, int | float) or isinstance(value, bool)):
                continue
            kinds.setdefault(tuple("#" if isinstance(key, int) else key for key in path), []).append(path)
        if not kinds:
            break
        spot = rng.choice(kinds[rng.choice(list(kinds))])
        inside = document
        for key in spot[:-1]:
            inside = inside[key]
        value, draw = inside[spot[-1]], rng.random()
        if gentle and isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e100:
            inside[spot[-1]] = type(value)(value * rng.choice(SCALES))
        elif draw < 0.1:
            del inside[spot[-1]]
        elif draw < 0.2 and isinstance(inside, dict):
            inside[rng.choice(("x", "tasks", "kind", "meta", "", "id"))] = copy.deepcopy(value)
        elif draw < 0.3 and isinstance(inside, list):
            inside.extend([copy.deepcopy(value)] * rng.choice((1, 1, 200)))
        elif draw < 0.6 and isinstance(value, int | float) and abs(value) < 1e100:
            inside[spot[-1]] = value * rng.choice(SCALES)
        elif draw < 0.7:
            inside[spot[-1]] = copy.deepcopy(_value_at(document, rng.choice(rng.choice(list(kinds.values())))))
        else:
            inside[spot[-1]] = copy.deepcopy(rng.choice(ODD))
    return json.dumps(document, ensure_ascii=rng.random() < 0.5).encode("utf-8", "replace")


def _places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from _places(value, (*path, key))


def _value_at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key] if isinstance(document, dict) or key < len(document) else None
    return document


def any_of(*mutators: Callable[[bytes, random.Random], bytes]) -> Callable[[bytes, random.Random], bytes]:
    """Draw one of several mutators for each input."""
    return lambda data, rng: rng.choice(mutators)(data, rng)


JSON = any_of(mutate_json, mutate_json, mutate_json, mutate_text, mutate_bytes)
TEXT = any_of(mutate_text, mutate_text, mutate_text, mutate_bytes)


def mutate_store(data: bytes, rng: random.Random) -> bytes:
    """Change a database by a statement, or its bytes."""
    if rng.random() < 0.4:
        return mutate_bytes(data, rng)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "r.db"
        path.write_bytes(data)
        connection = sqlite3.connect(path)
        columns = [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
        values = ["'x'", "''", "NULL", "x'ff00'", "CAST(x'fe' AS TEXT)", "9e999", "-1", "1e300", "5e-324", "0", "1.5"]
        values += ["'[]'", "'{}'", "'{\"policy\": 1}'", "'{\"a\": [[1]]}'", "9223372036854775807", "'exact'", "'1-1-1'"]
        statements = [
            f"UPDATE runs SET {rng.choice(columns)} = {rng.choice(values)}",
            f"UPDATE runs SET {rng.choice(columns)} = {rng.choice(values)} WHERE seed = {rng.randrange(4)}",
            f"UPDATE runs SET {rng.choice(columns)} = {rng.choice(columns)}",
            f"DELETE FROM {rng.choice(('runs', 'about'))}",
            f"ALTER TABLE runs DROP COLUMN {rng.choice(columns)}",
            f"ALTER TABLE runs ADD COLUMN {rng.choice(('x', 'parameter_torus', 'best_bound_s'))}",
            "DROP VIEW gaps",
            f"DROP TABLE {rng.choice(('runs', 'about'))}",
        ]
        for _ in range(rng.choice((1, 1, 3))):
            with contextlib.suppress(sqlite3.Error), connection:
                connection.execute(rng.choice(statements[:3] if rng.random() < 0.7 else statements))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return path.read_bytes()


def mutate_tensors(data: bytes, rng: random.Random) -> bytes:
    """Change the header of a safetensors file, or single weights."""
    size = int.from_bytes(data[:8], "little")
    header, weights = data[8 : 8 + size], bytearray(data[8 + size :])
    match rng.randrange(4):
        case 0:
            return mutate_bytes(data, rng)
        case 1:
            header = mutate_json(header, rng)
        case 2:
            header = mutate_text(header, rng)
        case 3:
            odd = np.array([np.nan, np.inf, -np.inf, 3e38, 1e-40, 1e4, -1e4, 9999, 1e3, 0.1, -50], np.float32)
            for _ in range(rng.choice((1, 5, 200))):
                at = 4 * rng.randrange(len(weights) // 4)
                weights[at : at + 4] = odd[rng.randrange(len(odd))].tobytes()
    return len(header).to_bytes(8, "little") + header + bytes(weights)


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
        build_instance(jobs[0].parameters, jobs[0].seed)


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
    side = rng.choice(["under", "over", "interpolate", "best"])
    spread = float(np.ptp(values)) or 1.0
    for asked in ({"max_error": rng.choice((1e-2, 1e-4)) * spread}, {"segments": rng.choice((1, 3))}):
        found = piecewise_linear(read, side=side, **asked)
        assert np.isfinite(found.function.y).all()


def use_measurements(read: Any, rng: random.Random) -> None:
    """Fit a family, now and then all."""
    if len(read.x) > 60:
        return
    if rng.random() < 0.02:
        compare_fits(read.x, read.y)
    elif rng.random() < 0.2:
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
    return [
        _json(problem_to_dict(problem_from_dict(instance_to_dict(instance) | {"problem": {"rules": [rule]}})))
        for rule in (problem_to_dict_rule(rule) for rule in draw_rules(instance, 1))
    ]


def problem_to_dict_rule(rule: Any) -> dict[str, Any]:
    """Return a rule's file form."""
    from formulation import rule_to_dict

    return rule_to_dict(rule)


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
    body = "".join(f"<omm><segment>{''.join(f'<{k}>{v}</{k}>' for k, v in item.items())}</segment></omm>" for item in items)
    return [_json(items), table.encode(), f"<ndm>{body}</ndm>".encode()]


def _graphs(suffix: str) -> list[bytes]:
    found = [_files(lambda path, k=k: write_graph(tiny_instance(k), path), suffix) for k in (1, 2)]
    edge = {"rate_bps": 1e8, "length_m": 1e6}
    plain = {
        "directed": True, "multigraph": False, "graph": {"name": "p"}, "nodes": [{"id": k} for k in range(6)],
        "edges": [{"source": k, "target": (k + d) % 6, **edge} for k in range(6) for d in (1, 5)],
    }  # fmt: skip
    return [*found, _json(plain)] if suffix == ".json" else found


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
        from dataclasses import replace

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
    "node-link": Reader(".json", lambda: _graphs(".json"), read_graph, use_instance, JSON),
    "sndlib": Reader(".txt", lambda: [NATIVE.encode(), XML.encode()], read_sndlib, use_instance, TEXT),
    "policy": Reader(".safetensors", _policies, read_policy, use_policy, any_of(mutate_tensors)),
    "results": Reader(".db", _stores, read_runs, use_runs, mutate_store),
}


@dataclass(frozen=True)
class Wrong:
    """An input that was answered wrongly."""

    number: int
    reason: str
    data: bytes


@dataclass(frozen=True)
class Outcome:
    """What became of the inputs of a reader: how many were used, refused (by reader or use), and which went wrong."""

    counts: Counter[str]
    wrong: list[Wrong]
    slowest_s: float


def fuzz(name: str, count: int, seed: int) -> Outcome:
    """Give mutated files to a reader and use what it reads; the same seed gives the same inputs."""
    reader, bases = READERS[name], READERS[name].bases()
    counts: Counter[str] = Counter()
    wrong: list[Wrong] = []
    slowest = 0.0
    with tempfile.TemporaryDirectory() as directory, _limits():
        for base in bases:  # imports, compilation and caches count against no input
            path = Path(directory) / f"base{reader.suffix}"
            path.write_bytes(base)
            reader.use(reader.read(path), random.Random(0))
        for number in range(seed, seed + count):
            rng = random.Random(f"{name} {number}")
            data = reader.mutate(rng.choice(bases), rng)
            path = Path(directory) / f"x{reader.suffix}"
            path.write_bytes(data)
            start = time.process_time()
            try:
                counts[_attempt(reader, path, rng)] += 1
            except (Exception, TooLong) as error:
                place = traceback.extract_tb(error.__traceback__)[-1]
                where = f"{Path(place.filename).name}:{place.lineno}"
                wrong.append(Wrong(number, f"{type(error).__name__}: {str(error)[:200]} ({where})", data))
            slowest = max(slowest, time.process_time() - start)
    return Outcome(counts, wrong, slowest)


def _attempt(reader: Reader, path: Path, rng: random.Random) -> str:
    """Read and use one file; return what became of it."""
    stage = "refused"
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("error", RuntimeWarning)
            read = reader.read(path)
            stage = "refused in use"
            reader.use(read, rng)
    except LeosplitError as error:
        text = " ".join(str(error).split())
        assert text, "an error without words"
        assert len(text) <= LONGEST_MESSAGE, f"a message of {len(text)} characters: {text[:100]}"
        return stage
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
    return "used"


@contextlib.contextmanager
def _limits() -> Iterator[None]:
    """Limit processor time and memory of each input."""

    def stop(*_: object) -> None:
        raise TooLong(f"more than {SECONDS:g} s")

    handler = signal.signal(signal.SIGPROF, stop)
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
    resource.setrlimit(resource.RLIMIT_DATA, (pages * resource.getpagesize() + int(MEMORY_GIB * 2**30), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
        signal.signal(signal.SIGPROF, handler)


def main() -> None:
    """Fuzz readers and print what was found."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("readers", nargs="*", default=list(READERS), help=f"of {', '.join(READERS)}; all by default")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path, help="directory for the inputs that went wrong")
    asked = parser.parse_args()
    for name in asked.readers:
        start = time.process_time()
        found = fuzz(name, asked.count, asked.seed)
        spent, counts = (
            time.process_time() - start,
            ", ".join(f"{n} {what}" for what, n in sorted(found.counts.items())),
        )
        print(
            f"{name}: {asked.count} inputs, {len(found.wrong)} wrong, {counts}; {spent:.0f} s, slowest {found.slowest_s:.2f} s",
            flush=True,
        )
        kinds = Counter(re.sub(r"\d+", "#", wrong.reason) for wrong in found.wrong)
        for wrong in found.wrong:
            kind = re.sub(r"\d+", "#", wrong.reason)
            if kinds.pop(kind, None):
                print(f"  {wrong.number}: {wrong.reason}", flush=True)
        if asked.save is not None:
            asked.save.mkdir(parents=True, exist_ok=True)
            for wrong in found.wrong:
                (asked.save / f"{name}-{wrong.number}{READERS[name].suffix}").write_bytes(wrong.data)


if __name__ == "__main__":
    main()
