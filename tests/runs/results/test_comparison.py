"""What is compared with what, and the numbers that come of it."""

import json
import math

import pytest

from runs.comparison import compare, read_runs


def table(path):
    """Entries by experiment and step."""
    return {
        (e.experiment, e.config.dt if e.config.model == "clocked" else e.config.bins): e
        for e in compare(read_runs(path))
    }


def test_a_baseline_that_experiments_share_is_in_each_of_them(tmp_path, put_sweep):
    put_sweep(
        tmp_path,
        [
            ("base", ["snap", "detect"], "bats", {}, [0.5, 0.5]),
            ("snap", ["snap"], "bats", {"bins": 30}, [0.4, 0.4]),
            ("detect", ["detect"], "bats", {"bins": 30, "rule": "detect"}, [0.3, 0.3]),
        ],
    )
    entries = table(tmp_path)
    assert list(entries) == [("snap", None), ("snap", 30), ("detect", None), ("detect", 30)]
    assert entries["snap", 30].change.mean == pytest.approx(-0.2)
    assert entries["detect", 30].change.mean == pytest.approx(-0.4)


def test_a_run_is_compared_within_its_experiment_first(tmp_path, put_sweep):
    put_sweep(
        tmp_path,
        [
            ("hard", ["hard"], "slayer", {"dt": 1}, [0.5, 0.5]),
            ("soft", ["soft"], "slayer", {"dt": 1, "reset": "soft"}, [0.8, 0.8]),
            # alike the first in how it steps, but the second belongs to its experiment
            ("coarse", ["soft"], "slayer", {"dt": 10}, [0.4, 0.4]),
            ("alone", ["other"], "slayer", {"dt": 10, "clock": "held"}, [0.4, 0.4]),
        ],
    )
    entries = table(tmp_path)
    assert entries["soft", 30].change.mean == pytest.approx(-0.5)
    assert entries["other", 30].change.mean == pytest.approx(-0.2)  # which has no baseline of its own


def test_experiments_stand_in_the_order_of_the_sweep_and_loose_runs_before_them(tmp_path, put_sweep, put_run):
    put_sweep(
        tmp_path / "sweep",
        [("b", ["zebra"], "bats", {}, [0.5]), ("a", ["ant"], "slayer", {"dt": 1}, [0.5])],
    )
    put_run(tmp_path / "loose", "bats", {}, [0.5])
    assert [e.experiment for e in compare(read_runs(tmp_path))] == ["", "zebra", "ant"]


def test_a_damaged_sweep_file_leaves_loose_runs(tmp_path, put_sweep):
    put_sweep(tmp_path, [("a", ["ant"], "bats", {}, [0.5])])
    (tmp_path / "sweep.json").write_text('{"runs": [{"dir')
    assert [e.experiment for e in compare(read_runs(tmp_path))] == [""]


def test_clocked_runs_are_compared_with_the_smallest_step_of_their_seed(tmp_path, put_run):
    for seed in (0, 1):
        for dt, accuracy in ((0.001, 0.5), (0.1, 0.4), (0.5, 0.3)):
            put_run(tmp_path / f"{dt}-{seed}", "clocked", {"dt": dt, "seed": seed}, [accuracy + seed * accuracy] * 2)
    put_run(tmp_path / "lonely", "clocked", {"dt": 0.1, "seed": 2}, [0.4, 0.4])  # nothing to compare it with
    entries = table(tmp_path)
    assert list(entries) == [("", 0.001), ("", 0.1), ("", 0.5)]
    assert [e.is_reference for e in entries.values()] == [True, False, False]
    assert entries["", 0.1].changes() == pytest.approx([-0.2, -0.2])
    assert entries["", 0.5].change.mean == pytest.approx(-0.4)


def test_clocked_runs_of_a_scheme_are_compared_with_the_smallest_step_of_that_scheme(tmp_path, put_run):
    for scheme, fine, coarse in (("backward_euler", 0.5, 0.4), ("exponential", 0.8, 0.4)):
        for dt, accuracy in ((0.001, fine), (0.1, coarse)):
            put_run(tmp_path / f"{scheme}-{dt}", "clocked", {"dt": dt, "scheme": scheme}, [accuracy] * 2)
    changes = {(e.config.scheme, e.config.dt): e.change.mean for e in compare(read_runs(tmp_path))}
    assert changes["backward_euler", 0.1] == pytest.approx(-0.2)
    assert changes["exponential", 0.1] == pytest.approx(-0.5)


def test_means_medians_and_intervals_of_changes_paired_by_seed(tmp_path, put_run):
    for seed, coarse in enumerate((0.45, 0.40, 0.20)):
        put_run(tmp_path / f"base{seed}", "bats", {"seed": seed}, [0.5, 0.5])
        put_run(tmp_path / f"coarse{seed}", "bats", {"seed": seed, "bins": 30}, [coarse, coarse])
    entry = table(tmp_path)["", 30]
    assert entry.changes() == pytest.approx([-0.1, -0.2, -0.6])
    assert entry.change.mean == pytest.approx(-0.3) and entry.median_change == pytest.approx(-0.2)
    interval = entry.bootstrap_change
    assert (interval.low, interval.high, interval.n) == (pytest.approx(-0.6), pytest.approx(-0.1), 3)
    # of test accuracy, 0.1 less throughout: (0.35 - 0.4) / 0.4 ...
    assert entry.test_change.mean == pytest.approx((-0.125 - 0.25 - 0.75) / 3)


