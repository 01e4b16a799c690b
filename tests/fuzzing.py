"""A seeded mutation fuzzer of every reader, in one process: what is read is used too, for some files hang in use only.

    python -m tests.fuzzing --count 10000 --seed 0 --save failed/ [READER ...]

prints one line a reader. An input counts as wrong if reader or use raise anything but a `LeosplitError` of one short
line, take more than `SECONDS` of processor time or `MEMORY_GIB`, or let a warning of NumPy through.
"""

import argparse
import contextlib
import io
import random
import re
import resource
import signal
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fitting.errors import LeosplitError
from tests.fuzz_readers import READERS, Reader

SECONDS = 10.0
MEMORY_GIB = 1.0
LONGEST_MESSAGE = 1500


class TooLong(BaseException):
    """An input took more processor time than allowed; nothing that catches `Exception` hides it."""


@dataclass(frozen=True)
class Wrong:
    """An input that was answered wrongly."""

    number: int
    reason: str
    data: bytes


@dataclass(frozen=True)
class Outcome:
    """What became of the inputs of a reader: how many were used, refused (by reader or use), and which went wrong."""

    counts: Counter[str]
    wrong: list[Wrong]
    slowest_s: float


def fuzz(name: str, count: int, seed: int) -> Outcome:
    """Give mutated files to a reader and use what it reads; the same seed gives the same inputs."""
    reader, bases = READERS[name], READERS[name].bases()
    counts: Counter[str] = Counter()
    wrong: list[Wrong] = []
    slowest = 0.0
    with tempfile.TemporaryDirectory() as directory, _limits():
        for base in bases:  # imports, compilation and caches count against no input
            path = Path(directory) / f"base{reader.suffix}"
            path.write_bytes(base)
            reader.use(reader.read(path), random.Random(0))
        for number in range(seed, seed + count):
            rng = random.Random(f"{name} {number}")
            data = reader.mutate(rng.choice(bases), rng)
            path = Path(directory) / f"x{reader.suffix}"
            path.write_bytes(data)
            start = time.process_time()
            try:
                counts[_attempt(reader, path, rng)] += 1
            except (Exception, TooLong) as error:
                place = traceback.extract_tb(error.__traceback__)[-1]
                where = f"{Path(place.filename).name}:{place.lineno}"
                wrong.append(Wrong(number, f"{type(error).__name__}: {str(error)[:200]} ({where})", data))
            slowest = max(slowest, time.process_time() - start)
    return Outcome(counts, wrong, slowest)


def _attempt(reader: Reader, path: Path, rng: random.Random) -> str:
    """Read and use one file; return what became of it."""
    stage = "refused"
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("error", RuntimeWarning)
            read = reader.read(path)
            stage = "refused in use"
            reader.use(read, rng)
    except LeosplitError as error:
        text = " ".join(str(error).split())
        assert text, "an error without words"
        assert len(text) <= LONGEST_MESSAGE, f"a message of {len(text)} characters: {text[:100]}"
        return stage
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
    return "used"


@contextlib.contextmanager
def _limits() -> Iterator[None]:
    """Limit processor time and memory of each input."""

    def stop(*_: object) -> None:
        raise TooLong(f"more than {SECONDS:g} s")

    handler = signal.signal(signal.SIGPROF, stop)
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
    resource.setrlimit(resource.RLIMIT_DATA, (pages * resource.getpagesize() + int(MEMORY_GIB * 2**30), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
        signal.signal(signal.SIGPROF, handler)


def main() -> None:
    """Fuzz readers and print what was found."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("readers", nargs="*", default=list(READERS), help=f"of {', '.join(READERS)}; all by default")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path, help="directory for the inputs that went wrong")
    asked = parser.parse_args()
    for name in asked.readers:
        start = time.process_time()
        found = fuzz(name, asked.count, asked.seed)
        spent, counts = time.process_time() - start, [f"{n} {what}" for what, n in sorted(found.counts.items())]
        print(f"{name}: {asked.count} inputs, {len(found.wrong)} wrong, {', '.join(counts)}", end="")
        print(f"; {spent:.0f} s, slowest {found.slowest_s:.2f} s", flush=True)
        kinds = Counter(re.sub(r"\d+", "#", wrong.reason) for wrong in found.wrong)
        for wrong in found.wrong:
            kind = re.sub(r"\d+", "#", wrong.reason)
            if kinds.pop(kind, None):
                print(f"  {wrong.number}: {wrong.reason}", flush=True)
        if asked.save is not None:
            asked.save.mkdir(parents=True, exist_ok=True)
            for wrong in found.wrong:
                (asked.save / f"{name}-{wrong.number}{READERS[name].suffix}").write_bytes(wrong.data)


if __name__ == "__main__":
    main()
