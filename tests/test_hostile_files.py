"""Files that broke a reader, each refused in one line with exit code 2; devices, pipes and sizes beyond any use."""

import csv
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from fitting import CurveError, piecewise_linear, read_curve, read_measurements
from fitting.checks import Checks, short
from fitting.jsonfile import JsonError, parse_json, read_json, read_text
from formulation import read_solution
from instances import read_graph, read_instance, read_scenario, read_sndlib, read_stk_ephemeris, read_tle
from leosplit.cli import main
from leosplit.csv_file import write_rows
from leosplit.report.numbers import read_runs
from leosplit.sweeps import Store, read_results, read_study, run_sweep
from leosplit.sweeps.store import StoreError
from leosplit.sweeps.worker import failed_row, run_job
from solvers import Termination
from solvers.assignment import NoSolution
from solvers.marl.policy import read_policy
from solvers.schemes import SchemeError, SchemeOptions, attempt_scheme, find_scheme
from tests.sweeping import study
from tests.tiny import tiny_instance

HOSTILE = Path(__file__).parent / "data" / "hostile"
GRAPH, SLOT, SWEEP = ["instance", "new", "--graph"], ["instance", "new", "--slot-of"], ["sweep"]
REFUSED = {
    "g1.json": (GRAPH, "graph must be an object, got 1.5"),
    "nodelink-AttributeError-89.json": (GRAPH, "graph must be an object, got '1e5'"),
    "nodelink-TypeError-85.json": (GRAPH, "graph must be an object, got 0.5"),
    "graphml-ValueError-114.graphml": (GRAPH, "index of an edge must be a whole number >= 0, got ''"),
    "sc2.json": (SLOT, "clearance_m 1e+200 is not a length in [0, 1e+08] m"),
    "scenario-OverflowError-132.json": (SLOT, "clearance_m 1e+308 is not a length in [0, 1e+08] m"),
    "hugeint.toml": (SWEEP, "not TOML: a number has thousands of digits"),
    "hugeseed.toml": (
        SWEEP,
        "<= 9223372036854775807, got 99999999999999999999999",
    ),
    "seed.toml": (SWEEP, "seeds must be a whole number >= 0 and <= 9223372036854775807, got 9223372036854775808"),
    "hugetorus.toml": (SWEEP, "torus: 100000 x 100000 is more than 100000 satellites"),
    "store-UnicodeDecodeError-200.db": (["report"], "the file is damaged"),
    "policy-use-hang-1.safetensors": (["gap", "--policy"], "weights of linear.weight must be finite and within ±1e+07"),
}
CURVES = ("curve-use-hang-102.json", "curve-use-hang-185.json")
READERS = {
    "instance": read_instance,
    "solution": lambda path: read_solution(path, tiny_instance(1)),
    "scenario": read_scenario,
    "study": read_study,
    "curve": read_curve,
    "measurements": read_measurements,
    "tle": read_tle,
    "graphml": lambda path: read_graph(path, "graphml"),
    "node-link": lambda path: read_graph(path, "node-link"),
    "sndlib": read_sndlib,
    "stk": read_stk_ephemeris,
    "policy": read_policy,
    "results": read_results,
}


def refusal(words: list[str], capsys) -> str:
    """Run a command that must refuse its input; return its one line."""
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    *progress, line = err.splitlines()
    assert line.startswith("error: ")
    assert not any("Traceback" in text for text in progress)
    return line


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_file_is_refused_in_one_line(name, capsys):
    words, message = REFUSED[name]
    assert message in refusal([*words, str(HOSTILE / name)], capsys)


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("side", ["under", "over", "interpolate", "best"])
def test_a_curve_that_hardly_bends_has_segments_at_once(name, side):
    curve = read_curve(HOSTILE / name)
    x = np.linspace(*curve.domain, 101)
    found = piecewise_linear(curve, segments=3, side=side)
    assert found.segments <= 3
    assert np.abs(found.function(x) - curve(x)).max() <= found.error < 1e-9
    with pytest.raises(CurveError, match="error"):
        piecewise_linear(read_curve_that_bends(), max_error=1e-300, side=side)
    assert curve.inverse(curve.maximum()[1]) is not None


def read_curve_that_bends():
    from fitting import preset_curves

    return preset_curves()[0]


@contextmanager
def writer_that_waits(path: Path):
    """A named pipe whose other end is open and silent."""
    os.mkfifo(path)
    end = os.open(path, os.O_RDWR)
    try:
        yield path
    finally:
        os.close(end)


