"""``leosplit fit``: from a CSV of measurements to a curve, its uncertainty and a piecewise-linear function."""

import math
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leosplit.cli.options import Json, SeedOption
from leosplit.cli.output import print_json, say
from leosplit.tables import render_table

if TYPE_CHECKING:
    from fitting import Approximation, Candidate, Curve, Fit, Measurements


class Family(StrEnum):
    """What is fitted; `auto` is the family of least AICc."""

    auto = "auto"
    saturating_exponential = "saturating_exponential"
    power_law = "power_law"
    logistic = "logistic"
    monotone = "monotone"
    monotone_concave = "monotone_concave"


class SideName(StrEnum):
    """Side of the curve on which the piecewise-linear function lies."""

    under = "under"
    over = "over"
    interpolate = "interpolate"
    best = "best"


def command(
    csv: Annotated[Path, typer.Argument(help="Measurements, comma-separated, with a header.", metavar="CSV")],
    x: Annotated[str | None, typer.Option(help="Column of x; residual_bpp or model_packet_bits if left out.")] = None,
    y: Annotated[str | None, typer.Option(help="Column of the accuracy, 0 to 1.")] = None,
    where: Annotated[list[str] | None, typer.Option(metavar="COLUMN=VALUE", help="Keep these rows.")] = None,
    x_offset: Annotated[float, typer.Option(help="Added to every x; less d^F/P turns a bitrate into a residual.")] = 0,
    features: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of feature bit/pixel: fit f of two inputs, ascending.")
    ] = None,
    domain: Annotated[tuple[float, float] | None, typer.Option(help="Range of the curve, if not that of x.")] = None,
    family: Annotated[Family, typer.Option(help="What to fit.")] = Family.auto,
    robust: Annotated[bool, typer.Option("--robust", help="Huber's loss: outliers count less.")] = False,
    confidence: Annotated[
        float | None, typer.Option(metavar="P", help="Take the conservative curve, lower band at this confidence.")
    ] = None,
    side: Annotated[SideName, typer.Option(help="Side of the piecewise-linear function.")] = SideName.best,
    max_error: Annotated[
        float | None, typer.Option(metavar="E", help="Piecewise-linear with the fewest segments for this error.")
    ] = None,
    segments: Annotated[int | None, typer.Option(metavar="N", help="Piecewise-linear with this many.")] = None,
    seed: SeedOption = 0,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write the curve to.")] = None,
    figure: Annotated[
        Path | None, typer.Option(help="Figure of points, band, curve and segments (.png, .svg).")
    ] = None,
    json: Json = False,
) -> None:
    """Fit an accuracy curve to measurements and bound its error.

    What is written and reported as `curve` is the fitted curve; with --confidence the conservative one in its place;
    with --max-error or --segments the piecewise-linear function of either.
    """
    from fitting import FAMILY_NAMES, compare_fits, conservative, piecewise_linear, read_measurements, write_curve

    if max_error is not None and segments is not None:
        raise typer.BadParameter("give --max-error or --segments, not both", param_hint="--segments")
    if figure is not None and figure.suffix not in (".png", ".svg", ".pdf"):
        raise typer.BadParameter(f"must end in .png, .svg or .pdf, got {figure.name!r}", param_hint="--figure")
    if side is not SideName.best and max_error is None and segments is None:
        raise typer.BadParameter("a side needs --max-error or --segments", param_hint="--side")
    if features is not None:
        asked = {"--max-error": max_error, "--segments": segments, "--confidence": confidence, "--figure": figure}
        alone = {**asked, "--domain": domain, "--robust": robust or None}
        _fit_surface(read_measurements(csv, x, y, _conditions(where), x_offset, features), family, alone, out, json)
        return
    measured = read_measurements(csv, x, y, _conditions(where), x_offset)
    names = FAMILY_NAMES if family is Family.auto else (family.value,)
    rows = compare_fits(measured.x, measured.y, measured.sigma, domain, names, robust, measured.relative)
    fit = rows[0].fit
    assert fit is not None, "compare_fits raises where nothing can be fitted"
    lower = None if confidence is None else conservative(fit, confidence, seed=seed)
    curve: Curve = fit.curve if lower is None else lower
    linear = None
    if max_error is not None or segments is not None:
        linear = piecewise_linear(curve, max_error=max_error, segments=segments, side=side.value)
        curve = linear.function
    if out is not None:
        write_curve(curve, out)
    if figure is not None:
        shift = f" {'+' if x_offset > 0 else '−'} {abs(x_offset):g}" if x_offset else ""
        _draw(figure, fit, measured.x_name + shift, confidence, lower, linear, seed, csv.name)
    if json:
        print_json(_document(rows, fit, confidence, curve, linear))
    else:
        _print(rows, fit, confidence, linear)
    if rows[0].reason:
        say(f"warning: {fit.family} is {rows[0].reason}", err=True)


