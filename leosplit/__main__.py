"""Run the command line with ``python -m leosplit``."""

import sys

from leosplit.cli import main

sys.exit(main())
