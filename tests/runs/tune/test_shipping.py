"""The files of a converted network where there is no room for them."""

import errno
from types import SimpleNamespace

import pytest

pytest.importorskip("lava_dt", reason="Lava needs torch, lava-nc and lava-dl")

from runs.tune import shipping


def test_a_full_disk_is_told_in_one_sentence_of_what_to_do(tmp_path, monkeypatch):
    def write(net, tunable, folder):
        raise OSError(errno.ENOSPC, "Can't synchronously write data (file write failed,\n buf = 0x55, offset = 16384)")

    monkeypatch.setattr(shipping, "write", write)
    store = SimpleNamespace(path=tmp_path, load=lambda name: None)
    nets, watcher = SimpleNamespace(get=lambda key: None), SimpleNamespace(stage=lambda text, samples: None)
    with pytest.raises(OSError, match="No space left on device") as caught:
        shipping.ship(SimpleNamespace(key=(4, "bilinear", 0)), nets, store, None, [], 0, watcher)
    assert str(caught.value) == (
        f"the converted network cannot be written to {tmp_path / 'network-dt4-bilinear'} (No space left on device): "
        "make room there, then run the same command again; what was measured is kept"
    )
