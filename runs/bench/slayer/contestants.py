"""The contestants: the same network in each library, with the same weights, and one step of work of it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from runs.bench.slayer.cases import CHANNELS, CLASSES, Case, Entry
from runs.bench.slayer.inputs import labels, spike_train
from runs.bench.slayer.plain import PlainNetwork
from runs.quiet import quiet_imports

with quiet_imports():
    import lava_dt  # first: it applies the patches that lava's own packages may need
with quiet_imports():
    from lava.lib.dl import slayer

    from lava_dt.block import cuba

NEURON = {"threshold": 1.25, "current_decay": 0.25, "voltage_decay": 0.03, "tau_grad": 0.03, "scale_grad": 3}
LARGEST_DELAY = 20.0


class Contestant:
    """One library's network on one case, with its input, ready to be timed.

    Both sides have the same loss, the same optimizer and the same settings of it. `step` is what is timed: a training
    step (zero_grad, forward, slayer.loss.SpikeRate, backward, `adam`), or a forward pass without gradients. `restore`
    puts weights and states back, so that every step meets the same spikes.
    """

    def __init__(self, case: Case, entry: Entry, seed: int) -> None:
        self.name, self._case = entry.name, case
        self.network = build(case, entry, seed).to(case.device)
        self.input = spike_train(case, entry, seed)
        self._labels = labels(case, seed)
        self._loss = make_loss()
        self._training = case.mode == "training"
        self.network.train(self._training)
        self.initial = [parameter.detach().clone() for parameter in self.network.parameters()]
        learnt = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        self._optimizer = adam(learnt) if self._training else None

    def step(self) -> None:
        """One training step, or one inference."""
        if self._optimizer is None:
            with torch.no_grad():
                self.network(self.input)
            return
        self._optimizer.zero_grad()
        self._loss(self.network(self.input), self._labels).backward()
        self._optimizer.step()

    def restore(self) -> None:
        """The weights of the beginning, and no state left of the step before."""
        with torch.no_grad():
            for parameter, initial in zip(self.network.parameters(), self.initial, strict=True):
                parameter.copy_(initial)
        forget(self.network)


def adam(learnt: list[Tensor]) -> torch.optim.Adam:
    """The optimizer of all contestants: torch's Adam in one kernel where this torch has it (on the CPU from 2.4 on)."""
    try:
        return torch.optim.Adam(learnt, lr=1e-3, fused=True)
    except RuntimeError:
        return torch.optim.Adam(learnt, lr=1e-3)


def make_loss() -> Any:
    """The loss of all contestants, lava-dl's."""
    return slayer.loss.SpikeRate(true_rate=0.2, false_rate=0.03, reduction="sum")


class Layers(torch.nn.Sequential):
    """A network of blocks that can also tell what each of them sends on."""

    def outputs(self, x: Tensor) -> Iterator[Tensor]:
        """What every block gives, input side first."""
        for block in self:
            x = block(x)
            yield x


def build(case: Case, entry: Entry, seed: int) -> Any:
    """The case's network in the entry's library; all libraries get the weights that lava-dl draws from the seed."""
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*weight_norm.*")  # lava-dl's way of normalising
        upstream = _blocks(case, slayer.block.cuba, NEURON)
    _draw_delays(upstream, seed)
    _settle(upstream)
    if entry.library == "plain torch":
        return _plain(upstream)
    if entry.library == "lava-dl" and entry.clock == "fine":
        return upstream
    if entry.library == "lava-dl":
        neuron, library = rescaled_neuron(case), slayer.block.cuba
    else:
        step = timestep(case, entry)
        neuron, library = {**NEURON, **({} if step is None else {"timestep": step})}, cuba
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*weight_norm.*")
        network = _blocks(case, library, neuron)
    _copy_synapses(upstream, network)
    return network


def timestep(case: Case, entry: Entry) -> Any:
    """The step of a lava-dt contestant: the defaults of `lava_dt.discretize`, exponential and integral."""
    if entry.clock == "fine":
        return None
    return lava_dt.Timestep(case.dt, clock=entry.clock, scheme="exponential", gain="integral")


