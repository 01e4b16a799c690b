"""What is asked: delay (1)-(3), checker and the Pyomo models of (4)-(7)."""
