"""Commands that are killed, by SIGKILL: at a moment, or at one of the times that they open or rename a file.

Run as a program this module is a server: it imports everything once and does each command in a copy of itself.
"""

import contextlib
import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from xml.etree import ElementTree

ROOT = str(Path(__file__).resolve().parent.parent)
EVENTS = {"open", "os.link", "os.rename"}


class Server:
    """Does commands in a directory; a context.

    Parameters
    ----------
    modules
        What to import before the first.
    """

    def __init__(self, *modules):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.killing", *modules],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def do(self, words, directory, seconds=None, event=None, delay=0.0):
        """Do a command, killed after so many seconds, or a moment after an event of this number.

        Returns
        -------
        dict
            `code`, negative where it was killed; `seconds` that it took, `events` that it had, and what it `said`.
        """
        asked = {"words": list(map(str, words)), "directory": str(directory)}
        print(
            json.dumps(asked | {"seconds": seconds, "event": event, "delay": delay}),
            file=self.process.stdin,
            flush=True,
        )
        return json.loads(self.process.stdout.readline())


def serve(lines, answers):
    """Do what is asked, line by line."""
    for line in lines:
        asked = json.loads(line)
        Path(asked["directory"], "said").unlink(missing_ok=True)
        start, counted = time.monotonic(), os.pipe()
        child = os.fork()
        if child == 0:
            _child(asked, counted[1])
        os.close(counted[1])
        if asked["seconds"] is not None:
            threading.Timer(max(start + asked["seconds"] - time.monotonic(), 0.0), _kill, (child,)).start()
        _, status = os.waitpid(child, 0)
        seconds = time.monotonic() - start
        events = b""
        while part := os.read(counted[0], 65536):
            events += part
        os.close(counted[0])
        answer = {"code": os.waitstatus_to_exitcode(status), "seconds": seconds, "events": len(events)}
        answer["said"] = Path(asked["directory"], "said").read_text(errors="replace")
        print(json.dumps(answer), file=answers, flush=True)


def _kill(process):
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def _child(asked, counter):
    """Do one command, and end."""
    from leosplit.cli import main

    os.chdir(asked["directory"])
    said = os.open("said", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    for descriptor in (1, 2):
        os.dup2(said, descriptor)
    events, ends = 0, []

    def watch(name, args):
        nonlocal events
        if name not in EVENTS or not _own(name, args):
            return
        events += 1
        os.write(counter, b".")
        if events == asked["event"]:
            ends.append(threading.Timer(asked["delay"], _kill, (os.getpid(),)))
            ends[0].start()

    sys.addaudithook(watch)
    code = 1
    try:
        code = main(asked["words"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for end in ends:
            end.join()
        os._exit(code)


def _own(name, args):
    """Tell whether an event is about a file below the working directory, and may change it."""
    if name == "open" and not args[2] & (os.O_WRONLY | os.O_RDWR):
        return False
    here = Path.cwd()
    return any(isinstance(path, str) and Path(path).absolute().is_relative_to(here) for path in args[:2])


def whole(path):
    """Tell whether a file is complete, by its suffix."""
    content = path.read_bytes()
    try:
        match path.suffix:
            case ".json":
                json.loads(content)
            case ".csv":
                assert content.endswith(b"\r\n")
                rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
                assert {len(row) for row in rows} == {len(rows[0])}
            case ".png":
                assert content.startswith(b"\x89PNG")
                assert content.endswith(b"IEND\xaeB`\x82")
            case ".svg":
                ElementTree.fromstring(content)
            case ".html":
                assert content.rstrip().endswith(b"</html>")
            case ".safetensors":
                from safetensors.numpy import load

                load(content)
            case ".txt":
                assert content.endswith(b"\n")
            case other:
                raise ValueError(f"no check for {other}")
    except (AssertionError, ValueError, ElementTree.ParseError):
        return False
    return True


def kill_often(server, words, directory, count, seed):
    """Kill a command this often, half of the times at random moments, half at events; return what was not whole.

    Every file that the command writes holds `old` before; afterwards it is that or whole.
    """
    rng, broken, killed = random.Random(seed), [], 0
    done = server.do(words, directory)
    assert done["code"] == 0, done["said"]
    events = done["events"]
    files = sorted(path for path in directory.rglob("*") if path.is_file() and path.name != "said")
    inputs = {path: path.read_bytes() for path in files if path.parent == directory}
    outputs = [path for path in files if path not in inputs]
    assert outputs
    assert all(whole(path) for path in outputs)
    while killed < count:
        for path in outputs:
            path.write_bytes(b"old")
        at = {"event": rng.randint(1, events), "delay": rng.uniform(0.0, 3e-3)}
        if killed % 2:
            at = {"seconds": rng.uniform(0.0, done["seconds"])}
        did = server.do(words, directory, **at)
        assert did["code"] in (0, -signal.SIGKILL), did["said"]
        if did["code"] == 0:  # it was quicker, or had fewer events, than at first
            done["seconds"], events = min(done["seconds"], did["seconds"]), min(events, did["events"])
        killed += did["code"] == -signal.SIGKILL
        broken += [(at, path.name) for path in outputs if path.read_bytes() != b"old" and not whole(path)]
        assert inputs == {path: path.read_bytes() for path in inputs}
    return broken


if __name__ == "__main__":
    for module in sys.argv[1:]:
        __import__(module)
    answers = os.fdopen(os.dup(1), "w")  # whatever a command prints goes elsewhere
    serve(sys.stdin, answers)
