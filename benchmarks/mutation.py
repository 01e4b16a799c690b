"""Mutation testing: how many small changes of a module's result its tests notice.

    python -m benchmarks.mutation [MODULE…] [--seed N] [--mutants N] [--timeout S]

A mutant is the module with one change of its syntax tree: another comparison, operator, number or truth value, a
condition negated, `min` for `max`, a statement left out. Mutants are drawn at random, each is written into a copy of
the tree, and the tests named in `TESTS` run against it, in a process that forks from this one with third-party
packages imported already. A mutant is killed by a test that fails; one that takes too long is *late* and counts as
noticed. Survivors are printed; those that change no result, or none that anyone is promised, stand with the reason in
`mutation_equivalents.toml` and count neither way.

Own code because the kept tools (mutmut, cosmic-ray) draw no seeded sample and know no tests per module.
"""

import argparse
import ast
import copy
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
EQUIVALENTS = Path(__file__).with_name("mutation_equivalents.toml")
PACKAGES = ("fitting", "formulation", "instances", "leosplit", "solvers", "tests")
PRELOADED = ("numpy", "scipy.optimize", "scipy.sparse.csgraph", "networkx", "hypothesis", "pandas", "pytest", "typer")
PRELOADED_TOO = {"solvers": ("highspy", "pyomo.environ"), "solvers/marl": ("torch",)}
"""Imported before forking, by the beginning of the module's path."""
TESTS: Mapping[str, tuple[str, ...]] = {
    "formulation/delay.py": ("properties_delay", "formulation_delay"),
    "formulation/volumes.py": ("properties_delay", "formulation_delay"),
    "formulation/checker.py": ("properties_checker",),
    "fitting/curves.py": ("properties_curves", "fitting_curves"),
    "fitting/families.py": ("properties_curves", "fitting_curves"),
    "instances/link_budget.py": ("properties_links", "link_budget"),
    "instances/radio_classes.py": ("properties_links",),
    "instances/isl.py": ("properties_links",),
    "instances/constellation.py": ("properties_links", "constellation"),
    "solvers/bisection.py": ("properties_bisection",),
    "solvers/marl/qmix.py": ("properties_qmix",),
    "solvers/network/corridor.py": ("properties_network", "corridor"),
    "solvers/network/delay.py": ("properties_network",),
    "solvers/network/single_task.py": ("properties_network",),
    "solvers/exact/branch_and_price/master/congestion_cuts.py": ("exact_cuts",),
    "solvers/exact/branch_and_price/master/congestion.py": ("exact_cuts",),
    "solvers/exact/branch_and_price/pricing/lagrangian.py": ("properties_pricing",),
    "solvers/exact/branch_and_price/pricing/fixing.py": ("properties_pricing",),
    "solvers/exact/branch_and_price/pricing/multipliers.py": ("properties_pricing",),
    "solvers/exact/branch_and_price/pricing/subproblems.py": ("properties_pricing",),
    "solvers/exact/branch_and_price/pricing/completion.py": ("properties_pricing",),
    "solvers/exact/branch_and_price/domains/domain.py": ("properties_pricing", "properties_network"),
    "solvers/exact/branch_and_price/domains/delay_bounds.py": ("properties_pricing",),
    "solvers/exact/branch_and_price/domains/refinement.py": ("properties_pricing",),
}
"""The test files of each module, without `tests/test_`, the quickest first."""
SWAPPED: Mapping[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.USub: (ast.UAdd,),
}
RENAMED = {
    "min": "max", "any": "all", "minimum": "maximum", "floor": "ceil", "argmin": "argmax", "cumsum": "cumprod",
    "sin": "cos", "log10": "log", "sum": "max", "zeros": "ones",
}  # fmt: skip
RENAMED |= {new: old for old, new in RENAMED.items() if new not in RENAMED} | {"max": "min"}
GUARDS = ("strict", "hash", "frozen", "copy")
"""Arguments that turn mistakes of the program's own into errors, or save work: no result is in them."""
MOST_FACTOR, LEAST_S = 8.0, 30.0
"""A mutant takes too long after so many times what the tests take without a change, and after so many seconds."""


@dataclass(frozen=True)
class Mutant:
    """One change of a module.

    Attributes
    ----------
    line
        Where it is.
    key
        Function and change, alike as long as the statement is; equivalents are known by it.
    source
        The module with it.
    """

    line: int
    key: str
    source: str


def mutants_of(source: str) -> list[Mutant]:
    """Return every mutant of a module."""
    tree = ast.parse(source)
    found: list[Mutant] = []
    for place, (qualified, statement) in _statements(tree):
        for changed in _changes(statement):
            mutated = copy.deepcopy(tree)
            body, index = _body_at(mutated, place)
            body[index] = changed
            before, after = _difference(ast.unparse(statement), ast.unparse(changed))
            key = f"{qualified}: {before} => {after}"
            found.append(Mutant(statement.lineno, key, ast.unparse(ast.fix_missing_locations(mutated))))
    return found


