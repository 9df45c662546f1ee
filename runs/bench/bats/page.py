"""What is peculiar to the page and the picture of `lava-dt bench bats`."""

from __future__ import annotations

from runs.bench.results import Record
from runs.bench.summary import markdown

_PORT, _OURS = "literal port", "bats_dt"
_AXES = {
    "batch": "batch",
    "hidden": "hidden neurons",
    "spikes": "spikes a hidden neuron",
    "share": "spiking pixels [%]",
}
_USUAL = {"batch": 32, "hidden": 512}
_METHOD = """\
Every round gives each contestant a turn, one after the other in one process; the first round is not counted. A turn is
one step, or as many as fill a tenth of a second, whose mean it gives: a short step is timed as in a training, not with
caches full of another library's numbers. Times are medians over the rounds; "x" is the median of the rounds' own ratios
to the literal port on as many threads (on the most of them for a GPU; above 1: faster). CPU seconds are those of all
threads.

"literal port": the published BATS kernels, which need a GPU, written for a CPU from their description, with Numba:
padded buffers, one scalar loop a (sample, neuron), every sample's weight gradient in memory and then their mean. Its
loops over samples run on as many threads as bats_dt's. Loss and Adam are bats_dt's for both. Where the gradients of one
layer would take more than 1 GiB it stands aside. It says nothing of the published code on a GPU. It has fully
connected layers only: the convolutional network (thresholds 0.04, 0.8, 0.6, 0.3; 1, 3, 10, 30 spikes a neuron at most)
is bats_dt's alone, compared with itself on one thread.

Networks: tau_s 0.13 s, thresholds 0.2 and 1.25, 30 spikes a neuron at most (further ones are dropped by both), 0.3 s
simulated, float32, weights from U(-1, 1), the output's shifted by 0.1 so that it spikes as often as a trained one.
Inputs are MNIST's images, a pixel's spike within 0.1 s. For another share of spiking pixels some are silenced or added
at random, and the hidden threshold follows the square root of the share. "forward" is the simulation and the predicted
classes, "backward" the loss and the gradients of both layers, "training" both and Adam; weights are put back before
each, so that all rounds meet the same spikes. An epoch is real training, encoding and scores included, the contestants
taking turns of a tenth; "right" is the share of the first images, of as many as the port was trained on, that was
classified rightly meanwhile. Peak memory is that of a process of its own above its imports, input and network included.
"""


def page(result: Record) -> str:
    """bench.md."""
    data = result["options"]["data"]
    images = "the shipped images of MNIST" if data is None else "MNIST's files, from --data"
    return markdown("bats", result, [f"inputs: {images}", _equality(result["checks"])], _METHOD)


def picture(result: Record) -> str:
    """bench.svg."""
    from runs.bench.plots import Panel, draw

    races, memory = result["races"], result["memory"]
    panels = [
        Panel(words, "training step [s]", _curves(races, name), 0.01 if name == "share" else 1.0)
        for name, words in _AXES.items()
    ]
    panels.append(Panel("spikes of all layers in a batch", "peak memory [MiB]", _memory_curves(memory)))
    shown = [race for race in races if race["case"]["section"] in ("forward", "backward", "training")]
    ratio = "times as fast as the literal port on as many threads (wall time, median of the rounds' ratios)"
    return draw(shown, panels, _colours([*races, *memory]), ratio)


def _colours(records: list[Record]) -> dict[str, str]:
    """Grey for the port, blue for bats_dt, darker for more threads, green for a GPU."""
    names = sorted({name for record in records for name in record["entries"]})
    shades = {_PORT: ("#c3cad3", "#8593a3", "#52606d"), _OURS: ("#8fb0f5", "#1d4ed8", "#122e80")}
    found = {f"{_OURS}, GPU": "#0f9d8a"}
    for library, colours in shades.items():
        own = [name for name in names if name.startswith(library) and not name.endswith("GPU")]
        own.sort(key=lambda name: int(name.split(", ")[1].split()[0]))
        found.update(zip(own, colours[:1] + colours[1:] if len(own) > 2 else colours[2 - len(own) :], strict=False))
    return found


def _curves(races: list[Record], name: str) -> dict[str, list[tuple[float, float]]]:
    """Points (value of `name`, median wall seconds) of every contestant over training races otherwise the usual one.

    The share of spiking pixels and the spikes of a hidden neuron are those that were found.
    """
    points: dict[str, dict[float, float]] = {}
    for race in races:
        case, section = race["case"], race["case"]["section"]
        usual = all(case[other] == value for other, value in _USUAL.items() if other != name)
        own = {"spikes": "spikes", "share": "sparsity"}.get(name, "scaling")
        plain = case["network"] == "dense" and case["share"] is None and case["threshold"] == 0.2
        if case["mode"] == "training" and usual and race["entries"] and (plain or section == own):
            x = {"spikes": race["spikes_per_neuron"], "share": race["share"]}.get(name)
            for entry, row in race["entries"].items():
                points.setdefault(entry, {}).setdefault(case[name] if x is None else x, row["wall"])
    return {entry: sorted(found.items()) for entry, found in points.items()}


def _memory_curves(records: list[Record]) -> dict[str, list[tuple[float, float]]]:
    """Points (spikes, MiB) of every contestant."""
    points: dict[str, list[tuple[float, float]]] = {}
    for record in records:
        for entry, row in record["entries"].items():
            points.setdefault(entry, []).append((row["spikes"], row["mib"]))
    return {entry: sorted(found) for entry, found in points.items()}


def compared(checks: list[Record]) -> str:
    """How many spikes have been compared with whose."""
    told = []
    for with_port, whose in ((True, "the literal port's"), (False, "its own on one thread")):
        own = [check for check in checks if check["with_port"] == with_port and check["compared"]]
        networks = sum(len(check["compared"]) for check in own)
        if networks:
            spikes = sum(sum(check["spikes"]) * len(check["compared"]) for check in own)
            told.append(f"{spikes:,} spikes of {networks} bats_dt networks with {whose}")
    return ", ".join(told)


def _equality(checks: list[Record]) -> str:
    if not any(check["compared"] for check in checks):
        return "no spikes were compared"
    left_out = sum(check["left_out"] for check in checks)
    time, gradient = (max(check[f"{name}_difference"] for check in checks) for name in ("time", "gradient"))
    return (
        f"before the first race: {compared(checks)}, in all layers. {left_out} neurons are left out, with their "
        "samples, because a float64 simulation says that "
        "rounding decides their spikes, or because they cross the threshold so flatly that rounding decides their "
        f"gradients; in all other samples every neuron spikes as often, at times within {time:.0e} s, and gradients "
        f"are within {gradient:.0e} of the layer's, in the 2-norm"
    )
