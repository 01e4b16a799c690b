"""The curves f and g of the presets, as ``python -m fitting.make_presets`` computed them once."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from fitting.curve_file import curve_from_dict
from fitting.curves import Curve

DATA = files("fitting") / "data"


def preset_curves() -> tuple[Curve, Curve]:
    """Return f of the large and g of the small model, as the presets use them.

    f: mAP over the mean residual in bit/pixel, fitted to a measured codec. g: mAP over the model packet in bits,
    measured on a small scale and rescaled.
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
