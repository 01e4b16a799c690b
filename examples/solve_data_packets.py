"""Problem (5) alone: the least data packets at ρ = 0.5, in shares and in whole frames, beside the closed form."""

from pathlib import Path

from formulation import Problem, design_packets
from instances import read_instance
from solvers.exact import solve_data_packets

instance = read_instance(Path(__file__).parent / "data" / "data_packets.json")
shares = solve_data_packets(instance, 0.5)
whole = solve_data_packets(Problem(instance, whole_frames=True), 0.5)
for task, row, counted in zip(instance.tasks, shares.tasks, whole.tasks, strict=True):
    closed = 0.5 * design_packets(instance, task).data_bits_per_ratio
    print(f"{task.satellite}: {row['data_packet_bits']:.6g} bit, closed form {closed:.6g}", end="")
    print(f", whole frames {counted['data_packet_bits']:.6g} as {counted['frames_at_levels']}")
