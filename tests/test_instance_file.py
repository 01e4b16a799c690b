"""The instance file: every rejected error has one tiny file and one sentence; the rest reads back as it was."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fitting.errors import LeosplitError
from fitting.jsonfile import MAX_FILE_BYTES
from instances import (
    Accuracy,
    Instance,
    InstanceError,
    instance_from_dict,
    instance_schema,
    instance_sha256,
    instance_to_dict,
    make_preset,
    read_instance,
    write_instance,
)
from leosplit.cli import main
from tests.tiny import tiny_instance

DATA = Path(__file__).parent / "data"
BROKEN = {
    "brackets": "not JSON that can be read: nested too deeply",
    "curve_kind": "accuracy.small.kind must be one of piecewise_linear, saturating_exponential, ",
    "curve_missing": "accuracy: key 'small' is missing",
    "curve_unsorted": "accuracy.large: x must be strictly ascending, got x[1] = 0.0 after 0.2",
    "dangling_link": "links[0].to must be the id of a satellite, got 'z'",
    "direction": "links[0].direction must be one of fore, aft, left, right, got 'up'",
    "duplicate_id": "satellites: ids must be unique, 'a' stands twice",
    "duplicate_link": "links[1]: one entry a direction, 'a' to 'b' stands twice",
    "empty": "the file is empty",
    "fixed_on_relay": "tasks[0].computing_satellite must be the id of a computing satellite, got 'c'",
    "format": "format must be 'leosplit-instance', got 'other'",
    "frames_bool": "tasks[0].frames must be a whole number >= 1, got True",
    "frames_fraction": "tasks[0].frames must be a whole number >= 1, got 1.5",
    "frames_text": "tasks[0].frames must be a whole number >= 1, got 'many'",
    "huge_integer": "tasks[0].frames must be a whole number >= 1 and <= 9007199254740992, got an integer of 1329 bits",
    "key_twice": "not JSON: key 'frames' stands twice in one object",
    "latin1": "not UTF-8 text (byte 56)",
    "levels_empty": "tasks[0].residual_levels_bpp must be non-empty and strictly ascending, got []",
    "levels_unsorted": "tasks[0].residual_levels_bpp must be non-empty and strictly ascending, got [0.2, 0.1]",
    "levels_zero": "tasks[0].residual_levels_bpp[0] must be a finite number > 0, got 0",
    "link_to_itself": "links[0].from and to must differ, got 'a' twice",
    "list": "instance must be an object, got list",
    "meta": "meta must be an object, got list",
    "missing_key": "tasks[0]: key 'frames' is missing",
    "name_empty": "name must be a non-empty text, got ''",
    "nan": "not JSON: NaN is not a number that JSON allows",
    "negative_rate": "links[0].rate_bps must be a finite number > 0, got -1.0",
    "no_ops": "satellites[1].ops_per_s is missing: a computing satellite needs it",
    "no_tasks": "tasks must hold at least one task",
    "not_json": "not JSON: Expecting value at line 1",
    "overflow": "not JSON: number 1e999 is too large",
    "position": "satellites[0].position_m must be a list of 3 numbers, got (1, 2)",
    "range_turned": "tasks[0].model_packet_bits_range must be [lower, upper], got [2e+06, 1e+06]",
    "residual_accuracy": "residual_accuracy must be one of mean_residual, mean_of_levels, got 'mean'",
    "role": "satellites[2].role must be one of remote_sensing, relay, computing, got 'ground'",
    "satellite_not_object": "satellites[0] must be an object, got str",
    "satellites_not_list": "satellites must be a list, got dict",
    "target": "tasks[0].large_map_min must be a finite number >= 0 and <= 1, got 74",
    "task_curve": "tasks[0].accuracy.large: a piecewise-linear curve needs as many x as y",
    "task_nowhere": "tasks[0].satellite must be the id of a satellite, got 'z'",
    "task_on_relay": "tasks[0].satellite must be a remote_sensing satellite, 'c' is relay",
    "two_tasks": "tasks[1].satellite: at most one task a satellite, 'a' has two",
    "unknown_key": "tasks[0]: unknown key 'frame'",
    "unknown_key_top": "instance: unknown key 'extra'",
    "utilization": "satellites[0].utilization must be a finite number > 0 and <= 1, got 1.5",
    "version": "version must be 1, got 2",
}
BY_THE_READER_ALONE = {  # rules that tie places together are beyond the schema
    "duplicate_id", "dangling_link", "link_to_itself", "duplicate_link", "task_on_relay", "task_nowhere", "two_tasks",
    "levels_unsorted", "range_turned", "fixed_on_relay", "curve_unsorted", "key_twice", "huge_integer",
}  # fmt: skip


def test_every_broken_file_is_listed():
    assert {path.stem for path in (DATA / "broken_instances").iterdir()} == set(BROKEN)


@pytest.mark.parametrize(("name", "message"), BROKEN.items())
def test_broken_file_gets_one_sentence(name, message):
    path = DATA / "broken_instances" / f"{name}.json"
    with pytest.raises(LeosplitError) as error:
        read_instance(path)
    text = str(error.value)
    assert text.startswith(f"{path}: ")
    assert message in text
    assert "\n" not in text


@pytest.mark.parametrize("name", ["nan", "brackets", "empty", "negative_rate", "task_on_relay", "unknown_key"])
def test_command_line_says_it_in_one_line_and_exits_2(name, capsys):
    path = DATA / "broken_instances" / f"{name}.json"
    assert main(["run", str(path), "--scheme", "small"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error: {path}: ")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("path", ["no/such/file.json", "."])
def test_missing_file_and_folder(path):
    with pytest.raises(LeosplitError, match=r"No such file|directory"):
        read_instance(path)


def test_file_over_the_limit_is_refused(tmp_path):
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(LeosplitError, match="at most 268435456"):
        read_instance(path)


@pytest.mark.parametrize("name", [name for name in BROKEN if name not in BY_THE_READER_ALONE])
def test_schema_rejects_what_the_reader_rejects(name):
    text = (DATA / "broken_instances" / f"{name}.json").read_bytes()
    try:
        document = json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return  # not JSON at all: nothing for a schema to say
    if name == "overflow":
        document["tasks"][0]["frames"] = "inf"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, instance_schema())


@pytest.mark.parametrize("path", sorted((DATA / "reference").glob("*.json")), ids=lambda path: path.stem)
def test_files_of_another_program_fit_schema_and_round_trip(path, tmp_path):
    jsonschema.validate(json.loads(path.read_text()), instance_schema())
    instance = read_instance(path)
    write_instance(instance, tmp_path / "again.json")
    assert read_instance(tmp_path / "again.json") == instance
    jsonschema.validate(instance_to_dict(instance), instance_schema())


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), time_s=st.none() | st.floats(-1e9, 1e9), text=st.text(), levels=st.booleans())
def test_round_trip_is_exact(tmp_path_factory, seed, time_s, text, levels):
    base = tiny_instance(seed, computing=2)
    own = Accuracy(base.accuracy.small, base.accuracy.large)
    tasks = (replace(base.tasks[0], accuracy=own, computing_satellite=base.computing[1]), *base.tasks[1:])
    mode = "mean_of_levels" if levels else "mean_residual"
    instance = replace(base, tasks=tasks, time_s=time_s, meta={"note": text}, residual_accuracy=mode)
    path = tmp_path_factory.mktemp("round") / "i.json"
    write_instance(instance, path)
    assert read_instance(path) == instance
    assert instance_sha256(read_instance(path)) == instance_sha256(instance)


def test_preset_round_trips_with_positions_and_directions(tmp_path):
    instance = make_preset("iridium", seed=3)
    write_instance(instance, tmp_path / "i.json")
    assert read_instance(tmp_path / "i.json") == instance
    jsonschema.validate(json.loads((tmp_path / "i.json").read_text()), instance_schema())


def test_hash_follows_every_change():
    one = tiny_instance(1)
    other = replace(one, links=(replace(one.links[0], rate_bps=one.links[0].rate_bps + 1), *one.links[1:]))
    assert instance_sha256(one) != instance_sha256(other)


def test_values_are_frozen_and_lookups_agree():
    instance = read_instance(DATA / "pair.json")
    with pytest.raises(AttributeError):
        instance.name = "other"
    assert instance.link("a", "b") is instance.links[0]
    assert not instance.has_link("a", "c")
    assert instance.candidates(instance.tasks[0]) == ("b",)
    assert instance.out_links("c") == ()


def test_constructor_refuses_too():
    instance = read_instance(DATA / "pair.json")
    with pytest.raises(InstanceError, match="at least one task"):
        replace(instance, tasks=())
    with pytest.raises(InstanceError, match="rate_bps must be a finite number > 0, got inf"):
        replace(instance.links[0], rate_bps=float("inf"))
    assert isinstance(instance_from_dict(instance_to_dict(instance)), Instance)


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        (
            "tasks",
            {"pixels_per_frame": 1e308},
            r"tasks\[0\].feature_ops_per_bit: feature extraction from all images takes",
        ),
        ("tasks", {"feature_bits_per_frame": 1e308}, r"tasks\[0\]: the data packet, .* over links\[\d+\]|relayed by"),
        ("tasks", {"model_packet_bits_range": [1e308, 1e308]}, r"tasks\[0\]: the model packet, .* takes"),
        ("tasks", {"small_ops_per_frame": 1e308}, r"tasks\[0\].small_ops_per_frame: the small model takes inf s"),
        ("tasks", {"large_ops_per_frame": 1e308}, r"tasks\[0\].large_ops_per_frame: the large model takes inf s"),
        ("links", {"rate_bps": 5e-324}, r"over links\[0\] of 4.94066e-324 bit/s takes inf s; at most 1e\+100 s"),
        ("links", {"length_m": 1e308}, r"links\[0\].length_m: its propagation takes"),
        ("satellites", {"relay_s_per_bit": 1e308}, r"tasks\[0\]: the .* packet.*, relayed by n\d takes inf s"),
    ],
)
def test_delays_that_overflow_are_refused_with_their_place(part, change, message):
    document = instance_to_dict(tiny_instance(1))
    for item in document[part]:
        item.update(change)
    with pytest.raises(InstanceError, match=message):
        instance_from_dict(document)
