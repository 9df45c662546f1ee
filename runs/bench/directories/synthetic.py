"""Run directories as training leaves them, made up by the thousand: both models, several steps, variants and seeds."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from runs.config import AnyConfig, make_config
from runs.directory import FORMAT, Row
from runs.environment import describe_environment

EXPERIMENTS = {"bats": "events", "slayer": "surrogate"}
_BINS = (150, 75, 50, 37, 30)
_RATES = tuple(round(1e-3 * 1.3**n, 6) for n in range(10))
_VARIANTS: dict[str, tuple[dict[str, Any], ...]] = {
    "bats": ({"rule": "snap"}, {"rule": "detect"}, {"rule": "published", "grid_inputs": False}),
    "slayer": ({"scheme": "exponential"}, {"scheme": "bilinear"}, {"clock": "held"}),
}


def make_directories(out: Path, n: int, epochs: int = 15) -> None:
    """Makes a sweep of n finished runs in the directory `out`, all files but large checkpoints as they would be.

    Accuracies rise with the epochs, less far with a coarser step, and scatter by seed; the same n gives the same files.
    """
    environment = json.dumps({**describe_environment(), "data": "made up, 60000 + 10000 images"}, indent=2)
    generator = np.random.default_rng(0)
    planned = []
    (out / "runs").mkdir(parents=True)
    for number, config in enumerate(itertools.islice(_configs(epochs), n)):
        name = f"{config.model}-{number:06d}"
        path = out / "runs" / name
        path.mkdir()
        saved = {"format": FORMAT, **config.model_dump(mode="json")}
        rows = _rows(config, generator)
        texts = {
            "config.json": json.dumps(saved, indent=2),
            "environment.json": environment,
            "metrics.jsonl": "".join(json.dumps(row) + "\n" for row in rows),
            "progress.json": json.dumps({"epoch": epochs, "seen": 60000, "total": 60000, "time": 0.0}),
            "done.json": json.dumps({"format": FORMAT, "epochs": epochs}, indent=2),
            ".lock": "",
        }
        for file, text in texts.items():
            (path / file).write_text(text, encoding="utf-8")
        planned.append({"directory": name, "experiments": [EXPERIMENTS[config.model]], "model": config.model})
    sweep = {"format": FORMAT, "name": "synthetic", "title": f"{n} made-up runs", "question": "", "runs": planned}
    (out / "sweep.json").write_text(json.dumps(sweep), encoding="utf-8")


def _configs(epochs: int) -> Iterator[AnyConfig]:
    """Without end, seed after seed: for each model and learning rate the baseline, and every variant of every step."""
    for seed in itertools.count():
        for model, rate in itertools.product(EXPERIMENTS, _RATES):
            shared = {"epochs": epochs, "seed": seed, "learning_rate": rate}
            yield make_config(model, shared)
            for bins, variant in itertools.product(_BINS, _VARIANTS[model]):
                yield make_config(model, {**shared, "bins": bins, **variant})


def _rows(config: AnyConfig, generator: np.random.Generator) -> list[Row]:
    """Metrics under the names of today's runs."""
    bins = 300 if config.bins is None else config.bins
    best = 0.98 - 5.0 / bins + 0.005 * generator.standard_normal()
    rows = []
    for epoch in range(1, config.epochs + 1):
        accuracy = best * (1 - 0.4 * math.exp(-epoch / 3)) + 0.003 * generator.standard_normal()
        row: Row = {"epoch": epoch, "seconds": round(1 + bins / 300, 3)}
        for split, share in (("train", accuracy), ("test", accuracy - 0.01)):
            activity = float(generator.uniform(1, 3))
            counted = {
                "accuracy": float(share),
                "loss": float(2 - share),
                "silent_labels": float(max(0.0, 0.02 * generator.standard_normal())),
                "dead_classes": 0,
                "spikes_hidden1": activity,
                "spikes_output": 2.0,
                "activity": activity,
                "spikes": 522 * activity,
                "input_spikes": 150.0,
                "synaptic_operations": 150.0 * 512 + 512 * activity * 10,
                "neuron_updates": 522.0 * bins,
                "simulated_seconds": 0.3,
                "lost_spikes": 0,
            }
            row.update({f"{split}_{name}": value for name, value in counted.items()})
        rows.append(row)
    return rows
