"""Random instances of every kind that the problem allows, small enough that brute force ends.

Each draws a time scale between 1 ms and 1e6 s and, relative to it, the times of every part of a delay over several
orders of magnitude, so that now transmission decides, now propagation, now computing, and packets are worth sending or
not.
"""

from dataclasses import replace

import networkx as nx
import numpy as np

from fitting import Curve, Logistic, PiecewiseLinear, PowerLaw, SaturatingExponential
from instances import Accuracy, Instance, Link, Satellite, Task
from tests.brute_force import LIGHT, combinations

Generator = np.random.Generator


def _spread(rng: Generator, low: float, high: float) -> float:
    """A number between 10^low and 10^high."""
    return float(10 ** rng.uniform(low, high))


def _graph(rng: Generator, nodes: int) -> nx.DiGraph:
    """A ring of links both ways or one way, a tree, or any digraph, not always connected; and some more links."""
    graph, order = nx.DiGraph(), rng.permutation(nodes).tolist()
    graph.add_nodes_from(range(nodes))
    kind = rng.choice(["ring", "one way", "tree", "any"], p=[0.4, 0.25, 0.2, 0.15])
    if kind in ("ring", "one way"):
        graph.add_edges_from(zip(order, order[1:] + order[:1], strict=True))
    if kind == "tree":
        graph.add_edges_from((order[i], order[int(rng.integers(i))]) for i in range(1, nodes))
    if kind in ("ring", "tree"):
        graph.add_edges_from([(b, a) for a, b in graph.edges])
    more = rng.integers(0, nodes, size=(nodes * (3 if kind == "any" else 1), 2)).tolist()
    graph.add_edges_from((a, b) for a, b in more[: int(rng.integers(len(more) + 1))] if a != b)
    graph.remove_edges_from(list(nx.selfloop_edges(graph)))
    return graph


def _curve(rng: Generator, last: float, first: float = 0.0) -> Curve:
    """A curve over [first, last] or a part of it: concave, with dips, or of a parametric family."""
    width = max(last - first, 1.0)
    domain = (first, first + width * float(rng.choice([1.0, rng.uniform(0.5, 1.0)])))
    bottom, top = float(rng.uniform(0.3, 0.6)), float(rng.uniform(0.65, 0.9))
    kind = rng.choice(["concave", "dips", "exponential", "power", "logistic"])
    if kind in ("concave", "dips"):
        inner = np.sort(rng.uniform(0.05, 0.95, size=int(rng.integers(0, 4))))
        x = np.concatenate([[0.0], inner, [1.0]])
        y = bottom + (top - bottom) * x ** rng.uniform(0.2, 1.0)
        if kind == "dips":
            y = y + rng.uniform(-0.2, 0.1, size=len(x))
        return PiecewiseLinear(tuple(domain[0] + x * (domain[1] - domain[0])), tuple(np.clip(y, 0.0, 1.0)))
    steep = rng.uniform(1.0, 8.0) / width
    if kind == "exponential":
        return SaturatingExponential(top, top - bottom, steep, domain)
    if kind == "power":
        shift, power = width * float(rng.uniform(0.05, 0.5)), float(rng.uniform(0.3, 2.0))
        return PowerLaw(top, (top - bottom) * shift**power, power, shift - first, domain)
    return Logistic(bottom, top - bottom, steep, first + width * float(rng.uniform(-0.2, 0.6)), domain)


def _target(rng: Generator, curve: Curve, low: float, high: float) -> float:
    """A target that is met between, sometimes everywhere or nowhere."""
    values = [float(curve(x)) for x in np.linspace(low, high, 9)]
    reach = float(rng.choice([rng.uniform(0.0, 1.0), -0.2, 1.5], p=[0.86, 0.08, 0.06]))
    return float(np.clip(min(values) + reach * (max(values) - min(values)), 0.0, 1.0))


