"""Delays in steps of dt, rounded up or to the nearest."""

import pytest
import torch

from lava_dt.conversion.delay_rounding import bins, rounded
from lava_dt.export.delays import ticks

FINE = torch.arange(60)


@pytest.mark.parametrize("hop", [0, 1])
@pytest.mark.parametrize("dt", [2, 3, 4, 8, 16])
def test_a_timestep_rounds_the_new_delay_up_to_what_was_wanted(hop, dt):
    for rounding in ("up", "nearest"):
        delay = rounded(FINE + 0.7, None, hop, dt, rounding)
        assert torch.equal(
            torch.from_numpy(ticks(delay.floor().long().numpy(), hop, dt)) + hop, bins(FINE, hop, dt, rounding)
        )


def test_the_nearest_is_half_a_step_away_at_most_but_for_the_hop_and_no_delay_gets_longer():
    for dt in (4, 8):
        error = bins(FINE, 1, dt, "nearest") * dt - (FINE + 1)
        assert bool((error[dt // 2 <= FINE + 1].abs() <= dt // 2).all())
        assert bool((bins(FINE, 1, dt, "nearest") >= 1).all())
        assert bool((rounded(FINE.float(), None, 1, dt, "nearest") <= FINE).all())


def test_worked_by_hand():
    # hop 1, dt 8: arrivals 1, 5, 12, 13 fine steps; up 1, 1, 2, 2 bins; nearest 1 (the hop), 1, 2 (12/8 = 1.5), 2
    delay = torch.tensor([0.0, 4.0, 11.0, 12.0])
    assert bins(delay.long(), 1, 8, "up").tolist() == [1, 1, 2, 2]
    assert bins(delay.long(), 1, 8, "nearest").tolist() == [1, 1, 2, 2]
    # delay 9.5: arrival 10, up 2, nearest 1: shortened to 7 fine steps, which arrive at 8
    assert rounded(torch.tensor([9.5]), None, 1, 8, "nearest").tolist() == [7.0]
    assert rounded(torch.tensor([9.5]), None, 1, 8, "up").tolist() == [9.5]


def test_delays_beyond_the_longest_count_as_the_longest():
    assert rounded(torch.tensor([30.0]), 9.0, 1, 8, "nearest").tolist() == [7.0]
