"""The curves f and g of the presets: computed once by ``python -m fitting.presets``, shipped as a small JSON file."""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from fitting.curve_file import curve_from_dict, curve_to_dict
from fitting.curves import Curve, SaturatingExponential
from fitting.fit import fit_family
from fitting.measurements import read_measurements

COMMAND = "python -m fitting.presets"
DATA = files("fitting") / "data"
LARGE_CSV, LARGE_CODEC = "map_vs_bpp_openimages.csv", "mbt2018"
FEATURE_BPP = 0.05  # the presets' d^F/P: 52 429 bit of features for a frame of 1024 × 1024 pixels
LARGEST_UPDATE_BITS = 3.741e8  # all of ResNet-18 at 32 bit


def preset_curves() -> tuple[Curve, Curve]:
    """Return f of the large and g of the small model, as the presets use them.

    f: mAP over the mean residual in bit/pixel, fitted to a measured codec. g: mAP over the model packet in bits.
    `preset_curves_source` says for each what it rests on.
    """
    data = _shipped()
    return curve_from_dict(data["large"], "large"), curve_from_dict(data["small"], "small")


def preset_curves_source() -> dict[str, str]:
    """Say what each preset curve rests on, one sentence for `large` and `small`, for the `meta` of an instance."""
    return dict(_shipped()["source"])


@cache
def _shipped() -> dict[str, Any]:
    data: dict[str, Any] = json.loads((DATA / "preset_curves.json").read_text(encoding="utf-8"))
    return data


def compute_preset_curves() -> dict[str, Any]:
    """Fit the preset curves anew; the content of ``data/preset_curves.json``."""
    measured = read_measurements(
        str(DATA / LARGE_CSV), x="bpp", y="map", where={"codec": LARGE_CODEC}, x_offset=-FEATURE_BPP
    )
    large = fit_family(measured.x, measured.y, "power_law", domain=(0.0, float(measured.x[-1])))
    small = SaturatingExponential(0.76, 0.26, 1.5e-8, (0.0, LARGEST_UPDATE_BITS))
    return {
        "command": COMMAND,
        "source": {
            "large": (
                f"least-squares power law of {LARGE_CSV}, codec {LARGE_CODEC}, residual = bpp - {FEATURE_BPP}; "
                f"root mean squared residual {large.rmse:.4f} mAP; extrapolated below {measured.x[0]:.3f} bit/pixel"
            ),
            "small": "synthetic: no measurement of mAP against the size of a model update lies behind it",
        },
        "large": curve_to_dict(large.curve),
        "small": curve_to_dict(small),
    }


if __name__ == "__main__":
    target = Path(str(DATA / "preset_curves.json"))
    target.write_text(json.dumps(compute_preset_curves(), indent=2) + "\n", encoding="utf-8")
    print(f"wrote {target}")
