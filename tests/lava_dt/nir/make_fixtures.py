"""Writes the fixtures: small networks of other frameworks as .nir files, and the spikes that these gave for an input.

    python make_fixtures.py snntorch     # with snntorch 1.0.0, nir 1.0.8, nirtorch 2.6, torch 2.15
    python make_fixtures.py norse        # with norse 1.1.0, the same otherwise
    python make_fixtures.py spikingjelly # with spikingjelly 2.0.0, the same otherwise

Beside each ``NAME.nir`` lies ``NAME.npz`` with ``inputs`` and ``spikes``, (batch, neuron..., time) of 0 and 1. Weights
of networks named ``exact`` are even multiples of 1/64 and decays multiples of 1/4096, which Loihi has too; others are
real.
"""

import sys
from pathlib import Path

import nir
import numpy as np
import torch

FOLDER = Path(__file__).parent / "fixtures"
STEPS, BATCH = 100, 3
A, B = 0.75, 1 - 128 / 4096  # factors kept of current and voltage, of 12 bits


def on_integers(module: torch.nn.Module) -> None:
    for parameter in module.parameters():
        parameter.data = torch.round(parameter.data * 32) / 32


def inputs(*shape: int, density: float = 0.15) -> torch.Tensor:
    return (torch.rand(STEPS, BATCH, *shape) < density).float()


def keep(name: str, graph: nir.NIRGraph, spikes_in: torch.Tensor, spikes_out: torch.Tensor) -> None:
    nir.write(FOLDER / f"{name}.nir", graph, compression=None)  # norse's scalars cannot be compressed
    arrays = {"inputs": spikes_in, "spikes": spikes_out}
    arrays = {key: np.moveaxis(value.detach().numpy(), 0, -1).astype(np.uint8) for key, value in arrays.items()}
    np.savez_compressed(FOLDER / f"{name}.npz", **arrays)
    sys.stdout.write(f"{name}: {int(arrays['spikes'].sum())} spikes\n")


def snntorch() -> None:
    import snntorch as snn
    from snntorch.export_nir import _extract_snntorch_module, export_to_nir

    def neurons(*shape: int, alpha: float = A, beta: float = B, reset: str = "zero", **options):
        return snn.Synaptic(
            alpha * torch.ones(shape),
            beta * torch.ones(shape),
            threshold=torch.ones(shape),
            init_hidden=True,
            reset_mechanism=reset,
            **{"reset_delay": False, **options},
        )

    def linear(n_pre: int, n_post: int, gain: float, bias: bool = False) -> torch.nn.Linear:
        layer = torch.nn.Linear(n_pre, n_post, bias=bias)
        layer.weight.data = gain * layer.weight.data + 0.02
        return layer

    def run(name: str, net: torch.nn.Sequential, spikes: torch.Tensor) -> None:
        graph = export_to_nir(net, torch.zeros(1, *spikes.shape[2:]), ignore_dims=[0])
        for module in net:
            if hasattr(module, "reset_mem"):
                module.reset_mem()
        out = []
        for step in spikes:
            signal = step
            for module in net:
                signal = module(signal)
            out.append(signal)
        keep(name, graph, spikes, torch.stack(out))

    torch.manual_seed(1)
    exact = torch.nn.Sequential(linear(24, 20, 1.0), neurons(20), linear(20, 10, 1.0), neurons(10))
    on_integers(exact[0])
    on_integers(exact[2])
    run("snntorch_exact", exact, inputs(24))
    real = [linear(24, 20, 0.6, bias=True), linear(20, 10, 0.6, bias=True)]
    run(
        "snntorch_real",
        torch.nn.Sequential(real[0], neurons(20, alpha=0.9, beta=0.95), real[1], neurons(10, alpha=0.9, beta=0.95)),
        inputs(24),
    )
    weak = [linear(24, 20, 0.1), linear(20, 10, 0.2)]  # voltages beyond twice the threshold are another matter there
    on_integers(weak[0])
    on_integers(weak[1])
    subtracting = torch.nn.Sequential(weak[0], neurons(20, reset="subtract"), weak[1], neurons(10, reset="subtract"))
    run("snntorch_exact_subtract", subtracting, inputs(24))
    convolving = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding=1, bias=False),
        neurons(4, 8, 8),
        torch.nn.AvgPool2d(2),
        torch.nn.Flatten(),
        linear(64, 10, 2.0),
        neurons(10),
    )
    on_integers(convolving[0])
    convolving[4].weight.data = torch.round(convolving[4].weight.data * 8) / 8  # a quarter of it is on the integers
    run("snntorch_exact_conv", convolving, inputs(2, 8, 8))
    feedback = snn.RSynaptic(
        A * torch.ones(20),
        B * torch.ones(20),
        all_to_all=True,
        linear_features=20,
        threshold=torch.ones(20),
        reset_mechanism="zero",
        reset_delay=False,
    )
    feedback.recurrent.bias.data.zero_()
    on_integers(feedback.recurrent)
    # nirtorch 2.6 does not trace RSynaptic: the nodes are those that snntorch makes of the modules
    graph = nir.NIRGraph(
        {
            "input": nir.Input({"input": np.array([24])}),
            "0": _extract_snntorch_module(exact[0]),
            "1": _extract_snntorch_module(feedback),
            "output": nir.Output({"output": np.array([20])}),
        },
        [("input", "0"), ("0", "1"), ("1", "output")],
    )
    # RSynaptic of snntorch 1.0.0 resets a step late, whatever reset_delay says; Synaptic with its feedback does not
    spikes, cells, last, out = inputs(24), neurons(20), torch.zeros(BATCH, 20), []
    for step in spikes:
        last = cells(exact[0](step) + feedback.recurrent(last))
        out.append(last)
    keep("snntorch_exact_recurrent", graph, spikes, torch.stack(out))
    # what a user of snnTorch gets who asks for nothing: a bias, and a reset that subtracts a step late
    plain = [torch.nn.Linear(24, 20), torch.nn.Linear(20, 10)]
    for layer in plain:
        layer.weight.data = 2 * layer.weight.data + 0.05
    leaky = [snn.Leaky(0.9 * torch.ones(n), threshold=torch.ones(n), init_hidden=True) for n in (20, 10)]
    run("snntorch_default", torch.nn.Sequential(plain[0], leaky[0], plain[1], leaky[1]), inputs(24))


