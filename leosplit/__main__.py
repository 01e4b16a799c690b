"""The process of the command line: ``leosplit`` and ``python -m leosplit``."""

import sys

from leosplit.interrupts import handle_signals, leave


def main() -> int:
    """Run the command line; Ctrl-C ends it also while it is being loaded."""
    handle_signals()
    try:
        from leosplit.cli import main as run
    except KeyboardInterrupt:
        return leave()
    return run()


if __name__ == "__main__":
    sys.exit(main())
