"""Decays in 12 bits: chosen together, with the errors that are told."""

from __future__ import annotations

import math

import pytest

from bats_dt.neuron import Neuron
from lava_dt.export.bats.registers import choose
from lava_dt.export.bats.response import Dynamics, dynamics_of, shape_error


def test_decays_that_registers_hold_are_kept_without_error():
    found = choose(Dynamics(1 - 302 / 4096, 1 - 155 / 4096, 20.0))
    assert (found.current_decay, found.voltage_decay) == (302, 155)
    assert found.factor == pytest.approx(1)
    for error in (found.response_error, found.reset_error, found.area_error, found.peak_error):
        assert error == pytest.approx(0, abs=1e-6)  # a root of a difference of 1 - 1


def test_the_pair_is_nearer_than_the_nearest_register_of_each():
    dynamics = dynamics_of(Neuron(0.13, 0.2, 0.2), 0.01)
    wanted = dynamics.keep_current, dynamics.keep_voltage
    assert [round(4096 * (1 - keep), 1) for keep in wanted] == [303.3, 154.5]
    found = choose(dynamics)
    assert (found.current_decay, found.voltage_decay) == (302, 155)
    assert found.response_error < shape_error(wanted, (1 - 303 / 4096, 1 - 155 / 4096))[1]


@pytest.mark.parametrize(("dt", "response", "reset"), [(0.002, 0.004, 0.009), (0.01, 6e-4, 2.2e-3), (0.1, 1e-4, 2e-4)])
def test_errors_of_bats_usual_neurons_grow_as_steps_become_finer(dt, response, reset):
    found = choose(dynamics_of(Neuron(0.13, 0.2, 0.2), dt))
    assert found.response_error < response
    assert found.reset_error < reset
    assert abs(found.area_error) < response
    assert abs(found.peak_error) < response


def test_registers_stay_within_1_and_4096():
    slow = choose(dynamics_of(Neuron(0.13, 0.2, 0.2), 1e-6))
    assert (slow.current_decay, slow.voltage_decay) == (1, 1)
    assert slow.response_error > 0.5  # which the report tells
    fast = choose(dynamics_of(Neuron(0.001, 0.2, 0.2), 0.1))
    assert (fast.current_decay, fast.voltage_decay) == (4096, 4096)


def test_of_a_hard_reset_nothing_is_left_that_could_be_wrong():
    soft, hard = (choose(Dynamics(math.exp(-0.015), math.exp(-0.0077), 20.0, reset)) for reset in ("soft", "hard"))
    assert soft.reset_error > 0
    assert hard.reset_error == 0
