"""`lava-dt query`: what is shown, and what is written."""

import io

import pytest
from rich.console import Console

from runs.arguments import parse
from runs.config import ConfigError
from runs.results.answers import show, text
from runs.results.query import run_query
from runs.results.tables import Answer


def shown(answer, width=80, terminal=False):
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, no_color=True, highlight=False)
    show(answer, console)
    return console.file.getvalue()


@pytest.fixture
def results(tmp_path, put_run):
    for bins in (None, 30):
        put_run(tmp_path / str(bins), "bats", {"bins": bins}, [0.5, 0.6])
    return tmp_path


def asked(sql, paths, file=None):
    console = Console(file=io.StringIO(), width=80, highlight=False, soft_wrap=True)
    assert run_query(sql, paths, file, console) == 0
    return console.file.getvalue()


def test_the_answer_is_a_table(results):
    said = asked("SELECT bins, epochs_done FROM runs ORDER BY bins NULLS FIRST", [results])
    assert [line.split() for line in said.splitlines()][3:5] == [
        ["│", "\N{EN DASH}", "│", "2", "│"],
        ["│", "30", "│", "2", "│"],
    ]


def test_the_summary_is_made_when_it_is_asked_for(results):
    assert "-0" not in asked("SELECT change FROM Summary", [results])
    with pytest.raises(ConfigError, match=r"ask the tables runs, epochs, summary$"):
        asked("SELECT * FROM sumary", [results])


def test_answers_are_written_as_csv(results, tmp_path):
    file = tmp_path / "new" / "answer.csv"
    said = asked("SELECT bins, [1, 2] AS list FROM runs ORDER BY bins NULLS FIRST", [results], file)
    assert file.read_text() == 'bins,list\n,"[1, 2]"\n30,"[1, 2]"\n'
    assert said == f"wrote 2 rows into {file}\n"
    with pytest.raises(ConfigError, match=r"None cannot be written: .*; give another --csv"):
        asked("SELECT 1 FROM runs", [results], results / "None")


def test_a_query_needs_directories():
    with pytest.raises(ConfigError, match="lava-dt query needs directories with runs: "):
        run_query("SELECT 1", [], None)


def test_what_is_too_wide_for_a_terminal_is_told_line_by_line():
    answer = Answer(columns=("first", "second"), rows=[("a" * 30, "b" * 30), ("c", 0.1)])
    lines = shown(answer, width=50, terminal=True).splitlines()
    assert lines[1:3] == ["  first   " + "a" * 30, "  second  " + "b" * 30]
    assert max(map(len, shown(answer, width=50).splitlines())) > 60  # a file takes any width


def test_many_rows_are_cut_and_counted():
    said = shown(Answer(columns=("n",), rows=[(i,) for i in range(1000)]))
    assert "│ 199 │" in said and "│ 200 │" not in said
    assert said.endswith("the first 200 of 1000 rows; --csv FILE writes all of them\n")


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, "\N{EN DASH}"),
        (float("nan"), "\N{EN DASH}"),
        (0.123456789, "0.123457"),
        (True, "true"),
        ([512, 10], "512 10"),
        ({"python": "3.11", "threads": None}, "python 3.11"),
        ("[bold]", "[bold]"),
    ],
)
def test_values_are_told_as_cells(value, cell):
    assert text(value) == cell
    assert cell in shown(Answer(columns=("value",), rows=[(value,)]))


def test_the_command_line_takes_a_query_and_directories(tmp_path):
    command = parse(["query", "SELECT 1", "a", "b", "--csv", "c.csv"])
    assert (command.sql, [str(path) for path in command.runs], str(command.csv)) == ("SELECT 1", ["a", "b"], "c.csv")


@pytest.mark.parametrize("sql", ["SELECT count(*) FROM runs", "SELECT sum(n) FROM summary"])
def test_runs_that_cannot_be_read_are_left_out_and_told(results, put_run, sql):
    out, err = (Console(file=io.StringIO(), width=80, highlight=False, soft_wrap=True) for _ in range(2))
    for seed in range(1, 8):
        put_run(results / f"{seed}", "bats", {"seed": seed}, [0.5])
        (results / f"{seed}" / "config.json").write_text('{"format": 1, "mod')
    assert run_query(sql, [results], None, out, err) == 0
    assert "2 \u2502" in out.file.getvalue()
    lines = err.file.getvalue().splitlines()
    assert len(lines) == 6 and lines[5] == "warning: 2 more are left out"
    assert lines[0].startswith(f"warning: a run is left out: {results / '1' / 'config.json'} is not valid JSON")
