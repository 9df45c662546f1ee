"""A training script as users of BATS write them; ``test_a_users_script.py`` runs it on bats_dt.

Three classes of patterns on 24 inputs: those of the class spike early, the others late or not at all.
"""

from pathlib import Path

import cupy as cp
import numpy as np
from bats import AbstractMonitor
from bats.Layers import InputLayer, LIFLayer
from bats.Losses import SpikeCountClassLoss
from bats.Monitors import (
    AccuracyMonitor,
    LossMonitor,
    MonitorsManager,
    SilentLabelsMonitor,
    SpikeCountMonitor,
    TimeMonitor,
    ValueMonitor,
)
from bats.Network import Network
from bats.Optimizers import AdamOptimizer

N_INPUTS, N_HIDDEN, N_OUTPUTS = 24, 30, 3
TAU_S, THRESHOLD_HIDDEN, THRESHOLD_OUTPUT = 0.130, 0.1, 0.2
MAX_SIMULATION = 0.2
BATCH, BATCHES, EPOCHS = 20, 20, 3
EXPORT_PATH = Path("output_metrics")
SAVE_DIR = Path("best_model")

generator = np.random.default_rng(0)
cp.random.seed(0)


def weight_initializer(n_post, n_pre):
    return cp.random.uniform(-0.5, 1.0, size=(n_post, n_pre)).astype(cp.float32)


def get_batch():
    labels = generator.integers(0, N_OUTPUTS, BATCH)
    of_class = np.arange(N_INPUTS) % N_OUTPUTS == labels[:, np.newaxis]
    times = generator.uniform(0.0, 0.03, of_class.shape) + np.where(of_class, 0.0, 0.07)
    times[~of_class & (generator.random(times.shape) < 0.5)] = np.inf
    spikes = cp.array(times[:, :, np.newaxis], dtype=cp.float32)
    return spikes, cp.array(np.isfinite(times), dtype=cp.int32), cp.array(labels)


network = Network()
input_layer = InputLayer(n_neurons=N_INPUTS, name="Input layer")
network.add_layer(input_layer, input=True)
hidden_layer = LIFLayer(
    previous_layer=input_layer, n_neurons=N_HIDDEN, tau_s=TAU_S, theta=THRESHOLD_HIDDEN,
    delta_theta=1 * THRESHOLD_HIDDEN, weight_initializer=weight_initializer, max_n_spike=30, name="Hidden layer",
)  # fmt: skip
network.add_layer(hidden_layer)
output_layer = LIFLayer(
    hidden_layer, TAU_S, THRESHOLD_OUTPUT, THRESHOLD_OUTPUT, weight_initializer, 30, n_neurons=N_OUTPUTS,
    name="Output layer",
)  # fmt: skip
network.add_layer(output_layer)

loss_fct = SpikeCountClassLoss(target_false=2, target_true=8)
optimizer = AdamOptimizer(learning_rate=0.01)

loss_monitor = LossMonitor(export_path=EXPORT_PATH / "loss_train")
accuracy_monitor = AccuracyMonitor(export_path=EXPORT_PATH / "accuracy_train")
silent_labels_monitor = SilentLabelsMonitor()
hidden_monitor = SpikeCountMonitor(hidden_layer.name)
time_monitor = TimeMonitor()
rate_monitor = ValueMonitor(name="Learning rate", decimal=5)
monitors: list[AbstractMonitor] = [loss_monitor, accuracy_monitor, silent_labels_monitor, hidden_monitor, time_monitor]
monitors_manager = MonitorsManager(monitors, print_prefix="Train | ")
monitors_manager.add(rate_monitor)

best_accuracy = 0.0
for epoch in range(EPOCHS):
    time_monitor.start()
    for _ in range(BATCHES):
        spikes, n_spikes, labels = get_batch()
        network.reset()
        network.forward(spikes, n_spikes, max_simulation=MAX_SIMULATION, training=True)
        out_spikes, n_out_spikes = network.output_spike_trains

        pred = loss_fct.predict(out_spikes, n_out_spikes)
        loss, errors = loss_fct.compute_loss_and_errors(out_spikes, n_out_spikes, labels)

        gradient = network.backward(errors)
        avg_gradient = [None if g is None else cp.mean(g, axis=0) for g in gradient]
        deltas = optimizer.step(avg_gradient)
        network.apply_deltas(deltas)

        loss_monitor.add(loss)
        accuracy_monitor.add(pred, labels)
        silent_labels_monitor.add(n_out_spikes, labels)
        hidden_monitor.add(hidden_layer.spike_trains[1])
    rate_monitor.add(optimizer.learning_rate)
    optimizer.learning_rate = max(optimizer.learning_rate / 2, 1e-4)
    records = monitors_manager.record(epoch + 1)
    monitors_manager.print(epoch + 1)
    monitors_manager.export()
    if records[accuracy_monitor.name] > best_accuracy:
        best_accuracy = records[accuracy_monitor.name]
        network.store(SAVE_DIR)
network.restore(SAVE_DIR)
