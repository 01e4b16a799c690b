"""Progress on stderr for anything that takes more than two seconds."""

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from leosplit.tables import printable, seconds

if TYPE_CHECKING:
    from solvers.result import Progress

SILENT_S = 2.0
TERMINAL_PERIOD_S = 1.0
FILE_PERIOD_S = 10.0


class ProgressLine:
    """A line with the stage, its time, the incumbent and the bound.

    On a terminal the line is rewritten every second; elsewhere one line is added every ten seconds. A thread does the
    writing, so that a stage that reports nothing still shows its time. An instance is a solver's progress callback.
    """

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._period = TERMINAL_PERIOD_S if self._terminal else FILE_PERIOD_S
        self._stage = ""
        self._state: Progress | None = None
        self._note = ""
        self._start = self._shown_at = time.monotonic()
        self._shown = False
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        self.clear()

    def __call__(self, state: "Progress") -> None:
        """Take the state of a running solver."""
        self._state = state

    def note(self, text: str) -> None:
        """Take what else the line says."""
        self._note = text

    def stage(self, name: str) -> None:
        """Name the work that starts now; its two silent seconds start too."""
        self.clear()
        self._stage, self._state, self._note = name, None, ""
        self._start = self._shown_at = time.monotonic()

    def rename(self, name: str) -> None:
        """Name the next of many short pieces of work; the stage's time goes on."""
        self._stage, self._state = name, None

    def tick(self) -> None:
        """Write the line if it is due."""
        now = time.monotonic()
        if now - self._start < SILENT_S or (self._shown and now - self._shown_at < self._period):
            return
        self._shown, self._shown_at = True, now
        parts = [f"{now - self._start:.0f} s"]
        if self._state is not None:
            parts += [f"incumbent {seconds(self._state.incumbent_s)}", f"bound {seconds(self._state.bound_s)}"]
            parts += [self._state.phase] if self._state.phase else []
        parts += [self._note] if self._note else []
        line = printable(f"{self._stage}: {', '.join(parts)}")
        sys.stderr.write(f"\r\x1b[K{line}" if self._terminal else f"{line}\n")
        sys.stderr.flush()

    def clear(self) -> None:
        """Remove the line from a terminal."""
        if self._shown and self._terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
        self._shown = False

    def _run(self) -> None:
        while not self._done.wait(0.5):
            self.tick()
