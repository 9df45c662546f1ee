"""What a clocked layer needs grows with the number of steps, not with its square as in the thesis (EQUATIONS B.4)."""

import subprocess
import sys

import pytest

# Peaks [MiB] of a process that trains 64-256-10 on ever more steps, all inputs firing in a quarter of them
SCRIPT = """
import resource
import numpy as np
from bats_dt import Network, set_backend
from bats_dt.layers import ClockedLIFLayer, InputLayer

set_backend("cpu")
rng, network, dt = np.random.default_rng(0), Network(), 0.01
network.add_layer(InputLayer(64), input=True)
for n_post, n_pre in ((256, 64), (10, 256)):
    layer = ClockedLIFLayer(
        network.layers[-1], n_neurons=n_post, dt=dt, tau_s=0.6, tau_mem=0.8, theta=1.5, resistance=1.2, v_reset=1.0,
        weight_initializer=lambda *shape: rng.normal(0, (2 / shape[1]) ** 0.5, shape),
    )
    network.add_layer(layer)
for steps in (50, 400, 800, 1600):
    times = np.sort(rng.permuted(np.tile(np.arange(steps), (4, 64, 1)), axis=2)[:, :, : steps // 4], axis=2) * dt
    network.reset()
    network.forward(times, np.full(times.shape[:2], steps // 4), steps * dt)
    network.backward(np.ones(network.output_spike_trains[0].shape, np.float32))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak is in other units")
def test_memory_grows_linearly_with_the_steps():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    _, first, second, third = map(float, done.stdout.split())
    assert third - second < 3 * max(second - first, 10.0)  # twice as much for twice as many more; four times if squared
    assert third - first < 200  # a float for every pair of steps, of one sample and layer only, would be 2500
