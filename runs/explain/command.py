"""The work of `lava-dt explain`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bats_dt.theory import LIF, Stepped
from runs.console import Console
from runs.explain.findings import find, largest_step
from runs.explain.wording import LEGEND, advice_lines, neuron_lines, step_lines

_MOST = 100_000  # steps in the longer time constant


@dataclass(frozen=True)
class Inputs:
    """What a population is driven by: Poisson spikes at ``rate`` [1/s] of ``weight``, and where it spikes itself.

    threshold: None for neurons that never spike. seed: of the simulated neurons.
    """

    rate: float
    weight: float
    threshold: float | None
    v_reset: float
    seed: int


def explain(
    lif: LIF, dts: Sequence[float], schemes: Sequence[str], tolerance: float, inputs: Inputs | None, out: Path | None
) -> int:
    """Print the tables and, with ``out``, write the figures there; the exit code.

    Raises
    ------
    ValueError: a step or tolerance out of its range; inputs of which there is no density.
    """
    if not 0 < tolerance < 1:
        raise ValueError(f"--error is {tolerance:g}: it is a share of the peak between 0 and 1; pass for example 0.01")
    longer = max(lif.tau_mem, lif.tau_syn)
    if dts and min(dts) > 0 and longer > _MOST * min(dts):
        raise ValueError(
            f"--dt is {min(dts):g} s, less than a {_MOST}th of the longer time constant of {longer:g} s: a "
            f"response to a spike would take too many steps to be followed; pass {longer / _MOST:g} or more"
        )
    steps = [[Stepped(lif, dt, scheme) for scheme in schemes] for dt in sorted(set(dts))]
    if inputs is not None and inputs.threshold is not None and not inputs.v_reset < inputs.threshold:
        raise ValueError(
            f"--v-reset is {inputs.v_reset:g} with --threshold {inputs.threshold:g}: a spike must leave the potential "
            "below the threshold; pass a smaller --v-reset"
        )
    if inputs is not None:
        from runs.explain.population import grid_of, population_figure, population_lines, solve

        grid = grid_of(lif, inputs)  # refused before anything is printed
    console = Console()
    for line in neuron_lines(lif):
        console.line(line)
    for of_dt in steps:
        console.line()
        for line in step_lines([find(stepped) for stepped in of_dt]):
            console.line(line)
    for line in ("", *LEGEND, ""):
        console.line(line)
    on_grid, anywhere = (
        {scheme: largest_step(lif, scheme, tolerance, anywhere=late) for scheme in schemes} for late in (False, True)
    )
    for line in advice_lines(lif, schemes, tolerance, on_grid, anywhere):
        console.line(line)
    figures = {}
    if inputs is not None:
        population = solve(lif, inputs, grid)
        for line in ("", *population_lines(population)):
            console.line(line)
        if out is not None:
            figures["population"] = population_figure(population)
    if out is not None:
        from runs.explain.figures import bode, convergence, responses, write

        figures = {"bode": bode(steps), "responses": responses(steps), "error": convergence(lif, schemes), **figures}
        console.line()
        console.line(f"wrote {', '.join(write(figures, out))} to {out}")
    return 0
