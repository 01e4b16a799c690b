"""``leosplit fit predict``: the fitted curve's values at places, and the least x for a target, with intervals."""

from typing import Annotated

import typer

from fitting import FAMILY_NAMES, compare_fits, conservative, predict
from leosplit.cli import fit_options as options
from leosplit.cli.options import Json, SeedOption
from leosplit.cli.output import print_json, say
from leosplit.tables import render_table


def command(
    files: options.Files,
    at: Annotated[list[float] | None, typer.Option(help="Predict the accuracy here; may be repeated.")] = None,
    target: Annotated[list[float] | None, typer.Option(help="Find the least x with this accuracy.")] = None,
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
    domain: options.Domain = None,
    family: options.FamilyOption = options.ANY_FAMILY,
    robust: options.Robust = False,
    seed: SeedOption = 0,
    json: Json = False,
) -> None:
    """Predict accuracies with intervals, and the least x that meets a target.

    A place beyond the measured ones extends the domain, so that the curve is extrapolated there. For a target the
    second number is the least x at which the curve meets it with the given confidence.
    """
    if not at and not target:
        raise typer.BadParameter("give a place by --at or an accuracy by --target", param_hint="--at")
    reading = {
        "x": x, "y": y, "x_offset": x_offset, "std": std, "stderr": stderr, "count": count, "percent": percent,
        "layout": layout and layout.value, "wide": wide, "sep": sep, "decimal": decimal, "comment": comment,
        "encoding": encoding,
    }  # fmt: skip
    measured = options.read(files, where, reading)
    low, high = float(measured.x[0]), float(measured.x[-1])
    beyond = [place for place in at or [] if not low <= place <= high]
    if beyond and domain is None:
        domain = min(low, *beyond), max(high, *beyond)
    names = FAMILY_NAMES if family is options.ANY_FAMILY else (family.value,)
    best = compare_fits(measured.x, measured.y, measured.sigma, domain, names, robust, measured.relative)[0]
    fit = best.fit
    assert fit is not None, "compare_fits raises where nothing can be fitted"
    found = predict(fit, at or [], confidence, seed=seed)
    sure = conservative(fit, confidence, seed=seed) if target else None
    targets = [(goal, fit.curve.inverse(goal), sure.inverse(goal) if sure else None) for goal in target or []]
    if json:
        rows = zip(found.x, found.value, found.lower, found.upper, found.new_lower, found.new_upper, strict=True)
        keys = ("x", "map", "lower", "upper", "new_lower", "new_upper")
        print_json(
            {
                "family": fit.family,
                "confidence": confidence,
                "predictions": [dict(zip(keys, row, strict=True)) for row in rows],
                "targets": [dict(zip(("target", "x", "x_confident"), row, strict=True)) for row in targets],
            }
        )
    else:
        title = f"{fit.family}, {len(fit.x)} points, x from {low:g} to {high:g}, {confidence:.0%} intervals"
        if at:
            header = ["x", "mAP", "curve", "new measurement"]
            lines = [
                [f"{a:g}", f"{v:.4f}", f"[{b:.4f}, {c:.4f}]", f"[{d:.4f}, {e:.4f}]"]
                for a, v, b, c, d, e in zip(
                    found.x, found.value, found.lower, found.upper, found.new_lower, found.new_upper, strict=True
                )
            ]
            say(render_table(title, header, lines), nl=False)
        for goal, least, confident in targets:
            shown = ["not reached" if value is None else f"{value:.6g}" for value in (least, confident)]
            say(f"mAP {goal:g}: x {shown[0]}; with {confidence:.0%} confidence {shown[1]}")
    for place in beyond:
        say(f"warning: {place:g} is outside the measured x: an extrapolation", err=True)
    if best.reason:
        say(f"warning: {fit.family} is {best.reason}", err=True)
