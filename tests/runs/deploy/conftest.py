"""Small networks that spike, in files as `lava-dt export` writes them."""

import numpy as np
import pytest

from runs.deploy.encoding import Encoding, write_encoding

STEPS = 24


@pytest.fixture(scope="session")
def dense():
    """2312-6-10 on the shipped recordings' first 24 ms, spiking; its file for a timestep."""
    lava_dt = pytest.importorskip("lava_dt", reason="Lava needs torch, lava-nc and lava-dl")
    import torch

    def make(folder, **timestep):
        torch.manual_seed(3)
        step = lava_dt.Timestep(**timestep, scheme="exponential")
        neuron = {"threshold": 1.25, "current_decay": 0.25, "voltage_decay": 0.03, "timestep": step}
        net = torch.nn.Sequential(lava_dt.cuba.Dense(neuron, 2312, 6), lava_dt.cuba.Dense(neuron, 6, 10))
        net[0].synapse.weight.data = torch.randn(6, 2312, 1, 1, 1) * 0.3 + 0.2
        net[1].synapse.weight.data = torch.randn(10, 6, 1, 1, 1)
        net.eval()(torch.zeros(1, 2312, 2))
        path = folder / "dense.net"
        lava_dt.export.write_hdf5(net, path, fine_step=1e-3)
        write_encoding(path, Encoding(input="events", steps=STEPS))
        return net, path

    return make


@pytest.fixture
def trained_spikes():
    """Spikes of every block of a network: (batch, neurons, steps) each."""
    import torch

    def run(net, spikes):
        found, spikes = [], torch.from_numpy(np.asarray(spikes, np.float32))
        with torch.no_grad():
            for block in net:
                spikes = block(spikes)
                found.append(spikes.flatten(1, -2).numpy())
        return found

    return run
