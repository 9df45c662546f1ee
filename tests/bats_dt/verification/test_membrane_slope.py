"""Gradients and spike times against a derivation of our own making from the membrane's slope (EQUATIONS A.1, A.5).

Nothing of `bats_dt` computes here: a neuron's potential is the sum of the responses to all its inputs and resets (A.1's
SRM form), a crossing a root of it found by bisection between samples, and

    V(t_k; x) = threshold   =>   dt_k/dx = -(dV/dx + sum_{i < k} dV/dt_i dt_i/dx) / (dV/dt)

is solved spike by spike for the Jacobian of all spike times. Layers are chained by multiplying Jacobians.
"""

import numpy as np
import pytest
from scipy.optimize import brentq

THRESHOLD, RESET, END = 0.2, 0.15, 0.4
SIZES = (5, 6, 4, 3)
# Some roundings of 1e-16, divided by slopes layer after layer; next to equal time constants, where the response here is
# an approximation, 4e-14 s and 2e-13 have been seen
TIME_TOLERANCE, GRADIENT_TOLERANCE = 1e-12, 1e-11  # [s], relative to the largest entry


def response(s, tau_syn, tau_mem):
    """Potential s seconds after an input spike of weight 1, and its slope; 0 before it."""
    s = np.asarray(s, float)
    after = np.maximum(s, 0)
    if abs(tau_mem - tau_syn) < 1e-5:  # to first order in their difference; its square is 1e-10 here
        rate, mean = 1 / tau_syn - 1 / tau_mem, 2 / (1 / tau_syn + 1 / tau_mem)
        assert (rate * END) ** 2 < 1e-9
        value, slope = after * np.exp(-after / mean), (1 - after / mean) * np.exp(-after / mean)
    else:
        factor = tau_mem * tau_syn / (tau_mem - tau_syn)
        slow, fast = np.exp(-after / tau_mem), np.exp(-after / tau_syn)
        value, slope = factor * (slow - fast), factor * (fast / tau_syn - slow / tau_mem)
    return np.where(s >= 0, value, 0.0), np.where(s >= 0, slope, 0.0)


class Layer:
    """The spikes of one layer, and their Jacobian by weights and input times.

    inputs: (times, neurons), weights (n_post, n_pre), constants as above. times, neurons: of its spikes, in order of
    time. by_weights: (spikes, n_post, n_pre). by_times: (spikes, inputs).
    """

    def __init__(self, inputs, weights, tau_syn, tau_mem):
        self.input_times, self.input_neurons = inputs
        self.weights, self.taus = weights, (tau_syn, tau_mem)
        found = [(time, j, *rest) for j in range(len(weights)) for time, *rest in self.spikes_of(j)]
        found.sort(key=lambda spike: spike[:2])
        self.times, self.neurons = np.array([each[0] for each in found]), np.array([each[1] for each in found])
        self.by_times = np.array([each[3] for each in found])
        self.by_weights = np.zeros((len(found), *weights.shape))
        for k, (_, j, of_neuron, _) in enumerate(found):
            self.by_weights[k, j] = of_neuron

    def potential(self, j, t, resets):
        t = np.asarray(t, float)
        inputs = self.weights[j, self.input_neurons] * response(t[..., None] - self.input_times, *self.taus)[0]
        since = t[..., None] - np.array(resets)
        return inputs.sum(-1) - RESET * np.where(since >= 0, np.exp(-since / self.taus[1]), 0.0).sum(-1)

    def spikes_of(self, j):
        """(time, its Jacobian by the neuron's weights, by the input times) of each spike of a neuron."""
        found, begin = [], 0.0
        bounds = [*np.unique(self.input_times), END]
        for end in bounds:
            while True:
                time = self.next_crossing(j, begin, end, [each[0] for each in found])
                if time is None:
                    break
                found.append((time, *self.jacobian(j, time, found)))
                begin = time
            begin = end
        return found

    def next_crossing(self, j, begin, end, resets):
        t = np.linspace(begin, end, 300)
        above = self.potential(j, t, resets) - THRESHOLD
        above[0] = min(above[0], -1e-300)  # just after a reset or at the last root, rounding decides
        first = np.flatnonzero(above > 0)
        if not len(first):
            return None
        return brentq(lambda at: self.potential(j, at, resets) - THRESHOLD, t[first[0] - 1], t[first[0]], xtol=1e-15)

    def jacobian(self, j, time, before):
        tau_mem = self.taus[1]
        weights = self.weights[j, self.input_neurons]
        value, rise = response(time - self.input_times, *self.taus)
        pull = [RESET / tau_mem * np.exp(-(time - each[0]) / tau_mem) for each in before]
        slope = weights @ rise + sum(pull)
        direct = np.bincount(self.input_neurons, value, self.weights.shape[1])
        by_weights = direct - sum(p * each[1] for p, each in zip(pull, before, strict=True))
        by_times = -weights * rise - sum(p * each[2] for p, each in zip(pull, before, strict=True))
        return -by_weights / slope, -by_times / slope


