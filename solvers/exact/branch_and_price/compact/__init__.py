"""The compact integer program over what the domains have left."""
