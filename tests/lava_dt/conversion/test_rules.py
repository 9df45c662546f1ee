"""Each rule's gain is what its derivation says, and its network is the one built from it."""

import numpy as np
import pytest

from bats_dt.discretization import retained
from lava_dt.conversion import RULES

DECAYS = [(0.25, 0.03), (0.03, 0.25), (0.1, 0.1), (1.0, 0.03), (0.0, 0.5), (1.0, 1.0)]
EXACT = {"rel": 1e-9, "abs": 1e-12}  # float64, sums of at most a few hundred terms


def fine_voltage(drive, alpha, beta):
    """u[t] without spikes, for what the synapses deliver in each fine step."""
    current = voltage = 0.0
    out = []
    for x in drive:
        current = (1 - alpha) * current + x
        voltage = (1 - beta) * voltage + current
        out.append(voltage)
    return np.array(out)


def coarse_voltage(binned, rule, alpha, beta, dt):
    """u[m] of the coarse neuron with the rule's poles and gain."""
    poles = [max(retained(decay, dt, rule.scheme), 0.0) for decay in (alpha, beta)]
    current = voltage = 0.0
    out = []
    for x in binned:
        current = poles[0] * current + x
        voltage = poles[1] * voltage + rule.gain(alpha, beta, dt) * current
        out.append(voltage)
    return np.array(out)


@pytest.mark.parametrize("dt", [2, 4, 8, 16])
@pytest.mark.parametrize("alpha, beta", DECAYS)
def test_impulse_invariant_keeps_the_response_to_a_spike_at_the_begin_of_its_bin_at_every_grid_step(alpha, beta, dt):
    drive, binned = np.eye(1, 6 * dt)[0], np.eye(1, 6)[0]
    fine = fine_voltage(drive, alpha, beta)[dt - 1 :: dt]
    assert coarse_voltage(binned, RULES["impulse-invariant"], alpha, beta, dt) == pytest.approx(fine, **EXACT)


@pytest.mark.parametrize("name", ["step-invariant", "backward-euler", "bilinear", "area-preserving"])
@pytest.mark.parametrize("alpha, beta", [(0.25, 0.03), (0.1, 0.1), (1.0, 0.03)])
def test_the_other_gains_keep_the_area_of_the_response_also_where_a_pole_is_saturated(name, alpha, beta):
    dt, rule = 8, RULES[name]
    fine = fine_voltage(np.eye(1, 8000)[0], alpha, beta).sum()
    coarse = coarse_voltage(np.eye(1, 1000)[0], rule, alpha, beta, dt).sum() * dt
    assert coarse == pytest.approx(fine, rel=1e-6)  # what is left of the tails after 8000 fine steps


@pytest.mark.parametrize("decay", [0.25, 0.03])
def test_step_invariant_is_exact_in_each_stage_for_an_input_that_is_held_over_the_bin(decay):
    """One stage at a time: with the other decay at 1 the stage is the whole neuron."""
    held = np.repeat([1.0, 3.0, 0.0, 2.0], 8)
    fine = fine_voltage(held, decay, 1.0)[7::8]
    rule = RULES["step-invariant"]
    stage = rule.gain(decay, 1.0, 8) / rule.gain(1.0, 1.0, 8)  # over the gain 1/k of a stage without memory ...
    current, out = 0.0, []
    for x in held.reshape(4, 8).sum(1):
        current = (1 - decay) ** 8 * current + stage * x / 8  # ... which a sum of k equal inputs is divided by
        out.append(current)
    assert np.array(out) == pytest.approx(fine, **EXACT)


def test_tau_scaling_leaves_the_charge_of_a_spike_alone():
    rule = RULES["tau-scaling"]
    assert rule.gain(0.25, 0.03, 8) == 1 and rule.carrier == "charge" and rule.scheme == "forward_euler"


def test_at_their_own_step_all_rules_have_a_gain_of_1():
    for rule in RULES.values():
        assert rule.gain(0.25, 0.03, 1) == pytest.approx(1, **EXACT)


def test_rules_are_found_by_the_name_they_carry_and_those_that_match_need_calibration():
    assert all(name == rule.name and rule.equation for name, rule in RULES.items())
    assert all(rule.needs_calibration == ("+matched" in name) for name, rule in RULES.items())
