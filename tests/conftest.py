"""Settings of all tests: nothing depends on how fast the machine is, and every run tries the same examples.

`--seed N` lets the tests that draw instances draw others, `--seed random` others in every run.
"""

import os
import secrets
import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.sweeping import schemes  # noqa: F401

settings.register_profile("leosplit", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("leosplit")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in jobs that a shell starts in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--seed", default="0", help="first seed of the instances that tests draw: a number, or 'random'")


def pytest_configure(config):
    if config.option.seed == "random":  # xdist's workers read it from the environment
        config.option.seed = os.environ.setdefault("LEOSPLIT_TEST_SEED", str(secrets.randbelow(10**9)))


def pytest_report_header(config):
    return f"instances drawn from seed {config.option.seed}"


@pytest.fixture(scope="session")
def seed(request):
    """First seed of the instances that a test draws."""
    return int(request.config.option.seed)
