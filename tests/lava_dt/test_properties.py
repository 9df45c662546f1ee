"""Laws of blocks at any timestep, on random networks: equal clocks, lava-dl at dt = 1, shifts, bins, causality."""

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lava.lib.dl import slayer

from bats_dt.discretization import SCHEMES, largest_decay
from lava_dt import Timestep, rebin
from lava_dt.block import cuba
from lava_dt.time_axis import at_grid

KINDS = ("Dense", "Conv", "ConvT", "Pool", "Unpool", "Input", "Affine", "Recurrent", "KWTA")
IMAGES = ("Conv", "ConvT", "Pool", "Unpool")
CLOCKS = st.sampled_from(["held", "coarse"])
NORMS = (None, slayer.neuron.norm.MeanOnlyBatchNorm, slayer.neuron.norm.WgtScaleBatchNorm)


@dataclass(frozen=True)
class Case:
    """A random network: a block of a kind, and for kinds that spike a dense one behind it."""

    kind: str
    dt: int
    scheme: str
    reset: str
    gain: str
    saturate: bool
    decays: tuple[float, float]  # of the largest that the scheme takes
    shared: bool
    learnt: bool
    norm: type | None
    hop: bool
    delays: bool
    weight_norm: bool
    steps: int
    density: float
    sparse: bool
    seed: int

    def neuron(self, own=True):
        most = 1.0 if self.saturate else largest_decay(self.dt, self.scheme)
        current, voltage = (share * most for share in self.decays)
        given = {"threshold": 0.25, "current_decay": current, "voltage_decay": voltage, "tau_grad": 0.5}
        if own and not self.shared:
            given.update(shared_param=False, current_decay=(current / 2, current), voltage_decay=(voltage / 2, voltage))
        if own and self.kind in ("Dense", "Conv", "Recurrent"):
            given.update(requires_grad=self.learnt, norm=self.norm)
        return given

    def timestep(self, clock):
        options = {"scheme": self.scheme, "reset": self.reset, "gain": self.gain, "saturate": self.saturate}
        return Timestep(self.dt, clock=clock, **options)

    def network(self, module=cuba, **key):
        torch.manual_seed(self.seed)
        neuron = {**self.neuron(), **key}
        common = {"delay": self.delays, "delay_shift": self.hop}
        learning = {**common, "weight_scale": 4, "weight_norm": self.weight_norm}
        first = {
            "Dense": lambda: module.Dense(neuron, 8, 7, **learning),
            "Conv": lambda: module.Conv(neuron, 2, 3, 3, stride=2, padding=1, groups=1, **learning),
            "ConvT": lambda: module.ConvT(neuron, 2, 3, 2, **learning),
            "Pool": lambda: module.Pool(neuron, 2, weight_scale=1, **common),
            "Unpool": lambda: module.Unpool(neuron, 2, weight_scale=1, **common),
            "Input": lambda: module.Input(neuron, weight=1.5, bias=0.25, delay_shift=self.hop),
            "Affine": lambda: module.Affine(neuron, 8, 7, weight_scale=2, weight_norm=self.weight_norm),
            "Recurrent": lambda: module.Recurrent(dict(neuron), 8, 7, **learning),
            "KWTA": lambda: module.KWTA(dict(neuron), 8, 7, 2, delay_shift=self.hop, weight_scale=2),
        }[self.kind]()
        if self.kind == "Affine":
            return torch.nn.Sequential(first)
        second = {**self.neuron(own=False), **key}
        width = {"Conv": 27, "ConvT": 147, "Pool": 18, "Unpool": 288, "Input": 8}.get(self.kind, 7)
        flat = [module.Flatten()] if self.kind in IMAGES else []
        return torch.nn.Sequential(first, *flat, module.Dense(second, width, 5, weight_scale=8))

    def input(self):
        generator = torch.Generator().manual_seed(self.seed)
        shape = (2, 2, 6, 6, self.steps) if self.kind in IMAGES else (2, 8, self.steps)
        chance = torch.rand(shape, generator=generator)
        return (chance < self.density).float() + (chance < self.density / 4).float()  # some counts of two

    def respond(self, net, x, cotangent_of=lambda y: y):
        """Output as ``cotangent_of`` sees it, and every gradient."""
        torch.manual_seed(self.seed + 1)  # decays and delays are drawn at the first call
        leaf = x.clone() if self.sparse else x.clone().requires_grad_()
        y = cotangent_of(net, leaf)
        if y.requires_grad:
            y.backward(torch.randn(y.shape, generator=torch.Generator().manual_seed(5)))
        found = {name: p.grad for name, p in net.named_parameters() if p.grad is not None}
        return y.detach(), found if leaf.grad is None else {**found, "x": leaf.grad}


