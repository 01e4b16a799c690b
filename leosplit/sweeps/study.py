"""The study file: a dozen lines of TOML that name the instances, the schemes and the seeds."""

import hashlib
import itertools
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fitting.checks import Checks, repeated, short
from fitting.errors import LeosplitError
from fitting.jsonfile import digits, read_text
from formulation import OBJECTIVES
from leosplit.sweeps.parameters import AXES, MADE, SOURCES, check_parameter

MOST_SEEDS = 1_000_000
LARGEST_BYTES = 16 * 2**20
KEYS = ("name", "schemes", "seeds", "objective", "time_limit_s", "memory_limit_gib", "mip_gap", "policy", "instances")


class StudyError(LeosplitError):
    """A study file that cannot be one: what, where and what is allowed."""


_CHECKS = Checks(StudyError)
_DEEP_KEY = re.compile(r"""(?<![\w"'-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){32}""")
"""A key of dozens of parts, which Python's parser takes the square of its length for."""


@dataclass(frozen=True)
class Job:
    """One run of a study.

    Attributes
    ----------
    study
        Name of the study.
    parameters
        What the instance is made of; see `leosplit.sweeps.parameters`.
    seed
        Seed of the instance and of the scheme.
    scheme
        Name of the scheme, or ``module:function``.
    objective
        ``mean`` or ``max``; None where the parameters or the file say it.
    time_limit_s, memory_limit_gib
        Limits of the run [s], [GiB], or None.
    mip_gap
        Relative gap that counts as proven.
    policy
        Policy file, or None.
    """

    study: str
    parameters: Mapping[str, Any]
    seed: int
    scheme: str
    objective: str | None = None
    time_limit_s: float | None = None
    memory_limit_gib: float | None = None
    mip_gap: float = 1e-6
    policy: str | None = None

    @property
    def options(self) -> dict[str, Any]:
        """Return the options that the answer depends on."""
        names = ("objective", "time_limit_s", "memory_limit_gib", "mip_gap", "policy")
        return {name: getattr(self, name) for name in names}

    @property
    def key(self) -> str:
        """Return what identifies the run: equal keys are the same run."""
        identity = [dict(self.parameters), self.seed, self.scheme, self.options]
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Study:
    """Parameters × schemes × seeds.

    Attributes
    ----------
    name
        Its name.
    schemes
        Names of schemes.
    seeds
        Seeds.
    instances
        Each parameter with its values; every combination is run.
    options
        Further fields of `Job` by name.
    """

    name: str
    schemes: tuple[str, ...]
    seeds: tuple[int, ...]
    instances: Mapping[str, tuple[Any, ...]]
    options: Mapping[str, Any] = field(default_factory=dict)

    def jobs(self) -> Iterator[Job]:
        """Yield the runs; those of one instance follow each other."""
        for values in itertools.product(*self.instances.values()):
            parameters = dict(zip(self.instances, values, strict=True))
            for seed in self.seeds:
                for scheme in self.schemes:
                    yield Job(self.name, parameters, seed, scheme, **self.options)

    def __len__(self) -> int:
        """Return the number of runs."""
        count = len(self.schemes) * len(self.seeds)
        for values in self.instances.values():
            count *= len(values)
        return count


def read_study(path: str | Path) -> Study:
    """Read and validate a study file; no scheme of one's own is loaded, see `find_scheme`.

    Raises
    ------
    StudyError
        One sentence: file, key, what is allowed, what was given.
    """
    try:
        content = read_text(path, LARGEST_BYTES)
    except LeosplitError as error:
        raise StudyError(str(error)) from None
    try:
        if _DEEP_KEY.search(content):
            raise StudyError("a key has more than 32 parts")
        return study_from_dict(tomllib.loads(content), Path(path).parent)
    except RecursionError:
        raise StudyError(f"{path}: not TOML: nested too deeply") from None
    except LeosplitError as error:
        raise StudyError(f"{path}: {error}") from None
    except ValueError as error:  # a TOMLDecodeError, or a number of thousands of digits
        raise StudyError(f"{path}: not TOML: {digits(error)}") from None


