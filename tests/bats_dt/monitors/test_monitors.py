import importlib
import math

import numpy as np
import pytest

from bats_dt.backend import array_module
from bats_dt.monitors import (
    AbstractMonitor,
    AccuracyMonitor,
    DeadLabelsMonitor,
    LossMonitor,
    MonitorsManager,
    SilentLabelsMonitor,
    SilentNeuronsMonitor,
    SpikeCountMonitor,
    TimeMonitor,
    ValueMonitor,
    WeightsNormMonitor,
)

COUNTS = np.array([[2, 0, 0], [0, 1, 0], [1, 0, 0]])
LABELS = np.array([0, 0, 1])

# Each monitor that sums up, what is added to it in two calls, and the value of both together.
CASES = {
    "accuracy": (AccuracyMonitor(), [([1, 2], [1, 0]), ([3, 3], [3, 3])], 75.0),
    "loss": (LossMonitor(), [([1.0, math.inf],), ([2.0, math.nan, 6.0],)], 3.0),
    "silent labels": (SilentLabelsMonitor(), [(COUNTS, LABELS), (COUNTS[:1], LABELS[:1])], 50.0),
    "dead labels": (DeadLabelsMonitor(), [(COUNTS, LABELS), (COUNTS, np.array([2, 2, 1]))], 2.0),
    "silent neurons": (SilentNeuronsMonitor("hidden"), [(COUNTS[:1],), (COUNTS[1:2],)], 100 / 3),
    "spike count": (SpikeCountMonitor("hidden"), [(COUNTS,), (COUNTS[:1],)], 6 / 4),
}


@pytest.mark.parametrize("case", CASES)
def test_a_monitor_says_what_was_added_and_begins_anew_after_a_record(case):
    monitor, additions, expected = CASES[case]
    for arguments in additions:
        monitor.add(*(np.asarray(argument) for argument in arguments))
    assert monitor.record(1.5) == pytest.approx(expected, rel=1e-12)
    assert monitor.value == pytest.approx(expected, rel=1e-12)
    assert math.isnan(monitor.record(2.0))
    assert monitor.epochs.tolist() == [1.5, 2.0]
    np.testing.assert_allclose(monitor.values, [expected, math.nan])


def test_monitors_take_arrays_on_a_gpu(cuda):
    counts, labels = array_module().asarray(COUNTS), array_module().asarray(LABELS)
    added = {
        AccuracyMonitor(): (labels, labels), LossMonitor(): (counts,), SilentLabelsMonitor(): (counts, labels),
        DeadLabelsMonitor(): (counts, labels), SilentNeuronsMonitor("h"): (counts,), SpikeCountMonitor("h"): (counts,),
        WeightsNormMonitor("h"): (counts,),
    }  # fmt: skip
    for monitor, arguments in added.items():
        monitor.add(*arguments)
    found = [monitor.record(1) for monitor in added]
    np.testing.assert_allclose(found, [100, 4 / 9, 200 / 3, 1, 100 / 3, 4 / 3, 6**0.5])


def test_reset_forgets_what_was_added_but_not_what_was_recorded():
    monitor = LossMonitor()
    monitor.add(np.array([4.0]))
    monitor.record(1)
    monitor.add(np.array([100.0]))
    monitor.reset()
    monitor.add(np.array([2.0]))
    monitor.record(2)
    assert monitor.values.tolist() == [4.0, 2.0]


def test_a_class_is_dead_until_its_neuron_fires_in_a_sample_of_its_own():
    monitor = DeadLabelsMonitor()
    counts = np.array([[1, 1, 0], [0, 0, 0], [0, 1, 0]])
    monitor.add(counts, np.array([0, 1, 2]))
    assert monitor.record(0) == 2
    assert monitor.dead == [1, 2]
    monitor.add(counts, np.array([0, 1, 1]))
    assert monitor.record(1) == 0
    assert monitor.dead == []


