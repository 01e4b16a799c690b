"""The paper's Figure 6 as a study: training for several packet sizes and constellations, with bounds."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from leosplit.figures.style import COLOURS, GREY, new_figure

if TYPE_CHECKING:
    from solvers.marl.train import Trainer

CONSTELLATIONS = ("iridium", "paper")
"""Presets whose slots are trained on, one run each."""
SIZES = {"small packets": (0.15, 0.4), "large packets": (0.6, 0.85)}
"""Ranges of ρ, which the data packets are proportional to."""


@dataclass(frozen=True)
class Curve:
    """One training run.

    Attributes
    ----------
    name
        Constellation and packet size.
    transmission
        Total transmission delay of greedy routing on the validation episodes after each epoch, as a share of that of
        shortest paths.
    reward
        Their mean reward.
    transmission_bound, reward_bound
        What no routing can pass on these episodes: every packet alone on its fastest path.
    """

    name: str
    transmission: tuple[float, ...]
    reward: tuple[float, ...]
    transmission_bound: float
    reward_bound: float


def training_curves(epochs: int, seed: int, cache: Path, progress: Callable[[str], None]) -> list[Curve]:
    """Train once for every constellation and packet size.

    Parameters
    ----------
    epochs, seed
        Of each run.
    cache
        JSON file that finished runs are kept in, so that a stopped study goes on.
    progress
        Called with a line of text after every epoch.
    """
    from solvers.marl.options import TrainOptions, options_to_dict
    from solvers.marl.sampling import SampleOptions
    from solvers.marl.train import Trainer

    kept: dict[str, Any] = json.loads(cache.read_text(encoding="utf-8")) if cache.is_file() else {}
    curves = []
    for preset in CONSTELLATIONS:
        for size, ratio in SIZES.items():
            options = TrainOptions(epochs=epochs, seed=seed, sample=SampleOptions(presets=(preset,), ratio=ratio))
            key = json.dumps(options_to_dict(options), sort_keys=True)
            if key not in kept:
                trainer = Trainer(options)
                name = f"{preset}, {size}"
                for epoch in trainer.run():
                    progress(f"{name}: epoch {epoch.epoch} of {epochs}, reward {epoch.reward:.3f}")
                kept[key] = asdict(_curve(name, trainer))
                cache.write_text(json.dumps(kept), encoding="utf-8")
            curves.append(Curve(**kept[key]))
    return curves


def _curve(name: str, trainer: "Trainer") -> Curve:
    """Return a finished run with the bounds of its validation episodes."""
    total_s, reward = bounds(trainer)
    return Curve(
        name=name,
        transmission=tuple(epoch.transmission for epoch in trainer.history),
        reward=tuple(epoch.reward for epoch in trainer.history),
        transmission_bound=total_s / trainer.shortest[1],
        reward_bound=reward,
    )


def bounds(trainer: "Trainer") -> tuple[float, float]:
    """Return the least total transmission delay [s] and the largest mean reward that the validation episodes allow.

    Contention only adds to a packet's delay, so its fastest path in an empty network, by Dijkstra at its own size, is a
    lower bound; delays at these bounds give the reward's upper bound.
    """
    from formulation.dec_pomdp import RoutingCore
    from instances import make_preset
    from solvers.marl.sampling import TRAINING_SEED
    from solvers.marl.train import VALIDATION_SEED
    from solvers.paths import packet_paths

    packets, sample = trainer.test, trainer.options.sample
    first = TRAINING_SEED + 10_000 * VALIDATION_SEED
    slots = max(sample.slots // 2, 1)
    networks = [
        make_preset(sample.presets[k % len(sample.presets)], seed=first + k, tasks=8).network for k in range(slots)
    ]
    least = np.zeros(packets.shape)
    for b, p in zip(*np.nonzero(packets.present), strict=True):
        network = networks[packets.slot[b]]
        start, end = network.ids[packets.source[b, p]], packets.destination[b, p]
        least[b, p] = packet_paths(network, start, float(packets.bits[b, p])).cost_s[end]
    core = RoutingCore(trainer.test_pool.tables, packets, reward=trainer.options.reward)
    pay = trainer.options.reward
    gain = pay.arrived + pay.weight * np.exp(-pay.sensitivity * packets.service_delay(least) / core.reference_s)
    return float(least.sum()), float(
        np.mean([gain[b][tasks].mean() for b, tasks in enumerate(packets.task) if tasks.any()])
    )


def draw_training_study(curves: Sequence[Curve], title: str) -> Figure:
    """Draw transmission delay and reward against epochs, one colour a run, its bound dashed.

    Parameters
    ----------
    curves
        The runs.
    title
        Title of the figure.
    """
    figure, (left, right) = new_figure(9.6, 4.2, 2)
    for k, curve in enumerate(curves):
        epochs, colour = range(1, len(curve.reward) + 1), COLOURS[k % len(COLOURS)]
        left.plot(epochs, 100 * np.array(curve.transmission), color=colour, lw=1.5, label=curve.name)
        left.axhline(100 * curve.transmission_bound, color=colour, ls="--", lw=1)
        right.plot(epochs, curve.reward, color=colour, lw=1.5)
        right.axhline(curve.reward_bound, color=colour, ls="--", lw=1)
    left.axhline(100, color=GREY, lw=1, ls=":")
    left.set(xlabel="epoch", ylabel="transmission delay, % of shortest paths'")
    right.set(xlabel="epoch", ylabel="mean reward R")
    left.set_title(title, loc="left")
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(loc="outside lower center", ncols=4, frameon=False, title="dashed: bound, every packet alone")
    return figure
