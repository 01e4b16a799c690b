"""What people's files look like: every kind is read to the same points, and what was assumed is said."""

import gzip
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fitting import MeasurementError, read_measurements

CASES = Path(__file__).parent / "data" / "fit"
X, Y = [0.05, 0.1, 0.4], [0.5652, 0.6726, 0.762]
TEXTS = {
    "plain": "bpp,map\n0.05,0.5652\n0.1,0.6726\n0.4,0.762\n",
    "byte order mark": "\ufeffbpp,map\n0.05,0.5652\n0.1,0.6726\n0.4,0.762\n",
    "sep line": "sep=;\r\nbpp;map\r\n0.05;0.5652\r\n0.1;0.6726\r\n0.4;0.762\r\n",
    "sep line of a tab": "sep=\t\nbpp\tmap\n0.05\t0.5652\n0.1\t0.6726\n0.4\t0.762\n",
    "decimal comma": "bpp;map\n0,05;0,5652\n0,1;0,6726\n0,4;0,762\n",
    "quoted decimal comma": 'bpp,map\n"0,05","0,5652"\n"0,1","0,6726"\n"0,4","0,762"\n',
    "tabs": "bpp\tmap\n0.05\t0.5652\n0.1\t0.6726\n0.4\t0.762\n",
    "white space": "bpp   map\n 0.05 0.5652\n 0.1  0.6726\n 0.4  0.762\n",
    "bars": "bpp|map\n0.05|0.5652\n0.1|0.6726\n0.4|0.762\n",
    "comments": "# made by hand\nbpp,map\n# low rates\n0.05,0.5652\n0.1,0.6726\n0.4,0.762\n",
    "header in a comment": "# bpp map\n0.05 0.5652\n0.1 0.6726\n0.4 0.762\n",
    "index column": ",bpp,map\n0,0.05,0.5652\n1,0.1,0.6726\n2,0.4,0.762\n",
    "index without a name": "bpp map\na 0.05 0.5652\nb 0.1 0.6726\nc 0.4 0.762\n",
    "trailing commas": "bpp,map,\n0.05,0.5652,\n0.1,0.6726,\n0.4,0.762,\n",
    "trailing commas below the header": "bpp,map\n0.05,0.5652,\n0.1,0.6726,\n0.4,0.762,\n",
    "blank cells": "bpp,map\n0.05,0.5652\n0.1,0.6726\n0.2,\n,0.7\n0.3,nan\n0.4,0.762\n",
    "percent signs": "bpp,map\n0.05,56.52%\n0.1,67.26 %\n0.4,76.2%\n",
    "percentages": "bpp,map\n0.05,56.52\n0.1,67.26\n0.4,76.2\n",
    "unnamed column": "bpp,,map\n0.05,x,0.5652\n0.1,y,0.6726\n0.4,z,0.762\n",
    "records": '[{"bpp": 0.05, "map": 0.5652}, {"bpp": 0.1, "map": 0.6726}, {"bpp": 0.4, "map": 0.762}]',
    "records with nan": '[{"bpp": 0.05, "map": 0.5652}, {"bpp": 0.1, "map": 0.6726}, {"bpp": 0.4, "map": 0.762},'
    ' {"bpp": 1, "map": NaN}, {"bpp": 2}]',
    "lines": '{"bpp": 0.05, "map": 0.5652}\n{"bpp": 0.1, "map": 0.6726}\n\n{"bpp": 0.4, "map": 0.762}\n',
    "columns": '{"bpp": [0.05, 0.1, 0.4], "map": [0.5652, 0.6726, 0.762]}',
    "split": '{"columns": ["bpp", "map"], "index": [0, 1, 2], "data": [[0.05, 0.5652], [0.1, 0.6726], [0.4, 0.762]]}',
    "columns by index": '{"bpp": {"0": 0.05, "1": 0.1, "2": 0.4}, "map": {"0": 0.5652, "1": 0.6726, "2": 0.762}}',
}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("way", ["file", "gzip", "utf-16", "text buffer", "bytes buffer"])
def test_every_kind_gives_the_same_points(kind, way, tmp_path):
    path, text = tmp_path / "m.csv", TEXTS[kind]
    if way == "text buffer":
        source = io.StringIO(text)
    elif way == "bytes buffer":
        source = io.BytesIO(text.encode())
    else:
        content = text.removeprefix("\ufeff").encode("utf-16") if way == "utf-16" else text.encode()
        path.write_bytes(gzip.compress(content) if way == "gzip" else content)
        source = path
    measured = read_measurements(source, x="bpp")
    assert measured.x == pytest.approx(X)
    assert measured.y == pytest.approx(Y)