def _fit_surface(measured: "Measurements", family: Family, alone: dict[str, Any], out: Path | None, json: bool) -> None:
    """Fit f of two inputs, write it and say how well it meets the points."""
    import numpy as np

    from fitting import fit_surface, surface_to_dict, write_surface

    for name, value in {**alone, "--family": None if family is Family.auto else family}.items():
        if value is not None:
            raise typer.BadParameter("goes with one input only, not with --features", param_hint=name)
    assert measured.features is not None, "the column was asked for"
    surface = fit_surface(measured.features, measured.x, measured.y, measured.sigma)
    fitted = [surface(a, b) for a, b in zip(measured.features, measured.x, strict=True)]
    rmse = float(np.sqrt(np.mean((measured.y - fitted) ** 2)))
    if out is not None:
        write_surface(surface, out)
    if json:
        print_json({"points": len(fitted), "rmse": rmse, "curve": surface_to_dict(surface)})
    else:
        say(f"{len(surface.triangles)} triangles over {len(fitted)} points, ascending in both, rmse {rmse:.2g}")


def _conditions(where: list[str] | None) -> dict[str, str]:
    """Return column and value of each condition."""
    pairs = {}
    for condition in where or []:
        column, equals, value = condition.partition("=")
        if not equals or not column:
            raise typer.BadParameter(f"must be column=value, got {condition!r}", param_hint="--where")
        pairs[column] = value
    return pairs


def _intervals(fit: "Fit", confidence: float | None) -> dict[str, tuple[float, float]] | None:
    """Return the intervals of the parameters, or None where there are none."""
    from fitting import MeasurementError, intervals

    try:
        return intervals(fit, confidence or 0.95)
    except MeasurementError:
        return None


def _document(
    rows: "tuple[Candidate, ...]", fit: "Fit", confidence: float | None, curve: "Curve", linear: "Approximation | None"
) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    from fitting import ParametricCurve, curve_to_dict

    return {
        "family": fit.family,
        "points": len(fit.x),
        "rmse": fit.rmse,
        "r_squared": fit.r_squared,
        "leave_one_out": rows[0].leave_one_out,
        "aicc": fit.aicc,
        "poor": rows[0].reason or None,
        "parameters": fit.curve.parameters if isinstance(fit.curve, ParametricCurve) else None,
        "confidence": confidence,
        "intervals": _intervals(fit, confidence),
        "curve": curve_to_dict(curve),
        "piecewise_linear": None
        if linear is None
        else {
            "side": linear.side,
            "segments": linear.segments,
            "fewest_segments": linear.fewest,
            "max_error": linear.error,
        },
        "candidates": [
            {
                "family": row.family,
                "aicc": row.aicc,
                "leave_one_out": row.leave_one_out,
                "rmse": row.fit.rmse if row.fit else None,
                "reason": row.reason or None,
            }
            for row in rows
        ],
    }


def _print(rows: "tuple[Candidate, ...]", fit: "Fit", confidence: float | None, linear: "Approximation | None") -> None:
    """Print the table of fits, the parameters and the piecewise-linear function."""
    from fitting import ParametricCurve

    header = ["family", "AICc", "leave-one-out", "rmse", "parameters", "remark"]
    table = [
        [
            row.family,
            f"{row.aicc:.1f}" if math.isfinite(row.aicc) else "–",
            f"{row.leave_one_out:.2g}" if math.isfinite(row.leave_one_out) else "–",
            f"{row.fit.rmse:.2g}" if row.fit else "–",
            str(row.fit.parameters) if row.fit else "–",
            row.reason,
        ]
        for row in rows
    ]
    say(render_table(f"fits to {len(fit.x)} points, best first", header, table), nl=False)
    ranges = _intervals(fit, confidence)
    if isinstance(fit.curve, ParametricCurve):
        for name, value in fit.curve.parameters.items():
            reach = (
                f"  {confidence or 0.95:.0%} interval [{ranges[name][0]:.6g}, {ranges[name][1]:.6g}]" if ranges else ""
            )
            say(f"{name} = {value:.8g}{reach}")
    if linear is not None:
        proof = "proven fewest" if linear.minimal else f"at least {linear.fewest} are needed"
        say(f"{linear.segments} segments ({linear.side}, {proof}), certified error {linear.error:.3g}")


def _draw(
    path: Path,
    fit: "Fit",
    x_name: str,
    confidence: float | None,
    lower: "Curve | None",
    linear: "Approximation | None",
    seed: int,
    title: str,
) -> None:
    """Write the figure in the format of its suffix."""
    import numpy as np

    from fitting import MeasurementError, band
    from leosplit.figures.fit import draw_fit
    from leosplit.figures.style import save

    x = np.union1d(np.linspace(*fit.curve.domain, 120), fit.x)
    try:
        ends = (x, *band(fit, x, confidence or 0.95, seed=seed))
    except MeasurementError:
        ends = None
    label = f"{confidence or 0.95:.0%} band"
    save(draw_fit(fit, x_name, ends, label, lower, linear, title), path, (path.suffix.lstrip("."),))
