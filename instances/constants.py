"""Physical constants."""

LIGHT_M_PER_S = 299_792_458.0  # exact, SI definition of the metre
