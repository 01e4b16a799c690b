"""Commodities: the packets that share resources, one per segment for data packets."""

import numpy as np
from numpy.typing import NDArray

from solvers.exact.branch_and_price.domains.domain import Scope
from solvers.exact.branch_and_price.domains.segment import Piece
from solvers.network.arrays import DATA, MODEL


class Users:
    """Who may use resources: the pieces of all tasks for data packets, then the tasks for model packets.

    Attributes
    ----------
    pieces
        (task, piece) of the first users.
    task, kind
        Of every user.
    first
        Position of each task's first piece, and the number of pieces at last.
    """

    def __init__(self, scopes: list[Scope]) -> None:
        self.pieces: list[tuple[int, Piece]] = [(m, piece) for m, scope in enumerate(scopes) for piece in scope.pieces]
        n = len(scopes)
        self.first = np.concatenate([[0], np.cumsum([len(scope.pieces) for scope in scopes])]).astype(np.int64)
        self.task = np.concatenate([[m for m, _ in self.pieces], np.arange(n)]).astype(np.int64)
        self.kind = np.repeat([DATA, MODEL], [len(self.pieces), n])

    def model(self, m: int) -> int:
        """Return the user that is m's model packet."""
        return len(self.pieces) + m


def allowed(scopes: list[Scope]) -> NDArray[np.bool_]:
    """Return which user may use which resource, shape (users, resources)."""
    pieces = [piece for scope in scopes for piece in scope.pieces]
    data = [piece.arcs if piece.sends_data and piece.ends else np.zeros_like(piece.arcs) for piece in pieces]
    return np.stack([*data, *(scope.arcs[MODEL] for scope in scopes)])
