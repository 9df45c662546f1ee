"""lava-dl's netx network, with the weights, delays, resets and inputs that netx gets wrong or leaves to its host."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.lib.dl.netx import hdf5
from lava.lib.dl.netx.blocks.models import AbstractPyBlockModel
from lava.lib.dl.netx.blocks.process import AbstractBlock, Input
from lava.lib.dl.netx.utils import NetDict
from lava.magma.core.decorator import implements
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.dense.process import Dense as DenseSynapse
from lava.proc.lif.process import LIFReset
from lava.proc.sparse.process import Sparse
from lava.utils.weightutils import SignMode
from scipy.sparse import csr_matrix

from lava_dt.export.processes.process import DelayedDense, SoftResetLIF
from lava_dt.export.schema import SOFT_RESET_TYPE

LARGEST_MESSAGE = 255  # 8 bits


class Dense(AbstractBlock):
    """A layer of synapses and neurons: netx's Dense, with the encoding of the weights given explicitly.

    Args:
        shape, neuron_params, input_message_bits: as netx's.
        weight: (n_post, n_pre) integers that ``encoding`` leaves as they are.
        encoding: ``weight_exp``, ``num_weight_bits`` and ``sign_mode`` of the synapses.
        delay: (n_post,) steps, or None.
        bias: (n_post,) or None.
        sparse_synapse: use lava-nc's Sparse.
    """

    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)
        weight, delay = parameters["weight"], parameters["delay"]
        synapses = {**parameters["encoding"], "num_message_bits": self.input_message_bits}
        if delay is not None:
            self.synapse = DelayedDense(weights=weight, delays=delay, **synapses)
        elif parameters["sparse_synapse"]:
            self.synapse = Sparse(weights=csr_matrix(weight), **synapses)
        else:
            self.synapse = DenseSynapse(weights=weight, **synapses)
        self.neuron = self._neuron(parameters["bias"])
        self.inp = InPort(shape=self.synapse.s_in.shape)
        self.out = OutPort(shape=self.neuron.s_out.shape)
        self.inp.connect(self.synapse.s_in)
        self.synapse.a_out.connect(self.neuron.a_in)
        self.neuron.s_out.connect(self.out)
        self._clean()


@implements(proc=Dense, protocol=LoihiProtocol)
class PyDenseModel(AbstractPyBlockModel):
    pass


class Network(hdf5.Network):
    """A Lava process that spikes as the network in the file was trained to.

    Takes every option of `lava.lib.dl.netx.hdf5.Network` and is one. What differs: weights reach the synapses as
    they are in the file, or are refused; per-neuron delays cost no more than none; soft resets; and an input block
    takes `encode`'s values through ``inp``.

    Attributes:
        dt: fine steps in one step of this network.
        layers: one block a layer with neurons; ``layers[i].neuron`` is its LIF process.
    """

    def __init__(self, net_config: str, **options: Any) -> None:
        super().__init__(net_config, **options)
        self.dt = int(self.net_config.f.attrs.get("dt", 1))
        self.fine_step = self.net_config.f.attrs.get("fine_step")
        self._sends_drive = isinstance(self.in_layer, Input)
        self.net_config.f.close()  # netx leaves it open

    @staticmethod
    def create_input(
        layer_config: NetDict, reset_interval: int | None = None, reset_offset: int = 0, spike_exp: int = 6
    ) -> tuple[Input, str]:
        """netx's input block, its port connected to the neuron."""
        scalars = {
            name: int(layer_config[name].item()) if name in layer_config.keys() else default  # noqa: SIM118
            for name, default in (("weight", 64), ("bias", 0))
        }
        shape = tuple(int(n) for n in layer_config["shape"][::-1])
        neuron = _neuron_parameters(layer_config, reset_interval, reset_offset, spike_exp)
        block = Input(shape=shape, neuron_params=neuron, transform=scalars)
        block.inp.connect(block.neuron.a_in)
        width, height, channel = shape if len(shape) == 3 else (1, 1, int(np.prod(shape)))
        return block, hdf5.Network._table_str("Input", width, height, channel)

    @staticmethod
    def create_dense(
        layer_config: NetDict,
        input_message_bits: int = 0,
        reset_interval: int | None = None,
        reset_offset: int = 0,
        spike_exp: int = 6,
        sparse_synapse: bool = False,
        rec: bool = False,
    ) -> tuple[Any, str]:
        """A dense layer; recurrent ones and those without neurons or with complex weights are netx's own."""
        keys = layer_config.keys()
        if rec or "neuron" not in keys or "weight/imag" in layer_config.f:
            return hdf5.Network.create_dense(
                layer_config, input_message_bits, reset_interval, reset_offset, spike_exp, sparse_synapse, rec
            )
        shape = (int(np.prod(layer_config["shape"])),)
        weight = layer_config["weight"].reshape(shape[0], -1)
        delay = _delays(layer_config, *weight.shape) if "delay" in keys else None
        if sparse_synapse and delay is not None:
            raise ValueError(
                f"{layer_config.f.name} has delays, which Sparse synapses of this package do not have: leave out "
                "sparse_fc_layer"
            )
        weight, encoding = encode_weights(weight, layer_config.f.name)
        block = Dense(
            shape=shape,
            neuron_params=_neuron_parameters(layer_config, reset_interval, reset_offset, spike_exp),
            input_message_bits=input_message_bits,
            weight=weight,
            encoding=encoding,
            delay=delay,
            bias=layer_config["bias"] if "bias" in keys else None,
            sparse_synapse=sparse_synapse,
        )
        return block, hdf5.Network._table_str("Dense", 1, 1, shape[0], delay=delay is not None)

    def encode(self, spikes: np.ndarray) -> np.ndarray:
        """What ``inp`` must receive for spikes, or analog values where the network begins with an input block.

        Args:
            spikes: (batch, neuron..., time), as the trained network takes them; time in steps of this network.

        Returns:
            int32, (batch, time, *inp.shape).

        Raises:
            ValueError: a shape that does not fit; values that cannot travel: not whole, negative, above 255 or above 1
                without ``input_message_bits``; an analog value whose product with the input weight has no place in
                Loihi's activation.
        """
        spikes = np.asarray(spikes)
        shape = self.inp.shape
        one_axis = len(shape) == 1 and int(np.prod(spikes.shape[1:-1])) == shape[0]
        if spikes.ndim < 3 or not (one_axis or spikes.shape[-2:0:-1] == shape):
            raise ValueError(
                f"the input has shape {spikes.shape} but the network takes (batch, {', '.join(map(str, shape[::-1]))}, "
                "time)"
            )
        values = self._drive(spikes) if self._sends_drive else self._messages(spikes)
        if one_axis:
            return values.reshape(len(values), shape[0], -1).transpose(0, 2, 1)
        return values.transpose(0, values.ndim - 1, *range(values.ndim - 2, 0, -1))  # (width, height, channel) in Lava

    def _messages(self, spikes: np.ndarray) -> np.ndarray:
        if not np.array_equal(spikes, np.rint(spikes)) or spikes.min(initial=0) < 0:
            raise ValueError(
                "the input has values that are negative or not whole: pass spikes, 0 or 1, or their counts"
            )
        largest = int(spikes.max(initial=0))
        if largest > LARGEST_MESSAGE:
            raise ValueError(
                f"the input has a count of {largest}: a graded spike carries 8 bits, 255 at most; use a smaller dt, or "
                "lava_dt.rebin(spikes, dt, saturate=True) in training and here"
            )
        if largest > 1 and not self.input_message_bits:
            raise ValueError(
                f"the input has counts up to {largest}, which travel as graded spikes, and this Lava network takes "
                "spikes of 0 or 1: build it with to_lava(..., input_message_bits=8)"
            )
        return spikes.astype(np.int32)

    def _drive(self, values: np.ndarray) -> np.ndarray:
        transform = self.in_layer.transform
        value = np.clip(np.rint(values.astype(np.float64) * 32) * 2, -256, 254)  # lava-dl's 8 bits
        drive = value * transform["weight"] / 64 + transform["bias"]
        if not np.array_equal(drive, np.rint(drive)):
            raise ValueError(
                "an input value times the input block's weight is not a whole number of 1/64, which is as fine as "
                "Loihi's activation is: round the inputs (whole numbers always fit), or use weight=None"
            )
        return drive.astype(np.int32)


