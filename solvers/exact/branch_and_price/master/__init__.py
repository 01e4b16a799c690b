"""The restricted master: a linear program over the paths known so far."""
