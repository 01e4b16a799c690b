"""The limit on the time that building may take."""

import random
import signal
import time

import pytest

from instances import generate_torus
from solvers.exact import solve_full
from solvers.exact.pyomo_models.build_timeout import BuildingTooLongError, build_timeout
from solvers.result import Termination


def _wait() -> None:
    while True:
        time.sleep(0.001)


def _rewrap() -> None:
    try:
        _wait()
    except Exception as error:
        raise TypeError("unsupported callable") from error


def _rewrap_everything() -> None:
    try:
        _wait()
    except:  # noqa: E722
        raise TypeError("unsupported callable") from None


def _swallow() -> None:
    try:
        _wait()
    except:  # noqa: E722
        return


@pytest.mark.parametrize("block", [_wait, _rewrap, _rewrap_everything, _swallow])
def test_the_alarm_stops_a_block_whatever_that_makes_of_it(block):
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(BuildingTooLongError), build_timeout(0.01):
        block()
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_errors_of_a_block_in_time_are_left_alone():
    with pytest.raises(ZeroDivisionError), build_timeout(60.0):
        1 / 0  # noqa: B018
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_block_in_time_goes_on_without_an_alarm():
    with build_timeout(60.0):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.slow
def test_building_can_be_cut_short_anywhere():
    instance = generate_torus(5, 5, tasks=4, computing=1, seed=1)
    draw = random.Random(0)
    for _ in range(200):
        limit = draw.uniform(0.01, 0.5)
        result = solve_full(instance, formulation="textbook", time_limit=limit)
        assert result.termination in (Termination.TIME_LIMIT, Termination.OPTIMAL)
        assert 0 < result.bound_s <= result.objective_s
