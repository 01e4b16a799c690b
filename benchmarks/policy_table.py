"""Policies of several training seeds on many fresh instances: the tables of docs/method/bs-marl.md.

Protocol: `--count` instances a preset, seeds from `--seed` on, which no training draws. Every scheme runs once an
instance, with seed `--seed`; schemes of a policy run once for each training seed's policy and once for the prior alone
(untrained). `bs-exact`, `exact` and `assigned-exact` stop at `--time-limit` seconds an instance; what they have by then
counts. Gaps are to the least delay that any row of the instance found (`best`), and to the exact solver's bound. Rows
are appended to DIR/rows.jsonl instance by instance, and a run goes on where one with the same numbers stopped; another
commit, count of schemes or limit needs another DIR. Times are those of one process among `--workers`.

    python -m benchmarks.policy_table [--count 50] [--seed 1000] [--workers 2] [--time-limit 5] [--presets iridium …]
        [--only full] [--policies-only] [--out DIR]
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

PRESETS = ("iridium", "hotspot", "paper")
SCHEMES = {"bs-marl": ("lookahead", "planned"), "bs-marl-local": ("local",)}
ROUTERS = {"policy": ("lookahead", "planned"), "policy-local": ("local",)}
"""Observations of the policies that a scheme and a router run with; the first ships."""
OTHERS = ("bs-shortest-path", "marl-search", "best-response", "best-response-4", "best-response-32")
HERE = Path(__file__).parent
UNTRAINED = "untrained"


@dataclass(frozen=True)
class Job:
    """One instance and what to run on it."""

    problem: str
    preset: str
    instance: int
    seed: int
    time_limit: float
    policies: tuple[tuple[str, str, str | None], ...]
    """(observation, training seed or `untrained`, file)."""
    policies_only: bool = False

    @property
    def key(self) -> list[Any]:
        """What tells it from the others."""
        return [self.problem, self.preset, self.instance]


def policies(out: Path) -> tuple[tuple[str, str, str | None], ...]:
    """Return the shipped policies (training seed 0), those of other seeds beside this file, and the priors alone."""
    from solvers.marl.policy import SHIPPED, read_policy, untrained_policy, write_policy
    from solvers.marl.schemes import load_policy

    found: list[tuple[str, str, str | None]] = []
    for observation in ("lookahead", "planned", "local"):
        others = sorted((HERE / "policies").glob(f"{observation}-*.safetensors"))
        found += [(observation, str(read_policy(path).card["options"]["seed"]), str(path)) for path in others]
        if observation in SHIPPED:
            shipped = load_policy(None, observation)
            found.append((observation, str(shipped.card["options"]["seed"]), None))
            path = out / f"untrained-{observation}.safetensors"
            write_policy(untrained_policy(observation, shipped.prior), path)
            found.append((observation, UNTRAINED, str(path)))
    return tuple(found)


def run(job: Job) -> list[dict[str, Any]]:
    """Run everything on one instance."""
    from instances.presets import make_preset

    instance = make_preset(job.preset, seed=job.instance)
    rows = _full(job, instance) if job.problem == "full" else _routing(job, instance)
    keys = dict(zip(("problem", "preset", "instance"), job.key, strict=True))
    return [keys | row for row in rows]


def _full(job: Job, instance: Any) -> list[dict[str, Any]]:
    from solvers.schemes import SchemeOptions, attempt_scheme

    def row(name: str, policy: str | None = None, training: str = "") -> dict[str, Any]:
        options = SchemeOptions(
            seed=job.seed, policy=None if policy is None else Path(policy), time_limit=job.time_limit
        )
        result = attempt_scheme(instance, name, options)
        return {
            "scheme": name,
            "training": training,
            "objective_s": result.objective_s,
            "bound_s": result.bound_s,
            "termination": str(result.termination),
            "decision_s": result.decision_s,
        }

    rows = [row(name) for name in (OTHERS[:1] if job.policies_only else (*OTHERS, "bs-exact", "exact"))]
    for name, observations in SCHEMES.items():
        for seen, training, path in job.policies:
            if seen in observations:
                rows.append(row(name, path, _label(seen, training)))
    return rows


def _label(observation: str, training: str) -> str:
    return training if training == UNTRAINED else f"{observation} {training}"


def _routing(job: Job, instance: Any) -> list[dict[str, Any]]:
    from dataclasses import replace

    from solvers.assignment import assign
    from solvers.gaps import compare_routing, judge_router, routing_case
    from solvers.schemes import SchemeOptions, default_router

    options = SchemeOptions(seed=job.seed, time_limit=job.time_limit)
    others = [name for name in _routers() if name not in ROUTERS]
    found, _ = compare_routing(instance, options, routers=others[:1] if job.policies_only else others)
    rows = [
        {
            "scheme": row.scheme,
            "training": "",
            "objective_s": row.objective_s,
            "bound_s": row.bound_s if row.scheme == "exact" else None,
            "termination": str(row.termination),
            "decision_s": row.decision_s,
        }
        for row in found
    ]
    fixed, packets = routing_case(instance, assign(instance))
    for name, observations in ROUTERS.items():
        for seen, training, path in job.policies:
            if seen in observations:
                chosen = replace(options, policy=None if path is None else Path(path))
                router = default_router(chosen, observations[0])
                result = judge_router(fixed, packets, router, options)
                judged = {"objective_s": result.objective_s, "bound_s": None, "termination": str(result.termination)}
                rows.append(
                    {"scheme": name, "training": _label(seen, training), **judged, "decision_s": result.decision_s}
                )
    return rows


def _routers() -> tuple[str, ...]:
    from solvers.gaps import ROUTERS as names

    return names


def execute(jobs: Sequence[Job], rows: Path, workers: int) -> None:
    """Run what the file does not hold yet, say how far it is, and append every instance as it is done."""
    done = {tuple(row[k] for k in ("problem", "preset", "instance")) for row in read_rows(rows)}
    left = [job for job in jobs if tuple(job.key) not in done]
    print(f"{len(jobs) - len(left)} of {len(jobs)} instances done before", file=sys.stderr, flush=True)
    began = time.perf_counter()
    with rows.open("a", encoding="utf-8") as file:
        for k, found in enumerate(_results(left, workers), 1):
            file.write("".join(json.dumps(row) + "\n" for row in found))
            file.flush()
            spent = time.perf_counter() - began
            words = f"{' '.join(map(str, list(found[0].values())[:3]))}: {k} of {len(left)}, {spent / 60:.1f} min"
            print(f"{words}, {spent / k * (len(left) - k) / 60:.1f} min to go", file=sys.stderr, flush=True)


def _results(jobs: Sequence[Job], workers: int) -> Iterator[list[dict[str, Any]]]:
    if workers == 1:
        yield from map(run, jobs)
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(run, jobs)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return all complete rows of a file, none if it does not exist."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.endswith("}")]


def report(rows: Sequence[dict[str, Any]], problem: str, preset: str) -> list[str]:
    """Return one problem's table on one preset, in Markdown."""
    own = [row for row in rows if (row["problem"], row["preset"]) == (problem, preset)]
    if not own:
        return []
    instances = sorted({row["instance"] for row in own})
    place = {seed: k for k, seed in enumerate(instances)}
    delays: dict[tuple[str, str], Any] = {}
    seconds: dict[tuple[str, str], list[float]] = {}
    bound = np.full(len(instances), np.nan)
    proven = np.zeros(len(instances), dtype=bool)
    for row in own:
        k, name = place[row["instance"]], (row["scheme"], row["training"])
        column = delays.setdefault(name, np.full(len(instances), np.nan))
        column[k] = np.nan if row["objective_s"] is None else row["objective_s"]
        seconds.setdefault(name, []).append(row["decision_s"])
        if row["scheme"] == "exact":
            bound[k] = np.nan if row["bound_s"] is None else row["bound_s"]
            proven[k] = row["termination"] == "optimal"
    best = np.nanmin(np.stack(list(delays.values())), axis=0)
    paths = delays["bs-shortest-path" if problem == "full" else "shortest-path", ""]
    loose = 100 * np.nanmean(best / bound - 1) if np.isfinite(bound).any() else np.nan
    lines = [
        f"### {'Problem (4)' if problem == 'full' else 'Problem (7) alone'}, `{preset}`, {len(instances)} instances "
        f"({instances[0]} to {instances[-1]}); {proven.sum()} proven, best delay above the bound by {loose:.2f} %",
        "",
        "| scheme | training | mean gap | worst | to the bound | ≤ shortest paths | against untrained | time |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for scheme in dict.fromkeys(name for name, _ in delays):
        trained = [name for name in delays if name[0] == scheme and name[1] not in ("", UNTRAINED)]
        names = [name for name in delays if name[0] == scheme]
        for name in [name for name in names if name not in trained] + trained:
            base = delays.get((scheme, UNTRAINED)) if name in trained else None
            lines.append(_line(name, delays[name], (best, bound, paths, base), float(np.median(seconds[name]))))
        for observation in dict.fromkeys(name[1].split()[0] for name in trained):
            means = [100 * np.nanmean(delays[n] / best - 1) for n in trained if n[1].split()[0] == observation]
            if len(means) > 1:
                over = f"{observation}, {len(means)} seeds"
                lines.append(
                    f"| `{scheme}` | {over} | {np.mean(means):.3f} ± {np.std(means, ddof=1):.3f} % | | | | | |"
                )
    return [*lines, ""]


def _line(name: tuple[str, str], delay: Any, others: tuple[Any, Any, Any, Any], seconds: float) -> str:
    best, bound, paths, base = others
    gap, above = 100 * (delay / best - 1), 100 * (delay / bound - 1)
    level = f"{np.sum(delay <= paths * (1 + 1e-9))} of {np.sum(np.isfinite(delay))}"
    against = ""
    if base is not None:
        change = gap - 100 * (base / best - 1)
        error = np.nanstd(change, ddof=1) / np.sqrt(np.isfinite(change).sum())
        against = f"{np.nanmean(change):+.3f} ± {error:.3f}"
    cells = [
        f"{np.nanmean(gap):.3f} %",
        f"{np.nanmax(gap):.2f} %",
        f"{above[np.isfinite(above)].mean() if np.isfinite(above).any() else np.nan:.2f} %",
        level,
        against,
    ]
    return f"| `{name[0]}` | {name[1] or '–'} | {' | '.join(cells)} | {1000 * seconds:.1f} ms |"


def make_tables(arguments: Sequence[str]) -> None:
    """Run what is missing and print the tables; not `main`: half an hour is too long for `make bench`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--time-limit", type=float, default=5.0)
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=list(PRESETS))
    parser.add_argument("--only", choices=("full", "routing"))
    parser.add_argument("--policies-only", action="store_true", help="shortest paths and the policies, no optima")
    parser.add_argument("--out", type=Path, default=Path("results/policy_table"))
    chosen = parser.parse_args(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    known = policies(chosen.out)
    problems = [chosen.only] if chosen.only else ["full", "routing"]
    jobs = [
        Job(problem, preset, chosen.seed + k, chosen.seed, chosen.time_limit, known, chosen.policies_only)
        for problem in problems
        for preset in chosen.presets
        for k in range(chosen.count)
    ]
    execute(jobs, chosen.out / "rows.jsonl", chosen.workers)
    rows = read_rows(chosen.out / "rows.jsonl")
    text = "\n".join(
        line for problem in problems for preset in chosen.presets for line in report(rows, problem, preset)
    )
    note = (
        "Gaps to the best delay of the table; ± over training seeds is their standard deviation; `against untrained` "
        "is the paired difference in percentage points with its standard error over instances.\n"
    )
    (chosen.out / "table.md").write_text(text + note, encoding="utf-8")
    print(text + note)


if __name__ == "__main__":
    make_tables(sys.argv[1:])
