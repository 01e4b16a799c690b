import numpy as np
import pytest

from instances.checks import InstanceError
from instances.constellation import ConstellationError, parse_constellation
from instances.file import instance_from_dict, instance_to_dict
from instances.presets import PRESETS, SLOT_S, SPAN_S, make_preset
from instances.roles import components, draw_roles

COUNTS = {"iridium": (66, 5, 2), "paper": (144, 6, 3), "hotspot": (66, 8, 1), "shell": (1584, 20, 5)}


def reach(instance, start):
    """Satellites that can be reached from `start`, by a plain search."""
    seen, todo = {start}, [start]
    while todo:
        for link in instance.out_links(todo.pop()):
            if link.target not in seen:
                seen.add(link.target)
                todo.append(link.target)
    return seen


@pytest.mark.parametrize("name", PRESETS)
def test_preset_has_its_size_and_can_be_served(name):
    instance = make_preset(name, seed=3)
    total, tasks, computing = COUNTS[name]
    assert (len(instance.satellites), len(instance.tasks), len(instance.computing)) == (total, tasks, computing)
    assert {satellite.role for satellite in instance.satellites} == {"remote_sensing", "relay", "computing"}
    sensing = {satellite.id for satellite in instance.satellites if satellite.role == "remote_sensing"}
    assert sensing == {task.satellite for task in instance.tasks}
    back = {c: reach(instance, c) for c in instance.computing}
    for task in instance.tasks:
        there = reach(instance, task.satellite)
        assert any(c in there and task.satellite in back[c] for c in instance.computing)


@pytest.mark.parametrize("name", PRESETS)
def test_targets_can_be_met(name):
    instance = make_preset(name, seed=1)
    for task in instance.tasks:
        assert instance.accuracy.large.maximum(0.0, task.residual_levels_bpp[-1])[1] >= task.large_map_min
        assert instance.accuracy.small.maximum(*task.model_packet_bits_range)[1] >= task.small_map_min
        assert task.large_map_min < 0.794


def test_physics_of_the_preset_agree_with_each_other():
    instance = make_preset("iridium", seed=7)
    sky = parse_constellation(PRESETS["iridium"].constellation)
    assert instance.time_s is not None
    assert instance.time_s % SLOT_S == 0.0
    assert 0.0 <= instance.time_s < SPAN_S
    assert [satellite.id for satellite in instance.satellites] == list(sky.ids)
    places = {satellite.id: np.array(satellite.position_m) for satellite in instance.satellites}
    assert np.array_equal(np.array(list(places.values())), sky.positions_m(instance.time_s))
    for link in instance.links:
        assert link.length_m == pytest.approx(np.linalg.norm(places[link.source] - places[link.target]), rel=1e-12)
        back = instance.link(link.target, link.source)
        assert back is not None
        assert back.rate_bps == link.rate_bps
        opposite = {"fore": "aft", "aft": "fore", "left": "right", "right": "left"}
        assert back.direction == opposite[str(link.direction)]


def test_one_seed_gives_one_instance_and_another_another():
    assert make_preset("iridium", seed=5) == make_preset("iridium", seed=5)
    assert make_preset("iridium", seed=5).tasks != make_preset("iridium", seed=6).tasks


def test_options_replace_the_preset():
    instance = make_preset("iridium", tasks=3, computing=1, constellation="D:1000:53:144/12/1", radio="small-dish")
    assert (len(instance.tasks), len(instance.computing), len(instance.satellites)) == (3, 1, 144)
    standard = make_preset("iridium", tasks=3, computing=1, constellation="D:1000:53:144/12/1")
    faster = {(link.source, link.target): link.rate_bps for link in standard.links}
    assert all(link.rate_bps < faster[link.source, link.target] for link in instance.links)


def test_every_number_of_the_model_names_its_source():
    sources = make_preset("paper").meta["sources"]
    task = set(vars(make_preset("paper").tasks[0])) - {
        "satellite",
        "computing_satellite",
        "accuracy",
        "feature_bits_per_frame_range",
        "weight",
        "deadline_s",
        "offload_ratio_range",
    }
    assert task <= set(sources)
    assert all(sources.values())


def test_file_round_trip_is_exact():
    instance = make_preset("hotspot", seed=2)
    assert instance_from_dict(instance_to_dict(instance)) == instance


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "oneweb"}, "preset 'oneweb' is unknown; it is one of iridium, paper, hotspot, shell"),
        ({"name": "iridium", "radio": "loud"}, "radio 'loud' is unknown"),
        ({"name": "iridium", "tasks": 0}, "tasks and computing must be at least 1"),
        ({"name": "iridium", "tasks": 60, "computing": 7}, "do not fit on 66 satellites"),
        ({"name": "iridium", "seed": -1}, "seed must be at least 0"),
        ({"name": "iridium", "constellation": "S:500:86.4:24/6/1"}, "no link in a plane: 4 satellites a plane"),
    ],
)
def test_bad_option_is_named(options, message):
    with pytest.raises((InstanceError, ConstellationError), match=message):
        make_preset(**options)


def test_roles_are_redrawn_until_every_task_can_be_served():
    """Two islands of four and one-way bridges: both tasks and the computing satellite must share an island."""
    source = np.array([0, 1, 2, 3, 4, 5, 6, 7, 0])
    target = np.array([1, 2, 3, 0, 5, 6, 7, 4, 4])
    labels = components(8, source, target)
    assert len(set(labels.tolist())) == 2
    islands = set()
    for seed in range(50):
        sensing, serving = draw_roles(np.random.default_rng(seed), labels, 2, 1)
        assert len({labels[k] for k in sensing + serving}) == 1
        islands.add(int(labels[serving[0]]))
    assert len(islands) == 2


def test_roles_that_cannot_be_served_are_given_up():
    with pytest.raises(InstanceError, match="8 separate parts among 8 satellites"):
        draw_roles(np.random.default_rng(0), np.arange(8), 2, 1)
