import math

import numpy as np
import pytest

from bats_dt import Network
from bats_dt.clocked_neuron import ClockedNeuron
from bats_dt.discretization import SCHEMES
from bats_dt.layers import ClockedLIFLayer, InputLayer
from bats_dt.theory import LIF, Stepped, alternation_limit, impulse_response, stability_limit

NEURON = LIF(0.8, 0.6, 1.2)
EQUAL = LIF(0.5, 0.5, 2.0)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("drive", ["impulse", "pulse"])
def test_the_coefficients_are_those_of_the_layer(scheme, drive):
    clocked = ClockedNeuron(0.1, 0.6, 0.8, 1.0, 1.2, scheme=scheme, drive=drive)
    assert Stepped(NEURON, 0.1, scheme, drive).coefficients == clocked.coefficients()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_steps_are_those_of_a_layer_below_its_threshold(scheme):
    rng = np.random.default_rng(3)
    network = Network()
    network.add_layer(InputLayer(3), input=True)
    network.add_layer(
        ClockedLIFLayer(
            network.layers[0], n_neurons=1, dt=0.05, tau_s=0.6, tau_mem=0.8, theta=1e6, resistance=1.2, scheme=scheme,
            duration=2.0, weight_initializer=lambda *shape: np.array([[0.5, -1.0, 2.0]]), dtype=np.float64,
        )
    )  # fmt: skip
    times = np.sort(rng.uniform(0, 2, (1, 3, 4)), axis=2)
    network.forward(times, np.full((1, 3), 4, np.int32), 2.0)
    currents, potentials = network.layers[1].traces()
    stepped = Stepped(NEURON, 0.05, scheme)
    steps = stepped.step_of(times[0], 40)
    x = sum(w * np.bincount(row, minlength=40) for w, row in zip([0.5, -1.0, 2.0], steps, strict=True))
    u, i = stepped.run(x)
    np.testing.assert_allclose(u[1:], potentials[0, :, 0], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(i[1:], currents[0, :, 0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("lif", [NEURON, EQUAL, LIF(0.5, 0.5 * (1 + 1e-10))])
def test_the_exponential_scheme_samples_the_exact_response(lif):
    found = Stepped(lif, 0.07, "exponential").impulse_response(60)
    np.testing.assert_allclose(found, impulse_response(lif, 0.07 * np.arange(61)), rtol=1e-12)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("lif", [NEURON, EQUAL])
def test_the_transfer_function_is_the_z_transform_of_the_response(scheme, lif):
    stepped, z = Stepped(lif, 0.1, scheme), 1.1 * np.exp(0.7j)
    n = np.arange(401)  # 1.1^-400 is below rounding
    expected = (stepped.impulse_response(400) * z**-n).sum()
    assert stepped.transfer(z) == pytest.approx(expected, rel=1e-12)


def test_a_pulse_is_an_impulse_of_area_dt():
    pulse, impulse = (Stepped(NEURON, 0.1, "bilinear", drive) for drive in ("pulse", "impulse"))
    np.testing.assert_allclose(pulse.impulse_response(9), 0.1 * impulse.impulse_response(9), rtol=1e-13)
    omega = np.linspace(0, 30, 5)
    np.testing.assert_allclose(pulse.frequency_response(omega), impulse.frequency_response(omega), rtol=1e-13)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_limits_are_where_the_poles_leave_the_circle_and_cross_0(scheme):
    for limit, holds in (
        (stability_limit(NEURON, scheme), lambda dt: Stepped(NEURON, dt, scheme).stable),
        (alternation_limit(NEURON, scheme), lambda dt: not Stepped(NEURON, dt, scheme).alternates),
    ):
        if math.isinf(limit):
            assert all(holds(dt) for dt in (1e-3, 0.6, 1.2, 20.0))
        else:
            assert holds(limit * (1 - 1e-6)) and not holds(limit * (1 + 1e-6))


def test_an_unstable_step_can_be_looked_at():
    stepped = Stepped(NEURON, 1.5, "forward_euler")
    assert not stepped.stable and stepped.alternates
    assert stepped.poles == (1 - 1.5 / 0.8, 1 - 1.5 / 0.6)
    assert abs(stepped.impulse_response(80)[-1]) > 1e10


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"dt": 0}, r"dt is 0\.0 s: a step must be finite and above 0; pass for example 0\.001"),
        ({"scheme": "euler"}, "scheme is 'euler': pass one of 'forward_euler', 'exponential'"),
        ({"drive": "delta"}, "drive is 'delta': pass one of 'impulse', 'pulse'"),
    ],
)
def test_other_steps_are_refused(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        Stepped(NEURON, **{"dt": 0.1, **given})


def test_the_limits_of_an_unknown_scheme_are_refused():
    with pytest.raises(ValueError, match="scheme is 'heun': pass one of"):
        stability_limit(NEURON, "heun")
