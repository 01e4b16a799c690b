import json
import re

import networkx as nx
import pytest

from fitting.errors import LeosplitError
from instances import read_instance
from instances.bundled import bundled_instances
from instances.graph import from_networkx, read_graph, to_networkx, write_graph
from instances.presets import make_preset
from instances.sndlib import read_sndlib

NATIVE = """?SNDlib native format; type: network; version: 1.0
# a line of four places, demands from both ends meet on B-C
NODES (
  A ( 0.00 0.00 )
  B ( 1.00 0.00 )
  C ( 2.00 0.00 )
  D ( 3.00 0.00 )
)
LINKS (
  L1 ( A B ) 10.00 0.00 0.00 0.00 ( )
  L2 ( B C ) 0.00 0.00 0.00 0.00 ( 5.00 1.00 20.00 3.00 )
  L3 ( C D ) 10.00 0.00 0.00 0.00 ( 40.00 2.00 )
)
DEMANDS (
  A_D ( A D ) 1 4.00 UNLIMITED
  B_D ( B D ) 1 2.00 UNLIMITED
  D_A ( D A ) 1 1.00 UNLIMITED
)
"""
XML = """<?xml version="1.0" encoding="ISO-8859-1"?>
<network xmlns="http://sndlib.zib.de/network" version="1.0">
 <networkStructure>
  <nodes coordinatesType="geographical">
   <node id="A"><coordinates><x>0.0</x><y>0.0</y></coordinates></node>
   <node id="B"><coordinates><x>1.0</x><y>0.0</y></coordinates></node>
   <node id="C"><coordinates><x>2.0</x><y>0.0</y></coordinates></node>
   <node id="D"><coordinates><x>3.0</x><y>0.0</y></coordinates></node>
  </nodes>
  <links>
   <link id="L1"><source>A</source><target>B</target>
    <preInstalledModule><capacity>10.0</capacity><cost>0</cost></preInstalledModule></link>
   <link id="L2"><source>B</source><target>C</target><additionalModules>
    <addModule><capacity>5.0</capacity><cost>1</cost></addModule>
    <addModule><capacity>20.0</capacity><cost>3</cost></addModule></additionalModules></link>
   <link id="L3"><source>C</source><target>D</target>
    <preInstalledModule><capacity>10.0</capacity><cost>0</cost></preInstalledModule></link>
  </links>
 </networkStructure>
 <demands>
  <demand id="A_D"><source>A</source><target>D</target><demandValue>4.0</demandValue></demand>
  <demand id="B_D"><source>B</source><target>D</target><demandValue>2.0</demandValue></demand>
  <demand id="D_A"><source>D</source><target>A</target><demandValue>1.0</demandValue></demand>
 </demands>
</network>
"""


@pytest.mark.parametrize("suffix", [".graphml", ".json"])
@pytest.mark.parametrize("path", bundled_instances(), ids=lambda path: path.stem)
def test_instance_comes_back_from_a_graph_file(tmp_path, path, suffix):
    instance = read_instance(path)
    write_graph(instance, tmp_path / f"a{suffix}")
    assert read_graph(tmp_path / f"a{suffix}") == instance


def test_graphml_is_read_by_networkx_alone(tmp_path):
    instance = make_preset("iridium")
    write_graph(instance, tmp_path / "a.graphml")
    graph = nx.read_graphml(tmp_path / "a.graphml")
    assert graph.is_directed()
    assert {(a, b): data["rate_bps"] for a, b, data in graph.edges(data=True)} == {
        (link.source, link.target): link.rate_bps for link in instance.links
    }
    assert {node: data["role"] for node, data in graph.nodes(data=True)} == {s.id: s.role for s in instance.satellites}


def test_graph_from_elsewhere_with_its_own_names(tmp_path):
    graph = nx.cycle_graph(6)
    nx.set_edge_attributes(graph, 1e8, "capacity")
    nx.set_edge_attributes(graph, 2e6, "metres")
    nx.write_graphml_xml(graph, str(tmp_path / "ring.graphml"))
    instance = read_graph(tmp_path / "ring.graphml", tasks=2, computing=1, rate_key="capacity", length_key="metres")
    assert len(instance.links) == 12
    assert {(link.rate_bps, link.length_m) for link in instance.links} == {(1e8, 2e6)}
    assert (len(instance.tasks), len(instance.computing)) == (2, 1)


