"""SQL over run directories, whole and damaged ones."""

import csv
import json

import pytest

from runs.config import ConfigError
from runs.results import table
from runs.results.reading import read_runs
from runs.results.tables import Tables


@pytest.fixture
def results(tmp_path, put_sweep, put_run):
    put_sweep(
        tmp_path / "sweep",
        [
            ("base", ["snap", "detect"], "bats", {}, [0.5, 0.7]),
            ("snap", ["snap"], "bats", {"bins": 30}, [0.4, 0.6]),
        ],
    )
    put_run(tmp_path / "loose", "slayer", {"dt": 10, "epochs": 5}, [0.3, 0.4, 0.5])
    return tmp_path


def ask(path, sql):
    with Tables([path]) as tables:
        return tables.query(sql).rows


def test_a_run_is_a_row_with_its_experiments_settings_and_progress(results):
    rows = ask(results, "SELECT experiment, experiments, model, bins, hidden, epochs_done, finished FROM runs")
    assert rows == [
        ("", [], "slayer", 30, [512], 3, False),
        ("snap, detect", ["snap", "detect"], "bats", None, [512], 2, True),
        ("snap", ["snap"], "bats", 30, [512], 2, True),
    ]


def test_settings_that_only_one_model_has_are_null_in_others(results):
    assert ask(results, "SELECT DISTINCT clock, rule FROM runs ORDER BY ALL") == [("coarse", None), (None, "snap")]


def test_the_environment_is_a_struct(results):
    sql = "SELECT DISTINCT environment.python, environment.packages.numpy, environment.data FROM runs"
    assert ask(results, sql) == [("3.11.7", "2.0", "made up")]


def test_epochs_are_joined_by_directory(results):
    sql = "SELECT experiment, max(test_accuracy) FROM runs JOIN epochs USING (directory) GROUP BY ALL ORDER BY ALL"
    assert ask(results, sql) == [("", pytest.approx(0.4)), ("snap", 0.5), ("snap, detect", pytest.approx(0.6))]


def test_lines_that_are_damaged_end_a_run_and_harm_no_other(results):
    good = '{"epoch": 1, "train_accuracy": 0.3}\n'
    damaged = [
        (good + '{"epoch": 2, "train_acc', 1),  # cut short
        (good + "\0" * 50 + '\n{"epoch": 3}\n', 1),  # a hole in the file, and what came behind it
        (good + '{"epoch": 3}\n', 1),  # a line is missing
        (good + 'x"epoch": 2}\n', 1),
        (good + '[1]\n"text"\n', 1),
        (good + '{"epoch": 2, "note": "\udce9"}\n', 2),  # not UTF-8
        ("", 0),
    ]
    for number, (text, _) in enumerate(damaged):
        path = results / f"broken{number}"
        path.mkdir()
        (path / "config.json").write_text((results / "loose" / "config.json").read_text())
        (path / "metrics.jsonl").write_bytes(text.encode("utf-8", "surrogateescape"))
    with Tables([results]) as tables:
        counted = tables.query("SELECT epochs_done FROM runs WHERE directory LIKE '%broken%' ORDER BY directory").rows
        whole = tables.query("SELECT count(*) FROM epochs WHERE directory LIKE '%sweep%'").rows
    assert counted == [(epochs,) for _, epochs in damaged]
    assert whole == [(4,)]
    assert [len(run.rows) for run in read_runs(results) if "broken" in run.path.name] == [1, 1, 1, 1, 1, 2]


def test_runs_without_an_epoch_and_failed_ones_are_told(tmp_path, put_run):
    put_run(tmp_path / "run", "bats", {}, [0.5])
    (tmp_path / "run" / "metrics.jsonl").unlink()
    (tmp_path / "run" / "failed.json").write_text(json.dumps({"attempts": 1, "sentence": "the disk is full"}))
    assert ask(tmp_path, "SELECT epochs_done, finished, failure FROM runs") == [(0, False, "the disk is full")]
    assert ask(tmp_path, "SELECT count(*) FROM epochs") == [(0,)]


def test_a_run_whose_configuration_is_damaged_is_left_out(results):
    (results / "loose" / "config.json").write_text('{"format": 1, "mod')
    assert ask(results, "SELECT count(*) FROM runs") == [(2,)]
    (results / "sweep" / "runs" / "base" / "environment.json").write_text("{{")
    assert ask(results, "SELECT count(*), count(environment) FROM runs") == [(2, 1)]


def test_the_summary_has_a_row_a_configuration(results):
    with table([results]) as tables:
        sql = "SELECT experiment, bins, n, is_reference, rate, change, change_low FROM summary WHERE model = 'bats'"
        rows = tables.query(sql).rows
    assert rows == [
        ("snap", None, 1, True, 0.6, 0.0, None),
        ("snap", 30, 1, False, 0.5, pytest.approx(-1 / 6), None),
        ("detect", None, 1, True, 0.6, 0.0, None),
    ]


def test_tables_without_any_epoch_have_an_empty_summary(tmp_path, put_run):
    put_run(tmp_path / "run", "bats", {}, [0.5])
    (tmp_path / "run" / "metrics.jsonl").unlink()
    with table([tmp_path]) as tables:
        assert tables.query("SELECT * FROM summary").rows == []


def test_all_tables_are_written_as_csv(results, tmp_path):
    with table([results]) as tables:
        files = tables.write_csv(tmp_path / "out")
    assert [file.name for file in files] == ["runs.csv", "epochs.csv", "summary.csv"]
    assert not list((tmp_path / "out").glob("*.part"))
    lines = [list(csv.reader(file.open())) for file in files]
    assert [len(rows) - 1 for rows in lines] == [3, 7, 4]
    assert lines[1][0][:3] == ["directory", "epoch", "train_accuracy"]


def test_files_are_out_of_reach(results, tmp_path):
    for sql in (
        f"COPY runs TO '{tmp_path}/stolen.csv'",
        f"EXPLAIN ANALYZE COPY runs TO '{tmp_path}/stolen.csv'",
        f"ATTACH '{tmp_path}/stolen.db'",
        f"SELECT * FROM read_text('{results}/loose/config.json')",
    ):
        with pytest.raises(
            ConfigError, match=r"reaches for a file: ask the tables runs, epochs, summary; --csv FILE writes"
        ):
            ask(results, sql)
    assert not list(tmp_path.glob("stolen*"))


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELEC 1", r'the query failed: Parser Error: syntax error at or near "selec"'),
        ("SELECT nope FROM runs", r'Referenced column "nope" not found in FROM clause!; Candidate bindings: '),
        ("SELECT * FROM nope", r"Table with name nope does not exist!; ask the tables runs, epochs, summary$"),
        ("  ", r'the query is empty: ask something, such as "SELECT \* FROM runs"'),
    ],
)
def test_what_is_wrong_with_a_query_is_told_in_a_sentence(results, sql, sentence):
    with pytest.raises(ConfigError, match=f"(?i){sentence}") as told:
        ask(results, sql)
    assert "\n" not in str(told.value)


def test_directories_without_runs_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"there is no directory .*nowhere: pass one that holds runs"):
        Tables([tmp_path / "nowhere"])
    with pytest.raises(ConfigError, match=r"there is no run in .*: pass directories that hold some"):
        Tables([tmp_path])


def test_tables_tell_what_the_runs_tell_that_are_read_one_by_one(results):
    with Tables([results]) as tables:
        for run in read_runs(results):
            sql = f"SELECT epoch, train_accuracy FROM epochs WHERE directory = '{run.path}'"
            assert tables.query(sql).rows == [(row["epoch"], row["train_accuracy"]) for row in run.rows]
