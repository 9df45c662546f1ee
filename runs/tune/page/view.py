"""Everything that the page says, as plain values for the templates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from runs.deploy.scores import wilson
from runs.report.figures import Drawn
from runs.report.wording import percent, several
from runs.tune.page.figures import Curve, Point, by_rule, pareto
from runs.tune.page.tables import (
    STAR,
    Table,
    equations_table,
    is_chosen,
    judged_table,
    rules_table,
    rungs_table,
    step_text,
    time_text,
    tuning_table,
)
from runs.tune.page.trials import Trial, leaders, on_test, trials
from runs.tune.result import Judged, TuneResult

_COSTS = {"neuron_updates": "neuron updates an inference", "synaptic_operations": "synaptic operations an inference"}


@dataclass(frozen=True)
class Page:
    """The page's texts, tables and figures, from top to bottom.

    Attributes:
        sentence: the recommendation, of which `more` is what follows the first sentence.
        found: whether a step was recommended.
        contents: anchors and names of the parts.
        parity: what Lava made of the network; empty where it was not run. differs: whether it spikes differently.
        command: that makes the page again.
        facts: versions and data, by name.
    """

    title: str
    sentence: str
    more: str
    found: bool
    chips: list[str]
    contents: list[tuple[str, str]]
    about_steps: str
    judged: Table
    pareto: list[Drawn]
    about_pareto: str
    about_rules: str
    rules: Table
    curves: list[Drawn]
    about_curves: str
    rungs: Table | None
    about_equations: str
    equations: Table
    tuning: Table | None
    about_tuning: str
    about_files: str
    files: list[tuple[str, str]]
    parity: str
    differs: bool
    notes: list[str]
    command: str
    facts: list[tuple[str, str]]

    @property
    def drawn(self) -> list[Drawn]:
        """All figures."""
        return [*self.pareto, *self.curves]


def make_page(result: TuneResult, equations: Mapping[str, str], command: str, facts: Mapping[str, str]) -> Page:
    """The page of a result.

    Args:
        equations: of the rules, by name.
        command: that makes it again.
        facts: versions and machine, by name.
    """
    shown, tried = leaders(result), trials(result)
    first, *rest = re.split(r"(?<=\.) (?=[A-Z])", result.sentence, maxsplit=1)
    tuning = tuning_table(result)
    used = [rule for rule in equations if any(trial.rule == rule for trial in tried)]
    contents = [
        ("steps", "Steps"),
        ("pareto", "Accuracy against cost"),
        ("rules", "Rules"),
        ("equations", "What the rules are"),
        *([("tuning", "Fine-tuning")] if tuning is not None else []),
        ("written", "What was written"),
        ("repeat", "Repeat it"),
    ]
    return Page(
        title=f"How coarse may {result.name} run?",
        sentence=first,
        more=rest[0] if rest else "",
        found=result.chosen is not None,
        chips=_chips(result),
        contents=contents,
        about_steps=_about_steps(result, shown),
        judged=judged_table(result, shown),
        pareto=[drawn for drawn in (_pareto(result, shown, *cost) for cost in _COSTS.items()) if drawn is not None],
        about_pareto=_ABOUT_PARETO.format(level=percent(result.confidence, digits=0)),
        about_rules=_ABOUT_TEST if on_test(result) else _ABOUT_SEARCH,
        rules=rules_table(result, tried),
        curves=_curves(result, tried),
        about_curves=_ABOUT_TEST_CURVES if on_test(result) else _ABOUT_CURVES,
        rungs=rungs_table(result),
        about_equations=_ABOUT_EQUATIONS,
        equations=equations_table({rule: equations[rule] for rule in used}),
        tuning=tuning,
        about_tuning=_ABOUT_TUNING,
        about_files=_about_files(result),
        files=[(kind, str(path)) for kind, path in result.files.items()],
        parity="" if result.parity is None else str(result.parity),
        differs=result.parity is not None and not result.parity.identical,
        notes=list(result.notes),
        command=command,
        facts=[("data", result.samples), *facts.items(), ("time", f"{result.seconds:,.0f} s")],
    )


_ABOUT_PARETO = (
    "Costs are on a logarithmic scale. Bars: the interval of the loss, paired sample by sample with the network "
    "as it was trained, at {level} for all of them together. The line is the front: nothing else is as accurate at a "
    "lower cost. Discs: converted without training; diamonds: fine-tuned. Below the dashed line more is lost than the "
    "tolerance."
)
_ABOUT_SEARCH = (
    "Converted without training. The rules of each step raced on calibration samples of the training part: after "
    "every round those behind left, and the others went on with more samples. Ahead is who counts output spikes most "
    "alike to the network before (the correlation over the classes, below): it may have learned from this part, where"
    " nearly all is right at any step. Each cell is a rule's accuracy on the last samples it was given, not to be "
    "compared with the test accuracies; the bold one was judged on the test set above. Grey: left early, so less "
    "certain."
)
_ABOUT_TEST = "Converted without training, every rule on all test samples. Bold: the best of its step."
_ABOUT_CURVES = "Filled: on as many samples as any rule of that step; hollow: the rule had left the race."
_ABOUT_TEST_CURVES = "Dashed: the network at its own step."
_ABOUT_EQUATIONS = (
    "For a step of k fine steps. alpha and beta: decays of current and voltage in a fine step; e_I = 1 - alpha and e_u "
    "= 1 - beta is what a fine step keeps of them, E_I and E_u what a step of k keeps. g multiplies the current; it is "
    "folded into the threshold, which is divided by it, so that Loihi needs no multiplication. Delays go up to whole "
    "steps of k where nothing else is said. Matched thresholds follow what the network did at its own step on "
    "calibration samples."
)
_ABOUT_TUNING = (
    "The converted network before and after some epochs on the training part, each judged on the same test samples. "
    "Loss left: against the network as it was trained, with its interval."
)


def _chips(result: TuneResult) -> list[str]:
    tolerance = f"{100 * result.tolerance:.4g}"
    told = f"tolerance {tolerance} point{'' if tolerance == '1' else 's'}"
    chips = [result.samples, told, f"{percent(result.confidence, digits=0)} confidence"]
    if result.exact is not None:
        chips.append(f"{percent(result.exact)} in exact time")
    return chips


def _about_steps(result: TuneResult, shown: list[Judged]) -> str:
    n = len(result.baseline.evaluation.labels)
    low, high = wilson(round(result.baseline.accuracy * n), n)
    accuracy = percent(result.baseline.accuracy, digits=2)
    many = {0: "none", 1: "this comparison", 2: "both comparisons together"}
    comparisons = many.get(result.comparisons, f"all {result.comparisons} comparisons together")
    inference = time_text(result.baseline.costs.seconds)
    in_exact_time = "" if result.exact is None else f", and {percent(result.exact, digits=2)} in exact time"
    against = "its accuracy" if result.exact is None else "the accuracy in exact time"
    sentences = [
        f"On {several(n, 'test sample')} that took no part in any choice.",
        f"The network at its own step of {time_text(result.fine_step)} has {accuracy} right (95% interval "
        f"{percent(low)} to {percent(high)}){in_exact_time}.",
        f"Loss: {against} less that of the network in the row, with an interval (Tango's, of paired proportions) that "
        f"holds for {comparisons} at {percent(result.confidence, digits=0)}.",
        f"Costs are of one inference of {inference}, with their share of the baseline's below.",
        "Latency: from the end of the input until all of it has reached the answer.",
    ]
    if result.chosen is not None:
        sentences.append(f"{STAR}: recommended.")
    if len(shown) < len(result.judged):
        sentences.append("Of each step the best rule is shown; all are further down.")
    return " ".join(sentences)


def _about_files(result: TuneResult) -> str:
    if not result.files:
        return "No network was written."
    one = result.chosen or result.nearest
    if one is None:
        return ""
    told = f"The network at {step_text(one)}, converted by {one.how}"
    return f"{told}." if result.chosen is not None else f"{told}: the nearest, as it is not within the tolerance."


def _pareto(result: TuneResult, shown: list[Judged], name: str, what: str) -> Drawn | None:
    base = result.baseline
    drawn = []
    for one in [base, *shown]:
        own = one is base
        low, high = result.trained - one.interval.high, result.trained - one.interval.low
        if own and result.exact is None:
            low = high = float("nan")
        kind = "baseline" if own else "chosen" if is_chosen(result, one) else "other"
        cost = getattr(one.costs, name)
        if cost > 0:  # there is no 0 on a logarithmic axis
            drawn.append(Point(f"dt {one.dt}", cost, one.accuracy, low, high, kind, one.finetuned > 0))
    if not drawn:
        return None
    return pareto(name.replace("_", "-"), what, drawn, result.trained, result.tolerance)


def _curves(result: TuneResult, tried: list[Trial]) -> list[Drawn]:
    known = [trial for trial in tried if trial.refused is None]
    curves = []
    for rule in dict.fromkeys(trial.rule for trial in known):
        ours = sorted((trial for trial in known if trial.rule == rule), key=lambda trial: trial.dt)
        curves.append(Curve(rule, [t.dt for t in ours], [t.accuracy for t in ours], [t.samples for t in ours]))
    if len(curves) < 2:
        return []
    return [by_rule(curves, result.baseline.accuracy if on_test(result) else None)]
