"""Fine-tuning: nearer to what the network answered at dt = 1, the same after a stop, and still Loihi's integers."""

import copy
import dataclasses
import itertools

import numpy as np
import pytest

pytest.importorskip("lava_dt", reason="Lava needs torch, lava-nc and lava-dl")

import torch

import lava_dt
from bats_dt import Network
from bats_dt.layers import InputLayer, LIFLayer
from lava_dt.conversion import RULES, convert
from lava_dt.export.bats import from_bats
from lava_dt.export.blocks import describe
from runs.config import ConfigError
from runs.tune.data import ArraySamples
from runs.tune.finetuning import answers, finetune

NEURON = {"threshold": 1.25, "current_decay": 0.25, "voltage_decay": 0.03, "tau_grad": 0.03, "scale_grad": 3}
RULE = "backward-euler"


@pytest.fixture(autouse=True)
def _larger_steps(monkeypatch):
    """Of networks this small, in so few steps."""
    monkeypatch.setattr("runs.tune.finetuning._WANDER", 0.2)


@pytest.fixture
def keep_the_last(monkeypatch):
    """Whatever the samples that are held back say."""
    scores = itertools.count()
    monkeypatch.setattr("runs.tune.fitting.Loss.score", lambda *_: (float(next(scores)), 0.0))


class Watcher:
    """Keeps what it is told; stops the training (as Ctrl-C would) in the epoch `stop`."""

    def __init__(self, stop=None):
        self.stop, self.lines, self.warnings, self.ticks = stop, [], [], []

    def tick(self, samples, total):
        self.ticks.append((samples, total))
        if self.stop is not None and len(self.lines) == self.stop - 1 and samples < 65:
            raise KeyboardInterrupt

    def line(self, text):
        self.lines.append(text)

    def warn(self, sentence):
        self.warnings.append(sentence)


def samples(n=96, channels=12, steps=33, rate=0.05):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, n)
    rates = np.where(np.arange(channels) % 4 == labels[:, None], 4 * rate, rate)
    spikes = rng.poisson(rates[:, :, None], (n, channels, steps)).astype(np.uint8)
    return ArraySamples(name="made", spikes=spikes, labels=labels, step=1e-3)


def network(weight_norm=False, delay=False):
    torch.manual_seed(0)
    kinds = {"weight_norm": weight_norm}
    net = torch.nn.Sequential(
        lava_dt.cuba.Dense(dict(NEURON), 12, 16, delay=delay, **kinds), lava_dt.cuba.Dense(dict(NEURON), 16, 4, **kinds)
    )
    with torch.no_grad():
        for block, size in zip(net, (0.5, 0.3), strict=True):
            above, below = block.synapse.weight.shape[:2] if not weight_norm else block.synapse.weight_v.shape[:2]
            same_class = (torch.arange(above)[:, None] % 4 == torch.arange(below) % 4).float()
            weight = size * (same_class - 0.2 + 0.2 * torch.randn(above, below))
            (block.synapse.weight_v if weight_norm else block.synapse.weight).copy_(weight[:, :, None, None, None])
        net.eval()(torch.zeros(1, 12, 2))
        if delay:
            net[0].delay.delay.data = torch.arange(16.0)
            net[0].delay.init = True
    return net


def count(spikes):
    return spikes.sum(-1).argmax(1)


def tuned(folder, watcher=None, epochs=3, seed=0, net=None, dt=8, shown=None):
    net, shown = network() if net is None else net, samples() if shown is None else shown
    targets = answers(net, shown)
    convert(net, dt, "tau-scaling")  # which leaves much to be learnt
    finetune(net, shown, targets, epochs, dt, count, seed, folder, watcher or Watcher())
    return net


def state(net):
    return {name: value.clone() for name, value in net.state_dict().items()}


def same(one, other):
    one, other = one.state_dict(), other.state_dict()
    return all(torch.equal(one[name], other[name]) for name in one) and one.keys() == other.keys()


def loss(net, shown, targets, dt, share):
    """As the module's page has it, of the whole set; share: the mean of the largest count before the training."""
    label = torch.nn.functional.one_hot(torch.from_numpy(shown.labels), 4)
    wanted = torch.softmax(5 * (torch.from_numpy(targets) / targets.max(1).mean() + label) / 2, 1)
    given = torch.log_softmax(5 * torch.from_numpy(answers(net, shown, dt=dt)) / share, 1)
    return float(-(wanted * given).sum(1).mean())


