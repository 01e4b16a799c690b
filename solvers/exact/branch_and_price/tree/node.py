"""Nodes of the tree (`branch`): open, and packed while they wait; and how they go on when pieces have been cut."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from solvers.exact.branch_and_price.domains.domain import Scope
from solvers.exact.branch_and_price.domains.segment import Piece
from solvers.exact.branch_and_price.pricing.commodities import Users
from solvers.exact.branch_and_price.pricing.multipliers import Prices, make_prices

if TYPE_CHECKING:
    from solvers.exact.branch_and_price.driver import Proof


@dataclass(eq=False)
class Node:
    """What is left in one node: a lower bound over it, its scopes, and prices to begin with."""

    bound: float
    scopes: list[Scope]
    prices: Prices


class Waiting:
    """A node that waits, in a hundredth of the memory: masks as bits, prices without their zeros."""

    def __init__(self, bound: float, scopes: list[Scope], prices: Prices) -> None:
        self.bound, self._price = bound, csr_array(prices.price)
        self._prices = replace(prices, price=np.zeros((0, 0)))
        masks = [mask for scope in scopes for mask in (*scope.arcs, *(piece.arcs for piece in scope.pieces))]
        self._resources, self._bits = len(masks[0]), np.packbits(np.stack(masks), axis=1)
        nothing = np.zeros(0, dtype=bool)
        self._scopes = [
            replace(scope.copy(), arcs=[], pieces=[replace(piece, arcs=nothing) for piece in scope.pieces])
            for scope in scopes
        ]

    def node(self) -> Node:
        """Return the node."""
        masks = iter(np.unpackbits(self._bits, axis=1, count=self._resources).astype(bool))
        scopes = []
        for kept in self._scopes:
            arcs = [next(masks), next(masks)]
            pieces = [replace(piece, ends=list(piece.ends), arcs=next(masks)) for piece in kept.pieces]
            scopes.append(replace(kept, arcs=arcs, pieces=pieces))
        return Node(self.bound, scopes, replace(self._prices, price=self._price.toarray()))

    def share(self, users: Users) -> None:
        """Take equal users in place of one's own, for their memory."""
        self._prices = replace(self._prices, users=users)

    def renewed(self, users: Users, parents: list[list[int]], proof: "Proof") -> "Waiting":
        """Return the node with other pieces, each of them part of one it had."""
        if all(len(mine) == len(scope.pieces) for mine, scope in zip(parents, self._scopes, strict=True)):
            self.share(users)  # as at fixed ratios, where pieces have two sides
            return self
        node = self.node()
        for scope, mine, now in zip(node.scopes, parents, proof.scopes, strict=True):
            scope.pieces = [scope.pieces[i].part(new.low, new.high) for i, new in zip(mine, now.pieces, strict=True)]
        first = node.prices.users.first
        rows = [int(first[m]) + i for m, mine in enumerate(parents) for i in mine]
        rows += [node.prices.users.model(m) for m in range(len(parents))]
        thetas = [np.array([weight]) for weight in node.prices.weight]
        prices = make_prices(proof.tables, users, thetas, node.prices.price[rows], proof.objective)
        return Waiting(self.bound, node.scopes, prices)


def parents_of(before: list[Piece], after: list[Piece]) -> list[int]:
    """Return which of the earlier pieces every later one is or was cut from."""
    kept = {id(old): i for i, old in enumerate(before)}

    def holds(old: Piece, new: Piece) -> bool:
        return old.mode == new.mode and old.low <= new.low and new.high <= old.high

    return [
        kept[id(new)] if id(new) in kept else next(i for i, old in enumerate(before) if holds(old, new))
        for new in after
    ]
