"""`lava-dt bench parity`: trained networks against Lava, case by case, with whatever is finished kept."""

import json

import pytest

torch = pytest.importorskip("torch")
lava_dt = pytest.importorskip("lava_dt")

from runs.bench.options import ConfigError, ParityBench, checked  # noqa: E402
from runs.bench.parity import compare, run  # noqa: E402
from runs.bench.parity.cases import Case, cases  # noqa: E402
from runs.bench.parity.networks import take, trained  # noqa: E402
from runs.bench.parity.run import run_parity  # noqa: E402
from runs.bench.parity.table import verdict  # noqa: E402
from runs.data import load_nmnist  # noqa: E402


@pytest.fixture(autouse=True)
def threads_as_they_are(monkeypatch):
    monkeypatch.setattr(run, "set_threads", lambda threads: [])


def found(case, differing=0):
    """A row as `compare` makes it."""
    return {
        "network": case.network,
        "dt": case.dt,
        "recordings": 2,
        "entries": 1000,
        "spikes": 100,
        "differing_spikes": differing,
        "differing_currents": 0,
        "differing_voltages": 0,
        "input_differs": 0,
        "identical": not differing,
        "first": "first difference: sample 0" if differing else None,
        "seconds": {"training": 1.0, "lava": 2.0, "all": 3.0},
    }


def test_all_networks_are_asked_for_on_every_step_and_reset():
    assert len(cases(ParityBench())) == 4 * 4 * 2
    assert len(cases(ParityBench(clocks=("coarse", "held")))) == 4 * (4 + 3) * 2
    quick = cases(ParityBench(quick=True, only=("delays",), resets=("soft",)))
    assert [case.name for case in quick] == ["delays-dt1-soft", "delays-dt10-soft"]


@pytest.mark.parametrize("network", ["dense", "conv", "delays", "recurrent"])
def test_every_network_trains_and_spikes_in_all_its_layers(network):
    recordings = load_nmnist(None, "train").take(slice(4))
    case = Case(network, 10, "soft")
    net = trained(case, recordings, 1, seed=0)
    signal = take(case, recordings, slice(2))
    assert signal.shape[-1] == case.steps == 30
    for block in net:
        signal = block(signal)
        assert signal.sum() > 5, block
    delay = getattr(net[0], "delay", None)
    assert (delay is not None and delay.delay.max() > 62) == (network == "delays")


def test_a_case_is_trained_written_and_found_the_same_in_lava(tmp_path, capsys):
    options = ParityBench(
        recordings=2, only=("recurrent",), dts=(10,), resets=("soft",), training_batches=1, out=tmp_path / "out"
    )
    assert run_parity(options) == 0
    table = json.loads((tmp_path / "out" / "results.json").read_text())
    (row,) = table["cases"]
    assert row["identical"] and row["recordings"] == 2 and row["steps"] == 30 and row["spikes"] > 50
    assert "no current, voltage or input, in 1 networks" in (tmp_path / "out" / "parity.md").read_text()
    assert "1/1  recurrent-dt10-soft: 0 of" in capsys.readouterr().out


def test_what_is_finished_is_not_run_again_and_a_difference_is_an_error(tmp_path, capsys, monkeypatch):
    done = []

    def stopping(case, *rest):
        if len(done) == 1:
            raise KeyboardInterrupt
        done.append(case)
        return found(case)

    options = ParityBench(quick=True, only=("dense",), recordings=2, out=tmp_path / "out")
    monkeypatch.setattr(compare, "compare", stopping)
    with pytest.raises(KeyboardInterrupt):
        run_parity(options)
    monkeypatch.setattr(compare, "compare", lambda case, *rest: found(case, differing=case.dt // 10))
    assert run_parity(options) == 1
    said = capsys.readouterr().out
    assert "2 recordings; 3 of 4 networks to compare" in said
    assert "2 of 400 spikes differ in 4 networks" in " ".join(said.split())
    page = (tmp_path / "out" / "parity.md").read_text()
    assert "* dense-dt10-soft: first difference: sample 0" in page
    with pytest.raises(ConfigError, match="holds a comparison of something else, seed = 0"):
        run_parity(options.model_copy(update={"seed": 1}))


def test_recordings_are_those_of_the_test_set_first_then_of_the_training_set(tmp_path):
    test, train = load_nmnist(None, "test"), load_nmnist(None, "train")
    more = run._tested(test, train, len(test) + 3)
    assert more.labels.tolist() == [*test.labels.tolist(), *train.labels[:3].tolist()]
    assert (more.bin([len(test) + 2], 300) == train.bin([2], 300)).all()
    with pytest.raises(ConfigError, match="--recordings is 9999, but there are 80"):
        run._tested(test, train, 9999)


def test_options_that_make_no_sense_are_refused_and_the_verdict_names_what_is_not_the_same():
    with pytest.raises(ConfigError, match="--dts is 0: give one step or more"):
        checked(ParityBench, {"dts": (0,)})
    rows = {Case("dense", 1): found(Case("dense", 1)), Case("conv", 2): found(Case("conv", 2), 7)}
    assert verdict(rows).endswith("not the same: conv-dt2-hard")
