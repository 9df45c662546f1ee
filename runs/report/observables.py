"""What was observed in clocked networks: the thesis's claims beside the measurements, and figures of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from runs.comparison import Entry
from runs.observables.claims import claims_of
from runs.observables.measured import Group, groups_of
from runs.report.drawing.colours import hue
from runs.report.figures import Drawn
from runs.report.part import Figures, Part
from runs.report.steps import Steps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INTRODUCTION = (
    "Gradients are those of the first batch. What is told as initial is of the initial weights, which are the same for "
    "every step of a seed; where there are several seeds, numbers are their means, heatmaps and wavelets the first's."
)


@dataclass(frozen=True)
class ClaimTable:
    """header and rows of text, a claim a row."""

    header: list[str]
    rows: list[list[str]]


def observables_sections(entries: Sequence[Entry], steps: Steps) -> list[Part]:
    """A part for each group of clocked runs that differ in the step and have been observed; none for other runs."""
    return [_part(group, number, steps) for number, group in enumerate(groups_of(entries))]


def _part(group: Group, number: int, steps: Steps) -> Part:
    claims = claims_of(group)
    labels = [f"dt {step.label}" for step in group.steps]
    rows = [[one.claim, *one.measured, one.verdict] for one in claims]
    return Part(
        anchor=f"observed-{number + 1}",
        title=f"Inside the network: {group.name}",
        paragraphs=[] if group.fitted else [_INTRODUCTION],
        figures=_figures(group, f"observed-{number + 1}", steps),
        tables=[ClaimTable(["Claim of the thesis", *labels, "Verdict"], rows)] if rows else [],
    )


def _figures(group: Group, key: str, steps: Steps) -> list[Figures]:
    from runs.observables import figures
    from runs.report.drawing.themed import themed

    def shown(name: str, title: str, caption: str, figure: Figure) -> Figures:
        own, alt = f"{key}-{name}", f"{title}, {group.name}"
        return Figures([Drawn(own, themed(figure, own, alt), alt)], title, caption, wide=True)

    if group.fitted:
        return [shown("fits", "Fitting one batch", _FITTED, figures.fits(group))]
    colours = [hue(steps.colour(step.entry.config)) for step in group.steps]
    densities = figures.gradient_densities(group, colours)
    found = [shown("densities", "Gradients of the first backward pass", _DENSITIES, densities)]
    for number, layer in enumerate(group.hidden):
        suffix, of = (f"-{layer}", f"hidden layer {number + 1}") if number else ("", "the first hidden layer")
        found += [
            shown(f"{name}{suffix}", f"{title} of {of}", caption, draw(group, layer))
            for name, draw, title, caption in (
                ("heatmaps", figures.gradient_heatmaps, "Gradients", _HEATMAPS),
                ("factors", figures.factors, "How errors pass through the time", _FACTORS),
                ("spectra", partial(figures.spectra, colours=colours), "Spectra", _SPECTRA),
                ("wavelets", figures.wavelet_details, "Wavelets of the voltage", _WAVELETS),
            )
        ]
    return found


_FITTED = (
    "Loss of one batch, evaluation by evaluation, from one start. Between the ends of two iterations of L-BFGS "
    "lie probes of its line search."
)
_DENSITIES = "Weights whose gradient is 0 are in no line."
_HEATMAPS = "Of the first backward pass; a cell is the root mean square of some neurons and inputs."
_FACTORS = (
    "Factor by which dL/du grows through a spike, and the product of all factors of a neuron over all steps. Bands: "
    "middle half, and 1 % to 99 %."
)
_SPECTRA = "Of the mean over a batch, without its mean over time, averaged over neurons."
_WAVELETS = "Haar, finest scale, mean over a batch, after training; every panel has a scale of its own."