@pytest.mark.parametrize("reader", READERS)
def test_devices_pipes_and_directories_are_no_files(reader, tmp_path):
    read = READERS[reader]
    os.mkfifo(tmp_path / "silent")
    with writer_that_waits(tmp_path / "pipe") as pipe:
        for path in (Path("/dev/zero"), Path("/dev/full"), pipe, tmp_path / "silent", tmp_path, tmp_path / "missing"):
            with pytest.raises(ValueError, match=r"regular file|irectory|no such") as caught:
                read(path)
            assert "\n" not in str(caught.value)
            assert path.name in str(caught.value)


@pytest.mark.parametrize("reader", READERS)
def test_names_and_bytes_that_are_none_are_refused(reader, tmp_path):
    path = tmp_path / "x"
    for content in (b"", b" \n", b"\xff\xfe\x00", b"\x00" * 100, b"[" * 100_000, b'{"a":' * 100_000, b"1e5", b"null"):
        path.write_bytes(content)
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - each reader says it in its words
            READERS[reader](path)
        assert len(str(caught.value)) < 1000
    with pytest.raises(ValueError, match=r"null|no such"):
        READERS[reader](Path("a\0b"))


def test_a_file_of_too_many_values_or_bytes_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "big.json"
    with path.open("wb") as file:
        file.truncate(300 * 2**20)
    with pytest.raises(JsonError, match="314572800 bytes, at most 268435456 are read"):
        read_text(path)
    monkeypatch.setattr("fitting.jsonfile.MAX_VALUES", 1000)
    with pytest.raises(JsonError, match="1001 values, at most 1000 are read"):
        parse_json("[" + "1," * 1000 + "1]", "x")
    monkeypatch.setattr("fitting.jsonfile.MAX_WIDE_BYTES", 10)
    path.write_text('{"name": "Σατέλλαϊτ"}', encoding="utf-8")
    with pytest.raises(JsonError, match="not ASCII"):
        read_json(path)


def test_a_repeated_key_among_a_hundred_thousand_is_found_at_once():
    keys = ",".join(f'"k{i}":1' for i in range(100_000))
    with pytest.raises(JsonError, match="key 'k99999' stands twice"):
        parse_json("{" + keys + ',"k99999":2}', "x")


@pytest.mark.parametrize("key", [".".join("a" * 5000), ".".join(['"a"'] * 5000), "'a' . " * 5000 + "a"])
@pytest.mark.parametrize("form", ["{} = 1", "[{}]", "a = {{ {} = 1 }}"])
def test_keys_of_thousands_of_parts_are_refused_at_once(key, form, tmp_path):
    (tmp_path / "s.toml").write_text(form.format(key))
    with pytest.raises(ValueError, match="a key has more than 32 parts"):
        read_study(tmp_path / "s.toml")


@pytest.mark.parametrize("nested", ["{}[{}]", "[{}{}"])
def test_what_is_nested_deeply_in_free_data_is_refused_when_read(nested, tmp_path):
    document = json.loads((HOSTILE.parent / "pair.json").read_text())
    deep = 1
    for _ in range(40):
        deep = {"a": deep} if nested.startswith("{") else [deep]
    path = tmp_path / "i.json"
    path.write_text(json.dumps(document | {"meta": {"a": deep}}))
    with pytest.raises(ValueError, match="meta must have at most 32 levels"):
        read_instance(path)


def test_brackets_nested_in_a_network_are_named_with_their_line(tmp_path):
    (tmp_path / "n.txt").write_text("?SNDlib native format\nNODES (\n" + "(" * 100_000 + ")" * 100_000 + "\n)\n")
    with pytest.raises(ValueError, match="line 3: more than 32 brackets inside each other"):
        read_sndlib(tmp_path / "n.txt")


@pytest.mark.parametrize("form", ["graphml", "sndlib"])
def test_entities_of_xml_are_not_expanded(form, tmp_path):
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>\n<graphml>&b;</graphml>'
    (tmp_path / "x.xml").write_text(bomb)
    with pytest.raises(ValueError, match="entities of its own"):
        READERS[form](tmp_path / "x.xml")


def test_two_nodes_of_one_name_are_refused(tmp_path):
    edge = {"rate_bps": 1e8, "length_m": 1e6}
    graph = {"directed": True, "nodes": [{"id": 1}, {"id": "1"}], "edges": [{"source": 1, "target": "1", **edge}]}
    (tmp_path / "g.json").write_text(json.dumps(graph))
    with pytest.raises(ValueError, match="two nodes are called '1'"):
        read_graph(tmp_path / "g.json")


def test_values_in_messages_are_short():
    assert short(10**5000) == "an integer of 16610 bits"
    assert short([1] * 1000) == "[1, 1, 1, 1, 1, 1, ...]"
    assert (short(-3), short(True), short("a")) == ("-3", "True", "'a'")
    assert len(short("x" * 10**6)) <= 80


