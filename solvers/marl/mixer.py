"""Mixing networks: how the slots' utilities become one joint action value, equations (8) and (9)."""

import torch
from torch import Tensor, nn

MIXERS = ("qmix", "vdn", "independent")


class QMixer(nn.Module):
    """Monotonic mixer of QMIX (Rashid et al., 2018, arXiv:1803.11485) for a padded number of slots.

    Its weights come from hypernetworks on the state; their absolute values make Q_tot non-decreasing in each Q_i (9).
    Absent and arrived slots enter with Q_i = 0 and so add nothing.

    Parameters
    ----------
    state_size
        Entries of the state vector.
    slots
        Largest number of slots n.
    hidden
        Width of the mixing layer.
    start_as_sum
        Start close to Q_tot = Σ Q_i: constant weights, and biases that keep the ELU in its linear part.
    """

    def __init__(self, state_size: int, slots: int, hidden: int = 16, *, start_as_sum: bool = True) -> None:
        super().__init__()
        self.slots, self.hidden = slots, hidden
        self.hyper_w_1 = nn.Linear(state_size, slots * hidden)
        self.hyper_b_1 = nn.Linear(state_size, hidden)
        self.hyper_w_final = nn.Linear(state_size, hidden)
        last = nn.Linear(hidden, 1)
        self.V = nn.Sequential(nn.Linear(state_size, hidden), nn.ReLU(), last)
        if start_as_sum:
            self._start_as_sum(last)

    def _start_as_sum(self, last: nn.Linear, first: float = 0.2, bias: float = 1.5) -> None:
        with torch.no_grad():
            for layer, value in (
                (self.hyper_w_1, first),
                (self.hyper_b_1, bias),
                (self.hyper_w_final, 1.0 / (first * self.hidden)),
            ):
                layer.weight.zero_()
                layer.bias.fill_(value)
            last.weight.zero_()
            last.bias.fill_(-bias / first)

    def forward(self, utilities: Tensor, state: Tensor) -> Tensor:
        """Return Q_tot, shape (B,), from utilities (B, n) and state (B, S)."""
        w_1 = self.hyper_w_1(state).abs().view(-1, self.slots, self.hidden)  # (9): |w| ≥ 0
        w_final = self.hyper_w_final(state).abs()  # (9)
        hidden = nn.functional.elu(torch.einsum("bn,bnh->bh", utilities, w_1) + self.hyper_b_1(state))
        value: Tensor = self.V(state)
        total: Tensor = (hidden * w_final).sum(1) + value.squeeze(1)  # (8): Q_tot = mix(Q_1, …, Q_n; s)
        return total


class SumMixer(nn.Module):
    """Value decomposition (VDN): Q_tot = Σ Q_i plus a learned V(s), the ablation of (8).

    Parameters
    ----------
    state_size
        Entries of the state vector.
    hidden
        Width of V.
    """

    def __init__(self, state_size: int, hidden: int = 16) -> None:
        super().__init__()
        self.V = nn.Sequential(nn.Linear(state_size, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, utilities: Tensor, state: Tensor) -> Tensor:
        """Return Q_tot, shape (B,), from utilities (B, n) and state (B, S)."""
        value: Tensor = self.V(state)
        total: Tensor = utilities.sum(1) + value.squeeze(1)
        return total


def make_mixer(name: str, state_size: int, slots: int) -> nn.Module | None:
    """Return the mixer of this name; None for independent learners.

    Raises
    ------
    ValueError
        If there is no such mixer.
    """
    if name not in MIXERS:
        raise ValueError(f"mixer must be one of {', '.join(MIXERS)}, got {name!r}")
    if name == "independent":
        return None
    return QMixer(state_size, slots) if name == "qmix" else SumMixer(state_size)
