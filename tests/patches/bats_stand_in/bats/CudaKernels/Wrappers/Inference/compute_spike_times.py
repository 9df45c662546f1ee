import numpy as np


def compute_spike_times(
    spike_times, exp_tau_s, exp_tau, spike_weights, c, delta_theta_tau, tau, max_simulation, max_n_post_spikes
):
    """Spikes in continuous time, neuron by neuron: from every input to the next, the crossings in between."""
    batch, n_neurons, _ = spike_weights.shape
    counts = np.zeros((batch, n_neurons), np.int32)
    a_of, x_of, times, exponentials = np.full((4, batch, n_neurons, max_n_post_spikes), np.inf, np.float32)
    for sample, neuron in np.ndindex(batch, n_neurons):
        a, b = np.float32(0), np.float32(0)
        arrivals = np.append(spike_times[sample], np.float32(np.inf))
        for i, last in enumerate(arrivals[:-1]):
            if np.isinf(last):
                break
            a += spike_weights[sample, neuron, i] * exp_tau_s[sample, i]
            b += spike_weights[sample, neuron, i] * exp_tau[sample, i]
            while counts[sample, neuron] < max_n_post_spikes:
                square = np.float64(b) * b - 4.0 * np.float64(a) * c
                x = np.float32(np.sqrt(square)) if square >= 0 else None
                if x is None or b + x == 0 or 2 * a / (b + x) <= 0:
                    break
                z = 2 * a / (b + x)
                time = tau * np.log(z)
                if time <= last or time > max_simulation or time > arrivals[i + 1]:
                    break
                place = (sample, neuron, counts[sample, neuron])
                a_of[place], x_of[place], times[place], exponentials[place] = a, x, time, z
                b -= delta_theta_tau * z
                last = time
                counts[sample, neuron] += 1
    return counts, a_of, x_of, times, exponentials
