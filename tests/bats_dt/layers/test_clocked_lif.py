import itertools
import math
import warnings

import numpy as np
import pytest

from bats_dt import Network, set_backend
from bats_dt.backend import to_numpy
from bats_dt.clocked_neuron import ESTIMATORS, RESETS
from bats_dt.discretization import SCHEMES
from bats_dt.layers import ClockedLIFLayer, ConvInputLayer, InputLayer, LIFLayer, PoolingLayer
from bats_dt.losses import SpikeCountClassLoss, SpikeTimeLoss
from bats_dt.monitors import AccuracyMonitor, SpikeCountMonitor
from bats_dt.optimizers import AdamOptimizer

DT, END = 0.01, 0.3
CONSTANTS = {"dt": DT, "tau_s": 0.13, "tau_mem": 0.26, "theta": 0.2, "resistance": 0.13 * 0.26}


def layer_above(inputs, weights, **arguments):
    weights = np.asarray(weights)
    given = {**CONSTANTS, "name": "clocked", "n_neurons": len(weights), "weight_initializer": lambda *_: weights}
    return ClockedLIFLayer(inputs, **{**given, **arguments})


def event_driven(inputs, weights, **arguments):
    weights = np.asarray(weights)
    return LIFLayer(
        inputs, 0.13, 0.2, 0.2, lambda *_: weights, 200, n_neurons=len(weights), name="event-driven", **arguments
    )


def spiking_input(times):
    layer = InputLayer(len(times), name="inputs")
    layer.set_spike_trains(np.array(times, np.float32)[None, :, None], np.isfinite([times]).astype(np.int32))
    return layer


def network_of(*makers, sizes, rng, dtype=np.float32, largest=3.0):
    """Layers made by ``makers`` on top of each other, with random weights."""
    network = Network()
    network.add_layer(InputLayer(sizes[0]), input=True)
    for number, (make, n_post, n_pre) in enumerate(zip(makers, sizes[1:], sizes[:-1], strict=True)):
        layer = make(network.layers[-1], rng.uniform(-0.5, largest, (n_post, n_pre)), dtype=dtype)
        layer._name = f"{layer.name} {number}"
        network.add_layer(layer)
    return network


def test_spikes_come_out_at_grid_times_in_padded_trains():
    layer = layer_above(spiking_input([0.0]), [[20.0], [0.1]], max_n_spike=4)
    layer.forward(0.07)
    times, counts = layer.spike_trains
    assert times.shape == (1, 2, 4)
    assert (times.dtype, counts.dtype) == (np.float32, np.int32)
    assert counts[0, 0] > 0 == counts[0, 1]
    emitted = times[np.isfinite(times)]
    np.testing.assert_array_equal(emitted, (np.rint(emitted / DT) * DT).astype(np.float32))
    assert emitted.max() <= np.float32(0.07)


def test_there_are_as_many_steps_as_fit_and_an_end_on_the_grid_is_included():
    layer = layer_above(spiking_input([0.0]), [[1000.0]], reset="soft")
    for end, last in ((0.3, 30), (0.295, 29), (0.3 - 1e-12, 30), (0.01, 1)):
        layer.forward(end)
        np.testing.assert_array_equal(layer.events.times, (np.arange(1, last + 1) * DT).astype(np.float32))
        assert layer.spike_trains[0].shape == (1, 1, last)


def test_its_own_duration_ends_the_simulation_where_it_is_earlier():
    layer = layer_above(spiking_input([0.0]), [[1000.0]], reset="soft", duration=0.05)
    for end in (math.inf, 0.3):
        layer.forward(end)
        assert len(layer.events.times) == 5
    layer.forward(0.03)
    assert len(layer.events.times) == 3
    assert layer.duration == 0.05


def test_a_full_buffer_is_counted_and_said_once_and_without_a_size_there_is_room_for_all():
    layer = layer_above(spiking_input([0.0]), [[1000.0]], max_n_spike=2, reset="soft")
    with pytest.warns(RuntimeWarning, match="layer 'clocked' lost 28 spikes: max_n_spike = 2 is too small"):
        layer.forward(END)
    assert layer.lost_spikes == 28
    assert layer.max_n_spike == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer.forward(END)
        roomy = layer_above(spiking_input([0.0]), [[1000.0]], reset="soft")
        roomy.forward(END)
    assert roomy.lost_spikes == 0


