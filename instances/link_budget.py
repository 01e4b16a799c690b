"""Rates of inter-satellite links. Everything is linear and in SI units here; dB appear only in `RadioLink.from_db`.

A link technology is one subclass of `Technology` in this module: its `kind` names it in scenario files, its
`quantities` say what stands there, and reading, writing, the JSON Schema and the warnings follow from them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instances.constants import LIGHT_M_PER_S
from instances.technology import (
    GAIN_DBI,
    LIKELY_RATE,
    POSITIVE,
    LinkBudgetError,
    LinkTechnology,
    Quantity,
    Technology,
)

__all__ = [
    "BOLTZMANN_J_K",
    "RADIOS",
    "LinkBudgetError",
    "LinkTechnology",
    "OpticalLink",
    "RadioLink",
    "ShannonLink",
    "dish_gain",
    "from_decibel",
    "to_decibel",
]

BOLTZMANN_J_K = 1.380649e-23
"""Boltzmann constant, J/K."""


NEAREST_M = 1.0
"""Shortest distance that free-space loss is computed for, m: docked satellites have a link, at a finite rate."""


def from_decibel(value_db: float) -> float:
    """Linear power ratio of `value_db` dB."""
    return float(10.0 ** (value_db / 10.0))


def to_decibel(ratio: float) -> float:
    """Decibels of a linear power ratio > 0."""
    return 10.0 * math.log10(ratio)


def dish_gain(diameter_m: float, frequency_hz: float, efficiency: float = 0.55) -> float:
    """Linear gain η (π D f/c)² of a parabolic dish.

    Parameters
    ----------
    diameter_m
        Diameter D, m.
    frequency_hz
        Carrier frequency f, Hz.
    efficiency
        Aperture efficiency η in (0, 1].
    """
    return efficiency * (math.pi * diameter_m * frequency_hz / LIGHT_M_PER_S) ** 2


def _require_positive(name: str, value: float, *, finite: bool = True) -> None:
    if not value > 0.0 or (finite and math.isinf(value)):
        raise LinkBudgetError(f"link budget: {name} must be > 0{' and finite' if finite else ''}, got {value!r}")


@dataclass(frozen=True)
class RadioLink(Technology, kind="radio"):
    """A radio link at the rate that its energy per bit allows.

    R = P G_t G_r L_p (c/(4π d f))² / (k_B T_s (E_b/N_0)_req M), at most the modem's highest rate.

    Attributes
    ----------
    frequency_hz
        Carrier frequency f, Hz.
    power_w
        Transmit power P, W.
    transmit_gain, receive_gain
        Linear antenna gains G_t, G_r.
    pointing_loss
        Linear pointing loss L_p of both ends together, in (0, 1].
    noise_temperature_k
        System noise temperature T_s, K.
    eb_n0_required
        Linear (E_b/N_0)_req of the modem.
    margin
        Linear link margin M, at least 1.
    max_rate_bps
        Highest rate of the modem, bit/s.
    """

    frequency_hz: float
    power_w: float
    transmit_gain: float
    receive_gain: float
    pointing_loss: float
    noise_temperature_k: float
    eb_n0_required: float
    margin: float
    max_rate_bps: float = math.inf

    quantities: ClassVar[tuple[Quantity, ...]] = (
        Quantity("frequency_hz", POSITIVE, likely=(1e8, 1e15)),
        Quantity("power_w", POSITIVE, likely=(1e-3, 1e4)),
        Quantity("transmit_gain_dbi", GAIN_DBI),
        Quantity("receive_gain_dbi", GAIN_DBI),
        Quantity("pointing_loss_db", (0.0, 100.0)),
        Quantity("noise_temperature_k", POSITIVE, likely=(3.0, 1e5)),
        Quantity("eb_n0_required_db", (-10.0, 60.0)),
        Quantity("margin_db", (0.0, 100.0)),
        Quantity("max_rate_bps", POSITIVE, needed=False, likely=LIKELY_RATE),
    )

    def __post_init__(self) -> None:
        """Reject values out of range."""
        for name, value in vars(self).items():
            _require_positive(name, value, finite=name != "max_rate_bps")
        if self.pointing_loss > 1.0 or self.margin < 1.0:
            raise LinkBudgetError(
                "link budget: pointing_loss must be <= 1 and margin >= 1, "
                f"got {self.pointing_loss!r} and {self.margin!r}"
            )

    @classmethod
    def from_db(
        cls,
        *,
        frequency_hz: float,
        power_w: float,
        transmit_gain_dbi: float,
        receive_gain_dbi: float,
        pointing_loss_db: float,
        noise_temperature_k: float,
        eb_n0_required_db: float,
        margin_db: float,
        max_rate_bps: float = math.inf,
    ) -> "RadioLink":
        """Build the link from the decibels of a data sheet; losses and margins are positive numbers of dB."""
        sheet = (transmit_gain_dbi, receive_gain_dbi, pointing_loss_db, eb_n0_required_db, margin_db)
        for quantity, value in zip([one for one in cls.quantities if "_db" in one.name], sheet, strict=True):
            quantity.check(value)
        return cls(
            frequency_hz=frequency_hz,
            power_w=power_w,
            transmit_gain=from_decibel(transmit_gain_dbi),
            receive_gain=from_decibel(receive_gain_dbi),
            pointing_loss=from_decibel(-pointing_loss_db),
            noise_temperature_k=noise_temperature_k,
            eb_n0_required=from_decibel(eb_n0_required_db),
            margin=from_decibel(margin_db),
            max_rate_bps=max_rate_bps,
        )

    @classmethod
    def from_values(cls, values: Mapping[str, float]) -> "RadioLink":
        """Build the link from its data sheet."""
        return cls.from_db(**values)

    def to_values(self) -> dict[str, float]:
        """Return the data sheet; decibels are rounded, so that 34.41 stays 34.41."""
        return {
            "frequency_hz": self.frequency_hz,
            "power_w": self.power_w,
            "transmit_gain_dbi": round(to_decibel(self.transmit_gain), 10),
            "receive_gain_dbi": round(to_decibel(self.receive_gain), 10),
            "pointing_loss_db": abs(round(to_decibel(self.pointing_loss), 10)),
            "noise_temperature_k": self.noise_temperature_k,
            "eb_n0_required_db": round(to_decibel(self.eb_n0_required), 10),
            "margin_db": round(to_decibel(self.margin), 10),
            "max_rate_bps": self.max_rate_bps,
        }

    def carrier_to_noise_density_hz(self, length_m: ArrayLike) -> NDArray[np.float64]:
        """C/N_0 of links of these lengths, Hz; what is closer than `NEAREST_M` counts as that far."""
        distance = np.maximum(np.asarray(length_m, dtype=float), NEAREST_M)
        spreading = LIGHT_M_PER_S / (4.0 * math.pi * distance * self.frequency_hz)
        carrier = self.power_w * self.transmit_gain * self.receive_gain * self.pointing_loss * spreading**2
        return np.asarray(carrier / (BOLTZMANN_J_K * self.noise_temperature_k))

    def rate_bps(self, length_m: ArrayLike) -> NDArray[np.float64]:
        """Rate, bit/s, of links of these lengths, m; same shape."""
        rate = self.carrier_to_noise_density_hz(length_m) / (self.eb_n0_required * self.margin)
        return np.minimum(rate, self.max_rate_bps)


@dataclass(frozen=True)
class ShannonLink(Technology, kind="shannon"):
    """A radio link at its channel capacity, B log2(1 + (C/N_0)/B).

    Attributes
    ----------
    radio
        The radio; its E_b/N_0 and margin do not act, its highest rate caps the capacity.
    bandwidth_hz
        Bandwidth B, Hz.
    """

    radio: RadioLink
    bandwidth_hz: float

    quantities: ClassVar[tuple[Quantity, ...]] = (
        *RadioLink.quantities,
        Quantity("bandwidth_hz", POSITIVE, likely=(1e3, 1e12)),
    )

    def __post_init__(self) -> None:
        """Reject a bandwidth out of range."""
        _require_positive("bandwidth_hz", self.bandwidth_hz)

    def rate_bps(self, length_m: ArrayLike) -> NDArray[np.float64]:
        """Rate, bit/s, of links of these lengths, m; same shape."""
        ratio = self.radio.carrier_to_noise_density_hz(length_m) / self.bandwidth_hz
        return np.minimum(self.bandwidth_hz * np.log2(1.0 + ratio), self.radio.max_rate_bps)

    @classmethod
    def from_values(cls, values: Mapping[str, float]) -> "ShannonLink":
        """Build the link from its data sheet and bandwidth."""
        sheet = dict(values)
        width = sheet.pop("bandwidth_hz")
        return cls(RadioLink.from_db(**sheet), width)

    def to_values(self) -> dict[str, float]:
        """Return data sheet and bandwidth."""
        return {**self.radio.to_values(), "bandwidth_hz": self.bandwidth_hz}


@dataclass(frozen=True)
class OpticalLink(Technology, kind="optical"):
    """A laser terminal of a fixed class: one rate up to its range.

    Attributes
    ----------
    class_rate_bps
        Rate of the class, bit/s.
    max_range_m
        Range, m; longer links have the rate 0. ``inf`` leaves it to the line of sight.
    """

    class_rate_bps: float
    max_range_m: float = math.inf

    quantities: ClassVar[tuple[Quantity, ...]] = (
        Quantity("rate_bps", POSITIVE, likely=LIKELY_RATE),
        Quantity("max_range_m", POSITIVE, needed=False, likely=(1e3, 1e9)),
    )

    def __post_init__(self) -> None:
        """Reject values out of range."""
        _require_positive("class_rate_bps", self.class_rate_bps)
        _require_positive("max_range_m", self.max_range_m, finite=False)

    def rate_bps(self, length_m: ArrayLike) -> NDArray[np.float64]:
        """Rate, bit/s, of links of these lengths, m; same shape."""
        return np.where(np.asarray(length_m) <= self.max_range_m, self.class_rate_bps, 0.0)

    @classmethod
    def from_values(cls, values: Mapping[str, float]) -> "OpticalLink":
        """Build the link from rate and range."""
        return cls(values["rate_bps"], values.get("max_range_m", math.inf))

    def to_values(self) -> dict[str, float]:
        """Return rate and range."""
        return {"rate_bps": self.class_rate_bps, "max_range_m": self.max_range_m}


NOISE_TEMPERATURE_K = 290.0 * from_decibel(2.0)
"""290 K times a noise figure of 2 dB, K."""


def _ka_band(dish_m: float, max_rate_bps: float = math.inf) -> RadioLink:
    """26 GHz, 10 W, equal dishes; hardware class of arXiv:2005.07965 and arXiv:2111.09045."""
    gain = to_decibel(dish_gain(dish_m, 26e9))
    return RadioLink.from_db(
        frequency_hz=26e9,
        power_w=10.0,
        transmit_gain_dbi=gain,
        receive_gain_dbi=gain,
        pointing_loss_db=0.6,  # 0.3 dB at each end
        noise_temperature_k=NOISE_TEMPERATURE_K,
        eb_n0_required_db=10.0,
        margin_db=3.0,
        max_rate_bps=max_rate_bps,
    )


STANDARD_RADIO = _ka_band(0.5, max_rate_bps=2.95e9)
"""0.5 m dishes and a modem of 500 MHz at DVB-S2X's highest spectral efficiency, 5.9 bit/s/Hz: scenario."""
SMALL_DISH_RADIO = _ka_band(0.26)
"""0.26 m dishes without a cap, as in arXiv:2005.07965 and arXiv:2111.09045."""


RADIOS: Mapping[str, LinkTechnology] = {
    "standard": STANDARD_RADIO,
    "small-dish": SMALL_DISH_RADIO,
    "shannon": ShannonLink(SMALL_DISH_RADIO, 500e6),
    "optical-2.5g": OpticalLink(2.5e9),
    "optical-10g": OpticalLink(10e9),
    "optical-100g": OpticalLink(100e9),
}
"""Link technologies by name. `standard` and the optical classes are scenarios; `shannon` is the 0.26 m radio's capacity
over 500 MHz."""
