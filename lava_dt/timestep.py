"""`Timestep`: what a step of dt fine steps means for a CuBa block (EQUATIONS A.2, A.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from torch import Tensor

from bats_dt.discretization import largest_decay
from lava_dt.time_axis import at_grid, rebin

if TYPE_CHECKING:
    from lava_dt.explanation import Explanation

Clock = Literal["held", "coarse"]
Scheme = Literal["forward_euler", "exponential", "backward_euler", "bilinear"]
Reset = Literal["hard", "soft"]
Gain = Literal["charge", "integral"]
Between = Literal["accumulate", "drop"]


@dataclass(frozen=True)
class Timestep:
    """A step of dt fine steps. ``Timestep()`` is lava-dl's own behaviour, bit for bit.

    A fine step is the step at which the network's decays, delays and data are given; nothing else of dt has a
    unit here. Fine steps are numbered 1 ... T; the grid steps are dt, 2 dt, ... and the last step T.

    Args:
        dt: fine steps in one step of the neuron, >= 1.
        clock: ``held`` keeps the time axis of T fine steps: state changes and spikes happen at grid steps only.
            ``coarse`` has one entry of the time axis per grid step: inputs are binned (`rebin`) beforehand.
        scheme: how decays are rescaled: ``forward_euler`` [A15, A16], ``exponential`` (exact between spikes),
            ``backward_euler``, ``bilinear``.
        reset: ``hard`` sets the voltage to zero at a spike [A12], ``soft`` subtracts the threshold [A13].
        gain: ``charge`` adds the current once a step, as A16 and lava-dl do; ``integral`` keeps the area of the
            response to a spike: the gain is folded into the (integer) threshold, multiplies a voltage that is given out
            (`Affine`, graded spikes), and lets a bias enter dt times (`constants_per_step`).
        between: held clock only: input between grid steps is accumulated, or dropped.
        saturate: set a decay that the scheme takes beyond 1 to 1 instead of refusing it.

    Raises:
        TypeError: dt is not an integer.
        ValueError: dt < 1, an unknown option, or ``between="drop"`` on the coarse clock.
    """

    dt: int = 1
    clock: Clock = field(default="held", kw_only=True)
    scheme: Scheme = field(default="forward_euler", kw_only=True)
    reset: Reset = field(default="hard", kw_only=True)
    gain: Gain = field(default="charge", kw_only=True)
    between: Between = field(default="accumulate", kw_only=True)
    saturate: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        if isinstance(self.dt, bool) or not hasattr(self.dt, "__index__"):
            raise TypeError(
                f"dt is {self.dt!r}: a Timestep counts fine steps of the network, so dt must be an integer of 1 or "
                "more; for a step in seconds divide it by the length of a fine step"
            )
        object.__setattr__(self, "dt", self.dt.__index__())
        if self.dt < 1:
            raise ValueError(f"dt is {self.dt}: it must be 1 (the network's own step) or more fine steps")
        for name, options in (
            ("clock", Clock),
            ("scheme", Scheme),
            ("reset", Reset),
            ("gain", Gain),
            ("between", Between),
        ):
            value = getattr(self, name)
            if value not in get_args(options):
                raise ValueError(f"{name} is {value!r}: pass one of {', '.join(map(repr, get_args(options)))}")
        if self.between == "drop" and self.clock == "coarse":
            raise ValueError(
                "between is 'drop' on the coarse clock, which has no steps in between: use clock='held', or leave "
                "out the unwanted steps before rebin"
            )

    @property
    def held(self) -> bool:
        """Whether the time axis has fine steps that are not grid steps."""
        return self.clock == "held" and self.dt > 1

    @property
    def folds_gain(self) -> bool:
        """Whether a gain is folded into the threshold."""
        return self.gain == "integral" and self.dt > 1

    @property
    def constants_per_step(self) -> int:
        """How often what every fine step receives, a bias, enters in one step of dt.

        Once under ``charge``, as it stands in Loihi's equation. Under ``integral``, which keeps the response to a given
        input, as often as it would have been accumulated: dt times, also in a shorter last bin, whose length the
        coarse clock does not know; and once where what comes between grid steps is dropped.
        """
        return self.dt if self.gain == "integral" and self.between == "accumulate" else 1

    @property
    def largest_decay(self) -> float:
        """The largest fine-step decay that this step represents, or saturates, without a question."""
        return 1.0 if self.saturate else largest_decay(self.dt, self.scheme)

    def check_decay(self, decay: float, name: str) -> None:
        """Refuses a fine-step decay that this step cannot represent.

        Raises:
            ValueError: decay outside [0, 1], or taken beyond 1 (a retained factor below 0) without ``saturate``.
        """
        if not 0 <= decay <= 1:
            raise ValueError(f"{name} is {decay:g}: a decay is the fraction lost per step and lies in [0, 1]")
        if decay > self.largest_decay * (1 + 1e-6):
            raise ValueError(
                f"{name} is {decay:g} and dt is {self.dt}: {self.scheme} would lose more than everything in one step "
                f"(it can take a decay of {self.largest_decay:.4g} at most at this dt); use a smaller dt, "
                "scheme='exponential', which is stable at any dt, or saturate=True to lose exactly everything"
            )

    def gather(self, signal: Tensor) -> Tensor:
        """What arrives at the grid steps, (..., T) -> (..., bins), on the held clock; else ``signal``."""
        if not self.held:
            return signal
        return at_grid(signal, self.dt) if self.between == "drop" else rebin(signal, self.dt)

    def explain(self, neuron: Any = None, /, **parameters: Any) -> Explanation:
        """What this timestep makes of decays, time constants and a threshold: registers, errors, stability, gain.

        Args:
            neuron: a CuBa neuron or a block of them, lava-dl's or lava_dt's, at whatever timestep now; with it only
                ``step`` is taken.
            parameters: `lava_dt.explanation.explain`'s: current_decay, voltage_decay, tau_syn, tau_mem, step,
                threshold, scale.

        Raises:
            TypeError, ValueError: as `explain` and `explain_neuron` there. What a neuron would refuse is explained.
        """
        from lava_dt.explanation import explain, explain_neuron  # which need this module

        return explain(self, **parameters) if neuron is None else explain_neuron(self, neuron, **parameters)

    def adopt(self, module: Any) -> None:
        """Makes a finished CuBa block or neuron of lava-dl step by this timestep, in place: `lava_dt.convert.adopt`."""
        from lava_dt.convert import adopt  # the blocks import this module

        adopt(module, self)

    def integrate(
        self, input: Tensor, decay: Tensor, state: Tensor, w_scale: int, threshold: float | None = None
    ) -> Tensor:
        """lava-dl's leaky integrator by this timestep: `lava_dt.integration.integrate`."""
        from lava_dt.integration import integrate  # which needs this module

        return integrate(input, decay, state, w_scale, threshold, self)


def as_timestep(value: Timestep | None) -> Timestep:
    """The timestep given, or the network's own step for None. Raises TypeError for anything else."""
    if value is None:
        return Timestep()
    if not isinstance(value, Timestep):
        raise TypeError(f"timestep is {value!r}: pass a lava_dt.Timestep, for instance Timestep(dt=4)")
    return value
