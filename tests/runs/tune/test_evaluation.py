"""What networks make of samples at a step, counted as one would by hand."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("lava_dt", reason="Lava needs torch, lava-nc and lava-dl")

import torch

import lava_dt
from runs.tune.data import ArraySamples
from runs.tune.evaluation import evaluate, join

NEURON = {"threshold": 1.25, "current_decay": 0.25, "voltage_decay": 0.03}


def samples(n=30, shape=(12,), steps=21, seed=0):
    rng = np.random.default_rng(seed)
    spikes = rng.poisson(0.3, (n, *shape, steps)).astype(np.uint8)
    return ArraySamples(name="made", spikes=spikes, labels=rng.integers(0, 4, n), step=1e-3)


def dense(**timestep):
    torch.manual_seed(0)
    step = lava_dt.Timestep(**{"scheme": "exponential", "gain": "integral", **timestep})
    net = torch.nn.Sequential(
        lava_dt.cuba.Dense({**NEURON, "timestep": step}, 12, 8), lava_dt.cuba.Dense({**NEURON, "timestep": step}, 8, 4)
    )
    with torch.no_grad():
        net[0].synapse.weight.copy_(torch.randn(8, 12, 1, 1, 1) * 0.5 + 0.2)
        net[1].synapse.weight.copy_(torch.randn(4, 8, 1, 1, 1))
        net[0].synapse.weight[:, 3] = 0  # which reach nothing
        net.eval()(torch.zeros(1, 12, 2))
    return net


def told(evaluation):
    """All that an evaluation says, to compare."""
    values = dataclasses.asdict(evaluation)
    return {**values, **{name: getattr(evaluation, name).tolist() for name in ("predicted", "labels", "counts")}}


def count(spikes):
    return spikes.sum(-1).argmax(1)


@pytest.mark.parametrize("dt", [1, 2, 4, 16])
def test_an_evaluation_counts_what_the_network_does_with_the_rebinned_fine_steps(dt):
    net, shown = dense(dt=dt, clock="coarse"), samples()
    rows = np.array([7, 2, 29, 11, 0])
    found = evaluate(net, shown, rows, dt, count)
    with torch.no_grad():
        binned = lava_dt.rebin(torch.from_numpy(shown.spikes[rows].astype(np.float32)), dt)
        hidden = net[0](binned)
        output = net[1](hidden)
    assert found.predicted.tolist() == output.sum(-1).argmax(1).tolist()
    assert np.array_equal(found.labels, shown.labels[rows])
    assert found.spikes == (hidden.sum().item() / 5, output.sum().item() / 5) and hidden.any()
    assert found.input_events == shown.spikes[rows].sum() / 5
    assert found.input_messages == (binned > 0).sum().item() / 5
    assert found.graded_totals == (binned > 1).sum().item()
    reach = np.array(
        [np.count_nonzero(np.rint(w * 32)) for w in net[0].synapse.weight.detach().numpy()[:, :, 0, 0, 0].T]
    )
    assert reach[3] == 0
    assert found.operations[0] * 5 == ((binned > 0).sum((0, 2)).numpy() * reach).sum()
    assert found.operations[2] == 0 and (found.steps, found.seconds) == (-(-21 // dt), pytest.approx(0.021))
    assert found.names == ("layer 0 (dense)", "layer 1 (dense)") and found.neurons == (8, 4)
    assert found.accuracy == (found.predicted == found.labels).mean() == found.correct.mean()


def test_both_clocks_and_any_batch_give_the_same(monkeypatch):
    shown, rows = samples(), np.arange(30)
    coarse = evaluate(dense(dt=4, clock="coarse"), shown, rows, 4, count)
    held = evaluate(dense(dt=4, clock="held"), shown, rows, 4, count)
    monkeypatch.setattr("runs.tune.evaluation._LARGEST", 8)
    pieces = evaluate(dense(dt=4, clock="coarse"), shown, rows, 4, count)
    for other in (held, pieces):
        assert told(other) == told(coarse)


def test_evaluations_of_parts_join_to_that_of_the_whole():
    net, shown = dense(dt=2, clock="coarse"), samples()
    whole = evaluate(net, shown, np.arange(30), 2, count)
    parts = [evaluate(net, shown, np.arange(a, b), 2, count) for a, b in ((0, 9), (9, 10), (10, 30))]
    assert told(join(parts)) == told(whole)


def test_a_convolution_is_counted_by_what_each_of_its_pixels_reaches():
    torch.manual_seed(1)
    step = lava_dt.Timestep(dt=2, clock="coarse", scheme="exponential", gain="integral")
    neuron = {**NEURON, "timestep": step}
    net = torch.nn.Sequential(
        lava_dt.cuba.Conv(neuron, 2, 3, 3), lava_dt.cuba.Flatten(), lava_dt.cuba.Dense(neuron, 3 * 4 * 4, 4)
    )
    with torch.no_grad():
        net[0].synapse.weight.fill_(0.5)
        net[2].synapse.weight.fill_(0.5)
        net.eval()(torch.zeros(1, 2, 6, 6, 2))
    shown = samples(6, (2, 6, 6), 10)
    found = evaluate(net, shown, np.arange(6), 2, count)
    binned = lava_dt.rebin(torch.from_numpy(shown.spikes.astype(np.float32)), 2)
    by_pixel = (binned > 0).sum((0, 1, 4)).numpy()
    windows = np.array([min(i, 5 - i, 2) + 1 for i in range(6)])  # positions of a kernel of 3 over a side of 6
    assert found.operation_totals[0] == 3 * (by_pixel * np.outer(windows, windows)).sum()
    assert found.operation_totals[1] == found.spike_totals[0] * 4 and found.spike_totals[0] > 0


def test_a_watcher_is_told_and_wrong_calls_are_refused():
    net, shown, seen = dense(), samples(), []

    class Told:
        def tick(self, done, total):
            seen.append((done, total))

    evaluate(net, shown, np.arange(30), 1, count, Told())
    assert seen[-1] == (30, 30)
    with pytest.raises(ValueError, match="the network is at dt = 1 and dt = 4 was asked for: convert it first"):
        evaluate(net, shown, [0], 4, count)
    with pytest.raises(ValueError, match="there are no samples to evaluate"):
        evaluate(net, shown, [], 1, count)
    with pytest.raises(ValueError, match="there are no evaluations to join"):
        join([])
    one, other = evaluate(net, shown, [0], 1, count), evaluate(dense(dt=2, clock="coarse"), shown, [1], 2, count)
    with pytest.raises(ValueError, match="steps is 21 of one evaluation and 11 of another"):
        join([one, other])
