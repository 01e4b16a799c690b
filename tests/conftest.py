"""Settings of all tests: nothing depends on how fast the machine is, and every run tries the same examples."""

from hypothesis import HealthCheck, settings

settings.register_profile("leosplit", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("leosplit")