def test_rates_as_published_and_an_interval_of_training_and_test(tmp_path, put_run):
    put_run(tmp_path / "run", "bats", {}, [0.5, 0.7, 0.9])
    (entry,) = compare(read_runs(tmp_path))
    assert entry.rate.mean == pytest.approx(1.4) and entry.normalised_rate.mean == pytest.approx(0.7)
    assert entry.test_rate.mean == pytest.approx(1.2) and entry.normalised_test_rate.mean == pytest.approx(0.6)


def test_epochs_to_a_threshold_of_seeds_that_reach_it_and_of_one_that_does_not(tmp_path, put_run):
    for seed, accuracies in enumerate(([0.5, 0.9, 0.9], [0.9, 0.9, 0.9], [0.5, 0.6, 0.7])):
        put_run(tmp_path / str(seed), "bats", {"seed": seed}, accuracies)
    (entry,) = compare(read_runs(tmp_path))
    reached = entry.epochs_to(0.9, "train_accuracy")
    assert reached.epochs == (2.0, 1.0, math.inf)
    assert (reached.median, reached.reached) == (2.0, 2)
    assert entry.epochs_to(0.95).median == math.inf


def test_files_that_are_cut_short_count_up_to_there(tmp_path, put_run):
    put_run(tmp_path / "run", "bats", {}, [0.5, 0.6, 0.7])
    metrics = tmp_path / "run" / "metrics.jsonl"
    metrics.write_text(metrics.read_text()[:-30])
    (run,) = read_runs(tmp_path)
    assert [row["epoch"] for row in run.rows] == [1, 2] and not run.finished


def test_what_is_worked_out_once_is_not_changed_by_who_asks(tmp_path, put_run):
    put_run(tmp_path / "run", "bats", {}, [0.5, 0.6])
    (entry,) = compare(read_runs(tmp_path))
    entry.changes().append(1.0)
    entry.curves("train_accuracy")[0].append(1.0)
    assert entry.changes() == [0.0] and entry.curves("train_accuracy") == [[0.5, 0.6]]


def test_runs_on_the_same_data_are_paired_wherever_these_lay(tmp_path, put_run):
    put_run(tmp_path / "exact", "bats", {"data": tmp_path / "here"}, [0.5, 0.5])
    put_run(tmp_path / "coarse", "bats", {"data": tmp_path / "there", "bins": 30}, [0.4, 0.4])
    put_run(tmp_path / "another seed", "bats", {"data": None, "bins": 30, "seed": 1}, [0.3, 0.3])
    entries = table(tmp_path)
    assert entries["", 30].change.mean == pytest.approx(-0.2)
    assert [len(entries["", 30].runs), len(entries["", 30].pairs)] == [2, 1]


def test_runs_on_other_data_are_never_paired_even_where_these_lay_in_one_folder(tmp_path, put_run):
    put_run(tmp_path / "exact", "bats", {}, [0.5, 0.5])
    put_run(tmp_path / "coarse", "bats", {"bins": 30}, [0.4, 0.4])
    note = json.loads((tmp_path / "coarse" / "environment.json").read_text())
    (tmp_path / "coarse" / "environment.json").write_text(json.dumps({**note, "data": "other data"}))
    assert table(tmp_path)["", 30].pairs == ()


def test_a_run_whose_note_is_damaged_is_paired_by_the_data_of_its_checkpoint(tmp_path, put_run):
    put_run(tmp_path / "exact", "bats", {"data": tmp_path / "here"}, [0.5, 0.5])
    put_run(tmp_path / "coarse", "bats", {"data": tmp_path / "there", "bins": 30}, [0.4, 0.4])
    (tmp_path / "exact" / "environment.json").write_text("{")
    assert table(tmp_path)["", 30].change.mean == pytest.approx(-0.2)


@pytest.mark.parametrize("values", [{"encoding": "rate"}, {}])
def test_the_folder_counts_where_the_data_have_no_name_that_seeds_share(tmp_path, put_run, values):
    for seed in (0, 1):
        for bins in (None, 30):
            path = tmp_path / f"{seed}-{bins}"
            put_run(path, "bats", {"bins": bins, "seed": seed, **values}, [0.5, 0.5])
            (path / "environment.json").write_text(json.dumps({"data": f"drawn by {seed}"} if values else []))
    put_run(tmp_path / "elsewhere", "bats", {"bins": 30, "seed": 2, "data": tmp_path, **values}, [0.5, 0.5])
    (tmp_path / "elsewhere" / "environment.json").write_text("{")
    for file in tmp_path.glob("*/checkpoint-*"):  # which would tell
        file.unlink()
    assert [(len(e.runs), len(e.pairs)) for e in compare(read_runs(tmp_path))] == [(2, 2), (2, 2), (1, 0)]