def test_roles_of_the_graph_are_kept():
    graph = nx.DiGraph()
    graph.add_node("eye", role="remote_sensing")
    graph.add_node("brain", role="computing")
    graph.add_node("between")
    for a, b in (("eye", "between"), ("between", "brain"), ("brain", "between"), ("between", "eye")):
        graph.add_edge(a, b, rate_bps=1e8, length_m=1e6)
    instance = from_networkx(graph)
    assert [task.satellite for task in instance.tasks] == ["eye"]
    assert instance.computing == ("brain",)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.graphml", "", "empty"),
        ("a.graphml", "<graphml>", "not GraphML that can be read"),
        ("a.graphml", "<html></html>", "not GraphML that can be read"),
        ("a.json", "{}", "must be an object with nodes and edges"),
        ("a.json", '{"nodes": [1], "edges": []}', "nodes.0. must be an object, got 1"),
        (
            "a.json",
            '{"nodes": [{"id": 1}, {"id": 2}], "edges": [{"source": 1, "target": 2, "rate_bps": 1}]}',
            "no attribute 'length_m'",
        ),
        (
            "a.json",
            '{"nodes": [{"id": 1}, {"id": 2}], "edges": [{"source": 1, "target": 2}]}',
            "edge 1 -> 2 has no attribute 'rate_bps'",
        ),
        ("a.csv", "x", "graphml or node-link"),
    ],
)
def test_bad_graph_file_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(LeosplitError, match=message) as caught:
        read_graph(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_tampered_graph_is_refused():
    graph = to_networkx(make_preset("iridium"))
    graph.graph["leosplit"] = json.dumps({"format": "leosplit-instance"})
    with pytest.raises(LeosplitError, match="is missing"):
        from_networkx(graph)


@pytest.mark.parametrize("content", [NATIVE, XML], ids=["native", "xml"])
def test_sndlib_network_is_read(tmp_path, content):
    (tmp_path / "line.txt").write_text(content)
    instance = read_sndlib(tmp_path / "line.txt")
    rates = {(link.source, link.target): link.rate_bps for link in instance.links}
    assert rates == {
        **{("A", "B"): 1e7, ("B", "A"): 1e7, ("B", "C"): 2e7, ("C", "B"): 2e7},
        **{("C", "D"): 1e7, ("D", "C"): 1e7},
    }
    assert [(task.satellite, task.computing_satellite) for task in instance.tasks] == [("A", "D"), ("B", "D")]
    assert instance.meta["demands_left_out"] == 1
    assert instance.links[0].length_m == pytest.approx(111195, abs=1)  # one degree of the equator


def test_sndlib_routing_has_the_delay_of_its_demands(tmp_path):
    """A→D and B→D share B-C and C-D: A's 4 Mbit take 0.4 + 2·0.2 + 2·0.4 s, B's 2 Mbit 2·0.1 + 2·0.2 s."""
    from solvers.exact import solve_routing
    from solvers.schemes import packets_at

    (tmp_path / "line.txt").write_text(NATIVE)
    instance = read_sndlib(tmp_path / "line.txt")
    result = solve_routing(instance, packets_at(instance, 1.0))
    propagation = (3 + 2) * instance.links[0].length_m / 299_792_458.0
    assert result.objective_s == pytest.approx((1.6 + 0.6 + propagation) / 2, abs=1e-6)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("NODES ( A ( 0 0 )", "brackets are never closed"),
        ("NODES ) (", "closes that was never opened"),
        ("hello", "section NODES is missing"),
        (NATIVE.replace("L1 ( A B ) 10.00", "L1 ( A B ) 0.00"), "link A - B has neither"),
        (NATIVE.replace("A_D ( A D )", "A_D ( A Z )"), "'Z' is no node"),
        (
            NATIVE.replace("L1 ( A B ) 10.00", "L1 ( A B ) fast"),
            "line 10: .*could not convert .*'fast': L1 . A B . fast",
        ),
        (NATIVE.replace("L2 ( B C ) 0.00", "L2 ( B C )"), "section LINKS, line 11: an entry must have 7 items"),
        (NATIVE.replace("L2 ( B C )", "L2 ( B )"), "line 11: not an SNDlib entry, too few items"),
        (NATIVE.replace("B ( 1.00 0.00 )", "B 1.00 0.00"), "section NODES, line 5: an entry must have 2 items"),
        (NATIVE.replace("B_D ( B D ) 1 2.00 UNLIMITED", "B_D ( B D ) 1 2.00"), "section DEMANDS, line 16: an entry"),
        (NATIVE.replace("20.00 3.00 )", "20.00 3.00"), "line 9: this and 0 other brackets are never closed"),
        (XML.replace("<capacity>5.0<", "<capacity>five<"), "link L2: could not convert"),
        (XML.replace("<x>1.0</x>", "<x>east</x>"), "node B: could not convert"),
        (XML.replace(">4.0<", ">many<"), "demand A_D: could not convert"),
        (XML.replace('<node id="B">', "<node>"), "a node has no id"),
        (NATIVE.replace("L1 ( A B ) 10.00", "L1 ( A B ) -1.0"), "value of link A - B must be a finite number"),
        (NATIVE.replace("1 4.00", "1 nan"), "value of demand A - D must be a finite number"),
        (XML.replace("</network>", ""), "not an SNDlib network: not valid XML: .*line"),
        (XML.replace("<demandValue>4.0</demandValue>", ""), "demand A_D: it lacks demandValue"),
        (NATIVE[: NATIVE.index("DEMANDS")] + "DEMANDS ( )", "the network has no demands"),
    ],
)
def test_bad_sndlib_file_is_named(tmp_path, content, message):
    (tmp_path / "bad.txt").write_text(content)
    with pytest.raises(LeosplitError, match=message) as caught:
        read_sndlib(tmp_path / "bad.txt")
    assert "bad.txt" in str(caught.value)