@pytest.mark.parametrize(
    ("kind", "note"),
    [
        ("decimal comma", "decimals have a comma"),
        ("tabs", "the cells are parted by tabs"),
        ("blank cells", "3 without a value left out: row 4, row 5, row 6"),
        ("records with nan", "2 without a value left out: record 4, record 5"),
        ("percentages", "all accuracies are above 1: taken as percentages"),
        ("header in a comment", "the comment in row 1 is taken as the header"),
        ("index without a name", "the first column has no name in the header: taken as an index"),
    ],
)
def test_what_was_assumed_is_said(kind, note):
    assert any(said.startswith(note) for said in read_measurements(io.StringIO(TEXTS[kind]), x="bpp").notes)


def test_nothing_is_said_about_a_plain_table():
    assert read_measurements(io.StringIO(TEXTS["plain"]), x="bpp").notes == ()


def test_frames_and_parquet(tmp_path):
    frame = pd.DataFrame({"bpp": [*X, 1.0], "map": [*Y, np.nan]})
    for source in (frame, frame.set_index("bpp")):
        measured = read_measurements(source, x="bpp")
        assert (measured.x.tolist(), measured.y.tolist()) == (X, Y)
        assert measured.notes == ("1 without a value left out: row 3",)
    pytest.importorskip("pyarrow")
    frame.to_parquet(tmp_path / "m.parquet")
    assert read_measurements(tmp_path / "m.parquet", x="bpp").y.tolist() == Y


def test_several_files_are_one_table(tmp_path):
    paths = []
    for index, (x, y) in enumerate(zip(X, Y, strict=True)):
        paths.append(tmp_path / f"qp{index}.csv")
        paths[-1].write_text(f"Dataset,qp,avg_bpp,end_accuracy\nOIV6,{index},{x},{100 * y}\n")
    measured = read_measurements(paths)
    assert (measured.x.tolist(), measured.x_name, measured.y_name) == (X, "avg_bpp", "end_accuracy")
    assert measured.y == pytest.approx(Y)
    some = read_measurements(paths, x="avg_bpp", y="end_accuracy", where={"Dataset": "OIV6"})
    assert some.x.tolist() == X
    with pytest.raises(MeasurementError, match=r"qp1\.csv, row 2, column 'Dataset': a finite number is needed"):
        read_measurements([paths[1], paths[2]], x="avg_bpp", y="Dataset", where={"file": "qp1.csv"})


def test_wide_tables():
    text = "bpp,VTM,JPEG\n0.05,0.5652,0.3\n0.1,0.6726,0.4\n0.4,0.762,\n0.8,,0.5\n"
    assert read_measurements(io.StringIO(text), x="bpp", y="VTM").y.tolist() == Y
    measured = read_measurements(io.StringIO(text), x="bpp", wide=True, where={"series": "VTM"})
    assert (measured.x.tolist(), measured.y.tolist()) == (X, Y)
    with pytest.raises(MeasurementError, match="choose a column by --where series=NAME; there are VTM, JPEG"):
        read_measurements(io.StringIO(text), x="bpp", wide=True)


