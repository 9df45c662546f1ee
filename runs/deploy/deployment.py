"""A Lava network between Lava's own SpikeDataloader and tallies of its layers, run sample by sample.

Lava's I/O, measured on a 2312-256-10 network at 300 steps a sample (some 0.4 s): the SpikeDataloader costs no more than
a source.RingBuffer, which has to hold all samples at once, when a sample's steps lie one after the other in memory, and
a quarter more when they do not. Reading a sink.RingBuffer of ten neurons takes 45 ms a sample, one element at a time;
ten counts take 1 ms. An Extractor passes every step through a queue, and has no model for Loihi's fixed point.
"""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from lava.proc.io.dataloader import SpikeDataloader

from lava_dt.export.alignment import compared
from lava_dt.export.description import Description
from lava_dt.export.lava_network import to_lava
from lava_dt.export.processes.network import Network
from runs.config import ConfigError
from runs.deploy.encoding import Encoding
from runs.deploy.fan_out import fan_outs
from runs.deploy.processes import SLOTS, Tally
from runs.deploy.samples import Samples
from runs.deploy.scores import Outcome
from runs.deploy.session import Session

_TIMEOUT = 1800.0  # seconds for one sample


class Following:
    """The samples as the SpikeDataloader asks for them: it loads at the end of one sample what comes next.

    Item i is sample i + 1, (*shape, period) int32 with the steps in separate blocks of memory, and its label.
    """

    def __init__(self, samples: Samples, network: Network, image: tuple[int, int, int], period: int) -> None:
        self._samples, self._encode, self._period = samples, network.encode, period
        self._shape = (1, *image) if len(network.inp.shape) == 3 else (1, -1)

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, i: int) -> tuple[npt.NDArray[np.int32], int]:
        i = (i + 1) % len(self)
        return self.values(i), int(self._samples.labels[i])

    def values(self, i: int) -> npt.NDArray[np.int32]:
        """What Lava is sent for sample i."""
        spikes = self._samples.spikes(i)
        steps = self._encode(spikes.reshape(*self._shape, spikes.shape[-1]))[0]
        padded = np.zeros((self._period, *steps.shape[1:]), np.int32)
        padded[: len(steps)] = steps
        return np.moveaxis(padded, 0, -1)


class Deployment:
    """A context in which samples run through Lava one after the other, each from silence.

    Args:
        source: a file or network, as `to_lava` takes it.
        description: of it.
        samples: on the time axis of `clock`.
        image: (channel, height, width) of the samples.
        encoding: how the output neurons' spikes name a class.
        clock: ``held`` or ``coarse``, None: as trained.

    Attributes:
        names, neurons: of the input and every layer of neurons, in order.
        period: steps from sample to sample.
        network: in Lava.

    Raises:
        ConfigError: a network whose last layer does not spike.
        ValueError: a network or samples that Lava cannot run.
    """

    def __init__(
        self,
        source: Path | Any,
        description: Description,
        samples: Samples,
        image: tuple[int, int, int],
        *,
        encoding: Encoding,
        clock: Any = None,
    ) -> None:
        trained = description.timestep
        held = trained.dt > 1 and (clock or trained.clock) == "held"
        run = description.on_fine_clock() if held else description
        layers = compared(run)
        last = layers[-1].layer
        if last.kind == "affine":
            raise ConfigError(f"{last.name} sends no spikes to count: its voltage is to be read; run it from Python")
        latencies = [int(entry.latency.max()) for entry in layers]
        self.period = samples.steps + max(0, *latencies)
        graded = any(samples.spikes(i).max(initial=0) > 1 for i in range(len(samples)))
        self.network = to_lava(
            source,
            clock=clock,
            input_message_bits=8 if graded else 0,
            sample=(samples.steps, self.period),
            input_shape=image[::-1],
        )
        self._samples, self._encoding = samples, encoding
        self._feed = Following(samples, self.network, image, self.period)
        self._fan_out = fan_outs(run, image)
        told = layers[:-1] if last.kind == "average" else layers  # whose sums are no spikes
        self.names = ["input", *(entry.layer.name for entry in told)]
        self.neurons = [fan_out.size for fan_out in self._fan_out[: len(self.names)]]
        self._loader = SpikeDataloader(dataset=self._feed, interval=self.period, offset=self.period - 1)
        self._loader.data.init = self._feed.values(0)
        self._loader.s_out.connect(self.network.inp)
        windows = [(1 + late, samples.steps - e.layer.hop + late) for e, late in zip(layers, latencies, strict=True)]
        self._tallies = self._count(windows)
        self._session = Session(self.network)

    def _count(self, windows: list[tuple[int, int]]) -> list[Tally]:
        """A tally a layer, which share the variables to set to zero; more of them where those are many."""
        states, blocks = self.network.states, self.network.layers
        count = max(len(blocks), -(-len(states) // SLOTS))
        tallies = []
        for i in range(count):
            erased = states[i::count]
            counts = i < len(blocks)
            tally = Tally(
                shape=blocks[i].out.shape if counts else (1,),
                fan_out=_in_lava(self._fan_out[i + 1], blocks[i].out.shape) if counts else np.zeros(1, np.int64),
                window=windows[i] if counts else (1, 0),
                period=self.period,
                by_neuron=i == len(blocks) - 1,
                erased=[var.shape for var in erased],
            )
            if counts:
                blocks[i].out.connect(tally.s_in)
            for port, var in zip(tally.erasers(), erased, strict=True):
                port.connect_var(var)
            tallies.append(tally)
        return tallies

    def __enter__(self) -> Deployment:
        self._session.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.__exit__(kind, error, trace)

    def start(self) -> None:
        """Compiles, and starts Lava's processes."""
        self._session.start()

    def run(self, i: int) -> tuple[Outcome, float]:
        """Sample i, which must be the next; and the seconds that Lava ran.

        Raises:
            RuntimeError, TimeoutError: Lava failed.
        """
        sent = np.count_nonzero(self._feed.values(i), axis=-1)
        began = time.perf_counter()
        self._session.run(self.period, _TIMEOUT)
        seconds = time.perf_counter() - began
        totals = [tally.totals.get().astype(np.int64) for tally in self._tallies[: len(self.names) - 1]]
        operations = int(np.dot(_in_lava(self._fan_out[0], sent.shape), sent.ravel()))
        outcome = Outcome(
            label=int(self._samples.labels[i]),
            predicted=self._decide(self._tallies[len(self.network.layers) - 1]),
            spikes=(int(sent.sum()), *(int(total[0]) for total in totals)),
            operations=(operations, *(int(total[1]) for total in totals)),
        )
        return outcome, seconds

    def _decide(self, output: Tally) -> int:
        """The class with most spikes or the first one; of several the lowest, as in training."""
        if self._encoding.decision == "count":
            counts = output.counts.get()
            return int(np.argmax(counts if self._encoding.limit is None else counts.clip(max=self._encoding.limit)))
        first = output.first.get()
        return int(np.argmin(np.where(first > 0, first, np.inf)))


def _in_lava(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """One value a neuron, from lava-dl's order to Lava's, which is (width, height, channel) of an image."""
    return values.reshape(shape[::-1]).transpose().ravel() if len(shape) == 3 else values
