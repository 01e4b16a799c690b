"""``leosplit fit``: what it prints, writes and refuses."""

import json

import numpy as np
import pytest

from fitting import PiecewiseLinear, read_curve
from fitting.presets import DATA
from instances import read_instance
from leosplit.cli import main

OPENIMAGES = [str(DATA / "map_vs_bpp_openimages.csv"), "--x", "bpp", "--where", "codec=mbt2018", "--x-offset", "-0.05"]


def run(capsys, *arguments):
    code = main(["fit", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_json_tells_the_fit_and_its_candidates(capsys, tmp_path):
    out = tmp_path / "f.json"
    code, text, _ = run(capsys, *OPENIMAGES, "--json", "-o", str(out))
    document = json.loads(text)
    assert code == 0
    assert document["points"] == 8
    assert {row["family"] for row in document["candidates"]} >= {"power_law", "monotone"}
    assert document["candidates"][0]["family"] == document["family"]
    assert document["intervals"]["a"][0] < document["parameters"]["a"] < document["intervals"]["a"][1]
    assert read_curve(out).parameters == document["parameters"]


def test_conservative_piecewise_curve_and_figure(capsys, tmp_path):
    out, figure = tmp_path / "g.json", tmp_path / "g.png"
    code, text, _ = run(
        capsys, str(DATA / "map_vs_update_digits.csv"), "--family", "logistic", "--confidence", "0.9", "--side",
        "under", "--max-error", "0.005", "--figure", str(figure), "-o", str(out),
    )  # fmt: skip
    assert code == 0
    assert "under, proven fewest" in text
    curve = read_curve(out)
    assert isinstance(curve, PiecewiseLinear)
    assert curve.domain == (0, 374064384)
    assert figure.read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("options", "label"), [(["--x-offset", "0"], "bpp"), ([], "bpp − 0.05"), (["--x-offset", "1.5"], "bpp + 1.5")]
)
def test_the_axis_says_what_was_added(capsys, tmp_path, options, label):
    figure = tmp_path / "f.svg"
    assert run(capsys, *OPENIMAGES, "--family", "power_law", *options, "--figure", str(figure))[0] == 0
    assert f">{label}<" in figure.read_text(encoding="utf-8")


def test_the_conservative_curve_lies_below_the_fitted_one(capsys, tmp_path):
    curves = []
    for extra in ([], ["--confidence", "0.95"]):
        run(capsys, *OPENIMAGES, "--family", "power_law", *extra, "-o", str(tmp_path / "c.json"))
        curves.append(read_curve(tmp_path / "c.json"))
    x = np.array(curves[1].x)
    assert np.all(curves[1](x) <= curves[0](x))


def test_other_measurements(capsys, tmp_path):
    dota = [str(DATA / "map_vs_degradation_dota.csv"), "--x", "level", "--where", "degradation=jpeg_quality"]
    code, text, _ = run(capsys, *dota, "--where", "detector=oriented-rcnn", "--family", "monotone", "--json")
    assert code == 0
    assert np.all(np.diff(json.loads(text)["curve"]["y"]) >= 0)
    for rows in ("1e6,0.5\n1e9,0.5\n2e8,0.5\n", "0,0.4\n1e9,0.6\n", "1,0.4\n1,0.5\n2,0.6\n2,0.7\n3,0.7\n3,0.7\n"):
        path = tmp_path / "m.csv"
        path.write_text("model_packet_bits,map\n" + rows)
        code, text, _ = run(capsys, str(path), "--json")
        assert code == 0
        assert json.loads(text)["rmse"] <= 0.05


def test_a_poor_fit_is_warned_about(capsys, tmp_path):
    path = tmp_path / "m.csv"
    values = np.random.default_rng(0).uniform(0.2, 0.8, 12)
    path.write_text("residual_bpp,map\n" + "".join(f"{i},{value:.3f}\n" for i, value in enumerate(values)))
    code, text, error = run(capsys, str(path), "--family", "saturating_exponential")
    assert code == 0
    assert "poor: it explains" in text
    assert error.startswith("warning: saturating_exponential is poor")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.csv"], "missing.csv"),
        ([*OPENIMAGES, "--where", "mbt2018"], "must be column=value"),
        ([*OPENIMAGES, "--side", "under"], "a side needs"),
        ([*OPENIMAGES, "--max-error", "1e-3", "--segments", "3"], "not both"),
        ([*OPENIMAGES, "--max-error", "0"], "above 0"),
        ([*OPENIMAGES, "--confidence", "95"], "between 0 and 1, got 95"),
        ([*OPENIMAGES, "--x-offset", "nan"], "x_offset must be a finite number"),
        ([*OPENIMAGES, "--domain", "1", "0"], "ascending order"),
        ([*OPENIMAGES, "--figure", "f.gif"], "must end in .png"),
        (["/"], "Is a directory"),
        ([OPENIMAGES[0], "--x", "codec"], "row 2, column 'codec': a finite number is needed"),
        ([OPENIMAGES[0]], "row 1: there is no column 'residual_bpp'"),
    ],
)
def test_bad_input_is_one_line(capsys, arguments, message):
    code, _, error = run(capsys, *arguments)
    assert code == 2
    assert message in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1


def test_curves_and_targets_go_into_a_new_instance(capsys, tmp_path):
    large, small, made = (str(tmp_path / name) for name in ("f.json", "g.json", "new.json"))
    run(capsys, *OPENIMAGES, "--family", "power_law", "--domain", "0", "1", "--max-error", "1e-3", "-o", large)
    run(capsys, str(DATA / "map_vs_update_digits.csv"), "--family", "monotone", "-o", small)
    options = ["--large", large, "--small", small, "--large-map-min", "0.75", "--small-map-min", "0.6"]
    assert main(["instance", "new", *options, "-o", made]) == 0
    instance = read_instance(made)
    assert instance.accuracy.large == read_curve(large)
    assert instance.accuracy.small == read_curve(small)
    assert {(task.large_map_min, task.small_map_min) for task in instance.tasks} == {(0.75, 0.6)}
    assert instance.meta["sources"]["accuracy.large"] == "given: f.json"
    assert main(["instance", "new", "--large", str(tmp_path / "none.json")]) == 2
    (tmp_path / "bad.json").write_text("{}")
    assert main(["instance", "new", "--small", str(tmp_path / "bad.json")]) == 2
    assert "bad.json.kind must be one of" in capsys.readouterr().err


def test_two_inputs_from_measurements_to_a_solved_instance(capsys, tmp_path):
    csv, surface, made = str(DATA / "map_vs_residual_digits.csv"), str(tmp_path / "f.json"), str(tmp_path / "new.json")
    code, text, _ = run(capsys, csv, "--features", "feature_bpp", "-o", surface, "--json")
    assert code == 0
    assert json.loads(text)["rmse"] < 0.001
    options = ["--tasks", "2", "--large", surface, "--large-map-min", "0.95"]
    assert main(["instance", "new", *options, "-o", made]) == 0
    instance = read_instance(made)
    assert instance.accuracy.surface is not None
    for task in instance.tasks:
        low, high = task.feature_bits_per_frame_range
        assert low <= task.feature_bits_per_frame <= high
        assert instance.accuracy_of(task).large.maximum(0, 0.4)[1] >= 0.95
    capsys.readouterr()
    assert main(["solve", made, "--problem", "data", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["objective_bits"] > 0
    code, _, error = run(capsys, csv, "--features", "feature_bpp", "--segments", "3")
    assert code == 2
    assert "goes with one input only" in error
    code, _, error = run(capsys, csv, "--features", "rate")
    assert (code, "there is no column 'rate'" in error) == (2, True)
