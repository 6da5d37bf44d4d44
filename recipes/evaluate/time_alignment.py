"""Time alignment: removing a constant delay from decoded speech before it is compared.

Waveforms of codecs at low bit rates do not correlate with the original: the correlation may peak
at any multiple of the pitch period. What every codec preserves is the envelope of each frequency
band; hence magnitudes are correlated here, over time and all bands.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import ShortTimeFFT, get_window

from speechvq.audio.reading import Wave

RATE, STEP = 16_000, 16
MAX_DELAY = 100
"""Largest delay or advance that is found, in steps of one millisecond."""


def align(reference: Wave, decoded: Wave) -> Wave:
    """`decoded` (t,), shifted by whole milliseconds to where it agrees best with `reference`."""
    shift = delay(reference, decoded) * STEP
    if shift >= 0:
        return np.pad(decoded[shift:], (0, min(shift, len(decoded))))
    return np.pad(decoded, (-shift, 0))[: len(decoded)]


def delay(reference: Wave, decoded: Wave) -> int:
    """The delay of `decoded` in milliseconds, between -100 and 100."""
    first, second = magnitudes(reference), magnitudes(decoded)
    size = 1 << int(2 * first.shape[1] - 1).bit_length()
    product = np.fft.rfft(second, size) * np.fft.rfft(first, size).conj()
    correlation = np.fft.irfft(product.sum(0), size)
    return int(np.argmax(np.roll(correlation, MAX_DELAY)[: 2 * MAX_DELAY + 1])) - MAX_DELAY


def magnitudes(wave: Wave) -> NDArray[np.float64]:
    """Compressed magnitudes (bands, milliseconds) with zero mean over time."""
    transform = ShortTimeFFT(np.asarray(get_window("hann", 256)), STEP, RATE, mfft=256)
    spectrum = transform.stft(wave.astype(np.float64), p0=0, p1=len(wave) // STEP)
    compressed = np.abs(spectrum) ** 0.3
    return compressed - compressed.mean(1, keepdims=True)
