"""What a run in Lava is told to have done."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from runs.deploy.scores import Scores, wilson


def layer_table(names: Sequence[str], neurons: Sequence[int], scores: Scores, seconds: float) -> Table:
    """A row a layer: what it sends in an inference, a neuron's mean rate, and the synapses that this acts on.

    Args:
        seconds: that a sample lasts.
    """
    table = Table(title="an inference, in the mean", title_justify="left")
    table.add_column("layer")
    for column in ("neurons", "spikes", "rate [1/s]", "synaptic operations"):
        table.add_column(column, justify="right")
    for name, count, spikes, operations in zip(names, neurons, scores.spikes, scores.operations, strict=True):
        mean = spikes / scores.seen
        table.add_row(
            name,
            f"{count:,}",
            f"{mean:,.1f}",
            f"{mean / count / seconds:.3g}",
            f"{operations / scores.seen:,.0f}",
        )
    if len(names) > 2:
        sums = (sum(counts) / scores.seen for counts in (scores.spikes, scores.operations))
        table.add_section()
        table.add_row("all", f"{sum(neurons):,}", f"{next(sums):,.1f}", "", f"{next(sums):,.0f}")
    return table


def accuracy_text(scores: Scores) -> str:
    """The accuracy and how sure it is."""
    low, high = wilson(scores.correct, scores.seen)
    return (
        f"accuracy {scores.accuracy:.1%} ({scores.correct:,} of {scores.seen:,}; 95 % interval {low:.1%} to {high:.1%})"
    )


def speed_text(scores: Scores, period: int, seconds: float) -> str:
    """Steps a second, and simulated seconds in one of the clock on the wall."""
    factor = scores.seen * seconds / scores.running
    compared = f"{factor:.2g} times as fast as" if factor >= 1 else f"{1 / factor:.2g} times slower than"
    return (
        f"{scores.seen * period / scores.running:,.0f} steps a second: {compared} real time "
        f"({scores.seen * seconds:,.1f} s simulated in {scores.running:,.1f} s)"
    )
