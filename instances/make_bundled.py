"""How the bundled instance files were made: ``python -m instances.make_bundled``."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from instances.bundled import DATA
from instances.file import write_instance
from instances.generate import generate_torus
from instances.instance import Instance
from instances.presets import make_preset

COMMAND = "python -m instances.make_bundled"
"""The command that made them."""

BUNDLED: Mapping[str, Callable[[], Instance]] = {
    "iridium": lambda: make_preset("iridium", seed=0),
    "hotspot": lambda: make_preset("hotspot", seed=0, tasks=5),
    "paper": lambda: make_preset("paper", seed=0, tasks=4),
    "torus": lambda: generate_torus(4, 4, tasks=4, computing=1, seed=0),
}
"""What each file holds. `hotspot` and `torus` are contended: every task uses the links of one computing satellite."""


def write_bundled(directory: Path = DATA) -> None:
    """Write the bundled files.

    Parameters
    ----------
    directory
        Where to; made if it is missing.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for name, make in BUNDLED.items():
        instance = make()
        write_instance(replace(instance, meta={"command": COMMAND, **instance.meta}), directory / f"{name}.json")


if __name__ == "__main__":
    write_bundled()
