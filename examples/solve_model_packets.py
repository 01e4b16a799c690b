"""Problem (6) alone: the least model packets, beside the closed form."""

from pathlib import Path

from formulation import design_packets
from instances import read_instance
from solvers.exact import solve_model_packets

instance = read_instance(Path(__file__).parent / "data" / "model_packets.json")
for task, row in zip(instance.tasks, solve_model_packets(instance).tasks, strict=True):
    closed = design_packets(instance, task).model_packet_bits
    print(f"{task.satellite}: {row['model_packet_bits']:.6g} bit, closed form {closed:.6g}")
