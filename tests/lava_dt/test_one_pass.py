"""What a step of dt is for a neuron is worked out once, and again after any change of what it comes from."""

import copy

import pytest
import torch

from lava_dt import Neuron, Timestep
from lava_dt.one_pass import parameters
from lava_dt.synapse import Order

ORDER = Order((3,))


def neuron(**changed):
    given = {"threshold": 1.25, "current_decay": 0.25, "voltage_decay": 0.03, "tau_grad": 0.1, "scale_grad": 2}
    return Neuron(**given | changed)


def assert_up_to_date(cells, order=ORDER):
    """As for a copy of the neuron, of which nothing is known."""
    ours, fresh = parameters(cells, order), parameters(copy.deepcopy(cells), order)
    for name in ("current_decay", "voltage_decay", "threshold", "surrogate_width"):
        assert torch.equal(getattr(ours, name), getattr(fresh, name)), name
    for name in ("scale", "soft_reset", "surrogate_scale", "ranges"):
        assert getattr(ours, name) == getattr(fresh, name), name


def test_nothing_is_worked_out_again_while_nothing_changes():
    cells = neuron()
    assert parameters(cells, ORDER) is parameters(cells, Order((3,)))


def write_data(cells):
    cells.current_decay.data.fill_(700)


def replace_data(cells):
    cells.voltage_decay.data = torch.tensor([10.0, 20.0, 30.0])


def copy_in(cells):
    with torch.no_grad():
        cells.voltage_decay.copy_(torch.tensor([99.0]))


def write_through_numpy(cells):
    cells.current_decay.detach().numpy()[0] = 55


def take_a_step(cells):
    cells.set_timestep(Timestep(3, scheme="exponential", gain="integral", reset="soft"))


def load(cells):
    cells.load_state_dict(neuron(current_decay=0.5).state_dict())


def set_by_hand(cells):
    cells._threshold, cells.tau_rho, cells.scale_rho = 0.5, 0.25, 7


def set_the_scales(cells):
    cells.w_scale, cells.s_scale = 1 << 5, 1 << 10


@pytest.mark.parametrize(
    "change",
    [write_data, replace_data, copy_in, write_through_numpy, take_a_step, load, set_by_hand, set_the_scales],
)
def test_any_change_is_seen_by_the_next_call(change):
    cells = neuron()
    before = parameters(cells, ORDER)
    change(cells)
    assert parameters(cells, ORDER) is not before
    assert_up_to_date(cells)


def test_a_change_of_the_surrogate_for_all_neurons_is_seen(monkeypatch):
    from lava.lib.dl.slayer.neuron import cuba

    cells = neuron()
    parameters(cells, ORDER)
    monkeypatch.setattr(cuba, "TAU_RHO_MULT", 3)
    monkeypatch.setattr(cuba, "SCALE_RHO_MULT", 5)
    assert_up_to_date(cells)


def test_another_order_of_the_neurons_is_seen():
    cells = neuron(shared_param=False)
    cells.allocate((3, 2, 1), 1)
    assert parameters(cells, Order((3, 2, 1))).current_decay.shape == (6,)
    assert_up_to_date(cells, Order((3, 2, 1), channels_last=True))


def test_a_decay_is_refused_each_time_it_is_out_of_range():
    cells = neuron()
    parameters(cells, ORDER)
    cells.current_decay.data.fill_(5000)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"current_decay reaches from 5000 to 5000: it must lie in \[0, 4096\]"):
            parameters(cells, ORDER)


def test_a_learnt_decay_is_clamped_each_time_it_has_left_its_range():
    cells = neuron(requires_grad=True).requires_grad_(False)
    for _ in range(2):
        cells.voltage_decay.data.fill_(-3)
        assert parameters(cells, ORDER).voltage_decay.item() == 0
        assert cells.voltage_decay.item() == 0


def test_what_is_known_goes_with_the_neuron():
    from lava_dt import one_pass

    cells = neuron()
    parameters(cells, ORDER)
    known = len(one_pass._made)
    del cells
    assert len(one_pass._made) < known


def test_a_derived_class_is_asked_at_every_call():
    class Raised(Neuron):
        factor = 1

        @property
        def level(self):
            return super().level * self.factor

    cells = Raised(1.25, 0.25, 0.03)
    before = parameters(cells, ORDER).threshold
    cells.factor = 4
    assert torch.equal(parameters(cells, ORDER).threshold, 4 * before)
