"""``leosplit fit curve``: a curve, its uncertainty, a piecewise-linear function, and all of it for other tools."""

import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from fitting import (
    FAMILY_NAMES,
    Approximation,
    Candidate,
    Curve,
    Fit,
    MeasurementError,
    Measurements,
    PiecewiseLinear,
    as_pyomo,
    as_python,
    band,
    compare_fits,
    conservative,
    correlation,
    curve_to_dict,
    formula,
    piecewise_linear,
    write_curve,
)
from fitting.views import estimates_or_none
from fitting.whole_file import write_text
from leosplit.cli import fit_options as options
from leosplit.cli.options import Json, SeedOption
from leosplit.cli.output import print_json, say
from leosplit.tables import render_table

FIGURES = (".png", ".svg", ".pdf")
BAND_POINTS = 121


class SideName(StrEnum):
    """Side of the curve on which the piecewise-linear function lies."""

    under = "under"
    over = "over"
    interpolate = "interpolate"
    best = "best"


def command(
    files: options.Files,
    x: options.X = None,
    y: options.Y = None,
    where: options.Where = None,
    x_offset: options.Offset = 0,
    features: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of feature bit/pixel: fit f of two inputs, ascending.")
    ] = None,
    std: options.Std = None,
    stderr: options.Stderr = None,
    count: options.Count = None,
    percent: options.Percent = None,
    layout: options.LayoutOption = None,
    wide: options.Wide = False,
    sep: options.Sep = None,
    decimal: options.Decimal = None,
    comment: options.Comment = None,
    encoding: options.Encoding = None,
    domain: options.Domain = None,
    family: options.FamilyOption = options.ANY_FAMILY,
    robust: options.Robust = False,
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
        Path | None, typer.Option(help="Figure of points, residuals, band, curve and segments (.png, .svg).")
    ] = None,
    residuals: Annotated[Path | None, typer.Option(metavar="FILE", help="Table of residuals, CSV.")] = None,
    band_file: Annotated[
        Path | None, typer.Option("--band", metavar="FILE", help="Table of the curve with its band, CSV.")
    ] = None,
    python: Annotated[Path | None, typer.Option(metavar="FILE", help="The curve as a Python function.")] = None,
    pyomo: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The piecewise-linear function as Pyomo constraints.")
    ] = None,
    json: Json = False,
) -> None:
    """Fit an accuracy curve to measurements and bound its error.

    What is written and reported as `curve` is the fitted curve; with --confidence the conservative one in its place;
    with --max-error or --segments the piecewise-linear function of either. `leosplit fit FILES` is short for this.
    """
    _check(max_error, segments, side, figure, pyomo)
    reading = {
        "x": x, "y": y, "x_offset": x_offset, "features": features, "std": std, "stderr": stderr, "count": count,
        "percent": percent, "layout": layout and layout.value, "wide": wide, "sep": sep, "decimal": decimal,
        "comment": comment, "encoding": encoding,
    }  # fmt: skip
    measured = options.read(files, where, reading)
    if features is not None:
        alone = {
            "--max-error": max_error, "--segments": segments, "--confidence": confidence, "--figure": figure,
            "--residuals": residuals, "--band": band_file, "--python": python, "--pyomo": pyomo, "--domain": domain,
            "--robust": robust or None, "--family": None if family is options.ANY_FAMILY else family,
        }  # fmt: skip
        _fit_surface(measured, alone, out, json)
        return
    names = FAMILY_NAMES if family is options.ANY_FAMILY else (family.value,)
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
    if residuals is not None:
        write_text(residuals, fit.frame().to_csv(index=False))
    if band_file is not None:
        _write_band(band_file, fit, confidence, seed)
    if python is not None:
        write_text(python, as_python(curve))
    if pyomo is not None:
        write_text(pyomo, as_pyomo(_linear(curve), linear.error if linear else None))
    if figure is not None:
        shift = f" {'+' if x_offset > 0 else '−'} {abs(x_offset):g}" if x_offset else ""
        _draw(figure, fit, measured.x_name + shift, confidence, lower, linear, seed, files[0].name)
    if json:
        print_json(_document(rows, fit, confidence, curve, linear, measured.notes))
    else:
        _print(rows, fit, confidence, linear)
    if rows[0].reason:
        say(f"warning: {fit.family} is {rows[0].reason}", err=True)


def _check(
    max_error: float | None, segments: int | None, side: SideName, figure: Path | None, pyomo: Path | None
) -> None:
    """Refuse options that contradict each other."""
    if max_error is not None and segments is not None:
        raise typer.BadParameter("give --max-error or --segments, not both", param_hint="--segments")
    if figure is not None and figure.suffix not in FIGURES:
        raise typer.BadParameter(f"must end in .png, .svg or .pdf, got {figure.name!r}", param_hint="--figure")
    if side is not SideName.best and max_error is None and segments is None:
        raise typer.BadParameter("a side needs --max-error or --segments", param_hint="--side")
    if pyomo is not None and max_error is None and segments is None:
        raise typer.BadParameter("needs --max-error or --segments", param_hint="--pyomo")


def _fit_surface(measured: Measurements, alone: dict[str, Any], out: Path | None, json: bool) -> None:
    """Fit f of two inputs, write it and say how well it meets the points."""
    import numpy as np

    from fitting import fit_surface, surface_to_dict, write_surface

    for name, value in alone.items():
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


