"""The search tree: nodes, branching rules, strong branching."""
