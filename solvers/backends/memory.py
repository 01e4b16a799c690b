"""Resident memory of this process."""

import resource
import sys
from pathlib import Path


def memory_gib() -> float:
    """Return the resident memory of this process [GiB] (its peak where the system does not tell the present)."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * resource.getpagesize() / 2**30
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 2**30 if sys.platform == "darwin" else peak / 2**20
