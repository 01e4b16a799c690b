"""The delay of one task as a function of its data packet's work A and propagation p, ρ at its optimum."""

from solvers.network.data import TaskData


def delay_share(task_data: TaskData, work_s: float, fixed_s: float) -> float:
    """Return h(A, p): the least of α ρ + max(ρ A + p, s (1 - ρ)) over ρ, both packets sent.

    The two sides meet at ρ = (s - p) / (A + s), where h = α + (s - α) (A + p) / (A + s). h rises with A and with p,
    is concave in A and linear in p. Where α ≥ s or p ≥ s it is not below s, the value of ρ = 0: then dropping the
    data packet is as good and loads nothing.

    Parameters
    ----------
    work_s
        A: transmission and large-model time of the data packet at ρ = 1 [s].
    fixed_s
        p: its propagation [s].
    """
    alpha, small = task_data.extraction_s, task_data.small_s
    if alpha >= small or fixed_s >= small:
        return small
    return alpha + (small - alpha) * (work_s + fixed_s) / (work_s + small)


def work_limit(task: TaskData, allowed_s: float, fixed_s: float) -> float:
    """Return the largest A with h(A, p) ≤ allowed_s, or inf if every A has it."""
    alpha, small = task.extraction_s, task.small_s
    if allowed_s >= small:
        return float("inf")
    share = (allowed_s - alpha) / (small - alpha)
    return (share * small - fixed_s) / (1 - share)


def share_at(task: TaskData, work_s: float, fixed_s: float) -> float:
    """Return h(A, p) without its cap at s."""
    return task.extraction_s + (task.small_s - task.extraction_s) * (work_s + fixed_s) / (work_s + task.small_s)
