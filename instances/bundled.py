"""The instance files that ship with the package; `make_bundled` says how they were made."""

from pathlib import Path

DATA = Path(__file__).parent / "data"
"""Directory of the bundled instance files."""


def bundled_instances() -> list[Path]:
    """List the bundled instance files, by name."""
    return sorted(DATA.glob("*.json"))
