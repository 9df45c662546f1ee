"""One case of `lava-dt bench parity`: trains, writes the file that would be shipped, and compares it with Lava."""

from __future__ import annotations

import dataclasses
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runs.bench.parity.cases import Case
from runs.bench.parity.networks import lava_dt, take, trained
from runs.data import Recordings
from runs.directory import Row

_ENTRIES = 12_000_000  # of the input at once


def compare(
    case: Case,
    data: tuple[Recordings, Recordings],
    training: int,
    seed: int,
    timeout: float,
    tick: Callable[[int, int], None],
) -> Row:
    """What differs between training and Lava for a network of the case.

    Args:
        case: the case.
        data: recordings to train on, and to compare on.
        training: batches.
        seed: of weights, delays and the order of the recordings.
        timeout: seconds that Lava may take for one run of recordings.
        tick: is told how many recordings of how many are done.
    """
    from lava_dt import export
    from lava_dt.export.comparison import merge

    begun = time.monotonic()
    network, tested = trained(case, data[0], training, seed), data[1]
    trained_in = time.monotonic() - begun
    size = max(1, _ENTRIES // (tested.channels * case.steps))
    reports: list[Any] = []
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*62.*", UserWarning)  # delays longer than a chip's, on purpose
        file = Path(folder) / "network.net"
        export.write_hdf5(network, file)
        for first in range(0, len(tested), size):
            indices = range(first, min(first + size, len(tested)))
            spikes = take(case, tested, list(indices))
            reports.append(lava_dt.export.verify(network, spikes, file, timeout=timeout))
            tick(indices.stop, len(tested))
    report = merge(reports)
    return {
        **dataclasses.asdict(case),
        "recordings": report.samples,
        "steps": report.steps,
        "entries": report.entries,
        "spikes": report.spikes,
        "differing_spikes": report.differing_spikes,
        "differing_currents": report.differing_currents,
        "differing_voltages": report.differing_voltages,
        "input_differs": report.input_differs,
        "identical": report.identical,
        "layers": [dataclasses.asdict(layer) for layer in report.layers],
        "first": None if report.first is None else str(report.first),
        "seconds": {
            "training": round(trained_in, 1),
            "lava": round(report.seconds, 1),
            "all": round(time.monotonic() - begun, 1),
        },
    }
