"""`TuneResult`: what was measured, and what is recommended."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from runs.bench.sheet import Sheet
from runs.tune.paired import Interval

if TYPE_CHECKING:
    from lava_dt.export import Feasibility, ParityReport
    from runs.tune.costs import Costs
    from runs.tune.evaluation import Evaluation

FILE = "result.json"


@dataclass(frozen=True)
class Rung:
    """A candidate on a part of the calibration set.

    Attributes:
        samples: how many.
        correct: of them classified rightly.
        alike: sum of the samples' likeness to the network as it was trained (`runs.tune.likeness`).
    """

    samples: int
    correct: int
    alike: float


@dataclass(frozen=True)
class Score:
    """How far a candidate came in the search.

    Attributes:
        dt: fine steps.
        rule: of `lava_dt.conversion.RULES`.
        rungs: one after another, on ever more samples; none where the rule was refused.
        refused: why the rule cannot convert the network to dt; None where it can.
    """

    dt: int
    rule: str
    rungs: tuple[Rung, ...]
    refused: str | None = None


@dataclass(frozen=True)
class Judged:
    """A network on the test set.

    Attributes:
        dt: fine steps in a step.
        seconds: that a step of dt lasts.
        rule: that converted it; None for the network at its own step.
        finetuned: epochs of training after the conversion.
        evaluation: its answers, sample by sample, and its spikes.
        loss: accuracy of the network as it was trained, at its own step or in exact time, less this one's, -1 to 1;
            below 0 it is better.
        interval: of the loss, at the level at which those of all that were judged hold together.
        costs: of an inference.
        feasibility: Loihi's limits.
    """

    dt: int
    seconds: float
    rule: str | None
    finetuned: int
    evaluation: Evaluation
    loss: float
    interval: Interval
    costs: Costs
    feasibility: Feasibility

    @property
    def key(self) -> tuple[int, str | None, int]:
        """Which network it is: dt, rule, epochs of fine-tuning."""
        return self.dt, self.rule, self.finetuned

    @property
    def accuracy(self) -> float:
        """Share of the test samples, 0 to 1."""
        return self.evaluation.accuracy

    @property
    def how(self) -> str:
        """The rule, and the training after it, in words."""
        plural = "" if self.finetuned == 1 else "s"
        after = f", {self.finetuned} epoch{plural} of fine-tuning" if self.finetuned else ""
        return f"{self.rule or 'as it is'}{after}"


@dataclass(frozen=True)
class TuneResult:
    """`tune`'s answer; ``str()`` is the sentence.

    Attributes:
        name: of the network.
        tolerance: the loss of accuracy that is accepted, 0 to 1.
        confidence: at which all intervals hold together, 0 to 1.
        fine_step: seconds.
        samples: the test set in words.
        baseline: the network at its own step, dt = 1.
        exact: accuracy in exact time, of networks that have one, whose losses are counted against it; else None.
        judged: everything that was measured on the test set beside it, by dt; finer steps first.
        scores: every candidate of the search, by dt and rule.
        chosen: the coarsest step within the tolerance; None where there is none.
        nearest: the one with the least loss, the coarser of two; None where no rule could convert the network.
        sentence: the recommendation.
        files: what was written, by kind: the network chosen, or the nearest.
        parity: that network in Lava; None where it was not asked for.
        notes: what else must be known.
        seconds: that all of it took, over as many sessions as it was.
    """

    name: str
    tolerance: float
    confidence: float
    fine_step: float
    samples: str
    baseline: Judged
    exact: float | None
    judged: tuple[Judged, ...]
    scores: tuple[Score, ...]
    chosen: Judged | None
    nearest: Judged | None
    sentence: str
    files: dict[str, Path] = field(default_factory=dict)
    parity: ParityReport | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    def __str__(self) -> str:
        return self.sentence

    @property
    def comparisons(self) -> int:
        """How many networks were compared with the one that was trained."""
        return len(self.judged) + (self.exact is not None)

    @property
    def trained(self) -> float:
        """Accuracy of the network as it was trained, which losses are counted against."""
        return self.baseline.accuracy if self.exact is None else self.exact

    def table(self) -> Sheet:
        """Accuracy, loss with its interval, and costs, a row a network."""
        columns = ("dt", "step", "rule", "accuracy", "loss [points]", f"{self.confidence:.4g} interval", "steps")
        rows = []
        for one in (self.baseline, *self.judged):
            mark = " *" if self.chosen is not None and one.key == self.chosen.key else ""
            own = one.rule is None and self.exact is None
            loss = "" if own else f"{100 * one.loss:.2f}"
            interval = "" if own else f"{100 * one.interval.low:.2f} to {100 * one.interval.high:.2f}"
            step = f"{1e3 * one.seconds:g} ms"
            accuracy = f"{one.accuracy:.2%}"
            rows.append((f"{one.dt}{mark}", step, one.how, accuracy, loss, interval, f"{one.costs.steps:g}"))
        return Sheet(f"{self.name} on {self.samples}", columns, rows)

    def to_json(self, path: Path) -> None:
        """Writes all of it into a file, whole or not at all; `load_result` reads it, also where it was moved to."""
        from runs.tune.store import encoded, write_sealed

        home = path.parent
        files = {kind: f.relative_to(home) if f.is_relative_to(home) else f for kind, f in self.files.items()}
        write_sealed(path, encoded(replace(self, files=files)))


def load_result(folder: Path) -> TuneResult:
    """The result of a `tune` that is finished, from its directory.

    Raises:
        ConfigError: there is none, or its file is damaged.
    """
    from runs.config import ConfigError
    from runs.tune.store import Damaged, decoded, read_sealed

    file = folder / FILE
    again = "run the same lava-dt tune again, which writes it from what it has kept"
    try:
        result = decoded(read_sealed(file))
    except FileNotFoundError:
        raise ConfigError(f"{folder} holds no finished tune, as {file} is not there: {again}") from None
    except Damaged as error:
        raise ConfigError(f"{file} is damaged ({error}): {again}") from None
    if not isinstance(result, TuneResult):
        raise ConfigError(f"{file} holds a {type(result).__name__} and no result of lava-dt tune: {again}")
    return replace(result, files={kind: folder / path for kind, path in result.files.items()})
