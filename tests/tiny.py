"""Tiny random instances: small enough for brute force, slow enough that packets get in each other's way."""

from dataclasses import replace
from typing import Any

import networkx as nx
import numpy as np

from fitting import PiecewiseLinear, SaturatingExponential
from formulation import Problem
from instances import Accuracy, Instance, Link, Satellite, Task

LARGE = PiecewiseLinear((0.0, 0.05, 0.1, 0.2, 0.4), (0.70, 0.78, 0.83, 0.87, 0.89))
SMALL = SaturatingExponential(0.78, 0.28, 1.5e-8, (0.0, 3.7e8))


def tiny_instance(seed: int, *, tasks: int = 2, computing: int = 1, nodes: int = 6, one_way: bool = False) -> Instance:
    """A strongly connected random digraph with slow links; the seed draws the graph, rates, compute and targets."""
    rng = np.random.default_rng(seed)
    graph = nx.DiGraph()
    ring = rng.permutation(nodes)
    for a, b in zip(ring, np.roll(ring, 1), strict=True):
        graph.add_edge(int(a), int(b))
        if not one_way:
            graph.add_edge(int(b), int(a))
    for a, b in rng.integers(0, nodes, size=(nodes // 2, 2)):
        if a != b:
            graph.add_edge(int(a), int(b))
    roles = ["remote_sensing"] * tasks + ["computing"] * computing + ["relay"] * (nodes - tasks - computing)
    names = [f"n{i}" for i in range(nodes)]
    places = rng.permutation(nodes)
    role = {int(place): kind for place, kind in zip(places, roles, strict=True)}
    satellites = []
    for i in range(nodes):
        ops = {"remote_sensing": rng.uniform(3e12, 3e13), "computing": rng.uniform(2e13, 2e14), "relay": None}[role[i]]
        satellites.append(
            Satellite(names[i], role[i], ops, None if ops is None else 0.4, float(rng.choice([0.0, 1e-9, 2e-8])))
        )
    links = [
        Link(names[a], names[b], float(rng.uniform(1e7, 6e7)), float(rng.uniform(1e6, 1e7))) for a, b in graph.edges
    ]
    drawn = [
        Task(
            satellite=names[i],
            frames=int(rng.integers(300, 1500)),
            pixels_per_frame=1048576,
            bits_per_pixel=8,
            feature_bits_per_frame=52429,
            feature_ops_per_bit=float(rng.choice([280.0, 1400.0, 9000.0])),
            small_ops_per_frame=7.6e10,
            large_ops_per_frame=3.3e11,
            residual_levels_bpp=(0.05, 0.1, 0.2, 0.4),
            model_packet_bits_range=(1e6, 3.7e8),
            large_map_min=float(rng.uniform(0.75, 0.88)),
            small_map_min=float(rng.uniform(0.6, 0.75)),
        )
        for i in range(nodes)
        if role[i] == "remote_sensing"
    ]
    return Instance(f"random-{seed}", tuple(satellites), tuple(links), tuple(drawn), Accuracy(LARGE, SMALL))


def few_frames(instance: Instance, frames: int) -> Instance:
    """The instance with the same volumes and work in few frames, so that whole frames make a difference."""

    def task_of(task: Task) -> Task:
        scale, limits = task.frames / frames, task.feature_bits_per_frame_range
        return replace(
            task,
            frames=frames,
            pixels_per_frame=round(task.pixels_per_frame * scale),
            feature_bits_per_frame=task.feature_bits_per_frame * scale,
            feature_bits_per_frame_range=limits and (limits[0] * scale, limits[1] * scale),
            small_ops_per_frame=task.small_ops_per_frame * scale,
            large_ops_per_frame=task.large_ops_per_frame * scale,
        )

    return replace(instance, tasks=tuple(task_of(task) for task in instance.tasks))


def asked(instance: Instance, **options: Any) -> tuple[Problem, dict[str, Any]]:
    """The problem that options ask for, and the options that are the solver's."""
    names = ("objective", "share_computing", "whole_frames", "rules")
    problem = Problem(instance, **{name: options[name] for name in names if name in options})
    return problem, {name: value for name, value in options.items() if name not in names}
