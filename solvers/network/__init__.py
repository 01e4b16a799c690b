"""What every solver on arrays shares: the network's graph, tasks, plans, loads, and the best response of one task."""