ZOO = """<?xml version="1.0" encoding="utf-8"?><graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key attr.name="LinkSpeedRaw" attr.type="double" for="edge" id="d1"/>
  <key attr.name="Longitude" attr.type="double" for="node" id="d2"/>
  <key attr.name="Latitude" attr.type="double" for="node" id="d3"/>
  <key attr.name="id" attr.type="int" for="node" id="d4"/>
  <graph edgedefault="undirected">
    <node id="0"><data key="d2">0.0</data><data key="d3">0.0</data></node>
    <node id="1"><data key="d2">1.0</data><data key="d3">0.0</data></node>
    <node id="2"><data key="d2">1.0</data><data key="d3">1.0</data></node>
    <node id="3"/>
    <edge source="0" target="1"><data key="d1">10000000000.0</data></edge>
    <edge source="1" target="2"/>
    <edge source="2" target="1"/>
    <edge source="2" target="3"/>
    <edge source="3" target="3"/>
  </graph>
</graphml>
"""
GML = """graph [
  label "Made up"
  node [ id 0 label "A" Longitude 0.0 Latitude 0.0 ]
  node [ id 1 label "A" Longitude 1.0 Latitude 0.0 ]
  node [ id 2 label "C" Longitude 1.0 Latitude 1.0 ]
  node [ id 3 label "D" ]
  edge [ source 0 target 1 LinkSpeedRaw 10000000000.0 ]
  edge [ source 1 target 2 ]
  edge [ source 1 target 2 ]
  edge [ source 2 target 3 ]
  edge [ source 3 target 3 ]
]
"""
DEGREE_M = 111194.92664


@pytest.mark.parametrize(("name", "content"), [("zoo.graphml", ZOO), ("zoo.gml", GML)])
def test_published_graph_gets_lengths_and_rates(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    made = read_graph(tmp_path / name, tasks=1, computing=1, rate=2.5, rate_unit="Gbit/s")
    found = {(link.source, link.target): (link.rate_bps, link.length_m) for link in made.links}
    assert found == {
        pair: (rate, pytest.approx(length, abs=1))
        for (a, b), rate, length in (("01", 1e10, DEGREE_M), ("12", 5e9, DEGREE_M), ("23", 2.5e9, 0.0))
        for pair in ((a, b), (b, a))
    }
    assert len(made.meta["notes"]) == 4
    with pytest.raises(LeosplitError, match=r"edge 1 -> 2 has no attribute 'rate_bps'.*--rate"):
        read_graph(tmp_path / name)
    with pytest.raises(LeosplitError, match=r"edge (1 -> 2|2 -> 1): a parallel edge"):
        read_graph(tmp_path / name, rate=1e9, parallel="refuse")


def node_link(tmp_path, edges, **keys):
    """Write a ring of nodes 0 to 3 with given edges (source, target, rate)."""
    rows = [{"source": a, "target": b, "rate_bps": rate, "length_m": 1e6} for a, b, rate in edges]
    document = {"nodes": [{"id": k} for k in range(4)], "links": rows, **keys}
    (tmp_path / "a.json").write_text(json.dumps(document))
    return read_graph(tmp_path / "a.json", tasks=1, computing=1)


def test_edges_both_ways_without_the_key_directed_are_two_links(tmp_path):
    ring = [(k, (k + 1) % 4, 1e9) for k in range(4)]
    both = ring + [(b, a, 1e8) for a, b, _ in ring]
    for keys in ({}, {"multigraph": False}, {"directed": True, "multigraph": True}):
        made = node_link(tmp_path, both, **keys)
        rates = {(link.source, link.target): link.rate_bps for link in made.links}
        assert rates == {(str(a), str(b)): rate for a, b, rate in both}
    undirected = node_link(tmp_path, ring)
    assert {link.rate_bps for link in undirected.links} == {1e9}
    assert len(undirected.links) == 8
    with pytest.raises(LeosplitError, match=r"stands there both ways in a graph that says directed: false"):
        node_link(tmp_path, both, directed=False)


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([(0, 9, 1e9)], r"edge 0 -> 9: there is no node 9"),
        ([(0, 1, 1e9), (1, 2, 0)], r"edge 1 -> 2: rate_bps must be a finite number > 0, got 0"),
        ([(0, 1, "fast")], r"edge 0 -> 1: rate_bps must be a finite number > 0, got 'fast'"),
    ],
)
def test_bad_edge_is_named(tmp_path, edges, message):
    with pytest.raises(LeosplitError, match=message):
        node_link(tmp_path, edges)


