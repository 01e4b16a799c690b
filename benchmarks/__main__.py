"""Run the benchmarks that are named, or all of them."""

import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules


def main() -> int:
    names = sorted(module.name for module in iter_modules([str(Path(__file__).parent)]) if module.name[0] != "_")
    wanted = sys.argv[1:] or names
    unknown = [name for name in wanted if name not in names]
    if unknown:
        print(f"error: no benchmark {', '.join(unknown)}; there are {', '.join(names)}", file=sys.stderr)
        return 2
    for name in wanted:
        module = import_module(f"benchmarks.{name}")
        if hasattr(module, "main"):
            print(f"\n== {name}: {(module.__doc__ or '').splitlines()[0]}")
            module.main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
