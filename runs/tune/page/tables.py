"""The tables of the page, as text."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from runs.report.drawing.scales import short
from runs.report.wording import MISSING, number, percent, several
from runs.tune.page.trials import Trial, leaders, on_test
from runs.tune.result import Judged, TuneResult


@dataclass(frozen=True)
class Cell:
    """A cell: its text, what stands small below it, and how it is set: ``""``, ``best``, ``soft`` or ``bad``."""

    text: str
    small: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Line:
    """A row: its cells, and what it is: ``""``, ``reference`` or ``chosen``."""

    cells: list[Cell]
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """header: names of the columns. notes: what goes below."""

    header: list[str]
    rows: list[Line]
    notes: list[str] = field(default_factory=list)


STAR = "\u2605"  # marks what is recommended
_COSTS = ("neuron_updates", "synaptic_operations", "messages")


def judged_table(result: TuneResult, shown: list[Judged]) -> Table:
    """A row a network: what it keeps, what it costs, and whether Loihi holds it; the baseline first.

    Args:
        shown: those of the judged that get a row.
    """
    base = result.baseline
    header = ["Step", "Accuracy", "Loss [points]", "Rule", "Steps", "Neuron updates", "Synaptic operations"]
    header += ["Messages", "Latency", "On Loihi"]
    rows, notes = [], []
    for one in [base, *shown]:
        own, chosen = one is base, is_chosen(result, one)
        problems = one.feasibility.problems
        loss = Cell("baseline") if own and result.exact is None else loss_cell(result, one)
        cells = [
            Cell(f"dt {one.dt}{f' {STAR}' if chosen else ''}", time_text(one.seconds)),
            accuracy_cell(one),
            loss,
            Cell(one.rule or MISSING, tuned_text(one)),
            Cell(f"{one.costs.steps:,.0f}"),
            *(_cost(getattr(one.costs, name), None if own else getattr(base.costs, name)) for name in _COSTS),
            Cell(time_text(one.costs.latency)),
            Cell("fits") if not problems else Cell(several(len(problems), "remark"), "", "bad"),
        ]
        rows.append(Line(cells, "reference" if own else "chosen" if chosen else ""))
        notes += [f"On Loihi, dt {one.dt}: {problem}." for problem in problems]
    return Table(header, rows, list(dict.fromkeys(notes)))


def tuning_table(result: TuneResult) -> Table | None:
    """Before and after fine-tuning, a row a network that has both; None without any."""
    before = {(one.dt, one.rule): one for one in result.judged if not one.finetuned}
    rows = []
    for after in result.judged:
        first = before.get((after.dt, after.rule))
        if after.finetuned and first is not None:
            gain = points(after.accuracy - first.accuracy, signed=True)
            name, rule = Cell(f"dt {after.dt}", time_text(after.seconds)), Cell(after.rule or MISSING)
            tuned = [Cell(str(after.finetuned)), accuracy_cell(first), accuracy_cell(after), Cell(gain)]
            rows.append(Line([name, rule, *tuned, loss_cell(result, after)]))
    header = ["Step", "Rule", "Epochs", "Before", "After", "Gain [points]", "Loss left [points]"]
    return Table(header, rows) if rows else None


def rules_table(result: TuneResult, trials: list[Trial]) -> Table:
    """Zero-shot accuracy, a row a rule and a column a step, and how many samples it is of; the best is bold."""
    dts = sorted({trial.dt for trial in trials})
    by_place = {(trial.rule, trial.dt): trial for trial in trials}
    most = {dt: max((trial.samples for trial in trials if trial.dt == dt), default=0) for dt in dts}
    best = {one.dt: one.rule for one in leaders(result) if not one.finetuned}
    rows, notes = [], []
    for rule in dict.fromkeys(trial.rule for trial in trials):
        cells = [Cell(rule)]
        for dt in dts:
            trial = by_place.get((rule, dt))
            if trial is None or trial.refused is not None:
                cells.append(Cell(MISSING, "" if trial is None else "refused", "soft"))
                if trial is not None:
                    notes.append(f"{rule} at dt {dt}: {trial.refused}")
                continue
            kind = "best" if best.get(dt) == rule else "" if trial.samples == most[dt] else "soft"
            cells.append(Cell(percent(trial.accuracy), f"of {trial.samples:,}", kind))
        rows.append(Line(cells))
    if on_test(result):
        rows.insert(
            0, Line([Cell("as it is, dt 1"), *(Cell(percent(result.baseline.accuracy)) for _ in dts)], "reference")
        )
    return Table(["Rule", *(f"dt {dt}" for dt in dts)], rows, notes)


def rungs_table(result: TuneResult) -> Table | None:
    """The halving: how each rule did on ever more samples, a row a step and rung; None where there was none."""
    rows = []
    for dt in sorted({score.dt for score in result.scores}):
        ours = [score for score in result.scores if score.dt == dt]
        for place in range(max((len(score.rungs) for score in ours), default=0)):
            there = [(score.rule, score.rungs[place]) for score in ours if len(score.rungs) > place]
            there.sort(key=lambda one: (-one[1].alike, -one[1].correct))
            told = ", ".join(
                f"{rule}\u00a0{rung.alike / rung.samples:.3f}\u00a0({percent(rung.correct / rung.samples)})"
                for rule, rung in there
            )
            rows.append(Line([Cell(f"dt {dt}"), Cell(f"{there[0][1].samples:,}"), Cell(str(len(there))), Cell(told)]))
    return Table(["Step", "Samples", "Rules", "Likeness of each (accuracy), best first"], rows) if rows else None


def equations_table(rules: dict[str, str]) -> Table:
    """The rules with their equations."""
    return Table(["Rule", "What it does"], [Line([Cell(name), Cell(text)]) for name, text in rules.items()])


def is_chosen(result: TuneResult, one: Judged) -> bool:
    """Whether it is the recommended one."""
    return result.chosen is not None and one.key == result.chosen.key


def loss_cell(result: TuneResult, one: Judged) -> Cell:
    """The loss with its interval, in points."""
    told = f"{points(one.interval.low, signed=True)} to {points(one.interval.high, signed=True)}"
    return Cell(points(one.loss, signed=True), told, "" if one.loss <= result.tolerance else "bad")


def accuracy_cell(one: Judged) -> Cell:
    """The accuracy and how many samples were right."""
    n = len(one.evaluation.labels)
    return Cell(percent(one.accuracy, digits=2), f"{round(one.accuracy * n):,} of {n:,}")


def tuned_text(one: Judged) -> str:
    """+ 2 epochs."""
    return f"+ {several(one.finetuned, 'epoch')}" if one.finetuned else ""


def step_text(one: Judged) -> str:
    """dt 4, 4 ms."""
    return f"dt {one.dt}, {time_text(one.seconds)}"


def time_text(seconds: float) -> str:
    """4 ms, 0.25 ms, 1.2 s."""
    return f"{1e3 * seconds:.4g} ms" if seconds < 1 else f"{seconds:.4g} s"


def points(share: float, *, signed: bool = False) -> str:
    """A difference of accuracies in points of percent."""
    return MISSING if math.isnan(share) else number(100 * share, 2, signed=signed)


def _cost(value: float, base: float | None) -> Cell:
    return Cell(short(value), f"{value / base:.2f}\u00d7" if base else "")