def _task(rng: Generator, satellite: Satellite, base_s: float, accuracy: Accuracy | None, own: bool) -> Task:
    frames = int(rng.choice([1, 2, 3, 5, 40, 1000, 1_000_000]))
    pixels = round(_spread(rng, 2, 7))
    levels = tuple(float(q) for q in np.unique(np.round(rng.uniform(0.02, 2.0, size=int(rng.integers(1, 4))), 6)))
    low = float(rng.choice([0.0, _spread(rng, 2, 7)], p=[0.1, 0.9]))
    bits = (low, low * float(rng.choice([1.0, _spread(rng, 0.3, 2)], p=[0.1, 0.9])))
    if accuracy is None or own:
        accuracy = Accuracy(_curve(rng, levels[-1]), _curve(rng, bits[1], bits[0]))
    rate = satellite.ops_per_s * satellite.utilization
    small_s = base_s * _spread(rng, -1.5, 1.5)
    extraction_s = small_s * float(rng.choice([0.0, _spread(rng, -2, 0.5)], p=[0.1, 0.9]))
    bits_per_pixel = float(rng.choice([1.0, 8.0, 12.0]))
    return Task(
        satellite=satellite.id,
        frames=frames,
        pixels_per_frame=pixels,
        bits_per_pixel=bits_per_pixel,
        feature_bits_per_frame=float(rng.choice([0.0, pixels * _spread(rng, -3, 0)], p=[0.1, 0.9])),
        feature_ops_per_bit=extraction_s * rate / (frames * pixels * bits_per_pixel),
        small_ops_per_frame=small_s * rate / frames,
        large_ops_per_frame=small_s * _spread(rng, -2, 1) * rate / frames,
        residual_levels_bpp=levels,
        model_packet_bits_range=bits,
        large_map_min=_target(rng, accuracy.large, 0.0, levels[-1]),
        small_map_min=_target(rng, accuracy.small, *bits),
        accuracy=accuracy,
    )


def _links(rng: Generator, graph: nx.DiGraph, names: list[str], base_s: float, bits: float) -> tuple[Link, ...]:
    """Links whose transmission of a typical packet and propagation compare with the tasks' computing."""
    rate = bits / (base_s * _spread(rng, -2, 1))
    apart = float(rng.choice([0.0, 0.3, 1.0, 4.0], p=[0.2, 0.3, 0.35, 0.15]))
    length = LIGHT * base_s * _spread(rng, -3, 0.5)
    found = []
    for a, b in graph.edges:
        far = float(rng.choice([0.0, length * _spread(rng, -1, 1)], p=[0.05, 0.95]))
        found.append(Link(names[a], names[b], rate * _spread(rng, -apart, apart), far))
    return tuple(found)


def _draw(rng: Generator, tasks: int) -> Instance:
    computing = int(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1]))
    nodes = tasks + computing + int(rng.integers(0, 4 if tasks < 4 else 2))
    names = [f"n{i}" for i in range(nodes)]
    base_s = _spread(rng, -3, 6)
    ops = _spread(rng, 9, 15)
    relay = float(rng.choice([0.0, 1.0]))
    roles = rng.permutation(
        ["remote_sensing"] * tasks + ["computing"] * computing + ["relay"] * (nodes - tasks - computing)
    )
    satellites = [
        Satellite(name, str(role), ops * _spread(rng, -0.5, 0.5), float(rng.uniform(0.1, 1.0)))
        for name, role in zip(names, roles, strict=True)
    ]
    accuracy = None
    drawn = []
    own = bool(rng.random() < 0.5)
    for satellite in satellites:
        if satellite.role == "remote_sensing":
            drawn.append(_task(rng, satellite, base_s, accuracy, own))
            accuracy = accuracy or drawn[-1].accuracy
    ends = [satellite.id for satellite in satellites if satellite.role == "computing"]
    fixed = float(rng.choice([0.0, 0.5]))
    drawn = [
        replace(task, computing_satellite=str(rng.choice(ends)) if rng.random() < fixed else None) for task in drawn
    ]
    typical = max(max(t.pixels * t.residual_levels_bpp[-1], t.model_packet_bits_range[1], 1.0) for t in drawn)
    links = _links(rng, _graph(rng, nodes), names, base_s, typical)
    slow = [relay * float(rng.choice([0.0, 1.0])) * _spread(rng, -2, 1) for _ in names]
    per_bit = base_s / typical
    satellites = [replace(s, relay_s_per_bit=per_bit * share) for s, share in zip(satellites, slow, strict=True)]
    mode = str(rng.choice(["mean_residual", "mean_of_levels"], p=[0.7, 0.3]))
    return Instance("general", tuple(satellites), links, tuple(drawn), accuracy, residual_accuracy=mode)


def general_instance(seed: int, most: int = 100_000) -> Instance:
    """The first instance drawn with this seed that has at most `most` combinations of choices."""
    rng = np.random.default_rng([seed, 15])
    tasks = int(rng.choice([1, 2, 3, 4, 5], p=[0.2, 0.3, 0.2, 0.15, 0.15]))
    while True:
        instance = _draw(rng, tasks)
        if combinations(instance) <= most:
            return replace(instance, name=f"general-{seed}")