def test_its_constants_can_be_read():
    layer = layer_above(InputLayer(2), np.ones((3, 2)), v_reset=0.1, reset="soft", scheme="bilinear")
    assert (layer.dt, layer.tau_s, layer.tau_mem, layer.theta) == (DT, 0.13, 0.26, 0.2)
    assert (layer.resistance, layer.v_reset, layer.reset_kind, layer.scheme) == (0.13 * 0.26, 0.1, "soft", "bilinear")
    assert (layer.neuron.estimator, layer.neuron.drive, layer.duration) == ("continuous", "impulse", math.inf)
    assert layer.neuron.clamp == pytest.approx(1000 * 0.26 / 0.2)
    assert layer.n_neurons == 3
    assert layer.trainable


def test_traces_are_the_currents_and_potentials_of_the_last_forward_pass():
    layer = layer_above(spiking_input([0.0, 0.05]), [[8.0, 4.0]], scheme="exponential")
    layer.forward(END)
    currents, potentials = layer.traces()
    assert currents.shape == potentials.shape == (1, 30, 1)
    fired = potentials[0, :, 0] >= np.float32(0.2)
    np.testing.assert_allclose(layer.events.times, (1 + np.flatnonzero(fired)) * DT, rtol=1e-6)
    expected = 8 / 0.13 * np.exp(-DT * np.arange(1, 31) / 0.13)
    expected[5:] += 4 / 0.13 * np.exp(-DT * np.arange(1, 26) / 0.13)
    np.testing.assert_allclose(currents[0, :, 0], expected, rtol=1e-5)


def test_the_clamp_counts_what_it_bounds():
    layer = layer_above(spiking_input([0.0]), [[20.0]], clamp=0.1)
    layer.forward(END)
    spikes = len(layer.events.times)
    assert 0 < layer.bounded_slopes < spikes
    assert layer.clamped_share == layer.bounded_slopes / spikes
    free = layer_above(spiking_input([0.0]), [[0.1]])
    free.forward(END)
    assert free.clamped_share == 0.0


def test_only_the_errors_of_spikes_that_are_there_count():
    layer = layer_above(spiking_input([0.0]), [[20.0], [0.1]], max_n_spike=40)
    layer.forward(END)
    there = np.isfinite(layer.spike_trains[0])
    ones = layer.backward(np.ones(there.shape, np.float32))[0]
    np.testing.assert_array_equal(layer.backward(np.where(there, 1, 99).astype(np.float32))[0], ones)
    assert ones[0, 0, 0] != 0 == ones[0, 1, 0]


def test_the_gradient_of_the_sum_is_the_sum_of_those_of_the_samples():
    rng = np.random.default_rng(0)
    network = network_of(layer_above, layer_above, sizes=(6, 8, 4), rng=rng, dtype=np.float64)
    times = np.sort(rng.uniform(0, 0.1, (5, 6, 2)), axis=2)
    network.forward(times, np.full((5, 6), 2), END)
    errors = rng.normal(size=network.output_spike_trains[0].shape)
    for whole, parts in zip(network.backward(errors)[1:], network.backward(errors, per_sample=True)[1:], strict=True):
        assert np.abs(whole).max() > 0
        np.testing.assert_allclose(whole[0], parts.mean(axis=0), rtol=1e-11, atol=1e-13 * np.abs(whole).max())


@pytest.mark.parametrize(
    "makers",
    [(layer_above, event_driven), (event_driven, layer_above), (event_driven, layer_above, event_driven)],
    ids=["event-driven above", "event-driven below", "between two"],
)
def test_networks_of_both_kinds_pass_spikes_up_and_errors_down(makers):
    rng = np.random.default_rng(1)
    network = network_of(*makers, sizes=(6, 10, 8, 4)[: len(makers) + 1], rng=rng)
    times = np.sort(rng.uniform(0, 0.1, (3, 6, 2)), axis=2).astype(np.float32)
    network.forward(times, np.full((3, 6), 2), END)
    assert all(len(layer.events.times) for layer in network.layers)
    gradients = network.backward(rng.normal(size=network.output_spike_trains[0].shape).astype(np.float32))
    for layer, gradient in zip(network.layers[1:], gradients[1:], strict=True):
        assert gradient.shape == (1, *layer.weights.shape)
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 0


