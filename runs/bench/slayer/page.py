"""What is peculiar to the page and the picture of `lava-dt bench slayer`."""

from __future__ import annotations

from runs.bench.results import Record
from runs.bench.summary import markdown

_COLOURS = {
    "lava-dl": "#52606d",
    "lava-dl coarse": "#9aa5b1",
    "plain torch": "#d97706",
    "lava-dt": "#1d4ed8",
    "lava-dt events": "#0f9d8a",
    "lava-dt held": "#7c3aed",
    "lava-dt held events": "#b58cf5",
    "lava-dt coarse": "#c2410c",
    "lava-dt coarse events": "#f08a5d",
}
_AXES = {"steps": "steps", "hidden": "hidden neurons", "batch": "batch", "density": "input density [%]", "dt": "dt"}
_USUAL = {"steps": 300, "hidden": 512, "batch": 32, "density": 0.006, "dt": 1}
_METHOD = """\
Every round gives each contestant a turn, one after the other in one process; the first round is not counted. A turn is
one step, or as many as fill a tenth of a second, whose mean it gives: a short step is timed as in a training, not with
caches full of another library's numbers. Times are medians over the rounds, ratios medians of the rounds' own ratios
(above 1: faster than {reference}). CPU seconds are those of all threads. A training step is zero_grad, forward,
slayer.loss.SpikeRate, backward and Adam, for all contestants torch's own in one kernel (fused, where this torch has
it); weights are put back before each, so that all rounds meet the same spikes. Inference is a forward pass without
gradients, with the weights of the round before, which lava-dt compares and then need not normalise again. Inputs are
random events, made before the clock starts: "events" is a torch.sparse_coo_tensor; on the coarse clock they lie in bins
of dt already, all of them kept. "lava-dl" is at its own step, dt = 1, always; "lava-dl coarse" is lava-dl itself with
the decays and threshold of the coarser step. The plain torch loop computes in float32, without Loihi's integers. Peak
memory is that of a process of its own above its imports, input and network included.
"""


def page(result: Record) -> str:
    """bench.md."""
    threads = f"threads: {result['machine']['threads']} on both sides"
    method = _METHOD.format(reference="the first contestant, which is lava-dl where it takes part")
    return markdown("slayer", result, [threads, _equality(result["checks"])], method)


def picture(result: Record) -> str:
    """bench.svg."""
    from runs.bench.plots import Panel, draw

    races = result["races"]
    panels = [
        Panel(words, "training step [s]", _curves(races, name), 0.01 if name == "density" else 1.0)
        for name, words in _AXES.items()
    ]
    named = [race for race in races if race["case"]["section"] != "scaling"]
    ratio = "times as fast as the first contestant (wall time, median of the rounds' ratios)"
    return draw(named, panels, _COLOURS, ratio)


def _curves(races: list[Record], name: str) -> dict[str, list[tuple[float, float]]]:
    """Points (value of `name`, median wall seconds) of every contestant over dense training races that are otherwise
    the usual one; a contestant of no clock is that of the network's own step."""
    points: dict[str, dict[float, float]] = {}
    for race in races:
        case = race["case"]
        usual = all(case[other] == value for other, value in _USUAL.items() if other != name)
        kind = case["mode"], case["network"], case["device"], case["delay"]
        if kind == ("training", "dense", "cpu", False) and usual:
            for entry, row in race["entries"].items():
                points.setdefault(entry, {}).setdefault(case[name], row["wall"])
    return {entry: sorted(found.items()) for entry, found in points.items()}


def _equality(checks: list[Record]) -> str:
    networks = sum(len(check["compared"]) for check in checks)
    if not networks:
        return "no spikes were compared"
    spikes = sum(sum(check["spikes"]) * len(check["compared"]) for check in checks)
    said = (
        f"before the first race: {spikes:,} spikes in all layers of {networks} lava-dt networks, "
        "0 differ from lava-dl's"
    )
    found = [check["gradient_difference"] for check in checks if "recurrent" not in check["case"]]
    differences = [difference for difference in found if difference is not None]
    if differences:
        said += f"; weights' gradients within {max(differences):.0e} of lava-dl's, relative to each tensor's largest"
    return said
