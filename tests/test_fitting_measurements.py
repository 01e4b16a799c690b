"""Measurement files: what is read, and the one line of what is not."""

from pathlib import Path

import numpy as np
import pytest

from fitting import MeasurementError, read_measurements

DATA = Path(__file__).parent.parent / "fitting" / "data"


def test_selected_columns_rows_and_offset():
    measured = read_measurements(
        DATA / "map_vs_bpp_openimages.csv", x="bpp", where={"codec": "mbt2018"}, x_offset=-0.05
    )
    assert len(measured.x) == 8
    assert measured.x[0] == pytest.approx(0.03292)
    assert measured.y[-1] == 0.79416
    assert measured.std is None
    assert measured.sigma is None


def test_default_columns_deviation_and_order(tmp_path):
    path = tmp_path / "m.csv"
    path.write_bytes(b"\xef\xbb\xbfmodel_packet_bits,map,map_std,n\r\n2e8,0.7,0.02,4\r\n\r\n1e6,0.5,0.03,9\r\n")
    measured = read_measurements(path)
    assert measured.x.tolist() == [1e6, 2e8]
    assert measured.y.tolist() == [0.5, 0.7]
    assert measured.sigma == pytest.approx(np.array([0.01, 0.01]))
    assert measured.x_name == "model_packet_bits"


BAD = [
    (b"\n\n", "is empty"),
    (b"# bpp map\n", "is empty but for comments"),
    (b"residual_bpp,map\n", "no row of measurements"),
    (b"0.1,0.5,3\n0.2,0.6,3\n", "has no header; name its columns by number, 1 to 3, got 'residual_bpp'"),
    (b"bpp,map\n0.1,0.5\n", "row 1: there is no column 'residual_bpp' in the header, it has 'bpp', 'map'"),
    (b"residual_bpp,map,map\n0.1,0.5,1\n", "row 1, column 3: the name 'map' stands there twice"),
    (b"residual_bpp,map\n0.1,good\n", "row 2, column 'map': a finite number is needed, got 'good'"),
    (b"residual_bpp,map\n0.1,0.5\n0.2x,0.6\n", "row 3, column 'residual_bpp': a finite number is needed, got '0.2x'"),
    (b"residual_bpp,map\n\n0.1,\n", "no row has a value in both 'residual_bpp' and 'map'"),
    (b"residual_bpp,map\n0.1,inf\n", "row 2, column 'map': a finite number"),
    (
        b"residual_bpp,map\n0.1,0.5\n0.2,57.5\n",
        "row 3, column 'map': an accuracy from 0 to 1 is needed, got 57.5, and 0.5 el",
    ),
    (b"residual_bpp,map\n0.1,1.02\n0.2,1.03\n", "row 2, column 'map': an accuracy from 0 to 1 is needed, got 1.02"),
    (b"residual_bpp,map\n0.1,50\n0.2,157.5\n", "row 2, column 'map': an accuracy from 0 to 1 is needed, got 50"),
    (b"residual_bpp,map\n0.1,-0.1\n", "row 2, column 'map': an accuracy from 0 to 1"),
    (b"residual_bpp,map\n0.1;0.5,1\n", "row 2, column 'residual_bpp': a finite number is needed, got '0.1;0.5'"),
    (b"residual_bpp,map\n0,1,0,5\n", "from 'residual_bpp' to 'map', got 4; decimal commas need another separator"),
    (b"residual_bpp,map\n0.1,1_0\n", "row 2, column 'map': a finite number is needed, got '1_0'"),
    (b"residual_bpp,map\n0.1,50%\n0.2,0.6\n", "row 3, column 'map': all accuracies or none may have a % sign"),
    (b"residual_bpp,map\n1e308,0.5\n", "row 2, column 'residual_bpp': a number within"),
    (
        b"residual_bpp,map\n0.1,0.5\n",
        "row 2, column 'residual_bpp': a curve needs two or more distinct x, got only 0.1",
    ),
    (b"residual_bpp,map\n0.1,0.5\n0.1,0.6\n", "row 2 to row 3, column 'residual_bpp': a curve needs two or more"),
    (b"residual_bpp,map\n0.1\n", "row 2: 2 cells are needed"),
    (b'residual_bpp,map\n0.1,"0.5\n', "row 2: not valid CSV"),
    (b"residual_bpp,map\n0.1,\xff\n", "row 2, column 'map': a finite number is needed"),
    (b"residual_bpp,map,map_std\n0.1,0.5,-1\n", "row 2, column 'map_std': a deviation of 0 or from 1e-12"),
    (b"residual_bpp,map,n\n0.1,0.5,2.5\n", "row 2, column 'n': a whole number of runs"),
    (b"residual_bpp,map,n\n0.1,0.5,\n", "row 2, column 'n': a whole number of runs is needed, the cell is blank"),
    (b'residual_bpp\tmap\n"1,234"\t1\n"2,345"\t0\n', "'1,234' may be 1234 or 1.234; say --decimal"),
    (b"residual_bpp\0map\n", "null bytes"),
    (b"\x1f\x8bresidual_bpp", "not a whole gzip file"),
    (b"PAR1residual_bpp", "not a Parquet file"),
    (b'[{"residual_bpp": 0.1, "map": 0.5}, 3]', "record 2: must be an object of columns, got 3"),
    (b'{"residual_bpp": 0.1}\n{"residual_bpp"\n', "row 2: not JSON"),
    (b"[" * 100_000, "nested too deeply"),
    (b'[{"residual_bpp": "x", "map": 1}]', "record 1, column 'residual_bpp': a finite number is needed, got 'x'"),
    (b'[{"residual_bpp": [1], "map": 1}]', "record 1, column 'residual_bpp': a finite number is needed, got [1]"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_bad_files_are_one_line(text, message, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_bytes(text)
    with pytest.raises(MeasurementError) as error:
        read_measurements(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_selection_without_rows_and_an_unknown_column():
    path = DATA / "map_vs_bpp_openimages.csv"
    with pytest.raises(MeasurementError, match="no row of measurements where codec=av1"):
        read_measurements(path, x="bpp", where={"codec": "av1"})
    with pytest.raises(MeasurementError, match="no column 'coder'"):
        read_measurements(path, x="bpp", where={"coder": "av1"})
