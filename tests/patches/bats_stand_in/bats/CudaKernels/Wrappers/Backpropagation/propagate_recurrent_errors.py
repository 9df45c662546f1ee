import numpy as np


def propagate_recurrent_errors(x, exp_tau, errors, delta_theta_tau):
    """Add to the error of every spike what its reset did to the later spikes of its neuron; in place."""
    carried = np.zeros(errors.shape[:2], np.float32)
    for k in reversed(range(errors.shape[2])):
        spiked = np.isfinite(exp_tau[..., k])
        errors[spiked, k] += exp_tau[spiked, k] * carried[spiked]
        carried[spiked] += errors[spiked, k] * delta_theta_tau / x[spiked, k]