Place = tuple[tuple[str, int], ...]


def _statements(tree: ast.Module) -> Iterator[tuple[Place, tuple[str, ast.stmt]]]:
    """Yield every statement that computes something, with the way to it and the name of its function."""

    def walk(owner: ast.AST, way: Place, name: str) -> Iterator[tuple[Place, tuple[str, ast.stmt]]]:
        for field in ("body", "orelse", "finalbody", "handlers"):
            for i, child in enumerate(getattr(owner, field, [])):
                here = (*way, (field, i))
                if isinstance(child, ast.FunctionDef | ast.ClassDef):
                    yield from walk(child, here, f"{name}.{child.name}" if name else child.name)
                    continue
                if isinstance(child, ast.stmt) and not _is_told(child):
                    yield here, (name or "module", child)
                if not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)):
                    yield from walk(child, here, name)

    yield from walk(tree, (), "")


def _is_told(statement: ast.stmt) -> bool:
    """Whether a statement is text, an import, an error or a declaration, which change no result."""
    kinds = ast.Import | ast.ImportFrom | ast.Raise | ast.Pass | ast.Global | ast.Nonlocal | ast.Try
    text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    text = text or (isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING")
    alias = isinstance(statement, ast.Assign) and "Callable[" in ast.unparse(statement)
    return isinstance(statement, kinds) or text or alias or "__all__" in ast.unparse(statement)[:9]


def _body_at(tree: ast.AST, place: Place) -> tuple[list[ast.stmt], int]:
    owner = tree
    for field, i in place[:-1]:
        owner = getattr(owner, field)[i]
    field, i = place[-1]
    return getattr(owner, field), i


def _changes(statement: ast.stmt) -> Iterator[ast.stmt]:
    """Yield a statement's mutants: of its own expressions, not of the statements in it."""
    sites = list(_expressions(statement))
    for i, site in enumerate(sites):
        for j in range(len(_variants(site))):
            changed = copy.deepcopy(statement)
            target = list(_expressions(changed))[i]
            _variants(target)[j]()
            yield changed
    if isinstance(statement, ast.If | ast.While):
        changed = copy.deepcopy(statement)
        changed.test = ast.UnaryOp(ast.Not(), changed.test)
        yield changed
    if isinstance(statement, ast.Expr | ast.AugAssign | ast.Continue | ast.Break):
        yield ast.copy_location(ast.Pass(), statement)


def _expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield the nodes of a statement's expressions, without annotations, keys, messages and inner statements."""
    if isinstance(statement, ast.AugAssign):
        yield statement
    waiting: list[ast.AST] = [
        child for child in ast.iter_child_nodes(statement) if not isinstance(child, ast.stmt | ast.ExceptHandler)
    ]
    if isinstance(statement, ast.AnnAssign):
        waiting = [] if statement.value is None else [statement.value]
    while waiting:
        node = waiting.pop(0)
        yield node
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in ("dict", "list"):
            continue
        if isinstance(node, ast.keyword) and node.arg in GUARDS:
            continue
        if not isinstance(node, ast.JoinedStr):
            waiting += ast.iter_child_nodes(node)


def _variants(node: ast.AST) -> list:  # type: ignore[type-arg]
    """Return functions that change a node in place, one for each of its mutants."""
    found = []

    def put(name: str, value: object, at: int | None = None) -> None:
        def change() -> None:
            if at is None:
                setattr(node, name, value)
            else:
                getattr(node, name)[at] = value

        found.append(change)

    if isinstance(node, ast.Compare):
        for i, operator in enumerate(node.ops):
            for other in SWAPPED.get(type(operator), ()):
                put("ops", other(), i)
    elif isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign | ast.UnaryOp):
        for other in SWAPPED.get(type(node.op), ()):
            put("op", other())
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            put("op", ast.Not())
            found[-1] = lambda: setattr(node, "operand", ast.UnaryOp(ast.Not(), node.operand))
    elif isinstance(node, ast.IfExp):
        test = ast.UnaryOp(ast.Not(), node.test)
        put("test", test)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            put("value", not node.value)
        elif isinstance(node.value, int):
            put("value", node.value + 1)
        elif isinstance(node.value, float):
            put("value", node.value * 2 if node.value else 1.0)
    elif isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in RENAMED:
            found.append(lambda: setattr(node.func, "attr" if hasattr(node.func, "attr") else "id", RENAMED[name]))
    return found


