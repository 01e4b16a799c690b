"""Who senses and who computes: roles drawn so that every task can be served."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from instances.checks import InstanceError
from instances.instance import Instance

REDRAWS = 1000
"""Draws from one generator before the request is given up."""

Indices = NDArray[np.intp]


def components(count: int, source: Indices, target: Indices) -> Indices:
    """Label satellites so that equal labels reach each other both ways.

    Parameters
    ----------
    count
        Number of satellites n.
    source, target
        Ends of the directed links that are up, shape (l,).

    Returns
    -------
    ndarray
        Labels of the strongly connected components, shape (n,).
    """
    graph = coo_array((np.ones(len(source), dtype=np.int8), (source, target)), shape=(count, count))
    labels: Indices = connected_components(graph, directed=True, connection="strong")[1].astype(np.intp)
    return labels


def draw_roles(rng: np.random.Generator, labels: Indices, tasks: int, computing: int) -> tuple[list[int], list[int]]:
    """Draw distinct satellites for the tasks and for computing, uniformly.

    A draw in which some task cannot reach a computing satellite and back is thrown away as a whole and repeated with
    the same generator, so what is returned is uniform over the draws that can be served.

    Parameters
    ----------
    rng
        Source of randomness.
    labels
        Component of each satellite, from `components`.
    tasks, computing
        How many of each, at least 1.

    Returns
    -------
    tasks, computing
        Indices of satellites, each ascending.

    Raises
    ------
    InstanceError
        If there are too few satellites, or no draw in `REDRAWS` can be served.
    """
    if tasks < 1 or computing < 1:
        raise InstanceError(f"tasks and computing must be at least 1, got {tasks} and {computing}")
    if tasks + computing > len(labels):
        raise InstanceError(
            f"{tasks} tasks and {computing} computing satellites do not fit on {len(labels)} satellites"
        )
    for _ in range(REDRAWS):
        drawn = rng.choice(len(labels), size=tasks + computing, replace=False)
        sensing, serving = drawn[:tasks], drawn[tasks:]
        if np.isin(labels[sensing], labels[serving]).all():
            return sorted(sensing.tolist()), sorted(serving.tolist())
    parts = len(np.unique(labels))
    raise InstanceError(
        f"none of {REDRAWS} draws lets {tasks} tasks reach one of {computing} computing satellites and back: "
        f"the network has {parts} separate parts among {len(labels)} satellites"
    )


def cut_off_tasks(instance: Instance) -> tuple[str, ...]:
    """List the satellites of tasks that can reach no computing satellite, or not be reached from it.

    Parameters
    ----------
    instance
        The slot.
    """
    index = {satellite.id: k for k, satellite in enumerate(instance.satellites)}
    ends = np.array([(index[a.source], index[a.target]) for a in instance.links], dtype=np.intp).reshape(-1, 2)
    label = components(len(index), ends[:, 0], ends[:, 1])
    return tuple(
        task.satellite
        for task in instance.tasks
        if all(label[index[c]] != label[index[task.satellite]] for c in instance.candidates(task))
    )
