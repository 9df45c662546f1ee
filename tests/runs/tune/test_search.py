"""Successive halving among the rules of one dt."""

import pytest

from runs.tune.result import Rung
from runs.tune.search import LEAST, Refused, schedule, search


def measured(right, alike=None, log=None):
    """A `measure` by which a rule has right[rule] of every ten samples."""

    def measure(rule, start, stop):
        if log is not None:
            log.append((rule, start, stop))
        if right[rule] is None:
            raise Refused(f"{rule} does not do")
        return right[rule] * (stop - start) // 10, (alike or {}).get(rule, 0) * (stop - start) // 10

    return measure


def test_nine_rules_become_two_on_parts_that_double():
    assert schedule(9, 1000) == ((9, 125), (5, 250), (3, 500), (2, 1000))


@pytest.mark.parametrize("samples", [1, 49, 50, 101, 333, 1000])
def test_a_schedule_begins_with_all_rules_and_ends_with_all_samples(samples):
    for candidates in range(1, 20):
        rungs = schedule(candidates, samples)
        assert rungs[0][0] == candidates and rungs[-1][1] == samples
        survivors, parts = zip(*rungs, strict=True)
        assert list(survivors) == sorted(set(survivors), reverse=True) and list(parts) == sorted(set(parts))
        assert parts[0] >= min(LEAST, samples)


@pytest.mark.parametrize(("candidates", "samples"), [(0, 10), (3, 0)])
def test_a_search_among_nothing_is_refused(candidates, samples):
    with pytest.raises(ValueError, match="needs one of each or more"):
        schedule(candidates, samples)


def test_the_best_rule_is_found_and_nothing_is_measured_twice():
    rules, log = [f"r{i}" for i in range(9)], []
    right = {rule: i for i, rule in enumerate(rules)}
    scores = search(4, rules, 1000, measured(right, log=log))
    assert scores[0].rule == "r8" and scores[0].rungs[-1] == Rung(1000, 800, 0.0)
    assert [len(score.rungs) for score in scores] == [4, 4, 3, 2, 2, 1, 1, 1, 1]
    assert len(set(log)) == len(log)
    per_rule = {rule: [span[1:] for span in log if span[0] == rule] for rule in rules}
    assert per_rule["r8"] == [(0, 125), (125, 250), (250, 500), (500, 1000)]
    assert sum(stop - start for _, start, stop in log) == 3500  # instead of 9000


def test_likeness_decides_before_what_is_right_and_that_before_the_order():
    rules = ["a", "b", "c"]
    right = {"a": 6, "b": 5, "c": 5}
    assert search(2, rules, 40, measured(right, {"b": 9, "c": 9}))[0].rule == "b"
    assert search(2, rules, 40, measured(right, {"c": 9}))[0].rule == "c"
    assert search(2, rules, 40, measured(right))[0].rule == "a"
    assert search(2, rules, 40, measured(dict.fromkeys(rules, 5)))[0].rule == "a"


def test_the_order_of_the_rules_decides_nothing_else():
    right = {"a": 3, "b": 9, "c": 5, "d": 7}
    for rules in (["a", "b", "c", "d"], ["d", "c", "b", "a"]):
        assert [score.rule for score in search(2, rules, 400, measured(right))] == ["b", "d", "c", "a"]


def test_a_rule_that_is_refused_is_out_and_says_why():
    scores = search(8, ["a", "b", "c"], 40, measured({"a": None, "b": 1, "c": 2}))
    assert [score.rule for score in scores] == ["c", "b", "a"]
    assert scores[-1].refused == "a does not do" and scores[-1].rungs == ()


def test_where_all_rules_are_refused_none_is_measured_further():
    log = []
    scores = search(8, list("abcde"), 1000, measured(dict.fromkeys("abcde"), log=log))
    assert all(score.refused for score in scores) and len(log) == 5


def test_what_is_measured_next_is_announced():
    told = []
    search(2, ["a", "b", "c"], 200, measured({"a": 1, "b": 2, "c": 3}), lambda *what: told.append(what))
    assert told == [(["a", "b", "c"], 0, 100), (["c", "b"], 100, 200)]