def norse() -> None:
    import norse.torch as nt
    from norse.torch.utils.export_nir import to_nir

    def run(name: str, net: torch.nn.Module, spikes: torch.Tensor) -> None:
        out, state = [], None
        with torch.no_grad():
            for step in spikes:
                signal, state = net(step, state)
                out.append(signal)
        keep(name, to_nir(net, torch.zeros(1, *spikes.shape[2:])), spikes, torch.stack(out))

    torch.manual_seed(2)
    exact = nt.LIFParameters(tau_syn_inv=torch.tensor(250.0), tau_mem_inv=torch.tensor(125.0))  # decays 1/4 and 1/8
    for name, parameters in (("norse_real", nt.LIFParameters()), ("norse_exact", exact)):
        layers = [torch.nn.Linear(24, 20), torch.nn.Linear(20, 10)]
        for layer in layers:
            layer.weight.data = 5 * layer.weight.data + 0.1
            if parameters is exact:
                layer.bias.data.zero_()
                on_integers(layer)
        net = nt.SequentialState(layers[0], nt.LIFCell(parameters), layers[1], nt.LIFCell(parameters))
        run(name, net, inputs(24))
    layers = [torch.nn.Linear(24, 20), torch.nn.Linear(20, 10)]
    for layer in layers:
        layer.weight.data = layer.weight.data + 0.1
    run("norse_box", nt.SequentialState(layers[0], nt.LIFBoxCell(), layers[1], nt.IAFCell()), inputs(24))


def spikingjelly() -> None:
    from spikingjelly.activation_based import functional, layer, neuron
    from spikingjelly.activation_based.nir_exchange import export_to_nir

    torch.manual_seed(3)
    net = torch.nn.Sequential(
        layer.Conv2d(2, 4, 3, padding=1),
        neuron.CUBALIFNode(c_decay=0.6, v_decay=0.9),
        layer.AvgPool2d(2),
        layer.Flatten(),
        layer.Linear(36, 16),
        neuron.LIFNode(tau=4.0, decay_input=False),
        layer.Linear(16, 10),
        neuron.IFNode(),
    )
    for module in net:
        if hasattr(module, "weight"):
            module.weight.data = module.weight.data + 0.05
    spikes, out = inputs(2, 7, 7), []  # of 7 pixels a pooling of 2 leaves one out
    with torch.no_grad():
        for step in spikes:
            out.append(net(step))
    functional.reset_net(net)
    keep("spikingjelly_real", export_to_nir(net, torch.zeros(1, 2, 7, 7), dt=1e-3), spikes, torch.stack(out))


if __name__ == "__main__":
    {"snntorch": snntorch, "norse": norse, "spikingjelly": spikingjelly}[sys.argv[1]]()
