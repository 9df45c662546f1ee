"""A timestep explains what it makes of parameters, and what it would refuse."""

import math

import pytest
import torch
from lava.lib.dl import slayer

from lava_dt import Explanation, Timestep
from lava_dt.block import cuba
from lava_dt.neuron import Neuron

TABLE = """\
dt = 8 fine steps of 1 ms = 8 ms, held clock, exponential, hard reset, integral gain
                 tau      decay     at dt   register  stands for   error     keeps
current_decay   4 ms   0.221199  0.864665  3542/4096    3.999 ms  -0.03%  0.135335  stable
voltage_decay  33 ms  0.0298485  0.215277   882/4096    32.99 ms  -0.03%  0.784723  stable
threshold 1.25, gain 3.52411: 22.7008 of the weights' integers, rounded to 23 (+1.32%)"""


def test_an_explanation_is_an_aligned_table():
    step = Timestep(8, scheme="exponential", gain="integral")
    explanation = step.explain(tau_syn="4 ms", tau_mem="33 ms", step="1 ms", threshold=1.25)
    assert isinstance(explanation, Explanation) and str(explanation) == TABLE


@pytest.mark.parametrize("scheme", ["forward_euler", "exponential", "backward_euler", "bilinear"])
@pytest.mark.parametrize("gain", ["charge", "integral"])
def test_what_is_explained_is_what_the_neuron_has(parameters, scheme, gain):
    step = Timestep(3, scheme=scheme, gain=gain)
    neuron = Neuron(**parameters, timestep=step)
    given = step.explain(current_decay=0.25, voltage_decay=0.03, threshold=1.25)
    assert [row.register for row in given.decays] == [neuron.cx_current_decay, neuron.cx_voltage_decay]
    assert given.threshold.mantissa == neuron.v_th_mant
    assert given.threshold.gain == pytest.approx(neuron.gain.item())
    assert not any(row.refused for row in (*given.decays, given.threshold))
    seen = step.explain(neuron)
    assert [row.register for row in seen.decays] == [row.register for row in given.decays]
    assert seen.threshold.mantissa == given.threshold.mantissa
    assert seen.threshold.gain == pytest.approx(given.threshold.gain, rel=1e-6)  # decays are float32 there


@pytest.mark.parametrize(
    "step, decay, stability, refused",
    [
        (Timestep(2), 0.25, "stable", False),
        (Timestep(6), 0.25, "alternates in sign", True),
        (Timestep(10), 0.25, "unstable", True),
        (Timestep(10, saturate=True), 0.25, "saturated", False),
        (Timestep(10, scheme="bilinear"), 0.25, "alternates in sign", True),
        (Timestep(10, scheme="exponential"), 1e-5, "leaks nothing", False),
        (Timestep(10, scheme="exponential"), 1.5, "no decay", True),
        (Timestep(), -0.1, "no decay", True),
        (Timestep(), 0.0, "leaks nothing", False),
    ],
)
def test_stability_is_told_in_words_also_of_what_is_refused(step, decay, stability, refused):
    explanation = step.explain(current_decay=decay)
    assert explanation.decays[0].stability == stability and explanation.decays[0].refused is refused
    assert ("(refused)" in str(explanation)) is refused
    if refused:
        with pytest.raises(ValueError, match="current_decay is"):
            Neuron(1.25, decay, 0.03, timestep=step)


def test_the_time_constant_of_a_register_and_its_error():
    explanation = Timestep(4).explain(tau_mem="2 s", step="1 ms")
    row = explanation.decays[0]  # 4096 * 4/2000 = 8.19, which is 8: 4 ms * 512
    assert row.register == 8 and row.register_tau == pytest.approx(2.048) and row.error == pytest.approx(0.024)
    assert row.retained == pytest.approx(0.998)
    silent = Timestep(4).explain(tau_mem="40 s", step="1 ms").decays[0]
    assert silent.register == 0 and silent.register_tau == math.inf and silent.refused
    assert "inf s" in str(Timestep(4).explain(tau_mem="40 s", step="1 ms"))


def test_without_a_length_times_are_in_steps_and_a_gain_needs_both_decays():
    explanation = Timestep(2, gain="integral").explain(current_decay=0.25, threshold=1.25)
    assert explanation.decays[0].tau == 4 and "4 steps" in str(explanation) and explanation.threshold is None


def test_a_threshold_that_would_be_refused_is_explained():
    assert str(Timestep().explain(threshold=0.01)).endswith("0 of the weights' integers, rounded to 0 (refused)")


@pytest.mark.parametrize("module", [slayer.block.cuba, cuba])
def test_a_block_before_it_is_converted_is_explained_by_its_lowest_and_highest_decay(parameters, module):
    block = module.Dense({**parameters, "shared_param": False, "current_decay": (0.1, 0.5)}, 4, 3)
    step = Timestep(4, scheme="bilinear")
    for _ in range(2):  # not drawn yet, then drawn
        rows = {row.name: row for row in step.explain(block, step="1 ms").decays}
        assert rows.keys() == {f"{a}_decay, {b}est" for a in ("current", "voltage") for b in ("low", "high")}
        assert rows["current_decay, highest"].refused or rows["current_decay, highest"].decay < 0.4
        block(torch.zeros(1, 4, 5))
    head = module.Affine(parameters, 4, 3)
    assert step.explain(head).threshold is None


@pytest.mark.parametrize(
    "arguments, error, says",
    [
        ({"tau_syn": "4 ms"}, ValueError, "tau_syn is given without step"),
        ({"tau_syn": "4 ms", "current_decay": 0.2, "step": 1}, ValueError, "both tau_syn and current_decay"),
        ({"tau_syn": "4 m", "step": 1}, ValueError, "has the unit 'm'"),
        ({"neuron": 4}, TypeError, "unexpected keyword"),
    ],
)
def test_what_has_no_meaning_is_refused(arguments, error, says):
    with pytest.raises(error, match=says):
        Timestep(4).explain(**arguments)
    with pytest.raises(TypeError, match="Linear has no CuBa neuron"):
        Timestep(4).explain(torch.nn.Linear(2, 2))
