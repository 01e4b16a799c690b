"""The network of an instance as arrays, for everything that searches paths."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from instances.constants import LIGHT_M_PER_S


@dataclass(frozen=True, eq=False)
class Network:
    """Satellites and links as arrays; links are sorted by (source, target) index, so that they are CSR rows.

    Attributes
    ----------
    ids
        Satellite ids; an index into them is a node.
    index
        Id → node.
    source, target
        Node at each link's ends, shape (links,).
    seconds_per_bit
        1 / R_l [s/bit], shape (links,).
    propagation_s
        d_l / c [s], shape (links,).
    relay_s_per_bit
        τ_k [s/bit], shape (satellites,).
    first
        CSR row pointers: the links that leave node i are `first[i]:first[i + 1]`, shape (satellites + 1,).
    reverse_order, reverse_first
        The same for the network with every link turned: link ids sorted by (target, source), and row pointers.
    link_id
        (source node, target node) → link.
    """

    ids: tuple[str, ...]
    index: dict[str, int]
    source: NDArray[np.int32]
    target: NDArray[np.int32]
    seconds_per_bit: NDArray[np.float64]
    propagation_s: NDArray[np.float64]
    relay_s_per_bit: NDArray[np.float64]
    first: NDArray[np.int32]
    reverse_order: NDArray[np.int64]
    reverse_first: NDArray[np.int32]
    link_id: dict[tuple[int, int], int]

    @property
    def nodes(self) -> int:
        """Number of satellites."""
        return len(self.ids)

    def links_of(self, path: Sequence[str]) -> NDArray[np.int64]:
        """Return the link ids along a path of satellite ids (KeyError if a link does not exist)."""
        steps = [self.index[name] for name in path]
        return np.array([self.link_id[i, j] for i, j in pairwise(steps)], dtype=np.int64)


def _rows(keys: NDArray[np.int32], nodes: int) -> NDArray[np.int32]:
    return np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=nodes))]).astype(np.int32)


def build_network(
    ids: Sequence[str],
    relay_s_per_bit: Sequence[float],
    links: Sequence[tuple[str, str, float, float]],
) -> Network:
    """Build the arrays from satellite ids and (source, target, rate_bps, length_m) links."""
    index = {name: i for i, name in enumerate(ids)}
    rows = sorted((index[a], index[b], rate, length) for a, b, rate, length in links)
    source = np.array([row[0] for row in rows], dtype=np.int32)
    target = np.array([row[1] for row in rows], dtype=np.int32)
    return Network(
        ids=tuple(ids),
        index=index,
        source=source,
        target=target,
        seconds_per_bit=1.0 / np.array([row[2] for row in rows], dtype=float),
        propagation_s=np.array([row[3] for row in rows], dtype=float) / LIGHT_M_PER_S,
        relay_s_per_bit=np.array(relay_s_per_bit, dtype=float),
        first=_rows(source, len(index)),
        reverse_order=np.lexsort((source, target)),
        reverse_first=_rows(target, len(index)),
        link_id={(row[0], row[1]): k for k, row in enumerate(rows)},
    )
