"""What satellites can do and what their tasks ask for: the numbers behind generated instances, with sources."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from instances.checks import InstanceError
from instances.instance import Satellite, Task

FRAME_PIXELS = 1024 * 1024
"""A frame is one tile of 1024×1024 pixels, the usual cut of DOTA images (arXiv:1711.10398)."""
RESNET_INPUT_PIXELS = 224 * 224

MAXIMUM_FRAMES = 10**12
"""More frames than a task can have."""


def _pass_ops(multiply_adds: float) -> float:
    """Operations of one forward pass over a frame: 2 for each multiply-add, in proportion to the pixels."""
    return 2.0 * multiply_adds * FRAME_PIXELS / RESNET_INPUT_PIXELS


SOURCES: Mapping[str, str] = {
    "frames": "scenario: one pass of a frame camera over its target",
    "pixels_per_frame": "one tile of 1024x1024 pixels, the usual cut of DOTA images (arXiv:1711.10398)",
    "bits_per_pixel": "scenario: panchromatic, 8 bit deep",
    "feature_bits_per_frame": "scenario: 0.05 bit/pixel; the codecs of map_vs_bpp_openimages.csv start at 0.04 to 0.11",
    "feature_ops_per_bit": "scenario: ResNet-18 split inside its first stage, at about 15 % of its multiply-adds",
    "small_ops_per_frame": "ResNet-18, 1.814 GMAC at 224x224 (torchvision), by pixels",
    "large_ops_per_frame": "ResNet-101, 7.801 GMAC at 224x224 (torchvision), by pixels",
    "residual_levels_bpp": "scenario: 0.1 to 0.45 bit/pixel with the features, where the measured codecs gain most",
    "model_packet_bits_range": "scenario; at most ResNet-18 as a whole, 11 689 512 parameters of 32 bit (torchvision)",
    "large_map_min": "scenario: within reach of the measurements, whose best mAP is 0.794",
    "small_map_min": "scenario: within reach of the measurements, whose best mAP is 0.822",
    "remote_sensing.ops_per_s": "Jetson Orin Nano: 40 TOPS at INT8 with sparsity (data sheet), half of that without",
    "computing.ops_per_s": "Jetson AGX Orin: 275 TOPS at INT8 with sparsity (data sheet), half of that without",
    "utilization": "scenario: networks keep a tenth to half of an accelerator's peak busy",
    "relay_s_per_bit": "scenario: a router that passes on a gigabit each second",
}
"""Where each number of `TaskModel` and `Hardware` comes from; `scenario` marks a choice without a measurement."""


@dataclass(frozen=True)
class TaskModel:
    """The distribution that tasks are drawn from; pairs are uniform ranges.

    Attributes
    ----------
    frames
        Least and most frames N_m, whole.
    large_map_min, small_map_min
        Ranges of the accuracy targets A^L_m and A^S_m, mAP.
    pixels_per_frame, bits_per_pixel
        P_m, pixel, and b_m, bit/pixel.
    feature_bits_per_frame
        d^F_m, bit.
    feature_ops_per_bit
        φ_m, op/bit.
    small_ops_per_frame, large_ops_per_frame
        One pass of the small and of the large model, op/frame.
    residual_levels_bpp
        q_1 < … < q_S, bit/pixel.
    model_packet_bits_range
        [D^min, D^max], bit.
    """

    frames: tuple[int, int] = (500, 1500)
    large_map_min: tuple[float, float] = (0.74, 0.77)
    small_map_min: tuple[float, float] = (0.70, 0.70)
    pixels_per_frame: int = FRAME_PIXELS
    bits_per_pixel: float = 8.0
    feature_bits_per_frame: float = 52_429.0
    feature_ops_per_bit: float = 1400.0
    small_ops_per_frame: float = _pass_ops(1.814e9)
    large_ops_per_frame: float = _pass_ops(7.801e9)
    residual_levels_bpp: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4)
    model_packet_bits_range: tuple[float, float] = (1e6, 3.741e8)

    def __post_init__(self) -> None:
        """Reject ranges that are none, and numbers that no task may have."""
        if not 1 <= self.frames[0] <= self.frames[1] <= MAXIMUM_FRAMES:
            raise InstanceError(f"task_model.frames must be [least, most] in [1, {MAXIMUM_FRAMES}], got {self.frames}")
        for name in ("large_map_min", "small_map_min"):
            low, high = getattr(self, name)
            if low > high:
                raise InstanceError(f"task_model.{name} must be [least, most], got [{low}, {high}]")
        self.draw(np.random.default_rng(0), "any")

    def draw(self, rng: np.random.Generator, satellite: str) -> Task:
        """Draw the task of one satellite.

        Parameters
        ----------
        rng
            Source of randomness.
        satellite
            Id of the remote-sensing satellite.
        """
        return Task(
            satellite=satellite,
            frames=int(rng.integers(self.frames[0], self.frames[1], endpoint=True)),
            pixels_per_frame=self.pixels_per_frame,
            bits_per_pixel=self.bits_per_pixel,
            feature_bits_per_frame=self.feature_bits_per_frame,
            feature_ops_per_bit=self.feature_ops_per_bit,
            small_ops_per_frame=self.small_ops_per_frame,
            large_ops_per_frame=self.large_ops_per_frame,
            residual_levels_bpp=self.residual_levels_bpp,
            model_packet_bits_range=self.model_packet_bits_range,
            large_map_min=round(float(rng.uniform(*self.large_map_min)), 4),
            small_map_min=round(float(rng.uniform(*self.small_map_min)), 4),
        )


@dataclass(frozen=True)
class Hardware:
    """What the satellites of each role carry.

    Attributes
    ----------
    remote_sensing_ops_per_s, computing_ops_per_s
        Computing capacities F, op/s.
    utilization
        Delivered share η of them, in (0, 1].
    relay_s_per_bit
        Relay processing time τ of every satellite, s/bit.
    """

    remote_sensing_ops_per_s: float = 20e12
    computing_ops_per_s: float = 137e12
    utilization: float = 0.3
    relay_s_per_bit: float = 1e-9

    def __post_init__(self) -> None:
        """Reject numbers that no satellite may have."""
        for role in ("remote_sensing", "computing"):
            self.satellite("any", role)

    def satellite(
        self,
        name: str,
        role: str,
        *,
        position_m: tuple[float, ...] | None = None,
        plane: int | None = None,
        slot: int | None = None,
    ) -> Satellite:
        """Equip one satellite for its role.

        Parameters
        ----------
        name, role
            Its id and `remote_sensing`, `relay` or `computing`.
        position_m
            Inertial position, m.
        plane, slot
            Its place in the constellation.
        """
        ops = {"remote_sensing": self.remote_sensing_ops_per_s, "computing": self.computing_ops_per_s}.get(role)
        return Satellite(
            id=name,
            role=role,
            ops_per_s=ops,
            utilization=None if ops is None else self.utilization,
            relay_s_per_bit=self.relay_s_per_bit,
            position_m=position_m,
            plane=plane,
            slot=slot,
        )
