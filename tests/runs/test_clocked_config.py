"""What a clock-driven run may be asked for."""

import pytest

from runs.config import ConfigError, make_config


def test_the_defaults_are_the_thesis_s_experiment():
    config = make_config("clocked", {})
    assert (config.tau_mem, config.tau_syn, config.resistance) == (0.8, 0.6, 1.2)
    assert (config.threshold, config.v_reset) == (1.5, 1.0)
    assert (config.steps, config.batch, config.epochs, config.scheme) == (50, 50, 4, "backward_euler")
    assert config.bins == 50 and config.duration == pytest.approx(0.5) and not config.is_baseline()
    assert config.command() == "lava-dt train clocked"
    assert make_config("clocked", {"dt": 0.5}).command() == "lava-dt train clocked --dt 0.5"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"v_reset": 1.5}, "v_reset = 1.5 with threshold = 1.5: a spike must leave the potential below the threshold"),
        (
            {"scheme": "forward_euler", "dt": 1.2},
            r"dt = 1.2 s, but forward Euler is unstable from 2 min\(tau_mem, tau_syn\) = 1.2 s on: take a smaller dt",
        ),
        ({"rate": 1.5}, "rate = 1.5 a step, but a chance is at most 1; rate_per second has no such bound"),
        ({"target_true": 51}, "51 spikes are wanted of a neuron in 50 steps, but it spikes once a step at most"),
        ({"iterations": 5}, "iterations = 5, but optimizer adam has no use for it"),
        ({"optimizer": "lbfgs", "learning_rate": 0.1}, "learning_rate = 0.1, but optimizer lbfgs has no use for it"),
        ({"loss": "count", "loss_tau": 0.1}, "loss_tau = 0.1, but loss count has no use for it"),
        ({"loss": "first_spike", "target_true": 3}, "target_true = 3, but loss first_spike has no use for it"),
        ({"tau_mem": 0.0}, "tau_mem = 0.0 will not do .membrane time constant .s.."),
        ({"dt": -1.0}, "dt = -1.0 will not do .step .s.."),
        ({"bins": 50}, "unknown key 'bins' for clocked"),
    ],
)
def test_what_cannot_be_is_refused_in_words(values, message):
    with pytest.raises(ConfigError, match=message):
        make_config("clocked", values)


def test_forward_euler_with_a_small_step_and_a_rate_per_second_are_fine():
    make_config("clocked", {"scheme": "forward_euler", "dt": 1.1, "rate": 200.0, "rate_per": "second"})
