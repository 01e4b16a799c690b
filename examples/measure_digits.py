"""What the two measurements share: scikit-learn's digits, their splits, a small and a large CNN, and mAP."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import csv
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score
from torch import nn

Images = NDArray[np.float32]
Labels = NDArray[np.int64]
Split = tuple[Images, Labels]
DATA = Path(__file__).resolve().parent.parent / "fitting" / "data"


def splits(seed: int, parts: tuple[int, ...]) -> list[Split]:
    """Disjoint random parts of the 1797 digits, images (n, 8, 8) in [0, 1]; the last part is all that remains."""
    digits = load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.target))
    images, labels = (digits.images[order] / 16).astype(np.float32), digits.target[order].astype(np.int64)
    ends = [0, *np.cumsum(parts), len(order)]
    return [(images[a:b], labels[a:b]) for a, b in pairwise(ends)]


def cnn(width: int, seed: int) -> nn.Sequential:
    """Two convolutions and two linear layers on 8 × 8 pixels; `width` = 8 has 18 thousand parameters."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2 * width * 16, 8 * width),
        nn.ReLU(),
        nn.Linear(8 * width, 10),
    )


def train(model: nn.Module, data: Split, epochs: int, rate: float, seed: int) -> None:
    """Train by Adam on cross-entropy, batches of 32."""
    torch.manual_seed(seed)
    x, y = torch.from_numpy(data[0]).unsqueeze(1), torch.from_numpy(data[1])
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    for _ in range(epochs):
        for batch in torch.randperm(len(y)).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()


@torch.no_grad()
def mean_average_precision(model: nn.Module, data: Split) -> float:
    """Mean over the ten classes of the average precision of the class's score."""
    scores = model(torch.from_numpy(np.ascontiguousarray(data[0])).unsqueeze(1)).softmax(dim=1).numpy()
    return float(average_precision_score(np.eye(10, dtype=int)[data[1]], scores, average="macro"))


def write_rows(path: Path, rows: list[dict[str, object]]) -> None:
    """Write the rows as CSV and say so."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"wrote {path}, {len(rows)} rows", file=sys.stderr)
