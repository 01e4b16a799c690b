"""Optimization modelling for large-small model collaboration over LEO satellite networks."""
