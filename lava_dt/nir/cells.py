"""A CuBa neuron's decays and threshold as NIR's time constants in seconds, and back (EQUATIONS A.2).

NIR's CubaLIF:

    tau_syn dI/dt = -I + w_in S        tau_mem dv/dt = v_leak - v + r I        v > v_threshold: spike, v = v_reset

Over a step of h seconds in which S stays as it is (a spike is 1 in one step, as snnTorch writes it), with a and b the
fractions of I and v that a scheme loses in the step, it becomes

    I' = (1 - a) I + a w_in S          v' = (1 - b) v + b (v_leak + r I')

and lava-dl's neuron, I' = (1 - a) I + S and v' = (1 - b) v + g I' with its gain g, is that of w_in = 1/a, r = g/b. Time
constants are those of `lava_dt.time_constant` in the timestep's scheme: forward Euler h/a. Where the scheme has none to
give, because the current is lost within its step, the neuron is NIR's LIF; without any leak besides, its IF. Neurons
that never spike are CubaLI, LI and I.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from bats_dt.discretization import gain, retained
from lava_dt.nir.errors import NIRError
from lava_dt.time_constants import fine_decay, steps_of_decay
from lava_dt.timestep import Timestep

SPIKING = (nir.CubaLIF, nir.LIF, nir.IF)
SILENT = (nir.CubaLI, nir.LI, nir.I)
NEURONS = (*SPIKING, *SILENT)


@dataclass(frozen=True)
class Cells:
    """Neurons of one layer; arrays of the layer's shape, or ().

    Attributes:
        current_decay, voltage_decay: fraction lost in a fine step.
        threshold: above the leak potential, real units; None: never spikes.
        factor: real voltage per unit of the weights' sum, over that of lava-dl's neuron: 1 for a neuron of ours.
    """

    current_decay: np.ndarray
    voltage_decay: np.ndarray
    threshold: np.ndarray | None
    factor: np.ndarray


def node_of(cells: Cells, shape: tuple[int, ...], timestep: Timestep, step: float, metadata: dict[str, Any]) -> Any:
    """The node of neurons of ours.

    Args:
        cells: decays () or of the channels, (channel, 1, ...); factor is not looked at.
        shape: of the layer.
        timestep, step: of the layer, and seconds in a fine step.
        metadata: of the node.

    Raises:
        NIRError: a decay of 0, which has no time constant; a voltage lost within a step of its scheme.
    """
    alpha, beta = (np.broadcast_to(d, shape).astype(np.float64) for d in (cells.current_decay, cells.voltage_decay))
    a, b = lost(alpha, timestep), lost(beta, timestep)
    tau_syn, tau_mem = (step * _per_decay(steps_of_decay, d, timestep.scheme) for d in (alpha, beta))
    g = _gain(alpha, beta, timestep)
    kind = _kind(tau_syn, tau_mem, alpha)
    values: dict[str, Any] = {"metadata": metadata}
    if kind == "I":
        values["r"] = g / (timestep.dt * step)
    else:
        values |= {"r": g / b, "v_leak": np.zeros(shape)}
        values |= {"tau": tau_mem} if kind == "LI" else {"tau_syn": tau_syn, "tau_mem": tau_mem, "w_in": 1 / a}
    if cells.threshold is None:
        return getattr(nir, kind)(**values)
    values["v_threshold"] = np.broadcast_to(cells.threshold, shape).astype(np.float64)
    values["v_reset"] = np.zeros(shape)
    return {"I": nir.IF, "LI": nir.LIF, "CubaLI": nir.CubaLIF}[kind](**values)


def cells_of(node: Any, name: str, timestep: Timestep, step: float, *, soft: bool, norse: bool = False) -> Cells:
    """The neurons of a node.

    Args:
        node, name: one of `NEURONS`.
        timestep: at which its w_in and r hold; its scheme reads the time constants.
        step: seconds in a fine step.
        soft: whether the reset potential does not matter.
        norse: as Norse 1.1 writes it (`lava_dt.nir.from_nir`).

    Raises:
        NIRError: parameters missing, not finite, or of other shapes; time constants that are not above 0, or shorter
            than the scheme takes; a reset to another potential than the leak's.
    """
    fields = _arrays(node, name)
    shape = np.shape(fields["r"])
    unit = 1 / step if norse else 1.0
    alpha, a = np.ones(shape), np.ones(shape)
    beta = np.zeros(shape)
    voltage = fields["r"] if norse else fields["r"] * timestep.dt * step
    if "tau_syn" in fields:
        alpha = _decay(fields["tau_syn"] * unit, "tau_syn", name, timestep, step)
        a = lost(alpha, timestep) * fields["w_in"] if not norse else fields["w_in"]
    tau_mem = fields.get("tau_mem", fields.get("tau"))
    if tau_mem is not None:
        beta = _decay(tau_mem * unit, "tau_mem" if "tau_mem" in fields else "tau", name, timestep, step)
        voltage = lost(beta, timestep) * fields["r"]
    factor = a * voltage / _gain(alpha, beta, timestep)
    if not np.isfinite(factor).all() or (factor == 0).any():
        raise NIRError(f"node {name!r} has a w_in or r of 0, or too large to be used: no input reaches its neurons")
    leak = fields.get("v_leak", np.zeros(shape))
    if "v_threshold" not in fields:
        if leak.any():
            raise NIRError(f"node {name!r} has v_leak other than 0: lava-dl's neurons rest at 0; make it 0")
        return Cells(alpha, beta, None, factor)
    reset = fields["v_reset"]
    moved = ~np.isclose(reset, leak, rtol=1e-6, atol=1e-9)
    if not soft and moved.any():
        raise NIRError(
            f"node {name!r} resets to {reset[moved][0]:g} and rests at {leak[moved][0]:g}: lava-dl's neurons reset to "
            "the potential at which they rest; make v_reset and v_leak equal, or pass Timestep(reset='soft') if the "
            "network subtracts its threshold"
        )
    threshold = fields["v_threshold"] - leak
    if not (threshold > 0).all():
        raise NIRError(
            f"node {name!r} has a threshold that is not above its resting potential (lowest {threshold.min():g}): its "
            "neurons would fire without input"
        )
    return Cells(alpha, beta, threshold, factor)


def implied_step(node: Any) -> float | None:
    """The step in seconds at which w_in and r make forward Euler add a spike's weight once; None if none does.

    Factors that are 1 throughout say nothing of a step (a neuron would forget everything in it), but for an IF.
    """
    pairs = [("tau_syn", "w_in"), ("tau_mem", "r"), ("tau", "r")]
    try:
        with np.errstate(all="ignore"):
            found = [
                (np.asarray(getattr(node, tau), np.float64), np.asarray(getattr(node, factor), np.float64))
                for tau, factor in pairs
                if hasattr(node, tau)
            ]
            steps = np.concatenate([np.ravel(tau / factor) for tau, factor in found] or [np.ravel(1 / node.r)])
    except (TypeError, ValueError):
        return None
    if not steps.size or not (np.isfinite(steps) & (steps > 0)).all() or np.ptp(steps) > 1e-4 * steps[0]:
        return None
    if found and all(np.allclose(factor, 1, rtol=1e-4) for _, factor in found):
        return None
    return float(f"{steps[0]:.5g}")


def lost(decay: np.ndarray, timestep: Timestep) -> np.ndarray:
    """Fraction that a step of dt loses, at most 1."""
    return np.minimum(1 - retained(decay, timestep.dt, timestep.scheme), 1.0)


def _gain(alpha: np.ndarray, beta: np.ndarray, timestep: Timestep) -> np.ndarray:
    if not timestep.folds_gain:
        return np.ones(np.shape(alpha))
    pairs = np.stack([np.ravel(alpha), np.ravel(beta)], 1)
    different, which = np.unique(pairs, axis=0, return_inverse=True)
    gains = np.array([gain(float(x), float(y), timestep.dt, timestep.scheme) for x, y in different])
    return gains[np.ravel(which)].reshape(np.shape(alpha))


def _kind(tau_syn: np.ndarray, tau_mem: np.ndarray, alpha: np.ndarray) -> str:
    if (tau_mem == 0).any():
        raise NIRError(
            "the neurons lose their whole voltage in each step, for which NIR has no time constant: use "
            "scheme='forward_euler', which reads it as one step"
        )
    instant = (alpha == 1).all()
    if np.isinf(tau_mem).all() and instant:
        return "I"
    if np.isinf(tau_syn).any() or np.isinf(tau_mem).any():
        raise NIRError(
            "the neurons have a decay of 0, and NIR's neurons with a synaptic current leak: give it a decay above 0 "
            "(or a current decay of 1 and no voltage decay in all, NIR's IF)"
        )
    if (tau_syn == 0).all():
        return "LI"
    if (tau_syn == 0).any():
        raise NIRError(
            "some of the neurons lose their whole current in each step and some do not: use one or the other"
        )
    return "CubaLI"


def _per_decay(function: Any, decays: np.ndarray, scheme: str) -> np.ndarray:
    different, which = np.unique(decays, return_inverse=True)
    return np.array([function(float(d), scheme) for d in different])[np.ravel(which)].reshape(np.shape(decays))


def _decay(tau: np.ndarray, field: str, name: str, timestep: Timestep, step: float) -> np.ndarray:
    if not (tau > 0).all():
        raise NIRError(f"node {name!r} has a {field} of {tau.min():g} s: a time constant must be above 0")
    decays = _per_decay(fine_decay, step / tau, timestep.scheme)
    if decays.max(initial=0) > 1 + 1e-6:  # single precision in files
        raise NIRError(
            f"node {name!r} has a {field} of {tau.min():g} s, and {timestep.scheme} loses more than everything in a "
            f"step of {step:g} s: pass the step at which the network was made (dt=...), or a Timestep with "
            "scheme='exponential', which takes any"
        )
    return np.minimum(decays, 1.0)


def _arrays(node: Any, name: str) -> dict[str, np.ndarray]:
    """A node's parameters in float64, all of one shape."""
    found = {}
    for field in ("tau", "tau_syn", "tau_mem", "r", "v_leak", "v_threshold", "v_reset", "w_in"):
        value = getattr(node, field, None)
        if value is None:
            continue
        try:
            found[field] = np.asarray(value, np.float64)
        except (TypeError, ValueError) as error:
            raise NIRError(f"node {name!r} has a {field} that is no array of numbers: {error}") from error
        if not np.isfinite(found[field]).all():
            raise NIRError(f"node {name!r} has a {field} that is not finite")
    shapes = {value.shape for value in found.values() if value.size > 1}
    if len(shapes) > 1:
        raise NIRError(f"node {name!r} has parameters of the shapes {sorted(shapes)}: they must agree")
    shape = shapes.pop() if shapes else max((value.shape for value in found.values()), key=len)
    if math.prod(shape) == 0:
        raise NIRError(f"node {name!r} has no neuron: its parameters have shape {shape}")
    return {
        field: np.broadcast_to(value.reshape(()) if value.size == 1 else value, shape).copy()
        for field, value in found.items()
    }
