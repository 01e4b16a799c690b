"""Problem (7) alone: routes and computing satellites at ρ = 0.5 and the packets of (5) and (6)."""

from pathlib import Path

from instances import read_instance
from solvers.exact import solve_routing
from solvers.schemes import packets_at

instance = read_instance(Path(__file__).parent / "data" / "routing.json")
result = solve_routing(instance, packets_at(instance, 0.5))
print(f"{result.termination}: {result.objective_s:.6g} s, bound {result.bound_s:.6g} s")
for decision in result.solution.tasks:
    print(f"{decision.satellite}: {' '.join(decision.data_path)} | {' '.join(decision.model_path)}")
