"""Figures: gaps per scheme, the map of a network with its routes, and the paper's studies."""

from leosplit.figures.gaps import draw_gaps
from leosplit.figures.map import draw_map
from leosplit.figures.profile import draw_profile, draw_quality_time
from leosplit.figures.style import save
from leosplit.figures.training import draw_training

__all__ = ["draw_gaps", "draw_map", "draw_profile", "draw_quality_time", "draw_training", "save"]
