"""The README's examples run as printed and print what it says."""

import contextlib
import io
import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


def test_every_example_prints_what_the_readme_says(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    pairs = re.findall(r"```python\n(.*?)```\n+```text\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(pairs) == 4
    names = {}
    for code, expected in pairs:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, names)
        assert printed.getvalue() == expected


def test_the_readme_names_the_public_names_that_exist():
    import bats_dt

    text = README.read_text(encoding="utf-8")
    assert set(re.findall(r"from bats_dt import (.*?)  #", text)[0].split(", ")) <= set(bats_dt.__all__)


def test_the_readmes_sweep_can_be_planned():
    from runs.sweep import load_sweep

    (text,) = re.findall(r"```toml\n(name = .*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    sweep = load_sweep(text)
    assert [experiment.name for experiment in sweep.experiments] == ["soft", "hard"]
    assert len(sweep.runs) == 24
