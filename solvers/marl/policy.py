"""A trained routing policy: its file (safetensors), its card (JSON) and its decisions, in NumPy alone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fitting.checks import Checks, short
from fitting.errors import LeosplitError
from fitting.jsonfile import parse_json, read_bytes, read_text
from fitting.whole_file import whole_file, write_text
from formulation.dec_pomdp import OBSERVATIONS, Seen, feature_names

Array32 = NDArray[np.float32]
FORMAT = "leosplit-policy"
VERSION = 1
LARGEST_BYTES = 1 << 20
LARGEST_WEIGHT = 1e7
"""Trained weights are below 10, a caution may be millions; far larger ones overflow float32, and Q says nothing."""
WEIGHTS = ("linear", "layer_1", "layer_2", "layer_3")
PRIORS = ("marginal", "cost_to_go", "none")
SHIPPED = {
    "lookahead": "policy.safetensors",
    "local": "policy_local.safetensors",
}
"""The policies that ship, by their observation."""


class PolicyError(LeosplitError):
    """A policy file that cannot be used: one sentence."""


@dataclass(frozen=True, eq=False)
class Policy:
    """Weights of the utility network and what is known about them.

    Attributes
    ----------
    weights
        `layer.weight` and `layer.bias` of each layer, float32.
    observation
        `local`, `planned` or `lookahead`: what the policy must be shown.
    prior
        `marginal`, `cost_to_go` or `none`, see `prior_cost`.
    card
        Data, seeds, commit, command and scores of its training.
    """

    weights: Mapping[str, Array32]
    observation: str = "lookahead"
    prior: str = "cost_to_go"
    card: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.observation not in OBSERVATIONS:
            allowed = ", ".join(OBSERVATIONS)
            raise PolicyError(f"policy: observation must be one of {allowed}, got {short(self.observation)}")
        if self.prior not in PRIORS:
            raise PolicyError(f"policy: prior must be one of {', '.join(PRIORS)}, got {short(self.prior)}")
        Checks(PolicyError).free_form("policy: card", self.card)
        features = len(feature_names(self.observation))
        width = self._tensor("layer_1.weight", 2).shape[1]
        if width != features:
            raise PolicyError(f"policy: it reads {width} features, the observation {self.observation!r} has {features}")
        hidden, second = (len(self._tensor(f"layer_{k}.weight", 2)) for k in (1, 2))
        inputs = {"linear": (1, features), "layer_1": (hidden, features), "layer_2": (second, hidden)}
        for layer, shape in (inputs | {"layer_3": (1, second)}).items():
            for name, wanted in ((f"{layer}.weight", shape), (f"{layer}.bias", shape[:1])):
                tensor = self._tensor(name, len(wanted))
                if tensor.shape != wanted:
                    raise PolicyError(f"policy: the tensor {name} must be of shape {wanted}, got {tensor.shape}")
                if not (np.abs(tensor) <= LARGEST_WEIGHT).all():  # nan too
                    worst = float(tensor.ravel()[np.argmax(~(np.abs(tensor) <= LARGEST_WEIGHT))])
                    raise PolicyError(
                        f"policy: the weights of {name} must be finite and within ±{LARGEST_WEIGHT:g}, got {worst:g}"
                    )

    def _tensor(self, name: str, dimensions: int) -> Array32:
        """Return a tensor of float32 with so many dimensions."""
        if name not in self.weights:
            raise PolicyError(f"policy: the tensor {name} is missing")
        tensor = self.weights[name]
        if tensor.ndim != dimensions or tensor.dtype != np.float32:
            got = f"{tensor.dtype} of shape {tensor.shape}"
            raise PolicyError(f"policy: the tensor {name} must be float32 of {dimensions} dimensions, got {got}")
        return tensor

    def utilities(self, seen: Seen) -> NDArray[np.float64]:
        """Return Q of each neighbour, -inf where masked, shape (R, A)."""
        w, x = self.weights, seen.features
        hidden = np.sign(x) * np.log1p(np.abs(x))
        for layer in ("layer_1", "layer_2"):
            hidden = np.maximum(hidden @ w[f"{layer}.weight"].T + w[f"{layer}.bias"], 0.0)
        value = x @ w["linear.weight"].T + hidden @ w["layer_3.weight"].T + (w["linear.bias"] + w["layer_3.bias"])
        scores = value[..., 0].astype(np.float64)
        scores -= prior_cost(seen, self.prior)
        return np.where(seen.legal, scores, -np.inf)


def prior_cost(seen: Seen, prior: str) -> NDArray[np.float64]:
    """Return what a prior takes off Q, shape (R, A): the cost in an empty network, or with congestion, or 0."""
    if prior == "none":
        return np.zeros_like(seen.cost)
    return seen.cost if prior == "cost_to_go" else seen.marginal


def untrained_policy(observation: str = "lookahead", prior: str = "cost_to_go", hidden: int = 1) -> Policy:
    """Return the policy before training: `cost_to_go` routes along shortest paths, `marginal` looks one step ahead."""
    features = len(feature_names(observation))
    shapes = {
        "linear": (1, features),
        "layer_1": (hidden, features),
        "layer_2": (hidden, hidden),
        "layer_3": (1, hidden),
    }
    weights: dict[str, Array32] = {}
    for layer, shape in shapes.items():
        weights[f"{layer}.weight"] = np.zeros(shape, dtype=np.float32)
        weights[f"{layer}.bias"] = np.zeros(shape[0], dtype=np.float32)
    return Policy(weights, observation, prior, {"command": "untrained"})


def in_order(content: bytes) -> bytes:
    """Return a safetensors file with its header in order: equal tensors and metadata then give equal bytes."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:end]), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)  # tensors begin at a multiple of 8
    return len(header).to_bytes(8, "little") + header + content[end:]


