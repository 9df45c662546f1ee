"""Figures are SVG for a page: what is drawn where, ticks that differ, labels that do not cover each other."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from runs.comparison import compare, read_runs
from runs.report.drawing import Axis, colour_sheet, count_axis, log_axis, one_panel, share_axis, stack, standalone, svg
from runs.report.drawing.scales import short
from runs.report.figures import change_panels, cost_panels, curves
from runs.report.sections import sections
from runs.report.steps import Steps
from runs.report.thesis import PUBLISHED, Table3


@pytest.mark.parametrize("coarse", [0.4, 0.499, 0.49999, 0.5])
def test_no_two_ticks_of_an_axis_of_changes_have_the_same_label(coarse):
    axis = share_axis([coarse / 0.5 - 1, -0.005, 0.005], "change")
    labels = [text for _, text in axis.ticks]
    assert len(set(labels)) == len(labels) > 2
    assert all(axis.low <= value <= axis.high for value, _ in axis.ticks)


@pytest.mark.parametrize("last", [1, 2, 5, 15, 40, 300])
def test_epochs_have_whole_ticks_that_are_few(last):
    numbers = [value for value, _ in count_axis(last, "epoch").ticks]
    assert numbers == sorted(set(numbers)) and all(value == int(value) for value in numbers) and len(numbers) <= 8


def test_a_single_epoch_stands_beside_the_names():
    axis = count_axis(1, "epoch")
    assert axis.ticks == ((1.0, "1"),) and axis.place(1) > 0.9


def test_a_logarithmic_axis_has_ticks_within_a_decade_and_over_many():
    for values in ([50e3, 80e3], [1.0, 1e6], [3.0, 4.0], [1.0, 3e4], [7.0]):
        axis = log_axis(values, "operations")
        assert len(axis.ticks) >= 2 and all(axis.low <= value <= axis.high for value, _ in axis.ticks)
        assert axis.place(axis.low) == 0 and axis.place(axis.high) == pytest.approx(1)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (950, "950"), (12_345, "12.3k"), (-3.4e6, "\N{MINUS SIGN}3.4M"), (2e9, "2G")]
)
def test_quantities_are_written_in_a_few_letters(value, text):
    assert short(value) == text


def panel():
    return one_panel(Axis(0, 10, ((0, "0"), (10, "10")), "x"), Axis(0, 1, ((0, "0"),), "y"), title="A < B", right=80)


def crowded():
    drawn = panel()
    drawn.line([(0, 0), (5, float("nan")), (6, 0.5), (8, 0.6)], "var(--k0)", told="a & 'b'")
    drawn.band([0, 10], [0, 0.1], [1, 0.9], "var(--k0)")
    drawn.dots([(3, 0.5), (4, float("nan"))], "var(--k1)", hollow=True, told="<dot>")
    drawn.strokes([(1, 0.5)], "var(--k1)", height=0.2)
    drawn.bar(2, 0.1, 0.2, "var(--k1)")
    drawn.bar(2, float("-inf"), float("inf"), "var(--k1)")
    drawn.label(0.6, "line < 1", "var(--k0)")
    return drawn.svg("crowded", "what is & shown")


def test_a_panel_is_well_formed_and_says_what_it_shows():
    root = ElementTree.fromstring(crowded())
    assert root.get("role") == "img" and root[0].tag.endswith("title")
    assert [title.text for title in root.iterfind(".//{*}title")] == ["what is & shown", "a & 'b'", "<dot>"]
    assert {"A < B", "x", "y", "line < 1"} <= {text.text for text in root.iterfind(".//{*}text")}
    ElementTree.fromstring(standalone(crowded()))


def test_a_figure_has_the_pages_letters_and_no_colour_of_its_own():
    assert "font-family" not in crowded() and not re.findall("nan|inf", crowded())
    assert not re.findall("#[0-9a-f]{6}", crowded())


def test_words_of_a_figure_stay_as_they_are():
    told = "font-family: x; #1b2430 $a$ url(#p) --> 1.2345"
    drawn = one_panel(Axis(0, 1, ()), Axis(0, 1, ((0.5, told),)), title=told)
    drawn.line([(0, 0), (1, 1)], "var(--k0)", told=told)
    drawn.label(0.5, told, "var(--k0)")
    root = ElementTree.fromstring(drawn.svg("words", told))
    assert [text.text for text in root.iterfind(".//{*}text")] == [told] * 3
    assert [title.text for title in root.iterfind(".//{*}title")] == [told] * 2


@pytest.mark.parametrize(
    ("style", "clean"),
    [
        ("font: 10px 'DejaVu Sans'; fill: red", "font-size: 10px; fill: red"),
        ("font: 700 10.5px 'A B', serif", "font-size: 10.5px; font-weight: 700"),
        ("font-size: 9px; font-family: 'A B', 'C'; text-anchor: end", "font-size: 9px; text-anchor: end"),
        ("font: inherit; unheard-of: 1", "font: inherit; unheard-of: 1"),
    ],
)
def test_styles_lose_the_families_of_letters_alone(style, clean):
    assert svg._style(style) == clean


def test_what_matplotlib_has_never_written_stays(monkeypatch):
    strange = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><metadata>m</metadata>
      <g id="kept"><new fill="#123456" d="M 1e-05 1.25e-03 L 2.06,3" id="n"/></g><use xlink:href="#kept"/></svg>"""
    monkeypatch.setattr(svg.FigureCanvasSVG, "print_svg", lambda self, stream, metadata: stream.write(strange))
    root = ElementTree.fromstring(svg.as_svg(Figure(), "key", "told"))
    assert [part.tag.rpartition("}")[2] for part in root] == ["title", "metadata", "g", "use"]
    assert root[2].get("id") == "kept"
    assert root[2][0].attrib == {"fill": "#123456", "d": "M 1e-05 1.25e-03 L 2.1,3", "id": "n"}


