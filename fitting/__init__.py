"""Measurements, fitted mAP curves and their piecewise-linear functions."""
