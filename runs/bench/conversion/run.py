"""`lava-dt bench conversion`: a network trained by lava-dl at dt = 1, converted to coarser steps, and tested."""

from __future__ import annotations

import dataclasses
import hashlib
import shlex
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from runs.bench.conversion.cells import Cell, CellStore, cells
from runs.bench.conversion.finetuning import Finetuning
from runs.bench.conversion.table import sheet, write_table
from runs.bench.machine import describe_machine, set_threads, torch_gpu
from runs.bench.options import ConversionBench
from runs.config import ConfigError, SlayerConfig
from runs.console import Console
from runs.data import Recordings, load_nmnist
from runs.directory import Row


def run_conversion(options: ConversionBench) -> int:
    """Computes what is missing of the table and writes it; 1 where lava_dt at dt = 1 does not spike as lava-dl."""
    path = options.out or Path("results") / f"bench-conversion-seed{options.seed}"
    base = _config(options)
    train = _first(load_nmnist(options.data, "train"), options.train_samples)
    test = _first(load_nmnist(options.data, "test"), options.test_samples)
    store = CellStore(path, _identity(options, base, train, test))
    recipe = Finetuning(options.finetune_learning_rate, options.finetune_largest_rate)
    late = set_threads(options.threads)
    asked = cells(options)
    missing = [cell for cell in asked if store.load(cell) is None]
    with Console() as console:
        for sentence in late:
            console.warn(sentence)
        console.line(
            f"{len(train)} + {len(test)} recordings; {len(missing)} of {len(asked)} cells to compute, in {path}"
        )
        if missing:
            file = _network_file(options, base, train, path, console)
            _fill(missing, store, file, base, recipe, (train, test), console)
        rows = {cell: row for cell in asked if (row := store.load(cell)) is not None}
        command = shlex.join(["lava-dt", *sys.argv[1:]])
        machine = describe_machine(options.threads, torch_gpu())
        about = {"command": command, "machine": machine, "n_test": len(test)}
        write_table(path, rows, {**about, "finetuning": recipe.text()})
        console.show(sheet(rows, len(test)).rich())
        console.line(f"wrote {path / 'conversion.md'} and conversion.json")
        return 1 if rows[Cell(1)]["differing_spikes"] else 0


def _config(options: ConversionBench) -> SlayerConfig:
    """The settings of training, those of `lava-dt train slayer` but for what was typed."""
    typed = options.model_dump(include={"data", "epochs", "seed", "hidden", "clock"})
    return SlayerConfig.model_validate({**typed, "dt": 1})


def _identity(options: ConversionBench, base: SlayerConfig, train: Recordings, test: Recordings) -> Row:
    crc = 0
    for recordings in (train, test):
        for array in (recordings.t, recordings.x, recordings.y, recordings.polarity, recordings.labels):
            crc = zlib.crc32(np.ascontiguousarray(array).tobytes(), crc)
    weights = None
    if options.network is not None:
        try:
            weights = hashlib.sha256(options.network.read_bytes()).hexdigest()
        except OSError as error:
            raise ConfigError(f"--network {options.network} cannot be read: {error.strerror}") from None
    training = base.model_dump(mode="json", exclude={"data", "epochs"} if weights else {"data"})
    data = f"{len(train)} + {len(test)} recordings, crc32 {crc:08x}"
    tuning = options.model_dump(include={"finetune_learning_rate", "finetune_largest_rate"})
    return {"format": 1, "data": data, "network": weights, **training, **tuning}


def _network_file(
    options: ConversionBench, base: SlayerConfig, train: Recordings, path: Path, console: Console
) -> Path:
    if options.network is not None:
        return options.network
    from runs.bench.conversion.upstream import train_upstream

    if not (path / "network.pt").exists():
        train_upstream(base, train, path, console)
    return path / "network.pt"


def _fill(
    missing: Sequence[Cell],
    store: CellStore,
    file: Path,
    base: SlayerConfig,
    recipe: Finetuning,
    data: tuple[Recordings, Recordings],
    console: Console,
) -> None:
    for number, cell in enumerate(missing, 1):
        row = convert(cell, file, base, recipe, data, console)
        store.save(cell, row)
        console.line(f"{number}/{len(missing)}  {cell.name}: test {row['test_accuracy']:.1%}")


def convert(
    cell: Cell,
    file: Path,
    base: SlayerConfig,
    recipe: Finetuning,
    data: tuple[Recordings, Recordings],
    console: Console,
) -> Row:
    """The cell's metrics on the test set.

    Loads the state_dict into lava-dl's network, converts it in place by `lava_dt.discretize`, trains it for the cell's
    epochs by the recipe and tests it. The baseline, untuned, is lava-dl itself, and tells in
    ``differing_spikes`` how it differs from the same network under ``Timestep()``. ``saturated`` tells whether the
    scheme took a decay beyond 1, where it was held.
    """
    import torch

    from runs.bench.conversion.upstream import differing_spikes, lava_dt, load_network, score, train_epoch

    train, test = data
    network = load_network(base, test.channels, file)
    config = recipe.at(cell, base)
    if cell.dt == 1 and not cell.finetune:
        twin = lava_dt.discretize(load_network(base, test.channels, file), lava_dt.Timestep())
        return {**score(network, test, config), "differing_spikes": differing_spikes(network, twin, test, config)}
    saturated = False
    if cell.dt > 1:
        step = lava_dt.Timestep(cell.dt, clock=config.clock, scheme=cell.scheme, gain=cell.gain)
        saturated = _largest_decay(network) > step.largest_decay * (1 + 1e-6)
        lava_dt.discretize(network, dataclasses.replace(step, saturate=True))
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    for epoch in range(base.epochs + 1, base.epochs + cell.finetune + 1):
        train_epoch(network, optimizer, train, config, epoch, console)
    return {**score(network, test, config), "saturated": saturated}


def _largest_decay(network: Any) -> float:
    """The largest decay a fine step among the network's neurons, 0 to 1."""
    neurons = [block.neuron for block in network.blocks]
    return max(
        float(getattr(neuron, name).max()) / neuron.p_scale
        for neuron in neurons
        for name in ("current_decay", "voltage_decay")
    )


def _first(recordings: Recordings, n: int | None) -> Recordings:
    return recordings if n is None or n >= len(recordings) else recordings.take(slice(n))
