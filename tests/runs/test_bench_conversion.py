"""`lava-dt bench conversion`: from lava-dl's training to a table, with whatever is finished kept."""

import json

import pytest

torch = pytest.importorskip("torch")
lava_dt = pytest.importorskip("lava_dt")

from runs.bench.conversion import run, upstream  # noqa: E402
from runs.bench.conversion.cells import Cell, CellStore, cells  # noqa: E402
from runs.bench.conversion.finetuning import Finetuning  # noqa: E402
from runs.bench.conversion.run import run_conversion  # noqa: E402
from runs.bench.conversion.table import markdown, sheet  # noqa: E402
from runs.bench.conversion.upstream import load_network, train_upstream  # noqa: E402
from runs.bench.options import ConfigError, ConversionBench, checked  # noqa: E402
from runs.config import SlayerConfig  # noqa: E402
from runs.console import Console  # noqa: E402
from runs.data import load_nmnist  # noqa: E402


@pytest.fixture(autouse=True)
def threads_as_they_are(monkeypatch):
    monkeypatch.setattr(run, "set_threads", lambda threads: [])


def tiny(out, **changes):
    values = {
        "out": out,
        "epochs": 1,
        "hidden": (8,),
        "train_samples": 32,
        "test_samples": 8,
        "dts": (10,),
        "schemes": ("exponential", "forward_euler"),
        "gains": ("integral",),
    }
    return ConversionBench(**{**values, **changes})


def test_the_table_is_made_and_what_is_finished_is_not_computed_again(tmp_path, capsys, monkeypatch):
    out = tmp_path / "out"
    assert run_conversion(tiny(out)) == 0
    assert "3 of 3 cells to compute" in capsys.readouterr().out
    page = (out / "conversion.md").read_text()
    assert "at dt = 1 the converted network and lava-dl differ in 0 spikes" in page
    assert "| exponential, integral |" in page and "| forward euler, integral |" in page
    assert page.count("*|") + page.count("* |") == 1, "forward Euler cannot represent 0.25 at dt = 10"
    table = json.loads((out / "conversion.json").read_text())
    assert [cell["cell"] for cell in table["cells"]] == [
        "lava-dl-dt1",
        "exponential-integral-dt10",
        "forward_euler-integral-dt10",
    ]
    assert all(0 <= cell["test_accuracy"] <= 1 for cell in table["cells"])

    before = (out / "cells" / "exponential-integral-dt10.json").stat().st_mtime_ns
    monkeypatch.setattr(upstream, "train_upstream", lambda *_: pytest.fail("trained again"))
    assert run_conversion(tiny(out, dts=(5, 10), finetune=1)) == 0
    assert "7 of 10 cells to compute" in capsys.readouterr().out
    assert (out / "cells" / "exponential-integral-dt10.json").stat().st_mtime_ns == before
    assert (out / "cells" / "exponential-integral-dt5-tuned1.json").exists()
    page = (out / "conversion.md").read_text()
    assert " → " in page and "a fresh Adam at 0.0001" in " ".join(page.split())
    with pytest.raises(ConfigError, match=r"finetune_learning_rate = 0.0001 \(asked for: 0.001\)"):
        run_conversion(tiny(out, finetune=1, finetune_learning_rate=1e-3))


def test_a_stopped_table_goes_on_from_its_last_cell(tmp_path, monkeypatch):
    out, computed = tmp_path / "out", []
    whole = run.convert

    def stopping(cell, *rest):
        if len(computed) == 1:
            raise KeyboardInterrupt
        computed.append(cell)
        return whole(cell, *rest)

    monkeypatch.setattr(run, "convert", stopping)
    with pytest.raises(KeyboardInterrupt):
        run_conversion(tiny(out))
    assert [path.name for path in (out / "cells").iterdir()] == ["lava-dl-dt1.json"]

    def counting(cell, *rest):
        computed.append(cell)
        return whole(cell, *rest)

    monkeypatch.setattr(run, "convert", counting)
    assert run_conversion(tiny(out)) == 0
    assert [cell.name for cell in computed] == [
        "lava-dl-dt1",
        "exponential-integral-dt10",
        "forward_euler-integral-dt10",
    ]


def test_training_that_was_stopped_ends_in_the_same_weights(tmp_path):
    config = SlayerConfig(hidden=(8,), epochs=2, dt=1)
    recordings = load_nmnist(None, "train").take(slice(32))
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    train_upstream(config, recordings, tmp_path / "whole", Console())

    class Stop(Console):
        def line(self, text=""):
            if "epoch 1/2" in text:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_upstream(config, recordings, tmp_path / "cut", Stop())
    train_upstream(config, recordings, tmp_path / "cut", Console())
    whole, cut = (torch.load(tmp_path / name / "network.pt", weights_only=True) for name in ("whole", "cut"))
    assert whole.keys() == cut.keys()
    assert all(torch.equal(whole[key], cut[key]) for key in whole)
    assert not (tmp_path / "cut" / "training.pt").exists()


def test_a_given_network_is_not_trained_but_converted(tmp_path, monkeypatch):
    run_conversion(tiny(tmp_path / "first"))
    monkeypatch.setattr(upstream, "train_upstream", lambda *_: pytest.fail("trained again"))
    assert run_conversion(tiny(tmp_path / "second", network=tmp_path / "first" / "network.pt")) == 0
    first, second = (json.loads((tmp_path / n / "conversion.json").read_text())["cells"] for n in ("first", "second"))
    assert first == second


