"""How long a sweep takes: by the table, then by what its own epochs took."""

import pytest

from runs.config import make_config
from runs.sweep import load_sweep
from runs.sweep.expected import Expectation, duration_text, seconds_per_thousand
from runs.sweep.sizes import samples
from runs.sweep.status import Status

TEXT = """
name = "a"
[[experiment]]
name = "a"
model = "bats"
settings = {epochs = 4, train_samples = 1000, test_samples = 1000}
grid = {bins = [30], seed = [0, 1]}
"""


def statuses(runs, **known):
    found = {run.directory: Status(state="waiting") for run in runs}
    for name, status in known.items():
        found[runs[int(name[1:])].directory] = status
    return found


def rows(n, seconds):
    return tuple({"epoch": epoch + 1, "seconds": seconds} for epoch in range(n))


def test_before_anything_has_run_the_table_tells():
    runs = load_sweep(TEXT).runs
    train, test = seconds_per_thousand(runs[0].config)
    left = Expectation(runs, 1).left(statuses(runs))
    assert left == pytest.approx({run.directory: 4 * (train + test) + 2 for run in runs})


def test_measured_epochs_refine_it_first_of_the_same_settings_then_of_the_same_model():
    runs = load_sweep(TEXT).runs  # exact and 30 bins of seed 0, exact and 30 bins of seed 1
    train, test = seconds_per_thousand(runs[0].config)
    known = {
        "r0": Status(state="finished", rows=rows(4, 2 * train)),
        "r1": Status(state="running", rows=rows(1, 6 * train), part=0.5),
    }
    left = list(Expectation(runs, 1).left(statuses(runs, **known)).values())
    assert left == pytest.approx([0, 2.5 * 6 * (train + test), 4 * 2 * (train + test) + 2, 4 * 6 * (train + test) + 2])
    only_one = statuses(runs, r0=known["r0"])
    assert list(Expectation(runs, 1).left(only_one).values())[1] == pytest.approx(4 * 2 * (train + test) + 2)


def test_failed_runs_take_no_time_and_workers_share_it_but_for_the_longest_run():
    runs = load_sweep(TEXT).runs
    each = 4 * sum(seconds_per_thousand(runs[0].config)) + 2
    for workers, expected in ((1, 4), (2, 2), (3, 4 / 3), (100, 1)):
        assert Expectation(runs, workers).until_the_end(statuses(runs)) == pytest.approx(expected * each)
    failed = Status(state="failed")
    known = statuses(runs, r0=failed, r1=failed, r2=failed)
    assert Expectation(runs, 2).until_the_end(known) == pytest.approx(each)
    assert Expectation(runs, 2).until_the_end(statuses(runs, r0=failed, r1=failed, r2=failed, r3=failed)) == 0


@pytest.mark.parametrize(
    ("small", "large"),
    [
        (("bats", {}), ("bats", {"hidden": (2000,)})),
        (("bats", {}), ("bats", {"loss": "ttfs"})),
        (("bats", {}), ("bats", {"network": "conv"})),
        (("slayer", {"dt": 10}), ("slayer", {"dt": 2})),
        (("slayer", {"dt": 10}), ("slayer", {"dt": 10, "clock": "held"})),
        (("slayer", {}), ("slayer", {"delay": True})),
        (("slayer", {"hidden": (64,)}), ("slayer", {})),
        (("slayer", {"hidden": (512, 512)}), ("slayer", {"protocol": "published"})),
        (("clocked", {"steps": 50}), ("clocked", {"steps": 100})),
    ],
)
def test_what_is_more_work_is_expected_to_take_longer(small, large):
    first, second = (seconds_per_thousand(make_config(*one)) for one in (small, large))
    assert all(0 < one < other for one, other in zip(first, second, strict=True))


def test_samples_are_those_of_the_files_and_the_settings(tmp_path):
    assert samples(make_config("bats", {})) == (3000, 1000)
    assert samples(make_config("slayer", {})) == (200, 80)
    assert samples(make_config("bats", {"train_samples": 500, "test_samples": 9999})) == (500, 1000)
    assert samples(make_config("bats", {"epoch_samples": 576})) == (576, 1000)
    assert samples(make_config("bats", {"data": tmp_path})) == (60_000, 10_000)  # as published, where nothing is known
    (tmp_path / "Train.zip").write_bytes(b"no zip")
    assert samples(make_config("slayer", {"data": tmp_path})) == (60_000, 10_000)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(bytes.fromhex("0000080100000007"))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(bytes.fromhex("0000080100000003"))
    other = tmp_path / "other"
    other.mkdir()
    for name in ("train", "t10k"):
        (tmp_path / f"{name}-labels-idx1-ubyte").rename(other / f"{name}-labels-idx1-ubyte")
    assert samples(make_config("bats", {"data": other})) == (7, 3)


def test_durations_are_told_in_a_fitting_unit():
    assert [duration_text(s) for s in (0.4, 99, 100, 5999, 6000, 36000)] == [
        "0 s", "99 s", "2 min", "100 min", "1.7 h", "10.0 h",
    ]  # fmt: skip
