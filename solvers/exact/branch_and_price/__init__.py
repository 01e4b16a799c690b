"""Branch and price: bounds from Lagrangian multipliers, columns from shortest paths, a tree where a gap is left."""
