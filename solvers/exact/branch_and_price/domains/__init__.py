"""What is still possible for each task: packet modes, intervals of the data work, candidates, arcs."""
