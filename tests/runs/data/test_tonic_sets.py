"""SHD and DVS Gesture: small made-up files in the layout in which tonic keeps them."""

import sys

import numpy as np
import pytest

from runs.data import download_dataset, load_events


@pytest.fixture(scope="module")
def tonic():
    return pytest.importorskip("tonic", reason="tonic is an optional extra and not installed")


@pytest.fixture
def shd(tmp_path, tonic):
    h5py = pytest.importorskip("h5py")
    (tmp_path / "SHD").mkdir()
    (tmp_path / "SHD" / "shd_test.h5.zip").write_bytes(b"")  # tonic looks whether its archive is there
    with h5py.File(tmp_path / "SHD" / "shd_test.h5", "w") as file:
        spikes = file.create_group("spikes")
        times = [np.array([0.0, 0.25, 0.5, 1.5], np.float16), np.array([0.125], np.float16)]
        units = [np.array([699, 0, 3, 3], np.uint16), np.array([7], np.uint16)]
        for name, rows, kind in (("times", times, np.float16), ("units", units, np.uint16)):
            data = spikes.create_dataset(name, (2,), h5py.vlen_dtype(kind))
            for number, row in enumerate(rows):
                data[number] = row
        file.create_dataset("labels", data=np.array([19, 4], np.uint16))
        file.create_dataset("extra/speaker", data=np.array([0, 1], np.uint16))
        file.create_dataset("extra/keys", data=np.array([b"zero"] * 20))
    return tmp_path


@pytest.fixture
def gestures(tmp_path, tonic):
    folder = tmp_path / "DVSGesture"
    for number in range(100):  # as many as tonic takes for a whole set
        place = folder / "ibmGestureTest" / f"user{number // 10 + 1:02d}_led"
        place.mkdir(parents=True, exist_ok=True)
        x, y, polarity, milliseconds = [5, 127, 0], [9, 127, 0], [0, 1, 1], [100 + number, 101 + number, 7100 + number]
        np.save(place / f"{number % 10}.npy", np.array([x, y, polarity, milliseconds], np.float64).T)
    (folder / "ibmGestureTest.tar.gz").write_bytes(b"")
    return tmp_path


def test_shd_is_read_with_times_from_the_file_and_an_explicit_window(shd, tmp_path):
    events = load_events("shd", "test", folder=shd, cache=False)
    assert (events.name, events.shape, events.n_classes, events.duration) == ("SHD", (700, 1, 1), 20, 1.4)
    assert events.labels.tolist() == [19, 4]
    times, counts = events.spike_trains([0, 1])
    assert counts.sum() == 4  # the event at 1.5 s is behind the window
    assert [times[0, 699, 0], times[0, 0, 0], times[0, 3, 0], times[1, 7, 0]] == [0.0, 0.25, 0.5, 0.125]
    later = load_events("shd", "test", folder=shd, cache=False, start=0.25, end=2.0)
    assert later.duration == 1.75 and later.spike_trains([0])[0][0, 3].tolist() == [0.25, 1.25]
    assert later.bin([0], 175, 25, step=0.01)[0, 3].tolist() == [0, 1, 0, 0, 0, 1, 0]


def test_shd_is_kept_and_then_read_without_tonic(shd, tmp_path, monkeypatch):
    first = load_events("shd", "test", folder=shd, cache=tmp_path / "cache")
    monkeypatch.setitem(sys.modules, "tonic", None)
    assert load_events("shd", "test", folder=shd, cache=tmp_path / "cache").crc32 == first.crc32
    with pytest.raises(ImportError, match=r'SHD is read with tonic, .* pip install "lava-dt\[tonic\]"'):
        load_events("shd", "test", folder=shd, cache=False)


def test_gestures_begin_with_their_first_event_and_come_in_the_order_of_their_names(gestures):
    events = load_events("dvsgesture", "test", folder=gestures, cache=False)
    assert (events.shape, events.n_classes, events.n_channels, len(events)) == ((128, 128, 2), 11, 32768, 100)
    assert events.labels.tolist() == [*range(10)] * 10
    cells, shape = events.listed([0, 99], 6000)
    assert shape == (2, 32768, 6000)
    assert cells.T.tolist() == [[0, 9 * 128 + 5, 0], [0, 32767, 1], [1, 9 * 128 + 5, 0], [1, 32767, 1]]
    late = load_events("dvsgesture", "test", folder=gestures, cache=False, start=6.5, end=8.0)
    assert late.spike_trains([0])[0][0, 128 * 128, 0] == np.float32(0.5)


def test_what_tonic_has_not_fetched_is_not_fetched_silently(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"shd_train\.h5 is not there: .*download_dataset\('shd', folder\)"):
        load_events("shd", "train", folder=tmp_path)
    with pytest.raises(ValueError, match="nothing of DVS Gesture is shipped: pass the folder that tonic saves it to"):
        load_events("dvsgesture", "train")


def test_without_tonic_fetching_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tonic", None)
    with pytest.raises(ImportError, match=r"DVS Gesture is read with tonic, .* pip install"):
        download_dataset("dvsgesture", tmp_path)


def test_events_outside_the_sensor_are_refused(shd):
    h5py = pytest.importorskip("h5py")
    with h5py.File(shd / "SHD" / "shd_test.h5", "a") as file:
        file["spikes/units"][1] = np.array([700], np.uint16)
    with pytest.raises(ValueError, match=r"SHD has an event with x = 700, where 0 \.\.\. 699 is possible"):
        load_events("shd", "test", folder=shd, cache=False)
