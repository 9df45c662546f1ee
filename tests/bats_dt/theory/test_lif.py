import math

import numpy as np
import pytest

from bats_dt.theory import LIF

NEURON = LIF(tau_mem=0.8, tau_syn=0.6, resistance=1.2)  # the thesis's


def test_the_neuron_worked_by_hand():
    lif = LIF(4.0, 1.0, 2.0)
    assert lif.poles == (-0.25, -1.0)
    assert lif.damping_ratio == 1.25  # 5/(2 * 2)
    assert lif.natural_frequency == 0.5
    assert lif.membrane(0.25) == 1.0
    assert lif.transfer(1.0) == 0.2  # 2/(5 * 2)


def test_the_poles_of_the_transfer_function_are_the_eigenvalues_of_the_matrix():
    np.testing.assert_allclose(sorted(np.linalg.eigvals(NEURON.matrix)), sorted(NEURON.poles))


def test_the_transfer_function_is_that_of_the_matrix():
    s = np.array([0.3 + 2j, 5j, 1.0])
    kick = [0.0, 1 / NEURON.tau_syn]
    expected = [np.linalg.solve(value * np.eye(2) - NEURON.matrix, kick)[0] for value in s]
    np.testing.assert_allclose(NEURON.transfer(s), expected, rtol=1e-14)


def test_poles_follow_from_damping_ratio_and_natural_frequency():
    zeta, omega_n = NEURON.damping_ratio, NEURON.natural_frequency
    spread = math.sqrt(zeta**2 - 1)
    np.testing.assert_allclose([-omega_n * (zeta - spread), -omega_n * (zeta + spread)], NEURON.poles, rtol=1e-12)
    assert LIF(0.3, 0.3).damping_ratio == 1.0


@pytest.mark.parametrize("lif", [NEURON, LIF(0.02, 0.02), LIF(1e-3, 1e3, 5.0)])
def test_at_the_bandwidth_the_response_is_3_db_down(lif):
    assert abs(lif.frequency_response(lif.bandwidth)) == pytest.approx(lif.resistance / math.sqrt(2), rel=1e-12)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"tau_mem": 0.0}, r"tau_mem is 0\.0 s: a time constant must be finite and above 0; pass for example 0\.02"),
        ({"tau_syn": -1}, r"tau_syn is -1\.0 s: a time constant must be"),
        ({"tau_syn": math.inf}, r"tau_syn is inf s: "),
        ({"resistance": math.nan}, "resistance is nan: it must be finite and above 0; the sign of a synapse"),
    ],
)
def test_constants_that_make_no_neuron_are_refused(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        LIF(**{"tau_mem": 0.8, "tau_syn": 0.6, **given})
    with pytest.raises(TypeError, match="tau_mem is 'long': a time constant"):
        LIF("long", 1.0)
