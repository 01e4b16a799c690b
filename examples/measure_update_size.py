"""Measure mAP against the size of a model update: g, for real, on a small scale.

A small CNN learns scikit-learn's digits, the domain shifts (the camera is turned by 45 degrees and its sensor is
noisy), and the CNN is fine-tuned on some labelled images of the new domain. The update, fine-tuned less old weights,
is cut to its largest entries and these are quantized, so that it fits a budget; positions, scales and values all
count. Of the widths 1, 2, 4, 8 and 32 bit the one with the best mAP on images that were set aside is sent; the mAP
that is reported comes from other images. The size is a share of the whole model at 32 bit: 1 means that nothing is
cut.

    python examples/measure_update_size.py --seeds 20

writes fitting/data/map_vs_update_digits.csv with mean, standard deviation and number of runs for each size.
"""

import argparse
import copy
import math
import sys
from pathlib import Path

import numpy as np
import torch
from measure_digits import DATA, Images, Split, cnn, mean_average_precision, splits, train, write_rows
from scipy import ndimage
from scipy.special import gammaln
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

SHARES = (0.0, 0.002, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
WIDTHS = (1, 2, 4, 8, 32)
ANGLE, NOISE = 45, 0.2
RESNET18_BITS = 11_689_512 * 32
COMMAND = "python examples/measure_update_size.py --seeds {seeds}"


def shifted(images: Images, seed: int) -> Images:
    """Turn by ANGLE degrees, add Gaussian noise of deviation NOISE, clip to [0, 1]."""
    turned = ndimage.rotate(images, ANGLE, axes=(1, 2), reshape=False, order=1)
    noise = np.random.default_rng(seed).normal(0, NOISE, turned.shape)
    return np.clip(turned + noise, 0, 1).astype(np.float32)


def kept_entries(total: int, tensors: int, width: int, budget: float) -> int:
    """Count the entries that a budget in bits can carry: a scale for each tensor, positions, values of `width` bit.

    Positions cost the logarithm of the number of choices, which an enumerative code attains up to one bit.
    """
    budget -= 32 * tensors if width < 32 else 0
    counts = np.arange(total + 1)
    bits = counts * width + (gammaln(total + 1) - gammaln(counts + 1) - gammaln(total - counts + 1)) / math.log(2)
    return int(counts[bits <= budget].max(initial=0))


def quantized(values: Tensor, width: int) -> Tensor:
    """Non-zero numbers at `width` bit each, evenly spaced around zero; the spacing that errs least of 20 is sent."""
    if width == 32 or len(values) == 0:
        return values
    half = 2 ** (width - 1)
    candidates = []
    for step in float(values.abs().max()) / half * torch.linspace(0.05, 1, 20):
        near = (torch.clamp(torch.floor(values / step), -half, half - 1) + 0.5) * step
        candidates.append((float((near - values).square().sum()), near))
    return min(candidates, key=lambda candidate: candidate[0])[1]


def cut(update: list[Tensor], width: int, budget: float) -> Tensor:
    """Largest entries of an update, quantized per tensor, as one vector of all entries."""
    flat = torch.cat([part.flatten() for part in update])
    kept = kept_entries(len(flat), len(update), width, budget)
    mask = torch.zeros(len(flat), dtype=torch.bool)
    mask[flat.abs().topk(kept).indices] = True
    sent = torch.zeros_like(flat)
    for part in torch.arange(len(flat)).split([part.numel() for part in update]):
        chosen = part[mask[part]]
        sent[chosen] = quantized(flat[chosen], width)
    return sent


def measure(seed: int) -> list[tuple[float, int]]:
    """(mAP on test images, width sent) for each share of SHARES, one run."""
    base, tune, choose, test = splits(seed, (700, 300, 300))
    model = cnn(8, seed)
    train(model, base, epochs=30, rate=2e-3, seed=seed)
    tune, choose, test = ((shifted(part[0], 10 * seed + i), part[1]) for i, part in enumerate((tune, choose, test)))
    old = parameters_to_vector(model.parameters()).detach().clone()
    tuned = copy.deepcopy(model)
    train(tuned, tune, epochs=30, rate=1e-3, seed=seed + 1)
    pairs = zip(tuned.parameters(), model.parameters(), strict=True)
    update = [(after - before).detach() for after, before in pairs]
    return [best_update(model, old, update, share, choose, test) for share in SHARES]


def best_update(
    model: nn.Module, old: Tensor, update: list[Tensor], share: float, choose: Split, test: Split
) -> tuple[float, int]:
    """Send the width that is best on the images `choose`; its mAP on the images `test`."""
    results = []
    for width in WIDTHS:
        vector_to_parameters(old + cut(update, width, share * 32 * len(old)), model.parameters())
        results.append((mean_average_precision(model, choose), mean_average_precision(model, test), width))
    best = max(results, key=lambda result: result[0])
    return best[1], best[2]


def main() -> None:
    """Measure all sizes over all seeds and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="number of runs, seeds 0, 1, …")
    parser.add_argument("--out", type=Path, default=DATA / "map_vs_update_digits.csv")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    runs = []
    for seed in range(arguments.seeds):
        runs.append(measure(seed))
        print(f"seed {seed}: mAP {runs[-1][0][0]:.3f} without, {runs[-1][-1][0]:.3f} with all", file=sys.stderr)
    maps = np.array([[value for value, _ in run] for run in runs])
    widths = np.array([[width for _, width in run] for run in runs])
    write_rows(
        arguments.out,
        [
            {
                "share": share,
                "model_packet_bits": round(share * RESNET18_BITS),
                "map": f"{maps[:, i].mean():.5f}",
                "map_std": f"{maps[:, i].std(ddof=1):.5f}",
                "n": arguments.seeds,
                "median_width_bits": int(np.median(widths[:, i])),
                "command": COMMAND.format(seeds=arguments.seeds),
            }
            for i, share in enumerate(SHARES)
        ],
    )


if __name__ == "__main__":
    main()
