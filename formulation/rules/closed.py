"""`closed`: satellites and links that packets keep away from."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from formulation.rules import fields, schemas
from formulation.rules.linear_form import Ends, Relay, Row, Serve, Use
from formulation.rules.routes import links_on, relays_on, routes_of
from formulation.rules.rule import Broken, ProblemError, Rule
from formulation.solution import Solution
from instances import Instance


@dataclass(frozen=True, kw_only=True)
class Closed(Rule):
    """Packets are not relayed through these satellites, not served by them, and not sent over these links.

    Served by: the data packet does not end there and the model packet does not start there. A task on a closed
    satellite still sends and receives its own packets.

    Attributes
    ----------
    satellites, links
        What is closed; one at least.
    tasks
        For whom.
    packets
        `data`, `model` or `both`.
    """

    kind: ClassVar[str] = "closed"
    title: ClassVar[str] = "satellites and links that packets keep away from"
    satellites: fields.Ids = field(default=(), metadata=schemas.IDS_OR_NONE)
    links: fields.Links = field(default=(), metadata=schemas.LINKS_OR_NONE)
    tasks: fields.Ids = field(default=fields.ALL, metadata=schemas.IDS)
    packets: str = field(default="both", metadata=schemas.PACKETS)

    def _validate(self) -> None:
        fields.CHECKS.choice("packets", self.packets, fields.PACKETS)
        self._set(satellites=fields.ids("satellites", self.satellites, 0), links=fields.links("links", self.links, 0))
        self._set(tasks=fields.ids("tasks", self.tasks))
        if not (self.satellites or self.links):
            raise ProblemError("satellites or links must name what is closed, got neither")

    def bind(self, instance: Instance) -> None:  # noqa: D102
        fields.satellites_of(instance, self.satellites)
        fields.links_of(instance, self.links)
        fields.tasks_of(instance, self.tasks)

    def broken(self, instance: Instance, solution: Solution) -> Iterator[Broken]:  # noqa: D102
        nodes = set(fields.satellites_of(instance, self.satellites))
        links = set(fields.links_of(instance, self.links))
        for task, kind, path in routes_of(solution, fields.tasks_of(instance, self.tasks), self.packets):
            end = path[-1] if kind == "data" else path[0]
            if end in nodes:
                yield task, f"{kind} packet served by {end}", None
            for node in relays_on(path):
                if node in nodes:
                    yield task, f"{kind} packet relayed by {node}", None
            for source, target in links_on(path):
                if (source, target) in links:
                    yield task, f"{kind} packet sent over {source} -> {target}", None

    def rows(self, instance: Instance) -> Iterator[Row]:  # noqa: D102
        tasks, packets = fields.tasks_of(instance, self.tasks), fields.PACKETS[self.packets]
        nodes = fields.satellites_of(instance, self.satellites)
        links = fields.links_of(instance, self.links)
        computing = tuple(c for c in instance.computing if c in set(nodes))
        if nodes:
            yield Row("relays", ((1.0, Relay(tasks, packets, nodes)),), "<=", 0.0)
        if computing:
            served = Serve(tasks, computing) if self.packets == "both" else Ends(tasks, packets, computing)
            yield Row("computing", ((1.0, served),), "<=", 0.0)
        if links:
            yield Row("links", ((1.0, Use(tasks, packets, links)),), "<=", 0.0)