def test_rate_in_another_unit_is_read_or_warned_about(tmp_path):
    rows = [{"source": k, "target": (k + 1) % 4, "rate_gbps": 0.4, "length_m": 1e6} for k in range(4)]
    document = {"nodes": [{"id": k} for k in range(4)], "edges": rows}
    (tmp_path / "a.json").write_text(json.dumps(document))
    few = {"tasks": 1, "computing": 1, "rate_key": "rate_gbps"}
    assert {link.rate_bps for link in read_graph(tmp_path / "a.json", rate_unit="Gbit/s", **few).links} == {4e8}
    assert "is rate_unit right" in read_graph(tmp_path / "a.json", **few).meta["notes"][0]
    with pytest.raises(LeosplitError, match="rate unit must be one of"):
        read_graph(tmp_path / "a.json", rate_unit="parsec", **few)


def directed_sndlib(text):
    """List every link of the native form in both directions, as directed networks do."""
    head, rows, tail = text.partition("LINKS (\n")[0], text.partition("LINKS (\n")[2], ""
    rows, _, tail = rows.partition(")\nDEMANDS")
    lines = [line for line in rows.splitlines() if line.strip()]
    turned = [re.sub(r"L(\d) \( (\w) (\w) \)", r"L\1b ( \3 \2 )", line) for line in lines]
    body = "\n".join(lines + turned)
    return f"{head}LINKS (\n{body}\n)\nDEMANDS{tail}"


def test_directed_sndlib_network_keeps_the_rates_as_printed(tmp_path):
    (tmp_path / "plain.txt").write_text(NATIVE)
    (tmp_path / "both.txt").write_text(directed_sndlib(NATIVE))
    plain, both = read_sndlib(tmp_path / "plain.txt"), read_sndlib(tmp_path / "both.txt")
    assert both.meta["directed"]
    assert not plain.meta["directed"]
    assert sorted((link.source, link.target, link.rate_bps) for link in both.links) == sorted(
        (link.source, link.target, link.rate_bps) for link in plain.links
    )
    doubled = read_sndlib(tmp_path / "both.txt", directed=False)
    assert {link.rate_bps for link in doubled.links} == {2e7, 4e7}
    assert len(read_sndlib(tmp_path / "plain.txt", directed=True).links) == 3


def test_unit_of_an_sndlib_network(tmp_path):
    meta = "META (\n  granularity = 5min\n  unit = KBITPERSEC\n)\n"
    (tmp_path / "a.txt").write_text(NATIVE.replace("NODES (", meta + "NODES ("))
    (tmp_path / "a.xml").write_text(
        XML.replace(" <networkStructure>", " <meta><unit>KBITPERSEC</unit></meta>\n <networkStructure>")
    )
    for name in ("a.txt", "a.xml"):
        assert {link.rate_bps for link in read_sndlib(tmp_path / name).links} == {1e4, 2e4}
        assert {link.rate_bps for link in read_sndlib(tmp_path / name, unit="Gbit/s").links} == {1e10, 2e10}
    (tmp_path / "b.txt").write_text(NATIVE.replace("NODES (", meta.replace("KBIT", "OLD") + "NODES ("))
    with pytest.raises(LeosplitError, match="unit must be one of"):
        read_sndlib(tmp_path / "b.txt")
