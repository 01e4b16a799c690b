"""The paper's Figure 6 as a study: training for packet sizes, constellations, observations and priors, with optima."""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fitting.jsonfile import JsonError, read_json
from fitting.whole_file import write_text
from leosplit.figures.style import COLOURS, GREY, new_figure

if TYPE_CHECKING:
    from formulation import Solution
    from instances import Instance
    from solvers.marl.train import Trainer

SIZES = {"small packets": (0.15, 0.4), "large packets": (0.6, 0.85)}
"""Ranges of ρ, which the data packets are proportional to."""
RUNS: Mapping[str, tuple[str, str, str, str]] = {
    "iridium, small packets": ("iridium", "small packets", "local", "marginal"),
    "iridium, large packets": ("iridium", "large packets", "local", "marginal"),
    "paper, small packets": ("paper", "small packets", "local", "marginal"),
    "paper, large packets": ("paper", "large packets", "local", "marginal"),
    "local, marginal prior": ("iridium", "large packets", "local", "marginal"),
    "lookahead, no prior": ("iridium", "large packets", "lookahead", "none"),
    "lookahead, marginal prior": ("iridium", "large packets", "lookahead", "marginal"),
}
"""Constellation, packet size, observation and prior of each curve: the first `UPPER` have the paper's observation."""
UPPER = 4
EPISODES = 40
LIMIT_S = 5.0
HIGHEST = 1.15
"""Delays beyond this share, as before training without a prior, are left out of the figure's range."""


@dataclass(frozen=True)
class Curve:
    """One training run.

    Attributes
    ----------
    name
        What it is.
    delay
        Mean service delay of greedy routing on the validation episodes, as a share of that of shortest paths: before
        training, then after each epoch.
    reward
        Their mean reward, likewise.
    least
        The same share for the exact optimum of (7) on each episode, or its bound where the proof took too long.
    proven
        Share of the episodes whose optimum is proven.
    """

    name: str
    delay: tuple[float, ...]
    reward: tuple[float, ...]
    least: float
    proven: float


def training_curves(epochs: int, seed: int, cache: Path, progress: Callable[[str], None]) -> list[Curve]:
    """Train once for every one of `RUNS`; equal ones share a run.

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
    from solvers.marl.qmix import LearnOptions
    from solvers.marl.sampling import SampleOptions
    from solvers.marl.train import Trainer

    kept = _read_kept(cache)
    curves, optima = [], dict[tuple[str, str], tuple[float, float]]()
    for name, (preset, size, observation, prior) in RUNS.items():
        options = TrainOptions(
            epochs=epochs,
            seed=seed,
            observation=observation,
            validation=EPISODES,
            sample=SampleOptions(presets=(preset,), ratio=SIZES[size]),
            learn=LearnOptions(prior=prior),
        )
        key = json.dumps(options_to_dict(options), sort_keys=True)
        if key not in kept:
            trainer = Trainer(options)
            for epoch in trainer.run():
                progress(f"{name}: epoch {epoch.epoch} of {epochs}, reward {epoch.reward:.3f}")
            if (preset, size) not in optima:
                progress(f"{name}: optima")
                optima[preset, size] = optimum(trainer)
            least, proven = optima[preset, size]
            delays = [trainer.untrained[0], *(epoch.delay_s for epoch in trainer.history)]
            kept[key] = {
                "delay": [delay / trainer.shortest[0] for delay in delays],
                "reward": [trainer.untrained[2], *(epoch.reward for epoch in trainer.history)],
                "least": least / trainer.shortest[0],
                "proven": proven,
            }
            write_text(cache, json.dumps(kept))
        curves.append(Curve(name=name, **kept[key]))
    return curves


def _read_kept(cache: Path) -> dict[str, Any]:
    """Return the finished runs of a cache; what cannot be read, as of a file that was cut off, is trained again."""
    try:
        document = read_json(cache) if cache.exists() else {}
    except JsonError as error:
        warnings.warn(f"{error}; its runs are trained again", stacklevel=2)
        return {}
    runs = document.items() if isinstance(document, dict) else ()
    return {key: run for key, run in runs if _is_run(run)}


def _is_run(run: Any) -> bool:
    """Tell whether an entry of the cache holds what a curve needs, of the right kinds."""
    if not isinstance(run, dict) or run.keys() != {"delay", "reward", "least", "proven"}:
        return False
    lists = [run["delay"], run["reward"], [run["least"], run["proven"]]]
    return all(isinstance(values, list) and all(type(value) in (int, float) for value in values) for values in lists)


def optimum(trainer: "Trainer", time_limit: float = LIMIT_S) -> tuple[float, float]:
    """Return the least mean service delay of the validation episodes [s], and the share of them where it is proven.

    Each episode is (7) at its own packets and c(m), solved exactly; where the proof takes longer than `time_limit`
    seconds, its bound stands for it.
    """
    from solvers.exact import solve_routing

    total, tasks, proven, episodes = 0.0, 0, 0, trainer.test.shape[0]
    for b in range(episodes):
        instance, packets = episode_problem(trainer, b)
        result = solve_routing(instance, packets, time_limit=time_limit)
        if result.interrupted:
            raise KeyboardInterrupt  # which this solve has caught
        total += (result.bound_s or 0.0) * len(instance.tasks)
        tasks += len(instance.tasks)
        proven += result.gap is not None and result.gap <= 1e-6
    return total / max(tasks, 1), proven / episodes


def episode_problem(trainer: "Trainer", b: int) -> "tuple[Instance, Solution]":
    """Return a validation episode as (7): an instance whose tasks have the episode's times, and its packets."""
    from formulation import Solution, TaskDecision
    from instances import make_preset
    from solvers.marl.sampling import TRAINING_SEED
    from solvers.marl.train import VALIDATION_SEED

    drawn, presets = trainer.test, trainer.options.sample.presets
    k = int(drawn.slot[b])
    base = make_preset(presets[k % len(presets)], seed=TRAINING_SEED + 10_000 * VALIDATION_SEED + k, tasks=8)
    ids, model, centre = base.network.ids, base.tasks[0], base.satellite(base.computing[0])
    own = base.satellite(model.satellite)
    if None in (own.ops_per_s, own.utilization, centre.ops_per_s, centre.utilization):
        raise ValueError("a preset's satellites that compute have a rate")
    rates = [(s.ops_per_s or 0.0) * (s.utilization or 0.0) for s in (own, centre)]
    tasks, decisions, roles = [], [], dict.fromkeys(ids, "relay")
    for m in np.flatnonzero(drawn.task[b]).tolist():
        source, serving = ids[drawn.source[b, 2 * m]], ids[drawn.destination[b, 2 * m]]
        roles |= {source: "remote_sensing", serving: "computing"}
        data, update = (float(bits) for bits in drawn.bits[b, 2 * m : 2 * m + 2])
        ratio = 0.5 if data > 0 and update > 0 else float(data > 0)
        sent, kept = max(ratio, 0.5) * model.frames, max(1 - ratio, 0.5) * model.frames
        tasks.append(
            replace(
                model,
                satellite=source,
                computing_satellite=serving,
                feature_bits_per_frame=data / sent if data > 0 else model.feature_bits_per_frame,
                feature_ops_per_bit=float(drawn.t_fe[b, m]) * rates[0] * model.frames / (sent * model.volume_bits)
                or model.feature_ops_per_bit,
                small_ops_per_frame=float(drawn.t_S[b, m]) * rates[0] / kept or model.small_ops_per_frame,
                large_ops_per_frame=float(drawn.t_L[b, m]) * rates[1] / sent or model.large_ops_per_frame,
            )
        )
        shares = (ratio, *(0.0 for _ in model.residual_levels_bpp))
        decisions.append(TaskDecision(source, serving, ratio, shares, update, None, None))
    rate_of = {"remote_sensing": own, "computing": centre, "relay": None}
    satellites = []
    for satellite in base.satellites:
        like = rate_of[roles[satellite.id]]
        ops, utilization = (like.ops_per_s, like.utilization) if like is not None else (None, None)
        satellites.append(replace(satellite, role=roles[satellite.id], ops_per_s=ops, utilization=utilization))
    instance = replace(base, name=f"validation-{b}", satellites=tuple(satellites), tasks=tuple(tasks))
    return instance, Solution(instance.name, tuple(decisions))


