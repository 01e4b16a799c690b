"""Settings of all tests: nothing depends on how fast the machine is, and every run tries the same examples."""

from hypothesis import HealthCheck, settings

from tests.sweeping import schemes  # noqa: F401

settings.register_profile("leosplit", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("leosplit")
