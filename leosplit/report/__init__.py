"""The report: one page with everything that a results file says, and what it takes to make it again."""

from leosplit.report.numbers import ReportNumbers, read_runs, report_numbers
from leosplit.report.page import write_report

__all__ = ["ReportNumbers", "read_runs", "report_numbers", "write_report"]
