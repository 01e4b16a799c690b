"""Solvers of linear and integer programs: HiGHS on arrays, and whatever Pyomo reaches."""
