"""Options of solvers under which a bound is none: refused, so that `optimal` keeps its meaning.

A bound is as good as the tolerances behind it, and worthless once the solver is told to take a number for one. Options
that only stop a run early, or change its way, are the user's own.
"""

from collections.abc import Mapping
from typing import Any

from solvers.backends.errors import SolverError

LOOSEST = 1e-5
"""The largest tolerance on feasibility, integrality or optimality; solvers' own are 1e-5 and below."""
_MOST: dict[str, dict[str, float]] = {
    "highs": {
        "kkt_tolerance": LOOSEST,
        "primal_feasibility_tolerance": LOOSEST,
        "dual_feasibility_tolerance": LOOSEST,
        "primal_residual_tolerance": LOOSEST,
        "dual_residual_tolerance": LOOSEST,
        "optimality_tolerance": LOOSEST,
        "ipm_optimality_tolerance": LOOSEST,
        "mip_feasibility_tolerance": LOOSEST,
        "small_matrix_value": 1e-9,  # coefficients up to it are dropped
    },
    "scip": {
        "numerics/feastol": LOOSEST,
        "numerics/dualfeastol": LOOSEST,
        "numerics/sumepsilon": LOOSEST,
        "numerics/barrierconvtol": LOOSEST,
        "numerics/checkfeastolfac": 1.0,
        "constraints/components/feastolfactor": 1.0,
        "numerics/epsilon": 1e-8,
    },
    "gurobi": dict.fromkeys(("feasibilitytol", "intfeastol", "optimalitytol", "barconvtol"), LOOSEST),
    "cbc": dict.fromkeys(("primaltolerance", "dualtolerance", "integertolerance", "zerotolerance"), LOOSEST),
}
_REFUSED: dict[str, tuple[str, ...]] = {
    "highs": ("objective_bound", "objective_target"),
    "gurobi": ("cutoff",),
    "cbc": ("cutoff", "increment"),
}
_ONLY: dict[str, dict[str, tuple[Any, ...]]] = {
    # Scaling the model scales what its tolerances mean; first-order methods end with a point, not a bound.
    "highs": {
        "user_objective_scale": (0,),
        "user_bound_scale": (0,),
        "solver": ("choose", "simplex", "ipm", "ipx", "hipo"),
    },
    "gurobi": {"objscale": (0,)},
}
_SHORTEST = 4
"""CBC takes names that are cut short."""


def check_options(solver: str, options: Mapping[str, Any]) -> None:
    """Refuse options that would make the solver's bound untrustworthy.

    Parameters
    ----------
    solver
        Its name as Pyomo has it, or `highs`. Of solvers that have no list here, options whose names speak of a
        tolerance or a cut-off are held to the same limits.
    options
        By the solver's own names.

    Raises
    ------
    SolverError
        One line: which option, what is allowed, what was given.
    """
    kind = next((name for name in _MOST if name in solver), None)
    for given, value in options.items():
        name = _full_name(kind, given)
        rule = ""
        if name in _REFUSED.get(kind or "", ()) or (kind is None and "cut" in name and "off" in name):
            rule = "must be left alone, it cuts off what is not proven"
        most = _MOST.get(kind or "", {}).get(name)
        if kind is None and ("tol" in name or "eps" in name) and "gap" not in name:
            most = LOOSEST
        if most is not None and not _at_most(value, most):
            rule = f"must be at most {most:g}, above it a bound proves nothing"
        allowed = _ONLY.get(kind or "", {}).get(name)
        if allowed is not None and value not in allowed:
            rule = f"must be {' or '.join(str(one) for one in allowed)}, else a bound proves nothing"
        if rule:
            raise SolverError(f"solver option {given!r}: {rule}; got {value!r}")


def _full_name(kind: str | None, given: str) -> str:
    name = given if kind in ("highs", "scip") else given.lower()
    if kind == "cbc" and len(name) >= _SHORTEST - 1:
        known = (*_MOST["cbc"], *_REFUSED["cbc"])
        return next((full for full in known if full.startswith(name)), name)
    return name


def _at_most(value: Any, most: float) -> bool:
    """Say whether a value is a number within the limit; what is no number is left to the solver to refuse."""
    try:
        return float(value) <= most * (1 + 1e-12)
    except (TypeError, ValueError):
        return True
