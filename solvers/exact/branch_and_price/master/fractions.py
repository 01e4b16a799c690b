"""What one task does in a point of the restricted master."""

from dataclasses import dataclass

from solvers.exact.branch_and_price.master.base import Paths
from solvers.network.arrays import DATA, Floats, Ints

SMALLEST = 1e-9


@dataclass(eq=False)
class Shares:
    """What one task does in a point.

    Attributes
    ----------
    pieces
        Share of each (position of the piece, end).
    flows
        Per kind the share on each arc used.
    routes
        Per kind the paths as (share, end, resources), the largest share first.
    """

    pieces: dict[tuple[int, int], float]
    flows: list[dict[int, float]]
    routes: list[list[tuple[float, int, Ints]]]

    @property
    def size(self) -> float:
        """The least of the largest shares: of a piece, and of each packet's path."""
        largest = [routes[0][0] for routes in self.routes if routes]
        return min([max(self.pieces.values(), default=1.0), *largest])


def shares_of(columns: Paths, values: Floats) -> list[Shares]:
    """Return the shares of every task in a point of the relaxation."""
    users = columns.users
    found = [Shares({}, [{}, {}], [[], []]) for _ in columns.scopes]
    for column, user, used, c in columns.routes:
        value = float(values[column]) if column < len(values) else 0.0
        if value <= SMALLEST:
            continue
        m, kind = int(users.task[user]), int(users.kind[user])
        mine = found[m]
        if kind == DATA:
            key = user - int(users.first[m]), c
            mine.pieces[key] = mine.pieces.get(key, 0.0) + value
        mine.routes[kind].append((value, c, used))
        for r in used.tolist():
            mine.flows[kind][r] = mine.flows[kind].get(r, 0.0) + value
    for mine in found:
        for routes in mine.routes:
            routes.sort(key=lambda route: -route[0])
    return found
