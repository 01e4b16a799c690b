"""`leosplit instance new|show|export` beyond the presets."""

import json

import networkx as nx
import pytest

from formulation import write_solution
from instances import RADIOS, parse_constellation, read_instance, read_scenario, read_stk_ephemeris, write_instance
from instances.presets import make_preset
from leosplit.cli import main
from leosplit.cli.instance_new import RADIO_NAMES
from solvers.schemes import run_scheme
from tests.made_up_sky import MadeUpSky
from tests.test_graph_files import NATIVE
from tests.tle_of_walker import equivalent_tle

IRIDIUM = "S:780:86.4:66/6/1"


def run(*words):
    return main(["instance", *map(str, words)])


def test_new_scenario_is_read_back(tmp_path, capsys):
    words = ["new", "--scenario", "--preset", "hotspot", "--constellation", "D:1000:53:144/12/1", "--seed", 4]
    assert run(*words, "--sensing", "2-*", "--serving", "0-0,5-5", "-o", tmp_path / "s.json") == 0
    assert "Walker delta, 12 planes × 12 satellites" in capsys.readouterr().err
    made = read_scenario(tmp_path / "s.json")
    assert (made.seed, made.count) == (4, 720)
    one = next(made.slots())
    assert one.computing == ("0-0", "5-5")
    assert run("show", tmp_path / "s.json", "--json") == 0
    assert json.loads(capsys.readouterr().out)["satellites"] == 144


def test_new_scenario_with_targets_of_its_own(tmp_path):
    assert run("new", "--scenario", "--large-map-min", 0.7, "-o", tmp_path / "s.json") == 0
    tasks = [task for one in read_scenario(tmp_path / "s.json").slots(0, 60) for task in one.tasks]
    assert {task.large_map_min for task in tasks} == {0.7}


def test_new_from_element_sets(tmp_path):
    (tmp_path / "i.tle").write_text(equivalent_tle(parse_constellation(IRIDIUM)))
    assert run("new", "--tle", tmp_path / "i.tle", "--tasks", 4, "--computing", 1, "-o", tmp_path / "a.json") == 0
    made = read_instance(tmp_path / "a.json")
    assert (len(made.satellites), len(made.tasks), len(made.computing)) == (66, 4, 1)
    words = ["new", "--tle", tmp_path / "i.tle", "--sensing", "WALKER 1-*", "--serving", "WALKER 4-0"]
    assert run(*words, "-o", tmp_path / "b.json") == 0
    assert len(read_instance(tmp_path / "b.json").tasks) == 11
    assert run(*words, "--scenario", "-o", tmp_path / "s.json") == 0
    assert read_scenario(tmp_path / "s.json").orbits.total == 66


def test_new_from_torus_graph_and_sndlib(tmp_path):
    assert run("new", "--torus", "3x5", "--tasks", 2, "--computing", 1, "-o", tmp_path / "t.json") == 0
    assert len(read_instance(tmp_path / "t.json").satellites) == 15
    graph = nx.cycle_graph(5)
    nx.set_edge_attributes(graph, {edge: {"rate": 1e8, "m": 1e6} for edge in graph.edges})
    nx.write_graphml_xml(graph, str(tmp_path / "g.graphml"))
    words = ["--graph", tmp_path / "g.graphml", "--rate-key", "rate", "--length-key", "m"]
    assert run("new", *words, "--tasks", 1, "--computing", 1, "-o", tmp_path / "g.json") == 0
    assert len(read_instance(tmp_path / "g.json").links) == 10
    (tmp_path / "line.txt").write_text(NATIVE)
    assert run("new", "--sndlib", tmp_path / "line.txt", "-o", tmp_path / "n.json") == 0
    assert len(read_instance(tmp_path / "n.json").tasks) == 2


