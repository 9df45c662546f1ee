"""Runs a Lava network on samples and records every layer, without Lava's element-by-element transfers."""

from __future__ import annotations

import contextlib
import io
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.magma.runtime.mgmt_token_enums import MGMT_RESPONSE, enum_equal

from lava_dt.export.processes import Network
from lava_dt.export.recording import Recorder, Source

_POLL = 0.005  # seconds
_GRACE = 5.0  # seconds from an error's arrival to its message's


@dataclass(frozen=True)
class Trace:
    """What a layer did: arrays (samples, neuron..., steps), spikes bool, current and voltage integers."""

    spikes: np.ndarray
    current: np.ndarray
    voltage: np.ndarray


def simulate(network: Network, values: np.ndarray, period: int, timeout: float) -> list[Trace]:
    """Runs samples one after the other, each from silence, in one go.

    Args:
        network: fresh: a Lava network runs once.
        values: (samples, steps, *inp.shape), as `Network.encode` returns them.
        period: steps to run for each sample, >= steps; after its values a sample gets zeros.
        timeout: seconds for the whole.

    Returns:
        A trace a layer with neurons; the voltage is after its reset. At the end of each sample currents, voltages and
        the synapses' buffers are set to zero, which leaves nothing of it.

    Raises:
        ValueError: the network has run before, or has a layer whose buffer cannot be reached and more than one sample.
        RuntimeError: one of Lava's processes failed.
        TimeoutError: Lava did not finish in time.
    """
    if network.runtime is not None:
        raise ValueError("this Lava network has run already: build a fresh one with to_lava, or pass its file")
    with tempfile.TemporaryDirectory(prefix="lava_dt_") as folder:
        path = Path(folder) / "input.npy"
        np.save(path, values.astype(np.uint8) if values.min(initial=0) >= 0 and values.max(initial=0) < 256 else values)
        source = Source(path=str(path), shape=network.inp.shape, period=period)
        source.s_out.connect(network.inp)
        recorders = [_record(layer, f"{i}_", folder, len(values), period) for i, layer in enumerate(network.layers)]
        run(network, len(values) * period, timeout)
        del recorders
        return [_read(Path(folder), f"{i}_") for i in range(len(network.layers))]


def _record(layer: Any, prefix: str, folder: str, samples: int, period: int) -> Recorder:
    neuron, synapse = layer.neuron, getattr(layer, "synapse", None)
    buffer = getattr(synapse, "a_buff", getattr(synapse, "a_buf", None))  # of dense synapses, of convolutions
    if synapse is not None and buffer is None and samples > 1:
        raise ValueError(
            f"a {type(synapse).__name__} layer keeps what is under way to itself, so that samples cannot follow each "
            "other from silence: run them one by one, each in a fresh network"
        )
    recorder = Recorder(
        folder=folder,
        prefix=prefix,
        shape=neuron.s_out.shape,
        buffer_shape=None if buffer is None else buffer.shape,
        samples=samples,
        period=period,
    )
    neuron.s_out.connect(recorder.s_in)
    recorder.current.connect_var(neuron.u)
    recorder.voltage.connect_var(neuron.v)
    if buffer is not None:
        recorder.buffer.connect_var(buffer)
    return recorder


def _read(folder: Path, prefix: str) -> Trace:
    arrays = [np.load(folder / f"{prefix}{name}.npy") for name in ("spikes", "current", "voltage")]
    # (samples, steps, width, height, channel) -> (samples, channel, height, width, steps)
    return Trace(*(array.transpose(0, *range(array.ndim - 1, 1, -1), 1) for array in arrays))


def run(process: Any, steps: int, timeout: float) -> None:
    """Runs a Lava process and stops it, whatever happens.

    Lava waits for ever when one of its processes fails; here the others are ended and the failure is raised.

    Raises:
        RuntimeError: one of Lava's processes failed; the message is its exception's.
        TimeoutError: it took longer than ``timeout`` seconds.
    """
    quiet = io.StringIO()
    try:
        with contextlib.redirect_stdout(quiet):
            with _interrupts_held_back():
                condition = RunSteps(num_steps=steps, blocking=False)
                process.run(condition=condition, run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
            _wait(process.runtime, timeout)
            process.wait()
            process.stop()
    except BaseException:
        _end(process.runtime)
        raise


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Processes started inside never see Ctrl-C, which is for this one: it gets it afterwards, and ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _wait(runtime: Any, timeout: float) -> None:
    """Until Lava answers that it is done. Raises as `run`."""
    answers, actors = runtime.service_to_runtime, runtime._messaging_infrastructure.actors
    until = time.monotonic() + timeout
    while True:
        any_dead = not all(actor.is_alive() for actor in actors)  # before asking why
        failures = [actor.exception for actor in actors if actor.exception]
        if failures:
            raise RuntimeError(f"a process of the Lava network failed: {failures[0][0]!r}")
        if any_dead:
            raise RuntimeError("a process of the Lava network ended early: it was killed, perhaps for want of memory")
        if all(answer.probe() for answer in answers):
            if all(enum_equal(answer.peek(), MGMT_RESPONSE.DONE) for answer in answers):
                return
            until = min(until, time.monotonic() + _GRACE)
        if time.monotonic() > until:
            raise TimeoutError(
                f"the Lava network was not done after {timeout:g} s: pass a larger timeout, or fewer samples"
            )
        time.sleep(_POLL)


def _end(runtime: Any) -> None:
    """Ends what is left of a failed run: the child processes that Lava started for it, and its shared memory."""
    infrastructure = getattr(runtime, "_messaging_infrastructure", None)
    if infrastructure is None:
        return
    for actor in infrastructure.actors:
        with contextlib.suppress(ValueError):  # closed already
            actor.terminate()
    for actor in infrastructure.actors:
        actor.join()
    runtime._is_started = False  # or it would try to stop itself again
    with contextlib.suppress(Exception):
        infrastructure.smm.shutdown()
    runtime._watchdog_manager.stop()
