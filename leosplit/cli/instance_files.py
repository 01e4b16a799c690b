"""Files that hold an instance or a scenario."""

from pathlib import Path
from typing import TYPE_CHECKING

from leosplit.cli.output import warn

if TYPE_CHECKING:
    from instances import Instance, Scenario


def read_instance_or_scenario(text: str, seed: int = 0) -> "Instance | Scenario":
    """Read a file by its format key; the name of a preset that is no file gives its scenario with this seed.

    A scenario's warnings are printed. What an instance file asks beside the plain problem is not looked at.
    """
    from fitting.jsonfile import read_json
    from formulation import problem_from_dict
    from instances import PRESETS, preset_scenario, read_scenario
    from instances.scenario_file import FORMAT

    if text in PRESETS and not Path(text).exists():
        return preset_scenario(text, seed=seed)
    document = read_json(text)
    if isinstance(document, dict) and document.get("format") == FORMAT:
        made = read_scenario(text)
        for sentence in made.warnings():
            warn(sentence)
        return made
    return problem_from_dict(document, text).instance
