"""Accuracy, its interval, sums over samples."""

import pytest

from runs.deploy.page import accuracy_text, layer_table, speed_text
from runs.deploy.scores import Outcome, Scores, wilson


def test_wilsons_interval_holds_the_shares_from_which_the_count_is_1_96_deviations_away():
    for correct, seen in ((8, 10), (0, 5), (5, 5), (500, 1000)):
        for share in wilson(correct, seen):
            away = abs(correct / seen - share)
            assert away == pytest.approx(1.959964 * (share * (1 - share) / seen) ** 0.5, abs=1e-6)
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)  # as in the literature
    assert wilson(0, 5)[0] == 0 and wilson(5, 5)[1] == 1


def test_scores_sum_up_samples_and_are_told_a_layer_a_row():
    scores = Scores()
    scores.add(Outcome(label=3, predicted=3, spikes=(10, 4, 2), operations=(60, 8, 0)), 0.5)
    scores.add(Outcome(label=3, predicted=1, spikes=(20, 8, 0), operations=(120, 16, 0)), 0.5)
    assert (scores.seen, scores.correct, scores.accuracy, scores.running) == (2, 1, 0.5, 1.0)
    assert accuracy_text(scores) == "accuracy 50.0% (1 of 2; 95 % interval 9.5% to 90.5%)"
    table = layer_table(("input", "layer 0 (dense)", "layer 1 (dense)"), (5, 6, 10), scores, seconds=0.1)
    cells = [list(column.cells) for column in table.columns]
    assert cells[2] == ["15.0", "6.0", "1.0", "22.0"]
    assert cells[3] == ["30", "10", "1", ""]
    assert cells[4] == ["90", "12", "0", "102"]


@pytest.mark.parametrize(("seconds", "words"), [(2.0, "4 times as fast as real time"), (0.1, "5 times slower than")])
def test_the_speed_is_told_beside_real_time(seconds, words):
    scores = Scores(seen=2, correct=1, running=1.0)
    assert words in speed_text(scores, 30, seconds)
    assert speed_text(scores, 30, seconds).startswith("60 steps a second")
