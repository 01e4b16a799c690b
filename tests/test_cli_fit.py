"""``leosplit fit``: what it prints, writes and refuses."""

import json
from pathlib import Path

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
        ([*OPENIMAGES, "--pyomo", "f.py"], "needs --max-error or --segments"),
        ([*OPENIMAGES, "--family", "spline"], "'spline' is not one of 'auto', 'saturating_exponential'"),
        (["curve", *OPENIMAGES, "--layout", "excel"], "'excel' is not one of 'ultralytics'"),
        (["predict", *OPENIMAGES], "give a place by --at or an accuracy by --target"),
        (["predict", *OPENIMAGES, "--at", "nan"], "finite"),
        (["compare", *OPENIMAGES], "give two files, or one and --by COLUMN or --wide"),
        (["compare", *OPENIMAGES, "--by", "coder"], "there is no column 'coder'"),
        (["compare", *OPENIMAGES, "--by", "codec", "--confidence", "95"], "must lie between 0 and 1, got 95"),
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


CASES = Path(__file__).parent / "data" / "fit"
FITTED = {
    "04-vtm-comments": ([], 6, None),
    "08-wandb": ([], 30, None),
    "09b-pandas-index": (["--x", "bpp"], 6, None),
    "10b-excel-sep": (["--x", "bpp"], 6, None),
    "16-zero-std": (["--x", "bpp"], 6, None),
    "16b-n-no-std": (["--x", "bpp"], 6, None),
    "20-outliers": (["--x", "bpp", "--robust"], 20, "saturating_exponential"),
    "23-descending-qp": (["--x", "qp"], 6, "logistic"),
    "29-trailing-comma": (["--x", "bpp"], 6, None),
}


@pytest.mark.parametrize("case", FITTED)
def test_collected_files_are_fitted(capsys, case):
    options, points, family = FITTED[case]
    code, text, _ = run(capsys, str(CASES / f"{case}.csv"), *options, "--json")
    document = json.loads(text)
    assert (code, document["points"]) == (0, points)
    assert family in (None, document["family"])
    assert not document["poor"] or all(row["reason"] for row in document["candidates"])


def test_outliers_no_longer_end_in_a_traceback(capsys):
    path = str(CASES / "20-outliers.csv")
    code, text, error = run(capsys, path, "--x", "bpp")
    assert (code, "Traceback" in error) == (0, False)
    assert "not identifiable" in text or "at a search bound" in text or "interval" in text
    code, text, error = run(capsys, path, "--x", "bpp", "--robust", "--json")
    document = json.loads(text)
    assert document["poor"] is None
    assert document["parameters"]["a"] == pytest.approx(0.8, abs=0.01)
    assert document["intervals"]["a"][0] < 0.8 < document["intervals"]["a"][1]


def test_a_poor_candidate_never_comes_before_a_good_one(capsys):
    _, text, _ = run(capsys, str(CASES / "23-descending-qp.csv"), "--x", "qp", "--json")
    reasons = [bool(row["reason"]) for row in json.loads(text)["candidates"]]
    assert reasons == sorted(reasons)
    _, text, _ = run(capsys, str(CASES / "23-descending-qp.csv"), "--x", "qp", "--family", "power_law")
    assert "at a search bound" in text


@pytest.mark.parametrize(
    ("case", "options", "message"),
    [
        (
            "31-negative-residual",
            ["--x-offset", "-0.05"],
            "row 2, column 'bpp': 0.035 with the offset -0.05 is",
        ),
        ("32-above-one", ["--domain", "0", "2"], "no accuracy from 0 to 1"),
        ("32-above-one", ["--domain", "0", "2", "--family", "power_law"], "no accuracy from 0 to 1"),
        ("32-above-one", ["--domain", "-1", "1"], "the domain must not begin below 0"),
    ],
)
def test_what_makes_no_sense_is_one_line(capsys, case, options, message):
    code, _, error = run(capsys, str(CASES / f"{case}.csv"), "--x", "bpp", *options)
    assert code == 2
    assert message in error
    assert error.count("\n") == 1


