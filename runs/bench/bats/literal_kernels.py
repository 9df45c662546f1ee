"""The published BATS kernels for a CPU, as literally as their description allows; only `literal_port.py` uses them.

What makes them slow is kept on purpose: padded buffers, one scalar loop a (sample, neuron) over all spikes of the
sample, a loop a (sample, neuron, input) for the weight gradient, and arrays of every sample's gradient and of every
input spike's error by neuron. In the letters of EQUATIONS A.5, with times from the start of the simulation:

    a = sum w exp(t/tau_s),  b = sum w exp(t/tau) - (reset/tau) sum_own exp(t/tau),  c = theta/tau,  E = exp(t/tau),
    first crossing E = 2a / (b + x),  x = sqrt(b^2 - 4ac).

All state is float32; the discriminant alone is put together in float64. Compiled by Numba and run on ranges of samples,
so that they use as many threads as bats_dt does.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

_jit = njit(nogil=True, cache=True, error_model="numpy")
_TWO, _FOUR, _ZERO, _ONE = np.float32(2), np.float64(4), np.float32(0), np.float32(1)


@_jit
def gather_weights(first, end, order, weights, slots, gathered):
    """gathered[sample, post, i] = weight from the neuron of the i-th spike in the sample's sorted list."""
    for sample in range(first, end):
        for post in range(weights.shape[0]):
            for i in range(order.shape[1]):
                gathered[sample, post, i] = weights[post, order[sample, i] // slots]


@_jit
def spike_times(
    first, end, times, exp_s, exp_m, gathered, c, reset_over_tau, tau, limit, counts, a_of, x_of, t_of, e_of
):
    """Sorted inputs (batch, m) and their weights (batch, n_post, m) to spikes (batch, n_post, slots)."""
    slots = t_of.shape[2]
    for sample in range(first, end):
        for post in range(gathered.shape[1]):
            a, b, n, i = _ZERO, _ZERO, 0, 0
            while i < times.shape[1] and times[sample, i] < np.inf and n < slots:
                weight = gathered[sample, post, i]
                a += weight * exp_s[sample, i]
                b += weight * exp_m[sample, i]
                last = times[sample, i]
                following = times[sample, i + 1] if i + 1 < times.shape[1] else np.float32(np.inf)
                while n < slots:
                    discriminant = np.float32(np.float64(b * b) - _FOUR * np.float64(a) * np.float64(c))
                    if discriminant < _ZERO:
                        break
                    x = np.sqrt(discriminant)
                    if b + x == _ZERO:
                        break
                    e = _TWO * a / (b + x)
                    if e < _ZERO:
                        break
                    t = tau * np.log(e)
                    if t <= last or t > limit or t > following:
                        break
                    a_of[sample, post, n], x_of[sample, post, n] = a, x
                    t_of[sample, post, n], e_of[sample, post, n] = t, e
                    n += 1
                    last = t
                    b -= reset_over_tau * e
                i += 1
            counts[sample, post] = n


@_jit
def factors(first, end, counts, a_of, x_of, e_of, c, reset_over_tau, tau, errors, f1, f2):
    """The pass through the resets, in place on the errors, and f1 = dt/da, f2 = -dt/db; 0 where there is no spike."""
    for sample in range(first, end):
        for post in range(counts.shape[1]):
            passed = _ZERO
            for k in range(counts[sample, post] - 1, -1, -1):
                a, x, e = a_of[sample, post, k], x_of[sample, post, k], e_of[sample, post, k]
                errors[sample, post, k] += e * passed
                passed += errors[sample, post, k] * reset_over_tau / x
                f1[sample, post, k] = tau / a * (_ONE + c * e / x)
                f2[sample, post, k] = tau / x


@_jit
def weight_gradients(first, end, times, exp_s, exp_m, counts, post_times, errors, f1, f2, gradient):
    """Every sample's own gradient (batch, n_post, n_pre); inputs before a spike count, those at its time do not."""
    for sample in range(first, end):
        for post in range(gradient.shape[1]):
            for pre in range(gradient.shape[2]):
                total, sum_s, sum_m, slot = _ZERO, _ZERO, _ZERO, 0
                for k in range(counts[sample, post]):
                    while slot < times.shape[2] and times[sample, pre, slot] < post_times[sample, post, k]:
                        sum_s += exp_s[sample, pre, slot]
                        sum_m += exp_m[sample, pre, slot]
                        slot += 1
                    total += errors[sample, post, k] * (f1[sample, post, k] * sum_s - f2[sample, post, k] * sum_m)
                gradient[sample, post, pre] = total


@_jit
def input_errors(first, end, times, exp_s, exp_m, tau_s, tau, weights, counts, post_times, errors, f1, f2, by_neuron):
    """What each neuron's spikes say to each spike of the layer below, (batch, n_pre, slots, n_post), to be summed."""
    for sample in range(first, end):
        for pre in range(times.shape[1]):
            for slot in range(times.shape[2]):
                time = times[sample, pre, slot]
                for post in range(weights.shape[0]):
                    sum_1, sum_2 = _ZERO, _ZERO
                    if time < np.inf:
                        for k in range(counts[sample, post]):
                            if post_times[sample, post, k] > time:
                                sum_1 += errors[sample, post, k] * f1[sample, post, k]
                                sum_2 += errors[sample, post, k] * f2[sample, post, k]
                        sum_1 *= exp_s[sample, pre, slot] / tau_s
                        sum_2 *= exp_m[sample, pre, slot] / tau
                    by_neuron[sample, pre, slot, post] = weights[post, pre] * (sum_1 - sum_2)


@_jit
def mean_of_samples(first, end, gradient, mean):
    """The mean over the first axis, for rows first to end of the second."""
    scale = _ONE / np.float32(gradient.shape[0])
    for post in range(first, end):
        for pre in range(mean.shape[1]):
            mean[post, pre] = _ZERO
        for sample in range(gradient.shape[0]):
            for pre in range(mean.shape[1]):
                mean[post, pre] += gradient[sample, post, pre]
        for pre in range(mean.shape[1]):
            mean[post, pre] *= scale