def test_whole_numbers_are_exact_or_refused():
    checks = Checks()
    assert checks.whole("n", 2**53 - 1, 0) == 2**53 - 1
    assert checks.whole("n", 3.0, 0) == 3
    assert checks.seed("n", 2**63 - 1) == 2**63 - 1
    for value in (2**53 + 1, 1e300, float("nan"), float("inf"), 1.5, True, "1", None, 10**400):
        with pytest.raises(ValueError, match="n must be a whole number >= 0"):
            checks.whole("n", value, 0)
    for value in (2**63, -1, 1.0, True):
        with pytest.raises(ValueError, match="n must be a whole number >= 0"):
            checks.seed("n", value)


def test_a_store_is_read_from_a_medium_that_cannot_be_written(tmp_path):
    """As root no directory refuses: what SQLite says on such a medium is put in its place."""
    (job,) = study().jobs()
    row = failed_row(job, "", "why")
    path = tmp_path / "r.db"
    with Store(path) as store:
        store.add([row])
        still_open = Store(path)  # rows of another process that wait in the log
        still_open.add([replace(row, key="b", seed=1)])
        before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
        copy = tmp_path / "medium"
        copy.mkdir()
        for name, data in before.items():
            if not name.endswith("-shm"):
                (copy / name).write_bytes(data)
    still_open.close()
    code = """
import sqlite3, sys
plain = sqlite3.connect

class Refusing(sqlite3.Connection):
    def execute(self, *words):
        raise sqlite3.OperationalError("unable to open database file")

def connect(target, **options):
    return plain(target, **options, **({"factory": Refusing} if "mode=ro" in str(target) else {}))

sqlite3.connect = connect
from leosplit.sweeps import read_results
print(sorted(read_results(sys.argv[1])["seed"]))
"""
    for place, seeds in ((copy / "r.db", "[0, 1]"), (path, "[0, 1]")):
        words = [sys.executable, "-c", code, str(place)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
        assert done.stdout.strip() == seeds, done.stderr[-500:]
    assert {file.name for file in copy.iterdir()} == {"r.db", "r.db-wal"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("UPDATE runs SET seed = 'many'", "a seed is of the type text, not integer"),
        ("UPDATE runs SET objective_s = x'00ff'", "a objective_s is of the type blob, not real"),
        ("UPDATE runs SET study = CAST(x'ff' AS TEXT)", "decode"),
        ("UPDATE runs SET parameters = '[]'", "parameters must be an object"),
        ("UPDATE runs SET parameters = '{'", "parameters: not JSON"),
        ("UPDATE runs SET versions = '{\"a\": [1]}'", "versions.'a' must be a non-empty text"),
        ("UPDATE runs SET options = '{\"policy\": 3}'", "options.policy must be a non-empty text"),
        ("UPDATE runs SET termination = 'won'", "termination must be one of optimal, feasible"),
        ("UPDATE runs SET finished_at = 'soon'", "finished_at must be a time"),
        ("UPDATE runs SET objective_s = 9e999", "objective_s must be a finite number >= 0, got inf"),
        ("UPDATE runs SET wall_s = -1", "wall_s must be a finite number >= 0, got -1"),
        ("DROP VIEW gaps", None),
        ("DROP TABLE runs", "not a results file of this version"),
        ("ALTER TABLE runs RENAME COLUMN seed TO sead", "not a results file of this version"),
        ("UPDATE about SET format = 'leosplit-results 2'", "not a results file of this version"),
    ],
)
def test_every_value_of_a_results_file_is_checked(change, message, tmp_path):
    (job,) = study().jobs()
    with Store(tmp_path / "r.db") as store:
        store.add([failed_row(job, "", "why")])
    connection = sqlite3.connect(tmp_path / "r.db")
    with connection:
        connection.execute(change)
    connection.close()
    if message is None:
        assert len(read_runs(tmp_path / "r.db")) == 1
        return
    with pytest.raises(StoreError, match=message.replace("[", r"\[")) as caught:
        read_runs(tmp_path / "r.db")
    assert str(tmp_path / "r.db") in str(caught.value)


def test_a_view_in_a_results_file_runs_no_query_of_its_own(tmp_path):
    (job,) = study().jobs()
    with Store(tmp_path / "r.db") as store:
        store.add([failed_row(job, "", "why")])
        store._connection.execute("DROP VIEW gaps")
        endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT count(*) FROM n"
        store._connection.execute(f"CREATE VIEW gaps AS {endless}")
    assert len(read_results(tmp_path / "r.db")) == 1


