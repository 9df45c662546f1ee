"""One test recording on its way through the networks of a report: rasters and voltages at several steps."""

from runs.report.traces.gallery import FEW_RUNS, traces_part

__all__ = ["FEW_RUNS", "traces_part"]
