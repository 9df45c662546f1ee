"""What the networks of a `tune` answer and cost, each measured once for all sessions (`runs.tune.store`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lava_dt.export import Feasibility, feasible
from lava_dt.export.blocks import describe
from runs.tune.converted import Key, Networks, name_of, text_of
from runs.tune.costs import Costs, costs_of
from runs.tune.data import Labelled
from runs.tune.evaluation import Evaluation, evaluate, join
from runs.tune.network import Tunable
from runs.tune.search import Refused, Watcher
from runs.tune.store import Store

Bits = npt.NDArray[np.bool_]

_PIECE = 1000  # samples whose evaluation is kept at once


class Measurements:
    """Of all networks on all sets.

    Args:
        tunable: the network as it was trained.
        sets: labelled samples by name, those of the test set as ``test``.
        nets: the network at its own step, and converted.

    Attributes:
        refusals: why rules could not convert the network.
        notes: what of a network is not what its rule asks for, a sentence each, by key; of those that `on_test` has.
    """

    def __init__(
        self, tunable: Tunable, sets: Mapping[str, Labelled], nets: Networks, store: Store, watcher: Watcher
    ) -> None:
        self._tunable, self._sets, self._nets = tunable, sets, nets
        self._store, self._watcher = store, watcher
        self.refusals: list[str] = []
        self.notes: dict[Key, tuple[str, ...]] = {}

    def evaluation(self, where: str, key: Key, start: int, stop: int) -> Evaluation:
        """Of a network on some samples of a set, computed once for all rules that make the same network.

        Raises:
            Refused: the rule does not convert the network.
        """
        samples, indices, decide = self._sets[where], np.arange(start, stop), self._tunable.decide

        def measured(key: Key) -> Any:
            return self._store.get(f"{where}-{name_of(key)}-{start}-{stop}", lambda: compute(key))

        def compute(key: Key) -> Any:
            twin = self._nets.twin(key)
            if twin != key:
                return measured(twin)
            try:
                return evaluate(self._nets.get(key), samples, indices, key[0], decide, self._watcher)
            except Refused as error:
                return str(error)

        found = measured(key)
        self._watcher.advance(stop - start)
        if isinstance(found, str):
            self.refusals.append(found)
            raise Refused(found)
        return found

    def on_test(self, key: Key) -> tuple[Evaluation, Costs, Feasibility]:
        """What a network answers on the whole test set, and what follows for it.

        Raises:
            Refused: the rule does not convert the network.
        """
        test = self._sets["test"]
        self._watcher.stage(f"{text_of(key)} on the test set", len(test))
        spans = [(start, min(start + _PIECE, len(test))) for start in range(0, len(test), _PIECE)]
        whole = join([self.evaluation("test", key, *span) for span in spans])

        def facts() -> tuple[Costs, Feasibility, tuple[str, ...]]:
            net = self._nets.get(key)
            costs = costs_of(net, whole, key[0], self._tunable.fine_step)
            return costs, feasible(net, describe(net).timestep), self._nets.held(key)

        costs, feasibility, self.notes[key] = self._store.get(f"facts-{name_of(key)}", facts)
        return whole, costs, feasibility

    def in_exact_time(self, where: str) -> npt.NDArray[np.int64] | None:
        """What a network that has an exact time predicts in it on a set, (n,); None of another network."""
        exact, samples = self._tunable.exact, self._sets[where]
        if exact is None:
            return None
        self._watcher.stage(f"in exact time on the {where} set", 0)
        return np.asarray(self._store.get(f"{where}-exact", lambda: np.asarray(exact(samples), np.int64)))

    def right_in_exact_time(self) -> Bits | None:
        """Which test samples it has right in it, (n,)."""
        predicted = self.in_exact_time("test")
        return None if predicted is None else predicted == self._sets["test"].labels
