"""Optimization modelling for large-small model collaboration over LEO satellite networks."""

__version__ = "0.1.0"