def cases(kinds=KINDS, **fixed):
    share = st.sampled_from([0.03, 0.1, 0.3, 0.7, 1.0])
    options = {
        "kind": st.sampled_from(kinds),
        "dt": st.sampled_from([1, 2, 3, 4, 5, 7, 10, 16, 17, 23, 40]),
        "scheme": st.sampled_from(SCHEMES),
        "reset": st.sampled_from(["hard", "soft"]),
        "gain": st.sampled_from(["charge", "integral"]),
        "saturate": st.booleans(),
        "decays": st.tuples(share, share),
        "shared": st.booleans(),
        "learnt": st.booleans(),
        "norm": st.sampled_from(NORMS),
        "hop": st.booleans(),
        "delays": st.booleans(),
        "weight_norm": st.booleans(),
        "steps": st.one_of(st.integers(30, 60), st.integers(1, 30)),
        "density": st.sampled_from([0.3, 0.6, 0.1, 0.02]),
        "sparse": st.booleans(),
        "seed": st.integers(0, 1 << 16),
    }
    given_as = {
        name: value if isinstance(value, st.SearchStrategy) else st.just(value) for name, value in fixed.items()
    }
    return st.builds(Case, **{**options, **given_as})


def examples(count):
    return settings(max_examples=count, deadline=None, derandomize=True, database=None)


def draw_long_delays(net, dt):
    """Delays of up to a few bins, the same for networks drawn from the same seed."""
    for block in net:
        if getattr(block, "delay", None) is not None:
            block.delay.delay.data *= min(3 * dt, 62)


@pytest.mark.parametrize("kind", KINDS)
def test_the_held_clock_is_the_coarse_clock_bit_for_bit_with_every_gradient(kind):
    lively = []

    @examples(20)
    @given(cases([kind]))
    def check(case):
        def on(clock):
            net = case.network(timestep=case.timestep(clock))

            def run(net, x):
                seen = x if clock == "held" else rebin(x, case.dt)
                seen = seen.to_sparse() if case.sparse else seen
                with torch.no_grad():
                    net(seen)
                draw_long_delays(net, case.dt)
                for block in net:
                    if hasattr(block, "reset_state"):
                        block.reset_state()
                y = net(seen)
                if clock == "coarse":
                    return y
                return at_grid(y, case.dt) if case.kind == "Affine" else rebin(y, case.dt)

            return case.respond(net, case.input(), run)

        (held, held_gradients), (coarse, coarse_gradients) = on("held"), on("coarse")
        assert torch.equal(held, coarse)
        assert held_gradients.keys() == coarse_gradients.keys() and (held_gradients or case.sparse)
        for name, gradient in held_gradients.items():
            assert torch.equal(gradient, coarse_gradients[name]), name
        lively.append(bool(held.any()))

    check()
    assert sum(lively) >= 5


@pytest.mark.parametrize("kind", KINDS)
def test_at_dt_1_whatever_the_options_of_the_timestep_spikes_are_lava_dls_bit_for_bit(kind):
    """Upstream's own defects aside: channels' decays of images, the mask, gradients of decays and of recurrence."""

    @examples(8)
    @given(cases([kind], dt=1, reset="hard", saturate=False, shared=kind in IMAGES or st.booleans()), CLOCKS)
    def check(case, clock):
        with torch.no_grad():
            theirs = case.respond(case.network(slayer.block.cuba), case.input(), lambda net, x: net(x))[0]
        net = case.network(timestep=case.timestep(clock))
        x = case.input().to_sparse() if case.sparse else case.input()
        assert torch.equal(case.respond(net, x, lambda net, x: net(x))[0], theirs)

    check()


