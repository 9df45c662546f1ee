"""What the data of a configuration are, by content, wherever they lie."""

from __future__ import annotations

import json

from runs.config import AnyConfig
from runs.training import loop

_DECISIVE = frozenset(
    [
        "model",
        "data",
        "dataset",
        "encoding",
        "window",
        "peak_rate",
        "train_samples",
        "test_samples",
        "steps",
        "duration",
    ]
)


class DataNames:
    """Asks learners for the names of their data, once for all configurations that have the same."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, config: AnyConfig) -> str:
        """What `Learner.data_name` gives; the data are read, which can take a while.

        Raises:
            OSError, ValueError, ImportError: the data cannot be read, or the model cannot be built.
        """
        key = _about_data(config)
        if key not in self._known:
            self._known[key] = loop.make_learner(config).data_name()
        return self._known[key]


def _about_data(config: AnyConfig) -> str:
    """The settings that data follow from; of Poisson trains the seed, too."""
    names = _DECISIVE | ({"seed"} if getattr(config, "encoding", None) == "rate" else set())
    return json.dumps({name: value for name, value in config.identity().items() if name in names}, sort_keys=True)
