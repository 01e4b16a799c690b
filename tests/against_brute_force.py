"""What solves of one instance must agree with brute force on: a list of sentences, one for each that does not."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from formulation import Problem, Solution, TaskDecision, check
from instances import Instance
from solvers.exact import solve_data_packets, solve_full, solve_model_packets, solve_routing
from solvers.result import Termination
from tests.brute_force import Packets, least_packets, optima, routing_optima
from tests.tiny import asked

GAP = 1e-6
ROUNDING = 1e-9
FORMULATIONS = ("bit-flow", "load-indexed", "joint", "textbook")


def wrong(name: str, instance: Instance, truth: float, result: Any, **variant: bool) -> Iterator[str]:
    """What is wrong with a solve of which the optimum is known."""
    if math.isinf(truth):
        if result.termination is not Termination.INFEASIBLE or not result.message:
            yield f"{name}: {result.termination} {result.objective_s!r}, brute force finds no solution"
        return
    if result.termination is not Termination.OPTIMAL:
        yield f"{name}: {result.termination} ({result.message}), brute force finds {truth!r}"
        return
    if not truth * (1 - ROUNDING) <= result.objective_s <= truth * (1 + GAP * (1 + 1e-3)):
        yield f"{name}: objective {result.objective_s!r}, brute force finds {truth!r}"
    if not result.bound_s <= truth * (1 + ROUNDING):
        yield f"{name}: bound {result.bound_s!r}, brute force finds {truth!r}"
    for violation in check(Problem(instance, **variant), result.solution):
        yield f"{name}: {violation}"


def full_problem(instance: Instance, **options: Any) -> Iterator[str]:
    """(4), mean and maximum; `options` are those of `solve_full`."""
    variant = {key: options.get(key, False) for key in ("whole_frames", "share_computing")}
    truth = optima(instance, **variant)
    for objective, value in truth.items():
        result = solve_full(
            asked(instance, objective=objective, **options)[0], mip_gap=GAP, **asked(instance, **options)[1]
        )
        yield from wrong(f"(4) {objective} {options}", instance, value, result, **variant)


def _given_packets(rng: np.random.Generator, instance: Instance) -> tuple[Solution, list[Packets], list[float]] | None:
    """Packets at drawn ratios that accuracy allows, or None where it allows some task none."""
    found = [least_packets(instance, task) for task in instance.tasks]
    ratios, decisions = [], []
    for task, packets in zip(instance.tasks, found, strict=True):
        allowed = [0.0] if packets.model_bits is not None else []
        allowed += [1.0] if packets.bits_per_ratio is not None else []
        allowed += [float(rng.uniform(0.01, 0.99))] * 2 if len(allowed) == 2 else []
        if not allowed:
            return None
        ratio = float(rng.choice(allowed))
        shares = [0.0] * (1 + len(task.residual_levels_bpp))
        if ratio > 0:
            mean = (packets.bits_per_ratio / task.frames - task.feature_bits_per_frame) / task.pixels_per_frame
            shares[-1] = ratio * min(max(mean / task.residual_levels_bpp[-1], 0.0), 1.0)
            shares[0] = ratio - shares[-1]
        bits = packets.model_bits if ratio < 1 else 0.0
        decisions.append(TaskDecision(task.satellite, instance.computing[0], ratio, tuple(shares), bits, None, None))
        ratios.append(ratio)
    return Solution(instance.name, tuple(decisions)), found, ratios


def routing(instance: Instance, seed: int, **options: Any) -> Iterator[str]:
    """(7) at drawn ratios, with data packets of the size of (5) that mix the lowest and the highest level."""
    given = _given_packets(np.random.default_rng(seed), instance)
    if given is None:
        return
    packets, found, ratios = given
    for objective, value in routing_optima(instance, found, ratios).items():
        result = solve_routing(Problem(instance, objective), packets, mip_gap=GAP, **options)
        for sentence in wrong(f"(7) {objective} {options}", instance, value, result):
            if "(4b)" not in sentence:  # f may be lower at the mix that is given
                yield sentence


def packets_alone(instance: Instance) -> Iterator[str]:
    """(5) and (6) at ρ = ½, in whole frames too where these can be tried."""
    found = [least_packets(instance, task) for task in instance.tasks]
    data = [None if one.bits_per_ratio is None else 0.5 * one.bits_per_ratio for one in found]
    yield from _sizes("(5)", data, solve_data_packets(instance, 0.5))
    yield from _sizes("(6)", [one.model_bits for one in found], solve_model_packets(instance))
    if few_counts(instance):
        counts = [least_packets(instance, task, True).bits_of for task in instance.tasks]
        whole = [None if one is None else one.get(1.0) for one in counts]
        yield from _sizes("(5) whole frames", whole, solve_data_packets(Problem(instance, whole_frames=True), 1.0))


def _sizes(name: str, truth: list[float | None], result: Any) -> Iterator[str]:
    if any(bits is None for bits in truth):
        if result.termination is not Termination.INFEASIBLE or not result.message:
            yield f"{name}: {result.termination} {result.objective_bits!r}, brute force finds no packet"
        return
    total = sum(truth)
    if result.termination is not Termination.OPTIMAL:
        yield f"{name}: {result.termination} ({result.message}), brute force finds {total!r}"
    elif not math.isclose(result.objective_bits, total, rel_tol=GAP, abs_tol=1e-9):
        yield f"{name}: {result.objective_bits!r} bits, brute force finds {total!r}"


def few_counts(instance: Instance) -> bool:
    """Whether all whole numbers of frames at all levels can be tried."""
    return all((task.frames + 1) ** (1 + len(task.residual_levels_bpp)) <= 1500 for task in instance.tasks)


def everything(instance: Instance, seed: int) -> Iterator[str]:
    """Every problem and variant, with one Pyomo model of all that there are in turn."""
    yield from full_problem(instance)
    yield from full_problem(instance, formulation=FORMULATIONS[seed % 4])
    yield from full_problem(instance, share_computing=True)
    if seed % 5 == 0:
        yield from full_problem(instance, solver="scip")
    if few_counts(instance):
        yield from full_problem(instance, whole_frames=True)
        yield from full_problem(instance, whole_frames=True, share_computing=True, formulation=FORMULATIONS[seed % 3])
    yield from routing(instance, seed)
    yield from routing(instance, seed, formulation="bit-flow")
    yield from packets_alone(instance)
