"""Layouts of files that tools of the field write: which columns hold the size and the accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass

from fitting.errors import MeasurementError


@dataclass(frozen=True)
class Layout:
    """Where a tool puts the numbers.

    Parameters
    ----------
    x, y
        Columns of size and accuracy; the first that the table has.
    signature
        Columns by all of which a table is known to be of this layout; none means that it must be named.
    missing
        Accuracies that stand for no value.
    """

    x: tuple[str, ...]
    y: tuple[str, ...]
    signature: tuple[str, ...] = ()
    missing: tuple[float, ...] = ()


RATES = ("bpp", "avg_bpp", "bitrate (kbps)", "bitrate")
STEPS = ("epoch", "iteration", "step", "Step", "_step")
LAYOUTS = {
    "ultralytics": Layout(
        ("epoch",),
        ("metrics/mAP50-95(B)", "metrics/mAP_0.5:0.95", "metrics/mAP50-95(M)", "metrics/mAP50-95"),
        ("epoch", "train/box_loss"),
    ),
    "coco": Layout(
        (*RATES, "qp", *STEPS, "file"),
        ("AP", "bbox/AP", "segm/AP", "bbox_mAP", "coco/bbox_mAP", "segm_mAP"),
        missing=(-1.0, -100.0),
    ),
    "wandb": Layout(("Step", "_step", "epoch", "Relative Time (Process)"), ()),
    "tensorboard": Layout(("Step",), ("Value",), ("Wall time", "Step", "Value")),
    "compressai-vision": Layout(RATES, ("end_accuracy", "map", "mAP"), ("Dataset", "qp", "end_accuracy")),
    "mpeg-vcm": Layout(
        ("bitrate (kbps)", "Bitrate [kbps]", "Bitrate", "kbps", "avg_bpp", "BPP", "bpp"),
        ("end_accuracy", "mAP", "mAP@0.5", "mAP@[0.5:0.95]", "MOTA"),
    ),
}
"""Layouts by name."""


def layout_of(name: str | None, header: Sequence[str]) -> tuple[str | None, Layout | None]:
    """Return name and layout that are asked for, or that the header shows.

    Raises
    ------
    MeasurementError
        When there is no such layout.
    """
    if name is not None:
        if name not in LAYOUTS:
            raise MeasurementError(f"the layout must be one of {', '.join(LAYOUTS)}, got {name!r}")
        return name, LAYOUTS[name]
    for known, layout in LAYOUTS.items():
        if layout.signature and all(column in header for column in layout.signature):
            return known, layout
    runs = [column for column in header if " - " in column]
    if "Step" in header and any(f"{column}__MIN" in header for column in runs):
        return "wandb", LAYOUTS["wandb"]
    return None, None


def run_columns(header: Sequence[str]) -> list[str]:
    """Columns `RUN - METRIC` of a Weights & Biases export, without those of its minima and maxima."""
    return [column for column in header if " - " in column and not column.endswith(("__MIN", "__MAX"))]
