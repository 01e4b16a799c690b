"""The presets: four constellations with tasks, at one slot of the span.

The source paper's own numbers are lost; every number here is ours and names its source or the word scenario
(`SOURCES`). The seed draws, in this order: the slot within the span, the satellites of the tasks and of computing,
each task's frames and targets.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np

from fitting.presets import preset_curves, preset_curves_source
from instances.checks import InstanceError
from instances.constellation import parse_constellation
from instances.instance import Accuracy, Instance
from instances.isl import LinkRules, require_plane_links
from instances.link_budget import RADIOS, LinkTechnology
from instances.radio_classes import technology_name
from instances.roles import components, draw_roles
from instances.series import assemble, observe
from instances.task_model import SOURCES, Hardware, TaskModel

SLOT_S = 60.0
"""Length of a slot, s: scenario."""
SPAN_S = 12.0 * 3600.0
"""Span of the simulated time, s: scenario."""
EPOCH = "2025-10-18T00:00:00Z"
"""Time 0 of presets: the day that the source paper (arXiv:2605.04565) simulates."""


_T = TypeVar("_T")


@dataclass(frozen=True)
class Preset:
    """A named problem family.

    Attributes
    ----------
    constellation
        Constellation code.
    tasks, computing
        Numbers of tasks and of computing satellites.
    source
        Where the constellation comes from.
    """

    constellation: str
    tasks: int
    computing: int
    source: str


PRESETS: Mapping[str, Preset] = {
    "iridium": Preset("S:780:86.4:66/6/1", 5, 2, "Iridium (draft-piraux-space-constellation-code); counts: scenario"),
    "paper": Preset("D:1000:53:144/12/1", 6, 3, "scenario in place of the paper's lost numbers"),
    "hotspot": Preset("S:780:86.4:66/6/1", 8, 1, "Iridium (draft-piraux-space-constellation-code); counts: scenario"),
    "shell": Preset(
        "D:550:53:1584/72/39", 20, 5, "Starlink shell 1 (draft-piraux-space-constellation-code); counts: scenario"
    ),
}
"""The presets by name."""


def make_preset(
    name: str,
    *,
    seed: int = 0,
    tasks: int | None = None,
    computing: int | None = None,
    constellation: str | None = None,
    radio: str | LinkTechnology = "standard",
    rules: LinkRules | None = None,
) -> Instance:
    """Make one instance of a preset.

    Parameters
    ----------
    name
        A key of `PRESETS`.
    seed
        Draws the slot, the roles and the tasks; at least 0.
    tasks, computing
        Numbers of tasks and computing satellites in place of the preset's.
    constellation
        Constellation code in place of the preset's.
    radio
        A key of `RADIOS`, or a link technology of your own.
    rules
        When links are up; `LinkRules()` by default.

    Raises
    ------
    InstanceError
        If a name is unknown, or no draw of roles lets every task reach a computing satellite and back.
    ConstellationError
        If the constellation code is bad or its planes cannot hold links.
    """
    preset = lookup(PRESETS, name, "preset")
    technology = lookup(RADIOS, radio, "radio") if isinstance(radio, str) else radio
    if seed < 0:
        raise InstanceError(f"seed must be at least 0, got {seed}")
    count = preset.tasks if tasks is None else tasks
    serving = preset.computing if computing is None else computing
    sky = parse_constellation(preset.constellation if constellation is None else constellation)
    known, rng = rules or LinkRules(), np.random.default_rng(seed)
    if not known.nearest_links:
        require_plane_links(sky, known)
    network = observe(sky, SLOT_S * int(rng.integers(int(SPAN_S / SLOT_S))), known, technology)
    up, plan = network.up[0], network.plan
    senses, computes = draw_roles(rng, components(sky.total, plan.source[up], plan.target[up]), count, serving)
    model, ids = TaskModel(), sky.ids
    meta = {
        "preset": name,
        "seed": seed,
        "constellation": sky.code,
        "radio": radio if isinstance(radio, str) else technology_name(radio),
        "epoch": EPOCH,
        **changed_rules(known),
        "sources": {
            "constellation": preset.source if constellation is None else "given",
            **{f"accuracy.{curve}": text for curve, text in preset_curves_source().items()},
            **SOURCES,
        },
    }
    return assemble(
        f"{name}-{count}t{serving}c-s{seed}",
        sky,
        network,
        0,
        dict.fromkeys(senses, "remote_sensing") | dict.fromkeys(computes, "computing"),
        [model.draw(rng, ids[i]) for i in senses],
        Hardware(),
        Accuracy(*preset_curves()),
        meta,
    )


def changed_rules(rules: LinkRules) -> dict[str, Any]:
    """Return the link rules that differ from their defaults, for `meta`."""
    return {f.name: getattr(rules, f.name) for f in fields(rules) if getattr(rules, f.name) != f.default}


def lookup(table: Mapping[str, _T], name: str, what: str) -> _T:
    """Return an entry by name, or say what names there are; `what` names the table."""
    try:
        return table[name]
    except KeyError:
        raise InstanceError(f"{what} {name!r} is unknown; it is one of {', '.join(table)}") from None
