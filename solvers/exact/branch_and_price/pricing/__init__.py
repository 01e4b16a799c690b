"""Lagrangian multipliers, the pricing subproblems, their bound, and reduced-cost fixing."""