def rescaled_neuron(case: Case) -> dict[str, float]:
    """Parameters with which lava-dl itself, fed bins of dt steps, is the network on the coarse clock (EQUATIONS A.2).

    Its parameters are given as fractions of the integers that a lava-dt neuron on that clock has.
    """
    step = lava_dt.Timestep(case.dt, clock="coarse", scheme="exponential", gain="integral")
    neuron = lava_dt.Neuron(**NEURON, timestep=step)
    return {
        **NEURON,
        "threshold": float(neuron.v_th_mant) / neuron.w_scale,
        "current_decay": float(neuron.cx_current_decay) / neuron.p_scale,
        "voltage_decay": float(neuron.cx_voltage_decay) / neuron.p_scale,
    }


def forget(network: torch.nn.Module) -> None:
    """Clears the states that recurrent blocks carry from one call to the next."""
    for module in network.modules():
        for name in ("current_state", "voltage_state", "spike_state"):
            if isinstance(getattr(module, name, None), Tensor):
                setattr(module, name, torch.zeros(1, device=getattr(module, name).device))


def _blocks(case: Case, library: Any, neuron: dict[str, Any]) -> Layers:
    """The case's network from a library of blocks, `slayer.block.cuba` or `lava_dt.block.cuba`."""
    norm = {"weight_norm": True}
    if case.network == "conv":
        return Layers(
            library.Conv(dict(neuron), 2, 16, 5, delay=case.delay, **norm),
            library.Pool(dict(neuron), 2, delay=case.delay),
            library.Conv(dict(neuron), 16, 32, 3, delay=case.delay, **norm),
            library.Pool(dict(neuron), 2, delay=case.delay),
            library.Flatten(),
            library.Dense(dict(neuron), 32 * 7 * 7, CLASSES, **norm),
        )
    if case.network == "recurrent":
        return Layers(
            # lava-dl's recurrent weights do not follow their norm: a second training step fails with it
            library.Recurrent(dict(neuron), CHANNELS, case.hidden, delay=case.delay),
            library.Dense(dict(neuron), case.hidden, CLASSES, **norm),
        )
    sizes = (CHANNELS, case.hidden, CLASSES)
    return Layers(
        *(
            library.Dense(dict(neuron), n_pre, n_post, delay=case.delay and i == 0, **norm)
            for i, (n_pre, n_post) in enumerate(pairwise(sizes))
        )
    )


def _draw_delays(network: Any, seed: int) -> None:
    """Delays up to 20 steps; lava-dl's own, below one step at first, would delay nothing."""
    generator = torch.Generator().manual_seed(seed)
    for block in network.children():
        delay = getattr(block, "delay", None)
        if delay is not None:
            channels = block.synapse.out_channels
            delay.delay.data = LARGEST_DELAY * torch.rand(channels, generator=generator)
            delay.init = True


def _settle(network: Any) -> None:
    """Moves weights off the edges of their 8 bits, so that all devices round them alike.

    A weight norm sums in another order on every device, which changes a weight by a rounding of 6e-8: one within
    1e-4 of an edge becomes another multiple of 1/32 on one of them now and then, and with it the spikes.
    """
    for block in network.children():
        synapse: Any = getattr(block, "synapse", None)
        if not hasattr(synapse, "weight_v"):
            continue
        step = 2 / block.neuron.w_scale
        values = synapse.weight_v.data
        place = values / step - torch.floor(values / step) - 0.5
        values += torch.where(place.abs() < 1e-4, torch.where(place < 0, -2e-4, 2e-4) * step, 0.0)
        synapse.weight_g.data = torch.norm_except_dim(values, 2, 0)
        for hook in synapse._forward_pre_hooks.values():
            hook(synapse, None)  # the norm's, which writes synapse.weight


def _copy_synapses(source: torch.nn.Module, target: torch.nn.Module) -> None:
    values = dict(source.named_parameters())
    for name, parameter in target.named_parameters():
        if ".neuron." not in name:
            parameter.data = values[name].detach().clone()
    for module in target.modules():
        if isinstance(module, slayer.axon.Delay):
            module.init = True  # lava-dl draws delays at the first forward pass unless told that they are there


def _plain(upstream: Any) -> PlainNetwork:
    neuron = next(iter(upstream.children())).neuron
    weights = [block.synapse.weight.detach().flatten(1).clone() for block in upstream.children()]
    return PlainNetwork(
        weights,
        threshold=neuron.threshold,
        current_decay=NEURON["current_decay"],
        voltage_decay=NEURON["voltage_decay"],
        tau_grad=neuron.tau_rho * slayer.neuron.cuba.TAU_RHO_MULT,
        scale_grad=neuron.scale_rho * slayer.neuron.cuba.SCALE_RHO_MULT,
    )
