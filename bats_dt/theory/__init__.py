"""What a step does to a neuron, in formulas and in numbers (EQUATIONS B.1-B.3).

* `lif`, `response`: the continuous neuron, H(s) and its exact solution.
* `scheme`, `frequency`, `stability`: the same neuron stepped by dt, H_d(z), and how the two differ.
* `truncation`, `measured`: bounds of the error of stepping, and the error.
* `population`: the density of many neurons under Poisson input.
"""

from bats_dt.theory.frequency import amplitude_error, bilinear_map, phase_error, unwarped, warped
from bats_dt.theory.lif import LIF
from bats_dt.theory.measured import Comparison, compare, local_error, order
from bats_dt.theory.response import impulse_response, largest_derivative, propagate, trajectory, turning_time
from bats_dt.theory.scheme import Stepped
from bats_dt.theory.stability import alternation_limit, stability_limit
from bats_dt.theory.truncation import (
    leading_error,
    lipschitz,
    lipschitz_published,
    local_bound,
    published_bound,
    uniform_bound,
)

__all__ = [
    "LIF",
    "Comparison",
    "Stepped",
    "alternation_limit",
    "amplitude_error",
    "bilinear_map",
    "compare",
    "impulse_response",
    "largest_derivative",
    "leading_error",
    "lipschitz",
    "lipschitz_published",
    "local_bound",
    "local_error",
    "order",
    "phase_error",
    "propagate",
    "published_bound",
    "stability_limit",
    "trajectory",
    "turning_time",
    "uniform_bound",
    "unwarped",
    "warped",
]
