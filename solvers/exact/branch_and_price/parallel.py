"""Work on the side: a copy of this process does one thing while this one goes on with another.

The copy (a fork) has all that this process has, linear programs with their bases too, and sends back what its work
returns; what else it changes is lost with it. Each does what it would have done anywhere, so that one seed gives one
result, whoever is done first.
"""

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_PARENTS = (signal.SIGINT, signal.SIGTERM)
"""Signals that are for the process copied alone: it ends the copy."""


def can_fork() -> bool:
    """Whether this process can be copied: on Linux, but not from a daemonic process."""
    return sys.platform == "linux" and not multiprocessing.current_process().daemon


class ForkedWorker(Generic[T]):
    """Work that is done on the side, from entering to leaving the context.

    Parameters
    ----------
    work
        What to do. Ctrl-C does not reach it.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._process_nodes = work
        self._process: BaseProcess | None = None

    def __enter__(self) -> "ForkedWorker[T]":
        context = multiprocessing.get_context("fork")
        self._reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(self._process_nodes, self._reader, writer), daemon=True)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _PARENTS)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # threads are not copied, and none is needed
                process.start()
            self._process = process
        except OSError:  # no memory or process left for it
            self._reader.close()
        finally:
            writer.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return self

    def result(self) -> T | None:
        """Wait for what the work returns; None if it came to no end.

        Raises
        ------
        Exception
            What the work raised.
        """
        if self._process is None:
            return None
        try:
            value, error = self._reader.recv()
        except (EOFError, OSError):
            return None
        if error is not None:
            raise error
        found: T = value
        return found

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._reader.close()


def _run(work: Callable[[], Any], reader: Connection, writer: Connection) -> None:
    """Work, send the result or the error, and end at once: whatever is open here belongs to the process copied."""
    try:
        for number in _PARENTS:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PARENTS)
        reader.close()
        threading.Thread(target=_end_with_parent, daemon=True).start()
        message: tuple[Any, Exception | None]
        try:
            message = work(), None
        except MemoryError:
            return
        except Exception as error:
            message = None, error
        writer.send(message)
    finally:
        os._exit(0)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
