"""Benchmarks: one module each, with a `main` that prints a table. `python -m benchmarks [NAME…]` runs them."""
