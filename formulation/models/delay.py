"""The service delay (3) in the models of (4) and (7), with F_c shared among the tasks of c where that is asked."""

from typing import Any

import pyomo.environ as pyo


def add_delay(m: Any) -> None:
    """Add (3) to a model with offload_ratio, share_at[m, c] = ρ_m [c(m) = c] and transmission.

    Adds
    ----
    large[m]
        t^L_m = Σ_c large_time[m, c] share_at[m, c], plus what other tasks at c(m) add (`_add_sharing`).
    makespan[m] ≥ 0
        local_side: ≥ t^S_m; remote_side: ≥ T^D_m + t^L_m.
    extraction[m], delay[m]
        t^fe_m; T_m = T^M_m + t^fe_m + makespan.
    """
    if m.problem.share_computing:
        _add_sharing(m)

    def large_model(m: Any, name: str) -> Any:
        alone = sum(m.large_time[t, c] * m.share_at[t, c] for t, c in m.SERVED if t == name)
        if not m.problem.share_computing:
            return alone
        return alone + sum(m.large_time[a, c] * m.shared_server[a, b, c] for a, b, c in m.SHARING if a == name)

    m.large = pyo.Expression(m.TASKS, rule=large_model, doc="t^L_m [time unit]")
    m.makespan = pyo.Var(m.TASKS, domain=pyo.NonNegativeReals, doc="max(T^D + t^L, t^S) [time unit]")
    m.local_side = pyo.Constraint(
        m.TASKS,
        rule=lambda m, name: m.makespan[name] >= m.small_time[name] * (1 - m.offload_ratio[name]),
        doc="(3), small model",
    )
    m.remote_side = pyo.Constraint(
        m.TASKS,
        rule=lambda m, name: m.makespan[name] >= m.transmission["data", name] + m.large[name],
        doc="(3), large model",
    )
    m.extraction = pyo.Expression(
        m.TASKS, rule=lambda m, name: m.extraction_time[name] * m.offload_ratio[name], doc="t^fe_m [time unit]"
    )
    m.delay = pyo.Expression(
        m.TASKS,
        rule=lambda m, name: m.transmission["model", name] + m.extraction[name] + m.makespan[name],
        doc="T_m (3) [time unit]",
    )


def _add_sharing(m: Any) -> None:
    """Add shared_server[a, b, c] ≥ share_at[a, c] + ends[data, b, c] - 1, ≥ 0: ρ_a where c serves both a and b.

    t^L_a counts once more for every other task that sends data to c(a). The bound 1 on the share is the big-M.
    """
    pairs = [(a, b, c) for a, c in m.SERVED for b, other in m.SERVED if other == c and b != a]
    m.SHARING = pyo.Set(initialize=pairs, dimen=3, doc="(m, m', c): c may serve both")
    m.shared_server = pyo.Var(m.SHARING, bounds=(0, 1), doc="ρ_m where c serves m and m' sends data to it too")
    m.server_congestion = pyo.Constraint(
        m.SHARING,
        rule=lambda m, a, b, c: m.shared_server[a, b, c] >= m.share_at[a, c] + m.ends["data", b, c] - 1,
        doc="shared_server >= share_at + ends - 1",
    )
