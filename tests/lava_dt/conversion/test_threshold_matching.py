"""Thresholds by how well a layer follows the fine network."""

import pytest
import torch

import lava_dt
from lava_dt import Timestep
from lava_dt.block import cuba
from lava_dt.conversion import convert, record
from lava_dt.conversion.threshold_matching import FACTORS, counts_kept, difference_kept

X = (torch.rand(6, 40, 96, generator=torch.Generator().manual_seed(7)) < 0.2).float()


def spikes(counts):
    """(batch, neuron, bins) with these sums."""
    return torch.tensor(counts, dtype=torch.float32).unsqueeze(-1)


def test_counts_are_kept_whatever_their_scale():
    fine = spikes([[1, 2], [3, 4]])
    assert counts_kept(3 * fine, fine) == pytest.approx(1)
    assert counts_kept(5 - fine, fine) == pytest.approx(-1)
    assert counts_kept(torch.ones(2, 2, 1), fine) == -1  # firing alike everywhere says nothing


def test_differences_are_those_between_neurons_of_a_sample():
    fine = spikes([[1, 2], [3, 4]])
    assert difference_kept(spikes([[7, 8], [0, 1]]), fine) == pytest.approx(1)
    assert difference_kept(spikes([[2, 2], [9, 9]]), fine) == -1


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
        best = max(found, key=lambda candidate: (found[candidate], -candidate))
        block.neuron._threshold = best / 64
        assert layer.threshold_after == block.neuron.v_th_mant and layer.factor == best / int(64 * threshold)
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
