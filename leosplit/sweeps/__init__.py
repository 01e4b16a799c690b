"""Sweeps: parameters × schemes × seeds, on one machine or a cluster, into one file that survives anything."""

from leosplit.sweeps.engine import run_sweep
from leosplit.sweeps.store import Store, read_results
from leosplit.sweeps.study import Job, Study, StudyError, read_study

__all__ = ["Job", "Store", "Study", "StudyError", "read_results", "read_study", "run_sweep"]
