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

from lava_dt.export.recording import Recorder, Source
from lava_dt.export.recording.process import SLOTS
from lava_dt.export.tracing import Trace

_POLL = 0.005  # seconds
_GRACE = 5.0  # seconds from an error's arrival to its message's
_PORTS = {
    "spikes": "s_in",
    "output": "s_in",
    "received": "received",
    "sent": "delayed",
    "current": "first",
    "voltage": "second",
}


@dataclass(frozen=True)
class Recording:
    """What a Lava network did, in files, so that it need not fit into memory."""

    folder: Path

    def received(self, samples: slice) -> np.ndarray:
        """What the first layer received, (samples, steps, *shape in Lava)."""
        return np.array(self._file("0_received")[samples])

    def trace(self, layer: int, samples: slice) -> Trace:
        """What a layer did, (samples, neuron..., steps); the voltage is after its reset."""
        found = {}
        for name in ("spikes", "current", "voltage", "output", "sent"):
            if (self.folder / f"{layer}_{name}.npy").exists():
                array = self._file(f"{layer}_{name}")[samples]
                found[name] = np.ascontiguousarray(in_training_order(array))
        return Trace(**found)

    def _file(self, name: str) -> np.ndarray:
        return np.load(self.folder / f"{name}.npy", mmap_mode="r")  # type: ignore[no-any-return]


def in_training_order(array: np.ndarray) -> np.ndarray:
    """(samples, steps, width, height, channel) of Lava -> (samples, channel, height, width, steps) of lava-dl."""
    return array.transpose(0, *range(array.ndim - 1, 1, -1), 1)


@contextlib.contextmanager
def simulated(network: Any, values: np.ndarray, period: int, timeout: float) -> Iterator[Recording]:
    """Runs samples one after the other, each from silence, in one go.

    Args:
        network: fresh: a Lava network runs once.
        values: (samples, steps, *inp.shape), as `Network.encode` returns them.
        period: steps to run for each sample, >= steps; after its values a sample gets zeros.
        timeout: seconds for the whole.

    Yields:
        What was recorded, as long as the context lasts. At the end of each sample all state was set to zero.

    Raises:
        ValueError: the network has run before, or has a layer whose state cannot be reached and more than one sample.
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
        recorders = _record(network, source, folder, len(values), period)
        run(network, len(values) * period, timeout)
        del recorders
        yield Recording(Path(folder))


def simulate(network: Any, values: np.ndarray, period: int, timeout: float) -> list[Trace]:
    """`simulated`, with what every layer did in memory."""
    with simulated(network, values, period, timeout) as recording:
        return [recording.trace(layer, slice(None)) for layer in range(len(network.layers))]


def _record(network: Any, source: Source, folder: str, samples: int, period: int) -> list[Recorder]:
    """A recorder a layer, which sets to zero what it has read; the rest they share, with more of them if it is much."""
    quantities = [_quantities(layer) for layer in network.layers]
    rebin = getattr(network, "rebin", None)
    quantities[0]["received"] = source.s_out if rebin is None else rebin.s_out, "int32"
    if "spikes" in quantities[-1]:
        quantities[-1]["sent"] = network.layers[-1].out, "bool"
    read = [end for found in quantities for end, _ in found.values()]
    rest = [var for var in states_of(network) if not any(var is end for end in read)] if samples > 1 else []
    count = max(len(quantities), -(-len(rest) // SLOTS))
    recorders = []
    for i in range(count):
        recorded = quantities[i] if i < len(quantities) else {}
        erased = rest[i::count]
        recorder = Recorder(
            folder=folder,
            prefix=f"{i}_",
            recorded={name: (_PORTS[name], _whole(end.shape), kind) for name, (end, kind) in recorded.items()},
            erased=[_whole(var.shape) for var in erased],
            samples=samples,
            period=period,
        )
        for name, (end, _) in recorded.items():
            port = getattr(recorder, _PORTS[name])
            if name in ("current", "voltage"):
                port.connect_var(end)
            else:
                end.connect(port)
        for port, var in zip(recorder.erasers(len(erased)), erased, strict=True):
            port.connect_var(var)
        recorders.append(recorder)
    return recorders


def _whole(shape: Any) -> tuple[int, ...]:
    """netx's shapes have NumPy's integers, which NumPy cannot read back from a file's header."""
    return tuple(int(n) for n in shape)


def _quantities(layer: Any) -> dict[str, tuple[Any, str]]:
    """What a Lava layer has to be recorded: a port or variable, and the type to keep it in."""
    neuron = getattr(layer, "neuron", None)
    if neuron is None:
        return {"output": (layer.out, "int32")}
    return {"spikes": (neuron.s_out, "bool"), "current": (neuron.u, "int32"), "voltage": (neuron.v, "int32")}


def states_of(network: Any) -> list[Any]:
    """All Vars that keep something from step to step.

    Raises:
        ValueError: a layer of netx's keeps it to itself.
    """
    states = getattr(network, "states", None)
    if states is not None:
        return list(states)
    found = []
    for layer in network.layers:
        found += [layer.neuron.u, layer.neuron.v]
        for synapse in (getattr(layer, name, None) for name in ("synapse", "synapse_rec")):
            buffer = getattr(synapse, "a_buff", getattr(synapse, "a_buf", None))  # of dense synapses, of convolutions
            if synapse is not None and buffer is None:
                raise ValueError(
                    f"a {type(synapse).__name__} layer keeps what is under way to itself, so that samples cannot "
                    "follow each other from silence: run them one by one, each in a fresh network"
                )
            found += [] if buffer is None else [buffer]
    return found


def run(process: Any, steps: int, timeout: float, tag: str = "fixed_pt") -> None:
    """Runs a Lava process and stops it, whatever happens.

    Lava waits for ever when one of its processes fails; here the others are ended and the failure is raised.

    Args:
        process: the one, with whatever is connected to it.
        steps: of Lava.
        timeout: seconds.
        tag: of the process models, ``fixed_pt`` or ``floating_pt``.

    Raises:
        RuntimeError: one of Lava's processes failed; the message is its exception's.
        TimeoutError: it took longer than ``timeout`` seconds.
    """
    quiet = io.StringIO()
    try:
        with contextlib.redirect_stdout(quiet):
            with interrupts_held_back():
                condition = RunSteps(num_steps=steps, blocking=False)
                process.run(condition=condition, run_cfg=Loihi2SimCfg(select_tag=tag))
            _wait(process.runtime, timeout)
            process.wait()
            process.stop()
    except BaseException:
        end(process.runtime)
        raise


@contextlib.contextmanager
def interrupts_held_back() -> Iterator[None]:
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


def end(runtime: Any) -> None:
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