def test_values_and_weights_hold_until_others_are_added():
    value, weights = ValueMonitor(name="rate"), WeightsNormMonitor("hidden")
    assert math.isnan(value.record(0))
    assert math.isnan(weights.record(0))
    value.add(0.5)
    weights.add(np.array([[3.0, 0], [0, -4.0]], np.float32))
    assert [value.record(1), value.record(2)] == [0.5, 0.5]
    assert [weights.record(1), weights.record(2)] == [5.0, 5.0]
    weights.add(np.ones((2, 2, 2, 2)))
    assert weights.record(3) == 4


def test_time_runs_from_the_last_start():
    monitor = TimeMonitor()
    assert math.isnan(monitor.record(0))
    monitor.start()
    first, second = monitor.record(1), monitor.record(2)
    assert 0 <= first <= second < 60


def test_a_monitor_prints_its_name_and_last_value():
    monitor = ValueMonitor(name="Learning rate", decimal=4)
    assert str(monitor) == "Learning rate: nan"
    monitor.add(0.003)
    monitor.record(1)
    assert str(monitor) == "Learning rate: 0.0030"
    assert str(SpikeCountMonitor("hidden")).startswith("hidden mean spike count: ")


def test_exported_figures_can_be_read_again(tmp_path):
    pytest.importorskip("matplotlib")
    monitor = LossMonitor(export_path=tmp_path / "deep" / "loss.train")
    for epoch in (1, 2):
        monitor.add(np.array([epoch * 2.0]))
        monitor.record(epoch)
    monitor.export()
    with np.load(tmp_path / "deep" / "loss.train.npz") as stored:
        assert stored["epochs"].tolist() == [1, 2]
        assert stored["values"].tolist() == [2, 4]
    assert (tmp_path / "deep" / "loss.train.png").read_bytes()[1:4] == b"PNG"


def test_without_matplotlib_the_figures_are_written_and_a_warning_tells(tmp_path, monkeypatch):
    def without(name, *_):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.warns(RuntimeWarning, match=r"matplotlib is not installed: loss.npz was written, but no plot"):
        LossMonitor(tmp_path / "loss").export()
    assert [path.name for path in tmp_path.iterdir()] == ["loss.npz"]


def test_a_monitor_without_a_path_cannot_be_exported():
    with pytest.raises(ValueError, match="monitor 'Loss' has no export_path: pass one when it is made"):
        LossMonitor().export()


def test_predictions_of_another_batch_are_refused_in_words():
    with pytest.raises(ValueError, match=r"predictions have shape \(2,\) but targets \(3,\): pass one a sample"):
        AccuracyMonitor().add(np.ones(2), np.ones(3))


def test_a_manager_records_prints_and_exports_all(tmp_path, capsys, monkeypatch):
    accuracy, loss = AccuracyMonitor(), LossMonitor(export_path=tmp_path / "loss", decimal=3)
    manager = MonitorsManager([accuracy], print_prefix="Train | ")
    manager.add(loss)
    accuracy.add(np.array([1, 1]), np.array([1, 0]))
    loss.add(np.array([0.25]))
    assert manager.record(0.5) == {"Accuracy (%)": 50.0, "Loss": 0.25}
    manager.print(0.5)
    manager.print(0.5, decimal=2)
    assert capsys.readouterr().out == (
        "Train | Epoch 0.5 | Accuracy (%): 50.00 | Loss: 0.250\n"
        "Train | Epoch 0.50 | Accuracy (%): 50.00 | Loss: 0.250\n"
    )
    manager.export()
    assert (tmp_path / "loss.npz").is_file()


def test_a_manager_takes_monitors_only():
    with pytest.raises(TypeError, match=r"monitor is 'loss': pass a monitor, for example LossMonitor\(\)"):
        MonitorsManager(["loss"])


def test_a_users_own_monitor_needs_a_value_and_a_way_to_forget():
    class Largest(AbstractMonitor):
        def reset(self):
            self.largest = -math.inf

        def add(self, value):
            self.largest = max(self.largest, value)

        def _compute(self):
            return self.largest

    monitor = Largest("largest")
    monitor.reset()
    monitor.add(1)
    monitor.add(3)
    assert monitor.record(1) == 3
