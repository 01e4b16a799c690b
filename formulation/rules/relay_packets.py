"""`relay_packets`: how many packets a satellite relays."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from formulation.rules import fields, schemas
from formulation.rules.linear_form import Relay, Row
from formulation.rules.routes import relays_on, routes_of
from formulation.rules.rule import Broken, Rule
from formulation.solution import Solution
from instances import Instance


@dataclass(frozen=True, kw_only=True)
class RelayPackets(Rule):
    """At most so many packets relayed by each satellite; the ends of a route do not relay it.

    Attributes
    ----------
    limit
        Packets a satellite; with `packets` both, data and model packets are added.
    satellites
        Which satellites.
    packets
        `data`, `model` or `both`.
    """

    kind: ClassVar[str] = "relay_packets"
    title: ClassVar[str] = "most packets relayed by each satellite"
    limit: int = field(metadata=schemas.COUNT)
    satellites: fields.Ids = field(default=fields.ALL, metadata=schemas.IDS)
    packets: str = field(default="both", metadata=schemas.PACKETS)

    def _validate(self) -> None:
        fields.CHECKS.choice("packets", self.packets, fields.PACKETS)
        self._set(limit=fields.CHECKS.whole("limit", self.limit, 0))
        self._set(satellites=fields.ids("satellites", self.satellites))

    def bind(self, instance: Instance) -> None:  # noqa: D102
        fields.satellites_of(instance, self.satellites)

    def broken(self, instance: Instance, solution: Solution) -> Iterator[Broken]:  # noqa: D102
        routes = routes_of(solution, fields.tasks_of(instance, fields.ALL), self.packets)
        count = Counter(node for _, _, path in routes for node in relays_on(path))
        for node in fields.satellites_of(instance, self.satellites):
            if count[node] > self.limit:
                yield None, float(count[node]), float(self.limit)

    def rows(self, instance: Instance) -> Iterator[Row]:  # noqa: D102
        tasks, packets = fields.tasks_of(instance, fields.ALL), fields.PACKETS[self.packets]
        if self.limit >= len(tasks) * len(packets):
            return
        for node in fields.satellites_of(instance, self.satellites):
            yield Row(node, ((1.0, Relay(tasks, packets, (node,))),), "<=", float(self.limit))
