"""Settings of all tests: nothing depends on how fast the machine is, and every run tries the same examples."""

import signal

from hypothesis import HealthCheck, settings

from tests.sweeping import schemes  # noqa: F401

settings.register_profile("leosplit", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("leosplit")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in jobs that a shell starts in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)