def draw_training_study(curves: Sequence[Curve], title: str) -> Figure:
    """Draw delay and reward against epochs: the paper's observation above, other observations and priors below.

    Parameters
    ----------
    curves
        The runs, in the order of `RUNS`; optima are dashed.
    title
        Title of the figure.
    """
    figure, axes = new_figure(9.6, 6.4, columns=2, rows=2)
    for row, part in enumerate((curves[:UPPER], curves[UPPER:])):
        left, right = axes[2 * row : 2 * row + 2]
        for k, curve in enumerate(part):
            epochs, colour = range(len(curve.reward)), COLOURS[k % len(COLOURS)]
            left.plot(epochs, 100 * np.array(curve.delay), color=colour, lw=1.5, label=curve.name)
            left.axhline(100 * curve.least, color=colour, ls="--", lw=1)
            right.plot(epochs, curve.reward, color=colour, lw=1.5)
        left.axhline(100, color=GREY, lw=1, ls=":")
        settled = [value for curve in part for value in (curve.least, *curve.delay[len(curve.delay) // 5 :])]
        highest = max(*settled, *(curve.delay[0] for curve in part if curve.delay[0] < HIGHEST), 1.0)
        left.set_ylim(100 * min(settled) - 0.5, 100 * highest + 0.5)
        left.set_ylabel("mean delay, % of shortest paths'")
        right.set_ylabel("mean reward R")
        paid = [value for curve in part for value in curve.reward[len(curve.reward) // 5 :]]
        paid += [curve.reward[0] for curve in part if curve.delay[0] < HIGHEST]
        room = 0.1 * (max(paid) - min(paid)) + 1e-4
        right.set_ylim(min(paid) - room, max(paid) + room)
        left.legend(fontsize=7.5, ncols=1 + (row == 0), loc="upper right" if row else (0.22, 0.27))
        for panel in (left, right):
            panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    for below in axes[2:]:
        below.set_xlabel("epoch (0: before training)")
    axes[0].set_title(f"{title}: local observation", loc="left")
    axes[2].set_title("Iridium, large packets: what observation and prior change", loc="left")
    return figure
