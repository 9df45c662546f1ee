"""The published protocol (EQUATIONS A.3, points ii to v): by hand, against a plain loop, and gone when reverted."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest

import patches

torch = pytest.importorskip("torch")
patches.apply("modern-python")
cuba = pytest.importorskip("lava.lib.dl.slayer.neuron.cuba")
leaky_integrator = importlib.import_module("lava.lib.dl.slayer.neuron.dynamics.leaky_integrator")
block = importlib.import_module("lava.lib.dl.slayer.block.cuba")

PATCH = "published-protocol"
SCALE = 1 << 12


@pytest.fixture(autouse=True)
def unpatched(as_it_was: None) -> Iterator[None]:
    patches.revert(PATCH)
    yield


def neuron(threshold: float = 1.25, current_decay: float = 1.0, voltage_decay: float = 0.0, **other: Any) -> Any:
    return cuba.Neuron(threshold, current_decay, voltage_decay, **other)


def plain_loop(x: list[float], current_decay: int, voltage_decay: int, threshold: int, dt: int) -> list[list[float]]:
    """Current, voltage as it is seen, and spikes of one neuron, integer after integer; threshold in 1/4096."""
    current = voltage = 0
    seen: list[list[float]] = [[], [], []]
    for n, value in enumerate(x):
        current = int(current * (4096 - current_decay) / 4096) + int(value * SCALE)
        voltage = int(voltage * (4096 - voltage_decay) / 4096) + current
        on_grid = n % dt == 0
        fires = on_grid and voltage > threshold
        for row, entry in zip(seen, (current / SCALE, voltage / SCALE if on_grid else 0, fires), strict=True):
            row.append(entry)
        if fires:
            voltage = 0
    return seen


def test_between_grid_steps_states_go_on_and_only_their_visibility_is_masked() -> None:
    # no leak in the voltage, threshold 1.25: at dt = 1 it would fire at step 1 already
    x = torch.tensor([[[1.0, 1.0, 1.0, 0.5, 0.5, 0.0, 0.25]]])
    assert neuron()(x).tolist() == [[[0, 1, 0, 1, 0, 0, 0]]]
    with patches.applied(PATCH, dt=3):
        cell = neuron()
        current, voltage = cell.dynamics(x)
        assert current.tolist() == x.tolist()  # the current is seen at every step
        # 1.0 seen; 2.0, 3.0 not seen and not reset; 3.5 seen, reset; 0.5, 0.5 not seen; 0.75 seen
        assert voltage.tolist() == [[[1.0, 0, 0, 3.5, 0, 0, 0.75]]]
        assert cell.spike(voltage).tolist() == [[[0, 0, 0, 1, 0, 0, 0]]]


def test_decays_are_not_scaled() -> None:
    x = torch.zeros(1, 1, 9)
    x[..., 0] = 1
    with patches.applied(PATCH, dt=4):
        current, voltage = neuron(100, 0.5, 0.25).dynamics(x)
    assert current[0, 0].tolist() == [0.5**n for n in range(9)]
    every = neuron(100, 0.5, 0.25).dynamics(x)[1][0, 0]  # per step, as at dt = 1
    assert voltage[0, 0].tolist() == [every[n].item() if n % 4 == 0 else 0 for n in range(9)]


def test_evaluation_runs_at_one_step() -> None:
    x = (torch.rand(3, 4, 31, generator=torch.Generator().manual_seed(1)) < 0.5).float()
    cell = neuron(1.25, 0.25, 0.03)
    upstream = cell(x)
    with patches.applied(PATCH, dt=5):
        assert not torch.equal(cell(x), upstream)
        assert torch.equal(cell.eval()(x), upstream)
        assert not torch.equal(cell.train()(x), upstream)


@pytest.mark.parametrize("dt", [1, 2, 7, 40])
def test_currents_voltages_and_spikes_are_those_of_a_plain_loop(dt: int) -> None:
    x = torch.randint(-40, 80, (2, 3, 25), generator=torch.Generator().manual_seed(dt)) / 64
    with patches.applied(PATCH, dt=dt):
        cell = neuron(1.25, 0.25, 0.03)
        current, voltage = cell.dynamics(x)
        spikes = cell.spike(voltage)
    for n, c in ((n, c) for n in range(2) for c in range(3)):
        wanted = plain_loop(x[n, c].tolist(), 1024, 123, int(1.25 * SCALE), dt)
        assert [current[n, c].tolist(), voltage[n, c].tolist(), spikes[n, c].tolist()] == wanted
    assert spikes.any() == (dt < 25)  # at dt = 40 step 0 alone could spike, and its input is below the threshold


def test_decays_of_channels_and_initial_states_count() -> None:
    x = torch.randint(-40, 80, (2, 3, 4, 5, 12), generator=torch.Generator().manual_seed(2)) / 64
    decay = torch.tensor([100.0, 1000.0, 4000.0])
    with patches.applied(PATCH, dt=5):
        cell = neuron(1.25, (0.1, 0.9), (0.1, 0.9), shared_param=False)
        cell.dynamics(x)  # takes the shape of the input
        cell.current_decay.data, cell.voltage_decay.data = decay, decay
        cell.current_state, cell.voltage_state = torch.zeros(1), torch.ones(2, 3, 4, 5)
        voltage = cell.dynamics(x)[1]
        for c in range(3):
            alone = neuron(1.25, decay[c].item() / 4096, decay[c].item() / 4096)
            alone.voltage_state = torch.ones(2, 1, 4, 5)
            assert torch.equal(alone.dynamics(x[:, c : c + 1])[1], voltage[:, c : c + 1])


def backward_by_hand(gradient: list[float], keep: float, dt: int, backward: str) -> list[float]:
    after, result = 0.0, []
    for n in reversed(range(len(gradient))):
        if backward == "cpu":
            after = gradient[n] if n % dt == 0 else keep * after
        else:
            after = keep * after + gradient[n] if n % dt == 0 else after
        result.insert(0, after)
    return result


@pytest.mark.parametrize(
    ("backward", "by_hand"),
    [
        # cotangent 1, 2, 4, 8, 16, 32, 64 at dt = 3, decay 1/2: grid steps 0, 3, 6
        ("cpu", [1, 2, 4, 8, 16, 32, 64]),
        ("cuda", [21, 40, 40, 40, 64, 64, 64]),
    ],
)
def test_the_two_backward_passes_by_hand(backward: str, by_hand: list[float]) -> None:
    cotangent = torch.tensor([[[1.0, 2, 4, 8, 16, 32, 64]]])
    assert backward_by_hand(cotangent[0, 0].tolist(), 0.5, 3, backward) == by_hand
    x = torch.zeros(1, 1, 7, requires_grad=True)
    with patches.applied(PATCH, dt=3, backward=backward):
        neuron(100, 0.5, 0.5).dynamics(x)[1].backward(cotangent)
    # the voltage's gradient goes through the same pass once more, the current's
    assert x.grad[0, 0].tolist() == backward_by_hand(by_hand, 0.5, 3, backward)


def test_off_the_grid_the_cpu_variant_drops_what_arrives_and_the_last_steps_get_nothing() -> None:
    x = torch.zeros(1, 1, 5, requires_grad=True)
    with patches.applied(PATCH, dt=3, backward="cpu"):
        neuron(100, 1.0, 0.5).dynamics(x)[1].backward(torch.tensor([[[1.0, 100, 100, 8, 100]]]))
    # voltage: g = 1, 2, 4, 8, 0; the current has no memory (decay 1): at 1 and 2 it keeps 0 of what comes after
    assert x.grad.tolist() == [[[1, 0, 0, 8, 0]]]


def test_the_exact_backward_pass_follows_the_forward_one_by_hand() -> None:
    # cotangent 1, 2, 4, 8, 16 at dt = 3, decay 1/2: the voltage shows steps 0 and 3, the current all
    x = torch.zeros(1, 1, 5, requires_grad=True)
    with patches.applied(PATCH, dt=3, backward="exact"):
        current, voltage = neuron(100, 0.5, 0.5).dynamics(x)
        voltage.backward(torch.tensor([[[1.0, 2, 4, 8, 16]]]), retain_graph=True)
        # voltage: g = 2, 2, 4, 8, 0; the current carries them on: 8; 4 + 4; 2 + 4; 2 + 3
        assert x.grad.tolist() == [[[5, 6, 8, 8, 0]]]
        x.grad = None
        current.backward(torch.tensor([[[1.0, 2, 4, 8, 16]]]))
        assert x.grad.tolist() == [[[5, 8, 12, 16, 16]]]


@pytest.mark.parametrize("dt", [2, 5])
def test_the_exact_backward_pass_is_that_of_unmasked_lava_dl_behind_the_mask(dt: int) -> None:
    x = torch.randint(0, 40, (2, 3, 17), generator=torch.Generator().manual_seed(5)) / 64
    cotangent = torch.randn(2, 3, 17, generator=torch.Generator().manual_seed(6))
    shown = (torch.arange(17) % dt == 0).float()
    gradients = []
    for masked in (True, False):
        learnt = x.clone().requires_grad_()
        if masked:
            with patches.applied(PATCH, dt=dt, backward="exact"):
                neuron(1000, 0.25, 0.03).dynamics(learnt)[1].backward(cotangent)
        else:
            neuron(1000, 0.25, 0.03).dynamics(learnt)[1].backward(cotangent * shown)
        gradients.append(learnt.grad)
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-6)  # the order of float32 sums differs


@pytest.mark.parametrize("backward", ["cpu", "cuda"])
@pytest.mark.parametrize("dt", [1, 2, 5, 30])
def test_the_gradient_of_a_spike_runs_through_both_masked_passes(dt: int, backward: str) -> None:
    x = torch.randint(-40, 80, (2, 3, 12), generator=torch.Generator().manual_seed(7)) / 64
    cotangent = torch.randn(2, 3, 12, generator=torch.Generator().manual_seed(8))
    learnt = x.clone().requires_grad_()
    with patches.applied(PATCH, dt=dt, backward=backward):
        cell = neuron(1.25, 0.25, 0.125)
        voltage = cell.dynamics(learnt)[1]
        seen = voltage.detach().requires_grad_()
        cell.spike(seen).backward(cotangent)  # upstream's surrogate, at what is seen
        cell.spike(voltage).backward(cotangent)
    for n, c in ((n, c) for n in range(2) for c in range(3)):
        inner = backward_by_hand(seen.grad[n, c].tolist(), 0.875, dt, backward)
        wanted = torch.tensor(backward_by_hand(inner, 0.75, dt, backward))
        torch.testing.assert_close(learnt.grad[n, c], wanted, rtol=1e-5, atol=1e-7)  # float32 against float64


def test_at_one_step_the_cuda_variant_is_upstream_and_the_cpu_variant_carries_nothing() -> None:
    x = torch.randint(-40, 80, (2, 3, 20), generator=torch.Generator().manual_seed(4)) / 64

    def run() -> tuple[Any, Any]:
        learnt = x.clone().requires_grad_()
        spikes = neuron(1.25, 0.25, 0.03)(learnt)
        spikes.cumsum(-1).sum().backward()
        return spikes.detach(), learnt.grad

    spikes, gradient = run()
    with patches.applied(PATCH, dt=1, backward="cuda"):
        assert all(map(torch.equal, run(), (spikes, gradient)))
    with patches.applied(PATCH, dt=1, backward="cpu"):
        alone = run()
    assert torch.equal(alone[0], spikes)
    assert not torch.allclose(alone[1], gradient)


def test_ten_steps_in_thirty_bins_leave_three_chances_to_spike() -> None:
    """The self-destruction of Table 3: a network that is lively at one step falls nearly silent in training."""
    torch.manual_seed(3)
    parameters = {"threshold": 1.25, "current_decay": 0.25, "voltage_decay": 0.03, "tau_grad": 0.03, "scale_grad": 3}
    layers = [block.Dense(parameters, n, m, weight_scale=3) for n, m in ((200, 64), (64, 64), (64, 10))]
    network = torch.nn.Sequential(*layers)
    bins = (torch.rand(4, 200, 30) < 0.1).float()
    counts = {}
    for dt in (1, 2, 10):
        with patches.applied(PATCH, dt=dt, backward="cuda"):
            hidden = layers[0](bins)
            counts[dt] = [hidden.sum().item(), network(bins).sum().item()]
        # a hop of one step behind the grid
        assert not hidden[..., [n for n in range(30) if n % dt != 1 % dt]].any()
    assert counts[1][0] > counts[2][0] > 5 * counts[10][0] / 2
    assert counts[10][0] < 0.25 * counts[1][0]
    assert counts[10][1] < 0.1 * counts[1][1]


def test_what_has_no_place_in_the_protocol_is_refused_in_words() -> None:
    with patches.applied(PATCH, dt=2):
        learner = neuron(1.25, 0.25, 0.03, requires_grad=True)
        with pytest.raises(ValueError, match=r"decays are learnable .* has no gradient for them: leave requires_grad"):
            learner(torch.ones(1, 1, 4))
        learner.eval()(torch.ones(1, 1, 4))
        with pytest.raises(ValueError, match=r"got one step of time and dt is 2: .* use feed-forward blocks"):
            neuron()(torch.ones(1, 1, 1))
    with patches.applied(PATCH, dt=1):
        neuron()(torch.ones(1, 1, 1))


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({}, TypeError, "needs an option that is missing: pass dt \\(an int: the grid steps are 0, dt, 2 dt"),
        ({"dt": 2.5}, TypeError, "dt is 2.5: it must be a whole number of entries of the time axis"),
        ({"dt": True}, TypeError, "dt is True: it must be a whole number"),
        ({"dt": 0}, ValueError, "dt is 0: it must be 1 or more entries of the time axis"),
        ({"dt": 2, "backward": "gpu"}, ValueError, "backward is 'gpu': pass one of 'cpu', 'cuda', 'exact'"),
        ({"dt": 2, "clock": "held"}, TypeError, "has no option 'clock': its options are dt, backward='cpu'"),
    ],
)
def test_wrong_options_are_refused_in_words(options: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        patches.apply(PATCH, **options)


def test_other_neurons_and_calls_by_hand_stay_upstreams() -> None:
    alif = importlib.import_module("lava.lib.dl.slayer.neuron.alif")
    x = torch.randint(0, 80, (2, 3, 20), generator=torch.Generator().manual_seed(4)) / 64

    def run() -> list[Any]:
        torch.manual_seed(0)
        other = alif.Neuron(1.0, 0.1, 0.25, 0.25, 0.1, 0.1)(x)
        return [other, leaky_integrator.dynamics(x, torch.zeros(1), torch.zeros(1), SCALE, 1.25)]

    before = run()
    with patches.applied(PATCH, dt=4):
        assert all(map(torch.equal, run(), before))


def test_reverted_everything_is_upstreams() -> None:
    dynamics, integrator = cuba.Neuron.dynamics, leaky_integrator.dynamics
    x = (torch.rand(3, 4, 31, generator=torch.Generator().manual_seed(1)) < 0.5).float()
    before = neuron(1.25, 0.25, 0.03)(x)
    with patches.applied(PATCH, dt=4) as rows:
        assert rows[0].options == {"dt": 4, "backward": "cpu"}
        assert cuba.Neuron.dynamics is not dynamics
    assert (cuba.Neuron.dynamics, leaky_integrator.dynamics) == (dynamics, integrator)
    assert torch.equal(neuron(1.25, 0.25, 0.03)(x), before)
