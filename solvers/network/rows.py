"""Linear rows over routes, ends and packets, beside what the delay asks for: their activity and their multipliers.

A row asks Σ coefficient · decision ≤ high, over the decisions

    use[m, kind, r]    task m's packet of this kind uses resource r (a link, or passing through a satellite),
    ends[m, kind, c]   it is sent, and ends (data) or starts (model) at candidate c,
    sent[m, kind]      it is sent,
    serve[m, c]        c(m) is candidate c,
    own[v]             a variable in [0, 1] of the rows alone; of a group of them, so many are 1 at most.

With multipliers μ ≥ 0 a row adds μ · (activity - high) to the objective: a toll on arcs, ends and packets, so that a
task's cheapest plan under prices stays a shortest path, and the Lagrangian bound (`pricing.lagrangian`) loses
Σ μ · high. That is weak duality, for any μ ≥ 0: a solution that keeps the rows adds nothing above 0. Own variables are
minimised in closed form: of each group, those with the most negative tolls, as many as may be 1.

Coefficients of packets (`use`, `ends`, `sent`) are ≥ 0. So their tolls are ≥ 0, and dropping a packet breaks no row:
`delay.delay_share` rests on that, where a data packet that does not pay is dropped.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import coo_array, csc_array, csr_array

from solvers.network.arrays import DATA, MODEL, Floats, Ints

BROKEN = 1e-7
"""Amount above a row's limit from which on it counts as broken."""
Entries = tuple[Ints, Floats]
"""Rows, which may repeat, and coefficients."""


@dataclass(frozen=True, eq=False)
class Row:
    """One row: Σ coefficient · decision ≤ high.

    Attributes
    ----------
    name
        Of the rule that asks for it.
    high
        The limit.
    use
        (task, kind) to resources and their coefficients.
    ends
        (task, kind, position of the candidate) to coefficient.
    sent
        (task, kind) to coefficient.
    serve
        (task, position of the candidate) to coefficient.
    own
        Own variable to coefficient.
    """

    name: str
    high: float
    use: Mapping[tuple[int, int], tuple[Ints, Floats]] = field(default_factory=dict)
    ends: Mapping[tuple[int, int, int], float] = field(default_factory=dict)
    sent: Mapping[tuple[int, int], float] = field(default_factory=dict)
    serve: Mapping[tuple[int, int], float] = field(default_factory=dict)
    own: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Tolls:
    """What multipliers charge.

    Attributes
    ----------
    mu
        Multipliers, shape (rows,).
    use
        Per kind, shape (tasks, resources).
    ends
        Per kind with what being sent costs, shape (tasks, candidates at most).
    serve
        Shape (tasks, candidates at most).
    constant
        Σ μ · high, less the least that own variables cost.
    """

    mu: Floats
    use: tuple[Floats, Floats]
    ends: tuple[Floats, Floats]
    serve: Floats
    constant: float


