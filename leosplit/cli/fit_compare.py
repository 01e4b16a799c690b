"""``leosplit fit compare``: two codecs or models, their difference with intervals, Bjøntegaard deltas."""

import math
from enum import StrEnum
from typing import Annotated, Any, cast, get_args

import typer

from fitting import FAMILY_NAMES, Difference, Fit, compare_fits, difference
from fitting.bjontegaard import Method
from fitting.reading import groups
from leosplit.cli import fit_options as options
from leosplit.cli.options import Json, SeedOption
from leosplit.cli.output import print_json, say
from leosplit.tables import render_table

MethodName = StrEnum("MethodName", {name: name for name in get_args(Method)})  # type: ignore[misc]
PCHIP = MethodName("pchip")


def command(
    files: options.Files,
    by: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Compare the rows by this column, not by file.")
    ] = None,
    method: Annotated[MethodName, typer.Option(help="Interpolation of the Bjøntegaard deltas.")] = PCHIP,
    confidence: Annotated[float, typer.Option(metavar="P", help="Confidence of the intervals.")] = 0.95,
    x: options.X = None,
    y: options.Y = None,
    where: options.Where = None,
    x_offset: options.Offset = 0,
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
    family: options.FamilyOption = options.ANY_FAMILY,
    robust: options.Robust = False,
    seed: SeedOption = 0,
    json: Json = False,
) -> None:
    """Compare each file, or each group of rows, with the first.

    The difference is that of the fitted curves over the x that both measured; the Bjøntegaard deltas are those of the
    points. `--wide` compares the columns of a wide table.
    """
    if not 0 < confidence < 1:
        raise typer.BadParameter(f"must lie between 0 and 1, got {confidence}", param_hint="--confidence")
    reading = {
        "x": x, "y": y, "x_offset": x_offset, "std": std, "stderr": stderr, "count": count, "percent": percent,
        "layout": layout and layout.value, "wide": wide, "sep": sep, "decimal": decimal, "comment": comment,
        "encoding": encoding,
    }  # fmt: skip
    column = "series" if wide else by
    if column is None:
        sides = [(str(path), [path], where) for path in files]
    else:
        parts = groups(list(files), column, reading, options.conditions(where))
        sides = [(name, list(files), [*(where or []), f"{column}={name}"]) for name in parts]
    if len(sides) < 2:
        raise typer.BadParameter("give two files, or one and --by COLUMN or --wide", param_hint="FILES")
    fits = []
    names = FAMILY_NAMES if family is options.ANY_FAMILY else (family.value,)
    for name, paths, conditions in sides:
        measured = options.read(paths, conditions, reading)
        best = compare_fits(measured.x, measured.y, measured.sigma, None, names, robust, measured.relative)[0]
        assert best.fit is not None, "compare_fits raises where nothing can be fitted"
        if best.reason:
            say(f"warning: {name}: {best.fit.family} is {best.reason}", err=True)
        fits.append((name, best.fit))
    reference, chosen = fits[0][1], cast("Method", method.value)
    rows = [(name, fit, difference(reference, fit, confidence, chosen, seed=seed)) for name, fit in fits[1:]]
    if json:
        print_json(
            {
                "reference": {"name": fits[0][0], "family": reference.family, "points": len(reference.x)},
                "confidence": confidence,
                "method": method.value,
                "comparisons": [_document(name, fit, found) for name, fit, found in rows],
            }
        )
        return
    header = ["against " + fits[0][0], "family", "mAP, mean", "interval", "BD rate", "interval", "BD mAP", "interval"]
    say(render_table(f"differences, {confidence:.0%} intervals", header, [_row(*row) for row in rows]), nl=False)
    for name, _, found in rows:
        say(f"{name}: mean over x from {found.domain[0]:g} to {found.domain[1]:g}")
        if found.remark:
            say(f"note: {name}: {found.remark}", err=True)


def _row(name: str, fit: Fit, found: Difference) -> list[str]:
    return [
        name,
        fit.family,
        f"{found.mean:+.4f}",
        _interval(found.mean_interval, "+.4f"),
        f"{100 * found.rate:+.2f} %" if math.isfinite(found.rate) else "–",
        _interval((100 * found.rate_interval[0], 100 * found.rate_interval[1]), "+.2f"),
        f"{found.accuracy:+.4f}" if math.isfinite(found.accuracy) else "–",
        _interval(found.accuracy_interval, "+.4f"),
    ]


def _interval(ends: tuple[float, float], form: str) -> str:
    return f"[{ends[0]:{form}}, {ends[1]:{form}}]" if all(map(math.isfinite, ends)) else "–"


def _document(name: str, fit: Fit, found: Difference) -> dict[str, Any]:
    return {
        "name": name,
        "family": fit.family,
        "points": len(fit.x),
        "domain": list(found.domain),
        "mean_difference": found.mean,
        "mean_difference_interval": found.mean_interval,
        "bd_rate": found.rate,
        "bd_rate_interval": found.rate_interval,
        "bd_map": found.accuracy,
        "bd_map_interval": found.accuracy_interval,
        "remark": found.remark or None,
        "difference": {
            key: values.tolist()
            for key, values in zip(
                ("x", "map", "lower", "upper"), (found.x, found.value, found.lower, found.upper), strict=True
            )
        },
    }
