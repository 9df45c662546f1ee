"""`lava-dt explain`: its numbers, its words, its figures and what it refuses."""

import math

import numpy as np
import pytest

from bats_dt.theory import LIF, Stepped
from runs import cli
from runs.arguments import parse
from runs.explain.figures import bode, write
from runs.explain.findings import find, largest_step, peak_of
from runs.explain.wording import advice_lines, step_lines, time_text

NEURON = LIF(0.02, 0.005)
WORDS = ("explain", "--tau-mem", "0.02", "--tau-syn", "0.005")


def run(*words):
    return cli.guarded(lambda: parse([*WORDS, *map(str, words)]))


def test_a_finding_is_that_of_the_neuron_worked_by_hand():
    found = find(Stepped(NEURON, 0.001, "forward_euler"))
    assert found.registers == (205, 819)  # 0.05 and 0.2 of 4096: 204.8 and 819.2
    assert found.rounding == pytest.approx(0.2 / 204.8)
    assert found.stability == "stable"
    # After one step forward Euler has not seen the spike yet: the error is the response itself
    response = (math.exp(-0.05) - math.exp(-0.2)) / 0.015
    assert found.measured == pytest.approx(response / peak_of(NEURON)[1])
    assert found.published < found.measured < found.bound


def test_a_decay_beyond_1_is_saturated_and_an_unstable_step_is_told():
    found = find(Stepped(NEURON, 0.012, "forward_euler"))
    assert found.registers == (2458, 4096) and found.stability == "unstable"
    assert math.isinf(found.bound) and found.measured > 1
    assert find(Stepped(NEURON, 0.012, "bilinear")).stability == "alternates"
    line = step_lines([found])[2]
    assert "unstable" in line and "none" in line


def test_the_exponential_scheme_is_exact_on_the_grid_only():
    found = find(Stepped(NEURON, 0.002, "exponential"))
    assert found.measured < 1e-12 and found.bound == 0 and found.anywhere > 0.1
    assert largest_step(NEURON, "exponential", 0.01) == math.inf


@pytest.mark.parametrize("scheme", ["forward_euler", "backward_euler", "bilinear"])
@pytest.mark.parametrize("tolerance", [1e-4, 0.01, 0.1])
def test_the_largest_step_has_the_error_that_is_allowed(scheme, tolerance):
    found = find(Stepped(NEURON, largest_step(NEURON, scheme, tolerance), scheme))
    assert found.measured == pytest.approx(tolerance, rel=0.02)  # the finest steps are extrapolated
    anywhere = find(Stepped(NEURON, largest_step(NEURON, scheme, tolerance, anywhere=True), scheme))
    assert anywhere.anywhere == pytest.approx(tolerance, rel=0.02)


def test_frequencies_above_half_the_rate_of_steps_are_not_compared():
    finding = find(Stepped(NEURON, 0.1))
    assert np.isnan(finding.amplitude)
    assert "the bandwidth is above half a step's rate" in step_lines([finding])[1]


def test_the_recommendation_names_another_scheme_only_where_it_gains():
    on_grid, anywhere = {"bilinear": 2e-3, "backward_euler": 1e-4}, {"bilinear": 3.1e-5, "backward_euler": 3.2e-5}
    last = advice_lines(NEURON, list(on_grid), 0.01, on_grid, anywhere)[-1]
    assert last.startswith("recommended: bilinear, with dt up to 2 ms if spikes come on the grid; dt up to 31 us if")
    last = advice_lines(NEURON, list(on_grid), 0.01, on_grid, {**anywhere, "backward_euler": 9e-5})[-1]
    assert "; backward Euler with dt up to 90 us if they come anywhere" in last


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.0, "2 s"), (0.0316, "31.6 ms"), (0.99996e-3, "1 ms"), (1.5e-5, "15 us"), (2e-8, "20 ns")]
)
def test_a_time_is_told_in_a_unit_that_reads_well(seconds, text):
    assert time_text(seconds) == text


