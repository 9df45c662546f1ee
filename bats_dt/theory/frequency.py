"""What a scheme makes of amplitudes, phases and frequencies (EQUATIONS B.1, B.2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from bats_dt.theory.lif import LIF
from bats_dt.theory.scheme import Stepped


def amplitude_error(stepped: Stepped, omega: Any) -> np.ndarray:
    """|H_d|/|H| - 1 at ``omega`` [rad/s]; nan above the Nyquist frequency pi/dt."""
    return np.asarray(np.abs(_ratio(stepped, omega)) - 1)


def phase_error(stepped: Stepped, omega: Any) -> np.ndarray:
    """arg H_d - arg H [rad], in (-pi, pi]: below 0 where the scheme is late; nan above the Nyquist frequency pi/dt."""
    return np.asarray(np.angle(_ratio(stepped, omega)))


def warped(omega: Any, dt: float) -> np.ndarray:
    """omega = 2 arctan(Omega dt/2) [rad]: where on the unit circle the bilinear map puts Omega [rad/s]."""
    return np.asarray(2 * np.arctan(np.asarray(omega, np.float64) * dt / 2))


def unwarped(angle: Any, dt: float) -> np.ndarray:
    """Omega = (2/dt) tan(omega/2) [rad/s]: the inverse of `warped`; ``angle`` [rad] in (-pi, pi)."""
    return np.asarray(2 / dt * np.tan(np.asarray(angle, np.float64) / 2))


def bilinear_map(lif: LIF, dt: float, z: Any) -> Any:
    """H at s = (2/dt)(z - 1)/(z + 1): on the unit circle H(j Omega) itself, at the warped angle.

    Notes: the scheme "bilinear" of the layers takes a spike as a jump at the beginning of its step, where the map
    spreads it by (z + 1)/2 over two, for u and i each. Their poles are the same, and on the unit circle the scheme's
    response is the map's divided by cos^2(omega/2): warped phases exactly, and larger amplitudes.
    """
    return lif.transfer(2 / dt * (z - 1) / (z + 1))


def _ratio(stepped: Stepped, omega: Any) -> np.ndarray:
    omega = np.asarray(omega, np.float64)
    ratio = stepped.frequency_response(omega) / stepped.lif.frequency_response(omega)
    return np.where(omega * stepped.dt <= np.pi * (1 + 1e-12), ratio, np.nan)
