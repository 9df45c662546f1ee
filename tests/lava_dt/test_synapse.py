"""Plans of synapses: connections and dense products are lava-dl's synapses, in the kernels' layout."""

import pytest
import torch
from lava.lib.dl.slayer.synapse import layer

from lava_dt.synapse import Order, plan_of
from lava_dt.synapse.product import FEW, product

SYNAPSES = {
    "dense": (lambda: layer.Dense(20, 7), (2, 20, 5)),
    "dense over an image": (lambda: layer.Dense((6, 5, 3), 4), (2, 3, 5, 6, 3)),
    "convolution": (lambda: layer.Conv(4, 6, 3, stride=2, padding=1, groups=2), (2, 4, 9, 8, 3)),
    "uneven convolution": (lambda: layer.Conv(2, 5, (3, 2), padding=(2, 0), dilation=(1, 2)), (2, 2, 7, 9, 3)),
    "transposed": (lambda: layer.ConvTranspose(4, 6, 3, stride=2, padding=1, groups=2), (2, 4, 5, 4, 3)),
    "uneven transposed": (lambda: layer.ConvTranspose(2, 3, (3, 2), stride=(1, 3), dilation=(2, 1)), (2, 2, 5, 4, 3)),
    "pooling": (lambda: layer.Pool((2, 3)), (2, 3, 6, 9, 3)),
    "pooling an odd image": (lambda: layer.Pool(2), (2, 3, 5, 7, 3)),
    "unpooling": (lambda: layer.Unpool((2, 3)), (2, 3, 4, 5, 3)),
}


@pytest.fixture(params=SYNAPSES.values(), ids=SYNAPSES)
def case(request):
    make, shape = request.param
    synapse = make()
    synapse.weight = torch.nn.Parameter(torch.round(torch.randn_like(synapse.weight) * 20) / 32)
    x = (torch.rand(shape) < 0.2).float().requires_grad_()
    plan = plan_of(synapse, shape[1:-1])
    return synapse, x, plan


def test_the_drive_is_lava_dls_bit_for_bit(case):
    synapse, x, plan = case
    expected = synapse(x)
    assert torch.equal(plan.order.logical(plan.drive(x, synapse.weight)), expected)
    assert tuple(expected.shape[1:-1]) == plan.outputs


def test_following_the_connections_of_every_spike_gives_the_drive(case):
    synapse, x, plan = case
    listed, rows = plan.connections, plan.rows(synapse.weight.detach())
    assert rows.shape == (listed.n_rows, listed.width)
    drive = torch.zeros(x.shape[0], x.shape[-1], listed.n_out)
    flat = x.detach().reshape(x.shape[0], -1, x.shape[-1])
    for b, i, t in torch.nonzero(flat).tolist():
        for j in range(listed.start[i], listed.start[i + 1]):
            drive[b, t, listed.target[j] : listed.target[j] + listed.width] += rows[listed.row[j]]
    assert torch.equal(drive, plan.drive(x, synapse.weight))


def test_gradients_are_those_of_lava_dls_synapse(case):
    synapse, x, plan = case
    y = synapse(x)
    cotangent = torch.randn_like(y)
    expected = torch.autograd.grad(y, (x, synapse.weight), cotangent)
    flat = plan.order.physical(cotangent)
    given = torch.autograd.grad(plan.drive(x, synapse.weight), (x, synapse.weight), flat)
    torch.testing.assert_close(given, expected)
    torch.testing.assert_close(plan.input_gradient(flat, synapse.weight.detach()), expected[0])


def test_rows_and_the_weights_gradient_are_inverse(case):
    synapse, _, plan = case
    assert torch.equal(plan.weight_gradient(plan.rows(synapse.weight)), synapse.weight)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("shape", [(5,), (3, 4), (3, 4, 2), (3, 1, 1)])
def test_an_order_and_its_inverse(shape, channels_last):
    order = Order(shape, channels_last)
    signal = torch.randn(2, *shape, 7)
    flat = order.physical(signal)
    assert flat.is_contiguous() and torch.equal(order.logical(flat), signal)
    assert order.logical(flat).data_ptr() == flat.data_ptr()
    values = torch.arange(shape[0])
    per_channel = order.logical(order.per_neuron(values).reshape(1, 1, -1))[0, ..., 0]
    assert torch.equal(per_channel, values.reshape(-1, *(1,) * (len(shape) - 1)).expand(shape))
    assert order.per_neuron(torch.ones(1)).shape == (1,)


def test_a_pooling_whose_windows_reach_across_channels_has_no_plan():
    assert plan_of(layer.Pool(3), (2, 4, 6)) is None
    assert plan_of(layer.Pool(2, stride=1), (2, 4, 6)) is None


def test_a_kernel_larger_than_the_image_is_refused():
    with pytest.raises(ValueError, match=r"the image is 2 x 2 and the kernel 3 x 3.*nothing is left"):
        plan_of(layer.Conv(1, 1, 3), (1, 2, 2))


@pytest.mark.parametrize("terms", [1, 7, 8, 10, FEW, FEW + 1])
@pytest.mark.parametrize("n", [1, 17, 512])
def test_a_product_with_few_terms_is_the_product(terms, n):
    generator = torch.Generator().manual_seed(terms)
    x, weight = torch.randn(2, 5, terms, generator=generator), torch.randn(terms, n, generator=generator)
    expected = torch.matmul(x.double(), weight.double())
    found = product(x.transpose(0, 1).contiguous().transpose(0, 1), weight)
    assert found.shape == (2, 5, n)
    sizes = torch.matmul(x.abs().double(), weight.abs().double())
    assert ((found - expected).abs() <= 1e-6 * sizes).all()  # some ten roundings of 6e-8
