"""Blocks on a GPU do what they do on the CPU; its way is walked on the CPU, too, with the kernels' stand-ins."""

import copy

import pytest
import torch

from lava_dt import Timestep
from lava_dt.block import cuba, fused
from lava_dt.block.arriving import dense
from lava_dt.synapse import tensor_cores

# Of the largest gradient: sums of floats in another order, through two layers.
ROUNDING = 1e-5
STEPS = {
    "dt 1": None,
    "held": Timestep(4, scheme="exponential"),
    "coarse": Timestep(4, clock="coarse", scheme="exponential", reset="soft", gain="integral"),
}
# Without weight norm: its square root of a sum in another order can round a weight to another of its 8 bits.
NETS = {
    "dense": lambda p: [cuba.Dense(p, 288, 30, weight_scale=2), cuba.Dense(p, 30, 8, weight_scale=4)],
    "delays": lambda p: [
        cuba.Dense(p, 288, 30, weight_scale=2, delay=True),
        cuba.Dense(p, 30, 8, weight_scale=4, delay_shift=False),
    ],
    "learnt decays": lambda p: [
        cuba.Dense({**p, "requires_grad": True}, 288, 30, weight_scale=2),
        cuba.Dense(p, 30, 8, weight_scale=4),
    ],
    "channels of their own": lambda p: [
        cuba.Dense({**p, "shared_param": False, "current_decay": (0.05, 0.2)}, 288, 30, weight_scale=2),
        cuba.Dense(p, 30, 8, weight_scale=4),
    ],
    "persistent": lambda p: [cuba.Dense({**p, "persistent_state": True}, 288, 30, weight_scale=2)],
    "images": lambda p: [
        cuba.Conv(p, 2, 4, 3, padding=1, weight_scale=3),
        cuba.Pool(p, 2, weight_scale=0.5),
        cuba.ConvT(p, 4, 3, 3, stride=2, weight_scale=4),
        cuba.Flatten(),
        cuba.Dense(p, 507, 8, weight_scale=2),
    ],
}
SPIKES = (torch.rand(3, 2, 12, 12, 50, generator=torch.Generator().manual_seed(8)) < 0.08).float()


@pytest.fixture(autouse=True)
def full_float32():
    """Gradients of convolutions without TF32's ten bits, which would be other gradients than the CPU's."""
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


@pytest.fixture(params=NETS)
def case(request, parameters):
    def make(step):
        torch.manual_seed(3)
        x = SPIKES if request.param == "images" else SPIKES.flatten(1, 3)
        net = torch.nn.Sequential(*NETS[request.param]({**parameters, "current_decay": 0.1, "timestep": step}))
        net(x)  # draws delays and decays; on a GPU they would be others
        for block in net:
            if hasattr(block, "reset_state"):
                block.reset_state()
        return net, x

    return make


def outcome(net, x, device="cpu"):
    net, x = copy.deepcopy(net).to(device), x.detach().clone().to(device).requires_grad_()
    y = net(x)
    y.backward(torch.randn(y.shape, generator=torch.Generator().manual_seed(5)).to(device))
    gradients = {name: p.grad.cpu() for name, p in net.named_parameters() if p.grad is not None}
    return y.detach().cpu(), {"input": x.grad.cpu(), **gradients}


@pytest.fixture(params=["on the CPU", pytest.param("on a GPU", marks=pytest.mark.gpu)])
def outcome_there(request, monkeypatch):
    """`outcome` on a GPU; or on the CPU, with tensors that say that they are on one."""
    if request.param == "on a GPU":
        device = request.getfixturevalue("torch_gpu")
        return lambda net, x: outcome(net, x, device)
    request.getfixturevalue("cuda_on_cpu")
    monkeypatch.setattr(tensor_cores, "_wide", lambda spikes, weight: spikes.float() @ weight.float())
    monkeypatch.setattr(fused, "_arriving", lambda neuron, x, density: (None, neuron.gather(dense(x)), False))

    def pretended(net, x):
        with monkeypatch.context() as patched:
            patched.setattr(torch.Tensor, "is_cuda", True, raising=False)
            return outcome(net, x)

    return pretended


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_spikes_are_the_cpus_and_gradients_to_rounding(outcome_there, case, step):
    net, x = case(step)
    expected, gradients = outcome(net, x)
    spikes, found = outcome_there(net, x)
    assert expected.any() and torch.equal(spikes, expected)
    assert found.keys() == gradients.keys()
    for name, grad in gradients.items():
        atol = ROUNDING * grad.abs().max().item()
        torch.testing.assert_close(found[name], grad, rtol=0, atol=atol, msg=lambda text, name=name: f"{name}: {text}")


def test_spikes_are_the_cpus_where_convolutions_may_use_tf32_as_is_torchs_default(outcome_there, case):
    net, x = case(None)
    expected, _ = outcome(net, x)
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=True):
        spikes, _ = outcome_there(net, x)
    assert torch.equal(spikes, expected)


def test_repeated_runs_have_equal_bits(outcome_there, case):
    net, x = case(None)
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        (spikes, gradients), (again, gradients_again) = (outcome_there(net, x) for _ in range(2))
    assert torch.equal(spikes, again)
    assert all(torch.equal(grad, gradients_again[name]) for name, grad in gradients.items())
