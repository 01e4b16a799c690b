"""`link_packets`: how many packets a link carries."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from formulation.rules import fields, schemas
from formulation.rules.linear_form import Row, Use
from formulation.rules.routes import links_on, routes_of
from formulation.rules.rule import Broken, Rule
from formulation.solution import Solution
from instances import Instance


@dataclass(frozen=True, kw_only=True)
class LinkPackets(Rule):
    """At most so many packets on each link.

    Attributes
    ----------
    limit
        Packets a link; with `packets` both, data and model packets are added.
    links
        Which links.
    packets
        `data`, `model` or `both`.
    """

    kind: ClassVar[str] = "link_packets"
    title: ClassVar[str] = "most packets on each link"
    limit: int = field(metadata=schemas.COUNT)
    links: fields.Links = field(default=fields.ALL, metadata=schemas.LINKS)
    packets: str = field(default="both", metadata=schemas.PACKETS)

    def _validate(self) -> None:
        fields.CHECKS.choice("packets", self.packets, fields.PACKETS)
        self._set(limit=fields.CHECKS.whole("limit", self.limit, 0), links=fields.links("links", self.links))

    def bind(self, instance: Instance) -> None:  # noqa: D102
        fields.links_of(instance, self.links)

    def broken(self, instance: Instance, solution: Solution) -> Iterator[Broken]:  # noqa: D102
        routes = routes_of(solution, fields.tasks_of(instance, fields.ALL), self.packets)
        count = Counter(link for _, _, path in routes for link in links_on(path))
        for link in fields.links_of(instance, self.links):
            if count[link] > self.limit:
                yield None, float(count[link]), float(self.limit)

    def rows(self, instance: Instance) -> Iterator[Row]:  # noqa: D102
        tasks, packets = fields.tasks_of(instance, fields.ALL), fields.PACKETS[self.packets]
        if self.limit >= len(tasks) * len(packets):
            return
        for link in fields.links_of(instance, self.links):
            yield Row(f"{link[0]} -> {link[1]}", ((1.0, Use(tasks, packets, (link,))),), "<=", float(self.limit))
