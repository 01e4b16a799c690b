"""Brute force with rules, weights, deadlines and limits of ρ: every combination of routes, cheapest first.

A combination is allowed or not by predicates of its own for each kind, written from the definitions alone; ρ is then
the optimum of a small linear program, since each T_m is convex and piecewise linear in ρ_m. Combinations come in the
order of what they would cost without rules, so that the search ends at the first that costs no less than the best.
"""

import math
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.optimize import linprog

from formulation import Problem, Rule
from instances import Instance
from tests.brute_force import (
    LIGHT,
    Choice,
    Enumeration,
    Packets,
    _rate,
    choices,
    least_packets,
)

Combination = list[Choice]


def _kinds(packets: str) -> tuple[str, ...]:
    return ("data", "model") if packets == "both" else (packets,)


def _routes(rule: Rule, instance: Instance, combination: Combination, tasks: Any = "all") -> list[Any]:
    """(task, kind, path) of the packets that a rule looks at."""
    found = []
    for task, choice in zip(instance.tasks, combination, strict=True):
        if tasks == "all" or task.satellite in tasks:
            for kind in _kinds(rule.packets):
                path = choice.data if kind == "data" else choice.model
                if path is not None:
                    found.append((task.satellite, kind, path))
    return found


def _within(value: Any, wanted: Any) -> bool:
    return wanted == "all" or value in wanted


def allowed(rule: Rule, instance: Instance, combination: Combination) -> bool:
    """Whether routes and c(m) keep a rule; rules on ρ are left to the linear program."""
    served = {task.satellite: choice.c for task, choice in zip(instance.tasks, combination, strict=True)}
    on_c = Counter(served.values())
    match rule.kind:
        case "closed":
            for _, kind, path in _routes(rule, instance, combination, rule.tasks):
                end = path[-1] if kind == "data" else path[0]
                if any(_within(node, rule.satellites) for node in (end, *path[1:-1])):
                    return False
                if any(_within(link, rule.links) for link in pairwise(path)):
                    return False
            return True
        case "link_packets":
            count = Counter(link for _, _, path in _routes(rule, instance, combination) for link in pairwise(path))
            return all(n <= rule.limit for link, n in count.items() if _within(link, rule.links))
        case "relay_packets":
            count = Counter(node for _, _, path in _routes(rule, instance, combination) for node in path[1:-1])
            return all(n <= rule.limit for node, n in count.items() if _within(node, rule.satellites))
        case "computing_tasks":
            return all(n <= rule.limit for c, n in on_c.items() if _within(c, rule.satellites))
        case "open_computing":
            return len(on_c) <= rule.limit
        case "same_computing" | "different_computing":
            chosen = [c for task, c in served.items() if _within(task, rule.tasks)]
            return len(set(chosen)) == (1 if rule.kind == "same_computing" else len(chosen))
        case "disjoint":
            parts = [
                set(pairwise(path)) if rule.what == "links" else set(path[1:-1])
                for _, _, path in _routes(rule, instance, combination, rule.tasks)
            ]
            return sum(len(part) for part in parts) == len(set().union(*parts))
        case "hops":
            return all(len(path) - 1 <= rule.limit for _, _, path in _routes(rule, instance, combination, rule.tasks))
        case "energy" | "linear":
            return True
    raise AssertionError(f"no predicate for {rule.kind}")


