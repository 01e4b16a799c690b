"""A time limit for Python code: building a large model can take longer than the user is willing to wait."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class BuildingTooLongError(TimeoutError):
    """The time for building is over."""


@contextmanager
def alarm(seconds: float | None) -> Iterator[None]:
    """Raise in the block after so many seconds; only in the main thread, where the system has signals.

    Raises
    ------
    BuildingTooLongError
        When the time is over.
    """
    usable = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if seconds is None or not usable:
        yield
        return
    if seconds <= 0:
        raise BuildingTooLongError

    def ring(*_: object) -> None:
        raise BuildingTooLongError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Pyomo from logging where a build was cut short; what it raises says the same."""
    logger = logging.getLogger("pyomo.core")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
