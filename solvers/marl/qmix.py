"""QMIX: the temporal-difference loss (8)-(12) on replayed episodes, in plain torch.

Double Q: the online network chooses the next joint action (12), the target networks price it (11). With λ > 0 the
target mixes the one-step target with the rewards that followed (Peng's Q(λ)).
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from solvers.marl.counterfactual import Deviations
from solvers.marl.mixer import MIXERS, make_mixer
from solvers.marl.policy import PRIORS
from solvers.marl.replay import Episodes
from solvers.marl.utility import UtilityNetwork

FAR = 3.0
"""Advantages beyond this many mean packet delays are told no further apart."""
SIGNALS = ("td", "counterfactual", "both")


@dataclass(frozen=True)
class LearnOptions:
    """How the networks learn.

    Attributes
    ----------
    mixer
        `qmix`, `vdn` or `independent`.
    prior
        `marginal`, `cost_to_go` or `none`.
    hidden
        Width of the utility network.
    discount
        γ.
    trace
        λ of Q(λ); 0 is the one-step target.
    double
        Choose the next action by the online network; else by the target network.
    learning_rate
        Of Adam.
    mixer_rate
        Learning rate of the mixer, relative.
    batch
        Episodes in one update.
    target_every
        Updates between copies into the target networks.
    signal
        `td`: the loss (10); `counterfactual`: the measured advantages of `counterfactual.deviate`; `both`: their sum.
    deviations
        Measured advantages in one update.
    """

    mixer: str = "qmix"
    prior: str = "marginal"
    hidden: int = 48
    discount: float = 1.0
    trace: float = 0.9
    double: bool = True
    learning_rate: float = 5e-4
    mixer_rate: float = 0.03
    batch: int = 64
    target_every: int = 40
    signal: str = "counterfactual"
    deviations: int = 256

    def __post_init__(self) -> None:
        for name, allowed in (("mixer", MIXERS), ("prior", PRIORS), ("signal", SIGNALS)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}")


class Learner:
    """Online and target networks with their optimiser.

    Parameters
    ----------
    features, state_size, slots
        Sizes of the observation, of the state and of the mixer.
    options
        How to learn.
    """

    def __init__(self, features: int, state_size: int, slots: int, options: LearnOptions) -> None:
        self.options, self.slots = options, slots
        self.utility = UtilityNetwork(features, options.hidden, options.prior)
        self.mixer = make_mixer(options.mixer, state_size, slots)
        self.target_utility, self.target_mixer = copy.deepcopy(self.utility), copy.deepcopy(self.mixer)
        networks = [self.utility] if self.mixer is None else [self.utility, self.mixer]
        self.parameters = [parameter for network in networks for parameter in network.parameters()]
        groups = [{"params": list(self.utility.parameters()), "share": 1.0}]
        if self.mixer is not None:
            groups.append({"params": list(self.mixer.parameters()), "share": options.mixer_rate})
        self.optimizer = torch.optim.Adam(groups, lr=options.learning_rate)
        self.updates = 0

    def modules(self) -> dict[str, nn.Module]:
        """Return all networks by name."""
        named: dict[str, nn.Module | None] = {
            "utility": self.utility,
            "target_utility": self.target_utility,
            "mixer": self.mixer,
            "target_mixer": self.target_mixer,
        }
        return {name: network for name, network in named.items() if network is not None}

    def update(self, episodes: Episodes | None, chosen: NDArray[np.int64], measured: Deviations | None = None) -> float:
        """Take one gradient step on these episodes and measured advantages; return the loss."""
        loss = torch.zeros(()) if episodes is None else self.loss(episodes, chosen)
        if measured is not None and len(measured):
            loss = loss + self.advantage_loss(measured)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.updates += 1
        if self.updates % self.options.target_every == 0:
            self.target_utility.load_state_dict(self.utility.state_dict())
            if self.mixer is not None and self.target_mixer is not None:
                self.target_mixer.load_state_dict(self.mixer.state_dict())
        return float(loss.detach())

    def advantage_loss(self, measured: Deviations) -> Tensor:
        """Return Huber's loss of Q(alternative) - Q(greedy choice) against the measured advantage."""
        advantage = self.utility.advantage(torch.from_numpy(measured.features))
        values = advantage if self.options.prior == "none" else advantage - torch.from_numpy(measured.cost)
        limit = torch.from_numpy(measured.advantage).clamp(-FAR, FAR)
        return nn.functional.huber_loss((values[:, 0] - values[:, 1]).clamp(-FAR, FAR), limit, delta=0.5)

    def loss(self, episodes: Episodes, chosen: NDArray[np.int64]) -> Tensor:
        """Return (10) over all steps of these episodes."""
        rows, owner = episodes.rows(chosen)
        features, cost = torch.from_numpy(episodes.features[rows]), torch.from_numpy(episodes.cost[rows])
        legal, action = torch.from_numpy(episodes.legal[rows]), torch.from_numpy(episodes.action[rows])
        share = torch.from_numpy(1 / episodes.packets[chosen][owner])[:, None]
        values = self.utility(features, cost, legal) * share
        with torch.no_grad():
            target_values = self.target_utility(features, cost, legal) * share
            chooser = values if self.options.double else target_values
            greedy = chooser.masked_fill(~legal, -torch.inf).argmax(1)  # (12): u* per agent, by the online network
            best = target_values.gather(1, greedy[:, None]).squeeze(1)
        taken = values.gather(1, action[:, None]).squeeze(1)
        horizon = int(episodes.steps[chosen].max())
        place = torch.from_numpy((owner * (horizon + 1) + episodes.step[rows]) * self.slots + episodes.slot[rows])

        def by_slot(value: Tensor) -> Tensor:
            full = torch.zeros(len(chosen) * (horizon + 1) * self.slots)
            return full.index_put((place,), value).view(len(chosen), horizon + 1, self.slots)

        state = torch.log1p(torch.from_numpy(episodes.state[chosen, : horizon + 1]))
        steps = torch.from_numpy(episodes.steps[chosen])
        alive = torch.arange(horizon) < steps[:, None]
        reward = torch.from_numpy(episodes.reward[chosen, :horizon])
        last = torch.arange(horizon) == steps[:, None] - 1
        over = torch.from_numpy(episodes.terminated[chosen])[:, None] & last
        if self.mixer is None:
            return self._independent(
                by_slot(taken), by_slot(best), reward, (over, last, alive), by_slot(torch.ones_like(best))
            )
        total = _mix(self.mixer, by_slot(taken), state)[:, :-1]  # (8)
        with torch.no_grad():
            onward = _mix(self.target_mixer, by_slot(best), state)[:, 1:]
            target = self._targets(reward, onward, over, last)
        return ((target - total)[alive] ** 2).mean()  # (10): L = (y - Q_tot)²

    def _targets(self, reward: Tensor, onward: Tensor, over: Tensor, last: Tensor) -> Tensor:
        """Return y of (11), or its λ-return: y_t = r_t + γ [(1-λ) Q_tot(s') + λ y_{t+1}]; shape (B, T).

        `over` marks the steps that terminated, `last` each episode's last step, truncated ones included.
        """
        gamma, trace = self.options.discount, self.options.trace
        targets = torch.empty_like(reward)
        after = onward[:, -1]
        for t in reversed(range(reward.shape[1])):
            mixed = torch.where(last[:, t], onward[:, t], (1 - trace) * onward[:, t] + trace * after)
            # (11): y = R + γ (1 - terminated) Q_tot(s', u*; θ⁻)
            targets[:, t] = reward[:, t] + gamma * (~over[:, t]) * mixed
            after = targets[:, t]
        return targets

    def _independent(
        self, taken: Tensor, best: Tensor, reward: Tensor, marks: tuple[Tensor, Tensor, Tensor], acting: Tensor
    ) -> Tensor:
        """Return the loss of independent learners: each slot regresses on the team's reward, shared equally."""
        over, last, alive = marks
        count = acting[:, 0].sum(1, keepdim=True).clamp(min=1.0)
        share = reward / count
        losses = []
        for p in range(self.slots):
            with torch.no_grad():
                target = self._targets(share, best[:, 1:, p], over, last)
            losses.append(((target - taken[:, :-1, p]) ** 2)[alive & (acting[:, :-1, p] > 0)])
        return torch.cat(losses).mean()


def _mix(mixer: nn.Module | None, utilities: Tensor, state: Tensor) -> Tensor:
    """Apply a mixer to all steps, shape (B, T)."""
    if mixer is None:
        raise ValueError("independent learners have no mixer")
    batch, steps, slots = utilities.shape
    mixed: Tensor = mixer(utilities.reshape(-1, slots), state.reshape(batch * steps, -1))
    return mixed.view(batch, steps)
