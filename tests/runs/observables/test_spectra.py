"""Spectra over time."""

import sys

import numpy as np
import pytest

from runs.observables.spectra import high_share, spectral_centroid, spectrum_statistics


@pytest.mark.parametrize("steps", [50, 51])
def test_the_powers_add_up_to_the_mean_square_and_those_of_the_wavelets_to_the_sum(steps):
    pytest.importorskip("pywt", reason="wavelets need PyWavelets")
    trace = np.random.default_rng(0).normal(size=(steps, 7))
    found = spectrum_statistics(trace)
    assert found["power"].sum() == pytest.approx((trace**2).mean(), rel=1e-12)
    assert found["power"].shape == (steps // 2 + 1,)
    if steps == 50:
        assert found["approximation"].shape == found["details"].shape == (25, 7)
        energy = (found["approximation"] ** 2).sum() + (found["details"] ** 2).sum()
        assert energy == pytest.approx((trace**2).sum(), rel=1e-5)  # Haar is orthogonal; the coefficients are float32


def test_a_wave_is_at_its_frequency_and_noise_in_the_middle():
    pytest.importorskip("pywt", reason="wavelets need PyWavelets")
    t = np.arange(64)[:, None]
    slow, fast = (spectrum_statistics(5 + np.cos(2 * np.pi * f * t))["power"] for f in (4 / 64, 24 / 64))
    assert spectral_centroid(slow, 64) == pytest.approx(4 / 64) and high_share(slow) == pytest.approx(0, abs=1e-12)
    assert spectral_centroid(fast, 64) == pytest.approx(24 / 64) and high_share(fast) == pytest.approx(1)
    noise = spectrum_statistics(np.random.default_rng(1).normal(size=(64, 500)))["power"]
    assert spectral_centroid(noise, 64) == pytest.approx(0.25, abs=0.01)


def test_what_does_not_move_has_no_frequency():
    assert np.isnan(spectral_centroid(np.array([3.0, 0, 0]), 4)) and np.isnan(high_share(np.array([3.0, 0, 0])))


def test_without_pywavelets_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pywt", None)
    with pytest.raises(ImportError, match="need PyWavelets, which is not installed: install lava-dt"):
        spectrum_statistics(np.zeros((4, 2)))
