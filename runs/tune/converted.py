"""The networks of a `tune`, made when they are needed: as it is, converted to a step, and fine-tuned after that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from lava_dt.conversion import RULES, convert, record
from runs.tune.data import Labelled
from runs.tune.network import Tunable
from runs.tune.search import Refused, Watcher
from runs.tune.store import Store
from runs.tune.twins import twins

Key = tuple[int, "str | None", int]  # dt, rule (None: as it is), epochs of fine-tuning

BASELINE: Key = (1, None, 0)
_RECORDED, _BATCH = 200, 25  # calibration samples on which responses are recorded, and how many at a time


class Networks:
    """Networks by key, each made once while it is kept. The same key gives the same network.

    Args:
        tunable: the network as it is.
        calibration: samples on which thresholds are matched, the first 200.
        training: gives the samples of fine-tuning.
        rules: that are tried, in order.
        seed: of fine-tuning.
        store: for what the network answers to the training samples, and what fine-tuning has finished, which goes on.
    """

    def __init__(
        self,
        tunable: Tunable,
        calibration: Labelled,
        training: Callable[[], Labelled],
        rules: Sequence[str],
        seed: int,
        store: Store,
        watcher: Watcher,
    ) -> None:
        self._tunable, self._calibration, self._training = tunable, calibration, training
        self._rules, self._seed, self._store, self._watcher = tuple(rules), seed, store, watcher
        self._twins: dict[int, dict[str, str]] = {}
        self._made: dict[Key, Any] = {}
        self._held: dict[Key, tuple[str, ...]] = {}
        self._responses: Any = None

    def get(self, key: Key) -> Any:
        """The network.

        Raises:
            Refused: the rule does not convert it.
        """
        if key not in self._made:
            self._made[key] = self._make(*key)
        return self._made[key]

    def twin(self, key: Key) -> Key:
        """The first key by which this very network is made, of rules in their order."""
        dt, rule, epochs = key
        if rule is None or len(self._rules) < 2:
            return key
        if dt not in self._twins:
            self._twins[dt] = twins(self._tunable.make, dt, self._rules)
        return dt, self._twins[dt].get(rule, rule), epochs

    def held(self, key: Key) -> tuple[str, ...]:
        """What of a network that was made is not what the rule asks for, a sentence each."""
        return self._held.get(key, ())

    def keep(self, *keys: Key) -> None:
        """Forgets all others."""
        self._made = {key: net for key, net in self._made.items() if key in keys}

    def _make(self, dt: int, rule: str | None, epochs: int) -> Any:
        net = self._tunable.make()
        if rule is None:
            return net
        responses = self._record() if RULES[rule].needs_calibration else None
        try:
            done = convert(net, dt, RULES[rule], responses, clock="coarse")
        except ValueError as error:
            raise Refused(str(error)) from error
        self._held[dt, rule, epochs] = tuple(f"at dt = {dt}, {note}" for note in done.notes)
        if epochs:
            self._finetune(net, (dt, rule, epochs))
        return net

    def _finetune(self, net: Any, key: Key) -> None:
        """Trains a converted network to answer as it did at dt = 1."""
        from runs.tune import finetuning

        samples, make, decide = self._training(), self._tunable.make, self._tunable.decide
        self._watcher.stage(f"{text_of(key)}: training it", 0)
        targets = self._store.get(
            f"answers-{samples.checksum}", lambda: finetuning.answers(make(), samples, watcher=self._watcher)
        )
        folder = self._store.path / "finetuned" / name_of(key)
        folder.mkdir(parents=True, exist_ok=True)
        finetuning.finetune(net, samples, targets, key[2], key[0], decide, self._seed, folder, self._watcher)
        net.eval()

    def _record(self) -> Any:
        """What the network does at its own step on the first calibration samples."""
        if self._responses is None:
            last = min(_RECORDED, len(self._calibration))

            def batches() -> Iterator[Any]:
                for start in range(0, last, _BATCH):
                    yield self._calibration.batch(np.arange(start, min(start + _BATCH, last)))

            self._responses = record(self.get(BASELINE), batches())
        return self._responses


def name_of(key: Key) -> str:
    """Of files."""
    dt, rule, epochs = key
    return f"dt{dt}-{rule or 'own'}{f'-tuned{epochs}' if epochs else ''}"


def text_of(key: Key) -> str:
    """For people."""
    dt, rule, epochs = key
    return f"dt = {dt}, {rule or 'as it is'}{', fine-tuned' if epochs else ''}"
