"""The findings as lines of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bats_dt.theory import LIF, alternation_limit, stability_limit
from runs.explain.findings import Finding, peak_of

NAMES = {
    "forward_euler": "forward Euler",
    "backward_euler": "backward Euler",
    "exponential": "exponential",
    "bilinear": "bilinear",
}
_HEAD = ("scheme", "decay", "keeps of u, i", "12 bits", "at -3 dB", "error", "bound", "published", "anywhere")
LEGEND = (
    "12 bits: decays of u and i in 1/4096, and what rounding changes of them. at -3 dB: errors of amplitude and phase",
    "at the bandwidth, for either drive. error: the largest of u after one spike on the grid, of the peak; bound: what",
    "it cannot exceed; published: the thesis's bound at that time; anywhere: error if spikes come anywhere in a step,",
    "from the beginning of which they act.",
)


def time_text(seconds: float) -> str:
    """A time in the unit in which it is read best: '1.5 ms'."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= 0.9995 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def neuron_lines(lif: LIF) -> list[str]:
    """Poles, damping, bandwidth and the response to a spike."""
    zeta, when_and_peak = lif.damping_ratio, peak_of(lif)
    damping = "critically damped" if math.isclose(zeta, 1, rel_tol=1e-12) else "overdamped"
    of_u, of_i = lif.poles
    return [
        f"neuron: tau_mem {time_text(lif.tau_mem)}, tau_syn {time_text(lif.tau_syn)}, R {lif.resistance:g}",
        f"  poles              {of_u:.4g} 1/s (potential), {of_i:.4g} 1/s (current)",
        f"  damping ratio      zeta = {zeta:.4g}, {damping}",
        f"  natural frequency  omega_n = {lif.natural_frequency:.4g} rad/s = {_hertz(lif.natural_frequency)}",
        f"  bandwidth          {lif.bandwidth:.4g} rad/s = {_hertz(lif.bandwidth)}, where the gain is 3 dB below R",
        f"  a spike            of weight 1 lifts u to {when_and_peak[1]:.4g}, after {time_text(when_and_peak[0])}",
    ]


def step_lines(findings: Sequence[Finding]) -> list[str]:
    """A heading and the table of one step's schemes."""
    stepped = findings[0].stepped
    lif, dt = stepped.lif, stepped.dt
    above = lif.bandwidth * dt > math.pi
    rows = [_HEAD, *(_cells(finding) for finding in findings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    note = ["  the bandwidth is above half a step's rate: nothing of it is left to compare"] if above else []
    return [f"dt {time_text(dt)} = {dt / lif.tau_mem:.3g} tau_mem = {dt / lif.tau_syn:.3g} tau_syn", *note, *lines]


def advice_lines(
    lif: LIF, schemes: Sequence[str], tolerance: float, on_grid: dict[str, float], anywhere: dict[str, float]
) -> list[str]:
    """How coarse a step may be; on_grid, anywhere: the largest steps by scheme, see `findings.largest_step`."""
    lines = [f"largest dt with which the response to a spike is within {100 * tolerance:g} % of its peak:"]
    for scheme in schemes:
        free = "any" if math.isinf(on_grid[scheme]) else time_text(on_grid[scheme])
        texts = [
            f"  {NAMES[scheme]:14s}  {free} for spikes on the grid, {time_text(anywhere[scheme])} for spikes anywhere"
        ]
        unstable, alternating = stability_limit(lif, scheme), alternation_limit(lif, scheme)
        if math.isfinite(alternating):
            texts.append(f"changes sign beyond {time_text(alternating)}")
        if math.isfinite(unstable):
            texts.append(f"unstable from {time_text(unstable)} on")
        lines.append("; ".join(texts))
    return [*lines, _recommendation(schemes, on_grid, anywhere)]


def _recommendation(schemes: Sequence[str], on_grid: dict[str, float], anywhere: dict[str, float]) -> str:
    best = max(schemes, key=lambda scheme: on_grid[scheme])
    if math.isinf(on_grid[best]):
        first = f"recommended: {NAMES[best]}, which is exact at any dt if spikes come on the grid"
    else:
        first = f"recommended: {NAMES[best]}, with dt up to {time_text(on_grid[best])} if spikes come on the grid"
    coarsest = max(schemes, key=lambda scheme: anywhere[scheme])
    other = best if anywhere[coarsest] < 1.05 * anywhere[best] else coarsest  # no other scheme for so little
    named = "" if other == best else f"{NAMES[other]} with "
    return f"{first}; {named}dt up to {time_text(anywhere[other])} if they come anywhere and their exact times matter"


def _cells(finding: Finding) -> tuple[str, ...]:
    of_u, of_i = finding.stepped.poles
    seen, euler = math.isfinite(finding.amplitude), finding.stepped.scheme.endswith("euler")
    return (
        NAMES[finding.stepped.scheme],
        finding.stability,
        f"{of_u:.4f}, {of_i:.4f}",
        f"{finding.registers[0]}, {finding.registers[1]} ({_percent(finding.rounding)})",
        f"{100 * finding.amplitude:+.2g} %, {finding.phase:+.2g} deg" if seen else "-",
        _percent(finding.measured),
        _percent(finding.bound),
        _percent(finding.published) if euler else "-",
        _percent(finding.anywhere),
    )


def _percent(share: float) -> str:
    percent = 100 * share
    if percent < 1e-10:
        return "0 %"
    if math.isinf(percent):
        return "none"
    if percent > 1e6:
        return "> 1e6 %"
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.2g} %"


def _hertz(omega: float) -> str:
    return f"{omega / (2 * math.pi):.4g} Hz"
