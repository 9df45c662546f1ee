"""Reports, made from run directories and nothing else."""

from runs.report.writer import write_report

__all__ = ["write_report"]
