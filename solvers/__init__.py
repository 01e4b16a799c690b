"""How it is answered: exact optima, schemes and optimality gaps."""