def test_names_at_the_side_keep_apart_and_in_order():
    axis = Axis(9.5, -0.5, ((8, "8"), (9, "9")), "output")
    drawn = one_panel(Axis(0, 1, ()), axis, title="", height=92)
    root = ElementTree.fromstring(drawn.svg("side", ""))
    at = {text.text: float(text.get("y")) for text in root.iterfind(".//{*}text")}
    assert 10 < at["9"] - at["8"] < 11


def test_a_figure_can_be_written_twice():
    drawn = panel()
    drawn.label(0.5, "line", "var(--k0)")
    first = drawn.svg("twice", "")
    panel().svg("another", "")
    assert drawn.svg("twice", "") == first


def test_the_same_panel_is_the_same_text_and_leaves_nothing_to_the_next():
    empty = panel().svg("empty", "nothing")
    assert crowded() == crowded()
    assert panel().svg("empty", "nothing") == empty


def test_figures_of_one_page_share_no_ids():
    ids = [re.findall(r'id="([^"]*)"', panel().svg(key, "")) for key in ("first", "second")]
    assert ids[0] and len({*ids[0], *ids[1]}) == len(ids[0]) + len(ids[1])


def test_panels_below_each_other_are_one_figure():
    rows = [(Axis(0, 10, ()), Axis(0, 1, (), "above"), 60), (Axis(0, 10, ((0, "0"),), "time"), Axis(0, 1, ()), 90)]
    panels = stack(rows, title="both", width=330)
    for place, one in enumerate(panels):
        one.line([(0, 0.2), (10, 0.8)], f"var(--k{place})")
    root = ElementTree.fromstring(panels[0].svg("both", "two panels"))
    assert root.get("viewBox") == "0 0 330 150"
    heights = {text.text: float(text.get("y")) for text in root.iterfind(".//{*}text") if text.get("y")}
    assert heights["both"] < 60 < heights["time"] < 150


def test_labels_beside_the_axes_keep_apart_and_inside():
    drawn = panel()
    for i in range(8):
        drawn.label(0.99, f"line {i}", "var(--k0)")
    heights = sorted(float(y) for y in re.findall(r'y="([\d.]+)"[^>]*>line', drawn.svg("labels", "")))
    assert len(heights) == 8 and min(b - a for a, b in pairwise(heights)) > 10
    assert min(heights) > 10 and max(heights) < 230


def test_every_colour_that_is_used_is_in_the_sheet_for_light_and_dark_pages(tmp_path, make):
    for bins, accuracy in ((None, 0.9), (150, 0.85), (30, 0.8)):
        counted = {"test_synaptic_operations": 1e3 * accuracy, "test_neuron_updates": 2e3 * accuracy}
        make.seeds(tmp_path, {"bins": bins}, [accuracy] * 3, **counted)
    entries = compare(read_runs(tmp_path))
    steps, parts = Steps(entries), sections(entries)
    table = Table3("bats", PUBLISHED["bats"], ())
    figures = [*curves(parts[0], steps), *change_panels("bats", parts, table), *cost_panels("bats", parts, steps)]
    keys = ["bats-train", "bats-test", "bats-apart", "change-bats", "change-near-bats", "rate-bats"]
    assert [drawn.key for drawn in figures] == [*keys, "cost-operations-bats", "cost-updates-bats"]
    used = {name for drawn in figures for name in re.findall(r"var\((--\w+)\)", drawn.svg)}
    assert {"--base", "--s0", "--s7"} <= used
    assert all(colour_sheet().count(f"{name}:") == 2 for name in used)


def test_steps_of_almost_one_length_have_one_colour(tmp_path, make):
    make.seeds(tmp_path, {"bins": 37}, [0.9])
    make.seeds(tmp_path, {"bins": 37}, [0.9], model="slayer")  # 38 bins of 8 ms
    make.seeds(tmp_path, {"bins": 150}, [0.9])
    entries = compare(read_runs(tmp_path))
    steps = Steps(entries)
    colours = {entry.config.bins: steps.colour(entry.config) for entry in entries}
    assert colours[37] == colours[38] != colours[150]


def test_long_names_are_cut_beside_the_axes(tmp_path, make):
    make.seeds(tmp_path, {}, [0.9])
    for inputs in (True, False):
        for rule in ("published", "snap"):
            make.seeds(tmp_path, {"bins": 30, "rule": rule, "grid_inputs": inputs}, [0.8])
    entries = compare(read_runs(tmp_path))
    (drawn, _) = change_panels("bats", sections(entries), None)
    labels = re.findall(r"font-weight: 700; font-size: 10.5px[^>]*>([^<]*)<", drawn.svg)
    assert len(labels) == 4 and max(map(len, labels)) <= 24 and any(text.endswith("\u2026") for text in labels)