def write_policy(policy: Policy, path: str | Path) -> None:
    """Write the weights as safetensors and the card beside them as JSON (`<name>.json`)."""
    from safetensors.numpy import save

    path = Path(path)
    header = {"format": FORMAT, "version": str(VERSION), "observation": policy.observation, "prior": policy.prior}
    tensors = in_order(save({k: np.ascontiguousarray(v) for k, v in policy.weights.items()}, metadata=header))
    card = json.dumps(header | {"version": VERSION} | dict(policy.card), indent=1, ensure_ascii=False)
    with whole_file(path) as file:
        file.write(tensors)
    write_text(path.with_suffix(".json"), card + "\n")


def read_policy(path: str | Path | None = None) -> Policy:
    """Read a policy file, or the one with a shared plan that ships with the package.

    Raises
    ------
    PolicyError
        If the file is no policy, or cannot be read.
    """
    if path is None:
        with resources.as_file(resources.files("solvers") / "data" / SHIPPED["lookahead"]) as shipped:
            return read_policy(shipped)
    path = Path(path)
    header, weights = _read_tensors(path)
    for key, allowed in (("format", FORMAT), ("version", str(VERSION))):
        if header.get(key) != allowed:
            raise PolicyError(f"{path}: {key} must be {allowed!r}, got {short(header.get(key))}")
    card = path.with_suffix(".json")
    try:
        known = parse_json(read_text(card, LARGEST_BYTES), str(card)) if card.exists() else {}
        return Policy(weights, header.get("observation", ""), header.get("prior", ""), known)
    except LeosplitError as error:
        raise PolicyError(f"{path}: {error}") from None


def _read_tensors(path: Path) -> tuple[dict[str, str], dict[str, Array32]]:
    """Return metadata and tensors of a small safetensors file."""
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError:
        raise PolicyError("policy files need the package safetensors: install leosplit[marl]") from None
    try:
        read_bytes(path, LARGEST_BYTES)  # a regular file, and a small one
        with safe_open(path, framework="numpy") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            return file.metadata() or {}, weights
    except LeosplitError as error:
        raise PolicyError(str(error)) from None
    except (SafetensorError, AttributeError, OSError, TypeError, ValueError) as error:  # the last: types NumPy lacks
        raise PolicyError(f"{path}: not a safetensors file that can be read ({str(error)[:200]})") from None