def test_networks_of_both_kinds_train_alike_on_a_gpu(cuda):
    """On a GPU, or by the kernels' sources on the CPU; float64: roundings only."""
    results = []
    for backend in ("cuda", "cpu"):
        set_backend(backend)
        rng = np.random.default_rng(7)
        network = network_of(
            layer_above, event_driven, layer_above, sizes=(6, 10, 8, 3), rng=rng, dtype=np.float64, largest=1.5
        )
        times = np.sort(rng.uniform(0, 0.1, (4, 6, 2)), axis=2)
        loss, optimizer, labels = SpikeCountClassLoss(5, 1), AdamOptimizer(learning_rate=0.01), rng.integers(0, 3, 4)
        for per_sample in (False, True):
            network.reset()
            network.forward(times, np.full((4, 6), 2), END)
            errors = loss.compute_errors(*network.output_spike_trains, labels)
            gradients = network.backward(errors, per_sample)
            network.apply_deltas(optimizer.step([None if g is None else g.mean(axis=0) for g in gradients]))
        found = [layer.weights for layer in network.layers[1:]] + [*network.layers[1].traces()]
        results.append([to_numpy(array) for array in (*found, *network.output_spike_trains)])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_it_stands_on_maps_too():
    rng, network = np.random.default_rng(2), Network()
    network.add_layer(ConvInputLayer((4, 4, 2)), input=True)
    network.add_layer(PoolingLayer(network.layers[-1]))
    network.add_layer(layer_above(network.layers[-1], rng.uniform(0, 3, (3, 8))))
    network.forward(np.sort(rng.uniform(0, 0.1, (2, 32, 2)), axis=2), np.full((2, 32), 2), END)
    gradients = network.backward(np.ones(network.output_spike_trains[0].shape))
    assert np.abs(gradients[-1]).max() > 0


def test_a_clocked_layer_feels_one_below_it_a_step_later():
    below = layer_above(spiking_input([0.0]), [[1000.0]], duration=DT)  # one spike, at DT
    above = layer_above(below, [[1000.0]], reset="soft")
    below.forward(END)
    above.forward(END)
    np.testing.assert_array_equal(below.events.times, np.float32([DT]))
    np.testing.assert_array_equal(above.events.times, (np.arange(2, 31) * DT).astype(np.float32))


@pytest.mark.parametrize("drive", ["impulse", "pulse"])
def test_a_network_learns_to_tell_two_patterns(drive):
    """Counts of 5 and 1 for which of two halves of the inputs spikes."""
    rng = np.random.default_rng(3)
    network = network_of(layer_above, layer_above, sizes=(20, 30, 2), rng=rng, largest=1.5)
    if drive == "pulse":  # the same network, in other units
        pulses = Network()
        pulses.add_layer(InputLayer(20), input=True)
        for layer in network.layers[1:]:
            pulses.add_layer(layer_above(pulses.layers[-1], layer.weights / DT, drive="pulse", name=layer.name))
        network = pulses
    labels = rng.integers(0, 2, 40)
    active = (np.arange(20) < 10) == labels[:, None]
    times = np.where(active & (rng.random((40, 20)) < 0.8), rng.uniform(0, 0.1, (40, 20)), np.inf)[:, :, None]
    counts = np.isfinite(times).sum(axis=2)
    loss, optimizer = SpikeCountClassLoss(5, 1), AdamOptimizer(learning_rate=0.02 / (DT if drive == "pulse" else 1))
    accuracy, spikes, losses = AccuracyMonitor(), SpikeCountMonitor("clocked 1"), []
    for _ in range(40):
        network.reset()
        network.forward(times.astype(np.float32), counts, END)
        trains = network.output_spike_trains
        found, errors = loss.compute_loss_and_errors(*trains, labels)
        losses.append(found.mean())
        gradients = network.backward(errors)
        deltas = optimizer.step([None if gradient is None else gradient.mean(axis=0) for gradient in gradients])
        network.apply_deltas(deltas)
    accuracy.add(loss.predict(*trains), labels)
    spikes.add(trains[1])
    assert losses[-1] < losses[0] / 4
    assert accuracy.record(0) >= 97.5
    assert spikes.record(0) > 0