@pytest.mark.parametrize(
    ("text", "layout", "x", "y"),
    [
        (
            "                  epoch,         train/box_loss,       metrics/mAP50(B),    metrics/mAP50-95(B)\n"
            "                      1,                 1.2214,                0.54604,                0.34787\n"
            "                      2,                 1.1000,                0.60000,                0.40000\n",
            "ultralytics", [1, 2], [0.34787, 0.4],
        ),
        (
            "epoch,train/box_loss,metrics/mAP_0.5,metrics/mAP_0.5:0.95,val/box_loss\n0,1,0.02,0.01,inf\n1,1,0.3,0.2,nan\n",
            "ultralytics", [0, 1], [0.01, 0.2],
        ),
        ('[{"bpp": 0.1, "bbox": {"AP": 37.5, "AP50": 58.1}}, {"bpp": 0.2, "bbox": {"AP": -1, "AP50": -1}},'
         ' {"bpp": 0.3, "bbox": {"AP": 41, "AP50": 60}}]', "coco", [0.1, 0.3], [0.375, 0.41]),
        ('{"iteration": 999, "bbox/AP": 20.5}\n{"iteration": 1999, "bbox/AP": 30}\n', "coco", [999, 1999],
         [0.205, 0.3]),
        ('{"mode": "val", "epoch": 1, "bbox_mAP": 0.2}\n{"mode": "train", "epoch": 2}\n'
         '{"mode": "val", "epoch": 2, "bbox_mAP": 0.3}\n', "coco", [1, 2], [0.2, 0.3]),
        ('"Step","run - loss","run - metrics/mAP","run - metrics/mAP__MIN","run - metrics/mAP__MAX"\n'
         '"1","9","0.1","0.1","0.1"\n"2","8","0.2","0.2","0.2"\n"3","7","","",""\n', "wandb", [1, 2], [0.1, 0.2]),
        ("Wall time,Step,Value\n1612345678.1,0,0.25\n1612345679.2,1000,0.5\n", "tensorboard", [0, 1000], [0.25, 0.5]),
        ("Dataset,fps,num_of_coded_frame,qp,bitrate (kbps),end_accuracy,nn_part_1\nTraffic,30,60,22,900.5,51.2,1\n"
         "Traffic,30,60,27,400.25,40.4,1\n", "compressai-vision", [400.25, 900.5], [0.404, 0.512]),
        ('{"dataset": "oiv6", "bpp": [0.1, 0.2], "map": [0.5, 0.6]}', "compressai-vision", [0.1, 0.2], [0.5, 0.6]),
        (",Dataset,qp,bitrate (kbps),end_accuracy\n0,AB,22,900,51.2\n1,AB,27,400,40.4\n", "mpeg-vcm", [400, 900],
         [0.404, 0.512]),
    ],
)  # fmt: skip
def test_layouts_of_tools(text, layout, x, y):
    measured = read_measurements(io.StringIO(text), layout=layout)
    assert measured.x.tolist() == x
    assert measured.y == pytest.approx(y)


def test_evaluations_in_a_file_each_take_x_from_its_name(tmp_path):
    for rate, value in ((22, 0.3), (37, 0.2)):
        (tmp_path / f"run2_qp{rate}.json").write_text(json.dumps([value] * 6 + [0.5] * 6))
    measured = read_measurements(sorted(tmp_path.iterdir()), layout="coco")
    assert (measured.x.tolist(), measured.y.tolist()) == ([22, 37], [0.3, 0.2])
    assert "x is the last number in the name of each file" in measured.notes
    for path in tmp_path.iterdir():
        path.rename(tmp_path / f"{'ab'[path.stem.endswith('7')]}.json")
    with pytest.raises(MeasurementError, match=r"column 'file': a finite number is needed, got 'a\.json'"):
        read_measurements(sorted(tmp_path.iterdir()), layout="coco")


def test_a_layout_is_known_by_its_columns_and_said():
    text = "Wall time,Step,Value\n1612345678.1,0,0.25\n1612345679.2,1000,0.5\n"
    assert read_measurements(io.StringIO(text)).notes == (
        "the columns are those of tensorboard (--layout)",
        "x is 'Step', the accuracy 'Value'",
    )
    with pytest.raises(MeasurementError, match="the layout must be one of ultralytics, coco"):
        read_measurements(io.StringIO(text), layout="excel")


@pytest.mark.parametrize(
    ("cells", "decimal", "values"),
    [
        (["374,064,384", "1,000"], ".", [374064384, 1000]),
        (["374.064.384", "0,5"], ",", [374064384, 0.5]),
        (["374 064 384", "1'000"], ".", [374064384, 1000]),
        (["1,234.5", "10"], ".", [1234.5, 10]),
        (["1.234,5", "10"], ",", [1234.5, 10]),
        (["0,123", "0,4"], ",", [0.123, 0.4]),
        (["1e-3", "2E2"], ".", [0.001, 200]),
    ],
)
def test_thousands_separators(cells, decimal, values):
    text = "bits\tmap\n" + "".join(f'"{cell}"\t{y}\n' for cell, y in zip(cells, (0, 1), strict=True))
    for asked in (None, decimal):
        measured = read_measurements(io.StringIO(text), x="bits", decimal=asked)
        assert sorted(measured.x) == pytest.approx(sorted(values))