def study_from_dict(document: Mapping[str, Any], directory: Path = Path()) -> Study:
    """Build a study from its document; instance files are named relative to a directory.

    Raises
    ------
    StudyError
        One sentence.
    """
    _refuse_unknown("", document, KEYS)
    for key in ("schemes", "seeds", "instances"):
        if key not in document:
            raise StudyError(f"{key} is missing")
    options = _options(document)
    return Study(
        name=_text("name", document.get("name", "study")),
        schemes=_schemes(document["schemes"]),
        seeds=_seeds(document["seeds"]),
        instances=_instances(document["instances"], directory),
        options=options,
    )


def _refuse_unknown(where: str, document: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    for key in document:
        if key not in allowed:
            raise StudyError(f"{where}{short(key)[1:-1]} is unknown; allowed: {', '.join(allowed)}")


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise StudyError(f"{name} must be a text, got {short(value)}")
    return value


def _schemes(value: Any) -> tuple[str, ...]:
    from solvers.schemes import check_scheme_name

    if not isinstance(value, list) or not value:
        raise StudyError(f"schemes must be a non-empty list of names, got {short(value)}")
    for name in value:
        check_scheme_name(_text("schemes", name))
    if repeated(value) is not None:
        raise StudyError(f"schemes must not repeat a name, got {short(value)}")
    return tuple(value)


def _seeds(value: Any) -> tuple[int, ...]:
    if isinstance(value, dict):
        _refuse_unknown("seeds.", value, ("first", "count"))
        first = _CHECKS.seed("seeds.first", value.get("first", 0))
        count = _CHECKS.whole("seeds.count", value.get("count"), 1, MOST_SEEDS)
        _CHECKS.seed("the last of seeds", first + count - 1)
        return tuple(range(first, first + count))
    if not isinstance(value, list) or not value:
        raise StudyError(f"seeds must be a list, or {{ first = 0, count = 10 }}, got {short(value)}")
    seeds = tuple(_CHECKS.seed("seeds", seed) for seed in value)
    if repeated(seeds) is not None:
        raise StudyError(f"seeds must not repeat, got {short(value)}")
    return seeds


def _options(document: Mapping[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if "objective" in document:
        options["objective"] = _CHECKS.choice("objective", document["objective"], OBJECTIVES)
    if "policy" in document:
        options["policy"] = _policy(document["policy"])
    for name in ("time_limit_s", "memory_limit_gib", "mip_gap"):
        if name in document:
            options[name] = _CHECKS.number(name, document[name], above=0.0)
    return options


def _policy(value: Any) -> str:
    from solvers.marl.policy import read_policy

    path = _text("policy", value)
    read_policy(path)
    return path


def _instances(value: Any, directory: Path) -> dict[str, tuple[Any, ...]]:
    if not isinstance(value, dict):
        raise StudyError(f"instances must be a table, got {short(value)}")
    _refuse_unknown("instances.", value, (*SOURCES, *AXES))
    if sum(source in value for source in SOURCES) != 1:
        raise StudyError(f"instances must name exactly one of {', '.join(SOURCES)}")
    for name in value:
        if name in MADE and not any(source in value for source in MADE[name]):
            raise StudyError(f"instances.{name} goes with {' or '.join(MADE[name])} only")
    axes: dict[str, tuple[Any, ...]] = {}
    for name, given in value.items():
        values = given if isinstance(given, list) and not _is_one_value(name, given) else [given]
        if not values:
            raise StudyError(f"instances.{name} must not be empty")
        axes[name] = tuple(check_parameter(name, entry, directory) for entry in values)
        if repeated(json.dumps(entry, sort_keys=True) for entry in axes[name]) is not None:
            raise StudyError(f"instances.{name} must not repeat a value, got {short(values)}")
    return axes


def _is_one_value(name: str, value: list[Any]) -> bool:
    """Tell whether a list is one value of a parameter, not several: a size, or rules."""
    if name == "rules":
        return any(not isinstance(entry, list) for entry in value)
    return name == "torus" and len(value) == 2 and all(isinstance(entry, int) for entry in value)
