"""A way back for output neurons that are silent when they ought to speak."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bats_dt.backend import array_module
from bats_dt.checks import class_labels, instance, real_number
from bats_dt.clocked_neuron import ClockedNeuron
from bats_dt.layers.clocked_lif import ClockedLIFLayer
from bats_dt.layers.lif import LIFLayer
from bats_dt.network import Network

_STRENGTH = "pass a finite number, 0 (no remedy) or above"


class SilentLabelRemedy:
    """Raises the potential of label neurons that did not fire, which no loss on spikes can do.

    A loss reaches weights through spikes only: an output neuron that is silent in all samples of its class has no
    gradient, and its class stays dead for the whole training unless chance revives it. For every sample whose label
    neuron is silent, this adds to the loss

        R = -strength A,   A = (integral of V over all time) / (reset tau_mem) = (tau_syn / reset) sum_i w_i n_i

    with V the potential of that neuron, w_i its weights and n_i the number of spikes of input neuron i: one input spike
    of weight w adds w tau_mem tau_syn to the integral (EQUATIONS A.1: the area of eps), a spike of the neuron itself
    would take reset tau_mem from it (the area of eta). So A counts the spikes for which the drive would do, and

        dR/dw_i = -strength (tau_syn / reset) n_i.

    In a clocked layer (EQUATIONS B.1) the area is R c tau_syn w, with c w the jump of the current, and a spike takes
    (threshold - v_reset) tau_mem: dR/dw_i = -strength R c tau_syn / ((threshold - v_reset) tau_mem) n_i.

    A training step with it, one line more than without::

        gradients = network.backward(errors)
        gradients = remedy.apply(gradients, network, labels)

    *Exact* for the weights of the output layer while the neuron is silent; it *ignores* that R depends on the layers
    below (through n_i, which cannot be differentiated; on the times of their spikes A does not depend). Where every
    label neuron fires it changes nothing. It needs spikes in the layer below: a network whose hidden layer is silent
    wants larger weights.

    Parameters
    ----------
    strength: loss that one missing spike's worth of drive costs, 0 (no remedy) or above. Adam takes its scale away from
        neurons that are always silent: on MNIST 0.1 to 10 revive dead classes equally soon. It sets how much silent
        samples weigh against those in which the neuron fires (10 costs some accuracy); under gradient descent it is a
        step size of its own.

    Raises
    ------
    ValueError: the strength is negative or not finite. TypeError: it is no number.
    """

    def __init__(self, strength: float = 0.1) -> None:
        self._strength = real_number("strength", strength, _STRENGTH)
        if not (math.isfinite(self._strength) and self._strength >= 0):
            raise ValueError(f"strength is {strength}: {_STRENGTH}")

    @property
    def strength(self) -> float:
        """Loss that one missing spike's worth of drive costs."""
        return self._strength

    def apply(
        self, gradients: Sequence[np.ndarray | None], network: Network, labels: np.ndarray
    ) -> list[np.ndarray | None]:
        """The gradients of ``Network.backward`` with dR/dw added to that of the output layer.

        gradients: one a layer, as ``backward`` returned them: batch means (1, ...), or (batch, ...) with
            ``per_sample=True``. They are not modified.
        network: after the forward pass that they are of. labels: integers (batch,).

        Returned: the same list, with a new last entry where a label neuron was silent.

        Raises
        ------
        TypeError: the output layer is not dense, or labels are no integers. ValueError: gradients of another network;
            labels that do not fit the batch or the number of output neurons.
        """
        layers = network.layers
        last = gradients[-1] if len(gradients) == len(layers) > 0 else None
        if last is None or last.ndim != 3:
            raise ValueError(
                f"{len(gradients)} gradients for {len(layers)} layers, or none of the last layer: pass the list that "
                "Network.backward returned, before its entries are averaged over axis 0"
            )
        added = self.gradient(layers[-1], labels, per_sample=last.shape[0] > 1)  # type: ignore[arg-type]  # it checks
        if added is None:
            return list(gradients)
        if added.shape != last.shape:
            raise ValueError(
                f"the gradient of the output layer has shape {last.shape} but the last forward pass needs "
                f"{added.shape}: pass the gradients of that pass"
            )
        changed = last.copy(order="K")  # in the layout of the others, which an optimizer's moments keep to
        changed += added
        return [*gradients[:-1], changed]

    def gradient(
        self, layer: LIFLayer | ClockedLIFLayer, labels: np.ndarray, per_sample: bool = False
    ) -> np.ndarray | None:
        """dR/dw of an output layer after its forward pass; None if there is none: no label neuron was silent.

        labels: integers (batch,). Returned: the mean over the batch (1, n_post, n_pre), or every sample's own
        (batch, n_post, n_pre).

        Raises
        ------
        TypeError, ValueError: as :meth:`apply`.
        """
        dense = LIFLayer | ClockedLIFLayer
        instance("the output layer", layer, dense, "the remedy is made for a dense one, a LIFLayer or ClockedLIFLayer")
        xp = array_module()
        counts = layer.events.counts()
        batch, n_post = counts.shape
        labels = class_labels(labels, batch, n_post)
        silent = counts[xp.arange(batch), labels] == 0
        if self._strength == 0 or not silent.any():
            return None
        inputs = layer.previous_layer.events.counts()
        scale = -self._strength * _spikes_for_a_weight_of_1(layer)
        silent_labels = scale * (silent[:, None] & (labels[:, None] == xp.arange(n_post)))
        if per_sample:
            return silent_labels[:, :, None] * inputs[:, None, :]
        return (silent_labels[:, :, None] * inputs[:, None, :]).sum(axis=0)[None] / batch


def _spikes_for_a_weight_of_1(layer: LIFLayer | ClockedLIFLayer) -> float:
    """dA/dw of one input spike."""
    neuron = layer.neuron
    if isinstance(neuron, ClockedNeuron):
        return (
            neuron.resistance * neuron.charge * neuron.tau_syn / ((neuron.threshold - neuron.v_reset) * neuron.tau_mem)
        )
    return neuron.tau_syn / neuron.reset
