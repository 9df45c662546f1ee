"""The published protocol of SLAYER: lava-dl's bins, its own blocks, and a patch that is gone afterwards."""

import numpy as np
import pytest

pytest.importorskip("lava_dt", reason="SLAYER needs torch, lava-nc and lava-dl")

import patches
from runs.config import ConfigError, make_config
from runs.data import load_events, load_nmnist
from runs.deploy.opening import open_network
from runs.training import make_learner, train
from runs.training.slayer_published import entry_steps, fill_bins

TINY = {
    "protocol": "published",
    "hidden": (16, 12),
    "epochs": 1,
    "steps": 60,
    "train_samples": 16,
    "test_samples": 8,
    "batch": 8,
    "learning_rate": 1e-2,
}
PATCH = "published-protocol"


def learner_of(**values):
    return make_learner(make_config("slayer", {**TINY, **values}))


def state():
    return next(row.state.name for row in patches.status() if row.name == PATCH)


class Spy:
    """A watcher that notes whether the patch is there while an epoch is trained."""

    def __init__(self):
        self.seen = set()

    def tick(self, samples, total):
        self.seen.add(state())


@pytest.mark.parametrize("dt", [1, 2, 8])
def test_bins_are_filled_as_lava_dl_fills_them(dt):
    import torch
    from lava.lib.dl import slayer

    recordings, events = load_nmnist(None, "test"), load_events("nmnist", "test")
    for i in (0, 5):
        first, end = recordings.offsets[i : i + 2]
        t = recordings.t[first:end] / 1000
        event = slayer.io.Event(
            *(getattr(recordings, name)[first:end].astype(int) for name in ("x", "y", "polarity")), t
        )
        wanted = event.fill_tensor(torch.zeros(2, 34, 34, 300 // dt), sampling_time=dt).reshape(-1, 300 // dt).numpy()
        ours = fill_bins(events, [i], 300, dt, "fill")[0]
        halves = int(np.count_nonzero(t / dt % 1 == 0.5))  # rounded to even there, up here
        assert ours.shape == wanted.shape and np.count_nonzero(ours != wanted) <= 2 * halves
        assert set(np.unique(ours)) == {0, np.float32(1 / dt)}


def test_what_a_bin_holds_can_be_chosen():
    events = load_events("nmnist", "test")
    fill, any_, count = (fill_bins(events, [0, 1], 300, 8, binning) for binning in ("fill", "any", "count"))
    assert np.array_equal(fill * 8, any_) and np.array_equal(any_, np.minimum(count, 1))
    assert count.max() > 1 and count.shape == (2, 2312, 37)
    early = events.bin([0, 1], 292)  # the last bin ends at 36.5 * 8
    assert count.sum() == early.sum()


def test_the_patch_is_there_while_an_epoch_is_trained_and_at_no_other_time():
    learner, spy = learner_of(dt=4), Spy()
    learner.train_epoch(1, spy)
    assert spy.seen == {"APPLIED"} and state() == "NOT_APPLIED"
    learner.test()
    assert state() == "NOT_APPLIED"
    unmasked, spy = learner_of(dt=4, mask=False), Spy()
    unmasked.train_epoch(1, spy)
    assert spy.seen == {"NOT_APPLIED"}


def test_at_one_step_lava_dl_itself_is_trained(watcher):
    own, cuda = learner_of(backward="exact"), learner_of()
    plain = cuda.blocks  # trained below without the patch
    import torch
    from lava.lib.dl import slayer

    torch.manual_seed(0)
    spikes = torch.from_numpy(fill_bins(load_events("nmnist", "train"), range(8), 60, 1, "fill"))
    for block in plain:
        spikes = block(spikes)
    slayer.loss.SpikeRate(true_rate=0.2, false_rate=0.03, reduction="sum")(spikes, torch.arange(8)).backward()
    unpatched = {name: value.grad for name, value in plain.named_parameters() if value.grad is not None}
    torch.manual_seed(0)
    with own._masked():
        spikes = torch.from_numpy(fill_bins(load_events("nmnist", "train"), range(8), 60, 1, "fill"))
        for block in own.blocks:
            spikes = block(spikes)
        slayer.loss.SpikeRate(true_rate=0.2, false_rate=0.03, reduction="sum")(spikes, torch.arange(8)).backward()
    patched = {name: value.grad for name, value in own.blocks.named_parameters() if value.grad is not None}
    assert patched.keys() == unpatched.keys() and any(grad.any() for grad in patched.values())
    for name, grad in patched.items():
        torch.testing.assert_close(grad, unpatched[name], rtol=1e-4, atol=1e-7)  # sums in another order


def test_testing_is_at_one_step_unless_asked_for_at_that_of_training():
    fine, own = (learner_of(dt=10, test_fine=value) for value in (True, False))
    assert fine.test()["test_neuron_updates"] == 60 * (16 + 12 + 10)
    assert own.test()["test_neuron_updates"] == 6 * (16 + 12 + 10)
    assert own.test()["test_synaptic_operations"] < fine.test()["test_synaptic_operations"]


def test_decays_follow_the_step_only_where_that_is_asked_for(watcher):
    for rescale, wanted in ((False, 0.25), (True, 1 - 0.75**4)):
        learner = learner_of(dt=4, rescale=rescale)
        learner.train_epoch(1, watcher())
        assert learner.blocks[0].neuron.current_decay.item() == pytest.approx(4096 * wanted, rel=1e-6)
        learner.test()
        assert learner.blocks[0].neuron.current_decay.item() == 4096 * 0.25


def test_without_bins_the_mask_counts_in_fine_steps():
    assert entry_steps(make_config("slayer", {**TINY, "dt": 4})) == 4
    assert entry_steps(make_config("slayer", {**TINY, "dt": 4, "prebinned": False})) == 1
    assert learner_of(dt=4, prebinned=False)._entries() == 60


def test_a_published_run_is_not_exported_in_words(tmp_path, watcher):
    train(make_config("slayer", {**TINY, "train_samples": 8, "dt": 4}), tmp_path, watcher())
    with pytest.raises(ConfigError, match=r"published protocol, whose masked neurons no Lava process computes"):
        open_network(tmp_path)
