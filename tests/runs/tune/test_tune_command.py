"""`lava-dt tune` as it is typed, what is seen of it, and how it ends."""

import dataclasses
import io
import subprocess
import sys
import warnings

import pytest

pytest.importorskip("lava_dt", reason="lava-dt tune needs torch, lava-nc and lava-dl")

from rich.console import Console

from lava_dt.conversion import RULES
from runs import arguments, cli
from runs.tune import command
from runs.tune.console import TuneConsole, show_result
from runs.tune.page.tables import rules_table
from runs.tune.page.trials import trials


@pytest.fixture
def out():
    return io.StringIO()


@pytest.fixture
def console(out):
    rich = Console(file=out, width=80, highlight=False, soft_wrap=True)
    return TuneConsole(rich, rich)


@pytest.fixture
def tuned(monkeypatch, result):
    """What `tune` was asked for, whose answer is the fixture's result."""
    import runs.tune.network
    import runs.tune.tune

    asked = {}

    def tune(tunable, data, **options):
        asked.update(options, tunable=tunable, data=data)
        return asked.get("result", result)

    def open_tunable(path, config, step):
        return dataclasses.make_dataclass("Opened", ["name", "notes", "data"])(path.name, ("a note",), "own data")

    monkeypatch.setattr(runs.tune.tune, "tune", tune)
    monkeypatch.setattr(runs.tune.network, "open_tunable", open_tunable)
    return asked


def typed(*words):
    return arguments.parse(["tune", *map(str, words)])


def test_what_is_typed_reaches_the_search(tuned, tmp_path, capsys):
    words = ("net.net", "--tolerance", "1%", "--dt", 2, 4, "--rules", "a", "b", "--finetune", 2, "--samples", 50)
    assert typed(*words, "--calibration", 9, "--all-rules", "--seed", 3, "--out", tmp_path).run() == 0
    assert tuned["tolerance"] == "1%" and tuned["dts"] == (2, 4) and tuned["rules"] == ("a", "b")
    assert tuned["finetune"] == 2 and tuned["test"] == 50 and tuned["calibration"] == 9 and tuned["seed"] == 3
    assert tuned["all_rules"] is True and tuned["verify"] == 20 and tuned["out"] == tmp_path
    assert tuned["data"] == "own data" and tuned["tunable"].name == "net.net"


def test_where_nothing_is_typed_all_rules_race_and_the_directory_tells_network_and_seed(tuned, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert typed("runs/my-run", "--data", "set").run() == 0
    assert tuned["rules"] is None and tuned["dts"] == (2, 4, 8, 16) and tuned["calibration"] == 1000
    assert str(tuned["data"]) == "set"
    assert (tmp_path / "results" / "tune-my-run-seed0" / "tune.html").exists()


def test_the_page_tells_the_command_and_the_sentence_is_printed_last(tuned, result, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["lava-dt", "tune", "my net"])
    assert typed("my net", "--out", tmp_path).run() == 0
    assert "lava-dt tune &#39;my net&#39;" in (tmp_path / "tune.html").read_text(encoding="utf-8")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "a note" and lines[-1] == result.sentence
    assert f"wrote {tmp_path / 'tune.html'}" in lines


def test_the_exit_code_tells_whether_a_step_was_found_and_lava_does_the_same(tuned, result, tmp_path):
    unverified = dataclasses.replace(result, parity=None)
    layer = dataclasses.replace(result.parity.layers[0], differing_voltages=1)
    differing = dataclasses.replace(result, parity=dataclasses.replace(result.parity, layers=(layer,)))
    none = dataclasses.replace(result, chosen=None)
    assert [command.succeeded(one) for one in (result, unverified, differing, none)] == [True, True, False, False]
    tuned["result"] = none
    assert typed("net", "--out", tmp_path).run() == 1


def test_bad_input_is_one_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.guarded(lambda: typed("none.net")) == cli.BAD_INPUT
    assert "none.net" in capsys.readouterr().err.replace("\n", " ")
    with pytest.raises(SystemExit) as ended:
        typed()
    assert ended.value.code == 2


def test_the_command_line_lists_tune(capsys):
    with pytest.raises(SystemExit):
        arguments.parse(["--help"])
    assert "tune" in capsys.readouterr().out


def test_the_help_lists_the_rules_and_nothing_else_waits_for_their_import(capsys):
    with pytest.raises(SystemExit):
        arguments.parse(["tune", "--help"])
    told = "".join(capsys.readouterr().out.replace("\N{BOX DRAWINGS LIGHT VERTICAL}", "").split())
    assert f"(default:all,whichare{','.join(RULES)})" in told
    script = (
        "import sys; from runs import arguments; arguments.parse(['tune', 'net', '--rules', 'a']); "
        "print(*[name for name in ('torch', 'lava_dt') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "\n"


def test_the_help_is_there_without_lava(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "lava_dt.conversion", None)
    with pytest.raises(SystemExit):
        arguments.parse(["tune", "--help"])
    assert "(default: all)" in capsys.readouterr().out


def test_tables_fit_80_letters_and_mark_what_is_recommended(result, console, out, tmp_path):
    show_result(console, result, tmp_path / "tune.html")
    text = out.getvalue()
    tables = text[: text.index("On Loihi")].splitlines()
    assert max(map(len, tables)) <= 80
    assert any(line.startswith("dt 8 \N{BLACK STAR}") for line in tables)
    assert "step-invariant" in text and "\N{MINUS SIGN}0.75 to +1.45" in text


def test_the_race_is_told_with_the_rules_that_were_refused(result, console, out, tmp_path):
    show_result(console, result, tmp_path)
    told = next(line for line in out.getvalue().splitlines() if line.startswith("tau-scaling "))
    assert told.split() == ["tau-scaling", "62.0%", "\N{EN DASH}"]
    assert rules_table(result, trials(result)).notes == ["tau-scaling at dt 8: its decay is above 1"]


def watched(terminal):
    out = io.StringIO()
    rich = Console(file=out, force_terminal=terminal, width=100, highlight=False, soft_wrap=True)
    with TuneConsole(rich, rich) as console:
        console.stage("dt = 4: 3 rules [of 8]", 200)
        for seen in range(100):
            console.tick(seen, 100)
        console.advance(100)
        console._bars.refresh()
        console.stage("dt = 4: fine-tuning", 0)
        console.warn("[odd] file")
        warnings.warn("from a library", RuntimeWarning, stacklevel=1)
        console.line("[done]")
    return out.getvalue()


def test_without_a_terminal_there_are_only_lines():
    assert watched(terminal=False).splitlines() == ["warning: [odd] file", "warning: from a library", "[done]"]


def test_without_a_terminal_a_line_now_and_then_says_how_far_it_is(monkeypatch, console, out):
    monkeypatch.setattr("runs.tune.console._SILENCE", -1.0)
    with console:
        console.stage("dt = 4, area-preserving on the test set", 200)
        console.advance(100)
        console.tick(30, 100)
        console.stage("dt = 4: fine-tuning", 0)
        console.tick(32, 1000)
    first, second = out.getvalue().splitlines()
    assert first == "dt = 4, area-preserving on the test set: 130 of 200 samples"
    assert second == "dt = 4: fine-tuning: 32 of 1,000 samples"


def test_on_a_terminal_there_are_bars_for_the_stage_and_its_samples():
    text = watched(terminal=True)
    assert "dt = 4: 3 rules [of 8]" in text and "100/200" in text and "99/100" in text


def test_facts_name_what_made_the_page():
    facts = command.facts()
    assert {"Python", "torch", "numpy", "system"} <= set(facts) and all(isinstance(v, str) for v in facts.values())