@pytest.fixture
def stack(lively_network, time_constants):
    """A network of bats_dt, its input trains (n, 2), weights, and the independent layers."""
    network, weights, times = lively_network(SIZES, 1, END)
    times = times[0]
    spikes, layers = (times.ravel(), np.repeat(np.arange(SIZES[0]), 2)), []
    for matrix in weights:
        layers.append(Layer(spikes, matrix, *time_constants))
        spikes = layers[-1].times, layers[-1].neurons
    return network, times, weights, layers


def test_spike_times_and_all_gradients_are_those_of_the_membrane_slope(backend, stack, all_gradients):
    network, times, _, layers = stack
    for layer, wanted in zip(network.layers[1:], layers, strict=True):
        np.testing.assert_array_equal(layer.events.neurons, wanted.neurons)
        np.testing.assert_allclose(layer.events.times, wanted.times, rtol=0, atol=TIME_TOLERANCE)
        assert len(wanted.times) > len(set(wanted.neurons))  # resets matter
    coefficients = np.random.default_rng(13).normal(size=len(layers[-1].times))
    found = all_gradients(network, coefficients)
    errors = coefficients
    for layer, gradient in zip(reversed(layers), reversed(found.weights), strict=True):
        wanted = np.tensordot(errors, layer.by_weights, 1)
        np.testing.assert_allclose(gradient, wanted, rtol=0, atol=GRADIENT_TOLERANCE * np.abs(wanted).max())
        errors = errors @ layer.by_times
    order = np.argsort(times.ravel(), kind="stable")
    np.testing.assert_allclose(found.times, errors[order], rtol=0, atol=GRADIENT_TOLERANCE * np.abs(errors).max())


@pytest.mark.parametrize("time_constants", [(0.13, 0.26)], indirect=True)
def test_the_letters_of_the_closed_form_are_what_they_are_said_to_be(stack, time_constants):
    _, _, weights, layers = stack
    tau_syn, tau = time_constants
    c = THRESHOLD / tau
    for layer, matrix in zip(layers, weights, strict=True):
        for t, j in zip(layer.times, layer.neurons, strict=True):
            causal = layer.input_times < t
            t_z, w = layer.input_times[causal], matrix[j, layer.input_neurons[causal]]
            own = layer.times[(layer.neurons == j) & (layer.times < t)]
            a = w @ np.exp(t_z / tau_syn)
            b = w @ np.exp(t_z / tau) - RESET / tau * np.exp(own / tau).sum()

            def root(a, b):
                return tau * np.log(2 * a / (b + np.sqrt(b * b - 4 * a * c)))

            np.testing.assert_allclose(root(a, b), t, rtol=0, atol=TIME_TOLERANCE)
            x = np.sqrt(b * b - 4 * a * c)
            f, h = tau / a * (1 + c / x * np.exp(t / tau)), tau / x
            for letter, by in ((f, (1e-6 * a, 0.0)), (-h, (0.0, 1e-6 * b))):
                step = 2 * max(by)
                difference = (root(a + by[0], b + by[1]) - root(a - by[0], b - by[1])) / step
                np.testing.assert_allclose(letter, difference, rtol=1e-5)
            slope = w @ response(t - t_z, *time_constants)[1] + RESET / tau * np.exp(-(t - own) / tau).sum()
            np.testing.assert_allclose(x * np.exp(-t / tau), slope, rtol=1e-7)
            np.testing.assert_allclose(
                f * np.exp(t_z / tau_syn) - h * np.exp(t_z / tau),
                -response(t - t_z, *time_constants)[0] / slope,
                rtol=1e-7,
                atol=1e-9,
            )
