"""Spectra over time of what a layer does on average over a batch: Fourier's and wavelets'."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from runs.tensors import Arrays

WAVELET = "haar"
_NEURONS = 128  # of which wavelet coefficients are kept


def spectrum_statistics(trace: npt.NDArray[np.floating]) -> Arrays:
    """Of a batch-averaged trace, (steps, n_neurons): a potential or a current by step.

    power: of each frequency k/steps cycles a step, k = 0 ... steps // 2: the mean over neurons of |X_k|^2 / steps^2,
    both signs of the frequency counted, X the discrete Fourier transform. Their sum is the mean square of the trace.
    levels: energy by scale of the wavelet transform (Haar; PyWavelets), mean over neurons: of the approximation, then
    of the details from the coarsest scale to the finest. approximation, details: the coefficients of the finest scale,
    (steps / 2 rounded up, at most 128 neurons).

    Raises:
        ImportError: PyWavelets is not installed.
    """
    steps, n = trace.shape
    x = np.asarray(trace, np.float64)
    power = np.abs(np.fft.rfft(x, axis=0)) ** 2 / steps**2
    power[1 : (steps + 1) // 2] *= 2
    wavelets = _pywt()
    levels = wavelets.wavedec(x, WAVELET, axis=0)
    approximation, details = wavelets.dwt(x[:, :_NEURONS], WAVELET, axis=0)
    return {
        "power": power.mean(axis=1),
        "levels": np.array([np.square(level).sum() / n for level in levels]),
        "approximation": approximation.astype(np.float32),
        "details": details.astype(np.float32),
    }


def spectral_centroid(power: npt.NDArray[np.floating], steps: int) -> float:
    """Mean frequency of a spectrum without its mean, weighted by power, in cycles a step; nan where nothing moves."""
    moving = np.asarray(power, np.float64)[1:]
    frequencies = np.arange(1, len(power)) / steps
    return float(moving @ frequencies / moving.sum()) if moving.sum() > 0 else float("nan")


def high_share(power: npt.NDArray[np.floating]) -> float:
    """Share of the power, without the mean, in the upper half of the frequencies; nan where nothing moves."""
    moving = np.asarray(power, np.float64)[1:]
    return float(moving[len(moving) // 2 :].sum() / moving.sum()) if moving.sum() > 0 else float("nan")


def _pywt():  # type: ignore[no-untyped-def]
    try:
        import pywt
    except ImportError:
        raise ImportError(
            "wavelet spectra need PyWavelets, which is not installed: install lava-dt[observables]"
        ) from None
    return pywt
