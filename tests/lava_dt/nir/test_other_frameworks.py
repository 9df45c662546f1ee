"""Files that snnTorch, Norse and SpikingJelly wrote (make_fixtures.py), against the spikes that these gave."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

nir = pytest.importorskip("nir", reason="the nir extra is not installed")

import numpy as np  # noqa: E402

from lava_dt import Timestep  # noqa: E402
from lava_dt.nir import from_nir  # noqa: E402

FIXTURES = Path(__file__).parent / "fixtures"

# differing entries of 3000 (6000) where weights stay real, and with Loihi's 8 bits: measured, and no more than that
DIFFERING = {
    "snntorch_exact": (0, 0),
    "snntorch_exact_subtract": (0, 2),
    "snntorch_exact_conv": (0, 79),
    "snntorch_exact_recurrent": (0, 0),
    "snntorch_real": (0, 58),
    "norse_exact": (2, 2),
    "norse_real": (4, 106),
    "norse_box": (0, 0),
    "spikingjelly_real": (0, 402),
    # snnTorch's own defaults subtract the threshold a step after the spike (reset_delay=True), which neither NIR nor
    # lava-dl's neurons can say: export networks of reset_delay=False
    "snntorch_default": (432, 435),
}


@pytest.mark.filterwarnings("ignore:in the NIR graph")
@pytest.mark.parametrize("quantise", [False, True], ids=["real", "8 bits"])
@pytest.mark.parametrize("name", DIFFERING)
def test_spikes_agree_with_the_framework_that_wrote_the_file(name, quantise):
    with np.load(FIXTURES / f"{name}.npz") as arrays:
        inputs, spikes = (torch.from_numpy(arrays[key]).float() for key in ("inputs", "spikes"))
    timestep = Timestep(reset="soft" if name.endswith(("subtract", "default")) else "hard")
    options = {"dialect": "norse", "dt": 1e-3} if name.startswith("norse") else {}
    net = from_nir(FIXTURES / f"{name}.nir", timestep, quantise=quantise, **options)
    with torch.no_grad():
        differing = int((net(inputs) != spikes).sum())
    assert spikes.sum() > 200
    assert differing <= DIFFERING[name][quantise]


def test_the_report_says_what_was_read_and_rounded():
    with pytest.warns(UserWarning, match=r"8 bits round 5 of 480 weights to 0"):
        net = from_nir(FIXTURES / "norse_real.nir", dt="1 ms", dialect="norse")
    first = net.report.layers[0]
    assert net.report.step == 1e-3
    assert (first.current_decay, first.voltage_decay) == pytest.approx((0.2, 0.1))
    assert first.decay_errors == pytest.approx((819 / 4096 / 0.2 - 1, 410 / 4096 / 0.1 - 1), rel=1e-3)
    assert 0 < first.weight_error < 1 / 254 + 1e-6
    assert "a fine step is 0.001 s" in str(net.report) and "5 of 480" in str(net.report)


def test_the_step_of_a_file_of_snntorch_is_found():
    net = from_nir(FIXTURES / "snntorch_exact.nir")
    assert net.report.step == 1e-4
    assert "w_in and r are those of steps of 0.0001 s" in net.report.notes[0]
    assert all(layer.factor == 1 and layer.weight_error < 1e-6 for layer in net.report.layers)


def test_a_file_of_another_framework_runs_at_a_coarser_step_and_learns():
    net = from_nir(FIXTURES / "snntorch_exact.nir", Timestep(4, scheme="exponential", gain="integral"))
    spikes = net((torch.rand(2, 24, 40) < 0.2).float())
    assert spikes.shape == (2, 10, 40) and spikes.sum() > 0
    spikes.sum().backward()
    assert net[0].synapse.weight.grad.abs().sum() > 0
