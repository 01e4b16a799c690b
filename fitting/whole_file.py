"""Files that appear whole or not at all: every writer of the packages writes through `whole_file`."""

import io
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_STREAMS = (1, 2)
"""File descriptors of stdout and stderr."""


@contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes the place of `path` when the block ends without an error.

    The new content is written beside the old one, flushed to the disk and renamed, so that an error, a full disk or a
    kill at any moment leaves `path` as it was. Permissions are those that `open` would give: an existing file keeps its
    own. A symbolic link stays, and what it points to is replaced. What cannot be replaced is written in place, at the
    end of the block: pipes, devices, the file that is stdout, and a file in a directory where none can be made.

    Parameters
    ----------
    path
        The file; its directory must exist.

    Yields
    ------
    BinaryIO
        Where the content goes.

    Raises
    ------
    OSError
        With `path` as its file name, if the file cannot be written.
    """
    target = Path(path)
    try:
        replaced = None if _is_stream(target) else _Beside.make(Path(os.path.realpath(target)))
        if replaced is None:
            buffer = io.BytesIO()
            yield buffer
            with target.open("wb") as file:
                file.write(buffer.getbuffer())
            return
        with replaced:
            yield replaced.file
    except OSError as error:
        if error.errno is None or error.filename not in (None, *_names(target)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_text(path: str | Path, text: str, encoding: str = "utf-8") -> None:
    """Write a text file, whole or not at all; see `whole_file`."""
    content = text.encode(encoding)
    with whole_file(path) as file:
        file.write(content)


def append_text(path: str | Path, text: str) -> None:
    """Append to a text file that grows while something runs, as a log.

    Raises
    ------
    OSError
        With `path` as its file name, if the file cannot be written.
    """
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def _is_stream(path: Path) -> bool:
    """Tell whether a path is a pipe or a device, or a file that this process already writes its output to."""
    try:
        found = path.stat()
    except OSError:
        return False
    for descriptor in _STREAMS:
        with suppress(OSError):
            if os.path.samestat(found, os.fstat(descriptor)):
                return True
    return not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode))


def _names(target: Path) -> tuple[str, ...]:
    """Return the file names in errors that mean a target: its own, its directory's, that of the file beside it."""
    real = Path(os.path.realpath(target))
    return str(target), str(real), str(real.parent)


class _Beside:
    """A file in a target's directory that replaces it in the end; without a name of its own where the system can.

    Parameters
    ----------
    target
        What is replaced: a regular file, or nothing yet.
    descriptor
        The open file.
    name
        Its path, or None.
    """

    def __init__(self, target: Path, descriptor: int, name: Path | None) -> None:
        self.target, self._name = target, name
        self.file: BinaryIO = os.fdopen(descriptor, "w+b")

    @classmethod
    def make(cls, target: Path) -> "_Beside | None":
        """Open a file beside the target; None where only the target itself can be written.

        Raises
        ------
        OSError
            If `open` could not write the target either.
        """
        known = None
        if target.exists():
            descriptor = os.open(target, os.O_WRONLY)  # refused as by any writer
            known = os.fstat(descriptor)
            os.close(descriptor)
        try:
            made = cls(target, *_open_beside(target))
        except OSError:
            if known is None:
                raise
            return None
        if known is not None:
            os.fchmod(made.file.fileno(), stat.S_IMODE(known.st_mode))
            with suppress(OSError):  # only root may give files away
                os.fchown(made.file.fileno(), known.st_uid, known.st_gid)
        return made

    def __enter__(self) -> "_Beside":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Put the file in the target's place, or remove it after an error."""
        try:
            if kind is None:
                self._replace()
        finally:
            with suppress(OSError):
                self.file.close()
            if self._name is not None:
                self._name.unlink(missing_ok=True)

    def _replace(self) -> None:
        self.file.flush()
        descriptor = self.file.fileno()
        os.fsync(descriptor)
        if self._name is None:
            name = _new_name(self.target)
            self._name = name
            # with src_dir_fd, which an absolute path has no use for, the link in /proc is followed
            os.link(f"/proc/self/fd/{descriptor}", name, src_dir_fd=descriptor)
        self._name.replace(self.target)
        self._name = None


def _new_name(target: Path) -> Path:
    return target.with_name(f".leosplit-{uuid.uuid4().hex}.partial")


def _open_beside(target: Path) -> tuple[int, Path | None]:
    """Return a new file in the target's directory, with its name if it has one.

    A file without a name leaves nothing behind when the process is killed. Linux has them, on most file systems.
    """
    if hasattr(os, "O_TMPFILE") and Path("/proc/self/fd").is_dir():
        with suppress(OSError):
            return os.open(target.parent, os.O_TMPFILE | os.O_RDWR, 0o666), None
    name = _new_name(target)
    try:
        return os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666), name
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from None
