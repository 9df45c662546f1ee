# ruff: noqa: F403, F405
import numpy as np

from bats.CudaKernels.Wrappers.Backpropagation import *
from bats.CudaKernels.Wrappers.Inference import *


class LIFLayer:
    """A dense layer: the forward pass of one call, and the backward pass from what that call returned."""

    trainable = True

    def __init__(
        self, previous_layer, tau_s, theta, delta_theta, weight_initializer=None, max_n_spike=32, *, n_neurons, name=""
    ):
        self.previous_layer, self.n_neurons, self.max_n_spike = previous_layer, n_neurons, max_n_spike
        self.tau_s, self.tau = np.float32(tau_s), np.float32(2 * tau_s)
        self.c, self.delta_theta_tau = np.float32(theta / self.tau), np.float32(delta_theta / self.tau)
        self.weights = weight_initializer(n_neurons, previous_layer.n_neurons)

    @property
    def spike_trains(self):
        return self.times, self.counts

    def forward(self, max_simulation):
        times, counts = self.previous_layer.spike_trains
        self.pre_exponentials = compute_pre_exps(times, self.tau_s, self.tau)
        flat = times.reshape(len(times), -1)
        order = np.argsort(flat, axis=1, kind="stable")[:, : counts.sum(axis=1).max()]
        of_input = self.weights[:, order // times.shape[2]].transpose(1, 0, 2)
        in_order = [np.take_along_axis(each.reshape(flat.shape), order, 1) for each in (times, *self.pre_exponentials)]
        self.counts, self.a, self.x, self.times, self.exponentials = compute_spike_times(
            *in_order, of_input, self.c, self.delta_theta_tau, self.tau, np.float32(max_simulation), self.max_n_spike
        )

    def backward(self, errors):
        """Gradient (batch, n_post, n_pre) and the errors of the layer below, None for inputs."""
        errors, spiked = errors.copy(), np.isfinite(self.times)
        propagate_recurrent_errors(self.x, self.exponentials, errors, self.delta_theta_tau)
        f, h = np.zeros((2, *errors.shape), np.float32)
        f[spiked] = self.tau / self.a[spiked] * (1 + self.c * self.exponentials[spiked] / self.x[spiked])
        h[spiked] = self.tau / self.x[spiked]
        times = self.previous_layer.spike_trains[0]
        # (batch, n_post, n_pre, post spike, pre spike): whether the input came before the spike
        causal = times[:, None, :, None, :] < np.where(spiked, self.times, -np.inf)[:, :, None, :, None]
        fast, slow = (np.where(np.isfinite(times), each, 0) for each in self.pre_exponentials)
        by_fast, by_slow = np.where(spiked, errors * f, 0), np.where(spiked, errors * h, 0)
        gradient = np.einsum("bjk,bjikz,biz->bji", by_fast, causal, fast)
        gradient -= np.einsum("bjk,bjikz,biz->bji", by_slow, causal, slow)
        if not self.previous_layer.trainable:
            return gradient, None
        passed = np.einsum("ji,bjk,bjikz,biz->biz", self.weights, by_fast, causal, fast) / self.tau_s
        passed -= np.einsum("ji,bjk,bjikz,biz->biz", self.weights, by_slow, causal, slow) / self.tau
        return gradient, passed.astype(np.float32)