def test_a_second_sweep_on_a_results_file_says_that_the_first_runs(tmp_path):
    with Store(tmp_path / "r.db") as first, Store(tmp_path / "r.db") as second:
        with first.alone():
            with pytest.raises(StoreError, match=rf"another sweep \(process {os.getpid()}\) is writing to it"):
                run_sweep(study().jobs(), second)
            assert len(read_results(tmp_path / "r.db")) == 0
        with second.alone():
            pass
    assert [file.name for file in tmp_path.iterdir()] == ["r.db"]


def test_reading_a_study_runs_no_code_of_its_schemes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mine_at_reading.py").write_text("from pathlib import Path\nPath('ran').touch()\nraise SystemExit(3)\n")
    text = 'schemes = ["mine_at_reading:f"]\nseeds = [0]\n[instances]\ntorus = [3, 3]\ntasks = 1\ncomputing = 1\n'
    (tmp_path / "s.toml").write_text(text)
    (job,) = read_study("s.toml").jobs()
    assert not Path("ran").exists()
    row = run_job(job, "")
    assert Path("ran").exists()
    assert (row.termination, row.message) == (
        "error",
        "SchemeError: scheme 'mine_at_reading:f' cannot be loaded: SystemExit: 3",
    )
    for name in ("os", "os:", ":f", "a-b:f", "a b:f", "a..b:f", "f\n:f", "os:path.join"):
        (tmp_path / "s.toml").write_text(text.replace('"mine_at_reading:f"', json.dumps(name)))
        with pytest.raises(ValueError, match="scheme must be one of small"):
            read_study("s.toml")
        with pytest.raises(SchemeError, match="scheme must be one of small"):
            find_scheme(name)


def test_a_scheme_that_exits_is_a_row_with_its_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leaving.py").write_text("import sys\n\ndef leave(instance, options):\n    sys.exit('enough')\n")
    result = attempt_scheme(tiny_instance(1), "leaving:leave", SchemeOptions())
    assert result.termination is Termination.ERROR
    assert result.message.startswith("SystemExit: enough")
    (job,) = study(schemes=["leaving:leave"]).jobs()
    row = run_job(job, "")
    assert (row.termination, row.message) == ("error", "SystemExit: enough")


def test_no_solution_is_an_error_of_the_package():
    with pytest.raises(ValueError, match="4e") as caught:
        raise NoSolution("(4e) no path")
    assert isinstance(caught.value, Checks().error)


def test_a_lack_of_memory_is_one_line(monkeypatch, capsys):
    def lack(path, most):
        return np.ones((10**6, 10**6, 10**6))

    monkeypatch.setattr("fitting.jsonfile.read_bytes", lack)
    assert refusal(["evaluate", "a.json", "b.json"], capsys).startswith("error: not enough memory: Unable to allocate")


@dataclass(frozen=True)
class Row:
    name: str
    number: float


def test_cells_that_a_spreadsheet_would_run_are_texts(tmp_path):
    names = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "a=1", "", "0-0"]
    write_rows(tmp_path / "a.csv", Row, [Row(name, -1.5) for name in names])
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        cells = list(csv.DictReader(file))
    assert [cell["name"] for cell in cells] == [*(f"'{name}" for name in names[:6]), *names[6:]]
    assert {cell["number"] for cell in cells} == {"-1.5"}


@pytest.mark.slow
def test_the_largest_files_are_read_or_refused_within_a_gigabyte(tmp_path):
    """Each in a process of its own, whose memory is measured by the system."""
    code = """
import re, sys, tests.test_hostile_files as hostile
try:
    hostile.READERS[sys.argv[1]](sys.argv[2])
except ValueError as error:
    assert "\\\\n" not in str(error)
print(int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) / 2**20)  # ru_maxrss is inherited
"""
    row = b"0.1,0.5" + b",0" * 100_000 + b"\n"
    columns = b"residual_bpp,map," + b",".join(b"c%d" % i for i in range(100_000)) + b"\n"
    contents = {
        "instance": b"[" + b"[]," * 80_000_000 + b"[]]",
        "curve": b'["' + "é".encode() * 120_000_000 + b'"]',
        "solution": b"[" + b'{"a":1},' * 1_900_000 + b"1]",
        "graphml": b"<graphml>" + b"<a/>" * 60_000_000 + b"</graphml>",
        "sndlib": b"NODES ( " + b"a " * 100_000_000 + b")",
        "measurements": columns + row * 20,
        "study": b"seeds = [" + b"1," * 8_000_000 + b"1]",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        words = [sys.executable, "-c", code, name, str(tmp_path / name)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=200, check=False)
        assert done.returncode == 0, (name, done.stderr[-1000:])
        assert float(done.stdout) < 1.0, (name, done.stdout)
        (tmp_path / name).unlink()
