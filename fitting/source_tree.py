"""Which commit of the source tree runs."""

import subprocess
from functools import cache
from pathlib import Path


@cache
def commit() -> str | None:
    """Return the commit of the source tree, with ``-dirty`` after local changes, or None for an installed package.

    The repository is only read: `git describe --dirty` would write its index, and leave a lock where it is killed.
    """
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    git = ["git", "--no-optional-locks", "-C", str(root)]
    questions = (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
    try:
        number, changes = (
            subprocess.run(git + words, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
            for words in questions
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return number + ("-dirty" if changes else "")
