"""How the curves of the presets were made: ``python -m fitting.make_presets``."""

import json
from pathlib import Path
from typing import Any

from fitting.curve_file import curve_to_dict
from fitting.fit import fit_curve
from fitting.presets import DATA
from fitting.reading import read_measurements

COMMAND = "python -m fitting.make_presets"
"""The command that made them."""
LARGE_CSV, LARGE_CODEC = "map_vs_bpp_openimages.csv", "mbt2018"
FEATURE_BPP = 0.05  # the presets' d^F/P: 52 429 bit of features for a frame of 1024 × 1024 pixels
SMALL_CSV = "map_vs_update_digits.csv"


def compute_preset_curves() -> dict[str, Any]:
    """Fit the preset curves anew: the content of ``data/preset_curves.json``."""
    measured = read_measurements(
        str(DATA / LARGE_CSV), x="bpp", y="map", where={"codec": LARGE_CODEC}, x_offset=-FEATURE_BPP
    )
    large = fit_curve(measured.x, measured.y, "power_law", domain=(0.0, float(measured.x[-1])))
    updates = read_measurements(str(DATA / SMALL_CSV), x="model_packet_bits")
    small = fit_curve(updates.x, updates.y, "monotone", updates.sigma)
    return {
        "command": COMMAND,
        "source": {
            "large": (
                f"least-squares power law of {LARGE_CSV}, codec {LARGE_CODEC}, residual = bpp - {FEATURE_BPP}; "
                f"root mean squared residual {large.rmse:.4f} mAP; extrapolated below {measured.x[0]:.3f} bit/pixel"
            ),
            "small": (
                f"monotone least squares of {SMALL_CSV}: a small CNN on shifted digits, measured, its update as a "
                "share of the model rescaled to ResNet-18"
            ),
        },
        "large": curve_to_dict(large.curve),
        "small": curve_to_dict(small.curve),
    }


if __name__ == "__main__":
    target = Path(str(DATA / "preset_curves.json"))
    target.write_text(json.dumps(compute_preset_curves(), indent=2) + "\n", encoding="utf-8")
    print(f"wrote {target}")