def test_a_file_that_is_no_such_network_is_refused_in_a_sentence(tmp_path):
    config = SlayerConfig(hidden=(8,), dt=1)
    with pytest.raises(ConfigError, match=r"none.pt cannot be read"):
        load_network(config, 2312, tmp_path / "none.pt")
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pt")
    with pytest.raises(ConfigError, match=r"does not fit a 2312-8-10 network with its blocks in a ModuleList"):
        load_network(config, 2312, tmp_path / "other.pt")
    with pytest.raises(ConfigError, match=r"--network .*none.pt cannot be read"):
        run_conversion(tiny(tmp_path / "out", network=tmp_path / "none.pt"))


def test_a_directory_of_other_options_is_refused(tmp_path):
    CellStore(tmp_path / "out", {"seed": 0})
    with pytest.raises(ConfigError, match=r"seed = 0 \(asked for: 1\)"):
        CellStore(tmp_path / "out", {"seed": 1})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(ConfigError, match="holds something, but no conversion"):
        CellStore(tmp_path / "other", {"seed": 0})
    store = CellStore(tmp_path / "out", {"seed": 0})
    (tmp_path / "out" / "cells" / "lava-dl-dt1.json").write_text("{")
    with pytest.raises(ConfigError, match="remove it to compute it again"):
        store.load(Cell(1))


def test_the_cells_are_every_scheme_gain_and_step_before_and_after_tuning():
    options = ConversionBench(finetune=1)
    found = cells(options)
    assert len(found) == len(set(found)) == 2 * (1 + 5 * 4 * 2)
    assert found[0] == Cell(1) and not any(cell.finetune for cell in found[:41])
    assert len(cells(ConversionBench())) == 41


def test_the_table_has_a_row_for_each_scheme_and_gain_and_a_star_where_a_decay_was_held():
    rows = {
        Cell(1): {"test_accuracy": 0.885, "differing_spikes": 0},
        Cell(4, "forward_euler", "charge"): {"test_accuracy": 0.54, "saturated": True},
        Cell(4, "forward_euler", "charge", 1): {"test_accuracy": 0.8, "saturated": True},
        Cell(8, "exponential", "integral"): {"test_accuracy": 0.83, "saturated": False},
    }
    found = sheet(rows, 200)
    assert found.columns == ("dt", "1", "4", "8")
    assert [list(row) for row in found.rows] == [
        ["lava-dl", "88.5", "", ""],
        ["forward euler, charge", "", "54.0* → 80.0", ""],
        ["exponential, integral", "", "", "83.0"],
    ]
    about = {"command": "c", "n_test": 200, "machine": {"packages": {}, "git": None, "processor": "p", "python": "3"}}
    page = markdown(rows, {**about, "finetuning": "the recipe"})
    assert "one standard error of an accuracy near lava-dl's is 2.3 points" in page
    assert "with 1 further epoch of training at the new step, by the same recipe in every cell: the recipe." in page
    untuned = {cell: row for cell, row in rows.items() if not cell.finetune}
    assert "After an arrow" not in markdown(untuned, {**about, "finetuning": "the recipe"})


@pytest.mark.parametrize(
    ("cell", "true_rate", "false_rate"),
    [
        (Cell(1), 0.2, 0.03),
        (Cell(2), 0.4, 0.06),  # as many spikes in half as many steps
        (Cell(4), 0.5, 0.075),  # 0.8 would be wanted: held at the cap, and the other rate by the same factor
        (Cell(16), 0.5, 0.075),
        (Cell(4, "forward_euler", "charge"), 0.2, 0.03),
    ],
)
def test_the_rates_wanted_follow_what_a_converted_network_can_fire(cell, true_rate, false_rate):
    found = Finetuning(1e-4, 0.5).at(cell, SlayerConfig(dt=1))
    assert found.dt == cell.dt
    assert (found.true_rate, found.false_rate) == pytest.approx((true_rate, false_rate))


def test_rates_wanted_stay_below_a_lower_cap_at_every_step():
    for cell in (Cell(1), Cell(8), Cell(8, "exponential", "charge")):
        found = Finetuning(1e-4, 0.1).at(cell, SlayerConfig(dt=1))
        assert (found.true_rate, found.false_rate) == pytest.approx((0.1, 0.015))
    silent = Finetuning(1e-4, 0.5).at(Cell(8), SlayerConfig(dt=1, true_rate=0.0, false_rate=0.2))
    assert (silent.true_rate, silent.false_rate) == pytest.approx((0.0, 0.5))
    nothing = Finetuning(1e-4, 0.5).at(Cell(8), SlayerConfig(dt=1, true_rate=0.0, false_rate=0.0))
    assert (nothing.true_rate, nothing.false_rate) == (0.0, 0.0)


def test_training_further_uses_the_recipe(tmp_path, monkeypatch):
    used = []

    def watching(network, optimizer, recordings, config, epoch, console):
        used.append((optimizer.param_groups[0]["lr"], config.dt, config.true_rate, epoch))

    run_conversion(tiny(tmp_path / "out", schemes=("exponential",)))
    monkeypatch.setattr(upstream, "train_epoch", watching)
    run_conversion(
        tiny(tmp_path / "tuned", network=tmp_path / "out" / "network.pt", schemes=("exponential",), finetune=2)
    )
    assert used == [(1e-4, 1, 0.2, 2), (1e-4, 1, 0.2, 3), (1e-4, 10, 0.5, 2), (1e-4, 10, 0.5, 3)]


def test_options_out_of_range_are_refused_in_a_sentence():
    with pytest.raises(ConfigError, match="--dts is 1 2: give steps of 2 or more; dt = 1 is always measured"):
        checked(ConversionBench, {"dts": (1, 2)})
    with pytest.raises(ConfigError, match=r"--finetune-largest-rate is 1.5: input should be less than or equal to 1"):
        checked(ConversionBench, {"finetune_largest_rate": 1.5})
    with pytest.raises(ConfigError, match="--hidden needs at least one layer"):
        checked(ConversionBench, {"hidden": ()})
