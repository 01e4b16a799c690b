"""How much of the scores of strong branching comes about.

A probe of the LP over known columns overrates a branching whose children then find other paths, of the same task again
and again. So every branching whose children have been evaluated teaches what part of its score came about, at most all
of it: by task, and over the last branchings of all tasks where a task has taught little.
"""

from dataclasses import dataclass, field


@dataclass
class ScoreCalibration:
    """Experience with scores.

    Attributes
    ----------
    fading
        What an experience counts after another one, of the same task and among all.
    history
        Task and part of its score that came about, in the order they came.
    """

    fading: float = 0.9
    history: list[tuple[int, float]] = field(default_factory=list)
    _of: dict[int | None, tuple[float, float]] = field(default_factory=dict)

    def learn(self, m: int, part: float) -> None:
        """Note that this part of a score of a task came about."""
        part = min(part, 1.0)
        self.history.append((m, part))
        for key in (m, None):
            total, weight = self._of.get(key, (0.0, 0.0))
            self._of[key] = self.fading * total + part, self.fading * weight + 1

    def expected(self, m: int, score: float) -> float:
        """Return what to expect of a score: all of it at first."""
        prior = 1.0
        for key in (None, m):
            total, weight = self._of.get(key, (0.0, 0.0))
            prior = (total + prior) / (weight + 1)
        return score * prior
