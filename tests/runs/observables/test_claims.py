"""The thesis's claims, from run directories alone, and the part of the report that shows them."""

import json
import re

import numpy as np
import pytest

from runs.comparison import compare, read_runs
from runs.config import make_config
from runs.observables.claims import HOLDS, NOT, PARTLY, UNKNOWN, claims_of
from runs.observables.files import read_observables, write_observables
from runs.observables.fits import fit_of
from runs.observables.measured import groups_of
from runs.report.observables import observables_sections
from runs.report.steps import Steps
from runs.training import train

DTS = (0.001, 0.01, 0.1, 0.5)
FACTORS = np.linspace(1, 2, 9)


def run(path, dt, accuracy, arrays, **values):
    """A run directory as training leaves it, with one epoch."""
    path.mkdir(parents=True)
    config = make_config("clocked", {"dt": dt, "epochs": 1, **values})
    (path / "config.json").write_text(json.dumps({"format": 1, **config.model_dump(mode="json")}))
    row = {"epoch": 1, "train_accuracy": accuracy, "train_loss": 1 + dt, "test_accuracy": accuracy, "seconds": 40.0}
    (path / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    write_observables(path, arrays)


def arrays_of(dt, norm=None, centre=None):
    power = np.zeros(26)
    power[centre or 20] = 1.0
    return {
        "initial.gradient.hidden1.norm": np.array(dt * 100 if norm is None else norm),
        "initial.errors.hidden1.keep": np.array(1 / (1 + dt)),
        "initial.errors.hidden1.passed": 1 + dt * FACTORS,
        "initial.errors.hidden1.through": dt * FACTORS,
        "initial.errors.hidden1.exploding": np.array(dt),
        "initial.errors.hidden1.clamped": np.array(0.0),
        **{
            f"{stage}.{what}.hidden1.power": power
            for stage in ("initial", "trained")
            for what in ("voltage", "current")
        },
    }


def sections_of(path):
    entries = compare(read_runs(path))
    return observables_sections(entries, Steps(entries))


def verdicts(path):
    (group,) = groups_of(compare(read_runs(path)))
    return [one.verdict.partition(":")[0] for one in claims_of(group)], claims_of(group)


def test_claims_that_hold_are_told_so(tmp_path):
    for dt, accuracy, centre in zip(DTS, (0.6, 0.9, 0.8, 0.3), (24, 20, 10, 5), strict=True):
        run(tmp_path / str(dt), dt, accuracy, arrays_of(dt, centre=centre))
    found, claims = verdicts(tmp_path)
    assert found[:8] == [HOLDS] * 8
    assert claims[0].measured == ("60.0 %", "90.0 %", "80.0 %", "30.0 %")
    assert claims[-1].measured == ("40",) * 4 and found[-1] == "here it does not"


def test_claims_that_do_not_hold_say_so(tmp_path):
    for dt, accuracy, norm, centre in zip(DTS, (0.9, 0.5, 0.3, 0.8), (0.0, 5.0, 9.0, 2.0), (5, 6, 7, 24), strict=True):
        run(tmp_path / str(dt), dt, accuracy, arrays_of(dt, norm, centre))
    found, claims = verdicts(tmp_path)
    assert found[0] == NOT and "does not fall steadily" in claims[0].verdict
    assert found[2] == NOT and claims[2].measured[0] == "none: the output is silent"
    assert claims[6].verdict.startswith("does not hold by steps")


def test_the_smallest_step_that_is_the_best_holds_in_part_and_chance_not_at_all(tmp_path):
    for name, accuracies in (("best", (0.9, 0.8)), ("chance", (0.1, 0.11))):
        for dt, accuracy in zip(DTS[:2], accuracies, strict=True):
            run(tmp_path / name / str(dt), dt, accuracy, arrays_of(dt))
    assert [verdicts(tmp_path / name)[0][0] for name in ("best", "chance")] == [PARTLY, NOT]


@pytest.mark.parametrize(
    ("accuracies", "verdict"),
    [
        ((0.1, 0.3, 0.6, 0.9), NOT),  # the coarser the better
        ((0.950, 0.951, 0.950, 0.949), NOT),  # all alike
        ((0.5, 0.9, 0.9, 0.9), NOT),  # too little time, but no step that is too coarse
        ((0.899, 0.9, 0.5, 0.3), PARTLY),  # the smallest is as good as the best
        ((0.5, 0.3, 0.9, 0.6), PARTLY),
        ((0.1, 0.9, 0.9, 0.1), HOLDS),
    ],
)
def test_accuracy_has_to_rise_and_fall_by_more_than_nothing(tmp_path, accuracies, verdict):
    for dt, accuracy in zip(DTS, accuracies, strict=True):
        run(tmp_path / str(dt), dt, accuracy, arrays_of(dt))
    assert verdicts(tmp_path)[0][0] == verdict


def test_no_loss_falls_faster_where_no_step_trains(tmp_path):
    for dt in DTS:
        run(tmp_path / str(dt), dt, 0.1, arrays_of(dt))
    found, claims = verdicts(tmp_path)
    assert found[:2] == [NOT] * 2 and "no step trains beyond chance" in claims[1].verdict


def test_what_only_some_steps_show_holds_in_part(tmp_path):
    for dt, norm in zip(DTS, (0.0, 0.0, 2.0, 3.0), strict=True):
        run(tmp_path / str(dt), dt, 0.5, arrays_of(dt, norm))
    assert verdicts(tmp_path)[1][2].verdict == f"{PARTLY}: of 4 steps only 2 have it"


def test_a_seed_without_spikes_does_not_hide_those_of_the_others(tmp_path):
    for seed in (0, 1):
        for dt in DTS[:2]:
            arrays = arrays_of(dt)
            if seed:
                arrays["initial.errors.hidden1.passed"] = np.full(9, np.nan)
            run(tmp_path / f"{dt}-{seed}", dt, 0.5, arrays, seed=seed)
    assert verdicts(tmp_path)[1][3].measured[0].startswith("1,")


def test_reasons_are_given_only_where_they_were_measured(tmp_path):
    for name, spikes, hertz in (("fewer", (9, 3), "In Hz it holds"), ("more", (3, 9), "nor in Hz")):
        coarse = DTS[1] if name == "fewer" else 2 * DTS[0]
        for dt, norm, spiked, centre in zip((DTS[0], coarse), (5.0, 2.0), spikes, (5, 24), strict=True):
            arrays = {**arrays_of(dt, norm, centre), "initial.errors.hidden1.spikes": np.array(spiked)}
            run(tmp_path / name / str(dt), dt, 0.5, arrays)
        claims = verdicts(tmp_path / name)[1]
        assert ("spikes get fewer" in claims[2].verdict) == (name == "fewer")
        assert hertz in claims[6].verdict


@pytest.mark.parametrize("given", [{"train_samples": 600}, {"epoch_samples": 600}])
def test_seconds_of_a_part_of_the_images_are_told_for_all_of_them(tmp_path, given):
    for dt in DTS[:2]:
        run(tmp_path / str(dt), dt, 0.5, arrays_of(dt), **given)
    claim = verdicts(tmp_path)[1][-1]
    assert "of 600 images" in claim.claim
    assert claim.verdict == "here it would not: 4000 s at most for all 60000"


def test_of_a_sweep_in_progress_the_runs_that_ended_are_told(tmp_path):
    for dt in DTS[:3]:
        run(tmp_path / str(dt), dt, 0.5, arrays_of(dt))
    (tmp_path / str(DTS[0]) / "observables.safetensors").unlink()
    (group,) = groups_of(compare(read_runs(tmp_path)))
    assert [step.label for step in group.steps] == ["0.01 s", "0.1 s"]
    assert all(len(claim.measured) == 2 for claim in claims_of(group))


def fit(losses, adam, abnormal):
    return {
        "fit.lbfgs.losses": np.array(losses), "fit.lbfgs.correct": np.arange(len(losses)),
        "fit.lbfgs.abnormal": np.array(abnormal), "fit.adam.losses": np.array(adam),
        "fit.adam.correct": np.arange(len(adam)),
    }  # fmt: skip


PROBES = fit([9.0, 2.0, 90.0], [9.0, 1.0], False)


@pytest.mark.parametrize(
    ("fits", "verdict"),
    [
        ([fit([9.0, 2.0, np.inf], [9.0, 1.0], False), fit([9.0, 5.0], [9.0, 1.0], True)], HOLDS),
        ([fit([9.0, 2.0], [9.0, 3.0], True), fit([9.0, 8.0], [9.0, 1.0], True)], PARTLY),  # below Adam before
        ([fit([9.0, 2.0, 1.0], [9.0, 3.0], False), fit([9.0, 8.0], [9.0, 1.0], True)], PARTLY),
        ([fit([9.0, 2.0, 1.0], [9.0, 3.0], False), fit([9.0, 8.0], [9.0, 1.0], False)], NOT),
        ([PROBES, PROBES], NOT),
        ([{**fit([9.0, 8.0], [9.0, 1.0], False), "fit.lbfgs.spikes": np.array(0)}] * 2, HOLDS),
        ([fit([9.0], [9.0], False), fit([9.0], [9.0], False)], UNKNOWN),
    ],
)
def test_lbfgs_is_unstable_where_it_gives_up_ends_in_silence_or_becomes_undefined(tmp_path, fits, verdict):
    for dt, arrays in zip(DTS, fits, strict=False):
        run(tmp_path / str(dt), dt, 0.2, arrays, optimizer="lbfgs")
    assert verdicts(tmp_path)[0] == [verdict]


def test_leaps_of_lbfgs_are_told_to_be_those_of_probes(tmp_path):
    for dt in DTS[:2]:
        run(tmp_path / str(dt), dt, 0.2, {**PROBES, "fit.lbfgs.accepted": np.array([0, 1])}, optimizer="lbfgs")
    (claim,) = verdicts(tmp_path)[1]
    assert claim.measured[0] == (
        "9 to 2 (1 right) in 1 iteration, 3 evaluations; probes of the line search up to 45 times the best so far; "
        "Adam: 1 (1 right)"
    )
    assert "leap in probes of the line search only" in claim.verdict


@pytest.mark.parametrize(("losses", "leap"), [([1.0, 0.0, 0.0], 1.0), ([1.0, 0.0, 2.0], np.inf), ([np.inf, 3.0], 1.0)])
def test_a_fit_that_reaches_no_loss_at_all_divides_by_nothing(tmp_path, losses, leap):
    run(tmp_path / "one", DTS[0], 0.2, fit(losses, [9.0], False), optimizer="lbfgs")
    (group,) = groups_of(compare(read_runs(tmp_path)))
    assert fit_of(group.steps[0]).leap == leap


def test_errors_that_vanish_over_all_steps_do_not_explode(tmp_path):
    for name, largest in (("single", 1.0), ("none", -1.0)):
        for dt in DTS:
            through = np.append(np.full(8, -dt), largest * dt)
            run(tmp_path / name / str(dt), dt, 0.5, {**arrays_of(dt), "initial.errors.hidden1.through": through})
    single, none = (verdicts(tmp_path / name)[1][4] for name in ("single", "none"))
    assert single.measured[-1] == "-0.5, largest 0.5"
    assert single.verdict.startswith(f"{PARTLY}: for most neurons errors vanish over the steps")
    assert none.verdict.startswith(NOT)


def test_seeds_without_a_gradient_are_told_and_not_averaged(tmp_path):
    for dt in DTS[:2]:
        for seed, norm in enumerate((0.0, 4.0, 8.0)):
            run(tmp_path / f"{dt}-{seed}", dt, 0.5, arrays_of(dt, norm), seed=seed)
    assert verdicts(tmp_path)[1][2].measured[0] == "6 (none with 1 of 3 seeds)"


def test_a_damaged_file_is_as_good_as_none(tmp_path):
    for dt in DTS[:2]:
        run(tmp_path / str(dt), dt, 0.5, arrays_of(dt))
        (tmp_path / str(dt) / "observables.safetensors").write_bytes(b"damaged")
    assert read_observables(tmp_path / str(DTS[0])) is None
    assert sections_of(tmp_path) == []


def test_the_report_shows_claims_and_figures_of_runs_that_were_trained(tmp_path, watcher):
    pytest.importorskip("pywt", reason="observables need PyWavelets")
    tiny = {"epochs": 1, "train_samples": 20, "test_samples": 10, "batch": 10, "hidden": (6, 5), "steps": 12}
    for dt in (0.01, 0.1):
        train(make_config("clocked", {**tiny, "dt": dt}), tmp_path / f"adam-{dt}", watcher())
        other = {"optimizer": "lbfgs", "iterations": 2, "dt": dt}
        train(make_config("clocked", {**tiny, **other}), tmp_path / f"lbfgs-{dt}", watcher())
    assert (tmp_path / "adam-0.1" / "observables.safetensors").stat().st_size < 2_000_000
    parts = sections_of(tmp_path)
    assert sorted(len(part.figures) for part in parts) == [1, 9]
    titles = [figure.title for part in parts for figure in part.figures]
    assert sum(title.endswith(" of hidden layer 2") for title in titles) == 4
    for part in parts:
        (table,) = part.tables
        assert table.header == ["Claim of the thesis", "dt 0.01 s", "dt 0.1 s", "Verdict"]
        assert all(len(row) == 4 for row in table.rows)
        for figures in part.figures:
            assert figures.drawn[0].svg.startswith("<svg") and figures.drawn[0].alt
    drawn = [figures.drawn[0].svg for part in parts for figures in part.figures]
    colours = {colour for svg in drawn for colour in re.findall(r"(?:fill|stroke)[:=]\W*([^;\"]+)", svg)}
    assert {colour for colour in colours if not colour.startswith("var(--")} == {"none"}  # which a dark page changes
    assert {"var(--s0)", "var(--s7)", "var(--soft)", "var(--ink)"} <= colours
    ids = [name for svg in drawn for name in re.findall(r'\bid="([^"]*)"', svg)]
    assert len(set(ids)) == len(ids) > 0