def test_answers_are_the_spikes_of_every_output_neuron_at_any_step():
    net, shown = network(), samples(n=7)
    with torch.no_grad():
        expected = net(torch.from_numpy(shown.spikes.astype(np.float32))).sum(-1).numpy()
        assert np.array_equal(answers(net, shown), expected) and expected.max() > 3
        convert(net, 4, RULE)
        coarse = net(lava_dt.rebin(torch.from_numpy(shown.spikes.astype(np.float32)), 4)).sum(-1).numpy()
    found = answers(net, shown, dt=4)
    assert np.array_equal(found, coarse) and found.dtype == np.float32


def test_training_brings_a_network_nearer_to_what_it_answered_at_its_own_step(tmp_path):
    shown, net = samples(n=192), network()
    targets = answers(net, shown)
    convert(net, 8, "tau-scaling")
    share = float(answers(net, shown, dt=8).max(1).mean())
    before, watcher = loss(net, shown, targets, 8, share), Watcher()
    finetune(net, shown, targets, 4, 8, count, 0, tmp_path, watcher)
    assert loss(net, shown, targets, 8, share) < before - 0.1
    assert len(watcher.lines) == 4 and watcher.lines[-1].startswith("dt = 8: epoch 4 of 4 of fine-tuning, ")
    assert watcher.ticks[-1] == (168, 168)  # one in eight is held back


def test_only_weights_change_and_surrogates_are_wide_while_it_lasts(tmp_path, keep_the_last):
    net = network(weight_norm=True, delay=True)
    shown, targets = samples(), answers(net, samples())
    convert(net, 4, RULE)
    before, widths = state(net), []
    own = [(block.neuron.tau_rho, block.neuron.scale_rho) for block in net]

    def decide(spikes):
        neurons = [block.neuron for block in net]
        widths.append(
            [float(n.surrogate_width / (n.level / n.s_scale)) for n in neurons] + [neurons[0].surrogate_scale]
        )
        return count(spikes)

    finetune(net, shown, targets, 1, 4, decide, 0, tmp_path, Watcher())
    changed = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and all("synapse." in name for name in changed)
    assert widths[0] == pytest.approx([3, 3, 1])
    assert [(block.neuron.tau_rho, block.neuron.scale_rho) for block in net] == own
    assert not any(block.training for block in net)


def test_a_training_that_was_stopped_goes_on_to_the_same_network(tmp_path):
    whole, start = tuned(tmp_path / "whole"), network()
    assert not same(whole, start)
    for stop in (1, 2, 2):  # in the first, the second and the third epoch
        watcher = Watcher(stop)
        with pytest.raises(KeyboardInterrupt):
            tuned(tmp_path / "parts", watcher)
        assert len(watcher.lines) == (0 if stop == 1 else 1)
    watcher = Watcher()
    assert same(tuned(tmp_path / "parts", watcher), whole)
    assert len(watcher.lines) == 1, "two of three epochs were there"
    again = Watcher()
    assert same(tuned(tmp_path / "parts", again), whole) and not again.lines
    assert not same(tuned(tmp_path / "other", seed=1), whole)