def test_new_slot_of_a_scenario(tmp_path, capsys):
    assert run("new", "--scenario", "-o", tmp_path / "s.json") == 0
    first = next(read_scenario(tmp_path / "s.json").slots())
    capsys.readouterr()
    assert run("new", "--slot-of", tmp_path / "s.json", "--slot", 0, "-o", tmp_path / "a.json") == 2
    said = capsys.readouterr().err
    assert f"slot 0 has no task; the next one with tasks is {first.meta['slot']}" in said
    assert run("new", "--slot-of", tmp_path / "s.json", "--slot", first.meta["slot"], "-o", tmp_path / "a.json") == 0
    assert read_instance(tmp_path / "a.json") == first


@pytest.fixture
def solved(tmp_path):
    instance = make_preset("hotspot", seed=2, tasks=6)
    write_instance(instance, tmp_path / "i.json")
    solution = run_scheme(instance, "bs-shortest-path").solution
    write_solution(solution, tmp_path / "s.json")
    return instance, solution


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_show_draws_the_map(solved, tmp_path, suffix):
    picture = tmp_path / f"map.{suffix}"
    assert run("show", tmp_path / "i.json", "--solution", tmp_path / "s.json", "-o", picture) == 0
    head = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix]
    assert picture.read_bytes().startswith(head)


def test_show_counts_loads(solved, tmp_path, capsys):
    _, solution = solved
    assert run("show", tmp_path / "i.json", "--solution", tmp_path / "s.json", "--json") == 0
    loads = json.loads(capsys.readouterr().out)["loads"]
    assert sum(one["data"] for one in loads) == sum(len(task.data_path or (0,)) - 1 for task in solution.tasks)
    assert sum(one["model"] for one in loads) == sum(len(task.model_path or (0,)) - 1 for task in solution.tasks)
    assert max(one["data"] for one in loads) > 1
    largest = [max(one["data"], one["model"]) for one in loads]
    assert largest == sorted(largest, reverse=True)
    assert run("show", tmp_path / "i.json", "--solution", tmp_path / "s.json") == 0
    said = capsys.readouterr().out
    assert "loads, packets on a link" in said
    assert "Walker star, 6 planes × 11 satellites" in said


def test_exports_are_read_back(solved, tmp_path):
    instance, _ = solved
    for form, name in (("graphml", "a.graphml"), ("node-link", "a.json")):
        assert run("export", tmp_path / "i.json", "--format", form, "-o", tmp_path / name) == 0
        assert run("new", "--graph", tmp_path / name, "-o", tmp_path / "back.json") == 0
        assert read_instance(tmp_path / "back.json") == instance
    words = ["export", tmp_path / "i.json", "--format", "czml", "--solution", tmp_path / "s.json"]
    assert run(*words, "-o", tmp_path / "a.czml") == 0
    packets = json.loads((tmp_path / "a.czml").read_text())
    assert sum(packet["id"].startswith("route") for packet in packets) == 12
    assert run("export", "iridium", "--format", "czml", "--slots", 5, "-o", tmp_path / "b.czml") == 0
    assert run("export", "iridium", "--format", "stk", "-o", tmp_path / "stk") == 0
    assert len(read_stk_ephemeris(tmp_path / "stk" / "0-0.e").times_s) == 721


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["new", "--torus", "3", "-o", "x"], "must be RxC such as 4x6"),
        (["new", "--torus", "3x3", "--graph", "g"], "--torus and --graph: cannot be combined"),
        (["new", "--torus", "3x3", "--scenario"], "cannot be made of --torus"),
        (["new", "--sensing", "0-0"], "need --scenario or --tle"),
        (["new", "--constellation", "D:550:53:64/8/1"], "5297 km apart, but a link over 80 km of air reaches 5014 km"),
        (["new", "--constellation", "D:550:53:1584/396/39"], "396 planes × 4 satellites"),
        (["new", "--scenario", "--sensing", "x*", "-o", "x"], "matches none of the ids"),
        (["new", "--tle", "missing.tle"], "missing.tle"),
        (["new", "--slot-of", "{i}"], "is an instance already"),
        (["show", "{i}", "-o", "map.bmp"], "must end in .png, .svg or .pdf"),
        (["show", "iridium", "-o", "map.png"], "need an instance; this is a scenario"),
        (["export", "{i}", "--format", "stk", "-o", "x"], "stk needs a scenario"),
        (["export", "iridium", "--format", "graphml", "-o", "x"], "graphml needs an instance"),
        (["export", "{i}", "--format", "graphml", "--solution", "{i}", "-o", "x"], "only CZML shows routes"),
    ],
)
def test_bad_words_are_one_line(solved, tmp_path, capsys, words, message):
    assert run(*(word.replace("{i}", str(tmp_path / "i.json")) for word in words)) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def mixed_catalogue(path):
    """Write two shells, climbing satellites, and one satellite listed twice."""
    sky = MadeUpSky(1)
    sky.shell("UP", 8, 6, 547.4, 53.05)
    sky.shell("LOW", 8, 5, 540.0, 53.21)
    sky.climbers(6, 350.0, 500.0, 53.05)
    path.write_text(sky.catalogue() + "\n".join(sky.text[:3]) + "\n")