# Without a bias, which acts on rest; without an average over time, as a norm takes
QUIET = [kind for kind in KINDS if kind not in ("Input", "KWTA")]


def drawn(case, clock="held"):
    """The case's network with delays and decays drawn, and its input on that clock."""
    net = case.network(timestep=case.timestep(clock))
    x = case.input() if clock == "held" else rebin(case.input(), case.dt)
    net(x)
    draw_long_delays(net, case.dt)
    return net.eval(), x


def fresh(net, x):
    for block in net:
        if hasattr(block, "reset_state"):
            block.reset_state()
    return net(x).detach()


@pytest.mark.parametrize("kind", QUIET)
def test_shifting_the_input_by_a_step_of_dt_shifts_the_output_by_it(kind):
    @examples(8)
    @given(cases([kind], norm=None), CLOCKS, st.integers(1, 3))
    def check(case, clock, by):
        net, x = drawn(case, clock)
        by *= case.dt if clock == "held" else 1
        y, later = fresh(net, x), fresh(net, torch.nn.functional.pad(x, (by, 0)))
        assert torch.equal(later[..., by:], y) and not later[..., :by].any()

    check()


@pytest.mark.parametrize("kind", KINDS)
def test_when_within_a_bin_the_input_came_does_not_matter(kind):
    @examples(6)
    @given(cases([kind]))
    def check(case):
        net, x = drawn(case)
        times = torch.arange(case.steps)
        keys = torch.rand(x.shape) + times // case.dt * 2
        moved = x.gather(-1, keys.argsort(-1))  # every neuron's own order of the steps of a bin
        assert torch.equal(fresh(net, x), fresh(net, moved))

    check()


@pytest.mark.parametrize("kind", KINDS)
def test_samples_of_a_batch_do_not_see_each_other(kind):
    @examples(6)
    @given(cases([kind]), CLOCKS)
    def check(case, clock):
        net, x = drawn(case, clock)
        both = fresh(net, x)
        assert torch.equal(fresh(net, x.flip(0)), both.flip(0))
        assert torch.equal(fresh(net, x[1:]), both[1:])

    check()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_comes_before_its_cause(kind):
    """Input changed after step t leaves the output up to t + hops as it was."""

    @examples(8)
    @given(cases([kind], norm=None), CLOCKS, st.data())
    def check(case, clock, data):
        net, x = drawn(case, clock)
        t = data.draw(st.integers(0, x.shape[-1]))
        changed = x.clone()
        changed[..., t:] += 3
        hops = 0 if case.kind == "Affine" else 1 + case.hop
        same = slice(0, t + hops)
        assert torch.equal(fresh(net, x)[..., same], fresh(net, changed)[..., same])

    check()


@pytest.mark.parametrize("kind", ["Dense", "Conv", "ConvT", "Recurrent"])
def test_the_order_of_neurons_is_a_matter_of_names(kind):
    @examples(6)
    @given(cases([kind], weight_norm=False, norm=None, learnt=False), CLOCKS)
    def check(case, clock):
        net, x = drawn(case, clock)
        block = net[0]
        y = fresh(block_only := net[:1], x)
        order, inward = torch.randperm(y.shape[1]), torch.randperm(x.shape[1])
        weight = (block.input_synapse if kind == "Recurrent" else block.synapse).weight
        weight.data = weight.data[inward][:, order] if kind == "ConvT" else weight.data[order][:, inward]
        if kind == "Recurrent":
            block.recurrent_synapse.weight.data = block.recurrent_synapse.weight.data[order][:, order]
        decays = (block.neuron.current_decay, block.neuron.voltage_decay)
        for values in (*decays, block.delay.delay if case.delays else torch.zeros(1)):
            values.data = values.data[order] if values.numel() > 1 else values.data
        assert torch.equal(fresh(block_only, x[:, inward]), y[:, order])

    check()