def ready(dt=8, n=192, rule="tau-scaling"):
    """A converted network, its samples, what it answered before, and those held back from its training (seed 0)."""
    shown, net = samples(n=n), network()
    targets = answers(net, shown)
    convert(net, dt, rule)
    return net, shown, targets, np.random.default_rng([0, 0]).permutation(n)[: n // 8]


def right(net, shown, held):
    return int((answers(net, shown, dt=8).argmax(1) == shown.labels)[held].sum())


def followed(net, shown, targets, held, folder):
    """Fine-tunes for three epochs; how many of those held back were right before and after each, and what was told."""
    seen, watcher = [right(net, shown, held)], Watcher()
    watcher.line = lambda text: (watcher.lines.append(text), seen.append(right(net, shown, held)))
    finetune(net, shown, targets, 3, 8, count, 0, folder, watcher)
    return seen, watcher.lines


def test_the_network_that_is_kept_is_the_best_on_samples_that_are_held_back(tmp_path):
    net, shown, targets, held = ready()
    seen, lines = followed(net, shown, targets, held, tmp_path)
    assert right(net, shown, held) == max(seen) > seen[0]
    assert f"{seen[3]} of 24 held back ({seen[0]} before); kept: epoch " in lines[2] and "kept" not in lines[1]


def test_a_training_that_only_does_harm_leaves_the_network_as_it_was_converted(tmp_path, monkeypatch):
    monkeypatch.setattr("runs.tune.finetuning._WANDER", 500.0)
    net, shown, targets, held = ready(rule=RULE)
    before = state(net)
    seen, lines = followed(net, shown, targets, held, tmp_path)
    assert max(seen[1:]) < seen[0] and lines[2].endswith("kept: the network as it was converted")
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    finetune(net, shown, targets, 3, 8, count, 0, tmp_path, Watcher())  # from the folder
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_samples_that_are_held_back_are_not_trained_on(tmp_path):
    trained = []

    class Asked(ArraySamples):
        def batch(self, indices, dt=1, sparse=False):
            if torch.is_grad_enabled():
                trained.extend(np.asarray(indices).tolist())
            return super().batch(indices, dt, sparse)

    net, shown, targets, held = ready(n=96)
    asked = Asked(name="made", spikes=shown.spikes, labels=shown.labels, step=1e-3)
    finetune(net, asked, targets, 2, 8, count, 0, tmp_path, Watcher())
    assert sorted(trained) == sorted(2 * [i for i in range(96) if i not in set(held.tolist())])


def test_a_damaged_checkpoint_is_told_and_its_epoch_trained_again(tmp_path):
    whole = tuned(tmp_path)
    newest = max(tmp_path.glob("checkpoint-*"))
    newest.write_bytes(newest.read_bytes()[:-40])
    watcher = Watcher()
    assert same(tuned(tmp_path, watcher), whole)
    assert "is damaged" in watcher.warnings[0] and "continuing after epoch 2" in watcher.warnings[0]
    assert len(watcher.lines) == 1


def test_weights_are_still_eight_bits_when_they_leave(tmp_path):
    net = tuned(tmp_path, dt=4)
    for layer in describe(net).layers:
        assert layer.weight is not None and not (np.asarray(layer.weight) % 2).any()
        assert np.abs(layer.weight).max() <= 256
    lava_dt.export.write_hdf5(net, tmp_path / "network.net")
    read, shown = lava_dt.export.read_hdf5(tmp_path / "network.net"), samples(n=9)
    assert np.array_equal(answers(read, shown, dt=4), answers(net, shown, dt=4))


def test_a_network_of_bats_is_trained_and_stays_loihis(tmp_path, keep_the_last):
    rng = np.random.default_rng(0)
    below = InputLayer(n_neurons=12, name="input")
    bats = Network()
    bats.add_layer(below, input=True)
    for name, size in (("hidden1", 16), ("output", 4)):
        below = LIFLayer(
            below, n_neurons=size, tau_s=0.013, theta=0.2, delta_theta=0.2, max_n_spike=30, name=name,
            weight_initializer=lambda *shape: rng.uniform(-0.3, 0.6, shape).astype(np.float32),
        )  # fmt: skip
        bats.add_layer(below)
    net, shown = from_bats(bats, 1e-3).net, samples()
    targets = answers(net, shown)
    convert(net, 4, RULE)
    before = copy.deepcopy(net)
    finetune(net, shown, targets, 1, 4, count, 0, tmp_path, Watcher())
    assert not same(net, before)
    for new, old in zip(describe(net).layers, describe(before).layers, strict=True):
        assert not (np.asarray(new.weight) % 2).any() and np.abs(new.weight).max() <= 256
        assert new.neuron == old.neuron


def test_a_folder_of_another_training_is_refused(tmp_path):
    tuned(tmp_path, epochs=1)
    says = r"holds a fine-tuning of something else \(dt 8, 1 epochs, .*give another"
    with pytest.raises(ConfigError, match=says):
        tuned(tmp_path, epochs=2)
    net, shown = network(), samples()
    targets = answers(net, shown)
    convert(net, 8, dataclasses.replace(RULES["tau-scaling"], reset="soft"))  # the same weights and thresholds
    with pytest.raises(ConfigError, match=says):
        finetune(net, shown, targets, 1, 8, count, 0, tmp_path, Watcher())


def test_what_does_not_fit_is_refused_in_words(tmp_path):
    net, shown = network(), samples(n=8)
    targets = answers(net, shown)
    with pytest.raises(ValueError, match="targets of 7 samples and 8 samples: pass one row each"):
        finetune(net, shown, targets[:7], 1, 1, count, 0, tmp_path, Watcher())
    with pytest.raises(ValueError, match="epochs is 0: pass 1 or more"):
        finetune(net, shown, targets, 0, 1, count, 0, tmp_path, Watcher())
    with pytest.raises(ValueError, match="there are 7 samples, and one in 8 is held back: pass 8 or more"):
        finetune(net, shown.take(slice(7)), targets[:7], 1, 1, count, 0, tmp_path, Watcher())
    for weight in net.parameters():
        weight.requires_grad_(False)
    with pytest.raises(ValueError, match="no synapse whose weights can be trained"):
        finetune(net, shown, targets, 1, 1, count, 0, tmp_path, Watcher())
