"""What the fused CuBa kernels refuse, and in which words."""

import dataclasses

import numpy as np
import pytest
import torch
from lava.lib.dl import slayer

from lava_dt.dynamics.cuba import Neurons, State, respond, respond_to_events
from lava_dt.events import Events, events_of
from lava_dt.synapse import plan_of


def neurons(**changed):
    values = {
        "current_decay": torch.tensor([1024]),
        "voltage_decay": torch.tensor([128]),
        "threshold": torch.tensor([5120]),
        "scale": 1 << 12,
        "soft_reset": False,
        "surrogate_width": torch.tensor([1.0], dtype=torch.float64),
        "surrogate_scale": 1.0,
    }
    return Neurons(**values | changed)


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"current_decay": torch.tensor([1.0])}, TypeError, "current_decay is torch.float32: it needs torch.int64"),
        ({"surrogate_width": torch.ones(1)}, TypeError, "surrogate_width is torch.float32: it needs torch.float64"),
        ({"threshold": torch.tensor([[1]])}, ValueError, r"threshold has shape \(1, 1\): give \(1,\), or \(n,\)"),
        ({"voltage_decay": torch.tensor([1, 4097])}, ValueError, r"from 1 to 4097: it must lie in \[0, 4096\]"),
        ({"current_decay": torch.tensor([-1])}, ValueError, "current_decay reaches from -1 to -1"),
        ({"threshold": torch.tensor([0])}, ValueError, "the threshold is 0: it must be 1/scale or more"),
        ({"surrogate_width": torch.zeros(1).double()}, ValueError, "width is 0.0: it must be positive"),
        ({"scale": 100}, ValueError, "scale is 100: the fused kernels need a power of two"),
    ],
)
def test_neurons_outside_their_ranges_are_refused(changed, error, words):
    with pytest.raises(error, match=words):
        neurons(**changed)


@pytest.mark.parametrize(
    ("drive", "error", "words"),
    [
        (torch.zeros(1, 2, 3).double(), TypeError, "drive is torch.float64: the fused kernels take float32"),
        (torch.zeros(2, 3), ValueError, r"shape \(2, 3\): it needs \(batch, steps, n\)"),
        (torch.tensor([[[0.0, float("nan")]]]), ValueError, "the drive is not finite everywhere"),
        (torch.tensor([[[0.0, -float("inf")]]]), ValueError, "the drive is not finite everywhere"),
        (torch.full((1, 5, 1), 1e15), ValueError, "beyond 64-bit integers of 1/4096: scale the drive down"),
    ],
)
def test_drives_that_cannot_be_computed_are_refused(drive, error, words):
    with pytest.raises(error, match=words):
        respond(drive, neurons())


def test_parameters_states_and_hops_that_do_not_fit_are_refused():
    drive = torch.zeros(2, 5, 3)
    with pytest.raises(ValueError, match="threshold has 2 values but there are 3 neurons: give one, or one a neuron"):
        respond(drive, neurons(threshold=torch.tensor([1, 2])))
    with pytest.raises(ValueError, match="hop is -1: a spike cannot arrive before it is fired"):
        respond(drive, neurons(), hop=-1)
    state = State.rest(2, 3, 1, torch.device("cpu"))
    with pytest.raises(ValueError, match=r"the state's tail is \(2, 1, 3\) torch.float32: this call needs \(2, 2, 3\)"):
        respond(drive, neurons(), state, hop=2)
    state = dataclasses.replace(state, current=state.current.float())
    with pytest.raises(ValueError, match=r"the state's current is .* start anew without a state"):
        respond(drive, neurons(), state, hop=1)


@pytest.fixture
def layer():
    """Arguments of respond_to_events for 6 inputs and 4 neurons."""
    plan = plan_of(slayer.synapse.Dense(6, 4), (6,))
    return {
        "events": events_of((torch.rand(2, 6, 5) < 0.3).float()),
        "weight": torch.randint(-128, 128, (4, 6, 1, 1, 1)) / 32,
        "x": None,
        "connections": plan.connections,
        "layout": plan,
        "neurons": neurons(),
        "unit": 1 / 32,
    }


def test_events_of_other_neurons_are_refused(layer):
    with pytest.raises(ValueError, match="the events are of 7 neurons but the connections start from 6"):
        respond_to_events(**layer | {"events": events_of(torch.zeros(2, 7, 5))})
    strange = Events(np.array([0, 1]), np.array([6], np.int32), None, (1, 6, 1))
    with pytest.raises(ValueError, match=r"neurons 6 to 6 but there are 6: list them with events_of\(\)"):
        respond_to_events(**layer | {"events": strange})


def test_a_weight_that_is_not_a_number_is_refused(layer):
    layer["weight"][2, 3] = float("nan")
    with pytest.raises(ValueError, match=r"a weight is not a number \(NaN\): the training has diverged"):
        respond_to_events(**layer)


def test_units_and_layouts_that_do_not_fit_are_refused(layer):
    for unit in (0.03, -1 / 32, 0.0, 2.0**-13):
        with pytest.raises(ValueError, match="the unit of the weights must be a power of two, 1/scale or more"):
            respond_to_events(**layer | {"unit": unit})
    with pytest.raises(ValueError, match=r"rows \(6, 3\) torch.float32 but the connections need \(6, 4\)"):
        respond_to_events(**layer | {"weight": layer["weight"][:3]})
    with pytest.raises(RuntimeError, match=r"the weight is on meta, but lists .* use a dense product and respond\(\)"):
        respond_to_events(**layer | {"weight": layer["weight"].to("meta")})
