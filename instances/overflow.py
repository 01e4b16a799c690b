"""Delays that floating point could not hold: an instance with one is refused, before a search takes it for no path."""

from collections.abc import Mapping, Sequence

from instances.checks import InstanceError
from instances.constants import LIGHT_M_PER_S
from instances.instance import Link, Satellite, Task

LONGEST_S = 1e100
"""Longest part of a delay [s]: far beyond any use, with room for sums, products and squares."""


def require_finite_delays(satellites: Mapping[str, Satellite], links: Sequence[Link], tasks: Sequence[Task]) -> None:
    """Refuse parts whose delays overflow: every bit over the slowest link and relay, every operation.

    Raises
    ------
    InstanceError
        With the place and the fields that make the longest part.
    """
    slowest = min(range(len(links)), key=lambda i: links[i].rate_bps, default=None)
    longest = max(range(len(links)), key=lambda i: links[i].length_m, default=None)
    relay = max(satellites.values(), key=lambda satellite: satellite.relay_s_per_bit)
    if longest is not None:
        _require(links[longest].length_m / LIGHT_M_PER_S, f"links[{longest}].length_m", "its propagation")
    for i, task in enumerate(tasks):
        own = _rate(satellites[task.satellite])
        servers = [s for s in satellites.values() if s.role == "computing"]
        remote = min(map(_rate, servers), default=1.0)
        features = (task.feature_bits_per_frame_range or (0.0, task.feature_bits_per_frame))[1]
        data = task.frames * (features + task.pixels_per_frame * task.residual_levels_bpp[-1])
        model = task.model_packet_bits_range[1]
        extraction = task.volume_bits * task.feature_ops_per_bit
        where = f"tasks[{i}]"
        _require(_over(task.frames * task.small_ops_per_frame, own), f"{where}.small_ops_per_frame", "the small model")
        _require(
            _over(task.frames * task.large_ops_per_frame, remote), f"{where}.large_ops_per_frame", "the large model"
        )
        _require(_over(extraction, own), f"{where}.feature_ops_per_bit", "feature extraction from all images")
        for bits, name in ((data, "data packet, frames × (feature bits + pixels × residual)"), (model, "model packet")):
            _require(bits * relay.relay_s_per_bit, where, f"the {name}, relayed by {relay.id}")
            if slowest is not None:
                rate = links[slowest].rate_bps
                _require(len(tasks) * _over(bits, rate), where, f"the {name}, over links[{slowest}] of {rate:g} bit/s")


def _rate(satellite: Satellite) -> float:
    return (satellite.ops_per_s or 1.0) * (satellite.utilization or 1.0)


def _over(work: float, rate: float) -> float:
    """Return work over rate, inf where the rate has run under."""
    return work / rate if rate > 0.0 else float("inf")


def _require(seconds: float, place: str, what: str) -> None:
    if not seconds <= LONGEST_S:  # nan too
        raise InstanceError(
            f"{place}: {what} takes {seconds:.3g} s; at most {LONGEST_S:g} s is allowed, check the units"
        )
