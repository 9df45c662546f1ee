"""`tune`: the coarsest timestep that keeps a trained network's accuracy, and the network converted to it.

1. The network as it was trained, at its own step or in exact time, answers the calibration set.
2. For every dt, successive halving among the rules of conversion on that set (`runs.tune.search`).
3. The best rule of every dt, as it is and where asked for after fine-tuning, answers the test set, which had no part in
   the choice; so does the network at its own step. Losses are counted against the network as it was trained, sample
   by sample (`runs.tune.paired`): of a network in exact time its own step may already lose, and is judged like others.
4. The coarsest dt within the tolerance is written and run in Lava; where there is none, the nearest.

What is measured is kept (`runs.tune.store`). The same seed gives the same answer, in one session or in several.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from lava_dt.conversion import RULES
from lava_dt.export import Feasibility
from runs.config import ConfigError
from runs.tune.contenders import contenders
from runs.tune.converted import BASELINE, Key, Networks
from runs.tune.costs import Costs
from runs.tune.data import Labelled, open_data
from runs.tune.evaluation import Evaluation
from runs.tune.likeness import likeness
from runs.tune.measurements import Bits, Measurements
from runs.tune.network import Tunable, open_tunable
from runs.tune.options import CALIBRATION, DTS, TuneOptions, check_rules, check_steps, checked_options
from runs.tune.paired import Interval, bonferroni, discordant, score_interval
from runs.tune.recommendation import choose, sentence
from runs.tune.result import FILE, Judged, Score, TuneResult
from runs.tune.search import Refused, Silent, Watcher, search
from runs.tune.shipping import ship
from runs.tune.store import Store


def tune(
    net: Path | str | Tunable,
    data: Path | str | tuple[Labelled, Labelled] | None = None,
    *,
    tolerance: float | str = 0.01,
    dts: Sequence[int] = DTS,
    rules: Sequence[str] | None = None,
    finetune: int = 0,
    out: Path | str | None = None,
    seed: int = 0,
    confidence: float | str = 0.95,
    calibration: int | None = CALIBRATION,
    test: int | None = None,
    all_rules: bool = False,
    verify: int = 20,
    config: Path | None = None,
    step: float | None = None,
    watcher: Watcher | None = None,
) -> TuneResult:
    """The coarsest step of a ladder at which a trained network, converted, keeps its accuracy within a tolerance.

    Args:
        net: what `open_tunable` opens, or a network that is open.
        data: folder of the data set, None for the shipped one; or the calibration set and the test set.
        tolerance: accuracy that may be lost: 0.01, "1%".
        dts: steps to try, in steps of the network, 2 or more.
        rules: of `lava_dt.conversion.RULES`; None: all.
        finetune: epochs of training after the conversion; 0: none. Both networks are then judged.
        out: directory for all that is measured, which continues what it holds; by default one below ``results``.
        seed: of the choice of calibration samples and of fine-tuning.
        confidence: at which the intervals of all networks that were judged hold together: 0.95, "95%".
        calibration: samples to choose the rules on; None: all.
        test: samples to judge on; None: all.
        all_rules: every rule is judged on the test set, without a search.
        verify: test samples on which the network that is written is compared with Lava; 0: none.
        config, step: as `open_tunable` takes them.
        watcher: is told how it goes on.

    Raises:
        ConfigError: an option out of range, data or a network that do not fit, a directory that holds something else.
        Busy: another process is at work in the directory.
        KeyboardInterrupt: Ctrl-C; what is finished is kept.
    """
    options = checked_options(
        {
            "tolerance": tolerance, "confidence": confidence, "dt": tuple(dts), "finetune": finetune, "out": out,
            "rules": None if rules is None else tuple(rules), "seed": seed, "calibration": calibration, "samples": test,
            "all_rules": all_rules, "verify": verify,
        }
    )  # fmt: skip
    names = check_rules(options.rules, tuple(RULES))
    tunable = net if isinstance(net, Tunable) else open_tunable(Path(net), config, step)
    if options.finetune and tunable.encoding is not None and tunable.encoding.decision == "first":
        raise ConfigError(
            f"{tunable.name} decides by the first spike, and fine-tuning trains their number: leave out finetune"
        )
    folder = None if data is None or isinstance(data, tuple) else Path(data)

    def opened(calibration: int | None) -> tuple[Labelled, Labelled]:
        if isinstance(data, tuple):
            return data
        return open_data(folder, tunable, calibration, options.samples, options.seed)

    sets = opened(options.calibration)
    check_steps(options.dt, sets[1].steps)
    return Tuning(tunable, sets, lambda: opened(None)[0], names, options, watcher).run()


class Tuning:
    """One call of `tune`, its options checked and its data open.

    Args:
        sets: calibration and test set.
        training: gives the samples of fine-tuning.
        rules: names, in order of preference.
    """

    def __init__(
        self,
        tunable: Tunable,
        sets: tuple[Labelled, Labelled],
        training: Callable[[], Labelled],
        rules: tuple[str, ...],
        options: TuneOptions,
        watcher: Watcher | None,
    ) -> None:
        self._tunable, self._rules, self._options = tunable, rules, options
        self._sets = dict(zip(("calibration", "test"), sets, strict=True))
        self._watcher: Watcher = watcher or Silent()
        identity = {
            "network": tunable.identity,
            "fine_step": tunable.fine_step,
            "calibration": f"{len(sets[0])} samples, {sets[0].checksum}",
            "test": f"{len(sets[1])} samples, {sets[1].checksum}",
            "seed": options.seed,
        }
        out = options.out or Path("results") / f"tune-{tunable.name}-seed{options.seed}"
        self._store = Store(out, identity, self._watcher.warn)
        self._nets = Networks(tunable, sets[0], training, rules, options.seed, self._store, self._watcher)
        self._measured = Measurements(tunable, self._sets, self._nets, self._store, self._watcher)

    def run(self) -> TuneResult:
        """Everything, and the result's file.

        Raises:
            Busy: another process is at work in the directory.
        """
        with self._store.held():
            return self._run()

    def _run(self) -> TuneResult:
        options = self._options
        scores = () if options.all_rules else self._search()
        baseline, judged = self._judge(contenders(scores, self._rules, options))
        chosen, nearest = choose(judged, options.tolerance)
        exact = self._measured.right_in_exact_time()
        written = chosen or nearest
        files, parity = ship(
            written, self._nets, self._store, self._tunable, self._sets["test"], options.verify, self._watcher
        )
        said = sentence(
            self._tunable.name, baseline, judged, options.tolerance, options.confidence, self._measured.refusals, exact
        )
        result = TuneResult(
            name=self._tunable.name,
            tolerance=options.tolerance,
            confidence=options.confidence,
            fine_step=self._tunable.fine_step,
            samples=f"{len(self._sets['test']):,} {self._sets['test'].name}",
            baseline=baseline,
            exact=None if exact is None else float(exact.mean()),
            judged=judged,
            scores=scores,
            chosen=chosen,
            nearest=nearest,
            sentence=said,
            files=files,
            parity=parity,
            notes=self._tunable.notes + (() if written is None else self._measured.notes[written.key]),
            seconds=self._store.seconds,
        )
        result.to_json(self._store.path / FILE)
        return result

    def _search(self) -> tuple[Score, ...]:
        samples = len(self._sets["calibration"])
        scores: list[Score] = []
        exact, own = self._measured.in_exact_time("calibration"), dict[int, Evaluation]()
        for dt in self._options.dt:

            def measure(rule: str, start: int, stop: int, dt: int = dt) -> tuple[int, float]:
                found = self._measured.evaluation("calibration", (dt, rule, 0), start, stop)
                alike = (
                    likeness(found.counts, own[start].counts)
                    if exact is None
                    else (found.predicted == exact[start:stop]).astype(np.float64)
                )
                return int(np.count_nonzero(found.correct)), float(alike.sum())

            def announce(rules: Sequence[str], start: int, stop: int, dt: int = dt) -> None:
                text = f"dt = {dt}, samples {start + 1} to {stop}, rules left: {len(rules)}"
                self._watcher.stage(text, (len(rules) + (exact is None)) * (stop - start))
                if exact is None:
                    own[start] = self._measured.evaluation("calibration", BASELINE, start, stop)

            found = search(dt, self._rules, samples, measure, announce)
            scores += found
            self._nets.keep(BASELINE, (dt, found[0].rule, 0))
            best = found[0]
            if best.rungs:
                share = best.rungs[-1].correct / best.rungs[-1].samples
                self._watcher.line(f"dt = {dt}: {best.rule}, {share:.1%} of the calibration samples right")
            else:
                self._watcher.warn(f"dt = {dt}: no rule converts the network: {best.refused}")
        return tuple(scores)

    def _judge(self, keys: Sequence[Key]) -> tuple[Judged, tuple[Judged, ...]]:
        """The baseline and the others on the whole test set."""
        found: dict[Key, tuple[Evaluation, Costs, Feasibility]] = {}
        for key in (BASELINE, *keys):
            try:
                found[key] = self._measured.on_test(key)
            except Refused as error:
                self._watcher.warn(f"dt = {key[0]}: {key[1]} does not convert the network: {error}")
            self._nets.keep(BASELINE, *(other for other in keys if other[0] == key[0]))
        exact = self._measured.right_in_exact_time()
        level = bonferroni(self._options.confidence, len(found) - (exact is None))
        trained = found[BASELINE][0].correct if exact is None else exact
        judged = {
            key: self._judged(key, trained, *rest, None if key == BASELINE and exact is None else level)
            for key, rest in found.items()
        }
        return judged.pop(BASELINE), tuple(judged.values())

    def _judged(
        self, key: Key, trained: Bits, found: Evaluation, costs: Costs, fits: Feasibility, level: float | None
    ) -> Judged:
        """Compared with what the network has right as it was trained; without a level it is that network."""
        (b, c), n = discordant(trained, found.correct), len(found)
        interval = Interval(0.0, 0.0, 1.0) if level is None else score_interval(b, c, n, level)
        dt, rule, epochs = key
        return Judged(dt, dt * self._tunable.fine_step, rule, epochs, found, (b - c) / n, interval, costs, fits)