class Rows:
    """The rows of one problem.

    Attributes
    ----------
    names, high
        Of every row, shape (rows,).
    groups
        Own variables, and how many of them may be 1.
    use, ends
        Coefficients per kind: columns task · resources + resource, and task · candidates + candidate.
    serve, own
        Coefficients: columns task · candidates + candidate, and own variable.
    """

    def __init__(
        self,
        rows: Iterable[Row],
        tasks: int,
        resources: int,
        candidates: int,
        groups: Sequence[tuple[Ints, int]] = (),
    ) -> None:
        given = list(rows)
        self.tasks, self.resources, self.candidates = tasks, resources, candidates
        self.names = [row.name for row in given]
        self.high = np.array([row.high for row in given], dtype=float)
        self.groups = list(groups)
        n, every = len(given), np.arange(candidates)
        use: list[list[tuple[Ints, Ints, Floats]]] = [[], []]
        ends: list[list[tuple[int, int, float]]] = [[], []]
        serve, own = list[tuple[int, int, float]](), list[tuple[int, int, float]]()
        for i, row in enumerate(given):
            for (m, kind), (used, value) in row.use.items():
                use[kind].append((np.full(len(used), i), m * resources + used, np.asarray(value, dtype=float)))
            for (m, kind, c), coefficient in row.ends.items():
                ends[kind].append((i, m * candidates + c, coefficient))
            for (m, kind), coefficient in row.sent.items():
                ends[kind] += [(i, m * candidates + int(c), coefficient) for c in every]
            serve += [(i, m * candidates + c, coefficient) for (m, c), coefficient in row.serve.items()]
            own += [(i, v, coefficient) for v, coefficient in row.own.items()]
        self.use = [_matrix(mine, (n, tasks * resources)) for mine in use]
        self.ends = [_matrix([_columns(mine)], (n, tasks * candidates)) for mine in ends]
        self.serve = _matrix([_columns(serve)], (n, tasks * candidates))
        self.own = _matrix([_columns(own)], (n, sum(len(group) for group, _ in self.groups)))
        self._by_row = [csr_array(matrix) for matrix in (*self.use, *self.ends, self.serve, self.own)]

    def __len__(self) -> int:
        return len(self.high)

    def of_route(self, m: int, kind: int, c: int, used: Ints) -> Entries:
        """Return what a packet to or from a candidate on these resources adds, its being sent included."""
        rows, values = entries(self.use[kind], m * self.resources + used)
        more, extra = entries(self.ends[kind], np.array([m * self.candidates + c]))
        return np.concatenate([rows, more]), np.concatenate([values, extra])

    def of_end(self, m: int, c: int) -> Entries:
        """Return what c(m) being this candidate adds."""
        return entries(self.serve, np.array([m * self.candidates + c]))

    def of_plan(self, m: int, end: int, data: Ints | None, model: Ints | None) -> Entries:
        """Return what a plan adds."""
        parts = [self.of_end(m, end)]
        parts += [
            self.of_route(m, kind, end, used) for kind, used in ((DATA, data), (MODEL, model)) if used is not None
        ]
        rows, values = (np.concatenate(mine) for mine in zip(*parts, strict=True))
        return rows, values

    def excess(self, activity: Floats) -> float:
        """Return by how much an activity breaks rows, in all, own variables chosen one by one by what they relieve."""
        over = activity - self.high
        if self.own.nnz:
            relief = -(np.maximum(over, 0.0) @ self.own)
            chosen = np.zeros(self.own.shape[1])
            for group, most in self.groups:
                best = group[np.argsort(-relief[group], kind="stable")[:most]]
                chosen[best] = relief[best] > 0
            over = over + self.own @ chosen
        return float(over[over > BROKEN].sum())

    def barred(self, activity: Floats, m: int, kind: int) -> Ints:
        """Return the resources that would break a row by themselves if task m's packet used them, given the others."""
        matrix = self.use[kind]
        starts = matrix.indptr[m * self.resources : (m + 1) * self.resources + 1]
        rows, values = matrix.indices[starts[0] : starts[-1]], matrix.data[starts[0] : starts[-1]]
        wrong = values > np.maximum(self.high - activity, 0.0)[rows] + BROKEN
        return np.asarray(np.repeat(np.arange(self.resources), np.diff(starts))[wrong], dtype=np.int64)

    def tolls_on(self, m: int, kind: int, mu: Floats) -> Floats:
        """Return what multipliers charge one packet on every resource, shape (resources,)."""
        matrix = self.use[kind]
        starts = matrix.indptr[m * self.resources : (m + 1) * self.resources + 1]
        charged = matrix.data[starts[0] : starts[-1]] * mu[matrix.indices[starts[0] : starts[-1]]]
        of = np.repeat(np.arange(self.resources), np.diff(starts))
        return np.asarray(np.bincount(of, charged, minlength=self.resources), dtype=float)

    def tolls(self, mu: Floats) -> Tolls:
        """Return what multipliers charge; negative ones count as 0."""
        mu = np.maximum(mu, 0.0)
        *use, data_ends, model_ends, serve, own = (np.asarray(mu @ matrix) for matrix in self._by_row)
        least = sum(float(np.minimum(np.sort(own[group])[:most], 0.0).sum()) for group, most in self.groups)
        shape = self.tasks, self.candidates
        return Tolls(
            mu,
            (use[DATA].reshape(self.tasks, -1), use[MODEL].reshape(self.tasks, -1)),
            (data_ends.reshape(shape), model_ends.reshape(shape)),
            serve.reshape(shape),
            float(mu @ self.high) - least,
        )


def _columns(listed: list[tuple[int, int, float]]) -> tuple[Ints, Ints, Floats]:
    rows, columns = (np.array([entry[i] for entry in listed], dtype=np.int64) for i in (0, 1))
    return rows, columns, np.array([entry[2] for entry in listed], dtype=float)


def _matrix(parts: list[tuple[Ints, Ints, Floats]], shape: tuple[int, int]) -> csc_array:
    """Return the sum of entries (rows, columns, values)."""
    if not parts:
        return csc_array(shape)
    rows, columns, values = (np.concatenate(mine) for mine in zip(*parts, strict=True))
    return csc_array(coo_array((values, (rows, columns)), shape=shape))


def entries(matrix: csc_array, columns: Ints) -> Entries:
    """Return rows and values of some columns, one column after the other."""
    begin = matrix.indptr[columns].astype(np.int64)
    count = matrix.indptr[columns + 1] - begin
    total = int(count.sum())
    places = np.repeat(begin - (np.cumsum(count) - count), count) + np.arange(total)
    return matrix.indices[places].astype(np.int64), matrix.data[places]
