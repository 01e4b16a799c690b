"""A time limit for Python code: building a large model can take longer than the user is willing to wait."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class BuildingTooLongError(BaseException):
    """The time for building is over.

    No `Exception`, as `KeyboardInterrupt` is none: it comes up anywhere in the block, also in a library's code that
    turns whatever an inner call raises into an error of its own.
    """


@contextmanager
def build_timeout(seconds: float | None) -> Iterator[None]:
    """Raise in the block after so many seconds; only in the main thread, where the system has signals.

    It rings once: where it is swallowed in the block, as in a finalizer, the block goes on to its end.

    Raises
    ------
    BuildingTooLongError
        When the time is over, whatever the block made of being stopped.
    """
    usable = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if seconds is None or not usable:
        yield
        return
    if seconds <= 0:
        raise BuildingTooLongError
    rung = False

    def ring(*_: object) -> None:
        nonlocal rung
        rung = True
        raise BuildingTooLongError

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    except Exception as error:
        if rung:
            raise BuildingTooLongError from error
        raise
    finally:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        finally:
            signal.signal(signal.SIGALRM, before)
    if rung:
        raise BuildingTooLongError


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
