"""Small figures of matplotlib as SVG: real text, colours by name so that a page decides how they look."""

from runs.report.drawing.colours import colour_sheet, standalone
from runs.report.drawing.panel import Panel, one_panel, stack
from runs.report.drawing.scales import Axis, count_axis, log_axis, share_axis

__all__ = [
    "Axis",
    "Panel",
    "colour_sheet",
    "count_axis",
    "log_axis",
    "one_panel",
    "share_axis",
    "stack",
    "standalone",
]