def test_curves_go_on_into_other_tools(capsys, tmp_path):
    import pandas as pd

    files = {name: tmp_path / f"{name}.out" for name in ("residuals", "band", "python", "pyomo")}
    options = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    out = tmp_path / "f.json"
    code, _, _ = run(capsys, *OPENIMAGES, "--max-error", "1e-3", "--side", "under", *options, "-o", str(out))
    assert code == 0
    curve = read_curve(out)
    band = pd.read_csv(files["band"])
    assert np.all((band.lower <= band.curve) & (band.curve <= band.upper))
    residuals = pd.read_csv(files["residuals"])
    assert (residuals.fitted + residuals.residual).to_numpy() == pytest.approx(residuals.y.to_numpy())
    space = {}
    exec(files["python"].read_text(), space)
    x = np.linspace(-0.1, 1.2, 50)
    assert space["accuracy"](x) == pytest.approx(curve(x))
    assert "add_accuracy" in files["pyomo"].read_text()


def test_predictions_with_intervals(capsys):
    code, text, error = run(capsys, "predict", *OPENIMAGES, "--at", "0.2", "--at", "1.5", "--target", "0.75", "--json")
    document = json.loads(text)
    assert code == 0
    assert "1.5 is outside the measured x" in error
    for row in document["predictions"]:
        assert row["new_lower"] < row["lower"] < row["map"] < row["upper"] < row["new_upper"]
    assert document["targets"][0]["x"] <= document["targets"][0]["x_confident"]
    code, text, _ = run(capsys, "predict", *OPENIMAGES, "--at", "0.2", "--target", "0.99")
    assert (code, "not reached" in text) == (0, True)


def test_two_codecs_are_compared(capsys, tmp_path):
    table = [OPENIMAGES[0], "--x", "bpp", "--by", "codec"]
    code, text, _ = run(capsys, "compare", *table, "--json")
    document = json.loads(text)
    assert code == 0
    assert document["reference"]["name"] == "vtm-intra"
    rerun = document["comparisons"][:2]
    assert abs(rerun[0]["bd_rate"] - rerun[1]["bd_rate"]) < 0.05
    for row in document["comparisons"]:
        assert row["bd_rate_interval"][0] <= row["bd_rate"] <= row["bd_rate_interval"][1]
        assert row["mean_difference_interval"][0] <= row["mean_difference"] <= row["mean_difference_interval"][1]
    for name in ("vtm-intra", "mbt2018"):
        lines = [line for line in Path(table[0]).read_text().splitlines() if line.startswith(("codec", name + ","))]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    code, text, _ = run(
        capsys, "compare", str(tmp_path / "vtm-intra.csv"), str(tmp_path / "mbt2018.csv"), "--x", "bpp", "--json"
    )
    again = json.loads(text)["comparisons"][0]
    assert again["bd_rate"] == next(r["bd_rate"] for r in document["comparisons"] if r["name"] == "mbt2018")
    wide = tmp_path / "wide.csv"
    wide.write_text("bpp,A,B\n" + "".join(f"{x},{0.8 - 0.1 / x:.3f},{0.81 - 0.1 / x:.3f}\n" for x in range(1, 9)))
    code, text, _ = run(capsys, "compare", str(wide), "--x", "bpp", "--wide", "--json")
    row = json.loads(text)["comparisons"][0]
    assert (row["name"], code) == ("B", 0)
    assert row["mean_difference"] == pytest.approx(0.01, abs=1e-3)
    assert row["bd_map"] == pytest.approx(0.01, abs=1e-3)
    code, text, _ = run(capsys, "compare", str(wide), "--x", "bpp", "--wide")
    assert "BD rate" in text


def test_help_names_every_family_and_layout(capsys):
    from fitting import FAMILY_NAMES, LAYOUTS

    run(capsys, "--help")
    code, text, _ = run(capsys, "--help")
    assert code == 0
    for name in (*FAMILY_NAMES, *LAYOUTS):
        assert name in text.replace("\n", "").replace(" ", "")
