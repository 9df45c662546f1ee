"""How the figures that matplotlib draws look: the same in benchmarks, observations and explanations."""

from __future__ import annotations

from typing import Any

INK, GRID = "#1f2933", "#e4e7eb"
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "axes.edgecolor": "#9aa5b1",
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "svg.hashsalt": "lava-dt",
}