def test_the_command_prints_the_neuron_a_table_a_step_and_a_recommendation(capsys):
    assert run("--dt", "0.001", "--dt", "0.012", "--scheme", "forward_euler", "--scheme", "exponential") == 0
    text = capsys.readouterr().out
    assert "zeta = 1.25, overdamped" in text
    assert "bandwidth          47.28 rad/s = 7.525 Hz" in text
    assert text.count("forward Euler  stable") == text.count("forward Euler  unstable") == 1
    assert "backward Euler" not in text and "Traceback" not in text
    assert "recommended: exponential, which is exact at any dt if spikes come on the grid" in text
    assert max(map(len, text.splitlines())) <= 150


def test_the_command_writes_figures(tmp_path, capsys):
    words = ("--population", "--rate", 400, "--weight", 0.01, "--out", tmp_path / "figures")
    assert run("--dt", 0.001, "--scheme", "bilinear", *words) == 0
    stems = ("bode", "error", "population", "responses")
    names = sorted(f"{stem}.{kind}" for stem in stems for kind in ("png", "svg"))
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == names
    text = capsys.readouterr().out
    assert "formulas                   u 4 +- " in text and "simulated neurons" in text
    assert "wrote bode.svg, bode.png, " in text


def test_a_figure_is_the_same_again(tmp_path):
    for folder in ("one", "two"):
        write({"bode": bode([[Stepped(NEURON, 0.012, "forward_euler")]])}, tmp_path / folder)
    for name in ("bode.svg", "bode.png"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_population_with_a_threshold_has_a_rate(capsys):
    words = ("--dt", 0.001, "--scheme", "exponential", "--population", "--rate", 400, "--weight", 0.004)
    assert run(*words, "--threshold", 1, "--v-reset", -0.1) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  rate ")]
    by_density, simulated = (float(line.split()[4]) for line in lines)
    assert by_density == pytest.approx(simulated, rel=0.05)  # sampling error of the 2000 neurons: 1 %


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--tau-syn", "0", "--dt", "1"), "tau_syn is 0.0 s: a time constant must be finite and above 0"),
        (("--dt", "1e-12"), "--dt is 1e-12 s, less than a 100000th of the longer time constant"),
        (("--dt", "0"), "dt is 0.0 s: a step must be finite and above 0; pass for example 0.001"),
        (("--dt", "0.001", "--resistance", "-1"), "resistance is -1.0: it must be finite and above 0"),
        (("--dt", "0.001", "--error", "2"), "--error is 2: it is a share of the peak between 0 and 1"),
        (("--dt", "0.001", "--population"), "--population needs --rate, the input spikes a second, and --weight"),
        (
            ("--dt", "0.001", "--v-reset", "1"),
            "--v-reset is of a population, which was not asked for: add --population",
        ),
        (
            ("--dt", "1", "--population", "--rate", "9", "--weight", "1", "--threshold", "1", "--v-reset", "1.5"),
            "--v-reset is 1.5 with --threshold 1: a spike must leave the potential below the threshold",
        ),
        (("--dt", "1", "--population", "--rate", "-9", "--weight", "1"), "rate is -9.0 1/s: input spikes must arrive"),
        (
            ("--tau-syn", "1e-6", "--dt", "1e-3", "--population", "--rate", "1e7", "--weight", "1"),
            "tau_mem and tau_syn differ by a factor of",
        ),
        (
            ("--dt", "0.1", "--population", "--rate", "0.01", "--weight", "1"),
            "rate is 0.01 1/s, fewer than one input spi",
        ),
        ((), "lava-dt explain needs a step: pass --dt SECONDS"),
    ],
)
def test_what_is_no_neuron_or_no_step_is_refused_in_a_sentence(words, sentence, capsys):
    assert run(*words) == cli.BAD_INPUT
    printed = capsys.readouterr()
    assert f"error: {sentence}" in printed.err
    assert printed.out == ""  # refused before, not behind the table
