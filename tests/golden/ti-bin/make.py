#!/usr/bin/env python3
"""Makes adc_data.bin and the digest in case.toml, with NumPy alone: python3 make.py

The layout is that of a 2-lane xWR18xx with `adcbufCfg -1 0 1 1 1` (the out-of-box demo): per chirp
all samples of RX1, then of RX2, in groups of four int16 Q0 Q1 I0 I1.
"""
import hashlib
from pathlib import Path

import numpy as np

FRAMES, CHIRPS, RX, SAMPLES = 3, 4, 2, 16
here = Path(__file__).parent

n = np.arange(SAMPLES)
frame, chirp, rx = np.meshgrid(np.arange(FRAMES), np.arange(CHIRPS), np.arange(RX), indexing="ij")
phase = 2 * np.pi * (3 * n / SAMPLES + 0.05 * frame[..., None] + 0.11 * chirp[..., None])
wave = 1000 * np.exp(1j * (phase + 0.7 * rx[..., None]))  # [frame, chirp, rx, sample]
iq = np.stack([wave.real, wave.imag], axis=-1).round().astype("<i2")

pairs = iq.reshape(FRAMES, CHIRPS, RX, SAMPLES // 2, 2, 2)  # [..., group, sample in group, I or Q]
groups = np.stack(
    [pairs[..., 0, 1], pairs[..., 1, 1], pairs[..., 0, 0], pairs[..., 1, 0]], axis=-1
)
(here / "adc_data.bin").write_bytes(groups.astype("<i2").tobytes())

decoded = iq.transpose(0, 2, 1, 3, 4)  # [frame, rx, chirp, sample, I or Q]
digest = hashlib.sha256(np.ascontiguousarray(decoded).tobytes()).hexdigest()
(here / "case.toml").write_text(
    f"""own-recording = "adc_data.bin"
frames = {FRAMES}
shape = [{RX}, {CHIRPS}, {SAMPLES}]
# SHA-256 over all samples in the order frame, rx, chirp, sample, I then Q, as int16 little-endian.
sha256 = "{digest}"
"""
)