@implements(proc=Network, protocol=LoihiProtocol)
class PyNetworkModel(AbstractPyBlockModel):
    pass


def encode_weights(weight: np.ndarray, name: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Weights and the encoding with which Loihi's synapses compute with exactly these integers.

    Even weights are Loihi's mixed-sign format as they are. netx shifts weights up to save bits, which loses -256 and
    constant matrices of a power of two, and fails for zeros.

    Raises:
        ValueError: there is no such encoding.
    """
    low, high = int(weight.min(initial=0)), int(weight.max(initial=0))
    encoding = {"weight_exp": 0, "num_weight_bits": 8, "sign_mode": SignMode.MIXED}
    if not np.any(weight % 2) and low >= -256 and high <= 254:
        return weight, encoding
    if low >= 0 and high <= 255:
        return weight, {**encoding, "sign_mode": SignMode.EXCITATORY}
    if high <= 0 and low >= -255:
        return weight, {**encoding, "sign_mode": SignMode.INHIBITORY}
    if low >= -128 and high <= 127:
        return weight * 2, {**encoding, "weight_exp": -1}
    raise ValueError(
        f"{name} has weights from {low} to {high}, some odd: Loihi's 8 bits hold even weights from -256 to 254, or odd "
        "ones from -128 to 127 or of one sign; quantise them in steps of 2, as lava-dl does"
    )


def _neuron_parameters(
    layer_config: NetDict, reset_interval: int | None, reset_offset: int, spike_exp: int
) -> dict[str, Any]:
    config = layer_config["neuron"]
    soft = config["type"] == SOFT_RESET_TYPE
    if soft:
        config = {"type": "CUBA", **{key: config[key] for key in ("iDecay", "vDecay", "vThMant")}}
    parameters = hdf5.Network.get_neuron_params(
        config, reset_interval=reset_interval, reset_offset=reset_offset, spike_exp=spike_exp
    )
    if parameters is None:
        raise ValueError(f"{layer_config.f.name} has neurons of type {config['type']!r}: only CuBa neurons are known")
    if soft:
        if parameters["neuron_proc"] is LIFReset:
            raise ValueError(f"{layer_config.f.name} resets softly, and has no reset_interval: leave that option out")
        parameters["neuron_proc"] = SoftResetLIF
    return parameters


def _delays(layer_config: NetDict, n_post: int, n_pre: int) -> np.ndarray:
    delay = np.asarray(layer_config["delay"]).astype(int).reshape(-1)
    if delay.size == 1:
        delay = np.repeat(delay, n_post)
    if delay.size != n_post:
        raise ValueError(
            f"{layer_config.f.name} has {delay.size} delays for {n_post} neurons: one a neuron of the layer is needed"
        )
    if delay.min() < 0 or delay.max() > 62:
        raise ValueError(f"{layer_config.f.name} has delays from {delay.min()} to {delay.max()}: Loihi takes 0 to 62")
    return delay