def test_deviations_belong_to_their_y_and_one_rule_stands_for_missing_ones():
    text = "bpp,map,map_std,n,ap,ap_std\n0.1,0.5,0.02,4,0.4,0.01\n0.2,0.6,0.04,4,0.5,0.03\n0.3,0.7,,1,0.6,0\n"
    first = read_measurements(io.StringIO(text), x="bpp")
    pooled = np.sqrt((0.02**2 + 0.04**2) / 2)
    assert first.sigma == pytest.approx([0.01, 0.02, pooled])
    assert "the pooled deviation 0.0316 of the other points stands for a blank or 0: row 4" in first.notes[1]
    second = read_measurements(io.StringIO(text), x="bpp", y="ap")
    assert second.sigma == pytest.approx([0.005, 0.015, np.sqrt((0.01**2 + 0.03**2) / 2)])
    named = read_measurements(io.StringIO(text), x="bpp", y="ap", stderr="ap_std")
    assert named.sigma == pytest.approx([0.01, 0.03, np.sqrt((0.01**2 + 0.03**2) / 2)])
    alone = read_measurements(io.StringIO(text), x="bpp", y="ap", count="n")
    assert not alone.relative
    bare = io.StringIO("bpp,map,n\n0.1,0.5,4\n0.2,0.6,1\n")
    weighed = read_measurements(bare, x="bpp")
    assert (weighed.relative, weighed.sigma.tolist()) == (True, [0.5, 1.0])
    zeros = read_measurements(io.StringIO("bpp,map,map_std\n0.1,0.5,0\n0.2,0.6,0\n"), x="bpp")
    assert zeros.sigma is None
    assert zeros.notes[-1] == "column 'map_std' has no deviation above 0: it is not used"
    percent = io.StringIO("bpp,map,map_std\n0.1,50,2\n0.2,60,4\n")
    assert read_measurements(percent, x="bpp").sigma == pytest.approx([0.02, 0.04])
    with pytest.raises(MeasurementError, match="not both"):
        read_measurements(io.StringIO(text), x="bpp", std="map_std", stderr="ap_std")


def test_counts_alone_weigh_the_fit_but_do_not_say_how_large_its_errors_are():
    from fitting import fit_curve, intervals

    rng = np.random.default_rng(3)
    x = np.linspace(0.05, 1, 12)
    y = 0.8 - 0.4 * np.exp(-5 * x) + 0.003 * rng.standard_normal(12)
    one = fit_curve(x, y, "saturating_exponential", np.full(12, 0.5), relative=True)
    other = fit_curve(x, y, "saturating_exponential")
    assert intervals(one)["a"] == pytest.approx(intervals(other)["a"], rel=1e-4)


CASE_VALUES = {
    "04-vtm-comments": ({}, 6, 0.5754852159218542, "there is no header"),
    "08-wandb": ({}, 30, 0.12795, "1 without a value left out: row 32"),
    "09b-pandas-index": ({"x": "bpp"}, 6, 0.5754852159218542, None),
    "10b-excel-sep": ({"x": "bpp"}, 6, 0.575485, None),
    "16-zero-std": (
        {"x": "bpp"},
        6,
        0.5652,
        "column 'map_std': the pooled deviation 0.0025 of the other points stands",
    ),
    "16b-n-no-std": ({"x": "bpp"}, 6, 0.5652, "points weigh by 'n' alone"),
    "20-outliers": ({"x": "bpp"}, 20, 0.42999, None),
    "23-descending-qp": ({"x": "qp"}, 6, 0.7867, None),
    "29-trailing-comma": ({"x": "bpp"}, 6, 0.5754852159218542, None),
    "31-negative-residual": ({"x": "bpp"}, 5, 0.62, None),
    "32-above-one": ({"x": "bpp"}, 5, 0.9, None),
}


@pytest.mark.parametrize("case", CASE_VALUES)
def test_collected_files_are_read(case):
    options, count, first, note = CASE_VALUES[case]
    measured = read_measurements(CASES / f"{case}.csv", **options)
    assert len(measured.x) == count
    assert measured.y[0] == first
    assert note is None or any(said.startswith(note) for said in measured.notes)


def test_a_rate_below_the_features_is_no_residual():
    with pytest.raises(
        MeasurementError, match=r"row 2, column 'bpp': 0.035 with the offset -0.05 is -0.015, a size below"
    ):
        read_measurements(CASES / "31-negative-residual.csv", x="bpp", x_offset=-0.05)
