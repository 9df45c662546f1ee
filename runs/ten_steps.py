"""Ten steps of a small network through Lava, in a process of their own so that a hang can be ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

_INPUT = (1, 0, 0, 1, 0, 0, 1, 1, 0, 0)


def run_ten_steps() -> list[int]:
    """Output spikes of one LIF neuron that fires on every input spike, a step later, in Lava's model of Loihi."""
    from runs.quiet import quiet_imports

    with quiet_imports():
        import patches

        patches.apply("modern-python")
        import numpy as np
        from lava.magma.core.run_conditions import RunSteps
        from lava.magma.core.run_configs import Loihi2SimCfg
        from lava.proc.dense.process import Dense
        from lava.proc.io.sink import RingBuffer as Sink
        from lava.proc.io.source import RingBuffer as Source
        from lava.proc.lif.process import LIF

    source = Source(data=np.array([_INPUT], dtype=np.int32))
    dense = Dense(weights=np.array([[100]]))
    neuron = LIF(shape=(1,), vth=50, du=4095, dv=4095)
    sink = Sink(shape=(1,), buffer=len(_INPUT))
    source.s_out.connect(dense.s_in)
    dense.a_out.connect(neuron.a_in)
    neuron.s_out.connect(sink.a_in)
    try:
        neuron.run(condition=RunSteps(num_steps=len(_INPUT)), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
        return [int(spike) for spike in sink.data.get().ravel()]
    finally:
        neuron.stop()


def expected_spikes() -> list[int]:
    """What `run_ten_steps` must give: the input, one step later (the hop through the synapses)."""
    return [0, *_INPUT[:-1]]


def check_ten_steps(timeout: float) -> tuple[bool, str]:
    """Whether Lava runs ten steps rightly within `timeout` seconds, and what happened in one sentence."""
    code = "from runs.ten_steps import run_ten_steps; print('spikes', *run_ten_steps())"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        _end(process)
        return False, f"did not finish within {timeout:g} s: Lava's runtime hangs on this machine"
    except BaseException:
        _end(process)
        raise
    line = next((line for line in reversed(out.splitlines()) if line.startswith("spikes ")), None)
    if line is None:
        reason = next((text.strip() for text in reversed(err.splitlines()) if text.strip()), "it said nothing")
        return False, f"failed: {reason}"
    spikes = [int(word) for word in line.split()[1:]]
    if spikes != expected_spikes():
        return False, f"ran, but its neuron fired {spikes} where {expected_spikes()} is right"
    return True, f"ran, and its neuron fired {sum(spikes)} spikes, each at the right step"


def _end(process: subprocess.Popen[str]) -> None:
    """Ends the process and those it started: Lava runs every process model in one of its own."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
