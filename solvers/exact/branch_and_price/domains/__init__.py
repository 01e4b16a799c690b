"""What is still can_fork for each task: packet modes, intervals of the data work, candidates, arcs."""
