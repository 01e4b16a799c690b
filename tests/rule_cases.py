"""Rules that fit an instance, drawn by a seed: every kind of `RULES`, tight enough to bind now and then."""

from collections.abc import Iterator

import numpy as np

from formulation import RULES, Rule, rule_from_dict
from instances import Instance


def draw_rule(instance: Instance, kind: str, seed: int) -> Rule:
    """A rule of this kind, by its file form."""
    rng = np.random.default_rng([seed, list(RULES).index(kind)])
    tasks = [task.satellite for task in instance.tasks]
    nodes = [satellite.id for satellite in instance.satellites]
    links = [[link.source, link.target] for link in instance.links]
    packets = str(rng.choice(["data", "model", "both"]))
    some = [tasks[i] for i in sorted(rng.choice(len(tasks), 2, replace=False))] if len(tasks) > 1 else tasks

    def link() -> list[str]:
        return links[int(rng.integers(len(links)))]

    fields = {
        "closed": lambda: {
            "satellites": [str(rng.choice(nodes))],
            "links": [link()],
            "tasks": [tasks[0]] if rng.random() < 0.5 else "all",
            "packets": packets,
        },
        "link_packets": lambda: {"limit": int(rng.integers(1, 3)), "packets": packets},
        "relay_packets": lambda: {"limit": int(rng.integers(0, 3)), "packets": packets},
        "computing_tasks": lambda: {"limit": len(tasks) - 1 if len(instance.computing) > 1 else len(tasks)},
        "open_computing": lambda: {"limit": 1},
        "same_computing": lambda: {"tasks": some},
        "different_computing": lambda: {"tasks": some},
        "disjoint": lambda: {
            "tasks": some if rng.random() < 0.7 else tasks[:1],
            "packets": packets,
            "what": str(rng.choice(["links", "satellites"])),
        },
        "hops": lambda: {"limit": int(rng.integers(1, 4)), "packets": packets},
        "energy": lambda: {"limit_j": float(rng.uniform(20, 400))},
        "linear": lambda: {
            "terms": [
                {"variable": "use", "task": tasks[0], "packet": "data", "link": link(), "coefficient": 1.0},
                {"variable": "serve", "task": tasks[0], "computing": instance.computing[0], "coefficient": 0.5},
                {"variable": "sent", "task": tasks[-1], "packet": "model", "coefficient": -1.0},
                {"variable": "offload_ratio", "task": tasks[-1], "coefficient": float(rng.uniform(1, 2))},
            ],
            "sense": str(rng.choice(["<=", ">="])),
            "rhs": float(rng.uniform(-0.5, 0.5)),
        },
    }
    assert fields.keys() == RULES.keys(), "a new kind needs a case here"
    return rule_from_dict({"kind": kind} | fields[kind]())


def draw_rules(instance: Instance, seed: int) -> Iterator[Rule]:
    """One rule of every kind."""
    for kind in RULES:
        yield draw_rule(instance, kind, seed)
