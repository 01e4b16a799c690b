"""Figures: what they show, read back from their artists."""

import numpy as np
import pandas as pd
import pytest

from formulation import Solution, TaskDecision, evaluate
from instances.generate import generate_torus
from instances.presets import make_preset
from leosplit.cli import main
from leosplit.figures import draw_gaps, draw_map, save
from leosplit.figures.map import _strokes, layout
from leosplit.figures.studies import PROPOSED, draw_frontier, draw_study, figure_study, frontier_study, reductions
from leosplit.figures.trace import draw_trace
from solvers.gaps import GapRow
from solvers.result import Result, Termination
from solvers.schemes import SCHEMES, run_scheme


def lines(figure):
    return {line.get_label(): line for axes in figure.axes for line in axes.get_lines() if line.get_label()[0] != "_"}


def study_frame():
    rows = []
    for seed in range(2):
        for scale in (0.5, 1.0, 2.0):
            for scheme, factor in (
                ("small", 2.0),
                ("centralized", 1.6),
                ("even", 1.25),
                (PROPOSED, 1.0),
                ("exact", 0.9),
            ):
                lost = scheme == "exact" and scale == 2.0 and seed == 1
                rows.append(
                    {
                        "parameter_volume_scale": scale,
                        "parameter_computing_scale": scale,
                        "seed": seed,
                        "scheme": scheme,
                        "objective_s": np.nan if lost else 10 * scale * factor * (1 + seed),
                        "mean_offload_ratio": 0.5,
                        "best_bound_s": 8 * scale * (1 + seed),
                    }
                )
    return pd.DataFrame(rows)


def test_gaps_to_bounds_are_hollow_and_gaps_to_optima_filled():
    proven = GapRow("a", "even", Termination.FEASIBLE, 11.0, 10.0, 0.1, 0.1, 0.0, 0)
    open_ = GapRow("b", "even", Termination.FEASIBLE, 11.0, 8.0, None, 0.375, 0.0, 0)
    figure = draw_gaps([proven, open_])
    points = {float(line.get_xdata()[0]): line for line in figure.axes[0].get_lines() if len(line.get_xdata())}
    assert sorted(points) == [pytest.approx(10.0), pytest.approx(37.5)]
    assert points[min(points)].get_markerfacecolor() != "white"
    assert points[max(points)].get_markerfacecolor() == "white"


def test_a_scheme_is_drawn_only_where_it_decided_every_seed():
    figure = draw_study(study_frame(), "3", "title")
    found = lines(figure)
    assert found["small"].get_xdata().tolist() == [0.5, 1.0, 2.0]
    assert found["small"].get_ydata().tolist() == pytest.approx([15.0, 30.0, 60.0])
    assert found["exact"].get_xdata().tolist() == [0.5, 1.0]


def test_figure_4_shows_the_allocation_ratio_too():
    figure = draw_study(study_frame(), "4", "title")
    assert len(figure.axes) == 2
    assert figure.axes[1].get_lines()[0].get_ydata().tolist() == [0.5] * 3


def test_reductions_are_relative_to_the_benchmark():
    table = reductions(study_frame(), "volume_scale")
    assert table.loc["small", "mean"] == pytest.approx(0.5)
    assert table.loc["centralized", "largest"] == pytest.approx(0.375)
    assert table.loc["even", "least"] == pytest.approx(0.2)
    assert table.loc["exact", "mean"] == pytest.approx(1 - 1 / 0.9)


def test_the_frontier_shades_from_the_best_known_to_the_bound():
    frame = study_frame().rename(columns={"parameter_volume_scale": "parameter_large_map_min"})
    frame["parameter_small_map_min"] = 0.7
    figure = draw_frontier(frame, "title")
    (line,) = [line for line in figure.axes[0].get_lines() if len(line.get_xdata())]
    assert line.get_ydata().tolist() == pytest.approx([6.75, 13.5, 28.0 + 1.0])


def test_studies_name_only_schemes_that_exist():
    for study in (figure_study("3", {"preset": "iridium"}, [0], 1.0), frontier_study({"preset": "iridium"}, [0], 1.0)):
        assert set(study.schemes) <= set(SCHEMES)


