"""Measure mAP against feature and residual bits per pixel: f, for real, on a small scale.

A large CNN learns scikit-learn's digits. An image is then sent in two parts: its features, the image at half the
resolution, quantized; and the residual, what the features leave of the image after bilinear enlargement, as quantized
coefficients of a cosine transform. The CNN sees what can be restored from both. The rate of each part is the empirical
entropy of its symbols, per position or coefficient, with the statistics of other images. mAP is that of test images.

    python examples/measure_residual.py --seeds 20

writes fitting/data/map_vs_residual_digits.csv with mean, standard deviation and number of runs for each pair of
feature quality and residual step.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from measure_digits import DATA, Images, cnn, mean_average_precision, splits, train, write_rows
from numpy.typing import NDArray
from scipy import fft, ndimage

FEATURE_LEVELS = (2, 3, 5, 9)
RESIDUAL_STEPS = (None, 1.6, 1.2, 0.9, 0.7, 0.5, 0.35, 0.25, 0.15)  # None: no residual is sent
COMMAND = "python examples/measure_residual.py --seeds {seeds}"
Symbols = NDArray[np.int64]


def features(images: Images, levels: int) -> Symbols:
    """Means of 2 × 2 pixels, rounded to `levels` even levels of [0, 1]; shape (n, 4, 4)."""
    coarse = images.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4))
    return np.rint(coarse * (levels - 1)).astype(np.int64)


def enlarged(symbols: Symbols, levels: int) -> Images:
    """Image that the features alone give, by linear interpolation; shape (n, 8, 8)."""
    coarse = symbols / (levels - 1)
    return ndimage.zoom(coarse, (1, 2, 2), order=1, mode="nearest", grid_mode=True).astype(np.float32)


def residual(images: Images, base: Images, step: float) -> Symbols:
    """Quantized cosine transform of what the features leave, rounded towards zero below 0.7 of a step."""
    scaled = fft.dctn(images - base, axes=(1, 2), norm="ortho") / step
    return (np.sign(scaled) * np.floor(np.abs(scaled) + 0.3)).astype(np.int64)


def restored(base: Images, symbols: Symbols, step: float) -> Images:
    """Image from features and residual, clipped to [0, 1]."""
    image = base + fft.idctn(symbols * step, axes=(1, 2), norm="ortho")
    return np.clip(image, 0, 1).astype(np.float32)


def bits_per_pixel(symbols: Symbols, reference: Symbols) -> float:
    """Mean ideal code length per pixel of 8 × 8, the code of each position made from `reference` (add ½ smoothing)."""
    total = 0.0
    for own, known in zip(symbols.reshape(len(symbols), -1).T, reference.reshape(len(reference), -1).T, strict=True):
        alphabet = np.unique(np.concatenate([own, known]))
        counts = np.array([np.count_nonzero(known == symbol) for symbol in alphabet]) + 0.5
        lengths = -np.log2(counts / counts.sum())
        total += float(lengths[np.searchsorted(alphabet, own)].mean())
    return total / 64


def measure(seed: int) -> list[tuple[float, float, float]]:
    """(feature bit/pixel, residual bit/pixel, mAP) for each pair of levels and step, one run."""
    known, test = splits(seed, (1000,))
    model = cnn(32, seed)
    train(model, known, epochs=15, rate=1e-3, seed=seed)
    results = []
    for levels in FEATURE_LEVELS:
        coarse = [features(images, levels) for images, _ in (test, known)]
        bases = [enlarged(symbols, levels) for symbols in coarse]
        feature_bpp = bits_per_pixel(*coarse)
        for step in RESIDUAL_STEPS:
            if step is None:
                rate, images = 0.0, bases[0]
            else:
                parts = [residual(data[0], base, step) for data, base in zip((test, known), bases, strict=True)]
                rate, images = bits_per_pixel(*parts), restored(bases[0], parts[0], step)
            results.append((feature_bpp, rate, mean_average_precision(model, (images, test[1]))))
    return results


def main() -> None:
    """Measure all pairs over all seeds and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="number of runs, seeds 0, 1, …")
    parser.add_argument("--out", type=Path, default=DATA / "map_vs_residual_digits.csv")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    runs = []
    for seed in range(arguments.seeds):
        runs.append(measure(seed))
        print(
            f"seed {seed}: mAP {min(r[2] for r in runs[-1]):.3f} to {max(r[2] for r in runs[-1]):.3f}", file=sys.stderr
        )
    values = np.array(runs)
    pairs = [(levels, step) for levels in FEATURE_LEVELS for step in RESIDUAL_STEPS]
    write_rows(
        arguments.out,
        [
            {
                "feature_levels": levels,
                "residual_step": "none" if step is None else step,
                "feature_bpp": f"{values[:, i, 0].mean():.5f}",
                "residual_bpp": f"{values[:, i, 1].mean():.5f}",
                "map": f"{values[:, i, 2].mean():.5f}",
                "map_std": f"{values[:, i, 2].std(ddof=1):.5f}",
                "n": arguments.seeds,
                "command": COMMAND.format(seeds=arguments.seeds),
            }
            for i, (levels, step) in enumerate(pairs)
        ],
    )


if __name__ == "__main__":
    main()
