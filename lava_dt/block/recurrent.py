"""lava-dl's blocks that feed their spikes back to themselves, stepped by dt.

    spikes[t] = neuron(W x[t] + R spikes[t-1] (+ bias))

The feedback takes one fine step, whatever the hop to the next layer. At dt = k it is therefore delivered at the grid
step that ends the next bin, R s[m-1], on both clocks (EQUATIONS A.3); ``between='drop'`` drops input from outside only.

Calls, as lava-dl's: neurons keep current and voltage from call to call of the same batch size (lava-dl sets
``persistent_state`` whatever is asked for; set ``block.neuron.persistent_state = False`` for calls that begin anew),
but each call begins without fed-back spikes and is binned by itself, its last bin perhaps shorter. What `Recurrent`
emits at the last step of a call is lost, with its delays; `KWTA` hands it to the next call.

Gradients go back through the feedback and through the leaks of current and voltage. lava-dl cuts the neuron's state
off at every step and so loses the leaks. With decays of 0.25 and 0.03 its gradient of the recurrent weights has a
cosine of 0.6 with the full one and 1.6 % of its length (40-30 neurons, 100 steps, 20 % firing), or 0.03 and 0.8 %
(2312-512 neurons, 300 steps, 0.8 % firing). Where both decays are 1 the two agree.

Where lava-dl fails, these do not: weights under weight norm are those of the moment (lava-dl's recurrent weights never
change, and its second backward pass raises), decays learn (lava-dl's get a gradient of zero), ``requires_grad=False``
fixes the recurrent weights, ``pre_hook_fx`` is used for both synapses, ``count_log`` works, KWTA with its hop can be
trained (raises), a state dictionary saved after a call loads, and the dictionary of neuron parameters stays as it is.

Kernels run on float32 tensors on the CPU, for neurons without norm, dropout and graded spikes; everything else, CUDA
tensors among it, takes a torch loop over the steps with the same results. Input may be a ``torch.sparse_coo_tensor``.
Spikes are lava-dl's bit for bit at dt = 1 where the sums of weights are exact in float32: quantised weights, and a
``scale`` that is a power of two.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from lava.lib.dl.slayer.block.cuba import KWTA as UpstreamKWTA
from lava.lib.dl.slayer.block.cuba import Recurrent as UpstreamRecurrent
from torch import Tensor

from lava_dt.block.arriving import dense, listed, normalised, whole_weights
from lava_dt.block.stepped import Stepped
from lava_dt.dynamics import recurrent
from lava_dt.dynamics.recurrent import stepwise
from lava_dt.dynamics.recurrent.arrivals import arrivals
from lava_dt.events import events_of
from lava_dt.time_axis import place
from lava_dt.transport import transport

LARGEST_DENSITY = 0.2  # share of non-zero input up to which spikes are followed one by one


class _FedBack(Stepped):
    """What both blocks share: synapses, neurons with feedback, and the way to the next layer."""

    hands_on = False  # whether the spikes of the last step arrive in the next call
    spike_state: Tensor
    bias: Tensor | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # a copy, as lava-dl writes into the dictionary
        if args:
            args = (copy.copy(args[0]), *args[1:])
        else:
            kwargs["neuron_params"] = copy.copy(kwargs.get("neuron_params"))
        if (args[0] if args else kwargs["neuron_params"]) is None:
            raise TypeError(
                f"neuron_params is None: {type(self).__name__} needs a dictionary of the neuron's parameters"
            )
        super().__init__(*args, **kwargs)

    def feedback(self) -> tuple[Tensor, float]:
        """R[post, pre], (n, n), as the neurons receive it, and the bias that comes with it once a step of dt."""
        raise NotImplementedError

    @property
    def entrance(self) -> Any:
        """The synapse of the input."""
        return self.synapse

    def channels(self) -> int | None:
        return int(self.entrance.in_channels)

    def incoming(self, x: Tensor) -> Tensor:
        """What the input synapse delivers, (batch, n, 1, 1, bins) or (batch, n, bins).

        Few spikes are followed one by one where that gives the bits of the product.
        """
        events = bins = None
        if self._sums_exactly(x):
            if x.requires_grad:
                bins = self.timestep.gather(dense(x))
                events = events_of(bins, LARGEST_DENSITY)
            else:
                events = listed(x, self.timestep, LARGEST_DENSITY)
        if events is not None:
            return arrivals(events, _weights(self.entrance), bins).transpose(1, 2)
        return self.entrance(self.timestep.gather(dense(x)) if bins is None else bins)

    def _sums_exactly(self, x: Tensor) -> bool:
        """Whether the sums over the spikes of x are whole numbers, and made on the CPU."""
        flat = x.dim() == 3 and self.entrance.kernel_size == (1, 1, 1)
        return (
            flat and x.device.type == "cpu" and x.dtype == torch.float32 and whole_weights(self.neuron, self.entrance)
        )

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Spikes of the layer as the next layer receives them.

        Args:
            x: (batch, neuron, time), or (batch, channel, height, width, time) where ``in_neurons`` is a shape.

        Returns:
            Spikes (batch, n, time), or (batch, n, 1, 1, time), shifted by hop and delays; with ``count_log`` also the
            share of non-zero entries.

        Raises:
            TypeError, ValueError: as `check_input`; an image that is not of the size the block was made for.
        """
        self.check_input(x)
        drive = self.incoming(x)
        if self.bias is not None:
            drive = drive + self.bias
        if drive.dim() == 5 and drive.shape[2:4] != (1, 1):
            raise ValueError(
                f"the input has shape {tuple(x.shape)}, of which the synapse makes {tuple(drive.shape[2:4])} pixels: "
                "the image must be of the size that in_neurons says"
            )
        spikes = self._delivered(drive, x.shape[-1])
        if self.count_log is True:
            return spikes, (spikes > 0).to(spikes.dtype).mean()
        return spikes

    def _delivered(self, drive: Tensor, steps: int) -> Tensor:
        timestep, hop = self.timestep, int(self.delay_shift)
        if self.delay is not None:
            spikes = self._respond(drive, drive.new_zeros(*drive.shape[:-1], 0))[0]
            return transport(spikes, timestep, steps, hop, self._delays(spikes))
        tail, goes_on = self.delay_buffer, self.hands_on and self.neuron.persistent_state is True
        if not goes_on or tail is None or tail.shape != (*drive.shape[:-1], hop):
            tail = drive.new_zeros(*drive.shape[:-1], hop)
        spikes, tail = self._respond(drive, tail)
        if goes_on:
            self.delay_buffer = tail
        if not timestep.held:
            return spikes
        return place(spikes, 0 if hop else timestep.dt - 1, timestep.dt, steps)

    def _respond(self, drive: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
        neuron = self.neuron
        neuron.allocate(drive.shape[1:-1], drive.shape[0])
        weights, bias = self.feedback()
        plain = neuron.norm is None and neuron.drop is None and not neuron.graded_spike
        if plain and drive.device.type == "cpu" and drive.dtype == torch.float32:
            spikes, current, voltage, tail = self._fused(drive, weights, bias, tail)
        else:
            spikes, current, voltage, tail = stepwise.respond(drive, weights, neuron, bias, tail)
        if neuron.persistent_state is True:
            neuron.current_state, neuron.voltage_state = current, voltage
        return spikes, tail

    def _fused(self, drive: Tensor, weights: Tensor, bias: float, tail: Tensor) -> tuple[Tensor, ...]:
        neuron, shape = self.neuron, drive.shape
        cells = recurrent.Cells(
            neuron.current_step_decay,
            neuron.voltage_step_decay,
            neuron.level,
            neuron.s_scale,
            self.timestep.reset == "soft",
            neuron.surrogate_width,
            neuron.surrogate_scale,
        )
        current, voltage = neuron.current_state.reshape(shape[:2]), neuron.voltage_state.reshape(shape[:2])
        drive, tail = (signal.reshape(*shape[:2], signal.shape[-1]).transpose(1, 2) for signal in (drive, tail))
        spikes, current, voltage, tail = recurrent.respond(drive, weights, cells, current, voltage, bias, tail)
        spikes, tail = (signal.transpose(1, 2).reshape(*shape[:-1], signal.shape[1]) for signal in (spikes, tail))
        return spikes, current.reshape(shape[:-1]), voltage.reshape(shape[:-1]), tail

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        # lava-dl's buffer of fed-back spikes: always zero, of the shape of the last call
        saved = state_dict.get(f"{prefix}spike_state")
        if isinstance(saved, Tensor):
            self.spike_state = self.spike_state.new_zeros(saved.shape)
        super()._load_from_state_dict(state_dict, prefix, *args)


class Recurrent(_FedBack, UpstreamRecurrent):
    """Fully connected block with learnable feedback: (batch, in_neurons, time) -> (batch, out_neurons, time).

    Takes every argument of lava-dl's and `timestep`. See the module for what it does at any dt and from call to call.
    """

    input_synapse: Any
    recurrent_synapse: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = ("in_neurons", "out_neurons", "weight_scale", "weight_norm", "pre_hook_fx")
        hook = {**dict(zip(names, args[1:], strict=False)), **kwargs}.get("pre_hook_fx")
        if hook is not None:
            self.input_synapse.pre_hook_fx = self.recurrent_synapse.pre_hook_fx = hook
        if self.requires_grad is not True:
            self.recurrent_synapse.requires_grad_(False)

    @property
    def entrance(self) -> Any:
        return self.input_synapse

    def feedback(self) -> tuple[Tensor, float]:
        return _weights(self.recurrent_synapse), 0.0

    def export_hdf5(self, handle: Any) -> None:
        """Writes the block for netx, weight norm folded into both synapses."""
        if self.recurrent_synapse.weight_norm_enabled:
            self.recurrent_synapse.disable_weight_norm()
        super().export_hdf5(handle)


DenseRecurrent = Recurrent


class KWTA(_FedBack, UpstreamKWTA):
    """K winners take all: every neuron inhibits the others by 1 and excites itself by ``self_excitation``.

        R = (1 + a) I - 1,      bias = threshold (N - 2K) / N / w_scale,      both in 8 bits

    Takes every argument of lava-dl's and `timestep`. R and the bias enter once a step of dt, and the threshold of the
    bias is that of a fine step. Gradient of the self-excitation a: as that of R, *straight-through* its 8 bits.
    """

    hands_on = True
    self_excitation: Tensor
    num_neurons: int
    num_winners: int

    def feedback(self) -> tuple[Tensor, float]:
        self.self_excitation.data.clamp_(0, 1)
        neuron, n = self.neuron, self.num_neurons
        weights = (1 + self.self_excitation) * torch.eye(n, device=self.self_excitation.device) - 1
        bias = torch.tensor([neuron.threshold * (n - 2 * self.num_winners) / n / neuron.w_scale])
        return neuron.quantize_8bit(weights), float(neuron.quantize_8bit(bias))


def _weights(synapse: Any) -> Tensor:
    """The weights of a dense synapse as they act at this moment, (n_post, n_pre)."""
    weights = normalised(synapse)
    weights = weights.reshape(weights.shape[:2])
    return weights if synapse.pre_hook_fx is None else synapse.pre_hook_fx(weights)