def test_losses_on_times_work_with_its_spikes():
    layer = layer_above(spiking_input([0.0]), [[7.0], [5.0]])
    layer.forward(END)
    loss, targets = SpikeTimeLoss(), np.array([[0.1, 0.1]])
    before = loss.compute_loss(*layer.spike_trains, targets)[0]
    for _ in range(70):
        errors = loss.compute_errors(*layer.spike_trains, targets)
        layer.add_deltas(-100 * layer.backward(errors)[0][0])
        layer.forward(END)
    assert loss.compute_loss(*layer.spike_trains, targets)[0] < 1e-9 < before  # both are at the grid point


def test_weights_are_stored_and_restored(tmp_path):
    rng = np.random.default_rng(4)
    one, other = (network_of(layer_above, event_driven, sizes=(4, 5, 3), rng=rng) for _ in range(2))
    one.store(tmp_path)
    other.restore(tmp_path)
    for mine, theirs in zip(one.layers[1:], other.layers[1:], strict=True):
        np.testing.assert_array_equal(mine.weights, theirs.weights)
    one.layers[1].store(tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "clocked 0_weights.npy"), one.layers[1].weights)


@pytest.mark.parametrize(("scheme", "reset", "estimator"), [*itertools.product(SCHEMES, RESETS, ESTIMATORS)])
def test_the_network_has_the_gradients_of_the_reference_backend(scheme, reset, estimator):
    results = []
    for backend in ("cpu", "reference"):
        set_backend(backend)
        rng = np.random.default_rng(5)

        def make(below, weights, **arguments):
            return layer_above(below, weights, scheme=scheme, reset=reset, estimator=estimator, **arguments)

        network = network_of(make, make, sizes=(4, 5, 3), rng=rng, dtype=np.float64)
        times = np.sort(rng.uniform(0, 0.1, (2, 4, 2)), axis=2)
        network.forward(times, np.full((2, 4), 2), 0.2)
        errors = rng.normal(size=network.output_spike_trains[0].shape)
        results.append([network.output_spike_trains[0], *network.backward(errors)[1:]])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12 * np.abs(expected[expected < np.inf]).max())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dt": 0.0}, r"dt is 0\.0 s: a step must be finite and above 0"),
        ({"dt": -0.1}, r"dt is -0\.1 s: a step must be finite and above 0"),
        ({"dt": math.nan}, "dt is nan s: a step must be finite and above 0"),
        ({"tau_s": 0.0}, r"tau_s is 0\.0 s: a time constant must be finite and above 0"),
        ({"tau_mem": -1.0}, r"tau_mem is -1\.0 s: a time constant must be finite and above 0"),
        ({"theta": 0.0}, r"theta is 0\.0: the threshold must be finite and above 0"),
        ({"resistance": 0.0}, r"resistance is 0\.0: it must be finite and above 0; the sign of a synapse is that of"),
        ({"v_reset": 0.2}, r"v_reset is 0\.2 with theta = 0\.2: a spike must leave the potential below the threshold"),
        ({"v_reset": -math.inf}, "v_reset is -inf with theta = 0.2"),
        ({"clamp": 0.0}, r"clamp is 0\.0 s: the bound on \|dt/du\| at a spike must be finite and above 0; pass None"),
        ({"clamp": math.inf}, "clamp is inf s: the bound"),
        ({"reset": "none"}, "reset is 'none': pass one of 'hard', 'soft'"),
        ({"scheme": "euler"}, "scheme is 'euler': pass one of 'forward_euler', 'exponential', 'backward_euler', 'bili"),
        ({"estimator": "exact"}, "estimator is 'exact': pass one of 'continuous', 'discrete'"),
        ({"drive": "step"}, "drive is 'step': pass one of 'impulse', 'pulse'"),
        (
            {"dt": 0.26, "scheme": "forward_euler"},
            r"dt is 0\.26 s but forward Euler is unstable from 2 min\(tau_mem, tau_s\) = 0\.26 s on: pass a smaller "
            "dt, or scheme 'backward_euler', 'exponential' or 'bilinear'",
        ),
        ({"dt": 8.0}, r"dt is 8\.0 s, more than 30 times the slowest time constant of 0\.26 s"),
        (
            {"duration": 0.001},
            r"duration is 0\.001 s with dt = 0\.01 s: pass the seconds to simulate, at lea",
        ),
        ({"duration": -1.0}, r"duration is -1\.0 s with dt = 0\.01 s"),
        ({"max_n_spike": 0}, "max_n_spike is 0: the buffer needs room for at least 1"),
        ({"n_neurons": 0}, "n_neurons is 0: a layer needs at least 1 neuron"),
        ({"dtype": np.float16}, "dtype is float16: pass float32 or float64"),
    ],
)
def test_arguments_out_of_range_are_refused_in_words(arguments, message):
    with pytest.raises(ValueError, match=message):
        layer_above(InputLayer(1), [[1.0]], **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dt": "a"}, "dt is 'a': a step must be finite and above 0"),
        ({"tau_mem": None}, "tau_mem is None: a time constant must be finite and above 0"),
        ({"v_reset": None}, "v_reset is None: a spike must leave the potential below the threshold"),
        ({"duration": "a"}, "duration is 'a': pass the seconds to simulate"),
        ({"weight_initializer": 3}, "weight_initializer is 3: pass a function of"),
    ],
)
def test_arguments_of_another_kind_are_refused_in_words(arguments, message):
    with pytest.raises(TypeError, match=message):
        layer_above(InputLayer(1), [[1.0]], **arguments)


