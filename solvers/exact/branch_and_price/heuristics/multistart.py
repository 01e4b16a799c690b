"""Best response from an empty network, in several orders of the tasks."""

from solvers.exact.branch_and_price.heuristics.base import Context, Timing, improve


class Multistart:
    """Descends in file order and in random ones, for as long as it takes to have one solution at least."""

    name = "best response"
    timings = frozenset({Timing.START})

    def run(self, context: Context) -> None:
        """Look for a first solution."""
        state = context.state
        order = list(range(len(state.domains)))
        for i in range(state.effort.descents):
            if i:
                state.rng.shuffle(order)
            improve(state, list(order), None, self.name)
            if state.finished() and state.plans:
                return
