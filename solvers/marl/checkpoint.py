"""Checkpoints of a training run (exact resume) and the card of a policy."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from fitting.source_tree import commit
from fitting.whole_file import whole_file
from solvers.marl.counterfactual import Deviations
from solvers.marl.options import Epoch, options_to_dict
from solvers.marl.policy import Policy, PolicyError, in_order
from solvers.marl.replay import Episodes
from solvers.marl.train import Trainer

FORMAT = "leosplit-checkpoint"
T = TypeVar("T")


def checkpoint_path(directory: Path) -> Path:
    """Return where a run keeps its checkpoint."""
    return directory / "checkpoint.safetensors"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """All that a run needs to go on after an epoch with the same result; later epochs do not change it.

    Attributes
    ----------
    tensors
        Networks, optimiser, replay and the best weights so far.
    facts
        Options, history, random state and time, as JSON has them.
    """

    tensors: Mapping[str, torch.Tensor]
    facts: Mapping[str, Any]

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        content = save(dict(self.tensors), metadata={"format": FORMAT, "facts": json.dumps(self.facts)})
        with whole_file(path) as file:
            file.write(in_order(content))


def take_checkpoint(trainer: Trainer) -> Checkpoint:
    """Copy the state of a run between two epochs: networks, optimiser, replay, random state."""
    tensors: dict[str, torch.Tensor] = {}
    for name, module in trainer.learner.modules().items():
        tensors |= {f"{name}/{key}": value.clone().contiguous() for key, value in module.state_dict().items()}
    for k, state in trainer.learner.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{k}/{key}": torch.as_tensor(value).clone() for key, value in state.items()}
    for k, episodes in enumerate(trainer.replay):
        tensors |= {
            f"replay/{k}/{field.name}": torch.from_numpy(np.ascontiguousarray(getattr(episodes, field.name)))
            for field in fields(Episodes)
        }
    for k, measured in enumerate(trainer.measured):
        tensors |= {
            f"measured/{k}/{field.name}": torch.from_numpy(np.ascontiguousarray(getattr(measured, field.name)))
            for field in fields(Deviations)
        }
    if trainer.best is not None:
        tensors |= {f"best/{key}": torch.from_numpy(value) for key, value in trainer.best.weights.items()}
    facts = {
        "options": options_to_dict(trainer.options),
        "history": [asdict(epoch) for epoch in trainer.history],
        "rng": trainer.rng.bit_generator.state,
        "updates": trainer.learner.updates,
        "seconds": trainer.seconds,
    }
    return Checkpoint(tensors, facts)


def load_checkpoint(trainer: Trainer, path: Path) -> None:
    """Bring a fresh run to where a checkpoint was written.

    Raises
    ------
    PolicyError
        If the file is no checkpoint of a run with these options.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except SafetensorError as error:
        raise PolicyError(f"{path}: not a safetensors file ({error})") from None
    if header.get("format") != FORMAT:
        raise PolicyError(f"{path}: format must be {FORMAT!r}, got {header.get('format')!r}")
    facts = json.loads(header["facts"])
    asked = options_to_dict(trainer.options)
    for key, value in asked.items():
        if facts["options"].get(key) != value:
            raise PolicyError(
                f"{path}: {key} must be {facts['options'].get(key)!r} as in the checkpoint, got {value!r}"
            )
    for name, module in trainer.learner.modules().items():
        module.load_state_dict(_part(tensors, name))
    optimizer = trainer.learner.optimizer.state_dict()
    numbers = sorted({int(key.split("/")[1]) for key in tensors if key.startswith("optimizer/")})
    optimizer["state"] = {k: _part(tensors, f"optimizer/{k}") for k in numbers}
    trainer.learner.optimizer.load_state_dict(optimizer)
    trainer.replay = _parts(tensors, "replay", Episodes)
    trainer.measured = _parts(tensors, "measured", Deviations)
    trainer.history = [Epoch(**epoch) for epoch in facts["history"]]
    trainer.rng.bit_generator.state = facts["rng"]
    trainer.learner.updates, trainer.seconds = facts["updates"], facts["seconds"]
    weights = {key: value.numpy() for key, value in _part(tensors, "best").items()}
    if weights:
        trainer.best = Policy(weights, trainer.options.observation, trainer.options.learn.prior)


def _part(tensors: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    return {key.removeprefix(f"{name}/"): value for key, value in tensors.items() if key.startswith(f"{name}/")}


def _parts(tensors: dict[str, torch.Tensor], name: str, kind: Callable[..., T]) -> list[T]:
    """Return the numbered parts of a name as arrays in their dataclass."""
    count = len({key.split("/")[1] for key in tensors if key.startswith(f"{name}/")})
    return [kind(**{key: value.numpy() for key, value in _part(tensors, f"{name}/{k}").items()}) for k in range(count)]


def card_of(trainer: Trainer, command: str) -> dict[str, Any]:
    """Return what is to be known about the policy: data, seeds, commit, command, scores."""
    best = min(trainer.history, key=lambda epoch: epoch.transmission)
    return {
        "command": command,
        "commit": commit(),
        "options": options_to_dict(trainer.options),
        "data": "slots of the presets, training seeds from 1000000 on; roles, task counts, packets and ρ drawn",
        "scores": {
            "epoch": best.epoch,
            "transmission_relative_to_shortest_paths": best.transmission,
            "untrained_transmission_relative_to_shortest_paths": trainer.untrained[1] / trainer.shortest[1],
            "delay_s": best.delay_s,
            "shortest_path_delay_s": trainer.shortest[0],
            "reward": best.reward,
        },
        "train_s": round(trainer.seconds, 1),
    }