def test_a_layer_without_one_below_is_refused_in_words():
    with pytest.raises(TypeError, match="previous_layer is None: pass the layer below, for example an InputLayer"):
        ClockedLIFLayer(None, n_neurons=1, **CONSTANTS)


@pytest.mark.parametrize("scheme", ["backward_euler", "exponential", "bilinear"])
def test_the_other_schemes_are_stable_with_a_step_of_many_time_constants(scheme):
    layer = layer_above(spiking_input([0.0]), [[1.0]], dt=2.0, scheme=scheme, theta=1e9)
    layer.forward(200.0)
    potentials = np.abs(layer.traces()[1][0, :, 0])
    assert potentials.argmax() < 5
    assert potentials[-1] < 1e-3 * potentials.max()


def test_a_simulation_without_an_end_or_without_a_step_is_refused_in_words():
    layer = layer_above(spiking_input([0.0]), [[1.0]])
    with pytest.raises(ValueError, match="layer 'clocked' steps by a clock and needs an end: pass max_simulation"):
        layer.forward(math.inf)
    with pytest.raises(ValueError, match=r"dt is 0\.01 s but the simulation ends at 0\.005 s"):
        layer.forward(0.005)


def test_spikes_and_traces_are_asked_for_too_early():
    layer = layer_above(InputLayer(1), [[1.0]])
    for ask in (lambda: layer.spike_trains, layer.traces, lambda: layer.backward(np.ones((1, 1, 1)))):
        with pytest.raises(RuntimeError, match="layer 'clocked' has not been simulated yet"):
            ask()


def test_reset_forgets_the_spikes():
    layer = layer_above(spiking_input([0.0]), [[1.0]])
    layer.forward(END)
    layer.reset()
    with pytest.raises(RuntimeError, match="has not been simulated yet"):
        _ = layer.spike_trains


def test_diverged_weights_are_refused_in_words():
    layer = layer_above(spiking_input([0.0, 0.0, 0.0]), [[3e38, 3e38, 3e38]])
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="weights have diverged: the potential of neuron 0"):
        layer.forward(END)


def test_grid_times_in_single_precision_are_on_the_grid_of_a_layer_in_double_precision():
    """0.7 is below 7 * 0.1 in float32, by more than float64 takes for rounding."""
    network, k = Network(), np.arange(1, 30)
    network.add_layer(InputLayer(1), input=True)
    layer = ClockedLIFLayer(
        network.layers[0], n_neurons=1, dt=0.1, tau_s=0.5, tau_mem=0.5, theta=1.0, dtype=np.float64,
        weight_initializer=lambda n_post, n_pre: np.ones((n_post, n_pre)),
    )  # fmt: skip
    network.add_layer(layer)
    network.forward((k * 0.1).astype(np.float32)[None, None], np.array([[29]]), 4.0)
    np.testing.assert_array_equal(layer.emitted.input_steps, k)
