"""Ctrl-C and SIGTERM in a process that is one command: both end it, wherever it is."""

import faulthandler
import os
import signal
import sys
import time
from contextlib import suppress
from types import FrameType
from typing import Any

AGAIN_S = 0.02
"""Time of the processor until an interrupt that came at a bad moment is tried again."""
PATIENCE_S = 0.8
"""How long an interrupt waits for an import to end, before it ends the process."""
EXIT_S = 0.3
"""How long the exit of an interrupted process may take."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)
MESSAGE = "error: interrupted"


class Press:
    """What is done at Ctrl-C or SIGTERM: `KeyboardInterrupt` is raised, and is not lost.

    Raised in an import it could be: extension modules turn it into an `ImportError`, and whoever can do without the
    module goes on. There it waits for the end of the import. Where it was raised in a finalizer or a callback, which
    Python leaves at once, it is raised again. A signal that comes twice, as from `timeout`, or from a key that is
    pressed twice, is one: what is known is being printed.

    Attributes
    ----------
    first
        When it came first, by `time.monotonic`, or None.
    """

    def __init__(self) -> None:
        self.first: float | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal."""
        waited_s = self.seen()
        if 0 < waited_s < PATIENCE_S and number != signal.SIGVTALRM:
            return
        if not _importing(frame):
            raise KeyboardInterrupt
        if waited_s > PATIENCE_S:
            say_so()
            os._exit(1)
        self.again()

    def seen(self) -> float:
        """Return how long ago the first signal came [s]; for code that looks for signals by itself, as solvers do."""
        now = time.monotonic()
        self.first = self.first or now
        return now - self.first

    def again(self, *_: object) -> None:
        """Come again in a moment: by a timer that nothing else uses."""
        signal.setitimer(signal.ITIMER_VIRTUAL, AGAIN_S)

    def ignored(self, unraisable: Any) -> None:
        """Take what Python cannot raise where it comes up; the hook of `sys.unraisablehook`."""
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            self.again()
        elif self.first is None:  # else a finalizer misses what another one, cut short, had left undone
            sys.__unraisablehook__(unraisable)


def handle_signals() -> Press:
    """Let Ctrl-C, unless it is ignored, and SIGTERM end this process, by its main thread."""
    known = signal.getsignal(signal.SIGTERM)
    if isinstance(known, Press):
        return known
    press = Press()
    for number in (*SIGNALS, signal.SIGVTALRM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, press)
    sys.unraisablehook = press.ignored
    return press


def ignore_signals() -> None:
    """Let neither change the exit code of a command whose answer is complete."""
    for number in (*SIGNALS, signal.SIGVTALRM):
        signal.signal(number, signal.SIG_IGN)


def leave() -> int:
    """Return the exit code of an interrupted command; its process ends in a moment, whatever is left to do at exit."""
    ignore_signals()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    faulthandler.dump_traceback_later(EXIT_S, exit=True, file=nowhere)  # ends the process, whatever Python is doing
    say_so()
    return 1


def say_so() -> None:
    """Say that the command was interrupted, after what it has printed; its child processes end."""
    if "multiprocessing" in sys.modules:
        for process in sys.modules["multiprocessing"].active_children():
            process.kill()
    with suppress(OSError, ValueError):  # nobody may be left to read it
        sys.stdout.flush()
    with suppress(OSError, ValueError):
        print(MESSAGE, file=sys.stderr, flush=True)


def _importing(frame: FrameType | None) -> bool:
    """Tell whether a frame belongs to an import."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
