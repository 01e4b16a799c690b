"""Options of a training run, and what each epoch reached."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from formulation.dec_pomdp import RewardOptions, feature_names
from solvers.marl.policy import PolicyError
from solvers.marl.qmix import LearnOptions
from solvers.marl.rollout import TurnOptions
from solvers.marl.sampling import SampleOptions


@dataclass(frozen=True)
class TrainOptions:
    """One training run.

    Attributes
    ----------
    epochs, episodes, updates
        Epochs; episodes played and gradient steps taken in each.
    window
        Epochs of episodes kept for replay.
    noise
        Exploration: scale of the Gumbel noise on Q at the first and at the last epoch.
    observation
        `local`, `planned` or `lookahead`.
    turns
        Turns of a step, see `TurnOptions`.
    hop_limit
        Steps after which a training episode is truncated.
    bases, deviations, memory
        Greedy episodes played in each epoch for measured advantages, how many decisions in them are changed one at a
        time, and epochs that these are kept; see `counterfactual.deviate`.
    caution
        What a detour must be foreseen to save beyond its length, as a multiple of that length: taken off Q when acting,
        and in the policy that comes out. For `local`, whose agents cannot know who else evades to the same link.
    validation
        Episodes of the greedy test after each epoch.
    seed
        Seed of everything.
    sample, learn, reward
        What to draw, how to learn, what to pay.
    """

    epochs: int = 100
    episodes: int = 256
    updates: int = 24
    window: int = 3
    noise: tuple[float, float] = (0.3, 0.1)
    observation: str = "lookahead"
    turns: TurnOptions = field(default_factory=TurnOptions)
    hop_limit: int = 24
    bases: int = 64
    deviations: int = 1024
    memory: int = 30
    caution: float = 0.0
    validation: int = 128
    seed: int = 0
    sample: SampleOptions = field(default_factory=SampleOptions)
    learn: LearnOptions = field(default_factory=LearnOptions)
    reward: RewardOptions = field(default_factory=RewardOptions)

    def __post_init__(self) -> None:
        for name in ("epochs", "episodes", "updates", "window", "validation", "bases", "deviations", "memory"):
            if getattr(self, name) < 1:
                raise PolicyError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.caution < 0:
            raise PolicyError(f"caution must be at least 0, got {self.caution}")
        feature_names(self.observation)


@dataclass(frozen=True)
class Epoch:
    """What one epoch reached.

    Attributes
    ----------
    epoch
        Number, from 1.
    delay_s
        Mean service delay of greedy routing on the validation episodes [s].
    transmission
        Their total transmission delay, relative to shortest paths.
    reward
        Their mean reward R.
    loss
        Mean loss (10).
    seconds
        Wall time since the start.
    """

    epoch: int
    delay_s: float
    transmission: float
    reward: float
    loss: float
    seconds: float


def make_options(
    *,
    presets: tuple[str, ...],
    epochs: int,
    seed: int,
    observation: str,
    mixer: str,
    prior: str,
    shaping: str,
    slots: int,
    episodes: int,
    signal: str = "counterfactual",
    caution: float = 0.0,
) -> TrainOptions:
    """Return the options of a run from flat values.

    Raises
    ------
    LeosplitError
        If a name is unknown or a number out of range: one sentence.
    """
    try:
        return TrainOptions(
            epochs=epochs,
            seed=seed,
            observation=observation,
            episodes=episodes,
            caution=caution,
            sample=SampleOptions(presets=presets, slots=slots),
            learn=LearnOptions(mixer=mixer, prior=prior, signal=signal),
            reward=RewardOptions(shaping=shaping),
        )
    except ValueError as error:
        raise PolicyError(str(error)) from None


def options_to_dict(options: TrainOptions) -> dict[str, Any]:
    """Return the options as JSON can hold them."""
    document: dict[str, Any] = json.loads(json.dumps(asdict(options)))
    return document


def options_from_dict(document: dict[str, Any]) -> TrainOptions:
    """Return the options of a document made by `options_to_dict`."""

    def tuples(values: dict[str, Any]) -> dict[str, Any]:
        return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}

    nested = {"turns": TurnOptions, "sample": SampleOptions, "learn": LearnOptions, "reward": RewardOptions}
    values = tuples({key: value for key, value in document.items() if key not in nested})
    parts: dict[str, Any] = {key: kind(**tuples(document[key])) for key, kind in nested.items()}
    return TrainOptions(**values, **parts)
