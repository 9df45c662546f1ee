"""The page of a tune: what it says is what was measured, in one file that light, dark and narrow screens can read."""

import dataclasses
import re
from html.parser import HTMLParser

import pytest

pytest.importorskip("lava_dt", reason="a tune's results need torch, lava-nc and lava-dl")

from runs.tune.page import write_page
from runs.tune.page.front import front
from runs.tune.paired import Interval

EQUATIONS = {"step-invariant": "a = 1 - exp(-dt/tau) <exact>", "tau-scaling": "a = dt/tau", "other": "not tried"}
PIPED = {**EQUATIONS, "tau-scaling": "|a| = dt/tau"}


def written(result, folder, command="lava-dt tune NET"):
    page = write_page(result, folder, EQUATIONS, command, {"torch": "2.15"})
    return page.read_text(encoding="utf-8"), page.with_suffix(".md").read_text(encoding="utf-8")


class Text(HTMLParser):
    """Cells of every table, row by row, and the nesting, which must come out even."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.open, self.external = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "path", "use", "rect", "br"):
            self.open.append(tag)
        self.external += [value for name, value in attributes if name in ("src", "href") and not value.startswith("#")]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        if tag in self.open:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += f" {data}"


def cells(html, name):
    return next(row for row in Text(html).rows if name in row[0])


def test_the_sentence_stands_on_top_and_a_row_tells_what_a_step_keeps_and_costs(result, tmp_path):
    result = dataclasses.replace(result, sentence="Run it at 8 ms & save. That is 1.5 points.")
    html, markdown = written(result, tmp_path)
    assert '<p class="lead">That is 1.5 points.</p>' in html
    assert html.index("Run it at 8 ms &amp; save.") < html.index("<table")
    assert markdown.index("**Run it at 8 ms & save.**") < markdown.index("| Step")
    row = cells(html, "dt 4")
    assert row[0].split() == ["dt", "4", "4", "ms"]
    assert row[1].split() == ["94.75%", "379", "of", "400"]
    assert row[2].split() == ["+0.25", "\N{MINUS SIGN}0.75", "to", "+1.45"]
    assert row[3].strip() == "step-invariant"
    assert row[5].split() == ["37.5k", "0.25\u00d7"] and row[9].strip() == "fits"
    assert "| dt 4 (4 ms) | 94.75% (379 of 400) | +0.25 (\N{MINUS SIGN}0.75 to +1.45) | step-invariant |" in markdown


def test_the_recommended_row_is_marked_and_what_loihi_cannot_hold_is_told_below(result, tmp_path):
    html, markdown = written(result, tmp_path)
    chosen = html[html.index('<tr class="chosen">') :]
    assert "\u2605" in chosen[: chosen.index("</tr>")] and html.count('<tr class="chosen">') == 1
    assert "\u2605: recommended." in html
    assert "dt 8 \u2605 (8 ms) | 94.50% (378 of 400)" in markdown
    assert "On Loihi, dt 8: 1 Dense has a delay of 600 fine steps." in html


def test_many_remarks_are_folded_away(result, make_judged, tmp_path):
    few, _ = written(result, tmp_path)
    assert few.count("<details>") == 1 and "remarks</summary>" not in few  # the rungs alone
    problems = tuple(f"has problem {i}" for i in range(4))
    html, markdown = written(dataclasses.replace(result, judged=(make_judged(4, 379, problems=problems),)), tmp_path)
    folded = html[html.index("<details><summary>4 remarks</summary>") :]
    assert all(f"{problem}." in folded[: folded.index("</details>")] for problem in problems)
    assert Text(html).open == [] and "* On Loihi, dt 4: 1 Dense has problem 3." in markdown


def test_rules_are_told_with_their_last_rung_and_why_they_were_refused(result, tmp_path):
    html, _ = written(result, tmp_path)
    rows = [row for row in Text(html).rows if row and row[0].strip() == "tau-scaling"]
    assert [cell.split() for cell in rows[0][1:]] == [["62.0%", "of", "50"], ["\u2013", "refused"]]
    assert "tau-scaling at dt 8: its decay is above 1" in html
    assert rows[1][1].strip() == "a = dt/tau"
    assert "not tried" not in html and "&lt;exact&gt;" in html
    rungs = [row for row in Text(html).rows if row and row[0].strip() == "dt 4" and len(row) == 4]
    assert [row[1].strip() for row in rungs] == ["50", "100"]
    assert rungs[0][3].strip() == "step-invariant\u00a00.970\u00a0(94.0%), tau-scaling\u00a00.610\u00a0(62.0%)"


def test_fine_tuning_is_told_before_and_after(result, tmp_path):
    html, markdown = written(result, tmp_path)
    row = next(row for row in Text(html).rows if len(row) == 7 and "dt 8" in row[0])
    assert row[3].split()[0] == "85.00%" and row[4].split()[0] == "94.50%" and row[5].strip() == "+9.50"
    assert "## Fine-tuning" in markdown
    plain = dataclasses.replace(result, judged=result.judged[:2], chosen=result.judged[0])
    html, markdown = written(plain, tmp_path)
    assert "Fine-tuning" not in markdown and 'id="tuning"' not in html


def test_without_a_search_every_rule_is_told_on_the_test_set_and_the_best_of_a_step_is_shown(
    result, make_judged, tmp_path
):
    poor = make_judged(4, 300, "tau-scaling")
    html, _ = written(dataclasses.replace(result, scores=(), judged=(poor, *result.judged)), tmp_path)
    shown = [row[0].strip() for row in Text(html).rows if len(row) == 10 and row[0].split()[1:2] == ["4"]]
    assert len(shown) == 1 and "every rule on all test samples" in html
    row = next(row for row in Text(html).rows if row and row[0].strip() == "tau-scaling")
    assert row[1].split() == ["75.0%", "of", "400"] and row[2].strip() == "\u2013"
    assert 'id="rungs"' not in html and "The rungs of the halving" not in html
    assert cells(html, "as it is")[1].strip() == "95.0%"


def test_nothing_within_the_tolerance_is_said_and_what_was_written_is_called_the_nearest(result, tmp_path):
    html, markdown = written(dataclasses.replace(result, chosen=None), tmp_path)
    assert 'class="none"' in html and "recommended" not in html
    assert "not within the tolerance" in html and "not within the tolerance" in markdown
    nothing = dataclasses.replace(result, chosen=None, nearest=None, judged=(), scores=(), files={}, parity=None)
    html, _ = written(nothing, tmp_path)
    assert "No network was written" in html


def test_what_was_written_and_what_lava_made_of_it_are_told(result, tmp_path):
    html, markdown = written(result, tmp_path)
    assert "0 of 1,234 spikes differ between training and Lava" in html and 'class="box"' in html
    assert "* HDF5: `out/network/network.net`" in markdown and "NIR cannot hold the delays." in markdown
    worse = dataclasses.replace(result.parity.layers[0], differing_spikes=5)
    differing = dataclasses.replace(result, parity=dataclasses.replace(result.parity, layers=(worse,)))
    assert 'class="box bad"' in written(differing, tmp_path)[0]


def test_losses_against_exact_time_are_told_of_the_own_step_too(result, tmp_path):
    base = dataclasses.replace(result.baseline, loss=0.04, interval=Interval(0.02, 0.06, 0.99))
    html, markdown = written(dataclasses.replace(result, exact=0.99, baseline=base), tmp_path)
    assert cells(html, "dt 1")[2].split() == ["+4.00", "+2.00", "to", "+6.00"]
    assert "95.00% right (95% interval 92.4% to 96.7%), and 99.00% in exact time." in html
    assert "the accuracy in exact time less that of the network in the row" in html and "99.0% in exact time" in html
    assert "| baseline |" not in markdown


def test_the_page_is_one_file_with_even_tags_and_no_link_outside(result, tmp_path):
    html, _ = written(result, tmp_path, command="lava-dt tune 'a b' --dt 4 8 && x")
    parsed = Text(html)
    assert parsed.open == [] and parsed.external == []
    assert "http" not in html.replace("http://www.w3.org/", "")
    assert "lava-dt tune &#39;a b&#39; --dt 4 8 &amp;&amp; x" in html


def test_the_figures_take_letters_and_colours_from_the_page_and_stand_alone_beside_the_markdown(result, tmp_path):
    html, markdown = written(result, tmp_path)
    figures = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    assert len(figures) == 3
    for figure in figures:
        assert not re.search(r"#[0-9a-f]{6}\b", figure) and "var(--ink)" in figure
        assert figure.startswith("<svg") and 'role="img"><title>' in figure
    assert ">dt 8</text>" in figures[0] and ">tolerance</text>" in figures[0]
    names = re.findall(r"\]\((tune-.*?\.svg)\)", markdown)
    assert names == ["tune-neuron-updates.svg", "tune-synaptic-operations.svg", "tune-rules.svg"]
    for name in names:
        assert "prefers-color-scheme: dark" in (tmp_path / name).read_text(encoding="utf-8")


def test_a_bar_in_an_equation_does_not_end_a_cell_of_markdown(result, tmp_path):
    write_page(result, tmp_path, PIPED, "lava-dt tune NET", {})
    assert r"| tau-scaling | \|a\| = dt/tau |" in (tmp_path / "tune.md").read_text(encoding="utf-8")


def test_the_same_result_gives_the_same_page(result, tmp_path):
    assert written(result, tmp_path / "one") == written(result, tmp_path / "two")


def test_the_front_holds_what_nothing_cheaper_equals():
    points = [(4.0, 0.9), (2.0, 0.8), (1.0, 0.8), (3.0, 0.7), (4.0, 0.95), (8.0, 0.95)]
    assert front(points) == [2, 4]
    assert front([]) == []
    assert front([(1.0, 0.5), (1.0, 0.5)]) == [0]