class _Numbers:
    """What one combination costs, per task as functions of ρ."""

    def __init__(self, problem: Problem, packets: list[Packets], combination: Combination) -> None:
        self.instance, self.packets, self.combination = problem.instance, packets, combination
        loads = {"data": (Counter(), Counter()), "model": (Counter(), Counter())}
        for choice in combination:
            for kind, path in (("data", choice.data), ("model", choice.model)):
                if path is not None:
                    loads[kind][0].update(pairwise(path))
                    loads[kind][1].update(path[1:-1])
        served = Counter(choice.c for choice in combination if choice.data is not None)
        self.rows = []
        for task, size, choice in zip(self.instance.tasks, packets, combination, strict=True):
            own, remote = (_rate(self.instance.satellite(k)) for k in (task.satellite, choice.c))
            bits, fixed = self._path(choice.data, *loads["data"])
            model_bit, model_fixed = self._path(choice.model, *loads["model"])
            large = task.frames * task.large_ops_per_frame / remote
            large *= served[choice.c] if problem.share_computing and choice.data is not None else 1
            self.rows.append(
                {
                    "model": model_fixed + model_bit * (size.model_bits or 0.0) if choice.model is not None else 0.0,
                    "extraction": task.frames
                    * task.pixels_per_frame
                    * task.bits_per_pixel
                    * task.feature_ops_per_bit
                    / own,
                    "small": task.frames * task.small_ops_per_frame / own,
                    "work": bits * (size.bits_per_ratio or 0.0) + large if choice.data is not None else 0.0,
                    "fixed": fixed,
                    "low": 1.0 if choice.model is None else max(0.0, task.offload_ratio_range[0]),
                    "high": 0.0 if choice.data is None else min(1.0, task.offload_ratio_range[1]),
                }
            )

    def _path(self, path: Any, links: Counter, relays: Counter) -> tuple[float, float]:
        if path is None:
            return 0.0, 0.0
        per_bit = sum(links[hop] / self.instance.link(*hop).rate_bps for hop in pairwise(path))
        per_bit += sum(relays[k] * self.instance.satellite(k).relay_s_per_bit for k in path[1:-1])
        return per_bit, sum(self.instance.link(*hop).length_m for hop in pairwise(path)) / LIGHT

    def energy(self, node: str) -> tuple[Any, float]:
        """Coefficients of ρ, and constant, of a satellite's energy [J]."""
        slope, constant, satellite = np.zeros(len(self.rows)), 0.0, self.instance.satellite(node)
        for m, (task, size, choice) in enumerate(zip(self.instance.tasks, self.packets, self.combination, strict=True)):
            if task.satellite == node:
                features = task.frames * task.pixels_per_frame * task.bits_per_pixel * task.feature_ops_per_bit
                small = task.frames * task.small_ops_per_frame
                slope[m] += satellite.joule_per_op * (features - small)
                constant += satellite.joule_per_op * small
            if choice.c == node and choice.data is not None:
                slope[m] += satellite.joule_per_op * task.frames * task.large_ops_per_frame
            for hop in pairwise(choice.data or ()):
                if hop[0] == node:
                    slope[m] += satellite.transmit_w * (size.bits_per_ratio or 0.0) / self.instance.link(*hop).rate_bps
            for hop in pairwise(choice.model or ()):
                if hop[0] == node:
                    constant += satellite.transmit_w * (size.model_bits or 0.0) / self.instance.link(*hop).rate_bps
        return slope, constant

    def linear(self, rule: Rule) -> tuple[Any, float]:
        """Coefficients of ρ, and constant, of a linear rule."""
        slope, constant = np.zeros(len(self.rows)), 0.0
        names = [task.satellite for task in self.instance.tasks]
        for term in rule.terms:
            m = names.index(term.task)
            choice = self.combination[m]
            path = choice.data if term.packet == "data" else choice.model
            if term.variable == "offload_ratio":
                slope[m] += term.coefficient
            elif term.variable == "serve":
                constant += term.coefficient * (choice.c == term.computing)
            elif term.variable == "sent":
                constant += term.coefficient * (path is not None)
            else:
                constant += term.coefficient * (path is not None and term.link in list(pairwise(path)))
        return slope, constant

    def optimum(self, problem: Problem) -> float:
        """The least objective [s] over ρ, inf where no ρ keeps the rules."""
        n, weights = len(self.rows), np.array([task.weight for task in self.instance.tasks])
        upper, bound = [], []  # over ρ (n), y (n), z

        def add(ratios: Any, ys: Any, z: float, limit: float) -> None:
            upper.append(np.concatenate([ratios, ys, [z]]))
            bound.append(limit)

        unit = np.eye(n)
        for m, (row, task) in enumerate(zip(self.rows, self.instance.tasks, strict=True)):
            if row["low"] > row["high"]:
                return math.inf
            if row["high"] > 0:
                add(row["work"] * unit[m], -unit[m], 0, -row["fixed"])
            add(-row["small"] * unit[m], -unit[m], 0, -row["small"])
            if task.deadline_s is not None:
                add(row["extraction"] * unit[m], unit[m], 0, task.deadline_s - row["model"])
            if problem.objective == "max":
                add(row["extraction"] * unit[m], unit[m], -1, -row["model"])
        for rule in problem.rules:
            if rule.kind == "energy":
                for satellite in self.instance.satellites:
                    if _within(satellite.id, rule.satellites):
                        slope, constant = self.energy(satellite.id)
                        scale = max(rule.limit_j, 1.0)
                        add(slope / scale, 0 * slope, 0, (rule.limit_j - constant) / scale)
            if rule.kind == "linear":
                slope, constant = self.linear(rule)
                if rule.sense != ">=":
                    add(slope, 0 * slope, 0, rule.rhs - constant)
                if rule.sense != "<=":
                    add(-slope, 0 * slope, 0, constant - rule.rhs)
        extraction = np.array([row["extraction"] for row in self.rows])
        if problem.objective == "max":
            cost, base = np.concatenate([np.zeros(2 * n), [1.0]]), 0.0
        else:
            share = weights / weights.sum()
            cost, base = np.concatenate([share * extraction, share, [0.0]]), 0.0
            base = float(share @ [row["model"] for row in self.rows])
        bounds = [(row["low"], row["high"]) for row in self.rows] + [(0, None)] * (n + 1)
        answer = linprog(cost, A_ub=np.array(upper), b_ub=np.array(bound), bounds=bounds, method="highs")
        return float(answer.fun) + base if answer.status == 0 else math.inf


def least(problem: Problem) -> float:
    """The optimum of (4) [s] with everything the problem asks, inf where there is no solution; no whole frames."""
    instance = problem.instance
    packets = [least_packets(instance, task) for task in instance.tasks]
    options = [choices(instance, task, found) for task, found in zip(instance.tasks, packets, strict=True)]
    sizes = [len(some) for some in options]
    rows = np.unravel_index(np.arange(math.prod(sizes)), sizes)
    delays = Enumeration(instance, packets, options)._delays(rows, None, problem.share_computing)
    weights = np.array([task.weight for task in instance.tasks])
    lower = delays.max(axis=0) if problem.objective == "max" else weights @ delays / weights.sum()
    best = math.inf
    for i in np.argsort(lower, kind="stable"):
        if lower[i] >= best:
            break
        combination = [some[row[i]] for some, row in zip(options, rows, strict=True)]
        if all(allowed(rule, instance, combination) for rule in problem.rules):
            best = min(best, _Numbers(problem, packets, combination).optimum(problem))
    return best
