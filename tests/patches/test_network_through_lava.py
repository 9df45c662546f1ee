"""A convolution, a flatten and a dense layer through netx and Lava's runtime on the patched stack."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")
pytest.importorskip("h5py")

# Both neurons forget everything within a step (decays of 4096), so a spike is "the weighted input exceeds the
# threshold" one step later, and the whole run has a closed form. The input is wider than 127 on purpose.
SCRIPT = """
import patches
patches.apply("modern-python")
import h5py, numpy as np
from scipy.signal import correlate2d
from lava.lib.dl.netx import hdf5
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc import io

rng = np.random.default_rng(1)
steps, height, width, channels, outputs = 12, 3, 140, 2, 4
kernel = 2 * rng.integers(-20, 21, size=(channels, 1, 3, 3))
dense = 2 * rng.integers(-20, 21, size=(outputs, channels * (height - 2) * (width - 2)))
with h5py.File("small.net", "w") as file:
    def layer(index, kind, shape, **arrays):
        group = file.create_group(f"layer/{index}")
        group["type"], group["shape"] = np.bytes_(kind), np.array(shape)
        for name, value in arrays.items():
            group[name] = value
        if "weight" in arrays:
            group["neuron/type"] = np.bytes_("CUBA")
            for name, value in {"vThMant": 30, "iDecay": 4096, "vDecay": 4096, "refDelay": 1}.items():
                group[f"neuron/{name}"] = value
    layer(0, "input", (1, height, width))
    layer(1, "conv", (channels, height - 2, width - 2), weight=kernel, stride=1, padding=0, dilation=1, groups=1)
    layer(2, "flatten", (dense.shape[1],))
    layer(3, "dense", (outputs,), weight=dense)

spikes = rng.random((height, width, steps)) < 0.2
def expected():
    out = np.zeros((outputs, steps), dtype=bool)
    for t in range(steps):
        maps = [correlate2d(spikes[..., t].astype(int), k[0], mode="valid") for k in kernel]
        hidden = np.concatenate([m.ravel() for m in maps]) > 30
        if t + 2 < steps:
            out[:, t + 2] = dense @ hidden > 30
    return out

net = hdf5.Network(net_config="small.net")
source = io.source.RingBuffer(data=spikes.transpose(1, 0, 2)[:, :, None, :].astype(int))
sink = io.sink.RingBuffer(shape=net.out.shape, buffer=steps)
source.s_out.connect(net.inp)
net.out.connect(sink.a_in)
net.run(condition=RunSteps(num_steps=steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
measured = sink.data.get().astype(bool)
net.stop()
assert expected().sum() > 5, expected()
assert (measured == expected()).all(), (measured.astype(int), expected().astype(int))
print("the same", int(measured.sum()))
"""


def test_a_convolutional_network_runs_and_spikes_as_computed_by_hand(run_python: Callable[[str], str]) -> None:
    assert "the same" in run_python(SCRIPT)
