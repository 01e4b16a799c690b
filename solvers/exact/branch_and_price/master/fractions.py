"""What one task does in a point of the restricted master."""

from dataclasses import dataclass

from solvers.exact.branch_and_price.master.base import RestrictedMaster
from solvers.network.arrays import DATA, Floats, Ints

SMALLEST = 1e-9


@dataclass(eq=False)
class TaskFractions:
    """What one task does in a point.

    Attributes
    ----------
    segments
        Share of each (position of the segment, end).
    flows
        Per kind the share on each arc used.
    routes
        Per kind the paths as (share, end, resources), the largest share first.
    """

    segments: dict[tuple[int, int], float]
    flows: list[dict[int, float]]
    routes: list[list[tuple[float, int, Ints]]]

    @property
    def size(self) -> float:
        """The least of the largest fractions: of a segment, and of each packet's path."""
        largest = [routes[0][0] for routes in self.routes if routes]
        return min([max(self.segments.values(), default=1.0), *largest])


def fractions_of(master: RestrictedMaster, values: Floats) -> list[TaskFractions]:
    """Return the fractions of every task in a point of the relaxation."""
    commodities = master.commodities
    found = [TaskFractions({}, [{}, {}], [[], []]) for _ in master.domains]
    for column, commodity, used, c in master.routes:
        value = float(values[column]) if column < len(values) else 0.0
        if value <= SMALLEST:
            continue
        m, kind = int(commodities.task[commodity]), int(commodities.kind[commodity])
        mine = found[m]
        if kind == DATA:
            key = commodity - int(commodities.first[m]), c
            mine.segments[key] = mine.segments.get(key, 0.0) + value
        mine.routes[kind].append((value, c, used))
        for r in used.tolist():
            mine.flows[kind][r] = mine.flows[kind].get(r, 0.0) + value
    for mine in found:
        for routes in mine.routes:
            routes.sort(key=lambda route: -route[0])
    return found
