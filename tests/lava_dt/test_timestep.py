import pytest

from bats_dt.discretization import SCHEMES, gain, largest_decay, retained
from lava_dt import Timestep


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("decay", [0.0, 0.03, 0.25, 1.0])
def test_every_scheme_is_the_network_itself_at_dt_1(scheme, decay):
    assert retained(decay, 1, scheme) == pytest.approx(1 - decay, abs=1e-15)
    assert gain(decay, 0.03, 1, scheme) == pytest.approx(1)


def test_retained_factors_worked_by_hand():
    # decay 0.5: forward Euler tau = 2, backward Euler tau = 1, bilinear 1/2tau = 1/3
    assert retained(0.5, 2, "forward_euler") == 0
    assert retained(0.5, 2, "exponential") == 0.25
    assert retained(0.5, 2, "backward_euler") == pytest.approx(1 / 3)
    assert retained(0.5, 2, "bilinear") == pytest.approx((1 - 2 / 3) / (1 + 2 / 3))


@pytest.mark.parametrize("scheme, order", [("forward_euler", 1), ("backward_euler", 1), ("bilinear", 2)])
def test_the_error_of_one_step_shrinks_with_the_order_of_the_scheme_plus_one(scheme, order):
    errors = [abs(retained(decay, 4, scheme) - retained(decay, 4, "exponential")) for decay in (0.01, 0.005)]
    assert errors[0] / errors[1] == pytest.approx(2 ** (order + 1), rel=0.05)


def test_the_integral_gain_of_forward_euler_is_dt():
    assert gain(0.05, 0.03, 4, "forward_euler") == pytest.approx(4)
    assert gain(0.0, 0.0, 4, "exponential") == 4


def test_the_integral_gain_keeps_the_area_of_the_response_to_a_spike():
    def area(decays, step):
        current = voltage = total = 0.0
        for n in range(4000):
            current = (1 - decays[0]) * current + (n == 0)
            voltage = (1 - decays[1]) * voltage + current
            total += voltage * step
        return total

    for scheme in SCHEMES:
        lost = [1 - retained(decay, 4, scheme) for decay in (0.2, 0.03)]
        assert gain(0.2, 0.03, 4, scheme) * area(lost, 4) == pytest.approx(area((0.2, 0.03), 1), rel=1e-6)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_largest_decay_loses_everything_and_no_more(scheme):
    assert retained(largest_decay(5, scheme), 5, scheme) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"dt": 0}, ValueError, "dt is 0: it must be 1"),
        ({"dt": -2}, ValueError, "dt is -2"),
        ({"dt": 2.5}, TypeError, "divide it by the length of a fine step"),
        ({"dt": True}, TypeError, "dt is True"),
        ({"clock": "coarsed"}, ValueError, "clock is 'coarsed': pass one of 'held', 'coarse'"),
        ({"scheme": "euler"}, ValueError, "scheme is 'euler'"),
        ({"reset": "zero"}, ValueError, "reset is 'zero'"),
        ({"gain": 2}, ValueError, "gain is 2"),
        ({"between": "skip"}, ValueError, "between is 'skip'"),
        ({"dt": 2, "clock": "coarse", "between": "drop"}, ValueError, "use clock='held'"),
    ],
)
def test_a_wrong_option_is_refused_in_words(arguments, error, says):
    with pytest.raises(error, match=says):
        Timestep(**arguments)


def test_an_unknown_scheme_is_refused_by_the_scheme_itself():
    with pytest.raises(ValueError, match="pass one of forward_euler"):
        retained(0.1, 2, "euler")


def test_decays_out_of_range_are_refused_and_saturated_only_when_asked():
    with pytest.raises(ValueError, match=r"current_decay is 1.5: a decay is the fraction lost per step"):
        Timestep().check_decay(1.5, "current_decay")
    with pytest.raises(ValueError, match=r"current_decay is 0.25 and dt is 5: forward_euler .* scheme='exponential'"):
        Timestep(5).check_decay(0.25, "current_decay")
    Timestep(4).check_decay(0.25, "current_decay")
    Timestep(5, saturate=True).check_decay(0.25, "current_decay")
    Timestep(5, scheme="exponential").check_decay(1.0, "current_decay")
