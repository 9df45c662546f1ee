"""The simulated camera: which events a moving stroke makes, and that they follow from the seed alone."""

import numpy as np
import pytest

from bats_dt.kernels.threads import use_threads
from runs.data import Images, Saccade, load_events, load_mnist
from runs.data import saccade as saccade_module
from runs.data.saccade import record

QUIET = {"noise_rate": 0.0, "mismatch": 0.0, "latency_spread": 0.0}


def bar(width=4):
    """An upright bar in the middle of the image."""
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 14 - width // 2 : 14 + width // 2] = 255
    return Images(image[None], np.array([1], np.int64))


def one(code, images=None):
    """Seconds, columns, rows and polarities of the first recording."""
    events = record(images or bar(), code, "a bar", 10)
    count = events.offsets[1]
    polarity, pixel = np.divmod(events.channels[:count].astype(int), 34 * 34)
    return events.ticks[:count] * 1e-6, pixel % 34, pixel // 34, polarity


@pytest.fixture(scope="module")
def digits():
    return load_mnist(None, "test").take(slice(0, 12))


def test_an_image_that_stands_still_makes_no_event():
    seconds, *_ = one(Saccade(across=0.0, down=0.0, **QUIET))
    assert len(seconds) == 0


def test_an_empty_image_makes_noise_alone():
    empty = Images(np.zeros((20, 28, 28), np.uint8), np.zeros(20, np.int64))
    assert len(record(empty, Saccade(**QUIET), "nothing", 10).ticks) == 0
    noise = record(empty, Saccade(noise_rate=2.0), "nothing", 10)
    expected = 2.0 * 0.3 * 34 * 34 * 20  # 13,872 events, Poisson: a deviation of 118
    assert abs(len(noise.ticks) - expected) < 5 * np.sqrt(expected)
    assert noise.channels.max() >= 34 * 34 and abs(np.mean(noise.channels >= 34 * 34) - 0.5) < 0.03
    assert abs(noise.ticks.mean() - 150_000) < 5_000


def test_the_leading_edge_of_a_dark_stroke_sends_off_events_and_of_a_bright_one_on_events():
    for ink, leading in (("dark", 0), ("bright", 1)):
        seconds, x, _, polarity = one(Saccade(ink=ink, **QUIET))
        last = seconds > 0.22  # back to the left
        assert x[last & (polarity == leading)].mean() < x[last & (polarity != leading)].mean() - 2


def test_events_come_while_the_image_moves_and_follow_its_path():
    code = Saccade(bandwidth=0.0, **QUIET)
    seconds, x, *_ = one(code)
    moving = np.zeros(len(seconds), bool)
    for begin, end in zip(code.begins, code.ends, strict=True):
        moving |= (seconds >= begin) & (seconds <= end + 1e-3)
    assert len(seconds) > 500 and moving.all()
    path = code.path(np.array([0.0, 0.1, 0.2, 0.3]))
    np.testing.assert_allclose(np.diff(path[:, 0]), [code.across, code.across, -2 * code.across], atol=1e-12)
    np.testing.assert_allclose(np.diff(path[:, 1]), [code.down, -code.down, 0], atol=1e-12)
    first, last = (x[(seconds > a) & (seconds < b)].mean() for a, b in ((0.0, 0.1), (0.1, 0.2)))
    assert last - first == pytest.approx(code.across, abs=0.7)  # from the middle of one side to that of the next


def test_the_number_of_events_at_an_edge_is_its_contrast_over_the_threshold():
    """One slow step of the log of the light by log(1.1 / 0.1) = 2.4, in steps of 0.3: eight events."""
    code = Saccade(
        ink="bright",
        dark=0.1,
        blur=0.01,
        across=3.0,
        down=0.0,
        scale=1.0,
        centre_x=16.5,
        centre_y=16.5,
        threshold_on=0.29,
        threshold_off=0.29,
        refractory=0.0,
        bandwidth=0.0,
        **QUIET,
    )
    seconds, x, y, polarity = one(code, bar(6))
    pixel = (seconds < 0.1) & (x == 20) & (y == 16) & (polarity == 1)  # from outside the bar, 17 ... 19, to inside
    assert pixel.sum() == int(np.log(1.1 / 0.1) / 0.29) == 8


def test_a_pixel_rests_after_an_event():
    code = Saccade(refractory=5e-3, **QUIET)
    seconds, x, y, _ = one(code)
    order = np.lexsort((seconds, y * 34 + x))
    same = np.diff((y * 34 + x)[order]) == 0
    assert np.diff(seconds[order])[same].min() >= 5e-3 - 2e-6  # times are cut to microseconds
    assert len(one(Saccade(refractory=1e-3, **QUIET))[0]) > len(seconds)


def test_recordings_follow_from_the_seed_and_the_image_alone(digits):
    whole = record(digits, Saccade(), "digits", 10)
    few = record(digits.take(slice(0, 3)), Saccade(), "digits", 10)
    end = whole.offsets[3]
    np.testing.assert_array_equal(few.ticks, whole.ticks[:end])
    np.testing.assert_array_equal(few.channels, whole.channels[:end])
    with use_threads(2):
        np.testing.assert_array_equal(record(digits, Saccade(), "digits", 10).ticks, whole.ticks)
    assert len(record(digits, Saccade(seed=1), "digits", 10).ticks) != len(whole.ticks)


def test_recordings_look_like_nmnist(digits):
    events = record(digits, Saccade(), "digits", 10)
    for first, end in zip(events.offsets, events.offsets[1:], strict=False):
        assert (np.diff(events.ticks[first:end]) >= 0).all() and events.ticks[end - 1] < 300_000
    counts = np.diff(events.offsets)
    assert counts.min() > 1000 and counts.max() < 9000
    assert 0.45 < np.mean(events.channels >= 34 * 34) < 0.55
    rate = np.bincount(events.ticks // 10_000, minlength=30).reshape(3, 10)
    assert (rate.argmax(1) > 0).all() and (rate.min(1) < 0.3 * rate.max(1)).all()  # three bumps


def test_a_recording_with_more_events_than_foreseen_loses_none(monkeypatch, digits):
    expected = record(digits, Saccade(), "digits", 10)
    monkeypatch.setattr(saccade_module, "_MOST_EVENTS", 100)
    np.testing.assert_array_equal(record(digits, Saccade(), "digits", 10).ticks, expected.ticks)


def test_simulated_recordings_are_kept_and_made_anew_for_another_camera(tmp_path):
    events = load_events("mnist", "test", encoding="saccade", cache=tmp_path, limit=5)
    assert events.shape == (34, 34, 2) and events.duration == 0.3 and len(events) == 5
    (file,) = tmp_path.glob("mnist-test-saccade-*.events")
    before = file.stat().st_mtime_ns
    again = load_events("mnist", "test", encoding=Saccade(), cache=tmp_path, limit=5)
    assert again.crc32 == events.crc32 and file.stat().st_mtime_ns == before


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"refractory came as -1: pass a finite number that is not negative"):
        Saccade(refractory=-1)
    with pytest.raises(ValueError, match="dark came as 0: pass a number above 0"):
        Saccade(dark=0)
    with pytest.raises(ValueError, match="ink came as 'blue': pass 'dark' or 'bright'"):
        Saccade(ink="blue")
    with pytest.raises(ValueError, match=r"pass three saccades, one after the other, within 0\.3 s"):
        Saccade(begins=(0.0, 0.05, 0.2))
