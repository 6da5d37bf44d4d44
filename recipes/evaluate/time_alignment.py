"""Taking a constant delay out of decoded speech before it is compared.

Waveforms of low-rate codecs do not resemble the original's, so their correlation peaks at any
multiple of a pitch period. What every codec keeps is when which band is loud: magnitudes are
correlated here, over time and all bands at once.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import ShortTimeFFT, get_window

from speechvq.audio.files import Wave

RATE, STEP = 16_000, 16
LIMIT = 100
"""Largest delay or advance looked for, in steps of a millisecond."""


def aligned(reference: Wave, decoded: Wave) -> Wave:
    """`decoded`, as long as `reference`, shifted back by the whole milliseconds at which the two agree best."""
    shift = delay(reference, decoded) * STEP
    if shift >= 0:
        return np.pad(decoded[shift:], (0, min(shift, len(decoded))))
    return np.pad(decoded, (-shift, 0))[: len(decoded)]


def delay(reference: Wave, decoded: Wave) -> int:
    """By how many milliseconds `decoded` is late, between -100 and 100."""
    wanted, found = magnitudes(reference), magnitudes(decoded)
    count = 1 << int(2 * wanted.shape[1] - 1).bit_length()
    product = np.fft.rfft(found, count) * np.fft.rfft(wanted, count).conj()
    agreement = np.fft.irfft(product.sum(0), count)
    return int(np.argmax(np.roll(agreement, LIMIT)[: 2 * LIMIT + 1])) - LIMIT


def magnitudes(wave: Wave) -> NDArray[np.float64]:
    """Compressed magnitudes (bands, milliseconds), their mean over time taken out."""
    transform = ShortTimeFFT(get_window("hann", 256), STEP, RATE, mfft=256)
    found = np.abs(transform.stft(wave.astype(np.float64), p0=0, p1=len(wave) // STEP)) ** 0.3
    return found - found.mean(1, keepdims=True)
