"""The recommendation, in numbers and in a sentence."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from runs.config import ConfigError
from runs.tune.paired import discordant, score_interval
from runs.tune.recommendation import choose, sentence
from runs.tune.result import Judged, TuneResult, load_result

N = 1000


def judged(dt, wrong, rule="rule", finetuned=0, level=0.95, also_right=0, n=N):
    """A network that has so many more wrong than the baseline, which has 100 wrong, and so many of these right."""
    correct = np.ones(n, bool)
    correct[also_right : 100 + wrong + also_right] = False
    own = np.ones(n, bool)
    own[:100] = False
    b, c = discordant(own, correct)
    evaluation = SimpleNamespace(correct=correct, accuracy=correct.mean(), labels=np.zeros(n))
    costs = SimpleNamespace(steps=-(-300 // dt))
    loss, interval = (b - c) / n, score_interval(b, c, n, level)
    return Judged(dt, dt * 1e-3, None if dt == 1 else rule, finetuned, evaluation, loss, interval, costs, None)


OWN = judged(1, 0)


def told(*found, tolerance=0.01):
    return sentence("net", OWN, found, tolerance, 0.95)


def test_the_coarsest_within_the_tolerance_is_chosen_and_the_least_loss_is_nearest():
    found = [judged(2, 0), judged(4, 10), judged(8, 30)]
    assert choose(found, 0.01) == (found[1], found[0])
    assert choose(found, 0.05)[0] is found[2]
    assert choose(found[2:], 0.01) == (None, found[2])
    assert choose([], 0.01) == (None, None)


def test_at_one_step_the_smaller_loss_and_then_the_untrained_is_chosen():
    plain, tuned, same = judged(8, 8), judged(8, 3, finetuned=2), judged(8, 3)
    assert choose([plain, tuned], 0.01)[0] is tuned
    assert choose([tuned, same], 0.01)[0] is same


def test_of_two_with_the_least_loss_the_coarser_is_nearest():
    found = [judged(2, 30), judged(4, 30)]
    assert choose(found, 0.01)[1] is found[1]


def test_a_loss_of_just_the_tolerance_is_within_it():
    assert choose([judged(4, 10)], 0.01)[0] is not None
    assert choose([judged(4, 11)], 0.01)[0] is None
    assert choose([judged(4, 29)], 2.9 / 100)[0] is not None


def test_a_certain_recommendation_says_so():
    text = told(judged(4, 1))
    assert text.startswith(
        "Run net at dt = 4 (4 ms) by rule: 75 steps an inference instead of 300, and 89.90% instead of 90.00% of "
        "1,000 test samples right at its own step, a loss of 0.1 points ("
    )
    assert text.endswith("The whole interval is within the tolerance of 1 point.")


def test_an_uncertain_one_says_how_many_samples_it_would_take():
    text = told(judged(4, 0, also_right=20))  # 20 right that were wrong, 20 wrong that were right
    assert "a loss of 0 points (\N{MINUS SIGN}1.29 to 1.29 with 95% confidence)" in text
    assert "That is within the tolerance of 1 point, but not certain: it would take about 1,700 test samples" in text


def test_a_loss_of_the_tolerance_itself_is_said_never_to_become_certain():
    assert told(judged(4, 10)).endswith("but not certain, and no number of samples like these would make it certain.")


def test_the_number_of_comparisons_is_told():
    assert "with 95% confidence, corrected for 2 comparisons)" in told(judged(2, 0), judged(4, 5))


def test_nothing_within_the_tolerance_is_said_with_the_nearest_and_what_its_interval_excludes():
    text = told(judged(2, 40), judged(4, 60))
    assert text.startswith("Nothing to recommend: none of dt = 2, 4 keeps net, which has 90.00% of 1,000 test samples")
    assert "within a loss of 1 point. The nearest is dt = 2 (2 ms) by rule, with a loss of 4 points (" in text
    assert text.endswith("which excludes that it is within.")
    assert told(judged(2, 12)).endswith("which does not exclude that it is within.")


def test_where_no_rule_converts_the_network_the_reason_is_told():
    text = sentence("net", OWN, [], 0.01, 0.95, ["too fast", "too slow"])
    assert text == (
        "Nothing to recommend: no rule converts net, which has 90.00% of 1,000 test samples right at its own step, to "
        "any of the steps asked for: too fast"
    )


def test_a_gain_is_told_as_a_gain_with_the_interval_of_the_loss():
    text = told(judged(4, 0, also_right=0), judged(8, -5))
    assert "a gain of 0.5 points (as a loss: \N{MINUS SIGN}" in text and "-" not in text.partition("gain")[2]
    assert "1.17 to \N{MINUS SIGN}0.12 with 95% confidence, corrected" in text  # McNemar's z is sqrt(5), above 1.96


def test_a_tolerance_of_next_to_nothing_is_not_called_0():
    text = told(judged(2, 40), tolerance=1e-6)
    assert "within a loss of 0.0001 points. The nearest" in text
    assert "within a loss of 0 points. The nearest" in told(judged(2, 40), tolerance=0.0)


def in_exact_time(wrong, *found, own=OWN):
    """The sentence about a network that has so many wrong in exact time."""
    exact = np.arange(N) >= wrong
    losses = [(np.mean(exact) - one.accuracy, discordant(exact, one.evaluation.correct)) for one in (own, *found)]
    own, *found = (
        dataclasses.replace(one, loss=loss, interval=score_interval(*pairs, N, 0.99))
        for one, (loss, pairs) in zip((own, *found), losses, strict=True)
    )
    return sentence("net", own, found, 0.01, 0.95, exact=exact)


def test_losses_of_a_network_in_exact_time_are_told_against_that():
    text = in_exact_time(95, judged(4, 3))
    assert "and 89.70% instead of 90.50% of 1,000 test samples right in exact time, a loss of 0.8 points (" in text
    assert "with 95% confidence, corrected for 2 comparisons)" in text  # its own step is one of them
    assert "At its own step" not in text


def test_a_network_that_is_broken_at_its_own_step_is_called_so_with_what_to_do():
    own = judged(1, 820)
    for found, start in ([judged(4, 0)], "Run net at dt = 4"), ([judged(4, 500)], "Nothing to recommend: none of"):
        text = in_exact_time(100, *found, own=own)
        assert text.startswith(start) and "of 1,000 test samples right in exact time" in text
        assert "At its own step of 1 ms, before any conversion, it has 8.00% right, a loss of 82 points (" in text
        assert "such as --step 0.004, or train it with --grow" in text
    assert in_exact_time(100, own=own).count("At its own step of 1 ms") == 1


def test_fine_tuning_is_part_of_how():
    assert judged(8, 0, finetuned=1).how == "rule, 1 epoch of fine-tuning"
    assert judged(8, 0, finetuned=2).how == "rule, 2 epochs of fine-tuning" and OWN.how == "as it is"


def test_the_table_has_a_row_a_network_and_marks_the_chosen():
    found = (judged(2, 0), judged(4, 10))
    result = TuneResult(
        name="net", tolerance=0.01, confidence=0.95, fine_step=1e-3, samples="1,000 digits", baseline=OWN, exact=None,
        judged=found, scores=(), chosen=found[1], nearest=found[0], sentence="Run it.",
    )  # fmt: skip
    rows = result.table().rows
    assert rows[0] == ("1", "1 ms", "as it is", "90.00%", "", "", "300")
    assert rows[2][:5] == ("4 *", "4 ms", "rule", "89.00%", "1.00")
    assert str(result) == "Run it." and "| 4 * | 4 ms | rule |" in result.table().markdown()


def test_a_directory_without_a_result_says_how_to_get_one(tmp_path):
    with pytest.raises(ConfigError, match=r"holds no finished tune, as .* is not there: run the same"):
        load_result(tmp_path)


@pytest.mark.parametrize(
    ("damage", "why"), [("{", "is damaged"), ('{"crc32": 1, "content": 2}', "is damaged"), ("", "is damaged")]
)
def test_a_damaged_result_says_how_to_get_it_again(tmp_path, damage, why):
    (tmp_path / "result.json").write_text(damage)
    with pytest.raises(ConfigError, match=f"{why}.*run the same lava-dt tune again"):
        load_result(tmp_path)


def test_a_file_with_something_else_is_no_result(tmp_path):
    from runs.tune.store import write_sealed

    write_sealed(tmp_path / "result.json", 3)
    with pytest.raises(ConfigError, match="holds a int and no result of lava-dt tune"):
        load_result(tmp_path)