def test_a_map_repeats_where_the_network_does():
    torus = layout(generate_torus(4, 4, tasks=2, computing=1))
    assert torus.limits == ((-0.5, 3.5), (-0.5, 3.5))
    assert _strokes((3.0, 1.0), (0.0, 1.0), torus.limits) == [((3.0, 1.0), (4.0, 1.0)), ((-1.0, 1.0), (0.0, 1.0))]
    assert _strokes((1.0, 1.0), (2.0, 1.0), torus.limits) == [((1.0, 1.0), (2.0, 1.0))]
    sky = layout(make_preset("iridium", tasks=2, computing=1))
    assert sky.limits == ((-180.0, 180.0), None)
    assert _strokes((170.0, 0.0), (-170.0, 0.0), sky.limits)[0] == ((170.0, 0.0), (190.0, 0.0))


def test_a_map_draws_every_link_of_every_route(tmp_path):
    instance = generate_torus(4, 4, tasks=1, computing=1, seed=1)
    result = run_scheme(instance, "even")
    decision = result.solution.tasks[0]
    hops = len(decision.data_path) - 1 + len(decision.model_path) - 1
    figure = draw_map(instance, result.solution)
    bare = draw_map(instance, Solution(instance.name, (TaskDecision(*_without_routes(decision)),)))
    extra = len(figure.axes[0].get_lines()) - len(bare.axes[0].get_lines())
    assert hops <= extra <= 2 * hops
    for path in save(figure, tmp_path / "map.png"):
        assert path.stat().st_size > 1000


def _without_routes(decision):
    return (
        decision.satellite,
        decision.computing_satellite,
        decision.offload_ratio,
        decision.residual_shares,
        decision.model_packet_bits,
        None,
        None,
    )


def test_the_bisection_trace_shows_delay_optimum_and_bound():
    instance = generate_torus(3, 3, tasks=2, computing=1, seed=4)
    result = run_scheme(instance, "bs-shortest-path")
    figure = draw_trace(result, Result(Termination.TIME_LIMIT, objective_s=3.0, bound_s=2.0), "title")
    found = lines(figure)
    assert found["bisection"].get_ydata().tolist() == [record["mean_delay_s"] for record in result.trace]
    assert list(found["exact"].get_ydata()) == [3.0, 3.0]
    assert list(found["proven bound"].get_ydata()) == [2.0, 2.0]
    assert len(figure.axes[2].get_lines()) == 2


def test_training_never_passes_the_optima_of_its_validation_episodes():
    pytest.importorskip("torch")
    from leosplit.figures.training_study import episode_problem, optimum
    from solvers.marl.options import TrainOptions
    from solvers.marl.sampling import SampleOptions
    from solvers.marl.train import Trainer
    from solvers.routing import shortest_path_router

    sample = SampleOptions(presets=("iridium",), slots=2)
    trainer = Trainer(TrainOptions(epochs=1, bases=2, deviations=8, updates=1, validation=6, sample=sample))
    epoch = trainer.epoch()
    routed = []
    for b in range(6):
        instance, packets = episode_problem(trainer, b)
        routed += [task.T for task in evaluate(instance, shortest_path_router(instance, packets)).tasks]
    assert np.mean(routed) == pytest.approx(trainer.shortest[0], rel=1e-3)  # trees are those of a packet of 1e8 bit
    least_s, proven = optimum(trainer, time_limit=600.0)  # they take a fraction of a second
    assert proven == 1.0
    bound_s, proven = optimum(trainer, time_limit=1e-9)
    assert proven < 1.0
    assert 0.0 < bound_s <= least_s <= epoch.delay_s * (1 + 1e-9)


@pytest.mark.slow
def test_figures_command_makes_all_figures_and_prints_the_reductions(tmp_path, capsys):
    words = [
        "figures",
        "3",
        "4",
        "5",
        "frontier",
        "--tasks",
        "1",
        "--computing",
        "1",
        "--count",
        "1",
        "--time-limit",
        "5",
        "--out",
        str(tmp_path),
    ]
    assert main(words) == 0
    out = capsys.readouterr().out
    for name in ("figure3", "figure4", "figure5", "frontier"):
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
    assert "the paper: up to 31.9 %" in out
    assert main(words) == 0
