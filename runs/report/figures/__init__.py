"""The figures of learning, convergence and cost, one panel each."""

from runs.report.figures.convergence import change_panels
from runs.report.figures.cost import cost_panels
from runs.report.figures.drawn import Drawn
from runs.report.figures.learning import curves

__all__ = ["Drawn", "change_panels", "cost_panels", "curves"]
