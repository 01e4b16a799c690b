"""Work on the side: a copy of this process does one thing while this one goes on with another.

The copy (a fork) has all that this process has, linear programs with their bases too, and sends back what its work
returns; what else it changes is lost with it. Each does what it would have done anywhere, so that one seed gives one
result, whoever is done first.
"""

import multiprocessing
import os
import signal
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def possible() -> bool:
    """Whether this process can be copied."""
    return hasattr(os, "fork") and not multiprocessing.current_process().daemon


class Aside(Generic[T]):
    """Work that is done on the side, from entering to leaving the context.

    Parameters
    ----------
    work
        What to do. Neither Ctrl-C nor an error in it reaches this process: then there is no result.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work

    def __enter__(self) -> "Aside[T]":
        context = multiprocessing.get_context("fork")
        self._reader, writer = context.Pipe(duplex=False)
        self._process = context.Process(target=_run, args=(self._work, writer), daemon=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads in the copied process: none is needed
            self._process.start()
        writer.close()
        return self

    def result(self) -> T | None:
        """Wait for what the work returns, None if it failed."""
        try:
            value: T = self._reader.recv()
        except EOFError:
            return None
        return value

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()
        self._process.kill()
        self._process.join()


def _run(work: Callable[[], Any], writer: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        writer.send(work())
    finally:
        os._exit(0)  # whatever is open here belongs to the process that was copied
