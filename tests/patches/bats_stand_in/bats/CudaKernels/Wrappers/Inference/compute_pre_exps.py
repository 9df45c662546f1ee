import numpy as np


def compute_pre_exps(spike_times, tau_s, tau):
    """exp(t/tau_s) and exp(t/tau), inf for inf."""
    return np.exp(spike_times / tau_s), np.exp(spike_times / tau)
