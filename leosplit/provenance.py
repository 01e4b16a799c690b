"""Where a number comes from: versions."""

import platform
from functools import cache
from importlib import metadata

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
