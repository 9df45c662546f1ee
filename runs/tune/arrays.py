"""Labelled spikes of a user's own, in a ``.npz`` file."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from runs.config import ConfigError
from runs.data.selection import selected
from runs.tune.network import Tunable


@dataclass(frozen=True, eq=False, kw_only=True)
class ArraySamples:
    """Spikes in an array, as `runs.tune.data.Labelled`.

    Args:
        name: of the file.
        spikes: (n, *shape, steps), counts of 0 or more.
        labels: int64, (n,).
        step: [s].
    """

    name: str
    spikes: npt.NDArray[Any]
    labels: npt.NDArray[np.int64]
    step: float

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.spikes.shape[1:-1])

    @property
    def steps(self) -> int:
        return int(self.spikes.shape[-1])

    @property
    def seconds(self) -> float:
        return self.steps * self.step

    @property
    def checksum(self) -> str:
        said = f"{self.spikes.shape} {self.spikes.dtype} {self.step!r}"
        crc = zlib.crc32(np.ascontiguousarray(self.spikes).data, zlib.crc32(said.encode()))
        return f"{zlib.crc32(self.labels.astype('<i8').data, crc):08x}"

    def take(self, indices: Any) -> ArraySamples:
        rows = selected(indices, len(self))
        return replace(self, spikes=self.spikes[rows], labels=self.labels[rows])

    def batch(self, indices: Any, dt: int = 1, sparse: bool = False) -> Any:
        import torch

        from lava_dt.time_axis import rebin

        spikes = rebin(torch.from_numpy(self.spikes[selected(indices, len(self))].astype(np.float32)), dt)
        return spikes.to_sparse() if sparse else spikes


def read_arrays(path: Path, tunable: Tunable) -> ArraySamples:
    """The samples of a ``.npz`` file with ``spikes`` (n, *shape, steps) and ``labels`` (n,).

    Raises:
        ConfigError: no such file, a damaged one, or arrays that the network does not take.
    """
    if not path.is_file():
        raise ConfigError(f"there is no {path}: pass a folder of data, or a .npz file with spikes and labels")
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in ("spikes", "labels") if name not in file.files]
            if missing:
                there = ", ".join(file.files) or "nothing"
                raise ConfigError(
                    f"{path} has no array {missing[0]!r} (it has {there}): save spikes (n, *shape, steps) and labels "
                    "(n,) by numpy.savez_compressed"
                )
            spikes, labels = file["spikes"], file["labels"]
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error) as error:
        raise ConfigError(f"{path} is no .npz file, or a damaged one ({error}): save it again") from None
    except ValueError as error:
        raise ConfigError(f"{path} cannot be read without unpickling ({error}): save numbers, no objects") from None
    _check_arrays(path, spikes, labels, tunable)
    return ArraySamples(name=path.name, spikes=spikes, labels=labels.astype(np.int64), step=tunable.fine_step)


def _check_arrays(path: Path, spikes: Any, labels: Any, tunable: Tunable) -> None:
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or len(labels) != len(spikes) or len(labels) < 2:
        raise ConfigError(
            f"{path} has labels of {labels.dtype} and shape {labels.shape} for {len(spikes)} samples: save one whole "
            "number a sample, of 2 samples or more"
        )
    if spikes.ndim not in (3, 5) or 0 in spikes.shape or spikes.dtype.kind not in "biuf":
        raise ConfigError(
            f"{path} has spikes of {spikes.dtype} and shape {spikes.shape}: save numbers (n, neurons, steps) or "
            "(n, channel, height, width, steps)"
        )
    shape = spikes.shape[1:-1]
    if tunable.shape is not None and tuple(tunable.shape) != shape:
        raise ConfigError(f"{path} has samples of shape {shape}, but {tunable.name} takes {tuple(tunable.shape)}")
    if spikes.dtype.kind == "f" and not (np.isfinite(spikes).all() and (spikes == np.rint(spikes)).all()):
        raise ConfigError(f"{path} has spikes that are no whole numbers: save how many came in each fine step")
    if spikes.dtype.kind != "b" and spikes.min() < 0:
        raise ConfigError(f"{path} has {spikes.min():g} spikes in a step: save counts of 0 or more")


def halves(samples: ArraySamples, seed: int) -> tuple[ArraySamples, ArraySamples]:
    """Two halves that share no sample, drawn by the seed: one in that order, one in the file's."""
    order = np.random.default_rng([seed, 1]).permutation(len(samples))
    middle = len(samples) // 2
    return samples.take(order[:middle]), samples.take(np.sort(order[middle:]))