def test_new_from_a_catalogue_with_choices(tmp_path, capsys):
    mixed_catalogue(tmp_path / "c.tle")
    few = ["--tasks", 1, "--computing", 1, "-o", tmp_path / "a.json"]
    assert run("new", "--tle", tmp_path / "c.tle", *few) == 2
    assert "--newest takes the newest set of each" in capsys.readouterr().err
    words = ["new", "--tle", tmp_path / "c.tle", "--newest", *few]
    assert run(*words) == 0
    said = capsys.readouterr().err
    assert "shell 0: 8 planes × 6 satellites (48)" in said
    assert "shell 1: 8 planes × 5 satellites (40)" in said
    assert "off station: 6 of 94 satellites: 6 climbs or sinks" in said
    for choice, count in (
        (["--shell", 1], 40),
        (["--altitude-km", "550,560"], 48),
        (["--inclination-deg", "53.2,53.3"], 40),
        (["--satellites", "UP 0-*,LOW 1-*"], 11),
        (["--numbers", ",".join(map(str, range(1, 31)))], 30),
    ):
        assert run(*words, *choice, "--nearest", 2) == 0
        assert len(read_instance(tmp_path / "a.json").satellites) == count
    assert run(*words, "--epoch", "2025-11-05T00:00:00") == 0
    assert read_instance(tmp_path / "a.json").meta["epoch"] == "2025-11-05T00:00:00Z"


def test_new_with_link_options(tmp_path):
    def rates(*words):
        few = ["--tasks", 1, "--computing", 1, "-o", tmp_path / "a.json"]
        assert run("new", *words, *few) == 0
        return read_instance(tmp_path / "a.json")

    classes = rates("--radio", "optical-10g", "--radio-across", "optical-2.5g")
    assert {link.rate_bps for link in classes.links if link.direction in ("fore", "aft")} == {1e10}
    assert {link.rate_bps for link in classes.links if link.direction in ("left", "right")} == {2.5e9}
    plain, shifted = rates(), rates("--cross-shift", "nearest", "--constellation", "starlink-550")
    assert max(link.length_m for link in shifted.links if link.direction == "right") < 8e5
    assert len(rates("--nearest", 2).links) <= 2 * 66 < len(plain.links)
    (tmp_path / "isls.txt").write_text("0 1\n1 2\n2 0\n")
    own = rates("--links", tmp_path / "isls.txt")
    assert len(own.links) == 4  # the satellites 0-2 and 0-0 do not see each other
    assert {link.source for link in own.links} == {"0-0", "0-1", "0-2"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--newest"], "choose from a catalogue"),
        (["--tle", "x", "--altitude-km", "high"], "must be LOW,HIGH"),
        (["--cross-shift", "left"], "must be a whole number or nearest"),
        (["--torus", "3x3", "--nearest", 2], "does not go with --torus"),
        (["--constellation", "starlink"], "or one of iridium-next"),
        (["--radio", "optical-10g", "--radio-across", "smoke"], "radio 'smoke' is unknown"),
    ],
)
def test_bad_choices_are_refused(words, message, capsys):
    assert run("new", *words) == 2
    assert message in capsys.readouterr().err


def test_help_lists_every_radio():
    assert ", ".join(RADIOS) == RADIO_NAMES
