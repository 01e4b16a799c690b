"""`energy`: what a satellite may spend in the slot."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from formulation.energy import satellite_energy_j
from formulation.rules import fields, schemas
from formulation.rules.linear_form import Bits, Offloaded, OffloadRatio, Row, Variable
from formulation.rules.rule import Broken, Rule, exceeds
from formulation.solution import Solution
from instances import Instance, Satellite


@dataclass(frozen=True, kw_only=True)
class Energy(Rule):
    """At most so much energy of each satellite, as `satellite_energy_j` computes it.

    Attributes
    ----------
    limit_j
        Energy a satellite [J].
    satellites
        Which satellites.
    """

    kind: ClassVar[str] = "energy"
    title: ClassVar[str] = "most energy of each satellite"
    limit_j: float = field(metadata=schemas.AMOUNT)
    satellites: fields.Ids = field(default=fields.ALL, metadata=schemas.IDS)

    def _validate(self) -> None:
        self._set(limit_j=fields.CHECKS.number("limit_j", self.limit_j, 0.0))
        self._set(satellites=fields.ids("satellites", self.satellites))

    def bind(self, instance: Instance) -> None:  # noqa: D102
        fields.satellites_of(instance, self.satellites)

    def broken(self, instance: Instance, solution: Solution) -> Iterator[Broken]:  # noqa: D102
        energy = satellite_energy_j(instance, solution)
        for node in fields.satellites_of(instance, self.satellites):
            if exceeds(energy.get(node, 0.0), self.limit_j):
                yield None, energy[node], self.limit_j

    def rows(self, instance: Instance) -> Iterator[Row]:  # noqa: D102
        for node in fields.satellites_of(instance, self.satellites):
            satellite = instance.satellite(node)
            terms, constant = self._computing(instance, satellite)
            tasks = fields.tasks_of(instance, fields.ALL)
            if satellite.transmit_w > 0:
                terms += [
                    (satellite.transmit_w / link.rate_bps, Bits(tasks, ("data", "model"), ((node, link.target),)))
                    for link in instance.out_links(node)
                ]
            if terms or constant > self.limit_j:
                yield Row(node, tuple(terms), "<=", self.limit_j - constant)

    @staticmethod
    def _computing(instance: Instance, satellite: Satellite) -> tuple[list[tuple[float, Variable]], float]:
        """Return the terms of the operations that are done on a satellite, and what it spends at ρ = 0 [J]."""
        terms: list[tuple[float, Variable]] = []
        constant, joule = 0.0, satellite.joule_per_op
        for task in instance.tasks if joule > 0 else ():
            if task.satellite == satellite.id:
                small = task.frames * task.small_ops_per_frame
                slope = task.volume_bits * task.feature_ops_per_bit - small
                terms.append((joule * slope, OffloadRatio((task.satellite,))))
                constant += joule * small
            elif satellite.role == "computing":
                large = joule * task.frames * task.large_ops_per_frame
                terms.append((large, Offloaded((task.satellite,), (satellite.id,))))
        return terms, constant