def _document(
    rows: tuple[Candidate, ...],
    fit: Fit,
    confidence: float | None,
    curve: Curve,
    linear: Approximation | None,
    notes: tuple[str, ...],
) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    found = estimates_or_none(fit, confidence or 0.95)
    return {
        "family": fit.family,
        "formula": formula(fit.curve, 17),
        "points": len(fit.x),
        "rmse": fit.rmse,
        "r_squared": fit.r_squared,
        "leave_one_out": rows[0].leave_one_out,
        "aicc": fit.aicc,
        "akaike_weight": rows[0].weight,
        "poor": rows[0].reason or None,
        "parameters": getattr(fit.curve, "parameters", None),
        "standard_errors": {row.name: row.standard_error for row in found} or None,
        "confidence": confidence,
        "intervals": {row.name: row.interval for row in found} or None,
        "remarks": {row.name: row.remark for row in found if row.remark} or None,
        "at_search_bounds": list(fit.at_bounds),
        "correlation": correlation(fit).tolist() if found else None,
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
                "akaike_weight": row.weight,
                "leave_one_out": row.leave_one_out,
                "rmse": row.fit.rmse if row.fit else None,
                "reason": row.reason or None,
            }
            for row in rows
        ],
        "notes": list(notes),
    }


def _print(rows: tuple[Candidate, ...], fit: Fit, confidence: float | None, linear: Approximation | None) -> None:
    """Print the table of fits, the formula, the parameters and the piecewise-linear function."""
    header = ["family", "AICc", "weight", "leave-one-out", "rmse", "parameters", "remark"]
    table = []
    for row in rows:
        bounds = ", ".join(row.fit.at_bounds) if row.fit else ""
        remarks = [row.reason] * bool(row.reason) + [f"{bounds} at a search bound"] * bool(bounds)
        figures = [_figure(row.aicc, ".1f"), _figure(row.weight, ".2f"), _figure(row.leave_one_out, ".2g")]
        sizes = [f"{row.fit.rmse:.2g}", str(row.fit.parameters)] if row.fit else ["–", "–"]
        table.append([row.family, *figures, *sizes, "; ".join(remarks)])
    say(render_table(f"fits to {len(fit.x)} points, best first", header, table), nl=False)
    say(f"{fit.family}: {formula(fit.curve)}")
    _print_parameters(fit, confidence or 0.95)
    if linear is not None:
        proof = "proven fewest" if linear.minimal else f"at least {linear.fewest} are needed"
        say(f"{linear.segments} segments ({linear.side}, {proof}), certified error {linear.error:.3g}")


def _print_parameters(fit: Fit, confidence: float) -> None:
    """Print the parameters, for x in a unit in which they are of ordinary size, with what is known of them."""
    unit = fit.unit
    if unit != 1:
        say(f"parameters for x in units of {unit:g}:")
    for row in estimates_or_none(fit.in_units(unit), confidence):
        remark = f"  ({row.remark})" if row.remark else ""
        reach = f"[{row.interval[0]:.6g}, {row.interval[1]:.6g}]"
        error = f"± {row.standard_error:.2g}"
        say(f"{row.name} = {row.value:.8g} {error}  {confidence:.0%} interval {reach}{remark}")
    if not estimates_or_none(fit, confidence) and getattr(fit.curve, "parameters", None):
        for name, value in getattr(fit.in_units(unit).curve, "parameters", {}).items():
            say(f"{name} = {value:.8g}  (no point is left to tell an interval)")
    elif getattr(fit.curve, "parameters", None):
        names, shares = list(fit.curve.parameters), correlation(fit)  # type: ignore[attr-defined]
        pairs = [f"{a}-{b} {shares[i, j]:.2f}" for i, a in enumerate(names) for j, b in enumerate(names) if i < j]
        say(f"correlations: {', '.join(pairs)}")


def _figure(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else "–"


def _linear(curve: Curve) -> PiecewiseLinear:
    assert isinstance(curve, PiecewiseLinear), "options were checked"
    return curve


def _write_band(path: Path, fit: Fit, confidence: float | None, seed: int) -> None:
    import numpy as np
    import pandas as pd

    x = np.union1d(np.linspace(*fit.curve.domain, BAND_POINTS), fit.x)
    lower, upper = band(fit, x, confidence or 0.95, seed=seed)
    columns = {"x": x, "curve": np.asarray(fit.curve(x)), "lower": lower, "upper": upper}
    write_text(path, pd.DataFrame(columns).to_csv(index=False))


def _draw(
    path: Path,
    fit: Fit,
    x_name: str,
    confidence: float | None,
    lower: Curve | None,
    linear: Approximation | None,
    seed: int,
    title: str,
) -> None:
    """Write the figure in the format of its suffix."""
    import numpy as np

    from leosplit.figures.fit import draw_fit
    from leosplit.figures.style import save

    x = np.union1d(np.linspace(*fit.curve.domain, BAND_POINTS), fit.x)
    try:
        ends = (x, *band(fit, x, confidence or 0.95, seed=seed))
    except MeasurementError:
        ends = None
    label = f"{confidence or 0.95:.0%} band"
    save(draw_fit(fit, x_name, ends, label, lower, linear, title), path, (path.suffix.lstrip("."),))
