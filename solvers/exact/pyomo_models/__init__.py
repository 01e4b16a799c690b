"""Solves through a Pyomo model, by any solver that Pyomo reaches."""
