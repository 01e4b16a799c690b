"""Problem (5) with two inputs: feature and residual rate of least data packet, f piecewise linear on triangles."""

from collections.abc import Sequence
from typing import Any

import pyomo.environ as pyo

from formulation.models.units import largest_data_packet_bits, power_of_ten
from formulation.solution import RATIO_TOLERANCE
from instances import Instance, InstanceError, Task

TRANSFORMATION = "contrib.piecewise.disaggregated_logarithmic"


def build_feature_rate_model(instance: Instance, offload_ratio: Sequence[float]) -> Any:
    """Build problem (5) for tasks whose feature bits are a decision, by `pyomo.contrib.piecewise`.

    Sets: tasks m.
    Variables: feature_bpp[m], residual_bpp[m], the rates [bit/pixel] of an offloaded frame, inside the triangles.
    Minimise Σ_m D^D_m, in units of `bit_unit` [bit], D^D_m = N_m P_m (feature_bpp[m] + residual_bpp[m]) ρ_m, subject to
    (5b) f(feature_bpp[m], residual_bpp[m]) ≥ A^L_m, f linear on each triangle.

    The optimum equals that of `Triangulated.least_rates`, which the reduced (4) uses, where the triangles cover the
    ranges of both rates; beyond them this model has no f.

    Parameters
    ----------
    instance
        The problem; every task has `feature_bits_per_frame_range`.
    offload_ratio
        ρ_m per task, shape (tasks,).

    Raises
    ------
    InstanceError
        If the feature bits of a task are given.
    """
    from pyomo.contrib.piecewise import PiecewiseLinearFunction

    m = pyo.ConcreteModel(name="feature_rate")
    tasks = {task.satellite: task for task in instance.tasks}
    m.instance = instance
    m.TASKS = pyo.Set(initialize=list(tasks))
    m.offload_ratio = pyo.Param(m.TASKS, initialize=dict(zip(tasks, offload_ratio, strict=True)))
    m.feature_bpp = pyo.Var(m.TASKS, bounds=lambda m, name: _features(tasks[name]))
    m.residual_bpp = pyo.Var(m.TASKS, bounds=lambda m, name: (0.0, tasks[name].residual_levels_bpp[-1]))

    def surface(m: Any, name: str) -> Any:
        found = (tasks[name].accuracy or instance.accuracy).surface
        assert found is not None, "an instance with a range of feature bits has one"
        corners = [[found.points[i] for i in triangle] for triangle in found.triangles]
        simplices = [tuple((a, b) for a, b, _ in corner) for corner in corners]
        return PiecewiseLinearFunction(simplices=simplices, linear_functions=[_plane(corner) for corner in corners])

    m.surface = {name: surface(m, name) for name in tasks}
    for name, function in m.surface.items():
        m.add_component(f"accuracy_of_{name}", function)

    @m.Constraint(m.TASKS, doc="(5b)")
    def large_map(m: Any, name: str) -> Any:
        if m.offload_ratio[name] <= RATIO_TOLERANCE:
            return pyo.Constraint.Skip
        return m.surface[name](m.feature_bpp[name], m.residual_bpp[name]) >= tasks[name].large_map_min

    @m.Expression(m.TASKS, doc="D^D_m [bit]")
    def data_packet_bits(m: Any, name: str) -> Any:
        return tasks[name].pixels * (m.feature_bpp[name] + m.residual_bpp[name]) * m.offload_ratio[name]

    m.bit_unit = power_of_ten(sum(largest_data_packet_bits(task) for task in tasks.values()))
    m.total_bits = pyo.Expression(expr=sum(m.data_packet_bits[name] for name in m.TASKS))
    m.total = pyo.Objective(expr=m.total_bits / m.bit_unit)
    pyo.TransformationFactory(TRANSFORMATION).apply_to(m)
    return m


def _features(task: Task) -> tuple[float, float]:
    if task.feature_bits_per_frame_range is None:
        raise InstanceError(
            f"task {task.satellite}: feature_bits_per_frame_range is needed, its feature bits are given"
        )
    low, high = task.feature_bits_per_frame_range
    return low / task.pixels_per_frame, high / task.pixels_per_frame


def _plane(corners: Sequence[tuple[float, float, float]]) -> Any:
    """Return the linear function through three points, as Pyomo needs it."""
    import numpy as np

    places = np.array([[a, b, 1.0] for a, b, _ in corners])
    p, q, r = (float(value) for value in np.linalg.solve(places, [value for *_, value in corners]))

    def plane(feature: Any, residual: Any) -> Any:
        return p * feature + q * residual + r

    return plane
