"""Energy of the satellites under a solution; no model code is imported here."""

from formulation.solution import Solution
from formulation.volumes import data_packet_bits, effective_ratio, walk
from instances import Instance


def satellite_energy_j(instance: Instance, solution: Solution) -> dict[str, float]:
    """Return the energy of each satellite whose `joule_per_op` or `transmit_w` is given [J].

    joule_per_op · (operations of feature extraction, small and large model done there) + transmit_w · Σ bits / R_l over
    the packets that it sends on its out-links. Waiting for a share of a link costs nothing: the transmitter sends each
    bit once.

    Raises
    ------
    SolutionError
        If a path uses a link that does not exist.
    """
    energy = dict.fromkeys(instance.with_energy, 0.0)
    if not energy:
        return energy
    for task, decision in zip(instance.tasks, solution.tasks, strict=True):
        ratio = effective_ratio(decision)
        operations = {task.satellite: ratio * task.volume_bits * task.feature_ops_per_bit}
        operations[task.satellite] += (1 - ratio) * task.frames * task.small_ops_per_frame
        if decision.sends_data:
            operations[decision.computing_satellite] = ratio * task.frames * task.large_ops_per_frame
        for node, work in operations.items():
            if node in energy:
                energy[node] += instance.satellite(node).joule_per_op * work
        sent = [(decision.data_path, data_packet_bits(task, decision))] if decision.sends_data else []
        sent += [(decision.model_path, decision.model_packet_bits)] if decision.sends_model else []
        for path, bits in sent:
            for link in walk(instance, path or ()):
                if link.source in energy:
                    energy[link.source] += instance.satellite(link.source).transmit_w * bits / link.rate_bps
    return energy
