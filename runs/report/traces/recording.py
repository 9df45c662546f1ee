"""What one test sample does in one network, and where it is kept."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from runs.comparison import Run

Floats = npt.NDArray[np.floating]
_FORMAT = 1
_ARRAYS = ("spikes", "layer", "times", "label_voltage", "other_voltage")


@dataclass(frozen=True)
class Recording:
    """Spikes of all layers, and the voltages of two output neurons.

    seconds: what was simulated. sizes: neurons of the input and of each layer. label: the sample's class. other: the
    output neuron of another class that spiked most. spikes: (n, 2), time [s] and neuron. layer: (n,), 0 the input.
    times, label_voltage, other_voltage: (m,), [s] and in units of the threshold, of the output neurons `label` and
    `other`.
    """

    seconds: float
    sizes: tuple[int, ...]
    label: int
    other: int
    spikes: Floats
    layer: npt.NDArray[np.integer]
    times: Floats
    label_voltage: Floats
    other_voltage: Floats

    def of_layer(self, layer: int) -> Floats:
        """Its spikes: (n, 2), time [s] and neuron."""
        return self.spikes[self.layer == layer]

    def predicted(self) -> int:
        """The output neuron with the most spikes; the first of several."""
        return int(np.argmax(output_counts(self.of_layer(len(self.sizes) - 1), self.sizes[-1])))


def output_counts(spikes: Floats, n_neurons: int) -> npt.NDArray[np.int64]:
    """Spikes of each neuron."""
    return np.bincount(spikes[:, 1].astype(np.int64), minlength=n_neurons)


def strongest_other(counts: npt.NDArray[np.integer], label: int) -> int:
    """The neuron with the most spikes but for the label's."""
    return int(np.argmax(np.where(np.arange(len(counts)) == label, -1, counts)))


def cache_file(folder: Path, run: Run) -> Path:
    """Where a run's recording is kept: another network, another file."""
    told = json.dumps([_FORMAT, run.config.identity(), len(run.rows), run.rows[-1]], sort_keys=True, default=str)
    return folder / f"{hashlib.sha256(told.encode()).hexdigest()[:16]}.npz"


def read_recording(file: Path) -> Recording | None:
    """What `write_recording` wrote; None where there is nothing that can be read."""
    try:
        with np.load(file, allow_pickle=False) as found:
            values = json.loads(str(found["values"]))
            arrays = {name: found[name] for name in _ARRAYS}
        return Recording(sizes=tuple(values.pop("sizes")), **values, **arrays)
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None


def write_recording(file: Path, recording: Recording) -> None:
    """Keeps a recording; where it cannot be written it is made anew the next time."""
    values = {name: getattr(recording, name) for name in ("seconds", "sizes", "label", "other")}
    arrays = {name: getattr(recording, name) for name in _ARRAYS}
    part = file.with_name(f"{file.stem}.{os.getpid()}.npz")
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(part, values=np.array(json.dumps(values)), **arrays)
        os.replace(part, file)
