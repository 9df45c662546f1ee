"""What a timestep makes of time constants, decays and a threshold, in numbers and words; also of what it refuses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from bats_dt.discretization import gain, retained
from lava_dt.parameters import DECAYS
from lava_dt.time_constants import REGISTER, Time, fine_decay, seconds, steps_of_decay
from lava_dt.timestep import Timestep

TAUS = {"current_decay": "tau_syn", "voltage_decay": "tau_mem"}


@dataclass(frozen=True)
class DecayRow:
    """One decay.

    Attributes:
        name: ``current_decay`` or ``voltage_decay``, and which of several channels.
        tau: time constant, in seconds where the length of a fine step is known, else in fine steps. Infinite: no leak.
        decay: fraction lost in a fine step, as given or read from tau.
        step_decay: fraction that the scheme loses in a step of dt; above 1 it overshoots.
        register: what Loihi's 12 bits hold of it, 0 ... 4096; a negative factor saturated.
        register_tau: the time constant that the register stands for, in the unit of ``tau``.
        error: register_tau / tau - 1; nan where tau is neither finite nor above 0.
        stability: ``stable``, ``alternates in sign``, ``unstable``, ``saturated``, ``leaks nothing``, or ``no decay``.
        refused: whether a neuron of this timestep refuses the decay.
    """

    name: str
    tau: float
    decay: float
    step_decay: float
    register: int
    register_tau: float
    error: float
    stability: str
    refused: bool

    @property
    def retained(self) -> float:
        """Factor kept over a step of dt, before it is rounded."""
        return 1 - self.step_decay


@dataclass(frozen=True)
class ThresholdRow:
    """The threshold, and the gain folded into it.

    Attributes:
        threshold: in real units.
        gain: factor g on the current (EQUATIONS A.2); 1 without the integral gain.
        folded: threshold / g, in integers of the weights' scale, before rounding.
        mantissa: the integer that a neuron compares with.
        error: of the mantissa, relative to ``folded``.
        refused: whether a neuron refuses the threshold.
    """

    threshold: float
    gain: float
    folded: float
    mantissa: int
    error: float
    refused: bool


@dataclass(frozen=True)
class Explanation:
    """`Timestep.explain`'s answer. ``str()`` is a table; what a neuron refuses is in it too, and marked.

    Attributes:
        timestep: the one that explains itself.
        step: length of a fine step in seconds, or None where it is not known and times are in fine steps.
        decays: one row a decay.
        threshold: None where none was given, or the gain of an integral timestep is not known for want of a decay.
    """

    timestep: Timestep
    step: float | None
    decays: tuple[DecayRow, ...]
    threshold: ThresholdRow | None = None

    def __str__(self) -> str:
        t = self.timestep
        length = "" if self.step is None else f" of {_time(self.step, True)} = {_time(t.dt * self.step, True)}"
        lines = [f"dt = {t.dt} fine steps{length}, {t.clock} clock, {t.scheme}, {t.reset} reset, {t.gain} gain"]
        if self.decays:
            known = self.step is not None
            head = ("", "tau", "decay", "at dt", "register", "stands for", "error", "keeps", "")
            body = [
                (
                    row.name,
                    _time(row.tau, known),
                    f"{row.decay:.6g}",
                    f"{row.step_decay:.6g}",
                    f"{row.register}/{REGISTER}",
                    _time(row.register_tau, known),
                    "" if math.isnan(row.error) else f"{row.error:+.2%}",
                    f"{row.retained:.6g}",
                    row.stability + (" (refused)" if row.refused else ""),
                )
                for row in self.decays
            ]
            lines += _aligned([head, *body])
        if self.threshold is not None:
            row = self.threshold
            error = "refused" if row.refused else f"{row.error:+.2%}"
            lines.append(
                f"threshold {row.threshold:g}, gain {row.gain:.6g}: {row.folded:.6g} of the weights' integers, rounded "
                f"to {row.mantissa} ({error})"
            )
        return "\n".join(lines)


def explain(
    timestep: Timestep,
    *,
    current_decay: float | None = None,
    voltage_decay: float | None = None,
    tau_syn: Time | None = None,
    tau_mem: Time | None = None,
    step: Time | None = None,
    threshold: float | None = None,
    scale: int = 1 << 6,
) -> Explanation:
    """What a timestep makes of a neuron's parameters; arguments as `lava_dt.Neuron` has them, each optional.

    Raises:
        TypeError, ValueError: a time that is none (`lava_dt.decay`), a decay and its time constant both given, or a
            time constant without ``step``. A parameter that is only out of range is explained.
    """
    length = None if step is None else seconds(step, "step")
    rows = []
    for name, decay, tau in (("current_decay", current_decay, tau_syn), ("voltage_decay", voltage_decay, tau_mem)):
        if decay is not None and tau is not None:
            raise ValueError(f"both {TAUS[name]} and {name} are given, which say the same: give one of them")
        if tau is not None:
            if length is None:
                raise ValueError(f"{TAUS[name]} is given without step, the length of a fine step: add step='1 ms'")
            time = seconds(tau, TAUS[name])
            rows.append(_decay_row(timestep, name, fine_decay(length / time, timestep.scheme), length, time))
        elif decay is not None:
            rows.append(_decay_row(timestep, name, float(decay), length))
    row = None if threshold is None else _threshold_row(timestep, threshold, scale, rows)
    return Explanation(timestep, length, tuple(rows), row)


def explain_neuron(timestep: Timestep, module: Any, step: Time | None = None) -> Explanation:
    """What a timestep makes, or would make, of a CuBa neuron or a block of them, lava-dl's or lava_dt's.

    Of decays that differ by channel the lowest and the highest are shown, and the threshold of the lowest.

    Raises:
        TypeError: no CuBa neuron in it.
        ValueError: ``step`` is no time.
    """
    neuron = getattr(module, "neuron", module)
    if not all(hasattr(neuron, name) for name in (*DECAYS, "p_scale", "w_scale")):
        raise TypeError(f"{type(module).__name__} has no CuBa neuron: pass a block or neuron of CuBa type")
    length = None if step is None else seconds(step, "step")
    lowest, highest = [], []
    for name in DECAYS:
        decay = getattr(neuron, name).detach() / neuron.p_scale
        low = getattr(neuron, f"{name}_min", decay.min().item())
        high = getattr(neuron, f"{name}_max", decay.max().item())
        lowest.append(_decay_row(timestep, name if low == high else f"{name}, lowest", low, length))
        if low != high:
            highest.append(_decay_row(timestep, f"{name}, highest", high, length))
    threshold = neuron._threshold
    spikes = threshold is not None and threshold > 0
    row = _threshold_row(timestep, threshold, neuron.w_scale, lowest) if spikes else None
    return Explanation(timestep, length, (*lowest, *highest), row)


def _decay_row(timestep: Timestep, name: str, decay: float, length: float | None, tau: float | None = None) -> DecayRow:
    unit = 1.0 if length is None else length
    lost = 1 - retained(decay, timestep.dt, timestep.scheme)
    refused = not 0 <= decay <= 1 or decay > timestep.largest_decay * (1 + 1e-6)
    if tau is not None:
        refused = refused or REGISTER * lost <= 0.5  # a time constant is meant to leak
    else:
        tau = steps_of_decay(min(decay, 1.0) if timestep.scheme != "forward_euler" else decay, timestep.scheme) * unit
    register = round(min(max(REGISTER * lost, 0), REGISTER))
    register_tau = steps_of_decay(register / REGISTER, timestep.scheme) * timestep.dt * unit
    error = register_tau / tau - 1 if math.isfinite(tau) and tau > 0 else math.nan
    return DecayRow(name, tau, decay, lost, register, register_tau, error, _stability(timestep, decay, lost), refused)


def _stability(timestep: Timestep, decay: float, lost: float) -> str:
    if decay < 0 or (decay > 1 and lost <= 1):
        return "no decay"
    if round(min(REGISTER * lost, REGISTER)) == 0:
        return "leaks nothing"
    if lost <= 1:
        return "stable"
    if timestep.saturate:
        return "saturated"
    return "alternates in sign" if lost < 2 else "unstable"


def _threshold_row(timestep: Timestep, threshold: float, scale: int, decays: list[DecayRow]) -> ThresholdRow | None:
    factor = 1.0
    if timestep.folds_gain:
        if len(decays) != 2:
            return None
        factor = gain(decays[0].decay, decays[1].decay, timestep.dt, timestep.scheme)
    whole = int(threshold * scale)
    folded = whole / factor
    mantissa = max(1, round(folded)) if whole >= 1 else 0
    error = mantissa / folded - 1 if folded > 0 else math.nan
    return ThresholdRow(threshold, factor, folded, mantissa, error, whole < 1)


def _time(value: float, in_seconds: bool) -> str:
    if not in_seconds:
        return f"{value:.4g} steps"
    if value == 0 or math.isinf(value):
        return f"{value:g} s"
    factor, unit = next(((f, u) for f, u in ((1, "s"), (1e-3, "ms"), (1e-6, "us")) if value >= f), (1e-9, "ns"))
    return f"{value / factor:.4g} {unit}"


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True)),
        ]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return lines
