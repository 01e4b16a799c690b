import networkx as nx
import pytest

from instances.bundled import bundled_instances
from instances.checks import InstanceError
from instances.file import read_instance
from instances.generate import generate_from_graph, generate_torus
from instances.make_bundled import BUNDLED, write_bundled


@pytest.mark.parametrize(("rows", "columns", "links"), [(4, 5, 80), (3, 3, 36), (2, 3, 18), (1, 4, 8), (2, 2, 8)])
def test_torus_has_its_links(rows, columns, links):
    instance = generate_torus(rows, columns, tasks=1, computing=1)
    assert len(instance.satellites) == rows * columns
    assert len(instance.links) == links


def test_torus_directions_follow_planes_and_slots():
    instance = generate_torus(4, 5, tasks=2, computing=1)
    ends = {(link.source, link.direction): link.target for link in instance.links}
    assert ends["0-0", "fore"] == "0-1"
    assert ends["0-0", "aft"] == "0-4"
    assert ends["0-0", "right"] == "1-0"
    assert ends["0-0", "left"] == "3-0"


def test_rates_stay_within_the_spread_and_differ_by_direction():
    exact = generate_torus(5, 5, spread=0.0, seed=4)
    drawn = generate_torus(5, 5, spread=0.3, seed=4)
    ratios = [b.rate_bps / a.rate_bps for a, b in zip(exact.links, drawn.links, strict=True)]
    assert all(0.7 <= ratio <= 1.3 for ratio in ratios)
    assert len(set(ratios)) == len(ratios)
    assert [s.role for s in exact.satellites] == [s.role for s in drawn.satellites]
    assert exact.tasks == drawn.tasks


def test_one_seed_gives_one_instance():
    assert generate_torus(4, 4, seed=9) == generate_torus(4, 4, seed=9)
    assert generate_torus(4, 4, seed=9).links != generate_torus(4, 4, seed=10).links


def test_graph_attributes_are_kept():
    graph = nx.DiGraph(name="pair")
    graph.add_edge("a", "b", rate_bps=1e8, length_m=2e6)
    graph.add_edge("b", "a", rate_bps=5e7, length_m=2e6)
    instance = generate_from_graph(graph, tasks=1, computing=1, spread=0.0)
    assert [(link.source, link.target, link.rate_bps, link.length_m) for link in instance.links] == [
        ("a", "b", 1e8, 2e6),
        ("b", "a", 5e7, 2e6),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": 0}, "rows and columns must be at least 1"),
        ({"spread": 1.0}, r"spread must be in \[0, 1\)"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"tasks": 8, "computing": 8}, "do not fit on 12 satellites"),
    ],
)
def test_bad_number_is_named(options, message):
    with pytest.raises(InstanceError, match=message):
        generate_torus(**({"rows": 3, "columns": 4} | options))


def test_undirected_graph_is_refused():
    with pytest.raises(InstanceError, match="to_directed"):
        generate_from_graph(nx.path_graph(4))


def test_bad_edge_is_named():
    graph = nx.DiGraph([("a", "b"), ("b", "a")])
    graph["a"]["b"]["rate_bps"] = "fast"
    with pytest.raises(InstanceError, match="edge a -> b"):
        generate_from_graph(graph, tasks=1, computing=1)


def test_bundled_instances_are_small_and_readable():
    paths = bundled_instances()
    assert len(paths) >= 4
    assert all(path.stat().st_size < 2**20 for path in paths)
    names = [read_instance(path).name for path in paths]
    assert len(set(names)) == len(names)


def test_bundled_instances_are_what_their_command_makes(tmp_path):
    write_bundled(tmp_path)
    assert [path.stem for path in bundled_instances()] == sorted(BUNDLED)
    for path in bundled_instances():
        shipped, made = read_instance(path), read_instance(tmp_path / path.name)
        assert (shipped.name, shipped.tasks, shipped.satellites) == (made.name, made.tasks, made.satellites)
        assert [(link.source, link.target) for link in shipped.links] == [
            (link.source, link.target) for link in made.links
        ]
        assert [link.rate_bps for link in shipped.links] == pytest.approx([link.rate_bps for link in made.links])
