"""Compare the uncertainty of a fit with the repeatability of the codec that was measured twice.

    python examples/measure_repeatability.py

fits the first measurement of `bmshj2018-factorized`, and sets the half-width of the curve's bootstrap band beside what
the second measurement misses the curve by.
"""

import numpy as np

from fitting import band, compare_fits, fit_curve, read_measurements
from fitting.presets import DATA

CODEC = "bmshj2018-factorized"


def main() -> None:
    """Print the comparison."""
    first, second = (
        read_measurements(str(DATA / "map_vs_bpp_openimages.csv"), x="bpp", where={"codec": CODEC + suffix})
        for suffix in ("", "-rerun")
    )
    fit = fit_curve(first.x, first.y, "power_law")
    low, high = band(fit, second.x, 0.95, seed=0)
    misses = np.abs(second.y - fit.curve(second.x))
    print(f"first run: rmse {fit.rmse:.4f} mAP of the power law, 95 % band ±{np.mean(high - low) / 2:.4f} on average")
    print(f"second run: misses the curve by {np.sqrt(np.mean(misses**2)):.4f} (rms), {misses.max():.4f} at most")
    print(f"inside the band: {np.sum((low <= second.y) & (second.y <= high))} of {len(misses)} points")
    x, y = np.concatenate([first.x, second.x]), np.concatenate([first.y, second.y])
    for row in compare_fits(x, y):
        if row.fit is not None:
            print(f"both runs, {row.family}: AICc {row.aicc:.1f}, leave-one-out error {row.leave_one_out:.4f}")


if __name__ == "__main__":
    main()
