"""Where a number comes from: versions and commit."""

import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

from leosplit import __version__

PACKAGES = ("highspy", "numpy", "pyomo", "scipy", "torch")


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python, leosplit and the packages that results depend on; missing ones are left out."""
    found = {"python": platform.python_version(), "leosplit": __version__}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def commit() -> str | None:
    """Return the commit of the source tree, with ``-dirty`` after local changes, or None for an installed package."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    words = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
