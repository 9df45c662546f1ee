"""What the thesis trained with, by its text or by its code, and what of it runs beside its table do otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from runs.comparison import Entry
from runs.config import shown
from runs.report.wording import setting

_SAMPLES = 60_000  # of the training set, in either model's experiment
_MOST = 4  # that are named

# EQUATIONS A.7, A.3 (vi). Where text and code differ, either will do, the text's first.
SETTINGS: dict[str, dict[str, tuple[Any, ...]]] = {
    "slayer": {
        "dataset": ("nmnist",),
        "epochs": (15,),
        "batch": (32,),
        "learning_rate": (1e-3,),
        "hidden": ((512,), (512, 512)),
        "steps": (300,),
        "threshold": (1.25,),
        "current_decay": (0.25,),
        "voltage_decay": (0.03,),
        "tau_grad": (0.03,),
        "scale_grad": (3.0,),
        "weight_norm": (True,),
        "delay": (True,),
        "true_rate": (0.2,),
        "false_rate": (0.03,),
        "epoch_samples": (None,),
    },
    "bats": {
        "dataset": ("mnist",),
        "encoding": ("latency",),
        "loss": ("count",),
        "network": ("dense",),
        "epochs": (15, 30),
        "batch": (32,),
        "learning_rate": (1e-3, 3e-3),
        "hidden": ((512,),),
        "duration": (0.3,),
        "window": (0.1,),
        "tau_syn": (0.13,),
        "tau_mem": (None, 0.26),
        "hidden_threshold": ((0.2,), (0.2, 0.2)),
        "output_threshold": (1.25,),
        "max_spikes": ((30,), (30, 30)),
        "target_true": (15.0,),
        "target_false": (3.0,),
        "silent_labels": (0.0,),
        "epoch_samples": (None, 576),
    },
}


def differences(entries: Sequence[Entry]) -> list[str]:
    """What the runs of a model do otherwise than the thesis, in words, the first few; [] where they do as it did."""
    found = list(dict.fromkeys(text for entry in entries for text in _of(entry)))
    return found if len(found) <= _MOST else [*found[: _MOST - 1], f"{len(found) - _MOST + 1} settings more"]


def _of(entry: Entry) -> Iterator[str]:
    samples = _samples(entry)
    if samples not in (None, _SAMPLES):
        yield f"{samples:,} training samples, not {_SAMPLES:,}"
    for name, usual in SETTINGS[entry.config.model].items():
        value = getattr(entry.config, name)
        if value in usual:
            continue
        if isinstance(value, bool) or None in (value, usual[0]):
            yield setting(name, value)
        else:
            text = f"{usual[0]:g}" if isinstance(usual[0], float) else shown(usual[0])
            yield f"{setting(name, value)}, not {text}"


def _samples(entry: Entry) -> int | None:
    """Training samples, as the first run noted them with the name of its data; None where it has not."""
    found = re.search(r"(\d+) \+ \d+ ", str(entry.runs[0].environment.get("data")))
    return None if found is None else int(found[1])