def _difference(before: str, after: str) -> tuple[str, str]:
    """Return the lines of a statement that differ, shortened to what is around the difference."""
    first, second = " ".join(before.split()), " ".join(after.split())
    same = _shared(first, second)
    start = max(0, same - 40)
    back = _shared(first[same:][::-1], second[same:][::-1])
    return first[start : len(first) - max(back - 20, 0)], second[start : len(second) - max(back - 20, 0)]


def _shared(one: str, other: str) -> int:
    """Return how many characters two texts begin with in common."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def equivalents() -> dict[str, dict[str, str]]:
    """Return the reasons for mutants that change no result, by module and key."""
    return tomllib.loads(EQUIVALENTS.read_text(encoding="utf-8")) if EQUIVALENTS.is_file() else {}


def copy_tree(to: Path) -> None:
    """Copy what the tests need into a folder, without compiled files."""
    for name in (*PACKAGES, "docs", "examples", "benchmarks"):
        shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    for name in ("pyproject.toml", "README.md", "mkdocs.yml"):
        shutil.copy(ROOT / name, to / name)


def run_tests(tree: Path, tests: list[str], limit_s: float) -> str:
    """Run tests in a copy of the tree, in a fork of this process; return `survived`, `killed` or `late`."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setsid()
            os.chdir(tree)
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 1)
            os.dup2(nothing, 2)
            sys.path[:] = [str(tree), *(entry for entry in sys.path if Path(entry or ".").resolve() != ROOT)]
            sys.dont_write_bytecode = True
            os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
            for name in [name for name in sys.modules if name.split(".")[0] in (*PACKAGES, "benchmarks")]:
                del sys.modules[name]
            import pytest

            code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]))
        finally:
            os._exit(code)
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return "killed" if os.waitstatus_to_exitcode(status) else "survived"
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "late"


def measure(module: str, count: int, seed: int, tree: Path) -> list[tuple[Mutant, str]]:
    """Return drawn mutants of a module with what became of them: `killed`, `late`, `survived` or `equivalent`."""
    path, known = tree / module, equivalents().get(module, {})
    source = (ROOT / module).read_text(encoding="utf-8")
    tests = [f"tests/test_{name}.py" for name in TESTS[module] if (tree / "tests" / f"test_{name}.py").is_file()]
    begin = time.monotonic()
    path.write_text(ast.unparse(ast.parse(source)), encoding="utf-8")
    if run_tests(tree, tests, 600.0) != "survived":
        raise SystemExit(f"error: {', '.join(tests)} fail without a change of {module}")
    limit_s = max(LEAST_S, MOST_FACTOR * (time.monotonic() - begin))
    drawn = mutants_of(source)
    if 0 < count < len(drawn):
        drawn = random.Random(f"{seed} {module}").sample(drawn, count)
    results = []
    for mutant in drawn:
        path.write_text(mutant.source, encoding="utf-8")
        state = "equivalent" if mutant.key in known else run_tests(tree, tests, limit_s)
        results.append((mutant, state))
        if state == "survived":
            print(f"survived {module}:{mutant.line} {mutant.key}", file=sys.stderr, flush=True)
    path.write_text(source, encoding="utf-8")
    return results


def main() -> None:
    """Print the table, and the survivors on stderr as they are found."""
    parser = argparse.ArgumentParser(description="Mutation testing of the modules that results depend on.")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as formulation/delay.py; all by default")
    parser.add_argument("--seed", type=int, default=3000)
    parser.add_argument("--mutants", type=int, default=25, metavar="N", help="drawn of each module; 0 for all")
    arguments = parser.parse_args()
    modules = arguments.modules or list(TESTS)
    unknown = [name for name in modules if name not in TESTS]
    if unknown:
        parser.error(f"no tests are named for {', '.join(unknown)}; there are {', '.join(TESTS)}")
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    wanted = {
        name for start, names in PRELOADED_TOO.items() for name in names if any(m.startswith(start) for m in modules)
    }
    for name in (*PRELOADED, *wanted):
        __import__(name)
    print(f"commit {commit.stdout.strip()}, seed {arguments.seed}")
    print(
        f"{'module':58}{'mutants':>8}{'killed':>8}{'late':>6}{'equivalent':>12}{'survived':>10}{'score':>8}", flush=True
    )
    with TemporaryDirectory() as folder:
        copy_tree(Path(folder))
        for module in modules:
            results = measure(module, arguments.mutants, arguments.seed, Path(folder))
            states = [state for _, state in results]
            number = {name: states.count(name) for name in ("killed", "late", "equivalent", "survived")}
            noticed = number["killed"] + number["late"]
            score = noticed / max(noticed + number["survived"], 1)
            cells = "".join(f"{number[name]:>{width}}" for name, width in zip(number, (8, 6, 12, 10), strict=True))
            print(f"{module:58}{len(results):>8}{cells}{score:>8.0%}", flush=True)


if __name__ == "__main__":
    main()
