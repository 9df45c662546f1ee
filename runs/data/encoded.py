"""Images that become events when a batch of them is asked for: they take less room than their spikes."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bats_dt.kernels.threads import run_pieces
from runs.data import encoding_kernels as kernels
from runs.data.encodings import Latency, Rate
from runs.data.images import Images
from runs.data.source import Channels, Chunk, channel_type

_ONE = 1 << 53  # certainty, in the units in which draws are compared


@dataclass(frozen=True, eq=False)
class EncodedImages:
    """A `Source` of images under an encoding that is cheap.

    Args:
        data: the images.
        dataset: their name, for people.
        n_classes: number of labels.
        encoding: how they become spikes.
    """

    data: Images
    dataset: str
    n_classes: int
    encoding: Latency | Rate

    @property
    def name(self) -> str:
        if isinstance(self.encoding, Latency):
            return f"{self.dataset}, one spike a pixel in {self.encoding.window:g} s"
        code = self.encoding
        return f"{self.dataset}, Poisson in {code.steps} steps of {code.dt:g} s, peak {code.peak:g}, seed {code.seed}"

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.data.images.shape[2], self.data.images.shape[1], 1)

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        return self.data.labels

    @property
    def tick(self) -> float:
        return self.encoding.window / 255 if isinstance(self.encoding, Latency) else self.encoding.dt

    @property
    def duration(self) -> float:
        code = self.encoding
        return code.window if isinstance(code, Latency) else code.steps * code.dt

    def chunk(self, rows: npt.NDArray[np.int64], epoch: int = 0) -> Chunk:
        pixels, code = self.data.images.reshape(len(self.data), -1), self.encoding
        return _latency(pixels, rows) if isinstance(code, Latency) else _rate(pixels, rows, code, epoch)

    def sums(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32]:
        return np.array([zlib.crc32(self.data.images[row].data) for row in rows], np.uint32)


def _latency(pixels: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64]) -> Chunk:
    counts = np.count_nonzero(pixels[rows], axis=1).astype(np.int64)
    places, ticks, channels = _room(counts, pixels.shape[1])

    def piece(first: int, end: int) -> None:
        kernels.fill_latency(pixels, rows, places, ticks, channels, first, end)

    run_pieces(len(rows), piece, pixels.shape[1] * len(rows))
    return Chunk(ticks, channels, places, places + counts)


def _rate(pixels: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64], code: Rate, epoch: int) -> Chunk:
    levels = np.array([round(code.peak * p / 255 * _ONE) for p in range(256)], np.uint64)
    seed, drawn = np.uint64(code.seed), np.uint64(epoch)
    counts = np.zeros(len(rows), np.int64)
    places, ticks, channels = _room(counts, pixels.shape[1])

    def piece(first: int, end: int, write: bool) -> None:
        kernels.draw_rate(
            pixels, rows, seed, drawn, levels, code.steps, places, ticks, channels, counts, write, first, end
        )

    work = np.count_nonzero(pixels[rows]) * code.steps
    run_pieces(len(rows), lambda first, end: piece(first, end, False), work)
    places, ticks, channels = _room(counts, pixels.shape[1])
    run_pieces(len(rows), lambda first, end: piece(first, end, True), work)
    return Chunk(ticks, channels, places, places + counts)


def _room(
    counts: npt.NDArray[np.int64], n_channels: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], Channels]:
    """Where each sample's events begin, and room for the events of all."""
    n, ends = int(counts.sum()), np.cumsum(counts, dtype=np.int64)
    return ends - counts, np.empty(n, np.int32), np.empty(n, channel_type(n_channels))
