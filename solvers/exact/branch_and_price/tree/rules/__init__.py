"""Branching rules, one a module."""
