"""Small figures as SVG text: no library, real text, colours by name so that a page decides how they look."""

from runs.report.drawing.colours import colour_sheet, standalone
from runs.report.drawing.panel import Panel, stacked
from runs.report.drawing.scales import Axis, count_axis, log_axis, share_axis, value_axis

__all__ = [
    "Axis",
    "Panel",
    "colour_sheet",
    "count_axis",
    "log_axis",
    "share_axis",
    "stacked",
    "standalone",
    "value_axis",
]
