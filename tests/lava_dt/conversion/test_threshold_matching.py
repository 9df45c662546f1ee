"""Thresholds by how well a layer follows the fine network."""

import copy
import math

import pytest
import torch

import lava_dt
from lava_dt import Timestep
from lava_dt.block import cuba
from lava_dt.conversion import convert, record
from lava_dt.conversion.threshold_matching import FACTORS, counts_kept, difference_kept
from lava_dt.conversion.thresholds import fine_threshold, set_fine_threshold

X = (torch.rand(6, 40, 96, generator=torch.Generator().manual_seed(7)) < 0.2).float()


def spikes(counts):
    """(batch, neuron, bins) with these sums."""
    return torch.tensor(counts, dtype=torch.float32).unsqueeze(-1)


def test_counts_are_kept_whatever_their_scale():
    fine = spikes([[1, 2], [3, 4]])
    assert counts_kept(3 * fine, fine) == pytest.approx(1)
    assert counts_kept(5 - fine, fine) == pytest.approx(-1)
    assert counts_kept(torch.ones(2, 2, 1), fine) == -math.inf  # firing alike everywhere says nothing


def test_differences_are_those_between_neurons_of_a_sample():
    fine = spikes([[1, 2], [3, 4]])
    assert difference_kept(spikes([[7, 8], [0, 1]]), fine) == pytest.approx(1)
    assert difference_kept(spikes([[2, 2], [9, 9]]), fine) == -math.inf


def network(parameters, *last):
    torch.manual_seed(3)
    net = torch.nn.Sequential(cuba.Dense(parameters, 40, 30, weight_scale=4), *last).eval()
    net(X)
    return net


@torch.no_grad()
def test_each_layer_gets_the_factor_with_the_best_score_for_what_the_converted_layers_before_it_send(parameters):
    def fresh():
        torch.manual_seed(5)
        return network(parameters, cuba.Dense(parameters, 30, 10, weight_scale=6))

    net = fresh()
    responses = record(net, [X])
    fine = [part[0].to_dense() for part in responses.spikes]
    told = convert(net, 4, "step-invariant+matched", responses)
    plain = fresh()
    start = convert(plain, 4, "step-invariant")
    signal = lava_dt.rebin(X, 4)
    scores = (counts_kept, difference_kept)
    for layer, before, block, counts, score in zip(told.layers, start.layers, plain, fine, scores, strict=True):
        found = {}
        threshold = block.neuron._threshold
        for factor in FACTORS:
            block.neuron._threshold = round(64 * threshold * factor) / 64
            found[int(block.neuron._threshold * 64)] = score(block.neuron.respond(block.drive_bins(signal)), counts)
        start_at = int(64 * threshold)
        best = max(found, key=lambda each: (found[each], -abs(math.log(each / start_at)), -each))
        block.neuron._threshold = best / 64
        assert layer.threshold_after == block.neuron.v_th_mant and layer.factor == best / start_at
        assert before.factor == 1
        signal = block(signal)


@pytest.mark.parametrize(
    "last",
    [
        lambda p: cuba.Affine(p, 30, 4),
        lambda p: cuba.Recurrent(dict(p), 30, 10, weight_scale=4),
        lambda p: cuba.Average(10),
    ],
    ids=["Affine", "Recurrent", "Average"],
)
def test_every_kind_of_layer_passes_through_on_both_clocks(parameters, last):
    thresholds = []
    for clock in ("coarse", "held"):
        torch.manual_seed(5)
        net = network(parameters, last(parameters))
        told = convert(net, 4, "backward-euler+matched", record(net, [X]), clock=clock)
        thresholds.append([layer.threshold_after for layer in told.layers])
    assert thresholds[0] == thresholds[1]


def test_images_are_matched_too(parameters):
    images = (torch.rand(2, 2, 8, 8, 40, generator=torch.Generator().manual_seed(8)) < 0.2).float()
    torch.manual_seed(3)
    net = torch.nn.Sequential(
        cuba.Conv(parameters, 2, 4, 3, weight_scale=4), cuba.Flatten(), cuba.Dense(parameters, 144, 5, weight_scale=4)
    ).eval()
    net(images)
    lava_dt.discretize(net, Timestep())
    told = convert(net, 4, "backward-euler+matched", record(net, [images]))
    assert [layer.name for layer in told.layers] == ["Conv 0", "Dense 2"] and net(lava_dt.rebin(images, 4)).shape[
        -1
    ] == 10


@pytest.mark.parametrize("rate", [0.0, 1.0], ids=["silent", "saturated"])
def test_a_layer_whose_neurons_answer_alike_keeps_the_threshold_of_the_rule_and_says_so(parameters, rate):
    net = network(parameters)
    with torch.no_grad():
        net[0].synapse.weight.data.fill_(4.0)  # each spike fires it
    x = torch.full((3, 40, 32), rate)
    told = convert(net, 4, "backward-euler+matched", record(net, [x]))
    plain = network(parameters)
    assert told.layers[0].threshold_after == convert(plain, 4, "backward-euler").layers[0].threshold_after
    assert told.layers[0].factor == 1
    (note,) = told.notes
    assert note.startswith("Dense 0: on the calibration samples its neurons answer all alike")
    assert str(told).splitlines()[-1] == note


def test_a_threshold_at_the_end_of_those_tried_is_said(parameters, monkeypatch):
    net = network(parameters)
    responses = record(net, [X])
    for sign, end in ((1, "4 times the rule's, is the highest"), (-1, "0.5 times the rule's, is the lowest")):
        scores = iter(sign * number for number in range(len(FACTORS)))
        monkeypatch.setattr("lava_dt.conversion.threshold_matching.difference_kept", lambda *_, s=scores: next(s))
        copied = copy.deepcopy(net)
        told = convert(copied, 4, "backward-euler+matched", responses)
        assert f"Dense 0: the best threshold, {end} that was tried" in told.notes[0]
    monkeypatch.undo()
    monkeypatch.setattr("lava_dt.conversion.threshold_matching.difference_kept", lambda *_: 0.5)
    told = convert(net, 4, "backward-euler+matched", responses)
    assert told.layers[0].factor == 1 and told.notes == ()  # of equals the nearest to the rule's


def test_no_threshold_is_tried_that_a_register_of_17_bits_cannot_hold(parameters, monkeypatch):
    net = network({**parameters, "threshold": 1500.0})
    monkeypatch.setattr("lava_dt.conversion.threshold_matching.difference_kept", lambda spikes, counts: 0.1)
    seen = []
    from lava_dt.conversion import threshold_matching

    kept = threshold_matching.set_fine_threshold
    monkeypatch.setattr(threshold_matching, "set_fine_threshold", lambda n, t: (kept(n, t), seen.append(n.v_th_mant)))
    convert(net, 2, "backward-euler+matched", record(net, [X]))
    assert 2**16 < max(seen) < 2**17 and len(seen) > 10


def test_thresholds_are_kept_at_scales_that_are_no_powers_of_two(parameters):
    net = network({**parameters, "scale": 100})
    neuron = net[0].neuron
    for whole in range(1, 400):
        set_fine_threshold(neuron, whole)
        assert fine_threshold(neuron) == neuron.v_th_mant == whole
