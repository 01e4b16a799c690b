"""The utility network Q_i(τ_i, u_i), shared by all slots: it scores each neighbour from its features."""

import torch
from torch import Tensor, nn

from solvers.marl.policy import PRIORS


class UtilityNetwork(nn.Module):
    """Q = prior + V(mean of the neighbours' features) + A(features) - mean A, one number a neighbour.

    A is a linear layer plus a perceptron; only A decides, so only A ships. V takes what all neighbours have in common
    (dueling networks, Wang et al., 2016, arXiv:1511.06581), so that A learns from what tells them apart. The history
    enters by its sufficient features (visited satellites through mask and tree, delay, hops). The last layers start at
    zero, so that an untrained network acts by its prior alone.

    Parameters
    ----------
    features
        Number of features.
    hidden
        Width of both hidden layers.
    prior
        `cost_to_go`: minus the size-weighted cost by way of the neighbour in an empty network, so that an untrained
        network routes along shortest paths; `marginal`: that and the congestion foreseen; `none`.
    """

    def __init__(self, features: int, hidden: int = 48, prior: str = "marginal") -> None:
        super().__init__()
        if prior not in PRIORS:
            raise ValueError(f"prior must be one of {', '.join(PRIORS)}, got {prior!r}")
        self.prior = prior
        self.linear = nn.Linear(features, 1)
        self.layer_1 = nn.Linear(features, hidden)
        self.layer_2 = nn.Linear(hidden, hidden)
        self.layer_3 = nn.Linear(hidden, 1)
        self.value_1 = nn.Linear(features, hidden)
        self.value_2 = nn.Linear(hidden, 1)
        for layer in (self.linear, self.layer_3, self.value_2):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor, cost: Tensor, legal: Tensor) -> Tensor:
        """Return Q, shape (R, A), from features (R, A, F), the prior's cost (R, A) and the mask (R, A)."""
        squashed = torch.sign(features) * torch.log1p(features.abs())
        advantage = self.advantage(features)
        share = legal / legal.sum(1, keepdim=True)
        common = torch.einsum("raf,ra->rf", squashed, share)
        value: Tensor = self.value_2(torch.relu(self.value_1(common)))
        value = value + advantage - (advantage * share).sum(1, keepdim=True)
        return value if self.prior == "none" else value - cost

    def advantage(self, features: Tensor) -> Tensor:
        """Return A of each neighbour, shape (…), from features (…, F)."""
        squashed = torch.sign(features) * torch.log1p(features.abs())
        hidden = torch.relu(self.layer_2(torch.relu(self.layer_1(squashed))))
        advantage: Tensor = (self.linear(features) + self.layer_3(hidden)).squeeze(-1)
        return advantage
